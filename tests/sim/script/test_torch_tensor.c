/* SPDX-License-Identifier: MIT */
#include "sim/script/tensor.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/script_rank.h"
#include "tests/sim/script/torch_lesson.h"

/*
 * Tensors as a scenario meets them: each test runs a few lines of Lua and compares what they print,
 * or the one line of error that they end with.
 */

/* ---- making -------------------------------------------------------------------------- */

START_TEST(test_numbers_choose_the_dtype)
{
    torch_lesson_prints(
        "print(tensor{ 1, 2 }.dtype, tensor{ 1, 2.5 }.dtype, tensor{ 1.0 }.dtype)\n"
        "print(tensor{ true, false }.dtype, tensor{ true, 2 }.dtype)\n"
        "print(tensor(3).dtype, tensor(3.5).dtype, tensor(true).dtype, tensor{}.dtype)\n"
        "print(tensor({ 1, 2 }, { dtype = torch.float64 }))\n",
        "torch.int64\ttorch.float32\ttorch.float32\n"
        "torch.bool\ttorch.int64\n"
        "torch.int64\ttorch.float32\ttorch.bool\ttorch.float32\n"
        "tensor([1., 2.], dtype=torch.float64)\n");
}
END_TEST

START_TEST(test_lists_give_the_shape)
{
    torch_lesson_prints(
        "print(tensor(3.5).shape, tensor{ 1 }.shape, tensor{ { 1, 2, 3 }, { 4, 5, 6 } }.shape)\n"
        "print(tensor{ { { 1 } } }.ndim, #tensor{ { 1, 2 }, { 3, 4 }, { 5, 6 } })\n"
        "print(tensor{}.shape, tensor{ {}, {} }.shape)\n"
        "local s = tensor{ { 1, 2, 3 } }.shape print(#s, s[1], s[2])\n",
        "torch.Size([])\ttorch.Size([1])\ttorch.Size([2, 3])\n"
        "3\t3\n"
        "torch.Size([0])\ttorch.Size([2, 0])\n"
        "2\t1\t3\n");
}
END_TEST

START_TEST(test_ragged_lists_and_strangers_are_refused)
{
    torch_lesson_prints("tensor{ { 1, 2 }, { 3 } }",
                        "lesson.lua:1: expected sequence of length 2 at dim 1 (got 1)\n");
    torch_lesson_prints(
        "tensor{ { 1, 2 }, 3 }",
        "lesson.lua:1: tensor: expected a list of length 2 at dim 1 (found a number)\n");
    torch_lesson_prints(
        "tensor{ 1, 'two' }",
        "lesson.lua:1: tensor: element 2 is a string, expected a number or a boolean\n");
    torch_lesson_prints(
        "tensor{ 1, { 2 } }",
        "lesson.lua:1: tensor: element 2 is a table, expected a number or a boolean\n");
    torch_lesson_prints(
        "tensor{ dtype = torch.float64 }",
        "lesson.lua:1: tensor: the data is a table with a string as key, expected a "
        "list; options go into a second table, as in tensor({1, 2}, {dtype = "
        "torch.float64})\n");
    torch_lesson_prints("tensor({ 1 }, { dtpye = torch.float64 })",
                        "lesson.lua:1: tensor: unknown option 'dtpye', did you mean 'dtype'?\n");
    torch_lesson_prints(
        "tensor({ 1 }, { dtype = 'float31' })",
        "lesson.lua:1: tensor: expected a dtype such as torch.float32, found float31\n");
}
END_TEST

START_TEST(test_a_list_of_itself_ends)
{
    torch_lesson_prints("local t = {} t[1] = t tensor(t)",
                        "lesson.lua:1: tensor: lists are nested more than 8 deep\n");
}
END_TEST

START_TEST(test_a_tensor_of_a_tensor_is_a_copy)
{
    torch_lesson_prints("local a = tensor({ 1.0, 2.0 }, { requires_grad = true })\n"
                        "local b = tensor(a) b[0] = 9\n"
                        "print(a, b, b.requires_grad)\n"
                        "print(tensor{ tensor(1.5), 2 }, tensor(a, { dtype = torch.int64 }))\n",
                        "tensor([1., 2.], requires_grad=True)\ttensor([9., 2.])\tfalse\n"
                        "tensor([1.5000, 2.0000])\ttensor([1, 2])\n");
}
END_TEST

