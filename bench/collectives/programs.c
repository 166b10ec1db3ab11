/* SPDX-License-Identifier: MIT */
#include "bench/collectives/programs.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "bench/collectives/launch.h"

struct Programs {
    char *folder;  /* owned: of ours and the floor */
    char *compile; /* owned: where the peers are compiled to */
    char *python;  /* (nullable) (owned) */
    char *missing[ENTRANT_COUNT];
};

/* ---- compiling the peers ---- */

static bool
compile(Programs *programs, const char *compiler, const char *source, const char *name,
        char **missing)
{
    g_autofree char *in = g_build_filename(SOURCE_ROOT, "bench", "collectives", source, NULL);
    g_autofree char *out = g_build_filename(programs->compile, name, NULL);
    g_autofree char *path = g_find_program_in_path(compiler);
    char *argv[] = {(char *)compiler, "-O3", "-I" SOURCE_ROOT, in, "-o", out, NULL};
    Launch launch;

    if (path == NULL) {
        *missing = g_strdup_printf("%s is not installed", compiler);
        return false;
    }
    launch_run(&launch, argv, false);
    if (launch.status != 0)
        *missing = g_strdup_printf("%s failed: %s", compiler, g_strchomp(launch.output));
    launch_clear(&launch);
    return *missing == NULL;
}

static void
need(Programs *programs, Entrant entrant, const char *program)
{
    g_autofree char *path = g_find_program_in_path(program);

    if (path == NULL && programs->missing[entrant] == NULL)
        programs->missing[entrant] = g_strdup_printf("%s is not installed", program);
}

static void
write_file(const Programs *programs, const char *name, const GString *text)
{
    g_autofree char *path = g_build_filename(programs->compile, name, NULL);
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents(path, text->str, (gssize)text->len, &error))
        g_error("%s", error->message);
}

/* SMPI wants a machine to pretend: a cluster with a host for every rank of the row and no more,
 * because it pays for each. */
static void
write_cluster(const Programs *programs, const Row *row)
{
    g_autoptr(GString) hosts = g_string_new(NULL);
    g_autoptr(GString) cluster = g_string_new(NULL);

    g_string_printf(cluster,
                    "<?xml version='1.0'?>\n"
                    "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                    "<platform version=\"4.1\">\n"
                    "  <cluster id=\"c\" prefix=\"h\" suffix=\"\" radical=\"0-%d\" speed=\"1Gf\""
                    " bw=\"125MBps\" lat=\"50us\"/>\n"
                    "</platform>\n",
                    row->ranks - 1);
    for (int i = 0; i < row->ranks; i++)
        g_string_append_printf(hosts, "h%d\n", i);
    write_file(programs, "cluster.xml", cluster);
    write_file(programs, "hosts", hosts);
}

Programs *
programs_new(const char *folder)
{
    Programs *programs = g_new0(Programs, 1);
    g_autoptr(GError) error = NULL;
    char **missing = programs->missing;

    programs->folder = g_strdup(folder);
    programs->compile = g_dir_make_tmp("ddpsim-bench-XXXXXX", &error);
    if (programs->compile == NULL)
        g_error("%s", error->message);
    programs->python = g_strdup(g_getenv("DDPSIM_BENCH_PYTHON"));
    if (programs->python == NULL)
        missing[ENTRANT_GLOO] = g_strdup("DDPSIM_BENCH_PYTHON does not name a Python with torch");
    compile(programs, "mpicc.openmpi", "mpi_coll.c", "openmpi", &missing[ENTRANT_OPENMPI_SPIN]);
    missing[ENTRANT_OPENMPI_YIELD] = g_strdup(missing[ENTRANT_OPENMPI_SPIN]);
    compile(programs, "mpicc.mpich", "mpi_coll.c", "mpich", &missing[ENTRANT_MPICH]);
    if (compile(programs, "smpicc", "mpi_coll.c", "smpi", &missing[ENTRANT_SMPI]))
        compile(programs, "smpicc", "mpi_deadlock.c", "smpi-deadlock", &missing[ENTRANT_SMPI]);
    need(programs, ENTRANT_OPENMPI_SPIN, "mpirun.openmpi");
    need(programs, ENTRANT_OPENMPI_YIELD, "mpirun.openmpi");
    need(programs, ENTRANT_MPICH, "mpirun.mpich");
    need(programs, ENTRANT_SMPI, "smpirun");
    missing[ENTRANT_SMPI_SHARED] = g_strdup(missing[ENTRANT_SMPI]);
    return programs;
}

