/* chat/dialects.c - the list of ways to write tool calls. A new one is a file and a row.
 *
 * The first row that speaks a template is taken, so the ones with marks of their own come first. */
#include "chat/dialects.h"

const graft_dialect *const graft_dialects[] = {
    &graft_dialect_hermes,   &graft_dialect_xml,     &graft_dialect_glm,      &graft_dialect_minimax,
    &graft_dialect_invoke,   &graft_dialect_cohere,  &graft_dialect_mistral,  &graft_dialect_solar,
    &graft_dialect_xtml,     &graft_dialect_apertus, &graft_dialect_gigachat, &graft_dialect_functionary,
    &graft_dialect_phi,      &graft_dialect_kimi,    &graft_dialect_deepseek, &graft_dialect_tool_calls,
    &graft_dialect_harmony,  &graft_dialect_gemma4,  &graft_dialect_python,   &graft_dialect_react,
    &graft_dialect_json,     &graft_dialect_gemma,   NULL,
};
