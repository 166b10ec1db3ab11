/* SPDX-License-Identifier: MIT */
#include "model/context.h"

#include <stdlib.h>
#include <string.h>

#include "model/autograd.h"
#include "model/generator.h"
#include "model/nn.h"
#include "model/ops.h"
#include "model/optim.h"
#include "tests/testutil.h"

/*
 * What a context counts and limits, and that it gives back to its memory's owner exactly what it
 * took from there. The owner is a fake one that keeps books.
 */

typedef struct {
    size_t calls;
    size_t bytes;
    size_t bytes_max; /* refuses beyond */
} Books;

static void *
books_allocate(void *user_data, size_t bytes)
{
    Books *books = user_data;

    if (books->bytes + bytes > books->bytes_max)
        return NULL;
    books->calls++;
    books->bytes += bytes;
    return aligned_alloc(64, bytes);
}

static void
books_release(void *user_data, void *memory, size_t bytes)
{
    Books *books = user_data;

    books->bytes -= bytes;
    free(memory);
}

static DdpModelContext *
context_with(Books *books)
{
    DdpMemoryOps memory = {books_allocate, books_release, books};

    return ddp_model_context_new(&memory, 0, 0, 0);
}

static DdpTensor *
vector(DdpModelContext *context, int64_t n, GError **error)
{
    return ddp_tensor_new(context, DDP_DTYPE_F32, 1, &n, error);
}

START_TEST(test_the_generator_starts_from_the_seed)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 0, 42);

    ck_assert_uint_eq(ddp_generator_draw32(ddp_model_context_generator(context)), 1608637542u);
}
END_TEST

START_TEST(test_live_bytes_are_counted_in_lines_of_64)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 0, 0);
    DdpTensor *a = vector(context, 1, NULL);
    DdpTensor *b = vector(context, 1000, NULL);

    ck_assert_uint_eq(ddp_model_context_bytes(context), 64 + 4032);
    ddp_tensor_unref(b);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 64);
    ddp_tensor_unref(a);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 0);
    ck_assert_uint_eq(ddp_model_context_allocated(context), 64 + 4032);
}
END_TEST

START_TEST(test_one_tensor_has_a_limit)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 4000, 0, 0);
    DdpTensor *fits = vector(context, 1000, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_nonnull(fits);
    ck_assert_ptr_null(vector(context, 1001, &error));
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY));
    ck_assert_str_eq(error->message,
                     "a tensor of 4004 bytes was asked for, the limit of one tensor is 4000");
    ddp_tensor_unref(fits);
}
END_TEST

START_TEST(test_all_tensors_together_have_a_limit)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 8192, 0);
    DdpTensor *first = vector(context, 1024, NULL);
    DdpTensor *second = vector(context, 1024, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_null(vector(context, 1, &error));
    ck_assert_str_eq(error->message, "a tensor of 4 bytes was asked for while tensors hold 8192, "
                                     "the limit of all tensors of a rank is 8192");

    /* What is given back can be had again. */
    ddp_tensor_unref(second);
    second = vector(context, 1024, NULL);
    ck_assert_ptr_nonnull(second);
    ddp_tensor_unref(first);
    ddp_tensor_unref(second);
}
END_TEST

START_TEST(test_refused_memory_is_an_error_and_no_crash)
{
    Books books = {.bytes_max = 100000};
    DdpModelContext *context = context_with(&books);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(vector(context, 50000, &error));
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_MEMORY));
    ck_assert(
        g_str_has_prefix(error->message, "there is no memory left for a tensor of 200000 bytes"));
    ddp_model_context_free(context);
}
END_TEST

START_TEST(test_kept_memory_goes_back_before_any_is_refused)
{
    Books books = {.bytes_max = 1000000};
    DdpModelContext *context = context_with(&books);

    for (int64_t n = 100000; n <= 200000; n += 50000) {
        DdpTensor *tensor = vector(context, n, NULL);

        ck_assert_ptr_nonnull(tensor);
        ddp_tensor_unref(tensor);
    }
    ddp_model_context_free(context);
    ck_assert_uint_eq(books.bytes, 0);
}
END_TEST

START_TEST(test_all_memory_goes_back_to_its_owner)
{
    static const int64_t sizes[] = {0, 1, 16, 17, 300, 1024, 1025, 5000, 70000, 300000, 17000000};
    Books books = {.bytes_max = SIZE_MAX};
    DdpModelContext *context = context_with(&books);

    for (size_t round = 0; round < 3; round++) {
        DdpTensor *held[G_N_ELEMENTS(sizes)];

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            held[i] = vector(context, sizes[i], NULL);
            memset(ddp_tensor_data(held[i]), 0x5a, ddp_tensor_bytes(held[i]));
        }
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
            ddp_tensor_unref(held[(i * 7 + round) % G_N_ELEMENTS(sizes)]);
    }
    ddp_model_context_free(context);
    ck_assert_uint_eq(books.bytes, 0);
}
END_TEST

