/* verify_run.c - a whole run folder: each of its files, and whether they belong together. */
#include <string.h>

#include "config/config.h"
#include "core/memory.h"
#include "export/export.h"
#include "io/files.h"
#include "io/lines.h"
#include "io/safetensors.h"
#include "run/sums.h"
#include "run/verify.h"
#include "train/checkpoint.h"
#include "train/rollback.h"

static bool is_run(const graft_verify_look *look)
{
    return look->is_folder && (graft_dir_holds(look->path, "metrics.jsonl") ||
                               (graft_dir_holds(look->path, "config.yaml") &&
                                graft_dir_holds(look->path, "checkpoints")));
}

/* What the files of a run say of it, to be compared. */
struct graft_verify_facts {
    graft_config *config;   /* of config.yaml; NULL: not readable */
    char chat_template[65]; /* SHA-256 of chat_template.jinja; "" if there is none */
    char base[65];          /* of the base, as the adapter says; "" if it does not */
    graft_json *unexported; /* {item of `export`: why the run could not write it}, as metrics.jsonl says */
    graft_notes notes;      /* of the newest checkpoint */
};

static void facts_clear(graft_verify_facts *facts)
{
    graft_config_free(facts->config);
    graft_json_free(facts->unexported);
}

/* What is wrong with a file is said where it is checked; what is short now is not its fault. */
static graft_status only_memory(graft_status status)
{
    return status == GRAFT_E_MEMORY ? status : GRAFT_OK;
}

static graft_status read_config(graft_verify_facts *facts, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, "config.yaml"));
    GRAFT_TRY(graft_config_new(&facts->config));
    graft_status read = graft_config_read(facts->config, path);
    read = read == GRAFT_OK ? graft_config_check(facts->config) : read;
    if (read != GRAFT_OK) {
        graft_config_free(facts->config); /* an object of its own says why */
        facts->config = NULL;
    }
    status = only_memory(read);
done:
    graft_free(path);
    return status;
}

static graft_status read_unexported_line(graft_verify_facts *facts, const char *line, size_t n)
{
    graft_json *record = NULL;
    graft_status status = graft_json_parse(&record, line, n);
    if (status != GRAFT_OK) {
        return only_memory(status);
    }
    const char *event = graft_json_string(graft_json_get(record, "event"), NULL);
    const char *item = graft_json_string(graft_json_get(record, "artefact"), NULL);
    if (event != NULL && item != NULL && strcmp(event, "unexported") == 0) {
        const char *why = graft_json_string(graft_json_get(record, "message"), NULL);
        status = graft_json_set_string(facts->unexported, item, why != NULL ? why : "no reason given");
    }
    graft_json_free(record);
    return status;
}

static graft_status read_unexported(graft_verify_facts *facts, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    char *path = NULL;
    const char *line = NULL;
    size_t n = 0;
    facts->unexported = graft_json_new_object();
    GRAFT_TRY(graft_path_join(&path, folder, "metrics.jsonl"));
    status = graft_lines_open(&lines, path);
    while (status == GRAFT_OK && (status = graft_lines_next(lines, &line, &n)) == GRAFT_OK && line != NULL) {
        GRAFT_TRY(read_unexported_line(facts, line, n));
    }
    status = only_memory(status);
done:
    graft_lines_close(lines);
    graft_free(path);
    return status;
}

/* Which base it was, as the adapter says; a DoRA has a PEFT folder only. */
static graft_status read_base(graft_verify_facts *facts, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *adapter = NULL, *peft = NULL;
    graft_gguf *file = NULL;
    graft_safetensors *tensors = NULL;
    graft_gguf_string base = {0};
    GRAFT_TRY(graft_path_join(&adapter, folder, "adapter.gguf"));
    GRAFT_TRY(graft_path_join(&peft, folder, "adapter_model.safetensors"));
    if (graft_path_exists(adapter)) {
        status = graft_gguf_open(&file, adapter);
        if (status == GRAFT_OK) {
            (void)graft_gguf_want_string(file, "graft.base_sha256", &base);
        }
    } else if (graft_path_exists(peft)) {
        status = graft_safetensors_open(&tensors, peft);
        base.data = status == GRAFT_OK ? graft_safetensors_metadata(tensors, "graft.base_sha256") : NULL;
        base.len = base.data == NULL ? 0 : strlen(base.data);
    }
    GRAFT_TRY(only_memory(status));
    if (base.len == 64) {
        memcpy(facts->base, base.data, base.len);
    }
done:
    graft_gguf_close(file);
    graft_safetensors_close(tensors);
    graft_free(adapter);
    graft_free(peft);
    return status;
}