START_TEST(test_constructors_take_sizes_and_options)
{
    torch_lesson_prints(
        "print(torch.zeros(2, 3), torch.ones({ 2 }, { dtype = torch.int64 }))\n"
        "print(torch.full({ 2, 2 }, 7), torch.full({}, 2.5))\n"
        "print(torch.arange(3), torch.arange(1, 2, 0.25), torch.arange(5, 0, -2))\n"
        "print(torch.zeros_like(torch.ones(2)), torch.zeros(torch.ones(1, 2).shape))\n"
        "print(torch.zeros({ dtype = torch.float64 }), torch.empty(0))\n"
        "print(torch.zeros(2.0, { requires_grad = true }))\n",
        "tensor([[0., 0., 0.],\n        [0., 0., 0.]])\ttensor([1, 1])\n"
        "tensor([[7, 7],\n        [7, 7]])\ttensor(2.5000)\n"
        "tensor([0, 1, 2])\ttensor([1.0000, 1.2500, 1.5000, 1.7500])\ttensor([5, 3, 1])\n"
        "tensor([0., 0.])\ttensor([[0., 0.]])\n"
        "tensor(0., dtype=torch.float64)\ttensor([])\n"
        "tensor([0., 0.], requires_grad=True)\n");
}
END_TEST

START_TEST(test_sizes_are_checked)
{
    torch_lesson_prints("torch.zeros(2, -1)",
                        "lesson.lua:1: zeros: size 2 is -1, expected 0 or more\n");
    torch_lesson_prints("torch.zeros(1.5)",
                        "lesson.lua:1: zeros: size 1 is 1.5, expected a whole number\n");
    torch_lesson_prints("torch.ones{ 1, 'x' }",
                        "lesson.lua:1: ones: size 2 is string, expected a whole number\n");
    torch_lesson_prints("torch.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1)",
                        "lesson.lua:1: zeros: more than 8 sizes, a tensor has at most as many "
                        "dimensions\n");
    torch_lesson_prints("torch.zeros(1 << 40, 1 << 40)",
                        "lesson.lua:1: shape [1099511627776, 1099511627776] has more elements than "
                        "memory can have\n");
    torch_lesson_prints(
        "torch.zeros(1 << 30)",
        "lesson.lua:1: a tensor of 4294967296 bytes was asked for, the limit of one "
        "tensor is 1073741824\n");
}
END_TEST

START_TEST(test_random_numbers_are_torchs)
{
    torch_lesson_prints("torch.manual_seed(0) print(torch.rand(3), torch.randn(2))\n"
                        "torch.manual_seed(0) print(torch.randint(10, { 8 }))\n"
                        "torch.manual_seed(42) print(torch.randperm(10), torch.initial_seed())\n"
                        "local g = torch.Generator():manual_seed(42)\n"
                        "print(torch.randperm(10, { generator = g }), g:initial_seed())\n"
                        "print(torch.Generator():initial_seed())\n",
                        "tensor([0.4963, 0.7682, 0.0885])\ttensor([0.3643, 0.1344])\n"
                        "tensor([4, 9, 3, 0, 3, 9, 7, 3])\n"
                        "tensor([2, 6, 1, 8, 4, 5, 0, 9, 3, 7])\t42\n"
                        "tensor([2, 6, 1, 8, 4, 5, 0, 9, 3, 7])\t42\n"
                        "67280421310721\n");
}
END_TEST

/* ---- reading ------------------------------------------------------------------------- */

START_TEST(test_numbers_come_back_as_lua_has_them)
{
    torch_lesson_prints("print(tensor(3):item(), tensor(3.0):item(), tensor{ true }:item())\n"
                        "local l = tensor{ { 1, 2 }, { 3, 4 } }:tolist()\n"
                        "print(#l, l[2][1], math.type(l[1][1]), tensor(0.5):tolist())\n"
                        "print(torch.full({ 1 }, (1 << 62) + 1):item())\n",
                        "3\t3.0\ttrue\n"
                        "2\t3\tinteger\t0.5\n"
                        "4611686018427387905\n");
    torch_lesson_prints("tensor{ 1, 2 }:item()",
                        "lesson.lua:1: a Tensor with 2 elements cannot be converted to Scalar\n");
}
END_TEST

