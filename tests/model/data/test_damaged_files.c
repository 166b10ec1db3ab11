/* SPDX-License-Identifier: MIT */

/*
 * A good pair of small IDX files, or a copy of a shipped CSV, is written into a temporary folder
 * and then harmed in one way. Opening it must fail, with one line that names the file, the damage
 * and what to do. MALLOC_PERTURB_ and the sanitizers watch that nothing else happens.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <zlib.h>

#include "model/data/data_file.h"
#include "model/data/real_dataset.h"
#include "tests/testutil.h"

#define ITEMS 50
#define IMAGE_BYTES 784
#define REAL_FOLDER "/usr/share/datasets/fashion-mnist"

#define PACKAGE_ADVICE "apt-get install --reinstall dataset-fashion-mnist"

static char *folder;
static char *images_path;
static char *labels_path;

/* The uncompressed bytes of an IDX file with @items items of which @present follow. */
static GByteArray *
idx_bytes(uint32_t magic, uint32_t items, int item_ndim, uint32_t side, size_t present_bytes)
{
    uint32_t header[4] = {g_htonl(magic), g_htonl(items), g_htonl(side), g_htonl(side)};
    GByteArray *bytes = g_byte_array_new();
    uint32_t state = 1;

    g_byte_array_append(bytes, (const guint8 *)header, 8 + 4 * (guint)item_ndim);
    for (size_t i = 0; i < present_bytes; i++) {
        /* Below 10, so that it serves for labels; irregular, so that it does not compress away. */
        state = state * 1664525u + 1013904223u;

        guint8 byte = (guint8)((state >> 16) % 10);

        g_byte_array_append(bytes, &byte, 1);
    }
    return bytes;
}

static void
write_gzip(const char *path, const GByteArray *bytes)
{
    gzFile file = gzopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes->data, bytes->len), (int)bytes->len);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

static void
write_images(uint32_t magic, uint32_t items, uint32_t side, size_t present_bytes)
{
    g_autoptr(GByteArray) bytes = idx_bytes(magic, items, 2, side, present_bytes);

    write_gzip(images_path, bytes);
}

static void
write_labels(uint32_t items, size_t present_bytes)
{
    g_autoptr(GByteArray) bytes = idx_bytes(0x801, items, 0, 0, present_bytes);

    write_gzip(labels_path, bytes);
}

static void
read_file(const char *path, char **contents, gsize *length)
{
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, contents, length, &error);
    ck_assert_no_error(error);
}

static void
write_file(const char *path, const char *contents, gsize length)
{
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, contents, (gssize)length, &error);
    ck_assert_no_error(error);
}

static void
cut_file(const char *path, gsize keep)
{
    g_autofree char *contents = NULL;
    gsize length;

    read_file(path, &contents, &length);
    ck_assert_uint_lt(keep, length);
    write_file(path, contents, keep);
}

static void
flip_byte(const char *path, gssize at)
{
    g_autofree char *contents = NULL;
    gsize length;

    read_file(path, &contents, &length);
    contents[at >= 0 ? (gsize)at : length - (gsize)-at] ^= 0x10;
    write_file(path, contents, length);
}

static void
append_to(const char *path, const char *tail, gsize tail_length)
{
    g_autofree char *contents = NULL;
    gsize length;

    read_file(path, &contents, &length);

    g_autofree char *longer = g_malloc(length + tail_length);

    memcpy(longer, contents, length);
    memcpy(longer + length, tail, tail_length);
    write_file(path, longer, length + tail_length);
}

static void
setup(void)
{
    folder = ddp_test_tmp_dir();
    images_path = g_build_filename(folder, "train-images-idx3-ubyte.gz", NULL);
    labels_path = g_build_filename(folder, "train-labels-idx1-ubyte.gz", NULL);
    g_setenv("DDPSIM_FASHION_MNIST", folder, TRUE);
    write_images(0x803, ITEMS, 28, (size_t)ITEMS * IMAGE_BYTES);
    write_labels(ITEMS, ITEMS);
}

static void
teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
    g_free(images_path);
    g_free(labels_path);
}

