#include "screens.h"

#include <string.h>

static inline int is(uint8_t byte, int kinds) { return pm_kinds[byte] & kinds; }

/// Whether `literal`, in lower case, stands at `at`, letters compared without case.
static int has_folded(const uint8_t *text, size_t at, size_t to, const char *literal) {
    for (size_t i = 0; literal[i]; i++) {
        if (at + i >= to || pm_lower(text[at + i]) != (uint8_t)literal[i]) return 0;
    }
    return 1;
}

// MARK: Addresses

int pm_screen_address(const pm_tables *tables, const uint8_t *text, size_t at, size_t to) {
    if (at == 0) return 0;
    uint8_t before = text[at - 1];
    if (!is(before, PM_IS_NAME) && before != '+' && before != '%' && before != '"' && before < 0x80) return 0;
    size_t limit = to - at > 256 ? at + 256 : to;
    size_t i = at + 1;
    if (i < to && text[i] == '[') return 1;
    size_t dot = 0;
    for (; i < limit; i++) {
        uint8_t c = text[i];
        if (is(c, PM_IS_ALNUM) || c == '-') continue;
        if (c == '.') {
            // Two dots end a domain: let the detector look.
            if (text[i - 1] == '.') return 1;
            dot = i;
            continue;
        }
        if (c >= 0x80) return 1;
        break;
    }
    if (i == limit) return 1;
    // Full stops and hyphens after it do not belong to it.
    size_t end = i;
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) {
        end--;
        if (dot == end) {
            dot = 0;
            for (size_t k = end; k > at + 1; k--) {
                if (text[k - 1] == '.') {
                    dot = k - 1;
                    break;
                }
            }
        }
    }
    if (dot <= at + 1 || end - dot < 3) return 0;
    if (pm_lower(text[dot + 1]) == 'x') return 1;  // xn--
    for (size_t k = dot + 1; k < end; k++) {
        if (!is(text[k], PM_IS_LETTER)) return 0;
    }
    return !pm_is_pseudo_domain(tables, text + dot + 1, end - dot - 1);
}

// MARK: Assignments

/// Longest identifier that is read, in bytes before or after the word, and most bytes from it to its value.
enum { NAME = 64, GAP = 48 };

/// Number plus 1 of the longest of the fragment's words that covers `at` within the name `text[start, end)`, or 0.
static uint32_t find_word(const pm_tables *tables, const uint8_t *text, size_t at, size_t start, size_t end,
                          const pm_fragment *fragment) {
    const uint32_t *lists = tables->word_lists + fragment->lists;
    for (const uint32_t *list = lists + lists[at > 0 ? text[at - 1] & 31 : 0]; *list; list++) {
        const pm_word *word = &tables->words[*list - 1];
        if (at < start + word->offset) continue;
        size_t begin = at - word->offset, k = 0;
        if (begin + word->length > end) continue;
        for (; k < word->length; k++) {
            uint8_t wanted = word->bytes[k], got = pm_lower(text[begin + k]);
            if (got != wanted && !(wanted == '_' && (got == '-' || got == '.'))) break;
        }
        if (k == word->length) return *list;
    }
    return 0;
}

uint32_t pm_find_word(const pm_tables *tables, const uint8_t *text, size_t at, size_t start, size_t end, int fragment) {
    const pm_fragment *found = &tables->fragments[fragment];
    return found->first_word && tables->word_lists ? find_word(tables, text, at, start, end, found) : 0;
}

/// If one of the fragment's words covers `at` within the name `text[start, end)`, and may end there, the length of its shortest
/// value; else 0.
static size_t names_credential(const pm_tables *tables, const uint8_t *text, size_t at, size_t start, size_t end,
                            const pm_fragment *fragment) {
    if (!fragment->begins_word && !(at > start && pm_set_has(&fragment->before, text[at - 1]))) return 0;
    if (!fragment->first_word) return 0;
    // Without lists every name counts.
    if (tables->word_lists == NULL) return 1;
    uint32_t number = find_word(tables, text, at, start, end, fragment);
    if (number == 0) return 0;
    const pm_word *word = &tables->words[number - 1];
    // The longest word decides. More lower-case letters make another word of it, but for a few.
    size_t rest = at - word->offset + word->length;
    if (rest < end && pm_lower(text[rest]) == 's' && (rest + 1 == end || !is(text[rest + 1], PM_IS_LETTER))) rest++;
    if (rest >= end || (uint8_t)(text[rest] - 'a') >= 26 || !is(text[rest - 1], PM_IS_LETTER)) return word->minimum;
    static const char *const more[] = {"key", "token", "secret", "value", "string", "text", "hash", "word"};
    for (size_t m = 0; m < sizeof more / sizeof more[0]; m++) {
        if (has_folded(text, rest, end, more[m])) return word->minimum;
    }
    // A word cut off by the table's length decides nothing.
    return word->length == sizeof word->bytes ? word->minimum : 0;
}

