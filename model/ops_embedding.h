/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

typedef struct {
    int64_t padding_idx;     /* this row gets no gradient; -1: none */
    bool scale_grad_by_freq; /* divide a row's gradient by how often it was looked up */
} DdpEmbeddingSpec;

DdpEmbeddingSpec ddp_embedding_spec_default(void);

/**
 * ddp_embedding:
 * @weight: [rows, width]
 * @index: int64 or int32, of any shape
 *
 * The rows of @weight that @index names, in the shape of @index with the width behind it. In the
 * derivative rows are added up in the order of @index.
 */
DdpTensor *ddp_embedding(DdpTensor *weight, DdpTensor *index, const DdpEmbeddingSpec *spec,
                         GError **error);

/* normal_(0, 1) over the whole table, then zeros in the row of @padding_idx, unless that is -1. */
bool ddp_embedding_reset(DdpTensor *weight, int64_t padding_idx, DdpGenerator *generator,
                         GError **error);

G_END_DECLS
