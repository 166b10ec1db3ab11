-- DistributedDataParallel: the wrapper around a module that keeps its replicas equal.
--
--   local model = DistributedDataParallel(net, { bucket_cap_mb = 1 })
--   model:no_sync(function() loss(model(x), y):backward() end)
--   model:join(function() for x in loader:iter() do ... end end)
--   model:register_comm_hook(nil, function(state, bucket) ... return work end)
local nn, c, dist = ...
local error, format, getmetatable, gmatch, ipairs, pairs, print, rawget, setmetatable, tostring,
      type, unpack, pack =
  error, string.format, getmetatable, string.gmatch, ipairs, pairs, print, rawget, setmetatable,
  tostring, type, table.unpack, table.pack
local begin_forward, end_forward = c.begin_forward, c.end_forward

local SKEW_MAX = 1000 -- rounds of a join that a rank shadows before it is warned

-- ---- the module ----

local DistributedDataParallel = nn.Module:extend("DistributedDataParallel")

local function is_module(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.is_module == true
end

-- Where the value with a name like "layers.0.running_mean" stands: its module and field.
local function place_of(module, path)
  local owner, field = module, nil
  for part in gmatch(path, "[^.]+") do
    if field then owner = rawget(owner, field) end
    field = part
  end
  return { owner, field }
end

function DistributedDataParallel:init(module, options)
  if not is_module(module) then
    error(format("DistributedDataParallel: expected a module, found a %s", type(module)), 0)
  end
  local ignored = {}
  for _, name in ipairs(module._ddp_params_and_buffers_to_ignore or {}) do ignored[name] = true end
  local parameters, names, others, buffers, places = {}, {}, {}, {}, {}
  for name, parameter in module:named_parameters() do
    if ignored[name] then
      -- left out of everything
    elseif parameter.requires_grad then
      parameters[#parameters + 1], names[#names + 1] = parameter, name
    else
      others[#others + 1] = parameter
    end
  end
  for name, buffer in module:named_buffers() do
    if not ignored[name] then
      buffers[#buffers + 1], places[#places + 1] = buffer, place_of(module, name)
    end
  end
  self.module = module
  self.require_backward_grad_sync = true
  self._places = #places > 0 and places or nil
  self._reducer = c.new_reducer(options, parameters, names, others, buffers)
end

-- A module may have put other tensors into the places of its buffers.
local function read_buffers(self)
  local buffers = {}
  for i, place in ipairs(self._places) do
    buffers[#buffers + 1] = rawget(place[1], place[2])
  end
  c.set_buffers(self._reducer, buffers)
end

local function after(reducer, ...)
  if end_forward(reducer, ...) then
    c.use("rank_zero").rank_zero_warn(
      "find_unused_parameters=True was specified in DDP constructor, but did not find any unused " ..
      "parameters in the forward pass. This flag costs an extra walk of the autograd graph in " ..
      "every iteration; without it the model trains faster.")
  end
  return ...
end

function DistributedDataParallel:forward(...)
  local reducer = self._reducer
  if self._places then read_buffers(self) end
  begin_forward(reducer, self.require_backward_grad_sync)
  return after(reducer, self.module(...))
end

-- For who runs the module without our forward, as manual optimisation does.
function DistributedDataParallel:prepare_for_backward(...)
  c.prepare_for_backward(self._reducer, self.require_backward_grad_sync, ...)
end

-- The sizes in elements of the parameters in each bucket, in the order of launch.
function DistributedDataParallel:_buckets() return c.buckets(self._reducer) end

-- Whether the next forward broadcasts buffers; a checkpoint keeps it.
function DistributedDataParallel:_syncs_buffers(flag)
  return c.syncs_buffers(self._reducer, flag)
end

-- Gradients stay local inside f; forward and backward both belong there.
function DistributedDataParallel:no_sync(f, ...)
  local before = self.require_backward_grad_sync
  local guard <close> = setmetatable({}, {
    __close = function() self.require_backward_grad_sync = before end,
  })
  self.require_backward_grad_sync = false
  return f(...)
end

-- Ranks may have different numbers of steps inside f.
function DistributedDataParallel:join(f, options)
  if type(f) ~= "function" then
    error(format("join: expected a function, found a %s", type(f)), 0)
  end
  c.join(self._reducer, options)
  local results = pack(f())
  local rounds = c.join_exit(self._reducer)
  if rounds > SKEW_MAX then
    print(format("UserWarning: Detected uneven input skew of greater than %d: rank %d has at least " ..
                 "that many fewer inputs than others, which waits and computes in vain.", SKEW_MAX,
                 dist.get_rank()))
  end
  return unpack(results, 1, results.n)
end

-- ---- futures ----

local futures = {}
local Future = { __index = futures, __name = "torch.Future" }

-- `get` waits and returns the value; it is called once.
local function future(get) return setmetatable({ _get = get }, Future) end

function futures:wait()
  local get = self._get
  if get then
    self._get = nil
    self._value = get()
  end
  return self._value
end

futures.value = futures.wait
function futures:done() return self._get == nil end

-- Python's `then`: the value of the new future is f(this one).
function futures:then_(f)
  return future(function()
    self:wait()
    return f(self)
  end)
end

-- work:get_future(): its value is the list of the tensors that were reduced.
local function get_future(work)
  return future(function() return { work:wait() } end)
end

-- What a hook may return, as a tensor: a tensor, a list of one, a work, a future.
local function resolve(value)
  local kind = type(value)
  if kind == "table" and getmetatable(value) == Future then return resolve(value:wait()) end
  if kind == "userdata" and getmetatable(value) ~= nil and tostring(value):find("^dist.Work") then
    return value:wait()
  end
  if kind == "table" then return value[1] end
  return value
end

-- ---- communication hooks ----

function DistributedDataParallel:register_comm_hook(state, hook)
  if type(hook) ~= "function" then
    error(format("TypeError: register_comm_hook: communication hook must be callable, found a %s",
                 type(hook)), 0)
  end
  c.set_hook(self._reducer, function(bucket) return hook(state, bucket) end, resolve)
end

local function size_of(group) return group and group:size() or dist.get_world_size() end

local function reduce(group, bucket, buffer)
  return dist.all_reduce(buffer, { group = group, async_op = true, name = bucket:name() })
end

-- Divides by the number of ranks and sums up.
local function allreduce_hook(group, bucket)
  local buffer = bucket:buffer()
  return reduce(group, bucket, buffer:div_(size_of(group))):get_future():then_(function(done)
    return done:value()[1]
  end)
end

-- The same in 16 bits: the division and every addition round to them.
local function compress_hook(dtype)
  return function(group, bucket)
    local buffer = bucket:buffer()
    local small = buffer:to(dtype):div_(size_of(group))
    return reduce(group, bucket, small):get_future():then_(function(done)
      return buffer:copy_(done:value()[1])
    end)
  end
end

-- Another hook in 16 bits.
local function compress_wrapper(dtype)
  return function(hook)
    return function(state, bucket)
      local buffer = bucket:buffer()
      bucket:set_buffer(buffer:to(dtype))
      local inner = hook(state, bucket)
      return future(function() return buffer:copy_(resolve(inner)) end)
    end
  end
end

DistributedDataParallel._get_future = get_future
DistributedDataParallel._comm_hooks = {
  default_hooks = {
    allreduce_hook = allreduce_hook,
    fp16_compress_hook = compress_hook(torch.float16),
    bf16_compress_hook = compress_hook(torch.bfloat16),
    fp16_compress_wrapper = compress_wrapper(torch.float16),
    bf16_compress_wrapper = compress_wrapper(torch.bfloat16),
  },
}

return DistributedDataParallel
