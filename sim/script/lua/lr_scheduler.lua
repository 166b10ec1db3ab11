-- torch.optim.lr_scheduler: what the learning rates of an optimiser's groups are, step by step.
--
-- The formulas are torch's chainable ones, operation by operation, so that a rate is the same
-- double as there. A schedule writes into param_groups, and reads from there what it goes on from.
--
-- Arguments come in Python's order, and what is left by name in a trailing table:
--   StepLR(optimizer, 30, { gamma = 0.1 })   OneCycleLR(optimizer, { max_lr = 0.1, ... })
local use, c = ...
local class = use("class")
local common = use("lr_schedule")
local error, format, ipairs, type = error, string.format, ipairs, type
local cos, log, power = c.cos, c.log, c.power
local floor, huge, max, min, pi = math.floor, math.huge, math.max, math.min, math.pi
local sort, unpack = table.sort, table.unpack
local LRScheduler, bisect_right, check_optimizer, check_whole, copied, for_groups, from_base =
  common.LRScheduler, common.bisect_right, common.check_optimizer, common.check_whole,
  common.copied, common.for_groups, common.from_base
local needed, number, scaled, take, unchanged, values_of =
  common.needed, common.number, common.scaled, common.take, common.unchanged, common.values_of

local lr_scheduler = { LRScheduler = LRScheduler }

-- A class of ours, which takes `names` behind the optimizer.
local function schedule(name)
  local made = LRScheduler:extend(name)
  lr_scheduler[name] = made
  return made
end

-- ---- steps and milestones ----

local StepLR = schedule("StepLR")

function StepLR:init(optimizer, ...)
  local given = take("StepLR", { "step_size", "gamma", "last_epoch" }, ...)
  needed("StepLR", given, "step_size")
  self.step_size = number("StepLR", given, "step_size")
  self.gamma = number("StepLR", given, "gamma", 0.1)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function StepLR:get_lr()
  if self.last_epoch == 0 or self.last_epoch % self.step_size ~= 0 then return unchanged(self) end
  return scaled(self, self.gamma)
end

