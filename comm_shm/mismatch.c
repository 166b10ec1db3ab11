/* SPDX-License-Identifier: MIT */
/*
 * All have come, and their calls differ.
 *
 * Without more ado nobody goes on: the verdict falls. With debug "detail" the calls fail on every
 * member at once, as under torch's DETAIL mode. With "off" what happens is what the backend would
 * do, which looks at nothing but bytes: it moves what was asked for as far as sizes and roles fit,
 * and hangs where they do not. The table of it stands in docs/diagnosis.md.
 */
#include "comm_shm/comm_private.h"
#include "comm_shm/reduce.h"

#include <string.h>

static const char *const debug_names[] = {"verdict", "detail", "off"};

const char *
ddp_debug_name(DdpDebug debug)
{
    return debug_names[debug];
}

bool
ddp_debug_from_name(const char *name, DdpDebug *debug)
{
    for (size_t i = 0; i < G_N_ELEMENTS(debug_names); i++) {
        if (strcmp(debug_names[i], name) == 0) {
            *debug = (DdpDebug)i;
            return true;
        }
    }
    return false;
}

/* ---- what a backend does not tell apart ---- */

static size_t
call_bytes(const DdpCall *call)
{
    return call->count * ddp_dtype_bytes(call->dtype);
}

/* NCCL has no barrier: it reduces one float. */
static bool
is_barrier_in_disguise(const DdpCall *barrier, const DdpCall *call)
{
    return barrier->kind == DDP_CALL_BARRIER && call->kind == DDP_CALL_ALL_REDUCE &&
           call->dtype == DDP_DTYPE_F32 && call->count == 1;
}

bool
ddp_backend_pairs(DdpBackend backend, const DdpCall *a, const DdpCall *b)
{
    if (a->kind != b->kind)
        return backend == DDP_BACKEND_NCCL &&
               (is_barrier_in_disguise(a, b) || is_barrier_in_disguise(b, a));
    switch (a->kind) {
    case DDP_CALL_NEW_GROUP:
    case DDP_CALL_SEND:
    case DDP_CALL_RECV:
        return false;
    case DDP_CALL_BARRIER:
    case DDP_CALL_MONITORED_BARRIER:
        return true;
    case DDP_CALL_ALL_GATHER_OBJECT:
    case DDP_CALL_BROADCAST_OBJECT:
    case DDP_CALL_SCATTER:
        return a->root == b->root;
    case DDP_CALL_ALL_TO_ALL:
        return a->in_splits == NULL && b->in_splits == NULL && call_bytes(a) == call_bytes(b);
    case DDP_CALL_ALL_GATHER:
    case DDP_CALL_GATHER:
    case DDP_CALL_REDUCE:
    case DDP_CALL_BROADCAST:
    case DDP_CALL_ALL_REDUCE:
    case DDP_CALL_REDUCE_SCATTER:
        break;
    }
    /* Who gets what its root sends, and who sends what nobody takes, is looked at as a whole. */
    return call_bytes(a) == call_bytes(b) &&
           ddp_dtype_bytes(a->dtype) == ddp_dtype_bytes(b->dtype) &&
           (a->root == b->root || a->kind == DDP_CALL_BROADCAST) &&
           ddp_reduce_op_supports(a->op, b->dtype) && ddp_reduce_op_supports(b->op, a->dtype);
}

/* Of a broadcast: the root that a member names must take itself for the root as well. */
static bool
roots_send(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; member < group->size; member++) {
        int root = ddp_meet_call(meet, member)->root;

        if (ddp_meet_call(meet, ddp_group_member(group, root))->root != root)
            return false;
    }
    return true;
}

static bool
all_pair(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *first = ddp_meet_call(meet, 0);

    for (int member = 1; member < group->size; member++) {
        if (!ddp_backend_pairs(group->comm->backend, first, ddp_meet_call(meet, member)))
            return false;
    }
    return first->kind != DDP_CALL_BROADCAST || roots_send(group, meet);
}

/* ---- moving the bytes ---- */

/* (transfer full): copies of what the members bring; of a barrier a 0. */
static char **
copy_inputs(const DdpGroup *group, const DdpMeet *meet)
{
    char **inputs = g_new0(char *, group->size);

    for (int member = 0; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);
        size_t bytes = ddp_call_in_bytes(group, ddp_rank_of(group, member), call);

        inputs[member] = g_malloc0(bytes + sizeof(float));
        if (bytes > 0)
            memcpy(inputs[member], call->in, bytes);
    }
    return inputs;
}

static void
free_inputs(const DdpGroup *group, char **inputs)
{
    for (int member = 0; member < group->size; member++)
        g_free(inputs[member]);
    g_free(inputs);
}

/* Each member reads everybody's bits as its own dtype; the op is that of the first. */
static void
reduce_bits(const DdpGroup *group, const DdpMeet *meet, DdpReduceOp op, char **inputs)
{
    for (int member = 0; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);
        bool scatters = call->kind == DDP_CALL_REDUCE_SCATTER;

        if (call->kind == DDP_CALL_BARRIER ||
            (call->kind == DDP_CALL_REDUCE && call->root != ddp_rank_of(group, member)))
            continue;
        ddp_reduce_to(op, call->dtype, (void **)inputs, group->size,
                      scatters ? (size_t)member * call->count : 0, call->count,
                      scatters ? call->out : call->in);
    }
}

