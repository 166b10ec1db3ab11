/* SPDX-License-Identifier: MIT */
#include "comm_shm/comm_private.h"
#include "comm_shm/p2p.h"

#include <string.h>

struct DdpComm {
    int size;
    DdpBackend backend;
    DdpParkOps ops;
    void *engine;      /* borrowed */
    GPtrArray *groups; /* of DdpGroup, owned; the world first */
    DdpMailboxes *boxes; /* owned */
    DdpPost **waits;   /* by rank: what it sleeps in, or NULL */
    bool *left;        /* by rank */
    GPtrArray *abandoned; /* of DdpWork: dropped by their callers while others still need them */
    bool hopeless_told;
    char *ended; /* why the world was ended, or NULL */
};

G_DEFINE_QUARK(ddp_comm_error_quark, ddp_comm_error)

const char *
ddp_backend_name(DdpBackend backend)
{
    return backend == DDP_BACKEND_NCCL ? "nccl" : "gloo";
}

bool
ddp_backend_from_name(const char *name, DdpBackend *backend)
{
    if (strcmp(name, "nccl") == 0)
        *backend = DDP_BACKEND_NCCL;
    else if (strcmp(name, "gloo") == 0)
        *backend = DDP_BACKEND_GLOO;
    else
        return false;
    return true;
}

/* ---- groups ---- */

static DdpGroup *
group_new(DdpComm *comm, const char *name, const int *ranks, int size)
{
    DdpGroup *group = g_new0(DdpGroup, 1);

    group->comm = comm;
    group->name = g_strdup(name);
    group->size = size;
    group->ranks = ranks != NULL ? g_memdup2(ranks, (gsize)size * sizeof *ranks) : NULL;
    group->next_seq = g_new0(uint64_t, size);
    group->buffers = g_new0(void *, size);
    return group;
}

static void
meets_free(DdpMeet *meet)
{
    while (meet != NULL) {
        DdpMeet *next = meet->next;

        g_free(meet);
        meet = next;
    }
}

static void
group_free(void *group_)
{
    DdpGroup *group = group_;

    meets_free(group->open);
    meets_free(group->free_meets);
    g_free(group->name);
    g_free(group->ranks);
    g_free(group->next_seq);
    g_free(group->buffers);
    g_free(group);
}

DdpGroup *
ddp_comm_add_group(DdpComm *comm, const int *ranks, int size)
{
    GString *name = g_string_new("{");
    DdpGroup *group;

    for (int i = 0; i < size; i++)
        g_string_append_printf(name, "%s%d", i > 0 ? "," : "", ranks[i]);
    g_string_append_c(name, '}');
    group = group_new(comm, name->str, ranks, size);
    g_string_free(name, TRUE);
    for (int member = 0; member < size; member++)
        group->left += comm->left[ranks[member]];
    g_ptr_array_add(comm->groups, group);
    return group;
}

const char *
ddp_group_name(const DdpGroup *group)
{
    return group->name;
}

int
ddp_group_size(const DdpGroup *group)
{
    return group->size;
}

int
ddp_group_rank(const DdpGroup *group, int member)
{
    g_assert(member >= 0 && member < group->size);
    return group->ranks != NULL ? group->ranks[member] : member;
}

int
ddp_group_member(const DdpGroup *group, int rank)
{
    int low = 0, high = group->size;

    if (group->ranks == NULL)
        return rank >= 0 && rank < group->size ? rank : -1;
    while (low < high) {
        int middle = low + (high - low) / 2;

        if (group->ranks[middle] < rank)
            low = middle + 1;
        else
            high = middle;
    }
    return low < group->size && group->ranks[low] == rank ? low : -1;
}

uint64_t
ddp_group_completed(const DdpGroup *group)
{
    return group->completed;
}

uint64_t
ddp_group_next_seq(const DdpGroup *group, int rank)
{
    int member = ddp_group_member(group, rank);

    return member >= 0 ? group->next_seq[member] : 0;
}

