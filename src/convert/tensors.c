/* convert/tensors.c - which tensor of the files becomes which of the GGUF file. */
#include "convert/tensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"

enum { MAX_RULES = 64 };

/* What is known while the list is made. */
typedef struct planning {
    graft_hf_plan *out;
    graft_hf_weights *weights;
    const graft_hf_model *model;
    graft_arena *arena;
    const graft_hf_rule *rules[MAX_RULES]; /* of a layer */
    size_t n_rules;
    uint8_t *seen;        /* [n_layer][n_rules] */
    uint8_t seen_model[8];
    const graft_safetensors_tensor *embeddings, *head;
    bool tied;
    size_t n_vision;
} planning;

/* --- reading --- */

/* Row `row` of the interleaved order, (head, pair, side), in the order of the files, (head,
 * side, pair). */
static size_t source_row(size_t row, size_t d_head)
{
    size_t within = row % d_head;
    return row - within + within % 2 * (d_head / 2) + within / 2;
}

/* Pages of rows that were read are given back: a folder may be larger than memory. Interleaved rows are
 * spread over their heads; what another thread needs of them comes from the system's cache again. */
static void forget_rows(const graft_hf_tensor *t, size_t first, size_t n)
{
    size_t last = first + n, row_bytes = t->coded.tensor->n_bytes / t->coded.n_rows;
    if (t->d_head > 0) {
        first -= first % t->d_head;
        last += (t->d_head - last % t->d_head) % t->d_head;
    }
    graft_mapped_forget(t->coded.tensor->data + first * row_bytes, (last - first) * row_bytes);
}

static graft_status read_rows(const void *context, uint64_t first_row, size_t n_rows, float *out)
{
    const graft_hf_tensor *t = context;
    for (size_t i = 0; i < n_rows; i++) {
        size_t row = (size_t)first_row + i;
        float *at = out + i * t->n_cols;
        if (t->values != NULL) {
            memcpy(at, t->values + row * t->n_cols, t->n_cols * sizeof *at);
        } else {
            size_t from = t->d_head > 0 ? source_row(row, t->d_head) : row;
            t->coded.encoding->read(&t->coded, from, at);
        }
        for (size_t k = 0; k < t->n_cols; k++) {
            at[k] = t->shift != 0 ? at[k] + t->shift : at[k]; /* -0 stays */
            if (!isfinite(at[k])) {
                return graft_fail(GRAFT_E_NUMERICS, "%s: tensor \"%.80s\": number %zu of row %zu "
                                  "is not finite", t->path, t->name, k, row);
            }
        }
    }
    if (t->values == NULL) {
        forget_rows(t, (size_t)first_row, n_rows);
    }
    return GRAFT_OK;
}

/* --- the list --- */

static graft_status add(planning *p, const char *gguf_name, const graft_hf_tensor *tensor,
                        uint32_t n_dims, const uint64_t ne[4], const graft_format *format)
{
    graft_status status = GRAFT_OK;
    size_t i = p->out->n, len = strlen(gguf_name);
    char *name = NULL;
    GRAFT_TRY(graft_arena_calloc(p->arena, &name, len + 1, 1));
    memcpy(name, gguf_name, len);
    p->out->items[i] = *tensor;
    p->out->sources[i] = (graft_tensor_source){
        .name = name, .n_dims = n_dims, .format = format, .read = read_rows,
        .context = &p->out->items[i]};
    for (uint32_t d = 0; d < 4; d++) {
        p->out->sources[i].ne[d] = d < n_dims ? ne[d] : 1;
    }
    p->out->n++;
done:
    return status;
}

