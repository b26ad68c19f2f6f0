#include "CPrefilter.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define PM_X86 1
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/// Bytes of one step.
enum { BLOCK = 64 };

/// Bit i of each mask describes byte i of a block.
typedef struct block_masks {
    uint64_t token;
    uint64_t at;
    uint64_t fragment;
    uint64_t escape;
} block_masks;

// clang-format off
const uint8_t pm_classes[256] = {
    ['+'] = 3, ['-'] = 3, ['.'] = 1, ['/'] = 3, ['0'] = 7, ['1'] = 7, ['2'] = 7, ['3'] = 7, ['4'] = 7, ['5'] = 7,
    ['6'] = 7, ['7'] = 7, ['8'] = 7, ['9'] = 7, ['='] = 1, ['@'] = 1, ['A'] = 7, ['B'] = 7, ['C'] = 7, ['D'] = 7,
    ['E'] = 7, ['F'] = 7, ['G'] = 7, ['H'] = 7, ['I'] = 7, ['J'] = 7, ['K'] = 7, ['L'] = 7, ['M'] = 7, ['N'] = 7,
    ['O'] = 7, ['P'] = 7, ['Q'] = 7, ['R'] = 7, ['S'] = 7, ['T'] = 7, ['U'] = 7, ['V'] = 7, ['W'] = 7, ['X'] = 7,
    ['Y'] = 7, ['Z'] = 7, [':'] = 8, ['$'] = 8, ['!'] = 8, ['|'] = 8, ['&'] = 8, ['\\'] = 8, ['_'] = 3, ['a'] = 7, ['b'] = 7, ['c'] = 7, ['d'] = 7, ['e'] = 7, ['f'] = 7, ['g'] = 7,
    ['h'] = 7, ['i'] = 7, ['j'] = 7, ['k'] = 7, ['l'] = 7, ['m'] = 7, ['n'] = 7, ['o'] = 7, ['p'] = 7, ['q'] = 7,
    ['r'] = 7, ['s'] = 7, ['t'] = 7, ['u'] = 7, ['v'] = 7, ['w'] = 7, ['x'] = 7, ['y'] = 7, ['z'] = 7, ['~'] = 1,
};
// clang-format on

const uint32_t pm_common_pairs[26] = {
    0x11ebd4e, 0x0164911, 0x01e4d95, 0x0164919, 0x1efb97d, 0x0124931, 0x0162111, 0x0004111, 0x22ef87f,
    0x0000000, 0x0040110, 0x11c4919, 0x014d113, 0x03c657d, 0x07efc6e, 0x11ec911, 0x0100000, 0x11e795d,
    0x11cc995, 0x11ed99d, 0x00eb917, 0x0000111, 0x0020111, 0x0088000, 0x0048000, 0x0000010,
};

/// Bits of a base64 digit: 1 may be first, 2 second, 4 third of a group that decodes to printable ASCII; 8 is a digit of base64.
static uint8_t textual[256];
/// 1 decimal digit, 2 letter, 4 hexadecimal digit, 8 one of 2-7.
static uint8_t kind_of[256];

__attribute__((constructor)) static void fill_tables(void) {
    for (int c = 0; c < 256; c++) {
        int v = -1;
        if (c >= 'A' && c <= 'Z') v = c - 'A';
        else if (c >= 'a' && c <= 'z') v = c - 'a' + 26;
        else if (c >= '0' && c <= '9') v = c - '0' + 52;
        else if (c == '+' || c == '-') v = 62;
        else if (c == '/' || c == '_') v = 63;
        if (v >= 0) {
            uint8_t bits = 8;
            if ((v >= 8 && v <= 31) || v == 0 || v == 2 || v == 3) bits |= 1;
            if ((v & 15) == 0 || ((v & 15) >= 2 && (v & 15) <= 7)) bits |= 2;
            if ((v & 3) < 2) bits |= 4;
            textual[c] = bits;
        }
        uint8_t k = 0;
        if (c >= '0' && c <= '9') k |= 1;
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') k |= 2;
        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) k |= 4;
        if (c >= '2' && c <= '7') k |= 8;
        kind_of[c] = k;
    }
}

