/* SPDX-License-Identifier: MIT */
/* `diagnosis` in an expectation: class, who is blamed, who waits, and from which lines. */
#include "sim/script/expect_private.h"

#include <string.h>

static int
compare_int(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

    return (one > other) - (one < other);
}

/* (transfer full): of int64_t, sorted. */
static GArray *
sorted_ints(JsonArray *list)
{
    GArray *ints = g_array_new(FALSE, FALSE, sizeof(int64_t));

    for (guint i = 0; list != NULL && i < json_array_get_length(list); i++) {
        int64_t value = json_array_get_int_element(list, i);

        g_array_append_val(ints, value);
    }
    g_array_sort(ints, compare_int);
    return ints;
}

static char *
ints_text(const GArray *ints)
{
    if (ints->len == 0)
        return g_strdup("none");

    GString *text = g_string_new(NULL);

    for (guint i = 0; i < ints->len && i < DDP_EXPECT_SHOWN_MAX; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "",
                               g_array_index(ints, int64_t, i));
    if (ints->len > DDP_EXPECT_SHOWN_MAX)
        g_string_append(text, ", ...");
    return g_string_free(text, FALSE);
}

static void
compare_ranks(const DdpExpect *expect, const char *where, JsonArray *expected, const GArray *found)
{
    g_autoptr(GArray) wanted = sorted_ints(expected);

    if (wanted->len == found->len &&
        (wanted->len == 0 || memcmp(wanted->data, found->data, wanted->len * sizeof(int64_t)) == 0))
        return;

    g_autofree char *wanted_words = ints_text(wanted);
    g_autofree char *found_words = ints_text(found);

    ddp_expect_fail(expect, "%s: expected %s, found %s", where, wanted_words, found_words);
}

static bool
is_whole(JsonNode *node)
{
    return ddp_expect_is_number(node) &&
           json_node_get_double(node) == (double)json_node_get_int(node);
}

static bool
is_line(JsonNode *node)
{
    return ddp_expect_is_string(node) || is_whole(node);
}

/* The number of the line that "@name" or a number names; 0 and an error if there is none. */
static int64_t
line_of(const DdpExpect *expect, JsonNode *wanted, guint index)
{
    if (ddp_expect_is_number(wanted))
        return json_node_get_int(wanted);

    const char *name = json_node_get_string(wanted);
    int line = *name == '@' ? ddp_marks_line(expect->marks, name + 1) : 0;

    if (line == 0)
        ddp_expect_broken(
            expect,
            "diagnosis.lines[%u] is '%s', expected a line number or the name of a mark: a line of "
            "the scenario that ends in -- %s%s",
            index + 1, name, *name == '@' ? "" : "@", name);
    return line;
}

/* The line of "path/file.lua:12" if it is in the scenario's file, otherwise -1. */
static int64_t
line_of_site(const DdpExpect *expect, const char *site)
{
    const char *path =
        json_object_get_string_member_with_default(expect->report, "scenario_path", NULL);
    const char *colon = site != NULL ? strrchr(site, ':') : NULL;

    if (colon == NULL)
        return -1;

    g_autofree char *file = g_strndup(site, (gsize)(colon - site));
    g_autofree char *name = g_path_get_basename(file);
    g_autofree char *own = path != NULL ? g_path_get_basename(path) : NULL;

    if (own != NULL && strcmp(own, name) != 0)
        return -1;
    return g_ascii_strtoll(colon + 1, NULL, 10);
}

/* (transfer full): of int64_t, sorted, once each. */
static GArray *
lines_of_ranks(const DdpExpect *expect, JsonArray *ranks)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(int64_t));
    guint kept = 0;

    for (guint i = 0; i < json_array_get_length(ranks); i++) {
        int64_t line =
            line_of_site(expect, json_object_get_string_member_with_default(
                                     json_array_get_object_element(ranks, i), "site", NULL));

        if (line > 0)
            g_array_append_val(lines, line);
    }
    g_array_sort(lines, compare_int);
    for (guint i = 0; i < lines->len; i++) {
        int64_t line = g_array_index(lines, int64_t, i);

        if (kept == 0 || g_array_index(lines, int64_t, kept - 1) != line)
            g_array_index(lines, int64_t, kept++) = line;
    }
    g_array_set_size(lines, kept);
    return lines;
}

