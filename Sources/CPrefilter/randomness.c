#include "tables.h"

/// What a byte is in a profile.
enum { SYMBOL, DIGIT, LOWER, UPPER };

/// Bit 4 * class before + class: a change.
#define CHANGE(before, now) (1u << (4 * (before) + (now)))
static const uint32_t changes =
    CHANGE(LOWER, DIGIT) | CHANGE(UPPER, DIGIT) | CHANGE(DIGIT, LOWER) | CHANGE(DIGIT, UPPER) | CHANGE(LOWER, UPPER);
/// Neighbouring letters; a capital after a small letter may begin a word, and the pair says nothing.
static const uint32_t pairs = CHANGE(LOWER, LOWER) | CHANGE(UPPER, UPPER) | CHANGE(UPPER, LOWER);

/// Whether all letters and digits are hexadecimal.
static int is_hexadecimal(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (pm_kinds[bytes[i]] & (PM_IS_LETTER | PM_IS_DIGIT) && !(pm_kinds[bytes[i]] & PM_IS_HEX)) return 0;
    }
    return 1;
}

pm_profile pm_profile_of(const uint8_t *bytes, size_t length) {
    // 16 bits a class.
    uint64_t counts = 0;
    uint32_t changed = 0, paired = 0, common = 0;
    uint64_t seen[4] = {0, 0, 0, 0};
    uint16_t all = PM_IS_HEX;
    unsigned before = SYMBOL;
    uint8_t last = 'a';
    uint32_t totals[4] = {0, 0, 0, 0};
    for (size_t i = 0; i < length; i++) {
        // No branch depends on the bytes: digits and letters follow each other at random.
        uint8_t c = bytes[i];
        uint16_t kinds = pm_kinds[c];
        unsigned is_letter = (kinds & PM_IS_LETTER) != 0, is_digit = (kinds & PM_IS_DIGIT) != 0;
        unsigned now = is_digit | is_letter * (LOWER + !(c & 0x20));
        unsigned step = 4 * before + now, is_pair = pairs >> step & 1;
        counts += 1ull << (16 * now);
        changed += changes >> step & 1;
        paired += is_pair;
        common += is_pair & (unsigned)pm_common_pair(last, c);
        seen[c >> 6] |= 1ull << (c & 63);
        all &= kinds;
        before = now;
        last = c;
        if ((i & 0x7fff) == 0x7fff) {
            for (int k = 0; k < 4; k++) totals[k] += (uint32_t)(counts >> (16 * k) & 0xffff);
            counts = 0;
        }
    }
    for (int k = 0; k < 4; k++) totals[k] += (uint32_t)(counts >> (16 * k) & 0xffff);
    uint32_t distinct = 0;
    for (int i = 0; i < 4; i++) distinct += (uint32_t)__builtin_popcountll(seen[i]);
    return (pm_profile){
        .length = (uint32_t)length, .digits = totals[DIGIT], .lowers = totals[LOWER], .uppers = totals[UPPER],
        .symbols = totals[SYMBOL], .pairs = paired, .common_pairs = common, .changes = changed, .distinct = distinct,
        .is_hex = all != 0 || (totals[SYMBOL] == 4 && pm_is_uuid(bytes, length) && is_hexadecimal(bytes, length)),
    };
}

int pm_looks_random(const pm_profile *p) {
    if (p->length < 6 || p->distinct * 4 < (p->length < 24 ? p->length : 24) || p->distinct < 5) return 0;
    if (p->lowers + p->uppers == 0) return 0;
    // Hexadecimal has few common pairs anyway: ask for both kinds of digits.
    if (p->is_hex) return p->digits > 0 && p->length >= 8 && p->changes >= 2;
    double share = p->pairs ? (double)p->common_pairs / p->pairs : 0;
    if (p->digits > 0) {
        if (p->pairs < 3) return p->changes * 4 >= p->length || p->digits * 3 >= p->length;
        if (p->changes * 5 >= p->length) return share < 0.85;
        return share < (p->length >= 16 ? 0.68 : 0.6);
    }
    if (p->pairs < 4) return p->changes * 2 >= p->length;
    return share < (p->length >= 16 ? 0.6 : 0.45);
}