void pm_tables_init(pm_tables *tables) { memset(tables, 0, sizeof *tables); }

ALWAYS_INLINE uint8_t fold(uint8_t byte) { return byte | 0x20; }

ALWAYS_INLINE uint32_t fragment_hash(uint8_t a, uint8_t b, uint8_t c) {
    uint32_t key = (uint32_t)a | (uint32_t)b << 8 | (uint32_t)c << 16;
    return (key * 0x9E3779B1u) >> (32 - PM_FRAGMENT_BITS);
}

int pm_tables_add_fragment(pm_tables *tables, const uint8_t *bytes, size_t length) {
    if (tables->fragment_count == PM_MAXIMUM_FRAGMENTS || length < 3 || length > PM_FRAGMENT_LENGTH) return -1;
    uint32_t id = tables->fragment_count++;
    // Fragments that begin alike share a bucket, which keeps the masks sparse.
    uint32_t bucket = id & 7;
    for (uint32_t other = 0; other < id; other++) {
        if (tables->fragment_bytes[other][0] == fold(bytes[0]) && tables->fragment_bytes[other][1] == fold(bytes[1])) {
            bucket = tables->fragment_bucket[other];
            break;
        }
    }
    tables->fragment_length[id] = (uint8_t)length;
    uint32_t slot = fragment_hash(fold(bytes[0]), fold(bytes[1]), fold(bytes[2]));
    tables->fragment_next[id] = tables->fragment_heads[slot];
    tables->fragment_heads[slot] = (uint16_t)(id + 1);
    tables->fragment_bucket[id] = (uint8_t)bucket;
    for (size_t i = 0; i < length; i++) tables->fragment_bytes[id][i] = fold(bytes[i]);
    for (size_t i = 0; i < 3; i++) {
        tables->low[i][fold(bytes[i]) & 15] |= (uint8_t)(1u << bucket);
        tables->high[i][fold(bytes[i]) >> 4] |= (uint8_t)(1u << bucket);
    }
    return (int)id;
}

ALWAYS_INLINE uint32_t anchor_hash(const uint8_t *p) {
    uint32_t key = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    return (key * 0x9E3779B1u) >> 16;
}

void pm_tables_add_anchor(pm_tables *tables, const uint8_t *bytes) {
    uint32_t hash = anchor_hash(bytes);
    tables->anchors[hash >> 6] |= 1ull << (hash & 63);
}

/// What 64 bytes of a run are made of; bit i of each mask describes byte i.
typedef struct run_masks {
    uint64_t alnum, digit, hex, two_to_seven, equals;
    /// May be first, second, third of a base64 group that decodes to text; is a digit of base64.
    uint64_t first, second, third, base64;
} run_masks;

/// Bytes of one window of a run, and how far the next one begins before its end: a stretch that is looked for lies
/// within one of them.
enum { WINDOW = 64, WINDOW_OVERLAP = 24 };

/// Whether an operator, or a word that may announce a credential, stands before the run.
ALWAYS_INLINE int announced(const uint8_t *run, size_t before) {
    const uint8_t *p = run;
    const uint8_t *floor = run - (before < 12 ? before : 12);
    while (p > floor) {
        uint8_t c = p[-1];
        if (c != ' ' && c != '\t' && c != '"' && c != '\'' && c != '`' && c != '\\' && c != '(' && c != '[') break;
        p--;
    }
    if (p == floor) return 0;
    uint8_t c = p[-1];
    return c == '=' || c == ':' || c == '>' || c == ',' || c == '|' || (p < run && (kind_of[c] & 2));
}

