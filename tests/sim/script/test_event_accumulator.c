/* SPDX-License-Identifier: MIT */
#include "sim/script/state.h"
#include "tests/testutil.h"

#include <string.h>

/* What the scenario sees of the accumulator; what it reads is tested in tests/sim/loggers. */

static char *folder;
static DdpLimits limits;
static DdpPlay *play;
static lua_State *L;

static void
open_play(void)
{
    g_autoptr(GError) error = NULL;
    const DdpScriptSpec spec = {.rank = 0, .world_size = 1, .nproc_per_node = 1, .pid = 100};

    play = ddp_play_new(&limits, 0, folder);
    L = ddp_script_state_new(play, &spec, &error);
    ck_assert_no_error(error);
}

static void
close_play(void)
{
    ddp_script_state_free(L);
    ck_assert_int_eq(atomic_load(&play->counts->memory), 0);
    ddp_play_free(play);
}

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    limits = ddp_limits_default();
    open_play();
}

static void
tear_down(void)
{
    close_play();
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* (transfer full): the error, or NULL. */
static char *
failure_of(const char *code)
{
    g_autoptr(GError) error = NULL;

    if (ddp_script_load(L, "test.lua", code, strlen(code), &error) &&
        ddp_script_call(L, 0, 0, &error))
        return NULL;
    return g_strdup(error->message);
}

static void
run(const char *code)
{
    g_autofree char *failure = failure_of(code);

    ck_assert_msg(failure == NULL, "%s", failure);
}

static void
check_fails(const char *code, const char *message)
{
    g_autofree char *failure = failure_of(code);

    ck_assert_msg(failure != NULL, "no error from: %s", code);
    ck_assert_str_eq(failure, message);
}

START_TEST(test_scalars_come_back_with_step_value_and_time)
{
    run("local w = SummaryWriter('a')\n"
        "w:add_scalar('loss', 0.5, 3); w:add_scalar('loss', 0.25, 4)\n"
        "local acc = EventAccumulator('a')\n"
        "assert(acc:Reload() == acc)\n"
        "local s = acc:Scalars('loss')\n"
        "assert(#s == 2)\n"
        "assert(s[1].step == 3 and s[1].value == 0.5 and s[1].wall_time == 1700000000)\n"
        "assert(s[2].step == 4 and s[2].value == 0.25)");
}
END_TEST

START_TEST(test_tags_are_pythons)
{
    run("local w = SummaryWriter('a')\n"
        "w:add_scalar('loss', 1, 1); w:add_scalar('acc', 1, 1); w:add_text('note', 'x')\n"
        "local t = EventAccumulator('a'):Reload():Tags()\n"
        "assert(#t.scalars == 2 and t.scalars[1] == 'loss' and t.scalars[2] == 'acc')\n"
        "assert(#t.tensors == 1 and t.tensors[1] == 'note/text_summary')\n"
        "assert(#t.images == 0 and #t.audio == 0 and #t.histograms == 0)\n"
        "assert(#t.distributions == 0 and #t.run_metadata == 0)\n"
        "assert(t.graph == false and t.meta_graph == false)");
}
END_TEST

START_TEST(test_reload_takes_up_what_came_since)
{
    run("local w = SummaryWriter('a')\n"
        "local acc = EventAccumulator('a'):Reload()\n"
        "assert(#acc:Tags().scalars == 0)\n"
        "w:add_scalar('loss', 1, 1)\n"
        "assert(#acc:Tags().scalars == 0)\n"
        "assert(#acc:Reload():Scalars('loss') == 1)\n"
        "assert(#acc:Reload():Scalars('loss') == 1)");
}
END_TEST

START_TEST(test_unknown_tags_and_folders_are_named)
{
    run("w = SummaryWriter('a'); acc = EventAccumulator('a')");
    check_fails("acc:Scalars('loss')", "test.lua:1: EventAccumulator.Scalars: nothing was read "
                                       "yet, call Reload() first");
    check_fails("acc:Reload():Scalars('loss')",
                "test.lua:1: EventAccumulator.Scalars: no 'loss' in \"a\"; no scalar was logged "
                "there");
    run("w:add_scalar('val_loss', 1, 1); w:add_scalar('acc', 1, 1); acc:Reload()");
    check_fails("acc:Scalars('val_los')",
                "test.lua:1: EventAccumulator.Scalars: no 'val_los' in \"a\", did you mean "
                "'val_loss'?");
    check_fails("acc:Scalars('something')",
                "test.lua:1: EventAccumulator.Scalars: no 'something' in \"a\"; 2 other tags, the "
                "first is 'val_loss'");
    check_fails("\nEventAccumulator('none'):Reload()",
                "test.lua:2: EventAccumulator.Reload: there is no log folder \"none\"");
    check_fails("acc:reload()",
                "test.lua:1: EventAccumulator has no 'reload'; did you mean Reload");
}
END_TEST

START_TEST(test_reading_makes_no_folder_and_leaves_none)
{
    g_autofree char *path = g_build_filename(folder, "x", NULL);

    run("EventAccumulator('x/y')");
    ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
    for (int i = 0; i < 3; i++) {
        const char *codes[] = {"EventAccumulator('../x')", "EventAccumulator('/etc')",
                               "EventAccumulator('a\\0b')"};
        g_autofree char *failure = failure_of(codes[i]);

        ck_assert_msg(failure != NULL, "%s was accepted", codes[i]);
    }
}
END_TEST

START_TEST(test_entries_count_against_the_memory_of_the_world)
{
    run("local w = SummaryWriter('a'); for i = 1, 20000 do w:add_scalar('t', i, i) end");
    close_play();
    limits.world_memory = 2 << 20;
    open_play();

    g_autofree char *failure = failure_of("local keep = {}\n"
                                          "for i = 1, 100 do\n"
                                          "  keep[i] = EventAccumulator('a'):Reload()\n"
                                          "end");

    ck_assert_ptr_nonnull(failure);
    ck_assert_ptr_nonnull(strstr(failure, "world_memory"));
    ck_assert(g_str_has_prefix(failure, "test.lua:3: "));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_accumulator");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_scalars_come_back_with_step_value_and_time);
    tcase_add_test(all, test_tags_are_pythons);
    tcase_add_test(all, test_reload_takes_up_what_came_since);
    tcase_add_test(all, test_unknown_tags_and_folders_are_named);
    tcase_add_test(all, test_reading_makes_no_folder_and_leaves_none);
    tcase_add_test(all, test_entries_count_against_the_memory_of_the_world);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
