// SPDX-License-Identifier: MIT
// The header in a C++ program.
#include <ddpsim.h>

#include <cstdio>

static bool rank_main(DdpRank *rank, void *user_data, GError **error)
{
    DdpCallOptions options = {};
    double loss = ddp_rank_index(rank);

    options.name = "loss";
    if (!ddp_all_reduce_with(rank, &loss, 1, DDP_DTYPE_F64, DDP_REDUCE_SUM, &options, error))
        return false;
    *static_cast<double *>(user_data) = loss;
    return ddp_barrier(rank, error);
}

int main()
{
    DdpWorldSpec spec = ddp_world_spec_default();
    double sum = 0.0;

    spec.size = 4;

    DdpWorld *world = ddp_world_new(&spec, nullptr);
    DdpOutcome outcome = ddp_world_run(world, rank_main, &sum);

    std::printf("%g\n", sum);
    ddp_world_free(world);
    return outcome == DDP_OUTCOME_COMPLETED && sum == 6.0 ? 0 : 1;
}
