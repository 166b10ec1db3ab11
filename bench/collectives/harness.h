/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * What every program of this benchmark, ours, the floor and the peers alike, does in the same way:
 * how it is asked, what a rank's tensors hold, and how its calls are timed.
 *
 * A program makes BATCHES + 1 batches of equally many calls, each ended by a barrier, and prints
 * the median microseconds of a call by rank 0's clock, without the first batch, which warms up.
 * With --whole it makes just the calls it was asked for: then somebody else holds the clock.
 *
 * BYTES are those of a rank's whole tensor: of what all_gather gathers, of what reduce_scatter
 * takes. A tensor holds floats; it holds zeros while calls are timed, because a sum in place over
 * thousands of calls would leave the range of a float.
 *
 * Plain C and nothing else: the peers' compilers see this file too.
 */

#define BATCHES 9

typedef enum {
    OP_ALL_REDUCE,
    OP_ALL_GATHER,
    OP_BROADCAST,
    OP_REDUCE_SCATTER,
} Op;

#define OP_COUNT 4

typedef struct {
    int ranks; /* 0 where the launcher decides */
    size_t bytes;
    int calls;
    Op op;
    bool whole;
} Job;

static inline const char *
op_name(Op op)
{
    static const char *const names[OP_COUNT] = {
        [OP_ALL_REDUCE] = "all_reduce",
        [OP_ALL_GATHER] = "all_gather",
        [OP_BROADCAST] = "broadcast",
        [OP_REDUCE_SCATTER] = "reduce_scatter",
    };

    return names[op];
}

/* Reads "RANKS BYTES CALLS OP"; every piece of a tensor must be a whole number of floats. */
static inline bool
job_parse(Job *job, char *const *words)
{
    job->ranks = atoi(words[0]);
    job->bytes = strtoull(words[1], NULL, 10);
    job->calls = atoi(words[2]);
    for (int op = 0; op < OP_COUNT; op++) {
        if (strcmp(words[3], op_name((Op)op)) != 0)
            continue;
        job->op = (Op)op;
        return job->ranks > 0 && job->calls > 0 && job->bytes > 0 &&
               job->bytes % sizeof(float) == 0 &&
               (job->op == OP_ALL_REDUCE || job->op == OP_BROADCAST ||
                job->bytes % (sizeof(float) * (size_t)job->ranks) == 0);
    }
    return false;
}

static inline size_t
job_count(const Job *job)
{
    return job->bytes / sizeof(float);
}

static inline size_t
job_piece(const Job *job)
{
    return job_count(job) / (size_t)job->ranks;
}

static inline int
job_batches(const Job *job)
{
    return job->whole ? 1 : BATCHES + 1;
}

static inline int
job_batch_calls(const Job *job)
{
    return job->whole ? job->calls : (job->calls + BATCHES - 1) / BATCHES;
}

/* ---- what the tensors hold in the call that is checked ---- */

/* Small whole numbers: their sums are exact in any order. */
static inline float
pattern(int rank, size_t index)
{
    return (float)(rank + (int)(index % 7));
}

static inline float
pattern_sum(int ranks, size_t index)
{
    return (float)(ranks * (ranks - 1) / 2 + ranks * (int)(index % 7));
}

static inline void
fill_pattern(float *data, size_t count, int rank)
{
    for (size_t i = 0; i < count; i++)
        data[i] = pattern(rank, i);
}

/* What @rank brings lies where its result will: the whole tensor, or its piece of it. */
static inline void
fill_input(const Job *job, float *data, int rank)
{
    memset(data, 0, job->bytes);
    if (job->op == OP_ALL_GATHER)
        fill_pattern(data + job_piece(job) * (size_t)rank, job_piece(job), rank);
    else if (job->op != OP_BROADCAST || rank == 0)
        fill_pattern(data, job_count(job), rank);
}

/* @result: the tensor, of reduce_scatter @rank's piece of it. */
static inline bool
check_result(const Job *job, const float *result, int rank)
{
    size_t piece = job_piece(job);
    size_t count = job->op == OP_REDUCE_SCATTER ? piece : job_count(job);

    for (size_t i = 0; i < count; i++) {
        float expected = 0;

        switch (job->op) {
        case OP_ALL_REDUCE:
            expected = pattern_sum(job->ranks, i);
            break;
        case OP_ALL_GATHER:
            expected = pattern((int)(i / piece), i % piece);
            break;
        case OP_BROADCAST:
            expected = pattern(0, i);
            break;
        case OP_REDUCE_SCATTER:
            expected = pattern_sum(job->ranks, piece * (size_t)rank + i);
            break;
        }
        if (result[i] != expected) {
            fprintf(stderr, "WRONG: %s, rank %d, element %zu is %g, expected %g\n",
                    op_name(job->op), rank, i, (double)result[i], (double)expected);
            return false;
        }
    }
    return true;
}

/* ---- the clock ---- */

typedef struct {
    double start_us;
    double us[BATCHES + 1];
    int count;
} Clock;

static inline double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static inline void
clock_start(Clock *clock)
{
    clock->start_us = now_us();
}

static inline void
clock_stop(Clock *clock, int calls)
{
    clock->us[clock->count++] = (now_us() - clock->start_us) / calls;
}

static inline int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline void
clock_print(Clock *clock)
{
    int first = clock->count > 1 ? 1 : 0;
    int count = clock->count - first;

    qsort(clock->us + first, (size_t)count, sizeof clock->us[0], compare_doubles);
    printf("%.4f\n", clock->us[first + count / 2]);
    fflush(stdout);
}
