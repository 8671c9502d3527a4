/* tokenizer/names.h - tokens that the runtime knows by their text.
 *
 * Files rarely say all of what a token is for; llama.cpp (src/llama-vocab.cpp) therefore goes by
 * names, and generation stops where these lists say so. Each list ends with NULL. */
#ifndef GRAFT_TOKENIZER_NAMES_H
#define GRAFT_TOKENIZER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

extern const char *const graft_eog_names[];   /* end a generation, and are control tokens */
extern const char *const graft_shown_names[]; /* the runtime always recognises and shows */

/* Fill in the middle: what a token of that role is called. */
enum { GRAFT_FIM_KEYS = 2 };
typedef struct graft_fim_role {
    const char *keys[GRAFT_FIM_KEYS]; /* of the file; the later one counts */
    const char *const *names;         /* if the file has none of them */
    bool ends_generation;
} graft_fim_role;
extern const graft_fim_role graft_fim_roles[];
extern const size_t graft_n_fim_roles;

#endif
