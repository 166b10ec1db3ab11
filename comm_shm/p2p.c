/* SPDX-License-Identifier: MIT */
#include "comm_shm/p2p.h"

#include <string.h>

/* A send or a receive that waits for its partner. */
typedef struct Item Item;

struct Item {
    Item *next;
    int rank;        /* who called */
    DdpPost *post;   /* NULL: a buffered message, whose sender has gone on */
    DdpCall call;    /* of a buffered message, with its own `in` */
    int64_t came_ns; /* when it was sent */
};

typedef struct {
    Item *sends;    /* to this rank, in the order sent */
    Item *receives; /* of this rank, in the order posted */
} Box;

struct DdpMailboxes {
    DdpHeap *heap; /* borrowed */
    int size;
    DdpBackend backend;
    Box boxes[]; /* by receiving rank */
};

DdpMailboxes *
ddp_mailboxes_new(DdpHeap *heap, int size, DdpBackend backend)
{
    DdpMailboxes *boxes =
        ddp_heap_alloc0(heap, sizeof *boxes + (size_t)size * sizeof boxes->boxes[0]);

    boxes->heap = heap;
    boxes->size = size;
    boxes->backend = backend;
    return boxes;
}

static void
item_free(DdpMailboxes *boxes, Item *item)
{
    if (item->post == NULL)
        ddp_heap_release(boxes->heap, item->call.in);
    ddp_heap_release(boxes->heap, item);
}

static void
items_free(DdpMailboxes *boxes, Item *item)
{
    while (item != NULL) {
        Item *next = item->next;

        item_free(boxes, item);
        item = next;
    }
}

void
ddp_mailboxes_free(DdpMailboxes *boxes)
{
    if (boxes == NULL)
        return;
    for (int rank = 0; rank < boxes->size; rank++) {
        items_free(boxes, boxes->boxes[rank].sends);
        items_free(boxes, boxes->boxes[rank].receives);
    }
    ddp_heap_release(boxes->heap, boxes);
}

static Item *
append(DdpMailboxes *boxes, Item **list, int rank, DdpPost *post)
{
    Item *item = ddp_heap_alloc0(boxes->heap, sizeof *item);

    item->rank = rank;
    item->post = post;
    while (*list != NULL)
        list = &(*list)->next;
    *list = item;
    return item;
}

static void
take_out(DdpMailboxes *boxes, Item **link)
{
    Item *item = *link;

    *link = item->next;
    item_free(boxes, item);
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

static size_t
payload_bytes(const DdpCall *send)
{
    return send->count * ddp_dtype_bytes(send->dtype);
}

static void
deliver(int sender, const DdpCall *send, DdpCall *receive)
{
    size_t bytes = payload_bytes(send);

    if (bytes > 0)
        memcpy(receive->out, send->in, bytes);
    receive->root = sender;
}

/* How long a message is on its way. */
static int64_t
way_ns(const DdpComm *comm, int sender, int receiver, const DdpCall *send)
{
    int ranks[2] = {sender, receiver};
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);

    return ops->cost_ns != NULL ? ops->cost_ns(engine, send, payload_bytes(send), ranks, 2) : 0;
}

/* Both have come: the receive is over when the message is there, a rendezvous send as well. */
static void
finish(DdpPost *post, int64_t over_ns, int last)
{
    post->over_ns = over_ns;
    post->last = last;
    atomic_store_explicit(&post->done, true, memory_order_release);
}

/* What differs in dtype or shape: both stand in their mailboxes for good. */
static void
set_against(DdpPost *post, const DdpCall *call, int rank)
{
    post->against = call;
    post->against_rank = rank;
}

