-- Epochs, and the batches of an epoch: Lightning's FitLoop and TrainingEpochLoop.
--
-- The order of hooks, counters and collectives is that of the original, also where it is odd:
-- `processed` counts before on_train_epoch_end and `completed` after it, validation at the end of
-- an epoch runs before the epoch's end hooks, and should_stop is looked at by each rank alone.
local use, c = ...
local connector = use("data_connector")
local EvaluationLoop = use("evaluation_loop")
local Loop = use("loop")
local Optimization = use("optimization")
local progress = use("progress")
local rank_zero = use("rank_zero")
local resume = use("resuming")
local info, warn = rank_zero.rank_zero_info, rank_zero.rank_zero_warn
local error, floor, format, huge, ipairs, math_type, max, rawset, tostring =
  error, math.floor, string.format, math.huge, ipairs, math.type, math.max, rawset, tostring

local POSSIBLE = { category = "PossibleUserWarning" }

local function reached(current, limit) return limit ~= -1 and current >= limit end

-- ---- the batches of an epoch ----

local AutomaticState = Loop:extend("AutomaticOptimization")
local ManualState = Loop:extend("ManualOptimization")

-- How a checkpoint names the two ways to optimise.
function AutomaticState:init(trainer, optimization)
  self.trainer, self.optimization = trainer, optimization
end

function AutomaticState:state_dict(out, prefix)
  local counters = self.optimization.optim_progress.optimizer
  out[prefix .. "state_dict"] = {}
  out[prefix .. "optim_progress"] = { optimizer = {
    step = progress.state_dict(counters.step),
    zero_grad = progress.state_dict(counters.zero_grad),
  } }
end

function AutomaticState:load_own_state(state, prefix)
  local saved = state[prefix .. "optim_progress"]
  if not saved then return end
  local counters = self.optimization.optim_progress.optimizer
  progress.load_state_dict(counters.step, saved.optimizer.step)
  progress.load_state_dict(counters.zero_grad, saved.optimizer.zero_grad)
end

function ManualState:init(trainer, optimization)
  self.trainer, self.optimization = trainer, optimization
end

function ManualState:state_dict(out, prefix)
  out[prefix .. "state_dict"] = {}
  out[prefix .. "optim_step_progress"] =
    progress.state_dict(self.optimization.optim_step_progress)
end

function ManualState:load_own_state(state, prefix)
  local saved = state[prefix .. "optim_step_progress"]
  if saved then progress.load_state_dict(self.optimization.optim_step_progress, saved) end
end

local EpochLoop = Loop:extend("TrainingEpochLoop")

EpochLoop.parts = {
  { "batch_progress", "progress" }, { "scheduler_progress", "progress" },
  { "automatic_optimization", "loop" }, { "manual_optimization", "loop" }, { "val_loop", "loop" },
}

function EpochLoop:init(trainer, min_steps, max_steps)
  self.trainer = trainer
  if max_steps < -1 then
    error(format("MisconfigurationException: `max_steps` must be a non-negative integer or -1 " ..
                 "(infinite steps). You passed in %s.", max_steps), 0)
  end
  self.min_steps, self.max_steps = min_steps, max_steps
  self.batch_progress = progress.new("processed", true)
  self.scheduler_progress = progress.new("completed")
  self.optimization = Optimization(trainer)
  trainer._optimization = self.optimization
  self.automatic_optimization = AutomaticState(trainer, self.optimization)
  self.manual_optimization = ManualState(trainer, self.optimization)
  self.val_loop = EvaluationLoop(trainer, "fit", "val", { verbose = false })
  self._results = trainer._logger_connector:new_results{ training = true }
  self._batches_that_stepped = 0
  self.restart_stage = "none"
  self._skip_next_val = false
end

-- Index of the batch in the epoch, and over all epochs. `ready` is counted first.
function EpochLoop:get_batch_idx() return self.batch_progress.current.ready - 1 end
function EpochLoop:get_total_batch_idx() return self.batch_progress.total.ready - 1 end

function EpochLoop:global_step()
  local module = self.trainer.lightning_module
  if module == nil or module.automatic_optimization then
    return self.optimization.optim_progress.optimizer.step.total.completed
  end
  return self.optimization.optim_step_progress.total.completed
