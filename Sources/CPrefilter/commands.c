#include "tables.h"

#include <string.h>

/// A command whose options take a password. `is_prefix`: and those whose names begin with its own.
typedef struct command {
    const char *name;
    uint16_t options;
    uint8_t is_prefix;
} command;

/// In the order of `strcmp`.
static const command commands[] = {
    {"7z", PM_OPTION_ATTACHED, 1},
    {"ab", PM_OPTION_A_USER, 0},
    {"apptainer", PM_OPTION_LOGIN, 0},
    {"az", PM_OPTION_LOGIN, 0},
    {"bcp", PM_OPTION_P, 0},
    {"buildah", PM_OPTION_LOGIN, 0},
    {"cqlsh", PM_OPTION_P, 0},
    {"crackmapexec", PM_OPTION_P, 0},
    {"crane", PM_OPTION_LOGIN, 0},
    {"ctr", PM_OPTION_USER, 0},
    {"curl", PM_OPTION_USER | PM_OPTION_COOKIE, 0},
    {"docker", PM_OPTION_LOGIN, 0},
    {"elasticsearch-users", PM_OPTION_P, 0},
    {"etcdctl", PM_OPTION_USER, 0},
    {"evil-winrm", PM_OPTION_P, 0},
    {"helm", PM_OPTION_LOGIN, 0},
    {"htpasswd", PM_OPTION_B, 0},
    {"http", PM_OPTION_A_USER, 0},
    {"https", PM_OPTION_A_USER, 0},
    {"hydra", PM_OPTION_P, 0},
    {"ipmitool", PM_OPTION_P, 0},
    {"isql", PM_OPTION_P, 0},
    {"kadmin", PM_OPTION_W, 0},
    {"ldap", PM_OPTION_W, 1},
    {"lftp", PM_OPTION_USER, 0},
    {"mariadb", PM_OPTION_ATTACHED, 1},
    {"medusa", PM_OPTION_P, 0},
    {"mongo", PM_OPTION_P, 1},
    {"mosquitto_", PM_OPTION_P, 1},
    {"mysql", PM_OPTION_ATTACHED, 1},
    {"ncftp", PM_OPTION_P, 1},
    {"nerdctl", PM_OPTION_LOGIN, 0},
    {"netexec", PM_OPTION_P, 0},
    {"nxc", PM_OPTION_P, 0},
    {"oc", PM_OPTION_LOGIN, 0},
    {"oras", PM_OPTION_LOGIN, 0},
    {"osql", PM_OPTION_P, 0},
    {"plink", PM_OPTION_PW, 0},
    {"podman", PM_OPTION_LOGIN, 0},
    {"pscp", PM_OPTION_PW, 0},
    {"psexec", PM_OPTION_P, 1},
    {"psftp", PM_OPTION_PW, 0},
    {"putty", PM_OPTION_PW, 0},
    {"rabbitmqadmin", PM_OPTION_P, 0},
    {"rar", PM_OPTION_ATTACHED, 0},
    {"rdesktop", PM_OPTION_P, 0},
    {"redis-cli", PM_OPTION_A, 0},
    {"rpcclient", PM_OPTION_USER, 0},
    {"skopeo", PM_OPTION_LOGIN, 0},
    {"smbclient", PM_OPTION_USER, 0},
    {"smbmap", PM_OPTION_P, 0},
    {"snmp", PM_OPTION_A | PM_OPTION_X, 1},
    {"sqlcmd", PM_OPTION_P, 0},
    {"sshpass", PM_OPTION_P | PM_OPTION_ATTACHED, 0},
    {"tsql", PM_OPTION_P, 0},
    {"twine", PM_OPTION_P, 0},
    {"unrar", PM_OPTION_ATTACHED, 0},
    {"unzip", PM_OPTION_P, 0},
    {"useradd", PM_OPTION_P, 0},
    {"usermod", PM_OPTION_P, 0},
    {"wget", PM_OPTION_USER, 0},
    {"winexe", PM_OPTION_USER, 0},
    {"wlfreerdp", PM_OPTION_SLASH, 0},
    {"xfreerdp", PM_OPTION_SLASH, 0},
    {"zip", PM_OPTION_P, 0},
};

/// Longest name of a command that is compared, in bytes.
enum { NAME = 24 };

