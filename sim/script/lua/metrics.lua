-- The table `metrics`: TorchMetrics. A metric is states that updates add to and that ranks reduce,
-- and a compute() over them; so F1 or AUROC of all ranks is made of all ranks' counts and scores, and
-- is not a mean of per-rank values.
local use, c = ...
local class = use("class")
local options = use("options")
local ordered_dict = use("ordered_dict")
local rank_zero = use("rank_zero")
local error, format, getmetatable, huge, ipairs, math_type, next, pairs, select, setmetatable,
  tostring, type =
  error, string.format, getmetatable, math.huge, ipairs, math.type, next, pairs, select, setmetatable,
  tostring, type
local warn = rank_zero.rank_zero_warn

local metrics = {}

local function is_tensor(value) return c.is_tensor(value) end

local function user_error(text, ...) error(format("TorchMetricsUserError: " .. text, ...), 0) end
local function value_error(text, ...) error(format("ValueError: " .. text, ...), 0) end

-- One tensor of a list; what has no dimension counts as one element.
local function dim_zero_cat(value)
  if is_tensor(value) then return value end
  if #value == 0 then value_error("No samples to concatenate") end
  local parts = {}
  for i, part in ipairs(value) do
    parts[i] = #part.shape == 0 and part:reshape(1) or part
  end
  if #parts == 1 then return parts[1] end
  return torch.cat(parts)
end
metrics.dim_zero_cat = dim_zero_cat

local reductions = {
  sum = function(t) return t:sum(0) end,
  mean = function(t) return t:mean(0) end,
  max = function(t) return (t:max(0)) end,
  min = function(t) return (t:min(0)) end,
  cat = dim_zero_cat,
}

-- ---- between ranks ----

-- The shape of `t` as a list.
local function sizes_of(t)
  local list = {}
  for i, size in ipairs(t.shape) do list[i] = size end
  return list
end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- Grows `t` with zeros at the end of each dimension, or cuts it, to `sizes`.
local function fit(t, sizes)
  for dim, size in ipairs(sizes) do
    local own = t.shape[dim]
    if own < size then
      local more = sizes_of(t)
      more[dim] = size - own
      t = torch.cat({ t, torch.zeros(more, { dtype = t.dtype }) }, dim - 1)
    elseif own > size then
      t = t:narrow(dim - 1, 0, size)
    end
  end
  return t
end

-- All ranks' tensors, of sizes that may differ: a barrier, the sizes, the data.
local function gather_all_tensors(t, group, name)
  local where = { group = group, name = name }
  dist.barrier({ group = group, name = name })
  if #t.shape == 0 then return dist.all_gather(t, where) end
  local sizes = dist.all_gather(torch.tensor(sizes_of(t), { dtype = torch.int64 }), where)
  local lists, largest, differ = {}, {}, false
  for rank, size in ipairs(sizes) do
    lists[rank] = size:tolist()
    for dim, n in ipairs(lists[rank]) do
      if n > (largest[dim] or -1) then largest[dim] = n end
    end
    differ = differ or not same(lists[rank], lists[1])
  end
  if not differ then return dist.all_gather(t, where) end
  local gathered = dist.all_gather(fit(t, largest), where)
  for rank, list in ipairs(lists) do gathered[rank] = fit(gathered[rank], list) end
  return gathered
end

-- ---- the base of all ----

local Metric = class("Metric")
metrics.Metric = Metric
Metric.is_metric = true
Metric.full_state_update = nil
Metric._instances.__call = function(self, ...) return self:forward(...) end
Metric._instances.__tostring = function(self) return getmetatable(self).class._name .. "()" end

local base_options = {
  "compute_on_cpu", "dist_sync_on_step", "process_group", "sync_on_compute", "compute_with_cache",
}

