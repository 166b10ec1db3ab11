-- Timer: how long training, validation and test take, and an end to training after a time.
--
-- Time is the rank's virtual clock. Rank 0's clock decides for all, by a broadcast at each check.
local use = ...
local Callback, arguments, duration = use("callback"), use("arguments"), use("duration")
local rank_zero = use("rank_zero")
local error, floor, format, ipairs, pairs, tostring =
  error, math.floor, string.format, ipairs, pairs, tostring
local now = sim.now

local Timer = Callback:extend("Timer")

local parameters = {
  { "duration", "string|number|table?" },
  { "interval", "string", "step" },
  { "verbose", "boolean", true },
}

function Timer:init(...)
  local given = arguments("Timer", parameters, ...)
  if given.interval ~= "step" and given.interval ~= "epoch" then
    error(format("MisconfigurationException: Timer: interval is '%s', expected 'step' or 'epoch'",
                 given.interval), 0)
  end
  if given.duration ~= nil then self._duration = duration.of(given.duration, "Timer") end
  self._interval = given.interval
  self._verbose = given.verbose
  self._start_time = {}
  self._end_time = {}
  self._offset = 0
end

local stages = { train = true, validate = true, test = true, predict = true, sanity_check = true }

local function check_stage(stage)
  if stage == nil then return "train" end
  if not stages[stage] then
    error(format("ValueError: Timer: the stage is '%s', expected 'train', 'validate' or 'test'",
                 tostring(stage)), 0)
  end
  return stage
end

function Timer:start_time(stage) return self._start_time[check_stage(stage)] end
function Timer:end_time(stage) return self._end_time[check_stage(stage)] end

function Timer:time_elapsed(stage)
  stage = check_stage(stage)
  local start, stop = self._start_time[stage], self._end_time[stage]
  local offset = stage == "train" and self._offset or 0
  if start == nil then return offset end
  return (stop or now()) - start + offset
end

function Timer:time_remaining(stage)
  if self._duration then return self._duration / 1000000 - self:time_elapsed(stage) end
end

for hook, stage in pairs{ train = "train", validation = "validate", test = "test" } do
  Timer["on_" .. hook .. "_start"] = function(self) self._start_time[stage] = now() end
  Timer["on_" .. hook .. "_end"] = function(self) self._end_time[stage] = now() end
end

function Timer:_check_time_remaining(trainer)
  local stop = duration.is_over(self:time_elapsed(), self._duration)
  stop = trainer.strategy:broadcast(stop, 0, "Timer: is the time over?")
  trainer.should_stop = trainer.should_stop or stop
  if stop and self._verbose then
    rank_zero.rank_zero_info(format("Timer: the time limit is reached after %s. Training stops.",
                                    duration.str(floor(self:time_elapsed("train")) * 1000000)))
  end
end

function Timer:on_fit_start(trainer)
  if self._duration then self:_check_time_remaining(trainer) end
end

function Timer:on_train_batch_end(trainer)
  if self._duration and self._interval == "step" then self:_check_time_remaining(trainer) end
end

function Timer:on_train_epoch_end(trainer)
  if self._duration and self._interval == "epoch" then self:_check_time_remaining(trainer) end
end

function Timer:state_dict()
  local elapsed = {}
  for _, stage in ipairs{ "train", "sanity_check", "validate", "test", "predict" } do
    elapsed[stage] = self:time_elapsed(stage)
  end
  return { time_elapsed = elapsed }
end

function Timer:load_state_dict(state)
  self._offset = state.time_elapsed and state.time_elapsed.train or 0
end

return Timer
