/* SPDX-License-Identifier: MIT */
#include "sim/cli/cli.h"
#include "tests/testutil.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/cli/event_tables.h"
#include "sim/loggers/event_writer.h"

/*
 * The command is called as main() calls it, with both streams led into files; what it says is
 * compared as a whole where the words matter, and by its parts where only they do.
 */

#define START 1700000000.25

typedef struct {
    int status;
    char *out;
    char *err;
} Said;

static char *folder;
static Said said;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    g_setenv("COLUMNS", "80", TRUE);
}

static void
forget(void)
{
    g_clear_pointer(&said.out, g_free);
    g_clear_pointer(&said.err, g_free);
}

static void
tear_down(void)
{
    forget();
    ddp_test_remove_tree(folder);
    g_free(folder);
}

static int
redirect(FILE *stream, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int saved = dup(fileno(stream));

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fflush(stream), 0);
    ck_assert_int_ge(dup2(fd, fileno(stream)), 0);
    close(fd);
    return saved;
}

static void
restore(FILE *stream, int saved)
{
    fflush(stream);
    clearerr(stream);
    ck_assert_int_ge(dup2(saved, fileno(stream)), 0);
    close(saved);
}

/* ddpsim events ARGUMENTS..., standard output into @out_path. */
static void
call_into(const char *out_path, const char *const *arguments)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *err_path = g_build_filename(g_get_tmp_dir(), "ddpsim-test-err-XXXXXX", NULL);
    int err_fd = g_mkstemp(err_path);

    forget();
    ck_assert_int_ge(err_fd, 0);
    close(err_fd);
    g_ptr_array_add(argv, (char *)"events");
    for (int i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add(argv, (char *)arguments[i]);
    g_ptr_array_add(argv, NULL);

    int out = redirect(stdout, out_path);
    int err = redirect(stderr, err_path);

    said.status = ddp_cli_events((int)argv->len - 1, (char **)argv->pdata);
    restore(stdout, out);
    restore(stderr, err);
    ck_assert(g_file_get_contents(err_path, &said.err, NULL, NULL));
    g_unlink(err_path);
}

static void
call(const char *const *arguments)
{
    g_autofree char *out_path = g_build_filename(g_get_tmp_dir(), "ddpsim-test-out-XXXXXX", NULL);
    int out_fd = g_mkstemp(out_path);

    ck_assert_int_ge(out_fd, 0);
    close(out_fd);
    call_into(out_path, arguments);
    ck_assert(g_file_get_contents(out_path, &said.out, NULL, NULL));
    g_unlink(out_path);
}

#define CALL(...) call((const char *const[]){__VA_ARGS__, NULL})

static void
write_run(const char *name, int pid, const char *tag, int count)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    DdpEventWriterSpec spec = {.folder = path, .host = "node0", .pid = pid, .wall_time = START};
    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(&spec, &error);

    ck_assert_no_error(error);
    for (int i = 0; i < count; i++)
        ddp_event_writer_add_scalar(writer, tag, 0.5f * (float)i, i, START + i, &error);
    ddp_event_writer_close(writer, &error);
    ck_assert_no_error(error);
}

static char *
only_file(const char *run)
{
    return g_build_filename(folder, run, "events.out.tfevents.1700000000.node0.1.0", NULL);
}

START_TEST(test_a_run_is_shown_with_files_tags_and_values)
{
    write_run("a", 1, "data", 2);
    write_run("a", 2, "data", 1);
    CALL(folder);
    ck_assert_str_eq(said.err, "");
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert(g_str_has_prefix(said.out, "run a\n"
                                         "  2 files\n"
                                         "    events.out.tfevents.1700000000.node0.1.0\n"
                                         "    events.out.tfevents.1700000000.node0.2.0\n"
                                         "\n"));
    ck_assert_ptr_nonnull(strstr(said.out, "  tag   kind     entries  first step  last step\n"));
    ck_assert_ptr_nonnull(strstr(said.out, "  data  scalars        3           0          0\n"));
    ck_assert(g_str_has_suffix(said.out, "\n"
                                         "  data\n"
                                         "    step  value  wall time\n"
                                         "       0      0  2023-11-14T22:13:20.250Z\n"
                                         "       1    0.5  2023-11-14T22:13:21.250Z\n"
                                         "       0      0  2023-11-14T22:13:20.250Z\n"
                                         "\n"));
}
END_TEST

