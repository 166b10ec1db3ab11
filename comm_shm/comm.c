/* SPDX-License-Identifier: MIT */
#include "comm_shm/comm_private.h"
#include "comm_shm/p2p.h"

#include <sched.h>
#include <string.h>

G_DEFINE_QUARK(ddp_comm_error_quark, ddp_comm_error)

const char *
ddp_backend_name(DdpBackend backend)
{
    return backend == DDP_BACKEND_NCCL ? "nccl" : "gloo";
}

bool
ddp_backend_from_name(const char *name, DdpBackend *backend)
{
    if (strcmp(name, "nccl") == 0)
        *backend = DDP_BACKEND_NCCL;
    else if (strcmp(name, "gloo") == 0)
        *backend = DDP_BACKEND_GLOO;
    else
        return false;
    return true;
}

int64_t
ddp_backend_timeout_ns(DdpBackend backend)
{
    return (backend == DDP_BACKEND_NCCL ? 10 : 30) * 60 * INT64_C(1000000000);
}

static bool
is_p2p(DdpCallKind kind)
{
    return kind == DDP_CALL_SEND || kind == DDP_CALL_RECV;
}

/* ---- the communicator ---- */

DdpComm *
ddp_comm_new(const DdpCommSpec *spec)
{
    g_return_val_if_fail(spec->size > 0, NULL);

    DdpComm *comm = ddp_heap_alloc0(spec->heap, sizeof *comm);

    comm->size = spec->size;
    comm->backend = spec->backend;
    comm->debug = spec->debug;
    comm->parallel = spec->parallel;
    comm->heap = spec->heap;
    comm->timeout_ns = spec->timeout_ns;
    comm->patience = ddp_patience_new(spec->size);
    if (spec->parallel)
        ddp_cores_find(&comm->cores);
    comm->places = ddp_heap_alloc_lines(spec->heap, (size_t)spec->size * sizeof *comm->places);
    comm->boxes = ddp_mailboxes_new(spec->heap, spec->size, spec->backend);
    ddp_comm_adopt(comm, &spec->ops, spec->engine);
    comm->world = ddp_group_new(comm, "world", NULL, spec->size);
    comm->group_room = 4;
    comm->groups = ddp_heap_alloc(spec->heap, (size_t)comm->group_room * sizeof *comm->groups);
    comm->groups[comm->group_count++] = comm->world;
    return comm;
}

void
ddp_comm_free(DdpComm *comm)
{
    DdpHeap *heap;

    if (comm == NULL)
        return;
    heap = comm->heap;
    for (int i = 0; i < comm->group_count; i++)
        ddp_group_free(comm->groups[i]);
    ddp_heap_release(heap, comm->groups);
    ddp_mailboxes_free(comm->boxes);
    ddp_works_free(comm);
    ddp_pairings_free(comm);
    ddp_texts_free(comm);
    for (int rank = 0; rank < comm->size; rank++) {
        ddp_heap_release(heap, comm->places[rank].post.failed);
        ddp_heap_release(heap, comm->places[rank].staged);
        ddp_heap_release(heap, comm->places[rank].foreseen);
    }
    ddp_heap_release(heap, comm->places);
    ddp_heap_release(heap, comm->ended);
    ddp_comm_forget(comm);
    ddp_heap_release(heap, comm);
}

DdpGroup *
ddp_comm_world_group(DdpComm *comm)
{
    return comm->world;
}

int
ddp_comm_group_count(const DdpComm *comm)
{
    return comm->group_count;
}

DdpGroup *
ddp_comm_group(DdpComm *comm, int index)
{
    g_return_val_if_fail(index >= 0 && index < comm->group_count, NULL);

    return comm->groups[index];
}

int64_t
ddp_comm_clock(const DdpComm *comm, int rank)
{
    return comm->places[rank].clock_ns;
}

void
ddp_comm_set_clock(DdpComm *comm, int rank, int64_t now_ns)
{
    comm->places[rank].clock_ns = now_ns;
}

DdpDelay
ddp_comm_delay(const DdpComm *comm, int rank)
{
    const DdpPlace *place = &comm->places[rank];

    return (DdpDelay){place->delay.waited_ns + place->lane_delay.waited_ns,
                      place->delay.cost_ns + place->lane_delay.cost_ns,
                      place->delay.last + place->lane_delay.last};
}

void
ddp_comm_last_wait(const DdpComm *comm, int rank, int64_t *since_ns, int *last)
{
    *since_ns = comm->places[rank].post.came_ns;
    *last = comm->places[rank].post.last;
}

