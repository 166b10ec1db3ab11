/* SPDX-License-Identifier: MIT */
#include "sim/cli/run_options.h"

#include <errno.h>
#include <string.h>

#include "sim/cli/replay.h"
#include "sim/script/error.h"
#include "sim/world/topology.h"
#include "sim/world/world.h"

void
ddp_run_options_clear(DdpRunOptions *options)
{
    g_strfreev(options->variants);
    g_free(options->world_size);
    g_free(options->nodes);
    g_free(options->engine);
    g_free(options->backend);
    g_free(options->debug);
    g_free(options->seed);
    g_free(options->schedule);
    g_free(options->schedule_read);
    g_free(options->topology);
    g_strfreev(options->sets);
    g_strfreev(options->limits);
    g_free(options->out);
    memset(options, 0, sizeof *options);
}

void
ddp_run_options_entries(DdpRunOptions *o, GOptionEntry *entries)
{
    const GOptionEntry list[] = {
        {"variant", 'v', 0, G_OPTION_ARG_STRING_ARRAY, &o->variants,
         "only this variant; may be repeated", "NAME"},
        {"world-size", 'n', 0, G_OPTION_ARG_STRING, &o->world_size, "how many ranks", "N"},
        {"nodes", 0, 0, G_OPTION_ARG_STRING, &o->nodes, "on how many nodes they are", "N"},
        {"engine", 0, 0, G_OPTION_ARG_STRING, &o->engine,
         "what carries the ranks: fibers, threads or processes", "ENGINE"},
        {"backend", 0, 0, G_OPTION_ARG_STRING, &o->backend, "whose rules hold: nccl or gloo",
         "NAME"},
        {"debug", 0, 0, G_OPTION_ARG_STRING, &o->debug,
         "what becomes of calls that differ: detail (each rank raises) or off (as the backend "
         "does)",
         "LEVEL"},
        {"seed", 0, 0, G_OPTION_ARG_STRING, &o->seed, "the run's seed (0)", "N"},
        {"schedule", 0, 0, G_OPTION_ARG_STRING, &o->schedule,
         "who runs next: round_robin, random[:SEED], order:RANK,RANK,..., replay:TOKEN or "
         "replay:@FILE",
         "TEXT"},
        {"topology", 0, 0, G_OPTION_ARG_STRING, &o->topology,
         "what time passes by: none, dgx-a100 or the like, and intra=300GB/s,2us;...", "TEXT"},
        {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->sets,
         "change a parameter of the scenario; may be repeated", "KEY=VALUE"},
        {"limit", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->limits,
         "raise or lower a limit, as in memory=8G; may be repeated", "NAME=VALUE"},
        {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out, "where files go (out)", "DIR"},
        {"no-audit", 0, 0, G_OPTION_ARG_NONE, &o->no_audit,
         "leave out the true values beside the logged ones", NULL},
        {"no-trace", 0, 0, G_OPTION_ARG_NONE, &o->no_trace,
         "write no trace.jsonl and trace.chrome.json", NULL},
        {"check-determinism", 0, 0, G_OPTION_ARG_NONE, &o->check_determinism,
         "play each variant twice; fail if a choice, the trace or a file differs", NULL},
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(list) == DDP_RUN_OPTION_COUNT);
    memcpy(entries, list, sizeof list);
}

static bool
read_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value,
            GError **error)
{
    char *end;

    errno = 0;
    *value = g_ascii_strtoull(text, &end, 10);
    if (g_ascii_isdigit(text[0]) && *end == '\0' && errno == 0 && *value >= min && *value <= max)
        return true;
    g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                "--%s is '%s', expected a whole number from %" G_GUINT64_FORMAT
                " to %" G_GUINT64_FORMAT,
                option, text, min, max);
    return false;
}

bool
ddp_run_options_apply(DdpRunOptions *options, DdpRunSpec *spec, GError **error)
{
    uint64_t number;
    DdpEngine engine;
    DdpDebug debug;
    DdpTopology topology;

    for (int i = 0; options->limits != NULL && options->limits[i] != NULL; i++) {
        if (!ddp_limits_parse(&spec->limits, options->limits[i], error))
            return false;
    }

    uint64_t ranks_max = (uint64_t)MIN(spec->limits.ranks, G_MAXINT);

    if (options->world_size != NULL) {
        if (!read_number("world-size", options->world_size, 1, ranks_max, &number, error))
            return false;
        spec->world_size = (int)number;
    }
    if (options->nodes != NULL) {
        if (!read_number("nodes", options->nodes, 1, ranks_max, &number, error))
            return false;
        spec->nodes = (int)number;
    }
    if (options->seed != NULL) {
        if (!read_number("seed", options->seed, 0, INT64_MAX, &spec->seed, error))
            return false;
        spec->has_seed = true;
    }
    if (options->engine != NULL && !ddp_engine_from_name(options->engine, &engine)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--engine is '%s', expected fibers, threads or processes", options->engine);
        return false;
    }
    spec->engine = options->engine;
    if (options->no_trace && options->check_determinism) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--check-determinism compares traces; leave --no-trace out");
        return false;
    }
    if (options->debug != NULL && !ddp_debug_from_name(options->debug, &debug)) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--debug is '%s', expected detail, off or verdict", options->debug);
        return false;
    }
    spec->backend = options->backend;
    spec->debug = options->debug;
    if (options->schedule != NULL) {
        options->schedule_read = ddp_replay_read(options->schedule, error);
        if (options->schedule_read == NULL)
            return false;
    }
    spec->schedule = options->schedule_read;
    if (options->topology != NULL && !ddp_topology_parse(options->topology, &topology, error))
        return false;
    spec->topology = options->topology;
    spec->sets = (const char *const *)options->sets;
    spec->audit = !options->no_audit;
    spec->trace = !options->no_trace;
    if (options->out != NULL)
        spec->out = options->out;
    return true;
}
