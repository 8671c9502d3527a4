#include "adapter/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter/dora.h"
#include "adapter/kinds.h"
#include "adapter/modules.h"
#include "adapter/patterns.h"
#include "core/memory.h"
#include "core/strings.h"

enum { TARGET_LENGTH = 64 };

/* The next of names separated by commas; false behind the last one. Longer ones are cut. */
static bool next_target(const char **at, char name[TARGET_LENGTH])
{
    *at += strspn(*at, ", ");
    size_t n = strcspn(*at, ", ");
    snprintf(name, TARGET_LENGTH, "%.*s", (int)(n < TARGET_LENGTH ? n : TARGET_LENGTH - 1), *at);
    *at += n;
    return n > 0;
}

/* As the file names it, or as Hugging Face does. */
static bool is_called(const graft_slot *slot, const char *arch, const char *name)
{
    const graft_module *module = graft_module_of(arch, slot->name);
    return module != NULL && (strcmp(module->hf, name) == 0 || strcmp(module->gguf, name) == 0);
}

static graft_status fail_unknown(const char *name)
{
    graft_status status = GRAFT_OK;
    graft_text known;
    graft_text_init(&known);
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        GRAFT_TRY(graft_text_appendf(&known, ", %s", m->hf));
    }
    status = graft_fail(GRAFT_E_CONFIG,
                        "lora_target_modules: unknown module \"%s\" (known: all-linear%s; "
                        "embeddings and the output head cannot be adapted)",
                        name, graft_text_z(&known));
done:
    graft_text_clear(&known);
    return status;
}

static bool is_all(const char *targets)
{
    char name[TARGET_LENGTH];
    bool all = false;
    while (next_target(&targets, name)) {
        all = all || strcmp(name, "all-linear") == 0;
    }
    return all;
}

static graft_status check_targets(const graft_adapter_options *options, const graft_slot *slots,
                                  size_t n_slots)
{
    const char *at = options->targets;
    char name[TARGET_LENGTH];
    if (!next_target(&at, name)) {
        return graft_fail(GRAFT_E_CONFIG, "lora_target_modules names no module");
    }
    if (is_all(options->targets)) {
        return GRAFT_OK;
    }
    do {
        bool found = false;
        for (size_t i = 0; i < n_slots; i++) {
            found = found || is_called(&slots[i], options->arch, name);
        }
        if (graft_module_find(name) == NULL) {
            return fail_unknown(name);
        }
        if (!found) {
            return graft_fail(GRAFT_E_CONFIG,
                              "lora_target_modules: this model has no module \"%s\"", name);
        }
    } while (next_target(&at, name));
    return GRAFT_OK;
}

static bool is_wanted(const graft_adapter_options *options, const graft_slot *slot)
{
    const char *at = options->targets;
    char name[TARGET_LENGTH];
    if (is_all(options->targets)) {
        return true;
    }
    while (next_target(&at, name)) {
        if (is_called(slot, options->arch, name)) {
            return true;
        }
    }
    return false;
}

static double scale_of(const graft_adapter_options *options, size_t rank, double alpha)
{
    return alpha / (options->rslora ? sqrt((double)rank) : (double)rank);
}

/* Adds a map on the slot with the rank and scale that it is to have. */
static graft_status add_map(graft_adapter *adapter, const graft_adapter_options *options,
                            const graft_adapter_kind *kind, graft_slot *slot)
{
    const graft_weight *w = &slot->weight;
    size_t rank = (size_t)graft_patterns_find(&options->rank_pattern, options->arch, slot,
                                              (double)options->rank);
    double alpha =
        graft_patterns_find(&options->alpha_pattern, options->arch, slot, options->alpha);
    if (rank > w->n_in || rank > w->n_out) {
        return graft_fail(GRAFT_E_CONFIG, "%s %zu is larger than %s (%zu x %zu)",
                          rank == options->rank ? "lora_r" : "lora_rank_pattern:", rank,
                          slot->name, w->n_out, w->n_in);
    }
    size_t held = kind->is_part_of_weight ? 2 * rank : rank;
    adapter->maps[adapter->n_maps++] = (graft_adapter_map){
        .low_rank = {.a = {.n_rows = held, .n_cols = w->n_in},
                     .b = {.n_rows = w->n_out, .n_cols = held}},
        .name = slot->name,
        .slot = slot,
        .scale = scale_of(options, rank, alpha),
        .n_trained = rank,
    };
    adapter->n_params += held * (w->n_in + w->n_out) + (options->dora ? w->n_out : 0);
    return GRAFT_OK;
}

