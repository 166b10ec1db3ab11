/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/audit/run_record.h"
#include "sim/cli/run_options.h"

G_BEGIN_DECLS

/*
 * How a run is told to be played again: the schedule that a token or a file holds, and the command
 * that plays a run once more.
 */

/**
 * ddp_replay_read:
 * @schedule: "replay:@PATH", or anything else, which is returned as it is
 *
 * Only the command line may name a file, never a scenario: what a file holds is quoted in messages.
 *
 * Returns: (transfer full): the schedule with the token that the file holds, which may stand there
 * with or without "replay:" in front and with white space round it
 */
char *ddp_replay_read(const char *schedule, GError **error);

/**
 * ddp_replay_command:
 * @name: the scenario as the user named it
 * @small: with the scenario's small parameters
 *
 * Returns: (transfer full) (nullable): "ddpsim run FILE --variant V ... --schedule TEXT", for a
 * shell; NULL where no schedule chose
 */
char *ddp_replay_command(const DdpRunRecord *record, const char *name, const DdpRunOptions *options,
                         bool small);

/* True if there is something to look at again: it did not complete or not do as expected. */
bool ddp_replay_is_wanted(const DdpRunRecord *record);

G_END_DECLS
