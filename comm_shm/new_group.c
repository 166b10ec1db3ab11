/* SPDX-License-Identifier: MIT */
/*
 * new_group: a collective of the world, members of the new group or not, as in torch.
 */
#include "comm_shm/comm_private.h"

void
ddp_new_group_complete(DdpGroup *group, DdpMeet *meet)
{
    const DdpCall *call = ddp_meet_call(meet, 0);
    DdpGroup *made = ddp_comm_add_group(group->comm, call->in, (int)call->count);

    for (int member = 0; member < group->size; member++)
        ddp_meet_call(meet, member)->out = made;
}
