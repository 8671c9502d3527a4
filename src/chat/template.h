/* chat/template.h - chat templates: a bounded Jinja interpreter that knows where text came from.
 *
 * The language is the part of Jinja2 that chat templates use, in the environment that
 * transformers gives them (trim_blocks, lstrip_blocks, loop controls; raise_exception,
 * strftime_now, tojson without HTML escaping, namespace, ...). Output is equal to jinja2's byte for
 * byte. Every byte carries its origin: template or data; only template bytes may later form
 * control tokens. Bounded in steps, depth and output size; no access to anything but its inputs. */
#ifndef GRAFT_CHAT_TEMPLATE_H
#define GRAFT_CHAT_TEMPLATE_H

#include "chat/parts.h"
#include "core/strings.h"
#include "io/json.h"

typedef struct graft_template graft_template;

/* What one parse or one rendering may use up; hitting a bound is an error that names it. */
typedef struct graft_template_limits {
    size_t steps; /* of evaluation, roughly one per operation and per 64 bytes moved */
    size_t depth; /* of nesting: expressions, statements and macro calls together */
    size_t bytes; /* of memory, for everything including the output */
} graft_template_limits;
extern const graft_template_limits graft_template_default_limits; /* 50 million, 2000, 256 MiB */

/* Rendered text. origin has one byte per byte of text: 1 came from the template (or from trusted
 * variables), 0 from data. */
typedef struct graft_rendered {
    graft_text text;
    graft_text origin;
} graft_rendered;
void graft_rendered_init(graft_rendered *rendered);
void graft_rendered_clear(graft_rendered *rendered);

/* `name` is used in messages ("name:12: expected ..."). GRAFT_E_MODEL with the line and the construct. */
graft_status graft_template_parse(graft_template **out, const char *source, size_t n, const char *name);
void graft_template_free(graft_template *tpl);

/* Instead of the default ones. */
void graft_template_set_limits(graft_template *tpl, const graft_template_limits *limits);
/* What strftime_now tells, in every rendering the same, as graft_daytime_calendar has it. Negative: what the
 * local calendar shows now; without a call, when it was parsed. */
void graft_template_set_time(graft_template *tpl, int64_t calendar);
int64_t graft_template_time(const graft_template *tpl);

/* Renders into *out (cleared first). `data` is an object whose members are variables that came
 * from data (messages, tools); `trusted` the same for values that count as template text
 * (bos_token, eos_token, add_generation_prompt, enable_thinking, ...). Either may be NULL.
 * A name in both counts as trusted. A message's `role`, if it is one of the five known ones,
 * counts as template text too: templates build control tokens around it. Several renderings of
 * one template may run at the same time.
 * GRAFT_E_DATA when the template raises (raise_exception: its message) or a bound is hit. */
graft_status graft_template_render(const graft_template *tpl, graft_rendered *out,
                                   const graft_json *data, const graft_json *trusted);

/* The same, and sets *parts (what it held is forgotten) to the parts of `messages` and `tools` of
 * data, told which of them stand in the text. */
graft_status graft_template_trace(const graft_template *tpl, graft_rendered *out,
                                  graft_chat_parts *parts, const graft_json *data,
                                  const graft_json *trusted);

#endif
