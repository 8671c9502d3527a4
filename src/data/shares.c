/* shares.c - which roles the tokens belong to, and how many of them are trained. */
#include <math.h>

#include "data/example.h"

const char *graft_token_role_name(graft_token_role role)
{
    static const char *const names[] = {"system", "user", "assistant", "tool", "template"};
    return (unsigned)role < GRAFT_TOKEN_N_ROLES ? names[role] : "?";
}

void graft_token_shares_add(graft_token_shares *shares, const graft_example *examples, size_t n)
{
    for (size_t e = 0; e < n; e++) {
        for (uint32_t i = 0; i < examples[e].n; i++) {
            shares->n[examples[e].roles[i]]++;
            shares->trained[examples[e].roles[i]] += fabsf(examples[e].weights[i]) > 0;
        }
    }
    shares->n_examples += n;
}

static void totals(const graft_token_shares *shares, size_t *n, size_t *trained)
{
    *n = *trained = 0;
    for (int r = 0; r < GRAFT_TOKEN_N_ROLES; r++) {
        *n += shares->n[r];
        *trained += shares->trained[r];
    }
}

graft_status graft_token_shares_format(graft_text *out, const graft_token_shares *shares)
{
    graft_status status = GRAFT_OK;
    size_t n, trained;
    const char *separator = "";
    totals(shares, &n, &trained);
    GRAFT_TRY(graft_text_appendf(out, "trained tokens: %zu of %zu (%.1f %%): ", trained, n,
                                 n ? 100.0 * (double)trained / (double)n : 0.0));
    for (int r = 0; r < GRAFT_TOKEN_N_ROLES; r++) {
        if (shares->n[r]) {
            GRAFT_TRY(graft_text_appendf(out, "%s%s %zu of %zu", separator,
                                         graft_token_role_name((graft_token_role)r),
                                         shares->trained[r], shares->n[r]));
            separator = ", ";
        }
    }
done:
    return status;
}

graft_status graft_token_shares_check(const graft_token_shares *shares)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    size_t n, trained;
    graft_text_init(&text);
    totals(shares, &n, &trained);
    /* The first token of an example is never trained. */
    if (trained == 0 || trained + shares->n_examples >= n) {
        GRAFT_TRY(graft_token_shares_format(&text, shares));
        status = graft_fail(GRAFT_E_DATA, "%s of the tokens are trained: there is nothing to learn "
                            "or nothing to learn it from; %s", trained ? "100 %" : "0 %",
                            graft_text_z(&text));
    }
done:
    graft_text_clear(&text);
    return status;
}
