/* SPDX-License-Identifier: MIT */
#include "sim/train/reducer.h"

#include <string.h>

#include "model/autograd.h"
#include "model/nn.h"
#include "model/ops.h"
#include "model/optim.h"
#include "sim/train/rank_ops.h"
#include "tests/testutil.h"

/*
 * Two ways to look at a reducer. Alone, over collectives that only write down what was asked of
 * them and act as if SIZE ranks had brought the same; and in worlds of ranks on each engine.
 */

#define SIZE 3

static DdpModelContext *context;
static GString *calls;
static bool fails; /* from now on all_reduce does */

static void
set_up(void)
{
    context = ddp_model_context_new(NULL, 0, 0, 1);
    calls = g_string_new(NULL);
    fails = false;
}

static void
tear_down(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    g_string_free(calls, TRUE);
}

static void
note(const char *verb, const DdpTensor *tensor, const char *name)
{
    g_string_append_printf(calls, "%s %s [%zu]\n", verb, name, ddp_tensor_numel(tensor));
}

static void
assert_calls(const char *expected)
{
    ck_assert_str_eq(calls->str, expected);
    g_string_truncate(calls, 0);
}

static void
sum_of_equals(DdpTensor *tensor)
{
    for (size_t i = 0; i < ddp_tensor_numel(tensor); i++)
        ddp_tensor_set_f64(tensor, i, SIZE * ddp_tensor_item_f64(tensor, i));
}

static bool
all_reduce(void *user_data, DdpTensor *tensor, DdpReduceOp op, const char *name, GError **error)
{
    (void)user_data;
    (void)op;
    note("reduce", tensor, name);
    if (fails) {
        g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED, "on purpose");
        return false;
    }
    sum_of_equals(tensor);
    return true;
}

static bool
broadcast(void *user_data, DdpTensor *tensor, int root, const char *name, GError **error)
{
    (void)user_data;
    (void)error;
    ck_assert_int_eq(root, 0);
    note("broadcast", tensor, name);
    return true;
}

static bool
all_gather(void *user_data, DdpTensor *own, DdpTensor *all, const char *name, GError **error)
{
    (void)user_data;
    (void)error;
    note("gather", own, name);
    for (size_t i = 0; i < SIZE; i++)
        ddp_tensor_set_i64(all, i, ddp_tensor_item_i64(own, 0));
    return true;
}

static void *
begin(void *user_data, DdpTensor *tensor, const char *name, GError **error)
{
    (void)user_data;
    (void)error;
    note("begin", tensor, name);
    return ddp_tensor_ref(tensor);
}

static bool
wait_for(void *user_data, void *work, GError **error)
{
    (void)user_data;
    (void)error;
    g_string_append_printf(calls, "wait [%zu]\n", ddp_tensor_numel(work));
    sum_of_equals(work);
    ddp_tensor_unref(work);
    return true;
}

static void
drop(void *user_data, void *work)
{
    (void)user_data;
    ddp_tensor_unref(work);
}

static const DdpReducerOps recording = {all_reduce, broadcast, all_gather, begin,
                                        wait_for,   drop,      NULL};

/* ---- a small model ------------------------------------------------------------------- */

/* y = sum of wᵢ · x over the weights, in the order of `use`. */
typedef struct {
    DdpTensor *weights[3];
    DdpReducer *reducer;
} Model;

static DdpTensor *
weight_new(DdpModelContext *of, int64_t count)
{
    GError *error = NULL;
    DdpTensor *weight = ddp_tensor_new(of, DDP_DTYPE_F32, 1, &count, &error);

    ck_assert_no_error(error);
    ck_assert(ddp_fill_(weight, ddp_number_float(1), &error));
    ck_assert(ddp_tensor_set_requires_grad(weight, true, &error));
    return weight;
}

static void
model_init(Model *model, const DdpReducerSpec *spec, const DdpReducerOps *ops)
{
    static const char *const names[] = {"a", "b", "c"};
    GError *error = NULL;

    for (int i = 0; i < 3; i++)
        model->weights[i] = weight_new(context, i + 1);

    const DdpReducerModule module = {
        .parameters = model->weights, .parameter_count = 3, .names = names};

    model->reducer = ddp_reducer_new(context, &module, 1, SIZE, spec, ops, &error);
    ck_assert_no_error(error);
}

