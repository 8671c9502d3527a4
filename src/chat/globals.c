/* chat/globals.c - functions every template can call: one function and one row each. */
#include <string.h>
#include <time.h>

#include "chat/jinja.h"

/* The sandbox's bound on range(). */
enum { MAX_RANGE = 100000 };

static graft_status make_range(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    int64_t part[3] = {0, 0, 1};
    graft_jrange *range;
    bool one = call->p[1].kind == GRAFT_J_MISSING;
    for (size_t i = 0; i < 3; i++) {
        if (call->p[i].kind != GRAFT_J_MISSING) {
            GRAFT_TRY(graft_j__need_int(j, &call->p[i], "an argument of range()", &part[i]));
        }
    }
    if (one) {
        part[1] = part[0];
        part[0] = 0;
    }
    if (part[2] == 0) {
        return graft_j__fail(j, "range() arg 3 must not be zero");
    }
    GRAFT_TRY(graft_j__alloc(j, &range, 1, sizeof *range));
    *range = (graft_jrange){.start = part[0], .stop = part[1], .step = part[2]};
    bool up = part[2] > 0;
    if (up ? part[0] < part[1] : part[0] > part[1]) {
        uint64_t span = up ? (uint64_t)part[1] - (uint64_t)part[0] : (uint64_t)part[0] - (uint64_t)part[1];
        uint64_t step = up ? (uint64_t)part[2] : -(uint64_t)part[2];
        range->n = (size_t)((span - 1) / step) + 1;
    }
    if (range->n > MAX_RANGE) {
        return graft_j__fail(j, "Range too big. The sandbox blocks ranges larger than %d.",
                             (int)MAX_RANGE);
    }
    *out = (graft_jvalue){
        .kind = GRAFT_J_RANGE, .origin = GRAFT_FROM_TEMPLATE, .u.range = range};
done:
    return status;
}

static graft_status make_dict(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_jdict *dict;
    graft_status status = graft_j__make_dict(j, call->args, &dict);
    if (status == GRAFT_OK) {
        *out = graft_j__dict(dict);
    }
    return status;
}

static graft_status make_namespace(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return graft_j__namespace_new(j, call->args, out);
}

static graft_status make_cycler(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    return graft_j__cycler_new(j, call->args, out);
}

static graft_status make_joiner(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_jvalue separator = call->p[0];
    graft_status status = GRAFT_OK;
    if (separator.kind == GRAFT_J_MISSING) {
        GRAFT_TRY(graft_j__string_z(j, &separator, ", "));
    }
    status = graft_j__joiner_new(j, &separator, out);
done:
    return status;
}

static graft_status raise_exception(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    const graft_jstring *message;
    graft_status status = graft_j__to_string(j, &call->p[0], &message);
    *out = graft_j__none;
    return status != GRAFT_OK
               ? status
               : graft_j__fail(j, "the template says: %.*s",
                               (int)(message->n < 300 ? message->n : 300), message->data);
}

static graft_status strftime_now(graft_jinja *j, const graft_jcall *call, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    const graft_jstring *format;
    const char *format_z;
    char text[512], *copy;
    const time_t now = (time_t)j->now;
    struct tm parts;
    GRAFT_TRY(graft_j__need_string(j, &call->p[0], "the format of strftime_now()", &format));
    GRAFT_TRY(graft_j__format(j, &format_z, "%.*s", (int)format->n, format->data));
    gmtime_r(&now, &parts);
    size_t n = format_z[0] != '\0' ? strftime(text, sizeof text, format_z, &parts) : 0;
    GRAFT_TRY(graft_j__bytes(j, &copy, n));
    memcpy(copy, text, n);
    status = graft_j__string(j, out, copy, n, graft_j__origin_of(format));
done:
    return status;
}

/* A signature of NULL takes the arguments as they come. */
const graft_jglobal graft_jglobals[] = {
    {"range", "/start,stop=,step=", make_range},
    {"dict", NULL, make_dict},
    {"namespace", NULL, make_namespace},
    {"cycler", NULL, make_cycler},
    {"joiner", "sep=", make_joiner},
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
    {NULL, NULL, NULL},
};

const graft_jglobal *graft_j__find_global(const char *name, size_t n)
{
    for (const graft_jglobal *row = graft_jglobals; row->name != NULL; row++) {
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0) {
            return row;
        }
    }
    return NULL;
}
