/* SPDX-License-Identifier: MIT */
#include "sim/world/error.h"
#include "sim/world/schedule.h"
#include "tests/testutil.h"

#include <string.h>

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

#define DAMAGED(shown)                                                                             \
    "schedule 'replay:" shown "': the token is damaged; expected the whole of one that a run "     \
    "printed, or random:SEED, order:RANK,RANK,... or round_robin"

static const struct {
    const char *text, *message;
} wrong[] = {
    {"fair", "schedule 'fair' is unknown; expected round_robin, random, random:SEED, "
             "order:RANK,RANK,... or replay:TOKEN"},
    {"random:x", "schedule 'random:x' is unknown; expected round_robin, random, random:SEED, "
                 "order:RANK,RANK,... or replay:TOKEN"},
    {"order:1,4", "schedule 'order:1,4': '4' is no rank, expected 0 to 3"},
    {"order:1,1", "schedule 'order:1,1': rank 1 stands there twice"},
    {"order:", "schedule 'order:' names no rank, expected 0 to 3"},
    {"replay:random", DAMAGED("random")},
    {"replay:", DAMAGED("")},
    {"replay:a", DAMAGED("a")},
    {"replay:a$BAA", DAMAGED("a$BAA")},
    {"replay:bBAAprmx5", DAMAGED("bBAAprmx5")},       /* a version to come */
    {"replay:aBAAprmx", DAMAGED("aBAAprmx")},         /* the last letter is missing */
    {"replay:aCAAprmx5", DAMAGED("aCAAprmx5")},       /* a slip */
    {"replay:aBAAQu0MWXw", DAMAGED("aBAAQu0MWXw")},   /* place 4 of a queue of at most 4 */
    {"replay:aBAAAiyoWTw", DAMAGED("aBAAAiyoWTw")},   /* the head, written */
    {"replay:aBAIBAWUZFWg", DAMAGED("aBAIBAWUZFWg")}, /* a rank starts twice */
    {"replay:aBAEJTb4TMg", DAMAGED("aBAEJTb4TMg")},   /* rank 9 of 4 */
    {"replay:aBAAH__________9_5wNPOA", DAMAGED("aBAAH__________9_5wNPOA")}, /* skips too far */
    {"replay:aBAAH________________XtWHdg",
     DAMAGED("aBAAH________________XtW...")}, /* a number without end */
    {"replay:aAwECCwEEOwfsug",
     "the replay was recorded in a world of 3 ranks, but this world has 4; play it with world "
     "size 3"},
};

START_TEST(test_a_wrong_text_is_explained)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_schedule_new(wrong[_i].text, 0, 4, &error));
    ck_assert(g_error_matches(error, DDP_WORLD_ERROR, DDP_WORLD_ERROR_BAD_VALUE));
    ck_assert_str_eq(error->message, wrong[_i].message);
}
END_TEST

/* ---- replay ---- */

/*
 * Expected by the description in schedule.h: size 3; one rank named, 2; after 4 heads place 2
 * (2·4 + 3, then 4 - 3), at once place 1 (1·4 + 0); FNV-1a; base64url.
 */
#define TOKEN "replay:aAwECCwEEOwfsug"

START_TEST(test_a_token_is_what_its_description_says)
{
    const int start[] = {2, 0, 1};
    const uint32_t choices[] = {0, 0, 0, 0, 2, 1, 0, 0};
    g_autofree char *text = ddp_schedule_replay_text(3, start, choices, 8);
    g_autofree char *shorter = ddp_schedule_replay_text(3, start, choices, 6);

    ck_assert_str_eq(text, TOKEN);
    ck_assert_str_eq(shorter, TOKEN); /* heads at the end are what follows anyway */
}
END_TEST

START_TEST(test_a_replay_takes_the_places_that_were_written_down)
{
    g_autoptr(DdpSchedule) schedule = make(TOKEN, 3);
    g_autofree char *seen = play(schedule, 3, 3);
    size_t count;
    const uint32_t *choices = ddp_schedule_choices(schedule, &count);
    g_autofree char *again =
        ddp_schedule_replay_text(3, ddp_schedule_start_order(schedule), choices, count);
    g_autoptr(GError) error = NULL;

    /* The queue: 2 0 1 | 2 0 1 and so on; the fifth choice takes the third of 0 1 2, whose place
     * the head takes; the sixth the second of 1 0 2. */
    ck_assert_str_eq(seen, "2 0 1 2 2 0 1 2 0 ");
    ck_assert_str_eq(ddp_schedule_text(schedule), TOKEN);
    ck_assert_str_eq(again, TOKEN);
    ck_assert(ddp_schedule_check_replay(TOKEN, 3, choices, count, &error));
}
END_TEST

