/* Any bytes as the file of an evaluation: what is accepted is written and reads back, and is compared
 * with itself without a difference. */
#include <string.h>

#include "eval/report.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write(graft_text *out, const graft_eval_report *report)
{
    graft_json *json;
    fuzz_check(graft_eval_report_json(&json, report) == GRAFT_OK);
    fuzz_check(graft_json_write(out, json, GRAFT_JSON_COMPACT) == GRAFT_OK);
    graft_json_free(json);
}

static void check(const graft_eval_report *report)
{
    graft_text text, again_text, tables;
    graft_json *json;
    graft_eval_report again;
    size_t n_paired = 0, n_other = 0;
    graft_text_init(&text);
    graft_text_init(&again_text);
    graft_text_init(&tables);
    write(&text, report);
    fuzz_check(graft_json_parse(&json, graft_text_z(&text), text.len) == GRAFT_OK);
    fuzz_check(graft_eval_report_parse(&again, json) == GRAFT_OK);
    fuzz_check(again.n == report->n);
    write(&again_text, &again);
    fuzz_check(strcmp(graft_text_z(&text), graft_text_z(&again_text)) == 0);
    fuzz_check(graft_eval_report_table(&tables, report) == GRAFT_OK);
    if (graft_eval_report_paired(&n_paired, &n_other, report, &again) == GRAFT_OK) {
        fuzz_check(n_paired == report->n && n_other == 0);
        fuzz_check(graft_eval_report_compare(&tables, report, &again) == GRAFT_OK);
        fuzz_check(graft_eval_report_flips(&tables, report, &again, 3) == GRAFT_OK);
    }
    graft_eval_report_clear(&again);
    graft_json_free(json);
    graft_text_clear(&text);
    graft_text_clear(&again_text);
    graft_text_clear(&tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    graft_json *json;
    graft_eval_report report;
    if (graft_json_parse(&json, (const char *)data, n) != GRAFT_OK) {
        return 0;
    }
    if (graft_eval_report_parse(&report, json) == GRAFT_OK) {
        check(&report);
    } else {
        fuzz_check(report.n == 0 && graft_error_message()[0] != '\0');
    }
    graft_eval_report_clear(&report);
    graft_json_free(json);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\"items\":[", "{\"index\":0,\"turn\":1,", "\"asked\":\"x\"", "\"output\":\"x\"", "\"calls\":[]",
        "\"expected\":[]", "\"verdicts\":{", "\"spurious\":0", "\"missing\":0", "\"answer_f1\":1",
        "\"loss_per_token\":", "\"tokens\":1", "true", "null", "{", "}", "[", "]", ",", NULL};
    return fuzz_tests("eval_report", LLVMFuzzerTestOneInput, words);
}
#endif
