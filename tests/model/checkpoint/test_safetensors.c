/* SPDX-License-Identifier: MIT */

/*
 * Against the real library: tests/reference/safetensors holds files that Python wrote, and
 * safetensors_listing.txt what Python reads in them. We must read the same, and written again by us
 * the same tensors must become the same bytes.
 */
#include <string.h>

#include "model/checkpoint/json_scan.h"
#include "model/checkpoint/safetensors_reader.h"
#include "model/checkpoint/safetensors_writer.h"
#include "tests/testutil.h"

static char *folder;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/* ---- what Python wrote --------------------------------------------------------------- */

static const char *const recorded[] = {"all_dtypes", "shapes",        "names",      "empty",
                                       "metadata",   "only_metadata", "state_dict", "by_hand"};

static char *
recorded_path(const char *name)
{
    g_autofree char *file = g_strdup_printf("safetensors/%s.safetensors", name);

    return ddp_test_reference_path(file);
}

/* As json.dumps writes it. */
static void
append_quoted(GString *out, const char *text)
{
    g_autoptr(GString) quoted = g_string_new(NULL);

    ddp_json_append_string(quoted, text, strlen(text));
    for (const char *at = quoted->str; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (c < 0x7f)
            g_string_append_c(out, (char)c);
        else if (c < 0x10000)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                   0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void *
read_elements(DdpSafetensorsReader *reader, size_t index)
{
    const DdpSafetensor *tensor = ddp_safetensors_reader_tensor(reader, index);
    g_autoptr(GError) error = NULL;
    uint64_t bytes;

    ck_assert(ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes));

    void *elements = g_malloc((size_t)bytes + 1);

    ck_assert(ddp_safetensors_reader_read(reader, index, elements, &error));
    ck_assert_no_error(error);
    return elements;
}

static char *
tensor_line(DdpSafetensorsReader *reader, size_t index)
{
    const DdpSafetensor *tensor = ddp_safetensors_reader_tensor(reader, index);
    g_autofree uint8_t *elements = read_elements(reader, index);
    GString *line = g_string_new("tensor ");
    uint64_t bytes;

    ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes);
    append_quoted(line, tensor->name);
    g_string_append_printf(line, " %s ", ddp_safetensors_dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->ndim; i++)
        g_string_append_printf(line, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", tensor->shape[i]);
    g_string_append(line, tensor->ndim == 0 ? "- " : " ");
    for (uint64_t i = 0; i < bytes; i++)
        g_string_append_printf(line, "%02x", elements[i]);
    if (bytes == 0)
        g_string_append_c(line, '-');
    return g_string_free(line, FALSE);
}

/* (transfer full): lines as in the listing, sorted. */
static GPtrArray *
lines_of_file(const char *name)
{
    g_autofree char *path = recorded_path(name);
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(path, &error);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    ck_assert_no_error(error);
    for (size_t i = 0; i < ddp_safetensors_reader_text_count(reader); i++) {
        const DdpSafetensorsText *text = ddp_safetensors_reader_text(reader, i);
        GString *line = g_string_new("text ");

        append_quoted(line, text->key);
        g_string_append_c(line, ' ');
        append_quoted(line, text->text);
        g_ptr_array_add(lines, g_string_free(line, FALSE));
    }
    for (size_t i = 0; i < ddp_safetensors_reader_count(reader); i++)
        g_ptr_array_add(lines, tensor_line(reader, i));
    g_ptr_array_sort(lines, compare_lines);
    return lines;
}

static GPtrArray *
lines_of_listing(const char *name)
{
    g_autofree char *listing = ddp_test_reference_read("safetensors_listing.txt");
    g_autofree char *head = g_strdup_printf("file %s", name);
    g_auto(GStrv) all = g_strsplit(listing, "\n", -1);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    bool is_inside = false;

    for (char **line = all; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "file "))
            is_inside = strcmp(*line, head) == 0;
        else if (is_inside && **line != '\0')
            g_ptr_array_add(lines, g_strdup(*line));
    }
    g_ptr_array_sort(lines, compare_lines);
    return lines;
}

START_TEST(test_we_read_what_python_wrote)
{
    g_autoptr(GPtrArray) ours = lines_of_file(recorded[_i]);
    g_autoptr(GPtrArray) theirs = lines_of_listing(recorded[_i]);

    ck_assert_uint_eq(ours->len, theirs->len);
    for (guint i = 0; i < ours->len; i++)
        ck_assert_str_eq(g_ptr_array_index(ours, i), g_ptr_array_index(theirs, i));
}
END_TEST

