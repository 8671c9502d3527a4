/* adapters BASE IN EXPORTER FOLDER: loads an adapter (GGUF file or PEFT folder) for a base and
 * writes it with an exporter. */
#include <stdio.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/export.h"
#include "io/files.h"

static graft_status run(const char *base_path, const char *in, const char *name, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_gguf *base = NULL;
    graft_loaded_adapter loaded = {0};
    graft_gguf_string arch;
    char *arch_text = NULL, *file = NULL;
    graft_text key;
    uint64_t n_head = 0, n_kv = 0;
    const graft_exporter *exporter = graft_exporter_find(name);
    graft_text_init(&key);
    if (exporter == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "no exporter %s", name);
    }
    GRAFT_TRY(graft_gguf_open(&base, base_path));
    GRAFT_TRY(graft_adapter_load(&loaded, in, base));
    GRAFT_TRY(graft_gguf_get_string(base, "general.architecture", &arch));
    GRAFT_TRY(graft_strndup(&arch_text, arch.data, arch.len));
    GRAFT_TRY(graft_text_appendf(&key, "%s.attention.head_count", arch_text));
    GRAFT_TRY(graft_gguf_get_u64(base, key.data, 1, 1000, &n_head));
    GRAFT_TRY(graft_text_append_z(&key, "_kv"));
    GRAFT_TRY(graft_gguf_get_u64(base, key.data, 1, 1000, &n_kv));
    const graft_export_adapter adapter = {
        .maps = loaded.maps, .n_maps = loaded.n_maps, .alpha = loaded.alpha, .arch = arch_text,
        .n_head = (size_t)n_head, .n_kv = (size_t)n_kv, .base_name = base_path};
    const graft_export_job job = {.adapter = &adapter, .base = base};
    GRAFT_TRY(graft_make_dirs(folder));
    GRAFT_TRY(graft_path_join(&file, folder, exporter->writes));
    GRAFT_TRY(exporter->write(&job, exporter->is_folder ? folder : file));
done:
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
    graft_text_clear(&key);
    graft_free(arch_text);
    graft_free(file);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: adapters BASE IN EXPORTER FOLDER\n");
        return 2;
    }
    if (run(argv[1], argv[2], argv[3], argv[4]) != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
        return 1;
    }
    return 0;
}
