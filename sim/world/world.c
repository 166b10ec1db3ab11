/* SPDX-License-Identifier: MIT */
#include "sim/world/world.h"

#include <string.h>

#include "sim/world/world_private.h"

#define PID_FIRST 10000
#define NODE_MAX 65536
#define PROCESSES_MAX 4096

G_DEFINE_QUARK(ddp_world_error_quark, ddp_world_error)

static const char *const engine_names[] = {"fibers", "threads", "processes"};

const char *
ddp_engine_name(DdpEngine engine)
{
    return engine_names[engine];
}

bool
ddp_engine_from_name(const char *name, DdpEngine *engine)
{
    for (size_t i = 0; i < G_N_ELEMENTS(engine_names); i++) {
        if (strcmp(engine_names[i], name) == 0) {
            *engine = (DdpEngine)i;
            return true;
        }
    }
    return false;
}

DdpWorldSpec
ddp_world_spec_default(void)
{
    return (DdpWorldSpec){.size = 1,
                          .nodes = 1,
                          .backend = DDP_BACKEND_NCCL,
                          .stack_bytes = 64 << 10,
                          .watch_fd = -1};
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
    if (spec->engine == DDP_ENGINE_PROCESSES && spec->size > PROCESSES_MAX) {
        g_set_error(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE,
                    "a world of %d processes, expected %d at most; fibers carry more", spec->size,
                    PROCESSES_MAX);
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

static DdpWorld *
alloc_world(DdpHeap *heap)
{
    DdpWorld *world = ddp_heap_alloc_lines(heap, sizeof *world);

    world->heap = heap;
    return world;
}

int64_t
ddp_world_cost_ns(void *world_, const DdpCall *call, size_t bytes, const int *ranks, int members)
{
    const DdpWorld *world = world_;
    const DdpTopology *topology = &world->spec.topology;
    int nproc = world->spec.nproc_per_node;
    int nodes = world->nodes_spanned, per_node = world->members_per_node_max;

    if (call->kind == DDP_CALL_SEND)
        return ddp_topology_p2p_ns(topology, bytes, ranks[0] / nproc == ranks[1] / nproc);
    if (ranks != NULL)
        ddp_topology_spread(ranks, members, nproc, &nodes, &per_node);
    return ddp_topology_cost_ns(topology, call->kind, bytes, members, nodes, per_node);
}

static DdpComm *
make_comm(DdpWorld *world)
{
    DdpCommSpec spec = {.size = world->spec.size,
                        .backend = world->spec.backend,
                        .debug = world->spec.debug,
                        .heap = world->heap,
                        .parallel = world->spec.engine != DDP_ENGINE_FIBERS,
                        .ops = world->spec.engine == DDP_ENGINE_FIBERS ? ddp_fibers_ops
                                                                       : ddp_parallel_ops,
                        .engine = world,
                        .timeout_ns = world->spec.timeout_ns};

    return ddp_comm_new(&spec);
}

DdpWorld *
ddp_world_new(const DdpWorldSpec *spec, GError **error)
{
    DdpHeap *heap;

    if (!check_spec(spec, error))
        return NULL;
    heap =
        spec->engine == DDP_ENGINE_PROCESSES ? ddp_heap_new_shared(false, error) : ddp_heap_new();
    return heap != NULL ? ddp_world_new_in(heap, spec, error) : NULL;
}

DdpWorld *
ddp_world_new_in(DdpHeap *heap_, const DdpWorldSpec *spec, GError **error)
{
    g_autoptr(DdpHeap) heap = heap_;

    if (!check_spec(spec, error))
        return NULL;

    g_autoptr(DdpSchedule) schedule =
        ddp_schedule_new(spec->schedule, spec->seed, spec->size, error);

    if (schedule == NULL)
        return NULL;

    g_autoptr(DdpWorld) world = alloc_world(g_steal_pointer(&heap));
    const int *order = ddp_schedule_start_order(schedule);

    world->spec = *spec;
    world->spec.schedule = NULL; /* borrowed; the schedule keeps its own text */
    if (world->spec.nproc_per_node == 0)
        world->spec.nproc_per_node = spec->size / spec->nodes;
    world->nodes_spanned = spec->nodes;
    world->members_per_node_max = world->spec.nproc_per_node;
    world->schedule = g_steal_pointer(&schedule);
    world->comm = make_comm(world);
    world->all = ddp_comm_world_group(world->comm);
    world->ranks = ddp_heap_alloc_lines(world->heap, (size_t)spec->size * sizeof *world->ranks);
    for (int i = 0; i < spec->size; i++) {
        DdpRank *rank = &world->ranks[i];

        rank->world = world;
        rank->index = i;
        world->ranks[order[i]].pid = PID_FIRST + i;
    }
    if (spec->engine == DDP_ENGINE_FIBERS && !ddp_fibers_prepare(world, error))
        return NULL;
    return g_steal_pointer(&world);
}

DdpOutcome
ddp_world_run(DdpWorld *world, DdpRankFunc func, void *user_data)
{
    g_return_val_if_fail(!world->has_run, world->outcome);

    /* GLib registers an error domain at its first use, which must not be by two threads at once. */
    (void)ddp_world_error_quark();
    (void)ddp_comm_error_quark();
    world->has_run = true;
    world->func = func;
    world->user_data = user_data;
    switch (world->spec.engine) {
    case DDP_ENGINE_FIBERS:
        ddp_fibers_run(world);
        break;
    case DDP_ENGINE_THREADS:
        ddp_threads_run(world);
        break;
    case DDP_ENGINE_PROCESSES:
        ddp_processes_run(world);
        break;
    }
    ddp_world_close(world);
    return world->outcome;
}

void
ddp_world_set_trace(DdpWorld *world, DdpTrace *trace)
{
    world->trace = trace;
}

void
ddp_world_free(DdpWorld *world)
{
    DdpHeap *heap;

    if (world == NULL)
        return;
    heap = world->heap;
    ddp_fibers_clear(world);
    for (int i = 0; world->ranks != NULL && i < world->spec.size; i++) {
        DdpRank *rank = &world->ranks[i];

        ddp_heap_release(heap, rank->failure);
        ddp_history_clear(&rank->history, heap);
        ddp_heap_release(heap, rank->verdict.error);
        ddp_heap_release(heap, rank->verdict.call_name);
        ddp_heap_release(heap, rank->verdict.call.in);
    }
    ddp_heap_release(heap, world->ranks);
    ddp_comm_free(world->comm);
    ddp_schedule_free(world->schedule);
    ddp_heap_release(heap, world);
    ddp_heap_free(heap);
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

DdpEngine
ddp_world_engine(const DdpWorld *world)
{
    return world->spec.engine;
}

/* The clock that has gone furthest. */
int64_t
ddp_world_now_ns(const DdpWorld *world)
{
    int64_t now_ns = 0;

    for (int rank = 0; rank < world->spec.size; rank++)
        now_ns = MAX(now_ns, ddp_rank_now_ns(&world->ranks[rank]));
    return now_ns;
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

const DdpHistory *
ddp_world_history(const DdpWorld *world, int rank)
{
    g_return_val_if_fail(rank >= 0 && rank < world->spec.size, NULL);

    return &world->ranks[rank].history;
}

int64_t
ddp_world_timeout_ns(const DdpWorld *world)
{
    return world->spec.timeout_ns;
}

DdpCallDifference
ddp_world_difference(const DdpWorld *world)
{
    return world->difference;
}
