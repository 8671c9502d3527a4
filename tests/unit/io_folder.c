/* Folders that appear whole or not at all. */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/calls.h"
#include "io/files.h"

static const char mark[] = "mark.json";

static void put(const char *folder, const char *name, const char *text)
{
    char *path;
    assert_ok(graft_path_join(&path, folder, name));
    assert_ok(graft_file_write(path, text, strlen(text)));
    graft_free(path);
}

static bool has(const char *folder, const char *name)
{
    char *path;
    assert_ok(graft_path_join(&path, folder, name));
    bool there = graft_path_exists(path);
    graft_free(path);
    return there;
}

/* The file that tells what else was written: `name`, which holds "1". */
static void put_mark(const char *folder, const char *name)
{
    char text[128];
    snprintf(text, sizeof text, "{\"sha256\": {\"%s\": \"6b86b273ff34fce19d6b804eff5a3f57"
             "47ada4eaa22f1d49c01e52ddb7875b4b\"}}", name);
    put(folder, mark, text);
}

/* How many names the folder of the test has that are not `kept`: temporary ones that were left. */
static size_t leftovers(const char *root, const char *kept)
{
    char **names;
    size_t n, others = 0;
    assert_ok(graft_dir_list(&names, &n, root));
    for (size_t i = 0; i < n; i++) {
        others += strcmp(names[i], kept) != 0;
    }
    graft_dir_free(names, n);
    return others;
}

/* "root/out" of a test, in memory that lasts. */
static char *make_root(const char *name, char **root)
{
    char *out;
    assert_ok(graft_strdup(root, test_temp_path(name)));
    assert_ok(graft_make_dirs(*root));
    assert_ok(graft_path_join(&out, *root, "out"));
    return out;
}

static void a_folder_appears_whole(void **state)
{
    (void)state;
    graft_folder *folder;
    char *root, *out = make_root("whole", &root);
    assert_ok(graft_folder_open(&folder, out, mark));
    put(graft_folder_path(folder), "a", "1");
    assert_false(graft_path_exists(out));
    assert_ok(graft_folder_commit(&folder));
    assert_null(folder);
    assert_true(has(out, "a"));
    assert_int_equal(leftovers(root, "out"), 0);
    graft_free(out);
    graft_free(root);
}

static void one_that_is_given_up_leaves_nothing(void **state)
{
    (void)state;
    graft_folder *folder;
    char *root, *out = make_root("given_up", &root), *inner;
    assert_ok(graft_folder_open(&folder, out, mark));
    assert_ok(graft_path_join(&inner, graft_folder_path(folder), "x/y"));
    assert_ok(graft_make_dirs(inner));
    put(inner, "deep", "1");
    graft_folder_discard(&folder);
    assert_int_equal(leftovers(root, ""), 0);
    graft_free(inner);
    graft_free(out);
    graft_free(root);
}

static void only_folders_of_its_own_are_replaced(void **state)
{
    (void)state;
    graft_folder *folder;
    char *root, *out = make_root("replaced", &root);
    assert_ok(graft_make_dirs(out)); /* an empty one may be */
    for (int i = 0; i < 2; i++) {
        assert_ok(graft_folder_open(&folder, out, mark));
        put(graft_folder_path(folder), i == 0 ? "old" : "new", "1");
        put_mark(graft_folder_path(folder), i == 0 ? "old" : "new");
        assert_ok(graft_folder_commit(&folder));
    }
    assert_true(has(out, "new") && !has(out, "old"));
    assert_int_equal(leftovers(root, "out"), 0);
    put(root, "foreign", "1");
    assert_fails(graft_folder_open(&folder, root, mark), GRAFT_E_CONFIG, "no mark.json in it");
    assert_null(folder);
    char *file;
    assert_ok(graft_path_join(&file, root, "foreign"));
    assert_fails(graft_folder_open(&folder, file, mark), GRAFT_E_CONFIG, "is a file");
    assert_ok(graft_folder_open(&folder, out, mark)); /* becomes foreign meanwhile */
    char *marked;
    assert_ok(graft_path_join(&marked, out, mark));
    assert_ok(graft_file_remove(marked));
    assert_fails(graft_folder_commit(&folder), GRAFT_E_CONFIG, "no mark.json in it");
    assert_true(has(out, "new"));
    graft_free(marked);
    graft_free(file);
    graft_free(out);
    graft_free(root);
}

/* A model of the user's in the folder of an export went with it. */
static void what_was_added_or_edited_is_kept(void **state)
{
    (void)state;
    graft_folder *folder;
    char *root, *out = make_root("kept", &root), *inner, *added;
    assert_ok(graft_folder_open(&folder, out, mark));
    put(graft_folder_path(folder), "old", "1");
    put_mark(graft_folder_path(folder), "old");
    assert_ok(graft_folder_commit(&folder));
    assert_ok(graft_path_join(&inner, out, "x/y"));
    assert_ok(graft_make_dirs(inner)); /* without files: nothing is lost */
    assert_ok(graft_folder_open(&folder, out, mark));
    put(inner, "mine", "1"); /* added meanwhile */
    assert_fails(graft_folder_commit(&folder), GRAFT_E_CONFIG,
                 "out/x/y/mine: is not of the export that stands there (mark.json does not list it)");
    assert_fails(graft_folder_open(&folder, out, mark), GRAFT_E_CONFIG, "out/x/y/mine: is not of");
    assert_null(folder);
    assert_ok(graft_path_join(&added, inner, "mine"));
    assert_ok(graft_file_remove(added));
    put(out, "old", "2");
    assert_fails(graft_folder_open(&folder, out, mark), GRAFT_E_CONFIG,
                 "out/old: was changed since it was exported");
    put(out, mark, "[");
    assert_fails(graft_folder_open(&folder, out, mark), GRAFT_E_CONFIG, "out/old: is not of");
    assert_int_equal(leftovers(root, "out"), 0);
    graft_free(added);
    graft_free(inner);
    graft_free(out);
    graft_free(root);
}

