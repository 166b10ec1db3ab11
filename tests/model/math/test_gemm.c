/* SPDX-License-Identifier: MIT */
#include "model/math/gemm.h"

#include "model/math/kernels.h"
#include "tests/testutil.h"

#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The promise is an equality of bits, so everything is compared with the defining loop, written
 * out below: one chain of fmaf per element. Each matrix ends right before a page that nobody may
 * touch, and the gaps between its rows hold NaN: reading too far crashes or spoils a result,
 * writing too far is seen afterwards.
 */

#define GAP_BITS 0x7fdeadbeU /* a NaN that no computation makes */

typedef struct {
    char *pages;
    size_t bytes; /* usable, before the forbidden page */
} Guarded;

static Guarded guarded_a, guarded_b, guarded_c, guarded_want;

static Guarded
guarded_new(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    Guarded g = {.bytes = (bytes + page - 1) / page * page};

    g.pages =
        mmap(NULL, g.bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(g.pages != MAP_FAILED);
    ck_assert_int_eq(mprotect(g.pages + g.bytes, page, PROT_NONE), 0);
    return g;
}

static void *
guarded_last(const Guarded *g, size_t bytes)
{
    ck_assert_uint_le(bytes, g->bytes);
    return g->pages + g->bytes - bytes;
}

static void
guarded_free(Guarded *g)
{
    munmap(g->pages, g->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

static void
setup(void)
{
    guarded_a = guarded_new(8 << 20);
    guarded_b = guarded_new(8 << 20);
    guarded_c = guarded_new(8 << 20);
    guarded_want = guarded_new(8 << 20);
}

static void
teardown(void)
{
    guarded_free(&guarded_a);
    guarded_free(&guarded_b);
    guarded_free(&guarded_c);
    guarded_free(&guarded_want);
}

static uint32_t random_state = 1;

static uint32_t
random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

typedef enum {
    USUAL,   /* between -1 and 1, with zeros of both signs */
    EXTREME, /* NaN, infinities and numbers whose products overflow or vanish, too */
} Values;

static float
random_value(Values values)
{
    static const float extremes[] = {NAN,    INFINITY, -INFINITY, 3e38f, -3e38f,
                                     1e-30f, -1e-40f,  1e-45f,    0.0f,  -0.0f};
    uint32_t pick = random_bits();

    if (values == EXTREME && pick % 16 == 0)
        return extremes[pick / 16 % G_N_ELEMENTS(extremes)];
    if (pick % 64 == 0)
        return pick % 128 == 0 ? 0.0f : -0.0f;
    return (float)(int32_t)random_bits() * 0x1p-31f;
}

typedef struct {
    float *data;
    size_t rows, cols, stride;
} Matrix;

static size_t
matrix_length(size_t rows, size_t cols, size_t stride)
{
    return rows == 0 || cols == 0 ? 0 : (rows - 1) * stride + cols;
}

static Matrix
matrix_new(const Guarded *g, size_t rows, size_t cols, size_t gap, Values values)
{
    Matrix m = {.rows = rows, .cols = cols, .stride = cols + gap};
    size_t length = matrix_length(rows, cols, m.stride);
    const uint32_t gap_bits = GAP_BITS;

    m.data = guarded_last(g, length * sizeof(float));
    for (size_t i = 0; i < length; i++) {
        float value = random_value(values);

        memcpy(&m.data[i], i % m.stride < cols ? (void *)&value : (const void *)&gap_bits,
               sizeof value);
    }
    return m;
}

static Matrix
matrix_copy(const Guarded *g, const Matrix *from)
{
    Matrix m = *from;
    size_t bytes = matrix_length(m.rows, m.cols, m.stride) * sizeof(float);

    m.data = guarded_last(g, bytes);
    if (bytes > 0)
        memcpy(m.data, from->data, bytes);
    return m;
}

static float
element(const Matrix *m, bool transposed, size_t row, size_t col)
{
    return transposed ? m->data[col * m->stride + row] : m->data[row * m->stride + col];
}

/* The definition. */
static void
chain_of_fmaf(const Matrix *a, bool trans_a, const Matrix *b, bool trans_b, Matrix *c, size_t k,
              bool accumulate)
{
    for (size_t i = 0; i < c->rows; i++) {
        for (size_t j = 0; j < c->cols; j++) {
            float sum = accumulate ? c->data[i * c->stride + j] : 0.0f;

            for (size_t l = 0; l < k; l++)
                sum = fmaf(element(a, trans_a, i, l), element(b, trans_b, l, j), sum);
            c->data[i * c->stride + j] = sum;
        }
    }
}

/* Equal bits; only NaN is as good as any other NaN, except in the gaps. */
static bool
same_bits(const Matrix *got, const Matrix *want, size_t *where)
{
    size_t length = matrix_length(got->rows, got->cols, got->stride);

    for (size_t i = 0; i < length; i++) {
        bool in_gap = i % got->stride >= got->cols;

        if (!in_gap && isnan(got->data[i]) && isnan(want->data[i]))
            continue;
        if (memcmp(&got->data[i], &want->data[i], sizeof(float)) != 0) {
            *where = i;
            return false;
        }
    }
    return true;
}

typedef struct {
    size_t m, n, k;
    size_t gap;
    Values values;
} Size;

/* All storage orders of one size, with and without accumulating. */
static void
check_size(DdpMathPath path, const Size *s)
{
    for (int form = 0; form < 8; form++) {
        bool trans_a = (form & 1) != 0;
        bool trans_b = (form & 2) != 0;
        bool accumulate = (form & 4) != 0;
        Matrix a =
            matrix_new(&guarded_a, trans_a ? s->k : s->m, trans_a ? s->m : s->k, s->gap, s->values);
        Matrix b =
            matrix_new(&guarded_b, trans_b ? s->n : s->k, trans_b ? s->k : s->n, s->gap, s->values);
        Matrix c = matrix_new(&guarded_c, s->m, s->n, s->gap, s->values);
        Matrix want = matrix_copy(&guarded_want, &c);
        size_t where = 0;

        chain_of_fmaf(&a, trans_a, &b, trans_b, &want, s->k, accumulate);
        ddp_gemm_f32(trans_a, trans_b, s->m, s->n, s->k, a.data, a.stride, b.data, b.stride, c.data,
                     c.stride, accumulate);
        ck_assert_msg(same_bits(&c, &want, &where),
                      "%s %zux%zux%zu trans_a=%d trans_b=%d accumulate=%d gap=%zu: row %zu, "
                      "column %zu is %a, expected %a",
                      ddp_math_path_name(path), s->m, s->n, s->k, trans_a, trans_b, accumulate,
                      s->gap, where / c.stride, where % c.stride, (double)c.data[where],
                      (double)want.data[where]);
    }
}

/* Puts the path of a looped test in force; false if this CPU does not have it. */
static bool
use_path(int path)
{
    if (!ddp_math_path_available((DdpMathPath)path))
        return false;
    ddp_math_path_force((DdpMathPath)path);
    ck_assert_int_eq(ddp_math_path(), path);
    random_state = 1;
    return true;
}

START_TEST(test_every_small_size_is_the_chain_of_fmaf)
{
    static const size_t depths[] = {0, 1, 2, 5, 33};

    if (!use_path(_i))
        return;
    for (size_t m = 0; m <= 17; m++) {
        for (size_t n = 0; n <= 40; n++) {
            for (size_t d = 0; d < G_N_ELEMENTS(depths); d++)
                check_size((DdpMathPath)_i,
                           &(Size){m, n, depths[d], .gap = (m + n) % 3, .values = USUAL});
        }
    }
}
END_TEST

/* Each height and width at which a tile, or the choice between tiles, changes. */
START_TEST(test_sizes_around_every_tile_are_the_chain_of_fmaf)
{
    static const size_t heights[] = {18, 24, 27, 28, 29, 42, 63, 64, 65};
    static const size_t widths[] = {41, 47, 48, 49, 56, 63, 64, 65, 79, 80, 81, 96, 113, 128, 145};

    if (!use_path(_i))
        return;
    for (size_t h = 0; h < G_N_ELEMENTS(heights); h++) {
        for (size_t w = 0; w < G_N_ELEMENTS(widths); w++)
            check_size((DdpMathPath)_i, &(Size){heights[h], widths[w], 19, .gap = 5});
    }
}
END_TEST

/* A sum that is cut must go on where it stopped, and a strip of rows must not be forgotten. */
START_TEST(test_sizes_beyond_a_block_are_the_chain_of_fmaf)
{
    static const Size sizes[] = {
        {9, 21, 127, 0, USUAL},  {9, 21, 128, 1, USUAL},   {9, 21, 129, 2, USUAL},
        {7, 70, 255, 3, USUAL},  {7, 70, 256, 0, USUAL},   {7, 70, 257, 1, USUAL},
        {5, 33, 784, 0, USUAL},  {64, 10, 1000, 0, USUAL}, {257, 30, 9, 0, USUAL},
        {513, 3, 40, 0, USUAL},  {513, 50, 131, 1, USUAL}, {1030, 5, 300, 0, USUAL},
        {2, 700, 300, 7, USUAL}, {129, 1, 515, 1, USUAL},
    };

    if (!use_path(_i))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        check_size((DdpMathPath)_i, &sizes[i]);
}
END_TEST

/* Wide gaps make the kernels copy b first. */
START_TEST(test_rows_far_apart_change_nothing)
{
    if (!use_path(_i))
        return;
    check_size((DdpMathPath)_i, &(Size){40, 70, 30, .gap = 1000});
    check_size((DdpMathPath)_i, &(Size){70, 40, 65, .gap = 1024 - 40});
    check_size((DdpMathPath)_i, &(Size){33, 5, 64, .gap = 4096 - 64});
}
END_TEST

START_TEST(test_nan_and_infinity_go_where_the_chain_takes_them)
{
    if (!use_path(_i))
        return;
    for (size_t n = 1; n <= 70; n += 3)
        check_size((DdpMathPath)_i, &(Size){13, n, 1 + n % 7, .gap = 1, .values = EXTREME});
    check_size((DdpMathPath)_i, &(Size){20, 40, 200, .gap = 0, .values = EXTREME});
}
END_TEST

START_TEST(test_an_empty_sum_is_zero_or_what_stood_there)
{
    float c[4] = {1, 2, 3, 4};
    const float kept[4] = {1, 2, 3, 4};
    const float zeroed[4] = {0, 0, 3, 0};

    if (!use_path(_i))
        return;
    ddp_gemm_f32(false, false, 2, 1, 0, NULL, 0, NULL, 1, c, 3, true);
    ck_assert_mem_eq(c, kept, sizeof c);
    ddp_gemm_f32(false, false, 1, 2, 0, NULL, 0, NULL, 2, c, 2, false);
    ddp_gemm_f32(true, true, 1, 1, 0, NULL, 1, NULL, 0, c + 3, 1, false);
    ck_assert_mem_eq(c, zeroed, sizeof c);
    ddp_gemm_f32(false, false, 0, 5, 3, NULL, 3, NULL, 5, NULL, 5, false);
    ddp_gemm_f32(false, false, 5, 0, 3, NULL, 3, NULL, 0, NULL, 0, false);
}
END_TEST

/* One rounding per step: with two, the small part of this product would be lost. */
START_TEST(test_a_step_rounds_once)
{
    const float a[2] = {1.0f, 1.0f + 0x1p-23f};
    const float b[2] = {-1.0f, 1.0f - 0x1p-23f};
    float c = 7;

    if (!use_path(_i))
        return;
    ddp_gemm_f32(false, false, 1, 1, 2, a, 2, b, 1, &c, 1, false);
    ck_assert_float_eq(c, -0x1p-46f);
}
END_TEST

/* On x86 the plain kernel calls libm where the CPU lacks the instruction. */
START_TEST(test_the_plain_kernel_has_the_same_bits)
{
    enum { ROWS = 7, COLS = 19, DEPTH = 23 };
    Matrix a = matrix_new(&guarded_a, ROWS, DEPTH, 1, USUAL);
    Matrix b = matrix_new(&guarded_b, DEPTH, COLS, 2, USUAL);
    Matrix c = matrix_new(&guarded_c, ROWS, COLS, 3, USUAL);
    Matrix want = matrix_copy(&guarded_want, &c);
    size_t where = 0;
    DdpGemmPanel panel = {
        .rows = ROWS,
        .cols = COLS,
        .depth = DEPTH,
        .a = a.data,
        .a_row = a.stride,
        .a_step = 1,
        .b = b.data,
        .b_step = b.stride,
        .c = c.data,
        .c_row = c.stride,
        .accumulate = true,
    };

    chain_of_fmaf(&a, false, &b, false, &want, DEPTH, true);
    ddp_gemm_scalar.panel(&panel);
    ck_assert_msg(same_bits(&c, &want, &where), "differs at %zu", where);
}
END_TEST

static void
check_f64(DdpGemmF64Func *gemm, size_t m, size_t n, size_t k)
{
    for (int form = 0; form < 8; form++) {
        bool trans_a = (form & 1) != 0;
        bool trans_b = (form & 2) != 0;
        bool accumulate = (form & 4) != 0;
        size_t lda = (trans_a ? m : k) + 1;
        size_t ldb = (trans_b ? k : n) + 2;
        g_autofree double *a = g_new(double, (m + 1) * (k + 1) * 2);
        g_autofree double *b = g_new(double, (n + 2) * (k + 2) * 2);
        g_autofree double *c = g_new(double, m *n + 1);
        g_autofree double *want = g_new(double, m *n + 1);

        for (size_t i = 0; i < (m + 1) * (k + 1) * 2; i++)
            a[i] = (double)(int32_t)random_bits() / 3;
        for (size_t i = 0; i < (n + 2) * (k + 2) * 2; i++)
            b[i] = (double)(int32_t)random_bits() / 7;
        for (size_t i = 0; i <= m * n; i++)
            c[i] = want[i] = (double)random_bits();
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                double sum = accumulate ? want[i * n + j] : 0;

                for (size_t l = 0; l < k; l++)
                    sum = fma(trans_a ? a[l * lda + i] : a[i * lda + l],
                              trans_b ? b[j * ldb + l] : b[l * ldb + j], sum);
                want[i * n + j] = sum;
            }
        }
        gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, n, accumulate);
        ck_assert_msg(memcmp(c, want, (m * n + 1) * sizeof *c) == 0,
                      "%zux%zux%zu trans_a=%d trans_b=%d accumulate=%d", m, n, k, trans_a, trans_b,
                      accumulate);
    }
}

