/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm.h"

G_BEGIN_DECLS

/*
 * What a rank has called so far: from which places and how often, and its last calls in order.
 *
 * A place is a line and the line that called the function it stands in, so that a helper called
 * from two lines counts as two places. Noting a call costs a few nanoseconds, for it is done at
 * each; a rank that goes through the same few places again and again finds each of them at once.
 * Belongs to one rank, and lies in the heap that all ranks share.
 */

#define DDP_HISTORY_CALLS 32 /* of the last ones are known */

typedef struct {
    DdpSite site;
    DdpSite via; /* line 0: nowhere, or not known */
    DdpCallKind kind;
    uint64_t calls;
} DdpPlaceCount;

typedef struct {
    uint16_t place; /* index; DDP_PLACE_MANY for those beyond */
    uint8_t kind;
    const DdpGroup *group;
} DdpPastCall;

#define DDP_PLACE_MANY UINT16_MAX

typedef struct {
    DdpPlaceCount *places; /* in order of the first call */
    guint place_count;
    guint last; /* the one it called from last */
    uint64_t call_count;
    DdpPastCall *calls; /* a ring; NULL before the first */
} DdpHistory;

/* The general way of ddp_history_note(). */
void ddp_history_note_any(DdpHistory *history, DdpHeap *heap, const DdpCall *call,
                          const DdpGroup *group);

/* @call is about to be made: its strings must live as long as @heap. */
static inline void
ddp_history_note(DdpHistory *history, DdpHeap *heap, const DdpCall *call, const DdpGroup *group)
{
#ifdef DDP_UNCHECKED
    return;
#endif
    DdpPlaceCount *last = history->place_count > 0 ? &history->places[history->last] : NULL;

    /* From the same line as last time, and not for the first time. */
    if (last == NULL || last->site.line != call->site.line || last->site.file != call->site.file ||
        call->caller != NULL || last->via.line != 0 || history->last >= DDP_PLACE_MANY) {
        ddp_history_note_any(history, heap, call, group);
        return;
    }
    DdpPastCall *past = &history->calls[history->call_count++ % DDP_HISTORY_CALLS];

    last->calls++;
    past->place = (uint16_t)history->last;
    past->kind = (uint8_t)call->kind;
    past->group = group;
}

void ddp_history_clear(DdpHistory *history, DdpHeap *heap);

/* The place that @call was made from, or NULL if it was never called from. */
const DdpPlaceCount *ddp_history_find(const DdpHistory *history, const DdpSite *site,
                                      const DdpSite *via);
/* Of the place called from last; NULL before the first call. */
const DdpPlaceCount *ddp_history_last(const DdpHistory *history);

/* The call made @back calls before the last one, 0 for that itself; false if it is not known. */
bool ddp_history_past(const DdpHistory *history, uint64_t back, DdpPastCall *call);

G_END_DECLS
