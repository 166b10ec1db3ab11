/* SPDX-License-Identifier: MIT */
#include "sim/script/expect.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/script/error.h"
#include "sim/script/expect_lua.h"
#include "sim/script/expect_private.h"

/* ---- outcome, digest, virtual_time ---- */

static bool
check_text(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    if (!ddp_expect_is_string(wanted))
        return ddp_expect_wrong_type(expect, where, wanted, "a string");

    const char *found = json_object_get_string_member_with_default(expect->report, where, "none");
    const char *text = json_node_get_string(wanted);

    if (strcmp(found, text) != 0)
        ddp_expect_fail(expect, "%s: expected %s, found %s", where, text, found);
    return true;
}

static bool
check_outcome(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    static const char *const outcomes[] = {"completed", "deadlock", "mismatch",
                                           "error",     "timeout",  NULL};

    if (ddp_expect_is_string(wanted) && !g_strv_contains(outcomes, json_node_get_string(wanted))) {
        g_autofree char *all = g_strjoinv(", ", (char **)outcomes);

        return ddp_expect_broken(expect, "%s is '%s', expected one of: %s", where,
                                 json_node_get_string(wanted), all);
    }
    return check_text(expect, wanted, where);
}

static bool
check_number(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    DdpWanted number;

    if (!ddp_expect_wanted(expect, wanted, where, &number))
        return false;

    double found = ddp_expect_real(expect->report, where);

    if (!ddp_expect_is_close(found, &number)) {
        g_autofree char *wanted_text = ddp_expect_wanted_text(&number);
        g_autofree char *found_text = ddp_expect_number_text(found);

        ddp_expect_fail(expect, "%s: expected %s, found %s", where, wanted_text, found_text);
    }
    return true;
}

/* ---- findings ---- */

static bool
list_has(JsonArray *list, const char *text)
{
    for (guint i = 0; i < json_array_get_length(list); i++)
        if (strcmp(json_array_get_string_element(list, i), text) == 0)
            return true;
    return false;
}

static const char *
kind_of(JsonArray *findings, guint index)
{
    return json_object_get_string_member_with_default(
        json_array_get_object_element(findings, index), "kind", "");
}

static bool
has_kind(JsonArray *findings, const char *kind)
{
    for (guint i = 0; i < json_array_get_length(findings); i++)
        if (strcmp(kind_of(findings, i), kind) == 0)
            return true;
    return false;
}

/* These kinds and no others, as often as they come. */
static bool
check_findings(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    JsonArray *kinds = ddp_expect_list(expect, wanted, where, ddp_expect_is_string,
                                       "kinds such as \"partial_coverage\"");
    JsonArray *found = json_object_get_array_member(expect->report, "findings");
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);

    if (kinds == NULL)
        return false;
    for (guint i = 0; i < json_array_get_length(kinds); i++) {
        const char *kind = json_array_get_string_element(kinds, i);

        if (!has_kind(found, kind))
            ddp_expect_fail(expect, "%s: expected %s, found none of that kind", where, kind);
    }
    for (guint i = 0; i < json_array_get_length(found); i++) {
        const char *kind = kind_of(found, i);

        if (!list_has(kinds, kind) && g_hash_table_add(told, (char *)kind))
            ddp_expect_fail(expect, "%s: expected no %s, found: %s", where, kind,
                            json_object_get_string_member_with_default(
                                json_array_get_object_element(found, i), "message", ""));
    }
    return true;
}

/* ---- files ---- */

static int64_t
count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    int64_t count = 0;

    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, entry->d_name, NULL);
        struct stat status;

        if (lstat(path, &status) == 0 && S_ISREG(status.st_mode))
            count++;
    }
    closedir(dir);
    return count;
}

/* An expectation looks at the run's own logs and nowhere else. */
static bool
leads_away(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);

    return g_path_is_absolute(name) || g_strv_contains((const char *const *)parts, "..");
}

