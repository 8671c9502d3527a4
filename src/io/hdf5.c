/* io/hdf5.c - the door to libhdf5: named 1-D arrays in an image held in memory.
 *
 * The core driver without a backing store keeps libhdf5 away from the disk. With a low version bound later
 * than EARLIEST, images of HDF5 1.10 (H5Fget_file_image) have a superblock with a wrong checksum. */
#define H5_USE_110_API /* later versions keep these calls under this name */
#include "io/hdf5.h"

#include <errno.h>
#include <hdf5.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "io/files.h"
#include "io/hdf5_internal.h"
#include "io/held.h"
#include "io/show.h"
#include "io/zst.h"

enum { INCREMENT = 1 << 20, LIBRARY_BYTES = 4 << 20, MAX_NAME = 1024 };

struct graft_h5 {
    hid_t file;
    char *path; /* "checkpoint" until it was read from a file; for messages */
    char name[40]; /* for libhdf5 */
};

typedef graft_h5__type array_type;
static const char *const type_names[GRAFT_H5_N_TYPES] = {"f32", "u64", "text", "packed"};
static const unsigned type_bytes[GRAFT_H5_N_TYPES] = {4, 8, 1, 1};

/* A chunk takes no fewer bytes in the image than MIN_PACKED. */
enum { ZSTD_FILTER = 32015, MIN_PACKED = 16 };

static hid_t stored_type(array_type type)
{
    return type == GRAFT_H5_F32 ? H5T_IEEE_F32LE : type == GRAFT_H5_U64 ? H5T_STD_U64LE : H5T_STD_U8LE;
}

static hid_t native_type(array_type type)
{
    return type == GRAFT_H5_F32 ? H5T_NATIVE_FLOAT
                             : type == GRAFT_H5_U64 ? H5T_NATIVE_UINT64 : H5T_NATIVE_UINT8;
}

/* libhdf5 prints its errors unless told otherwise, once per thread of its own. It needs no work at
 * exit, where it does not survive that memory is short: nothing of it lies on a disk. */
static void be_quiet(void)
{
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* An allocation failed in libhdf5 at some time, of which it does not recover: what it says of files since then is
 * not held against them. */
static atomic_bool lacked;

static bool has_lacked(void)
{
    if (errno == ENOMEM) {
        lacked = true;
    }
    return lacked;
}

/* Before libhdf5 works on so many bytes: in places it uses what it could not allocate. What happens in spite of that
 * until leave() is known to be its doing. */
static graft_status get_ready(size_t bytes)
{
    size_t all;
    bool fits = graft_size_add(bytes, LIBRARY_BYTES, &all);
    graft_status status = graft_memory_ask(fits ? all : bytes);
    if (status == GRAFT_OK) {
        graft_held__enter("libhdf5");
        errno = 0;
        be_quiet();
    }
    return status;
}

static void leave(void)
{
    (void)has_lacked();
    graft_held__leave();
}

static herr_t look_for_memory(unsigned n, const H5E_error2_t *error, void *found)
{
    (void)n;
    if (error->maj_num == H5E_RESOURCE || error->min_num == H5E_NOSPACE ||
        error->min_num == H5E_CANTALLOC) {
        *(bool *)found = true;
    }
    return 0;
}

/* GRAFT_E_MEMORY if that is what the call of libhdf5 before this one failed for. */
static graft_status memory_or(graft_status otherwise)
{
    bool found = has_lacked();
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, look_for_memory, &found);
    return found || get_ready(0) != GRAFT_OK ? GRAFT_E_MEMORY : otherwise;
}

static const char *because(graft_status status)
{
    return status == GRAFT_E_MEMORY ? ": out of memory" : "";
}

/* Packs or unpacks a chunk. What does not unpack to exactly one chunk is refused: libhdf5 would
 * read behind it. */
static size_t zstd_filter(unsigned flags, size_t n_values, const unsigned *values, size_t n,
                          size_t *room, void **bytes)
{
    bool unpack = (flags & H5Z_FLAG_REVERSE) != 0;
    size_t size = unpack ? GRAFT_H5_CHUNK : graft_zst_bound(GRAFT_H5_CHUNK), made = 0;
    void *out = unpack || n == GRAFT_H5_CHUNK ? H5allocate_memory(size, false) : NULL;
    (void)n_values;
    (void)values;
    if (out != NULL) {
        made = unpack ? graft_zst_unpack(out, size, *bytes, n)
                      : graft_zst_pack(out, size, *bytes, n);
    }
    if (made == 0 || (unpack && made != GRAFT_H5_CHUNK)) {
        H5free_memory(out);
        return 0;
    }
    H5free_memory(*bytes);
    *bytes = out;
    *room = size;
    return made;
}

