/* SPDX-License-Identifier: MIT */
#include "comm_shm/comm_private.h"

DdpGroup *
ddp_group_new(DdpComm *comm, const char *name, const int *ranks, int size)
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

void
ddp_group_free(void *group_)
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
    group = ddp_group_new(comm, name->str, ranks, size);
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
