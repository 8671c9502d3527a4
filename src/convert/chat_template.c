/* convert/chat_template.c - where folders keep their chat template: in tokenizer_config.json (a
 * text, or a list of named ones), else in chat_template.jinja, else in chat_template.json. */
#include <stdio.h>
#include <string.h>

#include "convert/vocab.h"
#include "core/memory.h"
#include "io/files.h"

static const size_t max_template = (size_t)16 << 20;

static graft_status keep(graft_hf_vocab *vocab, const graft_json *text)
{
    size_t n = 0;
    const char *bytes = graft_json_string(text, &n);
    if (bytes == NULL) {
        return GRAFT_OK;
    }
    vocab->has_template = true;
    return graft_text_append(&vocab->chat_template, bytes, n);
}

/* The one called "default" of a list of {"name", "template"}. */
static const graft_json *default_of(const graft_json *list)
{
    const graft_json *found = NULL;
    for (size_t i = 0; i < graft_json_length(list); i++) {
        const graft_json *one = graft_json_at(list, i);
        const char *name = graft_json_string(graft_json_get(one, "name"), NULL);
        if (name != NULL && strcmp(name, "default") == 0) {
            found = graft_json_get(one, "template");
        }
    }
    return found;
}

graft_status graft_hf__read_template(graft_hf_vocab *vocab)
{
    graft_status status = GRAFT_OK;
    const graft_json *own = graft_json_get(vocab->settings, "chat_template");
    char *path = NULL;
    graft_json *file = NULL;
    if (own != NULL) {
        return keep(vocab, graft_json_is(own, GRAFT_JSON_ARRAY) ? default_of(own) : own);
    }
    GRAFT_TRY(graft_path_join(&path, vocab->folder, "chat_template.jinja"));
    if (graft_path_exists(path)) {
        vocab->has_template = true;
        GRAFT_TRY(graft_file_read(&vocab->chat_template, path, max_template));
        goto done;
    }
    GRAFT_TRY(graft_hf__read_json(&file, vocab->folder, "chat_template.json", max_template));
    GRAFT_TRY(keep(vocab, graft_json_get(file, "chat_template")));
done:
    graft_json_free(file);
    graft_free(path);
    return status;
}

/* A template's name as part of a key: anything but letters and digits becomes '_'. */
static void clean_name(char out[64], const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0' && n < 63; n++) {
        char c = name[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out[n] = plain ? c : '_';
    }
    out[n] = '\0';
}

/* Templates under other names than "default". */
static graft_status named_keys(const graft_json *list, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string names[32];
    char texts[32][64], key[128];
    size_t n = 0;
    for (size_t i = 0; i < graft_json_length(list) && n < 32; i++) {
        const graft_json *one = graft_json_at(list, i);
        const char *name = graft_json_string(graft_json_get(one, "name"), NULL);
        size_t len = 0;
        const char *text = graft_json_string(graft_json_get(one, "template"), &len);
        if (name == NULL || name[0] == '\0' || text == NULL) {
            continue;
        }
        clean_name(texts[n], name);
        if (strcmp(texts[n], "default") != 0) {
            snprintf(key, sizeof key, "tokenizer.chat_template.%s", texts[n]);
            GRAFT_TRY(graft_hf_key_bytes(keys, key, text, len));
            names[n] = (graft_gguf_string){texts[n], strlen(texts[n])};
            n++;
        }
    }
    if (n > 0) {
        GRAFT_TRY(graft_hf_key_strings(keys, "tokenizer.chat_templates", names, n));
    }
done:
    return status;
}

graft_status graft_hf__template_keys(const graft_hf_vocab *vocab, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    const graft_json *own = graft_json_get(vocab->settings, "chat_template");
    if (graft_json_is(own, GRAFT_JSON_ARRAY)) {
        GRAFT_TRY(named_keys(own, keys));
    }
    if (vocab->has_template) {
        GRAFT_TRY(graft_hf_key_bytes(keys, "tokenizer.chat_template",
                                     graft_text_z(&vocab->chat_template),
                                     vocab->chat_template.len));
    }
done:
    return status;
}
