-- Each rank validates its own shard. What rank 0 logs without a reduction is the loss of a quarter
-- of the data; what every rank logs is four quarters beside each other; the sum of losses and
-- counts, reduced over the ranks, is the loss of all of it.

local function make_model()
  return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
end

local function train_one_epoch(model, optimizer, loader, epoch)
  loader.sampler:set_epoch(epoch)
  model:train()
  for x, y in loader:iter() do
    optimizer:zero_grad()
    local loss = F.cross_entropy(model(x), y)
    loss:backward()
    optimizer:step()
  end
end

-- Sums, not means: of sums over shards of any size the whole is easily made.
local function validate(model, loader)
  model:eval()
  return torch.no_grad(function()
    local sums = torch.zeros(3, { dtype = torch.float64 })       -- loss, correct, samples
    for x, y in loader:iter() do
      local logits = model(x)
      local loss = F.cross_entropy(logits, y, { reduction = "sum" })
      local correct = logits:argmax(1):eq(y):sum()
      sums:add_(tensor({ loss:item(), correct:item(), #y }, { dtype = torch.float64 }))
    end
    return sums
  end)
end

-- Trains on shards, and after each epoch hands (epoch, writer, sums) to `log`.
local function training(log)
  return function(params)
    torch.manual_seed(42)
    local train = data.FashionMNIST{ train = true, limit = params.train, flatten = true }
    local val = data.FashionMNIST{ train = false, limit = params.val, flatten = true }
    local model = DistributedDataParallel(make_model())
    local optimizer = optim.SGD(model:parameters(), { lr = 0.1, momentum = 0.9 })
    local train_loader = data.DataLoader(train,
      { batch_size = 64, sampler = data.DistributedSampler(train) })
    local val_loader = data.DataLoader(val,
      { batch_size = 250, sampler = data.DistributedSampler(val, { shuffle = false }) })
    local writer = SummaryWriter("fashion")

    for epoch = 0, params.epochs - 1 do
      train_one_epoch(model, optimizer, train_loader, epoch)
      sim.evaluation(epoch, function() log(writer, validate(model, val_loader), epoch) end)
    end
    writer:close()
  end
end

local function write(writer, sums, epoch)
  local loss, correct, samples = sums:select(0, 0):item(), sums:select(0, 1):item(), sums:select(0, 2):item()
  writer:add_scalar("val_loss", loss / samples, epoch)
  writer:add_scalar("val_acc", correct / samples, epoch)
end

return {
  title  = "the validation loss that is really rank 0's quarter",
  lesson = "Without a reduction a logged metric covers 1/world_size of the data. Reduce sums and " ..
           "counts over all ranks, then log on one.",
  world  = { size = 4, backend = "nccl" },
  params = { train = 60000, val = 10000, epochs = 3 },
  small  = { train = 1600, val = 800, epochs = 2 },

  variants = {
    { name = "rank_zero_only",
      main = training(function(writer, sums, epoch)
        if dist.get_rank() == 0 then write(writer, sums, epoch) end              -- @rank_zero
      end),
      expect = {
        outcome = "completed", findings = { "partial_coverage" },
        audit = { { key = "val_loss", share = 1/4, min_abs_error = 1e-4 },
                  { key = "val_acc", share = 1/4 } },
      } },

    { name = "every_rank",
      main = training(function(writer, sums, epoch)
        write(writer, sums, epoch)                                               -- @every_rank
      end),
      expect = {
        outcome = "completed", findings = { "duplicate_writer", "partial_coverage" },
        audit = { { key = "val_loss", share = 1/4 } },
      } },

    { name = "reduced", fixes = "rank_zero_only",
      main = training(function(writer, sums, epoch)
        dist.all_reduce(sums, { name = "val_sums" })
        if dist.get_rank() == 0 then write(writer, sums, epoch) end
      end),
      expect = {
        outcome = "completed", findings = {},
        audit = { { key = "val_loss", error = 0, tolerance = 1e-6, share = 1 },
                  { key = "val_acc", error = 0, tolerance = 1e-9, share = 1 } },
      } },
  },
}
