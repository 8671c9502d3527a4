/* Conversations that are too long, cut between turns. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/reader.h"
#include "data/truncate.h"
#include "support/quotes.h"
#include "support/vocabulary.h"

/* Every byte is a token; behind them stand the control tokens. */
static const char *const controls[] = {"<|im_start|>", "<|im_end|>", NULL};
static const int32_t types[] = {TEST_CONTROL, TEST_CONTROL};
static const char *const no_merges[] = {NULL};

static graft_tokenizer *tokenizer;
static graft_chat *chat;

#define TURN "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
#define CHATML "{% for m in messages %}" TURN "{% endfor %}"                            \
               "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static int set_up(void **state)
{
    test_vocabulary v = {.model = "gpt2", .pre = "gpt-2", .bytes = true, .tokens = controls,
                         .types = types, .n_types = 2, .merges = no_merges};
    graft_gguf *file;
    (void)state;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write("plain.gguf", &v)));
    assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
    graft_gguf_close(file);
    assert_ok(graft_chat_new(&chat, CHATML, strlen(CHATML), "test", "", "", false));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    graft_tokenizer_free(tokenizer);
    graft_chat_free(chat);
    return 0;
}

/* The windows of a conversation as text, trained runs in brackets. */
typedef struct cut {
    graft_conversation conversation;
    graft_truncation counts;
    graft_example *examples;
    graft_text texts[64];
    size_t n;
} cut;

static void mark(graft_text *text, const graft_example *e)
{
    bool trained = false;
    for (uint32_t i = 0; i <= e->n; i++) {
        bool now = i < e->n && fabsf(e->weights[i]) > 0;
        if (now != trained) {
            assert_ok(graft_text_append_char(text, now ? '[' : ']'));
        }
        trained = now;
        if (i < e->n) {
            size_t n;
            const char *piece = graft_tokenizer_piece(tokenizer, e->ids[i], &n);
            assert_ok(graft_text_append(text, piece, n));
        }
    }
}

static void cut_line(cut *c, const char *line, size_t limit)
{
    memset(c, 0, sizeof *c);
    c->counts.limit = limit;
    graft_conversation_init(&c->conversation);
    assert_ok(graft_reader__convert_text(&c->conversation, &graft_reader_openai, NULL, line,
                                         strlen(line)));
    assert_ok(graft_examples_truncate(&c->examples, &c->n, &c->counts, chat, tokenizer,
                                      &c->conversation, 5, NULL));
    assert_true(c->n <= 64);
    for (size_t i = 0; i < c->n; i++) {
        graft_text_init(&c->texts[i]);
        mark(&c->texts[i], &c->examples[i]);
        assert_int_equal(c->examples[i].conversation, 5);
        assert_true(c->examples[i].n <= limit);
    }
}

static void clear(cut *c)
{
    for (size_t i = 0; i < c->n; i++) {
        graft_text_clear(&c->texts[i]);
        graft_example_clear(&c->examples[i]);
    }
    graft_free(c->examples);
    graft_conversation_clear(&c->conversation);
}

static void assert_windows(const char *line, size_t limit, const char *const *expected,
                           size_t n_lost)
{
    cut c;
    size_t n = 0;
    cut_line(&c, test_quotes(line), limit);
    for (; expected[n]; n++) {
        assert_true(n < c.n);
        assert_string_equal(graft_text_z(&c.texts[n]), expected[n]);
    }
    assert_int_equal(c.n, n);
    assert_int_equal(c.counts.n_windows, n);
    assert_int_equal(c.counts.n_lost, n_lost);
    clear(&c);
}

#define MESSAGE(role, content) "{'role':'" role "','content':'" content "'}"
#define CALLS(content, id)                                                                  \
    "{'role':'assistant','content':'" content "','tool_calls':[{'id':'" id                   \
    "','type':'function','function':{'name':'f','arguments':{}}}]}"
#define RESULT(content, id) "{'role':'tool','tool_call_id':'" id "','content':'" content "'}"
/* as the template writes them, with their lengths in tokens */
#define S "<|im_start|>system\nS<|im_end|>\n"     /* 11 */
#define U(c) "<|im_start|>user\n" c "<|im_end|>\n" /* 9 */
#define A "<|im_start|>assistant\n"               /* 11 */
#define END "<|im_end|>"                          /* + newline: 2, and 1 of content */
#define T(c) "<|im_start|>tool\n" c "<|im_end|>\n" /* 9 */

