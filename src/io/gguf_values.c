/* io/gguf_values.c - what an open GGUF file says: keys by name, type and range. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/half.h"
#include "core/memory.h"
#include "io/gguf_internal.h"

size_t graft_gguf__type_bytes(graft_gguf_type type)
{
    static const uint8_t bytes[GRAFT_GGUF_N_TYPES] = {
        [GRAFT_GGUF_U8] = 1,  [GRAFT_GGUF_I8] = 1,  [GRAFT_GGUF_U16] = 2, [GRAFT_GGUF_I16] = 2,
        [GRAFT_GGUF_U32] = 4, [GRAFT_GGUF_I32] = 4, [GRAFT_GGUF_F32] = 4, [GRAFT_GGUF_BOOL] = 1,
        [GRAFT_GGUF_U64] = 8, [GRAFT_GGUF_I64] = 8, [GRAFT_GGUF_F64] = 8,
    };
    return type < GRAFT_GGUF_N_TYPES ? bytes[type] : 0;
}

const char *graft_gguf__type_name(graft_gguf_type type)
{
    static const char *const names[GRAFT_GGUF_N_TYPES] = {
        [GRAFT_GGUF_U8] = "u8",   [GRAFT_GGUF_I8] = "i8",         [GRAFT_GGUF_U16] = "u16",
        [GRAFT_GGUF_I16] = "i16", [GRAFT_GGUF_U32] = "u32",       [GRAFT_GGUF_I32] = "i32",
        [GRAFT_GGUF_F32] = "f32", [GRAFT_GGUF_BOOL] = "bool",     [GRAFT_GGUF_STRING] = "string",
        [GRAFT_GGUF_U64] = "u64", [GRAFT_GGUF_ARRAY] = "array",   [GRAFT_GGUF_I64] = "i64",
        [GRAFT_GGUF_F64] = "f64",
    };
    return type < GRAFT_GGUF_N_TYPES ? names[type] : "unknown";
}

uint32_t graft_gguf__u32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t graft_gguf__u64(const uint8_t *b)
{
    return (uint64_t)graft_gguf__u32(b) | (uint64_t)graft_gguf__u32(b + 4) << 32;
}

const char *graft_gguf_path(const graft_gguf *file)
{
    return file->path;
}

size_t graft_gguf_n_kv(const graft_gguf *file)
{
    return file->n_kv;
}

const graft_gguf_kv *graft_gguf_kv_at(const graft_gguf *file, size_t i)
{
    return i < file->n_kv ? &file->kv[i] : NULL;
}

const graft_gguf_kv *graft_gguf_find(const graft_gguf *file, const char *key)
{
    uint64_t index;
    return graft_map_find(&file->keys, key, strlen(key), &index) ? &file->kv[index] : NULL;
}

size_t graft_gguf_n_tensors(const graft_gguf *file)
{
    return file->n_tensors;
}

const graft_gguf_tensor *graft_gguf_tensor_at(const graft_gguf *file, size_t i)
{
    return i < file->n_tensors ? &file->tensors[i] : NULL;
}

const graft_gguf_tensor *graft_gguf_find_tensor(const graft_gguf *file, const char *name)
{
    uint64_t index;
    return graft_map_find(&file->names, name, strlen(name), &index) ? &file->tensors[index] : NULL;
}

static graft_status absent(const graft_gguf *file, const char *key)
{
    return graft_fail(GRAFT_E_MODEL, "%s: key \"%s\" is missing", file->path, key);
}

static graft_status wrong_type(const graft_gguf *file, const graft_gguf_kv *kv, const char *wanted)
{
    char shown[GRAFT_IO_SHOWN];
    bool array = kv->type == GRAFT_GGUF_ARRAY;
    return graft_fail(GRAFT_E_MODEL, "%s: key \"%s\" is %s%s, not %s", file->path,
                      graft_io__show(shown, kv->key.data, kv->key.len),
                      array ? "an array of " : "",
                      graft_gguf__type_name(array ? kv->element_type : kv->type), wanted);
}

/* One number of an integer type as sign and magnitude of a 64-bit value. */
static bool load_integer(graft_gguf_type type, const uint8_t *data, bool *negative, uint64_t *value)
{
    int64_t s;
    *negative = false;
    switch (type) {
    case GRAFT_GGUF_U8: *value = data[0]; return true;
    case GRAFT_GGUF_U16: *value = (uint64_t)data[0] | (uint64_t)data[1] << 8; return true;
    case GRAFT_GGUF_U32: *value = graft_gguf__u32(data); return true;
    case GRAFT_GGUF_U64: *value = graft_gguf__u64(data); return true;
    case GRAFT_GGUF_I8: s = (int8_t)data[0]; break;
    case GRAFT_GGUF_I16: s = (int16_t)(uint16_t)(data[0] | data[1] << 8); break;
    case GRAFT_GGUF_I32: s = (int32_t)graft_gguf__u32(data); break;
    case GRAFT_GGUF_I64: s = (int64_t)graft_gguf__u64(data); break;
    default: return false;
    }
    *negative = s < 0;
    *value = (uint64_t)s;
    return true;
}

