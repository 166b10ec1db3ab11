/* SPDX-License-Identifier: MIT */
/*
 * The floor: the same training written out by hand, `floor JOB RANKS STEPS`. One thread a core
 * plays its share of the ranks in turn; when all have their gradients, each thread sums its half of
 * them over the ranks, and every rank takes the step. No graph, no allocation, no checks.
 *
 * Products are OpenBLAS's where it is found (libopenblas0), loops otherwise and for the linear job.
 */
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench/training/jobs.h"

#define CORES 2
#define RANKS_MAX 64

typedef void (*Sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);

static Sgemm sgemm;
static const Job *job;
static int ranks, threads, steps, parameter_count;

typedef struct {
    float *x, *y;
    int *classes;
    float *parameters, *gradients, *momentum, *variance;
    float *activations[LAYERS_MAX + 1]; /* [0] is x */
    float *deltas[LAYERS_MAX + 1];
    int step;
} Replica;

static Replica replicas[RANKS_MAX];
static _Atomic int arrived;
static _Atomic int generation;

static void
barrier(void)
{
    int mine = atomic_load(&generation);

    if (threads == 1)
        return;
    if (atomic_fetch_add(&arrived, 1) + 1 == threads) {
        atomic_store(&arrived, 0);
        atomic_store(&generation, mine + 1);
        return;
    }
    while (atomic_load(&generation) == mine)
        continue;
}

static float *
floats(size_t count)
{
    float *data = aligned_alloc(64, (count * sizeof *data + 63) / 64 * 64);

    if (data == NULL)
        abort();
    memset(data, 0, count * sizeof *data);
    return data;
}

static float
noise(void)
{
    return (float)rand() / (float)RAND_MAX * 2.0f - 1.0f;
}

static void
set_up(Replica *replica)
{
    const int *dims = job->dims;
    float *at;

    replica->x = floats((size_t)(job->batch * dims[0]));
    replica->y = floats((size_t)(job->batch * dims[job->layers]));
    replica->classes = calloc((size_t)job->batch, sizeof(int));
    replica->parameters = at = floats((size_t)parameter_count);
    replica->gradients = floats((size_t)parameter_count);
    replica->momentum = floats((size_t)parameter_count);
    replica->variance = floats((size_t)parameter_count);
    for (int i = 0; i < job->batch * dims[0]; i++)
        replica->x[i] = noise();
    for (int i = 0; i < job->batch * dims[job->layers]; i++)
        replica->y[i] = noise();
    for (int i = 0; i < job->batch; i++)
        replica->classes[i] = rand() % dims[job->layers];
    replica->activations[0] = replica->x;
    for (int layer = 0; layer < job->layers; layer++) {
        float bound = 1.0f / sqrtf((float)dims[layer]);

        for (int i = 0; i < (dims[layer] + 1) * dims[layer + 1]; i++)
            *at++ = noise() * bound;
        replica->activations[layer + 1] = floats((size_t)(job->batch * dims[layer + 1]));
        replica->deltas[layer + 1] = floats((size_t)(job->batch * dims[layer + 1]));
    }
}

/* c[m][n] = a·b (+ c), row by row; either may be given transposed. */
static void
multiply(bool ta, bool tb, int m, int n, int k, const float *a, const float *b, float beta,
         float *c)
{
    if (sgemm != NULL && m * n * k > 4096) {
        sgemm(101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1.0f, a, ta ? m : k, b, tb ? k : n,
              beta, c, n);
        return;
    }
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = beta != 0.0f ? c[i * n + j] : 0.0f;

            for (int l = 0; l < k; l++)
                sum += a[ta ? l * m + i : i * k + l] * b[tb ? j * k + l : l * n + j];
            c[i * n + j] = sum;
        }
    }
}

static void
forward(Replica *replica)
{
    const float *weight = replica->parameters;

    for (int layer = 0; layer < job->layers; layer++) {
        int in = job->dims[layer], out = job->dims[layer + 1];
        const float *bias = weight + in * out;
        float *result = replica->activations[layer + 1];

        for (int i = 0; i < job->batch; i++)
            memcpy(result + i * out, bias, (size_t)out * sizeof *bias);
        multiply(false, true, job->batch, out, in, replica->activations[layer], weight, 1.0f,
                 result);
        for (int i = 0; layer + 1 < job->layers && i < job->batch * out; i++)
            result[i] = result[i] > 0.0f ? result[i] : 0.0f;
        weight = bias + out;
    }
}

static void
loss_gradient(Replica *replica)
{
    int out = job->dims[job->layers];
    const float *result = replica->activations[job->layers];
    float *delta = replica->deltas[job->layers];

    for (int i = 0; i < job->batch; i++) {
        const float *row = result + i * out;
        float *to = delta + i * out, most = row[0], sum = 0.0f;

        if (!job->classes) {
            for (int j = 0; j < out; j++)
                to[j] = 2.0f * (row[j] - replica->y[i * out + j]) / (float)(job->batch * out);
            continue;
        }
        for (int j = 1; j < out; j++)
            most = row[j] > most ? row[j] : most;
        for (int j = 0; j < out; j++)
            sum += to[j] = expf(row[j] - most);
        for (int j = 0; j < out; j++)
            to[j] = (to[j] / sum - (j == replica->classes[i] ? 1.0f : 0.0f)) / (float)job->batch;
    }
}

