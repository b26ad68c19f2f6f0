/// The frame that every kernel runs in: candidates from masks. Included by one file a kernel, which has defined `kernel_state`,
/// made by `prepare` from the tables, `classify`, `shape`, `value`, `append_bits`, and `PM_SCAN`, the name of the function made here.
///
/// The text is read in chunks of a few kilobytes, each in three steps. The first two have no branch that depends on the text,
/// since a branch that is guessed wrong costs as much as classifying half a block:
///
/// 1. every block is classified: 64 bytes to some masks;
/// 2. masks are joined over the borders of blocks, and become lists of places, of beginnings of words in long runs, of runs;
/// 3. what is on the lists is looked at.
#include "frame_masks.h"
#include "screens.h"

#define PM_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
// What is inlined passes no vectors.
#pragma clang diagnostic ignored "-Wpsabi"
#endif

/// Blocks of a chunk. The masks of a chunk stay in the first-level cache.
enum { BLOCKS = 32, CHUNK = BLOCKS * BLOCK };

/// Most candidates of a chunk: a fragment and an escape at each place, and a run in 17 bytes.
enum { MOST_RUNS = CHUNK / (PM_MINIMUM_RUN + 1) + 2, MOST = 2 * CHUNK + MOST_RUNS };
_Static_assert(MOST <= PM_MINIMUM_CAPACITY, "a chunk's candidates fit");

/// Masks of eight blocks, one a lane.
typedef uint64_t lanes __attribute__((vector_size(64)));

/// A row a block: the one before the chunk, its blocks, the one behind it.
enum { LANES = 8, ROWS = BLOCKS + 2 };
_Static_assert(BLOCKS % LANES == 0 && BLOCKS < 64, "whole vectors, and a bit for each block");

/// What `block_masks` holds, of the blocks of a chunk: row 0 is the block before it, `blocks` + 1 the one behind it.
typedef struct rows {
    uint64_t token[ROWS], alnum[ROWS], places[ROWS], fragments[ROWS], groups[ROWS], pairs[ROWS], operators[ROWS], skipped[ROWS];
} rows;

typedef struct frame {
    const pm_tables *tables;
    const uint8_t *text;
    size_t from, to;
    pm_candidate *out;
    size_t count;

    /// Blocks of this chunk; the last one of a text, and a short text, has fewer.
    unsigned blocks;
    rows masks;
    /// Bytes of long runs in the block before.
    uint64_t covered;
    /// Edges of long runs, and where a word begins in one.
    uint64_t edge_masks[ROWS], begin_masks[ROWS];
    /// Where text in base64 and in hexadecimal begins, and where an anchor stands; only if `has_hits`.
    uint64_t base64_text[ROWS], hex_text[ROWS], anchors[ROWS];
    int has_hits;

    /// A long run that goes on behind the chunk: where it began, and what has been seen in it.
    int is_open;
    size_t open_start;
    uint8_t open_flags;
    /// Where a provider's value may begin in it.
    int open_has_value;
    size_t open_value;

    /// Where a provider's value may begin.
    uint64_t values[ROWS];

    pm_commands commands;

    uint32_t place_count, mark_count, begin_count, edge_count;
    /// Offsets in the chunk: of places; of what may be fragments; of beginnings of words in long runs; of long runs and, by turns, of what
    /// follows them. Writers fill entries beyond the end.
    uint16_t places[CHUNK + BLOCK], marks[CHUNK + BLOCK], begins[CHUNK + BLOCK], edges[2 * MOST_RUNS + BLOCK];
    /// Candidates that are found apart from fragments, in order.
    pm_candidate others[CHUNK + MOST_RUNS];
    uint32_t other_count;
    uint8_t padded[BLOCK + PM_LOOKAHEAD + 1];
} frame;

PM_INLINE void emit(frame *f, size_t start, size_t end, uint8_t kind, uint8_t flags, uint16_t id) {
    f->out[f->count++] = (pm_candidate){(uint32_t)start, (uint32_t)end, kind, flags, id};
}

// MARK: Classify

PM_INLINE void set_row(rows *r, unsigned k, block_masks m) {
    r->token[k] = m.token, r->alnum[k] = m.alnum, r->places[k] = m.places, r->fragments[k] = m.fragments;
    r->groups[k] = m.groups, r->pairs[k] = m.pairs, r->operators[k] = m.operators, r->skipped[k] = m.skipped;
}

/// Row `from` becomes row `to`.
PM_INLINE void move_row(rows *r, unsigned from, unsigned to) {
    r->token[to] = r->token[from], r->alnum[to] = r->alnum[from], r->places[to] = r->places[from], r->fragments[to] = r->fragments[from];
    r->groups[to] = r->groups[from], r->pairs[to] = r->pairs[from], r->operators[to] = r->operators[from], r->skipped[to] = r->skipped[from];
}

