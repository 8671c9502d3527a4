/* run_quantize.c - graft_quantize: a model file in, a smaller one out. */
#include <graft/quantize.h>

#include <string.h>

#include "config/config.h"
#include "convert/convert.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/threads.h"
#include "export/quantize.h"
#include "io/files.h"
#include "io/json.h"
#include "run/session.h"

const char *graft_quantize_type(size_t i, const char **help)
{
    for (const graft_mix *mix = graft_mixes; mix->name != NULL; mix++) {
        if (graft_mix_find(mix->name) != NULL && i-- == 0) {
            *help = mix->help;
            return mix->name;
        }
    }
    return NULL;
}

typedef struct watch {
    const graft_hooks *hooks;
    double begun;
    const graft_gguf *file; /* what is read; or */
    const graft_hf *folder;
} watch;

/* Half of one model and half of another would be written. */
static graft_status check_source(const watch *w)
{
    const char *path = "";
    graft_file_fate fate = w->file != NULL     ? graft_gguf_fate(w->file, &path)
                           : w->folder != NULL ? graft_hf_fate(w->folder, &path)
                                               : GRAFT_FILE_SAME;
    return fate < GRAFT_FILE_TOUCHED
               ? GRAFT_OK
               : graft_fail(GRAFT_E_MODEL, "%s: was changed while it was read; nothing is written", path);
}

static graft_status on_progress(void *context, uint64_t done, uint64_t total)
{
    graft_status status = GRAFT_OK;
    const watch *w = context;
    const uint64_t mebi = (uint64_t)1 << 20;
    double seconds = graft_clock_seconds() - w->begun;
    graft_progress progress = {.phase = "quantising", .unit = "MiB",
                               .done = done < total ? done / mebi : (done + mebi - 1) / mebi,
                               .total = (total + mebi - 1) / mebi, .seconds = seconds};
    if (done > 0 && done < total) {
        progress.seconds_left = seconds * (double)(total - done) / (double)done;
    }
    graft_hooks_progress(w->hooks, &progress);
    GRAFT_TRY(check_source(w));
    GRAFT_TRY(graft_hooks_check(w->hooks));
done:
    return status;
}

static double bits_per_weight(const graft_quantized *result)
{
    return result->n_numbers > 0 ? 8.0 * (double)result->bytes_after / (double)result->n_numbers : 0;
}

static graft_status format_json(graft_text *out, const graft_mix *mix,
                                const graft_quantized *result)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *formats = graft_json_new_object();
    GRAFT_TRY(graft_json_set(o, "type", graft_json_new_string(mix->name, strlen(mix->name))));
    GRAFT_TRY(graft_json_set_int(o, "tensors", (int64_t)result->n_tensors));
    GRAFT_TRY(graft_json_set_int(o, "bytes_before", (int64_t)result->bytes_before));
    GRAFT_TRY(graft_json_set_int(o, "bytes_after", (int64_t)result->bytes_after));
    GRAFT_TRY(graft_json_set(o, "bits_per_weight",
                             graft_json_new_double(bits_per_weight(result))));
    GRAFT_TRY(graft_json_set_int(o, "fallbacks", (int64_t)result->n_fallback));
    GRAFT_TRY(graft_json_set_int(o, "raised", (int64_t)result->n_raised));
    GRAFT_TRY(graft_json_set_int(o, "weighed", (int64_t)result->n_weighed));
    GRAFT_TRY(graft_json_set(o, "formats", graft_json_retain(formats)));
    for (const graft_quantized_format *f = result->formats; f->format != NULL; f++) {
        GRAFT_TRY(graft_json_set(formats, f->format->name, graft_json_new_object()));
        graft_json *row = graft_json_get(formats, f->format->name);
        GRAFT_TRY(graft_json_set_int(row, "tensors", (int64_t)f->n_tensors));
        GRAFT_TRY(graft_json_set_int(row, "bytes", (int64_t)f->bytes));
    }
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(formats);
    graft_json_free(o);
    return status;
}

