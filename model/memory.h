/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/context.h"

G_BEGIN_DECLS

/*
 * Where a context gets its small objects and its tensor memory from. Used by model/ only.
 *
 * A training step allocates the same sizes over and over, so what is given back is kept in
 * lists, one per size class, and handed out again. Small chunks are cut from blocks and stay
 * in the lists until the context ends; large ones are kept as long as the caller allows, then
 * all kept ones go back at once.
 *
 * Under AddressSanitizer nothing is kept, so that it sees every use after free.
 */

/* Pieces of any size, so linked that those left over can be freed together. */
void *ddp_pieces_add(void **list, size_t bytes);
void ddp_pieces_remove(void **list, void *piece);
void ddp_pieces_clear(void **list);

/* Objects of one size. */
typedef struct {
    size_t object_bytes;
    void *free_list;
    void *pieces; /* blocks of objects, or single objects when nothing is kept */
    char *cursor; /* the uncut rest of the last block */
    size_t left;  /* objects in it */
    unsigned block_count;
} DdpSlab;

void ddp_slab_init(DdpSlab *slab, size_t object_bytes);
/* Gives everything back, also objects that are still in use. */
void ddp_slab_clear(DdpSlab *slab);
void *ddp_slab_take(DdpSlab *slab);
void ddp_slab_give(DdpSlab *slab, void *object);

#define DDP_POOL_SMALL_MAX 4096u             /* chunks up to here are cut from blocks */
#define DDP_POOL_LARGE_MAX ((size_t)1 << 26) /* chunks above here are never kept */
#define DDP_POOL_CLASS_COUNT 80

typedef struct {
    DdpMemoryOps ops;
    void *lists[DDP_POOL_CLASS_COUNT];
    GArray *blocks;    /* owned; of the blocks small chunks are cut from */
    char *cursor;      /* the uncut rest of the last block */
    size_t left;       /* bytes in it */
    size_t kept_bytes; /* of large chunks in the lists */
} DdpMemoryPool;

void ddp_memory_pool_init(DdpMemoryPool *pool, const DdpMemoryOps *ops);
/* All chunks of large classes must have been given back. */
void ddp_memory_pool_clear(DdpMemoryPool *pool);

/* How many bytes a chunk for @bytes really has. */
size_t ddp_memory_pool_chunk_bytes(size_t bytes);
/* 64-byte aligned; NULL when the memory behind the pool is refused. */
void *ddp_memory_pool_take(DdpMemoryPool *pool, size_t chunk_bytes);
/* @kept_max: how many bytes of large chunks the pool may keep for later. */
void ddp_memory_pool_give(DdpMemoryPool *pool, void *memory, size_t chunk_bytes, size_t kept_max);

G_END_DECLS
