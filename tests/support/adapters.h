/* support/adapters.h - a small base and a small adapter on it: for what writes and reads adapters. */
#ifndef GRAFT_TESTS_SUPPORT_ADAPTERS_H
#define GRAFT_TESTS_SUPPORT_ADAPTERS_H

#include "export/export.h"

/* Of the base. */
enum { N_EMBD = 8, N_KV_OUT = 4, N_FF = 6, N_HEAD = 2, N_KV = 1 };

/* A folder of the test that runs, made; valid as test_temp_path says. */
const char *tiny_dir(const char *name);

/* A base of one layer, big enough to have shapes; closed by the caller. */
graft_gguf *tiny_base(const char *name, const char *arch);

/* Maps for q, k, up and down, A and B of each in tiny_numbers; values tell where they stand. A test
 * may change them: every call sets them back. */
extern float tiny_numbers[8][64];
extern graft_export_map tiny_maps[4];
graft_export_adapter tiny_adapter(void);

/* Writes it as an exporter does in a run folder: into `to`, or as the file that it writes there. */
graft_status tiny_export(const graft_exporter *exporter, const graft_export_adapter *adapter,
                         const char *to);
/* The same with the exporter of that name; it must succeed. */
void tiny_write(const char *exporter, const graft_export_adapter *adapter, const char *to);

#endif