static DdpDataset *
open_train(size_t limit, GError **error)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("fashion_mnist");

    spec.limit = limit;
    return ddp_real_dataset_open(&spec, error);
}

/* One line: "PATH: WHAT...; ... ADVICE ...". */
static void
assert_message(const GError *error, const char *path, const char *what, const char *advice)
{
    ck_assert_ptr_nonnull(error);
    ck_assert(error->domain == DDP_DATA_ERROR);
    ck_assert_msg(g_str_has_prefix(error->message, path), "'%s' does not begin with %s",
                  error->message, path);
    ck_assert_msg(strstr(error->message, what) != NULL, "'%s' does not say '%s'", error->message,
                  what);
    ck_assert_msg(strstr(error->message, advice) != NULL, "'%s' does not say '%s'", error->message,
                  advice);
    ck_assert_msg(strchr(error->message, '\n') == NULL, "'%s' has several lines", error->message);
}

static void
assert_damaged(const char *path, const char *what)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(open_train(0, &error));
    assert_message(error, path, what, PACKAGE_ADVICE);
    ck_assert_int_eq(error->code, DDP_DATA_ERROR_DAMAGED);
}

START_TEST(test_a_good_small_pair_is_read)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpDataset) dataset = open_train(0, &error);

    ck_assert_no_error(error);
    ck_assert_uint_eq(ddp_dataset_size(dataset), ITEMS);
}
END_TEST

START_TEST(test_missing_images_are_named_with_their_package)
{
    g_autoptr(GError) error = NULL;

    g_unlink(images_path);
    ck_assert_ptr_null(open_train(0, &error));
    assert_message(error, images_path, "No such file", PACKAGE_ADVICE);
    ck_assert_int_eq(error->code, DDP_DATA_ERROR_MISSING);
}
END_TEST

START_TEST(test_missing_labels_are_named_with_their_package)
{
    g_autoptr(GError) error = NULL;

    g_unlink(labels_path);
    ck_assert_ptr_null(open_train(0, &error));
    assert_message(error, labels_path, "No such file", PACKAGE_ADVICE);
}
END_TEST

START_TEST(test_a_folder_in_place_of_a_file_is_refused)
{
    g_unlink(images_path);
    ck_assert_int_eq(g_mkdir(images_path, 0700), 0);
    assert_damaged(images_path, "Is a directory");
}
END_TEST

/* Wherever the file ends, it is an error: _i bytes of it are there. */
START_TEST(test_a_file_cut_at_any_place_is_refused)
{
    gsize keep = (gsize)_i;
    g_autofree char *contents = NULL;
    gsize length;

    read_file(labels_path, &contents, &length);
    ck_assert_uint_lt(keep, length);
    cut_file(labels_path, keep);
    assert_damaged(labels_path, "cut short");
}
END_TEST

START_TEST(test_the_real_file_cut_in_the_middle_is_refused)
{
    g_autofree char *contents = NULL;
    gsize length;
    size_t limit = (size_t)_i; /* also when the wanted images stand before the cut */
    g_autoptr(GError) error = NULL;

    read_file(REAL_FOLDER "/train-labels-idx1-ubyte.gz", &contents, &length);
    write_file(labels_path, contents, length);
    g_clear_pointer(&contents, g_free);
    read_file(REAL_FOLDER "/train-images-idx3-ubyte.gz", &contents, &length);
    write_file(images_path, contents, length / 2);
    ck_assert_ptr_null(open_train(limit, &error));
    assert_message(error, images_path, "cut short", PACKAGE_ADVICE);
}
END_TEST

/* The trailer still announces the right length, so only the end of the data tells. */
START_TEST(test_a_hole_before_the_trailer_is_found_while_reading)
{
    g_autofree char *contents = NULL;
    gsize length;

    read_file(images_path, &contents, &length);
    memmove(contents + length / 2, contents + length - 8, 8);
    write_file(images_path, contents, length / 2 + 8);
    assert_damaged(images_path, "is "); /* cut short, or damaged: the trailer is read as data */
}
END_TEST