PM_INLINE void read_block(const kernel_state *state, frame *f, size_t position, unsigned k) {
    if (position + BLOCK + PM_LOOKAHEAD <= f->to) {
        set_row(&f->masks, k, classify(state, f->text + position));
        return;
    }
    // The end of the text is read from a padded copy, so that no byte beyond it is.
    if (position >= f->to) {
        set_row(&f->masks, k, (block_masks){0});
        return;
    }
    size_t left = f->to - position;
    __builtin_memset(f->padded, 0, sizeof f->padded);
    __builtin_memcpy(f->padded, f->text + position, left < sizeof f->padded ? left : sizeof f->padded);
    block_masks m = classify(state, f->padded);
    if (left < BLOCK) {
        uint64_t valid = (1ull << left) - 1;
        m.places &= valid, m.fragments &= valid;
    }
    set_row(&f->masks, k, m);
}

// MARK: Join

PM_INLINE lanes load(const uint64_t *rows) {
    lanes v;
    __builtin_memcpy(&v, rows, sizeof v);
    return v;
}

PM_INLINE void store(uint64_t *rows, lanes v) { __builtin_memcpy(rows, &v, sizeof v); }

/// Bits moved to later bytes, with those of the blocks before; and to earlier bytes, with those of the blocks behind.
PM_INLINE lanes later(lanes now, lanes before, int by) { return now << by | before >> (64 - by); }
PM_INLINE lanes earlier(lanes now, lanes behind, int by) { return now >> by | behind << (64 - by); }

/// Ends of sixteen token bytes in a row, by doubling. Of the blocks before only the last bits matter.
PM_INLINE lanes sixteen(lanes now, lanes before) {
    for (int by = 1; by < 16; by *= 2) {
        now &= later(now, before, by);
        before &= before << by;
    }
    return now;
}

/// What stands behind an operator, or behind what may stand between one and a value: the sum carries through what is skipped. `reaches`
/// has bit 0 set where the block before ends so.
PM_INLINE lanes reached(lanes operators, lanes skipped, lanes reaches) {
    lanes found = operators << 1 | reaches;
    return found | (((found & skipped) + skipped) ^ skipped);
}

/// Joins masks over the borders of blocks, eight blocks at once. Lanes behind the last block of a text hold anything, and what becomes
/// of them is not read.
PM_INLINE void join(frame *f) {
    const rows *m = &f->masks;
    lanes covered_before = {0};
    covered_before[LANES - 1] = f->covered;
    for (unsigned k = 1; k <= f->blocks; k += LANES) {
        // All bytes of long runs: the ends of sixteen, and the fifteen bytes before each.
        lanes token = load(m->token + k), ends = sixteen(token, load(m->token + k - 1)), ends_behind = sixteen(load(m->token + k + 1), token);
        lanes covered = ends, behind = ends_behind;
        for (int by = 1; by < 16; by *= 2) {
            covered |= earlier(covered, behind, by);
            behind |= behind >> by;
        }
        lanes shifted = __builtin_shufflevector(covered_before, covered, 7, 8, 9, 10, 11, 12, 13, 14);
        store(f->edge_masks + k, covered ^ later(covered, shifted, 1));
        covered_before = covered;

        // Where a token may begin: no letter or digit stands before it.
        store(f->begin_masks + k, covered & ~later(load(m->alnum + k), load(m->alnum + k - 1), 1));

        // Sixteen token bytes behind an operator, or behind what may stand between. A block of nothing else passes for one behind an operator.
        lanes operators = load(m->operators + k - 1), skipped = load(m->skipped + k - 1);
        lanes reaches = ((reached(operators, skipped, (lanes){0}) & skipped) | operators) >> 63;
        reaches |= (lanes)(skipped == ~(lanes){0}) & 1;
        store(f->values + k, reached(load(m->operators + k), load(m->skipped + k), reaches) & earlier(ends, ends_behind, 15));

        // Four groups in a row, ten pairs in a row.
        lanes groups = load(m->groups + k), groups_behind = load(m->groups + k + 1);
        groups &= earlier(groups, groups_behind, 4), groups_behind &= groups_behind >> 4;
        store(f->base64_text + k, groups & earlier(groups, groups_behind, 8) & covered);
        lanes pairs = load(m->pairs + k), pairs_behind = load(m->pairs + k + 1);
        pairs &= earlier(pairs, pairs_behind, 2), pairs_behind &= pairs_behind >> 2;
        lanes four = pairs & earlier(pairs, pairs_behind, 4), four_behind = pairs_behind & pairs_behind >> 4;
        store(f->hex_text + k, four & earlier(four, four_behind, 8) & earlier(pairs, pairs_behind, 16) & covered);
    }
    f->covered = covered_before[LANES - 1];
}

