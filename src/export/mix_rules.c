/* mix_rules.c - which tensor gets which type under which mix: llama.cpp's rules (src/llama-quant.cpp).
 *
 * A rule looks at the part a tensor plays (told by its name), at how many layers come before it,
 * and at the model's shape. Tensors are counted in the order of layers and names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "export/mix_types.h"
#include "export/mixes.h"

typedef enum part {
    PART_OUTPUT, PART_EMBEDDING, PART_VALUE, PART_KEY, PART_QUERY, PART_ATTENTION_OUTPUT, PART_DOWN,
    PART_OTHER
} part;

/* Names of parts, the first that a tensor's name contains counts. Joined q, k and v are values. */
static const struct {
    const char *name;
    part part;
} parts[] = {
    {"attn_qkv.weight", PART_VALUE},
    {"attn_kv_b.weight", PART_VALUE},
    {"attn_v.weight", PART_VALUE},
    {"attn_k.weight", PART_KEY},
    {"attn_q.weight", PART_QUERY},
    {"attn_output.weight", PART_ATTENTION_OUTPUT},
    {"ffn_up", PART_OTHER},
    {"ffn_gate", PART_OTHER},
    {"ffn_down", PART_DOWN},
};

/* Weights with these in their names are small or fragile and stay as they are. */
static const char *const kept[] = {
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
    "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight",
    "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
    "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd",
    "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook",
    "mm.a.code_embd",
};

/* What is counted while the tensors go by. */
typedef struct walk {
    const graft_mix_model *model;
    uint32_t type; /* the mix */
    bool importance, tied, falcon, is_70b;
    uint64_t i_value, n_value; /* values seen, and in all */
    uint64_t i_down;
} walk;

static part part_of(const char *name)
{
    if (strcmp(name, "output.weight") == 0) {
        return PART_OUTPUT;
    }
    if (strcmp(name, "token_embd.weight") == 0 || strcmp(name, "per_layer_token_embd.weight") == 0) {
        return PART_EMBEDDING;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(name, parts[i].name) != NULL) {
            return parts[i].part;
        }
    }
    return PART_OTHER;
}

