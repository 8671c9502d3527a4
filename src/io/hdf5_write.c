/* io/hdf5_write.c - the door to libhdf5: named 1-D arrays in an image held in memory. It only writes: images
 * are read by ourselves (hdf5_read.c).
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
#include "io/zst.h"

enum { INCREMENT = 1 << 20, LIBRARY_BYTES = 4 << 20 };

struct graft_h5_writer {
    hid_t file;
    char name[40]; /* for libhdf5 */
};

typedef graft_h5__type array_type;

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

/* An allocation failed in libhdf5 at some time, of which it does not recover: whatever fails since then is taken to fail
 * for that. */
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

/* Packs a chunk. */
static size_t zstd_filter(unsigned flags, size_t n_values, const unsigned *values, size_t n,
                          size_t *room, void **bytes)
{
    bool pack = (flags & H5Z_FLAG_REVERSE) == 0 && n == GRAFT_H5_CHUNK;
    size_t size = graft_zst_bound(GRAFT_H5_CHUNK);
    void *out = pack ? H5allocate_memory(size, false) : NULL;
    size_t made = out != NULL ? graft_zst_pack(out, size, *bytes, n) : 0;
    (void)n_values;
    (void)values;
    if (made == 0) {
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
    static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, GRAFT_H5_ZSTD, 1, 1, "zstd", NULL, NULL,
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

graft_status graft_h5_new(graft_h5_writer **out)
{
    graft_status status = GRAFT_OK;
    graft_h5_writer *image = NULL;
    hid_t access = H5I_INVALID_HID, creation = H5I_INVALID_HID;
    *out = NULL;
    GRAFT_TRY(get_ready(0));
    GRAFT_TRY(graft_alloc(&image, 1, sizeof *image));
    image->file = H5I_INVALID_HID;
    /* libhdf5 looks for a file of that name, which there must not be, and takes images of one name for
     * one file */
    snprintf(image->name, sizeof image->name, "/dev/null/%p", (void *)image);
    if (!register_filter()) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 takes no filter: out of memory");
        goto done;
    }
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
    graft_h5_writer_free(image);
    return status;
}

void graft_h5_writer_free(graft_h5_writer *image)
{
    if (image != NULL) {
        graft_held__enter("libhdf5");
        be_quiet();
        if (image->file >= 0) {
            (void)H5Fclose(image->file);
        }
        leave();
        graft_free(image);
    }
}

/* Makes the groups before the last '/' of `name`, without time stamps. */
static graft_status make_groups(graft_h5_writer *image, const char *name)
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

/* Not empty, no empty parts, nothing that HDF5 would take for "here", and not deeper than is read. */
static bool is_name(const char *name)
{
    size_t n = strlen(name), depth = 0;
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        depth++;
    }
    return n > 0 && n <= GRAFT_H5_MAX_NAME && depth <= GRAFT_H5_MAX_DEPTH && name[0] != '/' && name[n - 1] != '/' &&
           strstr(name, "//") == NULL && strcmp(name, ".") != 0 && strncmp(name, "./", 2) != 0 &&
           strstr(name, "/./") == NULL && !graft_str_ends_with(name, "/.");
}

static bool set_packed(hid_t creation)
{
    static const hsize_t chunk[1] = {GRAFT_H5_CHUNK};
    return H5Pset_chunk(creation, 1, chunk) >= 0 &&
           H5Pset_filter(creation, GRAFT_H5_ZSTD, H5Z_FLAG_MANDATORY, 0, NULL) >= 0;
}

graft_status graft_h5__put(graft_h5_writer *image, const char *name, array_type type, const void *data,
                           size_t n)
{
    graft_status status = GRAFT_OK;
    hsize_t dims[1] = {n};
    hid_t space = H5I_INVALID_HID, creation = H5I_INVALID_HID, set = H5I_INVALID_HID;
    if (!is_name(name)) {
        return graft_fail(GRAFT_E_FAILED, "\"%s\" cannot name an array", name);
    }
    /* beside the array there are chunks of it, or the image twice while it grows */
    GRAFT_TRY(get_ready(n * graft_h5__type_bytes[type]));
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
                            graft_h5__type_names[type]);
        goto done;
    }
    if (n > 0 && H5Dwrite(set, native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        status = graft_fail(GRAFT_E_MEMORY, "HDF5 cannot store the array \"%s\" (%zu %s): out of "
                            "memory", name, n, graft_h5__type_names[type]);
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
static const uint8_t *finished_image(const graft_h5_writer *image, size_t *n_out)
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

graft_status graft_h5_write(graft_h5_writer *image, const char *path)
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
