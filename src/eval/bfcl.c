/* bfcl: the calls pass the checker of the Berkeley Function Calling Leaderboard.
 *
 * A transcription of the rules of its ast_checker (https://github.com/ShishirPatil/gorilla,
 * berkeley-function-call-leaderboard) for Python, Java and JavaScript, with all their edges, so that verdicts are the leaderboard's: types
 * are compared as Python's type() does, except that 5 passes where a float is due; values as
 * Python's ==, where True is 1; an argument is also accepted in the type of the first acceptable value
 * that is not ""; strings without regard to case, spaces, ,./-_*^ and quotes; members of objects one
 * level deep. Calls are matched in the order of what is expected, each taking the first that fits.
 *
 * Whether a parameter is one of Java or JavaScript stands in its description (data/bfcl_language.h). Its
 * argument must be a text and is read first (eval/foreign.h); 5 is no float then. */
#include <string.h>

#include "core/memory.h"
#include "eval/foreign.h"
#include "eval/metrics.h"

/* Python's types as JSON has them; tuples are lists, and NONE is no type at all. */
typedef enum python_type {
    PY_NONE, PY_NULL, PY_BOOL, PY_INT, PY_FLOAT, PY_STR, PY_LIST, PY_DICT
} python_type;

static python_type python_of(graft_json_type type)
{
    static const python_type types[] = {PY_NULL, PY_BOOL, PY_INT, PY_FLOAT, PY_STR, PY_LIST, PY_DICT};
    return types[type];
}

static python_type type_of(const graft_json *value)
{
    return python_of(graft_json_get_type(value));
}

/* The leaderboard's names of types, and JSON Schema's that stand for them. */
static python_type named_type(const graft_json *schema)
{
    static const struct { const char *name; python_type type; } known[] = {
        {"string", PY_STR}, {"integer", PY_INT}, {"float", PY_FLOAT}, {"number", PY_FLOAT},
        {"boolean", PY_BOOL}, {"array", PY_LIST}, {"tuple", PY_LIST}, {"dict", PY_DICT},
        {"object", PY_DICT}, {"any", PY_STR},
    };
    const char *name = graft_json_string(graft_json_get(schema, "type"), NULL);
    for (size_t i = 0; name != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].type;
        }
    }
    return schema != NULL && name == NULL ? PY_STR : PY_NONE; /* no type: the files say "any" */
}

/* What a parameter is declared to be; item: of lists. */
typedef struct declared {
    python_type type, item;
    bool foreign; /* its arguments are source text */
} declared;

static python_type foreign_type(const char *name, graft_bfcl_language language)
{
    graft_json_type type;
    return graft_foreign_type(&type, name, language) ? python_of(type) : PY_NONE;
}

static declared declared_type(const graft_json *schema)
{
    graft_bfcl_type foreign;
    declared out = {named_type(schema), PY_NONE, graft_bfcl_type_find(&foreign, schema)};
    if (out.foreign) {
        out.type = foreign_type(foreign.name, foreign.language);
        out.item = foreign_type(foreign.items, foreign.language);
    } else if (out.type == PY_LIST) {
        out.item = named_type(graft_json_get(schema, "items"));
    }
    return out;
}

static bool is_text(const graft_json *value)
{
    return graft_json_is(value, GRAFT_JSON_STRING);
}

static bool is_empty(const graft_json *value)
{
    size_t n = 1;
    graft_json_string(value, &n);
    return is_text(value) && n == 0;
}

/* May the argument be left out? */
static bool is_optional(const graft_json *answers)
{
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        if (is_empty(graft_json_at(answers, i))) {
            return true;
        }
    }
    return false;
}

/* --- equality --- */

static bool is_number(const graft_json *value)
{
    python_type type = type_of(value);
    return type == PY_BOOL || type == PY_INT || type == PY_FLOAT;
}

static double number(const graft_json *value)
{
    return type_of(value) == PY_BOOL ? (double)graft_json_bool(value) : graft_json_double(value);
}

