/* convert/naming.c - what the name of a model says about it. */
#include "convert/naming.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_PARTS = 32 };
enum { BASENAME = 1, SIZE = 2, FINETUNE = 4, VERSION = 8, TYPE = 16 };

typedef struct part {
    char text[64];
    unsigned kinds;
} part;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Digits, then groups of '.' and digits; how many bytes, 0 if it does not begin so. */
static size_t numbers(const char *text)
{
    size_t n = strspn(text, "0123456789");
    for (size_t more; n > 0 && text[n] == '.' &&
                      (more = strspn(text + n + 1, "0123456789")) > 0;) {
        n += more + 1;
    }
    return n;
}

/* "2.5", "v3", "iter2" */
static bool is_version(const char *text)
{
    text += strncasecmp(text, "iter", 4) == 0 ? 4 : lower(text[0]) == 'v' ? 1 : 0;
    size_t n = numbers(text);
    return n > 0 && text[n] == '\0';
}

/* "Q4_K_M", "IQ3_XS", "BF16", "fp32" */
static bool is_type(const char *text)
{
    const char *q = text + (lower(text[0]) == 'i');
    if (lower(q[0]) == 'q' && is_digit(q[1])) {
        for (q += 2; q[0] == '_' && (is_letter(q[1]) || is_digit(q[1]) || q[1] == '_'); q += 2) {
        }
        return *q == '\0';
    }
    text += lower(text[0]) == 'b';
    if (lower(*text++) != 'f') {
        return false;
    }
    text += lower(text[0]) == 'p';
    return strcmp(text, "16") == 0 || strcmp(text, "32") == 0;
}

/* "135M", "8x7B", "A3B", "1.5B", "small" */
static bool is_size(const char *text)
{
    static const char *const words[] = {"small", "mini", "medium", "large", "xl", "xxl"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(words[i], text) == 0) {
            return true;
        }
    }
    size_t n = strspn(text, "0123456789");
    if (lower(text[0]) == 'a') {
        text++;
    } else if (n > 0 && lower(text[n]) == 'x') {
        text += n + 1;
    }
    n = strspn(text, "0123456789");
    if (n == 0) {
        return false;
    }
    text += n;
    if (*text == '.' || *text == '_') {
        n = strspn(text + 1, "0123456789");
        if (n == 0) {
            return false;
        }
        text += n + 1;
    }
    if (*text == '\0' || strchr("KMBT", upper(*text)) == NULL) {
        return false;
    }
    text += 1 + is_digit(text[1]);
    return *text == '\0';
}

