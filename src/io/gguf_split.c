/* io/gguf_split.c - opening a model, which may be in several files.
 *
 * Parts are called NAME-00001-of-00003.gguf and carry split.no (from 0), split.count and
 * split.tensors.count (of all parts); only the first has the other keys (llama.cpp, gguf-split).
 * Each part is a complete file and checked as such. Where the others lie follows from the name
 * that the caller gave, never from what a file says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/sha256.h"
#include "core/strings.h"
#include "io/gguf_internal.h"

enum { SUFFIX_LENGTH = sizeof "-00001-of-00003.gguf" - 1, MOST_PARTS = 65535, SHOWN_MISSING = 4 };

typedef struct split {
    uint64_t no, count, n_tensors;
} split;

/* count is 1 for a model in one file; files that were parts once say 0. */
static graft_status read_split(const graft_gguf *file, split *out)
{
    graft_status status = GRAFT_OK;
    *out = (split){0, 1, 0};
    GRAFT_TRY(graft_gguf_want_u64(file, "split.count", 0, MOST_PARTS, &out->count));
    if (out->count < 2) {
        out->count = 1;
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_gguf_get_u64(file, "split.no", 0, out->count - 1, &out->no));
    GRAFT_TRY(graft_gguf_get_u64(file, "split.tensors.count", 0, INT32_MAX, &out->n_tensors));
done:
    return status;
}

static void format_suffix(char out[SUFFIX_LENGTH + 1], uint64_t no, uint64_t count)
{
    snprintf(out, SUFFIX_LENGTH + 1, "-%05u-of-%05u.gguf", (unsigned)(no + 1), (unsigned)count);
}

/* The path of part `no` beside `given`, a part itself. */
static graft_status set_path(graft_text *out, const char *given, const split *s, uint64_t no)
{
    graft_status status = GRAFT_OK;
    char suffix[SUFFIX_LENGTH + 1];
    format_suffix(suffix, no, s->count);
    graft_text_clear(out);
    GRAFT_TRY(graft_text_append(out, given, strlen(given) - SUFFIX_LENGTH));
    GRAFT_TRY(graft_text_append_z(out, suffix));
done:
    return status;
}

static graft_status check_name(const char *path, const split *s)
{
    char suffix[SUFFIX_LENGTH + 1];
    format_suffix(suffix, s->no, s->count);
    if (!graft_str_ends_with(path, suffix)) {
        return graft_fail(GRAFT_E_MODEL, "%s: part %" PRIu64 " of %" PRIu64 " of a model; its name "
                          "must end in \"%s\" for the others to be found", path, s->no + 1,
                          s->count, suffix);
    }
    return GRAFT_OK;
}

/* Says at once which parts are not there. */
static graft_status check_present(const char *given, const split *s)
{
    graft_status status = GRAFT_OK;
    uint64_t n_missing = 0;
    graft_text path, names;
    graft_text_init(&path);
    graft_text_init(&names);
    for (uint64_t no = 0; no < s->count; no++) {
        GRAFT_TRY(set_path(&path, given, s, no));
        if (graft_path_exists(graft_text_z(&path))) {
            continue;
        }
        if (n_missing < SHOWN_MISSING) {
            GRAFT_TRY(graft_text_appendf(&names, "%s%s", n_missing > 0 ? ", " : "",
                                         graft_text_z(&path)));
        }
        n_missing++;
    }
    if (n_missing > 0) {
        status = graft_fail(GRAFT_E_DISK, "%s: %" PRIu64 " of %" PRIu64 " parts of the model %s "
                            "missing: %s%s", given, n_missing, s->count,
                            n_missing == 1 ? "is" : "are", graft_text_z(&names),
                            n_missing > SHOWN_MISSING ? ", ..." : "");
    }
done:
    graft_text_clear(&path);
    graft_text_clear(&names);
    return status;
}

