/* SPDX-License-Identifier: MIT */
#include "model/autocast.h"

#include <math.h>
#include <string.h>

#include "model/autograd.h"
#include "model/dtypes.h"
#include "model/math/gemm.h"
#include "model/ops.h"
#include "model/optim_gradients.h"
#include "tests/model/core/recorded.h"

/*
 * Autocast against torch.autocast("cpu", bfloat16), whose products round to bfloat16 at the same
 * places; what torch adds up in another order may fall on the other side of a rounding. And
 * clipping and unscaling against torch's.
 */

static Recorded *autocast;
static Recorded *clip;
static DdpModelContext *context;

static void
setup(void)
{
    autocast = recorded_load("optim_autocast.txt");
    clip = recorded_load("optim_clip.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    recorded_free(autocast);
    recorded_free(clip);
}

static const DdpAutocast bf16 = {.enabled = true, .dtype = DDP_DTYPE_BF16, .cache_enabled = true};
static const DdpAutocast f16 = {.enabled = true, .dtype = DDP_DTYPE_F16, .cache_enabled = true};

static DdpTensor *
leaf(const char *name)
{
    DdpTensor *tensor = recorded_tensor(autocast, context, name);

    ck_assert(ddp_tensor_set_requires_grad(tensor, true, NULL));
    return tensor;
}

/* ---- autocast ------------------------------------------------------------------------ */

/* One rounding of bfloat16 apart. */
#define BF16_ULP 0x1p-7

START_TEST(test_an_mlp_under_autocast_is_torchs_within_a_rounding)
{
    g_autoptr(DdpTensor) x = recorded_tensor(autocast, context, "x");
    g_autoptr(DdpTensor) target = recorded_tensor(autocast, context, "target");
    g_autoptr(DdpTensor) w0 = leaf("parameter0");
    g_autoptr(DdpTensor) b0 = leaf("parameter1");
    g_autoptr(DdpTensor) w1 = leaf("parameter2");
    DdpTensor *parameters[] = {w0, b0, w1};
    DdpAutocast around = ddp_autocast_enter(context, bf16);
    g_autoptr(DdpTensor) hidden = ddp_linear(x, w0, b0, NULL);
    g_autoptr(DdpTensor) relu = ddp_relu(hidden, NULL);
    g_autoptr(DdpTensor) out = ddp_linear(relu, w1, NULL, NULL);
    g_autoptr(DdpTensor) turned = ddp_t(x, NULL);
    g_autoptr(DdpTensor) product = ddp_matmul(x, turned, NULL);
    g_autoptr(DdpTensor) loss = ddp_mse_loss(out, target, DDP_REDUCTION_MEAN, NULL);

    ddp_autocast_leave(context, around);
    assert_recorded_close(autocast, "hidden", hidden, BF16_ULP, 0x1p-10);
    assert_recorded_close(autocast, "product", product, BF16_ULP, 0x1p-9);
    assert_recorded_close(autocast, "out", out, 2 * BF16_ULP, 0x1p-8);
    assert_recorded_close(autocast, "loss", loss, 1e-3, 0.0);
    ck_assert(ddp_tensor_backward(loss, NULL));
    for (int i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("grad%d", i);

        assert_recorded_close(autocast, name, ddp_tensor_grad(parameters[i]), 3 * BF16_ULP, 0x1p-9);
    }
}
END_TEST

/* By hand: inputs and result of the product are rounded, and nothing else is. */
START_TEST(test_a_product_under_autocast_is_that_of_rounded_inputs_on_every_path)
{
    DdpMathPath best = ddp_math_path();
    g_autoptr(DdpTensor) x = recorded_tensor(autocast, context, "x");
    g_autoptr(DdpTensor) weight = recorded_tensor(autocast, context, "parameter0");
    g_autoptr(DdpTensor) bias = recorded_tensor(autocast, context, "parameter1");
    DdpDtype dtype = _i == 0 ? DDP_DTYPE_F16 : DDP_DTYPE_BF16;

    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);

        g_autoptr(DdpTensor) half_x = ddp_to(x, dtype, NULL);
        g_autoptr(DdpTensor) half_weight = ddp_to(weight, dtype, NULL);
        g_autoptr(DdpTensor) half_bias = ddp_to(bias, dtype, NULL);
        g_autoptr(DdpTensor) expected = ddp_linear(half_x, half_weight, half_bias, NULL);
        DdpAutocast around = ddp_autocast_enter(context, _i == 0 ? f16 : bf16);
        g_autoptr(DdpTensor) got = ddp_linear(x, weight, bias, NULL);

        ddp_autocast_leave(context, around);
        assert_same_bits(got, expected, "linear");
        ck_assert(ddp_tensor_dtype(got) == dtype);
    }
    ddp_math_path_force(best);
}
END_TEST

