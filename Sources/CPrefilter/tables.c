#include "tables.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
const uint8_t pm_classes[256] = {
    ['+'] = 19, ['-'] = 19, ['.'] = 17, ['/'] = 19, ['0'] = 23, ['1'] = 23, ['2'] = 23, ['3'] = 23, ['4'] = 23, ['5'] = 23,
    ['6'] = 23, ['7'] = 23, ['8'] = 23, ['9'] = 23, ['='] = 17, ['@'] = 17, ['A'] = 23, ['B'] = 23, ['C'] = 23, ['D'] = 23,
    ['E'] = 23, ['F'] = 23, ['G'] = 23, ['H'] = 23, ['I'] = 23, ['J'] = 23, ['K'] = 23, ['L'] = 23, ['M'] = 23, ['N'] = 23,
    ['O'] = 23, ['P'] = 23, ['Q'] = 23, ['R'] = 23, ['S'] = 23, ['T'] = 23, ['U'] = 23, ['V'] = 23, ['W'] = 23, ['X'] = 23,
    ['Y'] = 23, ['Z'] = 23, [':'] = 8, ['$'] = 8, ['!'] = 8, ['|'] = 8, ['&'] = 24, ['\\'] = 24, ['_'] = 19, ['a'] = 23, ['b'] = 23, ['c'] = 23, ['d'] = 23, ['e'] = 23, ['f'] = 23, ['g'] = 23,
    ['h'] = 23, ['i'] = 23, ['j'] = 23, ['k'] = 23, ['l'] = 23, ['m'] = 23, ['n'] = 23, ['o'] = 23, ['p'] = 23, ['q'] = 23,
    ['r'] = 23, ['s'] = 23, ['t'] = 23, ['u'] = 23, ['v'] = 23, ['w'] = 23, ['x'] = 23, ['y'] = 23, ['z'] = 23, ['~'] = 17,
    ['%'] = 16, [0x1b] = 16, ['#'] = 16, [';'] = 16, ['?'] = 16, [0x80 ... 0xff] = 16,
};

#define D (PM_IS_DIGIT | PM_IS_HEX | PM_IS_NAME)
#define H (PM_IS_LETTER | PM_IS_HEX | PM_IS_NAME)
#define L (PM_IS_LETTER | PM_IS_NAME)
#define B PM_MAY_ASSIGN_AFTER_BLANK
#define A PM_MAY_ASSIGN
#define O PM_IS_OPERATOR
#define E PM_MAY_END_ESCAPE
#define C PM_MAY_END_CONTEXT
#define Q (PM_IS_QUOTE | PM_IS_SKIPPED)
const uint16_t pm_kinds[256] = {
    ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D, ['8'] = D, ['9'] = D,
    ['A'] = H, ['B'] = H, ['C'] = H, ['D'] = H, ['E'] = H, ['F'] = H, ['a'] = H, ['b'] = H, ['c'] = H, ['d'] = H,
    ['e'] = H, ['f'] = H, ['G'] = L, ['H'] = L, ['I'] = L | B, ['J'] = L, ['K'] = L, ['L'] = L, ['M'] = L, ['N'] = L,
    ['O'] = L, ['P'] = L, ['Q'] = L, ['R'] = L, ['S'] = L, ['T'] = L, ['U'] = L, ['V'] = L | B, ['W'] = L | B, ['X'] = L,
    ['Y'] = L, ['Z'] = L, ['g'] = L, ['h'] = L, ['i'] = L | B, ['j'] = L, ['k'] = L, ['l'] = L, ['m'] = L, ['n'] = L,
    ['o'] = L, ['p'] = L, ['q'] = L, ['r'] = L, ['s'] = L, ['t'] = L, ['u'] = L, ['v'] = L | B, ['w'] = L | B, ['x'] = L,
    ['y'] = L, ['z'] = L, ['_'] = PM_IS_NAME, ['-'] = PM_IS_NAME | A, ['.'] = PM_IS_NAME | A,
    [' '] = PM_IS_BLANK | PM_IS_SPACE | PM_IS_SKIPPED, ['\t'] = PM_IS_BLANK | PM_IS_SPACE | PM_IS_SKIPPED,
    ['\n'] = PM_IS_SPACE | A, ['\v'] = PM_IS_SPACE, ['\f'] = PM_IS_SPACE, ['\r'] = PM_IS_SPACE, [0x1b] = A,
    ['"'] = Q | B, ['\''] = Q | B, ['`'] = Q | B, ['{'] = B, [0xef] = A, ['\\'] = PM_IS_SKIPPED | E | PM_BEGINS_ESCAPE | C | A,
    ['('] = PM_IS_SKIPPED | A, ['['] = PM_IS_SKIPPED | E | A, ['*'] = A, ['='] = O | A, [':'] = O | E | C | A, ['>'] = O | E | A, ['<'] = E | A, [','] = O | A,
    ['|'] = O | C | A, ['$'] = C, ['!'] = C | A, ['&'] = C, ['%'] = E | PM_BEGINS_ESCAPE | A, [';'] = E, ['?'] = E | A, ['~'] = A,
};
#undef B
#undef A
#undef O
#undef C
#undef E
#undef D
#undef H
#undef L
#undef Q
// clang-format on

