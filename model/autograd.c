/* SPDX-License-Identifier: MIT */
#include "model/autograd.h"

#include <stdlib.h>
#include <string.h>

#include "model/internal.h"
#include "model/ops.h"

/* ---- nodes --------------------------------------------------------------------------- */

static void
node_place_arrays(DdpNode *node)
{
    if (node->edge_count <= DDP_NODE_INLINE && node->saved_count <= DDP_NODE_INLINE) {
        node->piece = NULL;
        node->edges = node->edges_inline;
        node->saved = node->saved_inline;
        node->saved_versions = node->versions_inline;
        return;
    }

    size_t edges_bytes = (size_t)node->edge_count * sizeof node->edges[0];
    size_t saved_bytes = (size_t)node->saved_count * sizeof node->saved[0];
    size_t versions_bytes = (size_t)node->saved_count * sizeof node->saved_versions[0];
    char *piece =
        ddp_pieces_add(&node->context->node_pieces, edges_bytes + saved_bytes + versions_bytes);

    node->piece = piece;
    node->edges = (DdpNode **)(void *)piece;
    node->saved = (DdpTensor **)(void *)(piece + edges_bytes);
    node->saved_versions = (uint32_t *)(void *)(piece + edges_bytes + saved_bytes);
}

static DdpNode *
node_take(DdpModelContext *context, const DdpGradOp *op, int edge_count, int saved_count)
{
    DdpNode *node = ddp_slab_take(&context->nodes);

    node->op = op;
    node->context = context;
    node->grad = NULL;
    node->dead_next = NULL;
    node->sequence = ++context->node_sequence;
    node->walk = 0;
    node->pending = 0;
    node->refs = 1;
    node->edge_count = edge_count;
    node->saved_count = saved_count;
    node->released = false;
    node_place_arrays(node);
    for (int i = 0; i < edge_count; i++)
        node->edges[i] = NULL;
    for (int i = 0; i < saved_count; i++)
        node->saved[i] = NULL;
    return node;
}

DdpNode *
ddp_node_new(DdpTensor *output, const DdpGradOp *op, int edge_count, int saved_count)
{
    g_assert(output->node == NULL);

    output->node = node_take(output->context, op, edge_count, saved_count);
    output->requires_grad = true;
    return output->node;
}

/* The leaf's place in the graph; its name is what torch shows for it. */
static const DdpGradOp accumulate_op = {.name = "AccumulateGrad"};

static bool
is_accumulator(const DdpNode *node)
{
    return node->op == &accumulate_op;
}

static DdpTensor *
accumulator_leaf(const DdpNode *node)
{
    return node->saved[0];
}

/* (transfer full) */
static DdpNode *
graph_place(DdpTensor *tensor)
{
    DdpNode *node = tensor->node != NULL ? tensor->node : tensor->accumulator;

    if (node != NULL) {
        node->refs++;
        return node;
    }
    node = node_take(tensor->context, &accumulate_op, 0, 1);
    node->saved[0] = ddp_tensor_ref(tensor);
    tensor->accumulator = node;
    return node;
}

void
ddp_node_edge(DdpNode *node, int index, DdpTensor *input)
{
    g_assert(index < node->edge_count && node->edges[index] == NULL);

    if (input->requires_grad)
        node->edges[index] = graph_place(input);
}

void
ddp_node_save(DdpNode *node, int index, DdpTensor *tensor)
{
    g_assert(index < node->saved_count && node->saved[index] == NULL);

    node->saved[index] = ddp_tensor_ref(tensor);
    node->saved_versions[index] = tensor->storage->version;
}

void
ddp_node_save_output(DdpNode *node, int index, DdpTensor *output)
{
    DdpTensor *alias = ddp_tensor_alias(output, 0, output->ndim, output->shape);

    ddp_node_save(node, index, alias);
    ddp_tensor_unref(alias);
}

void
ddp_node_remember_shape(DdpNode *node, int slot, const DdpTensor *input)
{
    node->input_ndim[slot] = input->ndim;
    for (int i = 0; i < input->ndim; i++)
        node->input_shape[slot][i] = input->shape[i];
}

static void
node_release_saved(DdpNode *node)
{
    for (int i = 0; i < node->saved_count; i++)
        clear_tensor(&node->saved[i]);
    node->released = true;
}

static void
node_free(DdpNode *node)
{
    if (is_accumulator(node))
        accumulator_leaf(node)->accumulator = NULL;
    for (int i = 0; i < node->edge_count; i++) {
        if (node->edges[i] != NULL)
            ddp_node_unref(node->edges[i]);
    }
    node_release_saved(node);
    clear_tensor(&node->grad);
    if (node->piece != NULL)
        ddp_pieces_remove(&node->context->node_pieces, node->piece);
    ddp_slab_give(&node->context->nodes, node);
}

