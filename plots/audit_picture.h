/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * "Logged against true": a panel per key, in it a curve per variant and the truth as a line.
 *
 * A variant in which several ranks log has a thin curve per rank, and from nine ranks on a band
 * from the least to the greatest value. Colours are told apart by colour-blind readers too, and
 * each variant has a mark of its own shape and size, so that equal values stay visible.
 */

/**
 * ddp_audit_picture:
 * @reports: (element-type DdpPlotReport)
 * @script: what gnuplot is to do; it draws audit.svg and audit.png from audit.dat, all in its
 *   working folder
 * @data: the numbers, and in comments what they are
 *
 * Appends to both.
 *
 * Returns: false if no report has a row of an audit
 */
bool ddp_audit_picture(const GPtrArray *reports, GString *script, GString *data);

G_END_DECLS
