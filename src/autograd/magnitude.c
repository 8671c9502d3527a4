#include "autograd/magnitude.h"

#include "autograd/rows.h"

/* What row jobs see. */
typedef struct magnitude_rows {
    const graft_kernels *kernels;
    const graft_magnitude *m;
    const graft_real *factor, *bias; /* scaled */
    graft_tensor *out;
    const graft_tensor *residual;
    graft_act *dy;
    graft_real *sums; /* [tiles, n_cols]: of each tile of rows */
    size_t ld;
} magnitude_rows;

static void *act_row(const magnitude_rows *r, const void *data, size_t row)
{
    return (char *)(uintptr_t)data + row * r->ld * r->kernels->act_bytes;
}

static void apply_rows(const void *context, size_t begin, size_t end)
{
    const magnitude_rows *r = context;
    const graft_tensor *from = r->residual;
    graft_tensor *out = r->out;
    const graft_act *z = act_row(r, r->m->z, begin);
    if (out->act) {
        r->kernels->columns(act_row(r, out->data, begin), r->ld, z, r->ld, r->factor, r->bias,
                            end - begin, out->n_cols);
        return;
    }
    r->kernels->columns_add(graft_tensor_reals(out, begin), out->ld,
                            from == NULL ? NULL : graft_tensor_reals(from, begin),
                            from == NULL ? 0 : from->ld, z, r->ld, r->factor, r->bias, end - begin,
                            out->n_cols);
}

/* scale * values, or the values themselves. */
static graft_status scaled(graft_tape *tape, const graft_real **out, const graft_real *values,
                           graft_real scale, size_t n)
{
    graft_status status = GRAFT_OK;
    graft_real *copy = NULL;
    *out = values;
    if (values != NULL && scale != 1) {
        GRAFT_TRY(graft_arena_calloc(&tape->compute->arena, &copy, n, sizeof *copy));
        tape->compute->kernels.axpy(copy, values, scale, n);
        *out = copy;
    }
done:
    return status;
}

graft_status graft_magnitude_apply(graft_tape *tape, const graft_magnitude *m, graft_tensor *out,
                                   const graft_tensor *residual)
{
    graft_status status = GRAFT_OK;
    const graft_kernels *kernels = &tape->compute->kernels;
    magnitude_rows rows = {.kernels = kernels, .m = m, .out = out, .residual = residual,
                           .ld = graft_act_ld(kernels, m->n_cols)};
    double begin = graft_clock_seconds();
    GRAFT_TRY(scaled(tape, &rows.factor, m->low_rank->factor, m->scale, m->n_cols));
    GRAFT_TRY(scaled(tape, &rows.bias, m->bias, m->scale, m->n_cols));
    graft_rows_run(m->n_rows, apply_rows, &rows);
    graft_profile_add(&tape->compute->profile, GRAFT_PART_EXPAND, begin, 0);
done:
    return status;
}

/* Rows are one tile, so that sums do not depend on threads. */
static void backward_rows(const void *context, size_t begin, size_t end)
{
    const magnitude_rows *r = context;
    r->kernels->columns_backward(r->sums + begin / GRAFT_ROW_TILE * r->m->n_cols,
                                 act_row(r, r->dy, begin), r->ld, act_row(r, r->m->z, begin), r->ld,
                                 r->m->low_rank->factor, end - begin, r->m->n_cols);
}

static void sum_columns(const void *context, size_t begin, size_t end)
{
    const magnitude_rows *r = context;
    const graft_low_rank *lr = r->m->low_rank;
    size_t n_tiles = (r->m->n_rows + GRAFT_ROW_TILE - 1) / GRAFT_ROW_TILE;
    r->kernels->columns_grad(lr->magnitude.grad + begin, r->sums + begin, r->m->n_cols, n_tiles,
                             lr->inv_norm + begin, r->m->scale, end - begin);
}

graft_status graft_magnitude_backward(graft_tape *tape, const graft_magnitude *m, graft_act *dy)
{
    graft_status status = GRAFT_OK;
    graft_arena *arena = &tape->compute->arena;
    const graft_kernels *kernels = &tape->compute->kernels;
    size_t n_tiles = (m->n_rows + GRAFT_ROW_TILE - 1) / GRAFT_ROW_TILE;
    magnitude_rows rows = {.kernels = kernels, .m = m, .dy = dy,
                           .ld = graft_act_ld(kernels, m->n_cols)};
    graft_arena_mark mark = graft_arena_save(arena);
    GRAFT_TRY(graft_arena_alloc(arena, &rows.sums, n_tiles * m->n_cols, sizeof *rows.sums));
    graft_rows_run(m->n_rows, backward_rows, &rows);
    if (m->low_rank->magnitude.grad != NULL) {
        graft_rows_run(m->n_cols, sum_columns, &rows);
    }
    graft_arena_release(arena, mark);
done:
    return status;
}
