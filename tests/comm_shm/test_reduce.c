/* SPDX-License-Identifier: MIT */
#include "comm_shm/reduce.h"
#include "tests/testutil.h"

#include <math.h>
#include <string.h>

/*
 * Every dtype and op against a loop that goes through one element at a time in long double or
 * 64-bit integers and rounds where the header says so. Inputs come from a fixed generator.
 */

#define COUNT_MAX 3000

static uint64_t random_state;

static uint64_t
draw(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return random_state >> 33;
}

static void
store(DdpDtype dtype, void *buffer, size_t i, double value)
{
    switch (dtype) {
    case DDP_DTYPE_F64:
        ((double *)buffer)[i] = value;
        return;
    case DDP_DTYPE_F32:
        ((float *)buffer)[i] = (float)value;
        return;
    case DDP_DTYPE_F16:
        ((uint16_t *)buffer)[i] = ddp_f16_from_f32((float)value);
        return;
    case DDP_DTYPE_BF16:
        ((uint16_t *)buffer)[i] = ddp_bf16_from_f32((float)value);
        return;
    case DDP_DTYPE_I64:
        ((int64_t *)buffer)[i] = (int64_t)value;
        return;
    case DDP_DTYPE_I32:
        ((int32_t *)buffer)[i] = (int32_t)value;
        return;
    case DDP_DTYPE_U8:
        ((uint8_t *)buffer)[i] = (uint8_t)((int64_t)value & 0xff);
        return;
    case DDP_DTYPE_BOOL:
        ((uint8_t *)buffer)[i] = ((int64_t)value & 1) != 0;
        return;
    }
}

static double
load(DdpDtype dtype, const void *buffer, size_t i)
{
    switch (dtype) {
    case DDP_DTYPE_F64:
        return ((const double *)buffer)[i];
    case DDP_DTYPE_F32:
        return (double)((const float *)buffer)[i];
    case DDP_DTYPE_F16:
        return (double)ddp_f16_to_f32(((const uint16_t *)buffer)[i]);
    case DDP_DTYPE_BF16:
        return (double)ddp_bf16_to_f32(((const uint16_t *)buffer)[i]);
    case DDP_DTYPE_I64:
        return (double)((const int64_t *)buffer)[i];
    case DDP_DTYPE_I32:
        return ((const int32_t *)buffer)[i];
    case DDP_DTYPE_U8:
    case DDP_DTYPE_BOOL:
        return ((const uint8_t *)buffer)[i];
    }
    return 0;
}

/* One step of a reduction in a type wide enough to hold it; the caller rounds by storing it. */
static double
step(DdpReduceOp op, DdpDtype dtype, double a, double b)
{
    if (dtype == DDP_DTYPE_BOOL) {
        bool x = a != 0, y = b != 0;

        switch (op) {
        case DDP_REDUCE_SUM:
        case DDP_REDUCE_MAX:
        case DDP_REDUCE_BOR:
            return x || y;
        case DDP_REDUCE_BXOR:
            return x != y;
        default:
            return x && y;
        }
    }
    switch (op) {
    case DDP_REDUCE_SUM:
    case DDP_REDUCE_AVG:
        return a + b;
    case DDP_REDUCE_PRODUCT:
        return a * b;
    case DDP_REDUCE_MIN:
        return a < b ? a : b;
    case DDP_REDUCE_MAX:
        return a > b ? a : b;
    case DDP_REDUCE_BAND:
        return (double)((int64_t)a & (int64_t)b);
    case DDP_REDUCE_BOR:
        return (double)((int64_t)a | (int64_t)b);
    case DDP_REDUCE_BXOR:
        return (double)((int64_t)a ^ (int64_t)b);
    }
    return 0;
}

