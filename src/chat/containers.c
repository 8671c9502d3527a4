/* chat/containers.c - lists and insertion-ordered dicts of template values. */
#include <math.h>
#include <string.h>

#include "chat/jinja.h"
#include "core/map.h"

/* Moves a growing array to one of at least twice the size. */
static graft_status grow(graft_jinja *j, void *array, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity) {
        return GRAFT_OK;
    }
    void *old, *bigger;
    size_t wanted = *capacity != 0 ? *capacity * 2 : 4;
    memcpy(&old, array, sizeof old);
    graft_status status = graft_j__alloc(j, &bigger, wanted, size);
    if (status == GRAFT_OK) {
        if (n > 0) {
            memcpy(bigger, old, n * size);
        }
        memcpy(array, &bigger, sizeof bigger);
        *capacity = wanted;
    }
    return status;
}

graft_status graft_j__list_new(graft_jinja *j, graft_jlist **out, size_t capacity)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_j__alloc(j, out, 1, sizeof **out));
    if (capacity > 0) {
        GRAFT_TRY(graft_j__alloc(j, &(*out)->items, capacity, sizeof *(*out)->items));
        (*out)->capacity = capacity;
    }
done:
    return status;
}

graft_status graft_j__list_push(graft_jinja *j, graft_jlist *list, graft_jvalue value)
{
    graft_status status = grow(j, &list->items, &list->capacity, list->n, sizeof *list->items);
    if (status == GRAFT_OK) {
        list->items[list->n++] = value;
    }
    return status;
}

graft_jvalue graft_j__list(graft_jlist *list)
{
    return (graft_jvalue){.kind = GRAFT_J_LIST, .origin = GRAFT_FROM_TEMPLATE, .u.list = list};
}

graft_jvalue graft_j__tuple(graft_jlist *list)
{
    return (graft_jvalue){.kind = GRAFT_J_TUPLE, .origin = GRAFT_FROM_TEMPLATE, .u.list = list};
}

graft_status graft_j__pair(graft_jinja *j, graft_jvalue *out, graft_jvalue a, graft_jvalue b)
{
    graft_jlist *list;
    graft_status status = graft_j__list_new(j, &list, 2);
    if (status == GRAFT_OK) {
        list->items[0] = a;
        list->items[1] = b;
        list->n = 2;
        *out = graft_j__tuple(list);
    }
    return status;
}

graft_status graft_j__dict_new(graft_jinja *j, graft_jdict **out)
{
    return graft_j__alloc(j, out, 1, sizeof **out);
}

graft_jvalue graft_j__dict(graft_jdict *dict)
{
    return (graft_jvalue){.kind = GRAFT_J_DICT, .origin = GRAFT_FROM_TEMPLATE, .u.dict = dict};
}

/* Equal values hash alike: True, 1 and 1.0 are one key. *ok is false for unhashable values. */
static graft_status hash_value(graft_jinja *j, const graft_jvalue *value, uint64_t *out, bool *ok)
{
    graft_status status = GRAFT_OK;
    int64_t i = 0;
    *out = 0;
    *ok = true;
    switch (value->kind) {
    case GRAFT_J_UNDEFINED:
    case GRAFT_J_NONE:
        *out = value->kind;
        break;
    case GRAFT_J_FLOAT:
        if (value->u.f != trunc(value->u.f) || fabs(value->u.f) >= 0x1p62) {
            *out = graft_hash_bytes(&value->u.f, sizeof value->u.f);
            break;
        }
        i = (int64_t)value->u.f;
        *out = graft_hash_bytes(&i, sizeof i);
        break;
    case GRAFT_J_BOOL:
    case GRAFT_J_INT:
        i = graft_j__as_int(value);
        *out = graft_hash_bytes(&i, sizeof i);
        break;
    case GRAFT_J_STRING:
        *out = graft_hash_bytes(value->u.s->data, value->u.s->n);
        break;
    case GRAFT_J_TUPLE:
        GRAFT_TRY(graft_j__enter(j));
        for (size_t k = 0; k < value->u.list->n && *ok; k++) {
            uint64_t part;
            GRAFT_TRY(hash_value(j, &value->u.list->items[k], &part, ok));
            *out = (*out ^ part) * 0x9e3779b97f4a7c15u + k;
        }
        graft_j__leave(j);
        break;
    case GRAFT_J_LIST:
    case GRAFT_J_DICT:
    case GRAFT_J_VIEW:
        *ok = false;
        break;
    default:
        *out = graft_hash_bytes(&value->u.object, sizeof value->u.object);
        break;
    }
done:
    return status;
}

