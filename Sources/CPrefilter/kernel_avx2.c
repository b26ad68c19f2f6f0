/// AVX2: 32 bytes a vector.
#include "frame_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)

typedef __m256i vector;
#define WIDTH 32
#define ALWAYS static inline __attribute__((always_inline))
ALWAYS vector load_vector(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
ALWAYS vector splat(char byte) { return _mm256_set1_epi8(byte); }
ALWAYS vector both(vector a, vector b) { return _mm256_and_si256(a, b); }
ALWAYS vector either(vector a, vector b) { return _mm256_or_si256(a, b); }
ALWAYS vector without(vector a, vector b) { return _mm256_andnot_si256(b, a); }
ALWAYS vector equal(vector a, vector b) { return _mm256_cmpeq_epi8(a, b); }
ALWAYS vector table(const uint8_t *bytes) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes)); }
ALWAYS vector look_up(vector table, vector index) { return _mm256_shuffle_epi8(table, index); }
ALWAYS vector low_half(vector v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
ALWAYS vector high_half(vector v) { return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)); }
ALWAYS vector within(vector table, vector v, int row) {
    // Indices outside the row get their highest bit, for which the look-up gives 0.
    vector index = _mm256_adds_epu8(_mm256_sub_epi8(v, _mm256_set1_epi8((char)(row << 4))), _mm256_set1_epi8(0x70));
    return _mm256_shuffle_epi8(table, index);
}
ALWAYS uint64_t bits(vector v, int k) { return (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(v, 7 - k)); }
ALWAYS uint64_t lane_mask(int lane) { return 0xffffffffull << (lane * WIDTH); }

#include "nibbles.h"

#define PM_SCAN pm_scan_avx2
#include "frame.h"

#pragma clang attribute pop
#endif