/// Lists what is to be looked at.
PM_INLINE void list(frame *f) {
    uint32_t places = 0, marks = 0, begins = 0, edges = 0;
    uint64_t hits = 0, with_places = 0, with_marks = 0;
    for (unsigned k = 1; k <= f->blocks; k++) {
        unsigned base = (k - 1) * BLOCK;
        with_places |= (uint64_t)(f->masks.places[k] != 0) << k;
        with_marks |= (uint64_t)(f->masks.fragments[k] != 0) << k;
        edges = append_bits(f->edges, edges, f->edge_masks[k], base);
        begins = append_bits(f->begins, begins, f->begin_masks[k], base);
        hits |= f->base64_text[k] | f->hex_text[k];
        f->anchors[k] = 0;
    }
    // Most blocks have none.
    for (; with_places; with_places &= with_places - 1) {
        unsigned k = (unsigned)__builtin_ctzll(with_places);
        places = append_bits(f->places, places, f->masks.places[k], (k - 1) * BLOCK);
    }
    for (; with_marks; with_marks &= with_marks - 1) {
        unsigned k = (unsigned)__builtin_ctzll(with_marks);
        marks = append_bits(f->marks, marks, f->masks.fragments[k], (k - 1) * BLOCK);
    }
    f->has_hits = hits != 0;
    f->place_count = places;
    f->mark_count = marks;
    f->begin_count = begins;
    f->edge_count = edges;
}

// MARK: Look

/// Marks the anchors that begin where a word begins in a long run.
PM_INLINE void find_anchors(frame *f, size_t position) {
    const uint8_t *text = f->text + position;
    // The last bytes of the text are no beginning of an anchor.
    size_t left = f->to - position;
    for (uint32_t i = 0; i < f->begin_count; i++) {
        size_t at = f->begins[i];
        uint32_t key = 0;
        if (__builtin_expect(at + sizeof key > left, 0)) {
            if (at + 3 > left) break;
            __builtin_memcpy(&key, text + at, 3);
        } else {
            __builtin_memcpy(&key, text + at, sizeof key);
        }
        uint32_t hash = pm_hash_key(key);
        if (__builtin_expect(pm_filter_has(f->tables->anchor_filter, hash), 0) &&
            pm_has_anchor(f->tables, f->text, position + at, f->to, hash)) {
            f->anchors[1 + at / BLOCK] |= 1ull << (at % BLOCK);
            f->has_hits = 1;
        }
    }
}

/// What was seen in the bytes from `start` to `end` of the chunk.
static uint8_t flags_between(const frame *f, size_t start, size_t end) {
    uint8_t flags = 0;
    for (size_t k = start / BLOCK; k * BLOCK < end; k++) {
        uint64_t segment = ~0ull;
        if (k * BLOCK < start) segment &= ~0ull << (start % BLOCK);
        if (end - k * BLOCK < BLOCK) segment &= (1ull << (end - k * BLOCK)) - 1;
        if (f->anchors[k + 1] & segment) flags |= PM_RUN_ANCHOR;
        if (f->base64_text[k + 1] & segment) flags |= PM_RUN_BASE64_TEXT;
        if (f->hex_text[k + 1] & segment) flags |= PM_RUN_HEX_TEXT;
    }
    return flags;
}

/// Finds the last place in the bytes from `start` to `end` of the chunk where a provider's value may begin. Returns whether there is one.
PM_INLINE int last_value(const frame *f, size_t start, size_t end, size_t *at) {
    size_t k = (end - 1) / BLOCK;
    uint64_t mask = f->values[k + 1] & (~0ull >> (BLOCK - 1 - (end - 1) % BLOCK));
    while (!mask && k * BLOCK > start) mask = f->values[k--];
    if (!mask) return 0;
    *at = k * BLOCK + BLOCK - 1 - (size_t)__builtin_clzll(mask);
    return *at >= start;
}

/// A bit for each of the first `length` bytes.
PM_INLINE uint64_t valid_bits(size_t length) { return length < BLOCK ? (1ull << length) - 1 : ~0ull; }

