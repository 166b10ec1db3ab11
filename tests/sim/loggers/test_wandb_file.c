/* SPDX-License-Identifier: MIT */
#include "sim/loggers/wandb_file.h"
#include "tests/testutil.h"

#include <string.h>

/*
 * The file of an offline W&B run, read back by the rules of its format: LevelDB's framing with
 * plain CRC-32 sums. tests/tools opens one with the real package's messages.
 */

#define BLOCK 32768

/* CRC-32 of zlib, bit by bit. */
static uint32_t
crc32_of(const uint8_t *data, size_t length)
{
    uint32_t sum = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        sum ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~sum;
}

static void
free_bytes(gpointer bytes)
{
    g_byte_array_unref(bytes);
}

/* The records of @path, each its bytes; every rule of the framing is checked on the way. */
static GPtrArray *
read_records(const char *path)
{
    GPtrArray *records = g_ptr_array_new_with_free_func(free_bytes);
    g_autofree char *data = NULL;
    gsize length;
    size_t at = 7;
    bool inside = false;

    ck_assert(g_file_get_contents(path, &data, &length, NULL));
    ck_assert_uint_ge(length, 7);
    ck_assert_mem_eq(data, ":W&B\xe1\xbe\0", 7);
    while (at < length) {
        const uint8_t *chunk = (const uint8_t *)data + at;
        size_t left = BLOCK - at % BLOCK, size;

        if (left < 7) {
            for (size_t i = 0; i < left; i++)
                ck_assert_int_eq(chunk[i], 0);
            at += left;
            continue;
        }
        ck_assert_uint_le(at + 7, length);
        size = (size_t)(chunk[4] | chunk[5] << 8);
        ck_assert_uint_le(7 + size, left);
        ck_assert_uint_le(at + 7 + size, length);
        ck_assert_uint_eq(crc32_of(chunk + 6, size + 1),
                          (uint32_t)chunk[0] | (uint32_t)chunk[1] << 8 | (uint32_t)chunk[2] << 16 |
                              (uint32_t)chunk[3] << 24);
        ck_assert(inside == (chunk[6] == 3 || chunk[6] == 4));
        if (!inside)
            g_ptr_array_add(records, g_byte_array_new());
        g_byte_array_append(records->pdata[records->len - 1], chunk + 7, (guint)size);
        inside = chunk[6] == 2 || chunk[6] == 3;
        at += 7 + size;
    }
    ck_assert(!inside);
    return records;
}

static bool
holds(GPtrArray *records, guint index, const void *bytes, size_t length)
{
    const GByteArray *record = records->pdata[index];

    return memmem(record->data, record->len, bytes, length) != NULL;
}

static DdpWandbFile *
file_new(const char *folder, char **path)
{
    g_autoptr(GError) error = NULL;
    DdpWandbFile *file;

    *path = g_build_filename(folder, "run-abcd1234.wandb", NULL);
    file = ddp_wandb_file_new(*path, &error);
    ck_assert_no_error(error);
    return file;
}

START_TEST(test_a_minimal_run_has_the_bytes_of_the_format)
{
    /* Those of a run and of an exit as the real client packs them, without their numbers. */
    static const uint8_t run_bytes[] = {0x0a, 0x08, 'a',  'b',  'c', 'd', '1', '2',
                                        '3',  '4',  0x1a, 0x04, 'd', 'e', 'm', 'o'};
    static const uint8_t loss_bytes[] = {0x12, 0x04, 'l',  'o', 's', 's',
                                         0x82, 0x01, 0x03, '0', '.', '5'};
    static const uint8_t exit_bytes[] = {0x08, 0x04, 0x92, 0x01, 0x00};
    const char *const loss[] = {"loss", NULL};
    const DdpWandbItem item = {loss, "0.5"};
    const DdpWandbRun run = {.id = "abcd1234", .project = "demo"};
    char *folder = ddp_test_tmp_dir(), *path;
    g_autoptr(GError) error = NULL;
    DdpWandbFile *file = file_new(folder, &path);

    ck_assert(ddp_wandb_file_add_run(file, &run, &error));
    ck_assert(ddp_wandb_file_add_history(file, 0, &item, 1, &error));
    ck_assert(ddp_wandb_file_add_exit(file, 0, 0, &error));
    ck_assert_no_error(error);

    g_autoptr(GPtrArray) records = read_records(path);

    ck_assert_uint_eq(records->len, 4);
    for (guint i = 0; i < records->len; i++) {
        const uint8_t number[] = {0x08, (uint8_t)(i + 1)};

        ck_assert_mem_eq(((GByteArray *)records->pdata[i])->data, number, 2);
    }
    ck_assert(holds(records, 1, run_bytes, sizeof run_bytes));
    ck_assert(holds(records, 2, loss_bytes, sizeof loss_bytes));
    ck_assert_uint_eq(((GByteArray *)records->pdata[3])->len, sizeof exit_bytes);
    ck_assert_mem_eq(((GByteArray *)records->pdata[3])->data, exit_bytes, sizeof exit_bytes);
    ddp_wandb_file_free(file);
    g_free(path);
    ddp_test_remove_tree(folder);
    g_free(folder);
}
END_TEST

/* Lengths about a block, so that every way in which a record can lie over its end occurs. */
START_TEST(test_records_of_any_length_come_back_whole)
{
    char *folder = ddp_test_tmp_dir(), *path;
    g_autoptr(GError) error = NULL;
    DdpWandbFile *file = file_new(folder, &path);
    const char *const key[] = {"k", NULL};
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (int i = 0; i < 60; i++) {
        size_t length = i < 40 ? (size_t)(BLOCK - 40 + i) : (size_t)(i * 997);
        char *text = g_malloc(length + 1);

        for (size_t j = 0; j < length; j++)
            text[j] = (char)('a' + (j * 7 + (size_t)i) % 26);
        text[length] = '\0';
        g_ptr_array_add(texts, text);
        ck_assert(ddp_wandb_file_add_history(file, i, &(DdpWandbItem){key, text}, 1, &error));
    }

    g_autoptr(GPtrArray) records = read_records(path);

    ck_assert_uint_eq(records->len, 61);
    for (guint i = 0; i < 60; i++)
        ck_assert_msg(holds(records, i + 1, texts->pdata[i], strlen(texts->pdata[i])),
                      "record %u is damaged", i);
    ddp_wandb_file_free(file);
    g_free(path);
    ddp_test_remove_tree(folder);
    g_free(folder);
}
END_TEST

START_TEST(test_a_folder_that_is_not_there_is_told_once_and_again)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_wandb_file_new("/nonexistent/run-x.wandb", &error));
    ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
    ck_assert_ptr_nonnull(strstr(error->message, "/nonexistent/run-x.wandb"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("wandb_file");
    TCase *files = tcase_create("files");

    tcase_add_test(files, test_a_minimal_run_has_the_bytes_of_the_format);
    tcase_add_test(files, test_records_of_any_length_come_back_whole);
    tcase_add_test(files, test_a_folder_that_is_not_there_is_told_once_and_again);
    suite_add_tcase(suite, files);
    return ddp_test_main(suite);
}
