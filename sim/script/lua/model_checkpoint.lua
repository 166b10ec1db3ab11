-- ModelCheckpoint: when to write a checkpoint, under which name, and which one to delete for it.
--
-- Every rank runs every decision on its own numbers, and the decisions hold collectives: whether a
-- full list takes one more (all ranks must agree), whether a file is there (rank 0 looks), the
-- barrier of the save itself. Ranks whose monitored numbers differ therefore drift apart in names
-- and lists, and a rank that lacks the key leaves the others waiting; as in Lightning.
local use = ...
local Callback, arguments, decide = use("callback"), use("arguments"), use("decisions")
local duration, names, ordered_dict = use("duration"), use("checkpoint_names"), use("ordered_dict")
local python, rank_zero = use("python_text"), use("rank_zero")
local concat, error, format, huge, ipairs, pairs, tostring, type =
  table.concat, error, string.format, math.huge, ipairs, pairs, tostring, type
local now = sim.now

local ModelCheckpoint = use("checkpoint_base"):extend("ModelCheckpoint")
ModelCheckpoint.CHECKPOINT_JOIN_CHAR = "-"
ModelCheckpoint.CHECKPOINT_EQUALS_CHAR = "="
ModelCheckpoint.CHECKPOINT_NAME_LAST = "last"
ModelCheckpoint.FILE_EXTENSION = ".ckpt"
ModelCheckpoint.STARTING_VERSION = 1

local parameters = {
  { "dirpath", "string?" },
  { "filename", "string?" },
  { "monitor", "string?" },
  { "verbose", "boolean", false },
  { "save_last", "boolean|string?" },
  { "save_top_k", "integer", 1 },
  { "save_on_exception", "boolean", false },
  { "save_weights_only", "boolean", false },
  { "mode", "string", "min" },
  { "auto_insert_metric_name", "boolean", true },
  { "every_n_train_steps", "integer?" },
  { "train_time_interval", "number|table?" },
  { "every_n_epochs", "integer?" },
  { "save_on_train_epoch_end", "boolean?" },
  { "enable_version_counter", "boolean", true },
}

-- ---- making one ----

local function refuse(...) error("MisconfigurationException: " .. format(...), 0) end

local function check(self)
  if self.mode ~= "min" and self.mode ~= "max" then
    refuse("ModelCheckpoint: `mode` is '%s', expected 'min' or 'max'", self.mode)
  end
  if self.save_top_k < -1 then
    refuse("ModelCheckpoint: save_top_k is %d, expected at least -1", self.save_top_k)
  end
  if self._every_n_train_steps < 0 then
    refuse("ModelCheckpoint: every_n_train_steps is %d, expected at least 0",
           self._every_n_train_steps)
  end
  if self._every_n_epochs < 0 then
    refuse("ModelCheckpoint: every_n_epochs is %d, expected at least 0", self._every_n_epochs)
  end
  local triggers = (self._every_n_train_steps >= 1 and 1 or 0) +
    (self._every_n_epochs >= 1 and 1 or 0) + (self._train_time_interval and 1 or 0)
  if triggers > 1 then
    refuse("ModelCheckpoint: every_n_train_steps=%d, every_n_epochs=%d and " ..
           "train_time_interval=%s exclude each other; give one of them",
           self._every_n_train_steps, self._every_n_epochs,
           self._train_time_interval and duration.str(self._train_time_interval) or "None")
  end
  if self.monitor == nil and self.save_top_k > 1 then
    refuse("ModelCheckpoint: save_top_k=%d without `monitor`: there is nothing to rank by; name " ..
           "a metric, or use -1, 0 or 1", self.save_top_k)
  end
  if type(self.save_last) == "string" and self.save_last ~= "link" then
    refuse("ModelCheckpoint: save_last is '%s', expected true, false or 'link'", self.save_last)
  end
end

local function state_key(self)
  return format("%s{'monitor': %s, 'mode': %s, 'every_n_train_steps': %d, 'every_n_epochs': %d, " ..
                "'train_time_interval': %s}", self._name, python.repr(self.monitor),
                python.repr(self.mode), self._every_n_train_steps, self._every_n_epochs,
                self._train_time_interval and duration.repr(self._train_time_interval) or "None")
end

