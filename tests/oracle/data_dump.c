/* data_dump FILE [ANSWERS]: the canonical conversations of a data file, one object per line. */
#include <stdio.h>

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

int main(int argc, char **argv)
{
    graft_dataset dataset;
    graft_source source = {argc > 1 ? argv[1] : "", NULL, argc > 2 ? argv[2] : NULL};
    graft_dataset_init(&dataset);
    graft_status status = graft_dataset_read(&dataset, &source, false);
    for (size_t i = 0; status == GRAFT_OK && i < dataset.n; i++) {
        status = dump(&dataset.conversations[i]);
    }
    if (status != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
    }
    graft_dataset_clear(&dataset);
    return (int)status;
}