end

-- True in the last batch of the epoch.
local function last_batch_ready(self)
  local batches = self.batch_progress
  return batches.is_last_batch or batches.current.ready == self.trainer.num_training_batches
end
EpochLoop._num_ready_batches_reached = last_batch_ready

local function should_accumulate(self)
  local every = self.trainer.accumulate_grad_batches
  if every == 1 then return false end
  return self.batch_progress.current.ready % every ~= 0 and not last_batch_ready(self)
end
EpochLoop._should_accumulate = should_accumulate

local function is_training_done(self)
  return reached(self.trainer.global_step, self.max_steps) or last_batch_ready(self)
end

local function done(self)
  local trainer = self.trainer
  if is_training_done(self) and (not self.restarting or self.val_loop._has_run) then return true end
  if trainer.should_stop then
    local can = trainer.fit_loop:can_stop_early()
    if not can and not self.said_too_early then
      self.said_too_early = true
      info(format("Trainer was signaled to stop but the required `min_epochs=%s` or " ..
                  "`min_steps=%s` has not been met. Training will continue...",
                  tostring(trainer.fit_loop.min_epochs), tostring(self.min_steps or "None")))
    end
    return can
  end
  return false
end

function EpochLoop:update_restart_stage()
  local total = self.batch_progress.total
  if self.restarting and total.started == total.ready and total.processed == total.started then
    if total.completed == total.processed - 1 then
      self.restart_stage = "on_train_batch_end"
    elseif total.completed == total.processed then
      self.restart_stage = "on_last"
    else
      self.restart_stage = "none"
    end
  else
    self.restart_stage = "none"
  end
  self.val_loop:update_restart_stage()
end

function EpochLoop:reset_restart_stage() self.restart_stage = "none" end

function EpochLoop:reset_progress(reset)
  reset(self.batch_progress)
  reset(self.scheduler_progress)
  reset(self.optimization.optim_progress.optimizer.step)
  reset(self.optimization.optim_progress.optimizer.zero_grad)
end

function EpochLoop:reset()
  local trainer, batches = self.trainer, self.batch_progress
  local stage = self.restart_stage
  if self.restarting and not should_accumulate(self) and
     (stage == "on_train_batch_end" or stage ~= "on_last") then
    -- A checkpoint is saved before this is counted.
    self._batches_that_stepped = self._batches_that_stepped + 1
  end
  if stage == "on_train_batch_end" then
    progress.increment(batches, "completed")
    if batches.current.completed >= trainer.num_training_batches then
      self:reset_progress(progress.reset_on_run)
      progress.zero(self.val_loop.batch_progress.total)
    end
  end
  if not self.restarting then
    self:reset_progress(progress.reset_on_run)
    progress.zero(self.val_loop.batch_progress.total)
    return
  end
  self:reset_progress(progress.reset_on_restart)
  local batches_an_epoch = trainer.num_training_batches
  if batches_an_epoch < huge then
    local expected = math.ceil(batches_an_epoch / trainer.accumulate_grad_batches)
    if trainer.global_step % expected ~= 0 then
      warn("You're resuming from a checkpoint that ended before the epoch ended and your " ..
           "dataloader is not resumable. This can cause unreliable results if further training " ..
           "is done. Consider using an end-of-epoch checkpoint.", POSSIBLE)
    end
  end
end

function EpochLoop:on_run_start()
  local fit_loop = self.trainer.fit_loop
  if self.trainer.current_epoch > 0 and not fit_loop.is_resuming and not self.restarting then
    fit_loop._pass = connector.train_pass(fit_loop._loaders)
  end
  local pass = fit_loop._pass
  pass.fetched = pass.fetched + self.batch_progress.current.ready
  return pass
end

-- `_calling` says whose turn it is: a checkpoint that is saved then knows whose comes after.
local function call_list(list, hook, trainer, module, ...)
  for i = 1, #list do
    local callback = list[i]
    trainer._calling = callback
    callback[hook](callback, trainer, module, ...)
  end
end

