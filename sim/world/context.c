/* SPDX-License-Identifier: MIT */
#include "sim/world/context.h"

#include <glib.h>
#include <stdint.h>

#if defined(__x86_64__) && !defined(__ILP32__)

/*
 * A sleeping stack, from its pointer up: r15 r14 r13 r12 rbx rbp, then the address to go on at.
 * The jump back is by `ret`. The processor's stack of return addresses knows nothing of our stacks,
 * but ranks sleep in the same place under the same callers: what it guesses for the one is right
 * for the other, all the way up. A jump by register would leave it one entry off, and wrong each
 * time.
 */
__asm__(".text\n"
        ".p2align 4\n"
        ".type ddp_context_jump, @function\n"
        ".globl ddp_context_jump\n"
        "ddp_context_jump:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    movq %rdx, %rax\n"
        "    ret\n"
        ".size ddp_context_jump, . - ddp_context_jump\n"
        /* The first steps on a new stack: rbx holds the function, rax what the jump brought. */
        ".p2align 4\n"
        ".type ddp_context_begin, @function\n"
        "ddp_context_begin:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    movq %rax, %rdi\n"
        "    callq *%rbx\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size ddp_context_begin, . - ddp_context_begin\n");

void ddp_context_begin(void); /* above; never called from C */

void *
ddp_context_new(void *stack_top, size_t bytes, DdpContextFunc func)
{
    uintptr_t *top = (uintptr_t *)((uintptr_t)stack_top & ~(uintptr_t)15);

    (void)bytes;
    /* Above the frame a zero, where a debugger ends its walk. */
    *--top = 0;
    *--top = 0;
    *--top = (uintptr_t)ddp_context_begin;
    *--top = 0;               /* rbp */
    *--top = (uintptr_t)func; /* rbx */
    *--top = 0;               /* r12 */
    *--top = 0;               /* r13 */
    *--top = 0;               /* r14 */
    *--top = 0;               /* r15 */
    return top;
}

#else

/* The C symbols of libboost_context; its header is C++ only. */
typedef struct {
    void *context;
    void *data;
} Transfer;

Transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *stack_top, size_t bytes, void (*entry)(Transfer));

/* What travels with a jump: where the one who left is to be stored, and the caller's data. */
typedef struct {
    void **from;
    void *data;
} Parcel;

static void *
unpack(Transfer transfer)
{
    Parcel parcel = *(Parcel *)transfer.data;

    *parcel.from = transfer.context;
    return parcel.data;
}

static void
begin(Transfer transfer)
{
    /* The first jump brings the function ... */
    DdpContextFunc func = *(DdpContextFunc *)transfer.data;

    /* ... and gets back a context that waits for the second, which is the caller's. */
    transfer = jump_fcontext(transfer.context, NULL);
    func(unpack(transfer));
    g_assert_not_reached();
}

void *
ddp_context_new(void *stack_top, size_t bytes, DdpContextFunc func)
{
    void *context = make_fcontext(stack_top, bytes, begin);

    return jump_fcontext(context, &func).context;
}

void *
ddp_context_jump(void **from, void *to, void *data)
{
    Parcel parcel = {from, data};

    return unpack(jump_fcontext(to, &parcel));
}

#endif