/* Which run this one goes on from, if there are checkpoints that may be of it. */
static graft_status read_notes(graft_verify_facts *facts, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_checkpoint c = {0};
    uint64_t *steps = NULL;
    char *path = NULL, *newest = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_path_join(&path, folder, "checkpoints"));
    GRAFT_TRY(graft_checkpoint_steps(&steps, &n, path));
    if (n > 1) {
        GRAFT_TRY(graft_checkpoint_path(&newest, path, steps[0]));
        status = graft_checkpoint_open(&c, newest);
        facts->notes = status == GRAFT_OK ? c.notes : (graft_notes){0};
        GRAFT_TRY(only_memory(status));
    }
done:
    graft_checkpoint_close(&c);
    graft_free(steps);
    graft_free(newest);
    graft_free(path);
    return only_memory(status);
}

static graft_status read_facts(graft_verify_facts *facts, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(read_config(facts, folder));
    GRAFT_TRY(read_unexported(facts, folder));
    GRAFT_TRY(read_notes(facts, folder));
    GRAFT_TRY(graft_path_join(&path, folder, "chat_template.jinja"));
    status = graft_path_exists(path) ? graft_file_sha256(facts->chat_template, path) : GRAFT_E_DISK;
    if (status != GRAFT_OK) {
        facts->chat_template[0] = '\0';
    }
    GRAFT_TRY(only_memory(status));
    GRAFT_TRY(read_base(facts, folder));
done:
    graft_free(path);
    return status;
}

/* --- checkpoints --- */

/* The value of a line "key: value" of an identity; false if there is none. */
static bool find_line(const char *identity, const char *key, const char **value, size_t *n)
{
    size_t n_key = strlen(key);
    for (const char *line = identity; *line != '\0';) {
        size_t n_line = strcspn(line, "\n");
        if (n_line >= n_key + 2 && memcmp(line, key, n_key) == 0 &&
            memcmp(line + n_key, ": ", 2) == 0) {
            *value = line + n_key + 2;
            *n = n_line - n_key - 2;
            return true;
        }
        line += n_line + (line[n_line] == '\n');
    }
    return false;
}

static graft_status compare_line(graft_verify_object *o, const char *identity, const char *key,
                                 const char *wanted, const char *of)
{
    const char *value;
    size_t n;
    if (!find_line(identity, key, &value, &n) ||
        (n == strlen(wanted) && memcmp(value, wanted, n) == 0)) {
        return GRAFT_OK;
    }
    return graft_verify__problem(o, GRAFT_E_CHECKPOINT, "belongs to another run: %s is \"%.*s\", "
                                 "and \"%.64s\" %s", key, (int)(n < 64 ? n : 64), value, wanted, of);
}

static graft_status compare_settings(graft_verify_object *o, const char *identity,
                                     const graft_config *config)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    bool known;
    graft_text_init(&value);
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const char *name = graft_settings_at(i)->name;
        if (graft_setting_shapes_runs(name, &known)) {
            value.len = 0;
            GRAFT_TRY(graft_config_value(config, name, &value));
            GRAFT_TRY(compare_line(o, identity, name, value.len > 0 ? graft_text_z(&value) : "",
                                   "in config.yaml"));
        }
    }
done:
    graft_text_clear(&value);
    return status;
}

