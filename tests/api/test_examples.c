/* SPDX-License-Identifier: MIT */
/*
 * The examples of docs/examples/, each run as a program on every engine. What they print is held to
 * what stands here: all of it, or, where a verdict is shown, the phrases that it must not lack.
 */
#include <string.h>

#include "tests/testutil.h"

static const char *const engines[] = {"fibers", "threads", "processes"};

typedef struct {
    const char *name;
    const char *prints;      /* all of it, or */
    const char *phrases[10]; /* what must come in this order */
    const char *of_engine[3];
} Example;

static const Example examples[] = {
    {.name = "hello_world",
     .prints = "outcome: completed\n"
               "rank 0 of 4: 0 + 1 + 2 + 3 = 6\n"
               "rank 1 of 4: 0 + 1 + 2 + 3 = 6\n"
               "rank 2 of 4: 0 + 1 + 2 + 3 = 6\n"
               "rank 3 of 4: 0 + 1 + 2 + 3 = 6\n"},
    {.name = "ddp_by_hand",
     .prints = "0 of 1: y = 2.999999x + 1.000001, loss 2.04e-13\n"
               "0 of 4: y = 2.999999x + 1.000001, loss 2.04e-13\n"
               "1 of 4: y = 2.999999x + 1.000001, loss 2.04e-13\n"
               "2 of 4: y = 2.999999x + 1.000001, loss 2.04e-13\n"
               "3 of 4: y = 2.999999x + 1.000001, loss 2.04e-13\n"},
    {.name = "late_rank",
     .prints = "3 steps took 300 ms\n"
               "rank 0: waited 120 ms, was last 0 times, cost the others 0 ms\n"
               "rank 1: waited 120 ms, was last 0 times, cost the others 0 ms\n"
               "rank 2: waited 0 ms, was last 3 times, cost the others 360 ms\n"
               "rank 3: waited 120 ms, was last 0 times, cost the others 0 ms\n"},
    {.name = "guarded_all_gather",
     .phrases = {"DEADLOCK: ", "guarded_all_gather.c:20", "\n  rank 0 ",
                 "all_gather(float32[1]) at ", "guarded_all_gather.c:20\n", "\n  ranks 1-3 ",
                 "finished\n", "GPU-hours",
                 "\nclass missing_rank, line 20; blamed: rank 0; missing: ranks 1-3\n"}},
    {.name = "dying_rank",
     .phrases = {"ERROR: ", "rank 2", "all_reduce", "dying_rank.c:28", "\n  ranks 0, 1, 3 ",
                 "all_reduce(float32[1], avg) at ", "dying_rank.c:28\n", "\n  rank 2 "},
     .of_engine = {"out of memory in step 5", "out of memory in step 5",
                   "killed by signal 9 (SIGKILL)"}},
};

static char *
run(const char *name, const char *engine)
{
    g_autofree char *program = g_strdup_printf("%s/example-%s", g_getenv("DDPSIM_EXAMPLES"), name);
    const char *argv[] = {program, engine, NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *told = NULL;
    char *printed = NULL;
    int status;

    ck_assert(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &printed, &told,
                           &status, &error));
    ck_assert_no_error(error);
    ck_assert_msg(status == 0, "%s on %s ended with status %d: %s%s", name, engine, status, printed,
                  told);
    ck_assert_str_eq(told, "");
    return printed;
}

static void
expect_phrases(const Example *example, int engine, const char *printed)
{
    const char *at = printed;

    for (int i = 0; example->phrases[i] != NULL; i++) {
        const char *found = strstr(at, example->phrases[i]);

        ck_assert_msg(found != NULL, "%s on %s: \"%s\" does not come after \"%s\" in:\n%s",
                      example->name, engines[engine], example->phrases[i],
                      i > 0 ? example->phrases[i - 1] : "", printed);
        /* The newline that ends a phrase may begin the next. */
        at = found + strlen(example->phrases[i]) - 1;
    }
    if (example->of_engine[engine] != NULL)
        ck_assert_msg(strstr(printed, example->of_engine[engine]) != NULL,
                      "%s on %s: no \"%s\" in:\n%s", example->name, engines[engine],
                      example->of_engine[engine], printed);
}

START_TEST(test_an_example_prints_the_same_on_every_engine)
{
    const Example *example = &examples[_i];
    g_autofree char *first = run(example->name, engines[0]);

    for (int engine = 0; engine < (int)G_N_ELEMENTS(engines); engine++) {
        g_autofree char *printed = run(example->name, engines[engine]);

        if (example->prints != NULL)
            ck_assert_str_eq(printed, example->prints);
        else
            expect_phrases(example, engine, printed);
        if (example->of_engine[0] == NULL)
            ck_assert_str_eq(printed, first);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("examples");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, test_an_example_prints_the_same_on_every_engine, 0,
                        G_N_ELEMENTS(examples));
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
