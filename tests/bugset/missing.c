/* SPDX-License-Identifier: MIT */
/* A rank that does not come: rank guards, early returns, exits, and errors that were swallowed. */
#include "tests/bugset/bugset.h"

static const BugsetShape shapes[] = {
    {.name = "guard_one",
     .body = "-if r == $odd then $call end @A\n"
             "+$call\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "guard_all_but_one",
     .body = "-if r ~= $odd then\n"
             "   $call @A\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "guard_parity",
     .body = "-if r % 2 == 0 then\n"
             "   $call @A\n"
             "-end\n",
     .who = BUGSET_WHO_EVEN,
     .classes = {"missing_rank"}},

    /* What is missing is known by its value on each rank, not by the rank's number. */
    {.name = "guard_by_value",
     .body = " local loss = r == $odd and 0.1 or 0.9\n"
             "-if loss > 0.5 then\n"
             "   $call @A\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "short_circuit",
     .body = "-local all = r == $odd and $call @A\n"
             "+local all = $call\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "early_return",
     .body = "-if r == $odd then return end\n"
             " $call @A\n"
             " $other\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "return_between",
     .body = " dist.barrier()\n"
             "-if r == $odd then return end\n"
             " $call @A\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "exit",
     .body = " $other\n"
             "-if r == p - 1 then sim.fail(\"exit\") end\n"
             " $call @A\n",
     .who = BUGSET_WHO_LAST,
     .classes = {"missing_rank"}},

    {.name = "second_of_two",
     .body = " $call\n"
             "-if r ~= $odd then\n"
             "   $call @A\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    /* The later call takes the place of the one that was left out; the others wait in it. */
    {.name = "first_of_two",
     .body = "-if r ~= $odd then\n"
             "   $call @A\n"
             "-end\n"
             " $call @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "middle_of_three",
     .body = " $call\n"
             "-if r ~= $odd then\n"
             "   $call @A\n"
             "-end\n"
             " $call @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    /* One line calls the collective: only the stack tells the two uses apart. */
    {.name = "helper_guarded",
     .body = " local function sync(x)\n"
             "   $callx @A\n"
             " end\n"
             " sync(t)\n"
             "-if r ~= $odd then\n"
             "   sync(t) @B\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "guard_in_helper",
     .body = " local function log_metric(x)\n"
             "-  if r == $odd then $callx end @A\n"
             "+  $callx\n"
             " end\n"
             " log_metric(t) @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "rank_zero_only",
     .body = " local function rank_zero_only(f)\n"
             "   return function(...) if r == 0 then return f(...) end end\n"
             " end\n"
             "-local log = rank_zero_only(function(x)\n"
             "+local log = (function(x)\n"
             "   $callx @A\n"
             " end)\n"
             " log(t)\n",
     .who = BUGSET_WHO_FIRST,
     .classes = {"missing_rank"}},

    {.name = "swallowed_error",
     .body = " pcall(function()\n"
             "-  if r == $odd then error(\"bad sample\") end\n"
             "   $call @A\n"
             " end)\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    /* Rank $odd meets the others one call too early: seen where they meet, or as what it is. */
    {.name = "guard_then_other",
     .body = "-if r == $odd then $call end @A\n"
             "+$call\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank", "kind"}},

    {.name = "guard_then_other_tensor",
     .body = " local x = torch.ones(9)\n"
             "-if r == $odd then dist.all_reduce(x) end @A\n"
             "+dist.all_reduce(x)\n"
             " $call @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank", "kind", "shape"}},

    {.name = "skip_then_other",
     .body = "-if r ~= $odd then\n"
             "   $call @A\n"
             "-end\n"
             " $other @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank", "kind"}},
};

/* A member of a group stays away; the ranks outside have nothing to do with it. */
static void
add_groups(Bugset *set)
{
    static const int sizes[] = BUGSET_ALL_SIZES;
    static const char *const members[] = {"0, 1", "0, 1", "0, 1, 2", "0, 1, 2, 3, 4, 5, 6"};
    const BugsetCall in_group = {.group = "g"};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
            const BugsetSpec spec = {
                .family = "missing_rank",
                .name = bugset_text(set, "member_of_group-%s", bugset_kind_name((BugsetKind)kind)),
                .size = sizes[i],
                .body = " local g = dist.new_group({ $members })\n"
                        "-if g:rank() >= 0 and r ~= 1 then\n"
                        "+if g:rank() >= 0 then\n"
                        "   $callg @A\n"
                        " end\n",
                .slots = {"members", members[i], "callg",
                          bugset_call(set, (BugsetKind)kind, &in_group)},
                .classes = {"missing_rank"},
                .blamed = sizes[i] <= 3 ? 0 : 1 << 1, /* of two members neither */
            };

            bugset_add(set, &spec);
        }
    }
}

void
bugset_make_missing_rank(Bugset *set)
{
    BugsetKind kinds[BUGSET_KIND_COUNT];

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++)
        kinds[kind] = (BugsetKind)kind;
    bugset_add_shapes(set, "missing_rank", shapes, G_N_ELEMENTS(shapes), kinds, BUGSET_KIND_COUNT);
    add_groups(set);
}
