/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Define-by-run differentiation.
 *
 * Every operation of model/ops.h on a tensor that requires a gradient leaves a node that knows
 * the nodes of its inputs. backward() walks them from the youngest to the oldest, as torch's
 * engine does with its sequence numbers. A leaf's gradient is complete when all of its uses
 * have been walked; it is then added to `grad`, and the leaf's hook runs. So hooks run in
 * backward order: for a stack of linear layers bias and weight of the last layer, then of the
 * one before. The order depends on the program alone.
 *
 * A graph lives as long as a tensor that it made, and is taken down without recursion.
 */

/**
 * ddp_tensor_backward:
 *
 * Adds the derivative of the one number in @loss to the `grad` of every leaf behind it, and
 * gives up what the graph had saved: a second walk is an error, with torch's message.
 */
bool ddp_tensor_backward(DdpTensor *loss, GError **error);

/**
 * ddp_tensor_backward_from:
 * @gradient: (nullable): where the walk starts, in the shape of @root; NULL is a one
 * @retain_graph: keep what was saved, so that the graph can be walked again
 */
bool ddp_tensor_backward_from(DdpTensor *root, DdpTensor *gradient, bool retain_graph,
                              GError **error);

/**
 * DdpGradReadyFunc:
 * @leaf: its `grad` now holds this walk's whole contribution
 *
 * May read and write the gradient, and may put the rank to sleep.
 *
 * Returns: false with @error set to end the walk
 */
typedef bool (*DdpGradReadyFunc)(DdpTensor *leaf, void *user_data, GError **error);

/* One hook per leaf; NULL takes it off. */
void ddp_tensor_set_grad_ready(DdpTensor *leaf, DdpGradReadyFunc func, void *user_data);

/**
 * DdpBackwardDoneFunc:
 *
 * Returns: false with @error set if the walk that ends here has failed after all
 */
typedef bool (*DdpBackwardDoneFunc)(void *user_data, GError **error);

/*
 * From inside a hook: call @func once when the walk in progress has reached its end, before
 * backward() returns. Calls come in the order in which they were asked for; a walk that fails
 * forgets them. (DDP waits for its buckets there.)
 */
void ddp_backward_call_at_end(DdpModelContext *context, DdpBackwardDoneFunc func, void *user_data);

/* (transfer full): the same memory, outside of the graph. */
DdpTensor *ddp_tensor_detach(DdpTensor *tensor, GError **error);

/* The name of the operation behind @tensor, "AddBackward", or NULL for a leaf. */
const char *ddp_tensor_grad_fn_name(const DdpTensor *tensor);

/**
 * DdpGraphLeafFunc:
 *
 * Called once for each leaf that a backward() from a tensor would reach.
 */
typedef void (*DdpGraphLeafFunc)(DdpTensor *leaf, void *user_data);

/* What find_unused_parameters looks for; in backward order. */
void ddp_tensor_visit_leaves(DdpTensor *root, DdpGraphLeafFunc func, void *user_data);

G_END_DECLS
