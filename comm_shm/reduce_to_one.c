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
ddp_reduce_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    char *out = ddp_meet_call(meet, ddp_group_member(group, call->root))->in;

    ddp_reduce_to(call->op, call->dtype, meet->buffers, group->size, first, count,
                  out + first * ddp_dtype_bytes(call->dtype));
}

void
ddp_reduce_scatter_part(DdpGroup *group, DdpMeet *meet, size_t first, size_t count)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    size_t offset = first * ddp_dtype_bytes(call->dtype);

    for (int member = 0; member < group->size; member++)
        ddp_reduce_to(call->op, call->dtype, meet->buffers, group->size,
                      (size_t)member * call->count + first, count,
                      (char *)ddp_meet_call(meet, member)->out + offset);
}
