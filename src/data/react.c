/* react.c - from labelled text to messages. */
#include "data/react.h"

#include <string.h>

#include "chat/python_literal.h"

enum { QUESTION, CLAIM, THOUGHT, ACTION_INPUT, ACTION, OBSERVATION, FINAL_ANSWER, ANSWER };
static const char *const labels[] = {"Question:",    "Claim:",       "Thought:",
                                     "Action Input:", "Action:",     "Observation:",
                                     "Final Answer:", "Answer:",     NULL};

enum { MAX_NAME = 128 };

/* What is said and not yet a message. */
typedef struct step {
    graft_json *messages;
    graft_text thought;
    graft_piece action, input;
    bool acts, has_input;
} step;

bool graft_react__acts(graft_piece text)
{
    graft_transcript t = {labels, text, true};
    graft_segment segment;
    bool acts = false, more = false;
    while (!(acts && more) && graft_transcript_next(&t, &segment)) {
        acts = acts || segment.label == ACTION;
        more = more || segment.label == THOUGHT || segment.label == ACTION_INPUT ||
               segment.label == OBSERVATION;
    }
    return acts && more;
}

bool graft_react__labelled(graft_piece text)
{
    graft_transcript t = {labels, text, true};
    graft_segment segment;
    while (graft_transcript_next(&t, &segment)) {
        if (segment.label == THOUGHT || segment.label == ACTION ||
            segment.label == FINAL_ANSWER) {
            return true;
        }
    }
    return false;
}

bool graft_react__observes(graft_piece text)
{
    graft_transcript t = {labels, graft_piece_trim(text), true};
    graft_segment segment;
    return graft_transcript_next(&t, &segment) && segment.label == OBSERVATION;
}

static graft_status think(step *s, graft_piece text)
{
    graft_status status = GRAFT_OK;
    if (s->thought.len && text.n) {
        GRAFT_TRY(graft_text_append_char(&s->thought, '\n'));
    }
    GRAFT_TRY(graft_text_append(&s->thought, text.at, text.n));
done:
    return status;
}

/* --- actions --- */

/* Splits name[argument]. */
static graft_status split_action(graft_piece action, graft_piece *name, graft_piece *argument)
{
    size_t open = graft_piece_find(action, "["), close = action.n;
    *name = graft_piece_trim((graft_piece){action.at, open});
    while (close > open && action.at[close - 1] != ']') {
        close--;
    }
    if (open < action.n && close == open) {
        return graft_fail(GRAFT_E_DATA, "an action is cut off: the closing bracket is missing");
    }
    *argument = open < action.n ? (graft_piece){action.at + open + 1, close - open - 2}
                                : (graft_piece){"", 0};
    if (!name->n || name->n > MAX_NAME || memchr(name->at, '\n', name->n)) {
        return graft_fail(GRAFT_E_DATA, "an action is no name[argument] and no name");
    }
    return GRAFT_OK;
}

static graft_status input_object(graft_json **out, graft_piece input)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object();
    GRAFT_TRY(graft_json_set(object, "input", graft_json_new_string(input.at, input.n)));
    *out = object;
    object = NULL;
done:
    graft_json_free(object);
    return status;
}

static graft_status read_arguments(const step *s, graft_json **out, graft_piece *name)
{
    graft_status status = GRAFT_OK;
    graft_piece argument = {"", 0};
    *name = graft_piece_trim(s->action);
    if (!s->has_input) {
        GRAFT_TRY(split_action(s->action, name, &argument));
        return input_object(out, argument);
    }
    if (!name->n || name->n > MAX_NAME || memchr(name->at, '\n', name->n)) {
        return graft_fail(GRAFT_E_DATA, "an action has no name");
    }
    if (s->input.n && *s->input.at == '{') {
        status = graft_python_or_json(out, s->input.at, s->input.n);
        if (status != GRAFT_E_DATA) {
            return status;
        }
    }
    status = input_object(out, s->input);
done:
    return status;
}

/* Makes a message of what was thought and done so far. */
static graft_status flush(step *s)
{
    graft_status status = GRAFT_OK;
    graft_json *arguments = NULL;
    graft_piece name, thought = {graft_text_z(&s->thought), s->thought.len};
    if (!s->acts && !thought.n) {
        return GRAFT_OK;
    }
    if (thought.n) {
        GRAFT_TRY(graft_build__text(s->messages, "assistant", thought));
    } else {
        GRAFT_TRY(graft_reader__add_text(s->messages, "assistant", NULL));
    }
    if (s->acts) {
        GRAFT_TRY(read_arguments(s, &arguments, &name));
        GRAFT_TRY(graft_build__named_call(s->messages, name, arguments));
    }
    s->thought.len = 0;
    s->acts = s->has_input = false;
done:
    return status;
}

static graft_status add_segment(step *s, const graft_segment *segment, const char *role)
{
    graft_status status = GRAFT_OK;
    bool more = segment->label == FINAL_ANSWER || segment->label == ANSWER ||
                segment->label == ACTION_INPUT;
    if (segment->label != ACTION && !more) {
        GRAFT_TRY(s->acts || segment->label != THOUGHT ? flush(s) : GRAFT_OK);
    }
    switch (segment->label) {
    case QUESTION:
    case CLAIM: status = graft_build__text(s->messages, "user", segment->text); break;
    case THOUGHT: status = think(s, segment->text); break;
    case ACTION:
        GRAFT_TRY(s->acts ? flush(s) : GRAFT_OK);
        s->action = segment->text;
        s->acts = true;
        break;
    case ACTION_INPUT:
        s->input = segment->text;
        s->has_input = true;
        break;
    case OBSERVATION:
        status = graft_build__result(s->messages, (graft_piece){"", 0}, segment->text);
        break;
    case FINAL_ANSWER:
    case ANSWER:
        GRAFT_TRY(s->acts ? flush(s) : GRAFT_OK);
        GRAFT_TRY(think(s, segment->text));
        status = flush(s);
        break;
    default: status = graft_build__text(s->messages, role, segment->text); break;
    }
done:
    return status;
}

graft_status graft_react__add(graft_json *messages, graft_piece text, const char *role)
{
    graft_status status = GRAFT_OK;
    graft_transcript t = {labels, text, true};
    graft_segment segment;
    step s = {.messages = messages};
    graft_text_init(&s.thought);
    while (graft_transcript_next(&t, &segment)) {
        GRAFT_TRY(add_segment(&s, &segment, role));
    }
    GRAFT_TRY(flush(&s));
done:
    graft_text_clear(&s.thought);
    return status;
}
