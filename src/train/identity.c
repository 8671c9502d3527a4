#include "train/identity.h"

#include <string.h>

#include "core/cpu.h"
#include "core/sha256.h"
#include "train/mixing.h"

/* Settings that shape what is trained, or when and by what it is measured. */
static const char *const shaping[] = {
    "tokenizer_pre", "val_set_size", "val_split", "skip_bad", "template_loss", "train_on",
    "mask_errors", "tool_call_weight", "reasoning", "shuffle", "curriculum", "group_by_prefix",
    "max_seq_length", "truncation", "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules",
    "lora_rank_pattern", "lora_alpha_pattern", "init_lora_weights", "use_rslora", "use_dora",
    "learning_rate",
    "loraplus_lr_ratio", "lr_scheduler_type", "warmup_ratio", "warmup_steps", "weight_decay",
    "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "batch_size",
    "num_train_epochs", "max_steps", "seed", "packing", "prefix_sharing", "max_tokens_per_pass",
    "compute", "sparse_backward", "cpu", "eval_strategy", "eval_steps", "metric_for_best_model",
    "early_stopping_patience", "early_stopping_threshold", "eval_samples", "eval_max_new_tokens",
    "eval_turns", "tool_call_format", "max_bad_steps", "loss_spike",
};

/* Settings that may be others when a run continues: paths (what lies there is known by its digest), the date
 * (which is added where a template tells it), and what changes neither a bit nor a decision. */
static const char *const neutral[] = {
    "base_model", "init_adapter", "chat_template", "chat_template_date", "output_dir",
    "dataset", "dataset_format",
    "dataset_answers", "eval_dataset", "eval_format", "eval_answers", "replay", "token_cache",
    "per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing",
    "max_memory", "threads", "eval_before", "eval_after", "load_best_model_at_end", "require",
    "perplexity_dataset", "perplexity_tokens", "save_minutes", "save_steps", "save_total_limit",
    "resume_from_checkpoint", "force", "logging_steps", "export", "export_rounding", "finish_by", "max_hours",
    "max_temperature", "nice",
    "recheck_steps", "base_check_steps",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* What changes the last bits only: see graft_run_differences. */
static const char machine_line[] = "kernels";

static const char date_line[] = "chat_template_date";

static bool holds(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool graft_setting_shapes_runs(const char *name, bool *known)
{
    bool shapes = holds(shaping, COUNT(shaping), name);
    *known = shapes || holds(neutral, COUNT(neutral), name);
    return shapes;
}

static graft_status add_settings(graft_text *out, const graft_config *config)
{
    graft_status status = GRAFT_OK;
    graft_text value;
    graft_text_init(&value);
    for (size_t i = 0; i < COUNT(shaping); i++) {
        value.len = 0;
        GRAFT_TRY(graft_config_value(config, shaping[i], &value));
        GRAFT_TRY(graft_text_appendf(out, "%s: ", shaping[i]));
        GRAFT_TRY(graft_text_append_escaped(out, graft_text_z(&value), value.len, false));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    graft_text_clear(&value);
    return status;
}

static graft_status add_digest(graft_text *out, const char *setting, const char *digest)
{
    return digest == NULL ? GRAFT_OK
                          : graft_text_appendf(out, "%s (SHA-256): %s\n", setting, digest);
}

/* The parameters that training begins with, where they come from a file. */
static graft_status add_start(graft_text *out, const graft_adapter *adapter)
{
    graft_sha256 hash;
    uint8_t digest[32];
    char hex[65];
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, adapter->params, adapter->n_params * sizeof *adapter->params);
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, hex);
    return add_digest(out, "init_adapter", hex);
}

static graft_status add_mixture(graft_text *out, const graft_mix *mix)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_append_z(out, "examples per epoch:"));
    for (size_t i = 0; i < mix->n_parts; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s %zu of %zu", i > 0 ? "," : "",
                                     mix->parts[i].per_epoch, mix->parts[i].n));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

