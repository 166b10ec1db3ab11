/* SPDX-License-Identifier: MIT */
#include "tests/sim/script/torch_lesson.h"

#include "tests/model/core/recorded.h"

#include <string.h>

/* optim as a scenario writes it. The arithmetic is tests/model/core/test_optim.c's. */

#define PARAMETER "local p = nn.Parameter(tensor{ 1.0, 2.0 }) p.grad = torch.ones(2)\n"

START_TEST(test_a_step_goes_down_the_gradient)
{
    torch_lesson_prints(PARAMETER
                        "local o = optim.SGD({ p }, { lr = 0.5 }) o:step() print(p.data)\n"
                        "o:zero_grad() print(p.grad) o:step() print(p.data)\n",
                        "tensor([0.5000, 1.5000])\n"
                        "nil\n"
                        "tensor([0.5000, 1.5000])\n");
}
END_TEST

START_TEST(test_param_groups_are_read_at_each_step)
{
    torch_lesson_prints(
        PARAMETER "local o = optim.SGD({ p }, { lr = 0.5 })\n"
                  "print(#o.param_groups, o.param_groups[1].lr, o.param_groups[1].momentum, "
                  "o.param_groups[1].params[1] == p)\n"
                  "o.param_groups[1].lr = 0.25 o:step() print(p.data)\n"
                  "o.param_groups[1].lr = 'fast' o:step()\n",
        "1\t0.5\t0\ttrue\n"
        "tensor([0.7500, 1.7500])\n"
        "lesson.lua:5: SGD: 'lr' of a parameter group is a string, expected a number\n");
}
END_TEST

START_TEST(test_groups_inherit_what_they_do_not_say)
{
    torch_lesson_prints(
        PARAMETER
        "local q = nn.Parameter(tensor{ 1.0 }) q.grad = torch.ones(1)\n"
        "local o = optim.SGD({ { params = { p }, lr = 0.5 }, { params = q } }, { lr = 0.1, "
        "momentum = 0.9 })\n"
        "print(o.param_groups[1].lr, o.param_groups[2].lr, o.param_groups[2].momentum)\n"
        "o:step() print(p.data, q.data)\n"
        "local r = nn.Parameter(tensor{ 1.0 }) o:add_param_group{ params = { r }, lr = 2 }\n"
        "print(#o.param_groups, o.param_groups[3].lr)\n",
        "0.5\t0.1\t0.9\n"
        "tensor([0.5000, 1.5000])\ttensor([0.9000])\n"
        "3\t2\n");
}
END_TEST

/* [run] torch 2.13: print(optimizer) */
START_TEST(test_an_optimizer_prints_as_in_torch)
{
    torch_lesson_prints(PARAMETER "print(optim.SGD({ p }, { lr = 1e-2, momentum = 0.9, nesterov = "
                                  "true, weight_decay = 1e-5 }))\n",
                        "SGD (\n"
                        "Parameter Group 0\n"
                        "    dampening: 0\n"
                        "    differentiable: False\n"
                        "    foreach: None\n"
                        "    fused: None\n"
                        "    lr: 0.01\n"
                        "    maximize: False\n"
                        "    momentum: 0.9\n"
                        "    nesterov: True\n"
                        "    weight_decay: 1e-05\n"
                        ")\n");
}
END_TEST

START_TEST(test_what_cannot_work_is_refused)
{
    torch_lesson_prints("optim.SGD({}, { lr = 0.1 })",
                        "lesson.lua:1: optimizer got an empty parameter list\n");
    torch_lesson_prints(
        "optim.SGD(torch.ones(1), { lr = 0.1 })",
        "lesson.lua:1: SGD: params argument given to the optimizer should be a list "
        "of tensors or of tables, found a tensor\n");
    torch_lesson_prints("optim.SGD(nn.Linear(1, 1):parameters(), { lr = -1 })",
                        "lesson.lua:1: Invalid learning rate: -1\n");
    torch_lesson_prints("optim.SGD(nn.Linear(1, 1):parameters(), { momentun = 0.9 })",
                        "lesson.lua:1: SGD: unknown option 'momentun', did you mean 'momentum'?\n");
    torch_lesson_prints("optim.SGD(nn.Linear(1, 1):parameters(), { lr = 1, nesterov = true })",
                        "lesson.lua:1: Nesterov momentum requires a momentum and zero dampening\n");
    torch_lesson_prints("local w = nn.Linear(1, 1).weight optim.SGD({ w * 2 }, { lr = 1 })",
                        "lesson.lua:1: can't optimize a non-leaf Tensor\n");
    torch_lesson_prints("optim.SGD({ 1 }, { lr = 1 })",
                        "lesson.lua:1: SGD: item 1 of the list is a number, expected a tensor\n");
}
END_TEST

