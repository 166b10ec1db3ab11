/* SPDX-License-Identifier: MIT */
/*
 * What would have come next.
 *
 * When ranks have met in different calls, the calls they stand in do not say why: the same calls in
 * another order, one call too many and a wrong call look alike. So once the verdict is certain,
 * each rank is let go on for a few calls, as if the one it waits in were complete. Its data stays
 * as it is, or is made up of what the rank itself brought. What it calls is noted here and goes no
 * further; nothing that is noted reaches another rank, so it is the same in every run.
 */
#include "comm_shm/comm_private.h"

#include <string.h>

void
ddp_comm_foresee(DdpComm *comm, int calls)
{
    comm->foresees = calls;
}

const DdpForeseen *
ddp_comm_foreseen(const DdpComm *comm, int rank, int *count, bool *to_the_end)
{
    const DdpPlace *place = &comm->places[rank];

    *count = place->foreseen_count;
    *to_the_end = place->foresight == DDP_FORESIGHT_WHOLE;
    return place->foreseen;
}

bool
ddp_comm_is_foreseeing(const DdpComm *comm, int rank)
{
    return comm->places[rank].foresight == DDP_FORESIGHT_OPEN;
}

/* ---- results that mean nothing ---- */

static void
repeat(void *out, const void *in, size_t bytes, size_t times)
{
    for (size_t i = 0; i < times && bytes > 0; i++)
        memcpy((char *)out + i * bytes, in, bytes);
}

/*
 * Memory for what a meeting would have made. A call that was staged is unstaged when it comes back,
 * and what was made for it taken home from the heap; else the caller frees it as it is.
 */
static void *
make_room(DdpComm *comm, const DdpCall *call, size_t bytes)
{
    return ddp_heap_contains(comm->heap, call) ? ddp_heap_alloc0(comm->heap, bytes)
                                               : g_malloc0(bytes);
}

/* What a meeting would have made: the rank's own bytes, as if they came from everyone. */
static void
make_objects(DdpComm *comm, const DdpGroup *group, DdpCall *call)
{
    bool all = call->kind == DDP_CALL_ALL_GATHER_OBJECT;
    size_t pieces = all ? (size_t)group->size : 1;

    call->out = make_room(comm, call, pieces * call->count + 1);
    repeat(call->out, call->in, call->count, pieces);
    call->counts = make_room(comm, call, pieces * sizeof *call->counts);
    for (size_t i = 0; i < pieces; i++)
        call->counts[i] = call->count;
}

static void
make_open_all_to_all(DdpComm *comm, const DdpGroup *group, int rank, DdpCall *call)
{
    size_t bytes = ddp_call_in_bytes(group, rank, call);
    size_t splits = (size_t)group->size * sizeof *call->counts;

    call->out = make_room(comm, call, bytes + 1);
    repeat(call->out, call->in, bytes, 1);
    call->counts = memcpy(make_room(comm, call, splits), call->in_splits, splits);
}

/* Of what a root would have sent nothing is known: a single 0. */
static void
make_number(DdpComm *comm, DdpCall *call)
{
    call->dtype = DDP_DTYPE_F32;
    call->ndim = 0;
    call->count = 1;
    call->out = make_room(comm, call, sizeof(float));
}

/* False where nothing that would do can be made up. */
static bool
make_up(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call)
{
    size_t piece = call->count * ddp_dtype_bytes(call->dtype);

    switch (call->kind) {
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
    case DDP_CALL_SEND:
        return true;
    case DDP_CALL_RECV:
        if (call->root < 0)
            call->root = (rank + 1) % comm->size;
        return true;
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_GATHER:
        if (call->out != NULL)
            repeat(call->out, call->in, piece, (size_t)group->size);
        return true;
    case DDP_CALL_REDUCE_SCATTER:
        repeat(call->out, call->in, piece, 1);
        return true;
    case DDP_CALL_SCATTER:
        if (call->open)
            make_number(comm, call);
        else
            repeat(call->out, call->in, piece, 1);
        return true;
    case DDP_CALL_ALL_TO_ALL:
        if (call->open && call->in_splits != NULL)
            make_open_all_to_all(comm, group, rank, call);
        else if (call->in_splits == NULL && call->out_splits == NULL)
            repeat(call->out, call->in, piece * (size_t)group->size, 1);
        else
            return false;
        return true;
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
        make_objects(comm, group, call);
        return true;
    case DDP_CALL_NEW_GROUP:
        return false;
    }
    g_assert_not_reached();
}

static bool
go_on(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call)
{
    if (make_up(comm, rank, group, call))
        return true;
    comm->places[rank].foresight = DDP_FORESIGHT_CUT;
    return false;
}

/* ---- going on ---- */

bool
ddp_foresee_wait(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call)
{
    DdpPlace *place = &comm->places[rank];
    void *engine;
    const DdpParkOps *ops;

    if (comm->foresees == 0 || atomic_load(&comm->is_ended) == false)
        return false;
    if (place->foresight == DDP_FORESIGHT_NONE) {
        ops = ddp_comm_ops(comm, &engine);
        place->foresight = ops->foresee != NULL && ops->foresee(engine, rank) ? DDP_FORESIGHT_OPEN
                                                                              : DDP_FORESIGHT_CUT;
    }
    return place->foresight == DDP_FORESIGHT_OPEN && go_on(comm, rank, group, call);
}

bool
ddp_foresee_call(DdpComm *comm, int rank, const DdpGroup *group, DdpCall *call)
{
    DdpPlace *place = &comm->places[rank];

    if (place->foresight != DDP_FORESIGHT_OPEN)
        return false;
    if (place->foreseen_count == comm->foresees) {
        place->foresight = DDP_FORESIGHT_CUT;
        return false;
    }
    if (place->foreseen == NULL)
        place->foreseen =
            ddp_heap_alloc0(comm->heap, (size_t)comm->foresees * sizeof *place->foreseen);
    place->foreseen[place->foreseen_count++] = (DdpForeseen){
        .kind = call->kind,
        .signature = ddp_call_signature(call),
        .group = group,
        .site = {ddp_comm_text(comm, rank, call->site.file), call->site.line},
        .via = call->caller != NULL ? (DdpSite){ddp_comm_text(comm, rank, call->caller->via.file),
                                                call->caller->via.line}
                                    : (DdpSite){0},
    };
    return go_on(comm, rank, group, call);
}

void
ddp_comm_foresight_ends(DdpComm *comm, int rank, bool well)
{
    DdpPlace *place = &comm->places[rank];

    if (place->foresight == DDP_FORESIGHT_OPEN)
        place->foresight = well ? DDP_FORESIGHT_WHOLE : DDP_FORESIGHT_CUT;
}
