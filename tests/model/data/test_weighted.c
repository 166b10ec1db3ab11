/* SPDX-License-Identifier: MIT */

/*
 * Draws by weight against figures recorded from real torch (tests/reference/weighted_record.py),
 * and data sets one behind the other against the numbers that were put in.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/data/dataset.h"
#include "model/data/sampler.h"
#include "tests/testutil.h"

#define COUNT_MAX 512

static void
fill_weights(double *weights, int count, int seed)
{
    for (int i = 0; i < count; i++)
        weights[i] = (7 * i + seed) % 11 / 4.0;
}

/* All that a pass over the sampler yields, and how far the stream has got then. */
static char *
draw(const DdpSampler *sampler, DdpGenerator *generator)
{
    int64_t order[2 * COUNT_MAX], batch[COUNT_MAX];
    GString *text = g_string_new(NULL);
    DdpSamplerPass pass;
    size_t count;

    ck_assert_uint_le(ddp_sampler_order_count(sampler), G_N_ELEMENTS(order));
    ddp_sampler_pass_begin(&pass, sampler, generator, order);
    while ((count = ddp_sampler_pass_batch(&pass, 7, false, batch)) > 0) {
        for (size_t i = 0; i < count; i++)
            g_string_append_printf(text, "%d ", (int)batch[i]);
    }
    g_string_append_printf(text, ": %u", ddp_generator_draw32(generator) & 0xffffffu);
    return g_string_free(text, FALSE);
}

START_TEST(test_draws_are_those_of_torch)
{
    g_autofree char *recorded = ddp_test_reference_read("weighted_draws.txt");
    g_auto(GStrv) lines = g_strsplit(g_strchomp(recorded), "\n", -1);
    int checked = 0;

    for (char **line = lines + 1; *line != NULL; line++, checked++) {
        double weights[COUNT_MAX];
        int seed, n, count, replacement, length = 0;

        ck_assert_int_eq(
            sscanf(*line, "%d %d %d %d : %n", &seed, &n, &count, &replacement, &length), 4);
        fill_weights(weights, n, seed);

        g_autoptr(DdpGenerator) generator = ddp_generator_new((uint64_t)seed);
        DdpSampler sampler = {
            .kind = DDP_SAMPLER_WEIGHTED,
            .count = (size_t)count,
            .weights = weights,
            .weight_count = (size_t)n,
            .replacement = replacement != 0,
        };
        g_autofree char *from_default = draw(&sampler, generator);

        ck_assert_str_eq(from_default, *line + length);

        g_autoptr(DdpGenerator) own = ddp_generator_new((uint64_t)seed);
        g_autofree char *from_own = (sampler.generator = own, draw(&sampler, own));

        ck_assert_str_eq(from_own, *line + length);
    }
    ck_assert_int_ge(checked, 100);
}
END_TEST

START_TEST(test_weights_that_cannot_be_drawn_from_are_refused)
{
    static const struct {
        double weights[2];
        size_t count;
        bool replacement;
        const char *words;
    } cases[] = {
        {{1, 2}, 0, true, "num_samples should be a positive integer"},
        {{1, 2}, 3, false, "without replacement"},
        {{1, -1}, 1, true, "entry < 0"},
        {{1, (double)INFINITY}, 1, true, "infinity or NaN"},
        {{0, 0}, 1, true, "sum of probabilities <= 0"},
        {{1e308, 1e308}, 1, true, "sum of probabilities is infinite"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        DdpSampler sampler = {
            .kind = DDP_SAMPLER_WEIGHTED,
            .count = cases[i].count,
            .weights = cases[i].weights,
            .weight_count = 2,
            .replacement = cases[i].replacement,
        };

        ck_assert(!ddp_sampler_check(&sampler, &error));
        ck_assert_ptr_nonnull(strstr(error->message, cases[i].words));
    }
}
END_TEST

static DdpDataset *
numbers(const int32_t *rows, size_t size)
{
    const DdpMemoryColumn column = {{.dtype = DDP_DTYPE_I32, .ndim = 0}, rows};

    return ddp_dataset_new_memory(size, &column, 1, NULL, NULL);
}

START_TEST(test_data_sets_stand_one_behind_the_other)
{
    static const int32_t rows[] = {10, 11, 12, 13, 14, 15};
    g_autoptr(DdpDataset) first = numbers(rows, 2);
    g_autoptr(DdpDataset) empty = numbers(rows, 0);
    g_autoptr(DdpDataset) last = numbers(rows + 2, 4);
    DdpDataset *parts[] = {empty, first, empty, last, empty};
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpDataset) whole = ddp_dataset_new_concat(parts, G_N_ELEMENTS(parts), &error);
    const int64_t indices[] = {5, 0, 2, 1, 3, 4, 0};
    int32_t out[G_N_ELEMENTS(indices)];

    ck_assert_no_error(error);
    ck_assert_uint_eq(ddp_dataset_size(whole), 6);
    ddp_dataset_gather(whole, 0, indices, G_N_ELEMENTS(indices), out);
    for (size_t i = 0; i < G_N_ELEMENTS(indices); i++)
        ck_assert_int_eq(out[i], 10 + (int)indices[i]);
}
END_TEST

START_TEST(test_data_sets_of_other_columns_are_refused)
{
    static const int32_t rows[] = {1, 2};
    const DdpMemoryColumn wide = {{.dtype = DDP_DTYPE_I32, .ndim = 1, .shape = {2}}, rows};
    g_autoptr(DdpDataset) narrow_one = numbers(rows, 2);
    g_autoptr(DdpDataset) wide_one = ddp_dataset_new_memory(1, &wide, 1, NULL, NULL);
    DdpDataset *parts[] = {narrow_one, wide_one};
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_dataset_new_concat(parts, 2, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "data set 2"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("weighted");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_draws_are_those_of_torch);
    tcase_add_test(all, test_weights_that_cannot_be_drawn_from_are_refused);
    tcase_add_test(all, test_data_sets_stand_one_behind_the_other);
    tcase_add_test(all, test_data_sets_of_other_columns_are_refused);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