/* Nodes that lose their last reference wait in a list, so that a long graph needs no stack. */
void
ddp_node_unref(DdpNode *node)
{
    if (--node->refs > 0)
        return;

    DdpModelContext *context = node->context;

    node->dead_next = context->dead;
    context->dead = node;
    if (context->taking_down)
        return;

    context->taking_down = true;
    while (context->dead != NULL) {
        DdpNode *dead = context->dead;

        context->dead = dead->dead_next;
        node_free(dead);
    }
    context->taking_down = false;
}

/* ---- the walk ------------------------------------------------------------------------ */

static int
compare_youngest_first(gconstpointer a, gconstpointer b)
{
    const DdpNode *const *x = a;
    const DdpNode *const *y = b;

    return ((*x)->sequence < (*y)->sequence) - ((*x)->sequence > (*y)->sequence);
}

static void
order_sort(GPtrArray *order)
{
    gpointer *nodes = order->pdata;

    if (order->len > 32) {
        qsort(nodes, order->len, sizeof nodes[0], compare_youngest_first);
        return;
    }
    for (guint i = 1; i < order->len; i++) {
        gpointer node = nodes[i];
        guint j = i;

        for (; j > 0 && compare_youngest_first(&node, &nodes[j - 1]) < 0; j--)
            nodes[j] = nodes[j - 1];
        nodes[j] = node;
    }
}

/*
 * Lists what lies behind @start, youngest first, and counts for each leaf how often it is used.
 * An input is always older than what was made of it, so in this order a node comes after
 * everything that contributes to its gradient.
 */
static GPtrArray *
walk_plan(DdpNode *start)
{
    DdpModelContext *context = start->context;
    uint64_t walk = ++context->walk;

    if (context->order == NULL)
        context->order = g_ptr_array_new();

    GPtrArray *order = context->order;

    g_ptr_array_set_size(order, 0);
    g_ptr_array_add(order, start);
    start->walk = walk;
    for (guint i = 0; i < order->len; i++) {
        DdpNode *node = order->pdata[i];

        for (int e = 0; e < node->edge_count; e++) {
            DdpNode *input = node->edges[e];

            if (input == NULL)
                continue;
            if (input->walk != walk) {
                input->walk = walk;
                input->pending = 0;
                if (!is_accumulator(input))
                    g_ptr_array_add(order, input);
            }
            input->pending++;
        }
    }
    order_sort(order);
    return order;
}

/* Adds @part (transfer full) to what stands in @sum. */
static bool
gradient_add(DdpTensor **sum, DdpTensor *part, GError **error)
{
    DdpTensor *old = *sum;

    if (old == NULL) {
        *sum = part;
        return true;
    }

    bool alone = old->refs == 1 && old->storage->refs == 1;
    bool ok;

    if (alone) {
        ok = ddp_binary_(DDP_BINARY_ADD, old, ddp_operand_tensor(part), error);
    } else {
        DdpTensor *both = ddp_add(old, part, error);

        ok = both != NULL;
        if (ok) {
            *sum = both;
            ddp_tensor_unref(old);
        }
    }
    ddp_tensor_unref(part);
    return ok;
}

/* The leaf's own `grad` takes what the walk has brought to its accumulator. */
static bool
leaf_complete(DdpNode *accumulator, GError **error)
{
    DdpTensor *leaf = accumulator_leaf(accumulator);
    DdpTensor *part = accumulator->grad;

    if (part == NULL)
        return true;
    g_assert(ddp_tensor_same_shape(leaf, part));

    accumulator->grad = NULL;
    if (leaf->dtype != part->dtype) {
        /* Somebody changed the leaf's dtype between forward and backward. */
        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                    "a gradient of torch.%s came to a tensor that has become torch.%s since its "
                    "forward pass",
                    ddp_dtype_name(dtype_of(part)), ddp_dtype_name(dtype_of(leaf)));
        ddp_tensor_unref(part);
        return false;
    }
    if (leaf->grad == NULL && (part->refs > 1 || part->storage->refs > 1)) {
        DdpTensor *own = ddp_clone(part, error);

        ddp_tensor_unref(part);
        if (own == NULL)
            return false;
        leaf->grad = own;
    } else if (leaf->grad == NULL) {
        leaf->grad = part;
    } else {
        bool ok = ddp_binary_(DDP_BINARY_ADD, leaf->grad, ddp_operand_tensor(part), error);

        ddp_tensor_unref(part);
        if (!ok)
            return false;
    }

    if (leaf->grad_ready != NULL)
        return leaf->grad_ready(leaf, leaf->grad_ready_data, error);
    return true;
}