START_TEST(test_an_optimizer_keeps_its_parameters_alive)
{
    torch_lesson_prints(
        "local o do local m = nn.Linear(1, 1) o = optim.SGD(m:parameters(), { lr = 1 }) end\n"
        "collectgarbage() collectgarbage() o:zero_grad() o:step() "
        "print(#o.param_groups[1].params)\n",
        "2\n");
}
END_TEST

/* ---- texts and options --------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *make; /* an optimiser, of p and q */
} texts[] = {
    {"sgd",
     "optim.SGD({ p }, { lr = 1e-2, momentum = 0.9, nesterov = true, weight_decay = 1e-5 })"},
    {"adam", "optim.Adam({ p })"},
    {"adam_lr", "optim.Adam({ p }, { lr = 2e-5, betas = { 0.5, 0.95 }, foreach = false })"},
    {"adamw", "optim.AdamW({ p }, { lr = 1 })"},
    {"rmsprop", "optim.RMSprop({ p }, { lr = 1e-3, momentum = 0.5 })"},
    {"adagrad", "optim.Adagrad({ p })"},
    {"groups", "optim.Adam({ { params = { p }, lr = 0.5 }, { params = { q } } }, { lr = 0.25 })"},
    {"scheduled",
     "optim.Adam({ { params = { p }, lr = 0.5 }, { params = { q } } }, { lr = 0.25 })\n"
     "optim.lr_scheduler.StepLR(o, 3)"},
    {"onecycle", "optim.SGD({ p }, { lr = 0.1, momentum = 0.9 })\n"
                 "optim.lr_scheduler.OneCycleLR(o, { max_lr = 1.0, total_steps = 10 })"},
};

/* What torch printed stands in the record with line ends as \n. */
START_TEST(test_every_kind_prints_as_in_torch)
{
    Recorded *recorded = recorded_load("optim_text.txt");
    g_autofree char *name = g_strconcat("text.", texts[_i].name, NULL);
    g_autofree char *expected = g_strcompress(recorded_line(recorded, name));
    g_autofree char *whole = g_strconcat(expected, "\n", NULL);
    g_autofree char *text =
        g_strdup_printf("local p, q = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))\n"
                        "local o = %s\nprint(o)\n",
                        texts[_i].make);

    torch_lesson_prints(text, whole);
    recorded_free(recorded);
}
END_TEST

START_TEST(test_defaults_and_names_are_there_to_be_read)
{
    torch_lesson_prints(PARAMETER
                        "local o = optim.AdamW({ p }, { lr = 0.5, betas = { 0.8, 0.9 } })\n"
                        "print(o._name, o.defaults.lr, o.defaults.betas[2], o.defaults.amsgrad)\n"
                        "o.param_groups[1].betas[1] = 0.7 print(o.defaults.betas[1])\n"
                        "print(o._opt_called) o:step() print(o._opt_called)\n",
                        "AdamW\t0.5\t0.9\tfalse\n0.8\nfalse\ntrue\n");
}
END_TEST

START_TEST(test_a_group_that_comes_later_takes_the_optimizers_options)
{
    torch_lesson_prints(PARAMETER
                        "local o = optim.Adam({ p }, { lr = 0.5, eps = 1e-3 })\n"
                        "o:add_param_group{ params = nn.Parameter(torch.ones(1)), name = 'late' }\n"
                        "local g = o.param_groups[2] print(g.lr, g.eps, g.name, g.betas[1])\n",
                        "0.5\t0.001\tlate\t0.9\n");
}
END_TEST

