/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

#include "sim/script/charges.h"
#include "sim/script/pattern_program.h"

/*
 * One pattern against one subject.
 *
 * A backtracking matcher as Lua's own is, with the same results and errors, but without its
 * recursion, and with a meter: each item that is tried is a step, and so are eight bytes that are
 * passed over.
 */

typedef struct {
    const char *start;
    const char *end;
} DdpCapture;

typedef struct {
    DdpMeter meter;
    const char *subject; /* borrowed: a Lua string */
    const char *end;     /* of the subject */
    const char *from;    /* where the next search begins; behind `end` there is no match */
    const char *last;    /* end of the last match, which no other may share; NULL before */
    DdpPatternProgram program;
    DdpCapture captures[DDP_PATTERN_CAPTURES_MAX]; /* of the last match */
} DdpMatcher;

/* Room for the program of an ordinary pattern. */
#define DDP_PATTERN_SMALL 63

typedef struct {
    DdpPatternItem items[DDP_PATTERN_ITEMS_MAX(DDP_PATTERN_SMALL)];
    DdpByteSet sets[DDP_PATTERN_SETS_MAX(DDP_PATTERN_SMALL)];
} DdpPatternRoom;

/**
 * ddp_matcher_init:
 * @room: borrowed; where the program goes if the pattern is an ordinary one
 *
 * Makes @m ready for the subject and the pattern at stack indices 1 and 2, strings or numbers
 * (which become strings). The subject must stay there, and so must the userdata that is pushed
 * for a long pattern. A '^' in front is an anchor.
 */
void ddp_matcher_init(DdpMatcher *m, lua_State *L, DdpPatternRoom *room);

/**
 * ddp_matcher_push:
 * @anchors: whether a '^' in front is an anchor
 *
 * As ddp_matcher_init(), but all of it in a userdata, which is pushed.
 *
 * Returns: (transfer none): the matcher, which lives as long as the userdata
 */
DdpMatcher *ddp_matcher_push(lua_State *L, bool anchors);

/**
 * ddp_matcher_next:
 * @start: set to the beginning of the match
 *
 * The next match; `from` and `last` move on. A broken pattern is a Lua error.
 *
 * Returns: the end of the match, or NULL if there is none
 */
const char *ddp_matcher_next(DdpMatcher *m, const char **start);
