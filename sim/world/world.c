/* SPDX-License-Identifier: MIT */
/*
 * The fibers engine and the life of its ranks.
 *
 *   start ──> running ──park──> blocked ──wake──> running ──return──> finished or failed
 *                └─────sleep──> sleeping ──due──> running
 *
 * A rank that parks jumps straight to the next one that can go on; the thread's own stack (the
 * main fiber) takes over only when there is none: it moves the clock to the next sleeper, or says
 * the verdict. Once a collective is known to be hopeless nothing is completed any more: the ranks
 * that still run come to their next collective or their end, so that the verdict can say where
 * each of them is.
 */
#include "sim/world/world.h"

#include <string.h>

#include "sim/world/fiber.h"
#include "sim/world/schedule.h"

#define PID_FIRST 10000
#define NODE_MAX 65536

G_DEFINE_QUARK(ddp_world_error_quark, ddp_world_error)

typedef enum {
    LIFE_READY, /* stands in the schedule's queue, or runs */
    LIFE_PARKED,
    LIFE_SLEEPING,
    LIFE_ENDED,
} Life;

typedef struct {
    const char *file; /* borrowed; equal places have equal texts, mostly one pointer */
    int line;
    uint64_t calls;
} SiteCount;

struct DdpRank {
    DdpFiber fiber;
    DdpWorld *world;
    int index;
    int pid;
    Life life;
    bool started;
    bool wake_pending;
    bool endless;
    bool cut_short;
    int64_t due_ns;     /* while it sleeps */
    uint64_t sleep_seq; /* ties at the same instant wake in the order they went to sleep */
    GError *error;      /* it failed */
    SiteCount *sites;   /* the places it called from, in order of the first call */
    guint site_count;
    guint site_last; /* the one it called from last: loops come back to few places */
    DdpRankVerdict verdict;
};

struct DdpWorld {
    DdpWorldSpec spec;
    DdpSchedule *schedule;
    DdpStacks *stacks;
    DdpComm *comm;
    DdpFiber main;
    DdpTrace *trace; /* (nullable): borrowed */
    DdpRank *ranks;
    GPtrArray *sleepers; /* of DdpRank*, a binary heap, the earliest first */
    uint64_t sleep_seq;
    int64_t now_ns;
    int ended_count;
    bool hopeless;    /* a collective can never complete: the verdict is certain */
    bool has_verdict; /* it has been said, and the ranks are being released */
    bool has_run;
    DdpOutcome outcome;
    DdpCallDifference difference;
    DdpRankFunc func;
    void *user_data;
};

DdpWorldSpec
ddp_world_spec_default(void)
{
    return (DdpWorldSpec){
        .size = 1, .nodes = 1, .backend = DDP_BACKEND_NCCL, .stack_bytes = 64 << 10};
}

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
    rank->life = LIFE_READY;
    ddp_schedule_push(rank->world->schedule, rank->index);
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
    rank->life = LIFE_PARKED;
    yield_to_next(rank);
}

static void
wake(void *engine, int index)
{
    DdpWorld *world = engine;
    DdpRank *rank = &world->ranks[index];

    if (rank->life == LIFE_PARKED)
        make_ready(rank);
    else
        rank->wake_pending = true;
}

static void
hopeless(void *engine, int index)
{
    DdpWorld *world = engine;

    (void)index;
    if (world->hopeless)
        return;
    world->hopeless = true;
    for (int rank = 0; rank < world->spec.size && world->spec.hurry != NULL; rank++) {
        if (world->ranks[rank].life == LIFE_READY || world->ranks[rank].life == LIFE_SLEEPING)
            world->spec.hurry(&world->ranks[rank], world->user_data);
    }
}

static int64_t
now_ns(void *engine)
{
    return ((DdpWorld *)engine)->now_ns;
}

static void
yield(void *engine, int index)
{
    ddp_rank_yield(&((DdpWorld *)engine)->ranks[index]);
}

static const DdpParkOps park_ops = {park, wake, yield, hopeless, now_ns};

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