START_TEST(test_a_leaf_is_cast_once_in_a_region)
{
    g_autoptr(DdpTensor) weight = leaf("parameter2");
    DdpAutocast around = ddp_autocast_enter(context, f16);
    DdpAutocast inner = ddp_autocast_enter(context, f16);
    DdpTensor *first = ddp_autocast_input(context, weight, NULL);
    DdpTensor *second = ddp_autocast_input(context, weight, NULL);

    ck_assert_ptr_eq(first, second);
    ddp_autocast_leave(context, inner);

    DdpTensor *third = ddp_autocast_input(context, weight, NULL);

    ck_assert_ptr_eq(first, third);
    ddp_autocast_leave(context, around);
    ck_assert(!ddp_autocast_get(context).enabled);

    around = ddp_autocast_enter(context, f16);

    DdpTensor *later = ddp_autocast_input(context, weight, NULL);

    ck_assert_ptr_ne(first, later);
    ddp_autocast_leave(context, around);
    ddp_tensor_unref(first);
    ddp_tensor_unref(second);
    ddp_tensor_unref(third);
    ddp_tensor_unref(later);
}
END_TEST

/* With the cast kept, both gradients of a weight that is used twice meet in 16 bits. */
START_TEST(test_gradients_of_a_weight_used_twice_meet_in_16_bits)
{
    static const struct {
        bool cache_enabled;
        double grad; /* 2048 + 1: the nearest half is 2048 */
    } cases[] = {{true, 2048.0}, {false, 2049.0}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        DdpAutocast mode = f16;
        int64_t one[] = {1, 1};
        g_autoptr(DdpTensor) weight =
            ddp_full(context, DDP_DTYPE_F32, 2, one, ddp_number_float(1.0), NULL);
        g_autoptr(DdpTensor) big =
            ddp_full(context, DDP_DTYPE_F32, 2, one, ddp_number_float(2048.0), NULL);
        g_autoptr(DdpTensor) small =
            ddp_full(context, DDP_DTYPE_F32, 2, one, ddp_number_float(1.0), NULL);

        ck_assert(ddp_tensor_set_requires_grad(weight, true, NULL));
        mode.cache_enabled = cases[i].cache_enabled;

        DdpAutocast around = ddp_autocast_enter(context, mode);
        g_autoptr(DdpTensor) a = ddp_matmul(big, weight, NULL);
        g_autoptr(DdpTensor) b = ddp_matmul(small, weight, NULL);
        g_autoptr(DdpTensor) sum_a = ddp_sum(a, NULL);
        g_autoptr(DdpTensor) sum_b = ddp_sum(b, NULL);
        g_autoptr(DdpTensor) sum = ddp_add(sum_a, sum_b, NULL);

        ddp_autocast_leave(context, around);
        ck_assert(ddp_tensor_dtype(sum) == DDP_DTYPE_F32);
        ck_assert(ddp_tensor_backward(sum, NULL));
        ck_assert(ddp_tensor_dtype(ddp_tensor_grad(weight)) == DDP_DTYPE_F32);
        ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(weight), 0) == cases[i].grad);
    }
}
END_TEST

START_TEST(test_a_leaf_changes_its_dtype_with_its_gradient)
{
    g_autoptr(DdpTensor) weight = leaf("parameter2");
    g_autoptr(DdpTensor) half = ddp_to(weight, DDP_DTYPE_F16, NULL);
    g_autoptr(DdpTensor) grad =
        ddp_full(context, DDP_DTYPE_F32, 2, ddp_tensor_shape(weight), ddp_number_float(0.1), NULL);

    ck_assert(ddp_tensor_set_grad(weight, grad, NULL));
    ck_assert(ddp_tensor_convert_(weight, DDP_DTYPE_F16, NULL));
    for (size_t i = 0; i < ddp_tensor_numel(weight); i++)
        ck_assert(ddp_tensor_item_f64(weight, i) == ddp_tensor_item_f64(half, i));
    ck_assert(ddp_tensor_dtype(ddp_tensor_grad(weight)) == DDP_DTYPE_F16);
    ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(weight), 0) == 0.0999755859375);
    ck_assert(ddp_tensor_requires_grad(weight));
}
END_TEST

