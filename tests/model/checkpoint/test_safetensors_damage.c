/* SPDX-License-Identifier: MIT */

/*
 * Files are built by hand from a header and a number of bytes behind it. Each is wrong in one way,
 * and the message must name that way. Then sound files are harmed at random: whatever opens after
 * that must still be consistent in itself. MALLOC_PERTURB_ and the sanitizers watch the rest.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/checkpoint/safetensors_reader.h"
#include "tests/testutil.h"

#define MUTATIONS 20000

static char *folder;
static char *path;

static void
set_up(void)
{
    folder = ddp_test_tmp_dir();
    path = g_build_filename(folder, "it", NULL);
}

static void
tear_down(void)
{
    ddp_test_remove_tree(folder);
    g_free(path);
    g_free(folder);
}

/* Not by g_file_set_contents(): 20,000 times it would wait for the disk. */
static void
write_file(const void *bytes, size_t length)
{
    FILE *file = g_fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void
write_parts(uint64_t header_length, const char *header, size_t data_bytes)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree guint8 *data = g_malloc0(data_bytes + 1);

    g_byte_array_append(bytes, (const guint8 *)&header_length, sizeof header_length);
    g_byte_array_append(bytes, (const guint8 *)header, (guint)strlen(header));
    g_byte_array_append(bytes, data, (guint)data_bytes);
    write_file(bytes->data, bytes->len);
}

static void
assert_refused(const char *message)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ddp_safetensors_reader_open(path, &error));
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error->message, message) != NULL, "found: %s\nexpected: %s",
                  error->message, message);
}

/* ---- one damage at a time ------------------------------------------------------------ */

#define W(rest) "{\"w\":{" rest "}}"
#define SOUND "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"

static const struct {
    const char *header;
    size_t data_bytes;
    const char *message;
} wrong[] = {
    {"[]", 0, "the header is no JSON object"},
    {"", 0, "this is no safetensors file: byte 0 of the JSON text: the text ends"},
    {"{\"w\":", 0, "the header is damaged"},
    {W(SOUND) "x", 8, "something stands behind the value"},
    {"{\"\xff\":1}", 0, "it is not UTF-8"},
    {"{\"w\\u0000\":{" SOUND "}}", 8, "a tensor's name in the header holds a zero byte"},
    {"{\"w\":1}", 0, "tensor \"w\" has no sound description"},
    {W("\"dtype\":\"F32\",\"shape\":[2]"), 8, "tensor \"w\" has no data_offsets"},
    {W("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, "tensor \"w\" has no shape"},
    {W("\"shape\":[2],\"data_offsets\":[0,8]"), 8, "tensor \"w\" has no dtype"},
    {W(SOUND ",\"strides\":[1]"), 8, "tensor \"w\" has the unknown field \"strides\""},
    {W(SOUND ",\"dtype\\u0000\":\"F32\""), 8, "tensor \"w\" has the unknown field \"dtype\""},
    {W(SOUND ",\"shape\":[2]"), 8, "tensor \"w\" has its shape twice"},
    {"{\"w\":{" SOUND "},\"w\":{" SOUND "}}", 8, "tensor \"w\" stands in the header twice"},
    {W("\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]"), 8,
     "tensor \"w\" has dtype \"C64\", expected F64, F32, F16, BF16, I64, I32, U8 or BOOL"},
    {W("\"dtype\":\"F32\\u0000\",\"shape\":[2],\"data_offsets\":[0,8]"), 8, "has dtype"},
    {W("\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,8]"), 8, "tensor \"w\" has no sound dtype"},
    {W("\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]"), 8, "has no sound shape"},
    {W("\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]"), 8, "not all numbers"},
    {W("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]"), 8, "has the size -2"},
    {W("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]"), 8, "has the size 2.0"},
    {W("\"dtype\":\"F32\",\"shape\":[18446744073709551618],\"data_offsets\":[0,8]"), 8,
     "has the size 18446744073709551618"},
    {W("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]"), 8,
     "tensor \"w\" has more than 8 dimensions"},
    {W("\"dtype\":\"F32\",\"shape\":[4294967296,4294967298],\"data_offsets\":[0,8]"), 8,
     "has the shape [4294967296, 4294967298], which is too large"},
    {W("\"dtype\":\"F32\",\"shape\":[2305843009213693952],\"data_offsets\":[0,8]"), 8,
     "has the shape [2305843009213693952], which is too large"},
    {W("\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]"), 8,
     "tensor \"w\" takes 8 bytes of the file, expected 12 for F32 of shape [3]"},
    {W("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"), 8,
     "tensor \"w\" ends at offset 0, before it begins at 8"},
    {W("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]"), 8, "no sound data_offsets"},
    {W("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]"), 8, "no sound data_offsets"},
    {W("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8e0]"), 8, "has the offset 8e0"},
    {W(SOUND), 7,
     "tensor \"w\" should end at offset 8, but the file has only 7 bytes of elements: it is "
     "truncated"},
    {W(SOUND), 0, "it is truncated"},
    {W(SOUND), 9, "1 bytes behind the last tensor belong to none"},
    {W("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]"), 12,
     "tensor \"w\" begins at offset 4, behind a gap; expected 0"},
    {"{\"a\":{" SOUND "},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
     "tensor \"b\" begins at offset 4, inside another one; expected 8"},
    {"{\"a\":{" SOUND "},\"b\":{" SOUND "}}", 8, "inside another one"},
    {"{\"__metadata__\":[]}", 0, "has no sound table of strings"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "the metadata \"k\" is no string"},
    {"{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "the metadata \"k\" stands there twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the header has its metadata twice"},
    {"{\"__metadata__\":{\"k\":\"a\\u0000b\"}}", 0, "holds a zero byte"},
};

START_TEST(test_each_damage_is_named)
{
    write_parts(strlen(wrong[_i].header), wrong[_i].header, wrong[_i].data_bytes);
    assert_refused(wrong[_i].message);
}
END_TEST

START_TEST(test_the_length_of_the_header_is_not_believed)
{
    write_parts(100, W(SOUND), 8);
    assert_refused("the file is truncated, or no safetensors file");
    write_parts(100000001, W(SOUND), 8);
    assert_refused("its header would have 100000001 bytes, expected at most 100000000");
    write_parts(UINT64_MAX, W(SOUND), 8);
    assert_refused("its header would have 18446744073709551615 bytes");
    write_file("1234567", 7);
    assert_refused("the file has 7 bytes, too few for a safetensors file");
    write_file("", 0);
    assert_refused("the file has 0 bytes");
    write_file("PK\3\4 this is a zip file as torch.save makes", 40);
    assert_refused("this is no safetensors file");
}
END_TEST

START_TEST(test_what_is_no_file_is_refused)
{
    assert_refused("cannot open the file: No such file or directory");
    ck_assert_int_eq(g_mkdir(path, 0777), 0);
    assert_refused("this is no ordinary file");
    ck_assert_int_eq(g_rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0666), 0);
    assert_refused("this is no ordinary file");
}
END_TEST

