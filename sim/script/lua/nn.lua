-- torch.nn: modules as classes. A module is a table; what is assigned to its fields is remembered
-- in the order of assignment, and parameters, children and state_dict follow that order.
--
--   local Net = nn.Module:extend("Net")
--   function Net:init(hidden) self.layer = nn.Linear(784, hidden) end
--   function Net:forward(x) return self.layer(x):relu() end
--   local model = Net(32)
local c, ordered_dict = ...
local error, getmetatable, ipairs, pairs, rawget, rawset, select, setmetatable, tostring, type =
  error, getmetatable, ipairs, pairs, rawget, rawset, select, setmetatable, tostring, type
local concat, format, gsub, rep = table.concat, string.format, string.gsub, string.rep
local is_parameter, is_tensor, identity = c.is_parameter, c.is_tensor, c.identity

local nn = {}

local function is_module(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.is_module == true
end

-- `_order` is both the list of registered names and, by name, the place in it. A name that comes
-- back after it was set to nil moves to the end, as in Python.
local function register(self, key)
  local order = self._order
  if order[key] then order[order[key]] = false end
  order[#order + 1] = key
  order[key] = #order
end

local function set_field(self, key, value)
  if type(key) == "string" and (is_parameter(value) or is_module(value)) then
    register(self, key)
  end
  rawset(self, key, value)
end

-- The names of all registered fields. One that replaced a plain value was never seen by set_field.
local function names_of(self)
  local order = self._order
  for _, key in ipairs(c.unregistered(self, order, is_module)) do register(self, key) end
  local names = {}
  for i = 1, #order do
    if order[i] then names[#names + 1] = order[i] end
  end
  return names
end

-- ---- classes ----

local function call(self, ...) return self:forward(...) end
local function text(self) return self:__repr() end

local function instance_metatable(class)
  return {
    __index = class, __newindex = set_field, __call = call, __tostring = text,
    __name = class._name, is_module = true,
  }
end

local function construct(class, ...)
  local self = setmetatable({ training = true, _order = {}, _buffers = {} }, class._instances)
  class.init(self, ...)
  return self
end

local Module = setmetatable({ _name = "Module" }, { __call = construct })
Module._instances = instance_metatable(Module)
nn.Module = Module

-- Makes a class that inherits from this one; `name` is what it prints as.
function Module:extend(name)
  local class = setmetatable({ _name = name or self._name, super = self },
                             { __index = self, __call = construct })
  class._instances = instance_metatable(class)
  return class
end

function Module:init() end

function Module:forward()
  error(format('Module [%s] is missing the required "forward" function', self._name), 0)
end

-- ---- what a module is made of ----

local function join(path, name) return path == "" and name or path .. "." .. name end

-- Calls visit(path, module) for the module and all below it, each once, parents first.
local function walk(module, path, seen, visit)
  if seen[module] then return end
  seen[module] = true
  visit(path, module)
  for _, name in ipairs(names_of(module)) do
    local child = rawget(module, name)
    if is_module(child) then walk(child, join(path, name), seen, visit) end
  end
end

-- The list of { name, value } of fields that `wanted(module, name, value)` takes; shared ones once
-- unless `all` is given.
local function collect(module, all, wanted)
  local found, seen = {}, {}
  local function visit(path, owner)
    for _, name in ipairs(names_of(owner)) do
      local value = rawget(owner, name)
      if wanted(owner, name, value) and (all or not seen[identity(value)]) then
        seen[identity(value)] = true
        found[#found + 1] = { join(path, name), value }
      end
    end
  end
  if all then
    -- A shared module appears under each of its names, but not below itself.
    local active = {}
    local function visit_all(path, owner)
      if active[owner] then return end
      active[owner] = true
      visit(path, owner)
      for _, name in ipairs(names_of(owner)) do
        local child = rawget(owner, name)
        if is_module(child) then visit_all(join(path, name), child) end
      end
      active[owner] = nil
    end
    visit_all("", module)
  else
    walk(module, "", {}, visit)
  end
  return found
end

local function wants_parameter(_, _, value) return is_parameter(value) end
local function wants_buffer(owner, name, value)
  return owner._buffers[name] ~= nil and is_tensor(value)
end
local function wants_state(owner, name, value)
  return is_parameter(value) or (owner._buffers[name] == true and is_tensor(value))
end

local function values(found)
  local list = {}
  for i, item in ipairs(found) do list[i] = item[2] end
  return list
end

local function iterate(found)
  local i = 0
  return function()
    i = i + 1
    if found[i] then return found[i][1], found[i][2] end
  end
end

local function found_children(self)
  local found, seen = {}, {}
  for _, name in ipairs(names_of(self)) do
    local child = rawget(self, name)
    if is_module(child) and not seen[child] then
      seen[child] = true
      found[#found + 1] = { name, child }
    end
  end
  return found
end

local function found_modules(self)
  local found = {}
  walk(self, "", {}, function(path, module) found[#found + 1] = { path, module } end)
  return found
end

function Module:parameters() return values(collect(self, false, wants_parameter)) end
function Module:named_parameters() return iterate(collect(self, false, wants_parameter)) end
function Module:buffers() return values(collect(self, false, wants_buffer)) end
function Module:named_buffers() return iterate(collect(self, false, wants_buffer)) end
function Module:children() return values(found_children(self)) end
function Module:named_children() return iterate(found_children(self)) end
function Module:modules() return values(found_modules(self)) end
function Module:named_modules() return iterate(found_modules(self)) end

-- A tensor that belongs to the module but is not trained. A persistent one is in state_dict.
function Module:register_buffer(name, value, options)
  c.check_options(options, "register_buffer", "persistent")
  if type(name) ~= "string" then error("register_buffer: the name of a buffer is a string", 0) end
  if value ~= nil and not is_tensor(value) then
    error(format("register_buffer: buffer '%s' is a %s, expected a tensor", name, type(value)), 0)
  end
  self._buffers[name] = not (options and options.persistent == false)
  register(self, name)
  rawset(self, name, value)
end

function Module:apply(f)
  for _, child in ipairs(self:children()) do child:apply(f) end
  f(self)
  return self
end

function Module:train(mode)
  if mode == nil then mode = true end
  for _, module in ipairs(self:modules()) do module.training = mode end
  return self
end

function Module:eval() return self:train(false) end

function Module:zero_grad()
  for _, parameter in ipairs(self:parameters()) do parameter.grad = nil end
end

function Module:requires_grad_(flag)
  for _, parameter in ipairs(self:parameters()) do parameter:requires_grad_(flag ~= false) end
  return self
end

-- Floating parameters and buffers become `dtype`, in place: an optimiser sees it.
function Module:to(dtype)
  for _, parameter in ipairs(self:parameters()) do c.convert(parameter, dtype) end
  for _, buffer in ipairs(self:buffers()) do c.convert(buffer, dtype) end
  return self
end

function Module:half() return self:to("torch.float16") end
function Module:bfloat16() return self:to("torch.bfloat16") end
function Module:float() return self:to("torch.float32") end
function Module:double() return self:to("torch.float64") end

-- ---- state_dict ----

-- Names to tensors that share the module's memory.
function Module:state_dict()
  local state = ordered_dict()
  for _, item in ipairs(collect(self, true, wants_state)) do state[item[1]] = item[2]:detach() end
  return state
end

local function quoted(names) return '"' .. concat(names, '", "') .. '"' end

-- Copies values in. With { strict = false } names that only one side has are left alone.
function Module:load_state_dict(state, options)
  c.check_options(options, "load_state_dict", "strict")
  if type(state) ~= "table" then
    error(format("load_state_dict: expected a table, found a %s", type(state)), 0)
  end
  local strict = not (options and options.strict == false)
  local own, expected = collect(self, true, wants_state), {}
  local missing, unexpected, mismatched, problems = {}, {}, {}, {}
  for _, item in ipairs(own) do
    local name, target = item[1], item[2]
    local value = state[name]
    expected[name] = true
    if value == nil then
      missing[#missing + 1] = name
    elseif not is_tensor(value) then
      mismatched[#mismatched + 1] = format('"%s" is a %s, expected a tensor.', name, type(value))
    elseif tostring(value.shape) ~= tostring(target.shape) then
      mismatched[#mismatched + 1] = format(
        "size mismatch for %s: copying a param with shape %s from checkpoint, the shape in " ..
        "current model is %s.", name, tostring(value.shape), tostring(target.shape))
    end
  end
  for name in pairs(state) do
    if not expected[name] then unexpected[#unexpected + 1] = tostring(name) end
  end
  if strict and #missing > 0 then
    problems[#problems + 1] = format("Missing key(s) in state_dict: %s.", quoted(missing))
  end
  if strict and #unexpected > 0 then
    problems[#problems + 1] = format("Unexpected key(s) in state_dict: %s.", quoted(unexpected))
  end
  for _, problem in ipairs(mismatched) do problems[#problems + 1] = problem end
  if #problems > 0 then
    error(format("Error(s) in loading state_dict for %s: %s", self._name, concat(problems, " ")), 0)
  end
  for _, item in ipairs(own) do
    if state[item[1]] ~= nil then c.copy(item[2], state[item[1]]) end
  end
  return missing, unexpected
end

-- ---- text, as torch prints modules ----

function Module:extra_repr() return "" end

function Module:__repr()
  local lines, extra = {}, self:extra_repr()
  for name, child in self:named_children() do
    lines[#lines + 1] = format("  (%s): %s", name, (gsub(tostring(child), "\n", "\n  ")))
  end
  if #lines == 0 then return format("%s(%s)", self._name, extra) end
  if extra ~= "" then extra = "\n  " .. extra end
  return format("%s(%s\n%s\n)", self._name, extra, concat(lines, "\n"))
end

local function flag(value) return value and "True" or "False" end

-- ---- layers ----

-- A class whose forward is a C function. Instances are called without a detour, and Sequential
-- runs a chain of them without a Lua value for each result between.
local function layer(name, forward, kind)
  local class = Module:extend(name)
  class.forward = forward
  class._instances.__call = c.caller(forward)
  class._instances.layer_kind = kind
  nn[name] = class
  return class
end

local Linear = layer("Linear", c.linear, c.kinds.linear)

function Linear:init(in_features, out_features, options)
  local weight, bias = c.linear_parameters(in_features, out_features, options)
  self.in_features, self.out_features = in_features, out_features
  self.weight = weight
  self.bias = bias
end

function Linear:extra_repr()
  return format("in_features=%d, out_features=%d, bias=%s", self.in_features, self.out_features,
                flag(self.bias ~= nil))
end

layer("ReLU", c.relu, c.kinds.relu)
layer("Tanh", c.tanh, c.kinds.tanh)
layer("Sigmoid", c.sigmoid, c.kinds.sigmoid)

local Flatten = layer("Flatten", c.flatten, c.kinds.flatten)

function Flatten:init(start_dim, end_dim)
  self.start_dim, self.end_dim = start_dim or 1, end_dim or -1
end

function Flatten:extra_repr()
  return format("start_dim=%d, end_dim=%d", self.start_dim, self.end_dim)
end

local Sequential = layer("Sequential", c.sequential, c.kinds.sequential)

function Sequential:init(...)
  self._length = 0
  for i = 1, select("#", ...) do self:append((select(i, ...))) end
end

function Sequential:append(module)
  if not is_module(module) then
    error(format("Sequential: argument %d is a %s, expected a module", self._length + 1,
                 is_tensor(module) and "tensor" or type(module)), 0)
  end
  self[tostring(self._length)] = module
  self._length = self._length + 1
  return self
end

-- As in Python, model[0] is the first module and model[-1] the last.
Sequential._instances.__index = function(self, key)
  if type(key) ~= "number" then return Sequential[key] end
  local i = key < 0 and key + self._length or key
  local module = rawget(self, format("%d", i))
  if module == nil then error(format("index %d is out of range", key), 0) end
  return module
end
Sequential._instances.__len = function(self) return self._length end

-- ---- losses ----

local CrossEntropyLoss = Module:extend("CrossEntropyLoss")
nn.CrossEntropyLoss = CrossEntropyLoss

function CrossEntropyLoss:init(options)
  c.check_cross_entropy(options)
  self._options = options
  if options and options.weight then self:register_buffer("weight", options.weight) end
end

function CrossEntropyLoss:forward(input, target)
  return c.cross_entropy(input, target, self._options)
end

local MSELoss = Module:extend("MSELoss")
nn.MSELoss = MSELoss

function MSELoss:init(options)
  c.check_options(options, "MSELoss", "reduction")
  self._options = options
end

function MSELoss:forward(input, target) return c.mse_loss(input, target, self._options) end

nn.Parameter = c.parameter

nn.utils = {
  clip_grad_norm_ = c.clip_grad_norm_, clip_grad_value_ = c.clip_grad_value_,
  clip_grads_with_norm_ = c.clip_grads_with_norm_, get_total_norm = c.get_total_norm,
}

-- ---- further parts ----

-- Each is a module that gives define(nn, c); they are run when a name is first missed in nn, so
-- that a rank without such layers does not pay for them.
local parts = { "nn_spatial", "nn_containers", "nn_attention", "nn_norm", "nn_losses" }
c.layer, c.flag, c.is_module, c.names_of = layer, flag, is_module, names_of

setmetatable(nn, {
  __metatable = false,
  __index = function(_, name)
    for i = 1, #parts do
      local part = parts[i]
      if part then
        parts[i] = false
        c.use(part)(nn, c)
        local value = rawget(nn, name)
        if value ~= nil then return value end
      end
    end
  end,
})

return nn
