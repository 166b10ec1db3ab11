/* SPDX-License-Identifier: MIT */
#include "base/dtype.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/*
 * Half precision is held against its definition: every 16-bit pattern is decoded by arithmetic,
 * and rounding is checked by brute force against the two neighbours of a value.
 */
static double
f16_by_definition(uint16_t bits)
{
    int sign = bits >> 15;
    int exponent = (bits >> 10) & 0x1f;
    int mantissa = bits & 0x3ff;
    double value;

    if (exponent == 31)
        value = mantissa != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(mantissa, -24);
    else
        value = ldexp(1024 + mantissa, exponent - 25);
    return sign != 0 ? -value : value;
}

START_TEST(test_every_f16_decodes_as_defined)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        double expected = f16_by_definition((uint16_t)bits);
        double got = (double)ddp_f16_to_f32((uint16_t)bits);

        ck_assert_msg((isnan(expected) && isnan(got)) || expected == got, "bits %04x: %g, got %g",
                      bits, expected, got);
    }
}
END_TEST

START_TEST(test_every_f16_survives_the_round_trip)
{
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float value = ddp_f16_to_f32((uint16_t)bits);

        if (!isnan(value))
            ck_assert_uint_eq(ddp_f16_from_f32(value), bits);
        else
            ck_assert(isnan(ddp_f16_to_f32(ddp_f16_from_f32(value))));
    }
}
END_TEST

START_TEST(test_f16_midpoints_go_to_even)
{
    for (uint16_t bits = 0; bits < 0x7bff; bits++) {
        float low = ddp_f16_to_f32(bits);
        float high = ddp_f16_to_f32((uint16_t)(bits + 1));
        float middle = (low + high) / 2.0f; /* exact: one more mantissa bit */
        uint16_t even = (uint16_t)((bits & 1) != 0 ? bits + 1 : bits);

        ck_assert_uint_eq(ddp_f16_from_f32(middle), even);
        ck_assert_uint_eq(ddp_f16_from_f32(nextafterf(middle, low)), bits);
        ck_assert_uint_eq(ddp_f16_from_f32(nextafterf(middle, high)), bits + 1);
    }
}
END_TEST

/* Figures seen on torch: tensor(v).half(), .bfloat16(). */
START_TEST(test_rounding_as_recorded_from_torch)
{
    static const struct {
        float value, f16, bf16;
    } rows[] = {
        {1.0f / 3.0f, 0.333251953125f, 0.333984375f},
        {0.1f, 0.0999755859375f, 0.10009765625f},
        {65519.0f, 65504.0f, 65536.0f},
        {65520.0f, INFINITY, 65536.0f},
        {2049.0f, 2048.0f, 2048.0f},
        {2051.0f, 2052.0f, 2048.0f},
        {2.98e-8f, 0.0f, 2.980232e-8f},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ck_assert_float_eq(ddp_f16_to_f32(ddp_f16_from_f32(rows[i].value)), rows[i].f16);
        if (i < 6)
            ck_assert_float_eq(ddp_bf16_to_f32(ddp_bf16_from_f32(rows[i].value)), rows[i].bf16);
    }
}
END_TEST

START_TEST(test_names_find_their_dtype)
{
    for (int i = 0; i < DDP_DTYPE_COUNT; i++) {
        DdpDtype found;

        ck_assert(ddp_dtype_from_name(ddp_dtype_name((DdpDtype)i), &found));
        ck_assert_int_eq(found, i);
    }

    DdpDtype unused;

    ck_assert(!ddp_dtype_from_name("float31", &unused));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dtype");
    TCase *half = tcase_create("half");

    tcase_add_test(half, test_every_f16_decodes_as_defined);
    tcase_add_test(half, test_every_f16_survives_the_round_trip);
    tcase_add_test(half, test_f16_midpoints_go_to_even);
    tcase_add_test(half, test_rounding_as_recorded_from_torch);
    tcase_add_test(half, test_names_find_their_dtype);
    suite_add_tcase(suite, half);
    return ddp_test_main(suite);
}
