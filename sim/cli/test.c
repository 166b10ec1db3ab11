/* SPDX-License-Identifier: MIT */
/* `ddpsim test [PATH ...]`: plays scenarios and holds them to their expectations. */
#include <stdio.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/determinism.h"
#include "sim/cli/replay.h"
#include "sim/cli/run_options.h"
#include "sim/cli/terminal.h"
#include "sim/script/scenario.h"

typedef struct {
    char *scenario; /* its path */
    char *variant;  /* (nullable): the file itself failed */
    int64_t time_us;
    GPtrArray *failures; /* of char*; empty when it passed */
} Result;

typedef struct {
    DdpTerminal terminal;
    DdpProgress *progress;
    bool tap;
    bool quiet;
    GPtrArray *results; /* of Result */
} Tester;

static void
result_free(void *result_)
{
    Result *result = result_;

    g_free(result->scenario);
    g_free(result->variant);
    g_ptr_array_unref(result->failures);
    g_free(result);
}

static Result *
add_result(Tester *tester, const char *scenario, const char *variant, int64_t time_us)
{
    Result *result = g_new0(Result, 1);

    result->scenario = g_strdup(scenario);
    result->variant = g_strdup(variant);
    result->time_us = time_us;
    result->failures = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(tester->results, result);
    return result;
}

static void
show_result(const Tester *tester, const Result *result)
{
    bool ok = result->failures->len == 0;
    g_autofree char *name = result->variant != NULL
                                ? g_strdup_printf("%s/%s", result->scenario, result->variant)
                                : g_strdup(result->scenario);
    g_autofree char *escaped = ddp_terminal_escape(name);
    g_autoptr(GString) out = g_string_new(NULL);

    if (tester->tap) {
        printf("%s %u - %s\n", ok ? "ok" : "not ok", tester->results->len, escaped);
    } else if (!ok || !tester->quiet) {
        ddp_terminal_append(&tester->terminal, out, ok ? DDP_STYLE_GOOD : DDP_STYLE_BAD,
                            ok ? "ok  " : "FAIL");
        printf("%s %s (%.0f ms)\n", out->str, escaped, (double)result->time_us / 1e3);
    }
    for (guint i = 0; i < result->failures->len; i++) {
        g_autofree char *line = ddp_terminal_escape(result->failures->pdata[i]);

        printf("%s %s\n", tester->tap ? "#" : "    ", line);
    }
}

/* What went wrong inside, where the expectation says only that it did. */
static void
add_cause(Result *result, const DdpRunRecord *record)
{
    if (record->diagnosis != NULL) {
        g_ptr_array_add(result->failures, g_strdup(record->diagnosis->summary));
        return;
    }
    for (guint i = 0; i < record->ranks->len; i++) {
        const DdpRankRecord *rank = record->ranks->pdata[i];

        if (rank->error != NULL) {
            g_ptr_array_add(result->failures,
                            g_strdup_printf("rank %d: %s", rank->rank, rank->error));
            return;
        }
    }
}

/* What was found when it was played twice. */
static void
add_lines(Result *result, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (int i = 0; lines[i] != NULL; i++)
        g_ptr_array_add(result->failures, g_strdup(lines[i]));
}

/* What to type to see it again. */
static void
add_replay(Result *result, const DdpRunRecord *record, const DdpRunOptions *options, bool small)
{
    g_autofree char *command = ddp_replay_command(record, result->scenario, options, small);

    if (command != NULL)
        g_ptr_array_add(result->failures, g_strdup_printf("replay: %s", command));
}