static void
broadcast_by_root(const DdpGroup *group, const DdpMeet *meet, char **inputs)
{
    for (int member = 0; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);
        size_t bytes = call_bytes(call);

        if (bytes > 0)
            memcpy(call->in, inputs[ddp_group_member(group, call->root)], bytes);
    }
}

/* The first call that reduces; NULL if none does. */
static const DdpCall *
reducing_call(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; member < group->size; member++) {
        if (ddp_call_reduces(ddp_meet_call(meet, member)->kind))
            return ddp_meet_call(meet, member);
    }
    return NULL;
}

/* True if it did what there is to do; else the ordinary work, by the first member's call, does. */
static bool
move_bytes(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *reducing = reducing_call(group, meet);
    char **inputs;

    if (reducing == NULL && ddp_meet_call(meet, 0)->kind != DDP_CALL_BROADCAST)
        return false;
    inputs = copy_inputs(group, meet);
    if (reducing != NULL)
        reduce_bits(group, meet, reducing->op, inputs);
    else
        broadcast_by_root(group, meet, inputs);
    free_inputs(group, inputs);
    return true;
}

/* ---- failing ---- */

static const char *
difference_text(DdpCallDifference difference)
{
    switch (difference) {
    case DDP_CALL_DIFFERS_KIND:
        return "the collective";
    case DDP_CALL_DIFFERS_DTYPE:
        return "dtype";
    case DDP_CALL_DIFFERS_SHAPE:
        return "shape";
    case DDP_CALL_DIFFERS_OP:
        return "the reduce op, which torch's DETAIL mode does not compare";
    case DDP_CALL_DIFFERS_ROOT:
        return "the root, which torch's DETAIL mode does not compare";
    case DDP_CALL_DIFFERS_GROUP:
        return "the ranks of the new group";
    case DDP_CALL_DIFFERS_NAME:
        return "what travels by its name, which torch's DETAIL mode does not know";
    case DDP_CALL_SAME:
        break;
    }
    g_assert_not_reached();
}

static char *
member_text(const DdpGroup *group, const DdpMeet *meet, int member)
{
    const DdpCall *call = ddp_meet_call(meet, member);
    g_autofree char *signature = ddp_call_describe(call);

    return g_strdup_printf("rank %d calls %s%s%s%s at %s:%d", ddp_rank_of(group, member), signature,
                           call->name != NULL ? " for '" : "", call->name != NULL ? call->name : "",
                           call->name != NULL ? "'" : "", call->site.file, call->site.line);
}

/* A member whose call differs from the first one's; the last if no single call shows it. */
static int
other_member(const DdpGroup *group, const DdpMeet *meet)
{
    const DdpCall *first = ddp_meet_call(meet, 0);

    for (int member = 1; member < group->size; member++) {
        const DdpCall *call = ddp_meet_call(meet, member);

        if (ddp_call_compare(first, call) != DDP_CALL_SAME ||
            (meet->difference == DDP_CALL_DIFFERS_NAME && g_strcmp0(first->name, call->name) != 0))
            return member;
    }
    return group->size - 1;
}

static void
fail_all(DdpGroup *group, DdpMeet *meet)
{
    DdpComm *comm = group->comm;
    g_autofree char *one = member_text(group, meet, 0);
    g_autofree char *other = member_text(group, meet, other_member(group, meet));
    g_autofree char *text = g_strdup_printf(
        "detected a mismatch between the collectives of group %s, number %" G_GUINT64_FORMAT
        ": %s, but %s; they differ in %s",
        group->name, meet->seq, one, other, difference_text(meet->difference));
    void *engine;
    const DdpParkOps *ops = ddp_comm_ops(comm, &engine);

    if (ops->mismatched != NULL)
        ops->mismatched(engine);
    for (int i = 0; i < group->size; i++) {
        int member = meet->order[i];
        DdpPost *post = meet->posts[member];

        post->failed = ddp_heap_strdup(comm->heap, text);
        post->over_ns = meet->last_ns;
        post->last = ddp_rank_of(group, meet->last);
        ddp_post_finish(comm, ddp_rank_of(group, member), post);
    }
    ddp_meet_close(group, meet);
}

/* ---- all of it ---- */

DdpSettled
ddp_mismatch_settle(DdpGroup *group, DdpMeet *meet)
{
    switch (group->comm->debug) {
    case DDP_DEBUG_VERDICT:
        return DDP_SETTLED_NOT;
    case DDP_DEBUG_DETAIL:
        fail_all(group, meet);
        return DDP_SETTLED_FAILED;
    case DDP_DEBUG_OFF:
        if (!all_pair(group, meet))
            return DDP_SETTLED_NOT;
        ddp_pairing_note(group, meet);
        return move_bytes(group, meet) ? DDP_SETTLED_DONE : DDP_SETTLED_PAIRED;
    }
    g_assert_not_reached();
}
