-- Data sets and samplers against figures of torch, and Fabric in worlds of any size.

local function values(iterator)
  local list = {}
  for x in iterator do
    for _, value in ipairs(x:flatten():tolist()) do list[#list + 1] = math.tointeger(value) end
  end
  return list
end

local function text(list) return table.concat(list, ",") end

local function same(found, wanted)
  found = text(found)
  assert(found == wanted, "found " .. found .. ", expected " .. wanted)
end

-- The samples 0 .. n-1, each being its own number.
local function counting(n) return data.TensorDataset(torch.arange(n)) end

local function visited(sampler, n)
  return values(data.DataLoader(counting(n), { batch_size = 4, sampler = sampler }):iter())
end

local function fails(what, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "expected an error with: " .. what)
  assert(tostring(message):find(what, 1, true), tostring(message))
end

local WEIGHTS = { 0.1, 2.0, 0.5, 1.0, 0.0, 3.0, 0.7, 0.2 }

local function seeded(seed) return torch.Generator():manual_seed(seed) end

local function weighted(count, seed, replacement)
  return data.WeightedRandomSampler(WEIGHTS, count,
                                    { replacement = replacement, generator = seeded(seed) })
end

local function make_model()
  torch.manual_seed(7)
  return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
end

local function flat(module)
  local parts = {}
  for i, p in ipairs(module:parameters()) do parts[i] = p:detach():flatten() end
  return torch.cat(parts)
end

local function agree(tensor)
  local all = dist.all_gather(tensor)
  for i = 2, #all do
    assert(all[i]:equal(all[1]), "rank " .. i - 1 .. " has other values than rank 0")
  end
end

local function step(fabric, model, optimizer, x, y)
  optimizer:zero_grad()
  fabric:backward(F.mse_loss(model(x), y))
  optimizer:step()
end

local function checks(main) return { main = main, expect = { outcome = "completed" } } end

local variants = {}

variants.weighted_as_torch = checks(function()
  same(visited(weighted(10, 0), 8), "6,5,3,6,5,5,1,3,5,2")
  same(visited(weighted(10, 1), 8), "1,1,1,1,5,1,3,5,5,5")
  same(visited(weighted(6, 0, false), 8), "6,5,1,2,7,3")
  same(visited(weighted(6, 1, false), 8), "5,1,3,2,0,6")
  -- One generator goes on from pass to pass.
  local sampler = weighted(7, 5, false)
  same(visited(sampler, 8), "1,3,5,2,6,7,0")
  same(visited(sampler, 8), "5,6,1,3,2,7,0")
  assert(#sampler == 7 and sampler.num_samples == 7)
  same(visited(data.WeightedRandomSampler(torch.tensor(WEIGHTS, { dtype = torch.float64 }), 10,
                                          { generator = seeded(0) }), 8), "6,5,3,6,5,5,1,3,5,2")
  local make = data.WeightedRandomSampler
  fails("num_samples should be a positive integer value", make, WEIGHTS, 0)
  fails("cannot sample n_sample > prob_dist.size(-1)", make, WEIGHTS, 9, { replacement = false })
  fails("entry < 0", make, { 1, -1 }, 2)
  fails("infinity or NaN", make, { 1, math.huge }, 2)
  fails("sum of probabilities <= 0", make, { 0, 0 }, 2)
  fails("did you mean 'replacement'", make, WEIGHTS, 2, { replacment = false })
end)

variants.split_as_torch = checks(function()
  local function shown(...)
    local parts = {}
    for i, part in ipairs{ ... } do
      parts[i] = text(values(data.DataLoader(part, { batch_size = 3 }):iter()))
    end
    return table.concat(parts, " ")
  end
  local function is(found, wanted) assert(found == wanted, found .. " instead of " .. wanted) end
  is(shown(data.random_split(counting(10), { 0.5, 0.25, 0.25 }, { generator = seeded(42) })),
     "2,6,1,8,4,5 0,9 3,7")
  torch.manual_seed(1)
  is(shown(data.random_split(counting(11), { 0.3, 0.3, 0.4 })), "0,10,2,3 7,6,4 8,1,9,5")
  torch.manual_seed(1)
  is(shown(data.random_split(counting(7), { 3, 4 })), "0,6,1 3,5,2,4")
  fails("Sum of input lengths does not equal", data.random_split, counting(7), { 3, 3 })
  fails("Sum of input lengths does not equal", data.random_split, counting(7), { 0.5, 0.6 })
  fails("Fraction at index 0 is not between 0 and 1", data.random_split, counting(7), { 1.5, -0.5 })
end)

variants.concat = checks(function()
  local both = data.ConcatDataset{ counting(3), data.Subset(counting(9), { 7, 8 }), counting(2) }
  assert(#both == 7)
  same(values(data.DataLoader(both, { batch_size = 3 }):iter()), "0,1,2,7,8,0,1")
  same(values(data.DataLoader(data.Subset(both, { 6, 3, 0 })):iter()), "1,7,0")
  fails("datasets should not be an empty", data.ConcatDataset, {})
  fails("data set 2 has samples of another", data.ConcatDataset,
        { counting(3), data.TensorDataset(torch.ones(2, 2)) })
end)

-- What is to be found is known, and a least squares fit finds it.
variants.known_truth = checks(function()
  local set = data.Synthetic{ samples = 64, features = 4, seed = 3 }
  assert(tostring(set.truth.shape) == tostring(torch.ones(4, 1).shape))
  local fabric = Fabric{ strategy = "ddp" }
  local net = nn.Linear(4, 1)
  local model, optimizer = fabric:setup(net, optim.SGD(net:parameters(), { lr = 0.2 }))
  local loader = fabric:setup_dataloaders(data.DataLoader(set, { batch_size = 16, shuffle = true }))
  for _ = 1, 80 do
    for x, y in loader:iter() do step(fabric, model, optimizer, x, y) end
  end
  local off = (net.weight:detach():flatten() - set.truth:flatten()):abs():max():item()
  assert(off < 1e-3, "off by " .. off)
  agree(flat(net))

  local classes = data.Synthetic{ samples = 50, features = 3, classes = 4, seed = 1 }
  for i = 0, 49 do
    local x, y = classes:get(i)
    assert(x:unsqueeze(0):matmul(classes.truth):argmax(1):item() == y:item())
  end
  local x = data.Synthetic{ samples = 8, noise = 0.5, seed = 9 }:get(7)
  agree(x)
  fails("exclude each other", data.Synthetic, { classes = 2, noise = 1.0 })
end)

-- Every rank draws the same samples after seed_everything, and no DistributedSampler helps by
-- itself. A sampler that is wrapped gives each rank its part of what all have drawn.
variants.weighted_trap = checks(function()
  seed_everything(11, { verbose = false })
  local set = counting(8)
  local sampler = data.WeightedRandomSampler(WEIGHTS, 12)
  agree(torch.tensor(values(data.DataLoader(set, { sampler = sampler }):iter())))

  local fabric = Fabric{ strategy = "ddp" }
  local loader = fabric:setup_dataloaders(data.DataLoader(set, { sampler = sampler }))
  local mine = values(loader:iter())
  local world = fabric.world_size
  assert(#mine == (12 + world - 1) // world, #mine)
  local all = dist.all_gather_into_tensor(torch.tensor(mine)):flatten()
  if world > 1 and world <= 4 then
    local parts, equal = dist.all_gather(torch.tensor(mine)), true
    for i = 2, world do equal = equal and parts[i]:equal(parts[1]) end
    assert(not equal, "all ranks have the same part")
  end
  assert(all:numel() == #mine * world and not tostring(text(all:tolist())):find("4"))
  local alone = fabric:setup_dataloaders(data.DataLoader(set, { sampler = sampler }),
                                         { use_distributed_sampler = false })
  assert(#alone == 12)
end)

variants.loaders = checks(function()
  local fabric = Fabric{}
  local set, world, rank = counting(10), dist.get_world_size(), dist.get_rank()
  local shuffled, plain = fabric:setup_dataloaders(
    data.DataLoader(set, { batch_size = 2, shuffle = true }), data.DataLoader(set, { batch_size = 2 }))
  assert(shuffled.batch_size == 2 and #plain == (((10 + world - 1) // world) + 1) // 2)
  if world > 1 then
    assert(shuffled.sampler.shuffle and not plain.sampler.shuffle)
    for epoch = 0, 2 do
      local own = data.DistributedSampler(set, { shuffle = true })
      own:set_epoch(epoch)
      same(values(shuffled:iter()), text(visited(own, 10)))
      assert(shuffled.sampler.epoch == epoch)
    end
    local own = data.DistributedSampler(set, { shuffle = false })
    same(values(plain:iter()), text(visited(own, 10)))
  else
    same(values(plain:iter()), "0,1,2,3,4,5,6,7,8,9")
  end
  if world == 4 then
    local first = fabric:setup_dataloaders(data.DataLoader(set, { shuffle = true }))
    same(values(first:iter()), ({ "4,3,6", "1,9,2", "7,0,4", "5,8,1" })[rank + 1])
    same(values(first:iter()), ({ "5,0,7", "6,8,4", "1,9,5", "2,3,6" })[rank + 1])
  end
  fails("passed only once", fabric.setup_dataloaders, fabric, plain)
  fails("requires at least one dataloader", fabric.setup_dataloaders, fabric)
end)

-- Gradients of ranks are averaged, except inside no_backward_sync.
variants.backward = checks(function()
  local fabric = Fabric{ strategy = "ddp" }
  local rank, world = fabric.global_rank, fabric.world_size
  local net = make_model()
  local model, optimizer = fabric:setup(net, optim.SGD(net:parameters(), { lr = 0.1 }))
  fails("passed only once", fabric.setup, fabric, model)
  torch.manual_seed(100 + rank)
  local x, y = torch.randn(8, 4), torch.randn(8, 1)

  fabric:no_backward_sync(model, function() fabric:backward(F.mse_loss(model(x), y)) end)
  local local_grad = net[0].weight.grad:clone()
  optimizer:zero_grad()
  fabric:no_backward_sync(model, false, function() fabric:backward(F.mse_loss(model(x), y)) end)
  local mean = fabric:all_reduce(local_grad:clone())
  assert(torch.allclose(mean, net[0].weight.grad))
  agree(net[0].weight.grad)
  if world > 1 then assert(not torch.allclose(local_grad, net[0].weight.grad)) end
  optimizer:step()
  agree(flat(net))

  local norm = fabric:clip_gradients(model, optimizer, { max_norm = 0.01 })
  assert(norm:item() > 0.01)
  fabric:clip_gradients(model, optimizer, { clip_val = 1e-4 })
  assert(net[0].weight.grad:abs():max():item() <= 1.0001e-4)
  fails("Only one of", fabric.clip_gradients, fabric, model, optimizer, { clip_val = 1, max_norm = 1 })
  fails("either `clip_val` or", fabric.clip_gradients, fabric, model, optimizer)
  fails("set up the model first", fabric.no_backward_sync, fabric, net, function() end)
end)

-- A method that was marked reduces gradients as forward does.
variants.marked_method = checks(function()
  local Net = nn.Module:extend("Net")
  function Net:init() self.layer = nn.Linear(2, 1) end
  function Net:forward(x) return self.layer(x) end
  function Net:loss(x, factor) return (self.layer(x) * factor):mean() end
  torch.manual_seed(1)
  local fabric = Fabric{ strategy = "ddp" }
  local net = Net()
  local model = fabric:setup_module(net)
  fails("does not exist", model.mark_forward_method, model, "lost")
  model:mark_forward_method("loss")
  fabric:backward(model:loss(torch.ones(2, 2), fabric.global_rank + 1))
  agree(net.layer.weight.grad)
  assert(math.abs(net.layer.weight.grad:flatten():tolist()[1] - (fabric.world_size + 1) / 2) < 1e-6)
  assert(tostring(model(torch.ones(1, 2)).shape) == tostring(torch.ones(1, 1).shape))
end)

variants.talking = checks(function()
  local fabric = Fabric{ strategy = "ddp" }
  local rank, world = fabric.global_rank, fabric.world_size
  local all = fabric:all_gather{ a = torch.tensor{ rank + 0.0 }, b = { rank, { c = rank * 2.0 } } }
  assert(all.a:numel() == world and all.b[1]:numel() == world)
  same(all.b[1]:flatten():tolist(), text(torch.arange(world):tolist()))
  assert(all.b[2].c:sum():item() == world * (world - 1))
  local sums = fabric:all_reduce({ rank + 0.0, { x = torch.ones(2) * rank } }, { reduce_op = "sum" })
  assert(sums[1]:item() == world * (world - 1) / 2)
  local mean = fabric:all_reduce(torch.tensor(rank + 0.0))
  assert(mean:item() == (world - 1) / 2)
  local got = fabric:broadcast(rank == world - 1 and { word = "yes" } or nil, world - 1)
  assert(got.word == "yes")
  assert(fabric.is_global_zero == (rank == 0))
  fabric:barrier()
  fabric:barrier("here we meet")
  assert(fabric:launch(function(f, x) return f == fabric and x end, 5) == 5)
  fails("did you mean 'reduce_op'", fabric.all_reduce, fabric, 1.0, { reduce_opp = "sum" })
end)

-- Rank 0 writes what the others read.
variants.rank_zero_first = checks(function()
  local fabric = Fabric{ strategy = "ddp" }
  local found = fabric:rank_zero_first(function()
    if fabric.is_global_zero then torch.save({ number = 3 }, "prepared.ckpt") end
    return torch.load("prepared.ckpt").number
  end)
  assert(found == 3)
  fabric:rank_zero_first(function() end, { local_ = true })
end)

variants.checkpoints = checks(function()
  local fabric = Fabric{ strategy = "ddp" }
  local net = make_model()
  local model, optimizer = fabric:setup(net, optim.Adam(net:parameters(), { lr = 0.01 }))
  torch.manual_seed(50 + fabric.global_rank)
  local x, y = torch.randn(8, 4), torch.randn(8, 1)
  for _ = 1, 3 do step(fabric, model, optimizer, x, y) end
  fabric:save("state.ckpt", { model = model, optimizer = optimizer, step = 3, note = "kept" })

  local second = make_model()
  local again, optimizer2 = fabric:setup(second, optim.Adam(second:parameters(), { lr = 0.5 }))
  local state = { model = again, optimizer = optimizer2, step = 0 }
  local rest = fabric:load("state.ckpt", state)
  assert(state.step == 3 and rest.note == "kept" and rest.model == nil and state.model == again)
  assert(flat(second):equal(flat(net)))
  step(fabric, model, optimizer, x, y)
  step(fabric, again, optimizer2, x, y)
  assert(flat(second):equal(flat(net)), "the optimizer was not restored")
  fails("'other' that does not exist", fabric.load, fabric, "state.ckpt", { other = 1 })
  fabric:load("state.ckpt", { other = 1 }, { strict = false })
  -- The file's names fit the module without Fabric.
  make_model():load_state_dict(fabric:load("state.ckpt").model)
  fabric:save("part.ckpt", { model = model },
              { filter = { model = function(name) return name:find("weight") ~= nil end } })
  assert(fabric:load("part.ckpt").model["0.bias"] == nil)
  fails("The filter contains the key", fabric.save, fabric, "x.ckpt", {}, { filter = { a = 1 } })
end)

-- Nothing is put together: each rank's logger sees what that rank said.
variants.logging = checks(function()
  local seen, heard = {}, {}
  local logger = { log_metrics = function(_, metrics, at)
    for name, value in pairs(metrics) do seen[#seen + 1] = name .. "=" .. value .. "@" .. tostring(at) end
  end }
  local fabric = Fabric{
    loggers = { logger, logger },
    callbacks = { { on_end = function(_, x) heard[#heard + 1] = x end }, {} },
  }
  fabric:log("loss", torch.tensor(fabric.global_rank + 0.5), { step = 4 })
  fabric:log_dict({ a = 1, b = torch.tensor{ 2 } })
  local loss = "loss=" .. fabric.global_rank + 0.5 .. "@4"
  same(seen, loss .. "," .. loss .. ",a=1@nil,b=2@nil,a=1@nil,b=2@nil")
  fabric:call("on_end", 7)
  fabric:call("on_nothing")
  assert(#heard == 1 and heard[1] == 7 and fabric.logger == logger)
  fails("does not contain a single element", fabric.log, fabric, "x", torch.ones(2))
end)

-- Real loggers write on rank 0 alone.
variants.loggers = checks(function()
  local fabric = Fabric{ loggers = loggers.CSVLogger("csv") }
  fabric:log("loss", 1.5 + fabric.global_rank, { step = 0 })
  fabric.logger:save()
  fabric:print("logged")
end)

variants.precision = checks(function()
  for _, name in ipairs{ "bf16-mixed", "16-mixed", "64-true", "32-true" } do
    local fabric = Fabric{ strategy = "ddp", precision = name }
    local net = make_model()
    local model, optimizer = fabric:setup(net, optim.SGD(net:parameters(), { lr = 0.1 }))
    torch.manual_seed(50 + fabric.global_rank)
    local x, y = torch.randn(8, 4), torch.randn(8, 1)
    local before = flat(net):clone()
    -- In 16 bits the first scale is too large: steps are skipped, on all ranks, until it fits.
    for _ = 1, name == "16-mixed" and 12 or 1 do
      local out = model(x)
      assert(out.dtype == torch.float32, tostring(out.dtype))
      optimizer:zero_grad()
      fabric:backward(F.mse_loss(out, y))
      fabric:clip_gradients(model, optimizer, { max_norm = 1.0, error_if_nonfinite = false })
      optimizer:step()
      agree(flat(net))
    end
    assert(not flat(net):equal(before), name .. ": no step")
    local inside = fabric:autocast(function() return torch.ones(2, 2):matmul(torch.ones(2, 2)).dtype end)
    local wanted = { ["bf16-mixed"] = torch.bfloat16, ["16-mixed"] = torch.float16 }
    assert(inside == (wanted[name] or torch.float32))
  end
end)

variants.options = checks(function()
  fails("did you mean 'precision'", Fabric, { precison = 16 })
  fails("accelerator='abacus' is unknown", Fabric, { accelerator = "abacus" })
  fails("Precision 12 is invalid", Fabric, { precision = 12 })
  fails("invalid strategy name", Fabric, { strategy = "dpp" })
  fails("do not match the world", Fabric, { devices = 99 })
  local fabric = Fabric{ accelerator = "cpu", devices = "auto", num_nodes = 1, loggers = {} }
  assert(fabric:seed_everything(5, { verbose = false }) == 5 and torch.initial_seed() == 5)
end)

local order = {
  "weighted_as_torch", "split_as_torch", "concat", "known_truth", "weighted_trap", "loaders",
  "backward", "marked_method", "talking", "rank_zero_first", "checkpoints", "logging", "loggers",
  "precision", "options",
}
local list = {}
for i, name in ipairs(order) do
  variants[name].name = name
  list[i] = variants[name]
end

return { title = "data and Fabric", world = { size = 4 }, variants = list }
