/* SPDX-License-Identifier: MIT */
#include "model/generator.h"

#include <string.h>

#include "model/nn.h"
#include "model/ops.h"
#include "tests/model/core/recorded.h"

/*
 * The generator is held against two things: the outputs of mt19937 as the semantics reference
 * lists them, and what torch.* drew after manual_seed, bit for bit, in the order in which
 * torch_record.py draws it. One missing or surplus draw shifts everything behind it.
 */

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("torch_random.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ck_assert_uint_eq(ddp_model_context_tensors(context), 0);
    ddp_model_context_free(context);
    recorded_free(recorded);
}

START_TEST(test_engine_gives_the_outputs_of_mt19937)
{
    static const struct {
        uint64_t seed;
        uint32_t first[3];
        uint32_t output_1001;
    } rows[] = {
        {0, {2357136044u, 2546248239u, 3071714933u}, 1333075495u},
        {1, {1791095845u, 4282876139u, 3093770124u}, 375733240u},
        {42, {1608637542u, 3421126067u, 4083286876u}, 2998581749u},
    };

    for (size_t r = 0; r < G_N_ELEMENTS(rows); r++) {
        g_autoptr(DdpGenerator) generator = ddp_generator_new(rows[r].seed);

        for (int i = 0; i < 3; i++)
            ck_assert_uint_eq(ddp_generator_draw32(generator), rows[r].first[i]);
        for (int i = 3; i < 1000; i++)
            ddp_generator_draw32(generator);
        ck_assert_uint_eq(ddp_generator_draw32(generator), rows[r].output_1001);
    }
}
END_TEST

START_TEST(test_draw64_has_the_first_output_high)
{
    g_autoptr(DdpGenerator) generator = ddp_generator_new(0);

    ck_assert_uint_eq(ddp_generator_draw64(generator),
                      UINT64_C(2357136044) << 32 | UINT64_C(2546248239));
}
END_TEST

START_TEST(test_seeding_restarts_the_stream_and_keeps_the_seed)
{
    g_autoptr(DdpGenerator) generator = ddp_generator_new(1);

    ddp_generator_draw32(generator);
    ddp_generator_seed(generator, 42);
    ck_assert_uint_eq(ddp_generator_draw32(generator), 1608637542u);
    ck_assert_uint_eq(ddp_generator_initial_seed(generator), 42);
}
END_TEST

static const struct {
    const char *name;
    uint64_t value;
} seeds[] = {
    {"seed0", 0},
    {"seed1", 1},
    {"seed42", 42},
    {"seed4294967303", (UINT64_C(1) << 32) + 7},
    {"seed-3", (uint64_t)-3},
};

/* Takes @got over. f64 goes through our own log, sin and cos, not glibc's. */
static void
expect(const char *seed, const char *what, DdpTensor *got, double relative)
{
    g_autofree char *name = g_strdup_printf("%s.%s", seed, what);

    if (relative > 0.0)
        assert_recorded_close(recorded, name, got, relative, 1e-16);
    else
        assert_recorded_bits(recorded, name, got);
    ddp_tensor_unref(got);
}

static DdpTensor *
vector(DdpDtype dtype, int64_t n)
{
    return ddp_tensor_new(context, dtype, 1, &n, NULL);
}

static DdpTensor *
uniform(DdpDtype dtype, int64_t n, double low, double high)
{
    DdpTensor *tensor = vector(dtype, n);

    ck_assert(ddp_uniform_(tensor, NULL, low, high, NULL));
    return tensor;
}

static DdpTensor *
drawn(DdpDtype dtype, int64_t n)
{
    return ddp_rand(context, NULL, dtype, 1, &n, NULL);
}

static DdpTensor *
normal(DdpDtype dtype, int64_t n)
{
    return ddp_randn(context, NULL, dtype, 1, &n, NULL);
}

static DdpTensor *
integers(int64_t low, int64_t high, int64_t n)
{
    return ddp_randint(context, NULL, DDP_DTYPE_I64, low, high, 1, &n, NULL);
}

/* Below 16 elements values pass through double and our own logarithm and sines. */
static double
tolerance_of_normals(DdpDtype dtype)
{
    return dtype == DDP_DTYPE_F64 ? 1e-14 : 0.0;
}

START_TEST(test_wide_integers_take_two_outputs)
{
    static const int powers[] = {28, 32};
    DdpGenerator *generator = ddp_model_context_generator(context);

    for (size_t i = 0; i < G_N_ELEMENTS(powers); i++) {
        g_autofree char *below = g_strdup_printf("randint_below%d", powers[i]);
        g_autofree char *from = g_strdup_printf("randint_from%d", powers[i]);
        int64_t range = INT64_C(1) << powers[i];

        ddp_generator_seed(generator, seeds[_i].value);
        expect(seeds[_i].name, below, integers(0, range - 1, 5), 0);
        expect(seeds[_i].name, from, integers(0, range, 5), 0);
    }
}
END_TEST

