-- Lightning Fabric: a training loop of one's own over dist, DistributedDataParallel and loggers.
--
--   local fabric = Fabric{ precision = "bf16-mixed", loggers = loggers.CSVLogger("logs") }
--   fabric:launch()
--   local model, optimizer = fabric:setup(Net(), optimizer)
--   local loader = fabric:setup_dataloaders(data.DataLoader(set, { shuffle = true }))
--   fabric:backward(loss)
--
-- Ranks run from the beginning, so launch() may be left out. What is a `with` block in Python takes
-- a function here. Every collective that is not plain from its verb carries a name in the trace.
local use, c = ...
local class = use("class")
local options = use("options")
local ordered_dict = use("ordered_dict")
local seed = use("seed")
local Precision = use("precision")
local Strategy = use("strategy")
local DistributedDataParallel, check = DistributedDataParallel, options.check
local is_tensor, is_loader, is_oracle = c.is_tensor, c.is_loader, c.is_oracle
local error, format, getmetatable, ipairs, math_type, pairs, rawget, rawset, select, setmetatable,
      tostring, type, pack, unpack =
  error, string.format, getmetatable, ipairs, math.type, pairs, rawget, rawset, select,
  setmetatable, tostring, type, table.pack, table.unpack

-- The same structure with f(tensor) for each tensor.
local function map_tensors(value, f)
  if is_tensor(value) then return f(value) end
  if type(value) ~= "table" or getmetatable(value) ~= nil then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = map_tensors(item, f) end
  return out
end

