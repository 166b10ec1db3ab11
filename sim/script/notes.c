/* SPDX-License-Identifier: MIT */
/*
 * What a rank's verbs tell the run: lines printed, values logged, samples consumed, files made.
 * All of it goes through here, so limits are charged in one place and an oracle pass leaves no
 * trace but its true values.
 */
#include <errno.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/error.h"
#include "sim/script/log.h"
#include "sim/script/play.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

#define WALL_TIME_START 1700000000.0 /* 14 November 2023, 22:13:20 UTC */

const char *
ddp_script_host(int node_rank)
{
    g_autofree char *name = g_strdup_printf("node%d", node_rank);

    return g_intern_string(name);
}

double
ddp_script_wall_time(const DdpScriptRank *script)
{
    double seconds =
        script->world_rank != NULL ? (double)ddp_rank_now_ns(script->world_rank) * 1e-9 : 0.0;

    return WALL_TIME_START + seconds;
}

void
ddp_script_settle(lua_State *L)
{
    DdpScriptRank *script = ddp_script_rank(L);
    uint64_t flops = ddp_model_context_flops(script->model);

    if (flops > script->priv->flops_settled && script->world_rank != NULL && !script->oracle)
        ddp_rank_compute(script->world_rank, (double)(flops - script->priv->flops_settled));
    script->priv->flops_settled = flops;
}

static int
raise_limit(lua_State *L, const char *limit, int64_t value, const char *what)
{
    ddp_args_where(L);
    lua_pushfstring(L, "%s reached the limit %s=%I; raise it with --limit %s=...", what, limit,
                    (LUAI_UACINT)value, limit);
    lua_concat(L, 2);
    ddp_script_end(L, DDP_SCRIPT_END_MEMORY);
}

void
ddp_script_charge_output(lua_State *L, size_t bytes)
{
    DdpPlay *play = ddp_script_play(L);

    if (atomic_fetch_add(&play->counts->output, (int64_t)bytes) + (int64_t)bytes >
        play->limits.output)
        raise_limit(L, "output", play->limits.output, "the run's output");
}

void
ddp_script_print(lua_State *L, const char *line)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;
    size_t length = strlen(line);

    if (script->oracle)
        return;
    if ((int64_t)length > play->limits.message)
        raise_limit(L, "message", play->limits.message, "a printed line");
    ddp_script_charge_output(L, length + 1);
    ddp_tell_print(play->tell, script->rank, line);
}

/* ---- files ---- */

static bool
check_name(const char *name, GError **error)
{
    const char *wrong = NULL;
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);

    if (*name == '\0')
        wrong = "is empty";
    else if (*name == '/')
        wrong = "is absolute";
    for (int i = 0; parts[i] != NULL && wrong == NULL; i++) {
        if (strcmp(parts[i], "..") == 0)
            wrong = "leads upwards with '..'";
    }
    for (const char *at = name; *at != '\0' && wrong == NULL; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            wrong = "holds a control character";
    }
    if (wrong == NULL && strlen(name) > 200)
        wrong = "is longer than 200 bytes";
    if (wrong == NULL)
        return true;

    g_autofree char *shown = g_strescape(name, NULL);

    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_PATH,
                "the file name \"%.80s\" %s; a scenario writes only below its own logs folder",
                shown, wrong);
    return false;
}

char *
ddp_script_logs_path(lua_State *L, const char *name)
{
    const DdpPlay *play = ddp_script_play(L);
    GError *error = NULL;

    if (!check_name(name, &error))
        ddp_args_raise(L, error);
    if (play->logs_folder == NULL) {
        g_set_error(&error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_FAILED,
                    "there are log files only while a variant runs, inside main");
        ddp_args_raise(L, error);
    }
    return g_build_filename(play->logs_folder, name, NULL);
}

char *
ddp_script_output_path(lua_State *L, const char *name)
{
    DdpPlay *play = ddp_script_play(L);
    GError *error = NULL;

    if (atomic_fetch_add(&play->counts->files, 1) + 1 > play->limits.files)
        raise_limit(L, "files", play->limits.files, "the number of files");

    char *path = ddp_script_logs_path(L, name);
    char *parent = g_path_get_dirname(path);
    int made = g_mkdir_with_parents(parent, 0777);
    int made_errno = errno;

    g_free(parent);
    if (made != 0) {
        g_set_error(&error, G_FILE_ERROR, g_file_error_from_errno(made_errno),
                    "cannot make the folder for %s: %s", path, g_strerror(made_errno));
        g_free(path);
        ddp_args_raise(L, error);
    }
    return path;
}

/* ---- values and samples ---- */

bool
ddp_script_note_log(lua_State *L, const DdpLogNote *note)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpScriptPrivate *priv = script->priv;
    DdpPlay *play = priv->play;
    const char *known = note->site != NULL ? note->site : ddp_log_site_of(L, note->tag);
    /* Where the Trainer is, beside each of its values, or a line of text: there is no truth to hold
     * it against. */
    bool is_axis = strcmp(note->tag, "epoch") == 0 || strcmp(note->logger, "text") == 0;
    lua_Debug site;
    char place[DDP_PLACE_MAX] = "";

    if ((int64_t)strlen(note->tag) > play->limits.message)
        raise_limit(L, "message", play->limits.message, "a tag");
    if (atomic_fetch_add(&play->counts->entries, 1) + 1 > play->limits.entries)
        raise_limit(L, "entries", play->limits.entries, "the number of log entries");
    if (known != NULL)
        g_strlcpy(place, known, sizeof place);
    else if (ddp_args_site(L, &site))
        g_snprintf(place, sizeof place, "%s:%d", ddp_args_file(&site), site.currentline);

    priv->noted++;
    ddp_script_settle(L);
    if (script->oracle) {
        if (!is_axis)
            ddp_tell_truth(play->tell, script->rank, priv->evaluation, note->tag, note->step,
                           note->value);
        return false;
    }

    if (play->trace != NULL && script->world_rank != NULL)
        ddp_trace_event(play->trace, ddp_rank_now_ns(script->world_rank), script->rank, "log",
                        note->tag);

    const DdpToldLog log = {
        .rank = script->rank,
        .evaluation = is_axis ? -1 : priv->evaluation,
        .epoch = priv->evaluation_epoch,
        .logger = note->logger,
        .path = note->path,
        .tag = note->tag,
        .site = place,
        .step = note->step,
        .value = note->value,
    };

    ddp_tell_log(play->tell, &log);
    return true;
}

void
ddp_script_note_samples(lua_State *L, size_t dataset_size, const int64_t *indices, size_t count)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;

    if (play->audit == NULL || script->priv->evaluation < 0 || script->oracle)
        return;
    ddp_tell_samples(play->tell, script->rank, script->priv->evaluation, dataset_size, indices,
                     count);
}

void
ddp_script_note_merged(lua_State *L)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;

    if (play->audit == NULL || script->priv->evaluation < 0 || script->oracle)
        return;
    ddp_tell_merged(play->tell, script->rank, script->priv->evaluation);
}
