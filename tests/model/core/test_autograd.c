/* SPDX-License-Identifier: MIT */
#include "model/autograd.h"

#include <string.h>

#include "model/nn.h"
#include "model/ops.h"
#include "tests/testutil.h"

/*
 * The walk through the graph: what it adds up, in which order it tells, what it refuses, and
 * that nothing is left of a graph when its tensors are gone. Single gradients are test_ops.c's.
 */

static DdpModelContext *context;
static GString *seen; /* what hooks wrote down */

static void
setup(void)
{
    context = ddp_model_context_new(NULL, 0, 0, 0);
    seen = g_string_new(NULL);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ck_assert_uint_eq(ddp_model_context_bytes(context), 0);
    ck_assert(ddp_model_context_grad_enabled(context));
    ddp_model_context_free(context);
    g_string_free(seen, TRUE);
}

static DdpTensor *
leaf(double value)
{
    DdpTensor *tensor =
        ddp_tensor_new_number(context, DDP_DTYPE_F64, ddp_number_float(value), NULL);

    ck_assert(ddp_tensor_set_requires_grad(tensor, true, NULL));
    return tensor;
}

static double
grad_of(DdpTensor *tensor)
{
    ck_assert_ptr_nonnull(ddp_tensor_grad(tensor));
    return ddp_tensor_item_f64(ddp_tensor_grad(tensor), 0);
}

static void
assert_backward(DdpTensor *loss)
{
    g_autoptr(GError) error = NULL;

    ddp_tensor_backward(loss, &error);
    ck_assert_no_error(error);
}

static void
assert_backward_fails(DdpTensor *loss, const char *start_of_message)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_tensor_backward(loss, &error));
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD));
    ck_assert_msg(g_str_has_prefix(error->message, start_of_message), "found: %s", error->message);
}

/* ---- what is added up ---------------------------------------------------------------- */

START_TEST(test_gradients_of_several_walks_add_up)
{
    g_autoptr(DdpTensor) x = leaf(3.0);

    for (int i = 1; i <= 3; i++) {
        g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);

        assert_backward(square);
        ck_assert(grad_of(x) == 6.0 * i);
    }
}
END_TEST

START_TEST(test_all_uses_of_a_leaf_count)
{
    g_autoptr(DdpTensor) x = leaf(2.0);
    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);
    g_autoptr(DdpTensor) cube = ddp_mul(square, x, NULL);
    g_autoptr(DdpTensor) sum = ddp_add(cube, square, NULL);

    assert_backward(sum);
    ck_assert(grad_of(x) == 3.0 * 4.0 + 2.0 * 2.0);
}
END_TEST

START_TEST(test_a_leaf_is_its_own_graph)
{
    g_autoptr(DdpTensor) x = leaf(2.0);

    assert_backward(x);
    ck_assert(grad_of(x) == 1.0);
}
END_TEST

START_TEST(test_what_was_not_used_gets_no_gradient)
{
    g_autoptr(DdpTensor) x = leaf(2.0);
    g_autoptr(DdpTensor) unused = leaf(5.0);
    g_autoptr(DdpTensor) constant =
        ddp_tensor_new_number(context, DDP_DTYPE_F64, ddp_number_int(4), NULL);
    g_autoptr(DdpTensor) product = ddp_mul(x, constant, NULL);

    assert_backward(product);
    ck_assert(grad_of(x) == 4.0);
    ck_assert_ptr_null(ddp_tensor_grad(unused));
    ck_assert_ptr_null(ddp_tensor_grad(constant));
}
END_TEST

START_TEST(test_a_gradient_has_the_dtype_of_its_leaf)
{
    int64_t two = 2;
    g_autoptr(DdpTensor) narrow =
        ddp_full(context, DDP_DTYPE_F32, 1, &two, ddp_number_float(0.5), NULL);
    g_autoptr(DdpTensor) wide =
        ddp_full(context, DDP_DTYPE_F64, 1, &two, ddp_number_float(3.0), NULL);

    ck_assert(ddp_tensor_set_requires_grad(narrow, true, NULL));
    ck_assert(ddp_tensor_set_requires_grad(wide, true, NULL));

    g_autoptr(DdpTensor) product = ddp_mul(narrow, wide, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(product, NULL);

    assert_backward(sum);
    ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(narrow)), DDP_DTYPE_F32);
    ck_assert_int_eq(ddp_tensor_dtype(ddp_tensor_grad(wide)), DDP_DTYPE_F64);
    ck_assert(grad_of(narrow) == 3.0 && grad_of(wide) == 0.5);
}
END_TEST

