/* SPDX-License-Identifier: MIT */
#include "model/ops.h"

#include <math.h>
#include <string.h>

#include "model/autograd.h"
#include "model/math/gemm.h"
#include "tests/model/core/recorded.h"

/*
 * Every differentiable operation, in every way that its gradient can be wrong: against the
 * result and the gradients that torch gave for the same inputs, against differences of its own
 * values in float64, in half precision against itself in float32, and with each set of
 * processor instructions against the others, bit for bit.
 */

#define INPUTS_MAX 5

typedef DdpTensor *(*CaseFunc)(DdpTensor **in);

#define TENSOR(x) ddp_operand_tensor(x)
#define NUMBER(x) ddp_operand_float(x)
#define CASE(name, expression)                                                                     \
    static DdpTensor *case_##name(DdpTensor **in)                                                  \
    {                                                                                              \
        return expression;                                                                         \
    }
#define SHAPE(...)                                                                                 \
    (int)G_N_ELEMENTS(((int64_t[]){__VA_ARGS__})), (int64_t[])                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

CASE(add, ddp_add(in[0], in[1], NULL))
CASE(sub, ddp_sub(in[0], in[1], NULL))
CASE(mul, ddp_mul(in[0], in[1], NULL))
CASE(div, ddp_div(in[0], in[1], NULL))
CASE(mul_number, ddp_binary(DDP_BINARY_MUL, TENSOR(in[0]), NUMBER(2.5), NULL))
CASE(number_div, ddp_binary(DDP_BINARY_DIV, NUMBER(2.0), TENSOR(in[0]), NULL))
CASE(number_sub, ddp_binary(DDP_BINARY_SUB, NUMBER(1.0), TENSOR(in[0]), NULL))
CASE(pow, ddp_binary(DDP_BINARY_POW, TENSOR(in[0]), TENSOR(in[1]), NULL))
CASE(pow_2, ddp_binary(DDP_BINARY_POW, TENSOR(in[0]), NUMBER(2.0), NULL))
CASE(pow_3, ddp_binary(DDP_BINARY_POW, TENSOR(in[0]), NUMBER(3.0), NULL))
CASE(pow_half, ddp_binary(DDP_BINARY_POW, TENSOR(in[0]), NUMBER(0.5), NULL))
CASE(pow_17, ddp_binary(DDP_BINARY_POW, TENSOR(in[0]), NUMBER(1.7), NULL))
CASE(number_pow, ddp_binary(DDP_BINARY_POW, NUMBER(2.0), TENSOR(in[0]), NULL))
CASE(remainder, ddp_binary(DDP_BINARY_REMAINDER, TENSOR(in[0]), TENSOR(in[1]), NULL))
CASE(maximum, ddp_binary(DDP_BINARY_MAXIMUM, TENSOR(in[0]), TENSOR(in[1]), NULL))
CASE(minimum, ddp_binary(DDP_BINARY_MINIMUM, TENSOR(in[0]), TENSOR(in[1]), NULL))
CASE(neg, ddp_unary(DDP_UNARY_NEG, in[0], NULL))
CASE(abs, ddp_unary(DDP_UNARY_ABS, in[0], NULL))
CASE(relu, ddp_relu(in[0], NULL))
CASE(sqrt, ddp_unary(DDP_UNARY_SQRT, in[0], NULL))
CASE(exp, ddp_unary(DDP_UNARY_EXP, in[0], NULL))
CASE(log, ddp_unary(DDP_UNARY_LOG, in[0], NULL))
CASE(tanh, ddp_unary(DDP_UNARY_TANH, in[0], NULL))
CASE(sigmoid, ddp_unary(DDP_UNARY_SIGMOID, in[0], NULL))
CASE(sum, ddp_sum(in[0], NULL))
CASE(sum_0, ddp_reduce(DDP_FOLD_SUM, in[0], 0, false, NULL))
CASE(sum_1, ddp_reduce(DDP_FOLD_SUM, in[0], 1, false, NULL))
CASE(sum_1_keep, ddp_reduce(DDP_FOLD_SUM, in[0], 1, true, NULL))
CASE(mean, ddp_mean(in[0], NULL))
CASE(mean_last, ddp_reduce(DDP_FOLD_MEAN, in[0], -1, false, NULL))
CASE(max, ddp_reduce(DDP_FOLD_MAX, in[0], DDP_DIM_ALL, false, NULL))
CASE(max_1, ddp_reduce(DDP_FOLD_MAX, in[0], 1, false, NULL))
CASE(min_0_keep, ddp_reduce(DDP_FOLD_MIN, in[0], 0, true, NULL))
CASE(matmul, ddp_matmul(in[0], in[1], NULL))
CASE(linear, ddp_linear(in[0], in[1], in[2], NULL))
CASE(linear_nobias, ddp_linear(in[0], in[1], NULL, NULL))
CASE(reshape, ddp_reshape(in[0], SHAPE(2, -1), NULL))
CASE(flatten, ddp_flatten(in[0], 1, -1, NULL))
CASE(unsqueeze, ddp_unsqueeze(in[0], 1, NULL))
CASE(squeeze, ddp_squeeze(in[0], 1, NULL))
CASE(transpose, ddp_transpose(in[0], 0, 2, NULL))
CASE(t, ddp_t(in[0], NULL))
CASE(expand, ddp_expand(in[0], SHAPE(2, 3, 4), NULL))
CASE(select_0, ddp_select(in[0], 0, 1, NULL))
CASE(select_1, ddp_select(in[0], 1, -1, NULL))
CASE(narrow_0, ddp_narrow(in[0], 0, 1, 3, NULL))
CASE(narrow_1, ddp_narrow(in[0], 1, 1, 2, NULL))
CASE(index_select_0, ddp_index_select(in[0], 0, in[1], NULL))
CASE(index_select_1, ddp_index_select(in[0], 1, in[1], NULL))
CASE(gather, ddp_gather(in[0], 1, in[1], NULL))
CASE(stack_0, ddp_stack(in, 2, 0, NULL))
CASE(stack_1, ddp_stack(in, 2, 1, NULL))
CASE(cat_0, ddp_cat(in, 2, 0, NULL))
CASE(cat_1, ddp_cat(in, 2, 1, NULL))
CASE(softmax, ddp_softmax(in[0], -1, NULL))
CASE(softmax_0, ddp_softmax(in[0], 0, NULL))
CASE(log_softmax, ddp_log_softmax(in[0], -1, NULL))
CASE(cross_entropy, ddp_cross_entropy(in[0], in[1], NULL, NULL))
CASE(mse_loss, ddp_mse_loss(in[0], in[1], DDP_REDUCTION_MEAN, NULL))
CASE(mse_loss_sum, ddp_mse_loss(in[0], in[1], DDP_REDUCTION_SUM, NULL))
CASE(mse_loss_none, ddp_mse_loss(in[0], in[1], DDP_REDUCTION_NONE, NULL))