graft_status graft_run_identity(graft_text *out, const graft_trainer *t,
                                const graft_run_files *files)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &t->compute->kernels;
    GRAFT_TRY(add_settings(out, t->config));
    GRAFT_TRY(add_mixture(out, &t->mix));
    GRAFT_TRY(add_digest(out, "base_model", files->base));
    GRAFT_TRY(add_digest(out, "chat_template", files->chat_template));
    if (files->date != NULL) {
        GRAFT_TRY(graft_text_appendf(out, "%s: %s\n", date_line, files->date));
    }
    if (t->config->init_adapter != NULL) {
        GRAFT_TRY(add_start(out, t->adapter));
    }
    GRAFT_TRY(add_digest(out, "dataset", files->data));
    GRAFT_TRY(add_digest(out, "eval_dataset", files->eval_data));
    GRAFT_TRY(graft_text_appendf(out, "%s: %s %s\n", machine_line,
                                 graft_cpu_level_name(kernels->level),
                                 kernels->half ? "bf16" : "f32"));
done:
    return status;
}

/* --- differences --- */

typedef struct line {
    const char *key, *value;
    size_t n_key, n_value;
} line;

/* Takes the next line of *text; false at its end. */
static bool next_line(const char **text, line *out)
{
    const char *at = *text;
    size_t n = strcspn(at, "\n"), n_key = strcspn(at, ":\n");
    if (*at == '\0') {
        return false;
    }
    size_t from = n_key + 1 < n && at[n_key + 1] == ' ' ? n_key + 2 : n_key + 1;
    from = from < n ? from : n;
    *out = (line){at, at + from, n_key, n - from};
    *text = at + n + (at[n] == '\n');
    return true;
}

static bool find_line(const char *text, const line *wanted, line *out)
{
    while (next_line(&text, out)) {
        if (out->n_key == wanted->n_key && memcmp(out->key, wanted->key, out->n_key) == 0) {
            return true;
        }
    }
    return false;
}

graft_status graft_run_identity_date(graft_text *out, const char *identity)
{
    const line wanted = {.key = date_line, .n_key = sizeof date_line - 1};
    line found;
    return find_line(identity, &wanted, &found) ? graft_text_append(out, found.value, found.n_value)
                                                : GRAFT_OK;
}

/* Of digests the begin is enough to tell them apart. */
static graft_status append_value(graft_text *out, const line *l)
{
    enum { DIGEST = 64, SHOWN = 12 };
    graft_status status = GRAFT_OK;
    bool digest = l != NULL && l->n_value == DIGEST;
    if (l == NULL || l->n_value == 0) {
        return graft_text_append_z(out, "(not set)");
    }
    GRAFT_TRY(graft_text_append_escaped(out, l->value, digest ? SHOWN : l->n_value, false));
    if (digest) {
        GRAFT_TRY(graft_text_append_z(out, "..."));
    }
done:
    return status;
}

/* "key: old -> new"; NULL: there is no such line. */
static graft_status append_difference(graft_text *out, const line *old, const line *now)
{
    graft_status status = GRAFT_OK;
    const line *either = old != NULL ? old : now;
    if (out->len > 0) {
        GRAFT_TRY(graft_text_append_z(out, "; "));
    }
    GRAFT_TRY(graft_text_append_escaped(out, either->key, either->n_key, false));
    GRAFT_TRY(graft_text_append_z(out, ": "));
    GRAFT_TRY(append_value(out, old));
    GRAFT_TRY(graft_text_append_z(out, " -> "));
    GRAFT_TRY(append_value(out, now));
done:
    return status;
}

static bool same_value(const line *a, const line *b)
{
    return a->n_value == b->n_value && memcmp(a->value, b->value, a->n_value) == 0;
}

static bool is_of_machine(const line *l)
{
    return l->n_key == strlen(machine_line) && memcmp(l->key, machine_line, l->n_key) == 0;
}

graft_status graft_run_differences(graft_text *run, graft_text *machine, const char *saved,
                                   const char *wanted)
{
    graft_status status = GRAFT_OK;
    line l, other;
    for (const char *at = wanted; next_line(&at, &l);) {
        bool found = find_line(saved, &l, &other);
        if (!found || !same_value(&l, &other)) {
            GRAFT_TRY(append_difference(is_of_machine(&l) ? machine : run, found ? &other : NULL,
                                        &l));
        }
    }
    for (const char *at = saved; next_line(&at, &l);) {
        if (!find_line(wanted, &l, &other)) {
            GRAFT_TRY(append_difference(is_of_machine(&l) ? machine : run, &l, NULL));
        }
    }
done:
    return status;
}
