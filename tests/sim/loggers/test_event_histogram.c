/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_histogram.h"
#include "sim/loggers/event_writer.h"
#include "tests/testutil.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/loggers/event.pb-c.h"

/*
 * Histograms beside torch's add_histogram: `histograms` of tests/reference/lightning_loggers.lua
 * lists sums, the limits and counts of all bins that hold something, and how many bins there are.
 */

static const double values[] = {-3.0, -0.5, 0.0, 0.0, 0.25, 1.0, 1.0, 2.5, 100.0};

static void
append(GString *text, const double *numbers, size_t count, size_t bins)
{
    g_autoptr(GError) error = NULL;
    size_t size;
    g_autofree uint8_t *packed = ddp_event_histogram_pack(numbers, count, bins, &size, &error);
    Ddp__Tb__Histogram *read;

    ck_assert_no_error(error);
    read = ddp__tb__histogram__unpack(NULL, size, packed);
    ck_assert_ptr_nonnull(read);
    ck_assert_uint_eq(read->n_bucket, read->n_bucket_limit);
    g_string_append_printf(text, "%.1f %.1f %.1f %.17g %.17g\n", read->min, read->max, read->num,
                           read->sum, read->sum_squares);
    for (size_t i = 0; i < read->n_bucket; i++) {
        if (read->bucket[i] != 0 || bins != 0)
            g_string_append_printf(text, "%a %g\n", read->bucket_limit[i], read->bucket[i]);
    }
    g_string_append_printf(text, "%zu bins\n", read->n_bucket);
    ddp__tb__histogram__free_unpacked(read, NULL);
}

/* The lines of the recorded text, which stands between quotes, with hexadecimal numbers as C's. */
static char *
recorded(void)
{
    g_autofree char *all = ddp_test_reference_read("lightning_loggers.lua");
    const char *at = strstr(all, "histograms = ");
    GString *text = g_string_new(NULL);

    ck_assert_ptr_nonnull(at);
    for (bool is_inside = false; is_inside || *at != ','; at++) {
        if (*at == '"') {
            is_inside = !is_inside;
        } else if (is_inside && at[0] == '\\' && at[1] == 'n') {
            g_string_append_c(text, '\n');
            at++;
        } else if (is_inside) {
            g_string_append_c(text, *at);
        }
    }
    return g_string_free(text, FALSE);
}

/* Lines whose first word is a hexadecimal number, in C's shortest form. */
static char *
normalized(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);

    for (int i = 0; lines[i] != NULL; i++) {
        char *end;
        double number = strtod(lines[i], &end);

        if (strstr(lines[i], "0x") != NULL)
            g_string_append_printf(out, "%a%s\n", number, end);
        else if (*lines[i] != '\0')
            g_string_append_printf(out, "%s\n", lines[i]);
    }
    return g_string_free(out, FALSE);
}

START_TEST(test_bins_are_torchs)
{
    g_autofree char *text = recorded();
    g_autofree char *expected = normalized(text);
    g_autoptr(GString) got = g_string_new(NULL);
    static const double same[] = {2.0, 2.0};

    append(got, values, G_N_ELEMENTS(values), 0);
    append(got, values, G_N_ELEMENTS(values), 4);

    g_autoptr(GError) error = NULL;
    size_t size;
    g_autofree uint8_t *packed = ddp_event_histogram_pack(same, 2, 2, &size, &error);
    Ddp__Tb__Histogram *read = ddp__tb__histogram__unpack(NULL, size, packed);

    for (size_t i = 0; i < read->n_bucket; i++)
        g_string_append_printf(got, "%s%g:%g", i > 0 ? " " : "", read->bucket_limit[i],
                               read->bucket[i]);
    g_string_append_c(got, '\n');
    ddp__tb__histogram__free_unpacked(read, NULL);
    ck_assert_str_eq(got->str, expected);
}
END_TEST

START_TEST(test_what_has_no_bin_is_refused)
{
    const double odd[] = {1.0, (double)NAN}, huge[] = {1e30};
    size_t size;
    GError *error = NULL;

    ck_assert_ptr_null(ddp_event_histogram_pack(odd, 0, 0, &size, &error));
    ck_assert_str_eq(error->message, "a histogram of no values, expected at least one");
    g_clear_error(&error);
    ck_assert_ptr_null(ddp_event_histogram_pack(odd, 2, 0, &size, &error));
    ck_assert_str_eq(error->message,
                     "a histogram of 2 values: value 2 is nan, expected finite numbers");
    g_clear_error(&error);
    ck_assert_ptr_null(ddp_event_histogram_pack(huge, 1, 0, &size, &error));
    ck_assert(g_error_matches(error, DDP_EVENT_WRITER_ERROR, DDP_EVENT_WRITER_ERROR_BAD_VALUE));
    g_clear_error(&error);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event_histogram");
    TCase *all = tcase_create("all");

    tcase_add_test(all, test_bins_are_torchs);
    tcase_add_test(all, test_what_has_no_bin_is_refused);
    suite_add_tcase(suite, all);
    return ddp_test_main(suite);
}