/* Python's a == b. Texts at the top `depth` levels are standardised first. */
static bool equal(const graft_json *a, const graft_json *b, int depth)
{
    python_type type = type_of(a);
    if (is_number(a) && is_number(b)) {
        return type == PY_INT && type_of(b) == PY_INT ? graft_json_equal(a, b)
                                                      : number(a) == number(b);
    }
    if (type != type_of(b)) {
        return false;
    }
    if (type == PY_STR) {
        return depth > 0 ? graft_texts_agree(a, b) : graft_json_equal(a, b);
    }
    if (type != PY_LIST && type != PY_DICT) {
        return true; /* None */
    }
    if (graft_json_length(a) != graft_json_length(b)) {
        return false;
    }
    for (size_t i = 0; type == PY_LIST && i < graft_json_length(a); i++) {
        if (!equal(graft_json_at(a, i), graft_json_at(b, i), depth - 1)) {
            return false;
        }
    }
    for (graft_json_iter it = graft_json_iter_begin(a); type == PY_DICT && graft_json_iter_next(&it);) {
        if (!graft_json_has(b, it.key) || !equal(it.value, graft_json_get(b, it.key), 0)) {
            return false;
        }
    }
    return true;
}

/* value in list, texts standardised `depth` levels down */
static bool is_among(const graft_json *value, const graft_json *list, int depth)
{
    for (size_t i = 0; i < graft_json_length(list); i++) {
        if (equal(value, graft_json_at(list, i), depth)) {
            return true;
        }
    }
    return false;
}

/* --- types --- */

/* The type of the first acceptable value that is not ""; NONE if there is none. */
static python_type answer_type(const graft_json *answers)
{
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        if (!is_empty(graft_json_at(answers, i))) {
            return type_of(graft_json_at(answers, i));
        }
    }
    return PY_NONE;
}

/* Is the value of the type, or of the type of the acceptable ones, as a variable's name is? */
static bool has_type(const graft_json *value, const graft_json *answers, python_type type,
                     bool *is_variable)
{
    python_type answered = answer_type(answers);
    *is_variable = answered != PY_NONE && answered != type;
    if (type_of(value) == type) {
        return true;
    }
    *is_variable = true;
    return answered != PY_NONE && type_of(value) == answered;
}

/* Do all items have the type, or that of the items of one of the acceptable lists? */
static bool items_have_type(const graft_json *value, const graft_json *answers, python_type type)
{
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        const graft_json *answer = graft_json_at(answers, i);
        bool all = true, unused;
        for (size_t k = 0; type_of(answer) == PY_LIST && all && k < graft_json_length(value); k++) {
            all = has_type(graft_json_at(value, k), answer, type, &unused);
        }
        if (all) {
            return true;
        }
    }
    return false;
}

/* --- objects --- */

/* An answer that should have been a list of alternatives is a list of its characters: a text of at
 * most one of them passes, and the member may be left out. */
static bool is_character(const graft_json *value, const graft_json *text)
{
    size_t n, n_all;
    const char *one = graft_json_string(value, &n), *all = graft_json_string(text, &n_all);
    return one != NULL && all != NULL && n == 1 && memchr(all, *one, n_all) != NULL;
}

static bool dict_is(const graft_json *value, const graft_json *answer)
{
    for (graft_json_iter it = graft_json_iter_begin(value); graft_json_iter_next(&it);) {
        if (!graft_json_has(answer, it.key) ||
            (!is_among(it.value, graft_json_get(answer, it.key), 1) &&
             !is_character(it.value, graft_json_get(answer, it.key)))) {
            return false;
        }
    }
    for (graft_json_iter it = graft_json_iter_begin(answer); graft_json_iter_next(&it);) {
        if (!graft_json_has(value, it.key) && !is_optional(it.value) && !is_text(it.value)) {
            return false;
        }
    }
    return true;
}

static bool dict_is_among(const graft_json *value, const graft_json *answers)
{
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        const graft_json *answer = graft_json_at(answers, i);
        if (type_of(answer) == PY_DICT && dict_is(value, answer)) {
            return true;
        }
    }
    return false;
}

static bool dicts_are_among(const graft_json *value, const graft_json *answers)
{
    for (size_t i = 0; i < graft_json_length(answers); i++) {
        const graft_json *answer = graft_json_at(answers, i);
        bool all = type_of(answer) == PY_LIST && graft_json_length(answer) == graft_json_length(value);
        for (size_t k = 0; all && k < graft_json_length(value); k++) {
            all = type_of(graft_json_at(value, k)) == PY_DICT &&
                  dict_is(graft_json_at(value, k), graft_json_at(answer, k));
        }
        if (all) {
            return true;
        }
    }
    return false;
}

