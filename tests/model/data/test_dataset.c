/* SPDX-License-Identifier: MIT */

/*
 * What a data set promises is which row ends up where. So the rows carry their own number: sample
 * i of the base set holds 10 i, 10 i + 1, ... in one column and i in the other.
 */
#include <inttypes.h>

#include "model/data/dataset.h"
#include "tests/testutil.h"

#define SAMPLES 300 /* more than one chunk of a subset */
#define WIDTH 3

static float features[SAMPLES * WIDTH];
static uint8_t labels[SAMPLES];
static int releases;
static DdpDataset *base;

static void
note_release(void *data)
{
    *(int *)data += 1;
}

static void
setup(void)
{
    DdpMemoryColumn columns[] = {
        {{DDP_DTYPE_F32, 2, {1, WIDTH}}, features},
        {{DDP_DTYPE_U8, 0, {0}}, labels},
    };

    for (int i = 0; i < SAMPLES; i++) {
        for (int j = 0; j < WIDTH; j++)
            features[i * WIDTH + j] = (float)(10 * i + j);
        labels[i] = (uint8_t)i;
    }
    releases = 0;
    base = ddp_dataset_new_memory(SAMPLES, columns, 2, note_release, &releases);
}

static void
teardown(void)
{
    ddp_dataset_unref(base);
    ck_assert_int_eq(releases, 1);
}

/* "0:0,1,2 7:70,71,72 ": label and features of the samples that a data set gives for indices. */
static char *
gathered(const DdpDataset *dataset, const int64_t *indices, size_t count)
{
    g_autofree float *x = g_new(float, count *WIDTH + 1);
    g_autofree uint8_t *y = g_new(uint8_t, count + 1);
    GString *text = g_string_new(NULL);

    x[count * WIDTH] = -1.0f;
    y[count] = 99;
    ddp_dataset_gather(dataset, 0, indices, count, x);
    ddp_dataset_gather(dataset, 1, indices, count, y);
    for (size_t k = 0; k < count; k++)
        g_string_append_printf(text, "%d:%g,%g,%g ", y[k], (double)x[k * WIDTH],
                               (double)x[k * WIDTH + 1], (double)x[k * WIDTH + 2]);
    ck_assert_float_eq(x[count * WIDTH], -1.0f); /* nothing behind the batch was touched */
    ck_assert_int_eq(y[count], 99);
    return g_string_free(text, FALSE);
}

START_TEST(test_rows_are_gathered_in_the_order_asked_for)
{
    static const int64_t indices[] = {7, 0, 7, 21};
    g_autofree char *got = gathered(base, indices, 4);

    ck_assert_str_eq(got, "7:70,71,72 0:0,1,2 7:70,71,72 21:210,211,212 ");
}
END_TEST

START_TEST(test_an_empty_batch_touches_nothing)
{
    g_autofree char *got = gathered(base, NULL, 0);

    ck_assert_str_eq(got, "");
}
END_TEST

START_TEST(test_columns_say_what_one_sample_is)
{
    const DdpColumn *x = ddp_dataset_column(base, 0);
    const DdpColumn *y = ddp_dataset_column(base, 1);

    ck_assert_str_eq(ddp_dataset_name(base), "TensorDataset");
    ck_assert_uint_eq(ddp_dataset_size(base), SAMPLES);
    ck_assert_int_eq(ddp_dataset_column_count(base), 2);
    ck_assert_int_eq(x->dtype, DDP_DTYPE_F32);
    ck_assert_int_eq(x->ndim, 2);
    ck_assert_int_eq(x->shape[1], WIDTH);
    ck_assert_uint_eq(ddp_column_bytes(x), WIDTH * sizeof(float));
    ck_assert_int_eq(y->ndim, 0);
    ck_assert_uint_eq(ddp_column_bytes(y), 1);
}
END_TEST

START_TEST(test_rows_without_elements_need_no_memory)
{
    DdpMemoryColumn column = {{DDP_DTYPE_F64, 2, {4, 0}}, NULL};
    static const int64_t indices[] = {1, 0};
    g_autoptr(DdpDataset) dataset = ddp_dataset_new_memory(2, &column, 1, NULL, NULL);

    ddp_dataset_gather(dataset, 0, indices, 2, NULL);
    ck_assert_uint_eq(ddp_column_bytes(ddp_dataset_column(dataset, 0)), 0);
}
END_TEST

START_TEST(test_a_subset_shows_its_choice_only)
{
    int64_t chosen[] = {30, 4, 4};
    static const int64_t indices[] = {2, 0, 1};
    int freed = 0;
    DdpDataset *subset = ddp_dataset_new_subset(base, chosen, 3, note_release, &freed, NULL);
    g_autofree char *got = gathered(subset, indices, 3);

    ck_assert_str_eq(got, "4:40,41,42 30:300,301,302 4:40,41,42 ");
    ck_assert_uint_eq(ddp_dataset_size(subset), 3);
    ck_assert_int_eq(ddp_dataset_column_count(subset), 2);
    ddp_dataset_unref(subset);
    ck_assert_int_eq(freed, 1);
}
END_TEST