START_TEST(test_indices_count_from_zero_and_from_the_end)
{
    torch_lesson_prints("local t = tensor{ { 1, 2 }, { 3, 4 }, { 5, 6 } }\n"
                        "print(t[0], t[-1], t[2.0][1]:item(), t:select(1, 0))\n"
                        "t[1] = 0 t[0][1] = 20 t[-1] = tensor{ 7, 8 }\n"
                        "print(t:tolist()[1][2], t[1], t[2])\n"
                        "print(t[tensor{ 2, 0, 2 }])\n",
                        "tensor([1, 2])\ttensor([5, 6])\t6\ttensor([1, 3, 5])\n"
                        "20\ttensor([0, 0])\ttensor([7, 8])\n"
                        "tensor([[ 7,  8],\n        [ 1, 20],\n        [ 7,  8]])\n");
    torch_lesson_prints("local t = torch.zeros(3) print(t[3])",
                        "lesson.lua:1: index 3 is out of bounds for dimension 0 with size 3\n");
    torch_lesson_prints("local t = torch.zeros(3) print(t[-4])",
                        "lesson.lua:1: index -4 is out of bounds for dimension 0 with size 3\n");
    torch_lesson_prints(
        "local t = torch.zeros(3) print(t[0.5])",
        "lesson.lua:1: a tensor is indexed with a whole number or a tensor of them, "
        "found 0.5\n");
    torch_lesson_prints("print(tensor(1)[0])",
                        "lesson.lua:1: invalid index of a 0-dim tensor. Use `tensor.item()` to "
                        "convert a 0-dim tensor to a number\n");
}
END_TEST

START_TEST(test_a_wrong_name_names_the_right_one)
{
    torch_lesson_prints("print(torch.zeros(1).dtpye)",
                        "lesson.lua:1: a tensor has no 'dtpye', did you mean 'dtype'?\n");
    torch_lesson_prints("torch.zeros(1):summ()",
                        "lesson.lua:1: a tensor has no 'summ', did you mean 'sum'?\n");
    torch_lesson_prints("torch.zeros(1).shape2 = 1",
                        "lesson.lua:1: the field 'shape2' of a tensor cannot be set; 'grad' and "
                        "'requires_grad' can, and t[i]\n");
}
END_TEST

/* ---- computing ----------------------------------------------------------------------- */

START_TEST(test_operators_take_numbers_on_either_side)
{
    torch_lesson_prints(
        "local t = tensor{ 1.0, 2.0, 4.0 }\n"
        "print(t + 1, 1 - t, t * 2, 2 / t)\n"
        "print(t ^ 2, 2 ^ t, -t, t // 3, t % 3)\n"
        "print(tensor{ 1, 2 } / 2, tensor{ 1, 2 } + 0.5, tensor{ 7 } // 2, true + tensor{ 1 })\n",
        "tensor([2., 3., 5.])\ttensor([ 0., -1., -3.])\ttensor([2., 4., 8.])\t"
        "tensor([2.0000, 1.0000, 0.5000])\n"
        "tensor([ 1.,  4., 16.])\ttensor([ 2.,  4., 16.])\ttensor([-1., -2., -4.])\t"
        "tensor([0., 0., 1.])\ttensor([1., 2., 1.])\n"
        "tensor([0.5000, 1.0000])\ttensor([1.5000, 2.5000])\ttensor([3])\ttensor([2])\n");
    torch_lesson_prints("print(torch.zeros(2) + 'x')",
                        "lesson.lua:1: bad argument #2 to 'add' (tensor or number expected, got "
                        "string)\n");
}
END_TEST

