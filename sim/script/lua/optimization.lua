-- What happens to the parameters in one training batch: the closure of training_step, zero_grad and
-- backward; the step of the optimiser after it; gradient clipping; and the schedulers.
--
-- Automatic optimisation has one optimiser and runs everything by itself. In manual optimisation
-- the training step calls the optimisers, which are wrapped so that their steps are counted.
local use, c = ...
local class = use("class")
local progress = use("progress")
local rank_zero = use("rank_zero")
local warn = rank_zero.rank_zero_warn
local error, format, getmetatable, ipairs, pairs, rawget, rawset, setmetatable, tostring, type =
  error, string.format, getmetatable, ipairs, pairs, rawget, rawset, setmetatable, tostring, type
local is_tensor = c.is_tensor

local MISCONFIGURED = "MisconfigurationException: "
local RUNTIME = { category = "RuntimeWarning" }

local Optimization = class("Optimization")

function Optimization:init(trainer)
  self.trainer = trainer
  -- { optimizer = { step, zero_grad } }: as a checkpoint names them.
  self.optim_progress = {
    optimizer = { step = progress.new("completed"), zero_grad = progress.new("started") },
  }
  self.optim_step_progress = progress.new("completed") -- manual
  self.skip_backward = false
end

-- ---- the optimiser as hooks and manual optimisation see it ----

local wrapper = {}

function wrapper:step(closure)
  if closure ~= nil and type(closure) ~= "function" then
    error(MISCONFIGURED .. "When `optimizer:step(closure)` is called, the closure should be a " ..
          "function", 0)
  end
  return rawget(self, "_owner"):wrapped_step(rawget(self, "_optimizer"), closure)
end

-- Runs f with only this optimiser's parameters requiring gradients. Without sync_grad the
-- gradients are not reduced.
function wrapper:toggle_model(f, options)
  local owner = rawget(self, "_owner")
  local module = owner.trainer.lightning_module
  local function run()
    module:toggle_optimizer(self)
    f()
    module:untoggle_optimizer(self)
  end
  if options and options.sync_grad == false then owner:without_sync(run) else run() end
end

local wrapper_meta = {
  __name = "LightningOptimizer",
  __tostring = function(self) return tostring(rawget(self, "_optimizer")) end,
  __index = function(self, key)
    if wrapper[key] then return wrapper[key] end
    if key == "optimizer" then return rawget(self, "_optimizer") end
    local optimizer = rawget(self, "_optimizer")
    local value = optimizer[key]
    if type(value) ~= "function" then return value end
    local function forward(_, ...) return value(optimizer, ...) end
    rawset(self, key, forward)
    return forward
  end,
}

local function wrap(optimizer, owner)
  if type(optimizer) == "table" and rawget(optimizer, "_owner") then return optimizer end
  return setmetatable({ _optimizer = optimizer, _owner = owner }, wrapper_meta)
end

-- ---- what configure_optimizers returned ----

local function is_optimizer(value)
  if type(value) == "userdata" then return not is_tensor(value) end
  return type(value) == "table" and type(value.step) == "function" and value.param_groups ~= nil
end

local function is_plateau(scheduler)
  local text = tostring(scheduler)
  return text:sub(1, 17) == "ReduceLROnPlateau" or
         (type(scheduler) == "table" and scheduler._name == "ReduceLROnPlateau")
end

local function is_one_cycle(scheduler)
  return tostring(scheduler):sub(1, 10) == "OneCycleLR" or
         (type(scheduler) == "table" and scheduler._name == "OneCycleLR")
end

local config_keys = {
  scheduler = true, name = true, interval = true, frequency = true, reduce_on_plateau = true,
  monitor = true, strict = true,
}
local manual_ignored = { reduce_on_plateau = true, monitor = true, strict = true }

local function is_config(value) return type(value) == "table" and value.scheduler ~= nil end

-- A table that describes a scheduler but has none in it.
local function is_unfinished(value)
  if type(value) ~= "table" or type(value.step) == "function" then return false end
  for key in pairs(config_keys) do
    if rawget(value, key) ~= nil then return true end
  end
  return false
end

