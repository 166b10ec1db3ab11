-- One run over the validation or test loaders: Lightning's EvaluationLoop, for the validations of
-- a fit, for validate and for test.
--
-- A run that is no sanity check is an evaluation of the audit: when it is over, rank 0 runs the
-- same hooks once more as the only process, over the whole of the loaders as the user made them,
-- and what would be logged then is the truth. Whatever that pass changes in Lua is put back.
local use, c = ...
local connector = use("data_connector")
local Loop = use("loop")
local ordered_dict = use("ordered_dict")
local progress = use("progress")
local rank_zero = use("rank_zero")
local error, format, huge, ipairs, max, min, pairs = error, string.format, math.huge, ipairs,
  math.max, math.min, pairs

local EvaluationLoop = Loop:extend("EvaluationLoop")

EvaluationLoop.parts = { { "batch_progress", "progress" } }

-- The hooks of a validation and of a test.
local names = {
  val = {
    step = "validation_step", start = "on_validation_start", stop = "on_validation_end",
    epoch_start = "on_validation_epoch_start", epoch_end = "on_validation_epoch_end",
    batch_start = "on_validation_batch_start", batch_end = "on_validation_batch_end",
    eval = "on_validation_model_eval", train = "on_validation_model_train",
  },
  test = {
    step = "test_step", start = "on_test_start", stop = "on_test_end",
    epoch_start = "on_test_epoch_start", epoch_end = "on_test_epoch_end",
    batch_start = "on_test_batch_start", batch_end = "on_test_batch_end",
    eval = "on_test_model_eval", train = "on_test_model_train",
  },
}

-- `fn` is the entry point that this loop belongs to: "fit", "validate" or "test".
function EvaluationLoop:init(trainer, fn, prefix, options)
  self.trainer = trainer
  self.fn, self.prefix, self.names = fn, prefix, names[prefix]
  self.verbose = options.verbose ~= false
  self.batch_progress = progress.new("processed", true)
  self._max_batches = {}
  self._results = trainer._logger_connector:new_results{ training = false }
  self._logged_outputs = {}
  self._has_run = false
  self._source = connector.source(prefix .. "_dataloader")
  self._loaders = nil
  self._seen_batches = {}
  self._reloaded = -huge
  self.restart_stage = "none"
end

function EvaluationLoop:max_batches()
  local trainer = self.trainer
  if not trainer.sanity_checking then return self._max_batches end
  local limited = {}
  for i, batches in ipairs(self._max_batches) do
    limited[i] = min(trainer.num_sanity_val_steps, batches)
  end
  return limited
end

function EvaluationLoop:skip()
  for _, batches in ipairs(self:max_batches()) do
    if batches > 0 then return false end
  end
  return true
end

function EvaluationLoop:limit() return self.trainer["limit_" .. self.prefix .. "_batches"] end

function EvaluationLoop:setup_data()
  local trainer = self.trainer
  local fitting = self.fn == "fit"
  if fitting and self._loaders then
    local reload = trainer.reload_dataloaders_every_n_epochs
    if reload == 0 or trainer.current_epoch - self._reloaded < reload then return end
  end
  local limit = self:limit()
  if limit == 0 or not trainer.lightning_module:overrides(self.names.step) then return end
  if fitting and (not trainer.sanity_checking or
                  trainer.fit_loop.epoch_loop:should_check_val_epoch()) then
    self._reloaded = trainer.current_epoch
  end
  local loaders = connector.set_up(trainer, self.prefix, self._source, limit)
  self._loaders, self._max_batches = loaders, loaders.limits
  self._oracle_loaders = nil
  self._seen_batches = {}
  if self.prefix == "test" then
    trainer.test_dataloaders = connector.shown(loaders)
  else
    trainer.val_dataloaders = connector.shown(loaders)
  end
  trainer:_set_batch_counts()
end

function EvaluationLoop:update_restart_stage()
  local total = self.batch_progress.total
  self.restart_stage = self.restarting and total.started == total.ready and
    total.processed == total.started - 1 and total.completed == total.processed and
    "mid_evaluation" or "none"
end

function EvaluationLoop:reset_restart_stage() self.restart_stage = "none" end

