/* SPDX-License-Identifier: MIT */
/*
 * Playing a variant: a world whose ranks each load the scenario into a Lua state of their own and
 * call the variant's main; then the record of what happened, held to the expectations.
 */
#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/dataset.h"
#include "model/tensor.h"
#include "sim/audit/findings.h"
#include "sim/audit/report.h"
#include "sim/loggers/event_writer.h"
#include "sim/script/at_exit.h"
#include "sim/script/error.h"
#include "sim/script/expect.h"
#include "sim/script/record.h"
#include "sim/script/scenario_private.h"
#include "sim/script/state_private.h"
#include "sim/train/reducer.h"
#include "sim/world/chrome_trace.h"
#include "sim/world/diagnosis.h"
#include "sim/world/schedule.h"
#include "sim/world/world.h"

/* Lua nests C calls 200 deep; with our own verbs' frames that stays below this. */
#define STACK_BYTES (1 << 20)
#define SIZE_DEFAULT 4

typedef struct {
    DdpScenario *scenario;
    int index;
    const DdpRunSpec *spec;
    DdpWorldFields fields;
    DdpEngine engine;
    DdpBackend backend;
    DdpDebug debug;
    DdpPlay *play;
    DdpWorld *world;
    char *folder;
} Session;

DdpRunSpec
ddp_run_spec_default(void)
{
    return (DdpRunSpec){.audit = true, .trace = true, .out = "out", .limits = ddp_limits_default()};
}

/* ---- folders ---- */

static bool
remove_failed(const char *path, GError **error)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot remove %s: %s", path,
                g_strerror(errno));
    return false;
}

/* Removes a folder that an earlier run made; links are removed, never followed. */
static bool
remove_tree(const char *path, GError **error)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? true : remove_failed(path, error);
    if (!S_ISDIR(status.st_mode))
        return unlink(path) == 0 || remove_failed(path, error);

    DIR *dir = opendir(path);
    bool ok = true;

    if (dir == NULL)
        return remove_failed(path, error);
    for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            g_autofree char *child = g_build_filename(path, entry->d_name, NULL);

            ok = remove_tree(child, error);
        }
    }
    closedir(dir);
    if (!ok)
        return false;
    return rmdir(path) == 0 || remove_failed(path, error);
}

/* An empty logs folder, and nothing left of an earlier run that could be taken for this one. */
static bool
prepare_folder(const char *folder, GError **error)
{
    static const char *const leftovers[] = {DDP_REPORT_FILE, DDP_TRACE_FILE, DDP_CHROME_TRACE_FILE,
                                            "logs"};
    g_autofree char *logs = g_build_filename(folder, "logs", NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(leftovers); i++) {
        g_autofree char *path = g_build_filename(folder, leftovers[i], NULL);

        if (!remove_tree(path, error))
            return false;
    }
    if (g_mkdir_with_parents(logs, 0777) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot make the folder %s: %s; choose another with --out", logs,
                    g_strerror(errno));
        return false;
    }
    return true;
}

/* ---- a rank ---- */

/* Loads the file and calls the variant's main with the parameters. */
static bool
play_variant(const Session *session, lua_State *L, GError **error)
{
    if (!ddp_scenario_load_into(session->scenario, L, error))
        return false;
    ddp_script_trust(L);
    ddp_scenario_push_variant(L, 1, session->index);
    lua_pushliteral(L, "main");
    lua_rawget(L, -2);
    if (!ddp_scenario_push_params(session->scenario, L, session->spec->small, session->spec->sets,
                                  error))
        return false;
    if (!ddp_script_call(L, 1, 0, error))
        return false;
    /* Told in vain by a rank that only came here because it was let go on. */
    ddp_script_note_replicas(L);
    ddp_script_note_works(L);
    return true;
}

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    Session *session = user_data;
    DdpTell *tell = session->play->tell;
    int index = ddp_rank_index(rank);
    const DdpScriptSpec spec = {
        .rank = index,
        .world_size = session->fields.size,
        .nproc_per_node = session->fields.nproc_per_node,
        .world_rank = rank,
        .pid = ddp_rank_pid(rank),
    };
    GError *reason = NULL;

    ddp_tell_enter(tell);

    lua_State *L = ddp_script_state_new(session->play, &spec, error);

    if (L == NULL)
        return false;

    ddp_rank_set_data(rank, L);

    bool ok = play_variant(session, L, &reason);

    if (!ddp_script_run_at_exit(L, !ok && ddp_script_ended(L) != DDP_SCRIPT_END_EXIT,
                                ok ? &reason : NULL))
        ok = false;
    ddp_rank_set_data(rank, NULL);

    if (!ok) {
        DdpScriptEnd end = ddp_script_ended(L);
        GPtrArray *stack = ddp_script_error_stack(L);

        if (stack != NULL && end != DDP_SCRIPT_END_KILL)
            ddp_tell_stack(tell, index, stack);
        if (end == DDP_SCRIPT_END_STEPS && ddp_world_is_hopeless(session->world))
            ddp_rank_set_cut_short(rank);
        else if (end == DDP_SCRIPT_END_STEPS)
            ddp_rank_set_endless(rank);
        if (end == DDP_SCRIPT_END_EXIT) {
            /* Leaving with status 0 is no failure of this rank; others may miss it. */
            g_clear_error(&reason);
            ok = true;
        }
    }
    ddp_script_state_free(L);
    if (!ok)
        g_propagate_error(error, reason);
    return ok;
}

