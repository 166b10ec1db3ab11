/* SPDX-License-Identifier: MIT */
#include "sim/script/expect_private.h"

#include <math.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/error.h"

/* ---- saying what is wrong ---- */

void
ddp_expect_fail(const DdpExpect *expect, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(expect->failures, g_strdup_vprintf(format, args));
    va_end(args);
}

bool
ddp_expect_broken(const DdpExpect *expect, const char *format, ...)
{
    va_list args;

    va_start(args, format);

    g_autofree char *text = g_strdup_vprintf(format, args);

    va_end(args);
    /* The whole table has no name: "expect is a list". */
    g_set_error(expect->error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE, "expect%s%s",
                g_str_has_prefix(text, " ") ? "" : ".", text);
    return false;
}

static const char *
type_name(JsonNode *node)
{
    if (JSON_NODE_HOLDS_OBJECT(node))
        return "table of names";
    if (JSON_NODE_HOLDS_ARRAY(node))
        return "list";
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return "string";
    case G_TYPE_BOOLEAN:
        return "boolean";
    default:
        return "number";
    }
}

bool
ddp_expect_wrong_type(const DdpExpect *expect, const char *where, JsonNode *node,
                      const char *wanted)
{
    return ddp_expect_broken(expect, "%s is a %s, expected %s", where, type_name(node), wanted);
}

/* ---- reading an expectation ---- */

bool
ddp_expect_is_number(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && (json_node_get_value_type(node) == G_TYPE_INT64 ||
                                           json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

bool
ddp_expect_is_string(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

bool
ddp_expect_is_boolean(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN;
}

/* In Lua {} is both a list and a table of names. */
static bool
is_empty_list(JsonNode *node)
{
    return JSON_NODE_HOLDS_ARRAY(node) && json_array_get_length(json_node_get_array(node)) == 0;
}

bool
ddp_expect_is_table(JsonNode *node)
{
    return JSON_NODE_HOLDS_OBJECT(node) || is_empty_list(node);
}

static int
compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
ddp_expect_sorted_names(JsonObject *object)
{
    GPtrArray *names = g_ptr_array_new();
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &member))
        g_ptr_array_add(names, (char *)name);
    g_ptr_array_sort(names, compare_text);
    return names;
}

static bool
check_names(const DdpExpect *expect, JsonObject *object, const char *where,
            const char *const *known)
{
    g_autoptr(GPtrArray) names = ddp_expect_sorted_names(object);
    const char *dot = *where != '\0' ? "." : "";

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (g_strv_contains(known, name))
            continue;

        const char *nearest = ddp_args_nearest(name, known);

        if (nearest != NULL)
            return ddp_expect_broken(expect, "%s%s%s is unknown, did you mean '%s'?", where, dot,
                                     name, nearest);

        g_autofree char *all = g_strjoinv(", ", (char **)known);

        return ddp_expect_broken(expect, "%s%s%s is unknown, expected one of: %s", where, dot, name,
                                 all);
    }
    return true;
}

JsonObject *
ddp_expect_names(const DdpExpect *expect, JsonNode *node, const char *where,
                 const char *const *known)
{
    if (is_empty_list(node))
        return expect->no_names;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_autofree char *names = g_strjoinv(", ", (char **)known);
        g_autofree char *wanted = g_strdup_printf("a table with names of: %s", names);

        ddp_expect_wrong_type(expect, where, node, wanted);
        return NULL;
    }

    JsonObject *object = json_node_get_object(node);

    return check_names(expect, object, where, known) ? object : NULL;
}

JsonArray *
ddp_expect_list(const DdpExpect *expect, JsonNode *node, const char *where, DdpExpectKind fits,
                const char *of_what)
{
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        g_autofree char *wanted = g_strdup_printf("a list of %s", of_what);

        ddp_expect_wrong_type(expect, where, node, wanted);
        return NULL;
    }

    JsonArray *list = json_node_get_array(node);

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *element = json_array_get_element(list, i);

        if (!fits(element)) {
            ddp_expect_broken(expect, "%s[%u] is a %s, expected a list of %s", where, i + 1,
                              type_name(element), of_what);
            return NULL;
        }
    }
    return list;
}

bool
ddp_expect_member(const DdpExpect *expect, JsonObject *object, const char *where, const char *name,
                  DdpExpectKind fits, const char *wanted, JsonNode **node)
{
    *node = json_object_get_member(object, name);
    if (*node == NULL || fits(*node))
        return true;

    g_autofree char *place = g_strdup_printf("%s.%s", where, name);

    return ddp_expect_wrong_type(expect, place, *node, wanted);
}

