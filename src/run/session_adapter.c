/* Adapters of a session: new ones, and ones that are read from files. */
#include <math.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "export/export.h"
#include "run/session.h"

/* "q_proj,v_proj" of a list of names. */
static graft_status join_names(graft_text *out, const graft_names *names)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < names->n; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s", i > 0 ? "," : "", names->items[i]));
    }
done:
    return status;
}

/* The scale of the session's map of that name; the adapter's own if it has none, which set_map says. */
static double scale_of(const graft_adapter *adapter, const char *name)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        if (strcmp(adapter->maps[i].name, name) == 0) {
            return adapter->maps[i].scale;
        }
    }
    return adapter->scale;
}

/* A DoRA goes on as one only; what is none becomes one that begins by changing nothing. */
static graft_status fill_magnitudes(graft_session *session, const graft_loaded_adapter *loaded)
{
    graft_status status = GRAFT_OK;
    graft_adapter *adapter = session->adapter;
    if (!graft_export_is_dora(loaded->maps, loaded->n_maps)) {
        return adapter->dora ? graft_adapter_take_lengths(adapter, &session->compute) : GRAFT_OK;
    }
    if (!adapter->dora) {
        return graft_fail(GRAFT_E_CONFIG, "it is a DoRA, which is trained on with use_dora: true");
    }
    for (size_t i = 0; i < loaded->n_maps; i++) {
        const graft_export_map *map = &loaded->maps[i];
        GRAFT_TRY(graft_adapter_set_magnitudes(adapter, map->name, map->magnitude, map->n_out));
    }
done:
    return status;
}

/* Copies loaded maps into the session's adapter. A scale other than the map has here is folded
 * into B, so that the product is the same. */
static graft_status fill(graft_session *session, const graft_loaded_adapter *loaded)
{
    graft_status status = GRAFT_OK;
    float *b = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < loaded->n_maps; i++) {
        const graft_export_map *map = &loaded->maps[i];
        size_t n = map->n_out * map->rank;
        double ratio = map->scale / scale_of(session->adapter, map->name);
        GRAFT_TRY(graft_reserve(&b, &capacity, n, sizeof *b));
        for (size_t k = 0; k < n; k++) {
            b[k] = (float)((double)map->b[k] * ratio);
            if (!isfinite(b[k])) {
                status = graft_fail(GRAFT_E_MODEL, "\"%s\": row %zu, column %zu of B is not finite "
                                    "once its scale is in it", map->name, k / map->rank,
                                    k % map->rank);
                goto done;
            }
        }
        GRAFT_TRY(graft_adapter_set_map(session->adapter, map->name, map->a, b, map->rank,
                                        map->n_in, map->n_out));
    }
    GRAFT_TRY(fill_magnitudes(session, loaded));
done:
    graft_free(b);
    return status;
}

/* The parameters of init_adapter, if it is set. */
static graft_status start_from(graft_session *session)
{
    graft_status status = GRAFT_OK;
    const char *path = session->config->init_adapter;
    graft_loaded_adapter loaded = {0};
    if (path == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_adapter_load(&loaded, path, session->model->file));
    status = fill(session, &loaded);
    if (status != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
        goto done;
    }
    graft_log(GRAFT_LOG_INFO, "starting from %s: %zu maps", path, loaded.n_maps);
done:
    graft_loaded_adapter_clear(&loaded);
    return status;
}

graft_status graft_session_reset_adapter(graft_session *session)
{
    graft_status status = graft_adapter_reset(session->adapter);
    return status == GRAFT_OK ? start_from(session) : status;
}