static int renames_left;

static int failing_rename(const char *from, const char *to)
{
    if (renames_left-- == 0) {
        errno = EIO;
        return -1;
    }
    return graft_io_system_calls.rename(from, to);
}

static int cannot_exchange(const char *a, const char *b)
{
    (void)a, (void)b;
    errno = ENOSYS;
    return -1;
}

/* Whichever rename fails, the old folder stands, whole. */
static void the_old_one_stays_if_it_fails(void **state)
{
    (void)state;
    graft_io_calls calls = graft_io_system_calls;
    graft_folder *folder;
    char *root, *out = make_root("stays", &root);
    assert_ok(graft_folder_open(&folder, out, mark));
    put_mark(graft_folder_path(folder), "old");
    put(graft_folder_path(folder), "old", "1");
    assert_ok(graft_folder_commit(&folder));
    calls.rename = failing_rename;
    calls.exchange = cannot_exchange;
    for (int at = 0; at < 2; at++) { /* moving the old one aside, moving the new one in */
        assert_ok(graft_folder_open(&folder, out, mark));
        put(graft_folder_path(folder), "new", "1");
        renames_left = at;
        graft_io_set_calls(&calls);
        graft_status status = graft_folder_commit(&folder);
        graft_io_set_calls(NULL);
        assert_fails(status, GRAFT_E_DISK, at == 0 ? "cannot move aside" : "cannot rename");
        assert_true(has(out, "old") && !has(out, "new"));
        assert_int_equal(leftovers(root, "out"), 0);
    }
    graft_free(out);
    graft_free(root);
}

/* Listing what is to be removed wanted memory, which is what a folder is given up for the lack of. */
static void a_folder_was_left_behind_where_memory_was_short(void **state)
{
    (void)state;
    graft_folder *folder;
    char *root, *out = make_root("scarce", &root), *inner;
    assert_ok(graft_folder_open(&folder, out, mark));
    assert_ok(graft_path_join(&inner, graft_folder_path(folder), "x/y"));
    assert_ok(graft_make_dirs(inner));
    put(inner, "deep", "1");
    for (int i = 0; i < 200; i++) { /* more than are listed at once */
        char name[24];
        snprintf(name, sizeof name, "file-%d", i);
        put(graft_folder_path(folder), name, "1");
    }
    graft_alloc_fail_at(1);
    graft_folder_discard(&folder);
    graft_alloc_fail_at(0);
    assert_int_equal(leftovers(root, ""), 0);
    graft_free(inner);
    graft_free(out);
    graft_free(root);
}

static int error_of_exchange; /* 0: it works */
static size_t n_renamed;

static int may_exchange(const char *a, const char *b)
{
    errno = error_of_exchange;
    return error_of_exchange != 0 ? -1 : graft_io_system_calls.exchange(a, b);
}

static int count_rename(const char *from, const char *to)
{
    n_renamed += strstr(to, "out") != NULL && strstr(from, "a.tmp") == NULL;
    return graft_io_system_calls.rename(from, to);
}

/* Killed between two renames, neither the old folder nor the new one had the name. */
static void a_folder_that_replaces_another_was_nowhere_for_a_moment(void **state)
{
    (void)state;
    static const int errors[] = {0, EINVAL, EIO};
    static graft_io_calls calls;
    for (size_t i = 0; i < 3; i++) {
        graft_folder *folder;
        char name[] = "exchange-0", *root, *out;
        name[9] = (char)('0' + i);
        out = make_root(name, &root);
        for (int k = 0; k < 2; k++) {
            assert_ok(graft_folder_open(&folder, out, mark));
            put_mark(graft_folder_path(folder), k == 0 ? "old" : "new");
            put(graft_folder_path(folder), k == 0 ? "old" : "new", "1");
            calls = graft_io_system_calls;
            calls.exchange = may_exchange;
            calls.rename = count_rename;
            error_of_exchange = errors[i];
            n_renamed = 0;
            graft_io_set_calls(&calls);
            graft_status status = graft_folder_commit(&folder);
            graft_io_set_calls(NULL);
            assert_int_equal(status, k == 1 && errors[i] == EIO ? GRAFT_E_DISK : GRAFT_OK);
            assert_true(n_renamed == (k == 0 ? 1 : errors[i] == EINVAL ? 2 : 0));
        }
        assert_true(has(out, errors[i] == EIO ? "old" : "new"));
        assert_false(has(out, errors[i] == EIO ? "new" : "old"));
        assert_int_equal(leftovers(root, "out"), 0);
        graft_free(out);
        graft_free(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_appears_whole),
        cmocka_unit_test(one_that_is_given_up_leaves_nothing),
        cmocka_unit_test(only_folders_of_its_own_are_replaced),
        cmocka_unit_test(what_was_added_or_edited_is_kept),
        cmocka_unit_test(the_old_one_stays_if_it_fails),
        cmocka_unit_test(a_folder_was_left_behind_where_memory_was_short),
        cmocka_unit_test(a_folder_that_replaces_another_was_nowhere_for_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
