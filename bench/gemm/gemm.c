/* SPDX-License-Identifier: MIT */

/*
 * Our matrix product beside OpenBLAS, on one thread, in turn in one run.
 *
 *   bench-gemm [ROUNDS]
 *
 * Per shape and round both get the same slice of time, first OpenBLAS and then we; the ratio
 * is taken within the round, and the median over the rounds decides, because on a shared
 * machine the speed of both drifts together. OpenBLAS reads OPENBLAS_CORETYPE when it is
 * loaded, so each pairing of widths is a process of its own: this program starts itself.
 * OpenBLAS is looked for at run time (package libopenblas0); without it only our own figures
 * are printed.
 */

#include "model/math/gemm.h"

#include <dlfcn.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_DEFAULT 9
#define ROUNDS_MIN 7
#define ROUNDS_MAX 101
#define SLICE_S 0.015
#define EXIT_OTHER_WIDTH 3 /* OpenBLAS took kernels of another vector width */

typedef struct {
    const char *what;
    size_t m, n, k;
    bool trans_a, trans_b;
} Shape;

static const Shape shapes[] = {
    {"square", 256, 256, 256, false, false},
    {"hidden layer", 64, 256, 256, false, false},
    {"small", 32, 64, 30, false, false},
    {"Linear forward", 64, 128, 784, false, true},
    {"Linear forward, last", 64, 10, 128, false, true},
    {"Linear forward, one output", 64, 1, 128, false, true},
    {"Linear dW", 128, 784, 64, true, false},
    {"Linear dx", 64, 784, 128, false, false},
    {"square, A transposed", 256, 256, 256, true, false},
    {"square, B transposed", 256, 256, 256, false, true},
    {"large", 1000, 1000, 1000, false, false},
};

/* The part of OpenBLAS that is used here. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

typedef struct {
    void (*sgemm)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
    char *(*corename)(void);
    void (*set_num_threads)(int count);
} OpenBlas;

static bool
load_openblas(OpenBlas *blas)
{
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);

    if (library == NULL)
        library = dlopen("libopenblas.so", RTLD_NOW);
    if (library == NULL)
        return false;

    /* POSIX's way to store an object pointer in a function pointer. */
    *(void **)&blas->sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&blas->corename = dlsym(library, "openblas_get_corename");
    *(void **)&blas->set_num_threads = dlsym(library, "openblas_set_num_threads");
    if (blas->sgemm == NULL || blas->corename == NULL || blas->set_num_threads == NULL)
        return false;
    blas->set_num_threads(1);
    return true;
}

/* Of this thread only: what other programs take of the core is no part of the speed. */
static double
cpu_time_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
    const OpenBlas *blas; /* NULL: ours */
    const Shape *shape;
    const float *a, *b;
    float *c;
} Job;

static void
run_once(const Job *job)
{
    const Shape *s = job->shape;
    size_t lda = s->trans_a ? s->m : s->k;
    size_t ldb = s->trans_b ? s->k : s->n;

    if (job->blas == NULL)
        ddp_gemm_f32(s->trans_a, s->trans_b, s->m, s->n, s->k, job->a, lda, job->b, ldb, job->c,
                     s->n, false);
    else
        job->blas->sgemm(ROW_MAJOR, s->trans_a ? TRANS : NO_TRANS, s->trans_b ? TRANS : NO_TRANS,
                         (int)s->m, (int)s->n, (int)s->k, 1.0f, job->a, (int)lda, job->b, (int)ldb,
                         0.0f, job->c, (int)s->n);
}

/* GFLOP/s over @calls calls. */
static double
measure(const Job *job, int calls)
{
    double flops = 2.0 * (double)job->shape->m * (double)job->shape->n * (double)job->shape->k;
    double start = cpu_time_s();

    for (int i = 0; i < calls; i++)
        run_once(job);
    return 1e-9 * flops * calls / (cpu_time_s() - start);
}

static int
calls_in_a_slice(const Job *job)
{
    int calls = 1;

    for (;;) {
        double start = cpu_time_s();

        for (int i = 0; i < calls; i++)
            run_once(job);
        double took = cpu_time_s() - start;

        if (took >= SLICE_S / 4)
            return (int)(calls * SLICE_S / took) + 1;
        calls *= 2;
    }
}

static int
compare_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_double);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static float *
random_matrix(GRand *rand, size_t count)
{
    float *values = g_new(float, count);

    for (size_t i = 0; i < count; i++)
        values[i] = (float)g_rand_double_range(rand, -1, 1);
    return values;
}

