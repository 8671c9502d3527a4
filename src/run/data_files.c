#include "run/data_files.h"

#include "core/threads.h"

graft_status graft_data_files_prepare(graft_config *config)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_config_require(config, "dataset"));
    graft_threads_set((int)config->threads);
done:
    return status;
}

graft_source graft_data_files_source(const graft_config_source *item)
{
    return (graft_source){item->path, item->format, item->answers};
}

graft_status graft_data_files_check_output(const char *path, const graft_config_sources *sources)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sources->n; i++) {
        GRAFT_TRY(graft_path_check_output(path, sources->items[i].path));
        GRAFT_TRY(graft_path_check_output(path, sources->items[i].answers));
    }
done:
    return status;
}

graft_status graft_data_files_check_beside(const char *path, const graft_config *config)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < config->dataset.n; i++) {
        GRAFT_TRY(graft_path_check_output(path, config->dataset.items[i].answers));
    }
    GRAFT_TRY(graft_data_files_check_output(path, &config->eval_dataset));
    GRAFT_TRY(graft_path_check_output(path, config->base_model));
    GRAFT_TRY(graft_path_check_output(path, config->chat_template));
done:
    return status;
}

graft_status graft_data_files_check_reread(const graft_config_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) {
        const char *const read[] = {sources->items[i].path, sources->items[i].answers};
        for (size_t k = 0; k < 2; k++) {
            if (read[k] && graft_path_is_stream(read[k])) {
                return graft_fail(GRAFT_E_CONFIG, "%s: is a pipe or a device, but has to be read "
                                  "twice: write it to a file first", read[k]);
            }
        }
    }
    return GRAFT_OK;
}

graft_status graft_data_files_poll(void *context)
{
    return graft_hooks_check(context);
}

graft_status graft_data_files_open(graft_writer **out, const char *path, const char *option,
                                   const graft_config_sources *sources)
{
    graft_status status = GRAFT_OK;
    *out = NULL;
    if (!path || !path[0]) {
        return graft_fail(GRAFT_E_CONFIG, "%s is not set: name the file to write", option);
    }
    if (graft_str_ends_with(path, ".zst")) {
        return graft_fail(GRAFT_E_CONFIG, "%s: %s: lines are written uncompressed, and a name in "
                          ".zst would be read as compressed", option, path);
    }
    if (sources != NULL) {
        GRAFT_TRY(graft_data_files_check_output(path, sources));
    }
    GRAFT_TRY(graft_writer_open(out, path));
done:
    return status;
}
