/* core/daytime.h - moments as people write them: times of day and dates, in local time. Moments are
 * seconds since 1970 (graft_clock_wall). */
#ifndef GRAFT_CORE_DAYTIME_H
#define GRAFT_CORE_DAYTIME_H

#include "core/status.h"

/* "07:00" is the next such time after `now`; "2026-11-27T07:00" (or a blank for the T) is that moment,
 * with "Z" or "+01:00" behind it not in local time. Both may have seconds. GRAFT_E_CONFIG with the
 * forms that are known. */
graft_status graft_daytime_parse(double *out, const char *text, double now);

/* "07:00"; within six days "Fri 07:00"; else "2026-11-27 07:00". */
void graft_daytime_format(char out[32], double moment, double now);

/* "45 s", "12 min", "3 h 05 min". */
void graft_daytime_format_span(char out[32], double seconds);

#endif
