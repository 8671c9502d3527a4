/* support/tiny_run.h - whole training runs of a few milliseconds, for what can go wrong in them. */
#ifndef GRAFT_TESTS_SUPPORT_TINY_RUN_H
#define GRAFT_TESTS_SUPPORT_TINY_RUN_H

#include <stdbool.h>

#include <graft/train.h>

enum { TINY_STEPS = 4 };

/* A run of TINY_STEPS steps over five lines of text with a random byte model: evaluated before, after
 * two steps and at the end, a checkpoint every two steps, both kinds of adapter exported. */
typedef struct tiny_run {
    const char *base, *folder;
    const char *more[24]; /* settings and their values, over the ones above; ends with NULL */
    bool only_at_ends; /* not evaluated between steps */
    graft_hooks hooks;
    uint64_t fail_allocation; /* this one of graft_train's; 0: none */
} tiny_run;

/* Makes the base as test_temp_path(name). */
const char *byte_model(const char *name);
/* Runs it; *summary may be NULL. */
graft_status tiny_train(const tiny_run *run);

/* The folder is gone, or was not there. */
void tiny_forget(const char *folder);
/* The file's bytes are those of the other. */
void tiny_assert_same(const char *folder, const char *other, const char *name);

#endif
