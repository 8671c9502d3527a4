#include "adapter/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adapter/lora.h"
#include "adapter/modules.h"
#include "core/memory.h"
#include "core/strings.h"

/* Sets bit m of *wanted for every module that `targets` names. */
static graft_status parse_targets(const char *targets, const graft_slot *slots, size_t n_slots,
                                  uint32_t *wanted)
{
    char name[64];
    *wanted = 0;
    if (strcmp(targets, "all-linear") == 0) {
        *wanted = UINT32_MAX;
        return GRAFT_OK;
    }
    for (const char *at = targets; *at != '\0';) {
        size_t n = strcspn(at, ", ");
        if (n >= sizeof name) {
            return graft_fail(GRAFT_E_CONFIG, "lora_target_modules: a name is too long");
        }
        memcpy(name, at, n);
        name[n] = '\0';
        at += n + strspn(at + n, ", ");
        const graft_module *module = graft_module_find(name);
        bool found = false;
        if (module == NULL) {
            return graft_fail(GRAFT_E_CONFIG,
                              "lora_target_modules: unknown module \"%s\" (known: all-linear, "
                              "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; "
                              "embeddings and the output head cannot be adapted)",
                              name);
        }
        for (size_t i = 0; i < n_slots; i++) {
            found = found || graft_module_is(module, slots[i].name);
        }
        if (!found) {
            return graft_fail(GRAFT_E_CONFIG,
                              "lora_target_modules: this model has no module \"%s\"", name);
        }
        *wanted |= 1u << (module - graft_modules);
    }
    return *wanted != 0 ? GRAFT_OK
                        : graft_fail(GRAFT_E_CONFIG, "lora_target_modules names no module");
}

static bool is_wanted(const graft_slot *slot, uint32_t wanted)
{
    for (const graft_module *m = graft_modules; m->hf != NULL; m++) {
        if (graft_module_is(m, slot->name)) {
            return (wanted >> (m - graft_modules)) & 1u;
        }
    }
    return wanted == UINT32_MAX;
}

static graft_status choose_slots(graft_adapter *adapter, const graft_adapter_options *options,
                                 graft_slot *slots, size_t n_slots, uint32_t wanted)
{
    for (size_t i = 0; i < n_slots; i++) {
        const graft_weight *w = &slots[i].weight;
        if (!is_wanted(&slots[i], wanted)) {
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
        graft_adapter_lora.init(&map->low_rank, options->seed, (uint32_t)i);
    }
}

graft_status graft_adapter_new(graft_adapter **out, const graft_adapter_options *options,
                               graft_slot *slots, size_t n_slots)
{
    graft_status status = GRAFT_OK;
    graft_adapter *adapter = NULL;
    uint32_t wanted = 0;
    *out = NULL;
    if (options->rank == 0) {
        return graft_fail(GRAFT_E_CONFIG, "lora_r must be at least 1");
    }
    GRAFT_TRY(parse_targets(options->targets, slots, n_slots, &wanted));
    GRAFT_TRY(graft_alloc(&adapter, 1, sizeof *adapter));
    adapter->rank = options->rank;
    adapter->alpha = options->alpha;
    adapter->scale = options->alpha /
                     (options->rslora ? sqrt((double)options->rank) : (double)options->rank);
    GRAFT_TRY(graft_alloc(&adapter->maps, n_slots, sizeof *adapter->maps));
    GRAFT_TRY(choose_slots(adapter, options, slots, n_slots, wanted));
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
            snprintf(out, n, "%s %s", adapter->maps[i].name, index < b ? "lora_a" : "lora_b");
        }
    }
}
