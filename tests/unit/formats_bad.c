/* Every file of tests/bad/make_files.py is refused with the message that the script names, and the file's
 * name in it; token caches are made anew with one. At the end distinct files and distinct messages of
 * all scripts in tests/bad are counted. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/template.h"
#include "config/config.h"
#include "convert/convert.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/sha256.h"
#include "core/strings.h"
#include "data/dataset.h"
#include "eval/report.h"
#include "export/export.h"
#include "export/importance.h"
#include "io/files.h"
#include "io/hdf5.h"
#include "io/lines.h"
#include "io/safetensors.h"
#include "io/sentencepiece.h"
#include "schema/schema.h"
#include "support/adapters.h"
#include "support/cached.h"
#include "tokenizer/tokenizer.h"

enum { MAX_CASES = 600, LEAST_DISTINCT = 120 };

/* --- one function per format: opens the file and gives it back --- */

static graft_status open_safetensors(const char *path)
{
    graft_safetensors *file;
    graft_status status = graft_safetensors_open(&file, path);
    graft_safetensors_close(file);
    return status;
}

static graft_status open_gguf(const char *path)
{
    graft_gguf *file;
    graft_status status = graft_gguf_open(&file, path);
    graft_gguf_close(file);
    return status;
}

/* Reads a text file; its parser does not know the name, its caller adds it. */
static graft_status parse(const char *path, graft_status (*parser)(const graft_text *text))
{
    graft_text text;
    graft_text_init(&text);
    assert_ok(graft_file_read(&text, path, 1 << 23));
    graft_status status = parser(&text);
    graft_text_clear(&text);
    return status == GRAFT_OK ? status : graft_fail_prefix("%s", path);
}

static graft_status parse_json(const graft_text *text)
{
    graft_json *value;
    graft_status status = graft_json_parse(&value, graft_text_z(text), text->len);
    graft_json_free(value);
    return status;
}

static graft_status open_json(const char *path)
{
    return parse(path, parse_json);
}

static graft_status open_jsonl(const char *path)
{
    const graft_source source = {path, NULL, NULL};
    graft_dataset dataset;
    graft_dataset_init(&dataset);
    graft_status status = graft_dataset_read(&dataset, &source, false);
    graft_dataset_clear(&dataset);
    return status;
}

static graft_status open_yaml(const char *path)
{
    graft_config *config;
    assert_ok(graft_config_new(&config));
    graft_status status = graft_config_read(config, path);
    if (status == GRAFT_OK) { /* what is checked last is not of one file any more */
        status = graft_config_check(config);
        status = status == GRAFT_OK ? status : graft_fail_prefix("%s", path);
    }
    graft_config_free(config);
    return status;
}

static graft_status open_zst(const char *path)
{
    graft_lines *lines;
    const char *line = "";
    size_t n;
    graft_status status = graft_lines_open(&lines, path);
    while (status == GRAFT_OK && line != NULL) {
        status = graft_lines_next(lines, &line, &n);
    }
    graft_lines_close(lines);
    return status;
}

static graft_status open_checkpoint(const char *path)
{
    graft_status status = GRAFT_OK;
    graft_h5 *image;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_h5_read(&image, path));
    GRAFT_TRY(graft_h5_get_text(image, "run/identity", &text));
done:
    graft_h5_free(image);
    graft_text_clear(&text);
    return status;
}

static graft_status open_tokenizer(const char *path)
{
    graft_status status = GRAFT_OK;
    graft_gguf *file;
    graft_tokenizer *tokenizer = NULL;
    GRAFT_TRY(graft_gguf_open(&file, path));
    GRAFT_TRY(graft_tokenizer_new(&tokenizer, file, NULL));
done:
    graft_tokenizer_free(tokenizer);
    graft_gguf_close(file);
    return status;
}

static graft_status open_template(const char *path)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_template *template = NULL;
    graft_rendered rendered;
    graft_json *data = NULL;
    graft_text_init(&text);
    graft_rendered_init(&rendered);
    GRAFT_TRY(graft_file_read(&text, path, 1 << 23));
    GRAFT_TRY(graft_json_parse(&data, "{\"messages\":[]}", 15));
    GRAFT_TRY(graft_template_parse(&template, graft_text_z(&text), text.len, path));
    GRAFT_TRY(graft_template_render(template, &rendered, data, NULL));
