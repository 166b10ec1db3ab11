/* SPDX-License-Identifier: MIT */
#include "plots/plot.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "plots/audit_picture.h"
#include "plots/gnuplot.h"
#include "plots/reports.h"

G_DEFINE_QUARK(ddp_plot_error_quark, ddp_plot_error)

#define SCRIPT "audit.gnuplot"
#define DATA "audit.dat"

/* What gnuplot makes from the two, and what is put in place in the end. */
static const char *const files[] = {DATA, SCRIPT, "audit.svg", "audit.png"};

static bool
set_write_error(GError **error, const char *path, int error_number)
{
    g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_WRITE, "cannot write %s: %s", path,
                g_strerror(error_number));
    return false;
}

static bool
write_file(const char *folder, const char *name, const GString *text, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) reason = NULL;

    if (g_file_set_contents_full(path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_NONE, 0666,
                                 &reason))
        return true;
    g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_WRITE, "cannot write %s: %s", path,
                reason->message);
    return false;
}

static bool
move_files(const char *from, const char *to, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *source = g_build_filename(from, files[i], NULL);
        g_autofree char *target = g_build_filename(to, files[i], NULL);

        if (g_rename(source, target) != 0)
            return set_write_error(error, target, errno);
    }
    return true;
}

/* Nothing but our own files is in there. */
static void
remove_workshop(const char *workshop)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(workshop, files[i], NULL);

        g_unlink(path);
    }
    g_rmdir(workshop);
}

static bool
draw(const char *plots, const GString *script, const GString *data, GError **error)
{
    g_autofree char *workshop = g_build_filename(plots, ".drawing-XXXXXX", NULL);

    if (g_mkdtemp(workshop) == NULL)
        return set_write_error(error, plots, errno);

    bool ok = write_file(workshop, SCRIPT, script, error) &&
              write_file(workshop, DATA, data, error) && ddp_gnuplot_run(workshop, SCRIPT, error) &&
              move_files(workshop, plots, error);

    remove_workshop(workshop);
    return ok;
}

bool
ddp_plot_run(const char *scenario_folder, bool *drawn, GError **error)
{
    g_return_val_if_fail(scenario_folder != NULL && drawn != NULL, false);

    g_autoptr(GPtrArray) reports = ddp_plot_reports_read(scenario_folder, error);
    g_autoptr(GString) script = g_string_new(NULL);
    g_autoptr(GString) data = g_string_new(NULL);
    g_autofree char *plots = g_build_filename(scenario_folder, "plots", NULL);

    *drawn = false;
    if (reports == NULL)
        return false;
    if (!ddp_audit_picture(reports, script, data))
        return true;

    if (g_mkdir_with_parents(plots, 0777) != 0)
        return set_write_error(error, plots, errno);
    *drawn = draw(plots, script, data, error);
    return *drawn;
}