uint64_t
ddp_group_call_count(const DdpGroup *group, DdpCallKind kind)
{
    return group->call_count[kind];
}

uint64_t
ddp_group_call_bytes(const DdpGroup *group, DdpCallKind kind)
{
    return group->call_bytes[kind];
}

/* ---- works ---- */

struct DdpWork {
    DdpComm *comm; /* borrowed */
    int rank;
    DdpCall call;     /* with our own buffers */
    DdpPost post;
    void *user_in;    /* borrowed; the caller's buffers */
    void *user_out;
    void *snapshot;   /* what `in` held when the call was made */
    size_t in_bytes;
    size_t out_bytes;
    bool waited_for;
};

static bool
is_in_place(DdpCallKind kind)
{
    return kind == DDP_CALL_ALL_REDUCE || kind == DDP_CALL_BROADCAST || kind == DDP_CALL_REDUCE;
}

static void
work_release(void *work_)
{
    DdpWork *work = work_;

    if (!is_in_place(work->call.kind))
        g_free(work->call.out);
    g_free(work->call.in);
    g_free(work->snapshot);
    g_free((void *)work->call.in_splits);
    g_free((void *)work->call.out_splits);
    g_free(work);
}

/* ---- the communicator ---- */

DdpComm *
ddp_comm_new(int size, DdpBackend backend, const DdpParkOps *ops, void *engine)
{
    g_return_val_if_fail(size > 0, NULL);

    DdpComm *comm = g_new0(DdpComm, 1);

    comm->size = size;
    comm->backend = backend;
    comm->ops = *ops;
    comm->engine = engine;
    comm->groups = g_ptr_array_new_with_free_func(group_free);
    comm->abandoned = g_ptr_array_new_with_free_func(work_release);
    comm->waits = g_new0(DdpPost *, size);
    comm->left = g_new0(bool, size);
    comm->boxes = ddp_mailboxes_new(size, backend);
    g_ptr_array_add(comm->groups, group_new(comm, "world", NULL, size));
    return comm;
}

void
ddp_comm_free(DdpComm *comm)
{
    if (comm == NULL)
        return;
    g_ptr_array_unref(comm->groups);
    ddp_mailboxes_free(comm->boxes);
    g_ptr_array_unref(comm->abandoned);
    g_free(comm->waits);
    g_free(comm->left);
    g_free(comm->ended);
    g_free(comm);
}

int
ddp_comm_size(const DdpComm *comm)
{
    return comm->size;
}

DdpGroup *
ddp_comm_world_group(DdpComm *comm)
{
    return comm->groups->pdata[0];
}

int
ddp_comm_group_count(const DdpComm *comm)
{
    return (int)comm->groups->len;
}

DdpGroup *
ddp_comm_group(DdpComm *comm, int index)
{
    g_return_val_if_fail(index >= 0 && index < (int)comm->groups->len, NULL);

    return comm->groups->pdata[index];
}

/* ---- what is wrong with a call whoever else comes ---- */

static bool bad_call(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
bad_call(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL) {
        g_autofree char *message = g_strdup_vprintf(format, arguments);

        g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_BAD_CALL, message);
    }
    va_end(arguments);
    return false;
}

static bool
check_root(const DdpComm *comm, const DdpGroup *group, const DdpCall *call, GError **error)
{
    const char *what =
        call->kind == DDP_CALL_REDUCE || call->kind == DDP_CALL_GATHER ? "dst" : "src";

    if (call->root < 0 || call->root >= comm->size)
        return bad_call(error, "%s: %s is %d, expected a rank from 0 to %d",
                        ddp_call_kind_name(call->kind), what, call->root, comm->size - 1);
    if (ddp_group_member(group, call->root) < 0)
        return bad_call(error,
                        "%s: %s is %d, which is no member of group %s; roots are ranks of the "
                        "world",
                        ddp_call_kind_name(call->kind), what, call->root, group->name);
    return true;
}

static bool
is_p2p(DdpCallKind kind)
{
    return kind == DDP_CALL_SEND || kind == DDP_CALL_RECV;
}

