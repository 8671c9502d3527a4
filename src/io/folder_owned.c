/* io/folder_owned.c - is all that stands in a folder what was written there? */
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/files_internal.h"
#include "io/json.h"

enum { DEEPEST = 8 };
#define MARK_BYTES ((size_t)16 << 20)
#define EDITED_BYTES ((size_t)16 << 20) /* files beyond are weights, which nobody edits by hand: not hashed */

typedef struct owned {
    const char *mark;
    const graft_json *listed; /* relative path -> SHA-256 */
} owned;

static graft_status check_file(const owned *o, const char *path, const char *name, size_t bytes)
{
    graft_status status = GRAFT_OK;
    char hash[65];
    const char *listed = graft_json_string(graft_json_get(o->listed, name), NULL);
    if (strcmp(name, o->mark) == 0) {
        return GRAFT_OK;
    }
    if (listed == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "%s: is not of the export that stands there (%s does not "
                          "list it) and would be lost; move it away, or name another folder", path,
                          o->mark);
    }
    if (bytes <= EDITED_BYTES) {
        GRAFT_TRY(graft_file_sha256(hash, path));
        if (strcmp(hash, listed) != 0) {
            status = graft_fail(GRAFT_E_CONFIG, "%s: was changed since it was exported (its SHA-256 is "
                                "not that in %s) and would be lost; move it away, or name another "
                                "folder", path, o->mark);
        }
    }
done:
    return status;
}

/* What is in `folder`, which is called `prefix` in the list ("" or "sub/"). Links are not followed: only they
 * would be removed. */
static graft_status check_names(const owned *o, const char *folder, const char *prefix, int depth)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *path = NULL;
    size_t n = 0;
    graft_text name;
    graft_text_init(&name);
    if (depth > DEEPEST) {
        return graft_fail(GRAFT_E_CONFIG, "%s: is a folder too deep to be one of an export; name "
                          "another", folder);
    }
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        struct stat info = {0};
        graft_free(path);
        path = NULL;
        graft_text_clear(&name);
        GRAFT_TRY(graft_path_join(&path, folder, names[i]));
        GRAFT_TRY(graft_text_appendf(&name, "%s%s", prefix, names[i]));
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            GRAFT_TRY(graft_text_append_char(&name, '/'));
            GRAFT_TRY(check_names(o, path, name.data, depth + 1));
        } else {
            GRAFT_TRY(check_file(o, path, name.data, (size_t)info.st_size));
        }
    }
done:
    graft_free(path);
    graft_dir_free(names, n);
    graft_text_clear(&name);
    return status;
}

graft_status graft_io__check_owned(const char *path, const char *mark)
{
    graft_status status = GRAFT_OK;
    char *list = NULL;
    graft_json *json = NULL;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(&list, path, mark));
    GRAFT_TRY(graft_file_read(&text, list, MARK_BYTES));
    if (graft_json_parse(&json, graft_text_z(&text), text.len) == GRAFT_E_MEMORY) {
        status = GRAFT_E_MEMORY;
        goto done;
    }
    owned o = {mark, graft_json_get(json, "sha256")}; /* none: nothing is listed */
    GRAFT_TRY(check_names(&o, path, "", 0));
done:
    graft_free(list);
    graft_json_free(json);
    graft_text_clear(&text);
    return status;
}
