/* SPDX-License-Identifier: MIT */

/*
 * Forward and backward of small convolutions on 28×28 images, batch 64, on one thread.
 *
 *   bench-conv [ROUNDS]
 *
 * Prints for each case the median over the rounds in milliseconds. conv.py does the same with
 * PyTorch, and runs the two in turn.
 */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/autograd.h"
#include "model/generator.h"
#include "model/ops.h"
#include "model/ops_conv.h"

#define ROUNDS_DEFAULT 9
#define ROUNDS_MAX 1001
#define BATCH 64

typedef struct {
    const char *name;
    int64_t channels[3]; /* in, hidden, out; the last one 0 for a single layer */
    int64_t side;
    int64_t kernel;
    int64_t stride;
    bool input_grad;
} Case;

static const Case cases[] = {
    {"1-8-16, 3x3", {1, 8, 16}, 28, 3, 1, false},
    {"8-16, 3x3, with dx", {8, 16, 0}, 28, 3, 1, true},
    {"16-32 on 14x14, 3x3, with dx", {16, 32, 0}, 14, 3, 1, true},
    {"8-16, 5x5, stride 2, with dx", {8, 16, 0}, 28, 5, 2, true},
    {"32-32, 1x1, with dx", {32, 32, 0}, 14, 1, 1, true},
    {"64-64 on 7x7, 3x3, with dx", {64, 64, 0}, 7, 3, 1, true},
};

static void
check(const void *result, GError *error)
{
    if (result == NULL)
        g_error("bench-conv: %s", error->message);
}

/* Of this thread only: what other programs take of the core is no part of the speed. */
static double
cpu_time_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static DdpTensor *
random_tensor(DdpModelContext *context, int ndim, const int64_t *shape, bool requires_grad)
{
    GError *error = NULL;
    DdpTensor *tensor = ddp_randn(context, NULL, DDP_DTYPE_F32, ndim, shape, &error);

    check(tensor, error);
    if (!ddp_tensor_set_requires_grad(tensor, requires_grad, &error))
        check(NULL, error);
    return tensor;
}

typedef struct {
    DdpTensor *x;
    DdpTensor *weight[2];
    DdpTensor *bias[2];
    int layers;
    DdpConvSpec spec;
} Net;

static void
net_init(Net *net, DdpModelContext *context, const Case *c)
{
    const int64_t image[4] = {BATCH, c->channels[0], c->side, c->side};

    *net = (Net){.layers = c->channels[2] > 0 ? 2 : 1, .spec = ddp_conv_spec_default()};
    net->x = random_tensor(context, 4, image, c->input_grad);
    for (int i = 0; i < 2; i++) {
        net->spec.stride[i] = c->stride;
        net->spec.pad_before[i] = net->spec.pad_after[i] = c->kernel / 2;
    }
    for (int i = 0; i < net->layers; i++) {
        const int64_t shape[4] = {c->channels[i + 1], c->channels[i], c->kernel, c->kernel};

        net->weight[i] = random_tensor(context, 4, shape, true);
        net->bias[i] = random_tensor(context, 1, shape, true);
    }
}

static void
net_clear(Net *net)
{
    ddp_tensor_unref(net->x);
    for (int i = 0; i < net->layers; i++) {
        ddp_tensor_unref(net->weight[i]);
        ddp_tensor_unref(net->bias[i]);
    }
}

static void
net_step(Net *net)
{
    GError *error = NULL;
    DdpTensor *x = ddp_tensor_ref(net->x);

    for (int i = 0; i < net->layers; i++) {
        DdpTensor *y = ddp_conv2d(x, net->weight[i], net->bias[i], &net->spec, &error);

        check(y, error);
        ddp_tensor_unref(x);
        x = y;
        ddp_tensor_set_grad(net->weight[i], NULL, NULL);
        ddp_tensor_set_grad(net->bias[i], NULL, NULL);
    }
    ddp_tensor_set_grad(net->x, NULL, NULL);

    DdpTensor *sum = ddp_sum(x, &error);

    check(sum, error);
    if (!ddp_tensor_backward(sum, &error))
        check(NULL, error);
    ddp_tensor_unref(sum);
    ddp_tensor_unref(x);
}

static int
compare_doubles(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static double
measure_ms(const Case *c, int rounds)
{
    static double times[ROUNDS_MAX];
    DdpModelContext *context = ddp_model_context_new(NULL, 0, 0, 0);
    Net net;

    net_init(&net, context, c);
    net_step(&net);
    for (int i = 0; i < rounds; i++) {
        double start = cpu_time_ms();

        net_step(&net);
        times[i] = cpu_time_ms() - start;
    }
    net_clear(&net);
    ddp_model_context_free(context);
    qsort(times, (size_t)rounds, sizeof times[0], compare_doubles);
    return times[rounds / 2];
}

int
main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;

    rounds = CLAMP(rounds, 1, ROUNDS_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        printf("%s\t%.3f\n", cases[i].name, measure_ms(&cases[i], (int)rounds));
    return 0;
}