/// Whether a value of `length` bytes, at most 64, may look random and holds digits and letters; `pm_looks_random` on masks, as far
/// as they tell.
PM_INLINE int may_be_random(const value_masks *m, size_t length, int is_uuid) {
    uint64_t valid = valid_bits(length), pairs = valid >> 1;
    uint64_t letter = m->letter & valid, digit = m->digit & valid, upper = m->upper & valid, lower = letter & ~upper;
    if (digit == 0 || letter == 0) return 0;
    uint64_t capital = lower & upper >> 1;
    unsigned changes = (unsigned)__builtin_popcountll(((letter & digit >> 1) | (digit & letter >> 1) | capital) & pairs);
    if ((m->hex & valid) == valid || is_uuid) return changes >= 2;
    uint64_t together = letter & letter >> 1 & ~capital & pairs;
    unsigned count = (unsigned)__builtin_popcountll(together), common = (unsigned)__builtin_popcountll(together & m->common);
    if (count < 3) return changes * 4 >= length || (unsigned)__builtin_popcountll(digit) * 3 >= length;
    // Shares of 0.85 and 0.68: see there.
    return changes * 5 >= length ? common * 100 < count * 85 : common * 100 < count * 68;
}

/// What may be marked: escapes and `@`, or fragments.
enum marks { PLACES, FRAGMENTS };

/// Marked places among the 64 before the offset `at` of the chunk at `position`; all, where nothing is known.
PM_INLINE uint64_t marks_before(const frame *f, size_t position, size_t at, enum marks marks) {
    if (at < BLOCK && position == f->from && position > 0) return ~0ull;
    unsigned k = (unsigned)(at / BLOCK), bits = at % BLOCK;
    const uint64_t *row = (marks == PLACES ? f->masks.places : f->masks.fragments) + k;
    return bits ? row[1] << (BLOCK - bits) | row[0] >> bits : row[0];
}

/// Where hyphens end the groups of a UUID.
#define UUID_GROUPS (1ull << 8 | 1ull << 13 | 1ull << 18 | 1ull << 23)

/// Whether `text[start, end)` may be a provider's token: it looks random, and before it stands a word that may be a provider's.
/// `fragments` marks places of credentials' words in the 64 bytes before it. Most values lack one of them; see
/// `pm_find_provider`.
PM_INLINE int may_have_provider(const kernel_state *state, const frame *f, size_t start, size_t end, uint64_t fragments) {
    const uint8_t *text = f->text;
    size_t length = end - start;
    // Not in reach of whole vectors.
    if (start < BLOCK || start + BLOCK + 1 > f->to) return 1;
    uint8_t first = text[start];
    if (!(pm_kinds[first] & PM_IS_ALNUM) && first != '_') return 0;
    int is_hex = 0;
    if (length <= BLOCK) {
        value_masks m = value(state, text + start);
        int is_uuid = length == 36 && (m.hex | ~valid_bits(36)) == ~UUID_GROUPS && pm_is_uuid(text + start, 36);
        is_hex = is_uuid || (m.hex | ~valid_bits(length)) == ~0ull;
        if (!may_be_random(&m, length, is_uuid)) {
            // A full stop at the end does not belong to it, and two dots end it: a part of it may look random.
            uint64_t dots = m.dot & valid_bits(length);
            if (!(dots & (dots >> 1 | 1ull << (length - 1)))) return 0;
        }
    }
    shape_masks before = shape(state, text + start - BLOCK);
    uint64_t reach = ~0ull << (BLOCK - PM_PROVIDER_REACH);
    if (before.line_feed) reach &= ~0ull << 1 << (63 - __builtin_clzll(before.line_feed));
    if (is_hex && !(fragments & reach)) {
        // A digest or identifier, and no credential's word: only its own name may be a provider's.
        unsigned gap = before.name ? (unsigned)__builtin_clzll(before.name) : BLOCK;
        if (gap > 6) return 0;
        uint64_t rest = ~(before.name << gap);
        unsigned name = rest ? (unsigned)__builtin_clzll(rest) : BLOCK;
        if (name + gap < BLOCK) reach &= ~0ull << (BLOCK - gap - name);
    }
    // A name begins behind something that is no letter, or at a change of case.
    uint64_t lower = before.letter & ~before.upper;
    uint64_t names = before.alnum & (~(before.letter << 1) | (before.upper & lower << 1)) & reach;
    // Of a number, only the last digit may begin a word (`8x8`).
    if (!f->tables->has_numbers) {
        uint64_t digit = before.alnum & ~before.letter;
        names &= ~(digit & digit >> 1);
    }
    const uint8_t *context = text + start - BLOCK;
    // Names are many, providers few: the first look has no branch.
    uint64_t hits = 0;
    for (; names; names &= names - 1) {
        unsigned i = (unsigned)__builtin_ctzll(names);
        uint32_t four;
        __builtin_memcpy(&four, context + i, sizeof four);
        hits |= (uint64_t)pm_may_begin_provider_word(f->tables, four) << i;
    }
    while (hits) {
        size_t i = (size_t)__builtin_ctzll(hits);
        hits &= hits - 1;
        if (pm_may_be_provider_word(f->tables, pm_eight(context + i, text + f->to)) &&
            pm_has_provider_word(f->tables, text, f->to, start - BLOCK + i, start))
            return 1;
    }
    return 0;
}

