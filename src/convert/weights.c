/* convert/weights.c - the safetensors files of a Hugging Face folder as one list of tensors. */
#include "convert/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/config.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/json.h"

static const char single[] = "model.safetensors", index_name[] = "model.safetensors.index.json";
static const size_t max_index = (size_t)256 << 20, max_files = 10000;

/* A name in this very folder: what an index says is not to be trusted with paths. */
static bool is_plain(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < 256 && name[0] != '.' && strpbrk(name, "/\\") == NULL &&
           graft_str_ends_with(name, ".safetensors");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files that the index names, sorted, each once. Borrowed from the index. */
static graft_status files_of_index(const graft_json *index, const char *path, const char ***out,
                                   size_t *n_out)
{
    graft_status status = GRAFT_OK;
    const graft_json *map = graft_json_get(index, "weight_map");
    const char **names = NULL;
    size_t n = 0, unique = 0;
    if (!graft_json_is(map, GRAFT_JSON_OBJECT) || graft_json_length(map) == 0) {
        return graft_fail(GRAFT_E_MODEL, "%s: weight_map is missing or empty", path);
    }
    GRAFT_TRY(graft_alloc(&names, graft_json_length(map), sizeof *names));
    for (graft_json_iter it = graft_json_iter_begin(map); graft_json_iter_next(&it);) {
        size_t len = 0;
        const char *name = graft_json_string(it.value, &len);
        if (name == NULL || strlen(name) != len || !is_plain(name)) {
            status = graft_fail(GRAFT_E_MODEL, "%s: weight_map: \"%.80s\" is not a safetensors "
                                "file of this folder", path, name != NULL ? name : "");
            goto done;
        }
        names[n++] = name;
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0) {
            names[unique++] = names[i];
        }
    }
    if (unique > max_files) {
        status = graft_fail(GRAFT_E_MODEL, "%s: %zu files (at most %zu)", path, unique, max_files);
        goto done;
    }
    *out = names;
    *n_out = unique;
    names = NULL;
done:
    graft_free(names);
    return status;
}

static graft_status open_files(graft_hf_weights *w, const char *const *names, size_t n)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(&w->files, n, sizeof *w->files));
    GRAFT_TRY(graft_alloc(&w->paths, n, sizeof *w->paths));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_path_join(&w->paths[i], w->folder, names[i]));
        w->n_files = i + 1;
        GRAFT_TRY(graft_safetensors_open(&w->files[i], w->paths[i]));
    }
done:
    return status;
}

static graft_status list_tensors(graft_hf_weights *w)
{
    graft_status status = GRAFT_OK;
    size_t n = 0;
    for (size_t f = 0; f < w->n_files; f++) {
        n += graft_safetensors_n(w->files[f]);
    }
    GRAFT_TRY(graft_alloc(&w->tensors, n, sizeof *w->tensors));
    GRAFT_TRY(graft_alloc(&w->file_of, n, sizeof *w->file_of));
    GRAFT_TRY(graft_alloc(&w->used, n, sizeof *w->used));
    GRAFT_TRY(graft_map_reserve(&w->names, n));
    for (size_t f = 0; f < w->n_files; f++) {
        for (size_t i = 0; i < graft_safetensors_n(w->files[f]); i++) {
            const graft_safetensors_tensor *t = graft_safetensors_at(w->files[f], i);
            uint64_t other;
            if (graft_map_find(&w->names, t->name, strlen(t->name), &other)) {
                status = graft_fail(GRAFT_E_MODEL, "%s: tensor \"%.80s\" is in %s, too",
                                    w->paths[f], t->name, w->paths[w->file_of[other]]);
                goto done;
            }
            w->tensors[w->n] = t;
            w->file_of[w->n] = (uint32_t)f;
            GRAFT_TRY(graft_map_set(&w->names, t->name, strlen(t->name), w->n, NULL));
            w->n++;
        }
    }
done:
    return status;
}

/* What the index promises and what the files hold must be the same. */
static graft_status check_index(const graft_hf_weights *w, const graft_json *index,
                                const char *path)
{
    const graft_json *map = graft_json_get(index, "weight_map");
    for (graft_json_iter it = graft_json_iter_begin(map); graft_json_iter_next(&it);) {
        uint64_t i;
        const char *file = graft_json_string(it.value, NULL);
        if (!graft_map_find(&w->names, it.key, strlen(it.key), &i)) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%.80s\" is not in %s", path, it.key,
                              file);
        }
        const char *held = strrchr(w->paths[w->file_of[i]], '/');
        if (strcmp(held != NULL ? held + 1 : w->paths[w->file_of[i]], file) != 0) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%.80s\" is not in %s but in %s",
                              path, it.key, file, w->paths[w->file_of[i]]);
        }
    }
    for (size_t i = 0; i < w->n; i++) {
        if (!graft_json_has(map, w->tensors[i]->name)) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%.80s\" is not in %s",
                              w->paths[w->file_of[i]], w->tensors[i]->name, index_name);
        }
    }
    return GRAFT_OK;
}

