/* chat/builtin_template.h - the text of the built-in tool template. Room-internal. */
#ifndef GRAFT_CHAT_BUILTIN_TEMPLATE_H
#define GRAFT_CHAT_BUILTIN_TEMPLATE_H

#include <stddef.h>

extern const char graft_chat__builtin_template[];
extern const size_t graft_chat__builtin_template_n; /* without the terminator */

#endif