START_TEST(test_a_file_cut_while_it_is_read_is_an_error)
{
    g_autoptr(GError) error = NULL;
    float out[2];

    write_parts(strlen(W(SOUND)), W(SOUND), 8);

    g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(path, &error);

    ck_assert_no_error(error);
    ck_assert_int_eq(truncate(path, (off_t)(8 + strlen(W(SOUND)) + 4)), 0);
    ck_assert(!ddp_safetensors_reader_read(reader, 0, out, &error));
    ck_assert_msg(strstr(error->message, "tensor \"w\": the file ends at byte ") != NULL, "%s",
                  error->message);
}
END_TEST

START_TEST(test_a_truth_value_is_0_or_1)
{
    static const char header[] =
        "{\"w\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    uint64_t length = strlen(header);
    uint8_t out[2];

    g_byte_array_append(bytes, (const guint8 *)&length, sizeof length);
    g_byte_array_append(bytes, (const guint8 *)header, (guint)length);
    g_byte_array_append(bytes, (const guint8 *)"\1\2", 2);
    write_file(bytes->data, bytes->len);

    g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(path, &error);

    ck_assert(!ddp_safetensors_reader_read(reader, 0, out, &error));
    ck_assert_str_eq(error->message,
                     "tensor \"w\" holds the truth value 2 at element 1, expected 0 or 1");
}
END_TEST

/* A name of a thousand characters of two bytes is cut between characters. */
START_TEST(test_messages_stay_utf8)
{
    g_autoptr(GString) header = g_string_new("{\"x");
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 1000; i++)
        g_string_append(header, "\xc3\xa4");
    g_string_append(header, "\":1}");
    write_parts(header->len, header->str, 0);
    ck_assert_ptr_null(ddp_safetensors_reader_open(path, &error));
    ck_assert(g_utf8_validate(error->message, -1, NULL));
    ck_assert_uint_lt(strlen(error->message), 300);
}
END_TEST

/* ---- damage at random ---------------------------------------------------------------- */

static const char *const sound[] = {"all_dtypes", "shapes", "names", "metadata", "by_hand"};

static char *
read_sound(const char *name, gsize *length)
{
    g_autofree char *file = g_strdup_printf("safetensors/%s.safetensors", name);
    g_autofree char *from = ddp_test_reference_path(file);
    char *bytes;

    ck_assert(g_file_get_contents(from, &bytes, length, NULL));
    return bytes;
}

