/* core/log.c - the sinks of the process, called one line at a time. */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static graft_log_sink *current_sink, *tee_sink;
static void *current_context, *tee_context;

void graft_log_set_sink(graft_log_sink *sink, void *context)
{
    pthread_mutex_lock(&lock);
    current_sink = sink;
    current_context = context;
    pthread_mutex_unlock(&lock);
}

void graft_log_set_tee(graft_log_sink *sink, void *context)
{
    pthread_mutex_lock(&lock);
    tee_sink = sink;
    tee_context = context;
    pthread_mutex_unlock(&lock);
}

void graft_log(graft_log_level level, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0) {
        return;
    }
    for (char *c = line; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r') {
            *c = ' ';
        }
    }
    pthread_mutex_lock(&lock);
    if (current_sink != NULL) {
        current_sink(current_context, level, line);
    }
    if (tee_sink != NULL) {
        tee_sink(tee_context, level, line);
    }
    pthread_mutex_unlock(&lock);
}
