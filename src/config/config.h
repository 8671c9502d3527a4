/* config/config.h - the settings as the other rooms read them: one field per row of settings.def.
 *
 * Fields are read directly (config->lora_r) after graft_config_check. Strings and lists belong to
 * the configuration. */
#ifndef GRAFT_CONFIG_CONFIG_H
#define GRAFT_CONFIG_CONFIG_H

#include <graft/config.h>

#include "core/strings.h"
#include "io/json.h"

/* Values of the CHOICE settings, in the order of their rows. */
enum { GRAFT_VAL_SPLIT_RANDOM, GRAFT_VAL_SPLIT_TOOL };
enum { GRAFT_TRAIN_ON_ALL, GRAFT_TRAIN_ON_LAST };
enum { GRAFT_EVAL_TURNS_ALL, GRAFT_EVAL_TURNS_LAST };
enum { GRAFT_EVAL_AUTO, GRAFT_EVAL_NO, GRAFT_EVAL_EPOCH, GRAFT_EVAL_STEPS }; /* AUTO: see check */
enum { GRAFT_TRUNCATION_ERROR, GRAFT_TRUNCATION_DROP, GRAFT_TRUNCATION_TURNS };
enum { GRAFT_TEMPLATE_LOSS_ERROR, GRAFT_TEMPLATE_LOSS_DROP, GRAFT_TEMPLATE_LOSS_ACCEPT };
enum { GRAFT_CURRICULUM_NONE, GRAFT_CURRICULUM_LENGTH };
enum { GRAFT_REASONING_TRAIN, GRAFT_REASONING_CONTEXT, GRAFT_REASONING_DROP };
enum { GRAFT_LR_COSINE, GRAFT_LR_LINEAR, GRAFT_LR_CONSTANT };
enum { GRAFT_CHECKPOINTING_AUTO, GRAFT_CHECKPOINTING_TRUE, GRAFT_CHECKPOINTING_FALSE };
enum { GRAFT_EXPORT_ROUNDING_AWARE, GRAFT_EXPORT_ROUNDING_NEAREST };
enum { GRAFT_SPIKE_WARN, GRAFT_SPIKE_SKIP, GRAFT_SPIKE_IGNORE };
enum { GRAFT_COMPUTE_AUTO, GRAFT_COMPUTE_BF16, GRAFT_COMPUTE_F32, GRAFT_COMPUTE_INT8 };
enum { GRAFT_SPARSE_BACKWARD_AUTO, GRAFT_SPARSE_BACKWARD_TRUE, GRAFT_SPARSE_BACKWARD_FALSE };

typedef struct graft_names {
    char **items;
    size_t n;
} graft_names;

typedef struct graft_config_source {
    char *path;
    char *format;  /* NULL: detect */
    char *answers; /* NULL: none */
    double weight; /* of `dataset`: how often an epoch has each example; 0: once */
    double share;  /* of `replay`: of the tokens of an epoch; 0 elsewhere */
} graft_config_source;

typedef struct graft_config_sources {
    graft_config_source *items;
    size_t n;
} graft_config_sources;

/* The C type of each kind of row. */
#define GRAFT_SETTING_STRING char *
#define GRAFT_SETTING_FLAG bool
#define GRAFT_SETTING_COUNT uint64_t
#define GRAFT_SETTING_REAL double
#define GRAFT_SETTING_CHOICE int
#define GRAFT_SETTING_NAMES graft_names
#define GRAFT_SETTING_SOURCES graft_config_sources

enum {
#define SETTING(kind, name, aliases, fallback, values, help) GRAFT_SETTING_INDEX_##name,
#include "config/settings.def"
#undef SETTING
    GRAFT_SETTINGS_N
};

/* Who set a setting last; the higher one wins where two settings exclude each other. */
enum { GRAFT_GIVEN_NOT, GRAFT_GIVEN_FILE, GRAFT_GIVEN_USER };

struct graft_config {
#define SETTING(kind, name, aliases, fallback, values, help) GRAFT_SETTING_##kind name;
#include "config/settings.def"
#undef SETTING
    unsigned char given[GRAFT_SETTINGS_N];
    graft_text scratch; /* what graft_config_get returned last */
};

/* GRAFT_E_CONFIG "NAME is not set (help)" if a setting without a default has no value; for what a
 * job cannot do without. */
graft_status graft_config_require(const graft_config *config, const char *name);

/* Appends the value as graft_config_get has it. GRAFT_E_CONFIG if the name is unknown. */
graft_status graft_config_value(const graft_config *config, const char *name, graft_text *out);

/* GRAFT_E_CONFIG, naming the setting, if one holds text (a path) that graft_config_format cannot write. */
graft_status graft_config_check_text(const graft_config *config);

/* Sets these settings to the values that they have in `from`; those without a value stay. */
graft_status graft_config_copy(graft_config *to, const graft_config *from, const char *const *names,
                               size_t n);

/* Appends the effective configuration as YAML that reads back to the same. */
graft_status graft_config_format(const graft_config *config, graft_text *out);

#endif
