/* SPDX-License-Identifier: MIT */
#include "plots/gnuplot.h"
#include "plots/plot.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <string.h>

/* ---- quoting ---- */

START_TEST(test_text_becomes_one_literal)
{
    static const struct {
        const char *text, *quoted;
    } rows[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"a_b-c: (d), e/f.", "\"a_b-c: (d), e/f.\""},
        {"it's 1", "\"it\\047s 1\""},
        {"\"\\", "\"\\042\\134\""},
        {"#5 \\3", "\"\\043\".\"5 \\134\".\"3\""},
        {"`id` $(id) @x #", "\"\\140id\\140 \\044(id) \\100x \\043\""},
        {"{/Bold}^", "\"\\173/Bold\\175\\136\""},
        {"two\nlines\r\t\x1b[31m\x7f", "\"two lines   \\133\".\"31m \""},
        {"\xff\xc3", "\"\uFFFD\uFFFD\""},
        {"\xe2\x80\xae turned", "\"  turned\""},
        {"\xef\xbf\xbe no XML", "\"  no XML\""}, /* U+FFFE */
        {"größe 数", "\"größe 数\""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *quoted = ddp_gnuplot_quote(rows[i].text, 100);

        ck_assert_str_eq(quoted, rows[i].quoted);
    }
}
END_TEST

START_TEST(test_long_text_is_cut_between_characters)
{
    static const struct {
        const char *text;
        int max;
        const char *quoted;
    } rows[] = {
        {"abcdef", 6, "\"abcdef\""}, {"abcdef", 5, "\"abcd…\""},     {"abcdef", 1, "\"…\""},
        {"größen", 4, "\"grö…\""},   {"''''", 3, "\"\\047\\047…\""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *quoted = ddp_gnuplot_quote(rows[i].text, rows[i].max);

        ck_assert_str_eq(quoted, rows[i].quoted);
    }
}
END_TEST

static char *folder;

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static void
write_into(const char *name, const char *text, int mode)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    ck_assert_int_eq(g_chmod(path, mode), 0);
}

static bool
is_there(const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/*
 * What gnuplot itself makes of a quoted string: random bytes, with those that mean something to it
 * put in often, are printed into a file and read back.
 */
START_TEST(test_gnuplot_reads_back_what_was_quoted)
{
    static const char *const spices[] = {"'",
                                         "\"",
                                         "\\",
                                         "`",
                                         "@",
                                         "{",
                                         "}",
                                         "$",
                                         "#",
                                         "%s",
                                         "\n",
                                         ";",
                                         "!touch pwned",
                                         "`touch pwned`",
                                         ")",
                                         "'.system('"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(17);
    g_autoptr(GString) script = g_string_new("set print 'said'\n");
    g_autoptr(GString) expected = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *said = NULL;
    g_autofree char *gnuplot = g_find_program_in_path("gnuplot");

    if (gnuplot == NULL)
        return;
    for (int i = 0; i < 300; i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (int j = g_rand_int_range(rand, 1, 12); j > 0; j--) {
            if (g_rand_boolean(rand))
                g_string_append(text, spices[g_rand_int_range(rand, 0, G_N_ELEMENTS(spices))]);
            else
                g_string_append_c(text, (char)g_rand_int_range(rand, 0x20, 0x7f));
        }

        g_autofree char *quoted = ddp_gnuplot_quote(text->str, 1000);

        g_string_append_printf(script, "print %s\n", quoted);
        g_strdelimit(text->str, "\n", ' ');
        g_string_append_printf(expected, "%s\n", text->str);
    }
    write_into("script", script->str, 0644);
    ddp_gnuplot_run(folder, "script", &error);
    ck_assert_no_error(error);

    g_autofree char *path = g_build_filename(folder, "said", NULL);

    ck_assert(g_file_get_contents(path, &said, NULL, NULL));

    g_auto(GStrv) said_lines = g_strsplit(said, "\n", -1);
    g_auto(GStrv) expected_lines = g_strsplit(expected->str, "\n", -1);

    ck_assert_uint_eq(g_strv_length(said_lines), g_strv_length(expected_lines));
    for (guint i = 0; expected_lines[i] != NULL; i++)
        ck_assert_str_eq(said_lines[i], expected_lines[i]);
    ck_assert(!is_there("pwned"));
}
END_TEST

/* ---- running: a gnuplot of our own on the path ---- */

static void
pretend_gnuplot(const char *body)
{
    g_autofree char *script = g_strconcat("#!/bin/sh\n", body, "\n", NULL);

    write_into("gnuplot", script, 0755);
    g_setenv("PATH", folder, TRUE);
}

START_TEST(test_gnuplot_runs_in_the_folder_without_the_user_s_settings)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "called", NULL);
    g_autofree char *called = NULL;
    g_autofree char *before = g_get_current_dir();

    pretend_gnuplot("echo \"$@\" > called");
    ck_assert(ddp_gnuplot_run(folder, "a script; touch pwned", &error));
    ck_assert_no_error(error);
    ck_assert(g_file_get_contents(path, &called, NULL, NULL));
    ck_assert_str_eq(called, "--default-settings a script; touch pwned\n");
    ck_assert(!is_there("pwned"));

    g_autofree char *after = g_get_current_dir();

    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(test_what_gnuplot_complains_of_is_told)
{
    g_autoptr(GError) error = NULL;

    pretend_gnuplot("echo >&2; echo 'plot nonsense' >&2; echo '    ^' >&2\n"
                    "echo '\"audit.gnuplot\" line 3: undefined variable: nonsense' >&2; exit 1");
    ck_assert(!ddp_gnuplot_run(folder, "script", &error));
    ck_assert(g_error_matches(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_GNUPLOT));
    ck_assert_str_eq(error->message,
                     "gnuplot failed: \"audit.gnuplot\" line 3: undefined variable: "
                     "nonsense");
}
END_TEST

START_TEST(test_a_gnuplot_that_dies_silently_is_an_error)
{
    g_autoptr(GError) error = NULL;

    pretend_gnuplot("kill -9 $$");
    ck_assert(!ddp_gnuplot_run(folder, "script", &error));
    ck_assert_str_eq(error->message, "gnuplot failed: it said nothing");
}
END_TEST

START_TEST(test_no_gnuplot_says_what_to_install)
{
    g_autoptr(GError) error = NULL;

    g_setenv("PATH", folder, TRUE);
    ck_assert(!ddp_gnuplot_run(folder, "script", &error));
    ck_assert(g_error_matches(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_NO_GNUPLOT));
    ck_assert_str_eq(error->message,
                     "gnuplot is not installed; the Debian package gnuplot-nox has it");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("gnuplot");
    TCase *quoting = tcase_create("quoting");
    TCase *running = tcase_create("running");

    tcase_add_checked_fixture(quoting, setup, teardown);
    tcase_add_test(quoting, test_text_becomes_one_literal);
    tcase_add_test(quoting, test_long_text_is_cut_between_characters);
    tcase_add_test(quoting, test_gnuplot_reads_back_what_was_quoted);
    suite_add_tcase(suite, quoting);

    tcase_add_checked_fixture(running, setup, teardown);
    tcase_add_test(running, test_gnuplot_runs_in_the_folder_without_the_user_s_settings);
    tcase_add_test(running, test_what_gnuplot_complains_of_is_told);
    tcase_add_test(running, test_a_gnuplot_that_dies_silently_is_an_error);
    tcase_add_test(running, test_no_gnuplot_says_what_to_install);
    suite_add_tcase(suite, running);
    return ddp_test_main(suite);
}
