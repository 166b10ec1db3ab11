/* SPDX-License-Identifier: MIT */
/* The same calls in another order: within a group, where they hang, and over several groups. */
#include "tests/bugset/bugset.h"

static const int sizes[] = BUGSET_ALL_SIZES;

typedef struct {
    const char *name;
    const char *body;
} OrderShape;

static const OrderShape straight = {"straight", "-if r == $odd then\n"
                                                "-  $second @B\n"
                                                "-  $first\n"
                                                "-else\n"
                                                "   $first @A\n"
                                                "   $second\n"
                                                "-end\n"};

static const OrderShape order_shapes[] = {
    /* Each call stands at one line, and the two lines change places. */
    {"helpers", " local function first()\n"
                "   $first @A\n"
                " end\n"
                " local function second()\n"
                "   $second @B\n"
                " end\n"
                "-if r == $odd then\n"
                "-  second()\n"
                "-  first()\n"
                "-else\n"
                "   first()\n"
                "   second()\n"
                "-end\n"},
    {"list", " local first = function() $first end @A\n"
             " local second = function() $second end @B\n"
             "-for _, step in ipairs(r == $odd and { second, first } or { first, second }) do\n"
             "+for _, step in ipairs({ first, second }) do\n"
             "   step()\n"
             " end\n"},
    /* It went well in the turn before. */
    {"second_turn", " for turn = 1, 3 do\n"
                    "-  if turn == 2 and r == $odd then\n"
                    "-    $second @B\n"
                    "-    $first\n"
                    "-  else\n"
                    "     $first @A\n"
                    "     $second\n"
                    "-  end\n"
                    " end\n"},
    {"after_barrier", " dist.barrier()\n"
                      "-if r == $odd then $second end @B\n"
                      " $first @A\n"
                      "-if r ~= $odd then\n"
                      "   $second\n"
                      "-end\n"
                      " dist.barrier()\n"},
};

static void
add_order(Bugset *set, const OrderShape *shape, const char *what, const char *first,
          const char *second, int size, int odd)
{
    const BugsetSpec spec = {
        .family = "order",
        .name = bugset_text(set, "%s-%s", shape->name, what),
        .size = size,
        .body = shape->body,
        .slots = {"odd", bugset_text(set, "%d", odd), "first", first, "second", second},
        .classes = {"order"},
        .blamed = bugset_fewer(UINT32_C(1) << odd, size),
    };

    bugset_add(set, &spec);
}

/* Every pair of kinds in a row; each shape with a kind and the next one. */
static void
add_kind_orders(Bugset *set, int first, int size)
{
    for (int second = first + 1; second < BUGSET_KIND_COUNT; second++)
        add_order(set, &straight,
                  bugset_text(set, "%s-%s", bugset_kind_name((BugsetKind)first),
                              bugset_kind_name((BugsetKind)second)),
                  bugset_call(set, (BugsetKind)first, NULL),
                  bugset_call(set, (BugsetKind)second, NULL), size, (first + second) % size);
    for (size_t s = 0; s < G_N_ELEMENTS(order_shapes); s++) {
        BugsetKind second = (BugsetKind)((first + 1 + (int)s) % BUGSET_KIND_COUNT);

        /* Between barriers a barrier is nobody's exception. */
        if (s == 3 && (first == BUGSET_BARRIER || second == BUGSET_BARRIER))
            continue;
        add_order(set, &order_shapes[s],
                  bugset_text(set, "%s-%s", bugset_kind_name((BugsetKind)first),
                              bugset_kind_name(second)),
                  bugset_call(set, (BugsetKind)first, NULL), bugset_call(set, second, NULL), size,
                  (first + (int)s) % size);
    }
}

/* One kind twice, with calls that cannot be taken for each other. */
static void
add_signature_orders(Bugset *set, int size)
{
    static const struct {
        const char *what;
        BugsetKind kind;
        BugsetCall first, second;
    } pairs[] = {
        {"dtype",
         BUGSET_ALL_REDUCE,
         {.tensor = "t"},
         {.tensor = "torch.ones(4, { dtype = torch.int64 })"}},
        {"shape", BUGSET_ALL_GATHER, {.tensor = "t"}, {.tensor = "torch.ones(7)"}},
        {"op", BUGSET_REDUCE, {.op = "sum"}, {.op = "max"}},
        {"root", BUGSET_BROADCAST, {.root = "0"}, {.root = "1"}},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const char *first = bugset_call(set, pairs[i].kind, &pairs[i].first);
        const char *second = bugset_call(set, pairs[i].kind, &pairs[i].second);

        add_order(set, &straight, pairs[i].what, first, second, size, (int)i % size);
        add_order(set, &order_shapes[0], pairs[i].what, first, second, size, (int)i % size);
    }
}