static bool
check_peer(const DdpComm *comm, int rank, const DdpCall *call, GError **error)
{
    const char *what = call->kind == DDP_CALL_SEND ? "dst" : "src";

    if (call->kind == DDP_CALL_RECV && call->root == -1)
        return true;
    if (call->root < 0 || call->root >= comm->size)
        return bad_call(error, "%s: %s is %d, expected a rank from 0 to %d",
                        ddp_call_kind_name(call->kind), what, call->root, comm->size - 1);
    if (call->root == rank)
        return bad_call(error, "%s: %s is %d, this rank itself; a rank cannot send to itself",
                        ddp_call_kind_name(call->kind), what, rank);
    return true;
}

static bool
check_reduction(const DdpComm *comm, const DdpCall *call, GError **error)
{
    const char *kind = ddp_call_kind_name(call->kind);

    if (!ddp_reduce_op_supports(call->op, call->dtype))
        return bad_call(error, "%s: %s is not defined for %s", kind, ddp_reduce_op_name(call->op),
                        ddp_dtype_name(call->dtype));
    if (comm->backend == DDP_BACKEND_GLOO && call->op == DDP_REDUCE_AVG)
        return bad_call(error,
                        "%s: Cannot use ReduceOp.AVG with Gloo; use SUM and divide by the world "
                        "size",
                        kind);
    if (comm->backend == DDP_BACKEND_NCCL && call->op >= DDP_REDUCE_BAND)
        return bad_call(error, "%s: Cannot use ReduceOp.%s with NCCL; the gloo backend has it", kind,
                        call->op == DDP_REDUCE_BAND  ? "BAND"
                        : call->op == DDP_REDUCE_BOR ? "BOR"
                                                     : "BXOR");
    return true;
}

/* torch raises here before it communicates: the others wait in vain, if they come. */
static bool
check_call(const DdpComm *comm, const DdpGroup *group, int rank, const DdpCall *call,
           GError **error)
{
    if (group->ranks != NULL && ddp_group_member(group, rank) < 0)
        return bad_call(error, "%s: rank %d is no member of group %s",
                        ddp_call_kind_name(call->kind), rank, group->name);
    switch (call->kind) {
    case DDP_CALL_BROADCAST:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_GATHER:
    case DDP_CALL_SCATTER:
        return check_root(comm, group, call, error);
    case DDP_CALL_REDUCE:
        return check_root(comm, group, call, error) && check_reduction(comm, call, error);
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_REDUCE_SCATTER:
        return check_reduction(comm, call, error);
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_ALL_TO_ALL:
    case DDP_CALL_BARRIER:
    case DDP_CALL_NEW_GROUP:
        return true;
    case DDP_CALL_SEND:
    case DDP_CALL_RECV:
        return check_peer(comm, rank, call, error);
    }
    g_assert_not_reached();
}

static bool
ended_error(const DdpComm *comm, GError **error)
{
    g_set_error_literal(error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED, comm->ended);
    return false;
}

/* ---- sizes ---- */

static size_t
sum_of(const size_t *splits, int size)
{
    size_t sum = 0;

    for (int i = 0; i < size; i++)
        sum += splits[i];
    return sum;
}

/* Bytes that @call reads from `in`. */
static size_t
in_bytes(const DdpGroup *group, int rank, const DdpCall *call)
{
    size_t piece = call->count * ddp_dtype_bytes(call->dtype);

    switch (call->kind) {
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_GATHER:
    case DDP_CALL_SEND:
        return piece;
    case DDP_CALL_SCATTER:
        return call->root == rank ? piece * (size_t)group->size : 0;
    case DDP_CALL_REDUCE_SCATTER:
        return piece * (size_t)group->size;
    case DDP_CALL_ALL_TO_ALL:
        return call->in_splits != NULL
                   ? sum_of(call->in_splits, group->size) * ddp_dtype_bytes(call->dtype)
                   : piece * (size_t)group->size;
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
        return call->count;
    case DDP_CALL_BARRIER:
    case DDP_CALL_NEW_GROUP:
    case DDP_CALL_RECV:
        return 0;
    }
    g_assert_not_reached();
}

