/* metrics.jsonl of a run that continues: what is done again must not stand there twice. */
#include "support/test.h"

#include "core/memory.h"
#include "io/files.h"
#include "train/journal.h"

static const char *const LINES[] = {
    "{\"event\":\"perplexity\",\"step\":0,\"when\":\"before\"}\n",
    "{\"event\":\"step\",\"step\":4}\n",
    "{\"event\":\"eval\",\"step\":4,\"when\":\"epoch\"}\n",
    "{\"event\":\"step\",\"step\":8}\n",
    "{\"event\":\"eval\",\"step\":8,\"when\":\"epoch\"}\n",
    "{\"event\":\"early_stop\",\"step\":8,\"when\":\"epoch\"}\n",
    "{\"event\":\"best\",\"step\":8,\"when\":\"after\"}\n",
    "{\"event\":\"plan\",\"step\":9,\"when\":\"slower\"}\n",
    "{\"event\":\"step\",\"step\":9}\n",
    "{\"event\":\"step\",\"st",
};
enum { N_LINES = sizeof LINES / sizeof *LINES };

static void compare(const char *path, const char *const *wanted, const char *kept, size_t n)
{
    graft_text found, text;
    graft_text_init(&found);
    graft_text_init(&text);
    for (size_t i = 0; i < n; i++) {
        if (kept[i] == 'x') {
            assert_ok(graft_text_append_z(&text, wanted[i]));
        }
    }
    assert_ok(graft_file_read(&found, path, 1 << 20));
    assert_string_equal(graft_text_z(&found), graft_text_z(&text));
    graft_text_clear(&found);
    graft_text_clear(&text);
}

static const char *write_lines(const char *const *lines, size_t n)
{
    graft_text all;
    graft_text_init(&all);
    for (size_t i = 0; i < n; i++) {
        assert_ok(graft_text_append_z(&all, lines[i]));
    }
    const char *path = test_temp_file("metrics.jsonl", graft_text_z(&all), all.len);
    graft_text_clear(&all);
    return path;
}

static void assert_kept_of(const char *const *lines, size_t n, uint64_t step, uint64_t evaluated,
                           uint64_t rollbacks, const char *kept)
{
    graft_journal *journal = NULL;
    const char *path = write_lines(lines, n);
    assert_ok(graft_journal_open(&journal, test_temp_dir(), step, evaluated, rollbacks));
    graft_journal_close(journal);
    compare(path, lines, kept, n);
}

static void assert_kept(uint64_t step, uint64_t evaluated, const char *kept)
{
    assert_kept_of(LINES, N_LINES, step, evaluated, 0, kept);
}

static void what_is_done_again_is_dropped(void **state)
{
    (void)state;
    assert_kept(0, 0, "----------");
    assert_kept(4, 0, "xx--------");
    assert_kept(4, 4, "xxx-------");
    assert_kept(8, 4, "xxxx------"); /* stopped before, or in, the evaluation after step 8 */
    assert_kept(8, 8, "xxxxxx----");
    assert_kept(9, 8, "xxxxxx-xx-");
    assert_kept(9, 4, "xxxx---xx-"); /* a plan is of the steps, whatever was measured */
}

/* Two rollbacks, the second to the same step, and what a run that continues keeps of them. */
static const char *const ROLLED[] = {
    "{\"event\":\"step\",\"step\":4}\n",
    "{\"event\":\"undone_step\",\"step\":5}\n",
    "{\"event\":\"bad_step\",\"step\":6}\n",
    "{\"event\":\"rollback\",\"step\":6}\n",
    "{\"event\":\"step\",\"step\":5,\"rollbacks\":1}\n",
    "{\"event\":\"spike\",\"step\":5,\"rollbacks\":1}\n",
    "{\"event\":\"eval\",\"step\":5,\"when\":\"step\",\"rollbacks\":1}\n",
    "{\"event\":\"step\",\"step\":6,\"rollbacks\":1}\n",
};

static void what_was_before_a_rollback_stays(void **state)
{
    enum { N = sizeof ROLLED / sizeof *ROLLED };
    static const struct {
        uint64_t step, evaluated, rollbacks;
        const char *kept;
    } cases[] = {
        {4, 0, 0, "x-------"},
        {5, 0, 0, "xx------"}, /* of a checkpoint of before */
        {4, 4, 1, "xxxx----"},
        {5, 4, 1, "xxxxxx--"},
        {5, 5, 1, "xxxxxxx-"},
        {6, 5, 1, "xxxxxxxx"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_kept_of(ROLLED, N, cases[i].step, cases[i].evaluated, cases[i].rollbacks,
                       cases[i].kept);
    }
}

static void what_a_rollback_undoes_is_renamed(void **state)
{
    static const char *const before[] = {
        "{\"event\":\"eval\",\"step\":4,\"when\":\"step\"}\n",
        "{\"event\":\"step\",\"step\":5,\"loss\":0.50}\n",
        "{\"event\":\"eval\",\"step\":5,\"when\":\"step\"}\n",
        "{\"event\":\"bad_step\",\"step\":6}\n",
    };
    static const char *const after[] = {
        "{\"event\":\"eval\",\"step\":4,\"when\":\"step\"}\n",
        "{\"event\":\"undone_step\",\"step\":5,\"loss\":0.50}\n",
        "{\"event\":\"undone_eval\",\"step\":5,\"when\":\"step\"}\n",
        "{\"event\":\"bad_step\",\"step\":6}\n",
        "{\"event\":\"x\",\"step\":5,\"rollbacks\":1}\n",
    };
    graft_journal *journal = NULL;
    const char *path = write_lines(before, 4);
    (void)state;
    assert_ok(graft_journal_open(&journal, test_temp_dir(), 6, 5, 0));
    assert_ok(graft_journal_rewind(journal, 4, 1));
    graft_json *record = graft_json_new_object();
    assert_ok(graft_json_set_string(record, "event", "x"));
    assert_ok(graft_json_set_int(record, "step", 5));
    assert_ok(graft_journal_record(journal, record));
    graft_json_free(record);
    graft_journal_close(journal);
    compare(path, after, "xxxxx", 5);
}

/* A record that could not be read for lack of memory was taken for a torn one, and dropped. */
static void no_record_is_lost_when_memory_is(void **state)
{
    (void)state;
    static const char whole[] = "{\"event\":\"step\",\"step\":1}\n{\"event\":\"step\",\"step\":2}\n";
    graft_journal *journal = NULL;
    graft_text after;
    int n_failed = 0;
    graft_text_init(&after);
    const char *path = test_temp_file("metrics.jsonl", whole, sizeof whole - 1);
    for (uint64_t n = 1;; n++) {
        graft_alloc_fail_at(n);
        graft_status status = graft_journal_open(&journal, test_temp_dir(), 2, 0, 0);
        graft_alloc_fail_at(0);
        graft_journal_close(journal);
        assert_ok(graft_file_read(&after, path, 1 << 20));
        assert_string_equal(graft_text_z(&after), whole);
        if (status == GRAFT_OK) {
            break;
        }
        assert_int_equal(status, GRAFT_E_MEMORY);
        n_failed++;
    }
    assert_true(n_failed > 5);
    graft_text_clear(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_done_again_is_dropped),
        cmocka_unit_test(what_was_before_a_rollback_stays),
        cmocka_unit_test(what_a_rollback_undoes_is_renamed),
        cmocka_unit_test(no_record_is_lost_when_memory_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
