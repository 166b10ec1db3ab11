/* SPDX-License-Identifier: MIT */
/*
 * Ours from C: `ours --engine ENGINE JOB RANKS STEPS`. Each rank has its tensors, its graph, a
 * reducer around its parameters and an optimiser; ranks meet in the world's collectives, checks
 * and diagnosis on. RANKS 0 is one process without a world and a reducer.
 */
#include "bench/training/jobs.h"
#include "model/autograd.h"
#include "model/nn.h"
#include "model/ops.h"
#include "model/optim.h"
#include "sim/train/rank_ops.h"

typedef struct {
    const Job *job;
    int ranks, steps;
    DdpEngine engine;
} Settings;

typedef struct {
    const Settings *settings;
    DdpModelContext *context;
    DdpReducer *reducer; /* NULL: none */
    DdpOptimizer *optimizer;
    DdpTensor *x, *y;
    DdpTensor *parameters[2 * LAYERS_MAX];
} Trainee;

static DdpTensor *
forward(Trainee *trainee, GError **error)
{
    const Job *job = trainee->settings->job;
    DdpTensor *h = ddp_tensor_ref(trainee->x);

    for (int layer = 0; h != NULL && layer < job->layers; layer++) {
        DdpTensor *out = ddp_linear(h, trainee->parameters[2 * layer],
                                    trainee->parameters[2 * layer + 1], error);

        ddp_tensor_unref(h);
        h = out;
        if (h != NULL && layer + 1 < job->layers) {
            h = ddp_relu(out, error);
            ddp_tensor_unref(out);
        }
    }
    return h;
}

static bool
step(Trainee *trainee, GError **error)
{
    const Job *job = trainee->settings->job;
    DdpReducer *reducer = trainee->reducer;
    DdpTensor *output, *loss = NULL;
    bool ok;

    ddp_optimizer_zero_grad(trainee->optimizer);
    if (reducer != NULL && !ddp_reducer_begin_forward(reducer, error))
        return false;
    output = forward(trainee, error);
    ok = output != NULL && (reducer == NULL || ddp_reducer_end_forward(reducer, &output, 1, error));
    if (ok)
        loss = job->classes ? ddp_cross_entropy(output, trainee->y, NULL, error)
                            : ddp_mse_loss(output, trainee->y, DDP_REDUCTION_MEAN, error);
    ok = loss != NULL && ddp_tensor_backward(loss, error) &&
         ddp_optimizer_step(trainee->optimizer, error);
    if (loss != NULL)
        ddp_tensor_unref(loss);
    if (output != NULL)
        ddp_tensor_unref(output);
    return ok;
}

static bool
set_up(Trainee *trainee, const DdpReducerOps *ops, int rank, GError **error)
{
    const Job *job = trainee->settings->job;
    const int64_t x_shape[] = {job->batch, job->dims[0]};
    const int64_t y_shape[] = {job->batch, job->dims[job->layers]};
    size_t count = 2 * (size_t)job->layers;

    for (int layer = 0; layer < job->layers; layer++) {
        if (!ddp_linear_new(trainee->context, job->dims[layer], job->dims[layer + 1],
                            &trainee->parameters[2 * layer], &trainee->parameters[2 * layer + 1],
                            error))
            return false;
    }
    trainee->x = ddp_randn(trainee->context, NULL, DDP_DTYPE_F32, 2, x_shape, error);
    trainee->y = job->classes ? ddp_randint(trainee->context, NULL, DDP_DTYPE_I64, 0, y_shape[1], 1,
                                            y_shape, error)
                              : ddp_randn(trainee->context, NULL, DDP_DTYPE_F32, 2, y_shape, error);
    if (trainee->x == NULL || trainee->y == NULL)
        return false;
    if (ops != NULL) {
        const DdpReducerSpec spec = ddp_reducer_spec_default();
        const DdpReducerModule module = {.parameters = trainee->parameters,
                                         .parameter_count = count};

        trainee->reducer = ddp_reducer_new(trainee->context, &module, rank,
                                           trainee->settings->ranks, &spec, ops, error);
        if (trainee->reducer == NULL)
            return false;
    }
    if (job->adam) {
        DdpAdamSpec spec = ddp_adam_spec_default();

        spec.lr = job->lr;
        trainee->optimizer = ddp_optimizer_new(trainee->context, DDP_OPTIMIZER_ADAM);
        return ddp_optimizer_add_group(trainee->optimizer, &spec, trainee->parameters, count,
                                       error);
    }

    DdpSgdSpec spec = ddp_sgd_spec_default();

    spec.lr = job->lr;
    trainee->optimizer = ddp_optimizer_new(trainee->context, DDP_OPTIMIZER_SGD);
    return ddp_optimizer_add_group(trainee->optimizer, &spec, trainee->parameters, count, error);
}

