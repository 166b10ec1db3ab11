/* SPDX-License-Identifier: MIT */
#include "plots/gnuplot.h"

#include <string.h>
#include <sys/wait.h>

#include "plots/plot.h"

/* Neither a control character nor one of those that no XML document may hold. */
static bool
is_drawable(gunichar c)
{
    return !g_unichar_iscntrl(c) && (c & 0xfffe) != 0xfffe && !(c >= 0xfdd0 && c <= 0xfdef) &&
           !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

/*
 * What may stand in a double-quoted string as it is. Everything else of ASCII becomes an octal
 * escape, so that no scanner of gnuplot's ever sees it: 5.4 reads some doubled single quotes
 * wrongly, and loses count of quotes of one kind inside of the other when it looks for @macros.
 * (It also takes a fourth digit for part of an escape, so none may follow one.)
 */
static bool
is_harmless(gunichar c)
{
    return c >= 0x80 || g_ascii_isalnum((char)c) || strchr(" _-:,.()/", (char)c) != NULL;
}

char *
ddp_gnuplot_quote(const char *text, int characters_max)
{
    g_return_val_if_fail(text != NULL && characters_max > 0, NULL);

    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *quoted = g_string_new("\"");
    int characters = 0;
    bool escaped = false; /* the last character was */

    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (++characters == characters_max && *g_utf8_next_char(at) != '\0') {
            g_string_append(quoted, "…");
            break;
        }
        if (!is_drawable(c))
            c = ' ';
        if (escaped && c < 0x80 && g_ascii_isdigit((char)c))
            g_string_append(quoted, "\".\"");
        escaped = !is_harmless(c);
        if (escaped)
            g_string_append_printf(quoted, "\\%03o", c);
        else
            g_string_append_unichar(quoted, c);
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}

/* gnuplot echoes the line in question before it says what is wrong with it. */
static char *
first_complaint(const char *said)
{
    g_auto(GStrv) lines = g_strsplit(said, "\n", -1);

    for (char **line = lines; *line != NULL; line++)
        if (strstr(*line, "line ") != NULL || strstr(*line, "annot ") != NULL)
            return g_strdup(g_strstrip(*line));
    for (char **line = lines; *line != NULL; line++)
        if (*g_strstrip(*line) != '\0')
            return g_strdup(*line);
    return g_strdup("it said nothing");
}

bool
ddp_gnuplot_run(const char *folder, const char *script, GError **error)
{
    g_return_val_if_fail(folder != NULL && script != NULL, false);

    char *argv[] = {(char *)"gnuplot", (char *)"--default-settings", (char *)script, NULL};
    g_autofree char *said = NULL;
    g_autoptr(GError) reason = NULL;
    int status;

    if (!g_spawn_sync(folder, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                      NULL, NULL, &said, &status, &reason)) {
        if (g_error_matches(reason, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
            g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_NO_GNUPLOT,
                        "gnuplot is not installed; the Debian package gnuplot-nox has it");
        else
            g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_GNUPLOT, "cannot run gnuplot: %s",
                        reason->message);
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;

    g_autofree char *complaint = first_complaint(said);

    g_set_error(error, DDP_PLOT_ERROR, DDP_PLOT_ERROR_GNUPLOT, "gnuplot failed: %s", complaint);
    return false;
}
