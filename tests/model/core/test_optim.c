/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include "model/math/gemm.h"
#include "model/ops.h"
#include "tests/model/core/recorded.h"

/*
 * Four SGD steps with given gradients against torch's, for every combination of options: for
 * float32 and float64 bit for bit, which holds only if each product-sum is rounded once where
 * torch rounds it once.
 */

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("torch_optim.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
}

static const struct {
    const char *name;
    DdpSgdSpec spec;
} variants[] = {
    {"plain", {.lr = 0.1}},
    {"momentum", {.lr = 0.1, .momentum = 0.9}},
    {"dampening", {.lr = 0.1, .momentum = 0.9, .dampening = 0.3}},
    {"decay", {.lr = 0.1, .weight_decay = 0.01}},
    {"nesterov", {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}},
    {"momentum_decay", {.lr = 0.1, .momentum = 0.8, .weight_decay = 0.02}},
};

/* @tolerance: 0 for equal bits */
static void
assert_steps(const char *dtype, int variant, double tolerance)
{
    g_autofree char *start = g_strdup_printf("%s.%s.start", dtype, variants[variant].name);
    DdpTensor *parameter = recorded_tensor(recorded, context, start);
    g_autoptr(DdpOptimizer) optimizer = ddp_sgd_new(context);

    ck_assert(ddp_tensor_set_requires_grad(parameter, true, NULL));
    ck_assert(ddp_sgd_add_group(optimizer, &variants[variant].spec, &parameter, 1, NULL));
    for (int step = 0; step < 4; step++) {
        g_autofree char *grad_name =
            g_strdup_printf("%s.%s.grad%d", dtype, variants[variant].name, step);
        g_autofree char *name =
            g_strdup_printf("%s.%s.step%d", dtype, variants[variant].name, step);
        g_autoptr(DdpTensor) grad = recorded_tensor(recorded, context, grad_name);

        ck_assert(ddp_tensor_set_grad(parameter, grad, NULL));
        ck_assert(ddp_optimizer_step(optimizer, NULL));
        if (tolerance == 0.0)
            assert_recorded_bits(recorded, name, parameter);
        else
            assert_recorded_close(recorded, name, parameter, tolerance, tolerance / 16);
    }
    ddp_tensor_unref(parameter);
}

START_TEST(test_steps_have_torchs_bits_on_every_path)
{
    DdpMathPath best = ddp_math_path();

    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        assert_steps("float32", _i, 0.0);
        assert_steps("float64", _i, 0.0);
        /* torch itself rounds the last few elements of a half vector otherwise than the rest. */
        assert_steps("float16", _i, 0x1p-9);
        assert_steps("bfloat16", _i, 0x1p-6);
    }
    ddp_math_path_force(best);
}
END_TEST

static DdpTensor *
parameter_new(double value)
{
    int64_t two = 2;
    DdpTensor *parameter = ddp_full(context, DDP_DTYPE_F32, 1, &two, ddp_number_float(value), NULL);

    ck_assert(ddp_tensor_set_requires_grad(parameter, true, NULL));
    return parameter;
}

START_TEST(test_a_parameter_without_gradient_is_left_alone)
{
    DdpSgdSpec spec = {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.5};
    DdpTensor *parameter = parameter_new(1.0);
    g_autoptr(DdpOptimizer) optimizer = ddp_sgd_new(context);

    ck_assert(ddp_sgd_add_group(optimizer, &spec, &parameter, 1, NULL));
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    ck_assert(ddp_tensor_item_f64(parameter, 0) == 1.0);
    ck_assert_ptr_null(ddp_optimizer_state(optimizer, 0, "momentum_buffer"));
    ddp_tensor_unref(parameter);
}
END_TEST

START_TEST(test_each_group_has_its_own_options)
{
    DdpSgdSpec slow = {.lr = 0.1}, fast = {.lr = 0.5};
    DdpTensor *a = parameter_new(1.0), *b = parameter_new(1.0);
    g_autoptr(DdpTensor) grad = ddp_clone(a, NULL);
    g_autoptr(DdpTensor) own = ddp_clone(b, NULL);
    g_autoptr(DdpOptimizer) optimizer = ddp_sgd_new(context);

    ck_assert(ddp_sgd_add_group(optimizer, &slow, &a, 1, NULL));
    ck_assert(ddp_sgd_add_group(optimizer, &fast, &b, 1, NULL));
    ck_assert(ddp_tensor_set_grad(a, grad, NULL));
    ck_assert(ddp_tensor_set_grad(b, own, NULL));
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    ck_assert(ddp_tensor_item_f64(a, 0) == (double)0.9f);
    ck_assert(ddp_tensor_item_f64(b, 0) == 0.5);

    /* A schedule writes lr between steps. */
    ddp_sgd_group_spec(optimizer, 1)->lr = 0.25;
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    ck_assert(ddp_tensor_item_f64(b, 0) == 0.25);

    ddp_optimizer_zero_grad(optimizer);
    ck_assert_ptr_null(ddp_tensor_grad(a));
    ck_assert_ptr_null(ddp_tensor_grad(b));
    ddp_tensor_unref(a);
    ddp_tensor_unref(b);
}
END_TEST

