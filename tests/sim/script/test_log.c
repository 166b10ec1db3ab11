/* SPDX-License-Identifier: MIT */
#include "sim/script/prelude.h"
#include "tests/sim/script/torch_lesson.h"

#include <string.h>

/*
 * self:log in one rank, with a table that has just the fields of a Trainer that it reads. What
 * the real Trainer and several ranks make of it, tests/sim/train/test_log_reference.c shows.
 */

static const char *const stage =
    "trainer = { strategy = { is_distributed = false }, loggers = {}, log_every_n_steps = 1,\n"
    "            current_epoch = 0, state = { fn = 'fit' },\n"
    "            fit_loop = { epoch_loop = { _batches_that_stepped = 0 } } }\n"
    "function trainer.fit_loop.epoch_loop:_should_accumulate() return false end\n"
    "module = {}\n"
    "trainer.lightning_module = module\n"
    "logs = LoggerConnector(trainer)\n"
    "results = logs:new_results{ training = true }\n"
    "trainer._active_results = results\n"
    "trainer._current_hook = 'training_step'\n"
    "function log(name, value, options) logs:log(module, trainer, name, value, options) end\n"
    "function at(hook) trainer._current_hook = hook end\n"
    "function show(metrics)\n"
    "  local text = ''\n"
    "  for name, value in pairs(metrics) do\n"
    "    text = text .. name .. '=' .. tostring(type(value) == 'userdata' and value:item() or "
    "value)\n"
    "      .. ' '\n"
    "  end\n"
    "  print(text)\n"
    "end\n";

/* Plays @text after the stage; what it printed, and the error that ended it. (transfer full) */
static char *
play(const char *text)
{
    GString *printed = g_string_new(NULL);
    g_autofree char *whole = g_strconcat(stage, text, NULL);
    g_autoptr(GError) error = NULL;
    TorchLesson lesson;

    torch_lesson_open(&lesson, printed, NULL);
    ddp_prelude_use(lesson.L, "logger_connector");
    lua_setglobal(lesson.L, "LoggerConnector");
    if (!torch_lesson_run(&lesson, whole, &error))
        g_string_append_printf(printed, "%s\n", strstr(error->message, ": ") + 2);
    torch_lesson_close(&lesson);
    return g_string_free(printed, FALSE);
}

static void
prints(const char *text, const char *expected)
{
    g_autofree char *got = play(text);

    ck_assert_str_eq(got, expected);
}

START_TEST(test_the_batch_gives_the_weight)
{
    prints("logs:on_batch_start({ torch.zeros(3, 2), torch.zeros(3) })\n"
           "log('loss', 1, { on_epoch = true, on_step = false })\n"
           "logs:on_batch_end()\n"
           "logs:on_batch_start({ torch.zeros(1, 2), torch.zeros(1) })\n"
           "log('loss', torch.tensor(5.0), { on_epoch = true, on_step = false })\n"
           "logs:on_batch_end()\n"
           "logs:epoch_end_reached()\n"
           "show(logs.callback_metrics)\n",
           "loss=2.0 \n");
}
END_TEST

START_TEST(test_the_three_dictionaries_are_tensors_tensors_and_numbers)
{
    prints("logs:on_batch_start({ torch.zeros(3) })\n"
           "log('a', 1.5, { prog_bar = true })\n"
           "log('b', 2, { logger = false, on_epoch = true })\n"
           "print(logs.callback_metrics.a)\n"
           "show(logs.callback_metrics)\n"
           "show(logs.logged_metrics)\n"
           "print(logs.progress_bar_metrics.a)\n",
           "tensor(1.5000)\na=1.5 b=2.0 b_step=2.0 \na=1.5 \n1.5\n");
}
END_TEST

START_TEST(test_a_dictionary_is_one_table_until_it_is_reset)
{
    prints("logs:on_batch_start({ torch.zeros(3) })\n"
           "log('a', 1)\n"
           "local held = logs.callback_metrics\n"
           "held.mine = torch.tensor(7.0)\n"
           "log('a', 2)\n"
           "print(held == logs.callback_metrics)\n"
           "show(held)\n"
           "logs:reset_metrics()\n"
           "logs:reset_results()\n"
           "show(logs.callback_metrics)\n"
           "show(held)\n",
           "true\na=2.0 mine=7.0 \n\na=2.0 mine=7.0 \n");
}
END_TEST

