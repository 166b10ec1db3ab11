-- LightningModule: an nn.Module with the hooks that a Trainer calls.
--
--   local Net = LightningModule:extend("Net")
--   function Net:init() self.layer = nn.Linear(10, 1) end
--   function Net:training_step(batch, batch_idx)
--     local loss = F.mse_loss(self.layer(batch[1]), batch[2])
--     self:log("train_loss", loss)
--     return loss
--   end
--   function Net:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.1 }) end
--
-- The Trainer writes trainer, current_epoch, global_step, global_rank, local_rank, logger, loggers
-- and device into the module itself, so reading them costs nothing. A hook that is still the one
-- from here is not called where it does nothing.
local use, c = ...
local check = use("options").check
local hparams = use("hparams")
local rank_zero = use("rank_zero")
local strategy = use("strategy")
local error, format, ipairs, math_type, print, rawget, type, unpack =
  error, string.format, ipairs, math.type, print, rawget, type, table.unpack
local is_tensor = c.is_tensor

local LightningModule = nn.Module:extend("LightningModule")

LightningModule.is_lightning_module = true
LightningModule.automatic_optimization = true
LightningModule.strict_loading = true
LightningModule.allow_zero_length_dataloader_with_multiple_devices = false
LightningModule.prepare_data_per_node = true
LightningModule.current_epoch = 0
LightningModule.global_step = 0
LightningModule.global_rank = 0
LightningModule.local_rank = 0
LightningModule.device = "cpu"
LightningModule.on_gpu = false

-- Hooks without a default action, in the order of a run.
LightningModule.silent_hooks = {
  "prepare_data", "setup", "configure_model", "configure_optimizers", "configure_callbacks",
  "on_fit_start", "on_fit_end", "teardown",
  "train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader",
  "on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end",
  "on_train_batch_start", "on_train_batch_end",
  "on_validation_start", "on_validation_end", "on_validation_epoch_start",
  "on_validation_epoch_end", "on_validation_batch_start", "on_validation_batch_end",
  "on_test_start", "on_test_end", "on_test_epoch_start", "on_test_epoch_end",
  "on_test_batch_start", "on_test_batch_end",
  "on_predict_start", "on_predict_end", "on_predict_epoch_start", "on_predict_epoch_end",
  "on_predict_batch_start", "on_predict_batch_end",
  "on_before_backward", "on_after_backward", "on_before_optimizer_step", "on_before_zero_grad",
  "on_save_checkpoint", "on_load_checkpoint",
  "training_step", "validation_step", "test_step",
}

for _, hook in ipairs(LightningModule.silent_hooks) do
  LightningModule[hook] = function() end
end

-- True if the module brings a hook of its own.
function LightningModule:overrides(hook) return self[hook] ~= LightningModule[hook] end

-- ---- logging ----

local function log(self, name, value, options)
  local trainer = self.trainer
  if trainer == nil then
    return rank_zero.rank_zero_warn(
      "You are trying to `self:log()` but the `self.trainer` reference is not registered on the " ..
      "model yet. This is most likely because the model hasn't been passed to the `Trainer`")
  end
  return trainer._logger_connector:log(self, trainer, name, value, options)
end

LightningModule.log = log

local log_dict_options = {
  "prog_bar", "logger", "on_step", "on_epoch", "reduce_fx", "enable_graph", "sync_dist",
  "sync_dist_group", "add_dataloader_idx", "batch_size", "rank_zero_only",
}

-- In the order of an ordered_dict or a MetricCollection; names of a plain table come sorted.
function LightningModule:log_dict(values, options)
  check(options, "log_dict", log_dict_options)
  if type(values) ~= "table" then
    error(format("TypeError: log_dict: expected a table of values, found a %s", type(values)), 0)
  end
  for name, value in pairs(values) do log(self, name, value, options) end
end

function LightningModule:print(...)
  local trainer = self.trainer
  if trainer and not trainer.is_global_zero then return end
  local bar = trainer and trainer.progress_bar_callback
  if bar and bar.print then return bar:print(...) end
  print(...)
end

LightningModule.save_hyperparameters = hparams.save

-- ---- talking to other ranks ----

local function attached(self, verb)
  local trainer = self.trainer
  if trainer == nil then
    error(format("RuntimeError: %s is not attached to a `Trainer`, which %s needs",
                 self._name, verb), 0)
  end
  return trainer
end

-- Every tensor and number in `data` comes back as [world_size, *shape]; on a single device
-- without a process group it comes back as it is.
function LightningModule:all_gather(data, options)
  options = check(options, "all_gather", { "group", "sync_grads" })
  return attached(self, "all_gather").strategy:all_gather(data, options)
