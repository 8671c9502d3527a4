/* export/factors.h - room-internal: the matrices of an adapter as a file must hold them. */
#ifndef GRAFT_EXPORT_FACTORS_H
#define GRAFT_EXPORT_FACTORS_H

#include "export/export.h"

/* Checks the description: at least one map, names once each, a positive finite alpha, finite
 * scales and values (GRAFT_E_NUMERICS, naming the map), magnitudes of all maps or of none. */
graft_status graft_export__check(const graft_export_adapter *adapter);

size_t graft_export__largest_rank(const graft_export_adapter *adapter);

/* Sets *out to a copy of B (n_out x rank) times scale / `scale`, so that a runtime that applies `scale`
 * applies the map's own. The caller frees it. */
graft_status graft_export__divide(const graft_export_map *map, double scale, float **out);
/* The same for a runtime that applies alpha / rank. */
graft_status graft_export__fold(const graft_export_adapter *adapter, const graft_export_map *map,
                                float **out);

/* Puts the map's n_out rows of `width` numbers, *of on the heap, into Hugging Face's order. */
graft_status graft_export__put_in_hf_order(const graft_export_adapter *adapter,
                                           const graft_export_map *map, size_t width, float **of);
/* Sets *out to a copy of the map's magnitudes in Hugging Face's order, NULL if it has none (no DoRA). The
 * caller frees it. */
graft_status graft_export__magnitude(const graft_export_adapter *adapter, const graft_export_map *map,
                                     float **out);

#endif
