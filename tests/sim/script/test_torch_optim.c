/* SPDX-License-Identifier: MIT */
#include "tests/sim/script/torch_lesson.h"

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
    suite_add_tcase(suite, optim);
    return ddp_test_main(suite);
}
