/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * One program from exec to exit: how long, how much memory, what it said.
 *
 * Memory is the greater of two figures: the peak of the sum of the proportional set sizes of the
 * program and everything that it started, sampled while it runs, and the largest resident size of
 * any one of them, which the kernel keeps. Sampling takes time from the program; a launch that is
 * timed closely leaves it out.
 */

typedef struct {
    int status; /* of its exit; -1 if a signal ended it, ours too when it took too long */
    int signal; /* 0: none */
    double wall_ms;
    double peak_mib;
    char *output; /* (owned): standard output and error */
} Launch;

/* From here on SIGINT and SIGTERM end what is running and everything that it started, and say so
 * below, instead of ending this program. */
void launch_catch_signals(void);
bool launch_was_interrupted(void);

/* Runs @argv, of which [0] is a path or is looked for in PATH. */
void launch_run(Launch *launch, char *const *argv, bool sample);
void launch_clear(Launch *launch);

/* The figure in the last line of the output; -1 if there is none. */
double launch_figure(const Launch *launch);

G_END_DECLS
