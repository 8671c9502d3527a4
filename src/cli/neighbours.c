/* neighbours.c - priority is a matter of the process, so the program sets it and not the library. The system
 * derives the priority of reading and writing from it. */
#include "cli/neighbours.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/progress.h"

/* Of every thread there is: libraries may have some before main begins. */
static bool renice(int wanted)
{
    bool all = setpriority(PRIO_PROCESS, 0, wanted) == 0;
    DIR *threads = opendir("/proc/self/task");
    if (threads == NULL) {
        return all;
    }
    for (struct dirent *e; (e = readdir(threads)) != NULL;) {
        long id = strtol(e->d_name, NULL, 10);
        if (id > 0) {
            all = setpriority(PRIO_PROCESS, (id_t)id, wanted) == 0 && all;
        }
    }
    closedir(threads);
    return all;
}

void cli_give_way(graft_config *config)
{
    const char *text = graft_config_get(config, "nice");
    long wanted = text != NULL ? strtol(text, NULL, 10) : 0;
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    if (wanted <= 0 || (errno == 0 && now >= wanted)) {
        return;
    }
    if (!renice((int)wanted)) {
        char line[96];
        snprintf(line, sizeof line, "warning: nice: %ld: %s", wanted, strerror(errno));
        cli_note(line);
    }
}