const uint32_t pm_common_pairs[26] = {
    0x11ebd4e, 0x0164911, 0x01e4d95, 0x0164919, 0x1efb97d, 0x0124931, 0x0162111, 0x0004111, 0x22ef87f,
    0x0000000, 0x0040110, 0x11c4919, 0x014d113, 0x03c657d, 0x07efc6e, 0x11ec911, 0x0100000, 0x11e795d,
    0x11cc995, 0x11ed99d, 0x00eb917, 0x0000111, 0x0020111, 0x0088000, 0x0048000, 0x0000010,
};

uint8_t pm_block_class[256];
uint8_t pm_next_class[256];
uint8_t pm_code_class[4][256];
uint8_t pm_shape_class[256];
uint8_t pm_value_class[256];
uint8_t pm_pair_rows[128];

/// 6-bit value of a digit of base64 or base64url, or -1.
static int sextet(int c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

__attribute__((constructor)) static void fill_classes(void) {
    for (int c = 0; c < 256; c++) {
        uint16_t kinds = pm_kinds[c];
        uint8_t block = 0, shape = 0;
        if (pm_classes[c] & 1) block |= PM_BLOCK_TOKEN;
        if (kinds & PM_IS_ALNUM) block |= PM_BLOCK_ALNUM;
        if (c == '@' || c == '%' || c == '&' || c == 0x1b || c == 0) block |= PM_BLOCK_SPECIAL;
        if (kinds & PM_IS_OPERATOR) block |= PM_BLOCK_OPERATOR;
        if (kinds & PM_IS_SKIPPED) block |= PM_BLOCK_SKIPPED;
        if (c == '\\') block |= PM_BLOCK_BACKSLASH;
        pm_block_class[c] = block;
        int is_escaped = c == 'u' || c == 'U' || c == 'x' || c == '/' || c == '\\' || (c >= '0' && c <= '3');
        pm_next_class[c] = (uint8_t)(is_escaped ? 0xff : ~PM_BLOCK_BACKSLASH);

        int v = sextet(c);
        // Bytes 0x20 to 0x7e, or of UTF-16 of them, tab and line ends.
        if ((v >= 8 && v <= 31) || v == 0 || v == 2 || v == 3) pm_code_class[0][c] |= PM_CODE_GROUP;
        if (v >= 0 && ((v & 15) == 0 || ((v & 15) >= 2 && (v & 15) <= 7))) pm_code_class[1][c] |= PM_CODE_GROUP;
        if (v >= 0 && (v & 3) < 2) pm_code_class[2][c] |= PM_CODE_GROUP;
        if (v >= 0) pm_code_class[3][c] |= PM_CODE_GROUP;
        if (c == '0' || (c >= '2' && c <= '7')) pm_code_class[0][c] |= PM_CODE_PAIR;
        if (kinds & PM_IS_HEX) pm_code_class[1][c] |= PM_CODE_PAIR;
        pm_code_class[2][c] |= PM_CODE_PAIR;
        pm_code_class[3][c] |= PM_CODE_PAIR;

        if (kinds & PM_IS_NAME) shape |= PM_SHAPE_NAME;
        if (kinds & PM_IS_QUOTE || c == ']' || c == ')' || c == '\\') shape |= PM_SHAPE_CLOSER;
        if (kinds & PM_IS_BLANK || c == '\r') shape |= PM_SHAPE_BLANK;
        if (kinds & PM_IS_LETTER) shape |= PM_SHAPE_LETTER | (c & 0x20 ? 0 : PM_SHAPE_UPPER);
        if (kinds & PM_IS_ALNUM) shape |= PM_SHAPE_ALNUM;
        if (c == '\n') shape |= PM_SHAPE_LINE_FEED;
        pm_shape_class[c] = shape;

        if (kinds & PM_IS_LETTER) pm_value_class[c] |= PM_VALUE_LETTER | (c & 0x20 ? 0 : PM_VALUE_UPPER);
        if (kinds & PM_IS_DIGIT) pm_value_class[c] |= PM_VALUE_DIGIT;
        if (kinds & PM_IS_HEX) pm_value_class[c] |= PM_VALUE_HEX;
        if (c == '.') pm_value_class[c] |= PM_VALUE_DOT;
    }
    // Low five bits of a letter: 1 to 26.
    for (int first = 1; first <= 26; first++) {
        for (int second = 1; second <= 26; second++) {
            if (pm_common_pairs[first - 1] >> (second - 1) & 1) pm_pair_rows[first | (second >> 3) << 5] |= (uint8_t)(1 << (second & 7));
        }
    }
}

pm_tables *pm_tables_create(void) {
    pm_tables *tables = calloc(1, sizeof(pm_tables));
    if (tables) tables->authority = 1024;
    return tables;
}

void pm_tables_set_authority(pm_tables *tables, uint32_t bytes) { tables->authority = bytes; }

void pm_tables_destroy(pm_tables *tables) {
    if (tables == NULL) return;
    free(tables->fragments);
    free(tables->words);
    free(tables->word_lists);
    free(tables->anchors);
    free(tables->sets);
    free(tables->contexts);
    free(tables->providers);
    free(tables->shapes);
    free(tables->provider_words);
    free(tables);
}

/// Makes room for one more element of `size` bytes; returns it zeroed, or NULL.
static void *append(void **array, uint32_t *count, uint32_t *capacity, size_t size) {
    if (*count == *capacity) {
        uint32_t wanted = *capacity ? *capacity * 2 : 64;
        void *larger = realloc(*array, wanted * size);
        if (larger == NULL) return NULL;
        *array = larger;
        *capacity = wanted;
    }
    void *element = (uint8_t *)*array + (size_t)*count * size;
    memset(element, 0, size);
    ++*count;
    return element;
}
#define APPEND(tables, array, name) \
    append((void **)&(tables)->array, &(tables)->name##_count, &(tables)->name##_capacity, sizeof *(tables)->array)

int pm_tables_add_fragment(pm_tables *tables, const uint8_t *bytes, size_t length, const uint8_t *screens, size_t count) {
    if (tables->fragment_count == PM_MAXIMUM_FRAGMENTS || length < 3 || length > PM_FRAGMENT_LENGTH) return -1;
    if (count > PM_FRAGMENT_SCREENS) return -1;
    uint32_t id = tables->fragment_count;
    pm_fragment *fragment = APPEND(tables, fragments, fragment);
    if (fragment == NULL) return -1;
    fragment->length = (uint8_t)length;
    for (size_t i = 0; i < length; i++) {
        uint64_t byte = fragment->bytes[i] = pm_fold(bytes[i]);
        if (i < 8) fragment->head |= byte << (8 * i), fragment->head_mask |= 0xffull << (8 * i);
        else fragment->tail |= (uint32_t)byte << (8 * (i - 8)), fragment->tail_mask |= 0xffu << (8 * (i - 8));
    }
    fragment->screen_count = (uint8_t)count;
    memcpy(fragment->screens, screens, count);
    fragment->is_assignment = count > 0;
    for (size_t i = 0; i < count; i++) fragment->is_assignment &= screens[i] == PM_SCREEN_ASSIGNMENT;
    uint32_t key = (uint32_t)fragment->head, slot = pm_slot(pm_hash_three(key));
    uint32_t hash = length > 3 ? pm_hash_four(key) : pm_hash_three(key);
    (length > 3 ? tables->fragment_filter : tables->three_fragment_filter)[hash >> 6] |= 1ull << (hash & 63);
    fragment->next = tables->fragment_heads[slot];
    tables->fragment_heads[slot] = (uint16_t)(id + 1);
    return (int)id;
}

int pm_tables_add_word(pm_tables *tables, int fragment, const uint8_t *bytes, size_t length, size_t offset, size_t minimum) {
    pm_word *word = APPEND(tables, words, word);
    if (word == NULL) return -1;
    // Of a word too long for the table its beginning is compared.
    size_t kept = length < sizeof word->bytes ? length : sizeof word->bytes;
    word->length = (uint8_t)kept;
    word->offset = (uint8_t)(offset < 255 ? offset : 255);
    word->minimum = (uint8_t)(minimum < 255 ? minimum : 255);
    memcpy(word->bytes, bytes, kept);
    pm_fragment *owner = &tables->fragments[fragment];
    if (offset == 0) owner->begins_word = 1;
    for (int c = 0; c < 256 && offset > 0; c++) {
        uint8_t wanted = offset <= kept ? bytes[offset - 1] : 0, got = pm_lower((uint8_t)c);
        if (offset > kept || got == wanted || (wanted == '_' && (got == '-' || got == '.'))) owner->before.bits[c >> 6] |= 1ull << (c & 63);
    }
    if (owner->last_word) tables->words[owner->last_word - 1].next = tables->word_count;
    else owner->first_word = tables->word_count;
    owner->last_word = tables->word_count;
    return 0;
}

/// The number of a set, which is added if it is new.
static int number_of_set(pm_tables *tables, const pm_set *set) {
    for (uint32_t i = tables->set_count; i > 0; i--) {
        if (memcmp(&tables->sets[i - 1], set, sizeof *set) == 0) return (int)i - 1;
    }
    pm_set *added = APPEND(tables, sets, set);
    if (added == NULL) return -1;
    *added = *set;
    return (int)tables->set_count - 1;
}

int pm_tables_add_anchor(pm_tables *tables, const uint8_t *bytes, size_t length, const pm_set *followers, size_t minimum) {
    int set = number_of_set(tables, followers);
    pm_anchor *anchor = APPEND(tables, anchors, anchor);
    if (anchor == NULL || set < 0) return -1;
    size_t kept = length < PM_ANCHOR_LENGTH ? length : PM_ANCHOR_LENGTH;
    anchor->length = (uint8_t)kept;
    // Of an anchor too long for the table nothing more is asked, and of users' many sets neither.
    anchor->minimum = (uint8_t)(length > kept || set > UINT16_MAX ? 0 : minimum < 255 ? minimum : 255);
    anchor->followers = (uint16_t)set;
    memcpy(anchor->bytes, bytes, kept);
    memcpy(&anchor->head, bytes, kept < 8 ? kept : 8);
    memset(&anchor->head_mask, 0xff, kept < 8 ? kept : 8);
    uint32_t hash = pm_hash(bytes[0], bytes[1], bytes[2]);
    tables->anchor_filter[hash >> 6] |= 1ull << (hash & 63);
    anchor->next = tables->anchor_heads[pm_slot(hash)];
    tables->anchor_heads[pm_slot(hash)] = tables->anchor_count;
    return 0;
}

int pm_tables_add_context(pm_tables *tables, const uint8_t *bytes, size_t length, const pm_set before[PM_CONTEXT_POSITIONS],
                          const pm_set *first) {
    uint32_t index = tables->context_count;
    pm_context *context = APPEND(tables, contexts, context);
    if (context == NULL) return -1;
    size_t kept = length < sizeof context->bytes ? length : sizeof context->bytes;
    context->length = (uint8_t)kept;
    memcpy(context->bytes, bytes, kept);
    uint32_t bit = 1u << (index < 31 ? index : 31);
    if (length < 3) tables->context_unmarked |= bit;
    tables->context_heads[bytes[0]] |= bit;
    for (int c = 0; c < 256; c++) {
        if (pm_set_has(first, (uint8_t)c)) tables->context_first[c] |= bit;
    }
    for (int i = 0; i < PM_CONTEXT_POSITIONS; i++) {
        for (int c = 0; c < 256; c++) {
            if (pm_set_has(&before[i], (uint8_t)c)) tables->context_before[i][c] |= bit;
        }
    }
    return 0;
}

/// First slot of a label in the table of pseudo domains.
static uint32_t label_slot(const uint8_t *bytes, size_t length) {
    return (pm_hash_folded(bytes) ^ (uint32_t)length * 31 ^ pm_lower(bytes[length - 1])) & 255;
}

void pm_tables_add_pseudo_domain(pm_tables *tables, const uint8_t *bytes, size_t length) {
    if (length < 2 || length > PM_LABEL_LENGTH || tables->label_count >= 192) return;
    uint8_t label[PM_LABEL_LENGTH + 1] = {0};
    memcpy(label, bytes, length);
    uint32_t slot = label_slot(label, length);
    while (tables->pseudo_domains[slot].length) slot = (slot + 1) & 255;
    tables->pseudo_domains[slot].length = (uint8_t)length;
    memcpy(tables->pseudo_domains[slot].bytes, label, length);
    tables->label_count++;
}

int pm_is_pseudo_domain(const pm_tables *tables, const uint8_t *bytes, size_t length) {
    if (length < 2 || length > PM_LABEL_LENGTH) return 0;
    uint8_t label[PM_LABEL_LENGTH + 1] = {0};
    for (size_t i = 0; i < length; i++) label[i] = pm_lower(bytes[i]);
    for (uint32_t slot = label_slot(label, length); tables->pseudo_domains[slot].length; slot = (slot + 1) & 255) {
        const pm_label *known = &tables->pseudo_domains[slot];
        if (known->length == length && memcmp(known->bytes, label, length) == 0) return 1;
    }
    return 0;
}

int pm_tables_add_provider(pm_tables *tables, int is_weak) {
    pm_provider *provider = APPEND(tables, providers, provider);
    if (provider == NULL) return -1;
    provider->first_shape = tables->shape_count;
    provider->is_weak = is_weak;
    return (int)tables->provider_count - 1;
}

int pm_tables_add_provider_word(pm_tables *tables, const uint8_t *bytes, size_t length) {
    pm_provider_word *word = APPEND(tables, provider_words, provider_word);
    if (word == NULL) return -1;
    size_t kept = length < sizeof word->bytes ? length : sizeof word->bytes;
    word->length = (uint8_t)kept;
    memcpy(word->bytes, bytes, kept);
    word->provider = tables->provider_count - 1;
    uint32_t hash = pm_hash(bytes[0], bytes[1], bytes[2]);
    uint64_t key = pm_eight(bytes, bytes + kept);
    uint32_t first = length == 3 ? pm_hash_three((uint32_t)key) : pm_hash_first(key, length >= 5 ? 5 : 4);
    uint64_t *filter = length >= 5 ? tables->provider_filter : length == 4 ? tables->four_provider_filter : tables->three_provider_filter;
    filter[first >> 6] |= 1ull << (first & 63);
    if (pm_kinds[bytes[0]] & pm_kinds[bytes[1]] & PM_IS_DIGIT) tables->has_numbers = 1;
    uint32_t head = pm_hash_four((uint32_t)key);
    if (length > 3) tables->provider_head_filter[head >> 6] |= 1ull << (head & 63);
    word->next = tables->provider_heads[pm_slot(hash)];
    tables->provider_heads[pm_slot(hash)] = tables->provider_word_count;
    return 0;
}

int pm_tables_add_provider_shape(pm_tables *tables, size_t minimum, size_t maximum, enum pm_alphabet alphabet) {
    if (maximum < minimum) maximum = minimum;
    if (minimum > PM_PROVIDER_LENGTH) return 0;
    if (maximum > PM_PROVIDER_LENGTH) maximum = PM_PROVIDER_LENGTH;
    pm_shape *shape = APPEND(tables, shapes, shape);
    if (shape == NULL) return -1;
    *shape = (pm_shape){(uint16_t)minimum, (uint16_t)maximum, (uint8_t)alphabet};
    tables->providers[tables->provider_count - 1].shape_count++;
    for (size_t length = minimum; length <= maximum; length++) tables->lengths[length] |= (uint8_t)alphabet;
    return 0;
}

// MARK: Buckets

/// How often a byte is met in logs, roughly, in thousandths: what a bucket costs depends on it.
static unsigned frequency(int byte) {
    static const uint8_t letters[26] = {55, 10, 30, 30, 80, 12, 15, 15, 50, 2, 6, 30, 20, 50, 50, 25, 2, 50, 50, 60, 20, 8, 8, 4, 10, 2};
    if ((uint8_t)(byte - 'a') < 26) return letters[byte - 'a'];
    if ((uint8_t)(byte - '0') < 10) return 16;
    if (byte == ' ') return 60;
    if (byte == '"' || byte == '.' || byte == '/' || byte == '-' || byte == ':') return 15;
    return 3;
}

enum { BUCKETS = 8 * PM_BUCKET_SETS };

/// The fragments of a bucket, by position: how many have each byte there, and how frequent those bytes are together.
typedef struct bucket {
    uint16_t members[PM_POSITIONS][256];
    unsigned weight[PM_POSITIONS];
    unsigned wildcards[PM_POSITIONS];
} bucket;

/// The share of places that pass a bucket: each of their bytes is that position's byte of *some* fragment in it.
static double share(const bucket *b) {
    double product = 1;
    for (int i = 0; i < PM_POSITIONS; i++) product *= b->wildcards[i] || b->weight[i] > 1000 ? 1 : b->weight[i] / 1000.0;
    return product;
}

static void put(bucket *b, const pm_fragment *fragment, int step) {
    for (int i = 0; i < PM_POSITIONS; i++) {
        if (i >= fragment->length) {
            b->wildcards[i] += (unsigned)step;
            continue;
        }
        int c = fragment->bytes[i];
        uint16_t before = b->members[i][c];
        b->members[i][c] = (uint16_t)(before + step);
        if ((before == 0) != (b->members[i][c] == 0)) b->weight[i] += (unsigned)step * frequency(c);
    }
}

/// Words that announce a credential: their places are marked too, for `pm_has_credential_word`, if there are providers.
static const char *const hints[] = {"api", "key", "pat", "pwd", "auth", "cred", "pass", "token", "bearer", "secret"};

/// Adds `bytes`, whose places are to be marked, unless a fragment marks them already. Returns the new count.
static uint32_t add_hint(pm_fragment *all, uint32_t count, uint32_t capacity, const uint8_t *bytes, size_t length) {
    pm_fragment added = {.length = (uint8_t)(length < PM_POSITIONS ? length : PM_POSITIONS)};
    for (size_t i = 0; i < added.length; i++) added.bytes[i] = pm_fold(bytes[i]);
    for (uint32_t id = 0; id < count; id++) {
        if (all[id].length <= added.length && memcmp(all[id].bytes, added.bytes, all[id].length) == 0) return count;
    }
    if (count == capacity) return count;
    all[count] = added;
    return count + 1;
}

enum { WORD_CLASSES = 32 };

/// Whether a word can stand around a fragment that has a byte of this class, or nothing of the name, before it.
static int fits_class(const pm_word *word, unsigned class) {
    // Of a word that is cut off before the fragment nothing is known.
    if (word->offset == 0 || word->offset > word->length) return 1;
    uint8_t wanted = word->bytes[word->offset - 1];
    return (wanted & 31) == class || (wanted == '_' && (class == ('-' & 31) || class == ('.' & 31)));
}

/// Appends a number to `word_lists`. Returns 0, or -1 if memory is short.
static int append_to_lists(pm_tables *tables, uint32_t number) {
    uint32_t *added = append((void **)&tables->word_lists, &tables->word_list_count, &tables->word_list_capacity, sizeof number);
    if (added == NULL) return -1;
    *added = number;
    return 0;
}

/// Makes `word_lists`. Classes that only words without a byte before the fragment fit share one list.
static void list_words(pm_tables *tables) {
    tables->word_list_count = 0;
    for (uint32_t id = 0; id < tables->fragment_count; id++) {
        pm_fragment *fragment = &tables->fragments[id];
        if (!fragment->first_word) continue;
        fragment->lists = tables->word_list_count;
        int failed = 0;
        for (unsigned class = 0; class < WORD_CLASSES; class++) failed |= append_to_lists(tables, 0);
        uint32_t shared = 0;
        for (unsigned class = 0; class < WORD_CLASSES && !failed; class++) {
            uint32_t begin = tables->word_list_count - fragment->lists;
            int is_shared = 1;
            for (uint32_t index = fragment->first_word; index; index = tables->words[index - 1].next)
                is_shared &= tables->words[index - 1].offset == 0 || !fits_class(&tables->words[index - 1], class);
            if (!is_shared || !shared) {
                for (uint32_t index = fragment->first_word; index; index = tables->words[index - 1].next) {
                    const pm_word *word = &tables->words[index - 1];
                    if (is_shared ? word->offset == 0 : fits_class(word, class)) failed |= append_to_lists(tables, index);
                }
                failed |= append_to_lists(tables, 0);
                if (is_shared) shared = begin;
            }
            if (!failed) tables->word_lists[fragment->lists + class] = is_shared ? shared : begin;
        }
        if (failed) {
            free(tables->word_lists);
            tables->word_lists = NULL;
            tables->word_list_count = tables->word_list_capacity = 0;
            return;
        }
    }
}

/// Puts fragments into buckets, so that few places pass a bucket without being one of its fragments. Each goes where it
/// adds least, and once all are there each is asked again.
/// Whether a fragment that begins with its first byte three times holds other bytes, or counts wherever it stands.
static int is_more_than_repeated(const pm_fragment *fragment) {
    if (fragment->bytes[1] != fragment->bytes[0] || fragment->bytes[2] != fragment->bytes[0]) return 0;
    for (size_t i = 3; i < fragment->length; i++) {
        if (fragment->bytes[i] != fragment->bytes[0]) return 1;
    }
    return fragment->screen_count != 1 || fragment->screens[0] != PM_SCREEN_INNER;
}

void pm_tables_finish(pm_tables *tables) {
    list_words(tables);
    memset(tables->repeats, 1, sizeof tables->repeats);
    for (uint32_t id = 0; id < tables->fragment_count; id++) {
        const pm_fragment *fragment = &tables->fragments[id];
        if (!is_more_than_repeated(fragment)) continue;
        for (size_t c = 0; c < sizeof tables->repeats; c++) tables->repeats[c] &= pm_fold((uint8_t)c) != fragment->bytes[0];
    }
    memset(tables->low, 0, sizeof tables->low);
    memset(tables->high, 0, sizeof tables->high);
    memset(tables->full, 0, sizeof tables->full);
    memset(tables->mark_filter, 0, sizeof tables->mark_filter);
    bucket *buckets = calloc(BUCKETS, sizeof *buckets);
    const uint32_t word_count = sizeof hints / sizeof hints[0], capacity = tables->fragment_count + word_count + tables->context_count;
    pm_fragment *all = calloc(capacity, sizeof *all);
    uint8_t *place = calloc(capacity, 1);
    if (buckets == NULL || all == NULL || place == NULL) {
        // Without buckets every place passes.
        memset(tables->low, 0xff, sizeof tables->low);
        memset(tables->high, 0xff, sizeof tables->high);
        memset(tables->full, 0xff, sizeof tables->full);
        memset(tables->mark_filter, 0xff, sizeof tables->mark_filter);
        free(buckets), free(all), free(place);
        return;
    }
    uint32_t count = tables->fragment_count;
    if (count) memcpy(all, tables->fragments, count * sizeof *all);
    for (uint32_t i = 0; i < word_count && tables->provider_count; i++)
        count = add_hint(all, count, capacity, (const uint8_t *)hints[i], strlen(hints[i]));
    for (uint32_t i = 0; i < tables->context_count; i++) {
        const pm_context *context = &tables->contexts[i];
        if (context->length >= 3) count = add_hint(all, count, capacity, context->bytes, context->length);
    }
    double shares[BUCKETS] = {0};
    // With many fragments every bucket is full, and no order helps.
    int rounds = count <= 192 ? 2 : 1;
    for (int round = 0; round < rounds; round++) {
        for (uint32_t id = 0; id < count; id++) {
            if (round > 0) {
                put(&buckets[place[id]], &all[id], -1);
                shares[place[id]] = share(&buckets[place[id]]);
            }
            double least = 0;
            for (int k = 0; k < BUCKETS; k++) {
                double before = shares[k];
                put(&buckets[k], &all[id], 1);
                double added = share(&buckets[k]) - before;
                put(&buckets[k], &all[id], -1);
                if (k == 0 || added < least) {
                    least = added;
                    place[id] = (uint8_t)k;
                }
            }
            put(&buckets[place[id]], &all[id], 1);
            shares[place[id]] = share(&buckets[place[id]]);
        }
    }
    for (uint32_t id = 0; id < count; id++) {
        uint32_t hash = pm_hash(all[id].bytes[0], all[id].bytes[1], all[id].bytes[2]);
        tables->mark_filter[hash >> 6] |= 1ull << (hash & 63);
        int set = place[id] >> 3;
        uint8_t bit = (uint8_t)(1u << (place[id] & 7));
        for (int i = 0; i < PM_POSITIONS; i++) {
            for (int c = 0; c < 256; c++) {
                if (i < all[id].length && pm_fold((uint8_t)c) != all[id].bytes[i]) continue;
                tables->low[set][i][c & 15] |= bit;
                tables->high[set][i][c >> 4] |= bit;
                tables->full[set][i][c & 127] |= bit;
            }
        }
    }
    free(buckets), free(all), free(place);
}
