/* SPDX-License-Identifier: MIT */
#include "tests/sim/script/torch_lesson.h"

/*
 * Normalisation, dropout, activations and losses as a scenario writes them. What they compute is
 * held against torch in tests/model/core; here it is about names, options, states and errors.
 */

START_TEST(test_layers_print_as_in_torch)
{
    torch_lesson_prints(
        "print(nn.BatchNorm1d(3)) print(nn.BatchNorm2d(4, { momentum = false, affine = false }))\n"
        "print(nn.SyncBatchNorm(3)) print(nn.LayerNorm(5)) print(nn.LayerNorm({ 3, 5 }, "
        "{ bias = false }))\n"
        "print(nn.Dropout(0.25)) print(nn.GELU()) print(nn.GELU{ approximate = 'tanh' })\n"
        "print(nn.SiLU()) print(nn.LeakyReLU()) print(nn.ELU()) print(nn.ELU(2))\n"
        "print(nn.Softplus()) print(nn.Softmax(1)) print(nn.Softmax()) print(nn.LogSoftmax(-1))\n"
        "print(nn.LogSigmoid()) print(nn.BCEWithLogitsLoss())\n",
        "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "BatchNorm2d(4, eps=1e-05, momentum=None, affine=False, bias=False, "
        "track_running_stats=True)\n"
        "SyncBatchNorm(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "LayerNorm((5,), eps=1e-05, elementwise_affine=True, bias=True)\n"
        "LayerNorm((3, 5), eps=1e-05, elementwise_affine=True, bias=False)\n"
        "Dropout(p=0.25, inplace=False)\nGELU(approximate='none')\nGELU(approximate='tanh')\n"
        "SiLU()\nLeakyReLU(negative_slope=0.01)\nELU(alpha=1.0)\nELU(alpha=2)\n"
        "Softplus(beta=1.0, threshold=20.0)\nSoftmax(dim=1)\nSoftmax(dim=None)\n"
        "LogSoftmax(dim=-1)\nLogSigmoid()\nBCEWithLogitsLoss()\n");
}
END_TEST

#define STATE "function state(m) for n, t in pairs(m:state_dict()) do print(n, t) end end\n"

START_TEST(test_the_state_of_a_batch_norm_is_torchs)
{
    torch_lesson_prints(STATE
                        "local m = nn.BatchNorm1d(2)\n"
                        "state(m) m(tensor{ { 1.0, 2.0 }, { 3.0, 6.0 }, { 5.0, 7.0 } })\n"
                        "state(m) print(m.num_batches_tracked.dtype)\n"
                        "m:reset_running_stats() print(m.running_var, m.num_batches_tracked)\n",
                        "weight\ttensor([1., 1.])\nbias\ttensor([0., 0.])\n"
                        "running_mean\ttensor([0., 0.])\nrunning_var\ttensor([1., 1.])\n"
                        "num_batches_tracked\ttensor(0)\n"
                        "weight\ttensor([1., 1.])\nbias\ttensor([0., 0.])\n"
                        "running_mean\ttensor([0.3000, 0.5000])\n"
                        "running_var\ttensor([1.3000, 1.6000])\nnum_batches_tracked\ttensor(1)\n"
                        "torch.int64\ntensor([1., 1.])\ttensor(0)\n");
}
END_TEST

START_TEST(test_a_batch_norm_has_what_its_options_say)
{
    torch_lesson_prints(STATE
                        "function names(m) local out = {} for n in pairs(m:state_dict()) do\n"
                        "  out[#out + 1] = n end print(table.concat(out, ' ')) end\n"
                        "names(nn.BatchNorm1d(2, { affine = false }))\n"
                        "names(nn.BatchNorm1d(2, { track_running_stats = false }))\n"
                        "names(nn.BatchNorm1d(2, { bias = false }))\n"
                        "print(#nn.BatchNorm2d(2):parameters(), #nn.BatchNorm2d(2):buffers())\n",
                        "running_mean running_var num_batches_tracked\n"
                        "weight bias\n"
                        "weight running_mean running_var num_batches_tracked\n"
                        "2\t3\n");
}
END_TEST

/* Two batches with the means 1 and 4: the average of both is 2.5. */
START_TEST(test_without_momentum_all_batches_count_alike)
{
    torch_lesson_prints("local m = nn.BatchNorm1d(1, { momentum = false })\n"
                        "m(tensor{ { 0.0 }, { 2.0 } }) m(tensor{ { 3.0 }, { 5.0 } })\n"
                        "print(m.running_mean, m.running_var, m.num_batches_tracked)\n",
                        "tensor([2.5000])\ttensor([2.])\ttensor(2)\n");
}
END_TEST

/* Training with statistics of its own leaves them; evaluation uses them, or the batch if none. */
START_TEST(test_evaluation_uses_the_running_values)
{
    torch_lesson_prints(
        "local x = tensor{ { 1.0 }, { 3.0 } }\n"
        "local m = nn.BatchNorm1d(1) m:eval() print(m(x):tolist()[1][1] > 0.99, "
        "m.num_batches_tracked)\n"
        "local u = nn.BatchNorm1d(1, { track_running_stats = false, eps = 1e-12 }) u:eval()\n"
        "print(u(x):detach())\n",
        "true\ttensor(0)\n"
        "tensor([[-1.],\n        [ 1.]])\n");
}
END_TEST

START_TEST(test_a_state_of_batch_norms_carries_over)
{
    torch_lesson_prints("local a, b = nn.BatchNorm1d(1), nn.BatchNorm1d(1)\n"
                        "a(tensor{ { 0.0 }, { 2.0 } }) b:load_state_dict(a:state_dict())\n"
                        "print(b.running_mean, b.num_batches_tracked)\n",
                        "tensor([0.1000])\ttensor(1)\n");
}
END_TEST

START_TEST(test_conversion_shares_what_the_layer_had)
{
    torch_lesson_prints(
        "local Net = nn.Module:extend('Net')\n"
        "function Net:init() self.first = nn.BatchNorm2d(2, { eps = 0.5 })\n"
        "  self.rest = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)) end\n"
        "local net = Net() net:eval()\n"
        "local weight, mean = net.first.weight, net.rest[1].running_mean\n"
        "assert(nn.SyncBatchNorm.convert_sync_batchnorm(net) == net) print(net)\n"
        "print(net.first.weight == weight, net.rest[1].running_mean == mean,\n"
        "  net.first.training)\n"
        "nn.SyncBatchNorm.revert_sync_batchnorm(net) print(net.rest[1], net.first.weight == "
        "weight)\n"
        "local alone = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(1))\n"
        "print(alone._name) local names = {}\n"
        "for n in pairs(net:state_dict()) do names[#names + 1] = n end print(#names, names[1])\n",
        "Net(\n"
        "  (first): SyncBatchNorm(2, eps=0.5, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "  (rest): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=2, bias=True)\n"
        "    (1): SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "  )\n"
        ")\n"
        "true\ttrue\tfalse\n"
        "_BatchNormXd(2, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\ttrue\n"
        "SyncBatchNorm\n12\tfirst.weight\n");
}
END_TEST

