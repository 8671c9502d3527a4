/* chat/unicode_tables.h - ranges of code points, sorted. Only unicode.c reads them. */
#ifndef GRAFT_CHAT_UNICODE_TABLES_H
#define GRAFT_CHAT_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct graft_unicode_range { /* first, first + step, ..., last */
    uint32_t first, last, step;
} graft_unicode_range;
typedef struct graft_unicode_shift { /* c becomes c + by */
    uint32_t first, last, step;
    int32_t by;
} graft_unicode_shift;
typedef struct graft_unicode_special { /* c becomes up to three code points */
    uint32_t c, to[3];
} graft_unicode_special;

extern const graft_unicode_range graft_unicode__not_printable[], graft_unicode__upper[],
    graft_unicode__lower[], graft_unicode__alpha[], graft_unicode__decimal[];
extern const size_t graft_unicode__n_not_printable, graft_unicode__n_upper, graft_unicode__n_lower,
    graft_unicode__n_alpha, graft_unicode__n_decimal;
/* title_of lists only what differs from upper_of. */
extern const graft_unicode_shift graft_unicode__upper_of[], graft_unicode__lower_of[],
    graft_unicode__title_of[];
extern const size_t graft_unicode__n_upper_of, graft_unicode__n_lower_of, graft_unicode__n_title_of;
extern const graft_unicode_special graft_unicode__upper_of_special[],
    graft_unicode__lower_of_special[], graft_unicode__title_of_special[];
extern const size_t graft_unicode__n_upper_of_special, graft_unicode__n_lower_of_special,
    graft_unicode__n_title_of_special;

#endif
