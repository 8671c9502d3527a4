/* JSON values when memory runs out inside of json-c: this program's malloc and calloc stand in for the C
 * library's, in libraries too. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "io/json.h"

static long countdown; /* 1: the next allocation fails, once */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HAVE_HOOKS = 0 };
#else
enum { HAVE_HOOKS = 1 };
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);

static bool must_fail(void)
{
    return countdown > 0 && --countdown == 0;
}

GRAFT_API void *malloc(size_t n)
{
    return must_fail() ? NULL : __libc_malloc(n);
}

GRAFT_API void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(n, size);
}
#endif

static void need_hooks(void)
{
    if (!HAVE_HOOKS) {
        test_skip("sanitizers have allocators of their own");
    }
}

static const char text[] = "{\"a key\": [1, -2, 18446744073709551615, 1.50e3, true, null, \"x\"],"
                           " \"b\": {\"c\": \"a longer text with an escape \\u00e9 \\ud83d\\ude80 in it\"}}";

/* json-c's parser called strlen(NULL) for a key whose copy failed, and waited forever after a failed
 * newlocale. */
static void a_key_that_cannot_be_copied_is_an_error(void **state)
{
    (void)state;
    need_hooks();
    graft_json *whole, *value;
    long n_failed = 0;
    assert_ok(graft_json_parse(&whole, text, sizeof text - 1));
    for (long n = 1;; n++) {
        countdown = n;
        graft_status status = graft_json_parse(&value, text, sizeof text - 1);
        bool done = countdown > 0;
        countdown = 0;
        if (done) {
            assert_ok(status);
            assert_true(graft_json_equal(value, whole));
            graft_json_free(value);
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_null(value);
        n_failed++;
    }
    assert_in_range(n_failed, 20, 200);
    graft_json_free(whole);
}

/* run/config.yaml said "export: [null, peft]". */
static void a_name_that_cannot_be_made_does_not_become_null(void **state)
{
    (void)state;
    need_hooks();
    graft_json *list = graft_json_new_array(), *object = graft_json_new_object();
    countdown = 1;
    assert_fails(graft_json_push(list, graft_json_new_string("adapter", 7)), GRAFT_E_MEMORY, "memory");
    countdown = 1;
    assert_fails(graft_json_set(object, "name", graft_json_new_string("adapter", 7)), GRAFT_E_MEMORY,
                 "memory");
    assert_int_equal(graft_json_length(list) + graft_json_length(object), 0);
    assert_ok(graft_json_push(list, NULL)); /* a null is one where it is meant */
    assert_int_equal(graft_json_length(list), 1);
    graft_json_free(list);
    graft_json_free(object);
}

/* It was exit code 1 and "cannot set". */
static void a_member_without_room_is_a_matter_of_memory(void **state)
{
    (void)state;
    need_hooks();
    graft_json *object = graft_json_new_object(), *value = graft_json_new_int(1);
    countdown = 1;
    assert_fails(graft_json_set(object, "name", value), GRAFT_E_MEMORY, "memory");
    graft_json_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_cannot_be_copied_is_an_error),
        cmocka_unit_test(a_name_that_cannot_be_made_does_not_become_null),
        cmocka_unit_test(a_member_without_room_is_a_matter_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
