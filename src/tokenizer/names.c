#include "tokenizer/names.h"

#include <stddef.h>

const char *const graft_eog_names[] = {
    /* Llama 3, ChatML, Phi, Gemma, GPT, Granite */
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|end_of_text|>",
    /* harmony and Solar */
    "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    /* Gemma 4, Kimi, DeepSeek, MiniMax, SmolDocling, CodeLlama and others */
    "<eos>", "<turn|>", "<|tool_response>", "[EOT]", "[EOS]",
    "<\xEF\xBD\x9C" "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>", "[e~[",
    "<end_of_utterance>", "</s>", "<EOT>", "_<EOT>",
    NULL,
};

const char *const graft_shown_names[] = {
    "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>", NULL,
};

const char *const graft_fim_pad_names[] = {
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", NULL,
};
const char *const graft_fim_rep_names[] = {
    "<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", NULL,
};
const char *const graft_fim_sep_names[] = {"<|file_sep|>", NULL};
