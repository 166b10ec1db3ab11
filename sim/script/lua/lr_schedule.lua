-- What the schedules of lr_scheduler.lua have in common: how they read arguments, their base class,
-- and a few ways to make the next rates of the present ones.
local use = ...
local class = use("class")
local options = use("options")
local rank_zero = use("rank_zero")
local error, format, getmetatable, ipairs, math_type, pairs, select, type =
  error, string.format, getmetatable, ipairs, math.type, pairs, select, type

-- ---- arguments ----

local function is_options(value)
  return type(value) == "table" and value[1] == nil and getmetatable(value) == nil
end

-- The arguments by name.
local function take(verb, names, ...)
  local given, count = {}, select("#", ...)
  for i = 1, count do
    local value = (select(i, ...))
    if i == count and is_options(value) then
      options.check(value, verb, names)
      for _, name in ipairs(names) do
        if value[name] ~= nil then given[name] = value[name] end
      end
    elseif names[i] == nil then
      error(format("%s: takes at most %d arguments behind the optimizer", verb, #names), 0)
    else
      given[names[i]] = value
    end
  end
  return given
end

local function needed(verb, given, ...)
  for i = 1, select("#", ...) do
    local name = (select(i, ...))
    if given[name] == nil then error(format("TypeError: %s: '%s' is missing", verb, name), 0) end
  end
end

local function number(verb, given, name, fallback)
  local value = given[name]
  if value == nil then return fallback end
  if type(value) ~= "number" then
    error(format("TypeError: %s: '%s' is a %s, expected a number", verb, name, type(value)), 0)
  end
  return value
end

local function check_whole(verb, name, value, least, expected)
  if math_type(value) ~= "integer" or value < least then
    error(format("ValueError: %s: Expected %s, but got %s", verb, expected, value), 0)
  end
  return value
end

local function check_optimizer(verb, optimizer)
  local kind = type(optimizer)
  if (kind ~= "userdata" and kind ~= "table") or optimizer.param_groups == nil then
    error(format("TypeError: %s: a %s is not an Optimizer", verb, kind), 0)
  end
end

-- One value for each group: a list of them, or the same for all.
local function for_groups(verb, name, optimizer, value)
  local count, list = #optimizer.param_groups, {}
  if type(value) == "table" then
    if #value ~= count then
      error(format("ValueError: %s: %s must have the same length as optimizer.param_groups. It " ..
                   "has %d values, param_groups has %d.", verb, name, #value, count), 0)
    end
    for i = 1, count do list[i] = value[i] end
  else
    for i = 1, count do list[i] = value end
  end
  return list
end

local function values_of(optimizer, key)
  local list = {}
  for i, group in ipairs(optimizer.param_groups) do list[i] = group[key] end
  return list
end

-- How many of the sorted `list` are not above `value`.
local function bisect_right(list, value)
  local count = 0
  for i = 1, #list do
    if list[i] <= value then count = i end
  end
  return count
end

-- ---- what all have in common ----

local LRScheduler = class("LRScheduler")

function LRScheduler:init(optimizer, last_epoch)
  check_optimizer(self._name, optimizer)
  self.optimizer = optimizer
  last_epoch = last_epoch or -1
  for i, group in ipairs(optimizer.param_groups) do
    if last_epoch == -1 then
      if group.initial_lr == nil then group.initial_lr = group.lr end
    elseif group.initial_lr == nil then
      error(format("KeyError: param 'initial_lr' is not specified in param_groups[%d] when " ..
                   "resuming scheduler with last_epoch >= 0: load the optimizer's state first, " ..
                   "or leave last_epoch at -1 in a fresh run.", i - 1), 0)
    end
  end
  self.base_lrs = values_of(optimizer, "initial_lr")
  self.last_epoch = last_epoch
  self:_initial_step()
end

function LRScheduler:_initial_step()
  self._step_count = 0
  self._is_initial = true
  self:step()
  self._is_initial = false
end

-- What the next rates are; a list, one for each group.
function LRScheduler:get_lr()
  error("NotImplementedError: a schedule of one's own needs a method get_lr", 0)
end

function LRScheduler:get_last_lr() return self._last_lr end

-- Call it after the optimizer's step.
function LRScheduler:step(epoch)
  if self._step_count == 1 and self.optimizer._opt_called == false then
    rank_zero.rank_zero_warn(
      "`lr_scheduler:step()` was called before `optimizer:step()`. It belongs behind it: now " ..
      "the first value of the learning rate schedule is skipped.")
  end
  self._step_count = self._step_count + 1
  self:_update_lr(epoch)
end

function LRScheduler:_update_lr(epoch)
  local rates
  if epoch == nil then
    self.last_epoch = self.last_epoch + 1
    rates = self:get_lr()
  else
    self.last_epoch = epoch
    rates = self._get_closed_form_lr and self:_get_closed_form_lr() or self:get_lr()
  end
  local groups = self.optimizer.param_groups
  for i = 1, #groups do groups[i].lr = rates[i] end
  self._last_lr = values_of(self.optimizer, "lr")
end

local function copied(value)
  if type(value) ~= "table" or getmetatable(value) ~= nil then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = copied(item) end
  return copy
end

local function is_saved(key, value)
  return key ~= "optimizer" and key ~= "_schedulers" and key ~= "lr_lambdas" and
         type(value) ~= "function"
end

-- All that the schedule knows but the optimizer, and functions it was given.
function LRScheduler:state_dict()
  local state = {}
  for key, value in pairs(self) do
    if is_saved(key, value) then state[key] = copied(value) end
  end
  return state
end

function LRScheduler:load_state_dict(state)
  if type(state) ~= "table" then
    error(format("load_state_dict: expected a table, found a %s", type(state)), 0)
  end
  for key, value in pairs(state) do
    if is_saved(key, value) then self[key] = copied(value) end
  end
end

-- The rates as they are now, each times `factor`.
local function scaled(self, factor)
  local list = {}
  for i, group in ipairs(self.optimizer.param_groups) do list[i] = group.lr * factor end
  return list
end

local function unchanged(self) return values_of(self.optimizer, "lr") end

local function from_base(self, f)
  local list = {}
  for i, base in ipairs(self.base_lrs) do list[i] = f(base) end
  return list
end

return {
  LRScheduler = LRScheduler, bisect_right = bisect_right, check_optimizer = check_optimizer,
  check_whole = check_whole, copied = copied, for_groups = for_groups, from_base = from_base,
  needed = needed, number = number, scaled = scaled, take = take, unchanged = unchanged,
  values_of = values_of,
}