/* One change: of a byte, a run of bytes, the length, a digit; bytes put in or taken out. */
static void
mutate(GRand *random, GByteArray *bytes)
{
    static const char telling[] = "{}[]\",:0123456789-eE.\\u\xff \xc3";
    guint at = bytes->len > 0 ? g_rand_int(random) % bytes->len : 0;
    guint8 byte = g_rand_boolean(random)
                      ? (guint8)g_rand_int(random)
                      : (guint8)telling[g_rand_int(random) % (sizeof telling - 1)];

    if (bytes->len == 0)
        return;
    switch (g_rand_int_range(random, 0, 6)) {
    case 0:
        bytes->data[at] = byte;
        return;
    case 1: /* somewhere in the length of the header */
        bytes->data[at % MIN(8, bytes->len)] = byte;
        return;
    case 2:
        g_byte_array_set_size(bytes, at);
        return;
    case 3:
        g_byte_array_remove_index(bytes, at);
        return;
    case 4: { /* a piece from elsewhere, put in */
        guint from = g_rand_int(random) % bytes->len;
        guint wanted = 1 + g_rand_int(random) % 40;
        guint count = MIN(wanted, bytes->len - from);
        g_autofree guint8 *piece = g_memdup2(bytes->data + from, count);
        guint length = bytes->len;

        g_byte_array_set_size(bytes, length + count);
        memmove(bytes->data + at + count, bytes->data + at, length - at);
        memcpy(bytes->data + at, piece, count);
        return;
    }
    default: /* a digit of the header becomes another */
        for (guint i = at; i < bytes->len; i++) {
            if (g_ascii_isdigit(bytes->data[i])) {
                bytes->data[i] = (guint8)('0' + g_rand_int(random) % 10);
                return;
            }
        }
    }
}

/* What opened must hold together: the tensors are all there and fill the file. */
static void
check_whatever_opened(DdpSafetensorsReader *reader, size_t file_bytes)
{
    uint64_t total = 0;

    for (size_t i = 0; i < ddp_safetensors_reader_count(reader); i++) {
        const DdpSafetensor *tensor = ddp_safetensors_reader_tensor(reader, i);
        g_autofree uint8_t *out = NULL;
        uint64_t bytes;
        size_t index;

        ck_assert(ddp_safetensors_bytes(tensor->dtype, tensor->ndim, tensor->shape, &bytes));
        ck_assert_uint_le(bytes, file_bytes);
        out = g_malloc((size_t)bytes + 1);
        if (!ddp_safetensors_reader_read(reader, i, out, NULL))
            ck_assert_int_eq(tensor->dtype, DDP_DTYPE_BOOL);
        total += bytes;
        ck_assert(ddp_safetensors_reader_find(reader, tensor->name, &index));
        ck_assert_uint_eq(index, i);
    }
    for (size_t i = 0; i < ddp_safetensors_reader_text_count(reader); i++)
        ck_assert(g_utf8_validate(ddp_safetensors_reader_text(reader, i)->text, -1, NULL));
    ck_assert_uint_le(total + 8, file_bytes);
}

START_TEST(test_random_damage_never_fools_the_reader)
{
    gsize length;
    g_autofree char *original = read_sound(sound[_i], &length);
    GRand *random = g_rand_new_with_seed((guint32)_i + 1);
    int opened = 0;

    for (int i = 0; i < MUTATIONS / (int)G_N_ELEMENTS(sound); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        int changes = g_rand_int_range(random, 1, 4);

        g_byte_array_append(bytes, (const guint8 *)original, (guint)length);
        for (int change = 0; change < changes; change++)
            mutate(random, bytes);
        write_file(bytes->data, bytes->len);

        g_autoptr(GError) error = NULL;
        g_autoptr(DdpSafetensorsReader) reader = ddp_safetensors_reader_open(path, &error);

        ck_assert_int_eq(reader == NULL, error != NULL);
        if (reader != NULL) {
            opened++;
            check_whatever_opened(reader, bytes->len);
        } else {
            ck_assert(g_utf8_validate(error->message, -1, NULL));
        }
    }
    g_rand_free(random);
    ck_assert_int_gt(opened, 0); /* else the damage is too coarse to test anything */
}
END_TEST

/* Cut at every length, the file must be refused. */
START_TEST(test_every_truncation_is_refused)
{
    gsize length;
    g_autofree char *original = read_sound(sound[_i], &length);

    for (gsize cut = 0; cut < length; cut++) {
        g_autoptr(GError) error = NULL;

        write_file(original, cut);
        ck_assert_ptr_null(ddp_safetensors_reader_open(path, &error));
        ck_assert_ptr_nonnull(error);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("safetensors_damage");
    TCase *named = tcase_create("named");
    TCase *random = tcase_create("random");

    tcase_add_checked_fixture(named, set_up, tear_down);
    tcase_add_checked_fixture(random, set_up, tear_down);
    tcase_add_loop_test(named, test_each_damage_is_named, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(named, test_the_length_of_the_header_is_not_believed);
    tcase_add_test(named, test_what_is_no_file_is_refused);
    tcase_add_test(named, test_a_file_cut_while_it_is_read_is_an_error);
    tcase_add_test(named, test_a_truth_value_is_0_or_1);
    tcase_add_test(named, test_messages_stay_utf8);
    tcase_add_loop_test(random, test_random_damage_never_fools_the_reader, 0, G_N_ELEMENTS(sound));
    tcase_add_loop_test(random, test_every_truncation_is_refused, 0, G_N_ELEMENTS(sound));
    suite_add_tcase(suite, named);
    suite_add_tcase(suite, random);
    return ddp_test_main(suite);
}
