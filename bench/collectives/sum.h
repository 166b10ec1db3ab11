/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * The arithmetic of the floor: element by element the sum of all ranks' tensors in rank order,
 * and nothing that is not that sum.
 */

/* Sums elements @first to @first + @count of every tensor of @in, in rank order, to each of @out.
 * @out may be @in. */
void sum_ranks(float *const *out, int out_count, const float *const *in, int in_count, size_t first,
               size_t count);
