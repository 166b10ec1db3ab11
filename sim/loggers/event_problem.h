/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * What was wrong with an event file while the rest of it was read.
 *
 * A list keeps the first DDP_EVENT_PROBLEMS_MAX and counts the others: a file of noise must not
 * fill the memory with complaints about it.
 */

#define DDP_EVENT_PROBLEMS_MAX 256

typedef enum {
    DDP_EVENT_PROBLEM_TRUNCATED,  /* the tail is half a record: a writer at work, or killed */
    DDP_EVENT_PROBLEM_CORRUPT,    /* bytes that cannot have been written so */
    DDP_EVENT_PROBLEM_UNREADABLE, /* the system refused */
} DdpEventProblemKind;

typedef struct {
    DdpEventProblemKind kind;
    char *path;      /* owned */
    uint64_t offset; /* of the record in the file */
    char *what;      /* owned; one line without the path */
    bool is_tail;    /* says something about the end of the file, which may still grow */
} DdpEventProblem;

typedef struct DdpEventProblems DdpEventProblems;

DdpEventProblems *ddp_event_problems_new(void);
void ddp_event_problems_free(DdpEventProblems *problems);

/* Copies @problem. */
void ddp_event_problems_add(DdpEventProblems *problems, const DdpEventProblem *problem);

/* Takes back what was said about the end of @path, before it is read again. */
void ddp_event_problems_forget_tail(DdpEventProblems *problems, const char *path);

size_t ddp_event_problems_count(const DdpEventProblems *problems);
/* (transfer none): valid until the next change of the list. */
const DdpEventProblem *ddp_event_problems_get(const DdpEventProblems *problems, size_t index);
/* How many more there were than the list holds. */
uint64_t ddp_event_problems_omitted(const DdpEventProblems *problems);
/* True if more was wrong than a missing tail. */
bool ddp_event_problems_has_damage(const DdpEventProblems *problems);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DdpEventProblems, ddp_event_problems_free)

G_END_DECLS
