/* SPDX-License-Identifier: MIT */
#include "model/flops.h"

#include "model/autograd.h"
#include "model/nn.h"
#include "model/ops.h"
#include "model/optim.h"
#include "tests/testutil.h"

/*
 * Counts against formulas written out by hand, in plain numbers of rows and columns. Each test
 * reads the counter before and after; the table of model/flops.h is not used here.
 */

static DdpModelContext *context;
static uint64_t counted;

static void
setup(void)
{
    context = ddp_model_context_new(NULL, 0, 0, 0);
    counted = 0;
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
}

/* What was counted since the last time it was asked for. */
static uint64_t
since(void)
{
    uint64_t before = counted;

    counted = ddp_model_context_flops(context);
    return counted - before;
}

static DdpTensor *
matrix(DdpDtype dtype, int64_t rows, int64_t columns, bool requires_grad)
{
    DdpTensor *x = ddp_tensor_new(context, dtype, 2, (int64_t[]){rows, columns}, NULL);

    ck_assert_ptr_nonnull(x);
    ck_assert(ddp_fill_(x, ddp_number_float(1.0), NULL));
    if (requires_grad)
        ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));
    return x;
}

/* Hands ones of the shape of @y back through the graph. */
static void
backward(DdpTensor *y)
{
    g_autoptr(DdpTensor) ones = ddp_full(context, ddp_tensor_dtype(y), ddp_tensor_ndim(y),
                                         ddp_tensor_shape(y), ddp_number_float(1.0), NULL);

    since();
    ck_assert(ddp_tensor_backward_from(y, ones, false, NULL));
}

static const struct {
    DdpDtype dtype;
    int64_t rows, in, out;
} linears[] = {
    {DDP_DTYPE_F32, 32, 784, 128},
    {DDP_DTYPE_F64, 1, 1, 1},
    {DDP_DTYPE_BF16, 5, 3, 7},
    {DDP_DTYPE_F32, 3, 40, 2},
};

START_TEST(test_linear_counts_two_for_each_multiply_add_and_one_for_the_bias)
{
    int64_t rows = linears[_i].rows, in = linears[_i].in, out = linears[_i].out;
    uint64_t product = (uint64_t)(2 * rows * in * out);
    uint64_t results = (uint64_t)(rows * out);
    g_autoptr(DdpTensor) x = matrix(linears[_i].dtype, rows, in, false);
    g_autoptr(DdpTensor) input = matrix(linears[_i].dtype, rows, in, true);
    g_autoptr(DdpTensor) weight = matrix(linears[_i].dtype, out, in, true);
    g_autoptr(DdpTensor) bias =
        ddp_full(context, linears[_i].dtype, 1, &out, ddp_number_float(0.5), NULL);

    ck_assert(ddp_tensor_set_requires_grad(bias, true, NULL));
    ck_assert_uint_eq(since(), 0);

    g_autoptr(DdpTensor) y = ddp_linear(x, weight, bias, NULL);

    ck_assert_uint_eq(since(), product + results);
    backward(y); /* of the weight and the bias: x wants none */
    ck_assert_uint_eq(since(), product + results);

    g_autoptr(DdpTensor) z = ddp_linear(input, weight, NULL, NULL);

    ck_assert_uint_eq(since(), product);
    backward(z); /* of both; the weight's gradient is added to the one that is there */
    ck_assert_uint_eq(since(), 2 * product + (uint64_t)(in * out));
}
END_TEST

START_TEST(test_stacks_of_products_count_each_matrix)
{
    g_autoptr(DdpTensor) a = ddp_tensor_new(context, DDP_DTYPE_F32, 3, (int64_t[]){4, 2, 3}, NULL);
    g_autoptr(DdpTensor) b = matrix(DDP_DTYPE_F32, 3, 5, true);
    g_autoptr(DdpTensor) y = ddp_matmul(a, b, NULL);

    ck_assert_uint_eq(since(), 4 * 2 * 2 * 5 * 3);
    backward(y);
    ck_assert_uint_eq(since(), 4 * 2 * 2 * 5 * 3);
}
END_TEST