START_TEST(test_long_series_are_cut_in_the_middle_unless_all_is_asked_for)
{
    write_run(".", 1, "loss", 30);
    CALL(folder);
    ck_assert_ptr_nonnull(strstr(said.out, "run .\n"));
    ck_assert_ptr_nonnull(strstr(said.out, "     9    4.5  2023-11-14T22:13:29.250Z\n"
                                           "    ... 10 more (--all shows them)\n"
                                           "      20     10  2023-11-14T22:13:40.250Z\n"));
    CALL(folder, "--all");
    ck_assert_ptr_null(strstr(said.out, "more"));
    ck_assert_ptr_nonnull(strstr(said.out, "      15    7.5  2023-11-14T22:13:35.250Z\n"));
}
END_TEST

START_TEST(test_tag_is_a_name_or_a_pattern_for_the_whole)
{
    write_run("a", 1, "loss", 1);
    write_run("b", 1, "val_loss", 1);
    write_run("c", 1, "acc(top[5", 1);

    CALL(folder, "--tag", "loss");
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert_ptr_null(strstr(said.out, "val_loss"));
    CALL(folder, "--tag", ".*loss");
    ck_assert_ptr_nonnull(strstr(said.out, "\n  val_loss\n"));
    ck_assert_ptr_nonnull(strstr(said.out, "\n  loss\n"));
    CALL(folder, "--tag", "acc(top[5"); /* no regular expression, but a name */
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert_ptr_nonnull(strstr(said.out, "\n  acc(top[5\n"));
    CALL(folder, "--tag", "los");
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_str_eq(said.err, "ddpsim: no tag is, or as a whole matches, 'los'\n");
}
END_TEST

START_TEST(test_run_chooses_one_and_a_slip_is_corrected)
{
    write_run("train/one", 1, "loss", 1);
    write_run("train/two", 1, "loss", 1);
    CALL(folder, "--run", "train/two");
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert_ptr_null(strstr(said.out, "train/one"));
    CALL(folder, "--run", "train/too");
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_str_eq(said.err,
                     "ddpsim: there is no run 'train/too' among 2, did you mean 'train/two'?\n");
}
END_TEST

START_TEST(test_json_is_one_document_a_line_for_each_run)
{
    g_autoptr(JsonParser) parser = json_parser_new();

    write_run("a", 1, "loss", 30);
    write_run("b", 1, "loss", 1);
    CALL(folder, "--json");
    ck_assert_int_eq(said.status, DDP_EXIT_OK);

    g_auto(GStrv) lines = g_strsplit(said.out, "\n", -1);

    ck_assert_uint_eq(g_strv_length(lines), 3);
    ck_assert_str_eq(lines[2], "");
    ck_assert(json_parser_load_from_data(parser, lines[0], -1, NULL));

    JsonObject *run = json_node_get_object(json_parser_get_root(parser));
    JsonObject *tag = json_array_get_object_element(json_object_get_array_member(run, "tags"), 0);
    JsonArray *entries = json_object_get_array_member(tag, "entries");
    JsonObject *entry = json_array_get_object_element(entries, 29);

    ck_assert_str_eq(json_object_get_string_member(run, "run"), "a");
    ck_assert_str_eq(json_object_get_string_member(tag, "tag"), "loss");
    ck_assert_str_eq(json_object_get_string_member(tag, "kind"), "scalars");
    ck_assert_uint_eq(json_array_get_length(entries), 30);
    ck_assert_int_eq(json_object_get_int_member(entry, "step"), 29);
    ck_assert_double_eq(json_object_get_double_member(entry, "value"), 14.5);
    ck_assert_double_eq(json_object_get_double_member(entry, "wall_time"), START + 29);
    ck_assert_uint_eq(json_array_get_length(json_object_get_array_member(run, "problems")), 0);
}
END_TEST

