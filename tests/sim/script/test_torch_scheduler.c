/* SPDX-License-Identifier: MIT */
#include "tests/model/core/recorded.h"
#include "tests/sim/script/torch_lesson.h"

#include <math.h>
#include <string.h>

/*
 * optim.lr_scheduler against torch: every rate of both groups, and momentum or beta1 where a
 * schedule moves it, after each step, as the same doubles. tests/reference/optim_record.py played
 * the same schedules in the same way.
 */

static Recorded *recorded;
static DdpModelContext *context;

static void
setup(void)
{
    recorded = recorded_load("optim_schedules.txt");
    context = ddp_model_context_new(NULL, 0, 0, 0);
}

static void
teardown(void)
{
    ddp_model_context_free(context);
    recorded_free(recorded);
}

/*
 * Not all are the same double: the libm that Python calls rounds a cosine or a power to the wrong
 * neighbour now and then (3 of the 948 angles of cosine_long), and a chain of rates goes on from
 * there. Ours are right, but for powers that are not whole.
 *
 * Two groups; L is optim.lr_scheduler; show() notes rates and momenta as they are now. */
#define PRELUDE                                                                                    \
    "local L = optim.lr_scheduler\n"                                                               \
    "local function parameter() return nn.Parameter(torch.ones(1)) end\n"                          \
    "local function groups()\n"                                                                    \
    "  return { { params = { parameter() } }, { params = { parameter() }, lr = 0.37 } }\n"         \
    "end\n"                                                                                        \
    "local function sgd() return optim.SGD(groups(), { lr = 0.1, momentum = 0.9 }) end\n"          \
    "local rates, momenta = {}, {}\n"                                                              \
    "local function show(o)\n"                                                                     \
    "  for _, group in ipairs(o.param_groups) do\n"                                                \
    "    rates[#rates + 1] = string.format('%%.17g', group.lr)\n"                                  \
    "    momenta[#momenta + 1] =\n"                                                                \
    "      string.format('%%.17g', group.betas and group.betas[1] or group.momentum)\n"            \
    "  end\n"                                                                                      \
    "end\n"

#define PRINT "print(table.concat(rates, ' ')) print(table.concat(momenta, ' '))\n"

static const struct {
    const char *name;
    const char *make;
    int steps;
    double relative; /* 0: the same double */
} schedules[] = {
    {"step", "L.StepLR(o, 3, { gamma = 0.3 })", 20, 0.0},
    {"multistep", "L.MultiStepLR(o, { 2, 5, 5, 11 }, { gamma = 0.3 })", 20, 0.0},
    {"exponential", "L.ExponentialLR(o, 0.93)", 40, 0.0},
    {"constant", "L.ConstantLR(o, { factor = 0.3, total_iters = 4 })", 10, 0.0},
    {"linear", "L.LinearLR(o, { start_factor = 0.1, end_factor = 0.7, total_iters = 7 })", 12, 0.0},
    {"linear_default", "L.LinearLR(o)", 10, 0.0},
    {"polynomial", "L.PolynomialLR(o, { total_iters = 9, power = 2.5 })", 14, 1e-15},
    {"lambda", "L.LambdaLR(o, function(epoch) return 1 / (1 + 0.3 * epoch) end)", 20, 0.0},
    {"lambdas",
     "L.LambdaLR(o, { function(e) return 1 / (e + 1) end, function(e) return 0.5 + e end })", 8,
     0.0},
    {"multiplicative", "L.MultiplicativeLR(o, function(e) return 0.95 + 0.001 * e end)", 20, 0.0},
    {"cosine", "L.CosineAnnealingLR(o, 10, { eta_min = 0.001 })", 45, 0.0},
    {"cosine_long", "L.CosineAnnealingLR(o, 237)", 800, 1e-14},
    {"restarts", "L.CosineAnnealingWarmRestarts(o, 5, { T_mult = 2, eta_min = 0.01 })", 60, 0.0},
    {"restarts_even", "L.CosineAnnealingWarmRestarts(o, 7)", 30, 0.0},
    {"onecycle", "L.OneCycleLR(o, { max_lr = 0.5, total_steps = 50 })", 49, 0.0},
    {"onecycle_linear",
     "L.OneCycleLR(o, { max_lr = { 0.5, 0.7 }, epochs = 4, steps_per_epoch = 10,"
     " anneal_strategy = 'linear', three_phase = true, pct_start = 0.25, div_factor = 10.0,"
     " final_div_factor = 50.0, base_momentum = 0.8, max_momentum = 0.9 })",
     39, 0.0},
    {"onecycle_plain", "L.OneCycleLR(o, 0.5, { total_steps = 30, cycle_momentum = false })", 29,
     0.0},
    {"sequential",
     "L.SequentialLR(o, { L.LinearLR(o, 0.2, { total_iters = 4 }), L.CosineAnnealingLR(o, 8),"
     " L.ExponentialLR(o, 0.8) }, { milestones = { 4, 13 } })",
     25, 0.0},
    {"chained",
     "L.ChainedScheduler({ L.ConstantLR(o, { factor = 0.1, total_iters = 3 }),"
     " L.ExponentialLR(o, 0.9) })",
     12, 0.0},
};

