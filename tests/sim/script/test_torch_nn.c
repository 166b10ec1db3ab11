/* SPDX-License-Identifier: MIT */
#include "sim/script/tensor.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/script_rank.h"
#include "tests/model/core/recorded.h"
#include "tests/sim/script/torch_lesson.h"

/*
 * Modules as a scenario writes them. Order matters most here: parameters come in the order in which
 * fields were assigned, never in that of a hash.
 */

#define NAMES                                                                                      \
    "function names(m) local out = {} for n in m:named_parameters() do out[#out + 1] = n end\n"    \
    "  return table.concat(out, ' ') end\n"

/* ---- modules ------------------------------------------------------------------------- */

START_TEST(test_parameters_come_in_the_order_of_assignment)
{
    torch_lesson_prints(
        NAMES "local Net = nn.Module:extend('Net')\n"
              "function Net:init(hidden)\n"
              "  self.zebra = nn.Linear(3, hidden) self.apple = nn.Linear(hidden, 2)\n"
              "  self.scale = nn.Parameter(torch.ones(1)) self.plain = torch.ones(1)\n"
              "  self.mango = nn.Sequential(nn.ReLU(), nn.Linear(2, 2, { bias = false }))\n"
              "end\n"
              "local net = Net(4)\n"
              "print(names(net)) print(#net:parameters(), net.training)\n",
        "scale zebra.weight zebra.bias apple.weight apple.bias mango.1.weight\n"
        "6\ttrue\n");
}
END_TEST

START_TEST(test_a_field_that_comes_back_goes_to_the_end)
{
    torch_lesson_prints(NAMES "local m = nn.Module() m.a = nn.Linear(1, 1) m.b = nn.Linear(1, 1)\n"
                              "m.a = nil print(names(m)) m.a = nn.Linear(1, 1) print(names(m))\n"
                              "m.b = nn.Linear(1, 1, { bias = false }) print(names(m))\n",
                        "b.weight b.bias\n"
                        "b.weight b.bias a.weight a.bias\n"
                        "b.weight a.weight a.bias\n");
}
END_TEST

/* Assigned over a plain value, it passes no __newindex; it must be found all the same. */
START_TEST(test_a_module_in_place_of_a_plain_value_is_found)
{
    torch_lesson_prints(
        NAMES "local m = nn.Module() m.z = false m.y = false m.a = nn.Linear(1, 1)\n"
              "m.z = nn.Linear(1, 1) m.y = nn.Parameter(torch.zeros(1)) print(names(m))\n",
        "y a.weight a.bias z.weight z.bias\n");
}
END_TEST

START_TEST(test_shared_parameters_are_listed_once)
{
    torch_lesson_prints(
        NAMES "local m = nn.Module() local shared = nn.Linear(2, 2)\n"
              "m.a = shared m.b = shared m.c = nn.Linear(2, 2) m.c.weight = shared.weight\n"
              "print(names(m)) print(#m:parameters(), #m:modules(), #m:children())\n"
              "for n in pairs(m:state_dict()) do print(n) end\n",
        "a.weight a.bias c.bias\n"
        "3\t3\t2\n"
        "a.weight\na.bias\nb.weight\nb.bias\nc.weight\nc.bias\n");
}
END_TEST

START_TEST(test_calling_a_module_calls_its_forward)
{
    torch_lesson_prints("local Net = nn.Module:extend('Net')\n"
                        "function Net:init(n) self.n = n end\n"
                        "function Net:forward(x, y) return x * self.n, y end\n"
                        "local Child = Net:extend('Child')\n"
                        "function Child:init(n) Child.super.init(self, n + 1) end\n"
                        "print(Net(3)(tensor{ 2 }, 'two')) print(Child(3)(tensor{ 2 }))\n",
                        "tensor([6])\ttwo\n"
                        "tensor([8])\tnil\n");
    torch_lesson_prints(
        "local Net = nn.Module:extend('Net')\nNet()(1)",
        "lesson.lua:2: Module [Net] is missing the required \"forward\" function\n");
}
END_TEST

