/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_accumulator.h"
#include "tests/testutil.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/loggers/event_runs.h"
#include "tests/sim/loggers/event_files.h"

/*
 * What TensorBoard's EventAccumulator read in recorded files is written down in
 * tests/reference/tensorboard_listing.txt; the same listing made by us must be the same text.
 */

static void
append_escaped(GString *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            g_string_append(out, "\\\\");
        else if (*text == '\n')
            g_string_append(out, "\\n");
        else if (*text == '\t')
            g_string_append(out, "\\t");
        else
            g_string_append_c(out, *text);
    }
}

static void
append_series(GString *out, const DdpEventSeries *series)
{
    g_string_append_printf(out, "series\t%s\t%s\t%s\n", ddp_event_kind_name(series->kind),
                           series->tag, series->plugin != NULL ? series->plugin : "-");
    for (guint i = 0; i < series->entries->len; i++) {
        const DdpEventEntry *entry = &g_array_index(series->entries, DdpEventEntry, i);

        g_string_append_printf(out, "entry\t%" G_GINT64_FORMAT "\t%.17g\t", entry->step,
                               entry->wall_time);
        if (entry->text != NULL) {
            g_string_append_c(out, '\'');
            append_escaped(out, entry->text);
        } else if (series->is_numeric) {
            g_string_append_printf(out, "%.17g", entry->value);
        } else {
            g_string_append_c(out, '-');
        }
        g_string_append_c(out, '\n');
    }
}

START_TEST(test_recorded_files_are_read_as_tensorboard_read_them)
{
    g_autofree char *expected = ddp_test_reference_read("tensorboard_listing.txt");
    g_autofree char *logs = ddp_test_reference_path("tensorboard_logs");
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = ddp_event_runs_find(logs, problems, &error);
    g_autoptr(GString) listing = g_string_new(NULL);

    ck_assert_no_error(error);
    for (guint r = 0; r < runs->len; r++) {
        const DdpEventRun *run = g_ptr_array_index(runs, r);
        g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(run->path);

        ddp_event_accumulator_reload(read, &error);
        ck_assert_no_error(error);
        ck_assert_uint_eq(ddp_event_problems_count(ddp_event_accumulator_problems(read)), 0);
        g_string_append_printf(listing, "run\t%s\n", run->name);
        for (int kind = 0; kind < DDP_EVENT_KIND_COUNT; kind++) {
            for (size_t i = 0; i < ddp_event_accumulator_count(read); i++) {
                if ((int)ddp_event_accumulator_get(read, i)->kind == kind)
                    append_series(listing, ddp_event_accumulator_get(read, i));
            }
        }
    }
    ck_assert_str_eq(listing->str, expected);
}
END_TEST

/* --- growing folders --- */

static char *
file_in_folder(const char *name)
{
    return g_build_filename(event_files_folder(), name, NULL);
}

static void
check_reload(DdpEventAccumulator *read, const char *steps, size_t problem_count)
{
    g_autoptr(GError) error = NULL;

    ddp_event_accumulator_reload(read, &error);
    ck_assert_no_error(error);

    g_autofree char *got = event_file_steps(read);

    ck_assert_str_eq(got, steps);
    ck_assert_uint_eq(ddp_event_problems_count(ddp_event_accumulator_problems(read)),
                      problem_count);
}

START_TEST(test_reload_takes_up_what_came_since)
{
    g_autoptr(GByteArray) file = event_file_counting(4);
    g_autoptr(GArray) records = event_file_records(file);
    g_autofree char *first = file_in_folder("a.tfevents.1");
    g_autofree char *second = file_in_folder("a.tfevents.2");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());
    size_t two = g_array_index(records, EventFileRecord, 3).offset;

    check_reload(read, "", 0);
    event_file_write(first, file->data, two + 3);
    check_reload(read, "0 1 ", 1);
    check_reload(read, "0 1 ", 1); /* still half a record, said once */
    event_file_write(first, file->data, file->len);
    check_reload(read, "0 1 2 3 ", 0);
    event_file_write(second, file->data, two);
    check_reload(read, "0 1 2 3 0 1 ", 0);
    event_file_write(second, file->data, file->len);
    check_reload(read, "0 1 2 3 0 1 2 3 ", 0);
    ck_assert_uint_eq(ddp_event_accumulator_files(read)->len, 2);
}
END_TEST

