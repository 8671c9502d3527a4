/* convert/architectures.c - the list of architectures. A new one is a file here and a row below. */
#include "convert/architectures.h"

#include <string.h>

#include "core/strings.h"

const graft_hf_architecture *const graft_hf_architectures[] = {
    &graft_hf_llama,  &graft_hf_mistral, &graft_hf_mistral3, &graft_hf_mistral3_vision,
    &graft_hf_smollm3, &graft_hf_qwen2,  &graft_hf_qwen3,  &graft_hf_phi3,
    &graft_hf_gemma2, &graft_hf_gemma3,  &graft_hf_gemma3_vision, &graft_hf_granite, NULL,
};

graft_status graft_hf_architecture_of(const graft_hf_architecture **out,
                                      const graft_hf_config *config)
{
    graft_status status = GRAFT_OK;
    const graft_json *list = graft_json_get(config->root, "architectures");
    const char *name = graft_json_string(graft_json_at(list, 0), NULL);
    graft_text known;
    graft_text_init(&known);
    for (size_t i = 0; graft_hf_architectures[i] != NULL; i++) {
        if (name != NULL && strcmp(graft_hf_architectures[i]->name, name) == 0) {
            *out = graft_hf_architectures[i];
            goto done;
        }
        GRAFT_TRY(graft_text_appendf(&known, "%s%s", i > 0 ? ", " : "",
                                     graft_hf_architectures[i]->name));
    }
    status = name != NULL
                 ? graft_hf_config_fail(config, "architecture \"%.80s\" is unknown (known: %s)",
                                        name, graft_text_z(&known))
                 : graft_hf_config_fail(config, "architectures names none (known: %s)",
                                        graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}

bool graft_hf_is_ambiguous(const graft_hf_architecture *architecture)
{
    bool found = false;
    for (size_t i = 0; graft_hf_architectures[i] != NULL; i++) {
        const graft_hf_architecture *other = graft_hf_architectures[i];
        found = found || (other->has_vision && strcmp(other->arch, architecture->arch) == 0);
    }
    return found;
}