bool
ddp_expect_member_list(const DdpExpect *expect, JsonObject *object, const char *where,
                       const char *name, DdpExpectKind fits, const char *of_what, JsonArray **list)
{
    JsonNode *node = json_object_get_member(object, name);
    g_autofree char *place = g_strdup_printf("%s.%s", where, name);

    *list = node != NULL ? ddp_expect_list(expect, node, place, fits, of_what) : NULL;
    return node == NULL || *list != NULL;
}

/* ---- numbers ---- */

bool
ddp_expect_is_close(double found, const DdpWanted *wanted)
{
    if (isnan(found) || isnan(wanted->value))
        return isnan(found) && isnan(wanted->value);
    if (found == wanted->value)
        return true;
    if (wanted->tolerance >= 0.0)
        return fabs(found - wanted->value) <= wanted->tolerance;
    return isfinite((float)found) && (float)found == (float)wanted->value;
}

char *
ddp_expect_number_text(double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (isnan(value))
        return g_strdup("nan");
    g_ascii_formatd(text, sizeof(text), "%.6g", value);
    /* Nine digits tell any two float32 apart; a few more do for what carries a tolerance. */
    if (g_ascii_strtod(text, NULL) != value)
        g_ascii_formatd(text, sizeof(text), "%.12g", value);
    return g_strdup(text);
}

char *
ddp_expect_wanted_text(const DdpWanted *wanted)
{
    g_autofree char *value = ddp_expect_number_text(wanted->value);

    if (wanted->tolerance < 0.0)
        return g_steal_pointer(&value);

    g_autofree char *tolerance = ddp_expect_number_text(wanted->tolerance);

    return g_strdup_printf("%s (within %s)", value, tolerance);
}

/* { 15, 1e-6 } */
static bool
wanted_from_pair(const DdpExpect *expect, JsonNode *node, const char *where, DdpWanted *wanted)
{
    JsonArray *pair = ddp_expect_list(expect, node, where, ddp_expect_is_number,
                                      "two numbers, a value and a tolerance");

    if (pair == NULL)
        return false;
    if (json_array_get_length(pair) != 2)
        return ddp_expect_broken(expect, "%s has %u numbers, expected a value and a tolerance",
                                 where, json_array_get_length(pair));
    wanted->value = json_array_get_double_element(pair, 0);
    wanted->tolerance = json_array_get_double_element(pair, 1);
    return true;
}

/* { value = 15, tolerance = 1e-6 } */
static bool
wanted_from_names(const DdpExpect *expect, JsonNode *node, const char *where, DdpWanted *wanted)
{
    static const char *const known[] = {"value", "tolerance", NULL};
    JsonObject *names = ddp_expect_names(expect, node, where, known);
    JsonNode *value, *tolerance;

    if (names == NULL ||
        !ddp_expect_member(expect, names, where, "value", ddp_expect_is_number, "a number",
                           &value) ||
        !ddp_expect_member(expect, names, where, "tolerance", ddp_expect_is_number, "a number",
                           &tolerance))
        return false;
    if (value == NULL || tolerance == NULL)
        return ddp_expect_broken(expect, "%s.%s is missing", where,
                                 value == NULL ? "value" : "tolerance");
    wanted->value = json_node_get_double(value);
    wanted->tolerance = json_node_get_double(tolerance);
    return true;
}

bool
ddp_expect_wanted(const DdpExpect *expect, JsonNode *node, const char *where, DdpWanted *wanted)
{
    bool ok;

    if (ddp_expect_is_number(node)) {
        *wanted = (DdpWanted){json_node_get_double(node), -1.0};
        return true;
    }
    if (JSON_NODE_HOLDS_ARRAY(node))
        ok = wanted_from_pair(expect, node, where, wanted);
    else if (JSON_NODE_HOLDS_OBJECT(node))
        ok = wanted_from_names(expect, node, where, wanted);
    else
        ok = ddp_expect_wrong_type(expect, where, node, "a number or { value, tolerance }");

    if (ok && !(wanted->tolerance >= 0.0))
        return ddp_expect_broken(expect, "%s has a tolerance that is not positive", where);
    return ok;
}

double
ddp_expect_real(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    if (node != NULL && ddp_expect_is_number(node))
        return json_node_get_double(node);

    /* In an audit row "nonfinite" speaks of what was logged. */
    if (strcmp(name, "value") != 0 && strcmp(name, "logged") != 0)
        return (double)NAN;

    const char *which = json_object_get_string_member_with_default(object, "nonfinite", "nan");

    if (strcmp(which, "inf") == 0)
        return (double)INFINITY;
    return strcmp(which, "-inf") == 0 ? -(double)INFINITY : (double)NAN;
}
