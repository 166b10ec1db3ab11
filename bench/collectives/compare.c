/* SPDX-License-Identifier: MIT */
/*
 * Our collectives beside the floor and the peers, in one run: in each round all of them do the job
 * of a row once, in turn, and the ratios are taken within the round. The median of the ratios is
 * held against the target.
 *
 * All run on the same two cores, of which each may make what it likes: that is how a program is
 * used.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/collectives/launch.h"
#include "bench/collectives/programs.h"

#define ROUNDS_MIN 7 /* for a verdict */
#define ROUNDS_MAX 99
#define CORES 2
#define STATUS_NOT_THERE 77 /* of ours: no such engine or switch here */
#define OTHERS_MAX 0.1      /* cores */

static int round_count = ROUNDS_MIN;
static gboolean patient, only_list;
static char **wanted;

static GOptionEntry options[] = {
    {"rounds", 'r', 0, G_OPTION_ARG_INT, &round_count, "rounds of all entrants in turn (7)", "N"},
    {"row", 0, 0, G_OPTION_ARG_STRING_ARRAY, &wanted, "only this row; may be given again", "NAME"},
    {"patient", 0, 0, G_OPTION_ARG_NONE, &patient, "every round also for peers of minutes", NULL},
    {"list", 0, 0, G_OPTION_ARG_NONE, &only_list, "name the rows and what they must reach", NULL},
    {0},
};

typedef struct {
    double values[ROUNDS_MAX]; /* of each round; -1 where it took no part */
    double memory_mib;         /* 0: not measured */
    char *note;                /* (nullable) (owned): why it is out */
    bool failed;               /* it is out, and that is a fault */
} Record;

typedef struct {
    const Row *row;
    const Programs *programs;
    Entrant order[ENTRANT_COUNT];
    int count;
    Record records[ENTRANT_COUNT]; /* by entrant */
} Contest;

/* ---- medians ---- */

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
        if (values[i] >= 0)
            sorted[summary.count++] = values[i];
    }
    if (summary.count == 0)
        return summary;
    qsort(sorted, (size_t)summary.count, sizeof sorted[0], compare_doubles);
    summary.low = sorted[0];
    summary.high = sorted[summary.count - 1];
    summary.median = (sorted[(summary.count - 1) / 2] + sorted[summary.count / 2]) / 2;
    return summary;
}

/* Of @over to @under, round by round. */
static Summary
summarise_ratio(const Record *over, const Record *under)
{
    double ratios[ROUNDS_MAX];

    for (int i = 0; i < round_count; i++) {
        bool both = over->values[i] >= 0 && under->values[i] > 0;

        ratios[i] = both ? over->values[i] / under->values[i] : -1;
    }
    return summarise(ratios);
}

/* ---- who else is at work on this machine ---- */

typedef struct {
    double wall_s, machine_s, own_s; /* processor time of everyone, of us and those we started */
} Work;

static double
rusage_s(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage) != 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static Work
read_work(void)
{
    Work work = {.wall_s = 1e-6 * now_us(),
                 .own_s = rusage_s(RUSAGE_SELF) + rusage_s(RUSAGE_CHILDREN)};
    g_autofree char *text = NULL;
    double user, nice, system, idle, wait, irq, soft, steal;

    if (g_file_get_contents("/proc/stat", &text, NULL, NULL) &&
        sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait,
               &irq, &soft, &steal) == 8)
        work.machine_s = (user + nice + system + irq + soft + steal) / (double)sysconf(_SC_CLK_TCK);
    return work;
}

/* Cores that others, the host included, kept busy since @before. */
static double
others_since(const Work *before)
{
    Work now = read_work();
    double others = (now.machine_s - before->machine_s) - (now.own_s - before->own_s);

    return MAX(others, 0) / MAX(now.wall_s - before->wall_s, 1e-3);
}

/* ---- running ---- */

static bool
is_peer(const Row *row, Entrant entrant)
{
    for (int i = 0; i < PEERS_MAX; i++) {
        if (row->peers[i] == entrant)
            return true;
    }
    return false;
}

static void
enter(Contest *contest, Entrant entrant)
{
    Record *record = &contest->records[entrant];

    for (int i = 0; i < contest->count; i++) {
        if (contest->order[i] == entrant)
            return;
    }
    contest->order[contest->count++] = entrant;
    for (int i = 0; i < ROUNDS_MAX; i++)
        record->values[i] = -1;
    record->note = g_strdup(programs_missing(contest->programs, entrant));
}

static void
enter_all(Contest *contest)
{
    const Row *row = contest->row;

    for (int i = 0; i < GOALS_MAX && row->goals[i].ours != ENTRANT_NONE; i++)
        enter(contest, row->goals[i].ours);
    for (int i = 0; i < GOALS_MAX && row->goals[i].ours != ENTRANT_NONE; i++)
        enter(contest, row->goals[i].floor);
    for (int i = 0; i < PEERS_MAX && row->peers[i] != ENTRANT_NONE; i++)
        enter(contest, row->peers[i]);
    for (int i = 0; i < BESIDE_MAX && row->beside[i] != ENTRANT_NONE; i++)
        enter(contest, row->beside[i]);
}