/* As a rank leaves it that is ended inside a verb: tensors, a graph, a gradient. */
START_TEST(test_what_is_alive_at_the_end_dies_with_the_context)
{
    Books books = {.bytes_max = SIZE_MAX};
    DdpModelContext *context = context_with(&books);
    DdpTensor *parts[5];
    DdpTensor *joined;

    for (int i = 0; i < 5; i++) {
        parts[i] = vector(context, 3000, NULL);
        ck_assert(ddp_tensor_set_requires_grad(parts[i], true, NULL));
    }
    joined = ddp_cat(parts, 5, 0, NULL);
    ck_assert_ptr_nonnull(joined);
    ddp_model_context_free(context);
    ck_assert_uint_eq(books.bytes, 0);
}
END_TEST

static void
train_step(DdpTensor *weight, DdpTensor *bias, DdpTensor *x, DdpTensor *y, DdpOptimizer *optimizer)
{
    g_autoptr(DdpTensor) out = ddp_linear(x, weight, bias, NULL);
    g_autoptr(DdpTensor) loss = ddp_mse_loss(out, y, DDP_REDUCTION_MEAN, NULL);

    ddp_optimizer_zero_grad(optimizer);
    ck_assert(ddp_tensor_backward(loss, NULL));
    ck_assert(ddp_optimizer_step(optimizer, NULL));
}

START_TEST(test_training_steps_allocate_nothing_after_the_first_ones)
{
    Books books = {.bytes_max = SIZE_MAX};
    DdpModelContext *context = context_with(&books);
    DdpSgdSpec spec = ddp_sgd_spec_default();
    DdpOptimizer *optimizer = ddp_sgd_new(context);
    DdpTensor *parameters[2];
    DdpTensor *x = ddp_rand(context, NULL, DDP_DTYPE_F32, 2, (int64_t[]){256, 100}, NULL);
    DdpTensor *y = ddp_rand(context, NULL, DDP_DTYPE_F32, 2, (int64_t[]){256, 50}, NULL);

    spec.momentum = 0.9;
    ck_assert(ddp_linear_new(context, 100, 50, &parameters[0], &parameters[1], NULL));
    ck_assert(ddp_sgd_add_group(optimizer, &spec, parameters, 2, NULL));
    for (int i = 0; i < 3; i++)
        train_step(parameters[0], parameters[1], x, y, optimizer);

    size_t calls = books.calls;
    size_t tensors = ddp_model_context_tensors(context);

    for (int i = 0; i < 50; i++)
        train_step(parameters[0], parameters[1], x, y, optimizer);
#if !defined(__SANITIZE_ADDRESS__) /* under which the pools keep nothing */
    ck_assert_uint_eq(books.calls, calls);
#else
    (void)calls;
#endif
    ck_assert_uint_eq(ddp_model_context_tensors(context), tensors);

    ddp_optimizer_free(optimizer);
    ddp_tensor_unref(parameters[0]);
    ddp_tensor_unref(parameters[1]);
    ddp_tensor_unref(x);
    ddp_tensor_unref(y);
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
}
END_TEST

START_TEST(test_flops_are_two_for_each_multiply_add)
{
    g_autoptr(DdpModelContext) context = ddp_model_context_new(NULL, 0, 0, 0);
    DdpTensor *a = ddp_tensor_new(context, DDP_DTYPE_F32, 2, (int64_t[]){3, 5}, NULL);
    DdpTensor *b = ddp_tensor_new(context, DDP_DTYPE_F32, 2, (int64_t[]){5, 7}, NULL);
    DdpTensor *product, *sum;

    product = ddp_matmul(a, b, NULL);
    ck_assert_uint_eq(ddp_model_context_flops(context), 2 * 3 * 5 * 7);
    sum = ddp_sum(product, NULL);
    ck_assert_uint_eq(ddp_model_context_flops(context), 2 * 3 * 5 * 7 + 21);
    ddp_tensor_unref(a);
    ddp_tensor_unref(b);
    ddp_tensor_unref(product);
    ddp_tensor_unref(sum);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("context");
    TCase *contexts = tcase_create("contexts");

    tcase_add_test(contexts, test_the_generator_starts_from_the_seed);
    tcase_add_test(contexts, test_live_bytes_are_counted_in_lines_of_64);
    tcase_add_test(contexts, test_one_tensor_has_a_limit);
    tcase_add_test(contexts, test_all_tensors_together_have_a_limit);
    tcase_add_test(contexts, test_refused_memory_is_an_error_and_no_crash);
    tcase_add_test(contexts, test_kept_memory_goes_back_before_any_is_refused);
    tcase_add_test(contexts, test_all_memory_goes_back_to_its_owner);
    tcase_add_test(contexts, test_what_is_alive_at_the_end_dies_with_the_context);
    tcase_add_test(contexts, test_training_steps_allocate_nothing_after_the_first_ones);
    tcase_add_test(contexts, test_flops_are_two_for_each_multiply_add);
    suite_add_tcase(suite, contexts);
    return ddp_test_main(suite);
}
