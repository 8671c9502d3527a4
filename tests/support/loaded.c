/* support/loaded.c */
#include "support/loaded.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "support/adapters.h"
#include "support/fuzz.h"

static void check_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fuzz_check(isfinite(values[i]));
    }
}

bool check_adapter(const char *path, const graft_gguf *base)
{
    graft_loaded_adapter loaded;
    graft_status status = graft_adapter_load(&loaded, path, base);
    if (status != GRAFT_OK) {
        fuzz_check(status == GRAFT_E_MODEL && loaded.maps == NULL);
        fuzz_check(graft_error_message()[0] != '\0');
        return false;
    }
    fuzz_check(loaded.n_maps > 0 && isfinite(loaded.alpha));
    for (size_t i = 0; i < loaded.n_maps; i++) {
        const graft_export_map *map = &loaded.maps[i];
        const graft_gguf_tensor *t = graft_gguf_find_tensor(base, map->name);
        fuzz_check(t != NULL && t->n_dims == 2 && map->rank > 0 && isfinite(map->scale));
        fuzz_check(map->n_in == t->ne[0] && map->n_out == t->ne[1]);
        check_finite(map->a, map->rank * map->n_in);
        check_finite(map->b, map->n_out * map->rank);
        fuzz_check((map->magnitude != NULL) == (loaded.maps[0].magnitude != NULL));
        check_finite(map->magnitude, map->magnitude == NULL ? 0 : map->n_out);
        for (size_t j = 0; j < i; j++) {
            fuzz_check(strcmp(loaded.maps[j].name, map->name) != 0);
        }
    }
    graft_loaded_adapter_clear(&loaded);
    return true;
}

static void put(const char *folder, const char *name, const uint8_t *bytes, size_t n)
{
    char *path = NULL;
    fuzz_check(graft_path_join(&path, folder, name) == GRAFT_OK);
    fuzz_put(path, bytes, n);
    graft_free(path);
}

bool check_adapter_folder(const uint8_t *data, size_t n, const char *weights, const graft_gguf *base)
{
    static const char *folder;
    const uint8_t *end = n > 0 ? memchr(data, 0, n) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : n;
    if (folder == NULL) {
        folder = strdup(tiny_dir("folder")); /* made once */
    }
    put(folder, "adapter_config.json", data, length);
    put(folder, weights, end != NULL ? end + 1 : data, end != NULL ? n - length - 1 : 0);
    return check_adapter(folder, base);
}
