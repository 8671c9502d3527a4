/* Two evaluations of the same items side by side. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/map.h"
#include "core/memory.h"
#include "eval/report.h"
#include "eval/report_internal.h"
#include "eval/statistics.h"

#define SHOWN 160 /* bytes of a reply in a list of changes */

/* An item of `before` and the one of `after` that asks for the same. */
typedef struct item_pair {
    const graft_eval_item *before, *after;
} item_pair;

typedef struct item_pairs {
    item_pair *pairs;
    size_t n, n_other; /* ... and how many of the same index and turn ask for something else */
} item_pairs;

/* Index and turn of an item, to where it stands. */
typedef struct item_index {
    uint64_t (*keys)[2];
    graft_map map;
} item_index;

static void clear_index(item_index *index)
{
    graft_map_clear(&index->map);
    graft_free(index->keys);
}

/* The caller clears, also after failure. */
static graft_status index_items(item_index *out, const graft_eval_report *report, const char *side)
{
    graft_status status = GRAFT_OK;
    out->keys = NULL;
    graft_map_init(&out->map);
    GRAFT_TRY(graft_alloc(&out->keys, report->n, sizeof *out->keys));
    GRAFT_TRY(graft_map_reserve(&out->map, report->n));
    for (size_t i = 0; i < report->n; i++) {
        const graft_eval_item *item = &report->items[i];
        bool twice = false;
        out->keys[i][0] = item->index;
        out->keys[i][1] = item->turn;
        GRAFT_TRY(graft_map_set(&out->map, (const char *)out->keys[i], sizeof out->keys[i], i,
                                &twice));
        if (twice) {
            return graft_fail(GRAFT_E_DATA, "%s: item %zu, message %zu stands there twice", side,
                              item->index, item->turn);
        }
    }
done:
    return status;
}

/* Files of earlier versions have no digest: words that are expected then say nothing. */
static bool same_question(const graft_eval_item *a, const graft_eval_item *b)
{
    bool known = a->asked != NULL && b->asked != NULL;
    return graft_json_equal(a->expected, b->expected) &&
           (!known || graft_json_equal(a->asked, b->asked));
}

static graft_status pair_items(item_pairs *out, const graft_eval_report *before,
                               const graft_eval_report *after)
{
    graft_status status = GRAFT_OK;
    item_index old = {0}, new = {0};
    *out = (item_pairs){0};
    GRAFT_TRY(index_items(&old, before, "before"));
    GRAFT_TRY(index_items(&new, after, "after"));
    GRAFT_TRY(graft_alloc(&out->pairs, after->n, sizeof *out->pairs));
    for (size_t i = 0; i < after->n; i++) {
        uint64_t at;
        if (!graft_map_find(&old.map, (const char *)new.keys[i], sizeof new.keys[i], &at)) {
            continue;
        }
        if (same_question(&before->items[at], &after->items[i])) {
            out->pairs[out->n++] = (item_pair){&before->items[at], &after->items[i]};
        } else {
            out->n_other++;
        }
    }
done:
    clear_index(&old);
    clear_index(&new);
    return status;
}

graft_status graft_eval_report_paired(size_t *n, size_t *n_other, const graft_eval_report *before,
                                      const graft_eval_report *after)
{
    item_pairs pairs;
    graft_status status = pair_items(&pairs, before, after);
    *n = pairs.n;
    *n_other = pairs.n_other;
    graft_free(pairs.pairs);
    return status;
}

typedef struct change {
    graft_eval_score before, after;
    size_t gained, lost; /* verdicts that turned, over the pairs where both say something */
    double p;
} change;

