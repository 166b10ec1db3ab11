-- Plays one case of tests/reference/lightning_log_cases.json and prints what
-- tests/reference/lightning_log_record.py wrote down of the real Lightning: see there.
local case = CASE
local rank, world = dist.get_rank(), dist.get_world_size()

local function say(...) print("@ " .. string.format(...)) end

-- A tensor's own number, or a plain one.
local function number_of(value) return type(value) == "userdata" and value:item() or value end

local function words(metrics)
  local text = ""
  for name, value in pairs(metrics) do
    text = text .. string.format(" %s=%a", name, number_of(value))
  end
  return text
end

-- ---- values ----

local function value_of(kind, base)
  local whole = math.floor(base)
  local makers = {
    number = function() return base end,
    whole = function() return whole end,
    bool = function() return whole % 2 == 1 end,
    third = function() return base / 3 end,
    minus = function() return torch.tensor(-base) end,
    ranked = function() return torch.tensor(1.0 + whole // 10 % 10) end,
    text = function() return "loss" end,
    list = function() return { "loss", torch.tensor(base) } end,
    dict = function() return { a = torch.tensor(base) } end,
    nested = function() return { a = { b = torch.tensor(base) } } end,
    ["nil"] = function() return nil end,
    f32 = function() return torch.tensor(base) end,
    f64 = function() return torch.tensor(base, { dtype = torch.float64 }) end,
    third64 = function() return torch.tensor(base, { dtype = torch.float64 }) / 3 end,
    f16 = function() return torch.tensor(base, { dtype = torch.float16 }) end,
    bf16 = function() return torch.tensor(base, { dtype = torch.bfloat16 }) end,
    i64 = function() return torch.tensor(whole) end,
    one = function() return torch.tensor{ { base } } end,
    two = function() return torch.tensor{ base, base } end,
    none = function() return torch.zeros(0) end,
  }
  return makers[kind]()
end

-- ---- data ----

local function loader_of(spec)
  local count = spec.n[rank % #spec.n + 1]
  return data.DataLoader(data.TensorDataset(torch.ones(count, 1), torch.zeros(count)),
                         { batch_size = spec.batch })
end

local function shaped(batch)
  local x, y = batch[1], batch[2]
  local shapes = {
    pair = function() return { x, y } end,
    single = function() return x end,
    dict = function() return { input = x, target = y } end,
    nested = function() return { { x, { y } }, { z = y } } end,
    ambiguous = function() return { x, torch.zeros(x:size(0) + 1) } end,
    text = function() return { x, "words" } end,
    nothing = function() return { "words", "more" } end,
  }
  return shapes[case.batch]()
end

-- ---- a Metric: the sum over batches and ranks ----

local Sum = { is_metric = true }
Sum.__index = Sum

local function new_sum() return setmetatable({ total = 0.0 }, Sum) end

function Sum:update(number) self.total, self.computed = self.total + number, nil end

function Sum:forward(number)
  self:update(number)
  self._forward_cache = torch.tensor(number)
end

function Sum:compute()
  if not self.computed then
    self.computed = torch.tensor(self.total)
    if world > 1 then dist.all_reduce(self.computed) end
  end
  return self.computed
end

function Sum:reset() self.total, self.computed, self._forward_cache = 0.0, nil, nil end

-- ---- the module ----

local Net = LightningModule:extend("Net")

function Net:init()
  self.layer = nn.Linear(1, 1)
  for index, item in ipairs(case.log) do
    if item.kind:find("^metric") then self["metric_" .. index] = new_sum() end
  end
end

function Net:logged_value(index, kind, base)
  if not kind:find("^metric") then return value_of(kind, base) end
  if kind == "metric_no_field" then return new_sum() end
  local metric = self["metric_" .. index]
  if kind == "metric_update" then metric:update(base) else metric:forward(base) end
  return metric
end

function Net:note(hook, batch_idx, dataloader_idx)
  batch_idx, dataloader_idx = batch_idx or 0, dataloader_idx or 0
  for index, item in ipairs(case.log) do
    if item.hook == hook and (item.only_rank or rank) == rank
       and (item.only_batch or batch_idx) == batch_idx then
      local options = {}
      for name, value in pairs(item.options) do options[name] = value end
      if options.batch_size == "rank+3" then options.batch_size = rank + 3 end
      local name = item.name:gsub("%%d", dataloader_idx)
      local early = hook == "setup" or hook == "configure_optimizers"
      local epoch = early and 0 or self.trainer.current_epoch
      for turn = 0, item.times - 1 do
        local base = 1.5 + rank * 10 + batch_idx + 100 * epoch + 0.25 * dataloader_idx
                     + (index - 1) * 3 + turn * 32
        self:log(name, self:logged_value(index, item.kind, base), options)
      end
    end
  end
  for _, read in ipairs(case.read) do
    if read == hook then
      say("%s callback%s", hook, words(self.trainer.callback_metrics))
      say("%s logged%s", hook, words(self.trainer.logged_metrics))
      say("%s bar%s", hook, words(self.trainer.progress_bar_metrics))
    end
  end
end

function Net:on_before_batch_transfer(batch) return shaped(batch) end

function Net:training_step(_, batch_idx)
  self:note("training_step", batch_idx)
  self.batch_idx = batch_idx
  return self.layer(torch.ones(2, 1)):mean() * 0
end

function Net:configure_optimizers()
  self:note("configure_optimizers")
  return optim.SGD(self:parameters(), { lr = 0.1 })
end

function Net:on_train_batch_start(_, batch_idx) self:note("on_train_batch_start", batch_idx) end
function Net:on_train_batch_end(_, _, batch_idx) self:note("on_train_batch_end", batch_idx) end

for _, hook in ipairs{
  "on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step",
} do
  Net[hook] = function(self) self:note(hook, self.batch_idx) end
end

for _, hook in ipairs{
  "setup", "on_fit_start", "on_train_start", "on_train_end", "on_train_epoch_start",
  "on_train_epoch_end", "on_validation_start", "on_validation_end", "on_validation_epoch_start",
  "on_validation_epoch_end",
} do
  Net[hook] = function(self) self:note(hook) end
end

if #case.val > 0 then
  function Net:validation_step(_, batch_idx, loader)
    self:note("validation_step", batch_idx, loader)
  end
  function Net:on_validation_batch_start(_, batch_idx, loader)
    self:note("on_validation_batch_start", batch_idx, loader)
  end
  function Net:on_validation_batch_end(_, _, batch_idx, loader)
    self:note("on_validation_batch_end", batch_idx, loader)
  end
end

-- ---- the run ----

local Recorder = {}

function Recorder:log_metrics(metrics, step) say("logger %d%s", step, words(metrics)) end
function Recorder:log_hyperparams() end
function Recorder:save() end
function Recorder:finalize() end
function Recorder:after_save_checkpoint() end
function Recorder:log_graph() end
Recorder.name, Recorder.version = "recorder", 0

local function run()
  local options = {
    devices = world, strategy = world > 1 and "ddp" or "auto", use_distributed_sampler = false,
    enable_checkpointing = false, enable_progress_bar = false, enable_model_summary = false,
    logger = Recorder,
  }
  for name, value in pairs(case.trainer) do options[name] = value end
  local method = options.method or "fit"
  options.method = nil
  if options.fast_dev_run then options.max_epochs = nil end

  local trainer = Trainer(options)
  if options.fast_dev_run and options.logger then trainer.loggers = { Recorder } end
  local model = Net()
  local val = {}
  for i, spec in ipairs(case.val) do val[i] = loader_of(spec) end
  if method == "fit" then
    trainer:fit(model, loader_of(case.train), #val > 0 and val or nil)
  else
    for _, outputs in ipairs(trainer:validate(model, val, { verbose = false })) do
      say("validate%s", words(outputs))
    end
  end
  say("end callback%s", words(trainer.callback_metrics))
  say("end logged%s", words(trainer.logged_metrics))
  say("end bar%s", words(trainer.progress_bar_metrics))
end

return function()
  if case.error then
    local ok, message = pcall(run)
    if not ok then say("error %s", message) end
  else
    run()
  end
end