bool
ddp_rank_sleep_ns(DdpRank *rank, int64_t duration_ns, GError **error)
{
    DdpWorld *world = rank->world;

    g_return_val_if_fail(duration_ns >= 0, false);
    if (world->has_verdict) {
        g_set_error(error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED, "the world was ended");
        return false;
    }
    if (world->trace != NULL)
        ddp_trace_event(world->trace, world->now_ns, rank->index, "sleep", NULL);
    rank->due_ns =
        duration_ns > INT64_MAX - world->now_ns ? INT64_MAX : world->now_ns + duration_ns;
    rank->sleep_seq = world->sleep_seq++;
    rank->life = LIFE_SLEEPING;
    push_sleeper(world->sleepers, rank);
    yield_to_next(rank);
    if (world->trace != NULL)
        ddp_trace_event(world->trace, world->now_ns, rank->index, "wake", NULL);
    return true;
}

void
ddp_rank_yield(DdpRank *rank)
{
    make_ready(rank);
    yield_to_next(rank);
}

/* ---- the life of a rank ---- */

static void
rank_entry(void *user_data)
{
    DdpRank *rank = user_data;
    DdpWorld *world = rank->world;

    rank->started = true;
    if (world->trace != NULL)
        ddp_trace_event(world->trace, world->now_ns, rank->index, "start", NULL);

    bool ok = world->func(rank, world->user_data, &rank->error);

    g_assert(ok == (rank->error == NULL));
    rank->life = LIFE_ENDED;
    world->ended_count++;
    if (world->trace != NULL)
        ddp_trace_event(world->trace, world->now_ns, rank->index, ok ? "finish" : "fail",
                        ok ? NULL : rank->error->message);
    ddp_comm_leave(world->comm, rank->index);
    ddp_fiber_leave(&rank->fiber, next_fiber(world));
}

/* ---- the verdict ---- */

static void
note_rank(DdpRank *rank)
{
    DdpRankVerdict *verdict = &rank->verdict;
    DdpWait wait;

    if (rank->cut_short) {
        verdict->state = DDP_RANK_RUNNING;
        verdict->error = g_strdup(rank->error->message);
        return;
    }
    if (rank->life == LIFE_ENDED) {
        verdict->state = rank->error != NULL ? DDP_RANK_FAILED : DDP_RANK_FINISHED;
        verdict->error = rank->error != NULL ? g_strdup(rank->error->message) : NULL;
        verdict->endless = rank->endless;
        return;
    }
    verdict->state = DDP_RANK_RUNNING;
    if (ddp_comm_wait_of(rank->world->comm, rank->index, &wait)) {
        verdict->state = DDP_RANK_BLOCKED;
        verdict->waits = true;
        verdict->call = *wait.call;
        verdict->call_name = g_strdup(wait.call->name);
        verdict->group = ddp_group_name(wait.group);
        verdict->seq = wait.seq;
        verdict->since_ns = wait.since_ns;
        if (wait.difference != DDP_CALL_SAME &&
            (rank->world->difference == DDP_CALL_SAME || wait.difference < rank->world->difference))
            rank->world->difference = wait.difference;
    }
}

static DdpOutcome
judge(const DdpWorld *world)
{
    bool failed = false;

    for (int rank = 0; rank < world->spec.size; rank++) {
        if (world->ranks[rank].verdict.endless)
            return DDP_OUTCOME_TIMEOUT;
        failed |= world->ranks[rank].verdict.state == DDP_RANK_FAILED;
    }
    if (failed)
        return DDP_OUTCOME_ERROR;
    /* Two different collectives hang on real hardware; two versions of one are told apart. */
    if (world->difference > DDP_CALL_DIFFERS_KIND)
        return DDP_OUTCOME_MISMATCH;
    return DDP_OUTCOME_DEADLOCK;
}

