/* SPDX-License-Identifier: MIT */
#include "sim/train/replicas.h"

#include <string.h>

#include "tests/testutil.h"

/* Who notes what when may differ; what is found must not. */

START_TEST(test_equal_replicas_are_compared_and_left_alone)
{
    g_autoptr(DdpReplicas) replicas = ddp_replicas_new(3);
    GArray *ranks;
    int64_t step;

    for (int64_t at = 0; at < 4; at++) {
        for (int rank = 0; rank < 3; rank++)
            ddp_replicas_note(replicas, rank, 0, at, (uint64_t)at * 7);
    }
    ck_assert_int_eq(ddp_replicas_compared(replicas), 4);
    ck_assert(!ddp_replicas_divergence(replicas, NULL, &step, &ranks));
}
END_TEST

/* Rank 2 runs a step ahead of the others, and rank 1 drifts after step 1. */
START_TEST(test_the_first_divergence_is_kept)
{
    g_autoptr(DdpReplicas) replicas = ddp_replicas_new(3);
    g_autoptr(GArray) ranks = NULL;
    int64_t step;

    ddp_replicas_note(replicas, 2, 0, 0, 5);
    ddp_replicas_note(replicas, 2, 0, 1, 6);
    ddp_replicas_note(replicas, 0, 0, 0, 5);
    ddp_replicas_note(replicas, 1, 0, 0, 5);
    ddp_replicas_note(replicas, 1, 0, 1, 99);
    ddp_replicas_note(replicas, 0, 0, 1, 6);
    for (int rank = 0; rank < 3; rank++)
        ddp_replicas_note(replicas, rank, 0, 2, (uint64_t)rank);
    ck_assert(ddp_replicas_divergence(replicas, NULL, &step, &ranks));
    ck_assert_int_eq(step, 1);
    ck_assert_uint_eq(ranks->len, 1);
    ck_assert_int_eq(g_array_index(ranks, int, 0), 1);
}
END_TEST

/* Two models: step 1 of the second is complete before step 1 of the first, and both differ. */
START_TEST(test_of_a_step_the_least_that_differs_is_kept)
{
    g_autoptr(DdpReplicas) replicas = ddp_replicas_new(2);
    g_autoptr(GArray) ranks = NULL;
    int64_t step;
    int what;

    ddp_replicas_note(replicas, 0, 3, 2, 5);
    ddp_replicas_note(replicas, 1, 3, 2, 6);
    ddp_replicas_note(replicas, 0, 2, 1, 5);
    ddp_replicas_note(replicas, 0, 0, 1, 5);
    ddp_replicas_note(replicas, 1, 2, 1, 6);
    ddp_replicas_note(replicas, 1, 0, 1, 7);
    ddp_replicas_note(replicas, 0, 1, 4, 7);
    ddp_replicas_note(replicas, 1, 1, 4, 8);
    ck_assert(ddp_replicas_divergence(replicas, &what, &step, &ranks));
    ck_assert_int_eq(what, 0);
    ck_assert_int_eq(step, 1);
    ck_assert_int_eq(ddp_replicas_compared(replicas), 4);
}
END_TEST

START_TEST(test_every_bit_and_the_length_count)
{
    unsigned char bytes[100];
    uint64_t whole;

    memset(bytes, 3, sizeof bytes);
    whole = ddp_replicas_hash(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            ck_assert(ddp_replicas_hash(bytes, sizeof bytes) != whole);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
        ck_assert(ddp_replicas_hash(bytes, i) != whole);
    }
    ck_assert(ddp_replicas_hash(bytes, sizeof bytes) == whole);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("replicas");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_equal_replicas_are_compared_and_left_alone);
    tcase_add_test(all, test_the_first_divergence_is_kept);
    tcase_add_test(all, test_of_a_step_the_least_that_differs_is_kept);
    tcase_add_test(all, test_every_bit_and_the_length_count);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
