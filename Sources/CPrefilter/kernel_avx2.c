/// AVX2: 32 bytes a vector.
#include "frame_masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)

typedef __m256i vector;
#define WIDTH 32
#define MM(name) _mm256_##name
#define MM_ALL(name) _mm256_##name##_si256
#include "vectors_x86.h"

ALWAYS vector table(const uint8_t *bytes) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes)); }

#include "nibbles.h"

#define PM_SCAN pm_scan_avx2
#include "frame.h"

#pragma clang attribute pop
#endif
