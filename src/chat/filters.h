/* chat/filters.h - the filter functions that filters.c lists. Room-internal. */
#ifndef GRAFT_CHAT_FILTERS_H
#define GRAFT_CHAT_FILTERS_H

#include "chat/jinja.h"

/* filters_text.c */
graft_jfunction graft_jfilter__upper, graft_jfilter__lower, graft_jfilter__capitalize,
    graft_jfilter__title, graft_jfilter__trim, graft_jfilter__replace, graft_jfilter__string,
    graft_jfilter__escape, graft_jfilter__forceescape, graft_jfilter__safe, graft_jfilter__indent,
    graft_jfilter__center, graft_jfilter__truncate, graft_jfilter__wordcount,
    graft_jfilter__urlencode, graft_jfilter__format, graft_jfilter__tojson;

/* filters_number.c */
graft_jfunction graft_jfilter__abs, graft_jfilter__int, graft_jfilter__float, graft_jfilter__round;

/* filters_sequence.c */
graft_jfunction graft_jfilter__attr, graft_jfilter__default, graft_jfilter__length,
    graft_jfilter__first, graft_jfilter__last, graft_jfilter__list, graft_jfilter__join,
    graft_jfilter__dictsort, graft_jfilter__sort, graft_jfilter__reverse, graft_jfilter__sum,
    graft_jfilter__min, graft_jfilter__max;

/* filters_lazy.c: those that give iterators */
graft_jfunction graft_jfilter__map, graft_jfilter__select, graft_jfilter__reject,
    graft_jfilter__selectattr, graft_jfilter__rejectattr, graft_jfilter__unique,
    graft_jfilter__items, graft_jfilter__batch, graft_jfilter__slice;

/* The key Jinja sorts and compares by: strings in lower case unless case matters. */
graft_status graft_j__sort_key(graft_jinja *j, const graft_jvalue *item, const graft_jvalue *path,
                               bool case_sensitive, graft_jvalue *out);

#endif
