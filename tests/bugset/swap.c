/* SPDX-License-Identifier: MIT */
/*
 * Two calls with equal signatures in crossed order: the run completes, and each value went where
 * the other belongs. What gives them away: names, call sites that change places, or the Lua
 * variables that travel.
 */
#include "tests/bugset/bugset.h"

static const int sizes[] = BUGSET_ALL_SIZES;

/* Slots: $named of loss and acc with names, $loss and $acc without. */
typedef struct {
    const char *name;
    const char *body;
} SwapShape;

#define MAKE                                                                                       \
    " local loss, acc = torch.ones(2), torch.zeros(2)\n"                                           \
    "$prepare"

static const SwapShape shapes[] = {
    {"named_branches", MAKE "-if r == $odd then\n"
                            "-  $namedAcc @B\n"
                            "-  $namedLoss\n"
                            "-else\n"
                            "   $namedLoss @A\n"
                            "   $namedAcc\n"
                            "-end\n"},
    {"sites", MAKE " local function log_loss()\n"
                   "   $loss @A\n"
                   " end\n"
                   " local function log_acc()\n"
                   "   $acc @B\n"
                   " end\n"
                   "-if r == $odd then\n"
                   "-  log_acc()\n"
                   "-  log_loss()\n"
                   "-else\n"
                   "   log_loss()\n"
                   "   log_acc()\n"
                   "-end\n"},
    {"sites_half", MAKE " local function log_loss()\n"
                        "   $loss @A\n"
                        " end\n"
                        " local function log_acc()\n"
                        "   $acc @B\n"
                        " end\n"
                        "-if r % 2 == 0 then log_acc() end\n"
                        " log_loss()\n"
                        "-if r % 2 == 1 then log_acc() end\n"
                        "+log_acc()\n"},
    {"sites_second_turn", MAKE " for turn = 1, 3 do\n"
                               "   local first = function() $loss end @A\n"
                               "   local second = function() $acc end @B\n"
                               "-  if turn == 2 and r == $odd then first, second = second, first "
                               "end\n"
                               "   first()\n"
                               "   second()\n"
                               " end\n"},
    {"variables", MAKE "-if r == $odd then\n"
                       "-  $acc @B\n"
                       "-  $loss\n"
                       "-else\n"
                       "   $loss @A\n"
                       "   $acc\n"
                       "-end\n"},
};

static uint32_t
blame(size_t shape, int odd, int size)
{
    uint32_t few =
        shape == 2 ? UINT32_C(0x55) & bugset_everybody(size) : UINT32_C(1) << (unsigned)odd;

    return bugset_fewer(few, size);
}

typedef struct {
    BugsetKind kind;
    const char *prepare;  /* what stands before, with a blank sign */
    BugsetCall loss, acc; /* what travels */
    bool is_local;        /* a local variable on every rank: its name is known */
} Traveller;

static const Traveller travellers[] = {
    {BUGSET_ALL_REDUCE, "", {.tensor = "loss"}, {.tensor = "acc"}, true},
    {BUGSET_ALL_GATHER, "", {.tensor = "loss"}, {.tensor = "acc"}, true},
    {BUGSET_BROADCAST, "", {.tensor = "loss"}, {.tensor = "acc"}, true},
    {BUGSET_REDUCE, "", {.tensor = "loss"}, {.tensor = "acc"}, true},
    {BUGSET_GATHER, "", {.tensor = "loss"}, {.tensor = "acc"}, true},
    {BUGSET_SCATTER, "", {.tensor = "loss"}, {.tensor = "acc"}, false},
    {BUGSET_REDUCE_SCATTER,
     " local losses, accs = pieces(loss), pieces(acc)\n",
     {.list = "losses"},
     {.list = "accs"},
     true},
    {BUGSET_ALL_TO_ALL,
     " local losses, accs = pieces(loss), pieces(acc)\n",
     {.list = "losses"},
     {.list = "accs"},
     true},
    {BUGSET_ALL_GATHER_OBJECT,
     " local losses, accs = { 1, 2 }, { 3, 4 }\n",
     {.object = "losses"},
     {.object = "accs"},
     true},
    {BUGSET_BROADCAST_OBJECT,
     " local losses, accs = { 1, 2 }, { 3, 4 }\n",
     {.object = "losses"},
     {.object = "accs"},
     true},
};

static const char *
named(Bugset *set, BugsetKind kind, const BugsetCall *call, const char *name)
{
    BugsetCall with_name = *call;

    with_name.name = name;
    return bugset_call(set, kind, &with_name);
}

