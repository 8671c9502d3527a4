/* core/version.h - which graft this is. */
#ifndef GRAFT_CORE_VERSION_H
#define GRAFT_CORE_VERSION_H

const char *graft_version(void); /* "0.1.0" */
const char *graft_build(void);   /* the commit it was built from, "unknown" outside a checkout */

#endif
