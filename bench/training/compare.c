/* SPDX-License-Identifier: MIT */
/*
 * Training beside the floor and PyTorch, in one run: in each round all of them train a job once,
 * in turn, and ratios are taken within the round. The median of the ratios is held against the
 * target.
 *
 * A step of the Lua Trainer is the difference between two whole programs, of few steps and of many.
 */
#include <glib.h>
#include <unistd.h>

#include "bench/collectives/launch.h"
#include "bench/training/jobs.h"

#define ROUNDS_MAX 99

typedef enum {
    FLOOR,
    C_FIBERS,
    C_THREADS,
    C_PROCESSES,
    LUA_FIBERS,
    LUA_THREADS,
    TORCH,
    ENTRANT_COUNT,
} Entrant;

static const char *const names[ENTRANT_COUNT] = {
    "floor, by hand", "C, fibers",    "C, threads", "C, processes",
    "Lua, fibers",    "Lua, threads", "PyTorch",
};

/* What must be reached: times PyTorch at least, times the floor at most; 0 for no such target. */
typedef struct {
    const char *job;
    int ranks; /* 0: one process without a process group */
    int steps, lua_steps, torch_steps;
    double c_peer, lua_peer, floor;
} Row;

static const Row rows[] = {
    {"linear", 4, 90000, 30000, 90, 1000, 500, 0},
    {"linear", 1, 200000, 60000, 900, 20, 20, 0},
    {"small", 4, 9000, 9000, 90, 100, 100, 2},
    {"small", 1, 30000, 20000, 900, 8, 8, 0},
    {"middle", 4, 450, 400, 90, 9, 9, 1.4},
    {"middle", 1, 900, 800, 450, 2, 2, 0},
    {"large", 4, 27, 20, 27, 1, 1, 0},
    {"large", 1, 45, 40, 45, 1, 1, 0},
    {"conv", 4, 0, 40, 45, 0, 1, 0},
    {"conv", 1, 0, 80, 90, 0, 1, 0},
};

typedef struct {
    double values[ROUNDS_MAX]; /* microseconds a step; -1: took no part */
} Record;

static int round_count = 7;
static char **wanted;
static char *folder;       /* of our programs */
static const char *python; /* (nullable) */

static GOptionEntry options[] = {
    {"rounds", 'r', 0, G_OPTION_ARG_INT, &round_count, "rounds of all entrants in turn (7)", "N"},
    {"row", 0, 0, G_OPTION_ARG_STRING_ARRAY, &wanted, "only this row, as JOB-RANKS", "NAME"},
    {0},
};

static int
compare_values(const void *a, const void *b)
{
    return compare_doubles(a, b);
}

typedef struct {
    double median, low, high;
    int count;
} Summary;

static Summary
summarise(const double *values)
{
    double sorted[ROUNDS_MAX];
    Summary summary = {0};

    for (int i = 0; i < round_count; i++) {
        if (values[i] > 0)
            sorted[summary.count++] = values[i];
    }
    if (summary.count == 0)
        return summary;
    qsort(sorted, (size_t)summary.count, sizeof sorted[0], compare_values);
    summary.low = sorted[0];
    summary.high = sorted[summary.count - 1];
    summary.median = (sorted[(summary.count - 1) / 2] + sorted[summary.count / 2]) / 2;
    return summary;
}

static Summary
ratio(const Record *over, const Record *under)
{
    double ratios[ROUNDS_MAX];

    for (int i = 0; i < round_count; i++)
        ratios[i] =
            over->values[i] > 0 && under->values[i] > 0 ? over->values[i] / under->values[i] : -1;
    return summarise(ratios);
}

/* ---- running ---- */

/* The words of a command, split at spaces; what stands in them has none. */
static Launch
run(const char *format, ...)
{
    va_list arguments;
    Launch launch;

    va_start(arguments, format);

    g_autofree char *line = g_strdup_vprintf(format, arguments);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);

    va_end(arguments);
    launch_run(&launch, argv, false);
    return launch;
}

static double
figure(Launch *launch)
{
    double value = launch->status == 0 ? launch_figure(launch) : -1;

    launch_clear(launch);
    return value;
}

static double
lua_wall_ms(const Row *row, const char *engine, int steps)
{
    Launch launch = run("%s/../../sim/cli/ddpsim run " SOURCE_ROOT
                        "/bench/training/trainer.lua --engine %s --world-size %d --no-audit --set "
                        "job=%s --set steps=%d --limit steps=1e12 --limit time=600 --out "
                        "%s/out",
                        folder, engine, MAX(row->ranks, 1), row->job, steps, folder);
    double wall = launch.status == 0 ? launch.wall_ms : -1;

    if (wall < 0)
        fprintf(stderr, "%s\n", launch.output);
    launch_clear(&launch);
    return wall;
}

