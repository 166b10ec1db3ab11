/* SPDX-License-Identifier: MIT */
/*
 * Calls of ranks in address spaces of their own: what others must read or write is brought to where
 * they can. Data that lies in the heap already stays where it is.
 */
#include "comm_shm/comm_private.h"

#include <string.h>

struct DdpText {
    struct DdpText *next;
    char text[];
};

static const char *
find_or_add_text(DdpComm *comm, const char *text)
{
    size_t bytes = strlen(text) + 1;
    struct DdpText *entry = comm->texts;

    while (entry != NULL && strcmp(entry->text, text) != 0)
        entry = entry->next;
    if (entry == NULL) {
        entry = ddp_heap_alloc(comm->heap, sizeof *entry + bytes);
        memcpy(entry->text, text, bytes);
        entry->next = comm->texts;
        comm->texts = entry;
    }
    return entry->text;
}

const char *
ddp_comm_text(DdpComm *comm, int rank, const char *text)
{
    DdpPlace *place = &comm->places[rank];
    const char *found;

    if (text == NULL || ddp_heap_contains(comm->heap, text))
        return text;
    for (size_t i = 0; i < G_N_ELEMENTS(place->text_keys); i++) {
        if (place->text_keys[i] == text)
            return place->text_values[i];
    }
    if (!ddp_comm_lock(comm, rank))
        return ddp_heap_strdup(comm->heap, text); /* the world is over: it goes with the heap */
    found = find_or_add_text(comm, text);
    ddp_comm_unlock(comm);
    place->text_keys[place->text_next] = text;
    place->text_values[place->text_next] = found;
    place->text_next = (place->text_next + 1) % (int)G_N_ELEMENTS(place->text_keys);
    return found;
}

void
ddp_texts_free(DdpComm *comm)
{
    while (comm->texts != NULL) {
        struct DdpText *next = comm->texts->next;

        ddp_heap_release(comm->heap, comm->texts);
        comm->texts = next;
    }
}

static size_t
aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* What `in` holds, also where ddp_call_in_bytes() does not count it as payload. */
static size_t
bytes_brought(const DdpGroup *group, int rank, const DdpCall *call)
{
    if (call->kind == DDP_CALL_NEW_GROUP)
        return call->count * sizeof(int);
    if (call->open && call->kind == DDP_CALL_SCATTER)
        return 0;
    return ddp_call_in_bytes(group, rank, call);
}

static char *
make_room(DdpComm *comm, DdpPlace *place, size_t bytes)
{
    if (bytes > place->staged_bytes) {
        void *old = place->staged;

        /* In an order in which a kill leaves nothing that would be released twice. */
        place->staged_bytes = 0;
        place->staged = NULL;
        atomic_signal_fence(memory_order_release);
        ddp_heap_release(comm->heap, old);
        place->staged = ddp_heap_alloc(comm->heap, bytes);
        place->staged_bytes = bytes;
    }
    return place->staged;
}

void
ddp_stage_words(DdpComm *comm, int rank, DdpCall *call, char *name, DdpCaller *caller)
{
    call->site.file = ddp_comm_text(comm, rank, call->site.file);
    if (call->name != NULL) {
        g_strlcpy(name, call->name, DDP_CALL_NAME_MAX);
        call->name = name;
    }
    if (call->caller != NULL) {
        *caller = *call->caller;
        caller->via.file = ddp_comm_text(comm, rank, caller->via.file);
        call->caller = caller;
    }
}

DdpCall *
ddp_stage_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call)
{
    DdpPlace *place = &comm->places[rank];
    DdpCall *staged = &place->call;
    size_t in = 0, out = 0, splits = 0;
    char *room;

    if (!ddp_heap_is_shared(comm->heap))
        return call;
    *staged = *call;
    ddp_stage_words(comm, rank, staged, place->name, &place->caller);
    if (!ddp_heap_contains(comm->heap, call->in))
        in = bytes_brought(group, rank, call);
    if (!ddp_call_is_in_place(call->kind) && !call->open &&
        !ddp_heap_contains(comm->heap, call->out))
        out = ddp_call_out_bytes(group, rank, call);
    if (call->in_splits != NULL || call->out_splits != NULL)
        splits = (size_t)group->size * sizeof(size_t);
    if (in + out + splits == 0)
        return staged;
    room = make_room(comm, place, aligned(in) + aligned(out) + 2 * aligned(splits));
    if (in > 0)
        staged->in = memcpy(room, call->in, in);
    if (out > 0)
        staged->out = room + aligned(in);
    room += aligned(in) + aligned(out);
    if (call->in_splits != NULL)
        staged->in_splits = memcpy(room, call->in_splits, splits);
    if (call->out_splits != NULL)
        staged->out_splits = memcpy(room + aligned(splits), call->out_splits, splits);
    return staged;
}

/* What the meeting made in the heap becomes the caller's, to be freed with g_free(). */
static void *
take_home(DdpComm *comm, void *made, size_t bytes)
{
    void *home = g_malloc(bytes + 1);

    if (bytes > 0)
        memcpy(home, made, bytes);
    ddp_heap_release(comm->heap, made);
    return home;
}

static void
take_made(DdpComm *comm, const DdpGroup *group, const DdpCall *staged, DdpCall *call)
{
    size_t pieces = staged->kind == DDP_CALL_BROADCAST_OBJECT ? 1 : (size_t)group->size;
    size_t element = staged->open ? ddp_dtype_bytes(staged->dtype) : 1;
    size_t all = 0;

    *call = *staged;
    if (staged->counts == NULL) {
        call->out = take_home(comm, staged->out, staged->count * element);
        return;
    }
    for (size_t i = 0; i < pieces; i++)
        all += staged->counts[i];
    call->out = take_home(comm, staged->out, all * element);
    call->counts = take_home(comm, staged->counts, pieces * sizeof *staged->counts);
}

void
ddp_unstage_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *staged, DdpCall *call)
{
    size_t bytes;
    DdpCall given = *call;

    switch (staged->kind) {
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
        take_made(comm, group, staged, call);
        break;
    case DDP_CALL_NEW_GROUP:
        call->out = staged->out;
        return;
    default:
        if (staged->open) {
            take_made(comm, group, staged, call);
        } else if (ddp_call_is_in_place(staged->kind)) {
            bytes = ddp_call_in_bytes(group, rank, call);
            if (staged->in != call->in && bytes > 0)
                memcpy(call->in, staged->in, bytes);
        } else {
            bytes = ddp_call_out_bytes(group, rank, call);
            if (staged->out != call->out && bytes > 0)
                memcpy(call->out, staged->out, bytes);
            call->root = staged->root; /* a receive from anybody knows its sender now */
        }
    }
    call->in = given.in;
    call->in_splits = given.in_splits;
    call->out_splits = given.out_splits;
    call->site = given.site;
    call->name = given.name;
    call->caller = given.caller;
}