/* On a rank that waits, when the world has ended. */
static bool
foresee(DdpRank *rank, void *user_data)
{
    lua_State *L = ddp_rank_data(rank);

    (void)user_data;
    return L != NULL && ddp_script_foresee(L);
}

/* In the parent of forked ranks, whenever they told something. */
static void
watch(void *user_data)
{
    const Session *session = user_data;

    (void)ddp_tell_pump(session->play->tell); /* what is left makes us be called again */
}

/* ---- the record ---- */

static void
record_group(const Session *session, const DdpGroup *group)
{
    for (int kind = 0; kind < DDP_CALL_KIND_COUNT; kind++) {
        uint64_t count = ddp_group_call_count(group, (DdpCallKind)kind);

        if (count > 0) {
            DdpCollectiveCount *row = g_new0(DdpCollectiveCount, 1);

            row->kind = g_strdup(ddp_call_kind_name((DdpCallKind)kind));
            row->group = g_strdup(ddp_group_name(group));
            row->count = (int64_t)count;
            row->bytes = (int64_t)ddp_group_call_bytes(group, (DdpCallKind)kind);
            g_ptr_array_add(session->play->record->collectives, row);
        }
    }
}

static void
record_collectives(const Session *session)
{
    DdpComm *comm = ddp_world_comm(session->world);

    for (int i = 0; i < ddp_comm_group_count(comm); i++)
        record_group(session, ddp_comm_group(comm, i));
}

static void
record_replicas(const Session *session)
{
    DdpReplicas *replicas = session->play->replicas;
    GArray *ranks = NULL;
    int64_t step;
    int what;

    if (replicas == NULL || !ddp_replicas_divergence(replicas, &what, &step, &ranks))
        return;

    g_autofree char *who = ddp_ranks_text(ranks);
    g_autofree char *message =
        g_strdup_printf("after step %" G_GINT64_FORMAT " the %s of %s differ from those of rank 0",
                        step, what % 2 == 0 ? "weights" : "buffers", who);
    DdpFinding *finding =
        ddp_run_record_add_finding(session->play->record, "replica_divergence", message);

    g_array_append_vals(finding->ranks, ranks->data, ranks->len);
    g_array_unref(ranks);
}

/* Messages that nobody received: with NCCL their senders would have hung. */
static void
record_unreceived(const Session *session)
{
    const DdpComm *comm = ddp_world_comm(session->world);
    size_t count = ddp_comm_unreceived(comm);

    for (size_t i = 0; i < count; i++) {
        const DdpCall *call;
        int src, dst;

        ddp_comm_unreceived_at(comm, i, &src, &dst, &call);

        g_autofree char *message =
            g_strdup_printf("rank %d sent a message to rank %d that was never received", src, dst);
        DdpFinding *finding =
            ddp_run_record_add_finding(session->play->record, "unmatched_send", message);

        g_array_append_val(finding->ranks, src);
        g_ptr_array_add(finding->sites, g_strdup_printf("%s:%d", call->site.file, call->site.line));
    }
}

static void
fill_record(const Session *session)
{
    DdpRunRecord *record = session->play->record;
    g_autoptr(DdpDiagnosis) diagnosis = ddp_diagnosis_new(session->world, session->backend);

    record->outcome = g_strdup(ddp_outcome_name(ddp_world_outcome(session->world)));
    record->virtual_time = (double)ddp_world_now_ns(session->world) * 1e-9;
    ddp_record_ranks(record, session->world, diagnosis, session->play->stacks);
    if (diagnosis != NULL)
        ddp_record_diagnosis(record, diagnosis);
    record_collectives(session);
    record_replicas(session);
    record_unreceived(session);
    ddp_record_pairings(record, ddp_world_comm(session->world));
    if (session->play->audit != NULL)
        ddp_audit_finish(session->play->audit, record);
    else
        ddp_findings_from_logs(record);
}

