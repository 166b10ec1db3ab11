/* SPDX-License-Identifier: MIT */
#include "model/ops_norm.h"

#include <math.h>
#include <string.h>

#include "model/autograd.h"
#include "model/math/gemm.h"
#include "model/ops.h"
#include "tests/model/core/op_cases.h"

/*
 * Normalisation against torch and against differences of itself; running statistics over several
 * steps; and statistics over ranks, which are played here one after the other, against those of one
 * batch that holds everything.
 */

#define CASE(name, expression)                                                                     \
    static DdpTensor *case_##name(DdpTensor **in, GError **error)                                  \
    {                                                                                              \
        return expression;                                                                         \
    }
#define SHAPE(...)                                                                                 \
    (int)G_N_ELEMENTS(((int64_t[]){__VA_ARGS__})), (int64_t[])                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static DdpTensor *
batch(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error)
{
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();

    spec.training = true;
    spec.weight = weight;
    spec.bias = bias;
    return ddp_batch_norm(x, &spec, error);
}

/* The running values that torch_norm_record.py takes. */
static DdpTensor *
ramp(DdpDtype dtype, int64_t count, double first, double step)
{
    DdpTensor *out = ddp_tensor_new(op_cases_context(), dtype, 1, &count, NULL);

    for (int64_t i = 0; i < count; i++)
        ddp_tensor_set_f64(out, (size_t)i, first + step * (double)i);
    return out;
}

static DdpTensor *
evaluated(DdpTensor *x, DdpTensor *weight, DdpTensor *bias, GError **error)
{
    int64_t channels = ddp_tensor_shape(x)[1];
    g_autoptr(DdpTensor) mean = ramp(ddp_tensor_dtype(x), channels, -0.5, 0.25);
    g_autoptr(DdpTensor) var = ramp(ddp_tensor_dtype(x), channels, 0.75, 0.5);
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();

    spec.running_mean = mean;
    spec.running_var = var;
    spec.weight = weight;
    spec.bias = bias;
    return ddp_batch_norm(x, &spec, error);
}

CASE(batch, batch(in[0], in[1], in[2], error))
CASE(eval, evaluated(in[0], in[1], in[2], error))
CASE(layer, ddp_layer_norm(in[0], SHAPE(5), in[1], in[2], 1e-5, error))
CASE(layer_onlybias, ddp_layer_norm(in[0], SHAPE(5), NULL, in[1], 1e-5, error))
CASE(layer_3d, ddp_layer_norm(in[0], SHAPE(8), in[1], in[2], 1e-3, error))
CASE(layer_2dims, ddp_layer_norm(in[0], SHAPE(3, 5), in[1], in[2], 1e-5, error))
CASE(layer_wide, ddp_layer_norm(in[0], SHAPE(2060), in[1], in[2], 1e-5, error))

static const OpCase cases[] = {
    {"batch_norm_1d", case_batch, false},
    {"batch_norm_1d_plain", case_batch, false},
    {"batch_norm_1d_tall", case_batch, false},
    {"batch_norm_1d_wide", case_batch, false},
    {"batch_norm_1d_length", case_batch, false},
    {"batch_norm_1d_long", case_batch, false},
    {"batch_norm_2d", case_batch, false},
    {"batch_norm_2d_many", case_batch, false},
    {"batch_norm_2d_plain", case_batch, false},
    {"batch_norm_one_sample", case_batch, false},
    {"batch_norm_eval", case_eval, false},
    {"batch_norm_eval_plain", case_eval, false},
    {"batch_norm_eval_2d", case_eval, false},
    {"layer_norm", case_layer, false},
    {"layer_norm_plain", case_layer, false},
    {"layer_norm_nobias", case_layer, false},
    {"layer_norm_onlybias", case_layer_onlybias, false},
    {"layer_norm_3d", case_layer_3d, false},
    {"layer_norm_2dims", case_layer_2dims, false},
    {"layer_norm_wide", case_layer_wide, false},
};

static void
setup(void)
{
    op_cases_open("torch_norm.txt");
}

/* A sum over many values is of the size of one of them times their number. */
static double
absolute_for(const OpCase *op_case)
{
    return g_str_has_suffix(op_case->name, "_long") || g_str_has_suffix(op_case->name, "_many")
               ? 2e-5
               : 4e-6;
}