/* max, minus, exp, sum; per row log and two differences; the mean; softmax where it is wanted. */
START_TEST(test_cross_entropy_counts_its_rows_and_classes)
{
    const int64_t rows = 6, classes = 10;
    const uint64_t cells = 60;
    g_autoptr(DdpTensor) target = ddp_tensor_new(context, DDP_DTYPE_I64, 1, &rows, NULL);
    g_autoptr(DdpTensor) fixed = matrix(DDP_DTYPE_F32, rows, classes, false);
    g_autoptr(DdpTensor) logits = matrix(DDP_DTYPE_F32, rows, classes, true);
    DdpCrossEntropySpec spec = ddp_cross_entropy_spec_default();

    g_autoptr(DdpTensor) loss = ddp_cross_entropy(fixed, target, &spec, NULL);

    ck_assert_ptr_nonnull(loss);
    ck_assert_uint_eq(since(), 4 * cells + 3 * 6 + (6 + 1));

    g_autoptr(DdpTensor) trained = ddp_cross_entropy(logits, target, &spec, NULL);

    ck_assert_uint_eq(since(), 5 * cells + 3 * 6 + (6 + 1));
    backward(trained);
    ck_assert_uint_eq(since(), cells + 2 * 6);

    spec.reduction = DDP_REDUCTION_NONE;

    g_autoptr(DdpTensor) losses = ddp_cross_entropy(fixed, target, &spec, NULL);

    ck_assert_ptr_nonnull(losses);
    ck_assert_uint_eq(since(), 4 * cells + 3 * 6);
}
END_TEST

START_TEST(test_softmax_counts_five_a_cell_and_its_log_six)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F64, 4, 8, true);
    g_autoptr(DdpTensor) p = ddp_softmax(x, -1, NULL);

    ck_assert_uint_eq(since(), 5 * 32);
    backward(p);
    ck_assert_uint_eq(since(), 4 * 32);

    g_autoptr(DdpTensor) logs = ddp_log_softmax(x, -1, NULL);

    ck_assert_uint_eq(since(), 6 * 32 + 4); /* and a log for each row */
    backward(logs);
    ck_assert_uint_eq(since(), 4 * 32 + 32); /* and added to the gradient that is there */
}
END_TEST

START_TEST(test_mean_squared_error_counts_its_parts)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 3, 5, true);
    g_autoptr(DdpTensor) y = matrix(DDP_DTYPE_F32, 3, 5, false);
    g_autoptr(DdpTensor) loss = ddp_mse_loss(x, y, DDP_REDUCTION_MEAN, NULL);

    ck_assert_uint_eq(since(), 15 + 15 + 15 + 1);
    backward(loss);
    ck_assert_uint_eq(since(), 3 * 15);
}
END_TEST

static const struct {
    DdpUnaryOp op;
    uint64_t backward; /* for each element */
} unaries[] = {
    {DDP_UNARY_NEG, 1}, {DDP_UNARY_ABS, 2}, {DDP_UNARY_RELU, 1}, {DDP_UNARY_SQRT, 2},
    {DDP_UNARY_EXP, 1}, {DDP_UNARY_LOG, 1}, {DDP_UNARY_TANH, 3}, {DDP_UNARY_SIGMOID, 3},
};

START_TEST(test_a_function_counts_one_and_its_derivative_what_it_takes)
{
    g_autoptr(DdpTensor) x = matrix(_i % 2 == 0 ? DDP_DTYPE_F32 : DDP_DTYPE_F16, 7, 3, true);
    g_autoptr(DdpTensor) y = ddp_unary(unaries[_i].op, x, NULL);

    ck_assert_uint_eq(since(), 21);
    backward(y);
    ck_assert_uint_eq(since(), 21 * unaries[_i].backward);
}
END_TEST

START_TEST(test_elements_of_the_result_count_where_shapes_are_broadcast)
{
    g_autoptr(DdpTensor) column = matrix(DDP_DTYPE_F32, 7, 1, true);
    g_autoptr(DdpTensor) row = matrix(DDP_DTYPE_F32, 1, 3, false);
    g_autoptr(DdpTensor) product = ddp_mul(column, row, NULL);

    ck_assert_uint_eq(since(), 21);
    backward(product); /* g · row, and its sum over the columns */
    ck_assert_uint_eq(since(), 21 + 21);

    g_autoptr(DdpTensor) less =
        ddp_binary(DDP_BINARY_LT, ddp_operand_tensor(column), ddp_operand_float(0.0), NULL);

    ck_assert_ptr_nonnull(less);
    ck_assert_uint_eq(since(), 7);
}
END_TEST

