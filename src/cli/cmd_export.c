/* cmd_export.c - graft export. */
#include "cli/commands.h"
#include "cli/terminal.h"

enum { MOST_ADAPTERS = 64 };

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    const char *adapters[MOST_ADAPTERS];
    graft_hooks hooks = cli_hooks();
    graft_export_wish wish = {
        .adapters = adapters,
        .n_adapters = cli_texts(call, "adapter", adapters, MOST_ADAPTERS),
        .to = cli_text(call, "to"),
        .out = cli_text(call, "out"),
        .type = cli_text(call, "type"),
        .imatrix = cli_text(call, "imatrix"),
        .rounding = cli_text(call, "rounding"),
        .data = cli_text(call, "data"),
        .rounding_tokens = cli_count(call, "rounding-tokens"),
        .name = cli_text(call, "name"),
        .context = cli_count(call, "context"),
        .grammar = cli_text(call, "grammar"),
        .prove = cli_text(call, "prove") != NULL,
        .force = cli_flag(call, "force"),
    };
    graft_status status = cli_configure(call, config, CLI_NEEDS_BASE);
    bool only_grammar = wish.to == NULL && wish.grammar != NULL;
    if (status == GRAFT_OK && wish.n_adapters == 0 && !only_grammar) {
        status = cli_fail("--adapter PATH is missing");
    } else if (status == GRAFT_OK && wish.n_adapters > MOST_ADAPTERS) {
        status = cli_fail("more than %d times --adapter", MOST_ADAPTERS);
    } else if (status == GRAFT_OK && only_grammar && (wish.prove || wish.type || wish.imatrix || wish.rounding)) {
        status = cli_fail("--prove, --type, --imatrix and --rounding go with an artefact (--to)");
    } else if (status == GRAFT_OK && wish.to == NULL && !only_grammar) {
        status = cli_fail("--to ARTEFACT is missing (see graft export --help)");
    } else if (status == GRAFT_OK && wish.out == NULL) {
        status = cli_fail("--out PATH is missing");
    }
    if (status == GRAFT_OK) {
        status = cli_bytes(call, "size", &wish.size);
    }
    if (status == GRAFT_OK && wish.prove) {
        status = graft_config_set(config, "dataset", cli_text(call, "prove"));
    }
    if (status == GRAFT_OK) {
        status = graft_export(config, &wish, &hooks, cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"adapter", CLI_TEXT, "PATH[:WEIGHT]", "", 0, 0,
     "a GGUF file, or a folder of PEFT or mlx-lm; given several times, their weighted sum"},
    {"to", CLI_TEXT, "ARTEFACT", "", 0, 0, "what to write, from the list above"},
    {"out", CLI_TEXT, "PATH", "", 0, 0,
     "the file or folder; an earlier export is replaced, unless files were added or edited"},
    {"type", CLI_TEXT, "TYPE", "", 0, 0, "of the weights (default: the first of those above)"},
    {"size", CLI_TEXT, "BYTES", "", 0, 0,
     "of the file (110M; K, M, G: powers of 1024): types are raised from --type where most is lost"},
    {"imatrix", CLI_TEXT, "FILE", "", 0, 0,
     "importance matrix (graft imatrix): rounding errors count where inputs are large"},
    {"rounding", CLI_TEXT, "HOW", "", 0, 0,
     "aware (so that outputs stay: the default where there are examples) or nearest (as ggml does)"},
    {"data", CLI_TEXT, "D.jsonl", "", 0, 0,
     "examples to round for (default: those the adapter was trained on, by config.yaml beside it)"},
    {"rounding-tokens", CLI_COUNT, "TOKENS", "8192", 1, 1 << 30, "of them that are read"},
    {"name", CLI_TEXT, "TEXT", "", 0, 0, "of the new model (default: of base and adapter)"},
    {"context", CLI_COUNT, "TOKENS", "0", 0, 1 << 30,
     "that servers are to provide (0: what it was trained for)"},
    {"prove", CLI_TEXT, "D.jsonl", "", 0, 0,
     "reads the merged model back and lets it answer held-back examples, beside base and adapter"},
    {"grammar", CLI_TEXT, "TOOLS", "", 0, 0,
     "a grammar for llama.cpp of calls that fit the tools of a JSON or data file: OUT.gbnf or, without "
     "--to, the output"},
    {"force", CLI_FLAG, "", "false", 0, 0,
     "also for another base, or if rounding loses most of the fine-tune"},
    {"json", CLI_FLAG, "", "false", 0, 0, "what was written as a JSON object"},
    {0},
};

static const cli_setting settings[] = {
    CLI_BASE, CLI_PRE, CLI_TEMPLATE, {"samples", "eval_samples", NULL, NULL},
    {"max_new_tokens", "eval_max_new_tokens", NULL, NULL}, CLI_SETTING("max_seq_length"),
    CLI_SETTING("truncation"), CLI_SETTING("compute"), CLI_SETTING("cpu"), CLI_SETTING("threads"),
    {0},
};

const cli_command cli_cmd_export = {
    .name = "export",
    .summary = "writes a fine-tune as what a runtime serves",
    .arguments = "",
    .about = "Artefacts (--to), with the types of weights that --type chooses from:\n"
             "  adapter   file: GGUF for llama.cpp's --lora; f32 f16 bf16\n"
             "  peft      folder: PEFT and transformers\n"
             "  vllm      folder: vLLM's --lora-modules\n"
             "  mlx       folder: mlx-lm's --adapter-path\n"
             "  gguf      file: base and fine-tune in one model; same, or a type of quantize\n"
             "  ollama    folder: Modelfile and merged model; same adapter, or a type of quantize\n"
             "  lmstudio  folder: merged model in LM Studio's layout; same, or a type of quantize\n"
             "  localai   folder: YAML and merged model; same, or a type of quantize\n"
             "  hf        folder: merged model for transformers; same f16 bf16 f32\n"
             "\n"
             "Merged models: with type same every tensor keeps the base's type and tensors without "
             "adapter their bytes. A report says per tensor what is left of the fine-tune after "
             "rounding; if most of it would be lost, nothing is written (--force).\n"
             "\n"
             "A grammar (--grammar) makes llama.cpp write only calls of declared tools whose arguments fit "
             "their schemas, as the chat template writes calls; replies without a call stay free. Members "
             "come in the order of the schema. What cannot be kept is let through, and said.\n"
             "\n"
             "Several adapters are added exactly: their ranks are put one behind the other. The chat "
             "template is the one beside the adapter (as training leaves it), else the base's own.",
    .settings = settings,
    .options = options,
    .run = run,
};
