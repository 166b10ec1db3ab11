/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/**
 * ddp_event_histogram_pack:
 * @bins: so many of one width between the least and the greatest value; 0: TensorFlow's own, whose
 *   limits grow by a tenth from 1e-12 to 1e20, on both sides of 0
 *
 * A histogram as torch's SummaryWriter puts it into an event: the bins from the first to the last
 * that is not empty, with an empty one in front.
 *
 * Returns: (transfer full): the packed message; NULL if there is no value or one is not finite
 */
uint8_t *ddp_event_histogram_pack(const double *values, size_t count, size_t bins, size_t *size,
                                  GError **error);

G_END_DECLS
