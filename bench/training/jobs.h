/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * What the programs of this benchmark train: an MLP by its name, on a fixed batch of every rank,
 * gradients averaged over the ranks. Each prints, as its last line, the microseconds of one step
 * of all ranks together: the median of BATCHES batches of steps, a first one left out.
 */

#define BATCHES 9
#define LAYERS_MAX 3

typedef struct {
    const char *name;
    int layers;
    int dims[LAYERS_MAX + 1];
    int batch;
    bool adam;    /* else SGD */
    bool classes; /* cross-entropy over dims[layers] classes, else the mean squared error */
    double lr;
} Job;

static const Job jobs[] = {
    {"linear", 1, {10, 1}, 32, true, false, 1e-3},
    {"small", 3, {30, 64, 32, 1}, 32, false, false, 1e-2},
    {"middle", 3, {64, 256, 256, 10}, 64, true, true, 1e-3},
    {"large", 3, {784, 1024, 1024, 10}, 128, false, true, 1e-2},
};

#define JOB_COUNT ((int)(sizeof jobs / sizeof jobs[0]))

static inline const Job *
job_find(const char *name)
{
    for (int i = 0; i < JOB_COUNT; i++) {
        if (strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    }
    return NULL;
}

static inline double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static inline int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of the time each batch took, the first one not counted. */
static inline void
print_median(double *batch_us, int steps)
{
    qsort(batch_us + 1, BATCHES, sizeof batch_us[0], compare_doubles);
    printf("%.4f\n", batch_us[1 + BATCHES / 2] / steps);
}
