/* Examples as people see them: how much of each role is trained, and one token by token. */
#include "support/examples.h"

#include <string.h>

#include "core/memory.h"
#include "data/show.h"

static graft_tokenizer *plain;

static int set_up(void **state)
{
    (void)state;
    plain = test_byte_tokenizer("plain.gguf", false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    graft_tokenizer_free(plain);
    return 0;
}

static void shares_refuse_nothing_and_everything(void **state)
{
    (void)state;
    graft_token_shares shares = {0};
    graft_text text;
    graft_text_init(&text);
    test_built b = test_built_of(plain, CHATML, LINE(MESSAGE("user", "Q") "," MESSAGE("assistant", "A")));
    graft_token_shares_add(&shares, b.examples, b.n);
    assert_int_equal(shares.n[GRAFT_TOKEN_USER], 9);
    assert_int_equal(shares.n[GRAFT_TOKEN_ASSISTANT], 14);
    assert_int_equal(shares.trained[GRAFT_TOKEN_ASSISTANT], 2);
    assert_int_equal(shares.trained[GRAFT_TOKEN_USER], 0);
    assert_ok(graft_token_shares_format(&text, &shares));
    assert_string_equal(graft_text_z(&text),
                        "trained tokens: 2 of 23 (8.7 %): user 0 of 9, assistant 2 of 14");
    assert_ok(graft_token_shares_check(&shares));
    test_built_clear(&b);
    b = test_built_of(plain, "{% for m in messages %}{{ m.content }}{% endfor %}",
              LINE(MESSAGE("assistant", "ABC")));
    shares = (graft_token_shares){0};
    graft_token_shares_add(&shares, b.examples, b.n);
    assert_fails(graft_token_shares_check(&shares), GRAFT_E_DATA,
                 "100 % of the tokens are trained");
    test_built_clear(&b);
    b = test_built_of(plain, CHATML, LINE("{'role':'assistant','content':'A','weight':0}"));
    shares = (graft_token_shares){0};
    graft_token_shares_add(&shares, b.examples, b.n);
    assert_fails(graft_token_shares_check(&shares), GRAFT_E_DATA, "0 % of the tokens are trained");
    assert_contains(graft_error_message(), "assistant 0 of 14");
    test_built_clear(&b);
    graft_text_clear(&text);
}

static void examples_can_be_shown(void **state)
{
    (void)state;
    graft_text text;
    graft_text_init(&text);
    test_built b = test_built_of(plain, CHATML, LINE(MESSAGE("user", "\\u001b[31m\xC3\xA4") ","
                                        MESSAGE("assistant", "A")));
    assert_ok(graft_strdup(&b.conversation.file, "f\x1b.jsonl"));
    b.conversation.line = 3;
    assert_ok(graft_example_show(&text, &b.examples[0], plain, &b.conversation, false));
    assert_contains(graft_text_z(&text), ".jsonl:3): 29 tokens, 2 trained\n");
    assert_contains(graft_text_z(&text), "[31m\xC3\xA4<|im_end|>\n<|im_start|>assistant\n"
                                         "\u27e6" "A<|im_end|>\u27e7\n");
    assert_null(strchr(graft_text_z(&text), 0x1b));
    graft_text_clear(&text);
    assert_ok(graft_example_show(&text, &b.examples[0], plain, &b.conversation, true));
    assert_contains(graft_text_z(&text),
                    "\x1b[32mA\x1b[0m\x1b[1;32m<|im_end|>\x1b[0m\x1b[2m\n\x1b[0m\n");
    assert_null(strstr(graft_text_z(&text), "\x1b[31m"));
    graft_text_clear(&text);
    assert_ok(graft_example_show_json(&text, &b.examples[0], plain));
    graft_json *object = NULL;
    assert_ok(graft_json_parse(&object, text.data, text.len - 1));
    assert_int_equal(text.data[text.len - 1], '\n');
    assert_int_equal(graft_json_int(graft_json_get(object, "index")), 7);
    for (uint32_t i = 0; i < b.examples[0].n; i++) {
        assert_int_equal(graft_json_int(graft_json_at(graft_json_get(object, "ids"), i)),
                         b.examples[0].ids[i]);
        assert_true(graft_json_double(graft_json_at(graft_json_get(object, "weights"), i)) ==
                    (double)b.examples[0].weights[i]);
        const graft_json *role = graft_json_at(graft_json_get(object, "roles"), i);
        assert_string_equal(graft_json_string(role, NULL),
                            graft_token_role_name((graft_token_role)b.examples[0].roles[i]));
    }
    assert_string_equal(graft_json_string(graft_json_get(object, "text"), NULL),
                        "<|im_start|>user\n\x1b[31m\xC3\xA4<|im_end|>\n<|im_start|>assistant\n"
                        "A<|im_end|>\n");
    graft_json_free(object);
    graft_text_clear(&text);
    test_built_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares_refuse_nothing_and_everything),
                                       cmocka_unit_test(examples_can_be_shown)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
