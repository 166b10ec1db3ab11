/* SPDX-License-Identifier: MIT */
#include "base/dtype.h"

#include <math.h>

#include "model/ops.h"
#include "tests/model/core/recorded.h"

/* Promotion and conversion, all pairs, as torch has them. */

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("torch_dtypes.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
}

/* Two ones, or a single one without dimensions. */
static DdpTensor *
ones(DdpDtype dtype, bool with_dims)
{
    int64_t shape[] = {2};

    return ddp_full(context, dtype, with_dims ? 1 : 0, shape, ddp_number_int(1), NULL);
}

START_TEST(test_two_tensors_promote_as_torchs)
{
    DdpDtype a = (DdpDtype)(_i / DDP_DTYPE_COUNT);
    DdpDtype b = (DdpDtype)(_i % DDP_DTYPE_COUNT);

    for (int dims = 0; dims < 4; dims++) {
        bool a_dims = (dims & 1) != 0;
        bool b_dims = (dims & 2) != 0;
        g_autofree char *name =
            g_strdup_printf("%s.%s.%s.%s", ddp_dtype_name(a), a_dims ? "d" : "0", ddp_dtype_name(b),
                            b_dims ? "d" : "0");
        g_autofree char *result_name = g_strdup_printf("result.%s", name);
        g_autofree char *div_name = g_strdup_printf("div.%s", name);
        g_autoptr(DdpTensor) x = ones(a, a_dims);
        g_autoptr(DdpTensor) y = ones(b, b_dims);
        g_autoptr(DdpTensor) product = ddp_mul(x, y, NULL);
        g_autoptr(DdpTensor) quotient = ddp_div(x, y, NULL);
        g_autoptr(DdpTensor) expected = recorded_tensor(recorded, context, result_name);

        ck_assert_msg(ddp_tensor_dtype(product) == ddp_tensor_dtype(expected), "%s is %s, not %s",
                      result_name, ddp_dtype_name(ddp_tensor_dtype(product)),
                      ddp_dtype_name(ddp_tensor_dtype(expected)));
        assert_recorded_bits(recorded, div_name, quotient);
    }
}
END_TEST

START_TEST(test_numbers_promote_as_torchs)
{
    static const struct {
        const char *name;
        DdpNumber number;
    } numbers[] = {
        {"true", {DDP_NUMBER_BOOL, 1, 1.0}},
        {"3", {DDP_NUMBER_INT, 3, 3.0}},
        {"2.5", {DDP_NUMBER_FLOAT, 0, 2.5}},
    };

    for (size_t n = 0; n < G_N_ELEMENTS(numbers); n++) {
        for (int dims = 0; dims < 2; dims++) {
            g_autofree char *name = g_strdup_printf("number.%s.%s.%s", ddp_dtype_name((DdpDtype)_i),
                                                    dims != 0 ? "d" : "0", numbers[n].name);
            g_autoptr(DdpTensor) x = ones((DdpDtype)_i, dims != 0);
            g_autoptr(DdpTensor) product = ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(x),
                                                      ddp_operand_number(numbers[n].number), NULL);

            assert_recorded_bits(recorded, name, product);
        }
    }
}
END_TEST

START_TEST(test_conversions_are_torchs)
{
    DdpDtype a = (DdpDtype)(_i / DDP_DTYPE_COUNT);
    DdpDtype b = (DdpDtype)(_i % DDP_DTYPE_COUNT);
    /* What does not fit into uint8 is undefined in C, and left out. */
    const char *kind = b == DDP_DTYPE_U8 && a != DDP_DTYPE_U8 ? ".small" : "";
    g_autofree char *from = g_strdup_printf("convert.%s%s", ddp_dtype_name(a), kind);
    g_autofree char *to = g_strdup_printf("convert.%s.%s", ddp_dtype_name(a), ddp_dtype_name(b));
    g_autoptr(DdpTensor) x = recorded_tensor(recorded, context, from);
    g_autoptr(DdpTensor) y = ddp_to(x, b, NULL);

    assert_recorded_bits(recorded, to, y);
}
END_TEST

START_TEST(test_wide_integers_are_rounded_once)
{
    static const DdpDtype dtypes[] = {DDP_DTYPE_F64, DDP_DTYPE_F32, DDP_DTYPE_F16, DDP_DTYPE_BF16,
                                      DDP_DTYPE_I32};
    g_autoptr(DdpTensor) wide = recorded_tensor(recorded, context, "wide");

    for (size_t i = 0; i < G_N_ELEMENTS(dtypes); i++) {
        g_autofree char *name = g_strdup_printf("wide.%s", ddp_dtype_name(dtypes[i]));
        g_autoptr(DdpTensor) narrow = ddp_to(wide, dtypes[i], NULL);

        assert_recorded_bits(recorded, name, narrow);
    }
}
END_TEST

