/* names.c - every name of an option comes from a table: settings, the command's, the common ones. */
#include "cli/names.h"

#include <string.h>

#include "cli/terminal.h"

const cli_option cli_common_options[] = {
    {"help", CLI_FLAG, "", "false", 0, 0, "this text (-h)"},
    {"quiet", CLI_FLAG, "", "false", 0, 0, "no progress and no remarks, only warnings (-q)"},
    {"verbose", CLI_FLAG, "", "false", 0, 0, "more remarks (-v)"},
    {0},
};

static bool same_letter(char a, char b)
{
    return a == b || ((a == '-' || a == '_') && (b == '-' || b == '_'));
}

static bool same_name(const char *known, size_t n_known, const char *given, size_t n)
{
    if (n_known != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!same_letter(known[i], given[i])) {
            return false;
        }
    }
    return true;
}

static bool is_named(const char *known, const char *given, size_t n)
{
    return same_name(known, strlen(known), given, n);
}

/* Sets *n to the length of the next word of a list separated by spaces; NULL at its end. */
static const char *next_word(const char **list, size_t *n)
{
    const char *word = *list + strspn(*list, " ");
    *n = strcspn(word, " ");
    *list = word + *n;
    return *n > 0 ? word : NULL;
}

bool cli_reads_setting(const cli_command *command, size_t i, const char **option)
{
    const graft_setting *setting = graft_settings_at(i);
    *option = setting->name;
    if (command->all_settings) {
        return true;
    }
    for (const cli_setting *row = command->settings; row && row->setting; row++) {
        if (strcmp(row->setting, setting->name) == 0) {
            *option = row->option ? row->option : setting->name;
            return true;
        }
    }
    return false;
}

const graft_setting *cli_setting_named(const char *name)
{
    size_t i = 0;
    while (i + 1 < graft_settings_n() && strcmp(graft_settings_at(i)->name, name) != 0) {
        i++;
    }
    return graft_settings_at(i);
}

static bool setting_has_name(const graft_setting *setting, const char *option, const char *name,
                             size_t n)
{
    if (is_named(option, name, n) || is_named(setting->name, name, n)) {
        return true;
    }
    const char *list = setting->aliases, *word;
    size_t n_word;
    while ((word = next_word(&list, &n_word))) {
        if (same_name(word, n_word, name, n)) {
            return true;
        }
    }
    return false;
}

static bool find_in(const cli_option *table, const char *name, size_t n, cli_match *match)
{
    for (size_t i = 0; table && table[i].name; i++) {
        if (is_named(table[i].name, name, n)) {
            match->option = &table[i];
            match->index = i;
            return true;
        }
    }
    return false;
}

bool cli_find_name(const cli_command *command, const char *name, size_t n, cli_match *match)
{
    memset(match, 0, sizeof *match);
    if (find_in(command->options, name, n, match)) {
        return true;
    }
    if (find_in(cli_common_options, name, n, match)) {
        match->common = true;
        return true;
    }
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const char *option;
        if (cli_reads_setting(command, i, &option) &&
            setting_has_name(graft_settings_at(i), option, name, n)) {
            match->setting = graft_settings_at(i);
            return true;
        }
    }
    return false;
}

/* Names that "did you mean" chooses from. */
typedef struct candidates {
    const char *names[256];
    size_t n;
    char words[4096]; /* aliases, each zero-terminated */
    size_t used;
} candidates;

static void add_name(candidates *all, const char *name)
{
    if (all->n < sizeof all->names / sizeof all->names[0]) {
        all->names[all->n++] = name;
    }
}

static void add_aliases(candidates *all, const char *list)
{
    const char *word;
    size_t n;
    while ((word = next_word(&list, &n)) && all->used + n + 1 <= sizeof all->words) {
        char *copy = all->words + all->used;
        memcpy(copy, word, n);
        copy[n] = 0;
        all->used += n + 1;
        add_name(all, copy);
    }
}

/* A setting that exists but is not read by this command deserves to be told so. */
static bool is_setting_elsewhere(const char *name, size_t n)
{
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const graft_setting *setting = graft_settings_at(i);
        if (setting_has_name(setting, setting->name, name, n)) {
            return true;
        }
    }
    return false;
}

graft_status cli_unknown_name(const cli_command *command, const char *text, size_t n)
{
    static candidates all;
    char name[64] = "";
    all.n = all.used = 0;
    for (const cli_option *row = command->options; row && row->name; row++) {
        add_name(&all, row->name);
    }
    for (const cli_option *row = cli_common_options; row->name; row++) {
        add_name(&all, row->name);
    }
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const char *option;
        if (cli_reads_setting(command, i, &option)) {
            add_name(&all, option);
            add_aliases(&all, graft_settings_at(i)->aliases);
        }
    }
    if (n < sizeof name) {
        memcpy(name, text, n);
        name[n] = 0;
    }
    if (is_setting_elsewhere(text, n)) {
        return cli_fail("--%.*s is a setting of graft train, not of graft %s", (int)n, text,
                        command->name);
    }
    const char *nearest = graft_text_nearest(name, all.names, all.n);
    if (nearest) {
        return cli_fail("unknown option --%.*s (did you mean --%s?)", (int)n, text, nearest);
    }
    return cli_fail("unknown option --%.*s", (int)n, text);
}