/* ---- taking part ---- */

bool
ddp_comm_ended_error(const DdpComm *comm, GError **error)
{
    g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED,
                        comm->broken[0] != '\0' ? comm->broken : comm->ended);
    return false;
}

static bool
is_ended(const DdpComm *comm)
{
    return atomic_load_explicit(&comm->is_ended, memory_order_acquire);
}

bool
ddp_comm_has_ended(const DdpComm *comm, GError **error)
{
    return is_ended(comm) && !ddp_comm_ended_error(comm, error);
}

/* The lock is broken: the supervisor is about to say why, or has said it. */
bool
ddp_comm_broken_error(DdpComm *comm, GError **error)
{
    while (!is_ended(comm))
        (void)sched_yield();
    return ddp_comm_ended_error(comm, error);
}

void
ddp_comm_tell_hopeless(DdpComm *comm, int rank)
{
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);

    if (comm->hopeless_told)
        return;
    comm->hopeless_told = true;
    if (ops->hopeless != NULL)
        ops->hopeless(engine, rank);
}

void
ddp_comm_wake(DdpComm *comm, int rank)
{
    DdpPlace *place = &comm->places[rank];

    if (!comm->parallel) {
        comm->ops.wake(comm->engine, rank);
        return;
    }
    if (place->waits == NULL)
        return;
    place->waits->waits = false;
    place->waits = NULL;
    comm->asleep--;
    atomic_store_explicit(&place->awake, 1, memory_order_release);
    ddp_futex_wake(&place->awake);
}

/* A send or receive: completes at once, or stands in a mailbox. */
static void
post_message(DdpComm *comm, int rank, DdpPost *post)
{
    DdpGroup *group = comm->world;
    int partner;

    post->group = group;
    if (post->call->kind == DDP_CALL_SEND) {
        group->call_count[DDP_CALL_SEND]++;
        group->call_bytes[DDP_CALL_SEND] += ddp_call_in_bytes(group, rank, post->call);
    }
    switch (ddp_mailboxes_post(comm->boxes, comm, rank, post, &partner)) {
    case DDP_P2P_DONE:
        break;
    case DDP_P2P_MISMATCH:
        post->mismatched = true;
        post->is_pending = true;
        break;
    case DDP_P2P_PENDING:
        post->is_pending = true;
        break;
    }
    if (partner >= 0 && comm->places[partner].waits != NULL &&
        atomic_load_explicit(&comm->places[partner].waits->done, memory_order_relaxed))
        ddp_comm_wake(comm, partner);
}

void
ddp_comm_take_part(DdpComm *comm, int rank, DdpGroup *group, DdpPost *post)
{
    post->came_ns = comm->places[rank].clock_ns;
    if (is_p2p(post->call->kind)) {
        post_message(comm, rank, post);
        return;
    }
    if (post->call->kind == DDP_CALL_MONITORED_BARRIER)
        group = ddp_group_side(group);
    post->fingerprint = ddp_call_fingerprint(post->call);
    post->place = ddp_call_place(post->call);
    ddp_meet_come(group, rank, post, group->next_seq[ddp_member_of(group, rank)]++);
}

/* A partner that can still come: the peer, or anybody where the source is open. */
static bool
has_partner(const DdpComm *comm, int rank, const DdpCall *call)
{
    if (call->root >= 0)
        return !comm->places[call->root].left;
    return comm->left_count + !comm->places[rank].left < comm->size;
}

bool
ddp_post_is_hopeless(const DdpComm *comm, int rank, const DdpPost *post)
{
    if (is_p2p(post->call->kind))
        return post->mismatched || !has_partner(comm, rank, post->call);
    if (post->in_lane)
        return ddp_lane_is_missed(post->group, post->seq);
    if (post->meet == NULL || post->call->kind == DDP_CALL_MONITORED_BARRIER)
        return false;
    return post->meet->difference != DDP_CALL_SAME || post->meet->late ||
           ddp_meet_is_missed(post->group, post->meet);
}

/* A post whose world has ended is taken out, so that nobody looks at it again. */
static void
withdraw(DdpPost *post, int rank)
{
    DdpMeet *meet = post->meet;

    if (post->is_pending) {
        ddp_mailboxes_withdraw(post->group->comm->boxes, rank, post);
        post->is_pending = false;
    }
    if (meet == NULL)
        return;
    meet->posts[ddp_group_member(post->group, rank)] = NULL;
    meet->arrived--;
    post->meet = NULL;
    if (meet->arrived == 0)
        ddp_meet_close(post->group, meet);
}

