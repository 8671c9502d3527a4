/* run_version.c - graft_version_describe: which graft this is and what it uses here. */
#include <graft/version.h>

#include <string.h>

#include "core/strings.h"
#include "core/threads.h"
#include "core/version.h"
#include "io/json.h"
#include "run/machine.h"

static graft_status describe_json(graft_text *out, graft_cpu_level level, bool half)
{
    graft_status status = GRAFT_OK;
    graft_json *o = graft_json_new_object(), *levels = graft_json_new_array();
    GRAFT_TRY(graft_json_set_string(o, "version", graft_version()));
    GRAFT_TRY(graft_json_set_string(o, "build", graft_build()));
    GRAFT_TRY(graft_json_set_string(o, "cpu", graft_cpu_model_name()));
    GRAFT_TRY(graft_json_set_string(o, "cpu_level", graft_cpu_level_name(level)));
    for (int i = 0; i < GRAFT_CPU_N_LEVELS; i++) {
        if (graft_cpu_has((graft_cpu_level)i)) {
            const char *name = graft_cpu_level_name((graft_cpu_level)i);
            GRAFT_TRY(graft_json_push(levels, graft_json_new_string(name, strlen(name))));
        }
    }
    graft_json *taken = levels;
    levels = NULL;
    GRAFT_TRY(graft_json_set(o, "levels_available", taken));
    GRAFT_TRY(graft_json_set_string(o, "compute", half ? "bf16" : "f32"));
    GRAFT_TRY(graft_json_set_int(o, "threads", graft_threads()));
    GRAFT_TRY(graft_json_write(out, o, GRAFT_JSON_PYTHON));
    GRAFT_TRY(graft_text_append_char(out, '\n'));
done:
    graft_json_free(levels);
    graft_json_free(o);
    return status;
}

/* Why this level. Asking in the environment for what would be chosen anyway changes nothing. */
static const char *reason(const graft_config *config, graft_cpu_level asked)
{
    if (config->cpu != NULL) {
        return "asked for by the setting cpu";
    }
    for (int i = (int)asked + 1; i < GRAFT_CPU_N_LEVELS; i++) {
        if (graft_cpu_has((graft_cpu_level)i)) {
            return "asked for by GRAFT_CPU";
        }
    }
    return "the best for this CPU";
}

static graft_status describe_text(graft_text *out, graft_cpu_level level, bool half,
                                  const char *why)
{
    graft_status status = GRAFT_OK;
    GRAFT_TRY(graft_text_appendf(out, "graft    %s (build %s)\n", graft_version(), graft_build()));
    GRAFT_TRY(graft_text_appendf(out, "cpu      %s\n", graft_cpu_model_name()));
    GRAFT_TRY(graft_text_appendf(out, "kernels  %s, %s; available:", graft_cpu_level_name(level),
                                 why));
    for (int i = 0; i < GRAFT_CPU_N_LEVELS; i++) {
        if (graft_cpu_has((graft_cpu_level)i)) {
            GRAFT_TRY(graft_text_appendf(out, " %s", graft_cpu_level_name((graft_cpu_level)i)));
        }
    }
    GRAFT_TRY(graft_text_appendf(out, "\ncompute  %s\nthreads  %d\n", half ? "bf16" : "f32",
                                 graft_threads()));
done:
    return status;
}

graft_status graft_version_describe(graft_config *config, int json, char **out)
{
    graft_status status = GRAFT_OK;
    graft_cpu_level asked;
    graft_text text;
    bool half = false;
    graft_text_init(&text);
    *out = NULL;
    GRAFT_TRY(graft_config_check(config));
    GRAFT_TRY(graft_machine_prepare(&asked, &half, config));
    if (json) {
        GRAFT_TRY(describe_json(&text, asked, half));
    } else {
        GRAFT_TRY(describe_text(&text, asked, half, reason(config, asked)));
    }
    GRAFT_TRY(graft_text_take(&text, out));
done:
    graft_text_clear(&text);
    return status;
}