/// Whether `value` stands behind white space, quotes, commas and dashes from `i` on.
static int value_follows(const uint8_t *text, size_t i, size_t limit, size_t to) {
    while (i < limit && (is(text[i], PM_IS_SPACE | PM_IS_QUOTE) || text[i] == ',' || text[i] == '\\' || text[i] == '-')) i++;
    return i + 5 > to || has_folded(text, i, to, "value");
}

/// `login ` in the 160 bytes before `start`, as in a netrc file.
static int login_stands_before(const uint8_t *text, size_t start) {
    size_t floor = start > 160 ? start - 160 : 0, count = start - floor >= 6 ? start - floor - 5 : 0;
    const uint8_t *p = text + floor;
    // No branch, so that the compiler makes vectors of it.
    uint8_t found = 0;
    for (size_t i = 0; i < count; i++)
        found |= (p[i] == 'l') & (p[i + 1] == 'o') & (p[i + 2] == 'g') & (p[i + 3] == 'i') & (p[i + 4] == 'n') & (p[i + 5] == ' ');
    return found;
}

/// Values of weak words have so many bytes at least; see `isKey` and `owner` (Detectors/Assignments.swift).
enum { WEAK = 16 };

/// Whether the word before a weak one, which begins at `at`, says that it opens nothing.
static int opens_nothing(const uint8_t *text, size_t at) {
    static const char *const words[] = {"cache", "foreign", "primary", "sort", "partition", "idempotency", "public"};
    if (at < 2 || pm_lower(text[at]) != 'k' || (text[at - 1] != '_' && text[at - 1] != ' ' && text[at - 1] != '-')) return 0;
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        size_t length = strlen(words[k]);
        if (at > length && has_folded(text, at - 1 - length, at, words[k])) return length > 4 || at - 1 == length || !is(text[at - 2 - length], PM_IS_LETTER);
    }
    return 0;
}

/// Whether the quoted value that begins with the quote at `i` may have `minimum` bytes.
static int quoted_may_be_value(const uint8_t *text, size_t i, size_t to, size_t minimum) {
    uint8_t quote = text[i];
    // Two are an empty value, three begin one.
    if (i + 2 >= to) return 1;
    if (text[i + 1] == quote) return text[i + 2] == quote;
    for (size_t k = 1; k <= minimum; k++) {
        if (i + k >= to || text[i + k] == '\\') return 1;
        if (text[i + k] == quote || text[i + k] == '\n') return 0;
    }
    return 1;
}

/// Whether nothing but asterisks, three or more, stands in a line from `i` on, or before one blank and more than an operator: a mask.
static int is_mask(const uint8_t *text, size_t i, size_t limit) {
    size_t start = i;
    while (i < limit && text[i] == '*') i++;
    if (i - start < 3 || i + 1 >= limit) return 0;
    return text[i] == '\n' || (text[i] == ' ' && !is(text[i + 1], PM_IS_BLANK) && text[i + 1] != '=');
}

/// Whether a value of `minimum` bytes can follow the operator that ends before `i`.
static int value_begins(const uint8_t *text, size_t i, size_t limit, size_t to, size_t minimum) {
    while (i < limit && (is(text[i], PM_IS_BLANK) || text[i] == '\r')) i++;
    if (i >= limit) return limit == to;
    uint8_t first = text[i];
    // The value may stand in the line below, also behind the mark of a block.
    if (first == '\n' || (first == '|' && i + 1 < to && memchr("\n\r+-", text[i + 1], 4))) return 1;
    if (first == '*' && is_mask(text, i, limit)) return 0;
    // Wrapped, escaped, tagged, marked or coloured: let the detector look.
    if (memchr("\x1b\\![({@&*<>", first, 11)) return 1;
    if (is(first, PM_IS_QUOTE)) return quoted_may_be_value(text, i, to, minimum);
    for (size_t k = 0; k < minimum; k++) {
        if (i + k >= to) return 1;
        uint8_t c = text[i + k];
        if (is(c, PM_IS_QUOTE)) return k == 1 && is(first, PM_IS_LETTER);
        if (k > 1 && is(c, PM_IS_BLANK)) {
            // A type, and the value behind `=`.
            size_t j = i + k;
            while (j < to && is(text[j], PM_IS_BLANK)) j++;
            // Or the password of a pair.
            return j >= to || text[j] == '=' || text[j] == '/';
        }
        // A type with a parameter, as `Option<String>`.
        if (c == '<' && k > 1) return 1;
        if (c <= ' ' || c == ',' || c == ';' || c == '<' || c == '>' || c == '|') return 0;
    }
    return 1;
}

