#include "tokenizer/names.h"

const char *const graft_eog_names[] = {
    /* Llama 3, ChatML, Phi, Gemma, GPT, Granite */
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|end_of_text|>",
    /* harmony and Solar */
    "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    /* Gemma 4, Kimi, DeepSeek, MiniMax, SmolDocling, CodeLlama and others */
    "<eos>", "<turn|>", "<|tool_response>", "[EOT]", "[EOS]",
    "<\xEF\xBD\x9C" "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>", "[e~[",
    "<end_of_utterance>", "</s>", "<EOT>", "_<EOT>", "<|ifm|im_end|>",
    NULL,
};

const char *const graft_shown_names[] = {
    "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>", NULL,
};

#define BAR "\xEF\xBD\x9C"
#define MARK "\xE2\x96\x81"
static const char *const prefixes[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<" BAR "fim" MARK "begin" BAR ">", "<PRE>",
    MARK "<PRE>", "<|code_prefix|>", "<|prefix|>", "<|plamo:fim_prefix|>", NULL,
};
static const char *const suffixes[] = {
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<" BAR "fim" MARK "hole" BAR ">", "<SUF>",
    MARK "<SUF>", "<|code_suffix|>", "<|suffix|>", "<|plamo:fim_suffix|>", NULL,
};
static const char *const middles[] = {
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<" BAR "fim" MARK "end" BAR ">", "<MID>",
    MARK "<MID>", "<|code_middle|>", "<|middle|>", "<|plamo:fim_middle|>", NULL,
};
static const char *const paddings[] = {
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", NULL,
};
static const char *const repositories[] = {
    "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", NULL,
};
static const char *const separators[] = {"<|file_sep|>", "<|plamo:file_separator|>", NULL};

#define KEY(name) "tokenizer.ggml." name "_token_id"
const graft_fim_role graft_fim_roles[] = {
    {{KEY("fim_pre"), KEY("prefix")}, prefixes, false},
    {{KEY("fim_suf"), KEY("suffix")}, suffixes, false},
    {{KEY("fim_mid"), KEY("middle")}, middles, false},
    {{KEY("fim_pad")}, paddings, true},
    {{KEY("fim_rep")}, repositories, true},
    {{KEY("fim_sep")}, separators, true},
};
const size_t graft_n_fim_roles = sizeof graft_fim_roles / sizeof graft_fim_roles[0];
