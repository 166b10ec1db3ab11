-- The Trainer: ways through it that must come to the same, and what an evaluation leaves behind.

local quiet = { logger = false, enable_checkpointing = false, enable_progress_bar = false,
                enable_model_summary = false }

local function trainer(options)
  for key, value in pairs(quiet) do
    if options[key] == nil then options[key] = value end
  end
  return Trainer(options)
end

local function samples(count)
  local x = torch.arange(count, { dtype = torch.float32 }):reshape(count, 1) / count
  return data.TensorDataset(x, x * 2 + 1)
end

local function check(condition, ...)
  if not condition then error(string.format(...), 0) end
end

-- ---- plain batches (in C) against the same with a hook (in Lua) ----

local function what_a_step_sees(hooked, options)
  local seen = {}
  local Net = LightningModule:extend("Net")
  function Net:init() self.layer = nn.Linear(1, 1) end
  function Net:training_step(batch, batch_idx)
    local t = self.trainer
    local batches = t.fit_loop.epoch_loop.batch_progress
    local counters = t._optimization.optim_progress.optimizer
    seen[#seen + 1] = table.concat({
      batch_idx, t.global_step, self.global_step, t.current_epoch, batches.total.ready,
      batches.current.started, batches.current.processed, batches.total.completed,
      tostring(batches.is_last_batch), counters.step.total.ready, counters.step.current.completed,
      counters.zero_grad.total.ready, counters.zero_grad.current.completed,
      t.fit_loop.epoch_loop._batches_that_stepped, tostring(t._current_hook) }, " ")
    if t.global_step == 9 then t.should_stop = options.stops end
    return F.mse_loss(self.layer(batch[1]), batch[2])
  end
  function Net:validation_step(batch)
    seen[#seen + 1] = "v"
    self:log("v", F.mse_loss(self.layer(batch[1]), batch[2]))
  end
  function Net:configure_optimizers()
    return optim.SGD(self:parameters(), { lr = 0.1, momentum = 0.9 })
  end
  if hooked then
    function Net:on_after_backward() end
  end
  torch.manual_seed(1)
  local net = Net()
  local given = {}
  for key, value in pairs(options) do
    if key ~= "stops" then given[key] = value end
  end
  local t = trainer(given)
  t:fit(net, data.DataLoader(samples(37), { batch_size = 2, shuffle = true }),
        data.DataLoader(samples(9), { batch_size = 4 }))
  seen[#seen + 1] = table.concat({ t.global_step, t.current_epoch, net.layer.weight:item() }, " ")
  return table.concat(seen, "\n")
end

local function plain_equals_hooked()
  for _, options in ipairs{
    { max_epochs = 3 }, { max_epochs = 2, val_check_interval = 2 }, { max_steps = 13 },
    { max_epochs = 3, val_check_interval = 5, check_val_every_n_epoch = false },
    { max_epochs = 4, check_val_every_n_epoch = 2 }, { max_epochs = 5, stops = true },
    { max_epochs = 4, min_epochs = 3, stops = true }, { max_epochs = 2, limit_train_batches = 3 },
  } do
    local plain, hooked = what_a_step_sees(false, options), what_a_step_sees(true, options)
    check(plain == hooked, "plain batches differ:\n%s\n---\n%s", plain, hooked)
  end
end

-- ---- samplers ----

-- Which samples each rank sees in an epoch, by the rules of DistributedSampler.
local function every_rank_has_its_share()
  local world, rank, count = dist.get_world_size(), dist.get_rank(), 22
  local seen = {}
  local Net = LightningModule:extend("Net")
  function Net:init() self.layer = nn.Linear(1, 1) end
  function Net:training_step(batch) return self.layer(batch[1]):sum() end
  function Net:validation_step(batch)
    if self.trainer.sanity_checking then return end
    for _, row in ipairs(batch[1]:tolist()) do
      seen[#seen + 1] = math.floor(row[1] * count + 0.5)
    end
  end
  function Net:predict_step(batch)
    local list = {}
    for i, row in ipairs(batch[1]:tolist()) do list[i] = math.floor(row[1] * count + 0.5) end
    return list
  end
  function Net:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0 }) end
  local loader = data.DataLoader(samples(count), { batch_size = 4 })
  local net = Net()

  trainer{ max_epochs = 1 }:fit(net, loader, loader)
  local want = {}
  for i = 0, math.ceil(count / world) - 1 do want[i + 1] = (rank + i * world) % count end
  check(table.concat(seen, " ") == table.concat(want, " "), "validation saw %s, expected %s",
        table.concat(seen, " "), table.concat(want, " "))

  -- A list of indices is a sampler of the user's own: its entries are shared out.
  local order = {}
  for i = 1, count do order[i] = count - i end
  seen = {}
  trainer{}:validate(net, data.DataLoader(samples(count), { batch_size = 4, sampler = order }))
  -- It counts as shuffled, so its positions are permuted; without padding all are there once.
  local all, times = dist.all_gather_object(seen), {}
  for _, list in ipairs(all) do
    for _, sample in ipairs(list) do times[sample] = (times[sample] or 0) + 1 end
  end
  for sample = 0, count - 1 do check(times[sample], "nobody saw sample %d", sample) end

  -- Predicting repeats nothing.
  local predicted = {}
  for _, batch in ipairs(trainer{}:predict(net, loader)) do
    for _, sample in ipairs(batch) do predicted[#predicted + 1] = sample end
  end
  want = {}
  for sample = rank, count - 1, world do want[#want + 1] = sample end
  check(table.concat(predicted, " ") == table.concat(want, " "), "predicted %s, expected %s",
        table.concat(predicted, " "), table.concat(want, " "))
end

-- ---- the oracle leaves no trace ----

local function oracle_leaves_no_trace()
  local counter, log = 0, {}
  local Net = LightningModule:extend("Net")
  function Net:init()
    self.layer = nn.Linear(1, 1)
    self:register_buffer("seen", torch.zeros(1))
    self.outputs, self.calls = {}, 0
  end
  function Net:training_step(batch) return F.mse_loss(self.layer(batch[1]), batch[2]) end
  function Net:on_validation_epoch_start() self.outputs = {} end
  function Net:validation_step(batch, batch_idx)
    counter = counter + 1
    self.calls = self.calls + 1
    self.seen:add_(1)
    log[#log + 1] = batch_idx
    local noise = torch.rand(1):item()
    self.outputs[#self.outputs + 1] = batch[1] + 0 * noise
    self.kept = batch_idx
  end
  function Net:on_validation_epoch_end()
    local all = self:all_gather(torch.cat(self.outputs))
    self:log("mean", all:mean())
  end
  function Net:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.1 }) end
  torch.manual_seed(3)
  local net = Net()
  local t = trainer{ max_epochs = 2 }
  t:fit(net, data.DataLoader(samples(16), { batch_size = 4 }),
        data.DataLoader(samples(24), { batch_size = 2 }))
  local world = dist.get_world_size()
  local batches = math.ceil(math.ceil(24 / world) / 2)
  local calls = math.min(2, batches) + 2 * batches
  check(counter == calls and net.calls == calls and #log == calls, "%d %d %d calls, expected %d",
        counter, net.calls, #log, calls)
  check(net.seen:item() == calls, "the buffer counts %g, expected %d", net.seen:item(), calls)
  check(net.kept == batches - 1 and #net.outputs == batches, "what is left is another batch's")
  check(t.world_size == world, "world_size is %d", t.world_size)
  local mine = torch.rand(1):item()
  for rank, other in ipairs(dist.all_gather_object(mine)) do
    check(other == mine, "rank %d draws another number", rank - 1)
  end
end

-- ---- gathering ----

local function gathered_gradients()
  local world, rank = dist.get_world_size(), dist.get_rank()
  local found
  local Net = LightningModule:extend("Net")
  function Net:init() self.layer = nn.Linear(1, 1) end
  function Net:training_step(batch)
    local x = torch.full({ 2 }, rank + 1.0):requires_grad_(true)
    local all = self:all_gather(x * 2, { sync_grads = true })
    if world > 1 then
      check(all.shape[1] == world and all.shape[2] == 2, "the shape is %s", tostring(all.shape))
      -- Every rank weighs row q by (q + 1) * (its own rank + 1).
      local weights = (torch.arange(world, { dtype = torch.float32 }) + 1) * (rank + 1)
      ;(all * weights:reshape(world, 1)):sum():backward()
      local sum = world * (world + 1) / 2
      check(x.grad[1]:item() == 2 * (rank + 1) * sum, "the gradient is %g", x.grad[1]:item())
    end
    local nested = self:all_gather{ a = torch.ones(3), b = { rank, true, 0.5 } }
    found = nested
    return self.layer(batch[1]):sum()
  end
  function Net:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0 }) end
  trainer{ max_steps = 1, strategy = "ddp" }:fit(Net(), data.DataLoader(samples(4 * world)))
  check(found.a.shape[1] == world and found.a.shape[2] == 3, "a is %s", tostring(found.a.shape))
  check(tostring(found.b[1].dtype) == tostring(torch.int32), "a whole number is %s",
        tostring(found.b[1].dtype))
  check(found.b[1].shape[1] == world and found.b[1][world - 1]:item() == world - 1, "the last is wrong")
end

-- ---- seed 001: the helper that logs on rank 0 alone ----

local function log_metric(t, name, value, on_step, on_epoch)
  if t.is_global_zero then
    t:log(name, value, { on_step = on_step, on_epoch = on_epoch, prog_bar = true })
  end
end

local function rank_zero_helper()
  local fit_params
  local HyperparameterLogger = Callback:extend("HyperparameterLogger")
  function HyperparameterLogger:on_fit_start(t, pl_module)
    if t.is_global_zero then
      fit_params = { lr = pl_module.learning_rate, optimizer = tostring(pl_module:configure_optimizers()) }
    end
  end
  local Net = LightningModule:extend("Net")
  function Net:init(learning_rate)
    self.layer = nn.Linear(10, 1)
    self.learning_rate = learning_rate
  end
  function Net:forward(x) return self.layer(x) end
  function Net:training_step(batch)
    local loss = F.mse_loss(self(batch[1]), batch[2])
    log_metric(self.trainer, "train_loss", loss, true, true)
    return loss
  end
  function Net:validation_step(batch)
    local loss = F.mse_loss(self(batch[1]), batch[2])
    log_metric(self.trainer, "val_loss", loss, false, true)
    return loss
  end
  function Net:configure_optimizers()
    return optim.Adam(self:parameters(), { lr = self.learning_rate })
  end
  torch.manual_seed(0)
  local train = data.TensorDataset(torch.randn(100, 10), torch.randn(100, 1))
  local val = data.TensorDataset(torch.randn(50, 10), torch.randn(50, 1))
  local t = trainer{ max_epochs = 2, callbacks = { HyperparameterLogger() } }
  t:fit(Net(0.001), data.DataLoader(train, { batch_size = 32 }),
        data.DataLoader(val, { batch_size = 32 }))
  check((t.callback_metrics.val_loss ~= nil) == t.is_global_zero, "val_loss is on a wrong rank")
  check((fit_params ~= nil) == t.is_global_zero, "the callback ran on a wrong rank")
  if fit_params then check(fit_params.optimizer:find("Adam"), "no optimizer text") end
end

-- ---- what is refused ----

local function refusals()
  local function refused(pattern, f)
    local ok, message = pcall(f)
    check(not ok, "nothing was refused: %s", pattern)
    check(tostring(message):find(pattern), "%s\nhas no '%s'", tostring(message), pattern)
  end
  local Net = LightningModule:extend("Net")
  refused("max_epocs.*max_epochs", function() Trainer{ max_epocs = 2 } end)
  refused("ddp_spwan.*ddp_spawn", function() Trainer{ strategy = "ddp_spwan" } end)
  refused("do not match the world", function() Trainer{ devices = 99 } end)
  refused("Precision 17", function() Trainer{ precision = 17 } end)
  refused("training_step", function() trainer{ max_epochs = 1 }:fit(Net()) end)
  refused("make an object", function() trainer{ max_epochs = 1 }:fit(Net) end)
  refused("invalid value 1.5", function() trainer{ limit_train_batches = 1.5 } end)
  refused("gradient_clip_algorithm", function() trainer{ gradient_clip_algorithm = "size" } end)
  refused("requires a `LightningModule`", function() trainer{}:test() end)
end

local variants = {}
for _, entry in ipairs{
  { "plain_equals_hooked", plain_equals_hooked }, { "every_rank_has_its_share", every_rank_has_its_share },
  { "oracle_leaves_no_trace", oracle_leaves_no_trace }, { "gathered_gradients", gathered_gradients },
  { "rank_zero_helper", rank_zero_helper }, { "refusals", refusals },
} do
  variants[#variants + 1] = { name = entry[1], main = entry[2], expect = { outcome = "completed" } }
end

return { title = "trainer", world = { size = 2, backend = "gloo" }, variants = variants }