/// Shortest value without quotes behind nothing but a blank; see `isLoose` (Detectors/Assignments.swift).
enum { LOOSE = 8 };

/// Whether what stands behind a name and a blank may be a value: a word with a digit, a type before `=`, `set to`.
static int word_may_be_value(const uint8_t *text, size_t i, size_t limit, size_t to) {
    size_t start = i;
    int sees_digit = 0, sees_letter = 0;
    for (; i < limit && text[i] > ' '; i++) {
        if (is(text[i], PM_IS_DIGIT)) sees_digit = 1;
        if (is(text[i], PM_IS_LETTER)) sees_letter = 1;
    }
    if (i == limit) return 1;
    if (sees_digit && sees_letter && i - start >= LOOSE) return 1;
    if (has_folded(text, start, to, "set ") || has_folded(text, start, to, "changed ")) return 1;
    // `As String =`, `unsigned char =`: the value is behind the type; `7 x`: behind the number.
    if (has_folded(text, start, to, "as ") || has_folded(text, start, to, "const ") || has_folded(text, start, to, "unsigned ")) return 1;
    if (text[start] == '&' || (sees_digit && i == start + 1)) return 1;
    while (i < limit && is(text[i], PM_IS_BLANK)) i++;
    return i >= to || text[i] == '=';
}

/// Whether what stands before the name `text[start, end)` sets it, or it is a directive; see `isSet` and `isDirective`
/// (Detectors/Assignments.swift).
static int is_set(const uint8_t *text, size_t start, size_t end) {
    static const char *const words[] = {"setx ", "set -x ", "set -gx ", "setenv ", "/root-password ", "/user-password "};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        size_t length = strlen(words[k]);
        if (start >= length && memcmp(text + start - length, words[k], length) == 0) return 1;
    }
    if (start >= 4 && memcmp(text + start - 4, "ENV ", 4) == 0 && (start == 4 || text[start - 5] == '\n')) return 1;
    static const char *const directives[] = {"requirepass", "masterauth", "rootpw", "bindpw", "userpw"};
    for (size_t k = 0; k < sizeof directives / sizeof directives[0]; k++) {
        if (strlen(directives[k]) == end - start && has_folded(text, start, end, directives[k])) return 1;
    }
    return 0;
}

