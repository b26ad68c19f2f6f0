/// Appends the places of the bits of `mask`, offset by `base`, to a list with room for 64 more; returns the new count.
///
/// Writes four at once: most masks have no more, and a loop whose length changes from mask to mask is guessed wrong.
static inline uint32_t append_bits(uint16_t *list, uint32_t count, uint64_t mask, unsigned base) {
    uint16_t *p = list + count;
    uint32_t n = (uint32_t)__builtin_popcountll(mask);
    for (int i = 0; i < 4; i++) {
        p[i] = (uint16_t)(base + (unsigned)__builtin_ctzll(mask | 1ull << 63));
        mask &= mask - 1;
    }
    if (__builtin_expect(n > 4, 0)) {
        for (uint32_t i = 4; i < n; i++) {
            p[i] = (uint16_t)(base + (unsigned)__builtin_ctzll(mask));
            mask &= mask - 1;
        }
    }
    return count + n;
}