START_TEST(test_a_walk_can_start_from_a_gradient)
{
    int64_t two = 2;
    g_autoptr(DdpTensor) x = ddp_full(context, DDP_DTYPE_F64, 1, &two, ddp_number_int(3), NULL);
    g_autoptr(DdpTensor) start =
        ddp_full(context, DDP_DTYPE_F64, 1, &two, ddp_number_int(10), NULL);

    ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));

    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);

    ck_assert(ddp_tensor_backward_from(square, start, false, NULL));
    ck_assert(grad_of(x) == 60.0);
    ck_assert(ddp_tensor_item_f64(start, 1) == 10.0);
}
END_TEST

/* ---- order --------------------------------------------------------------------------- */

static bool
note(DdpTensor *tensor, void *name, GError **error)
{
    (void)error;
    ck_assert_ptr_nonnull(ddp_tensor_grad(tensor));
    g_string_append_printf(seen, "%s ", (const char *)name);
    return true;
}

typedef struct {
    DdpTensor *weight[3], *bias[3];
} Layers;

static DdpTensor *
layers_forward(Layers *layers, int count)
{
    static const char *const weight_names[] = {"w0", "w1", "w2"};
    static const char *const bias_names[] = {"b0", "b1", "b2"};
    DdpTensor *x = ddp_full(context, DDP_DTYPE_F32, 2, (int64_t[]){4, 5}, ddp_number_int(1), NULL);

    for (int i = 0; i < count; i++) {
        ck_assert(ddp_linear_new(context, 5, 5, &layers->weight[i], &layers->bias[i], NULL));
        ddp_tensor_set_grad_ready(layers->weight[i], note, (void *)weight_names[i]);
        ddp_tensor_set_grad_ready(layers->bias[i], note, (void *)bias_names[i]);

        DdpTensor *linear = ddp_linear(x, layers->weight[i], layers->bias[i], NULL);

        ddp_tensor_unref(x);
        x = ddp_unary(DDP_UNARY_TANH, linear, NULL);
        ddp_tensor_unref(linear);
    }

    DdpTensor *loss = ddp_sum(x, NULL);

    ddp_tensor_unref(x);
    return loss;
}

static void
layers_clear(Layers *layers, int count)
{
    for (int i = 0; i < count; i++) {
        ddp_tensor_unref(layers->weight[i]);
        ddp_tensor_unref(layers->bias[i]);
    }
}

/* [run] torch 1.13 and 2.13: the last layer first, and its bias before its weight. */
START_TEST(test_gradients_become_ready_in_backward_order)
{
    Layers layers;
    g_autoptr(DdpTensor) loss = layers_forward(&layers, 3);

    assert_backward(loss);
    ck_assert_str_eq(seen->str, "b2 w2 b1 w1 b0 w0 ");
    layers_clear(&layers, 3);
}
END_TEST

START_TEST(test_a_shared_leaf_is_ready_once_after_its_last_use)
{
    g_autoptr(DdpTensor) shared = leaf(2.0);
    g_autoptr(DdpTensor) late = leaf(3.0);
    g_autoptr(DdpTensor) a = ddp_mul(shared, shared, NULL);
    g_autoptr(DdpTensor) b = ddp_mul(a, late, NULL);
    g_autoptr(DdpTensor) c = ddp_mul(b, shared, NULL);

    ddp_tensor_set_grad_ready(shared, note, (void *)"shared");
    ddp_tensor_set_grad_ready(late, note, (void *)"late");
    assert_backward(c);
    ck_assert_str_eq(seen->str, "late shared ");
    ck_assert(grad_of(shared) == 3.0 * 3.0 * 4.0);
}
END_TEST

static void
visit(DdpTensor *tensor, void *user_data)
{
    (void)user_data;
    g_string_append_printf(seen, "%g ", ddp_tensor_item_f64(tensor, 0));
}