/// `assignment` (Detectors/Assignments.swift): a name, an operator, a value.
static int assignment(const pm_tables *tables, const uint8_t *text, size_t at, size_t to, const pm_fragment *fragment,
                      const pm_name *name) {
    // A word of another script: they are few.
    if (text[at] >= 0x80) return 1;
    size_t start, end;
    if (name) {
        start = name->start;
        end = name->end;
    } else {
        end = at;
        while (end < to && end - at < NAME && is(text[end], PM_IS_NAME)) end++;
        if (end == to) return 1;
        start = at;
        while (start > 0 && at - start < NAME && is(text[start - 1], PM_IS_NAME)) start--;
    }
    while (end > at && (text[end - 1] == '.' || (text[end - 1] == '-' && text[end] == '>'))) end--;
    while (start < at && text[start] == '.') start++;
    // `\n` before a name is not part of it.
    if (start > 0 && start < at && text[start - 1] == '\\' && (text[start] == 'n' || text[start] == 'r' || text[start] == 't')) start++;

    size_t limit = to - end > GAP ? end + GAP : to;
    size_t i = end;
    if (name && name->end == end && name->closed <= limit) {
        i = name->closed;
    } else {
        while (i < limit) {
            uint8_t c = text[i];
            if (is(c, PM_IS_QUOTE) || c == ']' || c == ')') {
                i++;
            } else if (c == '\\') {
                if (i + 1 >= to) return 1;
                if (!is(text[i + 1], PM_IS_QUOTE) && text[i + 1] != '\\') break;
                i++;
            } else {
                break;
            }
        }
    }
    int is_closed = i > end;
    size_t before_blanks = i;
    while (i < limit && (is(text[i], PM_IS_BLANK) || text[i] == '\r')) i++;
    if (i >= limit) return limit == to;
    int has_blank = i > before_blanks;
    int found;
    switch (text[i]) {
    case 0x1b: found = 1; break;
    case '=': case ':': case '|': case '?': case '.': case '!': case '~': {
        size_t j = i;
        int sees_equals = 0, sees_colon = 0;
        for (; j - i < 4; j++) {
            if (j >= to) return 1;
            uint8_t c = text[j];
            if (c == '=') sees_equals = 1;
            else if (c == ':') sees_colon = 1;
            else if (c == '>' && !sees_equals) break;
            else if (c != '|' && c != '?' && c != '.' && c != '!' && c != '~' && c != '>') break;
        }
        if (!sees_equals && !sees_colon) {
            // `||` and `??` before a default, and the bar of a table.
            if (j - i > 2 || (j - i == 2 ? text[i] != text[i + 1] || (text[i] != '|' && text[i] != '?') : text[i] != '|')) return 0;
            return names_credential(tables, text, at, start, end, fragment) != 0;
        }
        if (i + 3 <= to && memcmp(text + i, "://", 3) == 0) return 0;
        size_t minimum = names_credential(tables, text, at, start, end, fragment);
        if (minimum >= WEAK) {
            if (opens_nothing(text, at)) return 0;
            // With the word before it, it may be a stronger one: `API Key`.
            size_t before = at;
            while (before > start && !is(text[before - 1], PM_IS_LETTER | PM_IS_DIGIT)) before--;
            for (int blanks = 0; before <= start && before > 0 && blanks < 2 && is(text[before - 1], PM_IS_BLANK); blanks++) before--;
            if (before > 0 && is(text[before - 1], PM_IS_LETTER)) minimum = 8;
        }
        return minimum && value_begins(text, j, limit, to, minimum);
    }
    case 0xef: found = i + 1 >= to || text[i + 1] == 0xbc; break;
    case '-':
        found = i + 1 >= to || text[i + 1] == '>' || (has_blank && (text[i + 1] == '-' || pm_lower(text[i + 1]) == 's'));
        // `password - x`
        if (!found && has_blank && text[i + 1] == ' ') found = word_may_be_value(text, i + 2, limit, to);
        break;
    case '[': found = !is_closed && !has_blank; break;
    case '*': found = i + 1 >= to || text[i + 1] == '*'; break;
    case '<': found = i + 1 >= to || text[i + 1] == '-' || text[i + 1] == '/'; break;
    case '>': found = start > 0 && (text[start - 1] == '<' || is_closed); break;
    case '{': found = is_closed; break;
    case '(': found = !has_blank && !is_closed && (i + 1 >= to || is(text[i + 1], PM_IS_QUOTE)); break;
    case ',': found = is_closed; break;
    case '%': found = i + 1 >= to || text[i + 1] == '3'; break;
    case '\n':
        // Behind an empty line stands the content of a form's field.
        if (is_closed) found = i + 2 >= to || text[i + 1] == '\n' || (text[i + 1] == '\r' && text[i + 2] == '\n');
        else found = value_follows(text, i, limit, to);
        break;
    default:
        // A colour in a string.
        if (text[i] == '\\' && (i + 1 >= to || memchr("ux0e", text[i + 1], 4))) {
            found = 1;
            break;
        }
        if (!has_blank) return 0;
        switch (text[i]) {
        case 'i': case 'I': found = i + 1 >= to || pm_lower(text[i + 1]) == 's'; break;
        case 'w': case 'W': found = i + 1 >= to || pm_lower(text[i + 1]) == 'a'; break;
        case 'v': case 'V': found = value_follows(text, i, limit, to); break;
        case 'o': case 'O': found = i + 1 >= to || pm_lower(text[i + 1]) == 'r'; break;
        case '\'': case '"': case '`': found = 1; break;
        default: found = 0; break;
        }
        if (!found) found = word_may_be_value(text, i, limit, to);
        // An element with attributes.
        if (!found) found = start > 0 && (text[start - 1] == '<' || text[start - 1] == ':');
        // What is set, and a directive in a line of its own: `setx NAME x`, `d-i passwd/root-password password x`, `requirepass x`.
        if (!found) found = is_set(text, start, end) || (start + 14 <= to && memcmp(text + start, "wpa_passphrase", 14) == 0);
        // The value of an option, or of a netrc file.
        if (!found) found = text[start] == '-' || (has_folded(text, start, to, "passw") && login_stands_before(text, start));
        break;
    }
    return found && names_credential(tables, text, at, start, end, fragment);
}

// MARK: Other words