-- One training batch. False where the rest of the epoch is skipped.
local function advance(self, pass)
  local trainer = self.trainer
  if self.restarting and self:should_check_val(pass) then
    if self.val_loop.restart_stage == "mid_evaluation" then return true end
    if self.restart_stage == "on_last" then
      self._skip_next_val = true
      return true
    end
    self.val_loop:increment_progress_to_evaluation_end()
  end
  self.val_loop.restarting = false

  if self.sigterm then c.agree_on_sigterm(self.sigterm) end
  local batches = self.batch_progress
  local total, current = batches.total, batches.current
  local batch = pass.next()
  if batch == nil then return false end
  local fetched = pass.fetched + 1
  pass.fetched = fetched
  local length = pass.length
  if length < huge then pass.done = fetched >= length end
  local batch_idx = current.ready
  batches.is_last_batch = pass.done

  if self.transfer then batch = trainer:_transfer(self.transfer, batch, 0) end
  total.ready, current.ready = total.ready + 1, batch_idx + 1
  self.batch_idx = batch_idx
  local logs = trainer._logger_connector
  logs:on_batch_start(batch)

  local module = trainer.lightning_module
  local outputs, skip
  local list = self.on_start
  if list then
    trainer._current_hook = "on_train_batch_start"
    call_list(list, "on_train_batch_start", trainer, module, batch, batch_idx)
    trainer._current_hook = nil
  end
  if self.own_start then
    trainer._current_hook = "on_train_batch_start"
    skip = module:on_train_batch_start(batch, batch_idx) == -1
    trainer._current_hook = nil
  end
  local accumulating = should_accumulate(self)
  if skip then
    batches.is_last_batch = true
  else
    total.started, current.started = total.started + 1, current.started + 1
    if self.automatic then
      outputs = self.optimization:automatic(batch, batch_idx, accumulating)
    else
      outputs = self.optimization:manual(batch, batch_idx)
    end
  end
  total.processed, current.processed = total.processed + 1, current.processed + 1

  if self.schedules then
    if not should_accumulate(self) then self:update_lr_schedulers("step", false) end
    if last_batch_ready(self) then self:update_lr_schedulers("epoch", false) end
  end
  if skip then return false end

  list = self.on_end
  self._outputs = outputs
  if list then
    trainer._current_hook = "on_train_batch_end"
    call_list(list, "on_train_batch_end", trainer, module, outputs, batch, batch_idx)
    trainer._current_hook = nil
  end
  if self.own_end then
    trainer._current_hook, trainer._calling = "on_train_batch_end", module
    module:on_train_batch_end(outputs, batch, batch_idx)
    trainer._current_hook = nil
  end
  logs:on_batch_end()
  total.completed, current.completed = total.completed + 1, current.completed + 1
  logs:update_train_step_metrics()
  return true
end

-- The same from on_train_batch_end on, for those whose turn had not come when it was saved.
local function finish_batch(self, state)
  local trainer = self.trainer
  local logs = trainer._logger_connector
  local batch_idx = self:get_batch_idx()
  self.batch_idx = batch_idx
  if state.last_batch then logs:attach_batch(state.last_batch) end
  resume.call_rest(trainer, state, state.own.outputs, state.last_batch, batch_idx)
  logs:on_batch_end()
  progress.increment(self.batch_progress, "completed")
  logs:update_train_step_metrics()
end

function EpochLoop:update_lr_schedulers(interval, plateau)
  local trainer = self.trainer
  if not trainer.lightning_module.automatic_optimization then return end
  local index = interval == "step" and self:get_batch_idx() or trainer.current_epoch
  self.optimization:update_learning_rates(interval, plateau, index, self.scheduler_progress)
end

function EpochLoop:should_check_val_epoch()
  local trainer = self.trainer
  local every = trainer.check_val_every_n_epoch
  return trainer.enable_validation and
         (not every or (trainer.current_epoch + 1) % every == 0)
end