static bool is_finetune(const char *text)
{
    static const char *const words[] = {"chat", "instruct", "vision", "lora"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(words[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* A size, spelled alike: "7b1" is "7.1B", "1_5b" is "1.5B". A size far from the model's is a
 * length of context. */
static void normalize_size(part *p, uint64_t n_numbers)
{
    size_t n = strlen(p->text);
    for (size_t i = 0; i < n; i++) {
        p->text[i] = p->text[i] == '_' ? '.' : p->text[i];
    }
    if (n > 1 && n + 1 < sizeof p->text && is_digit(p->text[n - 1])) {
        char unit = p->text[n - 2], digit = p->text[n - 1];
        p->text[n - 2] = '.';
        p->text[n - 1] = digit;
        p->text[n] = unit;
        p->text[++n] = '\0';
    }
    if (n > 1 && is_digit(p->text[n - 2]) && strchr("kmbt", p->text[n - 1]) != NULL) {
        p->text[n - 1] = upper(p->text[n - 1]);
    }
    const char *unit = n > 0 ? strchr("KMBT", p->text[n - 1]) : NULL;
    char *end = NULL;
    double size = strtod(p->text, &end);
    if (n_numbers > 0 && unit != NULL && end == p->text + n - 1) {
        static const double units[] = {1e3, 1e6, 1e9, 1e12};
        double all = (double)n_numbers;
        if (fabs(size * units[unit - "KMBT"] - all) > floor(7 * all / 8)) {
            p->kinds |= FINETUNE;
            p->text[n - 1] = lower(p->text[n - 1]);
        }
    }
    p->kinds |= p->kinds == 0 ? SIZE : 0;
}

static size_t split(part parts[MAX_PARTS], const char *name)
{
    size_t n = 0;
    while (*name != '\0' && n < MAX_PARTS) {
        size_t len = strcspn(name, "-");
        if (len > 0) {
            snprintf(parts[n].text, sizeof parts[n].text, "%.*s", (int)(len < 63 ? len : 63), name);
            parts[n++].kinds = 0;
        }
        name += len + (name[len] == '-');
    }
    return n;
}

static void annotate(part *parts, size_t n, uint64_t n_numbers)
{
    bool numbered = false, at_start = true;
    for (size_t i = 0; i < n; i++) {
        part *p = &parts[i];
        if (is_version(p->text)) {
            p->kinds |= VERSION;
        } else if (is_type(p->text)) {
            p->kinds |= TYPE;
            for (char *c = p->text; *c != '\0'; c++) {
                *c = upper(*c);
            }
        } else if (i > 0 && is_size(p->text)) {
            normalize_size(p, n_numbers);
        } else if (i > 0 && is_finetune(p->text)) {
            p->kinds |= FINETUNE;
        }
        numbered = numbered || ((p->kinds & SIZE) && strpbrk(p->text, "0123456789") != NULL);
    }
    for (size_t i = 0; i < n; i++) { /* "mini" is no size where there is a number */
        if (numbered && (parts[i].kinds & SIZE) && strpbrk(parts[i].text, "0123456789.") == NULL) {
            parts[i].kinds &= ~(unsigned)SIZE;
        }
    }
    for (size_t i = 0; i < n; i++) {
        part *p = &parts[i];
        if (at_start && ((p->kinds == 0 && is_letter(p->text[0])) || (p->kinds & VERSION))) {
            p->kinds |= BASENAME;
        } else {
            at_start = false;
            p->kinds |= p->kinds == 0 ? FINETUNE : 0;
        }
    }
    for (size_t i = n; i-- > 0 && (parts[i].kinds & BASENAME) && parts[i].kinds != BASENAME;) {
        parts[i].kinds &= ~(unsigned)BASENAME; /* a version at the end */
    }
}

/* The parts of a kind (and not of another), joined. `once`: none twice. */
static void join(char *out, const part *parts, size_t n, unsigned kind, unsigned not, bool once)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        bool skip = !(parts[i].kinds & kind) || (parts[i].kinds & not);
        for (size_t k = 0; once && k < i && !skip; k++) {
            skip = (parts[k].kinds & kind) && strcmp(parts[k].text, parts[i].text) == 0;
        }
        if (!skip && used < GRAFT_HF_LONGEST_NAME) {
            int len = snprintf(out + used, GRAFT_HF_LONGEST_NAME - used, "%s%s",
                               used > 0 ? "-" : "", parts[i].text);
            used += len > 0 ? (size_t)len : 0;
        }
    }
}

static void parse(graft_hf_name *out, const char *id, uint64_t n_numbers)
{
    part parts[MAX_PARTS];
    const char *slash = strchr(id, '/');
    *out = (graft_hf_name){0};
    if (strchr(id, ' ') != NULL || slash == NULL) {
        slash = NULL;
    } else if (id[0] != '.') {
        snprintf(out->organization, sizeof out->organization, "%.*s", (int)(slash - id), id);
    }
    snprintf(out->name, sizeof out->name, "%s", slash != NULL ? slash + 1 : id);
    if (strchr(id, ' ') != NULL) {
        return; /* a sentence */
    }
    size_t n = split(parts, out->name);
    annotate(parts, n, n_numbers);
    join(out->basename, parts, n, BASENAME, 0, false);
    join(out->size_label, parts, n, SIZE, 0, true);
    join(out->finetune, parts, n, FINETUNE, 0, false);
    join(out->version, parts, n, VERSION, BASENAME, false);
    if (out->size_label[0] == '\0' && out->finetune[0] == '\0' && out->version[0] == '\0') {
        out->basename[0] = '\0'; /* it says too little */
    }
}

/* A word in lower case that is not a number or a version begins its runs of letters in upper
 * case. */
static void title_word(char *word)
{
    bool lower_case = false;
    for (const char *c = word; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            return;
        }
        lower_case = lower_case || is_letter(*c);
    }
    size_t version = word[0] == 'v' ? numbers(word + 1) : 0;
    if (!lower_case || is_digit(word[0]) || (version > 0 && word[version + 1] == '\0')) {
        return;
    }
    for (size_t i = 0; word[i] != '\0'; i++) {
        word[i] = i == 0 || !is_letter(word[i - 1]) ? upper(word[i]) : word[i];
    }
}

static void make_title(char out[GRAFT_HF_LONGEST_NAME])
{
    char plain[GRAFT_HF_LONGEST_NAME];
    const char *name = plain;
    size_t used = 0;
    memcpy(plain, out, sizeof plain);
    out[0] = '\0';
    while (*name != '\0' && used + 1 < GRAFT_HF_LONGEST_NAME) {
        size_t len = strcspn(name, "- \t\n");
        if (len > 0) {
            size_t at = used > 0 ? used + 1 : 0;
            if (at >= GRAFT_HF_LONGEST_NAME) {
                break;
            }
            size_t room = GRAFT_HF_LONGEST_NAME - at - 1;
            size_t take = len < room ? len : room;
            if (used > 0) {
                out[used] = ' ';
            }
            memcpy(out + at, name, take);
            out[at + take] = '\0';
            title_word(out + at);
            used = at + take;
        }
        name += len + (name[len] != '\0');
    }
}

void graft_hf_name_parse(graft_hf_name *out, const char *id, uint64_t n_numbers)
{
    parse(out, id, n_numbers);
    make_title(out->name);
    make_title(out->organization);
}

void graft_hf_size_label(char out[32], uint64_t n_numbers)
{
    static const struct {
        double unit;
        char letter;
    } units[] = {{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}, {1e3, 'K'}};
    double n = (double)n_numbers;
    size_t u = 0;
    while (u < 3 && n <= units[u].unit) {
        u++;
    }
    /* at least two digits: "1.2B", "12B", "135M" */
    char whole[32];
    snprintf(whole, sizeof whole, "%.0f", nearbyint(n / units[u].unit));
    int digits = strcmp(whole, "0") == 0 ? 0 : (int)strlen(whole);
    int decimals = digits < 2 ? 2 - digits : 0;
    snprintf(out, 32, "%.*f%c", decimals, n / units[u].unit, units[u].letter);
}
