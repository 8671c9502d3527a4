/* io/hdf5_read.c - images read by ourselves: those of graft are of one kind, and libhdf5 does not survive
 * what a made-up one may hold. Source: HDF5 File Format Specification 3.0, II.A (superblock 0), III.B and III.C
 * (symbol tables).
 *
 * An image is looked through whole when it is opened; its bytes stay in the file, which is mapped. */
#include "io/hdf5.h"

#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/hdf5_internal.h"
#include "io/show.h"
#include "io/zst.h"

typedef struct chunk {
    const uint8_t *bytes;
    size_t n;
} chunk;

typedef struct array {
    char *name;
    graft_h5__type type;
    size_t n;
    const uint8_t *bytes; /* NULL: it is empty or packed */
    size_t first_chunk;
} array;

struct graft_h5 {
    char *path;
    graft_mapped file;
    array *arrays; /* in the order of names */
    chunk *chunks; /* of all packed arrays */
    size_t n_arrays, array_capacity, n_chunks, chunk_capacity;
};

/* What the walk through an image knows. */
typedef struct walk {
    graft_h5 *image;
    graft_h5__parts parts;
    char name[GRAFT_H5_MAX_NAME + 1]; /* of the object it is at */
    graft_status status;              /* with its message */
} walk;

/* The links of one group, or the chunks of one array. */
typedef struct group {
    walk *w;
    const graft_h5__object *object;
    size_t n_prefix, depth; /* bytes of w->name before the names of its links */
    const char *last;       /* name */
} group;

typedef struct chunk_walk {
    walk *w;
    uint64_t next; /* element */
} chunk_walk;

static bool refuse(walk *w, const char *before, const char *after)
{
    char shown[GRAFT_IO_SHOWN];
    if (w->status == GRAFT_OK) {
        const char *name = w->name[0] == '\0' ? "/" : w->name;
        w->status = graft_fail(GRAFT_E_CHECKPOINT, "%s: %s\"%s\" %s", w->image->path, before,
                               graft_io__show(shown, name, strlen(name)), after);
    }
    return false;
}

static bool visit_chunk(void *context, const uint8_t *key, uint64_t at)
{
    chunk_walk *c = context;
    graft_h5 *image = c->w->image;
    uint64_t n = graft_h5__load_u64(key, 4), skipped = graft_h5__load_u64(key + 4, 4);
    const uint8_t *bytes = graft_h5__take(&c->w->parts, at, n);
    if (bytes == NULL || skipped != 0 || graft_h5__load_u64(key + 8, 8) != c->next ||
        graft_h5__load_u64(key + 16, 8) != 0) {
        return false;
    }
    c->next += GRAFT_H5_CHUNK;
    c->w->status = graft_reserve(&image->chunks, &image->chunk_capacity, image->n_chunks + 1, sizeof(chunk));
    if (c->w->status == GRAFT_OK) {
        image->chunks[image->n_chunks++] = (chunk){bytes, (size_t)n};
    }
    return c->w->status == GRAFT_OK;
}

static bool add_array(walk *w, const graft_h5__object *object)
{
    graft_h5 *image = w->image;
    chunk_walk chunks = {.w = w};
    array new = {.type = object->type, .n = (size_t)object->n, .bytes = object->bytes,
                 .first_chunk = image->n_chunks};
    if (object->type == GRAFT_H5_PACKED &&
        (!graft_h5__walk_tree(&w->parts, object->tree, GRAFT_H5_CHUNKS, visit_chunk, &chunks) ||
         chunks.next != object->n)) {
        return refuse(w, "array ", "cannot be read: a chunk of it is missing or is not packed");
    }
    w->status = graft_reserve(&image->arrays, &image->array_capacity, image->n_arrays + 1, sizeof(array));
    w->status = w->status == GRAFT_OK ? graft_strdup(&new.name, w->name) : w->status;
    if (w->status == GRAFT_OK) {
        image->arrays[image->n_arrays++] = new;
    }
    return w->status == GRAFT_OK;
}

static bool walk_group(walk *w, const graft_h5__object *object, size_t depth);

