#include "data/declared.h"

#include "core/map.h"
#include "core/memory.h"

enum {
    MOST_BYTES = 16 << 20,
    BYTES_PER_OBJECT = 704, /* of parsed JSON: a table of 16 members */
    BYTES_PER_CHARACTER = 16,
    N_MET = 1 << 12 /* texts that are remembered by their hashes */
};

typedef struct kept {
    char *text;       /* of the schema, which is the key; NULL: for this example only */
    graft_json *json; /* a copy: that of the example goes with it */
    graft_schema *schema;
    size_t bytes;
} kept;

typedef struct list {
    kept *items;
    size_t n, capacity, bytes;
} list;

struct graft_declared {
    list kept;        /* what was met in two examples */
    list passing;     /* what is new in this example, and may never come again */
    graft_map places; /* text -> index in kept.items */
    uint64_t met[N_MET];
    graft_text text; /* scratch */
    const graft_json *tools;
    const graft_schema **schemas; /* of the tools, by place; NULL if not asked for yet */
    size_t n_schemas, schemas_capacity;
};

graft_status graft_declared_new(graft_declared **out)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_alloc(out, 1, sizeof **out));
    graft_map_init(&(*out)->places);
    graft_text_init(&(*out)->text);
done:
    return status;
}

static void clear_item(kept *item)
{
    graft_schema_free(item->schema);
    graft_json_free(item->json);
    graft_free(item->text);
}

static void clear_list(list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        clear_item(&l->items[i]);
    }
    l->n = l->bytes = 0;
}

static void give_up_all(graft_declared *d)
{
    clear_list(&d->kept);
    clear_list(&d->passing);
    graft_map_clear(&d->places);
    for (size_t i = 0; i < d->n_schemas; i++) {
        d->schemas[i] = NULL;
    }
}

void graft_declared_free(graft_declared *d)
{
    if (!d) {
        return;
    }
    give_up_all(d);
    graft_text_clear(&d->text);
    graft_free(d->schemas);
    graft_free(d->kept.items);
    graft_free(d->passing.items);
    graft_free(d);
}

graft_status graft_declared_begin(graft_declared *d, const graft_json *tools)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_json_length(tools);
    d->n_schemas = 0;
    clear_list(&d->passing);
    GRAFT_TRY(graft_reserve(&d->schemas, &d->schemas_capacity, n, sizeof *d->schemas));
    d->tools = tools;
    for (; d->n_schemas < n; d->n_schemas++) {
        d->schemas[d->n_schemas] = NULL;
    }
done:
    return status;
}

/* Tells whether the text was met before, as far as that is remembered, and remembers it. */
static bool meet(graft_declared *d)
{
    uint64_t hash = graft_hash_bytes(d->text.data, d->text.len), *place = &d->met[hash % N_MET];
    bool met = *place == hash;
    *place = hash;
    return met;
}

/* The memory of a copy of the JSON whose text is d->text, and of the text. */
static size_t bytes_of_copy(const graft_declared *d)
{
    size_t bytes = BYTES_PER_CHARACTER * d->text.len;
    for (size_t i = 0; i < d->text.len; i++) {
        bytes += d->text.data[i] == '{' ? BYTES_PER_OBJECT : 0;
    }
    return bytes;
}

/* Compiles `json`, whose text is d->text: for this example, or to be kept. */
static graft_status add(const graft_schema **out, graft_declared *d, const graft_json *json)
{
    graft_status status = GRAFT_OK;
    kept item = {0};
    size_t n = d->text.len;
    bool keep = meet(d);
    list *l = keep ? &d->kept : &d->passing;
    GRAFT_TRY(graft_reserve(&l->items, &l->capacity, l->n + 1, sizeof *l->items));
    if (keep) {
        GRAFT_TRY(graft_json_copy(&item.json, json));
    }
    GRAFT_TRY(graft_schema_compile(&item.schema, keep ? item.json : json, GRAFT_SCHEMA_2020_12));
    item.bytes = graft_schema_bytes(item.schema) + (keep ? bytes_of_copy(d) : 0);
    if (graft_declared_bytes(d) + item.bytes > MOST_BYTES) {
        give_up_all(d);
    }
    if (keep) {
        GRAFT_TRY(graft_text_take(&d->text, &item.text));
        GRAFT_TRY(graft_map_set(&d->places, item.text, n, l->n, NULL));
    }
    *out = item.schema;
    l->bytes += item.bytes;
    l->items[l->n++] = item;
    item = (kept){0};
done:
    clear_item(&item);
    return status;
}

static graft_status find_or_add(const graft_schema **out, graft_declared *d,
                                const graft_json *json)
{
    graft_status status = GRAFT_OK;
    uint64_t place;
    d->text.len = 0;
    GRAFT_TRY(graft_json_write(&d->text, json, GRAFT_JSON_COMPACT));
    if (graft_map_find(&d->places, d->text.data, d->text.len, &place)) {
        *out = d->kept.items[place].schema;
    } else {
        GRAFT_TRY(add(out, d, json));
    }
done:
    return status;
}

graft_status graft_declared_get(const graft_schema **out, graft_declared *d, size_t i)
{
    graft_status status = GRAFT_OK;
    const graft_json *json = graft_json_get(graft_json_get(graft_json_at(d->tools, i), "function"),
                                            "parameters");
    *out = NULL;
    if (!json || i >= d->n_schemas) {
        return GRAFT_OK;
    }
    if (!d->schemas[i]) {
        const graft_schema *schema;
        GRAFT_TRY(find_or_add(&schema, d, json));
        d->schemas[i] = schema; /* after what may give up all */
    }
    *out = d->schemas[i];
done:
    return status;
}

size_t graft_declared_bytes(const graft_declared *d)
{
    return d->kept.bytes + d->passing.bytes;
}