/// Looks at a run in which something was seen, or before which something stands, and reports it if anything of it is true.
static __attribute__((noinline)) void examine_run(frame *f, size_t start, size_t end, uint8_t flags, int has_provider, uint64_t marks,
                                                  int has_context) {
    const uint8_t *text = f->text;
    uint8_t before = start > 0 ? text[start - 1] : 0;
    if (start == f->from && start > 0 && pm_is_token(before)) {
        // It began earlier.
        flags = PM_RUN_ALL;
    } else {
        // The tail of an escape before the first token looks like a part of it.
        if (pm_kinds[before] & PM_MAY_END_ESCAPE) {
            size_t unit = pm_unit_start(text, f->to, start, end);
            if (unit > start && unit + 3 <= end) {
                uint32_t hash = pm_hash(text[unit], text[unit + 1], text[unit + 2]);
                if (pm_filter_has(f->tables->anchor_filter, hash) && pm_has_anchor(f->tables, text, unit, f->to, hash))
                    flags |= PM_RUN_ANCHOR;
            }
        }
        if (has_context && pm_ends_context(before) && f->tables->context_count && pm_screen_context(f->tables, text, start, marks))
            flags |= PM_RUN_CONTEXT;
        if (has_provider && pm_screen_provider(f->tables, text, start, end, f->to)) flags |= PM_RUN_PROVIDER;
    }
    if (flags) f->others[f->other_count++] = (pm_candidate){(uint32_t)start, (uint32_t)end, PM_RUN, flags, 0};
}

/// Whether a quote behind a bracket, or one blank behind a name or a dash, stands before the value at `start`; see
/// `pm_follows_operator` and `pm_stands_beside_provider`.
PM_INLINE int may_stand_beside(const uint8_t *text, size_t start) {
    if (start < 4) return 1;
    size_t end = start;
    if (pm_kinds[text[end - 1]] & PM_IS_QUOTE) {
        end--;
        if (text[end - 1] == '(' || (text[end - 1] == ' ' && text[end - 2] == '-')) return 1;
    }
    return text[end - 1] == ' ' && pm_kinds[text[end - 2]] & PM_IS_ALNUM;
}

/// Looks at the long runs that end in the chunk at `position`, and keeps the one that goes on.
PM_INLINE void look_at_runs(const kernel_state *state, frame *f, size_t position) {
    const int has_providers = f->tables->provider_count > 0;
    int carried = f->is_open;
    uint32_t i = 0;
    f->other_count = 0;
    // A run has two edges, but for one that began before.
    for (; i + !carried < f->edge_count; carried = 0) {
        size_t start = carried ? 0 : f->edges[i++], end = f->edges[i++];
        size_t first = carried ? f->open_start : position + start;
        uint8_t flags = carried ? f->open_flags : 0;
        if (f->has_hits) flags |= flags_between(f, start, end);
        int has_provider = 0;
        if (has_providers) {
            // The value begins behind the last operator; of a run that began before the chunk, it is looked for later.
            size_t last = 0;
            int has_value = end > 0 && last_value(f, start, end, &last);
            last += position;
            if (!has_value && carried && f->open_has_value) {
                last = f->open_value;
                has_value = 1;
            }
            if (has_value) {
                uint64_t words = last >= position ? marks_before(f, position, last - position, FRAGMENTS) : ~0ull;
                has_provider = may_have_provider(state, f, last, position + end, words);
            } else if (first < position || first == f->from) {
                has_provider = may_have_provider(state, f, first, position + end, ~0ull);
            } else if (pm_kinds[f->text[first - 1]] & PM_IS_SKIPPED &&
                       (marks_before(f, position, start, FRAGMENTS) >> 32 || may_stand_beside(f->text, first))) {
                // No operator, but a blank or quote, and before it a call or a name, or perhaps a word that announces a credential.
                has_provider = may_have_provider(state, f, first, position + end, ~0ull);
            }
        }
        uint16_t before = first > 0 ? pm_kinds[f->text[first - 1]] : 0;
        if (before & PM_MAY_END_CONTEXT && first > 3 && first > position) {
            // A context's literal stands in the 64 bytes before, and the last of them fit it.
            const uint32_t(*places)[256] = f->tables->context_before;
            uint32_t fitting = f->tables->context_first[f->text[first]] & places[0][f->text[first - 1]] &
                               places[1][f->text[first - 2]] & places[2][f->text[first - 3]];
            if (!(fitting & f->tables->context_unmarked) && !(fitting && marks_before(f, position, start, FRAGMENTS)))
                before &= (uint16_t)~PM_MAY_END_CONTEXT;
        }
        // The parameters of a control sequence stand in so many bytes behind its beginning.
        if (before & PM_MAY_END_ESCAPE && !(before & PM_BEGINS_ESCAPE) && first > position &&
            !(marks_before(f, position, start, PLACES) >> (BLOCK - PM_SEQUENCE)))
            before &= (uint16_t)~PM_MAY_END_ESCAPE;
        if (flags || has_provider || before & (PM_MAY_END_ESCAPE | PM_MAY_END_CONTEXT) || first == f->from)
            examine_run(f, first, position + end, flags, has_provider, first > position ? marks_before(f, position, start, FRAGMENTS) : ~0ull,
                        first == f->from || before & PM_MAY_END_CONTEXT);
    }
    size_t start = 0;
    if (i < f->edge_count) {
        start = f->edges[i];
        carried = 1;
        f->open_start = position + start;
        f->open_flags = 0;
        f->open_has_value = 0;
    }
    f->is_open = carried;
    if (!carried) return;
    if (f->has_hits) f->open_flags |= flags_between(f, start, f->blocks * BLOCK);
    size_t last;
    if (last_value(f, start, f->blocks * BLOCK, &last)) {
        f->open_has_value = 1;
        f->open_value = position + last;
    }
}

