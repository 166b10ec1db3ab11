/* SPDX-License-Identifier: MIT */
/*
 * Distributed data parallel training by hand: every rank has a shard of y = 3x + 1 and a copy of
 * the model, and the gradients are averaged before each step. Because the mean of the shards'
 * gradients is the gradient of the whole, four ranks learn what one alone would.
 */
#include <ddpsim.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLES 16
#define STEPS 200

typedef struct {
    double weight, bias, loss;
} Model;

static bool
train(DdpRank *rank, void *user_data, GError **error)
{
    int index = ddp_rank_index(rank), size = ddp_world_size(ddp_rank_world(rank));
    Model *results = user_data;
    double weight = index == 0 ? 0.5 : -1.0, bias = 0.0; /* rank 0's start is everyone's */

    if (!ddp_broadcast(rank, &weight, 1, DDP_DTYPE_F64, 0, error))
        return false;
    for (int step = 0; step < STEPS; step++) {
        double mean[3] = {0.0}; /* of two gradients and the loss */

        for (int i = index; i < SAMPLES; i += size) {
            double x = (double)i / SAMPLES, off = weight * x + bias - (3.0 * x + 1.0);

            mean[0] += 2.0 * off * x * size / SAMPLES;
            mean[1] += 2.0 * off * size / SAMPLES;
            mean[2] += off * off * size / SAMPLES;
        }
        if (!ddp_all_reduce_with(rank, mean, 3, DDP_DTYPE_F64, DDP_REDUCE_AVG,
                                 &(DdpCallOptions){.name = "gradients"}, error))
            return false;
        weight -= 0.5 * mean[0];
        bias -= 0.5 * mean[1];
        results[index] = (Model){weight, bias, mean[2]};
    }
    return true;
}

int
main(int argc, char **argv)
{
    static const int sizes[] = {1, 4};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        DdpWorldSpec spec = ddp_world_spec_default();
        g_autoptr(GError) error = NULL;
        g_autoptr(DdpWorld) world = NULL;

        spec.size = sizes[i];
        if (argc > 1 && !ddp_engine_from_name(argv[1], &spec.engine))
            return EXIT_FAILURE;
        world = ddp_world_new(&spec, &error);
        if (world == NULL) {
            fprintf(stderr, "ddp_by_hand: %s\n", error->message);
            return EXIT_FAILURE;
        }

        Model *models = ddp_world_alloc(world, (size_t)spec.size * sizeof *models);

        if (ddp_world_run(world, train, models) != DDP_OUTCOME_COMPLETED)
            return EXIT_FAILURE;
        for (int rank = 0; rank < spec.size; rank++)
            printf("%d of %d: y = %.6fx + %.6f, loss %.2e\n", rank, spec.size, models[rank].weight,
                   models[rank].bias, models[rank].loss);
        ddp_world_release(world, models);
    }
    return EXIT_SUCCESS;
}
