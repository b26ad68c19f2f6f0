/// What the tables hold; private to this module.
#ifndef PM_TABLES_H
#define PM_TABLES_H

#include "CPrefilter.h"

/// Bits of the hash of a fragment's, and of a provider word's, first three bytes.
#define PM_SLOT_BITS 12
/// Bytes of an anchor that are compared; the engine compares the rest.
#define PM_ANCHOR_LENGTH 16
/// Sets of eight buckets of fragments: more buckets, fewer places that pass by chance.
#define PM_BUCKET_SETS 2
/// Positions of a fragment that the kernels look at.
#define PM_POSITIONS 4

/// Bits of `pm_kinds`.
enum {
    PM_IS_DIGIT = 1,
    PM_IS_LETTER = 2,
    PM_IS_ALNUM = 3,
    PM_IS_HEX = 4,
    /// May stand in an identifier, with `-` and `.`.
    PM_IS_NAME = 8,
    /// Space or tab.
    PM_IS_BLANK = 16,
    /// As in C's isspace.
    PM_IS_SPACE = 32,
    /// `"`, `'` or a backtick.
    PM_IS_QUOTE = 64,
    /// May stand between an operator and a provider's value.
    PM_IS_SKIPPED = 128,
    /// What stands behind it may be the tail of an escape.
    PM_MAY_END_ESCAPE = 256,
    /// As `pm_ends_context`.
    PM_MAY_END_CONTEXT = 512,
    /// An operator before a provider's value.
    PM_IS_OPERATOR = 1024,
    /// May stand where a name ends and a value is announced; and if blanks stand between.
    PM_MAY_ASSIGN = 2048,
    PM_MAY_ASSIGN_AFTER_BLANK = 4096,
    /// What stands behind it may be the tail of an escape that begins with it.
    PM_BEGINS_ESCAPE = 8192,
};
extern const uint16_t pm_kinds[256];

/// Bits of `pm_block_class` and `pm_next_class`: kernels join the class of a byte and the next-class of the one behind it by AND.
enum {
    PM_BLOCK_TOKEN = 1,
    PM_BLOCK_ALNUM = 2,
    /// `@`, `%`, `&`, ESC, NUL.
    PM_BLOCK_SPECIAL = 4,
    /// A backslash, and what may follow one that begins an escape.
    PM_BLOCK_BACKSLASH = 8,
    PM_BLOCK_PLACE = PM_BLOCK_SPECIAL | PM_BLOCK_BACKSLASH,
    /// An operator before a provider's value, and what may stand between them.
    PM_BLOCK_OPERATOR = 16,
    PM_BLOCK_SKIPPED = 32,
};
extern uint8_t pm_block_class[256];
extern uint8_t pm_next_class[256];

/// Bits of `pm_code_class[i]`: what a byte may be as the byte i of an encoded group. Kernels join them by AND.
enum {
    /// Four digits of base64 that decode to printable ASCII.
    PM_CODE_GROUP = 1,
    /// Two hexadecimal digits that decode to printable ASCII, a tab or a line end.
    PM_CODE_PAIR = 2,
};
extern uint8_t pm_code_class[4][256];

/// Bits of `pm_shape_class`: what screens ask about the bytes around a place.
enum {
    /// As PM_IS_NAME.
    PM_SHAPE_NAME = 1,
    /// May stand between a name and its operator: a quote, a closing bracket, a backslash.
    PM_SHAPE_CLOSER = 2,
    /// Space, tab or carriage return.
    PM_SHAPE_BLANK = 4,
    PM_SHAPE_LETTER = 8,
    PM_SHAPE_UPPER = 16,
    PM_SHAPE_ALNUM = 32,
    PM_SHAPE_LINE_FEED = 64,
};
extern uint8_t pm_shape_class[256];

/// Bits of `pm_value_class`: what a value is made of.
enum { PM_VALUE_LETTER = 1, PM_VALUE_UPPER = 2, PM_VALUE_DIGIT = 4, PM_VALUE_HEX = 8, PM_VALUE_DOT = 16 };
extern uint8_t pm_value_class[256];
/// `pm_common_pairs` for a look-up of 128 entries: 8 bits of the row of the first letter's low five bits, by two bits of the second.
extern uint8_t pm_pair_rows[128];

