-- Trainer: Lightning's, in the order of its hooks and with its collectives.
--
--   local trainer = Trainer{ max_epochs = 2, strategy = "ddp" }
--   trainer:fit(model, train_loader, val_loader)
--
-- Every rank runs this program. What users read (global_step, current_epoch, should_stop, ...) are
-- plain fields; a few that cost a collective or a computation are properties: callback_metrics,
-- logged_metrics, progress_bar_metrics, log_dir, logger.
--
-- Hooks are found once for each entry point: `_hooks` holds, by name, the callbacks that bring one,
-- `_module_hooks` whether the module does. A hook that nobody brings costs nothing.
local use, c = ...
local class = use("class")
local Callback = use("callback")
local LightningModule = use("lightning_module")
local connector = use("data_connector")
local options_of = use("options")
local rank_zero = use("rank_zero")
local seed = use("seed")
local setup = use("trainer_setup")
local all_callbacks, first_callback = setup.all_callbacks, setup.first_callback
local is_checkpoint, is_early_stopping = setup.is_checkpoint, setup.is_early_stopping
local is_progress_bar = setup.is_progress_bar
local info, warn = rank_zero.rank_zero_info, rank_zero.rank_zero_warn
local error, format, getmetatable, huge, ipairs, min, next, pairs, print, rawget, rawset,
  setmetatable, tostring, type =
  error, string.format, getmetatable, math.huge, ipairs, math.min, next, pairs, print, rawget,
  rawset, setmetatable, tostring, type

local MISCONFIGURED = "MisconfigurationException: "
local POSSIBLE = { category = "PossibleUserWarning" }

local Trainer = class("Trainer")

-- ---- properties ----

local properties = {}

function properties.callback_metrics(self) return self._logger_connector.callback_metrics end
function properties.logged_metrics(self) return self._logger_connector.logged_metrics end
function properties.progress_bar_metrics(self)
  return self._logger_connector.progress_bar_metrics
end

-- Where rank 0 writes; a collective, as in the original.
function properties.log_dir(self)
  local logger = self.loggers[1]
  local dir = self.default_root_dir
  if logger then
    local kind = logger._name or ""
    if kind == "TensorBoardLogger" or kind == "CSVLogger" then
      dir = logger.log_dir
    else
      dir = logger.save_dir
    end
  end
  return self.strategy:broadcast(dir, 0, "log_dir")
end

function properties.logger(self) return self.loggers[1] end
function properties.is_last_batch(self) return self.fit_loop.epoch_loop.batch_progress.is_last_batch end
function properties.interrupted(self) return self.state.status == "interrupted" end
function properties.evaluating(self) return self.validating or self.testing end

function properties.checkpoint_callback(self) return first_callback(self, is_checkpoint) end
function properties.early_stopping_callback(self) return first_callback(self, is_early_stopping) end
function properties.progress_bar_callback(self) return first_callback(self, is_progress_bar) end

function properties.checkpoint_callbacks(self) return all_callbacks(self, is_checkpoint) end
function properties.early_stopping_callbacks(self) return all_callbacks(self, is_early_stopping) end

-- Before the loaders are set up: the one that fit was given. There the original has none, and
-- what callbacks like to log in on_fit_start, its batch_size, fails.
function properties.train_dataloader(self)
  local given = self.fit_loop._source.instance
  return c.is_loader(given) and given or nil
end

-- Optimiser steps of the whole fit; asks for the training loader if nobody has yet.
function properties.estimated_stepping_batches(self)
  if self.max_epochs == -1 then return self.max_steps == -1 and huge or self.max_steps end
  if rawget(self, "train_dataloader") == nil then self.fit_loop:setup_data() end
  local batches = self.num_training_batches
  if batches == huge then return self.max_steps end
  local windows = math.ceil(batches / self.accumulate_grad_batches)
  local steps = windows * math.max(self.max_epochs, 1)
  return self.max_steps ~= -1 and min(steps, self.max_steps) or steps
end

Trainer._instances.__index = function(self, key)
  local method = Trainer[key]
  if method ~= nil then return method end
  local property = properties[key]
  if property then return property(self) end