START_TEST(test_wrong_options_are_refused_in_torchs_words)
{
    torch_lesson_prints(PARAMETER "optim.Adam({ p }, { betas = { 1.0, 0.9 } })",
                        "lesson.lua:2: Invalid beta parameter at index 0: 1\n");
    torch_lesson_prints(PARAMETER "optim.Adam({ p }, { betas = 0.9 })",
                        "lesson.lua:2: Adam: option 'betas' is a number, expected a list of two "
                        "numbers\n");
    torch_lesson_prints(PARAMETER "optim.AdamW({ p }, { eps = -1 })",
                        "lesson.lua:2: Invalid epsilon value: -1\n");
    torch_lesson_prints(PARAMETER "optim.RMSprop({ p }, { alpha = -1 })",
                        "lesson.lua:2: Invalid alpha value: -1\n");
    torch_lesson_prints(PARAMETER "optim.Adagrad({ p }, { lr_decay = -1 })",
                        "lesson.lua:2: Invalid lr_decay value: -1\n");
    torch_lesson_prints(PARAMETER "optim.Adam({ p }, { amsgrad = 1 })",
                        "lesson.lua:2: Adam: option 'amsgrad' is a number, expected true or "
                        "false\n");
    torch_lesson_prints(PARAMETER "optim.Adam({ p }, { weight_deca = 1 })",
                        "lesson.lua:2: Adam: unknown option 'weight_deca', did you mean "
                        "'weight_decay'?\n");
    torch_lesson_prints(PARAMETER "optim.Adam({ p, p })",
                        "lesson.lua:2: optimizer contains a parameter group with duplicate "
                        "parameters\n");
}
END_TEST

/* ---- step and zero_grad -------------------------------------------------------------- */

START_TEST(test_a_closure_runs_first_with_gradients_on)
{
    torch_lesson_prints(
        "local p = nn.Parameter(tensor{ 3.0 })\n"
        "local o = optim.SGD({ p }, { lr = 0.5 })\n"
        "local loss = torch.no_grad(function() return o:step(function()\n"
        "  o:zero_grad() local l = (p * p):sum() l:backward() return l end) end)\n"
        "print(loss:item(), p.data, torch.is_grad_enabled())\n"
        "print(pcall(function() o:step(function() error('no loss', 0) end) end))\n"
        "torch.no_grad(function() pcall(function() o:step(function() error('x') end) end)\n"
        "  print(torch.is_grad_enabled()) end)\n",
        "9.0\ttensor([0.])\ttrue\nfalse\tno loss\nfalse\n");
}
END_TEST

START_TEST(test_zero_grad_keeps_the_tensor_when_told_to)
{
    torch_lesson_prints(PARAMETER "local o = optim.SGD({ p }) local g = p.grad\n"
                                  "o:zero_grad{ set_to_none = false } print(p.grad, g)\n"
                                  "o:zero_grad() print(p.grad)\n",
                        "tensor([0., 0.])\ttensor([0., 0.])\nnil\n");
}
END_TEST

/* ---- state --------------------------------------------------------------------------- */

static const char *const kinds[] = {
    "optim.SGD(P, { lr = 0.1 })",
    "optim.SGD(P, { lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 0.01 })",
    "optim.Adam(P, { lr = 0.1 })",
    "optim.Adam(P, { lr = 0.1, amsgrad = true, betas = { 0.5, 0.6 }, weight_decay = 0.1 })",
    "optim.AdamW(P, { lr = 0.1 })",
    "optim.RMSprop(P, { lr = 0.01 })",
    "optim.RMSprop(P, { lr = 0.01, centered = true, momentum = 0.5 })",
    "optim.Adagrad(P, { lr = 0.1, lr_decay = 0.1, initial_accumulator_value = 0.5 })",
};

/*
 * A run that stops after any step, gives its state away and goes on in a new optimiser over new
 * parameters, against the run that never stopped.
 */
START_TEST(test_a_run_resumes_from_its_state_at_every_step)
{
    g_autofree char *text = g_strdup_printf(
        "local function make(P) return %s end\n"
        "local function parameters() torch.manual_seed(3)\n"
        "  return { nn.Parameter(torch.randn(3, 5)), nn.Parameter(torch.randn(7)) } end\n"
        "local function gradients(P, step) torch.manual_seed(100 + step)\n"
        "  for i, p in ipairs(P) do p.grad = torch.randn(table.unpack(p.shape)) end\n"
        "  if step %% 3 == 0 then P[2].grad = nil end end\n"
        "local function copy(value)\n"
        "  if torch.is_tensor(value) then return value:clone() end\n"
        "  if type(value) ~= 'table' then return value end\n"
        "  local t = {} for k, v in pairs(value) do t[k] = copy(v) end return t end\n"
        "local P = parameters() local whole = make(P)\n"
        "local saved, weights = {}, {}\n"
        "for step = 0, 12 do\n"
        "  if step > 0 then gradients(P, step) whole:step() end\n"
        "  saved[step] = copy(whole:state_dict())\n"
        "  weights[step] = { P[1].data:clone(), P[2].data:clone() }\n"
        "end\n"
        "for stop = 0, 12 do\n"
        "  local Q = parameters() local second = make(Q)\n"
        "  torch.no_grad(function() for i = 1, 2 do Q[i]:copy_(weights[stop][i]) end end)\n"
        "  second:load_state_dict(saved[stop])\n"
        "  for step = stop + 1, 12 do gradients(Q, step) second:step() end\n"
        "  for i = 1, 2 do assert(Q[i].data:equal(P[i].data), 'stopped at ' .. stop) end\n"
        "end print('same')\n",
        kinds[_i]);

    torch_lesson_prints(text, "same\n");
}
END_TEST

