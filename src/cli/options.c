/* options.c - walking a command line. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/names.h"
#include "cli/terminal.h"

/* One option or argument of a command line. */
typedef struct cli_item {
    cli_match match;
    const char *value; /* of the option or setting; the argument if there is no match */
} cli_item;

typedef struct cli_cursor {
    const cli_command *command;
    int argc, at;
    char **argv;
    bool only_args; /* after -- */
} cli_cursor;

static bool is_flag(const cli_match *match)
{
    return match->option ? match->option->kind == CLI_FLAG
                         : strcmp(match->setting->type, "true|false") == 0;
}

/* Gives an option its value: what follows "=", or the next word. */
static graft_status take_value(cli_cursor *cursor, cli_item *item, const char *name, size_t n)
{
    if (name[n] == '=') {
        item->value = name + n + 1;
        return GRAFT_OK;
    }
    const char *next = cursor->at < cursor->argc ? cursor->argv[cursor->at] : NULL;
    if (is_flag(&item->match)) {
        bool word = next && (strcmp(next, "true") == 0 || strcmp(next, "false") == 0);
        item->value = word ? next : "true";
        cursor->at += word;
        return GRAFT_OK;
    }
    if (!next) {
        return cli_fail("--%.*s needs a value", (int)n, name);
    }
    if (next[0] == '-' && next[1] == '-') {
        return cli_fail("--%.*s needs a value, but %s follows (a value that begins with -- is "
                        "written --%.*s=VALUE)", (int)n, name, next, (int)n, name);
    }
    item->value = next;
    cursor->at++;
    return GRAFT_OK;
}

/* The common options have a letter each. */
static graft_status take_letter(cli_cursor *cursor, const char *word, cli_item *item)
{
    static const struct {
        char letter;
        const char *name;
    } letters[] = {{'h', "help"}, {'q', "quiet"}, {'v', "verbose"}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (word[1] == letters[i].letter && word[2] == 0) {
            item->value = "true";
            cli_find_name(cursor->command, letters[i].name, strlen(letters[i].name), &item->match);
            return GRAFT_OK;
        }
    }
    return cli_fail("unknown option %s (options are written --name)", word);
}

/* Takes the next option or argument; the cursor must not be at the end. */
static graft_status next_item(cli_cursor *cursor, cli_item *item)
{
    const char *word = cursor->argv[cursor->at++];
    memset(item, 0, sizeof *item);
    if (cursor->only_args || word[0] != '-' || word[1] == 0) {
        item->value = word;
        return GRAFT_OK;
    }
    if (word[1] != '-') {
        return take_letter(cursor, word, item);
    }
    const char *name = word + 2;
    size_t n = strcspn(name, "=");
    if (!cli_find_name(cursor->command, name, n, &item->match)) {
        return cli_unknown_name(cursor->command, name, n);
    }
    return take_value(cursor, item, name, n);
}

/* Moves over "--", after which options are no longer looked for. */
static bool skip_separator(cli_cursor *cursor)
{
    if (!cursor->only_args && cursor->at < cursor->argc &&
        strcmp(cursor->argv[cursor->at], "--") == 0) {
        cursor->only_args = true;
        cursor->at++;
    }
    return cursor->at < cursor->argc;
}

static bool parse_count(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
}

static bool parse_real(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == 0 && isfinite(*out);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    while (*choices) {
        size_t n_choice = strcspn(choices, "|");
        if (n_choice == n && memcmp(choices, text, n) == 0) {
            return true;
        }
        choices += n_choice + (choices[n_choice] == '|');
    }
    return false;
}

static graft_status check_value(const cli_option *option, const char *text)
{
    uint64_t count = 0;
    double real = 0;
    switch (option->kind) {
    case CLI_FLAG:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0
                   ? GRAFT_OK
                   : cli_fail("--%s: \"%s\" is neither true nor false", option->name, text);
    case CLI_CHOICE:
        return is_choice(option->value, text)
                   ? GRAFT_OK
                   : cli_fail("--%s: \"%s\" is not one of %s", option->name, text, option->value);
    case CLI_COUNT:
        if (!parse_count(text, &count)) {
            return cli_fail("--%s: \"%s\" is not a whole number", option->name, text);
        }
        real = (double)count;
        break;
    case CLI_REAL:
        if (!parse_real(text, &real)) {
            return cli_fail("--%s: \"%s\" is not a number", option->name, text);
        }
        break;
    case CLI_TEXT:
        return GRAFT_OK;
    }
    if (real < option->min || real > option->max) {
        return cli_fail("--%s: %s is outside %.15g to %.15g", option->name, text, option->min,
                        option->max);
    }
    return GRAFT_OK;
}

