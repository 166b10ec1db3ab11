/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/script/args.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", ddp_cli_run, "play a scenario: its pitfall and its fix side by side"},
    {"test", ddp_cli_test, "hold scenarios to their expectations; exit 1 if one fails"},
    {"list", ddp_cli_list, "the scenarios that come with it, a line each"},
    {"events", ddp_cli_events, "read event files as TensorBoard would: tags, entries, values"},
    {"plot", ddp_cli_plot, "draw the pictures of a finished run again"},
};

static void
print_help(FILE *to)
{
    fputs("ddpsim - what logging and collectives really do under Distributed Data Parallel\n\n"
          "Usage: ddpsim COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n",
          to);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].what);
    fputs("\n'ddpsim COMMAND --help' explains a command. Begin with:\n"
          "  ddpsim run guarded_all_gather\n\n"
          "Exit status: 0 what was expected happened; 1 an expectation failed, or, where none was\n"
          "given, the world did not complete; 2 wrong use or a broken scenario file.\n",
          to);
}

static int
unknown_command(const char *name)
{
    const char *names[G_N_ELEMENTS(commands) + 1] = {NULL};

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i].name;

    const char *nearest = ddp_args_nearest(name, names);

    if (nearest != NULL)
        fprintf(stderr, "ddpsim: there is no command '%s', did you mean '%s'?\n", name, nearest);
    else
        fprintf(stderr, "ddpsim: there is no command '%s'; see 'ddpsim --help'\n", name);
    return DDP_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    /* A critical is a bug of ours: better no number than a wrong one. */
    g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
    setlocale(LC_CTYPE, "");
    /* A full disk or a limit on file size is an error that names the file, not a death. */
    signal(SIGXFSZ, SIG_IGN);

    if (argc < 2) {
        print_help(stderr);
        return DDP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return DDP_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ddpsim %s\n", DDP_VERSION);
        return DDP_EXIT_OK;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(argv[1]);
}