/* Who won: ==, · -0.5, + 1, · g; and <, by which the loser's are set to 0. */
START_TEST(test_the_derivative_of_a_maximum_counts_its_masks)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 5, 2, true);
    g_autoptr(DdpTensor) y = matrix(DDP_DTYPE_F32, 5, 2, false);
    g_autoptr(DdpTensor) z =
        ddp_binary(DDP_BINARY_MAXIMUM, ddp_operand_tensor(x), ddp_operand_tensor(y), NULL);

    ck_assert_uint_eq(since(), 10);
    backward(z);
    ck_assert_uint_eq(since(), 6 * 10);
}
END_TEST

START_TEST(test_in_place_counts_as_its_like)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 4, 4, false);
    g_autoptr(DdpTensor) y = matrix(DDP_DTYPE_F32, 4, 4, false);

    ck_assert(ddp_binary_(DDP_BINARY_MUL, x, ddp_operand_tensor(y), NULL));
    ck_assert_uint_eq(since(), 16);
    ck_assert(ddp_add_scaled_(x, y, ddp_number_float(0.5), NULL));
    ck_assert_uint_eq(since(), 32);
}
END_TEST

START_TEST(test_reductions_count_what_they_read)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 6, 4, true);
    g_autoptr(DdpTensor) sum = ddp_reduce(DDP_FOLD_SUM, x, 0, false, NULL);

    ck_assert_uint_eq(since(), 24);
    backward(sum); /* only repeats */
    ck_assert_uint_eq(since(), 0);

    g_autoptr(DdpTensor) mean = ddp_reduce(DDP_FOLD_MEAN, x, 0, false, NULL);

    ck_assert_uint_eq(since(), 24 + 4);
    backward(mean);
    ck_assert_uint_eq(since(), 4 + 24); /* the quotients; added to what is there */

    g_autoptr(DdpTensor) best = ddp_reduce(DDP_FOLD_ARGMAX, x, 1, false, NULL);

    ck_assert_ptr_nonnull(best);
    ck_assert_uint_eq(since(), 24);
}
END_TEST

START_TEST(test_what_only_moves_counts_nothing)
{
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 6, 4, false);
    g_autoptr(DdpTensor) half = ddp_to(x, DDP_DTYPE_F16, NULL);
    g_autoptr(DdpTensor) turned = ddp_transpose(x, 0, 1, NULL);
    g_autoptr(DdpTensor) copy = ddp_clone(x, NULL);
    g_autoptr(DdpTensor) drawn = ddp_randn(context, NULL, DDP_DTYPE_F32, 1, (int64_t[]){9}, NULL);
    g_autoptr(DdpTensor) row = ddp_select(x, 0, 2, NULL);
    g_autoptr(DdpTensor) wide = ddp_expand(row, 2, (int64_t[]){5, 4}, NULL);

    ck_assert(half != NULL && turned != NULL && copy != NULL && drawn != NULL && wide != NULL);
    ck_assert_uint_eq(since(), 0);
}
END_TEST

START_TEST(test_gathered_gradients_count_one_for_each_that_is_added)
{
    const int64_t picks = 3;
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, 6, 4, true);
    g_autoptr(DdpTensor) index = ddp_tensor_new(context, DDP_DTYPE_I64, 1, &picks, NULL);
    g_autoptr(DdpTensor) rows = ddp_index_select(x, 0, index, NULL);

    ck_assert_uint_eq(since(), 0);
    backward(rows);
    ck_assert_uint_eq(since(), 3 * 4);
}
END_TEST

static const struct {
    DdpSgdSpec spec;
    uint64_t first, later; /* for each parameter */
} optimisers[] = {
    {{.lr = 0.1}, 2, 2},
    {{.lr = 0.1, .weight_decay = 0.01}, 4, 4},
    {{.lr = 0.1, .momentum = 0.9}, 2, 5},
    {{.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01}, 4, 7},
    {{.lr = 0.1, .momentum = 0.9, .nesterov = true}, 4, 7},
};

