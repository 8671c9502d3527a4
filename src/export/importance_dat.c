/* importance_dat.c - the importance matrices of llama.cpp before they were GGUF files.
 *
 * i32 n_entries; per entry: i32 length and bytes of the name, i32 n_calls, i32 n_values, f32 values
 * (sums over calls); then, in files of 2024 and later, i32 chunks, i32 length and bytes of the
 * dataset's name. Little endian, no padding. */
#include <string.h>

#include "core/half.h"
#include "core/strings.h"
#include "export/importance_internal.h"
#include "quant/bytes.h"

enum { MAX_NAME = 1024 };

typedef struct cursor {
    graft_importance *importance;
    const uint8_t *data;
    size_t at, size;
} cursor;

static graft_status fail(const cursor *c, const char *what)
{
    return graft_fail(GRAFT_E_MODEL, "%s: at byte %zu: %s (an importance matrix is a GGUF or a .dat "
                      "file)", c->importance->path, c->at, what);
}

/* A number in [0, max]. */
static graft_status read_count(cursor *c, size_t max, const char *what, size_t *out)
{
    if (c->size - c->at < 4) {
        return fail(c, "the file ends too early");
    }
    uint32_t value = graft_get_u32(c->data + c->at);
    if (value > INT32_MAX || value > max) {
        return fail(c, what);
    }
    c->at += 4;
    *out = value;
    return GRAFT_OK;
}

static graft_status read_text(cursor *c, const char **text, size_t *n)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(read_count(c, c->size - c->at, "a name is longer than the file", n));
    if (*n > MAX_NAME || *n > c->size - c->at) {
        return fail(c, "a name is longer than any tensor's");
    }
    *text = (const char *)(c->data + c->at);
    if (!graft_utf8_valid(*text, *n, NULL) || memchr(*text, 0, *n) != NULL) {
        return fail(c, "a name is not valid UTF-8");
    }
    c->at += *n;
done:
    return status;
}

static graft_status read_entry(cursor *c)
{
    graft_status status = GRAFT_OK;
    const char *name = NULL;
    size_t n_name = 0, calls = 0, n = 0;
    float *values;
    GRAFT_TRY(read_text(c, &name, &n_name));
    GRAFT_TRY(read_count(c, INT32_MAX, "a number of calls is negative", &calls));
    GRAFT_TRY(read_count(c, (c->size - c->at) / 4, "there are more values than the file has", &n));
    if (n > (c->size - c->at) / 4) {
        return fail(c, "the file ends too early");
    }
    GRAFT_TRY(graft_importance__add(c->importance, name, n_name, n, &values));
    for (size_t i = 0; i < n; i++, c->at += 4) {
        values[i] = graft_bits_float(graft_get_u32(c->data + c->at));
        values[i] = calls > 0 ? values[i] / (float)calls : values[i];
    }
done:
    return status;
}

graft_status graft_importance__read_dat(graft_importance *importance, const uint8_t *data,
                                        size_t size)
{
    graft_status status = GRAFT_OK;
    cursor c = {importance, data, 0, size};
    const char *text = NULL;
    size_t n = 0, n_text = 0;
    GRAFT_TRY(read_count(&c, size / 12, "no number of entries", &n));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(read_entry(&c));
    }
    if (c.at == size) { /* of 2023: no more is known */
        goto done;
    }
    GRAFT_TRY(read_count(&c, INT32_MAX, "no number of chunks", &n));
    importance->chunks = (uint32_t)n;
    GRAFT_TRY(read_text(&c, &text, &n_text));
    if (n_text > 0) {
        GRAFT_TRY(graft_importance__keep(importance, text, n_text, &importance->dataset));
    }
    if (c.at != size) {
        status = fail(&c, "there is more behind the end");
    }
done:
    return status;
}
