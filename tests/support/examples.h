/* support/examples.h - conversations as tokens of a vocabulary of bytes. */
#ifndef GRAFT_TESTS_SUPPORT_EXAMPLES_H
#define GRAFT_TESTS_SUPPORT_EXAMPLES_H

#include "data/example.h"
#include "support/test.h"

/* Every byte is a token; behind them stand the control tokens. */
enum { START = 256, END, THINK, CALL, BOS };

#define TURN "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
#define LOOP(body) "{% for m in messages %}" body "{% endfor %}"
#define GENERATION "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define CHATML LOOP(TURN) GENERATION

#define MESSAGE(role, content) "{'role':'" role "','content':'" content "'}"
#define LINE(messages) "{'messages':[" messages "]}"

/* Freed by the caller, as the next. */
graft_tokenizer *test_byte_tokenizer(const char *name, bool add_bos);
graft_chat *test_chat_of(const char *source);

/* One conversation, rendered and cut into examples. */
typedef struct test_built {
    graft_chat *chat;
    graft_conversation conversation;
    graft_example *examples;
    size_t n;
} test_built;

/* A line of a file in OpenAI's layout, quotes as in support/quotes.h; its index is 7. */
test_built test_built_of(const graft_tokenizer *tokenizer, const char *source, const char *line);
void test_built_clear(test_built *b);

#endif