static graft_status choose_slots(graft_adapter *adapter, const graft_adapter_options *options,
                                 const graft_adapter_kind *kind, graft_slot *slots,
                                 size_t n_slots)
{
    graft_status status = GRAFT_OK;
    const char *arch = options->arch;
    bool *wanted = NULL;
    GRAFT_TRY(graft_alloc(&wanted, n_slots, sizeof *wanted));
    for (size_t i = 0; i < n_slots; i++) {
        wanted[i] = is_wanted(options, &slots[i]);
    }
    GRAFT_TRY(graft_patterns_check("lora_rank_pattern", &options->rank_pattern, true, arch, slots,
                                   wanted, n_slots));
    GRAFT_TRY(graft_patterns_check("lora_alpha_pattern", &options->alpha_pattern, false, arch,
                                   slots, wanted, n_slots));
    for (size_t i = 0; i < n_slots; i++) {
        if (wanted[i]) {
            GRAFT_TRY(add_map(adapter, options, kind, &slots[i]));
        }
    }
done:
    graft_free(wanted);
    return status;
}

/* Gives every map its part of the flat arrays. */
static void lay_out(graft_adapter *adapter, const graft_adapter_options *options)
{
    size_t at = 0;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_low_rank *map = &adapter->maps[i].low_rank;
        graft_real *params = adapter->params + at, *grads = adapter->grads + at;
        size_t rank = map->a.n_rows, n_in = map->a.n_cols, n_out = map->b.n_rows;
        size_t n_a = rank * n_in, n_both = rank * (n_in + n_out);
        *map = (graft_low_rank){
            .a = {params, grads, rank, n_in},
            .b = {params + n_a, grads + n_a, n_out, rank},
            .scale = (graft_real)adapter->maps[i].scale,
            .dropout = (graft_real)options->dropout,
            .site = (uint32_t)i,
        };
        if (options->dora) {
            map->magnitude = (graft_param){params + n_both, grads + n_both, n_out, 1};
        }
        at += n_both + (options->dora ? n_out : 0);
    }
}

/* What magnitudes are measured with. */
static graft_status prepare_magnitudes(graft_adapter_map *map)
{
    graft_status status = GRAFT_OK;
    size_t n = map->low_rank.b.n_rows;
    GRAFT_TRY(graft_alloc(&map->w_squares, n, sizeof *map->w_squares));
    GRAFT_TRY(graft_alloc(&map->measured, 2 * n, sizeof *map->measured));
    GRAFT_TRY(graft_dora_square_rows(map->w_squares, &map->slot->weight));
    map->low_rank.w_squares = map->w_squares;
    map->low_rank.inv_norm = map->measured;
    map->low_rank.factor = map->measured + n;
done:
    return status;
}

/* Every kind begins as W is, so rows are as long as its own. */
static void begin_magnitudes(const graft_low_rank *map)
{
    for (size_t i = 0; i < map->magnitude.n_rows; i++) {
        map->magnitude.data[i] = (float)sqrt(map->w_squares[i]);
    }
}

/* Puts the start behind what is trained, negative. */
static graft_status freeze_start(graft_adapter_map *map)
{
    graft_status status = GRAFT_OK;
    graft_param *a = &map->low_rank.a, *b = &map->low_rank.b;
    size_t n = map->n_trained, rank = a->n_rows;
    if (map->start == NULL) {
        GRAFT_TRY(graft_alloc(&map->start, b->n_rows * n, sizeof *map->start));
    }
    memcpy(a->data + n * a->n_cols, a->data, n * a->n_cols * sizeof *a->data);
    for (size_t i = 0; i < b->n_rows; i++) {
        for (size_t k = 0; k < n; k++) {
            map->start[i * n + k] = b->data[i * rank + n + k] = -b->data[i * rank + k];
        }
    }
done:
    return status;
}

