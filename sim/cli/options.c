/* SPDX-License-Identifier: MIT */
/* How all subcommands read their options and say what is wrong. */
#include <stdio.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/terminal.h"
#include "sim/script/args.h"

int
ddp_cli_fail(GError *error, int status)
{
    g_autofree char *line = ddp_terminal_escape(error->message);

    fflush(stdout);
    fprintf(stderr, "ddpsim: %s\n", line);
    g_error_free(error);
    return status;
}

/* The option of @entries that @text, as in "--bakend=gloo", is a slip away from. */
static const char *
nearest_option(const char *text, const GOptionEntry *entries)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *name = g_strndup(text + 2, strcspn(text + 2, "="));

    for (; entries->long_name != NULL; entries++)
        g_ptr_array_add(names, (char *)entries->long_name);
    g_ptr_array_add(names, (char *)"help");
    g_ptr_array_add(names, NULL);
    return ddp_args_nearest(name, (const char *const *)names->pdata);
}

static int
report_wrong(const GError *error, char **argv, const char *command, const GOptionEntry *entries)
{
    if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)) {
        for (int i = 1; argv[i] != NULL; i++) {
            const char *nearest = NULL;

            if (!g_str_has_prefix(argv[i], "--") || strstr(error->message, argv[i]) == NULL)
                continue;
            nearest = nearest_option(argv[i], entries);
            if (nearest != NULL)
                fprintf(stderr, "ddpsim: unknown option '%s', did you mean '--%s'?\n", argv[i],
                        nearest);
            else
                fprintf(stderr, "ddpsim: unknown option '%s'; see 'ddpsim %s --help'\n", argv[i],
                        command);
            return DDP_EXIT_USAGE;
        }
    }
    fprintf(stderr, "ddpsim: %s; see 'ddpsim %s --help'\n", error->message, command);
    return DDP_EXIT_USAGE;
}

gboolean
ddp_cli_parse(int *argc, char ***argv, const char *usage, const char *summary,
              const GOptionEntry *entries, int *status)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) given = g_strdupv(*argv);

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, entries, NULL);
    for (int i = 1; given[i] != NULL && strcmp(given[i], "--") != 0; i++) {
        if (strcmp(given[i], "--help") == 0 || strcmp(given[i], "-h") == 0) {
            g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
            const char *options = strstr(help, "\n\n");

            printf("Usage: ddpsim %s\n\n%s%s", usage, summary, options != NULL ? options : "\n");
            *status = DDP_EXIT_OK;
            return FALSE;
        }
    }
    if (!g_option_context_parse(context, argc, argv, &error)) {
        *status = report_wrong(error, given, given[0], entries);
        return FALSE;
    }
    return TRUE;
}
