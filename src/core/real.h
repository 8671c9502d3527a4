/* core/real.h - the type the engine computes in.
 *
 * float in every program that ships. Built with GRAFT_DOUBLE (BUILD=double, portable kernels
 * only) the same sources compute in double: the gradient tests compare them with central
 * differences, which single precision is too coarse for. */
#ifndef GRAFT_CORE_REAL_H
#define GRAFT_CORE_REAL_H

#include <math.h>

#ifdef GRAFT_DOUBLE
typedef double graft_real;
#else
typedef float graft_real;
#endif

/* A literal of that type. */
#define GRAFT_REAL(value) ((graft_real)(value))

/* Double arithmetic in the double build, single otherwise. */
#ifdef GRAFT_DOUBLE
#define graft_exp exp
#define graft_log_real log
#define graft_sqrt sqrt
#define graft_tanh tanh
#else
#define graft_exp expf
#define graft_log_real logf
#define graft_sqrt sqrtf
#define graft_tanh tanhf
#endif

#endif
