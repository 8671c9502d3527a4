/* run_data_check.c - graft_data_check. */
#include <graft/dataset.h>

#include <stdatomic.h>
#include <string.h>

#include "data/linter.h"
#include "data/show.h"
#include "run/data_files.h"

typedef struct checking {
    graft_config *config;
    const graft_check_options *options;
    const graft_hooks *hooks;
    graft_linter *linter;
    graft_session session; /* the base and its template, if one is named */
    graft_json *list;  /* findings; NULL: they are emitted */
    size_t told[GRAFT_LINTS_MAX];
    graft_linter_result result;
} checking;

static graft_status list_finding(graft_json *list, const graft_lint *lint, const char *file,
                                 size_t line, const char *message)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *taken;
    GRAFT_TRY(graft_json_set_string(o, "kind", lint->name));
    GRAFT_TRY(graft_json_set_string(o, "severity", lint->error ? "error" : "warning"));
    GRAFT_TRY(graft_json_set_string(o, "file", file));
    GRAFT_TRY(graft_json_set_int(o, "line", (int64_t)line));
    GRAFT_TRY(graft_json_set_string(o, "message", message));
    taken = o;
    o = NULL;
    GRAFT_TRY(graft_json_push(list, taken));
done:
    graft_json_free(o);
    return status;
}

static graft_status emit_finding(const graft_hooks *hooks, const graft_lint *lint, const char *file,
                                 size_t line, const char *message)
{
    graft_status status = GRAFT_OK;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_text_append_escaped(&text, file, strlen(file), false));
    GRAFT_TRY(graft_text_appendf(&text, ":%zu: %s [%s]\n", line, message, lint->name));
    GRAFT_TRY(graft_hooks_emit(hooks, text.data, text.len));
done:
    graft_text_clear(&text);
    return status;
}

static graft_status found(void *context, const graft_lint *lint, const char *file, size_t line,
                          const char *message)
{
    checking *c = context;
    size_t *told = &c->told[graft_lints_index(lint)];
    if (c->options->limit && *told >= c->options->limit) {
        return GRAFT_OK;
    }
    ++*told;
    return c->list ? list_finding(c->list, lint, file, line, message)
                   : emit_finding(c->hooks, lint, file, line, message);
}

static graft_status poll(void *context)
{
    const checking *c = context;
    return graft_hooks_check(c->hooks);
}

/* --- the template --- */

typedef struct tool_search {
    const checking *checking;
    atomic_bool found;
} tool_search;

static void look_for_tools(void *context, graft_record *record, int thread)
{
    tool_search *search = context;
    (void)thread;
    if (record->status == GRAFT_OK) {
        if (graft_conversation_uses_tools(&record->conversation)) {
            atomic_store(&search->found, true);
        }
        graft_conversation_clear(&record->conversation);
    }
}

static graft_status poll_search(void *context)
{
    const tool_search *search = context;
    return graft_hooks_check(search->checking->hooks);
}

/* Ends the reading once there are tools. */
static graft_status take_none(void *context, graft_record *record)
{
    tool_search *search = context;
    if (record->status != GRAFT_OK && !(record->status == GRAFT_E_DATA && record->message)) {
        return graft_record_fail(record);
    }
    return atomic_load(&search->found) ? graft_fail(GRAFT_E_INTERRUPTED, "found") : GRAFT_OK;
}

/* Does an example declare or call tools? */
static graft_status find_tools(const checking *c, bool *found)
{
    graft_status status = GRAFT_OK;
    tool_search search = {.checking = c};
    graft_record_visitor visitor = {&search, look_for_tools, take_none, poll_search};
    for (size_t i = 0; i < c->config->dataset.n && !atomic_load(&search.found); i++) {
        graft_source source = graft_data_files_source(&c->config->dataset.items[i]);
        const char *format;
        status = graft_source_read(&source, &visitor, &format);
        if (!atomic_load(&search.found)) {
            GRAFT_TRY(status);
        }
    }
    status = GRAFT_OK;
done:
    *found = atomic_load(&search.found);
    return status;
}