/// The options of the command that is called `text[start, end)`, letters compared without case; 0 if it is none of `commands`.
static uint32_t options_of(const uint8_t *text, size_t start, size_t end) {
    char name[NAME + 1];
    size_t length = end - start < NAME ? end - start : NAME;
    for (size_t i = 0; i < length; i++) name[i] = (char)pm_lower(text[start + i]);
    name[length] = 0;
    // The last one that is not behind it in order.
    size_t low = 0, high = sizeof commands / sizeof commands[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(commands[middle].name, name) <= 0) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return 0;
    const command *found = &commands[low - 1];
    size_t known = strlen(found->name);
    if (strncmp(found->name, name, known) != 0) return 0;
    const char *rest = name + known;
    if (*rest == 0 || strcmp(rest, ".exe") == 0) return found->options;
    // A file of that name is no command.
    return found->is_prefix && strchr(rest, '.') == NULL ? found->options : 0;
}

/// What the name of a command, or an option, is made of.
static inline int is_word(uint8_t byte) { return pm_kinds[byte] & PM_IS_NAME; }

/// Whether the line feed at `at` ends a line: one that is escaped goes on.
static int ends_line(const uint8_t *text, size_t at) {
    if (text[at] != '\n') return 0;
    size_t before = at;
    if (before > 0 && text[before - 1] == '\r') before--;
    return before == 0 || text[before - 1] != '\\';
}

/// Takes note that `options` are known since the word at `at`.
static void note(pm_commands *seen, uint32_t options, size_t at) {
    for (; options; options &= options - 1) seen->last[__builtin_ctz(options)] = at + 1;
}

uint32_t pm_command_options(pm_commands *seen, const uint8_t *text, size_t floor, size_t at) {
    // What was read before counts as far as it is in the line, and not before `floor`.
    int goes_on = seen->from <= floor && floor <= seen->to && seen->to <= at;
    size_t known = goes_on ? seen->to : floor, start = at;
    while (start > known && !ends_line(text, start - 1)) start--;
    if (start > known || !goes_on) {
        memset(seen->last, 0, sizeof seen->last);
        seen->from = start > known ? 0 : floor;
        seen->to = start;
    }
    for (size_t i = start; i < at;) {
        uint8_t c = text[i];
        if (!is_word(c)) {
            if (c == '|' || c == '&') {
                // Not before what follows it is known to be no option.
                if (i + 1 == at) break;
                // Another command begins.
                if (i > 0 && text[i - 1] == ' ') memset(seen->last, 0, sizeof seen->last);
            }
            seen->to = ++i;
            continue;
        }
        size_t begin = i;
        while (i < at && is_word(text[i])) i++;
        seen->to = i;
        // One that is cut off where this begins is none.
        if (begin > 0 && is_word(text[begin - 1])) continue;
        uint8_t next = i < at ? text[i] : ' ';
        if (!(pm_kinds[next] & (PM_IS_BLANK | PM_IS_QUOTE))) continue;
        if (c == '-') {
            size_t length = i - begin;
            if ((length == 2 && pm_lower(text[begin + 1]) == 'u') || ((length == 6 || length == 10) && memcmp(text + begin, "--username", length) == 0))
                note(seen, PM_OPTION_NAMED, begin);
            continue;
        }
        if (i - begin == 5 && memcmp(text + begin, "login", 5) == 0) note(seen, PM_OPTION_LOGS_IN, begin);
        note(seen, options_of(text, begin, i), begin);
    }
    uint32_t options = 0;
    for (unsigned bit = 0; bit < PM_OPTION_COUNT; bit++) options |= (uint32_t)(seen->last[bit] > floor) << bit;
    if (options & PM_OPTION_LOGS_IN && options & PM_OPTION_LOGIN) options |= PM_OPTION_P;
    return options & ~(uint32_t)PM_OPTION_LOGS_IN;
}

/// Whether a value of letters, signs or six digits and more begins at `i`: no option, no path, no reference, no port.
static int may_be_password(const uint8_t *text, size_t i, size_t to) {
    if (i >= to) return 1;
    if (memchr("-/.$<{[|&;>\n\r \t", text[i], 15)) return 0;
    size_t end = i;
    while (end < to && text[end] > ' ') {
        if (!(pm_kinds[text[end]] & PM_IS_DIGIT) && text[end] != ':' && text[end] != '.') return 1;
        end++;
    }
    if (end == to) return 1;
    return end - i >= 6 && memchr(text + i, ':', end - i) == NULL && memchr(text + i, '.', end - i) == NULL;
}

