-- What self:log logs, and where it goes: Lightning's _LoggerConnector.
--
-- The results of a loop (c.new_results) collect what is logged; the connector shows them in the
-- Trainer's three dictionaries and hands them to the loggers. `_first_loop_iter` tells the phase:
-- nil between epochs (epoch values), true in the first batch, false in later ones (step values).
-- In the epoch phase a look at the dictionaries computes and reduces what is new: a collective.
--
-- Properties: callback_metrics, logged_metrics, progress_bar_metrics, should_update_logs.
local use, c = ...
local class = use("class")
local ordered_dict = use("ordered_dict")
local rank_zero = use("rank_zero")
local error, format, getmetatable, ipairs, next, pairs, rawget, tostring, type =
  error, string.format, getmetatable, ipairs, next, pairs, rawget, tostring, type
local concat, sort = table.concat, table.sort
local floor = math.floor

local LoggerConnector = class("LoggerConnector")

-- ---- what the C side asks of us ----

-- Once a text, whatever happens in between.
local function warn(category, text, ...)
  rank_zero.rank_zero_warn(format(text, ...), { category = category })
end

local reduce_names = {}
for _, name in ipairs{ "mean", "sum", "min", "max" } do
  if torch[name] then reduce_names[torch[name]] = name end
end
reduce_names[math.min], reduce_names[math.max] = "min", "max"

