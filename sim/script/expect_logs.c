/* SPDX-License-Identifier: MIT */
/* `logs` in an expectation: what reached a place, in which order. */
#include "sim/script/expect_private.h"

#include <stdlib.h>
#include <string.h>

/* One element of `logs`. */
typedef struct {
    const char *path, *tag, *logger;   /* NULL: any */
    JsonArray *values, *steps, *ranks; /* NULL: not asked for */
    int64_t count;                     /* -1: not asked for */
    double tolerance;                  /* negative: none given */
    bool any_order;
} WantedSeries;

static const char *
text_or_null(JsonNode *node)
{
    return node != NULL ? json_node_get_string(node) : NULL;
}

static bool
read_wanted(const DdpExpect *expect, JsonNode *node, const char *where, WantedSeries *wanted)
{
    static const char *const known[] = {"path",  "tag",   "logger",    "values",    "count",
                                        "steps", "ranks", "any_order", "tolerance", NULL};
    JsonObject *names = ddp_expect_names(expect, node, where, known);
    JsonNode *path, *tag, *logger, *count, *tolerance, *any_order;

    if (names == NULL ||
        !ddp_expect_member(expect, names, where, "path", ddp_expect_is_string, "a string", &path) ||
        !ddp_expect_member(expect, names, where, "tag", ddp_expect_is_string, "a string", &tag) ||
        !ddp_expect_member(expect, names, where, "logger", ddp_expect_is_string, "a string",
                           &logger) ||
        !ddp_expect_member_list(expect, names, where, "values", ddp_expect_is_number, "numbers",
                                &wanted->values) ||
        !ddp_expect_member_list(expect, names, where, "steps", ddp_expect_is_number, "steps",
                                &wanted->steps) ||
        !ddp_expect_member_list(expect, names, where, "ranks", ddp_expect_is_number, "ranks",
                                &wanted->ranks) ||
        !ddp_expect_member(expect, names, where, "count", ddp_expect_is_number, "a number",
                           &count) ||
        !ddp_expect_member(expect, names, where, "tolerance", ddp_expect_is_number, "a number",
                           &tolerance) ||
        !ddp_expect_member(expect, names, where, "any_order", ddp_expect_is_boolean, "a boolean",
                           &any_order))
        return false;

    wanted->path = text_or_null(path);
    wanted->tag = text_or_null(tag);
    wanted->logger = text_or_null(logger);
    wanted->count = count != NULL ? json_node_get_int(count) : -1;
    wanted->tolerance = tolerance != NULL ? json_node_get_double(tolerance) : -1.0;
    wanted->any_order = any_order != NULL && json_node_get_boolean(any_order);
    if (wanted->path == NULL && wanted->tag == NULL)
        return ddp_expect_broken(expect, "%s names no series, expected a path, a tag or both",
                                 where);
    return true;
}

static const char *
text_of(JsonObject *series, const char *name)
{
    return json_object_get_string_member_with_default(series, name, "");
}

static bool
is_named(JsonObject *series, const WantedSeries *wanted)
{
    return (wanted->path == NULL || strcmp(wanted->path, text_of(series, "path")) == 0) &&
           (wanted->tag == NULL || strcmp(wanted->tag, text_of(series, "tag")) == 0) &&
           (wanted->logger == NULL || strcmp(wanted->logger, text_of(series, "logger")) == 0);
}

static int
compare_double(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

/* (transfer full): of double; the named number of each entry. */
static GArray *
numbers_of(JsonArray *entries, const char *name)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint i = 0; i < json_array_get_length(entries); i++) {
        double value = ddp_expect_real(json_array_get_object_element(entries, i), name);

        g_array_append_val(numbers, value);
    }
    return numbers;
}

static GArray *
numbers_wanted(JsonArray *list)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint i = 0; i < json_array_get_length(list); i++) {
        double value = json_array_get_double_element(list, i);

        g_array_append_val(numbers, value);
    }
    return numbers;
}

static char *
numbers_text(const GArray *numbers)
{
    if (numbers->len == 0)
        return g_strdup("none");

    GString *text = g_string_new(NULL);

    for (guint i = 0; i < numbers->len && i < DDP_EXPECT_SHOWN_MAX; i++) {
        g_autofree char *number = ddp_expect_number_text(g_array_index(numbers, double, i));

        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", number);
    }
    if (numbers->len > DDP_EXPECT_SHOWN_MAX)
        g_string_append_printf(text, ", ... (%u of them)", numbers->len);
    return g_string_free(text, FALSE);
}