function EpochLoop:should_check_val(pass)
  local trainer = self.trainer
  if not self:should_check_val_epoch() then return false end
  local every = trainer.val_check_batch
  local is_last = self.batch_progress.is_last_batch
  if is_last and every == huge then return true end
  if trainer.should_stop and trainer.fit_loop:can_stop_early() then return true end
  local interval = trainer._val_check_time_interval
  if interval then return sim.now() - trainer._last_val_time >= interval end
  local limit = trainer.limit_train_batches
  if math_type(limit) == "integer" and every == huge then
    return (self:get_batch_idx() + 1) % limit == 0
  end
  if every ~= huge then
    -- Over all epochs where no epoch interval is set.
    local index = trainer.check_val_every_n_epoch and self:get_batch_idx()
                  or self:get_total_batch_idx()
    return (index + 1) % every == 0
  end
  return is_last
end

-- After a batch and the validation behind it, if there was one.
local function finish_round(self)
  local trainer = self.trainer
  local accumulating = should_accumulate(self)
  if self.schedules and not accumulating then self:update_lr_schedulers("step", true) end
  if not accumulating then self._batches_that_stepped = self._batches_that_stepped + 1 end
  if trainer.should_stop then
    for _, logger in ipairs(trainer.loggers) do logger:save() end
  end
end

local function on_advance_end(self, pass)
  local trainer = self.trainer
  if trainer.enable_validation then
    local check = self:should_check_val(pass)
    if self._skip_next_val then check, self._skip_next_val = false, false end
    if check then
      trainer:_set_stage("validating")
      local logs = trainer._logger_connector
      local first = logs._first_loop_iter
      self._first_before_val = first
      if not should_accumulate(self) then
        trainer:_call_module_hook("on_validation_model_zero_grad")
      end
      self.val_loop:run()
      trainer:_set_stage("training")
      logs._first_loop_iter = first
    end
  end
  finish_round(self)
end

-- What the batches of this epoch need is looked up once.
function EpochLoop:prepare()
  local trainer = self.trainer
  local hooks, own = trainer._hooks, trainer._module_hooks
  self.on_start, self.on_end = hooks.on_train_batch_start, hooks.on_train_batch_end
  self.own_start, self.own_end = own.on_train_batch_start, own.on_train_batch_end
  self.automatic = trainer.lightning_module.automatic_optimization
  self.schedules = self.automatic and #trainer.lr_scheduler_configs > 0
  self.transfer = trainer:_transfer_hooks()
  self.optimization:attach()
  self.sigterm = trainer.strategy.is_distributed and trainer.world_size > 1 and
                 c.new_sigterm() or nil
end

-- What c.run_batches needs of this epoch, or nil where something is special about its batches.
local function plain_plan(self, pass)
  local trainer = self.trainer
  if not pass.loader_step or pass.length == huge or self.restarting or self.loaded or self.transfer
     or self.on_start or self.own_start or self.on_end or self.own_end or not self.automatic
     or self.schedules or trainer.accumulate_grad_batches ~= 1 or trainer._val_check_time_interval
     or self._skip_next_val then
    return nil
  end
  local optimization = self.optimization
  local plan = optimization:plain_plan()
  if plan == nil then return nil end
  plan.trainer, plan.module, plan.pass = trainer, trainer.lightning_module, pass
  plan.next, plan.batches, plan.sigterm = pass.loader_step, self.batch_progress, self.sigterm
  plan.max_steps = self.max_steps
  plan.check_every = 0
  if self:should_check_val_epoch() then
    plan.check_every = trainer.val_check_batch
    if plan.check_every == huge then plan.check_every = pass.length end
    plan.check_total = not trainer.check_val_every_n_epoch
  end
  plan.logs = trainer._logger_connector
  plan.logs_step = #trainer.loggers > 0 and plan.logs.update_train_step_metrics or nil
  self.val_loop.restarting = false
  return plan
end

local function run_batches(self, pass)
  local plan = plain_plan(self, pass)
  while plan do
    local what = c.run_batches(self, plan)
    if what ~= "look" then break end
    on_advance_end(self, pass)
    if self.schedules or self.restarting or self.loaded then break end
  end
  if plan and pass.fetched >= pass.length then return end
  while not done(self) do
    local more = advance(self, pass)
    if more then on_advance_end(self, pass) end
    if self.restarting or self.loaded then self:on_iteration_done() end
    if not more then break end
  end
end

function EpochLoop:run()
  self:prepare()
  self:reset()
  run_batches(self, self:on_run_start())
end