/// What a run holds: a few operations on masks for each window of it.
#define PM_RUN_FLAGS_BODY(MASKS)                                                                                      \
    uint8_t flags = 0;                                                                                                \
    unsigned digits = 0, letters = 0;                                                                                 \
    int sees_equals = 0;                                                                                              \
    for (size_t at = 0; at < length; at += WINDOW - WINDOW_OVERLAP) {                                                 \
        size_t left = length - at;                                                                                    \
        uint8_t padded[WINDOW] = {0};                                                                                 \
        const uint8_t *p = text + start + at;                                                                         \
        if (start + at + WINDOW > to) {                                                                               \
            memcpy(padded, p, left < WINDOW ? left : WINDOW);                                                         \
            p = padded;                                                                                               \
        }                                                                                                             \
        run_masks m = MASKS(p);                                                                                       \
        uint64_t valid = left >= WINDOW ? ~0ull : (1ull << left) - 1;                                                 \
        uint64_t fresh = at ? valid & ~((1ull << WINDOW_OVERLAP) - 1) : valid;                                        \
        digits += (unsigned)__builtin_popcountll(m.digit & fresh);                                                    \
        letters += (unsigned)__builtin_popcountll((m.alnum & ~m.digit) & fresh);                                      \
        sees_equals |= (m.equals & valid) != 0;                                                                       \
        /* Four base64 groups in a row that decode to text. */                                                        \
        uint64_t base64 = m.base64 & valid;                                                                           \
        uint64_t g = m.first & m.second >> 1 & m.third >> 2 & base64 & base64 >> 1 & base64 >> 2 & base64 >> 3;       \
        if (g & g >> 4 & g >> 8 & g >> 12) flags |= PM_RUN_BASE64_TEXT;                                               \
        /* Ten pairs of hexadecimal digits in a row whose first is 2 to 7. */                                         \
        uint64_t h = m.two_to_seven & (m.hex & valid) >> 1 & valid;                                                   \
        h &= h >> 2;                                                                                                  \
        h &= h >> 4;                                                                                                  \
        if (h & h >> 8 & h >> 12) flags |= PM_RUN_HEX_TEXT;                                                           \
        /* Anchors begin where no letter or digit stands before. */                                                   \
        uint64_t begin = ~(m.alnum << 1) & valid;                                                                     \
        if (at && (pm_classes[text[start + at - 1]] & 4)) begin &= ~1ull;                                             \
        while (begin) {                                                                                               \
            size_t i = (size_t)__builtin_ctzll(begin);                                                                \
            begin &= begin - 1;                                                                                       \
            if (i + 3 > left) break;                                                                                  \
            uint32_t hash = anchor_hash(text + start + at + i);                                                       \
            if (tables->anchors[hash >> 6] >> (hash & 63) & 1) flags |= PM_RUN_ANCHOR;                                \
        }                                                                                                             \
        /* The tail of an escape (`\n`, `%20`, `\u0022`) before the first token looks like a part of it. */           \
        if (left <= WINDOW) break;                                                                                    \
    }                                                                                                                 \
    if (start > 0 && (text[start - 1] == '\\' || text[start - 1] == '%' || text[start - 1] == '[' ||                 \
                      text[start - 1] == ';' || text[start - 1] == '?' || text[start - 1] == ':')) {                  \
        for (size_t i = start; i < start + 8 && i + 3 <= start + length; i++) {                                       \
            uint32_t hash = anchor_hash(text + i);                                                                    \
            if (tables->anchors[hash >> 6] >> (hash & 63) & 1) flags |= PM_RUN_ANCHOR;                                \
        }                                                                                                             \
    }                                                                                                                 \
    if (start > 0 && (pm_classes[text[start - 1]] & 8)) flags |= PM_RUN_CONTEXT;                                      \
    if (digits >= 2 && letters && (sees_equals || announced(text + start, start))) flags |= PM_RUN_MIXED;             \
    return flags;

/// The slow twin of `avx2_run`.
ALWAYS_INLINE run_masks scalar_run(const uint8_t *p) {
    run_masks m = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < WINDOW; i++) {
        uint64_t bit = 1ull << i;
        uint8_t k = kind_of[p[i]], t = textual[p[i]];
        if (k & 3) m.alnum |= bit;
        if (k & 1) m.digit |= bit;
        if (k & 4) m.hex |= bit;
        if (k & 8) m.two_to_seven |= bit;
        if (p[i] == '=') m.equals |= bit;
        if (t & 1) m.first |= bit;
        if (t & 2) m.second |= bit;
        if (t & 4) m.third |= bit;
        if (t & 8) m.base64 |= bit;
    }
    return m;
}

static __attribute__((noinline)) uint8_t run_flags_scalar(const pm_tables *tables, const uint8_t *text, size_t start, size_t length,
                                                          size_t to) {
    PM_RUN_FLAGS_BODY(scalar_run)
}

