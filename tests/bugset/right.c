/* SPDX-License-Identifier: MIT */
/* Programs that are right and look as if they were not: about none of them may anything be said. */
#include "tests/bugset/bugset.h"

/* With each kind of collective. */
static const BugsetShape with_kinds[] = {
    {.name = "both_branches",
     .body = " if r == $odd then\n"
             "   $call\n"
             " else\n"
             "   $call\n"
             " end\n"},

    {.name = "both_branches_each_turn",
     .body = " for _ = 1, 3 do\n"
             "   if r % 2 == 0 then\n"
             "     $call\n"
             "     $call\n"
             "   else\n"
             "     $call\n"
             "     $call\n"
             "   end\n"
             " end\n"},

    /* The branch is another one in each turn: both lines meet both lines. */
    {.name = "branches_by_turn_and_rank",
     .body = " for turn = 1, 4 do\n"
             "   if (turn + r) % 2 == 0 then\n"
             "     $call\n"
             "   else\n"
             "     $call\n"
             "   end\n"
             " end\n"},

    {.name = "by_parity_of_the_step",
     .body = " for step = 1, 4 do\n"
             "   if step % 2 == 0 then\n"
             "     $call\n"
             "   else\n"
             "     $other\n"
             "     $call\n"
             "   end\n"
             " end\n"},

    /* As many turns, by other means. */
    {.name = "loops_of_other_styles",
     .body = " if r == $odd then\n"
             "   local i = 0\n"
             "   while i < 3 do\n"
             "     $call\n"
             "     i = i + 1\n"
             "   end\n"
             " else\n"
             "   for _ = 1, 3 do\n"
             "     $call\n"
             "   end\n"
             " end\n"},

    {.name = "unrolled",
     .body = " if r == $odd then\n"
             "   $call\n"
             "   $call\n"
             "   $call\n"
             " else\n"
             "   for _ = 1, 3 do $call end\n"
             " end\n"},

    {.name = "first_turn_apart",
     .body = " if r == $odd then $call end\n"
             " for turn = 1, 3 do\n"
             "   if r ~= $odd or turn > 1 then $call end\n"
             " end\n"},

    {.name = "loop_counts_that_multiply_alike",
     .body = " local outer = r == $odd and 2 or 3\n"
             " for _ = 1, outer do\n"
             "   for _ = 1, 6 // outer do\n"
             "     $call\n"
             "   end\n"
             " end\n"},

    {.name = "helper_in_two_uses",
     .body = " local function sync(x)\n"
             "   $callx\n"
             " end\n"
             " if r == $odd then\n"
             "   sync(t)\n"
             "   sync(t:clone())\n"
             " else\n"
             "   for _ = 1, 2 do sync(t) end\n"
             " end\n"},

    {.name = "helper_or_by_hand",
     .body = " local function sync(x)\n"
             "   $callx\n"
             " end\n"
             " if r == 0 then sync(t) else $call end\n"
             " if r == p - 1 then $call else sync(t) end\n"},

    {.name = "failing_load_is_caught",
     .body = " local ok = pcall(function()\n"
             "   if r == $odd then error(\"bad sample\") end\n"
             " end)\n"
             " if not ok then t:zero_() end\n"
             " $call\n"},

    {.name = "inside_pcall",
     .body = " local ok = pcall(function()\n"
             "   $call\n"
             "   if r == $odd then error(\"after the collective\") end\n"
             " end)\n"
             " $other\n"},

    {.name = "work_before",
     .body = " if r == $odd then\n"
             "   sim.sleep(0.002)\n"
             "   for i = 1, 1000 do t:add_(0) end\n"
             " end\n"
             " $call\n"
             " if r ~= $odd then sim.sleep(0.003) end\n"
             " $other\n"},

    {.name = "guard_around_the_result",
     .body = " local result = $call\n"
             " if r == 0 then print(result) end\n"},

    {.name = "members_only",
     .body = " local g = dist.new_group({ 0, p - 1 })\n"
             " if g:rank() >= 0 then\n"
             "   for _ = 1, 3 do $callg end\n"
             " end\n"},

    {.name = "members_only_then_all",
     .body = " local g = dist.new_group({ 0, p - 1 })\n"
             " if r == 0 or r == p - 1 then $callg end\n"
             " $call\n"},

    {.name = "leaves_after_its_last",
     .body = " local g = dist.new_group({ 0 })\n"
             " $call\n"
             " if r > 0 then return end\n"
             " $callg\n"},

    {.name = "exit_after_the_last",
     .body = " $call\n"
             " if r == $odd then sim.fail(\"exit\") end\n"},

    {.name = "named_alike",
     .body = " local function log(name) $call return name end\n"
             " if r == $odd then\n"
             "   log(\"loss\")\n"
             "   log(\"acc\")\n"
             " else\n"
             "   for _, name in ipairs{ \"loss\", \"acc\" } do log(name) end\n"
             " end\n"},
};