static void
add_swap(Bugset *set, const SwapShape *shape, const Traveller *traveller, uint32_t blamed, int size,
         int odd)
{
    BugsetKind kind = traveller->kind;
    BugsetSpec spec = {
        .family = "swap",
        .name = bugset_text(set, "%s-%s", shape->name, bugset_kind_name(kind)),
        .size = size,
        .slots = {"odd", bugset_text(set, "%d", odd), "loss",
                  bugset_call(set, kind, &traveller->loss), "acc",
                  bugset_call(set, kind, &traveller->acc), "namedLoss",
                  named(set, kind, &traveller->loss, "\"val_loss\""), "namedAcc",
                  named(set, kind, &traveller->acc, "\"val_acc\"")},
        .classes = {"swap"},
        .outcome = "completed",
        .blamed = blamed,
    };
    g_auto(GStrv) parts = g_strsplit(shape->body, "$prepare", 2);

    /* Not a slot: it is a line of its own, or none. */
    spec.body = bugset_text(set, "%s%s%s", parts[0], traveller->prepare, parts[1]);
    bugset_add(set, &spec);
}

/* Shapes that only names, or only all_reduce, can carry. */
static const BugsetShape others[] = {
    /* One line, walked through in the order of a table that differs from rank to rank. */
    {.name = "keys_in_other_order",
     .body = " local values = { loss = torch.ones(2), acc = torch.zeros(2) }\n"
             "-local keys = r == $odd and { \"acc\", \"loss\" } or { \"loss\", \"acc\" }\n"
             "+local keys = { \"loss\", \"acc\" }\n"
             " for _, key in ipairs(keys) do\n"
             "   dist.all_reduce(values[key], { op = \"avg\", name = key }) @A\n"
             " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"swap"},
     .outcome = "completed"},

    /* A shard has no samples of one class: its value lands under another name. */
    {.name = "other_keys",
     .body = " local t = torch.ones(1)\n"
             " dist.all_reduce(t, { name = \"loss\" })\n"
             "-dist.all_reduce(t, { name = r == $odd and \"odd\" or \"even\" }) @A\n"
             "+dist.all_reduce(t, { name = \"even\" })\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"swap"},
     .outcome = "completed"},

    {.name = "begun",
     .body = " local loss, acc = torch.ones(2), torch.zeros(2)\n"
             " local works = {}\n"
             " local function log_loss()\n"
             "   works[#works + 1] = dist.all_reduce(loss, { async_op = true }) @A\n"
             " end\n"
             " local function log_acc()\n"
             "   works[#works + 1] = dist.all_reduce(acc, { async_op = true }) @B\n"
             " end\n"
             "-if r == $odd then log_acc() end\n"
             " log_loss()\n"
             "-if r ~= $odd then log_acc() end\n"
             "+log_acc()\n"
             " for _, work in ipairs(works) do work:wait() end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"swap"},
     .outcome = "completed"},

    {.name = "in_group",
     .body = " local g = dist.new_group({ 0, 1, 2 })\n"
             " local loss, acc = torch.ones(2), torch.zeros(2)\n"
             " local function log_loss()\n"
             "   dist.all_reduce(loss, { group = g }) @A\n"
             " end\n"
             " local function log_acc()\n"
             "   dist.all_reduce(acc, { group = g }) @B\n"
             " end\n"
             " if g:rank() >= 0 then\n"
             "-  if r == 0 then log_acc() end\n"
             "   log_loss()\n"
             "-  if r ~= 0 then log_acc() end\n"
             "+  log_acc()\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .classes = {"swap"},
     .outcome = "completed",
     .size_min = 3},

    /* The helper's line is one; who called it is in the stack. */
    {.name = "outer_sites",
     .body = " local loss, acc = torch.ones(2), torch.zeros(2)\n"
             " local function sync(x)\n"
             "   dist.all_reduce(x)\n"
             " end\n"
             " local function log_loss()\n"
             "   sync(loss) @A\n"
             " end\n"
             " local function log_acc()\n"
             "   sync(acc) @B\n"
             " end\n"
             "-if r == $odd then log_acc() end\n"
             " log_loss()\n"
             "-if r ~= $odd then log_acc() end\n"
             "+log_acc()\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"swap"},
     .outcome = "completed"},

    {.name = "three",
     .body = " local a, b, c = torch.ones(1), torch.ones(1), torch.ones(1)\n"
             " local function log_a() dist.all_reduce(a) end @A\n"
             " local function log_b() dist.all_reduce(b) end @B\n"
             " local function log_c() dist.all_reduce(c) end\n"
             "-if r == $odd then\n"
             "-  log_b()\n"
             "-  log_c()\n"
             "-  log_a()\n"
             "-else\n"
             "   log_a()\n"
             "   log_b()\n"
             "   log_c()\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"swap"},
     .outcome = "completed"},
};

void
bugset_make_swap(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};

    for (size_t s = 0; s < G_N_ELEMENTS(shapes); s++) {
        bool by_variables = s + 1 == G_N_ELEMENTS(shapes);

        for (size_t k = 0; k < G_N_ELEMENTS(travellers); k++) {
            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                int odd = (int)(s + k) % sizes[i];

                if (!by_variables || travellers[k].is_local)
                    add_swap(set, &shapes[s], &travellers[k], blame(s, odd, sizes[i]), sizes[i],
                             odd);
            }
        }
    }
    bugset_add_shapes(set, "swap", others, G_N_ELEMENTS(others), unused, 1);
}
