/* SPDX-License-Identifier: MIT */
#include "sim/train/buckets.h"

#include "tests/testutil.h"

/* The lists come as text, "3 1|0 2", next to what torch's rule gives by hand. */

static char *
assign(const DdpBucketItem *items, size_t count, const size_t *limits, size_t limit_count,
       const size_t *indices)
{
    g_autoptr(GPtrArray) buckets = ddp_buckets_assign(items, count, limits, limit_count, indices);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < buckets->len; i++) {
        const GArray *bucket = buckets->pdata[i];

        g_string_append(text, i > 0 ? "|" : "");
        for (guint j = 0; j < bucket->len; j++)
            g_string_append_printf(text, "%s%zu", j > 0 ? " " : "",
                                   g_array_index(bucket, size_t, j));
    }
    return g_string_free(text, FALSE);
}

static const DdpBucketItem five[] = {{DDP_DTYPE_F32, 400},
                                     {DDP_DTYPE_F32, 300},
                                     {DDP_DTYPE_F32, 300},
                                     {DDP_DTYPE_F32, 700},
                                     {DDP_DTYPE_F32, 100}};

START_TEST(test_a_bucket_closes_at_its_limit_and_may_overshoot)
{
    static const size_t limits[] = {600};
    g_autofree char *text = assign(five, 5, limits, 1, NULL);

    ck_assert_str_eq(text, "0 1|2 3|4");
}
END_TEST

START_TEST(test_a_bucket_that_just_reaches_its_limit_closes)
{
    static const size_t limits[] = {700};
    g_autofree char *text = assign(five, 5, limits, 1, NULL);

    ck_assert_str_eq(text, "0 1|2 3|4");
}
END_TEST

START_TEST(test_the_first_bucket_has_a_limit_of_its_own)
{
    static const size_t limits[] = {100, 1000};
    g_autofree char *text = assign(five, 5, limits, 2, NULL);

    ck_assert_str_eq(text, "0|1 2 3|4");
}
END_TEST

START_TEST(test_without_a_limit_all_travel_together)
{
    static const size_t limits[] = {SIZE_MAX};
    g_autofree char *text = assign(five, 5, limits, 1, NULL);

    ck_assert_str_eq(text, "0 1 2 3 4");
}
END_TEST

/* Order of arrival 4, 3, 2, 1, 0: buckets stay in the order in which they were closed. */
START_TEST(test_given_indices_keep_the_order_of_closing)
{
    static const size_t limits[] = {600};
    static const size_t arrival[] = {4, 3, 2, 1, 0};
    const DdpBucketItem items[] = {five[4], five[3], five[2], five[1], five[0]};
    g_autofree char *text = assign(items, 5, limits, 1, arrival);

    ck_assert_str_eq(text, "4 3|2 1|0");
}
END_TEST

static const DdpBucketItem mixed[] = {{DDP_DTYPE_F32, 10},
                                      {DDP_DTYPE_F16, 10},
                                      {DDP_DTYPE_F32, 90},
                                      {DDP_DTYPE_F16, 10},
                                      {DDP_DTYPE_F32, 10}};

START_TEST(test_dtypes_have_open_buckets_and_limits_of_their_own)
{
    static const size_t limits[] = {20, 1000};
    g_autofree char *text = assign(mixed, 5, limits, 2, NULL);

    /* Float: 0 2 closes at the first limit, 4 is left. Half: 1 3 closes at its own first. */
    ck_assert_str_eq(text, "0 2|1 3|4");
}
END_TEST

START_TEST(test_buckets_are_sorted_by_the_least_index)
{
    static const size_t limits[] = {1000};
    const DdpBucketItem items[] = {
        {DDP_DTYPE_F64, 1}, {DDP_DTYPE_F32, 1000}, {DDP_DTYPE_F64, 1}, {DDP_DTYPE_F32, 1}};
    g_autofree char *text = assign(items, 4, limits, 1, NULL);

    ck_assert_str_eq(text, "0 2|1|3");
}
END_TEST

START_TEST(test_nothing_gives_no_bucket)
{
    static const size_t limits[] = {1};
    g_autofree char *text = assign(NULL, 0, limits, 1, NULL);

    ck_assert_str_eq(text, "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("buckets");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_a_bucket_closes_at_its_limit_and_may_overshoot);
    tcase_add_test(all, test_a_bucket_that_just_reaches_its_limit_closes);
    tcase_add_test(all, test_the_first_bucket_has_a_limit_of_its_own);
    tcase_add_test(all, test_without_a_limit_all_travel_together);
    tcase_add_test(all, test_given_indices_keep_the_order_of_closing);
    tcase_add_test(all, test_dtypes_have_open_buckets_and_limits_of_their_own);
    tcase_add_test(all, test_buckets_are_sorted_by_the_least_index);
    tcase_add_test(all, test_nothing_gives_no_bucket);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