enum { FEW = 8 }; /* a dict this small is searched from front to back */

static void index_entry(graft_jdict *dict, size_t entry)
{
    size_t at = (size_t)dict->entries[entry].hash & (dict->n_index - 1);
    while (dict->index[at] != 0) {
        at = (at + 1) & (dict->n_index - 1);
    }
    dict->index[at] = (uint32_t)entry + 1;
}

static graft_status update_index(graft_jinja *j, graft_jdict *dict)
{
    if (dict->n <= FEW || dict->n * 2 <= dict->n_index) {
        if (dict->n_index > 0) {
            index_entry(dict, dict->n - 1);
        }
        return GRAFT_OK;
    }
    size_t n_index = dict->n_index != 0 ? dict->n_index * 2 : FEW * 4;
    graft_status status = graft_j__alloc(j, &dict->index, n_index, sizeof *dict->index);
    if (status == GRAFT_OK) {
        dict->n_index = n_index;
        for (size_t i = 0; i < dict->n; i++) {
            index_entry(dict, i);
        }
    }
    return status;
}

static graft_status find_entry(graft_jinja *j, const graft_jdict *dict, const graft_jvalue *key,
                               uint64_t hash, graft_jentry **out)
{
    graft_status status = GRAFT_OK;
    bool same = false;
    size_t at = dict->n_index > 0 ? (size_t)hash & (dict->n_index - 1) : 0;
    *out = NULL;
    for (;;) {
        if (dict->n_index > 0 ? dict->index[at] == 0 : at >= dict->n) {
            break;
        }
        graft_jentry *entry = &dict->entries[dict->n_index > 0 ? dict->index[at] - 1 : at];
        if (entry->hash == hash) {
            GRAFT_TRY(graft_j__equal(j, &entry->key, key, &same));
            if (same) {
                *out = entry;
                break;
            }
        }
        at = dict->n_index > 0 ? (at + 1) & (dict->n_index - 1) : at + 1;
    }
done:
    return status;
}

static graft_status unhashable(graft_jinja *j, const graft_jvalue *key)
{
    return graft_j__fail(j, "unhashable type: '%s'", graft_j__type_name(key));
}

graft_status graft_j__dict_set(graft_jinja *j, graft_jdict *dict, const graft_jvalue *key,
                               graft_jvalue value)
{
    graft_status status = GRAFT_OK;
    uint64_t hash;
    bool ok;
    graft_jentry *entry;
    GRAFT_TRY(hash_value(j, key, &hash, &ok));
    if (!ok) {
        return unhashable(j, key);
    }
    GRAFT_TRY(find_entry(j, dict, key, hash, &entry));
    if (entry != NULL) {
        entry->value = value;
        goto done;
    }
    GRAFT_TRY(grow(j, &dict->entries, &dict->capacity, dict->n, sizeof *dict->entries));
    dict->entries[dict->n++] = (graft_jentry){*key, value, hash};
    status = update_index(j, dict);
done:
    return status;
}

graft_status graft_j__dict_find(graft_jinja *j, const graft_jdict *dict, const graft_jvalue *key,
                                const graft_jvalue **out, bool *hashable)
{
    graft_status status = GRAFT_OK;
    uint64_t hash;
    bool ok;
    graft_jentry *entry = NULL;
    *out = NULL;
    GRAFT_TRY(hash_value(j, key, &hash, &ok));
    if (hashable != NULL) {
        *hashable = ok;
    }
    if (!ok) {
        return hashable != NULL ? GRAFT_OK : unhashable(j, key);
    }
    GRAFT_TRY(find_entry(j, dict, key, hash, &entry));
    if (entry != NULL) {
        *out = &entry->value;
    }
done:
    return status;
}

const graft_jvalue *graft_j__dict_get(const graft_jdict *dict, const char *key, size_t n)
{
    size_t at = 0;
    uint64_t hash = 0;
    if (dict->n_index > 0) {
        hash = graft_hash_bytes(key, n);
        at = (size_t)hash & (dict->n_index - 1);
    }
    while (dict->n_index > 0 ? dict->index[at] != 0 : at < dict->n) {
        const graft_jentry *entry = &dict->entries[dict->n_index > 0 ? dict->index[at] - 1 : at];
        if (entry->key.kind == GRAFT_J_STRING && entry->key.u.s->n == n &&
            memcmp(entry->key.u.s->data, key, n) == 0) {
            return &entry->value;
        }
        at = dict->n_index > 0 ? (at + 1) & (dict->n_index - 1) : at + 1;
    }
    return NULL;
}
