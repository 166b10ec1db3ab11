/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"
#include "sim/cli/terminal.h"

G_BEGIN_DECLS

/*
 * The verdict for people, at most a screen: what happened and where; a line per group of ranks
 * that did the same; why; what the real job would have done and what it would have cost; the fix.
 */

/* Appends nothing for a run that completed. */
void ddp_verdict_append(const DdpRunRecord *record, const DdpTerminal *terminal, GString *out);

G_END_DECLS
