-- ProgressBar: the base of all progress bars. It knows how many batches there are and what to show.
--
-- Only rank 0 shows a bar. What it shows is read there, and reading trainer.progress_bar_metrics
-- at the end of an epoch computes and synchronises them: rank 0 then runs collectives that the
-- others run later, which is the original's way too.
local use = ...
local Callback, ordered_dict, python, rank_zero =
  use("callback"), use("ordered_dict"), use("python_text"), use("rank_zero")
local concat, error, format, ipairs, min, pairs, print, sub, type =
  table.concat, error, string.format, ipairs, math.min, pairs, print, string.sub, type

local ProgressBar = Callback:extend("ProgressBar")

ProgressBar.sanity_check_description = "Sanity Checking"
ProgressBar.train_description = "Training"
ProgressBar.validation_description = "Validation"
ProgressBar.test_description = "Testing"
ProgressBar.predict_description = "Predicting"

function ProgressBar:init()
  self._current_eval_dataloader_idx = nil
end

function ProgressBar:setup(trainer)
  self.trainer = trainer
  if not trainer.is_global_zero then self:disable() end
end

function ProgressBar:disable()
  error(format("NotImplementedError: %s has no disable()", self._name), 0)
end

function ProgressBar:enable()
  error(format("NotImplementedError: %s has no enable()", self._name), 0)
end

function ProgressBar:print(...) print(...) end

-- ---- how many ----

function ProgressBar:total_train_batches()
  local trainer = self.trainer
  if trainer.max_epochs == -1 and trainer.max_steps and trainer.max_steps > 0 then
    return min(trainer.num_training_batches, trainer.max_steps - trainer.global_step)
  end
  return trainer.num_training_batches
end

local function of_loader(self, batches)
  if type(batches) ~= "table" then return batches end
  return batches[(self._current_eval_dataloader_idx or 0) + 1]
end

function ProgressBar:total_val_batches_current_dataloader()
  local trainer = self.trainer
  return of_loader(self, trainer.sanity_checking and trainer.num_sanity_val_batches or
                         trainer.num_val_batches)
end

function ProgressBar:total_test_batches_current_dataloader()
  return of_loader(self, self.trainer.num_test_batches)
end

function ProgressBar:total_predict_batches_current_dataloader()
  return of_loader(self, self.trainer.num_predict_batches)
end

-- True when an evaluation came to another loader.
function ProgressBar:has_dataloader_changed(dataloader_idx)
  local before = self._current_eval_dataloader_idx
  self._current_eval_dataloader_idx = dataloader_idx
  return before ~= dataloader_idx
end

function ProgressBar:reset_dataloader_idx_tracker()
  self._current_eval_dataloader_idx = nil
end

-- ---- what ----

-- The loggers' version: of one as it is, of several joined, each text once.
local function version_of(loggers)
  if #loggers == 1 then return loggers[1].version end
  local seen, parts = {}, {}
  for _, logger in ipairs(loggers) do
    local text = python.str(logger.version)
    if not seen[text] then parts[#parts + 1] = text end
    seen[text] = true
  end
  return concat(parts, "_")
end

local function standard_metrics(trainer)
  local items = ordered_dict()
  if #trainer.loggers == 0 then return items end
  local version = version_of(trainer.loggers)
  if version == nil or version == "" then return items end
  items.v_num = type(version) == "string" and sub(version, -4) or version
  return items
end

-- What stands behind the bar: v_num, then the metrics logged with prog_bar. Override to change it.
function ProgressBar:get_metrics(trainer)
  local items = standard_metrics(trainer)
  local logged = trainer.progress_bar_metrics
  local doubled = {}
  for name in pairs(items) do
    if logged[name] ~= nil then doubled[#doubled + 1] = name end
  end
  if #doubled > 0 then
    rank_zero.rank_zero_warn(format(
      "The progress bar shows '%s' by itself; what is logged under that name with prog_bar = " ..
      "true takes its place.", concat(doubled, ", ")))
  end
  for name, value in pairs(logged) do items[name] = value end
  return items
end

return ProgressBar
