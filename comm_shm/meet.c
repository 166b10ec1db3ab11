/* SPDX-License-Identifier: MIT */
/*
 * The meeting of a group's members in one collective: opened by the first to come, completed and
 * closed by the last.
 *
 * Where ranks run at the same time and there is much to do, the last to come shares the work out:
 * whoever waits awake takes a share at a time, and who does the last one completes the meeting.
 * Each begins with the same piece in every call, and so finds its data in its own cache; then it
 * helps the others.
 */
#include "comm_shm/comm_private.h"

#include <stdalign.h>
#include <string.h>

#define SHARE_FROM_BYTES 32768 /* less than that one rank does sooner alone */
#define SHARE_BYTES 65536      /* of all members' data together; stays in the second-level cache */
#define NOTHING_TO_TAKE (SIZE_MAX / 2)
#define WAKE_FROM_BYTES (1 << 20) /* worth waking those who sleep, for their help */

typedef struct {
    void (*prepare)(DdpGroup *group, DdpMeet *meet); /* (nullable) */
    void (*part)(DdpGroup *group, DdpMeet *meet, size_t first, size_t count);
    void (*complete)(DdpGroup *group, DdpMeet *meet); /* instead of parts */
} Work;

static const Work works[DDP_CALL_KIND_COUNT] = {
    [DDP_CALL_ALL_REDUCE] = {ddp_collect_inputs, ddp_all_reduce_part, NULL},
    [DDP_CALL_ALL_GATHER] = {NULL, ddp_all_gather_part, NULL},
    [DDP_CALL_ALL_GATHER_OBJECT] = {NULL, NULL, ddp_all_gather_object_complete},
    [DDP_CALL_BROADCAST] = {NULL, ddp_broadcast_part, NULL},
    [DDP_CALL_BROADCAST_OBJECT] = {NULL, NULL, ddp_broadcast_object_complete},
    [DDP_CALL_REDUCE] = {ddp_collect_inputs, ddp_reduce_part, NULL},
    [DDP_CALL_GATHER] = {NULL, ddp_gather_part, NULL},
    [DDP_CALL_SCATTER] = {ddp_scatter_prepare, ddp_scatter_part, NULL},
    [DDP_CALL_REDUCE_SCATTER] = {ddp_collect_inputs, ddp_reduce_scatter_part, NULL},
    [DDP_CALL_ALL_TO_ALL] = {NULL, ddp_all_to_all_part, NULL},
    [DDP_CALL_NEW_GROUP] = {NULL, NULL, ddp_new_group_complete},
    /* Of the barriers to have met is all; send and recv do not meet in groups. */
};

static void
offer_nothing(DdpMeet *meet)
{
    for (int member = 0; meet->taken != NULL && member < meet->group->size; member++)
        atomic_store_explicit(&meet->taken[member].count, NOTHING_TO_TAKE, memory_order_relaxed);
}

/* The open meeting number @seq, opened if nobody has come yet. */
static DdpMeet *
meet_at(DdpGroup *group, uint64_t seq)
{
    DdpMeet **link = &group->open;

    while (*link != NULL && (*link)->seq < seq)
        link = &(*link)->next;
    if (*link != NULL && (*link)->seq == seq)
        return *link;

    DdpMeet *meet = group->free_meets;

    if (meet != NULL) {
        group->free_meets = meet->next;
    } else {
        size_t size = (size_t)group->size;
        size_t posts = size * sizeof meet->posts[0], buffers = size * sizeof meet->buffers[0];
        size_t fixed = sizeof *meet + posts + buffers + size * sizeof meet->order[0];
        size_t shared = group->comm->parallel ? size * sizeof meet->taken[0] : 0;

        fixed = (fixed + alignof(DdpTaken) - 1) / alignof(DdpTaken) * alignof(DdpTaken);
        meet = ddp_heap_alloc0(group->comm->heap, fixed + shared);
        meet->group = group;
        meet->buffers = (void **)((char *)meet->posts + posts);
        meet->order = (int *)((char *)meet->buffers + buffers);
        meet->taken = shared > 0 ? (DdpTaken *)((char *)meet + fixed) : NULL;
        offer_nothing(meet);
    }
    meet->seq = seq;
    meet->next = *link;
    *link = meet;
    return meet;
}

