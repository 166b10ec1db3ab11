/* SPDX-License-Identifier: MIT */

/*
 * tests/scenarios/checkpoint_resume.lua stops a fit everywhere and resumes it; here it is played in
 * worlds of several sizes, and on every engine.
 */
#include "tests/cli/spawn.h"
#include "tests/testutil.h"

static const struct {
    const char *size;
    const char *way[2];
    const char *variant; /* NULL: all */
} worlds[] = {
    {"1", {"--engine", "fibers"}, NULL},         {"2", {"--engine", "fibers"}, NULL},
    {"3", {"--engine", "fibers"}, NULL},         {"2", {"--schedule", "random:1"}, "batchnorm"},
    {"2", {"--engine", "threads"}, "batchnorm"}, {"2", {"--engine", "processes"}, "batchnorm"},
};

START_TEST(test_a_resumed_fit_is_one_that_never_stopped)
{
    g_autofree char *path =
        g_build_filename(g_getenv("DDPSIM_TEST_SCENARIOS"), "checkpoint_resume.lua", NULL);
    g_auto(Spawned) it =
        spawn(NULL, NULL, 0,
              (const char *[]){"test", path, "--quiet", "--no-audit", "--world-size",
                               worlds[_i].size, worlds[_i].way[0], worlds[_i].way[1],
                               worlds[_i].variant != NULL ? "--variant" : NULL, worlds[_i].variant,
                               NULL});

    ck_assert_msg(it.status == 0, "world size %s, %s:\n%s%s", worlds[_i].size, worlds[_i].way[1],
                  it.out, it.err);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 500);
    tcase_add_loop_test(all, test_a_resumed_fit_is_one_that_never_stopped, 0, G_N_ELEMENTS(worlds));
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
