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

/* Does the record take the marks of some layout their meaning? */
static bool denies(const graft_json *record)
{
    for (size_t i = 0; graft_readers[i]; i++) {
        if (graft_readers[i]->denied_by && graft_readers[i]->denied_by(record)) {
            return true;
        }
    }
    return false;
}

graft_status graft_first_records_reader(const graft_reader **out, bool *denied,
                                        const graft_first_records *first)
{
    graft_status status = GRAFT_OK;
    const graft_reader *all = NULL, *undeniable = NULL;
    *out = NULL;
    *denied = false;
    for (size_t i = 0; i < first->n; i++) {
        graft_json *record = NULL;
        const char *text = graft_text_z(&first->text) + first->records[i].begin;
        status = graft_json_parse(&record, text, first->records[i].n);
        if (status != GRAFT_OK && status != GRAFT_E_DATA) {
            goto done;
        }
        status = GRAFT_OK;
        if (graft_json_is(record, GRAFT_JSON_OBJECT) && !graft_reader__refusal(record)) {
            all = graft_reader__detect_more(all, false, record);
            undeniable = graft_reader__detect_more(undeniable, true, record);
            *denied = *denied || denies(record);
        }
        graft_json_free(record);
    }
    *out = *denied ? undeniable : all;
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