static void
model_clear(Model *model)
{
    ddp_reducer_free(model->reducer);
    for (int i = 0; i < 3; i++)
        ddp_tensor_unref(model->weights[i]);
}

/* The derivative by each element of weight i is factor + i. Backward meets the last used first. */
static DdpTensor *
forward(const Model *model, const char *use, double factor)
{
    DdpTensor *total = NULL;
    GError *error = NULL;

    for (const char *at = use; *at != '\0'; at++) {
        int i = *at - 'a';
        g_autoptr(DdpTensor) product =
            ddp_binary(DDP_BINARY_MUL, ddp_operand_tensor(model->weights[i]),
                       ddp_operand_float(factor + i), &error);
        DdpTensor *sum = ddp_sum(product, &error);

        if (total != NULL) {
            DdpTensor *both = ddp_add(total, sum, &error);

            ddp_tensor_unref(total);
            ddp_tensor_unref(sum);
            sum = both;
        }
        total = sum;
    }
    ck_assert_no_error(error);
    return total;
}

static void
zero_grad(const Model *model)
{
    for (int i = 0; i < 3; i++)
        ck_assert(ddp_tensor_set_grad(model->weights[i], NULL, NULL));
}

/* A whole step; what backward says is left in @error. */
static bool
step(const Model *model, const char *use, double factor, GError **error)
{
    zero_grad(model);
    if (!ddp_reducer_begin_forward(model->reducer, error))
        return false;

    g_autoptr(DdpTensor) output = forward(model, use, factor);

    return ddp_reducer_end_forward(model->reducer, &output, 1, error) &&
           ddp_tensor_backward(output, error);
}

static void
step_well(const Model *model, const char *use, double factor)
{
    GError *error = NULL;

    step(model, use, factor, &error);
    ck_assert_no_error(error);
}

static float
gradient(const Model *model, int index)
{
    return ((float *)ddp_tensor_data(ddp_tensor_grad(model->weights[index])))[0];
}

/* ---- collectives --------------------------------------------------------------------- */

START_TEST(test_starts_with_verifying_and_one_broadcast)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    model_init(&model, &spec, &recording);
    assert_calls("gather DDP: verify parameters [1]\n"
                 "broadcast DDP: verify parameters [27]\n"
                 "broadcast DDP: broadcast parameters [6]\n");
    model_clear(&model);

    spec.init_sync = false;
    model_init(&model, &spec, &recording);
    assert_calls("");
    model_clear(&model);
}
END_TEST

START_TEST(test_buffers_and_frozen_parameters_are_broadcast_by_dtype)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    g_autoptr(DdpTensor) weight = weight_new(context, 4);
    g_autoptr(DdpTensor) frozen = weight_new(context, 2);
    g_autoptr(DdpTensor) mean = weight_new(context, 3);
    g_autoptr(DdpTensor) count =
        ddp_tensor_new_number(context, DDP_DTYPE_I64, ddp_number_int(0), NULL);
    DdpTensor *buffers[] = {mean, count};
    const DdpReducerModule module = {.parameters = &weight,
                                     .parameter_count = 1,
                                     .others = &frozen,
                                     .other_count = 1,
                                     .buffers = buffers,
                                     .buffer_count = 2};
    g_autoptr(DdpReducer) reducer =
        ddp_reducer_new(context, &module, 0, SIZE, &spec, &recording, NULL);

    g_string_erase(calls, 0, strstr(calls->str, "broadcast DDP: broadcast") - calls->str);
    assert_calls("broadcast DDP: broadcast parameters [9]\n"
                 "broadcast DDP: broadcast parameters [1]\n");
    ck_assert(ddp_reducer_begin_forward(reducer, NULL));
    assert_calls("broadcast DDP: broadcast buffers [3]\n"
                 "broadcast DDP: broadcast buffers [1]\n");
}
END_TEST

