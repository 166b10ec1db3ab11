/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/audit/run_record.h"
#include "sim/script/run_limits.h"

G_BEGIN_DECLS

/*
 * A scenario file: what it says of itself, and how to play one of its variants.
 *
 * The file is loaded once to read title, world, variants and expectations, and once more on
 * each rank of every run. Loading runs its top level in the sandbox of sim/script/state.h.
 */

typedef struct DdpScenario DdpScenario;

typedef struct {
    char *name;
    char *folder; /* the name as a file name */
    char *fixes;  /* (nullable) */
    bool expects; /* it has an `expect` */
} DdpVariant;

/**
 * ddp_scenario_load:
 * @shown: (nullable): what people are to read for @path in messages and call sites; NULL for
 *   @path, without the working folder's name where it lies below that
 *
 * Returns: (transfer full): the scenario in file @path; NULL with @error: "path:line: what is
 * wrong"
 */
DdpScenario *ddp_scenario_load(const char *path, const char *shown, const DdpLimits *limits,
                               GError **error);
void ddp_scenario_free(DdpScenario *scenario);

const char *ddp_scenario_path(const DdpScenario *scenario);
const char *ddp_scenario_name(const DdpScenario *scenario); /* the file's, without ".lua" */
const char *ddp_scenario_title(const DdpScenario *scenario);
int ddp_scenario_variant_count(const DdpScenario *scenario);
const DdpVariant *ddp_scenario_variant(const DdpScenario *scenario, int index);
/* The index of the variant called @name; -1 with @error naming the nearest. */
int ddp_scenario_find_variant(const DdpScenario *scenario, const char *name, GError **error);

/* What the command line asks for; zero and NULL leave it to the scenario. */
typedef struct {
    int world_size;
    int nodes;
    const char *engine; /* "fibers", "threads" or "processes" */
    const char *backend;
    const char *debug; /* what becomes of calls that differ: "verdict", "detail" or "off" */
    const char *schedule;
    const char *topology; /* (nullable): as in ddp_topology_parse() */
    bool has_seed;
    uint64_t seed;
    bool audit;
    bool trace; /* write trace.jsonl and trace.chrome.json */
    bool keep_choices;       /* put those of the schedule into the record */
    bool small;              /* the scenario's `small` parameters */
    const char *const *sets; /* (nullable): NULL-terminated "key=value" */
    const char *out;         /* the folder DIR; files go to DIR/SCENARIO/VARIANT */
    DdpLimits limits;
    /* (nullable): each line that the scenario prints, while it runs. */
    void (*print)(const char *line, int rank, void *user_data);
    /* (nullable): now and then, with the number of collectives completed so far. */
    void (*progress)(int64_t collectives, void *user_data);
    void *print_data; /* handed to both */
} DdpRunSpec;

DdpRunSpec ddp_run_spec_default(void); /* audit and trace on, out "out", default limits */

/**
 * ddp_scenario_run:
 *
 * Plays variant @index: fresh logs folder, trace.jsonl, trace.chrome.json, then report.json, and
 * holds the run to its expectations. A replay that does not fit the run is an error, and there is
 * no report. What goes wrong inside the simulated world is data in the record; an error here is the
 * outside world's (a folder that cannot be written) or a wrong request.
 *
 * Returns: (transfer full): the record of the run
 */
DdpRunRecord *ddp_scenario_run(DdpScenario *scenario, int index, const DdpRunSpec *spec,
                               GError **error);

/* (transfer full): DIR/SCENARIO and DIR/SCENARIO/VARIANT. */
char *ddp_scenario_folder(const DdpScenario *scenario, const char *out);
char *ddp_scenario_variant_folder(const DdpScenario *scenario, int index, const char *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpScenario, ddp_scenario_free)

G_END_DECLS