/* One process is nobody to meet: SyncBatchNorm is a batch norm there. */
START_TEST(test_sync_batch_norm_alone_is_a_batch_norm)
{
    torch_lesson_prints("torch.manual_seed(1) local x = torch.randn(5, 3, 2)\n"
                        "local a, b = nn.BatchNorm1d(3), nn.SyncBatchNorm(3)\n"
                        "print(a(x):equal(b(x)), a.running_var:equal(b.running_var))\n",
                        "true\ttrue\n");
}
END_TEST

/* The chain runs them in C, alone they are called one by one; Dropout draws once for each. */
START_TEST(test_a_chain_equals_its_links)
{
    torch_lesson_prints(
        "local x = torch.randn(6, 4)\n"
        "local links = { nn.LayerNorm(4), nn.GELU(), nn.Dropout(0.5), nn.BatchNorm1d(4), "
        "nn.SiLU(),\n"
        "  nn.LeakyReLU(0.1), nn.ELU(), nn.Softplus(), nn.LogSigmoid(), nn.LogSoftmax(1),\n"
        "  nn.GELU{ approximate = 'tanh' }, nn.Softmax(-1) }\n"
        "local chain = nn.Sequential(table.unpack(links))\n"
        "torch.manual_seed(4) local one = chain(x)\n"
        "torch.manual_seed(4) for _, link in ipairs(links) do x = link(x) end\n"
        "print(one:equal(x), chain[3].num_batches_tracked)\n",
        "true\ttensor(2)\n");
}
END_TEST

