#include "adapter/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter/lora.h"
#include "adapter/modules.h"
#include "core/memory.h"
#include "core/strings.h"

enum { TARGET_LENGTH = 64 };

/* The next of names separated by commas; false behind the last one. Longer ones are cut. */
static bool next_target(const char **at, char name[TARGET_LENGTH])
{
    size_t n = strcspn(*at, ", ");
    snprintf(name, TARGET_LENGTH, "%.*s", (int)(n < TARGET_LENGTH ? n : TARGET_LENGTH - 1), *at);
    *at += n + strspn(*at + n, ", ");
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
    return strcmp(targets, "all-linear") == 0;
}

static graft_status check_targets(const graft_adapter_options *options, const graft_slot *slots,
                                  size_t n_slots)
{
    const char *at = options->targets;
    char name[TARGET_LENGTH];
    if (is_all(options->targets)) {
        return GRAFT_OK;
    }
    if (*at == '\0') {
        return graft_fail(GRAFT_E_CONFIG, "lora_target_modules names no module");
    }
    while (next_target(&at, name)) {
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
    }
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

static graft_status choose_slots(graft_adapter *adapter, const graft_adapter_options *options,
                                 graft_slot *slots, size_t n_slots)
{
    for (size_t i = 0; i < n_slots; i++) {
        const graft_weight *w = &slots[i].weight;
        if (!is_wanted(options, &slots[i])) {
            continue;
        }
        if (options->rank > w->n_in || options->rank > w->n_out) {
            return graft_fail(GRAFT_E_CONFIG, "lora_r %zu is larger than %s (%zu x %zu)",
                              options->rank, slots[i].name, w->n_out, w->n_in);
        }
        adapter->maps[adapter->n_maps++] =
            (graft_adapter_map){.name = slots[i].name, .slot = &slots[i]};
        adapter->n_params += options->rank * (w->n_in + w->n_out);
    }
    return GRAFT_OK;
}

static void lay_out(graft_adapter *adapter, const graft_adapter_options *options)
{
    size_t at = 0, rank = options->rank;
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_adapter_map *map = &adapter->maps[i];
        const graft_weight *w = &map->slot->weight;
        graft_real *params = adapter->params + at, *grads = adapter->grads + at;
        size_t n_a = rank * w->n_in;
        map->low_rank = (graft_low_rank){
            {params, grads, rank, w->n_in},
            {params + n_a, grads + n_a, w->n_out, rank},
            (graft_real)adapter->scale,
            (graft_real)options->dropout,
            (uint32_t)i,
        };
        at += rank * (w->n_in + w->n_out);
    }
    graft_adapter_reset(adapter, options->seed);
}

graft_status graft_adapter_new(graft_adapter **out, const graft_adapter_options *options,
                               graft_slot *slots, size_t n_slots)
{
    graft_status status = GRAFT_OK;
    graft_adapter *adapter = NULL;
    *out = NULL;
    if (options->rank == 0) {
        return graft_fail(GRAFT_E_CONFIG, "lora_r must be at least 1");
    }
    GRAFT_TRY(check_targets(options, slots, n_slots));
    GRAFT_TRY(graft_alloc(&adapter, 1, sizeof *adapter));
    adapter->rank = options->rank;
    adapter->alpha = options->alpha;
    adapter->scale = options->alpha /
                     (options->rslora ? sqrt((double)options->rank) : (double)options->rank);
    GRAFT_TRY(graft_alloc(&adapter->maps, n_slots, sizeof *adapter->maps));
    GRAFT_TRY(choose_slots(adapter, options, slots, n_slots));
    GRAFT_TRY(graft_alloc(&adapter->params, adapter->n_params, sizeof(graft_real)));
    GRAFT_TRY(graft_alloc(&adapter->grads, adapter->n_params, sizeof(graft_real)));
    lay_out(adapter, options);
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

void graft_adapter_reset(graft_adapter *adapter, uint64_t seed)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_adapter_lora.init(&adapter->maps[i].low_rank, seed, (uint32_t)i);
    }
}

static void copy_in(graft_param *param, const float *values)
{
    for (size_t i = 0; i < param->n_rows * param->n_cols; i++) {
        param->data[i] = values[i];
    }
}

graft_status graft_adapter_set_map(graft_adapter *adapter, const char *name, const float *a,
                                   const float *b, size_t rank, size_t n_in, size_t n_out)
{
    for (size_t i = 0; i < adapter->n_maps; i++) {
        graft_low_rank *map = &adapter->maps[i].low_rank;
        if (strcmp(adapter->maps[i].name, name) != 0) {
            continue;
        }
        if (rank != map->a.n_rows || n_in != map->a.n_cols || n_out != map->b.n_rows) {
            return graft_fail(GRAFT_E_MODEL,
                              "adapter for %s: rank %zu, %zu x %zu; expected rank %zu, %zu x %zu",
                              name, rank, n_out, n_in, map->a.n_rows, map->b.n_rows,
                              map->a.n_cols);
        }
        copy_in(&map->a, a);
        copy_in(&map->b, b);
        return GRAFT_OK;
    }
    return graft_fail(GRAFT_E_MODEL, "adapter for %s: the model or the run has no such target",
                      name);
}

void graft_adapter_zero_grad(graft_adapter *adapter)
{
    memset(adapter->grads, 0, adapter->n_params * sizeof *adapter->grads);
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

void graft_adapter_describe(const graft_adapter *adapter, size_t index, char *out, size_t n)
{
    snprintf(out, n, "element %zu", index);
    for (size_t i = 0; i < adapter->n_maps; i++) {
        const graft_low_rank *map = &adapter->maps[i].low_rank;
        size_t a = (size_t)(map->a.data - adapter->params);
        size_t b = (size_t)(map->b.data - adapter->params);
        if (index >= a && index < b + map->b.n_rows * map->b.n_cols) {
            const graft_param *part = index < b ? &map->a : &map->b;
            size_t within = index < b ? index - a : index - b;
            snprintf(out, n, "%s %s, row %zu, column %zu", adapter->maps[i].name,
                     index < b ? "lora_a" : "lora_b", within / part->n_cols, within % part->n_cols);
        }
    }
}
