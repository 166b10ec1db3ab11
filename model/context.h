/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What one rank's numeric code carries with it: its default random generator, whether
 * gradients are recorded, how much memory its tensors hold and how many floating point
 * operations it has done.
 *
 * Ranks may share a thread (fibers), so none of this can be global or thread-local. One
 * context belongs to one rank and is used by one thread at a time.
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

/* Every tensor of the context must be gone before. */
void ddp_model_context_free(DdpModelContext *context);

/* (transfer none): the generator behind torch.manual_seed and the initialisers. */
DdpGenerator *ddp_model_context_generator(DdpModelContext *context);

bool ddp_model_context_grad_enabled(const DdpModelContext *context);

/* Returns what it was before, so that a caller can put it back (torch.no_grad). */
bool ddp_model_context_set_grad_enabled(DdpModelContext *context, bool enabled);

/* Floating point operations done so far (a fused multiply-add counts two). */
uint64_t ddp_model_context_flops(const DdpModelContext *context);

/* Bytes of all live tensor storage of this context. */
size_t ddp_model_context_bytes(const DdpModelContext *context);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpModelContext, ddp_model_context_free)

G_END_DECLS
