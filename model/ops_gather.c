/* SPDX-License-Identifier: MIT */
#include "model/ops_gather.h"

#include "model/internal.h"
#include "model/ops.h"

static bool
gather_backward(DdpNode *node, DdpTensor *grad, DdpTensor **inputs, GError **error)
{
    const DdpGatherSync *sync = node->pointer;
    DdpTensor *sums = ddp_clone(grad, error);
    DdpTensor *row = NULL;

    if (sums != NULL && sync->sum_grads(sync->user_data, sums, error))
        row = ddp_select(sums, 0, node->ints[0], error);
    if (row != NULL)
        inputs[0] = ddp_clone(row, error);
    clear_tensor(&row);
    clear_tensor(&sums);
    return inputs[0] != NULL;
}

static const DdpGradOp gather_op = {"_AllGatherBackward", gather_backward};

void
ddp_gathered(DdpTensor *own, DdpTensor *all, int row, const DdpGatherSync *sync)
{
    g_return_if_fail(ddp_tensor_ndim(all) == ddp_tensor_ndim(own) + 1);
    g_return_if_fail(row >= 0 && row < ddp_tensor_shape(all)[0]);

    if (!wants_grad(own))
        return;

    DdpNode *node = ddp_node_new(all, &gather_op, 1, 0);

    ddp_node_edge(node, 0, own);
    node->ints[0] = row;
    node->pointer = sync;
}
