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
/// Bytes of a credential word that are compared.
#define PM_WORD_LENGTH 29
/// Most screens of one fragment.
#define PM_FRAGMENT_SCREENS 8
/// Bytes before a token in which its provider's word may stand.
#define PM_PROVIDER_REACH 56
/// Longest token of a provider, in bytes.
#define PM_PROVIDER_LENGTH 511
/// Bytes before a token that a context tells about.
#define PM_CONTEXT_POSITIONS 6
/// Longest top-level label that a table of pseudo domains holds, in bytes.
#define PM_LABEL_LENGTH 12
/// Smallest `capacity` of `pm_scan`.
#define PM_MINIMUM_CAPACITY 4352

/// What a candidate is.
enum pm_kind {
    /// A maximal run of token bytes of at least PM_MINIMUM_RUN bytes; `flags` says what was seen in it.
    PM_RUN = 0,
    /// The byte `@` between what may be a local part and what may be a domain.
    PM_AT = 1,
    /// A fragment, compared without ASCII case; `id` is its number, and bit i of `flags` is set if its screen i passed.
    PM_FRAGMENT = 2,
    /// A byte that begins an escape (`%`, `\`, `&`, ESC, NUL).
    PM_ESCAPE = 3,
};

/// What was seen in a run.
enum pm_run_flags {
    /// Where no letter or digit stands before, an anchor stands, compared up to its 16th byte.
    PM_RUN_ANCHOR = 1,
    /// Four base64 groups in a row decode to printable ASCII.
    PM_RUN_BASE64_TEXT = 2,
    /// Ten hexadecimal pairs in a row decode to printable ASCII.
    PM_RUN_HEX_TEXT = 4,
    /// It may be a token of a provider that is named before it.
    PM_RUN_PROVIDER = 8,
    /// Right before it stands a byte that ends a context (one of `: $ ! | & \`), and a context's literal before that.
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

/// Which detector looks at a fragment, and so which necessary conditions are asked first (screens.c).
enum pm_screen {
    /// Every place counts.
    PM_SCREEN_NONE = 0,
    PM_SCREEN_ASSIGNMENT,
    PM_SCREEN_URL,
    PM_SCREEN_KEY_BLOCK,
    PM_SCREEN_AUTHORIZATION,
    PM_SCREEN_BEARER,
    PM_SCREEN_COOKIE,
    /// ` -p` and other options of commands.
    PM_SCREEN_OPTION,
    /// Commands and clauses: a word, and a blank behind it.
    PM_SCREEN_COMMAND,
    PM_SCREEN_MANIFEST,
    /// Of places that overlap, the first counts: what looks at it looks at the whole run.
    PM_SCREEN_INNER,
};

/// Alphabets of providers' tokens, as bits.
enum pm_alphabet {
    PM_DIGITS = 1,
    /// And `-`: identifiers in the form of a UUID count as hexadecimal.
    PM_HEX = 2,
    PM_LOWER_ALNUM = 4,
    PM_UPPER_ALNUM = 8,
    PM_BASE62 = 16,
    PM_BASE64 = 32,
    PM_BASE64URL = 64,
    PM_DOTTED = 128,
};

/// What to look for. Built once, then read by any number of threads.
typedef struct pm_tables pm_tables;

/// Empty tables; NULL if memory is short.
pm_tables *pm_tables_create(void);
void pm_tables_destroy(pm_tables *tables);

/// Sets how many bytes of a URL's authority the detector looks at, 1024 unless set: what is longer is a candidate.
void pm_tables_set_authority(pm_tables *tables, uint32_t bytes);

/// Adds a fragment of 3 to PM_FRAGMENT_LENGTH bytes, lower case, with up to PM_FRAGMENT_SCREENS screens; returns its number,
/// or -1 if the table is full or the length wrong.
int pm_tables_add_fragment(pm_tables *tables, const uint8_t *bytes, size_t length, const uint8_t *screens, size_t count);

/// Adds a credential word that is found from `fragment`, which stands at `offset` in it; longer words first.
/// `_` stands for `-` and `.` too. Its values have at least `minimum` bytes. Returns 0, or -1 if memory is short.
int pm_tables_add_word(pm_tables *tables, int fragment, const uint8_t *bytes, size_t length, size_t offset, size_t minimum);

/// Number, counted from 1 in the order in which words were added, of the longest word of `fragment` that covers `at` within the
/// name `text[start, end)`; 0 if there is none. Of words longer than PM_WORD_LENGTH the beginning is compared.
uint32_t pm_find_word(const pm_tables *tables, const uint8_t *text, size_t at, size_t start, size_t end, int fragment);

/// A set of byte values, a bit each.
typedef struct pm_set {
    uint64_t bits[4];
} pm_set;

/// Adds an anchor of 3 bytes or more, which at least `minimum` bytes of `followers` follow. Returns 0, or -1 if memory is short.
int pm_tables_add_anchor(pm_tables *tables, const uint8_t *bytes, size_t length, const pm_set *followers, size_t minimum);

/// Adds a literal that stands before a token. `before[i]` says which bytes can stand i + 1 bytes before the token, `first` which can
/// begin it. Returns 0, or -1 if memory is short.
int pm_tables_add_context(pm_tables *tables, const uint8_t *bytes, size_t length, const pm_set before[PM_CONTEXT_POSITIONS],
                          const pm_set *first);

/// Adds a last label, lower case, that is no top-level domain of mail addresses; longer ones than PM_LABEL_LENGTH are left out.
void pm_tables_add_pseudo_domain(pm_tables *tables, const uint8_t *bytes, size_t length);
/// Whether the label is one of those, letters compared without case.
int pm_is_pseudo_domain(const pm_tables *tables, const uint8_t *bytes, size_t length);

/// Adds a provider, and returns its number, or -1 if memory is short; its words and shapes follow.
int pm_tables_add_provider(pm_tables *tables, int is_weak);
/// Adds a word of 3 bytes or more, lower case, of the provider that was added last. Returns 0, or -1 if memory is short.
int pm_tables_add_provider_word(pm_tables *tables, const uint8_t *bytes, size_t length);
/// Adds a shape of tokens of the provider that was added last. Returns 0, or -1 if memory is short.
int pm_tables_add_provider_shape(pm_tables *tables, size_t minimum, size_t maximum, enum pm_alphabet alphabet);

/// Derives the masks of the kernels; call it after the last addition and before the first scan.
void pm_tables_finish(pm_tables *tables);

/// Kernels, each better than the ones before it on the same processor.
enum pm_kernel {
    PM_KERNEL_SCALAR = 0,
    PM_KERNEL_SSSE3 = 1,
    PM_KERNEL_AVX2 = 2,
    PM_KERNEL_AVX512 = 3,
    PM_KERNEL_NEON = 4,
};
#define PM_KERNEL_COUNT 5

/// Whether this processor can run the kernel.
int pm_has_kernel(int kernel);

/// The best kernel of this processor.
int pm_best_kernel(void);

/// Scans `text[from, to)` and writes candidates in order of their end within 64 bytes; stops early when `capacity` is nearly
/// used.
///
/// `to` is the end of the text: what would need a byte beyond it to be turned away is reported. Sets `*next` to where to go on:
/// `to`, or the offset to pass as `from` for the rest. A run that crosses `from` is reported from `from` on, and one that
/// fills the buffer may come in parts; the caller joins them. Bytes before `from` are read as context, none beyond `to`.
/// `to` must be below 2^32 and `capacity` at least PM_MINIMUM_CAPACITY.
/// Complexity: linear in `to - from`, but for long values of `@` and `://`, of which the engine bounds the length; whatever
/// the number of anchors.
size_t pm_scan(const pm_tables *tables, int kernel, const uint8_t *text, size_t from, size_t to, pm_candidate *out,
               size_t capacity, size_t *next);

/// Where the token text of the run `text[start, end)` really begins: after punctuation that begins no secret, and after the
/// tail of an escape (`\n`, `%20`, `\u0022`, a colour) whose last characters are token bytes too.
size_t pm_unit_start(const uint8_t *text, size_t count, size_t start, size_t end);

/// The next anchor in `text[start, end)`: from `at` on, or, if `*number` is the anchor that was found at `at`, the one behind it at
/// the same place. Sets `*number`, counted in the order in which anchors were added; returns where it stands, or `end`. Of anchors
/// longer than 16 bytes the beginning is compared. Unless `inner`, a letter or digit before it turns it away, but at `start`.
///
/// `ways[number]` says how many bytes of a match stand before that anchor: where a letter or digit stands before those, it is passed
/// over; or PM_ANCHOR_ANY, or PM_ANCHOR_SKIPPED.
size_t pm_next_anchor(const pm_tables *tables, const uint8_t *text, size_t start, size_t end, int inner, const uint8_t *ways, size_t at,
                      size_t *number);
/// No anchor has been found yet.
#define PM_NO_ANCHOR SIZE_MAX
/// Wherever it stands, and nowhere.
#define PM_ANCHOR_ANY 255
#define PM_ANCHOR_SKIPPED 254

/// First stretch of at least four groups of base64 in `text[from, end)`, counted in groups of four digits from `from`, that decode to
/// printable ASCII (or UTF-16 of it). Sets `*stretch_end`; returns `end` if there is none.
size_t pm_find_base64_text(const uint8_t *text, size_t from, size_t end, size_t *stretch_end);

/// First stretch of at least ten pairs of hexadecimal digits in `text[from, end)`, counted from `from`, that decode to printable ASCII,
/// tabs or line ends. Sets `*stretch_end`; returns `end` if there is none.
size_t pm_find_hex_text(const uint8_t *text, size_t from, size_t end, size_t *stretch_end);

/// Offset of the last `byte` in `text[start, end)`, or `end`.
size_t pm_last(const uint8_t *text, size_t start, size_t end, uint8_t byte);

/// Whether a command that takes `user@host` begins a word in `text[start, end)`: `ssh `, `rsync ` …
int pm_has_remote_command(const uint8_t *text, size_t count, size_t start, size_t end);

/// Which options of a command take a password, as bits.
enum pm_option {
    /// `-p x`, `-P x`
    PM_OPTION_P = 1,
    /// `-px`
    PM_OPTION_ATTACHED = 2,
    /// `-a x`, `-A x`
    PM_OPTION_A = 4,
    /// `-w x`
    PM_OPTION_W = 8,
    /// `-X x`
    PM_OPTION_X = 16,
    /// `-pw x`
    PM_OPTION_PW = 32,
    /// `/p:x`
    PM_OPTION_SLASH = 64,
    /// `-b file user x`
    PM_OPTION_B = 128,
    /// `-u user:x`, with a colon, a comma or a percent sign
    PM_OPTION_USER = 256,
    /// `-a user:x`
    PM_OPTION_A_USER = 512,
    /// `-p x` if the command logs in.
    PM_OPTION_LOGIN = 1024,
    /// `-b "name=value"`
    PM_OPTION_COOKIE = 8192,
    /// No command: a user has been named, `-u user`.
    PM_OPTION_NAMED = 2048,
    /// No command either: the word `login`.
    PM_OPTION_LOGS_IN = 4096,
};
/// Bits of `pm_option`.
#define PM_OPTION_COUNT 14

/// Longest user before the colon of `-u user:x`, in bytes.
#define PM_COMMAND_USER 256
/// Bytes before an option in which its command may stand.
#define PM_COMMAND_REACH 512

/// What is known of the commands of a text that is asked about from front to back, so that it is read once however many options
/// it has. All zero before the first question about a text.
typedef struct pm_commands {
    /// The text has been read up to `to`, from where the line begins, or, if it was not seen to begin, from `from` on.
    size_t from, to;
    /// For each bit of `pm_option`, 1 more than where the last word stands that sets it; 0 if none does.
    size_t last[PM_OPTION_COUNT];
    /// Between these places stand no line end and nothing that ends a user.
    size_t user, user_end;
} pm_commands;

/// What commands in `text[floor, at)` have options that take a password: those in the line of `at`, behind the last ` |` or ` &`.
/// `at` is where a blank stands. The answer depends on the text alone, whatever was asked before.
uint32_t pm_command_options(pm_commands *seen, const uint8_t *text, size_t floor, size_t at);

/// What the option at `at`, the blank before it, is to the commands in `text[floor, at)`, if a value follows it in `text[0, to)` that
/// is no path, no port and no option; else 0. Sets `*value` to where the value begins.
uint32_t pm_password_option(pm_commands *seen, const uint8_t *text, size_t at, size_t to, size_t floor, size_t *value);

/// A value in token text, and what names its provider.
typedef struct pm_provider_match {
    size_t value_start, value_end;
    /// Where the text that may name the provider begins; it ends at the value.
    size_t context_start;
    /// The name is an ordinary word too.
    int is_weak;
} pm_provider_match;

/// Looks for the value of a provider's token in the token text `text[start, end)`, which must look random, and for the provider's
/// word and an operator before it. Returns whether all are there.
int pm_find_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t start, size_t end,
                     pm_provider_match *found);

