/* cli/options.h - command lines read by tables.
 *
 * A command accepts settings of <graft/config.h> (all of them, or those it lists, possibly under a
 * shorter name), options of its own and the common ones. Options are --name value or
 * --name=value; `-` and `_` in names are alike; the last of several wins. Flags are --name or
 * --name true|false. After -- everything is an argument. */
#ifndef GRAFT_CLI_OPTIONS_H
#define GRAFT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <graft/graft.h>

typedef enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_COUNT, CLI_REAL, CLI_CHOICE } cli_kind;

/* An option that is not a setting. A table of them ends with name == NULL. */
typedef struct cli_option {
    const char *name;
    cli_kind kind;
    const char *value;    /* what help calls the value; CHOICE: "a|b|c" */
    const char *fallback; /* default as text; "" : unset */
    double min, max;      /* COUNT and REAL */
    const char *help;
} cli_option;

/* A setting that a command reads. A table of them ends with setting == NULL. */
typedef struct cli_setting {
    const char *option;  /* the name it has here; NULL: its own */
    const char *setting;
    const char *value;   /* for help, as in cli_option; NULL: from the setting's type */
    const char *help;    /* NULL: the setting's */
} cli_setting;

/* Rows that several commands have. */
#define CLI_SETTING(name) {NULL, name, NULL, NULL}
#define CLI_BASE {"base", "base_model", "FILE", NULL}
#define CLI_PRE {"pre", "tokenizer_pre", "NAME", NULL}
#define CLI_ADAPTER {"adapter", "init_adapter", "PATH", "adapter on top: a GGUF file, or a folder of PEFT or mlx-lm"}
#define CLI_DATASET {"dataset", "dataset", "FILE", "the examples, if they are not the argument"}
#define CLI_FORMAT {"format", "dataset_format", "NAME", "layout of the file (default: detected)"}
#define CLI_ANSWERS {"answers", "dataset_answers", "FILE", "bfcl: the possible-answer file"}
#define CLI_TEMPLATE {NULL, "chat_template", "FILE", NULL}, CLI_SETTING("chat_template_date")

typedef struct cli_call cli_call;

typedef struct cli_command {
    const char *name;      /* "train", or two words: "data check" */
    const char *summary;   /* one line for the list of commands */
    const char *arguments; /* "CONFIG.yaml", "[TEXT]", "" */
    const char *about;     /* paragraphs for the help of the command */
    size_t min_args, max_args;
    bool all_settings;
    const cli_setting *settings; /* NULL: none */
    const cli_option *options;   /* NULL: none */
    graft_status (*run)(const cli_call *call, graft_config *config);
} cli_command;

enum { CLI_MAX_OPTIONS = 16, CLI_MAX_ARGS = 256 };

/* A command line taken apart. */
struct cli_call {
    const cli_command *command;
    int argc;
    char **argv; /* behind the command's name */
    const char *values[CLI_MAX_OPTIONS];        /* of the command's options; NULL: not given */
    const char *common_values[CLI_MAX_OPTIONS]; /* of cli_common_options */
    const char *args[CLI_MAX_ARGS];             /* NULL: not given */
    size_t n_args;
};

/* --help, --quiet, --verbose. */
extern const cli_option cli_common_options[];

/* Reads and checks everything but the values of settings. Failures: cli_fail. */
graft_status cli_parse(cli_call *call, const cli_command *command, int argc, char **argv);

/* Sets the settings that the command line names. To be called after a configuration file was read. */
graft_status cli_apply_settings(const cli_call *call, graft_config *config);

/* Values of options of the command, or common ones, by name; the name must be in the table. */
bool cli_flag(const cli_call *call, const char *name);
const char *cli_text(const cli_call *call, const char *name); /* NULL if not given */
/* All values of a text option that may be given several times; how many there are, of which the first
 * `max` are in `out`. */
size_t cli_texts(const cli_call *call, const char *name, const char **out, size_t max);
uint64_t cli_count(const cli_call *call, const char *name);
/* A text option that is a number of bytes: "115343360", "110M", "1.5G" (powers of 1024); 0 if it is not given. */
graft_status cli_bytes(const cli_call *call, const char *name, uint64_t *out);
double cli_real(const cli_call *call, const char *name);
bool cli_given(const cli_call *call, const char *name);

/* Is setting i (graft_settings_at) one that the command reads? *option becomes its name here. */
bool cli_reads_setting(const cli_command *command, size_t i, const char **option);

/* The setting of that name; it must exist. */
const graft_setting *cli_setting_named(const char *name);

#endif