static void
tear_down(Trainee *trainee)
{
    g_clear_pointer(&trainee->reducer, ddp_reducer_free);
    g_clear_pointer(&trainee->optimizer, ddp_optimizer_free);
    ddp_model_context_free(trainee->context);
}

static bool
train(Trainee *trainee, bool prints, GError **error)
{
    int each = (trainee->settings->steps + BATCHES - 1) / BATCHES;
    double batch_us[BATCHES + 1];

    for (int batch = 0; batch <= BATCHES; batch++) {
        double start = now_us();

        for (int i = 0; i < each; i++) {
            if (!step(trainee, error))
                return false;
        }
        batch_us[batch] = now_us() - start;
    }
    if (prints)
        print_median(batch_us, each);
    return true;
}

/* Tensors lie where all ranks reach them, so that no engine copies what travels. */
static void *
allocate(void *rank, size_t bytes)
{
    return ddp_rank_alloc(rank, bytes);
}

static void
release(void *rank, void *memory, size_t bytes)
{
    (void)bytes;
    ddp_rank_free(rank, memory);
}

static bool
live(DdpRank *rank, void *user_data, GError **error)
{
    Trainee trainee = {.settings = user_data};
    const DdpMemoryOps memory = {allocate, release, rank};
    DdpRankOps *ops = ddp_rank_ops_new(rank, NULL, DDP_HERE);
    bool ok;

    trainee.context = ddp_model_context_new(&memory, 0, 0, (uint64_t)ddp_rank_index(rank));
    ok = set_up(&trainee, ddp_rank_ops(ops), ddp_rank_index(rank), error) &&
         train(&trainee, ddp_rank_index(rank) == 0, error);
    tear_down(&trainee);
    ddp_rank_ops_free(ops);
    return ok;
}

static int
train_alone(Settings *settings)
{
    Trainee trainee = {.settings = settings, .context = ddp_model_context_new(NULL, 0, 0, 0)};
    g_autoptr(GError) error = NULL;
    bool ok = set_up(&trainee, NULL, 0, &error) && train(&trainee, true, &error);

    if (!ok)
        fprintf(stderr, "%s\n", error->message);
    tear_down(&trainee);
    return ok ? 0 : 1;
}

static bool
parse(Settings *settings, int argc, char **argv)
{
    if (argc != 6 || strcmp(argv[1], "--engine") != 0 ||
        !ddp_engine_from_name(argv[2], &settings->engine))
        return false;
    settings->job = job_find(argv[3]);
    settings->ranks = atoi(argv[4]);
    settings->steps = atoi(argv[5]);
    return settings->job != NULL && settings->ranks >= 0 && settings->steps > 0;
}

int
main(int argc, char **argv)
{
    Settings settings = {0};
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;

    if (!parse(&settings, argc, argv)) {
        fprintf(stderr, "usage: ours --engine fibers|threads|processes linear|small|middle|large "
                        "RANKS STEPS\n");
        return 2;
    }
    if (settings.ranks == 0)
        return train_alone(&settings);
    spec.size = settings.ranks;
    spec.engine = settings.engine;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);

    if (world == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    return ddp_world_run(world, live, &settings) == DDP_OUTCOME_COMPLETED ? 0 : 1;
}