/* The end of what a program said, which is where the reason stands. */
static char *
describe_failure(const Launch *launch)
{
    g_autofree char *text = g_strstrip(g_strdup(launch->output));
    const char *line = strrchr(text, '\n');

    line = line != NULL ? line + 1 : text;
    if (launch->status == STATUS_NOT_THERE)
        return g_strdup(line);
    if (launch->signal != 0)
        return g_strdup_printf("failed by signal %d, %s: %s", launch->signal,
                               g_strsignal(launch->signal), line);
    return g_strdup_printf("failed with status %d: %s", launch->status, line);
}

static double
run_once(Contest *contest, Entrant entrant, bool sample)
{
    Record *record = &contest->records[entrant];
    g_auto(GStrv) argv = programs_command(contest->programs, contest->row, entrant);
    Launch launch;
    double value = -1;

    launch_run(&launch, argv, sample);
    if (programs_succeeded(contest->row, entrant, launch.status, launch.output))
        value = contest->row->kind == ROW_PER_CALL ? launch_figure(&launch) : launch.wall_ms;
    if (value < 0 && record->note == NULL) {
        record->note = describe_failure(&launch);
        record->failed = launch.status != STATUS_NOT_THERE;
    }
    if (sample)
        record->memory_mib = MAX(record->memory_mib, launch.peak_mib);
    launch_clear(&launch);
    return value;
}

static void
run_rounds(Contest *contest)
{
    const Row *row = contest->row;
    bool weighs = row->kind != ROW_PER_CALL;

    for (int round = 0; round < round_count; round++) {
        for (int i = 0; i < contest->count; i++) {
            Entrant entrant = contest->order[i];
            Record *record = &contest->records[entrant];
            bool slow = row->peer_rounds > 0 && is_peer(row, entrant) && !patient;

            /* Over minutes the sampling of memory is nothing; else it has a launch of its own. */
            if (launch_was_interrupted())
                return;
            if (record->note == NULL && (!slow || round < row->peer_rounds))
                record->values[round] = run_once(contest, entrant, weighs && slow);
        }
    }
    for (int i = 0; weighs && i < contest->count; i++) {
        Record *record = &contest->records[contest->order[i]];

        if (record->note == NULL && record->memory_mib <= 0)
            run_once(contest, contest->order[i], true);
    }
}

/* ---- printing ---- */

static void
print_entrants(const Contest *contest)
{
    const char *unit = contest->row->kind == ROW_PER_CALL ? "us" : "ms";

    for (int i = 0; i < contest->count; i++) {
        const Record *record = &contest->records[contest->order[i]];
        Summary summary = summarise(record->values);
        const char *name = entrant_name(contest->order[i]);

        if (record->note != NULL || summary.count == 0) {
            printf("  %-26s left out: %s\n", name, record->note != NULL ? record->note : "no turn");
            continue;
        }
        printf("  %-26s %11.3f %s  [%.3f - %.3f]", name, summary.median, unit, summary.low,
               summary.high);
        if (record->memory_mib > 0)
            printf("  %.1f MiB", record->memory_mib);
        if (summary.count < round_count)
            printf("  (%d of %d rounds)", summary.count, round_count);
        printf("\n");
    }
}

/* The peer against which the median ratio is the smallest. */
static Entrant
find_best_peer(const Contest *contest, Entrant ours, Summary *ratio)
{
    Entrant best = ENTRANT_NONE;

    for (int i = 0; i < PEERS_MAX && contest->row->peers[i] != ENTRANT_NONE; i++) {
        Entrant peer = contest->row->peers[i];
        const Record *record = &contest->records[peer];
        Summary summary = summarise_ratio(record, &contest->records[ours]);

        if (summary.count > 0 && (best == ENTRANT_NONE || summary.median < ratio->median)) {
            best = peer;
            *ratio = summary;
        }
    }
    return best;
}

/* "2.31 P (Open MPI, yielding) [2.1 - 2.6], target 3: missed" */
static void
append_ratio(GString *text, bool *missed, Summary ratio, const char *unit, const char *whom,
             double target, bool at_least)
{
    bool reached = at_least ? ratio.median >= target : ratio.median <= target;

    g_string_append_printf(text, "%s%.2f %s", text->len > 0 ? "; " : "", ratio.median, unit);
    if (whom != NULL)
        g_string_append_printf(text, " (%s)", whom);
    if (ratio.count > 1)
        g_string_append_printf(text, " [%.2f - %.2f]", ratio.low, ratio.high);
    if (target > 0) {
        g_string_append_printf(text, ", target %s%g: %s", at_least ? "" : "at most ", target,
                               reached ? "reached" : "MISSED");
        *missed |= !reached;
    }
}

