/* export/exporters.h - room-internal: the rows of exporters.c. */
#ifndef GRAFT_EXPORT_EXPORTERS_H
#define GRAFT_EXPORT_EXPORTERS_H

#include "export/export.h"

extern const graft_exporter graft_exporter_adapter; /* adapter_gguf.c */
extern const graft_exporter graft_exporter_peft;    /* peft_write.c */

#endif
