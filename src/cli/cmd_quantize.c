/* cmd_quantize.c - graft quantize. */
#include "cli/commands.h"
#include "cli/terminal.h"

static graft_status run(const cli_call *call, graft_config *config)
{
    char *text = NULL;
    graft_hooks hooks = cli_hooks();
    graft_quantize_wish wish = {
        .type = cli_text(call, "type"),
        .imatrix = cli_text(call, "imatrix"),
        .pre = cli_text(call, "pre"),
        .allow_requantize = cli_flag(call, "allow-requantize"),
    };
    graft_status status = cli_configure(call, config, 0);
    if (status == GRAFT_OK && wish.type == NULL) {
        status = cli_fail("--type TYPE is missing (q4_k_m is the usual choice)");
    }
    if (status == GRAFT_OK) {
        status = cli_bytes(call, "size", &wish.size);
    }
    if (status == GRAFT_OK) {
        status = graft_quantize(config, call->args[0], call->args[1], &wish, &hooks,
                                cli_flag(call, "json"), &text);
    }
    return cli_finish(status, text);
}

static const cli_option options[] = {
    {"type", CLI_TEXT, "TYPE", "", 0, 0, "what most tensors become"},
    {"size", CLI_TEXT, "BYTES", "", 0, 0,
     "of the file (110M; K, M, G: powers of 1024): types are raised from --type where most is lost"},
    {"imatrix", CLI_TEXT, "FILE", "", 0, 0,
     "importance matrix (graft imatrix): errors count where inputs are large"},
    {"allow-requantize", CLI_FLAG, "", "false", 0, 0,
     "from types below 16 bits, too, though errors add up"},
    {"pre", CLI_TEXT, "NAME", "", 0, 0,
     "of a folder whose pre-tokeniser is not recognised: what tokenizer.ggml.pre is to say"},
    {"json", CLI_FLAG, "", "false", 0, 0, "what was written as a JSON object"},
    {0},
};

static const cli_setting settings[] = {CLI_SETTING("threads"), {0}};

const cli_command cli_cmd_quantize = {
    .name = "quantize",
    .summary = "writes a model in a smaller type (q4_k_m, q8_0, bf16, ...)",
    .arguments = "IN OUT.gguf",
    .about = "IN is a GGUF file, or the folder of a model as Hugging Face has it: config.json, "
             "safetensors (one or several; F32, F16, BF16, 8-bit floats with scales, 4 bits of "
             "bitsandbytes), tokenizer.json or tokenizer.model, chat template. A folder becomes the "
             "file that llama.cpp's own converter writes.\n"
             "\n"
             "Types: q4_k_m q4_k_s q5_k_m q5_k_s q6_k q8_0 q4_0 q4_1 q5_0 q5_1 iq4_nl iq4_xs q3_k_l "
             "q3_k_m q3_k_s q2_k q2_k_s bf16 f16 f32. Which tensor gets which, and every byte, is "
             "as in llama.cpp's quantize program.\n"
             "\n"
             "The file appears when it is whole. Memory does not grow with the model.",
    .min_args = 2,
    .max_args = 2,
    .settings = settings,
    .options = options,
    .run = run,
};