/// Whether a user, one of `: , %` and something stand at `i`.
static int may_be_user(pm_commands *seen, const uint8_t *text, size_t i, size_t to) {
    size_t limit = to - i > PM_COMMAND_USER + 1 ? i + PM_COMMAND_USER + 1 : to;
    // None of those, and no line end, stands between the place that was asked about before and where that ended.
    size_t k = i >= seen->user && i <= seen->user_end ? seen->user_end : i;
    while (k < limit && text[k] != '\n' && text[k] != ':' && text[k] != ',' && text[k] != '%') k++;
    if (k != seen->user_end) seen->user = i, seen->user_end = k;
    return k >= limit ? limit == to : text[k] != '\n';
}

/// Which options the letter of one may stand for.
static uint32_t options_by_letter(uint8_t letter) {
    switch (letter) {
    case 'p': return PM_OPTION_P | PM_OPTION_NAMED;
    case 'a': return PM_OPTION_A | PM_OPTION_A_USER;
    case 'b': return PM_OPTION_B;
    case 'u': return PM_OPTION_USER;
    case 'w': return PM_OPTION_W;
    case 'x': return PM_OPTION_X;
    default: return 0;
    }
}

/// Where the value of the long option at `at`, the blank before it, begins: `--user x`, `--proxy-user=x`; 0 if it is another.
static size_t long_option(const uint8_t *text, size_t at, size_t to) {
    static const char *const names[] = {"--user", "--proxy-user"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        size_t length = strlen(names[k]), end = at + 1 + length;
        if (end < to && memcmp(text + at + 1, names[k], length) == 0 && (text[end] == '=' || pm_kinds[text[end]] & PM_IS_BLANK)) return end + 1;
    }
    return 0;
}

uint32_t pm_password_option(pm_commands *seen, const uint8_t *text, size_t at, size_t to, size_t floor, size_t *value) {
    // Nothing of a value has come yet.
    if (at + 3 >= to) return 0;
    uint8_t letter = pm_lower(text[at + 2]), next = text[at + 3];
    if (text[at + 1] == '/') {
        *value = at + 4;
        return letter == 'p' && next == ':' && *value < to && may_be_password(text, *value, to) ? pm_command_options(seen, text, floor, at) & PM_OPTION_SLASH : 0;
    }
    if (letter == '-') {
        *value = long_option(text, at, to);
        return *value && *value < to && may_be_user(seen, text, *value, to) ? pm_command_options(seen, text, floor, at) & PM_OPTION_USER : 0;
    }
    uint32_t wanted = options_by_letter(letter);
    *value = at + 4;
    if (letter == 'p' && next == 'w' && at + 4 < to && pm_kinds[text[at + 4]] & PM_IS_BLANK) {
        wanted = PM_OPTION_PW;
        *value = at + 5;
    } else if (letter == 'b' && pm_kinds[next] & PM_IS_BLANK && at + 4 < to && pm_kinds[text[at + 4]] & PM_IS_QUOTE) {
        wanted |= PM_OPTION_COOKIE;
    } else if (letter == 'b') {
        // `-bc`, `-bB`: with other letters.
        *value = at + 3;
        while (*value < to && pm_kinds[text[*value]] & PM_IS_LETTER) (*value)++;
        if (*value == to || !(pm_kinds[text[*value]] & PM_IS_BLANK)) return 0;
        (*value)++;
    } else if (!(pm_kinds[next] & PM_IS_BLANK)) {
        *value = at + 3;
        wanted = letter == 'p' ? PM_OPTION_ATTACHED : letter == 'u' ? PM_OPTION_USER : 0;
        if (next == '=' && wanted == PM_OPTION_USER) *value = at + 4;
    }
    if (!wanted || *value >= to) return 0;
    int may = wanted & (PM_OPTION_USER | PM_OPTION_A_USER) ? may_be_user(seen, text, *value, to) : wanted & PM_OPTION_B || may_be_password(text, *value, to);
    if (!may && (wanted & PM_OPTION_A)) may = may_be_password(text, *value, to);
    return may ? pm_command_options(seen, text, floor, at) & wanted : 0;
}