static bool
check_saved(const DdpNode *node, GError **error)
{
    if (node->released && node->saved_count > 0) {
        g_set_error_literal(
            error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are freed "
            "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
            "to backward through the graph a second time or if you need to access saved tensors "
            "after calling backward.");
        return false;
    }
    for (int i = 0; i < node->saved_count; i++) {
        const DdpTensor *saved = node->saved[i];

        if (saved == NULL || saved->storage->version == node->saved_versions[i])
            continue;

        g_autofree char *shape = ddp_shape_to_string(saved->ndim, saved->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                    "one of the variables needed for gradient computation has been modified by an "
                    "inplace operation: [torch.%sTensor %s], needed by %s, is at version %u; "
                    "expected version %u instead.",
                    ddp_dtype_scalar_name(dtype_of(saved)), shape, node->op->name,
                    saved->storage->version, node->saved_versions[i]);
        return false;
    }
    return true;
}

/* Hands the derivatives in @inputs on; those not handed on when it fails stay in @inputs. */
static bool
node_deliver(DdpNode *node, DdpTensor **inputs, GError **error)
{
    for (int i = 0; i < node->edge_count; i++) {
        DdpNode *input = node->edges[i];

        if (input == NULL)
            continue;
        input->pending--;
        if (inputs[i] != NULL) {
            DdpTensor *part = inputs[i];

            inputs[i] = NULL;
            if (!gradient_add(&input->grad, part, error))
                return false;
        }
        if (is_accumulator(input) && input->pending == 0 && !leaf_complete(input, error))
            return false;
    }
    return true;
}

static bool
node_step(DdpNode *node, bool retain_graph, GError **error)
{
    DdpTensor *inline_inputs[DDP_NODE_INLINE] = {NULL};
    g_autofree DdpTensor **many =
        node->edge_count > DDP_NODE_INLINE ? g_new0(DdpTensor *, (gsize)node->edge_count) : NULL;
    DdpTensor **inputs = many != NULL ? many : inline_inputs;
    DdpTensor *grad = node->grad;
    bool ok = true;

    node->grad = NULL;
    if (grad != NULL)
        ok = check_saved(node, error) && node->op->backward(node, grad, inputs, error);
    clear_tensor(&grad);
    if (ok && !retain_graph)
        node_release_saved(node);
    ok = ok && node_deliver(node, inputs, error);
    for (int i = 0; i < node->edge_count; i++)
        clear_tensor(&inputs[i]);
    return ok;
}

/* After a failure nothing of the walk may stay behind in the graph. */
static void
walk_forget(GPtrArray *order)
{
    for (guint i = 0; i < order->len; i++) {
        DdpNode *node = order->pdata[i];

        clear_tensor(&node->grad);
        for (int e = 0; e < node->edge_count; e++) {
            if (node->edges[e] != NULL)
                clear_tensor(&node->edges[e]->grad);
        }
    }
}

static bool
walk_done(DdpModelContext *context, GError **error)
{
    bool ok = true;

    if (context->done_calls == NULL)
        return true;
    for (guint i = 0; ok && i < context->done_calls->len; i++) {
        DdpBackwardDone done = g_array_index(context->done_calls, DdpBackwardDone, i);

        ok = done.func(done.user_data, error);
    }
    return ok;
}

/* Takes @gradient over. */
static bool
walk(DdpNode *start, DdpTensor *gradient, bool retain_graph, GError **error)
{
    DdpModelContext *context = start->context;
    bool grad_enabled = ddp_model_context_set_grad_enabled(context, false);
    bool autocast = context->autocast.enabled; /* derivatives have the dtypes of their forwards */
    bool ok = true;

    context->autocast.enabled = false;
    context->walking = true;
    if (context->done_calls != NULL)
        g_array_set_size(context->done_calls, 0);
    start->grad = gradient;
    if (is_accumulator(start)) {
        ok = leaf_complete(start, error);
    } else {
        GPtrArray *order = walk_plan(start);

        for (guint i = 0; ok && i < order->len; i++)
            ok = node_step(order->pdata[i], retain_graph, error);
        if (!ok)
            walk_forget(order);
    }
    ok = ok && walk_done(context, error);
    context->walking = false;
    context->autocast.enabled = autocast;
    ddp_model_context_set_grad_enabled(context, grad_enabled);
    return ok;
}

