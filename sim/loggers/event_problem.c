/* SPDX-License-Identifier: MIT */
#include "sim/loggers/event_problem.h"

struct DdpEventProblems {
    GArray *items; /* of DdpEventProblem */
    uint64_t omitted;
    bool has_damage;
};

static void
clear_problem(void *item)
{
    DdpEventProblem *problem = item;

    g_free(problem->path);
    g_free(problem->what);
}

DdpEventProblems *
ddp_event_problems_new(void)
{
    DdpEventProblems *problems = g_new0(DdpEventProblems, 1);

    problems->items = g_array_new(FALSE, FALSE, sizeof(DdpEventProblem));
    g_array_set_clear_func(problems->items, clear_problem);
    return problems;
}

void
ddp_event_problems_free(DdpEventProblems *problems)
{
    if (problems == NULL)
        return;
    g_array_unref(problems->items);
    g_free(problems);
}

void
ddp_event_problems_add(DdpEventProblems *problems, const DdpEventProblem *problem)
{
    g_return_if_fail(problems != NULL && problem != NULL);

    if (problem->kind != DDP_EVENT_PROBLEM_TRUNCATED)
        problems->has_damage = true;
    if (problems->items->len >= DDP_EVENT_PROBLEMS_MAX) {
        problems->omitted++;
        return;
    }

    DdpEventProblem copy = *problem;

    copy.path = g_strdup(problem->path);
    copy.what = g_strdup(problem->what);
    g_array_append_val(problems->items, copy);
}

void
ddp_event_problems_forget_tail(DdpEventProblems *problems, const char *path)
{
    g_return_if_fail(problems != NULL && path != NULL);

    for (guint i = problems->items->len; i-- > 0;) {
        const DdpEventProblem *problem = &g_array_index(problems->items, DdpEventProblem, i);

        if (problem->is_tail && g_str_equal(problem->path, path))
            g_array_remove_index(problems->items, i);
    }
}

size_t
ddp_event_problems_count(const DdpEventProblems *problems)
{
    g_return_val_if_fail(problems != NULL, 0);

    return problems->items->len;
}

const DdpEventProblem *
ddp_event_problems_get(const DdpEventProblems *problems, size_t index)
{
    g_return_val_if_fail(problems != NULL && index < problems->items->len, NULL);

    return &g_array_index(problems->items, DdpEventProblem, index);
}

uint64_t
ddp_event_problems_omitted(const DdpEventProblems *problems)
{
    g_return_val_if_fail(problems != NULL, 0);

    return problems->omitted;
}

bool
ddp_event_problems_has_damage(const DdpEventProblems *problems)
{
    g_return_val_if_fail(problems != NULL, false);

    return problems->has_damage;
}