/* --- calls --- */

/* `value` is the argument once it is read. */
static bool argument_passes(const graft_json *value, const graft_json *answers, declared as)
{
    python_type type = as.type, item = as.item;
    bool is_variable = false;
    if (type == PY_FLOAT && type_of(value) == PY_INT && !as.foreign) {
        return is_among(value, answers, 0); /* its value is a float, whatever the answers are */
    }
    if (!has_type(value, answers, type, &is_variable)) {
        return false;
    }
    if (type_of(value) == type && item != PY_NONE && !items_have_type(value, answers, item)) {
        return false;
    }
    if (is_variable) {
        return is_among(value, answers, 0);
    }
    if (type == PY_DICT) {
        return dict_is_among(value, answers);
    }
    if (type == PY_LIST && graft_json_length(value) == 0 && is_optional(answers)) {
        return true; /* a "" among lists is taken for a list without items */
    }
    if (type == PY_LIST && item == PY_DICT) {
        return dicts_are_among(value, answers);
    }
    return is_among(value, answers, type == PY_STR ? 1 : type == PY_LIST ? 2 : 0);
}

/* `read` are the arguments once they are read. */
static bool call_passes(const graft_json *arguments, const graft_json *read,
                        const graft_expected_call *expected, const graft_json *parameters)
{
    const graft_json *properties = graft_json_get(parameters, "properties");
    const graft_json *required = graft_json_get(parameters, "required");
    for (size_t i = 0; i < graft_json_length(required); i++) {
        const char *name = graft_json_string(graft_json_at(required, i), NULL);
        if (name != NULL && !graft_json_has(arguments, name)) {
            return false;
        }
    }
    for (graft_json_iter it = graft_json_iter_begin(arguments); graft_json_iter_next(&it);) {
        declared as = declared_type(graft_json_get(properties, it.key));
        if (!graft_json_has(properties, it.key) || !graft_json_has(expected->arguments, it.key) ||
            (as.foreign && !is_text(it.value)) ||
            !argument_passes(graft_json_get(read, it.key),
                             graft_json_get(expected->arguments, it.key), as)) {
            return false;
        }
    }
    for (graft_json_iter it = graft_json_iter_begin(expected->arguments); graft_json_iter_next(&it);) {
        if (!graft_json_has(arguments, it.key) && !is_optional(it.value)) {
            return false;
        }
    }
    return true;
}

/* Finds the first call not taken yet that passes as expected call k. */
static bool take_call(const graft_judged *judged, size_t k, bool *taken)
{
    const graft_expected_call *expected = &judged->expected->calls[k];
    bool found;
    const graft_json *parameters = graft_tool_parameters(judged->tools, expected->name, &found);
    for (size_t i = 0; found && i < graft_json_length(judged->calls); i++) {
        if (!taken[i] && strcmp(graft_judged_name(judged, i), expected->name) == 0 &&
            call_passes(graft_judged_arguments(judged, i), graft_json_at(judged->read, i), expected,
                        parameters)) {
            return taken[i] = true;
        }
    }
    return false;
}

static graft_status judge(graft_verdict *out, const graft_judged *judged)
{
    graft_status status = GRAFT_OK;
    size_t n = graft_json_length(judged->calls);
    bool *taken = NULL;
    *out = graft_judged_calls(judged, true);
    if (*out != GRAFT_VERDICT_NONE && !judged->expected->calls[0].has_alternatives) {
        *out = GRAFT_VERDICT_NONE;
    }
    if (*out != GRAFT_VERDICT_YES) {
        return GRAFT_OK;
    }
    GRAFT_TRY(graft_alloc(&taken, n, sizeof *taken));
    bool all = n == judged->expected->n;
    for (size_t k = 0; all && k < n; k++) {
        all = take_call(judged, k, taken);
    }
    *out = all ? GRAFT_VERDICT_YES : GRAFT_VERDICT_NO;
done:
    graft_free(taken);
    return status;
}

const graft_metric graft_metric_bfcl = {
    .name = "bfcl",
    .help = "the calls pass the leaderboard's checker",
    .judge = judge,
};
