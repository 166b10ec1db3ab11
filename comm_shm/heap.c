/* SPDX-License-Identifier: MIT */
/*
 * The shared heap: blocks of size classes, four to a doubling, each class with a list of free
 * ones; new blocks are cut from the front. A block keeps its class in front of it. Blocks of a page
 * and more begin on a page and, once free, give their pages back.
 *
 * Each change of the heap is one store, and what that refers to was written before: a process may
 * be killed between any two instructions here, and the others go on with a heap that is whole.
 */
#include "comm_shm/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "comm_shm/lock.h"

#define HEAP_BYTES (UINT64_C(1) << 36) /* of addresses; memory comes page by page */
#define FIXED_ADDRESS ((void *)UINT64_C(0x200000000000))
#define MAGIC UINT64_C(0x64647073696d3031)
#define ALIGN 64
#define CLASS_COUNT 160
#define GIVE_BACK_BYTES (8 << 20)

typedef struct Block Block;

/* In front of each block; as long as its alignment. */
struct Block {
    _Alignas(ALIGN) uint32_t cls;
    Block *next; /* while it is free */
};

struct DdpHeap {
    uint64_t magic;
    void *address; /* of the mapping; NULL: malloc */
    int fd;        /* in the process that made it, */
    pid_t maker;   /* which is this one */
    void *root;
    DdpLock lock;
    size_t used; /* bytes from the address that were cut so far */
    Block *free_blocks[CLASS_COUNT];
};

static uint32_t this_holder = DDP_LOCK_SUPERVISOR;

void
ddp_heap_set_holder(unsigned holder)
{
    this_holder = holder;
}

DdpHeap *
ddp_heap_new(void)
{
    DdpHeap *heap = g_new0(DdpHeap, 1);

    heap->fd = -1;
    return heap;
}

static DdpHeap *
map_failed(int fd, const char *what, GError **error)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                "cannot make memory that ranks share: %s: %s", what, g_strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* the first error counts */
    return NULL;
}

DdpHeap *
ddp_heap_new_shared(bool fixed, GError **error)
{
    int fd = memfd_create("ddpsim", MFD_CLOEXEC);
    DdpHeap *heap;

    if (fd < 0)
        return map_failed(fd, "memfd_create", error);
    if (ftruncate(fd, HEAP_BYTES) != 0)
        return map_failed(fd, "ftruncate", error);
    heap = mmap(fixed ? FIXED_ADDRESS : NULL, HEAP_BYTES, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_NORESERVE | (fixed ? MAP_FIXED_NOREPLACE : 0), fd, 0);
    if (heap == MAP_FAILED)
        return map_failed(fd, "mmap", error);
    heap->magic = MAGIC;
    heap->address = heap;
    heap->fd = fd;
    heap->maker = getpid();
    heap->used = (sizeof *heap + ALIGN - 1) / ALIGN * ALIGN;
    return heap;
}

DdpHeap *
ddp_heap_attach(int fd, GError **error)
{
    DdpHeap head;
    DdpHeap *heap;

    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || head.magic != MAGIC) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "the memory that ranks share is not of this version of ddpsim");
        return NULL;
    }
    heap = mmap(head.address, HEAP_BYTES, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
    return heap != MAP_FAILED ? heap : map_failed(-1, "mmap at its maker's address", error);
}

int
ddp_heap_fd(const DdpHeap *heap)
{
    return heap->fd;
}

void
ddp_heap_free(DdpHeap *heap)
{
    if (heap == NULL)
        return;
    if (heap->address == NULL) {
        g_free(heap);
        return;
    }

    int fd = heap->maker == getpid() ? heap->fd : -1;

    (void)munmap(heap, HEAP_BYTES); /* cannot fail for a mapping of our own */
    if (fd >= 0)
        (void)close(fd);
}

bool
ddp_heap_is_shared(const DdpHeap *heap)
{
    return heap->address != NULL;
}

bool
ddp_heap_contains(const DdpHeap *heap, const void *memory)
{
    return heap->address == NULL || (uintptr_t)memory - (uintptr_t)heap->address < HEAP_BYTES;
}

