/* lint_content.c - texts that are empty, damaged, or already rendered. */
#include <string.h>

#include "data/edit.h"
#include "data/lint.h"

static const char *content_of(const graft_conversation *c, size_t k, size_t *n)
{
    return graft_json_string(graft_json_get(graft_json_at(c->messages, k), "content"), n);
}

static bool is_blank(const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == ' ' || (text[n - 1] >= '\t' && text[n - 1] <= '\r'))) {
        n--;
    }
    return n == 0;
}

/* --- empty --- */

static graft_status check_empty(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t k = 0; k < c->n_turns; k++) {
        size_t n;
        const char *text = content_of(c, k, &n), *what;
        if (!is_blank(text, n) || (c->turns[k].role == GRAFT_ROLE_ASSISTANT &&
                                   graft_json_has(graft_json_at(c->messages, k), "tool_calls"))) {
            continue;
        }
        what = c->turns[k].role == GRAFT_ROLE_SYSTEM ? "take it out (--fix does)"
               : c->turns[k].role == GRAFT_ROLE_TOOL ? "write what the tool gave back, if only null"
                                                     : "write its text, or leave the example out";
        GRAFT_TRY(graft_findings_add(out, &graft_lint_empty_content,
                                     "message %zu: role \"%s\" with empty content: %s", k + 1,
                                     graft_role_name(c->turns[k].role), what));
    }
done:
    return status;
}

/* Takes empty system messages at the beginning out. */
static graft_status drop_empty(graft_conversation *c, size_t *n)
{
    size_t length, first = 0;
    while (first + 1 < c->n_turns && c->turns[first].role == GRAFT_ROLE_SYSTEM) {
        const char *text = content_of(c, first, &length);
        if (!is_blank(text, length)) {
            break;
        }
        first++;
    }
    *n = first;
    return graft_edit__keep(c, first, c->n_turns);
}

const graft_lint graft_lint_empty_content = {
    .name = "empty_content",
    .what = "has a message without text",
    .check = check_empty,
    .fix = drop_empty,
};

/* --- damaged --- */

static bool is_odd_control(unsigned char c)
{
    return (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f;
}

/* What is wrong with a text; NULL if nothing is. */
static const char *damage(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7f) {
            continue;
        }
        if (is_odd_control(c)) {
            return "holds control characters: strip them";
        }
        if (c == 0xef && n - i >= 3 && memcmp(text + i, "\xef\xbf\xbd", 3) == 0) {
            return "holds U+FFFD, what is left of undecodable bytes: take it from its source again";
        }
        /* What UTF-8 looks like when it was read as Latin-1 and written as UTF-8 once more. */
        if (c == 0xc3 && n - i >= 4 && (text[i + 1] == '\x83' || text[i + 1] == '\x82') &&
            text[i + 2] == '\xc2') {
            return "was encoded as UTF-8 twice: decode it once";
        }
    }
    return NULL;
}

static graft_status check_broken(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t k = 0; k < c->n_turns; k++) {
        size_t n;
        const char *text = content_of(c, k, &n), *what = damage(text, n);
        if (what) {
            GRAFT_TRY(graft_findings_add(out, &graft_lint_broken_text, "message %zu: content %s",
                                         k + 1, what));
        }
    }
done:
    return status;
}

const graft_lint graft_lint_broken_text = {
    .name = "broken_text",
    .what = "has damaged text",
    .check = check_broken,
};

/* --- already rendered --- */

static const struct {
    const char *mark;
    bool call; /* a call written as text */
} marks[] = {
    {"<|im_start|>", false},     {"<|im_end|>", false},      {"<|eot_id|>", false},
    {"<|start_header_id|>", false}, {"<|begin_of_text|>", false}, {"<|endoftext|>", false},
    {"<start_of_turn>", false},  {"<end_of_turn>", false},   {"[INST]", false},
    {"[/INST]", false},          {"<tool_call>", true},      {"[TOOL_CALLS]", true},
};

/* What to do about the mark. */
static const char *advice(int m)
{
    if (strcmp(marks[m].mark, "<tool_call>") == 0) {
        return "write the call as tool_calls, or read the file with --format hermes";
    }
    return marks[m].call ? "write the call as tool_calls"
                         : "give messages as they were before rendering";
}

/* The number of the first mark in a text, or -1. */
static int find_mark(const char *text, size_t n)
{
    for (size_t i = 0; i + 6 <= n; i++) {
        if (text[i] != '<' && text[i] != '[') {
            continue;
        }
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++) {
            if (marks[m].mark[0] == text[i] && marks[m].mark[1] == text[i + 1]) {
                size_t length = strlen(marks[m].mark);
                if (length <= n - i && memcmp(text + i, marks[m].mark, length) == 0) {
                    return (int)m;
                }
            }
        }
    }
    return -1;
}

static graft_status check_markup(graft_findings *out, const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    for (size_t k = 0; k < c->n_turns; k++) {
        size_t n;
        const char *text = content_of(c, k, &n);
        int m = find_mark(text, n);
        if (m >= 0 && (!marks[m].call || c->turns[k].role == GRAFT_ROLE_ASSISTANT)) {
            GRAFT_TRY(graft_findings_add(
                out, &graft_lint_chat_markup, "message %zu: content holds \"%s\" as text: %s",
                k + 1, marks[m].mark, advice(m)));
        }
    }
done:
    return status;
}

const graft_lint graft_lint_chat_markup = {
    .name = "chat_markup",
    .what = "holds marks of a chat template as text",
    .check = check_markup,
};
