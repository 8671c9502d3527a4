/* metrics.jsonl of a run that continues: what is done again must not stand there twice. */
#include "support/test.h"

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

static void assert_kept(uint64_t step, uint64_t evaluated, const char *kept)
{
    graft_text before, after, wanted;
    graft_journal *journal = NULL;
    graft_text_init(&before);
    graft_text_init(&after);
    graft_text_init(&wanted);
    for (size_t i = 0; i < N_LINES; i++) {
        assert_ok(graft_text_append_z(&before, LINES[i]));
        if (kept[i] == 'x') {
            assert_ok(graft_text_append_z(&wanted, LINES[i]));
        }
    }
    const char *path = test_temp_file("metrics.jsonl", graft_text_z(&before), before.len);
    assert_ok(graft_journal_open(&journal, test_temp_dir(), step, evaluated));
    graft_journal_close(journal);
    assert_ok(graft_file_read(&after, path, 1 << 20));
    assert_string_equal(graft_text_z(&after), graft_text_z(&wanted));
    graft_text_clear(&before);
    graft_text_clear(&after);
    graft_text_clear(&wanted);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_done_again_is_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
