/* data/edit.h - changing a conversation, and writing it as a record. Used inside the room. */
#ifndef GRAFT_DATA_EDIT_H
#define GRAFT_DATA_EDIT_H

#include "chat/conversation.h"

/* Keeps messages [first, end) only. */
graft_status graft_edit__keep(graft_conversation *conversation, size_t first, size_t end);

/* Appends {"messages", "tools", "expected"} on one line, without newline: the canonical (OpenAI)
 * layout, which reads back to the same. Loss weights that are not the default are put into the
 * messages. */
graft_status graft_edit__write(graft_text *out, graft_conversation *conversation);

#endif
