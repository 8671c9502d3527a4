/* core/sensors.h - heat and clock of the processor as Linux shows them below /sys. Virtual machines and
 * containers often show nothing.
 *
 * Temperatures are those of the processor: drivers of hwmon that are known to measure it (coretemp,
 * k10temp, ...) and thermal zones of that name; where none is known, all thermal zones. Files are
 * opened once; reading allocates nothing. */
#ifndef GRAFT_CORE_SENSORS_H
#define GRAFT_CORE_SENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/strings.h"

#define GRAFT_SENSORS_ROOT "/sys"

/* What they said at one time. */
typedef struct graft_heat {
    double celsius; /* the hottest; 0: unknown */
    double mhz;     /* mean of some cores; 0: unknown */
    bool counts_throttling;
    uint64_t throttled; /* how often the processor slowed itself down since the sensors were opened */
} graft_heat;

typedef struct graft_sensors graft_sensors;

/* Looks below `root` (a folder like /sys). That there is nothing is no failure. */
graft_status graft_sensors_open(graft_sensors **out, const char *root);
void graft_sensors_close(graft_sensors *sensors);

bool graft_sensors_tell_temperature(const graft_sensors *sensors);

/* Reads all. What can no longer be read is unknown. */
void graft_sensors_read(graft_sensors *sensors, graft_heat *out);
/* The temperature alone. */
double graft_sensors_celsius(const graft_sensors *sensors);

/* Appends which: "coretemp Package id 0, coretemp Core 0; 8 frequencies; 9 counters of throttling". */
graft_status graft_sensors_describe(const graft_sensors *sensors, graft_text *out);

#endif