/// Whether a provider that has tokens like `text[value_start, value_end)` is named in `text[context_start, context_end)`:
/// 0 no, 1 by an ordinary word, 2 yes. Complexity: linear in the context, whatever the number of providers.
int pm_match_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t value_start, size_t value_end,
                      size_t context_start, size_t context_end);

/// Whether an operator, or a word that announces a credential and a blank, stands before `index`, not before `floor`.
int pm_follows_operator(const uint8_t *text, size_t count, size_t floor, size_t index);

/// Whether a word that announces a credential begins in `text[start, end)`.
int pm_has_credential_word(const uint8_t *text, size_t count, size_t start, size_t end);

/// Whether nothing but one blank, and perhaps a quote, stands between the name of a provider, a word of its own that begins at or
/// after `floor`, or an AWS access key id, and `index`.
int pm_stands_beside_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t floor, size_t index);

/// Whether the identifier right before the operator holds the provider's word: `heroku = "…"`.
int pm_is_named_after_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t value_start,
                               size_t value_end, size_t context_start, size_t context_end);

/// Known values are looked for at one position in this many.
#define PM_GRAM_STEP 3

/// `bits` bits of hash of four bytes, the first in the lowest place.
static inline uint32_t pm_gram_hash(uint32_t key, uint32_t bits) { return (key * 0x9E3779B1u) >> (32 - bits); }

