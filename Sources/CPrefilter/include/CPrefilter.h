/// The prefilter: one pass over bytes that yields candidates for every rule family at once.
///
/// Contract: no false negatives. A false positive costs time only, since the engine confirms each candidate.
#ifndef CPREFILTER_H
#define CPREFILTER_H

#include <stddef.h>
#include <stdint.h>

/// Shortest token run that is reported, in bytes: no token rule accepts less.
#define PM_MINIMUM_RUN 16
/// Longest fragment, in bytes.
#define PM_FRAGMENT_LENGTH 12
/// Most fragments that a table holds.
#define PM_MAXIMUM_FRAGMENTS 1024
/// Bits of the hash of a fragment's first three bytes.
#define PM_FRAGMENT_BITS 12

/// What a candidate is.
enum pm_kind {
    /// A maximal run of token bytes of at least PM_MINIMUM_RUN bytes; `flags` says what was seen in it.
    PM_RUN = 0,
    /// The byte `@`.
    PM_AT = 1,
    /// A fragment, compared without ASCII case; `id` is its number.
    PM_FRAGMENT = 2,
    /// A byte that begins an escape (`%`, `\`, `&`, ESC, NUL) beside a token byte.
    PM_ESCAPE = 3,
};

/// What was seen in a run.
enum pm_run_flags {
    /// Where no letter or digit stands before, three bytes hash like the beginning of an anchor.
    PM_RUN_ANCHOR = 1,
    /// Four base64 groups in a row decode to printable ASCII.
    PM_RUN_BASE64_TEXT = 2,
    /// Ten hexadecimal pairs in a row decode to printable ASCII.
    PM_RUN_HEX_TEXT = 4,
    /// At least two digits and a letter, and an operator before them or in the run.
    PM_RUN_MIXED = 8,
    /// Right before it stands a byte that ends a context: one of `: $ ! | & \`.
    PM_RUN_CONTEXT = 16,
    /// An anchor may stand behind a letter or digit; never set by the prefilter.
    PM_RUN_INNER = 32,
    /// Not looked at: assume everything.
    PM_RUN_ALL = 63,
};

/// A place worth a closer look. Offsets are relative to the scanned buffer.
typedef struct pm_candidate {
    uint32_t start;
    uint32_t end;
    uint8_t kind;
    uint8_t flags;
    uint16_t id;
} pm_candidate;

/// What to look for. Built once, read by any number of threads.
typedef struct pm_tables {
    /// Nibble masks of the fragments' first three bytes, case folded; one bit a bucket.
    uint8_t low[3][16];
    uint8_t high[3][16];
    uint32_t fragment_count;
    uint8_t fragment_length[PM_MAXIMUM_FRAGMENTS];
    uint8_t fragment_bucket[PM_MAXIMUM_FRAGMENTS];
    uint8_t fragment_bytes[PM_MAXIMUM_FRAGMENTS][PM_FRAGMENT_LENGTH];
    /// Number plus 1 of the first fragment by the hash of its first three bytes, and of the next one with the same hash.
    uint16_t fragment_heads[1 << PM_FRAGMENT_BITS];
    uint16_t fragment_next[PM_MAXIMUM_FRAGMENTS];
    /// Bit h is set if an anchor's first three bytes hash to h.
    uint64_t anchors[1024];
} pm_tables;

/// Kernels in order of preference.
enum pm_kernel { PM_KERNEL_SCALAR = 0, PM_KERNEL_AVX2 = 1 };

void pm_tables_init(pm_tables *tables);

/// Adds a fragment of 3 to PM_FRAGMENT_LENGTH bytes, lower case; returns its number, or -1 if the table is full.
int pm_tables_add_fragment(pm_tables *tables, const uint8_t *bytes, size_t length);

/// Adds the anchor that begins with these three bytes.
void pm_tables_add_anchor(pm_tables *tables, const uint8_t *bytes);

/// The best kernel of this processor.
int pm_best_kernel(void);

/// Scans `text[from, to)` and writes candidates in order of their end; stops early when `capacity` is nearly used.
///
/// Sets `*next` to where to go on: `to`, or the offset to pass as `from` for the rest. A run that crosses `from` is
/// reported from `from` on, and one that fills the buffer may come in parts; the caller joins them. Bytes up to `to` are read, none beyond.
/// `capacity` must be at least 512. Complexity: linear in `to - from`, whatever the number of anchors.
size_t pm_scan(const pm_tables *tables, int kernel, const uint8_t *text, size_t from, size_t to,
               pm_candidate *out, size_t capacity, size_t *next);

/// Class of each byte: 1 if it belongs to a token run, 2 if it is a digit of base64 or base64url, 4 if it is a letter or digit,
/// 8 if it may end the context of a token.
extern const uint8_t pm_classes[256];

static inline int pm_is_token(uint8_t byte) { return pm_classes[byte] & 1; }
static inline int pm_ends_context(uint8_t byte) { return pm_classes[byte] & 8; }
static inline int pm_is_base64(uint8_t byte) { return pm_classes[byte] & 2; }

/// Row per first letter, bit per second letter: the pairs that make up 90 % of English and program text.
extern const uint32_t pm_common_pairs[26];

/// Whether two letters form a common pair; any case.
static inline int pm_common_pair(uint8_t first, uint8_t second) {
    return pm_common_pairs[((first | 0x20) - 'a') % 26] >> (((second | 0x20) - 'a') & 31) & 1;
}

#endif
