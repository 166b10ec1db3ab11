/* SPDX-License-Identifier: MIT */
/* `ddpsim run FILE`: plays the variants of a scenario and says what happened. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plots/plot.h"
#include "sim/audit/report.h"
#include "sim/cli/cli.h"
#include "sim/cli/determinism.h"
#include "sim/cli/replay.h"
#include "sim/cli/run_options.h"
#include "sim/cli/table.h"
#include "sim/cli/terminal.h"
#include "sim/cli/verdict.h"
#include "sim/script/scenario.h"

typedef struct {
    DdpTerminal terminal;
    DdpProgress *progress;
    bool json;
    bool plot;
    char *doing; /* for the progress line */
} Show;

static void
print_line(const char *line, int rank, void *user_data)
{
    Show *show = user_data;
    g_auto(GStrv) cells = g_strsplit(line, "\t", -1);
    g_autofree char *spaced = g_strjoinv("  ", cells);
    g_autofree char *escaped = ddp_terminal_escape(spaced);

    ddp_progress_hide(show->progress);
    if (show->json) {
        fprintf(stderr, "rank %d | %s\n", rank, escaped);
    } else {
        g_autoptr(GString) out = g_string_new("  ");
        g_autofree char *who = g_strdup_printf("rank %d | ", rank);

        ddp_terminal_append(&show->terminal, out, DDP_STYLE_DIM, who);
        g_string_append(out, escaped);
        printf("%s\n", out->str);
    }
}

static void
show_progress(int64_t collectives, void *user_data)
{
    Show *show = user_data;
    g_autofree char *text =
        g_strdup_printf("%s: %" G_GINT64_FORMAT " collectives", show->doing, collectives);

    ddp_progress_show(show->progress, text);
}

/* One line, however long: it is there to be copied. */
static void
append_replay(const Show *show, const char *command, GString *out)
{
    g_autofree char *escaped = command != NULL ? ddp_terminal_escape(command) : NULL;

    if (escaped == NULL)
        return;
    g_string_append(out, "  ");
    ddp_terminal_append(&show->terminal, out, DDP_STYLE_BOLD, "replay:");
    g_string_append_printf(out, " %s\n", escaped);
}

/* What a person sees of one variant, once it has run. */
static void
show_variant(const Show *show, const DdpRunRecord *record, const char *replay)
{
    g_autoptr(GString) out = g_string_new(NULL);

    ddp_verdict_append(record, &show->terminal, out);
    append_replay(show, replay, out);
    ddp_table_audit(record, &show->terminal, out);
    fputs(out->str, stdout);
}

/* On standard error when standard output is for reports. */
static void
show_determinism(const Show *show, const DdpDeterminism *found)
{
    g_auto(GStrv) lines = g_strsplit(found->told, "\n", -1);
    FILE *stream = show->json ? stderr : stdout;

    for (int i = 0; lines[i] != NULL; i++) {
        g_autofree char *escaped = ddp_terminal_escape(lines[i]);
        g_autoptr(GString) out = g_string_new(NULL);

        ddp_terminal_append(&show->terminal, out,
                            i > 0         ? DDP_STYLE_PLAIN
                            : found->same ? DDP_STYLE_GOOD
                                          : DDP_STYLE_BAD,
                            escaped);
        fprintf(stream, "%s%s\n", i > 0 ? "  " : "", out->str);
    }
    if (found->aside != NULL) {
        g_autofree char *escaped = ddp_terminal_escape(found->aside);

        fprintf(stream, "  the files of the first run are in %s\n", escaped);
    }
}

static void
show_heading(const Show *show, const DdpScenario *scenario, int index)
{
    const DdpVariant *variant = ddp_scenario_variant(scenario, index);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *name = ddp_terminal_escape(variant->name);
    g_autofree char *text = variant->fixes != NULL
                                ? g_strdup_printf("── %s (fixes %s)", name, variant->fixes)
                                : g_strdup_printf("── %s", name);
    g_autofree char *escaped = ddp_terminal_escape(text);

    g_string_append_c(out, '\n');
    ddp_terminal_append(&show->terminal, out, DDP_STYLE_BOLD, escaped);
    printf("%s\n", out->str);
}