/* No rank can go on: notes where each of them is, and releases those that wait. */
static void
say_verdict(DdpWorld *world)
{
    world->has_verdict = true;
    for (int rank = 0; rank < world->spec.size; rank++)
        note_rank(&world->ranks[rank]);
    world->outcome = judge(world);
    if (world->trace != NULL)
        ddp_trace_event(world->trace, world->now_ns, -1, "verdict",
                        ddp_outcome_name(world->outcome));

    g_autofree char *message =
        g_strdup_printf("the world was ended: %s", ddp_outcome_name(world->outcome));

    ddp_comm_end(world->comm, message);
}

DdpOutcome
ddp_world_run(DdpWorld *world, DdpRankFunc func, void *user_data)
{
    const int *order = ddp_schedule_start_order(world->schedule);

    g_return_val_if_fail(!world->has_run, world->outcome);
    world->has_run = true;
    world->func = func;
    world->user_data = user_data;
    ddp_fiber_init_main(&world->main);
    for (int i = 0; i < world->spec.size; i++)
        ddp_schedule_push(world->schedule, order[i]);

    while (world->ended_count < world->spec.size) {
        int next = ddp_schedule_pop(world->schedule);

        if (next >= 0) {
            ddp_fiber_switch(&world->main, &world->ranks[next].fiber);
        } else if (world->sleepers->len > 0) {
            DdpRank *rank = pop_sleeper(world->sleepers);

            world->now_ns = rank->due_ns;
            make_ready(rank);
        } else {
            g_assert(!world->has_verdict);
            say_verdict(world);
        }
    }
    if (!world->has_verdict) {
        for (int rank = 0; rank < world->spec.size; rank++)
            note_rank(&world->ranks[rank]);
        world->outcome = DDP_OUTCOME_COMPLETED;
        for (int rank = 0; rank < world->spec.size; rank++) {
            if (world->ranks[rank].endless)
                world->outcome = DDP_OUTCOME_TIMEOUT;
            else if (world->ranks[rank].error != NULL && world->outcome == DDP_OUTCOME_COMPLETED)
                world->outcome = DDP_OUTCOME_ERROR;
        }
    }
    return world->outcome;
}

/* ---- making and asking ---- */

static bool
check_spec(const DdpWorldSpec *spec, GError **error)
{
    if (spec->size < 1) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "world size is %d, expected at least 1", spec->size);
        return false;
    }
    if (spec->nodes < 1 || spec->nodes > NODE_MAX) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "nodes is %d, expected 1 to %d", spec->nodes, NODE_MAX);
        return false;
    }
    if (spec->nproc_per_node == 0 && spec->size % spec->nodes != 0) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "a world of %d ranks does not divide over %d nodes; choose a multiple",
                    spec->size, spec->nodes);
        return false;
    }
    if (spec->nproc_per_node != 0 &&
        (int64_t)spec->nproc_per_node * spec->nodes != (int64_t)spec->size) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "%d nodes × %d ranks a node make %" G_GINT64_FORMAT
                    " ranks, but the world size is %d",
                    spec->nodes, spec->nproc_per_node, (int64_t)spec->nproc_per_node * spec->nodes,
                    spec->size);
        return false;
    }
    return true;
}

DdpWorld *
ddp_world_new(const DdpWorldSpec *spec, GError **error)
{
    if (!check_spec(spec, error))
        return NULL;

    g_autoptr(DdpSchedule) schedule =
        ddp_schedule_new(spec->schedule, spec->seed, spec->size, error);

    if (schedule == NULL)
        return NULL;

    g_autoptr(DdpStacks) stacks = ddp_stacks_new(spec->size, spec->stack_bytes, error);

    if (stacks == NULL)
        return NULL;

    DdpWorld *world = g_new0(DdpWorld, 1);
    const int *order = ddp_schedule_start_order(schedule);

    world->spec = *spec;
    world->spec.schedule = NULL; /* borrowed; the schedule keeps its own text */
    if (world->spec.nproc_per_node == 0)
        world->spec.nproc_per_node = spec->size / spec->nodes;
    world->schedule = g_steal_pointer(&schedule);
    world->stacks = g_steal_pointer(&stacks);
    world->comm = ddp_comm_new(spec->size, spec->backend, &park_ops, world);
    world->sleepers = g_ptr_array_new();
    world->ranks = g_new0(DdpRank, spec->size);
    for (int i = 0; i < spec->size; i++) {
        DdpRank *rank = &world->ranks[i];

        rank->world = world;
        rank->index = i;
        world->ranks[order[i]].pid = PID_FIRST + i;
        ddp_fiber_init(&rank->fiber, world->stacks, i, rank_entry, rank);
    }
    return world;
}