/* As there: what is added to a file once a later one was begun stays unseen. */
START_TEST(test_earlier_files_are_never_returned_to)
{
    g_autoptr(GByteArray) file = event_file_counting(4);
    g_autoptr(GArray) records = event_file_records(file);
    g_autofree char *first = file_in_folder("a.tfevents.1");
    g_autofree char *second = file_in_folder("a.tfevents.2");
    g_autofree char *before = file_in_folder("a.tfevents.0");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());

    event_file_write(first, file->data, g_array_index(records, EventFileRecord, 3).offset);
    event_file_write(second, file->data, file->len);
    check_reload(read, "0 1 0 1 2 3 ", 0);
    event_file_write(first, file->data, file->len);
    event_file_write(before, file->data, file->len);
    check_reload(read, "0 1 0 1 2 3 ", 0);
}
END_TEST

START_TEST(test_single_file_is_a_run)
{
    g_autoptr(GByteArray) file = event_file_counting(2);
    g_autofree char *path = file_in_folder("any name");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);

    event_file_write(path, file->data, file->len);
    check_reload(read, "0 1 ", 0);
}
END_TEST

START_TEST(test_files_that_are_no_event_files_are_passed_over)
{
    g_autoptr(GByteArray) file = event_file_counting(2);
    g_autofree char *text = file_in_folder("notes.txt");
    g_autofree char *empty = file_in_folder("a.tfevents.profile-empty");
    g_autofree char *folder = file_in_folder("folder.tfevents");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());

    event_file_write(text, file->data, file->len);
    event_file_write(empty, file->data, file->len);
    ck_assert_int_eq(g_mkdir(folder, 0777), 0);
    check_reload(read, "", 0);
}
END_TEST

START_TEST(test_missing_path_is_an_error)
{
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new("/nonexistent/logs");
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_event_accumulator_reload(read, &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
    ck_assert(g_str_has_prefix(error->message, "/nonexistent/logs: "));
}
END_TEST

/* --- damage --- */

/* The same as record by record in test_record_reader.c, through to the values. */
START_TEST(test_every_changed_byte_costs_one_entry_at_most)
{
    g_autoptr(GByteArray) file = event_file_counting(4);
    g_autoptr(GArray) records = event_file_records(file);
    g_autofree char *path = file_in_folder("a.tfevents");

    for (size_t at = 0; at < file->len; at++) {
        g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);
        g_autoptr(GString) expected = g_string_new(NULL);

        for (guint i = 1; i < records->len; i++) {
            const EventFileRecord *record = &g_array_index(records, EventFileRecord, i);

            if (at < record->offset || at >= record->offset + record->size)
                g_string_append_printf(expected, "%d ", (int)i - 1);
        }
        file->data[at] ^= 0x41;
        event_file_write(path, file->data, file->len);
        file->data[at] ^= 0x41;
        check_reload(read, expected->str, 1);
        ck_assert(ddp_event_problems_has_damage(ddp_event_accumulator_problems(read)));
    }
}
END_TEST

START_TEST(test_damage_in_one_file_leaves_the_next_alone)
{
    g_autoptr(GByteArray) file = event_file_counting(2);
    g_autofree char *first = file_in_folder("a.tfevents.1");
    g_autofree char *second = file_in_folder("a.tfevents.2");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(event_files_folder());

    event_file_write(first, (const uint8_t *)"this is no event file at all", 28);
    event_file_write(second, file->data, file->len);
    check_reload(read, "0 1 ", 1);

    const DdpEventProblem *problem =
        ddp_event_problems_get(ddp_event_accumulator_problems(read), 0);

    ck_assert_str_eq(problem->path, first);
    ck_assert_uint_eq(problem->offset, 0);
}
END_TEST