/* The graph that was made before must not read the new elements as the old. */
START_TEST(test_a_graph_over_a_leaf_that_changed_its_dtype_is_refused)
{
    g_autoptr(DdpTensor) weight = leaf("parameter2");
    g_autoptr(DdpTensor) sum = ddp_sum(weight, NULL);
    g_autoptr(DdpTensor) square = ddp_mul(weight, weight, NULL);
    g_autoptr(DdpTensor) squares = ddp_sum(square, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(ddp_tensor_convert_(weight, DDP_DTYPE_F16, NULL));
    ck_assert(!ddp_tensor_backward(sum, &error));
    ck_assert_str_eq(error->message, "a gradient of torch.float32 came to a tensor that has become "
                                     "torch.float16 since its forward pass");
    ck_assert_ptr_null(ddp_tensor_grad(weight));
    g_clear_error(&error);
    ck_assert(!ddp_tensor_backward(squares, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "modified by an inplace operation"));
}
END_TEST

/* ---- conversions --------------------------------------------------------------------- */

/* Every half, and floats of every exponent with mantissas around each rounding. */
START_TEST(test_halves_are_those_of_the_scalar_functions_on_every_path)
{
    DdpMathPath best = ddp_math_path();
    enum { HALVES = 65536, FLOATS = 512 * 64 };
    g_autofree uint16_t *halves = g_new(uint16_t, HALVES);
    g_autofree float *floats = g_new(float, HALVES);
    g_autofree float *wide = g_new(float, FLOATS);
    g_autofree uint16_t *narrow = g_new(uint16_t, FLOATS);
    DdpDtype dtype = _i == 0 ? DDP_DTYPE_F16 : DDP_DTYPE_BF16;

    for (uint32_t i = 0; i < HALVES; i++)
        halves[i] = (uint16_t)i;
    for (uint32_t i = 0; i < FLOATS; i++) {
        static const uint32_t tails[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x1fff};
        uint32_t bits = (i >> 6) << 23 | (i >> 3 & 7) * 0x92000u | tails[i & 7];

        memcpy(&wide[i], &bits, sizeof bits);
    }
    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        ddp_convert(HALVES, floats, DDP_DTYPE_F32, halves, dtype);
        ddp_convert(FLOATS, narrow, dtype, wide, DDP_DTYPE_F32);
        for (uint32_t i = 0; i < HALVES; i++) {
            float expected = _i == 0 ? ddp_f16_to_f32((uint16_t)i) : ddp_bf16_to_f32((uint16_t)i);

            ck_assert_msg(memcmp(&floats[i], &expected, sizeof expected) == 0, "%04x", i);
        }
        for (uint32_t i = 0; i < FLOATS; i++) {
            uint16_t expected = _i == 0 ? ddp_f16_from_f32(wide[i]) : ddp_bf16_from_f32(wide[i]);

            ck_assert_msg(narrow[i] == expected, "%a: %04x is not %04x", (double)wide[i], narrow[i],
                          expected);
        }
    }
    ddp_math_path_force(best);
}
END_TEST

/* ---- clipping ------------------------------------------------------------------------ */

#define GRADIENTS 4

static const struct {
    const char *name;
    double norm_type;
} norms[] = {
    {"2", 2.0}, {"1", 1.0},    {"inf", INFINITY},        {"3", 3.0},
    {"0", 0.0}, {"half", 0.5}, {"minus_inf", -INFINITY},
};

static void
load_gradients(DdpTensor **gradients)
{
    for (int i = 0; i < GRADIENTS; i++) {
        g_autofree char *name = g_strdup_printf("grad%d", i);

        gradients[i] = recorded_tensor(clip, context, name);
    }
}

static void
assert_gradients(const char *prefix, DdpTensor **gradients, double relative)
{
    for (int i = 0; i < GRADIENTS; i++) {
        g_autofree char *name = g_strdup_printf("%s.grad%d", prefix, i);

        assert_recorded_close(clip, name, gradients[i], relative, 0.0);
        ddp_tensor_unref(gradients[i]);
    }
}

START_TEST(test_clipping_by_a_norm_is_torchs)
{
    static const struct {
        const char *name;
        double limit;
    } limits[] = {{"small", 1.5}, {"large", 1e6}};

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autofree char *prefix = g_strdup_printf("norm_%s.%s", norms[_i].name, limits[i].name);
        g_autofree char *total_name = g_strconcat(prefix, ".total", NULL);
        DdpTensor *gradients[GRADIENTS];

        load_gradients(gradients);

        g_autoptr(DdpTensor) total =
            ddp_gradients_total_norm(context, gradients, GRADIENTS, norms[_i].norm_type, NULL);

        assert_recorded_close(clip, total_name, total, 1e-6, 0.0);
        ck_assert(ddp_gradients_clip_norm_(gradients, GRADIENTS, limits[i].limit, total, NULL));
        assert_gradients(prefix, gradients, 1e-6);
    }
}
END_TEST

