/// Necessary conditions of the detectors, asked before a candidate leaves the pass.
///
/// A screen may let through what its detector turns away, never the other way round, and **what would need a byte beyond the
/// end of the text passes**: the detector then holds it, or decides at the end of the input. Each screen names the function of
/// RedactionKit it belongs to; who widens one widens the other, and the reference engine, which knows no screen, tells.
#ifndef PM_SCREENS_H
#define PM_SCREENS_H

#include "tables.h"

/// `address` (Detectors/Addresses.swift): the `@` at `at`.
int pm_screen_address(const pm_tables *tables, const uint8_t *text, size_t at, size_t to);

/// Longest control sequence that is read, without its last byte; `Text.maximumSequence` in RedactionKit.
enum { PM_SEQUENCE = 32 };

/// A name, as kernels see it: where it begins and ends, and where quotes and brackets behind it end.
typedef struct pm_name {
    size_t start, end, closed;
} pm_name;

/// The fragment `id` at `at`: bit i is set if the detector of its screen i has to look. `name`: the name around `at`, or NULL if it
/// is not known. `commands`: what is known from places before. Nothing before `from` has been reported.
uint8_t pm_screen_fragment(const pm_tables *tables, const uint8_t *text, size_t from, size_t at, size_t to,
                           const pm_fragment *fragment, const pm_name *name, pm_commands *commands);

/// `escape` and `element` (Views.swift): the first byte of an escape at `at`.
int pm_screen_escape(const uint8_t *text, size_t at, size_t to);

/// `contextTokens` (Scanner.swift): whether the literal of a context stands before the run that begins at `start`. Bit i of `marks` is
/// set if the literal of a context of three bytes or more may begin at the byte i of the 64 before `start`.
int pm_screen_context(const pm_tables *tables, const uint8_t *text, size_t start, uint64_t marks);

/// `providerToken` (Detectors/Contexts.swift): the run `text[start, end)`.
int pm_screen_provider(const pm_tables *tables, const uint8_t *text, size_t start, size_t end, size_t to);

/// Whether a provider's word stands at `at` before `end`.
int pm_has_provider_word(const pm_tables *tables, const uint8_t *text, size_t count, size_t at, size_t end);

/// `forEachAnchor` (CompiledRules.swift): whether an anchor stands at `at`, and behind it what must follow it; its three bytes
/// have passed the filter.
int pm_has_anchor(const pm_tables *tables, const uint8_t *text, size_t at, size_t to, uint32_t hash);

#endif