static void
backward(Replica *replica)
{
    size_t at = (size_t)parameter_count;

    for (int layer = job->layers - 1; layer >= 0; layer--) {
        int in = job->dims[layer], out = job->dims[layer + 1];
        const float *delta = replica->deltas[layer + 1], *input = replica->activations[layer];

        at -= (size_t)((in + 1) * out);

        float *weight_gradient = replica->gradients + at,
              *bias_gradient = weight_gradient + in * out;

        multiply(true, false, out, in, job->batch, delta, input, 0.0f, weight_gradient);
        memset(bias_gradient, 0, (size_t)out * sizeof *bias_gradient);
        for (int i = 0; i < job->batch; i++) {
            for (int j = 0; j < out; j++)
                bias_gradient[j] += delta[i * out + j];
        }
        if (layer == 0)
            break;
        multiply(false, false, job->batch, in, out, delta, replica->parameters + at, 0.0f,
                 replica->deltas[layer]);
        for (int i = 0; i < job->batch * in; i++)
            replica->deltas[layer][i] = input[i] > 0.0f ? replica->deltas[layer][i] : 0.0f;
    }
}

/* Sums [first, end) over all ranks into each of them, times 1/ranks. */
static void
average(int first, int end)
{
    float scale = 1.0f / (float)ranks;

    for (int i = first; i < end && ranks > 1; i += 1024) {
        int count = end - i < 1024 ? end - i : 1024;
        float sum[1024];

        memcpy(sum, replicas[0].gradients + i, (size_t)count * sizeof *sum);
        for (int rank = 1; rank < ranks; rank++) {
            const float *from = replicas[rank].gradients + i;

            for (int j = 0; j < count; j++)
                sum[j] += from[j];
        }
        for (int j = 0; j < count; j++)
            sum[j] *= scale;
        for (int rank = 0; rank < ranks; rank++)
            memcpy(replicas[rank].gradients + i, sum, (size_t)count * sizeof *sum);
    }
}

static void
update(Replica *replica)
{
    float lr = (float)job->lr;

    if (!job->adam) {
        for (int i = 0; i < parameter_count; i++)
            replica->parameters[i] -= lr * replica->gradients[i];
        return;
    }
    replica->step++;

    float size = lr / (1.0f - powf(0.9f, (float)replica->step));
    float root = 1.0f / sqrtf(1.0f - powf(0.999f, (float)replica->step));

    for (int i = 0; i < parameter_count; i++) {
        float g = replica->gradients[i];

        replica->momentum[i] = 0.9f * replica->momentum[i] + 0.1f * g;
        replica->variance[i] = 0.999f * replica->variance[i] + 0.001f * g * g;
        replica->parameters[i] -=
            size * replica->momentum[i] / (sqrtf(replica->variance[i]) * root + 1e-8f);
    }
}

static void
one_step(int thread)
{
    int half = (parameter_count + threads - 1) / threads;
    int end = half * (thread + 1) < parameter_count ? half * (thread + 1) : parameter_count;

    for (int rank = thread; rank < ranks; rank += threads) {
        forward(&replicas[rank]);
        loss_gradient(&replicas[rank]);
        backward(&replicas[rank]);
    }
    barrier();
    average(half * thread, end);
    barrier();
    for (int rank = thread; rank < ranks; rank += threads)
        update(&replicas[rank]);
}

static void *
play(void *number)
{
    int thread = *(const int *)number;
    double batch_us[BATCHES + 1];
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(thread, &set);
    sched_setaffinity(0, sizeof set, &set); /* as far as one may */
    for (int batch = 0; batch <= BATCHES; batch++) {
        double start = now_us();

        for (int i = 0; i < (steps + BATCHES - 1) / BATCHES; i++)
            one_step(thread);
        batch_us[batch] = now_us() - start;
    }
    if (thread == 0)
        print_median(batch_us, (steps + BATCHES - 1) / BATCHES);
    return NULL;
}

int
main(int argc, char **argv)
{
    pthread_t others[CORES];
    int numbers[CORES];
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);

    job = argc == 4 ? job_find(argv[1]) : NULL;
    if (job == NULL || (ranks = atoi(argv[2])) < 1 || ranks > RANKS_MAX ||
        (steps = atoi(argv[3])) < 1) {
        fprintf(stderr, "usage: floor linear|small|middle|large RANKS STEPS\n");
        return 2;
    }
    if (library != NULL) {
        void (*set_num_threads)(int);

        /* POSIX's way to store an object pointer in a function pointer. */
        *(void **)&sgemm = dlsym(library, "cblas_sgemm");
        *(void **)&set_num_threads = dlsym(library, "openblas_set_num_threads");
        if (set_num_threads != NULL)
            set_num_threads(1);
    }
    for (int layer = 0; layer < job->layers; layer++)
        parameter_count += (job->dims[layer] + 1) * job->dims[layer + 1];
    for (int rank = 0; rank < ranks; rank++)
        set_up(&replicas[rank]);
    threads = ranks < CORES ? ranks : CORES;
    for (int i = 0; i < threads; i++) {
        numbers[i] = i;
        if (i > 0 && pthread_create(&others[i], NULL, play, &numbers[i]) != 0)
            return 1;
    }
    play(&numbers[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    return 0;
}
