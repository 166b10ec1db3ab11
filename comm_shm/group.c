/* SPDX-License-Identifier: MIT */
#include "comm_shm/comm_private.h"

#include <string.h>

DdpGroup *
ddp_group_new(DdpComm *comm, const char *name, const int *ranks, int size)
{
    DdpHeap *heap = comm->heap;
    DdpGroup *group = ddp_heap_alloc0(heap, sizeof *group);
    size_t count = (size_t)size;

    group->comm = comm;
    group->name = ddp_heap_strdup(heap, name);
    group->size = size;
    if (ranks != NULL) {
        group->ranks = ddp_heap_alloc(heap, count * sizeof *ranks);
        memcpy(group->ranks, ranks, count * sizeof *ranks);
    }
    group->next_seq = ddp_heap_alloc0(heap, count * sizeof *group->next_seq);
    if (comm->parallel)
        group->lanes = ddp_lanes_new(heap, size);
    return group;
}

static void
meets_free(DdpHeap *heap, DdpMeet *meet)
{
    while (meet != NULL) {
        DdpMeet *next = meet->next;

        ddp_heap_release(heap, meet);
        meet = next;
    }
}

void
ddp_group_free(DdpGroup *group)
{
    DdpHeap *heap = group->comm->heap;

    meets_free(heap, group->open);
    meets_free(heap, group->free_meets);
    ddp_heap_release(heap, group->name);
    ddp_heap_release(heap, group->ranks);
    ddp_heap_release(heap, group->next_seq);
    ddp_heap_release(heap, group->lanes);
    ddp_crossing_free(heap, group->crossing);
    ddp_heap_release(heap, group);
}

static DdpGroup *
add(DdpComm *comm, DdpGroup *group)
{
    for (int member = 0; member < group->size; member++)
        group->left += comm->places[ddp_group_rank(group, member)].left;
    if (comm->group_count == comm->group_room) {
        DdpGroup **groups =
            ddp_heap_alloc(comm->heap, 2 * (size_t)comm->group_room * sizeof *groups);

        memcpy(groups, comm->groups, (size_t)comm->group_room * sizeof *groups);
        ddp_heap_release(comm->heap, comm->groups);
        comm->groups = groups;
        comm->group_room *= 2;
    }
    comm->groups[comm->group_count++] = group;
    return group;
}

DdpGroup *
ddp_comm_add_group(DdpComm *comm, const int *ranks, int size)
{
    GString *name = g_string_new("{");
    DdpGroup *group;

    for (int i = 0; i < size; i++)
        g_string_append_printf(name, "%s%d", i > 0 ? "," : "", ranks[i]);
    g_string_append_c(name, '}');
    group = ddp_group_new(comm, name->str, ranks, size);
    g_string_free(name, TRUE);
    return add(comm, group);
}

DdpGroup *
ddp_group_side(DdpGroup *group)
{
    if (group->side == NULL)
        group->side =
            add(group->comm, ddp_group_new(group->comm, group->name, group->ranks, group->size));
    return group->side;
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
ddp_group_next_seq(const DdpGroup *group, int rank)
{
    int member = ddp_group_member(group, rank);

    return member >= 0 ? group->next_seq[member] : 0;
}

uint64_t
ddp_group_call_count(const DdpGroup *group, DdpCallKind kind)
{
    return group->call_count[kind] + (group->lanes != NULL ? ddp_lane_count(group, kind) : 0);
}

uint64_t
ddp_group_call_bytes(const DdpGroup *group, DdpCallKind kind)
{
    return group->call_bytes[kind] + (group->lanes != NULL ? ddp_lane_bytes(group, kind) : 0);
}
