/* SPDX-License-Identifier: MIT */
/*
 * What ranks cost: the switch with our scheduler's recorded choice against the bare switch and
 * swapcontext; a small world inside a test; ten thousand ranks. Peer, floor and us take turns in
 * one run, nine rounds; medians, spread and the median of the ratios are printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim/world/fiber.h"
#include "sim/world/verbs.h"
#include "sim/world/world.h"

#define ROUNDS 9
#define SWITCHES 400000

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(const double *values)
{
    double sorted[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        sorted[i] = values[i];
    qsort(sorted, ROUNDS, sizeof sorted[0], compare_doubles);
    return sorted[ROUNDS / 2];
}

static void
print_row(const char *name, const double *values, double scale, const char *unit)
{
    double low = values[0], high = values[0];

    for (int i = 1; i < ROUNDS; i++) {
        low = MIN(low, values[i]);
        high = MAX(high, values[i]);
    }
    printf("  %-44s %9.2f %s  [%.2f - %.2f]\n", name, median(values) * scale, unit, low * scale,
           high * scale);
}

/* ---- the bare switch, ours without a scheduler ---- */

static DdpFiber bare_main, bare_other;

static void
bare_entry(void *unused)
{
    (void)unused;
    for (;;)
        ddp_fiber_switch(&bare_other, &bare_main);
}

static double
time_bare(DdpStacks *stacks)
{
    ddp_fiber_init_main(&bare_main);
    ddp_fiber_init(&bare_other, stacks, 0, bare_entry, NULL);

    double start = now_s();

    for (int i = 0; i < SWITCHES / 2; i++)
        ddp_fiber_switch(&bare_main, &bare_other);
    return (now_s() - start) / SWITCHES;
}

/* ---- swapcontext ---- */

static ucontext_t peer_main, peer_other;

static void
peer_entry(void)
{
    for (;;)
        swapcontext(&peer_other, &peer_main);
}

static double
time_peer(void)
{
    static char stack[65536];

    getcontext(&peer_other);
    peer_other.uc_stack.ss_sp = stack;
    peer_other.uc_stack.ss_size = sizeof stack;
    peer_other.uc_link = NULL;
    makecontext(&peer_other, peer_entry, 0);

    double start = now_s();

    for (int i = 0; i < SWITCHES / 2; i++)
        swapcontext(&peer_main, &peer_other);
    return (now_s() - start) / SWITCHES;
}

/* ---- ours: a random schedule over 8 ranks that do nothing but give way ---- */

static bool
give_way(DdpRank *rank, void *user_data, GError **error)
{
    int turns = *(int *)user_data;

    (void)error;
    for (int i = 0; i < turns; i++)
        ddp_rank_yield(rank);
    return true;
}

static double
time_schedule(const char *schedule)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    int turns = SWITCHES / 8;

    spec.size = 8;
    spec.schedule = schedule;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, NULL);
    double start = now_s();

    ddp_world_run(world, give_way, &turns);
    return (now_s() - start) / SWITCHES;
}

/* ---- worlds ---- */

static bool
reduce_often(DdpRank *rank, void *user_data, GError **error)
{
    int times = *(int *)user_data;
    float value = 1.0f;

    for (int i = 0; i < times; i++) {
        if (!ddp_all_reduce(rank, &value, 1, DDP_DTYPE_F32, DDP_REDUCE_MAX, error))
            return false;
    }
    return true;
}

static double
time_world(int size, int times)
{
    double start = now_s();
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = size;

    DdpWorld *world = ddp_world_new(&spec, NULL);

    if (ddp_world_run(world, reduce_often, &times) != DDP_OUTCOME_COMPLETED)
        exit(1);
    ddp_world_free(world);
    return now_s() - start;
}

static double
resident_bytes(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024.0;
}

int
main(void)
{
    double bare[ROUNDS], peer[ROUNDS], robin[ROUNDS], seeded[ROUNDS], small[ROUNDS], call[ROUNDS];
    double ratio[ROUNDS];
    g_autoptr(DdpStacks) stacks = ddp_stacks_new(1, 65536, NULL);

    for (int i = 0; i < ROUNDS; i++) {
        int times = 20000;

        peer[i] = time_peer();
        bare[i] = time_bare(stacks);
        robin[i] = time_schedule("round_robin");
        seeded[i] = time_schedule("random:1");
        small[i] = 0;
        for (int j = 0; j < 200; j++)
            small[i] += time_world(4, 1) / 200;
        call[i] = time_world(8, times) / times;
        ratio[i] = seeded[i] / bare[i];
    }
    printf("a switch between fibers, ns\n");
    print_row("peer: swapcontext", peer, 1e9, "ns");
    print_row("floor: the bare switch", bare, 1e9, "ns");
    print_row("ours, round-robin", robin, 1e9, "ns");
    print_row("ours, seeded random, recorded", seeded, 1e9, "ns");
    print_row("ratio of ours, seeded, to the floor", ratio, 1, "  ");
    printf("worlds\n");
    print_row("4 ranks: made, one all_reduce, gone", small, 1e6, "us");
    print_row("8 ranks: one all_reduce of 4 bytes", call, 1e6, "us");

    double before = resident_bytes();
    double many = time_world(10000, 100);

    printf("  10,000 ranks x 100 all_reduce of one float   %9.2f s\n", many);
    printf("  resident memory a rank                       %9.2f KiB\n",
           (resident_bytes() - before) / 10000 / 1024);
    return 0;
}
