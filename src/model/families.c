#include "model/families.h"

const graft_family *const graft_families[] = {&graft_family_llama, NULL};