/// `url` (Detectors/URLs.swift): whether a password can stand in the authority after the `://` at `at`.
static int url(const pm_tables *tables, const uint8_t *text, size_t at, size_t to) {
    if (at == 0 || !is(text[at - 1], PM_IS_ALNUM)) return 0;
    size_t start = at + 3;
    size_t limit = to - start > tables->authority ? start + tables->authority : to;
    size_t colon = 0;
    for (size_t i = start; i < limit; i++) {
        uint8_t c = text[i];
        if (is(c, PM_IS_ALNUM)) continue;
        switch (c) {
        case '@': case '[': return 1;
        case ':':
            if (i > start && i + 3 <= to && text[i + 1] == '/' && text[i + 2] == '/') return 0;
            if (!colon) colon = i;
            break;
        case '/': case '?': case '#':
            if (!colon) return 0;
            // What follows the colon is a port.
            if (i - colon <= 6) {
                size_t k = colon + 1;
                while (k < i && is(text[k], PM_IS_DIGIT)) k++;
                if (k == i) return 0;
            }
            break;
        case '<': case '>': case '\\': return 0;
        default:
            if (c <= ' ' || is(c, PM_IS_QUOTE)) return 0;
        }
    }
    return 1;
}

/// `keyBlock` (KeyBlock.swift): BEGIN in capitals after dashes.
static int key_block(const uint8_t *text, size_t at) {
    return at > 0 && text[at] == 'B' && (text[at - 1] == '-' || text[at - 1] == ' ');
}

/// `bearer` (Detectors/Headers.swift): the word, and a blank or colon after it.
static int bearer(const uint8_t *text, size_t at, size_t to) {
    if (at > 0 && is(text[at - 1], PM_IS_ALNUM)) return 0;
    if (at + 6 >= to) return 1;
    return is(text[at + 6], PM_IS_BLANK) || text[at + 6] == ':';
}

/// `passwordArgument` (Detectors/Commands.swift): a command's name, and a blank after it.
static int command(const uint8_t *text, size_t at, size_t to) {
    if (at > 0 && (is(text[at - 1], PM_IS_ALNUM) || text[at - 1] == '_')) return 0;
    size_t i = at;
    while (i < to && (is(text[i], PM_IS_LETTER) || text[i] == '-' || text[i] == '_')) i++;
    return i == to || is(text[i], PM_IS_BLANK);
}

/// `manifest` (Detectors/Contexts.swift): `data:` at the end of a line, or `"data": {`.
static int manifest(const uint8_t *text, size_t at, size_t to) {
    if (at > 0 && (is(text[at - 1], PM_IS_ALNUM) || text[at - 1] == '_')) return 0;
    size_t i = at + 4;
    if (text[i] == ':') {
        i++;
        while (i < to && (is(text[i], PM_IS_BLANK) || text[i] == '\r')) i++;
        return i == to || text[i] == '\n';
    }
    i++;
    while (i < to && is(text[i], PM_IS_SPACE)) i++;
    if (i < to && text[i] == ':') i++;
    else return i == to;
    while (i < to && is(text[i], PM_IS_SPACE)) i++;
    return i == to || text[i] == '{';
}

/// `innerAnchor` (Scanner.swift): whether the fragment does not stand one place before as well, as a repeated byte does.
static int inner(const uint8_t *text, size_t from, size_t at, const pm_fragment *fragment) {
    if (at == from || !pm_is_token(text[at - 1]) || !pm_is_token(text[at])) return 1;
    for (size_t i = 0; i < fragment->length; i++) {
        if (pm_fold(text[at - 1 + i]) != fragment->bytes[i]) return 1;
    }
    return 0;
}

uint8_t pm_screen_fragment(const pm_tables *tables, const uint8_t *text, size_t from, size_t at, size_t to,
                           const pm_fragment *fragment, const pm_name *name, pm_commands *commands) {
    uint8_t passed = 0;
    for (unsigned i = 0; i < fragment->screen_count; i++) {
        int found;
        switch (fragment->screens[i]) {
        case PM_SCREEN_ASSIGNMENT: found = assignment(tables, text, at, to, fragment, name); break;
        case PM_SCREEN_URL: found = url(tables, text, at, to); break;
        case PM_SCREEN_KEY_BLOCK: found = key_block(text, at); break;
        case PM_SCREEN_AUTHORIZATION: found = at + 13 > to || has_folded(text, at, to, "authorization"); break;
        case PM_SCREEN_BEARER: found = bearer(text, at, to); break;
        case PM_SCREEN_COOKIE: found = at == 0 || !(is(text[at - 1], PM_IS_ALNUM) || text[at - 1] == '_'); break;
        case PM_SCREEN_OPTION: {
            size_t value;
            found = at + 3 >= to || pm_password_option(commands, text, at, to, at > PM_COMMAND_REACH ? at - PM_COMMAND_REACH : 0, &value) != 0;
            break;
        }
        case PM_SCREEN_COMMAND: found = command(text, at, to); break;
        case PM_SCREEN_MANIFEST: found = manifest(text, at, to); break;
        case PM_SCREEN_INNER: found = inner(text, from, at, fragment); break;
        default: found = 1; break;
        }
        if (found) passed |= (uint8_t)(1u << i);
    }
    return passed;
}