static void
compare_shape(const Shape *shape, const OpenBlas *blas, int rounds)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree float *a = random_matrix(rand, shape->m * shape->k);
    g_autofree float *b = random_matrix(rand, shape->k * shape->n);
    g_autofree float *c = g_new0(float, shape->m * shape->n);
    double ours[ROUNDS_MAX];
    double theirs[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    Job our_job = {NULL, shape, a, b, c};
    Job their_job = {blas, shape, a, b, c};
    int our_calls = calls_in_a_slice(&our_job);
    int their_calls = calls_in_a_slice(&their_job);

    for (int r = 0; r < rounds; r++) {
        theirs[r] = measure(&their_job, their_calls);
        ours[r] = measure(&our_job, our_calls);
        ratios[r] = ours[r] / theirs[r];
    }

    g_autofree char *size = g_strdup_printf("%zux%zux%zu", shape->m, shape->n, shape->k);

    printf("  %-15s %-27s", size, shape->what);
    if (blas == NULL) {
        printf("    ours %6.1f\n", median(ours, rounds));
        return;
    }
    double middle = median(ratios, rounds);

    printf(" %8.1f %8.1f   %5.2f  [%.2f - %.2f]\n", median(theirs, rounds), median(ours, rounds),
           middle, ratios[0], ratios[rounds - 1]);
}

static bool
is_wide_core(const char *core)
{
    return strcmp(core, "SkylakeX") == 0 || strcmp(core, "Cooperlake") == 0 ||
           strcmp(core, "SapphireRapids") == 0;
}

/* One pairing, in a process whose environment is set. */
static int
run_pairing(DdpMathPath path, int rounds)
{
    OpenBlas blas;
    bool found = load_openblas(&blas);

    ddp_math_path_force(path);
    if (found) {
        printf("\nours: %s, OpenBLAS: %s%s; GFLOP/s on one thread, medians of %d rounds\n",
               ddp_math_path_name(path), blas.corename(),
               g_getenv("OPENBLAS_CORETYPE") != NULL ? " (as asked for)" : " (its own choice)",
               rounds);
        if (path == DDP_MATH_PATH_AVX512 && !is_wide_core(blas.corename()) &&
            g_getenv("OPENBLAS_CORETYPE") == NULL) {
            printf("  another vector width: asking it for AVX-512 kernels\n");
            return EXIT_OTHER_WIDTH;
        }
        printf("  %-15s %-27s %8s %8s   ratio  [least - greatest]\n", "m x n x k", "", "OpenBLAS",
               "ours");
    } else {
        printf("\nours: %s; OpenBLAS was not found (package libopenblas0): no comparison\n",
               ddp_math_path_name(path));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        compare_shape(&shapes[i], found ? &blas : NULL, rounds);
    return EXIT_SUCCESS;
}

/* Starts this program again for one pairing; returns its exit status, or -1. */
static int
start_pairing(const char *self, DdpMathPath path, const char *core, int rounds)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *rounds_text = g_strdup_printf("%d", rounds);
    const char *argv[] = {self, rounds_text, ddp_math_path_name(path), NULL};
    g_auto(GStrv) env = g_get_environ();
    int wait_status = 0;

    env = core != NULL ? g_environ_setenv(env, "OPENBLAS_CORETYPE", core, TRUE)
                       : g_environ_unsetenv(env, "OPENBLAS_CORETYPE");
    fflush(stdout);
    if (!g_spawn_sync(NULL, (char **)argv, env, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                      NULL, &wait_status, &error)) {
        fprintf(stderr, "bench-gemm: %s\n", error->message);
        return -1;
    }
    return g_spawn_check_wait_status(wait_status, &error)                 ? 0
           : g_error_matches(error, G_SPAWN_EXIT_ERROR, EXIT_OTHER_WIDTH) ? EXIT_OTHER_WIDTH
                                                                          : -1;
}

static int
run_all(const char *self, int rounds)
{
    int status = 0;

    if (ddp_math_path_available(DDP_MATH_PATH_AVX512)) {
        status = start_pairing(self, DDP_MATH_PATH_AVX512, NULL, rounds);
        if (status == EXIT_OTHER_WIDTH)
            status = start_pairing(self, DDP_MATH_PATH_AVX512, "SkylakeX", rounds);
    } else {
        printf("no AVX-512 on this CPU\n");
    }
    if (status == 0 && ddp_math_path_available(DDP_MATH_PATH_AVX2))
        status = start_pairing(self, DDP_MATH_PATH_AVX2, "Haswell", rounds);
    if (!ddp_math_path_available(DDP_MATH_PATH_AVX2))
        status = start_pairing(self, DDP_MATH_PATH_SCALAR, NULL, rounds);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;

    if (rounds < ROUNDS_MIN || rounds > ROUNDS_MAX) {
        fprintf(stderr, "bench-gemm: rounds: expected a number from %d to %d\n", ROUNDS_MIN,
                ROUNDS_MAX);
        return 2;
    }
    for (int path = 0; argc > 2 && path <= (int)DDP_MATH_PATH_AVX512; path++) {
        if (strcmp(argv[2], ddp_math_path_name((DdpMathPath)path)) == 0)
            return run_pairing((DdpMathPath)path, (int)rounds);
    }
    return run_all(argv[0], (int)rounds);
}