static double load_float(graft_gguf_type type, const uint8_t *data)
{
    if (type == GRAFT_GGUF_F64) {
        uint64_t bits = graft_gguf__u64(data);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    return (double)graft_bits_float(graft_gguf__u32(data));
}

graft_status graft_gguf_want_u64(const graft_gguf *file, const char *key, uint64_t min,
                                 uint64_t max, uint64_t *out)
{
    const graft_gguf_kv *kv = graft_gguf_find(file, key);
    bool negative;
    uint64_t value;
    if (kv == NULL) {
        return GRAFT_OK;
    }
    if (!load_integer(kv->type, kv->data, &negative, &value)) {
        return wrong_type(file, kv, "an integer");
    }
    if (negative) {
        return graft_fail(GRAFT_E_MODEL, "%s: key \"%s\" is %" PRId64 ", less than %" PRIu64,
                          file->path, key, (int64_t)value, min);
    }
    if (value < min || value > max) {
        return graft_fail(GRAFT_E_MODEL, "%s: key \"%s\" is %" PRIu64 ", not from %" PRIu64
                          " to %" PRIu64, file->path, key, value, min, max);
    }
    *out = value;
    return GRAFT_OK;
}

graft_status graft_gguf_get_u64(const graft_gguf *file, const char *key, uint64_t min,
                                uint64_t max, uint64_t *out)
{
    if (graft_gguf_find(file, key) == NULL) {
        return absent(file, key);
    }
    return graft_gguf_want_u64(file, key, min, max, out);
}

graft_status graft_gguf_want_f64(const graft_gguf *file, const char *key, double *out)
{
    const graft_gguf_kv *kv = graft_gguf_find(file, key);
    double value;
    if (kv == NULL) {
        return GRAFT_OK;
    }
    if (kv->type != GRAFT_GGUF_F32 && kv->type != GRAFT_GGUF_F64) {
        return wrong_type(file, kv, "a float");
    }
    value = load_float(kv->type, kv->data);
    if (!isfinite(value)) {
        return graft_fail(GRAFT_E_MODEL, "%s: key \"%s\" is not finite", file->path, key);
    }
    *out = value;
    return GRAFT_OK;
}

graft_status graft_gguf_get_f64(const graft_gguf *file, const char *key, double *out)
{
    return graft_gguf_find(file, key) == NULL ? absent(file, key)
                                              : graft_gguf_want_f64(file, key, out);
}

graft_status graft_gguf_want_bool(const graft_gguf *file, const char *key, bool *out)
{
    const graft_gguf_kv *kv = graft_gguf_find(file, key);
    if (kv == NULL) {
        return GRAFT_OK;
    }
    if (kv->type != GRAFT_GGUF_BOOL) {
        return wrong_type(file, kv, "a bool");
    }
    *out = kv->data[0] != 0;
    return GRAFT_OK;
}

graft_status graft_gguf_want_string(const graft_gguf *file, const char *key, graft_gguf_string *out)
{
    const graft_gguf_kv *kv = graft_gguf_find(file, key);
    if (kv == NULL) {
        return GRAFT_OK;
    }
    if (kv->type != GRAFT_GGUF_STRING) {
        return wrong_type(file, kv, "a string");
    }
    *out = (graft_gguf_string){(const char *)(kv->data + 8), kv->n_bytes - 8};
    return GRAFT_OK;
}

bool graft_gguf_string_is(graft_gguf_string string, const char *text)
{
    return string.len == strlen(text) && memcmp(string.data, text, string.len) == 0;
}

graft_status graft_gguf_get_string(const graft_gguf *file, const char *key, graft_gguf_string *out)
{
    return graft_gguf_find(file, key) == NULL ? absent(file, key)
                                              : graft_gguf_want_string(file, key, out);
}

/* Sets *out to the array behind `key`; its elements are still of any type. */
static graft_status get_array(const graft_gguf *file, const char *key, const char *wanted,
                              const graft_gguf_kv **out)
{
    *out = graft_gguf_find(file, key);
    if (*out == NULL) {
        return absent(file, key);
    }
    return (*out)->type == GRAFT_GGUF_ARRAY ? GRAFT_OK : wrong_type(file, *out, wanted);
}

graft_status graft_gguf_array_strings(const graft_gguf *file, const char *key,
                                      graft_gguf_string **out, size_t *n)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_kv *kv;
    const uint8_t *at;
    *out = NULL;
    *n = 0;
    GRAFT_TRY(get_array(file, key, "an array of strings", &kv));
    if (kv->element_type != GRAFT_GGUF_STRING) {
        return wrong_type(file, kv, "an array of strings");
    }
    GRAFT_TRY(graft_alloc(out, (size_t)kv->n, sizeof **out));
    at = kv->data;
    for (uint64_t i = 0; i < kv->n; i++) {
        size_t len = (size_t)graft_gguf__u64(at);
        (*out)[i] = (graft_gguf_string){(const char *)(at + 8), len};
        at += 8 + len;
    }
    *n = (size_t)kv->n;
done:
    return status;
}

