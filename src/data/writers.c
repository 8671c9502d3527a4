/* writers.c - the layouts that are written, and what they have in common. A new one is a file
 * writer_NAME.c and a row here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/record.h"

const graft_record_writer *const graft_record_writers[] = {
    &graft_writer_openai,  &graft_writer_sharegpt, &graft_writer_hermes, &graft_writer_xlam,
    &graft_writer_toolace, &graft_writer_ms_swift, &graft_writer_alpaca, &graft_writer_prompt,
    NULL,
};

const graft_record_writer *graft_record_writers_find(const char *name)
{
    for (size_t i = 0; graft_record_writers[i]; i++) {
        if (strcmp(graft_record_writers[i]->name, name) == 0) {
            return graft_record_writers[i];
        }
    }
    return NULL;
}

graft_status graft_record_writers_names(graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; graft_record_writers[i]; i++) {
        GRAFT_TRY(graft_text_appendf(out, "%s%s", i ? ", " : "", graft_record_writers[i]->name));
    }
done:
    return status;
}

/* Reads the record as it will be read, and compares. */
static graft_status read_back(const graft_record_writer *writer, const char *text, size_t n,
                              const graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    graft_conversation again;
    graft_conversation_init(&again);
    GRAFT_TRY(graft_reader__convert_text(&again, writer->reader, NULL, text, n));
    GRAFT_TRY(graft_conversation__same(conversation, &again));
done:
    graft_conversation_clear(&again);
    return status;
}

graft_status graft_record_write(graft_text *out, const graft_record_writer *writer,
                                const graft_conversation *conversation)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL;
    size_t begin = out->len;
    GRAFT_TRY(writer->write(&record, conversation));
    GRAFT_TRY(graft_json_write(out, record, GRAFT_JSON_COMPACT));
    GRAFT_TRY(read_back(writer, out->data + begin, out->len - begin, conversation));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(record);
    if (status != GRAFT_OK) {
        out->len = begin;
    }
    return status == GRAFT_E_DATA ? graft_fail_prefix("layout %s cannot hold it", writer->name)
                                  : status;
}

/* --- what writers share --- */

graft_status graft_record__function(graft_json **out, const graft_json *call)
{
    graft_status status = GRAFT_OK;
    const graft_json *function = graft_json_get(call, "function");
    graft_json *object = graft_json_new_object();
    *out = NULL;
    GRAFT_TRY(graft_reader__set_shared(object, "name", graft_json_get(function, "name")));
    GRAFT_TRY(graft_reader__set_shared(object, "arguments", graft_json_get(function, "arguments")));
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    return status;
}

graft_status graft_record__as_string(graft_json **out, const graft_json *value)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_json_write(&text, value, GRAFT_JSON_COMPACT));
    *out = graft_json_new_string(graft_text_z(&text), text.len);
    if (!*out) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: a record");
    }
done:
    graft_text_clear(&text);
    return status;
}

graft_status graft_record__set_as_string(graft_json *object, const char *key,
                                         const graft_json *value)
{
    graft_json *text = NULL;
    graft_status status = graft_record__as_string(&text, value);
    return status == GRAFT_OK ? graft_json_set(object, key, text) : status;
}

/* The double that is spelt shortest among those that become w. */
static double shortest(float w)
{
    char text[32];
    for (int digits = 1; digits < 10; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)w);
        float back = strtof(text, NULL);
        if (memcmp(&back, &w, sizeof w) == 0) {
            return strtod(text, NULL);
        }
    }
    return (double)w;
}

graft_status graft_record__set_weight(graft_json *object, const char *key,
                                      const graft_conversation *conversation, size_t i)
{
    float w = conversation->turns[i].weight;
    bool assistant = conversation->turns[i].role == GRAFT_ROLE_ASSISTANT;
    bool expected = assistant ? !(w < 1 || w > 1) : !(w < 0 || w > 0);
    return expected ? GRAFT_OK : graft_json_set_double(object, key, shortest(w));
}

graft_status graft_record__set_rest(graft_json *object, const graft_json *message)
{
    static const char *const own[] = {"role", "content", "tool_calls", "tool_call_id", NULL};
    graft_status status = GRAFT_OK;
    graft_json_iter it = graft_json_iter_begin(message);
    while (graft_json_iter_next(&it)) {
        bool known = false;
        for (size_t i = 0; own[i]; i++) {
            known = known || strcmp(it.key, own[i]) == 0;
        }
        if (!known) {
            GRAFT_TRY(graft_reader__set_shared(object, it.key, it.value));
        }
    }
done:
    return status;
}

graft_piece graft_record__role(const graft_json *message)
{
    return graft_piece_of(graft_json_get(message, "role"));
}

graft_piece graft_record__answers(const graft_conversation *conversation, size_t i)
{
    graft_piece name = {"", 0};
    const graft_json *id = graft_json_get(graft_json_at(conversation->messages, i), "tool_call_id");
    for (size_t k = id ? i : 0; k-- > 0 && !name.n;) {
        const graft_json *calls = graft_json_get(graft_json_at(conversation->messages, k),
                                                 "tool_calls");
        for (size_t c = 0; c < graft_json_length(calls); c++) {
            const graft_json *call = graft_json_at(calls, c);
            if (graft_json_equal(graft_json_get(call, "id"), id)) {
                name = graft_piece_of(graft_json_get(graft_json_get(call, "function"), "name"));
            }
        }
    }
    return name;
}

graft_status graft_record__push_turn(graft_json *list, const graft_turn_keys *keys,
                                     const char *role, graft_json *content,
                                     const graft_conversation *c, size_t i)
{
    graft_status status = GRAFT_OK;
    graft_json *turn = graft_json_new_object(), *owned = content, *taken;
    GRAFT_TRY(graft_json_set_string(turn, keys->role, role));
    taken = owned;
    owned = NULL;
    GRAFT_TRY(graft_json_set(turn, keys->content, taken));
    GRAFT_TRY(graft_record__set_rest(turn, graft_json_at(c->messages, i)));
    GRAFT_TRY(graft_record__set_weight(turn, keys->weight, c, i));
    taken = turn;
    turn = NULL;
    GRAFT_TRY(graft_json_push(list, taken));
done:
    graft_json_free(owned);
    graft_json_free(turn);
    return status;
}

graft_status graft_record__push_text(graft_json *items, const char *from, const graft_text *text)
{
    graft_status status = GRAFT_OK;
    graft_json *item = graft_json_new_object();
    GRAFT_TRY(graft_json_set_string(item, "from", from));
    GRAFT_TRY(graft_json_set(item, "value", graft_json_new_string(graft_text_z(text), text->len)));
    graft_json *taken = item;
    item = NULL;
    GRAFT_TRY(graft_json_push(items, taken));
done:
    graft_json_free(item);
    return status;
}

graft_status graft_record__messages(graft_json **out, const char *key, const graft_conversation *c,
                                    graft_status (*add)(graft_json *list,
                                                        const graft_conversation *c, size_t i))
{
    graft_status status = GRAFT_OK;
    graft_json *record = graft_json_new_object(), *list = graft_json_new_array();
    GRAFT_TRY(graft_json_set(record, key, graft_json_retain(list)));
    for (size_t i = 0; i < c->n_turns; i++) {
        GRAFT_TRY(add(list, c, i));
    }
    if (c->tools) {
        GRAFT_TRY(graft_record__set_as_string(record, "tools", c->tools));
    }
    *out = record;
    record = NULL;
done:
    graft_json_free(list);
    graft_json_free(record);
    return status;
}
