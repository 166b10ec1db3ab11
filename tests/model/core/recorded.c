/* SPDX-License-Identifier: MIT */
#include "tests/model/core/recorded.h"

#include <math.h>
#include <string.h>

struct Recorded {
    char *text;
    GHashTable *lines; /* name to the rest of its line, both inside of text */
};

Recorded *
recorded_load(const char *file)
{
    Recorded *recorded = g_new0(Recorded, 1);
    char *line;

    recorded->text = ddp_test_reference_read(file);
    recorded->lines = g_hash_table_new(g_str_hash, g_str_equal);
    line = recorded->text;
    while (*line != '\0') {
        char *end = strchr(line, '\n');

        ck_assert_ptr_nonnull(end);
        *end = '\0';
        if (*line != '#') {
            char *space = strchr(line, ' ');

            ck_assert_ptr_nonnull(space);
            *space = '\0';
            g_hash_table_insert(recorded->lines, line, space + 1);
        }
        line = end + 1;
    }
    return recorded;
}

void
recorded_free(Recorded *recorded)
{
    g_hash_table_unref(recorded->lines);
    g_free(recorded->text);
    g_free(recorded);
}

bool
recorded_has(const Recorded *recorded, const char *name)
{
    return g_hash_table_contains(recorded->lines, name);
}

const char *
recorded_line(const Recorded *recorded, const char *name)
{
    const char *line = g_hash_table_lookup(recorded->lines, name);

    ck_assert_msg(line != NULL, "nothing is recorded for %s", name);
    return line;
}

static int
parse_shape(const char *text, int64_t *shape)
{
    g_auto(GStrv) sizes = g_strsplit(text, "x", -1);
    int ndim = 0;

    if (strcmp(text, "-") == 0)
        return 0;
    for (; sizes[ndim] != NULL; ndim++)
        shape[ndim] = g_ascii_strtoll(sizes[ndim], NULL, 10);
    return ndim;
}

DdpTensor *
recorded_tensor(const Recorded *recorded, DdpModelContext *context, const char *name)
{
    const char *line = recorded_line(recorded, name);
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    DdpDtype dtype;

    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    ck_assert_msg(ddp_dtype_from_name(words[0], &dtype), "%s: dtype %s", name, words[0]);

    int ndim = parse_shape(words[1], shape);
    DdpTensor *tensor = ddp_tensor_new(context, dtype, ndim, shape, NULL);
    size_t bytes = ddp_dtype_bytes(dtype);
    char *data = ddp_tensor_data(tensor);

    ck_assert_ptr_nonnull(tensor);
    for (size_t i = 0; i < ddp_tensor_numel(tensor); i++) {
        ck_assert_msg(words[2 + i] != NULL, "%s is cut short", name);

        uint64_t bits = g_ascii_strtoull(words[2 + i], NULL, 16);

        memcpy(data + i * bytes, &bits, bytes); /* little-endian, as the figures' users are */
    }
    return tensor;
}

static void
assert_same_kind(DdpTensor *got, DdpTensor *expected, const char *what)
{
    ck_assert_msg(got != NULL, "%s: no result", what);

    g_autofree char *found = ddp_shape_to_string(ddp_tensor_ndim(got), ddp_tensor_shape(got));
    g_autofree char *wanted =
        ddp_shape_to_string(ddp_tensor_ndim(expected), ddp_tensor_shape(expected));

    ck_assert_msg(strcmp(found, wanted) == 0, "%s: shape %s, expected %s", what, found, wanted);
    ck_assert_msg(ddp_tensor_dtype(got) == ddp_tensor_dtype(expected), "%s: dtype %s, expected %s",
                  what, ddp_dtype_name(ddp_tensor_dtype(got)),
                  ddp_dtype_name(ddp_tensor_dtype(expected)));
}

void
assert_same_bits(DdpTensor *got, DdpTensor *expected, const char *what)
{
    assert_same_kind(got, expected, what);

    size_t bytes = ddp_dtype_bytes(ddp_tensor_dtype(got));
    const char *a = ddp_tensor_data(got);
    const char *b = ddp_tensor_data(expected);

    for (size_t i = 0; i < ddp_tensor_numel(got); i++)
        ck_assert_msg(memcmp(a + i * bytes, b + i * bytes, bytes) == 0,
                      "%s: element %" G_GSIZE_FORMAT " is %.17g, expected %.17g", what, i,
                      ddp_tensor_item_f64(got, i), ddp_tensor_item_f64(expected, i));
}

void
assert_close(DdpTensor *got, DdpTensor *expected, double relative, double absolute,
             const char *what)
{
    assert_same_kind(got, expected, what);
    for (size_t i = 0; i < ddp_tensor_numel(got); i++) {
        double x = ddp_tensor_item_f64(got, i);
        double y = ddp_tensor_item_f64(expected, i);
        bool close =
            x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= relative * fabs(y) + absolute;

        ck_assert_msg(close, "%s: element %" G_GSIZE_FORMAT " is %.17g, expected %.17g", what, i, x,
                      y);
    }
}

void
assert_recorded_bits(const Recorded *recorded, const char *name, DdpTensor *got)
{
    g_autoptr(DdpTensor) expected = recorded_tensor(recorded, ddp_tensor_context(got), name);

    assert_same_bits(got, expected, name);
}

void
assert_recorded_close(const Recorded *recorded, const char *name, DdpTensor *got, double relative,
                      double absolute)
{
    g_autoptr(DdpTensor) expected = recorded_tensor(recorded, ddp_tensor_context(got), name);

    assert_close(got, expected, relative, absolute, name);
}