/* What is known of the run before it begins. */
static void
begin_record(const Session *session)
{
    DdpRunRecord *record = session->play->record;
    const DdpScenario *scenario = session->scenario;
    const DdpVariant *variant = scenario->variants->pdata[session->index];

    record->scenario = g_strdup(scenario->name);
    record->scenario_path = g_strdup(scenario->path);
    record->title = g_strdup(scenario->title);
    record->lesson = g_strdup(scenario->lesson);
    record->variant = g_strdup(variant->name);
    record->variant_index = session->index;
    record->fixes = g_strdup(variant->fixes);
    record->seed = session->fields.seed;
    record->engine = g_strdup(ddp_engine_name(session->engine));
    record->backend = g_strdup(ddp_backend_name(session->backend));
    record->debug = g_strdup(ddp_debug_name(session->debug));
    record->size = session->fields.size;
    record->nodes = session->fields.nodes;
    record->nproc_per_node = session->fields.nproc_per_node;
}

/* ---- expectations ---- */

static bool
hold_to_expectations(const Session *session, GError **error)
{
    DdpScenario *scenario = session->scenario;
    DdpRunRecord *record = session->play->record;
    lua_State *L = scenario->L;
    g_autoptr(DdpMarks) marks = NULL;
    g_autoptr(JsonNode) report = NULL;

    if (!((const DdpVariant *)scenario->variants->pdata[session->index])->expects)
        return true;
    marks = ddp_marks_read(scenario->text, error);
    if (marks == NULL) {
        g_prefix_error(error, "%s: ", scenario->path);
        return false;
    }
    report = ddp_report_build(record);
    ddp_scenario_push_variant(L, 1, session->index);
    lua_pushliteral(L, "expect");
    lua_rawget(L, -2);

    bool ok = ddp_expect_check(L, lua_gettop(L), report, marks, session->play->logs_folder,
                               record->expected_failures, error);

    lua_settop(L, 1);
    if (ok)
        record->expected_met = record->expected_failures->len == 0;
    else
        g_prefix_error(error, "%s: ", scenario->path);
    return ok;
}

/* ---- all of it ---- */

/* Who carries the ranks, and whether it can carry so many. */
static bool
resolve_engine(Session *session, GError **error)
{
    const DdpScenario *scenario = session->scenario;
    const char *name =
        session->spec->engine != NULL ? session->spec->engine : session->fields.engine;
    int64_t most = scenario->limits.ranks;
    bool forks;

    if (name != NULL && !ddp_engine_from_name(name, &session->engine)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "%s: engine is '%s', expected fibers, threads or processes", scenario->path,
                    name);
        return false;
    }
    forks = session->engine == DDP_ENGINE_PROCESSES;
    if (forks)
        most = MIN(most, scenario->limits.ranks_forked);
    if (session->fields.size <= most)
        return true;
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_LIMIT,
                "%s: a world of %d %s is above the limit ranks=%" G_GINT64_FORMAT
                "; raise it with --limit ranks=%d",
                scenario->path, session->fields.size, forks ? "processes" : "ranks", most,
                session->fields.size);
    return false;
}

/* Only fibers go by the schedule: elsewhere a replay would be a promise that nobody keeps. */
static bool
check_schedule(const Session *session, GError **error)
{
    const char *schedule = session->fields.schedule;

    if (session->engine == DDP_ENGINE_FIBERS || schedule == NULL ||
        !g_str_has_prefix(schedule, "replay:"))
        return true;
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                "%s: engine is '%s', but only fibers can play a schedule again; leave out the "
                "engine or the replay",
                session->scenario->path, ddp_engine_name(session->engine));
    return false;
}