/* Done, in one way or the other. */
static bool
collect(DdpComm *comm, int rank, DdpPost *post, GError **error)
{
    DdpPlace *place = &comm->places[rank];

    place->clock_ns = MAX(place->clock_ns, post->over_ns);
    if (comm->parallel && post->group->lanes != NULL && !is_p2p(post->call->kind))
        ddp_lane_note_clear(post->group, ddp_group_member(post->group, rank), post->seq);
    if (post->failed == NULL)
        return true;
    g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_FAILED, post->failed);
    ddp_heap_release(comm->heap, post->failed);
    post->failed = NULL;
    return false;
}

bool
ddp_comm_wait_for(DdpComm *comm, int rank, DdpPost *post, GError **error)
{
    if (atomic_load_explicit(&post->done, memory_order_acquire))
        return collect(comm, rank, post, error);
    if (!is_ended(comm)) {
        if (comm->parallel)
            ddp_wait_parallel(comm, rank, post);
        else
            ddp_turn_park(comm, rank, post);
        if (atomic_load_explicit(&post->done, memory_order_acquire))
            return collect(comm, rank, post, error);
    }
    if (ddp_comm_lock(comm, rank)) {
        /* A share of its work may be under way on another rank: then that one has the last word. */
        if (post->meet == NULL || post->meet->arrived < post->group->size ||
            post->meet->difference != DDP_CALL_SAME || post->meet->late)
            withdraw(post, rank);
        ddp_comm_unlock(comm);
    }
    return ddp_foresee_wait(comm, rank, post->group, post->call) ||
           ddp_comm_ended_error(comm, error);
}

/* @counted: (nullable): the number that the call has already. */
static bool
call_in_place(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, const uint64_t *counted,
              GError **error)
{
    DdpPost *post = &comm->places[rank].post;

    ddp_post_init(post, call, comm->places[rank].clock_ns);
    if (!ddp_comm_lock(comm, rank))
        return ddp_comm_broken_error(comm, error);
    if (counted != NULL) {
        post->fingerprint = ddp_call_fingerprint(call);
        post->place = ddp_call_place(call);
        ddp_meet_come(group, rank, post, *counted);
    } else {
        ddp_comm_take_part(comm, rank, group, post);
    }
    ddp_comm_unlock(comm);
    return comm->parallel || is_p2p(call->kind) ? ddp_comm_wait_for(comm, rank, post, error)
                                                : ddp_turn_wait(comm, rank, error);
}

bool
ddp_comm_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, GError **error)
{
    bool ok;

    if (!comm->parallel && ddp_turn_call(comm, rank, group, call, &ok, error))
        return ok;

    g_return_val_if_fail(rank >= 0 && rank < comm->size, false);
    g_return_val_if_fail(!comm->places[rank].left, false);

    if (is_ended(comm))
        return ddp_foresee_call(comm, rank, group, call) || ddp_comm_ended_error(comm, error);
    if (!ddp_comm_check_call(comm, group, rank, call, error))
        return false;
    if (!comm->parallel)
        return call_in_place(comm, rank, group, call, NULL, error);

    uint64_t seq;
    const uint64_t *counted = NULL;

    if (ddp_lane_is_open(group, ddp_member_of(group, rank), call)) {
        switch (ddp_lane_call(group, rank, call, &seq)) {
        case DDP_LANE_DONE:
            return true;
        case DDP_LANE_ENDED:
            return ddp_foresee_wait(comm, rank, group, call) || ddp_comm_ended_error(comm, error);
        case DDP_LANE_OTHER:
            counted = &seq;
            break;
        }
    }

    DdpCall *staged = ddp_stage_call(comm, rank, group, call);

    ok = call_in_place(comm, rank, group, staged, counted, error);

    if (ok && staged != call)
        ddp_unstage_call(comm, rank, group, staged, call);
    return ok;
}

/* ---- leaving and ending ---- */