graft_status graft_session_new_adapter(graft_session *session)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = session->config;
    graft_text targets;
    graft_text_init(&targets);
    GRAFT_TRY(join_names(&targets, &c->lora_target_modules));
    graft_adapter_options options = {(size_t)c->lora_r, c->lora_alpha, c->use_rslora,
                                     c->lora_dropout, c->seed, graft_text_z(&targets),
                                     session->model->family->arch,
                                     {c->lora_rank_pattern.items, c->lora_rank_pattern.n},
                                     {c->lora_alpha_pattern.items, c->lora_alpha_pattern.n},
                                     graft_adapter_kinds[c->init_lora_weights]->name,
                                     c->use_dora};
    if (c->init_adapter != NULL && c->init_lora_weights != 0) {
        status = graft_fail(GRAFT_E_CONFIG, "init_lora_weights: %s and init_adapter both say how the "
                            "adapter begins; set one of them",
                            graft_adapter_kinds[c->init_lora_weights]->name);
        goto done;
    }
    GRAFT_TRY(graft_adapter_new(&session->adapter, &options, session->model->slots,
                                session->model->n_slots));
    GRAFT_TRY(start_from(session));
done:
    graft_text_clear(&targets);
    return status;
}

/* The modules that occur in a loaded adapter, as targets. */
static graft_status loaded_targets(graft_text *out, const graft_loaded_adapter *loaded)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < loaded->n_maps; i++) {
        const char *dot = strchr(loaded->maps[i].name, '.');
        dot = dot == NULL ? NULL : strchr(dot + 1, '.');
        if (dot != NULL) {
            GRAFT_TRY(graft_text_appendf(out, "%s%.*s", i > 0 ? "," : "",
                                         (int)strcspn(dot + 1, "."), dot + 1));
        }
    }
done:
    return status;
}

/* The ranks of loaded maps as patterns, one per map: "blk.3.attn_q=8". */
static graft_status loaded_ranks(graft_names *out, const graft_loaded_adapter *loaded)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_alloc(&out->items, loaded->n_maps, sizeof *out->items));
    for (size_t i = 0; i < loaded->n_maps; i++) {
        const char *name = loaded->maps[i].name, *end = strrchr(name, '.');
        graft_text_clear(&text);
        GRAFT_TRY(graft_text_appendf(&text, "%.*s=%zu", (int)(end ? end - name : 0), name,
                                     loaded->maps[i].rank));
        GRAFT_TRY(graft_text_take(&text, &out->items[out->n]));
        out->n++;
    }
done:
    graft_text_clear(&text);
    return status;
}

static void free_names(graft_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        graft_free(names->items[i]);
    }
    graft_free(names->items);
}

graft_status graft_session_attach(graft_session *session, const graft_loaded_adapter *loaded,
                                  const char *path)
{
    graft_status status = GRAFT_OK;
    graft_names ranks = {0};
    graft_text targets;
    graft_text_init(&targets);
    if (loaded->n_maps == 0) {
        return graft_fail(GRAFT_E_MODEL, "%s: holds no low-rank maps", path);
    }
    GRAFT_TRY(loaded_targets(&targets, loaded));
    GRAFT_TRY(loaded_ranks(&ranks, loaded));
    size_t rank = loaded->maps[0].rank;
    graft_adapter_options options = {
        .rank = rank,
        .alpha = loaded->maps[0].scale * (double)rank,
        .targets = graft_text_z(&targets),
        .arch = session->model->family->arch,
        .rank_pattern = {ranks.items, ranks.n},
        .dora = graft_export_is_dora(loaded->maps, loaded->n_maps),
    };
    GRAFT_TRY(graft_adapter_new(&session->adapter, &options, session->model->slots,
                                session->model->n_slots));
    memset(session->adapter->params, 0, session->adapter->n_params * sizeof(graft_real));
    if (fill(session, loaded) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
done:
    free_names(&ranks);
    graft_text_clear(&targets);
    return status;
}

graft_status graft_session_load_adapter(graft_session *session)
{
    graft_status status = GRAFT_OK;
    const char *path = session->config->init_adapter;
    graft_loaded_adapter loaded = {0};
    if (path == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_adapter_load(&loaded, path, session->model->file));
    GRAFT_TRY(graft_session_attach(session, &loaded, path));
done:
    graft_loaded_adapter_clear(&loaded);
    return status;
}