/* Not the last, which a hand wrote with spaces and in disorder. */
START_TEST(test_we_write_the_bytes_that_python_writes)
{
    g_autofree char *theirs = recorded_path(recorded[_i]);
    g_autofree char *ours = g_build_filename(folder, "ours", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(theirs, &error);
    size_t count = ddp_safetensors_reader_count(reader);
    g_autofree DdpSafetensor *tensors = g_new0(DdpSafetensor, count + 1);
    const DdpSafetensorsText *texts = ddp_safetensors_reader_text_count(reader) > 0
                                          ? ddp_safetensors_reader_text(reader, 0)
                                          : NULL;

    /* Backwards: the order in which they are given must not matter. */
    for (size_t i = 0; i < count; i++) {
        tensors[count - 1 - i] = *ddp_safetensors_reader_tensor(reader, i);
        tensors[count - 1 - i].data = read_elements(reader, i);
    }

    g_autoptr(DdpSafetensorsWriter) writer = ddp_safetensors_writer_new(
        tensors, count, texts, ddp_safetensors_reader_text_count(reader), &error);

    ck_assert_no_error(error);
    ck_assert(ddp_safetensors_writer_write(writer, ours, &error));
    ck_assert_no_error(error);

    g_autofree char *our_bytes = NULL, *their_bytes = NULL;
    gsize our_length, their_length;

    ck_assert(g_file_get_contents(ours, &our_bytes, &our_length, NULL));
    ck_assert(g_file_get_contents(theirs, &their_bytes, &their_length, NULL));
    ck_assert_uint_eq(our_length, ddp_safetensors_writer_bytes(writer));
    ck_assert_uint_eq(our_length, their_length);
    ck_assert_mem_eq(our_bytes, their_bytes, our_length);
    for (size_t i = 0; i < count; i++)
        g_free((void *)(uintptr_t)tensors[i].data);
}
END_TEST

START_TEST(test_finding_by_name)
{
    g_autofree char *path = recorded_path("metadata");
    g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(path, NULL);
    size_t index = 9;

    ck_assert(ddp_safetensors_reader_find(reader, "w", &index));
    ck_assert_uint_eq(index, 0);
    ck_assert(!ddp_safetensors_reader_find(reader, "W", &index));
    ck_assert_str_eq(ddp_safetensors_reader_find_text(reader, "format"), "pt");
    ck_assert_ptr_null(ddp_safetensors_reader_find_text(reader, "w"));
}
END_TEST

/* ---- what cannot be written ---------------------------------------------------------- */

static const int64_t three[] = {3};
static const int64_t huge[] = {INT64_MAX / 8, 3};
static const float values[] = {1, 2, 3};

static void
assert_refused(const DdpSafetensor *tensors, size_t count, const DdpSafetensorsText *texts,
               size_t text_count, const char *message)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_safetensors_writer_new(tensors, count, texts, text_count, &error));
    ck_assert(g_error_matches(error, DDP_CHECKPOINT_ERROR, DDP_CHECKPOINT_ERROR_VALUE));
    ck_assert_str_eq(error->message, message);
}

START_TEST(test_what_no_file_can_hold_is_refused)
{
    const DdpSafetensor twice[] = {{"w", DDP_DTYPE_F32, 1, three, values},
                                   {"w", DDP_DTYPE_I32, 1, three, values}};
    const DdpSafetensor reserved = {"__metadata__", DDP_DTYPE_F32, 1, three, values};
    const DdpSafetensor latin1 = {"Gr\xf6sse", DDP_DTYPE_F32, 1, three, values};
    const DdpSafetensor large = {"w", DDP_DTYPE_F64, 2, huge, values};
    const DdpSafetensorsText keys[] = {{"k", "1"}, {"k", "2"}};
    const DdpSafetensorsText broken = {"k", "\xff"};

    assert_refused(twice, 2, NULL, 0, "two tensors have the name \"w\"");
    assert_refused(&reserved, 1, NULL, 0, "a tensor cannot have the name \"__metadata__\"");
    assert_refused(&latin1, 1, NULL, 0, "the name \"Gr\\366sse\" is not valid UTF-8");
    assert_refused(&large, 1, NULL, 0,
                   "tensor \"w\" has 2 dimensions or a size that no file can hold");
    assert_refused(NULL, 0, keys, 2, "the metadata key \"k\" is given twice");
    assert_refused(NULL, 0, &broken, 1, "the metadata text \"k\" is not valid UTF-8");
}
END_TEST

START_TEST(test_a_failed_write_names_the_tensor)
{
    g_autofree char *nowhere = g_build_filename(folder, "no", "where", NULL);
    const DdpSafetensor tensor = {"w", DDP_DTYPE_F32, 1, three, values};
    g_autoptr(DdpSafetensorsWriter) writer = ddp_safetensors_writer_new(&tensor, 1, NULL, 0, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(!ddp_safetensors_writer_write(writer, nowhere, &error));
    ck_assert_str_eq(error->message, "cannot make the file: No such file or directory");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *python = tcase_create("python");
    TCase *refused = tcase_create("refused");

    tcase_add_checked_fixture(python, set_up, tear_down);
    tcase_add_checked_fixture(refused, set_up, tear_down);
    tcase_add_loop_test(python, test_we_read_what_python_wrote, 0, G_N_ELEMENTS(recorded));
    tcase_add_loop_test(python, test_we_write_the_bytes_that_python_writes, 0,
                        G_N_ELEMENTS(recorded) - 1);
    tcase_add_test(python, test_finding_by_name);
    tcase_add_test(refused, test_what_no_file_can_hold_is_refused);
    tcase_add_test(refused, test_a_failed_write_names_the_tensor);
    suite_add_tcase(suite, python);
    suite_add_tcase(suite, refused);
    return ddp_test_main(suite);
}
