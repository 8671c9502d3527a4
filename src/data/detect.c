/* detect.c - looking at the first records. */
#include "data/detect.h"

enum { ENOUGH_BYTES = 1 << 24 };

void graft_first_records_clear(graft_first_records *first)
{
    graft_text_clear(&first->text);
    first->n = 0;
}

bool graft_first_records_full(const graft_first_records *first)
{
    return first->n == GRAFT_FIRST_RECORDS || first->text.len > ENOUGH_BYTES;
}

graft_status graft_first_records_keep(graft_first_records *first, const char *text, size_t n,
                                      size_t line, bool whole)
{
    graft_status status = GRAFT_OK;
    size_t i = first->n;
    first->records[i].begin = first->text.len;
    first->records[i].n = n;
    first->records[i].line = line;
    first->records[i].whole = whole;
    GRAFT_TRY(graft_text_append(&first->text, text, n));
    first->n++;
done:
    return status;
}

/* The next record of *i on that is an object of a known kind, to be freed; NULL behind the last. */
static graft_status next_record(graft_json **out, const graft_first_records *first, size_t *i)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    while (!*out && *i < first->n) {
        const char *text = graft_text_z(&first->text) + first->records[*i].begin;
        status = graft_json_parse(out, text, first->records[*i].n);
        if (status != GRAFT_OK && status != GRAFT_E_DATA) {
            return status;
        }
        ++*i;
        if (!graft_json_is(*out, GRAFT_JSON_OBJECT) || graft_reader__refusal(*out)) {
            graft_json_free(*out);
            *out = NULL;
        }
    }
    return GRAFT_OK;
}

/* The reader of the records but `denied`, which may be NULL. */
static graft_status find_reader(const graft_reader **out, const graft_first_records *first,
                                const graft_reader *denied)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    *out = NULL;
    for (size_t i = 0;;) {
        GRAFT_TRY(next_record(&record, first, &i));
        if (!record) {
            break;
        }
        *out = graft_reader__detect_more(*out, denied, record);
        graft_json_free(record);
    }
done:
    return status;
}

static graft_status is_denied(bool *out, const graft_reader *reader,
                              const graft_first_records *first)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    *out = false;
    for (size_t i = 0; !*out;) {
        GRAFT_TRY(next_record(&record, first, &i));
        if (!record) {
            break;
        }
        *out = reader->denied_by(record);
        graft_json_free(record);
    }
done:
    return status;
}

graft_status graft_first_records_reader(const graft_reader **out,
                                        const graft_first_records *first)
{
    graft_status status = GRAFT_OK;
    bool denied = false;
    GRAFT_TRY(find_reader(out, first, NULL));
    if (*out && (*out)->denied_by) {
        GRAFT_TRY(is_denied(&denied, *out, first));
    }
    if (denied) {
        status = find_reader(out, first, *out);
    }
done:
    return status;
}

graft_status graft_reader__unknown(const graft_json *record, bool list)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_append_z(&text, "unknown layout with keys"));
    graft_json_iter it = graft_json_iter_begin(record);
    for (size_t i = 0; i < 8 && graft_json_iter_next(&it); i++) {
        GRAFT_TRY(graft_text_appendf(&text, "%s \"%.40s\"", i ? "," : "", it.key));
    }
    GRAFT_TRY(graft_text_append_z(&text, list ? "; known:" : ""));
    for (size_t i = 0; graft_readers[i] && list; i++) {
        GRAFT_TRY(graft_text_appendf(&text, "%s %s %s", i ? ";" : "", graft_readers[i]->name,
                                     graft_readers[i]->shape));
    }
    status = graft_fail(GRAFT_E_DATA, "%s", graft_text_z(&text));
done:
    graft_text_clear(&text);
    return status;
}