/* A vector whose elements belong to rotated heads is reordered once. */
static graft_status reorder(planning *p, graft_hf_tensor *t)
{
    graft_status status = GRAFT_OK;
    float *raw = NULL, *values = NULL;
    GRAFT_TRY(graft_arena_alloc(p->arena, &raw, t->n_cols, sizeof *raw));
    GRAFT_TRY(graft_arena_alloc(p->arena, &values, t->n_cols, sizeof *values));
    t->coded.encoding->read(&t->coded, 0, raw);
    for (size_t i = 0; i < t->n_cols; i++) {
        values[i] = raw[source_row(i, t->d_head)];
    }
    t->values = values;
    t->d_head = 0;
done:
    return status;
}

static graft_status take(planning *p, const graft_safetensors_tensor *tensor,
                         const graft_hf_rule *rule, const char *gguf_name)
{
    graft_status status = GRAFT_OK;
    const graft_hf_model *m = p->model;
    size_t rows = graft_hf_size_of(&m->dims, rule->rows);
    size_t cols = graft_hf_size_of(&m->dims, rule->cols);
    uint32_t n_dims = rule->cols == GRAFT_HF_NONE ? 1 : 2;
    graft_hf_tensor t = {.path = graft_hf_weights_path(p->weights, tensor->name),
                         .name = tensor->name};
    GRAFT_TRY(graft_hf_coded_open(&t.coded, p->weights, &m->config, p->arena, tensor));
    const graft_hf_coded *c = &t.coded;
    if (c->n_dims != n_dims || c->shape[0] != rows || (n_dims == 2 && c->shape[1] != cols)) {
        char expected[48];
        snprintf(expected, sizeof expected, n_dims == 2 ? "%zu x %zu" : "%zu", rows, cols);
        status = graft_hf_weights_fail(p->weights, tensor->name, "has shape %" PRIu64 " x %" PRIu64
                                       " (%u dimensions); config.json says %s", c->shape[0],
                                       c->shape[1], (unsigned)c->n_dims, expected);
        goto done;
    }
    t.n_cols = c->n_cols;
    if (rule->part == GRAFT_HF_GAIN) {
        t.shift = m->architecture->gain_shift;
    }
    if (m->architecture->interleaved &&
        (rule->part == GRAFT_HF_QUERY || rule->part == GRAFT_HF_KEY)) {
        t.d_head = m->dims.d_head;
    }
    if (n_dims == 1 && t.d_head > 0) {
        GRAFT_TRY(reorder(p, &t));
    }
    GRAFT_TRY(add(p, gguf_name, &t, n_dims, (const uint64_t[4]){c->n_cols, c->n_rows, 1, 1},
                  n_dims == 1 ? &graft_format_f32 : c->origin));
done:
    return status;
}

static graft_status take_layer(planning *p, const graft_safetensors_tensor *tensor,
                               const char *digits)
{
    size_t n = strspn(digits, "0123456789"), layer = 0;
    char name[128];
    for (size_t i = 0; i < n && layer < 1000000; i++) {
        layer = layer * 10 + (size_t)(digits[i] - '0');
    }
    if (n == 0 || digits[n] != '.') {
        return graft_hf_weights_fail(p->weights, tensor->name, "is unknown");
    }
    if (layer >= p->model->dims.n_layer) {
        return graft_hf_weights_fail(p->weights, tensor->name, "is of layer %zu; config.json says "
                                     "that there are %zu", layer, p->model->dims.n_layer);
    }
    for (size_t r = 0; r < p->n_rules; r++) {
        if (strcmp(p->rules[r]->hf, digits + n + 1) == 0) {
            if (p->seen[layer * p->n_rules + r]++) {
                return graft_hf_weights_fail(p->weights, tensor->name, "is there twice");
            }
            snprintf(name, sizeof name, "blk.%zu.%s", layer, p->rules[r]->gguf);
            return take(p, tensor, p->rules[r], name);
        }
    }
    return graft_hf_weights_fail(p->weights, tensor->name, "is unknown to %s, and would be left "
                                 "out", p->model->architecture->name);
}

/* The name without the part of the model it belongs to: what the text model alone would call it.
 * NULL: it belongs to another part. */
