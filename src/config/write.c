/* write.c - a configuration as text: one value, or all of them as YAML. */
#include <string.h>

#include "config/settings.h"
#include "io/yaml.h"

static graft_status show(graft_json **out, const graft_config *config, int i)
{
    const graft_setting_row *row = &graft_setting_rows[i];
    return row->kind->show(out, (const char *)config + row->offset, row->text.values);
}

/* A number without a default that is 0 was never set, nor was an empty list. */
static bool is_unset(const graft_setting_row *row, const graft_json *value)
{
    if (!value) {
        return true;
    }
    if (graft_json_is(value, GRAFT_JSON_ARRAY) && graft_json_length(value) == 0) {
        return !row->text.fallback[0];
    }
    bool number = graft_json_is(value, GRAFT_JSON_INT) || graft_json_is(value, GRAFT_JSON_DOUBLE);
    return number && !row->text.fallback[0] && !(graft_json_double(value) > 0);
}

graft_status graft_config_format(const graft_config *config, graft_text *out)
{
    graft_status status = GRAFT_OK;
    graft_json *value = NULL, *all = graft_json_new_object();
    if (!all) {
        return graft_fail(GRAFT_E_MEMORY, "out of memory");
    }
    for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
        const graft_setting_row *row = &graft_setting_rows[i];
        GRAFT_TRY(show(&value, config, i));
        if (!is_unset(row, value)) {
            graft_json *taken = value;
            value = NULL;
            GRAFT_TRY(graft_json_set(all, row->text.name, taken));
        }
        graft_json_free(value);
        value = NULL;
    }
    GRAFT_TRY(graft_yaml_write(out, all));
done:
    graft_json_free(value);
    graft_json_free(all);
    return status;
}

/* Names as "a,b"; everything else as JSON, strings without quotes. */
static graft_status append_plain(graft_text *out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    if (graft_json_is(value, GRAFT_JSON_STRING)) {
        size_t n;
        const char *text = graft_json_string(value, &n);
        return graft_text_append(out, text, n);
    }
    if (!graft_json_is(value, GRAFT_JSON_ARRAY) ||
        !graft_json_is(graft_json_at(value, 0), GRAFT_JSON_STRING)) {
        return graft_json_write(out, value, GRAFT_JSON_COMPACT);
    }
    for (size_t i = 0; i < graft_json_length(value); i++) {
        if (i) {
            GRAFT_TRY(graft_text_append_char(out, ','));
        }
        GRAFT_TRY(append_plain(out, graft_json_at(value, i)));
    }
done:
    return status;
}

graft_status graft_config_value(const graft_config *config, const char *name, graft_text *out)
{
    graft_json *value = NULL;
    int i = graft_settings__find(name, strlen(name));
    if (i < 0) {
        return graft_settings__unknown(name);
    }
    graft_status status = show(&value, config, i);
    if (status == GRAFT_OK && !is_unset(&graft_setting_rows[i], value)) {
        status = append_plain(out, value);
    }
    graft_json_free(value);
    return status;
}

graft_status graft_config_copy(graft_config *to, const graft_config *from, const char *const *names,
                               size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    graft_text_init(&value);
    for (size_t i = 0; i < n; i++) {
        value.len = 0;
        GRAFT_TRY(graft_config_value(from, names[i], &value));
        if (value.len > 0) {
            GRAFT_TRY(graft_config_set(to, names[i], graft_text_z(&value)));
        }
    }
done:
    graft_text_clear(&value);
    return status;
}

const char *graft_config_get(graft_config *config, const char *name)
{
    graft_text_clear(&config->scratch);
    return graft_config_value(config, name, &config->scratch) == GRAFT_OK
               ? graft_text_z(&config->scratch) : NULL;
}
