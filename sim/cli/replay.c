/* SPDX-License-Identifier: MIT */
#include "sim/cli/replay.h"

#include <string.h>

#include "sim/script/error.h"

#define FILE_PREFIX "replay:@"
#define FILE_BYTES_MAX (64 << 20)
/* What no shell takes for more than it is; everything else is quoted. */
#define SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=:,./@%+"

char *
ddp_replay_read(const char *schedule, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GMappedFile) file = NULL;
    const char *path, *token;

    if (!g_str_has_prefix(schedule, FILE_PREFIX))
        return g_strdup(schedule);
    path = schedule + strlen(FILE_PREFIX);
    file = g_mapped_file_new(path, FALSE, error);
    if (file == NULL) {
        g_prefix_error(error, "--schedule: ");
        return NULL;
    }
    if (g_mapped_file_get_length(file) > FILE_BYTES_MAX) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--schedule: %s has %" G_GSIZE_FORMAT " bytes, a token has at most %d", path,
                    g_mapped_file_get_length(file), FILE_BYTES_MAX);
        return NULL;
    }
    text = g_strndup(g_mapped_file_get_contents(file), g_mapped_file_get_length(file));
    g_strstrip(text);
    token = g_str_has_prefix(text, "replay:") ? text + strlen("replay:") : text;
    if (*token != '\0')
        return g_strconcat("replay:", token, NULL);
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                "--schedule: %s is empty, expected the token of a replay", path);
    return NULL;
}

static void
add_word(GString *command, const char *word)
{
    g_autofree char *quoted = NULL;

    g_string_append_c(command, ' ');
    if (*word != '\0' && strspn(word, SAFE) == strlen(word)) {
        g_string_append(command, word);
        return;
    }
    quoted = g_shell_quote(word);
    g_string_append(command, quoted);
}

static void
add_option(GString *command, const char *option, const char *value)
{
    if (value == NULL)
        return;
    add_word(command, option);
    add_word(command, value);
}

static void
add_options(GString *command, const char *option, char **values)
{
    for (int i = 0; values != NULL && values[i] != NULL; i++)
        add_option(command, option, values[i]);
}

char *
ddp_replay_command(const DdpRunRecord *record, const char *name, const DdpRunOptions *options,
                   bool small)
{
    GString *command;
    bool from_file = options->schedule != NULL && g_str_has_prefix(options->schedule, FILE_PREFIX);

    if (record->replay == NULL)
        return NULL;
    command = g_string_new("ddpsim run");
    add_word(command, name);
    add_option(command, "--variant", record->variant);
    add_option(command, "--world-size", options->world_size);
    add_option(command, "--nodes", options->nodes);
    add_option(command, "--engine", options->engine);
    add_option(command, "--backend", options->backend);
    add_option(command, "--debug", options->debug);
    add_option(command, "--topology", options->topology);
    add_option(command, "--seed", options->seed);
    add_options(command, "--set", options->sets);
    add_options(command, "--limit", options->limits);
    if (small)
        add_word(command, "--small");
    if (options->no_audit)
        add_word(command, "--no-audit");
    add_option(command, "--schedule", from_file ? options->schedule : record->replay);
    return g_string_free(command, FALSE);
}

bool
ddp_replay_is_wanted(const DdpRunRecord *record)
{
    return record->expected_met == 0 || strcmp(record->outcome, "completed") != 0;
}
