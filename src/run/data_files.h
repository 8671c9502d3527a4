/* run/data_files.h - what the jobs over data files have in common. */
#ifndef GRAFT_RUN_DATA_FILES_H
#define GRAFT_RUN_DATA_FILES_H

#include "io/files.h"
#include "run/session.h"

/* Sets threads, and checks settings of which `dataset` must be set. */
graft_status graft_data_files_prepare(graft_config *config);

graft_source graft_data_files_source(const graft_config_source *item);

/* GRAFT_E_CONFIG if `path`, which is to be written, is one of these files. */
graft_status graft_data_files_check_output(const char *path, const graft_config_sources *sources);

/* ... if it is read beside the datasets: answers, evaluation data, base (its first part), template.
 * For jobs that may write over the datasets themselves. */
graft_status graft_data_files_check_beside(const char *path, const graft_config *config);

/* GRAFT_E_CONFIG if one of these files, which are to be read twice, is a pipe or the like. */
graft_status graft_data_files_check_reread(const graft_config_sources *sources);

/* For graft_record_visitor and its like; the context is a graft_hooks. */
graft_status graft_data_files_poll(void *context);

/* Opens a file for lines of what is read from `sources`, none of which it may be (NULL: it may). Names ending in .zst are
 * GRAFT_E_CONFIG: they would be read as compressed. `option` is what the user calls it. */
graft_status graft_data_files_open(graft_writer **out, const char *path, const char *option,
                                   const graft_config_sources *sources);

#endif
