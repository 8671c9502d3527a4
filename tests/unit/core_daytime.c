/* core/daytime.h: times of day and dates, also where clocks are put forward and back. The expected moments are
 * those of `date --date=... +%s`. */
#include "support/test.h"

#include <stdlib.h>
#include <time.h>

#include "core/daytime.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3" /* rules, so that no data of time zones is needed */
#define NOW 1795728600.0 /* 2026-11-26T22:30 in Berlin, 21:30 UTC */

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void assert_moment(const char *text, double now, double expected)
{
    double moment = 0;
    assert_ok(graft_daytime_parse(&moment, text, now));
    if (moment < expected || moment > expected) {
        fail_msg("%s: %.0f instead of %.0f", text, moment, expected);
    }
}

static void a_time_of_day_is_the_next_one(void **state)
{
    (void)state;
    in_zone(BERLIN);
    assert_moment("22:31", NOW, NOW + 60);
    assert_moment("22:30:01", NOW, NOW + 1);
    assert_moment("22:30", NOW, NOW + 86400); /* now is not the next one */
    assert_moment("7:00", NOW, NOW + 8.5 * 3600);
    assert_moment("07:00", NOW, NOW + 8.5 * 3600);
    assert_moment("00:00", NOW, NOW + 1.5 * 3600);
}

static void dates_are_local_unless_they_name_a_zone(void **state)
{
    (void)state;
    in_zone(BERLIN);
    assert_moment("2026-11-27T07:00", NOW, NOW + 8.5 * 3600);
    assert_moment("2026-11-27 07:00:30", NOW, NOW + 8.5 * 3600 + 30);
    assert_moment("2026-11-27T07:00Z", NOW, NOW + 9.5 * 3600);
    assert_moment("2026-11-27T07:00+01:00", NOW, NOW + 8.5 * 3600);
    assert_moment("2026-11-27T07:00-0500", NOW, NOW + 14.5 * 3600);
    assert_moment("2020-01-01T00:00Z", NOW, 1577836800.0); /* the past is for the caller to refuse */
    in_zone("EST5EDT,M3.2.0,M11.1.0");
    assert_moment("2026-11-27T07:00", NOW, NOW + 14.5 * 3600);
}

/* On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00, on 2026-10-25 from 03:00 to 02:00. */
static void nights_may_have_other_lengths(void **state)
{
    (void)state;
    in_zone(BERLIN);
    assert_moment("07:00", 1774735200.0, 1774735200.0 + 7 * 3600);  /* 2026-03-28T23:00 */
    assert_moment("07:00", 1792879200.0, 1792879200.0 + 8 * 3600);  /* 2026-10-25T00:00 */
    assert_moment("2026-10-25T07:00", 0, 1792879200.0 + 8 * 3600);
}

static void what_is_neither_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "7", "0700", "24:00", "12:60", "7:0", "07:00 pm", "7:00:60", "tomorrow", "2026-11-27",
        "2026-13-01T07:00", "2026-02-30T07:00", "2026-11-27T25:00", "27.11.2026 07:00",
        "2026-11-27T07:00+25:00", "2026-11-27T07:00x", "1969-12-31T07:00", "-1:00", "07:00Z"};
    double moment;
    (void)state;
    in_zone("UTC");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (graft_daytime_parse(&moment, texts[i], NOW) == GRAFT_OK) {
            fail_msg("\"%s\" was read as %.0f", texts[i], moment);
        }
        assert_contains(graft_error_message(), "is neither a time of day (07:00) nor a date");
    }
}

static void calendars_have_no_zone(void **state)
{
    static const char *const texts[] = {"",           "2026-11-27T", "2026-02-30",        "07:00",
                                        "2026-11-27x", "2026-13-01",  "2026-11-27T07:00Z", "26-11-27"};
    static const struct {
        const char *text, *canonical;
        int64_t calendar;
    } rows[] = {{"2026-11-27", "2026-11-27", 1795737600},
                {"2026-11-27 00:00", "2026-11-27", 1795737600},
                {"2026-11-27T07:00", "2026-11-27T07:00:00", 1795737600 + 7 * 3600},
                {"2026-11-27 07:00:30", "2026-11-27T07:00:30", 1795737600 + 7 * 3600 + 30}};
    char text[32];
    int64_t calendar;
    (void)state;
    in_zone(BERLIN);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(graft_daytime_parse_calendar(&calendar, rows[i].text));
        assert_int_equal(calendar, rows[i].calendar);
        graft_daytime_format_calendar(text, calendar);
        assert_string_equal(text, rows[i].canonical);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_fails(graft_daytime_parse_calendar(&calendar, texts[i]), GRAFT_E_CONFIG,
                     "is neither a date (2026-11-27) nor a date and time without a zone");
    }
    assert_int_equal(graft_daytime_calendar(NOW), (int64_t)NOW + 3600);
    in_zone("EST5EDT,M3.2.0,M11.1.0");
    assert_int_equal(graft_daytime_calendar(NOW), (int64_t)NOW - 5 * 3600);
}

static void moments_are_named_by_their_distance(void **state)
{
    char text[32];
    (void)state;
    in_zone(BERLIN);
    graft_daytime_format(text, NOW + 8.5 * 3600, NOW);
    assert_string_equal(text, "07:00");
    graft_daytime_format(text, NOW + 32.5 * 3600, NOW);
    assert_string_equal(text, "Sat 07:00");
    graft_daytime_format(text, NOW + 10 * 86400, NOW);
    assert_string_equal(text, "2026-12-06 22:30");
    graft_daytime_format_span(text, 45);
    assert_string_equal(text, "45 s");
    graft_daytime_format_span(text, 1.25);
    assert_string_equal(text, "1.2 s");
    graft_daytime_format_span(text, 750);
    assert_string_equal(text, "13 min");
    graft_daytime_format_span(text, 11100);
    assert_string_equal(text, "3 h 05 min");
    graft_daytime_format_span(text, -3);
    assert_string_equal(text, "0.0 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_of_day_is_the_next_one),
        cmocka_unit_test(dates_are_local_unless_they_name_a_zone),
        cmocka_unit_test(nights_may_have_other_lengths),
        cmocka_unit_test(what_is_neither_is_refused),
        cmocka_unit_test(calendars_have_no_zone),
        cmocka_unit_test(moments_are_named_by_their_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
