/* SPDX-License-Identifier: MIT */
/* `audit` in an expectation: how far logged values are from the true ones, and on what they rest.
 */
#include "sim/script/expect_private.h"

#include <math.h>
#include <string.h>

/* The numbers of a row that can be asked for, by the name in the expectation. */
typedef struct {
    const char *name;   /* in the expectation */
    const char *column; /* in the report */
} Column;

static const Column columns[] = {
    {"error", "error"},     {"logged", "logged"},         {"truth", "true"},
    {"samples", "samples"}, {"duplicates", "duplicates"},
};

/* One element of `audit`. A number that is not asked for is NAN. */
typedef struct {
    const char *key;
    JsonNode *epoch, *rank, *step; /* NULL: any */
    double wanted[G_N_ELEMENTS(columns)];
    double tolerance; /* negative: none given */
    double share;
    double min_abs_error, max_abs_error;
    int64_t rows; /* -1: not asked for */
} WantedRows;

static bool
read_number(const DdpExpect *expect, JsonObject *names, const char *where, const char *name,
            double *number)
{
    JsonNode *node;

    if (!ddp_expect_member(expect, names, where, name, ddp_expect_is_number, "a number", &node))
        return false;
    *number = node != NULL ? json_node_get_double(node) : (double)NAN;
    return true;
}

static bool
read_wanted(const DdpExpect *expect, JsonNode *node, const char *where, WantedRows *wanted)
{
    static const char *const known[] = {
        "key",           "epoch",         "rank",    "step",       "error",
        "logged",        "truth",         "samples", "duplicates", "share",
        "min_abs_error", "max_abs_error", "rows",    "tolerance",  NULL};
    JsonObject *names = ddp_expect_names(expect, node, where, known);
    JsonNode *key;
    double tolerance, rows;

    if (names == NULL ||
        !ddp_expect_member(expect, names, where, "key", ddp_expect_is_string, "a string", &key) ||
        !ddp_expect_member(expect, names, where, "epoch", ddp_expect_is_number, "a number",
                           &wanted->epoch) ||
        !ddp_expect_member(expect, names, where, "rank", ddp_expect_is_number, "a number",
                           &wanted->rank) ||
        !ddp_expect_member(expect, names, where, "step", ddp_expect_is_number, "a number",
                           &wanted->step) ||
        !read_number(expect, names, where, "share", &wanted->share) ||
        !read_number(expect, names, where, "min_abs_error", &wanted->min_abs_error) ||
        !read_number(expect, names, where, "max_abs_error", &wanted->max_abs_error) ||
        !read_number(expect, names, where, "rows", &rows) ||
        !read_number(expect, names, where, "tolerance", &tolerance))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        if (!read_number(expect, names, where, columns[i].name, &wanted->wanted[i]))
            return false;
    if (key == NULL)
        return ddp_expect_broken(expect, "%s.key is missing", where);

    wanted->key = json_node_get_string(key);
    wanted->tolerance = isnan(tolerance) ? -1.0 : tolerance;
    wanted->rows = isnan(rows) ? -1 : (int64_t)rows;
    return true;
}

static bool
is_asked_for(JsonObject *row, const WantedRows *wanted)
{
    const struct {
        const char *name;
        JsonNode *node;
    } filters[] = {{"epoch", wanted->epoch}, {"rank", wanted->rank}, {"step", wanted->step}};

    if (strcmp(wanted->key, json_object_get_string_member_with_default(row, "key", "")) != 0)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++)
        if (filters[i].node != NULL &&
            json_node_get_int(filters[i].node) != json_object_get_int_member(row, filters[i].name))
            return false;
    return true;
}

/* A null is a truth or an error that there is none of. */
static char *
found_text(JsonObject *row, const char *column)
{
    bool has_truth = json_object_get_boolean_member_with_default(row, "has_truth", FALSE);

    if (!has_truth && (strcmp(column, "error") == 0 || strcmp(column, "true") == 0))
        return g_strdup("none (no true value)");
    return ddp_expect_number_text(ddp_expect_real(row, column));
}

static char *
compare_columns(JsonObject *row, const WantedRows *wanted)
{
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        DdpWanted number = {wanted->wanted[i], wanted->tolerance};

        if (isnan(number.value) ||
            ddp_expect_is_close(ddp_expect_real(row, columns[i].column), &number))
            continue;

        g_autofree char *expected = ddp_expect_wanted_text(&number);
        g_autofree char *found = found_text(row, columns[i].column);

        return g_strdup_printf("expected %s %s, found %s", columns[i].name, expected, found);
    }
    return NULL;
}