/* Closes what was opened: handles that are none would cost allocations in libhdf5. */
static void release(hid_t handle, herr_t (*close)(hid_t))
{
    if (handle >= 0) {
        (void)close(handle);
    }
}

static bool register_filter(void)
{
    static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, ZSTD_FILTER, 1, 1, "zstd", NULL, NULL,
                                        zstd_filter};
    return H5Zregister(&filter) >= 0;
}

/* An access list for files that live in memory; negative on failure. */
static hid_t memory_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 &&
        (H5Pset_fapl_core(access, INCREMENT, 0) < 0 ||
         H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) < 0)) {
        release(access, H5Pclose);
        access = H5I_INVALID_HID;
    }
    return access;
}

static graft_status image_new(graft_h5 **out, const char *path)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(get_ready(0));
    GRAFT_TRY(graft_alloc(out, 1, sizeof **out));
    (*out)->file = H5I_INVALID_HID;
    /* libhdf5 looks for a file of that name, which there must not be, and takes images of one name for
     * one file */
    snprintf((*out)->name, sizeof (*out)->name, "/dev/null/%p", (void *)*out);
    GRAFT_TRY(graft_strdup(&(*out)->path, path));
    if (!register_filter()) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 takes no filter: out of memory");
    }
done:
    return status;
}

graft_status graft_h5_new(graft_h5 **out)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    hid_t access = H5I_INVALID_HID, creation = H5I_INVALID_HID;
    *out = NULL;
    GRAFT_TRY(image_new(&image, "checkpoint"));
    access = memory_access();
    creation = H5Pcreate(H5P_FILE_CREATE);
    if (access < 0 || creation < 0 || H5Pset_obj_track_times(creation, false) < 0 ||
        (image->file = H5Fcreate(image->name, H5F_ACC_TRUNC, creation, access)) < 0) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 cannot make an image in memory");
        goto done;
    }
    *out = image;
    image = NULL;
done:
    release(access, H5Pclose);
    release(creation, H5Pclose);
    leave();
    graft_h5_free(image);
    return status;
}

void graft_h5_free(graft_h5 *image)
{
    if (image != NULL) {
        graft_held__enter("libhdf5");
        be_quiet();
        if (image->file >= 0) {
            (void)H5Fclose(image->file);
        }
        leave();
        graft_free(image->path);
        graft_free(image);
    }
}

const char *graft_h5__path(const graft_h5 *image)
{
    return image->path;
}

/* --- writing --- */

/* Makes the groups before the last '/' of `name`, without time stamps. */
static graft_status make_groups(graft_h5 *image, const char *name)
{
    graft_status status = GRAFT_OK;
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE), group;
    char *path = NULL;
    bool made = creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0;
    GRAFT_TRY(graft_strdup(&path, name));
    for (char *slash = strchr(path, '/'); slash != NULL && made; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (H5Lexists(image->file, path, H5P_DEFAULT) <= 0) {
            group = H5Gcreate2(image->file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
            made = group >= 0 && H5Gclose(group) >= 0;
        }
        *slash = '/';
    }
    if (!made) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 cannot make the groups of \"%s\"", name);
    }
done:
    release(creation, H5Pclose);
    graft_free(path);
    return status;
}

/* Not empty, no empty parts, nothing that HDF5 would take for "here". */
static bool is_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= MAX_NAME && name[0] != '/' && name[n - 1] != '/' &&
           strstr(name, "//") == NULL && strcmp(name, ".") != 0 && strncmp(name, "./", 2) != 0 &&
           strstr(name, "/./") == NULL && !graft_str_ends_with(name, "/.");
}

static bool set_packed(hid_t creation)
{
    static const hsize_t chunk[1] = {GRAFT_H5_CHUNK};
    return H5Pset_chunk(creation, 1, chunk) >= 0 &&
           H5Pset_filter(creation, ZSTD_FILTER, H5Z_FLAG_MANDATORY, 0, NULL) >= 0;
}

