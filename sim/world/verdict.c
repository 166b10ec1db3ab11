/* SPDX-License-Identifier: MIT */
/* Where each rank stood when nothing could go on, and what that makes of the run. */
#include <string.h>

#include "sim/world/world_private.h"

#define FORESEEN_MAX 16 /* calls of each rank */

const char *
ddp_outcome_name(DdpOutcome outcome)
{
    static const char *const names[] = {"completed", "deadlock", "mismatch", "error", "timeout"};

    return names[outcome];
}

const char *
ddp_rank_state_name(DdpRankState state)
{
    static const char *const names[] = {"running", "blocked", "finished", "failed"};

    return names[state];
}

/* (transfer full): of a new group. */
static void *
copy_ranks(DdpHeap *heap, const DdpCall *call)
{
    size_t bytes = call->count * sizeof(int);

    return memcpy(ddp_heap_alloc(heap, bytes), call->in, bytes);
}

static void
note_wait(DdpRank *rank, const DdpWait *wait)
{
    DdpRankVerdict *verdict = &rank->verdict;
    DdpWorld *world = rank->world;

    verdict->call = *wait->call;
    verdict->call_name = ddp_heap_strdup(world->heap, wait->call->name);
    verdict->call.name = verdict->call_name;
    verdict->call.in = verdict->call.out = NULL;
    if (wait->call->kind == DDP_CALL_NEW_GROUP)
        verdict->call.in = copy_ranks(world->heap, wait->call);
    if (wait->call->caller != NULL) {
        verdict->caller = *wait->call->caller;
        verdict->call.caller = &verdict->caller;
    }
    verdict->group = ddp_group_name(wait->group);
    verdict->in = wait->group;
    verdict->difference = wait->difference;
    verdict->seq = wait->seq;
    verdict->since_ns = wait->since_ns;
    verdict->late = wait->late;
    verdict->last = wait->last;
    if (wait->against != NULL) {
        verdict->has_against = true;
        verdict->against_rank = wait->against_rank;
        verdict->against = *wait->against;
        verdict->against.in = verdict->against.out = NULL;
        verdict->against.name = NULL;
        verdict->against.caller = NULL;
    }
    if (wait->difference != DDP_CALL_SAME &&
        (world->difference == DDP_CALL_SAME || wait->difference < world->difference))
        world->difference = wait->difference;
}

static void
note_rank(DdpRank *rank)
{
    DdpRankVerdict *verdict = &rank->verdict;
    DdpWait wait;

    *verdict = (DdpRankVerdict){.state = DDP_RANK_RUNNING};
    if (rank->cut_short) {
        verdict->error = ddp_heap_strdup(rank->world->heap, rank->failure);
    } else if (rank->life == DDP_LIFE_ENDED) {
        verdict->state = rank->failure != NULL ? DDP_RANK_FAILED : DDP_RANK_FINISHED;
        verdict->error = ddp_heap_strdup(rank->world->heap, rank->failure);
        verdict->endless = rank->endless;
    } else if (ddp_comm_wait_of(rank->world->comm, rank->index, &wait)) {
        verdict->state = DDP_RANK_BLOCKED;
        verdict->waits = true;
        note_wait(rank, &wait);
    }
}

/* Calls that were begun and met different ones: the others' waits do not show them. */
static void
note_begun(DdpRank *rank)
{
    DdpRankVerdict *verdict = &rank->verdict;
    DdpWait wait;

    if (!ddp_comm_met(rank->world->comm, rank->index, &wait) ||
        (verdict->waits && verdict->in == wait.group && verdict->seq == wait.seq))
        return;
    verdict->has_begun = true;
    verdict->begun_in = wait.group;
    verdict->begun_seq = wait.seq;
    verdict->begun = *wait.call;
    verdict->begun.in = verdict->begun.out = NULL;
    verdict->begun.name = NULL;
    verdict->begun.caller = NULL;
}

/* The gravest of what the ranks' verdicts say; DDP_OUTCOME_COMPLETED if they are all well. */
static DdpOutcome
judge_ranks(const DdpWorld *world)
{
    DdpOutcome outcome = DDP_OUTCOME_COMPLETED;

    for (int rank = 0; rank < world->spec.size; rank++) {
        const DdpRankVerdict *verdict = &world->ranks[rank].verdict;

        if (verdict->endless)
            return DDP_OUTCOME_TIMEOUT;
        if (verdict->state == DDP_RANK_FAILED)
            outcome = DDP_OUTCOME_ERROR;
    }
    return outcome;
}