static DdpP2pResult
post_send(DdpMailboxes *boxes, const DdpComm *comm, int rank, DdpPost *post, int *partner)
{
    DdpCall *send = post->call;
    Box *box = &boxes->boxes[send->root];
    Item *item;

    for (Item **link = &box->receives; *link != NULL; link = &(*link)->next) {
        DdpPost *other = (*link)->post;
        int receiver = (*link)->rank;
        int64_t over;

        if (!fit(boxes, rank, send, other->call))
            continue;
        if (!same_payload(send, other->call)) {
            append(boxes, &box->sends, rank, post);
            set_against(post, other->call, receiver);
            set_against(other, send, rank);
            return DDP_P2P_MISMATCH;
        }
        over = MAX(post->came_ns, other->came_ns) + way_ns(comm, rank, receiver, send);
        deliver(rank, send, other->call);
        finish(other, over, post->came_ns > other->came_ns ? rank : receiver);
        finish(post, boxes->backend == DDP_BACKEND_NCCL ? over : post->came_ns, receiver);
        *partner = receiver;
        take_out(boxes, link);
        return DDP_P2P_DONE;
    }
    if (boxes->backend == DDP_BACKEND_NCCL) {
        append(boxes, &box->sends, rank, post);
        return DDP_P2P_PENDING;
    }
    item = append(boxes, &box->sends, rank, NULL);
    item->came_ns = post->came_ns;
    item->call = *send;
    item->call.name = NULL;
    item->call.caller = NULL;
    item->call.in = ddp_heap_alloc(boxes->heap, payload_bytes(send));
    if (payload_bytes(send) > 0)
        memcpy(item->call.in, send->in, payload_bytes(send));
    finish(post, post->came_ns, rank);
    return DDP_P2P_DONE;
}

static DdpP2pResult
post_receive(DdpMailboxes *boxes, const DdpComm *comm, int rank, DdpPost *post, int *partner)
{
    DdpCall *receive = post->call;
    Box *box = &boxes->boxes[rank];

    for (Item **link = &box->sends; *link != NULL; link = &(*link)->next) {
        const DdpCall *send = call_of(*link);
        DdpPost *other = (*link)->post;
        int sender = (*link)->rank;
        int64_t sent, over;

        if (!fit(boxes, sender, send, receive))
            continue;
        if (!same_payload(send, receive)) {
            append(boxes, &box->receives, rank, post);
            set_against(post, send, sender);
            if (other != NULL)
                set_against(other, receive, rank);
            return DDP_P2P_MISMATCH;
        }
        sent = other != NULL ? other->came_ns : (*link)->came_ns;
        /* A buffered message set out when it was sent; one of a rendezvous waits for us. */
        over = other != NULL ? MAX(sent, post->came_ns) + way_ns(comm, sender, rank, send)
                             : MAX(sent + way_ns(comm, sender, rank, send), post->came_ns);
        deliver(sender, send, receive);
        finish(post, over, sent > post->came_ns ? sender : rank);
        if (other != NULL) {
            finish(other, over, sent > post->came_ns ? sender : rank);
            *partner = sender;
        }
        take_out(boxes, link);
        return DDP_P2P_DONE;
    }
    append(boxes, &box->receives, rank, post);
    return DDP_P2P_PENDING;
}

DdpP2pResult
ddp_mailboxes_post(DdpMailboxes *boxes, const DdpComm *comm, int rank, DdpPost *post, int *partner)
{
    *partner = -1;
    return post->call->kind == DDP_CALL_SEND ? post_send(boxes, comm, rank, post, partner)
                                             : post_receive(boxes, comm, rank, post, partner);
}

void
ddp_mailboxes_withdraw(DdpMailboxes *boxes, int rank, DdpPost *post)
{
    Item **link = post->call->kind == DDP_CALL_SEND ? &boxes->boxes[post->call->root].sends
                                                    : &boxes->boxes[rank].receives;

    for (; *link != NULL; link = &(*link)->next) {
        if ((*link)->post == post) {
            take_out(boxes, link);
            return;
        }
    }
}

size_t
ddp_mailboxes_unreceived(const DdpMailboxes *boxes)
{
    size_t count = 0;

    for (int rank = 0; rank < boxes->size; rank++) {
        for (const Item *item = boxes->boxes[rank].sends; item != NULL; item = item->next)
            count += item->post == NULL;
    }
    return count;
}

void
ddp_mailboxes_unreceived_at(const DdpMailboxes *boxes, size_t index, int *src, int *dst,
                            const DdpCall **call)
{
    for (int rank = 0; rank < boxes->size; rank++) {
        for (const Item *item = boxes->boxes[rank].sends; item != NULL; item = item->next) {
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
