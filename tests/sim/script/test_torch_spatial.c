/* SPDX-License-Identifier: MIT */
#include "sim/script/tensor.h"

#include <lauxlib.h>
#include <string.h>

#include "sim/script/script_rank.h"
#include "tests/model/core/recorded.h"
#include "tests/sim/script/torch_lesson.h"

/*
 * Convolutions, pools, embedding, attention and containers as a scenario writes them: the first
 * weights bit for bit, the module of attention in each of its ways, whole runs, and how modules
 * print. What the operations compute is tested in tests/model/core/test_spatial.c.
 */

/* ---- initial weights ----------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *make;
} layers[] = {
    {"conv2d", "nn.Conv2d(1, 8, 3)"},
    {"conv2d_groups", "nn.Conv2d(4, 6, { 3, 5 }, { groups = 2 })"},
    {"conv2d_nobias", "nn.Conv2d(3, 4, 2, { bias = false })"},
    {"conv1d", "nn.Conv1d(3, 4, 5)"},
    {"embedding", "nn.Embedding(10, 3)"},
    {"embedding_few", "nn.Embedding(3, 4)"},
    {"embedding_padding", "nn.Embedding(9, 5, { padding_idx = -2 })"},
    {"attention", "nn.MultiheadAttention(8, 2)"},
    {"attention_nobias", "nn.MultiheadAttention(6, 3, { bias = false })"},
    {"attention_kdim", "nn.MultiheadAttention(4, 2, { kdim = 3, vdim = 5 })"},
    {"attention_bias_kv", "nn.MultiheadAttention(4, 2, { add_bias_kv = true })"},
};

/* The global table `results` holds tensors under the names of recorded ones. */
static void
compare_results(lua_State *L, const Recorded *recorded, const char *prefix, double relative,
                double absolute)
{
    int compared = 0;

    lua_getglobal(L, "results");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        g_autofree char *name = g_strdup_printf("%s.%s", prefix, lua_tostring(L, -2));

        if (relative > 0.0)
            assert_recorded_close(recorded, name, ddp_lua_check_tensor(L, -1), relative, absolute);
        else
            assert_recorded_bits(recorded, name, ddp_lua_check_tensor(L, -1));
        lua_pop(L, 1);
        compared++;
    }
    lua_pop(L, 1);
    ck_assert_int_gt(compared, 1);
}

static void
run_and_compare(const char *text, const char *file, const char *prefix, double relative,
                double absolute)
{
    Recorded *recorded = recorded_load(file);
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    torch_lesson_open(&lesson, NULL, NULL);
    torch_lesson_run(&lesson, text, &error);
    ck_assert_no_error(error);
    compare_results(lesson.L, recorded, prefix, relative, absolute);
    torch_lesson_close(&lesson);
    recorded_free(recorded);
}

/* And the generator stands where torch's stood: nothing was drawn beside. */
START_TEST(test_first_weights_are_torchs_bit_for_bit)
{
    g_autofree char *prefix = g_strdup_printf("initial.%s", layers[_i].name);
    g_autofree char *text = g_strdup_printf("torch.manual_seed(0) local layer = %s results = {}\n"
                                            "for name, value in pairs(layer:state_dict()) do\n"
                                            "  results[name] = value end\n"
                                            "results.next = torch.rand(1)\n",
                                            layers[_i].make);

    run_and_compare(text, "torch_spatial.txt", prefix, 0.0, 0.0);
}
END_TEST

/* ---- attention ----------------------------------------------------------------------- */

#define MASKS                                                                                      \
    "local padding = tensor{ { 0, 0, 1 }, { 0, 1, 1 } }:bool()\n"                                  \
    "local future = torch.ones(3, 3):triu(1):bool()\n"

