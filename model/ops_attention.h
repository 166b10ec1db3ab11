/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

typedef struct {
    DdpTensor *mask; /* (nullable) borrowed: bool, true where attention is paid, or added */
    double dropout_p;
    double scale; /* 0: 1 / sqrt(E) */
    bool is_causal;
} DdpAttentionSpec;

/**
 * ddp_scaled_dot_product_attention:
 * @query: [..., L, E]
 * @key: [..., S, E]
 * @value: [..., S, Ev], with the same dimensions in front
 *
 * softmax(query · keyᵀ · scale + mask) · value, in one node. A row that a bool mask shuts out
 * altogether pays attention to nothing: zeros, as in torch. Products, and the order of their
 * sums, are model/math/gemm.h's; rows are summed as model/ops.h says.
 */
DdpTensor *ddp_scaled_dot_product_attention(DdpTensor *query, DdpTensor *key, DdpTensor *value,
                                            const DdpAttentionSpec *spec, GError **error);

G_END_DECLS
