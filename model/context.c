/* SPDX-License-Identifier: MIT */
#include "model/context.h"

#include "model/generator.h"
#include "model/internal.h"

DdpModelContext *
ddp_model_context_new(const DdpMemoryOps *memory, size_t tensor_bytes_max, size_t total_bytes_max,
                      uint64_t seed)
{
    DdpModelContext *context = g_new0(DdpModelContext, 1);

    ddp_memory_pool_init(&context->pool, memory);
    ddp_slab_init(&context->tensors, sizeof(DdpTensor));
    ddp_slab_init(&context->storages, sizeof(DdpStorage));
    ddp_slab_init(&context->nodes, sizeof(DdpNode));
    context->tensor_bytes_max = tensor_bytes_max;
    context->total_bytes_max = total_bytes_max;
    context->grad_enabled = true;
    context->generator = ddp_generator_new(seed);
    return context;
}

void
ddp_model_context_free(DdpModelContext *context)
{
    if (context == NULL)
        return;

    /* What is still alive belongs to a rank that was ended in the middle of something. */
    for (DdpStorage *storage = context->storages_head; storage != NULL; storage = storage->next) {
        if (storage->memory != NULL)
            ddp_memory_pool_give(&context->pool, storage->memory,
                                 ddp_memory_pool_chunk_bytes(storage->bytes), 0);
    }

    ddp_pieces_clear(&context->node_pieces);
    ddp_slab_clear(&context->nodes);
    ddp_slab_clear(&context->tensors);
    ddp_slab_clear(&context->storages);
    ddp_memory_pool_clear(&context->pool);
    ddp_generator_free(context->generator);
    if (context->done_calls != NULL)
        g_array_unref(context->done_calls);
    if (context->order != NULL)
        g_ptr_array_unref(context->order);
    if (context->autocast_casts != NULL) {
        /* Its tensors are gone with the slabs. */
        g_hash_table_steal_all(context->autocast_casts);
        g_hash_table_unref(context->autocast_casts);
    }
    g_free(context);
}

DdpGenerator *
ddp_model_context_generator(DdpModelContext *context)
{
    return context->generator;
}

bool
ddp_model_context_grad_enabled(const DdpModelContext *context)
{
    return context->grad_enabled;
}

bool
ddp_model_context_set_grad_enabled(DdpModelContext *context, bool enabled)
{
    bool before = context->grad_enabled;

    context->grad_enabled = enabled;
    return before;
}

uint64_t
ddp_model_context_flops(const DdpModelContext *context)
{
    return context->flops;
}

size_t
ddp_model_context_bytes(const DdpModelContext *context)
{
    return context->live_bytes;
}

uint64_t
ddp_model_context_allocated(const DdpModelContext *context)
{
    return context->allocated_bytes;
}

static uint64_t
take(uint64_t now, uint64_t *taken, uint64_t at_least)
{
    uint64_t since = now - *taken;

    if (since < at_least)
        return 0;
    *taken = now;
    return since;
}

uint64_t
ddp_model_context_take_flops(DdpModelContext *context, uint64_t at_least)
{
    return take(context->flops, &context->flops_taken, at_least);
}

uint64_t
ddp_model_context_take_allocated(DdpModelContext *context, uint64_t at_least)
{
    return take(context->allocated_bytes, &context->allocated_taken, at_least);
}

size_t
ddp_model_context_growth(DdpModelContext *context)
{
    context->mark_bytes = MIN(context->mark_bytes, context->live_bytes);
    return context->live_bytes - context->mark_bytes;
}

void
ddp_model_context_mark(DdpModelContext *context)
{
    context->mark_bytes = context->live_bytes;
}

size_t
ddp_model_context_tensors(const DdpModelContext *context)
{
    return context->live_tensors;
}