static void
show_title(const Show *show, const DdpScenario *scenario)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *title = ddp_terminal_escape(ddp_scenario_title(scenario));

    ddp_terminal_append(&show->terminal, out, DDP_STYLE_BOLD, title);
    printf("%s\n", out->str);
}

static bool
as_expected(const DdpRunRecord *record)
{
    return record->expected_met >= 0 ? record->expected_met > 0
                                     : strcmp(record->outcome, "completed") == 0;
}

/* Where everything lies. */
static void
show_files(const Show *show, const DdpScenario *scenario, const DdpRunSpec *spec, bool drawn)
{
    g_autofree char *folder = ddp_scenario_folder(scenario, spec->out);
    g_autofree char *shown = ddp_terminal_escape(folder);

    printf("\nreports  %s/VARIANT/report.json%s\n", shown,
           spec->trace ? ", with trace.jsonl and trace.chrome.json beside each" : "");
    printf("logs     %s/VARIANT/logs/\n", shown);
    if (drawn)
        printf("picture  %s/plots/\n", shown);
    else if (show->plot)
        printf("picture  none: nothing was logged inside an evaluation\n");
}

static bool
draw(const DdpScenario *scenario, const DdpRunSpec *spec, bool *drawn, GError **error)
{
    g_autofree char *folder = ddp_scenario_folder(scenario, spec->out);

    return ddp_plot_run(folder, drawn, error);
}

/* The picture is a by-product: without gnuplot it is missed in words, and the run stands. */
static void
show_missing_picture(GError *error)
{
    g_autofree char *line = ddp_terminal_escape(error->message);

    fprintf(stderr, "ddpsim: no picture: %s\n", line);
    g_error_free(error);
}

static bool
wanted(const DdpRunOptions *options, const DdpVariant *variant)
{
    return options->variants == NULL ||
           g_strv_contains((const char *const *)options->variants, variant->name);
}

/* Plays one variant and shows what came of it; NULL if it could not be played. */
static DdpRunRecord *
play_variant(DdpScenario *scenario, int index, const char *name, const DdpRunOptions *options,
             const DdpRunSpec *spec, Show *show, int *status, GError **error)
{
    g_auto(DdpDeterminism) found = {.same = true};
    g_autofree char *replay = NULL;
    DdpRunRecord *record = options->check_determinism
                               ? ddp_determinism_run(scenario, index, spec, &found, error)
                               : ddp_scenario_run(scenario, index, spec, error);

    ddp_progress_hide(show->progress);
    if (record == NULL)
        return NULL;
    if (!as_expected(record) || !found.same)
        *status = DDP_EXIT_FAILED;
    if (ddp_replay_is_wanted(record))
        replay = ddp_replay_command(record, name, options, spec->small);
    if (show->json) {
        g_autofree char *line = ddp_report_line(record);

        printf("%s\n", line);
    } else {
        show_variant(show, record, replay);
    }
    if (found.told != NULL)
        show_determinism(show, &found);
    return record;
}

/* Plays the wanted variants of the scenario that the user named @name, and appends their records to
 * @records. */
static int
play(DdpScenario *scenario, const char *name, const DdpRunOptions *options, DdpRunSpec *spec,
     Show *show, GPtrArray *records)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new(); /* borrows from @records */
    GError *error = NULL;
    int status = DDP_EXIT_OK;
    bool drawn = false, missing = false;

    if (!show->json)
        show_title(show, scenario);
    for (int i = 0; i < ddp_scenario_variant_count(scenario); i++) {
        const DdpVariant *variant = ddp_scenario_variant(scenario, i);
        DdpRunRecord *record;

        if (!wanted(options, variant))
            continue;
        if (!show->json)
            show_heading(show, scenario, i);
        fflush(stdout);
        g_free(show->doing);
        show->doing = g_strdup_printf("%s, %s", ddp_scenario_name(scenario), variant->name);
        record = play_variant(scenario, i, name, options, spec, show, &status, &error);
        if (record == NULL)
            return ddp_cli_fail(error, DDP_EXIT_USAGE);
        g_ptr_array_add(records, record);
        g_ptr_array_add(own, record);
    }
    if (show->plot && !draw(scenario, spec, &drawn, &error)) {
        show_missing_picture(error);
        missing = true;
    }
    if (!show->json) {
        g_autoptr(GString) out = g_string_new("\n");

        ddp_table_run_summary(own, &show->terminal, out);
        fputs(out->str, stdout);
        if (missing)
            show->plot = false;
        show_files(show, scenario, spec, drawn);
    }
    return status;
}