/* One rank begins in the middle of the row. */
static void
add_rotation(Bugset *set, int kind, int size)
{
    const BugsetSpec spec = {
        .family = "order",
        .name = bugset_text(set, "rotation-%s", bugset_kind_name((BugsetKind)kind)),
        .size = size,
        .body = "-if r == $odd then\n"
                "-  $second @B\n"
                "-  $third\n"
                "-  $first\n"
                "-else\n"
                "   $first @A\n"
                "   $second\n"
                "   $third\n"
                "-end\n",
        .slots = {"odd", bugset_text(set, "%d", kind % size), "first",
                  bugset_call(set, (BugsetKind)kind, NULL), "second",
                  bugset_call(set, (BugsetKind)((kind + 1) % BUGSET_KIND_COUNT), NULL), "third",
                  bugset_call(set, (BugsetKind)((kind + 2) % BUGSET_KIND_COUNT), NULL)},
        .classes = {"order"},
        .blamed = bugset_fewer(UINT32_C(1) << (kind % size), size),
    };

    bugset_add(set, &spec);
}

void
bugset_make_order(Bugset *set)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
            add_kind_orders(set, kind, sizes[i]);
            add_rotation(set, kind, sizes[i]);
        }
        add_signature_orders(set, sizes[i]);
    }
}

/* ---- several groups ---- */

/* All ranks in both groups; the two calls as given. */
static const OrderShape cycle_shapes[] = {
    {"two_groups", " local all = {}\n"
                   " for i = 0, p - 1 do all[#all + 1] = i end\n"
                   " local a, b = dist.new_group(all), dist.new_group(all)\n"
                   "-if r == $odd then\n"
                   "-  $inb @B\n"
                   "-  $ina\n"
                   "-else\n"
                   "   $ina @A\n"
                   "   $inb\n"
                   "-end\n"},
    {"two_groups_helpers", " local all = {}\n"
                           " for i = 0, p - 1 do all[#all + 1] = i end\n"
                           " local a, b = dist.new_group(all), dist.new_group(all)\n"
                           " local function in_a()\n"
                           "   $ina @A\n"
                           " end\n"
                           " local function in_b()\n"
                           "   $inb @B\n"
                           " end\n"
                           "-if r == $odd then in_b() end\n"
                           " in_a()\n"
                           "-if r ~= $odd then in_b() end\n"
                           "+in_b()\n"},
    {"world_and_group", " local all = {}\n"
                        " for i = 0, p - 1 do all[#all + 1] = i end\n"
                        " local a = dist.new_group(all)\n"
                        "-if r == $odd then\n"
                        "-  $world @B\n"
                        "-  $ina\n"
                        "-else\n"
                        "   $ina @A\n"
                        "   $world\n"
                        "-end\n"},
    {"second_turn", " local all = {}\n"
                    " for i = 0, p - 1 do all[#all + 1] = i end\n"
                    " local a, b = dist.new_group(all), dist.new_group(all)\n"
                    " for turn = 1, 2 do\n"
                    "-  if turn == 2 and r == $odd then\n"
                    "-    $inb @B\n"
                    "-    $ina\n"
                    "-  else\n"
                    "     $ina @A\n"
                    "     $inb\n"
                    "-  end\n"
                    " end\n"},
};

static void
add_cycle(Bugset *set, const OrderShape *shape, BugsetKind one, BugsetKind other, int size, int odd)
{
    const BugsetCall in_a = {.group = "a"}, in_b = {.group = "b"};
    const BugsetSpec spec = {
        .family = "cycle",
        .name = bugset_text(set, "%s-%s-%s", shape->name, bugset_kind_name(one),
                            bugset_kind_name(other)),
        .size = size,
        .body = shape->body,
        .slots = {"odd", bugset_text(set, "%d", odd), "ina", bugset_call(set, one, &in_a), "inb",
                  bugset_call(set, other, &in_b), "world", bugset_call(set, other, NULL)},
        .classes = {"order"},
        .blamed = bugset_fewer(UINT32_C(1) << odd, size),
    };

    bugset_add(set, &spec);
}

