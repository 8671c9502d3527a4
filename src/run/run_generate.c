#include <graft/generate.h>

#include <string.h>

#include "core/memory.h"
#include "data/example.h"
#include "infer/generator.h"
#include "io/files.h"
#include "run/session.h"

#define FILE_LIMIT ((size_t)16 << 20)

typedef struct reply_stream {
    const graft_tokenizer *tokenizer;
    const graft_hooks *hooks;
    const graft_json *tools; /* or NULL */
    graft_text text;    /* all of the reply so far */
    size_t n_emitted;
} reply_stream;

static graft_status read_json(graft_json **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_file_read(&text, path, FILE_LIMIT));
    if (graft_json_parse(out, graft_text_z(&text), text.len) != GRAFT_OK) {
        status = graft_fail_prefix("%s", path);
    }
done:
    graft_text_clear(&text);
    return status;
}

static graft_status add_message(graft_json *messages, const char *role, const char *content)
{
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(message, "role", role));
    GRAFT_TRY(graft_json_set_string(message, "content", content));
    GRAFT_TRY(graft_json_push(messages, graft_json_retain(message)));
done:
    graft_json_free(message);
    return status;
}

/* Tried with a message of its own, so that what is wrong with it is not said of the file of messages. */
static graft_status read_tools(graft_json **out, const char *path)
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *messages = graft_json_new_array();
    graft_conversation conversation;
    graft_conversation_init(&conversation);
    GRAFT_TRY(read_json(out, path));
    if (!graft_json_is(*out, GRAFT_JSON_ARRAY)) {
        status = graft_fail(GRAFT_E_DATA, "%s: holds no array of tools", path);
        goto done;
    }
    GRAFT_TRY(add_message(messages, "user", "?"));
    GRAFT_TRY(graft_json_set(record, "messages", graft_json_retain(messages)));
    GRAFT_TRY(graft_json_set(record, "tools", graft_json_retain(*out)));
    status = graft_conversation_read(&conversation, record);
    status = status == GRAFT_E_DATA ? graft_fail_prefix("%s", path) : status;
done:
    graft_conversation_clear(&conversation);
    graft_json_free(messages);
    graft_json_free(record);
    return status;
}

/* {"messages": [...], "tools": [...]} of the request. */
static graft_status make_record(graft_json **out, const graft_generate_request *request)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL, *file = NULL, *tools = NULL, *messages = NULL;
    if ((request->prompt == NULL) == (request->messages_path == NULL)) {
        return graft_fail(GRAFT_E_CONFIG, "give either a prompt or a file of messages");
    }
    record = graft_json_new_object();
    if (request->messages_path != NULL) {
        GRAFT_TRY(read_json(&file, request->messages_path));
        bool whole = graft_json_is(file, GRAFT_JSON_OBJECT);
        messages = graft_json_retain(whole ? graft_json_get(file, "messages") : file);
        tools = graft_json_retain(whole ? graft_json_get(file, "tools") : NULL);
        if (!graft_json_is(messages, GRAFT_JSON_ARRAY)) {
            status = graft_fail(GRAFT_E_DATA, "%s: holds no array of messages",
                                request->messages_path);
            goto done;
        }
    } else {
        messages = graft_json_new_array();
        if (request->system != NULL) {
            GRAFT_TRY(add_message(messages, "system", request->system));
        }
        GRAFT_TRY(add_message(messages, "user", request->prompt));
    }
    if (request->tools_path != NULL) {
        graft_json_free(tools);
        tools = NULL;
        GRAFT_TRY(read_tools(&tools, request->tools_path));
    }
    GRAFT_TRY(graft_json_set(record, "messages", graft_json_retain(messages)));
    if (graft_json_length(tools) > 0) {
        GRAFT_TRY(graft_json_set(record, "tools", graft_json_retain(tools)));
    }
    *out = record;
    record = NULL;
done:
    graft_json_free(record);
    graft_json_free(file);
    graft_json_free(messages);
    graft_json_free(tools);
    return status;
}

/* Emits what is complete UTF-8; invalid bytes pass when they can no longer become valid. */
static graft_status emit_complete(reply_stream *s, bool last)
{
    const char *at = graft_text_z(&s->text) + s->n_emitted;
    size_t n = s->text.len - s->n_emitted, valid = 0;
    if (!last && !graft_utf8_valid(at, n, &valid) && n - valid < 4) {
        n = valid;
    }
    s->n_emitted += n;
    return n == 0 ? GRAFT_OK : graft_hooks_emit(s->hooks, at, n);
}