/* Bytes that a completed @call has written to `out`; those that work in place not counted. */
static size_t
out_bytes(const DdpGroup *group, int rank, const DdpCall *call)
{
    size_t piece = call->count * ddp_dtype_bytes(call->dtype);

    switch (call->kind) {
    case DDP_CALL_ALL_GATHER:
        return piece * (size_t)group->size;
    case DDP_CALL_GATHER:
        return call->root == rank ? piece * (size_t)group->size : 0;
    case DDP_CALL_SCATTER:
    case DDP_CALL_REDUCE_SCATTER:
    case DDP_CALL_RECV:
        return piece;
    case DDP_CALL_ALL_TO_ALL:
        return call->out_splits != NULL
                   ? sum_of(call->out_splits, group->size) * ddp_dtype_bytes(call->dtype)
                   : piece * (size_t)group->size;
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_REDUCE:
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_BARRIER:
    case DDP_CALL_NEW_GROUP:
    case DDP_CALL_SEND:
        return 0;
    }
    g_assert_not_reached();
}

/* ---- meeting ---- */

static void (*const complete_funcs[DDP_CALL_KIND_COUNT])(DdpGroup *group, DdpMeet *meet) = {
    [DDP_CALL_ALL_REDUCE] = ddp_all_reduce_complete,
    [DDP_CALL_ALL_GATHER] = ddp_all_gather_complete,
    [DDP_CALL_ALL_GATHER_OBJECT] = ddp_all_gather_object_complete,
    [DDP_CALL_BROADCAST] = ddp_broadcast_complete,
    [DDP_CALL_BROADCAST_OBJECT] = ddp_broadcast_object_complete,
    [DDP_CALL_REDUCE] = ddp_reduce_complete,
    [DDP_CALL_GATHER] = ddp_gather_complete,
    [DDP_CALL_SCATTER] = ddp_scatter_complete,
    [DDP_CALL_REDUCE_SCATTER] = ddp_reduce_scatter_complete,
    [DDP_CALL_ALL_TO_ALL] = ddp_all_to_all_complete,
    [DDP_CALL_BARRIER] = NULL, /* to have met is all */
    [DDP_CALL_NEW_GROUP] = ddp_new_group_complete,
    [DDP_CALL_SEND] = NULL, /* these two do not meet in groups */
    [DDP_CALL_RECV] = NULL,
};

/* The open meeting number @seq, opened if nobody has come yet. */
static DdpMeet *
meet_at(DdpGroup *group, uint64_t seq)
{
    DdpMeet **link = &group->open;

    while (*link != NULL && (*link)->seq < seq)
        link = &(*link)->next;
    if (*link != NULL && (*link)->seq == seq)
        return *link;

    DdpMeet *meet = group->free_meets;

    if (meet != NULL) {
        group->free_meets = meet->next;
    } else {
        size_t posts = (size_t)group->size * sizeof meet->posts[0];

        meet = g_malloc0(sizeof *meet + posts + (size_t)group->size * sizeof meet->order[0]);
        meet->order = (int *)((char *)meet->posts + posts);
    }
    meet->seq = seq;
    meet->next = *link;
    *link = meet;
    return meet;
}

/* The meeting is over: its place is free for another. */
static void
close_meet(DdpGroup *group, DdpMeet *meet)
{
    DdpMeet **link = &group->open;

    while (*link != meet)
        link = &(*link)->next;
    *link = meet->next;
    meet->arrived = 0;
    meet->difference = DDP_CALL_SAME;
    memset(meet->posts, 0, (size_t)group->size * sizeof meet->posts[0]);
    meet->next = group->free_meets;
    group->free_meets = meet;
}