void
ddp_world_set_trace(DdpWorld *world, DdpTrace *trace)
{
    world->trace = trace;
}

void
ddp_world_free(DdpWorld *world)
{
    if (world == NULL)
        return;
    for (int i = 0; i < world->spec.size; i++) {
        ddp_fiber_clear(&world->ranks[i].fiber);
        g_clear_error(&world->ranks[i].error);
        g_free(world->ranks[i].sites);
        g_free(world->ranks[i].verdict.error);
        g_free(world->ranks[i].verdict.call_name);
    }
    g_free(world->ranks);
    g_ptr_array_unref(world->sleepers);
    ddp_comm_free(world->comm);
    ddp_schedule_free(world->schedule);
    ddp_stacks_free(world->stacks);
    g_free(world);
}

DdpOutcome
ddp_world_outcome(const DdpWorld *world)
{
    return world->outcome;
}

bool
ddp_world_is_hopeless(const DdpWorld *world)
{
    return world->hopeless;
}

int
ddp_world_size(const DdpWorld *world)
{
    return world->spec.size;
}

int64_t
ddp_world_now_ns(const DdpWorld *world)
{
    return world->now_ns;
}

DdpComm *
ddp_world_comm(DdpWorld *world)
{
    return world->comm;
}

const char *
ddp_world_schedule_text(const DdpWorld *world)
{
    return ddp_schedule_text(world->schedule);
}

const uint32_t *
ddp_world_choices(const DdpWorld *world, size_t *count)
{
    return ddp_schedule_choices(world->schedule, count);
}

const DdpRankVerdict *
ddp_world_rank_verdict(const DdpWorld *world, int rank)
{
    g_return_val_if_fail(rank >= 0 && rank < world->spec.size, NULL);

    return &world->ranks[rank].verdict;
}

DdpCallDifference
ddp_world_difference(const DdpWorld *world)
{
    return world->difference;
}

DdpWorld *
ddp_rank_world(const DdpRank *rank)
{
    return rank->world;
}

int
ddp_rank_index(const DdpRank *rank)
{
    return rank->index;
}

int
ddp_rank_node(const DdpRank *rank)
{
    return rank->index / rank->world->spec.nproc_per_node;
}

int
ddp_rank_local(const DdpRank *rank)
{
    return rank->index % rank->world->spec.nproc_per_node;
}

int64_t
ddp_rank_now_ns(const DdpRank *rank)
{
    return rank->world->now_ns;
}

int
ddp_rank_pid(const DdpRank *rank)
{
    return rank->pid;
}

void
ddp_rank_set_endless(DdpRank *rank)
{
    rank->endless = true;
}

void
ddp_rank_set_cut_short(DdpRank *rank)
{
    rank->cut_short = true;
}

/* ---- collectives ---- */

static bool
is_site(const SiteCount *count, const DdpSite *site)
{
    return count->line == site->line &&
           (count->file == site->file || strcmp(count->file, site->file) == 0);
}

