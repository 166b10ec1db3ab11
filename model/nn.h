/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Layers: what a layer is made of. Its forward is a function of model/ops.h; modules, with
 * names and state_dict, are made of these in Lua.
 *
 * Initial values are torch's, drawn from the given generator in torch's order.
 */

/**
 * ddp_linear_reset:
 * @weight: [out, in]
 * @bias: (nullable): [out]
 *
 * Both uniform in ±1/sqrt(in), the weight drawn first.
 */
bool ddp_linear_reset(DdpTensor *weight, DdpTensor *bias, DdpGenerator *generator, GError **error);

/**
 * ddp_linear_new:
 * @bias: (out) (nullable): NULL for a layer without one
 *
 * The parameters of torch.nn.Linear(@in_features, @out_features): float32, initialised from the
 * context's generator, requiring gradients.
 */
bool ddp_linear_new(DdpModelContext *context, int64_t in_features, int64_t out_features,
                    DdpTensor **weight, DdpTensor **bias, GError **error);

/**
 * ddp_conv_reset:
 * @weight: [out, in / groups, places of the kernel…]
 * @bias: (nullable): [out]
 *
 * Both uniform in ±1/sqrt(fan), the weight drawn first; fan is the number of terms of an output.
 */
bool ddp_conv_reset(DdpTensor *weight, DdpTensor *bias, DdpGenerator *generator, GError **error);

/* As ddp_linear_new(), for torch.nn.Conv1d and Conv2d; @shape is the weight's. */
bool ddp_conv_new(DdpModelContext *context, int ndim, const int64_t *shape, DdpTensor **weight,
                  DdpTensor **bias, GError **error);

/* (transfer full): the table of torch.nn.Embedding; @padding_idx -1: none. */
DdpTensor *ddp_embedding_new(DdpModelContext *context, int64_t rows, int64_t width,
                             int64_t padding_idx, GError **error);

/**
 * ddp_parameters_flatten:
 *
 * Puts all @parameters, which are of one dtype, side by side into one block, in their order.
 *
 * Returns: (transfer full): the block as a 1-D tensor; hashing or broadcasting it does so to
 *   all of them
 */
DdpTensor *ddp_parameters_flatten(DdpTensor *const *parameters, size_t count, GError **error);

G_END_DECLS