typedef uint8_t (*run_flags_function)(const pm_tables *, const uint8_t *, size_t, size_t, size_t);

/// State that goes from block to block.
typedef struct scanner {
    const pm_tables *tables;
    const uint8_t *text;
    size_t from, to;
    pm_candidate *out;
    size_t count;
    /// Length of the token run that ends right before the current block.
    size_t open;
    run_flags_function run_flags;
} scanner;

ALWAYS_INLINE void emit(scanner *s, size_t start, size_t end, uint8_t kind, uint8_t flags, uint16_t id) {
    s->out[s->count++] = (pm_candidate){(uint32_t)start, (uint32_t)end, kind, flags, id};
}

ALWAYS_INLINE void emit_run(scanner *s, size_t start, size_t end) {
    uint8_t flags = s->run_flags(s->tables, s->text, start, end - start, s->to);
    if (flags) emit(s, start, end, PM_RUN, flags, 0);
}

/// Runs of the block at `position` whose token bytes are `token`.
ALWAYS_INLINE void runs(scanner *s, size_t position, uint64_t token) {
    if (token == ~0ull) {
        s->open += BLOCK;
        return;
    }
    unsigned lead = (unsigned)__builtin_ctzll(~token);
    if (s->open + lead >= PM_MINIMUM_RUN) emit_run(s, position - s->open, position + lead);
    // Starts of 16 set bits in a row, found by doubling.
    uint64_t rest = lead ? token & ~((1ull << lead) - 1) : token;
    uint64_t m = rest & rest >> 1;
    m &= m >> 2;
    m &= m >> 4;
    m &= m >> 8;
    while (m) {
        unsigned start = (unsigned)__builtin_ctzll(m);
        uint64_t above = ~(token >> start);
        unsigned length = (unsigned)__builtin_ctzll(above);
        if (start + length >= BLOCK) break;  // Open at the end of the block.
        emit_run(s, position + start, position + start + length);
        m &= ~0ull << (start + length);
    }
    s->open = (size_t)__builtin_clzll(~token);
}

ALWAYS_INLINE void fragments(scanner *s, size_t position, uint64_t mask) {
    while (mask) {
        size_t at = position + (size_t)__builtin_ctzll(mask);
        mask &= mask - 1;
        const uint8_t *p = s->text + at;
        size_t left = s->to - at;
        if (left < 3) return;
        uint8_t a = fold(p[0]), b = fold(p[1]), c = fold(p[2]);
        for (uint32_t id = s->tables->fragment_heads[fragment_hash(a, b, c)]; id; id = s->tables->fragment_next[id - 1]) {
            const uint8_t *f = s->tables->fragment_bytes[id - 1];
            size_t n = s->tables->fragment_length[id - 1];
            if (f[0] != a || f[1] != b || f[2] != c || n > left) continue;
            size_t i = 3;
            while (i < n && fold(p[i]) == f[i]) i++;
            if (i == n) {
                emit(s, at, at + n, PM_FRAGMENT, 0, (uint16_t)(id - 1));
                break;
            }
        }
    }
}

ALWAYS_INLINE int is_hex(uint8_t c) { return kind_of[c] & 4; }

/// Reports escapes that can stand inside a token; `\n`, `\"` and a colour between words are delimiters, not escapes.
ALWAYS_INLINE void escapes(scanner *s, size_t position, uint64_t mask) {
    while (mask) {
        size_t at = position + (size_t)__builtin_ctzll(mask);
        mask &= mask - 1;
        const uint8_t *p = s->text + at;
        size_t left = s->to - at;
        uint8_t before = at > 0 ? p[-1] : 0;
        int report;
        switch (p[0]) {
        case '%': report = left < 3 || (is_hex(p[1]) && is_hex(p[2])); break;
        case '\\':
            report = left < 2 || p[1] == 'u' || p[1] == 'U' || p[1] == 'x' || p[1] == '/' || p[1] == '\\' || (p[1] >= '0' && p[1] <= '7');
            break;
        case '&': report = left < 2 || p[1] == '#' || (kind_of[p[1]] & 2); break;
        case 0x1b: report = pm_is_token(before) && (left < 2 || p[1] == '['); break;
        default:  // NUL: a token byte before it, and a NUL or the beginning before that.
            report = at >= 3 && pm_is_token(before) && p[-2] == 0 && pm_is_token(p[-3]);
            if (!report) report = left >= 4 && pm_is_token(p[1]) && p[2] == 0 && pm_is_token(p[3]);
            break;
        }
        if (report) emit(s, at, at + 1, PM_ESCAPE, 0, p[0]);
    }
}

