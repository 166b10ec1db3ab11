/* SPDX-License-Identifier: MIT */
/* Making and choosing groups: every rank makes every group, in the same order, with the same ranks.
 */
#include "tests/bugset/bugset.h"

static const BugsetShape making[] = {
    {.name = "other_members",
     .body = "-local g = dist.new_group(r == $odd and { 0 } or { 0, 1 }) @A\n"
             "+local g = dist.new_group({ 0, 1 })\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"group"}},

    {.name = "other_members_two_lines",
     .body = " local g\n"
             "-if r == $odd then\n"
             "-  g = dist.new_group({ p - 1 }) @A\n"
             "-else\n"
             "   g = dist.new_group({ 0, p - 1 }) @B\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"group"}},

    /* Each half makes its own group and leaves that of the others out. */
    {.name = "own_half",
     .body = " local low, high = {}, {}\n"
             " for i = 0, p - 1 do table.insert(i < p // 2 and low or high, i) end\n"
             "-local g = dist.new_group(r < p // 2 and low or high) @A\n"
             "+local g, h = dist.new_group(low), dist.new_group(high)\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"group"}},

    {.name = "own_pair",
     .body = "-local g = dist.new_group({ r, (r + 1) % p }) @A\n"
             "+for i = 0, p - 1 do dist.new_group({ i, (i + 1) % p }) end\n",
     .who = BUGSET_WHO_NOBODY,
     .classes = {"group"},
     .size_min = 3},

    /* The same calls in another order; what the ranks meet in is a group with other members. */
    {.name = "crossed",
     .body = " local a, b\n"
             "-if r == $odd then\n"
             "-  b = dist.new_group({ 0 }) @B\n"
             "-  a = dist.new_group({ 0, 1 })\n"
             "-else\n"
             "   a = dist.new_group({ 0, 1 }) @A\n"
             "   b = dist.new_group({ 0 })\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"order", "group"}},

    {.name = "crossed_list",
     .body = " local lists = { { 0 }, { 0, 1 } }\n"
             "-if r == $odd then lists[1], lists[2] = lists[2], lists[1] end\n"
             " for _, list in ipairs(lists) do\n"
             "   dist.new_group(list) @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"order", "group"}},

    {.name = "members_only",
     .body = " local g\n"
             "-if r < 2 then\n"
             "   g = dist.new_group({ 0, 1 }) @A\n"
             "-end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"missing_rank"},
     .size_min = 3},

    {.name = "members_only_then_barrier",
     .body = " local g\n"
             "-if r < 2 then\n"
             "   g = dist.new_group({ 0, 1 }) @A\n"
             "-end\n"
             " dist.barrier() @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"missing_rank", "kind"},
     .size_min = 3},
};

static const BugsetShape choosing[] = {
    /* Equal members, another group: two calls that never meet. */
    {.name = "world_for_group",
     .body = " local all = {}\n"
             " for i = 0, p - 1 do all[#all + 1] = i end\n"
             " local g = dist.new_group(all)\n"
             "-if r == $odd then\n"
             "-  $call @A\n"
             "-else\n"
             "   $callg @B\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"group", "order"}},

    {.name = "handles_crossed",
     .body = " local all = {}\n"
             " for i = 0, p - 1 do all[#all + 1] = i end\n"
             " local g, h = dist.new_group(all), dist.new_group(all)\n"
             "-if r == $odd then g, h = h, g end\n"
             " $callg @A\n"
             " dist.barrier({ group = h })\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"group", "order"}},
};

void
bugset_make_group(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};
    static const BugsetKind kinds[] = {BUGSET_ALL_REDUCE, BUGSET_BROADCAST,
                                       BUGSET_ALL_GATHER_OBJECT, BUGSET_REDUCE_SCATTER,
                                       BUGSET_BARRIER};

    bugset_add_shapes(set, "group", making, G_N_ELEMENTS(making), unused, 1);
    bugset_add_shapes(set, "group", choosing, G_N_ELEMENTS(choosing), kinds, G_N_ELEMENTS(kinds));
}
