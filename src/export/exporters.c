/* export/exporters.c - every artefact graft writes. */
#include "export/exporters.h"

#include <string.h>

#include "core/memory.h"
#include "core/unknown.h"
#include "export/mixes.h"

const graft_exporter *const graft_exporters[] = {
    &graft_exporter_adapter,
    &graft_exporter_peft,
    &graft_exporter_vllm,
    &graft_exporter_mlx,
    &graft_exporter_gguf,
    &graft_exporter_ollama,
    &graft_exporter_lmstudio,
    &graft_exporter_localai,
    &graft_exporter_hf,
    NULL,
};

const graft_exporter *graft_exporter_find(const char *name)
{
    for (size_t i = 0; graft_exporters[i] != NULL; i++) {
        if (strcmp(graft_exporters[i]->name, name) == 0) {
            return graft_exporters[i];
        }
    }
    return NULL;
}

graft_status graft_exporter_get(const graft_exporter **out, const char *name)
{
    const char *known[64];
    size_t n = 0;
    *out = graft_exporter_find(name);
    for (; graft_exporters[n] != NULL && n < sizeof known / sizeof *known; n++) {
        known[n] = graft_exporters[n]->name;
    }
    return *out != NULL ? GRAFT_OK : graft_fail_unknown("artefact", name, known, n);
}

/* Is the word one of a list that is separated by spaces? */
static bool lists(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; *at != 0; at += strcspn(at, " "), at += *at == ' ') {
        if (strcspn(at, " ") == n && memcmp(at, word, n) == 0) {
            return true;
        }
    }
    return false;
}

graft_status graft_exporter_check_type(const graft_exporter *exporter, const char *type)
{
    const graft_mix *mix;
    if (type == NULL || (exporter->types != NULL && lists(exporter->types, type))) {
        return GRAFT_OK;
    }
    if (exporter->types != NULL && lists(exporter->types, "...")) {
        return graft_mix_get(&mix, type) == GRAFT_OK
                   ? GRAFT_OK : graft_fail_prefix("type: %s can be \"same\" or what graft quantize "
                                                 "writes", exporter->name);
    }
    return exporter->types == NULL
               ? graft_fail(GRAFT_E_CONFIG, "type: %s has no choice of types", exporter->name)
               : graft_fail(GRAFT_E_CONFIG, "type: %s can be %s", exporter->name, exporter->types);
}

bool graft_export_is_dora(const graft_export_map *maps, size_t n_maps)
{
    return n_maps > 0 && maps[0].magnitude != NULL;
}

graft_status graft_exporter_check_dora(const graft_exporter *exporter, const char *type)
{
    const graft_exporter *holds = exporter;
    if (type != NULL && strcmp(type, "adapter") == 0) { /* ollama:adapter */
        holds = graft_exporter_find(type);
    }
    return holds->no_dora == NULL
               ? GRAFT_OK
               : graft_fail(GRAFT_E_FAILED, "%s: cannot hold a DoRA: %s; merge it into the base (gguf, "
                            "ollama, lmstudio, localai, hf), or write it for PEFT or mlx-lm (peft, mlx)",
                            exporter->name, holds->no_dora);
}

graft_status graft_export__refuse_dora(const graft_exporter *exporter,
                                       const graft_export_adapter *adapter)
{
    return graft_export_is_dora(adapter->maps, adapter->n_maps)
               ? graft_exporter_check_dora(exporter, NULL) : GRAFT_OK;
}

graft_status graft_exporter_of_item(const graft_exporter **out, const char **type, const char *item)
{
    graft_status status = GRAFT_OK;
    const char *colon = strchr(item, ':');
    char *name = NULL;
    *out = NULL;
    *type = colon == NULL ? NULL : colon + 1;
    GRAFT_TRY(graft_strndup(&name, item, colon == NULL ? strlen(item) : (size_t)(colon - item)));
    if (graft_exporter_get(out, name) != GRAFT_OK ||
        graft_exporter_check_type(*out, *type) != GRAFT_OK) {
        status = graft_fail_prefix("export");
    }
done:
    graft_free(name);
    return status;
}

static bool has_hf_base(const graft_export_adapter *adapter)
{
    return adapter->base_name != NULL && !graft_str_ends_with(adapter->base_name, ".gguf");
}

graft_status graft_export__append_hf_base(graft_text *out, const graft_export_adapter *adapter)
{
    return graft_text_append_word(out, has_hf_base(adapter) ? adapter->base_name : "HF_BASE");
}

const char *graft_export__hf_base_remark(const graft_export_adapter *adapter)
{
    return has_hf_base(adapter) ? "" : "  # HF_BASE: name or folder of the base at Hugging Face";
}
