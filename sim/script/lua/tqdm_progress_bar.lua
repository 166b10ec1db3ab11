-- TQDMProgressBar: the default bar, one finished line for each epoch and each evaluation.
local use = ...
local ProgressBar, Tqdm, arguments = use("progress_bar"), use("tqdm"), use("arguments")
local concat, error, format, huge, ipairs, pairs, tostring =
  table.concat, error, string.format, math.huge, ipairs, pairs, tostring

local TQDMProgressBar = ProgressBar:extend("TQDMProgressBar")

local parameters = {
  { "refresh_rate", "integer", 1 },
  { "process_position", "integer", 0 },
  { "leave", "boolean", false },
}

function TQDMProgressBar:init(...)
  local given = arguments("TQDMProgressBar", parameters, ...)
  ProgressBar.init(self)
  if given.refresh_rate < 0 then
    error(format("ValueError: TQDMProgressBar: refresh_rate is %d, expected at least 0",
                 given.refresh_rate), 0)
  end
  self.refresh_rate = given.refresh_rate
  self.process_position = given.process_position
  self._leave = given.leave
  self._enabled = true
end

function TQDMProgressBar:is_enabled() return self._enabled and self.refresh_rate > 0 end
function TQDMProgressBar:is_disabled() return not self:is_enabled() end
function TQDMProgressBar:enable() self._enabled = true end

function TQDMProgressBar:disable()
  self._enabled = false
end

-- ---- bars; override to change one ----

local function bar(self, description, leave, below)
  return Tqdm{
    desc = description, position = 2 * self.process_position + (below or 0),
    disable = self:is_disabled(), leave = leave,
  }
end

function TQDMProgressBar:init_sanity_tqdm()
  return bar(self, self.sanity_check_description, false)
end

function TQDMProgressBar:init_train_tqdm() return bar(self, self.train_description, true) end
function TQDMProgressBar:init_predict_tqdm() return bar(self, self.predict_description, true) end
function TQDMProgressBar:init_test_tqdm() return bar(self, self.test_description, true) end

function TQDMProgressBar:init_validation_tqdm()
  local main = self.trainer.state.fn ~= "validate"
  return bar(self, self.validation_description, not main, main and 1 or 0)
end

local function start(progress, total, description)
  progress:reset()
  progress.total = total ~= huge and total or nil
  progress.initial = 0
  progress:set_description(description)
end

-- Moves the bar after a batch; true if it moved.
local function advance(self, progress, batch_idx)
  local n = batch_idx + 1
  if progress == nil or progress.disable or
    (n % self.refresh_rate ~= 0 and n ~= progress.total) then
    return false
  end
  progress.n = n
  progress._fresh = false
  return true
end

-- ---- sanity check and training ----

function TQDMProgressBar:on_sanity_check_start()
  self.val_progress_bar = self:init_sanity_tqdm()
  self.train_progress_bar = Tqdm{ disable = true }
end

function TQDMProgressBar:on_sanity_check_end()
  self.val_progress_bar:close()
  self.train_progress_bar:close()
end

function TQDMProgressBar:on_train_start()
  self.train_progress_bar = self:init_train_tqdm()
end

function TQDMProgressBar:on_train_epoch_start(trainer)
  if self._leave then
    self.train_progress_bar:close()
    self.train_progress_bar = self:init_train_tqdm()
  end
  local description = format("Epoch %d", trainer.current_epoch)
  start(self.train_progress_bar, self:total_train_batches(), description)
end

-- Nothing is drawn between batches, so the metrics are read here only for a get_metrics of the
-- user's own, which may do more than read.
function TQDMProgressBar:on_train_batch_end(trainer, pl_module, _, _, batch_idx)
  local progress = self.train_progress_bar
  if advance(self, progress, batch_idx) and self.get_metrics ~= ProgressBar.get_metrics then
    progress:set_postfix(self:get_metrics(trainer, pl_module))
  end
end

function TQDMProgressBar:on_train_epoch_end(trainer, pl_module)
  local progress = self.train_progress_bar
  if not progress.disable then
    progress:set_postfix(self:get_metrics(trainer, pl_module))
    progress:finish()
  end
  if self._leave then progress:close() end
end

function TQDMProgressBar:on_train_end()
  self.train_progress_bar:close()
end

-- ---- evaluation ----

function TQDMProgressBar:on_validation_start(trainer)
  if not trainer.sanity_checking then self.val_progress_bar = self:init_validation_tqdm() end
end

function TQDMProgressBar:on_validation_batch_start(trainer, _, _, _, dataloader_idx)
  dataloader_idx = dataloader_idx or 0
  if not self:has_dataloader_changed(dataloader_idx) then return end
  local what = self.validation_description
  if trainer.sanity_checking then what = self.sanity_check_description end
  start(self.val_progress_bar, self:total_val_batches_current_dataloader(),
        format("%s DataLoader %d", what, dataloader_idx))
end

function TQDMProgressBar:on_validation_batch_end(_, _, _, _, batch_idx)
  advance(self, self.val_progress_bar, batch_idx)
end

-- Here all ranks read the metrics, also those without a bar.
function TQDMProgressBar:on_validation_end(trainer, pl_module)
  self.val_progress_bar:close()
  self:reset_dataloader_idx_tracker()
  if self.train_progress_bar and trainer.state.fn == "fit" then
    self.train_progress_bar:set_postfix(self:get_metrics(trainer, pl_module))
  end
end

-- Test and predict are alike: a bar from start to end, begun anew for each loader.
for hook, what in pairs{ test = "test", predict = "predict" } do
  local name, total = what .. "_progress_bar", "total_" .. what .. "_batches_current_dataloader"

  TQDMProgressBar["on_" .. hook .. "_start"] = function(self)
    self[name] = self["init_" .. what .. "_tqdm"](self)
  end

  TQDMProgressBar["on_" .. hook .. "_batch_start"] = function(self, _, _, _, _, dataloader_idx)
    dataloader_idx = dataloader_idx or 0
    if not self:has_dataloader_changed(dataloader_idx) then return end
    start(self[name], self[total](self),
          format("%s DataLoader %d", self[what .. "_description"], dataloader_idx))
  end

  TQDMProgressBar["on_" .. hook .. "_batch_end"] = function(self, _, _, _, _, batch_idx)
    advance(self, self[name], batch_idx)
  end

  TQDMProgressBar["on_" .. hook .. "_end"] = function(self)
    self[name]:close()
    self:reset_dataloader_idx_tracker()
  end
end

-- Prints beside the bar; nothing where no bar is shown.
function TQDMProgressBar:print(...)
  for _, name in ipairs{ "train", "val", "test", "predict" } do
    local progress = self[name .. "_progress_bar"]
    if progress and not progress.disable then
      local parts = {}
      for i, value in ipairs{ ... } do parts[i] = tostring(value) end
      return progress:write(concat(parts, " "))
    end
  end
end

return TQDMProgressBar
