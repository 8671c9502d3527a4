/* convert/keys.c - keys of the GGUF file that a folder becomes. */
#include "convert/keys.h"

#include <stdio.h>
#include <string.h>

#include "core/half.h"
#include "core/strings.h"

enum { LONGEST_KEY = 256 };

static const char *full_name(const graft_hf_keys *keys, const char *name, char out[LONGEST_KEY])
{
    snprintf(out, LONGEST_KEY, "%s%s", name[0] == '.' ? keys->arch : "", name);
    return out;
}

graft_status graft_hf_key_u32(const graft_hf_keys *keys, const char *name, uint64_t value)
{
    char full[LONGEST_KEY];
    if (value > UINT32_MAX) {
        return graft_fail(GRAFT_E_MODEL, "%s: %llu does not fit 32 bits",
                          full_name(keys, name, full), (unsigned long long)value);
    }
    return graft_gguf_set_u32(keys->writer, full_name(keys, name, full), (uint32_t)value);
}

graft_status graft_hf_key_f32(const graft_hf_keys *keys, const char *name, double value)
{
    char full[LONGEST_KEY];
    return graft_gguf_set_f32(keys->writer, full_name(keys, name, full), (float)value);
}

graft_status graft_hf_key_bool(const graft_hf_keys *keys, const char *name, bool value)
{
    char full[LONGEST_KEY];
    return graft_gguf_set_bool(keys->writer, full_name(keys, name, full), value);
}

graft_status graft_hf_key_bytes(const graft_hf_keys *keys, const char *name, const char *bytes,
                                size_t n)
{
    char full[LONGEST_KEY];
    return graft_gguf_set_string(keys->writer, full_name(keys, name, full), bytes, n);
}

graft_status graft_hf_key_text(const graft_hf_keys *keys, const char *name, const char *text)
{
    return graft_hf_key_bytes(keys, name, text, strlen(text));
}

static graft_status append_number(graft_text *out, uint64_t value, unsigned bytes)
{
    char b[8];
    for (unsigned i = 0; i < bytes; i++) {
        b[i] = (char)(value >> (8 * i) & 0xff);
    }
    return graft_text_append(out, b, bytes);
}

/* The encoded value under the name. */
static graft_status set(const graft_hf_keys *keys, const char *name, graft_gguf_type type,
                        graft_gguf_type element_type, uint64_t n, const graft_text *data)
{
    char full[LONGEST_KEY];
    full_name(keys, name, full);
    graft_gguf_kv kv = {.key = {full, strlen(full)}, .type = type, .element_type = element_type,
                        .n = n, .data = (const uint8_t *)graft_text_z(data),
                        .n_bytes = data->len};
    return graft_gguf_copy_kv(keys->writer, &kv);
}

graft_status graft_hf_key_i32(const graft_hf_keys *keys, const char *name, int64_t value)
{
    graft_status status = GRAFT_OK;
    graft_text data;
    graft_text_init(&data);
    if (value < INT32_MIN || value > INT32_MAX) {
        return graft_fail(GRAFT_E_MODEL, "%s: %lld does not fit 32 bits", name, (long long)value);
    }
    GRAFT_TRY(append_number(&data, (uint64_t)value, 4));
    GRAFT_TRY(set(keys, name, GRAFT_GGUF_I32, GRAFT_GGUF_I32, 1, &data));
done:
    graft_text_clear(&data);
    return status;
}

graft_status graft_hf_key_strings(const graft_hf_keys *keys, const char *name,
                                  const graft_gguf_string *values, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text data;
    graft_text_init(&data);
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(append_number(&data, values[i].len, 8));
        GRAFT_TRY(graft_text_append(&data, values[i].data, values[i].len));
    }
    GRAFT_TRY(set(keys, name, GRAFT_GGUF_ARRAY, GRAFT_GGUF_STRING, n, &data));
done:
    graft_text_clear(&data);
    return status;
}

/* Numbers of 32 bits, whatever they mean. */
static graft_status set_words(const graft_hf_keys *keys, const char *name, graft_gguf_type type,
                              const void *values, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text data;
    graft_text_init(&data);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)values + i * sizeof word, sizeof word);
        GRAFT_TRY(append_number(&data, word, sizeof word));
    }
    GRAFT_TRY(set(keys, name, GRAFT_GGUF_ARRAY, type, n, &data));
done:
    graft_text_clear(&data);
    return status;
}

graft_status graft_hf_key_i32s(const graft_hf_keys *keys, const char *name, const int32_t *values,
                               size_t n)
{
    return set_words(keys, name, GRAFT_GGUF_I32, values, n);
}

graft_status graft_hf_key_f32s(const graft_hf_keys *keys, const char *name, const float *values,
                               size_t n)
{
    return set_words(keys, name, GRAFT_GGUF_F32, values, n);
}
