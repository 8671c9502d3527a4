/* json_build.c - values from JSON text that json_scan.c has accepted.
 *
 * json-c's own parser does not survive a failed allocation: it takes the length of a key that it could not
 * copy, or waits forever for a lock of the C library. Here the result of each is looked at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/json_internal.h"

typedef struct build {
    const char *at, *end;
    graft_text scratch; /* numbers, and strings with escapes */
} build;

static int peek(const build *b)
{
    return b->at < b->end ? (unsigned char)*b->at : -1;
}

static void skip_space(build *b)
{
    while (peek(b) == ' ' || peek(b) == '\n' || peek(b) == '\t' || peek(b) == '\r') {
        b->at++;
    }
}

static uint32_t hex4(const char *digits)
{
    char text[5] = {digits[0], digits[1], digits[2], digits[3]};
    return (uint32_t)strtoul(text, NULL, 16);
}

/* Appends what the escape at *b->at ('\\') stands for; moves past it. */
static graft_status add_escape(build *b, graft_text *out)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    char c = b->at[1], bytes[4];
    const char *name = strchr(names, c);
    b->at += 2;
    if (c != 'u') {
        return graft_text_append_char(out, name != NULL ? values[name - names] : c);
    }
    uint32_t codepoint = hex4(b->at);
    b->at += 4;
    if (codepoint >= 0xd800 && codepoint <= 0xdbff) { /* its other half follows */
        codepoint = 0x10000u + ((codepoint - 0xd800u) << 10) + (hex4(b->at + 2) - 0xdc00u);
        b->at += 6;
    }
    return graft_text_append(out, bytes, graft_utf8_encode(codepoint, bytes));
}

/* The string at *b->at ('"') unescaped; moves past it. */
static graft_status read_string(build *b, graft_text *out)
{
    graft_status status = GRAFT_OK;
    out->len = 0;
    GRAFT_TRY(graft_text_append(out, "", 0)); /* an empty string is terminated too */
    b->at++;
    while (*b->at != '"') {
        const char *start = b->at;
        while (*b->at != '"' && *b->at != '\\') {
            b->at++;
        }
        if (b->at > start) {
            GRAFT_TRY(graft_text_append(out, start, (size_t)(b->at - start)));
        }
        if (*b->at == '\\') {
            GRAFT_TRY(add_escape(b, out));
        }
    }
    b->at++;
done:
    return status;
}

static graft_status build_number(build *b, graft_json **out)
{
    graft_status status = GRAFT_OK;
    bool is_double = false;
    b->scratch.len = 0;
    for (int c = peek(b); c > 0 && strchr("+-.0123456789eE", c) != NULL; c = peek(b)) {
        is_double = is_double || c == '.' || c == 'e' || c == 'E';
        GRAFT_TRY(graft_text_append_char(&b->scratch, (char)c));
        b->at++;
    }
    const char *text = graft_text_z(&b->scratch);
    bool negative = text[0] == '-';
    errno = 0;
    long long low = negative && !is_double ? strtoll(text, NULL, 10) : 0;
    unsigned long long high = negative || is_double ? 0 : strtoull(text, NULL, 10);
    if (is_double || errno == ERANGE) { /* json_scan.c lets long integers through where they may be */
        *out = graft_json__new_spelled(strtod(text, NULL), text);
    } else {
        *out = negative ? graft_json_new_int(low) : graft_json__new_unsigned(high);
    }
done:
    return status;
}

static graft_status build_value(build *b, graft_json **out);

static graft_status build_object(build *b, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *value = NULL;
    graft_text key;
    graft_text_init(&key);
    do {
        b->at++; /* '{' or ',' */
        skip_space(b);
        if (peek(b) == '}') {
            break;
        }
        GRAFT_TRY(read_string(b, &key));
        skip_space(b);
        b->at++; /* ':' */
        GRAFT_TRY(build_value(b, &value));
        GRAFT_TRY(graft_json_set(object, graft_text_z(&key), value));
    } while (peek(b) == ',');
    b->at++;
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    graft_text_clear(&key);
    return status;
}

static graft_status build_array(build *b, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *array = graft_json_new_array(), *value = NULL;
    do {
        b->at++; /* '[' or ',' */
        skip_space(b);
        if (peek(b) == ']') {
            break;
        }
        GRAFT_TRY(build_value(b, &value));
        GRAFT_TRY(graft_json_push(array, value));
    } while (peek(b) == ',');
    b->at++;
    *out = array;
    array = NULL;
done:
    graft_json_free(array);
    return status;
}

/* One value with the white space around it. */
static graft_status build_value(build *b, graft_json **out)
{
    graft_status status = GRAFT_OK;
    bool is_null = false;
    *out = NULL;
    skip_space(b);
    int c = peek(b);
    if (c == '{') {
        GRAFT_TRY(build_object(b, out));
    } else if (c == '[') {
        GRAFT_TRY(build_array(b, out));
    } else if (c == '"') {
        GRAFT_TRY(read_string(b, &b->scratch));
        *out = graft_json_new_string(graft_text_z(&b->scratch), b->scratch.len);
    } else if (c == 't' || c == 'f') {
        *out = graft_json_new_bool(c == 't');
        b->at += c == 't' ? 4 : 5;
    } else if (c == 'n') {
        is_null = true;
        b->at += 4;
    } else {
        GRAFT_TRY(build_number(b, out));
    }
    if (*out == NULL && !is_null) {
        status = graft_json__no_memory();
        goto done;
    }
    skip_space(b);
done:
    return status;
}

graft_status graft_json__build(graft_json **out, const char *text, size_t n)
{
    build b = {.at = text, .end = text + n};
    graft_text_init(&b.scratch);
    graft_status status = build_value(&b, out);
    graft_text_clear(&b.scratch);
    return status;
}