/* Seed 0 and twelve ones: what a build of torch without MKL gives. */
START_TEST(test_dropout_draws_only_in_training)
{
    torch_lesson_prints("torch.manual_seed(0) local m, x = nn.Dropout(), torch.ones(12)\n"
                        "print(m(x):int()) m:eval() print(m(x):sum())\n"
                        "torch.manual_seed(0) print(F.dropout(x, 0.5):int())\n"
                        "print(F.dropout(x, { p = 1 }):sum(), "
                        "F.dropout(x, 0.3, { training = false }):sum())\n",
                        "tensor([0, 0, 2, 0, 0, 0, 2, 2, 0, 2, 2, 2], dtype=torch.int32)\n"
                        "tensor(12.)\n"
                        "tensor([0, 0, 2, 0, 0, 0, 2, 2, 0, 2, 2, 2], dtype=torch.int32)\n"
                        "tensor(0.)\ttensor(12.)\n");
}
END_TEST

START_TEST(test_functions_do_what_layers_do)
{
    torch_lesson_prints(
        "torch.manual_seed(2) local x = torch.randn(5, 4)\n"
        "local same = function(a, b) assert(a:equal(b)) end\n"
        "same(F.gelu(x), nn.GELU()(x)) same(F.silu(x), nn.SiLU()(x))\n"
        "same(F.gelu(x, { approximate = 'tanh' }), nn.GELU{ approximate = 'tanh' }(x))\n"
        "same(F.leaky_relu(x, 0.2), nn.LeakyReLU{ negative_slope = 0.2 }(x))\n"
        "same(F.elu(x, { alpha = 2 }), nn.ELU(2)(x))\n"
        "same(F.softplus(x, { beta = 2 }), nn.Softplus{ beta = 2 }(x))\n"
        "same(F.logsigmoid(x), nn.LogSigmoid()(x))\n"
        "same(F.layer_norm(x, 4), nn.LayerNorm(4)(x))\n"
        "local w = torch.ones(4) same(F.layer_norm(x, { 4 }, w, { eps = 1 }),\n"
        "  nn.LayerNorm(4, { eps = 1 })(x))\n"
        "local m = nn.BatchNorm1d(4) m:eval()\n"
        "same(F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias), m(x)) m:train()\n"
        "same(F.batch_norm(x, nil, nil, { training = true }), m(x)) print('same')\n",
        "same\n");
}
END_TEST

START_TEST(test_losses_take_their_options)
{
    torch_lesson_prints(
        "local x, y = tensor{ 0.0, 2.0 }, tensor{ 1.0, 0.0 }\n"
        "print(nn.L1Loss()(x, y), nn.L1Loss{ reduction = 'sum' }(x, y))\n"
        "print(nn.SmoothL1Loss{ reduction = 'none' }(x, y), nn.HuberLoss{ delta = 0.5 }(x, y))\n"
        "print(nn.BCEWithLogitsLoss()(tensor{ 0.0, 0.0 }, y))\n"
        "print(nn.BCELoss{ reduction = 'sum' }(tensor{ 0.5, 0.5 }, y))\n"
        "local w = tensor{ 1.0, 3.0 } local logs = F.log_softmax(torch.zeros(2, 2), 1)\n"
        "print(nn.NLLLoss{ weight = w }(logs, torch.tensor{ 0, 1 }))\n"
        "print(nn.CrossEntropyLoss{ weight = w, label_smoothing = 0.5 }(torch.zeros(2, 2), "
        "torch.tensor{ 0, 1 }))\n"
        "print(F.cross_entropy(torch.zeros(1, 2, 3), torch.tensor{ { 0, 1, 0 } }))\n"
        "print(F.cross_entropy(torch.zeros(2, 2), tensor{ { 0.5, 0.5 }, { 1.0, 0.0 } }))\n"
        "for n in pairs(nn.CrossEntropyLoss{ weight = w }:state_dict()) do print(n) end\n"
        "for n in pairs(nn.BCEWithLogitsLoss{ pos_weight = w }:state_dict()) do print(n) end\n",
        "tensor(1.5000)\ttensor(3.)\n"
        "tensor([0.5000, 1.5000])\ttensor(0.6250)\n"
        "tensor(0.6931)\ntensor(1.3863)\ntensor(0.6931)\ntensor(0.6931)\ntensor(0.6931)\n"
        "tensor(0.6931)\nweight\npos_weight\n");
}
END_TEST

