/* run/sums.h - SHA256SUMS: the digests of what a run wrote, as sha256sum -c reads them.
 *
 * Written last, so a folder that has it is of a run that ended; a run that begins or continues takes it
 * away. */
#ifndef GRAFT_RUN_SUMS_H
#define GRAFT_RUN_SUMS_H

#include "core/strings.h"

#define GRAFT_SUMS_NAME "SHA256SUMS"

/* Writes FOLDER/SHA256SUMS for the files of a run that are there: artefacts, settings, metrics, scores. */
graft_status graft_sums_write(const char *folder);
/* Takes it away. */
graft_status graft_sums_remove(const char *folder);

/* Told of every line: the file, and what is wrong with it (GRAFT_OK; GRAFT_E_DISK if it is not there;
 * GRAFT_E_MODEL if it has another digest), with its message as the last failure. */
typedef graft_status graft_sums_visit(void *context, const char *name, graft_status found);
/* GRAFT_E_DATA if it is no such list. */
graft_status graft_sums_check(const char *folder, graft_sums_visit *visit, void *context);

#endif
