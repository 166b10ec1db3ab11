/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "sim/script/scenario.h"

G_BEGIN_DECLS

/* Exit statuses of every subcommand. */
#define DDP_EXIT_OK 0
#define DDP_EXIT_FAILED 1 /* an expectation failed, or, with none, the world did not complete */
#define DDP_EXIT_USAGE 2  /* wrong use, or a broken scenario file */

/* The subcommands; @argv[0] is the subcommand's own name. */
int ddp_cli_run(int argc, char **argv);
int ddp_cli_test(int argc, char **argv);
int ddp_cli_list(int argc, char **argv);
int ddp_cli_events(int argc, char **argv);
int ddp_cli_plot(int argc, char **argv);

/**
 * ddp_cli_parse:
 * @summary: "run FILE" and a sentence, for --help
 * @status: (out): what to exit with when the result is false
 *
 * Parses options with GLib, prints --help, and turns a wrong option into one line that names the
 * nearest right one.
 *
 * Returns: false if the program shall end with @status
 */
gboolean ddp_cli_parse(int *argc, char ***argv, const char *usage, const char *summary,
                       const GOptionEntry *entries, int *status);

/* Prints "ddpsim: " and the message as one line on standard error; frees @error. */
int ddp_cli_fail(GError *error, int status);

/* Removes a file or a folder with all that is in it; what cannot be removed stays. */
void ddp_cli_remove_tree(const char *path);

/* (transfer full) (element-type char*): the folders that hold the scenarios that come with it. */
GPtrArray *ddp_cli_scenario_folders(void);

/**
 * ddp_cli_load:
 *
 * Loads a scenario; one that comes with ddpsim is shown by its file's name alone, unless it lies
 * below the working folder.
 */
DdpScenario *ddp_cli_load(const char *path, const DdpLimits *limits, GError **error);

/* (transfer full): @name itself if there is such a file, else the shipped scenario of that name. */
char *ddp_cli_find_scenario(const char *name, GError **error);

/* (transfer full) (element-type char*): the scenario files below @path, sorted. */
GPtrArray *ddp_cli_scenarios_below(const char *path, GError **error);

G_END_DECLS
