/* commands.c - the list of commands in the order of the help text. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/terminal.h"

const cli_command *const cli_commands[] = {
    &cli_cmd_train,      &cli_cmd_plan,       &cli_cmd_eval,       &cli_cmd_compare,
    &cli_cmd_score,      &cli_cmd_generate,   &cli_cmd_data_check, &cli_cmd_data_show,
    &cli_cmd_data_stats, &cli_cmd_data_convert, &cli_cmd_data_dedup, &cli_cmd_data_split,
    &cli_cmd_tokenize,   &cli_cmd_inspect,    &cli_cmd_verify,     &cli_cmd_export,
    &cli_cmd_quantize,   &cli_cmd_imatrix,    &cli_cmd_bench,      &cli_cmd_version,
    NULL,
};

/* How many words of the command line spell this command; 0 if they do not. */
static int words_of(const cli_command *command, int argc, char **argv)
{
    size_t n = strcspn(command->name, " ");
    const char *second = command->name[n] ? command->name + n + 1 : NULL;
    if (strlen(argv[0]) != n || strncmp(argv[0], command->name, n) != 0) {
        return 0;
    }
    if (!second) {
        return 1;
    }
    return argc > 1 && strcmp(argv[1], second) == 0 ? 2 : 0;
}

/* Writes the second words of the commands that begin with `first` as "check or show"; the number
 * of them. */
static size_t list_second_words(const char *first, char *out, size_t size)
{
    size_t n = 0, used = 0, n_first = strlen(first);
    out[0] = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, first, n_first) == 0 && name[n_first] == ' ' && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", n ? " or " : "",
                                     name + n_first + 1);
            n++;
        }
    }
    return n;
}

static void explain(int argc, char **argv)
{
    const char *names[32] = {"help"};
    char given[64], seconds[128];
    size_t n = 1;
    for (; cli_commands[n - 1] && n < 32; n++) {
        names[n] = cli_commands[n - 1]->name;
    }
    bool group = list_second_words(argv[0], seconds, sizeof seconds) > 0;
    if (group && (argc < 2 || argv[1][0] == '-')) {
        cli_fail("\"%s\" is followed by %s", argv[0], seconds);
        return;
    }
    snprintf(given, sizeof given, "%s%s%s", argv[0], group ? " " : "", group ? argv[1] : "");
    const char *nearest = graft_text_nearest(given, names, n);
    if (nearest) {
        cli_fail("unknown command \"%s\" (did you mean \"%s\"?)", given, nearest);
    } else {
        cli_fail("unknown command \"%s\"", given);
    }
}

const cli_command *cli_find_command(int argc, char **argv, int *used)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        *used = words_of(cli_commands[i], argc, argv);
        if (*used > 0) {
            return cli_commands[i];
        }
    }
    explain(argc, argv);
    return NULL;
}

static int emit(void *context, const char *bytes, size_t n)
{
    (void)context;
    cli_progress_clear();
    return !cli_out(bytes, n) || !cli_out_flush();
}

static int emit_raw(void *context, const char *bytes, size_t n)
{
    (void)context;
    cli_progress_clear();
    return !cli_out_raw(bytes, n) || !cli_out_flush();
}

graft_hooks cli_hooks(void)
{
    cli_stop_init();
    return (graft_hooks){.progress = cli_progress_show, .stop = cli_stop_asked, .emit = emit};
}

graft_hooks cli_hooks_raw(void)
{
    graft_hooks hooks = cli_hooks();
    hooks.emit = emit_raw;
    return hooks;
}

graft_status cli_finish(graft_status status, char *text)
{
    cli_progress_end();
    if (text) {
        cli_out_text(text);
        graft_text_free(text);
    }
    return status;
}

/* Fails with that message unless the setting has a value. Its name is known: without an answer memory is
 * short, which is no fault of the command line. */
static graft_status demand(graft_config *config, const char *name, const char *missing)
{
    const char *value = graft_config_get(config, name);
    return value == NULL ? GRAFT_E_MEMORY : value[0] == 0 ? cli_fail("%s", missing) : GRAFT_OK;
}

graft_status cli_configure(const cli_call *call, graft_config *config, unsigned needs)
{
    graft_status status = cli_apply_settings(call, config);
    if (status == GRAFT_OK && (needs & CLI_NEEDS_DATASET) && call->n_args > 0) {
        const char *named = graft_config_get(config, "dataset");
        status = named == NULL ? GRAFT_E_MEMORY
                 : named[0] != '\0'
                     ? cli_fail("%s and --dataset exclude each other", call->args[0])
                     : graft_config_set(config, "dataset", call->args[0]);
    }
    if (status == GRAFT_OK && (needs & CLI_NEEDS_DATASET)) {
        status = demand(config, "dataset", "DATASET.jsonl is missing");
    }
    if (status == GRAFT_OK && (needs & CLI_NEEDS_BASE)) {
        status = demand(config, "base_model", "--base MODEL.gguf is missing");
    }
    return status;
}
