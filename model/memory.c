/* SPDX-License-Identifier: MIT */
#include "model/memory.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define KEEP_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP_NOTHING 1
#endif
#endif
#ifndef KEEP_NOTHING
#define KEEP_NOTHING 0
#endif

#define ALIGNMENT 64u
#define SLAB_OBJECTS_FIRST 16u
#define SLAB_OBJECTS_MAX 512u
#define BLOCK_BYTES_FIRST ((size_t)8 << 10)
#define BLOCK_BYTES_MAX ((size_t)256 << 10)

/* ---- pieces -------------------------------------------------------------------------- */

/* In front of every piece. 16 bytes, so that what follows is aligned for anything in it. */
typedef struct Link Link;
struct Link {
    Link *next;
    Link *prev;
};

void *
ddp_pieces_add(void **list, size_t bytes)
{
    Link *link = g_malloc(sizeof *link + bytes);

    *link = (Link){.next = *list};
    if (link->next != NULL)
        link->next->prev = link;
    *list = link;
    return link + 1;
}

void
ddp_pieces_remove(void **list, void *piece)
{
    Link *link = (Link *)piece - 1;

    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        *list = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    g_free(link);
}

void
ddp_pieces_clear(void **list)
{
    Link *link = *list;

    while (link != NULL) {
        Link *next = link->next;

        g_free(link);
        link = next;
    }
    *list = NULL;
}

/* ---- slabs --------------------------------------------------------------------------- */

void
ddp_slab_init(DdpSlab *slab, size_t object_bytes)
{
    g_assert(object_bytes >= sizeof(void *) && object_bytes % sizeof(void *) == 0);

    *slab = (DdpSlab){.object_bytes = object_bytes};
}

void
ddp_slab_clear(DdpSlab *slab)
{
    ddp_pieces_clear(&slab->pieces);
    ddp_slab_init(slab, slab->object_bytes);
}

/* Blocks double in size: a rank that does little stays small. */
static void
slab_grow(DdpSlab *slab)
{
    unsigned shift = MIN(slab->block_count, 8u);
    size_t count = MIN((size_t)SLAB_OBJECTS_FIRST << shift, SLAB_OBJECTS_MAX);

    slab->cursor = ddp_pieces_add(&slab->pieces, count * slab->object_bytes);
    slab->left = count;
    slab->block_count++;
}

void *
ddp_slab_take(DdpSlab *slab)
{
    void *object = slab->free_list;

    if (object != NULL) {
        memcpy(&slab->free_list, object, sizeof(void *));
        return object;
    }
    if (KEEP_NOTHING)
        return ddp_pieces_add(&slab->pieces, slab->object_bytes);
    if (slab->left == 0)
        slab_grow(slab);
    object = slab->cursor;
    slab->cursor += slab->object_bytes;
    slab->left--;
    return object;
}

void
ddp_slab_give(DdpSlab *slab, void *object)
{
    if (KEEP_NOTHING) {
        ddp_pieces_remove(&slab->pieces, object);
        return;
    }
    memcpy(object, &slab->free_list, sizeof(void *));
    slab->free_list = object;
}

/* ---- tensor memory ------------------------------------------------------------------- */

typedef struct {
    void *memory;
    size_t bytes;
} Block;

static void *
heap_allocate(void *user_data, size_t bytes)
{
    (void)user_data;
    return aligned_alloc(ALIGNMENT, bytes);
}

static void
heap_release(void *user_data, void *memory, size_t bytes)
{
    (void)user_data;
    (void)bytes;
    free(memory);
}

void
ddp_memory_pool_init(DdpMemoryPool *pool, const DdpMemoryOps *ops)
{
    *pool = (DdpMemoryPool){0};
    if (ops != NULL)
        pool->ops = *ops;
    else
        pool->ops = (DdpMemoryOps){.allocate = heap_allocate, .release = heap_release};
}

/*
 * Size classes: multiples of 64 up to 1024, then four per doubling. So at most a fifth of a
 * chunk is unused. Class 0 is 64 bytes.
 */
static unsigned
class_of(size_t bytes)
{
    if (bytes <= 1024)
        return bytes == 0 ? 0 : (unsigned)((bytes - 1) / ALIGNMENT);

    unsigned top = 63u - (unsigned)__builtin_clzll((unsigned long long)(bytes - 1));
    unsigned quarter = (unsigned)((bytes - 1) >> (top - 2)) & 3u;

    return 16u + (top - 10u) * 4u + quarter;
}