void
ddp_meet_close(DdpGroup *group, DdpMeet *meet)
{
    DdpMeet **link = &group->open;

    while (*link != meet)
        link = &(*link)->next;
    *link = meet->next;
    meet->arrived = 0;
    meet->difference = DDP_CALL_SAME;
    meet->late = false;
    meet->like = NULL;
    meet->unlike = false;
    /* Someone who looks late for a share finds none, also of what this place is used for next. */
    offer_nothing(meet);
    memset(meet->posts, 0, (size_t)group->size * sizeof meet->posts[0]);
    meet->next = group->free_meets;
    group->free_meets = meet;
}

/*
 * The gravest difference from member 0's call that any member brought. @mixed: (out): whether they
 * came from different places.
 */
static DdpCallDifference
compare_all(const DdpGroup *group, const DdpMeet *meet, bool *mixed)
{
    const DdpPost *first = meet->posts[0];
    DdpCallDifference gravest = DDP_CALL_SAME;
    uint64_t places = 0;

    for (int member = 1; member < group->size; member++) {
        const DdpPost *post = meet->posts[member];
        DdpCallDifference found = post->fingerprint == first->fingerprint
                                      ? DDP_CALL_SAME
                                      : ddp_call_compare(first->call, post->call);

        places |= post->place ^ first->place;
        if (found != DDP_CALL_SAME && (gravest == DDP_CALL_SAME || found < gravest))
            gravest = found;
    }
    *mixed = places != 0;
    if (gravest == DDP_CALL_SAME && first->call->kind == DDP_CALL_ALL_TO_ALL &&
        !ddp_all_to_all_fits(group, meet))
        gravest = DDP_CALL_DIFFERS_SHAPE;
    return gravest;
}

/* ---- completing ---- */

/* What a rank waited for the last to come. */
static void
note_delay(DdpComm *comm, int rank, int64_t came_ns, int last, int64_t last_ns)
{
    int64_t waited = last_ns - came_ns;

    if (waited == 0)
        return;
    comm->places[rank].delay.waited_ns += waited;
    comm->places[last].delay.cost_ns += waited;
}

void
ddp_post_finish(DdpComm *comm, int rank, DdpPost *post)
{
    bool waits = post->waits; /* once it is done, the post is its rank's again */

    post->meet = NULL;
    atomic_store_explicit(&post->help, NULL, memory_order_relaxed);
    atomic_store_explicit(&post->done, true, memory_order_release);
    if (waits)
        ddp_comm_wake(comm, rank);
}

static size_t
bytes_moved(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);

    if (call->kind == DDP_CALL_SCATTER)
        call = ddp_meet_call(meet, ddp_group_member(group, call->root));
    return ddp_call_in_bytes(group, ddp_rank_of(group, 0), call) * (size_t)group->size;
}

static void
count_call(DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    size_t bytes = 0;

    switch (call->kind) {
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_GATHER:
        bytes = call->count * ddp_dtype_bytes(call->dtype) * (size_t)group->size;
        break;
    case DDP_CALL_BARRIER:
        break;
    default:
        for (int member = 0; member < group->size; member++)
            bytes +=
                ddp_call_in_bytes(group, ddp_rank_of(group, member), ddp_meet_call(meet, member));
    }
    group->call_count[call->kind]++;
    group->call_bytes[call->kind] += bytes;
}

/* Of one member's piece; where pieces differ, of the largest. */
static size_t
piece_bytes(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *first = ddp_meet_call(meet, 0);
    bool is_object =
        first->kind == DDP_CALL_ALL_GATHER_OBJECT || first->kind == DDP_CALL_BROADCAST_OBJECT;
    size_t most = 0;

    if (!is_object && first->kind != DDP_CALL_ALL_TO_ALL)
        return first->count * ddp_dtype_bytes(first->dtype);
    for (int member = 0; member < group->size; member++)
        most = MAX(most, ddp_call_in_bytes(group, ddp_rank_of(group, member),
                                           ddp_meet_call(meet, member)));
    return is_object ? most : most / (size_t)group->size;
}

