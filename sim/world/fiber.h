/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

G_BEGIN_DECLS

/*
 * Stacks that take turns on one thread.
 *
 * A switch saves the callee-saved registers and changes the stack pointer (sim/world/context.h): no
 * system call, two nanoseconds. All stacks of a world are one mapping, of which only touched pages
 * cost memory. Below each lies a guard page: an overflow ends in SIGSEGV and not in a neighbour's
 * data.
 */

typedef struct DdpStacks DdpStacks;

/**
 * ddp_stacks_new:
 * @bytes: usable bytes of each stack; rounded up to pages
 *
 * Returns: (transfer full): @count stacks, or NULL with @error set when the system refuses
 */
DdpStacks *ddp_stacks_new(int count, size_t bytes, GError **error);
void ddp_stacks_free(DdpStacks *stacks);

typedef void (*DdpFiberFunc)(void *user_data); /* must not return: its last act is a switch */

typedef struct {
    void *context; /* where it stands, while it does not run */
    DdpFiberFunc func;
    void *user_data;
    void *stack_top;
    size_t stack_bytes;
    void *sanitizer; /* what ASan or TSan wants to know of it */
} DdpFiber;

/* The fiber that the calling thread is on already. */
void ddp_fiber_init_main(DdpFiber *fiber);

/* A fiber on stack @index that will begin with @func at the first switch to it. */
void ddp_fiber_init(DdpFiber *fiber, DdpStacks *stacks, int index, DdpFiberFunc func,
                    void *user_data);

/* Goes on with @to until someone switches back to @from. */
void ddp_fiber_switch(DdpFiber *from, DdpFiber *to);

/* As ddp_fiber_switch(), for the last act of @from. */
void ddp_fiber_leave(DdpFiber *from, DdpFiber *to) G_GNUC_NORETURN;

/* Must be called for each fiber before its stack goes. */
void ddp_fiber_clear(DdpFiber *fiber);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpStacks, ddp_stacks_free)

G_END_DECLS
