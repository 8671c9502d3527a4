/* lint_copies.c - examples that stand in the file twice, or in the evaluation data too. They are
 * found by data/linter.c, which sees all examples. */
#include "data/lint.h"

const graft_lint graft_lint_duplicate = {
    .name = "duplicate",
    .what = "is the same as an earlier example",
};

const graft_lint graft_lint_near_duplicate = {
    .name = "near_duplicate",
    .what = "is much like an earlier example",
};

const graft_lint graft_lint_leak = {
    .name = "leak",
    .what = "stands in the evaluation data, or nearly so",
};