static GPtrArray *
load_all(char **names, const DdpRunOptions *options, const DdpRunSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) scenarios =
        g_ptr_array_new_with_free_func((GDestroyNotify)ddp_scenario_free);

    for (int i = 0; names[i] != NULL; i++) {
        g_autofree char *path = ddp_cli_find_scenario(names[i], error);
        DdpScenario *scenario = path != NULL ? ddp_cli_load(path, &spec->limits, error) : NULL;

        if (scenario == NULL)
            return NULL;
        g_ptr_array_add(scenarios, scenario);
        for (int j = 0; options->variants != NULL && options->variants[j] != NULL; j++) {
            if (ddp_scenario_find_variant(scenario, options->variants[j], error) < 0)
                return NULL;
        }
    }
    return g_steal_pointer(&scenarios);
}

static int
play_all(const GPtrArray *scenarios, char **names, const DdpRunOptions *options, DdpRunSpec *spec,
         Show *show)
{
    g_autoptr(GPtrArray) records =
        g_ptr_array_new_with_free_func((GDestroyNotify)ddp_run_record_free);
    int status = DDP_EXIT_OK;

    for (guint i = 0; i < scenarios->len && status != DDP_EXIT_USAGE; i++) {
        if (i > 0 && !show->json)
            printf("\n");

        int played = play(scenarios->pdata[i], names[i], options, spec, show, records);

        status = MAX(status, played);
    }
    if (scenarios->len > 1 && !show->json && status != DDP_EXIT_USAGE) {
        g_autoptr(GString) out = g_string_new("\n");

        ddp_table_overview(records, &show->terminal, out);
        fputs(out->str, stdout);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ddpsim: cannot write to standard output\n");
        return DDP_EXIT_USAGE;
    }
    return status;
}

int
ddp_cli_run(int argc, char **argv)
{
    DdpRunOptions options = {0};
    gboolean json = FALSE, plot = FALSE, small = FALSE;
    GOptionEntry entries[DDP_RUN_OPTION_COUNT + 4] = {
        {"small", 0, 0, G_OPTION_ARG_NONE, &small, "the scenario's small parameters: seconds less",
         NULL},
        {"plot", 0, 0, G_OPTION_ARG_NONE, &plot, "draw the picture (needs gnuplot)", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "print the reports, one JSON document a line",
         NULL},
    };
    DdpRunSpec spec = ddp_run_spec_default();
    g_autoptr(GPtrArray) scenarios = NULL;
    GError *error = NULL;
    int status = DDP_EXIT_OK;

    ddp_run_options_entries(&options, entries + 3);
    if (!ddp_cli_parse(
            &argc, &argv, "run FILE ... [OPTIONS]",
            "Plays each variant of a scenario, a file or the name of one that comes with "
            "ddpsim,\nand ends with one table: pitfall beside fix.",
            entries, &status))
        goto out;
    if (argc < 2) {
        fprintf(stderr,
                "ddpsim: run: which scenario? 'ddpsim list' shows those that come with it\n");
        status = DDP_EXIT_USAGE;
        goto out;
    }

    if (!ddp_run_options_apply(&options, &spec, &error) ||
        (scenarios = load_all(argv + 1, &options, &spec, &error)) == NULL) {
        status = ddp_cli_fail(error, DDP_EXIT_USAGE);
        goto out;
    }

    DdpProgressSpec progress = ddp_progress_spec_default();
    Show show = {.terminal = ddp_terminal_detect(),
                 .progress = ddp_progress_new(&progress),
                 .json = json,
                 .plot = plot};

    spec.small = small;
    spec.print = print_line;
    spec.progress = show_progress;
    spec.print_data = &show;
    status = play_all(scenarios, argv + 1, &options, &spec, &show);
    ddp_progress_free(show.progress);
    g_free(show.doing);
out:
    ddp_run_options_clear(&options);
    return status;
}
