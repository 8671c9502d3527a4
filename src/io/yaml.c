/* io/yaml.c - the door to libyaml: reading configuration files. */
#include "io/yaml.h"

#include <string.h>
#include <yaml.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/json_internal.h"
#include "io/show.h"
#include "io/yaml_scalar.h"

enum { MAX_DEPTH = 16, MAX_BYTES = 1 << 20 };

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool has_event;
    const char *path;
    int depth;
} reader;

static int line_of(const reader *r)
{
    return (int)r->event.start_mark.line + 1;
}

static graft_status fail_here(const reader *r, const char *what)
{
    return graft_fail(GRAFT_E_CONFIG, "%s:%d: %s", r->path, line_of(r), what);
}

static void drop_event(reader *r)
{
    if (r->has_event) {
        yaml_event_delete(&r->event);
        r->has_event = false;
    }
}

static graft_status next_event(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    drop_event(r);
    if (yaml_parser_parse(&r->parser, &r->event)) {
        r->has_event = true;
        return GRAFT_OK;
    }
    if (p->error == YAML_MEMORY_ERROR) {
        return graft_fail(GRAFT_E_MEMORY, "%s: out of memory while reading it", r->path);
    }
    if (p->error == YAML_READER_ERROR) {
        return graft_fail(GRAFT_E_CONFIG, "%s:%d: %s (at byte %zu)", r->path,
                          (int)p->mark.line + 1, p->problem, p->problem_offset);
    }
    return graft_fail(GRAFT_E_CONFIG, "%s:%d: %s", r->path, (int)p->problem_mark.line + 1,
                      p->problem != NULL ? p->problem : "not valid YAML");
}

/* Anchors and tags make a file mean more than it says. */
static graft_status refuse_extras(const reader *r, const yaml_char_t *anchor,
                                  const yaml_char_t *tag)
{
    if (anchor != NULL) {
        return fail_here(r, "anchors (&name) are not supported");
    }
    return tag != NULL ? fail_here(r, "tags (!name) are not supported") : GRAFT_OK;
}

static graft_status read_value(reader *r, graft_json **out);

static graft_status read_scalar(reader *r, graft_json **out)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        *out = graft_json_new_string(text, n);
        return *out != NULL ? GRAFT_OK : graft_fail(GRAFT_E_MEMORY, "out of memory for a string");
    }
    if (graft_yaml__resolve(out, text, n) != GRAFT_OK) {
        return graft_error_code() == GRAFT_E_MEMORY ? GRAFT_E_MEMORY
                                                    : fail_here(r, graft_error_message());
    }
    return GRAFT_OK;
}

static graft_status read_sequence(reader *r, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *array = graft_json_new_array(), *item = NULL;
    for (;;) {
        GRAFT_TRY(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            break;
        }
        GRAFT_TRY(read_value(r, &item));
        GRAFT_TRY(graft_json_push(array, item));
    }
    *out = array;
    array = NULL;
done:
    graft_json_free(array);
    return status;
}

/* The key that is the current event; copied, since events do not last. */
static graft_status read_key(reader *r, const graft_json *object, char **out)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    char shown[GRAFT_IO_SHOWN];
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_here(r, "a key must be a plain word");
    }
    if (memchr(text, 0, n) != NULL) {
        return fail_here(r, "a key that holds a zero byte");
    }
    if (graft_json_has(object, text)) {
        return graft_fail(GRAFT_E_CONFIG, "%s:%d: key \"%s\" appears twice", r->path, line_of(r),
                          graft_io__show(shown, text, n));
    }
    return graft_strndup(out, text, n);
}

static graft_status read_mapping(reader *r, graft_json **out)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *value = NULL;
    char *key = NULL;
    int *lines = NULL;
    size_t n = 0, capacity = 0;
    for (;;) {
        GRAFT_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        if (r->event.type == YAML_SCALAR_EVENT) {
            GRAFT_TRY(refuse_extras(r, r->event.data.scalar.anchor, r->event.data.scalar.tag));
        }
        GRAFT_TRY(read_key(r, object, &key));
        GRAFT_TRY(graft_reserve(&lines, &capacity, n + 1, sizeof *lines));
        lines[n++] = line_of(r);
        GRAFT_TRY(next_event(r));
        GRAFT_TRY(read_value(r, &value));
        GRAFT_TRY(graft_json_set(object, key, value));
        graft_free(key);
        key = NULL;
    }
    if (object == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory for a map");
        goto done;
    }
    graft_json__set_note(object, lines);
    lines = NULL;
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    graft_free(lines);
    graft_free(key);
    return status;
}

