/* SPDX-License-Identifier: MIT */
/*
 * The fast lane: small collectives of few ranks that run at the same time, in one exchange of cache
 * lines and without a lock.
 *
 *   publish   each member writes signature, clock and data of its n-th call into its own entry
 *   look      it reads the others' entries until all have come
 *   fold      all signatures agree: each computes the result for itself, in rank order
 *
 * A member has two entries, used in turn. It publishes call n + 2 only when call n + 1 is complete;
 * then all have come to n + 1, so nobody reads n any more, and the entry is free.
 *
 * The lane is a shortcut, never a promise. A member whose call does not fit in (a work is pending,
 * the data is long) goes to the meeting (meet.c) and says so, and the others follow it there. So do
 * all when two signatures differ, or the lines or names they were called with: there the
 * differences are judged. Each of them sees the same entries and so decides the same.
 */
#include "comm_shm/comm_private.h"
#include "comm_shm/reduce.h"

#include <string.h>

#define LANE_RANKS_MAX 16
#define LANE_BYTES 224

typedef struct {
    _Alignas(64) _Atomic uint64_t turn; /* number of the call that stands here, plus 1 */
    uint64_t fingerprint;
    uint64_t place; /* ddp_call_place() */
    int64_t clock_ns;
    _Alignas(8) char data[LANE_BYTES];
} Entry;

struct DdpLane {
    Entry entries[2];
    _Alignas(64) _Atomic uint64_t gone_to; /* calls below this number were taken to a meeting */
    _Atomic uint32_t sleepers;             /* of member 0's lane: members that lie down in it */
    _Alignas(64) uint64_t clear;           /* all have come to every call below this number */
    uint64_t count[DDP_CALL_KIND_COUNT];
    uint64_t bytes[DDP_CALL_KIND_COUNT];
};

DdpLane *
ddp_lanes_new(DdpHeap *heap, int size)
{
    if (size < 2 || size > LANE_RANKS_MAX)
        return NULL;

    return ddp_heap_alloc_lines(heap, (size_t)size * sizeof(DdpLane));
}

uint64_t
ddp_lane_count(const DdpGroup *group, DdpCallKind kind)
{
    return group->lanes[0].count[kind];
}

uint64_t
ddp_lane_bytes(const DdpGroup *group, DdpCallKind kind)
{
    return group->lanes[0].bytes[kind];
}

/* Bytes that a member publishes. */
static size_t
data_bytes(const DdpCall *call)
{
    return call->kind == DDP_CALL_BARRIER ? 0 : call->count * ddp_dtype_bytes(call->dtype);
}

bool
ddp_lane_is_open(const DdpGroup *group, int member, const DdpCall *call)
{
    if (group->lanes == NULL || group->lanes[member].clear != group->next_seq[member])
        return false;
    switch (call->kind) {
    case DDP_CALL_BARRIER:
        return true;
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_BROADCAST:
        return call->count <= LANE_BYTES && data_bytes(call) <= LANE_BYTES;
    default:
        return false;
    }
}

void
ddp_lane_note_clear(DdpGroup *group, int member, uint64_t seq)
{
    group->lanes[member].clear = MAX(group->lanes[member].clear, seq + 1);
}

/* ---- looking ---- */

typedef enum { LOOK_WAIT, LOOK_ALL, LOOK_OTHER } Look;

/* What the members' entries say of call @seq, which @own has published. */
static Look
look(const DdpGroup *group, uint64_t seq, const Entry *own)
{
    bool all = true;

    for (int member = 0; member < group->size; member++) {
        const DdpLane *lane = &group->lanes[member];
        const Entry *entry = &lane->entries[seq & 1];
        /* In one order with the sleepers' count: whoever lies down sees it, or is seen to lie. */
        bool there = atomic_load(&entry->turn) == seq + 1;

        if (!there && atomic_load(&lane->gone_to) > seq) {
            /* Between the two looks it may have come, seen the call complete, and gone on. */
            there = atomic_load(&entry->turn) == seq + 1;
            if (!there)
                return LOOK_OTHER;
        }
        if (!there)
            all = false;
        else if (entry->fingerprint != own->fingerprint || entry->place != own->place)
            return LOOK_OTHER;
    }
    return all ? LOOK_ALL : LOOK_WAIT;
}

bool
ddp_lane_is_missed(const DdpGroup *group, uint64_t seq)
{
    for (int member = 0; group->left > 0 && member < group->size; member++) {
        const DdpLane *lane = &group->lanes[member];

        if (group->comm->places[ddp_rank_of(group, member)].left &&
            atomic_load(&lane->entries[seq & 1].turn) != seq + 1 &&
            atomic_load(&lane->gone_to) <= seq)
            return true;
    }
    return false;
}

void
ddp_lane_look_again(DdpGroup *group)
{
    DdpComm *comm = group->comm;

    if (atomic_load(&group->lanes[0].sleepers) == 0)
        return;
    for (int member = 0; member < group->size; member++) {
        int rank = ddp_rank_of(group, member);
        const DdpPost *post = comm->places[rank].waits;

        if (post != NULL && post->in_lane && post->group == group)
            ddp_comm_wake(comm, rank);
    }
}

void
ddp_lane_leave(DdpGroup *group, int member, uint64_t seq)
{
    atomic_store(&group->lanes[member].gone_to, seq + 1);
    ddp_lane_look_again(group);
}

