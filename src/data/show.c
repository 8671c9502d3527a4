/* show.c - examples and datasets as text and JSON. */
#include "data/show.h"

#include <math.h>

#include "core/memory.h"

/* --- one example --- */

static graft_status push(graft_json *array, graft_json *value)
{
    return value ? graft_json_push(array, value) : graft_fail(GRAFT_E_MEMORY, "out of memory");
}

/* Fills the arrays and the text of an example. */
static graft_status collect(const graft_example *example, const graft_tokenizer *tokenizer,
                            graft_json *const lists[3], graft_text *text)
{
    graft_status status = GRAFT_OK;
    for (uint32_t i = 0; i < example->n; i++) {
        size_t n = 0;
        const char *piece = graft_tokenizer_piece(tokenizer, example->ids[i], &n);
        const char *role = graft_token_role_name((graft_token_role)example->roles[i]);
        size_t role_length = 0;
        while (role[role_length]) {
            role_length++;
        }
        GRAFT_TRY(push(lists[0], graft_json_new_int(example->ids[i])));
        GRAFT_TRY(push(lists[1], graft_json_new_double((double)example->weights[i])));
        GRAFT_TRY(push(lists[2], graft_json_new_string(role, role_length)));
        if (piece) {
            GRAFT_TRY(graft_text_append(text, piece, n));
        }
    }
done:
    return status;
}