static const struct {
    const char *name;
    const char *options; /* of the module */
    const char *call;
} ways[] = {
    {"self", "batch_first = true", ""},
    {"sequence_first", "", ""},
    {"unweighted", "batch_first = true", "need_weights = false"},
    {"each_head", "batch_first = true", "average_attn_weights = false"},
    {"padded", "batch_first = true", "key_padding_mask = padding"},
    {"padded_unweighted", "batch_first = true", "key_padding_mask = padding, need_weights = false"},
    {"causal", "batch_first = true", "attn_mask = future, is_causal = true, need_weights = false"},
    {"added", "batch_first = true", "attn_mask = torch.full({ 3, 3 }, 0.25):triu(1)"},
    {"bias_kv", "batch_first = true, add_bias_kv = true", ""},
    {"zero_attn", "batch_first = true, add_zero_attn = true", ""},
    {"nobias", "batch_first = true, bias = false", ""},
};

#define GATHER                                                                                     \
    "local squares = out * out squares:sum():backward()\n"                                         \
    "results = { out = out, weights = weights }\n"                                                 \
    "for name, p in layer:named_parameters() do results['grad.' .. name] = p.grad end\n"

START_TEST(test_attention_is_torchs_in_each_of_its_ways)
{
    g_autofree char *prefix = g_strdup_printf("mha.%s", ways[_i].name);
    g_autofree char *text =
        g_strdup_printf(MASKS "torch.manual_seed(0)\n"
                              "local layer = nn.MultiheadAttention(4, 2, { %s })\n"
                              "local x = torch.randn(2, 3, 4)\n"
                              "local out, weights = layer(x, x, x, { %s })\n" GATHER,
                        ways[_i].options, ways[_i].call);

    run_and_compare(text, "torch_spatial.txt", prefix, 1e-5, 2e-6);
}
END_TEST

START_TEST(test_attention_over_another_sequence_is_torchs)
{
    run_and_compare(
        "torch.manual_seed(0)\n"
        "local layer = nn.MultiheadAttention(4, 2, { kdim = 3, vdim = 5, batch_first = true })\n"
        "local q, k, v = torch.randn(2, 3, 4), torch.randn(2, 5, 3), torch.randn(2, 5, 5)\n"
        "local out, weights = layer(q, k, v)\n" GATHER,
        "torch_spatial.txt", "mha.kdim", 1e-5, 2e-6);
}
END_TEST

/* However values are told apart, the numbers are the same. */
START_TEST(test_attention_does_not_depend_on_how_values_are_shared)
{
    torch_lesson_prints(
        "torch.manual_seed(3) local layer = nn.MultiheadAttention(4, 2, { batch_first = true })\n"
        "local x = torch.randn(2, 3, 4)\n"
        "local a, w = layer(x, x, x) local y = x:clone()\n"
        "print(layer(x, y, y):allclose(a), layer(x, y, x:clone()):allclose(a))\n"
        "print(layer(x[0], x[0], x[0]):allclose(a[0]), w.shape, (layer(x[0], y[0], y[0])).shape)\n"
        "local b, none = layer(x, x, x, { need_weights = false }) print(b:allclose(a, { atol = "
        "1e-6 }), none)\n"
        "local cross, cw = layer(x, torch.ones(2, 5, 4), torch.ones(2, 5, 4))\n"
        "print(cross.shape, cw.shape)\n",
        "true\ttrue\n"
        "true\ttorch.Size([2, 3, 3])\ttorch.Size([3, 4])\n"
        "true\tnil\n"
        "torch.Size([2, 3, 4])\ttorch.Size([2, 3, 5])\n");
}
END_TEST

START_TEST(test_dropout_of_attention_belongs_to_training)
{
    torch_lesson_prints(
        "local layer = nn.MultiheadAttention(4, 2, { batch_first = true, dropout = 0.5 })\n"
        "local x = torch.randn(1, 6, 4) layer:eval()\n"
        "local a = layer(x, x, x) print(a:equal((layer(x, x, x))))\n"
        "layer:train() local b, w = layer(x, x, x) print(a:equal(b), w:eq(0):any():item())\n"
        "local d = layer(x, x, x, { need_weights = false }) print(a:allclose(d))\n",
        "true\n"
        "false\ttrue\n"
        "false\n");
}
END_TEST