static void
damage(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    ck_assert_int_eq(fputc(0x5a, file), 0x5a);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(test_damage_is_told_with_its_place_and_the_rest_is_shown)
{
    g_autofree char *path = only_file("a");
    g_autofree char *expected = g_strdup_printf(
        "%s: offset 88: the data of a record does not match its checksum (24 bytes skipped)\n",
        path);

    write_run("a", 1, "loss", 3);
    damage(path, 88 + 12 + 5); /* in the first scalar, behind the version's 88 bytes */
    CALL(folder);
    ck_assert_int_eq(said.status, DDP_EXIT_FAILED);
    ck_assert_str_eq(said.err, expected);
    ck_assert_ptr_nonnull(strstr(said.out, "       2      1  2023-11-14T22:13:22.250Z\n"));
}
END_TEST

/* As a writer at work, or one that was killed, leaves it: said, and no failure. */
START_TEST(test_half_a_record_at_the_end_is_told_and_is_no_failure)
{
    g_autofree char *path = only_file("a");

    write_run("a", 1, "loss", 3);
    ck_assert_int_eq(truncate(path, 200), 0);
    CALL(folder);
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert_ptr_nonnull(strstr(said.err, "the file ends in the middle of a record"));
    ck_assert_ptr_nonnull(strstr(said.out, "  loss  scalars        2"));
}
END_TEST

START_TEST(test_texts_from_files_cannot_reach_the_terminal)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "evil\x1b[31m", NULL);
    DdpEventWriterSpec spec = {.folder = path, .host = "h", .wall_time = START};
    g_autoptr(DdpEventWriter) writer = ddp_event_writer_new(&spec, &error);

    ddp_event_writer_add_scalar(writer, "t\x1b[2J\x07", 1, 0, START, &error);
    ddp_event_writer_add_text(writer, "n\r", "a\nb\x1b]0;x\x07 ü", 1, START, &error);
    ddp_event_writer_close(writer, &error);
    ck_assert_no_error(error);
    damage(ddp_event_writer_path(writer), 12);
    CALL(folder);
    ck_assert_int_eq(said.status, DDP_EXIT_FAILED);
    for (const char *at = said.out; *at != '\0'; at++)
        ck_assert_msg((unsigned char)*at >= 0x20 || *at == '\n', "byte %02x in: %s", *at, said.out);
    for (const char *at = said.err; *at != '\0'; at++)
        ck_assert_msg((unsigned char)*at >= 0x20 || *at == '\n', "byte %02x in: %s", *at, said.err);
    ck_assert_ptr_nonnull(strstr(said.out, "a\\nb\\x1b]0;x\\x07 ü\n"));
    CALL(folder, "--json");
    ck_assert_ptr_null(strchr(said.out, '\x1b'));
}
END_TEST

START_TEST(test_wrong_use_is_one_line_and_status_2)
{
    g_autofree char *none = g_build_filename(folder, "none", NULL);

    CALL(folder);
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_ptr_nonnull(strstr(said.err, "no event files in it or below"));
    CALL(none);
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_ptr_nonnull(strstr(said.err, "No such file or directory"));
    CALL(folder, folder);
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    CALL(folder, "--jsn");
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_ptr_nonnull(strstr(said.err, "did you mean '--json'?"));
    call((const char *const[]){NULL});
    ck_assert_int_eq(said.status, DDP_EXIT_USAGE);
    ck_assert_str_eq(said.out, "");
    CALL("--help");
    ck_assert_int_eq(said.status, DDP_EXIT_OK);
    ck_assert(g_str_has_prefix(said.out, "Usage: ddpsim events PATH"));
}
END_TEST

START_TEST(test_full_standard_output_is_told)
{
    const char *const arguments[] = {folder, NULL};

    write_run("a", 1, "loss", 3);
    call_into("/dev/full", arguments);
    ck_assert_int_eq(said.status, DDP_EXIT_FAILED);
    ck_assert_ptr_nonnull(strstr(said.err, "standard output cannot be written"));
}
END_TEST

START_TEST(test_values_and_times_are_short_and_exact)
{
    const struct {
        double value;
        const char *text;
    } values[] = {
        {(double)0.1f, "0.1"},           {0.1, "0.1"},      {(double)(1.0f / 3), "0.33333334"},
        {1.0 / 3, "0.3333333333333333"}, {30, "30"},        {(double)NAN, "nan"},
        {-(double)INFINITY, "-inf"},     {1e300, "1e+300"}, {16777217, "16777217"}};
    const struct {
        double time;
        const char *text;
    } times[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {1700000000.9996, "2023-11-14T22:13:21.000Z"},
                 {-0.25, "1969-12-31T23:59:59.750Z"},
                 {1e300, "1e+300 s"},
                 {(double)NAN, "nan s"}};

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *text = ddp_event_value_text(values[i].value);

        ck_assert_str_eq(text, values[i].text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *text = ddp_event_time_text(times[i].time);

        ck_assert_str_eq(text, times[i].text);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("events");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, test_a_run_is_shown_with_files_tags_and_values);
    tcase_add_test(all, test_long_series_are_cut_in_the_middle_unless_all_is_asked_for);
    tcase_add_test(all, test_tag_is_a_name_or_a_pattern_for_the_whole);
    tcase_add_test(all, test_run_chooses_one_and_a_slip_is_corrected);
    tcase_add_test(all, test_json_is_one_document_a_line_for_each_run);
    tcase_add_test(all, test_damage_is_told_with_its_place_and_the_rest_is_shown);
    tcase_add_test(all, test_half_a_record_at_the_end_is_told_and_is_no_failure);
    tcase_add_test(all, test_texts_from_files_cannot_reach_the_terminal);
    tcase_add_test(all, test_wrong_use_is_one_line_and_status_2);
    tcase_add_test(all, test_full_standard_output_is_told);
    tcase_add_test(all, test_values_and_times_are_short_and_exact);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
