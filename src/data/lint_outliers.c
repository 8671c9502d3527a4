/* lint_outliers.c - examples that are much longer or shorter than the others of their file, or
 * written in another script. */
#include <stdlib.h>

#include "core/memory.h"
#include "data/lint.h"

/* Fewer examples have no norm. */
enum { FEWEST = 20, FEWEST_FOR_SCRIPTS = 100, FEWEST_LETTERS = 20 };

const char *graft_script_name(graft_script script)
{
    static const char *const names[GRAFT_N_SCRIPTS] = {
        "no", "Latin", "Greek", "Cyrillic", "Hebrew", "Arabic", "Indic", "Thai", "Korean",
        "Japanese", "Chinese"};
    return (unsigned)script < GRAFT_N_SCRIPTS ? names[script] : "unknown";
}

/* Of a letter beyond ASCII. Blocks: https://www.unicode.org/Public/UNIDATA/Blocks.txt */
static graft_script script_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        graft_script script;
    } blocks[] = {
        {0xc0, 0x24f, GRAFT_SCRIPT_LATIN},      {0x370, 0x3ff, GRAFT_SCRIPT_GREEK},
        {0x400, 0x52f, GRAFT_SCRIPT_CYRILLIC},  {0x590, 0x5ff, GRAFT_SCRIPT_HEBREW},
        {0x600, 0x77f, GRAFT_SCRIPT_ARABIC},    {0x900, 0xdff, GRAFT_SCRIPT_INDIC},
        {0xe00, 0xe7f, GRAFT_SCRIPT_THAI},      {0x1100, 0x11ff, GRAFT_SCRIPT_HANGUL},
        {0x1e00, 0x1eff, GRAFT_SCRIPT_LATIN},   {0x3040, 0x30ff, GRAFT_SCRIPT_JAPANESE},
        {0x3400, 0x9fff, GRAFT_SCRIPT_HAN},     {0xac00, 0xd7af, GRAFT_SCRIPT_HANGUL},
        {0xf900, 0xfaff, GRAFT_SCRIPT_HAN},     {0x20000, 0x3ffff, GRAFT_SCRIPT_HAN}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (c >= blocks[i].first && c <= blocks[i].last) {
            return blocks[i].script;
        }
    }
    return GRAFT_SCRIPT_NONE;
}

static void count_letters(size_t counts[GRAFT_N_SCRIPTS], const char *text, size_t n)
{
    size_t ascii = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        uint32_t codepoint;
        size_t used;
        if (c < 0x80) {
            ascii += (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
            i++;
            continue;
        }
        used = graft_utf8_decode(text + i, n - i, &codepoint);
        counts[used ? script_of(codepoint) : GRAFT_SCRIPT_NONE]++;
        i += used ? used : 1;
    }
    counts[GRAFT_SCRIPT_LATIN] += ascii;
}

graft_script graft_script_of(const graft_conversation *c)
{
    size_t counts[GRAFT_N_SCRIPTS] = {0}, n, letters = 0;
    for (size_t k = 0; k < c->n_turns; k++) {
        const graft_json *content = graft_json_get(graft_json_at(c->messages, k), "content");
        const char *text = graft_json_string(content, &n);
        if (c->turns[k].role == GRAFT_ROLE_USER || c->turns[k].role == GRAFT_ROLE_ASSISTANT) {
            count_letters(counts, text, n);
        }
    }
    if (counts[GRAFT_SCRIPT_JAPANESE] > 0) { /* written with both */
        counts[GRAFT_SCRIPT_JAPANESE] += counts[GRAFT_SCRIPT_HAN];
        counts[GRAFT_SCRIPT_HAN] = 0;
    }
    for (int s = 1; s < GRAFT_N_SCRIPTS; s++) {
        letters += counts[s];
    }
    for (int s = 1; s < GRAFT_N_SCRIPTS && letters >= FEWEST_LETTERS; s++) {
        if (2 * counts[s] > letters) {
            return (graft_script)s;
        }
    }
    return GRAFT_SCRIPT_NONE;
}

/* --- norms --- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* value * times / over, within 32 bits. */
static uint32_t scaled(uint32_t value, uint64_t times, uint64_t over)
{
    uint64_t product = value * times / (over ? over : 1);
    return product < UINT32_MAX ? (uint32_t)product : UINT32_MAX;
}

/* The usual rule of box plots with the wide fences of three times the range of the middle half, on
 * ratios instead of differences; and at least a factor of eight from the median. */
static void set_fences(graft_norms *out, const uint32_t *sorted, size_t n)
{
    uint64_t q1 = sorted[n / 4], q3 = sorted[n - 1 - n / 4], up, down;
    q1 = q1 ? q1 : 1;
    out->median = sorted[n / 2];
    up = scaled(scaled(scaled((uint32_t)q3, q3, q1), q3, q1), q3, q1);
    down = scaled(scaled(scaled((uint32_t)q1, q1, q3), q1, q3), q1, q3);
    out->longest = scaled(out->median, 8, 1);
    out->shortest = out->median / 8;
    out->longest = up > out->longest ? (uint32_t)up : out->longest;
    out->shortest = down < out->shortest ? (uint32_t)down : out->shortest;
}

graft_status graft_norms_take(graft_norms *out, const graft_measure *measures, size_t n)
{
    graft_status status = GRAFT_OK;
    uint32_t *sorted = NULL;
    *out = (graft_norms){.n = n, .longest = UINT32_MAX};
    for (size_t i = 0; i < n; i++) {
        out->scripts[measures[i].script]++;
    }
    for (int s = 1; s < GRAFT_N_SCRIPTS; s++) {
        if (out->scripts[s] > out->scripts[out->usual] || out->usual == GRAFT_SCRIPT_NONE) {
            out->usual = (graft_script)s;
        }
    }
    if (n < FEWEST) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&sorted, n, sizeof *sorted));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = measures[i].bytes;
    }
    qsort(sorted, n, sizeof *sorted, compare);
    set_fences(out, sorted, n);
done:
    graft_free(sorted);
    return status;
}

/* Less than one in a hundred, where nine of ten have one script. */
static bool is_rare(const graft_norms *norms, graft_script script)
{
    size_t lettered = norms->n - norms->scripts[GRAFT_SCRIPT_NONE];
    return script != GRAFT_SCRIPT_NONE && norms->n >= FEWEST_FOR_SCRIPTS &&
           norms->scripts[script] * 100 < lettered &&
           norms->scripts[norms->usual] * 10 >= lettered * 9;
}

graft_status graft_norms_check(graft_findings *out, const graft_norms *norms,
                               const graft_measure *m)
{
    graft_status status = GRAFT_OK;
    if (m->bytes > norms->longest || m->bytes < norms->shortest) {
        GRAFT_TRY(graft_findings_add(out, &graft_lint_length_outlier,
                                     "%u bytes, where %u are in the middle and %u to %u usual: "
                                     "look whether it is what it should be", m->bytes,
                                     norms->median, norms->shortest, norms->longest));
    }
    if (is_rare(norms, m->script)) {
        GRAFT_TRY(graft_findings_add(out, &graft_lint_language_outlier,
                                     "mostly %s text, as %zu of %zu examples, where %s is usual: "
                                     "leave it out if that is not meant",
                                     graft_script_name(m->script), norms->scripts[m->script],
                                     norms->n, graft_script_name(norms->usual)));
    }
done:
    return status;
}

const graft_lint graft_lint_length_outlier = {
    .name = "length_outlier",
    .what = "is much longer or shorter than the others",
};

const graft_lint graft_lint_language_outlier = {
    .name = "language_outlier",
    .what = "is written in another script than the others",
};