START_TEST(test_modes_reach_every_module)
{
    torch_lesson_prints("local m = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))\n"
                        "m:eval() print(m.training, m[0].training, m[1][0].training)\n"
                        "m:train() print(m.training, m[1][0].training)\n"
                        "m[1]:train(false) print(m.training, m[1].training, m[1][0].training)\n",
                        "false\tfalse\tfalse\n"
                        "true\ttrue\n"
                        "true\tfalse\tfalse\n");
}
END_TEST

START_TEST(test_modules_print_as_in_torch)
{
    torch_lesson_prints(
        "local Net = nn.Module:extend('Net')\n"
        "function Net:init() self.body = nn.Sequential(nn.Linear(2, 3), nn.Tanh())\n"
        "  self.head = nn.Linear(3, 1, { bias = false }) end\n"
        "print(Net()) print(nn.Flatten()) print(nn.Module())\n",
        "Net(\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "    (1): Tanh()\n"
        "  )\n"
        "  (head): Linear(in_features=3, out_features=1, bias=False)\n"
        ")\n"
        "Flatten(start_dim=1, end_dim=-1)\n"
        "Module()\n");
}
END_TEST

START_TEST(test_gradients_are_given_up_and_frozen_together)
{
    torch_lesson_prints(
        "local m = nn.Linear(2, 1) m(torch.ones(1, 2)):sum():backward()\n"
        "print(m.weight.grad, m.bias.grad) m:zero_grad() print(m.weight.grad, m.bias.grad)\n"
        "m:requires_grad_(false) print(m.weight.requires_grad, #m:parameters())\n",
        "tensor([[1., 1.]])\ttensor([1.])\n"
        "nil\tnil\n"
        "false\t2\n");
}
END_TEST

START_TEST(test_buffers_belong_to_the_module_and_are_not_trained)
{
    torch_lesson_prints(NAMES
                        "local m = nn.Module() m.w = nn.Parameter(torch.ones(1))\n"
                        "m:register_buffer('mean', torch.zeros(2))\n"
                        "m:register_buffer('scratch', torch.zeros(1), { persistent = false })\n"
                        "print(names(m), #m:buffers(), m.mean)\n"
                        "for n in pairs(m:state_dict()) do print(n) end\n"
                        "for n in m:named_buffers() do print(n) end\n",
                        "w\t2\ttensor([0., 0.])\n"
                        "w\nmean\n"
                        "mean\nscratch\n");
}
END_TEST

/* ---- state_dict ---------------------------------------------------------------------- */

START_TEST(test_a_state_carries_the_weights_over)
{
    torch_lesson_prints(
        "local a, b = nn.Linear(2, 1), nn.Linear(2, 1)\n"
        "local x = tensor{ { 1.0, 2.0 } }\n"
        "print(a(x):equal(b(x))) b:load_state_dict(a:state_dict()) print(a(x):equal(b(x)))\n"
        "print(a:state_dict().weight.requires_grad, b.weight.requires_grad, b.weight.is_leaf)\n"
        "a.weight.grad = nil torch.no_grad(function() a.weight:zero_() end)\n"
        "print(b.weight:eq(0):any():item())\n",
        "false\ntrue\n"
        "false\ttrue\ttrue\n"
        "false\n");
}
END_TEST

START_TEST(test_a_state_that_does_not_fit_is_refused_whole)
{
    const char *setup =
        "local m = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))\n"
        "local s = m:state_dict() s['0.weight'] = torch.zeros(3) s['1.bias'] = nil\n"
        "s.extra = torch.zeros(1)\n"
        "local before = m[1].weight:clone()\n"
        "s['1.weight'] = before + 1\n";
    g_autofree char *strict = g_strconcat(setup, "m:load_state_dict(s)", NULL);
    g_autofree char *unchanged = g_strconcat(
        setup, "print(pcall(m.load_state_dict, m, s)) print(m[1].weight:equal(before))", NULL);
    const char *message =
        "Error(s) in loading state_dict for Sequential: Missing key(s) in state_dict: \"1.bias\". "
        "Unexpected key(s) in state_dict: \"extra\". size mismatch for 0.weight: copying a param "
        "with shape torch.Size([3]) from checkpoint, the shape in current model is torch.Size([1, "
        "2]).";
    g_autofree char *error = g_strdup_printf("lesson.lua:6: %s\n", message);
    g_autofree char *caught = g_strdup_printf("false\t%s\ntrue\n", message);

    torch_lesson_prints(strict, error);
    torch_lesson_prints(unchanged, caught);
}
END_TEST

