#pragma once
#include <zlib.h>

/* Starts unpacking gzip, and nothing else. zlib's own name for this is a macro, which Swift does not
   import. */
static inline int linearize_inflate_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