graft_status graft_h5__put(graft_h5 *image, const char *name, array_type type, const void *data,
                           size_t n)
{
    graft_status status = GRAFT_OK;
    hsize_t dims[1] = {n};
    hid_t space = H5I_INVALID_HID, creation = H5I_INVALID_HID, set = H5I_INVALID_HID;
    if (!is_name(name)) {
        return graft_fail(GRAFT_E_FAILED, "\"%s\" cannot name an array", name);
    }
    /* beside the array there are chunks of it, or the image twice while it grows */
    GRAFT_TRY(get_ready(n * type_bytes[type]));
    GRAFT_TRY(make_groups(image, name));
    space = H5Screate_simple(1, dims, NULL);
    creation = H5Pcreate(H5P_DATASET_CREATE);
    if (space < 0 || creation < 0 || H5Pset_obj_track_times(creation, false) < 0 ||
        H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER) < 0 ||
        (type == GRAFT_H5_PACKED && !set_packed(creation)) ||
        (set = H5Dcreate2(image->file, name, stored_type(type), space, H5P_DEFAULT, creation,
                          H5P_DEFAULT)) < 0) {
        htri_t there = H5Lexists(image->file, name, H5P_DEFAULT);
        status = graft_fail(there > 0    ? GRAFT_E_FAILED
                            : there == 0 ? GRAFT_E_MEMORY : memory_or(GRAFT_E_FAILED),
                            "HDF5 cannot make the array \"%s\" (of %zu %s)", name, n,
                            type_names[type]);
        goto done;
    }
    if (n > 0 && H5Dwrite(set, native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 cannot store the array \"%s\" (%zu %s): out of "
                            "memory", name, n, type_names[type]);
    }
done:
    release(set, H5Dclose);
    release(creation, H5Pclose);
    release(space, H5Sclose);
    leave();
    return status;
}

/* The finished image where libhdf5 has it: a copy (H5Fget_file_image) would be the largest block of
 * memory of a whole run. NULL if it cannot be had. */
static const uint8_t *finished_image(const graft_h5 *image, size_t *n_out)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    void *handle = NULL; /* the core driver's is the address of its pointer to the bytes */
    ssize_t n = H5Fflush(image->file, H5F_SCOPE_GLOBAL) < 0
                    ? -1 : H5Fget_file_image(image->file, NULL, 0);
    const uint8_t *bytes = NULL;
    if (n > (ssize_t)sizeof signature &&
        H5Fget_vfd_handle(image->file, H5P_DEFAULT, &handle) >= 0 && handle != NULL) {
        bytes = *(uint8_t *const *)handle;
    }
    *n_out = n < 0 ? 0 : (size_t)n;
    return bytes != NULL && memcmp(bytes, signature, sizeof signature) == 0 ? bytes : NULL;
}

graft_status graft_h5_write(graft_h5 *image, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_writer *writer = NULL;
    uint8_t header[GRAFT_H5_HEADER];
    size_t n = 0;
    GRAFT_TRY(get_ready(0));
    const uint8_t *bytes = finished_image(image, &n);
    leave();
    if (bytes == NULL) {
        return graft_fail(GRAFT_E_MEMORY, "%s: HDF5 cannot finish the image: out of memory", path);
    }
    graft_h5__make_header(header, bytes, n);
    GRAFT_TRY(graft_writer_open(&writer, path));
    GRAFT_TRY(graft_writer_write(writer, header, sizeof header));
    GRAFT_TRY(graft_writer_write(writer, bytes, n));
    GRAFT_TRY(graft_writer_commit(&writer));
done:
    graft_writer_discard(&writer);
    return status;
}

/* --- reading --- */

/* What the walk through a file knows. */
typedef struct walk {
    const graft_h5 *image;
    const uint8_t *bytes; /* of the image, n_bytes, whose arrays nobody looked at yet; or NULL */
    size_t n_bytes;
    graft_text *list; /* NULL: only check */
    graft_status status;
} walk;

/* In chunks of ours with our filter and no other? */
static bool is_packed(hid_t creation)
{
    unsigned flags, config;
    size_t n_values = 0;
    hsize_t chunk[1] = {0};
    return H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, 1, chunk) == 1 &&
           chunk[0] == GRAFT_H5_CHUNK && H5Pget_nfilters(creation) == 1 &&
           H5Pget_filter2(creation, 0, &flags, &n_values, NULL, 0, NULL, &config) == ZSTD_FILTER;
}

/* Opens an array and tells its type and length. GRAFT_E_CHECKPOINT if it is not a plain 1-D array
 * of a known type whose numbers lie in this file. Names nothing else: no links, filters, external
 * files. */
