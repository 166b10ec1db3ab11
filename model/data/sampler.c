/* SPDX-License-Identifier: MIT */
#include "model/data/sampler.h"

#include <string.h>

#include "model/data/dataset.h"
#include "model/data/weighted_order.h"

static bool
check_shuffle(size_t count, GError **error)
{
    if (count <= DDP_SHUFFLE_MAX)
        return true;
    g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE,
                "%zu samples are too many to shuffle, expected at most %zu", count,
                DDP_SHUFFLE_MAX);
    return false;
}

bool
ddp_sampler_check(const DdpSampler *sampler, GError **error)
{
    switch (sampler->kind) {
    case DDP_SAMPLER_SEQUENTIAL:
    case DDP_SAMPLER_LIST:
        return true;

    case DDP_SAMPLER_RANDOM:
        if (sampler->count > 0)
            return check_shuffle(sampler->count, error);
        g_set_error(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE,
                    "num_samples should be a positive integer value, but got num_samples=0");
        return false;

    case DDP_SAMPLER_WEIGHTED:
        return check_shuffle(MAX(sampler->count, sampler->weight_count), error) &&
               ddp_weighted_order_check(sampler->weights, sampler->weight_count, sampler->count,
                                        sampler->replacement, error);

    case DDP_SAMPLER_DISTRIBUTED:
    case DDP_SAMPLER_WRAPPED:
        return ddp_distributed_sampler_check(&sampler->distributed, error) &&
               (!sampler->distributed.shuffle ||
                check_shuffle(sampler->distributed.dataset_size, error));
    }
    g_assert_not_reached();
}

size_t
ddp_sampler_size(const DdpSampler *sampler)
{
    if (sampler->kind == DDP_SAMPLER_DISTRIBUTED || sampler->kind == DDP_SAMPLER_WRAPPED)
        return ddp_distributed_sampler_size(&sampler->distributed);
    return sampler->count;
}

size_t
ddp_batch_count(size_t sample_count, size_t batch_size, bool drop_last)
{
    g_return_val_if_fail(batch_size > 0, 0);

    bool short_one = sample_count % batch_size != 0;

    return sample_count / batch_size + (short_one && !drop_last ? 1 : 0);
}

void
ddp_loader_draw_base_seed(DdpGenerator *generator)
{
    ddp_generator_random_i64(generator);
}

static bool
has_closed_form(const DdpSampler *sampler)
{
    switch (sampler->kind) {
    case DDP_SAMPLER_SEQUENTIAL:
    case DDP_SAMPLER_LIST:
        return true;
    case DDP_SAMPLER_RANDOM:
    case DDP_SAMPLER_WRAPPED:
    case DDP_SAMPLER_WEIGHTED:
        return false;
    case DDP_SAMPLER_DISTRIBUTED:
        return !sampler->distributed.shuffle;
    }
    g_assert_not_reached();
}

size_t
ddp_sampler_order_count(const DdpSampler *sampler)
{
    if (sampler->kind == DDP_SAMPLER_WRAPPED)
        return sampler->distributed.dataset_size + ddp_sampler_order_count(sampler->base) +
               ddp_sampler_size(sampler);
    /* Behind the order, room to draw it. */
    if (sampler->kind == DDP_SAMPLER_WEIGHTED)
        return sampler->count + sampler->weight_count;
    return has_closed_form(sampler) ? 0 : ddp_sampler_size(sampler);
}

/* RandomSampler without a generator of its own: a private one for every pass. */
static void
permute_privately(DdpGenerator *default_generator, int64_t *out, size_t count)
{
    uint64_t seed = (uint64_t)ddp_generator_random_i64(default_generator);
    g_autoptr(DdpGenerator) generator = ddp_generator_new(seed);

    ddp_generator_randperm(generator, out, count);
}

