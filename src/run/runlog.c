#include "run/runlog.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"

struct graft_runlog {
    graft_appender *file;
    bool behind, said;
};

static void write_line(void *context, graft_log_level level, const char *line)
{
    static const char *const names[] = {"debug", "info", "warning"};
    graft_runlog *log = context;
    graft_text text;
    char time[32];
    graft_clock_iso8601(time);
    graft_text_init(&text);
    if (graft_text_appendf(&text, "%s %-7s %s", time, names[level], line) == GRAFT_OK) {
        log->behind |= graft_appender_line(log->file, graft_text_z(&text), text.len) != GRAFT_OK;
    }
    graft_text_clear(&text);
}

graft_status graft_runlog_open(graft_runlog **out, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_runlog *log = NULL;
    char *path = NULL;
    *out = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, "run.log"));
    GRAFT_TRY(graft_alloc(&log, 1, sizeof *log));
    GRAFT_TRY(graft_appender_open(&log->file, path, false));
    graft_log_set_tee(write_line, log);
    *out = log;
    log = NULL;
done:
    graft_free(path);
    graft_free(log);
    return status;
}

void graft_runlog_check(graft_runlog *log)
{
    if (log != NULL && log->behind && !log->said) {
        log->said = true;
        graft_log(GRAFT_LOG_WARN, "run.log cannot be written; the run goes on, and its lines are "
                  "written when that is possible again");
    }
}

void graft_runlog_close(graft_runlog *log)
{
    if (log != NULL) {
        graft_runlog_check(log);
        graft_log_set_tee(NULL, NULL);
        graft_appender_close(log->file);
        graft_free(log);
    }
}
