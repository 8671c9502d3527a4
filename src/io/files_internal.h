/* io/files_internal.h - what the files that open files share. */
#ifndef GRAFT_IO_FILES_INTERNAL_H
#define GRAFT_IO_FILES_INTERNAL_H

#include <sys/stat.h>

#include "io/files.h"

/* Opens for reading without waiting on a pipe nobody writes to. */
graft_status graft_io__open_readable(int *out, struct stat *info, const char *path);

/* Removes what is there: a folder with all that is in it; links are removed, not followed. */
graft_status graft_io__remove_tree(const char *path);

/* GRAFT_E_CONFIG, naming the file, if something stands in the folder that its file `mark` ({"sha256": {NAME: HEX}})
 * does not list, or that was changed since. */
graft_status graft_io__check_owned(const char *path, const char *mark);

/* Sets *out to the folder of `path`, for opening. */
graft_status graft_io__folder_of(char **out, const char *path);

#endif
