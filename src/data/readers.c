/* readers.c - the layouts of example files, and what they have in common.
 *
 * A new layout is a file reader_NAME.c and a row here. Detection asks in this order, so that the
 * layouts with the most telling keys come first, and those that write calls as text of another
 * layout before that one. */
#include "data/reader.h"

#include <string.h>

const graft_reader *const graft_readers[] = {
    &graft_reader_bfcl,      &graft_reader_xlam,        &graft_reader_toolalpaca,
    &graft_reader_toolbench, &graft_reader_swe_agent,   &graft_reader_api_bank,
    &graft_reader_nestful,   &graft_reader_seal_tools,  &graft_reader_glaive,
    &graft_reader_hermes,    &graft_reader_toolace,     &graft_reader_ms_swift,
    &graft_reader_react,     &graft_reader_llamafactory, &graft_reader_openai,
    &graft_reader_sharegpt,  &graft_reader_alpaca,      &graft_reader_prompt,
    &graft_reader_text,      NULL,
};

const graft_reader *graft_readers_find(const char *name)
{
    for (size_t i = 0; graft_readers[i]; i++) {
        if (strcmp(graft_readers[i]->name, name) == 0) {
            return graft_readers[i];
        }
    }
    return NULL;
}

graft_status graft_readers_names(graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; graft_readers[i]; i++) {
        if (i) {
            GRAFT_TRY(graft_text_append_z(out, ", "));
        }
        GRAFT_TRY(graft_text_append_z(out, graft_readers[i]->name));
    }
done:
    return status;
}

const graft_reader *graft_reader__detect(const graft_json *record)
{
    return graft_reader__detect_more(NULL, false, record);
}

const graft_reader *graft_reader__detect_more(const graft_reader *so_far, bool denied,
                                              const graft_json *record)
{
    for (size_t i = 0; graft_readers[i] && graft_readers[i] != so_far; i++) {
        const graft_reader *reader = graft_readers[i];
        if (!(denied && reader->denied_by) && (!so_far || reader->marked) &&
            reader->matches(record)) {
            return reader;
        }
    }
    return so_far;
}

graft_status graft_reader__convert(graft_conversation *out, const graft_reader *reader, void *state,
                                   const graft_json *record)
{
    graft_status status = GRAFT_OK;
    if (!graft_json_is(record, GRAFT_JSON_OBJECT)) {
        return graft_fail(GRAFT_E_DATA, "is %s, not an object",
                          graft_json_type_name(graft_json_get_type(record)));
    }
    GRAFT_TRY(reader->convert(out, record, state));
    GRAFT_TRY(graft_conversation__canonical(out));
done:
    return status;
}

graft_status graft_reader__convert_text(graft_conversation *out, const graft_reader *reader,
                                        void *state, const char *text, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_json *record = NULL, *parts = NULL;
    GRAFT_TRY(graft_json_parse(&record, text, n));
    if (reader->split && graft_json_is(record, GRAFT_JSON_OBJECT)) {
        GRAFT_TRY(reader->split(&parts, record));
    }
    status = graft_reader__convert(out, reader, state,
                                   graft_json_length(parts) ? graft_json_at(parts, 0) : record);
done:
    graft_json_free(parts);
    graft_json_free(record);
    return status;
}

graft_status graft_reader__set_shared(graft_json *object, const char *key, const graft_json *value)
{
    return graft_json_set(object, key, graft_json_retain((graft_json *)(uintptr_t)value));
}

graft_status graft_reader__add_text(graft_json *messages, const char *role,
                                    const graft_json *content)
{
    graft_status status = GRAFT_OK;
    graft_json *message = graft_json_new_object(), *taken;
    GRAFT_TRY(graft_json_set_string(message, "role", role));
    GRAFT_TRY(graft_reader__set_shared(message, "content", content));
    taken = message;
    message = NULL;
    GRAFT_TRY(graft_json_push(messages, taken));
done:
    graft_json_free(message);
    return status;
}
