// For memrchr.
#define _GNU_SOURCE 1
#include "frame_masks.h"

#include <string.h>

int pm_has_kernel(int kernel) {
    switch (kernel) {
    case PM_KERNEL_SCALAR: return 1;
#if defined(__x86_64__)
    case PM_KERNEL_SSSE3: return __builtin_cpu_supports("ssse3") != 0;
    case PM_KERNEL_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    case PM_KERNEL_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") && pm_has_kernel(PM_KERNEL_AVX2);
#elif defined(__aarch64__)
    case PM_KERNEL_NEON: return 1;
#endif
    default: return 0;
    }
}

int pm_best_kernel(void) {
    for (int kernel = PM_KERNEL_COUNT - 1; kernel > PM_KERNEL_SCALAR; kernel--) {
        if (pm_has_kernel(kernel)) return kernel;
    }
    return PM_KERNEL_SCALAR;
}

size_t pm_scan(const pm_tables *tables, int kernel, const uint8_t *text, size_t from, size_t to, pm_candidate *out,
               size_t capacity, size_t *next) {
    switch (kernel) {
#if defined(__x86_64__)
    case PM_KERNEL_SSSE3: return pm_scan_ssse3(tables, text, from, to, out, capacity, next);
    case PM_KERNEL_AVX2: return pm_scan_avx2(tables, text, from, to, out, capacity, next);
    case PM_KERNEL_AVX512: return pm_scan_avx512(tables, text, from, to, out, capacity, next);
#elif defined(__aarch64__)
    case PM_KERNEL_NEON: return pm_scan_neon(tables, text, from, to, out, capacity, next);
#endif
    default: return pm_scan_scalar(tables, text, from, to, out, capacity, next);
    }
}

size_t pm_last(const uint8_t *text, size_t start, size_t end, uint8_t byte) {
    const uint8_t *found = memrchr(text + start, byte, end - start);
    return found ? (size_t)(found - text) : end;
}
