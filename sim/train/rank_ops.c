/* SPDX-License-Identifier: MIT */
#include "sim/train/rank_ops.h"

#include <string.h>

struct DdpRankOps {
    DdpReducerOps ops;
    DdpRank *rank;   /* borrowed */
    DdpGroup *group; /* borrowed */
    DdpSite site;
    uint64_t flops; /* of the model's count: what the rank's clock knows of */
};

DdpCall
ddp_rank_ops_call(DdpCallKind kind, DdpTensor *tensor)
{
    DdpCall call;

    ddp_call_init(&call, kind, (DdpSite){NULL, 0});
    call.dtype = ddp_tensor_dtype(tensor);
    call.count = ddp_tensor_numel(tensor);
    call.ndim = ddp_tensor_ndim(tensor);
    call.in = call.out = ddp_tensor_data(tensor);
    for (int i = 0; i < call.ndim; i++)
        call.shape[i] = ddp_tensor_shape(tensor)[i];
    return call;
}

static DdpCall
prepare(DdpRankOps *ops, DdpCallKind kind, DdpTensor *tensor, const char *name)
{
    DdpCall call = ddp_rank_ops_call(kind, tensor);
    uint64_t flops = ddp_model_context_flops(ddp_tensor_context(tensor));

    call.site = ops->site;
    call.name = name;
    if (flops > ops->flops)
        ddp_rank_compute(ops->rank, (double)(flops - ops->flops));
    ops->flops = flops;
    return call;
}

static bool
all_reduce(void *user_data, DdpTensor *tensor, DdpReduceOp op, const char *name, GError **error)
{
    DdpRankOps *ops = user_data;
    DdpCall call = prepare(ops, DDP_CALL_ALL_REDUCE, tensor, name);

    call.op = op;
    return ddp_rank_group_call(ops->rank, ops->group, &call, error);
}

static bool
broadcast(void *user_data, DdpTensor *tensor, int root, const char *name, GError **error)
{
    DdpRankOps *ops = user_data;
    DdpCall call = prepare(ops, DDP_CALL_BROADCAST, tensor, name);

    call.root = ddp_group_rank(ops->group, root);
    return ddp_rank_group_call(ops->rank, ops->group, &call, error);
}

static bool
all_gather(void *user_data, DdpTensor *own, DdpTensor *all, const char *name, GError **error)
{
    DdpRankOps *ops = user_data;
    DdpCall call = prepare(ops, DDP_CALL_ALL_GATHER, own, name);

    call.out = ddp_tensor_data(all);
    return ddp_rank_group_call(ops->rank, ops->group, &call, error);
}

static void *
begin(void *user_data, DdpTensor *tensor, const char *name, GError **error)
{
    DdpRankOps *ops = user_data;
    DdpCall call = prepare(ops, DDP_CALL_ALL_REDUCE, tensor, name);

    return ddp_rank_begin(ops->rank, ops->group, &call, error);
}

static bool
wait_for(void *user_data, void *work, GError **error)
{
    const DdpRankOps *ops = user_data;
    bool ok = ddp_rank_wait(ops->rank, work, NULL, error);

    ddp_work_free(work);
    return ok;
}

static void
drop(void *user_data, void *work)
{
    (void)user_data;
    ddp_work_free(work);
}

DdpRankOps *
ddp_rank_ops_new(DdpRank *rank, DdpGroup *group, DdpSite site)
{
    DdpRankOps *ops = g_new0(DdpRankOps, 1);

    ops->rank = rank;
    ops->group = group != NULL ? group : ddp_comm_world_group(ddp_world_comm(ddp_rank_world(rank)));
    ops->site = site;
    ops->ops = (DdpReducerOps){all_reduce, broadcast, all_gather, begin, wait_for, drop, ops};
    return ops;
}

void
ddp_rank_ops_free(DdpRankOps *ops)
{
    g_free(ops);
}

const DdpReducerOps *
ddp_rank_ops(const DdpRankOps *ops)
{
    return &ops->ops;
}
