/* export/exporters.c - every artefact graft writes. */
#include "export/exporters.h"

#include <string.h>

const graft_exporter *const graft_exporters[] = {
    &graft_exporter_adapter,
    &graft_exporter_peft,
    NULL,
};

const graft_exporter *graft_exporter_find(const char *name)
{
    for (size_t i = 0; graft_exporters[i] != NULL; i++) {
        if (strcmp(graft_exporters[i]->name, name) == 0) {
            return graft_exporters[i];
        }
    }
    return NULL;
}
