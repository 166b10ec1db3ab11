/* SPDX-License-Identifier: MIT */
#include "model/tensor.h"

#include <string.h>

#include "model/nn.h"
#include "model/ops.h"
#include "tests/testutil.h"

/* Tensors as containers: shapes, memory that is shared and moved, single elements, limits. */

static DdpModelContext *context;

static void
setup(void)
{
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 0);
    ddp_model_context_free(context);
}

#define SHAPE(...)                                                                                 \
    (int)G_N_ELEMENTS(((int64_t[]){__VA_ARGS__})), (int64_t[])                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

START_TEST(test_a_new_tensor_is_zeros)
{
    for (int dtype = 0; dtype < DDP_DTYPE_COUNT; dtype++) {
        /* Dirty memory first, which the pool then hands out again. */
        DdpTensor *dirty = ddp_full(context, DDP_DTYPE_U8, SHAPE(48), ddp_number_int(255), NULL);

        ddp_tensor_unref(dirty);

        g_autoptr(DdpTensor) tensor = ddp_tensor_new(context, (DdpDtype)dtype, SHAPE(2, 3), NULL);

        ck_assert_uint_eq(ddp_tensor_numel(tensor), 6);
        ck_assert_uint_eq(ddp_tensor_bytes(tensor), 6 * ddp_dtype_bytes((DdpDtype)dtype));
        ck_assert_uint_eq((uintptr_t)ddp_tensor_data(tensor) % 64, 0);
        for (size_t i = 0; i < 6; i++)
            ck_assert(ddp_tensor_item_f64(tensor, i) == 0.0);
    }
}
END_TEST

START_TEST(test_a_tensor_of_no_dimensions_holds_one_number)
{
    g_autoptr(DdpTensor) tensor =
        ddp_tensor_new_number(context, DDP_DTYPE_F64, ddp_number_float(2.5), NULL);

    ck_assert_int_eq(ddp_tensor_ndim(tensor), 0);
    ck_assert_uint_eq(ddp_tensor_numel(tensor), 1);
    ck_assert(ddp_tensor_item_f64(tensor, 0) == 2.5);
}
END_TEST

START_TEST(test_int64_keeps_every_bit)
{
    g_autoptr(DdpTensor) tensor = ddp_tensor_new(context, DDP_DTYPE_I64, SHAPE(1), NULL);

    ddp_tensor_set_i64(tensor, 0, INT64_MAX - 1);
    ck_assert_int_eq(ddp_tensor_item_i64(tensor, 0), INT64_MAX - 1);
}
END_TEST

static void
assert_refused(int ndim, const int64_t *shape, const char *message)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_tensor_new(context, DDP_DTYPE_F32, ndim, shape, &error));
    ck_assert_str_eq(error->message, message);
}

START_TEST(test_impossible_shapes_are_refused)
{
    assert_refused(SHAPE(2, -1), "shape [2, -1] has a negative size");
    assert_refused(SHAPE(INT64_C(1) << 40, INT64_C(1) << 40),
                   "shape [1099511627776, 1099511627776] has more elements than memory can have");
    /* Empty, and still no size that the product of some dimensions overflows. */
    assert_refused(SHAPE(INT64_C(1) << 40, INT64_C(1) << 40, 0),
                   "shape [1099511627776, 1099511627776, 0] has more elements than memory can "
                   "have");
    assert_refused(SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1),
                   "a tensor of 9 dimensions was asked for, expected at most 8");
}
END_TEST

START_TEST(test_views_share_their_memory)
{
    g_autoptr(DdpTensor) matrix = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(3, 4), NULL);
    g_autoptr(DdpTensor) row = ddp_select(matrix, 0, -1, NULL);
    g_autoptr(DdpTensor) flat = ddp_reshape(matrix, SHAPE(-1), NULL);

    ddp_tensor_set_f64(row, 1, 7.0);
    ck_assert(ddp_tensor_item_f64(matrix, 9) == 7.0);
    ck_assert(ddp_tensor_item_f64(flat, 9) == 7.0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 64);
}
END_TEST

START_TEST(test_a_view_outlives_what_it_looks_at)
{
    DdpTensor *matrix = ddp_full(context, DDP_DTYPE_F32, SHAPE(3, 4), ddp_number_int(5), NULL);
    g_autoptr(DdpTensor) row = ddp_select(matrix, 0, 1, NULL);

    ddp_tensor_unref(matrix);
    ck_assert(ddp_tensor_item_f64(row, 3) == 5.0);
}
END_TEST

