/* SPDX-License-Identifier: MIT */
#include "model/ops_activation.h"

#include <math.h>

#include "model/autograd.h"
#include "model/generator.h"
#include "model/math/elementary.h"
#include "model/ops.h"
#include "tests/model/core/op_cases.h"

/* Activations against torch and against differences of themselves; dropout against its draws. */

#define CASE(name, expression)                                                                     \
    static DdpTensor *case_##name(DdpTensor **in, GError **error)                                  \
    {                                                                                              \
        return expression;                                                                         \
    }

CASE(gelu, ddp_activation(DDP_ACTIVATION_GELU, in[0], 0, 0, error))
CASE(gelu_tanh, ddp_activation(DDP_ACTIVATION_GELU_TANH, in[0], 0, 0, error))
CASE(silu, ddp_activation(DDP_ACTIVATION_SILU, in[0], 0, 0, error))
CASE(leaky_relu, ddp_activation(DDP_ACTIVATION_LEAKY_RELU, in[0], 0.2, 0, error))
CASE(elu, ddp_activation(DDP_ACTIVATION_ELU, in[0], 1.0, 0, error))
CASE(elu_2, ddp_activation(DDP_ACTIVATION_ELU, in[0], 2.0, 0, error))
CASE(softplus, ddp_activation(DDP_ACTIVATION_SOFTPLUS, in[0], 1.0, 20.0, error))
CASE(softplus_3, ddp_activation(DDP_ACTIVATION_SOFTPLUS, in[0], 3.0, 4.0, error))
CASE(logsigmoid, ddp_activation(DDP_ACTIVATION_LOG_SIGMOID, in[0], 0, 0, error))

static DdpTensor *
case_far(DdpTensor **in, GError **error)
{
    g_autoptr(DdpTensor) gelu = ddp_activation(DDP_ACTIVATION_GELU, in[0], 0, 0, error);
    g_autoptr(DdpTensor) silu = ddp_activation(DDP_ACTIVATION_SILU, in[0], 0, 0, error);
    g_autoptr(DdpTensor) elu = ddp_activation(DDP_ACTIVATION_ELU, in[0], 1.0, 0, error);
    g_autoptr(DdpTensor) softplus =
        ddp_activation(DDP_ACTIVATION_SOFTPLUS, in[0], 1.0, 20.0, error);
    g_autoptr(DdpTensor) first = ddp_add(gelu, silu, error);
    g_autoptr(DdpTensor) second = ddp_add(first, elu, error);

    return ddp_add(second, softplus, error);
}

static const OpCase cases[] = {
    {"gelu", case_gelu, false},
    {"gelu_tanh", case_gelu_tanh, false},
    {"silu", case_silu, false},
    {"leaky_relu", case_leaky_relu, false},
    {"elu", case_elu, false},
    {"elu_2", case_elu_2, false},
    /* Where it goes over into x, what is left of the curve is cut off. */
    {"softplus", case_softplus, false},
    {"softplus_3", case_softplus_3, false},
    {"logsigmoid", case_logsigmoid, false},
    {"far", case_far, true},
};

static void
setup(void)
{
    op_cases_open("torch_activations.txt");
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

START_TEST(test_halves_follow_float32)
{
    op_case_check_half(&cases[_i], DDP_DTYPE_F16, 0x1p-8);
    op_case_check_half(&cases[_i], DDP_DTYPE_BF16, 0x1p-5);
}
END_TEST

START_TEST(test_every_instruction_set_gives_the_same_bits)
{
    op_case_check_paths(&cases[_i]);
}
END_TEST

START_TEST(test_integers_are_refused)
{
    g_autoptr(DdpTensor) x = ddp_tensor_new(op_cases_context(), DDP_DTYPE_I64, 0, NULL, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_activation(DDP_ACTIVATION_GELU, x, 0, 0, &error));
    ck_assert_str_eq(error->message, "\"gelu\" is not implemented for torch.int64");
}
END_TEST

/* The C library's erf is another implementation; glibc's is within an ulp. */
START_TEST(test_erf_agrees_with_the_c_library)
{
    for (int i = -7000; i <= 7000; i++) {
        double x = i * 0.001;
        double expected = erf(x);

        ck_assert_msg(fabs(ddp_erf(x) - expected) <= 9 * 0x1p-53 * fabs(expected),
                      "erf(%g) is %.17g, expected %.17g", x, ddp_erf(x), expected);
    }
    ck_assert(isnan(ddp_erf((double)NAN)));
    ck_assert(ddp_erf((double)INFINITY) == 1.0);
    ck_assert(ddp_erf(-(double)INFINITY) == -1.0);
}
END_TEST

/* ---- dropout ------------------------------------------------------------------------- */

static DdpTensor *
ones(DdpDtype dtype, int64_t count)
{
    return ddp_full(op_cases_context(), dtype, 1, &count, ddp_number_int(1), NULL);
}

/* What a build of torch without MKL gives for torch.manual_seed(0); Dropout(0.5)(torch.ones(12)).
 */
START_TEST(test_dropout_has_torchs_mask)
{
    static const double expected[] = {0, 0, 2, 0, 0, 0, 2, 2, 0, 2, 2, 2};
    static const DdpDtype dtypes[] = {DDP_DTYPE_F32, DDP_DTYPE_F64, DDP_DTYPE_F16, DDP_DTYPE_BF16};

    for (size_t d = 0; d < G_N_ELEMENTS(dtypes); d++) {
        g_autoptr(DdpTensor) x = ones(dtypes[d], 12);

        ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));
        ddp_generator_seed(ddp_model_context_generator(op_cases_context()), 0);

        g_autoptr(DdpTensor) y = ddp_dropout(x, 0.5, true, NULL, NULL);
        g_autoptr(DdpTensor) sum = ddp_sum(y, NULL);

        ck_assert(ddp_tensor_backward(sum, NULL));
        for (size_t i = 0; i < 12; i++) {
            ck_assert(ddp_tensor_item_f64(y, i) == expected[i]);
            ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(x), i) == expected[i]);
        }
    }
}
END_TEST

