-- DistributedDataParallel: the wrapper around a module that keeps its replicas equal.
local nn, new_reducer, prepare_forward = ...

local DistributedDataParallel = nn.Module:extend()

function DistributedDataParallel:init(module, options)
  self.module = module
  self.reducer = new_reducer(module, options)
end

function DistributedDataParallel:forward(...)
  prepare_forward(self.reducer)
  return self.module(...)
end

return DistributedDataParallel
