/* SPDX-License-Identifier: MIT */
/*
 * Reduce and reduce-scatter: folds that end in one place. The other members' buffers stay as they
 * were (gloo leaves partial sums there, which nobody may rely on).
 *
 *   Cost of reduce         = n·p reads to add + n writes
 *   Cost of reduce-scatter = n·p reads to add + n writes, n being all pieces together
 */
#include "comm_shm/comm_private.h"
#include "comm_shm/reduce.h"

void
ddp_reduce_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    int root = ddp_group_member(group, call->root);

    for (int member = 0; member < group->size; member++)
        group->buffers[member] = ddp_meet_call(meet, member)->in;
    ddp_reduce_to(call->op, call->dtype, group->buffers, group->size, 0, call->count,
                  ddp_meet_call(meet, root)->in);
}

void
ddp_reduce_scatter_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);

    for (int member = 0; member < group->size; member++)
        group->buffers[member] = ddp_meet_call(meet, member)->in;
    for (int member = 0; member < group->size; member++)
        ddp_reduce_to(call->op, call->dtype, group->buffers, group->size,
                      (size_t)member * call->count, call->count, ddp_meet_call(meet, member)->out);
}