/* False if there is nothing to wait for any more. */
static bool
lie_down(DdpGroup *group, int rank, const DdpCall *call, uint64_t seq, const Entry *own)
{
    DdpComm *comm = group->comm;
    DdpPlace *place = &comm->places[rank];
    DdpPost *post = &place->post;

    place->call = *call;
    ddp_stage_words(comm, rank, &place->call, place->name, &place->caller);
    if (!ddp_comm_lock(comm, rank))
        return false;
    place->call.in = place->call.out = NULL;
    *post = (DdpPost){.call = &place->call,
                      .group = group,
                      .seq = seq,
                      .came_ns = place->clock_ns,
                      .since_ns = place->clock_ns,
                      .last = -1,
                      .in_lane = true};
    atomic_fetch_add(&group->lanes[0].sleepers, 1);
    if (look(group, seq, own) != LOOK_WAIT || atomic_load(&comm->is_ended)) {
        atomic_fetch_sub(&group->lanes[0].sleepers, 1);
        ddp_comm_unlock(comm);
        return false;
    }
    ddp_comm_lie_down(comm, rank, post);
    ddp_comm_unlock(comm);
    ddp_comm_sleep(comm, place);
    atomic_fetch_sub(&group->lanes[0].sleepers, 1);
    return true;
}

/* ---- the result ---- */

static void
fold(const DdpGroup *group, uint64_t seq, DdpCall *call)
{
    void *buffers[LANE_RANKS_MAX];
    size_t bytes = data_bytes(call);

    if (bytes == 0)
        return;
    for (int member = 0; member < group->size; member++)
        buffers[member] = group->lanes[member].entries[seq & 1].data;
    switch (call->kind) {
    case DDP_CALL_ALL_REDUCE:
        ddp_reduce_to(call->op, call->dtype, buffers, group->size, 0, call->count, call->in);
        break;
    case DDP_CALL_BROADCAST:
        memcpy(call->in, buffers[ddp_group_member(group, call->root)], bytes);
        break;
    case DDP_CALL_ALL_GATHER:
        for (int member = 0; member < group->size; member++)
            memcpy((char *)call->out + (size_t)member * bytes, buffers[member], bytes);
        break;
    default:
        g_assert_not_reached();
    }
}

typedef struct {
    int64_t first_ns, last_ns;
    int last; /* the member with the latest clock; the lowest of equals */
} Times;

static Times
times_of(const DdpGroup *group, uint64_t seq)
{
    Times times = {INT64_MAX, INT64_MIN, 0};

    for (int member = 0; member < group->size; member++) {
        int64_t clock_ns = group->lanes[member].entries[seq & 1].clock_ns;

        times.first_ns = MIN(times.first_ns, clock_ns);
        if (clock_ns > times.last_ns) {
            times.last_ns = clock_ns;
            times.last = member;
        }
    }
    return times;
}

static void
note_times(DdpGroup *group, int rank, const DdpCall *call, uint64_t seq, const Times *times)
{
    DdpComm *comm = group->comm;
    DdpPlace *place = &comm->places[rank];
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);
    int64_t over = times->last_ns;

    place->post.came_ns = place->clock_ns;
    place->post.last = ddp_rank_of(group, times->last);
    place->lane_delay.waited_ns += times->last_ns - place->clock_ns;
    if (place->post.last == rank && times->first_ns != times->last_ns) {
        place->lane_delay.last++;
        for (int member = 0; member < group->size; member++)
            place->lane_delay.cost_ns +=
                times->last_ns - group->lanes[member].entries[seq & 1].clock_ns;
    }
    if (ops->cost_ns != NULL)
        over += ops->cost_ns(engine, call, data_bytes(call), group->ranks, group->size);
    place->clock_ns = over;
}

static DdpLaneResult
complete(DdpGroup *group, int rank, int member, DdpCall *call, uint64_t seq)
{
    DdpComm *comm = group->comm;
    DdpLane *lane = &group->lanes[member];
    Times times = times_of(group, seq);

    if (comm->timeout_ns > 0 && times.last_ns - times.first_ns > comm->timeout_ns)
        return DDP_LANE_OTHER;
    fold(group, seq, call);
    note_times(group, rank, call, seq, &times);
    lane->clear = seq + 1;
    if (member == 0) {
        lane->count[call->kind]++;
        lane->bytes[call->kind] += data_bytes(call) * (size_t)group->size;
    }
    if (atomic_load(&group->lanes[0].sleepers) > 0 && ddp_comm_lock(comm, rank)) {
        ddp_lane_look_again(group);
        ddp_comm_unlock(comm);
    }
    return DDP_LANE_DONE;
}

DdpLaneResult
ddp_lane_call(DdpGroup *group, int rank, DdpCall *call, uint64_t *seq_out)
{
    DdpComm *comm = group->comm;
    int member = ddp_member_of(group, rank);
    uint64_t seq = group->next_seq[member]++;
    Entry *own = &group->lanes[member].entries[seq & 1];
    size_t bytes = data_bytes(call);

    *seq_out = seq;
    own->fingerprint = ddp_call_fingerprint(call);
    own->place = ddp_call_place(call);
    own->clock_ns = comm->places[rank].clock_ns;
    if (bytes > 0)
        memcpy(own->data, call->in, bytes);
    atomic_store(&own->turn, seq + 1);
    for (uint32_t turn = 0;; turn++) {
        switch (look(group, seq, own)) {
        case LOOK_ALL:
            return complete(group, rank, member, call, seq);
        case LOOK_OTHER:
            return DDP_LANE_OTHER;
        case LOOK_WAIT:
            break;
        }
        if (atomic_load_explicit(&comm->is_ended, memory_order_acquire))
            return DDP_LANE_ENDED;
        if (!ddp_patience_relax(&comm->patience, turn) && lie_down(group, rank, call, seq, own))
            turn = 0;
    }
}