static bool
resolve_world(Session *session, GError **error)
{
    const DdpRunSpec *spec = session->spec;
    DdpWorldFields *fields = &session->fields;
    const DdpScenario *scenario = session->scenario;

    if (!ddp_scenario_variant_world(session->scenario, session->index, fields, error))
        return false;
    if (spec->nodes > 0)
        fields->nodes = spec->nodes;
    if (fields->nodes == 0)
        fields->nodes = 1;
    if (spec->world_size > 0 || spec->nodes > 0) {
        /* A size from the command line leaves the ranks a node open. */
        if (spec->world_size > 0)
            fields->size = spec->world_size;
        fields->nproc_per_node = 0;
    }
    if (fields->size == 0)
        fields->size =
            fields->nproc_per_node > 0 ? fields->nproc_per_node * fields->nodes : SIZE_DEFAULT;
    if (!resolve_engine(session, error))
        return false;
    if (spec->backend != NULL) {
        g_free(fields->backend);
        fields->backend = g_strdup(spec->backend);
    }
    if (spec->debug != NULL) {
        g_free(fields->debug);
        fields->debug = g_strdup(spec->debug);
    }
    if (spec->schedule != NULL) {
        g_free(fields->schedule);
        fields->schedule = g_strdup(spec->schedule);
    }
    if (!check_schedule(session, error))
        return false;
    if (spec->has_seed)
        fields->seed = spec->seed;
    if (fields->backend != NULL && !ddp_backend_from_name(fields->backend, &session->backend)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "%s: backend is '%s', expected nccl or gloo", scenario->path, fields->backend);
        return false;
    }
    if (fields->debug != NULL && !ddp_debug_from_name(fields->debug, &session->debug)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "%s: debug is '%s', expected detail, off or verdict", scenario->path,
                    fields->debug);
        return false;
    }
    return true;
}

static bool
make_world(Session *session, GError **error)
{
    DdpWorldSpec spec = ddp_world_spec_default();
    const char *topology =
        session->spec->topology != NULL ? session->spec->topology : session->fields.topology;

    spec.engine = session->engine;
    spec.size = session->fields.size;
    spec.nodes = session->fields.nodes;
    spec.nproc_per_node = session->fields.nproc_per_node;
    spec.backend = session->backend;
    spec.debug = session->debug;
    spec.seed = session->fields.seed;
    spec.schedule = session->fields.schedule;
    spec.stack_bytes = STACK_BYTES;
    spec.foresee = foresee;
    spec.topology = ddp_topology_default();
    spec.timeout_ns = session->fields.timeout > 0 ? (int64_t)(session->fields.timeout * 1e9)
                                                  : ddp_backend_timeout_ns(session->backend);
    if (topology != NULL && !ddp_topology_parse(topology, &spec.topology, error))
        return false;
    spec.watch_fd = ddp_tell_fd(session->play->tell);
    spec.watch = watch;
    session->world = ddp_world_new(&spec, error);
    if (session->world == NULL) {
        g_prefix_error(error, "%s: ", session->scenario->path);
        return false;
    }
    if (session->fields.nproc_per_node == 0)
        session->fields.nproc_per_node = session->fields.size / session->fields.nodes;
    return true;
}

/* What it takes to choose the same again, if it was the schedule that chose. */
static bool
record_choices(const Session *session, GError **error)
{
    DdpRunRecord *record = session->play->record;
    size_t count;
    const uint32_t *choices = ddp_world_choices(session->world, &count);

    if (session->engine != DDP_ENGINE_FIBERS)
        return true;
    record->replay = g_strdup(record->schedule);
    if (session->spec->keep_choices) {
        record->choices = g_array_new(FALSE, FALSE, sizeof *choices);
        g_array_append_vals(record->choices, choices, (guint)count);
    }
    if (ddp_schedule_check_replay(record->schedule, session->fields.size, choices, count, error))
        return true;
    g_prefix_error(error, "%s: ", session->scenario->path);
    return false;
}

static bool
write_chrome_trace(const Session *session, const char *trace_path, GError **error)
{
    const DdpChromeTraceSpec spec = {.size = session->fields.size,
                                     .nproc_per_node = session->fields.nproc_per_node};
    g_autofree char *path = g_build_filename(session->folder, DDP_CHROME_TRACE_FILE, NULL);

    return ddp_chrome_trace_write(trace_path, path, &spec, error);
}

/* Without a trace none of an earlier run may stay and be taken for this one's. */
static bool
remove_traces(const Session *session, GError **error)
{
    static const char *const names[] = {DDP_TRACE_FILE, DDP_CHROME_TRACE_FILE};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(session->folder, names[i], NULL);

        if (g_unlink(path) != 0 && errno != ENOENT) {
            int code = errno;

            g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code),
                        "%s: cannot be removed: %s", path, g_strerror(code));
            return false;
        }
    }
    return true;
}