void
ddp_heap_set_root(DdpHeap *heap, void *root)
{
    heap->root = root;
}

void *
ddp_heap_root(const DdpHeap *heap)
{
    return heap->root;
}

void
ddp_heap_holder_died(DdpHeap *heap, unsigned holder)
{
    if (heap->address != NULL)
        (void)ddp_lock_recover(&heap->lock, holder); /* it may have held nothing */
}

/* ---- classes: 64 << (c / 4), plus c % 4 quarters of it ---- */

static size_t
class_bytes(uint32_t cls)
{
    size_t base = (size_t)ALIGN << (cls / 4);

    return base + base / 4 * (cls % 4);
}

static uint32_t
class_of(size_t bytes)
{
    uint32_t cls = 0;

    while (cls < CLASS_COUNT && class_bytes(cls) < bytes)
        cls++;
    return cls;
}

/* A new block from the front of what was never used, or NULL. */
static Block *
cut(DdpHeap *heap, uint32_t cls)
{
    size_t bytes = (class_bytes(cls) + ALIGN - 1) / ALIGN * ALIGN;
    size_t page = bytes >= 4096 ? 4096 : ALIGN;
    size_t at = (heap->used + sizeof(Block) + page - 1) / page * page;

    if (at > HEAP_BYTES || bytes > HEAP_BYTES - at)
        return NULL;
    heap->used = at + bytes;
    return (Block *)((char *)heap->address + at) - 1;
}

void *
ddp_heap_alloc(DdpHeap *heap, size_t bytes)
{
    uint32_t cls;
    Block *block = NULL;

    if (heap->address == NULL)
        return g_malloc(bytes + (bytes == 0));
    cls = class_of(bytes);
    /* A broken lock means that the world is over: what is asked for now nobody else will see. */
    if (!ddp_lock_take(&heap->lock, this_holder))
        return g_malloc(bytes + (bytes == 0));
    if (cls < CLASS_COUNT) {
        block = heap->free_blocks[cls];
        if (block != NULL)
            heap->free_blocks[cls] = block->next;
        else
            block = cut(heap, cls);
    }
    ddp_lock_release(&heap->lock);
    if (block == NULL)
        g_error("the memory that ranks share is used up: %" G_GSIZE_FORMAT " bytes more", bytes);
    block->cls = cls;
    return block + 1;
}

void *
ddp_heap_alloc0(DdpHeap *heap, size_t bytes)
{
    if (heap->address == NULL)
        return g_malloc0(bytes + (bytes == 0));
    return memset(ddp_heap_alloc(heap, bytes), 0, bytes);
}

void *
ddp_heap_alloc_lines(DdpHeap *heap, size_t bytes)
{
    void *memory;

    if (heap->address != NULL)
        return ddp_heap_alloc0(heap, bytes);
    memory = aligned_alloc(ALIGN, (bytes + ALIGN) / ALIGN * ALIGN);
    if (memory == NULL)
        g_error("cannot allocate %" G_GSIZE_FORMAT " bytes", bytes);
    return memset(memory, 0, bytes);
}

char *
ddp_heap_strdup(DdpHeap *heap, const char *text)
{
    size_t bytes;

    if (text == NULL)
        return NULL;
    bytes = strlen(text) + 1;
    return memcpy(ddp_heap_alloc(heap, bytes), text, bytes);
}

void
ddp_heap_release(DdpHeap *heap, void *memory)
{
    Block *block;

    if (memory == NULL)
        return;
    if (!ddp_heap_contains(heap, memory) || heap->address == NULL) {
        g_free(memory);
        return;
    }
    block = (Block *)memory - 1;
    if (class_bytes(block->cls) >= GIVE_BACK_BYTES)
        (void)madvise(memory, class_bytes(block->cls) & ~(size_t)4095, MADV_REMOVE);
    if (!ddp_lock_take(&heap->lock, this_holder))
        return;
    block->next = heap->free_blocks[block->cls];
    atomic_signal_fence(memory_order_release);
    heap->free_blocks[block->cls] = block;
    ddp_lock_release(&heap->lock);
}
