/* io/files.h - whole files: mapped for reading, published atomically for writing. */
#ifndef GRAFT_IO_FILES_H
#define GRAFT_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sha256.h"
#include "core/strings.h"

/* Which file it is, and when it was changed last. */
typedef struct graft_file_mark {
    uint64_t device, inode, size;
    int64_t changed; /* nanoseconds of the file system's clock */
} graft_file_mark;

/* A file mapped read-only. An empty file has data == NULL and size 0. Where the file is cut short
 * while it is mapped, reading behind its end raises SIGBUS (<graft/held.h>). */
typedef struct graft_mapped {
    const uint8_t *data;
    size_t size;
    char *path;
    graft_file_mark mark; /* when it was mapped */
} graft_mapped;

/* GRAFT_E_DISK: missing, a directory, not readable ("x.gguf: is a directory"). */
graft_status graft_mapped_open(graft_mapped *out, const char *path);
void graft_mapped_close(graft_mapped *mapped);

/* What has become of a file since it was mapped. */
typedef enum graft_file_fate { /* from good to bad */
    GRAFT_FILE_SAME,
    GRAFT_FILE_REPLACED, /* the path is another file now, or none: what is mapped is as it was */
    GRAFT_FILE_TOUCHED,  /* written to, or only its time set: the bytes may be others */
    GRAFT_FILE_RESIZED   /* cut short or grown */
} graft_file_fate;
/* One call of the system, no allocation. */
graft_file_fate graft_mapped_fate(const graft_mapped *mapped);
/* What it is now counts as unchanged from now on. */
void graft_mapped_mark(graft_mapped *mapped);
/* The system may take back the pages that lie wholly in data[0, n), part of a mapping; what is read
 * there later comes from the file again. */
void graft_mapped_forget(const void *data, size_t n);

/* Reads a whole small file into *out (cleared first); GRAFT_E_DISK if larger than `limit`. */
graft_status graft_file_read(graft_text *out, const char *path, size_t limit);

/* Writes a file so that it is either the old one or the whole new one, even if power fails:
 * temporary file in the same folder, full writes, fsync, rename, fsync of the folder. The
 * temporary file is removed on failure. */
typedef struct graft_writer graft_writer;
graft_status graft_writer_open(graft_writer **out, const char *path);
graft_status graft_writer_write(graft_writer *writer, const void *bytes, size_t n);
uint64_t graft_writer_offset(const graft_writer *writer);
graft_status graft_writer_commit(graft_writer **writer);  /* publishes and frees, even on failure */
void graft_writer_discard(graft_writer **writer);         /* accepts NULL inside */
graft_status graft_file_write(const char *path, const void *bytes, size_t n); /* all of the above */

/* A folder that appears whole or not at all: files are written into a temporary folder beside `path`,
 * which commit renames. What stands at `path` already is replaced if it is empty or has a file `mark`
 * (borrowed) in it, which tells that it was written like this: {"sha256": {NAME: HEX}} of all files. If there
 * is none, or another file beside those, or one that was edited: GRAFT_E_CONFIG, and nothing is touched. */
typedef struct graft_folder graft_folder;
graft_status graft_folder_open(graft_folder **out, const char *path, const char *mark);
const char *graft_folder_path(const graft_folder *folder); /* of the temporary one */
graft_status graft_folder_commit(graft_folder **folder);   /* publishes and frees, even on failure */
void graft_folder_discard(graft_folder **folder);          /* accepts NULL inside */

/* Appends lines to a log-like file (metrics.jsonl, run.log). What cannot be written is kept, up to
 * GRAFT_APPENDER_KEEPS bytes, and written before the next line or by graft_appender_flush. So a full
 * disk that gets room again leaves no gap, and no line is torn unless the process ends then. */
enum { GRAFT_APPENDER_KEEPS = 16 << 20 };
typedef struct graft_appender graft_appender;
graft_status graft_appender_open(graft_appender **out, const char *path, bool truncate);
/* GRAFT_E_DISK: not written yet, and kept if there is room for it. GRAFT_E_MEMORY: neither. */
graft_status graft_appender_line(graft_appender *appender, const char *bytes, size_t n);
/* Writes what is kept. */
graft_status graft_appender_flush(graft_appender *appender);
/* Lines that are not, or not wholly, in the file. */
size_t graft_appender_missing(const graft_appender *appender);
/* What was appended survives a loss of power from now on. */
graft_status graft_appender_sync(graft_appender *appender);
/* Writes what is kept, if that is possible; the error message stays as it is. */
void graft_appender_close(graft_appender *appender);

graft_status graft_make_dirs(const char *path);           /* mkdir -p */
bool graft_path_exists(const char *path);
bool graft_path_is_dir(const char *path);
bool graft_path_is_stream(const char *path); /* a pipe or the like: what is read of it is gone */
bool graft_dir_holds(const char *folder, const char *name); /* something of that name */
bool graft_path_same(const char *a, const char *b);       /* both exist and are one file */
/* GRAFT_E_CONFIG if `out`, which is to be written, is the file `in`, which is read (NULL: none). */
graft_status graft_path_check_output(const char *out, const char *in);
graft_status graft_path_join(char **out, const char *dir, const char *name);
/* A file in the folder of a file, or in the folder that `path` is itself. */
graft_status graft_path_beside(char **out, const char *path, const char *name);
graft_status graft_file_remove(const char *path);         /* missing is fine */
graft_status graft_file_rename(const char *from, const char *to); /* replaces `to` */
/* Names in a folder, sorted; the array and each name are freed with graft_dir_free. */
graft_status graft_dir_list(char ***out, size_t *n, const char *path);
void graft_dir_free(char **names, size_t n);
/* Adds the bytes of a file to a hash; stops if the job is to (core/interrupt.h). */
graft_status graft_file_hash(graft_sha256 *hash, const char *path);
/* SHA-256 of a file as hex. */
graft_status graft_file_sha256(char out[65], const char *path);
/* Takes the exclusive lock file `path` (flock) until the handle is closed, and writes into it who has
 * it. GRAFT_E_CONFIG if another process does, saying which. A file system without locks gives
 * a lock that keeps nobody out, and a warning. */
typedef struct graft_lock graft_lock;
graft_status graft_lock_take(graft_lock **out, const char *path);
void graft_lock_free(graft_lock *lock);

/* GRAFT_E_DISK unless the folder `path` is there and can be written to, or could be made. Changes nothing.
 * *nearest: it, or of the folders above it the first that is there; the caller frees it. */
graft_status graft_folder_look(char **nearest, const char *path);

/* Free bytes where `path` is or would be; false if the system does not say. */
bool graft_space_free(uint64_t *bytes, const char *path);
/* GRAFT_E_DISK if a file of that size finds no room as `path`. */
graft_status graft_space_fits(const char *path, uint64_t bytes);
/* GRAFT_E_DISK unless a file of that size can be created as `path`: its folder is there and can be
 * written to, and has room. Nothing is left behind. */
graft_status graft_space_check(const char *path, uint64_t bytes);
/* Removes from a folder what writers of processes that were killed left there ("x.tmp-123-0"). To be called by who
 * has the folder's lock. *n: how many. */
graft_status graft_leftovers_remove(const char *folder, size_t *n);

#endif
