/* core/status.c - the last failure of each thread. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 2048

static _Thread_local struct {
    graft_status code;
    const char *file;
    int line;
    char message[MESSAGE_BYTES];
    char place[160];
} last;

/* A message quotes file contents: it stays one line and cannot steer a terminal, and a cut in the
 * middle of a UTF-8 sequence is moved before that sequence. */
static void make_one_line(char *text, size_t formatted_len)
{
    size_t n = strlen(text);
    if (formatted_len > n) {
        while (n > 0 && ((unsigned char)text[n - 1] & 0xc0u) == 0x80u) {
            n--;
        }
        if (n > 0 && (unsigned char)text[n - 1] >= 0xc0u) {
            n--;
        }
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' ')) {
        n--;
    }
    text[n] = '\0';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n' || c == '\t' || c == '\r') {
            text[i] = ' ';
        } else if (c < 0x20 || c == 0x7f) {
            text[i] = '?';
        }
    }
}

graft_status graft_fail_at(graft_status code, const char *file, int line, const char *format, ...)
{
    /* Formatted aside first: an argument may be the previous message. */
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len < 0) {
        message[0] = '\0';
        len = 0;
    }
    make_one_line(message, (size_t)len);
    memcpy(last.message, message, strlen(message) + 1);
    last.code = code == GRAFT_OK ? GRAFT_E_FAILED : code;
    last.file = file;
    last.line = line;
    return last.code;
}

graft_status graft_fail_prefix(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t used = len < 0 ? 0 : strlen(message);
    int more = snprintf(message + used, sizeof message - used, ": %s", last.message);
    make_one_line(message, used + (more < 0 ? 0 : (size_t)more));
    memcpy(last.message, message, strlen(message) + 1);
    if (last.code == GRAFT_OK) {
        last.code = GRAFT_E_FAILED;
    }
    return last.code;
}

graft_status graft_error_code(void)
{
    return last.code;
}

const char *graft_error_message(void)
{
    return last.message;
}

const char *graft_error_place(void)
{
    if (last.file == NULL) {
        return "";
    }
    snprintf(last.place, sizeof last.place, "%s:%d", last.file, last.line);
    return last.place;
}

const char *graft_status_name(graft_status status)
{
    switch (status) {
    case GRAFT_OK: return "ok";
    case GRAFT_E_FAILED: return "failed";
    case GRAFT_E_CONFIG: return "usage or configuration";
    case GRAFT_E_MEMORY: return "memory";
    case GRAFT_E_NUMERICS: return "numerics";
    case GRAFT_E_DATA: return "bad data";
    case GRAFT_E_MODEL: return "bad model";
    case GRAFT_E_CHECKPOINT: return "bad checkpoint";
    case GRAFT_E_DISK: return "disk";
    case GRAFT_E_INTERRUPTED: return "interrupted";
    case GRAFT_E_GATE: return "gate failed";
    }
    return "unknown";
}
