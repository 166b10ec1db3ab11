/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/call.h"

G_BEGIN_DECLS

/*
 * What collectives must give, worked out one element at a time by nothing that they use: numbers
 * are doubles or 64-bit integers, and are rounded to their dtype by arithmetic after each step.
 */

typedef struct {
    double real;     /* of float dtypes */
    int64_t integer; /* of all others; 0 or 1 of bool */
} DdpBrute;

/* The element @i that @rank brings under @seed; never zero, infinite or not a number. */
DdpBrute ddp_brute_draw(DdpDtype dtype, uint64_t seed, int rank, size_t i);

/* One step of a reduction, rounded as @dtype is stored. */
DdpBrute ddp_brute_fold(DdpReduceOp op, DdpDtype dtype, DdpBrute a, DdpBrute b);
/* The last step: avg divides by @size. */
DdpBrute ddp_brute_finish(DdpReduceOp op, DdpDtype dtype, DdpBrute sum, int size);

/* Writes element @i of @buffer. */
void ddp_brute_store(DdpDtype dtype, void *buffer, size_t i, DdpBrute value);

uint64_t ddp_brute_hash(uint64_t a, uint64_t b, uint64_t c);

G_END_DECLS
