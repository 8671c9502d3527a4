/* Samples of every layout: read, written in every other, and all of it with allocations that fail. */
#include "support/test.h"

#include <string.h>

#include "core/log.h"
#include "core/memory.h"
#include "data/record.h"
#include "support/quotes.h"

static const char *const samples[][2] = {
    {"datasets/canonical.jsonl", "openai"},
    {"datasets/sharegpt.jsonl", "sharegpt"},
    {"datasets/prompt-completion.jsonl", "prompt"},
    {"datasets/hermes.jsonl", "hermes"},
    {"datasets/xlam.json", "xlam"},
    {"datasets/toolace.jsonl", "toolace"},
    {"datasets/glaive.jsonl", "glaive"},
    {"datasets/ms-swift.jsonl", "ms-swift"},
    {"datasets/llamafactory.jsonl", "llamafactory"},
    {"datasets/react.jsonl", "react"},
    {"datasets/toolbench.jsonl", "toolbench"},
    {"datasets/toolalpaca.json", "toolalpaca"},
    {"datasets/api-bank.jsonl", "api-bank"},
    {"datasets/seal-tools.jsonl", "seal-tools"},
    {"datasets/nestful.json", "nestful"},
    {"datasets/swe-agent.traj", "swe-agent"},
    {"datasets/alpaca.jsonl", "alpaca"},
    {"datasets/text.jsonl", "text"},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

static graft_status read_sample(graft_dataset *out, size_t i)
{
    graft_source source = {samples[i][0], NULL, NULL};
    graft_dataset_init(out);
    return graft_dataset_read(out, &source, false);
}

static void every_reader_has_a_sample(void **state)
{
    (void)state;
    for (size_t r = 0; graft_readers[r]; r++) {
        bool found = strcmp(graft_readers[r]->name, "bfcl") == 0; /* needs its answers */
        for (size_t i = 0; i < N_SAMPLES; i++) {
            found = found || strcmp(samples[i][1], graft_readers[r]->name) == 0;
        }
        assert_true(found);
    }
}

static void samples_are_detected(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        graft_dataset d;
        assert_ok(read_sample(&d, i));
        assert_string_equal(d.format, samples[i][1]);
        assert_true(d.n > 0);
        graft_dataset_clear(&d);
    }
}

/* Which marks make a Hermes file, whatever else its texts are about. */
static void hermes_is_told_by_its_marks(void **state)
{
    (void)state;
    static const char plain[] = "{'messages':[{'role':'user','content':'q'},"
                                "{'role':'assistant','content':'a'}]}\n";
    static const char call[] = "{'messages':[{'role':'assistant','content':'','tool_calls':"
                               "[{'function':{'name':'f','arguments':{}}}]}]}\n";
    static const char *const cases[][2] = {
        {"{'role':'user','content':'what is <tool_call>?'},{'role':'assistant','content':'a'}",
         "openai"},
        {"{'role':'system','content':'Tools are in <tools> </tools>.'},"
         "{'role':'assistant','content':'a'}", "openai"},
        {"{'role':'system','content':'<tools> [{\\'name\\':\\'f\\'}] </tools>'},"
         "{'role':'assistant','content':'a'}", "hermes"},
        {"{'role':'assistant','tool_calls':[],"
         "'content':'<tool_call>{\\'name\\':\\'f\\',\\'arguments\\':{}}</tool_call>'}", "hermes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Without a call that is no text, with one in a record before it, behind it. */
        for (int apart = 0; apart < 3; apart++) {
            graft_dataset d;
            graft_text text;
            graft_text_init(&text);
            assert_ok(graft_text_appendf(&text, "%s%s{'messages':[%s]}\n%s", plain,
                                         apart == 1 ? call : "", cases[i][0],
                                         apart == 2 ? call : ""));
            graft_source source = {test_temp_file("m.jsonl", test_quotes(graft_text_z(&text)),
                                                  text.len), NULL, NULL};
            graft_dataset_init(&d);
            assert_ok(graft_dataset_read(&d, &source, false));
            assert_string_equal(d.format, apart ? "openai" : cases[i][1]);
            graft_dataset_clear(&d);
            graft_text_clear(&text);
        }
    }
}

static void note_warning(void *context, graft_log_level level, const char *line)
{
    assert_int_equal(level, GRAFT_LOG_WARN);
    assert_ok(graft_text_appendf(context, "%s|", line));
}

/* What is logged while `first`, 40 plain records and two with a call in the text are read. */
static void assert_warns(const char *first, const char *format, bool array, const char *expected)
{
    graft_text text, warnings;
    graft_dataset d;
    graft_text_init(&text);
    graft_text_init(&warnings);
    assert_ok(graft_text_append_z(&text, array ? "[" : first));
    for (int i = 0; i < 42; i++) {
        assert_ok(graft_text_appendf(&text, "{'messages':[{'role':'user','content':'%d'},"
                                     "{'role':'assistant','content':'%s'}]}%s", i,
                                     i < 40 ? "a" : "<tool_call>{\\'name\\':\\'f\\'}</tool_call>",
                                     array ? i < 41 ? "," : "]" : "\n"));
    }
    graft_source source = {test_temp_file("late.jsonl", test_quotes(graft_text_z(&text)), text.len),
                           format, NULL};
    graft_dataset_init(&d);
    graft_log_set_sink(note_warning, &warnings);
    assert_ok(graft_dataset_read(&d, &source, false));
    graft_log_set_sink(NULL, NULL);
    assert_contains(graft_text_z(&warnings), expected);
    assert_int_equal(warnings.len > 0, *expected != '\0');
    const char *end = strchr(graft_text_z(&warnings), '|');
    assert_true(!end || !end[1]); /* one at most */
    graft_dataset_clear(&d);
    graft_text_clear(&text);
    graft_text_clear(&warnings);
}

static void marks_behind_detection_are_told_once(void **state)
{
    (void)state;
    static const char call[] = "{'messages':[{'role':'assistant','content':'','tool_calls':"
                               "[{'function':{'name':'f','arguments':{}}}]}]}\n";
    assert_warns("", NULL, true, "late.jsonl:1: element 41: looks like hermes");
    assert_warns("", NULL, false, "late.jsonl:41: looks like hermes, but the file is read as openai");
    assert_warns("", "openai", false, "");
    assert_warns("", "hermes", false, "");
    assert_warns(call, NULL, false, ""); /* its calls are not in texts */
}

/* Writes all examples in all layouts; how many were held. */
static graft_status write_all(const graft_dataset *d, size_t *held)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    *held = 0;
    graft_text_init(&text);
    for (size_t w = 0; graft_record_writers[w]; w++) {
        for (size_t i = 0; i < d->n; i++) {
            status = graft_record_write(&text, graft_record_writers[w], &d->conversations[i]);
            *held += status == GRAFT_OK;
            GRAFT_TRY(status == GRAFT_E_DATA ? GRAFT_OK : status);
        }
    }
done:
    graft_text_clear(&text);
    return status;
}