START_TEST(test_what_is_wrong_is_named)
{
    torch_lesson_prints(
        "function try(f, ...) local ok, e = pcall(f, ...) print((e:gsub('^[^:]*:%d+: ', ''))) end\n"
        "try(nn.BatchNorm1d, 2, { epps = 1 }) try(nn.BatchNorm1d, 1.5)\n"
        "try(nn.BatchNorm1d, 2, { process_group = 1 })\n"
        "try(nn.BatchNorm1d(2), torch.ones(2, 2, 2, 2)) try(nn.BatchNorm2d(2), torch.ones(2, 2))\n"
        "try(nn.BatchNorm1d(2), torch.ones(1, 2)) try(nn.BatchNorm1d(2), torch.ones(4, 3))\n"
        "try(nn.SyncBatchNorm(2), torch.ones(2))\n"
        "try(nn.LayerNorm) try(nn.LayerNorm(3), torch.ones(2, 4)) try(nn.Dropout, 2)\n"
        "try(nn.GELU, { approximate = 'erf' }) try(nn.ELU, 'x')\n"
        "try(nn.BCELoss, { pos_weight = 1 }) try(F.bce_loss)\n"
        "try(F.nll_loss, torch.ones(2, 2), torch.tensor{ 0, 1 }, { weight = 3 })\n"
        "try(nn.SyncBatchNorm.convert_sync_batchnorm, 3)\n",
        "BatchNorm1d: unknown option 'epps', did you mean 'eps'?\n"
        "BatchNorm1d: num_features is 1.5, expected a whole number\n"
        "BatchNorm1d: unknown option 'process_group'; its options are eps, momentum, affine, "
        "track_running_stats, bias\n"
        "expected 2D or 3D input (got 4D input)\nexpected 4D input (got 2D input)\n"
        "Expected more than 1 value per channel when training, got input size "
        "torch.Size([1, 2])\n"
        "batch_norm: running_mean should contain 3 elements, one for each channel of the input, "
        "found shape [2]\n"
        "expected at least 2D input (got 1D input)\n"
        "LayerNorm: expected normalized_shape, a size or a list of sizes, found a nil\n"
        "layer_norm: normalized_shape is [3], which must be the last sizes of the input, found an "
        "input of size [2, 4]\n"
        "dropout probability has to be between 0 and 1, but got 2\n"
        "GELU: option 'approximate' is 'erf', expected 'none' or 'tanh'\n"
        "ELU: alpha is a string, expected a number\n"
        "BCELoss: unknown option 'pos_weight'; its options are weight, reduction\n"
        "attempt to call a nil value\n"
        "nll_loss: option 'weight' is a number, expected a tensor\n"
        "convert_sync_batchnorm: expected a module, found a number\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_norm");
    TCase *layers = tcase_create("layers");

    tcase_add_test(layers, test_layers_print_as_in_torch);
    tcase_add_test(layers, test_the_state_of_a_batch_norm_is_torchs);
    tcase_add_test(layers, test_a_batch_norm_has_what_its_options_say);
    tcase_add_test(layers, test_without_momentum_all_batches_count_alike);
    tcase_add_test(layers, test_evaluation_uses_the_running_values);
    tcase_add_test(layers, test_a_state_of_batch_norms_carries_over);
    tcase_add_test(layers, test_conversion_shares_what_the_layer_had);
    tcase_add_test(layers, test_sync_batch_norm_alone_is_a_batch_norm);
    tcase_add_test(layers, test_a_chain_equals_its_links);
    tcase_add_test(layers, test_dropout_draws_only_in_training);
    tcase_add_test(layers, test_functions_do_what_layers_do);
    tcase_add_test(layers, test_losses_take_their_options);
    tcase_add_test(layers, test_what_is_wrong_is_named);
    suite_add_tcase(suite, layers);
    return ddp_test_main(suite);
}