-- Goes on in the middle of an epoch, behind the call that saved the checkpoint.
function EpochLoop:run_resumed(state)
  local trainer = self.trainer
  local pass = trainer.fit_loop._pass
  self:prepare()
  if state.place == "batch_end" then
    finish_batch(self, state)
    on_advance_end(self, pass)
  else
    trainer:_set_stage("validating")
    resume.call_rest(trainer, state)
    trainer:_set_stage("training")
    trainer._logger_connector._current_fx = nil
    finish_round(self)
  end
  run_batches(self, pass)
end

function EpochLoop:on_save_checkpoint()
  return { _batches_that_stepped = self._batches_that_stepped }
end

function EpochLoop:on_load_checkpoint(state)
  self._batches_that_stepped = state._batches_that_stepped or 0
end

-- ---- epochs ----

local FitLoop = Loop:extend("FitLoop")

FitLoop.parts = { { "epoch_loop", "loop" }, { "epoch_progress", "progress" } }

function FitLoop:init(trainer, options)
  self.trainer = trainer
  local max_epochs = options.max_epochs
  if math_type(max_epochs) == "integer" and max_epochs < -1 then
    error(format("MisconfigurationException: `max_epochs` must be a non-negative integer or -1. " ..
                 "You passed in %d.", max_epochs), 0)
  end
  self.max_epochs, self.min_epochs = max_epochs, options.min_epochs
  self.epoch_loop = EpochLoop(trainer, options.min_steps, options.max_steps)
  self.epoch_progress = progress.new("processed")
  self.max_batches = huge
  self._source = connector.source("train_dataloader")
  self._loaders = nil
  self._pass = nil
  self._reloaded = -huge
  self.restart_stage = "none"
end

-- A loop whose last epoch was finished does not restart, except when steps are what counts.
function FitLoop:set_restarting(flag)
  local current = self.epoch_progress.current
  local unfinished = current.ready ~= current.processed or current.started ~= current.processed
  flag = (flag and unfinished) or self.trainer.max_steps ~= -1
  Loop.set_restarting(self, flag)
end

function FitLoop:can_stop_early()
  local min_epochs, min_steps = self.min_epochs, self.epoch_loop.min_steps
  local epochs = not min_epochs or min_epochs == 0 or
                 self.epoch_progress.current.processed >= min_epochs
  local steps = not min_steps or min_steps == 0 or self.trainer.global_step >= min_steps
  return epochs and steps
end

function FitLoop:done()
  local trainer = self.trainer
  if self.max_batches == 0 then
    info("`Trainer:fit` stopped: No training batches.")
    return true
  end
  local max_steps = self.epoch_loop.max_steps
  if reached(trainer.global_step, max_steps) then
    info(format("`Trainer:fit` stopped: `max_steps=%d` reached.", max_steps))
    return true
  end
  local current = self.epoch_progress.current
  if reached(current.processed, self.max_epochs) then
    current.completed = current.processed
    trainer:_set_current_epoch(current.completed)
    info(format("`Trainer:fit` stopped: `max_epochs=%d` reached.", self.max_epochs))
    return true
  end
  return trainer.should_stop and self:can_stop_early() or false
end

function FitLoop:run()
  self:setup_data()
  local state = resume.take(self.trainer)
  local inside = state and state.place ~= "between"
  if not inside and self:done() or self.trainer.limit_train_batches == 0 then return end
  if state then
    self:go_on(state)
  else
    self:reset()
    self:on_run_start()
  end
  while not self:done() do
    self:on_advance_start()
    self.epoch_loop:run()
    self:on_advance_end()
    self:on_iteration_done()
  end
  self.restarting = false
  self:on_run_end()
end

