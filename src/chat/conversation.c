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

void graft_conversation_clear(graft_conversation *conversation)
{
    graft_json_free(conversation->messages);
    graft_json_free(conversation->tools);
    graft_json_free(conversation->expected);
    graft_free(conversation->turns);
    graft_free(conversation->file);
    graft_conversation_init(conversation);
}
