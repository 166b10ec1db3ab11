/* SPDX-License-Identifier: MIT */
/* Loops that go round more often on some ranks than on others, and loops without an end. */
#include "tests/bugset/bugset.h"

static const BugsetShape uneven[] = {
    {.name = "shorter",
     .body = "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "longer",
     .body = "-for _ = 1, r == $odd and 4 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "half_longer",
     .body = "-for _ = 1, 3 + r % 2 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_EVEN,
     .classes = {"uneven_iterations"}},

    {.name = "all_different",
     .body = "-for _ = 1, 3 + r do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"uneven_iterations"}},

    {.name = "shorter_then_other",
     .body = "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "longer_then_other",
     .body = "-for _ = 1, r == $odd and 4 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    /* What stands behind the loop takes the place of the turn that is missing. */
    {.name = "shorter_then_same",
     .body = "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n"
             " $call @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "longer_then_same",
     .body = "-for _ = 1, r == $odd and 4 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n"
             " $call @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    /* It meets another tensor behind the loop, so that even the shapes differ there. */
    {.name = "shorter_then_other_tensor",
     .body = " local x = torch.ones(9)\n"
             "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n"
             " dist.all_reduce(x) @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "two_a_turn",
     .body = "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             "   $other\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "two_a_turn_then_other",
     .body = "-for _ = 1, r == $odd and 4 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             "   $call\n"
             " end\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "break",
     .body = " for i = 1, 4 do\n"
             "-  if r == $odd and i == 3 then break end\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "break_in_the_middle",
     .body = " for i = 1, 4 do\n"
             "   $call\n"
             "-  if r == $odd and i == 3 then break end\n"
             "   $other @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "stops_early",
     .body = " local loss, patience, turns = 1.0, 3, 0\n"
             " repeat\n"
             "   turns = turns + 1\n"
             "-  loss = r == $odd and loss or loss / 2\n"
             "+  loss = loss / 2\n"
             "   $call @A\n"
             "   if loss == 1.0 then patience = patience - 1 end\n"
             " until turns == 6 or patience == 0\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "queue",
     .body = " local batches = { 1, 2, 3, 4 }\n"
             "-if r == $odd then table.remove(batches) end\n"
             " while #batches > 0 do\n"
             "   table.remove(batches)\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "epochs",
     .body = " for epoch = 1, 2 do\n"
             "-  for _ = 1, r == $odd and 2 or 3 do\n"
             "+  for _ = 1, 3 do\n"
             "     $call @A\n"
             "   end\n"
             "   $other @B\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    /* The next epoch's first turn takes the place of the one that is missing. */
    {.name = "epochs_without_end",
     .body = " for epoch = 1, 2 do\n"
             "-  for _ = 1, r == $odd and 2 or 3 do\n"
             "+  for _ = 1, 3 do\n"
             "     $call @A\n"
             "   end\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "helper",
     .body = " local function step(x)\n"
             "   $callx @A\n"
             " end\n"
             "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   step(t) @B\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    /* The turns are as many, one call of them is left out: either word is right. */
    {.name = "skipped_turn",
     .body = " for i = 1, 4 do\n"
             "-  if not (r == $odd and i == 2) then\n"
             "     $call @A\n"
             "-  end\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations", "missing_rank"}},

    /* A shard without a single batch: a loop of no turns, or a rank that never came. */
    {.name = "no_turn",
     .body = "-for _ = 1, r == $odd and 0 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $call @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations", "missing_rank"}},
};

/* Of works that are begun and waited for; not all kinds can be. */
static const BugsetShape uneven_works[] = {
    {.name = "works",
     .body = "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   $begin:wait() @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "works_waited_at_the_end",
     .body = " local works = {}\n"
             "-for _ = 1, r == $odd and 2 or 3 do\n"
             "+for _ = 1, 3 do\n"
             "   local x = t:clone()\n"
             "   works[#works + 1] = $beginx @A\n"
             " end\n"
             " for _, work in ipairs(works) do work:wait() end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},
};

void
bugset_make_uneven(Bugset *set)
{
    static const BugsetKind kinds[] = {BUGSET_ALL_REDUCE,        BUGSET_ALL_GATHER,
                                       BUGSET_ALL_GATHER_OBJECT, BUGSET_BROADCAST,
                                       BUGSET_REDUCE_SCATTER,    BUGSET_BARRIER};
    static const BugsetKind begun[] = {BUGSET_ALL_REDUCE, BUGSET_ALL_GATHER, BUGSET_BROADCAST,
                                       BUGSET_BARRIER};

    bugset_add_shapes(set, "uneven", uneven, G_N_ELEMENTS(uneven), kinds, G_N_ELEMENTS(kinds));
    bugset_add_shapes(set, "uneven", uneven_works, G_N_ELEMENTS(uneven_works), begun,
                      G_N_ELEMENTS(begun));
}

/* ---- without an end ---- */

#define STEPS 50000

#define ENDLESS(title, loop)                                                                       \
    {                                                                                              \
        .name = title,                                                                             \
        .body = "-if r == $odd then " loop " end @A\n"                                             \
                " $call @B\n",                                                                     \
        .who = BUGSET_WHO_EXACTLY_ODD, .classes = {"endless"}, .outcome = "timeout",               \
        .steps = STEPS                                                                             \
    }

static const BugsetShape endless[] = {
    ENDLESS("while", "while true do end"),
    ENDLESS("counting", "local i = 0 while i >= 0 do i = i + 1 end"),
    ENDLESS("repeat", "repeat until false"),
    ENDLESS("goto", "::again:: goto again"),
    ENDLESS("for", "for i = 1, math.huge do end"),
    ENDLESS("coroutine", "coroutine.wrap(function() while true do end end)()"),
    ENDLESS("pcall", "pcall(function() while true do end end)"),
    ENDLESS("tail_calls", "local function f() return f() end f()"),
    ENDLESS("never_stepping", "local i = 0 while i < 10 do i = i + 0 end"),

    {.name = "after_a_collective",
     .body = " $call\n"
             "-if r == $odd then while true do end end @A\n"
             " $other @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"endless"},
     .outcome = "timeout",
     .steps = STEPS},

    {.name = "helper",
     .body = "-local function spin() while true do end end @A\n"
             "-if r == $odd then spin() end\n"
             " $call @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"endless"},
     .outcome = "timeout",
     .steps = STEPS},

    /* Nobody waits for it. */
    {.name = "after_the_last",
     .body = " $call\n"
             "-if r == $odd then while true do end end @A\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"endless"},
     .outcome = "timeout",
     .steps = STEPS},

    {.name = "everybody",
     .body = "-while true do end @A\n"
             " $call\n",
     .who = BUGSET_WHO_EVERYBODY,
     .classes = {"endless"},
     .outcome = "timeout",
     .steps = STEPS},
};

void
bugset_make_endless(Bugset *set)
{
    static const BugsetKind kinds[] = {BUGSET_ALL_REDUCE, BUGSET_ALL_GATHER_OBJECT, BUGSET_BARRIER};

    bugset_add_shapes(set, "endless", endless, G_N_ELEMENTS(endless), kinds, G_N_ELEMENTS(kinds));
}
