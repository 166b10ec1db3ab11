/* SPDX-License-Identifier: MIT */
#include "sim/world/history.h"

#include <string.h>

static bool
is_place(const DdpPlaceCount *place, const DdpSite *site, const DdpSite *via)
{
    return place->site.line == site->line && place->via.line == via->line &&
           (place->site.file == site->file || strcmp(place->site.file, site->file) == 0) &&
           (place->via.file == via->file || g_strcmp0(place->via.file, via->file) == 0);
}

static void
more_room(DdpHistory *history, DdpHeap *heap)
{
    guint room = MAX(2 * history->place_count, 2);
    DdpPlaceCount *places = ddp_heap_alloc(heap, room * sizeof *places);
    DdpPlaceCount *old = history->places;

    if (history->place_count > 0)
        memcpy(places, old, history->place_count * sizeof *places);
    /* In this order: whoever reads the history of a rank that was killed here finds one of them. */
    history->places = places;
    ddp_heap_release(heap, old);
}

static guint
add_place(DdpHistory *history, DdpHeap *heap, const DdpCall *call, const DdpSite *via)
{
    if ((history->place_count & (history->place_count - 1)) == 0)
        more_room(history, heap);
    history->places[history->place_count] = (DdpPlaceCount){call->site, *via, call->kind, 0};
    return history->place_count++;
}

/* The index of a place; most often it is the last one's, or the one behind it in the loop. */
static guint
index_of(DdpHistory *history, DdpHeap *heap, const DdpCall *call, const DdpSite *via)
{
    guint at = history->last;

    for (guint i = 0; i < history->place_count; i++) {
        if (is_place(&history->places[at], &call->site, via))
            return at;
        if (++at == history->place_count)
            at = 0;
    }
    return add_place(history, heap, call, via);
}

void
ddp_history_note_any(DdpHistory *history, DdpHeap *heap, const DdpCall *call, const DdpGroup *group)
{
    static const DdpSite nowhere;
    const DdpSite *via = call->caller != NULL ? &call->caller->via : &nowhere;
    guint at = index_of(history, heap, call, via);
    DdpPastCall *past;

    history->last = at;
    history->places[at].calls++;
    if (history->calls == NULL)
        history->calls = ddp_heap_alloc(heap, DDP_HISTORY_CALLS * sizeof *history->calls);
    past = &history->calls[history->call_count++ % DDP_HISTORY_CALLS];
    past->place = at < DDP_PLACE_MANY ? (uint16_t)at : DDP_PLACE_MANY;
    past->kind = (uint8_t)call->kind;
    past->group = group;
}

void
ddp_history_clear(DdpHistory *history, DdpHeap *heap)
{
    ddp_heap_release(heap, history->places);
    ddp_heap_release(heap, history->calls);
    *history = (DdpHistory){0};
}

const DdpPlaceCount *
ddp_history_find(const DdpHistory *history, const DdpSite *site, const DdpSite *via)
{
    for (guint i = 0; i < history->place_count; i++) {
        if (is_place(&history->places[i], site, via))
            return &history->places[i];
    }
    return NULL;
}

const DdpPlaceCount *
ddp_history_last(const DdpHistory *history)
{
    return history->place_count > 0 ? &history->places[history->last] : NULL;
}

bool
ddp_history_past(const DdpHistory *history, uint64_t back, DdpPastCall *call)
{
    if (back >= DDP_HISTORY_CALLS || back >= history->call_count)
        return false;
    *call = history->calls[(history->call_count - 1 - back) % DDP_HISTORY_CALLS];
    return true;
}