START_TEST(test_results_and_gradients_are_torchs)
{
    op_case_check_recorded(&cases[_i], 4e-6, absolute_for(&cases[_i]));
}
END_TEST

START_TEST(test_gradients_are_limits_of_differences)
{
    op_case_check_differences(&cases[_i]);
}
END_TEST

START_TEST(test_halves_follow_float32)
{
    op_case_check_half(&cases[_i], DDP_DTYPE_F16, 0x1p-8);
    op_case_check_half(&cases[_i], DDP_DTYPE_BF16, 0x1p-5);
}
END_TEST

START_TEST(test_every_instruction_set_gives_the_same_bits)
{
    op_case_check_paths(&cases[_i]);
}
END_TEST

/* ---- running statistics -------------------------------------------------------------- */

/* A layer as torch makes it. */
typedef struct {
    DdpTensor *mean;
    DdpTensor *var;
    double momentum; /* below 0: the average of all batches */
    double eps;
    int64_t batches;
} Layer;

static Layer
layer_new(DdpDtype dtype, int64_t channels, double momentum, double eps)
{
    return (Layer){.mean = ramp(dtype, channels, 0.0, 0.0),
                   .var = ramp(dtype, channels, 1.0, 0.0),
                   .momentum = momentum,
                   .eps = eps};
}

static void
layer_free(Layer *layer)
{
    ddp_tensor_unref(layer->mean);
    ddp_tensor_unref(layer->var);
}

static DdpTensor *
layer_call(Layer *layer, DdpTensor *x, bool training)
{
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();

    layer->batches += training;
    spec.running_mean = layer->mean;
    spec.running_var = layer->var;
    spec.training = training;
    spec.momentum = layer->momentum < 0.0 ? 1.0 / (double)layer->batches : layer->momentum;
    spec.eps = layer->eps;
    return ddp_batch_norm(x, &spec, NULL);
}

static const struct {
    const char *name;
    double momentum;
    double eps;
} step_cases[] = {
    {"steps_1d", 0.1, 1e-5},
    {"steps_length", 0.4, 1e-3},
    {"steps_average", -1.0, 1e-5},
    {"steps_2d", 0.1, 1e-5},
};

START_TEST(test_running_values_follow_torchs_over_steps)
{
    const char *name = step_cases[_i].name;
    Layer layer = layer_new(DDP_DTYPE_F32, 3, step_cases[_i].momentum, step_cases[_i].eps);

    for (int step = 0; step < 5; step++) {
        g_autofree char *x_name = g_strdup_printf("%s.x%d", name, step);
        g_autofree char *out_name = g_strdup_printf("%s.out%d", name, step);
        g_autofree char *mean_name = g_strdup_printf("%s.mean%d", name, step);
        g_autofree char *var_name = g_strdup_printf("%s.var%d", name, step);
        g_autofree char *count_name = g_strdup_printf("%s.count%d", name, step);
        g_autoptr(DdpTensor) x = recorded_tensor(op_cases_recorded(), op_cases_context(), x_name);
        g_autoptr(DdpTensor) count =
            recorded_tensor(op_cases_recorded(), op_cases_context(), count_name);
        g_autoptr(DdpTensor) out = layer_call(&layer, x, step < 4);

        assert_recorded_close(op_cases_recorded(), out_name, out, 4e-6, 4e-6);
        assert_recorded_close(op_cases_recorded(), mean_name, layer.mean, 1e-6, 1e-7);
        assert_recorded_close(op_cases_recorded(), var_name, layer.var, 1e-6, 1e-7);
        ck_assert_int_eq(ddp_tensor_item_i64(count, 0), layer.batches);
    }
    layer_free(&layer);
}
END_TEST

/* x = [[1,2],[3,6],[5,7]]: the mean is [3, 5], the unbiased variance [4, 7]. */
START_TEST(test_a_batch_moves_the_running_values_by_a_tenth)
{
    static const float values[] = {1, 2, 3, 6, 5, 7};
    static const double mean[] = {0.3, 0.5}, var[] = {0.9 + 0.4, 0.9 + 0.7};
    static const double out[] = {-1.22474265, -1.38872862, 0, 0.46290952, 1.22474241, 0.92581904};
    g_autoptr(DdpTensor) x =
        ddp_tensor_new_from(op_cases_context(), DDP_DTYPE_F32, SHAPE(3, 2), values, NULL);
    Layer layer = layer_new(DDP_DTYPE_F32, 2, 0.1, 1e-5);
    g_autoptr(DdpTensor) y = layer_call(&layer, x, true);

    for (size_t i = 0; i < 2; i++) {
        ck_assert_double_eq_tol(ddp_tensor_item_f64(layer.mean, i), mean[i], 1e-7);
        ck_assert_double_eq_tol(ddp_tensor_item_f64(layer.var, i), var[i], 1e-6);
    }
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq_tol(ddp_tensor_item_f64(y, i), out[i], 1e-6);
    layer_free(&layer);
}
END_TEST

