/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * The bare switch between stacks.
 *
 * On x86-64 it is our own: it saves the six registers that a callee must keep and changes the
 * stack pointer, two nanoseconds. The assembly of Boost.Context, which other processors use,
 * also saves and loads the floating point control words, which costs ten to fifty nanoseconds and
 * is of no use here: no rank changes a rounding mode.
 */

/* Called with the data of the jump that first came here; must not return. */
typedef void (*DdpContextFunc)(void *data);

/* A context that begins with @func on the stack that ends at @stack_top. */
void *ddp_context_new(void *stack_top, size_t bytes, DdpContextFunc func);

/**
 * ddp_context_jump:
 * @from: (out): where the caller can be found again, written before @to goes on
 * @to: what an earlier call stored, or ddp_context_new() returned
 *
 * Returns: the @data of the jump that comes back
 */
void *ddp_context_jump(void **from, void *to, void *data);
