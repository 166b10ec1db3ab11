-- LearningRateMonitor: the learning rates in use, written to the loggers.
--
-- An optimiser is called "lr-" and its class, or as its schedule's `name` says; a second one of the
-- class gets "-1", and each of several parameter groups "/pg1", "/pg2" or its own name.
local use = ...
local Callback, arguments, ordered_dict = use("callback"), use("arguments"), use("ordered_dict")
local rank_zero = use("rank_zero")
local error, format, ipairs, match, pairs, tostring, type =
  error, string.format, ipairs, string.match, pairs, tostring, type

local LearningRateMonitor = Callback:extend("LearningRateMonitor")

local parameters = {
  { "logging_interval", "string?" },
  { "log_momentum", "boolean", false },
  { "log_weight_decay", "boolean", false },
}

function LearningRateMonitor:init(...)
  local given = arguments("LearningRateMonitor", parameters, ...)
  local interval = given.logging_interval
  if interval ~= nil and interval ~= "step" and interval ~= "epoch" then
    error(format("MisconfigurationException: LearningRateMonitor: logging_interval is '%s', " ..
                 "expected 'step', 'epoch' or nothing", interval), 0)
  end
  self.logging_interval = interval
  self.log_momentum = given.log_momentum
  self.log_weight_decay = given.log_weight_decay
  self.lrs = ordered_dict()
  self.last_momentum_values = ordered_dict()
  self.last_weight_decay_values = ordered_dict()
end

-- ---- names ----

local function class_name(optimizer)
  if type(optimizer) == "table" and optimizer._name then return optimizer._name end
  return match(tostring(optimizer), "^[%w_]+")
end

local function group_name(base, groups, index)
  local own = groups[index].name
  if #groups == 1 then return own and base .. "/" .. own or base end
  return base .. "/" .. (own or "pg" .. index)
end

local function check_names(base, groups)
  local seen = {}
  for i, group in ipairs(groups) do
    local name = group.name or "pg" .. i
    if seen[name] then
      error(format("MisconfigurationException: LearningRateMonitor: %s has two parameter groups " ..
                   "named '%s'; their names must differ", base, name), 0)
    end
    seen[name] = true
  end
end

-- The list of names of an optimiser's groups; `own` is the name that its schedule was given.
local function names_of(optimizer, own, found)
  local class = class_name(optimizer)
  found.seen[optimizer] = true
  if own == nil then found.counts[class] = (found.counts[class] or 0) + 1 end
  local base = own or "lr-" .. class
  local groups = optimizer.param_groups
  check_names(base, groups)
  local count = found.counts[class]
  if count and count > 1 then base = format("%s-%d", base, count - 1) end
  local names = {}
  for i = 1, #groups do names[i] = group_name(base, groups, i) end
  return names
end

-- The list of { optimizer, names, interval }: those with schedules first, then the others.
local function sources_of(trainer)
  local found = { seen = {}, counts = {} }
  local sources = {}
  for _, config in ipairs(trainer.lr_scheduler_configs) do
    local optimizer = config.scheduler.optimizer
    sources[#sources + 1] = {
      optimizer = optimizer, names = names_of(optimizer, config.name, found),
      interval = config.interval,
    }
  end
  for _, optimizer in ipairs(trainer.optimizers) do
    if not found.seen[optimizer] then
      sources[#sources + 1] = { optimizer = optimizer, names = names_of(optimizer, nil, found) }
    end
  end
  return sources
end

-- ---- what is logged ----

local function momentum_of(group)
  if group.betas then return group.betas[1] end
  return group.momentum or 0
end

local function lacks_momentum(trainer)
  for _, source in ipairs(sources_of(trainer)) do
    local group = source.optimizer.param_groups[1]
    if group.momentum == nil and group.betas == nil then return true end
  end
  return false
end

function LearningRateMonitor:on_train_start(trainer)
  if #trainer.loggers == 0 then
    error("MisconfigurationException: LearningRateMonitor: the Trainer has no logger to write to",
          0)
  end
  if self.log_momentum and lacks_momentum(trainer) then
    rank_zero.rank_zero_warn(
      "LearningRateMonitor: log_momentum=True, but some optimizers have no momentum; 0 is " ..
      "logged for them.", { category = "RuntimeWarning" })
  end
  self.lrs = ordered_dict()
  for _, source in ipairs(sources_of(trainer)) do
    for _, name in ipairs(source.names) do self.lrs[name] = {} end
  end
end

local function remember(self, name, rate)
  local rates = self.lrs[name]
  if not rates then
    -- A second group came to an optimiser: the first one's history goes on as "/pg1".
    local before = match(name, "^(.*)/pg1$")
    rates = before and self.lrs[before] or {}
    if before then self.lrs[before] = nil end
    self.lrs[name] = rates
  end
  rates[#rates + 1] = rate
end

local function add_group(self, stats, name, group)
  stats[name] = group.lr
  remember(self, name, group.lr)
  if self.log_momentum then
    local key = name .. "-momentum"
    stats[key] = momentum_of(group)
    self.last_momentum_values[key] = stats[key]
  end
  if self.log_weight_decay then
    local key = name .. "-weight_decay"
    stats[key] = group.weight_decay
    self.last_weight_decay_values[key] = stats[key]
  end
end

-- What to log at this point: `interval` is that of the schedules whose turn it is, or "any".
function LearningRateMonitor:_extract_stats(trainer, interval)
  local stats, any = ordered_dict(), false
  for _, source in ipairs(sources_of(trainer)) do
    if source.interval == nil or interval == "any" or source.interval == interval then
      for i, group in ipairs(source.optimizer.param_groups) do
        add_group(self, stats, source.names[i], group)
        any = true
      end
    end
  end
  local metrics = trainer.callback_metrics
  for name, value in pairs(stats) do metrics[name] = torch.tensor(value + 0.0) end
  return any and stats or nil
end

local function log(self, trainer, interval)
  local stats = self:_extract_stats(trainer, interval)
  if not stats then return end
  local step = trainer.fit_loop.epoch_loop._batches_that_stepped
  for _, logger in ipairs(trainer.loggers) do logger:log_metrics(stats, step) end
end

function LearningRateMonitor:on_train_batch_start(trainer)
  if self.logging_interval == "epoch" or not trainer._logger_connector.should_update_logs then
    return
  end
  log(self, trainer, self.logging_interval == nil and "step" or "any")
end

function LearningRateMonitor:on_train_epoch_start(trainer)
  if self.logging_interval == "step" then return end
  log(self, trainer, self.logging_interval == nil and "epoch" or "any")
end

return LearningRateMonitor