static graft_status take_argument(cli_call *call, const char *text)
{
    if (call->n_args >= call->command->max_args) {
        if (call->command->max_args == 0) {
            return cli_fail("does not take an argument: \"%s\"", text);
        }
        return cli_fail("one argument too many: \"%s\" (it takes %s)", text,
                        call->command->arguments);
    }
    call->args[call->n_args++] = text;
    return GRAFT_OK;
}

graft_status cli_parse(cli_call *call, const cli_command *command, int argc, char **argv)
{
    cli_cursor cursor = {.command = command, .argc = argc, .argv = argv};
    cli_item item;
    memset(call, 0, sizeof *call);
    call->command = command;
    call->argc = argc;
    call->argv = argv;
    while (skip_separator(&cursor)) {
        graft_status status = next_item(&cursor, &item);
        const cli_match *match = &item.match;
        if (status == GRAFT_OK && match->option) {
            (match->common ? call->common_values : call->values)[match->index] = item.value;
            status = check_value(match->option, item.value);
        } else if (status == GRAFT_OK && !match->setting) {
            status = take_argument(call, item.value);
        }
        if (status != GRAFT_OK) {
            return status;
        }
    }
    if (call->n_args < command->min_args && !cli_flag(call, "help")) {
        return cli_fail("%s is missing", command->arguments);
    }
    return GRAFT_OK;
}

graft_status cli_apply_settings(const cli_call *call, graft_config *config)
{
    cli_cursor cursor = {.command = call->command, .argc = call->argc, .argv = call->argv};
    cli_item item;
    while (skip_separator(&cursor)) {
        graft_status status = next_item(&cursor, &item);
        if (status == GRAFT_OK && item.match.setting) {
            status = graft_config_set(config, item.match.setting->name, item.value);
        }
        if (status != GRAFT_OK) {
            return status;
        }
    }
    return GRAFT_OK;
}

/* The text given for an option, or its default. */
static const char *value_of(const cli_call *call, const char *name, bool *given)
{
    cli_match match;
    const char *value = NULL;
    *given = false;
    if (!cli_find_name(call->command, name, strlen(name), &match) || !match.option) {
        return "";
    }
    value = (match.common ? call->common_values : call->values)[match.index];
    *given = value != NULL;
    return value ? value : match.option->fallback;
}

bool cli_given(const cli_call *call, const char *name)
{
    bool given;
    value_of(call, name, &given);
    return given;
}

bool cli_flag(const cli_call *call, const char *name)
{
    bool given;
    return strcmp(value_of(call, name, &given), "true") == 0;
}

const char *cli_text(const cli_call *call, const char *name)
{
    bool given;
    const char *text = value_of(call, name, &given);
    return given || text[0] ? text : NULL;
}

size_t cli_texts(const cli_call *call, const char *name, const char **out, size_t max)
{
    cli_cursor cursor = {.command = call->command, .argc = call->argc, .argv = call->argv};
    cli_item item;
    size_t n = 0;
    while (skip_separator(&cursor) && next_item(&cursor, &item) == GRAFT_OK) {
        if (item.match.option != NULL && strcmp(item.match.option->name, name) == 0) {
            if (n < max) {
                out[n] = item.value;
            }
            n++;
        }
    }
    return n;
}

uint64_t cli_count(const cli_call *call, const char *name)
{
    bool given;
    uint64_t count = 0;
    parse_count(value_of(call, name, &given), &count);
    return count;
}

graft_status cli_bytes(const cli_call *call, const char *name, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char *text = cli_text(call, name), *unit;
    char *end = NULL;
    *out = 0;
    if (text == NULL) {
        return GRAFT_OK;
    }
    double value = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : 0;
    if (end != NULL && *end != 0 && (unit = strchr(units, toupper((unsigned char)*end))) != NULL) {
        value *= (double)(UINT64_C(1) << 10 * (unit - units + 1));
        end++;
    }
    if (end == NULL || *end != 0 || !(value >= 1 && value <= 0x1p60)) {
        return cli_fail("--%s: \"%s\" is no number of bytes (110M, 1.5G, 115343360)", name, text);
    }
    *out = (uint64_t)value;
    return GRAFT_OK;
}

double cli_real(const cli_call *call, const char *name)
{
    bool given;
    double real = 0;
    parse_real(value_of(call, name, &given), &real);
    return real;
}
