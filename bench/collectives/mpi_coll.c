/* SPDX-License-Identifier: MIT */
/*
 * A peer: MPI, for Open MPI, MPICH and SimGrid's SMPI alike. `mpi_coll [--whole] RANKS BYTES CALLS
 * OP`, under a launcher that starts RANKS of them. In place wherever MPI has it, so that nobody
 * copies for the sake of the call. No global variable, so that SMPI needs to keep none apart.
 */
#include <mpi.h>

#include "bench/collectives/harness.h"

/* @counts: of each rank's piece, as MPI_Reduce_scatter wants them. */
static void
call(const Job *job, float *data, const int *counts)
{
    int count = (int)job_count(job), piece = (int)job_piece(job);

    switch (job->op) {
    case OP_ALL_REDUCE:
        MPI_Allreduce(MPI_IN_PLACE, data, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        return;
    case OP_ALL_GATHER:
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, piece, MPI_FLOAT, MPI_COMM_WORLD);
        return;
    case OP_BROADCAST:
        MPI_Bcast(data, count, MPI_FLOAT, 0, MPI_COMM_WORLD);
        return;
    case OP_REDUCE_SCATTER:
        /* Not ..._block, which Open MPI 4.1 does three times more slowly. */
        MPI_Reduce_scatter(MPI_IN_PLACE, data, counts, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        return;
    }
}

static bool
run(const Job *job, int rank)
{
    float *data = malloc(job->bytes);
    int *counts = malloc(sizeof *counts * (size_t)job->ranks);
    Clock clock = {0};
    int calls = job_batch_calls(job);
    bool ok = data != NULL && counts != NULL;

    for (int i = 0; ok && i < job->ranks; i++)
        counts[i] = (int)job_piece(job);
    if (ok && !job->whole) {
        fill_input(job, data, rank);
        call(job, data, counts);
        ok = check_result(job, data, rank);
    }
    if (ok)
        memset(data, 0, job->bytes);
    for (int batch = 0; ok && batch < job_batches(job); batch++) {
        MPI_Barrier(MPI_COMM_WORLD);
        clock_start(&clock);
        for (int i = 0; i < calls; i++)
            call(job, data, counts);
        if (!job->whole)
            MPI_Barrier(MPI_COMM_WORLD);
        clock_stop(&clock, calls);
    }
    if (ok && rank == 0)
        clock_print(&clock);
    free(counts);
    free(data);
    return ok;
}

int
main(int argc, char **argv)
{
    Job job = {.whole = argc > 1 && strcmp(argv[1], "--whole") == 0};
    int first = job.whole ? 2 : 1, rank, size;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != first + 4 || !job_parse(&job, argv + first) || job.ranks != size) {
        fprintf(stderr, "usage: mpi_coll [--whole] RANKS BYTES CALLS OP, with that many ranks\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    if (!run(&job, rank))
        MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