function EvaluationLoop:reset()
  local trainer, batches = self.trainer, self.batch_progress
  self._has_run = false
  self._logged_outputs = {}
  if self.restarting then progress.reset_on_restart(batches) else progress.reset_on_run(batches) end
  if trainer.state.fn ~= "fit" then
    progress.reset_on_run(batches)
  else
    for _, loader in ipairs(self._loaders.loaders) do
      connector.set_epoch(loader, trainer.fit_loop.epoch_progress.current.processed)
    end
  end
  local pass = connector.evaluation_pass(self._loaders, self:max_batches())
  pass.fetched = pass.fetched + batches.current.ready
  return pass
end

function EvaluationLoop:increment_progress_to_evaluation_end()
  self:setup_data()
  if self:skip() then return end
  self:reset()
  local most = 0
  for _, batches in ipairs(self:max_batches()) do most = max(most, batches) end
  if most == huge then return end
  progress.increment_all(self.batch_progress, most)
  self.batch_progress.is_last_batch = true
end

-- ---- one run ----

local function call_list(list, hook, trainer, module, ...)
  for i = 1, #list do
    local callback = list[i]
    callback[hook](callback, trainer, module, ...)
  end
end

-- What the batches of this run need is looked up once.
function EvaluationLoop:prepare()
  local trainer, hook = self.trainer, self.names
  local hooks, own = trainer._hooks, trainer._module_hooks
  self.on_start, self.on_end = hooks[hook.batch_start], hooks[hook.batch_end]
  self.own_start, self.own_end = own[hook.batch_start], own[hook.batch_end]
  self.transfer = trainer:_transfer_hooks()
end

local function evaluation_step(self, batch, batch_idx, dataloader_idx)
  local trainer, hook = self.trainer, self.names
  local batches = self.batch_progress
  local total, current = batches.total, batches.current
  -- Hooks see the index of the loader only where there are several.
  local shown_idx = #self._loaders.loaders > 1 and dataloader_idx or nil
  if self.transfer then batch = trainer:_transfer(self.transfer, batch, dataloader_idx) end
  total.ready, current.ready = total.ready + 1, current.ready + 1
  local logs, module = trainer._logger_connector, trainer.lightning_module
  logs:on_batch_start(batch, shown_idx)

  local list = self.on_start
  if list or self.own_start then
    trainer._current_hook = hook.batch_start
    if list then
      call_list(list, hook.batch_start, trainer, module, batch, batch_idx, dataloader_idx)
    end
    if self.own_start then
      module[hook.batch_start](module, batch, batch_idx, dataloader_idx)
    end
    trainer._current_hook = nil
  end
  total.started, current.started = total.started + 1, current.started + 1

  trainer._current_hook = hook.step
  local optimization = trainer._optimization
  local output = optimization.precision:forward(optimization, hook.step, batch, batch_idx,
                                                dataloader_idx)
  trainer._current_hook = nil
  total.processed, current.processed = total.processed + 1, current.processed + 1

  list = self.on_end
  if list or self.own_end then
    trainer._current_hook = hook.batch_end
    if list then
      call_list(list, hook.batch_end, trainer, module, output, batch, batch_idx, dataloader_idx)
    end
    if self.own_end then
      module[hook.batch_end](module, output, batch, batch_idx, dataloader_idx)
    end
    trainer._current_hook = nil
  end
  logs:on_batch_end()
  total.completed, current.completed = total.completed + 1, current.completed + 1
  if not trainer.sanity_checking then
    self._has_run = true
    local seen = self._seen_batches[dataloader_idx] or 0
    logs:update_eval_step_metrics(seen)
    self._seen_batches[dataloader_idx] = seen + 1
  end
end

function EvaluationLoop:on_run_start()
  local trainer, hook = self.trainer, self.names
  -- The mode of every submodule comes back as it was.
  self._modes = {}
  for i, module in ipairs(trainer.lightning_module:modules()) do
    self._modes[i] = { module, module.training }
  end
  trainer:_call_module_hook(hook.eval)
  trainer:_call_hook(hook.start)
  trainer:_call_hook(hook.epoch_start)
end

