-- One run over the predict loaders. Each rank returns its own predictions and no other's.
local use, c = ...
local connector = use("data_connector")
local Loop = use("loop")
local progress = use("progress")
local rank_zero = use("rank_zero")
local error, ipairs = error, ipairs

local PredictionLoop = Loop:extend("PredictionLoop")

PredictionLoop.parts = { { "batch_progress", "progress" } }

function PredictionLoop:init(trainer)
  self.trainer = trainer
  self.batch_progress = progress.new("processed")
  self.max_batches = {}
  self.epoch_batch_indices = {}
  self.current_batch_indices = {}
  self.return_predictions = true
  self._predictions = {}
  self._source = connector.source("predict_dataloader")
  self._loaders = nil
end

function PredictionLoop:setup_data()
  local trainer = self.trainer
  if trainer.limit_predict_batches == 0 then return end
  self._loaders = connector.set_up(trainer, "predict", self._source, trainer.limit_predict_batches)
  self.max_batches = self._loaders.limits
  trainer.predict_dataloaders = connector.shown(self._loaders)
  trainer.num_predict_batches = self.max_batches
end

function PredictionLoop:skip()
  for _, batches in ipairs(self.max_batches) do
    if batches > 0 then return false end
  end
  return true
end

-- Which samples a batch holds, for callbacks that write predictions.
function PredictionLoop:note_indices(pass, dataloader_idx)
  local wanted = false
  for _, callback in ipairs(self.trainer.callbacks) do
    wanted = wanted or callback.is_prediction_writer
  end
  if not wanted then return end
  local indices = pass.indices and pass.indices() or {}
  local kept = self.epoch_batch_indices[dataloader_idx + 1]
  kept[#kept + 1] = indices
  self.current_batch_indices = indices
end

function PredictionLoop:step(pass, batch, batch_idx, dataloader_idx)
  local trainer = self.trainer
  local counters = self.batch_progress
  if self.transfer then batch = trainer:_transfer(self.transfer, batch, dataloader_idx) end
  progress.increment(counters, "ready")
  self:note_indices(pass, dataloader_idx)
  trainer:_call_hook("on_predict_batch_start", batch, batch_idx, dataloader_idx)
  progress.increment(counters, "started")
  trainer._current_hook = "predict_step"
  local optimization = trainer._optimization
  local prediction = optimization.precision:forward(optimization, "predict_step", batch, batch_idx,
                                                    dataloader_idx)
  trainer._current_hook = nil
  if prediction == nil then
    rank_zero.rank_zero_warn("predict returned nil if it was on purpose, ignore this warning...")
  end
  progress.increment(counters, "processed")
  trainer:_call_hook("on_predict_batch_end", prediction, batch, batch_idx, dataloader_idx)
  progress.increment(counters, "completed")
  if self.return_predictions then
    local list = self._predictions[dataloader_idx + 1]
    list[#list + 1] = prediction
  end
end

function PredictionLoop:run_all()
  local trainer = self.trainer
  self.transfer = trainer:_transfer_hooks()
  progress.reset_on_run(self.batch_progress)
  local pass = connector.evaluation_pass(self._loaders, self.max_batches)
  self.epoch_batch_indices, self._predictions = {}, {}
  for i = 1, #self._loaders.loaders do
    self.epoch_batch_indices[i], self._predictions[i] = {}, {}
  end
  local modes = {}
  for i, module in ipairs(trainer.lightning_module:modules()) do
    modes[i] = { module, module.training }
  end
  trainer:_call_module_hook("on_predict_model_eval")
  trainer:_call_hook("on_predict_start")
  trainer:_call_hook("on_predict_epoch_start")
  while true do
    local batch, batch_idx, dataloader_idx = pass.next()
    if batch == nil then break end
    self:step(pass, batch, batch_idx, dataloader_idx)
  end
  trainer:_call_hook("on_predict_epoch_end")
  local results
  if self.return_predictions then
    results = #self._predictions == 1 and self._predictions[1] or self._predictions
  end
  self.epoch_batch_indices = {}
  trainer:_call_hook("on_predict_end")
  for _, entry in ipairs(modes) do entry[1].training = entry[2] end
  return results
end

function PredictionLoop:run()
  self:setup_data()
  if self:skip() then return nil end
  return torch.no_grad(function() return self:run_all() end)
end

function PredictionLoop:teardown() end

return PredictionLoop
