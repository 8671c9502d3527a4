/* export/localai.c - a folder of models for LocalAI: the merged model and its YAML.
 *
 * Keys as in LocalAI's reference of model configuration: parameters.model, context_size, stopwords,
 * template.use_tokenizer_template (the runtime renders the file's own chat template) and function.*,
 * which says how calls stand in a reply. */
#include <string.h>

#include "core/memory.h"
#include "export/exporters.h"
#include "export/model_gguf.h"
#include "io/files.h"
#include "io/json.h"
#include "io/yaml.h"

static graft_status set_stops(graft_json *o, const graft_export_serving *serving)
{
    graft_status status = GRAFT_OK;
    graft_json *stops = graft_json_new_array();
    for (size_t i = 0; i < serving->n_stops; i++) {
        const char *stop = serving->stops[i];
        if (graft_utf8_valid(stop, strlen(stop), NULL)) {
            GRAFT_TRY(graft_json_push(stops, graft_json_new_string(stop, strlen(stop))));
        }
    }
    GRAFT_TRY(graft_json_set(o, "stopwords", graft_json_retain(stops)));
done:
    graft_json_free(stops);
    return status;
}

/* Calls are taken out of the reply; a grammar would keep the model from writing the marks around
 * them, which it was trained to write. */
static graft_status set_function(graft_json *o, const graft_export_serving *serving)
{
    graft_status status = GRAFT_OK;
    graft_json *function = graft_json_new_object(), *grammar = graft_json_new_object();
    graft_json *patterns = graft_json_new_array();
    const char *source = serving->chat_template;
    bool hermes = source != NULL && strstr(source, "<tool_call>") != NULL;
    static const char pattern[] = "(?s)<tool_call>(.*?)</tool_call>";
    GRAFT_TRY(graft_json_set_bool(grammar, "disable", true));
    GRAFT_TRY(graft_json_set(function, "grammar", graft_json_retain(grammar)));
    GRAFT_TRY(graft_json_set_bool(function, "disable_no_action", true));
    if (hermes) {
        GRAFT_TRY(graft_json_push(patterns, graft_json_new_string(pattern, sizeof pattern - 1)));
        GRAFT_TRY(graft_json_set(function, "json_regex_match", graft_json_retain(patterns)));
        GRAFT_TRY(graft_json_set_string(function, "function_name_key", "name"));
        GRAFT_TRY(graft_json_set_string(function, "function_arguments_key", "arguments"));
    }
    GRAFT_TRY(graft_json_set(o, "function", graft_json_retain(function)));
done:
    graft_json_free(patterns);
    graft_json_free(grammar);
    graft_json_free(function);
    return status;
}

static graft_status fill(const graft_export_job *job, graft_json *o)
{
    graft_status status = GRAFT_OK;
    const graft_export_serving *s = job->serving;
    graft_json *parameters = graft_json_new_object(), *shape = graft_json_new_object();
    graft_text file;
    graft_text_init(&file);
    GRAFT_TRY(graft_text_appendf(&file, "%s.gguf", graft_export__slug(job)));
    GRAFT_TRY(graft_json_set_string(o, "name", graft_export__slug(job)));
    GRAFT_TRY(graft_json_set_string(o, "backend", "llama-cpp"));
    GRAFT_TRY(graft_json_set_string(parameters, "model", file.data));
    GRAFT_TRY(graft_json_set(o, "parameters", graft_json_retain(parameters)));
    if (s == NULL) {
        goto done;
    }
    if (s->n_ctx > 0) {
        GRAFT_TRY(graft_json_set_int(o, "context_size", (int64_t)s->n_ctx));
    }
    GRAFT_TRY(set_stops(o, s));
    GRAFT_TRY(graft_json_set_bool(shape, "use_tokenizer_template", s->chat_template != NULL));
    GRAFT_TRY(graft_json_set(o, "template", graft_json_retain(shape)));
    GRAFT_TRY(set_function(o, s));
done:
    graft_text_clear(&file);
    graft_json_free(shape);
    graft_json_free(parameters);
    return status;
}

static graft_status write_localai(const graft_export_job *job, const char *folder)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    graft_text text, name;
    char *path = NULL;
    graft_text_init(&text);
    graft_text_init(&name);
    GRAFT_TRY(graft_export__write_named_model(job, folder));
    GRAFT_TRY(fill(job, o));
    GRAFT_TRY(graft_yaml_write(&text, o));
    GRAFT_TRY(graft_text_append_char(&text, '\n'));
    GRAFT_TRY(graft_text_appendf(&name, "%s.yaml", graft_export__slug(job)));
    GRAFT_TRY(graft_path_join(&path, folder, name.data));
    GRAFT_TRY(graft_file_write(path, text.data, text.len));
done:
    graft_free(path);
    graft_text_clear(&text);
    graft_text_clear(&name);
    graft_json_free(o);
    return status;
}

static graft_status usage(const graft_export_job *job, const char *path, graft_text *out)
{
    graft_status status = GRAFT_OK;
    (void)job;
    GRAFT_TRY(graft_text_append_z(out, "local-ai run --models-path "));
    GRAFT_TRY(graft_text_append_word(out, path));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

const graft_exporter graft_exporter_localai = {
    .name = "localai", .writes = "localai", .help = "YAML and merged model for LocalAI",
    .types = GRAFT_EXPORT_MODEL_TYPES, .is_folder = true, .merges = true, .write = write_localai,
    .usage = usage,
};
