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

#include "sim/audit/findings.h"
#include "sim/audit/report.h"
#include "sim/script/error.h"
#include "sim/script/expect.h"
#include "sim/script/scenario_private.h"
#include "sim/script/state_private.h"
#include "sim/world/diagnosis.h"
#include "sim/world/world.h"

/* Lua nests C calls 200 deep; with our own verbs' frames that stays below this. */
#define STACK_BYTES (1 << 20)
/* How far a rank that still runs may go when the verdict is certain already. */
#define HURRY_STEPS 1000000
#define SIZE_DEFAULT 4
/* Lists of who waits for whom grow with the square of the world: past this they are cut. */
#define WAITING_FOR_MAX 64

typedef struct {
    DdpScenario *scenario;
    int index;
    const DdpRunSpec *spec;
    DdpWorldFields fields;
    DdpBackend backend;
    DdpPlay *play;
    DdpWorld *world;
    char *folder;
    lua_State **states; /* by rank, while it runs */
    GPtrArray **stacks; /* by rank: where it was when it failed or was ended */
} Session;

DdpRunSpec
ddp_run_spec_default(void)
{
    return (DdpRunSpec){.audit = true, .out = "out", .limits = ddp_limits_default()};
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
    static const char *const leftovers[] = {DDP_REPORT_FILE, "trace.jsonl", "logs"};
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
    ddp_script_note_replicas(L);
    ddp_script_note_works(L);
    return true;
}

static bool
rank_main(DdpRank *rank, void *user_data, GError **error)
{
    Session *session = user_data;
    int index = ddp_rank_index(rank);
    const DdpScriptSpec spec = {
        .rank = index,
        .world_size = session->fields.size,
        .nproc_per_node = session->fields.nproc_per_node,
        .world_rank = rank,
        .pid = ddp_rank_pid(rank),
    };
    lua_State *L = ddp_script_state_new(session->play, &spec, error);

    if (L == NULL)
        return false;
    session->states[index] = L;
    if (ddp_world_is_hopeless(session->world))
        ddp_script_hurry(L, HURRY_STEPS);

    GError *reason = NULL;
    bool ok = play_variant(session, L, &reason);

    if (!ok) {
        DdpScriptEnd end = ddp_script_ended(L);
        GPtrArray *stack = ddp_script_error_stack(L);

        session->stacks[index] = stack != NULL ? g_ptr_array_ref(stack) : NULL;
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
    session->states[index] = NULL;
    ddp_script_state_free(L);
    if (!ok)
        g_propagate_error(error, reason);
    return ok;
}

static void
hurry(DdpRank *rank, void *user_data)
{
    Session *session = user_data;
    lua_State *L = session->states[ddp_rank_index(rank)];

    if (L != NULL)
        ddp_script_hurry(L, HURRY_STEPS);
}

/* ---- the record ---- */

static void
record_rank(const Session *session, const DdpDiagnosis *diagnosis, int rank)
{
    DdpRunRecord *record = session->play->record;
    const DdpRankVerdict *verdict = ddp_world_rank_verdict(session->world, rank);
    DdpRankRecord *row = ddp_run_record_add_rank(record, rank);

    row->state = g_strdup(ddp_rank_state_name(verdict->state));
    row->error = g_strdup(verdict->error);
    row->seq = -1;
    row->since_ns = -1;
    if (session->stacks[rank] != NULL) {
        g_clear_pointer(&row->stack, g_ptr_array_unref);
        row->stack = g_ptr_array_ref(session->stacks[rank]);
    }
    if (!verdict->waits)
        return;
    row->collective = g_strdup(ddp_call_kind_name(verdict->call.kind));
    row->group = g_strdup(verdict->group);
    row->seq = (int64_t)verdict->seq;
    row->site = g_strdup_printf("%s:%d", verdict->call.site.file, verdict->call.site.line);
    row->since_ns = verdict->since_ns;
    row->signature = ddp_call_describe(&verdict->call);
    if (diagnosis != NULL)
        g_array_append_vals(row->waiting_for, diagnosis->missing->data,
                            MIN(diagnosis->missing->len, WAITING_FOR_MAX));
}

static void
record_diagnosis(const Session *session, const DdpDiagnosis *diagnosis)
{
    DdpDiagnosisRecord *row = ddp_run_record_set_diagnosis(session->play->record, diagnosis->cls);

    row->summary = g_strdup(diagnosis->summary);
    row->root_cause = g_strdup(diagnosis->root_cause);
    row->real_job = g_strdup(diagnosis->real_job);
    row->fix = g_strdup(diagnosis->fix);
    g_array_append_vals(row->blamed, diagnosis->blamed->data, diagnosis->blamed->len);
}

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

    if (replicas == NULL || !ddp_replicas_divergence(replicas, &step, &ranks))
        return;

    g_autofree char *who = ddp_ranks_text(ranks);
    g_autofree char *message = g_strdup_printf(
        "after step %" G_GINT64_FORMAT " the weights of %s differ from those of rank 0", step, who);
    DdpFinding *finding =
        ddp_run_record_add_finding(session->play->record, "replica_divergence", message);

    g_array_append_vals(finding->ranks, ranks->data, ranks->len);
    g_array_unref(ranks);
}

