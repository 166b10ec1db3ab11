/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/cli/spawn.h"
#include "tests/testutil.h"

/* The scenarios of tests/scenarios in worlds of several sizes, under schedules and engines. */

static const char *const files[] = {
    "callbacks.lua",   "checkpoint_values.lua", "data_fabric.lua", "ddp.lua",      "ddp_curves.lua",
    "ddp_differs.lua", "diagnosis.lua",         "dist.lua",        "findings.lua", "metrics.lua",
    "norm.lua",        "norm_mistakes.lua",     "training.lua",    "wandb.lua"};
static const char *const in_every_world[] = {"data_fabric.lua", "ddp.lua", "dist.lua",
                                             "metrics.lua"};
static const char *const sizes[] = {"1", "2", "3", "4", "5", "7", "8"};
static const char *const ways[][2] = {{"--schedule", "round_robin"},
                                      {"--schedule", "random:1"},
                                      {"--schedule", "random:2"},
                                      {"--engine", "threads"},
                                      {"--engine", "processes"}};

static char *
path_of(const char *file)
{
    return g_build_filename(g_getenv("DDPSIM_TEST_SCENARIOS"), file, NULL);
}

static void
play(const char *file, const char *size, const char *const *way)
{
    /* Under the thread sanitizer the rest has nothing for it to see, and takes half an hour. */
    if (g_getenv("DDPSIM_TEST_ONLY_THREADS") != NULL && strcmp(way[1], "threads") != 0)
        return;

    g_autofree char *path = path_of(file);
    g_auto(Spawned) it = spawn(NULL, NULL, 0,
                               (const char *[]){"test", path, "--quiet", way[0], way[1],
                                                size != NULL ? "--world-size" : NULL, size, NULL});

    ck_assert_msg(it.status == 0, "world size %s, %s:\n%s%s", size != NULL ? size : "as written",
                  way[1], it.out, it.err);
}

START_TEST(test_every_verb_in_every_world)
{
    for (size_t f = 0; f < G_N_ELEMENTS(in_every_world); f++) {
        for (size_t w = 0; w < G_N_ELEMENTS(ways); w++)
            play(in_every_world[f], sizes[_i], ways[w]);
    }
}
END_TEST

/* Ranks that share statistics, against one process: sizes that divide nothing evenly among them. */
START_TEST(test_batch_norms_in_every_world)
{
    static const char *const norm_sizes[] = {"1", "2", "3", "4", "7"};

    for (size_t w = 0; w < G_N_ELEMENTS(ways); w++)
        play("norm.lua", norm_sizes[_i], ways[w]);
}
END_TEST

START_TEST(test_as_written_in_every_way)
{
    for (size_t w = 0; w < G_N_ELEMENTS(ways); w++)
        play(files[_i], NULL, ways[w]);
}
END_TEST

/* (transfer full): the digests of all variants, a line each. */
static char *
digests_of(const char *file, const char *engine)
{
    g_autofree char *folder = ddp_test_tmp_dir();
    g_autofree char *path = path_of(file);
    g_auto(Spawned) it =
        spawn(folder, NULL, 0, (const char *[]){"run", path, "--json", "--engine", engine, NULL});
    GString *digests = g_string_new(NULL);

    for (const char *at = it.out; (at = strstr(at, "\"digest\":\"")) != NULL; at++)
        g_string_append_printf(digests, "%.75s\n", at);
    ck_assert_msg(digests->len > 0, "no digest:\n%s", it.err);
    ddp_test_remove_tree(folder);
    return g_string_free(digests, FALSE);
}

START_TEST(test_engines_give_one_digest)
{
    g_autofree char *fibers = digests_of(files[_i], "fibers");
    g_autofree char *threads = digests_of(files[_i], "threads");
    g_autofree char *processes = digests_of(files[_i], "processes");

    ck_assert_str_eq(fibers, threads);
    ck_assert_str_eq(fibers, processes);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("lua");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 900);
    tcase_add_loop_test(all, test_every_verb_in_every_world, 0, G_N_ELEMENTS(sizes));
    tcase_add_loop_test(all, test_batch_norms_in_every_world, 0, 5);
    tcase_add_loop_test(all, test_as_written_in_every_way, 0, G_N_ELEMENTS(files));
    tcase_add_loop_test(all, test_engines_give_one_digest, 0, G_N_ELEMENTS(files));
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
