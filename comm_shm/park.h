/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * What comm_shm asks of whoever runs the ranks. All members are required.
 */
typedef struct {
    /*
     * The calling rank @rank sleeps until someone wakes it. A wake that comes before its park
     * is not lost: that park returns at once.
     */
    void (*park)(void *engine, int rank);
    void (*wake)(void *engine, int rank);

    /*
     * @rank has completed a collective for all: the others, which came before it, may go on before
     * it does. So ranks leave a collective in the order in which they came.
     */
    void (*yield)(void *engine, int rank);

    /*
     * Nothing that still may happen can complete the collective that @rank has declared: a
     * member has left, or members met with calls that do not match. Called by @rank before it
     * parks, once for each such call.
     */
    void (*hopeless)(void *engine, int rank);

    /* The clock of the ranks, in nanoseconds from the start of the world. */
    int64_t (*now_ns)(void *engine);
} DdpParkOps;
