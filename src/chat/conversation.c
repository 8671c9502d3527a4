/* chat/conversation.c */
#include "chat/conversation.h"

#include "core/memory.h"

const char *graft_role_name(graft_role role)
{
    static const char *const names[GRAFT_N_ROLES] = {"system", "user", "assistant", "tool"};
    return (unsigned)role < GRAFT_N_ROLES ? names[role] : "unknown";
}

void graft_conversation_init(graft_conversation *conversation)
{
    *conversation = (graft_conversation){0};
}

bool graft_conversation_uses_tools(const graft_conversation *conversation)
{
    bool uses = graft_json_length(conversation->tools) > 0;
    for (size_t i = 0; i < graft_json_length(conversation->messages) && !uses; i++) {
        uses = graft_json_length(graft_json_get(graft_json_at(conversation->messages, i),
                                                "tool_calls")) > 0;
    }
    return uses;
}

void graft_conversation_clear(graft_conversation *conversation)
{
    graft_json_free(conversation->messages);
    graft_json_free(conversation->tools);
    graft_json_free(conversation->expected);
    graft_free(conversation->turns);
    graft_free(conversation->file);
    graft_conversation_init(conversation);
}
