/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdatomic.h>

#include "comm_shm/lock.h"
#include "sim/world/join.h"
#include "sim/world/world_private.h"

/*
 * What host and guests of a joined world say to each other, each in one packet of a socket:
 *
 *   guest: Hello          host: Answer, with the memory file if it is welcome
 *                         host: GO, once all have come; or LATE, and the world is given up
 *   guest: LEFT           host: OVER, once all have left
 *
 * Either's end without that is seen by the closing of its socket.
 */

#define DDP_JOIN_TEXT_MAX 240

typedef struct {
    uint64_t version; /* of program and layout: ddp_join_version() */
    int32_t rank;
    int32_t size;
    int32_t nproc_per_node;
    int32_t backend;
} DdpHello;

typedef enum {
    DDP_JOIN_REFUSED,
    DDP_JOIN_WELCOME,
    DDP_JOIN_GO,
    DDP_JOIN_LATE,
    DDP_JOIN_LEFT,
    DDP_JOIN_OVER,
} DdpJoinWord;

typedef struct {
    int32_t word; /* DdpJoinWord */
    int32_t host; /* rank of the host */
    char text[DDP_JOIN_TEXT_MAX];
} DdpAnswer;

/* What a process has of the world that it is in. */
typedef struct {
    DdpHello hello; /* what this process asked for */
    int64_t deadline_us;
    DdpWorld *world;
    DdpRank *rank;
    DdpHeap *heap;
    struct DdpHost *host; /* NULL: a guest */
    int socket;           /* of a guest: to the host; -1 */
    int host_rank;
    GThread *thread;    /* that listens to the others */
    _Atomic bool parts; /* goes without having left */
    GMutex lock;
    GCond changed;
    bool all_here;  /* the lock guards these three */
    bool over;      /* all have left, or the world is given up */
    char *given_up; /* (nullable): why nobody could begin */
} DdpJoined;

uint64_t ddp_join_version(void);
/* Tells @socket; a peer that is gone is noticed elsewhere. */
void ddp_join_say(int socket, DdpJoinWord word, const char *text);
/* Sets what happened, for whoever waits in this process. @given_up: (nullable). */
void ddp_joined_note(DdpJoined *joined, bool over, const char *given_up);

/* ---- join_host.c ---- */

/* Makes the world and opens the door at @listener, (transfer full). */
bool ddp_host_open(DdpJoined *joined, int listener, GError **error);
/* Its own rank has left, or parts. */
void ddp_host_ring(DdpJoined *joined);
/* Closes the door; the guests keep what they have. */
void ddp_host_close(DdpJoined *joined);
