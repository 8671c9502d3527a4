/* The list of pre-tokenisers. Sources: the patterns that model makers publish in their tokenizer
 * files, and what llama.cpp (src/llama-vocab.cpp, src/unicode.cpp) makes of them, b11549. Patterns
 * are over classes of characters (categories.h).
 *
 * Of the names that the runtime knows "whitespace" and "mmbert" are missing: models of those embed
 * texts. */
#include "tokenizer/pretokenizers.h"

#include <string.h>

/* Inside of brackets: a category's class and its part of ASCII. */
#define N "0-9\\xD1"
#define L "A-Za-z\\xD2"
#define P "!-#%-*,-/:;?@\\[-\\]_{}\\xD3"
#define M "\\xD4"
#define S "$+<->^`|~\\xD5"
#define SET(k) "\\xE" #k /* the k-th set of the cut */
#define SET_CLASS(k) (uint8_t)(0xe0 + (k))

#define CONTRACTION "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
#define SPACES "\\s+(?!\\S)|\\s+"
#define LINES_AND_SPACES "\\s*[\\r\\n]+|" SPACES

#define GPT2_WORDS                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?[" L "]+| ?[" N "]+| ?[^\\s" L N "]+|" SPACES

/* `mark` is what besides letters continues a word, `digits` how many digits make one. */
#define MODERN_WORDS(mark, digits)                                                               \
    "[^\\r\\n" L N "]?[" L mark "]+|[" N "]" digits "| ?[^\\s" L mark N "]+[\\r\\n]*|"           \
    LINES_AND_SPACES

/* A word is capitals and then small letters; letters that are not ASCII are both. */
#define CASED_WORDS(mark, ending, digits)                                                        \
    "[^\\r\\n" L N "]?[A-Z\\xD2" mark "]*[a-z\\xD2" mark "]+" ending                             \
    "|[^\\r\\n" L N "]?[A-Z\\xD2" mark "]+[a-z\\xD2" mark "]*" ending "|[" N "]" digits          \
    "| ?[^\\s" L N "]+[\\r\\n/]*|" LINES_AND_SPACES
#define MARKED_WORDS(digits)                                                                     \
    "[^\\r\\n" L N "]?[" L M "]+(?:" CONTRACTION ")?|[" N "]" digits                             \
    "| ?[^\\s" L N "]+[\\r\\n/]*|" LINES_AND_SPACES

#define DEEPSEEK_WORDS(after_signs)                                                              \
    "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n" L P S "]?[" L M "]+| ?[" P S "]+" after_signs

/* --- sets of characters that patterns name one by one --- */

static const graft_code_set KANJI_KANA[] = {
    {SET_CLASS(0), 0x4e00, 0x9fa5}, {SET_CLASS(0), 0x3040, 0x30ff}, {0, 0, 0}};

static const graft_code_set EAST_ASIA[] = {
    {SET_CLASS(0), 0x800, 0x9fa5}, {SET_CLASS(0), 0xac00, 0xd7ff}, {0, 0, 0}};

