/* config/settings.h - the table behind settings.def, and values of each kind as text and JSON.
 * Used inside the room. */
#ifndef GRAFT_CONFIG_SETTINGS_H
#define GRAFT_CONFIG_SETTINGS_H

#include "config/config.h"

typedef struct graft_setting_kind graft_setting_kind;

typedef struct graft_setting_row {
    graft_setting text;
    const graft_setting_kind *kind;
    size_t offset; /* of the field in graft_config */
} graft_setting_row;

/* What a kind of setting can do with its field. */
struct graft_setting_kind {
    /* Replaces the field by `value` (never JSON null). On failure the field is unchanged and the
     * message lacks the name of the setting: "0 is outside [1, 8]". */
    graft_status (*assign)(void *field, const graft_json *value, const char *values);
    /* The field as JSON; *out = NULL if it is unset. */
    graft_status (*show)(graft_json **out, const void *field, const char *values);
    void (*clear)(void *field); /* frees and leaves it unset; NULL: nothing to free */
    bool list;                  /* text from the command line may be JSON or a comma list */
};

extern const graft_setting_kind graft_setting_STRING, graft_setting_FLAG, graft_setting_COUNT,
    graft_setting_REAL, graft_setting_CHOICE, graft_setting_NAMES, graft_setting_SOURCES;

extern const graft_setting_row graft_setting_rows[GRAFT_SETTINGS_N];

/* The row that a key names (itself or an alias); `-` counts as `_`. -1 if unknown. */
int graft_settings__find(const char *key, size_t n);
/* Creates the failure for an unknown key, naming the nearest known one if one is near. */
graft_status graft_settings__unknown(const char *key);

#endif
