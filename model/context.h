/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What one rank's numeric code carries with it: its default random generator, whether
 * gradients are recorded, how much memory its tensors hold and how many floating point
 * operations it has done.
 *
 * Ranks may share a thread (fibers), so none of this can be global or thread-local. One
 * context belongs to one rank and is used by one thread at a time.
 *
 * The context also keeps the pools from which tensors, their memory and the nodes of the
 * autograd graph come, so that a training step costs no calls of malloc once it has run.
 */

typedef struct DdpGenerator DdpGenerator; /* model/generator.h */

/* Where tensor memory comes from. The processes engine hands in memory that all ranks reach. */
typedef struct {
    void *(*allocate)(void *user_data, size_t bytes); /* 64-byte aligned; NULL when refused */
    void (*release)(void *user_data, void *memory, size_t bytes);
    void *user_data;
} DdpMemoryOps;

typedef struct DdpModelContext DdpModelContext;

/**
 * ddp_model_context_new:
 * @memory: (nullable): where tensors live; NULL for the C heap. Copied.
 * @tensor_bytes_max: the largest single tensor, 0 for no limit
 * @total_bytes_max: all live tensors of this context together, 0 for no limit
 *
 * The generator starts as after torch.manual_seed(@seed).
 */
DdpModelContext *ddp_model_context_new(const DdpMemoryOps *memory, size_t tensor_bytes_max,
                                       size_t total_bytes_max, uint64_t seed);

/*
 * Tensors that are still alive die with their context, and nothing may be done with them
 * afterwards, not even ddp_tensor_unref(): a rank that is ended inside a verb leaves such.
 */
void ddp_model_context_free(DdpModelContext *context);

/* (transfer none): the generator behind torch.manual_seed and the initialisers. */
DdpGenerator *ddp_model_context_generator(DdpModelContext *context);

bool ddp_model_context_grad_enabled(const DdpModelContext *context);

/* Returns what it was before, so that a caller can put it back (torch.no_grad). */
bool ddp_model_context_set_grad_enabled(DdpModelContext *context, bool enabled);

/*
 * Floating point operations done so far, forward and backward, by the table of model/flops.h. The
 * virtual clock charges compute by it.
 */
uint64_t ddp_model_context_flops(const DdpModelContext *context);

/* Bytes of all live tensor storage of this context, each rounded up to 64. */
size_t ddp_model_context_bytes(const DdpModelContext *context);

/* Bytes of all tensor storage ever allocated. */
uint64_t ddp_model_context_allocated(const DdpModelContext *context);

/*
 * What was done since the last call that returned it: flops, and bytes allocated. As long as it
 * is less than @at_least the answer is 0, and it goes on being added up. For whoever charges a
 * budget with it.
 */
uint64_t ddp_model_context_take_flops(DdpModelContext *context, uint64_t at_least);
uint64_t ddp_model_context_take_allocated(DdpModelContext *context, uint64_t at_least);

/*
 * How far live bytes have risen above the least that they were since the last mark. A garbage
 * collector that cannot see tensors looks here whether it is time, and then sets a mark.
 */
size_t ddp_model_context_growth(DdpModelContext *context);
void ddp_model_context_mark(DdpModelContext *context);

/* Tensors that are alive now; for tests that look for leaks. */
size_t ddp_model_context_tensors(const DdpModelContext *context);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpModelContext, ddp_model_context_free)

G_END_DECLS