static DdpTensor *
cross_entropy_with(DdpTensor **in, DdpReduction reduction)
{
    DdpCrossEntropySpec spec = ddp_cross_entropy_spec_default();

    spec.reduction = reduction;
    return ddp_cross_entropy(in[0], in[1], &spec, NULL);
}

CASE(cross_entropy_sum, cross_entropy_with(in, DDP_REDUCTION_SUM))
CASE(cross_entropy_none, cross_entropy_with(in, DDP_REDUCTION_NONE))

static DdpTensor *
case_used_twice(DdpTensor **in)
{
    g_autoptr(DdpTensor) square = ddp_mul(in[0], in[0], NULL);
    g_autoptr(DdpTensor) exp = ddp_unary(DDP_UNARY_EXP, in[0], NULL);

    return ddp_add(square, exp, NULL);
}

static DdpTensor *
case_mlp(DdpTensor **in)
{
    g_autoptr(DdpTensor) hidden = ddp_linear(in[0], in[1], in[2], NULL);
    g_autoptr(DdpTensor) active = ddp_unary(DDP_UNARY_TANH, hidden, NULL);

    return ddp_linear(active, in[3], in[4], NULL);
}

static const struct {
    const char *name;
    CaseFunc func;
    bool kinked; /* at the recorded inputs: no differences can be taken there */
} cases[] = {
    {"add", case_add, false},
    {"add_row", case_add, false},
    {"add_column", case_add, false},
    {"add_scalar", case_add, false},
    {"sub_cube", case_sub, false},
    {"mul", case_mul, false},
    {"mul_row", case_mul, false},
    {"mul_number", case_mul_number, false},
    {"div", case_div, false},
    {"div_column", case_div, false},
    {"number_div", case_number_div, false},
    {"number_sub", case_number_sub, false},
    {"pow", case_pow, false},
    {"pow_2", case_pow_2, false},
    {"pow_3", case_pow_3, false},
    {"pow_half", case_pow_half, false},
    {"pow_1.7", case_pow_17, false},
    {"number_pow", case_number_pow, false},
    {"remainder", case_remainder, false},
    {"maximum", case_maximum, false},
    {"minimum_row", case_minimum, false},
    {"pow_zero", case_pow, true},
    {"maximum_tie", case_maximum, true},
    {"neg", case_neg, false},
    {"abs", case_abs, false},
    {"relu", case_relu, false},
    {"sqrt", case_sqrt, false},
    {"exp", case_exp, false},
    {"log", case_log, false},
    {"tanh", case_tanh, false},
    {"sigmoid", case_sigmoid, false},
    {"sum", case_sum, false},
    {"sum_0", case_sum_0, false},
    {"sum_1", case_sum_1, false},
    {"sum_mid_keep", case_sum_1_keep, false},
    {"sum_long", case_sum, false},
    {"sum_tall", case_sum_0, false},
    {"mean", case_mean, false},
    {"mean_-1", case_mean_last, false},
    {"max", case_max, false},
    {"max_1", case_max_1, false},
    {"min_0_keep", case_min_0_keep, false},
    {"max_tie", case_max, true},
    {"matmul_22", case_matmul, false},
    {"matmul_11", case_matmul, false},
    {"matmul_21", case_matmul, false},
    {"matmul_12", case_matmul, false},
    {"matmul_33", case_matmul, false},
    {"matmul_32", case_matmul, false},
    {"matmul_broadcast", case_matmul, false},
    {"matmul_13", case_matmul, false},
    {"linear", case_linear, false},
    {"linear_nobias", case_linear_nobias, false},
    {"linear_3d", case_linear, false},
    {"linear_1d", case_linear, false},
    {"reshape", case_reshape, false},
    {"flatten", case_flatten, false},
    {"unsqueeze", case_unsqueeze, false},
    {"squeeze", case_squeeze, false},
    {"transpose", case_transpose, false},
    {"t", case_t, false},
    {"expand", case_expand, false},
    {"select_0", case_select_0, false},
    {"select_1", case_select_1, false},
    {"narrow_0", case_narrow_0, false},
    {"narrow_1", case_narrow_1, false},
    {"index_select_0", case_index_select_0, false},
    {"index_select_1", case_index_select_1, false},
    {"gather", case_gather, false},
    {"stack_0", case_stack_0, false},
    {"stack_1", case_stack_1, false},
    {"cat_0", case_cat_0, false},
    {"cat_1", case_cat_1, false},
    {"softmax", case_softmax, false},
    {"softmax_0", case_softmax_0, false},
    {"log_softmax", case_log_softmax, false},
    {"cross_entropy", case_cross_entropy, false},
    {"cross_entropy_sum", case_cross_entropy_sum, false},
    {"cross_entropy_none", case_cross_entropy_none, false},
    {"cross_entropy_ignore", case_cross_entropy, false},
    {"cross_entropy_1d", case_cross_entropy, false},
    {"mse_loss", case_mse_loss, false},
    {"mse_loss_sum", case_mse_loss_sum, false},
    {"mse_loss_none", case_mse_loss_none, false},
    {"used_twice", case_used_twice, false},
    {"mlp", case_mlp, false},
};

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("torch_ops.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
}