START_TEST(test_f64_is_the_chain_of_fma)
{
    static const size_t sizes[] = {0, 1, 2, 7, 15, 16, 17, 33};

    for (size_t m = 0; m < G_N_ELEMENTS(sizes); m++) {
        for (size_t n = 0; n < G_N_ELEMENTS(sizes); n++) {
            for (size_t k = 0; k < G_N_ELEMENTS(sizes); k += 2) {
                check_f64(ddp_gemm_f64, sizes[m], sizes[n], sizes[k]);
                check_f64(ddp_gemm_f64_scalar, sizes[m], sizes[n], sizes[k]);
            }
        }
    }
}
END_TEST

#define THREADS 4

typedef struct {
    float a[64 * 300];
    float b[40 * 300];
    float c[64 * 40];
    float want[64 * 40];
} ThreadWork;

static void
multiply_work(const ThreadWork *work, float *c)
{
    ddp_gemm_f32(false, true, 64, 40, 300, work->a, 300, work->b, 300, c, 40, false);
}

/* Returns how often the product differed. */
static void *
multiply_in_thread(void *data)
{
    ThreadWork *work = data;
    int wrong = 0;

    for (int round = 0; round < 200; round++) {
        multiply_work(work, work->c);
        wrong += memcmp(work->c, work->want, sizeof work->c) != 0;
    }
    return GINT_TO_POINTER(wrong);
}