/* Begun works; not all kinds can be. */
static const BugsetShape with_works[] = {
    {.name = "waited_in_reverse",
     .body = " local works = {}\n"
             " for i = 1, 4 do\n"
             "   local x = t:clone()\n"
             "   works[i] = $beginx\n"
             " end\n"
             " for i = 4, 1, -1 do works[i]:wait() end\n"},

    {.name = "waited_in_an_order_of_its_own",
     .body = " local function begin(x) return $beginx end\n"
             " local a, b, c = begin(t), begin(t:clone()), begin(t:clone())\n"
             " if r == $odd then b:wait() c:wait() a:wait() else a:wait() b:wait() c:wait() end\n"},

    {.name = "begun_or_not", .body = " if r == $odd then $begin:wait() else $call end\n"},

    {.name = "waited_after_others",
     .body = " local work = $begin\n"
             " dist.barrier()\n"
             " dist.all_gather_object(r)\n"
             " work:wait()\n"},

    {.name = "waited_twice",
     .body = " local work = $begin\n"
             " work:wait()\n"
             " work:wait()\n"},

    {.name = "written_after_the_wait",
     .body = " for _ = 1, 3 do\n"
             "   local work = $begin\n"
             "   work:wait()\n"
             "   t:add_(1)\n"
             " end\n"},
};

