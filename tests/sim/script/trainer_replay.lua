-- Plays to our Trainer what Lightning was played by tests/reference/lightning_hooks_record.py, and
-- compares the order of hooks. `recorded` is the table that it wrote.
--
-- A variant a case and way: "whole" overrides every hook, as the recorder did; "thin" leaves those
-- with a default action to us, so that the paths without them are taken, and their lines are left
-- out. "table" compares when validation runs.

local callback_hooks = {
  "setup", "teardown", "on_fit_start", "on_fit_end", "on_sanity_check_start",
  "on_sanity_check_end", "on_train_start", "on_train_end", "on_train_epoch_start",
  "on_train_epoch_end", "on_train_batch_start", "on_train_batch_end", "on_before_backward",
  "on_after_backward", "on_before_optimizer_step", "on_before_zero_grad", "on_exception",
}
for _, stage in ipairs{ "validation", "test", "predict" } do
  for _, when in ipairs{ "start", "end", "epoch_start", "epoch_end", "batch_start", "batch_end" } do
    callback_hooks[#callback_hooks + 1] = "on_" .. stage .. "_" .. when
  end
end

local not_of_modules = { on_sanity_check_start = true, on_sanity_check_end = true,
                         on_exception = true }

-- Hooks of the module that have a default action.
local active = {
  "on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer",
  "on_validation_model_zero_grad", "on_validation_model_eval", "on_test_model_eval",
  "on_test_model_train", "on_predict_model_eval", "backward", "lr_scheduler_step",
  "optimizer_zero_grad", "optimizer_step", "configure_gradient_clipping",
}
local is_active = {}
for _, hook in ipairs(active) do is_active[hook] = true end

local others = { "prepare_data", "configure_model", "configure_callbacks" }

-- Which argument of a hook is shown, counted behind self (and behind trainer and module).
local shown = {
  setup = { 1 }, teardown = { 1 }, on_train_batch_start = { 2 }, on_train_batch_end = { 3 },
  optimizer_zero_grad = { 1, 2 }, optimizer_step = { 1, 2 }, on_before_batch_transfer = { 2 },
  transfer_batch_to_device = { 3 }, on_after_batch_transfer = { 2 },
}
for _, stage in ipairs{ "validation", "test", "predict" } do
  shown["on_" .. stage .. "_batch_start"] = { 2, 3 }
  shown["on_" .. stage .. "_batch_end"] = { 3, 4 }
end

local stage_names = { training = "train", sanity_checking = "sanity_check",
                      validating = "validate", testing = "test", predicting = "predict" }

-- ---- the trace ----

local function new_trace()
  local lines, last = {}, nil
  local trace = { lines = lines }
  function trace.note(trainer, who, hook, ...)
    local stage = "-"
    for field, name in pairs(stage_names) do
      if trainer[field] then stage = name end
    end
    local where = string.format("[%s %d %d]", stage, trainer.current_epoch, trainer.global_step)
    local words = { who, hook }
    for i = 1, select("#", ...) do words[#words + 1] = tostring((select(i, ...))) end
    if where ~= last then lines[#lines + 1] = where end
    lines[#lines + 1] = table.concat(words, " ")
    last = where
  end
  return trace
end

local function pick(hook, ...)
  local list = {}
  for i, position in ipairs(shown[hook] or {}) do list[i] = (select(position, ...)) end
  return table.unpack(list)
end

-- ---- the cast ----

local function add_callback_hooks(class, who, hooks, trace)
  for _, hook in ipairs(hooks) do
    class[hook] = function(_, trainer, _, ...) trace.note(trainer, who, hook, pick(hook, ...)) end
  end
end

local function loaders(sizes)
  local made = {}
  for i, size in ipairs(sizes) do
    local x = torch.arange(size, { dtype = torch.float32 }):reshape(size, 1) / size
    made[i] = data.DataLoader(data.TensorDataset(x, x * 2), { batch_size = 4 })
  end
  return #made == 1 and made[1] or made
end

local function add_loaders(class, who, case, trace)
  for _, stage in ipairs{ "train", "val", "test", "predict" } do
    if who == "D" or #case[stage] > 0 then
      class[stage .. "_dataloader"] = function(self)
        trace.note(self.trainer, who, stage .. "_dataloader")
        return loaders(case[stage])
      end
    end
  end
end

local function loss_of(layer, batch)
  if type(batch[1]) == "table" then
    local sum = 0
    for _, part in ipairs(batch) do sum = sum + loss_of(layer, part) end
    return sum
  end
  return F.mse_loss(layer(batch[1]), batch[2])
end

local function new_module(case, trace, thin)
  local own = case.model
  local Net = LightningModule:extend("Net")

  function Net:init()
    self.first = nn.Linear(1, 1)
    if own.manual == 2 then self.second = nn.Linear(1, 1) end
    self.automatic_optimization = not own.manual
  end

  function Net:training_step(batch, batch_idx)
    trace.note(self.trainer, "M", "training_step", batch_idx)
    if own.raise_at == batch_idx then error("as asked for", 0) end
    if own.stop_at == batch_idx then self.trainer.should_stop = true end
    if own.none_at == batch_idx then return nil end
    if not own.manual then
      local loss = loss_of(self.first, batch)
      self:log("loss", loss)
      return loss
    end
    local optimizers = { self:optimizers() }
    for i, optimizer in ipairs(optimizers) do
      optimizer:zero_grad()
      self:manual_backward(loss_of(i == 1 and self.first or self.second, batch))
      optimizer:step()
    end
  end

  if #case.val > 0 then
    function Net:validation_step(_, batch_idx, dataloader_idx)
      trace.note(self.trainer, "M", "validation_step", batch_idx, dataloader_idx)
    end
  end
  if #case.test > 0 then
    function Net:test_step(_, batch_idx, dataloader_idx)
      trace.note(self.trainer, "M", "test_step", batch_idx, dataloader_idx)
    end
  end
  function Net:predict_step(batch, batch_idx, dataloader_idx)
    trace.note(self.trainer, "M", "predict_step", batch_idx, dataloader_idx)
    return self.first(batch[1])
  end

  function Net:configure_optimizers()
    trace.note(self.trainer, "M", "configure_optimizers")
    local first = optim.SGD(self.first:parameters(), { lr = 0.1 })
    if own.manual == 2 then
      return { first, optim.SGD(self.second:parameters(), { lr = 0.1 }) }
    end
    local kind = own.scheduler
    if not kind then return { first } end
    local config
    if kind:sub(1, 7) == "plateau" then
      config = { scheduler = optim.lr_scheduler.ReduceLROnPlateau(first), monitor = "loss" }
      if kind == "plateau_step" then config.interval = "step" end
    else
      config = { scheduler = optim.lr_scheduler.StepLR(first, 1, { gamma = 0.5 }),
                 interval = kind, frequency = own.frequency or 1 }
    end
    return { optimizer = first, lr_scheduler = config }
  end

  if not case.datamodule then add_loaders(Net, "M", case, trace) end
  for _, hook in ipairs(callback_hooks) do
    if not not_of_modules[hook] then
      Net[hook] = function(self, ...) trace.note(self.trainer, "M", hook, pick(hook, ...)) end
    end
  end
  if own.skip_at then
    function Net:on_train_batch_start(_, batch_idx)
      trace.note(self.trainer, "M", "on_train_batch_start", batch_idx)
      return batch_idx == own.skip_at and -1 or nil
    end
  end
  for _, hook in ipairs(others) do
    Net[hook] = function(self) trace.note(self.trainer, "M", hook) end
  end
  if not thin then
    local transfers = not case.datamodule
    for _, hook in ipairs(active) do
      local left_out = hook == "on_test_model_train" or
        (hook == "configure_gradient_clipping" and not case.trainer.gradient_clip_val) or
        (not transfers and hook:find("batch", 1, true) and hook:find("transfer", 1, true))
      if not left_out then
        local default = LightningModule[hook]
        Net[hook] = function(self, ...)
          trace.note(self.trainer, "M", hook, pick(hook, ...))
          return default(self, ...)
        end
      end
    end
  end
  return Net()
end

local function new_data(case, trace, thin)
  local Data = LightningDataModule:extend("Data")
  add_loaders(Data, "D", case, trace)
  for _, hook in ipairs{ "prepare_data", "setup", "teardown", "on_exception" } do
    Data[hook] = function(self, ...) trace.note(self.trainer, "D", hook, pick(hook, ...)) end
  end
  if not thin then
    for _, hook in ipairs{ "on_before_batch_transfer", "on_after_batch_transfer" } do
      Data[hook] = function(self, batch, dataloader_idx)
        trace.note(self.trainer, "D", hook, dataloader_idx)
        return batch
      end
    end
  end
  return Data()
end

-- ---- a case ----

-- The recorded lines; without those of hooks that the thin module leaves to us.
local function expected(text, thin)
  local lines, last, pending = {}, nil, nil
  for line in text:gmatch("[^\n]+") do
    if not thin then
      lines[#lines + 1] = line
    elseif line:sub(1, 1) == "[" then
      pending = line
    else
      local hook = line:match("^%u ([%w_]+)")
      if not is_active[hook] then
        if pending and pending ~= last then
          lines[#lines + 1] = pending
          last = pending
        end
        lines[#lines + 1] = line
      end
    end
  end
  return lines
end

local function compare(name, got, want)
  for i = 1, math.max(#got, #want) do
    if got[i] ~= want[i] then
      local context = {}
      for j = math.max(1, i - 6), i + 6 do
        context[#context + 1] = string.format("%s %4d  %-45s %s", j == i and ">" or " ", j,
                                              want[j] or "-", got[j] or "-")
      end
      error(string.format("%s: line %d differs (recorded, ours):;%s", name, i,
                          table.concat(context, ";")), 0)
    end
  end
end

local function play(case, thin)
  local trace = new_trace()
  torch.manual_seed(0)
  local Recorder = Callback:extend("Recorder")
  add_callback_hooks(Recorder, "C", callback_hooks, trace)
  local Keeper = callbacks.Checkpoint:extend("Keeper")
  add_callback_hooks(Keeper, "K", { "on_train_start", "on_train_batch_end", "on_train_epoch_end",
                                    "on_validation_end", "on_train_end" }, trace)
  local options = { logger = false, enable_progress_bar = false, enable_model_summary = false,
                    callbacks = { Keeper(), Recorder() } }
  for key, value in pairs(case.trainer) do options[key] = value end
  local trainer = Trainer(options)
  local model = new_module(case, trace, thin)
  local datamodule = case.datamodule and new_data(case, trace, thin) or nil
  for _, call in ipairs(case.calls) do
    local given = { model = model, datamodule = datamodule }
    if case.model.raise_at then
      local ok, message = pcall(trainer[call], trainer, given)
      assert(not ok and tostring(message):find("as asked for"), tostring(message))
    else
      trainer[call](trainer, given)
    end
  end
  compare(case.name .. " on rank " .. dist.get_rank(), trace.lines,
          expected(case.ranks[dist.get_rank() + 1], thin))
end

-- ---- when validation runs ----

local function table_line(batches, options)
  local seen = {}
  local Counter = LightningModule:extend("Counter")
  function Counter:init() self.layer = nn.Linear(1, 1) end
  function Counter:training_step(batch, batch_idx)
    seen[#seen + 1] = tostring(batch_idx)
    return self.layer(batch[1]):sum()
  end
  function Counter:validation_step()
    if not self.trainer.sanity_checking then seen[#seen + 1] = "v" end
  end
  function Counter:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.1 }) end
  local given = { max_epochs = 3, logger = false, enable_progress_bar = false,
                  enable_model_summary = false, enable_checkpointing = false }
  for key, value in pairs(options) do given[key] = value end
  local trainer
  local ok, message = pcall(function()
    trainer = Trainer(given)
    trainer:fit(Counter(), data.DataLoader(data.TensorDataset(torch.zeros(batches, 1))),
                data.DataLoader(data.TensorDataset(torch.zeros(1, 1))))
  end)
  if not ok then return "raises " .. (tostring(message):match("(%u%w+): ") or message) end
  return string.format("%s | epoch %d step %d", table.concat(seen, " "), trainer.current_epoch,
                       trainer.global_step)
end

local variants = {}
for _, case in ipairs(recorded.cases) do
  for _, way in ipairs{ "whole", "thin" } do
    variants[#variants + 1] = {
      name = case.name .. "_" .. way, world = { size = case.world, backend = "gloo" },
      main = function() play(case, way == "thin") end,
    }
  end
end
variants[#variants + 1] = {
  name = "table", world = { size = 1, backend = "gloo" },
  main = function()
    for _, entry in ipairs(recorded.table) do
      local line = table_line(entry[1], entry[2])
      if line ~= entry[3] then
        local options = {}
        for key, value in pairs(entry[2]) do
          options[#options + 1] = key .. " = " .. tostring(value)
        end
        error(string.format("%d batches, %s: recorded '%s', ours '%s'", entry[1],
                            table.concat(options, ", "), entry[3], line), 0)
      end
    end
  end,
}

return { title = "trainer replay", variants = variants }