/* The numbers of one printed line against what is recorded under @name. */
static void
assert_numbers(const char *line, const char *name, double relative)
{
    g_autoptr(DdpTensor) expected = recorded_tensor(recorded, context, name);
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    ck_assert_msg(g_strv_length(words) == ddp_tensor_numel(expected), "%s: %s", name, line);
    for (size_t i = 0; words[i] != NULL; i++) {
        double got = g_ascii_strtod(words[i], NULL);
        double wanted = ddp_tensor_item_f64(expected, i);

        ck_assert_msg(fabs(got - wanted) <= relative * fabs(wanted),
                      "%s: number %d is %.17g, expected %.17g", name, (int)i, got, wanted);
    }
}

static void
assert_lesson(const char *name, const char *text, double relative)
{
    g_autofree char *momentum = g_strconcat(name, ".momentum", NULL);
    g_autofree char *printed = torch_lesson_play(text);
    g_auto(GStrv) lines = g_strsplit(printed, "\n", -1);

    ck_assert_msg(g_strv_length(lines) >= 3, "%s: %s", name, printed);
    assert_numbers(lines[0], name, relative);
    if (recorded_has(recorded, momentum))
        assert_numbers(lines[1], momentum, 0.0);
}

START_TEST(test_a_schedule_gives_torchs_doubles)
{
    g_autofree char *text =
        g_strdup_printf(PRELUDE "local o = sgd() local schedule = %s\n"
                                "o:step() show(o)\n"
                                "for _ = 1, %d do schedule:step() show(o) end\n" PRINT,
                        schedules[_i].make, schedules[_i].steps);

    assert_lesson(schedules[_i].name, text, schedules[_i].relative);
}
END_TEST

START_TEST(test_one_cycle_moves_beta1_of_adam)
{
    g_autofree char *text = g_strdup_printf(
        PRELUDE "local o = optim.Adam(groups(), { lr = %s })\n"
                "local schedule = L.OneCycleLR(o, { max_lr = 0.5, total_steps = 50 })\n"
                "o:step() show(o)\n"
                "for _ = 1, 49 do schedule:step() show(o) end\n" PRINT,
        "0.1");

    assert_lesson("onecycle_adam", text, 0.0);
}
END_TEST

static const struct {
    const char *name;
    const char *options;
} plateaus[] = {
    {"plateau", "factor = 0.5, patience = 2"},
    {"plateau_cooldown", "factor = 0.3, patience = 1, cooldown = 4, min_lr = 0.004, eps = 1e-3"},
    {"plateau_max", "mode = 'max', factor = 0.7, patience = 3, threshold = 0.1"},
    {"plateau_abs", "factor = 0.5, patience = 2, threshold = 0.05, threshold_mode = 'abs'"},
    {"plateau_max_abs", "mode = 'max', factor = 0.9, patience = 0, threshold = 0.01,"
                        " threshold_mode = 'abs', min_lr = { 0.02, 0.05 }"},
};

/* The recorded losses as a Lua list. */
static char *
metrics_text(void)
{
    g_autoptr(DdpTensor) metrics = recorded_tensor(recorded, context, "metrics");
    GString *text = g_string_new("{");

    for (size_t i = 0; i < ddp_tensor_numel(metrics); i++)
        g_string_append_printf(text, "%.17g,", ddp_tensor_item_f64(metrics, i));
    g_string_append(text, "}");
    return g_string_free(text, FALSE);
}

