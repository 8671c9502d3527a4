/* paced CONFIG.yaml [WORD=VALUE...]
 *
 * graft_train in a world of its own: a wall clock that stands still or jumps, sensors in a folder.
 *   sysfs=DIR         where temperatures are
 *   clock=T           the wall clock shows T (seconds since 1970); each step takes a minute
 *   uneven=N          ... every N-th step two
 *   jump=STEP:T       ... and after that step the clock jumps to T
 *   heat=STEP:FILE    after that step FILE says 99 degrees ...
 *   cool=FILE         ... and 40 once the run has rested for a second
 *   vanish=1          ... or nothing at all
 *   late=T            ... or the wall clock shows T then
 *   stop=STEP         asks to stop after that step; stop=rest: while it rests
 * Remarks and a line "step N of M celsius C paused P done D" per report go to standard error. Exits as graft
 * does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <graft/graft.h>

static struct {
    double wall, steady, jump_to, late;
    long jump_at, heat_at, stop_at, uneven;
    const char *hot, *cool;
    int stop_in_rest, vanishes;
    long step;
    int rests;
} world = {.jump_at = -1, .heat_at = -1, .stop_at = -1};

static double clock_of(void *context, int wall)
{
    (void)context;
    return wall ? world.wall : world.steady;
}

static void write_celsius(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        exit(100);
    }
}

static void on_progress(void *context, const graft_progress *p)
{
    (void)context;
    if (strcmp(p->phase, "training") != 0) {
        return;
    }
    fprintf(stderr, "step %llu of %llu celsius %.1f paused %d done %.3f\n", (unsigned long long)p->done,
            (unsigned long long)p->total, p->celsius, p->paused_seconds > 0, p->finishes_at);
    world.rests = p->paused_seconds > 0;
    if (world.rests && p->paused_seconds > 1 && world.cool != NULL) {
        write_celsius(world.cool, world.vanishes ? "" : "40000\n");
    }
    if (world.rests && world.late > 0) {
        world.wall = world.late;
    }
    if (world.rests || world.step == (long)p->done) {
        return;
    }
    world.step = (long)p->done;
    if (world.step == world.heat_at) {
        write_celsius(world.hot, "99000\n");
    }
    double seconds = world.uneven > 0 && world.step % world.uneven == 0 ? 120 : 60;
    world.wall += seconds;
    world.steady += seconds;
    if (world.step == world.jump_at) {
        world.wall = world.jump_to;
    }
}

static int on_stop(void *context)
{
    (void)context;
    return (world.stop_at >= 0 && world.step >= world.stop_at) || (world.stop_in_rest && world.rests);
}

static void on_remark(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level != GRAFT_LOG_DEBUG) {
        fprintf(stderr, "%s%s\n", level == GRAFT_LOG_WARN ? "warning: " : "", line);
    }
}

static const char *after(const char *word, const char *name)
{
    size_t n = strlen(name);
    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

int main(int argc, char **argv)
{
    graft_hooks hooks = {.progress = on_progress, .stop = on_stop};
    graft_config *config = NULL;
    char *text = NULL, *rest;
    const char *value;
    for (int i = 2; i < argc; i++) {
        if ((value = after(argv[i], "sysfs")) != NULL) {
            hooks.sysfs = value;
        } else if ((value = after(argv[i], "clock")) != NULL) {
            world.wall = strtod(value, NULL);
            hooks.clock = clock_of;
        } else if ((value = after(argv[i], "jump")) != NULL) {
            world.jump_at = strtol(value, &rest, 10);
            world.jump_to = strtod(rest + 1, NULL);
        } else if ((value = after(argv[i], "uneven")) != NULL) {
            world.uneven = strtol(value, NULL, 10);
        } else if ((value = after(argv[i], "heat")) != NULL) {
            world.heat_at = strtol(value, &rest, 10);
            world.hot = rest + 1;
        } else if ((value = after(argv[i], "cool")) != NULL) {
            world.cool = value;
        } else if ((value = after(argv[i], "vanish")) != NULL) {
            world.vanishes = strcmp(value, "1") == 0;
        } else if ((value = after(argv[i], "late")) != NULL) {
            world.late = strtod(value, NULL);
        } else if ((value = after(argv[i], "stop")) != NULL) {
            world.stop_in_rest = strcmp(value, "rest") == 0;
            world.stop_at = world.stop_in_rest ? -1 : strtol(value, NULL, 10);
        } else {
            fprintf(stderr, "unknown word %s\n", argv[i]);
            return 100;
        }
    }
    graft_log_set_sink(on_remark, NULL);
    graft_status status = graft_config_new(&config);
    status = status == GRAFT_OK ? graft_config_read(config, argv[1]) : status;
    status = status == GRAFT_OK ? graft_train(config, &hooks, 0, &text) : status;
    if (status != GRAFT_OK) {
        fprintf(stderr, "failed: %s\n", graft_error_message());
    }
    fputs(text != NULL ? text : "", stdout);
    graft_text_free(text);
    graft_config_free(config);
    return (int)status;
}