START_TEST(test_a_flipped_bit_is_found_by_the_checksum)
{
    flip_byte(images_path, 4000);
    assert_damaged(images_path, "is damaged: the gzip data goes wrong");
}
END_TEST

START_TEST(test_a_wrong_checksum_is_refused)
{
    flip_byte(images_path, -8);
    assert_damaged(images_path, "is damaged: the gzip data goes wrong after 39216 bytes (incorrect "
                                "data check)");
}
END_TEST

START_TEST(test_something_behind_the_data_is_refused)
{
    /* Ends with the right length, so that it gets past the look at the trailer. */
    uint32_t length = GUINT32_TO_LE(16 + ITEMS * IMAGE_BYTES);
    char tail[8] = "junk";

    memcpy(tail + 4, &length, 4);
    append_to(images_path, tail, sizeof tail);
    assert_damaged(images_path, "something follows");
}
END_TEST

START_TEST(test_garbage_at_the_end_is_refused)
{
    append_to(images_path, "garbage", 7);
    assert_damaged(images_path,
                   "is damaged or cut short: its header announces 50 items, which take "
                   "39216 bytes, but its gzip trailer says");
}
END_TEST

START_TEST(test_a_file_that_is_no_gzip_is_refused)
{
    write_file(images_path, "<html>404 Not Found, as a download often is</html>", 50);
    assert_damaged(images_path, "is no gzip file");
}
END_TEST

START_TEST(test_a_wrong_magic_number_is_refused)
{
    write_images(0x801, ITEMS, 28, (size_t)ITEMS * IMAGE_BYTES);
    assert_damaged(images_path, "magic number 00000801, expected 00000803");
}
END_TEST

START_TEST(test_images_of_another_size_are_refused)
{
    write_images(0x803, ITEMS, 32, (size_t)ITEMS * 32 * 32);
    assert_damaged(images_path, "size 32 in dimension 1, expected 28");
}
END_TEST

START_TEST(test_a_header_that_promises_more_than_there_is_is_refused)
{
    write_images(0x803, ITEMS + 1, 28, (size_t)ITEMS * IMAGE_BYTES);
    assert_damaged(images_path, "its header announces 51 items");
}
END_TEST

/* 4,294,967,295 images would be 3 TiB: refused before any memory is asked for. */
START_TEST(test_a_monstrous_count_is_refused)
{
    write_images(0x803, UINT32_MAX, 28, IMAGE_BYTES);
    assert_damaged(images_path, "its header announces 4294967295 items, more than");
}
END_TEST

START_TEST(test_no_items_at_all_are_refused)
{
    write_images(0x803, 0, 28, 0);
    assert_damaged(images_path, "holds no items");
}
END_TEST

START_TEST(test_images_and_labels_must_be_as_many)
{
    write_labels(ITEMS - 1, ITEMS - 1);
    assert_damaged(labels_path, "holds 49 labels, expected 50, one for each image of");
}
END_TEST

START_TEST(test_a_label_out_of_range_is_refused)
{
    g_autoptr(GByteArray) bytes = idx_bytes(0x801, ITEMS, 0, 0, ITEMS);

    bytes->data[8 + 17] = 10;
    write_gzip(labels_path, bytes);
    assert_damaged(labels_path, "label 10 of item 17, expected 0 to 9");
}
END_TEST

/* What failed once is tried again, and a good file then serves. */
START_TEST(test_a_repaired_file_is_read)
{
    g_autoptr(GError) error = NULL;

    flip_byte(images_path, -8);
    assert_damaged(images_path, "incorrect data check");
    flip_byte(images_path, -8);

    g_autoptr(DdpDataset) dataset = open_train(0, &error);

    ck_assert_no_error(error);
    ck_assert_uint_eq(ddp_dataset_size(dataset), ITEMS);
}
END_TEST

/* The shipped CSV files. */

static char *csv_path;
static char *csv_text;

