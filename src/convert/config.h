/* convert/config.h - room-internal: config.json of a Hugging Face folder.
 *
 * Of models with several parts the settings of the text part (text_config) win over the root's.
 * What a file leaves out is what the model's class assumes: each architecture brings its own
 * list. Failures name the file and the setting. */
#ifndef GRAFT_CONVERT_CONFIG_H
#define GRAFT_CONVERT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/json.h"

/* A setting's value where the file says nothing. A table of them ends with name == NULL. */
typedef struct graft_hf_default {
    const char *name;
    double value;
} graft_hf_default;

typedef struct graft_hf_config {
    char *path;
    graft_json *root;
    const graft_json *text;           /* text_config or NULL; borrowed from the root */
    const graft_hf_default *defaults; /* set by the architecture; NULL: none */
} graft_hf_config;

/* A JSON file of the folder, at most `limit` bytes; *out = NULL if it is not there. An object, or
 * GRAFT_E_MODEL. */
graft_status graft_hf__read_json(graft_json **out, const char *folder, const char *name,
                                 size_t limit);

graft_status graft_hf_config_read(graft_hf_config *config, const char *folder);
void graft_hf_config_clear(graft_hf_config *config);

/* The value, or NULL if it is absent or null in both parts (defaults are not looked at). */
const graft_json *graft_hf_config_get(const graft_hf_config *config, const char *name);

/* What the file or the defaults say; GRAFT_E_MODEL if neither does, for another type, or beyond
 * [min, max]. */
graft_status graft_hf_config_size(const graft_hf_config *config, const char *name, uint64_t min,
                                  uint64_t max, size_t *out);
graft_status graft_hf_config_real(const graft_hf_config *config, const char *name, double *out);
/* False if absent. */
graft_status graft_hf_config_bool(const graft_hf_config *config, const char *name, bool *out);

/* The same for values of an object inside the file; *out stays if the value is absent or null. */
graft_status graft_hf__want_real(const graft_hf_config *config, const graft_json *object,
                                 const char *name, double *out);

/* "FOLDER/config.json: " and the text. */
#define graft_hf_config_fail(config, ...) \
    (graft_fail(GRAFT_E_MODEL, __VA_ARGS__), graft_fail_prefix("%s", (config)->path))

/* How positions rotate, whichever generation of the format says it. */
typedef struct graft_hf_rope {
    const char *type;         /* "default", "linear", "llama3", "longrope", "yarn", "dynamic" */
    double theta;
    double local_theta;       /* of layers with a window; 0: not given */
    double partial;           /* share of a head that rotates, (0, 1] */
    const graft_json *params; /* of the layers without a window; may be NULL */
} graft_hf_rope;
graft_status graft_hf_rope_read(const graft_hf_config *config, graft_hf_rope *out);
/* A positive number that the type cannot do without. */
graft_status graft_hf_rope_need(const graft_hf_config *config, const graft_hf_rope *rope,
                                const char *name, double *out);
/* original_max_position_embeddings of the rotation, which must be there and within [1, INT32_MAX]. */
graft_status graft_hf_rope_first_context(const graft_hf_config *config, const graft_hf_rope *rope,
                                         size_t *out);

#endif