START_TEST(test_a_lenient_load_takes_what_there_is)
{
    torch_lesson_prints("local m = nn.Linear(2, 1)\n"
                        "local missing, unexpected = m:load_state_dict({ weight = torch.ones(1, "
                        "2), more = torch.ones(1) },\n"
                        "                                              { strict = false })\n"
                        "print(m.weight, #missing, missing[1], #unexpected, unexpected[1])\n",
                        "tensor([[1., 1.]], requires_grad=True)\t1\tbias\t1\tmore\n");
}
END_TEST

/* ---- Sequential and layers ----------------------------------------------------------- */

START_TEST(test_a_chain_equals_its_links)
{
    torch_lesson_prints("local x = torch.randn(4, 3)\n"
                        "local a, b = nn.Linear(3, 5), nn.Linear(5, 2)\n"
                        "local m = nn.Sequential(a, nn.Tanh(), b, nn.Sigmoid(), nn.Flatten(0))\n"
                        "print(m(x):equal(torch.sigmoid(b(torch.tanh(a(x)))):flatten()), #m)\n"
                        "m(x):sum():backward() local first = a.weight.grad:clone() m:zero_grad()\n"
                        "torch.sigmoid(b(torch.tanh(a(x)))):sum():backward()\n"
                        "print(first:equal(a.weight.grad))\n"
                        "print(nn.Sequential()(tensor{ 5 }))\n",
                        "true\t5\n"
                        "true\n"
                        "tensor([5])\n");
}
END_TEST

/* A module in Lua between layers in C sees each value, and may keep it. */
START_TEST(test_own_modules_stand_between_layers)
{
    torch_lesson_prints(
        "local Keep = nn.Module:extend('Keep')\n"
        "function Keep:forward(x) self.seen = x return x + 1 end\n"
        "local keep, linear = Keep(), nn.Linear(2, 2)\n"
        "local m = nn.Sequential(linear, nn.ReLU(), keep, nn.ReLU(), keep)\n"
        "local x = torch.ones(1, 2) local y = m(x)\n"
        "print(keep.seen:equal(torch.relu(torch.relu(linear(x)) + 1)), y:equal(keep.seen + 1))\n"
        "local loud = nn.ReLU() loud.forward = function(_, v) return v * 100 end\n"
        "print(nn.Sequential(loud)(tensor{ -1.0 }), loud(tensor{ 2.0 }))\n",
        "true\ttrue\n"
        "tensor([-100.])\ttensor([200.])\n");
}
END_TEST

START_TEST(test_a_chain_of_other_things_is_refused)
{
    torch_lesson_prints("nn.Sequential(nn.ReLU(), 3)",
                        "lesson.lua:1: Sequential: argument 2 is a number, expected a module\n");
    torch_lesson_prints("local m = nn.Sequential(nn.ReLU()) print(m[1])",
                        "lesson.lua:1: index 1 is out of range\n");
    torch_lesson_prints("nn.Linear(3)",
                        "lesson.lua:1: Linear: expected in_features and out_features, found nil\n");
    torch_lesson_prints("nn.Linear(3, 2, { bais = false })",
                        "lesson.lua:1: Linear: unknown option 'bais', did you mean 'bias'?\n");
    torch_lesson_prints("nn.Linear(3, 2)(torch.ones(1, 4))",
                        "lesson.lua:1: mat1 and mat2 shapes cannot be multiplied (1x4 and 3x2)\n");
    torch_lesson_prints("nn.Sequential(nn.Linear(3, 2))(torch.ones(1, 4))",
                        "lesson.lua:1: mat1 and mat2 shapes cannot be multiplied (1x4 and 3x2)\n");
}
END_TEST