-- The fields of a module and all below it that hold a Metric, as { path, metric }, by path.
local function metrics_of(module)
  local found, seen = {}, {}
  local function visit(path, owner)
    if seen[owner] then return end
    seen[owner] = true
    for name, value in pairs(owner) do
      if type(name) == "string" and type(value) == "table" and getmetatable(value)
         and name ~= "trainer" and name ~= "super" then
        local below = path == "" and name or path .. "." .. name
        if value.is_metric then
          found[#found + 1] = { below, value }
        elseif type(getmetatable(value)) == "table" and getmetatable(value).is_module then
          visit(below, value)
        end
      end
    end
  end
  visit("", module)
  sort(found, function(a, b) return a[1] < b[1] end)
  return found
end

local function find_metric(module, metric, name)
  local names = {}
  for i, item in ipairs(metrics_of(module)) do
    if item[2] == metric then return item[1] end
    names[i] = item[1]
  end
  if #names == 0 then
    error(format("MisconfigurationException: self:log of '%s': the Metric is no field of the " ..
                 "module; assign it to one, as in self.accuracy = metrics.Accuracy{...}", name), 0)
  end
  error(format("MisconfigurationException: self:log of '%s': the Metric is no field of the " ..
               "module, which has %s; say which with metric_attribute",
               name, concat(names, ", ")), 0)
end

c.setup{
  ordered_dict = ordered_dict,
  pairs = pairs,
  find_metric = find_metric,
  reduce_name = function(value) return reduce_names[value] or tostring(value) end,
  warn_unsynced = function(name)
    warn("PossibleUserWarning",
         "It is recommended to use `self:log('%s', ..., { sync_dist = true })` when logging on " ..
         "epoch level in distributed setting to accumulate the metric across devices.", name)
  end,
  warn_floating = function(name, hook)
    warn("UserWarning",
         "You called `self:log('%s', ...)` in your `%s` but the value needs to be floating to " ..
         "be reduced. Converting it to torch.float32. You can silence this warning by converting " ..
         "the value to floating point yourself.", name, hook)
  end,
  warn_ambiguous = function(size)
    warn("UserWarning",
         "Trying to infer the `batch_size` from an ambiguous collection. The batch size we " ..
         "found is %d. To avoid any miscalculations, use `self:log(..., { batch_size = n })`.", size)
  end,
  warn_no_logger = function(trainer, name)
    if #trainer.loggers > 0 then return end
    warn("UserWarning",
         "You called `self:log('%s', ..., { logger = true })` but have no logger configured. " ..
         "You can enable one by doing `Trainer{ logger = ALogger(...) }`", name)
  end,
  warn_barebones = function()
    warn("UserWarning",
         "You are trying to `self:log()` but `Trainer{ barebones = true }` is configured. " ..
         "Logging can impact raw speed so it is disabled under this setting.")
  end,
}

-- ---- the connector ----

function LoggerConnector:init(trainer)
  self.trainer = trainer
  self._dicts = c.new_dicts()
end

LoggerConnector.log = c.log

-- Of { training = bool }: what one loop logs into.
function LoggerConnector:new_results(options)
  return c.new_results(options.training == true)
end

-- What is known about each entry of results, in their order: hook, name, dataloader_idx, site,
-- reduce_fx, on_step, on_epoch, logger, prog_bar, sync_dist, rank_zero_only, is_tensor.
function LoggerConnector:entries(results) return c.entries(results) end

local function in_step_phase(self) return rawget(self, "_first_loop_iter") ~= nil end

local function update_dicts(self, results)
  c.update(self._dicts, results, in_step_phase(self))
end

-- The ordered dict of what would go to loggers now, nil if that is nothing.
local function current(self)
  return c.current(self._dicts, self.trainer._active_results, in_step_phase(self))
end

-- ---- properties ----

local function reader(name)
  return function(self)
    local results = self.trainer._active_results
    if results and not c.is_empty(results) then update_dicts(self, results) end
    return c.read(self._dicts, name)
  end
end

local properties = {
  callback_metrics = reader("callback"),
  logged_metrics = reader("logged"),
  progress_bar_metrics = reader("bar"),
}

function properties:should_update_logs()
  local trainer = self.trainer
  local every = trainer.log_every_n_steps
  if every == 0 then return false end
  local step
  if trainer.state.fn == "fit" and not trainer.sanity_checking and not trainer.validating then
    step = trainer.fit_loop.epoch_loop._batches_that_stepped + 1
  elseif trainer.state.fn == nil then
    return true
  else
    local loop = trainer._active_loop
    step = loop and loop.batch_progress and loop.batch_progress.current.ready or 1
  end
  return step % every == 0 or trainer.should_stop
end

LoggerConnector._instances.__index = function(self, key)
  local property = properties[key]
  if property then return property(self) end
  return LoggerConnector[key]
end

-- ---- batches ----

-- `dataloader_idx` is given only where there are several loaders.
function LoggerConnector:on_batch_start(batch, dataloader_idx)
  local first = rawget(self, "_first_loop_iter")
  if first == nil then
    self._first_loop_iter = true
  elseif first then
    self._first_loop_iter = false
  end
  c.attach_batch(self.trainer._active_results, batch, dataloader_idx)
end

-- The batch alone: for a fit that goes on behind its step.
function LoggerConnector:attach_batch(batch)
  c.attach_batch(self.trainer._active_results, batch)
end

function LoggerConnector:on_batch_end()
  local results = self.trainer._active_results
  update_dicts(self, results)
  c.detach_batch(results)
end

function LoggerConnector:epoch_end_reached() self._first_loop_iter = nil end

function LoggerConnector:on_epoch_end()
  update_dicts(self, self.trainer._active_results)
  self._current_fx = nil
end

-- ---- to loggers ----

-- Names and numbers as loggers get them, for `step`; without one a logged "step" is it, or else the
-- count of batches that stepped, and then the epoch comes along.
function LoggerConnector:log_metrics(metrics, step)
  local trainer = self.trainer
  if #trainer.loggers == 0 or metrics == nil or next(metrics) == nil then return end
  c.remember(self._dicts, metrics)

  local scalars = ordered_dict()
  for name, value in pairs(metrics) do
    if name ~= "step" or step ~= nil then
      scalars[name] = type(value) == "userdata" and value:item() or value
    end
  end
  if step == nil then
    local logged = metrics.step
    if logged ~= nil then
      logged = type(logged) == "userdata" and logged:item() or logged
      step = logged >= 0 and floor(logged) or -floor(-logged)
    else
      if scalars.epoch == nil then scalars.epoch = trainer.current_epoch end
      step = trainer.fit_loop.epoch_loop._batches_that_stepped
    end
  end
  c.show_sites(self._dicts)
  for _, logger in ipairs(trainer.loggers) do
    logger:log_metrics(scalars, step)
    if logger.save then logger:save() end
  end
  c.show_sites()
end

-- An evaluation whose values no logger of ours noted is still there to be audited.
local function note_evaluation(self, metrics, noted)
  if metrics == nil or c.noted() ~= noted then return end
  local step = self.trainer.fit_loop.epoch_loop._batches_that_stepped
  c.show_sites(self._dicts)
  for name, value in pairs(metrics) do c.note(name, value, step) end
  c.show_sites()
end

function LoggerConnector:update_train_step_metrics()
  local trainer = self.trainer
  local every = trainer.log_every_n_steps
  local epoch_loop = trainer.fit_loop.epoch_loop
  if not trainer.fast_dev_run and not trainer.should_stop
     and (every == 0 or (epoch_loop._batches_that_stepped + 1) % every ~= 0) then
    return
  end
  if every == 0 and not trainer.fast_dev_run then return end
  if #trainer.loggers == 0 then return end
  if epoch_loop:_should_accumulate() and trainer.lightning_module.automatic_optimization then
    return
  end
  self:log_metrics(current(self))
end

function LoggerConnector:update_train_epoch_metrics()
  self:log_metrics(current(self))
  self:reset_results()
end

-- ---- evaluation ----

-- The values of one batch; `step` counts the batches of its loader.
function LoggerConnector:update_eval_step_metrics(step)
  if #self.trainer.loggers == 0 then return end
  self:log_metrics(current(self), step)
end

-- After the last batch of each loader and after the epoch's hooks: what that loader, or they,
-- logged, as an ordered dict of numbers.
function LoggerConnector:update_eval_epoch_metrics()
  if self.trainer.sanity_checking then return ordered_dict() end
  update_dicts(self, self.trainer._active_results)
  return current(self) or ordered_dict()
end

function LoggerConnector:_evaluation_epoch_end()
  c.set_dataloader(self.trainer._active_results, nil)
end

function LoggerConnector:log_eval_end_metrics(metrics)
  if self.trainer.sanity_checking then return end
  local noted = c.noted()
  self:log_metrics(metrics)
  note_evaluation(self, metrics, noted)
end

-- ---- resets ----

function LoggerConnector:should_reset_tensors(hook)
  return rawget(self, "_current_fx") ~= hook and rawget(self, "_first_loop_iter") ~= false
end

function LoggerConnector:reset_results()
  local results = self.trainer._active_results
  if results then c.reset(results) end
  self._first_loop_iter = nil
  self._current_fx = nil
end

-- New dictionaries: whoever holds on to the old ones, as an oracle's pass does, has them unchanged.
function LoggerConnector:reset_metrics() self._dicts = c.new_dicts() end

function LoggerConnector:teardown() end

-- Methods are found in the instance itself: properties make every other look-up a call.
local init = LoggerConnector.init
local methods = {}
for name, value in pairs(LoggerConnector) do
  local is_method = type(value) == "function" and name ~= "init" and name ~= "extend"
  if is_method then methods[name] = value end
end
function LoggerConnector:init(trainer)
  for name, method in pairs(methods) do self[name] = method end
  init(self, trainer)
end

return LoggerConnector
