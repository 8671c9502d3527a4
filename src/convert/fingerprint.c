/* convert/fingerprint.c - published vocabularies, known by the ids they give a certain text.
 *
 * convert_hf_to_gguf.py names pre-tokenisers by this rule: SHA-256 over the list of ids, as
 * Python writes it, that the tokenizer gives the text below, begin and end of text included. The
 * digests are its facts; a vocabulary that is not among them has the name of its definition
 * (pre.c). */
#include <string.h>

#include "convert/vocab.h"
#include "core/map.h"
#include "core/memory.h"
#include "core/pattern.h"
#include "core/sha256.h"
#include "tokenizer/bytes.h"

static const char sample[] =
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n\360\237\232\200 (normal) \360\237\230"
    "\266\342\200\215\360\237\214\253\357\270\217 (multiple emojis concatenated) \342\234\205"
    " \360\237\246\231\360\237\246\231 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3"
    "...3 \341\236\200\341\236\266\341\236\223\341\237\213\341\236\217\341\237\202\341\236"
    "\226\341\236\267\341\236\237\341\237\201\341\236\237\341\236\242\341\236\266\341\236\205"
    "\360\237\230\201 ?\346\210\221\346\203\263\345\234\250apple\345\267\245\344\275\23413141"
    "51\345\244\251\357\275\236 ------======= \320\275\320\265\321\211\320\276 \320\275\320"
    "\260 \320\221\321\212\320\273\320\263\320\260\321\200\321\201\320\272\320\270 ''''''````"
    "```\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll"
    " make it, 'D you like some tea? We'Ve a'lL";

/* Where several names have one digest, the one that the converter ends up with. Names stand with
 * the definition they are a name for: pixtral's words are Llama 3's. */