/* The value that begins with the current event; leaves its last event current. */
static graft_status read_value(reader *r, graft_json **out)
{
    graft_status status = GRAFT_OK;
    const yaml_event_t *e = &r->event;
    *out = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        GRAFT_TRY(refuse_extras(r, e->data.scalar.anchor, e->data.scalar.tag));
        return read_scalar(r, out);
    }
    if (e->type == YAML_ALIAS_EVENT) {
        return fail_here(r, "aliases (*name) are not supported");
    }
    if (r->depth == MAX_DEPTH) {
        return graft_fail(GRAFT_E_CONFIG, "%s:%d: nested deeper than %d", r->path, line_of(r),
                          MAX_DEPTH);
    }
    r->depth++;
    if (e->type == YAML_SEQUENCE_START_EVENT) {
        GRAFT_TRY(refuse_extras(r, e->data.sequence_start.anchor, e->data.sequence_start.tag));
        GRAFT_TRY(read_sequence(r, out));
    } else {
        GRAFT_TRY(refuse_extras(r, e->data.mapping_start.anchor, e->data.mapping_start.tag));
        GRAFT_TRY(read_mapping(r, out));
    }
    r->depth--;
done:
    return status;
}

/* Stream start, one document, stream end. */
static graft_status read_document(reader *r, graft_json **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(next_event(r));
    GRAFT_TRY(next_event(r));
    if (r->event.type == YAML_STREAM_END_EVENT) {
        return graft_fail(GRAFT_E_CONFIG, "%s: is empty", r->path);
    }
    if (r->event.data.document_start.tag_directives.start !=
        r->event.data.document_start.tag_directives.end) {
        return fail_here(r, "tags (%TAG) are not supported");
    }
    GRAFT_TRY(next_event(r));
    GRAFT_TRY(read_value(r, out));
    GRAFT_TRY(next_event(r)); /* document end */
    GRAFT_TRY(next_event(r));
    if (r->event.type != YAML_STREAM_END_EVENT) {
        return fail_here(r, "a second document begins here; one is allowed");
    }
done:
    return status;
}

/* JSON may write a character beyond U+FFFF as two escapes (Python does), which libyaml refuses. */
static bool is_json_with_surrogates(const char *text, size_t n)
{
    size_t at = 0;
    while (at < n && memchr(" \t\r\n", text[at], 4) != NULL) {
        at++;
    }
    if (at == n || text[at] != '{') {
        return false;
    }
    for (; n - at >= 4; at++) {
        if (memcmp(text + at, "\\u", 2) == 0 && (text[at + 2] == 'd' || text[at + 2] == 'D') &&
            memchr("89abAB", text[at + 3], 6) != NULL) {
            return true;
        }
    }
    return false;
}

graft_status graft_yaml_parse(graft_json **out, const char *path, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    reader r = {.path = path};
    bool ready = false;
    *out = NULL;
    if (is_json_with_surrogates(text, n) && graft_json_parse(out, text, n) == GRAFT_OK) {
        return GRAFT_OK; /* without lines; what is wrong with it otherwise is said below */
    }
    ready = yaml_parser_initialize(&r.parser);
    if (!ready) {
        status = graft_fail(GRAFT_E_MEMORY, "%s: out of memory while reading it", path);
        goto done;
    }
    yaml_parser_set_input_string(&r.parser, (const yaml_char_t *)text, n);
    GRAFT_TRY(read_document(&r, out));
done:
    drop_event(&r);
    if (ready) {
        yaml_parser_delete(&r.parser);
    }
    if (status != GRAFT_OK) {
        graft_json_free(*out);
        *out = NULL;
    }
    return status;
}

graft_status graft_yaml_read(graft_json **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_file_read(&text, path, MAX_BYTES));
    GRAFT_TRY(graft_yaml_parse(out, path, graft_text_z(&text), text.len));
done:
    graft_text_clear(&text);
    return status;
}

int graft_yaml_line(const graft_json *object, const char *key)
{
    const int *lines = graft_json__note(object);
    size_t i = 0;
    if (lines == NULL) {
        return 0;
    }
    for (graft_json_iter it = graft_json_iter_begin(object); graft_json_iter_next(&it); i++) {
        if (strcmp(it.key, key) == 0) {
            return lines[i];
        }
    }
    return 0;
}
