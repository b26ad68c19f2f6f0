/* The part of zlib that Gzip uses. The initialisers are macros, which Swift does not import. */
#include <string.h>
#include <zlib.h>

/* windowBits 15 + 16: a gzip header and trailer, and nothing else (zlib.h, inflateInit2 and deflateInit2). */
static inline int pm_gzip_inflate_init(z_stream *stream) {
    memset(stream, 0, sizeof *stream);
    return inflateInit2(stream, 15 + 16);
}

static inline int pm_gzip_deflate_init(z_stream *stream, int level) {
    memset(stream, 0, sizeof *stream);
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
