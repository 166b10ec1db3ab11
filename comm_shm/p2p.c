/* SPDX-License-Identifier: MIT */
#include "comm_shm/p2p.h"

#include <string.h>

/* A send or a receive that waits for its partner. */
typedef struct {
    int rank;      /* who called */
    DdpPost *post; /* NULL: a buffered message, whose sender has gone on */
    DdpCall call;  /* of a buffered message, with its own `in` */
} Item;

typedef struct {
    GQueue sends;    /* of Item: to this rank, in the order sent */
    GQueue receives; /* of Item: of this rank, in the order posted */
} Box;

struct DdpMailboxes {
    int size;
    DdpBackend backend;
    Box *boxes; /* by receiving rank */
};

static void
item_free(void *item_)
{
    Item *item = item_;

    if (item->post == NULL)
        g_free(item->call.in);
    g_free(item);
}

DdpMailboxes *
ddp_mailboxes_new(int size, DdpBackend backend)
{
    DdpMailboxes *boxes = g_new0(DdpMailboxes, 1);

    boxes->size = size;
    boxes->backend = backend;
    boxes->boxes = g_new0(Box, size);
    return boxes;
}

void
ddp_mailboxes_free(DdpMailboxes *boxes)
{
    if (boxes == NULL)
        return;
    for (int rank = 0; rank < boxes->size; rank++) {
        g_queue_clear_full(&boxes->boxes[rank].sends, item_free);
        g_queue_clear_full(&boxes->boxes[rank].receives, item_free);
    }
    g_free(boxes->boxes);
    g_free(boxes);
}

static const DdpCall *
call_of(const Item *item)
{
    return item->post != NULL ? item->post->call : &item->call;
}

static bool
fit(const DdpMailboxes *boxes, int sender, const DdpCall *send, const DdpCall *receive)
{
    if (receive->root >= 0 && receive->root != sender)
        return false;
    return boxes->backend == DDP_BACKEND_NCCL || send->tag == receive->tag;
}

static bool
same_payload(const DdpCall *send, const DdpCall *receive)
{
    return send->dtype == receive->dtype && send->count == receive->count &&
           send->ndim == receive->ndim &&
           memcmp(send->shape, receive->shape, (size_t)send->ndim * sizeof send->shape[0]) == 0;
}

static void
deliver(int sender, const DdpCall *send, DdpCall *receive)
{
    size_t bytes = send->count * ddp_dtype_bytes(send->dtype);

    if (bytes > 0)
        memcpy(receive->out, send->in, bytes);
    receive->root = sender;
}

static void
push(GQueue *queue, int rank, DdpPost *post)
{
    Item *item = g_new0(Item, 1);

    item->rank = rank;
    item->post = post;
    g_queue_push_tail(queue, item);
}

static DdpP2pResult
post_send(DdpMailboxes *boxes, int rank, DdpPost *post, int *partner)
{
    DdpCall *send = post->call;
    Box *box = &boxes->boxes[send->root];

    for (GList *link = box->receives.head; link != NULL; link = link->next) {
        Item *item = link->data;
        DdpCall *receive = item->post->call;

        if (!fit(boxes, rank, send, receive))
            continue;
        if (!same_payload(send, receive)) {
            push(&box->sends, rank, post);
            return DDP_P2P_MISMATCH;
        }
        deliver(rank, send, receive);
        item->post->done = true;
        post->done = true;
        *partner = item->rank;
        item_free(item);
        g_queue_delete_link(&box->receives, link);
        return DDP_P2P_DONE;
    }
    if (boxes->backend == DDP_BACKEND_NCCL) {
        push(&box->sends, rank, post);
        return DDP_P2P_PENDING;
    }

    Item *item = g_new0(Item, 1);

    item->rank = rank;
    item->call = *send;
    item->call.in = g_memdup2(send->in, send->count * ddp_dtype_bytes(send->dtype));
    g_queue_push_tail(&box->sends, item);
    post->done = true;
    return DDP_P2P_DONE;
}

static DdpP2pResult
post_receive(DdpMailboxes *boxes, int rank, DdpPost *post, int *partner)
{
    DdpCall *receive = post->call;
    Box *box = &boxes->boxes[rank];

    for (GList *link = box->sends.head; link != NULL; link = link->next) {
        Item *item = link->data;

        if (!fit(boxes, item->rank, call_of(item), receive))
            continue;
        if (!same_payload(call_of(item), receive)) {
            push(&box->receives, rank, post);
            return DDP_P2P_MISMATCH;
        }
        deliver(item->rank, call_of(item), receive);
        post->done = true;
        if (item->post != NULL) {
            item->post->done = true;
            *partner = item->rank;
        }
        item_free(item);
        g_queue_delete_link(&box->sends, link);
        return DDP_P2P_DONE;
    }
    push(&box->receives, rank, post);
    return DDP_P2P_PENDING;
}

DdpP2pResult
ddp_mailboxes_post(DdpMailboxes *boxes, int rank, DdpPost *post, int *partner)
{
    *partner = -1;
    return post->call->kind == DDP_CALL_SEND ? post_send(boxes, rank, post, partner)
                                             : post_receive(boxes, rank, post, partner);
}

void
ddp_mailboxes_withdraw(DdpMailboxes *boxes, int rank, DdpPost *post)
{
    GQueue *queue = post->call->kind == DDP_CALL_SEND ? &boxes->boxes[post->call->root].sends
                                                      : &boxes->boxes[rank].receives;

    for (GList *link = queue->head; link != NULL; link = link->next) {
        if (((Item *)link->data)->post == post) {
            item_free(link->data);
            g_queue_delete_link(queue, link);
            return;
        }
    }
}

size_t
ddp_mailboxes_unreceived(const DdpMailboxes *boxes)
{
    size_t count = 0;

    for (int rank = 0; rank < boxes->size; rank++) {
        for (const GList *link = boxes->boxes[rank].sends.head; link != NULL; link = link->next)
            count += ((const Item *)link->data)->post == NULL;
    }
    return count;
}

void
ddp_mailboxes_unreceived_at(const DdpMailboxes *boxes, size_t index, int *src, int *dst,
                            const DdpCall **call)
{
    for (int rank = 0; rank < boxes->size; rank++) {
        for (const GList *link = boxes->boxes[rank].sends.head; link != NULL; link = link->next) {
            const Item *item = link->data;

            if (item->post == NULL && index-- == 0) {
                *src = item->rank;
                *dst = rank;
                *call = &item->call;
                return;
            }
        }
    }
    g_assert_not_reached();
}