START_TEST(test_loggers_get_numbers_a_step_and_the_epoch)
{
    prints("local logger = { log_metrics = function(_, metrics, step) print(step) show(metrics) "
           "end }\n"
           "trainer.loggers = { logger }\n"
           "trainer.fit_loop.epoch_loop._batches_that_stepped = 41\n"
           "logs:on_batch_start({ torch.zeros(3) })\n"
           "log('a', 1)\n"
           "logs:on_batch_end()\n"
           "logs:update_train_step_metrics()\n"
           "logs:log_metrics({ b = 2 }, 9)\n"
           "logs:log_metrics{ b = 2, step = 7.9 }\n",
           "41\na=1.0 epoch=0 \n9\nb=2 \n7\nb=2 \n");
}
END_TEST

START_TEST(test_rows_are_written_every_n_steps)
{
    prints("local logger = { log_metrics = function(_, _, step) print(step) end }\n"
           "trainer.loggers, trainer.log_every_n_steps = { logger }, 3\n"
           "for step = 0, 7 do\n"
           "  trainer.fit_loop.epoch_loop._batches_that_stepped = step\n"
           "  logs:on_batch_start({ torch.zeros(3) })\n"
           "  log('a', step)\n"
           "  logs:on_batch_end()\n"
           "  logs:update_train_step_metrics()\n"
           "end\n",
           "2\n5\n");
}
END_TEST

START_TEST(test_a_metric_object_brings_its_own_values)
{
    prints("local Metric = setmetatable({ is_metric = true, total = 0 }, { __index = {} })\n"
           "Metric.__index = Metric\n"
           "function Metric:compute() return torch.tensor(self.total * 1.0) end\n"
           "function Metric:reset() self.total = 0 end\n"
           "module.accuracy = setmetatable({ total = 3 }, Metric)\n"
           "logs:on_batch_start({ torch.zeros(3) })\n"
           "module.accuracy._forward_cache = torch.tensor(0.5)\n"
           "log('acc', module.accuracy, { on_step = true, on_epoch = true })\n"
           "logs:on_batch_end()\n"
           "show(logs.callback_metrics)\n"
           "logs:epoch_end_reached()\n"
           "show(logs.callback_metrics)\n"
           "logs:reset_results()\n"
           "print(module.accuracy.total)\n"
           "print(logs:entries(results)[1].is_tensor)\n"
           "log('other', setmetatable({}, Metric))\n",
           "acc=0.5 acc_step=0.5 \nacc=3.0 acc_step=0.5 acc_epoch=3.0 \n0\nfalse\n"
           "MisconfigurationException: self:log of 'other': the Metric is no field of the module, "
           "which has accuracy; say which with metric_attribute\n");
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} refusals[] = {
    {"log('x', 'text')", "ValueError: self:log of 'x' was given a string, expected a number, a "
                         "tensor or a Metric"},
    {"log('x')", "ValueError: self:log of 'x' was given a nil, expected a number, a tensor or a "
                 "Metric"},
    {"log('x', { 1, 2 })", "ValueError: self:log of 'x' was given a table, expected a number, a "
                           "tensor or a Metric"},
    {"log('x', { a = { 1 } })", "ValueError: self:log of 'x' was given a table of tables, expected "
                                "a number, a tensor or a Metric"},
    {"log('x', torch.zeros(2))",
     "ValueError: self:log of 'x' was given a tensor of shape torch.Size([2]), expected a single "
     "element; log its mean()"},
    {"log('x', 1, { on_stp = true })", "log: unknown option 'on_stp', did you mean 'on_step'?"},
    {"log('x', 1, { on_step = 1 })",
     "TypeError: self:log of 'x': option 'on_step' is a number, expected true or false"},
    {"log('x', 1, { reduce_fx = 'median' })",
     "MisconfigurationException: self:log with reduce_fx = median; only mean, sum, min and max are "
     "possible, for anything else log a Metric object"},
    {"log('x', 1, { sync_dist_group = {} })",
     "TypeError: self:log of 'x': option 'sync_dist_group' is a table, expected what "
     "dist.new_group returned"},
    {"log('x', 1, { batch_size = 'big', on_epoch = true })",
     "TypeError: self:log of 'x': option 'batch_size' is a string, expected a number"},
    {"log('x/dataloader_idx_1', 1)",
     "MisconfigurationException: self:log of 'x/dataloader_idx_1': the name says which dataloader, "
     "which add_dataloader_idx = true does by itself"},
    {"log(7, 1)", "TypeError: self:log: the name is a number, expected a string"},
    {"at(nil) log('x', 1)", "MisconfigurationException: self:log of 'x' was called outside of the "
                            "hooks that the Trainer runs"},
    {"at('on_fit_start') log('x', 1)",
     "MisconfigurationException: self:log cannot be used in the hook 'on_fit_start'; what must be "
     "written there can go to self.logger.experiment directly"},
    {"at('forward') log('x', 1)",
     "RuntimeError: self:log was called in 'forward', which is no hook that can log"},
    {"trainer._active_results = nil log('x', 1)",
     "MisconfigurationException: self:log of 'x': there is no loop that collects results now; "
     "predict hooks cannot log"},
    {"logs:on_batch_start({ 'a' }) log('x', 1, { on_epoch = true })",
     "MisconfigurationException: no tensor in the batch tells its size; give it with self:log(..., "
     "{ batch_size = n })"},
    {"log('x', 1) log('x', 1, { prog_bar = true })",
     "MisconfigurationException: self:log of 'x' was called twice in 'training_step' with "
     "different arguments (prog_bar); the first time at lesson.lua:14"},
};