graft_status graft_adapter_reset(graft_adapter *adapter)
{
    graft_status status = GRAFT_OK;
    const graft_adapter_kind *kind = adapter->kind;
    memset(adapter->params, 0, adapter->n_params * sizeof *adapter->params);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_adapter_map *map = &adapter->maps[i];
        status = kind->init(&map->low_rank, map->n_trained, &map->slot->weight, adapter->seed,
                            (uint32_t)i);
        if (status != GRAFT_OK) {
            status = graft_fail_prefix("%s", map->name);
            goto done;
        }
        if (kind->is_part_of_weight) {
            GRAFT_TRY(freeze_start(map));
        }
        begin_magnitudes(&map->low_rank);
    }
done:
    return status;
}

graft_status graft_adapter_new(graft_adapter **out, const graft_adapter_options *options,
                               graft_slot *slots, size_t n_slots)
{
    graft_status status = GRAFT_OK;
    graft_adapter *adapter = NULL;
    *out = NULL;
    const graft_adapter_kind *kind =
        graft_adapter_kind_find(options->init == NULL ? "true" : options->init);
    if (options->rank == 0) {
        return graft_fail(GRAFT_E_CONFIG, "lora_r must be at least 1");
    }
    if (kind == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "init_lora_weights: unknown \"%s\"", options->init);
    }
    if (kind->is_part_of_weight && options->dropout > 0) {
        return graft_fail(GRAFT_E_CONFIG, "init_lora_weights: %s needs lora_dropout: 0 (the part of "
                          "the base that it trains would be dropped as well)", kind->name);
    }
    if (options->dora && options->dropout > 0) {
        return graft_fail(GRAFT_E_CONFIG, "use_dora needs lora_dropout: 0 (what a DoRA drops goes into "
                          "the frozen weights as well, so that each would be multiplied twice)");
    }
    GRAFT_TRY(check_targets(options, slots, n_slots));
    GRAFT_TRY(graft_alloc(&adapter, 1, sizeof *adapter));
    adapter->rank = options->rank;
    adapter->alpha = options->alpha;
    adapter->scale = scale_of(options, options->rank, options->alpha);
    GRAFT_TRY(graft_alloc(&adapter->maps, n_slots, sizeof *adapter->maps));
    GRAFT_TRY(choose_slots(adapter, options, kind, slots, n_slots));
    GRAFT_TRY(graft_alloc(&adapter->params, adapter->n_params, sizeof(graft_real)));
    GRAFT_TRY(graft_alloc(&adapter->grads, adapter->n_params, sizeof(graft_real)));
    lay_out(adapter, options);
    for (size_t i = 0; i < adapter->n_maps && options->dora; i++) {
        GRAFT_TRY(prepare_magnitudes(&adapter->maps[i]));
    }
    adapter->dora = options->dora;
    adapter->kind = kind;
    adapter->seed = options->seed;
    GRAFT_TRY(graft_adapter_reset(adapter));
    graft_adapter_enable(adapter, true);
    *out = adapter;
    adapter = NULL;
done:
    graft_adapter_free(adapter);
    return status;
}

void graft_adapter_free(graft_adapter *adapter)
{
    if (adapter == NULL) {
        return;
    }
    graft_adapter_enable(adapter, false);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_free(adapter->maps[i].start);
        graft_free(adapter->maps[i].w_squares);
        graft_free(adapter->maps[i].measured);
    }
    graft_free(adapter->maps);
    graft_free(adapter->params);
    graft_free(adapter->grads);
    graft_free(adapter);
}

void graft_adapter_enable(graft_adapter *adapter, bool on)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        adapter->maps[i].slot->low_rank = on ? &adapter->maps[i].low_rank : NULL;
    }
}

static void copy_in(graft_param *param, const float *values)
{
    for (size_t i = 0; i < param->n_rows * param->n_cols; i++) {
        param->data[i] = values[i];
    }
}

