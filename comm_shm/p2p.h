/* SPDX-License-Identifier: MIT */
#pragma once

#include "comm_shm/comm_private.h"

/*
 * Messages between two ranks.
 *
 * A receive takes the first message, in the order sent, whose source and tag fit; a message goes to
 * the first receive, in the order posted. NCCL knows no tags, and its send is a rendezvous; gloo
 * buffers what nobody asked for yet.
 *
 * Guarded by the communicator's lock.
 */

typedef struct DdpMailboxes DdpMailboxes;

DdpMailboxes *ddp_mailboxes_new(DdpHeap *heap, int size, DdpBackend backend);
void ddp_mailboxes_free(DdpMailboxes *boxes);

typedef enum {
    DDP_P2P_DONE,     /* complete */
    DDP_P2P_PENDING,  /* it stands in a mailbox until a partner comes */
    DDP_P2P_MISMATCH, /* the partner's dtype or shape differs: both stand there for good */
} DdpP2pResult;

/**
 * ddp_mailboxes_post:
 * @comm: whose clocks count: a message is there when both have come and its way is done
 * @rank: who calls
 * @partner: (out): the rank whose pending call was completed by this one, or -1
 *
 * @post->call is a send or a receive. Its `done` is set here, now or when its partner comes.
 */
DdpP2pResult ddp_mailboxes_post(DdpMailboxes *boxes, const DdpComm *comm, int rank, DdpPost *post,
                                int *partner);

/* @post is taken out; nobody will find it any more. */
void ddp_mailboxes_withdraw(DdpMailboxes *boxes, int rank, DdpPost *post);

/* Messages that gloo has buffered and nobody received: sender, receiver and call site. */
size_t ddp_mailboxes_unreceived(const DdpMailboxes *boxes);
void ddp_mailboxes_unreceived_at(const DdpMailboxes *boxes, size_t index, int *src, int *dst,
                                 const DdpCall **call);