/* False if the goal was missed, or ours failed. */
static bool
print_goal(const Contest *contest, const Goal *goal, GString *all)
{
    const Record *ours = &contest->records[goal->ours];
    Summary peer_ratio = {0}, floor_ratio;
    Entrant peer = find_best_peer(contest, goal->ours, &peer_ratio);
    g_autoptr(GString) text = g_string_new(NULL);
    bool missed = false;

    if (peer != ENTRANT_NONE)
        append_ratio(text, &missed, peer_ratio, "P", entrant_name(peer), goal->peer_target, true);
    floor_ratio = summarise_ratio(ours, &contest->records[goal->floor]);
    if (floor_ratio.count > 0)
        append_ratio(text, &missed, floor_ratio, "L", NULL, goal->floor_target, false);
    if (goal->memory_target > 0 && peer != ENTRANT_NONE && ours->memory_mib > 0) {
        double part = ours->memory_mib / contest->records[peer].memory_mib;
        Summary memory = {.median = part, .count = 1};

        append_ratio(text, &missed, memory, "of its memory", NULL, goal->memory_target, false);
    }
    if (ours->failed) {
        g_string_assign(text, "FAILED");
        missed = true;
    }
    if (text->len == 0)
        g_string_append(text, "not measured");
    printf("  => %s: %s\n", entrant_name(goal->ours), text->str);
    g_string_append_printf(all, "%-20s %-17s %s\n", contest->row->name, entrant_name(goal->ours),
                           text->str);
    return !missed;
}

static bool
play(const Row *row, const Programs *programs, GString *all)
{
    Contest contest = {.row = row, .programs = programs};
    double others;
    bool ok = true;

    enter_all(&contest);
    printf("%s: %s\n", row->name, row->title);
    fflush(stdout);

    Work before = read_work();

    run_rounds(&contest);
    print_entrants(&contest);
    /* What spins on both cores is slowed down most by anything else that runs. */
    others = others_since(&before);
    printf("  others kept %.2f cores busy meanwhile%s\n", others,
           others > OTHERS_MAX ? ": do not trust this row" : "");
    for (int i = 0; i < GOALS_MAX && row->goals[i].ours != ENTRANT_NONE; i++)
        ok &= print_goal(&contest, &row->goals[i], all);
    fflush(stdout);
    for (int i = 0; i < ENTRANT_COUNT; i++)
        g_free(contest.records[i].note);
    return ok;
}

/* ---- main ---- */

static bool
is_wanted(const Row *row)
{
    return wanted == NULL || g_strv_contains((const char *const *)wanted, row->name);
}

static bool
check_wanted(void)
{
    for (int i = 0; wanted != NULL && wanted[i] != NULL; i++) {
        bool known = false;

        for (int j = 0; j < row_count; j++)
            known |= strcmp(rows[j].name, wanted[i]) == 0;
        if (!known) {
            fprintf(stderr, "compare: there is no row %s; --list names them\n", wanted[i]);
            return false;
        }
    }
    return true;
}

static void
list(void)
{
    for (int i = 0; i < row_count; i++) {
        printf("%-20s %s\n", rows[i].name, rows[i].title);
        for (int j = 0; j < GOALS_MAX && rows[i].goals[j].ours != ENTRANT_NONE; j++) {
            const Goal *goal = &rows[i].goals[j];

            printf("%-20s   %s:", "", entrant_name(goal->ours));
            if (goal->peer_target > 0)
                printf(" at least %g P", goal->peer_target);
            if (goal->floor_target > 0)
                printf(" at most %g times %s", goal->floor_target, entrant_name(goal->floor));
            if (goal->memory_target > 0)
                printf(" at most %g of the peer's memory", goal->memory_target);
            printf("%s\n", goal->peer_target + goal->floor_target > 0 ? "" : " no target");
        }
    }
}

/* The first cores that we may use, for us and for everyone we start. */
static void
confine(void)
{
    cpu_set_t allowed, chosen;

    CPU_ZERO(&chosen);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&chosen) < CORES; cpu++) {
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &chosen);
    }
    if (CPU_COUNT(&chosen) < CORES || sched_setaffinity(0, sizeof chosen, &chosen) != 0)
        printf("not on two cores: the targets are meant for two\n");
}

static bool
play_all(const char *program)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self != NULL ? self : program);
    g_autoptr(Programs) programs = programs_new(folder);
    g_autoptr(GString) all = g_string_new(NULL);
    bool ok = true;

    for (int i = 0; i < row_count && !launch_was_interrupted(); i++) {
        if (is_wanted(&rows[i]))
            ok &= play(&rows[i], programs, all);
    }
    printf("\nP: times faster than the best peer; L: times the floor; medians of %d rounds\n%s",
           round_count, all->str);
    if (launch_was_interrupted())
        printf("interrupted\n");
    if (round_count < ROUNDS_MIN)
        printf("fewer than %d rounds: a look, not a verdict\n", ROUNDS_MIN);
    return ok && !launch_was_interrupted();
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "compare: %s\n", error != NULL ? error->message : "too many arguments");
        return 2;
    }
    if (round_count < 1 || round_count > ROUNDS_MAX) {
        fprintf(stderr, "compare: --rounds is %d, expected 1 to %d\n", round_count, ROUNDS_MAX);
        return 2;
    }
    if (!check_wanted())
        return 2;
    if (only_list) {
        list();
        return 0;
    }
    confine();
    launch_catch_signals();
    return play_all(argv[0]) ? 0 : 1;
}