/* Whatever a seed chose, written out it is chosen again: worlds and seeds, alone and in turn. */
START_TEST(test_a_random_run_written_out_is_the_same_run)
{
    static const int sizes[] = {1, 2, 3, 5, 8, 64, 300};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        int size = sizes[i];
        g_autofree char *text = g_strdup_printf("random:%d", _i);
        g_autoptr(DdpSchedule) random = make(text, size);
        g_autofree char *seen = play(random, size, 10);
        size_t count;
        const uint32_t *choices = ddp_schedule_choices(random, &count);
        g_autofree char *written =
            ddp_schedule_replay_text(size, ddp_schedule_start_order(random), choices, count);
        g_autoptr(DdpSchedule) replay = make(written, size);
        g_autofree char *again = play(replay, size, 10);
        g_autoptr(GError) error = NULL;
        size_t replayed;
        const uint32_t *same = ddp_schedule_choices(replay, &replayed);

        ck_assert_str_eq(again, seen);
        ck_assert_uint_eq(replayed, count);
        ck_assert(count == 0 || memcmp(same, choices, count * sizeof *same) == 0);
        ck_assert_uint_eq(strspn(written, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_:"),
                          strlen(written)); /* safe in any shell */
        ck_assert(ddp_schedule_check_replay(written, size, same, replayed, &error));
    }
}
END_TEST

/* What a run prints may be handed back with or without "replay:". */
START_TEST(test_a_text_that_stands_alone_is_a_token)
{
    static const char *const texts[] = {"round_robin", "random:7", "order:2,0"};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *replay = g_strconcat("replay:", texts[i], NULL);
        g_autoptr(DdpSchedule) plain = make(texts[i], 4);
        g_autoptr(DdpSchedule) again = make(replay, 4);
        g_autofree char *seen = play(plain, 4, 5);
        g_autofree char *seen_again = play(again, 4, 5);

        ck_assert_str_eq(seen_again, seen);
        ck_assert_str_eq(ddp_schedule_text(again), texts[i]);
    }
}
END_TEST

/* The second choice asks for the fourth of the queue, in which only @ready stand. */
static const char *
play_short(const char *text, int ready, int pops, GError **error)
{
    g_autoptr(DdpSchedule) schedule = make(text, 4);
    static char seen[64];
    size_t count;
    const uint32_t *choices;

    seen[0] = '\0';
    for (int i = 0; i < ready; i++)
        ddp_schedule_push(schedule, i);
    for (int i = 0; i < pops; i++) {
        int rank = ddp_schedule_pop(schedule);
        size_t at = strlen(seen);

        g_snprintf(seen + at, sizeof seen - at, "%d", rank);
        ddp_schedule_push(schedule, rank);
    }
    choices = ddp_schedule_choices(schedule, &count);
    ck_assert(!ddp_schedule_check_replay(text, 4, choices, count, error));
    return seen;
}

START_TEST(test_a_choice_that_cannot_be_made_is_named_and_the_run_goes_on_in_turn)
{
    g_autoptr(GError) error = NULL;

    ck_assert_str_eq(play_short("replay:aBAANrCIWSg", 3, 6, &error), "012012");
    ck_assert_str_eq(error->message,
                     "choice 2 of the replay takes place 3 of the queue, but only 3 ranks could go "
                     "on there (places 0 to 2); the scenario, its parameters or ddpsim have "
                     "changed since it was recorded");
}
END_TEST

START_TEST(test_a_choice_that_was_never_come_to_is_named)
{
    g_autoptr(GError) error = NULL;

    ck_assert_str_eq(play_short("replay:aBAAHJV0y8a0", 4, 8, &error), "01230123");
    ck_assert_str_eq(error->message,
                     "choice 41 of the replay takes place 1 of the queue, but the run came to its "
                     "end after 8 choices; the scenario, its parameters or ddpsim have changed "
                     "since it was recorded");
}
END_TEST

/* Wherever a token is cut or one of its letters changed, it is refused and nothing breaks. */
START_TEST(test_no_damage_goes_unseen)
{
    const size_t length = strlen(TOKEN), prefix = strlen("replay:");

    for (size_t cut = prefix; cut < length; cut++) {
        g_autofree char *text = g_strndup(TOKEN, cut);
        g_autoptr(GError) error = NULL;

        ck_assert_ptr_null(ddp_schedule_new(text, 0, 3, &error));
    }
    for (size_t at = prefix; at < length; at++) {
        for (char c = '-'; c <= 'z'; c++) {
            g_autofree char *text = g_strdup(TOKEN);
            g_autoptr(GError) error = NULL;

            text[at] = c;
            if (strcmp(text, TOKEN) != 0)
                ck_assert_ptr_null(ddp_schedule_new(text, 0, 3, &error));
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *replay = tcase_create("replay");
    TCase *order = tcase_create("order");

    tcase_add_test(order, test_round_robin_goes_in_turn);
    tcase_add_test(order, test_order_names_who_starts);
    tcase_add_test(order, test_a_seed_gives_one_order);
    tcase_add_test(order, test_random_reaches_everyone);
    tcase_add_test(order, test_random_without_seed_takes_the_worlds);
    tcase_add_loop_test(order, test_a_wrong_text_is_explained, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, order);
    tcase_add_test(replay, test_a_token_is_what_its_description_says);
    tcase_add_test(replay, test_a_replay_takes_the_places_that_were_written_down);
    tcase_add_loop_test(replay, test_a_random_run_written_out_is_the_same_run, 0, 20);
    tcase_add_test(replay, test_a_text_that_stands_alone_is_a_token);
    tcase_add_test(replay, test_a_choice_that_cannot_be_made_is_named_and_the_run_goes_on_in_turn);
    tcase_add_test(replay, test_a_choice_that_was_never_come_to_is_named);
    tcase_add_test(replay, test_no_damage_goes_unseen);
    suite_add_tcase(suite, replay);
    return ddp_test_main(suite);
}
