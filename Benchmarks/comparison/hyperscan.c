// Hyperscan in memory, on one core, in streaming mode, without start of match: the least that it can be asked for.
//
//   hyperscan compile PATTERNS DATABASE    a pattern a line; prints how many it could compile, and of how many
//   hyperscan scan DATABASE FILE RUNS      prints the seconds of each run, and the number of matches
//
// cc -O2 hyperscan.c -o hyperscan $(pkg-config --cflags --libs libhs)
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// As much as the redactor reads at a time.
enum { CHUNK = 256 * 1024, MOST_PATTERNS = 20000, LONGEST_PATTERN = 65536 };

static void fail(const char *what) {
    fprintf(stderr, "hyperscan: %s\n", what);
    exit(2);
}

static char *read_all(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) fail(path);
    fclose(file);
    return bytes;
}

static int compile(const char *patterns_path, const char *database_path) {
    static char *patterns[MOST_PATTERNS];
    static unsigned flags[MOST_PATTERNS], ids[MOST_PATTERNS];
    static char line[LONGEST_PATTERN];
    unsigned count = 0, all = 0;
    FILE *file = fopen(patterns_path, "r");
    if (!file) fail(patterns_path);
    hs_compile_error_t *error;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (!*line) continue;
        if (all++ == MOST_PATTERNS) fail("too many patterns");
        hs_database_t *one;
        if (hs_compile(line, HS_FLAG_DOTALL, HS_MODE_STREAM, NULL, &one, &error) != HS_SUCCESS) {
            fprintf(stderr, "hyperscan: left out: %.60s: %s\n", line, error->message);
            hs_free_compile_error(error);
            continue;
        }
        hs_free_database(one);
        patterns[count] = strdup(line);
        flags[count] = HS_FLAG_DOTALL;
        ids[count] = count;
        count++;
    }
    fclose(file);
    hs_database_t *database;
    if (hs_compile_multi((const char *const *)patterns, flags, ids, count, HS_MODE_STREAM, NULL, &database, &error) !=
        HS_SUCCESS)
        fail(error->message);
    char *bytes;
    size_t length;
    if (hs_serialize_database(database, &bytes, &length) != HS_SUCCESS) fail("cannot serialize");
    FILE *out = fopen(database_path, "wb");
    if (!out || fwrite(bytes, 1, length, out) != length || fclose(out)) fail(database_path);
    printf("{\"compiled\": %u, \"patterns\": %u}\n", count, all);
    return 0;
}

static int count_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *count) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(unsigned long long *)count;
    return 0;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int scan(const char *database_path, const char *path, int runs) {
    size_t length, size;
    char *serialized = read_all(database_path, &size);
    hs_database_t *database;
    hs_scratch_t *scratch = NULL;
    if (hs_deserialize_database(serialized, size, &database) != HS_SUCCESS) fail("cannot read the database");
    if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) fail("no scratch");
    char *bytes = read_all(path, &length);
    unsigned long long matches = 0, before = 0;
    printf("{\"seconds\": [");
    for (int run = 0; run < runs; run++) {
        matches = 0;
        double start = now();
        hs_stream_t *stream;
        if (hs_open_stream(database, 0, &stream) != HS_SUCCESS) fail("no stream");
        for (size_t at = 0; at < length; at += CHUNK) {
            unsigned part = (unsigned)(length - at < CHUNK ? length - at : CHUNK);
            if (hs_scan_stream(stream, bytes + at, part, 0, scratch, count_match, &matches) != HS_SUCCESS) fail("scan");
        }
        if (hs_close_stream(stream, scratch, count_match, &matches) != HS_SUCCESS) fail("close");
        printf("%s%.6f", run ? ", " : "", now() - start);
        if (run && matches != before) fail("two runs, two answers");
        before = matches;
    }
    printf("], \"matches\": %llu}\n", matches);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 4 && !strcmp(arguments[1], "compile")) return compile(arguments[2], arguments[3]);
    if (count == 5 && !strcmp(arguments[1], "scan")) return scan(arguments[2], arguments[3], atoi(arguments[4]));
    fail("compile PATTERNS DATABASE, or scan DATABASE FILE RUNS");
    return 2;
}