START_TEST(test_a_large_batch_of_a_subset_is_gathered_whole)
{
    int64_t backwards[SAMPLES], indices[SAMPLES];
    uint8_t y[SAMPLES];

    for (int i = 0; i < SAMPLES; i++) {
        backwards[i] = SAMPLES - 1 - i;
        indices[i] = i;
    }

    g_autoptr(DdpDataset) subset =
        ddp_dataset_new_subset(base, backwards, SAMPLES, NULL, NULL, NULL);

    ddp_dataset_gather(subset, 1, indices, SAMPLES, y);
    for (int i = 0; i < SAMPLES; i++)
        ck_assert_int_eq(y[i], (uint8_t)(SAMPLES - 1 - i));
}
END_TEST

START_TEST(test_a_subset_of_a_subset_points_into_the_whole)
{
    int64_t outer[] = {10, 20, 30};
    int64_t inner[] = {2, 0};
    static const int64_t indices[] = {0, 1};
    int outer_freed = 0;
    DdpDataset *middle = ddp_dataset_new_subset(base, outer, 3, note_release, &outer_freed, NULL);
    g_autoptr(DdpDataset) last = ddp_dataset_new_subset(middle, inner, 2, NULL, NULL, NULL);

    /* The one in the middle may go: nothing of it is needed any more. */
    ddp_dataset_unref(middle);
    ck_assert_int_eq(outer_freed, 1);

    g_autofree char *got = gathered(last, indices, 2);

    ck_assert_str_eq(got, "30:300,301,302 10:100,101,102 ");
}
END_TEST

START_TEST(test_a_subset_keeps_the_whole_alive)
{
    int64_t chosen[] = {1};
    static const int64_t first = 0;
    DdpDataset *subset = ddp_dataset_new_subset(base, chosen, 1, NULL, NULL, NULL);

    ddp_dataset_unref(base);
    ck_assert_int_eq(releases, 0);

    g_autofree char *got = gathered(subset, &first, 1);

    ck_assert_str_eq(got, "1:10,11,12 ");
    base = subset; /* teardown releases the last reference */
}
END_TEST

START_TEST(test_an_index_out_of_range_is_named)
{
    int64_t beyond[] = {0, SAMPLES, 5};
    int64_t negative[] = {-1};
    int freed = 0;
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_dataset_new_subset(base, beyond, 3, note_release, &freed, &error));
    ck_assert(g_error_matches(error, DDP_DATA_ERROR, DDP_DATA_ERROR_INDEX));
    ck_assert_str_eq(
        error->message,
        "index 300 is out of range for TensorDataset with 300 samples, expected 0 to 299");
    ck_assert_int_eq(freed, 1);
    ck_assert(!ddp_dataset_check_indices(base, negative, 1, NULL));
    ck_assert(ddp_dataset_check_indices(base, beyond, 1, NULL));
}
END_TEST

START_TEST(test_an_index_into_an_empty_set_is_refused)
{
    static const int64_t first = 0;
    g_autoptr(DdpDataset) empty = ddp_dataset_new_subset(base, NULL, 0, NULL, NULL, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_dataset_check_indices(empty, &first, 1, &error));
    ck_assert_str_eq(error->message, "index 0 into Subset, which is empty");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *gather = tcase_create("gather");
    TCase *subset = tcase_create("subset");
    TCase *misuse = tcase_create("misuse");

    tcase_add_checked_fixture(gather, setup, teardown);
    tcase_add_test(gather, test_rows_are_gathered_in_the_order_asked_for);
    tcase_add_test(gather, test_an_empty_batch_touches_nothing);
    tcase_add_test(gather, test_columns_say_what_one_sample_is);
    tcase_add_test(gather, test_rows_without_elements_need_no_memory);
    suite_add_tcase(suite, gather);

    tcase_add_checked_fixture(subset, setup, teardown);
    tcase_add_test(subset, test_a_subset_shows_its_choice_only);
    tcase_add_test(subset, test_a_large_batch_of_a_subset_is_gathered_whole);
    tcase_add_test(subset, test_a_subset_of_a_subset_points_into_the_whole);
    tcase_add_test(subset, test_a_subset_keeps_the_whole_alive);
    suite_add_tcase(suite, subset);

    tcase_add_checked_fixture(misuse, setup, teardown);
    tcase_add_test(misuse, test_an_index_out_of_range_is_named);
    tcase_add_test(misuse, test_an_index_into_an_empty_set_is_refused);
    suite_add_tcase(suite, misuse);

    return ddp_test_main(suite);
}
