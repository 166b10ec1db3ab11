/* SPDX-License-Identifier: MIT */

/*
 * Writes one of everything into a folder, for tests/tools/check_tensorboard.py, which reads it
 * with the real TensorBoard. What stands here and what is expected there belong together.
 *
 *   write-event-samples FOLDER
 */

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/loggers/event_hparams.h"
#include "sim/loggers/event_writer.h"

#define START 1700000000.25

static void
stop_on(GError *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(EXIT_FAILURE);
}

static DdpEventWriter *
open_writer(const char *top, const char *run, int pid)
{
    g_autofree char *folder = g_build_filename(top, run, NULL);
    GError *error = NULL;
    DdpEventWriterSpec spec = {.folder = folder, .host = "node0", .pid = pid, .wall_time = START};
    DdpEventWriter *writer = ddp_event_writer_new(&spec, &error);

    stop_on(error);
    return writer;
}

static void
add(DdpEventWriter *writer, const char *tag, double value, int64_t step)
{
    GError *error = NULL;

    ddp_event_writer_add_scalar(writer, tag, (float)value, step, START + (double)step, &error);
    stop_on(error);
}

static void
close_writer(DdpEventWriter *writer)
{
    GError *error = NULL;

    ddp_event_writer_close(writer, &error);
    stop_on(error);
    ddp_event_writer_free(writer);
}

static void
write_scalars(const char *top)
{
    DdpEventWriter *writer = open_writer(top, "scalars", 1);

    for (int step = 0; step < 5000; step++)
        add(writer, "loss", step * 0.5, step);
    add(writer, "größe/η", 1, 0);
    add(writer, "odd", (double)NAN, 0);
    add(writer, "odd", (double)INFINITY, 1);
    close_writer(writer);
}

static void
write_four_ranks(const char *top)
{
    for (int rank = 0; rank < 4; rank++) {
        DdpEventWriter *writer = open_writer(top, "ranks", 1000 + rank);

        add(writer, "data", 10 * rank, 0);
        close_writer(writer);
    }
}

static void
write_restart(const char *top)
{
    DdpEventWriter *writer = open_writer(top, "restart", 1);
    GError *error = NULL;

    for (int step = 0; step < 8; step++)
        add(writer, "loss", step, step);
    close_writer(writer);

    writer = open_writer(top, "restart", 2);
    ddp_event_writer_add_restart(writer, 5, START, &error);
    stop_on(error);
    add(writer, "loss", 105, 5);
    close_writer(writer);
}

static void
write_text(const char *top)
{
    DdpEventWriter *writer = open_writer(top, "text", 1);
    GError *error = NULL;

    ddp_event_writer_add_text(writer, "note", "two\nlines, ü", 3, START, &error);
    stop_on(error);
    close_writer(writer);
}

static void
write_hparams(const char *top)
{
    const DdpHparam hparams[] = {{.name = "lr", .number = 0.125}, {.name = "opt", .text = "sgd"}};
    const DdpHparamMetric metric = {.name = "hparam/acc", .value = 0.75f};
    DdpHparamSet set = {
        .hparams = hparams, .hparam_count = 2, .metrics = &metric, .metric_count = 1};
    g_autofree char *folder = g_build_filename(top, "hparams", NULL);
    DdpEventWriterSpec spec = {.folder = folder, .host = "node0", .pid = 1, .wall_time = START};
    GError *error = NULL;

    ddp_event_hparams_write_run(&spec, &set, NULL, &error);
    stop_on(error);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    write_scalars(argv[1]);
    write_four_ranks(argv[1]);
    write_restart(argv[1]);
    write_text(argv[1]);
    write_hparams(argv[1]);
    return EXIT_SUCCESS;
}