START_TEST(test_threads_do_not_disturb_each_other)
{
    static ThreadWork works[THREADS];
    GThread *threads[THREADS];

    for (int t = 0; t < THREADS; t++) {
        for (size_t i = 0; i < G_N_ELEMENTS(works[t].a); i++)
            works[t].a[i] = random_value(USUAL);
        for (size_t i = 0; i < G_N_ELEMENTS(works[t].b); i++)
            works[t].b[i] = random_value(USUAL);
        multiply_work(&works[t], works[t].want);
    }
    for (int t = 0; t < THREADS; t++)
        threads[t] = g_thread_new("gemm", multiply_in_thread, &works[t]);
    for (int t = 0; t < THREADS; t++)
        ck_assert_int_eq(GPOINTER_TO_INT(g_thread_join(threads[t])), 0);
}
END_TEST

/* The path is chosen once in a process, so each question goes to a fresh one: this program. */
static char *
path_chosen_with(const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *self = g_file_read_link("/proc/self/exe", &error);
    char *argv[] = {self, "--print-path", NULL};
    g_auto(GStrv) env = g_get_environ();
    char *output = NULL;
    int wait_status = 0;

    ck_assert_no_error(error);
    env = value != NULL ? g_environ_setenv(env, "DDPSIM_MATH", value, TRUE)
                        : g_environ_unsetenv(env, "DDPSIM_MATH");
    ck_assert(g_spawn_sync(NULL, argv, env, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL,
                           &wait_status, &error));
    ck_assert_int_eq(wait_status, 0);
    return output;
}

