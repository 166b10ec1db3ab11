/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Who runs next.
 *
 * The ranks that can go on stand in a queue. Round-robin takes the first; the random schedule
 * takes one by a seeded choice. Each choice between more than one rank is recorded, so that a run
 * can be told from another and laid beside it.
 *
 * Written as text: "round_robin"; "random" or "random:SEED"; "order:2,0,1" starts the ranks in
 * that order (those not named follow by number) and goes on round-robin.
 */

typedef enum {
    DDP_SCHEDULE_ROUND_ROBIN,
    DDP_SCHEDULE_RANDOM,
    DDP_SCHEDULE_ORDER,
} DdpScheduleKind;

typedef struct DdpSchedule DdpSchedule;

/**
 * ddp_schedule_new:
 * @text: as above; NULL is "round_robin"
 * @seed: for "random" without one of its own
 * @size: how many ranks
 */
DdpSchedule *ddp_schedule_new(const char *text, uint64_t seed, int size, GError **error);
void ddp_schedule_free(DdpSchedule *schedule);

/* (transfer none): the schedule with its seed: "random:7". */
const char *ddp_schedule_text(const DdpSchedule *schedule);

/* The order in which the ranks are started; @size entries, borrowed. */
const int *ddp_schedule_start_order(const DdpSchedule *schedule);

/* @rank can go on from now. It must not stand in the queue already. */
void ddp_schedule_push(DdpSchedule *schedule, int rank);

/* Takes the next rank out of the queue; -1 if it is empty. */
int ddp_schedule_pop(DdpSchedule *schedule);

/* The choices made so far, one number each (an index into the queue as it stood), borrowed. */
const uint32_t *ddp_schedule_choices(const DdpSchedule *schedule, size_t *count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpSchedule, ddp_schedule_free)

G_END_DECLS
