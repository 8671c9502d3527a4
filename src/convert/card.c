/* convert/card.c - the head of README.md, which gguf-py (Metadata) takes general.* keys from. */
#include "convert/card.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/yaml.h"

static const size_t max_readme = (size_t)16 << 20;
enum { MAX_ITEMS = 256 };

/* The end of the line that begins at text[at]. */
static size_t line_end(const char *text, size_t n, size_t at)
{
    const char *end = memchr(text + at, '\n', n - at);
    return end != NULL ? (size_t)(end - text) : n;
}

static bool is_rule(const char *text, size_t begin, size_t end)
{
    end -= end > begin && text[end - 1] == '\r';
    return end - begin == 3 && memcmp(text + begin, "---", 3) == 0;
}

graft_status graft_hf_card_read(graft_json **out, const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    graft_text text;
    size_t begin, at;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, "README.md"));
    if (!graft_path_exists(path)) {
        goto done;
    }
    GRAFT_TRY(graft_file_read(&text, path, max_readme));
    begin = text.len > 0 ? line_end(text.data, text.len, 0) : 0;
    if (text.len == 0 || !is_rule(text.data, 0, begin)) {
        goto done;
    }
    begin += begin < text.len;
    for (at = begin; at < text.len;) {
        size_t end = line_end(text.data, text.len, at);
        if (is_rule(text.data, at, end)) {
            break;
        }
        at = end + (end < text.len);
    }
    for (size_t i = begin; i < at; i++) { /* tabs, which YAML does not allow */
        text.data[i] = text.data[i] == '\t' ? ' ' : text.data[i];
    }
    if (at > begin && graft_yaml_parse(out, path, text.data + begin, at - begin) != GRAFT_OK) {
        status = graft_error_code() == GRAFT_E_MEMORY ? GRAFT_E_MEMORY : GRAFT_OK;
        graft_log(GRAFT_LOG_WARN, "%s: what it says of licence and origin is left out: %s", path,
                  graft_error_message());
    }
    if (!graft_json_is(*out, GRAFT_JSON_OBJECT)) {
        graft_json_free(*out);
        *out = NULL;
    }
done:
    graft_text_clear(&text);
    graft_free(path);
    return status;
}

/* The first of the names (up to `n`) that the card has; NULL if it has none, or not as text. */
static const char *first_of(const graft_json *card, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n && names[i] != NULL; i++) {
        if (graft_json_has(card, names[i])) {
            return graft_json_string(graft_json_get(card, names[i]), NULL);
        }
    }
    return NULL;
}

void graft_hf_card_name(const graft_json *card, graft_hf_name *out)
{
    static const char *const names[6][3] = {
        {"name", "model_name"}, {"organization", "model_organization"},
        {"basename", "model_basename", "model_type"}, {"finetune", "model_finetune"},
        {"version", "model_version"}, {"size_label", "model_size_label"}};
    *out = (graft_hf_name){0};
    char *const fields[6] = {out->name, out->organization, out->basename, out->finetune,
                             out->version, out->size_label};
    for (size_t i = 0; i < 6; i++) {
        const char *text = first_of(card, names[i], 3);
        snprintf(fields[i], GRAFT_HF_LONGEST_NAME, "%s", text != NULL ? text : "");
    }
}

/* A text, or a list of texts, joined to what is there. */
static size_t collect(const graft_json *card, const char *name, graft_gguf_string *out, size_t n)
{
    const graft_json *value = graft_json_get(card, name);
    bool list = graft_json_is(value, GRAFT_JSON_ARRAY);
    for (size_t i = 0; i < (list ? graft_json_length(value) : 1) && n < MAX_ITEMS; i++) {
        size_t len;
        const char *text = graft_json_string(list ? graft_json_at(value, i) : value, &len);
        if (text != NULL) {
            out[n++] = (graft_gguf_string){text, len};
        }
    }
    return n;
}

static graft_status list_keys(const graft_json *card, const char *key, const char *one,
                              const char *two, const graft_hf_keys *keys)
{
    graft_gguf_string items[MAX_ITEMS];
    size_t n = collect(card, two, items, collect(card, one, items, 0));
    return n > 0 ? graft_hf_key_strings(keys, key, items, n) : GRAFT_OK;
}

static graft_status licence_keys(const graft_json *card, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string items[MAX_ITEMS];
    size_t n = collect(card, "license", items, 0);
    graft_text joined;
    graft_text_init(&joined);
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_text_append(&joined, ",", i > 0));
        GRAFT_TRY(graft_text_append(&joined, items[i].data, items[i].len));
    }
    if (n > 0) {
        GRAFT_TRY(graft_hf_key_bytes(keys, "general.license", graft_text_z(&joined), joined.len));
    }