static const char *
best_name(DdpMathPath limit)
{
    DdpMathPath best = DDP_MATH_PATH_SCALAR;

    for (int path = 0; path <= (int)limit; path++) {
        if (ddp_math_path_available((DdpMathPath)path))
            best = (DdpMathPath)path;
    }
    return ddp_math_path_name(best);
}

START_TEST(test_the_environment_lowers_the_path)
{
    static const struct {
        const char *value;
        DdpMathPath limit;
    } rows[] = {
        {NULL, DDP_MATH_PATH_AVX512},   {"scalar", DDP_MATH_PATH_SCALAR},
        {"avx2", DDP_MATH_PATH_AVX2},   {"avx512", DDP_MATH_PATH_AVX512},
        {"AVX2", DDP_MATH_PATH_AVX2},   {"", DDP_MATH_PATH_AVX512},
        {"sse9", DDP_MATH_PATH_AVX512},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *chosen = path_chosen_with(rows[i].value);

        ck_assert_str_eq(chosen, best_name(rows[i].limit));
    }
}
END_TEST

START_TEST(test_paths_have_the_names_that_the_environment_uses)
{
    ck_assert_str_eq(ddp_math_path_name(DDP_MATH_PATH_SCALAR), "scalar");
    ck_assert_str_eq(ddp_math_path_name(DDP_MATH_PATH_AVX2), "avx2");
    ck_assert_str_eq(ddp_math_path_name(DDP_MATH_PATH_AVX512), "avx512");
    ck_assert(ddp_math_path_available(DDP_MATH_PATH_SCALAR));
}
END_TEST