/* ---- running a case ------------------------------------------------------------------ */

typedef struct {
    const char *name;
    CaseFunc func;
    DdpTensor *in[INPUTS_MAX];
    int count;
    DdpTensor *weight; /* what the gradient of the output is */
    DdpTensor *out;
} Run;

static bool
is_float(DdpTensor *tensor)
{
    return ddp_dtype_is_float(ddp_tensor_dtype(tensor));
}

static char *
part_name(const Run *run, const char *part, int index)
{
    return index < 0 ? g_strdup_printf("%s.%s", run->name, part)
                     : g_strdup_printf("%s.%s%d", run->name, part, index);
}

/* The recorded inputs and weight, with the floats among them in @dtype. */
static void
run_open(Run *run, int index, DdpDtype dtype)
{
    *run = (Run){.name = cases[index].name, .func = cases[index].func};
    for (int i = 0; i < INPUTS_MAX; i++) {
        g_autofree char *name = part_name(run, "in", i);

        if (!recorded_has(recorded, name))
            break;

        g_autoptr(DdpTensor) input = recorded_tensor(recorded, context, name);

        run->in[i] = is_float(input) ? ddp_to(input, dtype, NULL) : ddp_tensor_ref(input);
        run->count++;
    }
    ck_assert_int_gt(run->count, 0);

    g_autofree char *name = part_name(run, "weight", -1);
    g_autoptr(DdpTensor) weight = recorded_tensor(recorded, context, name);

    run->weight = ddp_to(weight, dtype, NULL);
}

static void
run_forward_and_backward(Run *run)
{
    GError *error = NULL;

    for (int i = 0; i < run->count; i++) {
        if (is_float(run->in[i]))
            ck_assert(ddp_tensor_set_requires_grad(run->in[i], true, NULL));
    }
    run->out = run->func(run->in);
    ck_assert_ptr_nonnull(run->out);
    ddp_tensor_backward_from(run->out, run->weight, false, &error);
    ck_assert_no_error(error);
}

static void
run_close(Run *run)
{
    for (int i = 0; i < run->count; i++)
        ddp_tensor_unref(run->in[i]);
    ddp_tensor_unref(run->weight);
    ddp_tensor_unref(run->out);
}

/* ---- against torch ------------------------------------------------------------------- */

START_TEST(test_results_and_gradients_are_torchs)
{
    Run run;
    g_autofree char *out_name = g_strdup_printf("%s.out", cases[_i].name);

    run_open(&run, _i, DDP_DTYPE_F32);
    run_forward_and_backward(&run);
    assert_recorded_close(recorded, out_name, run.out, 2e-6, 1e-6);
    for (int i = 0; i < run.count; i++) {
        g_autofree char *name = part_name(&run, "grad", i);

        if (is_float(run.in[i]))
            assert_recorded_close(recorded, name, ddp_tensor_grad(run.in[i]), 2e-6, 5e-7);
    }
    run_close(&run);
}
END_TEST

