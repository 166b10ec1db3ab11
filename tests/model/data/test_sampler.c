/* SPDX-License-Identifier: MIT */

/*
 * The orders are looked at from two sides: against figures recorded from real torch
 * (tests/reference/sampler_record.py), and against what any sampler must do, computed here the slow
 * way: build the padded or cut list in full and take every R-th.
 */
#include <stdio.h>
#include <string.h>

#include "model/data/dataset.h"
#include "model/data/sampler.h"
#include "tests/testutil.h"

#define INDICES_MAX 1024

/* The non-comment lines of a recorded file. */
static char **
recorded_lines(const char *name)
{
    g_autofree char *text = ddp_test_reference_read(name);
    char **lines = g_strsplit(g_strchomp(text), "\n", -1);

    ck_assert(lines[0] != NULL && lines[0][0] == '#');
    return lines;
}

static void
append_indices(GString *text, const int64_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(text, "%s%d", i > 0 ? " " : "", (int)indices[i]);
}

/* The low 24 bits of the next draw: says how far the stream has got. */
static unsigned
next_draw(DdpGenerator *generator)
{
    return ddp_generator_draw32(generator) & 0xffffffu;
}

START_TEST(test_randperm_is_the_one_of_torch)
{
    g_auto(GStrv) lines = recorded_lines("sampler_randperm.txt");
    int checked = 0;

    for (char **line = lines + 1; *line != NULL; line++, checked++) {
        unsigned long long seed;
        int n;
        int64_t indices[INDICES_MAX];
        g_autoptr(GString) got = g_string_new(NULL);

        ck_assert_int_eq(sscanf(*line, "%llu %d", &seed, &n), 2);

        g_autoptr(DdpGenerator) generator = ddp_generator_new(seed);

        ddp_generator_randperm(generator, indices, (size_t)n);
        g_string_append_printf(got, "%llu %d : ", seed, n);
        append_indices(got, indices, (size_t)n);
        g_string_append_printf(got, " : %u", next_draw(generator));
        ck_assert_str_eq(got->str, *line);
    }
    ck_assert_int_eq(checked, 28);
}
END_TEST

START_TEST(test_distributed_orders_are_those_of_torch)
{
    g_auto(GStrv) lines = recorded_lines("sampler_distributed.txt");
    int checked = 0;

    for (char **line = lines + 1; *line != NULL; line++, checked++) {
        int n, replicas, shuffle, drop_last, seed, epoch;
        g_autoptr(GString) got = g_string_new(NULL);

        ck_assert_int_eq(
            sscanf(*line, "%d %d %d %d %d %d", &n, &replicas, &shuffle, &drop_last, &seed, &epoch),
            6);
        g_string_append_printf(got, "%d %d %d %d %d %d :", n, replicas, shuffle, drop_last, seed,
                               epoch);
        for (int rank = 0; rank < replicas; rank++) {
            DdpDistributedSampler sampler =
                ddp_distributed_sampler_default((size_t)n, replicas, rank);
            int64_t indices[INDICES_MAX];

            sampler.shuffle = shuffle != 0;
            sampler.drop_last = drop_last != 0;
            sampler.seed = seed;
            sampler.epoch = epoch;
            ddp_distributed_sampler_indices(&sampler, indices);
            g_string_append(got, rank > 0 ? " | " : " ");
            append_indices(got, indices, ddp_distributed_sampler_size(&sampler));
        }
        ck_assert_str_eq(got->str, *line);
    }
    ck_assert_int_eq(checked, 720);
}
END_TEST

static DdpSampler
sampler_of_kind(const char *kind, size_t n, DdpGenerator *own)
{
    if (strcmp(kind, "sequential") == 0)
        return (DdpSampler){.kind = DDP_SAMPLER_SEQUENTIAL, .count = n};
    if (strcmp(kind, "shuffle") == 0)
        return (DdpSampler){.kind = DDP_SAMPLER_RANDOM, .count = n, .generator = own};
    return (DdpSampler){.kind = DDP_SAMPLER_DISTRIBUTED,
                        .distributed = ddp_distributed_sampler_default(n, 3, 1)};
}

/* What a loop over a DataLoader does, up to @stop batches (0: all). */
static void
append_pass(GString *text, const DdpSampler *sampler, DdpGenerator *loader_generator,
            DdpGenerator *default_generator, size_t batch_size, bool drop_last, int stop)
{
    int64_t order[INDICES_MAX];
    int64_t batch[INDICES_MAX];
    DdpSamplerPass pass;
    int seen = 0;

    ck_assert_uint_le(ddp_sampler_order_count(sampler), INDICES_MAX);
    ddp_loader_draw_base_seed(loader_generator);
    ddp_sampler_pass_begin(&pass, sampler, default_generator, order);
    for (;;) {
        size_t count = ddp_sampler_pass_batch(&pass, batch_size, drop_last, batch);

        if (count == 0)
            break;
        g_string_append(text, seen > 0 ? " | " : "");
        append_indices(text, batch, count);
        seen++;
        if (seen == stop)
            return;
    }
    ck_assert_uint_eq(ddp_sampler_pass_batch(&pass, batch_size, drop_last, batch), 0);
    ck_assert_uint_eq((size_t)seen,
                      ddp_batch_count(ddp_sampler_size(sampler), batch_size, drop_last));
}

