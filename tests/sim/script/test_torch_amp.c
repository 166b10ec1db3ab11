/* SPDX-License-Identifier: MIT */
#include "tests/model/core/recorded.h"
#include "tests/sim/script/torch_lesson.h"

#include <string.h>

#include "sim/audit/report.h"
#include "sim/script/scenario.h"

/*
 * Mixed precision as a scenario writes it. GradScaler's figures are those of torch's with
 * device="cpu"; what autocast computes is tests/model/core/test_amp.c's.
 */

/* ---- autocast ------------------------------------------------------------------------ */

START_TEST(test_autocast_runs_products_in_16_bits_and_losses_in_32)
{
    torch_lesson_prints(
        "local m = nn.Linear(2, 2) local x = torch.randn(3, 2)\n"
        "local y, z, loss = torch.autocast('cuda', function()\n"
        "  local y = m(x) return y, x:matmul(x:t()), F.mse_loss(y, torch.zeros(3, 2)) end)\n"
        "print(y.dtype, z.dtype, loss.dtype, m(x).dtype, torch.is_autocast_enabled())\n"
        "loss:backward() print(m.weight.grad.dtype)\n"
        "torch.autocast('cuda', { dtype = torch.bfloat16 }, function()\n"
        "  print(m(x).dtype, torch.get_autocast_dtype('cuda'), torch.is_autocast_enabled())\n"
        "  print(F.softmax(m(x), 1).dtype, m(x):sum().dtype, m(x):mean().dtype, m(x):exp().dtype)\n"
        "  torch.autocast('cuda', { enabled = false }, function() print(m(x).dtype) end)\n"
        "  print(m(x).dtype, torch.ones(2, 2, { dtype = torch.float64 }):matmul(torch.ones(2, 2,"
        " { dtype = torch.float64 })).dtype) end)\n"
        "print(torch.autocast('cpu', {}, function(a) return m(a).dtype end, x))\n"
        "print(torch.amp.autocast({}, function() return m(x).dtype end))\n",
        "torch.float16\ttorch.float16\ttorch.float32\ttorch.float32\tfalse\n"
        "torch.float32\n"
        "torch.bfloat16\ttorch.bfloat16\ttrue\n"
        "torch.float32\ttorch.float32\ttorch.bfloat16\ttorch.float32\n"
        "torch.float32\n"
        "torch.bfloat16\ttorch.float64\n"
        "torch.bfloat16\n"
        "torch.float16\n");
}
END_TEST

START_TEST(test_losses_and_layer_norm_take_halves_in_float32)
{
    torch_lesson_prints(
        "local x = torch.randn(3, 4, { dtype = torch.float16 })\n"
        "local y = torch.rand(3, 4, { dtype = torch.float16 })\n"
        "local t = torch.tensor{ 0, 1, 2 } local norm = nn.LayerNorm(4)\n"
        "local function dtypes() return F.l1_loss(x, y).dtype, F.smooth_l1_loss(x, y).dtype,\n"
        "  F.binary_cross_entropy_with_logits(x, y).dtype, F.cross_entropy(x, t).dtype,\n"
        "  F.nll_loss(F.log_softmax(x, 1), t).dtype end\n"
        "print(dtypes()) print(torch.autocast('cuda', {}, dtypes))\n"
        "print(torch.autocast('cuda', {}, function() return norm(x).dtype, (x ^ 2).dtype end))\n"
        "torch.autocast('cuda', {}, function() F.binary_cross_entropy(y, y) end)\n",
        "torch.float16\ttorch.float16\ttorch.float16\ttorch.float16\ttorch.float16\n"
        "torch.float32\ttorch.float32\ttorch.float32\ttorch.float32\ttorch.float32\n"
        "torch.float32\ttorch.float32\n"
        "lesson.lua:9: binary_cross_entropy is unsafe under autocast: probabilities lose too much "
        "in 16 bits; give binary_cross_entropy_with_logits what sigmoid would get\n");
}
END_TEST

START_TEST(test_autocast_ends_with_an_error_too)
{
    torch_lesson_prints("print(pcall(torch.autocast, 'cuda', {}, function() error('no', 0) end))\n"
                        "print(torch.is_autocast_enabled())\n",
                        "false\tno\nfalse\n");
}
END_TEST