START_TEST(test_an_empty_batch_changes_nothing)
{
    g_autoptr(DdpTensor) x =
        ddp_tensor_new(op_cases_context(), DDP_DTYPE_F32, SHAPE(0, 2, 3), NULL);
    g_autoptr(DdpTensor) weight = ramp(DDP_DTYPE_F32, 2, 1.0, 0.0);
    Layer layer = layer_new(DDP_DTYPE_F32, 2, 0.1, 1e-5);
    g_autoptr(DdpTensor) y = layer_call(&layer, x, true);

    ck_assert_uint_eq(ddp_tensor_numel(y), 0);
    ck_assert(ddp_tensor_item_f64(layer.mean, 0) == 0.0);
    ck_assert(ddp_tensor_item_f64(layer.var, 0) == 1.0);
    layer_free(&layer);

    ck_assert(ddp_tensor_set_requires_grad(weight, true, NULL));

    g_autoptr(DdpTensor) z = batch(x, weight, NULL, NULL);
    g_autoptr(DdpTensor) sum = ddp_sum(z, NULL);

    ck_assert(ddp_tensor_backward(sum, NULL));
    ck_assert(ddp_tensor_item_f64(ddp_tensor_grad(weight), 1) == 0.0);
}
END_TEST

/* ---- statistics over ranks ----------------------------------------------------------- */

#define RANKS_MAX 7

/*
 * Ranks that are played one after the other: a first round collects what each has to say, and in
 * the second all of them hear it.
 */
typedef struct {
    int size;
    int rank;    /* whose turn it is */
    bool listen; /* the second round */
    double said[RANKS_MAX][64];
    int gathers;
    int sums;
} Round;

static bool
gather_stats(void *user_data, DdpTensor *own, DdpTensor *all, GError **error)
{
    Round *round = user_data;
    size_t width = ddp_tensor_numel(own);

    (void)error;
    ck_assert_int_eq(ddp_tensor_shape(all)[0], round->size);
    ck_assert_int_eq(ddp_tensor_shape(all)[1], (int64_t)width);
    for (size_t i = 0; i < width && !round->listen; i++)
        round->said[round->rank][i] = ddp_tensor_item_f64(own, i);
    for (size_t r = 0; r < (size_t)round->size; r++) {
        for (size_t i = 0; i < width; i++)
            ddp_tensor_set_f64(all, r * width + i, round->said[r][i]);
    }
    round->gathers++;
    return true;
}

static bool
sum_grads(void *user_data, DdpTensor *sums, GError **error)
{
    Round *round = user_data;

    (void)error;
    for (size_t i = 0; i < ddp_tensor_numel(sums); i++) {
        double sum = 0.0;

        if (!round->listen)
            round->said[round->rank][i] = ddp_tensor_item_f64(sums, i);
        for (int r = 0; r < round->size; r++)
            sum += round->said[r][i];
        ddp_tensor_set_f64(sums, i, sum);
    }
    round->sums++;
    return true;
}

/* How many samples each rank has: all different, one of none if there are three ranks or more. */
static int64_t
samples_of(int size, int rank)
{
    return size > 2 && rank == 1 ? 0 : 1 + (rank * 5) % 7;
}

typedef struct {
    DdpTensor *x;
    DdpTensor *slope; /* the gradient of its output */
    DdpTensor *weight;
    DdpTensor *bias;
    Layer layer;
    DdpTensor *out;
} Replica;

