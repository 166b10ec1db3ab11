/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/tensor.h"

G_BEGIN_DECLS

/*
 * Normalisation over the batch and over the last dimensions.
 *
 * Statistics are sums in the order that model/ops.h states: for [N, C, L…] each run of neighbours
 * in one channel, then along N. Halves compute in float32 and round the result.
 *
 * Everything that can fail happens before the first value is changed and before the first call
 * of DdpNormSync, so an operation that failed for want of memory may be tried again.
 */

/**
 * DdpNormSync:
 *
 * What batch normalisation asks of whoever knows a communicator, to take its statistics over the
 * batches of several ranks: SyncBatchNorm. All ranks call in the same order. A struct must live as
 * long as every graph that was made with it.
 *
 * As torch does it on a GPU (on a CPU torch refuses; the simulator plays the GPU's part): forward
 * gathers one vector [mean, 1/sqrt(var + eps), count] of 2C + 1 numbers from each rank and combines
 * them in rank order, weighted by their counts; a rank without samples brings zeros and is left
 * out. Backward sums one vector [Σ dy, Σ dy·(x - mean)] of 2C numbers, if the input wants a
 * gradient. The gradients of weight and bias stay those of the rank's own samples.
 */
typedef struct {
    int size; /* ranks that take part, at least 1 */
    /* @all [size, 2C + 1] gets what each rank has in @own [2C + 1], in rank order. */
    bool (*gather_stats)(void *user_data, DdpTensor *own, DdpTensor *all, GError **error);
    /* Each element of @sums becomes its sum over all ranks. */
    bool (*sum_grads)(void *user_data, DdpTensor *sums, GError **error);
    void *user_data;
} DdpNormSync;

typedef struct {
    DdpTensor *running_mean; /* (nullable): borrowed; [C] */
    DdpTensor *running_var;  /* (nullable): borrowed; [C] */
    DdpTensor *weight;       /* (nullable): borrowed; [C] */
    DdpTensor *bias;         /* (nullable): borrowed; [C] */
    bool training;   /* normalise by the batch and update the running values; else by those */
    double momentum; /* the share of this batch in the running values */
    double eps;
    const DdpNormSync *sync; /* (nullable): borrowed */
} DdpBatchNormSpec;

/* Evaluation without running values, weight and bias; momentum 0.1, eps 1e-5. */
DdpBatchNormSpec ddp_batch_norm_spec_default(void);

/**
 * ddp_batch_norm:
 * @x: [N, C] or [N, C, L…]; statistics are those of each channel
 *
 * torch.nn.functional.batch_norm: normalised by the biased variance; the running variance takes
 * the unbiased one. An empty batch changes nothing. More than one value per channel is needed in
 * training, unless there are other ranks to bring some.
 */
DdpTensor *ddp_batch_norm(DdpTensor *x, const DdpBatchNormSpec *spec, GError **error);

/**
 * ddp_layer_norm:
 * @ndim: of @shape, which must be the last sizes of @x
 * @weight: (nullable): of @shape
 * @bias: (nullable): of @shape
 */
DdpTensor *ddp_layer_norm(DdpTensor *x, int ndim, const int64_t *shape, DdpTensor *weight,
                          DdpTensor *bias, double eps, GError **error);

G_END_DECLS