/* (transfer full): what differs, or NULL. */
static char *
compare_numbers(JsonArray *entries, const char *what, const char *name, JsonArray *list,
                const WantedSeries *wanted)
{
    if (list == NULL)
        return NULL;

    g_autoptr(GArray) found = numbers_of(entries, name);
    g_autoptr(GArray) expected = numbers_wanted(list);
    g_autofree char *found_text = numbers_text(found);
    g_autofree char *expected_text = numbers_text(expected);
    bool equal = found->len == expected->len;

    if (wanted->any_order) {
        g_array_sort(found, compare_double);
        g_array_sort(expected, compare_double);
    }
    for (guint i = 0; equal && i < found->len; i++) {
        DdpWanted number = {g_array_index(expected, double, i), wanted->tolerance};

        equal = ddp_expect_is_close(g_array_index(found, double, i), &number);
    }
    if (equal)
        return NULL;
    return g_strdup_printf("expected the %s %s%s, found %s", what, expected_text,
                           wanted->any_order ? " in any order" : "", found_text);
}

/* (transfer full): what of @series is not as wanted, or NULL. */
static char *
compare_series(JsonObject *series, const WantedSeries *wanted)
{
    JsonArray *entries = json_object_get_array_member(series, "entries");
    char *difference = compare_numbers(entries, "values", "value", wanted->values, wanted);

    if (difference == NULL)
        difference = compare_numbers(entries, "steps", "step", wanted->steps, wanted);
    if (difference == NULL)
        difference = compare_numbers(entries, "ranks", "rank", wanted->ranks, wanted);
    if (difference == NULL && wanted->count >= 0 && wanted->count != json_array_get_length(entries))
        difference = g_strdup_printf("expected %" G_GINT64_FORMAT " entries, found %u",
                                     wanted->count, json_array_get_length(entries));
    return difference;
}

/* "tag 'data' in 'no_reduce'" */
static char *
series_text(const char *path, const char *tag, const char *logger)
{
    GString *text = g_string_new(NULL);

    if (tag != NULL)
        g_string_append_printf(text, "tag '%s'", tag);
    if (path != NULL)
        g_string_append_printf(text, "%s'%s'", tag != NULL ? " in " : "", path);
    if (logger != NULL)
        g_string_append_printf(text, " of %s", logger);
    return g_string_free(text, FALSE);
}

static char *
all_series_text(JsonArray *logs)
{
    GString *text = g_string_new(NULL);
    guint count = json_array_get_length(logs);

    for (guint i = 0; i < count && i < DDP_EXPECT_SHOWN_MAX; i++) {
        JsonObject *series = json_array_get_object_element(logs, i);
        g_autofree char *name = series_text(text_of(series, "path"), text_of(series, "tag"), NULL);

        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", name);
    }
    if (count > DDP_EXPECT_SHOWN_MAX)
        g_string_append(text, ", ...");
    if (count == 0)
        g_string_append(text, "none at all");
    return g_string_free(text, FALSE);
}

/* One series that is named so must be as wanted; if none is, the first says why. */
static void
look_for_series(const DdpExpect *expect, const char *where, const WantedSeries *wanted)
{
    JsonArray *logs = json_object_get_array_member(expect->report, "logs");
    g_autofree char *name = series_text(wanted->path, wanted->tag, wanted->logger);
    g_autofree char *first_difference = NULL;

    for (guint i = 0; i < json_array_get_length(logs); i++) {
        JsonObject *series = json_array_get_object_element(logs, i);

        if (!is_named(series, wanted))
            continue;

        g_autofree char *difference = compare_series(series, wanted);

        if (difference == NULL)
            return;
        if (first_difference == NULL)
            first_difference = g_steal_pointer(&difference);
    }

    if (first_difference != NULL) {
        ddp_expect_fail(expect, "%s (%s): %s", where, name, first_difference);
    } else {
        g_autofree char *all = all_series_text(logs);

        ddp_expect_fail(expect, "%s: expected %s, found %s", where, name, all);
    }
}

/* `logs = {}` */
static void
expect_nothing(const DdpExpect *expect, const char *where)
{
    JsonArray *logs = json_object_get_array_member(expect->report, "logs");

    if (json_array_get_length(logs) > 0) {
        g_autofree char *all = all_series_text(logs);

        ddp_expect_fail(expect, "%s: expected none, found %s", where, all);
    }
}

bool
ddp_expect_logs(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    JsonArray *list = ddp_expect_list(expect, wanted, where, ddp_expect_is_table,
                                      "tables such as { path = \"logs\", values = { 15 } }");

    if (list != NULL && json_array_get_length(list) == 0)
        expect_nothing(expect, where);
    for (guint i = 0; list != NULL && i < json_array_get_length(list); i++) {
        g_autofree char *place = g_strdup_printf("%s[%u]", where, i + 1);
        WantedSeries series;

        if (!read_wanted(expect, json_array_get_element(list, i), place, &series))
            return false;
        look_for_series(expect, place, &series);
    }
    return list != NULL;
}
