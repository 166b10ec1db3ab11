/* SPDX-License-Identifier: MIT */
#include "sim/world/fiber.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/world/context.h"
#include "sim/world/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HAVE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Linux 6.13: a guard without a mapping of its own, of which a process may have 65,530. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

struct DdpStacks {
    char *memory;
    size_t bytes;  /* of the whole mapping */
    size_t stride; /* guard and stack */
    size_t guard;
    int count;
};

static bool
install_guards(const DdpStacks *stacks)
{
    bool light = true;

    for (int i = 0; i < stacks->count; i++) {
        char *guard = stacks->memory + (size_t)i * stacks->stride;

        if (light && madvise(guard, stacks->guard, MADV_GUARD_INSTALL) == 0)
            continue;
        light = false;
        if (mprotect(guard, stacks->guard, PROT_NONE) != 0)
            return false;
    }
    return true;
}

DdpStacks *
ddp_stacks_new(int count, size_t bytes, GError **error)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    DdpStacks *stacks = g_new0(DdpStacks, 1);

    stacks->guard = page;
    stacks->stride = page + (bytes + page - 1) / page * page;
    stacks->count = count;
    stacks->bytes = stacks->stride * (size_t)count;
    stacks->memory = mmap(NULL, stacks->bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stacks->memory == MAP_FAILED) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_MEMORY,
                    "the system gave no memory for %d stacks of %zu KiB: %s; use fewer ranks",
                    count, bytes >> 10, g_strerror(errno));
        g_free(stacks);
        return NULL;
    }
    /* Neighbouring stacks are used by different ranks: huge pages would make each cost 2 MiB. */
    (void)madvise(stacks->memory, stacks->bytes, MADV_NOHUGEPAGE);
    if (!install_guards(stacks)) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_MEMORY,
                    "the system refused guard pages for %d stacks: %s; use fewer ranks, or raise "
                    "vm.max_map_count to %d",
                    count, g_strerror(errno), 2 * count + 1024);
        ddp_stacks_free(stacks);
        return NULL;
    }
    return stacks;
}

void
ddp_stacks_free(DdpStacks *stacks)
{
    if (stacks == NULL)
        return;
    munmap(stacks->memory, stacks->bytes);
    g_free(stacks);
}

/* ---- what the sanitizers are told ---- */

static void
before_switch(DdpFiber *from, DdpFiber *to, bool leaves)
{
#ifdef HAVE_ASAN
    __sanitizer_start_switch_fiber(
        leaves ? NULL : &from->sanitizer,
        to->stack_top != NULL ? (char *)to->stack_top - to->stack_bytes : NULL, to->stack_bytes);
#endif
#ifdef HAVE_TSAN
    __tsan_switch_to_fiber(to->sanitizer, 0);
#endif
    (void)from;
    (void)to;
    (void)leaves;
}

static void
after_switch(DdpFiber *now)
{
#ifdef HAVE_ASAN
    __sanitizer_finish_switch_fiber(now->sanitizer, NULL, NULL);
#endif
    (void)now;
}

/* ---- switching ---- */

/* The data of a jump is the fiber that goes on; where the other was left is stored before. */
static void
fiber_entry(void *data)
{
    DdpFiber *fiber = data;

    after_switch(fiber);
    fiber->func(fiber->user_data);
    g_assert_not_reached();
}

void
ddp_fiber_init_main(DdpFiber *fiber)
{
    memset(fiber, 0, sizeof *fiber);
#ifdef HAVE_ASAN
    {
        /* ASan must know where the thread's own stack lies to come back to it. */
        pthread_attr_t attributes;
        void *low = NULL;
        size_t bytes = 0;

        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            pthread_attr_getstack(&attributes, &low, &bytes);
            pthread_attr_destroy(&attributes);
        }
        fiber->stack_top = (char *)low + bytes;
        fiber->stack_bytes = bytes;
    }
#endif
#ifdef HAVE_TSAN
    fiber->sanitizer = __tsan_get_current_fiber();
#endif
}

void
ddp_fiber_init(DdpFiber *fiber, DdpStacks *stacks, int index, DdpFiberFunc func, void *user_data)
{
    g_assert(index >= 0 && index < stacks->count);

    fiber->func = func;
    fiber->user_data = user_data;
    fiber->stack_top = stacks->memory + (size_t)(index + 1) * stacks->stride;
    fiber->stack_bytes = stacks->stride - stacks->guard;
    fiber->context = ddp_context_new(fiber->stack_top, fiber->stack_bytes, fiber_entry);
    fiber->sanitizer = NULL;
#ifdef HAVE_TSAN
    fiber->sanitizer = __tsan_create_fiber(0);
#endif
}

void
ddp_fiber_switch(DdpFiber *from, DdpFiber *to)
{
    before_switch(from, to, false);
    ddp_context_jump(&from->context, to->context, to);
    after_switch(from);
}

void
ddp_fiber_leave(DdpFiber *from, DdpFiber *to)
{
    before_switch(from, to, true);
    ddp_context_jump(&from->context, to->context, to);
    g_assert_not_reached();
}

void
ddp_fiber_clear(DdpFiber *fiber)
{
#ifdef HAVE_TSAN
    if (fiber->sanitizer != NULL)
        __tsan_destroy_fiber(fiber->sanitizer);
#endif
    fiber->sanitizer = NULL;
}