/* What a file says of itself against its name and what the given part says. */
static graft_status check_part(const graft_gguf *part, uint64_t no, const split *wanted,
                               const char *given)
{
    graft_status status = GRAFT_OK;
    split s;
    GRAFT_TRY(read_split(part, &s));
    if (s.count != wanted->count) {
        return graft_fail(GRAFT_E_MODEL, "%s: split.count is %" PRIu64 ", in %s it is %" PRIu64,
                          part->path, s.count, given, wanted->count);
    }
    if (s.no != no) {
        return graft_fail(GRAFT_E_MODEL, "%s: split.no is %" PRIu64 ", by its name it is part %"
                          PRIu64 ", which has %" PRIu64, part->path, s.no, no + 1, no);
    }
    if (s.n_tensors != wanted->n_tensors) {
        return graft_fail(GRAFT_E_MODEL, "%s: a part of another model: split.tensors.count is %"
                          PRIu64 ", in %s it is %" PRIu64, part->path, s.n_tensors, given,
                          wanted->n_tensors);
    }
done:
    return status;
}

static bool same_value(const graft_gguf_kv *a, const graft_gguf_kv *b)
{
    return a->type == b->type && a->element_type == b->element_type && a->n == b->n &&
           a->n_bytes == b->n_bytes && memcmp(a->data, b->data, a->n_bytes) == 0;
}

/* A later part needs no keys of its own; those it has say the same as the first part's. */
static graft_status compare_keys(const graft_gguf *first, const graft_gguf *part)
{
    static const char own[] = "split.";
    char shown[GRAFT_IO_SHOWN];
    for (size_t i = 0; i < part->n_kv; i++) {
        const graft_gguf_kv *kv = &part->kv[i];
        uint64_t index;
        if (kv->key.len >= strlen(own) && memcmp(kv->key.data, own, strlen(own)) == 0) {
            continue;
        }
        bool known = graft_map_find(&first->keys, kv->key.data, kv->key.len, &index);
        if (!known || !same_value(kv, &first->kv[index])) {
            return graft_fail(GRAFT_E_MODEL, "%s: a part of another model: %s %s key \"%s\"",
                              part->path, first->path, known ? "has another" : "has no",
                              graft_io__show(shown, kv->key.data, kv->key.len));
        }
    }
    return GRAFT_OK;
}

/* Lists the tensors of a later part as the first one's; *part is owned by it then. */
static graft_status adopt(graft_gguf *first, graft_gguf **part)
{
    graft_status status = GRAFT_OK;
    const graft_gguf *from = *part;
    char shown[GRAFT_IO_SHOWN];
    GRAFT_TRY(compare_keys(first, from));
    for (size_t i = 0; i < from->n_tensors; i++) {
        const graft_gguf_tensor *t = &from->tensors[i];
        size_t n = strlen(t->name);
        bool was_present;
        GRAFT_TRY(graft_map_set(&first->names, t->name, n, first->n_tensors, &was_present));
        if (was_present) {
            return graft_fail(GRAFT_E_MODEL, "%s: tensor \"%s\" is in an earlier part as well",
                              from->path, graft_io__show(shown, t->name, n));
        }
        GRAFT_TRY(graft_reserve(&first->tensors, &first->tensor_capacity, first->n_tensors + 1,
                                sizeof *t));
        first->tensors[first->n_tensors++] = *t;
    }
    GRAFT_TRY(graft_reserve(&first->later, &first->later_capacity, first->n_later + 1,
                            sizeof *first->later));
    first->later[first->n_later++] = *part;
    *part = NULL;
done:
    return status;
}

/* All parts behind the first, in order, whichever was given. */
static graft_status open_parts(graft_gguf **out, graft_gguf **given_part, const char *given,
                               const split *s)
{
    graft_status status = GRAFT_OK;
    graft_gguf *first = NULL, *part = NULL;
    graft_text path;
    graft_text_init(&path);
    GRAFT_TRY(check_name(given, s));
    GRAFT_TRY(check_present(given, s));
    for (uint64_t no = 0; no < s->count; no++) {
        if (no == s->no) {
            part = *given_part;
            *given_part = NULL;
        } else {
            GRAFT_TRY(set_path(&path, given, s, no));
            GRAFT_TRY(graft_gguf__open_part(&part, graft_text_z(&path)));
            GRAFT_TRY(check_part(part, no, s, given));
        }
        if (first != NULL) {
            GRAFT_TRY(adopt(first, &part));
        } else {
            first = part;
            part = NULL;
        }
    }
    if (first->n_tensors != s->n_tensors) {
        status = graft_fail(GRAFT_E_MODEL, "%s: split.tensors.count is %" PRIu64 ", the %" PRIu64
                            " parts have %zu tensors", given, s->n_tensors, s->count,
                            first->n_tensors);
        goto done;
    }
    *out = first;
    first = NULL;
done:
    graft_text_clear(&path);
    graft_gguf_close(part);
    graft_gguf_close(first);
    return status;
}