/* ---- whole runs ---------------------------------------------------------------------- */

#define TRAIN                                                                                      \
    "local function train(model, x, y, lr)\n"                                                      \
    "  local optimizer = optim.SGD(model:parameters(), { lr = lr, momentum = 0.9 })\n"             \
    "  local all = {}\n"                                                                           \
    "  for step = 0, 19 do\n"                                                                      \
    "    local rows, classes = x:narrow(0, 32 * step, 32), y:narrow(0, 32 * step, 32)\n"           \
    "    local loss = F.cross_entropy(model(rows), classes)\n"                                     \
    "    optimizer:zero_grad() loss:backward() optimizer:step()\n"                                 \
    "    all[step + 1] = loss:detach()\n"                                                          \
    "  end\n"                                                                                      \
    "  results = { losses = torch.stack(all) }\n"                                                  \
    "end\n"

static void
run_has_losses(const char *text, const char *name)
{
    Recorded *recorded = recorded_load("torch_spatial_training.txt");
    TorchLesson lesson;
    g_autoptr(GError) error = NULL;

    torch_lesson_open(&lesson, NULL, NULL);
    torch_lesson_run(&lesson, text, &error);
    ck_assert_no_error(error);
    lua_getglobal(lesson.L, "results");
    lua_getfield(lesson.L, -1, "losses");
    assert_recorded_close(recorded, name, ddp_lua_check_tensor(lesson.L, -1), 1e-5, 0.0);
    torch_lesson_close(&lesson);
    recorded_free(recorded);
}

START_TEST(test_a_conv_net_has_torchs_losses)
{
    run_has_losses(TRAIN "torch.manual_seed(77)\n"
                         "local x, y = torch.randn(640, 1, 12, 12), torch.randint(0, 10, { 640 })\n"
                         "local model = nn.Sequential(\n"
                         "  nn.Conv2d(1, 8, 3, { padding = 1 }), nn.ReLU(), nn.MaxPool2d(2),\n"
                         "  nn.Conv2d(8, 16, 3, { padding = 1 }), nn.ReLU(), nn.MaxPool2d(2),\n"
                         "  nn.Flatten(), nn.Linear(16 * 3 * 3, 10))\n"
                         "train(model, x, y, 0.05)\n",
                   "conv.losses");
}
END_TEST

START_TEST(test_a_classifier_with_attention_has_torchs_losses)
{
    run_has_losses(TRAIN
                   "torch.manual_seed(78)\n"
                   "local x, y = torch.randint(0, 50, { 640, 12 }), torch.randint(0, 5, { 640 })\n"
                   "local Classifier = nn.Module:extend('Classifier')\n"
                   "function Classifier:init()\n"
                   "  self.embedding = nn.Embedding(50, 16, { padding_idx = 0 })\n"
                   "  self.attention = nn.MultiheadAttention(16, 4, { batch_first = true })\n"
                   "  self.head = nn.Linear(16, 5)\n"
                   "end\n"
                   "function Classifier:forward(tokens)\n"
                   "  local x = self.embedding(tokens)\n"
                   "  x = x + self.attention(x, x, x, { need_weights = false })\n"
                   "  return self.head(x:mean(1))\n"
                   "end\n"
                   "train(Classifier(), x, y, 0.1)\n",
                   "attention.losses");
}
END_TEST

/* ---- layers -------------------------------------------------------------------------- */