START_TEST(test_equality_is_identity_and_eq_compares)
{
    torch_lesson_prints(
        "local a, b = tensor{ 1, 2 }, tensor{ 1, 3 }\n"
        "print(a == a, a == b, a == tensor{ 1, 2 }, a:eq(b), a:equal(tensor{ 1, 2 }))\n"
        "print(a:lt(2), a:ge(b), a:ne(b):any():item(), a:eq(a):all())\n"
        "a = tensor({ 1.0 }, { requires_grad = true }) a.grad = tensor{ 2.0 }\n"
        "print(a.grad == a.grad, tensor(1.5) < tensor(2), tensor(2) <= 1, 3 > tensor(2))\n",
        "true\tfalse\tfalse\ttensor([ True, False])\ttrue\n"
        "tensor([ True, False])\ttensor([ True, False])\ttrue\ttensor(True)\n"
        "true\ttrue\tfalse\ttrue\n");
    torch_lesson_prints(
        "print(tensor{ 1, 2 } < 3)",
        "lesson.lua:1: Boolean value of Tensor with more than one value is "
        "ambiguous; t:lt(), t:le(), t:gt() and t:ge() compare element by element\n");
}
END_TEST

START_TEST(test_reductions_take_a_dimension_and_keepdim)
{
    torch_lesson_prints(
        "local t = tensor{ { 1.0, 5.0 }, { 3.0, 2.0 } }\n"
        "print(t:sum(), t:sum(0), t:mean(-1), t:sum(1, true).shape)\n"
        "print(t:max(), t:min(), t:argmax(), t:argmax(1))\n"
        "local values, places = t:max(0) print(values, places)\n"
        "print(t:max(tensor(2.5)), torch.sum(t, 0), torch.argmax(t, 1))\n"
        "print(tensor{ 1, 2 }:sum().dtype, tensor{ true, true }:sum())\n",
        "tensor(11.)\ttensor([4., 7.])\ttensor([3.0000, 2.5000])\ttorch.Size([2, 1])\n"
        "tensor(5.)\ttensor(1.)\ttensor(1)\ttensor([1, 0])\n"
        "tensor([3., 5.])\ttensor([1, 0])\n"
        "tensor([[2.5000, 5.0000],\n        [3.0000, 2.5000]])\ttensor([4., 7.])\t"
        "tensor([1, 0])\n"
        "torch.int64\ttensor(2)\n");
    torch_lesson_prints("print(torch.zeros(2, 3):sum(2))",
                        "lesson.lua:1: Dimension out of range (expected to be in range of [-2, 1], "
                        "but got 2)\n");
}
END_TEST

START_TEST(test_shapes_change)
{
    torch_lesson_prints(
        "local t = torch.arange(6)\n"
        "print(t:reshape(2, 3), t:view({ -1, 2 }).shape, t:reshape(2, 3):t().shape)\n"
        "print(t:unsqueeze(0).shape, t:unsqueeze(0):squeeze().shape, t:reshape(1, 2, "
        "3):flatten(1).shape)\n"
        "print(t:reshape(2, 3).T, t:reshape(2, 3):transpose(0, 1):size(0), t:numel(), t:dim())\n"
        "print(t:narrow(0, 2, 3), tensor{ { 1 }, { 2 } }:expand(-1, 3))\n"
        "print(torch.stack({ tensor(1), tensor(2) }), torch.cat({ t, tensor{ 9 } }))\n",
        "tensor([[0, 1, 2],\n        [3, 4, 5]])\ttorch.Size([3, 2])\ttorch.Size([3, 2])\n"
        "torch.Size([1, 6])\ttorch.Size([6])\ttorch.Size([1, 6])\n"
        "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])\t3\t6\t1\n"
        "tensor([2, 3, 4])\ttensor([[1, 1, 1],\n        [2, 2, 2]])\n"
        "tensor([1, 2])\ttensor([0, 1, 2, 3, 4, 5, 9])\n");
    torch_lesson_prints("torch.stack{ 1, 2 }",
                        "lesson.lua:1: stack: item 1 of the list is a number, expected a tensor\n");
}
END_TEST