static void
csv_setup(void)
{
    const char *shipped = g_getenv("DDPSIM_DATA");

    ck_assert_ptr_nonnull(shipped);
    folder = ddp_test_tmp_dir();

    g_autofree char *source = g_build_filename(shipped, "digits", "digits.csv", NULL);
    g_autofree char *digits_folder = g_build_filename(folder, "digits", NULL);

    csv_path = g_build_filename(digits_folder, "digits.csv", NULL);
    ck_assert_int_eq(g_mkdir(digits_folder, 0700), 0);
    read_file(source, &csv_text, NULL);
    g_setenv("DDPSIM_DATA", folder, TRUE);
}

static void
csv_teardown(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
    g_free(csv_path);
    g_free(csv_text);
}

/* The start of line @number, counted from 1. */
static char *
csv_line(int number)
{
    char *line = csv_text;

    for (int i = 1; i < number; i++)
        line = strchr(line, '\n') + 1;
    return line;
}

static void
assert_csv_damaged(const char *place_and_what)
{
    g_autofree char *start = g_strdup_printf("%s:%s", csv_path, place_and_what);
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("digits");
    g_autoptr(GError) error = NULL;

    write_file(csv_path, csv_text, strlen(csv_text));
    ck_assert_ptr_null(ddp_real_dataset_open(&spec, &error));
    assert_message(error, start, "", "wanted is the file that ddpsim ships in its folder data");
    ck_assert_int_eq(error->code, DDP_DATA_ERROR_DAMAGED);
}

/* Puts @text where field @column of line @number was, both counted from 1. */
static void
set_field(int number, int column, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(csv_text, "\n", -1);
    g_auto(GStrv) fields = g_strsplit(lines[number - 1], ",", -1);

    g_free(fields[column - 1]);
    fields[column - 1] = g_strdup(text);
    g_free(lines[number - 1]);
    lines[number - 1] = g_strjoinv(",", fields);
    g_free(csv_text);
    csv_text = g_strjoinv("\n", lines);
}

static const struct {
    int line, column;
    const char *text;
    const char *complaint;
} bad_fields[] = {
    {17, 1, "x", "17: 'x' in column pixel_0_0 is not a number"},
    {17, 1, "", "17: '' in column pixel_0_0 is not a number"},
    {17, 9, "1x", "17: '1x' in column pixel_1_0 is not a number"},
    {2, 3, "inf", "2: 'inf' in column pixel_0_2 is not a number"},
    {2, 3, "nan", "2: 'nan' in column pixel_0_2 is not a number"},
    {2, 3, "\033[2J", "2: '\\033[2J' in column pixel_0_2 is not a number"},
    {3, 64, "17", "3: 17 in column pixel_7_7, expected a whole number from 0 to 16"},
    {3, 64, "-1", "3: -1 in column pixel_7_7, expected a whole number from 0 to 16"},
    {3, 64, "0.5", "3: 0.5 in column pixel_7_7, expected a whole number from 0 to 16"},
    {1798, 65, "10", "1798: 10 in column label, expected a whole number from 0 to 9"},
    {900, 65, "1,1", "900: 66 values, expected 65"},
    {1, 2, "\033]0;", "1: the line of column names is damaged"},
};

START_TEST(test_csv_a_bad_field_is_named_with_its_line)
{
    set_field(bad_fields[_i].line, bad_fields[_i].column, bad_fields[_i].text);
    assert_csv_damaged(bad_fields[_i].complaint);
}
END_TEST

START_TEST(test_csv_cut_at_the_end_of_a_line_misses_rows)
{
    *csv_line(1000) = '\0';
    assert_csv_damaged("999: the file ends after 998 rows, expected 1797");
}
END_TEST

START_TEST(test_csv_cut_within_a_line_is_found)
{
    csv_line(1000)[10] = '\0';
    assert_csv_damaged("1000: ");
}
END_TEST

START_TEST(test_csv_without_its_last_newline_may_be_cut_within_a_number)
{
    csv_text[strlen(csv_text) - 1] = '\0';
    assert_csv_damaged("1798: the file is cut short: its last line has no end");
}
END_TEST

START_TEST(test_csv_an_empty_file_is_refused)
{
    csv_text[0] = '\0';
    assert_csv_damaged("1: the line of column names is missing");
}
END_TEST