/* Which template training would use; none if neither a base nor a template is named. One that
 * does not show tools is replaced only if there are any, so the data are read until one is found. */
static graft_status choose_template(checking *c)
{
    graft_status status = GRAFT_OK;
    bool tools;
    if (c->config->base_model || c->config->chat_template) {
        GRAFT_TRY(graft_data_files_check_reread(&c->config->dataset));
    }
    if (c->config->base_model) {
        GRAFT_TRY(graft_session_open(&c->session, c->config));
    } else if (!c->config->chat_template) {
        return GRAFT_OK;
    }
    c->session.config = c->config;
    GRAFT_TRY(find_tools(c, &tools));
    GRAFT_TRY(graft_session_chat(&c->session, tools));
done:
    return status;
}

static graft_status read_all(checking *c, graft_writer *fixed)
{
    graft_status status = GRAFT_OK;
    graft_linter_options options = {
        .near = c->options->near, .found = found, .poll = poll,
        .context = c, .fixed = fixed, .chat = c->session.chat,
        .tokenizer = c->session.tokenizer,
        .drops_reasoning = c->config->reasoning == GRAFT_REASONING_DROP};
    GRAFT_TRY(graft_linter_new(&c->linter, &options));
    for (size_t i = 0; i < c->config->eval_dataset.n; i++) {
        graft_source source = graft_data_files_source(&c->config->eval_dataset.items[i]);
        GRAFT_TRY(graft_linter_know(c->linter, &source));
    }
    for (size_t i = 0; i < c->config->dataset.n; i++) {
        graft_source source = graft_data_files_source(&c->config->dataset.items[i]);
        GRAFT_TRY(graft_linter_read(c->linter, &source));
    }
    GRAFT_TRY(graft_linter_result_take(&c->result, c->linter));
done:
    return status;
}

/* --- summary --- */

static graft_status format_table(graft_text *out, const checking *c)
{
    graft_status status = GRAFT_OK;
    const graft_linter_result *r = &c->result;
    for (size_t i = 0; graft_lints[i]; i++) {
        if (r->examples[i] && graft_lints[i] != &graft_lint_bad_line) {
            GRAFT_TRY(graft_text_appendf(out, "%s: %zu", graft_lints[i]->name, r->examples[i]));
            if (c->told[i] < r->examples[i]) {
                GRAFT_TRY(graft_text_appendf(out, " (%zu shown; --limit 0 shows all)", c->told[i]));
            }
            GRAFT_TRY(graft_text_appendf(out, " - %s\n", graft_lints[i]->what));
        }
    }
done:
    return status;
}

static graft_status format_fixes(graft_text *out, const checking *c)
{
    graft_status status = GRAFT_OK;
    const graft_linter_result *r = &c->result;
    for (size_t i = 0; graft_lints[i]; i++) {
        if (r->fixed[i]) {
            GRAFT_TRY(graft_text_appendf(out, "%s: %zu of %s\n",
                                         graft_lints[i]->fix ? "repaired" : "left out", r->fixed[i],
                                         graft_lints[i]->name));
        }
    }
    GRAFT_TRY(graft_text_appendf(out, "written: %zu examples to %s\n", r->written,
                                 c->options->fix_to));
done:
    return status;
}

static graft_status summarise(graft_text *out, const checking *c)
{
    graft_status status = GRAFT_OK;
    const graft_linter_result *r = &c->result;
    if (r->format) {
        GRAFT_TRY(graft_text_appendf(out, "format: %s\n", r->format));
    }
    if (r->counts.examples > 0) {
        GRAFT_TRY(graft_dataset_counts_format(out, &r->counts));
    }
    GRAFT_TRY(format_table(out, c));
    GRAFT_TRY(graft_text_appendf(out, "bad lines: %zu\n",
                                 r->examples[graft_lints_index(&graft_lint_bad_line)]));
    if (r->written > 0) {
        GRAFT_TRY(format_fixes(out, c));
    }
done:
    return status;
}

/* {NAME: count} of what is not 0. */
static graft_status set_counts(graft_json *object, const char *key, const size_t *counts)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object();
    for (size_t i = 0; graft_lints[i]; i++) {
        if (counts[i]) {
            GRAFT_TRY(graft_json_set_int(o, graft_lints[i]->name, (int64_t)counts[i]));
        }
    }
    GRAFT_TRY(graft_json_set(object, key, graft_json_retain(o)));
