-- EarlyStopping: stops training once a monitored number no longer gets better.
--
-- Each rank judges its own number; then one reduction stops all ranks if any rank wants to stop.
-- A rank that lacks the key does not come to that reduction, and the others wait for it there.
local use = ...
local Callback, arguments, decide = use("callback"), use("arguments"), use("decisions")
local python, rank_zero = use("python_text"), use("rank_zero")
local abs, concat, error, format, huge, ipairs, pairs, print, type =
  math.abs, table.concat, error, string.format, math.huge, ipairs, pairs, print, type

local EarlyStopping = Callback:extend("EarlyStopping")

-- The values of `stopping_reason`, as the enumeration of the original counts them.
EarlyStopping.Reason = {
  NOT_STOPPED = 0, STOPPING_THRESHOLD = 1, DIVERGENCE_THRESHOLD = 2, PATIENCE_EXHAUSTED = 3,
  NON_FINITE_METRIC = 4,
}
local Reason = EarlyStopping.Reason

local parameters = {
  { "monitor", "string" },
  { "min_delta", "number", 0.0 },
  { "patience", "integer", 3 },
  { "verbose", "boolean", false },
  { "mode", "string", "min" },
  { "strict", "boolean", true },
  { "check_finite", "boolean", true },
  { "stopping_threshold", "number?" },
  { "divergence_threshold", "number?" },
  { "check_on_train_epoch_end", "boolean?" },
  { "log_rank_zero_only", "boolean", false },
}

local better = {
  min = function(a, b) return a:lt(b):item() end,
  max = function(a, b) return a:gt(b):item() end,
}
local order = { min = "<", max = ">" }

function EarlyStopping:init(...)
  local given = arguments("EarlyStopping", parameters, ...)
  if not better[given.mode] then
    error(format("MisconfigurationException: EarlyStopping: `mode` is '%s', expected 'min' or " ..
                 "'max'", given.mode), 0)
  end
  for _, parameter in ipairs(parameters) do
    local name = parameter[1]
    if name ~= "check_on_train_epoch_end" then self[name] = given[name] end
  end
  self._check_on_train_epoch_end = given.check_on_train_epoch_end
  self.min_delta = given.mode == "max" and given.min_delta or -given.min_delta
  self.wait_count = 0
  self.stopped_epoch = 0
  self.stopping_reason = Reason.NOT_STOPPED
  self.best_score = torch.tensor(given.mode == "min" and huge or -huge)
  self.state_key = format("%s{'monitor': %s, 'mode': %s}", self._name, python.repr(self.monitor),
                          python.repr(self.mode))
end

function EarlyStopping:setup(trainer)
  if self._check_on_train_epoch_end == nil then
    self._check_on_train_epoch_end = trainer.val_check_interval == 1 and
      trainer.check_val_every_n_epoch == 1
  end
end

function EarlyStopping:state_dict()
  return {
    wait_count = self.wait_count, stopped_epoch = self.stopped_epoch, best_score = self.best_score,
    patience = self.patience, stopping_reason = self.stopping_reason,
    stopping_reason_message = self.stopping_reason_message,
  }
end

-- The patience of the checkpoint wins over the one this object was made with.
function EarlyStopping:load_state_dict(state)
  self.wait_count = state.wait_count
  self.stopped_epoch = state.stopped_epoch
  self.best_score = state.best_score
  self.patience = state.patience
  self.stopping_reason = state.stopping_reason or Reason.NOT_STOPPED
  self.stopping_reason_message = state.stopping_reason_message
end

-- Each verdict returns whether to stop, and why in words (nil: nothing to say).

local function not_finite(self, current)
  self.stopping_reason = Reason.NON_FINITE_METRIC
  return true, format("%s is %s, which is not finite; the best value so far was %s. Training " ..
                      "stops.", self.monitor, python.str(current),
                      python.format(self.best_score, ".3f"))
end

local function threshold(self, current, reason, name, limit)
  self.stopping_reason = reason
  return true, format("%s threshold reached: %s = %s %s %s. Training stops.", name, self.monitor,
                      python.str(current), order[self.mode], python.str(limit))
