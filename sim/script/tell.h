/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/script/text_files.h"

G_BEGIN_DECLS

/*
 * The one door through which ranks tell the run what they do: lines printed, values logged,
 * samples consumed, findings, weights, the stack at a failure.
 *
 * On fibers and threads what is told is applied to the play at once, under its lock. On
 * processes it goes through a socket that all ranks share, and the parent applies it in
 * ddp_tell_pump() while the ranks run.
 *
 * Promises:
 *   - order: what a rank tells before a collective is applied before what any rank tells after it;
 *   - whole or not at all: what a rank was telling when it was killed is dropped, and nothing
 *     that others tell is lost or mixed up with it;
 *   - nobody hangs: a rank waits for the parent while the socket is full, a rank without a
 *     parent tells into the void, and the parent never waits for a rank.
 */

typedef struct DdpTell DdpTell;
typedef struct DdpPlay DdpPlay; /* sim/script/play.h */

/* (transfer full): a door that leads to @play, which is borrowed, from the same process. */
DdpTell *ddp_tell_new(DdpPlay *play);
void ddp_tell_free(DdpTell *tell);

/* Before ranks are forked: makes the socket. */
bool ddp_tell_open(DdpTell *tell, GError **error);

/* First of all in a rank's function: a rank in a forked process tells through the socket. */
void ddp_tell_enter(DdpTell *tell);

/* ---- in the parent of forked ranks ---- */

/* What can be read as soon as something was told; -1 where all is applied at once. */
int ddp_tell_fd(const DdpTell *tell);

/**
 * ddp_tell_pump:
 *
 * Reads and applies what has been told, as far as it is there; never waits. One call reads a
 * bounded amount, so that whoever calls also gets to do something else.
 *
 * Returns: true if there may be more
 */
bool ddp_tell_pump(DdpTell *tell);

/* How many packets made no sense and how many messages were torn; all were dropped. */
uint64_t ddp_tell_dropped(const DdpTell *tell);

/* ---- what ranks tell; strings are copied ---- */

void ddp_tell_print(DdpTell *tell, int rank, const char *line);

typedef struct {
    int rank;
    int evaluation; /* that it belongs to; -1 outside of any */
    int64_t epoch;
    const char *logger;
    const char *path;
    const char *tag;
    const char *site;
    int64_t step;
    double value;
} DdpToldLog;

void ddp_tell_log(DdpTell *tell, const DdpToldLog *log);
/* The value that the oracle logged. */
void ddp_tell_truth(DdpTell *tell, int rank, int evaluation, const char *tag, int64_t step,
                    double value);
void ddp_tell_samples(DdpTell *tell, int rank, int evaluation, size_t dataset_size,
                      const int64_t *indices, size_t count);
void ddp_tell_merged(DdpTell *tell, int rank, int evaluation);
/* @site is (nullable). */
void ddp_tell_finding(DdpTell *tell, int rank, const char *kind, const char *message,
                      const char *site);
/* @rank holds values of this hash after @step steps; @what as of ddp_replicas_note(). */
void ddp_tell_replica(DdpTell *tell, int rank, int what, int64_t step, uint64_t hash);
/* Where @rank was when it failed: of char*, innermost first. */
void ddp_tell_stack(DdpTell *tell, int rank, const GPtrArray *stack);
/* What a rank writes to a text file: the files are made of it when the run is over. */
void ddp_tell_text(DdpTell *tell, const DdpTextWrite *write);
/* For whoever watches: how many collectives the world has completed. */
void ddp_tell_progress(DdpTell *tell, int rank, int64_t collectives);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpTell, ddp_tell_free)

G_END_DECLS
