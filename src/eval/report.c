#include "eval/report.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/sha256.h"
#include "eval/statistics.h"

#define ASKED_DIGITS 16 /* of the digest of a question */

void graft_eval_report_init(graft_eval_report *report)
{
    *report = (graft_eval_report){.loss_per_token = (double)NAN,
                                  .end_probability = (double)NAN,
                                  .general_loss = (double)NAN};
}

void graft_eval_report_clear(graft_eval_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        graft_json_free(report->items[i].asked);
        graft_json_free(report->items[i].output);
        graft_json_free(report->items[i].calls);
        graft_json_free(report->items[i].expected);
    }
    graft_free(report->items);
    graft_eval_report_init(report);
}

/* What was expected, as it was judged by: the alternatives, or {"name", "arguments"} per call. */
static graft_status expected_value(graft_json **out, const graft_expected *expected)
{
    graft_status status = GRAFT_OK;
    graft_json *call = NULL, *arguments = NULL;
    *out = graft_json_new_array();
    for (size_t i = 0; i < expected->n; i++) {
        const graft_expected_call *from = &expected->calls[i];
        GRAFT_TRY(graft_json_copy(&arguments, from->arguments));
        call = graft_json_new_object();
        if (!from->has_alternatives) {
            GRAFT_TRY(graft_json_set_string(call, "name", from->name));
        }
        graft_json *taken = arguments;
        arguments = NULL;
        GRAFT_TRY(graft_json_set(call, from->has_alternatives ? from->name : "arguments", taken));
        taken = call;
        call = NULL;
        GRAFT_TRY(graft_json_push(*out, taken));
    }
done:
    graft_json_free(call);
    graft_json_free(arguments);
    return status;
}

/* What tells one question from another: what users and tools say before the turn, as a digest. System prompts may be
 * tried out, and what the assistant said before may lack its thoughts. */
static graft_status digest_question(graft_json **out, const graft_json *messages, size_t turn)
{
    graft_status status = GRAFT_OK;
    graft_sha256 hash;
    uint8_t digest[32];
    char hex[65];
    graft_text text;
    graft_text_init(&text);
    graft_sha256_init(&hash);
    for (size_t i = 0; i < turn; i++) {
        const graft_json *message = graft_json_at(messages, i);
        const char *role = graft_json_string(graft_json_get(message, "role"), NULL);
        if (role == NULL || (strcmp(role, "user") != 0 && strcmp(role, "tool") != 0)) {
            continue;
        }
        graft_text_clear(&text);
        GRAFT_TRY(graft_json_write(&text, graft_json_get(message, "content"), GRAFT_JSON_COMPACT));
        graft_sha256_update(&hash, role, strlen(role));
        graft_sha256_update(&hash, graft_text_z(&text), text.len + 1);
    }
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, hex);
    *out = graft_json_new_string(hex, ASKED_DIGITS);
    status = *out == NULL ? graft_fail(GRAFT_E_MEMORY, "out of memory: a reply") : GRAFT_OK;
done:
    graft_text_clear(&text);
    return status;
}

/* What is said, behind what is thought aloud. */
static const char *said(const char *text, size_t *n)
{
    static const char mark[] = "</think>";
    for (const char *at; (at = *n > 0 ? memmem(text, *n, mark, sizeof mark - 1) : NULL) != NULL;) {
        at += sizeof mark - 1;
        *n -= (size_t)(at - text);
        text = at;
    }
    return text;
}

/* Only where words and no calls are expected. */
static graft_status measure_answer(double *out, const graft_eval_reply *reply,
                                   const graft_expected *expected)
{
    size_t n, n_said = reply->n_content;
    const char *answer = graft_json_string(graft_json_get(reply->message, "content"), &n);
    if (expected->n > 0 || answer == NULL || reply->content == NULL) {
        return GRAFT_OK;
    }
    answer = said(answer, &n);
    const char *words = said(reply->content, &n_said);
    return graft_answer_f1(out, words, n_said, answer, n);
}

graft_status graft_eval_report_add(graft_eval_report *report, const graft_eval_reply *reply)
{
    graft_status status = GRAFT_OK;
    graft_expected expected = {0};
    graft_eval_item item = {.index = reply->index,
                            .turn = reply->turn,
                            .prompt_tokens = reply->prompt_tokens,
                            .answer_f1 = (double)NAN};
    GRAFT_TRY(graft_expected_read(&expected, reply->message, reply->alternatives));
    graft_judged judged = {.calls = reply->calls,
                           .broken = reply->broken,
                           .ended = reply->ended,
                           .expected = &expected,
                           .tools = reply->tools,
                           .looped = reply->looped,
                           .after_error = reply->after_error,
                           .output = reply->output,
                           .n_output = reply->n_output,
                           .result_mark = reply->result_mark};
    GRAFT_TRY(graft_judge(item.verdicts, &judged));
    GRAFT_TRY(graft_count_calls(&item.counts, &judged));
    GRAFT_TRY(measure_answer(&item.answer_f1, reply, &expected));
    if (reply->messages != NULL) {
        GRAFT_TRY(digest_question(&item.asked, reply->messages, reply->turn));
    }
    item.output = graft_json_new_text(reply->output, reply->n_output);
    if (item.output == NULL) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory: a reply");
        goto done;
    }
    GRAFT_TRY(graft_json_copy(&item.calls, reply->calls));
    GRAFT_TRY(expected_value(&item.expected, &expected));
    GRAFT_TRY(graft_reserve(&report->items, &report->capacity, report->n + 1, sizeof item));
    report->items[report->n++] = item;
    item = (graft_eval_item){0};
done:
    graft_json_free(item.asked);
    graft_json_free(item.output);
    graft_json_free(item.calls);
    graft_json_free(item.expected);
    graft_expected_clear(&expected);
    return status;
}

graft_eval_score graft_eval_report_score(const graft_eval_report *report, size_t metric)
{
    graft_eval_score score = {0};
    for (size_t i = 0; i < report->n; i++) {
        graft_verdict verdict = report->items[i].verdicts[metric];
        score.hits += verdict == GRAFT_VERDICT_YES;
        score.of += verdict != GRAFT_VERDICT_NONE;
    }
    graft_wilson(&score.low, &score.high, score.hits, score.of);
    return score;
}

double graft_eval_report_answer_f1(const graft_eval_report *report, size_t *of)
{
    double sum = 0;
    *of = 0;
    for (size_t i = 0; i < report->n; i++) {
        if (isfinite(report->items[i].answer_f1)) {
            sum += report->items[i].answer_f1;
            ++*of;
        }
    }
    return *of > 0 ? sum / (double)*of : (double)NAN;
}