static change change_of(const graft_eval_report *before, const graft_eval_report *after,
                        const item_pairs *pairs, size_t metric)
{
    change c = {.before = graft_eval_report_score(before, metric),
                .after = graft_eval_report_score(after, metric)};
    for (size_t i = 0; i < pairs->n; i++) {
        graft_verdict a = pairs->pairs[i].before->verdicts[metric];
        graft_verdict b = pairs->pairs[i].after->verdicts[metric];
        c.gained += a == GRAFT_VERDICT_NO && b == GRAFT_VERDICT_YES;
        c.lost += a == GRAFT_VERDICT_YES && b == GRAFT_VERDICT_NO;
    }
    c.p = graft_mcnemar(c.gained, c.lost);
    return c;
}

static double percent(const graft_eval_score *score)
{
    return score->of > 0 ? 100.0 * (double)score->hits / (double)score->of : 0;
}

static graft_status append_score(graft_text *out, const graft_eval_score *score)
{
    char ratio[48], interval[48];
    snprintf(ratio, sizeof ratio, "%zu/%zu", score->hits, score->of);
    snprintf(interval, sizeof interval, "(%.1f-%.1f)", 100 * score->low, 100 * score->high);
    return score->of > 0 ? graft_text_appendf(out, "  %9s %5.1f %-13s", ratio, percent(score),
                                              interval)
                         : graft_text_appendf(out, "  %9s %5s %-13s", "-", "", "");
}

static graft_status append_change(graft_text *out, const char *name, const change *c)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "%-18s", name));
    GRAFT_TRY(append_score(out, &c->before));
    GRAFT_TRY(append_score(out, &c->after));
    if (c->before.of > 0 && c->after.of > 0) {
        GRAFT_TRY(graft_text_appendf(out, "  %+6.1f", percent(&c->after) - percent(&c->before)));
        GRAFT_TRY(c->p < 0.0001 ? graft_text_append_z(out, "  < 0.0001")
                                : graft_text_appendf(out, "  %8.4f", c->p));
    }
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    return status;
}

