/* SPDX-License-Identifier: MIT */
#include "sim/audit/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
compare_int(const void *a, const void *b)
{
    int one = *(const int *)a, other = *(const int *)b;

    return (one > other) - (one < other);
}

/* Of char*: "0", "2-5", "9". A run of two stays two numbers, "0" and "1". */
static GPtrArray *
rank_runs(const GArray *ranks)
{
    GPtrArray *runs = g_ptr_array_new_with_free_func(g_free);

    if (ranks == NULL || ranks->len == 0)
        return runs;

    g_autofree int *sorted = g_memdup2(ranks->data, ranks->len * sizeof(int));

    qsort(sorted, ranks->len, sizeof(int), compare_int);
    for (guint i = 0; i < ranks->len;) {
        guint last = i;

        while (last + 1 < ranks->len && sorted[last + 1] - sorted[last] <= 1)
            last++;
        if (sorted[last] - sorted[i] >= 2) {
            g_ptr_array_add(runs, g_strdup_printf("%d-%d", sorted[i], sorted[last]));
        } else {
            g_ptr_array_add(runs, g_strdup_printf("%d", sorted[i]));
            if (sorted[last] != sorted[i])
                g_ptr_array_add(runs, g_strdup_printf("%d", sorted[last]));
        }
        i = last + 1;
    }
    return runs;
}

char *
ddp_words_ranks(const GArray *ranks)
{
    g_autoptr(GPtrArray) runs = rank_runs(ranks);

    if (runs->len == 0)
        return g_strdup("no rank");

    gboolean one = runs->len == 1 && strchr(g_ptr_array_index(runs, 0), '-') == NULL;
    GString *text = g_string_new(one ? "rank " : "ranks ");

    for (guint i = 0; i < runs->len; i++) {
        if (i > 0)
            g_string_append(text, i + 1 == runs->len ? " and " : ", ");
        g_string_append(text, g_ptr_array_index(runs, i));
    }
    return g_string_free(text, FALSE);
}

char *
ddp_words_rank_list(const GArray *ranks)
{
    g_autoptr(GPtrArray) runs = rank_runs(ranks);

    if (runs->len == 0)
        return g_strdup("-");

    g_ptr_array_add(runs, NULL);
    return g_strjoinv(", ", (char **)runs->pdata);
}

char *
ddp_words_share(int64_t samples, int64_t of)
{
    if (samples < 0 || of <= 0)
        return g_strdup("?");
    if (samples == 0)
        return g_strdup("none");
    if (samples >= of)
        return g_strdup("all");

    for (int64_t parts = 2; parts <= 16; parts++)
        if (of % parts == 0 && samples % (of / parts) == 0)
            return g_strdup_printf("%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, samples / (of / parts),
                                   parts);

    double share = (double)samples / (double)of;
    double parts = round(1.0 / share);

    if (of % samples == 0)
        return g_strdup_printf("1/%.0f", parts);
    if (fabs(share * parts - 1.0) < 0.01)
        return g_strdup_printf("about 1/%.0f", parts);

    g_autofree char *percent = ddp_words_number(100.0 * share, 3);

    return g_strconcat(percent, " %", NULL);
}

char *
ddp_words_count(int64_t count)
{
    g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, count);
    GString *text = g_string_new(NULL);
    size_t length = strlen(digits), sign = digits[0] == '-' ? 1 : 0;

    for (size_t i = 0; i < length; i++) {
        if (i > sign && (length - i) % 3 == 0)
            g_string_append_c(text, ',');
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(text, FALSE);
}

char *
ddp_words_number(double value, int digits)
{
    char format[16], text[G_ASCII_DTOSTR_BUF_SIZE];

    if (isnan(value))
        return g_strdup("nan");
    if (isinf(value))
        return g_strdup(value < 0 ? "-inf" : "inf");

    g_snprintf(format, sizeof(format), "%%.%dg", CLAMP(digits, 1, 17));
    return g_strdup(g_ascii_formatd(text, sizeof(text), format, value));
}

const char *
ddp_words_site(const char *site)
{
    const char *slash = strrchr(site, '/');

    return slash != NULL ? slash + 1 : site;
}
