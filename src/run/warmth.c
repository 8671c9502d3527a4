/* warmth.c - a machine that gets too hot rests between steps. */
#include <math.h>
#include <time.h>

#include "core/clock.h"
#include "core/daytime.h"
#include "core/log.h"
#include "run/training.h"

#define COOL 5.0            /* degrees below max_temperature at which it goes on */
#define COOL_SECONDS 300.0  /* after which anything below max_temperature will do */
#define REMIND_SECONDS 1800.0
#define SLICE_NANOSECONDS 200000000L

graft_status graft_training_open_sensors(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_warmth *w = &t->warmth;
    const char *given = t->hooks != NULL ? t->hooks->sysfs : NULL;
    const char *root = given != NULL ? given : GRAFT_SENSORS_ROOT;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_sensors_open(&w->sensors, root));
    bool warm = graft_sensors_tell_temperature(w->sensors), wanted = t->config->max_temperature > 0;
    if (wanted && !warm) {
        status = graft_fail(GRAFT_E_CONFIG, "max_temperature: this machine shows no temperature: there "
                            "is no %s/class/hwmon/hwmon*/temp*_input of a processor and no "
                            "%s/class/thermal/thermal_zone*/temp (virtual machines and containers "
                            "mostly have none): leave the setting out", root, root);
        goto done;
    }
    GRAFT_TRY(graft_sensors_describe(w->sensors, &text));
    graft_log(wanted ? GRAFT_LOG_INFO : GRAFT_LOG_DEBUG, "sensors: %s", graft_text_z(&text));
done:
    graft_text_clear(&text);
    return status;
}

/* Unknown counts as cool: waiting for it would never end. */
static double celsius(graft_training *t)
{
    graft_warmth *w = &t->warmth;
    w->heat.celsius = graft_sensors_celsius(w->sensors);
    if (!(w->heat.celsius > 0) && !w->lost) {
        w->lost = true;
        graft_log(GRAFT_LOG_WARN, "max_temperature: the temperature can no longer be read: the run "
                  "goes on without looking at it");
    }
    return w->heat.celsius;
}

static void show(graft_training *t, double rest)
{
    graft_progress progress = {
        .phase = "training",
        .done = t->trainer.step,
        .total = t->trainer.n_steps,
        .unit = "steps",
        .celsius = t->warmth.heat.celsius,
        .paused_seconds = rest,
        .rss_bytes = graft_rss_bytes(),
    };
    graft_hooks_progress(t->hooks, &progress);
}

/* Is there still time for another step after this rest? */
static bool is_late(const graft_training *t)
{
    graft_pace_costs costs;
    if (!graft_training_is_limited(t)) {
        return false;
    }
    graft_training_pace_costs(&costs, t);
    return graft_pace_seconds(&costs, costs.step + 1, 0.5) > costs.seconds_left;
}

/* Until it is cool, or late, or somebody asks to stop. */
static graft_status cool_down(graft_training *t, double begin)
{
    graft_status status = GRAFT_OK;
    double limit = t->config->max_temperature, remind = REMIND_SECONDS, now = 0;
    for (;;) {
        const struct timespec slice = {0, SLICE_NANOSECONDS};
        GRAFT_TRY(graft_hooks_check(t->hooks));
        (void)nanosleep(&slice, NULL);
        now = celsius(t);
        double rest = graft_clock_seconds() - begin;
        bool cool = now <= limit - COOL || (now <= limit && rest >= COOL_SECONDS);
        if (cool || !(now > 0) || is_late(t)) {
            break;
        }
        show(t, rest);
        if (rest >= remind) {
            remind *= 2;
            graft_log(GRAFT_LOG_WARN, "still %.0f C after %.0f minutes of rest: something else heats "
                      "this machine, or max_temperature: %g is too low for it", now, rest / 60,
                      limit);
        }
    }
done:
    return status;
}

graft_status graft_training_rest(graft_training *t)
{
    graft_status status = graft_hooks_check(t->hooks);
    graft_warmth *w = &t->warmth;
    double limit = t->config->max_temperature, begin = graft_clock_seconds();
    char span[32];
    if (status != GRAFT_OK || !(limit > 0) || !(celsius(t) > limit)) {
        return status;
    }
    graft_log(GRAFT_LOG_INFO, "%.0f C after step %llu: resting until it is %.0f C "
              "(max_temperature: %g)", w->heat.celsius, (unsigned long long)t->trainer.step,
              fmax(limit - COOL, 0), limit);
    status = cool_down(t, begin);
    double rest = graft_clock_seconds() - begin;
    w->rest += rest;
    w->rested += rest;
    t->begin += rest; /* of the steps alone */
    graft_daytime_format_span(span, rest);
    graft_log(GRAFT_LOG_INFO, "rested for %s, %.0f C", span, w->heat.celsius);
    if (status == GRAFT_OK && is_late(t)) {
        status = graft_training_end_now(t);
    }
    return status;
}

void graft_training_feel(graft_training *t, graft_step_report *report)
{
    graft_warmth *w = &t->warmth;
    graft_sensors_read(w->sensors, &w->heat);
    report->heat = w->heat;
    report->paused_seconds = w->rest;
    w->rest = 0;
}

graft_status graft_training_format_rest(const graft_training *t, graft_text *out)
{
    char span[32];
    graft_daytime_format_span(span, t->warmth.rested);
    return t->warmth.rested > 0
               ? graft_text_appendf(out, "Rested for %s to stay below %g C (max_temperature).\n",
                                    span, t->config->max_temperature)
               : GRAFT_OK;
}
