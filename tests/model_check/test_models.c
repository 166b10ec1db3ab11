/* SPDX-License-Identifier: MIT */
#include "tests/testutil.h"

#include <stdlib.h>
#include <string.h>

/*
 * The models of docs/model, searched to the end: what they promise holds, and of each seeded fault
 * the checker finds that it does not. The long runs of docs/model/README.md are left to people.
 */

#define STATUS_SKIPPED 77
#define SEARCH_SECONDS 120

typedef struct {
    const char *model;
    const char *defines;
} Run;

static const Run right[] = {
    {"lock", ""},
    {"lock", "-DKILLS=0 -DN=3 -DNO_HEAP -DIMPATIENT -DALL_COME"},
    {"lock", "-DABANDONED"},
    {"meeting", "-DCALLS=3"},
    {"meeting", "-DN=3"},
    {"lane", "-DEARLY -DVARIANTS=3"},
    {"lane", "-DCALLS=4 -DBEGINS"},
    {"lane", "-DN=3 -DCALLS=2"},
    {"share", ""},
    {"share", "-DENDS"},
};

static const Run wrong[] = {
    {"lock", "-DFAULT_NO_STIR"},           {"lock", "-DFAULT_NO_WATCH -DKILLS=2"},
    {"lock", "-DFAULT_TELL_FIRST"},        {"lock", "-DFAULT_TRUST_LIFE"},
    {"lock", "-DFAULT_TOLD_IS_DONE"},      {"lock", "-DFAULT_ENTER_BROKEN"},
    {"lock", "-DFAULT_NO_SLEEPERS_BIT"},   {"lock", "-DFAULT_ASLEEP_WHEN_ENDED -DABANDONED"},
    {"meeting", "-DFAULT_ASKS_LATE"},      {"meeting", "-DFAULT_NO_WAKE"},
    {"meeting", "-DFAULT_NO_SECOND_LOOK"}, {"meeting", "-DFAULT_PARKS_BLINDLY"},
    {"lane", "-DFAULT_ONE_LOOK"},          {"lane", "-DFAULT_NO_WAKE"},
    {"lane", "-DFAULT_COUNT_LATE"},        {"lane", "-DFAULT_NO_SECOND_LOOK"},
    {"lane", "-DFAULT_TURN_FIRST"},        {"lane", "-DFAULT_NOT_CLEAR -DBEGINS"},
    {"share", "-DFAULT_TAKES_APART"},      {"share", "-DFAULT_COUNTS_APART"},
    {"share", "-DFAULT_OFFERED_EARLY"},    {"share", "-DFAULT_ALWAYS_WITHDRAWS -DENDS"},
};

/* (transfer full): what @command said; fails the test if it cannot be run or fails. */
static char *
say(const char *folder, const char *command)
{
    g_auto(GStrv) argv = NULL;
    g_autofree char *errors = NULL;
    g_autoptr(GError) error = NULL;
    char *output = NULL;
    int status = 0;

    g_shell_parse_argv(command, NULL, &argv, &error);
    ck_assert_no_error(error);
    g_spawn_sync(folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors, &status,
                 &error);
    ck_assert_no_error(error);
    ck_assert_msg(g_spawn_check_wait_status(status, NULL), "%s:\n%s%s", command, output, errors);
    return output;
}

/* (transfer full): what the search of all states of @run said; @flags are those of the compiler. */
static char *
search(const Run *run, const char *flags)
{
    g_autofree char *folder = ddp_test_tmp_dir();
    g_autofree char *model = g_strdup_printf("%s/%s.pml", g_getenv("DDPSIM_MODELS"), run->model);
    g_autofree char *quoted_model = g_shell_quote(model);
    g_autofree char *generate =
        g_strdup_printf("%s %s -a %s", g_getenv("DDPSIM_SPIN"), run->defines, quoted_model);
    /* The warnings about Spin's own code are not ours. */
    g_autofree char *compile = g_strdup_printf(
        "%s %s -w -DSAFETY -DCOLLAPSE -DMEMLIM=1900 -o pan pan.c", g_getenv("DDPSIM_CC"), flags);
    char *said;

    g_free(say(folder, generate));
    g_free(say(folder, compile));
    said = say(folder, "./pan -m100000 -w22");
    ddp_test_remove_tree(folder);
    return said;
}

START_TEST(test_what_a_model_promises_holds_in_every_state)
{
    g_autofree char *said = search(&right[_i], "-O2");

    ck_assert_msg(strstr(said, "errors: 0\n") != NULL &&
                      strstr(said, "Search not completed") == NULL &&
                      strstr(said, "max search depth too small") == NULL,
                  "%s %s:\n%s", right[_i].model, right[_i].defines, said);
}
END_TEST

START_TEST(test_a_seeded_fault_is_found)
{
    g_autofree char *said = search(&wrong[_i], "-O0");

    ck_assert_msg(strstr(said, "errors: 1\n") != NULL, "%s %s:\n%s", wrong[_i].model,
                  wrong[_i].defines, said);
}
END_TEST

int
main(void)
{
    if (g_getenv("DDPSIM_SPIN") == NULL)
        return STATUS_SKIPPED;

    Suite *suite = suite_create("models");
    TCase *hold = tcase_create("hold");
    TCase *fail = tcase_create("fail");

    tcase_set_timeout(hold, SEARCH_SECONDS);
    tcase_add_loop_test(hold, test_what_a_model_promises_holds_in_every_state, 0,
                        G_N_ELEMENTS(right));
    suite_add_tcase(suite, hold);
    tcase_set_timeout(fail, SEARCH_SECONDS);
    tcase_add_loop_test(fail, test_a_seeded_fault_is_found, 0, G_N_ELEMENTS(wrong));
    suite_add_tcase(suite, fail);
    return ddp_test_main(suite);
}