static const char *plain_name(const graft_hf_architecture *architecture, const char *name,
                              char out[256])
{
    static const char *const others[] = {"vision_tower.", "multi_modal_projector.",
                                         "model.vision_tower.", "model.multi_modal_projector."};
    static const char part[] = "language_model.";
    const char *at = strstr(name, part);
    if (!architecture->has_vision) {
        return name;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (graft_str_starts_with(name, others[i])) {
            return NULL;
        }
    }
    if (at == NULL) {
        return name;
    }
    snprintf(out, 256, "%.*s%s", (int)(at - name), name, at + strlen(part));
    return out;
}

static const graft_hf_rule head_rule = {"lm_head.weight", "output.weight", GRAFT_HF_VOCAB,
                                        GRAFT_HF_EMBD, GRAFT_HF_PLAIN, true};

static bool same_bytes(const graft_safetensors_tensor *a, const graft_safetensors_tensor *b)
{
    bool same = a->n_bytes == b->n_bytes && strcmp(a->dtype, b->dtype) == 0 &&
                memcmp(a->data, b->data, a->n_bytes) == 0;
    graft_mapped_forget(a->data, a->n_bytes);
    graft_mapped_forget(b->data, b->n_bytes);
    return same;
}

/* A head that config.json ties to the embeddings is left out if it is these; a trained one stays, as
 * transformers 5 has it. */
static graft_status take_tied_head(planning *p)
{
    const char *folder = p->weights->folder;
    if (same_bytes(p->head, p->embeddings)) {
        graft_log(GRAFT_LOG_INFO, "%s: lm_head.weight is left out: it is the embeddings, to which config.json "
                  "ties it", folder);
        return GRAFT_OK;
    }
    graft_log(GRAFT_LOG_WARN, "%s: lm_head.weight is not the embeddings, though tie_word_embeddings of "
              "config.json is true: it is kept as a head of its own", folder);
    return take(p, p->head, &head_rule, head_rule.gguf);
}

static graft_status take_any(planning *p, const graft_safetensors_tensor *tensor)
{
    static const char model[] = "model.", layers[] = "model.layers.";
    char buffer[256];
    const char *name = plain_name(p->model->architecture, tensor->name, buffer);
    if (name == NULL) {
        p->n_vision++;
        return GRAFT_OK;
    }
    if (graft_hf__unused_companion(name)) {
        return GRAFT_OK;
    }
    if (strcmp(name, head_rule.hf) == 0) {
        p->head = tensor;
        return p->tied ? GRAFT_OK : take(p, tensor, &head_rule, head_rule.gguf);
    }
    if (graft_str_starts_with(name, layers)) {
        return take_layer(p, tensor, name + strlen(layers));
    }
    for (size_t r = 0; graft_hf_model_rules[r].hf != NULL; r++) {
        if (graft_str_starts_with(name, model) &&
            strcmp(name + strlen(model), graft_hf_model_rules[r].hf) == 0) {
            p->seen_model[r]++;
            p->embeddings = graft_hf_model_rules[r].rows == GRAFT_HF_VOCAB ? tensor : p->embeddings;
            return take(p, tensor, &graft_hf_model_rules[r], graft_hf_model_rules[r].gguf);
        }
    }
    return graft_hf_weights_fail(p->weights, tensor->name, "is unknown to %s, and would be left "
                                 "out", p->model->architecture->name);
}

/* --- completeness --- */

static graft_status check_complete(const planning *p)
{
    const char *folder = p->weights->folder;
    for (size_t r = 0; graft_hf_model_rules[r].hf != NULL; r++) {
        if (p->seen_model[r] == 0) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"model.%s\" is missing", folder,
                              graft_hf_model_rules[r].hf);
        }
    }
    if (!p->tied && p->head == NULL) {
        return graft_fail(GRAFT_E_MODEL, "%s: tensor \"lm_head.weight\" is missing, and "
                          "tie_word_embeddings of config.json is false", folder);
    }
    for (size_t i = 0; i < p->model->dims.n_layer * p->n_rules; i++) {
        const graft_hf_rule *rule = p->rules[i % p->n_rules];
        if (p->seen[i] == 0 && !rule->optional) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"model.layers.%zu.%s\" is missing",
                              folder, i / p->n_rules, rule->hf);
        }
    }
    return GRAFT_OK;
}