function StepLR:_get_closed_form_lr()
  local factor = power(self.gamma, self.last_epoch // self.step_size)
  return from_base(self, function(base) return base * factor end)
end

local MultiStepLR = schedule("MultiStepLR")

function MultiStepLR:init(optimizer, ...)
  local given = take("MultiStepLR", { "milestones", "gamma", "last_epoch" }, ...)
  needed("MultiStepLR", given, "milestones")
  self.milestones = copied(given.milestones)
  sort(self.milestones)
  self.gamma = number("MultiStepLR", given, "gamma", 0.1)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function MultiStepLR:get_lr()
  local count = 0
  for _, milestone in ipairs(self.milestones) do
    if milestone == self.last_epoch then count = count + 1 end
  end
  if count == 0 then return unchanged(self) end
  return scaled(self, power(self.gamma, count))
end

function MultiStepLR:_get_closed_form_lr()
  local factor = power(self.gamma, bisect_right(self.milestones, self.last_epoch))
  return from_base(self, function(base) return base * factor end)
end

-- ---- factors ----

local ConstantLR = schedule("ConstantLR")

function ConstantLR:init(optimizer, ...)
  local given = take("ConstantLR", { "factor", "total_iters", "last_epoch" }, ...)
  self.factor = number("ConstantLR", given, "factor", 1.0 / 3)
  self.total_iters = number("ConstantLR", given, "total_iters", 5)
  if self.factor > 1.0 or self.factor < 0 then
    error("ValueError: Constant multiplicative factor expected to be between 0 and 1.", 0)
  end
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function ConstantLR:get_lr()
  if self.last_epoch == 0 then return scaled(self, self.factor) end
  if self.last_epoch ~= self.total_iters then return unchanged(self) end
  return scaled(self, 1.0 / self.factor)
end

function ConstantLR:_get_closed_form_lr()
  local ended = self.last_epoch >= self.total_iters and 1 or 0
  return from_base(self, function(base)
    return base * (self.factor + ended * (1 - self.factor))
  end)
end

local LinearLR = schedule("LinearLR")

function LinearLR:init(optimizer, ...)
  local given =
    take("LinearLR", { "start_factor", "end_factor", "total_iters", "last_epoch" }, ...)
  self.start_factor = number("LinearLR", given, "start_factor", 1.0 / 3)
  self.end_factor = number("LinearLR", given, "end_factor", 1.0)
  self.total_iters = number("LinearLR", given, "total_iters", 5)
  if self.start_factor > 1.0 or self.start_factor <= 0 then
    error("ValueError: Starting multiplicative factor expected to be greater than 0 and less or " ..
          "equal to 1.", 0)
  end
  if self.end_factor > 1.0 or self.end_factor < 0 then
    error("ValueError: Ending multiplicative factor expected to be between 0 and 1.", 0)
  end
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function LinearLR:get_lr()
  if self.last_epoch == 0 then return scaled(self, self.start_factor) end
  if self._is_initial or self.last_epoch > self.total_iters then return unchanged(self) end
  local way = self.end_factor - self.start_factor
  return scaled(self, 1.0 + way / (self.total_iters * self.start_factor +
                                   (self.last_epoch - 1) * way))
end

function LinearLR:_get_closed_form_lr()
  return from_base(self, function(base)
    return base * (self.start_factor + (self.end_factor - self.start_factor) *
                   min(self.total_iters, self.last_epoch) / self.total_iters)
  end)
end

local ExponentialLR = schedule("ExponentialLR")

function ExponentialLR:init(optimizer, ...)
  local given = take("ExponentialLR", { "gamma", "last_epoch" }, ...)
  needed("ExponentialLR", given, "gamma")
  self.gamma = number("ExponentialLR", given, "gamma")
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function ExponentialLR:get_lr()
  if self._is_initial then return unchanged(self) end
  return scaled(self, self.gamma)
end

function ExponentialLR:_get_closed_form_lr()
  local factor = power(self.gamma, self.last_epoch)
  return from_base(self, function(base) return base * factor end)
end

local PolynomialLR = schedule("PolynomialLR")

function PolynomialLR:init(optimizer, ...)
  local given = take("PolynomialLR", { "total_iters", "power", "last_epoch" }, ...)
  self.total_iters = number("PolynomialLR", given, "total_iters", 5)
  self.power = number("PolynomialLR", given, "power", 1.0)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function PolynomialLR:get_lr()
  if self._is_initial or self.last_epoch > self.total_iters then return unchanged(self) end
  return scaled(self, power((1.0 - self.last_epoch / self.total_iters) /
                            (1.0 - (self.last_epoch - 1) / self.total_iters), self.power))
end

function PolynomialLR:_get_closed_form_lr()
  local left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
  return from_base(self, function(base) return base * power(left, self.power) end)
end

-- ---- functions of the user's ----

-- One function for each group, called with the epoch.
local function take_functions(self, verb, optimizer, given)
  needed(verb, given, "lr_lambda")
  check_optimizer(verb, optimizer)
  local f = given.lr_lambda
  local is_list = type(f) == "table" and f[1] ~= nil
  if is_list and #f ~= #optimizer.param_groups then
    error(format("ValueError: Expected %d lr_lambdas, but got %d", #optimizer.param_groups, #f), 0)
  end
  self.lr_lambdas = for_groups(verb, "lr_lambda", optimizer, f)
end

local LambdaLR = schedule("LambdaLR")

function LambdaLR:init(optimizer, ...)
  local given = take("LambdaLR", { "lr_lambda", "last_epoch" }, ...)
  take_functions(self, "LambdaLR", optimizer, given)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function LambdaLR:get_lr()
  local list = {}
  for i, base in ipairs(self.base_lrs) do list[i] = base * self.lr_lambdas[i](self.last_epoch) end
  return list
end

local MultiplicativeLR = schedule("MultiplicativeLR")

function MultiplicativeLR:init(optimizer, ...)
  local given = take("MultiplicativeLR", { "lr_lambda", "last_epoch" }, ...)
  take_functions(self, "MultiplicativeLR", optimizer, given)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function MultiplicativeLR:get_lr()
  if self._is_initial then return unchanged(self) end
  local list = {}
  for i, group in ipairs(self.optimizer.param_groups) do
    list[i] = group.lr * self.lr_lambdas[i](self.last_epoch)
  end
  return list
end

-- ---- cosines ----

local CosineAnnealingLR = schedule("CosineAnnealingLR")

function CosineAnnealingLR:init(optimizer, ...)
  local given = take("CosineAnnealingLR", { "T_max", "eta_min", "last_epoch" }, ...)
  needed("CosineAnnealingLR", given, "T_max")
  self.T_max = number("CosineAnnealingLR", given, "T_max")
  self.eta_min = number("CosineAnnealingLR", given, "eta_min", 0.0)
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function CosineAnnealingLR:get_lr()
  if self._is_initial then return unchanged(self) end
  local epoch, T, eta = self.last_epoch, self.T_max, self.eta_min
  local list = {}
  if self._step_count == 1 and epoch > 0 then
    return from_base(self, function(base)
      return eta + (base - eta) * (1 + cos(epoch * pi / T)) / 2
    end)
  end
  local turning = (epoch - 1 - T) % (2 * T) == 0
  local ratio = not turning and (1 + cos(pi * epoch / T)) / (1 + cos(pi * (epoch - 1) / T))
  for i, group in ipairs(self.optimizer.param_groups) do
    if turning then
      list[i] = group.lr + (self.base_lrs[i] - eta) * (1 - cos(pi / T)) / 2
    else
      list[i] = ratio * (group.lr - eta) + eta
    end
  end
  return list
end

function CosineAnnealingLR:_get_closed_form_lr()
  local eta = self.eta_min
  local height = 1 + cos(pi * self.last_epoch / self.T_max)
  return from_base(self, function(base) return eta + (base - eta) * height / 2 end)
end

local CosineAnnealingWarmRestarts = schedule("CosineAnnealingWarmRestarts")

function CosineAnnealingWarmRestarts:init(optimizer, ...)
  local verb = "CosineAnnealingWarmRestarts"
  local given = take(verb, { "T_0", "T_mult", "eta_min", "last_epoch" }, ...)
  needed(verb, given, "T_0")
  self.T_0 = check_whole(verb, "T_0", given.T_0, 1, "positive integer T_0")
  self.T_i = self.T_0
  self.T_mult = check_whole(verb, "T_mult", given.T_mult or 1, 1, "integer T_mult >= 1")
  self.eta_min = number(verb, given, "eta_min", 0.0)
  self.T_cur = given.last_epoch or -1
  LRScheduler.init(self, optimizer, given.last_epoch)
end

function CosineAnnealingWarmRestarts:get_lr()
  local eta = self.eta_min
  local height = 1 + cos(pi * self.T_cur / self.T_i)
  return from_base(self, function(base) return eta + (base - eta) * height / 2 end)
end

-- Where `epoch`, which may be a fraction, lies between restarts.
local function place(self, epoch)
  if epoch < 0 then
    error(format("ValueError: Expected non-negative epoch, but got %s", epoch), 0)
  end
  if epoch < self.T_0 then
    self.T_i, self.T_cur = self.T_0, epoch
  elseif self.T_mult == 1 then
    self.T_cur = epoch % self.T_0
  else
    local n = floor(log(epoch / self.T_0 * (self.T_mult - 1) + 1) / log(self.T_mult))
    local whole = self.T_mult ^ n
    self.T_cur = epoch - self.T_0 * (whole - 1) / (self.T_mult - 1)
    self.T_i = self.T_0 * floor(whole)
  end
end

function CosineAnnealingWarmRestarts:step(epoch)
  if epoch == nil and self.last_epoch < 0 then epoch = 0 end
  if epoch == nil then
    epoch = self.last_epoch + 1
    self.T_cur = self.T_cur + 1
    if self.T_cur >= self.T_i then
      self.T_cur = self.T_cur % self.T_i
      self.T_i = self.T_i * self.T_mult
    end
  else
    place(self, epoch)
  end
  self.last_epoch = floor(epoch)
  local groups, rates = self.optimizer.param_groups, self:get_lr()
  for i = 1, #groups do groups[i].lr = rates[i] end
  self._last_lr = values_of(self.optimizer, "lr")
end

-- ---- one cycle ----

local OneCycleLR = schedule("OneCycleLR")

local ONE_CYCLE = {
  "max_lr", "total_steps", "epochs", "steps_per_epoch", "pct_start", "anneal_strategy",
  "cycle_momentum", "base_momentum", "max_momentum", "div_factor", "final_div_factor",
  "three_phase", "last_epoch",
}

local function count_steps(given)
  local function positive(name)
    return check_whole("OneCycleLR", name, given[name], 1, "positive integer " .. name)
  end
  if given.total_steps ~= nil then return positive("total_steps") end
  if given.epochs ~= nil and given.steps_per_epoch ~= nil then
    return positive("epochs") * positive("steps_per_epoch")
  end
  error("ValueError: You must define either total_steps OR (epochs AND steps_per_epoch)", 0)
end

-- { last step, from, to, momentum from, momentum to }
local function phases(total, pct_start, three)
  if three then
    return {
      { pct_start * total - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum" },
      { 2 * pct_start * total - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum" },
      { total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum" },
    }
  end
  return {
    { pct_start * total - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum" },
    { total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum" },
  }
end

local function set_momentum(self, group, value)
  if self.use_beta1 then
    group.betas = { value, unpack(group.betas, 2) }
  else
    group.momentum = value
  end
end

local function start_momentum(self, optimizer, given)
  local defaults = optimizer.defaults or optimizer.param_groups[1]
  if defaults.momentum == nil and defaults.betas == nil then
    error("ValueError: optimizer must support momentum or beta1 with `cycle_momentum` option " ..
          "enabled", 0)
  end
  self.use_beta1 = defaults.betas ~= nil
  local largest = given.max_momentum == nil and 0.95 or given.max_momentum
  local least = given.base_momentum == nil and 0.85 or given.base_momentum
  largest = for_groups("OneCycleLR", "max_momentum", optimizer, largest)
  least = for_groups("OneCycleLR", "base_momentum", optimizer, least)
  if given.last_epoch ~= nil and given.last_epoch ~= -1 then return end
  for i, group in ipairs(optimizer.param_groups) do
    set_momentum(self, group, largest[i])
    group.max_momentum, group.base_momentum = largest[i], least[i]
  end
end

function OneCycleLR:init(optimizer, ...)
  local given = take("OneCycleLR", ONE_CYCLE, ...)
  needed("OneCycleLR", given, "max_lr")
  check_optimizer("OneCycleLR", optimizer)
  self.optimizer = optimizer
  self.total_steps = count_steps(given)
  local pct_start = number("OneCycleLR", given, "pct_start", 0.3)
  if pct_start < 0 or pct_start > 1 then
    error(format("ValueError: Expected float between 0 and 1 pct_start, but got %s", pct_start), 0)
  end
  self._schedule_phases = phases(self.total_steps, pct_start, given.three_phase)
  self._anneal_func_type = given.anneal_strategy or "cos"
  if self._anneal_func_type ~= "cos" and self._anneal_func_type ~= "linear" then
    error(format("ValueError: anneal_strategy must be one of 'cos' or 'linear', instead got %s",
                 self._anneal_func_type), 0)
  end
  local largest = for_groups("OneCycleLR", "max_lr", optimizer, given.max_lr)
  if given.last_epoch == nil or given.last_epoch == -1 then
    for i, group in ipairs(optimizer.param_groups) do
      group.initial_lr = largest[i] / number("OneCycleLR", given, "div_factor", 25.0)
      group.max_lr = largest[i]
      group.min_lr = group.initial_lr / number("OneCycleLR", given, "final_div_factor", 1e4)
    end
  end
  self.cycle_momentum = given.cycle_momentum ~= false
  if self.cycle_momentum then start_momentum(self, optimizer, given) end
  LRScheduler.init(self, optimizer, given.last_epoch)
end

local function anneal(self, first, last, part)
  if self._anneal_func_type == "cos" then
    return last + (first - last) / 2.0 * (cos(pi * part) + 1)
  end
  return (last - first) * part + first
end

-- The phase of this step, and how far it has gone.
local function find_phase(self, step)
  local first = 0.0
  for i, phase in ipairs(self._schedule_phases) do
    if step <= phase[1] or i == #self._schedule_phases then
      return phase, (step - first) / (phase[1] - first)
    end
    first = phase[1]
  end
end

function OneCycleLR:get_lr()
  local step = self.last_epoch
  if step > self.total_steps then
    error(format("ValueError: Tried to step %d times. The specified number of total steps is %d",
                 step, self.total_steps), 0)
  end
  local phase, part = find_phase(self, step)
  local list = {}
  for i, group in ipairs(self.optimizer.param_groups) do
    list[i] = anneal(self, group[phase[2]], group[phase[3]], part)
    if self.cycle_momentum then
      set_momentum(self, group, anneal(self, group[phase[4]], group[phase[5]], part))
    end
  end
  return list
end

-- ---- plateaus ----

local ReduceLROnPlateau = schedule("ReduceLROnPlateau")

local PLATEAU = {
  "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps",
}

local function check_modes(mode, threshold_mode)
  if mode ~= "min" and mode ~= "max" then
    error(format("ValueError: mode %s is unknown!", mode), 0)
  end
  if threshold_mode ~= "rel" and threshold_mode ~= "abs" then
    error(format("ValueError: threshold mode %s is unknown!", threshold_mode), 0)
  end
end

function ReduceLROnPlateau:init(optimizer, ...)
  local verb = "ReduceLROnPlateau"
  local given = take(verb, PLATEAU, ...)
  self.factor = number(verb, given, "factor", 0.1)
  if self.factor >= 1.0 then error("ValueError: Factor should be < 1.0.", 0) end
  check_optimizer(verb, optimizer)
  self.optimizer = optimizer
  local least = given.min_lr or 0
  if type(least) == "table" and #least ~= #optimizer.param_groups then
    error(format("ValueError: expected %d min_lrs, got %d", #optimizer.param_groups, #least), 0)
  end
  if type(least) ~= "table" then self.default_min_lr = least end
  self.min_lrs = for_groups(verb, "min_lr", optimizer, least)
  self.patience = number(verb, given, "patience", 10)
  self.cooldown = number(verb, given, "cooldown", 0)
  self.eps = number(verb, given, "eps", 1e-8)
  self.threshold = number(verb, given, "threshold", 1e-4)
  self.mode = given.mode or "min"
  self.threshold_mode = given.threshold_mode or "rel"
  check_modes(self.mode, self.threshold_mode)
  self.last_epoch = 0
  self._last_lr = values_of(optimizer, "lr")
  self:_reset()
end

function ReduceLROnPlateau:_reset()
  self.best = self.mode == "min" and huge or -huge
  self.cooldown_counter, self.num_bad_epochs = 0, 0
end

function ReduceLROnPlateau:_is_better(value, best)
  local threshold = self.threshold
  if self.mode == "min" then
    if self.threshold_mode == "rel" then return value < best * (1.0 - threshold) end
    return value < best - threshold
  end
  if self.threshold_mode == "rel" then return value > best * (threshold + 1.0) end
  return value > best + threshold
end

local function reduce(self)
  local groups = self.optimizer.param_groups
  if #groups ~= #self.min_lrs then
    if self.default_min_lr == nil then
      error(format("RuntimeError: The number of param groups in the `optimizer` (%d) differs " ..
                   "from when `ReduceLROnPlateau` was initialized (%d), usually due to a new " ..
                   "param group being added to the optimizer. Please modify the `min_lrs` field.",
                   #groups, #self.min_lrs), 0)
    end
    self.min_lrs = for_groups("ReduceLROnPlateau", "min_lr", self.optimizer, self.default_min_lr)
  end
  for i, group in ipairs(groups) do
    local rate = max(group.lr * self.factor, self.min_lrs[i])
    if group.lr - rate > self.eps then group.lr = rate end
  end
end

-- `metrics` is a number or a tensor of one; this rank's own.
function ReduceLROnPlateau:step(metrics, epoch)
  local current = type(metrics) == "userdata" and metrics:item() or metrics
  if type(current) ~= "number" then
    error(format("TypeError: ReduceLROnPlateau: step needs the monitored value, a number or a " ..
                 "tensor of one, found a %s", type(metrics)), 0)
  end
  self.last_epoch = epoch or self.last_epoch + 1
  if self:_is_better(current, self.best) then
    self.best, self.num_bad_epochs = current, 0
  else
    self.num_bad_epochs = self.num_bad_epochs + 1
  end
  if self.cooldown_counter > 0 then
    self.cooldown_counter = self.cooldown_counter - 1
    self.num_bad_epochs = 0
  end
  if self.num_bad_epochs > self.patience then
    reduce(self)
    self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
  end
  self._last_lr = values_of(self.optimizer, "lr")
end

-- ---- several ----

local function check_parts(verb, optimizer, schedulers)
  if type(schedulers) ~= "table" or #schedulers < 1 then
    error(format("ValueError: %s expects at least one scheduler, but got no scheduler.", verb), 0)
  end
  for i, scheduler in ipairs(schedulers) do
    if type(scheduler) ~= "table" or scheduler.optimizer == nil then
      error(format("TypeError: %s at index %d should have `optimizer` as its attribute.", verb,
                   i - 1), 0)
    end
    if class.is(scheduler, ReduceLROnPlateau) then
      error(format("ValueError: %s does not support `ReduceLROnPlateau`, whose `step` needs the " ..
                   "monitored value, but got one at index %d.", verb, i - 1), 0)
    end
    if optimizer ~= nil and scheduler.optimizer ~= optimizer then
      error(format("ValueError: %s expects all schedulers to belong to the same optimizer, but " ..
                   "the one at index %d has another.", verb, i - 1), 0)
    end
  end
end

local function parts_state(self)
  local state = LRScheduler.state_dict(self)
  state._schedulers = {}
  for i, scheduler in ipairs(self._schedulers) do state._schedulers[i] = scheduler:state_dict() end
  return state
end

local function load_parts(self, state)
  LRScheduler.load_state_dict(self, state)
  for i, part in ipairs(state._schedulers) do self._schedulers[i]:load_state_dict(part) end
end

local SequentialLR = schedule("SequentialLR")

local function undo(scheduler)
  if scheduler._schedulers then
    for _, part in ipairs(scheduler._schedulers) do undo(part) end
  elseif scheduler.last_epoch then
    scheduler.last_epoch = scheduler.last_epoch - 1
  end
end

function SequentialLR:init(optimizer, ...)
  local given = take("SequentialLR", { "schedulers", "milestones", "last_epoch" }, ...)
  needed("SequentialLR", given, "schedulers", "milestones")
  check_optimizer("SequentialLR", optimizer)
  check_parts("SequentialLR", optimizer, given.schedulers)
  if #given.milestones ~= #given.schedulers - 1 then
    error(format("ValueError: Sequential Schedulers expects number of schedulers provided to be " ..
                 "one more than the number of milestone points, but got number of schedulers %d " ..
                 "and the number of milestones to be equal to %d", #given.schedulers,
                 #given.milestones), 0)
  end
  self._schedulers = given.schedulers
  self._milestones = copied(given.milestones)
  self.last_epoch = (given.last_epoch or -1) + 1
  self.optimizer = optimizer
  -- Each part has made its first step. Back to the start, and only the first part steps again.
  for _, group in ipairs(optimizer.param_groups) do group.lr = group.initial_lr end
  undo(self)
  local first = self._schedulers[bisect_right(self._milestones, 0) + 1]
  first:_initial_step()
  self._last_lr = first:get_last_lr()
end

function SequentialLR:step()
  self.last_epoch = self.last_epoch + 1
  local index = bisect_right(self._milestones, self.last_epoch)
  local scheduler = self._schedulers[index + 1]
  if index > 0 and self._milestones[index] == self.last_epoch then
    scheduler:_update_lr(0)
  else
    scheduler:step()
  end
  self._last_lr = scheduler:get_last_lr()
end

SequentialLR.state_dict, SequentialLR.load_state_dict = parts_state, load_parts

local ChainedScheduler = schedule("ChainedScheduler")

function ChainedScheduler:init(schedulers, optimizer)
  check_parts("ChainedScheduler", optimizer, schedulers)
  optimizer = optimizer or schedulers[1].optimizer
  check_parts("ChainedScheduler", optimizer, schedulers)
  self._schedulers = schedulers
  self.optimizer = optimizer
  self._last_lr = values_of(optimizer, "lr")
end

function ChainedScheduler:step()
  for _, scheduler in ipairs(self._schedulers) do scheduler:step() end
  self._last_lr = values_of(self.optimizer, "lr")
end

ChainedScheduler.state_dict, ChainedScheduler.load_state_dict = parts_state, load_parts

return lr_scheduler