START_TEST(test_a_long_mixed_stream_is_torchs)
{
    const char *s = seeds[_i].name;
    DdpGenerator *generator = ddp_model_context_generator(context);
    DdpTensor *random = vector(DDP_DTYPE_I64, 3);
    DdpTensor *around_three = vector(DDP_DTYPE_F32, 24);
    static const int lengths[] = {5, 15, 16, 17, 20, 31, 33, 250};

    ddp_generator_seed(generator, seeds[_i].value);
    expect(s, "rand", drawn(DDP_DTYPE_F32, 700), 0);
    expect(s, "rand64", drawn(DDP_DTYPE_F64, 9), 0);
    expect(s, "randint", integers(0, 10, 8), 0);
    expect(s, "randint_wide", integers(-(INT64_C(1) << 40), INT64_C(1) << 40, 8), 0);
    for (size_t i = 0; i < 3; i++)
        ddp_tensor_set_i64(random, i, ddp_generator_random_i64(generator));
    expect(s, "random", random, 0);
    expect(s, "uniform", uniform(DDP_DTYPE_F32, 40, -0.123, 0.123), 0);
    expect(s, "uniform64", uniform(DDP_DTYPE_F64, 7, -3.0, 5.0), 0);
    expect(s, "rand16", drawn(DDP_DTYPE_F16, 9), 0);
    expect(s, "randbf16", drawn(DDP_DTYPE_BF16, 9), 0);
    expect(s, "narrow", uniform(DDP_DTYPE_F32, 40, 1.0, 1.0 + 0x1p-22), 0);
    expect(s, "narrow16", uniform(DDP_DTYPE_F16, 40, 1.0, 1.0 + 0x1p-9), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *name = g_strdup_printf("randn%d", lengths[i]);
        g_autofree char *name64 = g_strdup_printf("randn64_%d", lengths[i]);

        expect(s, name, normal(DDP_DTYPE_F32, lengths[i]), tolerance_of_normals(DDP_DTYPE_F32));
        expect(s, name64, normal(DDP_DTYPE_F64, lengths[i]), tolerance_of_normals(DDP_DTYPE_F64));
    }
    ck_assert(ddp_normal_(around_three, NULL, 3.0, 0.25, NULL));
    expect(s, "normal", around_three, 0);
    expect(s, "randn16_5", normal(DDP_DTYPE_F16, 5), 0);
    expect(s, "randn16_20", normal(DDP_DTYPE_F16, 20), 0);
    expect(s, "randnbf16_20", normal(DDP_DTYPE_BF16, 20), 0);
    expect(s, "after", drawn(DDP_DTYPE_F32, 3), 0);
}
END_TEST

START_TEST(test_the_cached_normal_survives_other_draws)
{
    DdpTensor *parts[3];

    ddp_generator_seed(ddp_model_context_generator(context), seeds[_i].value);
    parts[0] = normal(DDP_DTYPE_F32, 3);
    parts[1] = drawn(DDP_DTYPE_F32, 1);
    parts[2] = normal(DDP_DTYPE_F32, 2);
    expect(seeds[_i].name, "cached", ddp_cat(parts, 3, 0, NULL), 0);
    for (int i = 0; i < 3; i++)
        ddp_tensor_unref(parts[i]);
}
END_TEST

START_TEST(test_permutations_are_torchs)
{
    static const int lengths[] = {0, 1, 2, 10, 16, 1000};
    DdpGenerator *generator = ddp_model_context_generator(context);

    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *name = g_strdup_printf("randperm%d", lengths[i]);

        ddp_generator_seed(generator, seeds[_i].value);
        expect(seeds[_i].name, name, ddp_randperm(context, NULL, lengths[i], NULL), 0);
    }
    expect(seeds[_i].name, "randperm_next", ddp_randperm(context, NULL, 16, NULL), 0);
}
END_TEST

START_TEST(test_linear_layers_start_with_torchs_weights)
{
    static const struct {
        uint64_t seed;
        int64_t in, out;
    } rows[] = {{0, 4, 3}, {42, 1, 1}, {7, 100, 16}, {5, 30, 64}, {3, 3, 1}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("linear%d", (int)rows[i].seed);
        DdpTensor *weight, *bias;

        ddp_generator_seed(ddp_model_context_generator(context), rows[i].seed);
        ck_assert(ddp_linear_new(context, rows[i].in, rows[i].out, &weight, &bias, NULL));
        ck_assert(ddp_tensor_requires_grad(weight) && ddp_tensor_requires_grad(bias));
        expect(name, "weight", weight, 0);
        expect(name, "bias", bias, 0);
    }
}
END_TEST

START_TEST(test_a_layer_without_bias_draws_no_more_than_its_weight)
{
    DdpTensor *weight;

    ddp_generator_seed(ddp_model_context_generator(context), 11);
    ck_assert(ddp_linear_new(context, 6, 5, &weight, NULL, NULL));
    expect("linear_nobias", "weight", weight, 0);
    expect("linear_nobias", "after", drawn(DDP_DTYPE_F32, 2), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("generator");
    TCase *engine = tcase_create("engine");
    TCase *stream = tcase_create("against torch");

    tcase_add_test(engine, test_engine_gives_the_outputs_of_mt19937);
    tcase_add_test(engine, test_draw64_has_the_first_output_high);
    tcase_add_test(engine, test_seeding_restarts_the_stream_and_keeps_the_seed);
    suite_add_tcase(suite, engine);
    tcase_add_checked_fixture(stream, setup, teardown);
    tcase_add_loop_test(stream, test_a_long_mixed_stream_is_torchs, 0, G_N_ELEMENTS(seeds));
    tcase_add_loop_test(stream, test_wide_integers_take_two_outputs, 0, G_N_ELEMENTS(seeds));
    tcase_add_loop_test(stream, test_the_cached_normal_survives_other_draws, 0,
                        G_N_ELEMENTS(seeds));
    tcase_add_loop_test(stream, test_permutations_are_torchs, 0, G_N_ELEMENTS(seeds));
    tcase_add_test(stream, test_linear_layers_start_with_torchs_weights);
    tcase_add_test(stream, test_a_layer_without_bias_draws_no_more_than_its_weight);
    suite_add_tcase(suite, stream);
    return ddp_test_main(suite);
}
