/* SPDX-License-Identifier: MIT */
/* `ddpsim list`: the scenarios that come with it. */
#include <stdio.h>

#include "sim/cli/cli.h"
#include "sim/cli/table.h"
#include "sim/script/scenario.h"

static void
add_row(DdpTable *table, const DdpScenario *scenario)
{
    ddp_table_add_row(table);
    ddp_table_add_cell(table, DDP_STYLE_BOLD, ddp_scenario_name(scenario));
    ddp_table_add_cell(table, DDP_STYLE_PLAIN, ddp_scenario_title(scenario));
    ddp_table_add_cellf(table, DDP_STYLE_PLAIN, "%d", ddp_scenario_variant_count(scenario));
}

int
ddp_cli_list(int argc, char **argv)
{
    const GOptionEntry entries[] = {G_OPTION_ENTRY_NULL};
    const DdpLimits limits = ddp_limits_default();
    const DdpTerminal terminal = ddp_terminal_detect();
    g_autoptr(GPtrArray) folders = ddp_cli_scenario_folders();
    g_autoptr(DdpTable) table = ddp_table_new();
    g_autoptr(GString) out = g_string_new(NULL);
    int status = DDP_EXIT_OK;
    guint found = 0;

    if (!ddp_cli_parse(&argc, &argv, "list", "The scenarios that come with ddpsim.", entries,
                       &status))
        return status;
    if (argc > 1) {
        fprintf(stderr, "ddpsim: list: takes no arguments\n");
        return DDP_EXIT_USAGE;
    }
    ddp_table_add_column(table, "scenario", DDP_COLUMN_NAME);
    ddp_table_add_column(table, "what it shows", DDP_COLUMN_TEXT);
    ddp_table_add_column(table, "variants", DDP_COLUMN_NUMBER);
    for (guint i = 0; i < folders->len && found == 0; i++) {
        g_autoptr(GPtrArray) files = NULL;

        if (!g_file_test(folders->pdata[i], G_FILE_TEST_IS_DIR))
            continue;
        files = ddp_cli_scenarios_below(folders->pdata[i], NULL);
        for (guint j = 0; files != NULL && j < files->len; j++) {
            GError *error = NULL;
            g_autoptr(DdpScenario) scenario = ddp_cli_load(files->pdata[j], &limits, &error);

            found++;
            if (scenario == NULL)
                status = ddp_cli_fail(error, DDP_EXIT_USAGE);
            else
                add_row(table, scenario);
        }
    }
    if (found == 0) {
        fprintf(stderr, "ddpsim: no scenarios found; set DDPSIM_SCENARIOS to the folder that holds "
                        "them\n");
        return DDP_EXIT_USAGE;
    }
    ddp_table_print(table, &terminal, 0, out);
    fputs(out->str, stdout);
    return status;
}