START_TEST(test_csv_names_without_rows_are_refused)
{
    *csv_line(2) = '\0';
    assert_csv_damaged("1: no rows follow the column names");
}
END_TEST

START_TEST(test_csv_of_another_width_is_refused)
{
    g_free(csv_text);
    csv_text = g_strdup("a,b\n1,2\n");
    assert_csv_damaged("1: 2 columns, expected 65");
}
END_TEST

START_TEST(test_a_shipped_set_is_found_where_it_was_built)
{
    DdpRealDatasetSpec spec = ddp_real_dataset_spec_default("digits");
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpDataset) dataset = ddp_real_dataset_open(&spec, &error); /* DDPSIM_DATA is empty */

    ck_assert_no_error(error);
    ck_assert_uint_eq(ddp_dataset_size(dataset), 1797);
}
END_TEST

START_TEST(test_a_file_that_is_nowhere_is_named_with_the_folders)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_data_file_find("iris/iris.csv", &error));
    ck_assert(g_error_matches(error, DDP_DATA_ERROR, DDP_DATA_ERROR_MISSING));
    assert_message(error, "data file iris/iris.csv is in none of the folders ", folder,
                   "set DDPSIM_DATA");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("damaged_files");
    TCase *idx = tcase_create("idx");
    TCase *csv = tcase_create("csv");

    tcase_add_checked_fixture(idx, setup, teardown);
    tcase_add_test(idx, test_a_good_small_pair_is_read);
    tcase_add_test(idx, test_missing_images_are_named_with_their_package);
    tcase_add_test(idx, test_missing_labels_are_named_with_their_package);
    tcase_add_test(idx, test_a_folder_in_place_of_a_file_is_refused);
    tcase_add_loop_test(idx, test_a_file_cut_at_any_place_is_refused, 0, 40);
    tcase_add_loop_test(idx, test_the_real_file_cut_in_the_middle_is_refused, 0, 2);
    tcase_add_test(idx, test_a_hole_before_the_trailer_is_found_while_reading);
    tcase_add_test(idx, test_a_flipped_bit_is_found_by_the_checksum);
    tcase_add_test(idx, test_a_wrong_checksum_is_refused);
    tcase_add_test(idx, test_something_behind_the_data_is_refused);
    tcase_add_test(idx, test_garbage_at_the_end_is_refused);
    tcase_add_test(idx, test_a_file_that_is_no_gzip_is_refused);
    tcase_add_test(idx, test_a_wrong_magic_number_is_refused);
    tcase_add_test(idx, test_images_of_another_size_are_refused);
    tcase_add_test(idx, test_a_header_that_promises_more_than_there_is_is_refused);
    tcase_add_test(idx, test_a_monstrous_count_is_refused);
    tcase_add_test(idx, test_no_items_at_all_are_refused);
    tcase_add_test(idx, test_images_and_labels_must_be_as_many);
    tcase_add_test(idx, test_a_label_out_of_range_is_refused);
    tcase_add_test(idx, test_a_repaired_file_is_read);
    suite_add_tcase(suite, idx);

    tcase_add_checked_fixture(csv, csv_setup, csv_teardown);
    tcase_add_loop_test(csv, test_csv_a_bad_field_is_named_with_its_line, 0,
                        (int)G_N_ELEMENTS(bad_fields));
    tcase_add_test(csv, test_csv_cut_at_the_end_of_a_line_misses_rows);
    tcase_add_test(csv, test_csv_cut_within_a_line_is_found);
    tcase_add_test(csv, test_csv_without_its_last_newline_may_be_cut_within_a_number);
    tcase_add_test(csv, test_csv_an_empty_file_is_refused);
    tcase_add_test(csv, test_csv_names_without_rows_are_refused);
    tcase_add_test(csv, test_csv_of_another_width_is_refused);
    tcase_add_test(csv, test_a_shipped_set_is_found_where_it_was_built);
    tcase_add_test(csv, test_a_file_that_is_nowhere_is_named_with_the_folders);
    suite_add_tcase(suite, csv);

    return ddp_test_main(suite);
}
