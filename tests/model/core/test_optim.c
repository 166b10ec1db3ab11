/* SPDX-License-Identifier: MIT */
#include "model/optim.h"

#include <string.h>

#include "model/math/gemm.h"
#include "model/ops.h"
#include "tests/model/core/recorded.h"

/*
 * Steps with given gradients against torch's, for every combination of options: for float32 and
 * float64 bit for bit, which holds only if each product-sum is rounded once where torch rounds it
 * once.
 */

static Recorded *recorded;
static Recorded *steps; /* of all kinds but SGD */
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("torch_optim.txt");
    steps = recorded_load("optim_steps.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
    recorded_free(steps);
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

/* ---- the other kinds ----------------------------------------------------------------- */

typedef union {
    DdpSgdSpec sgd;
    DdpAdamSpec adam;
    DdpRmspropSpec rmsprop;
    DdpAdagradSpec adagrad;
} Spec;

#define BETAS .beta1 = 0.9, .beta2 = 0.999
#define EPS .eps = 1e-8

static const struct {
    const char *name;
    DdpOptimizerKind kind;
    Spec spec;
} kinds[] = {
    {"sgd_maximize", DDP_OPTIMIZER_SGD, {.sgd = {.lr = 0.1, .momentum = 0.9, .maximize = true}}},
    {"adam", DDP_OPTIMIZER_ADAM, {.adam = {.lr = 0.1, BETAS, EPS}}},
    {"adam_decay", DDP_OPTIMIZER_ADAM, {.adam = {.lr = 0.05, BETAS, EPS, .weight_decay = 0.02}}},
    {"adam_amsgrad",
     DDP_OPTIMIZER_ADAM,
     {.adam = {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.7, EPS, .amsgrad = true}}},
    {"adam_beta",
     DDP_OPTIMIZER_ADAM,
     {.adam = {.lr = 0.1, .beta1 = 0.3, .beta2 = 0.9, .eps = 1e-3, .maximize = true}}},
    {"adamw",
     DDP_OPTIMIZER_ADAMW,
     {.adam = {.lr = 0.1, BETAS, EPS, .weight_decay = 0.01, .decoupled_weight_decay = true}}},
    {"adamw_amsgrad",
     DDP_OPTIMIZER_ADAMW,
     {.adam = {.lr = 0.02,
               BETAS,
               EPS,
               .weight_decay = 0.3,
               .decoupled_weight_decay = true,
               .amsgrad = true}}},
    {"rmsprop", DDP_OPTIMIZER_RMSPROP, {.rmsprop = {.lr = 0.05, .alpha = 0.99, EPS}}},
    {"rmsprop_centered",
     DDP_OPTIMIZER_RMSPROP,
     {.rmsprop = {.lr = 0.05, .alpha = 0.99, EPS, .centered = true, .weight_decay = 0.01}}},
    {"rmsprop_momentum",
     DDP_OPTIMIZER_RMSPROP,
     {.rmsprop = {.lr = 0.02, .alpha = 0.9, EPS, .momentum = 0.8}}},
    {"rmsprop_all",
     DDP_OPTIMIZER_RMSPROP,
     {.rmsprop = {.lr = 0.02,
                  .alpha = 0.4,
                  EPS,
                  .momentum = 0.8,
                  .centered = true,
                  .weight_decay = 0.1,
                  .maximize = true}}},
    {"adagrad", DDP_OPTIMIZER_ADAGRAD, {.adagrad = {.lr = 0.1, .eps = 1e-10}}},
    {"adagrad_all",
     DDP_OPTIMIZER_ADAGRAD,
     {.adagrad = {.lr = 0.1,
                  .eps = 1e-10,
                  .lr_decay = 0.2,
                  .weight_decay = 0.05,
                  .initial_accumulator_value = 0.3}}},
};

typedef struct {
    double relative; /* 0 for equal bits */
    double absolute;
} Tolerance;

/*
 * torch takes its square roots from MKL, which rounds some of them to the other neighbour. Where
 * that shows, the record has what IEEE's roots would give as well: those bits must be ours, and
 * torch's own are close by.
 */
static void
assert_as_recorded(const char *name, DdpTensor *got, Tolerance tolerance)
{
    g_autofree char *ieee = g_strconcat(name, ".ieee", NULL);

    if (tolerance.relative != 0.0) {
        assert_recorded_close(steps, name, got, tolerance.relative, tolerance.absolute);
    } else if (recorded_has(steps, ieee)) {
        double relative = ddp_tensor_dtype(got) == DDP_DTYPE_F32 ? 1e-6 : 1e-14;

        assert_recorded_bits(steps, ieee, got);
        assert_recorded_close(steps, name, got, relative, relative);
    } else {
        assert_recorded_bits(steps, name, got);
    }
}

static void
assert_kind(const char *dtype, int kind, Tolerance tolerance)
{
    const char *name = kinds[kind].name;
    g_autofree char *start = g_strdup_printf("%s.start", dtype);
    DdpTensor *parameter = recorded_tensor(steps, context, start);
    g_autoptr(DdpOptimizer) optimizer = ddp_optimizer_new(context, kinds[kind].kind);
    const char *const *state_names = ddp_optimizer_state_names(optimizer);

    ck_assert(ddp_tensor_set_requires_grad(parameter, true, NULL));
    ck_assert(ddp_optimizer_add_group(optimizer, &kinds[kind].spec, &parameter, 1, NULL));
    for (int step = 0; step < 6; step++) {
        g_autofree char *grad_name = g_strdup_printf("%s.grad%d", dtype, step);
        g_autofree char *step_name = g_strdup_printf("%s.%s.step%d", dtype, name, step);
        g_autoptr(DdpTensor) grad = recorded_tensor(steps, context, grad_name);

        ck_assert(ddp_tensor_set_grad(parameter, grad, NULL));
        ck_assert(ddp_optimizer_step(optimizer, NULL));
        if (recorded_has(steps, step_name))
            assert_as_recorded(step_name, parameter, tolerance);
    }
    for (int i = 0; state_names[i] != NULL; i++) {
        g_autofree char *state = g_strdup_printf("%s.%s.state.%s", dtype, name, state_names[i]);
        DdpTensor *value = ddp_optimizer_state(optimizer, 0, state_names[i]);

        ck_assert(recorded_has(steps, state) == (value != NULL));
        if (value != NULL)
            assert_as_recorded(state, value, tolerance);
    }
    ddp_tensor_unref(parameter);
}

START_TEST(test_every_kind_has_torchs_bits_on_every_path)
{
    DdpMathPath best = ddp_math_path();

    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        assert_kind("float32", _i, (Tolerance){0});
        assert_kind("float64", _i, (Tolerance){0});
        assert_kind("float16", _i, (Tolerance){0x1p-7, 0x1p-9});
        assert_kind("bfloat16", _i, (Tolerance){0x1p-5, 0x1p-7});
    }
    ddp_math_path_force(best);
}
END_TEST