static void the_oldest_exchanges_go_first(void **state)
{
    (void)state;
    static const char line[] = "{'messages':[" MESSAGE("system", "S") "," MESSAGE("user", "1") ","
                               MESSAGE("assistant", "a") "," MESSAGE("user", "2") ","
                               MESSAGE("assistant", "b") "," MESSAGE("user", "3") ","
                               MESSAGE("assistant", "c") "," MESSAGE("user", "4") "]}";
    /* 11 + 3 * (9 + 14) = 80 up to the last reply */
    static const char *const whole[] = {
        S U("1") A "[a" END "]\n" U("2") A "[b" END "]\n" U("3") A "[c" END "]\n", NULL};
    static const char *const two[] = {S U("1") A "[a" END "]\n",
                                      S U("2") A "[b" END "]\n" U("3") A "[c" END "]\n", NULL};
    static const char *const three[] = {S U("1") A "[a" END "]\n", S U("2") A "[b" END "]\n",
                                        S U("3") A "[c" END "]\n", NULL};
    static const char *const none[] = {NULL};
    assert_windows(line, 80, whole, 0);
    assert_windows(line, 79, two, 0);
    assert_windows(line, 57, two, 0);
    assert_windows(line, 56, three, 0);
    assert_windows(line, 34, three, 0);
    assert_windows(line, 33, none, 3);
}

static void system_messages_stay_wherever_they_stand(void **state)
{
    (void)state;
    static const char line[] = "{'messages':[" MESSAGE("system", "S") "," MESSAGE("user", "1") ","
                               MESSAGE("assistant", "a") "," MESSAGE("system", "S") ","
                               MESSAGE("user", "2") "," MESSAGE("assistant", "b") ","
                               MESSAGE("user", "3") "," MESSAGE("assistant", "c") "]}";
    /* 11 + 23 + 11 + 23 + 23 = 91 */
    static const char *const two[] = {S U("1") A "[a" END "]\n",
                                      S S U("2") A "[b" END "]\n" U("3") A "[c" END "]\n", NULL};
    static const char *const three[] = {S U("1") A "[a" END "]\n", S S U("2") A "[b" END "]\n",
                                        S S U("3") A "[c" END "]\n", NULL};
    assert_windows(line, 90, two, 0);
    assert_windows(line, 67, three, 0);
}

static void then_the_oldest_steps_of_the_last_exchange(void **state)
{
    (void)state;
    static const char line[] = "{'messages':[" MESSAGE("system", "S") "," MESSAGE("user", "1") ","
                               CALLS("a", "x") "," RESULT("r", "x") "," CALLS("b", "y") ","
                               RESULT("s", "y") "," MESSAGE("assistant", "c") "]}";
    /* 11 + 9 + 23 + 23 + 14 = 80 */
    static const char *const two[] = {
        S U("1") A "[a" END "]\n", S U("1") A "[b" END "]\n" T("s") A "[c" END "]\n", NULL};
    static const char *const three[] = {S U("1") A "[a" END "]\n", S U("1") A "[b" END "]\n",
                                        S U("1") A "[c" END "]\n", NULL};
    assert_windows(line, 79, two, 0);
    assert_windows(line, 57, two, 0);
    assert_windows(line, 56, three, 0);
}

static void what_is_not_trained_is_no_target(void **state)
{
    (void)state;
    static const char line[] =
        "{'messages':[" MESSAGE("user", "1") ",{'role':'assistant','content':'a','weight':0.5},"
        MESSAGE("user", "2") ",{'role':'assistant','content':'b','weight':0},"
        MESSAGE("user", "3") ",{'role':'assistant','content':'a long one','weight':1},"
        MESSAGE("user", "4") ",{'role':'assistant','content':'d'}]}";
    static const char *const windows[] = {U("1") A "[a" END "]\n", U("4") A "[d" END "]\n", NULL};
    static const char untrained[] = "{'messages':[" MESSAGE("user", "1")
                                    ",{'role':'assistant','content':'a','weight':0}]}";
    static const char *const none[] = {NULL};
    assert_windows(line, 25, windows, 1);
    assert_windows(untrained, 5, none, 0);
}

/* --- any conversation --- */

typedef struct random_line {
    char text[8192];
    size_t n, n_calls;
} random_line;

static void add(random_line *l, const char *role, size_t number, size_t length, const char *more)
{
    char filler[64];
    memset(filler, '.', sizeof filler);
    filler[length] = 0;
    l->n += (size_t)snprintf(l->text + l->n, sizeof l->text - l->n,
                             "%s{'role':'%s','content':'%c%zu%s'%s}", l->n > 13 ? "," : "", role,
                             role[0], number, filler, more);
    assert_true(l->n < sizeof l->text - 4);
}