static int on_token(void *context, size_t prompt, int32_t id)
{
    reply_stream *s = context;
    size_t n = 0;
    (void)prompt;
    if (id >= 0) {
        const char *piece = graft_tokenizer_piece(s->tokenizer, id, &n);
        if (piece == NULL || graft_text_append(&s->text, piece, n) != GRAFT_OK) {
            return 1;
        }
    }
    return emit_complete(s, id < 0) != GRAFT_OK || graft_hooks_check(s->hooks) != GRAFT_OK;
}

static graft_status describe(char **out, const graft_session *session, const reply_stream *s,
                             const graft_reply *reply, size_t n_prompt)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *calls = NULL;
    graft_text content, text;
    size_t broken = 0;
    graft_text_init(&content);
    graft_text_init(&text);
    GRAFT_TRY(graft_dialect_apply(graft_chat_dialect(session->chat), s->tools, &calls, &content,
                                  &broken, graft_text_z(&s->text), s->text.len));
    GRAFT_TRY(graft_json_set_int(o, "prompt_tokens", (int64_t)n_prompt));
    GRAFT_TRY(graft_json_set_int(o, "tokens", (int64_t)reply->n));
    GRAFT_TRY(graft_json_set(o, "text", graft_json_new_text(graft_text_z(&s->text), s->text.len)));
    GRAFT_TRY(graft_json_set(o, "calls", graft_json_retain(calls)));
    GRAFT_TRY(graft_json_set_string(o, "finish", reply->ended ? "end_of_turn" : "length"));
    GRAFT_TRY(graft_json_write(&text, o, GRAFT_JSON_COMPACT));
    GRAFT_TRY(graft_text_append_char(&text, '\n'));
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_json_free(o);
    graft_json_free(calls);
    graft_text_clear(&content);
    graft_text_clear(&text);
    return status;
}

static graft_status answer(graft_session *session, const graft_conversation *conversation,
                           const graft_generate_request *request, const graft_hooks *hooks,
                           bool json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_tokens prompt;
    graft_reply reply = {0};
    graft_hooks silent = hooks != NULL ? *hooks : (graft_hooks){0};
    reply_stream stream = {.tokenizer = session->tokenizer, .hooks = &silent,
                           .tools = conversation->tools};
    graft_generate_options options = {
        .max_new_tokens = (size_t)request->max_new_tokens,
        .sampler = {request->temperature, request->top_p, session->config->seed},
        .on_token = on_token,
        .context = &stream,
    };
    graft_tokens_init(&prompt);
    graft_text_init(&stream.text);
    if (json) {
        silent.emit = NULL; /* the object holds the text */
    }
    GRAFT_TRY(graft_prompt_build(&prompt, session->chat, session->tokenizer, conversation,
                                 conversation->n_turns));
    graft_session_set_context(session, prompt.n + options.max_new_tokens);
    GRAFT_TRY(graft_generate(&reply, session->model, &session->compute, session->tokenizer,
                             &prompt, 1, &options));
    if (json && out != NULL) {
        GRAFT_TRY(describe(out, session, &stream, &reply, prompt.n));
    }
done:
    graft_replies_free(&reply, 1);
    graft_tokens_clear(&prompt);
    graft_text_clear(&stream.text);
    return status;
}

graft_status graft_generate_reply(graft_config *config, const graft_generate_request *request,
                                  const graft_hooks *hooks, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_session session = {0};
    graft_conversation conversation;
    graft_json *record = NULL;
    graft_conversation_init(&conversation);
    if (out != NULL) {
        *out = NULL;
    }
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(make_record(&record, request));
    status = graft_conversation_read(&conversation, record);
    if (status != GRAFT_OK) {
        status = request->messages_path != NULL ? graft_fail_prefix("%s", request->messages_path)
                                                : status;
        goto done;
    }
    GRAFT_TRY(graft_session_open(&session, config));
    GRAFT_TRY(graft_session_chat_tuned(&session, conversation.tools != NULL));
    GRAFT_TRY(graft_session_load_adapter(&session));
    GRAFT_TRY(answer(&session, &conversation, request, hooks, json != 0, out));
done:
    graft_json_free(record);
    graft_conversation_clear(&conversation);
    graft_session_close(&session);
    return status;
}