START_TEST(test_layers_in_a_chain_equal_the_functions)
{
    torch_lesson_prints(
        "local conv = nn.Conv2d(2, 4, 3, { stride = 2, padding = 1 })\n"
        "local x = torch.randn(3, 2, 9, 9)\n"
        "local chain = nn.Sequential(conv, nn.MaxPool2d(2), nn.Identity(), nn.AvgPool2d(2),\n"
        "  nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Unflatten(1, { 2, 2 }))\n"
        "local y = F.conv2d(x, conv.weight, conv.bias, { stride = 2, padding = 1 })\n"
        "print(y.shape, conv(x):equal(y))\n"
        "y = F.avg_pool2d(F.max_pool2d(y, 2), { 2, 2 })\n"
        "y = F.adaptive_avg_pool2d(y, { 1, 1 }):flatten(1)\n"
        "print(chain(x):equal(y:reshape(3, 2, 2)))\n"
        "local one = nn.Conv1d(2, 3, 3, { padding = 'same', dilation = 2 })\n"
        "print(one(torch.ones(1, 2, 7)).shape)\n"
        "print(nn.Conv2d(1, 1, 3, 2, 1)(torch.ones(1, 1, 8, 8)).shape)\n"
        "print(F.max_pool2d(torch.ones(1, 5, 5), 3, 1).shape)\n"
        "print(F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)):sum())\n",
        "torch.Size([3, 4, 5, 5])\ttrue\n"
        "true\n"
        "torch.Size([1, 3, 7])\n"
        "torch.Size([1, 1, 4, 4])\n"
        "torch.Size([1, 3, 3])\n"
        "tensor(16.)\n");
}
END_TEST

START_TEST(test_an_embedding_looks_up_rows)
{
    torch_lesson_prints(
        "local e = nn.Embedding(5, 2, { padding_idx = 1 }) local x = tensor{ { 1, 3 }, { 1, 0 } }\n"
        "print(e.weight[1], e.padding_idx, e(x).shape, e(x)[0][1]:equal(e.weight[3]))\n"
        "e(x):sum():backward() print(e.weight.grad)\n"
        "local f = nn.Embedding.from_pretrained(torch.ones(3, 2))\n"
        "print(f, f.weight.requires_grad, f(tensor{ 2 }))\n"
        "print(nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 2))(tensor{ 1, 2 }).shape)\n"
        "print(F.embedding(tensor{ 1 }, tensor{ { 1.0 }, { 2.0 } }))\n",
        "tensor([0., 0.], grad_fn=<SelectBackward0>)\t1\ttorch.Size([2, 2, 2])\ttrue\n"
        "tensor([[1., 1.],\n        [0., 0.],\n        [0., 0.],\n        [1., 1.],\n"
        "        [0., 0.]])\n"
        "Embedding(3, 2)\tfalse\ttensor([[1., 1.]])\n"
        "torch.Size([2, 2])\n"
        "tensor([[2.]])\n");
}
END_TEST