/* A folder that holds nothing but files. */
static void
remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (g_unlink(path) != 0)
            g_printerr("compare: cannot remove %s: %s\n", path, g_strerror(errno));
    }
    if (g_rmdir(folder) != 0)
        g_printerr("compare: cannot remove %s: %s\n", folder, g_strerror(errno));
}

void
programs_free(Programs *programs)
{
    remove_folder(programs->compile);
    for (int i = 0; i < ENTRANT_COUNT; i++)
        g_free(programs->missing[i]);
    g_free(programs->python);
    g_free(programs->compile);
    g_free(programs->folder);
    g_free(programs);
}

const char *
programs_missing(const Programs *programs, Entrant entrant)
{
    return programs->missing[entrant];
}

/* ---- command lines ---- */

static void
add(GPtrArray *argv, const char *words)
{
    g_auto(GStrv) split = g_strsplit(words, " ", -1);

    for (int i = 0; split[i] != NULL; i++)
        g_ptr_array_add(argv, g_strdup(split[i]));
}

static void
add_path(GPtrArray *argv, const char *folder, const char *name)
{
    g_ptr_array_add(argv, g_build_filename(folder, name, NULL));
}

static void
add_number(GPtrArray *argv, size_t number)
{
    g_ptr_array_add(argv, g_strdup_printf("%" G_GSIZE_FORMAT, number));
}

/* PyTorch takes a hundred times as long for a small call: no need to wait for the same number. */
static int
find_calls(const Row *row, Entrant entrant)
{
    return entrant == ENTRANT_GLOO ? CLAMP(row->calls / 50, BATCHES, 30 * BATCHES) : row->calls;
}

static void
add_job(GPtrArray *argv, const Row *row, Entrant entrant)
{
    if (row->kind != ROW_PER_CALL)
        add(argv, "--whole");
    add_number(argv, (size_t)row->ranks);
    add_number(argv, row->bytes);
    add_number(argv, (size_t)find_calls(row, entrant));
    add(argv, op_name(row->op));
}

static void
add_ours(const Programs *programs, GPtrArray *argv, const Row *row, Entrant entrant)
{
    bool unchecked = entrant == ENTRANT_OURS_FIBERS_UNCHECKED ||
                     entrant == ENTRANT_OURS_THREADS_UNCHECKED ||
                     entrant == ENTRANT_OURS_PROCESSES_UNCHECKED;
    bool threads = entrant == ENTRANT_OURS_THREADS || entrant == ENTRANT_OURS_THREADS_UNCHECKED;
    bool fibers = entrant == ENTRANT_OURS_FIBERS || entrant == ENTRANT_OURS_FIBERS_UNCHECKED;
    const char *engine = fibers ? "fibers" : threads ? "threads" : "processes";

    if (row->kind == ROW_DEADLOCK) {
        add_path(argv, programs->folder, "bench-deadlock");
        add(argv, engine);
        add_number(argv, (size_t)row->ranks);
        return;
    }
    add_path(argv, programs->folder, unchecked ? "bench-ours-unchecked" : "bench-ours");
    add(argv, "--engine");
    add(argv, engine);
    add_job(argv, row, entrant);
}

