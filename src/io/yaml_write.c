/* io/yaml_write.c - maps as YAML that any reader takes for the same value. */
#include <string.h>
#include <strings.h>

#include "io/json_internal.h"
#include "io/yaml.h"
#include "io/yaml_scalar.h"

/* Words that YAML 1.1 readers take for booleans. */
static bool is_old_bool(const char *text)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether text may stand without quotes: simple characters only, and not another type's spelling. */
static graft_status can_be_plain(bool *out, const char *text, size_t n)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/";
    static const char later[] = "0123456789.+-"; /* 1.1 has dates and 1_000 among others */
    graft_json *value = NULL;
    *out = false;
    if (n == 0 || is_old_bool(text) || text[0] == '\0' || strchr(first, text[0]) == NULL) {
        return GRAFT_OK;
    }
    for (size_t i = 1; i < n; i++) {
        if (text[i] == '\0' ||
            (strchr(first, text[i]) == NULL && strchr(later, text[i]) == NULL)) {
            return GRAFT_OK;
        }
    }
    if (graft_yaml__resolve(&value, text, n) != GRAFT_OK) {
        return graft_error_code() == GRAFT_E_MEMORY ? GRAFT_E_MEMORY : GRAFT_OK;
    }
    *out = graft_json_is(value, GRAFT_JSON_STRING);
    graft_json_free(value);
    return GRAFT_OK;
}

/* Code points that YAML calls not printable, or takes for line breaks or a byte order mark. */
static bool needs_escape(uint32_t c)
{
    return (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff;
}

/* A JSON string in which everything that YAML would not print is escaped as well. */
static graft_status write_quoted(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_text quoted;
    size_t used;
    graft_text_init(&quoted);
    GRAFT_TRY(graft_json__write_string(&quoted, text, n));
    for (size_t i = 0; i < quoted.len; i += used) {
        uint32_t c = 0;
        used = graft_utf8_decode(quoted.data + i, quoted.len - i, &c);
        if (used == 0) {
            status = graft_fail(GRAFT_E_FAILED, "a string that is not UTF-8 cannot be written");
            goto done;
        }
        GRAFT_TRY(needs_escape(c) ? graft_text_appendf(out, "\\u%04x", c)
                                  : graft_text_append(out, quoted.data + i, used));
    }
done:
    graft_text_clear(&quoted);
    return status;
}

static graft_status write_text(graft_text *out, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    bool plain;
    GRAFT_TRY(can_be_plain(&plain, text, n));
    GRAFT_TRY(plain ? graft_text_append(out, text, n) : write_quoted(out, text, n));
done:
    return status;
}

/* A value in flow style. */
static graft_status write_value(graft_text *out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_json_type type = graft_json_get_type(value);
    const char *separator = "";
    size_t n;
    const char *text;
    if (type == GRAFT_JSON_STRING) {
        text = graft_json_string(value, &n);
        return write_text(out, text, n);
    }
    if (type == GRAFT_JSON_ARRAY) {
        GRAFT_TRY(graft_text_append_char(out, '['));
        for (size_t i = 0; i < graft_json_length(value); i++, separator = ", ") {
            GRAFT_TRY(graft_text_append_z(out, separator));
            GRAFT_TRY(write_value(out, graft_json_at(value, i)));
        }
        return graft_text_append_char(out, ']');
    }
    if (type == GRAFT_JSON_OBJECT) {
        GRAFT_TRY(graft_text_append_char(out, '{'));
        for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);
             separator = ", ") {
            GRAFT_TRY(graft_text_append_z(out, separator));
            GRAFT_TRY(write_text(out, it.key, strlen(it.key)));
            GRAFT_TRY(graft_text_append_z(out, ": "));
            GRAFT_TRY(write_value(out, it.value));
        }
        return graft_text_append_char(out, '}');
    }
    return graft_json_write(out, value, GRAFT_JSON_COMPACT);
done:
    return status;
}

graft_status graft_yaml_write(graft_text *out, const graft_json *object)
{
    graft_status status = GRAFT_OK;
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it);) {
        GRAFT_TRY(write_text(out, it.key, strlen(it.key)));
        GRAFT_TRY(graft_text_append_z(out, ": "));
        GRAFT_TRY(write_value(out, it.value));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    return status;
}