/* Once each. */
static const BugsetShape alone[] = {
    {.name = "same_variable_other_name",
     .body = " local loss, acc = torch.ones(2), torch.zeros(2)\n"
             " if r == $odd then\n"
             "   local my_loss, my_acc = loss, acc\n"
             "   dist.all_reduce(my_loss)\n"
             "   dist.all_reduce(my_acc)\n"
             " else\n"
             "   dist.all_reduce(loss)\n"
             "   dist.all_reduce(acc)\n"
             " end\n"},

    {.name = "one_variable_for_both",
     .body = " local x = torch.ones(2)\n"
             " dist.all_reduce(x)\n"
             " if r == $odd then\n"
             "   local y = x\n"
             "   dist.all_reduce(y)\n"
             "   dist.all_reduce(x)\n"
             " else\n"
             "   local y = x\n"
             "   dist.all_reduce(x)\n"
             "   dist.all_reduce(x)\n"
             " end\n"},

    {.name = "names_on_some_ranks",
     .body = " if r == $odd then\n"
             "   dist.all_reduce(t, { name = \"val_loss\" })\n"
             " else\n"
             "   dist.all_reduce(t)\n"
             " end\n"},

    {.name = "same_names_other_lines",
     .body = " local loss, acc = torch.ones(2), torch.zeros(2)\n"
             " if r == $odd then\n"
             "   dist.all_reduce(loss, { name = \"val_loss\" })\n"
             "   dist.all_reduce(acc, { name = \"val_acc\" })\n"
             " else\n"
             "   dist.all_reduce(loss, { name = \"val_loss\" })\n"
             "   dist.all_reduce(acc, { name = \"val_acc\" })\n"
             " end\n"},

    {.name = "objects_of_all_sizes",
     .body = " local values = { 1, \"two\", { 3, { four = 4 } }, false, t, 2.5, {}, "
             "(\"x\"):rep(999) }\n"
             " local all = dist.all_gather_object(values[r + 1])\n"
             " assert(#all == p or p > 3)\n"},

    {.name = "object_known_to_the_root_only",
     .body = " local config = dist.broadcast_object(r == 0 and { lr = 0.1 } or nil, 0)\n"
             " assert(config.lr == 0.1)\n"},

    {.name = "list_known_to_the_root_only",
     .body = " local list = r == $odd and pieces(torch.full({ 2 }, 7.0)) or nil\n"
             " assert(dist.scatter(list, $odd):sum():item() == 14)\n"},

    {.name = "any_source",
     .body = " if r == 0 then\n"
             "   for _ = 1, p - 1 do dist.recv(t) end\n"
             " else\n"
             "   sim.sleep(0.001 * (p - r))\n"
             "   dist.send(t, 0)\n"
             " end\n"},

    {.name = "any_source_and_one",
     .body = " if r == 0 then\n"
             "   local from = dist.recv(t)\n"
             "   for other = 1, p - 1 do\n"
             "     if other ~= from then dist.recv(t, other) end\n"
             "   end\n"
             " else\n"
             "   dist.send(t, 0)\n"
             " end\n"},

    {.name = "ring_with_one_turned",
     .body = " local buffer = torch.zeros(4)\n"
             " local nxt, before = (r + 1) % p, (r + p - 1) % p\n"
             " if r == $odd then\n"
             "   dist.recv(buffer, before)\n"
             "   dist.send(t, nxt)\n"
             " else\n"
             "   dist.send(t, nxt)\n"
             "   dist.recv(buffer, before)\n"
             " end\n"},

    {.name = "batch_to_everybody",
     .body = " local works, inbox = {}, {}\n"
             " for other = 0, p - 1 do\n"
             "   inbox[other] = torch.zeros(4)\n"
             "   if other ~= r then\n"
             "     works[#works + 1] = dist.irecv(inbox[other], other)\n"
             "     works[#works + 1] = dist.isend(t, other)\n"
             "   end\n"
             " end\n"
             " for i = #works, 1, -1 do works[i]:wait() end\n"},

    {.name = "messages_around_a_collective",
     .body = " local work = r == 0 and dist.isend(t, 1) or nil\n"
             " dist.barrier()\n"
             " if r == 1 then dist.recv(torch.zeros(4), 0) end\n"
             " if work then work:wait() end\n"},

    {.name = "messages_of_other_lengths",
     .body = " if r == 0 then\n"
             "   for n = 0, 5 do dist.send(torch.ones(n), 1) end\n"
             " elseif r == 1 then\n"
             "   for n = 0, 5 do dist.recv(torch.zeros(n), 0) end\n"
             " end\n"},

    {.name = "sends_first_on_gloo",
     .body = " local buffer = torch.zeros(4)\n"
             " dist.send(t, (r + 1) % p)\n"
             " dist.recv(buffer, (r + p - 1) % p)\n",
     .backend = "gloo"},

    {.name = "tags_out_of_order_on_gloo",
     .body = " if r == 0 then\n"
             "   dist.send(t, 1, { tag = 1 })\n"
             "   dist.send(torch.ones(2), 1, { tag = 2 })\n"
             " elseif r == 1 then\n"
             "   dist.recv(torch.zeros(2), 0, { tag = 2 })\n"
             "   dist.recv(torch.zeros(4), 0, { tag = 1 })\n"
             " end\n",
     .backend = "gloo"},

    {.name = "late_receive_on_gloo",
     .body = " if r == 0 then dist.send(t, 1) end\n"
             " dist.barrier()\n"
             " if r == 1 then dist.recv(t, 0) end\n",
     .backend = "gloo"},

    {.name = "nothing_travels",
     .body = " local x = torch.zeros(0)\n"
             " dist.all_reduce(x)\n"
             " dist.all_gather(x)\n"
             " dist.broadcast(x, p - 1)\n"
             " dist.reduce(x, 0)\n"
             " dist.gather(x, 0)\n"
             " dist.reduce_scatter(pieces(x))\n"
             " dist.all_to_all(pieces(x))\n"
             " dist.all_reduce(x, { async_op = true }):wait()\n"},

    {.name = "uneven_pieces",
     .body = " local list = {}\n"
             " for i = 1, p do list[i] = torch.ones(r + i) end\n"
             " local got = dist.all_to_all(list)\n"
             " for i = 1, p do assert(got[i]:numel() == r + i) end\n"},

    {.name = "shapes_change_together",
     .body = " for n = 0, 3 do dist.all_gather(torch.ones(n, 2)) end\n"},

    {.name = "dtypes_change_together",
     .body = " for _, dtype in ipairs{ \"float32\", \"int64\", \"bfloat16\", \"uint8\" } do\n"
             "   dist.all_reduce(torch.ones(3, { dtype = torch[dtype] }))\n"
             " end\n"},

    {.name = "values_differ",
     .body = " local mean = dist.all_reduce(tensor{ 1.0 * r }, { op = \"avg\" })\n"
             " assert(mean:item() == (p - 1) / 2)\n"},

    {.name = "each_rank_is_root_once",
     .body = " for root = 0, p - 1 do\n"
             "   dist.broadcast(t, root)\n"
             "   dist.gather(t, p - 1 - root)\n"
             " end\n"},

    {.name = "groups_used_differently",
     .body = " local pairs_ = {}\n"
             " for i = 0, p - 1 do pairs_[i] = dist.new_group({ i, (i + 1) % p }) end\n"
             " local own, before = pairs_[r], pairs_[(r + p - 1) % p]\n"
             " if r == 0 then dist.all_reduce(t, { group = own }) end\n"
             " dist.all_reduce(t, { group = before })\n"
             " if r > 0 then dist.all_reduce(t, { group = own }) end\n"},

    {.name = "groups_used_by_some",
     .body = " local all = {}\n"
             " for i = 0, p - 1 do all[#all + 1] = i end\n"
             " local low, everybody = dist.new_group({ 0 }), dist.new_group(all)\n"
             " dist.all_reduce(t, { group = everybody })\n"
             " if r == 0 then dist.all_reduce(t, { group = low }) end\n"
             " dist.all_reduce(t)\n"},

    {.name = "groups_in_two_orders_of_no_matter",
     .body = " local low, high = {}, {}\n"
             " for i = 0, p - 1 do table.insert(i < p // 2 and low or high, i) end\n"
             " local a, b = dist.new_group(low), dist.new_group(high)\n"
             " local mine = r < p // 2 and a or b\n"
             " for _ = 1, r < p // 2 and 2 or 5 do dist.all_reduce(t, { group = mine }) end\n"},

    /* Different loops in different groups are nobody's uneven loop. */
    {.name = "turns_differ_by_group",
     .body = " local g = dist.new_group({ 0, 1 })\n"
             " for _ = 1, r < 2 and 4 or 2 do\n"
             "   if g:rank() >= 0 then dist.all_reduce(t, { group = g }) end\n"
             " end\n"
             " dist.barrier()\n"},

    {.name = "votes_before_it_leaves",
     .body = " for turn = 1, 9 do\n"
             "   local stop = tensor{ (r == $odd and turn == 3) and 1 or 0 }\n"
             "   dist.all_reduce(stop, { op = \"max\" })\n"
             "   if stop:item() > 0 then break end\n"
             "   dist.all_reduce(t)\n"
             " end\n"},

    {.name = "as_many_as_the_fewest",
     .body = " local mine = 3 + r\n"
             " local turns = dist.all_reduce(tensor{ mine }, { op = \"min\" }):item()\n"
             " for _ = 1, turns do dist.all_reduce(t) end\n"},

    {.name = "asks_until_it_is_there",
     .body = " local work = dist.all_reduce(t, { async_op = true })\n"
             " while not work:is_completed() do end\n"
             " work:wait()\n"},

    {.name = "barriers_from_other_lines",
     .body = " if r == 0 then\n"
             "   dist.barrier()\n"
             "   print(\"saved\")\n"
             "   dist.barrier()\n"
             " else\n"
             "   dist.barrier()\n"
             "   dist.barrier()\n"
             " end\n"},

    {.name = "coroutines",
     .body = " local step = coroutine.wrap(function()\n"
             "   for _ = 1, 3 do\n"
             "     dist.all_reduce(t)\n"
             "     coroutine.yield()\n"
             "   end\n"
             " end)\n"
             " for _ = 1, 3 do step() end\n"},

    {.name = "recursion",
     .body = " local function down(n)\n"
             "   if n == 0 then return end\n"
             "   dist.all_reduce(t)\n"
             "   down(n - 1)\n"
             " end\n"
             " down(5)\n"},

    {.name = "tail_calls",
     .body = " local function sync(x) return dist.all_reduce(x) end\n"
             " local function log(x) return sync(x) end\n"
             " if r == $odd then log(t) else sync(t) end\n"},

    {.name = "in_an_evaluation",
     .body = " sim.evaluation(0, function()\n"
             "   dist.all_reduce(torch.ones(1))\n"
             " end)\n"},

    {.name = "metamethods",
     .body = " local averaged = setmetatable({}, { __index = function(_, x)\n"
             "   return dist.all_reduce(x, { op = \"avg\" })\n"
             " end })\n"
             " local _ = averaged[t]\n"
             " if r == $odd then _ = averaged[t] else _ = averaged[t:clone()] end\n"},

    {.name = "nothing_at_all", .body = " return\n"},
};

void
bugset_make_right(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};
    BugsetKind kinds[BUGSET_KIND_COUNT], begun[BUGSET_KIND_COUNT];
    int begun_count = 0;

    for (int kind = 0; kind < BUGSET_KIND_COUNT; kind++) {
        kinds[kind] = (BugsetKind)kind;
        if (bugset_kind_can_wait((BugsetKind)kind))
            begun[begun_count++] = (BugsetKind)kind;
    }
    bugset_add_shapes(set, "right", with_kinds, G_N_ELEMENTS(with_kinds), kinds, BUGSET_KIND_COUNT);
    bugset_add_shapes(set, "right", with_works, G_N_ELEMENTS(with_works), begun, begun_count);
    bugset_add_shapes(set, "right", alone, G_N_ELEMENTS(alone), unused, 1);
}