static Replica
replica_new(DdpTensor *whole, DdpTensor *slopes, int64_t first, int64_t count)
{
    g_autoptr(DdpTensor) part = ddp_narrow(whole, 0, first, count, NULL);
    int64_t channels = ddp_tensor_shape(whole)[1];
    DdpDtype dtype = ddp_tensor_dtype(whole);
    Replica replica = {.x = ddp_tensor_detach(part, NULL),
                       .slope = ddp_narrow(slopes, 0, first, count, NULL),
                       .weight = ramp(dtype, channels, 0.5, 0.25),
                       .bias = ramp(dtype, channels, -0.3, 0.2),
                       .layer = layer_new(dtype, channels, 0.1, 1e-5)};

    ck_assert(ddp_tensor_set_requires_grad(replica.x, true, NULL));
    ck_assert(ddp_tensor_set_requires_grad(replica.weight, true, NULL));
    ck_assert(ddp_tensor_set_requires_grad(replica.bias, true, NULL));
    return replica;
}

static void
replica_free(Replica *replica)
{
    ddp_tensor_unref(replica->x);
    ddp_tensor_unref(replica->slope);
    ddp_tensor_unref(replica->weight);
    ddp_tensor_unref(replica->bias);
    layer_free(&replica->layer);
    ddp_tensor_unref(replica->out);
}

static void
replica_forward(Replica *replica, const DdpNormSync *sync)
{
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();

    spec.training = true;
    spec.weight = replica->weight;
    spec.bias = replica->bias;
    spec.running_mean = replica->layer.mean;
    spec.running_var = replica->layer.var;
    spec.sync = sync;
    if (replica->out != NULL)
        ddp_tensor_unref(replica->out);
    replica->out = ddp_batch_norm(replica->x, &spec, NULL);
    ck_assert_ptr_nonnull(replica->out);
}

static void
replica_backward(Replica *replica)
{
    ck_assert(ddp_tensor_set_grad(replica->x, NULL, NULL));
    ck_assert(ddp_tensor_set_grad(replica->weight, NULL, NULL));
    ck_assert(ddp_tensor_set_grad(replica->bias, NULL, NULL));
    ck_assert(ddp_tensor_backward_from(replica->out, replica->slope, true, NULL));
}

static void
assert_near(DdpTensor *got, size_t got_at, DdpTensor *expected, size_t expected_at, size_t count,
            const char *what)
{
    double tolerance = ddp_tensor_dtype(got) == DDP_DTYPE_F32 ? 1e-6 : 1e-14;

    for (size_t i = 0; i < count; i++) {
        double a = ddp_tensor_item_f64(got, got_at + i);
        double b = ddp_tensor_item_f64(expected, expected_at + i);

        ck_assert_msg(fabs(a - b) <= tolerance * fmax(1.0, fabs(b)),
                      "%s %" G_GSIZE_FORMAT " is %.9g, expected %.9g", what, i, a, b);
    }
}

static const int sizes[] = {1, 2, 3, 4, 7};

