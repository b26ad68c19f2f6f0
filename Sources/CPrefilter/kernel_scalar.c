/// The slow twin of every kernel: one byte at a time.
#include "frame_masks.h"

typedef const pm_tables *kernel_state;

static inline kernel_state prepare(const pm_tables *tables) { return tables; }

static inline block_masks classify(const kernel_state *state, const uint8_t *p) {
    const pm_tables *tables = *state;
    block_masks masks = {0};
    for (int i = 0; i < BLOCK; i++, p++) {
        uint64_t bit = 1ull << i;
        uint8_t class = pm_block_class[p[0]];
        if (class & PM_BLOCK_TOKEN) masks.token |= bit;
        if (class & PM_BLOCK_ALNUM) masks.alnum |= bit;
        if (class & pm_next_class[p[1]] & PM_BLOCK_PLACE) masks.places |= bit;
        if (class & PM_BLOCK_OPERATOR) masks.operators |= bit;
        if (class & PM_BLOCK_SKIPPED) masks.skipped |= bit;
        for (int set = 0; set < PM_BUCKET_SETS; set++) {
            uint8_t buckets = 0xff;
            for (int k = 0; k < PM_POSITIONS; k++) buckets &= tables->low[set][k][p[k] & 15] & tables->high[set][k][p[k] >> 4];
            if (buckets) masks.fragments |= bit;
        }
        uint8_t code = 0xff;
        for (int k = 0; k < 4; k++) code &= pm_code_class[k][p[k]];
        if (code & PM_CODE_GROUP) masks.groups |= bit;
        if (code & PM_CODE_PAIR) masks.pairs |= bit;
    }
    return masks;
}

static inline shape_masks shape(const kernel_state *state, const uint8_t *p) {
    (void)state;
    shape_masks masks = {0, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < BLOCK; i++) {
        uint64_t bit = 1ull << i;
        uint8_t class = pm_shape_class[p[i]];
        if (class & PM_SHAPE_NAME) masks.name |= bit;
        if (class & PM_SHAPE_CLOSER) masks.closer |= bit;
        if (class & PM_SHAPE_BLANK) masks.blank |= bit;
        if (class & PM_SHAPE_LETTER) masks.letter |= bit;
        if (class & PM_SHAPE_UPPER) masks.upper |= bit;
        if (class & PM_SHAPE_ALNUM) masks.alnum |= bit;
        if (class & PM_SHAPE_LINE_FEED) masks.line_feed |= bit;
    }
    return masks;
}

static inline value_masks value(const kernel_state *state, const uint8_t *p) {
    (void)state;
    value_masks masks = {0, 0, 0, 0, 0, 0};
    for (int i = 0; i < BLOCK; i++) {
        uint64_t bit = 1ull << i;
        uint8_t class = pm_value_class[p[i]];
        if (class & PM_VALUE_LETTER) masks.letter |= bit;
        if (class & PM_VALUE_UPPER) masks.upper |= bit;
        if (class & PM_VALUE_DIGIT) masks.digit |= bit;
        if (class & PM_VALUE_HEX) masks.hex |= bit;
        if (class & PM_VALUE_DOT) masks.dot |= bit;
    }
    return masks;
}

#include "lists.h"

#define PM_SCAN pm_scan_scalar
#include "frame.h"
