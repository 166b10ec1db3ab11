/* SPDX-License-Identifier: MIT */
#include "plots/reports.h"

#include <dirent.h>
#include <errno.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "plots/plot.h"

#define FORMAT "ddpsim-report"
#define VERSION 1

static void
row_free(DdpPlotRow *row)
{
    g_free(row->key);
    g_free(row);
}

static void
report_free(DdpPlotReport *report)
{
    g_free(report->scenario);
    g_free(report->title);
    g_free(report->variant);
    g_free(report->fixes);
    g_free(report->backend);
    g_ptr_array_unref(report->rows);
    g_free(report);
}

/* ---- members, whatever stands there ---- */

static JsonNode *
member_of_type(JsonObject *object, const char *name, GType type)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type
               ? node
               : NULL;
}

static const char *
get_text(JsonObject *object, const char *name)
{
    JsonNode *node = member_of_type(object, name, G_TYPE_STRING);

    return node != NULL ? json_node_get_string(node) : NULL;
}

static int64_t
get_int(JsonObject *object, const char *name, int64_t fallback)
{
    JsonNode *node = member_of_type(object, name, G_TYPE_INT64);

    return node != NULL ? json_node_get_int(node) : fallback;
}

static double
get_real(JsonObject *object, const char *name)
{
    JsonNode *node = member_of_type(object, name, G_TYPE_DOUBLE);

    if (node == NULL)
        node = member_of_type(object, name, G_TYPE_INT64);
    return node != NULL ? json_node_get_double(node) : (double)NAN;
}

static JsonNode *
get_node(JsonObject *object, const char *name, JsonNodeType type)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_TYPE(node) == type ? node : NULL;
}

/* ---- a report ---- */

static bool
broken(GError **error, const char *path, const char *what)
{
    g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT, "%s: %s", path, what);
    return false;
}

static bool
read_rows(DdpPlotReport *report, JsonArray *audit, const char *path, GError **error)
{
    for (guint i = 0; i < json_array_get_length(audit); i++) {
        JsonNode *node = json_array_get_element(audit, i);
        JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *key = object != NULL ? get_text(object, "key") : NULL;

        if (key == NULL)
            return broken(error, path, "a row of the audit has no key");

        DdpPlotRow *row = g_new0(DdpPlotRow, 1);

        row->key = g_strdup(key);
        row->epoch = get_int(object, "epoch", -1);
        row->step = get_int(object, "step", 0);
        row->rank = (int)CLAMP(get_int(object, "rank", 0), 0, G_MAXINT);
        row->logged = get_real(object, "logged");
        row->truth = get_real(object, "true");
        row->samples = get_int(object, "samples", -1);
        row->of = get_int(object, "of", -1);
        g_ptr_array_add(report->rows, row);
    }
    return true;
}

static bool
read_report(DdpPlotReport *report, JsonNode *root, const char *path, GError **error)
{
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return broken(error, path, "not a report: no JSON object");

    JsonObject *object = json_node_get_object(root);
    JsonNode *audit = get_node(object, "audit", JSON_NODE_ARRAY);
    JsonNode *world = get_node(object, "world", JSON_NODE_OBJECT);
    int64_t version = get_int(object, "version", -1);

    if (g_strcmp0(get_text(object, "format"), FORMAT) != 0)
        return broken(error, path, "not a report: its format is not " FORMAT);
    if (version != VERSION) {
        g_autofree char *what = g_strdup_printf(
            "a report of version %" G_GINT64_FORMAT ", expected %d", version, VERSION);

        return broken(error, path, what);
    }
    if (get_text(object, "variant") == NULL || get_text(object, "scenario") == NULL)
        return broken(error, path, "names no scenario or no variant");
    if (audit == NULL || world == NULL)
        return broken(error, path, "has no audit or no world");

    report->scenario = g_strdup(get_text(object, "scenario"));
    report->title = g_strdup(get_text(object, "title"));
    report->variant = g_strdup(get_text(object, "variant"));
    report->fixes = g_strdup(get_text(object, "fixes"));
    report->backend = g_strdup(get_text(object, "backend"));
    report->variant_index = (int)CLAMP(get_int(object, "variant_index", 0), 0, G_MAXINT);
    report->world_size = (int)CLAMP(get_int(json_node_get_object(world), "size", 0), 0, G_MAXINT);
    return read_rows(report, json_node_get_array(audit), path, error);
}

static DdpPlotReport *
load(const char *path, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) reason = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &reason)) {
        g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT, "%s", reason->message);
        return NULL;
    }
    if (!json_parser_load_from_data(parser, text, (gssize)length, &reason)) {
        /* Where a file name would stand, json-glib says "<data>:". */
        const char *what = reason->message;

        if (g_str_has_prefix(what, "<data>:"))
            what += strlen("<data>:");
        g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT, "%s:%s", path, what);
        return NULL;
    }

    DdpPlotReport *report = g_new0(DdpPlotReport, 1);

    report->rows = g_ptr_array_new_with_free_func((GDestroyNotify)row_free);
    if (!read_report(report, json_parser_get_root(parser), path, error))
        g_clear_pointer(&report, report_free);
    return report;
}

/* ---- all reports of a scenario ---- */

static int
compare_reports(const void *a, const void *b)
{
    const DdpPlotReport *one = *(DdpPlotReport *const *)a, *other = *(DdpPlotReport *const *)b;

    if (one->variant_index != other->variant_index)
        return one->variant_index < other->variant_index ? -1 : 1;
    return strcmp(one->variant, other->variant);
}

GPtrArray *
ddp_plot_reports_read(const char *scenario_folder, GError **error)
{
    g_return_val_if_fail(scenario_folder != NULL, NULL);

    g_autoptr(GPtrArray) reports = g_ptr_array_new_with_free_func((GDestroyNotify)report_free);
    DIR *dir = opendir(scenario_folder);
    bool ok = true;

    if (dir == NULL) {
        g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT, "cannot read the folder %s: %s",
                    scenario_folder, g_strerror(errno));
        return NULL;
    }
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
        g_autofree char *path =
            g_build_filename(scenario_folder, entry->d_name, "report.json", NULL);
        DdpPlotReport *report;

        /* Not that of the folder itself or of the one above. */
        if (entry->d_name[0] == '.' || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
            continue;
        report = load(path, error);
        ok = report != NULL;
        if (ok)
            g_ptr_array_add(reports, report);
    }
    closedir(dir);
    if (!ok)
        return NULL;

    if (reports->len == 0) {
        g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_REPORT,
                    "no VARIANT/report.json in %s, expected the folder of a scenario that has run",
                    scenario_folder);
        return NULL;
    }
    g_ptr_array_sort(reports, compare_reports);
    return g_steal_pointer(&reports);
}