START_TEST(test_layers_print_as_in_torch)
{
    torch_lesson_prints(
        "print(nn.Conv2d(1, 2, 3)) print(nn.Conv2d(4, 8, { 3, 5 }, { stride = 2, padding = "
        "{ 1, 2 }, dilation = 2, groups = 2, bias = false }))\n"
        "print(nn.Conv1d(1, 2, 3, { padding = 1 })) print(nn.Conv2d(1, 2, 3, { padding = 'same' "
        "}))\n"
        "print(nn.MaxPool2d(2)) print(nn.MaxPool2d({ 3, 2 }, { stride = { 2, 1 }, padding = "
        "{ 0, 1 }, ceil_mode = true }))\n"
        "print(nn.AvgPool2d(2), nn.AvgPool2d(3, { stride = 2, padding = 1 }))\n"
        "print(nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d{ 5, 7 }, "
        "nn.AdaptiveAvgPool2d{ false, 7 })\n"
        "print(nn.Embedding(10, 3), nn.Embedding(10, 3, { padding_idx = -1 }))\n"
        "print(nn.Unflatten(1, { 2, 5 }), nn.Identity(54))\n"
        "print(nn.MultiheadAttention(4, 2))\n",
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))\n"
        "Conv2d(4, 8, kernel_size=(3, 5), stride=(2, 2), padding=(1, 2), dilation=(2, 2), "
        "groups=2, bias=False)\n"
        "Conv1d(1, 2, kernel_size=(3,), stride=(1,), padding=(1,))\n"
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=same)\n"
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n"
        "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=(0, 1), dilation=1, "
        "ceil_mode=True)\n"
        "AvgPool2d(kernel_size=2, stride=2, padding=0)\tAvgPool2d(kernel_size=3, stride=2, "
        "padding=1)\n"
        "AdaptiveAvgPool2d(output_size=1)\tAdaptiveAvgPool2d(output_size=(5, 7))\t"
        "AdaptiveAvgPool2d(output_size=(None, 7))\n"
        "Embedding(10, 3)\tEmbedding(10, 3, padding_idx=9)\n"
        "Unflatten(dim=1, unflattened_size=(2, 5))\tIdentity()\n"
        "MultiheadAttention(\n"
        "  (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=True)\n"
        ")\n");
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} refused[] = {
    {"nn.Conv2d(3, 4, 3, { groups = 2 })", "Conv2d: in_channels must be divisible by groups"},
    {"nn.Conv2d(4, 3, 3, { groups = 2 })", "Conv2d: out_channels must be divisible by groups"},
    {"nn.Conv2d(4, 4, 3, { groups = 0 })", "Conv2d: groups must be a positive integer"},
    {"nn.Conv2d(4, 4, 3, { padding = 'samee' })",
     "Conv2d: Invalid padding string 'samee', should be one of 'same', 'valid'"},
    {"nn.Conv2d(4, 4, 3, { padding = 'same', stride = 2 })",
     "Conv2d: padding='same' is not supported for strided convolutions"},
    {"nn.Conv2d(4, 4, 3, { pading = 1 })",
     "Conv2d: unknown option 'pading', did you mean 'padding'?"},
    {"nn.Conv2d(4, 4)", "Conv2d: 'kernel_size' is a nil, expected a whole number from 1 on"},
    {"nn.Conv2d(4, 4, { 3, 3, 3 })", "Conv2d: 'kernel_size' has 3 entries, expected 2"},
    {"nn.Conv2d(3, 4, 3)(torch.ones(1, 2, 5, 5))",
     "Given groups=1, weight of size [4, 3, 3, 3], expected input[1, 2, 5, 5] to have 3 channels, "
     "but got 2 channels instead"},
    {"F.conv2d(torch.ones(1, 1, 5, 5), torch.ones(1, 1, 2, 2), { stride = 'two' })",
     "conv2d: 'stride' is a string, expected a whole number or a list of them"},
    {"F.max_pool2d(torch.ones(1, 4, 4))", "max_pool2d: expected a kernel_size"},
    {"F.max_pool2d(torch.ones(1, 2, 2), 3)",
     "Given input size: (1x2x2). Calculated output size: (1x0x0). Output size is too small"},
    {"nn.MaxPool2d(2, { stride = 0 })",
     "MaxPool2d: 'stride' is 0, expected a whole number from 1 on"},
    {"nn.Embedding(5, 2)(tensor{ 5 })",
     "index out of range in self: embedding was asked for row 5 of a table of 5"},
    {"nn.Embedding(5, 2, { padding_idx = 5 })",
     "Embedding: Padding_idx must be within num_embeddings, found 5 of 5"},
    {"nn.MultiheadAttention(5, 2)", "MultiheadAttention: embed_dim must be divisible by num_heads"},
    {"local x = torch.ones(2, 3, 4) nn.MultiheadAttention(4, 2)(x, x, x, { is_causal = true })",
     "MultiheadAttention: Need attn_mask if specifying the is_causal hint."},
    {"local x = torch.ones(2, 3, 4) nn.MultiheadAttention(4, 2)(x, x, x, { attn_mask = "
     "torch.ones(3, 2) })",
     "MultiheadAttention: the shape of attn_mask is torch.Size([3, 2]), expected [2, 2]"},
    {"nn.ModuleList{ 1 }", "a number is not a Module subclass"},
    {"local m = nn.ModuleList{ nn.ReLU() } print(m[3])", "index 3 is out of range"},
    {"nn.ModuleDict{ keys = nn.ReLU() }", "ModuleDict: attribute 'keys' already exists"},
    {"nn.ModuleList{ nn.ReLU() }(torch.ones(1))",
     "Module [ModuleList] is missing the required \"forward\" function"},
    {"torch.ones(2, 3):permute(0, 0)", "permute(): duplicate dims are not allowed."},
    {"torch.ones(2, 3):masked_fill(torch.ones(2, 3), 1)",
     "masked_fill expected the condition to be a boolean tensor, but got a tensor with dtype "
     "Float"},
    {"torch.ones(3):tril()", "tril: input tensor must have at least 2 dimensions"},
    {"torch.ones(2, 6):unflatten(1, { 4, -1 })",
     "unflatten: Provided sizes don't multiply up to the size of dim (6) in the input tensor"},
};

