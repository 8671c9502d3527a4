/* Renders templates for test_templates.py and test_chat.py.
 *
 * One JSON object per line on stdin, one on stdout:
 *   {"source", "data", "trusted", "time", "limits": [steps, depth, bytes]} -> {"text", "origin": "0110..."}
 *   {"source" or null, "bos", "eos", "with_tools", "conversation": {"messages", "tools"}, "n",
 *    "generate"} -> {"text", "origin", "name", "note", "source"}
 *   ... with "trace": true -> also "parts": [[kind, owner, call, item, shown], ...]
 *   {"source" or null, "bos", "eos", "with_tools", "fit": record} -> {"fit": "whole", "loses" or
 *    "refused", "why", "name"}
 *   {"dialect", "reply", "tools"} -> {"calls", "content", "broken"}
 * or {"error", "code"}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/chat.h"
#include "chat/conversation.h"
#include "chat/template.h"
#include "core/clock.h"
#include "core/status.h"
#include "data/dataset.h"
#include "data/fit.h"

static graft_status put_rendered(graft_json *answer, const graft_rendered *rendered)
{
    graft_status status = GRAFT_OK;
    graft_text origin;
    graft_text_init(&origin);
    for (size_t i = 0; i < rendered->origin.len; i++) {
        GRAFT_TRY(graft_text_append_char(&origin, rendered->origin.data[i] != 0 ? '1' : '0'));
    }
    GRAFT_TRY(graft_json_set(answer, "text",
                             graft_json_new_string(graft_text_z(&rendered->text), rendered->text.len)));
    status = graft_json_set(answer, "origin",
                            graft_json_new_string(graft_text_z(&origin), origin.len));
done:
    graft_text_clear(&origin);
    return status;
}

static graft_status render_template(const graft_json *request, graft_json *answer)
{
    graft_status status = GRAFT_OK;
    graft_template *tpl = NULL;
    graft_rendered rendered;
    const graft_json *limits = graft_json_get(request, "limits");
    size_t n, repeat = (size_t)graft_json_int(graft_json_get(request, "repeat"));
    const char *source = graft_json_string(graft_json_get(request, "source"), &n);
    graft_rendered_init(&rendered);
    GRAFT_TRY(graft_template_parse(&tpl, source, n, "t"));
    if (graft_json_has(request, "time")) {
        graft_template_set_time(tpl, graft_json_int(graft_json_get(request, "time")));
    }
    if (limits != NULL) {
        graft_template_limits set = {(size_t)graft_json_int(graft_json_at(limits, 0)),
                                     (size_t)graft_json_int(graft_json_at(limits, 1)),
                                     (size_t)graft_json_int(graft_json_at(limits, 2))};
        graft_template_set_limits(tpl, &set);
    }
    double start = graft_clock_seconds();
    for (size_t i = 0; i < repeat + 1; i++) {
        GRAFT_TRY(graft_template_render(tpl, &rendered, graft_json_get(request, "data"),
                                        graft_json_get(request, "trusted")));
    }
    GRAFT_TRY(graft_json_set_double(answer, "seconds",
                                    (graft_clock_seconds() - start) / (double)(repeat + 1)));
    status = put_rendered(answer, &rendered);
done:
    graft_rendered_clear(&rendered);
    graft_template_free(tpl);
    return status;
}

static graft_status put_parts(graft_json *answer, const graft_chat_parts *parts)
{
    graft_status status = GRAFT_OK;
    graft_json *list = graft_json_new_array();
    for (size_t i = 0; i < parts->n; i++) {
        const graft_chat_part *p = &parts->items[i];
        const uint32_t numbers[] = {p->kind, p->owner, p->call, p->item, p->shown};
        graft_json *one = graft_json_new_array();
        for (size_t k = 0; k < 5; k++) {
            GRAFT_TRY(graft_json_push(one, graft_json_new_int(numbers[k])));
        }
        GRAFT_TRY(graft_json_push(list, one));
    }
    GRAFT_TRY(graft_json_set(answer, "parts", graft_json_retain(list)));
done:
    graft_json_free(list);
    return status;
}

static graft_status find_fit(const graft_chat *chat, const graft_json *record, graft_json *answer)
{
    static const char *const names[] = {"whole", "loses", "refused"};
    graft_status status = GRAFT_OK;
    graft_conversation conversation;
    graft_fit fit;
    graft_text why;
    graft_text_init(&why);
    GRAFT_TRY(graft_conversation_read(&conversation, record));
    GRAFT_TRY(graft_fit_find(&fit, &why, chat, &conversation, true));
    GRAFT_TRY(graft_json_set_string(answer, "fit", names[fit]));
    status = graft_json_set_string(answer, "why", graft_text_z(&why));
done:
    graft_text_clear(&why);
    graft_conversation_clear(&conversation);
    return status;
}

static graft_status render_chat(const graft_json *request, graft_json *answer)
{
    graft_status status = GRAFT_OK;
    graft_chat *chat = NULL;
    graft_rendered rendered;
    graft_conversation conversation;
    graft_chat_parts parts;
    const graft_json *given = graft_json_get(request, "conversation");
    size_t n = 0;
    const char *source = graft_json_is(graft_json_get(request, "source"), GRAFT_JSON_STRING)
                             ? graft_json_string(graft_json_get(request, "source"), &n)
                             : NULL;
    graft_rendered_init(&rendered);
    graft_chat_parts_init(&parts);
    graft_conversation_init(&conversation);
    conversation.messages = graft_json_retain(graft_json_get(given, "messages"));
    conversation.tools = graft_json_retain(graft_json_get(given, "tools"));
    GRAFT_TRY(graft_chat_new(&chat, source, n, "its own template",
                             graft_json_string(graft_json_get(request, "bos"), NULL),
                             graft_json_string(graft_json_get(request, "eos"), NULL),
                             graft_json_bool(graft_json_get(request, "with_tools"))));
    GRAFT_TRY(graft_json_set_string(answer, "name", graft_chat_name(chat)));
    GRAFT_TRY(graft_json_set_string(answer, "note", graft_chat_note(chat)));
    GRAFT_TRY(graft_json_set_string(answer, "source", graft_chat_source(chat)));
    GRAFT_TRY(graft_json_set_string(answer, "dialect", graft_chat_dialect(chat)->name));
    if (graft_json_has(request, "fit")) {
        GRAFT_TRY(find_fit(chat, graft_json_get(request, "fit"), answer));
    }
    if (given != NULL) {
        bool trace = graft_json_bool(graft_json_get(request, "trace"));
        GRAFT_TRY(graft_chat_trace(chat, &rendered, trace ? &parts : NULL, &conversation,
                                   (size_t)graft_json_int(graft_json_get(request, "n")),
                                   graft_json_bool(graft_json_get(request, "generate"))));
        GRAFT_TRY(put_parts(answer, &parts));
        status = put_rendered(answer, &rendered);
    }
done:
    graft_rendered_clear(&rendered);
    graft_chat_parts_clear(&parts);
    graft_conversation_clear(&conversation);
    graft_chat_free(chat);
    return status;
}

static graft_status parse_reply(const graft_json *request, graft_json *answer)
{
    graft_status status = GRAFT_OK;
    graft_json *calls = NULL;
    graft_text content;
    size_t n, broken = 0;
    const char *name = graft_json_string(graft_json_get(request, "dialect"), NULL);
    const char *reply = graft_json_string(graft_json_get(request, "reply"), &n);
    const graft_dialect *dialect = NULL;
    graft_text_init(&content);
    for (size_t i = 0; graft_dialects[i] != NULL; i++) {
        dialect = strcmp(graft_dialects[i]->name, name) == 0 ? graft_dialects[i] : dialect;
    }
    if (dialect == NULL) {
        return graft_fail(GRAFT_E_CONFIG, "unknown dialect %s", name);
    }
    GRAFT_TRY(graft_dialect_apply(dialect, graft_json_get(request, "tools"), &calls, &content,
                                  &broken, reply, n));
    GRAFT_TRY(graft_json_set(answer, "calls", graft_json_retain(calls)));
    GRAFT_TRY(graft_json_set(answer, "content",
                             graft_json_new_string(graft_text_z(&content), content.len)));
    status = graft_json_set_int(answer, "broken", (int64_t)broken);
done:
    graft_json_free(calls);
    graft_text_clear(&content);
    return status;
}

static int answer_line(const char *line, size_t n)
{
    graft_json *request = NULL, *answer = graft_json_new_object();
    graft_text out;
    graft_text_init(&out);
    graft_status status = graft_json_parse(&request, line, n);
    if (status == GRAFT_OK) {
        status = graft_json_has(request, "dialect") ? parse_reply(request, answer)
                 : graft_json_has(request, "data")  ? render_template(request, answer)
                                                    : render_chat(request, answer);
    }
    if (status != GRAFT_OK) {
        graft_json_set_string(answer, "error", graft_error_message());
        graft_json_set_int(answer, "code", status);
    }
    int bad = graft_json_write(&out, answer, GRAFT_JSON_COMPACT) != GRAFT_OK;
    puts(graft_text_z(&out));
    fflush(stdout);
    graft_text_clear(&out);
    graft_json_free(request);
    graft_json_free(answer);
    return bad;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    int bad = 0;
    for (ssize_t n; !bad && (n = getline(&line, &capacity, stdin)) > 0;) {
        bad = answer_line(line, (size_t)n);
    }
    free(line);
    return bad;
}
