/* settings.c - settings.def as a table, and looking settings up by any of their names. */
#include "config/settings.h"

#include <string.h>

#define TYPE_STRING "text"
#define TYPE_FLAG "true|false"
#define TYPE_COUNT "count"
#define TYPE_REAL "number"
#define TYPE_CHOICE "choice"
#define TYPE_NAMES "names"
#define TYPE_SOURCES "data files"

#define SETTING(kind_, name_, aliases_, fallback_, values_, help_)  \
    {{#name_, aliases_, TYPE_##kind_, fallback_, values_, help_},   \
     &graft_setting_##kind_,                                        \
     offsetof(struct graft_config, name_)},
const graft_setting_row graft_setting_rows[GRAFT_SETTINGS_N] = {
#include "config/settings.def"
};
#undef SETTING

/* The title of each group, followed by one NULL for each of its settings. */
#define GROUP(title) title,
#define SETTING(kind_, name_, aliases_, fallback_, values_, help_) NULL,
static const char *const outline[] = {
#include "config/settings.def"
};
#undef SETTING

enum { LONGEST_NAME = 64, FAR_AWAY = 3 };

size_t graft_settings_n(void)
{
    return GRAFT_SETTINGS_N;
}

const graft_setting *graft_settings_at(size_t i)
{
    return i < GRAFT_SETTINGS_N ? &graft_setting_rows[i].text : NULL;
}

const char *graft_settings_group(size_t i)
{
    const char *title = "";
    for (size_t at = 0, n = 0; at < sizeof outline / sizeof outline[0] && n <= i; at++) {
        if (outline[at]) {
            title = outline[at];
        } else {
            n++;
        }
    }
    return title;
}

/* Copies a key with `-` as `_`; false if it is longer than any name. */
static bool canonical(char out[LONGEST_NAME], const char *key, size_t n)
{
    if (n >= LONGEST_NAME) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = key[i] == '-' ? '_' : key[i];
    }
    out[n] = 0;
    return true;
}

/* Takes the next name from a list separated by spaces; false at its end. */
static bool next_alias(const char **list, char out[LONGEST_NAME])
{
    const char *from = *list + strspn(*list, " ");
    size_t n = strcspn(from, " ");
    *list = from + n;
    return n > 0 && canonical(out, from, n);
}

int graft_settings__find(const char *key, size_t n)
{
    char name[LONGEST_NAME], alias[LONGEST_NAME];
    if (!canonical(name, key, n)) {
        return -1;
    }
    for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
        const graft_setting *setting = &graft_setting_rows[i].text;
        if (strcmp(setting->name, name) == 0) {
            return i;
        }
        const char *list = setting->aliases;
        while (next_alias(&list, alias)) {
            if (strcmp(alias, name) == 0) {
                return i;
            }
        }
    }
    return -1;
}

graft_status graft_settings__unknown(const char *key)
{
    char name[LONGEST_NAME], alias[LONGEST_NAME], nearest[LONGEST_NAME] = "";
    size_t best = FAR_AWAY + 1;
    if (canonical(name, key, strlen(key))) {
        for (int i = 0; i < GRAFT_SETTINGS_N; i++) {
            const graft_setting *setting = &graft_setting_rows[i].text;
            const char *list = setting->aliases;
            memcpy(alias, setting->name, strlen(setting->name) + 1);
            do {
                size_t distance = graft_edit_distance(name, alias, FAR_AWAY);
                /* A short name is near to everything: it has to share most of its letters. */
                if (distance < best && 2 * distance < strlen(alias)) {
                    best = distance;
                    memcpy(nearest, alias, LONGEST_NAME);
                }
            } while (next_alias(&list, alias));
        }
    }
    if (nearest[0]) {
        return graft_fail(GRAFT_E_CONFIG, "unknown setting \"%s\" (did you mean \"%s\"?)", key,
                          nearest);
    }
    return graft_fail(GRAFT_E_CONFIG, "unknown setting \"%s\" (graft train --help lists them)",
                      key);
}