static const graft_code_set DEEPSEEK_LETTERS[] = {
#define E(first, last) {SET_CLASS(0), first, last}
    E(0xb5, 0xb5),       E(0xc0, 0xd6),       E(0xd8, 0xf6),       E(0xf8, 0x1ba),
    E(0x1bc, 0x1bf),     E(0x1c4, 0x293),     E(0x295, 0x2af),     E(0x370, 0x373),
    E(0x376, 0x377),     E(0x37b, 0x37d),     E(0x37f, 0x37f),     E(0x386, 0x386),
    E(0x388, 0x38a),     E(0x38c, 0x38c),     E(0x38e, 0x3a1),     E(0x3a3, 0x3f5),
    E(0x3f7, 0x481),     E(0x48a, 0x52f),     E(0x531, 0x556),     E(0x10a0, 0x10c5),
    E(0x13a0, 0x13f5),   E(0x13f8, 0x13fd),   E(0x1c90, 0x1cba),   E(0x1cbd, 0x1cbf),
    E(0x1d00, 0x1d2b),   E(0x1d6b, 0x1d77),   E(0x1d79, 0x1d9a),   E(0x1e00, 0x1f15),
    E(0x1f18, 0x1f1d),   E(0x1f20, 0x1f45),   E(0x1f48, 0x1f4d),   E(0x1f50, 0x1f57),
    E(0x1f59, 0x1f59),   E(0x1f5b, 0x1f5b),   E(0x1f5d, 0x1f5d),   E(0x1f5f, 0x1f7d),
    E(0x1f80, 0x1fb4),   E(0x1fb6, 0x1fbc),   E(0x1fbe, 0x1fbe),   E(0x1fc2, 0x1fc4),
    E(0x1fc6, 0x1fcc),   E(0x1fd0, 0x1fd3),   E(0x1fd6, 0x1fdb),   E(0x1fe0, 0x1fec),
    E(0x1ff2, 0x1ff4),   E(0x1ff6, 0x1ffc),   E(0x2102, 0x2102),   E(0x2107, 0x2107),
    E(0x210a, 0x2113),   E(0x2115, 0x2115),   E(0x2119, 0x211d),   E(0x2124, 0x2124),
    E(0x2126, 0x2126),   E(0x2128, 0x2128),   E(0x212a, 0x212d),   E(0x212f, 0x2134),
    E(0x2139, 0x2139),   E(0x213c, 0x213f),   E(0x2145, 0x2149),   E(0x214e, 0x214e),
    E(0x2183, 0x2184),   E(0x2c00, 0x2c7b),   E(0x2c7e, 0x2ce4),   E(0x2ceb, 0x2cee),
    E(0x2cf2, 0x2cf3),   E(0xa640, 0xa66d),   E(0xa680, 0xa69b),   E(0xa722, 0xa76f),
    E(0xa771, 0xa787),   E(0xa78b, 0xa78e),   E(0xab70, 0xabbf),   E(0xfb00, 0xfb06),
    E(0xfb13, 0xfb17),   E(0xff21, 0xff3a),   E(0xff41, 0xff5a),   E(0x10400, 0x1044f),
    E(0x104b0, 0x104d3), E(0x104d8, 0x104fb), E(0x10c80, 0x10cb2), E(0x10cc0, 0x10cf2),
    E(0x118a0, 0x118df), E(0x1e900, 0x1e943), {0, 0, 0}};

static const graft_code_set DEEPSEEK_SIGNS[] = {
    E(0xff01, 0xff0f), E(0xff1a, 0xff5e), E(0x2018, 0x201f), E(0x3001, 0x3002), {0, 0, 0}};

static const graft_code_set SENTENCE_ENDS[] = {
    E(0x2026, 0x2026), E(0x3001, 0x3002), E(0xff0c, 0xff0c), E(0x964, 0x964),
    E(0x6d4, 0x6d4),   E(0x60c, 0x60c),   {0, 0, 0}};

static const graft_code_set AFMOE_SCRIPTS[] = {
    E(0x4e00, 0x9fff), E(0x3400, 0x4dbf), E(0x8c48, 0xfaff), E(0x3040, 0x30ff), E(0xff65, 0xff9f),
    E(0x2f00, 0x2fdf), E(0xe40, 0xe7f),   E(0xe80, 0xeff),   E(0x1780, 0x17ff), E(0x1000, 0x109f),
    E(0xaa60, 0xaa7f), E(0xa9e0, 0xa9ff), E(0xac00, 0xd7af), E(0x1100, 0x11ff), {0, 0, 0}};

#undef E

/* 0: joiners; 1: the long s, which is an s behind an apostrophe */
static const graft_code_set JOINERS[] = {
    {SET_CLASS(0), 0x200c, 0x200d}, {SET_CLASS(1), 0x17f, 0x17f}, {0, 0, 0}};

