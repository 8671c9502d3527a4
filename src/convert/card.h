/* convert/card.h - room-internal: the head of README.md, the "model card": licence, tags,
 * origin. */
#ifndef GRAFT_CONVERT_CARD_H
#define GRAFT_CONVERT_CARD_H

#include "convert/keys.h"
#include "convert/naming.h"
#include "io/json.h"

/* What stands between the first two lines "---"; *out = NULL if there is no such thing. A card
 * that is not understood is left out with a remark: nothing depends on it. */
graft_status graft_hf_card_read(graft_json **out, const char *folder);

/* What the card itself calls the model; parts it does not name are empty. */
void graft_hf_card_name(const graft_json *card, graft_hf_name *out);

/* general.author, general.license, general.tags, general.base_model.*, ... */
graft_status graft_hf_card_keys(const graft_json *card, uint64_t n_numbers,
                                const graft_hf_keys *keys);

#endif