static const BugsetShape chains[] = {
    /* Three groups of two, each rank in two of them: the circle has three links. */
    {.name = "three_links",
     .body = " local g01 = dist.new_group({ 0, 1 })\n"
             " local g12 = dist.new_group({ 1, 2 })\n"
             " local g20 = dist.new_group({ 0, 2 })\n"
             " if r == 0 then\n"
             "-  dist.all_reduce(t, { group = g01 }) @A\n"
             "-  dist.all_reduce(t, { group = g20 })\n"
             "+  dist.all_reduce(t, { group = g01 })\n"
             "+  dist.all_reduce(t, { group = g20 })\n"
             " elseif r == 1 then\n"
             "-  dist.all_reduce(t, { group = g12 }) @B\n"
             "-  dist.all_reduce(t, { group = g01 })\n"
             "+  dist.all_reduce(t, { group = g01 })\n"
             "+  dist.all_reduce(t, { group = g12 })\n"
             " elseif r == 2 then\n"
             "-  dist.all_reduce(t, { group = g20 }) @C\n"
             "-  dist.all_reduce(t, { group = g12 })\n"
             "+  dist.all_reduce(t, { group = g20 })\n"
             "+  dist.all_reduce(t, { group = g12 })\n"
             " end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"order"},
     .size_min = 3},

    /* Rank r shares a group with the next one, and all enter their own first. */
    {.name = "ring",
     .body = " local own, before\n"
             " for i = 0, p - 1 do\n"
             "   local g = dist.new_group({ i, (i + 1) % p })\n"
             "   if i == r then own = g end\n"
             "   if (i + 1) % p == r then before = g end\n"
             " end\n"
             "-dist.all_reduce(t, { group = own }) @A\n"
             "-dist.all_reduce(t, { group = before })\n"
             "+if r == 0 then dist.all_reduce(t, { group = own }) end\n"
             "+dist.all_reduce(t, { group = before })\n"
             "+if r > 0 then dist.all_reduce(t, { group = own }) end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"order"},
     .size_min = 3},

    /* The common members of two overlapping groups, 1 and 2, differ; the others only wait. */
    {.name = "overlap",
     .body = " local low = dist.new_group({ 0, 1, 2 })\n"
             " local high = dist.new_group({ 1, 2, 3 })\n"
             "-if r == 2 then\n"
             "-  dist.all_reduce(t, { group = high }) @B\n"
             "-  dist.all_reduce(t, { group = low })\n"
             "-else\n"
             "   if low:rank() >= 0 then\n"
             "     dist.all_reduce(t, { group = low }) @A\n"
             "   end\n"
             "   if high:rank() >= 0 then\n"
             "     dist.all_reduce(t, { group = high })\n"
             "   end\n"
             "-end\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"order"},
     .size_min = 4},

    /* The same, and the ranks outside stand in a barrier of the world. */
    {.name = "overlap_then_barrier",
     .body = " local low = dist.new_group({ 0, 1 })\n"
             " local high = dist.new_group({ 0, 1, 2 })\n"
             "-if r == 1 then\n"
             "-  dist.all_gather(t, { group = high }) @B\n"
             "-  dist.broadcast(t, 0, { group = low })\n"
             "-else\n"
             "   if low:rank() >= 0 then\n"
             "     dist.broadcast(t, 0, { group = low }) @A\n"
             "   end\n"
             "   if high:rank() >= 0 then\n"
             "     dist.all_gather(t, { group = high })\n"
             "   end\n"
             "-end\n"
             " dist.barrier()\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"order"},
     .size_min = 3},

    /* The world and a pair of its ranks. */
    {.name = "group_and_world",
     .body = " local pair = dist.new_group({ 0, 1 })\n"
             "-if r == 1 then dist.barrier() end @B\n"
             " if pair:rank() >= 0 then\n"
             "   dist.all_reduce(t, { group = pair }) @A\n"
             " end\n"
             "-if r ~= 1 then dist.barrier() end\n"
             "+dist.barrier()\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"order"}},
};

void
bugset_make_cycle(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
            for (size_t s = 0; s < G_N_ELEMENTS(cycle_shapes); s++) {
                BugsetKind other = (BugsetKind)((kind + (int)s) % BUGSET_KIND_COUNT);

                add_cycle(set, &cycle_shapes[s], (BugsetKind)kind, other, sizes[i],
                          (kind + (int)s) % sizes[i]);
            }
        }
    }
    bugset_add_shapes(set, "cycle", chains, G_N_ELEMENTS(chains), unused, 1);
}
