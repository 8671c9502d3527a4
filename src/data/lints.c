/* lints.c - the kinds of findings, in the order of tables. */
#include "data/lint.h"

const graft_lint *const graft_lints[] = {
    &graft_lint_bad_line,
    &graft_lint_undeclared_tool,
    &graft_lint_bad_arguments,
    &graft_lint_unanswered_call,
    &graft_lint_role_order,
    &graft_lint_template_refusal,
    &graft_lint_template_loss,
    &graft_lint_trailing_message,
    &graft_lint_nothing_trained,
    &graft_lint_empty_content,
    &graft_lint_broken_text,
    &graft_lint_chat_markup,
    &graft_lint_secret,
    &graft_lint_duplicate,
    &graft_lint_near_duplicate,
    &graft_lint_leak,
    &graft_lint_length_outlier,
    &graft_lint_language_outlier,
    NULL,
};

size_t graft_lints_index(const graft_lint *lint)
{
    size_t i = 0;
    while (graft_lints[i] && graft_lints[i] != lint) {
        i++;
    }
    return i;
}
