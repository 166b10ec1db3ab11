/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"

G_BEGIN_DECLS

/*
 * The arithmetic of reductions: element i of the result is
 *
 *     (((x0[i] op x1[i]) op x2[i]) op ...)      in rank order, rank 0 first,
 *
 * because float addition does not associate and the result must not depend on who came first.
 * Integers wrap as in two's complement. f16 and bf16 are rounded after each step, as the
 * hardware that adds them does. avg divides the sum once at the end (integers truncate). On bool,
 * sum and max are "or", product and min are "and". A NaN on any rank makes min and max NaN.
 */

/**
 * ddp_reduce_in_place:
 * @buffers: @size pointers, one per rank in rank order; all get the result
 * @first: the first element to reduce
 * @count: how many from there
 *
 * Segments of one buffer may be reduced by different threads at the same time.
 */
void ddp_reduce_in_place(DdpReduceOp op, DdpDtype dtype, void *const *buffers, int size,
                         size_t first, size_t count);

/* The same, but the result goes to @out[0 .. @count) alone; @out may be @buffers[i] + @first. */
void ddp_reduce_to(DdpReduceOp op, DdpDtype dtype, void *const *buffers, int size, size_t first,
                   size_t count, void *out);

G_END_DECLS