START_TEST(test_what_is_wrong_is_named)
{
    g_autofree char *expected = g_strdup_printf("lesson.lua:1: %s\n", refused[_i].message);

    torch_lesson_prints(refused[_i].text, expected);
}
END_TEST

/* ---- containers ---------------------------------------------------------------------- */

START_TEST(test_a_list_of_modules_is_one)
{
    torch_lesson_prints(
        "local list = nn.ModuleList{ nn.Linear(2, 2), nn.Linear(2, 2) }\n"
        "list:append(nn.ReLU()):extend{ nn.Tanh() } list:insert(2, nn.Sigmoid())\n"
        "print(list, #list) print(list[-1], list[2]) print(list:pop(), #list)\n"
        "list[1] = nn.Tanh() print(list[1], #list:parameters())\n"
        "for module, i in list:iter() do print(i, module) end\n"
        "local Net = nn.Module:extend('Net') function Net:init() self.layers = list end\n"
        "for name in Net():named_parameters() do print(name) end\n"
        "print(nn.ModuleList(), #nn.ModuleList(list))\n",
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "  (2): Sigmoid()\n"
        "  (3): ReLU()\n"
        "  (4): Tanh()\n"
        ")\t5\n"
        "Tanh()\tSigmoid()\n"
        "Tanh()\t4\n"
        "Tanh()\t2\n"
        "0\tLinear(in_features=2, out_features=2, bias=True)\n"
        "1\tTanh()\n"
        "2\tSigmoid()\n"
        "3\tReLU()\n"
        "layers.0.weight\nlayers.0.bias\n"
        "ModuleList()\t4\n");
}
END_TEST

START_TEST(test_a_dictionary_of_modules_keeps_an_order)
{
    torch_lesson_prints(
        "local d = nn.ModuleDict{ { 'zebra', nn.ReLU() }, { 'apple', nn.Linear(1, 1) } }\n"
        "print(d, #d) d:update{ c = nn.Tanh(), b = nn.Sigmoid() }\n"
        "print(table.concat(d:keys(), ' '), d.zebra, d['b'])\n"
        "print(d:pop('zebra'), #d) for name, m in d:items() do print(name, m) end\n"
        "d:clear() print(d, #d:values())\n",
        "ModuleDict(\n"
        "  (zebra): ReLU()\n"
        "  (apple): Linear(in_features=1, out_features=1, bias=True)\n"
        ")\t2\n"
        "zebra apple b c\tReLU()\tSigmoid()\n"
        "ReLU()\t3\n"
        "apple\tLinear(in_features=1, out_features=1, bias=True)\n"
        "b\tSigmoid()\n"
        "c\tTanh()\n"
        "ModuleDict()\t0\n");
}
END_TEST

START_TEST(test_lists_of_parameters_are_trained)
{
    torch_lesson_prints(
        "local list = nn.ParameterList{ torch.zeros(2), torch.zeros(2, 3) }\n"
        "print(list, #list:parameters(), list[1].requires_grad)\n"
        "local d = nn.ParameterDict{ { 'a', torch.zeros(2) } } print(d, d.a.requires_grad)\n"
        "print(nn.ParameterList())\n",
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2]\n"
        "    (1): Parameter containing: [torch.float32 of size 2x3]\n"
        ")\t2\ttrue\n"
        "ParameterDict(  (a): Parameter containing: [torch.FloatTensor of size 2])\ttrue\n"
        "ParameterList()\n");
}
END_TEST

