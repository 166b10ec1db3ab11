-- The training curves of tests/reference/ddp_record.py, figure by figure: each variant prints lines
-- "figure: CASE SIZE RANK WHAT NUMBERS...", which tests/sim/train/test_ddp_curves.c holds against
-- what real DistributedDataParallel gave.

local STEPS, SAMPLES, STRIDE = 20, 66, 61

local function numbers(values)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = string.format("%.9g", value) end
  return table.concat(parts, " ")
end

local function figure(case, what, text)
  print(string.format("figure: %s %d %d %s %s", case, dist.get_world_size(), dist.get_rank(), what,
                      text))
end

local function samples()
  torch.manual_seed(11)
  local x = torch.randn(SAMPLES, 30)
  local columns = torch.zeros(30, 1)
  for i = 0, 4 do columns[i]:fill_(1) end
  return data.TensorDataset(x, (x:matmul(columns) * 0.5):tanh())
end

local function mlp()
  torch.manual_seed(5)
  return nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
end

-- Batch after batch, epoch after epoch.
local function batches(dataset)
  local sampler = data.DistributedSampler(dataset, { shuffle = true, seed = 3 })
  local loader = data.DataLoader(dataset, { batch_size = 8, sampler = sampler })
  local epoch, iterator = 0, nil
  return function()
    local x, y
    if iterator then x, y = iterator() end
    if x == nil then
      sampler:set_epoch(epoch)
      epoch = epoch + 1
      iterator = loader:iter()
      x, y = iterator()
    end
    return x, y
  end
end

local function print_weights(case, net)
  if dist.get_rank() ~= 0 then return end
  local parts, some = {}, {}
  for i, p in ipairs(net:parameters()) do parts[i] = p:detach():flatten() end
  local all = torch.cat(parts)
  for i = 0, all:numel() - 1, STRIDE do some[#some + 1] = all[i]:item() end
  figure(case, "weights", numbers(some))
end

local function train(case, options, hook)
  local net = mlp()
  local ddp = DistributedDataParallel(net, options)
  if hook then ddp:register_comm_hook(nil, hook) end
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.05, momentum = 0.9 })
  local source = batches(samples())
  local losses = {}
  for k = 1, STEPS do
    local x, y = source()
    optimizer:zero_grad()
    local loss = F.mse_loss(ddp(x), y)
    loss:backward()
    optimizer:step()
    losses[k] = loss:item()
  end
  figure(case, "loss", numbers(losses))
  print_weights(case, net)
  return ddp
end

local function small_buckets()
  local ddp = train("small_buckets", { bucket_cap_mb = 0.005 })
  local bytes = {}
  for i, bucket in ipairs(ddp:_buckets()) do
    local sum = 0
    for _, count in ipairs(bucket) do sum = sum + 4 * count end
    bytes[i] = sum
  end
  if dist.get_rank() == 0 then figure("small_buckets", "buckets", numbers(bytes)) end
end

local Branches = nn.Module:extend("Branches")

function Branches:init()
  torch.manual_seed(6)
  self.first = nn.Linear(30, 8)
  for i = 0, 2 do self["branch" .. i] = nn.Linear(8, 1) end
end

function Branches:forward(x, which)
  return self["branch" .. which](self.first(x):tanh())
end

