/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/script/state.h"
#include "tests/testutil.h"

G_BEGIN_DECLS

/*
 * A few lines of Lua in a rank's state, for the tests of the tables torch, nn, F and optim.
 */

/* What @text prints, line by line; the error, if one ends it, as a last line. (transfer full) */
char *torch_lesson_play(const char *text);

/* Compares that with @expected. */
void torch_lesson_prints(const char *text, const char *expected);

/* A state to work with from C; @printed (nullable) gathers lines. */
typedef struct {
    DdpPlay *play;
    lua_State *L;
} TorchLesson;

void torch_lesson_open(TorchLesson *lesson, GString *printed, const DdpLimits *limits);
bool torch_lesson_run(TorchLesson *lesson, const char *text, GError **error);
void torch_lesson_close(TorchLesson *lesson);

G_END_DECLS