static graft_status format_table(graft_text *out, const graft_mix *mix,
                                 const graft_quantized *result)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "type      %s\n", mix->name));
    for (const graft_quantized_format *f = result->formats; f->format != NULL; f++) {
        GRAFT_TRY(graft_text_appendf(out, "  %-7s tensors %5zu  bytes %llu\n", f->format->name,
                                     f->n_tensors, (unsigned long long)f->bytes));
    }
    GRAFT_TRY(graft_text_appendf(out, "bytes     %llu, before %llu\nbits      %.2f per weight\n",
                                 (unsigned long long)result->bytes_after,
                                 (unsigned long long)result->bytes_before,
                                 bits_per_weight(result)));
    if (result->n_raised > 0) {
        GRAFT_TRY(graft_text_appendf(out, "raised    %zu tensors\n", result->n_raised));
    }
    if (result->n_weighed > 0) {
        GRAFT_TRY(graft_text_appendf(out, "weighed   %zu tensors\n", result->n_weighed));
    }
done:
    return status;
}

/* A Hugging Face folder. */
static graft_status quantize_folder(graft_quantized *out, const char *folder, const char *pre,
                                    graft_quantize_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    watch *w = job->context;
    graft_hf *hf = NULL;
    graft_gguf_writer *file = NULL;
    graft_hf_options options = {.pre = pre};
    GRAFT_TRY(graft_hf_open(&hf, folder, &options));
    GRAFT_TRY(graft_hf_check_output(hf, path));
    w->folder = hf;
    GRAFT_TRY(graft_gguf_writer_new(&file));
    GRAFT_TRY(graft_hf_set_keys(hf, file));
    job->tensors = graft_hf_tensors(hf, &job->n_tensors);
    job->model = graft_hf_mix_model(hf);
    GRAFT_TRY(graft_quantize_write(out, file, job, path));
done:
    w->folder = NULL;
    graft_gguf_writer_free(file);
    graft_hf_close(hf);
    return status;
}

static graft_status quantize_file(graft_quantized *out, const char *in,
                                  const graft_quantize_job *job, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    watch *w = job->context;
    GRAFT_TRY(graft_gguf_open(&file, in));
    w->file = file;
    GRAFT_TRY(graft_quantize_gguf(out, file, job, path));
done:
    w->file = NULL;
    graft_gguf_close(file);
    return status;
}

graft_status graft_quantize(graft_config *config, const char *in, const char *path,
                            const graft_quantize_wish *wish, const graft_hooks *hooks, int json,
                            char **out)
{
    graft_status status = GRAFT_OK;
    watch w = {.hooks = hooks, .begun = graft_clock_seconds()};
    graft_quantize_job job = {.progress = on_progress, .context = &w,
                              .size = wish->size,
                              .allow_requantize = wish->allow_requantize != 0};
    graft_quantized result = {0};
    graft_importance *importance = NULL;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    graft_threads_set((int)config->threads);
    GRAFT_TRY(graft_mix_get(&job.mix, wish->type));
    GRAFT_TRY(graft_path_check_output(path, wish->imatrix));
    if (wish->imatrix != NULL) {
        GRAFT_TRY(graft_importance_open(&importance, wish->imatrix));
    }
    job.importance = importance;
    GRAFT_TRY(graft_path_is_dir(in) ? quantize_folder(&result, in, wish->pre, &job, path)
                                    : quantize_file(&result, in, &job, path));
    (void)on_progress(&w, result.bytes_after, result.bytes_after); /* too late to stop */
    if (result.n_fallback > 0) {
        graft_log(GRAFT_LOG_WARN, "%zu of %zu tensors have rows that are no multiple of 256 and got "
                  "a larger type instead", result.n_fallback, result.n_tensors);
    }
    if (importance != NULL && result.n_weighed == 0 && job.mix->file_type != 0) {
        graft_log(GRAFT_LOG_WARN, "%s: no tensor was weighed with it", wish->imatrix);
    }
    GRAFT_TRY(json ? format_json(&text, job.mix, &result) : format_table(&text, job.mix, &result));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    graft_importance_close(importance);
    return status;
}
