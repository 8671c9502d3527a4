/* inspect_run.c - how a run went, from what lies in its folder. Runs that are still going or were
 * cut off have less in it; whatever is there is told. */
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/lines.h"
#include "io/yaml.h"
#include "run/inspect.h"

enum { SCORES_LIMIT = 256 << 20 };

/* What training was asked to do: the settings that identify a run. */
static graft_status set_config(graft_json *out, const char *path)
{
    static const char *const keys[] = {"base_model", "dataset", "lora_r", "lora_alpha",
                                       "learning_rate", "batch_size", "num_train_epochs",
                                       "max_steps", "seed"};
    graft_status status = GRAFT_OK;
    graft_json *config = NULL, *copy = NULL;
    GRAFT_TRY(graft_yaml_read(&config, path));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const graft_json *value = graft_json_get(config, keys[i]);
        if (value != NULL) {
            GRAFT_TRY(graft_json_copy(&copy, value));
            GRAFT_TRY(graft_json_set(out, keys[i], copy));
        }
    }
done:
    graft_json_free(config);
    return status;
}

/* Which adapter was the best one, and by what. */
static graft_status add_best(graft_json *out, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const char *metric = graft_json_string(graft_json_get(record, "metric"), NULL);
    GRAFT_TRY(graft_json_set_int(out, "best_step",
                                 graft_json_int(graft_json_get(record, "best_step"))));
    GRAFT_TRY(graft_json_set_string(out, "best_metric", metric != NULL ? metric : ""));
done:
    return status;
}

/* Counts what went wrong on the way. */
static graft_status count_trouble(graft_json *out, const char *event)
{
    static const struct {
        const char *event, *key;
    } kinds[] = {{"bad_step", "bad_steps"}, {"spike", "loss_spikes"}, {"rollback", "rollbacks"},
                 {"divergence", "divergences"}, {"recheck", "computing_errors"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(event, kinds[i].event) == 0) {
            int64_t n = graft_json_int(graft_json_get(out, kinds[i].key));
            return graft_json_set_int(out, kinds[i].key, n + 1);
        }
    }
    return GRAFT_OK;
}

/* Remembers the first and the last step of metrics.jsonl, and the best one. */
static graft_status add_record(graft_json *out, const graft_json *record)
{
    graft_status status = GRAFT_OK;
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    if (event != NULL && strcmp(event, "best") == 0) {
        return add_best(out, record);
    }
    if (event == NULL || strcmp(event, "step") != 0) {
        return event == NULL ? GRAFT_OK : count_trouble(out, event);
    }
    double loss = graft_json_double(graft_json_get(record, "loss"));
    if (!graft_json_has(out, "first_loss")) {
        GRAFT_TRY(graft_json_set_double(out, "first_loss", loss));
    }
    GRAFT_TRY(graft_json_set_double(out, "last_loss", loss));
    GRAFT_TRY(graft_json_set_int(out, "steps", graft_json_int(graft_json_get(record, "step"))));
    GRAFT_TRY(graft_json_set_double(out, "epochs",
                                    graft_json_double(graft_json_get(record, "epoch"))));
done:
    return status;
}

static graft_status set_metrics(graft_json *out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    graft_json *record = NULL;
    const char *line = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        /* The last line may be torn. */
        if (graft_json_parse(&record, line, n) == GRAFT_OK) {
            GRAFT_TRY(add_record(out, record));
        }
        graft_json_free(record);
        record = NULL;
    }
done:
    graft_json_free(record);
    graft_lines_close(lines);
    return status;
}

/* {"exact": "8 of 40", ...} from an eval-*.json. */
static graft_status set_scores(graft_json *out, const char *key, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text, hits;
    graft_json *report = NULL, *scores = graft_json_new_object();
    graft_text_init(&text);
    graft_text_init(&hits);
    GRAFT_TRY(graft_file_read(&text, path, SCORES_LIMIT));
    if (graft_json_parse(&report, graft_text_z(&text), text.len) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    const graft_json *loss = graft_json_get(report, "loss_per_token");
    if (loss != NULL) {
        GRAFT_TRY(graft_json_set_double(scores, "loss_per_token", graft_json_double(loss)));
    }
    const graft_json *all = graft_json_get(report, "scores");
    if (graft_json_is(all, GRAFT_JSON_OBJECT)) {
        for (graft_json_iter it = graft_json_iter_begin(all); graft_json_iter_next(&it);) {
            graft_text_clear(&hits);
            GRAFT_TRY(graft_text_appendf(&hits, "%lld of %lld",
                                         (long long)graft_json_int(graft_json_get(it.value, "hits")),
                                         (long long)graft_json_int(graft_json_get(it.value, "of"))));
            GRAFT_TRY(graft_json_set_string(scores, it.key, graft_text_z(&hits)));
        }
    }
    GRAFT_TRY(graft_inspect__move(out, key, &scores));
done:
    graft_json_free(report);
    graft_json_free(scores);
    graft_text_clear(&text);
    graft_text_clear(&hits);
    return status;
}

/* The sorted names in a folder; a member of `out` unless there are none. */
static graft_status set_names(graft_json *out, const char *key, const char *folder,
                              const char *suffix)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    graft_json *list = graft_json_new_array();
    if (!graft_path_is_dir(folder)) {
        goto done;
    }
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        if (graft_str_ends_with(names[i], suffix)) {
            GRAFT_TRY(graft_json_push(list, graft_json_new_string(names[i], strlen(names[i]))));
        }
    }
    if (graft_json_length(list) > 0) {
        GRAFT_TRY(graft_inspect__move(out, key, &list));
    }
done:
    graft_dir_free(names, n);
    graft_json_free(list);
    return status;
}

typedef graft_status describe(graft_json *out, const char *path);

/* Calls `what` if the folder has such a file. */
static graft_status with_file(graft_json *out, const char *folder, const char *name, describe *what)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    if (graft_path_exists(path)) {
        GRAFT_TRY(what(out, path));
    }
done:
    graft_free(path);
    return status;
}

static graft_status set_before(graft_json *out, const char *path)
{
    return set_scores(out, "eval_before", path);
}

static graft_status set_after(graft_json *out, const char *path)
{
    return set_scores(out, "eval_after", path);
}

static graft_status set_checkpoints(graft_json *out, const char *path)
{
    return set_names(out, "checkpoints", path, ".h5");
}

graft_status graft_inspect__run(graft_json *out, const char *path)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_json_set_string(out, "kind", "run"));
    GRAFT_TRY(with_file(out, path, "config.yaml", set_config));
    GRAFT_TRY(with_file(out, path, "metrics.jsonl", set_metrics));
    GRAFT_TRY(with_file(out, path, "eval-before.json", set_before));
    GRAFT_TRY(with_file(out, path, "eval-after.json", set_after));
    GRAFT_TRY(with_file(out, path, "checkpoints", set_checkpoints));
    GRAFT_TRY(set_names(out, "files", path, ""));
done:
    return status;
}