graft_status graft_example_show_json(graft_text *out, const graft_example *example,
                                     const graft_tokenizer *tokenizer)
{
    static const char *const names[3] = {"ids", "weights", "roles"};
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object();
    graft_json *lists[3] = {graft_json_new_array(), graft_json_new_array(), graft_json_new_array()};
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_json_set_int(object, "index", example->conversation));
    GRAFT_TRY(collect(example, tokenizer, lists, &text));
    for (size_t i = 0; i < 3; i++) {
        graft_json *taken = lists[i];
        lists[i] = NULL;
        GRAFT_TRY(graft_json_set(object, names[i], taken));
    }
    GRAFT_TRY(graft_json_set(object, "text", graft_json_new_string(graft_text_z(&text), text.len)));
    GRAFT_TRY(graft_json_write(out, object, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    for (size_t i = 0; i < 3; i++) {
        graft_json_free(lists[i]);
    }
    graft_json_free(object);
    graft_text_clear(&text);
    return status;
}

/* How a run of tokens looks. */
typedef struct look {
    bool trained, control;
} look;

static const char *colour_of(look l)
{
    static const char *const colours[2][2] = {{"\x1b[2m", "\x1b[34m"}, {"\x1b[32m", "\x1b[1;32m"}};
    return colours[l.trained][l.control];
}

static look look_of(const graft_example *example, const graft_tokenizer *tokenizer, uint32_t i)
{
    return (look){fabsf(example->weights[i]) > 0,
                  graft_tokenizer_is_control(tokenizer, example->ids[i])};
}

/* Writes the pieces of tokens [from, to), which look alike. A character may be made of several
 * tokens, so they are joined before anything is escaped. */
static graft_status write_run(graft_text *out, const graft_example *example,
                              const graft_tokenizer *tokenizer, uint32_t from, uint32_t to,
                              graft_text *scratch, bool colour)
{
    graft_status status = GRAFT_OK;
    look l = look_of(example, tokenizer, from);
    scratch->len = 0;
    for (uint32_t i = from; i < to; i++) {
        size_t n = 0;
        const char *piece = graft_tokenizer_piece(tokenizer, example->ids[i], &n);
        if (piece) {
            GRAFT_TRY(graft_text_append(scratch, piece, n));
        }
    }
    if (colour) {
        GRAFT_TRY(graft_text_append_z(out, colour_of(l)));
    }
    GRAFT_TRY(graft_text_append_escaped(out, graft_text_z(scratch), scratch->len, true));
    if (colour) {
        GRAFT_TRY(graft_text_append_z(out, "\x1b[0m"));
    }
done:
    return status;
}

static graft_status write_heading(graft_text *out, const graft_example *example,
                                  const graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    size_t trained = 0;
    for (uint32_t i = 0; i < example->n; i++) {
        trained += fabsf(example->weights[i]) > 0;
    }
    GRAFT_TRY(graft_text_appendf(out, "--- example %u (", example->conversation));
    const char *file = conversation->file ? conversation->file : "";
    size_t n = 0;
    while (file[n]) {
        n++;
    }
    GRAFT_TRY(graft_text_append_escaped(out, file, n, false));
    GRAFT_TRY(graft_text_appendf(out, ":%zu): %u tokens, %zu trained\n", conversation->line,
                                 example->n, trained));
done:
    return status;
}

graft_status graft_example_show(graft_text *out, const graft_example *example,
                                const graft_tokenizer *tokenizer,
                                const graft_conversation *conversation, bool colour)
{
    graft_status status = GRAFT_OK;
    graft_text scratch;
    bool marked = false;
    graft_text_init(&scratch);
    GRAFT_TRY(write_heading(out, example, conversation));
    for (uint32_t i = 0, to; i < example->n; i = to) {
        look l = look_of(example, tokenizer, i);
        for (to = i + 1; to < example->n; to++) {
            look other = look_of(example, tokenizer, to);
            if (other.trained != l.trained || other.control != l.control) {
                break;
            }
        }
        if (!colour && l.trained != marked) {
            GRAFT_TRY(graft_text_append_z(out, l.trained ? "\u27e6" : "\u27e7"));
            marked = l.trained;
        }
        GRAFT_TRY(write_run(out, example, tokenizer, i, to, &scratch, colour));
    }
    if (marked) {
        GRAFT_TRY(graft_text_append_z(out, "\u27e7"));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_text_clear(&scratch);
    return status;
}

/* --- a dataset --- */

graft_status graft_dataset_counts_format(graft_text *out, const graft_dataset_counts *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "examples: %zu", c->examples));
    if (c->evaluation_only) {
        GRAFT_TRY(graft_text_appendf(out, " (%zu without a reply, for evaluation only)",
                                     c->evaluation_only));
    }
    GRAFT_TRY(graft_text_appendf(out, "\nmessages: %zu system, %zu user, %zu assistant, %zu tool\n",
                                 c->messages[GRAFT_ROLE_SYSTEM], c->messages[GRAFT_ROLE_USER],
                                 c->messages[GRAFT_ROLE_ASSISTANT], c->messages[GRAFT_ROLE_TOOL]));
    GRAFT_TRY(graft_text_appendf(out, "trained: %zu of %zu assistant messages\n", c->trained,
                                 c->messages[GRAFT_ROLE_ASSISTANT]));
    GRAFT_TRY(graft_text_appendf(out, "calls: %zu; examples without a call: %zu\n", c->calls,
                                 c->without_calls));
    GRAFT_TRY(graft_text_appendf(out, "tools: %zu names", c->tools));
    if (c->calls_undeclared) {
        GRAFT_TRY(graft_text_appendf(out, "; %zu calls of tools that the example does not declare",
                                     c->calls_undeclared));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

graft_status graft_dataset_counts_json(graft_json *out, const graft_dataset_counts *c)
{
    const struct {
        const char *name;
        size_t value;
    } members[] = {{"examples", c->examples},
                   {"evaluation_only", c->evaluation_only},
                   {"system_messages", c->messages[GRAFT_ROLE_SYSTEM]},
                   {"user_messages", c->messages[GRAFT_ROLE_USER]},
                   {"assistant_messages", c->messages[GRAFT_ROLE_ASSISTANT]},
                   {"tool_messages", c->messages[GRAFT_ROLE_TOOL]},
                   {"trained_messages", c->trained},
                   {"calls", c->calls},
                   {"calls_undeclared", c->calls_undeclared},
                   {"examples_without_calls", c->without_calls},
                   {"tools", c->tools}};
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        GRAFT_TRY(graft_json_set_int(out, members[i].name, (int64_t)members[i].value));
    }
done:
    return status;
}