function EvaluationLoop:store_outputs()
  local logs = self.trainer._logger_connector
  logs:epoch_end_reached()
  local outputs = self._logged_outputs
  outputs[#outputs + 1] = logs:update_eval_epoch_metrics() or ordered_dict()
end

function EvaluationLoop:on_run_end()
  local trainer, hook = self.trainer, self.names
  local logs = trainer._logger_connector
  logs:epoch_end_reached()
  logs:_evaluation_epoch_end()
  trainer:_call_hook(hook.epoch_end)
  logs:on_epoch_end()

  local outputs = self._logged_outputs
  self._logged_outputs = {}
  local at_end = logs:update_eval_epoch_metrics() or ordered_dict()
  -- Where two loaders have a name in common the first one's value is kept, as in a ChainMap, whose
  -- order is that of the last map first.
  local all = ordered_dict()
  for i = #outputs, 1, -1 do
    for name, value in pairs(outputs[i]) do all[name] = value end
  end
  for name, value in pairs(at_end) do
    all[name] = value
    for _, one in ipairs(outputs) do one[name] = value end
  end
  logs:log_eval_end_metrics(all)

  if not c.is_oracle() then trainer:_call_hook(hook.stop) end
  logs:reset_results()
  if trainer._module_hooks[hook.train] then
    trainer:_call_module_hook(hook.train)
  else
    for _, entry in ipairs(self._modes) do entry[1].training = entry[2] end
  end
  self._modes = nil
  if self.verbose and trainer.is_global_zero and not c.is_oracle() then
    self:print_results(outputs)
  end
  if trainer._val_check_time_interval then trainer._last_val_time = sim.now() end
  return outputs
end

local function run_once(self)
  local trainer = self.trainer
  self:prepare()
  local pass = self:reset()
  self:on_run_start()
  local previous = 0
  local step = pass.next
  while true do
    local batch, batch_idx, dataloader_idx = step()
    if batch == nil then break end
    if previous ~= dataloader_idx then self:store_outputs() end
    previous = dataloader_idx
    self.batch_progress.is_last_batch = pass.done
    evaluation_step(self, batch, batch_idx, dataloader_idx)
    if self.restarting or self.loaded then self:on_iteration_done() end
  end
  self:store_outputs()
  return self:on_run_end()
end

-- The same hooks as the only process there is.
local function run_oracle(self)
  local trainer = self.trainer
  local state = c.keep(trainer)
  local whole = self._oracle_loaders
  if not whole then
    whole = connector.set_up_oracle(trainer, self.prefix, self._loaders, self:limit())
  end
  self._loaders, self._max_batches = whole, whole.limits
  self._results = trainer._logger_connector:new_results{ training = false }
  trainer._active_results = self._results
  trainer.world_size, trainer.num_devices, trainer.num_nodes = 1, 1, 1
  trainer._logger_connector:reset_metrics()
  run_once(self)
  c.put_back(state)
  self._oracle_loaders = whole
end

function EvaluationLoop:run()
  self:setup_data()
  if self:skip() then return {} end
  return torch.no_grad(function()
    if self.trainer.sanity_checking then return run_once(self) end
    return c.evaluation(self.trainer.current_epoch, run_once, run_oracle, self)
  end)
end

function EvaluationLoop:on_sanity_check_end() progress.reset(self.batch_progress) end

function EvaluationLoop:teardown() self._modes = nil end

-- ---- the table of results ----

local function text_of(value)
  if c.is_tensor(value) then value = value:item() end
  if math.type(value) == "integer" then return format("%d", value) end
  if type(value) == "number" then return c.number_text(value) end
  return tostring(value)
end

-- One column a loader, one line a name.
function EvaluationLoop:print_results(outputs)
  local stage = self.prefix == "test" and "Test" or "Validate"
  local rows, known = {}, {}
  for index, one in ipairs(outputs) do
    for name, value in pairs(one) do
      local plain = name:gsub("/dataloader_idx_%d+$", "")
      local row = known[plain]
      if not row then
        row = { plain }
        known[plain] = row
        rows[#rows + 1] = row
      end
      row[index + 1] = text_of(value)
    end
  end
  if #rows == 0 then return end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  local header = { stage .. " metric" }
  for index = 1, #outputs do header[index + 1] = format("DataLoader %d", index - 1) end
  local width = {}
  for column = 1, #header do
    width[column] = #header[column]
    for _, row in ipairs(rows) do width[column] = max(width[column], #(row[column] or "")) end
  end
  local function line(row)
    local cells = {}
    for column = 1, #header do
      local cell = row[column] or ""
      cells[column] = cell .. (" "):rep(width[column] - #cell)
    end
    print("  " .. table.concat(cells, "    "))
  end
  local rule = {}
  for column = 1, #header do rule[column] = ("-"):rep(width[column]) end
  line(header)
  line(rule)
  for _, row in ipairs(rows) do line(row) end
end

return EvaluationLoop