static bool refuse_group(group *g, const char *why)
{
    g->w->name[g->n_prefix - (g->depth > 0)] = '\0'; /* what stands behind it is of a link */
    return refuse(g->w, "group ", why);
}

/* Puts the name of a link behind that of its group. Names come in their order, so none comes twice. */
static bool set_name(group *g, uint64_t at)
{
    const graft_h5__object *o = g->object;
    const char *name = at < o->n_names ? (const char *)o->names + at : "";
    uint64_t left = at < o->n_names ? o->n_names - at : 0;
    size_t n = strnlen(name, left > GRAFT_H5_MAX_NAME ? GRAFT_H5_MAX_NAME + 1 : (size_t)left);
    if (n == 0 || n == left || n > GRAFT_H5_MAX_NAME - g->n_prefix || memchr(name, '/', n) != NULL ||
        strcmp(name, ".") == 0 || (g->last != NULL && strcmp(name, g->last) <= 0)) {
        return false;
    }
    g->last = name;
    memcpy(g->w->name + g->n_prefix, name, n + 1);
    return true;
}

static bool take_link(group *g, const uint8_t *entry)
{
    enum { SOFT = 2 };
    walk *w = g->w;
    graft_h5__object object;
    if (!set_name(g, graft_h5__load_u64(entry, 8))) {
        return refuse_group(g, "holds a link without a name, or one out of order");
    }
    graft_h5__read_object(&object, &w->parts, graft_h5__load_u64(entry + 8, 8));
    if (graft_h5__load_u64(entry + 16, 4) == SOFT || object.kind == GRAFT_H5_NEITHER) {
        return refuse(w, "", "is neither a group nor an array");
    }
    if (object.kind == GRAFT_H5_GROUP) {
        return object.is_plain ? walk_group(w, &object, g->depth + 1)
                               : refuse(w, "group ", "is not a plain group");
    }
    return object.is_plain ? add_array(w, &object)
                           : refuse(w, "array ", "is not a plain list of f32, u64 or bytes");
}

static bool visit_links(void *context, const uint8_t *key, uint64_t at)
{
    enum { NODE = 8, ENTRY = 40 };
    group *g = context;
    const uint8_t *node = graft_h5__take(&g->w->parts, at, NODE);
    uint64_t n = node == NULL ? 0 : graft_h5__load_u64(node + 6, 2);
    const uint8_t *entries = node == NULL || memcmp(node, "SNOD\1", 5) != 0
                                 ? NULL : graft_h5__take(&g->w->parts, at + NODE, n * ENTRY);
    bool good = entries != NULL;
    (void)key;
    for (uint64_t i = 0; good && i < n; i++) {
        good = take_link(g, entries + i * ENTRY);
    }
    return good;
}

/* All that is in the group whose name is w->name. */
static bool walk_group(walk *w, const graft_h5__object *object, size_t depth)
{
    group g = {.w = w, .object = object, .n_prefix = strlen(w->name), .depth = depth};
    if (depth > GRAFT_H5_MAX_DEPTH || g.n_prefix == GRAFT_H5_MAX_NAME) {
        return refuse(w, "group ", "lies too deep");
    }
    if (depth > 0) {
        w->name[g.n_prefix++] = '/';
        w->name[g.n_prefix] = '\0';
    }
    return graft_h5__walk_tree(&w->parts, object->tree, GRAFT_H5_LINKS, visit_links, &g) ||
           refuse_group(&g, "is not a plain group");
}

/* A superblock whose addresses count from its first byte to the last one of the image, and the root group. */
static bool is_image(walk *w, graft_h5__object *root)
{
    static const uint8_t start[9] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0};
    enum { SIZES = 13, BASE = 24, END = 40, ROOT = 64, SUPERBLOCK = 96 };
    const uint8_t *bytes = graft_h5__take(&w->parts, 0, SUPERBLOCK);
    if (bytes == NULL || memcmp(bytes, start, sizeof start) != 0 || bytes[SIZES] != 8 || bytes[SIZES + 1] != 8 ||
        graft_h5__load_u64(bytes + BASE, 8) != 0 || graft_h5__load_u64(bytes + END, 8) != w->parts.n) {
        return false;
    }
    graft_h5__read_object(root, &w->parts, graft_h5__load_u64(bytes + ROOT, 8));
    return root->kind == GRAFT_H5_GROUP && root->is_plain;
}

