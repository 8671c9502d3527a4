/* help.c - help for 80 columns. */
#include "cli/help.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/terminal.h"

enum { COLUMNS = 79, HELP_COLUMN = 30 };

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    cli_out_raw(line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

/* Prints words from column `at` on, continuing at column `indent` of the next line. Newlines in
 * the text are kept. */
static void print_wrapped(const char *text, size_t at, size_t indent)
{
    bool fresh = true; /* nothing printed on this line yet */
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (n > 0 && !fresh && at + 1 + n > COLUMNS) {
            print("\n%*s", (int)indent, "");
            at = indent;
            fresh = true;
        }
        if (n > 0) {
            print("%s%.*s", fresh ? "" : " ", (int)n, text);
            at += n + !fresh;
            fresh = false;
        }
        text += n;
        if (*text == '\n') {
            print("\n%*s", text[1] && text[1] != '\n' ? (int)indent : 0, "");
            at = indent;
            fresh = true;
        }
        text += *text != 0;
    }
    print("\n");
}

static void print_row(const char *left, const char *help)
{
    size_t n = strlen(left) + 2;
    print("  %s", left);
    if (n + 2 > HELP_COLUMN) {
        print("\n%*s", HELP_COLUMN, "");
    } else {
        print("%*s", (int)(HELP_COLUMN - n), "");
    }
    print_wrapped(help, HELP_COLUMN, HELP_COLUMN);
}

void cli_help_commands(void)
{
    print("graft - fine-tunes low-rank adapters over quantised GGUF models on this machine\n\n"
          "usage: graft COMMAND [ARGUMENT] [--option value ...]\n\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        print("  %-12s  ", cli_commands[i]->name);
        print_wrapped(cli_commands[i]->summary, 16, 16);
    }
    print("\ngraft COMMAND --help explains a command and lists its options.\n"
          "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 memory, 4 numerics,\n"
          "5 bad data, 6 bad model, 7 bad checkpoint, 8 disk or output, 9 interrupted,\n"
          "10 a score is below what was required.\n");
}

/* "[default 16]" behind the help line, unless the line says it. */
static void print_option(const char *name, const char *value, const char *fallback,
                         const char *help)
{
    char left[96], right[256];
    bool flag_off = strcmp(fallback, "false") == 0;
    bool says = fallback[0] == 0 || flag_off || strstr(help, "(default") != NULL ||
                (strcmp(fallback, "0") == 0 && strstr(help, "(0:") != NULL);
    snprintf(left, sizeof left, "--%s%s%s", name, value[0] ? " " : "", value);
    snprintf(right, sizeof right, says ? "%s" : "%s [%s]", help, fallback);
    print_row(left, right);
}

/* What stands for the value of a setting. */
static const char *value_word(const graft_setting *setting)
{
    static const struct {
        const char *type, *word;
    } words[] = {{"text", "TEXT"}, {"count", "N"}, {"number", "X"}, {"names", "A,B"},
                 {"data files", "FILE"}};
    if (strcmp(setting->type, "true|false") == 0) {
        return strcmp(setting->fallback, "false") == 0 ? "" : "true|false";
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(setting->type, words[i].type) == 0) {
            return words[i].word;
        }
    }
    return setting->values;
}

/* All settings, in groups. */
static void print_groups(void)
{
    const char *group = "";
    for (size_t i = 0; i < graft_settings_n(); i++) {
        const graft_setting *setting = graft_settings_at(i);
        if (strcmp(group, graft_settings_group(i)) != 0) {
            group = graft_settings_group(i);
            print("\n%s\n", group);
        }
        print_option(setting->name, value_word(setting), setting->fallback, setting->help);
    }
}

static void print_settings(const cli_setting *rows)
{
    for (const cli_setting *row = rows; row && row->setting; row++) {
        const graft_setting *setting = cli_setting_named(row->setting);
        print_option(row->option ? row->option : setting->name,
                     row->value ? row->value : value_word(setting), setting->fallback,
                     row->help ? row->help : setting->help);
    }
}

static void print_options(const cli_option *options)
{
    for (const cli_option *row = options; row && row->name; row++) {
        print_option(row->name, row->value, row->fallback, row->help);
    }
}

void cli_help_command(const cli_command *command)
{
    print("graft %s - ", command->name);
    print_wrapped(command->summary, strlen(command->name) + 9, 2);
    print("\nusage: graft %s %s%s[--option value ...]\n\n", command->name, command->arguments,
          command->arguments[0] ? " " : "");
    print_wrapped(command->about, 0, 0);
    print("\nOptions\n");
    print_settings(command->settings);
    print_options(command->options);
    print_options(cli_common_options);
    if (command->all_settings) {
        print_groups();
    }
}
