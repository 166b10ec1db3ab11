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
 * takes one by a seeded choice; a replay takes the place that was written down. Each choice
 * between more than one rank is recorded, so that a run can be told from another, laid beside it
 * and played again. Where only one rank can go on there is nothing to choose, and nothing counts.
 *
 * Written as text: "round_robin"; "random" or "random:SEED"; "order:2,0,1" starts the ranks in
 * that order (those not named follow by number) and goes on round-robin; "replay:TOKEN".
 *
 * A TOKEN is one of the texts above that need nothing besides them ("random:7"), or 'a' and, in
 * base64url without padding, these bytes (numbers are LEB128: seven bits a byte, low bits first):
 *
 *   size of the world
 *   how many ranks of the start order are named, these ranks; the others follow by number
 *   for each choice that is not the head of the queue: place * 4 + min(skip, 3), then skip - 3
 *     if skip is 3 or more; skip is the number of heads taken since the choice before it
 *   four bytes, low first: FNV-1a of all bytes before them
 *
 * So a token holds nothing but what differs from round-robin, and choices that are not written
 * down, at the end too, go on round-robin. A choice that cannot be made (no such place in the
 * queue) or was never come to is a replay of something else: the run goes on round-robin to its
 * end, and ddp_schedule_check_replay() says where and why.
 */

typedef enum {
    DDP_SCHEDULE_ROUND_ROBIN,
    DDP_SCHEDULE_ORDER,
    DDP_SCHEDULE_RANDOM,
    DDP_SCHEDULE_REPLAY,
} DdpScheduleKind;

/* In a recorded choice: the replay asked for a place that was not there; the other bits say how
 * many ranks could go on. */
#define DDP_SCHEDULE_MISFIT (UINT32_C(1) << 31)

typedef struct DdpSchedule DdpSchedule;

/**
 * ddp_schedule_new:
 * @text: as above; NULL is "round_robin"
 * @seed: for "random" without one of its own
 * @size: how many ranks
 */
DdpSchedule *ddp_schedule_new(const char *text, uint64_t seed, int size, GError **error);
void ddp_schedule_free(DdpSchedule *schedule);

/* (transfer none): the schedule with all that it takes to choose the same again: "random:7". */
const char *ddp_schedule_text(const DdpSchedule *schedule);

/* The order in which the ranks are started; @size entries, borrowed. */
const int *ddp_schedule_start_order(const DdpSchedule *schedule);

/* @rank can go on from now. It must not stand in the queue already. */
void ddp_schedule_push(DdpSchedule *schedule, int rank);

/* Takes the next rank out of the queue; -1 if it is empty. */
int ddp_schedule_pop(DdpSchedule *schedule);

/* The choices made so far, one number each (an index into the queue as it stood), borrowed. */
const uint32_t *ddp_schedule_choices(const DdpSchedule *schedule, size_t *count);

/* (transfer full): "replay:TOKEN" with the start order and these choices written out. */
char *ddp_schedule_replay_text(int size, const int *start_order, const uint32_t *choices,
                               size_t count);

/**
 * ddp_schedule_check_replay:
 * @text: (nullable): the schedule of a run that is over
 * @choices: those that it made
 *
 * Returns: false with @error set if @text is a replay that did not fit; it names the choice,
 * counting from 1
 */
bool ddp_schedule_check_replay(const char *text, int size, const uint32_t *choices, size_t count,
                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpSchedule, ddp_schedule_free)

G_END_DECLS
