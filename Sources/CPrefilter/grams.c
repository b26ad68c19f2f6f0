#include "CPrefilter.h"

#include <string.h>

static inline uint64_t has_gram(const uint64_t *filter, uint32_t bits, const uint8_t *p) {
    uint32_t key;
    memcpy(&key, p, sizeof key);
    uint32_t hash = pm_gram_hash(key, bits);
    return filter[hash >> 6] >> (hash & 63) & 1;
}

size_t pm_next_gram(const uint64_t *filter, uint32_t bits, const uint8_t *text, size_t at, size_t count) {
    // Four at once: the look-ups do not wait for one another, and one branch decides on all.
    enum { SPAN = 4 * PM_GRAM_STEP };
    while (at + SPAN + sizeof(uint32_t) <= count) {
        const uint8_t *p = text + at;
        uint64_t any = has_gram(filter, bits, p) | has_gram(filter, bits, p + PM_GRAM_STEP) |
                       has_gram(filter, bits, p + 2 * PM_GRAM_STEP) | has_gram(filter, bits, p + 3 * PM_GRAM_STEP);
        if (__builtin_expect(any != 0, 0)) break;
        at += SPAN;
    }
    for (; at + sizeof(uint32_t) <= count; at += PM_GRAM_STEP) {
        if (has_gram(filter, bits, text + at)) return at;
    }
    return count;
}