static void
count_site(DdpRank *rank, const DdpSite *site)
{
    guint at = rank->site_last + 1;

    if (rank->site_count > 0 && is_site(&rank->sites[rank->site_last], site)) {
        rank->sites[rank->site_last].calls++;
        return;
    }
    /* Most often the next place of the loop is the next of the list. */
    for (guint i = 0; i < rank->site_count; i++, at++) {
        if (at >= rank->site_count)
            at = 0;
        if (is_site(&rank->sites[at], site)) {
            rank->site_last = at;
            rank->sites[at].calls++;
            return;
        }
    }
    if ((rank->site_count & (rank->site_count - 1)) == 0)
        rank->sites = g_renew(SiteCount, rank->sites, MAX(2 * rank->site_count, 2));
    rank->sites[rank->site_count] = (SiteCount){site->file, site->line, 1};
    rank->site_last = rank->site_count++;
}

uint64_t
ddp_world_calls_from(const DdpWorld *world, int rank, const DdpSite *site)
{
    const DdpRank *asked = &world->ranks[rank];

    for (guint i = 0; i < asked->site_count; i++) {
        if (is_site(&asked->sites[i], site))
            return asked->sites[i].calls;
    }
    return 0;
}

bool
ddp_rank_group_call(DdpRank *rank, DdpGroup *group, DdpCall *call, GError **error)
{
    DdpWorld *world = rank->world;
    DdpTrace *trace = world->trace;

    count_site(rank, &call->site);
    if (trace == NULL)
        return ddp_comm_call(world->comm, rank->index, group, call, error);

    uint64_t seq = ddp_group_next_seq(group, rank->index);

    ddp_trace_call(trace, world->now_ns, rank->index, "enter", call, ddp_group_name(group), seq);

    bool ok = ddp_comm_call(world->comm, rank->index, group, call, error);

    if (ok)
        ddp_trace_call(trace, world->now_ns, rank->index, "leave", call, ddp_group_name(group),
                       seq);
    return ok;
}

DdpWork *
ddp_rank_begin(DdpRank *rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    DdpWorld *world = rank->world;

    count_site(rank, &call->site);
    if (world->trace != NULL)
        ddp_trace_call(world->trace, world->now_ns, rank->index, "begin", call,
                       ddp_group_name(group), ddp_group_next_seq(group, rank->index));
    return ddp_comm_begin(world->comm, rank->index, group, call, error);
}

bool
ddp_rank_call(DdpRank *rank, DdpCall *call, GError **error)
{
    return ddp_rank_group_call(rank, ddp_comm_world_group(rank->world->comm), call, error);
}

bool
ddp_rank_all_reduce(DdpRank *rank, DdpSite site, void *data, size_t count, DdpDtype dtype,
                    DdpReduceOp op, GError **error)
{
    DdpCall call = {.kind = DDP_CALL_ALL_REDUCE,
                    .dtype = dtype,
                    .op = op,
                    .root = -1,
                    .count = count,
                    .ndim = 1,
                    .shape = {(int64_t)count},
                    .in = data,
                    .out = data,
                    .site = site};

    return ddp_rank_call(rank, &call, error);
}

bool
ddp_rank_all_gather(DdpRank *rank, DdpSite site, void *out, const void *in, size_t count,
                    DdpDtype dtype, GError **error)
{
    DdpCall call = {.kind = DDP_CALL_ALL_GATHER,
                    .dtype = dtype,
                    .root = -1,
                    .count = count,
                    .ndim = 1,
                    .shape = {(int64_t)count},
                    .in = (void *)in, /* only read */
                    .out = out,
                    .site = site};

    return ddp_rank_call(rank, &call, error);
}

bool
ddp_rank_broadcast(DdpRank *rank, DdpSite site, void *data, size_t count, DdpDtype dtype, int root,
                   GError **error)
{
    DdpCall call = {.kind = DDP_CALL_BROADCAST,
                    .dtype = dtype,
                    .root = root,
                    .count = count,
                    .ndim = 1,
                    .shape = {(int64_t)count},
                    .in = data,
                    .out = data,
                    .site = site};

    return ddp_rank_call(rank, &call, error);
}

bool
ddp_rank_barrier(DdpRank *rank, DdpSite site, GError **error)
{
    DdpCall call = {.kind = DDP_CALL_BARRIER, .root = -1, .site = site};

    return ddp_rank_call(rank, &call, error);
}