START_TEST(test_norms_have_equal_bits_on_every_path)
{
    DdpMathPath best = ddp_math_path();
    int64_t size = 12345;
    g_autoptr(DdpTensor) gradient = ddp_randn(context, NULL, DDP_DTYPE_F32, 1, &size, NULL);
    g_autoptr(DdpTensor) first = NULL;
    double sum = 0.0;

    for (size_t i = 0; i < (size_t)size; i++)
        sum += ddp_tensor_item_f64(gradient, i) * ddp_tensor_item_f64(gradient, i);
    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);

        DdpTensor *total = ddp_gradients_total_norm(context, &gradient, 1, 2.0, NULL);

        ck_assert_double_eq_tol(ddp_tensor_item_f64(total, 0), sqrt(sum), 1e-5);
        if (first == NULL)
            first = ddp_tensor_ref(total);
        assert_same_bits(total, first, "norm");
        ddp_tensor_unref(total);
    }
    ddp_math_path_force(best);
}
END_TEST

START_TEST(test_clipping_by_value_is_torchs)
{
    DdpTensor *gradients[GRADIENTS];

    load_gradients(gradients);
    ddp_gradients_clip_value_(gradients, GRADIENTS, 0.75);
    assert_gradients("value", gradients, 0.0);
}
END_TEST

/* ---- scales -------------------------------------------------------------------------- */

START_TEST(test_unscaling_finds_every_kind_of_infinity_on_every_path)
{
    static const DdpDtype dtypes[] = {DDP_DTYPE_F32, DDP_DTYPE_F64, DDP_DTYPE_BF16};
    static const double bad[] = {0.0, (double)INFINITY, -(double)INFINITY, (double)NAN};
    DdpMathPath best = ddp_math_path();
    int64_t size = 37;

    for (int path = DDP_MATH_PATH_SCALAR; path <= DDP_MATH_PATH_AVX512; path++) {
        if (!ddp_math_path_available((DdpMathPath)path))
            continue;
        ddp_math_path_force((DdpMathPath)path);
        for (size_t i = 0; i < G_N_ELEMENTS(bad) * (size_t)size; i++) {
            g_autoptr(DdpTensor) x =
                ddp_full(context, dtypes[_i], 1, &size, ddp_number_float(3.0), NULL);
            double value = bad[i % G_N_ELEMENTS(bad)];
            bool found = false;

            ddp_tensor_set_f64(x, i / G_N_ELEMENTS(bad), value);
            ck_assert(ddp_gradients_unscale_(&x, 1, 0.25f, &found, NULL));
            ck_assert(found == (value != 0.0));
            ck_assert(ddp_tensor_item_f64(x, i / G_N_ELEMENTS(bad) == 0 ? 1 : 0) == 0.75);
        }
    }
    ddp_math_path_force(best);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("amp");
    TCase *casts = tcase_create("autocast");
    TCase *gradients = tcase_create("gradients");

    tcase_add_checked_fixture(casts, setup, teardown);
    tcase_add_test(casts, test_an_mlp_under_autocast_is_torchs_within_a_rounding);
    tcase_add_loop_test(
        casts, test_a_product_under_autocast_is_that_of_rounded_inputs_on_every_path, 0, 2);
    tcase_add_test(casts, test_a_leaf_is_cast_once_in_a_region);
    tcase_add_test(casts, test_gradients_of_a_weight_used_twice_meet_in_16_bits);
    tcase_add_test(casts, test_a_leaf_changes_its_dtype_with_its_gradient);
    tcase_add_test(casts, test_a_graph_over_a_leaf_that_changed_its_dtype_is_refused);
    tcase_add_loop_test(casts, test_halves_are_those_of_the_scalar_functions_on_every_path, 0, 2);
    suite_add_tcase(suite, casts);

    tcase_add_checked_fixture(gradients, setup, teardown);
    tcase_add_loop_test(gradients, test_clipping_by_a_norm_is_torchs, 0, G_N_ELEMENTS(norms));
    tcase_add_test(gradients, test_norms_have_equal_bits_on_every_path);
    tcase_add_test(gradients, test_clipping_by_value_is_torchs);
    tcase_add_loop_test(gradients, test_unscaling_finds_every_kind_of_infinity_on_every_path, 0, 3);
    suite_add_tcase(suite, gradients);
    return ddp_test_main(suite);
}