/* With the lock held. */
static void
leave(DdpComm *comm, int rank)
{
    bool missed = false;

    comm->places[rank].left = true;
    comm->left_count++;
    for (int i = 0; i < comm->group_count; i++) {
        DdpGroup *group = comm->groups[i];
        int member = ddp_group_member(group, rank);

        if (member < 0)
            continue;
        group->left++;
        for (const DdpMeet *meet = group->open; meet != NULL && !missed; meet = meet->next) {
            if (meet->posts[member] != NULL)
                continue;
            for (int other = 0; other < group->size && !missed; other++)
                missed = meet->posts[other] != NULL && meet->posts[other]->waits &&
                         meet->posts[other]->call->kind != DDP_CALL_MONITORED_BARRIER;
        }
    }
    for (int other = 0; other < comm->size && !missed && !comm->hopeless_told; other++) {
        const DdpPost *post = comm->places[other].waits;

        missed = post != NULL && (is_p2p(post->call->kind) || post->in_lane) &&
                 !atomic_load_explicit(&post->done, memory_order_relaxed) &&
                 ddp_post_is_hopeless(comm, other, post);
    }
    if (missed && !is_ended(comm))
        ddp_comm_tell_hopeless(comm, rank);
    if (comm->parallel)
        ddp_comm_look_if_stuck(comm);
}

void
ddp_comm_leave(DdpComm *comm, int rank)
{
    g_return_if_fail(rank >= 0 && rank < comm->size && !comm->places[rank].left);

    if (!ddp_comm_lock(comm, rank))
        return;
    leave(comm, rank);
    ddp_comm_unlock(comm);
}

/* The lock is broken: what it guarded is left as it is. */
static void
break_up(DdpComm *comm, const char *message)
{
    if (!is_ended(comm)) {
        g_strlcpy(comm->broken, message, sizeof comm->broken);
        atomic_store(&comm->is_ended, true);
    }
    for (int rank = 0; rank < comm->size; rank++) {
        atomic_store(&comm->places[rank].awake, 1);
        ddp_futex_wake(&comm->places[rank].awake);
    }
}

bool
ddp_comm_has_left(const DdpComm *comm, int rank)
{
    return comm->places[rank].left && !ddp_lock_is_held_by(&comm->lock, DDP_LOCK_RANK(rank));
}

void
ddp_comm_disarm(DdpComm *comm, int rank)
{
    ddp_heap_holder_died(comm->heap, DDP_LOCK_RANK(rank));
    (void)ddp_lock_break(&comm->lock, DDP_LOCK_RANK(rank)); /* it may have held nothing */
}

bool
ddp_comm_died(DdpComm *comm, int rank)
{
    DdpPlace *place = &comm->places[rank];

    ddp_comm_disarm(comm, rank);
    if (!ddp_lock_take(&comm->lock, DDP_LOCK_SUPERVISOR))
        return false;
    if (place->waits != NULL) {
        place->waits->waits = false;
        place->waits = NULL;
        comm->asleep--;
    }
    /* It may have been the last to come to the lane, and have died before it woke the others. */
    for (int i = 0; i < comm->group_count; i++) {
        if (comm->groups[i]->lanes != NULL && ddp_group_member(comm->groups[i], rank) >= 0)
            ddp_lane_look_again(comm->groups[i]);
    }
    if (!place->left)
        leave(comm, rank);
    ddp_lock_release(&comm->lock);
    return true;
}

void
ddp_comm_end_locked(DdpComm *comm, const char *message)
{
    if (is_ended(comm))
        return;
    comm->ended = ddp_heap_strdup(comm->heap, message);
    atomic_store_explicit(&comm->is_ended, true, memory_order_release);
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->places[rank].waits != NULL)
            ddp_comm_wake(comm, rank);
    }
}

void
ddp_comm_end(DdpComm *comm, const char *message)
{
    if (comm->parallel && !ddp_lock_take(&comm->lock, DDP_LOCK_SUPERVISOR)) {
        break_up(comm, message);
        return;
    }
    ddp_comm_end_locked(comm, message);
    ddp_comm_unlock(comm);
}

void
ddp_comm_abandon(DdpComm *comm, const char *message)
{
    ddp_lock_shatter(&comm->lock);
    break_up(comm, message);
}

/* ---- questions ---- */

static DdpWait
wait_of(const DdpPost *post)
{
    const DdpMeet *meet = post->meet;

    return (DdpWait){
        .call = post->call,
        .group = post->group,
        .seq = post->seq,
        .since_ns = post->since_ns,
        .difference = post->against != NULL
                          ? (post->against->dtype != post->call->dtype ? DDP_CALL_DIFFERS_DTYPE
                                                                       : DDP_CALL_DIFFERS_SHAPE)
                      : meet != NULL ? meet->difference
                                     : DDP_CALL_SAME,
        .late = meet != NULL && meet->late,
        .last = meet != NULL ? ddp_rank_of(post->group, meet->last) : -1,
        .against = post->against,
        .against_rank = post->against_rank,
    };
}