static const struct {
    const char *digest, *name, *definition;
} known[] = {
    {"b0a6b1c0bd5998ebd9df08611efde34a4ff03faed45ae09c43e6b31ebd4b94cf", "a.x-4.0", "gpt-2"},
    {"2085e1638f6c377a0aa4ead21b27bb4cb941bf800df86ed391011769c1758dfb", "exaone4", "gpt-2"},
    {"ad851be1dba641f2e3711822f816db2c265f788b37c63b4e1aeacb9ee92de8eb", "gigachat", "gpt-2"},
    {"0fe1cf6eda062318a1af7270f3331a85c539a01778ff948e24388e949c5282f4", "gpt-2", "gpt-2"},
    {"3ce83efda5659b07b1ad37ca97ca5797ea4285d9b9ab0dc679e4a720c9da7454", "gpt-2", "gpt-2"},
    {"53e325976a6e142379c19b09afcae354f2f496f147afa8f9e189a33fe4e3024e", "granite-docling", "gpt-2"},
    {"b53802fb28e26d645c3a310b34bfe07da813026ec7c7716883404d5e0f8b1901", "jais", "gpt-2"},
    {"a1e163ecab2e718a4c829d1148b6e86824ec36163bb71941c3dca9cd5ac25756", "mellum", "gpt-2"},
    {"b6dc8df998e1cfbdc4eac8243701a65afe638679230920b50d6f17d81c098166", "olmo", "gpt-2"},
    {"fcace8b9cac38ce847670c970cd5892031a753a1ef381abd1d9af00f713da085", "phi-2", "gpt-2"},
    {"1994ffd01900cfb37395608534236ecd63f2bd5995d6cb1004dda1af50240f15", "trillion", "gpt-2"},
    {"7b3e7548e4308f52a76e8229e4e6cc831195d0d1df43aed21ac6c93da05fec5f", "codeshell", "smollm"},
    {"9c2227e4dd922002fb81bde4fc02b0483ca4f12911410dee2255e4987644e3f8", "command-r", "smollm"},
    {"4e2b24cc4770243d65a2c9ec19770a72f08cffc161adbb73fcbb6b7dd45a0aae", "exaone", "smollm"},
    {"9dcf830ee9990cdbf78cc523a5f7bd9ad8f3f9890c2d3581d2785ad10f07049d", "mellum2", "smollm"},
    {"1431a23e583c97432bc230bff598d103ddb5a1f89960c8f1d1051aaa944d0b35", "minerva-7b", "smollm"},
    {"6221ad2852e85ce96f791f476e0b390cf9b474c9e3d1362f53a24a06dc8220ff", "refact", "smollm"},
    {"855059429035d75a914d1eda9f10a876752e281a054a7a3d421ef0533e5b6249", "smollm", "smollm"},
    {"35d91631860c815f952d711435f48d356ebac988362536bed955d43bfa436e34", "starcoder", "smollm"},
    {"a8594e3edff7c29c003940395316294b2c623e09894deebbc65f33f1515df79e", "dbrx", "llama-bpe"},
    {"3eda48b4c4dc7de733d1a8b3e3b4a85243dbbf704da2ee9d42c6beced8897896", "falcon-h1", "llama-bpe"},
    {"48f8e02c0359c0bbdd82f26909171fac1c18a457bb47573ed1fe3bbb2c1cfd4b", "falcon-h1", "llama-bpe"},
    {"60476e1243776c4fb1b993dbd7a5f15ac22f83c80afdf425fa5ae01c8d44ef86", "falcon-h1", "llama-bpe"},
    {"a6b57017d60e6edb4d88ecc2845188e0eb333a70357e45dcc9b53964a73bbae6", "falcon-h1", "llama-bpe"},
    {"9d032fcbd5501f4a38150912590928bfb36091efb5df11b8e2124b0390e3fb1e", "falcon3", "llama-bpe"},
    {"169bf0296a13c4d9b7672313f749eb36501d931022de052aad6e36f2bf34dd51", "lfm2", "llama-bpe"},
    {"9e454714343b69b99b71795c1d27a68c2a1d15dab111f4d353109f966af29da7", "lfm2", "llama-bpe"},
    {"0ef9807a4087ebef797fc749390439009c3b9eda9ad1a097abbe738f486c01e5", "llama-bpe", "llama-bpe"},
    {"f6791d196f87ce6b56a7d234be618e0d58f8cda3549416635b2bebcd22cd95c4", "midm-2.0", "llama-bpe"},
    {"0e9433cbbb161f89e264eb32e8e64bfe69e834973ffca5d41d3948a604a3e2a3", "pixtral", "llama-bpe"},
    {"c136ed14d01c2745d4f60a9596ae66800e2b61fa45643e72436041855ad4089d", "smaug-bpe", "llama-bpe"},
    {"b3f499bb4255f8ca19fccd664443283318f2fd2414d5e0b040fbdd0cc195d6c5", "deepseek-r1-qwen", "qwen2"},
    {"862f827721df956049dff5ca81a57f29e575280bc622e290d3bf4e35eca29015", "f2llmv2", "qwen2"},
    {"66b8d4e19ab16c3bfd89bce5d785fb7e0155e8648708a1f42077cb9fe002c273", "grok-2", "qwen2"},
    {"7e57df22b1fe23a7b1e1c7f3dc4e3f96d43a4eb0836d0c6bdc3436d7b2f1c664", "hunyuan", "qwen2"},
    {"4a2e2abae11ca2b86d570fc5b44be4d5eb5e72cc8f22dd136a94b37da83ab665", "kormo", "qwen2"},
    {"d4c8f286ea6b520b3d495c4455483cfa2302c0cfcd4be05d781b6a8a0a7cdaf1", "megrez", "qwen2"},
    {"d4540891389ea895b53b399da6ac824becc30f2fba0e9ddbb98f92e55ca0e97c", "qwen2", "qwen2"},
    {"e636dc30a262dcc0d8c323492e32ae2b70728f4df7dfe9737d9f920a282b8aea", "qwen2", "qwen2"},
    {"16389f0a1f51ee53e562ffd51c371dc508639ab0e4261502071836e50e223e91", "solar-open", "qwen2"},
    {"32d85c31273f8019248f2559fed492d929ea28b17e51d81d3bb36fff23ca72b3", "stablelm2", "qwen2"},
    {"1444df51289cfa8063b96f0e62b1125440111bc79a52003ea14b6eac7016fd5f", "qwen35", "qwen35"},
    {"d30d75d9059f1aa2c19359de71047b3ae408c70875e8a3ccf8c5fba56c9d8af4", "qwen35", "qwen35"},
    {"ccc2ef013c104be7bae2965776d611e1d7a8a2a9c547dd93a682c9a9fc80352e", "gpt-4o", "gpt-4o"},
    {"e4d54df1ebc1f2b91acd986c5b51aa50837d5faf7c7398e73c1f9e9ee5d19869", "kanana2", "gpt-4o"},
    {"d353350c764d8c3b39c763113960e4fb4919bea5fbf208a0e3b22e8469dc7406", "llama4", "gpt-4o"},
    {"63b97e4253352e6f357cc59ea5b583e3a680eaeaf2632188c2b952de2588485e", "tekken", "tekken"},
};

