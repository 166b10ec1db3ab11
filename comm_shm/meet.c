/* SPDX-License-Identifier: MIT */
/*
 * The meeting of a group's members in one collective: opened by the first to come, completed and
 * closed by the last.
 */
#include "comm_shm/comm_private.h"

#include <string.h>

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

void
ddp_meet_close(DdpGroup *group, DdpMeet *meet)
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
        bytes +=
            ddp_call_in_bytes(group, ddp_group_rank(group, member), ddp_meet_call(meet, member));
    ddp_pairing_check(group, meet);
    if (complete_funcs[kind] != NULL)
        complete_funcs[kind](group, meet);
    group->call_count[kind]++;
    group->call_bytes[kind] += bytes;
    for (int i = 0; i < group->size; i++) {
        int member = meet->order[i];
        DdpPost *post = meet->posts[member];

        post->done = true;
        post->meet = NULL;
        if (post->waits && member != last)
            comm->ops.wake(comm->engine, ddp_group_rank(group, member));
    }
    ddp_meet_close(group, meet);
}

bool
ddp_meet_is_missed(const DdpGroup *group, const DdpMeet *meet)
{
    for (int member = 0; group->left > 0 && member < group->size; member++) {
        if (meet->posts[member] == NULL && group->comm->left[ddp_group_rank(group, member)])
            return true;
    }
    return false;
}

void
ddp_meet_come(DdpGroup *group, int rank, DdpPost *post)
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