end

Trainer._instances.__newindex = function(self, key, value)
  if key == "logger" then
    rawset(self, "loggers", value and { value } or {})
  else
    rawset(self, key, value)
  end
end

Trainer.init = setup.init

-- ---- state ----

local stages = {
  training = "train", validating = "validate", testing = "test", predicting = "predict",
  sanity_checking = "sanity_check",
}

-- Exactly one of training, validating, testing, predicting and sanity_checking is true, or none.
function Trainer:_set_stage(stage)
  self.training, self.validating, self.testing = false, false, false
  self.predicting, self.sanity_checking = false, false
  if stage then self[stage] = true end
  self.state.stage = stage and stages[stage]
  local loop
  local fn = self.state.fn
  if fn == "fit" then
    loop = stage == "training" and self.fit_loop.epoch_loop or self.fit_loop.epoch_loop.val_loop
  elseif fn == "validate" then
    loop = self.validate_loop
  elseif fn == "test" then
    loop = self.test_loop
  end
  self._active_results = stage and loop and loop._results or nil
  self._active_loop = stage and (loop or self.predict_loop) or nil
end

function Trainer:_set_global_step(step)
  self.global_step = step
  if self.lightning_module then rawset(self.lightning_module, "global_step", step) end
end

function Trainer:_set_current_epoch(epoch)
  self.current_epoch = epoch
  if self.lightning_module then rawset(self.lightning_module, "current_epoch", epoch) end
end

-- After loops were restored: what is shown follows from their counters.
function Trainer:_read_counters()
  self:_set_global_step(self.fit_loop.epoch_loop:global_step())
  self:_set_current_epoch(self.fit_loop.epoch_progress.current.completed)
end

function Trainer:_set_batch_counts()
  local fit_val = self.fit_loop.epoch_loop.val_loop
  self.num_val_batches = self.state.fn == "validate" and self.validate_loop._max_batches or
                         fit_val._max_batches
  self.num_test_batches = self.test_loop._max_batches
  local sanity = {}
  for i, batches in ipairs(fit_val._max_batches) do
    sanity[i] = min(self.num_sanity_val_steps, batches)
  end
  self.num_sanity_val_batches = sanity
end

-- ---- hooks ----