static graft_status append_totals(graft_text *out, const graft_eval_report *before,
                                  const graft_eval_report *after, const item_pairs *pairs)
{
    graft_status status = GRAFT_OK;
    graft_call_counts a = graft_eval__total_counts(before), b = graft_eval__total_counts(after);
    if (isfinite(before->loss_per_token) && isfinite(after->loss_per_token)) {
        GRAFT_TRY(graft_text_appendf(out, "loss per trained token %.4f -> %.4f; ",
                                     before->loss_per_token, after->loss_per_token));
    }
    GRAFT_TRY(graft_text_appendf(out, "spurious calls %zu -> %zu, missing calls %zu -> %zu\n",
                                 a.spurious, b.spurious, a.missing, b.missing));
    if (isfinite(before->general_loss) && isfinite(after->general_loss)) {
        GRAFT_TRY(graft_text_appendf(out, "perplexity of general text %.3f -> %.3f\n",
                                     exp(before->general_loss), exp(after->general_loss)));
    }
    if (pairs->n != before->n || pairs->n != after->n) {
        GRAFT_TRY(graft_text_appendf(out, "only %zu items are the same: %zu before, %zu after",
                                     pairs->n, before->n, after->n));
        GRAFT_TRY(pairs->n_other == 0 ? GRAFT_OK
                                      : graft_text_appendf(out, "; %zu of the same number ask for "
                                                           "something else", pairs->n_other));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    return status;
}

graft_status graft_eval_report_compare(graft_text *out, const graft_eval_report *before,
                                       const graft_eval_report *after)
{
    graft_status status = GRAFT_OK;
    item_pairs pairs;
    GRAFT_TRY(pair_items(&pairs, before, after));
    GRAFT_TRY(graft_text_appendf(out, "%-18s  %-29s  %-29s  %6s  %8s\n", "",
                                 "before: hits/of, %, 95 %", "after: hits/of, %, 95 %", "change",
                                 "p"));
    for (size_t i = 0; i < graft_n_metrics; i++) {
        change c = change_of(before, after, &pairs, i);
        if (c.before.of > 0 || c.after.of > 0) {
            GRAFT_TRY(append_change(out, graft_metrics[i]->name, &c));
        }
    }
    GRAFT_TRY(append_totals(out, before, after, &pairs));
done:
    graft_free(pairs.pairs);
    return status;
}

/* Appends the items whose verdict on the metric turned: {"index", "turn", "to"}. */
static graft_status list_flipped(graft_json *list, const item_pairs *pairs, size_t metric)
{
    graft_status status = GRAFT_OK;
    graft_json *item = NULL;
    for (size_t i = 0; i < pairs->n; i++) {
        const graft_eval_item *after = pairs->pairs[i].after;
        graft_verdict a = pairs->pairs[i].before->verdicts[metric], b = after->verdicts[metric];
        if (a == b || a == GRAFT_VERDICT_NONE || b == GRAFT_VERDICT_NONE) {
            continue;
        }
        item = graft_json_new_object();
        GRAFT_TRY(graft_json_set_int(item, "index", (int64_t)after->index));
        GRAFT_TRY(graft_json_set_int(item, "turn", (int64_t)after->turn));
        GRAFT_TRY(graft_json_set_bool(item, "to", b == GRAFT_VERDICT_YES));
        graft_json *taken = item;
        item = NULL;
        GRAFT_TRY(graft_json_push(list, taken));
    }
done:
    graft_json_free(item);
    return status;
}

static graft_status set_change(graft_json *scores, const char *name, const change *c,
                               const item_pairs *pairs, size_t metric)
{
    graft_status status = GRAFT_OK;
    graft_json *json = graft_json_new_object(), *flipped = graft_json_new_array();
    GRAFT_TRY(graft_eval__set_score(json, "before", &c->before));
    GRAFT_TRY(graft_eval__set_score(json, "after", &c->after));
    GRAFT_TRY(graft_json_set_int(json, "gained", (int64_t)c->gained));
    GRAFT_TRY(graft_json_set_int(json, "lost", (int64_t)c->lost));
    GRAFT_TRY(graft_json_set_double(json, "p", c->p));
    GRAFT_TRY(list_flipped(flipped, pairs, metric));
    GRAFT_TRY(graft_json_set(json, "flipped", graft_json_retain(flipped)));
    graft_json *taken = json;
    json = NULL;
    GRAFT_TRY(graft_json_set(scores, name, taken));
done:
    graft_json_free(flipped);
    graft_json_free(json);
    return status;
}

static graft_status set_side(graft_json *object, const char *key, const graft_eval_report *report)
{
    graft_status status = GRAFT_OK;
    graft_json *json = graft_json_new_object();
    GRAFT_TRY(graft_json_set_int(json, "n", (int64_t)report->n));
    GRAFT_TRY(graft_eval__set_loss(json, report->loss_per_token));
    GRAFT_TRY(graft_eval__set_perplexity(json, report));
    graft_json *taken = json;
    json = NULL;
    GRAFT_TRY(graft_json_set(object, key, taken));
done:
    graft_json_free(json);
    return status;
}

graft_status graft_eval_report_compare_json(graft_json **out, const graft_eval_report *before,
                                            const graft_eval_report *after)
{
    graft_status status = GRAFT_OK;
    graft_json *json = graft_json_new_object(), *scores = graft_json_new_object();
    item_pairs pairs = {0};
    *out = NULL;
    GRAFT_TRY(pair_items(&pairs, before, after));
    GRAFT_TRY(set_side(json, "before", before));
    GRAFT_TRY(set_side(json, "after", after));
    GRAFT_TRY(graft_json_set_int(json, "paired", (int64_t)pairs.n));
    GRAFT_TRY(graft_json_set_int(json, "other_questions", (int64_t)pairs.n_other));
    for (size_t i = 0; i < graft_n_metrics; i++) {
        change c = change_of(before, after, &pairs, i);
        GRAFT_TRY(set_change(scores, graft_metrics[i]->name, &c, &pairs, i));
    }
    graft_json *taken = scores;
    scores = NULL;
    GRAFT_TRY(graft_json_set(json, "scores", taken));
    *out = json;
    json = NULL;
done:
    graft_free(pairs.pairs);
    graft_json_free(scores);
    graft_json_free(json);
    return status;
}

/* " INDEX/TURN" of the items that turned to `to`, at most `limit`, and how many more there are. */
static graft_status append_turned(graft_text *out, const item_pairs *pairs, size_t metric,
                                  graft_verdict to, size_t limit)
{
    graft_status status = GRAFT_OK;
    graft_verdict from = to == GRAFT_VERDICT_YES ? GRAFT_VERDICT_NO : GRAFT_VERDICT_YES;
    size_t n = 0;
    for (size_t i = 0; i < pairs->n; i++) {
        const graft_eval_item *after = pairs->pairs[i].after;
        if (pairs->pairs[i].before->verdicts[metric] == from && after->verdicts[metric] == to &&
            n++ < limit) {
            GRAFT_TRY(graft_text_appendf(out, " %zu/%zu", after->index, after->turn));
        }
    }
    if (n == 0) {
        GRAFT_TRY(graft_text_append_z(out, " none"));
    } else if (n > limit) {
        GRAFT_TRY(graft_text_appendf(out, " and %zu more", n - limit));
    }
done:
    return status;
}

graft_status graft_eval_report_flips(graft_text *out, const graft_eval_report *before,
                                     const graft_eval_report *after, size_t limit)
{
    graft_status status = GRAFT_OK;
    item_pairs pairs;
    GRAFT_TRY(pair_items(&pairs, before, after));
    for (size_t i = 0; i < graft_n_metrics; i++) {
        change c = change_of(before, after, &pairs, i);
        if (c.gained + c.lost == 0) {
            continue;
        }
        GRAFT_TRY(graft_text_appendf(out, "%s: gained", graft_metrics[i]->name));
        GRAFT_TRY(append_turned(out, &pairs, i, GRAFT_VERDICT_YES, limit));
        GRAFT_TRY(graft_text_append_z(out, "; lost"));
        GRAFT_TRY(append_turned(out, &pairs, i, GRAFT_VERDICT_NO, limit));
        GRAFT_TRY(graft_text_append_char(out, '\n'));
    }
done:
    graft_free(pairs.pairs);
    return status;
}

/* One line of at most SHOWN bytes, cut between characters. */
static graft_status append_output(graft_text *out, const char *label, const graft_json *output)
{
    graft_status status = GRAFT_OK;
    size_t n, shown;
    const char *text = graft_json_string(output, &n);
    shown = n < SHOWN ? n : SHOWN;
    while (shown < n && shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80) {
        shown--;
    }
    GRAFT_TRY(graft_text_appendf(out, "  %s ", label));
    GRAFT_TRY(graft_text_append_escaped(out, text, shown, false));
    GRAFT_TRY(graft_text_append_z(out, shown < n ? " ...\n" : "\n"));
done:
    return status;
}

graft_status graft_eval_report_changes(graft_text *out, const graft_eval_report *before,
                                       const graft_eval_report *after, size_t metric, size_t limit)
{
    static const char *const words[] = {"-", "no", "yes"};
    graft_status status = GRAFT_OK;
    item_pairs pairs;
    GRAFT_TRY(pair_items(&pairs, before, after));
    for (size_t i = 0; i < pairs.n && limit > 0; i++) {
        const item_pair *pair = &pairs.pairs[i];
        graft_verdict a = pair->before->verdicts[metric], b = pair->after->verdicts[metric];
        if (a == b) {
            continue;
        }
        GRAFT_TRY(graft_text_appendf(out, "item %zu, message %zu: %s %s -> %s\n",
                                     pair->after->index, pair->after->turn,
                                     graft_metrics[metric]->name, words[a], words[b]));
        GRAFT_TRY(append_output(out, "before:", pair->before->output));
        GRAFT_TRY(append_output(out, "after: ", pair->after->output));
        limit--;
    }
done:
    graft_free(pairs.pairs);
    return status;
}
