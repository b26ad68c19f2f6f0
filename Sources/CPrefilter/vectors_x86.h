/// Vectors of x86-64 for `nibbles.h`. Included by a kernel file, which has defined `vector` and `WIDTH`, `MM(f)` and `MM_ALL(f)`, the
/// intrinsics of that width for bytes and for whole vectors, and `table`.
#define ALWAYS static inline __attribute__((always_inline))

ALWAYS vector load_vector(const uint8_t *p) { return MM_ALL(loadu)((const vector *)p); }
ALWAYS vector splat(char byte) { return MM(set1_epi8)(byte); }
ALWAYS vector both(vector a, vector b) { return MM_ALL(and)(a, b); }
ALWAYS vector either(vector a, vector b) { return MM_ALL(or)(a, b); }
ALWAYS vector without(vector a, vector b) { return MM_ALL(andnot)(b, a); }
ALWAYS vector equal(vector a, vector b) { return MM(cmpeq_epi8)(a, b); }
ALWAYS vector look_up(vector table, vector index) { return MM(shuffle_epi8)(table, index); }
ALWAYS vector low_half(vector v) { return both(v, splat(15)); }
ALWAYS vector high_half(vector v) { return both(MM(srli_epi16)(v, 4), splat(15)); }
ALWAYS vector within(vector table, vector v, int row) {
    // Indices outside the row get their highest bit, for which the look-up gives 0.
    return look_up(table, MM(adds_epu8)(MM(sub_epi8)(v, splat((char)(row << 4))), splat(0x70)));
}
ALWAYS uint64_t bits(vector v, int k) { return (uint32_t)MM(movemask_epi8)(MM(slli_epi16)(v, 7 - k)); }
ALWAYS uint64_t lane_mask(int lane) { return (WIDTH == 32 ? 0xffffffffull : 0xffffull) << (lane * WIDTH); }