START_TEST(test_loader_orders_and_draws_are_those_of_torch)
{
    g_auto(GStrv) lines = recorded_lines("sampler_loader.txt");
    int checked = 0;

    for (char **line = lines + 1; *line != NULL; line++, checked++) {
        char kind[16];
        int n, batch, drop_last, own, seed, stop;

        ck_assert_int_eq(sscanf(*line, "%15s %d %d %d %d %d %d", kind, &n, &batch, &drop_last, &own,
                                &seed, &stop),
                         7);

        g_autoptr(DdpGenerator) global = ddp_generator_new((uint64_t)seed);
        g_autoptr(DdpGenerator) private = ddp_generator_new((uint64_t)seed + 1000);
        DdpGenerator *loader_generator = own ? private : global;
        DdpSampler sampler = sampler_of_kind(kind, (size_t)n, own ? private : NULL);
        g_autoptr(GString) got = g_string_new(NULL);

        g_string_append_printf(got, "%s %d %d %d %d %d %d : ", kind, n, batch, drop_last, own, seed,
                               stop);
        append_pass(got, &sampler, loader_generator, global, (size_t)batch, drop_last != 0, stop);
        g_string_append(got, " / ");
        sampler.distributed.epoch = 1;
        append_pass(got, &sampler, loader_generator, global, (size_t)batch, drop_last != 0, 0);
        g_string_append_printf(got, " : %u %u", next_draw(global), own ? next_draw(private) : 0);
        ck_assert_str_eq(got->str, *line);
    }
    ck_assert_int_eq(checked, 576);
}
END_TEST

/* The list that torch builds: permuted, padded with itself or cut, so that it divides evenly. */
static GArray *
whole_list(const DdpDistributedSampler *sampler)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(int64_t));
    size_t replicas = (size_t)sampler->num_replicas;

    g_array_set_size(list, (guint)sampler->dataset_size);
    for (size_t i = 0; i < sampler->dataset_size; i++)
        g_array_index(list, int64_t, i) = (int64_t)i;
    if (sampler->shuffle) {
        g_autoptr(DdpGenerator) generator =
            ddp_generator_new((uint64_t)(sampler->seed + sampler->epoch));

        ddp_generator_randperm(generator, (int64_t *)(void *)list->data, sampler->dataset_size);
    }
    while (sampler->drop_last && list->len % replicas != 0)
        g_array_set_size(list, list->len - 1);
    for (guint next = 0; list->len % replicas != 0; next++) {
        int64_t value = g_array_index(list, int64_t, next);

        g_array_append_val(list, value);
    }
    return list;
}

START_TEST(test_every_rank_takes_its_stride_of_the_padded_list)
{
    DdpDistributedSampler sampler = ddp_distributed_sampler_default(0, 1, 0);
    int64_t indices[INDICES_MAX];

    sampler.seed = 3;
    sampler.epoch = 11;
    sampler.shuffle = (_i & 1) != 0;
    sampler.drop_last = (_i & 2) != 0;
    for (sampler.dataset_size = 0; sampler.dataset_size < 40; sampler.dataset_size++) {
        for (sampler.num_replicas = 1; sampler.num_replicas < 50; sampler.num_replicas++) {
            g_autoptr(GArray) list = whole_list(&sampler);

            ck_assert_uint_eq(ddp_distributed_sampler_total_size(&sampler), list->len);
            for (sampler.rank = 0; sampler.rank < sampler.num_replicas; sampler.rank++) {
                ddp_distributed_sampler_indices(&sampler, indices);
                for (size_t i = 0; i < ddp_distributed_sampler_size(&sampler); i++) {
                    size_t at = (size_t)sampler.rank + i * (size_t)sampler.num_replicas;

                    ck_assert_uint_lt(at, list->len);
                    ck_assert_int_eq(indices[i], g_array_index(list, int64_t, at));
                }
            }
            sampler.rank = 0;
        }
    }
}
END_TEST

START_TEST(test_an_unshuffled_pass_needs_no_memory_for_its_order)
{
    DdpSampler sampler = sampler_of_kind("distributed", 13, NULL);
    g_autoptr(DdpGenerator) generator = ddp_generator_new(0);
    g_autoptr(GString) got = g_string_new(NULL);
    int64_t batch[4];
    DdpSamplerPass pass;

    sampler.distributed.shuffle = false;
    ck_assert_uint_eq(ddp_sampler_order_count(&sampler), 0);
    ddp_sampler_pass_begin(&pass, &sampler, generator, NULL);
    for (size_t count; (count = ddp_sampler_pass_batch(&pass, 2, false, batch)) > 0;) {
        append_indices(got, batch, count);
        g_string_append(got, ";");
    }
    ck_assert_str_eq(got->str, "1 4;7 10;0;"); /* position 13 is padding: item 0 again */
}
END_TEST

