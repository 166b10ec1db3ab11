/* SPDX-License-Identifier: MIT */
/*
 * Plays the whole bug set and scores the reports, a family a test. A test fails unless every bug of
 * its family is found, called by its right name, shown with its lines and laid on the right ranks,
 * and nothing is said about any right twin.
 *
 * DDPSIM_BUGSET_KEEP=DIR keeps the files that were missed, with what was expected as the last line.
 * DDPSIM_BUGSET_ENGINE and DDPSIM_BUGSET_SCHEDULE play the set elsewhere; CK_RUN_CASE=family plays
 * one family.
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script/scenario.h"
#include "tests/bugset/bugset.h"
#include "tests/bugset/score.h"
#include "tests/testutil.h"

static const struct {
    const char *name;
    void (*make)(Bugset *set);
} families[] = {
    {"missing_rank", bugset_make_missing_rank},
    {"kind", bugset_make_kind},
    {"dtype", bugset_make_dtype},
    {"shape", bugset_make_shape},
    {"op", bugset_make_op},
    {"root", bugset_make_root},
    {"group", bugset_make_group},
    {"order", bugset_make_order},
    {"cycle", bugset_make_cycle},
    {"swap", bugset_make_swap},
    {"p2p", bugset_make_p2p},
    {"uneven", bugset_make_uneven},
    {"died", bugset_make_died},
    {"endless", bugset_make_endless},
    {"async", bugset_make_async},
    {"hidden", bugset_make_hidden},
    {"right", bugset_make_right},
};

/*
 * Each test runs in a process of its own and leaves its score here for the table at the end, and
 * the name of the program that it plays, should that bring the process down.
 */
static char *folder;

static char *
note_path(const char *family, const char *what)
{
    g_autofree char *name = g_strconcat(family, ".", what, NULL);

    return g_build_filename(folder, name, NULL);
}

static void
leave_note(const char *family, const char *what, const void *bytes, gsize length)
{
    g_autofree char *path = note_path(family, what);
    FILE *file = fopen(path, "wb");

    ck_assert_msg(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0,
                  "cannot write %s", path);
}

static void
keep_file(const BugsetProgram *program)
{
    const char *keep = g_getenv("DDPSIM_BUGSET_KEEP");
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    if (keep == NULL)
        return;
    ck_assert_msg(g_mkdir_with_parents(keep, 0777) == 0, "cannot make the folder %s", keep);
    path = g_build_filename(keep, program->file, NULL);
    g_file_set_contents(path, program->text, -1, &error);
    ck_assert_no_error(error);
}

static DdpRunRecord *
play(DdpScenario *scenario, const char *variant)
{
    DdpRunSpec spec = ddp_run_spec_default();
    g_autoptr(GError) error = NULL;
    int index = ddp_scenario_find_variant(scenario, variant, &error);
    DdpRunRecord *record;

    ck_assert_no_error(error);
    spec.out = folder;
    spec.engine = g_getenv("DDPSIM_BUGSET_ENGINE");
    spec.schedule = g_getenv("DDPSIM_BUGSET_SCHEDULE");
    record = ddp_scenario_run(scenario, index, &spec, &error);
    ck_assert_no_error(error);
    if (spec.engine != NULL)
        ck_assert_str_eq(record->engine, spec.engine);
    return record;
}

/* Both variants of one program. */
static void
score_program(const BugsetProgram *program, BugsetScore *score, GString *misses)
{
    g_autofree char *path = g_build_filename(folder, program->file, NULL);
    g_autoptr(GError) error = NULL;
    DdpLimits limits = ddp_limits_default();
    gsize before = misses->len;

    g_file_set_contents(path, program->text, -1, &error);
    ck_assert_no_error(error);

    g_autoptr(DdpScenario) scenario = ddp_scenario_load(path, BUGSET_SHOWN, &limits, &error);

    ck_assert_no_error(error);
    for (int i = 0; i < ddp_scenario_variant_count(scenario); i++) {
        const char *variant = ddp_scenario_variant(scenario, i)->name;
        g_autoptr(DdpRunRecord) record = play(scenario, variant);

        if (strcmp(variant, "wrong") == 0)
            bugset_score_wrong(score, program, record, misses);
        else
            bugset_score_right(score, program, record, misses);
    }
    if (misses->len > before)
        keep_file(program);

    g_autofree char *out = ddp_scenario_folder(scenario, folder);

    ddp_test_remove_tree(out);
    g_remove(path);
}