/* A mask is the comparison of one double uniform a element with 1 - p, each from two draws. */
START_TEST(test_dropout_draws_two_words_an_element)
{
    g_autoptr(DdpGenerator) generator = ddp_generator_new(99);
    g_autoptr(DdpGenerator) same = ddp_generator_new(99);
    g_autoptr(DdpTensor) x = ones(DDP_DTYPE_F32, 1000);
    g_autoptr(DdpTensor) y = ddp_dropout(x, 0.3, true, generator, NULL);
    size_t kept = 0;

    for (size_t i = 0; i < 1000; i++) {
        double u = (double)(ddp_generator_draw64(same) & 0x1fffffffffffff) / 0x1p53;

        ck_assert(ddp_tensor_item_f64(y, i) == (u < 0.7 ? (double)(1.0f / 0.7f) : 0.0));
        kept += u < 0.7;
    }
    ck_assert_uint_eq(ddp_generator_draw32(generator), ddp_generator_draw32(same));
    ck_assert(kept > 650 && kept < 750);
}
END_TEST

START_TEST(test_dropout_of_nothing_and_of_everything_draws_nothing)
{
    g_autoptr(DdpGenerator) generator = ddp_generator_new(5);
    g_autoptr(DdpGenerator) same = ddp_generator_new(5);
    g_autoptr(DdpTensor) x = ones(DDP_DTYPE_F32, 20);
    g_autoptr(DdpTensor) off = ddp_dropout(x, 0.5, false, generator, NULL);
    g_autoptr(DdpTensor) nothing = ddp_dropout(x, 0.0, true, generator, NULL);
    g_autoptr(DdpTensor) everything = ddp_dropout(x, 1.0, true, generator, NULL);

    ck_assert_ptr_eq(off, x);
    ck_assert_ptr_eq(nothing, x);
    for (size_t i = 0; i < 20; i++)
        ck_assert(ddp_tensor_item_f64(everything, i) == 0.0);
    ck_assert_uint_eq(ddp_generator_draw32(generator), ddp_generator_draw32(same));
}
END_TEST

START_TEST(test_dropout_of_no_probability_is_refused)
{
    g_autoptr(DdpTensor) x = ones(DDP_DTYPE_F32, 2);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_dropout(x, 1.5, true, NULL, &error));
    ck_assert_str_eq(error->message, "dropout probability has to be between 0 and 1, but got 1.5");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("activations");
    TCase *gradients = tcase_create("gradients");
    TCase *dropout = tcase_create("dropout");

    tcase_add_checked_fixture(gradients, setup, op_cases_close);
    tcase_add_loop_test(gradients, test_results_and_gradients_are_torchs, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_gradients_are_limits_of_differences, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_halves_follow_float32, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_every_instruction_set_gives_the_same_bits, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_test(gradients, test_integers_are_refused);
    tcase_add_test(gradients, test_erf_agrees_with_the_c_library);
    suite_add_tcase(suite, gradients);

    tcase_add_checked_fixture(dropout, setup, op_cases_close);
    tcase_add_test(dropout, test_dropout_has_torchs_mask);
    tcase_add_test(dropout, test_dropout_draws_two_words_an_element);
    tcase_add_test(dropout, test_dropout_of_nothing_and_of_everything_draws_nothing);
    tcase_add_test(dropout, test_dropout_of_no_probability_is_refused);
    suite_add_tcase(suite, dropout);
    return ddp_test_main(suite);
}
