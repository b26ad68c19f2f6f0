/// Masks by look-ups of sixteen entries, for vectors of any width. Included by a kernel file, which has defined:
///
/// `vector` and `WIDTH`; `load_vector`, `splat`, `both`, `either`, `without` (a and not b), `equal`, `table` (16 bytes, in each
/// lane), `look_up` (by an index below 16), `low_half`, `high_half`, `within` (look-up in the row `r` of 16 byte values; 0
/// outside), `bits(v, k)`: bit k of each byte, and `lane_mask(i)`: the bits of vector i of a block.
#include "lists.h"

enum { VECTORS = BLOCK / WIDTH };

typedef struct kernel_state {
    vector fragment_low[PM_BUCKET_SETS][PM_POSITIONS], fragment_high[PM_BUCKET_SETS][PM_POSITIONS];
    vector class_low, class_high, joint_low, joint_high;
    vector code[6];
} kernel_state;

/// Products of a set of low halves and a set of high halves of a byte, one bit each:
/// 1 digits; 2 letters of the columns 4 and 6; 4 letters of 5 and 7; 8 `+ - /`; 16 `. ~`; 32 `=`; 64 `@`; 128 `_`.
static const uint8_t class_low_bytes[16] = {1 | 4 | 64, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4, 1 | 2 | 4,
                                            1 | 2 | 4,  1 | 2 | 4, 2 | 4,     2 | 8,     2,         2 | 8 | 32, 2 | 16, 2 | 8 | 128};
static const uint8_t class_high_bytes[16] = {0, 0, 8 | 16, 1 | 32, 2 | 64, 4 | 128, 2, 4 | 16, 0, 0, 0, 0, 0, 0, 0, 0};

/// Products for what stands between a name and a value: 1 blank `" ' (`; 2 `[ \`; 4 tab; 8 backtick; 16 `: = >`; 32 `, |`.
static const uint8_t joint_low_bytes[16] = {1 | 8, 0, 1, 0, 0, 0, 0, 1, 1, 4, 16, 2, 2 | 32, 16, 16, 0};
static const uint8_t joint_high_bytes[16] = {4, 0, 1 | 32, 16, 0, 2, 8, 32, 0, 0, 0, 0, 0, 0, 0, 0};
/// What may stand between an operator and a value; operators.
enum { JOINT_SKIPPED = 1 | 2 | 4 | 8, JOINT_OPERATOR = 16 | 32 };

/// `A` to `F`, `a` to `f`.
static const uint8_t hex_low_bytes[16] = {0, 1, 1, 1, 1, 1, 1};
static const uint8_t hex_high_bytes[16] = {0, 0, 0, 0, 1, 0, 1};

/// What a byte may be in an encoded group; bits 0 to 3: as byte i of a base64 group, 4 and 5: as byte i of a hexadecimal pair.
static inline uint8_t code_class(uint8_t c) {
    uint8_t code = 0;
    for (int i = 0; i < 4; i++) code |= (uint8_t)((pm_code_class[i][c] & PM_CODE_GROUP ? 1 : 0) << i);
    for (int i = 0; i < 2; i++) code |= (uint8_t)((pm_code_class[i][c] & PM_CODE_PAIR ? 1 : 0) << (4 + i));
    return code;
}

static inline kernel_state prepare(const pm_tables *tables) {
    kernel_state state;
    for (int set = 0; set < PM_BUCKET_SETS; set++) {
        for (int i = 0; i < PM_POSITIONS; i++) {
            state.fragment_low[set][i] = table(tables->low[set][i]);
            state.fragment_high[set][i] = table(tables->high[set][i]);
        }
    }
    state.class_low = table(class_low_bytes);
    state.class_high = table(class_high_bytes);
    state.joint_low = table(joint_low_bytes);
    state.joint_high = table(joint_high_bytes);
    for (int row = 0; row < 6; row++) {
        uint8_t bytes[16];
        for (int i = 0; i < 16; i++) bytes[i] = code_class((uint8_t)(0x20 + 16 * row + i));
        state.code[row] = table(bytes);
    }
    return state;
}