/* ---- against differences ------------------------------------------------------------- */

/* Σ weight · out, in which every output counts differently. */
static double
weighted_value(const Run *run)
{
    g_autoptr(DdpTensor) out = run->func((DdpTensor **)run->in);
    double value = 0.0;

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < ddp_tensor_numel(out); i++)
        value += ddp_tensor_item_f64(out, i) * ddp_tensor_item_f64(run->weight, i);
    return value;
}

static double
difference(const Run *run, DdpTensor *input, size_t element)
{
    const double step = 1e-5;
    double start = ddp_tensor_item_f64(input, element);
    double above, below;

    ddp_tensor_set_f64(input, element, start + step);
    above = weighted_value(run);
    ddp_tensor_set_f64(input, element, start - step);
    below = weighted_value(run);
    ddp_tensor_set_f64(input, element, start);
    return (above - below) / (2.0 * step);
}

START_TEST(test_gradients_are_limits_of_differences)
{
    Run run;

    if (cases[_i].kinked)
        return;
    run_open(&run, _i, DDP_DTYPE_F64);
    run_forward_and_backward(&run);
    ddp_model_context_set_grad_enabled(context, false);
    for (int i = 0; i < run.count; i++) {
        if (!is_float(run.in[i]))
            continue;

        /* Of a long input a few elements will do. */
        size_t numel = ddp_tensor_numel(run.in[i]);
        size_t stride = MAX(numel / 40, 1);

        for (size_t e = 0; e < numel; e += stride) {
            double expected = difference(&run, run.in[i], e);
            double got = ddp_tensor_item_f64(ddp_tensor_grad(run.in[i]), e);

            ck_assert_msg(fabs(got - expected) <= 1e-7 * fabs(expected) + 1e-7,
                          "%s: gradient %" G_GSIZE_FORMAT " of input %d is %.12g, differences "
                          "give %.12g",
                          run.name, e, i, got, expected);
        }
    }
    ddp_model_context_set_grad_enabled(context, true);
    run_close(&run);
}
END_TEST

/* ---- half precision ------------------------------------------------------------------ */

static void
assert_half_like_float(int index, DdpDtype dtype, double tolerance)
{
    Run wide, half;

    run_open(&half, index, dtype);
    run_open(&wide, index, DDP_DTYPE_F32);
    for (int i = 0; i < wide.count; i++) {
        /* Both start from the same numbers: the halves. */
        ck_assert(ddp_copy_(wide.in[i], half.in[i], NULL));
    }
    ck_assert(ddp_copy_(wide.weight, half.weight, NULL));
    run_forward_and_backward(&wide);
    run_forward_and_backward(&half);
    ck_assert_int_eq(ddp_tensor_dtype(half.out), dtype);

    g_autoptr(DdpTensor) out = ddp_to(half.out, DDP_DTYPE_F32, NULL);

    assert_close(out, wide.out, tolerance, tolerance, wide.name);
    for (int i = 0; i < wide.count; i++) {
        if (!is_float(wide.in[i]))
            continue;
        ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(half.in[i])), dtype);

        g_autoptr(DdpTensor) grad = ddp_to(ddp_tensor_grad(half.in[i]), DDP_DTYPE_F32, NULL);

        assert_close(grad, ddp_tensor_grad(wide.in[i]), 4 * tolerance, 4 * tolerance, wide.name);
    }
    run_close(&wide);
    run_close(&half);
}

/* A half is within half a unit of its last place after each of a few roundings. */
START_TEST(test_float16_follows_float32)
{
    if (strcmp(cases[_i].name, "remainder") != 0)
        assert_half_like_float(_i, DDP_DTYPE_F16, 0x1p-9);
}
END_TEST

START_TEST(test_bfloat16_follows_float32)
{
    if (strcmp(cases[_i].name, "remainder") != 0)
        assert_half_like_float(_i, DDP_DTYPE_BF16, 0x1p-6);
}
END_TEST

/* ---- equal bits ---------------------------------------------------------------------- */

START_TEST(test_every_instruction_set_gives_the_same_bits)
{
    DdpMathPath best = ddp_math_path();
    Run expected;

    ddp_math_path_force(DDP_MATH_PATH_SCALAR);
    run_open(&expected, _i, DDP_DTYPE_F32);
    run_forward_and_backward(&expected);
    for (int path = DDP_MATH_PATH_AVX2; path <= DDP_MATH_PATH_AVX512; path++) {
        Run run;

        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        run_open(&run, _i, DDP_DTYPE_F32);
        run_forward_and_backward(&run);
        assert_same_bits(run.out, expected.out, run.name);
        for (int i = 0; i < run.count; i++) {
            if (is_float(run.in[i]))
                assert_same_bits(ddp_tensor_grad(run.in[i]), ddp_tensor_grad(expected.in[i]),
                                 run.name);
        }
        run_close(&run);
    }
    ddp_math_path_force(best);
    run_close(&expected);
}
END_TEST

