#include "support/examples.h"

#include <string.h>

#include "core/memory.h"
#include "data/reader.h"
#include "support/quotes.h"
#include "support/vocabulary.h"

static const char *const controls[] = {"<|im_start|>", "<|im_end|>", "<|think|>", "<|call|>", "<s>",
                                       NULL};
static const int32_t types[] = {TEST_CONTROL, TEST_CONTROL, TEST_CONTROL, TEST_CONTROL,
                                TEST_CONTROL};
static const char *const no_merges[] = {NULL};

graft_tokenizer *test_byte_tokenizer(const char *name, bool add_bos)
{
    test_vocabulary v = {.model = "gpt2", .pre = "gpt-2", .bytes = true, .tokens = controls,
                         .types = types, .n_types = 5, .merges = no_merges,
                         .id_key = "tokenizer.ggml.bos_token_id", .id = BOS, .add_bos = &add_bos};
    graft_gguf *file;
    graft_tokenizer *tokenizer;
    assert_ok(graft_gguf_open(&file, test_vocabulary_write(name, &v)));
    assert_ok(graft_tokenizer_new(&tokenizer, file, NULL));
    graft_gguf_close(file);
    return tokenizer;
}

graft_chat *test_chat_of(const char *source)
{
    graft_chat *chat = NULL;
    assert_ok(graft_chat_new(&chat, source, strlen(source), "test", "<s>", "<|im_end|>", false));
    return chat;
}

test_built test_built_of(const graft_tokenizer *tokenizer, const char *source, const char *line)
{
    test_built b = {.chat = test_chat_of(source)};
    graft_conversation_init(&b.conversation);
    assert_ok(graft_reader__convert_text(&b.conversation, &graft_reader_openai, NULL,
                                         test_quotes(line), strlen(line)));
    assert_ok(graft_examples_build(&b.examples, &b.n, b.chat, tokenizer, &b.conversation, 7, NULL));
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(b.examples[i].conversation, 7);
        assert_true(b.examples[i].n == 0 || b.examples[i].weights[0] == 0.0f);
    }
    return b;
}

void test_built_clear(test_built *b)
{
    for (size_t i = 0; i < b->n; i++) {
        graft_example_clear(&b->examples[i]);
    }
    graft_free(b->examples);
    graft_conversation_clear(&b->conversation);
    graft_chat_free(b->chat);
}