static const graft_code_set YOUTU_SCRIPTS[] = {
    {SET_CLASS(0), 0xac00, 0xd7a3}, {SET_CLASS(0), 0x3131, 0x318e},
    {SET_CLASS(1), 0xff01, 0xff01}, {SET_CLASS(1), 0x2026, 0x2026},
    {SET_CLASS(1), 0x2018, 0x2019}, {SET_CLASS(1), 0x201c, 0x201d},
    {SET_CLASS(1), 0x2014, 0x2014}, {SET_CLASS(1), 0xff1a, 0xff1b},
    {SET_CLASS(1), 0xff0c, 0xff0c}, {SET_CLASS(1), 0x3001, 0x303f},
    {SET_CLASS(1), 0xfe30, 0xfe4f}, {SET_CLASS(2), 0x3105, 0x312f},
    {SET_CLASS(3), 0x4e00, 0x9fa5}, {SET_CLASS(3), 0x3040, 0x30ff},
    {0, 0, 0}};

/* 0: letters of the blocks of Han; 1: what is not assigned there. */
static const graft_code_set HAN[] = {
    {SET_CLASS(0), 0x4e00, 0x9fff},   {SET_CLASS(0), 0x3400, 0x4dbf},
    {SET_CLASS(0), 0x20000, 0x2a6df}, {SET_CLASS(0), 0x2a700, 0x2ebef},
    {SET_CLASS(0), 0xf900, 0xfaff},   {SET_CLASS(0), 0x2f800, 0x2fa1f},
    {SET_CLASS(1), 0x2b73a, 0x2b73f}, {SET_CLASS(1), 0x2b81e, 0x2b81f},
    {SET_CLASS(1), 0x2cea2, 0x2ceaf}, {SET_CLASS(1), 0x2ebe1, 0x2ebef},
    {SET_CLASS(1), 0xfa6e, 0xfa6f},   {SET_CLASS(1), 0xfada, 0xfaff},
    {SET_CLASS(1), 0x2fa1e, 0x2fa1f}, {0, 0, 0}};

/* --- cuts that are no patterns --- */

static bool is_digit(uint8_t class)
{
    return class >= '0' && class <= '9';
}

/* Behind every third digit of a run of numbers, counted from its end. */
static size_t cut_thousands(const uint8_t *text, size_t n, size_t from, size_t *run_end)
{
    if (from < *run_end) {
        return from + 3;
    }
    while (from < n && !is_digit(text[from]) && text[from] != 0xd1) {
        from++;
    }
    size_t end = from;
    while (end < n && (is_digit(text[end]) || text[end] == 0xd1)) {
        end++;
    }
    *run_end = end;
    return from == n ? n : from + ((end - from) % 3 != 0 ? (end - from) % 3 : 3);
}

/* Before every third ASCII digit of a run, counted from its end. */
static size_t cut_before_thousands(const uint8_t *text, size_t n, size_t from, size_t *run_end)
{
    size_t at = from;
    for (;;) {
        if (at >= *run_end) {
            while (at < n && !is_digit(text[at])) {
                at++;
            }
            for (*run_end = at; *run_end < n && is_digit(text[*run_end]);) {
                ++*run_end;
            }
            at += (*run_end - at) % 3;
        } else {
            at += 3;
        }
        if (at == n || (at > from && at < *run_end)) {
            return at;
        }
    }
}

/* --- the rows --- */