static inline block_masks classify(const kernel_state *state, const uint8_t *p) {
    block_masks masks = {0};
    uint64_t code[6] = {0, 0, 0, 0, 0, 0};
    const vector zero = splat(0);
    for (int i = 0; i < VECTORS; i++) {
        const uint8_t *q = p + i * WIDTH;
        vector v[PM_POSITIONS], low[PM_POSITIONS], high[PM_POSITIONS];
        for (int k = 0; k < PM_POSITIONS; k++) {
            v[k] = load_vector(q + k);
            low[k] = low_half(v[k]);
            high[k] = high_half(v[k]);
        }
        vector class = both(look_up(state->class_low, low[0]), look_up(state->class_high, high[0]));
        int shift = i * WIDTH;
        masks.token |= ~bits(equal(class, zero), 0) << shift & lane_mask(i);
        masks.alnum |= ~bits(equal(both(class, splat(7)), zero), 0) << shift & lane_mask(i);
        vector place = either(either(equal(v[0], splat('%')), equal(v[0], splat('&'))), either(equal(v[0], splat(0x1b)), equal(v[0], zero)));
        // Most backslashes stand before a quote or an n.
        vector plain = either(equal(v[1], splat('"')), equal(v[1], splat('n')));
        place = either(place, without(equal(v[0], splat('\\')), plain));
        masks.places |= (bits(place, 0) | bits(class, 6)) << shift;
        vector joint = both(look_up(state->joint_low, low[0]), look_up(state->joint_high, high[0]));
        masks.operators |= ~bits(equal(both(joint, splat(JOINT_OPERATOR)), zero), 0) << shift & lane_mask(i);
        masks.skipped |= ~bits(equal(both(joint, splat(JOINT_SKIPPED)), zero), 0) << shift & lane_mask(i);
        vector any = zero;
        for (int set = 0; set < PM_BUCKET_SETS; set++) {
            vector buckets = both(look_up(state->fragment_low[set][0], low[0]), look_up(state->fragment_high[set][0], high[0]));
            for (int k = 1; k < PM_POSITIONS; k++)
                buckets = both(buckets, both(look_up(state->fragment_low[set][k], low[k]), look_up(state->fragment_high[set][k], high[k])));
            any = either(any, buckets);
        }
        masks.fragments |= ~bits(equal(any, zero), 0) << shift & lane_mask(i);
        vector codes = within(state->code[0], v[0], 2);
        for (int row = 1; row < 6; row++) codes = either(codes, within(state->code[row], v[0], row + 2));
        for (int k = 0; k < 6; k++) code[k] |= bits(codes, k) << shift;
    }
    // The bytes of a group behind the block.
    uint8_t behind[3] = {code_class(p[BLOCK]), code_class(p[BLOCK + 1]), code_class(p[BLOCK + 2])};
    masks.groups = code[0] & (code[1] >> 1 | (uint64_t)(behind[0] >> 1 & 1) << 63) &
                   (code[2] >> 2 | (uint64_t)(behind[0] >> 2 & 1) << 62 | (uint64_t)(behind[1] >> 2 & 1) << 63) &
                   (code[3] >> 3 | (uint64_t)(behind[0] >> 3 & 1) << 61 | (uint64_t)(behind[1] >> 3 & 1) << 62 |
                    (uint64_t)(behind[2] >> 3 & 1) << 63);
    masks.pairs = code[4] & (code[5] >> 1 | (uint64_t)(behind[0] >> 5 & 1) << 63);
    return masks;
}

static inline shape_masks shape(const kernel_state *state, const uint8_t *p) {
    shape_masks masks = {0, 0, 0, 0, 0, 0, 0};
    const vector zero = splat(0);
    for (int i = 0; i < VECTORS; i++, p += WIDTH) {
        vector v = load_vector(p);
        vector class = both(look_up(state->class_low, low_half(v)), look_up(state->class_high, high_half(v)));
        int shift = i * WIDTH;
        uint64_t alnum = ~bits(equal(both(class, splat(7)), zero), 0), letter = ~bits(equal(both(class, splat(6)), zero), 0);
        uint64_t upper = letter & bits(equal(both(v, splat(0x20)), zero), 0);
        vector joint = either(either(equal(v, splat('_')), equal(v, splat('-'))), equal(v, splat('.')));
        vector closer = either(either(equal(v, splat('"')), equal(v, splat('\''))), either(equal(v, splat('`')), equal(v, splat('\\'))));
        closer = either(closer, either(equal(v, splat(']')), equal(v, splat(')'))));
        vector blank = either(equal(v, splat(' ')), either(equal(v, splat('\t')), equal(v, splat('\r'))));
        masks.alnum |= alnum << shift & lane_mask(i);
        masks.letter |= letter << shift & lane_mask(i);
        masks.upper |= upper << shift & lane_mask(i);
        masks.name |= (alnum | bits(joint, 0)) << shift & lane_mask(i);
        masks.closer |= bits(closer, 0) << shift;
        masks.blank |= bits(blank, 0) << shift;
        masks.line_feed |= bits(equal(v, splat('\n')), 0) << shift;
    }
    return masks;
}

static inline value_masks value(const kernel_state *state, const uint8_t *p) {
    value_masks masks = {0, 0, 0, 0, 0, 0};
    const vector zero = splat(0);
    for (int i = 0; i < VECTORS; i++, p += WIDTH) {
        vector v = load_vector(p);
        vector low = low_half(v), high = high_half(v);
        vector class = both(look_up(state->class_low, low), look_up(state->class_high, high));
        int shift = i * WIDTH;
        uint64_t letter = ~bits(equal(both(class, splat(6)), zero), 0), digit = bits(class, 0);
        // Letters of the first six columns.
        vector six = both(look_up(table(hex_low_bytes), low), look_up(table(hex_high_bytes), high));
        masks.letter |= letter << shift & lane_mask(i);
        masks.upper |= (letter & bits(equal(both(v, splat(0x20)), zero), 0)) << shift & lane_mask(i);
        masks.digit |= digit << shift;
        masks.hex |= (digit | bits(six, 0)) << shift;
        masks.dot |= bits(equal(v, splat('.')), 0) << shift;
    }
    return masks;
}