START_TEST(test_the_leaves_behind_a_tensor_can_be_listed)
{
    g_autoptr(DdpTensor) a = leaf(1.0);
    g_autoptr(DdpTensor) b = leaf(2.0);
    g_autoptr(DdpTensor) unused = leaf(3.0);
    g_autoptr(DdpTensor) sum = ddp_add(a, b, NULL);
    g_autoptr(DdpTensor) product = ddp_mul(sum, b, NULL);

    ddp_tensor_visit_leaves(product, visit, NULL);
    ck_assert_str_eq(seen->str, "1 2 ");
    assert_backward(product);
    ck_assert_ptr_null(ddp_tensor_grad(unused));
}
END_TEST

static bool
at_end(void *name, GError **error)
{
    (void)error;
    g_string_append_printf(seen, "end:%s ", (const char *)name);
    return true;
}

static bool
note_and_ask(DdpTensor *tensor, void *name, GError **error)
{
    ddp_backward_call_at_end(context, at_end, name);
    return note(tensor, name, error);
}

START_TEST(test_calls_at_the_end_come_after_every_gradient)
{
    g_autoptr(DdpTensor) a = leaf(1.0);
    g_autoptr(DdpTensor) b = leaf(2.0);
    g_autoptr(DdpTensor) sum = ddp_add(a, b, NULL);

    ddp_tensor_set_grad_ready(a, note_and_ask, (void *)"a");
    ddp_tensor_set_grad_ready(b, note_and_ask, (void *)"b");
    assert_backward(sum);
    ck_assert_str_eq(seen->str, "a b end:a end:b ");
}
END_TEST

static bool
fail_ready(DdpTensor *tensor, void *message, GError **error)
{
    (void)tensor;
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD, message);
    return false;
}

/* The walk ends when the gradient of the product has come to it and has not been passed on. */
START_TEST(test_a_hook_can_end_the_walk)
{
    g_autoptr(DdpTensor) a = leaf(3.0);
    g_autoptr(DdpTensor) b = leaf(2.0);
    g_autoptr(DdpTensor) product = ddp_mul(a, a, NULL);
    g_autoptr(DdpTensor) sum = ddp_add(product, b, NULL);

    ddp_tensor_set_grad_ready(b, fail_ready, (void *)"the world ended");
    assert_backward_fails(sum, "the world ended");
    ck_assert_ptr_null(ddp_tensor_grad(a));

    /* Nothing of it is left: another walk over the same product counts only itself. */
    g_autoptr(DdpTensor) again = ddp_mul(product, product, NULL);

    assert_backward(again);
    ck_assert(grad_of(a) == 4.0 * 27.0);
}
END_TEST

static bool
walk_inside(DdpTensor *tensor, void *other, GError **error)
{
    (void)tensor;
    return ddp_tensor_backward(other, error);
}

START_TEST(test_a_hook_cannot_walk_itself)
{
    g_autoptr(DdpTensor) a = leaf(1.0);
    g_autoptr(DdpTensor) product = ddp_mul(a, a, NULL);
    g_autoptr(DdpTensor) other = ddp_mul(a, a, NULL);

    ddp_tensor_set_grad_ready(a, walk_inside, other);
    assert_backward_fails(product, "backward() was called from inside a gradient hook");
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------- */

START_TEST(test_a_graph_is_walked_once)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);

    assert_backward(square);
    assert_backward_fails(square, "Trying to backward through the graph a second time");
    ck_assert(grad_of(x) == 6.0);
}
END_TEST

START_TEST(test_a_retained_graph_is_walked_again)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);

    ck_assert(ddp_tensor_backward_from(square, NULL, true, NULL));
    assert_backward(square);
    ck_assert(grad_of(x) == 12.0);
}
END_TEST

START_TEST(test_only_numbers_start_a_walk_by_themselves)
{
    int64_t two = 2;
    g_autoptr(DdpTensor) x = ddp_full(context, DDP_DTYPE_F64, 1, &two, ddp_number_int(3), NULL);

    assert_backward_fails(x, "element 0 of tensors does not require grad");
    ck_assert(ddp_tensor_set_requires_grad(x, true, NULL));
    assert_backward_fails(x, "grad can be implicitly created only for scalar outputs");
}
END_TEST