/* Messages say "u3....": role and number. A result has the number of its call. */
static void make_line(random_line *l, graft_rng *rng)
{
    char more[128];
    size_t n = 1 + (size_t)graft_rng_below(rng, 14);
    l->n = (size_t)snprintf(l->text, sizeof l->text, "{'messages':[");
    if (graft_rng_below(rng, 2)) {
        add(l, "system", 0, 3, "");
    }
    for (size_t i = 1; i <= n; i++) {
        uint64_t kind = graft_rng_below(rng, 5);
        size_t length = (size_t)graft_rng_below(rng, 40);
        const char *weight = graft_rng_below(rng, 5) ? "" : ",'weight':0";
        if (kind < 2) {
            add(l, "user", i, length, "");
        } else if (kind < 4) {
            snprintf(more, sizeof more, "%s,'tool_calls':[{'id':'%zu','type':'function','function':"
                     "{'name':'f','arguments':{}}}]", weight, i);
            add(l, "assistant", i, length, more);
            snprintf(more, sizeof more, ",'tool_call_id':'%zu'", i);
            add(l, "tool", i, length / 2, more);
        } else {
            add(l, "assistant", i, length, weight);
        }
    }
    add(l, "assistant", n + 1, 4, "");
    snprintf(l->text + l->n, sizeof l->text - l->n, "]}");
}

/* The tag "\na12" of a message in its window: NULL if it is not there. */
static const char *find_tag(const char *text, char role, size_t number, bool trained)
{
    char tag[32];
    snprintf(tag, sizeof tag, "\n%s%c%zu", trained ? "[" : "", role, number);
    const char *at = strstr(text, tag);
    while (at && at[strlen(tag)] >= '0' && at[strlen(tag)] <= '9') {
        at = strstr(at + 1, tag);
    }
    return at;
}

static size_t message_number(const graft_conversation *c, size_t i)
{
    const char *content = graft_json_string(graft_json_get(graft_json_at(c->messages, i),
                                                           "content"), NULL);
    return (size_t)atoi(content + 1);
}

static void check_windows(const cut *c)
{
    size_t n_trained = 0, n_targets = 0;
    for (size_t w = 0; w < c->n; w++) {
        const char *text = graft_text_z(&c->texts[w]);
        assert_true(!strstr(text, "s0") == (c->conversation.turns[0].role != GRAFT_ROLE_SYSTEM));
        for (size_t i = 0; i < c->conversation.n_turns; i++) {
            size_t number = message_number(&c->conversation, i);
            if (c->conversation.turns[i].role == GRAFT_ROLE_TOOL &&
                find_tag(text, 't', number, false)) {
                assert_true(find_tag(text, 'a', number, false) || find_tag(text, 'a', number, true));
            }
        }
    }
    for (size_t i = 0; i < c->conversation.n_turns; i++) {
        size_t found = 0;
        for (size_t w = 0; w < c->n; w++) {
            found += find_tag(graft_text_z(&c->texts[w]), 'a',
                              message_number(&c->conversation, i), true) != NULL;
        }
        if (c->conversation.turns[i].weight > 0) {
            assert_true(found <= 1);
            n_targets++;
            n_trained += found;
        } else if (c->conversation.turns[i].role == GRAFT_ROLE_ASSISTANT) {
            assert_int_equal(found, 0);
        }
    }
    assert_int_equal(n_targets - n_trained, c->counts.n_lost);
}

static void every_target_that_fits_is_trained_once(void **state)
{
    static random_line l;
    graft_rng rng;
    size_t n_windows = 0, n_lost = 0;
    (void)state;
    graft_rng_init(&rng, 3, GRAFT_RNG_TEST, 0);
    for (int i = 0; i < 300; i++) {
        cut c;
        make_line(&l, &rng);
        cut_line(&c, test_quotes(l.text), 90 + (size_t)graft_rng_below(&rng, 200));
        check_windows(&c);
        n_windows += c.counts.n_windows;
        n_lost += c.counts.n_lost;
        clear(&c);
    }
    assert_true(n_windows > 600 && n_lost > 20);
}

static void failed_allocations_leak_nothing(void **state)
{
    static const char line[] = "{'messages':[" MESSAGE("system", "S") "," MESSAGE("user", "1") ","
                               MESSAGE("assistant", "a") "," MESSAGE("user", "2") ","
                               MESSAGE("assistant", "b") "]}";
    graft_conversation c;
    (void)state;
    graft_conversation_init(&c);
    assert_ok(graft_reader__convert_text(&c, &graft_reader_openai, NULL, test_quotes(line),
                                         strlen(line)));
    for (uint64_t n = 1;; n++) {
        graft_example *examples = NULL;
        size_t n_examples = 0;
        graft_truncation counts = {.limit = 40};
        graft_alloc_fail_at(n);
        graft_status status = graft_examples_truncate(&examples, &n_examples, &counts, chat,
                                                      tokenizer, &c, 0, NULL);
        graft_alloc_fail_at(0);
        if (status == GRAFT_OK) {
            assert_int_equal(n_examples, 2);
            graft_example_clear(&examples[0]);
            graft_example_clear(&examples[1]);
            graft_free(examples);
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        assert_null(examples);
    }
    graft_conversation_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_exchanges_go_first),
        cmocka_unit_test(system_messages_stay_wherever_they_stand),
        cmocka_unit_test(then_the_oldest_steps_of_the_last_exchange),
        cmocka_unit_test(what_is_not_trained_is_no_target),
        cmocka_unit_test(every_target_that_fits_is_trained_once),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