/* The gravest difference from member 0's call that any member brought. */
static DdpCallDifference
compare_all(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *first = ddp_meet_call(meet, 0);
    DdpCallDifference gravest = DDP_CALL_SAME;

    for (int member = 1; member < group->size; member++) {
        DdpCallDifference found = ddp_call_compare(first, ddp_meet_call(meet, member));

        if (found != DDP_CALL_SAME && (gravest == DDP_CALL_SAME || found < gravest))
            gravest = found;
    }
    if (gravest == DDP_CALL_SAME && first->kind == DDP_CALL_ALL_TO_ALL &&
        !ddp_all_to_all_fits(group, meet))
        gravest = DDP_CALL_DIFFERS_SHAPE;
    return gravest;
}

static void
complete(DdpGroup *group, DdpMeet *meet, int last)
{
    DdpComm *comm = group->comm;
    DdpCallKind kind = ddp_meet_call(meet, last)->kind;
    size_t bytes = 0;

    for (int member = 0; member < group->size; member++)
        bytes += in_bytes(group, ddp_group_rank(group, member), ddp_meet_call(meet, member));
    if (complete_funcs[kind] != NULL)
        complete_funcs[kind](group, meet);
    group->call_count[kind]++;
    group->call_bytes[kind] += bytes;
    group->completed++;
    for (int i = 0; i < group->size; i++) {
        int member = meet->order[i];
        DdpPost *post = meet->posts[member];

        post->done = true;
        post->meet = NULL;
        if (post->waits && member != last)
            comm->ops.wake(comm->engine, ddp_group_rank(group, member));
    }
    close_meet(group, meet);
}

/* Some member that has left will never come to @meet. */
static bool
is_missed(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; group->left > 0 && member < group->size; member++) {
        if (meet->posts[member] == NULL && group->comm->left[ddp_group_rank(group, member)])
            return true;
    }
    return false;
}

static void
tell_hopeless(DdpComm *comm, int rank)
{
    comm->hopeless_told = true;
    comm->ops.hopeless(comm->engine, rank);
}

/* Takes part in the group's next collective, and completes it if that makes it full. */
static void
come(DdpGroup *group, int rank, DdpPost *post)
{
    int member = ddp_group_member(group, rank);
    DdpMeet *meet;

    post->group = group;
    post->seq = group->next_seq[member]++;
    meet = meet_at(group, post->seq);
    post->meet = meet;
    meet->posts[member] = post;
    meet->order[meet->arrived++] = member;
    if (meet->arrived < group->size)
        return;
    meet->difference = compare_all(group, meet);
    if (meet->difference == DDP_CALL_SAME)
        complete(group, meet, member);
}

/* A send or receive: completes at once, or stands in a mailbox. */
static void
post_message(DdpComm *comm, int rank, DdpPost *post)
{
    int partner;

    post->group = ddp_comm_world_group(comm);
    switch (ddp_mailboxes_post(comm->boxes, rank, post, &partner)) {
    case DDP_P2P_DONE:
        break;
    case DDP_P2P_MISMATCH:
        post->mismatched = true;
        post->is_pending = true;
        break;
    case DDP_P2P_PENDING:
        post->is_pending = true;
        break;
    }
    if (post->call->kind == DDP_CALL_SEND) {
        post->group->call_count[DDP_CALL_SEND]++;
        post->group->call_bytes[DDP_CALL_SEND] += in_bytes(post->group, rank, post->call);
    }
    if (partner >= 0 && comm->waits[partner] != NULL && comm->waits[partner]->done)
        comm->ops.wake(comm->engine, partner);
}

static void
take_part(DdpComm *comm, int rank, DdpGroup *group, DdpPost *post)
{
    if (is_p2p(post->call->kind))
        post_message(comm, rank, post);
    else
        come(group, rank, post);
}

/* A partner that can still come: the peer, or anybody where the source is open. */
static bool
has_partner(const DdpComm *comm, int rank, const DdpCall *call)
{
    if (call->root >= 0)
        return !comm->left[call->root];
    for (int other = 0; other < comm->size; other++) {
        if (other != rank && !comm->left[other])
            return true;
    }
    return false;
}