/* What a checkpoint does: a second optimiser takes the first one's place. */
START_TEST(test_state_that_is_carried_over_continues_the_run)
{
    DdpSgdSpec spec = {.lr = 0.1, .momentum = 0.9};
    DdpTensor *a = parameter_new(1.0), *b = parameter_new(1.0);
    g_autoptr(DdpTensor) grad = ddp_clone(a, NULL);
    g_autoptr(DdpOptimizer) first = ddp_sgd_new(context);
    g_autoptr(DdpOptimizer) second = ddp_sgd_new(context);

    ck_assert(ddp_sgd_add_group(first, &spec, &a, 1, NULL));
    ck_assert(ddp_sgd_add_group(second, &spec, &b, 1, NULL));
    ck_assert(ddp_tensor_set_grad(a, grad, NULL));
    ck_assert(ddp_tensor_set_grad(b, grad, NULL));
    ck_assert(ddp_optimizer_step(first, NULL));

    ddp_model_context_set_grad_enabled(context, false);
    ck_assert(ddp_copy_(b, a, NULL));
    ddp_model_context_set_grad_enabled(context, true);

    g_autoptr(DdpTensor) buffer = ddp_clone(ddp_optimizer_state(first, 0, "momentum_buffer"), NULL);

    ck_assert(ddp_optimizer_set_state(second, 0, "momentum_buffer", buffer, NULL));
    ck_assert(ddp_optimizer_step(first, NULL));
    ck_assert(ddp_optimizer_step(second, NULL));
    assert_same_bits(b, a, "resumed parameter");
    ddp_tensor_unref(a);
    ddp_tensor_unref(b);
}
END_TEST

static void
assert_refused(DdpSgdSpec spec, DdpTensor **parameters, size_t count, const char *message)
{
    g_autoptr(DdpOptimizer) optimizer = ddp_sgd_new(context);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_sgd_add_group(optimizer, &spec, parameters, count, &error));
    ck_assert_str_eq(error->message, message);
}

START_TEST(test_options_that_cannot_work_are_refused_in_torchs_words)
{
    DdpTensor *a = parameter_new(1.0);
    DdpTensor *twice[] = {a, a};
    DdpTensor *computed = ddp_add(a, a, NULL);

    assert_refused((DdpSgdSpec){.lr = -1.0}, &a, 1, "Invalid learning rate: -1");
    assert_refused((DdpSgdSpec){.lr = 0.1, .momentum = -0.5}, &a, 1,
                   "Invalid momentum value: -0.5");
    assert_refused((DdpSgdSpec){.lr = 0.1, .nesterov = true}, &a, 1,
                   "Nesterov momentum requires a momentum and zero dampening");
    assert_refused((DdpSgdSpec){.lr = 0.1}, NULL, 0, "optimizer got an empty parameter list");
    assert_refused((DdpSgdSpec){.lr = 0.1}, &computed, 1, "can't optimize a non-leaf Tensor");
    assert_refused((DdpSgdSpec){.lr = 0.1}, twice, 2,
                   "optimizer contains a parameter group with duplicate parameters");
    ddp_tensor_unref(computed);
    ddp_tensor_unref(a);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("optim");
    TCase *sgd = tcase_create("sgd");

    tcase_add_checked_fixture(sgd, setup, teardown);
    tcase_add_loop_test(sgd, test_steps_have_torchs_bits_on_every_path, 0, G_N_ELEMENTS(variants));
    tcase_add_test(sgd, test_a_parameter_without_gradient_is_left_alone);
    tcase_add_test(sgd, test_each_group_has_its_own_options);
    tcase_add_test(sgd, test_state_that_is_carried_over_continues_the_run);
    tcase_add_test(sgd, test_options_that_cannot_work_are_refused_in_torchs_words);
    suite_add_tcase(suite, sgd);
    return ddp_test_main(suite);
}