static void remark(const planning *p)
{
    if (p->n_vision > 0) {
        graft_log(GRAFT_LOG_INFO, "%s: %zu tensors of other parts of the model (vision) are left "
                  "out", p->weights->folder, p->n_vision);
    }
}

static void collect_rules(planning *p)
{
    for (size_t t = 0; t < GRAFT_HF_MAX_TABLES; t++) {
        const graft_hf_rule *table = p->model->architecture->rules[t];
        for (size_t r = 0; table != NULL && table[r].hf != NULL && p->n_rules < MAX_RULES; r++) {
            p->rules[p->n_rules++] = &table[r];
        }
    }
}

/* The weight that a tensor accompanies (scales: NAME.weight_scale, NAME.weight.absmax), which is
 * taken with it wherever it comes in the files; NULL: none, it stands for itself. */
static const bool *owner_of(const graft_hf_weights *weights, const char *name)
{
    static const char weight[] = ".weight";
    const char *end = NULL;
    uint64_t owner;
    for (const char *at = strstr(name, weight); at != NULL; at = strstr(at + 1, weight)) {
        end = at + strlen(weight);
    }
    if (end == NULL || (*end != '.' && *end != '_') ||
        !graft_map_find(&weights->names, name, (size_t)(end - name), &owner)) {
        return NULL;
    }
    return &weights->used[owner];
}

graft_status graft_hf_plan_make(graft_hf_plan *out, graft_hf_weights *weights,
                                   const graft_hf_model *model, graft_arena *arena)
{
    graft_status status = GRAFT_OK;
    planning p = {.out = out, .weights = weights, .model = model, .arena = arena};
    size_t most = weights->n + GRAFT_HF_MAX_EXTRAS;
    *out = (graft_hf_plan){0};
    GRAFT_TRY(graft_hf__check_quantization(&model->config));
    GRAFT_TRY(graft_hf_config_bool(&model->config, "tie_word_embeddings", &p.tied));
    collect_rules(&p);
    GRAFT_TRY(graft_arena_calloc(arena, &out->items, most, sizeof *out->items));
    GRAFT_TRY(graft_arena_calloc(arena, &out->sources, most, sizeof *out->sources));
    GRAFT_TRY(graft_arena_calloc(arena, &p.seen, model->dims.n_layer * p.n_rules, 1));
    for (size_t i = 0; i < model->n_extras; i++) {
        const graft_hf_extra *extra = &model->extras[i];
        graft_hf_tensor t = {.values = extra->values, .n_cols = extra->n,
                             .path = model->config.path, .name = extra->name};
        GRAFT_TRY(add(&p, extra->name, &t, 1, (const uint64_t[4]){extra->n, 1, 1, 1},
                      &graft_format_f32));
    }
    for (size_t i = 0; i < weights->n; i++) {
        if (owner_of(weights, weights->tensors[i]->name) == NULL) {
            GRAFT_TRY(take_any(&p, weights->tensors[i]));
        }
    }
    if (p.tied && p.head != NULL && p.embeddings != NULL) {
        GRAFT_TRY(take_tied_head(&p));
    }
    for (size_t i = 0; i < weights->n; i++) {
        const char *name = weights->tensors[i]->name;
        const bool *owner = owner_of(weights, name); /* parts of what is left out are, too */
        if (owner != NULL && *owner && !weights->used[i] && !graft_hf__unused_companion(name)) {
            GRAFT_TRY(graft_hf_weights_fail(weights, name, "is unknown, and would be left out"));
        }
    }
    GRAFT_TRY(check_complete(&p));
    remark(&p);
done:
    return status;
}
