/* run_tokenize.c - graft_tokenize: needs only the vocabulary of a GGUF file, not a whole model. */
#include <graft/tokenizer.h>

#include <string.h>

#include "config/config.h"
#include "io/gguf.h"
#include "io/json.h"
#include "io/lines.h"
#include "run/session.h"
#include "tokenizer/tokenizer.h"

/* {"ids": [...], "pieces": [...]}; a piece that is not UTF-8 by itself is written with escapes. */
static graft_status format_json(graft_text *out, const graft_tokenizer *tokenizer,
                                const graft_tokens *tokens)
{
    graft_status status = GRAFT_OK;
    graft_text piece;
    graft_json *o = graft_json_new_object(), *ids = graft_json_new_array(),
               *pieces = graft_json_new_array(), *taken;
    graft_text_init(&piece);
    for (size_t i = 0; i < tokens->n; i++) {
        size_t n;
        const char *bytes = graft_tokenizer_piece(tokenizer, tokens->ids[i], &n);
        GRAFT_TRY(graft_json_push(ids, graft_json_new_int(tokens->ids[i])));
        if (!graft_utf8_valid(bytes, n, NULL)) {
            graft_text_clear(&piece);
            GRAFT_TRY(graft_text_append_escaped(&piece, bytes, n, true));
            bytes = graft_text_z(&piece);
            n = piece.len;
        }
        GRAFT_TRY(graft_json_push(pieces, graft_json_new_string(bytes, n)));
    }
    taken = ids;
    ids = NULL;
    GRAFT_TRY(graft_json_set(o, "ids", taken));
    taken = pieces;
    pieces = NULL;
    GRAFT_TRY(graft_json_set(o, "pieces", taken));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
done:
    graft_text_clear(&piece);
    graft_json_free(ids);
    graft_json_free(pieces);
    graft_json_free(o);
    return status;
}

/* 9125 "Hello" 30 "," ... */
static graft_status format_plain(graft_text *out, const graft_tokenizer *tokenizer,
                                 const graft_tokens *tokens)
{
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < tokens->n; i++) {
        size_t n;
        const char *bytes = graft_tokenizer_piece(tokenizer, tokens->ids[i], &n);
        GRAFT_TRY(graft_text_appendf(out, "%s%d \"", i ? "  " : "", (int)tokens->ids[i]));
        GRAFT_TRY(graft_text_append_escaped(out, bytes, n, false));
        GRAFT_TRY(graft_text_append_char(out, '"'));
    }
done:
    return status;
}

static graft_status tokenize_one(const graft_tokenizer *tokenizer, const char *text, size_t n,
                                 int parse_special, const graft_hooks *hooks, int json)
{
    graft_status status = GRAFT_OK;
    graft_tokens tokens;
    graft_text line;
    graft_tokens_init(&tokens);
    graft_text_init(&line);
    if (parse_special) {
        GRAFT_TRY(graft_tokenizer_encode_special(tokenizer, &tokens, text, n));
    } else {
        GRAFT_TRY(graft_tokenizer_encode(tokenizer, &tokens, text, n, NULL));
    }
    if (json) {
        GRAFT_TRY(format_json(&line, tokenizer, &tokens));
    } else {
        GRAFT_TRY(format_plain(&line, tokenizer, &tokens));
    }
    GRAFT_TRY(graft_text_append_char(&line, '\n'));
    GRAFT_TRY(graft_hooks_emit(hooks, line.data, line.len));
done:
    graft_tokens_clear(&tokens);
    graft_text_clear(&line);
    return status;
}

static graft_status tokenize_lines(const graft_tokenizer *tokenizer, const char *path,
                                   int parse_special, const graft_hooks *hooks, int json)
{
    graft_status status = GRAFT_OK;
    graft_lines *lines = NULL;
    const char *line = NULL;
    size_t n = 0;
    GRAFT_TRY(graft_lines_open(&lines, path));
    for (;;) {
        GRAFT_TRY(graft_hooks_check(hooks));
        GRAFT_TRY(graft_lines_next(lines, &line, &n));
        if (line == NULL) {
            break;
        }
        GRAFT_TRY(tokenize_one(tokenizer, line, n, parse_special, hooks, json));
    }
done:
    graft_lines_close(lines);
    return status;
}

graft_status graft_tokenize(graft_config *config, const char *text, const char *path,
                            int parse_special, const graft_hooks *hooks, int json)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file = NULL;
    graft_tokenizer *tokenizer = NULL;
    GRAFT_TRY(graft_config_require(config, "base_model"));
    GRAFT_TRY(graft_gguf_open(&file, config->base_model));
    GRAFT_TRY(graft_tokenizer_new(&tokenizer, file, config->tokenizer_pre));
    if (text != NULL) {
        GRAFT_TRY(tokenize_one(tokenizer, text, strlen(text), parse_special, hooks, json));
    } else {
        GRAFT_TRY(tokenize_lines(tokenizer, path, parse_special, hooks, json));
    }
done:
    graft_tokenizer_free(tokenizer);
    graft_gguf_close(file);
    return status;
}