static graft_status open_array(const graft_h5 *image, const char *name, hid_t *out,
                               array_type *type, size_t *n)
{
    hid_t set, stored, space, creation;
    hsize_t dims[1] = {0}, image_bytes = 0;
    bool plain;
    char shown[GRAFT_IO_SHOWN];
    *out = H5I_INVALID_HID;
    *type = GRAFT_H5_N_TYPES;
    graft_io__show(shown, name, strlen(name));
    set = is_name(name) && H5Lexists(image->file, name, H5P_DEFAULT) > 0
              ? H5Dopen2(image->file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (set < 0) {
        graft_status why = memory_or(GRAFT_E_CHECKPOINT);
        return graft_fail(why, "%s: array \"%s\" is missing%s", image->path, shown, because(why));
    }
    stored = H5Dget_type(set);
    space = H5Dget_space(set);
    creation = H5Dget_create_plist(set);
    for (array_type t = GRAFT_H5_F32; t <= GRAFT_H5_TEXT; t++) {
        *type = H5Tequal(stored, stored_type(t)) > 0 ? t : *type;
    }
    if (*type == GRAFT_H5_TEXT && is_packed(creation)) {
        *type = GRAFT_H5_PACKED;
    }
    plain = *type < GRAFT_H5_N_TYPES && H5Sget_simple_extent_ndims(space) == 1 &&
            H5Sget_simple_extent_dims(space, dims, NULL) == 1 &&
            (*type == GRAFT_H5_PACKED || (H5Pget_layout(creation) == H5D_CONTIGUOUS &&
                                       H5Pget_nfilters(creation) == 0)) &&
            H5Pget_external_count(creation) == 0;
    release(stored, H5Tclose);
    release(space, H5Sclose);
    release(creation, H5Pclose);
    plain = plain && H5Fget_filesize(image->file, &image_bytes) >= 0 &&
            (*type == GRAFT_H5_PACKED
                 ? dims[0] % GRAFT_H5_CHUNK == 0 && dims[0] > 0 && dims[0] <= GRAFT_H5_MAX_PACKED &&
                       dims[0] / GRAFT_H5_CHUNK <= image_bytes / MIN_PACKED
                 : dims[0] <= image_bytes / type_bytes[*type]);
    if (!plain) {
        graft_status why = memory_or(GRAFT_E_CHECKPOINT);
        release(set, H5Dclose);
        return graft_fail(why, "%s: array \"%s\" is not a plain list of f32, u64 or bytes%s", image->path, shown,
                          because(why));
    }
    *out = set;
    *n = (size_t)dims[0];
    return GRAFT_OK;
}

/* Called for every link of the file, in the order of names. */
static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *link, void *context)
{
    walk *w = context;
    H5O_info_t object;
    hid_t set;
    array_type type;
    size_t n = 0;
    char shown[GRAFT_IO_SHOWN];
    if (link->type != H5L_TYPE_HARD ||
        H5Oget_info_by_name2(group, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
        (object.type != H5O_TYPE_GROUP && object.type != H5O_TYPE_DATASET)) {
        graft_status why = memory_or(GRAFT_E_CHECKPOINT);
        w->status = graft_fail(why, "%s: \"%s\" is neither a group nor an array%s", w->image->path,
                               graft_io__show(shown, name, strlen(name)), because(why));
        return -1;
    }
    bool is_group = object.type == H5O_TYPE_GROUP;
    if (w->bytes != NULL && !(is_group ? graft_h5__is_plain_group : graft_h5__is_plain_array)(
                                w->bytes, w->n_bytes, object.addr)) {
        w->status = graft_fail(GRAFT_E_CHECKPOINT, "%s: %s \"%s\" is not a plain %s", w->image->path,
                               is_group ? "group" : "array", graft_io__show(shown, name, strlen(name)),
                               is_group ? "group" : "list of f32, u64 or bytes");
        return -1;
    }
    if (is_group) {
        return 0;
    }
    w->status = open_array(w->image, name, &set, &type, &n);
    release(set, H5Dclose);
    if (w->status == GRAFT_OK && w->list != NULL) {
        w->status = graft_text_append_escaped(w->list, name, strlen(name), false);
        w->status = w->status == GRAFT_OK
                        ? graft_text_appendf(w->list, " %s %zu\n", type_names[type], n)
                        : w->status;
    }
    return w->status == GRAFT_OK ? 0 : -1;
}

/* Checks the arrays of an image that libhdf5 has opened from `bytes`, or names those of one that was checked. */
static graft_status walk_links(const graft_h5 *image, const uint8_t *bytes, size_t n_bytes, graft_text *list)
{
    walk w = {.image = image, .bytes = bytes, .n_bytes = n_bytes, .list = list};
    if (H5Lvisit(image->file, H5_INDEX_NAME, H5_ITER_INC, visit_link, &w) < 0 &&
        w.status == GRAFT_OK) {
        w.status = memory_or(GRAFT_E_CHECKPOINT);
        return graft_fail(w.status, "%s: HDF5 cannot walk through it%s", image->path,
                          because(w.status));
    }
    return w.status;
}

static graft_status open_image(graft_h5 *image, const uint8_t *bytes, size_t n)
{
    graft_status status = get_ready(2 * n);
    if (status == GRAFT_OK && !graft_h5__is_plain_file(bytes, n)) {
        status = graft_fail(GRAFT_E_CHECKPOINT, "%s: HDF5 cannot open it: it does not begin as images of graft do",
                            image->path);
    }
    if (status != GRAFT_OK) {
        return status;
    }
    hid_t access = memory_access();
    /* libhdf5 copies the image before it looks at it; the cast drops a const it honours */
    if (access < 0 || H5Pset_file_image(access, (void *)(uintptr_t)bytes, n) < 0 ||
        (image->file = H5Fopen(image->name, H5F_ACC_RDONLY, access)) < 0) {
        status = memory_or(GRAFT_E_CHECKPOINT);
        release(access, H5Pclose);
        return graft_fail(status, "%s: HDF5 cannot open it%s", image->path, because(status));
    }
    release(access, H5Pclose);
    return walk_links(image, bytes, n, NULL);
}

graft_status graft_h5_read(graft_h5 **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image = NULL;
    graft_mapped file = {0};
    *out = NULL;
    GRAFT_TRY(graft_mapped_open(&file, path));
    GRAFT_TRY(graft_h5__check_header(&file, path));
    GRAFT_TRY(image_new(&image, path));
    GRAFT_TRY(open_image(image, file.data + GRAFT_H5_HEADER, file.size - GRAFT_H5_HEADER));
    *out = image;
    image = NULL;
done:
    leave();
    graft_mapped_close(&file);
    graft_h5_free(image);
    return status;
}

/* Is every chunk there and packed? One that skips the filter could be shorter than libhdf5 reads. */
static bool has_all_chunks(hid_t set, size_t n)
{
    hsize_t n_chunks = 0, offset[1], size;
    hid_t space = H5Dget_space(set);
    bool good = H5Dget_num_chunks(set, space, &n_chunks) >= 0 && n_chunks == n / GRAFT_H5_CHUNK;
    for (hsize_t i = 0; good && i < n_chunks; i++) {
        haddr_t address;
        unsigned skipped = 1;
        good = H5Dget_chunk_info(set, space, i, offset, &skipped, &address, &size) >= 0 &&
               skipped == 0;
    }
    release(space, H5Sclose);
    return good;
}

graft_status graft_h5__get(const graft_h5 *image, const char *name, array_type wanted, void *out,
                           size_t n)
{
    graft_status status = GRAFT_OK;
    hid_t set = H5I_INVALID_HID;
    array_type type;
    size_t found = 0;
    GRAFT_TRY(get_ready(0));
    GRAFT_TRY(open_array(image, name, &set, &type, &found));
    if (type != wanted || found != n) {
        status = memory_or(GRAFT_E_CHECKPOINT);
        status = graft_fail(status, "%s: array \"%s\" has %zu %s instead of %zu %s%s", image->path, name,
                            found, type_names[type], n, type_names[wanted], because(status));
        goto done;
    }
    if (n > 0 && ((type == GRAFT_H5_PACKED && !has_all_chunks(set, n)) ||
                  H5Dread(set, native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)) {
        status = memory_or(GRAFT_E_CHECKPOINT);
        status = graft_fail(status, "%s: array \"%s\" cannot be read%s", image->path, name,
                            because(status));
    }
done:
    release(set, H5Dclose);
    leave();
    return status;
}

graft_status graft_h5_size(const graft_h5 *image, const char *name, size_t *n)
{
    hid_t set;
    array_type type;
    graft_status status = get_ready(0);
    *n = 0;
    if (status == GRAFT_OK) {
        status = open_array(image, name, &set, &type, n);
        release(set, H5Dclose);
    }
    leave();
    return status;
}

graft_status graft_h5_list(const graft_h5 *image, graft_text *out)
{
    graft_status status = get_ready(0);
    status = status == GRAFT_OK ? walk_links(image, NULL, 0, out) : status;
    leave();
    return status;
}
