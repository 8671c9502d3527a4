/* core/daytime.h - moments as people write them: times of day and dates, in local time. Moments are
 * seconds since 1970 (graft_clock_wall). */
#ifndef GRAFT_CORE_DAYTIME_H
#define GRAFT_CORE_DAYTIME_H

#include <stdint.h>

#include "core/status.h"

/* "07:00" is the next such time after `now`; "2026-11-27T07:00" (or a blank for the T) is that moment,
 * with "Z" or "+01:00" behind it not in local time. Both may have seconds. GRAFT_E_CONFIG with the
 * forms that are known. */
graft_status graft_daytime_parse(double *out, const char *text, double now);

/* What a calendar on the wall shows, wherever it hangs: seconds since 1970 as if it were UTC's. "2026-11-27", or
 * with a time behind it as above, without a zone. GRAFT_E_CONFIG with the forms that are known. */
graft_status graft_daytime_parse_calendar(int64_t *out, const char *text);
/* "2026-11-27"; if it is not midnight "2026-11-27T07:00:30". */
void graft_daytime_format_calendar(char out[32], int64_t calendar);
/* What it shows here at a moment. */
int64_t graft_daytime_calendar(double moment);

/* "07:00"; within six days "Fri 07:00"; else "2026-11-27 07:00". */
void graft_daytime_format(char out[32], double moment, double now);

/* "45 s", "12 min", "3 h 05 min". */
void graft_daytime_format_span(char out[32], double seconds);

#endif
