#include "screens.h"

#include <string.h>

static inline int is(uint8_t byte, int kinds) { return pm_kinds[byte] & kinds; }
static inline int is_lower(uint8_t byte) { return (uint8_t)(byte - 'a') < 26; }
static inline int is_upper(uint8_t byte) { return (uint8_t)(byte - 'A') < 26; }

/// Whether `literal`, in lower case, stands at `at`, letters compared without case.
static int has_folded(const uint8_t *text, size_t at, size_t count, const char *literal) {
    for (size_t i = 0; literal[i]; i++) {
        if (at + i >= count || pm_lower(text[at + i]) != (uint8_t)literal[i]) return 0;
    }
    return 1;
}

/// The alphabets that hold a byte.
static uint8_t alphabets[256];

__attribute__((constructor)) static void fill_alphabets(void) {
    for (int c = 0; c < 256; c++) {
        if (pm_kinds[c] & PM_IS_DIGIT) alphabets[c] = 0xff;
        if (pm_kinds[c] & PM_IS_LETTER)
            alphabets[c] = PM_BASE62 | PM_BASE64 | PM_BASE64URL | PM_DOTTED | (c & 0x20 ? PM_LOWER_ALNUM : PM_UPPER_ALNUM) |
                           (pm_kinds[c] & PM_IS_HEX ? PM_HEX : 0);
    }
    alphabets['-'] = PM_HEX | PM_BASE62 | PM_BASE64URL | PM_DOTTED;
    alphabets['_'] = PM_BASE64URL | PM_DOTTED;
    alphabets['='] = PM_BASE64 | PM_BASE64URL | PM_DOTTED;
    alphabets['+'] = alphabets['/'] = PM_BASE64 | PM_DOTTED;
    alphabets['.'] = PM_DOTTED;
}

/// The alphabets that hold every byte of the value.
static uint8_t alphabets_of(const uint8_t *text, size_t start, size_t end) {
    uint8_t all = 0xff;
    for (size_t i = start; i < end; i++) all &= alphabets[text[i]];
    return all;
}

/// What may follow a provider's word without a joint: `heroku` in `herokuapikey`.
static int credential_follows(const uint8_t *text, size_t at, size_t count) {
    static const char *const words[] = {"api", "key", "token", "secret", "auth", "pass", "access",
                                        "client", "cred", "app", "io", "ai", "_", "webhook"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_folded(text, at, count, words[i])) return 1;
    }
    return 0;
}

/// Whether `word` stands at `at` and may end there, before `end`.
static int stands(const pm_provider_word *word, const uint8_t *text, size_t count, size_t at, size_t end) {
    size_t after = at + word->length;
    if (after > end) return 0;
    for (size_t k = 0; k < word->length; k++) {
        if (pm_lower(text[at + k]) != word->bytes[k]) return 0;
    }
    // The word may go on with a new word (`mailgunKey`, `mailgun_key`), not with more letters (`linear` in `linearly`).
    return !(after < end && is_lower(text[after]) && !is_upper(text[after - 1])) || credential_follows(text, after, count);
}

/// Number plus 1 of the first of the words that may stand at `at`.
static uint32_t first_word(const pm_tables *tables, const uint8_t *text, size_t at) {
    return tables->provider_heads[pm_slot(pm_hash(pm_lower(text[at]), pm_lower(text[at + 1]), pm_lower(text[at + 2])))];
}

int pm_has_provider_word(const pm_tables *tables, const uint8_t *text, size_t count, size_t at, size_t end) {
    if (at + 3 > end) return 0;
    for (uint32_t index = first_word(tables, text, at); index; index = tables->provider_words[index - 1].next) {
        if (stands(&tables->provider_words[index - 1], text, count, at, end)) return 1;
    }
    return 0;
}

int pm_match_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t value_start, size_t value_end,
                      size_t context_start, size_t context_end) {
    int strength = 0;
    uint8_t fitting = 0;
    int knows_alphabets = 0;
    size_t length = value_end - value_start;
    for (size_t i = context_start; i + 3 <= context_end; i++) {
        // A name counts where a word begins: behind something that is no letter, or at a change of case.
        if (!is(text[i], PM_IS_ALNUM)) continue;
        if (i > 0 && is(text[i - 1], PM_IS_LETTER) && !(is_lower(text[i - 1]) && is_upper(text[i]))) continue;
        if (!pm_may_be_provider_word(tables, pm_eight(text + i, text + count))) continue;
        for (uint32_t index = first_word(tables, text, i); index; index = tables->provider_words[index - 1].next) {
            const pm_provider_word *word = &tables->provider_words[index - 1];
            if (!stands(word, text, count, i, context_end)) continue;
            if (!knows_alphabets) {
                fitting = alphabets_of(text, value_start, value_end);
                knows_alphabets = 1;
            }
            const pm_provider *provider = &tables->providers[word->provider];
            for (uint32_t s = 0; s < provider->shape_count; s++) {
                const pm_shape *shape = &tables->shapes[provider->first_shape + s];
                if (length < shape->minimum || length > shape->maximum || !(fitting & shape->alphabet)) continue;
                if (!provider->is_weak) return 2;
                strength = 1;
            }
        }
    }
    return strength;
}

