/* SPDX-License-Identifier: MIT */
/* `ddpsim plot DIR`: the pictures of a finished run, from its reports. */
#include <stdio.h>

#include "plots/plot.h"
#include "sim/cli/cli.h"

int
ddp_cli_plot(int argc, char **argv)
{
    const GOptionEntry entries[] = {G_OPTION_ENTRY_NULL};
    GError *error = NULL;
    bool drawn = false;
    int status = DDP_EXIT_OK;

    if (!ddp_cli_parse(&argc, &argv, "plot DIR",
                       "Draws the pictures of the run in DIR (DIR/VARIANT/report.json) again.",
                       entries, &status))
        return status;
    if (argc != 2) {
        fprintf(stderr, "ddpsim: plot: expected one folder, as in 'ddpsim plot "
                        "out/validation_one_over_world_size'\n");
        return DDP_EXIT_USAGE;
    }
    if (!ddp_plot_run(argv[1], &drawn, &error))
        return ddp_cli_fail(error, DDP_EXIT_USAGE);
    if (drawn)
        printf("%s/plots/\n", argv[1]);
    else
        printf("nothing to draw: the run logged no values inside an evaluation\n");
    return DDP_EXIT_OK;
}