/* There is neither index nor single file: says what there is instead. */
static graft_status nothing_found(const char *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL;
    size_t n = 0;
    bool pickled = false;
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        pickled = pickled || graft_str_ends_with(names[i], ".bin") ||
                  graft_str_ends_with(names[i], ".pth") || graft_str_ends_with(names[i], ".pt");
    }
    status = graft_fail(GRAFT_E_MODEL, "%s: neither %s nor %s is there%s", folder, single,
                        index_name, pickled ? "; pickled weights (.bin) are not read: they can "
                                              "run code, save the model as safetensors" : "");
done:
    graft_dir_free(names, n);
    return status;
}

/* transformers reads the single file where both are; which of the two is meant is not ours to guess. */
static graft_status check_single(const char *one, const char *index, const char *const *names, size_t n)
{
    bool named = !graft_path_exists(one);
    for (size_t i = 0; i < n && !named; i++) {
        named = strcmp(names[i], single) == 0;
    }
    return named ? GRAFT_OK
                 : graft_fail(GRAFT_E_MODEL, "%s: stands beside %s, which does not name it: remove the one that "
                              "is not meant", one, index);
}

graft_status graft_hf_weights_open(graft_hf_weights *weights, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *index = NULL;
    char *path = NULL, *one = NULL;
    const char **names = NULL;
    size_t n = 0;
    *weights = (graft_hf_weights){0};
    graft_map_init(&weights->names);
    GRAFT_TRY(graft_strdup(&weights->folder, folder));
    GRAFT_TRY(graft_path_join(&path, folder, index_name));
    GRAFT_TRY(graft_path_join(&one, folder, single));
    GRAFT_TRY(graft_hf__read_json(&index, folder, index_name, max_index));
    if (index != NULL) {
        GRAFT_TRY(files_of_index(index, path, &names, &n));
        GRAFT_TRY(check_single(one, path, names, n));
        GRAFT_TRY(open_files(weights, names, n));
    } else if (graft_path_exists(one)) {
        GRAFT_TRY(open_files(weights, (const char *const[]){single}, 1));
    } else {
        GRAFT_TRY(nothing_found(folder));
    }
    GRAFT_TRY(list_tensors(weights));
    if (index != NULL) {
        GRAFT_TRY(check_index(weights, index, path));
    }
done:
    graft_free(names);
    graft_free(path);
    graft_free(one);
    graft_json_free(index);
    if (status != GRAFT_OK) {
        graft_hf_weights_close(weights);
    }
    return status;
}

void graft_hf_weights_close(graft_hf_weights *weights)
{
    for (size_t i = 0; i < weights->n_files; i++) {
        graft_safetensors_close(weights->files[i]);
        graft_free(weights->paths[i]);
    }
    graft_free(weights->files);
    graft_free(weights->paths);
    graft_free(weights->tensors);
    graft_free(weights->file_of);
    graft_free(weights->used);
    graft_free(weights->folder);
    graft_map_clear(&weights->names);
    *weights = (graft_hf_weights){0};
}

const graft_safetensors_tensor *graft_hf_weights_find(const graft_hf_weights *weights,
                                                      const char *name)
{
    uint64_t i;
    return graft_map_find(&weights->names, name, strlen(name), &i) ? weights->tensors[i] : NULL;
}

const graft_safetensors_tensor *graft_hf_weights_take(graft_hf_weights *weights, const char *name)
{
    uint64_t i;
    if (!graft_map_find(&weights->names, name, strlen(name), &i)) {
        return NULL;
    }
    weights->used[i] = true;
    return weights->tensors[i];
}

const char *graft_hf_weights_path(const graft_hf_weights *weights, const char *name)
{
    uint64_t i;
    return graft_map_find(&weights->names, name, strlen(name), &i)
               ? weights->paths[weights->file_of[i]]
               : weights->folder;
}

graft_status graft_hf_weights_fail(const graft_hf_weights *weights, const char *name,
                                   const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%.80s\" %s",
                      graft_hf_weights_path(weights, name), name, what);
}
