/* SPDX-License-Identifier: MIT */
#include "model/losses.h"

#include <math.h>

#include "model/autograd.h"
#include "tests/model/core/op_cases.h"

/* Every loss with every reduction, against torch and against differences of itself. */

#define CASE(name, expression)                                                                     \
    static DdpTensor *case_##name(DdpTensor **in, DdpReduction reduction, GError **error)          \
    {                                                                                              \
        return expression;                                                                         \
    }                                                                                              \
                                                                                                   \
    static DdpTensor *case_##name##_mean(DdpTensor **in, GError **error)                           \
    {                                                                                              \
        return case_##name(in, DDP_REDUCTION_MEAN, error);                                         \
    }                                                                                              \
                                                                                                   \
    static DdpTensor *case_##name##_sum(DdpTensor **in, GError **error)                            \
    {                                                                                              \
        return case_##name(in, DDP_REDUCTION_SUM, error);                                          \
    }                                                                                              \
                                                                                                   \
    static DdpTensor *case_##name##_none(DdpTensor **in, GError **error)                           \
    {                                                                                              \
        return case_##name(in, DDP_REDUCTION_NONE, error);                                         \
    }

static DdpCrossEntropySpec
spec_of(DdpReduction reduction, DdpTensor *weight, double smoothing)
{
    DdpCrossEntropySpec spec = ddp_cross_entropy_spec_default();

    spec.reduction = reduction;
    spec.weight = weight;
    spec.label_smoothing = smoothing;
    return spec;
}

static DdpTensor *
nll(DdpTensor **in, DdpTensor *weight, DdpReduction reduction, GError **error)
{
    DdpCrossEntropySpec spec = spec_of(reduction, weight, 0.0);

    return ddp_nll_loss(in[0], in[1], &spec, error);
}

static DdpTensor *
ce(DdpTensor **in, DdpTensor *weight, double smoothing, DdpReduction reduction, GError **error)
{
    DdpCrossEntropySpec spec = spec_of(reduction, weight, smoothing);

    return ddp_cross_entropy(in[0], in[1], &spec, error);
}

CASE(nll, nll(in, NULL, reduction, error))
CASE(nll_weight, nll(in, in[2], reduction, error))
CASE(nll_pixels, nll(in, in[2], reduction, error))
CASE(ce_weight, ce(in, in[2], 0.0, reduction, error))
CASE(ce_smooth, ce(in, NULL, 0.1, reduction, error))
CASE(ce_smooth_weight, ce(in, in[2], 0.3, reduction, error))
CASE(ce_pixels, ce(in, NULL, 0.0, reduction, error))
CASE(ce_pixels_smooth_weight, ce(in, in[2], 0.2, reduction, error))
CASE(ce_probabilities, ce(in, NULL, 0.0, reduction, error))
CASE(ce_probabilities_weight, ce(in, in[2], 0.2, reduction, error))
CASE(ce_probabilities_1d, ce(in, NULL, 0.1, reduction, error))
CASE(bce, ddp_binary_cross_entropy(in[0], in[1], NULL, reduction, error))
CASE(bce_weight, ddp_binary_cross_entropy(in[0], in[1], in[2], reduction, error))
CASE(bce_logits, ddp_binary_cross_entropy_with_logits(in[0], in[1], NULL, NULL, reduction, error))
CASE(bce_logits_weight,
     ddp_binary_cross_entropy_with_logits(in[0], in[1], in[2], NULL, reduction, error))
CASE(bce_logits_pos_weight,
     ddp_binary_cross_entropy_with_logits(in[0], in[1], NULL, in[2], reduction, error))
CASE(bce_logits_both,
     ddp_binary_cross_entropy_with_logits(in[0], in[1], in[2], in[3], reduction, error))
CASE(l1, ddp_l1_loss(in[0], in[1], reduction, error))
CASE(smooth_l1, ddp_smooth_l1_loss(in[0], in[1], 1.0, reduction, error))
CASE(smooth_l1_half, ddp_smooth_l1_loss(in[0], in[1], 0.5, reduction, error))
CASE(smooth_l1_zero, ddp_smooth_l1_loss(in[0], in[1], 0.0, reduction, error))
CASE(huber, ddp_huber_loss(in[0], in[1], 0.7, reduction, error))