size_t
ddp_memory_pool_chunk_bytes(size_t bytes)
{
    if (bytes <= 1024)
        return bytes == 0 ? ALIGNMENT : (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (bytes > DDP_POOL_LARGE_MAX)
        return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    unsigned top = 63u - (unsigned)__builtin_clzll((unsigned long long)(bytes - 1));
    size_t step = (size_t)1 << (top - 2);

    return (bytes + step - 1) & ~(step - 1);
}

static void
release_kept(DdpMemoryPool *pool)
{
    for (unsigned class = class_of(DDP_POOL_SMALL_MAX) + 1; class < DDP_POOL_CLASS_COUNT;
         class ++) {
        size_t top = 10u + (class - 16u) / 4u;
        size_t bytes = ((size_t)1 << top) + ((size_t)((class - 16u) % 4u + 1) << (top - 2));

        while (pool->lists[class] != NULL) {
            void *memory = pool->lists[class];

            memcpy(&pool->lists[class], memory, sizeof(void *));
            pool->ops.release(pool->ops.user_data, memory, bytes);
        }
    }
    pool->kept_bytes = 0;
}

/* What is kept goes back before memory is refused. */
static void *
allocate(DdpMemoryPool *pool, size_t bytes)
{
    void *memory = pool->ops.allocate(pool->ops.user_data, bytes);

    if (memory == NULL && pool->kept_bytes > 0) {
        release_kept(pool);
        memory = pool->ops.allocate(pool->ops.user_data, bytes);
    }
    return memory;
}

static void *
block_cut(DdpMemoryPool *pool, size_t chunk_bytes)
{
    if (pool->left < chunk_bytes) {
        if (pool->blocks == NULL)
            pool->blocks = g_array_new(FALSE, FALSE, sizeof(Block));

        size_t bytes = MIN(BLOCK_BYTES_FIRST << MIN(pool->blocks->len, 16u), BLOCK_BYTES_MAX);
        Block block = {.memory = allocate(pool, bytes), .bytes = bytes};

        if (block.memory == NULL)
            return NULL;
        g_array_append_val(pool->blocks, block);
        pool->cursor = block.memory;
        pool->left = bytes;
    }

    void *memory = pool->cursor;

    pool->cursor += chunk_bytes;
    pool->left -= chunk_bytes;
    return memory;
}

void *
ddp_memory_pool_take(DdpMemoryPool *pool, size_t chunk_bytes)
{
    if (KEEP_NOTHING || chunk_bytes > DDP_POOL_LARGE_MAX)
        return allocate(pool, chunk_bytes);

    unsigned class = class_of(chunk_bytes);
    void *memory = pool->lists[class];

    if (memory != NULL) {
        memcpy(&pool->lists[class], memory, sizeof(void *));
        if (chunk_bytes > DDP_POOL_SMALL_MAX)
            pool->kept_bytes -= chunk_bytes;
        return memory;
    }
    if (chunk_bytes <= DDP_POOL_SMALL_MAX)
        return block_cut(pool, chunk_bytes);
    return allocate(pool, chunk_bytes);
}

void
ddp_memory_pool_give(DdpMemoryPool *pool, void *memory, size_t chunk_bytes, size_t kept_max)
{
    if (KEEP_NOTHING || chunk_bytes > DDP_POOL_LARGE_MAX) {
        pool->ops.release(pool->ops.user_data, memory, chunk_bytes);
        return;
    }

    unsigned class = class_of(chunk_bytes);

    if (chunk_bytes > DDP_POOL_SMALL_MAX) {
        if (pool->kept_bytes + chunk_bytes > kept_max)
            release_kept(pool);
        pool->kept_bytes += chunk_bytes;
    }
    memcpy(memory, &pool->lists[class], sizeof(void *));
    pool->lists[class] = memory;
}

void
ddp_memory_pool_clear(DdpMemoryPool *pool)
{
    release_kept(pool);
    if (pool->blocks != NULL) {
        for (guint i = 0; i < pool->blocks->len; i++) {
            const Block *block = &g_array_index(pool->blocks, Block, i);

            pool->ops.release(pool->ops.user_data, block->memory, block->bytes);
        }
        g_array_unref(pool->blocks);
    }
    memset(pool->lists, 0, sizeof pool->lists);
    pool->blocks = NULL;
    pool->left = 0;
}
