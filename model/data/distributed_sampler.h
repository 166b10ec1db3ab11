/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * torch's DistributedSampler: which samples of a data set a rank sees, and in what order.
 *
 * All ranks permute alike (randperm of a private generator seeded with seed + epoch), the list is
 * padded with its own head until it divides evenly (or, with drop_last, cut), and rank r takes
 * positions r, r + num_replicas, ... Position i of the padded list therefore holds entry i
 * modulo dataset_size of the unpadded one. Without set_epoch every epoch has the order of the
 * first.
 */

typedef struct {
    size_t dataset_size;
    int num_replicas;
    int rank;
    bool shuffle;
    int64_t seed;
    bool drop_last;
    int64_t epoch; /* assigning it is set_epoch() */
    /*
     * As Lightning's UnrepeatedDistributedSampler: nothing is padded or cut, so sizes differ by
     * rank; the seed is the epoch alone.
     */
    bool unrepeated;
} DdpDistributedSampler;

/* torch's defaults: shuffle, seed 0, drop_last off, epoch 0. */
DdpDistributedSampler ddp_distributed_sampler_default(size_t dataset_size, int num_replicas,
                                                      int rank);

/* False, with torch's words, if the rank is not one of the replicas. */
bool ddp_distributed_sampler_check(const DdpDistributedSampler *sampler, GError **error);

/* num_samples: how many indices each rank gets, padding included. */
size_t ddp_distributed_sampler_size(const DdpDistributedSampler *sampler);

/* total_size: num_samples × num_replicas. */
size_t ddp_distributed_sampler_total_size(const DdpDistributedSampler *sampler);

/* Index number @position of this rank when nothing is shuffled. */
int64_t ddp_distributed_sampler_unshuffled_at(const DdpDistributedSampler *sampler,
                                              size_t position);

/* Writes this rank's indices, ddp_distributed_sampler_size() of them, to @out. */
void ddp_distributed_sampler_indices(const DdpDistributedSampler *sampler, int64_t *out);

G_END_DECLS