START_TEST(test_what_cannot_be_logged_is_refused)
{
    g_autofree char *got = play(refusals[_i].text);
    g_autofree char *expected = g_strconcat(refusals[_i].message, "\n", NULL);

    /* The stage's own log() is the line that calls. */
    if (strstr(expected, "lesson.lua:") != NULL)
        ck_assert_msg(strncmp(got, expected, strlen(expected) - 3) == 0, "got: %s", got);
    else
        ck_assert_str_eq(got, expected);
}
END_TEST

START_TEST(test_reductions_may_be_given_as_functions)
{
    prints("logs:on_batch_start({ torch.zeros(3) })\n"
           "for _, value in ipairs{ 3, 1, 2 } do\n"
           "  log('low', value, { reduce_fx = math.min, on_step = false, on_epoch = true })\n"
           "  log('high', value, { reduce_fx = 'max', on_step = false, on_epoch = true })\n"
           "end\n"
           "logs:epoch_end_reached()\n"
           "show(logs.callback_metrics)\n",
           "low=1.0 high=3.0 \n");
}
END_TEST

START_TEST(test_names_of_any_length_are_told_apart)
{
    prints("logs:on_batch_start({ torch.zeros(3) })\n"
           "for i = 1, 200 do\n"
           "  for _, tail in ipairs{ 'a', 'b' } do\n"
           "    local name = ('n'):rep(60) .. tail\n"
           "    log(name, tail == 'a' and i or -i)\n"
           "  end\n"
           "end\n"
           "local n = 0\n"
           "for _, value in pairs(logs.callback_metrics) do n = n + 1 print(value:item()) end\n"
           "print(n)\n",
           "200.0\n-200.0\n2\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");

    tcase_add_test(tcase, test_the_batch_gives_the_weight);
    tcase_add_test(tcase, test_the_three_dictionaries_are_tensors_tensors_and_numbers);
    tcase_add_test(tcase, test_a_dictionary_is_one_table_until_it_is_reset);
    tcase_add_test(tcase, test_loggers_get_numbers_a_step_and_the_epoch);
    tcase_add_test(tcase, test_rows_are_written_every_n_steps);
    tcase_add_test(tcase, test_a_metric_object_brings_its_own_values);
    tcase_add_loop_test(tcase, test_what_cannot_be_logged_is_refused, 0, G_N_ELEMENTS(refusals));
    tcase_add_test(tcase, test_reductions_may_be_given_as_functions);
    tcase_add_test(tcase, test_names_of_any_length_are_told_apart);
    suite_add_tcase(suite, tcase);
    return ddp_test_main(suite);
}