static void
print_comment(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (int i = 0; lines[i] != NULL; i++) {
        if (*lines[i] != '\0')
            printf("# %s\n", lines[i]);
    }
    fflush(stdout);
}

START_TEST(test_every_bug_is_told_and_no_right_program)
{
    g_autoptr(Bugset) set = bugset_new();
    g_autoptr(GString) misses = g_string_new(NULL);
    const char *family = families[_i].name;
    BugsetScore score = {0};

    families[_i].make(set);
    for (guint i = 0; i < bugset_count(set); i++) {
        const BugsetProgram *program = bugset_program(set, i);

        leave_note(family, "playing", program->file, strlen(program->file));
        score_program(program, &score, misses);
    }
    print_comment(misses->str);
    leave_note(family, "score", &score, sizeof score);
    ck_assert_msg(bugset_score_is_perfect(&score),
                  "%d wrong: %d found, %d classes, %d with all lines, %d rightly blamed; %d right: "
                  "%d with noise",
                  score.wrong, score.found, score.classed, score.lined, score.blamed, score.right,
                  score.noisy);
}
END_TEST

/* Two programs of one name would hide each other. */
START_TEST(test_every_program_has_a_name_of_its_own)
{
    g_autoptr(Bugset) set = bugset_new();
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        families[i].make(set);
    for (guint i = 0; i < bugset_count(set); i++) {
        const BugsetProgram *program = bugset_program(set, i);

        ck_assert_msg(g_hash_table_add(names, (char *)program->file), "%s is there twice",
                      program->file);
    }
}
END_TEST

/* A family that was begun and left no score: the program that it played last. */
static void
print_crash(GString *table, const char *family)
{
    g_autofree char *path = note_path(family, "playing");
    g_autofree char *program = NULL;

    if (g_file_get_contents(path, &program, NULL, NULL))
        g_string_append_printf(table, "%-14s was brought down by %s\n", family, program);
}

/* Scores of the families that were played, and their sum. */
static void
print_table(void)
{
    g_autoptr(GString) table = g_string_new(NULL);
    BugsetScore total = {0};

    bugset_score_print(table, "family", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        g_autofree char *path = note_path(families[i].name, "score");
        g_autofree char *contents = NULL;
        BugsetScore score;
        gsize length;

        if (!g_file_get_contents(path, &contents, &length, NULL) || length != sizeof score) {
            print_crash(table, families[i].name);
            continue;
        }
        memcpy(&score, contents, sizeof score);
        bugset_score_print(table, families[i].name, &score);
        total.wrong += score.wrong;
        total.found += score.found;
        total.classed += score.classed;
        total.lined += score.lined;
        total.blamed += score.blamed;
        total.right += score.right;
        total.noisy += score.noisy;
    }
    bugset_score_print(table, "total", &total);
    print_comment(table->str);
}

int
main(void)
{
    Suite *suite = suite_create("bugset");
    TCase *names = tcase_create("names");
    g_autoptr(GError) error = NULL;
    int status;

    folder = g_dir_make_tmp("ddpsim-bugset-XXXXXX", &error);
    if (folder == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        TCase *family = tcase_create(families[i].name);

        tcase_set_timeout(family, 600);
        tcase_add_loop_test(family, test_every_bug_is_told_and_no_right_program, (int)i,
                            (int)i + 1);
        suite_add_tcase(suite, family);
    }
    tcase_add_test(names, test_every_program_has_a_name_of_its_own);
    suite_add_tcase(suite, names);
    status = ddp_test_main(suite);
    print_table();
    ddp_test_remove_tree(folder);
    g_free(folder);
    return status;
}