/* ---- sums ---------------------------------------------------------------------------- */

/* The order that model/ops.h states, written down once more in the plainest way. */
static float
sum_as_stated(const float *x, size_t count)
{
    if (count <= 2048) {
        float lane[16] = {0};

        for (size_t i = 0; i < count; i++)
            lane[i % 16] += x[i];
        for (int half = 8; half > 0; half /= 2) {
            for (int l = 0; l < half; l++)
                lane[l] += lane[l + half];
        }
        return lane[0];
    }

    size_t blocks = (count + 2047) / 2048;
    size_t left = 1;

    while (left * 2 < blocks)
        left *= 2;
    return sum_as_stated(x, left * 2048) + sum_as_stated(x + left * 2048, count - left * 2048);
}

START_TEST(test_a_sum_has_the_stated_order)
{
    static const int64_t counts[] = {0, 1, 15, 16, 17, 100, 2047, 2048, 2049, 4096, 4097, 10000};

    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(DdpTensor) x = ddp_randn(context, NULL, DDP_DTYPE_F32, 1, &counts[i], NULL);
        g_autoptr(DdpTensor) sum = ddp_sum(x, NULL);

        ck_assert(ddp_tensor_item_f64(sum, 0) ==
                  (double)sum_as_stated(ddp_tensor_data(x), (size_t)counts[i]));
    }
}
END_TEST

static float
rows_sum_as_stated(const float *x, size_t rows, size_t stride)
{
    if (rows <= 64) {
        float sum = 0.0f;

        for (size_t i = 0; i < rows; i++)
            sum += x[i * stride];
        return sum;
    }

    size_t blocks = (rows + 63) / 64;
    size_t left = 1;

    while (left * 2 < blocks)
        left *= 2;
    return rows_sum_as_stated(x, left * 64, stride) +
           rows_sum_as_stated(x + left * 64 * stride, rows - left * 64, stride);
}

START_TEST(test_a_sum_over_rows_has_the_stated_order)
{
    static const int64_t shapes[][2] = {{1, 3}, {64, 70}, {65, 5}, {200, 64}, {500, 131}};

    for (size_t s = 0; s < G_N_ELEMENTS(shapes); s++) {
        g_autoptr(DdpTensor) x = ddp_randn(context, NULL, DDP_DTYPE_F32, 2, shapes[s], NULL);
        g_autoptr(DdpTensor) sum = ddp_reduce(DDP_FOLD_SUM, x, 0, false, NULL);
        const float *data = ddp_tensor_data(x);

        for (size_t j = 0; j < (size_t)shapes[s][1]; j++)
            ck_assert(
                ddp_tensor_item_f64(sum, j) ==
                (double)rows_sum_as_stated(data + j, (size_t)shapes[s][0], (size_t)shapes[s][1]));
    }
}
END_TEST

START_TEST(test_integers_are_summed_exactly_as_int64)
{
    static const int32_t values[] = {2147483647, 2147483647, 5, -7};
    int64_t shape[] = {2, 2};
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_I32, 2, shape, values, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(x, NULL);
    g_autoptr(DdpTensor) columns = ddp_reduce(DDP_FOLD_SUM, x, 0, false, NULL);

    ck_assert_int_eq(ddp_tensor_dtype(sum), DDP_DTYPE_I64);
    ck_assert_int_eq(ddp_tensor_item_i64(sum, 0), 4294967292);
    ck_assert_int_eq(ddp_tensor_item_i64(columns, 0), 2147483652);
    ck_assert_int_eq(ddp_tensor_item_i64(columns, 1), 2147483640);
}
END_TEST

/* ---- extrema ------------------------------------------------------------------------- */

static void
assert_index(const float *values, int64_t count, DdpFold op, int64_t expected)
{
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_F32, 1, &count, values, NULL);
    g_autoptr(DdpTensor) index = ddp_reduce(op, x, DDP_DIM_ALL, false, NULL);

    ck_assert_int_eq(ddp_tensor_item_i64(index, 0), expected);
}

START_TEST(test_the_first_of_equal_extrema_is_named)
{
    static const float values[] = {1.0f, 4.0f, -2.0f, 4.0f, -2.0f};

    assert_index(values, 5, DDP_FOLD_ARGMAX, 1);
    assert_index(values, 5, DDP_FOLD_ARGMIN, 2);
}
END_TEST

START_TEST(test_nan_is_beyond_every_number)
{
    static const float values[] = {1.0f, NAN, 7.0f, NAN};

    assert_index(values, 4, DDP_FOLD_ARGMAX, 1);
    assert_index(values, 4, DDP_FOLD_ARGMIN, 1);
}
END_TEST