typedef struct range {
    size_t start, end;
} range;

enum { MAX_PIECES = sizeof sample };

typedef struct fingerprint {
    const graft_hf_vocab *vocab;
    bool ignore_merges, lost;      /* lost: something has no id */
    graft_map ids, ranks;          /* of texts as the vocabulary spells them; of "left right" */
    graft_text word, pair, list;   /* at work; all ids: "[1, 2" */
    range pieces[2][MAX_PIECES];   /* the sample as cut so far, and as it is being cut */
    size_t n_pieces;
} fingerprint;

static int64_t find(const graft_map *map, const char *text, size_t n)
{
    uint64_t value;
    return graft_map_find(map, text, n, &value) ? (int64_t)value : -1;
}

static graft_status put(fingerprint *f, int64_t id)
{
    f->lost = f->lost || id < 0;
    return graft_text_appendf(&f->list, "%s%lld", f->list.len > 0 ? ", " : "[", (long long)id);
}

/* --- words --- */

/* Cuts every piece into what the pattern matches and what is between. */
static graft_status cut(fingerprint *f, const graft_pattern *pattern, graft_matcher *matcher)
{
    graft_status status = GRAFT_OK;
    size_t n = 0, budget = (size_t)1 << 24;
    for (size_t i = 0; i < f->n_pieces; i++) {
        range piece = f->pieces[0][i];
        graft_match match = {.found = true};
        for (size_t at = piece.start; at < piece.end;) {
            const char *text = sample + piece.start;
            GRAFT_TRY(graft_pattern_find(&match, pattern, matcher, text, piece.end - piece.start,
                                         at - piece.start, &budget));
            size_t start = match.found ? piece.start + match.start : piece.end;
            size_t end = match.found ? piece.start + match.end : piece.end;
            if (start > at) {
                f->pieces[1][n++] = (range){at, start};
            }
            if (end > start) {
                f->pieces[1][n++] = (range){start, end};
            }
            at = end > at ? end : piece.end;
        }
    }
    memcpy(f->pieces[0], f->pieces[1], n * sizeof(range));
    f->n_pieces = n;
done:
    return status;
}

static graft_status cut_words(fingerprint *f, const char *const patterns[2])
{
    graft_status status = GRAFT_OK;
    graft_matcher *matcher = NULL;
    graft_pattern *pattern = NULL;
    f->pieces[0][0] = (range){0, sizeof sample - 1};
    f->n_pieces = 1;
    GRAFT_TRY(graft_matcher_new(&matcher));
    for (size_t i = 0; i < 2 && patterns[i] != NULL; i++) {
        graft_pattern_free(pattern);
        pattern = NULL;
        GRAFT_TRY(graft_pattern_new(&pattern, patterns[i], strlen(patterns[i]),
                                    GRAFT_PATTERN_HOSTILE));
        GRAFT_TRY(cut(f, pattern, matcher));
    }
done:
    graft_pattern_free(pattern);
    graft_matcher_free(matcher);
    return status;
}

/* --- ids --- */

/* The rank of the pair of neighbours ends[i] is between; -1: none. */
static graft_status rank_of(fingerprint *f, const size_t *ends, size_t i, int64_t *out)
{
    graft_status status = GRAFT_OK;
    size_t start = i > 0 ? ends[i - 1] : 0;
    f->pair.len = 0;
    GRAFT_TRY(graft_text_append(&f->pair, f->word.data + start, ends[i] - start));
    GRAFT_TRY(graft_text_append_char(&f->pair, ' '));
    GRAFT_TRY(graft_text_append(&f->pair, f->word.data + ends[i], ends[i + 1] - ends[i]));
    *out = find(&f->ranks, f->pair.data, f->pair.len);
done:
    return status;
}

/* One word, spelled: pairs are merged by rank, the leftmost first. Words are short. */
static graft_status put_word(fingerprint *f, range piece)
{
    graft_status status = GRAFT_OK;
    size_t ends[MAX_PIECES], n = 0;
    f->word.len = 0;
    for (size_t i = piece.start; i < piece.end; i++) {
        char c[4];
        GRAFT_TRY(graft_text_append(&f->word, c, graft_byte_spell((uint8_t)sample[i], c)));
        ends[n++] = f->word.len;
    }
    int64_t whole = f->ignore_merges ? find(&f->ids, f->word.data, f->word.len) : -1;
    while (whole < 0 && n > 1) {
        int64_t best = -1, rank;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            GRAFT_TRY(rank_of(f, ends, i, &rank));
            if (rank >= 0 && (best < 0 || rank < best)) {
                best = rank;
                at = i;
            }
        }
        if (best < 0) {
            break;
        }
        memmove(&ends[at], &ends[at + 1], (--n - at) * sizeof *ends);
    }
    if (whole >= 0) {
        return put(f, whole);
    }
    for (size_t i = 0, start = 0; i < n; start = ends[i++]) {
        GRAFT_TRY(put(f, find(&f->ids, f->word.data + start, ends[i] - start)));
    }
