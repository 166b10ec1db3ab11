-- ModelSummary: the table of layers and parameters that is printed when fit starts, on rank 0.
--
-- Sizes and operations need an `example_input_array` on the module: it is run once in eval mode,
-- and each layer notes what it was given and what it returned.
local use = ...
local Callback, arguments, python, rank_zero =
  use("callback"), use("arguments"), use("python_text"), use("rank_zero")
local error, getmetatable, ipairs, print, rawget, rawset, select, setmetatable, tostring, type =
  error, getmetatable, ipairs, print, rawget, rawset, select, setmetatable, tostring, type
local concat, format, math_type, max, rep, unpack, utf8_len =
  table.concat, string.format, math.type, math.max, string.rep, table.unpack, utf8.len

-- ---- counts in few digits ----

local units = { " ", "K", "M", "B", "T" }

-- 123 -> "123  ", 1234 -> "1.2 K", 2000000 -> "2.0 M"
local function human_count(number)
  local groups = 1
  local scale = 1
  while groups < #units and number >= scale * 1000 do
    scale = scale * 1000
    groups = groups + 1
  end
  local scaled = number / scale
  if groups == 1 or scaled >= 100 then
    return python.format(number // scale, ",d") .. " " .. units[groups]
  end
  return python.format(scaled, ",.1f") .. " " .. units[groups]
end

-- ---- what one layer is ----

local function count_parameters(module, wanted)
  local total = 0
  for _, parameter in ipairs(module:parameters()) do
    if not wanted or wanted(parameter) then total = total + parameter:numel() end
  end
  return total
end

-- Multiplications and additions of the layers that torch's counter counts: matrix products.
local function own_flops(module, made)
  local weight = rawget(module, "weight")
  local kind = module._name
  if kind == "Linear" then
    return 2 * made:numel() * weight.shape[2]
  elseif kind == "Conv1d" or kind == "Conv2d" then
    local kernel = weight:numel() // weight.shape[1]
    return 2 * made:numel() * kernel
  end
  return 0
end

local function shape_text(value)
  if type(value) == "userdata" then
    local parts = {}
    for i, size in ipairs(value.shape) do parts[i] = tostring(size) end
    return "[" .. concat(parts, ", ") .. "]"
  end
  if type(value) == "table" and getmetatable(value) == nil then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = shape_text(item) end
    return "[" .. concat(parts, ", ") .. "]"
  end
  return "?"
end

-- ---- the layers of a module, and one pass of the example through them ----

local Summary = {}
Summary.__index = Summary

local function layers_of(module, max_depth)
  local layers = {}
  for name, child in module:named_modules() do
    local depth = select(2, name:gsub("%.", "")) + 1
    if name ~= "" then
      layers[#layers + 1] = {
        name = name, module = child, shown = max_depth < 0 or depth <= max_depth,
        in_size = "?", out_size = "?", flops = 0,
      }
    end
  end
  return layers
end

-- Wraps each layer's forward so that its first call is noted; returns what takes that back.
local function watch(layers)
  local kept = {}
  local active = {} -- layers whose forward runs: what a layer inside does counts for them too
  for _, layer in ipairs(layers) do
    local module = layer.module
    kept[#kept + 1] = { module, rawget(module, "forward") }
    local forward = module.forward
    local noted = false
    rawset(module, "forward", function(self, ...)
      active[#active + 1] = layer
      local made = forward(self, ...)
      local flops = type(made) == "userdata" and own_flops(module, made) or 0
      for _, outer in ipairs(active) do outer.flops = outer.flops + flops end
      active.total = (active.total or 0) + flops
      active[#active] = nil
      if not noted then
        noted = true
        layer.in_size = select("#", ...) == 1 and shape_text((...)) or shape_text{ ... }
        layer.out_size = shape_text(made)
      end
      return made
    end)
  end
  return function()
    for _, pair in ipairs(kept) do rawset(pair[1], "forward", pair[2]) end
    return active.total or 0
  end
end

local function set_modes(module, modes)
  local i = 0
  for _, child in module:named_modules() do
    i = i + 1
    rawset(child, "training", modes[i])
  end
end

local function modes_of(module)
  local modes = {}
  for _, child in module:named_modules() do modes[#modes + 1] = child.training end
  return modes
end

local function run_example(module, layers)
  local example = module.example_input_array
  local modes = modes_of(module)
  local take_back = watch(layers)
  module:eval()
  torch.no_grad(function()
    if type(example) == "table" and getmetatable(example) == nil then
      module(unpack(example))
    else
      module(example)
    end
  end)
  set_modes(module, modes)
  return take_back()
end

local bits = { ["64-true"] = 64, ["64"] = 64, ["16-true"] = 16, ["bf16-true"] = 16, ["16"] = 16,
               ["bf16"] = 16, ["32"] = 32, ["32-true"] = 32 }

local function bytes_of(module)
  local trainer = module.trainer
  if not trainer or trainer.precision == nil then return 4 end
  local precision = tostring(trainer.precision)
  if not bits[precision] then
    rank_zero.rank_zero_warn(format(
      "ModelSummary: with precision %s the size in MB is that of 32-bit parameters.", precision))
  end
  return (bits[precision] or 32) / 8
end

-- The summary of a module; tostring() gives the table. `max_depth` -1 shows all layers.
local function summarize(module, max_depth)
  max_depth = max_depth == nil and 1 or max_depth
  if math_type(max_depth) ~= "integer" or max_depth < -1 then
    error(format("ValueError: ModelSummary: max_depth is %s, expected -1, 0 or more",
                 tostring(max_depth)), 0)
  end
  local layers = max_depth ~= 0 and layers_of(module, max_depth) or {}
  local self = setmetatable({ layers = {}, total_flops = 0 }, Summary)
  self.has_sizes = module.example_input_array ~= nil
  if self.has_sizes then self.total_flops = run_example(module, layers) end
  for _, layer in ipairs(layers) do
    if layer.shown then self.layers[#self.layers + 1] = layer end
    layer.parameters = count_parameters(layer.module)
    layer.mode = layer.module.training and "train" or "eval"
  end
  self.total_parameters = count_parameters(module)
  self.trainable_parameters = count_parameters(module, function(p) return p.requires_grad end)
  self.model_size = self.total_parameters * bytes_of(module) * 1e-6
  self.modes = { train = 0, eval = 0 }
  for name, child in module:named_modules() do
    local mode = child.training and "train" or "eval"
    if name ~= "" then self.modes[mode] = self.modes[mode] + 1 end
  end
  return self
end

-- ---- the table ----

local function columns_of(self)
  local columns = { { " " }, { "Name" }, { "Type" }, { "Params" }, { "Mode" }, { "FLOPs" } }
  if self.has_sizes then
    columns[7], columns[8] = { "In sizes" }, { "Out sizes" }
  end
  local function add(...)
    for i, column in ipairs(columns) do column[#column + 1] = (select(i, ...)) end
  end
  local inside = 0
  for i, layer in ipairs(self.layers) do
    inside = inside + layer.parameters
    add(tostring(i - 1), layer.name, layer.module._name, human_count(layer.parameters), layer.mode,
        human_count(layer.flops), layer.in_size, layer.out_size)
  end
  if self.total_parameters > inside then
    local others = human_count(self.total_parameters - inside)
    add(" ", "other params", "n/a", others, "n/a", "n/a", "n/a", "n/a")
  end
  return columns
end

local function left(text, width)
  return text .. rep(" ", width - (utf8_len(text) or #text))
end

-- The lines of the table.
function Summary:lines()
  local columns = columns_of(self)
  local widths, total = {}, 3
  for i, column in ipairs(columns) do
    widths[i] = 0
    for _, text in ipairs(column) do widths[i] = max(widths[i], utf8_len(text) or #text) end
    total = total + widths[i] + 3
  end
  local lines = {}
  for row = 1, #columns[1] do
    local cells = {}
    for i, column in ipairs(columns) do cells[i] = left(column[row], widths[i]) end
    lines[#lines + 1] = concat(cells, " | ")
    if row == 1 then lines[#lines + 1] = rep("-", total) end
  end
  lines[#lines + 1] = rep("-", total)
  local function add(count, what) lines[#lines + 1] = left(count, 10) .. what end
  add(human_count(self.trainable_parameters), "Trainable params")
  add(human_count(self.total_parameters - self.trainable_parameters), "Non-trainable params")
  add(human_count(self.total_parameters), "Total params")
  add(python.format(self.model_size, ",.3f"), "Total estimated model params size (MB)")
  add(tostring(self.modes.train), "Modules in train mode")
  add(tostring(self.modes.eval), "Modules in eval mode")
  add(human_count(self.total_flops), "Total Flops")
  return lines
end

function Summary:__tostring() return concat(self:lines(), "\n") end

-- ---- the callback ----

local ModelSummary = Callback:extend("ModelSummary")

local parameters = { { "max_depth", "integer", 1 } }

function ModelSummary:init(...)
  local given = arguments("ModelSummary", parameters, ...)
  self._max_depth = given.max_depth
end

ModelSummary.summarize = summarize

function ModelSummary:on_fit_start(trainer, pl_module)
  if self._max_depth == 0 then return end
  local summary = summarize(pl_module, self._max_depth)
  if not trainer.is_global_zero then return end
  for _, line in ipairs(summary:lines()) do print(line) end
end

return ModelSummary
