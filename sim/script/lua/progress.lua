-- How far a loop has come: counters of what was ready, started, processed and completed, in all
-- and in the current run. They are what a checkpoint keeps of a loop, under Lightning's names.
--
-- Loops count by hand in their hot paths (`p.total.ready = p.total.ready + 1`), so a tracker is a
-- plain table and this module only makes, resets, saves and loads them.
local use = ...
local ordered_dict = use("ordered_dict")

local progress = {}

local kinds = {
  processed = { "ready", "completed", "started", "processed" },
  started = { "ready", "completed", "started" },
  completed = { "ready", "completed" },
}

local function tracker(kind)
  local made = {}
  for _, name in ipairs(kinds[kind]) do made[name] = 0 end
  return made
end

-- { total, current }; a batch progress also knows `is_last_batch`.
function progress.new(kind, is_batch)
  local made = { kind = kind or "processed", is_batch = is_batch }
  made.total, made.current = tracker(made.kind), tracker(made.kind)
  if is_batch then made.is_last_batch = false end
  return made
end

function progress.increment(self, name, by)
  by = by or 1
  self.total[name] = self.total[name] + by
  self.current[name] = self.current[name] + by
end

function progress.increment_all(self, by)
  for _, name in ipairs(kinds[self.kind]) do progress.increment(self, name, by) end
end

function progress.zero(counters)
  for name in pairs(counters) do counters[name] = 0 end
end

function progress.reset(self)
  progress.zero(self.total)
  progress.zero(self.current)
  if self.is_batch then self.is_last_batch = false end
end

function progress.reset_on_run(self)
  progress.zero(self.current)
  if self.is_batch then self.is_last_batch = false end
end

-- After a failure in between, back to what was fully completed.
function progress.reset_on_restart(self)
  local current = self.current
  for name in pairs(current) do current[name] = current.completed end
end

local function copy(counters, kind)
  local out = ordered_dict()
  for _, name in ipairs(kinds[kind]) do out[name] = counters[name] end
  return out
end

function progress.state_dict(self)
  local out = ordered_dict()
  out.total = copy(self.total, self.kind)
  out.current = copy(self.current, self.kind)
  if self.is_batch then out.is_last_batch = self.is_last_batch end
  return out
end

function progress.load_state_dict(self, state)
  for _, part in ipairs{ "total", "current" } do
    for _, name in ipairs(kinds[self.kind]) do self[part][name] = state[part][name] or 0 end
  end
  if self.is_batch then self.is_last_batch = state.is_last_batch or false end
end

return progress