-- From a checkpoint that knows where it was saved: to the end of that epoch, if it was in one.
function FitLoop:go_on(state)
  local trainer, epoch_loop = self.trainer, self.epoch_loop
  Loop.set_restarting(self, false)
  for _, loop in ipairs{ self, epoch_loop, epoch_loop.val_loop } do
    loop.restarting, loop.loaded, loop.is_resuming, loop.restart_stage = false, false, false, "none"
  end
  trainer:_set_current_epoch(self.epoch_progress.current.completed)
  self:start_hooks()

  local place = state.place
  if place ~= "between" then
    for _, loader in ipairs(self._loaders.loaders) do
      connector.set_epoch(loader, self.epoch_progress.current.processed -
                                  (place == "epoch_end" and 1 or 0))
    end
  end
  if place == "batch_end" or place == "validation_end" then
    local batches = epoch_loop.batch_progress
    self._pass = connector.train_pass(self._loaders, state.own.passes, #state.behind > 0)
    self._pass.fetched = batches.current.ready
    self._pass.done = batches.is_last_batch
    local batch, transfer = self._pass.last_batch, trainer:_transfer_hooks()
    state.last_batch = batch and transfer and trainer:_transfer(transfer, batch, 0) or batch
  end
  resume.put_back(trainer, state)
  if place == "between" then return end
  if place == "epoch_start" then
    resume.call_rest(trainer, state)
    progress.increment(self.epoch_progress, "started")
    epoch_loop:run()
    self:on_advance_end()
  elseif place == "epoch_end" then
    epoch_loop:prepare()
    resume.call_rest(trainer, state)
    self:finish_epoch()
  else
    epoch_loop:run_resumed(state)
    self:on_advance_end()
  end
end

function FitLoop:setup_data()
  local trainer = self.trainer
  local reload = trainer.reload_dataloaders_every_n_epochs
  local due = reload > 0 and trainer.current_epoch - self._reloaded >= reload
  if self._loaders and not due then return end
  local module = trainer.lightning_module
  if trainer.limit_train_batches == 0 or not module:overrides("training_step") then return end

  local loaders = connector.set_up(trainer, "train", self._source, trainer.limit_train_batches)
  self._loaders = loaders
  trainer.train_dataloader = connector.shown(loaders)
  self._pass = connector.train_pass(loaders)
  self.max_batches = connector.train_length(loaders)
  trainer.num_training_batches = self.max_batches
  local known = loaders.has_length and
    connector.agree_on_combined_length(trainer, self.max_batches, loaders.allow_zero)
  if self.max_batches == 0 then return end
  self._reloaded = trainer.current_epoch
  self:set_val_check_batch(known)
  if #trainer.loggers > 0 and self.max_batches < trainer.log_every_n_steps and
     not trainer.fast_dev_run then
    warn(format("The number of training batches (%d) is smaller than the logging interval " ..
                "Trainer{ log_every_n_steps = %d }. Set a lower value for log_every_n_steps if " ..
                "you want to see logs for the training epoch.", self.max_batches,
                trainer.log_every_n_steps), POSSIBLE)
  end
end

function FitLoop:set_val_check_batch(known)
  local trainer = self.trainer
  local every = trainer.val_check_interval
  if trainer._val_check_time_interval then
    trainer.val_check_batch = nil
    trainer._last_val_time = sim.now()
  elseif math_type(every) == "integer" then
    trainer.val_check_batch = every
    if every > self.max_batches and trainer.check_val_every_n_epoch and
       trainer.limit_val_batches > 0 then
      error(format(
        "ValueError: `val_check_interval` (%d) must be less than or equal to the number of the " ..
        "training batches (%d). If you want to disable validation set `limit_val_batches` to 0.0 " ..
        "instead. If you want to validate based on the total training batches, set " ..
        "`check_val_every_n_epoch = false`.", every, self.max_batches), 0)
    end
  elseif not known then
    if every ~= 1.0 then
      error("MisconfigurationException: When a `train_dataloader` has no length, " ..
            "`val_check_interval` must be time based, `1.0` or an integer. An integer k " ..
            "specifies checking validation every k training batches.", 0)
    end
    trainer.val_check_batch = huge
  else
    trainer.val_check_batch = max(1, floor(self.max_batches * every))
  end
end

function FitLoop:update_restart_stage()
  local total = self.epoch_progress.total
  local stage = "none"
  if self.restarting and total.started == total.ready - 1 and
     total.processed == total.started and total.completed == total.processed then
    stage = "on_epoch_start"
  elseif self.restarting and total.started == total.ready and
         total.processed == total.started - 1 and total.completed == total.processed then
    stage = "mid_epoch"
  elseif total.started == total.ready and total.processed == total.started and
         total.completed == total.processed - 1 then
    if self.restarting then
      stage = "on_epoch_end"
    elseif self.loaded then
      stage = "resumed_on_epoch_end"
    end
  end
  self.restart_stage = stage
  self.epoch_loop:update_restart_stage()
end

function FitLoop:reset_restart_stage() self.restart_stage = "none" end

function FitLoop:reset()
  self:update_restart_stage()
  local epochs, epoch_loop = self.epoch_progress, self.epoch_loop
  local stage = self.restart_stage
  if stage == "on_epoch_start" then progress.reset_on_restart(epochs) end
  if stage == "resumed_on_epoch_end" then progress.increment(epochs, "completed") end
  if epoch_loop.restart_stage == "on_train_batch_end" and
     epoch_loop.batch_progress.is_last_batch then
    if stage == "mid_epoch" then
      progress.increment(epochs, "processed")
      progress.increment(epochs, "completed")
    elseif not epoch_loop.val_loop.batch_progress.is_last_batch then
      progress.increment(epochs, "completed")
    end
  end
  self.trainer:_set_current_epoch(epochs.current.completed)
end

function FitLoop:on_run_start()
  local trainer = self.trainer
  if trainer.max_steps == -1 then
    self.epoch_progress.current.completed = self.epoch_progress.current.processed
    trainer:_set_current_epoch(self.epoch_progress.current.completed)
  end
  self:start_hooks()
end

function FitLoop:start_hooks()
  local trainer, epoch_loop = self.trainer, self.epoch_loop
  if epoch_loop:should_check_val_epoch() and epoch_loop.val_loop._loaders == nil then
    trainer:_set_stage("validating")
    epoch_loop.val_loop:setup_data()
    trainer:_set_stage("training")
  end
  local sleeping = 0
  for _, module in ipairs(trainer.lightning_module:modules()) do
    if not module.training then sleeping = sleeping + 1 end
  end
  if sleeping > 0 then
    warn(format("Found %d module(s) in eval mode at the start of training. This may lead to " ..
                "unexpected behavior during training. If this is intentional, you can ignore " ..
                "this warning.", sleeping), POSSIBLE)
  end
  trainer:_call_hook("on_train_start")
end

function FitLoop:on_advance_start()
  local trainer = self.trainer
  self:setup_data()
  for _, loader in ipairs(self._loaders.loaders) do
    connector.set_epoch(loader, self.epoch_progress.current.processed)
  end
  local stage = self.restart_stage
  if stage ~= "mid_epoch" and stage ~= "on_epoch_end" then
    if stage ~= "on_epoch_start" then progress.increment(self.epoch_progress, "ready") end
    trainer:_call_hook("on_train_epoch_start")
    progress.increment(self.epoch_progress, "started")
  end
end

function FitLoop:on_advance_end()
  local trainer = self.trainer
  local logs = trainer._logger_connector
  logs:epoch_end_reached()
  progress.increment(self.epoch_progress, "processed")
  -- Callbacks first, but those that monitor a metric after the module, which may log it here.
  trainer:_call_callbacks(trainer._epoch_end_others, "on_train_epoch_end")
  trainer:_call_module_hook("on_train_epoch_end")
  trainer:_call_callbacks(trainer._epoch_end_monitors, "on_train_epoch_end")
  self:finish_epoch()
end

-- What comes after the hooks of an epoch's end.
function FitLoop:finish_epoch()
  local trainer, epoch_loop = self.trainer, self.epoch_loop
  local logs = trainer._logger_connector
  logs:on_epoch_end()
  if epoch_loop.schedules and not self.restarting and last_batch_ready(epoch_loop) then
    epoch_loop:update_lr_schedulers("epoch", true)
  end
  -- Loggers expect the step of the last batch.
  epoch_loop._batches_that_stepped = epoch_loop._batches_that_stepped - 1
  logs:update_train_epoch_metrics()
  epoch_loop._batches_that_stepped = epoch_loop._batches_that_stepped + 1
  progress.increment(self.epoch_progress, "completed")
  trainer:_set_current_epoch(self.epoch_progress.current.completed)
end

function FitLoop:on_run_end() self.trainer:_call_hook("on_train_end") end

function FitLoop:teardown() self._pass = nil end

return FitLoop
