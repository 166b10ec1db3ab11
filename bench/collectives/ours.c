/* SPDX-License-Identifier: MIT */
/*
 * Ours: a world of C ranks on any engine, with signatures, call sites and the watch for deadlocks
 * as every user has them.
 *
 *   ours --engine fibers|threads|processes [--whole] RANKS BYTES CALLS OP
 *
 * Exit status 77 says that what was asked for does not exist here.
 */
#include "bench/collectives/harness.h"
#include "sim/world/verbs.h"
#include "sim/world/world.h"

#define STATUS_NOT_THERE 77

typedef struct {
    Job job;
    DdpEngine engine;
} Settings;

typedef struct {
    const Job *job;
    DdpRank *rank;
    float *data;  /* the tensor */
    float *piece; /* reduce_scatter: what this rank gets; all_gather: its own piece of `data` */
} Tensors;

static bool
call(const Tensors *tensors, GError **error)
{
    size_t count = job_count(tensors->job), piece = job_piece(tensors->job);

    switch (tensors->job->op) {
    case OP_ALL_REDUCE:
        return ddp_all_reduce(tensors->rank, tensors->data, count, DDP_DTYPE_F32, DDP_REDUCE_SUM,
                              error);
    case OP_ALL_GATHER:
        return ddp_all_gather(tensors->rank, tensors->data, tensors->piece, piece, DDP_DTYPE_F32,
                              error);
    case OP_BROADCAST:
        return ddp_broadcast(tensors->rank, tensors->data, count, DDP_DTYPE_F32, 0, error);
    case OP_REDUCE_SCATTER:
        return ddp_reduce_scatter(tensors->rank, tensors->piece, tensors->data, piece,
                                  DDP_DTYPE_F32, DDP_REDUCE_SUM, error);
    }
    g_assert_not_reached();
}

static bool
check(const Tensors *tensors, GError **error)
{
    const Job *job = tensors->job;
    int index = ddp_rank_index(tensors->rank);
    const float *result = job->op == OP_REDUCE_SCATTER ? tensors->piece : tensors->data;

    fill_input(job, tensors->data, index);
    if (job->op == OP_ALL_GATHER)
        fill_pattern(tensors->piece, job_piece(job), index);
    if (!call(tensors, error))
        return false;
    if (!check_result(job, result, index)) {
        g_set_error(error, DDP_COMM_ERROR, DDP_COMM_ERROR_FAILED, "rank %d has a wrong result",
                    index);
        return false;
    }
    return true;
}

static bool
time_batches(const Tensors *tensors, GError **error)
{
    const Job *job = tensors->job;
    int calls = job_batch_calls(job);
    Clock clock = {0};

    for (int batch = 0; batch < job_batches(job); batch++) {
        if (!job->whole && !ddp_barrier(tensors->rank, error))
            return false;
        clock_start(&clock);
        for (int i = 0; i < calls; i++) {
            if (!call(tensors, error))
                return false;
        }
        if (!job->whole && !ddp_barrier(tensors->rank, error))
            return false;
        clock_stop(&clock, calls);
    }
    if (ddp_rank_index(tensors->rank) == 0)
        clock_print(&clock);
    return true;
}

static bool
live(DdpRank *rank, void *user_data, GError **error)
{
    const Job *job = &((const Settings *)user_data)->job;
    bool has_piece = job->op == OP_REDUCE_SCATTER;
    size_t piece_bytes = has_piece ? job_piece(job) * sizeof(float) : 0;
    Tensors tensors = {
        .job = job,
        .rank = rank,
        .data = ddp_rank_alloc(rank, job->bytes),
        .piece = has_piece ? ddp_rank_alloc(rank, piece_bytes) : NULL,
    };

    if (job->op == OP_ALL_GATHER)
        tensors.piece = tensors.data + job_piece(job) * (size_t)ddp_rank_index(rank);

    bool ok = job->whole || check(&tensors, error);

    if (ok) {
        memset(tensors.data, 0, job->bytes);
        if (has_piece)
            memset(tensors.piece, 0, piece_bytes);
        ok = time_batches(&tensors, error);
    }
    if (has_piece)
        ddp_rank_free(rank, tensors.piece);
    ddp_rank_free(rank, tensors.data);
    return ok;
}

static bool
parse(Settings *settings, int argc, char **argv)
{
    int next = 1;

    for (; next < argc && g_str_has_prefix(argv[next], "--"); next++) {
        if (strcmp(argv[next], "--whole") == 0) {
            settings->job.whole = true;
        } else if (strcmp(argv[next], "--engine") == 0 && next + 1 < argc) {
            if (!ddp_engine_from_name(argv[++next], &settings->engine))
                return false;
        } else {
            return false;
        }
    }
    return argc == next + 4 && job_parse(&settings->job, argv + next);
}

int
main(int argc, char **argv)
{
    Settings settings = {.engine = DDP_ENGINE_FIBERS};
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;

    if (!parse(&settings, argc, argv)) {
        fprintf(stderr, "usage: ours --engine fibers|threads|processes [--whole] RANKS BYTES"
                        " CALLS OP\n");
        return 2;
    }
    spec.size = settings.job.ranks;
    spec.engine = settings.engine;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

    if (world == NULL) {
        printf("%s\n", error->message);
        return STATUS_NOT_THERE;
    }

    DdpOutcome outcome = ddp_world_run(world, live, &settings);

    if (outcome == DDP_OUTCOME_COMPLETED)
        return 0;
    for (int rank = 0; rank < settings.job.ranks; rank++) {
        const DdpRankVerdict *verdict = ddp_world_rank_verdict(world, rank);

        if (verdict->error != NULL)
            fprintf(stderr, "rank %d: %s\n", rank, verdict->error);
    }
    fprintf(stderr, "ours: the world ended with %s\n", ddp_outcome_name(outcome));
    return 1;
}