static bool
check_root(const DdpTensor *root, const DdpTensor *gradient, GError **error)
{
    if (root->context->walking) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "backward() was called from inside a gradient hook");
        return false;
    }
    if (!root->requires_grad) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "element 0 of tensors does not require grad and does not have a "
                            "grad_fn");
        return false;
    }
    if (gradient == NULL && root->numel != 1) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "grad can be implicitly created only for scalar outputs");
        return false;
    }
    if (gradient != NULL &&
        (!ddp_tensor_same_shape(root, gradient) || root->dtype != gradient->dtype)) {
        g_autofree char *found = ddp_shape_to_string(gradient->ndim, gradient->shape);
        g_autofree char *expected = ddp_shape_to_string(root->ndim, root->shape);

        g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                    "Mismatch in shape: grad_output is torch.%s of shape %s and output is "
                    "torch.%s of shape %s",
                    ddp_dtype_name(dtype_of(gradient)), found, ddp_dtype_name(dtype_of(root)),
                    expected);
        return false;
    }
    return true;
}

bool
ddp_tensor_backward_from(DdpTensor *root, DdpTensor *gradient, bool retain_graph, GError **error)
{
    if (!check_root(root, gradient, error))
        return false;

    DdpTensor *start_gradient;

    if (gradient != NULL) {
        start_gradient = ddp_tensor_ref(gradient);
    } else {
        start_gradient = ddp_tensor_new_like(root, dtype_of(root), error);
        if (start_gradient == NULL)
            return false;
        ddp_tensor_set_f64(start_gradient, 0, 1.0);
    }

    DdpNode *start = graph_place(root);
    bool ok = walk(start, start_gradient, retain_graph, error);

    ddp_node_unref(start);
    return ok;
}

bool
ddp_tensor_backward(DdpTensor *loss, GError **error)
{
    return ddp_tensor_backward_from(loss, NULL, false, error);
}

/* ---- hooks and views of the graph ---------------------------------------------------- */

void
ddp_tensor_set_grad_ready(DdpTensor *leaf, DdpGradReadyFunc func, void *user_data)
{
    g_return_if_fail(leaf->node == NULL);

    leaf->grad_ready = func;
    leaf->grad_ready_data = user_data;
}

void
ddp_backward_call_at_end(DdpModelContext *context, DdpBackwardDoneFunc func, void *user_data)
{
    DdpBackwardDone done = {.func = func, .user_data = user_data};

    g_return_if_fail(context->walking);

    if (context->done_calls == NULL)
        context->done_calls = g_array_new(FALSE, FALSE, sizeof done);
    g_array_append_val(context->done_calls, done);
}

DdpTensor *
ddp_tensor_detach(DdpTensor *tensor, GError **error)
{
    return ddp_tensor_share(tensor, 0, tensor->ndim, tensor->shape, error);
}

const char *
ddp_tensor_grad_fn_name(const DdpTensor *tensor)
{
    return tensor->node != NULL ? tensor->node->op->name : NULL;
}

void
ddp_tensor_visit_leaves(DdpTensor *root, DdpGraphLeafFunc func, void *user_data)
{
    g_return_if_fail(!root->context->walking);

    if (root->node == NULL) {
        if (root->requires_grad)
            func(root, user_data);
        return;
    }

    GPtrArray *order = walk_plan(root->node);

    for (guint i = 0; i < order->len; i++) {
        DdpNode *node = order->pdata[i];

        for (int e = 0; e < node->edge_count; e++) {
            DdpNode *input = node->edges[e];

            if (input != NULL && is_accumulator(input) && --input->pending == 0)
                func(accumulator_leaf(input), user_data);
        }
    }
}

/* ---- operations in place ------------------------------------------------------------- */

bool
ddp_tensor_check_writable(DdpTensor *target, GError **error)
{
    if (!wants_grad(target))
        return true;
    if (target->node == NULL) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "a leaf Variable that requires grad is being used in an in-place "
                            "operation.");
        return false;
    }
    return true;
}

DdpTensor *
ddp_tensor_former(DdpTensor *target)
{
    DdpTensor *former = ddp_tensor_alias(target, 0, target->ndim, target->shape);

    if (target->node != NULL) {
        former->node = target->node;
        former->node->refs++;
    }
    former->requires_grad = target->requires_grad;
    return former;
}

bool
ddp_tensor_adopt(DdpTensor *target, DdpTensor *result, DdpTensor *former, GError **error)
{
    DdpNode *old = target->node;

    /* The graph of tensors that share this memory would know nothing of the write. */
    if (target->storage->refs > (former != NULL ? 2 : 1)) {
        g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_GRAD,
                            "an in-place operation on memory that several tensors share cannot be "
                            "recorded for backward; use the operation that returns a new tensor");
        return false;
    }
    memcpy(target->data, result->data, ddp_tensor_bytes(target));
    target->storage->version++;
    target->node = result->node;
    target->requires_grad = result->requires_grad;
    if (target->node != NULL)
        target->node->refs++;
    if (old != NULL)
        ddp_node_unref(old);
    return true;
}