done:
    graft_template_free(template);
    graft_rendered_clear(&rendered);
    graft_json_free(data);
    graft_text_clear(&text);
    return status;
}

static graft_status open_adapter(const char *path)
{
    graft_loaded_adapter loaded;
    graft_gguf *base = tiny_base("base.gguf", "llama");
    graft_status status = graft_adapter_load(&loaded, path, base);
    graft_loaded_adapter_clear(&loaded);
    graft_gguf_close(base);
    return status;
}

/* What cannot be looked at is left out and said. */
static graft_status parse_schema(const graft_text *text)
{
    graft_json *value;
    graft_schema *schema;
    assert_ok(graft_json_parse(&value, graft_text_z(text), text->len));
    assert_ok(graft_schema_compile(&schema, value, GRAFT_SCHEMA_2020_12));
    const char *remark = graft_schema_remark(schema, 0);
    graft_status status = remark == NULL ? GRAFT_OK : graft_fail(GRAFT_E_DATA, "%s", remark);
    graft_schema_free(schema);
    graft_json_free(value);
    return status;
}

static graft_status open_schema(const char *path)
{
    return parse(path, parse_schema);
}

static graft_status parse_sentencepiece(const graft_text *text)
{
    graft_sentencepiece model;
    graft_status status = graft_sentencepiece_parse(
        &model, (const uint8_t *)graft_text_z(text), text->len);
    graft_sentencepiece_clear(&model);
    return status;
}

static graft_status open_sentencepiece(const char *path)
{
    return parse(path, parse_sentencepiece);
}

static graft_status open_importance(const char *path)
{
    graft_importance *importance;
    graft_status status = graft_importance_open(&importance, path);
    graft_importance_close(importance);
    return status;
}

static graft_status parse_report(const graft_text *text)
{
    graft_json *value;
    graft_eval_report report;
    assert_ok(graft_json_parse(&value, graft_text_z(text), text->len));
    graft_status status = graft_eval_report_parse(&report, value);
    graft_eval_report_clear(&report);
    graft_json_free(value);
    return status;
}

static graft_status open_report(const char *path)
{
    return parse(path, parse_report);
}

static graft_status open_hf(const char *path)
{
    graft_hf *hf;
    graft_status status = graft_hf_open(&hf, path, NULL);
    graft_hf_close(hf);
    return status;
}

