/* Tokenises frames from stdin for test_tokenizer.py: `tokens MODEL.gguf`.
 *
 * In, repeated: u32 n, u8 mode (0 no control tokens, 1 all, 2 by mask), n bytes, with 2: n of mask.
 * Out, per frame: u32 count, count i32 ids, count u32 ends, u32 n, n bytes: the pieces joined.
 * `tokens MODEL.gguf eog` writes the ids that end a generation instead, `flags` what is added, and
 * `speed FILE` megabytes per second of processor time, the best of three. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/strings.h"
#include "io/files.h"
#include "io/gguf.h"
#include "tokenizer/tokenizer.h"

static int complain(void)
{
    fprintf(stderr, "%s (%s)\n", graft_error_message(), graft_error_place());
    return 1;
}

static int answer(const graft_tokenizer *tokenizer, const graft_tokens *tokens)
{
    graft_text pieces;
    graft_text_init(&pieces);
    for (size_t i = 0; i < tokens->n; i++) {
        size_t n;
        const char *piece = graft_tokenizer_piece(tokenizer, tokens->ids[i], &n);
        if (graft_text_append(&pieces, piece, n) != GRAFT_OK) {
            return complain();
        }
    }
    uint32_t counts[2] = {(uint32_t)tokens->n, (uint32_t)pieces.len};
    fwrite(&counts[0], 4, 1, stdout);
    fwrite(tokens->ids, 4, tokens->n, stdout);
    fwrite(tokens->ends, 4, tokens->n, stdout);
    fwrite(&counts[1], 4, 1, stdout);
    fwrite(pieces.data, 1, pieces.len, stdout);
    fflush(stdout);
    graft_text_clear(&pieces);
    return 0;
}

static int serve(const graft_tokenizer *tokenizer)
{
    graft_tokens tokens;
    graft_tokens_init(&tokens);
    uint32_t n;
    int failed = 0;
    while (!failed && fread(&n, 4, 1, stdin) == 1) {
        int mode = getchar();
        char *text = malloc(2 * (size_t)n + 1);
        size_t want = mode == 2 ? 2 * (size_t)n : n;
        if (text == NULL || fread(text, 1, want, stdin) != want) {
            free(text);
            return 1;
        }
        tokens.n = 0;
        graft_status status =
            mode == 1 ? graft_tokenizer_encode_special(tokenizer, &tokens, text, n)
                      : graft_tokenizer_encode(tokenizer, &tokens, text, n,
                                               mode == 2 ? (uint8_t *)text + n : NULL);
        failed = status != GRAFT_OK ? complain() : answer(tokenizer, &tokens);
        free(text);
    }
    graft_tokens_clear(&tokens);
    return failed;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int measure(const graft_tokenizer *tokenizer, const char *path)
{
    graft_mapped file;
    graft_tokens tokens;
    double best = INFINITY;
    if (graft_mapped_open(&file, path) != GRAFT_OK) {
        return complain();
    }
    graft_tokens_init(&tokens);
    for (int i = 0; i < 3; i++) {
        double start = seconds();
        tokens.n = 0;
        if (graft_tokenizer_encode(tokenizer, &tokens, (const char *)file.data, file.size, NULL) !=
            GRAFT_OK) {
            return complain();
        }
        best = fmin(best, seconds() - start);
    }
    printf("%.1f MB/s, %zu tokens\n", 1e-6 * (double)file.size / best, tokens.n);
    graft_tokens_clear(&tokens);
    graft_mapped_close(&file);
    return 0;
}

int main(int argc, char **argv)
{
    graft_gguf *file = NULL;
    graft_tokenizer *tokenizer = NULL;
    if (argc < 2 || graft_gguf_open(&file, argv[1]) != GRAFT_OK ||
        graft_tokenizer_new(&tokenizer, file, NULL) != GRAFT_OK) {
        return complain();
    }
    graft_gguf_close(file);
    int failed = 0;
    if (argc > 2 && strcmp(argv[2], "eog") == 0) {
        for (size_t id = 0; id < graft_tokenizer_n_vocab(tokenizer); id++) {
            if (graft_tokenizer_is_eog(tokenizer, (int32_t)id)) {
                printf("%zu\n", id);
            }
        }
    } else if (argc > 3 && strcmp(argv[2], "speed") == 0) {
        failed = measure(tokenizer, argv[3]);
    } else if (argc > 2 && strcmp(argv[2], "flags") == 0) {
        printf("add_bos %d\n", graft_tokenizer_add_bos(tokenizer));
    } else {
        failed = serve(tokenizer);
    }
    graft_tokenizer_free(tokenizer);
    return failed;
}
