/* SPDX-License-Identifier: MIT */
#include "sim/world/error.h"
#include "sim/world/schedule.h"
#include "tests/testutil.h"

/* What a schedule promises is an order, so each test writes the order down and compares texts. */

static char *
play(DdpSchedule *schedule, int size, int rounds)
{
    GString *seen = g_string_new(NULL);
    const int *order = ddp_schedule_start_order(schedule);

    for (int i = 0; i < size; i++)
        ddp_schedule_push(schedule, order[i]);
    for (int i = 0; i < rounds * size; i++) {
        int rank = ddp_schedule_pop(schedule);

        g_string_append_printf(seen, "%d ", rank);
        ddp_schedule_push(schedule, rank);
    }
    return g_string_free(seen, FALSE);
}

static DdpSchedule *
make(const char *text, int size)
{
    g_autoptr(GError) error = NULL;
    DdpSchedule *schedule = ddp_schedule_new(text, 5, size, &error);

    ck_assert_no_error(error);
    return schedule;
}

START_TEST(test_round_robin_goes_in_turn)
{
    g_autoptr(DdpSchedule) schedule = make(NULL, 3);
    g_autofree char *seen = play(schedule, 3, 2);

    ck_assert_str_eq(seen, "0 1 2 0 1 2 ");
    ck_assert_str_eq(ddp_schedule_text(schedule), "round_robin");
}
END_TEST

START_TEST(test_order_names_who_starts)
{
    g_autoptr(DdpSchedule) schedule = make("order:2,0", 4);
    g_autofree char *seen = play(schedule, 4, 2);

    ck_assert_str_eq(seen, "2 0 1 3 2 0 1 3 ");
}
END_TEST

START_TEST(test_a_seed_gives_one_order)
{
    g_autoptr(DdpSchedule) a = make("random:11", 5);
    g_autoptr(DdpSchedule) b = make("random:11", 5);
    g_autoptr(DdpSchedule) c = make("random:12", 5);
    g_autofree char *seen_a = play(a, 5, 20);
    g_autofree char *seen_b = play(b, 5, 20);
    g_autofree char *seen_c = play(c, 5, 20);
    size_t count_a, count_b;
    const uint32_t *choices_a = ddp_schedule_choices(a, &count_a);
    const uint32_t *choices_b = ddp_schedule_choices(b, &count_b);

    ck_assert_str_eq(seen_a, seen_b);
    ck_assert_str_ne(seen_a, seen_c);
    ck_assert_uint_eq(count_a, 100);
    ck_assert_uint_eq(count_b, count_a);
    for (size_t i = 0; i < count_a; i++)
        ck_assert_uint_eq(choices_a[i], choices_b[i]);
}
END_TEST

/* Every rank comes first for some seed: the choice reaches all of the queue. */
START_TEST(test_random_reaches_everyone)
{
    bool first[4] = {false};

    for (int seed = 0; seed < 100; seed++) {
        g_autofree char *text = g_strdup_printf("random:%d", seed);
        g_autoptr(DdpSchedule) schedule = make(text, 4);
        g_autofree char *seen = play(schedule, 4, 1);

        first[seen[0] - '0'] = true;
    }
    ck_assert(first[0] && first[1] && first[2] && first[3]);
}
END_TEST

START_TEST(test_random_without_seed_takes_the_worlds)
{
    g_autoptr(DdpSchedule) schedule = make("random", 2);

    ck_assert_str_eq(ddp_schedule_text(schedule), "random:5");
}
END_TEST

static const struct {
    const char *text, *message;
} wrong[] = {
    {"fair", "schedule 'fair' is unknown; expected round_robin, random, random:SEED or "
             "order:RANK,RANK,..."},
    {"random:x", "schedule 'random:x' is unknown; expected round_robin, random, random:SEED or "
                 "order:RANK,RANK,..."},
    {"order:1,4", "schedule 'order:1,4': '4' is no rank, expected 0 to 3"},
    {"order:1,1", "schedule 'order:1,1': rank 1 stands there twice"},
    {"order:", "schedule 'order:' names no rank, expected 0 to 3"},
};

START_TEST(test_a_wrong_text_is_explained)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_schedule_new(wrong[_i].text, 0, 4, &error));
    ck_assert(g_error_matches(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE));
    ck_assert_str_eq(error->message, wrong[_i].message);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *order = tcase_create("order");

    tcase_add_test(order, test_round_robin_goes_in_turn);
    tcase_add_test(order, test_order_names_who_starts);
    tcase_add_test(order, test_a_seed_gives_one_order);
    tcase_add_test(order, test_random_reaches_everyone);
    tcase_add_test(order, test_random_without_seed_takes_the_worlds);
    tcase_add_loop_test(order, test_a_wrong_text_is_explained, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, order);
    return ddp_test_main(suite);
}
