/* Any bytes as one of the files of a Hugging Face folder; the others are valid. The first byte chooses
 * which. What is accepted can be read and described to the end. */
#include "convert/convert.h"
#include "core/memory.h"
#include "io/files.h"
#include "support/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {"config.json", "tokenizer.json", "tokenizer_config.json",
                                    "model.safetensors", "tokenizer.model", "README.md",
                                    "generation_config.json", "model.safetensors.index.json",
                                    "chat_template.jinja", "chat_template.json"};
enum { N_FIRST = 8, N_LATER = 2 };

/* From 240 on the byte means the files that came later. */
static const char *name_of(uint8_t byte)
{
    return names[byte < 240 ? byte % N_FIRST : N_FIRST + byte % N_LATER];
}

/* A valid folder, made once; what the last input wrote is put right again. */
static const char *folder(void)
{
    static char path[64];
    if (path[0] == '\0') {
        static char command[160];
        snprintf(path, sizeof path, "build/tmp/fuzz-hf-%ld", (long)getpid());
        snprintf(command, sizeof command, "python3 tests/bad/make_hf.py %s", path);
        fuzz_check(system(command) == 0);
    }
    return path;
}

static void read_all(const graft_hf *hf)
{
    size_t n;
    const graft_tensor_source *sources = graft_hf_tensors(hf, &n);
    graft_gguf_writer *file = NULL;
    for (size_t i = 0; i < n; i++) {
        float *row = NULL;
        fuzz_check(sources[i].ne[0] < 1 << 20);
        fuzz_check(graft_alloc(&row, (size_t)sources[i].ne[0], sizeof *row) == GRAFT_OK);
        for (uint64_t r = 0; r < sources[i].ne[1]; r++) {
            (void)sources[i].read(sources[i].context, r, 1, row);
        }
        graft_free(row);
    }
    fuzz_check(graft_gguf_writer_new(&file) == GRAFT_OK);
    (void)graft_hf_set_keys(hf, file);
    graft_gguf_writer_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[160], source[160];
    graft_hf *hf;
    graft_text valid;
    if (n == 0) {
        return 0;
    }
    const char *name = name_of(data[0]);
    snprintf(path, sizeof path, "%s/valid/%s", folder(), name);
    fuzz_put(path, data + 1, n - 1);
    snprintf(source, sizeof source, "%s/valid", folder());
    if (graft_hf_open(&hf, source, NULL) == GRAFT_OK) {
        read_all(hf);
    } else {
        fuzz_check(hf == NULL && graft_error_message()[0] != '\0');
    }
    graft_hf_close(hf);
    snprintf(source, sizeof source, "%s/valid_tied/%s", folder(), name);
    graft_text_init(&valid);
    if (graft_path_exists(source)) {
        fuzz_check(graft_file_read(&valid, source, 1 << 20) == GRAFT_OK);
        fuzz_put(path, valid.data, valid.len);
    } else {
        fuzz_check(graft_file_remove(path) == GRAFT_OK);
    }
    graft_text_clear(&valid);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{", "}", "[", "]", ":", ",", "null", "true", "-1", "0", "1e9", "\"content\"", "\"id\"",
        "\"special\"", "\"model\"", "\"merges\"", "\"byte_fallback\": true", "\"rope_scaling\"",
        "\"text_config\"", "\"head_dim\"", "\"architectures\"", "9223372036854775807", NULL};
    char command[128];
    int failed = fuzz_tests("convert_folder", LLVMFuzzerTestOneInput, words);
    snprintf(command, sizeof command, "rm -rf %s", folder());
    return system(command) != 0 || failed;
}
#endif
