/* Any bytes as one of the files in the folder of a run; the others are valid. The first byte chooses which.
 * What verify and inspect say of it is text without control characters, and JSON that says the same; of
 * SHA256SUMS only files in the folder are opened. */
#include <stdlib.h>
#include <string.h>

#include <graft/model.h>
#include <graft/verify.h>

#include "core/memory.h"
#include "core/strings.h"
#include "io/files.h"
#include "io/json.h"
#include "run/sums.h"
#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A file of the folder and what is in it while another one is tried; NULL: it is not there. */
static const struct {
    const char *name, *valid;
} files[] = {
    {"metrics.jsonl", "{\"event\":\"step\",\"step\":1,\"epoch\":1,\"loss\":2,\"grad_norm\":1,"
                      "\"learning_rate\":0.1}\n"},
    {"config.yaml", "base_model: a.gguf\ndataset: a.jsonl\nexport: []\n"},
    {"chat_template.jinja", "{{ messages }}"},
    {"eval-after.json", NULL},
    {"SHA256SUMS", NULL},
    {"report.html", "<html></html>\n"},
    {"run.log", "12:00 begun\n"},
    {"adapter.gguf", NULL},
    {"adapter_config.json", NULL},
    {"adapter_model.safetensors", NULL},
    {"eval-before.json", NULL},
};
enum { N_FILES = sizeof files / sizeof *files };

static const char *path_of(size_t i)
{
    char name[64] = "run/";
    strcat(name, files[i].name);
    return test_temp_path(name);
}

static void put_valid(size_t i)
{
    if (files[i].valid != NULL) {
        fuzz_put(path_of(i), files[i].valid, strlen(files[i].valid));
    } else {
        fuzz_check(graft_file_remove(path_of(i)) == GRAFT_OK);
    }
}

static void check_text(const char *text)
{
    fuzz_check(text != NULL && graft_utf8_valid(text, strlen(text), NULL));
    for (const char *c = text; *c != '\0'; c++) {
        fuzz_check((unsigned char)*c >= ' ' || *c == '\n');
        fuzz_check(*c != 0x7f);
    }
}

static void check_verify(const char *folder)
{
    char *text = NULL, *json = NULL;
    graft_json *parsed = NULL;
    graft_status status = graft_verify(&folder, 1, NULL, NULL, 0, &text);
    check_text(text);
    fuzz_check((status == GRAFT_OK) == (strstr(text, ": BAD: ") == NULL));
    fuzz_check(status == GRAFT_OK || graft_error_message()[0] != '\0');
    fuzz_check(graft_verify(&folder, 1, NULL, NULL, 1, &json) == status);
    fuzz_check(graft_json_parse(&parsed, json, strlen(json)) == GRAFT_OK);
    fuzz_check(graft_json_bool(graft_json_get(parsed, "sound")) == (status == GRAFT_OK));
    graft_json_free(parsed);
    graft_free(text);
    graft_free(json);
}

static void check_inspect(const char *folder)
{
    char *text = NULL;
    graft_json *parsed = NULL;
    if (graft_inspect(folder, 0, 0, &text) == GRAFT_OK) {
        check_text(text);
        graft_free(text);
        fuzz_check(graft_inspect(folder, 0, 1, &text) == GRAFT_OK);
        fuzz_check(graft_json_parse(&parsed, text, strlen(text)) == GRAFT_OK);
    }
    graft_json_free(parsed);
    graft_free(text);
}

static graft_status visit(void *context, const char *name, graft_status found)
{
    (void)context;
    fuzz_check(name[0] != '\0' && strchr(name, '/') == NULL);
    fuzz_check(found == GRAFT_OK || graft_error_message()[0] != '\0');
    return GRAFT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char folder[256];
    if (folder[0] == '\0') {
        strcpy(folder, tiny_dir("run"));
        for (size_t i = 0; i < N_FILES; i++) {
            put_valid(i);
        }
    }
    if (n == 0) {
        return 0;
    }
    size_t chosen = data[0] % N_FILES;
    fuzz_put(path_of(chosen), data + 1, n - 1);
    check_verify(folder);
    check_inspect(folder);
    if (strcmp(files[chosen].name, GRAFT_SUMS_NAME) == 0) {
        (void)graft_sums_check(folder, visit, NULL);
    }
    put_valid(chosen);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "\n", "{", "}", "[", "]", ",", ": ", "\"event\":", "\"step\"", "\"eval\"", "\"epoch\":", "\"loss\":", "\"best\"",
        "\"undone_step\"", "\"rollback\"", "\"metric\":", "\"scores\":", "\"items\":[", "1e308", "-1", "null",
        "base_model: ", "export: [adapter]", "lora_r: ", "0123456789abcdef0123456789abcdef"
        "0123456789abcdef0123456789abcdef  run.log\n", "../", "config.yaml", "\\u001b[2J", "</html>\n", "{% if x %}", NULL};
    return fuzz_tests_few("run_folder", LLVMFuzzerTestOneInput, words, 500);
}
#endif
