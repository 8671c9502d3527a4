/* data/react.h - agents' text: Thought, Action, Action Input, Observation. Room-internal.
 *
 * The labels begin lines and may be numbered ("Thought 2:"). An action is name[argument], which
 * becomes {"input": argument}, or a name with an Action Input: an object of arguments, or any text,
 * which becomes {"input": text}. The thought before an action is the content of the message that
 * calls. Question and Claim are what the user says, Answer and Final Answer what the assistant
 * ends with. Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", 2023. */
#ifndef GRAFT_DATA_REACT_H
#define GRAFT_DATA_REACT_H

#include "data/build.h"

/* Do lines of the text begin with Action, and with Thought, Action Input or Observation? */
bool graft_react__acts(graft_piece text);
/* Does a line of it begin with Thought, Action or Final Answer? */
bool graft_react__labelled(graft_piece text);
/* Does the text begin with Observation? */
bool graft_react__observes(graft_piece text);
/* Appends the messages that the text is made of; `role` says what stands before the first label. */
graft_status graft_react__add(graft_json *messages, graft_piece text, const char *role);

#endif