local function is_module(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.is_module == true
end

-- ---- a module that was set up ----

local FabricModule = nn.Module:extend("_FabricModule")

-- What runs forward lies in a table of its own, or its parameters would be listed twice.
function FabricModule:init(module, forward_module, precision)
  self.module = module
  self._fabric = { forward_module = forward_module, precision = precision, marked = {} }
end

local function cast(value, dtype)
  return map_tensors(value, function(tensor)
    return tensor:is_floating_point() and tensor:to(dtype) or tensor
  end)
end

local function cast_all(dtype, ...)
  local values = pack(...)
  for i = 1, values.n do values[i] = cast(values[i], dtype) end
  return unpack(values, 1, values.n)
end

-- In 16 or 64 bits inputs are cast on the way in, and what comes out is float32 again.
function FabricModule:forward(...)
  local fabric = self._fabric
  local precision = fabric.precision
  if precision.precision == "32-true" then return fabric.forward_module(...) end
  local into = precision.dtype or torch.float32
  if precision.autocast then
    local module = fabric.forward_module
    return cast_all(torch.float32, torch.autocast("cuda", precision.autocast_options, module.forward,
                                                  module, cast_all(into, ...)))
  end
  return cast_all(torch.float32, fabric.forward_module(cast_all(into, ...)))
end

-- Names are those of the module itself, so that a checkpoint fits it without Fabric as well.
function FabricModule:state_dict() return self.module:state_dict() end
function FabricModule:load_state_dict(state, given)
  return self.module:load_state_dict(state, given)
end

-- Calls of that method go through the wrapper: gradients are reduced after it as after forward.
function FabricModule:mark_forward_method(name)
  if name == "forward" then
    error("ValueError: You cannot mark the forward method itself as a forward method.", 0)
  end
  if type(self.module[name]) ~= "function" then
    error(format("AttributeError: You marked '%s' as a forward method, but `%s.%s` does not exist " ..
                 "or is not a method.", tostring(name), self.module._name, tostring(name)), 0)
  end
  self._fabric.marked[name] = true
end

-- Runs the module's method in place of its forward, once.
local function call_marked(self, method, ...)
  local module = self.module
  local before = rawget(module, "forward")
  rawset(module, "forward", function(_, ...)
    rawset(module, "forward", before)
    return method(module, ...)
  end)
  return self:forward(...)
end

-- What it lacks, the module has.
FabricModule._instances.__index = function(self, key)
  local own = FabricModule[key]
  if own ~= nil then return own end
  local module = rawget(self, "module")
  local value = module and module[key]
  if type(value) ~= "function" then return value end
  if self._fabric.marked[key] then
    return function(_, ...) return call_marked(self, value, ...) end
  end
  return function(_, ...) return value(module, ...) end
end

local function is_fabric_module(value) return is_module(value) and rawget(value, "_fabric") ~= nil end
local function unwrap_module(value) return is_fabric_module(value) and value.module or value end

-- ---- an optimiser whose gradients are scaled ----

local optimizer_meta = { __name = "FabricOptimizer" }

local function wrap_optimizer(optimizer, scaler)
  local wrapped = { optimizer = optimizer }
  function wrapped.step(_, closure)
    local result = scaler:step(optimizer, closure)
    scaler:update()
    return result
  end
  return setmetatable(wrapped, optimizer_meta)
end

optimizer_meta.__tostring = function(self) return tostring(self.optimizer) end
optimizer_meta.__index = function(self, key)
  local optimizer = rawget(self, "optimizer")
  local value = optimizer[key]
  if type(value) ~= "function" then return value end
  return function(_, ...) return value(optimizer, ...) end
end

local function unwrap_optimizer(value)
  if type(value) == "table" and getmetatable(value) == optimizer_meta then return value.optimizer end
  return value
end

-- ---- a loader that counts its epochs ----

local loader_meta = { __name = "FabricDataLoader" }
local loader_methods = {}

-- In an oracle pass the epoch stays the one that is being evaluated.
function loader_methods:iter()
  local loader = rawget(self, "_dataloader")
  if not is_oracle() then
    use("data_connector").set_epoch(loader, self._num_iter_calls)
    self._num_iter_calls = self._num_iter_calls + 1
  end
  return loader:iter()
end

function loader_methods:len() return #rawget(self, "_dataloader") end
loader_meta.__len = loader_methods.len
loader_meta.__tostring = function(self) return tostring(rawget(self, "_dataloader")) end
loader_meta.__index = function(self, key)
  local own = loader_methods[key]
  if own ~= nil then return own end
  return rawget(self, "_dataloader")[key]
end

-- ---- the object ----

local methods = {}

-- Fields that are read each time: an evaluation's oracle pass changes what the world looks like.
local fields = {
  global_rank = function() return dist.get_rank() end,
  world_size = function() return dist.get_world_size() end,
  local_rank = function() return dist.get_local_rank() end,
  node_rank = function() return dist.get_node_rank() end,
  is_global_zero = function() return dist.get_rank() == 0 end,
  logger = function(self)
    local first = self.loggers[1]
    if first == nil then error("IndexError: Fabric was given no loggers", 0) end
    return first
  end,
}

local meta = {
  __name = "Fabric",
  __tostring = function(self) return "Fabric(devices=" .. self.devices .. ")" end,
  __index = function(self, key)
    if fields[key] then return fields[key](self) end
    return methods[key]
  end,
}

function methods:launch(f, ...)
  if f ~= nil then return f(self, ...) end
end

-- ---- setting up ----

local function check_module(verb, module)
  if not is_module(module) then
    error(format("TypeError: Fabric.%s: expected a module, found a %s", verb, type(module)), 0)
  end
  if is_fabric_module(module) then
    error("ValueError: A model should be passed only once to the `setup` method.", 0)
  end
end

local function setup_module(self, module)
  self._precision:convert_module(module)
  local forward_module = module
  if self.strategy.is_distributed then
    forward_module = DistributedDataParallel(module, self.strategy:wrapper_options())
  end
  return FabricModule(module, forward_module, self._precision)
end

local function setup_optimizer(self, optimizer)
  if type(optimizer) == "table" and getmetatable(optimizer) == optimizer_meta then
    error("ValueError: An optimizer should be passed only once to the `setup` method.", 0)
  end
  local scaler = self._precision.scaler
  return scaler and wrap_optimizer(optimizer, scaler) or optimizer
end

local function setup_optimizers(self, ...)
  local list = pack(...)
  for i = 1, list.n do list[i] = setup_optimizer(self, list[i]) end
  return unpack(list, 1, list.n)
end

-- The module wrapped (in DDP where there are several ranks, or strategy = "ddp"), and the
-- optimisers behind it.
function methods:setup(module, ...)
  check_module("setup", module)
  return setup_module(self, module), setup_optimizers(self, ...)
end

function methods:setup_module(module)
  check_module("setup_module", module)
  return setup_module(self, module)
end

function methods:setup_optimizers(...)
  if select("#", ...) == 0 then
    error("ValueError: `setup_optimizers` requires at least one optimizer as input.", 0)
  end
  return setup_optimizers(self, ...)
end

-- This rank's part of a loader, and epochs that are counted.
local function setup_loader(self, loader, inject)
  if type(loader) == "table" and getmetatable(loader) == loader_meta then
    error("ValueError: A dataloader should be passed only once to the `setup_dataloaders` method.", 0)
  end
  if not is_loader(loader) and not (type(loader) == "table" and type(loader.iter) == "function") then
    error(format("TypeError: Only PyTorch DataLoader are currently supported in " ..
                 "`setup_dataloaders`, found a %s", type(loader)), 0)
  end
  if inject and self.strategy.is_distributed and is_loader(loader) then
    local kind = c.sampler_kind(loader)
    if kind ~= "distributed" and kind ~= "wrapped" then
      loader = use("data_connector").share_out(loader, {
        shuffle = kind ~= "sequential", seed = seed.global or 0,
        num_replicas = dist.get_world_size(), rank = dist.get_rank(),
      })
    end
  end
  return setmetatable({ _dataloader = loader, _num_iter_calls = 0 }, loader_meta)
end

local function is_options(value)
  return type(value) == "table" and getmetatable(value) == nil and type(value.iter) ~= "function"
end

-- setup_dataloaders(loader, ..., { use_distributed_sampler = true, move_to_device = true })
function methods:setup_dataloaders(...)
  local loaders = pack(...)
  local given
  if loaders.n > 0 and is_options(loaders[loaders.n]) then
    given = loaders[loaders.n]
    loaders.n = loaders.n - 1
  end
  given = check(given, "Fabric.setup_dataloaders", { "use_distributed_sampler", "move_to_device" })
  if loaders.n == 0 then
    error("ValueError: `setup_dataloaders` requires at least one dataloader as input.", 0)
  end
  local inject = given.use_distributed_sampler ~= false
  for i = 1, loaders.n do loaders[i] = setup_loader(self, loaders[i], inject) end
  return unpack(loaders, 1, loaders.n)
end

-- ---- training ----

function methods:backward(loss, ...)
  local scaler = self._precision.scaler
  if scaler then loss = scaler:scale(loss) end
  return loss:backward(...)
end

-- no_backward_sync(module, f) or (module, enabled, f): inside f gradients stay local.
function methods:no_backward_sync(module, enabled, f)
  if type(enabled) == "function" then enabled, f = true, enabled end
  if not is_fabric_module(module) then
    error("TypeError: You need to set up the model first before you can call " ..
          "`fabric:no_backward_sync()`: `model = fabric:setup(model, ...)`", 0)
  end
  if type(f) ~= "function" then
    error(format("Fabric.no_backward_sync: expected a function to run without synchronisation, " ..
                 "found a %s", type(f)), 0)
  end
  local wrapper = module._fabric.forward_module
  if enabled == false or wrapper == module.module then return f() end
  return wrapper:no_sync(f)
end

-- The parameters that an optimiser steps.
local function parameters_of(optimizer)
  local list = {}
  for _, group in ipairs(optimizer.param_groups) do
    for _, parameter in ipairs(group.params) do list[#list + 1] = parameter end
  end
  return list
end

local CLIP_NAMES = { "clip_val", "max_norm", "norm_type", "error_if_nonfinite" }

-- Clips by value (clip_val), or by norm (max_norm), which it returns.
function methods:clip_gradients(module, optimizer, given)
  given = check(given, "Fabric.clip_gradients", CLIP_NAMES)
  if not is_module(module) then
    error(format("TypeError: Fabric.clip_gradients: expected a module, found a %s", type(module)), 0)
  end
  if given.clip_val ~= nil and given.max_norm ~= nil then
    error("ValueError: Only one of `clip_val` or `max_norm` can be set as this specifies the " ..
          "underlying clipping algorithm!", 0)
  end
  if given.clip_val == nil and given.max_norm == nil then
    error("ValueError: You have to specify either `clip_val` or `max_norm` to do gradient " ..
          "clipping!", 0)
  end
  optimizer = unwrap_optimizer(optimizer)
  if self._precision.scaler then self._precision.scaler:unscale_(optimizer) end
  local parameters = parameters_of(optimizer)
  if given.clip_val ~= nil then
    nn.utils.clip_grad_value_(parameters, given.clip_val)
    return nil
  end
  return nn.utils.clip_grad_norm_(parameters, given.max_norm, {
    norm_type = given.norm_type or 2.0, error_if_nonfinite = given.error_if_nonfinite ~= false,
  })
end

function methods:autocast(f, ...)
  if type(f) ~= "function" then
    error(format("Fabric.autocast: expected a function to run, found a %s", type(f)), 0)
  end
  local precision = self._precision
  if not precision.autocast then return f(...) end
  return torch.autocast("cuda", precision.autocast_options, f, ...)
end

function methods:to_device(value) return value end

-- ---- talking ----

-- torch knows no plain numbers: they travel as tensors without dimensions.
local function to_tensors(value)
  if math_type(value) == "integer" then return torch.tensor(value, { dtype = torch.int32 }) end
  if math_type(value) == "float" then return torch.tensor(value, { dtype = torch.float32 }) end
  if type(value) == "boolean" then
    return torch.tensor(value and 1 or 0, { dtype = torch.uint8 })
  end
  if type(value) ~= "table" or getmetatable(value) ~= nil then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = to_tensors(item) end
  return out
end

-- Lists in their order, other tables in the order of pairs; each tensor comes back with a first
-- dimension of ranks. A single device gives back what it got.
function methods:all_gather(value, given)
  given = check(given, "Fabric.all_gather", { "group", "sync_grads" })
  return self.strategy:all_gather(to_tensors(value), {
    group = given.group, sync_grads = given.sync_grads, name = "Fabric.all_gather",
  })
end

-- In place, as the original: a barrier and an all_reduce for each tensor.
function methods:all_reduce(value, given)
  given = check(given, "Fabric.all_reduce", { "group", "reduce_op" })
  local how = { group = given.group, reduce_op = given.reduce_op, name = "Fabric.all_reduce" }
  return map_tensors(to_tensors(value), function(tensor)
    return self.strategy:reduce(tensor, how)
  end)
end

function methods:broadcast(value, src)
  return self.strategy:broadcast(value, src or 0, "Fabric.broadcast")
end

function methods:barrier(name)
  self.strategy:barrier(name or "Fabric.barrier")
end

function methods:print(...)
  if dist.get_local_rank() == 0 then print(...) end
end

-- rank_zero_first(f, { local_ = false }): rank 0 (of each node) runs f before the others do.
function methods:rank_zero_first(f, given)
  given = check(given, "Fabric.rank_zero_first", { "local_" })
  if type(f) ~= "function" then
    error(format("Fabric.rank_zero_first: expected a function to run, found a %s", type(f)), 0)
  end
  local first = (given.local_ and dist.get_local_rank() or dist.get_rank()) == 0
  if not first then self.strategy:infinite_barrier("Fabric.rank_zero_first: rank 0 is done") end
  local results = pack(f())
  if first then self.strategy:infinite_barrier("Fabric.rank_zero_first: rank 0 is done") end
  self.strategy:infinite_barrier("Fabric.rank_zero_first: all are done")
  return unpack(results, 1, results.n)
end

-- As Lightning's, except that worker seeds (workers) are on unless they are turned off.
function methods:seed_everything(value, given)
  given = check(given, "Fabric.seed_everything", { "workers", "verbose" })
  return seed.seed_everything(value, { workers = given.workers ~= false, verbose = given.verbose })
end

-- ---- checkpoints ----

local function has_state(value)
  if type(value) == "userdata" then
    return not is_tensor(value) and type(value.state_dict) == "function"
  end
  return type(value) == "table" and type(value.state_dict) == "function" and
         type(value.load_state_dict) == "function"
end

local function unwrap(value) return unwrap_optimizer(unwrap_module(value)) end

local function check_state(verb, state)
  if type(state) ~= "table" then
    error(format("TypeError: Fabric.%s: the state is a %s, expected a table of modules, optimizers " ..
                 "and values", verb, type(state)), 0)
  end
end

-- { filter = { name = function(key, value) ... end } } leaves out what it returns false for.
local function filtered(state, keep)
  if keep == nil then return state end
  local out = ordered_dict()
  for key, value in pairs(state) do
    if keep(key, value) then out[key] = value end
  end
  return out
end

-- All ranks call it, rank 0 writes. A module or an optimiser alone is saved as its state.
function methods:save(path, state, given)
  given = check(given, "Fabric.save", { "filter" })
  check_state("save", state)
  local filters, out = given.filter or {}, ordered_dict()
  for name in pairs(filters) do
    if state[name] == nil then
      error(format("KeyError: The filter contains the key '%s' that is not in the state.",
                   tostring(name)), 0)
    end
  end
  for name, value in pairs(state) do
    value = unwrap(value)
    if has_state(value) then value = value:state_dict() end
    out[name] = filtered(value, filters[name])
  end
  if dist.get_rank() == 0 then torch.save(out, path) end
  self.strategy:barrier("Fabric.save: barrier")
end

local function check_keys(state, checkpoint)
  for name in pairs(state) do
    if checkpoint[name] == nil then
      error(format("KeyError: The requested state contains a key '%s' that does not exist in the " ..
                   "loaded checkpoint. To disable strict loading, set `strict=false`.",
                   tostring(name)), 0)
    end
  end
end

-- Fills modules, optimisers and values in `state`, and returns what is left of the file.
function methods:load(path, state, given)
  given = check(given, "Fabric.load", { "strict" })
  local checkpoint, rest = torch.load(path), ordered_dict()
  if state == nil then
    self.strategy:barrier("Fabric.load: barrier")
    return checkpoint
  end
  check_state("load", state)
  local strict = given.strict ~= false
  if strict then check_keys(state, checkpoint) end
  local names = {}
  for name in pairs(state) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    local target, value = unwrap(state[name]), checkpoint[name]
    if value == nil then
      -- stays as it is
    elseif is_module(target) then
      target:load_state_dict(value, { strict = strict })
    elseif has_state(target) then
      target:load_state_dict(value)
    else
      state[name] = value
    end
  end
  for name, value in pairs(checkpoint) do
    if state[name] == nil then rest[name] = value end
  end
  self.strategy:barrier("Fabric.load: barrier")
  return rest
end

-- A file that holds the state of one module or optimiser, as torch.save(model:state_dict(), path).
function methods:load_raw(path, object, given)
  given = check(given, "Fabric.load_raw", { "strict" })
  object = unwrap(object)
  if is_module(object) then
    object:load_state_dict(torch.load(path), { strict = given.strict ~= false })
  else
    object:load_state_dict(torch.load(path))
  end
end

-- ---- logging ----

local function to_scalar(name, value)
  if not is_tensor(value) then return value end
  if value:numel() ~= 1 then
    error(format("ValueError: The metric `%s` does not contain a single element, thus it cannot be " ..
                 "converted to a scalar.", tostring(name)), 0)
  end
  return value:item()
end

-- Straight to every logger: what ranks have is not put together.
local function log_all(self, metrics, given, verb)
  given = check(given, verb, { "step" })
  for _, logger in ipairs(self.loggers) do logger:log_metrics(metrics, given.step) end
end

function methods:log(name, value, given)
  local metrics = ordered_dict()
  metrics[name] = to_scalar(name, value)
  log_all(self, metrics, given, "Fabric.log")
end

function methods:log_dict(values, given)
  if type(values) ~= "table" then
    error(format("TypeError: Fabric.log_dict: expected a table of names and values, found a %s",
                 type(values)), 0)
  end
  local metrics = ordered_dict()
  for name, value in pairs(values) do metrics[name] = to_scalar(name, value) end
  log_all(self, metrics, given, "Fabric.log_dict")
end

-- ---- callbacks ----

function methods:call(hook, ...)
  for _, callback in ipairs(self._callbacks) do
    local method = callback[hook]
    if method ~= nil then
      if type(method) ~= "function" then
        error(format("TypeError: Fabric.call: the callback's '%s' is a %s, expected a function",
                     tostring(hook), type(method)), 0)
      end
      method(callback, ...)
    end
  end
end

-- ---- making one ----

local NAMES = { "accelerator", "strategy", "devices", "num_nodes", "precision", "loggers",
                "callbacks" }
local accelerators = { auto = "cpu", cpu = "cpu", gpu = "gpu", cuda = "gpu" }

-- A list of things, from one or from a list.
local function list_of(value)
  if value == nil then return {} end
  if type(value) ~= "table" or class.of(value) ~= nil then return { value } end
  local list = {}
  for i, item in ipairs(value) do list[i] = item end
  if #list == 0 and getmetatable(value) ~= nil then return { value } end
  return list
end

local function check_world(given)
  local per_node = env.LOCAL_WORLD_SIZE
  local nodes = dist.get_world_size() // per_node
  local devices = given.devices or per_node
  if devices == "auto" or devices == -1 then devices = per_node end
  if devices ~= per_node or (given.num_nodes or nodes) ~= nodes then
    error(format(
      "Fabric: devices=%s on %s nodes do not match the world, which has %d ranks on %d nodes; leave " ..
      "them out, or change world.size", tostring(devices), tostring(given.num_nodes or nodes),
      dist.get_world_size(), nodes), 0)
  end
  return devices
end

local function new(_, given)
  given = check(given, "Fabric", NAMES)
  local accelerator = accelerators[given.accelerator or "auto"]
  if accelerator == nil then
    error(format("ValueError: Fabric: accelerator='%s' is unknown, expected \"auto\", \"cpu\", " ..
                 "\"gpu\" or \"cuda\"", tostring(given.accelerator)), 0)
  end
  local devices = check_world(given)
  local strategy = Strategy(given.strategy, accelerator)
  local precision = Precision(given.precision)
  return setmetatable({
    devices = devices, strategy = strategy, device = strategy.root_device,
    precision = precision.precision, loggers = list_of(given.loggers),
    _precision = precision, _callbacks = list_of(given.callbacks),
  }, meta)
end

return setmetatable({}, { __call = new, __name = "Fabric class", __metatable = false })