static bool
check_lines(const DdpExpect *expect, JsonArray *expected, JsonArray *ranks)
{
    g_autoptr(GArray) found = ranks != NULL ? lines_of_ranks(expect, ranks) : NULL;

    for (guint i = 0; i < json_array_get_length(expected); i++) {
        JsonNode *element = json_array_get_element(expected, i);
        int64_t line = line_of(expect, element, i);
        bool there = false;

        if (line == 0)
            return false;
        if (found == NULL)
            continue;
        for (guint j = 0; j < found->len; j++)
            there = there || g_array_index(found, int64_t, j) == line;
        if (there)
            continue;

        g_autofree char *found_words = ints_text(found);

        ddp_expect_fail(expect,
                        "diagnosis.lines: expected line %" G_GINT64_FORMAT "%s%s%s, found %s", line,
                        ddp_expect_is_string(element) ? " (" : "",
                        ddp_expect_is_string(element) ? json_node_get_string(element) : "",
                        ddp_expect_is_string(element) ? ")" : "", found_words);
    }
    return true;
}

/* (transfer full): the ranks that wait, sorted. */
static GArray *
blocked_ranks(JsonArray *ranks)
{
    GArray *blocked = g_array_new(FALSE, FALSE, sizeof(int64_t));

    for (guint i = 0; i < json_array_get_length(ranks); i++) {
        JsonObject *rank = json_array_get_object_element(ranks, i);
        int64_t number = json_object_get_int_member(rank, "rank");

        if (g_strcmp0(json_object_get_string_member_with_default(rank, "state", NULL), "blocked") ==
            0)
            g_array_append_val(blocked, number);
    }
    g_array_sort(blocked, compare_int);
    return blocked;
}

/* `diagnosis = false`: there is none. */
static bool
check_no_diagnosis(const DdpExpect *expect, JsonNode *wanted)
{
    JsonNode *found = json_object_get_member(expect->report, "diagnosis");

    if (json_node_get_boolean(wanted))
        return ddp_expect_broken(
            expect, "diagnosis is true, expected false or a table with class, blamed, ranks "
                    "or lines");
    if (JSON_NODE_HOLDS_OBJECT(found))
        ddp_expect_fail(expect, "diagnosis: expected none, found %s: %s",
                        json_object_get_string_member_with_default(json_node_get_object(found),
                                                                   "class", "none"),
                        json_object_get_string_member_with_default(json_node_get_object(found),
                                                                   "root_cause", "no cause"));
    return true;
}

/* The parts of `diagnosis`, each NULL if it is not asked for. */
typedef struct {
    const char *class_name;
    JsonArray *blamed, *ranks, *lines;
} Parts;

static bool
read_parts(const DdpExpect *expect, JsonNode *wanted, const char *where, Parts *parts)
{
    static const char *const known[] = {"class", "blamed", "ranks", "lines", NULL};
    JsonObject *names = ddp_expect_names(expect, wanted, where, known);
    JsonNode *class_node;

    if (names == NULL ||
        !ddp_expect_member(expect, names, where, "class", ddp_expect_is_string, "a string",
                           &class_node) ||
        !ddp_expect_member_list(expect, names, where, "blamed", is_whole, "ranks",
                                &parts->blamed) ||
        !ddp_expect_member_list(expect, names, where, "ranks", is_whole, "ranks", &parts->ranks) ||
        !ddp_expect_member_list(expect, names, where, "lines", is_line, "line numbers and marks",
                                &parts->lines))
        return false;
    parts->class_name = class_node != NULL ? json_node_get_string(class_node) : NULL;
    return true;
}

static bool
compare_parts(const DdpExpect *expect, const Parts *parts, JsonObject *found)
{
    const char *found_class = json_object_get_string_member_with_default(found, "class", "none");
    JsonArray *found_ranks = json_object_get_array_member(found, "ranks");

    if (parts->class_name != NULL && strcmp(parts->class_name, found_class) != 0)
        ddp_expect_fail(expect, "diagnosis.class: expected %s, found %s", parts->class_name,
                        found_class);
    if (parts->blamed != NULL) {
        g_autoptr(GArray) blamed = sorted_ints(json_object_get_array_member(found, "blamed"));

        compare_ranks(expect, "diagnosis.blamed", parts->blamed, blamed);
    }
    if (parts->ranks != NULL) {
        g_autoptr(GArray) blocked = blocked_ranks(found_ranks);

        compare_ranks(expect, "diagnosis.ranks", parts->ranks, blocked);
    }
    return parts->lines == NULL || check_lines(expect, parts->lines, found_ranks);
}

bool
ddp_expect_diagnosis(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    JsonNode *found = json_object_get_member(expect->report, "diagnosis");
    Parts parts;

    if (ddp_expect_is_boolean(wanted))
        return check_no_diagnosis(expect, wanted);
    if (!read_parts(expect, wanted, where, &parts))
        return false;
    if (JSON_NODE_HOLDS_OBJECT(found))
        return compare_parts(expect, &parts, json_node_get_object(found));

    ddp_expect_fail(expect, "diagnosis: expected %s, found none",
                    parts.class_name != NULL ? parts.class_name : "one");
    /* A mark that is not there is a mistake in any case. */
    return parts.lines == NULL || check_lines(expect, parts.lines, NULL);
}
