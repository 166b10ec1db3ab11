-- What the loops of a Trainer share: their state in a checkpoint, and that they were restored.
--
-- A loop lists what a checkpoint holds of it, in order: `parts` = { { name, "progress" | "loop" } }.
-- A restored loop is `restarting` until it has done one round.
local use = ...
local class = use("class")
local progress = use("progress")
local ordered_dict = use("ordered_dict")
local ipairs = ipairs

local Loop = class("Loop")

Loop.parts = {}
Loop.restarting = false
Loop.loaded = false   -- from a checkpoint, and no round done since
Loop.is_resuming = false

function Loop:init(trainer) self.trainer = trainer end

function Loop:set_restarting(flag)
  self.restarting = flag
  for _, part in ipairs(self.parts) do
    if part[2] == "loop" then self[part[1]]:set_restarting(flag) end
  end
end

function Loop:on_save_checkpoint() return {} end
function Loop:on_load_checkpoint() end
function Loop:reset_restart_stage() end

function Loop:state_dict(out, prefix)
  out, prefix = out or ordered_dict(), prefix or ""
  out[prefix .. "state_dict"] = self:on_save_checkpoint()
  for _, part in ipairs(self.parts) do
    local name, kind = part[1], part[2]
    if kind == "loop" then
      self[name]:state_dict(out, prefix .. name .. ".")
    else
      out[prefix .. name] = progress.state_dict(self[name])
    end
  end
  return out
end

function Loop:load_own_state(state, prefix)
  for _, part in ipairs(self.parts) do
    local saved = state[prefix .. part[1]]
    if part[2] == "progress" and saved then progress.load_state_dict(self[part[1]], saved) end
  end
  local own = state[prefix .. "state_dict"]
  if own then self:on_load_checkpoint(own) end
end

function Loop:load_state_dict(state, prefix)
  prefix = prefix or ""
  self:load_own_state(state, prefix)
  for _, part in ipairs(self.parts) do
    if part[2] == "loop" then
      self[part[1]]:load_state_dict(state, prefix .. part[1] .. ".")
    end
  end
  self:set_restarting(true)
  self.loaded = true
  self.is_resuming = true
end

-- One round is done: the loop goes on as any other.
function Loop:on_iteration_done()
  self.restarting = false
  self.loaded = false
  self.is_resuming = false
  self:reset_restart_stage()
end

return Loop
