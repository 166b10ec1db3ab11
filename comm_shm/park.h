/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "comm_shm/call.h"

/*
 * What comm_shm asks of whoever runs the ranks.
 *
 * Ranks that share a thread take turns: park, wake and yield are theirs. Ranks that run at the same
 * time wait in comm_shm itself (wait.c), and those three are never called.
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
     * member has left, or members met with calls that do not match. Called once for a world, by
     * @rank before it sleeps. NULL: nobody wants to know.
     */
    void (*hopeless)(void *engine, int rank);

    /*
     * Ranks that run at the same time only: every rank waits or has left, and nothing can go on.
     * Called with the communicator locked, by the last rank to lie down; ddp_comm_wait_of() says
     * where each stands. Returns why the world is ended, (transfer full). NULL: a plain sentence.
     */
    char *(*stuck)(void *engine);

    /*
     * Members have met with calls that differ, and are about to be told so by an error of their
     * own: ddp_comm_met() says who called what. NULL: nobody wants to know.
     */
    void (*mismatched)(void *engine);

    /*
     * On @rank itself: the world has ended while it waited. Whether it may go on as if its call had
     * been completed, for what it would do next to be noted (ddp_comm_foresee()); from then on
     * nothing that it does may be seen by anybody. NULL: no.
     */
    bool (*foresee)(void *engine, int rank);

    /*
     * How long a collective takes on the ranks' virtual clocks once all @members have come, in
     * nanoseconds; @bytes are those of one member's piece. NULL: no time at all.
     */
    int64_t (*cost_ns)(void *engine, const DdpCall *call, size_t bytes, const int *ranks,
                       int members);
} DdpParkOps;
