/* version.h - which graft this is and what it will use here. */
#ifndef GRAFT_VERSION_H
#define GRAFT_VERSION_H

#include <graft/job.h>

/* *out: version, build, CPU, level chosen and why; with json {"version", "build", "cpu_level",
 * "levels_available": [...], "threads"}. `cpu` and `threads` of the configuration are respected. */
GRAFT_API graft_status graft_version_describe(graft_config *config, int json, char **out);

#endif