graft_status graft_gguf_array_i64(const graft_gguf *file, const char *key, int64_t **out, size_t *n)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_kv *kv;
    int64_t *values = NULL;
    *out = NULL;
    *n = 0;
    GRAFT_TRY(get_array(file, key, "an array of integers", &kv));
    GRAFT_TRY(graft_alloc(&values, (size_t)kv->n, sizeof *values));
    for (uint64_t i = 0; i < kv->n; i++) {
        const uint8_t *at = kv->data + i * graft_gguf__type_bytes(kv->element_type);
        bool negative;
        uint64_t value;
        if (kv->element_type == GRAFT_GGUF_BOOL) {
            values[i] = *at;
            continue;
        }
        if (!load_integer(kv->element_type, at, &negative, &value)) {
            status = wrong_type(file, kv, "an array of integers");
            goto done;
        }
        if (!negative && value > INT64_MAX) {
            status = graft_fail(GRAFT_E_MODEL, "%s: key \"%s\": element %" PRIu64 " is %" PRIu64
                                ", more than 63 bits", file->path, key, i, value);
            goto done;
        }
        values[i] = (int64_t)value;
    }
    *out = values;
    *n = (size_t)kv->n;
    values = NULL;
done:
    graft_free(values);
    return status;
}

graft_status graft_gguf_array_f64(const graft_gguf *file, const char *key, double **out, size_t *n)
{
    graft_status status = GRAFT_OK;
    const graft_gguf_kv *kv;
    size_t bytes;
    *out = NULL;
    *n = 0;
    GRAFT_TRY(get_array(file, key, "an array of floats", &kv));
    if (kv->element_type != GRAFT_GGUF_F32 && kv->element_type != GRAFT_GGUF_F64) {
        return wrong_type(file, kv, "an array of floats");
    }
    GRAFT_TRY(graft_alloc(out, (size_t)kv->n, sizeof **out));
    bytes = graft_gguf__type_bytes(kv->element_type);
    for (uint64_t i = 0; i < kv->n; i++) {
        (*out)[i] = load_float(kv->element_type, kv->data + i * bytes);
    }
    *n = (size_t)kv->n;
done:
    return status;
}