function ModelCheckpoint:init(...)
  local given = arguments("ModelCheckpoint", parameters, ...)
  for _, name in ipairs{ "filename", "monitor", "verbose", "save_last", "save_top_k",
                         "save_on_exception", "save_weights_only", "mode",
                         "auto_insert_metric_name" } do
    self[name] = given[name]
  end
  self.dirpath = given.dirpath and names.join(given.dirpath)
  self._save_on_train_epoch_end = given.save_on_train_epoch_end
  self._enable_version_counter = given.enable_version_counter
  if given.train_time_interval ~= nil then
    self._train_time_interval = duration.of(given.train_time_interval, "ModelCheckpoint")
  end
  local untriggered = given.every_n_train_steps == nil and given.every_n_epochs == nil and
    given.train_time_interval == nil
  self._every_n_epochs = given.every_n_epochs or (untriggered and 1 or 0)
  self._every_n_train_steps = given.every_n_train_steps or 0
  check(self)

  self._last_global_step_saved = 0
  self._last_checkpoint_saved = ""
  self._defer_save_until_validation = false
  self.best_k_models = ordered_dict()
  self.kth_best_model_path = ""
  self.kth_value = torch.tensor(self.mode == "min" and huge or -huge)
  self.best_model_path = ""
  self.last_model_path = ""
  self.every_n_epochs = self._every_n_epochs
  self.state_key = state_key(self)
  -- Nothing to look at after each batch: then the Trainer need not call at all.
  if self._every_n_train_steps < 1 and not self._train_time_interval and
    self.on_train_batch_end == ModelCheckpoint.on_train_batch_end then
    self.on_train_batch_end = Callback.on_train_batch_end
  end
end

-- ---- where files go ----

local function resolve_folder(self, trainer)
  if self.dirpath then return self.dirpath end
  local logger = trainer.loggers[1]
  if not logger then return names.join(trainer.default_root_dir or "", "checkpoints") end
  local version = logger.version
  if type(version) ~= "string" then version = "version_" .. python.str(version) end
  local root = logger.save_dir or trainer.default_root_dir or ""
  return names.join(root, python.str(logger.name), version, "checkpoints")
end

function ModelCheckpoint:setup(trainer, _, stage)
  self.dirpath = trainer.strategy:broadcast(resolve_folder(self, trainer), 0,
                                            "ModelCheckpoint: folder of checkpoints")
  if trainer.is_global_zero and stage == "fit" and self.save_top_k ~= 0 then
    local files = use("files")
    if files.exists(self.dirpath) and #files.list(self.dirpath) > 0 then
      rank_zero.rank_zero_warn(format("ModelCheckpoint: the folder %s exists and is not empty.",
                                      self.dirpath))
    end
  end
end

