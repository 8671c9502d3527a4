/* core/daytime.c - calendars are the C library's: it knows when clocks are put back. */
#include "core/daytime.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* Reads exactly n digits, or up to n with `least`; NULL if there are too few. */
static const char *digits(const char *at, int least, int n, int *out)
{
    int value = 0, i = 0;
    for (; i < n && at[i] >= '0' && at[i] <= '9'; i++) {
        value = value * 10 + (at[i] - '0');
    }
    *out = value;
    return i >= least ? at + i : NULL;
}

/* "7:00", "07:00", "07:00:30" */
static const char *read_time(const char *at, struct tm *tm)
{
    at = digits(at, 1, 2, &tm->tm_hour);
    if (at == NULL || *at != ':' || (at = digits(at + 1, 2, 2, &tm->tm_min)) == NULL) {
        return NULL;
    }
    if (*at == ':' && (at = digits(at + 1, 2, 2, &tm->tm_sec)) == NULL) {
        return NULL;
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60 ? at : NULL;
}

/* "2026-11-27" */
static const char *read_date(const char *at, struct tm *tm)
{
    if ((at = digits(at, 4, 4, &tm->tm_year)) == NULL || *at != '-' ||
        (at = digits(at + 1, 2, 2, &tm->tm_mon)) == NULL || *at != '-' ||
        (at = digits(at + 1, 2, 2, &tm->tm_mday)) == NULL) {
        return NULL;
    }
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 ? at : NULL;
}

/* What stands behind a date: "T07:00", or a blank for the T */
static const char *read_time_of_date(const char *at, struct tm *tm)
{
    return *at == 'T' || *at == ' ' ? read_time(at + 1, tm) : NULL;
}

/* "Z" or "+01:00" at the end: *east is in seconds. */
static bool read_zone(const char *at, int *east)
{
    int hours, minutes;
    bool west = *at == '-';
    *east = 0;
    if (strcmp(at, "Z") == 0) {
        return true;
    }
    if ((*at != '+' && !west) || (at = digits(at + 1, 2, 2, &hours)) == NULL) {
        return false;
    }
    at += *at == ':';
    if ((at = digits(at, 2, 2, &minutes)) == NULL || *at != '\0' || hours > 14 || minutes > 59) {
        return false;
    }
    *east = (west ? -1 : 1) * (hours * HOUR + minutes * MINUTE);
    return true;
}

/* Days that the month does not have are not carried over. */
static bool to_moment(double *out, struct tm *tm, const char *zone)
{
    int day = tm->tm_mday, east = 0;
    if (*zone != '\0' && !read_zone(zone, &east)) {
        return false;
    }
    tm->tm_isdst = -1;
    time_t moment = *zone != '\0' ? timegm(tm) : mktime(tm);
    *out = (double)moment - east;
    return tm->tm_mday == day;
}

static bool next_daytime(double *out, const struct tm *wanted, double now)
{
    time_t seconds = (time_t)now;
    struct tm tm;
    if (localtime_r(&seconds, &tm) == NULL) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        struct tm one = tm;
        one.tm_mday += i;
        one.tm_hour = wanted->tm_hour;
        one.tm_min = wanted->tm_min;
        one.tm_sec = wanted->tm_sec;
        one.tm_isdst = -1;
        *out = (double)mktime(&one);
        if (*out > now) {
            return true;
        }
    }
    return false;
}

graft_status graft_daytime_parse(double *out, const char *text, double now)
{
    struct tm tm = {0};
    const char *at = read_time(text, &tm);
    *out = 0;
    if (at != NULL && *at == '\0' && next_daytime(out, &tm, now)) {
        return GRAFT_OK;
    }
    tm = (struct tm){0};
    at = read_date(text, &tm);
    at = at != NULL ? read_time_of_date(at, &tm) : NULL;
    if (at != NULL && to_moment(out, &tm, at)) {
        return GRAFT_OK;
    }
    return graft_fail(GRAFT_E_CONFIG, "\"%.40s\" is neither a time of day (07:00) nor a date and "
                      "time (2026-11-27T07:00)", text);
}

graft_status graft_daytime_parse_calendar(int64_t *out, const char *text)
{
    struct tm tm = {0};
    double seconds;
    const char *at = read_date(text, &tm);
    *out = 0;
    if (at != NULL && *at != '\0') {
        at = read_time_of_date(at, &tm);
    }
    if (at != NULL && *at == '\0' && to_moment(&seconds, &tm, "Z")) {
        *out = (int64_t)seconds;
        return GRAFT_OK;
    }
    return graft_fail(GRAFT_E_CONFIG, "\"%.40s\" is neither a date (2026-11-27) nor a date and time without a "
                      "zone (2026-11-27T07:00)", text);
}

void graft_daytime_format_calendar(char out[32], int64_t calendar)
{
    time_t seconds = (time_t)calendar;
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&seconds, &tm) != NULL) {
        strftime(out, 32, calendar % DAY == 0 ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%S", &tm);
    }
}

int64_t graft_daytime_calendar(double moment)
{
    time_t seconds = (time_t)moment;
    struct tm tm;
    return localtime_r(&seconds, &tm) != NULL ? (int64_t)timegm(&tm) : (int64_t)seconds;
}

void graft_daytime_format(char out[32], double moment, double now)
{
    time_t seconds = (time_t)moment, present = (time_t)now;
    struct tm tm, today;
    out[0] = '\0';
    if (localtime_r(&seconds, &tm) == NULL || localtime_r(&present, &today) == NULL) {
        return;
    }
    bool same = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
    bool near = fabs(moment - now) < 6 * DAY;
    bool tonight = moment >= now && moment - now < DAY; /* "07:00" of tomorrow is not misread */
    strftime(out, 32, same || tonight ? "%H:%M" : near ? "%a %H:%M" : "%Y-%m-%d %H:%M", &tm);
}

void graft_daytime_format_span(char out[32], double seconds)
{
    unsigned long long minutes = (unsigned long long)(seconds / MINUTE + 0.5);
    if (seconds < 2 * MINUTE) {
        snprintf(out, 32, "%.*f s", seconds < 10 ? 1 : 0, seconds > 0 ? seconds : 0.0);
    } else if (minutes < 120) {
        snprintf(out, 32, "%llu min", minutes);
    } else {
        snprintf(out, 32, "%llu h %02llu min", minutes / 60, minutes % 60);
    }
}
