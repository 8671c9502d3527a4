/* io/files.h - whole files: mapped for reading, published atomically for writing. */
#ifndef GRAFT_IO_FILES_H
#define GRAFT_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sha256.h"
#include "core/strings.h"

/* A file mapped read-only. An empty file has data == NULL and size 0. */
typedef struct graft_mapped {
    const uint8_t *data;
    size_t size;
} graft_mapped;

/* GRAFT_E_DISK: missing, a directory, not readable ("x.gguf: is a directory"). */
graft_status graft_mapped_open(graft_mapped *out, const char *path);
void graft_mapped_close(graft_mapped *mapped);
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
 * (borrowed) in it, which tells that it was written like this; otherwise GRAFT_E_CONFIG. */
typedef struct graft_folder graft_folder;
graft_status graft_folder_open(graft_folder **out, const char *path, const char *mark);
const char *graft_folder_path(const graft_folder *folder); /* of the temporary one */
graft_status graft_folder_commit(graft_folder **folder);   /* publishes and frees, even on failure */
void graft_folder_discard(graft_folder **folder);          /* accepts NULL inside */

/* Appends one line to a log-like file opened for appending (metrics.jsonl, run.log). */
typedef struct graft_appender graft_appender;
graft_status graft_appender_open(graft_appender **out, const char *path, bool truncate);
graft_status graft_appender_line(graft_appender *appender, const char *bytes, size_t n);
/* What was appended survives a loss of power from now on. */
graft_status graft_appender_sync(graft_appender *appender);
void graft_appender_close(graft_appender *appender);

graft_status graft_make_dirs(const char *path);           /* mkdir -p */
bool graft_path_exists(const char *path);
bool graft_path_is_dir(const char *path);
bool graft_path_same(const char *a, const char *b);       /* both exist and are one file */
graft_status graft_path_join(char **out, const char *dir, const char *name);
graft_status graft_file_remove(const char *path);         /* missing is fine */
/* Names in a folder, sorted; the array and each name are freed with graft_dir_free. */
graft_status graft_dir_list(char ***out, size_t *n, const char *path);
void graft_dir_free(char **names, size_t n);
/* Adds the bytes of a file to a hash. */
graft_status graft_file_hash(graft_sha256 *hash, const char *path);
/* SHA-256 of a file as hex. */
graft_status graft_file_sha256(char out[65], const char *path);
/* Takes the exclusive lock file `path` (flock) until the handle is closed; GRAFT_E_CONFIG if another process has it. */
typedef struct graft_lock graft_lock;
graft_status graft_lock_take(graft_lock **out, const char *path);
void graft_lock_free(graft_lock *lock);

#endif
