#include "data/stats.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"

/* --- distributions --- */

void graft_distribution_clear(graft_distribution *d)
{
    graft_free(d->values);
    *d = (graft_distribution){0};
}

graft_status graft_distribution_add(graft_distribution *d, size_t value)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_reserve(&d->values, &d->capacity, d->n + 1, sizeof *d->values));
    d->values[d->n++] = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
done:
    return status;
}

static int compare_values(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void graft_distribution_sort(graft_distribution *d)
{
    if (d->n > 0) {
        qsort(d->values, d->n, sizeof *d->values, compare_values);
    }
}

uint32_t graft_distribution_quantile(const graft_distribution *d, double share)
{
    double place = share * (double)d->n;
    size_t i = (size_t)place;
    i -= i > 0 && (double)i >= place;
    return d->values[i < d->n ? i : d->n - 1];
}

double graft_distribution_mean(const graft_distribution *d)
{
    double sum = 0;
    for (size_t i = 0; i < d->n; i++) {
        sum += d->values[i];
    }
    return d->n ? sum / (double)d->n : 0;
}

void graft_distribution_histogram(const graft_distribution *d, size_t counts[GRAFT_HISTOGRAM_BINS])
{
    memset(counts, 0, GRAFT_HISTOGRAM_BINS * sizeof *counts);
    for (size_t i = 0; i < d->n; i++) {
        size_t bin = 0;
        for (uint32_t value = d->values[i]; value; value >>= 1) {
            bin++;
        }
        counts[bin]++;
    }
}

/* --- statistics --- */

void graft_stats_init(graft_stats *s)
{
    *s = (graft_stats){0};
    graft_counter_init(&s->counter);
    graft_map_init(&s->tool_places);
    graft_arena_init(&s->names, 1 << 14);
}

void graft_stats_clear(graft_stats *s)
{
    graft_counter_clear(&s->counter);
    graft_distribution_clear(&s->messages);
    graft_distribution_clear(&s->calls);
    graft_distribution_clear(&s->bytes);
    graft_distribution_clear(&s->tokens);
    graft_map_clear(&s->tool_places);
    graft_free(s->tools);
    graft_arena_clear(&s->names);
}

static graft_status use_tool(graft_stats *s, const char *name, size_t n, size_t declared,
                             size_t calls)
{
    graft_status status = GRAFT_OK;
    uint64_t place;
    char *kept;
    if (!graft_map_find(&s->tool_places, name, n, &place)) {
        place = s->n_tools;
        GRAFT_TRY(graft_arena_alloc(&s->names, &kept, n + 1, 1));
        memcpy(kept, name, n);
        kept[n] = 0;
        GRAFT_TRY(graft_reserve(&s->tools, &s->tools_capacity, s->n_tools + 1, sizeof *s->tools));
        GRAFT_TRY(graft_map_set(&s->tool_places, kept, n, place, NULL));
        s->tools[s->n_tools++] = (graft_tool_use){.name = kept, .name_len = n};
    }
    s->tools[place].declared += declared;
    s->tools[place].calls += calls;
done:
    return status;
}

static graft_status use_holder(graft_stats *s, const graft_json *holder, size_t declared,
                               size_t calls)
{
    size_t n;
    const char *name =
        graft_json_string(graft_json_get(graft_json_get(holder, "function"), "name"), &n);
    return use_tool(s, name, n, declared, calls);
}

graft_status graft_stats_add(graft_stats *s, const graft_conversation *c, size_t bytes)
{
    graft_status status = GRAFT_OK;
    size_t n_calls = 0;
    GRAFT_TRY(graft_counter_add(&s->counter, c));
    for (size_t i = 0; i < graft_json_length(c->tools); i++) {
        GRAFT_TRY(use_holder(s, graft_json_at(c->tools, i), 1, 0));
    }
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *calls = graft_json_get(graft_json_at(c->messages, k), "tool_calls");
        n_calls += graft_json_length(calls);
        for (size_t i = 0; i < graft_json_length(calls); i++) {
            GRAFT_TRY(use_holder(s, graft_json_at(calls, i), 0, 1));
        }
    }
    GRAFT_TRY(graft_distribution_add(&s->messages, c->n_turns));
    GRAFT_TRY(graft_distribution_add(&s->calls, n_calls));
    GRAFT_TRY(graft_distribution_add(&s->bytes, bytes));
done:
    return status;
}

static graft_status append_values(graft_distribution *to, const graft_distribution *from)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < from->n; i++) {
        GRAFT_TRY(graft_distribution_add(to, from->values[i]));
    }
