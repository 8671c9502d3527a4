/* config.c - a configuration's life: defaults, a file, single settings. */
#include "config/config.h"

#include <string.h>

#include "config/settings.h"
#include "core/memory.h"
#include "io/yaml.h"

static void *field_of(graft_config *config, int i)
{
    return (char *)config + graft_setting_rows[i].offset;
}

/* Gives a field the value that text stands for. */
static graft_status assign_text(graft_config *config, int i, const char *text)
{
    graft_status status = GRAFT_OK;
    const graft_setting_row *row = &graft_setting_rows[i];
    graft_json *value = NULL;
    if (row->kind->list && (text[0] == '[' || text[0] == '{')) {
        GRAFT_TRY(graft_json_parse(&value, text, strlen(text)));
    } else if (!(value = graft_json_new_string(text, strlen(text)))) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory");
    }
    GRAFT_TRY(row->kind->assign(field_of(config, i), value, row->text.values));
done:
    graft_json_free(value);
    return status;
}

graft_status graft_config_new(graft_config **out)
{
    graft_status status = GRAFT_OK;
    graft_config *config = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&config, 1, sizeof *config));
    for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
        if (graft_setting_rows[i].text.fallback[0]) {
            GRAFT_TRY(assign_text(config, i, graft_setting_rows[i].text.fallback));
        }
    }
    *out = config;
    config = NULL;
done:
    graft_config_free(config);
    return status;
}

void graft_config_free(graft_config *config)
{
    if (!config) {
        return;
    }
    for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
        if (graft_setting_rows[i].kind->clear) {
            graft_setting_rows[i].kind->clear(field_of(config, i));
        }
    }
    graft_text_clear(&config->scratch);
    graft_free(config);
}

/* One key of a file. `seen` tells which settings this file has set already. */
static graft_status read_member(graft_config *config, const char *key, const graft_json *value,
                                bool seen[GRAFT_SETTINGS_N])
{
    int i = graft_settings__find(key, strlen(key));
    if (i < 0) {
        return graft_settings__unknown(key);
    }
    const graft_setting_row *row = &graft_setting_rows[i];
    if (seen[i]) {
        return graft_fail(GRAFT_E_CONFIG, "\"%s\" sets %s a second time", key, row->text.name);
    }
    seen[i] = true;
    if (!value) {
        return GRAFT_OK; /* null: the default */
    }
    if (row->kind->assign(field_of(config, i), value, row->text.values) != GRAFT_OK) {
        return graft_fail_prefix("%s", key);
    }
    config->given[i] = GRAFT_GIVEN_FILE;
    return GRAFT_OK;
}

graft_status graft_config_read(graft_config *config, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_json *file = NULL;
    bool seen[GRAFT_SETTINGS_N] = {false};
    GRAFT_TRY(graft_yaml_read(&file, path));
    if (!graft_json_is(file, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_CONFIG, "%s: is not a map of settings", path);
        goto done;
    }
    graft_json_iter it = graft_json_iter_begin(file);
    while (graft_json_iter_next(&it)) {
        if (read_member(config, it.key, it.value, seen) != GRAFT_OK) {
            int line = graft_yaml_line(file, it.key);
            status = line ? graft_fail_prefix("%s:%d", path, line) : graft_fail_prefix("%s", path);
            goto done;
        }
    }
done:
    graft_json_free(file);
    return status;
}

graft_status graft_config_set(graft_config *config, const char *name, const char *value)
{
    int i = graft_settings__find(name, strlen(name));
    if (i < 0) {
        return graft_settings__unknown(name);
    }
    graft_status status = assign_text(config, i, value);
    if (status != GRAFT_OK) {
        return graft_fail_prefix("%s", name);
    }
    config->given[i] = GRAFT_GIVEN_USER;
    return GRAFT_OK;
}
