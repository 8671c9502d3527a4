/* core/version.c - the Makefile passes GRAFT_BUILD. */
#include "core/version.h"

#ifndef GRAFT_BUILD
#define GRAFT_BUILD "unknown"
#endif

const char *graft_version(void)
{
    return "0.1.0";
}

const char *graft_build(void)
{
    return GRAFT_BUILD;
}
