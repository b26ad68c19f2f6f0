/// SSSE3: 16 bytes a vector. Every x86-64 processor since 2006 has it.
#include "frame_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("ssse3"))), apply_to = function)

typedef __m128i vector;
#define WIDTH 16
#define MM(name) _mm_##name
#define MM_ALL(name) _mm_##name##_si128
#include "vectors_x86.h"

ALWAYS vector table(const uint8_t *bytes) { return load_vector(bytes); }

#include "nibbles.h"

#define PM_SCAN pm_scan_ssse3
#include "frame.h"

#pragma clang attribute pop
#endif