// MARK: Escapes

/// Names of character references that stand for ASCII (HTML, 13.5).
static const char *const entities[] = {"amp", "lt", "gt", "quot", "apos", "commat", "colon", "sol",
                                       "plus", "equals", "period", "lowbar", "dash", "hyphen", "percnt"};

static int entity(const uint8_t *text, size_t at, size_t to) {
    size_t limit = to - at > 10 ? at + 10 : to;
    size_t i = at + 1;
    while (i < limit && (is(text[i], PM_IS_ALNUM) || (i == at + 1 && text[i] == '#'))) i++;
    if (i == limit) return limit == to;
    if (text[i] != ';') return 0;
    if (text[at + 1] == '#') return 1;
    size_t length = i - at - 1;
    for (size_t k = 0; k < sizeof entities / sizeof entities[0]; k++) {
        if (strlen(entities[k]) == length && memcmp(entities[k], text + at + 1, length) == 0) return 1;
    }
    return 0;
}

/// `count` hexadecimal digits at `at`, or as many as there are.
static int hexadecimal(const uint8_t *text, size_t at, size_t to, size_t count) {
    for (size_t i = at; i < at + count && i < to; i++) {
        if (!is(text[i], PM_IS_HEX)) return 0;
    }
    return 1;
}

static int backslash(const uint8_t *text, size_t at, size_t to) {
    size_t i = at;
    while (i < to && text[i] == '\\' && i - at < 4) i++;
    // A lone backslash at the end is held as the beginning of an escape, and decodes to nothing if no more comes.
    if (i == to) return i > at + 1;
    switch (text[i]) {
    case '/': return 1;
    case 'u': return hexadecimal(text, i + 1, to, 4);
    case 'U': return hexadecimal(text, i + 1, to, 8);
    case 'x': return hexadecimal(text, i + 1, to, 2);
    case '0': case '1': case '2': case '3':
        for (size_t k = i + 1; k < i + 3 && k < to; k++) {
            if ((uint8_t)(text[k] - '0') >= 8) return 0;
        }
        return 1;
    default: return 0;
    }
}

/// NUL: between token bytes that alternate with it.
static int wide(const uint8_t *text, size_t at, size_t to) {
    if (at >= 3 && pm_is_token(text[at - 1]) && text[at - 2] == 0 && pm_is_token(text[at - 3])) return 1;
    return to - at >= 4 && pm_is_token(text[at + 1]) && text[at + 2] == 0 && pm_is_token(text[at + 3]);
}

/// Control sequences in a row that are read; behind more, the detector looks.
enum { SEQUENCES = 4 };

static inline int is_parameter(uint8_t byte) { return byte >= 0x30 && byte < 0x40; }
static inline int is_final(uint8_t byte) { return byte >= 0x40 && byte < 0x7f; }

/// ESC: a control sequence, or some, between token bytes or letters: what begins or ends a word colours it, and encodes nothing.
static int colour(const uint8_t *text, size_t at, size_t to) {
    size_t i = at;
    for (int n = 0; n < SEQUENCES; n++) {
        if (i == 0) return 0;
        size_t k = i - 1, floor = i > PM_SEQUENCE ? i - PM_SEQUENCE : 0;
        int is_end = is_final(text[k]);
        while (is_end && k > floor && is_parameter(text[k - 1])) k--;
        if (!is_end || k < 2 || text[k - 1] != '[' || text[k - 2] != 0x1b) {
            if (!pm_is_token(text[i - 1]) && text[i - 1] < 0x80) return 0;
            break;
        }
        i = k - 2;
    }
    i = at;
    for (int n = 0; n < SEQUENCES; n++) {
        if (i + 1 < to && text[i + 1] != '[') return 0;
        i += 2;
        while (i < to && is_parameter(text[i])) i++;
        if (i >= to) return 1;
        if (!is_final(text[i])) return 0;
        if (++i == to) return 1;
        if (text[i] != 0x1b) return pm_is_token(text[i]) || text[i] >= 0x80;
    }
    return 1;
}

int pm_screen_escape(const uint8_t *text, size_t at, size_t to) {
    switch (text[at]) {
    case '%': return hexadecimal(text, at + 1, to, 2);
    case '\\': return backslash(text, at, to);
    case '&': return entity(text, at, to);
    case 0x1b: return colour(text, at, to);
    default: return wide(text, at, to);
    }
}