static graft_status find_map(const graft_adapter *adapter, const char *name,
                             graft_low_rank **out)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        if (strcmp(adapter->maps[i].name, name) == 0) {
            *out = &adapter->maps[i].low_rank;
            return GRAFT_OK;
        }
    }
    return graft_fail(GRAFT_E_MODEL, "adapter for %s: the model or the run has no such target",
                      name);
}

graft_status graft_adapter_set_map(graft_adapter *adapter, const char *name, const float *a,
                                   const float *b, size_t rank, size_t n_in, size_t n_out)
{
    graft_status status = GRAFT_OK;
    graft_low_rank *map = NULL;
    GRAFT_TRY(find_map(adapter, name, &map));
    if (rank != map->a.n_rows || n_in != map->a.n_cols || n_out != map->b.n_rows) {
        return graft_fail(GRAFT_E_MODEL,
                          "adapter for %s: rank %zu, %zu x %zu; expected rank %zu, %zu x %zu",
                          name, rank, n_out, n_in, map->a.n_rows, map->b.n_rows, map->a.n_cols);
    }
    copy_in(&map->a, a);
    copy_in(&map->b, b);
done:
    return status;
}

graft_status graft_adapter_set_magnitudes(graft_adapter *adapter, const char *name,
                                          const float *magnitudes, size_t n_out)
{
    graft_status status = GRAFT_OK;
    graft_low_rank *map = NULL;
    GRAFT_TRY(find_map(adapter, name, &map));
    if (n_out != map->magnitude.n_rows) {
        return graft_fail(GRAFT_E_MODEL, "adapter for %s: %zu magnitudes; expected %zu", name, n_out,
                          map->magnitude.n_rows);
    }
    copy_in(&map->magnitude, magnitudes);
done:
    return status;
}

graft_status graft_adapter_take_lengths(graft_adapter *adapter, graft_compute *compute)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *map = &adapter->maps[i].low_rank;
        GRAFT_TRY(graft_slots_measure(adapter->maps[i].slot, 1, compute));
        for (size_t k = 0; k < map->magnitude.n_rows; k++) {
            graft_real inverse = map->inv_norm[k];
            map->magnitude.data[k] = inverse == 0 ? 0 : 1 / inverse;
        }
    }
done:
    return status;
}

void graft_adapter_zero_grad(graft_adapter *adapter)
{
    memset(adapter->grads, 0, adapter->n_params * sizeof *adapter->grads);
}

void graft_adapter_freeze_grad(graft_adapter *adapter)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_adapter_map *map = &adapter->maps[i];
        const graft_param *a = &map->low_rank.a, *b = &map->low_rank.b;
        size_t n = map->n_trained, rank = a->n_rows;
        if (n == rank) {
            continue;
        }
        memset(a->grad + n * a->n_cols, 0, (rank - n) * a->n_cols * sizeof *a->grad);
        for (size_t k = 0; k < b->n_rows; k++) {
            memset(b->grad + k * rank + n, 0, (rank - n) * sizeof *b->grad);
        }
    }
}

size_t graft_find_nonfinite(const graft_real *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return i;
        }
    }
    return n;
}

/* Does the parameter stand in this matrix? Says where. */
static bool describe_in(const graft_adapter *adapter, const graft_param *part, size_t index,
                        const char *map, const char *name, char *out, size_t n)
{
    size_t first = (size_t)(part->data - adapter->params);
    if (part->data == NULL || index < first || index - first >= part->n_rows * part->n_cols) {
        return false;
    }
    snprintf(out, n, "%s %s, row %zu, column %zu", map, name, (index - first) / part->n_cols,
             (index - first) % part->n_cols);
    return true;
}

void graft_adapter_describe(const graft_adapter *adapter, size_t index, char *out, size_t n)
{
    snprintf(out, n, "element %zu", index);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *map = &adapter->maps[i].low_rank;
        const char *name = adapter->maps[i].name;
        if (describe_in(adapter, &map->a, index, name, "lora_a", out, n) ||
            describe_in(adapter, &map->b, index, name, "lora_b", out, n) ||
            describe_in(adapter, &map->magnitude, index, name, "lora_magnitude_vector", out, n)) {
            return;
        }
    }
}
