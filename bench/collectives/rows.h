/* SPDX-License-Identifier: MIT */
#pragma once

#include "bench/collectives/harness.h"

#include <glib.h>

G_BEGIN_DECLS

/*
 * What is compared, and what it must reach. A row is one job that all its entrants do in turn; its
 * goals say which of ours is held against which floor.
 */

typedef enum {
    ENTRANT_NONE,
    ENTRANT_OURS_FIBERS,
    ENTRANT_OURS_THREADS,
    ENTRANT_OURS_PROCESSES,
    ENTRANT_OURS_FIBERS_UNCHECKED,
    ENTRANT_OURS_THREADS_UNCHECKED,
    ENTRANT_OURS_PROCESSES_UNCHECKED,
    ENTRANT_FLOOR_FIBERS,
    ENTRANT_FLOOR_THREADS,
    ENTRANT_FLOOR_PROCESSES,
    ENTRANT_OPENMPI_SPIN,
    ENTRANT_OPENMPI_YIELD,
    ENTRANT_MPICH,
    ENTRANT_SMPI,
    ENTRANT_SMPI_SHARED,
    ENTRANT_GLOO,
} Entrant;

#define ENTRANT_COUNT 16

const char *entrant_name(Entrant entrant);

typedef enum {
    ROW_PER_CALL, /* microseconds of a call, by the program's own clock */
    ROW_WHOLE,    /* milliseconds and memory from exec to exit */
    ROW_DEADLOCK, /* the same, of a program that ends in one */
} RowKind;

/* Targets of 0 are none: the ratio is printed all the same. */
typedef struct {
    Entrant ours;
    Entrant floor;
    double peer_target;   /* at least so many times faster than the best peer */
    double floor_target;  /* at most so many times the floor */
    double memory_target; /* at most this part of the best peer's memory */
} Goal;

#define GOALS_MAX 4
#define PEERS_MAX 5
#define BESIDE_MAX 2

typedef struct {
    const char *name;
    const char *title;
    RowKind kind;
    Op op;
    int ranks;
    size_t bytes;
    int calls;
    Goal goals[GOALS_MAX];      /* up to the first without ours */
    Entrant peers[PEERS_MAX];   /* up to the first ENTRANT_NONE */
    Entrant beside[BESIDE_MAX]; /* the same; shown, but held against nothing */
    int peer_rounds;            /* 0: all; where a peer takes minutes it gets no more than these */
} Row;

extern const Row rows[];
extern const int row_count;

G_END_DECLS