/* Ours to define, and equal on every CPU. */
START_TEST(test_floats_that_no_integer_holds_become_the_least_one)
{
    static const double values[] = {1e300, -1e300, (double)NAN, 0x1p63, (double)INFINITY};
    int64_t count = G_N_ELEMENTS(values);
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_F64, 1, &count, values, NULL);
    g_autoptr(DdpTensor) ints = ddp_to(x, DDP_DTYPE_I64, NULL);
    g_autoptr(DdpTensor) narrow = ddp_to(x, DDP_DTYPE_I32, NULL);
    g_autoptr(DdpTensor) bytes = ddp_to(x, DDP_DTYPE_U8, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        ck_assert_int_eq(ddp_tensor_item_i64(ints, i), INT64_MIN);
        ck_assert_int_eq(ddp_tensor_item_i64(narrow, i), INT32_MIN);
        ck_assert_int_eq(ddp_tensor_item_i64(bytes, i), 0);
    }
}
END_TEST

static void
assert_binary(const char *a, const char *b, DdpBinaryOp op, const char *name)
{
    g_autoptr(DdpTensor) x = recorded_tensor(recorded, context, a);
    g_autoptr(DdpTensor) y = recorded_tensor(recorded, context, b);
    g_autoptr(DdpTensor) result =
        ddp_binary(op, ddp_operand_tensor(x), ddp_operand_tensor(y), NULL);

    assert_recorded_close(recorded, name, result, 0.0, 0.0);
}

START_TEST(test_floor_division_and_remainder_follow_the_divisors_sign)
{
    assert_binary("ints", "by", DDP_BINARY_FLOOR_DIV, "ints.floor_div");
    assert_binary("ints", "by", DDP_BINARY_REMAINDER, "ints.remainder");
    assert_binary("ints", "by", DDP_BINARY_DIV, "ints.div");
    assert_binary("floats", "floats_by", DDP_BINARY_FLOOR_DIV, "floats.floor_div");
    assert_binary("floats", "floats_by", DDP_BINARY_REMAINDER, "floats.remainder");
}
END_TEST

START_TEST(test_integer_powers_are_exact_and_truncated)
{
    static const int64_t bases[] = {7, -7, 6, -6, 0, 5, 1, -1, -1, 2};
    static const int64_t exponents[] = {2, 3, 0, 1, 0, 4, -5, -5, -4, -1};
    int64_t count = G_N_ELEMENTS(exponents);
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_I64, 1, &count, bases, NULL);
    g_autoptr(DdpTensor) y =
        ddp_tensor_new_from(context, DDP_DTYPE_I64, 1, &count, exponents, NULL);
    g_autoptr(DdpTensor) power =
        ddp_binary(DDP_BINARY_POW, ddp_operand_tensor(x), ddp_operand_tensor(y), NULL);

    assert_recorded_bits(recorded, "ints.pow", power);
}
END_TEST

START_TEST(test_integers_wrap_and_never_trap)
{
    static const int64_t values[] = {INT64_MIN, INT64_MAX};
    int64_t count = G_N_ELEMENTS(values);
    g_autoptr(DdpTensor) x = ddp_tensor_new_from(context, DDP_DTYPE_I64, 1, &count, values, NULL);
    DdpOperand minus_one = ddp_operand_number(ddp_number_int(-1));
    g_autoptr(DdpTensor) quotient =
        ddp_binary(DDP_BINARY_FLOOR_DIV, ddp_operand_tensor(x), minus_one, NULL);
    g_autoptr(DdpTensor) rest =
        ddp_binary(DDP_BINARY_REMAINDER, ddp_operand_tensor(x), minus_one, NULL);
    g_autoptr(DdpTensor) twice = ddp_add(x, x, NULL);

    ck_assert_int_eq(ddp_tensor_item_i64(quotient, 0), INT64_MIN);
    ck_assert_int_eq(ddp_tensor_item_i64(rest, 0), 0);
    ck_assert_int_eq(ddp_tensor_item_i64(twice, 0), 0);
    ck_assert_int_eq(ddp_tensor_item_i64(twice, 1), -2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dtypes");
    TCase *dtypes = tcase_create("dtypes");
    int pairs = DDP_DTYPE_COUNT * DDP_DTYPE_COUNT;

    tcase_add_checked_fixture(dtypes, setup, teardown);
    tcase_add_loop_test(dtypes, test_two_tensors_promote_as_torchs, 0, pairs);
    tcase_add_loop_test(dtypes, test_numbers_promote_as_torchs, 0, DDP_DTYPE_COUNT);
    tcase_add_loop_test(dtypes, test_conversions_are_torchs, 0, pairs);
    tcase_add_test(dtypes, test_wide_integers_are_rounded_once);
    tcase_add_test(dtypes, test_floats_that_no_integer_holds_become_the_least_one);
    tcase_add_test(dtypes, test_floor_division_and_remainder_follow_the_divisors_sign);
    tcase_add_test(dtypes, test_integer_powers_are_exact_and_truncated);
    tcase_add_test(dtypes, test_integers_wrap_and_never_trap);
    suite_add_tcase(suite, dtypes);
    return ddp_test_main(suite);
}
