/* chat/format.h - what "%" and "{}" formatting share. Room-internal. */
#ifndef GRAFT_CHAT_FORMAT_H
#define GRAFT_CHAT_FORMAT_H

#include "chat/jinja.h"

/* What stands between % (or :) and the type letter. */
typedef struct graft_jspec {
    char fill[5], align, sign; /* align: < > ^ = or 0 */
    graft_jorigin fill_origin; /* of `fill` if that is set */
    bool alternate, zero, comma;
    int64_t width, precision; /* -1: none */
    char type;                /* 0: none */
} graft_jspec;

enum { GRAFT_J_MAX_WIDTH = 100000 };

/* s, padded to the width. */
graft_status graft_jformat__add_padded(graft_jinja *j, graft_jbuffer *out, const graft_jstring *s,
                                       const graft_jspec *how, char align);
/* Sign, prefix ("0x") and digits, padded. */
graft_status graft_jformat__add_number(graft_jinja *j, graft_jbuffer *out, bool negative,
                                       const char *prefix, const char *digits,
                                       const graft_jspec *how, graft_jorigin origin);
graft_status graft_jformat__add_integer(graft_jinja *j, graft_jbuffer *out,
                                        const graft_jvalue *value, const graft_jspec *how);
graft_status graft_jformat__add_real(graft_jinja *j, graft_jbuffer *out, const graft_jvalue *value,
                                     const graft_jspec *how);
/* str(value) or repr(value), cut to the precision (-1: not) and escaped if wanted. */
graft_status graft_jformat__text_of(graft_jinja *j, const graft_jvalue *value, bool repr,
                                    bool escape, int64_t precision, const graft_jstring **out);

#endif