START_TEST(test_wrong_calls_of_autocast_are_refused)
{
    torch_lesson_prints("torch.autocast('tpu', {}, print)",
                        "lesson.lua:1: autocast: the device type is 'tpu', expected 'cuda' or "
                        "'cpu'\n");
    torch_lesson_prints("torch.autocast('cuda', { dtype = torch.float64 }, print)",
                        "lesson.lua:1: autocast: the dtype is torch.float64, expected "
                        "torch.float16 or torch.bfloat16\n");
    torch_lesson_prints("torch.autocast('cuda', { dtipe = torch.float16 }, print)",
                        "lesson.lua:1: autocast: unknown option 'dtipe', did you mean 'dtype'?\n");
    torch_lesson_prints("torch.autocast('cuda', {})",
                        "lesson.lua:1: autocast: expected a function to run under it, found a no "
                        "value; write torch.autocast(\"cuda\", { dtype = torch.float16 }, f)\n");
}
END_TEST

/* ---- modes --------------------------------------------------------------------------- */

START_TEST(test_gradient_modes_nest_and_come_back)
{
    torch_lesson_prints(
        "local p = nn.Parameter(torch.ones(1))\n"
        "print(torch.no_grad(function() return (p * 2).requires_grad, "
        "torch.enable_grad(function() return (p * 2).requires_grad end) end))\n"
        "print(torch.inference_mode(function(x) return (p * x).requires_grad end, 3))\n"
        "print((p * 2).requires_grad, (p * 2):detach().requires_grad)\n"
        "local t = torch.ones(1) print(t:requires_grad_() == t, t.requires_grad)\n"
        "print(t:requires_grad_(false).requires_grad)\n",
        "false\ttrue\nfalse\ntrue\tfalse\ntrue\ttrue\nfalse\n");
}
END_TEST

/* ---- true 16 bits -------------------------------------------------------------------- */

START_TEST(test_a_module_changes_its_dtype_under_its_optimizer)
{
    torch_lesson_prints(
        "local m = nn.Linear(2, 1) m:register_buffer('seen', torch.ones(1))\n"
        "m:register_buffer('count', torch.tensor(3))\n"
        "local w = m.weight local o = optim.SGD(m:parameters(), { lr = 0.5 })\n"
        "print(m:half() == m, w.dtype, m.weight == w, m.seen.dtype, m.count.dtype)\n"
        "m(torch.ones(1, 2, { dtype = torch.float16 })):sum():backward()\n"
        "print(w.grad.dtype) o:step() print(o.param_groups[1].params[1].dtype)\n"
        "print(m:bfloat16().weight.dtype, m:double().weight.dtype, w.grad.dtype)\n"
        "print(m:float().weight.dtype, m:to(torch.float16).weight.dtype)\n"
        "m:to(torch.int64)\n",
        "true\ttorch.float16\ttrue\ttorch.float16\ttorch.int64\n"
        "torch.float16\ntorch.float16\n"
        "torch.bfloat16\ttorch.float64\ttorch.float64\n"
        "torch.float32\ttorch.float16\n"
        "lesson.lua:9: to: a module takes floating point dtypes, found torch.int64\n");
}
END_TEST

START_TEST(test_the_rounding_of_16_bits_is_real)
{
    /* 2049 lies between two halves. */
    torch_lesson_prints(
        "local m = nn.Linear(1, 1, { bias = false })\n"
        "torch.no_grad(function() m.weight:fill_(2049) end)\n"
        "print(torch.autocast('cuda', {}, function() return m(torch.ones(1, 1)):item() end))\n"
        "print(torch.autocast('cuda', {}, function() return m(torch.full({ 1, 1 }, 64.0)):item() "
        "end))\n"
        "print(m:half().weight:item())\n",
        "2048.0\ninf\n2048.0\n");
}
END_TEST

/* ---- GradScaler ---------------------------------------------------------------------- */

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("optim_scaler.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ddp_model_context_free(context);
    recorded_free(recorded);
}

