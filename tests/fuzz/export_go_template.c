/* Any bytes as a chat template from which one for Ollama is learnt: only memory fails, and what is made fits into
 * the quotes of a Modelfile. Templates that need many steps are left out: nothing here bounds the sum. */
#include <string.h>

#include "chat/template.h"
#include "core/memory.h"
#include "export/go_template.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"probe0text\"}, {\"role\": \"user\", \"content\": \"probe1text\"},"
    " {\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"call00001\", \"type\": \"function\","
    " \"function\": {\"name\": \"probe_tool\", \"arguments\": {\"probe_key\": \"probe_value\"}}}]},"
    " {\"role\": \"tool\", \"content\": \"probe3text\"}, {\"role\": \"assistant\", \"content\": \"probe4text\"}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"probe_tool\", \"parameters\": {}}}]}";

static bool is_quick(const char *source, size_t n)
{
    static const graft_template_limits limits = {.steps = 20000, .depth = 500, .bytes = 1 << 20};
    static graft_json *data;
    graft_template *tpl;
    graft_rendered rendered;
    if (data == NULL) {
        fuzz_check(graft_json_parse(&data, conversation, sizeof conversation - 1) == GRAFT_OK);
    }
    if (graft_template_parse(&tpl, source, n, "fuzz") != GRAFT_OK) {
        return false;
    }
    graft_rendered_init(&rendered);
    graft_template_set_limits(tpl, &limits);
    bool quick = graft_template_render(tpl, &rendered, data, NULL) == GRAFT_OK;
    graft_rendered_clear(&rendered);
    graft_template_free(tpl);
    return quick;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const stops[] = {"<|im_end|>"};
    graft_go_template made = {0};
    char *source;
    if (memchr(data, 0, n) != NULL || !is_quick((const char *)data, n)) {
        return 0;
    }
    fuzz_check(graft_strndup(&source, (const char *)data, n) == GRAFT_OK);
    const graft_export_serving serving = {.name = "fuzz", .slug = "fuzz", .chat_template = source, .bos = "<s>",
                                          .eos = "</s>", .stops = stops, .n_stops = 1};
    fuzz_check(graft_go_template_make(&made, &serving) == GRAFT_OK);
    fuzz_check(made.text.len > 0 || made.lacks != NULL);
    fuzz_check(!made.has_tools || made.text.len > 0);
    fuzz_check(strstr(graft_text_z(&made.text), "\"\"\"") == NULL);
    graft_go_template_clear(&made);
    graft_free(source);
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {
        "{% for m in messages %}", "{% endfor %}", "{{ m.role }}", "{{ m.content }}", "{% if m.role == 'user' %}",
        "{% elif m.role == 'tool' %}", "{% endif %}", "{% if tools %}", "{% for t in tools %}", "{{ t|tojson }}",
        "{{ t.function|tojson }}", "{% for c in m.tool_calls %}", "{{ c.function|tojson }}", "{{ c.function.name }}",
        "{{ c.function.arguments|tojson }}", "{% if add_generation_prompt %}", "<|im_start|>", "<|im_end|>\n", "\"\"\"",
        "\"", "{{ '{{' }}", "{{ bos_token }}", "[[INST]]", "messages[0].content", "loop.first", "\n", NULL};
    return fuzz_tests_few("export_go_template", LLVMFuzzerTestOneInput, words, 1000);
}
#endif