/// Whether hyphens stand where the groups of a UUID end (RFC 9562, 4).
static inline int pm_is_uuid(const uint8_t *text, size_t length) {
    return length == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

typedef struct pm_word {
    uint8_t length;
    uint8_t offset;
    uint8_t minimum;
    uint8_t bytes[PM_WORD_LENGTH];
    uint32_t next;
} pm_word;

typedef struct pm_fragment {
    uint8_t length;
    uint8_t screen_count;
    uint8_t screens[PM_FRAGMENT_SCREENS];
    uint8_t bytes[PM_FRAGMENT_LENGTH];
    /// Number plus 1 of the next fragment whose first three bytes hash alike.
    uint16_t next;
    /// Where its words stand in `word_lists`; see there.
    uint32_t lists;
    /// Its bytes, and the bits of them that count, as numbers: to compare them at once.
    uint64_t head, head_mask;
    uint32_t tail, tail_mask;
    /// Number plus 1 of its first and last credential word.
    uint32_t first_word, last_word;
    /// Bytes that stand before it in those words, letters of both cases; whether it begins one of them.
    pm_set before;
    uint8_t begins_word;
    /// Its screens are all PM_SCREEN_ASSIGNMENT.
    uint8_t is_assignment;
} pm_fragment;

typedef struct pm_anchor {
    uint8_t length;
    /// Bytes of `followers` (a number of a set) that follow it at least.
    uint8_t minimum;
    uint16_t followers;
    uint8_t bytes[PM_ANCHOR_LENGTH];
    /// Its first eight bytes as a number, and which bits of it count.
    uint64_t head, head_mask;
    /// Number plus 1 of the next anchor whose first three bytes hash alike.
    uint32_t next;
} pm_anchor;

typedef struct pm_context {
    uint8_t length;
    uint8_t bytes[63];
} pm_context;

/// A slot of a hash table with open addressing; empty if `length` is 0.
typedef struct pm_label {
    uint8_t length;
    uint8_t bytes[PM_LABEL_LENGTH];
} pm_label;

typedef struct pm_shape {
    uint16_t minimum, maximum;
    uint8_t alphabet;
} pm_shape;

typedef struct pm_provider {
    uint32_t first_shape, shape_count;
    int is_weak;
} pm_provider;

typedef struct pm_provider_word {
    uint8_t length;
    uint8_t bytes[31];
    uint32_t provider;
    /// Number plus 1 of the next word whose first three bytes hash alike.
    uint32_t next;
} pm_provider_word;

struct pm_tables {
    /// Bytes of a URL's authority that are looked at; what is longer is the detector's to decide.
    uint32_t authority;

    /// Which buckets a byte of a fragment's position belongs to; one bit a bucket. By low and high half of the byte, and by the
    /// byte without its highest bit.
    uint8_t low[PM_BUCKET_SETS][PM_POSITIONS][16];
    uint8_t high[PM_BUCKET_SETS][PM_POSITIONS][16];
    uint8_t full[PM_BUCKET_SETS][PM_POSITIONS][128];

    pm_fragment *fragments;
    uint32_t fragment_count, fragment_capacity;
    /// By hash: number plus 1 of the first fragment.
    uint16_t fragment_heads[1 << PM_SLOT_BITS];
    /// Bit h is set if the first four bytes of a fragment hash to h; of fragments of three bytes, these.
    uint64_t fragment_filter[1024], three_fragment_filter[1024];
    /// Bit h is set if the first three bytes of anything that kernels mark hash to h: a fragment, a hint, a context's literal.
    uint64_t mark_filter[1024];
    /// Whether all fragments that begin with this byte three times are it again and again, and count where they begin only.
    uint8_t repeats[256];

    pm_word *words;
    uint32_t word_count, word_capacity;
    /// For each fragment with words, from its `lists` on: by the low five bits of the byte before the fragment, where the list of
    /// the words begins that it can stand in; then these lists of words' numbers plus 1, longest word first, each ended by 0. NULL
    /// if memory was short.
    uint32_t *word_lists;
    uint32_t word_list_count, word_list_capacity;

    /// Bit h is set if an anchor's first three bytes hash to h.
    uint64_t anchor_filter[1024];
    pm_anchor *anchors;
    uint32_t anchor_count, anchor_capacity;
    uint32_t anchor_heads[1 << PM_SLOT_BITS];
    pm_set *sets;
    uint32_t set_count, set_capacity;

    pm_context *contexts;
    uint32_t context_count, context_capacity;
    /// By place before the token and byte: contexts that the byte can stand in; those from the 32nd on share the last bit.
    uint32_t context_before[PM_CONTEXT_POSITIONS][256];
    /// By byte: contexts whose literal it begins.
    uint32_t context_heads[256];
    /// By byte: contexts whose token it can begin.
    uint32_t context_first[256];
    /// Contexts whose literal is too short to be marked as a fragment is.
    uint32_t context_unmarked;

    /// By hash; at most 192 are used.
    pm_label pseudo_domains[256];
    uint32_t label_count;

    pm_provider *providers;
    uint32_t provider_count, provider_capacity;
    pm_shape *shapes;
    uint32_t shape_count, shape_capacity;
    pm_provider_word *provider_words;
    uint32_t provider_word_count, provider_word_capacity;
    /// Bit h is set if the first five bytes of a word hash to h.
    uint64_t provider_filter[1024];
    /// The same for words of four bytes, and of three.
    uint64_t four_provider_filter[1024], three_provider_filter[1024];
    /// Bit h is set if the first four bytes of a word of four or more hash to h: asked before the two above.
    uint64_t provider_head_filter[1024];
    /// A word of a provider begins with two digits.
    int has_numbers;
    uint32_t provider_heads[1 << PM_SLOT_BITS];
    /// By length: the alphabets of providers' tokens that have it.
    uint8_t lengths[PM_PROVIDER_LENGTH + 1];
};

static inline uint8_t pm_fold(uint8_t byte) { return byte | 0x20; }

/// Lower case of ASCII letters, other bytes unchanged.
static inline uint8_t pm_lower(uint8_t byte) { return (uint8_t)(byte - 'A') < 26 ? byte | 0x20 : byte; }

/// 16 bits of hash of the first three of the bytes in `key`.
static inline uint32_t pm_hash_key(uint32_t key) { return ((key & 0xffffffu) * 0x9E3779B1u) >> 16; }

/// The same of three bytes.
static inline uint32_t pm_hash(uint8_t a, uint8_t b, uint8_t c) { return pm_hash_key((uint32_t)a | (uint32_t)b << 8 | (uint32_t)c << 16); }

static inline uint32_t pm_hash_folded(const uint8_t *p) { return pm_hash(pm_fold(p[0]), pm_fold(p[1]), pm_fold(p[2])); }

/// The same of the first three of the bytes in `key`.
static inline uint32_t pm_hash_three(uint32_t key) { return pm_hash_key(key | 0x202020u); }

/// 16 bits of hash of the first bytes of the eight in `key`, letters folded to lower case.
static inline uint32_t pm_hash_first(uint64_t key, unsigned count) {
    key = (key | 0x2020202020202020ull) << (8 * (8 - count));
    return (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 48);
}

/// 16 bits of hash of the four bytes in `key`, letters folded to lower case.
static inline uint32_t pm_hash_four(uint32_t key) { return ((key | 0x20202020u) * 0x9E3779B1u) >> 16; }

static inline int pm_set_has(const pm_set *set, uint8_t byte) { return set->bits[byte >> 6] >> (byte & 63) & 1; }

static inline uint32_t pm_slot(uint32_t hash) { return hash >> (16 - PM_SLOT_BITS); }

static inline int pm_filter_has(const uint64_t *filter, uint32_t hash) { return filter[hash >> 6] >> (hash & 63) & 1; }

/// Whether `byte` may stand behind a provider's word of three letters: no small letter, or one that begins a credential's word.
static inline int pm_may_follow_three(uint8_t byte) {
    return (uint8_t)(byte - 'a') >= 26 ||
           (1u << (byte - 'a') & (1u << 0 | 1u << 2 | 1u << 8 | 1u << 10 | 1u << 15 | 1u << 18 | 1u << 19 | 1u << 22));
}

/// Whether a word of a provider may begin with the first of the eight bytes in `key`.
static inline int pm_may_be_provider_word(const pm_tables *tables, uint64_t key) {
    if (pm_filter_has(tables->provider_filter, pm_hash_first(key, 5))) return 1;
    if (pm_filter_has(tables->four_provider_filter, pm_hash_first(key, 4))) return 1;
    return pm_filter_has(tables->three_provider_filter, pm_hash_three((uint32_t)key)) && pm_may_follow_three((uint8_t)(key >> 24));
}

/// The same of four bytes, less sharp, without a branch.
static inline int pm_may_begin_provider_word(const pm_tables *tables, uint32_t key) {
    return pm_filter_has(tables->provider_head_filter, pm_hash_four(key)) | pm_filter_has(tables->three_provider_filter, pm_hash_three(key));
}

/// Eight bytes at `p`, or as many as there are before `end`.
static inline uint64_t pm_eight(const uint8_t *p, const uint8_t *end) {
    uint64_t key = 0;
    if (end - p >= 8) __builtin_memcpy(&key, p, 8);
    else __builtin_memcpy(&key, p, (size_t)(end - p));
    return key;
}

#endif
