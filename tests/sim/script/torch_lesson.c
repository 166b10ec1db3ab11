/* SPDX-License-Identifier: MIT */
#include "tests/sim/script/torch_lesson.h"

#include <string.h>

static void
gather_line(const char *line, int rank, void *user_data)
{
    (void)rank;
    if (user_data != NULL)
        g_string_append_printf(user_data, "%s\n", line);
}

void
torch_lesson_open(TorchLesson *lesson, GString *printed, const DdpLimits *limits)
{
    DdpLimits usual = ddp_limits_default();
    DdpScriptSpec spec = {.rank = 0, .world_size = 1, .nproc_per_node = 1};
    g_autoptr(GError) error = NULL;

    lesson->play = ddp_play_new(limits != NULL ? limits : &usual, 0, NULL);
    lesson->play->print = gather_line;
    lesson->play->print_data = printed;
    lesson->L = ddp_script_state_new(lesson->play, &spec, &error);
    ck_assert_no_error(error);
}

bool
torch_lesson_run(TorchLesson *lesson, const char *text, GError **error)
{
    return ddp_script_load(lesson->L, "lesson.lua", text, strlen(text), error) &&
           ddp_script_call(lesson->L, 0, 0, error);
}

void
torch_lesson_close(TorchLesson *lesson)
{
    ddp_script_state_free(lesson->L);
    ddp_play_free(lesson->play);
}

char *
torch_lesson_play(const char *text)
{
    GString *printed = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    TorchLesson lesson;

    torch_lesson_open(&lesson, printed, NULL);
    if (!torch_lesson_run(&lesson, text, &error))
        g_string_append_printf(printed, "%s\n", error->message);
    torch_lesson_close(&lesson);
    return g_string_free(printed, FALSE);
}

void
torch_lesson_prints(const char *text, const char *expected)
{
    g_autofree char *got = torch_lesson_play(text);

    ck_assert_str_eq(got, expected);
}