START_TEST(test_in_place_verbs_return_the_tensor)
{
    torch_lesson_prints(
        "local t = torch.zeros(2)\n"
        "print(t:add_(1):mul_(3):sub_(tensor{ 1.0, 2.0 }) == t, t)\n"
        "print(t:add_(tensor{ 1.0, 1.0 }, 0.5), t:add_(tensor{ 2.0, 2.0 }, { alpha = -1 }), "
        "t:fill_(4):zero_())\n"
        "print(t:copy_(tensor(7)), t:add(1, { alpha = 2 }), t)\n"
        "print(t:to(torch.float32) == t, t:double().dtype, t:long(), t:half().dtype)\n",
        "true\ttensor([2., 1.])\n"
        "tensor([0., 0.])\ttensor([0., 0.])\ttensor([0., 0.])\n"
        "tensor([7., 7.])\ttensor([9., 9.])\ttensor([7., 7.])\n"
        "true\ttorch.float64\ttensor([7, 7])\ttorch.float16\n");
}
END_TEST

/* ---- gradients ----------------------------------------------------------------------- */

START_TEST(test_backward_fills_grad)
{
    torch_lesson_prints("local w = tensor({ 1.0, 2.0 }, { requires_grad = true })\n"
                        "print(w.grad, w.is_leaf, (w * w).grad_fn, w.grad_fn)\n"
                        "local loss = (w * w):sum() loss:backward()\n"
                        "print(w.grad, loss.requires_grad, loss:detach().requires_grad)\n"
                        "w.grad = nil print(w.grad)\n"
                        "w:requires_grad_(false) print(w.requires_grad)\n",
                        "nil\ttrue\t<MulBackward0>\tnil\n"
                        "tensor([2., 4.])\ttrue\tfalse\n"
                        "nil\n"
                        "false\n");
    torch_lesson_prints(
        "tensor({ 1.0 }):backward()",
        "lesson.lua:1: element 0 of tensors does not require grad and does not have "
        "a grad_fn\n");
    torch_lesson_prints("local w = tensor({ 1.0 }, { requires_grad = true }) w:add_(1)",
                        "lesson.lua:1: a leaf Variable that requires grad is being used in an "
                        "in-place operation.\n");
    torch_lesson_prints(
        "local w = tensor({ 2.0 }, { requires_grad = true })\n"
        "local y = w * w\n"
        "y:backward({ retain_graph = true }) y:backward(tensor{ 0.5 }) print(w.grad)\n",
        "tensor([6.])\n");
}
END_TEST

START_TEST(test_no_grad_comes_back_whatever_happens)
{
    torch_lesson_prints(
        "print(torch.no_grad(function(a, b) return torch.is_grad_enabled(), a + b end, 1, 2))\n"
        "print(torch.is_grad_enabled())\n"
        "print(pcall(torch.no_grad, function() error('inside', 0) end))\n"
        "print(torch.is_grad_enabled())\n"
        "print(torch.no_grad(function() return torch.enable_grad(torch.is_grad_enabled), "
        "torch.is_grad_enabled() end))\n",
        "false\t3\n"
        "true\n"
        "false\tinside\n"
        "true\n"
        "true\tfalse\n");
    torch_lesson_prints("torch.no_grad(function()\n  local x = nil + 1\nend)",
                        "lesson.lua:2: attempt to perform arithmetic on a nil value\n");
}
END_TEST

/* ---- memory -------------------------------------------------------------------------- */

START_TEST(test_a_closed_tensor_is_empty)
{
    torch_lesson_prints(
        "local kept do local t <close> = torch.zeros(3) kept = t end\n"
        "print(pcall(function() return kept:sum() end))\n",
        "false\tlesson.lua:2: bad argument #1 to 'index' (this tensor was closed)\n");
}
END_TEST

START_TEST(test_a_scenario_cannot_reach_the_finalizer)
{
    torch_lesson_prints("print(getmetatable(torch.zeros(1)), getmetatable(torch.Generator()))\n"
                        "print(getmetatable(optim.SGD({ torch.zeros(1, { requires_grad = true }) "
                        "}, { lr = 1 })))\n",
                        "torch.Tensor\ttorch.Generator\n"
                        "optim.Optimizer\n");
}
END_TEST

static size_t
live_bytes(lua_State *L)
{
    return ddp_model_context_bytes(ddp_script_rank(L)->model);
}

