#include "adapter/patterns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/modules.h"

/* One pattern, taken apart. */
typedef struct pattern {
    const char *module; /* n_module characters: "q_proj" */
    size_t n_module;
    bool has_layer;
    unsigned long layer;
    double value;
} pattern;

static bool part_is(const char *part, size_t n, const char *text)
{
    return strlen(text) == n && memcmp(part, text, n) == 0;
}

/* Parts of names that stand for nothing: between the layer and the module, and before the layer. */
static bool is_filler(const char *part, size_t n)
{
    return part_is(part, n, "self_attn") || part_is(part, n, "mlp") || part_is(part, n, "model");
}

/* Reads the parts before the module, text[0..n): "model.layers.3.self_attn." and the like. */
static bool read_place(pattern *out, const char *text, size_t n)
{
    bool number_next = false;
    for (size_t i = 0, m; i < n; i += m + 1) {
        char *end;
        m = strcspn(text + i, ".");
        if (number_next) {
            out->layer = strtoul(text + i, &end, 10);
            if (m == 0 || m > 8 || end != text + i + m || text[i] < '0' || text[i] > '9') {
                return false;
            }
            out->has_layer = true;
            number_next = false;
        } else if (!out->has_layer &&
                   (part_is(text + i, m, "layers") || part_is(text + i, m, "blk"))) {
            number_next = true;
        } else if (!is_filler(text + i, m)) {
            return false;
        }
    }
    return !number_next;
}

static bool read_pattern(pattern *out, const char *text)
{
    size_t n = strcspn(text, "="), start = n;
    const char *number = text + n + (text[n] == '=');
    char *end;
    *out = (pattern){0};
    while (start > 0 && text[start - 1] != '.') {
        start--;
    }
    out->module = text + start;
    out->n_module = n - start;
    out->value = strtod(number, &end);
    return text[n] == '=' && out->n_module > 0 && end != number && *end == '\0' &&
           read_place(out, text, start);
}

static bool fits(const pattern *p, const char *arch, const graft_slot *slot)
{
    const graft_module *module = graft_module_of(arch, slot->name);
    return module != NULL &&
           (part_is(p->module, p->n_module, module->hf) ||
            part_is(p->module, p->n_module, module->gguf)) &&
           (!p->has_layer || p->layer == slot->layer);
}

graft_status graft_patterns_check(const char *setting, const graft_adapter_patterns *patterns,
                                  bool whole, const char *arch, const graft_slot *slots,
                                  const bool *wanted, size_t n_slots)
{
    for (size_t i = 0; i < patterns->n; i++) {
        const char *text = patterns->items[i];
        pattern p;
        bool found = false;
        if (!read_pattern(&p, text)) {
            return graft_fail(GRAFT_E_CONFIG, "%s: \"%s\" is not MODULE: NUMBER, with a module like "
                              "q_proj or layers.3.self_attn.q_proj", setting, text);
        }
        if (!(p.value > 0 && p.value <= 1e6) || (whole && p.value != floor(p.value))) {
            return graft_fail(GRAFT_E_CONFIG, "%s: \"%s\" needs a %s above 0 and up to 1000000",
                              setting, text, whole ? "whole number" : "number");
        }
        for (size_t k = 0; k < n_slots && !found; k++) {
            found = wanted[k] && fits(&p, arch, &slots[k]);
        }
        if (!found) {
            return graft_fail(GRAFT_E_CONFIG, "%s: no module that is adapted is called \"%.*s\" "
                              "(lora_target_modules says which are)", setting,
                              (int)strcspn(text, "="), text);
        }
    }
    return GRAFT_OK;
}

double graft_patterns_find(const graft_adapter_patterns *patterns, const char *arch,
                           const graft_slot *slot, double otherwise)
{
    for (size_t i = 0; i < patterns->n; i++) {
        pattern p;
        if (read_pattern(&p, patterns->items[i]) && fits(&p, arch, slot)) {
            return p.value;
        }
    }
    return otherwise;
}