bool
ddp_comm_met(const DdpComm *comm, int rank, DdpWait *wait)
{
    for (int i = 0; i < comm->group_count; i++) {
        const DdpGroup *group = comm->groups[i];
        int member = ddp_group_member(group, rank);

        for (const DdpMeet *meet = group->open; meet != NULL && member >= 0; meet = meet->next) {
            if (meet->difference != DDP_CALL_SAME && meet->arrived == group->size) {
                *wait = wait_of(meet->posts[member]);
                return true;
            }
        }
    }
    return false;
}

bool
ddp_comm_wait_of(const DdpComm *comm, int rank, DdpWait *wait)
{
    const DdpPost *post = comm->places[rank].waits;

    if (post == NULL)
        return false;
    *wait = wait_of(post);
    return true;
}

size_t
ddp_comm_unreceived(const DdpComm *comm)
{
    return ddp_mailboxes_unreceived(comm->boxes);
}

void
ddp_comm_unreceived_at(const DdpComm *comm, size_t index, int *src, int *dst, const DdpCall **call)
{
    ddp_mailboxes_unreceived_at(comm->boxes, index, src, dst, call);
}

/* ---- monitored barriers ---- */

/* What torch's rank 0 says: who did not come, the first one or all. (transfer full) */
static char *
missing_text(const DdpGroup *group, const DdpMeet *meet, bool all, int64_t timeout_ns)
{
    GString *missing = g_string_new(NULL);
    int count = 0;

    for (int member = 1; member < group->size && (all || count == 0); member++) {
        if (meet->posts[member] == NULL)
            g_string_append_printf(missing, "%s%d", count++ > 0 ? ", " : "",
                                   ddp_rank_of(group, member));
    }

    char *text = g_strdup_printf("[Rank %d]: %s %s failed to pass monitoredBarrier in "
                                 "%" G_GINT64_FORMAT " ms",
                                 ddp_rank_of(group, 0), count > 1 ? "Ranks" : "Rank", missing->str,
                                 timeout_ns / 1000000);

    g_string_free(missing, TRUE);
    return text;
}

/* The members who have come to @meet are told who has not. */
static void
fail_barrier(DdpGroup *group, DdpMeet *meet, int64_t over_ns, int64_t timeout_ns)
{
    DdpComm *comm = group->comm;
    int first = ddp_rank_of(group, 0);
    bool first_came = meet->posts[0] != NULL;
    g_autofree char *missing =
        first_came ? missing_text(group, meet, meet->posts[0]->call->wait_all_ranks, timeout_ns)
                   : NULL;

    for (int i = 0, arrived = meet->arrived; i < arrived; i++) {
        int member = meet->order[i], rank = ddp_rank_of(group, member);
        DdpPost *post = meet->posts[member];
        g_autofree char *text =
            member == 0 ? g_strdup(missing)
            : first_came
                ? g_strdup_printf("[Rank %d]: reached monitoredBarrier, but rank %d says that not "
                                  "all did: %s",
                                  rank, first, missing)
                : g_strdup_printf("[Rank %d]: reached monitoredBarrier, but rank %d, which counts, "
                                  "did not within %" G_GINT64_FORMAT " ms",
                                  rank, first, timeout_ns / 1000000);

        post->failed = ddp_heap_strdup(comm->heap, text);
        post->over_ns = over_ns;
        post->last = -1;
        ddp_post_finish(comm, rank, post);
    }
    ddp_meet_close(group, meet);
}

bool
ddp_comm_relieve(DdpComm *comm)
{
    DdpMeet *first = NULL;
    int64_t first_over = INT64_MAX, timeout_ns = 0;

    for (int i = 0; i < comm->group_count; i++) {
        for (DdpMeet *meet = comm->groups[i]->open; meet != NULL; meet = meet->next) {
            const DdpPost *post = meet->posts[meet->order[0]];

            if (meet->arrived == 0 || meet->arrived == meet->group->size ||
                post->call->kind != DDP_CALL_MONITORED_BARRIER)
                continue;

            int64_t over = meet->first_ns > INT64_MAX - post->call->timeout_ns
                               ? INT64_MAX
                               : meet->first_ns + post->call->timeout_ns;

            if (first == NULL || over < first_over) {
                first = meet;
                first_over = over;
                timeout_ns = post->call->timeout_ns;
            }
        }
    }
    if (first == NULL)
        return false;
    fail_barrier(first->group, first, first_over, timeout_ns);
    return true;
}
