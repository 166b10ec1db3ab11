-- Plays what lightning_callbacks_record.py saw of the real callbacks to ours, on a Trainer that is
-- only a table, and raises where they differ. The recorded table stands in front, as `recorded`.

local mismatches

local function text(value)
  if type(value) == "userdata" then value = value:item() end
  if type(value) == "number" and value ~= value then return "nan" end
  if math.type(value) == "float" then return string.format("%.17g", value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for i, item in ipairs(value) do parts[i] = text(item) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function compare(where, what, got, expected)
  got, expected = text(got), text(expected)
  if got ~= expected then
    mismatches[#mismatches + 1] = string.format("%s: %s is %s, recorded %s", where, what, got,
        expected)
  end
end

-- A variant that runs `check` and raises with everything that differed.
local function variant(name, check, size)
  return {
    name = name, world = { size = size or 1 }, expect = { outcome = "completed" },
    main = function()
      mismatches = {}
      check()
      if #mismatches > 0 then
        local shown = table.concat(mismatches, "\n", 1, math.min(#mismatches, 12))
        error(string.format("%d differences:\n%s", #mismatches, shown:sub(1, 4000)), 0)
      end
    end,
  }
end

-- ---- texts ----

-- format() of Python is seen through a file name with one field.
local function python_format(value, spec)
  local checkpoint = callbacks.ModelCheckpoint{ filename = "{x:" .. spec .. "}",
      auto_insert_metric_name = false }
  checkpoint.FILE_EXTENSION = ""
  return checkpoint:format_checkpoint_name({ x = value })
end

local function check_formats()
  assert(#recorded.formats > 500)
  for _, case in ipairs(recorded.formats) do
    local value, spec, expected = case[1], case[2], case[3]
    local ok, got = pcall(python_format, value, spec)
    if expected == nil then
      compare(text(value) .. ":" .. spec, "success", ok, false)
    else
      compare(text(value) .. ":" .. spec, "the text", "[" .. tostring(got) .. "]",
          "[" .. expected .. "]")
    end
  end
end

local function metrics_of(list, whole, dtype)
  local metrics = {}
  for _, item in ipairs(list or {}) do
    local value = item[2]
    local kind = whole[item[1]] or dtype or torch.float32
    metrics[item[1]] = torch.tensor(value, { dtype = kind })
  end
  return metrics
end

local function check_names()
  local found = recorded.names[1]
  local metrics = metrics_of(found.metrics, { epoch = torch.int64, step = torch.int64,
      count = torch.int64,
                                              double = torch.float64 })
  assert(#found.cases > 60)
  for _, case in ipairs(found.cases) do
    local checkpoint = callbacks.ModelCheckpoint{ filename = case.template,
        auto_insert_metric_name = case.auto }
    checkpoint.dirpath = case.dirpath
    local where = tostring(case.template) .. (case.auto and " with names" or "")
    local ok, got = pcall(checkpoint.format_checkpoint_name, checkpoint, metrics,
                          { ver = case.ver, prefix = case.prefix })
    compare(where, "success", ok, not case.fails)
    if ok then compare(where, "the name", got, case.name) end
  end
end

local function check_state_keys()
  for _, case in ipairs(recorded.state_keys) do
    compare(case.class, "state_key", callbacks[case.class](case.options).state_key, case.key)
  end
end

local function check_durations()
  for _, case in ipairs(recorded.durations) do
    local ok, timer = pcall(callbacks.Timer, case[1])
    compare(case[1], "success", ok, case[2] ~= nil)
    if ok then compare(case[1], "the time", timer:time_remaining(), case[2]) end
  end
end

-- ---- ModelCheckpoint ----

local function strategy()
  local self = {}
  function self:reduce_boolean_decision(flag, all, name)
    local votes = torch.tensor(flag and 1 or 0, { dtype = torch.int32 })
    if dist.get_world_size() > 1 then dist.all_reduce(votes, { name = name }) end
    if all == false then return votes:item() > 0 end
    return votes:item() == dist.get_world_size()
  end
  function self:broadcast(value, src, name)
    if dist.get_world_size() == 1 then return value end
    return dist.broadcast_object(value, src or 0, { name = name })
  end
  function self:barrier(name)
    if dist.get_world_size() > 1 then dist.barrier{ name = name } end
  end
  return self
end

local function mock_trainer(case)
  local settings = case.trainer or {}
  local trainer = {
    state = { fn = "fit" }, is_global_zero = dist.get_rank() == 0, global_rank = dist.get_rank(),
    world_size = dist.get_world_size(), loggers = {}, default_root_dir = "", callback_metrics = {},
    fast_dev_run = settings.fast_dev_run or false, should_stop = false,
    val_check_interval = settings.val_check_interval or 1.0,
    check_val_every_n_epoch = settings.check_val_every_n_epoch or 1,
    fit_loop = { epoch_loop = { batch_progress = {}, val_loop = {} } },
    strategy = strategy(),
  }
  return trainer
end

local function make_checkpoint(case)
  local options = {}
  for name, value in pairs(case.options) do options[name] = value end
  if options.dirpath == nil and case.name ~= "default_folder" then options.dirpath = "ckpts" end
  local checkpoint = callbacks.ModelCheckpoint(options)
  for name, value in pairs(case.constants or {}) do checkpoint[name] = value end
  return checkpoint
end

-- Notes what the checkpoint does; files exist only as names.
local function watch(case, checkpoint, trainer)
  local files, did = {}, {}
  for _, path in ipairs(case.files or {}) do files[path] = true end
  function trainer:save_checkpoint(path, how)
    files[path] = true
    did[#did + 1] = { "save", path, how.weights_only }
    self.strategy:barrier("save")
  end
  function trainer.strategy:remove_checkpoint(path)
    files[path] = nil
    did[#did + 1] = { "remove", path }
  end
  function checkpoint:_link_checkpoint(_, path, link)
    files[link] = true
    did[#did + 1] = { "link", path, link }
  end
  function checkpoint:file_exists(path)
    return trainer.strategy:reduce_boolean_decision(trainer.is_global_zero and files[path], false,
        "exists")
  end
  return did, files
end

local function state_of(checkpoint)
  local kept = {}
  for path, score in pairs(checkpoint.best_k_models) do kept[#kept + 1] = { path, score } end
  return { checkpoint.best_model_path, checkpoint.best_model_score or "none",
           checkpoint.current_score or "none", checkpoint.kth_best_model_path, checkpoint.kth_value,
           checkpoint.last_model_path, kept }
end

local function recorded_state(state)
  return { state.best_path, state.best_score or "none", state.current or "none", state.kth_path,
           state.kth_value, state.last_path, state.kept }
end

local function show(trainer, event)
  trainer.current_epoch = event.epoch or 0
  trainer.global_step = event.step or 0
  trainer.sanity_checking = event.sanity or false
  if event.num_val_batches then trainer.num_val_batches = { event.num_val_batches } end
  if event.enable_validation ~= nil then trainer.enable_validation = event.enable_validation end
  if event.metrics then
    trainer.callback_metrics = metrics_of(event.metrics, {})
  end
  local loop = trainer.fit_loop.epoch_loop
  loop.batch_progress.is_last_batch = event.last or false
  loop.val_loop._has_run = event.has_run or false
  local passed = (event.now or 0) - trainer.clock
  if passed > 0 then
    sim.sleep(passed)
    trainer.clock = event.now
  end
end

local function play_checkpoint(case, events)
  local trainer = mock_trainer(case)
  local checkpoint = make_checkpoint(case)
  local did, files = watch(case, checkpoint, trainer)
  local module = { automatic_optimization = true }
  local state
  trainer.num_val_batches, trainer.enable_validation = { 0 }, false
  trainer.clock = 0
  for i, event in ipairs(events) do
    local where = string.format("%s, event %d, %s", case.name, i, event.hook)
    show(trainer, event)
    for j = #did, 1, -1 do did[j] = nil end
    local ok, message
    if event.hook == "setup" then
      ok, message = pcall(checkpoint.setup, checkpoint, trainer, module, "validate")
    elseif event.hook == "on_train_batch_end" then
      ok, message = pcall(checkpoint.on_train_batch_end, checkpoint, trainer, module, nil, nil, 0)
    else
      ok, message = pcall(checkpoint[event.hook], checkpoint, trainer, module)
    end
    compare(where, "success", ok or message, not event.fails or message)
    if event.fails then
      compare(where, "the error", string.match(tostring(message), "(%a+Exception):"), event.fails)
    end
    state = event.state or state
    compare(where, "what it did", did, event.did or {})
    compare(where, "the state", state_of(checkpoint), recorded_state(state))
  end
  return files
end

local function check_found(case, files)
  local found = {}
  for path in pairs(files) do found[#found + 1] = path end
  table.sort(found)
  compare(case.name, "the list of files", found, case.found)
end

local function check_checkpoints()
  assert(#recorded.checkpoints > 80)
  for _, case in ipairs(recorded.checkpoints) do check_found(case, play_checkpoint(case,
      case.events)) end
end

local function check_ranks()
  for _, case in ipairs(recorded.ranks) do
    local files = play_checkpoint(case, case.ranks[dist.get_rank() + 1])
    if dist.get_rank() == 0 then check_found(case, files) end
  end
end

-- ---- ModelCheckpoint in trainings of ours ----

local Script = LightningModule:extend("Script")

function Script:init(case)
  self.layer = nn.Linear(1, 1)
  self.case = case
  self.ranks = dist.get_world_size() -- asked here: an oracle's pass is a world of one
  self.batches, self.validations, self.epochs = 0, 0, 0
end

function Script:dictate(values_by_name, index)
  for name, values in pairs(values_by_name or {}) do
    if self.ranks > 1 then values = values[dist.get_rank() + 1] end
    self:log(name, torch.tensor(values[index + 1] or values[#values]))
  end
end

function Script:training_step(batch)
  if self.case.options.train_time_interval then sim.sleep(1) end
  self:dictate(self.case.steps, self.batches)
  self.batches = self.batches + 1
  return self.layer(batch[1]):sum()
end

function Script:validation_step(_, batch_idx)
  if batch_idx ~= 0 or self.trainer.sanity_checking then return end
  self:dictate(self.case.validations, self.validations)
  self.validations = self.validations + 1
end

function Script:on_train_epoch_end()
  self:dictate(self.case.epochs, self.epochs)
  self.epochs = self.epochs + 1
end

function Script:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.0 }) end

local function play_training(case, events)
  local checkpoint = make_checkpoint(case)
  local settings = {
    max_epochs = 3, limit_train_batches = 4, limit_val_batches = 1, num_sanity_val_steps = 0,
        logger = false,
    enable_progress_bar = false, enable_model_summary = false, use_distributed_sampler = false,
    callbacks = { checkpoint },
  }
  for name, value in pairs(case.trainer or {}) do settings[name] = value end
  local trainer = Trainer(settings)
  local did, files = watch(case, checkpoint, trainer)
  local loader = data.DataLoader(data.TensorDataset(torch.ones(64, 1)), { batch_size = 1 })
  local ok, message = pcall(trainer.fit, trainer, Script(case), loader,
                            settings.limit_val_batches ~= 0 and loader or nil)
  local expected, state, fails = {}, nil, nil
  for _, event in ipairs(events) do
    state, fails = event.state or state, event.fails
    for _, item in ipairs(event.did or {}) do expected[#expected + 1] = item end
  end
  compare(case.name, "success", ok or message, not fails or message)
  if fails then compare(case.name, "the error", string.match(tostring(message), "(%a+Exception):"),
      fails) end
  compare(case.name, "what it did", did, expected)
  compare(case.name, "the state", state_of(checkpoint), recorded_state(state))
  return files
end

local function check_trainings()
  for _, case in ipairs(recorded.checkpoints) do check_found(case, play_training(case,
      case.events)) end
end

local function check_rank_trainings()
  for _, case in ipairs(recorded.ranks) do
    local files = play_training(case, case.ranks[dist.get_rank() + 1])
    if dist.get_rank() == 0 then check_found(case, files) end
  end
end

-- ---- EarlyStopping ----

local function figures_of(line)
  if line == nil then return "nothing" end
  local rest = string.match(line, "val_loss(.*)$")
  local found = {}
  for word in string.gmatch(rest, "[%w%.%-%+]+") do
    word = string.gsub(word, "%.$", "")
    local number = string.match(word, "^%-?%d+%.?%d*e?[%-%+]?%d*$") or string.match(word,
        "^%-?inf") or
      string.match(word, "^nan")
    if number then found[#found + 1] = number end
  end
  return found
end

local function play_stopping(case, number)
  local trainer = mock_trainer{}
  local options = { monitor = "val_loss" }
  for name, value in pairs(case.options) do options[name] = value end
  local stopping = callbacks.EarlyStopping(options)
  stopping:setup(trainer, nil, "fit")
  trainer.sanity_checking = false
  for i, check in ipairs(case.checks) do
    local where = string.format("stopping %d (%s), check %d", number, case.dtype, i)
    trainer.current_epoch = i - 1
    trainer.callback_metrics = { val_loss = torch.tensor(check.value,
        { dtype = torch[case.dtype] }) }
    local words
    local judge = stopping._evaluate_stopping_criteria
    stopping._evaluate_stopping_criteria = function(self, current)
      local stop, why = judge(self, current)
      words = why
      return stop, why
    end
    stopping:on_train_epoch_end(trainer, nil)
    stopping._evaluate_stopping_criteria = nil
    compare(where, "should_stop", trainer.should_stop, check.stop)
    compare(where, "stopped_epoch", stopping.stopped_epoch, check.stopped_epoch)
    compare(where, "wait_count", stopping.wait_count, check.wait)
    compare(where, "best_score", stopping.best_score, check.best)
    compare(where, "stopping_reason", stopping.stopping_reason, check.reason)
    compare(where, "the figures said", figures_of(words), check.figures or "nothing")
  end
end

local function check_stopping()
  assert(#recorded.stopping > 50)
  for i, case in ipairs(recorded.stopping) do play_stopping(case, i) end
end

-- ---- LearningRateMonitor ----

local function optimizers_of(described)
  local made = {}
  for i, one in ipairs(described) do made[i] = { _name = one.class, param_groups = one.groups } end
  return made
end

local function schedules_of(described, optimizers)
  local made = {}
  for i, one in ipairs(described) do
    made[i] = { scheduler = { optimizer = optimizers[one.optimizer] }, interval = one.interval,
        name = one.name }
  end
  return made
end

local function play_rates(case)
  local trainer = mock_trainer{}
  local monitor = callbacks.LearningRateMonitor(case.options)
  local rows, described, schedules = {}, nil, nil
  trainer.loggers = { { log_metrics = function(_, metrics, step)
    local items = {}
    for name, value in pairs(metrics) do items[#items + 1] = { name, value } end
    rows[#rows + 1] = { step, items }
  end } }
  trainer._logger_connector = {}
  for i, event in ipairs(case.events) do
    described, schedules = event.optimizers or described, event.schedules or schedules
    trainer.optimizers = optimizers_of(described)
    trainer.lr_scheduler_configs = schedules_of(schedules, trainer.optimizers)
    trainer._logger_connector.should_update_logs = event.update
    trainer.fit_loop.epoch_loop._batches_that_stepped = event.stepped
    for j = #rows, 1, -1 do rows[j] = nil end
    monitor[event.hook](monitor, trainer, nil, nil, 0)
    compare(string.format("%s, event %d, %s", case.name, i, event.hook), "what was logged", rows,
        event.rows)
    for _, row in ipairs(rows) do
      for _, item in ipairs(row[2]) do
        compare(case.name, "callback_metrics", trainer.callback_metrics[item[1]],
                torch.tensor(item[2] + 0.0))
      end
    end
  end
  local lrs = {}
  for name, list in pairs(monitor.lrs) do lrs[#lrs + 1] = { name, list } end
  compare(case.name, "lrs", lrs, case.lrs)
end

local function check_rates()
  for _, case in ipairs(recorded.rates) do play_rates(case) end
end

-- ---- bars ----

-- A table that pairs() walks in the order of the list.
local function in_order(list)
  return setmetatable({}, { __pairs = function()
    local i = 0
    return function()
      i = i + 1
      if list[i] then return list[i][1], list[i][2] end
    end
  end })
end

local function check_bars()
  local bars = recorded.bars[1]
  local progress = callbacks.TQDMProgressBar()
  progress.trainer = mock_trainer{}
  progress._enabled = false
  local bar = progress:init_train_tqdm()
  for _, case in ipairs(bars.numbers) do
    compare("format_num", text(case[1]), bar.format_num(case[1]), case[2])
  end
  for _, case in ipairs(bars.intervals) do
    compare("format_interval", text(case[1]), bar.format_interval(case[1]), case[2])
  end
  for _, case in ipairs(bars.lines) do
    bar.n, bar.total, bar.desc, bar.postfix = case.n, case.total, case.desc, nil
    if case.postfix[1] then bar:set_postfix(in_order(case.postfix)) end
    compare("a line", case.desc, bar:line(case.elapsed), case.line)
  end
end

-- ---- ModelSummary ----

local function mlp() return nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10)) end

local summary_modules = {
  empty = function() return {} end,
  linear = function() return { "layer", nn.Linear(10, 1) } end,
  mlp = function() return { "net", mlp(), "loss", nn.CrossEntropyLoss() } end,
  mlp_example = function() return { "net", mlp(), example = torch.zeros(32, 256) } end,
  frozen = function()
    local net = mlp()
    net:requires_grad_(false)
    net:eval()
    return { "net", net, "head", nn.Linear(10, 2) }
  end,
  leftover = function() return { "layer", nn.Linear(3, 3), "scale",
      nn.Parameter(torch.ones(7)) } end,
  large = nn.BatchNorm1d and function()
    return { "a", nn.Linear(2000, 1000), "b", nn.Linear(1000, 999), "norm", nn.BatchNorm1d(1000) }
  end,
  convolution = nn.Conv2d and function()
    return { "net", nn.Sequential(nn.Conv2d(1, 8, 3, { padding = 1 }), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
                                  nn.Linear(8 * 14 * 14, 10)), example = torch.zeros(4, 1, 28, 28) }
  end,
}

local function make_module(name)
  local parts = summary_modules[name]()
  local Net = nn.Module:extend("Base")
  local net = Net()
  for i = 1, #parts, 2 do net[parts[i]] = parts[i + 1] end
  if parts.example then
    net.example_input_array = parts.example
    function net:forward(x) return self[parts[1]](x) end
  end
  return net
end

local function check_summaries()
  for _, case in ipairs(recorded.summaries) do
    if summary_modules[case.module] then
      local got = callbacks.ModelSummary.summarize(make_module(case.module), case.depth)
      compare(case.module .. ", depth " .. case.depth, "the table", "\n" .. tostring(got),
              "\n" .. table.concat(case.lines, "\n"))
    end
  end
end

return {
  title = "callbacks as recorded",
  variants = {
    variant("formats", check_formats),
    variant("names", check_names),
    variant("state_keys", check_state_keys),
    variant("durations", check_durations),
    variant("checkpoints", check_checkpoints),
    variant("ranks", check_ranks, 2),
    variant("trainings", check_trainings),
    variant("rank_trainings", check_rank_trainings, 2),
    variant("stopping", check_stopping),
    variant("rates", check_rates),
    variant("bars", check_bars),
    variant("summaries", check_summaries),
  },
}