static bool
check_files(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    if (!ddp_expect_is_table(wanted))
        return ddp_expect_wrong_type(expect, where, wanted,
                                     "a table such as { [\"no_reduce\"] = 4 }");
    if (!JSON_NODE_HOLDS_OBJECT(wanted))
        return true;
    if (expect->logs_folder == NULL)
        return ddp_expect_broken(expect, "%s cannot be checked: this run wrote no files", where);

    JsonObject *names = json_node_get_object(wanted);
    g_autoptr(GPtrArray) sorted = ddp_expect_sorted_names(names);

    for (guint i = 0; i < sorted->len; i++) {
        const char *name = g_ptr_array_index(sorted, i);
        JsonNode *count;

        if (leads_away(name))
            return ddp_expect_broken(expect, "%s: '%s' leads out of the logs folder", where, name);
        if (!ddp_expect_member(expect, names, where, name, ddp_expect_is_number, "a number",
                               &count))
            return false;

        g_autofree char *folder = g_build_filename(expect->logs_folder, name, NULL);
        int64_t found = count_files(folder);

        if (found != json_node_get_int(count))
            ddp_expect_fail(expect,
                            "%s: expected %" G_GINT64_FORMAT " in '%s', found %" G_GINT64_FORMAT,
                            where, json_node_get_int(count), name, found);
    }
    return true;
}

/* ---- printed ---- */

/* Each text stands in a line of its own, and the lines come in this order. */
static bool
check_printed(const DdpExpect *expect, JsonNode *wanted, const char *where)
{
    JsonArray *texts =
        ddp_expect_list(expect, wanted, where, ddp_expect_is_string, "lines or parts of lines");
    JsonArray *lines = json_object_get_array_member(expect->report, "printed");
    guint line = 0;

    if (texts == NULL)
        return false;
    for (guint i = 0; i < json_array_get_length(texts); i++) {
        const char *text = json_array_get_string_element(texts, i);
        bool found = false;

        for (; !found && line < json_array_get_length(lines); line++)
            found = strstr(json_object_get_string_member_with_default(
                               json_array_get_object_element(lines, line), "text", ""),
                           text) != NULL;
        if (found)
            continue;
        if (i == 0)
            ddp_expect_fail(expect, "%s: expected a line with '%s', found none in %u", where, text,
                            json_array_get_length(lines));
        else
            ddp_expect_fail(expect, "%s: expected a line with '%s' after '%s', found none", where,
                            text, json_array_get_string_element(texts, i - 1));
        return true;
    }
    return true;
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    DdpExpectFunc check;
} checks[] = {
    {"outcome", check_outcome}, {"diagnosis", ddp_expect_diagnosis}, {"findings", check_findings},
    {"logs", ddp_expect_logs},  {"audit", ddp_expect_audit},         {"files", check_files},
    {"printed", check_printed}, {"virtual_time", check_number},      {"digest", check_text},
};

static bool
check_table(const DdpExpect *expect, JsonNode *wanted)
{
    const char *known[G_N_ELEMENTS(checks) + 1] = {NULL};

    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        known[i] = checks[i].name;

    JsonObject *names = ddp_expect_names(expect, wanted, "", known);

    if (names == NULL)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        JsonNode *member = json_object_get_member(names, checks[i].name);

        if (member != NULL && !checks[i].check(expect, member, checks[i].name))
            return false;
    }
    return true;
}

bool
ddp_expect_check(lua_State *L, int expect_index, JsonNode *report, const DdpMarks *marks,
                 const char *logs_folder, GPtrArray *failures, GError **error)
{
    g_return_val_if_fail(L != NULL && marks != NULL && failures != NULL, false);
    g_return_val_if_fail(report != NULL && JSON_NODE_HOLDS_OBJECT(report), false);

    if (lua_isfunction(L, expect_index)) {
        char *failure = ddp_expect_call(L, expect_index, report);

        if (failure != NULL)
            g_ptr_array_add(failures, failure);
        return true;
    }
    if (!lua_istable(L, expect_index)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "expect is a %s, expected a table or a function of the report",
                    lua_typename(L, lua_type(L, expect_index)));
        return false;
    }

    g_autoptr(JsonObject) no_names = json_object_new();
    g_autoptr(JsonNode) wanted = ddp_expect_read(L, expect_index, error);

    if (wanted == NULL)
        return false;

    const DdpExpect expect = {
        .report = json_node_get_object(report),
        .marks = marks,
        .logs_folder = logs_folder,
        .failures = failures,
        .no_names = no_names,
        .error = error,
    };

    return check_table(&expect, wanted);
}
