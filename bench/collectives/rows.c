/* SPDX-License-Identifier: MIT */
#include "bench/collectives/rows.h"

const char *
entrant_name(Entrant entrant)
{
    static const char *const names[ENTRANT_COUNT] = {
        [ENTRANT_NONE] = "nobody",
        [ENTRANT_OURS_FIBERS] = "ours, fibers",
        [ENTRANT_OURS_THREADS] = "ours, threads",
        [ENTRANT_OURS_PROCESSES] = "ours, processes",
        [ENTRANT_OURS_FIBERS_UNCHECKED] = "ours, fibers, checks off",
        [ENTRANT_OURS_THREADS_UNCHECKED] = "ours, threads, checks off",
        [ENTRANT_OURS_PROCESSES_UNCHECKED] = "ours, processes, checks off",
        [ENTRANT_FLOOR_FIBERS] = "floor, fibers on one core",
        [ENTRANT_FLOOR_THREADS] = "floor, both cores",
        [ENTRANT_FLOOR_PROCESSES] = "floor, a process each",
        [ENTRANT_OPENMPI_SPIN] = "Open MPI, spinning",
        [ENTRANT_OPENMPI_YIELD] = "Open MPI, yielding",
        [ENTRANT_MPICH] = "MPICH",
        [ENTRANT_SMPI] = "SimGrid SMPI",
        [ENTRANT_SMPI_SHARED] = "SMPI, globals not apart",
        [ENTRANT_GLOO] = "PyTorch, gloo",
    };

    return names[entrant];
}

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* A spinning MPI with more ranks than cores waits whole time slices: there only those that yield.
 */
#define PEERS_OF_TWO                                                                               \
    {                                                                                              \
        ENTRANT_OPENMPI_SPIN, ENTRANT_OPENMPI_YIELD, ENTRANT_MPICH, ENTRANT_GLOO, ENTRANT_NONE,    \
    }
#define PEERS_OF_MORE                                                                              \
    {                                                                                              \
        ENTRANT_OPENMPI_YIELD, ENTRANT_GLOO, ENTRANT_NONE,                                         \
    }

/* Targets for the two engines that use both cores; the fibers, which have one, stand beside them.
 */
#define GOALS_OF_BOTH(p, l)                                                                        \
    {                                                                                              \
        {ENTRANT_OURS_THREADS, ENTRANT_FLOOR_THREADS, p, l, 0},                                    \
            {ENTRANT_OURS_PROCESSES, ENTRANT_FLOOR_THREADS, p, l, 0},                              \
            {ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 0, 0, 0},                                  \
    }