// MARK: Runs

int pm_screen_context(const pm_tables *tables, const uint8_t *text, size_t start, uint64_t marks) {
    uint32_t fitting = tables->context_first[text[start]];
    for (size_t i = 0; i < PM_CONTEXT_POSITIONS && i < start && fitting; i++) fitting &= tables->context_before[i][text[start - 1 - i]];
    // Where no literal is marked, only the shortest may stand.
    uint32_t unmarked = fitting & tables->context_unmarked;
    if (!unmarked && (!fitting || !marks)) return 0;
    size_t floor = start > 64 ? start - 64 : 0;
    for (size_t i = start; i > floor; i--) {
        if (text[i - 1] == '\n') {
            floor = i;
            break;
        }
    }
    uint64_t places = unmarked ? ~0ull : marks;
    if (start - floor < 64) places &= ~(~0ull >> (start - floor));
    for (; places; places &= places - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(places);
        size_t at = start - 64 + bit;
        uint32_t here = (marks >> bit & 1 ? fitting : unmarked) & tables->context_heads[text[at]];
        for (; here; here &= here - 1) {
            // The last bit stands for all that have none of their own.
            uint32_t index = (uint32_t)__builtin_ctz(here), last = index < 31 ? index + 1 : tables->context_count;
            for (; index < last; index++) {
                const pm_context *context = &tables->contexts[index];
                if (at + context->length <= start && memcmp(text + at, context->bytes, context->length) == 0) return 1;
            }
        }
    }
    return 0;
}

/// Number plus 1 of the first anchor that stands at `at`, of those from `number` on whose first three bytes hash alike; 0 if none does.
/// `ways`: how they are asked for, if it matters, in a unit that begins at `start`.
static inline uint32_t anchor_at(const pm_tables *tables, const uint8_t *text, size_t at, size_t to, uint32_t number, const uint8_t *ways, size_t start) {
    uint64_t head = pm_eight(text + at, text + to);
    for (; number; number = tables->anchors[number - 1].next) {
        const pm_anchor *anchor = &tables->anchors[number - 1];
        size_t end = at + anchor->length;
        if ((head ^ anchor->head) & anchor->head_mask || end + anchor->minimum > to) continue;
        if (ways && ways[number - 1] != PM_ANCHOR_ANY) {
            size_t before = ways[number - 1];
            if (before == PM_ANCHOR_SKIPPED || at - start < before) continue;
            if (at - before > start && is(text[at - before - 1], PM_IS_ALNUM)) continue;
        }
        if (anchor->length > 8 && memcmp(text + at + 8, anchor->bytes + 8, anchor->length - 8u) != 0) continue;
        const pm_set *followers = &tables->sets[anchor->followers];
        size_t i = 0;
        while (i < anchor->minimum && pm_set_has(followers, text[end + i])) i++;
        if (i == anchor->minimum) return number;
    }
    return 0;
}

int pm_has_anchor(const pm_tables *tables, const uint8_t *text, size_t at, size_t to, uint32_t hash) {
    return anchor_at(tables, text, at, to, tables->anchor_heads[pm_slot(hash)], NULL, 0) != 0;
}

size_t pm_next_anchor(const pm_tables *tables, const uint8_t *text, size_t start, size_t end, int inner, const uint8_t *ways, size_t at,
                      size_t *number) {
    if (*number < tables->anchor_count) {
        uint32_t next = anchor_at(tables, text, at, end, tables->anchors[*number].next, ways, start);
        if (next) {
            *number = next - 1;
            return at;
        }
        at++;
    }
    for (; at + 3 <= end; at++) {
        if (!inner && at > start && is(text[at - 1], PM_IS_ALNUM)) continue;
        uint32_t hash = pm_hash(text[at], text[at + 1], text[at + 2]);
        if (!pm_filter_has(tables->anchor_filter, hash)) continue;
        uint32_t found = anchor_at(tables, text, at, end, tables->anchor_heads[pm_slot(hash)], ways, start);
        if (found) {
            *number = found - 1;
            return at;
        }
    }
    return end;
}

/// If `index` lies in the parameters of a control sequence (ECMA-48, 5.4), the offset after its final byte; else 0.
static size_t sequence_end(const uint8_t *text, size_t index, size_t limit) {
    size_t floor = index > PM_SEQUENCE ? index - PM_SEQUENCE : 0;
    size_t i = index;
    for (;;) {
        if (i == floor) return 0;
        uint8_t c = text[i - 1];
        if (c == 0x1b) break;
        if ((c < 0x30 || c >= 0x40) && c != '[') return 0;
        i--;
    }
    if (text[i] != '[') return 0;
    size_t j = index;
    while (j < limit && text[j] >= 0x30 && text[j] < 0x40) j++;
    return j < limit && j - (i - 1) <= PM_SEQUENCE && text[j] >= 0x40 && text[j] < 0x7f ? j + 1 : 0;
}

