/* chat/text.c - building and cutting template strings; every byte keeps its origin. */
#include "chat/text.h"

#include <string.h>

#include "chat/jinja.h"
#include "core/memory.h"
#include "core/strings.h"

/* ---- buffers ---- */

static void fill(graft_jorigin *origins, graft_jorigin value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        origins[i] = value;
    }
}

static graft_status new_origins(graft_jinja *j, graft_jorigin **out, size_t n)
{
    char *bytes;
    *out = NULL;
    if (n > SIZE_MAX / sizeof **out) {
        return graft_j__fail(j, "a text of %zu bytes", n);
    }
    graft_status status = graft_j__bytes(j, &bytes, n * sizeof **out);
    *out = (graft_jorigin *)(void *)bytes; /* pieces are aligned for any type */
    return status;
}

static graft_status make_room(graft_jinja *j, graft_jbuffer *out, size_t n, bool with_origin)
{
    graft_status status = GRAFT_OK;
    size_t need, capacity = out->capacity;
    if (!graft_size_add(out->n, n, &need)) {
        need = SIZE_MAX;
    }
    with_origin |= out->origin != NULL;
    if (need > capacity) {
        capacity = need < 32 ? 64 : need <= SIZE_MAX / 2 ? need * 2 : need;
        char *data;
        GRAFT_TRY(graft_j__bytes(j, &data, capacity));
        if (out->n > 0) {
            memcpy(data, out->data, out->n);
        }
        out->data = data;
    }
    if (with_origin && (out->origin == NULL || capacity > out->capacity)) {
        graft_jorigin *origin;
        GRAFT_TRY(new_origins(j, &origin, capacity));
        if (out->origin != NULL) {
            memcpy(origin, out->origin, out->n * sizeof *origin);
        } else {
            fill(origin, out->uniform, out->n);
        }
        out->origin = origin;
    }
    out->capacity = capacity;
done:
    return status;
}

static size_t count_chars(const char *bytes, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++) {
        chars += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    }
    return chars;
}

/* origins NULL: all of them are `uniform`. */
static graft_status append(graft_jinja *j, graft_jbuffer *out, const char *bytes, size_t n,
                           const graft_jorigin *origins, graft_jorigin uniform, size_t n_chars)
{
    if (n == 0) {
        return GRAFT_OK;
    }
    if (out->n == 0) {
        out->uniform = uniform;
    }
    bool mixed = origins != NULL || (out->origin == NULL && uniform != out->uniform);
    graft_status status = make_room(j, out, n, mixed);
    if (status == GRAFT_OK) {
        memcpy(out->data + out->n, bytes, n);
        if (origins != NULL) {
            memcpy(out->origin + out->n, origins, n * sizeof *origins);
        } else if (out->origin != NULL) {
            fill(out->origin + out->n, uniform, n);
        }
        out->n += n;
        out->n_chars += n_chars;
    }
    return status;
}

graft_status graft_j__add(graft_jinja *j, graft_jbuffer *out, const char *bytes, size_t n,
                          graft_jorigin origin)
{
    return append(j, out, bytes, n, NULL, origin, count_chars(bytes, n));
}

graft_status graft_j__add_z(graft_jinja *j, graft_jbuffer *out, const char *text, graft_jorigin origin)
{
    return graft_j__add(j, out, text, strlen(text), origin);
}

graft_status graft_j__add_string(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s)
{
    return append(j, out, s->data, s->n, s->origin, s->uniform, s->n_chars);
}

graft_status graft_j__add_part(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                               size_t from, size_t to)
{
    const graft_jorigin *origins = s->origin != NULL ? s->origin + from : NULL;
    return append(j, out, s->data + from, to - from, origins, s->uniform,
                  count_chars(s->data + from, to - from));
}

graft_status graft_j__add_escaped(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s)
{
    static const char special[] = "&<>'\"";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    graft_status status = GRAFT_OK;
    size_t from = 0;
    for (size_t i = 0; i < s->n && !s->markup; i++) {
        const char *found = s->data[i] != '\0' ? strchr(special, s->data[i]) : NULL;
        if (found != NULL) {
            GRAFT_TRY(graft_j__add_part(j, out, s, from, i));
            GRAFT_TRY(graft_j__add_z(j, out, entities[found - special], graft_j__origin_at(s, i)));
            from = i + 1;
        }
    }
    status = graft_j__add_part(j, out, s, from, s->n);
done:
    return status;
}

static graft_status new_string(graft_jinja *j, graft_jvalue *out, graft_jstring what)
{
    graft_jstring *s;
    graft_status status = graft_j__alloc(j, &s, 1, sizeof *s);
    if (status == GRAFT_OK) {
        *s = what;
        *out = (graft_jvalue){.kind = GRAFT_J_STRING, .origin = what.uniform, .u.s = s};
    }
    return status;
}

