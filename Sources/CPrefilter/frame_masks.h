/// What a kernel tells; private to this module.
#ifndef PM_FRAME_MASKS_H
#define PM_FRAME_MASKS_H

#include "tables.h"

/// Bytes of one step, and bytes behind them that kernels read.
enum { BLOCK = 64, PM_LOOKAHEAD = PM_POSITIONS - 1 };

/// Asked of every block; bit i is about byte i. `places` and `fragments` may have bits more, each of which is looked at again.
typedef struct block_masks {
    uint64_t token, alnum;
    /// An `@`, or what may begin an escape.
    uint64_t places;
    /// May begin a fragment.
    uint64_t fragments;
    /// A group of base64, or a pair of hexadecimal digits, begins that decodes to text.
    uint64_t groups, pairs;
    /// An operator before a provider's value, and what may stand between them.
    uint64_t operators, skipped;
} block_masks;

/// Asked of the 64 bytes around a place; `PM_SHAPE_…` says what each is.
typedef struct shape_masks {
    uint64_t name, closer, blank, letter, upper, alnum, line_feed;
} shape_masks;

/// Asked of 64 bytes of a value; `PM_VALUE_…` says what each is. Bit i of `common` is about bytes i and i + 1: two letters that form
/// a common pair, or, of kernels that do not know, nothing.
typedef struct value_masks {
    uint64_t letter, upper, digit, hex, dot, common;
} value_masks;

/// The scan of each kernel; see `pm_scan`.
#define PM_DECLARE_SCAN(name)                                                                                     \
    size_t name(const pm_tables *tables, const uint8_t *text, size_t from, size_t to, pm_candidate *out, size_t capacity, \
                size_t *next)
PM_DECLARE_SCAN(pm_scan_scalar);
PM_DECLARE_SCAN(pm_scan_ssse3);
PM_DECLARE_SCAN(pm_scan_avx2);
PM_DECLARE_SCAN(pm_scan_avx512);
PM_DECLARE_SCAN(pm_scan_neon);

#endif
