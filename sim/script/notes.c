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
#include "sim/script/play.h"
#include "sim/script/state_private.h"
#include "sim/world/world.h"

#define WALL_TIME_START 1700000000.0 /* 14 November 2023, 22:13:20 UTC */
#define HOST_COUNT_KNOWN 64

DdpPlay *
ddp_play_new(const DdpLimits *limits, uint64_t seed, const char *logs_folder)
{
    DdpPlay *play = g_new0(DdpPlay, 1);

    play->limits = *limits;
    play->seed = seed;
    play->logs_folder = g_strdup(logs_folder);
    play->record = ddp_run_record_new();
    play->interned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init(&play->lock);
    return play;
}

void
ddp_play_free(DdpPlay *play)
{
    if (play == NULL)
        return;
    g_free(play->logs_folder);
    ddp_run_record_free(play->record);
    ddp_audit_free(play->audit);
    ddp_replicas_free(play->replicas);
    g_hash_table_unref(play->interned);
    g_mutex_clear(&play->lock);
    g_free(play);
}

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

    if (atomic_fetch_add(&play->output, (int64_t)bytes) + (int64_t)bytes > play->limits.output)
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
    g_mutex_lock(&play->lock);
    g_ptr_array_add(play->record->printed, g_strdup_printf("%d\t%s", script->rank, line));
    if (play->print != NULL)
        play->print(line, script->rank, play->print_data);
    g_mutex_unlock(&play->lock);
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

    if (atomic_fetch_add(&play->files, 1) + 1 > play->limits.files)
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
    lua_Debug site;
    char place[LUA_IDSIZE + 16] = "";

    if ((int64_t)strlen(note->tag) > play->limits.message)
        raise_limit(L, "message", play->limits.message, "a tag");
    if (atomic_fetch_add(&play->entries, 1) + 1 > play->limits.entries)
        raise_limit(L, "entries", play->limits.entries, "the number of log entries");
    if (ddp_args_site(L, &site))
        g_snprintf(place, sizeof place, "%s:%d", site.short_src, site.currentline);

    g_mutex_lock(&play->lock);
    if (script->oracle) {
        ddp_audit_truth(play->audit, priv->evaluation, note->tag, note->step, note->value);
    } else {
        const DdpLogEntry entry = {note->step, note->value, script->rank, place};

        if (play->trace != NULL && script->world_rank != NULL)
            ddp_trace_event(play->trace, ddp_rank_now_ns(script->world_rank), script->rank, "log",
                            note->tag);
        ddp_run_record_log(play->record, note->logger, note->path, note->tag, &entry);
        if (play->audit != NULL && priv->evaluation >= 0)
            ddp_audit_logged(play->audit, priv->evaluation, priv->evaluation_epoch, script->rank,
                             note->tag, note->step, note->value, place);
    }
    g_mutex_unlock(&play->lock);
    return !script->oracle;
}

void
ddp_script_note_samples(lua_State *L, size_t dataset_size, const int64_t *indices, size_t count)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;

    if (play->audit == NULL || script->priv->evaluation < 0 || script->oracle)
        return;
    g_mutex_lock(&play->lock);
    ddp_audit_samples(play->audit, script->priv->evaluation, script->rank, dataset_size, indices,
                      count);
    g_mutex_unlock(&play->lock);
}

void
ddp_script_note_merged(lua_State *L)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    DdpPlay *play = script->priv->play;

    if (play->audit == NULL || script->priv->evaluation < 0 || script->oracle)
        return;
    g_mutex_lock(&play->lock);
    ddp_audit_merged(play->audit, script->priv->evaluation, script->rank);
    g_mutex_unlock(&play->lock);
}