static void
test_variant(Tester *tester, DdpScenario *scenario, int index, const DdpRunOptions *options,
             const DdpRunSpec *spec)
{
    GError *error = NULL;
    int64_t start_us = g_get_monotonic_time();
    g_auto(DdpDeterminism) found = {.same = true};
    g_autoptr(DdpRunRecord) record =
        options->check_determinism ? ddp_determinism_run(scenario, index, spec, &found, &error)
                                   : ddp_scenario_run(scenario, index, spec, &error);
    Result *result =
        add_result(tester, ddp_scenario_path(scenario), ddp_scenario_variant(scenario, index)->name,
                   g_get_monotonic_time() - start_us);

    if (record == NULL) {
        g_ptr_array_add(result->failures, g_strdup(error->message));
        g_error_free(error);
    } else {
        for (guint i = 0; i < record->expected_failures->len; i++)
            g_ptr_array_add(result->failures, g_strdup(record->expected_failures->pdata[i]));
        if (record->expected_met < 0 && strcmp(record->outcome, "completed") != 0)
            g_ptr_array_add(
                result->failures,
                g_strdup_printf("outcome: nothing was expected, found %s", record->outcome));
        if (result->failures->len > 0)
            add_cause(result, record);
        if (!found.same)
            add_lines(result, found.told);
        if (result->failures->len > 0)
            add_replay(result, record, options, spec->small);
    }
    ddp_progress_hide(tester->progress);
    show_result(tester, result);
    fflush(stdout);
}

static bool
test_file(Tester *tester, const char *path, const DdpRunOptions *options, const DdpRunSpec *spec)
{
    GError *error = NULL;
    g_autoptr(DdpScenario) scenario = ddp_cli_load(path, &spec->limits, &error);

    if (scenario == NULL) {
        Result *result = add_result(tester, path, NULL, 0);

        g_ptr_array_add(result->failures, g_strdup(error->message));
        g_error_free(error);
        show_result(tester, result);
        return false;
    }
    for (int i = 0; i < ddp_scenario_variant_count(scenario); i++) {
        const char *name = ddp_scenario_variant(scenario, i)->name;
        g_autofree char *doing = g_strdup_printf("%s/%s", ddp_scenario_name(scenario), name);

        if (options->variants != NULL &&
            !g_strv_contains((const char *const *)options->variants, name))
            continue;
        ddp_progress_show(tester->progress, doing);
        test_variant(tester, scenario, i, options, spec);
    }
    return true;
}

/* ---- JUnit ---- */

static char *
junit_text(const Tester *tester, guint failed)
{
    GString *xml = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");

    g_string_append_printf(xml, "<testsuite name=\"ddpsim\" tests=\"%u\" failures=\"%u\">\n",
                           tester->results->len, failed);
    for (guint i = 0; i < tester->results->len; i++) {
        const Result *result = tester->results->pdata[i];
        g_autofree char *shown_scenario = ddp_terminal_escape(result->scenario);
        g_autofree char *shown_variant =
            ddp_terminal_escape(result->variant != NULL ? result->variant : "load");
        g_autofree char *line = g_markup_printf_escaped("  <testcase classname=\"%s\" name=\"%s\"",
                                                        shown_scenario, shown_variant);

        g_string_append_printf(xml, "%s time=\"%.3f\"", line, (double)result->time_us / 1e6);
        if (result->failures->len == 0) {
            g_string_append(xml, "/>\n");
            continue;
        }
        g_string_append(xml, ">\n");
        for (guint j = 0; j < result->failures->len; j++) {
            g_autofree char *text = ddp_terminal_escape(result->failures->pdata[j]);
            g_autofree char *failure =
                g_markup_printf_escaped("    <failure message=\"%s\"/>\n", text);

            g_string_append(xml, failure);
        }
        g_string_append(xml, "  </testcase>\n");
    }
    g_string_append(xml, "</testsuite>\n");
    return g_string_free(xml, FALSE);
}

/* ---- the command ---- */

static guint
count_failed(const Tester *tester)
{
    guint failed = 0;

    for (guint i = 0; i < tester->results->len; i++)
        failed += ((Result *)tester->results->pdata[i])->failures->len > 0;
    return failed;
}

