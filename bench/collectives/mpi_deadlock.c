/* SPDX-License-Identifier: MIT */
/*
 * A peer for the deadlock: all ranks but one wait in an all-reduce, one in a barrier. SMPI, which
 * sees that no rank can go on, says "Deadlock detected"; any other MPI would hang for ever.
 */
#include <mpi.h>

int
main(int argc, char **argv)
{
    float loss = 1.0f;
    int rank, size;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == size - 1)
        MPI_Barrier(MPI_COMM_WORLD);
    else
        MPI_Allreduce(MPI_IN_PLACE, &loss, 1, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
