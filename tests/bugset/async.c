/* SPDX-License-Identifier: MIT */
/* Works that are begun: never waited for, or with a tensor that was written to too early. */
#include "tests/bugset/bugset.h"

static const BugsetShape works[] = {
    {.name = "never_waited",
     .body = " local work = $begin @A\n"
             "-if r ~= $odd then work:wait() end\n"
             "+work:wait()\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "nobody_waits",
     .body = "-local work = $begin @A\n"
             "+$begin:wait()\n"
             " dist.barrier()\n",
     .who = BUGSET_WHO_EVERYBODY,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "dropped_in_a_loop",
     .body = " local work\n"
             " for _ = 1, 3 do\n"
             "   local x = t:clone()\n"
             "   work = $beginx @A\n"
             "+  work:wait()\n"
             " end\n"
             "-work:wait()\n",
     .who = BUGSET_WHO_EVERYBODY,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "one_of_two",
     .body = " local x = t:clone()\n"
             " local first = $begin\n"
             " local second = $beginx @A\n"
             " first:wait()\n"
             "-if r ~= p - 1 then second:wait() end\n"
             "+second:wait()\n",
     .who = BUGSET_WHO_EXACTLY_LAST,
     .finding = "never_waited",
     .outcome = "completed"},
};

/* A barrier carries nothing that could be touched. */
static const BugsetShape touched[] = {
    {.name = "touched",
     .body = " local work = $begin @A\n"
             "-if r == $odd then t:add_(1) end\n"
             " work:wait()\n"
             "+if r == $odd then t:add_(1) end\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .finding = "touched_before_wait",
     .outcome = "completed"},

    {.name = "zeroed_by_all",
     .body = " local work = $begin @A\n"
             "-t:zero_()\n"
             " dist.barrier()\n"
             " work:wait()\n"
             "+t:zero_()\n",
     .who = BUGSET_WHO_EVERYBODY,
     .finding = "touched_before_wait",
     .outcome = "completed"},
};

static const BugsetShape messages[] = {
    {.name = "isend_never_waited",
     .body = " if r == 0 then\n"
             "   local work = dist.isend(t, 1) @A\n"
             "+  work:wait()\n"
             " elseif r == 1 then\n"
             "   dist.recv(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "irecv_never_waited",
     .body = " if r == 0 then\n"
             "   local work = dist.irecv(t, 1) @A\n"
             "+  work:wait()\n"
             " elseif r == 1 then\n"
             "   dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "irecv_of_nothing_never_waited",
     .body = " if r == 0 then\n"
             "   local work = dist.irecv(t, 1) @A\n"
             "+  work:wait()\n"
             "+elseif r == 1 then\n"
             "+  dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "batch_half_waited",
     .body = " local buffer = torch.zeros(4)\n"
             " local sent = dist.isend(t, (r + 1) % p) @A\n"
             " local got = dist.irecv(buffer, (r + p - 1) % p)\n"
             " got:wait()\n"
             "+sent:wait()\n",
     .who = BUGSET_WHO_EVERYBODY,
     .finding = "never_waited",
     .outcome = "completed"},

    {.name = "isend_touched",
     .body = " if r == 0 then\n"
             "   local work = dist.isend(t, 1) @A\n"
             "-  t:zero_()\n"
             "   work:wait()\n"
             "+  t:zero_()\n"
             " elseif r == 1 then\n"
             "   dist.recv(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .finding = "touched_before_wait",
     .outcome = "completed"},

    {.name = "irecv_touched",
     .body = " if r == 0 then\n"
             "   local work = dist.irecv(t, 1) @A\n"
             "-  t:zero_()\n"
             "   work:wait()\n"
             "+  t:zero_()\n"
             " elseif r == 1 then\n"
             "   dist.send(t, 0)\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .finding = "touched_before_wait",
     .outcome = "completed"},
};

void
bugset_make_async(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};
    static const BugsetKind in_place[] = {BUGSET_ALL_REDUCE, BUGSET_BROADCAST, BUGSET_REDUCE,
                                          BUGSET_ALL_GATHER, BUGSET_GATHER};
    BugsetKind kinds[BUGSET_KIND_COUNT];
    int count = 0;

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        if (bugset_kind_can_wait((BugsetKind)kind))
            kinds[count++] = (BugsetKind)kind;
    }
    bugset_add_shapes(set, "async", works, G_N_ELEMENTS(works), kinds, count);
    bugset_add_shapes(set, "async", touched, G_N_ELEMENTS(touched), in_place,
                      G_N_ELEMENTS(in_place));
    bugset_add_shapes(set, "async", messages, G_N_ELEMENTS(messages), unused, 1);
}