START_TEST(test_a_plateau_lowers_the_rates_as_torch_does)
{
    g_autofree char *metrics = metrics_text();
    g_autofree char *text = g_strdup_printf(
        PRELUDE "local o = sgd()\n"
                "local schedule = L.ReduceLROnPlateau(o, { %s })\n"
                "show(o)\n"
                "for _, loss in ipairs(%s) do schedule:step(loss) show(o) end\n" PRINT,
        plateaus[_i].options, metrics);

    assert_lesson(plateaus[_i].name, text, 0.0);
}
END_TEST

/*
 * The state of a schedule goes into a second one at every step, which then goes on like the
 * first. Rates come along with the optimiser's state, as in a checkpoint.
 */
START_TEST(test_a_schedule_resumes_from_its_state_at_every_step)
{
    int steps = MIN(schedules[_i].steps, 30);
    g_autofree char *text = g_strdup_printf(
        PRELUDE
        "local function make(o) return %s end\n"
        "local function run(o, schedule, from, to)\n"
        "  for _ = from, to do schedule:step() show(o) end\n"
        "end\n"
        "local function text() local t = table.concat(rates, ' ') .. table.concat(momenta, ' ')\n"
        "  rates, momenta = {}, {} return t end\n"
        "for stop = 0, %d do\n"
        "  local o = sgd() local schedule = make(o) o:step()\n"
        "  run(o, schedule, 1, stop) text()\n"
        "  local saved, groups_saved = schedule:state_dict(), o:state_dict()\n"
        "  run(o, schedule, stop + 1, %d) local whole, last = text(), schedule:get_last_lr()\n"
        "  local again = sgd() local second = make(again) again:step()\n"
        "  again:load_state_dict(groups_saved) second:load_state_dict(saved)\n"
        "  run(again, second, stop + 1, %d)\n"
        "  assert(text() == whole, 'stopped at ' .. stop)\n"
        "  assert(second:get_last_lr()[2] == last[2])\n"
        "end print('same')\n",
        schedules[_i].make, steps, steps, steps);

    torch_lesson_prints(text, "same\n");
}
END_TEST

START_TEST(test_a_plateau_resumes_from_its_state_at_every_step)
{
    g_autofree char *metrics = metrics_text();
    g_autofree char *text = g_strdup_printf(
        PRELUDE
        "local losses = %s\n"
        "for stop = 0, 30 do\n"
        "  local o = sgd() local schedule = L.ReduceLROnPlateau(o, { %s })\n"
        "  for i = 1, stop do schedule:step(losses[i]) end\n"
        "  local again = sgd() local second = L.ReduceLROnPlateau(again, { patience = 7 })\n"
        "  again:load_state_dict(o:state_dict())\n"
        "  second:load_state_dict(schedule:state_dict())\n"
        "  for i = stop + 1, 60 do\n"
        "    schedule:step(losses[i]) second:step(losses[i])\n"
        "    for g = 1, 2 do\n"
        "      assert(again.param_groups[g].lr == o.param_groups[g].lr)\n"
        "    end\n"
        "  end\n"
        "end print('same')\n",
        metrics, plateaus[_i].options);

    torch_lesson_prints(text, "same\n");
}
END_TEST

#define ONE                                                                                        \
    "local p = nn.Parameter(torch.ones(1)) p.grad = torch.ones(1)\n"                               \
    "local o = optim.SGD({ p }, { lr = 0.5 }) local L = optim.lr_scheduler\n"

START_TEST(test_a_schedule_that_steps_first_is_told_so_once)
{
    torch_lesson_prints(ONE "local s = L.StepLR(o, 1) s:step() s:step()\n"
                            "local t = L.StepLR(o, 1) t:step() print('end')\n",
                        "UserWarning: `lr_scheduler:step()` was called before `optimizer:step()`. "
                        "It belongs behind it: now the first value of the learning rate schedule "
                        "is skipped.\n"
                        "end\n");
    torch_lesson_prints(ONE "local s = L.StepLR(o, 1) o:step() s:step() print('end')\n", "end\n");
}
END_TEST

