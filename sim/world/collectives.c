/* SPDX-License-Identifier: MIT */
/* The collectives of a rank: each call is noted, traced and handed to comm_shm. */
#include "sim/world/world_private.h"

/* Names of files as all ranks can reach them; what lies in @caller replaces the call's own. */
static void
share_words(DdpRank *rank, DdpCall *call, DdpCaller *caller)
{
    DdpComm *comm = rank->world->comm;

    call->site.file = ddp_comm_text(comm, rank->index, call->site.file);
    if (call->caller == NULL)
        return;
    *caller = *call->caller;
    caller->via.file = ddp_comm_text(comm, rank->index, caller->via.file);
    call->caller = caller;
}

/* What comes after the verdict is not part of the run. */
static inline void
note(DdpRank *rank, const DdpCall *call, const DdpGroup *group)
{
    if (!rank->world->has_verdict)
        ddp_history_note(&rank->history, rank->world->heap, call, group);
}

/* To be asked each time: the verdict may fall while a call waits. */
static DdpTrace *
trace_of(const DdpWorld *world)
{
    return world->has_verdict ? NULL : world->trace;
}

static bool
traced_call(DdpRank *rank, DdpGroup *group, DdpCall *call, GError **error)
{
    DdpWorld *world = rank->world;
    uint64_t seq = ddp_group_next_seq(group, rank->index);

    if (trace_of(world) != NULL)
        ddp_trace_call(world->trace, ddp_rank_now_ns(rank), rank->index, "enter", call,
                       ddp_group_name(group), seq, NULL);

    bool ok = ddp_comm_call(world->comm, rank->index, group, call, error);

    if (ok && trace_of(world) != NULL) {
        DdpTraceWait wait;

        ddp_comm_last_wait(world->comm, rank->index, &wait.since_ns, &wait.last_rank);
        ddp_trace_call(world->trace, ddp_rank_now_ns(rank), rank->index, "leave", call,
                       ddp_group_name(group), seq, &wait);
    }
    return ok;
}

bool
ddp_rank_group_call(DdpRank *rank, DdpGroup *group, DdpCall *call, GError **error)
{
    DdpWorld *world = rank->world;

    if (world->spec.engine == DDP_ENGINE_PROCESSES) {
        const DdpCaller *given = call->caller;
        DdpCaller caller;

        share_words(rank, call, &caller);
        note(rank, call, group);

        bool ok = traced_call(rank, group, call, error);

        call->caller = given;
        return ok;
    }
    note(rank, call, group);
    return world->trace == NULL ? ddp_comm_call(world->comm, rank->index, group, call, error)
                                : traced_call(rank, group, call, error);
}

DdpWork *
ddp_rank_begin(DdpRank *rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    DdpWorld *world = rank->world;
    DdpCall reachable = *call;
    DdpCaller caller;

    if (world->spec.engine == DDP_ENGINE_PROCESSES)
        share_words(rank, &reachable, &caller);
    note(rank, &reachable, group);
    if (trace_of(world) != NULL)
        ddp_trace_call(world->trace, ddp_rank_now_ns(rank), rank->index, "begin", &reachable,
                       ddp_group_name(group), ddp_group_next_seq(group, rank->index), NULL);
    return ddp_comm_begin(world->comm, rank->index, group, &reachable, error);
}

static void
trace_work(DdpRank *rank, const DdpWork *work, const char *event, const DdpTraceWait *wait)
{
    if (trace_of(rank->world) != NULL)
        ddp_trace_call(rank->world->trace, ddp_rank_now_ns(rank), rank->index, event,
                       ddp_work_call(work), ddp_group_name(ddp_work_group(work)),
                       ddp_work_seq(work), wait);
}

bool
ddp_rank_wait(DdpRank *rank, DdpWork *work, bool *touched, GError **error)
{
    DdpTraceWait wait = {.since_ns = ddp_rank_now_ns(rank)};

    trace_work(rank, work, "wait", NULL);
    if (!ddp_work_wait(work, touched, error))
        return false;
    wait.last_rank = ddp_work_last(work);
    trace_work(rank, work, "done", &wait);
    return true;
}

bool
ddp_rank_call(DdpRank *rank, DdpCall *call, GError **error)
{
    return ddp_rank_group_call(rank, rank->world->all, call, error);
}