/* Whoever downloads a model has a folder first. */
static graft_status refuse_folder(const char *path)
{
    graft_status status = GRAFT_OK;
    char *config = NULL;
    if (!graft_path_is_dir(path)) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_path_join(&config, path, "config.json"));
    if (graft_path_exists(config)) {
        status = graft_fail(GRAFT_E_DISK, "%s: is a directory; \"graft quantize\" makes a GGUF file "
                            "of a Hugging Face folder", path);
    }
done:
    graft_free(config);
    return status;
}

graft_status graft_gguf_open(graft_gguf **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    split s;
    *out = NULL;
    GRAFT_TRY(refuse_folder(path));
    GRAFT_TRY(graft_gguf__open_part(&file, path));
    GRAFT_TRY(read_split(file, &s));
    if (s.count > 1) {
        GRAFT_TRY(open_parts(out, &file, path, &s));
    } else {
        *out = file;
        file = NULL;
    }
done:
    graft_gguf_close(file);
    return status;
}

size_t graft_gguf_n_parts(const graft_gguf *file)
{
    return 1 + file->n_later;
}

static const graft_gguf *part_at(const graft_gguf *file, size_t i)
{
    return i == 0 ? file : file->later[i - 1];
}

const char *graft_gguf_part(const graft_gguf *file, size_t i, uint64_t *bytes)
{
    *bytes = part_at(file, i)->mapped.size;
    return part_at(file, i)->path;
}

graft_status graft_gguf_check_output(const graft_gguf *file, const char *path)
{
    graft_status status = GRAFT_OK;
    uint64_t bytes;
    for (size_t i = 0; i < graft_gguf_n_parts(file); i++) {
        GRAFT_TRY(graft_path_check_output(path, graft_gguf_part(file, i, &bytes)));
    }
done:
    return status;
}

const uint8_t *graft_gguf_bytes(const graft_gguf *file, size_t part, size_t *n)
{
    *n = part_at(file, part)->mapped.size;
    return part_at(file, part)->mapped.data;
}

uint64_t graft_gguf_size(const graft_gguf *file)
{
    uint64_t size = file->mapped.size;
    for (size_t i = 0; i < file->n_later; i++) {
        size += file->later[i]->mapped.size;
    }
    return size;
}

graft_file_fate graft_gguf_fate(const graft_gguf *file, const char **path)
{
    graft_file_fate worst = GRAFT_FILE_SAME;
    for (size_t i = 0; i <= file->n_later; i++) {
        const graft_gguf *part = i == 0 ? file : file->later[i - 1];
        graft_file_fate fate = graft_mapped_fate(&part->mapped);
        if (fate > worst) {
            worst = fate;
            *path = part->path;
        }
    }
    return worst;
}

void graft_gguf_mark(graft_gguf *file)
{
    for (size_t i = 0; i <= file->n_later; i++) {
        graft_mapped_mark(i == 0 ? &file->mapped : &file->later[i - 1]->mapped);
    }
}

graft_status graft_gguf_sha256(const graft_gguf *file, char out[65])
{
    graft_status status = GRAFT_OK;
    graft_sha256 hash;
    uint8_t digest[32];
    uint64_t bytes;
    out[0] = '\0';
    graft_sha256_init(&hash);
    for (size_t i = 0; i < graft_gguf_n_parts(file); i++) {
        GRAFT_TRY(graft_file_hash(&hash, graft_gguf_part(file, i, &bytes)));
    }
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, out);
done:
    return status;
}
