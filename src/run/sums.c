#include "run/sums.h"

#include <string.h>

#include "core/memory.h"
#include "export/export.h"
#include "io/files.h"

enum { LIMIT = 1 << 20, HEX = 64 };

static bool is_listed(const char *name)
{
    static const char *const names[] = {"adapter_config.json", "chat_template.jinja", "config.yaml",
                                        "metrics.jsonl", "report.html"};
    for (size_t i = 0; graft_exporters[i] != NULL; i++) {
        const graft_exporter *e = graft_exporters[i];
        bool own = e->is_folder && !e->in_run_folder; /* with a list of its own: graft.json */
        if (!own && strcmp(e->writes, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return (graft_str_starts_with(name, "eval-") && graft_str_ends_with(name, ".json")) ||
           graft_str_ends_with(name, ".survival.json");
}

static graft_status digest_of(char out[65], const char *folder, const char *name)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, name));
    GRAFT_TRY(graft_file_sha256(out, path));
done:
    graft_free(path);
    return status;
}

graft_status graft_sums_write(const char *folder)
{
    graft_status status = GRAFT_OK;
    char **names = NULL, *path = NULL, hex[65];
    size_t n = 0;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_dir_list(&names, &n, folder));
    for (size_t i = 0; i < n; i++) {
        if (is_listed(names[i])) {
            GRAFT_TRY(digest_of(hex, folder, names[i]));
            GRAFT_TRY(graft_text_appendf(&text, "%s  %s\n", hex, names[i]));
        }
    }
    GRAFT_TRY(graft_path_join(&path, folder, GRAFT_SUMS_NAME));
    GRAFT_TRY(graft_file_write(path, graft_text_z(&text), text.len));
done:
    graft_dir_free(names, n);
    graft_free(path);
    graft_text_clear(&text);
    return status;
}

graft_status graft_sums_remove(const char *folder)
{
    graft_status status = GRAFT_OK;
    char *path = NULL;
    GRAFT_TRY(graft_path_join(&path, folder, GRAFT_SUMS_NAME));
    GRAFT_TRY(graft_file_remove(path));
done:
    graft_free(path);
    return status;
}

/* The file of one line beside what the line says. */
static graft_status check_one(const char *folder, const char *name, const char *hex)
{
    graft_status status = GRAFT_OK;
    char found[65];
    GRAFT_TRY(digest_of(found, folder, name));
    if (memcmp(found, hex, HEX) != 0) {
        status = graft_fail(GRAFT_E_MODEL, "%s/%s: is not what was written: its SHA-256 is "
                            "%.12s..., %s has %.12s...", folder, name, found, GRAFT_SUMS_NAME, hex);
    }
done:
    return status;
}

/* Splits "HEX  NAME" of n bytes; NULL if it is not like that. Caller frees. */
static graft_status name_of(char **out, const char *line, size_t n)
{
    *out = NULL;
    bool good = n > HEX + 2 && strspn(line, "0123456789abcdef") == HEX &&
                memcmp(line + HEX, "  ", 2) == 0 && memchr(line + HEX + 2, '/', n - HEX - 2) == NULL;
    return good ? graft_strndup(out, line + HEX + 2, n - HEX - 2) : GRAFT_OK;
}

graft_status graft_sums_check(const char *folder, graft_sums_visit *visit, void *context)
{
    graft_status status = GRAFT_OK;
    char *path = NULL, *name = NULL;
    size_t number = 1;
    graft_text text;
    graft_text_init(&text);
    GRAFT_TRY(graft_path_join(&path, folder, GRAFT_SUMS_NAME));
    GRAFT_TRY(graft_file_read(&text, path, LIMIT));
    for (const char *line = graft_text_z(&text); *line != '\0'; number++) {
        size_t n = strcspn(line, "\n");
        GRAFT_TRY(name_of(&name, line, n));
        if (name == NULL) {
            status = graft_fail(GRAFT_E_DATA, "%s:%zu: is not \"SHA-256  FILE\"", path, number);
            goto done;
        }
        GRAFT_TRY(visit(context, name, check_one(folder, name, line)));
        graft_free(name);
        name = NULL;
        line += n + (line[n] == '\n');
    }
done:
    graft_free(name);
    graft_free(path);
    graft_text_clear(&text);
    return status;
}