static void
add_floor(const Programs *programs, GPtrArray *argv, const Row *row, Entrant entrant)
{
    add_path(argv, programs->folder, "bench-floor");
    add(argv, entrant == ENTRANT_FLOOR_FIBERS    ? "fibers"
              : entrant == ENTRANT_FLOOR_THREADS ? "threads"
                                                 : "processes");
    add_job(argv, row, entrant);
    if (entrant == ENTRANT_FLOOR_THREADS)
        add(argv, "2");
}

static void
add_smpi(const Programs *programs, GPtrArray *argv, const Row *row, Entrant entrant)
{
    write_cluster(programs, row);

    add(argv, "smpirun");
    /* Its programs may have globals, which it keeps apart unless told that there are none. */
    if (entrant == ENTRANT_SMPI_SHARED)
        add(argv, "-no-privatize");
    /* The fastest of its algorithms for many ranks. */
    add(argv, "--cfg=smpi/allreduce:rdb -np");
    add_number(argv, (size_t)row->ranks);
    add(argv, "-platform");
    add_path(argv, programs->compile, "cluster.xml");
    add(argv, "-hostfile");
    add_path(argv, programs->compile, "hosts");
    if (row->kind == ROW_DEADLOCK) {
        add_path(argv, programs->compile, "smpi-deadlock");
        return;
    }
    add_path(argv, programs->compile, "smpi");
    add_job(argv, row, entrant);
}

GStrv
programs_command(const Programs *programs, const Row *row, Entrant entrant)
{
    GPtrArray *argv = g_ptr_array_new();

    switch (entrant) {
    case ENTRANT_NONE:
        break;
    case ENTRANT_OURS_FIBERS:
    case ENTRANT_OURS_THREADS:
    case ENTRANT_OURS_PROCESSES:
    case ENTRANT_OURS_FIBERS_UNCHECKED:
    case ENTRANT_OURS_THREADS_UNCHECKED:
    case ENTRANT_OURS_PROCESSES_UNCHECKED:
        add_ours(programs, argv, row, entrant);
        break;
    case ENTRANT_FLOOR_FIBERS:
    case ENTRANT_FLOOR_THREADS:
    case ENTRANT_FLOOR_PROCESSES:
        add_floor(programs, argv, row, entrant);
        break;
    case ENTRANT_OPENMPI_SPIN:
    case ENTRANT_OPENMPI_YIELD:
        add(argv, "mpirun.openmpi --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle");
        add(argv, entrant == ENTRANT_OPENMPI_YIELD ? "1 -np" : "0 -np");
        add_number(argv, (size_t)row->ranks);
        add_path(argv, programs->compile, "openmpi");
        add_job(argv, row, entrant);
        break;
    case ENTRANT_MPICH:
        add(argv, "mpirun.mpich -np");
        add_number(argv, (size_t)row->ranks);
        add_path(argv, programs->compile, "mpich");
        add_job(argv, row, entrant);
        break;
    case ENTRANT_SMPI:
    case ENTRANT_SMPI_SHARED:
        add_smpi(programs, argv, row, entrant);
        break;
    case ENTRANT_GLOO:
        g_ptr_array_add(argv, g_strdup(programs->python));
        add_path(argv, SOURCE_ROOT "/bench/collectives", "torch_coll.py");
        add_job(argv, row, entrant);
        break;
    }
    g_ptr_array_add(argv, NULL);
    return (GStrv)g_ptr_array_free(argv, FALSE);
}

bool
programs_succeeded(const Row *row, Entrant entrant, int status, const char *output)
{
    if (row->kind != ROW_DEADLOCK)
        return status == 0;
    if (entrant == ENTRANT_SMPI || entrant == ENTRANT_SMPI_SHARED)
        return status >= 0 && strstr(output, "Deadlock detected") != NULL;
    if (entrant == ENTRANT_FLOOR_FIBERS)
        return status == 0;

    /* Both call sites, or it does not count. */
    const char *first = strstr(output, "deadlock.c:");

    return status == 0 && first != NULL && strstr(first + 1, "deadlock.c:") != NULL;
}