static void
check_ranks_equal_one_batch(int size, DdpDtype dtype, int ndim, int64_t *shape)
{
    int64_t firsts[RANKS_MAX + 1] = {0};
    size_t per_sample = 1;
    Round round = {.size = size};
    const DdpNormSync sync = {size, gather_stats, sum_grads, &round};
    Replica ranks[RANKS_MAX];

    for (int r = 0; r < size; r++)
        firsts[r + 1] = firsts[r] + samples_of(size, r);
    shape[0] = MAX(firsts[size], 2);
    firsts[size] = shape[0];
    for (int i = 1; i < ndim; i++)
        per_sample *= (size_t)shape[i];

    g_autoptr(DdpTensor) x = ddp_randn(op_cases_context(), NULL, dtype, ndim, shape, NULL);
    g_autoptr(DdpTensor) slopes = ddp_randn(op_cases_context(), NULL, dtype, ndim, shape, NULL);
    Replica alone = replica_new(x, slopes, 0, shape[0]);
    g_autoptr(DdpTensor) weight_grad = ramp(dtype, shape[1], 0.0, 0.0);

    replica_forward(&alone, NULL);
    replica_backward(&alone);
    for (int r = 0; r < size; r++)
        ranks[r] = replica_new(x, slopes, firsts[r], firsts[r + 1] - firsts[r]);
    for (int turn = 0; turn < 2; turn++) {
        round.listen = turn == 1;
        for (round.rank = 0; round.rank < size; round.rank++) {
            if (turn == 1) {
                /* The first round has moved them by half of what it knew. */
                layer_free(&ranks[round.rank].layer);
                ranks[round.rank].layer = layer_new(dtype, shape[1], 0.1, 1e-5);
            }
            replica_forward(&ranks[round.rank], &sync);
        }
    }
    for (int turn = 0; turn < 2; turn++) {
        round.listen = turn == 1;
        for (round.rank = 0; round.rank < size; round.rank++)
            replica_backward(&ranks[round.rank]);
    }
    for (int r = 0; r < size; r++) {
        size_t at = (size_t)firsts[r] * per_sample;
        size_t count = ddp_tensor_numel(ranks[r].x);

        assert_near(ranks[r].out, 0, alone.out, at, count, "output");
        assert_near(ddp_tensor_grad(ranks[r].x), 0, ddp_tensor_grad(alone.x), at, count,
                    "gradient");
        assert_near(ranks[r].layer.mean, 0, alone.layer.mean, 0, (size_t)shape[1], "running mean");
        assert_near(ranks[r].layer.var, 0, alone.layer.var, 0, (size_t)shape[1], "running var");
        ck_assert(ddp_add_scaled_(weight_grad, ddp_tensor_grad(ranks[r].weight),
                                  ddp_number_float(1.0), NULL));
    }
    /*
     * The gradients of a parameter are of a rank's own samples: DDP adds them up. They are sums
     * over all values of a channel, so what is compared is their mean.
     */
    DdpOperand count = ddp_operand_float((double)(shape[0] * (int64_t)per_sample / shape[1]));

    ck_assert(ddp_binary_(DDP_BINARY_DIV, weight_grad, count, NULL));
    ck_assert(ddp_binary_(DDP_BINARY_DIV, ddp_tensor_grad(alone.weight), count, NULL));
    assert_near(weight_grad, 0, ddp_tensor_grad(alone.weight), 0, (size_t)shape[1], "weight grad");
    ck_assert_int_eq(round.gathers, size > 1 ? 2 * size : 0);
    ck_assert_int_eq(round.sums, size > 1 ? 2 * size : 0);
    for (int r = 0; r < size; r++)
        replica_free(&ranks[r]);
    replica_free(&alone);
}

START_TEST(test_ranks_normalise_as_one_batch)
{
    int64_t flat[] = {0, 3};
    int64_t image[] = {0, 3, 4, 2};

    check_ranks_equal_one_batch(sizes[_i], DDP_DTYPE_F32, 2, flat);
    check_ranks_equal_one_batch(sizes[_i], DDP_DTYPE_F32, 4, image);
    check_ranks_equal_one_batch(sizes[_i], DDP_DTYPE_F64, 2, flat);
    check_ranks_equal_one_batch(sizes[_i], DDP_DTYPE_F64, 4, image);
}
END_TEST

/* The sums of the gradients are only asked for where the input wants a gradient, as in torch. */
START_TEST(test_ranks_meet_in_backward_only_for_the_input)
{
    Round round = {.size = 2};
    const DdpNormSync sync = {2, gather_stats, sum_grads, &round};
    g_autoptr(DdpTensor) x = ddp_randn(op_cases_context(), NULL, DDP_DTYPE_F32, SHAPE(4, 3), NULL);
    Replica replica = replica_new(x, x, 0, 4);

    ck_assert(ddp_tensor_set_requires_grad(replica.x, false, NULL));
    replica_forward(&replica, &sync);
    replica_backward(&replica);
    ck_assert_int_eq(round.gathers, 1);
    ck_assert_int_eq(round.sums, 0);
    ck_assert_ptr_nonnull(ddp_tensor_grad(replica.weight));
    replica_free(&replica);
}
END_TEST

static bool
nobody_came(void *user_data, DdpTensor *own, DdpTensor *all, GError **error)
{
    (void)user_data;
    (void)own;
    (void)all;
    g_set_error_literal(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_FAILED, "nobody came");
    return false;
}

START_TEST(test_a_meeting_that_failed_changes_nothing)
{
    const DdpNormSync sync = {2, nobody_came, NULL, NULL};
    g_autoptr(DdpTensor) x = ddp_randn(op_cases_context(), NULL, DDP_DTYPE_F32, SHAPE(4, 3), NULL);
    Layer layer = layer_new(DDP_DTYPE_F32, 3, 0.1, 1e-5);
    DdpBatchNormSpec spec = {.running_mean = layer.mean,
                             .running_var = layer.var,
                             .training = true,
                             .momentum = 0.1,
                             .sync = &sync};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_batch_norm(x, &spec, &error));
    ck_assert_str_eq(error->message, "nobody came");
    ck_assert(ddp_tensor_item_f64(layer.var, 0) == 1.0);
    layer_free(&layer);
}
END_TEST