static Suite *
gemm_suite(void)
{
    Suite *suite = suite_create("gemm");
    TCase *bits = tcase_create("bits");
    TCase *path = tcase_create("path");
    const int paths = DDP_MATH_PATH_AVX512 + 1;

    tcase_add_checked_fixture(bits, setup, teardown);
    tcase_add_loop_test(bits, test_every_small_size_is_the_chain_of_fmaf, 0, paths);
    tcase_add_loop_test(bits, test_sizes_around_every_tile_are_the_chain_of_fmaf, 0, paths);
    tcase_add_loop_test(bits, test_sizes_beyond_a_block_are_the_chain_of_fmaf, 0, paths);
    tcase_add_loop_test(bits, test_rows_far_apart_change_nothing, 0, paths);
    tcase_add_loop_test(bits, test_nan_and_infinity_go_where_the_chain_takes_them, 0, paths);
    tcase_add_loop_test(bits, test_an_empty_sum_is_zero_or_what_stood_there, 0, paths);
    tcase_add_loop_test(bits, test_a_step_rounds_once, 0, paths);
    tcase_add_test(bits, test_the_plain_kernel_has_the_same_bits);
    tcase_add_test(bits, test_f64_is_the_chain_of_fma);
    tcase_add_test(bits, test_threads_do_not_disturb_each_other);
    suite_add_tcase(suite, bits);

    tcase_add_test(path, test_the_environment_lowers_the_path);
    tcase_add_test(path, test_paths_have_the_names_that_the_environment_uses);
    suite_add_tcase(suite, path);
    return suite;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--print-path") == 0) {
        fputs(ddp_math_path_name(ddp_math_path()), stdout);
        return EXIT_SUCCESS;
    }
    return ddp_test_main(gemm_suite());
}