/* The files below each path, or the shipped ones when no path is given. */
static GPtrArray *
files_of(char **paths, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) folders = ddp_cli_scenario_folders();

    for (int i = 0; paths[i] != NULL; i++) {
        GPtrArray *files = ddp_cli_scenarios_below(paths[i], error);

        if (files == NULL)
            return NULL;
        g_ptr_array_extend_and_steal(all, files);
    }
    for (guint i = 0; paths[0] == NULL && i < folders->len && all->len == 0; i++) {
        GPtrArray *files = g_file_test(folders->pdata[i], G_FILE_TEST_IS_DIR)
                               ? ddp_cli_scenarios_below(folders->pdata[i], error)
                               : NULL;

        if (files != NULL)
            g_ptr_array_extend_and_steal(all, files);
    }
    return g_steal_pointer(&all);
}

static int
test_all(Tester *tester, const GPtrArray *files, const DdpRunOptions *options, DdpRunSpec *spec)
{
    g_autofree char *temporary = NULL;
    bool broken = false;

    if (options->out == NULL) {
        GError *error = NULL;

        temporary = g_dir_make_tmp("ddpsim-XXXXXX", &error);
        if (temporary == NULL)
            return ddp_cli_fail(error, DDP_EXIT_USAGE);
        spec->out = temporary;
    }
    for (guint i = 0; i < files->len; i++)
        broken |= !test_file(tester, files->pdata[i], options, spec);
    if (temporary != NULL)
        ddp_cli_remove_tree(temporary);

    guint failed = count_failed(tester);

    if (tester->tap)
        printf("1..%u\n", tester->results->len);
    else
        printf("%u passed, %u failed\n", tester->results->len - failed, failed);
    if (broken)
        return DDP_EXIT_USAGE;
    return failed > 0 ? DDP_EXIT_FAILED : DDP_EXIT_OK;
}

int
ddp_cli_test(int argc, char **argv)
{
    DdpRunOptions options = {0};
    gboolean full = FALSE, tap = FALSE, quiet = FALSE;
    g_autofree char *junit = NULL;
    GOptionEntry entries[DDP_RUN_OPTION_COUNT + 5] = {
        {"full", 0, 0, G_OPTION_ARG_NONE, &full, "with full parameters, not the small ones", NULL},
        {"tap", 0, 0, G_OPTION_ARG_NONE, &tap, "print TAP", NULL},
        {"junit", 0, 0, G_OPTION_ARG_FILENAME, &junit, "write JUnit XML to FILE as well", "FILE"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "print failures and the last line only", NULL},
    };
    DdpRunSpec spec = ddp_run_spec_default();
    DdpProgressSpec progress = ddp_progress_spec_default();
    g_autoptr(GPtrArray) files = NULL;
    GError *error = NULL;
    int status = DDP_EXIT_OK;

    ddp_run_options_entries(&options, entries + 4);
    if (!ddp_cli_parse(
            &argc, &argv, "test [PATH ...] [OPTIONS]",
            "Plays scenario files, or all below a folder, and holds each variant to what "
            "it expects;\nwithout a path those that come with ddpsim. Uses the small "
            "parameters that a scenario gives.",
            entries, &status))
        goto out;
    if (!ddp_run_options_apply(&options, &spec, &error) ||
        (files = files_of(argv + 1, &error)) == NULL) {
        status = ddp_cli_fail(error, DDP_EXIT_USAGE);
        goto out;
    }
    if (files->len == 0) {
        fprintf(stderr, "ddpsim: test: there are no scenarios there\n");
        status = DDP_EXIT_USAGE;
        goto out;
    }

    Tester tester = {.terminal = ddp_terminal_detect(),
                     .progress = ddp_progress_new(&progress),
                     .tap = tap,
                     .quiet = quiet,
                     .results = g_ptr_array_new_with_free_func(result_free)};

    spec.small = !full;
    status = test_all(&tester, files, &options, &spec);
    if (junit != NULL) {
        g_autofree char *xml = junit_text(&tester, count_failed(&tester));

        if (!g_file_set_contents(junit, xml, -1, &error))
            status = ddp_cli_fail(error, DDP_EXIT_USAGE);
    }
    ddp_progress_free(tester.progress);
    g_ptr_array_unref(tester.results);
out:
    ddp_run_options_clear(&options);
    return status;
}