local function find_unused()
  local net = Branches()
  local ddp = DistributedDataParallel(net, { find_unused_parameters = true })
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.1, momentum = 0.9 })
  local source = batches(samples())
  local losses, has = {}, {}
  for k = 0, STEPS - 1 do
    local x, y = source()
    optimizer:zero_grad()
    local loss = F.mse_loss(ddp(x, (k * k + dist.get_rank()) % 3), y)
    loss:backward()
    local flags = ""
    for b = 0, 2 do flags = flags .. (net["branch" .. b].weight.grad and "1" or "0") end
    has[#has + 1] = flags
    optimizer:step()
    losses[#losses + 1] = loss:item()
  end
  figure("find_unused", "loss", numbers(losses))
  figure("find_unused", "has", table.concat(has, " "))
  print_weights("find_unused", net)
end

local function no_sync()
  local net = mlp()
  local ddp = DistributedDataParallel(net)
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.05 })
  local source = batches(samples())
  local losses = {}
  local function accumulate()
    local x, y = source()
    local loss = F.mse_loss(ddp(x), y)
    loss:backward()
    losses[#losses + 1] = loss:item()
  end
  for _ = 1, STEPS // 2 do
    optimizer:zero_grad()
    ddp:no_sync(accumulate)
    accumulate()
    optimizer:step()
  end
  figure("no_sync", "loss", numbers(losses))
  print_weights("no_sync", net)
end

local function join(case, options)
  local net = mlp()
  local ddp = DistributedDataParallel(net, { bucket_cap_mb = 0.005 })
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.05, momentum = 0.9 })
  local source = batches(samples())
  local losses = {}
  ddp:join(function()
    for k = 1, 5 + 3 * ((dist.get_rank() + 1) % dist.get_world_size()) do
      local x, y = source()
      optimizer:zero_grad()
      local loss = F.mse_loss(ddp(x), y)
      loss:backward()
      optimizer:step()
      losses[k] = loss:item()
    end
  end, options)
  figure(case, "loss", numbers(losses))
  print_weights(case, net)
end

local function classify(case, net, dataset)
  local ddp = DistributedDataParallel(net)
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.05, momentum = 0.9 })
  local source = batches(dataset)
  local losses = {}
  for k = 1, STEPS do
    local x, y = source()
    optimizer:zero_grad()
    local loss = F.cross_entropy(ddp(x), y)
    loss:backward()
    optimizer:step()
    losses[k] = loss:item()
  end
  figure(case, "loss", numbers(losses))
  print_weights(case, net)
end

local function conv()
  torch.manual_seed(21)
  local x = torch.randn(SAMPLES, 1, 12, 12)
  local dataset = data.TensorDataset(x, torch.randint(0, 4, { SAMPLES }))
  local net = nn.Sequential(
    nn.Conv2d(1, 6, 3, { padding = 1 }), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 4))
  classify("conv", net, dataset)
  figure("conv", "mean", numbers(net[1].running_mean:tolist()))
  figure("conv", "var", numbers(net[1].running_var:tolist()))
end

local Attention = nn.Module:extend("Attention")

function Attention:init()
  self.embedding = nn.Embedding(20, 16)
  self.attention = nn.MultiheadAttention(16, 2, { batch_first = true })
  self.norm = nn.LayerNorm(16)
  self.head = nn.Linear(16, 3)
end

function Attention:forward(tokens)
  local x = self.embedding(tokens)
  local seen = self.attention(x, x, x)
  x = self.norm(x + seen)
  return self.head(F.gelu(x):mean(1))
end

local function attention()
  torch.manual_seed(22)
  local tokens = torch.randint(0, 20, { SAMPLES, 7 })
  local dataset = data.TensorDataset(tokens, torch.randint(0, 3, { SAMPLES }))
  classify("attention", Attention(), dataset)
end

local done = { outcome = "completed" }

return {
  title = "ddp_curves",
  world = { size = 2, backend = "gloo" },
  variants = {
    { name = "mlp", main = function() train("mlp") end, expect = done },
    { name = "small_buckets", main = small_buckets, expect = done },
    { name = "fp16_hook", expect = done,
      main = function()
        train("fp16_hook", nil, dist.ddp_comm_hooks.default_hooks.fp16_compress_hook)
      end },
    { name = "find_unused", main = find_unused, expect = done },
    { name = "no_sync", main = no_sync, expect = done },
    { name = "join", main = function() join("join") end, expect = done },
    { name = "join_active", expect = done,
      main = function() join("join_active", { divide_by_initial_world_size = false }) end },
    { name = "conv", main = conv, expect = done },
    { name = "attention", main = attention, expect = done },
  },
}