/* The recorded tensor as a Lua list. */
static char *
list_of(const char *name)
{
    g_autoptr(DdpTensor) tensor = recorded_tensor(recorded, context, name);
    GString *text = g_string_new("{");

    for (size_t i = 0; i < ddp_tensor_numel(tensor); i++) {
        double value = ddp_tensor_item_f64(tensor, i);

        if (value != value)
            g_string_append(text, "0/0,");
        else if (value - value != 0.0)
            g_string_append(text, "1/0,");
        else
            g_string_append_printf(text, "%.17g,", value);
    }
    g_string_append(text, "}");
    return g_string_free(text, FALSE);
}

/* { { factor0 }, { factor1 }, … } */
static char *
factors(void)
{
    GString *text = g_string_new("{");

    for (int step = 0; step < 14; step++) {
        g_autofree char *name = g_strdup_printf("factor%d", step);
        g_autofree char *list = list_of(name);

        g_string_append_printf(text, "%s,", list);
    }
    g_string_append(text, "}");
    return g_string_free(text, FALSE);
}

START_TEST(test_a_scaler_does_what_torchs_does)
{
    g_autofree char *start = list_of("start");
    g_autofree char *all = factors();
    g_autofree char *scales = list_of("scales");
    g_autofree char *trackers = list_of("trackers");
    GString *text = g_string_new(NULL);

    g_string_append_printf(
        text,
        "local p = nn.Parameter(tensor(%s)) local F, S, T = %s, %s, %s\n"
        "local o = optim.SGD({ p }, { lr = 0.1 })\n"
        "local s = torch.amp.GradScaler('cuda', { init_scale = 1024.0, growth_interval = 3 })\n"
        "local G, W = {}, {}\n",
        start, all, scales, trackers);
    for (int step = 0; step < 14; step++) {
        g_autofree char *grad = g_strdup_printf("grad%d", step);
        g_autofree char *weights = g_strdup_printf("step%d", step);
        g_autofree char *weight_list = list_of(weights);

        if (recorded_has(recorded, grad)) {
            g_autofree char *grad_list = list_of(grad);

            g_string_append_printf(text, "G[%d] = %s\n", step + 1, grad_list);
        }
        g_string_append_printf(text, "W[%d] = %s\n", step + 1, weight_list);
    }
    g_string_append(text,
                    "local function same(a, b) for i = 1, 5 do local x, y = a[i], b[i]\n"
                    "  assert(x == y or (x ~= x and y ~= y), x .. ' is not ' .. y) end end\n"
                    "for step = 1, 14 do o:zero_grad()\n"
                    "  s:scale((p * tensor(F[step])):sum()):backward()\n"
                    "  if step % 2 == 1 then s:unscale_(o) same(p.grad:tolist(), G[step]) end\n"
                    "  s:step(o) s:update() same(p.data:tolist(), W[step])\n"
                    "  assert(s:get_scale() == S[step] and s:_get_growth_tracker() == T[step])\n"
                    "end print('same')\n");
    torch_lesson_prints(text->str, "same\n");
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_growth_stops_below_infinity_and_rounds_to_float32)
{
    g_autofree char *ceiling = list_of("ceiling");
    g_autofree char *odd = list_of("odd");
    g_autofree char *text = g_strdup_printf(
        "local function play(options, expected)\n"
        "  local p = nn.Parameter(torch.ones(1)) local o = optim.SGD({ p }, { lr = 0.1 })\n"
        "  local s = torch.cuda.amp.GradScaler(options)\n"
        "  for step, scale in ipairs(expected) do\n"
        "    p.grad = torch.full({ 1 }, expected.inf and step %% 4 == 0 and math.huge or 1.0)\n"
        "    s:scale(torch.ones(1)) s:step(o) s:update()\n"
        "    assert(s:get_scale() == scale, s:get_scale() .. ' is not ' .. scale)\n"
        "  end\n"
        "end\n"
        "play({ init_scale = 2.0 ^ 126, growth_interval = 1 }, %s)\n"
        "local odd = %s odd.inf = true\n"
        "play({ init_scale = 3.0, growth_factor = 1.1, backoff_factor = 0.3,\n"
        "       growth_interval = 2 }, odd) print('same')\n",
        ceiling, odd);

    torch_lesson_prints(text, "same\n");
}
END_TEST

#define SCALER                                                                                     \
    "local p = nn.Parameter(torch.ones(1)) local o = optim.SGD({ p }, { lr = 1 })\n"               \
    "local s = torch.amp.GradScaler('cuda', { init_scale = 4 })\n"                                 \
    "local function go(x) p.grad = torch.full({ 1 }, x) s:scale(torch.ones(1)) end\n"