static void
draw_by_weight(const DdpSampler *sampler, DdpGenerator *default_generator, int64_t *order)
{
    DdpGenerator *generator = sampler->generator != NULL ? sampler->generator : default_generator;

    G_STATIC_ASSERT(sizeof(double) == sizeof(int64_t));
    ddp_weighted_order_draw(sampler->weights, sampler->weight_count, sampler->count,
                            sampler->replacement, generator,
                            (double *)(void *)(order + sampler->count), order);
}

/* At @order: this rank's share of what the base yields; behind it room to play the base. */
static void
begin_wrapped(const DdpSampler *sampler, DdpGenerator *default_generator, int64_t *order)
{
    const DdpDistributedSampler *distributed = &sampler->distributed;
    size_t size = ddp_distributed_sampler_size(distributed);
    int64_t *whole = order + size;
    DdpSamplerPass pass;

    ddp_sampler_pass_begin(&pass, sampler->base, default_generator,
                           whole + distributed->dataset_size);
    /* Asked for one more than there are, so that it runs out as a list made of it does. */
    if (distributed->dataset_size > 0)
        ddp_sampler_pass_batch(&pass, distributed->dataset_size, false, whole);
    ddp_sampler_pass_batch(&pass, 1, true, whole);
    ddp_distributed_sampler_indices(distributed, order);
    for (size_t i = 0; i < size; i++)
        order[i] = whole[order[i]];
}

void
ddp_sampler_pass_begin(DdpSamplerPass *pass, const DdpSampler *sampler,
                       DdpGenerator *default_generator, int64_t *order)
{
    g_return_if_fail(order != NULL || ddp_sampler_order_count(sampler) == 0);

    *pass = (DdpSamplerPass){
        .sampler = *sampler,
        .order = order,
        .size = ddp_sampler_size(sampler),
    };
    if (has_closed_form(sampler))
        return;
    if (sampler->kind == DDP_SAMPLER_DISTRIBUTED)
        ddp_distributed_sampler_indices(&sampler->distributed, order);
    else if (sampler->kind == DDP_SAMPLER_WRAPPED)
        begin_wrapped(sampler, default_generator, order);
    else if (sampler->kind == DDP_SAMPLER_WEIGHTED)
        draw_by_weight(sampler, default_generator, order);
    else if (sampler->generator != NULL)
        ddp_generator_randperm(sampler->generator, order, sampler->count);
    else
        permute_privately(default_generator, order, sampler->count);
}

/* The permutation that torch draws when its RandomSampler runs out: as many draws, unseen. */
static void
run_out(DdpSamplerPass *pass)
{
    DdpGenerator *generator = pass->sampler.generator;

    if (pass->ran_out)
        return;
    pass->ran_out = true;
    /* The order has been read to its end, so its memory is free for this. */
    if (pass->sampler.kind == DDP_SAMPLER_RANDOM && generator != NULL)
        ddp_generator_randperm(generator, pass->order, pass->size);
}

static void
take(DdpSamplerPass *pass, int64_t *out, size_t count)
{
    const DdpSampler *sampler = &pass->sampler;

    if (!has_closed_form(sampler)) {
        memcpy(out, pass->order + pass->position, count * sizeof *out);
    } else if (sampler->kind == DDP_SAMPLER_LIST) {
        memcpy(out, sampler->list + pass->position, count * sizeof *out);
    } else {
        for (size_t i = 0; i < count; i++) {
            size_t position = pass->position + i;

            out[i] = sampler->kind == DDP_SAMPLER_SEQUENTIAL
                         ? (int64_t)position
                         : ddp_distributed_sampler_unshuffled_at(&sampler->distributed, position);
        }
    }
    pass->position += count;
}

size_t
ddp_sampler_pass_batch(DdpSamplerPass *pass, size_t batch_size, bool drop_last, int64_t *out)
{
    g_return_val_if_fail(batch_size > 0, 0);

    size_t count = MIN(batch_size, pass->size - pass->position);

    if (count > 0)
        take(pass, out, count);
    if (count < batch_size)
        run_out(pass);
    return drop_last && count < batch_size ? 0 : count;
}