static const struct {
    const char *name;
    graft_status (*open)(const char *path);
} kinds[] = {
    {"safetensors", open_safetensors}, {"json", open_json},
    {"jsonl", open_jsonl},             {"yaml", open_yaml},
    {"zst", open_zst},                 {"checkpoint", open_checkpoint},
    {"tokenizer", open_tokenizer},     {"template", open_template},
    {"adapter", open_adapter},         {"peft", open_adapter},
    {"schema", open_schema},           {"sentencepiece", open_sentencepiece},
    {"importance", open_importance},   {"split", open_gguf},
    {"report", open_report},           {"gguf", open_gguf},
    {"hf", open_hf},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* --- what was refused, and how --- */

static graft_text files, messages; /* a line each: kind and digest; message without the path */
static size_t n_refused[N_KINDS + 1];

static void note(size_t kind, const char *path, const char *message)
{
    char digest[65] = "folder";
    if (!graft_path_is_dir(path)) {
        assert_ok(graft_file_sha256(digest, path));
    }
    assert_ok(graft_text_appendf(&files, "%s %s\n", digest,
                                 graft_path_is_dir(path) ? path : ""));
    const char *at = strstr(message, path); /* a message may name a file below it, or beside it */
    assert_ok(graft_text_appendf(&messages, "%s\n", at == message ? at + strlen(path) : message));
    n_refused[kind]++;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t count_distinct(graft_text *text)
{
    static char *lines[2 * MAX_CASES];
    size_t n = 0, distinct = 0;
    char *end = NULL;
    for (char *line = strtok_r(text->data, "\n", &end); line != NULL;
         line = strtok_r(NULL, "\n", &end)) {
        assert_true(n < sizeof lines / sizeof *lines);
        lines[n++] = line;
    }
    qsort(lines, n, sizeof *lines, compare_lines);
    for (size_t i = 0; i < n; i++) {
        distinct += i == 0 || strcmp(lines[i - 1], lines[i]) != 0;
    }
    return distinct;
}

/* --- the tests --- */

typedef struct bad_case {
    size_t kind;
    char path[256];
    char *message;
} bad_case;

static bad_case cases[MAX_CASES];
static struct CMUnitTest tests[MAX_CASES + 4];

static void judge(void **state)
{
    const bad_case *c = *state;
    graft_status status = kinds[c->kind].open(c->path);
    if (status == GRAFT_OK) {
        fail_msg("%s: accepted", c->path);
    }
    const char *name = strrchr(c->path, '/') + 1, *dash = strstr(name, "-0000");
    char stem[128]; /* of a model in parts: any of them */
    snprintf(stem, sizeof stem, "%.*s", dash != NULL ? (int)(dash - name) : 120, name);
    assert_contains(graft_error_message(), stem);
    assert_contains(graft_error_message(), c->message);
    assert_null(strchr(graft_error_message(), '\n'));
    note(c->kind, c->path, graft_error_message());
}

static graft_text warnings;

static void keep_warning(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level == GRAFT_LOG_WARN) {
        assert_ok(graft_text_appendf(&warnings, "%s\n", line));
    }
}

/* A cache that is broken, or another's, costs the time to make it anew, and that is said. */
static void broken_caches_are_made_anew(void **state)
{
    (void)state;
    static const uint32_t two[2] = {3, 3}, sizes[2] = {1, 1}, of[2] = {0, 1}, beyond[2] = {0, 2},
                          back[2] = {1, 0}, long_sizes[2] = {1, 9}, short_sizes[2] = {1, 0};
    static const int32_t ids[2] = {1, 2}, negative[2] = {1, -2}, large[2] = {1, 1 << 20};
    static const float weights[2] = {0, 1}, nan[2] = {0, (float)(0.0f / 0.0f)};
    static const uint8_t roles[2] = {0, 2}, role[2] = {0, 200};
#define COLUMN(array) {array, sizeof array}
    static const struct {
        const char *key, *message;
        cached_column columns[CACHED_COLUMNS];
    } caches[] = {
        {"another", "belongs to other data", {{two, 0}}},
        {NULL, "it has another number of examples",
         {{two, 4}, COLUMN(sizes), COLUMN(of), COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "its arrays have different lengths",
         {COLUMN(two), COLUMN(sizes), {of, 4}, COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "its samples do not fit together",
         {COLUMN(two), COLUMN(sizes), COLUMN(beyond), COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "its samples do not fit together",
         {COLUMN(two), COLUMN(sizes), COLUMN(back), COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "its samples do not fit together",
         {COLUMN(two), COLUMN(long_sizes), COLUMN(of), COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "its samples do not fit together",
         {COLUMN(two), COLUMN(short_sizes), COLUMN(of), COLUMN(ids), COLUMN(weights), COLUMN(roles)}},
        {NULL, "tokens that this base does not have",
         {COLUMN(two), COLUMN(sizes), COLUMN(of), COLUMN(negative), COLUMN(weights), COLUMN(roles)}},
        {NULL, "tokens that this base does not have",
         {COLUMN(two), COLUMN(sizes), COLUMN(of), COLUMN(large), COLUMN(weights), COLUMN(roles)}},
        {NULL, "tokens that this base does not have",
         {COLUMN(two), COLUMN(sizes), COLUMN(of), COLUMN(ids), COLUMN(nan), COLUMN(roles)}},
        {NULL, "tokens that this base does not have",
         {COLUMN(two), COLUMN(sizes), COLUMN(of), COLUMN(ids), COLUMN(weights), COLUMN(role)}},
    };
    graft_text plain, tokens;
    graft_text_init(&plain);
    graft_text_init(&tokens);
    cached_build(&plain);
    graft_text_init(&warnings);
    graft_log_set_sink(keep_warning, NULL);
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        warnings.len = tokens.len = 0;
        cached_write(caches[i].key, caches[i].columns);
        note(N_KINDS, cached_path(), caches[i].message);
        cached_build(&tokens);
        assert_contains(graft_text_z(&warnings), "tokens.h5");
        assert_contains(graft_text_z(&warnings), caches[i].message);
        assert_contains(graft_text_z(&warnings), "it is made anew");
        assert_string_equal(graft_text_z(&tokens), graft_text_z(&plain));
    }
    graft_log_set_sink(NULL, NULL);
    graft_text_clear(&plain);
    graft_text_clear(&tokens);
    graft_text_clear(&warnings);
}

static void there_are_enough_of_every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i <= N_KINDS; i++) {
        const char *name = i < N_KINDS ? kinds[i].name : "cache";
        print_message("%s: %zu files\n", name, n_refused[i]);
        assert_true(n_refused[i] >= 5);
    }
    size_t n_files = count_distinct(&files), n_messages = count_distinct(&messages);
    print_message("%zu different files, %zu different messages\n", n_files, n_messages);
    assert_true(n_files >= LEAST_DISTINCT && n_messages >= LEAST_DISTINCT);
    graft_text_clear(&files);
    graft_text_clear(&messages);
}

/* --- the lists of the scripts --- */

static size_t n_cases;

static void add(const char *kind, const char *folder, const char *name, const char *suffix,
                char *message)
{
    bad_case *c = &cases[n_cases];
    while (c->kind < N_KINDS && strcmp(kinds[c->kind].name, kind) != 0) {
        c->kind++;
    }
    if (message == NULL || c->kind == N_KINDS || n_cases == MAX_CASES - 1) {
        fprintf(stderr, "not understood: %s %s\n", kind, name);
        exit(1);
    }
    if (message[0] != '\0') { /* else it is a valid one */
        snprintf(c->path, sizeof c->path, "%s/%s/%s%s", test_temp_dir(), folder, name, suffix);
        c->message = message;
        tests[n_cases] = (struct CMUnitTest){.name = strchr(strchr(c->path, '/') + 1, '/') + 1,
                                             .test_func = judge, .initial_state = c};
        n_cases++;
    }
}

/* `script` makes files in `folder` and a list whose lines have n_fields fields, the last one a
 * message. */
static void read_list(graft_text *list, const char *script, const char *folder, const char *kind,
                      size_t n_fields)
{
    char command[256], name[128], *end = NULL, *fields[3] = {NULL};
    snprintf(command, sizeof command, "python3 tests/bad/%s %s/%s", script, test_temp_dir(), folder);
    snprintf(name, sizeof name, "%s/expected.txt", folder);
    if (system(command) != 0 || graft_file_read(list, test_temp_path(name), 1 << 20) != GRAFT_OK) {
        fprintf(stderr, "%s failed\n", command);
        exit(1);
    }
    for (char *line = strtok_r(list->data, "\n", &end); line != NULL;
         line = strtok_r(NULL, "\n", &end)) {
        size_t n = 0;
        for (; n < n_fields && line != NULL; n++) {
            fields[n] = line;
            line = strchr(line, '\t');
            if (line != NULL) {
                *line++ = '\0';
            }
        }
        if (kind == NULL) { /* it is the first field, and a folder */
            snprintf(name, sizeof name, "%s/%s", folder, fields[0]);
            add(fields[0], name, fields[1], "", fields[2]);
        } else {
            add(kind, folder, fields[0], kind[0] == 'g' ? ".gguf" : "", fields[n_fields - 1]);
        }
    }
}

int main(void)
{
    graft_text lists[3] = {{0}};
    read_list(&lists[0], "make_files.py", "bad", NULL, 3);
    read_list(&lists[1], "make_gguf.py", "gguf", "gguf", 2);
    read_list(&lists[2], "make_hf.py", "hf", "hf", 3);
    size_t n = n_cases;
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(broken_caches_are_made_anew);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(there_are_enough_of_every_format);
    int failed = _cmocka_run_group_tests("formats_bad", tests, n, NULL, NULL);
    for (size_t i = 0; i < 3; i++) {
        graft_text_clear(&lists[i]);
    }
    return failed;
}
