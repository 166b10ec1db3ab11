-- The precision of a Trainer: what is cast, and whether losses are scaled.
local use, c = ...
local class = use("class")
local is_tensor = c.is_tensor
local error, format, pairs, tostring, type = error, string.format, pairs, tostring, type

local Precision = class("Precision")

local known = {
  ["32"] = "32-true", ["32-true"] = "32-true", ["16"] = "16-mixed", ["16-mixed"] = "16-mixed",
  ["bf16"] = "bf16-mixed", ["bf16-mixed"] = "bf16-mixed", ["64"] = "64-true",
  ["64-true"] = "64-true", ["16-true"] = "16-true", ["bf16-true"] = "bf16-true",
}

function Precision:init(value)
  if value == nil then value = "32-true" end
  if type(value) == "table" and class.is(value, Precision) then value = value.precision end
  local name = known[tostring(value)]
  if name == nil then
    error(format("ValueError: Precision %s is invalid. Allowed precision values: 32, \"32-true\", " ..
                 "16, \"16-mixed\", \"bf16-mixed\", 64, \"64-true\", \"16-true\", \"bf16-true\"",
                 tostring(value)), 0)
  end
  self.precision = name
  self.scaler = nil
  if name == "16-mixed" then self.autocast = torch.float16 end
  if name == "bf16-mixed" then self.autocast = torch.bfloat16 end
  if self.autocast then self.autocast_options = { dtype = self.autocast } end
  if name == "16-mixed" then
    self.scaler = torch.amp.GradScaler()
  end
  if name == "64-true" then self.dtype = torch.float64 end
  if name == "16-true" then self.dtype = torch.float16 end
  if name == "bf16-true" then self.dtype = torch.bfloat16 end
end

function Precision:convert_module(module)
  if self.dtype then module:to(self.dtype) end
end

-- In true precisions the floating tensors of a batch are cast as the module is.
function Precision:convert_input(value)
  if is_tensor(value) then
    return value:is_floating_point() and value:to(self.dtype) or value
  end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = self:convert_input(item) end
  return out
end

-- One call of a step: under autocast where the precision is mixed.
function Precision:forward(optimization, name, ...)
  if not self.autocast then return optimization:step_through(name, ...) end
  return torch.autocast("cuda", self.autocast_options, optimization.step_through, optimization,
                        name, ...)
end

return Precision