done:
    graft_json_free(o);
    return status;
}

static graft_status summarise_json(graft_text *out, const checking *c)
{
    graft_status status = GRAFT_OK;
    const graft_linter_result *r = &c->result;
    graft_json *o = graft_json_new_object();
    if (r->format) {
        GRAFT_TRY(graft_json_set_string(o, "format", r->format));
    }
    GRAFT_TRY(graft_dataset_counts_json(o, &r->counts));
    GRAFT_TRY(graft_json_set_int(
        o, "bad_lines", (int64_t)r->examples[graft_lints_index(&graft_lint_bad_line)]));
    GRAFT_TRY(graft_json_set_int(o, "errors", (int64_t)r->errors));
    GRAFT_TRY(graft_json_set_int(o, "warnings", (int64_t)r->warnings));
    GRAFT_TRY(set_counts(o, "found", r->examples));
    if (c->options->fix_to) {
        GRAFT_TRY(set_counts(o, "fixed", r->fixed));
        GRAFT_TRY(graft_json_set_int(o, "written", (int64_t)r->written));
    }
    GRAFT_TRY(graft_json_set_int(o, "bytes_compared", (int64_t)r->bytes_compared));
    GRAFT_TRY(graft_json_set(o, "findings", graft_json_retain(c->list)));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(o);
    return status;
}

/* What the exit code says. */
static graft_status judge(const checking *c)
{
    size_t bad = c->result.examples[graft_lints_index(&graft_lint_bad_line)];
    bool tolerated = c->config->skip_bad || c->options->fix_to;
    if (bad && c->result.counts.examples == 0) {
        return graft_fail(GRAFT_E_DATA, "%zu bad line%s and no example", bad, bad == 1 ? "" : "s");
    }
    if (bad && !tolerated) {
        return graft_fail(GRAFT_E_DATA, "%zu bad line%s", bad, bad == 1 ? "" : "s");
    }
    if (c->result.errors > bad) {
        return graft_fail(GRAFT_E_DATA, "%zu example%s do%s not fit the chat template",
                          c->result.errors - bad, c->result.errors - bad == 1 ? "" : "s",
                          c->result.errors - bad == 1 ? "es" : "");
    }
    if (c->options->strict && c->result.warnings > 0) {
        return graft_fail(GRAFT_E_DATA, "%zu finding%s (--strict)", c->result.warnings,
                          c->result.warnings == 1 ? "" : "s");
    }
    return GRAFT_OK;
}

graft_status graft_data_check(graft_config *config, const graft_check_options *options,
                              const graft_hooks *hooks, char **out)
{
    graft_status status = GRAFT_OK;
    checking c = {.config = config, .options = options, .hooks = hooks};
    graft_writer *writer = NULL;
    graft_text text;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_data_files_prepare(config));
    if (options->fix_to) {
        GRAFT_TRY(graft_data_files_open(&writer, options->fix_to, "out", NULL));
        GRAFT_TRY(graft_data_files_check_beside(options->fix_to, config));
    }
    if (options->json && !(c.list = graft_json_new_array())) {
        status = graft_fail(GRAFT_E_MEMORY, "out of memory");
        goto done;
    }
    GRAFT_TRY(choose_template(&c));
    if (writer && c.session.model) {
        GRAFT_TRY(graft_gguf_check_output(c.session.model->file, options->fix_to));
    }
    GRAFT_TRY(read_all(&c, writer));
    if (writer && c.result.written > 0) {
        GRAFT_TRY(graft_writer_commit(&writer));
    }
    GRAFT_TRY(options->json ? summarise_json(&text, &c) : summarise(&text, &c));
    GRAFT_TRY(graft_text_take(&text, out));
    status = judge(&c);
done:
    graft_writer_discard(&writer);
    graft_linter_free(c.linter);
    graft_session_close(&c.session);
    graft_json_free(c.list);
    graft_text_clear(&text);
    return status;
}
