/* chat/dialects.c - the list of ways to write tool calls. A new one is a file and a row. */
#include "chat/dialects.h"

const graft_dialect *const graft_dialects[] = {&graft_dialect_hermes, &graft_dialect_json, NULL};