const graft_pretokenizer graft_pretokenizers[] = {
    {.names = {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "gigachat",
               "a.x-4.0", "mellum", "exaone4", "modern-bert", "roberta-bpe", "jina-es", "jina-de",
               "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code"},
     .cuts = {{GPT2_WORDS}}},
    /* the same words, but every digit stands alone */
    {.names = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
               "mellum2"},
     .cuts = {{"[" N "]"}, {GPT2_WORDS}}},
    {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
               "lfm2", "jina-v5-nano"},
     .cuts = {{CONTRACTION "|" MODERN_WORDS("", "{1,3}")}},
     .ignore_merges = true,
     .add_bos = true},
    /* Llama 3's words, every merge obeyed */
    {.names = {"dbrx", "smaug-bpe"}, .cuts = {{CONTRACTION "|" MODERN_WORDS("", "{1,3}")}}},
    {.names = {"chatglm-bpe", "glm4", "glm5"},
     .cuts = {{CONTRACTION "|" MODERN_WORDS("", "{1,3}")}},
     .no_bos = true},
    {.names = {"jais-2"},
     .cuts = {{CONTRACTION "|[^\\r\\n" L N "]?[" L "]+|[" N "]{1,3}| ?[^\\s" L N "]+[\\r\\n]*"
               "|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)"
               "|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"}}},
    {.names = {"minicpm5"},
     .cuts = {{"[" N "]{1,3}"}, {CONTRACTION "|" MODERN_WORDS("", "+")}},
     .ignore_merges = true},
    {.names = {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
               "solar-open", "grok-2"},
     .cuts = {{CONTRACTION "|" MODERN_WORDS("", "")}}},
    {.names = {"qwen35"}, .cuts = {{CONTRACTION "|" MODERN_WORDS(M, "")}}},
    {.names = {"laguna"}, .cuts = {{"[^\\n]+|\\n+"}, {CONTRACTION "|" MODERN_WORDS("", "")}}},
    {.names = {"ufakzeka"}, .cuts = {{MODERN_WORDS("", "")}}},
    {.names = {"k2-horizon"},
     .cuts = {{CONTRACTION "|'" SET(1) "|[^\\r\\n" L N SET(1) "]?[" L M SET(0) SET(1) "]+"
               "|[" N "]{1,3}| ?[^\\s" L N SET(1) "]+[\\r\\n]*|" LINES_AND_SPACES,
               JOINERS}}},
    {.names = {"kimi-k2"},
     .cuts = {{"[" SET(0) SET(1) "]+|[^\\r\\n" L N SET(0) "]?[" L "]+(?:" CONTRACTION ")?"
               "|[" N "]{1,3}| ?[^\\s" L N SET(0) "]+[\\r\\n]*|" LINES_AND_SPACES,
               HAN}},
     .no_merges = true},
    {.names = {"seed-coder"},
     .cuts = {{CONTRACTION "|[^\\r\\n" L N "]?[" L "]+|[" N "]| ?[^\\s" L N "]+|"
               LINES_AND_SPACES}}},
    {.names = {"bailingmoe", "bailingmoe2", "llada-moe"},
     .cuts = {{CONTRACTION "|[^\\r\\n" L N "]?[" L "]+|[" N "]| ?[^\\s" L N "]+[\\r\\n]*"
               "|\\s*[\\r\\n]|" SPACES}}},
    {.names = {"exaone-moe"},
     .cuts = {{CONTRACTION "|[^\\r\\n" L N "]?[" L "](?:[" L M "]| [" L "])*+|[" N "]"
               "| ?[^\\s" L N "]+[\\r\\n/]?|\\s*[\\r\\n]|" SPACES}}},
    {.names = {"tekken"},
     .cuts = {{CASED_WORDS("", "", "")}},
     .ignore_merges = true,
     .add_bos = true},
    {.names = {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"},
     .cuts = {{CASED_WORDS("", "(?:" CONTRACTION ")?", "{1,3}")}}},
    {.names = {"granite-embed-multi-97m"},
     .cuts = {{CASED_WORDS(M, "(?:" CONTRACTION ")?", "{1,3}")}},
     .ignore_merges = true},
    {.names = {"tiny_aya", "cohere2moe"},
     .cuts = {{.cut = cut_thousands}, {MARKED_WORDS("{1,3}")}}},
    {.names = {"youtu"},
     .cuts = {{SET(0) "+|" SET(1) "+|" SET(2) "+|" SET(3) "+", YOUTU_SCRIPTS}, {MARKED_WORDS("")}},
     .ignore_merges = true},
    {.names = {"deepseek-llm"},
     .cuts = {{"[\\r\\n]"},
              {"\\s?[A-Za-z" SET(0) "]+", DEEPSEEK_LETTERS},
              {"\\s?[!-/:-~" SET(0) "]+", DEEPSEEK_SIGNS},
              {"(?<!\\s)\\s++\\z"},
              {SET(0) "+", EAST_ASIA},
              {"[" N "]+"}}},
    {.names = {"deepseek-coder"},
     .cuts = {{"[\\r\\n]"},
              {"\\s?[" L "]+"},
              {"\\s?[" P "]+"},
              {SET(0) "+", EAST_ASIA},
              {"[" N "]"}}},
    {.names = {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
     .cuts = {{"[" N "]{1,3}"},
              {SET(0) "+", KANJI_KANA},
              {DEEPSEEK_WORDS("[\\r\\n]*|" LINES_AND_SPACES)}}},
    {.names = {"spark2_5"},
     .cuts = {{"[" N "]{1,3}"},
              {SET(0) "+", KANJI_KANA},
              {DEEPSEEK_WORDS("|[\\r\\n]|" SPACES)},
              {"[" N "]"}}},
    {.names = {"afmoe"},
     .cuts = {{.cut = cut_thousands},
              {SET(0) "+", AFMOE_SCRIPTS},
              {DEEPSEEK_WORDS("[\\r\\n]*|" LINES_AND_SPACES)}}},
    {.names = {"falcon"},
     .cuts = {{"[" P "$+<=>^~|`]+"}, {GPT2_WORDS}, {"[0-9][0-9][0-9]"}}},
    {.names = {"default"}, /* also what the runtime takes if a file names none */
     .cuts = {{"[" P "$+<=>^~|]+"}, {GPT2_WORDS}, {"[" N "]+"}, {"[0-9][0-9][0-9]"}}},
    {.names = {"bloom", "poro-chat", "gpt3-finnish"},
     .cuts = {{" ?[^(\\s|.,!?" SET(0) ")]+", SENTENCE_ENDS}}},
    {.names = {"viking"},
     .cuts = {{" ?[^(\\s|.,!?" SET(0) ")]+", SENTENCE_ENDS}, {"[" N "]"}}},
    {.names = {"chameleon"},
     .cuts = {{"<sentinel:[0-9]+>"},
              {"IMGIMG[A-I]{1,4}Z"},
              {"[\\t\\n]|    |  "},
              {"[" N "]"},
              {"[" P "!-/:-@\\[-`{-~]"},
              {GPT2_WORDS}},
     .add_bos = true},
    {.names = {"superbpe"}, .cuts = {{"[" N "]+"}, {.cut = cut_before_thousands}}},
    {.names = {"gemma4", "granite-embed-multi-311m"},
     .cuts = {{"[^\\n]+|\\n+"}},
     .characters = true,
     .whole_lines = true,
     .insists_on_bos = true},
    {.names = {"sarvam-moe"}, .cuts = {{"[^\\n]+|\\n+"}}, .characters = true},
};
const size_t graft_n_pretokenizers = sizeof graft_pretokenizers / sizeof graft_pretokenizers[0];

static size_t n_names(const graft_pretokenizer *row)
{
    size_t n = 0;
    while (n < GRAFT_PRETOKENIZER_MAX_NAMES && row->names[n] != NULL) {
        n++;
    }
    return n;
}

size_t graft_pretokenizer_n_cuts(const graft_pretokenizer *pre)
{
    size_t n = 0;
    while (n < GRAFT_PRETOKENIZER_MAX_CUTS &&
           (pre->cuts[n].pattern != NULL || pre->cuts[n].cut != NULL)) {
        n++;
    }
    return n;
}

const graft_pretokenizer *graft_pretokenizer_find(const char *name, size_t n)
{
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        const graft_pretokenizer *row = &graft_pretokenizers[i];
        for (size_t k = 0; k < n_names(row); k++) {
            if (strlen(row->names[k]) == n && memcmp(row->names[k], name, n) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

graft_status graft_pretokenizers_list(graft_text *out)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < graft_n_pretokenizers; i++) {
        for (size_t k = 0; k < n_names(&graft_pretokenizers[i]); k++) {
            GRAFT_TRY(graft_text_appendf(out, " %s", graft_pretokenizers[i].names[k]));
        }
    }
done:
    return status;
}