START_TEST(test_a_saved_tensor_that_was_overwritten_is_noticed)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) factor =
        ddp_tensor_new_number(context, DDP_DTYPE_F64, ddp_number_int(4), NULL);
    g_autoptr(DdpTensor) product = ddp_mul(x, factor, NULL);

    ck_assert(ddp_fill_(factor, ddp_number_int(5), NULL));
    assert_backward_fails(product, "one of the variables needed for gradient computation has been "
                                   "modified by an inplace operation: [torch.DoubleTensor []]");
}
END_TEST

/* Two optimisers may share a block: a step of one does not spoil the graph of the other. */
START_TEST(test_a_write_to_a_neighbour_in_a_block_spoils_nothing)
{
    g_autoptr(DdpTensor) a = leaf(3.0);
    g_autoptr(DdpTensor) b = leaf(4.0);
    DdpTensor *both[] = {a, b};
    g_autoptr(DdpTensor) block = ddp_parameters_flatten(both, 2, NULL);
    g_autoptr(DdpTensor) square = ddp_mul(a, a, NULL);

    ddp_model_context_set_grad_enabled(context, false);
    ck_assert(ddp_fill_(b, ddp_number_int(1), NULL));
    ddp_model_context_set_grad_enabled(context, true);
    ck_assert(ddp_tensor_item_f64(block, 1) == 1.0);
    assert_backward(square);
    ck_assert(grad_of(a) == 6.0);
}
END_TEST

START_TEST(test_a_leaf_is_not_written_while_gradients_are_recorded)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_fill_(x, ddp_number_int(1), &error));
    ck_assert_str_eq(error->message, "a leaf Variable that requires grad is being used in an "
                                     "in-place operation.");
    ddp_model_context_set_grad_enabled(context, false);
    ck_assert(ddp_fill_(x, ddp_number_int(1), NULL));
    ddp_model_context_set_grad_enabled(context, true);
    ck_assert(ddp_tensor_item_f64(x, 0) == 1.0);
}
END_TEST

/* ---- outside of the graph ------------------------------------------------------------ */

START_TEST(test_nothing_is_recorded_while_gradients_are_off)
{
    g_autoptr(DdpTensor) x = leaf(3.0);

    ck_assert(ddp_model_context_set_grad_enabled(context, false));

    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);

    ck_assert(!ddp_model_context_set_grad_enabled(context, true));
    ck_assert(!ddp_tensor_requires_grad(square));
    ck_assert_ptr_null(ddp_tensor_grad_fn_name(square));
}
END_TEST

START_TEST(test_a_detached_tensor_shares_memory_and_no_graph)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) square = ddp_mul(x, x, NULL);
    g_autoptr(DdpTensor) detached = ddp_tensor_detach(square, NULL);

    ck_assert(!ddp_tensor_requires_grad(detached) && ddp_tensor_is_leaf(detached));
    ck_assert_ptr_eq(ddp_tensor_data(detached), ddp_tensor_data(square));
    ck_assert_str_eq(ddp_tensor_grad_fn_name(square), "MulBackward");
}
END_TEST

/* ---- in place ------------------------------------------------------------------------ */

START_TEST(test_a_running_sum_in_place_is_recorded)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) total = ddp_tensor_new(context, DDP_DTYPE_F64, 0, NULL, NULL);

    for (int i = 1; i <= 4; i++) {
        g_autoptr(DdpTensor) part =
            ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(x), ddp_operand_float(i), NULL);

        ck_assert(ddp_binary_(DDP_BINARY_ADD, total, ddp_operand_tensor(part), NULL));
    }
    ck_assert(ddp_tensor_requires_grad(total));
    ck_assert(ddp_tensor_item_f64(total, 0) == 30.0);
    assert_backward(total);
    ck_assert(grad_of(x) == 10.0);
}
END_TEST

START_TEST(test_a_copy_in_place_takes_the_place_of_its_source)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) target = ddp_tensor_new(context, DDP_DTYPE_F64, 0, NULL, NULL);

    ck_assert(ddp_copy_(target, x, NULL));
    ck_assert(!ddp_tensor_is_leaf(target));

    g_autoptr(DdpTensor) square = ddp_mul(target, target, NULL);

    assert_backward(square);
    ck_assert(grad_of(x) == 6.0);
}
END_TEST

