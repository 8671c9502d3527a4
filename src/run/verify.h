/* run/verify.h - is what lies at a path sound? The parts of graft_verify.
 *
 * An *object* is one file or folder with what is said of it: facts, and what is wrong. A kind of object
 * is one file verify_*.c (or a function in one) and one row of verify_kinds.c. Checks go on after the first
 * thing that is wrong, as far as that makes sense. */
#ifndef GRAFT_RUN_VERIFY_H
#define GRAFT_RUN_VERIFY_H

#include <graft/job.h>

#include "io/gguf.h"
#include "io/json.h"
#include "train/checkpoint.h"

/* What the files of a run folder say of the run (verify_run.c). */
typedef struct graft_verify_facts graft_verify_facts;

/* One run of graft_verify. */
typedef struct graft_verify_job {
    graft_json *objects;      /* array of {"path", "kind", "ok", "facts": [...], "problems": [...]} */
    const char *base;         /* GGUF file that adapters must be of; NULL: none was named */
    const graft_hooks *hooks; /* asked whether to stop; may be NULL */
    const graft_verify_facts *run; /* whose checkpoints are checked; NULL: there is none */
    graft_status worst;       /* code of the first problem */
    size_t n_bad;             /* objects with problems */
} graft_verify_job;

typedef struct graft_verify_object {
    const char *path; /* borrowed */
    const char *kind;
    graft_json *facts, *problems;
    size_t n_problems; /* found; the list ends earlier */
    graft_status code; /* of the first problem */
} graft_verify_object;

/* What a path looks like from outside. */
typedef struct graft_verify_look {
    const char *path, *name; /* name: its last part */
    bool is_folder;
    const uint8_t *head; /* the first bytes of a file */
    size_t n_head;
    uint64_t n_bytes;
} graft_verify_look;

typedef struct graft_verify_kind {
    const char *name;
    bool (*is)(const graft_verify_look *look);
    /* Adds facts and problems. Fails for what is not the object's fault only: memory, being stopped. */
    graft_status (*check)(graft_verify_job *job, graft_verify_object *object);
} graft_verify_kind;
extern const graft_verify_kind *const graft_verify__kinds[]; /* NULL-terminated; the first that fits */

/* Finds out what lies there, checks it and appends the object. */
graft_status graft_verify__path(graft_verify_job *job, const char *path);
/* The same with a kind that is known. */
graft_status graft_verify__as(graft_verify_job *job, const char *path,
                              const graft_verify_kind *kind);
/* Joins the two first. */
graft_status graft_verify__member(graft_verify_job *job, const char *folder, const char *name,
                                  const graft_verify_kind *kind /* NULL: finds out */);

/* --- what checks say --- */

graft_status graft_verify__fact(graft_verify_object *object, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
graft_status graft_verify__problem(graft_verify_object *object, graft_status code,
                                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For the result of a call: what it says becomes a problem, without the path before it. Passes on what
 * is not the object's fault. */
graft_status graft_verify__judge(graft_verify_object *object, graft_status status);

/* Appends objects as text, one line each, or more for problems. */
graft_status graft_verify__format(graft_text *out, const graft_json *objects);

/* --- numbers --- */

/* The first number that is not finite among n_blocks blocks: its index; SIZE_MAX if all are. Uses all
 * threads. */
size_t graft_verify__nonfinite(const graft_format *format, const uint8_t *data, size_t n_blocks);
/* Says so of a tensor, with its row, place and byte. */
graft_status graft_verify__tensor(graft_verify_object *object, const char *name,
                                  const graft_format *format, const uint8_t *data, size_t n_bytes,
                                  uint64_t row_length, uint64_t offset);

/* --- kinds that others call --- */

graft_status graft_verify__adapter(graft_verify_job *job, graft_verify_object *object,
                                   const graft_gguf *file);
/* Against the base that was named: names and shapes, and of a GGUF file (else NULL) whether it is the
 * one. */
graft_status graft_verify__adapter_base(graft_verify_job *job, graft_verify_object *object,
                                        const graft_gguf *adapter);
/* adapter_config.json of a folder. */
graft_status graft_verify__adapter_config(graft_json **out, const char *folder);
bool graft_verify__positive(const graft_json *value); /* a finite number > 0 */
graft_status graft_verify__safetensors(graft_verify_job *job, graft_verify_object *object);
/* Opens the checkpoint into *out, which stays closed if it is not sound. */
graft_status graft_verify__checkpoint(graft_verify_object *object, graft_checkpoint *out);

extern const graft_verify_kind graft_verify_run, graft_verify_mlx, graft_verify_peft, graft_verify_hf_folder,
    graft_verify_gguf, graft_verify_checkpoint, graft_verify_safetensors, graft_verify_metrics,
    graft_verify_scores, graft_verify_config, graft_verify_template, graft_verify_log,
    graft_verify_page, graft_verify_importance;

#endif
