#include "io/zstd.h"

#include <zstd.h>

enum { WINDOW_LOG_MAX = 27, LEVEL = 3 };

graft_unzstd *graft_unzstd_new(void)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (stream != NULL &&
        ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        ZSTD_freeDStream(stream);
        stream = NULL;
    }
    return (graft_unzstd *)stream;
}

void graft_unzstd_free(graft_unzstd *stream)
{
    ZSTD_freeDStream((ZSTD_DStream *)stream);
}

const char *graft_unzstd_run(graft_unzstd *stream, const char *in, size_t n_in, size_t *taken,
                             char *out, size_t room, size_t *given, bool *in_frame)
{
    ZSTD_inBuffer from = {in, n_in, 0};
    ZSTD_outBuffer to = {out, room, 0};
    size_t result = ZSTD_decompressStream((ZSTD_DStream *)stream, &to, &from);
    *taken = from.pos;
    *given = to.pos;
    if (ZSTD_isError(result)) {
        return ZSTD_getErrorName(result);
    }
    *in_frame = result != 0;
    return NULL;
}

size_t graft_zstd_bound(size_t n)
{
    return ZSTD_compressBound(n);
}

static size_t written(size_t result)
{
    return ZSTD_isError(result) ? 0 : result;
}

size_t graft_zstd_pack(void *out, size_t room, const void *in, size_t n)
{
    return written(ZSTD_compress(out, room, in, n, LEVEL));
}

size_t graft_zstd_unpack(void *out, size_t room, const void *in, size_t n)
{
    return written(ZSTD_decompress(out, room, in, n));
}