-- Takes over the options that every metric has; `names` are those of the class besides.
function Metric:options(given, names)
  local all = {}
  for i, name in ipairs(base_options) do all[i] = name end
  for _, name in ipairs(names or {}) do all[#all + 1] = name end
  given = options.check(given, self._name, all)
  self.dist_sync_on_step = given.dist_sync_on_step or false
  self.process_group = given.process_group
  if given.sync_on_compute ~= nil then self.sync_on_compute = given.sync_on_compute end
  if given.compute_with_cache ~= nil then self.compute_with_cache = given.compute_with_cache end
  return given
end

-- A tensor, or an empty list to which updates append.
function Metric:add_state(name, default, given)
  given = options.check(given, "add_state", { "dist_reduce_fx", "persistent" })
  if not is_tensor(default) and not (type(default) == "table" and next(default) == nil) then
    value_error("state variable must be a tensor or an empty list (where you can append tensors)")
  end
  local reduce = given.dist_reduce_fx
  if type(reduce) == "string" then
    if not reductions[reduce] then
      value_error("`dist_reduce_fx` must be callable or one of ['mean', 'sum', 'cat', 'min', 'max'], " ..
                  "found '%s'", reduce)
    end
  elseif reduce ~= nil and type(reduce) ~= "function" then
    value_error("`dist_reduce_fx` must be callable or one of ['mean', 'sum', 'cat', 'min', 'max']")
  end
  self._states[name] = { default = default, reduce = reduce, persistent = given.persistent == true }
  self._order[#self._order + 1] = name
  self[name] = is_tensor(default) and default:clone() or {}
end

function Metric:update() error(format("NotImplementedError: %s has no update()", self._name), 0) end
function Metric:compute() error(format("NotImplementedError: %s has no compute()", self._name), 0) end

local function copy_state(value)
  if is_tensor(value) then return value end
  local list = {}
  for i, item in ipairs(value) do list[i] = item end
  return list
end

local function take_states(self)
  local kept = {}
  for _, name in ipairs(self._order) do kept[name] = copy_state(self[name]) end
  return kept
end

local function put_states(self, kept)
  for _, name in ipairs(self._order) do self[name] = kept[name] end
end

local function clear_states(self)
  for _, name in ipairs(self._order) do
    local default = self._states[name].default
    self[name] = is_tensor(default) and default:clone() or {}
  end
end

local function run_update(self, ...)
  self._computed = nil
  self._update_count = self._update_count + 1
  local arguments, count = { ... }, select("#", ...)
  torch.no_grad(function() self:_update(table.unpack(arguments, 1, count)) end)
end

local function distributed(self)
  return dist.get_world_size() > 1 and not self._is_synced
end

-- Local states are kept, and the ones reduced over the ranks take their places.
function Metric:sync(given)
  given = options.check(given, "sync", { "should_sync", "process_group", "distributed_available" })
  if self._is_synced and given.should_sync ~= false then
    user_error("The Metric has already been synced.")
  end
  if given.should_sync == false or dist.get_world_size() == 1 then return end
  local group = given.process_group or self.process_group
  self._cache = take_states(self)
  for _, name in ipairs(self._order) do
    local state, value = self._states[name], self[name]
    local reduce = type(state.reduce) == "string" and reductions[state.reduce] or state.reduce
    local purpose = format("%s: %s over the ranks", self._name, name)
    if is_tensor(value) then
      local gathered = gather_all_tensors(value, group, purpose)
      if state.reduce == "cat" then
        self[name] = dim_zero_cat(gathered)
      else
        local stacked = torch.stack(gathered)
        self[name] = reduce and reduce(stacked) or stacked
      end
    else
      local parts = value
      if state.reduce == "cat" then
        parts = { #value > 0 and dim_zero_cat(value) or torch.zeros(0) }
      end
      local flat = {}
      local gathered = {}
      for i, part in ipairs(parts) do gathered[i] = gather_all_tensors(part, group, purpose) end
      for rank = 1, #gathered > 0 and #gathered[1] or 0 do
        for i = 1, #gathered do flat[#flat + 1] = gathered[i][rank] end
      end
      self[name] = reduce and reduce(flat) or flat
    end
  end
  self._is_synced = true
end

function Metric:unsync(given)
  given = options.check(given, "unsync", { "should_unsync" })
  if given.should_unsync == false then return end
  if not self._is_synced then user_error("The Metric has already been un-synced.") end
  if self._cache == nil then
    user_error("The internal cache should exist to unsync the Metric.")
  end
  put_states(self, self._cache)
  self._is_synced, self._cache = false, nil
end

local function run_compute(self)
  if self._update_count == 0 then
    warn(format("The ``compute`` method of metric %s was called before the ``update`` method which " ..
                "may lead to errors, as metric states have not yet been updated.", self._name))
  end
  if self._computed ~= nil then return self._computed end
  local synced = false
  if self.sync_on_compute and not self._no_sync and distributed(self) then
    self:sync()
    synced = self._is_synced
  end
  local value = self:_compute()
  if synced then self:unsync() end
  if is_tensor(value) and value:numel() == 1 then value = value:squeeze() end
  if self.compute_with_cache then self._computed = value end
  return value
end

-- Merges the batch's states, which are the metric's now, with those of before.
local function merge(self, before, count)
  for _, name in ipairs(self._order) do
    local reduce, g, b = self._states[name].reduce, before[name], self[name]
    if reduce == "sum" then
      self[name] = g + b
    elseif reduce == "mean" then
      self[name] = (g * (count - 1) + b) / count
    elseif reduce == "max" then
      self[name] = torch.maximum(g, b)
    elseif reduce == "min" then
      self[name] = torch.minimum(g, b)
    elseif not is_tensor(g) then
      local list = copy_state(g)
      for _, item in ipairs(b) do list[#list + 1] = item end
      self[name] = list
    elseif reduce == "cat" then
      self[name] = torch.cat({ g, b })
    elseif reduce == nil then
      self[name] = torch.stack({ g, b })
    else
      self[name] = reduce(torch.stack({ g, b }))
    end
  end
end

-- The value of this batch alone; it is added to the states as well.
function Metric:forward(...)
  if self._is_synced then
    user_error("The Metric shouldn't be synced when performing ``forward``. HINT: Did you forget to " ..
               "call ``unsync`` ?.")
  end
  local value
  if self.full_state_update ~= false or self.dist_sync_on_step then
    self:update(...)
    local count, kept = self._update_count, take_states(self)
    clear_states(self)
    self._update_count = 0
    self._no_sync = not self.dist_sync_on_step
    self:update(...)
    value = self:compute()
    put_states(self, kept)
    self._update_count = count
  else
    local count, kept = self._update_count, take_states(self)
    clear_states(self)
    self._no_sync = true
    self:update(...)
    value = self:compute()
    self._update_count = count + 1
    merge(self, kept, count + 1)
  end
  self._no_sync, self._is_synced, self._computed = nil, false, nil
  self._forward_cache = value
  return value
end

function Metric:reset()
  self._update_count, self._forward_cache, self._computed = 0, nil, nil
  clear_states(self)
  self._cache, self._is_synced = nil, false
end

-- States are replaced and never written to, so that a copy may share them.
local function copy_of(object)
  local made = setmetatable({}, getmetatable(object))
  for key, value in pairs(object) do
    if is_tensor(value) or type(value) ~= "table" or key == "_states" or key == "_order" then
      made[key] = value
    else
      made[key] = copy_state(value)
    end
  end
  return made
end

function Metric:clone() return copy_of(self) end
function Metric:to() return self end
function Metric:train(mode) self.training = mode ~= false return self end
function Metric:eval() return self:train(false) end

function Metric:metric_state()
  local states = ordered_dict()
  for _, name in ipairs(self._order) do states[name] = self[name] end
  return states
end

-- States that were added as persistent.
function Metric:state_dict(prefix)
  local out = ordered_dict()
  for _, name in ipairs(self._order) do
    if self._states[name].persistent then out[(prefix or "") .. name] = copy_state(self[name]) end
  end
  return out
end

function Metric:load_state_dict(state, prefix)
  for _, name in ipairs(self._order) do
    local value = state[(prefix or "") .. name]
    if value ~= nil then self[name] = copy_state(value) end
  end
end

local plain_extend = Metric.extend

local function construct(made, ...)
  local object = setmetatable({}, made._instances)
  object._states, object._order, object._update_count = {}, {}, 0
  object.sync_on_compute, object.compute_with_cache, object.training = true, true, true
  object:init(...)
  return object
end

-- A class of one's own has init, update and compute. Objects find the wrapped ones of these in
-- front of the class's: those count, cache and synchronise.
function Metric:extend(name)
  local made = plain_extend(self, name)
  function made._instances.__index(_, key)
    if key == "update" then return run_update end
    if key == "compute" then return run_compute end
    if key == "_update" then return made.update end
    if key == "_compute" then return made.compute end
    return made[key]
  end
  return setmetatable(made, { __index = self, __name = "class", __call = construct })
end

-- ---- aggregation ----

local function as_tensor(value)
  if is_tensor(value) then return value end
  return torch.tensor(value, { dtype = torch.float32 })
end

-- Values without NaN, as nan_strategy says; with weights where there are any.
local function without_nan(self, value, weight)
  value = as_tensor(value):to(torch.float32)
  weight = weight and as_tensor(weight):to(torch.float32)
  local strategy = self.nan_strategy
  if strategy == "disable" then return value, weight end
  local clean, kept, found = c.drop_nan(value, weight, type(strategy) == "number" and strategy or nil)
  if found then
    if strategy == "error" then error("RuntimeError: Encountered `nan` values in tensor", 0) end
    if strategy == "warn" then
      warn("Encountered `nan` values in tensor. Will be removed.", { category = "UserWarning" })
    end
  end
  return clean, kept
end

local function aggregator(name, default, reduce)
  local Aggregator = Metric:extend(name)
  metrics[name] = Aggregator
  Aggregator.full_state_update = false
  function Aggregator:init(given)
    given = self:options(given, { "nan_strategy" })
    self.nan_strategy = given.nan_strategy or "warn"
    if default then self:add_state(self.state_name, default(), { dist_reduce_fx = reduce }) end
  end
  return Aggregator
end

local function scalar(value) return function() return torch.tensor(value, { dtype = torch.float32 }) end end

local MaxMetric = aggregator("MaxMetric", scalar(-huge), "max")
MaxMetric.state_name, MaxMetric.full_state_update = "max_value", true
function MaxMetric:update(value)
  value = without_nan(self, value)
  if value:numel() > 0 then self.max_value = torch.maximum(self.max_value, value:max()) end
end
function MaxMetric:compute() return self.max_value end

local MinMetric = aggregator("MinMetric", scalar(huge), "min")
MinMetric.state_name, MinMetric.full_state_update = "min_value", true
function MinMetric:update(value)
  value = without_nan(self, value)
  if value:numel() > 0 then self.min_value = torch.minimum(self.min_value, value:min()) end
end
function MinMetric:compute() return self.min_value end

local SumMetric = aggregator("SumMetric", scalar(0), "sum")
SumMetric.state_name = "sum_value"
function SumMetric:update(value)
  value = without_nan(self, value)
  if value:numel() > 0 then self.sum_value = self.sum_value + value:sum() end
end
function SumMetric:compute() return self.sum_value end

local CatMetric = aggregator("CatMetric", function() return {} end, "cat")
CatMetric.state_name = "value"
function CatMetric:update(value)
  value = without_nan(self, value)
  if value:numel() > 0 then
    local list = copy_state(self.value)
    list[#list + 1] = value
    self.value = list
  end
end
function CatMetric:compute()
  if not is_tensor(self.value) and #self.value == 0 then return self.value end
  return dim_zero_cat(self.value)
end

local MeanMetric = aggregator("MeanMetric")
function MeanMetric:init(given)
  given = self:options(given, { "nan_strategy" })
  self.nan_strategy = given.nan_strategy or "warn"
  self:add_state("mean_value", torch.tensor(0, { dtype = torch.float32 }), { dist_reduce_fx = "sum" })
  self:add_state("weight", torch.tensor(0, { dtype = torch.float32 }), { dist_reduce_fx = "sum" })
end
function MeanMetric:update(value, weight)
  value = as_tensor(value)
  weight = as_tensor(weight == nil and 1 or weight):expand(sizes_of(value))
  value, weight = without_nan(self, value, weight)
  if value:numel() == 0 then return end
  self.mean_value = self.mean_value + (value * weight):sum()
  self.weight = self.weight + weight:sum()
end
function MeanMetric:compute() return self.mean_value / self.weight end

-- ---- regression ----

local function check_same_shape(preds, target)
  if tostring(preds.shape) ~= tostring(target.shape) then
    error(format("RuntimeError: Predictions and targets are expected to have the same shape, but got " ..
                 "%s and %s.", tostring(preds.shape), tostring(target.shape)), 0)
  end
end

local MeanSquaredError = Metric:extend("MeanSquaredError")
metrics.MeanSquaredError = MeanSquaredError
MeanSquaredError.full_state_update = false
MeanSquaredError.higher_is_better = false

function MeanSquaredError:init(given)
  given = self:options(given, { "squared" })
  self.squared = given.squared ~= false
  self:add_state("sum_squared_error", torch.tensor(0, { dtype = torch.float32 }), { dist_reduce_fx = "sum" })
  self:add_state("total", torch.tensor(0, { dtype = torch.int64 }), { dist_reduce_fx = "sum" })
end

function MeanSquaredError:update(preds, target)
  check_same_shape(preds, target)
  local difference = preds - target
  self.sum_squared_error = self.sum_squared_error + (difference * difference):sum()
  self.total = self.total + preds:numel()
end

function MeanSquaredError:compute()
  local mse = self.sum_squared_error / self.total
  return self.squared and mse or mse:sqrt()
end

local MeanAbsoluteError = Metric:extend("MeanAbsoluteError")
metrics.MeanAbsoluteError = MeanAbsoluteError
MeanAbsoluteError.full_state_update = false

function MeanAbsoluteError:init(given)
  self:options(given)
  self:add_state("sum_abs_error", torch.tensor(0, { dtype = torch.float32 }), { dist_reduce_fx = "sum" })
  self:add_state("total", torch.tensor(0, { dtype = torch.int64 }), { dist_reduce_fx = "sum" })
end

function MeanAbsoluteError:update(preds, target)
  check_same_shape(preds, target)
  self.sum_abs_error = self.sum_abs_error + (preds - target):abs():sum()
  self.total = self.total + preds:numel()
end

function MeanAbsoluteError:compute() return self.sum_abs_error / self.total end

-- ---- classification ----

local averages = { micro = true, macro = true, weighted = true, none = true }

local function check_task(name, given)
  local task = given.task or (given.num_classes and "multiclass")
  if task ~= "binary" and task ~= "multiclass" then
    value_error("%s: `task` is %s, expected 'binary' or 'multiclass'", name,
                task == nil and "missing" or "'" .. tostring(task) .. "'")
  end
  if task == "multiclass" and (math_type(given.num_classes) ~= "integer" or given.num_classes < 2) then
    value_error("%s: `num_classes` is %s, expected a whole number above 1", name, tostring(given.num_classes))
  end
  return task
end

local class_options = {
  "task", "num_classes", "average", "threshold", "ignore_index", "validate_args", "top_k",
  "zero_division", "multidim_average",
}

local function read_class_options(self, given, more, default_average)
  local names = {}
  for i, name in ipairs(class_options) do names[i] = name end
  for _, name in ipairs(more or {}) do names[#names + 1] = name end
  given = self:options(given, names)
  self.task = check_task(self._name, given)
  self.num_classes = self.task == "binary" and 2 or given.num_classes
  self.average = given.average == false and "none" or given.average or default_average
  if not averages[self.average] then
    value_error("Expected argument `average` to be one of ('micro', 'macro', 'weighted', 'none'), but " ..
                "got %s", tostring(given.average))
  end
  self.threshold = given.threshold or 0.5
  if not (self.threshold >= 0 and self.threshold <= 1) then
    value_error("Expected argument `threshold` to be a float in the [0,1] range, but got %s.",
                tostring(self.threshold))
  end
  if (given.top_k or 1) ~= 1 or (given.multidim_average or "global") ~= "global" then
    value_error("%s: only top_k = 1 and multidim_average = 'global' are there", self._name)
  end
  self.ignore_index = given.ignore_index
  self.zero_division = given.zero_division or 0
  self.validate_args = given.validate_args ~= false
  return given
end

-- The classes that were predicted, as int64; scores are thresholded or maximised.
local function labels_of(self, preds)
  if not c.is_floating(preds) then return preds:to(torch.int64) end
  if self.task == "binary" then return c.threshold(preds, self.threshold) end
  return preds:argmax(1)
end

local function confusion_of(self, preds, target)
  return c.confusion(labels_of(self, preds):reshape(-1), target:reshape(-1):to(torch.int64),
                     self.num_classes, self.ignore_index, self.validate_args, self._name)
end

-- Counts by class out of a confusion matrix (rows are true classes).
local StatScores = Metric:extend("StatScores")
metrics.StatScores = StatScores
StatScores.full_state_update = false

function StatScores:init(given)
  self:open(given, nil, "macro")
end

function StatScores:open(given, more, default_average)
  given = read_class_options(self, given, more, default_average)
  local single = self.task == "binary" or self.average == "micro"
  for _, name in ipairs({ "tp", "fp", "tn", "fn" }) do
    local zero = single and torch.tensor(0, { dtype = torch.int64 })
                 or torch.zeros(self.num_classes, { dtype = torch.int64 })
    self:add_state(name, zero, { dist_reduce_fx = "sum" })
  end
  return given
end

function StatScores:update(preds, target)
  local tp, fp, tn, fn = c.counts(confusion_of(self, preds, target),
                                  self.task == "binary" and "binary" or self.average)
  self.tp, self.fp = self.tp + tp, self.fp + fp
  self.tn, self.fn = self.tn + tn, self.fn + fn
end

function StatScores:compute()
  local dim, support = #self.tp.shape, self.tp + self.fn
  local counts = torch.stack({ self.tp, self.fp, self.tn, self.fn, support }, dim)
  if dim == 0 or self.average == "none" then return counts end
  counts = counts:to(torch.float32)
  if self.average == "macro" then return counts:mean(0) end
  local weight = support:to(torch.float32) / support:sum()
  return (counts * weight:unsqueeze(1)):sum(0)
end

local function safe_divide(a, b, zero_division)
  return c.safe_divide(a:to(torch.float32), b:to(torch.float32), zero_division)
end

-- By class to one number, as `average` says.
local function averaged(self, score)
  if self.task == "binary" or self.average == "micro" or self.average == "none" then return score end
  return c.average(score, self.tp, self.fp, self.fn, self.average)
end

local function score_class(name, score, higher)
  local Score = StatScores:extend(name)
  metrics[name] = Score
  Score.higher_is_better = higher ~= false
  function Score:init(given) self:open(given, self.more, self.default_average or "micro") end
  function Score:compute() return averaged(self, score(self)) end
  return Score
end

score_class("Accuracy", function(self)
  if self.task == "binary" then
    return safe_divide(self.tp + self.tn, self.tp + self.tn + self.fp + self.fn, 0)
  end
  return safe_divide(self.tp, self.tp + self.fn, 0)
end)

score_class("Precision", function(self)
  return safe_divide(self.tp, self.tp + self.fp, self.zero_division)
end)

score_class("Recall", function(self)
  return safe_divide(self.tp, self.tp + self.fn, self.zero_division)
end)

score_class("Specificity", function(self)
  return safe_divide(self.tn, self.tn + self.fp, 0)
end)

local function f_beta(self)
  local square = self.beta * self.beta
  local tp = self.tp:to(torch.float32) * (1 + square)
  return safe_divide(tp, tp + self.fn:to(torch.float32) * square + self.fp:to(torch.float32),
                     self.zero_division)
end

local F1Score = score_class("F1Score", f_beta)
F1Score.beta = 1

local FBetaScore = score_class("FBetaScore", f_beta)
function FBetaScore:init(given)
  given = self:open(given, { "beta" }, "micro")
  if type(given.beta) ~= "number" or given.beta <= 0 then
    value_error("Expected argument `beta` to be a float larger than 0, but got %s.", tostring(given.beta))
  end
  self.beta = given.beta
end

-- The names with the task in front, which take no `task`; their default average is macro.
local function with_task(base, task, prefix)
  local name = prefix .. base._name
  local Made = base:extend(name)
  metrics[name] = Made
  Made.default_average = task == "multiclass" and "macro" or "micro"
  local init = base.init
  function Made:init(given, ...)
    -- As in Python: MulticlassAccuracy(num_classes, ...).
    if task == "multiclass" and type(given) == "number" then
      local more = { num_classes = given }
      for key, value in pairs((...) or {}) do more[key] = value end
      given = more
    end
    local all = { task = task }
    for key, value in pairs(given or {}) do all[key] = value end
    init(self, all)
  end
end

for _, name in ipairs({ "Accuracy", "Precision", "Recall", "Specificity", "F1Score", "StatScores" }) do
  with_task(metrics[name], "binary", "Binary")
  with_task(metrics[name], "multiclass", "Multiclass")
end

local ConfusionMatrix = Metric:extend("ConfusionMatrix")
metrics.ConfusionMatrix = ConfusionMatrix
ConfusionMatrix.full_state_update = false

function ConfusionMatrix:init(given)
  given = read_class_options(self, given, { "normalize" }, "none")
  self.normalize = given.normalize
  if self.normalize ~= nil and self.normalize ~= "true" and self.normalize ~= "pred" and
     self.normalize ~= "all" and self.normalize ~= "none" then
    value_error("Expected argument `normalize` to be one of ('true', 'pred', 'all', 'none', nil), but " ..
                "got %s", tostring(self.normalize))
  end
  self:add_state("confmat", torch.zeros(self.num_classes, self.num_classes, { dtype = torch.int64 }),
                 { dist_reduce_fx = "sum" })
end

function ConfusionMatrix:update(preds, target)
  self.confmat = self.confmat + confusion_of(self, preds, target)
end

function ConfusionMatrix:compute()
  local mode = self.normalize
  if mode == nil or mode == "none" then return self.confmat end
  local counts = self.confmat:to(torch.float32)
  local sums
  if mode == "true" then
    sums = counts:sum(1):unsqueeze(1)
  elseif mode == "pred" then
    sums = counts:sum(0):unsqueeze(0)
  else
    sums = counts:sum()
  end
  return c.safe_divide(counts, sums:expand(sizes_of(counts)), 0)
end

with_task(ConfusionMatrix, "binary", "Binary")
with_task(ConfusionMatrix, "multiclass", "Multiclass")

-- ---- curves ----

-- Scores and targets of all samples: what ROC and precision-recall curves are made of.
local Curve = Metric:extend("Curve")
Curve.full_state_update = false

function Curve:init(given)
  given = read_class_options(self, given, self.more, "macro")
  if given.thresholds ~= nil then
    value_error("%s: only exact curves are there (thresholds = nil)", self._name)
  end
  self.max_fpr = given.max_fpr
  if self.max_fpr ~= nil and not (type(self.max_fpr) == "number" and self.max_fpr > 0 and self.max_fpr <= 1) then
    value_error("Arguments `max_fpr` should be a float in range (0, 1], but got: %s", tostring(self.max_fpr))
  end
  self:add_state("preds", {}, { dist_reduce_fx = "cat" })
  self:add_state("target", {}, { dist_reduce_fx = "cat" })
end

function Curve:update(preds, target)
  local scores, labels = c.scores(preds, target:to(torch.int64), self.task, self.num_classes,
                                  self.ignore_index, self._name)
  local all, truths = copy_state(self.preds), copy_state(self.target)
  all[#all + 1], truths[#truths + 1] = scores, labels
  self.preds, self.target = all, truths
end

local function curve_value(self, of)
  local preds, target = dim_zero_cat(self.preds), dim_zero_cat(self.target)
  if self.task == "binary" then
    return torch.tensor((of(preds, target, 1)), { dtype = torch.float32 })
  end
  local values, supports, sum, weights, count = {}, {}, 0, 0, 0
  for k = 0, self.num_classes - 1 do
    local value, positives = of(preds:select(1, k), target, k)
    values[k + 1], supports[k + 1] = value, positives
    if value == value then
      local weight = self.average == "weighted" and positives or 1
      sum, weights, count = sum + value * weight, weights + weight, count + 1
    end
  end
  if self.average == "none" then return torch.tensor(values, { dtype = torch.float32 }) end
  if count < self.num_classes then
    warn(format("%s score for one or more classes was `nan`. Ignoring these classes in %s-average",
                self._name, self.average), { category = "UserWarning" })
  end
  return torch.tensor(weights > 0 and sum / weights or 0, { dtype = torch.float32 })
end

local function curve_class(name, of, more)
  local Made = Curve:extend(name)
  metrics[name] = Made
  Made.more = more
  function Made:compute() return curve_value(self, of(self)) end
  with_task(Made, "binary", "Binary")
  with_task(Made, "multiclass", "Multiclass")
end

curve_class("AUROC", function(self)
  return function(scores, target, positive)
    local area, positives, negatives = c.auroc(scores, target, positive, self.max_fpr)
    if positives == 0 then
      warn("No positive samples in targets, true positive value should be meaningless. Returning zero " ..
           "tensor in true positive score", { category = "UserWarning" })
    elseif negatives == 0 then
      warn("No negative samples in targets, false positive value should be meaningless. Returning zero " ..
           "tensor in false positive score", { category = "UserWarning" })
    end
    return area, positives
  end
end, { "max_fpr", "thresholds" })

curve_class("AveragePrecision", function()
  return function(scores, target, positive)
    local value, positives = c.average_precision(scores, target, positive)
    if positives == 0 then
      -- The original looks whether all labels are 0, also where the class is another.
      if target:ne(0):any():item() then return 0 / 0, 0 end
      warn("No positive samples found in target, recall is undefined. Setting recall to one for all " ..
           "thresholds.", { category = "UserWarning" })
    end
    return value, positives
  end
end, { "thresholds" })

-- ---- several at once ----

local MetricCollection = class("MetricCollection")
metrics.MetricCollection = MetricCollection
MetricCollection.is_metric_collection = true
MetricCollection._instances.__call = function(self, ...) return self:forward(...) end

local function is_metric(value) return type(value) == "table" and value.is_metric == true end

-- MetricCollection({ a, b }) or ({ acc = a, f1 = b }); names of a list are those of the classes.
function MetricCollection:init(list, given)
  given = options.check(given, "MetricCollection", { "prefix", "postfix", "compute_groups" })
  self.prefix, self.postfix = given.prefix or "", given.postfix or ""
  self._metrics = ordered_dict()
  if is_metric(list) then list = { list } end
  local names = {}
  for key in pairs(list) do
    if type(key) == "string" then names[#names + 1] = key end
  end
  table.sort(names)
  for _, name in ipairs(names) do self:add(name, list[name]) end
  for _, metric in ipairs(list) do
    local name = is_metric(metric) and metric._name or "?"
    if self._metrics[name] ~= nil then value_error("Encountered two metrics both named %s", name) end
    self:add(name, metric)
  end
end

function MetricCollection:add(name, metric)
  if not is_metric(metric) then
    value_error("Value %s belonging to key %s is not an instance of `Metric`", type(metric), name)
  end
  self._metrics[name] = metric
end

local function named(self, name) return self.prefix .. name .. self.postfix end

function MetricCollection:items()
  local out = ordered_dict()
  for name, metric in pairs(self._metrics) do out[named(self, name)] = metric end
  return pairs(out)
end

local function each(verb)
  MetricCollection[verb] = function(self, ...)
    local out = ordered_dict()
    for name, metric in pairs(self._metrics) do out[named(self, name)] = metric[verb](metric, ...) end
    return out
  end
end
each("forward")
each("compute")

function MetricCollection:update(...)
  for _, metric in pairs(self._metrics) do metric:update(...) end
end

function MetricCollection:reset()
  for _, metric in pairs(self._metrics) do metric:reset() end
end

function MetricCollection:clone(given)
  given = options.check(given, "clone", { "prefix", "postfix" })
  local own = {}
  for name, metric in pairs(self._metrics) do own[name] = metric:clone() end
  return MetricCollection(own, { prefix = given.prefix or self.prefix, postfix = given.postfix or self.postfix })
end

return metrics
