// Every kernel of the prefilter against the scalar one, on random texts in memory of exactly their size, so that a sanitizer sees
// each byte that is read beyond them. Fuzz/sanitize-kernels builds and runs it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CPrefilter.h"

enum { TEXTS = 20000, LONGEST = 700, CAPACITY = 4 * PM_MINIMUM_CAPACITY };

static uint64_t state = 1;

static unsigned below(unsigned limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % limit;
}

static const char *const pieces[] = {
    "PASS", "token", "://", "BEGIN ", "ghp\x5f", "eyJ", "aB3dE5gH7jK9mN1p", "41424344", "aGVsbG8g", "@", "%41", "\\u0041", "&#64;",
    "_key", "api", "secret", "mailgun", "git&123456789012&", "AstraCS:", "3f9ac1e85b7d2046" "a8c0e1f3b5d79284", "\"", "': \"", "--token ", "@example.com",
    "\x1b[0m", " ", "\n", "=", "\xc3\xa9", ".", "-----", "\"", "password: ", "0123456789abcdef", "++++////",
};

static size_t scan(const pm_tables *tables, int kernel, const uint8_t *text, size_t from, size_t to, pm_candidate *out) {
    size_t count = 0, position = from;
    while (position < to) {
        size_t next = position;
        count += pm_scan(tables, kernel, text, position, to, out + count, CAPACITY - count, &next);
        if (next <= position) abort();
        position = next;
    }
    return count;
}

int main(void) {
    static pm_candidate expected[CAPACITY], found[CAPACITY];
    pm_tables *tables = pm_tables_create();
    if (!tables) abort();
    // Fragments with their screens, and words, shapes and contexts as the rules have them: the screens run as well.
    static const struct {
        const char *bytes;
        uint8_t screen;
    } fragments[] = {{"pass", PM_SCREEN_ASSIGNMENT}, {"token", PM_SCREEN_ASSIGNMENT}, {"key", PM_SCREEN_ASSIGNMENT}, {"secret", PM_SCREEN_ASSIGNMENT},
                     {"://", PM_SCREEN_URL}, {"begin ", PM_SCREEN_KEY_BLOCK}, {"hgdj", PM_SCREEN_NONE}};
    for (size_t i = 0; i < sizeof fragments / sizeof *fragments; i++)
        if (pm_tables_add_fragment(tables, (const uint8_t *)fragments[i].bytes, strlen(fragments[i].bytes), &fragments[i].screen, 1) < 0) abort();
    static const struct {
        const char *bytes;
        int fragment;
        size_t offset, minimum;
    } words[] = {{"password", 0, 0, 4}, {"pass", 0, 0, 4}, {"token", 1, 0, 8}, {"api_key", 2, 4, 8}, {"key", 2, 0, 8}, {"secret", 3, 0, 8}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (pm_tables_add_word(tables, words[i].fragment, (const uint8_t *)words[i].bytes, strlen(words[i].bytes), words[i].offset, words[i].minimum)) abort();
    if (pm_tables_add_provider(tables, 0) < 0 || pm_tables_add_provider_word(tables, (const uint8_t *)"mailgun", 7)) abort();
    if (pm_tables_add_provider_shape(tables, 32, 40, PM_HEX)) abort();
    // Whatever follows an anchor.
    static const pm_set any = {{~0ull, ~0ull, ~0ull, ~0ull}};
    static const pm_set before[PM_CONTEXT_POSITIONS] = {{{1ull << '&'}}, {{~0ull, ~0ull, ~0ull, ~0ull}}, {{~0ull, ~0ull, ~0ull, ~0ull}},
                                                        {{~0ull, ~0ull, ~0ull, ~0ull}}, {{~0ull, ~0ull, ~0ull, ~0ull}}, {{~0ull, ~0ull, ~0ull, ~0ull}}};
    // `git&` with `&` right before the token, and a literal that is the byte before the token itself.
    if (pm_tables_add_context(tables, (const uint8_t *)"git&", 4, before, &any)) abort();
    if (pm_tables_add_context(tables, (const uint8_t *)"AstraCS:", 8, (const pm_set[PM_CONTEXT_POSITIONS]){any, any, any, any, any, any}, &any)) abort();
    if (pm_tables_add_anchor(tables, (const uint8_t *)"ghp_", 4, &any, 1)) abort();
    if (pm_tables_add_anchor(tables, (const uint8_t *)"eyJ", 3, &any, 1)) abort();
    pm_tables_finish(tables);
    for (int number = 0; number < TEXTS; number++) {
        size_t length = below(LONGEST);
        uint8_t *text = malloc(length ? length : 1);
        size_t at = 0;
        while (at < length) {
            const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
            size_t size = strlen(piece);
            if (size > length - at) size = length - at;
            memcpy(text + at, piece, size);
            at += size;
            if (below(9) == 0 && at < length) text[at++] = (uint8_t)below(256);
        }
        size_t from = length ? below((unsigned)length) : 0;
        size_t count = scan(tables, PM_KERNEL_SCALAR, text, from, length, expected);
        for (int kernel = 1; kernel < PM_KERNEL_COUNT; kernel++) {
            if (!pm_has_kernel(kernel)) continue;
            size_t other = scan(tables, kernel, text, from, length, found);
            // Members, not memory: there may be padding.
            int same = other == count;
            for (size_t i = 0; same && i < count; i++)
                same = expected[i].start == found[i].start && expected[i].end == found[i].end &&
                       expected[i].kind == found[i].kind && expected[i].flags == found[i].flags && expected[i].id == found[i].id;
            if (!same) {
                fprintf(stderr, "kernels: text %d: kernel %d and the scalar one differ\n", number, kernel);
                return 1;
            }
        }
        free(text);
    }
    pm_tables_destroy(tables);
    printf("kernels: %d texts, kernels agree up to number %d\n", TEXTS, pm_best_kernel());
    return 0;
}
