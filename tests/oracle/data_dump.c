/* data_dump [-k] FILE [ANSWERS]: the canonical conversations of a data file, one object per line;
 * with -k bad records do not end it but come first as {"bad": MESSAGE}. */
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"

static graft_status dump(const graft_conversation *c)
{
    graft_status status = GRAFT_OK;
    graft_json *object = graft_json_new_object(), *weights = graft_json_new_array();
    graft_text text;
    graft_text_init(&text);
    for (size_t i = 0; i < c->n_turns; i++) {
        GRAFT_TRY(graft_json_push(weights, graft_json_new_double((double)c->turns[i].weight)));
    }
    GRAFT_TRY(graft_json_set_int(object, "line", (int64_t)c->line));
    GRAFT_TRY(graft_json_set(object, "messages", graft_json_retain(c->messages)));
    GRAFT_TRY(graft_json_set(object, "tools", graft_json_retain(c->tools)));
    GRAFT_TRY(graft_json_set(object, "expected", graft_json_retain(c->expected)));
    GRAFT_TRY(graft_json_set(object, "weights", graft_json_retain(weights)));
    GRAFT_TRY(graft_json_write(&text, object, GRAFT_JSON_COMPACT));
    puts(graft_text_z(&text));
done:
    graft_json_free(object);
    graft_json_free(weights);
    graft_text_clear(&text);
    return status;
}

static void bad(void *context, const char *message)
{
    graft_json *object = graft_json_new_object();
    graft_text text;
    (void)context;
    graft_text_init(&text);
    if (graft_json_set_string(object, "bad", message) == GRAFT_OK &&
        graft_json_write(&text, object, GRAFT_JSON_COMPACT) == GRAFT_OK) {
        puts(graft_text_z(&text));
    }
    graft_json_free(object);
    graft_text_clear(&text);
}

int main(int argc, char **argv)
{
    graft_dataset dataset;
    bool keep = argc > 1 && strcmp(argv[1], "-k") == 0;
    argc -= keep, argv += keep;
    graft_source source = {argc > 1 ? argv[1] : "", NULL, argc > 2 ? argv[2] : NULL};
    graft_dataset_init(&dataset);
    graft_status status = keep ? graft_dataset_read_each(&dataset, &source, bad, NULL)
                               : graft_dataset_read(&dataset, &source, false);
    for (size_t i = 0; status == GRAFT_OK && i < dataset.n; i++) {
        status = dump(&dataset.conversations[i]);
    }
    if (status != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
    }
    graft_dataset_clear(&dataset);
    return (int)status;
}
