/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"
#include "sim/cli/terminal.h"

G_BEGIN_DECLS

/*
 * The rank that the others waited for, and what that cost. It is no finding: a slow rank is no
 * mistake of the program.
 */

/* (transfer none) (nullable): NULL unless the others lost a fifth of the run and a millisecond. */
const DdpRankRecord *ddp_cli_straggler(const DdpRunRecord *record);

void ddp_cli_append_straggler(const DdpRunRecord *record, const DdpRankRecord *straggler,
                              const DdpTerminal *terminal, GString *out);

G_END_DECLS