static graft_status compare_checkpoint(graft_verify_object *o, const graft_checkpoint *c,
                                       const graft_verify_facts *facts)
{
    graft_status status = GRAFT_OK;
    const char *identity = graft_text_z(&c->identity);
    if (graft_rollback_accepts(&facts->notes, identity)) {
        return graft_verify__fact(o, "of the run that this one goes on from (--force)");
    }
    if (facts->config != NULL) {
        GRAFT_TRY(compare_settings(o, identity, facts->config));
    }
    if (facts->chat_template[0] != '\0') {
        GRAFT_TRY(compare_line(o, identity, "chat_template (SHA-256)", facts->chat_template,
                               "is that of chat_template.jinja"));
    }
    if (facts->base[0] != '\0') {
        GRAFT_TRY(compare_line(o, identity, "base_model (SHA-256)", facts->base,
                               "is that of the adapter"));
    }
done:
    return status;
}

static graft_status check_checkpoint(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_checkpoint c = {0};
    GRAFT_TRY(graft_verify__checkpoint(o, &c));
    GRAFT_TRY(c.image != NULL ? compare_checkpoint(o, &c, job->run) : GRAFT_OK);
done:
    graft_checkpoint_close(&c);
    return status;
}

/* Found by its place, not by its look. */
static const graft_verify_kind checkpoint_of_run = {"checkpoint", NULL, check_checkpoint};

static graft_status check_checkpoints(graft_verify_job *job, const char *folder, size_t *n_out)
{
    graft_status status = GRAFT_OK;
    char *path = NULL, *file = NULL;
    uint64_t *steps = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, "checkpoints"));
    GRAFT_TRY(graft_checkpoint_steps(&steps, n_out, path));
    for (size_t i = *n_out; i-- > 0;) {
        GRAFT_TRY(graft_checkpoint_path(&file, path, steps[i]));
        GRAFT_TRY(graft_verify__as(job, file, &checkpoint_of_run));
        graft_free(file);
        file = NULL;
    }
done:
    graft_free(steps);
    graft_free(file);
    graft_free(path);
    return status;
}

/* --- SHA256SUMS --- */

static graft_status tell_sum(void *context, const char *name, graft_status found)
{
    (void)name;
    return graft_verify__judge(context, found);
}

static graft_status check_sums(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    char *folder = NULL;
    (void)job;
    GRAFT_TRY(graft_strndup(&folder, o->path, strlen(o->path) - strlen("/" GRAFT_SUMS_NAME)));
    GRAFT_TRY(graft_verify__judge(o, graft_sums_check(folder, tell_sum, o)));
    GRAFT_TRY(graft_verify__fact(o, "no file that it lists has changed"));
done:
    graft_free(folder);
    return status;
}

static const graft_verify_kind sums_of_run = {"digests", NULL, check_sums};

/* --- the folder --- */

static graft_status check_foreign(graft_verify_job *job, graft_verify_object *o)
{
    (void)job;
    return graft_verify__fact(o, "not looked at");
}

static const graft_verify_kind foreign = {"not of a run", NULL, check_foreign};

/* What runs write, by name; the rest is somebody else's. */
static const graft_verify_kind *kind_of(const char *name)
{
    static const struct {
        const char *name;
        const graft_verify_kind *kind;
    } known[] = {
        {"config.yaml", &graft_verify_config},  {"metrics.jsonl", &graft_verify_metrics},
        {"run.log", &graft_verify_log},         {"chat_template.jinja", &graft_verify_template},
        {"report.html", &graft_verify_page},    {"adapter.gguf", &graft_verify_gguf},
        {"merged.gguf", &graft_verify_gguf},    {GRAFT_SUMS_NAME, &sums_of_run},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].kind;
        }
    }
    bool scores = graft_str_starts_with(name, "eval-") && graft_str_ends_with(name, ".json");
    return scores ? &graft_verify_scores : &foreign;
}

/* Checked in other ways. */
static bool is_part(const char *name)
{
    return name[0] == '.' || strcmp(name, "checkpoints") == 0 ||
           strcmp(name, "adapter_config.json") == 0 ||
           strcmp(name, "adapter_model.safetensors") == 0;
}

