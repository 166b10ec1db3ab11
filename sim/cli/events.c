/* SPDX-License-Identifier: MIT */
/* `ddpsim events`: event files, ours or anybody's, as TensorBoard would read them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/event_tables.h"
#include "sim/script/args.h"

typedef struct {
    DdpEventView view;
    const char *run; /* (nullable): only this run */
    bool json;
    DdpTerminal terminal;
    bool is_damaged; /* something could not be read */
    guint tags_shown;
} Request;

static void
report_problems(Request *request, const DdpEventProblems *problems)
{
    for (size_t i = 0; i < ddp_event_problems_count(problems); i++) {
        const DdpEventProblem *problem = ddp_event_problems_get(problems, i);
        g_autofree char *path = ddp_terminal_escape(problem->path);
        g_autofree char *what = ddp_terminal_escape(problem->what);

        fprintf(stderr, "%s: offset %" PRIu64 ": %s\n", path, problem->offset, what);
    }
    if (ddp_event_problems_omitted(problems) > 0)
        fprintf(stderr, "... and %" PRIu64 " more such places\n",
                ddp_event_problems_omitted(problems));
    if (ddp_event_problems_has_damage(problems))
        request->is_damaged = true;
}

static bool
write_out(const char *bytes, size_t length, G_GNUC_UNUSED void *user_data)
{
    return fwrite(bytes, 1, length, stdout) == length;
}

static void
show_run(Request *request, const DdpEventRun *run, const DdpEventAccumulator *read)
{
    for (size_t i = 0; i < ddp_event_accumulator_count(read); i++) {
        if (ddp_event_view_shows(&request->view, ddp_event_accumulator_get(read, i)))
            request->tags_shown++;
    }

    if (request->json) {
        DdpJsonOut *out = ddp_json_out_new_text(write_out, NULL, false);

        ddp_event_tables_tell(run, read, &request->view, out);
        /* What could not be written is seen in the end, on the stream itself. */
        (void)ddp_json_out_flush(out);
        ddp_json_out_free(out);
    } else {
        g_autoptr(GString) out = g_string_new(NULL);

        ddp_event_tables_append(run, read, &request->view, &request->terminal, out);
        g_string_append_c(out, '\n');
        write_out(out->str, out->len, NULL);
    }
    fflush(stdout); /* before the problems of this run, which go to the other stream */
    report_problems(request, ddp_event_accumulator_problems(read));
}

static bool
read_run(Request *request, const DdpEventRun *run)
{
    g_autoptr(DdpEventAccumulator) read = ddp_event_accumulator_new(run->path);
    GError *error = NULL;

    if (!ddp_event_accumulator_reload(read, &error)) {
        ddp_cli_fail(error, DDP_EXIT_USAGE);
        return false;
    }
    show_run(request, run, read);
    return true;
}

static int
report_unknown_run(const GPtrArray *runs, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *escaped = ddp_terminal_escape(name);

    for (guint i = 0; i < runs->len; i++)
        g_ptr_array_add(names, ((const DdpEventRun *)runs->pdata[i])->name);
    g_ptr_array_add(names, NULL);

    const char *nearest = ddp_args_nearest(name, (const char *const *)names->pdata);
    g_autofree char *shown =
        ddp_terminal_escape(nearest != NULL ? nearest : (const char *)names->pdata[0]);

    fprintf(stderr, "ddpsim: there is no run '%s' among %u, %s '%s'%s\n", escaped, runs->len,
            nearest != NULL ? "did you mean" : "the first is", shown, nearest != NULL ? "?" : "");
    return DDP_EXIT_USAGE;
}

static int
show_runs(Request *request, const GPtrArray *runs)
{
    guint shown = 0;

    for (guint i = 0; i < runs->len; i++) {
        const DdpEventRun *run = runs->pdata[i];

        if (request->run != NULL && !g_str_equal(request->run, run->name))
            continue;
        if (!read_run(request, run))
            return DDP_EXIT_USAGE;
        shown++;
    }
    if (shown == 0)
        return report_unknown_run(runs, request->run);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ddpsim: standard output cannot be written: %s\n", g_strerror(errno));
        return DDP_EXIT_FAILED;
    }
    if (request->view.tag != NULL && request->tags_shown == 0) {
        g_autofree char *escaped = ddp_terminal_escape(request->view.tag);

        fprintf(stderr, "ddpsim: no tag is, or as a whole matches, '%s'\n", escaped);
        return DDP_EXIT_USAGE;
    }
    return request->is_damaged ? DDP_EXIT_FAILED : DDP_EXIT_OK;
}

static int
show_path(Request *request, const char *path)
{
    g_autoptr(DdpEventProblems) problems = ddp_event_problems_new();
    GError *error = NULL;
    g_autoptr(GPtrArray) runs = ddp_event_runs_find(path, problems, &error);

    if (runs == NULL)
        return ddp_cli_fail(error, DDP_EXIT_USAGE);
    report_problems(request, problems);
    if (runs->len == 0) {
        g_autofree char *escaped = ddp_terminal_escape(path);

        fprintf(stderr,
                "ddpsim: %s: no event files in it or below (files with \"tfevents\" in "
                "their name)\n",
                escaped);
        return DDP_EXIT_USAGE;
    }
    return show_runs(request, runs);
}

int
ddp_cli_events(int argc, char **argv)
{
    g_autofree char *tag = NULL;
    g_autofree char *run = NULL;
    gboolean json = FALSE;
    gboolean all = FALSE;
    const GOptionEntry entries[] = {
        {"tag", 't', 0, G_OPTION_ARG_FILENAME, &tag,
         "only the tag NAME, or those that the regular expression matches as a whole", "NAME"},
        {"run", 'r', 0, G_OPTION_ARG_FILENAME, &run, "only the run NAME", "NAME"},
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "every entry, not only both ends of long series",
         NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "one JSON document a line, one for each run",
         NULL},
        G_OPTION_ENTRY_NULL,
    };
    int status = DDP_EXIT_OK;

    if (!ddp_cli_parse(&argc, &argv, "events PATH [OPTIONS]",
                       "Reads event files as TensorBoard would: a log folder with its runs, or a "
                       "single file.\nDamage is told on standard error and passed over; the exit "
                       "status is then 1.",
                       entries, &status))
        return status;
    if (argc != 2) {
        fprintf(stderr, "ddpsim: events: %s; see 'ddpsim events --help'\n",
                argc < 2 ? "which folder or file?" : "one folder or file at a time");
        return DDP_EXIT_USAGE;
    }

    g_autofree char *pattern = tag != NULL ? g_strdup_printf("^(?:%s)$", tag) : NULL;
    /* What is no regular expression may still be a name. */
    g_autoptr(GRegex) regex =
        pattern != NULL ? g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, NULL) : NULL;
    Request request = {.view = {.tag = tag, .pattern = regex, .all = all},
                       .run = run,
                       .json = json,
                       .terminal = ddp_terminal_detect()};

    return show_path(&request, argv[1]);
}