static void samples_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        graft_dataset d;
        size_t held;
        assert_ok(read_sample(&d, i));
        assert_ok(write_all(&d, &held));
        assert_true(held >= 2 * d.n); /* openai and prompt hold everything that has a reply */
        graft_dataset_clear(&d);
    }
}

/* Writes what a layout holds into a file and reads that without naming the layout. */
static void assert_found_again(const graft_dataset *d, const graft_record_writer *writer)
{
    graft_text text;
    graft_dataset again;
    size_t held[64], n = 0;
    graft_text_init(&text);
    for (size_t i = 0; i < d->n; i++) {
        if (graft_record_write(&text, writer, &d->conversations[i]) == GRAFT_OK) {
            assert_true(n < sizeof held / sizeof *held);
            held[n++] = i;
        }
    }
    if (n) {
        graft_source source = {test_temp_file("again.jsonl", text.data, text.len), NULL, NULL};
        graft_dataset_init(&again);
        assert_ok(graft_dataset_read(&again, &source, false));
        assert_int_equal(again.n, n);
        for (size_t i = 0; i < n; i++) {
            assert_ok(graft_conversation__same(&d->conversations[held[i]],
                                               &again.conversations[i]));
        }
        graft_dataset_clear(&again);
    }
    graft_text_clear(&text);
}

static void what_is_written_is_found_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        graft_dataset d;
        assert_ok(read_sample(&d, i));
        for (size_t w = 0; graft_record_writers[w]; w++) {
            assert_found_again(&d, graft_record_writers[w]);
        }
        graft_dataset_clear(&d);
    }
}

/* A system text of one's own leaves room for the marks of a layout. */
static void calls_without_tools_are_found_again(void **state)
{
    (void)state;
    const char *text = test_quotes(
        "{'messages':[{'role':'system','content':'Be {short}.'},{'role':'user','content':'q'},"
        "{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':{'a':1}}}]},"
        "{'role':'tool','content':'r'},{'role':'assistant','content':'s'}]}");
    graft_source source = {test_temp_file("bare.jsonl", text, strlen(text)), NULL, NULL};
    graft_dataset d;
    graft_dataset_init(&d);
    assert_ok(graft_dataset_read(&d, &source, false));
    for (size_t w = 0; graft_record_writers[w]; w++) {
        assert_found_again(&d, graft_record_writers[w]);
    }
    graft_dataset_clear(&d);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        graft_status status = GRAFT_E_MEMORY;
        for (uint64_t n = 1; status == GRAFT_E_MEMORY; n += 1 + n / 50) {
            graft_dataset d;
            size_t held;
            uint64_t before = graft_alloc_count();
            graft_alloc_fail_at(n);
            status = read_sample(&d, i);
            if (status == GRAFT_OK) {
                status = write_all(&d, &held);
            }
            graft_alloc_fail_at(0);
            graft_dataset_clear(&d);
            if (status == GRAFT_OK) { /* nothing failed unseen */
                assert_true(graft_alloc_count() - before < n);
            }
        }
        assert_int_equal(status, GRAFT_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reader_has_a_sample),
        cmocka_unit_test(samples_are_detected),
        cmocka_unit_test(marks_behind_detection_are_told_once),
        cmocka_unit_test(hermes_is_told_by_its_marks),
        cmocka_unit_test(samples_are_written),
        cmocka_unit_test(what_is_written_is_found_again),
        cmocka_unit_test(calls_without_tools_are_found_again),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
