/* config.h - the settings of a training run.
 *
 * A configuration starts with every setting at its default, takes a YAML (or JSON) file and then
 * single settings by name. `-` and `_` in names are alike, and the field's common names are read
 * as well (lora_rank for lora_r, ...). Paths are taken as they are: relative to the working folder.
 * An unknown name or a value out of range is GRAFT_E_CONFIG and names the nearest known one. */
#ifndef GRAFT_CONFIG_H
#define GRAFT_CONFIG_H

#include <stddef.h>

#include <graft/status.h>

typedef struct graft_config graft_config;

/* One setting, for help texts. All strings are static and never NULL. */
typedef struct graft_setting {
    const char *name;
    const char *aliases;  /* other names, separated by spaces */
    const char *type;     /* "text", "true|false", "count", "number", "choice", "names" or
                           * "data files" */
    const char *fallback; /* the default as text; "" if there is none */
    const char *values;   /* allowed interval "[1, 8)" or choices "a|b"; "" if free */
    const char *help;     /* one line */
} graft_setting;

GRAFT_API size_t graft_settings_n(void);
GRAFT_API const graft_setting *graft_settings_at(size_t i); /* NULL beyond the end */
/* What setting i is about ("Data"): settings of one group stand together. */
GRAFT_API const char *graft_settings_group(size_t i);

/* All defaults. */
GRAFT_API graft_status graft_config_new(graft_config **out);
GRAFT_API void graft_config_free(graft_config *config);

/* Reads a file over what is set. GRAFT_E_DISK if it cannot be read, GRAFT_E_CONFIG with
 * "file:line: ..." otherwise; a setting given twice, if through two of its names, is an error.
 * A null value leaves the default. */
GRAFT_API graft_status graft_config_read(graft_config *config, const char *path);

/* Sets one setting from text, as on the command line: it wins over the file, and the last of
 * several wins. Lists are "a,b"; data files are a path or a JSON list of
 * {path, format, answers}. */
GRAFT_API graft_status graft_config_set(graft_config *config, const char *name, const char *value);

/* To be called after the last set: derives what follows from other settings (lora_alpha from
 * lora_r, batch_size from its factors, ...) and checks that they fit together. Calling it again
 * changes nothing. */
GRAFT_API graft_status graft_config_check(graft_config *config);

/* The value as text that graft_config_set reads; "" if unset. Borrowed until the next call with
 * this configuration. NULL if the name is unknown or memory is short. */
GRAFT_API const char *graft_config_get(graft_config *config, const char *name);

#endif