/* Collectives in crossed order that were paired in silence. */
static void
record_pairings(const Session *session)
{
    const DdpComm *comm = ddp_world_comm(session->world);

    for (guint i = 0; i < ddp_comm_pairing_count(comm); i++) {
        const DdpPairing *pairing = ddp_comm_pairing(comm, i);
        g_autofree char *most = ddp_ranks_text(pairing->ranks[0]);
        g_autofree char *few = ddp_ranks_text(pairing->ranks[1]);
        const char *kind = ddp_call_kind_name(pairing->kind);
        g_autofree char *times =
            pairing->times == 1 ? g_strdup("once")
                                : g_strdup_printf("%" G_GUINT64_FORMAT " times", pairing->times);
        g_autofree char *message = g_strdup_printf(
            "%s called %s for '%s' where %s called it for '%s' (%s): the calls look alike, so each "
            "value was mixed with the other; call them in one order on every rank",
            few, kind, pairing->names[1], most, pairing->names[0], times);
        DdpFinding *finding =
            ddp_run_record_add_finding(session->play->record, "silent_pairing", message);

        finding->cls = g_strdup("swap");
        for (int side = 1; side >= 0; side--) {
            g_array_append_vals(finding->ranks, pairing->ranks[side]->data,
                                pairing->ranks[side]->len);
            g_ptr_array_add(finding->sites, g_strdup_printf("%s:%d", pairing->sites[side].file,
                                                            pairing->sites[side].line));
        }
        if (pairing->ranks[1]->len < pairing->ranks[0]->len)
            g_array_append_vals(finding->blamed, pairing->ranks[1]->data, pairing->ranks[1]->len);
    }
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
    for (int rank = 0; rank < session->fields.size; rank++)
        record_rank(session, diagnosis, rank);
    if (diagnosis != NULL)
        record_diagnosis(session, diagnosis);
    record_collectives(session);
    record_replicas(session);
    record_unreceived(session);
    record_pairings(session);
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
    record->engine = g_strdup("fibers");
    record->backend = g_strdup(ddp_backend_name(session->backend));
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
    if (fields->size > scenario->limits.ranks) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_LIMIT,
                    "%s: a world of %d ranks is above the limit ranks=%" G_GINT64_FORMAT
                    "; raise it with --limit ranks=%d",
                    scenario->path, fields->size, scenario->limits.ranks, fields->size);
        return false;
    }
    if (spec->backend != NULL) {
        g_free(fields->backend);
        fields->backend = g_strdup(spec->backend);
    }
    if (spec->schedule != NULL) {
        g_free(fields->schedule);
        fields->schedule = g_strdup(spec->schedule);
    }
    if (spec->has_seed)
        fields->seed = spec->seed;
    if (fields->backend != NULL && !ddp_backend_from_name(fields->backend, &session->backend)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "%s: backend is '%s', expected nccl or gloo", scenario->path, fields->backend);
        return false;
    }
    return true;
}

static bool
make_world(Session *session, GError **error)
{
    DdpWorldSpec spec = ddp_world_spec_default();

    spec.size = session->fields.size;
    spec.nodes = session->fields.nodes;
    spec.nproc_per_node = session->fields.nproc_per_node;
    spec.backend = session->backend;
    spec.seed = session->fields.seed;
    spec.schedule = session->fields.schedule;
    spec.stack_bytes = STACK_BYTES;
    spec.hurry = hurry;
    session->world = ddp_world_new(&spec, error);
    if (session->world == NULL) {
        g_prefix_error(error, "%s: ", session->scenario->path);
        return false;
    }
    if (session->fields.nproc_per_node == 0)
        session->fields.nproc_per_node = session->fields.size / session->fields.nodes;
    return true;
}

static bool
run_session(Session *session, GError **error)
{
    g_autofree char *trace_path = g_build_filename(session->folder, "trace.jsonl", NULL);
    g_autoptr(DdpTrace) trace = ddp_trace_new(trace_path, error);

    if (trace == NULL)
        return false;
    session->play->record->schedule = g_strdup(ddp_world_schedule_text(session->world));
    session->play->trace = trace;
    ddp_world_set_trace(session->world, trace);
    begin_record(session);
    ddp_world_run(session->world, rank_main, session);
    fill_record(session);
    session->play->trace = NULL;
    return ddp_trace_close(trace, error) && hold_to_expectations(session, error) &&
           ddp_report_write(session->play->record, session->folder, error);
}

static void
session_clear(Session *session)
{
    for (int rank = 0; session->stacks != NULL && rank < session->fields.size; rank++) {
        if (session->stacks[rank] != NULL)
            g_ptr_array_unref(session->stacks[rank]);
    }
    g_free(session->stacks);
    g_free(session->states);
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
    bool ok = resolve_world(&session, error) && make_world(&session, error) &&
              ddp_scenario_push_params(scenario, scenario->L, spec->small, spec->sets, error);

    if (ok) {
        g_autofree char *logs = NULL;

        lua_settop(scenario->L, 1);
        session.folder = ddp_scenario_variant_folder(scenario, index, spec->out);
        logs = g_build_filename(session.folder, "logs", NULL);
        session.play = ddp_play_new(&scenario->limits, session.fields.seed, logs);
        session.play->print = spec->print;
        session.play->progress = spec->progress;
        session.play->print_data = spec->print_data;
        session.play->audit = spec->audit ? ddp_audit_new(session.fields.size) : NULL;
        session.states = g_new0(lua_State *, session.fields.size);
        session.stacks = g_new0(GPtrArray *, session.fields.size);
        ok = prepare_folder(session.folder, error) && run_session(&session, error);
    }
    if (ok)
        record = g_steal_pointer(&session.play->record);
    session_clear(&session);
    return record;
}