START_TEST(test_first_one_bucket_and_then_in_order_of_arrival)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    spec.bucket_cap_bytes = 12;
    model_init(&model, &spec, &recording);
    g_string_truncate(calls, 0);
    step_well(&model, "bca", 1);
    assert_calls("reduce DDP: bucket 0 of 1 gradients [6]\n");

    /* Arrival is a, c, b: a and c (16 bytes) fill the first bucket. */
    step_well(&model, "bca", 1);
    assert_calls("broadcast DDP: rebuild buckets [4]\n"
                 "broadcast DDP: rebuild buckets [2]\n"
                 "begin DDP: bucket 0 of 2 gradients [4]\n"
                 "reduce DDP: bucket 1 of 2 gradients [2]\n"
                 "wait [4]\n");
    step_well(&model, "bca", 1);
    assert_calls("begin DDP: bucket 0 of 2 gradients [4]\n"
                 "reduce DDP: bucket 1 of 2 gradients [2]\n"
                 "wait [4]\n");
    model_clear(&model);
}
END_TEST

START_TEST(test_a_full_bucket_waits_for_those_before_it)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    spec.bucket_cap_bytes = 1;
    model_init(&model, &spec, &recording);
    step_well(&model, "cba", 1);
    step_well(&model, "cba", 1);
    g_string_truncate(calls, 0);
    /* Buckets are a, b, c; now c arrives first and a last. */
    step_well(&model, "abc", 1);
    assert_calls("begin DDP: bucket 0 of 3 gradients [1]\n"
                 "begin DDP: bucket 1 of 3 gradients [2]\n"
                 "reduce DDP: bucket 2 of 3 gradients [3]\n"
                 "wait [1]\n"
                 "wait [2]\n");
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq_tol(gradient(&model, i), 1.0F + (float)i, 1e-6F);
    model_clear(&model);
}
END_TEST

START_TEST(test_without_begin_each_launch_blocks)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    DdpReducerOps blocking = recording;
    Model model;

    blocking.begin = NULL;
    blocking.wait = NULL;
    blocking.drop = NULL;
    spec.bucket_cap_bytes = 1;
    model_init(&model, &spec, &blocking);
    step_well(&model, "cba", 1);
    step_well(&model, "cba", 1);
    g_string_truncate(calls, 0);
    step_well(&model, "cba", 1);
    assert_calls("reduce DDP: bucket 0 of 3 gradients [1]\n"
                 "reduce DDP: bucket 1 of 3 gradients [2]\n"
                 "reduce DDP: bucket 2 of 3 gradients [3]\n");
    model_clear(&model);
}
END_TEST

START_TEST(test_search_shares_who_used_what_behind_the_buckets)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    spec.find_unused_parameters = true;
    spec.bucket_cap_bytes = 8;
    model_init(&model, &spec, &recording);
    g_string_truncate(calls, 0);
    /* In module order a b | c, reversed: c travels first. */
    step_well(&model, "ac", 1);
    assert_calls("begin DDP: bucket 0 of 2 gradients [3]\n"
                 "reduce DDP: bucket 1 of 2 gradients [3]\n"
                 "reduce DDP: parameters that some rank used [3]\n"
                 "wait [3]\n");
    ck_assert_ptr_null(ddp_tensor_grad(model.weights[1]));
    ck_assert_float_eq_tol(gradient(&model, 2), 3.0F, 1e-6F);
    ck_assert(!ddp_reducer_take_needless_search(model.reducer));
    step_well(&model, "abc", 1);
    ck_assert(!ddp_reducer_has_rebuilt(model.reducer));
    model_clear(&model);
}
END_TEST