START_TEST(test_extrema_along_a_dimension_come_with_their_places)
{
    static const int64_t values[] = {3, 9, 9, -1, 0, 8};
    int64_t shape[] = {2, 3};
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_I64, 2, shape, values, NULL);
    DdpTensor *best, *places;

    ck_assert(ddp_reduce_with_indices(DDP_FOLD_MAX, x, 0, true, &best, &places, NULL));
    ck_assert_int_eq(ddp_tensor_shape(best)[0], 1);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(ddp_tensor_item_i64(best, i), ((int64_t[]){3, 9, 9})[i]);
        ck_assert_int_eq(ddp_tensor_item_i64(places, i), 0);
    }
    ddp_tensor_unref(best);
    ddp_tensor_unref(places);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------------- */

static void
check_error(DdpTensor *result, GError *error, DdpTensorError code, const char *message)
{
    ck_assert_ptr_null(result);
    ck_assert_msg(error != NULL, "no error, expected: %s", message);
    ck_assert_str_eq(error->message, message);
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, (int)code));
    g_error_free(error);
}

/* @call fails, with its error in `error`. */
#define ASSERT_ERROR(call, code, message)                                                          \
    do {                                                                                           \
        GError *error = NULL;                                                                      \
        DdpTensor *result = (call);                                                                \
                                                                                                   \
        check_error(result, error, code, message);                                                 \
    } while (0)

static DdpTensor *
ones(DdpDtype dtype, int ndim, const int64_t *shape)
{
    return ddp_full(context, dtype, ndim, shape, ddp_number_int(1), NULL);
}

START_TEST(test_shapes_that_do_not_fit_are_refused_in_torchs_words)
{
    g_autoptr(DdpTensor) a = ones(DDP_DTYPE_F32, SHAPE(2, 3));
    g_autoptr(DdpTensor) b = ones(DDP_DTYPE_F32, SHAPE(2, 4));
    DdpTensor *both[] = {a, b};

    ASSERT_ERROR(ddp_add(a, b, &error), DDP_TENSOR_ERROR_SHAPE,
                 "The size of tensor a (3) must match the size of tensor b (4) at non-singleton "
                 "dimension 1");
    ASSERT_ERROR(ddp_matmul(a, b, &error), DDP_TENSOR_ERROR_SHAPE,
                 "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x4)");
    ASSERT_ERROR(ddp_linear(a, b, NULL, &error), DDP_TENSOR_ERROR_SHAPE,
                 "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)");
    ASSERT_ERROR(ddp_reshape(a, SHAPE(4, -1), &error), DDP_TENSOR_ERROR_SHAPE,
                 "shape '[4, -1]' is invalid for input of size 6");
    ASSERT_ERROR(ddp_cat(both, 2, 0, &error), DDP_TENSOR_ERROR_SHAPE,
                 "Sizes of tensors must match except in dimension 0. Expected size 3 but got size "
                 "4 for tensor number 1 in the list.");
    ASSERT_ERROR(ddp_stack(both, 2, 0, &error), DDP_TENSOR_ERROR_SHAPE,
                 "stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [2, 4] "
                 "at entry 1");
    ASSERT_ERROR(ddp_select(a, 0, 2, &error), DDP_TENSOR_ERROR_INDEX,
                 "index 2 is out of bounds for dimension 0 with size 2");
    ASSERT_ERROR(ddp_reduce(DDP_FOLD_SUM, a, 2, false, &error), DDP_TENSOR_ERROR_INDEX,
                 "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
}
END_TEST

START_TEST(test_dtypes_without_the_operation_are_refused)
{
    g_autoptr(DdpTensor) flags = ones(DDP_DTYPE_BOOL, SHAPE(2, 2));
    g_autoptr(DdpTensor) ints = ones(DDP_DTYPE_I64, SHAPE(2, 2));
    g_autoptr(DdpTensor) zeros = ddp_tensor_new(context, DDP_DTYPE_I64, SHAPE(2), NULL);
    g_autoptr(DdpTensor) floats = ones(DDP_DTYPE_F32, SHAPE(2, 2));
    g_autoptr(DdpTensor) doubles = ones(DDP_DTYPE_F64, SHAPE(2, 2));

    ASSERT_ERROR(ddp_sub(flags, flags, &error), DDP_TENSOR_ERROR_DTYPE,
                 "Subtraction, the `-` operator, with two bool tensors is not supported. Use the "
                 "`^` or `logical_xor()` operator instead.");
    ASSERT_ERROR(ddp_sub(flags, ints, &error), DDP_TENSOR_ERROR_DTYPE,
                 "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
                 "trying to invert a mask, use the `~` or `logical_not()` operator instead.");
    ASSERT_ERROR(ddp_reduce(DDP_FOLD_ARGMAX, flags, 0, false, &error), DDP_TENSOR_ERROR_DTYPE,
                 "argmax(): does not support bool input");
    ASSERT_ERROR(
        ddp_binary(DDP_BINARY_POW, TENSOR(ints), ddp_operand_number(ddp_number_int(-1)), &error),
        DDP_TENSOR_ERROR_DTYPE, "Integers to negative integer powers are not allowed.");
    ASSERT_ERROR(ddp_mean(ints, &error), DDP_TENSOR_ERROR_DTYPE,
                 "mean(): could not infer output dtype. Input dtype must be either a floating "
                 "point or complex dtype. Got: Long");
    ASSERT_ERROR(ddp_matmul(floats, doubles, &error), DDP_TENSOR_ERROR_DTYPE,
                 "expected m1 and m2 to have the same dtype, but got: float != double");
    ASSERT_ERROR(ddp_binary(DDP_BINARY_FLOOR_DIV, TENSOR(ints), TENSOR(zeros), &error),
                 DDP_TENSOR_ERROR_FAILED, "ZeroDivisionError");
}
END_TEST

START_TEST(test_integers_take_no_floats_in_place)
{
    g_autoptr(DdpTensor) ints = ones(DDP_DTYPE_I64, SHAPE(2, 2));
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_binary_(DDP_BINARY_ADD, ints, NUMBER(0.5), &error));
    ck_assert_str_eq(error->message,
                     "result type Float can't be cast to the desired output type Long");
}
END_TEST

