/* reader_text.c - {text}: plain text, or a dialogue with "### Human:" or "User:" at lines.
 *
 * Plain text is all the assistant's: every token of it is trained. Text that a chat template was
 * applied to already is refused, because its control tokens would be learnt as characters. */
#include <string.h>

#include "data/build.h"

static bool matches(const graft_json *record)
{
    return graft_json_is(graft_json_get(record, "text"), GRAFT_JSON_STRING);
}

static const char *rendered(graft_piece text)
{
    static const char *const marks[] = {"<|im_start|>", "<|start_header_id|>", "[/INST]",
                                        "<start_of_turn>", "<|assistant|>", NULL};
    for (size_t i = 0; marks[i]; i++) {
        if (graft_piece_find(text, marks[i]) < text.n) {
            return marks[i];
        }
    }
    return NULL;
}

static const char *const labels[] = {
    "### System:", "### Human:", "### User:", "### Instruction:", "### Assistant:",
    "### Response:", "System:", "Human:", "User:", "USER:", "Assistant:", "ASSISTANT:", NULL};
static const char *const roles[] = {"system", "user", "user", "user", "assistant", "assistant",
                                    "system", "user", "user", "user", "assistant", "assistant"};

static bool is_dialogue(graft_piece text)
{
    graft_transcript t = {labels, text, false};
    graft_segment segment;
    bool user = false, assistant = false;
    for (bool first = true; graft_transcript_next(&t, &segment); first = false) {
        if (first && segment.label < 0) {
            return false;
        }
        user = user || strcmp(roles[segment.label], "user") == 0;
        assistant = assistant || strcmp(roles[segment.label], "assistant") == 0;
    }
    return user && assistant;
}

static graft_status convert(graft_conversation *out, const graft_json *record, void *state)
{
    graft_status status = GRAFT_OK;
    const graft_json *value = graft_json_get(record, "text");
    graft_piece text = graft_piece_of(value);
    graft_transcript t = {labels, text, false};
    graft_segment segment;
    (void)state;
    const char *mark = rendered(text);
    if (!graft_json_is(value, GRAFT_JSON_STRING)) {
        return graft_fail(GRAFT_E_DATA, "has no text");
    }
    if (mark) {
        return graft_fail(GRAFT_E_DATA, "the text went through a chat template already (%s), and "
                          "control tokens in data stay text: give messages", mark);
    }
    out->messages = graft_json_new_array();
    if (!is_dialogue(text)) {
        return graft_reader__add_text(out->messages, "assistant", value);
    }
    while (graft_transcript_next(&t, &segment)) {
        GRAFT_TRY(graft_build__text(out->messages, roles[segment.label < 0 ? 0 : segment.label],
                                    segment.text));
    }
done:
    return status;
}

const graft_reader graft_reader_text = {
    .name = "text",
    .shape = "{text}",
    .matches = matches,
    .convert = convert,
};