START_TEST(test_calls_out_of_order_are_errors)
{
    torch_lesson_prints(SCALER "s:step(o)",
                        "lesson.lua:4: AssertionError: Attempted step but _scale is None. This "
                        "may indicate your script did not use scaler:scale(loss) earlier in the "
                        "iteration.\n");
    torch_lesson_prints(SCALER "go(1.0) s:unscale_(o) s:unscale_(o)",
                        "lesson.lua:4: RuntimeError: unscale_() has already been called on this "
                        "optimizer since the last update().\n");
    torch_lesson_prints(SCALER "go(1.0) s:step(o) s:unscale_(o)",
                        "lesson.lua:4: RuntimeError: unscale_() is being called after step().\n");
    torch_lesson_prints(SCALER "go(1.0) s:step(o) s:step(o)",
                        "lesson.lua:4: RuntimeError: step() has already been called since the "
                        "last update().\n");
    torch_lesson_prints(SCALER "go(1.0) s:update()",
                        "lesson.lua:4: AssertionError: No inf checks were recorded prior to "
                        "update.\n");
    torch_lesson_prints(SCALER "go(1.0) p.grad = nil s:step(o)",
                        "lesson.lua:4: AssertionError: No inf checks were recorded for this "
                        "optimizer.\n");
    torch_lesson_prints("local p = nn.Parameter(torch.ones(1, { dtype = torch.float16 }))\n"
                        "p.grad = torch.ones(1, { dtype = torch.float16 })\n"
                        "local s = torch.amp.GradScaler() s:scale(torch.ones(1))\n"
                        "s:unscale_(optim.SGD({ p }))",
                        "lesson.lua:4: Attempting to unscale FP16 gradients.\n");
    torch_lesson_prints("torch.amp.GradScaler('cuda', { growth_factor = 1 })",
                        "lesson.lua:1: AssertionError: The growth factor must be > 1.0.\n");
}
END_TEST

START_TEST(test_a_scaler_resumes_from_its_state)
{
    torch_lesson_prints(
        SCALER "go(1.0) s:step(o) s:update()\n"
               "local t = torch.amp.GradScaler() t:load_state_dict(s:state_dict())\n"
               "local d = t:state_dict()\n"
               "print(d.scale, d.growth_factor, d.backoff_factor, d.growth_interval, "
               "d._growth_tracker)\n"
               "p.grad = torch.full({ 1 }, math.huge) t:scale(torch.ones(1)) t:step(o) t:update()\n"
               "print(t:get_scale(), p.data, s:get_scale())\n",
        "4.0\t2.0\t0.5\t2000\t1\n2.0\ttensor([0.7500])\t4.0\n");
}
END_TEST

START_TEST(test_a_scaler_that_is_off_stands_aside)
{
    torch_lesson_prints("local p = nn.Parameter(torch.ones(1)) p.grad = torch.ones(1)\n"
                        "local o = optim.SGD({ p }, { lr = 0.5 })\n"
                        "local s = torch.amp.GradScaler('cuda', { enabled = false })\n"
                        "print(s:scale(3), s:get_scale(), next(s:state_dict()), s:is_enabled())\n"
                        "s:unscale_(o) s:step(o) s:update() print(p.data)\n",
                        "3\t1.0\tnil\tfalse\ntensor([0.5000])\n");
}
END_TEST

/* ---- ranks --------------------------------------------------------------------------- */

static const char *const engines[] = {"fibers", "threads", "processes"};

static char *folder;

static void
set_up_folder(void)
{
    folder = ddp_test_tmp_dir();
}

static void
remove_folder(void)
{
    ddp_test_remove_tree(folder);
    g_free(folder);
}

/*
 * An infinity on rank 1 alone is in the reduced gradients of both, so both skip the step and
 * halve their scales; without a wrapper only rank 1 does.
 */
