/* SPDX-License-Identifier: MIT */
#include "model/autograd.h"

#include "model/generator.h"
#include "model/math/gemm.h"
#include "model/nn.h"
#include "model/ops.h"
#include "model/optim.h"
#include "tests/model/core/recorded.h"

/*
 * A whole training run: an MLP 64-32-10 with cross-entropy and SGD with momentum, 20 steps,
 * from the same seed as torch's, which then had the same data, the same initial weights and the
 * same losses. Sums are ordered otherwise here than there, so the losses agree to rounding.
 */

#define STEPS 20
#define BATCH 32

typedef struct {
    DdpTensor *parameters[4];
    DdpTensor *losses;
} Trained;

static DdpTensor *
forward(DdpTensor *const *p, DdpTensor *x)
{
    g_autoptr(DdpTensor) hidden = ddp_linear(x, p[0], p[1], NULL);
    g_autoptr(DdpTensor) active = ddp_relu(hidden, NULL);

    return ddp_linear(active, p[2], p[3], NULL);
}

static double
train_step(Trained *t, DdpTensor *x, DdpTensor *y, DdpOptimizer *optimizer)
{
    g_autoptr(DdpTensor) logits = forward(t->parameters, x);
    g_autoptr(DdpTensor) loss = ddp_cross_entropy(logits, y, NULL, NULL);

    ddp_optimizer_zero_grad(optimizer);
    ck_assert(ddp_tensor_backward(loss, NULL));
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    return ddp_tensor_item_f64(loss, 0);
}

static void
train(DdpModelContext *context, Trained *t)
{
    int64_t steps = STEPS;
    DdpSgdSpec spec = {.lr = 0.1, .momentum = 0.9};
    g_autoptr(DdpOptimizer) optimizer = ddp_sgd_new(context);

    ddp_generator_seed(ddp_model_context_generator(context), 2024);

    g_autoptr(DdpTensor) x =
        ddp_randn(context, NULL, DDP_DTYPE_F32, 2, (int64_t[]){STEPS * BATCH, 64}, NULL);
    g_autoptr(DdpTensor) y =
        ddp_randint(context, NULL, DDP_DTYPE_I64, 0, 10, 1, (int64_t[]){STEPS * BATCH}, NULL);

    ck_assert(ddp_linear_new(context, 64, 32, &t->parameters[0], &t->parameters[1], NULL));
    ck_assert(ddp_linear_new(context, 32, 10, &t->parameters[2], &t->parameters[3], NULL));
    ck_assert(ddp_sgd_add_group(optimizer, &spec, t->parameters, 4, NULL));
    t->losses = ddp_tensor_new(context, DDP_DTYPE_F32, 1, &steps, NULL);
    for (int step = 0; step < STEPS; step++) {
        g_autoptr(DdpTensor) rows = ddp_narrow(x, 0, step * BATCH, BATCH, NULL);
        g_autoptr(DdpTensor) classes = ddp_narrow(y, 0, step * BATCH, BATCH, NULL);

        ddp_tensor_set_f64(t->losses, (size_t)step, train_step(t, rows, classes, optimizer));
    }
}

static void
trained_clear(Trained *t)
{
    for (int i = 0; i < 4; i++)
        ddp_tensor_unref(t->parameters[i]);
    ddp_tensor_unref(t->losses);
}

START_TEST(test_the_loss_curve_is_torchs)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 0, 0);
    Recorded *recorded = recorded_load("torch_training.txt");
    Trained t;

    train(context, &t);
    assert_recorded_close(recorded, "losses", t.losses, 1e-5, 0.0);
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("parameter%d", i);

        assert_recorded_close(recorded, name, t.parameters[i], 1e-4, 1e-5);
    }
    trained_clear(&t);
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    recorded_free(recorded);
}
END_TEST

START_TEST(test_a_run_has_the_same_bits_on_every_path)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 0, 0);
    DdpMathPath best = ddp_math_path();
    Trained expected;

    ddp_math_path_force(DDP_MATH_PATH_SCALAR);
    train(context, &expected);
    for (int path = DDP_MATH_PATH_AVX2; path <= DDP_MATH_PATH_AVX512; path++) {
        Trained t;

        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        train(context, &t);
        assert_same_bits(t.losses, expected.losses, "losses");
        for (int i = 0; i < 4; i++)
            assert_same_bits(t.parameters[i], expected.parameters[i], "parameter");
        trained_clear(&t);
    }
    ddp_math_path_force(best);
    trained_clear(&expected);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("training");
    TCase *runs = tcase_create("runs");

    tcase_add_test(runs, test_the_loss_curve_is_torchs);
    tcase_add_test(runs, test_a_run_has_the_same_bits_on_every_path);
    suite_add_tcase(suite, runs);
    return ddp_test_main(suite);
}