done:
    graft_text_clear(&joined);
    return status;
}

static graft_status text_keys(const graft_json *card, const graft_hf_keys *keys)
{
    static const struct {
        const char *key, *names[3];
    } rows[] = {
        {"general.author", {"author", "model_author", "model_creator"}},
        {"general.description", {"description", "model_description"}},
        {"general.license.name", {"license_name"}},
        {"general.license.link", {"license_link"}},
        {"general.source.url", {"url", "model_url"}},
        {"general.source.doi", {"doi", "model_doi"}},
        {"general.source.uuid", {"uuid", "model_uuid"}},
        {"general.source.repo_url", {"repo_url", "model_repo_url"}},
    };
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = first_of(card, rows[i].names, 3);
        if (text != NULL) {
            GRAFT_TRY(graft_hf_key_text(keys, rows[i].key, text));
        }
    }
done:
    return status;
}

/* One model or dataset that this one comes from: an id, "org/name", or an address. */
static graft_status origin_keys(const char *id, const char *what, size_t i, uint64_t n_numbers,
                                const graft_hf_keys *keys)
{
    static const char hub[] = "https://huggingface.co/";
    graft_status status = GRAFT_OK;
    graft_hf_name name = {0};
    char key[128], address[2 * GRAFT_HF_LONGEST_NAME] = "";
    bool url = strncmp(id, "http://", 7) == 0 || strncmp(id, "https://", 8) == 0 ||
               strncmp(id, "ssh://", 6) == 0;
    const char *path = strncmp(id, hub, strlen(hub)) == 0 ? id + strlen(hub) : NULL;
    const char *slash = path != NULL ? strchr(path, '/') : NULL;
    if (!url) {
        graft_hf_name_parse(&name, id, n_numbers);
        slash = strchr(id, '/');
        if (slash != NULL && name.organization[0] != '\0') {
            snprintf(address, sizeof address, "%s%s", hub, id);
        }
    } else {
        snprintf(address, sizeof address, "%s", id);
        if (slash != NULL && slash[1] != '\0' && strchr(slash + 1, '/') == NULL) {
            graft_hf_name_parse(&name, path, n_numbers);
        }
    }
    const char *const rows[][2] = {{"name", name.name}, {"version", name.version},
                                   {"organization", name.organization}, {"repo_url", address}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (rows[k][1][0] != '\0') {
            snprintf(key, sizeof key, "general.%s.%zu.%s", what, i, rows[k][0]);
            GRAFT_TRY(graft_hf_key_text(keys, key, rows[k][1]));
        }
    }
done:
    return status;
}

/* Models or datasets under the first of the names that the card has. */
static graft_status origins_keys(const graft_json *card, const char *const names[3],
                                 const char *what, uint64_t n_numbers, const graft_hf_keys *keys)
{
    graft_status status = GRAFT_OK;
    graft_gguf_string items[MAX_ITEMS];
    char key[64];
    for (size_t k = 0; k < 3; k++) {
        if (!graft_json_has(card, names[k])) {
            continue;
        }
        size_t n = collect(card, names[k], items, 0);
        snprintf(key, sizeof key, "general.%s.count", what);
        GRAFT_TRY(graft_hf_key_u32(keys, key, n));
        for (size_t i = 0; i < n; i++) {
            GRAFT_TRY(origin_keys(items[i].data, what, i, n_numbers, keys));
        }
        break;
    }
done:
    return status;
}

graft_status graft_hf_card_keys(const graft_json *card, uint64_t n_numbers,
                                const graft_hf_keys *keys)
{
    static const char *const models[3] = {"base_model", "base_models", "base_model_sources"};
    static const char *const datasets[3] = {"datasets", "dataset", "dataset_sources"};
    graft_status status = GRAFT_OK;
    if (card == NULL) {
        return GRAFT_OK;
    }
    GRAFT_TRY(licence_keys(card, keys));
    GRAFT_TRY(text_keys(card, keys));
    GRAFT_TRY(origins_keys(card, models, "base_model", n_numbers, keys));
    GRAFT_TRY(origins_keys(card, datasets, "dataset", n_numbers, keys));
    GRAFT_TRY(list_keys(card, "general.tags", "tags", "pipeline_tag", keys));
    GRAFT_TRY(list_keys(card, "general.languages", "languages", "language", keys));
done:
    return status;
}
