-- How the ranks of a Trainer talk: one device and no process group, or DDP.
--
-- Every collective that the Trainer makes by itself goes through here and carries a name, so that
-- a trace says what it was for. In an oracle pass `dist` is a world of one, and so is the strategy.
local use, c = ...
local class = use("class")
local is_tensor, is_oracle = c.is_tensor, c.is_oracle
local error, format, math_type, next, pairs, type =
  error, string.format, math.type, next, pairs, type

local Strategy = class("Strategy")

-- What a user may write, and what it means here.
local known = {
  ddp = {}, ddp_spawn = {}, ddp_fork = {}, ddp_notebook = {},
  ddp_find_unused_parameters_true = { find_unused_parameters = true },
  ddp_find_unused_parameters_false = {},
  ddp_spawn_find_unused_parameters_true = { find_unused_parameters = true },
  ddp_spawn_find_unused_parameters_false = {},
  ddp_fork_find_unused_parameters_true = { find_unused_parameters = true },
  ddp_fork_find_unused_parameters_false = {},
  ddp_notebook_find_unused_parameters_true = { find_unused_parameters = true },
  ddp_notebook_find_unused_parameters_false = {},
}

local names = {
  "auto", "ddp", "ddp_spawn", "ddp_fork", "ddp_notebook", "ddp_find_unused_parameters_true",
  "ddp_find_unused_parameters_false", "ddp_spawn_find_unused_parameters_true",
  "ddp_spawn_find_unused_parameters_false", "ddp_fork_find_unused_parameters_true",
  "ddp_fork_find_unused_parameters_false", "ddp_notebook_find_unused_parameters_true",
  "ddp_notebook_find_unused_parameters_false", "single_device",
}

function Strategy:init(name, accelerator)
  name = name or "auto"
  if type(name) == "table" and class.is(name, Strategy) then
    self.ddp_options = name.ddp_options
    name = name.name
  end
  if type(name) ~= "string" then
    error(format("TypeError: Trainer: option 'strategy' is a %s, expected a name such as \"ddp\"",
                 type(name)), 0)
  end
  local alone = dist.get_world_size() == 1
  if name == "auto" then name = alone and "single_device" or "ddp" end
  if name ~= "single_device" and not known[name] then
    local nearest = c.nearest(name, names)
    error(format("ValueError: you selected an invalid strategy name: strategy='%s'. %s Here are " ..
                 "auto, ddp, ddp_spawn, ddp_fork, ddp_notebook, each of them also with " ..
                 "_find_unused_parameters_true or _false",
                 name, nearest and format("Did you mean '%s'?", nearest) or ""), 0)
  end
  if name == "single_device" and not alone then
    error(format("MisconfigurationException: Trainer: strategy='single_device' with %d ranks",
                 dist.get_world_size()), 0)
  end
  self.name = name
  self.is_distributed = name ~= "single_device"
  self.ddp_options = self.ddp_options or known[name] or {}
  self.accelerator = accelerator or "cpu"
  self.root_device = c.root_device(self.accelerator)
end

function Strategy:barrier(name)
  if self.is_distributed then dist.barrier{ name = name } end
end

-- As a barrier, but nobody's timeout counts: whoever does the work may take as long as it needs.
-- Only Gloo has such a one; groups have the world's backend here, so NCCL's timeout stays.
function Strategy:infinite_barrier(name)
  if not self.is_distributed then return end
  if dist.get_backend() == "gloo" then
    dist.monitored_barrier{ timeout = 864000000, name = name }
  else
    dist.barrier{ name = name }
  end
end

-- Options for DistributedDataParallel; nil for its defaults.
function Strategy:wrapper_options()
  if next(self.ddp_options) == nil then return nil end
  return self.ddp_options
end

function Strategy:broadcast(value, src, name)
  if not self.is_distributed then return value end
  return dist.broadcast_object(value, src or 0, { name = name })
end

-- barrier and all_reduce in place, as Lightning's _sync_ddp. On Gloo a mean is a sum that is
-- divided afterwards, and a whole number stays one: its mean is cut off.
function Strategy:reduce(tensor, options)
  if not self.is_distributed or not is_tensor(tensor) then return tensor end
  local op = options and options.reduce_op or "mean"
  if op == "avg" then op = "mean" end
  local group, name = options and options.group, options and options.name
  local divide = op == "mean" and dist.get_backend() == "gloo"
  if op == "mean" then op = divide and "sum" or "avg" end
  dist.barrier{ group = group, name = name }
  dist.all_reduce(tensor, { op = op, group = group, name = name })
  if divide then tensor:copy_(tensor / (group and not is_oracle() and #group or dist.get_world_size())) end
  return tensor
end

-- True if the flag is true on all ranks, or with `all` = false on any.
function Strategy:reduce_boolean_decision(flag, all, name)
  if not self.is_distributed then return not not flag end
  local votes = torch.tensor(flag and 1 or 0, { dtype = torch.int32 })
  self:reduce(votes, { reduce_op = "sum", name = name })
  local count = votes:item()
  if all == false then return count > 0 end
  return count == dist.get_world_size()
end

-- As torch's, which knows no plain numbers: they travel as 0-d tensors.
local function as_tensor(value)
  if is_tensor(value) then return value end
  if math_type(value) == "integer" then return torch.tensor(value, { dtype = torch.int32 }) end
  if math_type(value) == "float" then return torch.tensor(value, { dtype = torch.float32 }) end
  if type(value) == "boolean" then
    return torch.tensor(value and 1 or 0, { dtype = torch.uint8 })
  end
  return nil
end

local function map(value, f)
  local tensor = as_tensor(value)
  if tensor then return f(tensor) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = map(item, f) end
  return out
end

-- Tensors, numbers and nested tables of them, one collective each, lists in their order and other
-- tables in the order of pairs; each comes back as [world_size, *shape]. A single device gives back
-- what it got.
function Strategy:all_gather(data, options)
  if not self.is_distributed then return data end
  local group, sync_grads = options and options.group, options and options.sync_grads
  local given = { group = group, name = options and options.name or "all_gather" }
  return map(data, function(tensor)
    local all = dist.all_gather_into_tensor(tensor:detach(), given)
    if sync_grads and tensor.requires_grad then return c.with_grad(tensor, all, group) end
    return all
  end)
end

function Strategy:remove_checkpoint(path)
  if dist.get_rank() == 0 and not is_oracle() then use("files").remove(path) end
end

return Strategy
