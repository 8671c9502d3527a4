/* io/zst.h - blocks of bytes packed by zstd; files line by line are io/lines.h. The functions stand
 * in io/lines.c, the door to zstd. */
#ifndef GRAFT_IO_ZST_H
#define GRAFT_IO_ZST_H

#include <stddef.h>

/* Bytes that n bytes may take when they are packed. */
size_t graft_zst_bound(size_t n);
/* Packs in[0..n) into out; 0 if it fails. */
size_t graft_zst_pack(void *out, size_t room, const void *in, size_t n);
/* Unpacks one frame into out; 0 if it is broken or has more than `room` bytes. */
size_t graft_zst_unpack(void *out, size_t room, const void *in, size_t n);

#endif