/// Whether `set`, `changed`, `or`, `as`, `const` or `unsigned` may begin here, words that stand between a name and its value; or one digit.
PM_INLINE int is_verb(const uint8_t *text) {
    uint8_t a = pm_lower(text[0]), b = pm_lower(text[1]), c = pm_lower(text[2]);
    return (a == 's' && b == 'e' && c == 't') || (a == 'c' && b == 'h' && c == 'a') || (a == 'o' && b == 'r' && c == ' ') || (a == 'a' && b == 's' && c == ' ') ||
           (a == 'c' && b == 'o' && c == 'n') || (a == 'u' && b == 'n' && c == 's') || a == '&' || ((uint8_t)(a - '0') < 10 && (b == ' ' || b == '\t'));
}

/// Whether the name at `start` may be a directive or what another one sets, or the command that takes two arguments; see `is_set`
/// (screens.c).
PM_INLINE int may_be_set(const frame *f, const uint8_t *start) {
    if (start - f->text < 3) return 1;
    uint8_t before = start[-2];
    if (start[-1] == ' ' && (before == 'x' || before == 'V' || before == 'v' || (before == 'd' && start[-3] == 'r'))) return 1;
    static const char directives[][6] = {"requi", "maste", "rootp", "bindp", "userp", "wpa_p"};
    uint8_t first = pm_lower(start[0]), last = pm_lower(start[4]);
    for (size_t k = 0; k < sizeof directives / sizeof directives[0]; k++) {
        if (first == (uint8_t)directives[k][0] && last == (uint8_t)directives[k][4] && pm_lower(start[2]) == (uint8_t)directives[k][2]) return 1;
    }
    return 0;
}

/// What `may_assign` says.
enum { NO_NAME, NAME_UNKNOWN, NAME_KNOWN };

/// Whether an operator may follow the name that holds the credential word at `at`: what most such words in prose lack. The first
/// part of `assignment` (screens.c), 64 bytes at once. Fills `found` if it says NAME_KNOWN.
PM_INLINE int may_assign(const kernel_state *state, const frame *f, size_t at, pm_name *found) {
    if (at < BLOCK || at + BLOCK > f->to) return NAME_UNKNOWN;
    const uint8_t *text = f->text + at;
    if (text[0] >= 0x80) return NAME_UNKNOWN;
    shape_masks m = shape(state, text);
    unsigned end = (unsigned)__builtin_ctzll(~m.name | 1ull << 63);
    unsigned closed = end + (unsigned)__builtin_ctzll(~(m.closer >> end));
    if (closed >= BLOCK - 1) return NAME_UNKNOWN;
    // A backslash closes a name only before a quote or another one, and begins a colour that is written as an escape.
    for (unsigned i = end; i < closed; i++) {
        if (text[i] == '\\') return NAME_UNKNOWN;
    }
    unsigned next = closed + (unsigned)__builtin_ctzll(~(m.blank >> closed));
    if (next >= BLOCK - 1) return NAME_UNKNOWN;
    uint16_t kinds = pm_kinds[text[next]];
    // What stands at the end of a name counts as an operator too.
    int may = (kinds & PM_MAY_ASSIGN) | (pm_kinds[text[end - 1]] & PM_MAY_ASSIGN);
    if (!may && next == closed) return NO_NAME;
    if (!may && !(kinds & PM_MAY_ASSIGN_AFTER_BLANK)) {
        // Between a blank and the next one, a value holds a digit; or a type stands there, and `=` behind it; or `set to`.
        uint64_t stop = (m.blank | m.line_feed) >> next;
        unsigned last = stop ? next + (unsigned)__builtin_ctzll(stop) : BLOCK;
        if (last >= BLOCK - 1) return NAME_UNKNOWN;
        unsigned behind = last + (unsigned)__builtin_ctzll(~(m.blank >> last));
        may = behind >= BLOCK - 1 || text[behind] == '=' || is_verb(text + next) ||
              (last - next >= 8 && (m.alnum & ~m.letter) >> next & ((1ull << (last - next)) - 1));
    }
    uint64_t name = shape(state, text - BLOCK).name;
    const uint8_t *start = text - (~name ? (unsigned)__builtin_clzll(~name) : BLOCK);
    may |= kinds & PM_MAY_ASSIGN_AFTER_BLANK;
    // The value of an option, of a netrc file, or of an element with attributes; what is set, or a directive.
    if (!may && !may_be_set(f, start) && !(*start == '-' || *start == '.' || start[-1] == '\\' || start[-1] == '<' || start[-1] == ':' || (pm_lower(start[0]) == 'p' && pm_lower(start[1]) == 'a')))
        return NO_NAME;
    *found = (pm_name){(size_t)(start - f->text), at + end, at + closed};
    return NAME_KNOWN;
}