int pm_has_credential_word(const uint8_t *text, size_t count, size_t start, size_t end) {
    for (size_t i = start; i < end; i++) {
        int found = 0;
        switch (text[i] | 0x20) {
        case 'k': found = has_folded(text, i, count, "key"); break;
        case 't': found = has_folded(text, i, count, "token"); break;
        case 's': found = has_folded(text, i, count, "secret"); break;
        case 'a': found = has_folded(text, i, count, "auth") || has_folded(text, i, count, "api"); break;
        case 'p':
            found = has_folded(text, i, count, "pass") || has_folded(text, i, count, "pat") || has_folded(text, i, count, "pwd");
            break;
        case 'c': found = has_folded(text, i, count, "cred"); break;
        case 'b': found = has_folded(text, i, count, "bearer"); break;
        default: break;
        }
        if (found) return 1;
    }
    return 0;
}

/// `AKIA…` before a blank: the key that belongs to it follows.
static int ends_key_id(const uint8_t *text, size_t floor, size_t end) {
    size_t start = end;
    while (start > floor && (is_upper(text[start - 1]) || is(text[start - 1], PM_IS_DIGIT))) start--;
    return end - start == 20 && (memcmp(text + start, "AKIA", 4) == 0 || memcmp(text + start, "ASIA", 4) == 0);
}

int pm_follows_operator(const uint8_t *text, size_t count, size_t floor, size_t index) {
    size_t i = index;
    int is_string = 0, is_argument = 0;
    while (i > floor) {
        uint8_t c = text[i - 1];
        if (!is(c, PM_IS_BLANK | PM_IS_QUOTE) && c != '\\' && c != '(' && c != '[') break;
        if (is(c, PM_IS_QUOTE)) is_string = 1;
        is_argument = c == '(';
        i--;
    }
    if (i == floor) return 0;
    // new Client("…")
    if (is_string && is_argument && is(text[i - 1], PM_IS_ALNUM)) return 1;
    uint8_t c = text[i - 1];
    if (c == '=' || c == ':' || c == '>' || c == ',' || c == '|') {
        // A digest says what it is.
        return !(i >= 7 && (memcmp(text + i - 7, "sha256:", 7) == 0 || memcmp(text + i - 7, "sha512:", 7) == 0));
    }
    // `heroku token 1234…`: no operator, a credential word right before.
    if (i == index) return 0;
    // `heroku - "1234…"`
    if (c == '-' && is_string && index - i == 2 && text[i] == ' ' && i - 1 > floor && is(text[i - 2], PM_IS_BLANK)) return 1;
    size_t start = i - 1 > floor + 12 ? i - 13 : floor;
    return pm_has_credential_word(text, count, start, index);
}

int pm_stands_beside_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t floor, size_t index) {
    size_t end = index;
    if (end > floor && is(text[end - 1], PM_IS_QUOTE)) end--;
    if (end == floor || text[end - 1] != ' ') return 0;
    end--;
    size_t start = end;
    while (start > floor && (is(text[start - 1], PM_IS_ALNUM) || text[start - 1] == '_' || text[start - 1] == '-')) start--;
    if (is_upper(text[end - 1]) || is(text[end - 1], PM_IS_DIGIT)) {
        if (ends_key_id(text, floor, end)) return 1;
    }
    if (end - start < 4 || !pm_may_be_provider_word(tables, pm_eight(text + start, text + count))) return 0;
    for (uint32_t number = first_word(tables, text, start); number; number = tables->provider_words[number - 1].next) {
        const pm_provider_word *word = &tables->provider_words[number - 1];
        if (word->length == end - start && stands(word, text, count, start, end)) return 1;
    }
    return 0;
}

int pm_is_named_after_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t value_start,
                               size_t value_end, size_t context_start, size_t context_end) {
    size_t end = context_end;
    while (end > context_start && !is(text[end - 1], PM_IS_ALNUM) && text[end - 1] != '_') end--;
    if (context_end - end > 6) return 0;
    size_t start = end;
    while (start > context_start && (is(text[start - 1], PM_IS_ALNUM) || text[start - 1] == '_' || text[start - 1] == '-')) start--;
    // An identifier of something else, or prose before a blank.
    if (end == start) return 0;
    if (text[end] == ' ' && !(end + 1 < count && memchr("=|:-", text[end + 1], 4))) return 0;
    return pm_match_provider(tables, text, count, value_start, value_end, start, end) != 0;
}