START_TEST(test_ranks_skip_a_step_together_because_gradients_are_reduced)
{
    const char *text =
        "return { world = { size = 2 }, variants = { { name = 'v', main = function()\n"
        "  local function play(wrap)\n"
        "    torch.manual_seed(1) local net = nn.Linear(3, 1)\n"
        "    local model = wrap and DistributedDataParallel(net) or net\n"
        "    local o = optim.Adam(net:parameters(), { lr = 0.1 })\n"
        "    local s = torch.amp.GradScaler('cuda', { init_scale = 1024.0 })\n"
        "    local before, skipped = net.weight.data:clone(), {}\n"
        "    for step = 1, 4 do\n"
        "      local big = step == 2 and dist.get_rank() == 1\n"
        "      o:zero_grad()\n"
        "      local loss = torch.autocast('cuda', { dtype = torch.float16 }, function()\n"
        "        return model(torch.full({ 2, 3 }, big and 60000.0 or 1.0)):mean() end)\n"
        "      s:scale(loss:float()):backward() s:step(o) s:update()\n"
        "      skipped[step] = net.weight.data:equal(before) and 1 or 0\n"
        "      before = net.weight.data:clone()\n"
        "    end\n"
        "    return table.concat(skipped), s:get_scale(), net.weight.data\n"
        "  end\n"
        "  local skipped, scale, weight = play(true)\n"
        "  assert(skipped == '0100', skipped) assert(scale == 512, scale)\n"
        "  local all = dist.all_gather(weight) assert(all[1]:equal(all[2]))\n"
        "  local alone, own_scale = play(false)\n"
        "  assert(alone == (dist.get_rank() == 1 and '0100' or '0000'), alone)\n"
        "  assert(own_scale == (dist.get_rank() == 1 and 512 or 1024), own_scale)\n"
        "end } } }";
    g_autofree char *path = g_build_filename(folder, "amp.lua", NULL);
    DdpRunSpec spec = ddp_run_spec_default();
    g_autofree char *first = NULL;

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    spec.out = folder;
    for (size_t i = 0; i < G_N_ELEMENTS(engines); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DdpScenario) scenario = ddp_scenario_load(path, "amp.lua", &spec.limits, &error);

        ck_assert_no_error(error);
        spec.engine = engines[i];

        g_autoptr(DdpRunRecord) record = ddp_scenario_run(scenario, 0, &spec, &error);

        ck_assert_no_error(error);
        for (int rank = 0; rank < record->size; rank++) {
            const DdpRankRecord *own = record->ranks->pdata[rank];

            ck_assert_msg(own->error == NULL, "%s, rank %d: %s", engines[i], rank, own->error);
        }
        ck_assert_str_eq(record->outcome, "completed");

        g_autofree char *digest = ddp_report_digest(record);

        if (first == NULL)
            first = g_steal_pointer(&digest);
        else
            ck_assert_str_eq(digest, first);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_amp");
    TCase *autocast = tcase_create("autocast");
    TCase *scaler = tcase_create("scaler");
    TCase *ranks = tcase_create("ranks");

    tcase_add_test(autocast, test_autocast_runs_products_in_16_bits_and_losses_in_32);
    tcase_add_test(autocast, test_losses_and_layer_norm_take_halves_in_float32);
    tcase_add_test(autocast, test_autocast_ends_with_an_error_too);
    tcase_add_test(autocast, test_wrong_calls_of_autocast_are_refused);
    tcase_add_test(autocast, test_gradient_modes_nest_and_come_back);
    tcase_add_test(autocast, test_a_module_changes_its_dtype_under_its_optimizer);
    tcase_add_test(autocast, test_the_rounding_of_16_bits_is_real);
    suite_add_tcase(suite, autocast);

    tcase_add_checked_fixture(scaler, setup, teardown);
    tcase_add_test(scaler, test_a_scaler_does_what_torchs_does);
    tcase_add_test(scaler, test_growth_stops_below_infinity_and_rounds_to_float32);
    tcase_add_test(scaler, test_calls_out_of_order_are_errors);
    tcase_add_test(scaler, test_a_scaler_resumes_from_its_state);
    tcase_add_test(scaler, test_a_scaler_that_is_off_stands_aside);
    suite_add_tcase(suite, scaler);

    tcase_add_checked_fixture(ranks, set_up_folder, remove_folder);
    tcase_add_test(ranks, test_ranks_skip_a_step_together_because_gradients_are_reduced);
    suite_add_tcase(suite, ranks);
    return ddp_test_main(suite);
}
