/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/generator.h"

G_BEGIN_DECLS

/*
 * Draws of categories by weight: torch.multinomial on a CPU for float64 weights, draw by draw,
 * which is what WeightedRandomSampler yields.
 */

/* False, with torch's words, unless @count categories can be drawn from @weights. */
bool ddp_weighted_order_check(const double *weights, size_t weight_count, size_t count,
                              bool replacement, GError **error);

/**
 * ddp_weighted_order_draw:
 * @weights: as ddp_weighted_order_check() let pass
 * @scratch: room for @weight_count numbers
 * @out: room for @count categories
 *
 * With replacement a draw is one uniform number, looked up in the cumulative weights. Without, or
 * for a single one, every category draws an exponential number, and those with the largest
 * weight over it come, in that order.
 */
void ddp_weighted_order_draw(const double *weights, size_t weight_count, size_t count,
                             bool replacement, DdpGenerator *generator, double *scratch,
                             int64_t *out);

G_END_DECLS
