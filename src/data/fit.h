/* data/fit.h - does a conversation fit a chat template? Templates refuse some (two calls in one
 * message, a system message, roles that do not alternate), and of others they silently show only a
 * part, so that a model would learn replies without what led to them, or half of a reply. */
#ifndef GRAFT_DATA_FIT_H
#define GRAFT_DATA_FIT_H

#include "chat/chat.h"

typedef enum graft_fit {
    GRAFT_FIT_WHOLE,  /* all that is trained, and all that stands before it, is shown */
    GRAFT_FIT_LOSES,  /* something is not */
    GRAFT_FIT_REFUSED /* the template cannot render it */
} graft_fit;

/* Renders every trained turn with what stands before it; if nothing is trained, the whole. Of a
 * trained turn all must be shown: text, thought, calls with each argument. Before it that is each
 * text, call and result, and of each declared tool the name, the description and the parameters.
 * Thoughts of earlier turns may be missing: many templates leave them out, and so does whoever
 * serves them. With `prompts` the prompts of the turns are rendered, too, as they are when they
 * are tokenised: a template may refuse only those.
 * Appends to *why (untouched for a whole fit) what is wrong with the first turn in which something
 * is, and what to do. Fails only for lack of memory and the like. */
graft_status graft_fit_find(graft_fit *fit, graft_text *why, const graft_chat *chat,
                            const graft_conversation *conversation, bool prompts);

/* Appends why the first n messages are refused, `message` being what the template said: the first
 * simple change with which they would not be, if there is one, and what to do. */
graft_status graft_fit__explain(graft_text *why, const graft_chat *chat,
                                const graft_conversation *conversation, size_t n, bool generate,
                                const char *message);

#endif
