/* tests/oracle/convert.c - FOLDER OUT.gguf TYPE [PRE]: a Hugging Face folder as a GGUF file of a plain
 * type (f32, f16, bf16, auto). Remarks and errors go to stderr. */
#include <stdio.h>
#include <string.h>

#include <graft/log.h>

#include "convert/convert.h"

static void say(void *context, graft_log_level level, const char *line)
{
    (void)context;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    graft_hf *hf = NULL;
    graft_hf_options options = {.pre = argc > 4 ? argv[4] : NULL};
    if (argc < 4) {
        return 2;
    }
    graft_log_set_sink(say, NULL);
    graft_status status = graft_hf_open(&hf, argv[1], &options);
    if (status == GRAFT_OK) {
        status = graft_hf_write(hf, strcmp(argv[3], "auto") == 0 ? NULL
                                                                 : graft_format_by_name(argv[3]),
                                argv[2]);
    }
    if (status != GRAFT_OK) {
        fprintf(stderr, "%s\n", graft_error_message());
    }
    graft_hf_close(hf);
    return (int)status;
}
