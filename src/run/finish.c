/* The last part of a training job: configuration, artefacts. */
#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "run/training.h"

static graft_status write_named(const graft_training *t, const char *name, const char *bytes,
                                size_t n)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, t->config->output_dir, name));
    GRAFT_TRY(graft_file_write(path, bytes, n));
done:
    graft_free(path);
    return status;
}

graft_status graft_training_save_config(graft_training *t)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    const char *source = graft_chat_source(t->session.chat);
    graft_text_init(&text);
    GRAFT_TRY(graft_config_format(t->config, &text));
    GRAFT_TRY(write_named(t, "config.yaml", graft_text_z(&text), text.len));
    GRAFT_TRY(write_named(t, "chat_template.jinja", source, strlen(source)));
done:
    graft_text_clear(&text);
    return status;
}

/* Single-precision copies of the parameters, as export wants them. */
static graft_status describe_maps(const graft_adapter *adapter, graft_export_map **maps,
                                  float **values)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(maps, adapter->n_maps, sizeof **maps));
    GRAFT_TRY(graft_alloc(values, adapter->n_params, sizeof **values));
    for (size_t i = 0; i < adapter->n_params; i++) {
        (*values)[i] = (float)adapter->params[i];
    }
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *m = &adapter->maps[i].low_rank;
        (*maps)[i] = (graft_export_map){
            adapter->maps[i].name,
            *values + (m->a.data - adapter->params),
            *values + (m->b.data - adapter->params),
            m->a.n_rows,
            m->a.n_cols,
            m->b.n_rows,
            adapter->maps[i].scale,
        };
    }
done:
    return status;
}

graft_status graft_training_export(graft_training *t)
{
    graft_status status = GRAFT_OK;
    const graft_config *c = t->config;
    const graft_adapter *adapter = t->session.adapter;
    graft_export_map *maps = NULL;
    float *values = NULL;
    graft_text recipe;
    graft_text_init(&recipe);
    GRAFT_TRY(describe_maps(adapter, &maps, &values));
    GRAFT_TRY(graft_config_format(c, &recipe));
    graft_export_adapter description = {
        .maps = maps,
        .n_maps = adapter->n_maps,
        .alpha = adapter->alpha,
        .arch = t->session.model->family->arch,
        .n_head = t->session.model->hparams.n_head,
        .n_kv = t->session.model->hparams.n_kv,
        .base_name = c->base_model,
        .base_hash = t->base_hash,
        .recipe = graft_text_z(&recipe),
    };
    for (size_t i = 0; i < c->export.n; i++) {
        const graft_exporter *exporter = graft_exporter_find(c->export.items[i]);
        if (exporter == NULL) {
            status = graft_fail(GRAFT_E_CONFIG, "export: unknown artefact \"%s\"",
                                c->export.items[i]);
            goto done;
        }
        GRAFT_TRY(exporter->write(&description, c->output_dir));
    }
done:
    graft_free(maps);
    graft_free(values);
    graft_text_clear(&recipe);
    return status;
}