done:
    return status;
}

graft_status graft_stats_merge(graft_stats *s, const graft_stats *other)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_counter_merge(&s->counter, &other->counter));
    GRAFT_TRY(append_values(&s->messages, &other->messages));
    GRAFT_TRY(append_values(&s->calls, &other->calls));
    GRAFT_TRY(append_values(&s->bytes, &other->bytes));
    for (size_t i = 0; i < other->n_tools; i++) {
        const graft_tool_use *t = &other->tools[i];
        GRAFT_TRY(use_tool(s, t->name, t->name_len, t->declared, t->calls));
    }
done:
    return status;
}

static int compare_tools(const void *a, const void *b)
{
    const graft_tool_use *x = a, *y = b;
    size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
    if (x->calls != y->calls) {
        return x->calls > y->calls ? -1 : 1;
    }
    if (x->declared != y->declared) {
        return x->declared > y->declared ? -1 : 1;
    }
    int order = memcmp(x->name, y->name, n);
    return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

void graft_stats_finish(graft_stats *s)
{
    graft_distribution_sort(&s->messages);
    graft_distribution_sort(&s->calls);
    graft_distribution_sort(&s->bytes);
    graft_distribution_sort(&s->tokens);
    if (s->n_tools > 0) {
        qsort(s->tools, s->n_tools, sizeof *s->tools, compare_tools);
    }
    graft_map_clear(&s->tool_places); /* places have changed */
}

size_t graft_stats_rows(graft_stats_row rows[GRAFT_STATS_ROWS], const graft_stats *s)
{
    const graft_stats_row all[GRAFT_STATS_ROWS] = {
        {"messages_per_example", "messages per example", &s->messages},
        {"calls_per_example", "calls per example", &s->calls},
        {"bytes_per_example", "bytes per example", &s->bytes},
        {"tokens_per_example", "tokens per example", &s->tokens}};
    size_t n = 0;
    for (size_t i = 0; i < GRAFT_STATS_ROWS; i++) {
        if (all[i].values->n > 0) {
            rows[n++] = all[i];
        }
    }
    return n;
}

/* --- reading --- */

typedef struct reading {
    graft_stats *stats, *parts; /* one part per thread */
    graft_status failed[GRAFT_BATCH_RECORDS];
    bool skip_bad;
    graft_status (*poll)(void *context);
    void *context;
} reading;

static void look(void *context, graft_record *record, int thread)
{
    reading *r = context;
    r->failed[record->slot] = GRAFT_OK;
    if (record->status == GRAFT_OK) {
        r->failed[record->slot] =
            graft_stats_add(&r->parts[thread], &record->conversation, record->n);
        graft_conversation_clear(&record->conversation);
    }
}

static graft_status take(void *context, graft_record *record)
{
    const reading *r = context;
    if (record->status == GRAFT_E_DATA && record->message && r->skip_bad) {
        r->stats->bad++;
        return GRAFT_OK;
    }
    if (record->status != GRAFT_OK) {
        return graft_record_fail(record);
    }
    return r->failed[record->slot] == GRAFT_OK
               ? GRAFT_OK : graft_fail(r->failed[record->slot], "no memory for statistics");
}

static graft_status poll(void *context)
{
    const reading *r = context;
    return r->poll ? r->poll(r->context) : GRAFT_OK;
}

graft_status graft_stats_read(graft_stats *stats, const graft_source *source, bool skip_bad,
                              graft_status (*ask)(void *context), void *context)
{
    graft_status status = GRAFT_OK;
    reading *r = NULL;
    size_t n = (size_t)graft_threads();
    GRAFT_TRY(graft_alloc(&r, 1, sizeof *r));
    r->stats = stats;
    r->skip_bad = skip_bad;
    r->poll = ask;
    r->context = context;
    GRAFT_TRY(graft_alloc(&r->parts, n, sizeof *r->parts));
    for (size_t i = 0; i < n; i++) {
        graft_stats_init(&r->parts[i]);
    }
    graft_record_visitor visitor = {r, look, take, poll};
    GRAFT_TRY(graft_source_read(source, &visitor, &stats->format));
    for (size_t i = 0; i < n; i++) {
        GRAFT_TRY(graft_stats_merge(stats, &r->parts[i]));
    }
done:
    for (size_t i = 0; r && r->parts && i < n; i++) {
        graft_stats_clear(&r->parts[i]);
    }
    graft_free(r ? r->parts : NULL);
    graft_free(r);
    return status;
}