START_TEST(test_a_list_is_visited_as_it_stands)
{
    static const int64_t list[] = {5, 5, 0, 9, 2};
    DdpSampler sampler = {.kind = DDP_SAMPLER_LIST, .list = list, .count = 5};
    g_autoptr(DdpGenerator) generator = ddp_generator_new(0);
    g_autoptr(GString) got = g_string_new(NULL);

    append_pass(got, &sampler, generator, generator, 2, true, 0);
    ck_assert_str_eq(got->str, "5 5 | 0 9");
}
END_TEST

/* Python adds the two as integers of any size, and the seed keeps 64 bits of the sum. */
START_TEST(test_seed_and_epoch_add_up_without_overflow)
{
    DdpDistributedSampler far = ddp_distributed_sampler_default(10, 1, 0);
    DdpDistributedSampler near = far;
    int64_t far_indices[10], near_indices[10];

    far.seed = INT64_MAX;
    far.epoch = 6; /* 2^63 + 5: its low 32 bits, which are all that the engine takes, are 5 */
    near.epoch = 5;
    ddp_distributed_sampler_indices(&far, far_indices);
    ddp_distributed_sampler_indices(&near, near_indices);
    ck_assert_mem_eq(far_indices, near_indices, sizeof far_indices);
}
END_TEST

START_TEST(test_a_rank_out_of_range_is_refused_in_the_words_of_torch)
{
    static const struct {
        int rank, replicas;
        const char *message;
    } cases[] = {
        {4, 4, "Invalid rank 4, rank should be in the interval [0, 3]"},
        {-1, 4, "Invalid rank -1, rank should be in the interval [0, 3]"},
        {0, 0, "Invalid rank 0, rank should be in the interval [0, -1]"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        DdpSampler sampler = {
            .kind = DDP_SAMPLER_DISTRIBUTED,
            .distributed = ddp_distributed_sampler_default(10, cases[i].replicas, cases[i].rank)};
        g_autoptr(GError) error = NULL;

        ck_assert(!ddp_sampler_check(&sampler, &error));
        ck_assert(g_error_matches(error, DDP_DATA_ERROR, DDP_DATA_ERROR_VALUE));
        ck_assert_str_eq(error->message, cases[i].message);
    }
}
END_TEST

START_TEST(test_a_random_sampler_over_nothing_is_refused_in_the_words_of_torch)
{
    DdpSampler sampler = {.kind = DDP_SAMPLER_RANDOM};
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_sampler_check(&sampler, &error));
    ck_assert_str_eq(error->message,
                     "num_samples should be a positive integer value, but got num_samples=0");
}
END_TEST

START_TEST(test_more_samples_than_can_be_shuffled_are_refused)
{
    DdpSampler random = {.kind = DDP_SAMPLER_RANDOM, .count = DDP_SHUFFLE_MAX + 1};
    DdpSampler distributed = {.kind = DDP_SAMPLER_DISTRIBUTED,
                              .distributed =
                                  ddp_distributed_sampler_default(DDP_SHUFFLE_MAX + 1, 2, 1)};
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_sampler_check(&random, &error));
    ck_assert_str_eq(error->message,
                     "134217729 samples are too many to shuffle, expected at most 134217728");
    ck_assert(!ddp_sampler_check(&distributed, NULL));
    distributed.distributed.shuffle = false;
    ck_assert(ddp_sampler_check(&distributed, NULL));
    random.count--;
    ck_assert(ddp_sampler_check(&random, NULL));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *recorded = tcase_create("recorded");
    TCase *order = tcase_create("order");
    TCase *misuse = tcase_create("misuse");

    tcase_add_test(recorded, test_randperm_is_the_one_of_torch);
    tcase_add_test(recorded, test_distributed_orders_are_those_of_torch);
    tcase_add_test(recorded, test_loader_orders_and_draws_are_those_of_torch);
    suite_add_tcase(suite, recorded);

    tcase_add_loop_test(order, test_every_rank_takes_its_stride_of_the_padded_list, 0, 4);
    tcase_add_test(order, test_an_unshuffled_pass_needs_no_memory_for_its_order);
    tcase_add_test(order, test_a_list_is_visited_as_it_stands);
    tcase_add_test(order, test_seed_and_epoch_add_up_without_overflow);
    suite_add_tcase(suite, order);

    tcase_add_test(misuse, test_a_rank_out_of_range_is_refused_in_the_words_of_torch);
    tcase_add_test(misuse, test_a_random_sampler_over_nothing_is_refused_in_the_words_of_torch);
    tcase_add_test(misuse, test_more_samples_than_can_be_shuffled_are_refused);
    suite_add_tcase(suite, misuse);

    return ddp_test_main(suite);
}
