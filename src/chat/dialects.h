/* chat/dialects.h - the dialects, and what their parsers share. Room-internal. */
#ifndef GRAFT_CHAT_DIALECTS_H
#define GRAFT_CHAT_DIALECTS_H

#include "chat/chat.h"

extern const graft_dialect graft_dialect_hermes; /* <tool_call>{"name", "arguments"}</tool_call> */
extern const graft_dialect graft_dialect_xml;      /* <function=f><parameter=a>1</parameter></function> */
extern const graft_dialect graft_dialect_glm;      /* <tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value> */
extern const graft_dialect graft_dialect_invoke;   /* <invoke name="f"><parameter name="a">1</parameter> */
extern const graft_dialect graft_dialect_mistral;  /* [TOOL_CALLS][{...}] and [TOOL_CALLS]f[ARGS]{...} */
extern const graft_dialect graft_dialect_phi;      /* <|tool_call|>[{...}]<|/tool_call|>, functools[{...}] */
extern const graft_dialect graft_dialect_tool_calls; /* <tool_calls>[{...}]</tool_calls>, <TOOLCALL> */
extern const graft_dialect graft_dialect_cohere;   /* <|START_ACTION|>[{"tool_name", "parameters"}] */
extern const graft_dialect graft_dialect_deepseek; /* <｜tool▁call▁begin｜>f<｜tool▁sep｜>{...} */
extern const graft_dialect graft_dialect_kimi;     /* <|tool_call_begin|>functions.f:0<|tool_call_argument_begin|> */
extern const graft_dialect graft_dialect_harmony;  /* <|channel|>commentary to=functions.f<|message|>{...} */
extern const graft_dialect graft_dialect_gemma;    /* ```tool_code, a python list, or JSON */
extern const graft_dialect graft_dialect_gemma4;   /* <|tool_call>call:f{a:<|"|>text<|"|>}<tool_call|> */
extern const graft_dialect graft_dialect_minimax;  /* <invoke name="f"><a><item>1</item></a></invoke>, marks before tags */
extern const graft_dialect graft_dialect_solar;    /* <|tool_call:begin|>ID<|tool_call:name|>f<|tool_call:args|>{...} */
extern const graft_dialect graft_dialect_xtml;     /* <|open|>call tool="f"<|sep|><|open|>argument key="a" type="number"<|sep|>1 */
extern const graft_dialect graft_dialect_apertus;  /* <|tools_prefix|>[{"f": {...}}]<|tools_suffix|> */
extern const graft_dialect graft_dialect_gigachat; /* function call<|role_sep|>{...}, <|function_call|>{...} */
extern const graft_dialect graft_dialect_functionary; /* >>>f and {...} on the next line */
extern const graft_dialect graft_dialect_python;   /* [f(a=1), g(b='x')] */
extern const graft_dialect graft_dialect_json;   /* {"name", "parameters"} as the whole reply */
extern const graft_dialect graft_dialect_react;    /* Action: f, Action Input: {...} */

/* What is left to read of a reply. */
typedef struct graft_reply_text {
    const char *at;
    size_t n;
} graft_reply_text;

/* Where a dialect puts what it finds. */
typedef struct graft_reply_parts {
    graft_json *calls;
    graft_text *content;
    size_t broken;
} graft_reply_parts;

/* The body of every `parse`: makes the array of calls, lets `read` fill it, and takes it back on
 * failure. */
typedef graft_status graft_dialect_read(graft_reply_parts *parts, graft_reply_text text);
graft_status graft_dialect__parse(graft_json **calls, graft_text *content, size_t *broken,
                                  graft_reply_text text, graft_dialect_read *read);

/* Where `what` begins in the text, its length if nowhere. */
size_t graft_dialect__find(graft_reply_text text, const char *what);
bool graft_dialect__begins(graft_reply_text text, const char *what);
/* The text from byte `from` on, or up to byte `to`, which are at most its length. */
graft_reply_text graft_dialect__from(graft_reply_text text, size_t from);
graft_reply_text graft_dialect__until(graft_reply_text text, size_t to);
/* Cuts what stands before the mark off `text` and gives it; the mark is cut off too. Without the mark
 * that is all of it. */
graft_reply_text graft_dialect__take_until(graft_reply_text *text, const char *mark);
/* Without the white space around it. */
graft_reply_text graft_dialect__trim(graft_reply_text text);
/* Where the JSON value (or the Python one) at the start of the text ends: its brackets balance
 * outside of strings. Its length if they do not, or if there is no bracket. */
size_t graft_dialect__value_end(graft_reply_text text);

/* Appends the calls that the text spells: an object with a name ("name" or "tool_name") and its
 * arguments ("arguments" or "parameters"; an object or that object as a JSON string), or an array of such objects, as
 * {"name", "arguments": {...}}. What is nothing of the kind counts as broken; only memory fails. */
graft_status graft_dialect__add_json(graft_reply_parts *parts, graft_reply_text text);
/* The same for calls that Python would make: "[f(a=1), g(b='x')]". */
graft_status graft_dialect__add_python(graft_reply_parts *parts, graft_reply_text text);
/* Appends the call of `name` with arguments written as a JSON object. */
graft_status graft_dialect__add_named(graft_reply_parts *parts, graft_reply_text name,
                                      graft_reply_text arguments);
/* The same with arguments that are read already; they are taken, even on failure. */
graft_status graft_dialect__add_call(graft_reply_parts *parts, graft_reply_text name,
                                     graft_json *arguments);
/* An object for arguments. */
graft_status graft_dialect__new_arguments(graft_json **out);
/* arguments[key] = the text as a string. *understood is false if they can be no key or no string of
 * JSON. */
graft_status graft_dialect__set_text(graft_json *arguments, graft_reply_text key,
                                     graft_reply_text value, bool *understood);
/* Appends the text without the white space around it, on a line of its own if there is text. */
graft_status graft_dialect__add_content(graft_reply_parts *parts, graft_reply_text text);
/* Where the call that the text begins with ends: at `close` or, failing that, where `open` begins the
 * next. Marks inside of its JSON do not count, if that is whole. */
graft_status graft_dialect__call_end(size_t *end, graft_reply_text text, const char *open,
                                     const char *close);
/* Reads a reply whose calls stand as JSON between two marks; the end of the reply, or the next call,
 * closes one that was left open. */
graft_status graft_dialect__read_between(graft_reply_parts *parts, graft_reply_text text,
                                         const char *open, const char *close);

/* Marks around calls: all of them, and each one. */
typedef struct graft_call_marks {
    const char *all_open, *all_close, *open, *close;
} graft_call_marks;

/* Reads a reply whose calls stand in one section; `read_call` gets what stands between two marks. */
graft_status graft_dialect__read_section(graft_reply_parts *parts, graft_reply_text text,
                                         const graft_call_marks *marks,
                                         graft_dialect_read *read_call);

#endif