/// The value in the token text `text[start, end)` that may be a provider's token by its length and alphabet and by what stands
/// before it, and the text that may name the provider.
static int find_value(const pm_tables *tables, const uint8_t *text, size_t count, size_t start, size_t end, pm_provider_match *found) {
    if (end == start) return 0;
    // The value is what stands behind the last `=` that is no padding.
    size_t value_start = start, value_end = end;
    size_t i = end - 1;
    while (i > start && text[i] == '=') i--;
    while (i > start && text[i] != '=') i--;
    if (text[i] == '=') value_start = i + 1;
    while (value_end > value_start && text[value_end - 1] == '.') value_end--;
    size_t length = value_end - value_start;
    if (length < PM_MINIMUM_RUN || length > PM_PROVIDER_LENGTH) return 0;
    if (!(alphabets_of(text, value_start, value_end) & tables->lengths[length])) return 0;

    size_t context = value_start;
    size_t floor = value_start > PM_PROVIDER_REACH ? value_start - PM_PROVIDER_REACH : 0;
    while (context > floor && text[context - 1] != '\n') context--;
    if (value_start - context < 4) return 0;
    // Between the name and the value there is an operator or a quote, not prose, a path or a digest's prefix; or the value stands
    // right behind the name.
    if (!pm_follows_operator(text, count, context, value_start) &&
        !pm_stands_beside_provider(tables, text, count, context, value_start))
        return 0;
    *found = (pm_provider_match){value_start, value_end, context, 0};
    return 1;
}

/// Whether the value is hexadecimal as `pm_profile.is_hex` has it.
static int is_hexadecimal(const uint8_t *text, size_t start, size_t end) {
    size_t hyphens = 0;
    for (size_t i = start; i < end; i++) {
        if (text[i] == '-') hyphens++;
        else if (!is(text[i], PM_IS_HEX)) return 0;
    }
    return hyphens == 0 || (hyphens == 4 && pm_is_uuid(text + start, end - start));
}

/// Digests are hexadecimal and common: there is a credential's word, or the provider's is the name itself.
static int may_be_digest(const pm_tables *tables, const uint8_t *text, size_t count, const pm_provider_match *found) {
    return !pm_is_named_after_provider(tables, text, count, found->value_start, found->value_end, found->context_start,
                                       found->value_start) &&
           !pm_has_credential_word(text, count, found->context_start, found->value_start);
}

/// Whether a provider is named before the value.
static int is_named(const pm_tables *tables, const uint8_t *text, size_t count, pm_provider_match *found) {
    int strength = pm_match_provider(tables, text, count, found->value_start, found->value_end, found->context_start, found->value_start);
    found->is_weak = strength == 1;
    return strength != 0;
}

/// Whether the value has digits and letters and looks random.
static int is_random(const uint8_t *text, const pm_provider_match *found) {
    pm_profile profile = pm_profile_of(text + found->value_start, found->value_end - found->value_start);
    return profile.digits > 0 && profile.lowers + profile.uppers > 0 && profile.distinct >= 8 && pm_looks_random(&profile);
}

int pm_find_provider(const pm_tables *tables, const uint8_t *text, size_t count, size_t start, size_t end,
                     pm_provider_match *found) {
    if (!find_value(tables, text, count, start, end, found)) return 0;
    if (!is_random(text, found)) return 0;
    if (is_hexadecimal(text, found->value_start, found->value_end) && may_be_digest(tables, text, count, found)) return 0;
    return is_named(tables, text, count, found);
}

/// Values that the kernels look at as a whole (`may_be_random`, frame.h): what is left of them is asked in another order. The
/// answer is the same, so that it does not matter how much a kernel has asked before.
enum { LOOKED_AT = 64 };

static int screen_part(const pm_tables *tables, const uint8_t *text, size_t start, size_t end, size_t to) {
    size_t unit = pm_unit_start(text, to, start, end);
    pm_provider_match found;
    if (unit > end || end - unit < PM_MINIMUM_RUN) return 0;
    if (end - unit > LOOKED_AT) return pm_find_provider(tables, text, to, unit, end, &found);
    return find_value(tables, text, to, unit, end, &found) &&
           !(is_hexadecimal(text, found.value_start, found.value_end) && may_be_digest(tables, text, to, &found)) &&
           is_named(tables, text, to, &found) && is_random(text, &found);
}

int pm_screen_provider(const pm_tables *tables, const uint8_t *text, size_t start, size_t end, size_t to) {
    // Two dots end a value, but not in every run: look at the parts and at the whole.
    size_t part = start;
    for (const uint8_t *dot = memchr(text + start, '.', end - start); dot; dot = memchr(dot + 1, '.', (size_t)(text + end - dot - 1))) {
        if (dot + 1 >= text + end || dot[1] != '.') continue;
        size_t at = (size_t)(dot - text);
        if (at > part && screen_part(tables, text, part, at, to)) return 1;
        while (at < end && text[at] == '.') at++;
        part = at;
        if (part == end) break;
        dot = text + at - 1;
    }
    return (part > start && part < end && screen_part(tables, text, part, end, to)) || screen_part(tables, text, start, end, to);
}
