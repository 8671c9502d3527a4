/* The list of pre-tokenisers. Sources: the patterns that OpenAI (GPT-2), Meta (Llama 3), Qwen and
 * Hugging Face (SmolLM) publish in their tokenizer files, and the grouping of names in llama.cpp
 * src/llama-vocab.cpp. */
#include "tokenizer/pretokenizers.h"

#include <string.h>

/* Letters, numbers and marks as of Unicode 15.1, which the runtime's tables have; PCRE2 may know
 * 14.0 only, so what came later is spelled out. */
#define LETTER                                                                               \
    "\\p{L}\\x{1123F}\\x{11240}\\x{11F02}\\x{11F04}-\\x{11F10}\\x{11F12}-\\x{11F33}"         \
    "\\x{1342F}\\x{13441}-\\x{13446}\\x{1B132}\\x{1B155}\\x{1DF25}-\\x{1DF2A}"               \
    "\\x{1E030}-\\x{1E06D}\\x{1E4D0}-\\x{1E4EB}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"              \
    "\\x{31350}-\\x{323AF}"
#define NUMBER "\\p{N}\\x{11F50}-\\x{11F59}\\x{1D2C0}-\\x{1D2D3}\\x{1E4F0}-\\x{1E4F9}"
#define MARK                                                                                 \
    "\\p{M}\\x{CF3}\\x{ECE}\\x{10EFD}-\\x{10EFF}\\x{11241}\\x{11F00}\\x{11F01}\\x{11F03}"    \
    "\\x{11F34}-\\x{11F3A}\\x{11F3E}-\\x{11F42}\\x{13440}\\x{13447}-\\x{13455}"            \
    "\\x{1E08F}\\x{1E4EC}-\\x{1E4EF}"
/* PCRE2's \s also has U+180E, which the runtime does not count. */
#define SPACE                                                                                \
    "\\x09-\\x0D\\x20\\x85\\xA0\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}"      \
    "\\x{205F}\\x{3000}"

#define TRAILING_SPACE "[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

#define GPT2_WORDS                                                                           \
    "'s|'t|'re|'ve|'m|'ll|'d| ?[" LETTER "]+| ?[" NUMBER "]+"                                \
    "| ?[^" SPACE LETTER NUMBER "]+|" TRAILING_SPACE

/* `mark` is what besides letters continues a word, `digits` how many digits make one. */
#define MODERN_WORDS(mark, digits)                                                           \
    "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"                                             \
    "|[^\\r\\n" LETTER NUMBER "]?[" LETTER mark "]+|[" NUMBER "]" digits                     \
    "| ?[^" SPACE LETTER mark NUMBER "]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|" TRAILING_SPACE

const graft_pretokenizer graft_pretokenizers[] = {
    {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "gigachat",
               "a.x-4.0", "mellum", "exaone4"},
     .patterns = {GPT2_WORDS}},
    /* the same words, but every digit stands alone */
    {.names = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
               "mellum2"},
     .patterns = {"[" NUMBER "]", GPT2_WORDS}},
    {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
               "lfm2"},
     .patterns = {MODERN_WORDS("", "{1,3}")},
     .ignore_merges = true,
     .add_bos = true},
    /* Llama 3's words, every merge obeyed */
    {.names = {"dbrx", "smaug-bpe"}, .patterns = {MODERN_WORDS("", "{1,3}")}},
    {.names = {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
               "solar-open", "grok-2"},
     .patterns = {MODERN_WORDS("", "")}},
    {.names = {"qwen35"}, .patterns = {MODERN_WORDS(MARK, "")}},
};
const size_t graft_n_pretokenizers = sizeof graft_pretokenizers / sizeof graft_pretokenizers[0];

const graft_pretokenizer *graft_pretokenizer_find(const char *name, size_t n)
{
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        const graft_pretokenizer *row = &graft_pretokenizers[i];
        for (size_t k = 0; k < GRAFT_PRETOKENIZER_MAX_NAMES && row->names[k] != NULL; k++) {
            if (strlen(row->names[k]) == n && memcmp(row->names[k], name, n) == 0) {
                return row;
            }
        }
    }
    return NULL;
}