ALWAYS_INLINE void consume(scanner *s, size_t position, block_masks masks) {
    uint64_t at = masks.at;
    while (at) {
        size_t p = position + (size_t)__builtin_ctzll(at);
        at &= at - 1;
        emit(s, p, p + 1, PM_AT, 0, 0);
    }
    if (masks.fragment) fragments(s, position, masks.fragment);
    if (masks.escape) escapes(s, position, masks.escape);
    runs(s, position, masks.token);
}

/// The slow twin of every kernel: one byte at a time.
ALWAYS_INLINE block_masks scalar_block(const pm_tables *tables, const uint8_t *p) {
    block_masks masks = {0, 0, 0, 0};
    for (int i = 0; i < BLOCK; i++) {
        uint8_t c = p[i];
        uint64_t bit = 1ull << i;
        if (pm_is_token(c)) masks.token |= bit;
        if (c == '@') masks.at |= bit;
        if (c == '%' || c == '\\' || c == '&' || c == 0x1b || c == 0) masks.escape |= bit;
        uint8_t a = fold(c), b = fold(p[i + 1]), d = fold(p[i + 2]);
        if (tables->low[0][a & 15] & tables->high[0][a >> 4] & tables->low[1][b & 15] & tables->high[1][b >> 4] &
            tables->low[2][d & 15] & tables->high[2][d >> 4])
            masks.fragment |= bit;
    }
    return masks;
}

/// The frame of every kernel: whole blocks from the text, the last one from a padded copy.
#define PM_SCAN_BODY(KERNEL, FLAGS)                                                                                         \
    scanner s = {tables, text, from, to, out, 0, 0, FLAGS};                                                           \
    size_t position = from;                                                                                           \
    /* A block yields at most 64 of each kind; look-ahead of the fragment masks is 2 bytes. */                        \
    for (; position + BLOCK + 2 <= to; position += BLOCK) {                                                           \
        if (s.count + 4 * BLOCK + 2 > capacity) goto stop;                                                                \
        consume(&s, position, KERNEL(tables, text + position));                                                       \
    }                                                                                                                 \
    while (position < to) {                                                                                           \
        if (s.count + 4 * BLOCK + 2 > capacity) goto stop;                                                                \
        uint8_t padded[BLOCK + 32] = {0};                                                                             \
        size_t left = to - position;                                                                                  \
        memcpy(padded, text + position, left < BLOCK + 2 ? left : BLOCK + 2);                                         \
        block_masks masks = KERNEL(tables, padded);                                                                   \
        if (left < BLOCK) {                                                                                           \
            uint64_t valid = (1ull << left) - 1;                                                                      \
            masks.token &= valid, masks.at &= valid, masks.fragment &= valid, masks.escape &= valid;                  \
        }                                                                                                             \
        consume(&s, position, masks);                                                                                 \
        position += BLOCK;                                                                                            \
    }                                                                                                                 \
    if (position == to && s.open >= PM_MINIMUM_RUN) emit_run(&s, to - s.open, to);                                    \
    *next = to;                                                                                                       \
    return s.count;                                                                                                   \
stop:                                                                                                                 \
    /* Go back to the beginning of an open run, unless it began at `from`: then report its first part unseen. */      \
    *next = position - s.open;                                                                                        \
    if (*next <= from) {                                                                                              \
        if (s.open) emit(&s, from, position, PM_RUN, PM_RUN_ALL, 0);                                                  \
        *next = position;                                                                                             \
    }                                                                                                                 \
    return s.count;

