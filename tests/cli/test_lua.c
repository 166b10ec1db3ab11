/* SPDX-License-Identifier: MIT */
#include "tests/cli/spawn.h"
#include "tests/testutil.h"

/* The scenarios of tests/scenarios in worlds of several sizes, under several schedules. */

static const char *const files[] = {"diagnosis.lua", "dist.lua", "findings.lua", "training.lua"};
static const char *const sizes[] = {"1", "2", "3", "4", "5", "8"};
static const char *const schedules[] = {"round_robin", "random:1", "random:2"};

static void
play(const char *file, const char *size, const char *schedule)
{
    g_autofree char *path = g_build_filename(g_getenv("DDPSIM_TEST_SCENARIOS"), file, NULL);
    g_auto(Spawned) it = spawn(NULL, NULL, 0,
                               (const char *[]){"test", path, "--quiet", "--schedule", schedule,
                                                size != NULL ? "--world-size" : NULL, size, NULL});

    ck_assert_msg(it.status == 0, "world size %s, %s:\n%s%s", size != NULL ? size : "as written",
                  schedule, it.out, it.err);
}

START_TEST(test_every_verb_in_every_world)
{
    for (size_t s = 0; s < G_N_ELEMENTS(schedules); s++)
        play("dist.lua", sizes[_i], schedules[s]);
}
END_TEST

START_TEST(test_as_written_under_every_schedule)
{
    for (size_t s = 0; s < G_N_ELEMENTS(schedules); s++)
        play(files[_i], NULL, schedules[s]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("lua");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 300);
    tcase_add_loop_test(all, test_every_verb_in_every_world, 0, G_N_ELEMENTS(sizes));
    tcase_add_loop_test(all, test_as_written_under_every_schedule, 0, G_N_ELEMENTS(files));
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