/* Nothing that may still happen can complete @post. */
static bool
is_hopeless(const DdpComm *comm, int rank, const DdpPost *post)
{
    if (is_p2p(post->call->kind))
        return post->mismatched || !has_partner(comm, rank, post->call);
    return post->meet->difference != DDP_CALL_SAME || is_missed(post->group, post->meet);
}

/* A post whose world has ended is taken out, so that nobody looks at it again. */
static void
withdraw(DdpPost *post, int rank)
{
    DdpMeet *meet = post->meet;

    if (post->is_pending) {
        ddp_mailboxes_withdraw(post->group->comm->boxes, rank, post);
        post->is_pending = false;
    }
    if (meet == NULL)
        return;
    meet->posts[ddp_group_member(post->group, rank)] = NULL;
    meet->arrived--;
    post->meet = NULL;
    if (meet->arrived == 0)
        close_meet(post->group, meet);
}

/* Sleeps until @post is done; false when the world is ended first. */
static bool
wait_for(DdpComm *comm, int rank, DdpPost *post, GError **error)
{
    if (post->done)
        return true;
    if (comm->ended != NULL) {
        withdraw(post, rank);
        return ended_error(comm, error);
    }
    post->since_ns = comm->ops.now_ns(comm->engine);
    post->waits = true;
    comm->waits[rank] = post;
    if (!comm->hopeless_told && is_hopeless(comm, rank, post))
        tell_hopeless(comm, rank);
    while (!post->done && comm->ended == NULL)
        comm->ops.park(comm->engine, rank);
    comm->waits[rank] = NULL;
    post->waits = false;
    if (post->done)
        return true;
    withdraw(post, rank);
    return ended_error(comm, error);
}

bool
ddp_comm_call(DdpComm *comm, int rank, DdpGroup *group, DdpCall *call, GError **error)
{
    DdpPost post = {.call = call};

    g_return_val_if_fail(rank >= 0 && rank < comm->size, false);
    g_return_val_if_fail(!comm->left[rank], false);

    if (comm->ended != NULL)
        return ended_error(comm, error);
    if (!check_call(comm, group, rank, call, error))
        return false;
    take_part(comm, rank, group, &post);
    if (post.done && !is_p2p(call->kind))
        comm->ops.yield(comm->engine, rank);
    return wait_for(comm, rank, &post, error);
}

/* ---- works ---- */

DdpWork *
ddp_comm_begin(DdpComm *comm, int rank, DdpGroup *group, const DdpCall *call, GError **error)
{
    g_return_val_if_fail(rank >= 0 && rank < comm->size && !comm->left[rank], NULL);
    g_return_val_if_fail(call->kind != DDP_CALL_ALL_GATHER_OBJECT &&
                             call->kind != DDP_CALL_BROADCAST_OBJECT &&
                             call->kind != DDP_CALL_NEW_GROUP && !call->open,
                         NULL);

    if (comm->ended != NULL) {
        ended_error(comm, error);
        return NULL;
    }
    if (!check_call(comm, group, rank, call, error))
        return NULL;

    DdpWork *work = g_new0(DdpWork, 1);
    gsize splits_bytes = (gsize)group->size * sizeof(size_t);

    work->comm = comm;
    work->rank = rank;
    work->call = *call;
    work->user_in = call->in;
    work->user_out = call->out;
    work->in_bytes = in_bytes(group, rank, call);
    work->out_bytes = out_bytes(group, rank, call);
    work->call.in = g_memdup2(call->in, work->in_bytes);
    work->snapshot = g_memdup2(call->in, work->in_bytes);
    work->call.out = is_in_place(call->kind) ? work->call.in : g_malloc(work->out_bytes + 1);
    work->call.in_splits = g_memdup2(call->in_splits, call->in_splits != NULL ? splits_bytes : 0);
    work->call.out_splits = g_memdup2(call->out_splits, call->out_splits != NULL ? splits_bytes : 0);
    work->post.call = &work->call;
    take_part(comm, rank, group, &work->post);
    return work;
}