static graft_status check_files(graft_verify_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        if (!is_part(names[i])) {
            GRAFT_TRY(graft_verify__member(job, folder, names[i], kind_of(names[i])));
        }
    }
    if (graft_dir_holds(folder, "adapter_config.json") ||
        graft_dir_holds(folder, "adapter_model.safetensors")) {
        GRAFT_TRY(graft_verify__as(job, folder, &graft_verify_peft));
    }
done:
    graft_dir_free(names, n);
    return status;
}

/* The adapter as runtimes load it, and as PEFT does. */
static graft_status compare_twins(graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    char *gguf = NULL, *peft = NULL;
    if (!graft_dir_holds(o->path, "adapter.gguf") ||
        !graft_dir_holds(o->path, "adapter_model.safetensors")) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_path_join(&gguf, o->path, "adapter.gguf"));
    GRAFT_TRY(graft_path_join(&peft, o->path, "adapter_model.safetensors"));
    GRAFT_TRY(graft_verify__judge(o, graft_adapter_compare(gguf, peft)));
    if (o->n_problems == 0) {
        GRAFT_TRY(graft_verify__fact(o, "adapter.gguf and adapter_model.safetensors hold the same "
                                     "numbers"));
    }
done:
    graft_free(gguf);
    graft_free(peft);
    return status;
}

/* What the run said that it could not write is not missing. */
static graft_status tell_unexported(graft_verify_object *o, const char *name, const char *why, bool there)
{
    return there ? graft_verify__fact(o, "%s is older: this run could not write it (%s)", name, why)
                 : graft_verify__fact(o, "%s was not written (%s)", name, why);
}

static graft_status find_missing(graft_verify_object *o, const graft_verify_facts *facts,
                                 size_t n_checkpoints)
{
    static const char *const always[] = {"config.yaml", "metrics.jsonl", "chat_template.jinja"};
    graft_status status = GRAFT_OK;
    const graft_config *config = facts->config;
    bool finished = graft_dir_holds(o->path, GRAFT_SUMS_NAME), exported = false;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        if (!graft_dir_holds(o->path, always[i])) {
            GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DISK, "%s is missing", always[i]));
        }
    }
    for (size_t i = 0; config != NULL && i < config->export.n; i++) {
        const graft_exporter *exporter;
        const char *type;
        (void)graft_exporter_of_item(&exporter, &type, config->export.items[i]); /* NULL: unknown */
        bool there = exporter != NULL && graft_dir_holds(o->path, exporter->writes);
        exported = exported || there;
        const char *why =
            graft_json_string(graft_json_get(facts->unexported, config->export.items[i]), NULL);
        if (exporter != NULL && why != NULL) {
            GRAFT_TRY(tell_unexported(o, exporter->writes, why, there));
        } else if (finished && exporter != NULL && !there) {
            GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DISK, "%s is missing", exporter->writes));
        }
    }
    if (!exported && n_checkpoints == 0) {
        GRAFT_TRY(graft_verify__problem(o, GRAFT_E_DISK, "there is neither an adapter nor a "
                                        "checkpoint to continue from"));
    }
    GRAFT_TRY(graft_verify__fact(o, "%zu checkpoints", n_checkpoints));
    GRAFT_TRY(graft_verify__fact(o, "%s", finished ? "finished" : "not finished"));
done:
    return status;
}

static graft_status check_run(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_verify_facts facts = {0};
    const graft_verify_facts *outer = job->run;
    size_t n_checkpoints = 0;
    GRAFT_TRY(read_facts(&facts, o->path));
    job->run = &facts;
    GRAFT_TRY(check_files(job, o->path));
    GRAFT_TRY(check_checkpoints(job, o->path, &n_checkpoints));
    GRAFT_TRY(find_missing(o, &facts, n_checkpoints));
    GRAFT_TRY(compare_twins(o));
done:
    job->run = outer;
    facts_clear(&facts);
    return status;
}

const graft_verify_kind graft_verify_run = {"run", is_run, check_run};