START_TEST(test_static_graph_learns_first_and_is_rebuilt_a_step_later)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    spec.static_graph = true;
    spec.bucket_cap_bytes = 1;
    model_init(&model, &spec, &recording);
    g_string_truncate(calls, 0);
    step_well(&model, "ab", 1);
    assert_calls("reduce DDP: parameters that some rank used [3]\n"
                 "reduce DDP: bucket 0 of 1 gradients [6]\n");
    step_well(&model, "ab", 1);
    assert_calls("reduce DDP: bucket 0 of 1 gradients [6]\n");
    step_well(&model, "ab", 1);
    assert_calls("broadcast DDP: rebuild buckets [4]\n"
                 "broadcast DDP: rebuild buckets [3]\n"
                 "begin DDP: bucket 0 of 3 gradients [2]\n"
                 "begin DDP: bucket 1 of 3 gradients [1]\n"
                 "reduce DDP: bucket 2 of 3 gradients [3]\n"
                 "wait [2]\n"
                 "wait [1]\n");
    ck_assert_ptr_null(ddp_tensor_grad(model.weights[2]));
    model_clear(&model);
}
END_TEST

/* ---- numbers ------------------------------------------------------------------------- */

START_TEST(test_gradients_are_scaled_once_before_the_sum)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    model_init(&model, &spec, &recording);
    for (int k = 0; k < 4; k++) {
        double factor = 0.1 + k;
        volatile float scaled = (float)factor * (float)(1.0 / SIZE);

        step_well(&model, "abc", factor);
        ck_assert_float_eq(gradient(&model, 0), (float)(SIZE * (double)scaled));
    }
    model_clear(&model);
}
END_TEST

START_TEST(test_a_step_leaves_gradients_where_the_bucket_is)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;
    void *place;

    model_init(&model, &spec, &recording);
    step_well(&model, "abc", 1);
    step_well(&model, "abc", 1);
    place = ddp_tensor_data(ddp_grad_bucket_buffer(ddp_reducer_bucket(model.reducer, 0)));
    for (int k = 0; k < 3; k++) {
        step_well(&model, "abc", 1);
        /* The last that arrived first: c, b, a lie side by side. */
        ck_assert_ptr_eq(ddp_tensor_data(ddp_tensor_grad(model.weights[2])), place);
        ck_assert_ptr_eq(ddp_tensor_data(ddp_tensor_grad(model.weights[0])), (float *)place + 5);
    }
    model_clear(&model);
}
END_TEST

START_TEST(test_a_gradient_that_is_held_is_not_written_again)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    model_init(&model, &spec, &recording);
    step_well(&model, "abc", 1);
    step_well(&model, "abc", 1);

    g_autoptr(DdpTensor) held = ddp_tensor_ref(ddp_tensor_grad(model.weights[0]));
    int64_t one = 1;
    g_autoptr(DdpTensor) part =
        ddp_tensor_share(ddp_tensor_grad(model.weights[2]), 2, 1, &one, NULL);

    step_well(&model, "abc", 10);
    ck_assert_double_eq_tol(ddp_tensor_item_f64(held, 0), 1, 1e-6);
    ck_assert_double_eq_tol(ddp_tensor_item_f64(part, 0), 3, 1e-6);
    ck_assert_float_eq_tol(gradient(&model, 0), 10.0F, 1e-5F);
    model_clear(&model);
}
END_TEST

START_TEST(test_the_hash_follows_what_is_written)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    GError *error = NULL;
    Model model;
    uint64_t hash;

    model_init(&model, &spec, &recording);
    hash = ddp_reducer_hash_parameters(model.reducer);
    ck_assert_uint_eq(ddp_reducer_hash_parameters(model.reducer), hash);

    DdpOptimizer *optimizer = ddp_sgd_new(context);
    DdpSgdSpec sgd = ddp_sgd_spec_default();

    sgd.lr = 0.5;
    ck_assert(ddp_sgd_add_group(optimizer, &sgd, model.weights, 3, &error));
    step_well(&model, "abc", 1);
    ck_assert(ddp_optimizer_step(optimizer, &error));
    ck_assert_uint_ne(ddp_reducer_hash_parameters(model.reducer), hash);
    ddp_optimizer_free(optimizer);
    model_clear(&model);
}
END_TEST

/* ---- errors -------------------------------------------------------------------------- */

