/* run_verify.c - graft_verify: finds out what lies at each path, has it checked, and sums up. */
#include <graft/verify.h>

#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "run/inspect.h"
#include "run/session.h"
#include "run/verify.h"

enum { HEAD = 64 };

/* Moves what was found into the list. */
static graft_status append_object(graft_verify_job *job, graft_verify_object *o)
{
    graft_status status = GRAFT_OK;
    graft_json *json = graft_json_new_object();
    GRAFT_TRY(graft_inspect__set_text(json, "path", o->path, strlen(o->path), 0));
    GRAFT_TRY(graft_json_set_string(json, "kind", o->kind));
    GRAFT_TRY(graft_json_set_bool(json, "ok", o->n_problems == 0));
    GRAFT_TRY(graft_inspect__move(json, "facts", &o->facts));
    GRAFT_TRY(graft_inspect__move(json, "problems", &o->problems));
    GRAFT_TRY(graft_json_set_int(json, "n_problems", (int64_t)o->n_problems));
    if (o->n_problems > 0) {
        job->worst = job->n_bad == 0 ? o->code : job->worst;
        job->n_bad++;
    }
    graft_json *taken = json;
    json = NULL;
    GRAFT_TRY(graft_json_push(job->objects, taken));
done:
    graft_json_free(json);
    return status;
}

/* kind NULL: it cannot be told. */
static graft_status check(graft_verify_job *job, const char *path, const graft_verify_kind *kind,
                          graft_status unknown)
{
    graft_status status = GRAFT_OK;
    graft_verify_object object = {.path = path, .kind = kind != NULL ? kind->name : "unknown"};
    object.facts = graft_json_new_array();
    object.problems = graft_json_new_array();
    if (object.facts == NULL || object.problems == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(job->hooks != NULL ? graft_hooks_check(job->hooks) : GRAFT_OK);
    GRAFT_TRY(kind != NULL ? kind->check(job, &object) : graft_verify__judge(&object, unknown));
    GRAFT_TRY(append_object(job, &object));
done:
    graft_json_free(object.facts);
    graft_json_free(object.problems);
    return status;
}

graft_status graft_verify__as(graft_verify_job *job, const char *path,
                              const graft_verify_kind *kind)
{
    return check(job, path, kind, GRAFT_OK);
}

static const graft_verify_kind *find_kind(const graft_verify_look *look)
{
    for (size_t i = 0; graft_verify__kinds[i] != NULL; i++) {
        if (graft_verify__kinds[i]->is(look)) {
            return graft_verify__kinds[i];
        }
    }
    return NULL;
}

/* Folders may be named with '/' behind them. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

graft_status graft_verify__path(graft_verify_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_mapped file = {0};
    uint8_t head[HEAD];
    graft_verify_look look = {.path = path, .name = last_part(path), .head = head,
                              .is_folder = graft_path_is_dir(path)};
    if (!look.is_folder) {
        status = graft_mapped_open(&file, path);
        if (status != GRAFT_OK) {
            return check(job, path, NULL, status);
        }
        look.n_bytes = file.size;
        look.n_head = file.size < HEAD ? file.size : HEAD;
        if (look.n_head > 0) {
            memcpy(head, file.data, look.n_head);
        }
        graft_mapped_close(&file);
    }
    const graft_verify_kind *kind = find_kind(&look);
    status = kind != NULL ? GRAFT_OK
                          : graft_fail(GRAFT_E_MODEL, "%s: is nothing that verify knows: GGUF, "
                                       "safetensors, checkpoint (.h5), metrics.jsonl, eval-*.json, "
                                       "config.yaml, a folder of a run, PEFT, mlx-lm or Hugging "
                                       "Face", path);
    return check(job, path, kind, status);
}

graft_status graft_verify__member(graft_verify_job *job, const char *folder, const char *name,
                                  const graft_verify_kind *kind)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    GRAFT_TRY(kind != NULL ? graft_verify__as(job, path, kind) : graft_verify__path(job, path));
done:
    graft_free(path);
    return status;
}

static graft_status write_json(graft_text *out, graft_verify_job *job)
{
    graft_status status = GRAFT_OK;
    graft_json *all = graft_json_new_object();
    GRAFT_TRY(graft_json_set_bool(all, "sound", job->n_bad == 0));
    GRAFT_TRY(graft_inspect__move(all, "objects", &job->objects));
    GRAFT_TRY(graft_json_write(out, all, GRAFT_JSON_PRETTY));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(all);
    return status;
}

graft_status graft_verify(const char *const *paths, size_t n, const char *base,
                          const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_verify_job job = {.objects = graft_json_new_array(), .base = base, .hooks = hooks};
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_verify__path(&job, paths[i]));
    }
    size_t n_objects = graft_json_length(job.objects);
    GRAFT_TRY(json ? write_json(&text, &job) : graft_verify__format(&text, job.objects));
    GRAFT_TRY(graft_text_take(&text, out));
    if (job.n_bad > 0) {
        status = graft_fail(job.worst, "%zu of %zu object%s %s not sound", job.n_bad, n_objects,
                            n_objects == 1 ? "" : "s", job.n_bad == 1 ? "is" : "are");
    }
done:
    graft_text_clear(&text);
    graft_json_free(job.objects);
    return status;
}