/* Shards of a data set that does not divide evenly differ by a sample. */
static char *
compare_share(JsonObject *row, const WantedRows *wanted)
{
    double samples = (double)json_object_get_int_member(row, "samples");
    double of = (double)json_object_get_int_member(row, "of");

    if (isnan(wanted->share) || (samples >= 0 && fabs(samples - wanted->share * of) < 1.0))
        return NULL;

    g_autofree char *share = ddp_expect_number_text(wanted->share);

    if (samples < 0)
        return g_strdup_printf("expected the share %s, found that it is not known", share);
    return g_strdup_printf("expected the share %s, found %.0f of %.0f samples", share, samples, of);
}

static char *
compare_error_size(JsonObject *row, const WantedRows *wanted)
{
    double size = fabs(ddp_expect_real(row, "error"));
    g_autofree char *found = found_text(row, "error");

    if (!isnan(wanted->min_abs_error) && !(size >= wanted->min_abs_error)) {
        g_autofree char *least = ddp_expect_number_text(wanted->min_abs_error);

        return g_strdup_printf("expected an error of at least %s, found %s", least, found);
    }
    if (!isnan(wanted->max_abs_error) && !(size <= wanted->max_abs_error)) {
        g_autofree char *most = ddp_expect_number_text(wanted->max_abs_error);

        return g_strdup_printf("expected an error of at most %s, found %s", most, found);
    }
    return NULL;
}

/* (transfer full): what of the row is not as wanted, or NULL. */
static char *
compare_row(JsonObject *row, const WantedRows *wanted)
{
    char *difference = compare_columns(row, wanted);

    if (difference == NULL)
        difference = compare_share(row, wanted);
    if (difference == NULL)
        difference = compare_error_size(row, wanted);
    return difference;
}

/* Every row that is asked for must be as wanted; the first that is not is told. */
static void
check_rows(const DdpExpect *expect, const char *where, const WantedRows *wanted)
{
    JsonArray *audit = json_object_get_array_member(expect->report, "audit");
    g_autofree char *first = NULL;
    int64_t rows = 0, wrong = 0;

    for (guint i = 0; i < json_array_get_length(audit); i++) {
        JsonObject *row = json_array_get_object_element(audit, i);

        if (!is_asked_for(row, wanted))
            continue;
        rows++;

        g_autofree char *difference = compare_row(row, wanted);

        if (difference == NULL)
            continue;
        wrong++;
        if (first == NULL)
            first =
                g_strdup_printf("%s, epoch %" G_GINT64_FORMAT ", rank %" G_GINT64_FORMAT "): %s",
                                wanted->key, json_object_get_int_member(row, "epoch"),
                                json_object_get_int_member(row, "rank"), difference);
    }

    if (wanted->rows >= 0 && rows != wanted->rows)
        ddp_expect_fail(expect,
                        "%s (%s): expected %" G_GINT64_FORMAT " rows, found %" G_GINT64_FORMAT,
                        where, wanted->key, wanted->rows, rows);
    else if (rows == 0 && wanted->rows != 0)
        ddp_expect_fail(expect, "%s (%s): expected a logged value, found none", where, wanted->key);
    if (wrong == 1)
        ddp_expect_fail(expect, "%s (%s", where, first);
    else if (wrong > 1)
        ddp_expect_fail(expect, "%s (%s; and %" G_GINT64_FORMAT " more rows differ", where, first,
                        wrong - 1);
}

/* `audit = {}` */
static void
expect_nothing(const DdpExpect *expect, const char *where)
{
    JsonArray *audit = json_object_get_array_member(expect->report, "audit");

    if (json_array_get_length(audit) > 0)
        ddp_expect_fail(expect, "%s: expected none, found %u rows, the first of '%s'", where,
                        json_array_get_length(audit),
                        json_object_get_string_member_with_default(
                            json_array_get_object_element(audit, 0), "key", ""));
}

bool
ddp_expect_audit(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    JsonArray *list = ddp_expect_list(expect, wanted, where, ddp_expect_is_table,
                                      "tables such as { key = \"val_loss\", error = 0 }");

    if (list != NULL && json_array_get_length(list) == 0)
        expect_nothing(expect, where);
    for (guint i = 0; list != NULL && i < json_array_get_length(list); i++) {
        g_autofree char *place = g_strdup_printf("%s[%u]", where, i + 1);
        WantedRows rows;

        if (!read_wanted(expect, json_array_get_element(list, i), place, &rows))
            return false;
        check_rows(expect, place, &rows);
    }
    return list != NULL;
}
