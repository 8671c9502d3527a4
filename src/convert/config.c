/* convert/config.c - config.json of a Hugging Face folder. */
#include "convert/config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"

static const size_t max_config = (size_t)16 << 20;

graft_status graft_hf__read_json(graft_json **out, const char *folder, const char *name,
                                 size_t limit)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    graft_json *value = NULL;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_file_read(&text, path, limit));
    /* tokenizer_config.json often says 10^30 for a length without a bound */
    if (graft_json_parse_long(&value, graft_text_z(&text), text.len) != GRAFT_OK) {
        graft_status code = graft_error_code();
        status = graft_fail(code == GRAFT_E_DATA ? GRAFT_E_MODEL : code, "%s: %s", path,
                            graft_error_message());
        goto done;
    }
    if (!graft_json_is(value, GRAFT_JSON_OBJECT)) {
        status = graft_fail(GRAFT_E_MODEL, "%s: is not a JSON object", path);
        goto done;
    }
    *out = value;
    value = NULL;
done:
    graft_json_free(value);
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

graft_status graft_hf_config_read(graft_hf_config *config, const char *folder)
{
    graft_status status = GRAFT_OK;
    *config = (graft_hf_config){0};
    GRAFT_TRY(graft_path_join(&config->path, folder, "config.json"));
    GRAFT_TRY(graft_hf__read_json(&config->root, folder, "config.json", max_config));
    if (config->root == NULL) {
        status = graft_fail(GRAFT_E_DISK, "%s: there is no such file: a model's folder has one",
                            config->path);
        goto done;
    }
    config->text = graft_json_get(config->root, "text_config");
    if (config->text != NULL && !graft_json_is(config->text, GRAFT_JSON_OBJECT)) {
        status = graft_hf_config_fail(config, "text_config is not an object");
    }
done:
    if (status != GRAFT_OK) {
        graft_hf_config_clear(config);
    }
    return status;
}

void graft_hf_config_clear(graft_hf_config *config)
{
    graft_json_free(config->root);
    graft_free(config->path);
    *config = (graft_hf_config){0};
}

const graft_json *graft_hf_config_get(const graft_hf_config *config, const char *name)
{
    const graft_json *value = graft_json_get(config->text, name);
    return value != NULL ? value : graft_json_get(config->root, name);
}

static bool find_default(const graft_hf_config *config, const char *name, double *out)
{
    for (const graft_hf_default *d = config->defaults; d != NULL && d->name != NULL; d++) {
        if (strcmp(d->name, name) == 0) {
            *out = d->value;
            return true;
        }
    }
    return false;
}

graft_status graft_hf_config_size(const graft_hf_config *config, const char *name, uint64_t min,
                                  uint64_t max, size_t *out)
{
    const graft_json *value = graft_hf_config_get(config, name);
    double fallback;
    if (value == NULL && find_default(config, name, &fallback)) {
        *out = (size_t)fallback;
        return GRAFT_OK;
    }
    if (value == NULL) {
        return graft_hf_config_fail(config, "%s is missing", name);
    }
    if (!graft_json_is(value, GRAFT_JSON_INT)) {
        return graft_hf_config_fail(config, "%s is not an integer", name);
    }
    int64_t n = graft_json_int(value);
    if (n < 0 || (uint64_t)n < min || (uint64_t)n > max) {
        return graft_hf_config_fail(config, "%s is %" PRId64 " (%" PRIu64 " to %" PRIu64
                                    " are possible)", name, n, min, max);
    }
    *out = (size_t)n;
    return GRAFT_OK;
}

static graft_status as_real(const graft_hf_config *config, const graft_json *value,
                            const char *name, double *out)
{
    if (!graft_json_is(value, GRAFT_JSON_INT) && !graft_json_is(value, GRAFT_JSON_DOUBLE)) {
        return graft_hf_config_fail(config, "%s is not a number", name);
    }
    *out = graft_json_double(value);
    return isfinite((float)*out) ? GRAFT_OK
                                 : graft_hf_config_fail(config, "%s is out of range", name);
}

graft_status graft_hf_config_real(const graft_hf_config *config, const char *name, double *out)
{
    const graft_json *value = graft_hf_config_get(config, name);
    if (value == NULL) {
        return find_default(config, name, out)
                   ? GRAFT_OK
                   : graft_hf_config_fail(config, "%s is missing", name);
    }
    return as_real(config, value, name, out);
}

graft_status graft_hf_config_bool(const graft_hf_config *config, const char *name, bool *out)
{
    const graft_json *value = graft_hf_config_get(config, name);
    double fallback = 0;
    if (value == NULL) {
        *out = find_default(config, name, &fallback) && fallback != 0;
        return GRAFT_OK;
    }
    if (!graft_json_is(value, GRAFT_JSON_BOOL)) {
        return graft_hf_config_fail(config, "%s is neither true nor false", name);
    }
    *out = graft_json_bool(value);
    return GRAFT_OK;
}

graft_status graft_hf__want_real(const graft_hf_config *config, const graft_json *object,
                                 const char *name, double *out)
{
    const graft_json *value = graft_json_get(object, name);
    return value == NULL ? GRAFT_OK : as_real(config, value, name, out);
}
