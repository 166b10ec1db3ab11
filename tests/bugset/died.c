/* SPDX-License-Identifier: MIT */
/* A rank that fails, in each of the ways in which Lua code can fail, and where the others are. */
#include "tests/bugset/bugset.h"

/* What fails stands at line A; those who wait for it at line B. */
static const struct {
    const char *name;
    const char *code;
} failures[] = {
    {"index_nil", "local x; local y = x.field"},
    {"call_nil", "local f; f()"},
    {"add_nil", "local x = 1 + nil"},
    {"add_text", "local x = 1 + 'one'"},
    {"concat_table", "local x = 'a' .. {}"},
    {"compare", "local x = 1 < 'a'"},
    {"divide", "local x = 1 // 0"},
    {"length", "local x = #5"},
    {"for_limit", "for i = 1, 'many' do end"},
    {"error_text", "error('out of memory')"},
    {"error_table", "error({ code = 7 })"},
    {"error_nil", "error()"},
    {"assert", "assert(false, 'no samples')"},
    {"assert_bare", "assert(nil)"},
    {"bad_argument", "string.rep()"},
    {"to_integer", "local x = 1.5 | 1"},
    {"stack", "local function f() return 1 + f() end f()"},
    {"shape", "local x = t + torch.ones(3)"},
    {"no_such_verb", "dist.all_redcue(t)"},
    {"bad_option", "dist.all_reduce(t, { opp = 'sum' })"},
    {"bad_root", "dist.broadcast(t, p)"},
    {"bad_list", "dist.reduce_scatter({})"},
    {"bad_op", "dist.all_reduce(t, { op = 'band' })"},
    {"send_to_itself", "dist.send(t, r)"},
    {"fail_error", "sim.fail('error')"},
    {"rethrown", "local ok, e = pcall(error, 'inner') error(e, 0)"},
    {"coroutine", "coroutine.wrap(function() error('inside') end)()"},
    {"in_sort", "table.sort({ 2, 1 }, function() error('compare') end)"},
    {"in_gsub", "string.gsub('a', 'a', function() error('replace') end)"},
    {"in_metamethod", "local x = setmetatable({}, { __index = function() error('no') end }).y"},
    {"in_evaluation", "sim.evaluation(0, function() error('evaluate') end)"},
    {"in_no_grad", "torch.no_grad(function() error('forward') end)"},
    {"in_closer", "local x <close> = setmetatable({}, { __close = function() error('x') end })"},
};

static const struct {
    const char *name;
    const char *body;
} places[] = {
    {"before", "-if r == $odd then $fails end @A\n"
               " $call @B\n"},
    {"between", " $call\n"
                "-if r == $odd then $fails end @A\n"
                " $other @B\n"},
};

static void
add_failure(Bugset *set, size_t failure, size_t place, BugsetKind kind, int size)
{
    int odd = (int)(failure + place) % size;
    BugsetKind other = kind == BUGSET_BARRIER ? BUGSET_ALL_REDUCE : BUGSET_BARRIER;
    const BugsetSpec spec = {
        .family = "died",
        .name = bugset_text(set, "%s-%s", failures[failure].name, places[place].name),
        .size = size,
        .body = places[place].body,
        .slots = {"odd", bugset_text(set, "%d", odd), "fails", failures[failure].code, "call",
                  bugset_call(set, kind, NULL), "other", bugset_call(set, other, NULL)},
        .classes = {"died"},
        .outcome = "error",
        .blamed = UINT32_C(1) << odd,
    };

    bugset_add(set, &spec);
}

static const BugsetShape elsewhere[] = {
    {.name = "in_a_loop",
     .body = " for i = 1, 3 do\n"
             "-  if r == $odd and i == 2 then error(\"nan\") end @A\n"
             "   $call @B\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    {.name = "in_a_helper",
     .body = " local function load_batch()\n"
             "-  if r == $odd then error(\"no such file\") end @A\n"
             "   return 1\n"
             " end\n"
             " load_batch()\n"
             " $call @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    /* The error is in a helper's argument: the line that called it is in the stack. */
    {.name = "blamed_on_the_caller",
     .body = "-local function check(x) if x > 0.5 then error(\"too large\", 2) end end\n"
             "+local function check() end\n"
             "-if r == $odd then check(0.9) end @A\n"
             " $call @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    /* Two ranks fail; both are to be mended. */
    {.name = "two_of_them",
     .body = "-if r == 0 then error(\"first\") end @A\n"
             "-if r == p - 1 then local x = nil + 1 end @C\n"
             " $call @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"died"},
     .outcome = "error",
     .size_min = 3},

    /* A killed process cannot say where it was. */
    {.name = "killed",
     .body = " $call\n"
             "-if r == $odd then sim.fail(\"kill\") end\n"
             " $call @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    /* Nobody waits for it: the error is all there is to say. */
    {.name = "after_the_last",
     .body = " $call\n"
             "-if r == $odd then error(\"cannot save\") end @A\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    {.name = "with_a_work_begun",
     .body = " local work = dist.all_reduce(t, { async_op = true })\n"
             "-if r == $odd then error(\"overflow\") end @A\n"
             " work:wait()\n"
             " $call @B\n",
     .who = BUGSET_WHO_EXACTLY_ODD,
     .classes = {"died"},
     .outcome = "error"},

    {.name = "before_a_message",
     .body = "-if r == 1 then error(\"no data\") end @A\n"
             " if r == 1 then dist.send(t, 0) end\n"
             " if r == 0 then dist.recv(t, 1) end @B\n"
             " $call\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"died"},
     .outcome = "error"},

    {.name = "in_a_group",
     .body = " local g = dist.new_group({ 0, 1 })\n"
             " if g:rank() >= 0 then\n"
             "-  if r == 0 then error(\"empty shard\") end @A\n"
             "   $callg @B\n"
             " end\n",
     .who = BUGSET_WHO_EXACTLY_FIRST,
     .classes = {"died"},
     .outcome = "error"},

    /* A handle of a group that the rank is no member of. */
    {.name = "not_a_member",
     .body = " local g = dist.new_group({ 0, 1 })\n"
             "-$callg @A\n"
             "+if g:rank() >= 0 then $callg end\n"
             " $call @B\n",
     .who = BUGSET_WHO_ANY,
     .classes = {"died"},
     .outcome = "error",
     .size_min = 3},
};

void
bugset_make_died(Bugset *set)
{
    static const int sizes[] = BUGSET_ALL_SIZES;
    static const BugsetKind kinds[] = {BUGSET_ALL_REDUCE, BUGSET_BROADCAST, BUGSET_ALL_TO_ALL,
                                       BUGSET_BARRIER};

    for (size_t failure = 0; failure < G_N_ELEMENTS(failures); failure++) {
        for (size_t place = 0; place < G_N_ELEMENTS(places); place++) {
            for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
                add_failure(set, failure, place, (BugsetKind)(failure % BUGSET_KIND_COUNT),
                            sizes[i]);
        }
    }
    bugset_add_shapes(set, "died", elsewhere, G_N_ELEMENTS(elsewhere), kinds, G_N_ELEMENTS(kinds));
}
