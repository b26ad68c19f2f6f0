/// NEON: 16 bytes a vector. Every 64-bit ARM processor has it.
#include "frame_masks.h"

#if defined(__aarch64__)
#include <arm_neon.h>

typedef uint8x16_t vector;
#define WIDTH 16
#define ALWAYS static inline __attribute__((always_inline))
ALWAYS vector load_vector(const uint8_t *p) { return vld1q_u8(p); }
ALWAYS vector splat(uint8_t byte) { return vdupq_n_u8(byte); }
ALWAYS vector both(vector a, vector b) { return vandq_u8(a, b); }
ALWAYS vector either(vector a, vector b) { return vorrq_u8(a, b); }
ALWAYS vector without(vector a, vector b) { return vbicq_u8(a, b); }
ALWAYS vector equal(vector a, vector b) { return vceqq_u8(a, b); }
ALWAYS vector table(const uint8_t *bytes) { return vld1q_u8(bytes); }
ALWAYS vector look_up(vector table, vector index) { return vqtbl1q_u8(table, index); }
ALWAYS vector low_half(vector v) { return vandq_u8(v, vdupq_n_u8(15)); }
ALWAYS vector high_half(vector v) { return vshrq_n_u8(v, 4); }
ALWAYS vector within(vector table, vector v, int row) { return vqtbl1q_u8(table, vsubq_u8(v, vdupq_n_u8((uint8_t)(row << 4)))); }
ALWAYS uint64_t bits(vector v, int k) {
    // Each byte keeps the bit of its place in its half, and pairwise sums bring eight of them together.
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    vector chosen = vandq_u8(vtstq_u8(v, vdupq_n_u8((uint8_t)(1 << k))), vld1q_u8(places));
    vector sums = vpaddq_u8(chosen, chosen);
    sums = vpaddq_u8(sums, sums);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u16(vreinterpretq_u16_u8(sums), 0);
}
ALWAYS uint64_t lane_mask(int lane) { return 0xffffull << (lane * WIDTH); }

#include "nibbles.h"

#define PM_SCAN pm_scan_neon
#include "frame.h"
#endif
