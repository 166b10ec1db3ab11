/* SPDX-License-Identifier: MIT */
#include "sim/script/scenario.h"
#include "tests/testutil.h"

#include "sim/audit/report.h"

/*
 * What Lightning's callbacks did in real trainings stands in
 * tests/reference/lightning_callbacks.lua, call by call with what they could see.
 * callbacks_replay.lua makes the same calls to ours and raises at what differs: names of files,
 * which ones are kept, when training stops, what is logged under which key, the texts of bars and
 * tables.
 */

static const char *const variants[] = {
    "formats",  "names", "state_keys", "durations", "checkpoints", "ranks",
    "stopping", "rates", "bars",       "summaries", "trainings",   "rank_trainings",
};

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
    g_autofree char *recorded = ddp_test_reference_read("lightning_callbacks.lua");
    g_autofree char *path = g_build_filename(folder, "callbacks.lua", NULL);
    g_autofree char *replay = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(CALLBACKS_REPLAY, &replay, NULL, &error);
    ck_assert_no_error(error);

    g_autofree char *text =
        g_strdup_printf("local recorded = (function()\n%s\nend)()\n%s", recorded, replay);

    ck_assert(g_file_set_contents(path, text, -1, NULL));

    DdpScenario *scenario = ddp_scenario_load(path, "callbacks.lua", &spec.limits, &error);

    ck_assert_no_error(error);
    return scenario;
}

static void
play(const char *variant, const char *engine)
{
    g_autoptr(DdpScenario) scenario = load_replay();
    g_autoptr(GError) error = NULL;
    int index = ddp_scenario_find_variant(scenario, variant, &error);

    ck_assert_no_error(error);
    spec.engine = engine;

    g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, index, &spec, &error);

    ck_assert_no_error(error);
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        ck_assert_msg(rank->error == NULL, "%s, rank %u: %s", variant, i, rank->error);
    }
    ck_assert_str_eq(record->outcome, "completed");
}

START_TEST(test_callbacks_do_as_recorded)
{
    play(variants[_i], "fibers");
}
END_TEST

START_TEST(test_ranks_do_as_recorded_on_every_engine)
{
    static const char *const engines[] = {"threads", "processes"};

    play("ranks", engines[_i]);
    play("rank_trainings", engines[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("callbacks");
    TCase *recorded = tcase_create("recorded");

    tcase_add_checked_fixture(recorded, set_up, tear_down);
    tcase_set_timeout(recorded, 60);
    tcase_add_loop_test(recorded, test_callbacks_do_as_recorded, 0, G_N_ELEMENTS(variants));
    tcase_add_loop_test(recorded, test_ranks_do_as_recorded_on_every_engine, 0, 2);
    suite_add_tcase(suite, recorded);
    return ddp_test_main(suite);
}