/* ---- misuse -------------------------------------------------------------------------- */

#define ASSERT_ERROR(call, message_)                                                               \
    do {                                                                                           \
        GError *error = NULL;                                                                      \
                                                                                                   \
        ck_assert_ptr_null(call);                                                                  \
        ck_assert_ptr_nonnull(error);                                                              \
        ck_assert_str_eq(error->message, message_);                                                \
        g_error_free(error);                                                                       \
    } while (0)

START_TEST(test_what_does_not_fit_is_refused)
{
    g_autoptr(DdpTensor) one = ramp(DDP_DTYPE_F32, 2, 0.0, 1.0);
    g_autoptr(DdpTensor) row = ddp_reshape(one, SHAPE(1, 2), NULL);
    g_autoptr(DdpTensor) two = ddp_expand(one, SHAPE(2, 2), NULL);
    g_autoptr(DdpTensor) three = ramp(DDP_DTYPE_F32, 3, 0.0, 1.0);
    g_autoptr(DdpTensor) doubles = ramp(DDP_DTYPE_F64, 2, 0.0, 1.0);
    DdpBatchNormSpec spec = ddp_batch_norm_spec_default();

    ASSERT_ERROR(batch(row, NULL, NULL, &error),
                 "Expected more than 1 value per channel when training, got input size "
                 "torch.Size([1, 2])");
    ASSERT_ERROR(batch(one, NULL, NULL, &error), "expected at least 2D input (got 1D input)");
    ASSERT_ERROR(batch(two, three, NULL, &error),
                 "batch_norm: weight should contain 2 elements, one for each channel of the input, "
                 "found shape [3]");
    ASSERT_ERROR(batch(two, NULL, doubles, &error),
                 "batch_norm: the bias is torch.float64, expected torch.float32 as the input is");
    ASSERT_ERROR(ddp_batch_norm(two, &spec, &error),
                 "Expected running_mean and running_var to be defined when training=False");
    ASSERT_ERROR(ddp_layer_norm(two, SHAPE(3), NULL, NULL, 1e-5, &error),
                 "layer_norm: normalized_shape is [3], which must be the last sizes of the input, "
                 "found an input of size [2, 2]");
    ASSERT_ERROR(ddp_layer_norm(two, SHAPE(2), three, NULL, 1e-5, &error),
                 "layer_norm: expected the weight to have the shape [2] of normalized_shape, found "
                 "[3]");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("norm");
    TCase *gradients = tcase_create("gradients");
    TCase *statistics = tcase_create("statistics");
    TCase *ranks = tcase_create("ranks");

    tcase_add_checked_fixture(gradients, setup, op_cases_close);
    tcase_add_loop_test(gradients, test_results_and_gradients_are_torchs, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_gradients_are_limits_of_differences, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_halves_follow_float32, 0, G_N_ELEMENTS(cases));
    tcase_add_loop_test(gradients, test_every_instruction_set_gives_the_same_bits, 0,
                        G_N_ELEMENTS(cases));
    tcase_add_test(gradients, test_what_does_not_fit_is_refused);
    suite_add_tcase(suite, gradients);

    tcase_add_checked_fixture(statistics, setup, op_cases_close);
    tcase_add_loop_test(statistics, test_running_values_follow_torchs_over_steps, 0,
                        G_N_ELEMENTS(step_cases));
    tcase_add_test(statistics, test_a_batch_moves_the_running_values_by_a_tenth);
    tcase_add_test(statistics, test_an_empty_batch_changes_nothing);
    suite_add_tcase(suite, statistics);

    tcase_add_checked_fixture(ranks, setup, op_cases_close);
    tcase_add_loop_test(ranks, test_ranks_normalise_as_one_batch, 0, G_N_ELEMENTS(sizes));
    tcase_add_test(ranks, test_ranks_meet_in_backward_only_for_the_input);
    tcase_add_test(ranks, test_a_meeting_that_failed_changes_nothing);
    suite_add_tcase(suite, ranks);
    return ddp_test_main(suite);
}
