/* progress.c - one mutex guards the line: remarks may come from any thread. */
#include "cli/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <graft/text.h>

#include "cli/terminal.h"

enum { LINE_BYTES = 512, MAX_FIELDS = 10, FIELD_BYTES = 64 };
static const double REDRAW_SECONDS = 0.1; /* on a terminal */
static const double LINE_SECONDS = 10;    /* in a file */

static struct {
    pthread_mutex_t lock;
    bool quiet, verbose, terminal;
    char line[LINE_BYTES]; /* the newest state */
    size_t shown;          /* columns of it on the terminal now */
    bool printed;          /* a file has this very line already */
    char phase[32];
    double last; /* when it was drawn or written */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Fields in the order they are shown. rank: the higher, the earlier it gives way when the terminal
 * is narrow. */
typedef struct field {
    char text[FIELD_BYTES];
    int rank;
} field;

typedef struct fields {
    field items[MAX_FIELDS];
    size_t n;
} fields;

static void add(fields *all, int rank, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(fields *all, int rank, const char *format, ...)
{
    va_list args;
    field *item = &all->items[all->n++];
    item->rank = rank;
    va_start(args, format);
    vsnprintf(item->text, sizeof item->text, format, args);
    va_end(args);
}

static void format_duration(char out[24], double seconds)
{
    unsigned long s = seconds < 0 ? 0 : seconds > 1e8 ? 100000000ul : (unsigned long)(seconds + 0.5);
    if (s < 60) {
        snprintf(out, 24, "%lus", s);
    } else if (s < 3600) {
        snprintf(out, 24, "%lum%02lus", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(out, 24, "%luh%02lum", s / 3600, s / 60 % 60);
    } else {
        snprintf(out, 24, "%lud%02luh", s / 86400, s / 3600 % 24);
    }
}

/* "06:40", "Fri 06:40" if that is more than a day away. */
static void format_clock(char out[24], double moment)
{
    time_t seconds = (time_t)moment;
    struct tm local;
    bool far = moment - (double)time(NULL) >= 86400;
    out[0] = 0;
    if (localtime_r(&seconds, &local) != NULL) {
        strftime(out, 24, far ? "%a %H:%M" : "%H:%M", &local);
    }
}

/* "step 12/30" while training, "evaluating 12/40 items" otherwise. */
static void add_count(fields *all, const graft_progress *p)
{
    unsigned long long done = p->done, total = p->total;
    const char *unit = p->unit ? p->unit : "";
    if (strcmp(unit, "steps") == 0) {
        add(all, 0, total ? "step %llu/%llu" : "step %llu", done, total);
    } else if (total) {
        add(all, 0, "%s %llu/%llu %s", p->phase ? p->phase : "", done, total, unit);
    } else if (done) {
        add(all, 0, "%s %llu %s", p->phase ? p->phase : "", done, unit);
    } else {
        add(all, 0, "%s", p->phase ? p->phase : "");
    }
}

static void collect(fields *all, const graft_progress *p)
{
    char left[24];
    add_count(all, p);
    if (p->epoch > 0) {
        add(all, 4, "epoch %.2f", p->epoch);
    }
    if (p->loss > 0 || p->loss < 0) {
        add(all, 1, "loss %.4f", p->loss);
    }
    if (p->learning_rate > 0) {
        add(all, 6, "lr %.1e", p->learning_rate);
    }
    if (p->tokens_per_second > 0) {
        add(all, 3, "%.0f tok/s", p->tokens_per_second);
    }
    if (p->seconds_left > 0) {
        format_duration(left, p->seconds_left);
        add(all, 2, "%s left", left);
    } else if (p->seconds >= 1 && p->total && p->done == p->total) {
        format_duration(left, p->seconds);
        add(all, 2, "%s", left);
    }
    if (p->finishes_at > 0) {
        format_clock(left, p->finishes_at);
        add(all, 2, "done %s", left);
    }
    if (p->paused_seconds > 0) {
        format_duration(left, p->paused_seconds);
        add(all, 0, "resting for %s", left);
    }
    if (p->celsius > 0) {
        add(all, 5, "%.0f C", p->celsius);
    }
    if (p->rss_bytes) {
        add(all, 5, "%zu MiB", p->rss_bytes >> 20);
    }
}

/* Joins the fields, leaving out those that give way until the line fits into `width`. */
static void join(char out[LINE_BYTES], fields *all, size_t width)
{
    for (;;) {
        size_t n = 0, worst = 0;
        out[0] = 0;
        for (size_t i = 0; i < all->n; i++) {
            n += (size_t)snprintf(out + n, LINE_BYTES - n, "%s%s", n ? "  " : "",
                                  all->items[i].text);
            worst = all->items[i].rank > all->items[worst].rank ? i : worst;
        }
        if (n <= width) {
            return;
        }
        if (all->n == 1) {
            out[width] = 0;
            return;
        }
        all->n--;
        memmove(&all->items[worst], &all->items[worst + 1], (all->n - worst) * sizeof(field));
    }
}

/* Overwrites what the terminal shows; the cursor is left behind the line. */
static void draw(const char *line)
{
    size_t n = strlen(line);
    int blanks = n < state.shown ? (int)(state.shown - n) : 0;
    fprintf(stderr, "\r%s%*s", line, blanks, "");
    if (blanks) {
        fprintf(stderr, "\r%s", line);
    }
    fflush(stderr);
    state.shown = n;
}

static void clear(void)
{
    if (state.shown) {
        fprintf(stderr, "\r%*s\r", (int)state.shown, "");
        state.shown = 0;
    }
}

/* Leaves the newest state for good: on a terminal by going to the next line. */
static void finish(void)
{
    if (state.line[0] == 0) {
        return;
    }
    if (state.terminal) {
        draw(state.line);
        fputc('\n', stderr);
        state.shown = 0;
    } else if (!state.printed) {
        char clock[16];
        time_t t = time(NULL);
        struct tm local;
        strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&t, &local));
        fprintf(stderr, "%s  %s\n", clock, state.line);
    }
    state.printed = true;
}

void cli_progress_show(void *context, const graft_progress *progress)
{
    (void)context;
    fields all = {.n = 0};
    char line[LINE_BYTES];
    const char *phase = progress->phase ? progress->phase : "";
    if (state.quiet) {
        return;
    }
    collect(&all, progress);
    pthread_mutex_lock(&state.lock);
    size_t width = state.terminal ? cli_width(STDERR_FILENO) : LINE_BYTES;
    join(line, &all, width > 1 ? (width < LINE_BYTES ? width : LINE_BYTES) - 1 : 1);
    bool begins = strncmp(state.phase, phase, sizeof state.phase - 1) != 0;
    bool ends = progress->total && progress->done == progress->total;
    if (begins) {
        finish();
        snprintf(state.phase, sizeof state.phase, "%s", phase);
    }
    if (strcmp(line, state.line) != 0) {
        memcpy(state.line, line, sizeof line);
        state.printed = false;
    }
    double t = now();
    if (begins || ends || t - state.last >= (state.terminal ? REDRAW_SECONDS : LINE_SECONDS)) {
        state.last = t;
        if (state.terminal) {
            draw(line);
        } else {
            finish();
        }
    }
    pthread_mutex_unlock(&state.lock);
}

void cli_progress_clear(void)
{
    pthread_mutex_lock(&state.lock);
    clear();
    pthread_mutex_unlock(&state.lock);
}

void cli_progress_end(void)
{
    pthread_mutex_lock(&state.lock);
    finish();
    state.line[0] = 0;
    state.phase[0] = 0;
    pthread_mutex_unlock(&state.lock);
}

/* A line of text that is not progress. */
static void say(const char *prefix, const char *text)
{
    char *safe = NULL;
    graft_text_escape(&safe, text, strlen(text), 0);
    pthread_mutex_lock(&state.lock);
    size_t shown = state.shown;
    clear();
    fprintf(stderr, "%s%s\n", prefix, safe ? safe : "(out of memory)");
    if (shown) {
        draw(state.line);
    }
    pthread_mutex_unlock(&state.lock);
    graft_text_free(safe);
}

static void log_sink(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level == GRAFT_LOG_WARN) {
        say("warning: ", line);
    } else if (!state.quiet && (level == GRAFT_LOG_INFO || state.verbose)) {
        say("", line);
    }
}

void cli_progress_init(bool quiet, bool verbose)
{
    state.quiet = quiet;
    state.verbose = verbose;
    state.terminal = cli_stderr_is_terminal();
    graft_log_set_sink(log_sink, NULL);
}

void cli_error(const char *command, const char *text)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "graft%s%s: ", command ? " " : "", command ? command : "");
    say(prefix, text);
}

void cli_note(const char *text)
{
    say("", text);
}