static bool
begin_trace(Session *session, const char *path, DdpTrace **trace, GError **error)
{
    if (!session->spec->trace)
        return remove_traces(session, error);
    *trace = ddp_trace_new(path, error);
    if (*trace == NULL)
        return false;
    session->play->trace = *trace;
    ddp_world_set_trace(session->world, *trace);
    if (session->engine == DDP_ENGINE_PROCESSES)
        ddp_trace_share(*trace);
    return true;
}

static bool
end_trace(Session *session, const char *path, DdpTrace *trace, GError **error)
{
    session->play->trace = NULL;
    return trace == NULL ||
           (ddp_trace_close(trace, error) && write_chrome_trace(session, path, error));
}

static bool
run_session(Session *session, GError **error)
{
    g_autofree char *trace_path = g_build_filename(session->folder, DDP_TRACE_FILE, NULL);
    g_autoptr(DdpTrace) trace = NULL;

    if (!begin_trace(session, trace_path, &trace, error))
        return false;
    session->play->record->schedule = g_strdup(ddp_world_schedule_text(session->world));
    begin_record(session);
    ddp_world_run(session->world, rank_main, session);
    while (ddp_tell_pump(session->play->tell))
        ;
    if (!ddp_text_files_finish(session->play->text_files, session->play->logs_folder,
                               session->play->record, error))
        return false;
    fill_record(session);
    return end_trace(session, trace_path, trace, error) && record_choices(session, error) &&
           hold_to_expectations(session, error) &&
           ddp_report_write(session->play->record, session->folder, error);
}

/*
 * Some names, and the lock of those, are made on first use, without a lock or under one that the
 * thread sanitizer cannot see: here, while there is but one thread.
 */
static void
make_names(const Session *session)
{
    (void)DDP_COMM_ERROR;
    (void)DDP_DATA_ERROR;
    (void)DDP_EVENT_WRITER_ERROR;
    (void)DDP_SCRIPT_ERROR;
    (void)DDP_TENSOR_ERROR;
    (void)DDP_TRAIN_ERROR;
    (void)DDP_WORLD_ERROR;
    for (int node = 0; node < session->fields.nodes; node++)
        (void)ddp_script_host(node);
    g_error_free(g_error_new_literal(DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_FAILED, ""));
}

static bool
make_play(Session *session, GError **error)
{
    static const DdpRanksKind ranks[] = {[DDP_ENGINE_FIBERS] = DDP_RANKS_TAKE_TURNS,
                                         [DDP_ENGINE_THREADS] = DDP_RANKS_SHARE_MEMORY,
                                         [DDP_ENGINE_PROCESSES] = DDP_RANKS_ARE_FORKED};
    const DdpRunSpec *spec = session->spec;
    const DdpScenario *scenario = session->scenario;
    g_autofree char *logs = NULL;

    session->folder = ddp_scenario_variant_folder(scenario, session->index, spec->out);
    logs = g_build_filename(session->folder, "logs", NULL);
    session->play = ddp_play_new(&scenario->limits, session->fields.seed, logs);
    session->play->print = spec->print;
    session->play->progress = spec->progress;
    session->play->print_data = spec->print_data;
    session->play->audit = spec->audit ? ddp_audit_new(session->fields.size) : NULL;
    return ddp_play_prepare(session->play, ranks[session->engine], session->fields.size, error);
}

static void
session_clear(Session *session)
{
    ddp_world_free(session->world);
    ddp_play_free(session->play);
    ddp_world_fields_clear(&session->fields);
    g_free(session->folder);
}

DdpRunRecord *
ddp_scenario_run(DdpScenario *scenario, int index, const DdpRunSpec *spec, GError **error)
{
    Session session = {.scenario = scenario, .index = index, .spec = spec};
    DdpRunRecord *record = NULL;

    g_return_val_if_fail(index >= 0 && index < (int)scenario->variants->len, NULL);

    /* Asked for in vain: told before anything is touched. */
    bool ok = resolve_world(&session, error) && make_play(&session, error) &&
              make_world(&session, error) &&
              ddp_scenario_push_params(scenario, scenario->L, spec->small, spec->sets, error);

    if (ok) {
        lua_settop(scenario->L, 1);
        if (session.engine == DDP_ENGINE_THREADS)
            make_names(&session);
        ok = prepare_folder(session.folder, error) && run_session(&session, error);
    }
    if (ok)
        record = g_steal_pointer(&session.play->record);
    session_clear(&session);
    return record;
}