-- Looks up who brings which hook; after callbacks were added.
function Trainer:_find_hooks()
  local hooks, own = {}, {}
  for _, hook in ipairs(Callback.hooks) do
    local list
    for _, callback in ipairs(self.callbacks) do
      local f = callback[hook]
      if f ~= nil and f ~= Callback[hook] then
        list = list or {}
        list[#list + 1] = callback
      end
    end
    hooks[hook] = list
  end
  local module = self.lightning_module
  setmetatable(own, { __index = function(found, hook)
    local answer = module[hook] ~= nil and module[hook] ~= LightningModule[hook]
    found[hook] = answer
    return answer
  end })
  self._hooks, self._module_hooks = hooks, own
  local others, monitors = {}, {}
  for _, callback in ipairs(hooks.on_train_epoch_end or {}) do
    local list = (is_checkpoint(callback) or is_early_stopping(callback)) and monitors or others
    list[#list + 1] = callback
  end
  self._epoch_end_others, self._epoch_end_monitors = others, monitors
end

function Trainer:_call_callbacks(list, hook, ...)
  if list == nil or #list == 0 then return end
  local previous, module = self._current_hook, self.lightning_module
  local calling = self._calling
  self._current_hook = hook
  for i = 1, #list do
    local callback = list[i]
    self._calling = callback
    callback[hook](callback, self, module, ...)
  end
  self._current_hook, self._calling = previous, calling
end

-- Calls the module's hook, also the one that does nothing of its own.
function Trainer:_call_module_hook(hook, ...)
  local module, previous, calling = self.lightning_module, self._current_hook, self._calling
  self._current_hook, self._calling = hook, module
  local first, second = module[hook](module, ...)
  self._current_hook, self._calling = previous, calling
  return first, second
end

-- Callbacks first, then the module.
function Trainer:_call_hook(hook, ...)
  self:_call_callbacks(self._hooks[hook], hook, ...)
  if self._module_hooks[hook] then return self:_call_module_hook(hook, ...) end
end

local function call_datamodule(self, hook, ...)
  local datamodule = self.datamodule
  if datamodule == nil or not datamodule:overrides(hook) then return end
  return datamodule[hook](datamodule, ...)
end

-- The three hooks of batch transfer that somebody brings; nil if nobody does.
function Trainer:_transfer_hooks()
  local found = self.precision_plugin.dtype and { convert = true } or nil
  for i, hook in ipairs{ "on_before_batch_transfer", "transfer_batch_to_device",
                         "on_after_batch_transfer" } do
    local who = connector.transfer_hook(self, hook)
    if who then
      found = found or {}
      found[i] = who
    end
  end
  return found
end

function Trainer:_transfer(hooks, batch, dataloader_idx)
  if hooks.convert then batch = self.precision_plugin:convert_input(batch) end
  if hooks[1] then batch = hooks[1]:on_before_batch_transfer(batch, dataloader_idx) end
  if hooks[2] then
    batch = hooks[2]:transfer_batch_to_device(batch, self.strategy.root_device, dataloader_idx)
  end
  if hooks[3] then batch = hooks[3]:on_after_batch_transfer(batch, dataloader_idx) end
  return batch
end

-- ---- what users call ----

-- The helper of many scripts: the same as the module's log.
function Trainer:log(name, value, options)
  local module = self.lightning_module
  if module == nil then
    error("RuntimeError: trainer:log() needs a module that is being trained", 0)
  end
  return module:log(name, value, options)
end

-- Once a node.
function Trainer:print(...)
  if dist.get_local_rank() == 0 then print(...) end
end

-- All ranks call it: rank 0 writes, then they meet.
function Trainer:save_checkpoint(path, options)
  options = options_of.check(options, "save_checkpoint", { "weights_only", "storage_options" })
  if self.lightning_module == nil then
    error("AttributeError: Saving a checkpoint is only possible if a model is attached to the " ..
          "Trainer. Did you call `Trainer:save_checkpoint()` before calling `Trainer:fit`, " ..
          "`validate`, `test` or `predict`?", 0)
  end
  use("checkpoint_connector").save(self, path, options.weights_only)
  self.strategy:barrier("Trainer.save_checkpoint")
end

local function is_data_module(value) return type(value) == "table" and value.is_data_module end

local function check_model(self, model, verb)
  if model == nil then
    if self.lightning_module == nil then
      error(format("TypeError: `Trainer:%s()` requires a `LightningModule` when it hasn't been " ..
                   "passed in a previous run", verb), 0)
    end
    return self.lightning_module
  end
  if type(model) ~= "table" or not model.is_lightning_module then
    error(format("TypeError: `model` must be a `LightningModule`, got `%s`",
                 type(model) == "table" and tostring(model._name or "table") or type(model)), 0)
  end
  if rawget(model, "_order") == nil then
    error(format("TypeError: `Trainer:%s()` got the class %s; make an object of it: %s()", verb,
                 model._name, model._name), 0)
  end
  return model
end

local function attach_data(self, model, given, datamodule)
  local fit = self.fit_loop
  local loops = {
    { fit, "train" }, { fit.epoch_loop.val_loop, "val" }, { self.validate_loop, "val" },
    { self.test_loop, "test" }, { self.predict_loop, "predict" },
  }
  for _, entry in ipairs(loops) do
    local loop, stage = entry[1], entry[2]
    loop._loaders = nil
    loop._source.instance = datamodule or given[stage] or model
  end
  self.train_dataloader, self.val_dataloaders, self.test_dataloaders = nil, nil, nil
  self.datamodule = datamodule
  if datamodule then datamodule.trainer = self end
  self.lightning_module = model
  model.trainer = self
  rawset(model, "global_rank", self.global_rank)
  rawset(model, "local_rank", self.local_rank)
  rawset(model, "logger", self.loggers[1])
  rawset(model, "loggers", self.loggers)
  rawset(model, "device", self.strategy.root_device)
  rawset(model, "on_gpu", self.strategy.root_device:sub(1, 4) == "cuda")
  self:_read_counters()
end

-- Arguments are (model, loaders, ...) or one table of names, as keyword arguments are in Python.
local function read_arguments(verb, names, first, ...)
  if type(first) == "table" and not first.is_lightning_module and
     getmetatable(first) == nil then
    options_of.check(first, "Trainer:" .. verb, names)
    return first
  end
  local arguments = {}
  local given = table.pack(first, ...)
  for i = 1, given.n do
    local value = given[i]
    -- A trailing table of options, after the positional ones.
    if i == given.n and i > 1 and type(value) == "table" and getmetatable(value) == nil and
       value[1] == nil and next(value) ~= nil and c.names_options(value, names) then
      for key, item in pairs(value) do arguments[key] = item end
    elseif names[i] == nil then
      error(format("TypeError: Trainer:%s() takes at most %d arguments", verb, #names), 0)
    else
      arguments[names[i]] = value
    end
  end
  return arguments
end

local function refuse_both(datamodule, loaders, verb, name)
  if datamodule ~= nil and loaders then
    error(format("%sYou cannot pass both `%s` and `datamodule` to `Trainer:%s`", MISCONFIGURED,
                 name, verb), 0)
  end
end

-- Runs `f`; whatever goes wrong in it, callbacks and loggers hear of it first.
local function guarded(self, f)
  return c.guard(f, function(message)
    self.state.status = "interrupted"
    self._current_hook = nil
    if self.lightning_module then
      if next(self._hooks) == nil then self:_find_hooks() end
      self:_call_callbacks(self._hooks.on_exception, "on_exception", message)
    end
    call_datamodule(self, "on_exception", message)
    for _, logger in ipairs(self.loggers) do logger:finalize("failed") end
    self:_teardown()
    self:_set_stage(nil)
  end)
end

local fit_names = { "model", "train_dataloaders", "val_dataloaders", "datamodule", "ckpt_path",
                    "weights_only" }

function Trainer:fit(...)
  local given = read_arguments("fit", fit_names, ...)
  local model = check_model(self, given.model, "fit")
  local train, datamodule = given.train_dataloaders, given.datamodule
  if is_data_module(train) then train, datamodule = nil, train end
  refuse_both(datamodule, train ~= nil or given.val_dataloaders ~= nil, "fit",
              "train_dataloaders or val_dataloaders")
  self.state.fn, self.state.status = "fit", "running"
  self:_set_stage("training")
  self.should_stop = false
  guarded(self, function()
    attach_data(self, model, { train = train, val = given.val_dataloaders }, datamodule)
    self:_run(given.ckpt_path, true)
    self.training = false
  end)
end

local function evaluate(self, verb, stage, loop, given)
  local provided = given.model ~= nil
  local model = check_model(self, given.model, verb)
  local loaders, datamodule = given.dataloaders, given.datamodule
  if is_data_module(loaders) then loaders, datamodule = nil, loaders end
  refuse_both(datamodule, loaders ~= nil, verb, "dataloaders")
  self.state.fn, self.state.status = verb, "running"
  self:_set_stage(stage)
  loop.verbose = given.verbose ~= false
  return guarded(self, function()
    local kind = verb == "test" and "test" or "val"
    attach_data(self, model, { [kind] = loaders }, datamodule or
                (loaders == nil and not provided and self.datamodule or nil))
    local outputs = self:_run(given.ckpt_path, provided) or {}
    for _, one in ipairs(outputs) do
      for name, value in pairs(one) do
        if c.is_tensor(value) then one[name] = value:item() end
      end
    end
    self[stage] = false
    return outputs
  end)
end

local evaluation_names = { "model", "dataloaders", "ckpt_path", "verbose", "datamodule",
                           "weights_only" }

-- A list with a table of what was logged for each loader.
function Trainer:validate(...)
  return evaluate(self, "validate", "validating", self.validate_loop,
                  read_arguments("validate", evaluation_names, ...))
end

function Trainer:test(...)
  return evaluate(self, "test", "testing", self.test_loop,
                  read_arguments("test", evaluation_names, ...))
end

local predict_names = { "model", "dataloaders", "datamodule", "return_predictions", "ckpt_path",
                        "weights_only" }

-- This rank's predictions: a list of batches, or one such list for each of several loaders.
function Trainer:predict(...)
  local given = read_arguments("predict", predict_names, ...)
  local provided = given.model ~= nil
  local model = check_model(self, given.model, "predict")
  local loaders, datamodule = given.dataloaders, given.datamodule
  if is_data_module(loaders) then loaders, datamodule = nil, loaders end
  refuse_both(datamodule, loaders ~= nil, "predict", "dataloaders")
  self.state.fn, self.state.status = "predict", "running"
  self:_set_stage("predicting")
  self.predict_loop.return_predictions = given.return_predictions ~= false
  return guarded(self, function()
    attach_data(self, model, { predict = loaders }, datamodule)
    local results = self:_run(given.ckpt_path, provided)
    self.predicting = false
    return results
  end)
end

-- ---- a run ----

local function parse_loop_limits(self)
  local fit = self.fit_loop
  local max_epochs, min_epochs = fit.max_epochs, fit.min_epochs
  if max_epochs == nil then
    local timer = c.has_module("callbacks") and use("callbacks").Timer
    local timed = timer and first_callback(self, function(callback)
      return class.is(callback, timer)
    end)
    if fit.epoch_loop.max_steps == -1 and not timed then
      warn("`max_epochs` was not set. Setting it to 1000 epochs. To train without an epoch limit, " ..
           "set `max_epochs = -1`.", POSSIBLE)
      max_epochs = 1000
    else
      max_epochs = -1
    end
  end
  if min_epochs == nil then min_epochs = fit.epoch_loop.min_steps and 1 or 0 end
  fit.max_epochs, fit.min_epochs = max_epochs, min_epochs
  self.max_epochs, self.min_epochs = max_epochs, min_epochs
end

local function attach_model_callbacks(self)
  local given = self:_call_module_hook("configure_callbacks")
  if given == nil then return end
  if class.of(given) then given = { given } end
  if #given == 0 then return end
  local replaced, names, kept = {}, {}, {}
  for _, own in ipairs(given) do
    for _, other in ipairs(self.callbacks) do
      local kind = class.of(other)
      if kind and kind ~= Callback and class.is(own, kind) and not replaced[kind] then
        replaced[kind] = true
        names[#names + 1] = kind._name
      end
    end
  end
  if #names > 0 then
    table.sort(names)
    info("The following callbacks returned in `LightningModule:configure_callbacks` will override " ..
         "existing callbacks passed to Trainer: " .. table.concat(names, ", "))
  end
  for _, other in ipairs(self.callbacks) do
    if not replaced[class.of(other) or false] then kept[#kept + 1] = other end
  end
  for _, own in ipairs(given) do kept[#kept + 1] = own end
  self.callbacks = setup.reorder(kept)
end

-- A callback's log is the module's.
local function attach_logging(self)
  local module = self.lightning_module
  for _, callback in ipairs(self.callbacks) do
    rawset(callback, "log", function(_, ...) return module:log(...) end)
    rawset(callback, "log_dict", function(_, ...) return module:log_dict(...) end)
  end
end

local removed_hooks = { "training_epoch_end", "validation_epoch_end", "test_epoch_end" }

local function verify_fit(self, module)
  local needs = "Lightning `Trainer` expects as minimum a `training_step()`, " ..
                "`train_dataloader()` and `configure_optimizers()` to be defined."
  for _, hook in ipairs{ "training_step", "configure_optimizers" } do
    if not module:overrides(hook) then
      error(format("%sNo `%s()` method defined. %s", MISCONFIGURED, hook, needs), 0)
    end
  end
  local has_loader = connector.is_defined(self.fit_loop.epoch_loop.val_loop._source)
  local has_step = module:overrides("validation_step")
  if has_loader and not has_step then
    warn("You passed in a `val_dataloader` but have no `validation_step`. Skipping val loop.")
  end
  if has_step and not has_loader then
    warn("You defined a `validation_step` but have no `val_dataloader`. Skipping val loop.",
         POSSIBLE)
  end
  self.enable_validation = has_loader and has_step and self.limit_val_batches > 0
  if module.automatic_optimization then return end
  if self.gradient_clip_val ~= nil and self.gradient_clip_val > 0 then
    error(format("%sAutomatic gradient clipping is not supported for manual optimization. Remove " ..
                 "`gradient_clip_val = %s` or switch to automatic optimization.", MISCONFIGURED,
                 self.gradient_clip_val), 0)
  end
  if self.accumulate_grad_batches ~= 1 then
    error(format("%sAutomatic gradient accumulation is not supported for manual optimization. " ..
                 "Remove `accumulate_grad_batches = %d` or switch to automatic optimization.",
                 MISCONFIGURED, self.accumulate_grad_batches), 0)
  end
end

local function verify(self)
  local module, fn = self.lightning_module, self.state.fn
  if fn == "fit" then
    verify_fit(self, module)
  elseif fn == "predict" then
    if not module:overrides("predict_step") and not module:overrides("forward") then
      error(MISCONFIGURED .. "`Trainer:predict` requires `forward` method to run.", 0)
    end
  else
    local step = fn == "test" and "test_step" or "validation_step"
    if not module:overrides(step) then
      error(format("%sNo `%s()` method defined to run `Trainer:%s`.", MISCONFIGURED, step, fn), 0)
    end
  end
  for _, hook in ipairs(removed_hooks) do
    if module[hook] ~= nil then
      error(format("NotImplementedError: Support for `%s` has been removed in v2.0.0. `%s` " ..
                   "implements this method. You can use the `on_%s` hook instead.", hook,
                   module._name, (hook:gsub("training", "train"))), 0)
    end
  end
end

-- On one rank a node, or on one of all; the others wait as long as it takes.
local function prepare_data(self)
  local function prepare(owner, call)
    if owner == nil or not owner:overrides("prepare_data") then return end
    local first = self.local_rank == 0
    if not owner.prepare_data_per_node then first = first and self.node_rank == 0 end
    if first then call() end
    self.strategy:infinite_barrier("prepare_data")
  end
  prepare(self.datamodule, function() call_datamodule(self, "prepare_data") end)
  prepare(self.lightning_module, function() self:_call_module_hook("prepare_data") end)
end

local function call_setup(self)
  local fn = self.state.fn
  for _, logger in ipairs(self.loggers) do
    local _ = logger.experiment -- made now, so that every logger knows its version
  end
  self.strategy:barrier("pre_setup")
  call_datamodule(self, "setup", fn)
  self:_call_hook("setup", fn)
  self.strategy:barrier("post_setup")
end

local function call_teardown(self)
  local fn = self.state.fn
  call_datamodule(self, "teardown", fn)
  self:_call_hook("teardown", fn)
  for _, logger in ipairs(self.loggers) do logger:finalize("success") end
end

-- Without the wrapper nobody has made the replicas equal.
local function broadcast_states(self, module)
  if not self.strategy.is_distributed then return end
  for name, value in pairs(module:state_dict()) do
    dist.broadcast(value, 0, { name = "broadcast of " .. name })
  end
end

local function strategy_setup(self)
  local module, strategy = self.lightning_module, self.strategy
  local fitting = self.state.fn == "fit"
  if fitting and self.sync_batchnorm and strategy.is_distributed then
    module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
  end
  self.precision_plugin:convert_module(module)
  self.model = module
  if fitting then
    if strategy.is_distributed then
      self.model = DistributedDataParallel(module, strategy:wrapper_options())
    end
    self._optimization:configure()
  else
    broadcast_states(self, module)
    self._optimization:attach()
  end
end

local function log_hyperparams(self)
  if not self.enable_autolog_hparams or #self.loggers == 0 then return end
  local module, datamodule = self.lightning_module, self.datamodule
  local from_module = module._log_hyperparams and module.hparams_initial
  local from_data = datamodule and datamodule._log_hyperparams and datamodule.hparams_initial
  local params = from_module or from_data or nil
  if from_module and from_data then
    params = use("ordered_dict")()
    local both = {}
    for name, value in pairs(from_data) do
      local other = from_module[name]
      if other ~= nil and other ~= value then both[#both + 1] = tostring(name) end
      params[name] = value
    end
    if #both > 0 then
      error(format("RuntimeError: Error while merging hparams: the keys [%s] are present in both " ..
                   "the LightningModule's and LightningDataModule's hparams but have different " ..
                   "values.", table.concat(both, ", ")), 0)
    end
    for name, value in pairs(from_module) do params[name] = value end
  end
  for _, logger in ipairs(self.loggers) do
    if params then logger:log_hyperparams(params) end
    logger:save()
  end
end

-- nil, a path, or what "best" and "last" stand for.
local function select_ckpt_path(self, ckpt_path, model_provided)
  if ckpt_path == nil and (model_provided or self.state.fn == "fit") then return nil end
  if ckpt_path == nil and not c.has_module("checkpoint_connector") then return nil end
  return use("checkpoint_connector").select_ckpt_path(self, ckpt_path, model_provided)
end

function Trainer:_run(ckpt_path, model_provided)
  local fn = self.state.fn
  self.ckpt_path = select_ckpt_path(self, ckpt_path, model_provided)
  local checkpoint = nil
  if fn == "fit" then parse_loop_limits(self) end
  self:_find_hooks()
  attach_model_callbacks(self)
  attach_logging(self)
  verify(self)
  self:_find_hooks()

  if self.strategy.is_distributed then seed.reset() end
  local _ = self.log_dir -- the profiler's set-up asks for it on every rank
  prepare_data(self)
  call_setup(self)
  if self._module_hooks.configure_model then self:_call_module_hook("configure_model") end
  self:_find_hooks()
  if self.ckpt_path then
    local saved = use("checkpoint_connector")
    checkpoint = saved.load(self.ckpt_path)
    saved.restore_model(self, checkpoint)
  end
  self._logger_connector:reset_results()
  self._logger_connector:reset_metrics()
  strategy_setup(self)
  if fn == "fit" then self:_call_hook("on_fit_start") end
  log_hyperparams(self)
  if checkpoint and fn == "fit" then
    use("checkpoint_connector").restore_training_state(self, checkpoint)
    self:_read_counters()
  end
  if checkpoint then self.strategy:barrier("_CheckpointConnector.resume_end") end

  local results = self:_run_stage()
  self:_teardown()
  if fn == "fit" then self:_call_hook("on_fit_end") end
  call_teardown(self)
  self.state.status = "finished"
  self:_set_stage(nil)
  return results
end

function Trainer:_run_stage()
  self.strategy:barrier("run-stage")
  self.lightning_module:zero_grad()
  local fn = self.state.fn
  if fn == "validate" then return self.validate_loop:run() end
  if fn == "test" then return self.test_loop:run() end
  if fn == "predict" then return self.predict_loop:run() end
  local kept = c.keep_random()
  self:_run_sanity_check()
  c.put_back_random(kept)
  self.fit_loop:run()
end

function Trainer:_run_sanity_check()
  local val_loop = self.fit_loop.epoch_loop.val_loop
  if not self.enable_validation or self.num_sanity_val_steps == 0 or val_loop.restarting or
     self._resume then
    return
  end
  local logs = self._logger_connector
  self:_set_stage("sanity_checking")
  logs:reset_results()
  logs:reset_metrics()
  self:_call_callbacks(self._hooks.on_sanity_check_start, "on_sanity_check_start")
  val_loop:run()
  self:_call_callbacks(self._hooks.on_sanity_check_end, "on_sanity_check_end")
  logs:reset_results()
  logs:reset_metrics()
  val_loop:on_sanity_check_end()
  self:_set_stage("training")
end

function Trainer:_teardown()
  local loop = self._active_loop
  if self.state.fn == "fit" then loop = self.fit_loop end
  if loop and loop.teardown then loop:teardown() end
  self._logger_connector:teardown()
end

return Trainer