START_TEST(test_an_unused_parameter_fails_the_next_forward)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    g_autoptr(GError) error = NULL;
    Model model;

    model_init(&model, &spec, &recording);
    g_string_truncate(calls, 0);
    step_well(&model, "ac", 1);
    assert_calls("");
    ck_assert_float_eq(gradient(&model, 0), 1.0F);
    ck_assert(!step(&model, "abc", 1, &error));
    ck_assert(g_error_matches(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_UNUSED));
    ck_assert_ptr_nonnull(strstr(error->message, "did not receive grad for rank 1: 1"));
    model_clear(&model);
}
END_TEST

START_TEST(test_a_failed_collective_ends_backward)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    g_autoptr(GError) error = NULL;
    Model model;

    model_init(&model, &spec, &recording);
    fails = true;
    ck_assert(!step(&model, "abc", 1, &error));
    ck_assert_str_eq(error->message, "on purpose");
    model_clear(&model);
}
END_TEST

START_TEST(test_works_of_an_unfinished_pass_are_dropped)
{
    DdpReducerSpec spec = ddp_reducer_spec_default();
    Model model;

    spec.bucket_cap_bytes = 1;
    model_init(&model, &spec, &recording);
    step_well(&model, "cba", 1);
    step_well(&model, "cba", 1);
    g_string_truncate(calls, 0);
    /* Without c the first two buckets are on their way when backward ends. */
    step_well(&model, "ba", 1);
    assert_calls("begin DDP: bucket 0 of 3 gradients [1]\n"
                 "begin DDP: bucket 1 of 3 gradients [2]\n");
    ck_assert_float_eq(gradient(&model, 0), 1.0F);
    model_clear(&model);
}
END_TEST

START_TEST(test_without_parameters_there_is_nothing_to_do)
{
    const DdpReducerSpec spec = ddp_reducer_spec_default();
    const DdpReducerModule module = {.parameters = NULL};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_reducer_new(context, &module, 0, SIZE, &spec, &recording, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "parameter that requires a gradient"));
}
END_TEST

/* ---- in a world ---------------------------------------------------------------------- */

typedef struct {
    size_t cap;
    float *weights; /* [size, 6], reachable by all ranks */
} Training;

/* Three steps of SGD on a model of two layers whose inputs differ from rank to rank. */
static bool
train(DdpRank *rank, void *user_data, GError **error)
{
    const Training *training = user_data;
    int size = ddp_world_size(ddp_rank_world(rank));
    int index = ddp_rank_index(rank);
    DdpModelContext *own = ddp_model_context_new(NULL, 0, 0, (uint64_t)index);
    DdpRankOps *ops = ddp_rank_ops_new(rank, NULL, DDP_HERE);
    DdpReducerSpec spec = ddp_reducer_spec_default();
    DdpOptimizer *optimizer = ddp_sgd_new(own);
    DdpSgdSpec sgd = ddp_sgd_spec_default();
    DdpTensor *parameters[4];
    bool ok = ddp_linear_new(own, 1, 1, &parameters[0], &parameters[1], error) &&
              ddp_linear_new(own, 1, 2, &parameters[2], &parameters[3], error);
    const DdpReducerModule module = {.parameters = parameters, .parameter_count = 4};

    sgd.lr = 0.1;
    spec.bucket_cap_bytes = training->cap;
    ok = ok && ddp_sgd_add_group(optimizer, &sgd, parameters, 4, error);

    DdpReducer *reducer =
        ok ? ddp_reducer_new(own, &module, index, size, &spec, ddp_rank_ops(ops), error) : NULL;

    ok = reducer != NULL;
    for (int k = 0; ok && k < 4; k++) {
        int64_t shape[2] = {1, 1};
        float value = 0.1F * (float)(index + k + 1);
        g_autoptr(DdpTensor) x = ddp_tensor_new_from(own, DDP_DTYPE_F32, 2, shape, &value, error);

        ddp_optimizer_zero_grad(optimizer);
        ok = ddp_reducer_begin_forward(reducer, error);

        g_autoptr(DdpTensor) hidden =
            ok ? ddp_linear(x, parameters[0], parameters[1], error) : NULL;
        g_autoptr(DdpTensor) y =
            hidden != NULL ? ddp_linear(hidden, parameters[2], parameters[3], error) : NULL;
        g_autoptr(DdpTensor) loss = y != NULL ? ddp_sum(y, error) : NULL;

        ok = loss != NULL && ddp_reducer_end_forward(reducer, &y, 1, error) &&
             ddp_tensor_backward(loss, error) && ddp_optimizer_step(optimizer, error);
    }
    for (int i = 0, at = 0; ok && i < 4; i++) {
        for (size_t j = 0; j < ddp_tensor_numel(parameters[i]); j++)
            training->weights[6 * index + at++] = ((float *)ddp_tensor_data(parameters[i]))[j];
    }
    ddp_reducer_free(reducer);
    ddp_rank_ops_free(ops);
    ddp_optimizer_free(optimizer);
    for (int i = 0; ok && i < 4; i++)
        ddp_tensor_unref(parameters[i]);
    ddp_model_context_free(own);
    return ok;
}

