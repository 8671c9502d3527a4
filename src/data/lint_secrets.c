/* lint_secrets.c - texts that look like keys and tokens. A model can repeat what it was trained on,
 * and an adapter is handed around. The finding names the kind, never the secret. */
#include <string.h>

#include "data/draft.h"
#include "data/lint.h"

/* prefix, then at least `least` characters of which some are digits and some letters: what stands
 * in manuals ("sk-xxxxxxxx", "hf_YOUR_TOKEN") mostly lacks one of them or is shorter. */
typedef struct secret_kind {
    const char *prefix, *name;
    size_t least;
} secret_kind;

static const secret_kind kinds[] = {
    {"sk-ant-", "an Anthropic key", 32},
    {"sk-", "an OpenAI key", 20},
    {"ghp_", "a GitHub token", 36},
    {"gho_", "a GitHub token", 36},
    {"ghu_", "a GitHub token", 36},
    {"ghs_", "a GitHub token", 36},
    {"ghr_", "a GitHub token", 36},
    {"github_pat_", "a GitHub token", 40},
    {"glpat-", "a GitLab token", 20},
    {"AKIA", "an AWS access key", 16},
    {"ASIA", "an AWS access key", 16},
    {"AIza", "a Google API key", 35},
    {"xoxb-", "a Slack token", 20},
    {"xoxp-", "a Slack token", 20},
    {"xoxa-", "a Slack token", 20},
    {"xoxr-", "a Slack token", 20},
    {"xoxs-", "a Slack token", 20},
    {"sk_live_", "a Stripe key", 20},
    {"rk_live_", "a Stripe key", 20},
    {"hf_", "a Hugging Face token", 30},
    {"npm_", "an npm token", 36},
    {"SG.", "a SendGrid key", 40},
    {"eyJ", "a signed web token", 60},
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

static bool is_letter(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_word(unsigned char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/* Does text[0..n) begin with something as long and as mixed as the rest of a secret? */
static bool is_random(const char *text, size_t n, const secret_kind *kind)
{
    size_t length = 0, digits = 0, letters = 0, dots = 0;
    for (; length < n; length++) {
        unsigned char c = (unsigned char)text[length];
        if (!is_word(c) && c != '-' && c != '.') {
            break;
        }
        digits += c >= '0' && c <= '9';
        letters += is_letter(c);
        dots += c == '.';
    }
    if (strcmp(kind->prefix, "eyJ") == 0 && dots < 2) {
        return false; /* a web token has three parts */
    }
    return length >= kind->least && digits >= 2 && letters >= 4;
}

static bool is_private_key(const char *text, size_t n)
{
    static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
    size_t at = sizeof begin - 1;
    if (n < at || memcmp(text, begin, at) != 0) {
        return false;
    }
    for (; at < n && (is_word((unsigned char)text[at]) || text[at] == ' '); at++) {
        if (n - at >= sizeof end - 1 && memcmp(text + at, end, sizeof end - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* What a text seems to hold; NULL for nothing. */
static const char *find_secret(const char *text, size_t n)
{
    bool inside = false; /* a word */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '-' && !inside && is_private_key(text + i, n - i)) {
            return "a private key";
        }
        bool may_begin = !inside && is_letter(c) && n - i > 2 && strchr("saghArxneS", c);
        for (size_t k = 0; may_begin && k < N_KINDS; k++) {
            if (kinds[k].prefix[0] == text[i] && kinds[k].prefix[1] == text[i + 1]) {
                size_t length = strlen(kinds[k].prefix);
                if (length < n - i && memcmp(text + i, kinds[k].prefix, length) == 0 &&
                    is_random(text + i + length, n - i - length, &kinds[k])) {
                    return kinds[k].name;
                }
            }
        }
        inside = is_word(c);
    }
    return NULL;
}

/* The same anywhere in a value. */
static const char *find_in_json(const graft_json *value)
{
    const char *found = NULL, *text;
    size_t n;
    if (graft_json_is(value, GRAFT_JSON_STRING)) {
        text = graft_json_string(value, &n);
        return find_secret(text, n);
    }
    for (graft_json_iter it = graft_json_iter_begin(value); !found && graft_json_iter_next(&it);) {
        found = find_in_json(it.value);
    }
    for (size_t i = 0; !found && graft_json_is(value, GRAFT_JSON_ARRAY) &&
                       i < graft_json_length(value); i++) {
        found = find_in_json(graft_json_at(value, i));
    }
    return found;
}

static graft_status check_secrets(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *message = graft_json_at(c->messages, k);
        const char *found = find_in_json(graft_json_get(message, "content"));
        found = found ? found : find_in_json(graft_json_get(message, "tool_calls"));
        if (found) {
            GRAFT_TRY(graft_findings_add(out, &graft_lint_secret, "message %zu: role \"%s\" holds "
                                         "what looks like %s: replace it, and revoke it if it is "
                                         "real", k + 1, graft_role_name(c->turns[k].role), found));
        }
    }
done:
    return status;
}

const graft_lint graft_lint_secret = {
    .name = "secret",
    .what = "holds what looks like a key or a token",
    .check = check_secrets,
};
