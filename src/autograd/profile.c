#include "autograd/profile.h"

const char *const graft_part_names[GRAFT_N_PARTS] = {
    [GRAFT_PART_FEED] = "norms, gates",
    [GRAFT_PART_EXPAND] = "maps",
    [GRAFT_PART_REDUCE] = "x A",
    [GRAFT_PART_FEED_BACK] = "norms, gates back",
    [GRAFT_PART_INPUT_GRAD] = "maps back",
    [GRAFT_PART_REDUCE_GRAD] = "dy B",
    [GRAFT_PART_FACTOR_GRAD] = "dA, dB",
    [GRAFT_PART_ROPE] = "rotary",
    [GRAFT_PART_ATTENTION] = "attention",
    [GRAFT_PART_ATTENTION_BACK] = "attention back",
    [GRAFT_PART_HEAD] = "head and loss",
    [GRAFT_PART_OTHER] = "embedding",
};
