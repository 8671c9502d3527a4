/* data/bfcl_language.h - the leaderboard's questions in Java and JavaScript.
 *
 * Their tools declare types of these languages, and their arguments are source text. As the leaderboard
 * does, every parameter is shown to a model as a string whose description says what it is:
 * "This is Java long type parameter in string representation." These words are all that carries the
 * type: they stay with the tool through every layout, and the metric `bfcl` finds them there. */
#ifndef GRAFT_DATA_BFCL_LANGUAGE_H
#define GRAFT_DATA_BFCL_LANGUAGE_H

#include "io/json.h"

typedef enum graft_bfcl_language {
    GRAFT_BFCL_PYTHON, GRAFT_BFCL_JAVA, GRAFT_BFCL_JAVASCRIPT
} graft_bfcl_language;

/* Of a question, by the category that its id begins with: "simple_java_12". */
graft_bfcl_language graft_bfcl_language_of(const char *id);

/* The function {name, description, parameters} as a model is shown it. */
graft_status graft_bfcl_show(graft_json **out, const graft_json *function,
                             graft_bfcl_language language);

/* The arguments of a call as source text. `parameters` are those of the question file. */
graft_status graft_bfcl_spell(graft_json **out, const graft_json *arguments,
                              const graft_json *parameters, graft_bfcl_language language);

/* A declared type. */
typedef struct graft_bfcl_type {
    graft_bfcl_language language;
    char name[16];  /* "HashMap" */
    char items[16]; /* of a list: "String"; "" otherwise */
} graft_bfcl_type;

/* What the description of a parameter says of its type. False if nothing: it is no such parameter. */
bool graft_bfcl_type_find(graft_bfcl_type *out, const graft_json *parameter);

#endif