static graft_status look_through(graft_h5 *image)
{
    uint64_t n = image->file.size - GRAFT_H5_HEADER;
    walk w = {.image = image, .parts = {.bytes = image->file.data + GRAFT_H5_HEADER, .n = n, .left = n}};
    graft_h5__object root;
    if (!is_image(&w, &root)) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: what it holds is no HDF5 image of graft's kind", image->path);
    }
    (void)walk_group(&w, &root, 0);
    return w.status;
}

graft_status graft_h5_read(graft_h5 **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&image, 1, sizeof *image));
    GRAFT_TRY(graft_strdup(&image->path, path));
    GRAFT_TRY(graft_mapped_open(&image->file, path));
    GRAFT_TRY(graft_h5__check_header(&image->file, path));
    GRAFT_TRY(look_through(image));
    *out = image;
    image = NULL;
done:
    graft_h5_free(image);
    return status;
}

void graft_h5_free(graft_h5 *image)
{
    if (image != NULL) {
        for (size_t i = 0; i < image->n_arrays; i++) {
            graft_free(image->arrays[i].name);
        }
        graft_free(image->arrays);
        graft_free(image->chunks);
        graft_mapped_close(&image->file);
        graft_free(image->path);
        graft_free(image);
    }
}

const char *graft_h5__path(const graft_h5 *image)
{
    return image->path;
}

static const array *find_array(const graft_h5 *image, const char *name)
{
    for (size_t i = 0; i < image->n_arrays; i++) {
        if (strcmp(image->arrays[i].name, name) == 0) {
            return &image->arrays[i];
        }
    }
    char shown[GRAFT_IO_SHOWN];
    (void)graft_fail(GRAFT_E_CHECKPOINT, "%s: array \"%s\" is missing", image->path,
                     graft_io__show(shown, name, strlen(name)));
    return NULL;
}

static bool unpack(const graft_h5 *image, const array *a, uint8_t *out)
{
    bool good = true;
    for (size_t i = 0; good && i < a->n / GRAFT_H5_CHUNK; i++) {
        const chunk *c = &image->chunks[a->first_chunk + i];
        good = graft_zst_unpack(out + i * GRAFT_H5_CHUNK, GRAFT_H5_CHUNK, c->bytes, c->n) == GRAFT_H5_CHUNK;
    }
    return good;
}

graft_status graft_h5__get(const graft_h5 *image, const char *name, graft_h5__type wanted, void *out, size_t n)
{
    const array *a = find_array(image, name);
    if (a == NULL) {
        return GRAFT_E_CHECKPOINT;
    }
    if (a->type != wanted || a->n != n) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: array \"%s\" has %zu %s instead of %zu %s", image->path, name,
                          a->n, graft_h5__type_names[a->type], n, graft_h5__type_names[wanted]);
    }
    if (a->type == GRAFT_H5_PACKED && !unpack(image, a, out)) {
        return graft_fail(GRAFT_E_CHECKPOINT, "%s: array \"%s\" cannot be read: a chunk of it is damaged",
                          image->path, name);
    }
    if (a->bytes != NULL) {
        memcpy(out, a->bytes, n * graft_h5__type_bytes[a->type]);
    }
    return GRAFT_OK;
}

graft_status graft_h5_size(const graft_h5 *image, const char *name, size_t *n)
{
    const array *a = find_array(image, name);
    *n = a == NULL ? 0 : a->n;
    return a == NULL ? GRAFT_E_CHECKPOINT : GRAFT_OK;
}

graft_status graft_h5_list(const graft_h5 *image, graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < image->n_arrays; i++) {
        const array *a = &image->arrays[i];
        GRAFT_TRY(graft_text_append_escaped(out, a->name, strlen(a->name), false));
        GRAFT_TRY(graft_text_appendf(out, " %s %zu\n", graft_h5__type_names[a->type], a->n));
    }
done:
    return status;
}
