/* run_data_dedup.c - graft_data_dedup. */
#include <graft/dataset.h>

#include "data/dedup.h"
#include "run/data_files.h"

static graft_status describe(graft_text *out, const graft_dedup_result *r, const char *path)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "examples: %zu\nduplicates left out: %zu\n"
                                 "near duplicates left out: %zu\n", r->examples, r->exact,
                                 r->near));
    if (r->bad) {
        GRAFT_TRY(graft_text_appendf(out, "bad lines left out: %zu\n", r->bad));
    }
    GRAFT_TRY(graft_text_appendf(out, "written: %zu examples to %s\n", r->kept, path));
done:
    return status;
}

static graft_status describe_json(graft_text *out, const graft_dedup_result *r)
{
    const struct {
        const char *name;
        size_t value;
    } members[] = {{"examples", r->examples}, {"duplicates", r->exact},
                   {"near_duplicates", r->near}, {"bad_lines", r->bad}, {"written", r->kept},
                   {"bytes_compared", r->bytes_compared}};
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        GRAFT_TRY(graft_json_set_int(o, members[i].name, (int64_t)members[i].value));
    }
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

graft_status graft_data_dedup(graft_config *config, const char *path, double near,
                              const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = NULL;
    graft_dedup *dedup = NULL;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_data_files_prepare(config));
    GRAFT_TRY(graft_data_files_open(&writer, path, "out", NULL));
    GRAFT_TRY(graft_data_files_check_beside(path, config));
    GRAFT_TRY(graft_dedup_new(&dedup, near, config->skip_bad, writer, graft_data_files_poll,
                              (void *)(uintptr_t)hooks));
    for (size_t i = 0; i < config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&config->dataset.items[i]);
        GRAFT_TRY(graft_dedup_read(dedup, &source));
    }
    graft_dedup_result result = graft_dedup_result_get(dedup);
    if (result.kept == 0) {
        status = graft_fail(GRAFT_E_DATA, "nothing is left to write: %zu bad line%s and no example",
                            result.bad, result.bad == 1 ? "" : "s");
        goto done;
    }
    GRAFT_TRY(graft_writer_commit(&writer));
    GRAFT_TRY(json ? describe_json(&text, &result) : describe(&text, &result, path));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_writer_discard(&writer);
    graft_dedup_free(dedup);
    graft_text_clear(&text);
    return status;
}