START_TEST(test_a_view_cannot_reach_beyond_the_end)
{
    g_autoptr(DdpTensor) flat = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(10), NULL);
    g_autoptr(DdpTensor) last = ddp_tensor_share(flat, 6, SHAPE(2, 2), NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_null(ddp_tensor_share(flat, 7, SHAPE(2, 2), &error));
    ck_assert_str_eq(error->message,
                     "a view of 4 elements from element 7 on reaches beyond the 10 elements that "
                     "are there");
}
END_TEST

START_TEST(test_parameters_move_into_one_block_with_their_values)
{
    g_autoptr(DdpTensor) a = ddp_full(context, DDP_DTYPE_F32, SHAPE(2, 3), ddp_number_int(1), NULL);
    g_autoptr(DdpTensor) b = ddp_full(context, DDP_DTYPE_F32, SHAPE(4), ddp_number_int(2), NULL);
    DdpTensor *both[] = {a, b};
    g_autoptr(DdpTensor) block = ddp_parameters_flatten(both, 2, NULL);

    ck_assert_uint_eq(ddp_tensor_numel(block), 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert(ddp_tensor_item_f64(block, i) == (i < 6 ? 1.0 : 2.0));
    ddp_tensor_set_f64(b, 0, 9.0);
    ck_assert(ddp_tensor_item_f64(block, 6) == 9.0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 64);
}
END_TEST

START_TEST(test_parameters_of_two_dtypes_share_no_block)
{
    g_autoptr(DdpTensor) a = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(2), NULL);
    g_autoptr(DdpTensor) b = ddp_tensor_new(context, DDP_DTYPE_F64, SHAPE(2), NULL);
    DdpTensor *both[] = {a, b};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_parameters_flatten(both, 2, &error));
    ck_assert_str_eq(error->message,
                     "parameters of torch.float32 and torch.float64 cannot share one block");
}
END_TEST

START_TEST(test_writes_in_place_are_counted)
{
    g_autoptr(DdpTensor) x = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(2), NULL);
    g_autoptr(DdpTensor) view = ddp_reshape(x, SHAPE(2, 1), NULL);
    uint32_t before = ddp_tensor_version(x);

    ck_assert(ddp_fill_(view, ddp_number_int(3), NULL));
    ck_assert_uint_eq(ddp_tensor_version(x), before + 1);
    ddp_tensor_mark_written(x);
    ck_assert_uint_eq(ddp_tensor_version(view), before + 2);
}
END_TEST

START_TEST(test_only_floats_can_require_gradients)
{
    g_autoptr(DdpTensor) ints = ddp_tensor_new(context, DDP_DTYPE_I64, SHAPE(2), NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_tensor_set_requires_grad(ints, true, &error));
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE));
    ck_assert(ddp_tensor_set_requires_grad(ints, false, NULL));
}
END_TEST

START_TEST(test_a_gradient_must_look_like_its_tensor)
{
    g_autoptr(DdpTensor) x = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(2, 3), NULL);
    g_autoptr(DdpTensor) grad = ddp_tensor_new(context, DDP_DTYPE_F32, SHAPE(3, 2), NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_tensor_set_grad(x, grad, &error));
    ck_assert_str_eq(error->message, "assigned grad is torch.float32 of size [3, 2], expected "
                                     "torch.float32 of size [2, 3]");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tensors = tcase_create("tensors");

    tcase_add_checked_fixture(tensors, setup, teardown);
    tcase_add_test(tensors, test_a_new_tensor_is_zeros);
    tcase_add_test(tensors, test_a_tensor_of_no_dimensions_holds_one_number);
    tcase_add_test(tensors, test_int64_keeps_every_bit);
    tcase_add_test(tensors, test_impossible_shapes_are_refused);
    tcase_add_test(tensors, test_views_share_their_memory);
    tcase_add_test(tensors, test_a_view_outlives_what_it_looks_at);
    tcase_add_test(tensors, test_a_view_cannot_reach_beyond_the_end);
    tcase_add_test(tensors, test_parameters_move_into_one_block_with_their_values);
    tcase_add_test(tensors, test_parameters_of_two_dtypes_share_no_block);
    tcase_add_test(tensors, test_writes_in_place_are_counted);
    tcase_add_test(tensors, test_only_floats_can_require_gradients);
    tcase_add_test(tensors, test_a_gradient_must_look_like_its_tensor);
    suite_add_tcase(suite, tensors);
    return ddp_test_main(suite);
}
