/* data/lint.h - what is doubtful in example files, found before training on them.
 *
 * A lint is one kind of finding: its name, whether it stops a training run, and how it is found.
 * Most look at one example by itself; copies and outliers come from comparing examples. An example
 * has at most one finding of each kind. Families of lints are files lint_*.c, all are listed in
 * lints.c. */
#ifndef GRAFT_DATA_LINT_H
#define GRAFT_DATA_LINT_H

#include "chat/chat.h"
#include "data/dataset.h"
#include "data/declared.h"
#include "tokenizer/tokenizer.h"

typedef struct graft_lint graft_lint;
typedef struct graft_findings graft_findings;

struct graft_lint {
    const char *name; /* "undeclared_tool" */
    const char *what; /* one line for tables */
    bool error;       /* training would stop here */
    /* Looks at one example. NULL: found by comparing, or while reading. */
    graft_status (*check)(graft_findings *out, const graft_conversation *conversation);
    /* Repairs an example without changing what it teaches; *n = changes made. NULL: left alone. */
    graft_status (*fix)(graft_conversation *conversation, size_t *n);
};

extern const graft_lint graft_lint_bad_line, graft_lint_undeclared_tool,
    graft_lint_bad_arguments, graft_lint_unanswered_call, graft_lint_role_order,
    graft_lint_template_refusal, graft_lint_template_loss, graft_lint_trailing_message, graft_lint_nothing_trained, graft_lint_empty_content,
    graft_lint_broken_text, graft_lint_chat_markup, graft_lint_secret, graft_lint_duplicate,
    graft_lint_near_duplicate, graft_lint_leak, graft_lint_length_outlier,
    graft_lint_language_outlier;
extern const graft_lint *const graft_lints[]; /* NULL-terminated, in the order of tables */
enum { GRAFT_LINTS_MAX = 32 };
size_t graft_lints_index(const graft_lint *lint);

/* --- findings of one example --- */

typedef struct graft_finding {
    const graft_lint *lint;
    char *message; /* "message 2: call 1: ... : what to do"; one line, escaped */
    size_t more;   /* so many of the same kind in the same example are not told */
} graft_finding;

struct graft_findings {
    graft_finding *items;
    size_t n, capacity;
    /* borrowed: of the thread that looks */
    graft_schema_scratch *scratch;
    graft_declared *declared;
    const graft_chat *chat;           /* what the examples will be rendered with; NULL: not known */
    const graft_tokenizer *tokenizer; /* of the base; NULL: not known */
    bool drops_reasoning;             /* before they are rendered */
};
void graft_findings_clear(graft_findings *findings); /* keeps what is borrowed */
/* Adds a finding, or counts it if the example has one of the kind. The text is escaped. */
graft_status graft_findings_add(graft_findings *findings, const graft_lint *lint,
                                const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- outliers: room-internal --- */

typedef enum graft_script {
    GRAFT_SCRIPT_NONE, GRAFT_SCRIPT_LATIN, GRAFT_SCRIPT_GREEK, GRAFT_SCRIPT_CYRILLIC,
    GRAFT_SCRIPT_HEBREW, GRAFT_SCRIPT_ARABIC, GRAFT_SCRIPT_INDIC, GRAFT_SCRIPT_THAI,
    GRAFT_SCRIPT_HANGUL, GRAFT_SCRIPT_JAPANESE, GRAFT_SCRIPT_HAN, GRAFT_N_SCRIPTS
} graft_script;

/* 16 bytes per example. */
typedef struct graft_measure {
    uint32_t line, element, bytes;
    graft_script script;
} graft_measure;

const char *graft_script_name(graft_script script);
/* The script of most letters that user and assistant write; NONE if they are few or mixed. */
graft_script graft_script_of(const graft_conversation *conversation);
/* Adds what is unusual about measures[i] among measures[0..n). */
typedef struct graft_norms {
    size_t n, scripts[GRAFT_N_SCRIPTS];
    uint32_t shortest, longest; /* lengths within these are usual; bytes */
    uint32_t median;
    graft_script usual;
} graft_norms;
graft_status graft_norms_take(graft_norms *out, const graft_measure *measures, size_t n);
graft_status graft_norms_check(graft_findings *out, const graft_norms *norms,
                               const graft_measure *measure);

#endif