static double
lua_step_us(const Row *row, const char *engine)
{
    int few = row->lua_steps / 10;
    double less = lua_wall_ms(row, engine, few), more = lua_wall_ms(row, engine, row->lua_steps);

    return less > 0 && more > less ? 1e3 * (more - less) / (row->lua_steps - few) : -1;
}

static double
step_us(const Row *row, Entrant entrant)
{
    static const char *const engines[ENTRANT_COUNT] = {
        [C_FIBERS] = "fibers",   [C_THREADS] = "threads",   [C_PROCESSES] = "processes",
        [LUA_FIBERS] = "fibers", [LUA_THREADS] = "threads",
    };
    Launch launch;

    switch (entrant) {
    case FLOOR:
        if (row->steps == 0)
            return -1;
        launch = run("%s/bench-training-floor %s %d %d", folder, row->job, MAX(row->ranks, 1),
                     row->steps);
        return figure(&launch);
    case C_FIBERS:
    case C_THREADS:
    case C_PROCESSES:
        if (row->steps == 0)
            return -1;
        launch = run("%s/bench-training-ours --engine %s %s %d %d", folder, engines[entrant],
                     row->job, row->ranks, row->steps);
        return figure(&launch);
    case LUA_FIBERS:
    case LUA_THREADS:
        return lua_step_us(row, engines[entrant]);
    case TORCH:
        if (python == NULL)
            return -1;
        /* Where we have one rank, the peer is plain PyTorch. */
        launch = run("%s " SOURCE_ROOT "/bench/training/torch_ddp.py %s %d %d", python, row->job,
                     row->ranks == 1 ? 0 : row->ranks, row->torch_steps);
        return figure(&launch);
    case ENTRANT_COUNT:
        break;
    }
    g_assert_not_reached();
}

/* ---- printing ---- */

static void
print_goal(const char *who, Summary ratio_, const char *of, double target, bool at_least)
{
    bool reached = at_least ? ratio_.median >= target : ratio_.median <= target;

    if (ratio_.count == 0)
        return;
    printf("  => %s: %.2f times %s [%.2f - %.2f]", who, ratio_.median, of, ratio_.low, ratio_.high);
    if (target > 0)
        printf(", target at %s %g: %s", at_least ? "least" : "most", target,
               reached ? "reached" : "MISSED");
    printf("\n");
}

static void
print_row(const Row *row, const Record *records)
{
    printf("%s, %d rank%s: microseconds a step of all ranks\n", row->job, row->ranks,
           row->ranks == 1 ? "" : "s");
    for (Entrant entrant = 0; entrant < ENTRANT_COUNT; entrant++) {
        Summary summary = summarise(records[entrant].values);

        if (summary.count > 0)
            printf("  %-16s %12.3f  [%.3f - %.3f]\n", names[entrant], summary.median, summary.low,
                   summary.high);
    }
    for (Entrant entrant = C_FIBERS; entrant <= LUA_THREADS; entrant++) {
        print_goal(names[entrant], ratio(&records[TORCH], &records[entrant]), "as fast as PyTorch",
                   entrant < LUA_FIBERS ? row->c_peer : row->lua_peer, true);
        if (entrant < LUA_FIBERS)
            print_goal(names[entrant], ratio(&records[entrant], &records[FLOOR]),
                       "the floor's time", row->floor, false);
    }
    fflush(stdout);
}

static bool
is_wanted(const Row *row)
{
    g_autofree char *name = g_strdup_printf("%s-%d", row->job, row->ranks);

    return wanted == NULL || g_strv_contains((const char *const *)wanted, name);
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || round_count < 1 ||
        round_count > ROUNDS_MAX) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "--rounds is 1 to 99");
        return 2;
    }
    folder = g_path_get_dirname(argv[0]);
    python = g_getenv("DDPSIM_BENCH_PYTHON");
    if (python == NULL)
        printf("PyTorch is left out: DDPSIM_BENCH_PYTHON does not name a Python with torch\n");
    launch_catch_signals();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        Record records[ENTRANT_COUNT];

        if (!is_wanted(&rows[i]))
            continue;
        for (int round = 0; round < round_count; round++) {
            for (Entrant entrant = 0; entrant < ENTRANT_COUNT && !launch_was_interrupted();
                 entrant++)
                records[entrant].values[round] = step_us(&rows[i], entrant);
        }
        if (launch_was_interrupted())
            return 130;
        print_row(&rows[i], records);
    }
    g_free(folder);
    return 0;
}