static void
note_times(DdpGroup *group, DdpMeet *meet)
{
    DdpComm *comm = group->comm;
    const DdpCall *call = ddp_meet_call(meet, 0);
    int last = ddp_rank_of(group, meet->last);
    int64_t over = meet->last_ns;
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);

    if (ops->cost_ns != NULL)
        over += ops->cost_ns(engine, call, piece_bytes(group, meet), group->ranks, group->size);
    for (int member = 0; member < group->size; member++) {
        DdpPost *post = meet->posts[member];

        post->over_ns = over;
        post->last = last;
    }
    if (meet->first_ns == meet->last_ns)
        return;
    comm->places[last].delay.last++;
    for (int member = 0; member < group->size; member++)
        note_delay(comm, ddp_rank_of(group, member), meet->posts[member]->came_ns, last,
                   meet->last_ns);
}

/* The work is done: everybody may go on, in the order in which they came. */
static void
finish(DdpGroup *group, DdpMeet *meet)
{
    count_call(group, meet);
    note_times(group, meet);
    for (int i = 0; i < group->size; i++) {
        int member = meet->order[i];

        ddp_post_finish(group->comm, ddp_rank_of(group, member), meet->posts[member]);
    }
    ddp_meet_close(group, meet);
}

static const Work *
work_of(const DdpMeet *meet)
{
    return &works[ddp_meet_call(meet, 0)->kind];
}

static bool
is_even(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);

        if (call->open || call->in_splits != NULL || call->out_splits != NULL)
            return false;
    }
    return true;
}

/* Rounded up to whole cache lines: no two ranks write to one. */
static size_t
whole_lines(size_t units)
{
    return (units + 63) / 64 * 64;
}

/* The work is offered to all who wait awake. */
static void
share_out(DdpGroup *group, DdpMeet *meet, size_t units, size_t bytes)
{
    size_t size = (size_t)group->size, shares = bytes / size / SHARE_BYTES + 1;

    meet->units = units;
    meet->block = whole_lines((units + size - 1) / size);
    meet->share = whole_lines((meet->block + shares - 1) / shares);
    atomic_store_explicit(&meet->finished, 0, memory_order_relaxed);
    for (int member = 0; member < group->size; member++)
        atomic_store_explicit(&meet->taken[member].count, 0, memory_order_release);
    for (int member = 0; member < group->size; member++)
        atomic_store_explicit(&meet->posts[member]->help, meet, memory_order_release);
    for (int member = 0; member < group->size && bytes >= WAKE_FROM_BYTES; member++) {
        if (meet->posts[member]->waits)
            ddp_comm_wake(group->comm, ddp_rank_of(group, member));
    }
}

/* Takes a share of @member's own work: [@at, @at + @count). */
static bool
take(DdpMeet *meet, int member, size_t *at, size_t *count)
{
    _Atomic size_t *counter = &meet->taken[member].count;
    size_t taken = atomic_load_explicit(counter, memory_order_acquire);
    size_t first = (size_t)member * meet->block, room, shares;

    if (taken >= NOTHING_TO_TAKE || first >= meet->units)
        return false;
    room = MIN(meet->block, meet->units - first);
    shares = (room + meet->share - 1) / meet->share;
    /* To look is cheaper than to take in vain. */
    if (taken >= shares)
        return false;
    taken = atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel);
    if (taken >= shares)
        return false;
    *at = first + taken * meet->share;
    *count = MIN(meet->share, room - taken * meet->share);
    return true;
}

/*
 * Where a rank begins. With a core for each that is its own piece; with fewer, ranks that share a
 * core share the pieces that lie in its cache.
 */
static int
own_piece(const DdpGroup *group, int rank)
{
    const DdpCores *cores = &group->comm->cores;

    if (group->size <= cores->count)
        return ddp_member_of(group, rank);
    return (int)((int64_t)ddp_cores_here(cores) * group->size / cores->count);
}