end

-- ---- optimisers ----

-- As in Python, `local opt = self:optimizers()` and `local g, d = self:optimizers()`.
function LightningModule:optimizers(options)
  options = check(options, "optimizers", { "use_pl_optimizer" })
  local trainer = attached(self, "optimizers")
  return unpack(options.use_pl_optimizer == false and trainer.optimizers
                or trainer._lightning_optimizers)
end

function LightningModule:lr_schedulers()
  local list = {}
  for i, config in ipairs(attached(self, "lr_schedulers").lr_scheduler_configs) do
    list[i] = config.scheduler
  end
  return unpack(list)
end

local function verify_manual(self, verb)
  if self.automatic_optimization then
    error(format("MisconfigurationException: `%s` should only be used when " ..
                 "`automatic_optimization = false`", verb), 0)
  end
end

function LightningModule:manual_backward(loss, ...)
  verify_manual(self, "manual_backward")
  attached(self, "manual_backward")._optimization:manual_backward(loss, ...)
end

local function parameters_of(optimizer)
  local list = {}
  for _, group in ipairs(optimizer.param_groups) do
    for _, parameter in ipairs(group.params) do list[#list + 1] = parameter end
  end
  return list
end

-- Only the parameters of this optimiser require gradients until untoggle_optimizer.
function LightningModule:toggle_optimizer(optimizer)
  local saved = {}
  for _, other in ipairs(attached(self, "toggle_optimizer").optimizers) do
    for _, parameter in ipairs(parameters_of(other)) do
      local key = c.identity(parameter)
      if not saved[key] then
        saved[key] = { parameter, parameter.requires_grad }
        saved[#saved + 1] = saved[key]
      end
      parameter:requires_grad_(false)
    end
  end
  for _, parameter in ipairs(parameters_of(optimizer)) do
    local key = c.identity(parameter)
    if saved[key] then parameter:requires_grad_(saved[key][2]) end
  end
  self._toggled = saved
end

function LightningModule:untoggle_optimizer(_)
  for _, entry in ipairs(self._toggled or {}) do entry[1]:requires_grad_(entry[2]) end
  self._toggled = nil
end

local clip_options = { "gradient_clip_val", "gradient_clip_algorithm" }

function LightningModule:clip_gradients(optimizer, options)
  options = check(options, "clip_gradients", clip_options)
  local trainer = attached(self, "clip_gradients")
  trainer._optimization:clip_gradients(optimizer, options.gradient_clip_val,
                                       options.gradient_clip_algorithm)
end

-- ---- hooks with a default action ----

function LightningModule:configure_gradient_clipping(optimizer, clip_val, algorithm)
  self.trainer._optimization:clip_gradients(optimizer, clip_val, algorithm)
end

function LightningModule:lr_scheduler_step(scheduler, metric)
  if metric == nil then scheduler:step() else scheduler:step(metric) end
end

function LightningModule:backward(loss, ...) loss:backward(...) end

function LightningModule:optimizer_step(_, _, optimizer, closure) optimizer:step(closure) end

function LightningModule:optimizer_zero_grad(_, _, optimizer) optimizer:zero_grad() end

function LightningModule:predict_step(batch) return self(batch) end

function LightningModule:on_validation_model_zero_grad() self:zero_grad() end
function LightningModule:on_validation_model_eval() self:eval() end
function LightningModule:on_validation_model_train() self:train() end
function LightningModule:on_test_model_eval() self:eval() end
function LightningModule:on_test_model_train() self:train() end
function LightningModule:on_predict_model_eval() self:eval() end
function LightningModule:on_predict_model_train() self:train() end

-- Batches lie where the ranks compute, so there is nothing to move.
function LightningModule:on_before_batch_transfer(batch) return batch end
function LightningModule:transfer_batch_to_device(batch) return batch end
function LightningModule:on_after_batch_transfer(batch) return batch end

function LightningModule:freeze()
  self:requires_grad_(false)
  self:eval()
end

function LightningModule:unfreeze()
  self:requires_grad_(true)
  self:train()
end

-- ---- checkpoints ----

-- As in Python, Net.load_from_checkpoint(path, { ... }); Net:load_from_checkpoint(path) will do.
local function give_loader(made)
  function made.load_from_checkpoint(first, ...)
    local load = use("checkpoint_connector").load_from_checkpoint
    if first == made then return load(made, ...) end
    return load(made, first, ...)
  end
end

give_loader(LightningModule)

local extend = LightningModule.extend

function LightningModule:extend(name)
  local made = extend(self, name)
  give_loader(made)
  return made
end

return LightningModule
