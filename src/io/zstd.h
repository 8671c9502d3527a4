/* io/zstd.h - the door to zstd: a stream that is unpacked as it is read, and single blocks. */
#ifndef GRAFT_IO_ZSTD_H
#define GRAFT_IO_ZSTD_H

#include <stdbool.h>
#include <stddef.h>

/* A stream of frames; windows of at most 128 MiB. */
typedef struct graft_unzstd graft_unzstd;
graft_unzstd *graft_unzstd_new(void); /* NULL: no memory */
void graft_unzstd_free(graft_unzstd *stream);

/* Takes up to n_in bytes (*taken: how many) and gives up to `room` (*given). *in_frame: a frame has
 * begun and not ended. Returns NULL, or what is wrong with the data. */
const char *graft_unzstd_run(graft_unzstd *stream, const char *in, size_t n_in, size_t *taken,
                             char *out, size_t room, size_t *given, bool *in_frame);

/* A whole block. The bound is the room that packing n bytes may need; packing and unpacking return
 * the bytes written, 0 if they fail or do not fit. */
size_t graft_zstd_bound(size_t n);
size_t graft_zstd_pack(void *out, size_t room, const void *in, size_t n);
size_t graft_zstd_unpack(void *out, size_t room, const void *in, size_t n);

#endif
