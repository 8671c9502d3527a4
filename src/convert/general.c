/* convert/general.c - keys that tell what a model is called and how it likes to be run. */
#include "convert/general.h"

#include <stdio.h>
#include <string.h>

#include "convert/card.h"
#include "convert/naming.h"
#include "core/memory.h"

static const size_t max_json = (size_t)16 << 20;

/* generation_config.json's settings that GGUF has keys for. */
static graft_status sampling_keys(const char *folder, const graft_hf_keys *keys)
{
    static const struct {
        const char *name, *key;
        bool integer;
    } rows[] = {
        {"top_k", "top_k", true}, {"top_p", "top_p", false}, {"min_p", "min_p", false},
        {"xtc_probability", "xtc_probability", false}, {"xtc_threshold", "xtc_threshold", false},
        {"temperature", "temp", false}, {"penalty_last_n", "penalty_last_n", true},
        {"penalty_repeat", "penalty_repeat", false}, {"mirostat", "mirostat", true},
        {"mirostat_tau", "mirostat_tau", false}, {"mirostat_eta", "mirostat_eta", false},
    };
    graft_status status = GRAFT_OK;
    graft_json *config = NULL;
    if (graft_hf__read_json(&config, folder, "generation_config.json", max_json) != GRAFT_OK) {
        return GRAFT_OK; /* not all models have a valid one, and nothing depends on it */
    }
    const char *sequence = graft_json_string(graft_json_get(config, "sequence"), NULL);
    if (sequence != NULL) {
        GRAFT_TRY(graft_hf_key_text(keys, "general.sampling.sequence", sequence));
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const graft_json *value = graft_json_get(config, rows[i].name);
        char key[64];
        snprintf(key, sizeof key, "general.sampling.%s", rows[i].key);
        if (!graft_json_is(value, GRAFT_JSON_INT) && !graft_json_is(value, GRAFT_JSON_DOUBLE)) {
            continue;
        }
        GRAFT_TRY(rows[i].integer ? graft_hf_key_i32(keys, key, graft_json_int(value))
                                  : graft_hf_key_f32(keys, key, graft_json_double(value)));
    }
done:
    graft_json_free(config);
    return status;
}

/* What is unknown in `to` is taken from `from`, if that knows it. */
static void fill(graft_hf_name *to, const graft_hf_name *from)
{
    char *const fields[][2] = {
        {to->name, (char *)from->name}, {to->organization, (char *)from->organization},
        {to->basename, (char *)from->basename}, {to->finetune, (char *)from->finetune},
        {to->version, (char *)from->version}, {to->size_label, (char *)from->size_label}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i][0][0] == '\0') {
            memcpy(fields[i][0], fields[i][1], GRAFT_HF_LONGEST_NAME);
        }
    }
}

/* What the model's id in config.json, then the folder's own name say of what is unknown yet. */
static graft_status find_name(const graft_hf_config *config, const char *folder,
                              uint64_t n_numbers, graft_hf_name *out)
{
    graft_status status = GRAFT_OK;
    const char *id = graft_json_string(graft_json_get(config->root, "_name_or_path"), NULL);
    char *real = NULL, label[32];
    graft_hf_name part;
    if (id != NULL && (strchr(id, '/') == NULL || strchr(id, '/') == strrchr(id, '/'))) {
        graft_hf_name_parse(&part, id, n_numbers);
        fill(out, &part);
    }
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    size_t begin = n;
    while (begin > 0 && folder[begin - 1] != '/') {
        begin--;
    }
    GRAFT_TRY(graft_strndup(&real, folder + begin, n - begin));
    graft_hf_name_parse(&part, real, n_numbers);
    fill(out, &part);
    graft_hf_size_label(label, n_numbers);
    if (out->size_label[0] == '\0') {
        memcpy(out->size_label, label, strlen(label) + 1);
    }
done:
    graft_free(real);
    return status;
}

graft_status graft_hf_general_keys(const graft_hf_config *config, const char *folder,
                                   uint64_t n_numbers, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    graft_hf_name name;
    graft_json *card = NULL;
    GRAFT_TRY(graft_hf_key_text(keys, "general.type", "model"));
    GRAFT_TRY(sampling_keys(folder, keys));
    GRAFT_TRY(graft_hf_card_read(&card, folder));
    graft_hf_card_name(card, &name);
    GRAFT_TRY(find_name(config, folder, n_numbers, &name));
    const char *const rows[][2] = {
        {"general.name", name.name}, {"general.version", name.version},
        {"general.organization", name.organization}, {"general.finetune", name.finetune},
        {"general.basename", name.basename}, {"general.size_label", name.size_label}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i][1][0] != '\0') {
            GRAFT_TRY(graft_hf_key_text(keys, rows[i][0], rows[i][1]));
        }
    }
    GRAFT_TRY(graft_hf_card_keys(card, n_numbers, keys));
done:
    graft_json_free(card);
    return status;
}