START_TEST(test_state_dict_has_torchs_form)
{
    torch_lesson_prints(
        PARAMETER
        "local q = nn.Parameter(torch.ones(1)) local r = nn.Parameter(torch.ones(3))\n"
        "local o = optim.Adam({ { params = { p } }, { params = { q, r }, lr = 0.5 } })\n"
        "r.grad = torch.ones(3) o:step() o:step()\n"
        "local s = o:state_dict()\n"
        "print(s.state[0].step, s.state[1], s.state[2].exp_avg, s.state[2].max_exp_avg_sq)\n"
        "for _, g in ipairs(s.param_groups) do\n"
        "  print(g.lr, g.betas[2], g.amsgrad, table.concat(g.params, ' ')) end\n"
        "print(next(optim.SGD({ p }):state_dict().state))\n",
        "tensor(2.)\tnil\ttensor([0.1900, 0.1900, 0.1900])\tnil\n"
        "0.001\t0.999\tfalse\t0\n"
        "0.5\t0.999\tfalse\t1 2\n"
        "nil\n");
}
END_TEST

START_TEST(test_loading_takes_the_saved_options_and_our_parameters)
{
    torch_lesson_prints(PARAMETER
                        "local q = nn.Parameter(torch.ones(2))\n"
                        "local a = optim.Adam({ p }, { lr = 0.5, betas = { 0.1, 0.2 } })\n"
                        "a.param_groups[1].initial_lr = 7 a:step()\n"
                        "local b = optim.Adam({ q }) b:load_state_dict(a:state_dict())\n"
                        "local g = b.param_groups[1]\n"
                        "print(g.lr, g.betas[1], g.initial_lr, g.params[1] == q)\n"
                        "g.betas[1] = 0.3 print(a.param_groups[1].betas[1])\n",
                        "0.5\t0.1\t7\ttrue\n0.1\n");
}
END_TEST

/* Nothing of a state that does not fit is taken over. */
START_TEST(test_a_state_that_does_not_fit_is_refused_whole)
{
    torch_lesson_prints(
        PARAMETER
        "local a = optim.Adam({ p }) a:step()\n"
        "local function try(o, state)\n"
        "  local _, message = pcall(function() o:load_state_dict(state) end) print(message) end\n"
        "local q = nn.Parameter(torch.ones(3)) local b = optim.Adam({ q })\n"
        "try(b, a:state_dict())\n"
        "print(next(b:state_dict().state))\n"
        "try(optim.SGD({ p }), a:state_dict())\n"
        "try(optim.Adam({ { params = { p } }, { params = { q } } }), a:state_dict())\n"
        "try(optim.Adam({ p, q }), a:state_dict())\n"
        "try(a, { state = {} })\n"
        "local s = a:state_dict() s.param_groups[1].lr = nil try(a, s) "
        "print(a.param_groups[1].lr)\n"
        "try(a, 3)\n",
        "lesson.lua:4: state 'exp_avg' of parameter 0 is torch.float32 of shape [2], expected "
        "torch.float32 of shape [3]\n"
        "nil\n"
        "lesson.lua:4: load_state_dict: the saved state of parameter 0 has 'exp_avg', which SGD "
        "has not\n"
        "lesson.lua:4: loaded state dict has a different number of parameter groups: it has 1, "
        "the optimizer 2\n"
        "lesson.lua:4: loaded state dict contains a parameter group that doesn't match the size "
        "of optimizer's group: group 0 has 1 parameters, the optimizer's 2\n"
        "lesson.lua:4: load_state_dict: 'param_groups' is a nil, expected a list\n"
        "lesson.lua:4: Adam: 'lr' of a parameter group is a nil, expected a number\n"
        "0.001\n"
        "lesson.lua:4: load_state_dict: expected a table, found a number\n");
}
END_TEST

