/* export/go_template.h where memory runs out; what it writes is executed in tests/oracle/test_ollama.py. */
#include "support/test.h"

#include <string.h>

#include "core/memory.h"
#include "export/go_template.h"

static const graft_export_serving chatml = {
    .chat_template = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
                     "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    .bos = "", .eos = "<|im_end|>"};

/* What a function cleans up has to be there before its first way out. */
static void a_probe_that_failed_freed_what_was_never_made(void **state)
{
    (void)state;
    graft_go_template made = {0};
    uint64_t n = graft_alloc_count();
    assert_ok(graft_go_template_make(&made, &chatml));
    n = graft_alloc_count() - n;
    assert_true(made.text.len > 0);
    graft_go_template_clear(&made);
    for (uint64_t k = 1; k <= n; k++) {
        graft_alloc_fail_at(k);
        graft_status status = graft_go_template_make(&made, &chatml);
        graft_alloc_fail_at(0);
        assert_true(status == GRAFT_OK || status == GRAFT_E_MEMORY);
        graft_go_template_clear(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_probe_that_failed_freed_what_was_never_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
