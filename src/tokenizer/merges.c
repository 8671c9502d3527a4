#include "tokenizer/merges.h"

#include "core/memory.h"

#define NONE UINT32_MAX

static size_t slot_of(const graft_merges *merges, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9e3779b97f4a7c15u;
    size_t mask = merges->capacity - 1;
    size_t i = (size_t)(key ^ key >> 32) & mask;
    while (merges->table[i].left >= 0 &&
           (merges->table[i].left != left || merges->table[i].right != right)) {
        i = (i + 1) & mask;
    }
    return i;
}

graft_status graft_merges_init(graft_merges *merges, size_t n)
{
    size_t capacity = 16;
    *merges = (graft_merges){0};
    while (capacity / 2 < n) {
        if (!graft_size_mul(capacity, 2, &capacity)) {
            return graft_fail(GRAFT_E_MEMORY, "out of memory: %zu merges", n);
        }
    }
    graft_status status = graft_alloc(&merges->table, capacity, sizeof *merges->table);
    if (status == GRAFT_OK) {
        merges->capacity = capacity;
        for (size_t i = 0; i < capacity; i++) {
            merges->table[i].left = -1;
        }
    }
    return status;
}

void graft_merges_clear(graft_merges *merges)
{
    graft_free(merges->table);
    *merges = (graft_merges){0};
}

void graft_merges_add(graft_merges *merges, graft_merge rule)
{
    size_t i = slot_of(merges, rule.left, rule.right);
    if (merges->table[i].left < 0) {
        merges->table[i] = rule;
    }
}

void graft_merger_init(graft_merger *merger)
{
    *merger = (graft_merger){0};
}

void graft_merger_clear(graft_merger *merger)
{
    graft_free(merger->symbols);
    graft_free(merger->heap);
    graft_merger_init(merger);
}

/* A binary heap, smallest first; room is reserved by the caller. */
static void heap_push(graft_merger *merger, uint64_t key)
{
    uint64_t *heap = merger->heap;
    size_t i = merger->heap_n++;
    while (i > 0 && heap[(i - 1) / 2] > key) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = key;
}

static uint64_t heap_pop(graft_merger *merger)
{
    uint64_t *heap = merger->heap;
    uint64_t top = heap[0], last = heap[--merger->heap_n];
    size_t n = merger->heap_n, i = 0;
    for (size_t child = 1; child < n; child = 2 * i + 1) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (heap[child] >= last) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* Looks up the pair that symbol i forms with its next one and queues it if it becomes a token. */
static void consider(graft_merger *merger, graft_merger_pair *pair, const void *context, uint32_t i)
{
    graft_symbol *symbol = &merger->symbols[i];
    uint32_t rank;
    symbol->rank = NONE;
    if (symbol->next != NONE &&
        pair(context, merger, symbol, &merger->symbols[symbol->next], &rank, &symbol->merged)) {
        symbol->rank = rank;
        heap_push(merger, (uint64_t)rank << 32 | i);
    }
}

bool graft_merges_pair(const void *context, const graft_merger *merger, const graft_symbol *left,
                       const graft_symbol *right, uint32_t *rank, int32_t *id)
{
    (void)merger;
    const graft_merges *merges = context;
    if (left->id < 0 || right->id < 0) {
        return false;
    }
    const graft_merge *rule = &merges->table[slot_of(merges, left->id, right->id)];
    *rank = rule->rank;
    *id = rule->id;
    return rule->left >= 0 && rule->id >= 0;
}

graft_status graft_merger_begin(graft_merger *merger, size_t n)
{
    graft_status status = GRAFT_OK;
    /* n - 1 pairs at first, two more for each of at most n - 1 merges */
    GRAFT_TRY(graft_reserve(&merger->symbols, &merger->symbols_capacity, n,
                            sizeof *merger->symbols));
    GRAFT_TRY(graft_reserve(&merger->heap, &merger->heap_capacity, 3 * n, sizeof *merger->heap));
    merger->n = merger->heap_n = 0;
done:
    return status;
}

void graft_merger_join(graft_merger *merger, graft_merger_pair *pair, const void *context)
{
    graft_symbol *symbols = merger->symbols;
    symbols[0].prev = symbols[merger->n - 1].next = NONE;
    for (uint32_t i = 0; i < merger->n; i++) {
        consider(merger, pair, context, i);
    }
    while (merger->heap_n > 0) {
        uint64_t key = heap_pop(merger);
        uint32_t i = (uint32_t)key;
        if (symbols[i].rank != (uint32_t)(key >> 32)) {
            continue; /* one of the two has been merged with another since */
        }
        graft_symbol *right = &symbols[symbols[i].next];
        symbols[i].id = symbols[i].merged;
        symbols[i].end = right->end;
        symbols[i].next = right->next;
        right->rank = NONE;
        if (right->next != NONE) {
            symbols[right->next].prev = i;
        }
        consider(merger, pair, context, i);
        if (symbols[i].prev != NONE) {
            consider(merger, pair, context, symbols[i].prev);
        }
    }
}

graft_status graft_merger_run(graft_merger *merger, const graft_merges *merges,
                              const int32_t byte_ids[256], const char *word, size_t n)
{
    graft_status status = graft_merger_begin(merger, n);
    for (size_t i = 0; status == GRAFT_OK && i < n; i++) {
        graft_merger_add(merger, byte_ids[(unsigned char)word[i]], i + 1);
    }
    if (status == GRAFT_OK) {
        graft_merger_join(merger, graft_merges_pair, merges);
    }
    return status;
}