/* ---- clipping ------------------------------------------------------------------------ */

#define CLIP                                                                                       \
    "local p = nn.Parameter(torch.zeros(2)) local q = nn.Parameter(torch.zeros(1))\n"              \
    "local none = nn.Parameter(torch.zeros(1))\n"                                                  \
    "p.grad = tensor{ 3.0, 0.0 } q.grad = tensor{ 4.0 } local u = nn.utils\n"

START_TEST(test_gradients_are_clipped_by_their_norm_or_value)
{
    torch_lesson_prints(CLIP "print(u.clip_grad_norm_({ p, q, none }, 10), p.grad, q.grad)\n"
                             "print(u.clip_grad_norm_({ p, q, none }, 1.0), p.grad, q.grad)\n",
                        "tensor(5.)\ttensor([3., 0.])\ttensor([4.])\n"
                        "tensor(5.)\ttensor([0.6000, 0.0000])\ttensor([0.8000])\n");
    torch_lesson_prints(CLIP
                        "print(u.clip_grad_norm_({ p, q }, 2, { norm_type = 'inf' }), q.grad)\n"
                        "print(u.get_total_norm({ p.grad, q.grad }, { norm_type = 1 }))\n"
                        "print(u.clip_grad_norm_(none, 1), none.grad)\n",
                        "tensor(4.)\ttensor([2.0000])\ntensor(3.5000)\ntensor(0.)\tnil\n");
    torch_lesson_prints(CLIP "u.clip_grad_value_({ p, q, none }, 3.5) print(p.grad, q.grad)\n"
                             "u.clip_grad_value_(q, 1) print(q.grad)\n",
                        "tensor([3., 0.])\ttensor([3.5000])\ntensor([1.])\n");
}
END_TEST

START_TEST(test_a_norm_that_is_not_finite_can_be_an_error)
{
    torch_lesson_prints(CLIP "q.grad = tensor{ math.huge }\n"
                             "print(u.clip_grad_norm_({ p, q }, 1), p.grad, q.grad)\n"
                             "u.clip_grad_norm_({ q }, 1, { error_if_nonfinite = true })\n",
                        "tensor(inf)\ttensor([0., 0.])\ttensor([nan])\n"
                        "lesson.lua:6: The total norm of order 2.0 for gradients from "
                        "`parameters` is non-finite, so it cannot be clipped; without "
                        "error_if_nonfinite the gradients are scaled by it all the same\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_optim");
    TCase *optim = tcase_create("optim");

    tcase_add_test(optim, test_a_step_goes_down_the_gradient);
    tcase_add_test(optim, test_param_groups_are_read_at_each_step);
    tcase_add_test(optim, test_groups_inherit_what_they_do_not_say);
    tcase_add_test(optim, test_an_optimizer_prints_as_in_torch);
    tcase_add_test(optim, test_what_cannot_work_is_refused);
    tcase_add_test(optim, test_an_optimizer_keeps_its_parameters_alive);
    tcase_add_loop_test(optim, test_every_kind_prints_as_in_torch, 0, G_N_ELEMENTS(texts));
    tcase_add_test(optim, test_defaults_and_names_are_there_to_be_read);
    tcase_add_test(optim, test_a_group_that_comes_later_takes_the_optimizers_options);
    tcase_add_test(optim, test_wrong_options_are_refused_in_torchs_words);
    tcase_add_test(optim, test_a_closure_runs_first_with_gradients_on);
    tcase_add_test(optim, test_zero_grad_keeps_the_tensor_when_told_to);
    suite_add_tcase(suite, optim);

    TCase *state = tcase_create("state");

    tcase_add_loop_test(state, test_a_run_resumes_from_its_state_at_every_step, 0,
                        G_N_ELEMENTS(kinds));
    tcase_add_test(state, test_state_dict_has_torchs_form);
    tcase_add_test(state, test_loading_takes_the_saved_options_and_our_parameters);
    tcase_add_test(state, test_a_state_that_does_not_fit_is_refused_whole);
    suite_add_tcase(suite, state);

    TCase *clip = tcase_create("clip");

    tcase_add_test(clip, test_gradients_are_clipped_by_their_norm_or_value);
    tcase_add_test(clip, test_a_norm_that_is_not_finite_can_be_an_error);
    suite_add_tcase(suite, clip);
    return ddp_test_main(suite);
}
