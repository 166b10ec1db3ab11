-- RichProgressBar: the columns of Rich, one finished line for each epoch and each evaluation:
--
--   Epoch 0/1  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 10/10 0:00:01 • 0:00:00 9.80it/s loss: 0.250
local use = ...
local ProgressBar, arguments, duration, ordered_dict, python =
  use("progress_bar"), use("arguments"), use("duration"), use("ordered_dict"), use("python_text")
local ipairs, pairs, print, tostring, type = ipairs, pairs, print, tostring, type
local concat, floor, format, huge, rep =
  table.concat, math.floor, string.format, math.huge, string.rep
local now = sim.now

local RichProgressBar = ProgressBar:extend("RichProgressBar")

local width = 40

local parameters = {
  { "refresh_rate", "integer", 100 },
  { "leave", "boolean", false },
  { "theme", "table?" },
}

function RichProgressBar:init(...)
  local given = arguments("RichProgressBar", parameters, ...)
  ProgressBar.init(self)
  self.refresh_rate = given.refresh_rate
  self._leave = given.leave
  self.theme = given.theme or {}
  self._enabled = true
end

function RichProgressBar:is_enabled() return self._enabled and self.refresh_rate > 0 end
function RichProgressBar:is_disabled() return not self:is_enabled() end
function RichProgressBar:enable() self._enabled = true end

function RichProgressBar:disable()
  self._enabled = false
end

-- ---- a task: what one line shows ----

local function clock(seconds) return duration.str(floor(seconds) * 1000000) end

local function metrics_text(self, metrics)
  local parts = {}
  for name, value in pairs(metrics) do
    value = python.plain(value)
    if type(value) == "number" then
      value = python.format(value, self.theme.metrics_format or ".3f")
    end
    parts[#parts + 1] = name .. ": " .. tostring(value)
  end
  return concat(parts, self.theme.metrics_text_delimiter or " ")
end

local function line(self, task)
  local elapsed = now() - task.start
  local total = task.total
  local known = total and total ~= huge and total > 0
  local speed = elapsed > 0 and task.n / elapsed or nil
  local left = not known and "-:--:--" or task.n >= total and clock(0) or
    speed and speed > 0 and clock((total - task.n) / speed) or "-:--:--"
  local full = known and floor(task.n / total * width) or 0
  local parts = {
    task.description, rep("━", full) .. rep(" ", width - full),
    format("%d/%s", task.n, known and python.str(total) or "--"),
    clock(elapsed) .. " • " .. left, format("%sit/s", speed and format("%.2f", speed) or "0.00"),
  }
  if task.metrics then
    local text = metrics_text(self, task.metrics)
    if text ~= "" then parts[#parts + 1] = text end
  end
  return concat(parts, " ")
end

local function begin(self, total, description)
  self._task = { total = total, description = description, n = 0, start = now() }
end

local function finish(self)
  local task = self._task
  if task and task.n > 0 then print(line(self, task)) end
  self._task = nil
end

-- ---- training ----

local function padded(text) return format("%-10s", text) end

function RichProgressBar:on_train_epoch_start(trainer)
  if self:is_disabled() then return end
  local text = format("Epoch %d", trainer.current_epoch)
  if trainer.max_epochs then text = format("%s/%d", text, trainer.max_epochs - 1) end
  begin(self, self:total_train_batches(), padded(text))
  self._train_task = self._task
end

function RichProgressBar:on_train_batch_end(trainer, pl_module, _, _, batch_idx)
  local task = self._train_task
  if not task or self:is_disabled() then return end
  task.n = batch_idx + 1
  if self.get_metrics ~= RichProgressBar.get_metrics then
    task.metrics = self:get_metrics(trainer, pl_module)
  end
end

function RichProgressBar:on_train_epoch_end(trainer, pl_module)
  local task = self._train_task
  if not task or self:is_disabled() then return end
  task.metrics = self:get_metrics(trainer, pl_module)
  self._task = task
  finish(self)
  self._train_task = nil
end

-- ---- evaluation ----

local function loader_start(self, total, description, dataloader_idx)
  if self:is_disabled() or not self:has_dataloader_changed(dataloader_idx or 0) then return end
  if self._task ~= self._train_task then finish(self) end
  begin(self, self[total](self), padded(description))
end

local function batch_end(self, batch_idx)
  if self._task and not self:is_disabled() then self._task.n = batch_idx + 1 end
end

function RichProgressBar:on_validation_batch_start(trainer, _, _, _, dataloader_idx)
  local what = self.validation_description
  if trainer.sanity_checking then what = self.sanity_check_description end
  loader_start(self, "total_val_batches_current_dataloader", what, dataloader_idx)
end

function RichProgressBar:on_validation_batch_end(_, _, _, _, batch_idx)
  batch_end(self, batch_idx)
end

function RichProgressBar:on_validation_end(trainer, pl_module)
  finish(self)
  if trainer.state.fn == "fit" and self._train_task and not self:is_disabled() then
    self._train_task.metrics = self:get_metrics(trainer, pl_module)
  end
  self:reset_dataloader_idx_tracker()
end

for _, what in ipairs{ "test", "predict" } do
  local total = "total_" .. what .. "_batches_current_dataloader"
  RichProgressBar["on_" .. what .. "_batch_start"] = function(self, _, _, _, _, dataloader_idx)
    loader_start(self, total, self[what .. "_description"], dataloader_idx)
  end
  RichProgressBar["on_" .. what .. "_batch_end"] = function(self, _, _, _, _, batch_idx)
    batch_end(self, batch_idx)
  end
  RichProgressBar["on_" .. what .. "_end"] = function(self)
    finish(self)
    self:reset_dataloader_idx_tracker()
  end
end

-- As the base's, with plain numbers in place of tensors.
function RichProgressBar:get_metrics(trainer, pl_module)
  local items = ordered_dict()
  for name, value in pairs(ProgressBar.get_metrics(self, trainer, pl_module)) do
    items[name] = python.plain(value)
  end
  return items
end

return RichProgressBar
