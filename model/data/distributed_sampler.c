/* SPDX-License-Identifier: MIT */
#include "model/data/distributed_sampler.h"

#include "model/data/dataset.h"
#include "model/generator.h"

DdpDistributedSampler
ddp_distributed_sampler_default(size_t dataset_size, int num_replicas, int rank)
{
    return (DdpDistributedSampler){
        .dataset_size = dataset_size,
        .num_replicas = num_replicas,
        .rank = rank,
        .shuffle = true,
    };
}

bool
ddp_distributed_sampler_check(const DdpDistributedSampler *sampler, GError **error)
{
    /* No separate word for num_replicas below 1: then no rank is valid, as in torch. */
    if (sampler->rank >= 0 && sampler->rank < sampler->num_replicas)
        return true;
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE,
                "Invalid rank %d, rank should be in the interval [0, %d]", sampler->rank,
                sampler->num_replicas - 1);
    return false;
}

size_t
ddp_distributed_sampler_size(const DdpDistributedSampler *sampler)
{
    size_t replicas = (size_t)sampler->num_replicas;
    size_t whole = sampler->dataset_size / replicas;
    bool uneven = sampler->dataset_size % replicas != 0;

    if (sampler->unrepeated)
        return whole + ((size_t)sampler->rank < sampler->dataset_size % replicas ? 1 : 0);
    return whole + (uneven && !sampler->drop_last ? 1 : 0);
}

size_t
ddp_distributed_sampler_total_size(const DdpDistributedSampler *sampler)
{
    if (sampler->unrepeated)
        return sampler->dataset_size;
    return ddp_distributed_sampler_size(sampler) * (size_t)sampler->num_replicas;
}

/* Where in the unpadded list this rank's entry stands. */
static size_t
source_position(const DdpDistributedSampler *sampler, size_t position)
{
    size_t padded = (size_t)sampler->rank + position * (size_t)sampler->num_replicas;

    return padded % sampler->dataset_size;
}

int64_t
ddp_distributed_sampler_unshuffled_at(const DdpDistributedSampler *sampler, size_t position)
{
    return (int64_t)source_position(sampler, position);
}

void
ddp_distributed_sampler_indices(const DdpDistributedSampler *sampler, int64_t *out)
{
    size_t size = ddp_distributed_sampler_size(sampler);

    if (!sampler->shuffle) {
        for (size_t i = 0; i < size; i++)
            out[i] = ddp_distributed_sampler_unshuffled_at(sampler, i);
        return;
    }

    /* Unsigned, so that it wraps as the generator's 64-bit seed does. */
    uint64_t seed = (sampler->unrepeated ? 0 : (uint64_t)sampler->seed) + (uint64_t)sampler->epoch;
    g_autoptr(DdpGenerator) generator = ddp_generator_new(seed);
    g_autofree int64_t *permuted = g_new(int64_t, sampler->dataset_size);

    ddp_generator_randperm(generator, permuted, sampler->dataset_size);
    for (size_t i = 0; i < size; i++)
        out[i] = permuted[source_position(sampler, i)];
}