size_t pm_unit_start(const uint8_t *text, size_t count, size_t start, size_t end) {
    (void)count;
    if (start > 0 && start < end) {
        switch (text[start - 1]) {
        case '\\':
            switch (text[start]) {
            case 'u':
                if (start + 5 <= end && hexadecimal(text, start + 1, end, 4)) start += 5;
                break;
            case 'x':
                if (start + 3 <= end && hexadecimal(text, start + 1, end, 2)) start += 3;
                break;
            case 'n': case 'r': case 't': case 'b': case 'f': case 'v': case '0': case 'a': case 'e': case '/': start++; break;
            default: break;
            }
            break;
        case '%':
            if (start + 2 <= end && hexadecimal(text, start, end, 2)) start += 2;
            break;
        case '[': case ';': case '?': case ':': case '<': case '>': {
            size_t after = sequence_end(text, start, end);
            if (after) start = after;
            break;
        }
        default: break;
        }
    }
    while (start < end) {
        uint8_t c = text[start];
        if (c != '=' && c != '.' && c != '~' && c != '/' && c != '@' && c != '+' && c != '-') break;
        start++;
    }
    return start;
}

// MARK: Encoded text

/// Three NULs are no text, nor a part of UTF-16.
static inline int is_text_group(const uint8_t *p) {
    return memcmp(p, "AAAA", 4) != 0 && pm_code_class[0][p[0]] & pm_code_class[1][p[1]] & pm_code_class[2][p[2]] & pm_code_class[3][p[3]] & PM_CODE_GROUP;
}

static inline int is_text_pair(const uint8_t *p) {
    if (!is(p[0], PM_IS_HEX) || !is(p[1], PM_IS_HEX)) return 0;
    uint8_t low = pm_lower(p[1]);
    if (p[0] >= '2' && p[0] <= '7') return !(p[0] == '7' && low == 'f');
    return p[0] == '0' && (low == '9' || low == 'a' || low == 'd');
}

/// First stretch of at least `least` units of `size` bytes that are text. Looks at the last unit of each possible stretch first,
/// and so at one unit in `least` of what is none.
#define FIND_STRETCH(size, least, is_text)                                   \
    size_t floor = from, i = from;                                           \
    while (i + (size) * (least) <= end) {                                    \
        size_t last = i + (size) * ((least)-1);                              \
        if (!is_text(text + last)) {                                         \
            i = floor = last + (size);                                       \
            continue;                                                        \
        }                                                                    \
        size_t start = last, after = last + (size);                          \
        while (start > floor && is_text(text + start - (size))) start -= (size); \
        while (after + (size) <= end && is_text(text + after)) after += (size);  \
        if (after - start >= (size) * (least)) {                             \
            *stretch_end = after;                                            \
            return start;                                                    \
        }                                                                    \
        i = floor = after < end ? after + (size) : end;                      \
    }                                                                        \
    return end;

size_t pm_find_base64_text(const uint8_t *text, size_t from, size_t end, size_t *stretch_end) {
    FIND_STRETCH(4, 4, is_text_group)
}

size_t pm_find_hex_text(const uint8_t *text, size_t from, size_t end, size_t *stretch_end) {
    FIND_STRETCH(2, 10, is_text_pair)
}

// MARK: Remote logins

int pm_has_remote_command(const uint8_t *text, size_t count, size_t start, size_t end) {
    static const char *const verbs[] = {"ssh ", "scp ", "sftp ", "rsync ", "mosh ", "ssh-copy-id ", "sshfs "};
    if (end > count) end = count;
    // Each ends with a blank, and those are fewer than letters.
    for (size_t i = start; i < end; i++) {
        const uint8_t *blank = memchr(text + i, ' ', end - i);
        if (blank == NULL) return 0;
        i = (size_t)(blank - text);
        for (size_t v = 0; v < sizeof verbs / sizeof verbs[0]; v++) {
            size_t length = strlen(verbs[v]);
            if (i - start + 1 < length || text[i - 1] != (uint8_t)verbs[v][length - 2]) continue;
            size_t begin = i + 1 - length;
            if (memcmp(text + begin, verbs[v], length) == 0 && (begin == start || is(text[begin - 1], PM_IS_SPACE) || text[begin - 1] == '/')) return 1;
        }
    }
    return 0;
}
