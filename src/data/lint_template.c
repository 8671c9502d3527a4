/* lint_template.c - examples that do not fit the chat template they will be rendered with. */
#include <string.h>

#include "core/memory.h"
#include "data/example.h"
#include "data/fit.h"
#include "data/lint.h"

/* What only tokenising finds: a template that changes what stands before a reply. */
static graft_status try_examples(graft_findings *out, const graft_conversation *c)
{
    graft_example *examples = NULL;
    size_t n = 0;
    graft_status status =
        graft_examples_build(&examples, &n, out->chat, out->tokenizer, c, 0, NULL);
    if (status == GRAFT_E_DATA) {
        status = graft_findings_add(out, &graft_lint_template_refusal,
                                    "%s: use another template (chat_template: builtin, or a file); "
                                    "template_loss: drop leaves such examples out",
                                    graft_error_message());
    }
    for (size_t i = 0; i < n; i++) {
        graft_example_clear(&examples[i]);
    }
    graft_free(examples);
    return status;
}

static graft_status check_rendering(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_fit fit;
    graft_text why;
    graft_text_init(&why);
    GRAFT_TRY(graft_fit_find(&fit, &why, out->chat, c, true));
    if (fit != GRAFT_FIT_WHOLE) {
        GRAFT_TRY(graft_findings_add(out, fit == GRAFT_FIT_REFUSED ? &graft_lint_template_refusal
                                                                   : &graft_lint_template_loss,
                                     "%s", graft_text_z(&why)));
    }
    if (fit != GRAFT_FIT_REFUSED && out->tokenizer) {
        GRAFT_TRY(try_examples(out, c));
    }
done:
    graft_text_clear(&why);
    return status;
}

/* The same of a copy without thoughts. */
static graft_status check_without_reasoning(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_conversation copy = *c;
    size_t n_dropped = 0;
    copy.turns = NULL;
    copy.messages = graft_json_retain(c->messages);
    GRAFT_TRY(graft_alloc(&copy.turns, c->n_turns, sizeof *copy.turns));
    memcpy(copy.turns, c->turns, c->n_turns * sizeof *copy.turns);
    GRAFT_TRY(graft_conversation_drop_reasoning(&copy, &n_dropped));
    GRAFT_TRY(check_rendering(out, &copy));
done:
    graft_json_free(copy.messages);
    graft_free(copy.turns);
    return status;
}

static graft_status check_fit(graft_findings *out, const graft_conversation *c)
{
    if (!out->chat) {
        return GRAFT_OK;
    }
    return out->drops_reasoning ? check_without_reasoning(out, c) : check_rendering(out, c);
}

const graft_lint graft_lint_template_refusal = {
    .name = "template_refusal",
    .what = "cannot be rendered with the chat template",
    .error = true,
    .check = check_fit,
};

/* Found by the lint above. */
const graft_lint graft_lint_template_loss = {
    .name = "template_loss",
    .what = "is shown only in part by the chat template",
    .error = true,
};