START_TEST(test_targets_outside_of_the_classes_are_refused)
{
    static const int64_t classes[] = {0, 3};
    int64_t two = 2;
    g_autoptr(DdpTensor) logits = ones(DDP_DTYPE_F32, SHAPE(2, 3));
    g_autoptr(DdpTensor) target =
        ddp_tensor_new_from(context, DDP_DTYPE_I64, 1, &two, classes, NULL);
    g_autoptr(DdpTensor) floats = ones(DDP_DTYPE_F32, SHAPE(2));
    g_autoptr(DdpTensor) few = ddp_tensor_new(context, DDP_DTYPE_I64, SHAPE(3), NULL);

    ASSERT_ERROR(ddp_cross_entropy(logits, target, NULL, &error), DDP_TENSOR_ERROR_INDEX,
                 "Target 3 is out of bounds.");
    ASSERT_ERROR(ddp_cross_entropy(logits, few, NULL, &error), DDP_TENSOR_ERROR_SHAPE,
                 "Expected input batch_size (2) to match target batch_size (3).");
    ASSERT_ERROR(ddp_cross_entropy(logits, floats, NULL, &error), DDP_TENSOR_ERROR_DTYPE,
                 "cross_entropy needs class indices of torch.int64 as target, found torch.float32");
}
END_TEST

START_TEST(test_an_empty_batch_has_no_mean_loss)
{
    g_autoptr(DdpTensor) logits = ones(DDP_DTYPE_F32, SHAPE(0, 3));
    g_autoptr(DdpTensor) target = ones(DDP_DTYPE_I64, SHAPE(0));
    g_autoptr(DdpTensor) loss = ddp_cross_entropy(logits, target, NULL, NULL);

    ck_assert(isnan(ddp_tensor_item_f64(loss, 0)));
}
END_TEST

/* ---- in place ------------------------------------------------------------------------ */

START_TEST(test_in_place_keeps_shape_and_dtype)
{
    g_autoptr(DdpTensor) x = ones(DDP_DTYPE_F32, SHAPE(2, 3));
    g_autoptr(DdpTensor) row = ddp_arange(context, DDP_DTYPE_F64, ddp_number_int(0),
                                          ddp_number_int(3), ddp_number_int(1), NULL);
    GError *error = NULL;

    ck_assert(ddp_binary_(DDP_BINARY_ADD, x, TENSOR(row), NULL));
    ck_assert_int_eq(ddp_tensor_dtype(x), DDP_DTYPE_F32);
    for (size_t i = 0; i < 6; i++)
        ck_assert(ddp_tensor_item_f64(x, i) == 1.0 + (double)(i % 3));

    ck_assert(!ddp_binary_(DDP_BINARY_ADD, row, TENSOR(x), &error));
    ck_assert_str_eq(error->message,
                     "output with shape [3] doesn't match the broadcast shape [2, 3]");
    g_error_free(error);
}
END_TEST

/* x += x[0] must not see the new x[0] while it runs over the other rows. */
START_TEST(test_in_place_reads_its_own_old_elements)
{
    g_autoptr(DdpTensor) x = ones(DDP_DTYPE_F32, SHAPE(3, 2));
    g_autoptr(DdpTensor) first = ddp_select(x, 0, 0, NULL);
    g_autoptr(DdpTensor) cube = ddp_full(context, DDP_DTYPE_F64, SHAPE(2), ddp_number_int(3), NULL);

    ck_assert(ddp_binary_(DDP_BINARY_ADD, x, TENSOR(first), NULL));
    for (size_t i = 0; i < 6; i++)
        ck_assert(ddp_tensor_item_f64(x, i) == 2.0);
    ck_assert(ddp_binary_(DDP_BINARY_POW, cube, NUMBER(3.0), NULL));
    ck_assert(ddp_tensor_item_f64(cube, 0) == 27.0);
}
END_TEST