static void
check_case(DdpReduceOp op, DdpDtype dtype, int size, size_t count)
{
    size_t bytes = ddp_dtype_bytes(dtype);
    g_autofree void **buffers = g_new0(void *, size);
    g_autofree char *expected = g_malloc0(count * bytes + 8);
    char one[8];

    for (int rank = 0; rank < size; rank++) {
        buffers[rank] = g_malloc0(count * bytes + 8);
        for (size_t i = 0; i < count; i++) {
            double value = op == DDP_REDUCE_PRODUCT  ? 1.0 + (double)(draw() % 2)
                           : dtype <= DDP_DTYPE_BF16 ? (double)(draw() % 4001) / 16.0 - 125.0
                                                     : (double)(draw() % 100);

            store(dtype, buffers[rank], i, value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(one, (char *)buffers[0] + i * bytes, bytes);
        for (int rank = 1; rank < size; rank++)
            store(dtype, one, 0,
                  step(op, dtype, load(dtype, one, 0), load(dtype, buffers[rank], i)));
        if (op == DDP_REDUCE_AVG) {
            double mean = load(dtype, one, 0) / size;

            store(dtype, one, 0, dtype > DDP_DTYPE_BF16 ? trunc(mean) : mean);
        }
        memcpy(expected + i * bytes, one, bytes);
    }
    ddp_reduce_in_place(op, dtype, buffers, size, 0, count);
    for (int rank = 0; rank < size; rank++) {
        ck_assert_msg(memcmp(buffers[rank], expected, count * bytes) == 0,
                      "%s of %s, %d ranks, %zu elements: rank %d differs", ddp_reduce_op_name(op),
                      ddp_dtype_name(dtype), size, count, rank);
        g_free(buffers[rank]);
    }
}

START_TEST(test_every_op_and_dtype_as_one_loop)
{
    static const size_t counts[] = {0, 1, 7, 1024, 1025, COUNT_MAX};
    DdpDtype dtype = (DdpDtype)_i;

    random_state = 42;
    for (int op = 0; op < DDP_REDUCE_OP_COUNT; op++) {
        if (!ddp_reduce_op_supports((DdpReduceOp)op, dtype))
            continue;
        for (int size = 1; size <= 9; size++) {
            for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
                check_case((DdpReduceOp)op, dtype, size, counts[i]);
        }
    }
}
END_TEST

/* The order shows in the last bits: 1e8 + 1 - 1e8 is 0 or 1 in float32 by who comes first. */
START_TEST(test_the_sum_goes_from_rank_0_up)
{
    float a = 1e8f, b = 1.0f, c = -1e8f;
    void *absorbed[] = {&a, &b, &c};

    ddp_reduce_in_place(DDP_REDUCE_SUM, DDP_DTYPE_F32, absorbed, 3, 0, 1);
    ck_assert_float_eq(a, 0.0f);

    float d = 1e8f, e = -1e8f, f = 1.0f;
    void *kept[] = {&d, &e, &f};

    ddp_reduce_in_place(DDP_REDUCE_SUM, DDP_DTYPE_F32, kept, 3, 0, 1);
    ck_assert_float_eq(f, 1.0f);
}
END_TEST

START_TEST(test_only_the_segment_is_touched)
{
    float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 40};
    void *buffers[] = {a, b};

    ddp_reduce_in_place(DDP_REDUCE_SUM, DDP_DTYPE_F32, buffers, 2, 1, 2);
    ck_assert_float_eq(a[0], 1);
    ck_assert_float_eq(a[1], 22);
    ck_assert_float_eq(b[2], 33);
    ck_assert_float_eq(b[3], 40);
}
END_TEST

START_TEST(test_a_nan_on_any_rank_wins)
{
    for (int where = 0; where < 3; where++) {
        for (int op = DDP_REDUCE_MIN; op <= DDP_REDUCE_MAX; op++) {
            float values[3] = {1, 2, 3};
            void *buffers[] = {&values[0], &values[1], &values[2]};

            values[where] = NAN;
            ddp_reduce_in_place((DdpReduceOp)op, DDP_DTYPE_F32, buffers, 3, 0, 1);
            ck_assert(isnan(values[0]) && isnan(values[2]));
        }
    }
}
END_TEST

START_TEST(test_integers_wrap)
{
    int64_t a = INT64_MAX, b = 1;
    void *buffers[] = {&a, &b};

    ddp_reduce_in_place(DDP_REDUCE_SUM, DDP_DTYPE_I64, buffers, 2, 0, 1);
    ck_assert_int_eq(a, INT64_MIN);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reduce");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, test_every_op_and_dtype_as_one_loop, 0, DDP_DTYPE_COUNT);
    tcase_add_test(all, test_the_sum_goes_from_rank_0_up);
    tcase_add_test(all, test_only_the_segment_is_touched);
    tcase_add_test(all, test_a_nan_on_any_rank_wins);
    tcase_add_test(all, test_integers_wrap);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
