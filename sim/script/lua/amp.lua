-- torch.amp.GradScaler: losses are multiplied, so that small gradients survive 16 bits, and the
-- scale is taken off again before the step. A step whose gradients are not all finite is skipped
-- and halves the scale.
--
-- Nothing here is a collective. Under DDP ranks agree because an infinity on one of them is in the
-- reduced gradients of all; where gradients are local, they may disagree.
local use, c = ...
local class = use("class")
local options = use("options")
local error, format, ipairs, type = error, string.format, ipairs, type
local is_tensor, unscale, inverse, scaled = c.is_tensor, c.unscale, c.inverse, c.scaled

local amp = {}

local GradScaler = class("GradScaler")
amp.GradScaler = GradScaler

-- Where an optimiser stands between two updates.
local READY, UNSCALED, STEPPED = 0, 1, 2

local NAMES = { "init_scale", "growth_factor", "backoff_factor", "growth_interval", "enabled" }

-- GradScaler(device, { init_scale = 65536, ... }); the device may be left out.
function GradScaler:init(device, given)
  if type(device) ~= "string" then device, given = "cuda", device end
  given = options.check(given, "GradScaler", NAMES)
  self._enabled = given.enabled ~= false
  self._device = device
  if not self._enabled then return end
  self._init_scale = (given.init_scale or 65536) + 0.0
  self._growth_factor = given.growth_factor or 2.0
  self._backoff_factor = given.backoff_factor or 0.5
  self._growth_interval = given.growth_interval or 2000
  if self._growth_factor <= 1 then
    error("AssertionError: The growth factor must be > 1.0.", 0)
  end
  if self._backoff_factor >= 1 then
    error("AssertionError: The backoff factor must be < 1.0.", 0)
  end
  self._init_growth_tracker = 0
  self._growth_tracker = 0
  self._states = {} -- by optimiser
  self._seen = {}   -- the same as a list
end

-- The scale is made at first use, as a tensor: a product with it has torch's dtype.
local function scale_tensor(self)
  if not self._scale then
    self._scale = torch.tensor(self._init_scale, { dtype = torch.float32 })
    self._growth_tracker = self._init_growth_tracker
  end
  return self._scale
end

local function check_scale(self, verb)
  if not self._scale then
    error(format("AssertionError: Attempted %s but _scale is None. This may indicate your " ..
                 "script did not use scaler:scale(loss) earlier in the iteration.", verb), 0)
  end
end

local function apply_scale(scale, value)
  if is_tensor(value) then return value * scale end
  if type(value) ~= "table" then
    error(format("ValueError: outputs must be a tensor or a list of tensors, found a %s",
                 type(value)), 0)
  end
  local list = {}
  for i, item in ipairs(value) do list[i] = apply_scale(scale, item) end
  return list
end

-- A loss, or a list of them, times the scale.
function GradScaler:scale(outputs)
  if not self._enabled then return outputs end
  return apply_scale(scale_tensor(self), outputs)
end

-- An optimiser may come wrapped; what it wraps is what counts.
local function state_of(self, optimizer)
  local inner = optimizer
  if type(optimizer) == "table" and optimizer.optimizer then inner = optimizer.optimizer end
  local state = self._states[inner]
  if not state then
    state = { stage = READY, found_inf = false, count = 0 }
    self._states[inner] = state
    self._seen[#self._seen + 1] = state
  end
  return state
end

-- Takes the scale off the gradients, and notes whether all are finite.
function GradScaler:unscale_(optimizer)
  if not self._enabled then return end
  check_scale(self, "unscale_")
  local state = state_of(self, optimizer)
  if state.stage == UNSCALED then
    error("RuntimeError: unscale_() has already been called on this optimizer since the last " ..
          "update().", 0)
  end
  if state.stage == STEPPED then
    error("RuntimeError: unscale_() is being called after step().", 0)
  end
  local factor = inverse(self._scale:item())
  for _, group in ipairs(optimizer.param_groups) do
    local found, count = unscale(group.params, factor)
    if count > 0 then state.found_inf = state.found_inf or found end
    state.count = state.count + count
  end
  state.stage = UNSCALED
end

-- The optimiser's step, unless gradients are not finite; its result.
function GradScaler:step(optimizer, closure)
  if not self._enabled then return optimizer:step(closure) end
  if closure ~= nil then
    error("RuntimeError: Closure use is not currently supported if GradScaler is enabled.", 0)
  end
  check_scale(self, "step")
  local state = state_of(self, optimizer)
  if state.stage == STEPPED then
    error("RuntimeError: step() has already been called since the last update().", 0)
  end
  if state.stage == READY then self:unscale_(optimizer) end
  if state.count == 0 then
    error("AssertionError: No inf checks were recorded for this optimizer.", 0)
  end
  local result
  if not state.found_inf then result = optimizer:step() end
  state.stage = STEPPED
  return result
end

local function set_scale(self, value) self._scale:fill_(value) end

-- Halves the scale after an infinity, doubles it after growth_interval steps without one.
function GradScaler:update(new_scale)
  if not self._enabled then return end
  check_scale(self, "update")
  if new_scale ~= nil then
    set_scale(self, is_tensor(new_scale) and new_scale:item() or new_scale)
  else
    local recorded, found = 0, false
    for _, state in ipairs(self._seen) do
      recorded = recorded + state.count
      found = found or state.found_inf
    end
    if recorded == 0 then
      error("AssertionError: No inf checks were recorded prior to update.", 0)
    end
    if found then
      set_scale(self, self._scale:item() * self._backoff_factor)
      self._growth_tracker = 0
    else
      self._growth_tracker = self._growth_tracker + 1
      if self._growth_tracker == self._growth_interval then
        set_scale(self, scaled(self._scale:item(), self._growth_factor))
        self._growth_tracker = 0
      end
    end
  end
  for _, state in ipairs(self._seen) do
    state.stage, state.found_inf, state.count = READY, false, 0
  end
end

function GradScaler:get_scale()
  if not self._enabled then return 1.0 end
  return self._scale and self._scale:item() or self._init_scale
end

function GradScaler:get_growth_factor() return self._growth_factor end
function GradScaler:set_growth_factor(value) self._growth_factor = value end
function GradScaler:get_backoff_factor() return self._backoff_factor end
function GradScaler:set_backoff_factor(value) self._backoff_factor = value end
function GradScaler:get_growth_interval() return self._growth_interval end
function GradScaler:set_growth_interval(value) self._growth_interval = value end
function GradScaler:is_enabled() return self._enabled end

function GradScaler:_get_growth_tracker()
  return self._scale and self._growth_tracker or self._init_growth_tracker
end

function GradScaler:state_dict()
  if not self._enabled then return {} end
  return {
    scale = self:get_scale(), growth_factor = self._growth_factor,
    backoff_factor = self._backoff_factor, growth_interval = self._growth_interval,
    _growth_tracker = self:_get_growth_tracker(),
  }
end

function GradScaler:load_state_dict(state)
  if not self._enabled then return end
  if type(state) ~= "table" or state.scale == nil then
    error("RuntimeError: The source state dict is empty, possibly because it was saved from a " ..
          "disabled instance of GradScaler.", 0)
  end
  self._init_scale = state.scale
  if self._scale then set_scale(self, state.scale) end
  self._growth_factor = state.growth_factor
  self._backoff_factor = state.backoff_factor
  self._growth_interval = state.growth_interval
  self._init_growth_tracker = state._growth_tracker
  self._growth_tracker = state._growth_tracker
end

return amp