/* Where powers of beta and their corrections have gone a long way. */
START_TEST(test_a_long_run_of_adam_stays_at_torchs_bits)
{
    DdpAdamSpec spec = ddp_adam_spec_default();
    int64_t three = 3;
    DdpTensor *parameter = ddp_full(context, DDP_DTYPE_F64, 1, &three, ddp_number_int(1), NULL);
    g_autoptr(DdpTensor) grad = ddp_tensor_new(context, DDP_DTYPE_F64, 1, &three, NULL);
    g_autoptr(DdpOptimizer) optimizer = ddp_adam_new(context);

    spec.lr = 0.1;
    spec.beta1 = 0.99;
    spec.beta2 = 0.9999;
    ck_assert(ddp_tensor_set_requires_grad(parameter, true, NULL));
    ck_assert(ddp_adam_add_group(optimizer, &spec, &parameter, 1, NULL));
    ck_assert(ddp_tensor_set_grad(parameter, grad, NULL));
    ddp_tensor_set_f64(grad, 0, 1.0);
    ddp_tensor_set_f64(grad, 1, -0.5);
    for (int step = 0; step < 3000; step++) {
        g_autofree char *name = g_strdup_printf("long.step%d", step + 1);

        ddp_tensor_set_f64(grad, 2, 0.25 * (step % 5));
        ck_assert(ddp_optimizer_step(optimizer, NULL));
        if (step % 500 == 499)
            assert_recorded_bits(steps, name, parameter);
    }
    ddp_tensor_unref(parameter);
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

/* By the table of model/flops.h, per element: the first step and every other. */
START_TEST(test_steps_count_what_they_compute)
{
    static const struct {
        const char *name;
        uint64_t first, later;
    } counts[] = {
        {"sgd_maximize", 2, 5},
        {"adam", 13, 13},
        {"adam_decay", 15, 15},
        {"adam_amsgrad", 14, 14},
        {"adamw_amsgrad", 15, 15},
        {"rmsprop", 9, 9},
        {"rmsprop_centered", 16, 16},
        {"rmsprop_momentum", 11, 11},
        {"adagrad", 7, 7},
        {"adagrad_all", 9, 9},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        size_t kind = 0;

        while (strcmp(kinds[kind].name, counts[i].name) != 0)
            kind++;

        DdpTensor *parameter = parameter_new(1.0);
        g_autoptr(DdpTensor) grad = ddp_clone(parameter, NULL);
        g_autoptr(DdpOptimizer) optimizer = ddp_optimizer_new(context, kinds[kind].kind);
        uint64_t before = ddp_model_context_flops(context);

        ck_assert(ddp_optimizer_add_group(optimizer, &kinds[kind].spec, &parameter, 1, NULL));
        ck_assert(ddp_tensor_set_grad(parameter, grad, NULL));
        ck_assert(ddp_optimizer_step(optimizer, NULL));
        ck_assert_msg(ddp_model_context_flops(context) - before == 2 * counts[i].first, "%s",
                      counts[i].name);
        ck_assert(ddp_optimizer_step(optimizer, NULL));
        ck_assert_msg(ddp_model_context_flops(context) - before ==
                          2 * (counts[i].first + counts[i].later),
                      "%s", counts[i].name);
        ddp_tensor_unref(parameter);
    }
}
END_TEST

/* Where the memory for the state of the second parameter is missing, the first has not moved. */
START_TEST(test_a_step_that_fails_has_done_nothing)
{
    g_autoptr(DdpModelContext) small = ddp_model_context_new(NULL, 0, 60 * 1024, 0);
    DdpAdamSpec spec = ddp_adam_spec_default();
    int64_t sizes[] = {1000, 3000};
    DdpTensor *parameters[2];
    g_autoptr(DdpOptimizer) optimizer = ddp_adam_new(small);
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpTensor) grad =
            ddp_full(small, DDP_DTYPE_F32, 1, &sizes[i], ddp_number_float(1.0), NULL);

        parameters[i] = ddp_full(small, DDP_DTYPE_F32, 1, &sizes[i], ddp_number_float(1.0), NULL);
        ck_assert(ddp_tensor_set_requires_grad(parameters[i], true, NULL));
        ck_assert(ddp_tensor_set_grad(parameters[i], grad, NULL));
    }
    ck_assert(ddp_adam_add_group(optimizer, &spec, parameters, 2, NULL));
    ck_assert(!ddp_optimizer_step(optimizer, &error));
    ck_assert(error->domain == DDP_TENSOR_ERROR && error->code == DDP_TENSOR_ERROR_MEMORY);
    ck_assert(ddp_tensor_item_f64(parameters[0], 0) == 1.0);
    ck_assert_ptr_null(ddp_optimizer_state(optimizer, 0, "exp_avg"));
    ck_assert(!ddp_optimizer_has_stepped(optimizer));
    ddp_tensor_unref(parameters[0]);
    ddp_tensor_unref(parameters[1]);
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
    tcase_add_loop_test(sgd, test_every_kind_has_torchs_bits_on_every_path, 0, G_N_ELEMENTS(kinds));
    tcase_add_test(sgd, test_a_long_run_of_adam_stays_at_torchs_bits);
    tcase_add_test(sgd, test_a_parameter_without_gradient_is_left_alone);
    tcase_add_test(sgd, test_each_group_has_its_own_options);
    tcase_add_test(sgd, test_state_that_is_carried_over_continues_the_run);
    tcase_add_test(sgd, test_steps_count_what_they_compute);
    tcase_add_test(sgd, test_a_step_that_fails_has_done_nothing);
    tcase_add_test(sgd, test_options_that_cannot_work_are_refused_in_torchs_words);
    suite_add_tcase(suite, sgd);
    return ddp_test_main(suite);
}