static void
train_world(DdpEngine engine, int size, size_t cap, float weights[6])
{
    DdpWorldSpec spec = ddp_world_spec_default();
    g_autoptr(GError) error = NULL;

    spec.engine = engine;
    spec.size = size;
    spec.stack_bytes = 256 << 10;

    g_autoptr(DdpWorld) world = ddp_world_new(&spec, &error);
    Training training = {cap, NULL};

    ck_assert_no_error(error);
    training.weights = ddp_world_alloc(world, (size_t)size * 6 * sizeof(float));
    ck_assert_int_eq(ddp_world_run(world, train, &training), DDP_OUTCOME_COMPLETED);
    for (int rank = 1; rank < size; rank++)
        ck_assert_mem_eq(training.weights + 6 * rank, training.weights, 6 * sizeof(float));
    memcpy(weights, training.weights, 6 * sizeof(float));
    ddp_world_release(world, training.weights);
}

static const int world_sizes[] = {1, 2, 3, 4, 7};

START_TEST(test_every_engine_and_every_bucket_size_gives_the_same_bits)
{
    float first[6], weights[6];

    train_world(DDP_ENGINE_FIBERS, world_sizes[_i], 0, first);
    for (int engine = DDP_ENGINE_FIBERS; engine <= DDP_ENGINE_PROCESSES; engine++) {
        for (size_t cap = 0; cap < 24; cap += 5) {
            train_world((DdpEngine)engine, world_sizes[_i], cap, weights);
            ck_assert_mem_eq(weights, first, sizeof first);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("reducer");
    TCase *alone = tcase_create("alone");
    TCase *world = tcase_create("world");

    tcase_add_checked_fixture(alone, set_up, tear_down);
    tcase_add_test(alone, test_starts_with_verifying_and_one_broadcast);
    tcase_add_test(alone, test_buffers_and_frozen_parameters_are_broadcast_by_dtype);
    tcase_add_test(alone, test_first_one_bucket_and_then_in_order_of_arrival);
    tcase_add_test(alone, test_a_full_bucket_waits_for_those_before_it);
    tcase_add_test(alone, test_without_begin_each_launch_blocks);
    tcase_add_test(alone, test_search_shares_who_used_what_behind_the_buckets);
    tcase_add_test(alone, test_static_graph_learns_first_and_is_rebuilt_a_step_later);
    tcase_add_test(alone, test_gradients_are_scaled_once_before_the_sum);
    tcase_add_test(alone, test_a_step_leaves_gradients_where_the_bucket_is);
    tcase_add_test(alone, test_a_gradient_that_is_held_is_not_written_again);
    tcase_add_test(alone, test_the_hash_follows_what_is_written);
    tcase_add_test(alone, test_an_unused_parameter_fails_the_next_forward);
    tcase_add_test(alone, test_a_failed_collective_ends_backward);
    tcase_add_test(alone, test_works_of_an_unfinished_pass_are_dropped);
    tcase_add_test(alone, test_without_parameters_there_is_nothing_to_do);
    tcase_add_loop_test(world, test_every_engine_and_every_bucket_size_gives_the_same_bits, 0,
                        G_N_ELEMENTS(world_sizes));
    suite_add_tcase(suite, alone);
    suite_add_tcase(suite, world);
    return ddp_test_main(suite);
}