graft_status graft_j__finish(graft_jinja *j, graft_jbuffer *buffer, graft_jvalue *out)
{
    return new_string(j, out,
                      (graft_jstring){.data = buffer->data != NULL ? buffer->data : "",
                                      .origin = buffer->origin,
                                      .n = buffer->n,
                                      .n_chars = buffer->n_chars,
                                      .uniform = buffer->n > 0 ? buffer->uniform
                                                               : GRAFT_FROM_TEMPLATE});
}

/* ---- strings ---- */

graft_status graft_j__string(graft_jinja *j, graft_jvalue *out, const char *bytes, size_t n,
                             graft_jorigin origin)
{
    return new_string(j, out,
                      (graft_jstring){.data = bytes != NULL ? bytes : "",
                                      .n = n,
                                      .n_chars = count_chars(bytes, n),
                                      .uniform = origin});
}

graft_status graft_j__string_z(graft_jinja *j, graft_jvalue *out, const char *text)
{
    return graft_j__string(j, out, text, strlen(text), GRAFT_FROM_TEMPLATE);
}

graft_status graft_j__to_string(graft_jinja *j, const graft_jvalue *value, const graft_jstring **out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    graft_jvalue text;
    if (value->kind == GRAFT_J_STRING) {
        *out = value->u.s;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_j__add_str(j, &buffer, value));
    GRAFT_TRY(graft_j__finish(j, &buffer, &text));
    *out = text.u.s;
done:
    return status;
}

graft_status graft_j__need_string(graft_jinja *j, const graft_jvalue *value, const char *what,
                                  const graft_jstring **out)
{
    if (value->kind == GRAFT_J_UNDEFINED) {
        return graft_j__fail_undefined(j, value);
    }
    if (value->kind != GRAFT_J_STRING) {
        return graft_j__fail(j, "%s must be a string, not '%s'", what, graft_j__type_name(value));
    }
    *out = value->u.s;
    return GRAFT_OK;
}

graft_status graft_j__as_markup(graft_jinja *j, const graft_jstring *s, graft_jvalue *out)
{
    graft_jstring copy = *s;
    copy.markup = true;
    return new_string(j, out, copy);
}

graft_status graft_j__escape(graft_jinja *j, const graft_jstring *s, graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jbuffer buffer = {0};
    GRAFT_TRY(graft_j__add_escaped(j, &buffer, s));
    GRAFT_TRY(graft_j__finish(j, &buffer, out));
    status = graft_j__as_markup(j, out->u.s, out);
done:
    return status;
}

graft_status graft_j__cut(graft_jinja *j, const graft_jstring *s, size_t from, size_t to,
                          graft_jvalue *out)
{
    graft_jstring part = *s;
    part.data += from;
    part.n = to - from;
    part.n_chars = s->n_chars == s->n ? part.n : count_chars(part.data, part.n);
    if (s->origin != NULL) {
        part.origin += from;
    }
    if (part.n == 0) {
        part.origin = NULL;
        part.uniform = GRAFT_FROM_TEMPLATE;
    }
    return new_string(j, out, part);
}

size_t graft_j__byte_at(const graft_jstring *s, size_t at)
{
    if (s->n_chars == s->n || at == 0) {
        return at < s->n ? at : s->n;
    }
    size_t byte = 0;
    for (; byte < s->n; byte++) {
        if (((unsigned char)s->data[byte] & 0xc0) != 0x80 && at-- == 0) {
            break;
        }
    }
    return byte;
}

size_t graft_j__chars_before(const graft_jstring *s, size_t byte)
{
    return s->n_chars == s->n ? byte : count_chars(s->data, byte);
}

graft_jorigin graft_j__origin_at(const graft_jstring *s, size_t byte)
{
    return s->origin != NULL ? s->origin[byte] : s->uniform;
}

graft_jorigin graft_j__origin_of(const graft_jstring *s)
{
    for (size_t i = 0; s->origin != NULL && i < s->n; i++) {
        if (s->origin[i] != GRAFT_FROM_TEMPLATE) {
            return s->origin[i];
        }
    }
    return s->origin != NULL ? GRAFT_FROM_DATA : s->uniform;
}

graft_jorigin graft_j__origin_both(graft_jorigin a, graft_jorigin b)
{
    return a != GRAFT_FROM_TEMPLATE ? a : b;
}

bool graft_j__is(const graft_jstring *s, const char *text)
{
    return strlen(text) == s->n && memcmp(s->data, text, s->n) == 0;
}

bool graft_j__same(const graft_jstring *a, const graft_jstring *b)
{
    return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

size_t graft_j__find(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle)
{
    if (from > to || needle->n > to - from) {
        return SIZE_MAX;
    }
    const char *found = memmem(s->data + from, to - from, needle->data, needle->n);
    return found != NULL ? (size_t)(found - s->data) : SIZE_MAX;
}

size_t graft_j__rfind(const graft_jstring *s, size_t from, size_t to, const graft_jstring *needle)
{
    if (from > to || needle->n > to - from) {
        return SIZE_MAX;
    }
    for (size_t at = to - needle->n + 1; at-- > from;) {
        if (memcmp(s->data + at, needle->data, needle->n) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}