/* Two or more dimensions that are not 1, and not one of those that stay. */
static bool is_changed(const graft_mix_tensor *tensor)
{
    const char *name = tensor->name;
    if ((tensor->ne[1] == 1 && tensor->ne[2] == 1 && tensor->ne[3] == 1) ||
        !graft_str_ends_with(name, "weight") || strcmp(name, "position_embd.weight") == 0 ||
        strcmp(name, "token_types.weight") == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (strstr(name, kept[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* The layer of "blk.N.", -1 for others. */
static int64_t layer_of(const char *name)
{
    int layer;
    return sscanf(name, "blk.%9d.", &layer) == 1 ? layer : -1;
}

/* The first and last eighth of the layers, and every third between. */
static bool is_sensitive(uint64_t i, uint64_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static const char *value_type(const walk *w, const char *type)
{
    bool shared = w->model->n_kv > 0 && w->model->n_head / w->model->n_kv >= 4; /* small, then */
    switch (w->type) {
    case GRAFT_MIX_Q2_K: type = shared ? "Q4_K" : "Q3_K"; break;
    case GRAFT_MIX_Q2_K_S: type = shared ? "Q4_K" : type; break;
    case GRAFT_MIX_Q3_K_M: type = w->i_value < 2 ? "Q5_K" : "Q4_K"; break;
    case GRAFT_MIX_Q3_K_L: type = "Q5_K"; break;
    case GRAFT_MIX_IQ4_NL:
    case GRAFT_MIX_IQ4_XS: type = shared ? "Q5_K" : type; break;
    case GRAFT_MIX_Q4_K_M:
    case GRAFT_MIX_Q5_K_M: type = is_sensitive(w->i_value, w->n_value) ? "Q6_K" : type; break;
    case GRAFT_MIX_Q4_K_S: type = w->i_value < 4 ? "Q5_K" : type; break;
    default: break;
    }
    if (w->is_70b && (strcmp(type, "Q3_K") == 0 || strcmp(type, "Q4_K") == 0)) {
        type = "Q5_K";
    }
    return w->model->n_expert == 8 ? "Q8_0" : type;
}

static const char *down_type(const walk *w, uint64_t i, const char *type)
{
    uint64_t n = w->model->n_layer;
    bool early = i < n / 8;
    switch (w->type) {
    case GRAFT_MIX_Q2_K: return "Q3_K";
    case GRAFT_MIX_Q2_K_S: return early ? "Q4_K" : type;
    case GRAFT_MIX_Q3_K_M:
        return i < n / 16 ? "Q5_K" : !w->falcon || is_sensitive(i, n) ? "Q4_K" : type;
    case GRAFT_MIX_Q3_K_L: return w->falcon ? "Q4_K" : "Q5_K";
    case GRAFT_MIX_Q4_K_M:
        if (w->falcon) {
            return i < n / 16 ? "Q6_K" : is_sensitive(i, n) ? "Q5_K" : type;
        }
        return is_sensitive(i, n) ? "Q6_K" : type;
    case GRAFT_MIX_IQ4_NL:
    case GRAFT_MIX_IQ4_XS: return early && !w->importance ? "Q5_K" : type;
    case GRAFT_MIX_Q5_K_M: return is_sensitive(i, n) ? "Q6_K" : type;
    case GRAFT_MIX_Q4_K_S: return early && !w->falcon ? "Q5_K" : type;
    /* the first layers can go wrong with symmetric types even when they are weighed */
    case GRAFT_MIX_Q4_0: return early && w->importance ? "Q4_1" : type;
    case GRAFT_MIX_Q5_0: return early && w->importance ? "Q5_1" : type;
    default: return type;
    }
}

static const char *attention_output_type(const walk *w, const char *type)
{
    if (w->falcon) {
        return w->type == GRAFT_MIX_Q3_K_L ? "Q4_K" : type;
    }
    if (w->model->n_expert == 8) {
        switch (w->type) {
        case GRAFT_MIX_Q2_K: case GRAFT_MIX_Q3_K_S: case GRAFT_MIX_Q3_K_M: case GRAFT_MIX_IQ4_NL:
        case GRAFT_MIX_IQ4_XS: case GRAFT_MIX_Q4_K_S: case GRAFT_MIX_Q4_K_M: return "Q5_K";
        default: return type;
        }
    }
    switch (w->type) {
    case GRAFT_MIX_Q2_K: return "Q3_K";
    case GRAFT_MIX_Q3_K_M: return "Q4_K";
    case GRAFT_MIX_Q3_K_L: return "Q5_K";
    default: return type;
    }
}

/* Sets *type, the mix's main one before, to the one for this tensor. */
static graft_status choose(walk *w, const graft_mix_tensor *tensor, const graft_format *base,
                           const char **type)
{
    part p = part_of(tensor->name);
    uint64_t layer = w->i_down;
    switch (p) {
    case PART_EMBEDDING:
        if (!w->tied) {
            break;
        } /* else it is the output as well */ /* fall through */
    case PART_OUTPUT:
        if (w->falcon || tensor->ne[0] % base->block_elems != 0) {
            *type = "Q8_0";
        } else if (w->type != GRAFT_MIX_Q8_0) {
            *type = "Q6_K";
        }
        break;
    case PART_VALUE:
        *type = value_type(w, *type);
        w->i_value++;
        break;
    case PART_KEY:
        *type = w->model->n_expert == 8 ? "Q8_0" : *type;
        break;
    case PART_DOWN:
        if (w->model->n_expert > 1) { /* experts of a layer may stand apart */
            int64_t named = layer_of(tensor->name);
            if (named < 0 || (uint64_t)named >= w->model->n_layer) {
                return graft_fail(GRAFT_E_MODEL, "tensor \"%s\" is of no layer", tensor->name);
            }
            layer = (uint64_t)named;
        }
        *type = down_type(w, layer, *type);
        w->i_down++;
        break;
    case PART_ATTENTION_OUTPUT:
        *type = attention_output_type(w, *type);
        break;
    case PART_QUERY:
    case PART_OTHER:
        break;
    }
    return GRAFT_OK;
}

/* What a type is replaced by if rows are no multiple of its 256. */
static const struct {
    const char *type, *instead;
} fallbacks[] = {
    {"IQ4_XS", "IQ4_NL"}, {"Q2_K", "Q4_0"}, {"Q3_K", "Q4_0"},
    {"Q4_K", "Q5_0"},     {"Q5_K", "Q5_1"}, {"Q6_K", "Q8_0"},
};

static graft_status fit_shape(graft_mix_tensor *tensor)
{
    const graft_format *meant = tensor->target;
    size_t i = 0, n = sizeof fallbacks / sizeof *fallbacks;
    if (tensor->ne[0] % meant->block_elems == 0) {
        return GRAFT_OK;
    }
    while (i < n && strcmp(fallbacks[i].type, meant->name) != 0) {
        i++;
    }
    if (i == n) {
        return graft_fail(GRAFT_E_MODEL, "tensor \"%s\": rows of %llu numbers are no multiple of %u "
                          "and cannot be %s (f16, bf16 and f32 have no blocks)", tensor->name,
                          (unsigned long long)tensor->ne[0], (unsigned)meant->block_elems,
                          meant->name);
    }
    tensor->fallback = true;
    tensor->target = graft_format_by_name(fallbacks[i].instead);
    if (tensor->ne[0] % tensor->target->block_elems != 0) {
        tensor->target = &graft_format_f16;
    }
    return GRAFT_OK;
}

int graft_mix_order(const char *a, const char *b)
{
    int64_t x = layer_of(a), y = layer_of(b);
    return x != y ? (x < y ? -1 : 1) : strcmp(a, b);
}

static int in_order(const void *a, const void *b)
{
    const graft_mix_tensor *const *x = a, *const *y = b;
    return graft_mix_order((*x)->name, (*y)->name);
}

static walk begin(const graft_mix *mix, const graft_mix_model *model,
                  graft_mix_tensor *const *order, size_t n, bool has_importance)
{
    walk w = {.model = model, .type = mix->file_type, .importance = has_importance, .tied = true};
    w.falcon = strcmp(model->arch, "falcon") == 0;
    /* values of the 70B models are an eighth of the queries */
    w.is_70b = model->n_layer == 80 && (strcmp(model->arch, "qwen2") == 0 ||
                                        (strcmp(model->arch, "llama") == 0 &&
                                         model->n_head != model->n_kv));
    for (size_t i = 0; i < n; i++) {
        part p = part_of(order[i]->name);
        w.n_value += p == PART_VALUE;
        w.tied = w.tied && p != PART_OUTPUT;
    }
    return w;
}

graft_status graft_mix_choose(const graft_mix *mix, const graft_mix_model *model,
                              graft_mix_tensor *tensors, size_t n, bool has_importance)
{
    graft_status status = GRAFT_OK;
    const graft_format *base = graft_format_by_name(mix->format);
    graft_mix_tensor **order = NULL;
    GRAFT_TRY(graft_alloc(&order, n, sizeof *order));
    for (size_t i = 0; i < n; i++) {
        order[i] = &tensors[i];
    }
    qsort(order, n, sizeof *order, in_order);
    walk w = begin(mix, model, order, n, has_importance);
    for (size_t i = 0; i < n; i++) {
        graft_mix_tensor *tensor = order[i];
        const char *type = mix->format;
        tensor->target = tensor->format;
        tensor->fallback = false;
        if (!is_changed(tensor)) {
            continue;
        }
        if (base->block_elems > 1) {
            GRAFT_TRY(choose(&w, tensor, base, &type));
        }
        tensor->target = graft_format_by_name(type);
        GRAFT_TRY(fit_shape(tensor));
    }
done:
    graft_free(order);
    return status;
}

bool graft_mix_needs_importance(const graft_mix *mix, const graft_mix_tensor *tensor)
{
    part p = part_of(tensor->name);
    return mix->file_type == GRAFT_MIX_Q2_K_S && p != PART_OUTPUT && p != PART_EMBEDDING &&
           strcmp(tensor->target->name, "Q2_K") == 0;
}