static size_t scan_scalar(const pm_tables *tables, const uint8_t *text, size_t from, size_t to, pm_candidate *out,
                          size_t capacity, size_t *next) {
    PM_SCAN_BODY(scalar_block, run_flags_scalar)
}

#if PM_X86
#define AVX2 __attribute__((target("avx2,bmi,lzcnt")))

/// 32 bytes: which are token bytes. Two look-ups: the high nibble chooses a set of rows, the low nibble has a bit a row.
static inline __attribute__((always_inline)) AVX2 __m256i token_bytes(__m256i v, __m256i low_table, __m256i high_table) {
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(low_table, v);  // Bytes of 0x80 and above give 0.
    __m256i high = _mm256_shuffle_epi8(high_table, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    return _mm256_and_si256(low, high);
}

static inline __attribute__((always_inline)) AVX2 uint64_t nonzero(__m256i a, __m256i b) {
    const __m256i zero = _mm256_setzero_si256();
    uint32_t x = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, zero));
    uint32_t y = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, zero));
    return (uint64_t)y << 32 | x;
}

static inline __attribute__((always_inline)) AVX2 uint64_t equal(__m256i a, __m256i b, char byte) {
    const __m256i wanted = _mm256_set1_epi8(byte);
    uint32_t x = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, wanted));
    uint32_t y = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, wanted));
    return (uint64_t)y << 32 | x;
}

/// Bytes whose three folded neighbours fit a bucket's nibble masks ("Teddy", after Intel's Hyperscan).
static inline __attribute__((always_inline)) AVX2 __m256i fragment_bytes32(const pm_tables *tables, const uint8_t *p) {
    const __m256i nibble = _mm256_set1_epi8(15), folding = _mm256_set1_epi8(0x20);
    __m256i result = _mm256_set1_epi8(-1);
    for (int i = 0; i < 3; i++) {
        __m256i low_table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)tables->low[i]));
        __m256i high_table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)tables->high[i]));
        __m256i v = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(p + i)), folding);
        __m256i low = _mm256_shuffle_epi8(low_table, _mm256_and_si256(v, nibble));
        __m256i high = _mm256_shuffle_epi8(high_table, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
        result = _mm256_and_si256(result, _mm256_and_si256(low, high));
    }
    return result;
}

static inline __attribute__((always_inline)) AVX2 block_masks avx2_block(const pm_tables *tables, const uint8_t *p) {
    // Rows: 1 for 0x2_ (+ - . /), 2 for 0x3_ (0-9 =), 4 for 0x4_ and 0x6_ (@ A-O a-o), 8 for 0x5_ (P-Z _), 16 for 0x7_ (p-z ~);
    // 0x6_ has no member at low nibble 0, so it has row 32 of its own.
    const __m256i low_table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        2 | 4 | 8 | 16, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32,
        2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32, 2 | 4 | 8 | 16 | 32,
        4 | 8 | 16 | 32, 1 | 4 | 32, 4 | 32, 1 | 2 | 4 | 32, 1 | 4 | 16 | 32, 1 | 4 | 8 | 32));
    const __m256i high_table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 1, 2, 4, 8, 32, 16, 0, 0, 0, 0, 0, 0, 0, 0));
    __m256i a = _mm256_loadu_si256((const __m256i *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));
    block_masks masks;
    masks.token = nonzero(token_bytes(a, low_table, high_table), token_bytes(b, low_table, high_table));
    masks.at = equal(a, b, '@');
    masks.escape = equal(a, b, '%') | equal(a, b, '\\') | equal(a, b, '&') | equal(a, b, 0x1b) | equal(a, b, 0);
    masks.fragment = nonzero(fragment_bytes32(tables, p), fragment_bytes32(tables, p + 32));
    return masks;
}

/// Bytes in `low...low + count - 1`, as 0xFF.
static inline __attribute__((always_inline)) AVX2 __m256i in_range(__m256i v, char low, char count) {
    // Unsigned v - low < count, through the signed comparison of AVX2.
    __m256i shifted = _mm256_sub_epi8(v, _mm256_set1_epi8((char)(low + (char)-128)));
    return _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(-128 + count)), shifted);
}

