-- Lightning Fabric in small: the object `Fabric{...}` over dist and DistributedDataParallel.
local dist, env, torch, DistributedDataParallel, test_tensor, check_options = ...

local Fabric = {}
local methods = {}

-- Fields that are read each time: an evaluation's oracle pass changes what the world looks like.
local fields = {
  global_rank = dist.get_rank,
  world_size = dist.get_world_size,
  local_rank = dist.get_local_rank,
  node_rank = dist.get_node_rank,
  is_global_zero = function() return dist.get_rank() == 0 end,
}

local meta = {
  __name = "Fabric",
  __tostring = function(self) return "Fabric(devices=" .. self.devices .. ")" end,
  __index = function(_, key)
    if fields[key] then return fields[key]() end
    return methods[key]
  end,
}

-- Applies f to every tensor and number of a nested table, in the order of pairs.
local function map_nested(value, f)
  if type(value) == "table" then
    local out = {}
    for key, item in pairs(value) do out[key] = map_nested(item, f) end
    return out
  end
  if test_tensor(value) then return f(value) end
  if math.type(value) == "integer" then return f(torch.tensor(value, { dtype = torch.int32 })) end
  if type(value) == "number" then return f(torch.tensor(value, { dtype = torch.float32 })) end
  if type(value) == "boolean" then return f(torch.tensor(value and 1 or 0, { dtype = torch.uint8 })) end
  return value
end

function methods:launch(f, ...)
  if f ~= nil then return f(self, ...) end
end

function methods:all_gather(data)
  return map_nested(data, function(t) return dist.all_gather_into_tensor(t) end)
end

function methods:all_reduce(data, options)
  check_options(options, "Fabric.all_reduce", "reduce_op")
  local op = options and options.reduce_op or "mean"
  return map_nested(data, function(t)
    dist.all_reduce(t, { op = op == "mean" and "sum" or op })
    if op == "mean" then t:copy_(t / dist.get_world_size()) end
    return t
  end)
end

function methods:broadcast(value, src)
  return dist.broadcast_object(value, src or 0)
end

function methods:barrier(_)
  dist.barrier()
end

function methods:print(...)
  if dist.get_local_rank() == 0 then print(...) end
end

function methods:seed_everything(seed)
  torch.manual_seed(seed)
  return seed
end

-- As Lightning's: the module comes back wrapped, the optimisers as they are.
function methods:setup(module, ...)
  if dist.get_world_size() > 1 then module = DistributedDataParallel(module) end
  return module, ...
end

function methods:backward(loss)
  loss:backward()
end

local function new(_, options)
  check_options(options, "Fabric", "accelerator", "strategy", "devices", "num_nodes", "precision")
  options = options or {}
  local per_node = env.LOCAL_WORLD_SIZE
  local nodes = dist.get_world_size() // per_node
  local devices = options.devices or per_node
  if devices == "auto" then devices = per_node end
  if devices ~= per_node or (options.num_nodes or nodes) ~= nodes then
    error(string.format(
      "Fabric: devices=%s on %s nodes do not match the world, which has %d ranks on %d nodes; leave " ..
      "them out, or change world.size", tostring(devices), tostring(options.num_nodes or nodes),
      dist.get_world_size(), nodes), 0)
  end
  return setmetatable({ devices = devices }, meta)
end

return setmetatable(Fabric, { __call = new })