/// A fragment that may be at `at`.
static __attribute__((noinline)) void look_at_fragment(const kernel_state *state, frame *f, size_t at) {
    uint8_t bytes[PM_FRAGMENT_LENGTH] = {0};
    size_t left = f->to - at;
    if (left < sizeof bytes) __builtin_memcpy(bytes, f->text + at, left);
    const uint8_t *p = left < sizeof bytes ? bytes : f->text + at;
    uint64_t head;
    uint32_t tail;
    __builtin_memcpy(&head, p, sizeof head);
    __builtin_memcpy(&tail, p + sizeof head, sizeof tail);
    head |= 0x2020202020202020ull;
    tail |= 0x20202020u;
    for (uint32_t id = f->tables->fragment_heads[pm_slot(pm_hash_three((uint32_t)head))]; id; id = f->tables->fragments[id - 1].next) {
        const pm_fragment *candidate = &f->tables->fragments[id - 1];
        size_t n = candidate->length;
        if (((head ^ candidate->head) & candidate->head_mask) | ((tail ^ candidate->tail) & candidate->tail_mask) || n > left) continue;
        pm_name name, *known = NULL;
        if (candidate->is_assignment) {
            // Most words differ right before the fragment.
            if (!candidate->begins_word && !(at > 0 && pm_set_has(&candidate->before, f->text[at - 1]))) return;
            int may = may_assign(state, f, at, &name);
            if (may == NO_NAME) return;
            if (may == NAME_KNOWN) known = &name;
        }
        uint8_t passed = pm_screen_fragment(f->tables, f->text, f->from, at, f->to, candidate, known, &f->commands);
        if (passed) emit(f, at, at + n, PM_FRAGMENT, passed, (uint16_t)(id - 1));
        return;
    }
}

/// Drops the marks whose first three bytes begin nothing that is looked for: most of them. Bits of other blocks than the chunk's
/// stay. No branch depends on the text: one mark in seven stays, and which ones nobody can guess.
PM_INLINE void sift_marks(frame *f, size_t position) {
    const uint64_t *filter = f->tables->mark_filter;
    const uint8_t *text = f->text + position;
    size_t left = f->to - position;
    uint32_t count = 0, i = 0;
    for (; i < f->mark_count && f->marks[i] + sizeof(uint32_t) <= left; i++) {
        uint16_t at = f->marks[i];
        uint32_t key;
        __builtin_memcpy(&key, text + at, sizeof key);
        f->marks[count] = at;
        count += (uint32_t)pm_filter_has(filter, pm_hash_three(key));
    }
    // The last bytes of the text.
    for (; i < f->mark_count; i++) f->marks[count++] = f->marks[i];
    f->mark_count = count;
    for (unsigned k = 1; k <= f->blocks; k++) f->masks.fragments[k] = 0;
    for (i = 0; i < count; i++) f->masks.fragments[1 + f->marks[i] / BLOCK] |= 1ull << (f->marks[i] % BLOCK);
}