/// Masks of half a window. The value of a base64 digit decides what it may be in a group; it is computed by ranges.
static inline __attribute__((always_inline)) AVX2 void avx2_run_half(const uint8_t *p, uint32_t out[9]) {
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i upper = in_range(v, 'A', 26), lower = in_range(v, 'a', 26), digit = in_range(v, '0', 10);
    __m256i is62 = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('+')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('-')));
    __m256i is63 = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('/')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('_')));
    __m256i letter = _mm256_or_si256(upper, lower), alnum = _mm256_or_si256(letter, digit);
    __m256i base64 = _mm256_or_si256(alnum, _mm256_or_si256(is62, is63));
    // 6-bit value: v - 'A', v - 'a' + 26, v - '0' + 52, 62, 63.
    __m256i value = _mm256_and_si256(upper, _mm256_sub_epi8(v, _mm256_set1_epi8('A')));
    value = _mm256_or_si256(value, _mm256_and_si256(lower, _mm256_sub_epi8(v, _mm256_set1_epi8('a' - 26))));
    value = _mm256_or_si256(value, _mm256_and_si256(digit, _mm256_add_epi8(v, _mm256_set1_epi8(52 - '0'))));
    value = _mm256_or_si256(value, _mm256_and_si256(is62, _mm256_set1_epi8(62)));
    value = _mm256_or_si256(value, _mm256_and_si256(is63, _mm256_set1_epi8(63)));
    const __m256i zero = _mm256_setzero_si256();
    __m256i first = _mm256_or_si256(in_range(value, 8, 24), _mm256_or_si256(_mm256_cmpeq_epi8(value, zero), in_range(value, 2, 2)));
    __m256i low4 = _mm256_and_si256(value, _mm256_set1_epi8(15));
    __m256i second = _mm256_or_si256(_mm256_cmpeq_epi8(low4, zero), in_range(low4, 2, 6));
    __m256i third = _mm256_cmpeq_epi8(_mm256_and_si256(value, _mm256_set1_epi8(2)), zero);
    __m256i folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    __m256i hex = _mm256_or_si256(digit, _mm256_and_si256(letter, in_range(folded, 'a', 6)));
    out[0] = (uint32_t)_mm256_movemask_epi8(alnum);
    out[1] = (uint32_t)_mm256_movemask_epi8(digit);
    out[2] = (uint32_t)_mm256_movemask_epi8(hex);
    out[3] = (uint32_t)_mm256_movemask_epi8(in_range(v, '2', 6));
    out[4] = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(first, base64));
    out[5] = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(second, base64));
    out[6] = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(third, base64));
    out[7] = (uint32_t)_mm256_movemask_epi8(base64);
    out[8] = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('=')));
}

static inline __attribute__((always_inline)) AVX2 run_masks avx2_run(const uint8_t *p) {
    uint32_t low[9], high[9];
    avx2_run_half(p, low);
    avx2_run_half(p + 32, high);
#define JOIN(i) ((uint64_t)high[i] << 32 | low[i])
    return (run_masks){JOIN(0), JOIN(1), JOIN(2), JOIN(3), JOIN(8), JOIN(4), JOIN(5), JOIN(6), JOIN(7)};
#undef JOIN
}

AVX2 static __attribute__((noinline)) uint8_t run_flags_avx2(const pm_tables *tables, const uint8_t *text, size_t start, size_t length,
                                                             size_t to) {
    PM_RUN_FLAGS_BODY(avx2_run)
}

AVX2 static size_t scan_avx2(const pm_tables *tables, const uint8_t *text, size_t from, size_t to, pm_candidate *out,
                             size_t capacity, size_t *next) {
    PM_SCAN_BODY(avx2_block, run_flags_avx2)
}
#endif

int pm_best_kernel(void) {
#if PM_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) return PM_KERNEL_AVX2;
#endif
    return PM_KERNEL_SCALAR;
}

size_t pm_scan(const pm_tables *tables, int kernel, const uint8_t *text, size_t from, size_t to, pm_candidate *out,
               size_t capacity, size_t *next) {
#if PM_X86
    if (kernel == PM_KERNEL_AVX2) return scan_avx2(tables, text, from, to, out, capacity, next);
#endif
    return scan_scalar(tables, text, from, to, out, capacity, next);
}
