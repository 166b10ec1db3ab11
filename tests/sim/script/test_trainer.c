/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"
#include "tests/testutil.h"

/*
 * Which hooks Lightning calls, in which order, with what the trainer shows in each, stands in
 * tests/reference/lightning_hooks.lua; trainer_replay.lua builds the same trainings for our Trainer
 * and raises at the first line that differs.
 */

static char *folder;
static DdpRunSpec spec;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    spec = ddp_run_spec_default();
    spec.out = folder;
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static DdpScenario *
load_replay(void)
{
    g_autofree char *recorded = ddp_test_reference_read("lightning_hooks.lua");
    g_autofree char *path = g_build_filename(folder, "trainer.lua", NULL);
    g_autofree char *replay = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(TRAINER_REPLAY, &replay, NULL, &error);
    ck_assert_no_error(error);

    g_autofree char *text =
        g_strdup_printf("local recorded = (function()\n%s\nend)()\n%s", recorded, replay);

    ck_assert(g_file_set_contents(path, text, -1, NULL));

    DdpScenario *scenario = ddp_scenario_load(path, "trainer.lua", &spec.limits, &error);

    ck_assert_no_error(error);
    return scenario;
}

/* Appends what is wrong with a variant to @wrong. */
static void
play(DdpScenario *scenario, int index, GString *wrong)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, index, &spec, &error);

    if (record == NULL) {
        g_string_append_printf(wrong, "variant %d: %s\n", index, error->message);
        return;
    }
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (rank->error != NULL) {
            g_autofree char *lines = g_strdup(rank->error);

            g_strdelimit(lines, ";", '\n');
            g_string_append_printf(wrong, "%s\n", lines);
            return;
        }
    }
}

static void
play_all(void)
{
    g_autoptr(DdpScenario) scenario = load_replay();
    g_autoptr(GString) wrong = g_string_new(NULL);
    int count = ddp_scenario_variant_count(scenario);

    ck_assert_int_gt(count, 100);
    for (int i = 0; i < count; i++)
        play(scenario, i, wrong);
    /* Check's messages have an end. */
    ck_assert_msg(wrong->len == 0, "%.4000s", wrong->str);
}

START_TEST(test_hooks_come_in_the_recorded_order)
{
    play_all();
}
END_TEST

/* The audit runs every evaluation once more, and nothing of that may show. */
START_TEST(test_they_do_without_an_audit)
{
    spec.audit = false;
    play_all();
}
END_TEST

START_TEST(test_they_do_on_threads)
{
    spec.engine = "threads";
    play_all();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("trainer");
    TCase *recorded = tcase_create("recorded");

    tcase_add_checked_fixture(recorded, set_up, tear_down);
    tcase_set_timeout(recorded, 120);
    tcase_add_test(recorded, test_hooks_come_in_the_recorded_order);
    tcase_add_test(recorded, test_they_do_without_an_audit);
    tcase_add_test(recorded, test_they_do_on_threads);
    suite_add_tcase(suite, recorded);
    return ddp_test_main(suite);
}
