/* core/clock.h - time and memory of this process. */
#ifndef GRAFT_CORE_CLOCK_H
#define GRAFT_CORE_CLOCK_H

#include <stddef.h>

/* Seconds since some moment, for durations: never set back, whatever is done to the time of day, and it
 * stands still while the machine is suspended. */
double graft_clock_seconds(void);
double graft_clock_wall(void);                     /* seconds since 1970: may jump */
void graft_clock_iso8601(char out[32]);            /* "2026-01-31T23:59:59Z" */
/* The same of a moment in seconds since 1970; "" if no calendar has it. */
void graft_clock_iso8601_of(char out[32], double moment);
size_t graft_rss_bytes(void);                      /* resident set now; 0 if unknown */
size_t graft_rss_private_bytes(void);              /* the part of it that no file backs */
size_t graft_rss_peak_bytes(void);                 /* high-water mark; 0 if unknown */
size_t graft_memory_total(void);                   /* of the machine, or what its control group may have; 0 if unknown */
size_t graft_memory_available(void);               /* what the system (and cgroup) could still give; 0 if unknown */

/* Test hooks: another clock (NULL: the real one again); a folder that has proc/ and sys/fs/cgroup/ as
 * the system has them ("": the system's own). */
void graft_clock_set(double (*now)(void));
void graft_memory_set_root(const char *root);

#endif