local function new_config(given, monitor, automatic)
  local config = {
    scheduler = given.scheduler, name = given.name, interval = given.interval or "epoch",
    frequency = given.frequency or 1, reduce_on_plateau = false, monitor = nil, strict = true,
  }
  if not automatic then return config end
  config.reduce_on_plateau = given.reduce_on_plateau
  if config.reduce_on_plateau == nil then config.reduce_on_plateau = is_plateau(given.scheduler) end
  config.monitor = given.monitor or monitor
  config.strict = given.strict ~= false
  return config
end

local function check_config(given)
  if given.scheduler == nil then
    error(MISCONFIGURED .. 'The lr scheduler table must have the key "scheduler" with its item ' ..
          "being an lr scheduler", 0)
  end
  if given.interval ~= nil and given.interval ~= "step" and given.interval ~= "epoch" then
    error(format('%sThe "interval" key in the lr scheduler table must be "step" or "epoch" but ' ..
                 'is "%s"', MISCONFIGURED, tostring(given.interval)), 0)
  end
end

local function configure_scheduler(given, monitor, automatic)
  if not is_config(given) then
    if is_unfinished(given) then check_config(given) end
    local plateau = is_plateau(given)
    if automatic and plateau and monitor == nil then
      error(MISCONFIGURED .. "`configure_optimizers` must include a monitor when a " ..
            "`ReduceLROnPlateau` scheduler is used. For example: { optimizer = optimizer, " ..
            'lr_scheduler = scheduler, monitor = "metric_to_track" }', 0)
    end
    return new_config({ scheduler = given }, plateau and monitor or nil, automatic)
  end
  check_config(given)
  local extra, ignored = {}, {}
  for key in pairs(given) do
    if not config_keys[key] then extra[#extra + 1] = tostring(key) end
    if manual_ignored[key] then ignored[#ignored + 1] = key end
  end
  if #extra > 0 then
    warn(format("Found unsupported keys in the lr scheduler table: %s. HINT: remove them from " ..
                "the output of `configure_optimizers`.", table.concat(extra, ", ")), RUNTIME)
  end
  if not automatic and #ignored > 0 then
    warn(format("The lr scheduler table contains the key(s) %s, but the keys will be ignored. You " ..
                "need to call `lr_scheduler:step()` manually in manual optimization.",
                table.concat(ignored, ", ")), RUNTIME)
  end
  local config = new_config(given, nil, automatic)
  if config.reduce_on_plateau and config.monitor == nil then
    error(MISCONFIGURED .. "The lr scheduler table must include a monitor when a " ..
          "`ReduceLROnPlateau` scheduler is used. For example: { optimizer = optimizer, " ..
          'lr_scheduler = { scheduler = scheduler, monitor = "your_loss" } }', 0)
  end
  if automatic and is_one_cycle(config.scheduler) and config.interval == "epoch" then
    warn("A `OneCycleLR` scheduler is using `interval = \"epoch\"`. Are you sure you didn't mean " ..
         '`interval = "step"`?', RUNTIME)
  end
  return config
end

local optimizer_keys = { optimizer = true, lr_scheduler = true, monitor = true }

local function check_described(given)
  local extra = {}
  for key in pairs(given) do
    if not optimizer_keys[key] then extra[#extra + 1] = tostring(key) end
  end
  if #extra > 0 then
    warn("Found unsupported keys in the optimizer configuration: " .. table.concat(extra, ", "),
         RUNTIME)
  end
end

local function is_list_of_optimizers(value)
  if type(value) ~= "table" or #value == 0 then return false end
  for _, item in ipairs(value) do
    if not is_optimizer(item) then return false end
  end
  return true
end

local function list_of(value)
  if value == nil then return {} end
  if type(value) == "table" and value[1] ~= nil and type(value.step) ~= "function" then
    return value
  end
  if type(value) == "table" and next(value) == nil then return {} end
  return { value }
end

-- optimizers, schedulers, monitor
local function understand(first, second)
  if first == nil then return {}, {} end
  if is_optimizer(first) then return { first }, list_of(second) end
  if is_list_of_optimizers(first) then return first, list_of(second) end
  if type(first) == "table" then
    if first.optimizer ~= nil then
      check_described(first)
      return { first.optimizer },
             first.lr_scheduler ~= nil and { first.lr_scheduler } or {}, first.monitor
    end
    if #first == 2 and is_list_of_optimizers(first[1]) then
      return first[1], list_of(first[2])
    end
    local optimizers, schedulers = {}, {}
    for _, item in ipairs(first) do
      if type(item) ~= "table" or item.optimizer == nil then
        optimizers = {}
        break
      end
      check_described(item)
      optimizers[#optimizers + 1] = item.optimizer
      if item.lr_scheduler ~= nil then schedulers[#schedulers + 1] = item.lr_scheduler end
    end
    if #optimizers > 0 then return optimizers, schedulers end
  end
  error(MISCONFIGURED .. "Unknown configuration for model optimizers. `configure_optimizers` " ..
        "should return one of: an optimizer; a list of optimizers; a list of optimizers and a " ..
        "list of schedulers; { optimizer = ..., lr_scheduler = ... }", 0)
end

-- Stands in where configure_optimizers returned nil.
local function no_optimizer()
  return {
    param_groups = {}, step = function() end, zero_grad = function() end,
    state_dict = function() return {} end, load_state_dict = function() end,
  }
end

function Optimization:configure()
  local trainer = self.trainer
  local module = trainer.lightning_module
  local first, second = trainer:_call_module_hook("configure_optimizers")
  if first == nil then
    warn("`LightningModule:configure_optimizers` returned `nil`, this fit will run with no " ..
         "optimizer")
    first = no_optimizer()
  end
  local automatic = module.automatic_optimization
  local optimizers, schedulers, monitor = understand(first, second)
  if automatic and #optimizers > 1 then
    error("RuntimeError: Training with multiple optimizers is only supported with manual " ..
          "optimization. Set `self.automatic_optimization = false`, then access your optimizers " ..
          "in `training_step` with `local opt1, opt2 = self:optimizers()`.", 0)
  end
  trainer.optimizers, trainer._lightning_optimizers, trainer.lr_scheduler_configs = {}, {}, {}
  for i, optimizer in ipairs(optimizers) do
    local wrapped = wrap(optimizer, self)
    trainer._lightning_optimizers[i] = wrapped
    trainer.optimizers[i] = rawget(wrapped, "_optimizer")
  end
  for i, given in ipairs(schedulers) do
    trainer.lr_scheduler_configs[i] = configure_scheduler(given, monitor, automatic)
  end
  self:attach()
end

-- Looks up what a batch needs; after the hooks of the run are known.
function Optimization:attach()
  local trainer = self.trainer
  local module = trainer.lightning_module
  local hooks, own = trainer._hooks, trainer._module_hooks
  self.module = module
  self.optimizer = trainer.optimizers[1]
  self.wrapped_optimizer = trainer._lightning_optimizers[1]
  self.precision = trainer.precision_plugin
  self.own_step = own.optimizer_step
  self.own_backward = own.backward
  self.own_clipping = own.configure_gradient_clipping
  self.own_zero_grad = own.optimizer_zero_grad
  self.wants_outputs = hooks.on_train_batch_end ~= nil or own.on_train_batch_end
  local model = trainer.model
  self.ddp = model ~= module and model or nil
  if self.ddp then self:redirect() end
  -- Made once: what an optimizer_step of the user's gets for a closure.
  self.closure = function() return self:run_closure() end
end

-- ---- one batch ----

-- DDP works in its forward. So the training step is called through it: for the time of one call
-- the module's forward is the step, which puts the real forward back at once.
function Optimization:redirect()
  local module = self.module
  local step_name
  local function step(own, ...)
    rawset(own, "forward", self.kept_forward)
    return own[step_name](own, ...)
  end
  self.kept_forward = rawget(module, "forward")
  function self.through_ddp(name, ...)
    step_name = name
    rawset(module, "forward", step)
    return self.ddp(...)
  end
end

-- Calls `name` of the module as the strategy does: through DDP where there is one.
function Optimization:step_through(name, ...)
  if self.ddp then return self.through_ddp(name, ...) end
  return self.module[name](self.module, ...)
end

function Optimization:without_sync(f)
  if self.ddp and self.ddp.no_sync then return self.ddp:no_sync(f) end
  return f()
end

local function call_list(list, hook, trainer, module, argument)
  for i = 1, #list do
    local callback = list[i]
    callback[hook](callback, trainer, module, argument)
  end
end

-- Callbacks first, then the module.
local function call_both(self, hook, argument)
  local trainer = self.trainer
  local list = trainer._hooks[hook]
  local own = trainer._module_hooks[hook]
  if list == nil and not own then return end
  local module, previous = self.module, trainer._current_hook
  trainer._current_hook = hook
  if list then call_list(list, hook, trainer, module, argument) end
  if own then module[hook](module, argument) end
  trainer._current_hook = previous
end

local function backward(self, loss, ...)
  local trainer, module = self.trainer, self.module
  local scaler = self.precision.scaler
  if scaler then loss = scaler:scale(loss) end
  call_both(self, "on_before_backward", loss)
  if self.own_backward then module:backward(loss, ...) else loss:backward(...) end
  call_both(self, "on_after_backward")
end

-- training_step, zero_grad and backward. Returns the loss, nil if the step returned none.
function Optimization:run_closure()
  local trainer, module = self.trainer, self.module
  local previous = trainer._current_hook
  trainer._current_hook = "training_step"
  local batch_idx = self.batch_idx
  local output = self.precision:forward(self, "training_step", self.batch, batch_idx)
  trainer._current_hook = previous
  self.executed = true

  local loss = self:loss_of(output)
  local extra = type(output) == "table" and output or nil
  local accumulate = trainer.accumulate_grad_batches
  if loss ~= nil then
    if accumulate ~= 1 then loss = loss / accumulate end
    if self.wants_outputs then
      local outputs = { loss = loss:detach():clone() }
      if extra then
        for key, value in pairs(extra) do
          if key ~= "loss" then outputs[key] = value end
        end
      end
      self.outputs = outputs
    end
  end

  if not self.skip_backward then
    if accumulate == 1 or batch_idx % accumulate == 0 then self:zero_grad(batch_idx) end
    if loss ~= nil then
      previous = trainer._current_hook
      trainer._current_hook = "backward"
      backward(self, loss)
      trainer._current_hook = previous
    end
  end
  return loss
end

function Optimization:zero_grad(batch_idx)
  local trainer, optimizer = self.trainer, self.optimizer
  local counters = self.optim_progress.optimizer.zero_grad
  local total, current = counters.total, counters.current
  total.ready, current.ready = total.ready + 1, current.ready + 1
  call_both(self, "on_before_zero_grad", optimizer)
  total.started, current.started = total.started + 1, current.started + 1
  if self.own_zero_grad then
    trainer:_call_module_hook("optimizer_zero_grad", trainer.current_epoch, batch_idx, optimizer)
  else
    optimizer:zero_grad()
  end
  total.completed, current.completed = total.completed + 1, current.completed + 1
end

-- After the closure: the hook, then clipping.
local function after_closure(self, optimizer)
  local trainer, module = self.trainer, self.module
  call_both(self, "on_before_optimizer_step", optimizer)
  if not module.automatic_optimization then return end
  if self.own_clipping then
    trainer:_call_module_hook("configure_gradient_clipping", optimizer, trainer.gradient_clip_val,
                              trainer.gradient_clip_algorithm)
  elseif trainer.gradient_clip_val then
    self:clip_gradients(optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)
  end
end

-- The step itself, after its closure. With a scaler it may be skipped.
local function step(self, optimizer, closure)
  local scaler = self.precision.scaler
  if not scaler then
    if closure then closure() end
    after_closure(self, optimizer)
    return optimizer:step()
  end
  local loss = closure and closure()
  if loss == nil and self.module.automatic_optimization then
    after_closure(self, optimizer)
    return
  end
  scaler:unscale_(optimizer)
  after_closure(self, optimizer)
  scaler:step(optimizer)
  scaler:update()
end

-- What optimizer:step(closure) does in hooks and in manual optimisation.
function Optimization:wrapped_step(optimizer, closure)
  if self.module.automatic_optimization or not self.in_manual_step then
    return step(self, optimizer, closure)
  end
  local counters = self.optim_step_progress
  counters.total.ready = counters.total.ready + 1
  counters.current.ready = counters.current.ready + 1
  step(self, optimizer, closure)
  counters.total.completed = counters.total.completed + 1
  counters.current.completed = counters.current.completed + 1
  self.trainer:_set_global_step(counters.total.completed)
end

-- Automatic optimisation of one batch. Returns what on_train_batch_end gets for outputs.
function Optimization:automatic(batch, batch_idx, accumulating)
  local trainer = self.trainer
  self.batch, self.batch_idx, self.executed, self.outputs = batch, batch_idx, false, nil
  if accumulating then
    self:without_sync(self.closure)
  else
    local counters = self.optim_progress.optimizer.step
    local total, current = counters.total, counters.current
    total.ready, current.ready = total.ready + 1, current.ready + 1
    local previous = trainer._current_hook
    trainer._current_hook = "optimizer_step"
    if self.own_step then
      self.module:optimizer_step(trainer.current_epoch, batch_idx, self.wrapped_optimizer,
                                 self.closure)
    else
      step(self, self.optimizer, self.closure)
    end
    trainer._current_hook = previous
    local completed = total.completed + 1
    total.completed, current.completed = completed, current.completed + 1
    trainer.global_step = completed
    rawset(self.module, "global_step", completed)
  end
  self.batch = nil
  if not self.executed then
    error(MISCONFIGURED .. "The closure hasn't been executed. HINT: did you call " ..
          "`optimizer_closure()` in your `optimizer_step` hook? It could also happen because the " ..
          "`optimizer:step(optimizer_closure)` call did not execute it internally.", 0)
  end
  return self.outputs or (self.wants_outputs and {} or nil)
end

-- The loss in what a plain training step returned, nil if there is none; or an error.
function Optimization:loss_of(output)
  local loss = output
  if type(output) == "table" then
    loss = output.loss
    if loss == nil then
      error(MISCONFIGURED .. "In automatic_optimization, when `training_step` returns a table, " ..
            "the 'loss' key needs to be present", 0)
    end
  end
  if loss == nil then
    if self.trainer.world_size > 1 then
      error("RuntimeError: Skipping the `training_step` by returning nil in distributed training " ..
            "is not supported. It is recommended that you rewrite your training logic to avoid " ..
            "having to skip the step in the first place.", 0)
    end
    warn("`training_step` returned `nil`. If this was on purpose, ignore this warning...")
  elseif not is_tensor(loss) then
    error(MISCONFIGURED .. "In automatic optimization, `training_step` must return a tensor, a " ..
          "table, or nil (where the step will be skipped).", 0)
  end
  return loss
end

local batch_hooks = {
  "on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step",
}

-- What plain batches need (c.run_batches), or nil where somebody wants to know more of them.
function Optimization:plain_plan()
  local trainer = self.trainer
  if self.own_step or self.own_backward or self.own_clipping or self.own_zero_grad
     or self.wants_outputs or self.skip_backward or trainer.gradient_clip_val
     or self.precision.scaler or self.precision.autocast then
    return nil
  end
  for _, hook in ipairs(batch_hooks) do
    if trainer._hooks[hook] or trainer._module_hooks[hook] then return nil end
  end
  local module = self.module
  local counters = self.optim_progress.optimizer
  return {
    optimizer = self.optimizer, steps = counters.step, zeros = counters.zero_grad,
    step_through = self.ddp and self.through_ddp or module.training_step, direct = not self.ddp,
    loss = function(output) return self:loss_of(output) end,
  }
end

-- Manual optimisation of one batch.
function Optimization:manual(batch, batch_idx)
  local trainer = self.trainer
  local previous = trainer._current_hook
  trainer._current_hook = "training_step"
  self.in_manual_step = true
  local ddp = self.ddp
  -- The reducer is prepared by each manual_backward, not by the forward.
  if ddp then ddp.require_backward_grad_sync = false end
  local output = self.precision:forward(self, "training_step", batch, batch_idx)
  if ddp then ddp.require_backward_grad_sync = true end
  self.in_manual_step = false
  trainer._current_hook = previous
  if output == nil then return {} end
  local outputs = {}
  if is_tensor(output) then
    outputs.loss = output
  elseif type(output) == "table" then
    for key, value in pairs(output) do outputs[key] = value end
  else
    error(MISCONFIGURED .. "In manual optimization, `training_step` must either return a tensor " ..
          "or have no return.", 0)
  end
  if outputs.loss ~= nil then outputs.loss = outputs.loss:detach() end
  return outputs
end

function Optimization:manual_backward(loss, ...)
  local trainer, ddp = self.trainer, self.ddp
  local previous = trainer._current_hook
  trainer._current_hook = "backward"
  if ddp and ddp.prepare_for_backward then
    ddp.require_backward_grad_sync = not self.sync_blocked
    ddp:prepare_for_backward(loss)
  end
  backward(self, loss, ...)
  trainer._current_hook = previous
end

-- ---- clipping ----

local algorithms = { norm = true, value = true }

function Optimization.check_algorithm(algorithm)
  if type(algorithm) ~= "string" or not algorithms[algorithm:lower()] then
    error(format("%s`gradient_clip_algorithm` %s is invalid. Allowed algorithms: value, norm.",
                 MISCONFIGURED, tostring(algorithm)), 0)
  end
  return algorithm:lower()
end

function Optimization:clip_gradients(optimizer, clip_val, algorithm)
  local trainer = self.trainer
  if clip_val == nil then clip_val = trainer.gradient_clip_val or 0 end
  if trainer.gradient_clip_val ~= nil and trainer.gradient_clip_val ~= clip_val then
    error(format("%sYou have set `Trainer{ gradient_clip_val = %s }` and have passed " ..
                 "`gradient_clip_val = %s` to `clip_gradients`. Please use only one of them.",
                 MISCONFIGURED, trainer.gradient_clip_val, clip_val), 0)
  end
  if algorithm == nil then
    algorithm = trainer.gradient_clip_algorithm or "norm"
  else
    algorithm = Optimization.check_algorithm(algorithm)
    if trainer.gradient_clip_algorithm ~= nil and trainer.gradient_clip_algorithm ~= algorithm then
      error(format("%sYou have set `Trainer{ gradient_clip_algorithm = \"%s\" }` and have passed " ..
                   "`gradient_clip_algorithm = \"%s\"` to `clip_gradients`. Please use only one " ..
                   "of them.", MISCONFIGURED, trainer.gradient_clip_algorithm, algorithm), 0)
    end
  end
  if clip_val <= 0 then return end
  local parameters = {}
  for _, group in ipairs(optimizer.param_groups) do
    for _, parameter in ipairs(group.params) do parameters[#parameters + 1] = parameter end
  end
  if algorithm == "value" then
    nn.utils.clip_grad_value_(parameters, clip_val)
  else
    nn.utils.clip_grad_norm_(parameters, clip_val)
  end
end

-- ---- schedulers ----

-- Steps the schedulers of this interval whose turn it is; `index` is batch_idx or the epoch.
function Optimization:update_learning_rates(interval, plateau, index, scheduler_progress)
  local trainer = self.trainer
  for _, config in ipairs(trainer.lr_scheduler_configs) do
    if config.reduce_on_plateau == plateau and config.interval == interval and
       (index + 1) % config.frequency == 0 then
      local value
      local known = true
      if plateau then
        value = trainer.callback_metrics[config.monitor]
        if value == nil then
          known = false
          if config.strict then
            local names = {}
            for name in pairs(trainer.callback_metrics) do names[#names + 1] = name end
            error(format("%sReduceLROnPlateau conditioned on metric %s which is not available. " ..
                         "Available metrics are: [%s]. Condition can be set using the `monitor` " ..
                         "key in the lr scheduler table", MISCONFIGURED, config.monitor,
                         table.concat(names, ", ")), 0)
          end
          warn(format("ReduceLROnPlateau conditioned on metric %s which is not available but " ..
                      "strict is set to `false`. Skipping learning rate update.",
                      config.monitor), RUNTIME)
        end
      end
      if known then
        progress.increment(scheduler_progress, "ready")
        trainer:_call_module_hook("lr_scheduler_step", config.scheduler, value)
        progress.increment(scheduler_progress, "completed")
      end
    end
  end
end

return Optimization