/* clang-format off */
const Row rows[] = {
    {
        .name = "8b-2", .title = "all_reduce 8 B, 2 ranks",
        .ranks = 2, .bytes = 8, .calls = 200000,
        .goals = {
            {ENTRANT_OURS_THREADS, ENTRANT_FLOOR_THREADS, 1, 1.3, 0},
            {ENTRANT_OURS_PROCESSES, ENTRANT_FLOOR_THREADS, 1, 1.3, 0},
            {ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 0, 0, 0},
        },
        .peers = PEERS_OF_TWO,
    },
    {
        .name = "8b-8", .title = "all_reduce 8 B, 8 ranks",
        .ranks = 8, .bytes = 8, .calls = 50000,
        .goals = {
            {ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 70, 3, 0},
            {ENTRANT_OURS_THREADS, ENTRANT_FLOOR_PROCESSES, 2.3, 0, 0},
            {ENTRANT_OURS_PROCESSES, ENTRANT_FLOOR_PROCESSES, 2.3, 0, 0},
        },
        .peers = PEERS_OF_MORE,
    },
    {
        .name = "64k-2", .title = "all_reduce 64 KiB, 2 ranks",
        .ranks = 2, .bytes = 64 * KIB, .calls = 9000,
        .goals = GOALS_OF_BOTH(3, 2), .peers = PEERS_OF_TWO,
    },
    {
        .name = "64k-4", .title = "all_reduce 64 KiB, 4 ranks",
        .ranks = 4, .bytes = 64 * KIB, .calls = 4500,
        .goals = GOALS_OF_BOTH(6, 2), .peers = PEERS_OF_MORE,
        .beside = {ENTRANT_FLOOR_PROCESSES},
    },
    {
        .name = "1m-4", .title = "all_reduce 1 MiB, 4 ranks",
        .ranks = 4, .bytes = MIB, .calls = 900,
        .goals = GOALS_OF_BOTH(3.2, 1.5), .peers = PEERS_OF_MORE,
    },
    {
        .name = "1m-8", .title = "all_reduce 1 MiB, 8 ranks",
        .ranks = 8, .bytes = MIB, .calls = 450,
        .goals = GOALS_OF_BOTH(4, 1.5), .peers = PEERS_OF_MORE,
    },
    {
        .name = "16m-2", .title = "all_reduce 16 MiB, 2 ranks",
        .ranks = 2, .bytes = 16 * MIB, .calls = 90,
        .goals = GOALS_OF_BOTH(1.7, 1.4), .peers = PEERS_OF_TWO,
    },
    {
        .name = "16m-4", .title = "all_reduce 16 MiB, 4 ranks",
        .ranks = 4, .bytes = 16 * MIB, .calls = 45,
        .goals = GOALS_OF_BOTH(3, 1.4), .peers = PEERS_OF_MORE,
    },
    {
        .name = "64m-2", .title = "all_reduce 64 MiB, 2 ranks",
        .ranks = 2, .bytes = 64 * MIB, .calls = 18,
        .goals = GOALS_OF_BOTH(1.7, 1.4), .peers = PEERS_OF_TWO,
    },
    {
        .name = "64m-4", .title = "all_reduce 64 MiB, 4 ranks",
        .ranks = 4, .bytes = 64 * MIB, .calls = 9,
        .goals = GOALS_OF_BOTH(3, 1.4), .peers = PEERS_OF_MORE,
    },
    {
        .name = "gather-1m", .title = "all_gather 1 MiB, 4 ranks",
        .op = OP_ALL_GATHER, .ranks = 4, .bytes = MIB, .calls = 900,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "gather-16m", .title = "all_gather 16 MiB, 4 ranks",
        .op = OP_ALL_GATHER, .ranks = 4, .bytes = 16 * MIB, .calls = 45,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "broadcast-1m", .title = "broadcast 1 MiB, 4 ranks",
        .op = OP_BROADCAST, .ranks = 4, .bytes = MIB, .calls = 900,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "broadcast-16m", .title = "broadcast 16 MiB, 4 ranks",
        .op = OP_BROADCAST, .ranks = 4, .bytes = 16 * MIB, .calls = 45,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "reduce-scatter-1m", .title = "reduce_scatter 1 MiB, 4 ranks",
        .op = OP_REDUCE_SCATTER, .ranks = 4, .bytes = MIB, .calls = 900,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "reduce-scatter-16m", .title = "reduce_scatter 16 MiB, 4 ranks",
        .op = OP_REDUCE_SCATTER, .ranks = 4, .bytes = 16 * MIB, .calls = 45,
        .goals = GOALS_OF_BOTH(3, 0), .peers = PEERS_OF_MORE,
    },
    {
        .name = "many-1024", .title = "1,024 ranks x 100 all_reduce of 1,024 floats",
        .kind = ROW_WHOLE, .ranks = 1024, .bytes = 4 * KIB, .calls = 100,
        .goals = {{ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 300, 2.5, 0.25}},
        .peers = {ENTRANT_SMPI}, .peer_rounds = 3,
    },
    {
        .name = "many-4096", .title = "4,096 ranks x 100 all_reduce of 1,024 floats",
        .kind = ROW_WHOLE, .ranks = 4096, .bytes = 4 * KIB, .calls = 100,
        .goals = {{ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 600, 2.5, 0.25}},
        .peers = {ENTRANT_SMPI}, .peer_rounds = 1,
    },
    {
        .name = "processes-128", .title = "128 processes x 100 all_reduce of 1,024 floats",
        .kind = ROW_WHOLE, .ranks = 128, .bytes = 4 * KIB, .calls = 100,
        .goals = {{ENTRANT_OURS_PROCESSES, ENTRANT_FLOOR_PROCESSES, 90, 0, 0}},
        .peers = {ENTRANT_OPENMPI_YIELD},
    },
    {
        .name = "deadlock-4", .title = "a deadlock named with both call sites, 4 ranks",
        .kind = ROW_DEADLOCK, .ranks = 4, .bytes = 8, .calls = 1,
        .goals = {{ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 13, 3, 0}},
        .peers = {ENTRANT_SMPI}, .beside = {ENTRANT_SMPI_SHARED},
    },
    {
        .name = "deadlock-1024", .title = "a deadlock named with both call sites, 1,024 ranks",
        .kind = ROW_DEADLOCK, .ranks = 1024, .bytes = 8, .calls = 1,
        .goals = {{ENTRANT_OURS_FIBERS, ENTRANT_FLOOR_FIBERS, 55, 3, 0}},
        .peers = {ENTRANT_SMPI}, .beside = {ENTRANT_SMPI_SHARED},
    },
    {
        .name = "checks-8", .title = "signatures and call sites on, against off: 8 B, 8 ranks",
        .ranks = 8, .bytes = 8, .calls = 50000,
        .goals = {{ENTRANT_OURS_FIBERS, ENTRANT_OURS_FIBERS_UNCHECKED, 0, 1.15, 0}},
    },
    {
        .name = "checks-2", .title = "signatures and call sites on, against off: 8 B, 2 ranks",
        .ranks = 2, .bytes = 8, .calls = 200000,
        .goals = {
            {ENTRANT_OURS_THREADS, ENTRANT_OURS_THREADS_UNCHECKED, 0, 1.15, 0},
            {ENTRANT_OURS_PROCESSES, ENTRANT_OURS_PROCESSES_UNCHECKED, 0, 1.15, 0},
        },
    },
};
/* clang-format on */

const int row_count = G_N_ELEMENTS(rows);