#define ALL(name)                                                                                  \
    {#name "_mean", case_##name##_mean, false}, {#name "_sum", case_##name##_sum, false},          \
    {                                                                                              \
#name "_none", case_##name##_none, false                                                   \
    }

static const OpCase cases[] = {
    ALL(nll),
    ALL(nll_weight),
    ALL(nll_pixels),
    ALL(ce_weight),
    ALL(ce_smooth),
    ALL(ce_smooth_weight),
    ALL(ce_pixels),
    ALL(ce_pixels_smooth_weight),
    ALL(ce_probabilities),
    ALL(ce_probabilities_weight),
    ALL(ce_probabilities_1d),
    ALL(bce),
    ALL(bce_weight),
    ALL(bce_logits),
    ALL(bce_logits_weight),
    ALL(bce_logits_pos_weight),
    ALL(bce_logits_both),
    ALL(l1),
    ALL(smooth_l1),
    ALL(smooth_l1_half),
    ALL(huber),
    {"smooth_l1_zero", case_smooth_l1_zero_mean, false},
    {"bce_ends", case_bce_none, true},
    {"bce_logits_far", case_bce_logits_none, true},
};

static void
setup(void)
{
    op_cases_open("torch_losses.txt");
    (void)case_smooth_l1_zero_sum;
    (void)case_smooth_l1_zero_none;
}

START_TEST(test_results_and_gradients_are_torchs)
{
    op_case_check_recorded(&cases[_i], 2e-6, 1e-6);
}
END_TEST

START_TEST(test_gradients_are_limits_of_differences)
{
    op_case_check_differences(&cases[_i]);
}
END_TEST

/* The gradient of a probability near 0 or 1 magnifies what a half has lost. */
START_TEST(test_halves_follow_float32)
{
    if (g_str_has_prefix(cases[_i].name, "bce_ends"))
        return;
    op_case_check_half(&cases[_i], DDP_DTYPE_F16, 0x1p-8);
    op_case_check_half(&cases[_i], DDP_DTYPE_BF16, 0x1p-5);
}
END_TEST

START_TEST(test_every_instruction_set_gives_the_same_bits)
{
    op_case_check_paths(&cases[_i]);
}
END_TEST

/* ---- edges --------------------------------------------------------------------------- */

static DdpTensor *
floats(int ndim, const int64_t *shape)
{
    return ddp_full(op_cases_context(), DDP_DTYPE_F32, ndim, shape, ddp_number_float(0.5), NULL);
}

static DdpTensor *
indices(int ndim, const int64_t *shape, int64_t value)
{
    return ddp_full(op_cases_context(), DDP_DTYPE_I64, ndim, shape, ddp_number_int(value), NULL);
}

#define SHAPE(...)                                                                                 \
    (int)G_N_ELEMENTS(((int64_t[]){__VA_ARGS__})), (int64_t[])                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

START_TEST(test_a_mean_of_no_counted_row_is_nan)
{
    g_autoptr(DdpTensor) x = floats(SHAPE(2, 3, 2));
    g_autoptr(DdpTensor) target = indices(SHAPE(2, 2), -100);
    g_autoptr(DdpTensor) mean = ddp_cross_entropy(x, target, NULL, NULL);
    DdpCrossEntropySpec spec = spec_of(DDP_REDUCTION_SUM, NULL, 0.1);
    g_autoptr(DdpTensor) sum = ddp_cross_entropy(x, target, &spec, NULL);

    ck_assert(isnan(ddp_tensor_item_f64(mean, 0)));
    ck_assert(ddp_tensor_item_f64(sum, 0) == 0.0);
}
END_TEST

/* Log-probabilities that are told as they are, without a softmax before. */
START_TEST(test_cross_entropy_is_nll_of_log_softmax)
{
    g_autoptr(DdpTensor) x = ddp_randn(op_cases_context(), NULL, DDP_DTYPE_F32, SHAPE(6, 5), NULL);
    g_autoptr(DdpTensor) logs = ddp_log_softmax(x, 1, NULL);
    g_autoptr(DdpTensor) target = indices(SHAPE(6), 3);
    g_autoptr(DdpTensor) a = ddp_cross_entropy(x, target, NULL, NULL);
    g_autoptr(DdpTensor) b = ddp_nll_loss(logs, target, NULL, NULL);

    assert_close(a, b, 1e-6, 0.0, "cross_entropy");
}
END_TEST

/* @call fails, with its error in `error`. */
#define ASSERT_ERROR(call, message_)                                                               \
    do {                                                                                           \
        GError *error = NULL;                                                                      \
                                                                                                   \
        ck_assert_ptr_null(call);                                                                  \
        ck_assert_ptr_nonnull(error);                                                              \
        ck_assert_str_eq(error->message, message_);                                                \
        g_error_free(error);                                                                       \
    } while (0)

START_TEST(test_what_does_not_fit_is_refused)
{
    g_autoptr(DdpTensor) x = floats(SHAPE(2, 3));
    g_autoptr(DdpTensor) three = floats(SHAPE(3, 2));
    g_autoptr(DdpTensor) four = floats(SHAPE(4));
    g_autoptr(DdpTensor) target = indices(SHAPE(2), 1);
    g_autoptr(DdpTensor) beyond = indices(SHAPE(2), 3);
    g_autoptr(DdpTensor) whole = indices(SHAPE(2, 3), 1);
    g_autoptr(DdpTensor) two =
        ddp_full(op_cases_context(), DDP_DTYPE_F32, SHAPE(2, 3), ddp_number_float(2.0), NULL);
    DdpCrossEntropySpec spec = spec_of(DDP_REDUCTION_MEAN, four, 0.0);

    ASSERT_ERROR(ddp_cross_entropy(x, target, &spec, &error),
                 "weight tensor should be defined either for all 3 classes or no classes but got "
                 "weight tensor of shape: [4]");
    spec = spec_of(DDP_REDUCTION_MEAN, NULL, 1.5);
    ASSERT_ERROR(ddp_cross_entropy(x, target, &spec, &error),
                 "label_smoothing must be between 0.0 and 1.0. Got: 1.5");
    spec = spec_of(DDP_REDUCTION_MEAN, NULL, 0.5);
    ASSERT_ERROR(ddp_cross_entropy(x, beyond, &spec, &error), "Target 3 is out of bounds.");
    ASSERT_ERROR(ddp_cross_entropy(x, three, NULL, &error),
                 "cross_entropy: a target of probabilities must have the shape of the input, "
                 "[2, 3], found [3, 2] (class indices are torch.int64)");
    spec = ddp_cross_entropy_spec_default();
    spec.ignore_index = 1;
    ASSERT_ERROR(ddp_cross_entropy(x, x, &spec, &error),
                 "ignore_index is not supported for floating point target, found 1");
    ASSERT_ERROR(ddp_nll_loss(x, whole, NULL, &error),
                 "nll_loss needs an input [C], [N, C] or [N, C, d1, ...] with class indices of the "
                 "same shape without C, found [2, 3] and [2, 3]");
    ASSERT_ERROR(ddp_nll_loss(x, x, NULL, &error),
                 "nll_loss needs class indices of torch.int64 as target, found torch.float32");
    ASSERT_ERROR(ddp_binary_cross_entropy(x, three, NULL, DDP_REDUCTION_MEAN, &error),
                 "Target size (torch.Size([3, 2])) must be the same as input size "
                 "(torch.Size([2, 3]))");
    ASSERT_ERROR(ddp_binary_cross_entropy(two, x, NULL, DDP_REDUCTION_MEAN, &error),
                 "binary_cross_entropy: all elements of input should be between 0 and 1, found 2 "
                 "(for logits there is binary_cross_entropy_with_logits)");
    ASSERT_ERROR(
        ddp_binary_cross_entropy_with_logits(x, whole, NULL, NULL, DDP_REDUCTION_MEAN, &error),
        "binary_cross_entropy_with_logits: the target is torch.int64, expected "
        "torch.float32 as the input is");
    ASSERT_ERROR(ddp_smooth_l1_loss(x, x, -1.0, DDP_REDUCTION_MEAN, &error),
                 "smooth_l1_loss does not support negative values for beta, found -1");
    ASSERT_ERROR(ddp_huber_loss(x, x, 0.0, DDP_REDUCTION_MEAN, &error),
                 "huber_loss does not support non-positive values for delta, found 0");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("losses");
    TCase *gradients = tcase_create("gradients");
    TCase *edges = tcase_create("edges");

    tcase_add_checked_fixture(gradients, setup, op_cases_close);
    tcase_add_loop_test(gradients, test_results_and_gradients_are_torchs, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_gradients_are_limits_of_differences, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_halves_follow_float32, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_every_instruction_set_gives_the_same_bits, 0,
                        G_N_ELEMENTS(cases));
    suite_add_tcase(suite, gradients);

    tcase_add_checked_fixture(edges, setup, op_cases_close);
    tcase_add_test(edges, test_a_mean_of_no_counted_row_is_nan);
    tcase_add_test(edges, test_cross_entropy_is_nll_of_log_softmax);
    tcase_add_test(edges, test_what_does_not_fit_is_refused);
    suite_add_tcase(suite, edges);
    return ddp_test_main(suite);
}
