/* lint_roles.c - who speaks when, and whether anything is trained. */
#include "core/memory.h"
#include "data/edit.h"
#include "data/lint.h"

/* What is wrong with a message of `role` behind one of `before` (GRAFT_N_ROLES: it is the first);
 * NULL if nothing is. */
static const char *order_fault(graft_role before, bool before_calls, graft_role role)
{
    bool first = before == GRAFT_N_ROLES || before == GRAFT_ROLE_SYSTEM;
    if (role == GRAFT_ROLE_SYSTEM) {
        return first ? NULL : "a system message behind others: put it first";
    }
    if (role == GRAFT_ROLE_ASSISTANT && first) {
        return "the assistant speaks first: put what it replies to before it";
    }
    if (role == GRAFT_ROLE_USER && before == GRAFT_ROLE_USER) {
        return "a second user message in a row: join them";
    }
    if (role == GRAFT_ROLE_USER && before == GRAFT_ROLE_TOOL) {
        return "a user message where the tool result is to be replied to: add the reply";
    }
    if (role == GRAFT_ROLE_ASSISTANT && before == GRAFT_ROLE_ASSISTANT && !before_calls) {
        return "a second assistant message in a row: join them";
    }
    return NULL;
}

static graft_status check_order(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_role before = GRAFT_N_ROLES;
    bool calls = false;
    for (size_t k = 0; k < c->n_turns; k++) {
        const char *fault = order_fault(before, calls, c->turns[k].role);
        if (fault) {
            GRAFT_TRY(graft_findings_add(out, &graft_lint_role_order, "message %zu: %s", k + 1,
                                         fault));
        }
        before = c->turns[k].role;
        calls = graft_json_has(graft_json_at(c->messages, k), "tool_calls");
    }
done:
    return status;
}

const graft_lint graft_lint_role_order = {
    .name = "role_order",
    .what = "roles do not alternate as templates expect",
    .check = check_order,
};

/* --- what stands behind the last reply --- */

/* Messages up to the last reply; all of them if there is none, or if what follows is the question
 * of an evaluation item. */
static size_t useful_messages(const graft_conversation *c)
{
    for (size_t k = c->n_turns; k > 0 && !c->expected; k--) {
        if (c->turns[k - 1].role == GRAFT_ROLE_ASSISTANT) {
            return k;
        }
    }
    return c->n_turns;
}

static graft_status check_trailing(graft_findings *out, const graft_conversation *c)
{
    size_t n = useful_messages(c);
    return n == c->n_turns
               ? GRAFT_OK
               : graft_findings_add(out, &graft_lint_trailing_message,
                                    "message %zu: role \"%s\" behind the last reply is never "
                                    "trained: take it out (--fix does), or add the reply", n + 1,
                                    graft_role_name(c->turns[n].role));
}

static graft_status cut_trailing(graft_conversation *c, size_t *n)
{
    size_t useful = useful_messages(c);
    *n = c->n_turns - useful;
    return graft_edit__keep(c, 0, useful);
}

const graft_lint graft_lint_trailing_message = {
    .name = "trailing_message",
    .what = "ends with messages that are never trained",
    .check = check_trailing,
    .fix = cut_trailing,
};

/* --- weights --- */

static graft_status check_trained(graft_findings *out, const graft_conversation *c)
{
    bool replies = false;
    for (size_t k = 0; k < c->n_turns; k++) {
        if (c->turns[k].weight < 0 || c->turns[k].weight > 0) {
            return GRAFT_OK;
        }
        replies = replies || c->turns[k].role == GRAFT_ROLE_ASSISTANT;
    }
    return !replies ? GRAFT_OK
                    : graft_findings_add(out, &graft_lint_nothing_trained,
                                         "all replies have weight 0, so it teaches nothing: leave "
                                         "it out, or give one a weight");
}

const graft_lint graft_lint_nothing_trained = {
    .name = "nothing_trained",
    .what = "has replies, and none of them is trained",
    .check = check_trained,
};