static DdpOutcome
judge(const DdpWorld *world)
{
    DdpOutcome outcome = judge_ranks(world);

    if (outcome != DDP_OUTCOME_COMPLETED)
        return outcome;
    if (world->spec.debug == DDP_DEBUG_OFF && world->difference != DDP_CALL_SAME)
        return DDP_OUTCOME_DEADLOCK;
    /* Two different collectives hang on real hardware; two versions of one are told apart. */
    if (world->difference > DDP_CALL_DIFFERS_KIND)
        return DDP_OUTCOME_MISMATCH;
    for (int rank = 0; rank < world->spec.size; rank++) {
        if (world->ranks[rank].verdict.late)
            return DDP_OUTCOME_TIMEOUT;
    }
    return DDP_OUTCOME_DEADLOCK;
}

/* What those are told who waited for it. */
static char *
ending_text(const DdpWorld *world)
{
    for (int rank = 0; rank < world->spec.size; rank++) {
        const DdpRankVerdict *verdict = &world->ranks[rank].verdict;

        if (verdict->state == DDP_RANK_FAILED)
            return g_strdup_printf("the world was ended: %s: rank %d: %s",
                                   ddp_outcome_name(world->outcome), rank, verdict->error);
    }
    return g_strdup_printf("the world was ended: %s", ddp_outcome_name(world->outcome));
}

/* ---- what would have come next ---- */

/* Ranks stand in different calls: what they stand in does not say why. */
static bool
is_puzzling(const DdpWorld *world)
{
    const DdpRankVerdict *first = NULL;

    if (world->outcome == DDP_OUTCOME_MISMATCH)
        return true;
    if (world->outcome != DDP_OUTCOME_DEADLOCK)
        return false;
    if (world->difference != DDP_CALL_SAME)
        return true;
    for (int rank = 0; rank < world->spec.size; rank++) {
        const DdpRankVerdict *verdict = &world->ranks[rank].verdict;

        if (!verdict->waits)
            continue;
        if (first != NULL && (first->in != verdict->in || first->call.kind != verdict->call.kind))
            return true;
        first = verdict;
    }
    return false;
}

bool
ddp_world_may_foresee(void *engine, int rank)
{
    DdpWorld *world = engine;

    return world->spec.foresee != NULL &&
           world->spec.foresee(&world->ranks[rank], world->user_data);
}

/* ---- the verdict ---- */

/* With debug "detail": the ranks go on with an error each, so it is now that it must be noted. */
void
ddp_world_note_mismatch(void *engine)
{
    DdpWorld *world = engine;

    if (world->has_mismatch || world->has_verdict)
        return;
    for (int rank = 0; rank < world->spec.size; rank++) {
        DdpRankVerdict *verdict = &world->ranks[rank].verdict;
        DdpWait wait;

        /* How those that run, or have ended, are is noted when they all have: they are not ours. */
        *verdict = (DdpRankVerdict){.state = DDP_RANK_RUNNING};
        /* The last to come does not sleep: it finds the mismatch. */
        if (ddp_comm_wait_of(world->comm, rank, &wait) || ddp_comm_met(world->comm, rank, &wait)) {
            verdict->state = DDP_RANK_BLOCKED;
            verdict->waits = true;
            note_wait(&world->ranks[rank], &wait);
        }
        note_begun(&world->ranks[rank]);
    }
    world->outcome = DDP_OUTCOME_MISMATCH;
    world->has_mismatch = true;
}

/* What became of those who were told. */
static void
note_after_mismatch(DdpWorld *world)
{
    for (int i = 0; i < world->spec.size; i++) {
        DdpRank *rank = &world->ranks[i];

        if (rank->life != DDP_LIFE_ENDED || rank->verdict.error != NULL)
            continue;
        rank->verdict.state = rank->failure != NULL ? DDP_RANK_FAILED : DDP_RANK_FINISHED;
        rank->verdict.error = ddp_heap_strdup(world->heap, rank->failure);
    }
}

char *
ddp_world_say_verdict(DdpWorld *world)
{
    if (world->has_mismatch) {
        world->has_verdict = true;
        return ending_text(world);
    }
    world->difference = DDP_CALL_SAME;
    for (int rank = 0; rank < world->spec.size; rank++)
        note_rank(&world->ranks[rank]);
    for (int rank = 0; rank < world->spec.size && world->difference != DDP_CALL_SAME; rank++)
        note_begun(&world->ranks[rank]);
    world->outcome = judge(world);
    if (world->spec.foresee != NULL && is_puzzling(world))
        ddp_comm_foresee(world->comm, FORESEEN_MAX);
    /* Last: a process may be killed in the middle of this, and then another says it anew. */
    world->has_verdict = true;
    if (world->trace != NULL)
        ddp_trace_event(world->trace, ddp_world_now_ns(world), -1, "verdict",
                        ddp_outcome_name(world->outcome));
    return ending_text(world);
}

void
ddp_world_close(DdpWorld *world)
{
    if (world->has_mismatch)
        note_after_mismatch(world);
    if (world->has_mismatch || world->has_verdict)
        return;
    for (int rank = 0; rank < world->spec.size; rank++)
        note_rank(&world->ranks[rank]);
    world->outcome = judge_ranks(world);
}