START_TEST(test_losses_take_their_options)
{
    torch_lesson_prints("local x, y = tensor{ { 1.0, 2.0 }, { 3.0, 1.0 } }, tensor{ 0, 1 }\n"
                        "print(nn.CrossEntropyLoss()(x, y):equal(F.cross_entropy(x, y)))\n"
                        "print(nn.CrossEntropyLoss{ reduction = 'none' }(x, y), F.cross_entropy(x, "
                        "y, { ignore_index = 1 }))\n"
                        "print(nn.MSELoss{ reduction = 'sum' }(x, x + 1), F.mse_loss(x, x + 2))\n"
                        "print(F.softmax(x * 0, 1)[0], F.relu(x - 2), F.linear(x, x))\n",
                        "true\n"
                        "tensor([1.3133, 2.1269])\ttensor(1.3133)\n"
                        "tensor(4.)\ttensor(4.)\n"
                        "tensor([0.5000, 0.5000])\ttensor([[0., 0.],\n        [1., 0.]])\t"
                        "tensor([[ 5.,  5.],\n        [ 5., 10.]])\n");
    torch_lesson_prints("nn.CrossEntropyLoss{ reduction = 'avg' }",
                        "lesson.lua:1: CrossEntropyLoss: option 'reduction' is 'avg', expected "
                        "'mean', 'sum' or 'none'\n");
}
END_TEST

START_TEST(test_a_scenario_that_breaks_globals_does_not_break_modules)
{
    torch_lesson_prints("local p = print\n"
                        "pairs, ipairs, setmetatable, rawset, type, tostring, error = nil\n"
                        "local m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())\n"
                        "p(m(torch.zeros(1, 2)).shape[2], #m:parameters())\n",
                        "2\t2\n");
}
END_TEST

/* ---- a whole run --------------------------------------------------------------------- */

/* The run of tests/model/core/test_training.c, written in Lua. */
START_TEST(test_a_run_in_lua_has_torchs_losses)
{
    Recorded *recorded = recorded_load("torch_training.txt");
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    torch_lesson_open(&lesson, NULL, NULL);
    torch_lesson_run(
        &lesson,
        "torch.manual_seed(2024)\n"
        "local x, y = torch.randn(640, 64), torch.randint(0, 10, { 640 })\n"
        "local model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))\n"
        "local optimizer = optim.SGD(model:parameters(), { lr = 0.1, momentum = 0.9 })\n"
        "local all = {}\n"
        "for step = 0, 19 do\n"
        "  local rows, classes = x:narrow(0, 32 * step, 32), y:narrow(0, 32 * step, 32)\n"
        "  local loss = F.cross_entropy(model(rows), classes)\n"
        "  optimizer:zero_grad() loss:backward() optimizer:step()\n"
        "  all[step + 1] = loss:detach()\n"
        "end\n"
        "losses = torch.stack(all)\n",
        &error);
    ck_assert_no_error(error);
    lua_getglobal(lesson.L, "losses");
    assert_recorded_close(recorded, "losses", ddp_lua_check_tensor(lesson.L, -1), 1e-5, 0.0);
    torch_lesson_close(&lesson);
    recorded_free(recorded);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_nn");
    TCase *modules = tcase_create("modules");

    tcase_add_test(modules, test_parameters_come_in_the_order_of_assignment);
    tcase_add_test(modules, test_a_field_that_comes_back_goes_to_the_end);
    tcase_add_test(modules, test_a_module_in_place_of_a_plain_value_is_found);
    tcase_add_test(modules, test_shared_parameters_are_listed_once);
    tcase_add_test(modules, test_calling_a_module_calls_its_forward);
    tcase_add_test(modules, test_modes_reach_every_module);
    tcase_add_test(modules, test_modules_print_as_in_torch);
    tcase_add_test(modules, test_gradients_are_given_up_and_frozen_together);
    tcase_add_test(modules, test_buffers_belong_to_the_module_and_are_not_trained);
    tcase_add_test(modules, test_a_state_carries_the_weights_over);
    tcase_add_test(modules, test_a_state_that_does_not_fit_is_refused_whole);
    tcase_add_test(modules, test_a_lenient_load_takes_what_there_is);
    tcase_add_test(modules, test_a_chain_equals_its_links);
    tcase_add_test(modules, test_own_modules_stand_between_layers);
    tcase_add_test(modules, test_a_chain_of_other_things_is_refused);
    tcase_add_test(modules, test_losses_take_their_options);
    tcase_add_test(modules, test_a_scenario_that_breaks_globals_does_not_break_modules);
    tcase_add_test(modules, test_a_run_in_lua_has_torchs_losses);
    suite_add_tcase(suite, modules);
    return ddp_test_main(suite);
}