/* A tag is data: it may hold anything, and stays one readable line's worth of UTF-8. */
START_TEST(test_tags_of_any_bytes_are_kept_apart_and_readable)
{
    const uint8_t summaries[][16] = {
        {0x2a, 10, 0x0a, 8, 0x0a, 1, 0xff, 0x15, 0, 0, 0, 0},
        {0x2a, 11, 0x0a, 9, 0x0a, 2, 'a', 0x00, 0x15, 0, 0, 0, 0},
        {0x2a, 10, 0x0a, 8, 0x0a, 1, 'a', 0x15, 0, 0, 0, 0},
    };
    const char *tags[] = {"\\xff", "a\\x00", "a"};
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autofree char *path = file_in_folder("a.tfevents");
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);

    for (size_t i = 0; i < G_N_ELEMENTS(summaries); i++) {
        g_autoptr(GByteArray) record = event_file_frame(summaries[i], (size_t)summaries[i][1] + 2);

        g_byte_array_append(file, record->data, record->len);
    }
    event_file_write(path, file->data, file->len);
    check_reload(read, "", 0);
    ck_assert_uint_eq(ddp_event_accumulator_count(read), 3);
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++)
        ck_assert_str_eq(ddp_event_accumulator_get(read, i)->tag, tags[i]);
}
END_TEST

/* File versions as Python's float() would read them; below 2 a step back purges. */
START_TEST(test_a_version_that_is_none_counts_as_old)
{
    const struct {
        const char *version;
        const char *steps;
    } cases[] = {{"brain.Event:2", "0 1 2 1 "},
                 {"brain.Event:3", "0 1 2 1 "},
                 {"brain.Event:1", "0 1 "},
                 {"brain.Event:x", "0 1 "},
                 {"brain.Event:", "0 1 "},
                 {"2", "0 1 2 1 "},
                 {"", "0 1 "}};

    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_autoptr(GByteArray) counting = event_file_counting(3);
        g_autoptr(GArray) records = event_file_records(counting);
        g_autoptr(GByteArray) data = g_byte_array_new();
        g_autofree char *path = file_in_folder("a.tfevents");
        g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(path);
        size_t length = strlen(cases[c].version);
        const EventFileRecord *one = &g_array_index(records, EventFileRecord, 2);
        guint start = (guint)g_array_index(records, EventFileRecord, 1).offset;

        g_byte_array_append(data, (const guint8 *)"\x1a", 1);
        g_byte_array_append(data, (const guint8[]){(guint8)length}, 1);
        g_byte_array_append(data, (const guint8 *)cases[c].version, (guint)length);

        g_autoptr(GByteArray) file = event_file_frame(data->data, data->len);

        g_byte_array_append(file, counting->data + start, counting->len - start);
        g_byte_array_append(file, counting->data + one->offset, (guint)one->size);
        event_file_write(path, file->data, file->len);
        check_reload(read, cases[c].steps, 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_accumulator");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, NULL, event_files_tear_down);
    tcase_add_test(all, test_recorded_files_are_read_as_tensorboard_read_them);
    tcase_add_test(all, test_reload_takes_up_what_came_since);
    tcase_add_test(all, test_earlier_files_are_never_returned_to);
    tcase_add_test(all, test_single_file_is_a_run);
    tcase_add_test(all, test_files_that_are_no_event_files_are_passed_over);
    tcase_add_test(all, test_missing_path_is_an_error);
    tcase_add_test(all, test_every_changed_byte_costs_one_entry_at_most);
    tcase_add_test(all, test_damage_in_one_file_leaves_the_next_alone);
    tcase_add_test(all, test_tags_of_any_bytes_are_kept_apart_and_readable);
    tcase_add_test(all, test_a_version_that_is_none_counts_as_old);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