end

local function improved(self, current)
  local words
  local best = self.best_score:item()
  if best == best and best ~= huge and best ~= -huge then
    words = format("%s is better by %s (min_delta %s), new best score: %s", self.monitor,
                   python.format(self:_distance(current), ".3f"),
                   python.str(abs(self.min_delta)),
                   python.format(current, ".3f"))
  else
    words = format("%s has its first best score: %s", self.monitor, python.format(current, ".3f"))
  end
  self.best_score = current
  self.wait_count = 0
  return false, words
end

local function not_improved(self)
  self.wait_count = self.wait_count + 1
  if self.wait_count < self.patience then return false end
  self.stopping_reason = Reason.PATIENCE_EXHAUSTED
  return true, format("%s has not become better in the last %d checks; the best score was %s. " ..
                      "Training stops.", self.monitor, self.wait_count,
                      python.format(self.best_score, ".3f"))
end

function EarlyStopping:_distance(current)
  return abs((self.best_score - current):item())
end

-- The rules in their order; the first that fits decides.
function EarlyStopping:_evaluate_stopping_criteria(current)
  local is_better = better[self.mode]
  local value = current:item()
  if self.check_finite and (value ~= value or value == huge or value == -huge) then
    return not_finite(self, current)
  end
  if self.stopping_threshold and is_better(current, self.stopping_threshold) then
    return threshold(self, current, Reason.STOPPING_THRESHOLD, "Stopping", self.stopping_threshold)
  end
  if self.divergence_threshold and is_better(-current, -self.divergence_threshold) then
    return threshold(self, current, Reason.DIVERGENCE_THRESHOLD, "Divergence",
                     self.divergence_threshold)
  end
  if is_better(current - self.min_delta, self.best_score) then return improved(self, current) end
  return not_improved(self)
end

-- True if the key is there; a missing one raises or, without `strict`, skips this check.
function EarlyStopping:_validate_condition_metric(logs)
  if logs[self.monitor] ~= nil then return true end
  local names = {}
  for name in pairs(logs) do names[#names + 1] = name end
  local message = format(
    "EarlyStopping monitors '%s', which is not among the metrics of this rank; there are: %s",
    self.monitor, #names > 0 and "`" .. concat(names, "`, `") .. "`" or "none")
  if self.strict then error("RuntimeError: " .. message, 0) end
  if self.verbose then rank_zero.rank_zero_warn(message, { category = "RuntimeWarning" }) end
  return false
end

local function tell(self, trainer, message)
  if trainer.world_size <= 1 then
    print(message)
  elseif not self.log_rank_zero_only or trainer.global_rank == 0 then
    print(format("[rank: %d] %s", trainer.global_rank, message))
  end
end

function EarlyStopping:_run_early_stopping_check(trainer)
  local logs = trainer.callback_metrics
  if (trainer.fast_dev_run or 0) ~= 0 or not self:_validate_condition_metric(logs) then return end

  local current = logs[self.monitor]
  current = type(current) == "number" and torch.tensor(current) or current:squeeze()
  local stop, why = self:_evaluate_stopping_criteria(current)
  stop = trainer.strategy:reduce_boolean_decision(stop, false, "EarlyStopping: does any rank stop?")
  decide(trainer, "early_stop", stop and "stop" or "continue", self.monitor, current)
  trainer.should_stop = trainer.should_stop or stop
  if stop then
    self.stopped_epoch = trainer.current_epoch
    self.stopping_reason_message = why
  end
  if why and self.verbose then tell(self, trainer, why) end
end

local function skips(trainer)
  return trainer.state.fn ~= "fit" or trainer.sanity_checking
end

function EarlyStopping:on_train_epoch_end(trainer)
  if self._check_on_train_epoch_end and not skips(trainer) then
    self:_run_early_stopping_check(trainer)
  end
end

function EarlyStopping:on_validation_end(trainer)
  if not self._check_on_train_epoch_end and not skips(trainer) then
    self:_run_early_stopping_check(trainer)
  end
end

return EarlyStopping
