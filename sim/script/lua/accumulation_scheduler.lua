-- GradientAccumulationScheduler: another accumulate_grad_batches from given epochs on.
--
--   GradientAccumulationScheduler{ scheduling = { [0] = 8, [4] = 4, [8] = 1 } }
--
-- Epochs count from 0; before the first one given the factor is 1.
local use = ...
local Callback, arguments = use("callback"), use("arguments")
local error, format, insert, ipairs, math_type, pairs, sort, tostring, type =
  error, string.format, table.insert, ipairs, math.type, pairs, table.sort, tostring, type

local GradientAccumulationScheduler = Callback:extend("GradientAccumulationScheduler")

local parameters = { { "scheduling", "table" } }

-- The table of epochs may also come alone, as the only argument.
function GradientAccumulationScheduler:init(scheduling_or_options)
  local given = scheduling_or_options
  if type(given) ~= "table" or given.scheduling == nil then given = { scheduling = given } end
  given = arguments("GradientAccumulationScheduler", parameters, given)
  local scheduling, epochs = {}, {}
  for epoch, factor in pairs(given.scheduling) do
    if math_type(epoch) ~= "integer" or epoch < 0 then
      error(format("MisconfigurationException: GradientAccumulationScheduler: the epoch is %s, " ..
                   "expected a whole number of at least 0", tostring(epoch)), 0)
    end
    if math_type(factor) ~= "integer" or factor < 1 then
      error(format("MisconfigurationException: GradientAccumulationScheduler: the factor of " ..
                   "epoch %d is %s, expected a whole number of at least 1", epoch, tostring(factor)), 0)
    end
    scheduling[epoch] = factor
    epochs[#epochs + 1] = epoch
  end
  if #epochs == 0 then
    error("TypeError: GradientAccumulationScheduler: scheduling is empty", 0)
  end
  sort(epochs)
  if epochs[1] ~= 0 then
    insert(epochs, 1, 0)
    scheduling[0] = 1
  end
  self.scheduling, self.epochs = scheduling, epochs
end

function GradientAccumulationScheduler:going_to_accumulate_grad_batches()
  for _, epoch in ipairs(self.epochs) do
    if self.scheduling[epoch] > 1 then return true end
  end
  return false
end

function GradientAccumulationScheduler:get_accumulate_grad_batches(epoch)
  local factor = 1
  for _, first in ipairs(self.epochs) do
    if epoch >= first then factor = self.scheduling[first] end
  end
  return factor
end

function GradientAccumulationScheduler:on_train_start(trainer, pl_module)
  if not pl_module.automatic_optimization then
    error("RuntimeError: GradientAccumulationScheduler works with automatic optimization only", 0)
  end
  if trainer.accumulate_grad_batches ~= 1 then
    error("ValueError: accumulate_grad_batches is set and there is a " ..
          "GradientAccumulationScheduler; remove one of them", 0)
  end
end

function GradientAccumulationScheduler:on_train_epoch_start(trainer)
  trainer.accumulate_grad_batches = self:get_accumulate_grad_batches(trainer.current_epoch)
end

return GradientAccumulationScheduler