START_TEST(test_a_step_of_sgd_counts_by_its_options)
{
    DdpTensor *parameters[2] = {
        matrix(DDP_DTYPE_F32, 10, 10, true),
        matrix(DDP_DTYPE_BF16, 3, 1, true),
    };
    DdpTensor *unused = matrix(DDP_DTYPE_F32, 50, 50, true);
    DdpOptimizer *optimizer = ddp_sgd_new(context);

    ck_assert(ddp_sgd_add_group(optimizer, &optimisers[_i].spec, parameters, 2, NULL));
    ck_assert(ddp_sgd_add_group(optimizer, &optimisers[_i].spec, &unused, 1, NULL));
    for (int i = 0; i < 2; i++) {
        g_autoptr(DdpTensor) sum = ddp_sum(parameters[i], NULL);

        backward(sum);
    }
    since();
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    ck_assert_uint_eq(since(), 103 * optimisers[_i].first);
    ck_assert(ddp_optimizer_step(optimizer, NULL));
    ck_assert_uint_eq(since(), 103 * optimisers[_i].later);

    ddp_optimizer_free(optimizer);
    ddp_tensor_unref(parameters[0]);
    ddp_tensor_unref(parameters[1]);
    ddp_tensor_unref(unused);
}
END_TEST

/* A whole step of a small net, in one number: forward, loss, backward, SGD. */
START_TEST(test_a_training_step_counts_the_sum_of_its_parts)
{
    const int64_t rows = 8;
    const uint64_t n = 8, in = 12, hidden = 5, out = 3;
    g_autoptr(DdpTensor) x = matrix(DDP_DTYPE_F32, rows, 12, false);
    g_autoptr(DdpTensor) target = ddp_tensor_new(context, DDP_DTYPE_I64, 1, &rows, NULL);
    DdpTensor *parameters[2] = {matrix(DDP_DTYPE_F32, 5, 12, true),
                                matrix(DDP_DTYPE_F32, 3, 5, true)};
    DdpOptimizer *optimizer = ddp_sgd_new(context);
    DdpSgdSpec spec = ddp_sgd_spec_default();

    ck_assert(ddp_sgd_add_group(optimizer, &spec, parameters, 2, NULL));
    since();

    g_autoptr(DdpTensor) a = ddp_linear(x, parameters[0], NULL, NULL);
    g_autoptr(DdpTensor) b = ddp_relu(a, NULL);
    g_autoptr(DdpTensor) c = ddp_linear(b, parameters[1], NULL, NULL);
    g_autoptr(DdpTensor) loss = ddp_cross_entropy(c, target, NULL, NULL);

    ck_assert(ddp_tensor_backward(loss, NULL));
    ck_assert(ddp_optimizer_step(optimizer, NULL));

    uint64_t first = 2 * n * in * hidden, second = 2 * n * hidden * out;
    uint64_t forward = first + n * hidden + second + (5 * n * out + 3 * n + n + 1);
    uint64_t back = (n * out + 2 * n) + 2 * second + n * hidden + first;

    ck_assert_uint_eq(since(), forward + back + 2 * (in * hidden + hidden * out));

    ddp_optimizer_free(optimizer);
    ddp_tensor_unref(parameters[0]);
    ddp_tensor_unref(parameters[1]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("flops");
    TCase *counts = tcase_create("counts");

    tcase_add_checked_fixture(counts, setup, teardown);
    tcase_add_loop_test(counts, test_linear_counts_two_for_each_multiply_add_and_one_for_the_bias,
                        0, G_N_ELEMENTS(linears));
    tcase_add_test(counts, test_stacks_of_products_count_each_matrix);
    tcase_add_test(counts, test_cross_entropy_counts_its_rows_and_classes);
    tcase_add_test(counts, test_softmax_counts_five_a_cell_and_its_log_six);
    tcase_add_test(counts, test_mean_squared_error_counts_its_parts);
    tcase_add_loop_test(counts, test_a_function_counts_one_and_its_derivative_what_it_takes, 0,
                        G_N_ELEMENTS(unaries));
    tcase_add_test(counts, test_elements_of_the_result_count_where_shapes_are_broadcast);
    tcase_add_test(counts, test_the_derivative_of_a_maximum_counts_its_masks);
    tcase_add_test(counts, test_in_place_counts_as_its_like);
    tcase_add_test(counts, test_reductions_count_what_they_read);
    tcase_add_test(counts, test_what_only_moves_counts_nothing);
    tcase_add_test(counts, test_gathered_gradients_count_one_for_each_that_is_added);
    tcase_add_loop_test(counts, test_a_step_of_sgd_counts_by_its_options, 0,
                        G_N_ELEMENTS(optimisers));
    tcase_add_test(counts, test_a_training_step_counts_the_sum_of_its_parts);
    suite_add_tcase(suite, counts);
    return ddp_test_main(suite);
}
