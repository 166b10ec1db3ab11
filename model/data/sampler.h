/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/data/distributed_sampler.h"
#include "model/generator.h"

G_BEGIN_DECLS

/*
 * The samplers of torch.utils.data, and one pass over them, cut into batches.
 *
 * A sampler is a plain description of an order and owns nothing. A pass plays it from front to
 * back, drawing random numbers exactly when torch does:
 *
 *   - making an iterator of a DataLoader draws a base seed for its workers, even when it has none
 *     (ddp_loader_draw_base_seed());
 *   - the first index that is asked for starts the order: a RandomSampler without a generator of
 * its own then draws a seed for a private one, and a DistributedSampler reads its epoch;
 *   - a WeightedRandomSampler without a generator draws from the rank's own, so that ranks with
 *     equal seeds draw equal samples;
 *   - a RandomSampler with a generator of its own draws one more permutation, which nobody sees,
 *     when it runs out: at the first request that it cannot serve in full. Leaving the loop
 *     early leaves that out.
 */

typedef enum {
    DDP_SAMPLER_SEQUENTIAL,
    DDP_SAMPLER_RANDOM,
    DDP_SAMPLER_DISTRIBUTED,
    DDP_SAMPLER_LIST,     /* the given indices as they stand */
    DDP_SAMPLER_WRAPPED,  /* a rank's share of another sampler's order */
    DDP_SAMPLER_WEIGHTED, /* drawn by weight: WeightedRandomSampler */
} DdpSamplerKind;

typedef struct DdpSampler DdpSampler;

struct DdpSampler {
    DdpSamplerKind kind;
    /* SEQUENTIAL, RANDOM: samples of the data set; LIST: entries; WEIGHTED: draws */
    size_t count;
    /* Borrowed. RANDOM: NULL for a private one; WEIGHTED: NULL for the rank's own. */
    DdpGenerator *generator;
    const int64_t *list;   /* LIST: borrowed */
    const double *weights; /* WEIGHTED: borrowed, one a sample */
    size_t weight_count;
    bool replacement; /* WEIGHTED: whether a sample may come twice */
    DdpDistributedSampler distributed;
    /*
     * WRAPPED: borrowed; not itself a wrapped one. Each pass plays it to its end, and
     * `distributed`, whose data set is that order, picks from it.
     */
    const DdpSampler *base;
};

/* Samples that can be shuffled: a permutation takes 8 bytes a sample, 1 GiB at the most. */
#define DDP_SHUFFLE_MAX ((size_t)1 << 27)

/* False, with torch's words, if no such sampler can be made (RandomSampler over nothing, ...). */
bool ddp_sampler_check(const DdpSampler *sampler, GError **error);

/* How many indices one pass yields: len(sampler). */
size_t ddp_sampler_size(const DdpSampler *sampler);

/* len(DataLoader): batches of one pass over @sample_count indices. */
size_t ddp_batch_count(size_t sample_count, size_t batch_size, bool drop_last);

/* What making an iterator of a DataLoader takes from the loader's generator or the default one. */
void ddp_loader_draw_base_seed(DdpGenerator *generator);

/* Entries of memory that a pass needs for its order; 0 where the order has a closed form. */
size_t ddp_sampler_order_count(const DdpSampler *sampler);

typedef struct {
    DdpSampler sampler; /* as it was when the pass began */
    int64_t *order;     /* borrowed */
    size_t position;    /* indices handed out so far */
    size_t size;
    bool ran_out;
} DdpSamplerPass;

/**
 * ddp_sampler_pass_begin:
 * @sampler: copied; what it borrows must outlive the pass
 * @default_generator: the rank's own, behind torch.manual_seed
 * @order: (nullable): room for ddp_sampler_order_count() entries, until the pass is over
 */
void ddp_sampler_pass_begin(DdpSamplerPass *pass, const DdpSampler *sampler,
                            DdpGenerator *default_generator, int64_t *order);

/**
 * ddp_sampler_pass_batch:
 * @drop_last: whether a batch that cannot be filled is left out
 * @out: room for @batch_size indices, or for ddp_sampler_size() if that is less
 *
 * As torch's BatchSampler.
 *
 * Returns: how many indices the next batch has; 0 when the pass is over
 */
size_t ddp_sampler_pass_batch(DdpSamplerPass *pass, size_t batch_size, bool drop_last,
                              int64_t *out);

G_END_DECLS