START_TEST(test_shared_memory_is_not_written_behind_the_graphs_back)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) y = ddp_mul(x, x, NULL);
    g_autoptr(DdpTensor) view = ddp_reshape(y, 1, (int64_t[]){1}, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_eq(ddp_tensor_data(view), ddp_tensor_data(y));
    ck_assert(!ddp_binary_(DDP_BINARY_ADD, y, ddp_operand_float(1.0), &error));
    ck_assert(g_error_matches(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD));
}
END_TEST

/* ---- what is left -------------------------------------------------------------------- */

/* The fixture looks whether all is gone. The output that tanh saves must not hold itself. */
START_TEST(test_a_graph_that_is_dropped_leaves_nothing)
{
    Layers layers;
    DdpTensor *loss = layers_forward(&layers, 3);

    ddp_tensor_unref(loss);
    layers_clear(&layers, 3);
}
END_TEST

START_TEST(test_a_gradient_with_a_graph_of_its_own_leaves_nothing)
{
    g_autoptr(DdpTensor) x = leaf(3.0);
    g_autoptr(DdpTensor) copy = ddp_clone(x, NULL);

    ck_assert(ddp_tensor_set_grad(x, copy, NULL));
}
END_TEST

/* A million operations deep: recursion would end the stack of a rank. */
START_TEST(test_a_long_graph_needs_no_stack)
{
    g_autoptr(DdpTensor) x = leaf(1.0);
    DdpTensor *sum = ddp_tensor_ref(x);
    DdpTensor *dropped;

    for (int i = 0; i < 1000000; i++) {
        DdpTensor *next = ddp_add(sum, x, NULL);

        ddp_tensor_unref(sum);
        sum = next;
    }
    dropped = ddp_add(sum, x, NULL);
    assert_backward(sum);
    ck_assert(grad_of(x) == 1000001.0);
    ddp_tensor_unref(sum);
    ddp_tensor_unref(dropped);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("autograd");
    TCase *walks = tcase_create("walks");

    tcase_add_checked_fixture(walks, setup, teardown);
    tcase_add_test(walks, test_gradients_of_several_walks_add_up);
    tcase_add_test(walks, test_all_uses_of_a_leaf_count);
    tcase_add_test(walks, test_a_leaf_is_its_own_graph);
    tcase_add_test(walks, test_what_was_not_used_gets_no_gradient);
    tcase_add_test(walks, test_a_gradient_has_the_dtype_of_its_leaf);
    tcase_add_test(walks, test_a_walk_can_start_from_a_gradient);
    tcase_add_test(walks, test_gradients_become_ready_in_backward_order);
    tcase_add_test(walks, test_a_shared_leaf_is_ready_once_after_its_last_use);
    tcase_add_test(walks, test_the_leaves_behind_a_tensor_can_be_listed);
    tcase_add_test(walks, test_calls_at_the_end_come_after_every_gradient);
    tcase_add_test(walks, test_a_hook_can_end_the_walk);
    tcase_add_test(walks, test_a_hook_cannot_walk_itself);
    tcase_add_test(walks, test_a_graph_is_walked_once);
    tcase_add_test(walks, test_a_retained_graph_is_walked_again);
    tcase_add_test(walks, test_only_numbers_start_a_walk_by_themselves);
    tcase_add_test(walks, test_a_saved_tensor_that_was_overwritten_is_noticed);
    tcase_add_test(walks, test_a_write_to_a_neighbour_in_a_block_spoils_nothing);
    tcase_add_test(walks, test_a_leaf_is_not_written_while_gradients_are_recorded);
    tcase_add_test(walks, test_nothing_is_recorded_while_gradients_are_off);
    tcase_add_test(walks, test_a_detached_tensor_shares_memory_and_no_graph);
    tcase_add_test(walks, test_a_running_sum_in_place_is_recorded);
    tcase_add_test(walks, test_a_copy_in_place_takes_the_place_of_its_source);
    tcase_add_test(walks, test_shared_memory_is_not_written_behind_the_graphs_back);
    tcase_add_test(walks, test_a_graph_that_is_dropped_leaves_nothing);
    tcase_add_test(walks, test_a_gradient_with_a_graph_of_its_own_leaves_nothing);
    tcase_add_test(walks, test_a_long_graph_needs_no_stack);
    suite_add_tcase(suite, walks);
    return ddp_test_main(suite);
}
