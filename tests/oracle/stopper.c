/* stopper N NAME VALUE... - trains with these settings and stops at the N-th time that the job asks whether
 * to (0: never). Prints how often it asked; exits like graft train. */
#include <graft/graft.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct counter {
    unsigned long asked, stop_at;
} counter;

static int stop(void *context)
{
    counter *c = context;
    c->asked++;
    return c->stop_at > 0 && c->asked >= c->stop_at;
}

static void show(void *context, graft_log_level level, const char *line)
{
    (void)context;
    if (level != GRAFT_LOG_DEBUG) {
        fprintf(stderr, "%s\n", line);
    }
}

int main(int argc, char **argv)
{
    graft_config *config = NULL;
    counter c = {0, argc > 1 ? strtoul(argv[1], NULL, 10) : 0};
    graft_hooks hooks = {.context = &c, .stop = stop};
    graft_status status = graft_config_new(&config);
    graft_log_set_sink(show, NULL);
    for (int i = 2; i + 1 < argc && status == GRAFT_OK; i += 2) {
        status = graft_config_set(config, argv[i], argv[i + 1]);
    }
    status = status == GRAFT_OK ? graft_train(config, &hooks, 0, NULL) : status;
    if (status != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
    }
    printf("%lu\n", c.asked);
    graft_config_free(config);
    return (int)status;
}