START_TEST(test_the_next_step_of_the_optimizer_takes_the_new_rate)
{
    torch_lesson_prints(ONE "local s = L.ExponentialLR(o, { gamma = 0.5 })\n"
                            "o:step() s:step() o:step() print(p.data, s:get_last_lr()[1])\n",
                        "tensor([0.2500])\t0.25\n");
}
END_TEST

START_TEST(test_a_schedule_of_ones_own_writes_get_lr)
{
    torch_lesson_prints(ONE "local Halved = L.LRScheduler:extend('Halved')\n"
                            "function Halved:get_lr() return { self.base_lrs[1] / "
                            "2 ^ self.last_epoch } end\n"
                            "local s = Halved(o) o:step() s:step() s:step()\n"
                            "print(s._name, o.param_groups[1].lr, s.last_epoch)\n",
                        "Halved\t0.125\t2\n");
}
END_TEST

START_TEST(test_what_cannot_work_is_refused)
{
    torch_lesson_prints(ONE "L.StepLR(o)", "lesson.lua:3: TypeError: StepLR: 'step_size' is "
                                           "missing\n");
    torch_lesson_prints(ONE "L.StepLR(o, 3, { gama = 1 })",
                        "lesson.lua:3: StepLR: unknown option 'gama', did you mean 'gamma'?\n");
    torch_lesson_prints(ONE "L.StepLR({}, 3)",
                        "lesson.lua:3: TypeError: StepLR: a table is not an Optimizer\n");
    torch_lesson_prints(ONE "L.OneCycleLR(o, { max_lr = 1 })",
                        "lesson.lua:3: ValueError: You must define either total_steps OR (epochs "
                        "AND steps_per_epoch)\n");
    torch_lesson_prints(ONE "local s = L.OneCycleLR(o, 1, { total_steps = 2 })\n"
                            "o:step() s:step() s:step() s:step()",
                        "lesson.lua:4: ValueError: Tried to step 3 times. The specified number of "
                        "total steps is 2\n");
    torch_lesson_prints(ONE "L.ReduceLROnPlateau(o, { factor = 1 })",
                        "lesson.lua:3: ValueError: Factor should be < 1.0.\n");
    torch_lesson_prints(ONE "L.SequentialLR(o, { L.StepLR(o, 1) }, { 3 })",
                        "lesson.lua:3: ValueError: Sequential Schedulers expects number of "
                        "schedulers provided to be one more than the number of milestone points, "
                        "but got number of schedulers 1 and the number of milestones to be equal "
                        "to 1\n");
    torch_lesson_prints(ONE "L.ExponentialLR(o, 0.5, { last_epoch = 3 })",
                        "lesson.lua:3: KeyError: param 'initial_lr' is not specified in "
                        "param_groups[0] when resuming scheduler with last_epoch >= 0: load the "
                        "optimizer's state first, or leave last_epoch at -1 in a fresh run.\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("torch_scheduler");
    TCase *figures = tcase_create("figures");
    TCase *use = tcase_create("use");

    tcase_add_checked_fixture(figures, setup, teardown);
    tcase_add_loop_test(figures, test_a_schedule_gives_torchs_doubles, 0, G_N_ELEMENTS(schedules));
    tcase_add_test(figures, test_one_cycle_moves_beta1_of_adam);
    tcase_add_loop_test(figures, test_a_plateau_lowers_the_rates_as_torch_does, 0,
                        G_N_ELEMENTS(plateaus));
    tcase_add_loop_test(figures, test_a_schedule_resumes_from_its_state_at_every_step, 0,
                        G_N_ELEMENTS(schedules));
    tcase_add_loop_test(figures, test_a_plateau_resumes_from_its_state_at_every_step, 0,
                        G_N_ELEMENTS(plateaus));
    suite_add_tcase(suite, figures);

    tcase_add_test(use, test_a_schedule_that_steps_first_is_told_so_once);
    tcase_add_test(use, test_the_next_step_of_the_optimizer_takes_the_new_rate);
    tcase_add_test(use, test_a_schedule_of_ones_own_writes_get_lr);
    tcase_add_test(use, test_what_cannot_work_is_refused);
    suite_add_tcase(suite, use);
    return ddp_test_main(suite);
}
