/* Any bytes as the numbers of an adapter: what is written, as GGUF or as a folder of PEFT or mlx-lm (also
 * a DoRA), reads back as the same maps; what is not finite, or named twice, is refused and leaves no file. */
#include <math.h>
#include <string.h>

#include "core/half.h"
#include "io/files.h"
#include "quant/bytes.h"
#include "support/adapters.h"
#include "support/fuzz.h"
#include "support/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAPS = 4, MOST_RANK = 6 };

typedef struct bytes {
    const uint8_t *at;
    size_t n;
} bytes;

static unsigned take(bytes *b)
{
    if (b->n == 0) {
        return 0;
    }
    b->n--;
    return *b->at++;
}

/* Four bytes are a number, whatever they say; where none are left, small ones follow. */
static float take_float(bytes *b, size_t i)
{
    if (b->n < 4) {
        return (float)i * 0.25f - 1;
    }
    float value = graft_bits_float(graft_get_u32(b->at));
    b->at += 4;
    b->n -= 4;
    return value;
}

static bool fill(bytes *b, float *out, size_t n)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        out[i] = take_float(b, i);
        finite = finite && isfinite(out[i]);
    }
    return finite;
}

static bool alike(double a, double b, double unit)
{
    return fabs(a - b) <= 1e-6 * fabs(a) + unit;
}

/* mlx-lm has one rank for all: b's rows beyond a's rank are zeros. */
static void compare_factors(const graft_export_map *a, const graft_export_map *b)
{
    fuzz_check(memcmp(a->a, b->a, a->rank * a->n_in * sizeof(float)) == 0);
    for (size_t k = a->rank * a->n_in; k < b->rank * b->n_in; k++) {
        fuzz_check(b->a[k] == 0);
    }
    for (size_t row = 0; row < a->n_out; row++) { /* within a unit of the smallest float */
        for (size_t k = 0; k < b->rank; k++) {
            double wanted = k < a->rank ? a->scale * (double)a->b[row * a->rank + k] : 0;
            fuzz_check(alike(wanted, b->scale * (double)b->b[row * b->rank + k],
                             3e-45 * fabs(b->scale)));
        }
    }
}

static void compare(const graft_export_adapter *adapter, const char *path, const graft_gguf *base,
                    bool one_rank)
{
    graft_loaded_adapter got;
    fuzz_check(graft_adapter_load(&got, path, base) == GRAFT_OK);
    fuzz_check(got.n_maps == adapter->n_maps);
    for (size_t i = 0; i < got.n_maps; i++) {
        const graft_export_map *a = &adapter->maps[i], *b = got.maps;
        while (strcmp(a->name, b->name) != 0) {
            fuzz_check(++b < got.maps + got.n_maps);
        }
        fuzz_check((one_rank ? a->rank <= b->rank : a->rank == b->rank) && a->n_in == b->n_in &&
                   a->n_out == b->n_out);
        compare_factors(a, b);
        fuzz_check((a->magnitude == NULL) == (b->magnitude == NULL));
        fuzz_check(a->magnitude == NULL ||
                   memcmp(a->magnitude, b->magnitude, a->n_out * sizeof(float)) == 0);
    }
    graft_loaded_adapter_clear(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static float numbers[3 * MAPS][64];
    static graft_gguf *base;
    static const char *const folders[] = {"adapter", "peft", "mlx"};
    static const char *const shapes[MAPS] = {"blk.0.attn_q.weight", "blk.0.attn_k.weight",
                                             "blk.0.ffn_up.weight", "blk.0.ffn_down.weight"};
    graft_export_map maps[MAPS];
    graft_export_adapter adapter = tiny_adapter();
    bytes b = {data, n};
    bool finite = true, twice = false;
    if (base == NULL) {
        base = tiny_base("base.gguf", "llama");
        for (size_t i = 0; i < 3; i++) {
            (void)tiny_dir(folders[i]);
        }
        fuzz_without_syncs();
    }
    unsigned kind = take(&b), which = take(&b);
    bool folder = kind % 2 == 1, dora = folder && which >= 128, mlx = folder && which / 64 % 2 == 1;
    which %= MAPS;
    adapter.maps = maps;
    adapter.n_maps = 1 + kind / 2 % MAPS;
    adapter.alpha = (1 + take(&b)) / 8.0;
    for (size_t i = 0; i < adapter.n_maps; i++) {
        size_t place = kind < 240 ? (which + i) % MAPS : which; /* one tensor several times */
        const graft_gguf_tensor *t = graft_gguf_find_tensor(base, shapes[place]);
        size_t rank = 1 + take(&b) % MOST_RANK;
        maps[i] = (graft_export_map){shapes[place], numbers[2 * i], numbers[2 * i + 1], rank,
                                     (size_t)t->ne[0], (size_t)t->ne[1],
                                     ((int)take(&b) - 128) / 16.0, NULL};
        twice = twice || (kind >= 240 && i > 0);
        finite = fill(&b, numbers[2 * i], rank * maps[i].n_in) && finite;
        finite = fill(&b, numbers[2 * i + 1], rank * maps[i].n_out) && finite;
        if (dora) {
            maps[i].magnitude = numbers[2 * MAPS + i];
            finite = fill(&b, numbers[2 * MAPS + i], maps[i].n_out) && finite;
        }
    }
    const char *to = folders[mlx ? 2 : folder];
    const char *file = mlx ? test_temp_path("mlx/adapters.safetensors")
                       : folder ? test_temp_path("peft/adapter_model.safetensors")
                                : test_temp_path("adapter/adapter.gguf");
    const char *path = folder ? test_temp_path(to) : file;
    fuzz_check(graft_file_remove(file) == GRAFT_OK);
    graft_status status = tiny_export(graft_exporter_find(to), &adapter, test_temp_path(to));
    if (status == GRAFT_OK) {
        fuzz_check(finite && !twice);
        compare(&adapter, path, base, mlx);
    } else {
        fuzz_check(status == GRAFT_E_NUMERICS || (twice && status == GRAFT_E_FAILED));
        fuzz_check(!graft_path_exists(file));
    }
    return 0;
}

#ifndef GRAFT_LIBFUZZER
int main(void)
{
    static const char *const words[] = {"\x80\x7f", "\xc0\x7f", "\xff\xff\x7f\x7f", "\x01", NULL};
    return fuzz_tests("export_adapter_write", LLVMFuzzerTestOneInput, words);
}
#endif