/// The first of the positions `at`, `at + PM_GRAM_STEP`, … whose four bytes hash to a bit that is set in `filter`, which has 2^`bits`
/// bits; `count` if there is none. Complexity: linear in the text.
size_t pm_next_gram(const uint64_t *filter, uint32_t bits, const uint8_t *text, size_t at, size_t count);

/// Class of each byte: 1 if it belongs to a token run, 2 if it is a digit of base64 or base64url, 4 if it is a letter or digit,
/// 8 if it may end the context of a token.
extern const uint8_t pm_classes[256];

static inline int pm_is_token(uint8_t byte) { return pm_classes[byte] & 1; }
/// What belongs to a word but for brackets; see Words.swift.
static inline int pm_is_word(uint8_t byte) { return pm_classes[byte] & 16; }
static inline int pm_ends_context(uint8_t byte) { return pm_classes[byte] & 8; }
static inline int pm_is_base64(uint8_t byte) { return pm_classes[byte] & 2; }

/// Row per first letter, bit per second letter: the pairs that make up 90 % of English and program text.
extern const uint32_t pm_common_pairs[26];

/// Whether two letters form a common pair; any case. Of other bytes the answer says nothing.
static inline int pm_common_pair(uint8_t first, uint8_t second) {
    return pm_common_pairs[(uint8_t)((first | 0x20) - 'a') % 26] >> (((second | 0x20) - 'a') & 31) & 1;
}

/// What a value is made of.
typedef struct pm_profile {
    uint32_t length, digits, lowers, uppers, symbols;
    /// Neighbouring letters, and how many of them form a common pair.
    uint32_t pairs, common_pairs;
    /// Changes between digit, letter and case, not counting a capital at the beginning of a word.
    uint32_t changes;
    /// Different byte values.
    uint32_t distinct;
    /// Hexadecimal digits only, or a UUID.
    uint32_t is_hex;
} pm_profile;

/// Counts what a value is made of. Complexity: linear.
pm_profile pm_profile_of(const uint8_t *bytes, size_t length);

/// Whether a value looks random rather than written by a person.
int pm_looks_random(const pm_profile *profile);

#endif
