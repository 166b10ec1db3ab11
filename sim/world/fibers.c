/* SPDX-License-Identifier: MIT */
/*
 * The fibers engine.
 *
 * A rank that parks jumps straight to the next one that can go on; the thread's own stack (the
 * main fiber) takes over only when there is none: it wakes the next sleeper, or says the verdict.
 * Once a collective is known to be hopeless the ranks that still run come to their next collective
 * or their end, so that the verdict can say where each of them is.
 */
#include "sim/world/world_private.h"

/* ---- switching ---- */

static DdpFiber *
next_fiber(DdpWorld *world)
{
    int next = ddp_schedule_pop(world->schedule);

    return next >= 0 ? &world->ranks[next].fiber : &world->main;
}

static void
yield_to_next(DdpRank *rank)
{
    DdpFiber *next = next_fiber(rank->world);

    if (next != &rank->fiber)
        ddp_fiber_switch(&rank->fiber, next);
}

static void
make_ready(DdpRank *rank)
{
    rank->life = DDP_LIFE_READY;
    ddp_schedule_push(rank->world->schedule, rank->index);
}

void
ddp_fibers_yield(DdpRank *rank)
{
    make_ready(rank);
    yield_to_next(rank);
}

static void
park(void *engine, int index)
{
    DdpWorld *world = engine;
    DdpRank *rank = &world->ranks[index];

    if (rank->wake_pending) {
        rank->wake_pending = false;
        return;
    }
    rank->life = DDP_LIFE_PARKED;
    yield_to_next(rank);
}

static void
wake(void *engine, int index)
{
    DdpWorld *world = engine;
    DdpRank *rank = &world->ranks[index];

    if (rank->life == DDP_LIFE_PARKED)
        make_ready(rank);
    else
        rank->wake_pending = true;
}

static void
yield(void *engine, int index)
{
    ddp_fibers_yield(&((DdpWorld *)engine)->ranks[index]);
}

static void
hopeless(void *engine, int index)
{
    (void)index;
    ((DdpWorld *)engine)->hopeless = true;
}

const DdpParkOps ddp_fibers_ops = {.park = park,
                                   .wake = wake,
                                   .yield = yield,
                                   .hopeless = hopeless,
                                   .mismatched = ddp_world_note_mismatch,
                                   .foresee = ddp_world_may_foresee,
                                   .cost_ns = ddp_world_cost_ns};

/* ---- sleeping ---- */

static bool
wakes_before(const DdpRank *a, const DdpRank *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sleep_seq < b->sleep_seq;
}

static void
swap_sleepers(GPtrArray *heap, guint a, guint b)
{
    gpointer held = heap->pdata[a];

    heap->pdata[a] = heap->pdata[b];
    heap->pdata[b] = held;
}

static void
push_sleeper(GPtrArray *heap, DdpRank *rank)
{
    g_ptr_array_add(heap, rank);
    for (guint at = heap->len - 1; at > 0;) {
        guint parent = (at - 1) / 2;

        if (!wakes_before(heap->pdata[at], heap->pdata[parent]))
            break;
        swap_sleepers(heap, at, parent);
        at = parent;
    }
}

static DdpRank *
pop_sleeper(GPtrArray *heap)
{
    DdpRank *first = heap->pdata[0];

    heap->pdata[0] = heap->pdata[heap->len - 1];
    g_ptr_array_set_size(heap, (gint)heap->len - 1);
    for (guint at = 0;;) {
        guint least = at;

        for (guint child = 2 * at + 1; child <= 2 * at + 2 && child < heap->len; child++) {
            if (wakes_before(heap->pdata[child], heap->pdata[least]))
                least = child;
        }
        if (least == at)
            return first;
        swap_sleepers(heap, at, least);
        at = least;
    }
}

void
ddp_fibers_sleep(DdpRank *rank)
{
    DdpWorld *world = rank->world;

    rank->due_ns = ddp_rank_now_ns(rank);
    rank->sleep_seq = world->sleep_seq++;
    rank->life = DDP_LIFE_SLEEPING;
    push_sleeper(world->sleepers, rank);
    yield_to_next(rank);
}

/* ---- the life of a world ---- */

static void
rank_entry(void *user_data)
{
    DdpRank *rank = user_data;

    ddp_rank_live(rank);
    rank->world->ended_count++;
    ddp_fiber_leave(&rank->fiber, next_fiber(rank->world));
}

bool
ddp_fibers_prepare(DdpWorld *world, GError **error)
{
    world->stacks = ddp_stacks_new(world->spec.size, world->spec.stack_bytes, error);
    if (world->stacks == NULL)
        return false;
    world->sleepers = g_ptr_array_new();
    for (int rank = 0; rank < world->spec.size; rank++)
        ddp_fiber_init(&world->ranks[rank].fiber, world->stacks, rank, rank_entry,
                       &world->ranks[rank]);
    return true;
}

void
ddp_fibers_run(DdpWorld *world)
{
    const int *order = ddp_schedule_start_order(world->schedule);

    ddp_fiber_init_main(&world->main);
    for (int i = 0; i < world->spec.size; i++)
        ddp_schedule_push(world->schedule, order[i]);
    while (world->ended_count < world->spec.size) {
        int next = ddp_schedule_pop(world->schedule);

        if (next >= 0) {
            ddp_fiber_switch(&world->main, &world->ranks[next].fiber);
        } else if (world->sleepers->len > 0) {
            make_ready(pop_sleeper(world->sleepers));
        } else if (!ddp_comm_relieve(world->comm)) {
            g_assert(!world->has_verdict);

            g_autofree char *message = ddp_world_say_verdict(world);

            ddp_comm_end(world->comm, message);
        }
    }
}

void
ddp_fibers_clear(DdpWorld *world)
{
    for (int rank = 0; world->stacks != NULL && rank < world->spec.size; rank++)
        ddp_fiber_clear(&world->ranks[rank].fiber);
    g_clear_pointer(&world->sleepers, g_ptr_array_unref);
    g_clear_pointer(&world->stacks, ddp_stacks_free);
}
