/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * x^n for whole n, and cosines, correctly rounded but for the rarest cases: what Python's own
 * pow() and cos() give too, since their error is a hair above half an ulp. Optimisers need powers
 * one after the other (t = 1, 2, 3, …), so a table makes the next one cost a multiplication.
 *
 * A result depends on x and n alone, never on what was asked before: a run that is resumed finds
 * the same bits.
 */

/* A number as the sum of two doubles that do not overlap. */
typedef struct {
    double high;
    double low;
} DdpTwofold;

#define DDP_POWER_STRIDE 16

/* All zeros is empty. */
typedef struct {
    double x;
    DdpTwofold small[DDP_POWER_STRIDE]; /* x^0 … x^15 */
    DdpTwofold large;                   /* x^(16·large_index) */
    uint64_t large_index;
    bool filled;
} DdpPower;

double ddp_power(DdpPower *power, double x, uint64_t n);

/* The same without a table; a negative @n gives 1 / x^-n. */
double ddp_power_of(double x, int64_t n);

/* Of angles up to 10^6; beyond, the nearest that model/math has. */
double ddp_cosine(double x);

G_END_DECLS
