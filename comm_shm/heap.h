/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

/*
 * Where everything lies that ranks share.
 *
 * A private heap is malloc. A shared one is a single mapping of a memory file, at one address in
 * every process that has it, so that plain pointers into it hold in all of them. Only pages that
 * are touched cost memory. The file has no name: when the last process is gone, nothing is left.
 *
 * Thread rules: any thread, any process.
 */

typedef struct DdpHeap DdpHeap;

/* (transfer full): malloc. */
DdpHeap *ddp_heap_new(void);

/**
 * ddp_heap_new_shared:
 * @fixed: at an address that unrelated processes are likely to have free, so that they can attach
 *
 * Returns: (transfer full): NULL with @error set when the system refuses
 */
DdpHeap *ddp_heap_new_shared(bool fixed, GError **error);
/* (transfer full): the heap behind @fd, which is borrowed, at the address where its maker has it.
 */
DdpHeap *ddp_heap_attach(int fd, GError **error);
/* The memory file of a shared heap; -1 of a private one. */
int ddp_heap_fd(const DdpHeap *heap);
/* Takes the mapping away from this process; of a private heap only what the heap itself needs. */
void ddp_heap_free(DdpHeap *heap);

bool ddp_heap_is_shared(const DdpHeap *heap);
/* Whether all ranks can reach @memory. */
bool ddp_heap_contains(const DdpHeap *heap, const void *memory);

/* Never NULL: as with malloc in GLib, a machine without memory ends the program. */
void *ddp_heap_alloc(DdpHeap *heap, size_t bytes);
void *ddp_heap_alloc0(DdpHeap *heap, size_t bytes);
/* Zeroed, and on a cache line; of a private heap too. Release as any other. */
void *ddp_heap_alloc_lines(DdpHeap *heap, size_t bytes);
char *ddp_heap_strdup(DdpHeap *heap, const char *text); /* NULL for NULL */
void ddp_heap_release(DdpHeap *heap, void *memory);     /* NULL is ignored */

/* A slot of the mapping's head, through which those who attach find everything else. */
void ddp_heap_set_root(DdpHeap *heap, void *root);
void *ddp_heap_root(const DdpHeap *heap);

/*
 * A process, by its number as of lock.h, is dead. If that was in the middle of an allocation the
 * heap is whole all the same: at most that one block is lost.
 */
void ddp_heap_holder_died(DdpHeap *heap, unsigned holder);
/* The number under which this process allocates; the supervisor's until it is set. */
void ddp_heap_set_holder(unsigned holder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpHeap, ddp_heap_free)

G_END_DECLS