START_TEST(test_a_scaled_addition_is_fused)
{
    int64_t count = 40;
    g_autoptr(DdpTensor) x = ddp_rand(context, NULL, DDP_DTYPE_F32, 1, &count, NULL);
    g_autoptr(DdpTensor) y = ddp_rand(context, NULL, DDP_DTYPE_F32, 1, &count, NULL);
    g_autoptr(DdpTensor) start = ddp_clone(x, NULL);
    const float *from = ddp_tensor_data(start);
    const float *step = ddp_tensor_data(y);
    const float *got = ddp_tensor_data(x);
    int unfused = 0;

    ck_assert(ddp_add_scaled_(x, y, ddp_number_float(-0.1), NULL));
    for (int i = 0; i < 40; i++) {
        float product = -0.1f * step[i];

        ck_assert(got[i] == fmaf(-0.1f, step[i], from[i]));
        unfused += got[i] != from[i] + product;
    }
    ck_assert_int_gt(unfused, 0);
}
END_TEST

START_TEST(test_arange_counts_as_torchs)
{
    g_autoptr(DdpTensor) up = ddp_arange(context, DDP_DTYPE_I64, ddp_number_int(1),
                                         ddp_number_int(10), ddp_number_int(4), NULL);
    g_autoptr(DdpTensor) down = ddp_arange(context, DDP_DTYPE_I64, ddp_number_int(5),
                                           ddp_number_int(-1), ddp_number_int(-3), NULL);
    g_autoptr(DdpTensor) tenths = ddp_arange(context, DDP_DTYPE_F32, ddp_number_int(0),
                                             ddp_number_float(0.5), ddp_number_float(0.1), NULL);

    ck_assert_uint_eq(ddp_tensor_numel(up), 3);
    ck_assert_int_eq(ddp_tensor_item_i64(up, 2), 9);
    ck_assert_uint_eq(ddp_tensor_numel(down), 2);
    ck_assert_int_eq(ddp_tensor_item_i64(down, 1), 2);
    ck_assert_uint_eq(ddp_tensor_numel(tenths), 5);
    ck_assert(ddp_tensor_item_f64(tenths, 3) == (double)(float)(3 * 0.1));
    ASSERT_ERROR(ddp_arange(context, DDP_DTYPE_I64, ddp_number_int(0), ddp_number_int(1),
                            ddp_number_int(0), &error),
                 DDP_TENSOR_ERROR_SHAPE, "step must be nonzero");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ops");
    TCase *gradients = tcase_create("gradients");
    TCase *values = tcase_create("values");
    TCase *misuse = tcase_create("misuse");
    int count = (int)G_N_ELEMENTS(cases);

    tcase_add_checked_fixture(gradients, setup, teardown);
    tcase_add_loop_test(gradients, test_results_and_gradients_are_torchs, 0, count);
    tcase_add_loop_test(gradients, test_gradients_are_limits_of_differences, 0, count);
    tcase_add_loop_test(gradients, test_float16_follows_float32, 0, count);
    tcase_add_loop_test(gradients, test_bfloat16_follows_float32, 0, count);
    tcase_add_loop_test(gradients, test_every_instruction_set_gives_the_same_bits, 0, count);
    suite_add_tcase(suite, gradients);
    tcase_add_checked_fixture(values, setup, teardown);
    tcase_add_test(values, test_a_sum_has_the_stated_order);
    tcase_add_test(values, test_a_sum_over_rows_has_the_stated_order);
    tcase_add_test(values, test_integers_are_summed_exactly_as_int64);
    tcase_add_test(values, test_the_first_of_equal_extrema_is_named);
    tcase_add_test(values, test_nan_is_beyond_every_number);
    tcase_add_test(values, test_extrema_along_a_dimension_come_with_their_places);
    tcase_add_test(values, test_in_place_keeps_shape_and_dtype);
    tcase_add_test(values, test_in_place_reads_its_own_old_elements);
    tcase_add_test(values, test_a_scaled_addition_is_fused);
    tcase_add_test(values, test_arange_counts_as_torchs);
    suite_add_tcase(suite, values);
    tcase_add_checked_fixture(misuse, setup, teardown);
    tcase_add_test(misuse, test_shapes_that_do_not_fit_are_refused_in_torchs_words);
    tcase_add_test(misuse, test_dtypes_without_the_operation_are_refused);
    tcase_add_test(misuse, test_integers_take_no_floats_in_place);
    tcase_add_test(misuse, test_targets_outside_of_the_classes_are_refused);
    tcase_add_test(misuse, test_an_empty_batch_has_no_mean_loss);
    suite_add_tcase(suite, misuse);
    return ddp_test_main(suite);
}