bool
ddp_work_wait(DdpWork *work, bool *touched, GError **error)
{
    if (touched != NULL)
        *touched = false;
    if (!wait_for(work->comm, work->rank, &work->post, error))
        return false;
    if (work->waited_for)
        return true;
    work->waited_for = true;
    if (touched != NULL && work->in_bytes > 0)
        *touched = memcmp(work->user_in, work->snapshot, work->in_bytes) != 0;
    if (is_in_place(work->call.kind) && work->in_bytes > 0)
        memcpy(work->user_in, work->call.in, work->in_bytes);
    else if (work->out_bytes > 0)
        memcpy(work->user_out, work->call.out, work->out_bytes);
    return true;
}

bool
ddp_work_is_completed(const DdpWork *work)
{
    return work->post.done;
}

bool
ddp_work_was_waited_for(const DdpWork *work)
{
    return work->waited_for;
}

const DdpCall *
ddp_work_call(const DdpWork *work)
{
    return &work->call;
}

void
ddp_work_free(DdpWork *work)
{
    if (work == NULL)
        return;
    if (work->post.meet != NULL || (work->post.is_pending && !work->post.done))
        g_ptr_array_add(work->comm->abandoned, work);
    else
        work_release(work);
}

/* ---- leaving and ending ---- */

void
ddp_comm_leave(DdpComm *comm, int rank)
{
    bool missed = false;

    g_return_if_fail(rank >= 0 && rank < comm->size && !comm->left[rank]);

    comm->left[rank] = true;
    for (guint i = 0; i < comm->groups->len; i++) {
        DdpGroup *group = comm->groups->pdata[i];
        int member = ddp_group_member(group, rank);

        if (member < 0)
            continue;
        group->left++;
        for (const DdpMeet *meet = group->open; meet != NULL && !missed; meet = meet->next) {
            if (meet->posts[member] != NULL)
                continue;
            for (int other = 0; other < group->size && !missed; other++)
                missed = meet->posts[other] != NULL && meet->posts[other]->waits;
        }
    }
    for (int other = 0; other < comm->size && !missed && !comm->hopeless_told; other++) {
        const DdpPost *post = comm->waits[other];

        missed = post != NULL && !post->done && is_p2p(post->call->kind) &&
                 is_hopeless(comm, other, post);
    }
    if (missed && comm->ended == NULL && !comm->hopeless_told)
        tell_hopeless(comm, rank);
}

bool
ddp_comm_has_left(const DdpComm *comm, int rank)
{
    return comm->left[rank];
}

void
ddp_comm_end(DdpComm *comm, const char *message)
{
    if (comm->ended != NULL)
        return;
    comm->ended = g_strdup(message);
    for (int rank = 0; rank < comm->size; rank++) {
        if (comm->waits[rank] != NULL)
            comm->ops.wake(comm->engine, rank);
    }
}

bool
ddp_comm_wait_of(const DdpComm *comm, int rank, DdpWait *wait)
{
    const DdpPost *post = comm->waits[rank];

    if (post == NULL)
        return false;
    *wait = (DdpWait){post->call, post->group, post->seq, post->since_ns,
                      post->mismatched      ? DDP_CALL_DIFFERS_SHAPE
                      : post->meet != NULL ? post->meet->difference
                                           : DDP_CALL_SAME};
    return true;
}

bool
ddp_comm_misses(const DdpComm *comm, int rank, int other)
{
    const DdpPost *post = comm->waits[rank];

    if (post != NULL && is_p2p(post->call->kind))
        return post->call->root < 0 ? other != rank : post->call->root == other;

    int member = post != NULL && post->meet != NULL ? ddp_group_member(post->group, other) : -1;

    return member >= 0 && post->meet->posts[member] == NULL;
}

size_t
ddp_comm_unreceived(const DdpComm *comm)
{
    return ddp_mailboxes_unreceived(comm->boxes);
}

void
ddp_comm_unreceived_at(const DdpComm *comm, size_t index, int *src, int *dst,
                       const DdpCall **call)
{
    ddp_mailboxes_unreceived_at(comm->boxes, index, src, dst, call);
}