/* A thousand dead tensors of a megabyte, which Lua takes for 16 bytes each. */
START_TEST(test_garbage_stays_small)
{
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    torch_lesson_open(&lesson, NULL, NULL);
    torch_lesson_run(&lesson,
                     "local most = 0\n"
                     "for i = 1, 1000 do local t = torch.zeros(512, 512) end\n",
                     &error);
    ck_assert_no_error(error);
    ck_assert_msg(live_bytes(lesson.L) <= 8u << 20, "%zu bytes are alive", live_bytes(lesson.L));
    torch_lesson_close(&lesson);
}
END_TEST

/* So little memory that no collection is due before it is used up: dead tensors give way then. */
START_TEST(test_garbage_gives_way_at_the_limit)
{
    DdpLimits limits = ddp_limits_default();
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    limits.world_memory = 3 << 20;
    torch_lesson_open(&lesson, NULL, &limits);
    torch_lesson_run(&lesson,
                     "for i = 1, 20 do local a = torch.zeros(1 << 18) end\n"
                     "local chain = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU())\n"
                     "local x = torch.zeros(1 << 17) collectgarbage()\n"
                     "for i = 1, 20 do local y = chain(x) end\n",
                     &error);
    ck_assert_no_error(error);
    ck_assert(!torch_lesson_run(&lesson,
                                "local keep = {}\n"
                                "for i = 1, 20 do keep[i] = torch.zeros(1 << 18) end\n",
                                &error));
    ck_assert_msg(g_str_has_prefix(error->message, "lesson.lua:2: there is no memory left for a "
                                                   "tensor of 1048576 bytes"),
                  "found: %s", error->message);
    torch_lesson_close(&lesson);
}
END_TEST

START_TEST(test_heavy_tensor_work_uses_up_the_budget)
{
    DdpLimits limits = ddp_limits_default();
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    limits.steps = 100000;
    torch_lesson_open(&lesson, NULL, &limits);
    ck_assert(!torch_lesson_run(&lesson,
                                "local a = torch.zeros(1 << 20)\n"
                                "for i = 1, 1000 do local b = a:sum() end\n",
                                &error));
    ck_assert_ptr_nonnull(strstr(error->message, "limit steps"));
    torch_lesson_close(&lesson);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_tensor");
    TCase *tensors = tcase_create("tensors");

    tcase_add_test(tensors, test_numbers_choose_the_dtype);
    tcase_add_test(tensors, test_lists_give_the_shape);
    tcase_add_test(tensors, test_ragged_lists_and_strangers_are_refused);
    tcase_add_test(tensors, test_a_list_of_itself_ends);
    tcase_add_test(tensors, test_a_tensor_of_a_tensor_is_a_copy);
    tcase_add_test(tensors, test_constructors_take_sizes_and_options);
    tcase_add_test(tensors, test_sizes_are_checked);
    tcase_add_test(tensors, test_random_numbers_are_torchs);
    tcase_add_test(tensors, test_numbers_come_back_as_lua_has_them);
    tcase_add_test(tensors, test_indices_count_from_zero_and_from_the_end);
    tcase_add_test(tensors, test_a_wrong_name_names_the_right_one);
    tcase_add_test(tensors, test_operators_take_numbers_on_either_side);
    tcase_add_test(tensors, test_equality_is_identity_and_eq_compares);
    tcase_add_test(tensors, test_reductions_take_a_dimension_and_keepdim);
    tcase_add_test(tensors, test_shapes_change);
    tcase_add_test(tensors, test_in_place_verbs_return_the_tensor);
    tcase_add_test(tensors, test_backward_fills_grad);
    tcase_add_test(tensors, test_no_grad_comes_back_whatever_happens);
    tcase_add_test(tensors, test_a_closed_tensor_is_empty);
    tcase_add_test(tensors, test_a_scenario_cannot_reach_the_finalizer);
    tcase_add_test(tensors, test_garbage_stays_small);
    tcase_add_test(tensors, test_garbage_gives_way_at_the_limit);
    tcase_add_test(tensors, test_heavy_tensor_work_uses_up_the_budget);
    suite_add_tcase(suite, tensors);
    return ddp_test_main(suite);
}
