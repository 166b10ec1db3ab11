/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/world.h"

G_BEGIN_DECLS

/**
 * ddp_world_verdict_text:
 * @world: one that has run
 *
 * How the run ended, for people, as the command ddpsim prints it: what happened and where; a line
 * for each group of ranks that did the same; why; what the real job would have done; the fix. At
 * most a screen, in lines of 80 columns where words allow it. The data behind it is
 * ddp_diagnosis_new() and ddp_world_rank_verdict().
 *
 * Returns: (transfer full): "" if the world completed
 */
char *ddp_world_verdict_text(const DdpWorld *world);

G_END_DECLS
