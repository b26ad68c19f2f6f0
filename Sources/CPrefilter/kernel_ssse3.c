/// SSSE3: 16 bytes a vector. Every x86-64 processor since 2006 has it.
#include "frame_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("ssse3"))), apply_to = function)

typedef __m128i vector;
#define WIDTH 16
#define ALWAYS static inline __attribute__((always_inline))
ALWAYS vector load_vector(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
ALWAYS vector splat(char byte) { return _mm_set1_epi8(byte); }
ALWAYS vector both(vector a, vector b) { return _mm_and_si128(a, b); }
ALWAYS vector either(vector a, vector b) { return _mm_or_si128(a, b); }
ALWAYS vector without(vector a, vector b) { return _mm_andnot_si128(b, a); }
ALWAYS vector equal(vector a, vector b) { return _mm_cmpeq_epi8(a, b); }
ALWAYS vector table(const uint8_t *bytes) { return _mm_loadu_si128((const __m128i *)bytes); }
ALWAYS vector look_up(vector table, vector index) { return _mm_shuffle_epi8(table, index); }
ALWAYS vector low_half(vector v) { return _mm_and_si128(v, _mm_set1_epi8(15)); }
ALWAYS vector high_half(vector v) { return _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(15)); }
ALWAYS vector within(vector table, vector v, int row) {
    // Indices outside the row get their highest bit, for which the look-up gives 0.
    vector index = _mm_adds_epu8(_mm_sub_epi8(v, _mm_set1_epi8((char)(row << 4))), _mm_set1_epi8(0x70));
    return _mm_shuffle_epi8(table, index);
}
ALWAYS uint64_t bits(vector v, int k) { return (uint16_t)_mm_movemask_epi8(_mm_slli_epi16(v, 7 - k)); }
ALWAYS uint64_t lane_mask(int lane) { return 0xffffull << (lane * WIDTH); }

#include "nibbles.h"

#define PM_SCAN pm_scan_ssse3
#include "frame.h"

#pragma clang attribute pop
#endif
