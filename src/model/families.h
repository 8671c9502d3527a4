/* model/families.h - the rows of families.c. */
#ifndef GRAFT_MODEL_FAMILIES_H
#define GRAFT_MODEL_FAMILIES_H

#include "model/model.h"

extern const graft_family graft_family_llama;

#endif
