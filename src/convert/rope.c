/* convert/rope.c - how positions rotate, as the generations of config.json say it.
 *
 * Old files have rope_theta and, for anything but plain rotation, an object rope_scaling with a
 * `type` or `rope_type`. New ones have rope_parameters with everything in it, for models with
 * two kinds of layers one such object per kind (full_attention, sliding_attention). */
#include <string.h>

#include "convert/config.h"

static const char *text_of(const graft_json *object, const char *name)
{
    return graft_json_string(graft_json_get(object, name), NULL);
}

static graft_status want_config(const graft_hf_config *config, const char *name, double *out)
{
    const graft_json *holder = graft_json_get(config->text, name) ? config->text : config->root;
    return graft_hf__want_real(config, holder, name, out);
}

graft_status graft_hf_rope_read(const graft_hf_config *config, graft_hf_rope *out)
{
    graft_status status = GRAFT_OK;
    const graft_json *params = graft_hf_config_get(config, "rope_parameters");
    const graft_json *local = graft_json_get(params, "sliding_attention");
    params = params != NULL ? params : graft_hf_config_get(config, "rope_scaling");
    if (params != NULL && !graft_json_is(params, GRAFT_JSON_OBJECT)) {
        return graft_hf_config_fail(config, "the rotation's settings are not an object");
    }
    if (graft_json_get(params, "full_attention") != NULL) {
        params = graft_json_get(params, "full_attention");
    }
    *out = (graft_hf_rope){.type = "default", .partial = 1, .params = params};
    out->theta = 0;
    /* the architecture's default, then the file's old and new place */
    if (graft_hf_config_get(config, "rope_theta") == NULL) {
        out->theta = 10000;
        for (const graft_hf_default *d = config->defaults; d != NULL && d->name != NULL; d++) {
            out->theta = strcmp(d->name, "rope_theta") == 0 ? d->value : out->theta;
        }
    }
    GRAFT_TRY(want_config(config, "rope_theta", &out->theta));
    GRAFT_TRY(graft_hf__want_real(config, params, "rope_theta", &out->theta));
    GRAFT_TRY(want_config(config, "rope_local_base_freq", &out->local_theta));
    GRAFT_TRY(graft_hf__want_real(config, local, "rope_theta", &out->local_theta));
    GRAFT_TRY(want_config(config, "partial_rotary_factor", &out->partial));
    GRAFT_TRY(graft_hf__want_real(config, params, "partial_rotary_factor", &out->partial));
    const char *type = text_of(params, "rope_type");
    type = type != NULL ? type : text_of(params, "type");
    out->type = type != NULL ? type : out->type;
    if (strcmp(out->type, "su") == 0) { /* what Phi-3's first files called it */
        out->type = "longrope";
    }
    if (!(out->theta > 0) || out->local_theta < 0) {
        status = graft_hf_config_fail(config, "rope_theta is not positive");
    } else if (!(out->partial > 0 && out->partial <= 1)) {
        status = graft_hf_config_fail(config, "partial_rotary_factor is not within (0, 1]");
    }
done:
    return status;
}

graft_status graft_hf_rope_need(const graft_hf_config *config, const graft_hf_rope *rope,
                                const char *name, double *out)
{
    *out = 0;
    graft_status status = graft_hf__want_real(config, rope->params, name, out);
    if (status == GRAFT_OK && !(*out > 0)) {
        status = graft_hf_config_fail(config, "rope type \"%s\" without a positive %s", rope->type,
                                      name);
    }
    return status;
}

graft_status graft_hf_rope_first_context(const graft_hf_config *config, const graft_hf_rope *rope,
                                         size_t *out)
{
    double value = 0;
    graft_status status =
        graft_hf_rope_need(config, rope, "original_max_position_embeddings", &value);
    if (status == GRAFT_OK && !(value >= 1 && value <= INT32_MAX)) {
        status = graft_hf_config_fail(config, "original_max_position_embeddings is out of range");
    }
    *out = status == GRAFT_OK ? (size_t)value : 0;
    return status;
}