-- What ckpt_path = "last" chooses from: the files in the folder whose names begin with "last".
function ModelCheckpoint:_find_last_checkpoints(trainer)
  local files, folder, found = use("files"), resolve_folder(self, trainer), {}
  if not files.is_dir(folder == "" and "." or folder) then return found end
  local start, ending = self.CHECKPOINT_NAME_LAST, self.FILE_EXTENSION
  for _, name in ipairs(files.list(folder == "" and "." or folder)) do
    if name:sub(1, #start) == start and name:sub(-#ending) == ending then
      found[#found + 1] = names.join(folder, name)
    end
  end
  return found
end

local name_parameters = {
  { "filename", "string?" }, { "ver", "integer?" }, { "prefix", "string?" },
}

-- The path of a checkpoint with these metrics: (metrics, filename, ver, prefix), or by name.
function ModelCheckpoint:format_checkpoint_name(metrics, ...)
  local given = arguments("format_checkpoint_name", name_parameters, ...)
  local template = given.filename
  if template == nil or template == "" then template = self.filename end
  local name = names.interpolate(template, metrics, {
    join = self.CHECKPOINT_JOIN_CHAR, equals = self.CHECKPOINT_EQUALS_CHAR,
    auto_insert = self.auto_insert_metric_name,
  })
  if given.prefix then name = given.prefix .. self.CHECKPOINT_JOIN_CHAR .. name end
  if given.ver then name = name .. self.CHECKPOINT_JOIN_CHAR .. "v" .. given.ver end
  name = name .. self.FILE_EXTENSION
  return self.dirpath and self.dirpath ~= "" and names.join(self.dirpath, name) or name
end

-- Rank 0 looks, and all ranks learn it.
function ModelCheckpoint:file_exists(path, trainer)
  local found = trainer.is_global_zero and use("files").exists(path)
  return trainer.strategy:reduce_boolean_decision(found, false,
                                                  "ModelCheckpoint: is the file there?")
end

-- The first of name, name-v1, name-v2, … that is free, or that is `own` and may be overwritten.
local function free_name(self, trainer, candidates, template, own)
  local path = self:format_checkpoint_name(candidates, template)
  local version = self.STARTING_VERSION
  while self._enable_version_counter and self:file_exists(path, trainer) and path ~= own do
    path = self:format_checkpoint_name(candidates, template, version)
    version = version + 1
  end
  return path
end

-- ---- when ----

local function skips(self, trainer)
  return (trainer.fast_dev_run or 0) ~= 0 or trainer.state.fn ~= "fit" or trainer.sanity_checking or
    self._last_global_step_saved == trainer.global_step
end

local function sum(batches)
  if type(batches) ~= "table" then return batches or 0 end
  local total = 0
  for _, count in ipairs(batches) do total = total + count end
  return total
end

function ModelCheckpoint:_should_save_on_train_epoch_end(trainer)
  if self._save_on_train_epoch_end ~= nil then return self._save_on_train_epoch_end end
  if trainer._val_check_time_interval or trainer.check_val_every_n_epoch ~= 1 then return false end
  return sum(trainer.num_val_batches) == 0 or trainer.val_check_interval == 1
end

-- What may be monitored and named: a copy of the metrics, with epoch and step as whole numbers.
local function put_whole(candidates, name, count)
  local logged = candidates[name]
  candidates[name] = type(logged) == "userdata" and logged:int() or
    torch.tensor(count, { dtype = torch.int64 })
end

local function candidates_of(trainer)
  local candidates = ordered_dict()
  for name, value in pairs(trainer.callback_metrics) do candidates[name] = value end
  put_whole(candidates, "epoch", trainer.current_epoch)
  put_whole(candidates, "step", trainer.global_step)
  return candidates
end

local function save_both(self, trainer, candidates)
  self:_save_topk_checkpoint(trainer, candidates)
  self:_save_last_checkpoint(trainer, candidates)
end

function ModelCheckpoint:on_train_start()
  if self._train_time_interval then self._last_time_checked = now() end
end

-- True if the interval of time is over, as rank 0's clock has it.
local function time_is_up(self, trainer)
  local interval = self._train_time_interval
  if not interval then return false end
  local time = now()
  local skip = self._last_time_checked == nil or
    not duration.is_over(time - self._last_time_checked, interval)
  skip = trainer.strategy:broadcast(skip, 0, "ModelCheckpoint: is the time interval over?")
  if not skip then self._last_time_checked = time end
  return not skip
end

-- With the epoch's last batch comes a validation, whose metrics the save had better wait for.
local function validation_follows(trainer)
  local every = trainer.check_val_every_n_epoch
  return trainer.fit_loop.epoch_loop.batch_progress.is_last_batch and trainer.enable_validation and
    sum(trainer.num_val_batches) > 0 and (not every or (trainer.current_epoch + 1) % every == 0)
end

local function manual_batch_end(self, trainer)
  if self._every_n_train_steps < 1 or trainer.global_step % self._every_n_train_steps ~= 0 or
    skips(self, trainer) then
    return
  end
  local candidates = candidates_of(trainer)
  if self.monitor ~= nil and candidates[self.monitor] == nil then
    self._defer_save_until_validation = true
    return
  end
  rank_zero.rank_zero_warn("ModelCheckpoint: with manual optimization and every_n_train_steps " ..
                           "the checkpoint holds the weights after the optimizer's step.")
  save_both(self, trainer, candidates)
end

function ModelCheckpoint:on_train_batch_end(trainer, pl_module)
  if not pl_module.automatic_optimization then return manual_batch_end(self, trainer) end
  local skip_state = skips(self, trainer)
  local every = self._every_n_train_steps
  local due = every >= 1 and trainer.global_step % every == 0
  local elapsed = time_is_up(self, trainer)
  if not due and not elapsed then return end

  local candidates = candidates_of(trainer)
  if self.monitor ~= nil and (candidates[self.monitor] == nil or
      (not self:_should_save_on_train_epoch_end(trainer) and validation_follows(trainer))) then
    self._defer_save_until_validation = true
    return
  end
  if not skip_state then save_both(self, trainer, candidates) end
end

-- After an epoch or a validation.
local function save_if_due(self, trainer, candidates)
  if self._every_n_epochs >= 1 and (trainer.current_epoch + 1) % self._every_n_epochs == 0 then
    self:_save_topk_checkpoint(trainer, candidates)
  end
  if self._last_global_step_saved == trainer.global_step or
    (self.save_last == "link" and self._last_checkpoint_saved ~= "") then
    self:_save_last_checkpoint(trainer, candidates)
  end
end

function ModelCheckpoint:on_train_epoch_end(trainer)
  if skips(self, trainer) or not self:_should_save_on_train_epoch_end(trainer) then return end
  save_if_due(self, trainer, candidates_of(trainer))
end

function ModelCheckpoint:on_validation_end(trainer)
  if skips(self, trainer) or self:_should_save_on_train_epoch_end(trainer) then return end
  local candidates = candidates_of(trainer)
  if self._defer_save_until_validation then
    save_both(self, trainer, candidates)
    self._defer_save_until_validation = false
    return
  end
  save_if_due(self, trainer, candidates)
end

function ModelCheckpoint:on_exception(trainer, _, exception)
  if not self.save_on_exception or (trainer.fast_dev_run or 0) ~= 0 or trainer.sanity_checking or
    self._last_global_step_saved == trainer.global_step then
    return
  end
  local candidates = candidates_of(trainer)
  local path = self:format_checkpoint_name(candidates)
  self:_save_checkpoint(trainer, path)
  self:_save_last_checkpoint(trainer, candidates)
  rank_zero.rank_zero_info(format("ModelCheckpoint: saved %s because of an error: %s", path,
                                  tostring(exception)))
end

function ModelCheckpoint:on_train_end(trainer)
  if self.save_last and self._last_checkpoint_saved == "" then
    self:_save_last_checkpoint(trainer, candidates_of(trainer))
  end
end

-- ---- which ----

local function count(models)
  local total = 0
  for _ in pairs(models) do total = total + 1 end
  return total
end

-- The path with the smallest score, or the largest; the first one added wins a tie.
local function extreme(models, largest)
  local found, score
  for path, value in pairs(models) do
    if found == nil or (largest and value > score) or (not largest and value < score) then
      found, score = path, value
    end
  end
  return found, score
end

local function without(models, gone)
  local left = ordered_dict()
  for path, score in pairs(models) do
    if path ~= gone then left[path] = score end
  end
  return left
end

-- True if a checkpoint with this score belongs to the best k.
function ModelCheckpoint:check_monitor_top_k(trainer, current)
  if current == nil then return false end
  if self.save_top_k == -1 or count(self.best_k_models) < self.save_top_k then return true end
  local kth = self.best_k_models[self.kth_best_model_path]
  local better
  if self.mode == "min" then better = current < kth else better = current > kth end
  return trainer.strategy:reduce_boolean_decision(better, true,
                                                  "ModelCheckpoint: do all ranks save this one?")
end

function ModelCheckpoint:_save_topk_checkpoint(trainer, candidates)
  if self.save_top_k == 0 then return end
  if self.monitor == nil then return self:_save_none_monitor_checkpoint(trainer, candidates) end
  if candidates[self.monitor] == nil then
    local found = {}
    for name in pairs(candidates) do found[#found + 1] = python.repr(name) end
    local key = python.repr(self.monitor)
    local message = format(
      "ModelCheckpoint(monitor=%s) could not find the monitored key among the metrics [%s]. " ..
      "Does the LightningModule call log(%s, value) on this rank?", key, concat(found, ", "), key)
    if trainer.fit_loop.epoch_loop.val_loop._has_run then refuse("%s", message) end
    rank_zero.rank_zero_warn(message)
  end
  self:_save_monitor_checkpoint(trainer, candidates)
end

function ModelCheckpoint:_save_monitor_checkpoint(trainer, candidates)
  local current = candidates[self.monitor]
  local saves = self:check_monitor_top_k(trainer, current)
  decide(trainer, "checkpoint", saves and "save" or "skip", self.monitor, current)
  if saves then
    self:_update_best_and_save(current, trainer, candidates)
  elseif self.verbose then
    rank_zero.rank_zero_info(format("Epoch %s, global step %s: %s was not in top %d",
                                    python.str(candidates.epoch), python.str(candidates.step),
                                    python.repr(self.monitor), self.save_top_k))
  end
end

function ModelCheckpoint:_save_none_monitor_checkpoint(trainer, candidates)
  local path = free_name(self, trainer, candidates, nil, self.best_model_path)
  local previous = self.best_model_path
  -- Before the save: the path is part of the state that is saved.
  self.best_model_path = path
  self:_save_checkpoint(trainer, path)
  if self.save_top_k == 1 and previous ~= "" and
    self:_should_remove_checkpoint(trainer, previous, path) then
    self:_remove_checkpoint(trainer, previous)
  end
end

local function is_nan(value)
  value = python.plain(value)
  return value ~= value
end

-- Keeps what stands where the k-th best and the best are.
local function rank_models(self, k)
  if count(self.best_k_models) == k then
    self.kth_best_model_path, self.kth_value = extreme(self.best_k_models, self.mode == "min")
  end
  self.best_model_path, self.best_model_score = extreme(self.best_k_models, self.mode == "max")
end

function ModelCheckpoint:_update_best_and_save(current, trainer, candidates)
  local kept = count(self.best_k_models)
  local k = self.save_top_k == -1 and kept + 1 or self.save_top_k
  local removed
  if kept == k and k > 0 then
    removed = self.kth_best_model_path
    self.best_k_models = without(self.best_k_models, removed)
  end
  if is_nan(current) then current = torch.tensor(self.mode == "min" and huge or -huge) end

  local path = free_name(self, trainer, candidates, nil, removed)
  self.current_score = current
  self.best_k_models[path] = current
  rank_models(self, k)
  if self.verbose then
    rank_zero.rank_zero_info(format(
      "Epoch %s, global step %s: %s reached %s (best %s), saving %s as top %d",
      python.str(candidates.epoch), python.str(candidates.step), python.repr(self.monitor),
      python.format(current, "0.5f"), python.format(self.best_model_score, "0.5f"),
      python.repr(path), k))
  end
  self:_save_checkpoint(trainer, path)
  if removed and self:_should_remove_checkpoint(trainer, removed, path) then
    self:_remove_checkpoint(trainer, removed)
  end
end

function ModelCheckpoint:_save_last_checkpoint(trainer, candidates)
  if not self.save_last then return end
  local path = free_name(self, trainer, candidates, self.CHECKPOINT_NAME_LAST, self.last_model_path)
  local previous = self.last_model_path
  self.last_model_path = path
  if self.save_last == "link" and self._last_checkpoint_saved ~= "" and self.save_top_k ~= 0 then
    self:_link_checkpoint(trainer, self._last_checkpoint_saved, path)
  else
    self:_save_checkpoint(trainer, path)
  end
  if previous ~= "" and self:_should_remove_checkpoint(trainer, previous, path) then
    self:_remove_checkpoint(trainer, previous)
  end
end

-- ---- files ----

function ModelCheckpoint:_save_checkpoint(trainer, path)
  trainer:save_checkpoint(path, { weights_only = self.save_weights_only })
  self._last_global_step_saved = trainer.global_step
  self._last_checkpoint_saved = path
  if trainer.is_global_zero then
    for _, logger in ipairs(trainer.loggers) do
      if logger.after_save_checkpoint then logger:after_save_checkpoint(self) end
    end
  end
end

function ModelCheckpoint:_link_checkpoint(trainer, path, link)
  if trainer.is_global_zero and path ~= link then use("files").link(path, link) end
  trainer.strategy:barrier("ModelCheckpoint: link to the last checkpoint")
end

-- Not the file just written, none outside the folder, and not the one that training came from.
function ModelCheckpoint:_should_remove_checkpoint(trainer, previous, current)
  return previous ~= current and names.is_below(previous, self.dirpath) and
    not (trainer.ckpt_path and names.join(trainer.ckpt_path) == previous)
end

function ModelCheckpoint:_remove_checkpoint(trainer, path)
  trainer.strategy:remove_checkpoint(path)
end

-- ---- state ----

function ModelCheckpoint:state_dict()
  return {
    monitor = self.monitor, best_model_score = self.best_model_score,
    best_model_path = self.best_model_path, current_score = self.current_score,
    dirpath = self.dirpath, best_k_models = self.best_k_models,
    kth_best_model_path = self.kth_best_model_path, kth_value = self.kth_value,
    last_model_path = self.last_model_path,
  }
end

function ModelCheckpoint:load_state_dict(state)
  local folder = state.dirpath or self.dirpath
  if folder == self.dirpath then
    self.best_model_score = state.best_model_score
    self.kth_best_model_path = state.kth_best_model_path or self.kth_best_model_path
    self.kth_value = state.kth_value or self.kth_value
    self.last_model_path = state.last_model_path or self.last_model_path
    if state.best_k_models then self.best_k_models = without(state.best_k_models, nil) end
  else
    rank_zero.rank_zero_warn(format(
      "ModelCheckpoint: the checkpoint was written to '%s', this one writes to '%s': of its " ..
      "state only best_model_path is taken.", folder, tostring(self.dirpath)))
  end
  self.best_model_path = state.best_model_path
end

return ModelCheckpoint