done:
    return status;
}

/* The ids of the post-processor's template before (or behind) the text itself. */
static graft_status put_template(fingerprint *f, bool behind)
{
    graft_status status = GRAFT_OK;
    const graft_json *post = graft_json_get(f->vocab->tokenizer, "post_processor");
    const graft_json *list = graft_json_get(post, "processors");
    for (size_t p = 0; p < (list != NULL ? graft_json_length(list) : 1); p++) {
        const graft_json *one = list != NULL ? graft_json_at(list, p) : post;
        const graft_json *single = graft_json_get(one, "single");
        bool passed = false;
        for (size_t i = 0; i < graft_json_length(single); i++) {
            const graft_json *item = graft_json_at(single, i);
            const graft_json *special = graft_json_get(item, "SpecialToken");
            const char *text = graft_json_string(graft_json_get(special, "id"), NULL);
            passed = passed || special == NULL;
            if (text != NULL && passed == behind) {
                GRAFT_TRY(put(f, find(&f->ids, text, strlen(text))));
            }
        }
    }
done:
    return status;
}

static graft_status prepare(fingerprint *f)
{
    graft_status status = GRAFT_OK;
    const graft_hf_vocab *v = f->vocab;
    GRAFT_TRY(graft_map_reserve(&f->ids, v->n));
    for (size_t i = 0; i < v->n; i++) {
        GRAFT_TRY(graft_map_set(&f->ids, v->texts[i].data, v->texts[i].len, i, NULL));
        /* an added token within the sample would be cut out first */
        f->lost = f->lost || (v->types[i] == GRAFT_HF_USER_DEFINED && v->texts[i].len > 0 &&
                              strstr(sample, v->texts[i].data) != NULL);
    }
    GRAFT_TRY(graft_map_reserve(&f->ranks, v->n_merges));
    for (size_t i = v->n_merges; i-- > 0;) { /* the first of two alike counts */
        GRAFT_TRY(graft_map_set(&f->ranks, v->merges[i].data, v->merges[i].len, i, NULL));
    }
done:
    return status;
}

/* The name that belongs to the ids, if it is one for the definition. */
static const char *look_up(const fingerprint *f, const char *definition)
{
    uint8_t digest[32];
    char hex[65];
    graft_sha256 hash;
    graft_sha256_init(&hash);
    graft_sha256_update(&hash, f->list.data, f->list.len);
    graft_sha256_final(&hash, digest);
    graft_sha256_hex(digest, hex);
    definition = strcmp(definition, "dbrx") == 0 ? "llama-bpe" : definition; /* the same words */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].digest, hex) == 0) {
            return strcmp(known[i].definition, definition) == 0 ? known[i].name : NULL;
        }
    }
    return NULL;
}

graft_status graft_hf__fingerprint(const graft_hf_vocab *vocab, const char *definition,
                                   const char *const patterns[2], const char **out)
{
    graft_status status = GRAFT_OK;
    const graft_json *model = graft_json_get(vocab->tokenizer, "model");
    fingerprint *f = NULL;
    *out = NULL;
    GRAFT_TRY(graft_alloc(&f, 1, sizeof *f));
    f->vocab = vocab;
    f->ignore_merges = graft_json_bool(graft_json_get(model, "ignore_merges"));
    GRAFT_TRY(prepare(f));
    GRAFT_TRY(cut_words(f, patterns));
    GRAFT_TRY(put_template(f, false));
    for (size_t i = 0; i < f->n_pieces; i++) {
        GRAFT_TRY(put_word(f, f->pieces[0][i]));
    }
    GRAFT_TRY(put_template(f, true));
    GRAFT_TRY(graft_text_append_char(&f->list, ']'));
    *out = f->lost ? NULL : look_up(f, definition);
done:
    if (f != NULL) {
        graft_map_clear(&f->ids);
        graft_map_clear(&f->ranks);
        graft_text_clear(&f->word);
        graft_text_clear(&f->pair);
        graft_text_clear(&f->list);
        graft_free(f);
    }
    return status;
}