START_TEST(test_a_class_of_ones_own_may_be_a_list)
{
    torch_lesson_prints(
        "local Stack = nn.ModuleList:extend('Stack')\n"
        "function Stack:init(n) Stack.super.init(self)\n"
        "  for i = 1, n do self:append(nn.Linear(2, 2)) end end\n"
        "function Stack:forward(x) for layer in self:iter() do x = layer(x) end return x end\n"
        "local s = Stack(3) print(#s, s(torch.ones(1, 2)).shape, #s:parameters())\n",
        "3\ttorch.Size([1, 2])\t6\n");
}
END_TEST

/* ---- methods of tensors -------------------------------------------------------------- */

START_TEST(test_elements_are_chosen_and_dimensions_turned)
{
    torch_lesson_prints(
        "local x = torch.arange(6):reshape(2, 3)\n"
        "print(x:permute(1, 0), x:tril(), torch.triu(x, 1))\n"
        "print(torch.where(x:gt(2), x, -1), x:where(x:lt(2), 0.5).dtype)\n"
        "print(x:masked_fill(x:eq(4), 9), torch.where(tensor{ true, false }, 1, 2.5))\n"
        "local y = x:float() y:masked_fill_(y:gt(3), -1) print(y)\n"
        "local a, b = table.unpack(x:chunk(2, 1)) print(a, b, #x:split(1))\n"
        "print(x:view(3, 2).shape, x:unflatten(1, { 3, 1 }).shape, x:contiguous():equal(x))\n"
        "print(torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape)\n",
        "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])\t"
        "tensor([[0, 0, 0],\n        [3, 4, 0]])\t"
        "tensor([[0, 1, 2],\n        [0, 0, 5]])\n"
        "tensor([[-1, -1, -1],\n        [ 3,  4,  5]])\ttorch.float32\n"
        "tensor([[0, 1, 2],\n        [3, 9, 5]])\ttensor([1.0000, 2.5000])\n"
        "tensor([[ 0.,  1.,  2.],\n        [ 3., -1., -1.]])\n"
        "tensor([[0, 1],\n        [3, 4]])\ttensor([[2],\n        [5]])\t2\n"
        "torch.Size([3, 2])\ttorch.Size([2, 3, 1])\ttrue\n"
        "torch.Size([2, 1, 1])\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_spatial");
    TCase *spatial = tcase_create("spatial");

    tcase_add_loop_test(spatial, test_first_weights_are_torchs_bit_for_bit, 0,
                        (int)G_N_ELEMENTS(layers));
    tcase_add_loop_test(spatial, test_attention_is_torchs_in_each_of_its_ways, 0,
                        (int)G_N_ELEMENTS(ways));
    tcase_add_test(spatial, test_attention_over_another_sequence_is_torchs);
    tcase_add_test(spatial, test_attention_does_not_depend_on_how_values_are_shared);
    tcase_add_test(spatial, test_dropout_of_attention_belongs_to_training);
    tcase_add_test(spatial, test_a_conv_net_has_torchs_losses);
    tcase_add_test(spatial, test_a_classifier_with_attention_has_torchs_losses);
    tcase_add_test(spatial, test_layers_in_a_chain_equal_the_functions);
    tcase_add_test(spatial, test_an_embedding_looks_up_rows);
    tcase_add_test(spatial, test_layers_print_as_in_torch);
    tcase_add_loop_test(spatial, test_what_is_wrong_is_named, 0, (int)G_N_ELEMENTS(refused));
    tcase_add_test(spatial, test_a_list_of_modules_is_one);
    tcase_add_test(spatial, test_a_dictionary_of_modules_keeps_an_order);
    tcase_add_test(spatial, test_lists_of_parameters_are_trained);
    tcase_add_test(spatial, test_a_class_of_ones_own_may_be_a_list);
    tcase_add_test(spatial, test_elements_are_chosen_and_dimensions_turned);
    suite_add_tcase(suite, spatial);
    return ddp_test_main(suite);
}
