/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm.h"

/*
 * What the files of comm_shm share: the meeting of a group's members in one collective, and a
 * function per collective that does the work once all are there.
 *
 * A member's n-th call on a group belongs to the group's n-th meeting. Members may run ahead of
 * each other (a work is waited for later), so several meetings can be open at a time.
 */

typedef struct DdpMeet DdpMeet;

/* One member's part in a meeting. Lives on the stack of a blocking call, or in a DdpWork. */
typedef struct {
    DdpCall *call; /* borrowed; its own in a DdpWork */
    DdpGroup *group;
    DdpMeet *meet; /* NULL once it is over, and for a send or receive */
    uint64_t seq;
    int64_t since_ns; /* when the rank began to wait */
    bool done;        /* the collective is complete */
    bool waits;       /* its rank sleeps until it is */
    bool is_pending;  /* a send or receive that stands in a mailbox */
    bool mismatched;  /* its partner's dtype or shape differs */
} DdpPost;

struct DdpMeet {
    uint64_t seq;
    int arrived;
    DdpCallDifference difference;
    DdpMeet *next;    /* the group's next open meeting, or the next free one */
    int *order;       /* the members that have come, in that order; behind the posts */
    DdpPost *posts[]; /* by member; NULL while it has not come */
};

struct DdpGroup {
    DdpComm *comm; /* borrowed */
    char *name;
    int size;
    int *ranks;         /* by member, rising; NULL for the world, whose members are its ranks */
    uint64_t *next_seq; /* by member: the number of its next call */
    DdpMeet *open;      /* in rising order of seq */
    DdpMeet *free_meets;
    int left;       /* members that make no further calls */
    void **buffers; /* scratch of the completing rank, by member */
    uint64_t call_count[DDP_CALL_KIND_COUNT];
    uint64_t call_bytes[DDP_CALL_KIND_COUNT];
};

struct DdpComm {
    int size;
    DdpBackend backend;
    DdpParkOps ops;
    void *engine;               /* borrowed */
    GPtrArray *groups;          /* of DdpGroup, owned; the world first */
    struct DdpMailboxes *boxes; /* owned */
    GPtrArray *pairings;        /* of DdpPairing */
    DdpPost **waits;            /* by rank: what it sleeps in, or NULL */
    bool *left;                 /* by rank */
    GPtrArray *abandoned; /* of DdpWork: dropped by their callers while others still need them */
    bool hopeless_told;
    char *ended; /* why the world was ended, or NULL */
};

/* ---- group.c ---- */

/* (transfer full): @ranks is rising, or NULL for the world. */
DdpGroup *ddp_group_new(DdpComm *comm, const char *name, const int *ranks, int size);
void ddp_group_free(void *group);
/* (transfer none): a new group that the communicator owns. */
DdpGroup *ddp_comm_add_group(DdpComm *comm, const int *ranks, int size);

/* ---- check.c ---- */

/* torch raises here before it communicates: the others wait in vain, if they come. */
bool ddp_comm_check_call(const DdpComm *comm, const DdpGroup *group, int rank, const DdpCall *call,
                         GError **error);
/* Bytes that @call reads from `in`. */
size_t ddp_call_in_bytes(const DdpGroup *group, int rank, const DdpCall *call);
/* Bytes that a completed @call has written to `out`; those that work in place not counted. */
size_t ddp_call_out_bytes(const DdpGroup *group, int rank, const DdpCall *call);

/* ---- meet.c ---- */

/* Takes part in the group's next collective, and completes it if that makes it full. */
void ddp_meet_come(DdpGroup *group, int rank, DdpPost *post);
/* Some member that has left will never come to @meet. */
bool ddp_meet_is_missed(const DdpGroup *group, const DdpMeet *meet);
/* The meeting is over: its place is free for another. */
void ddp_meet_close(DdpGroup *group, DdpMeet *meet);

/* ---- comm.c ---- */

void ddp_comm_take_part(DdpComm *comm, int rank, DdpGroup *group, DdpPost *post);
/* Sleeps until @post is done; false when the world is ended first. */
bool ddp_comm_wait_for(DdpComm *comm, int rank, DdpPost *post, GError **error);
bool ddp_comm_ended_error(const DdpComm *comm, GError **error);

/* ---- pairing.c ---- */

/* Looks whether the members of a full meeting named different things. */
void ddp_pairing_check(DdpGroup *group, const DdpMeet *meet);
void ddp_pairing_free(void *pairing);

/* ---- work.c ---- */

void ddp_work_release(void *work);

/* ---- one function per collective ---- */

/* The call of @member in a full meeting. */
static inline DdpCall *
ddp_meet_call(const DdpMeet *meet, int member)
{
    return meet->posts[member]->call;
}

/* All members' calls agree; writes every member's result. */
void ddp_all_reduce_complete(DdpGroup *group, DdpMeet *meet);
void ddp_all_gather_complete(DdpGroup *group, DdpMeet *meet);
void ddp_all_gather_object_complete(DdpGroup *group, DdpMeet *meet);
void ddp_broadcast_complete(DdpGroup *group, DdpMeet *meet);
void ddp_broadcast_object_complete(DdpGroup *group, DdpMeet *meet);
void ddp_reduce_complete(DdpGroup *group, DdpMeet *meet);
void ddp_gather_complete(DdpGroup *group, DdpMeet *meet);
void ddp_scatter_complete(DdpGroup *group, DdpMeet *meet);
void ddp_reduce_scatter_complete(DdpGroup *group, DdpMeet *meet);
void ddp_all_to_all_complete(DdpGroup *group, DdpMeet *meet);
void ddp_new_group_complete(DdpGroup *group, DdpMeet *meet);

/* Whether the pieces of an uneven all_to_all fit: what i sends to j is what j expects of i. */
bool ddp_all_to_all_fits(const DdpGroup *group, const DdpMeet *meet);
