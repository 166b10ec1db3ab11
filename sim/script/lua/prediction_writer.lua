-- BasePredictionWriter: a base for callbacks that store what predict_step returned.
--
-- Each rank is handed its own predictions only, and its own callback writes them.
local use = ...
local Callback, arguments = use("callback"), use("arguments")
local error, format = error, string.format

local BasePredictionWriter = Callback:extend("BasePredictionWriter")
-- The loop then remembers which samples a batch holds.
BasePredictionWriter.is_prediction_writer = true

local parameters = { { "write_interval", "string", "batch" } }

function BasePredictionWriter:init(...)
  local given = arguments("BasePredictionWriter", parameters, ...)
  local interval = given.write_interval
  if interval ~= "batch" and interval ~= "epoch" and interval ~= "batch_and_epoch" then
    error(format("MisconfigurationException: BasePredictionWriter: write_interval is '%s', " ..
                 "expected 'batch', 'epoch' or 'batch_and_epoch'", interval), 0)
  end
  self.interval = interval
end

-- (trainer, pl_module, prediction, batch_indices, batch, batch_idx, dataloader_idx)
function BasePredictionWriter:write_on_batch_end()
  error(format("NotImplementedError: %s has no write_on_batch_end", self._name), 0)
end

-- (trainer, pl_module, predictions, batch_indices)
function BasePredictionWriter:write_on_epoch_end()
  error(format("NotImplementedError: %s has no write_on_epoch_end", self._name), 0)
end

function BasePredictionWriter:on_predict_batch_end(trainer, pl_module, outputs, batch, batch_idx,
                                                   dataloader_idx)
  if self.interval == "epoch" then return end
  self:write_on_batch_end(trainer, pl_module, outputs, trainer.predict_loop.current_batch_indices,
                          batch, batch_idx, dataloader_idx or 0)
end

function BasePredictionWriter:on_predict_epoch_end(trainer, pl_module)
  if self.interval == "batch" then return end
  local loop = trainer.predict_loop
  local lists = loop._predictions
  self:write_on_epoch_end(trainer, pl_module, #lists == 1 and lists[1] or lists,
                          loop.epoch_batch_indices)
end

return BasePredictionWriter
