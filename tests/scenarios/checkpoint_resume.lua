-- A fit that was stopped and resumed against one that never was. The reference run saves a
-- checkpoint at every place from which a run can go on: after each batch, after each validation,
-- at the begin and at the end of each epoch. From each of them another Trainer, with a model of
-- other weights and another seed, goes on; what it logs from there, the weights, the optimiser, the
-- schedule, the callbacks and the random numbers at the end must be the same bit for bit.

local SAMPLES, FEATURES = 22, 6 -- of a rank

-- ---- what is compared ----

-- One text for a value, with all bits of its numbers.
local function text_of(value)
  if torch.is_tensor(value) then
    return string.format("%s%s%s", tostring(value.dtype), tostring(value.shape),
                         text_of(value:tolist()))
  end
  if math.type(value) == "float" then return string.format("%a", value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = text_of(key) .. "=" .. text_of(item) end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A logger that keeps what it is given, on every rank.
local function new_recorder()
  local recorder = { entries = {}, name = "recorder", version = 0, save_dir = ".", log_dir = "." }
  function recorder:log_metrics(metrics, step)
    self.entries[#self.entries + 1] = step .. ":" .. text_of(metrics)
  end
  function recorder:log_hyperparams() end
  function recorder:save() end
  function recorder:finalize() end
  return recorder
end

-- Every hook's name as it is called, but for those of the way in.
local Witness = Callback:extend("Witness")
local watched = {
  "on_train_epoch_start", "on_train_batch_start", "on_train_batch_end", "on_validation_start",
  "on_validation_end", "on_train_epoch_end", "on_before_zero_grad", "on_before_optimizer_step",
}
function Witness:init() self.calls = {} end
for _, hook in ipairs(watched) do
  Witness[hook] = function(self, trainer)
    self.calls[#self.calls + 1] =
      string.format("%s %d %d", hook, trainer.current_epoch, trainer.global_step)
  end
end

-- ---- the run ----

local Net = LightningModule:extend("Net")

function Net:init(options)
  self.options = options
  self.automatic_optimization = not options.manual
  self.first = nn.Linear(FEATURES, 8)
  if options.batchnorm then self.norm = nn.BatchNorm1d(8) end
  if options.metrics then
    self.mean = metrics.MeanMetric()
    self.others = metrics.MetricCollection({ lowest = metrics.MinMetric(),
                                             all = metrics.CatMetric() })
  end
  self.drop = nn.Dropout(0.3)
  self.second = nn.Linear(8, 1)
end

function Net:forward(x)
  local h = self.first(x)
  if self.norm then h = self.norm(h) end
  return self.second(self.drop(h:relu()))
end

function Net:training_step(batch, batch_idx)
  local x, y = batch[1], batch[2]
  if self.options.several then
    local extra = batch[2][1]
    x, y = batch[1][1], batch[1][2] + extra:sum() * 0.1
  end
  local loss = F.mse_loss(self(x), y)
  self:log("train_loss", loss, { on_step = true, on_epoch = true, sync_dist = true })
  self:log("own_loss", loss, { on_step = false, on_epoch = true })
  self:log("noise", math.random() + torch.rand(1):item())
  if self.mean then
    self.mean(loss:detach())
    self:log("metric", self.mean, { on_step = true, on_epoch = true })
    self.others:update(loss:detach())
  end
  if self.options.manual then
    local optimizer = self:optimizers()
    self:manual_backward(loss / 3)
    if batch_idx % 3 == 2 then
      optimizer:step()
      optimizer:zero_grad()
    end
  end
  return loss
end

function Net:on_train_batch_end(outputs)
  local loss = torch.is_tensor(outputs) and outputs or outputs.loss
  self:log("outputs", loss, { on_step = true, on_epoch = true })
end

function Net:on_train_epoch_end()
  if not self.mean then return end
  for name, value in pairs(self.others:compute()) do self:log(name, value:sum()) end
  self.others:reset()
end

function Net:validation_step(batch)
  self:log("val_loss", F.mse_loss(self(batch[1]), batch[2]) + 0.01 * torch.rand(1):item(),
           { sync_dist = true })
end

function Net:configure_optimizers()
  local optimizer = optim.Adam(self:parameters(), { lr = 0.05 })
  if self.options.manual then return optimizer end
  return { { optimizer }, {
    { scheduler = optim.lr_scheduler.StepLR(optimizer, 3, { gamma = 0.7 }), interval = "step" },
    { scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, { factor = 0.9, patience = 0 }),
      monitor = self.options.monitor or "val_loss" },
  } }
end

local function new_loaders(options)
  torch.manual_seed(5)
  local x = torch.randn(SAMPLES * dist.get_world_size(), FEATURES)
  local set = data.TensorDataset(x, x:sum(1):unsqueeze(1))
  local generator = options.generator and torch.Generator():manual_seed(11) or nil
  local train = data.DataLoader(set, { batch_size = options.batch_size or 2, shuffle = true,
                                       generator = generator })
  if options.several then
    local other = data.TensorDataset(torch.randn(9, FEATURES))
    train = { train, data.DataLoader(other, { batch_size = options.batch_size or 2 }) }
  end
  return train, data.DataLoader(set, { batch_size = 5 })
end

local Saver = Callback:extend("Saver")
function Saver:init(recorder, witness)
  self.recorder, self.witness, self.saved = recorder, witness, {}
end
for _, hook in ipairs{ "on_train_epoch_start", "on_train_batch_end", "on_validation_end",
                       "on_train_epoch_end" } do
  Saver[hook] = function(self, trainer)
    if trainer.sanity_checking then return end
    local path = string.format("every/%03d.ckpt", #self.saved + 1)
    trainer:save_checkpoint(path)
    self.saved[#self.saved + 1] = { path = path, hook = hook, entries = #self.recorder.entries,
                                    calls = #self.witness.calls, step = trainer.global_step }
  end
end

-- One fit; `path` is where it resumes from.
local function fit(options, path, saver)
  local recorder, witness = new_recorder(), Witness()
  local list = {
    witness,
    callbacks.EarlyStopping{ monitor = "val_loss", patience = 100 },
    callbacks.ModelCheckpoint{ monitor = "val_loss", dirpath = "best", save_top_k = 2,
                               enable_version_counter = false },
  }
  if saver then
    saver.recorder, saver.witness = recorder, witness
    table.insert(list, 2, saver)
  end
  torch.manual_seed(path and 999 or 1)
  math.randomseed(path and 999 or 1)
  local train, val = new_loaders(options)
  torch.manual_seed(path and 99 or 10 + dist.get_rank())
  local given = {
    max_epochs = 2, accumulate_grad_batches = 2, val_check_interval = 3, log_every_n_steps = 1,
    gradient_clip_val = 0.8, logger = recorder, callbacks = list, enable_progress_bar = false,
    enable_model_summary = false, use_distributed_sampler = options.generator == nil,
  }
  for name, value in pairs(options.trainer or {}) do given[name] = value end
  if options.manual then given.accumulate_grad_batches, given.gradient_clip_val = 1, nil end
  local trainer = Trainer(given)
  local net = Net(options)
  trainer:fit(net, { train_dataloaders = train, val_dataloaders = val, ckpt_path = path })
  local state = {}
  for _, optimizer in ipairs(trainer.optimizers) do state[#state + 1] = optimizer:state_dict() end
  for _, config in ipairs(trainer.lr_scheduler_configs) do
    state[#state + 1] = config.scheduler:state_dict()
  end
  local metrics = {}
  for name, value in pairs(trainer.callback_metrics) do metrics[name] = value:item() end
  return {
    weights = text_of(net:state_dict()), optimisers = text_of(state),
    scaler = trainer.scaler and text_of(trainer.scaler:state_dict()),
    random = text_of(torch.get_rng_state()), lua_random = math.random(),
    best = text_of(list[#list]:state_dict()), early = text_of(list[#list - 1]:state_dict()),
    metrics = text_of(metrics), step = trainer.global_step, epoch = trainer.current_epoch,
  }, recorder.entries, witness.calls
end

local function first_difference(expected, from, found)
  for i = 1, math.max(#expected - from, #found) do
    if expected[from + i] ~= found[i] then
      return string.format("entry %d: expected %s\n  found %s", i, tostring(expected[from + i]),
                           tostring(found[i]))
    end
  end
end

local function stop_everywhere(options)
  return function()
    local saver = Saver()
    local expected, entries, calls = fit(options, nil, saver)
    assert(#entries > 8 and #saver.saved > 12, "the reference run is too short to tell anything")
    for i, saved in ipairs(saver.saved) do
      if saved.hook ~= "on_train_batch_end" or i % (options.every or 1) == 0 then
        local where = string.format("resumed from %s, saved in %s at step %d: ", saved.path,
                                    saved.hook, saved.step)
        local found, later, called = fit(options, saved.path)
        local difference = first_difference(entries, saved.entries, later)
        assert(difference == nil, where .. "logged " .. tostring(difference))
        difference = first_difference(calls, saved.calls, called)
        assert(difference == nil, where .. "called " .. tostring(difference))
        for name, value in pairs(expected) do
          assert(found[name] == value, where .. name .. " differs:\n  expected " ..
                 tostring(value) .. "\n  found " .. tostring(found[name]))
        end
      end
    end
  end
end

local function variant(name, options)
  return { name = name, main = stop_everywhere(options),
           expect = { outcome = "completed" } }
end

return {
  title = "checkpoint_resume",
  world = { size = 2, backend = "gloo" },
  variants = {
    variant("everywhere", {}),
    variant("own_generator", { generator = true, batch_size = 4, every = 6 }),
    variant("batchnorm", { batchnorm = true, every = 6 }),
    variant("half_precision", { every = 6, trainer = { precision = "16-mixed" } }),
    variant("whole_epochs", { every = 6, trainer = { val_check_interval = 1.0,
                                                     accumulate_grad_batches = 1 } }),
    variant("several_loaders", { several = true, every = 6 }),
    variant("manual", { manual = true, every = 5 }),
    variant("number_of_steps", { every = 5, trainer = { max_epochs = -1, max_steps = 8 } }),
    variant("across_epochs", { every = 5, trainer = { val_check_interval = 7,
                                                      check_val_every_n_epoch = false } }),
    variant("every_other_epoch", { every = 6, monitor = "train_loss_epoch", trainer = {
      max_epochs = 3, val_check_interval = 1.0, check_val_every_n_epoch = 2 } }),
    variant("metrics", { metrics = true, every = 5 }),
  },
}