bool
ddp_meet_help(DdpMeet *meet, int rank)
{
    DdpGroup *group = meet->group;
    int own = own_piece(group, rank);
    size_t at = 0, count = 0;
    bool found = false;

    for (int i = 0; i < group->size && !found; i++)
        found = take(meet, (own + i) % group->size, &at, &count);
    if (!found)
        return false;
    work_of(meet)->part(group, meet, at, count);
    if (atomic_fetch_add_explicit(&meet->finished, count, memory_order_acq_rel) + count ==
            meet->units &&
        ddp_comm_lock(group->comm, rank)) {
        finish(group, meet);
        ddp_comm_unlock(group->comm);
    }
    return true;
}

/* All have come and agree. */
static void
complete(DdpGroup *group, DdpMeet *meet)
{
    const Work *work = work_of(meet);
    size_t units = ddp_meet_call(meet, 0)->count;

    if (meet->is_mixed)
        ddp_pairing_check(group, meet);
    if (ddp_meet_call(meet, 0)->kind == DDP_CALL_ALL_TO_ALL && !is_even(group, meet)) {
        ddp_uneven_all_to_all_complete(group, meet);
    } else if (work->complete != NULL) {
        work->complete(group, meet);
    } else if (work->part != NULL) {
        if (work->prepare != NULL)
            work->prepare(group, meet);
        units = ddp_meet_call(meet, 0)->count;
        if (group->comm->parallel && group->size > 1) {
            size_t bytes = bytes_moved(group, meet);

            if (bytes >= SHARE_FROM_BYTES) {
                share_out(group, meet, units, bytes);
                return;
            }
        }
        if (units > 0)
            work->part(group, meet, 0, units);
    }
    finish(group, meet);
}

bool
ddp_meet_is_missed(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; group->left > 0 && member < group->size; member++) {
        if (meet->posts[member] == NULL && group->comm->places[ddp_rank_of(group, member)].left)
            return true;
    }
    return false;
}

/* What nobody need look at twice: pieces of one size, which the members know. */
static bool
is_plain(const DdpCall *call)
{
    return (works[call->kind].part != NULL || call->kind == DDP_CALL_BARRIER) && !call->open &&
           call->in_splits == NULL && call->out_splits == NULL && call->caller == NULL;
}

/* The members' calls differ: mostly that is the end of it. */
static void
settle(DdpGroup *group, DdpMeet *meet)
{
    DdpSettled settled = ddp_mismatch_settle(group, meet);

    if (settled == DDP_SETTLED_NOT || settled == DDP_SETTLED_FAILED)
        return;
    meet->difference = DDP_CALL_SAME;
    meet->is_mixed = false; /* it has been noted */
    if (settled == DDP_SETTLED_DONE)
        finish(group, meet);
    else
        complete(group, meet);
}

void
ddp_meet_conclude(DdpGroup *group, DdpMeet *meet)
{
    meet->difference = DDP_CALL_SAME;
    meet->is_mixed = false;
    if (meet->like == NULL || meet->unlike)
        meet->difference = compare_all(group, meet, &meet->is_mixed);
    meet->late =
        group->comm->timeout_ns > 0 && meet->last_ns - meet->first_ns > group->comm->timeout_ns;
    if (meet->is_mixed && group->comm->debug == DDP_DEBUG_DETAIL &&
        meet->difference == DDP_CALL_SAME && ddp_pairing_names_differ(group, meet))
        meet->difference = DDP_CALL_DIFFERS_NAME;
    if (meet->difference != DDP_CALL_SAME)
        settle(group, meet);
    else if (!meet->late)
        complete(group, meet);
}

void
ddp_meet_come(DdpGroup *group, int rank, DdpPost *post, uint64_t seq)
{
    int member = ddp_member_of(group, rank);
    DdpMeet *meet = meet_at(group, seq);

    if (group->lanes != NULL)
        ddp_lane_leave(group, member, seq);
    if (meet->arrived > 0)
        meet->unlike = true;
    else
        meet->like = !group->comm->parallel && is_plain(post->call) ? post : NULL;
    if (ddp_meet_arrive(group, meet, member, post))
        ddp_meet_conclude(group, meet);
}
