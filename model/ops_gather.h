/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * A gather over ranks that gradients flow through, as torch.distributed.nn's all_gather.
 *
 * The gathering itself is the caller's. Every rank may use every row of the result, so the
 * derivative by a rank's own tensor is the sum over ranks of the derivatives by its row: backward()
 * has the gradient summed by `sum_grads`, a collective, and takes the row.
 */

typedef struct {
    /* Each element of @grads becomes its sum over all ranks. Outlives the graph. */
    bool (*sum_grads)(void *user_data, DdpTensor *grads, GError **error);
    void *user_data;
} DdpGatherSync;

/**
 * ddp_gathered:
 * @own: what this rank gave
 * @all: [size, *shape of @own]: what all gave; becomes the result
 * @row: which of them is @own
 * @sync: borrowed; outlives the graph
 *
 * Puts @all into the graph behind @own, if @own wants a gradient and gradients are on.
 */
void ddp_gathered(DdpTensor *own, DdpTensor *all, int row, const DdpGatherSync *sync);

G_END_DECLS