PM_INLINE void look_at_fragments(const kernel_state *state, frame *f, size_t position) {
    const uint64_t *filter = f->tables->fragment_filter, *three = f->tables->three_fragment_filter;
    uint32_t last_key = 0;
    size_t last = f->to;
    for (uint32_t i = 0; i < f->mark_count; i++) {
        size_t at = position + f->marks[i];
        uint32_t key = 0;
        if (__builtin_expect(at + sizeof key <= f->to, 1)) __builtin_memcpy(&key, f->text + at, sizeof key);
        else __builtin_memcpy(&key, f->text + at, f->to - at);
        // One byte five times, or more: what may begin here began one place before.
        int is_repeated = key == last_key && at == last + 1 && f->tables->repeats[(uint8_t)key];
        last_key = key, last = at;
        if (is_repeated) continue;
        if (pm_filter_has(filter, pm_hash_four(key)) || pm_filter_has(three, pm_hash_three(key))) look_at_fragment(state, f, at);
    }
}

/// Looks at each `@` and at what may begin an escape.
PM_INLINE void look_at_places(frame *f, size_t position) {
    pm_candidate *out = f->others;
    for (uint32_t i = 0; i < f->place_count; i++) {
        size_t at = position + f->places[i];
        uint8_t byte = f->text[at];
        if (byte == '@') {
            if (pm_screen_address(f->tables, f->text, at, f->to)) *out++ = (pm_candidate){(uint32_t)at, (uint32_t)at + 1, PM_AT, 0, 0};
        } else if (pm_screen_escape(f->text, at, f->to)) {
            *out++ = (pm_candidate){(uint32_t)at, (uint32_t)at + 1, PM_ESCAPE, 0, byte};
        }
    }
    f->other_count = (uint32_t)(out - f->others);
}

/// Puts the others among the candidates from `first` on: a run behind what begins before its end, a place behind what begins
/// there or before.
PM_INLINE void merge_others(frame *f, size_t first) {
    size_t left = f->count, others = f->other_count, to = f->count + others;
    f->count = to;
    while (others > 0) {
        const pm_candidate *other = &f->others[others - 1];
        if (left > first && f->out[left - 1].start >= other->end) {
            f->out[--to] = f->out[--left];
        } else {
            f->out[--to] = *other;
            others--;
        }
    }
    f->other_count = 0;
}

/// Whether an operator, and what may stand between it and a value, ends before `at`.
static uint64_t reaches(const uint8_t *text, size_t at) {
    size_t floor = at > PM_PROVIDER_REACH ? at - PM_PROVIDER_REACH : 0;
    while (at > floor && pm_kinds[text[at - 1]] & PM_IS_SKIPPED) at--;
    return at > 0 && pm_kinds[text[at - 1]] & PM_IS_OPERATOR ? 1 : 0;
}

size_t PM_SCAN(const pm_tables *tables, const uint8_t *text, size_t from, size_t to, pm_candidate *out, size_t capacity,
               size_t *next) {
    const kernel_state state = prepare(tables);
    frame f;
    f.tables = tables, f.text = text, f.from = from, f.to = to, f.out = out, f.count = 0;
    f.covered = 0, f.is_open = 0, f.open_start = 0, f.open_flags = 0, f.open_has_value = 0, f.open_value = 0;
    set_row(&f.masks, 0, (block_masks){.operators = reaches(text, from) << (BLOCK - 1)});
    f.commands = (pm_commands){0};
    size_t position = from;
    for (; position < to; position += CHUNK) {
        if (capacity - f.count < MOST) {
            // Go back to the beginning of an open run, unless it began at `from`: then report its first part unseen.
            *next = f.is_open ? f.open_start : position;
            if (*next <= from) {
                if (f.is_open) emit(&f, from, position, PM_RUN, PM_RUN_ALL, 0);
                *next = position;
            }
            return f.count;
        }
        size_t left = (to - position + BLOCK - 1) / BLOCK;
        f.blocks = left < BLOCKS ? (unsigned)left : BLOCKS;
        unsigned k = 1;
        if (position > from) {
            move_row(&f.masks, BLOCKS, 0);
            move_row(&f.masks, BLOCKS + 1, 1);
            k = 2;
        }
        for (unsigned i = k; i < f.blocks + 2; i++) read_block(&state, &f, position + (i - 1) * BLOCK, i);
        join(&f);
        list(&f);
        find_anchors(&f, position);
        sift_marks(&f, position);
        size_t first = f.count;
        look_at_fragments(&state, &f, position);
        look_at_places(&f, position);
        merge_others(&f, first);
        look_at_runs(&state, &f, position);
        merge_others(&f, first);
    }
    // The text ends with a chunk, and a run with both.
    if (f.is_open) {
        f.other_count = 0;
        examine_run(&f, f.open_start, to, f.open_flags, tables->provider_count > 0, ~0ull, 1);
        merge_others(&f, f.count);
    }
    *next = to;
    return f.count;
}
