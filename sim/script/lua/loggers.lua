-- The table `loggers`: where the Trainer's numbers go. Each acts on rank 0 alone, as Lightning's do;
-- what is noted of an entry (report, audit) is noted where it is written.
local use, c = ...
local class = use("class")
local files = use("files")
local options = use("options")
local ordered_dict = use("ordered_dict")
local python = use("python_text")
local rank_zero = use("rank_zero")
local yaml = use("yaml")
local concat, error, format, ipairs, next, pairs, rawget, setmetatable, sort, tonumber, tostring, type =
  table.concat, error, string.format, ipairs, next, pairs, rawget, setmetatable, table.sort, tonumber,
  tostring, type

local loggers = {}

-- Parts of a path, the empty ones left out, as os.path.join does.
local function join(...)
  local parts = {}
  for _, part in ipairs({ ... }) do
    if part ~= nil and part ~= "" then parts[#parts + 1] = part end
  end
  return concat(parts, "/")
end

-- ---- the base of all, a user's own included ----

-- What nobody hears: any name of it is a function that does nothing, as on ranks other than 0.
local dummy = setmetatable({}, {
  __name = "DummyExperiment",
  __index = function() return function() end end,
  __newindex = function() end,
})

local Logger = class("Logger")
local plain_extend = Logger.extend
loggers.Logger = Logger

-- Names that are computed when they are read; a class inherits those of its parent.
local function with_properties(made, inherited)
  local properties = setmetatable({}, { __index = inherited })
  made.properties = properties
  made._instances.__index = function(object, key)
    local property = properties[key]
    if property then return property(object) end
    return made[key]
  end
  return made
end

function Logger:extend(name) return with_properties(plain_extend(self, name), self.properties) end
with_properties(Logger)

function Logger:log_metrics()
  error(format("NotImplementedError: %s has no log_metrics(metrics, step)", self._name), 0)
end

function Logger:log_hyperparams() end
function Logger:log_graph() end
function Logger:save() end
function Logger:finalize() self:save() end
function Logger:after_save_checkpoint() end
function Logger.properties.experiment() return dummy end
function Logger.properties.save_dir() end
function Logger.properties.root_dir() end
function Logger.properties.log_dir() end
function Logger.properties.group_separator() return "/" end

-- One that writes nothing: fast_dev_run's.
local DummyLogger = Logger:extend("DummyLogger")
loggers.DummyLogger = DummyLogger
function DummyLogger:log_metrics() end
function DummyLogger.properties.name() return "" end
function DummyLogger.properties.version() return "" end

local function is_rank_zero() return dist.get_rank() == 0 end

-- ---- what loggers that write folders have in common ----

local function check_text(verb, name, value, fallback)
  if value == nil then return fallback end
  if type(value) ~= "string" then
    error(format("%s: option '%s' is a %s, expected a string", verb, name, type(value)), 0)
  end
  return value
end

local FolderLogger = Logger:extend("FolderLogger")

-- `given` holds the options that both have.
function FolderLogger:open(save_dir, given)
  local verb = self._name
  self._save_dir = check_text(verb, "save_dir", save_dir, "")
  if given.name == false then
    self._folder = ""
  else
    self._folder = check_text(verb, "name", given.name, "lightning_logs")
  end
  local version = given.version
  if version ~= nil and type(version) ~= "string" and math.type(version) ~= "integer" then
    error(format("%s: option 'version' is a %s, expected a whole number or a string", verb,
                 type(version)), 0)
  end
  self._version = version
  self._prefix = check_text(verb, "prefix", given.prefix, "")
  self.hparams = ordered_dict()
end

function FolderLogger.properties.name(self) return self._folder end
function FolderLogger.properties.save_dir(self) return self._save_dir end
function FolderLogger.properties.root_dir(self) return join(self._save_dir, self._folder) end

-- Each rank looks for itself, when it first wants to know: later than rank 0 it may find rank 0's.
function FolderLogger.properties.version(self)
  if rawget(self, "_version") == nil then
    local root, highest = self.root_dir, -1
    if files.is_dir(root == "" and "." or root) then
      for _, entry in ipairs(files.list(root == "" and "." or root)) do
        local number = tonumber(entry:match("^version_(%d+)$"))
        if number and number > highest then highest = number end
      end
    end
    self._version = highest + 1
  end
  return self._version
end

function FolderLogger.properties.log_dir(self)
  local version = self.version
  if type(version) ~= "string" then version = format("version_%d", version) end
  return join(self.root_dir, version, rawget(self, "_sub_dir"))
end

-- Metrics under their names with the prefix in front, in the same order.
local function prefixed(self, metrics)
  if self._prefix == "" then return metrics end
  local out = ordered_dict()
  for name, value in pairs(metrics) do out[self._prefix .. "-" .. name] = value end
  return out
end

-- A number, of a tensor its one element.
local function number_of(value)
  if type(value) == "userdata" then return value:item() end
  return value
end

local function update(target, params)
  for name, value in pairs(params or {}) do target[tostring(name)] = value end
end

-- ---- TensorBoard ----

local TensorBoardLogger = FolderLogger:extend("TensorBoardLogger")
loggers.TensorBoardLogger = TensorBoardLogger

local tensorboard_options = {
  "save_dir", "name", "version", "log_graph", "default_hp_metric", "prefix", "sub_dir",
  "comment", "purge_step", "filename_suffix", "max_queue", "flush_secs",
}

-- TensorBoardLogger("logs", { name = "mine" }), or with save_dir among the options.
function TensorBoardLogger:init(save_dir, given)
  if type(save_dir) == "table" then save_dir, given = nil, save_dir end
  given = options.check(given, "TensorBoardLogger", tensorboard_options)
  self:open(save_dir or given.save_dir, given)
  self._sub_dir = check_text("TensorBoardLogger", "sub_dir", given.sub_dir)
  self._default_hp_metric = given.default_hp_metric ~= false
  self._writer_options = {
    comment = given.comment, purge_step = given.purge_step, filename_suffix = given.filename_suffix,
  }
end

function TensorBoardLogger.properties.sub_dir(self) return rawget(self, "_sub_dir") end

function TensorBoardLogger.properties.experiment(self)
  if not is_rank_zero() then return dummy end
  local writer = rawget(self, "_experiment")
  if writer == nil then
    writer = SummaryWriter(self.log_dir, self._writer_options)
    self._experiment = writer
  end
  return writer
end

function TensorBoardLogger:log_metrics(metrics, step)
  if not is_rank_zero() then return end
  local writer = self.experiment
  for name, value in pairs(prefixed(self, metrics)) do
    value = number_of(value)
    if type(value) == "table" then
      writer:add_scalars(name, value, step)
    else
      writer:add_scalar(name, value, step)
    end
  end
end

-- {a = {b = 1}} as {["a/b"] = 1}; what is no number, truth value or string as text.
local function flatten(params, prefix, out)
  for name, value in pairs(params) do
    local key = prefix .. tostring(name)
    if type(value) == "table" and class.of(value) == nil and value[1] == nil then
      flatten(value, key .. "/", out)
    elseif type(value) == "boolean" or type(value) == "number" or type(value) == "string" then
      out[key] = value
    else
      out[key] = yaml.python_text(value)
    end
  end
  return out
end

-- Values under the names of `params`, and -1 for hp_metric unless `metrics` are given.
function TensorBoardLogger:log_hyperparams(params, metrics, step)
  if not is_rank_zero() then return end
  update(self.hparams, params)
  if metrics == nil then
    metrics = self._default_hp_metric and { hp_metric = -1 } or {}
  elseif type(metrics) ~= "table" then
    metrics = { hp_metric = metrics }
  end
  if next(metrics) == nil then return end
  self:log_metrics(metrics, step or 0)
  c.add_hparams(self.experiment, flatten(params or {}, "", {}), metrics)
end

function TensorBoardLogger:save()
  if not is_rank_zero() then return end
  local writer = rawget(self, "_experiment")
  if writer ~= nil then writer:flush() end
  local folder = self.log_dir
  local path = join(folder, "hparams.yaml")
  if files.is_dir(folder) and not files.exists(path) then
    c.write(path, yaml.dump(self.hparams))
  end
end

function TensorBoardLogger:finalize(status)
  if not is_rank_zero() then return end
  local writer = rawget(self, "_experiment")
  if writer ~= nil then
    writer:flush()
    writer:close()
  end
  if status == "success" then self:save() end
end

-- ---- CSV ----

local CSVLogger = FolderLogger:extend("CSVLogger")
loggers.CSVLogger = CSVLogger

function CSVLogger:init(save_dir, given)
  if type(save_dir) == "table" then save_dir, given = nil, save_dir end
  given = options.check(given, "CSVLogger",
                        { "save_dir", "name", "version", "prefix", "flush_logs_every_n_steps" })
  save_dir = save_dir or given.save_dir
  if save_dir == nil then error("CSVLogger: save_dir is missing: CSVLogger(\"logs\")", 0) end
  self:open(save_dir, given)
  self._flush_every = given.flush_logs_every_n_steps or 100
end

-- Rows that are not written yet, and the columns so far.
local Writer = class("ExperimentWriter")

function Writer:init(logger)
  self.log_dir = logger.log_dir
  self.metrics_file_path = join(self.log_dir, "metrics.csv")
  self.metrics, self.metrics_keys, self.known, self.rows = {}, {}, {}, {}
  self.hparams = logger.hparams
  if files.is_dir(self.log_dir) and #files.list(self.log_dir) > 0 then
    rank_zero.rank_zero_warn(format(
      "Experiment logs directory %s exists and is not empty. Previous log files in this directory " ..
      "will be deleted when the new ones are saved!", self.log_dir))
    if files.exists(self.metrics_file_path) then files.remove(self.metrics_file_path) end
  end
  files.makedirs(self.log_dir)
end

function Writer:log_metrics(metrics, step)
  local row, is_written = {}, true
  step = step or #self.metrics
  for name, value in pairs(metrics) do
    value = number_of(value)
    -- Not in an oracle pass, which only wants to know what would be logged.
    is_written = c.note("csv", self.log_dir, name, step, value)
    row[name] = value
  end
  row.step = step
  if is_written then self.metrics[#self.metrics + 1] = row end
end

-- A cell as Python's csv writes it.
local function cell(value)
  if value == nil then return "" end
  local text = type(value) == "string" and value or python.str(value)
  if text:find('[",\r\n]') then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

local function line(keys, row)
  local cells = {}
  for i, key in ipairs(keys) do cells[i] = cell(row[key]) end
  return concat(cells, ",") .. "\r\n"
end

local function header(keys)
  local cells = {}
  for i, key in ipairs(keys) do cells[i] = cell(key) end
  return concat(cells, ",") .. "\r\n"
end

-- A new key widens the header, and so the file is written anew.
function Writer:save()
  local rows = self.metrics
  if #rows == 0 then return end
  local keys, has_new = self.metrics_keys, false
  for _, row in ipairs(rows) do
    for name in pairs(row) do
      if not self.known[name] then
        self.known[name], has_new = true, true
        keys[#keys + 1] = name
      end
    end
  end
  sort(keys)
  local exists = files.exists(self.metrics_file_path)
  local text = {}
  if has_new or not exists then
    text[1] = header(keys)
    for _, row in ipairs(exists and self.rows or {}) do text[#text + 1] = line(keys, row) end
  end
  for _, row in ipairs(rows) do
    self.rows[#self.rows + 1] = row
    text[#text + 1] = line(keys, row)
  end
  if has_new or not exists then
    c.write(self.metrics_file_path, concat(text))
  else
    c.append(self.metrics_file_path, concat(text))
  end
  self.metrics = {}
end

function CSVLogger.properties.experiment(self)
  if not is_rank_zero() then return dummy end
  local writer = rawget(self, "_experiment")
  if writer == nil then
    writer = Writer(self)
    self._experiment = writer
  end
  return writer
end

function CSVLogger:log_metrics(metrics, step)
  if not is_rank_zero() then return end
  local writer = self.experiment
  if step == nil then step = #writer.metrics end
  writer:log_metrics(prefixed(self, metrics), step)
  if (step + 1) % self._flush_every == 0 then self:save() end
end

function CSVLogger:log_hyperparams(params)
  if not is_rank_zero() then return end
  local writer = self.experiment
  update(writer.hparams, params)
  c.write(join(writer.log_dir, "hparams.yaml"), yaml.dump(writer.hparams))
end

function CSVLogger:save()
  if is_rank_zero() then self.experiment:save() end
end

function CSVLogger:finalize()
  -- Without an experiment nothing was logged.
  if is_rank_zero() and rawget(self, "_experiment") ~= nil then self:save() end
end

-- ---- W&B ----

local WandbLogger = Logger:extend("WandbLogger")
loggers.WandbLogger = WandbLogger

local wandb_options = {
  "name", "save_dir", "version", "offline", "dir", "id", "anonymous", "project", "log_model",
  "experiment", "prefix", "checkpoint_name", "entity", "group", "job_type", "config", "tags", "notes",
  "mode", "reinit", "resume",
}

-- WandbLogger{ project = "mine" }: a run of rank 0, made when it is first asked for.
function WandbLogger:init(given)
  given = options.check(given, "WandbLogger", wandb_options)
  if given.offline and given.log_model then
    error("MisconfigurationException: WandbLogger cannot have both log_model = " ..
          tostring(given.log_model) .. " and offline = true: what is offline uploads no checkpoints", 0)
  end
  self._save_dir = check_text("WandbLogger", "save_dir", given.save_dir, given.dir or ".")
  self._prefix = check_text("WandbLogger", "prefix", given.prefix, "")
  self._log_model = given.log_model or false
  self._checkpoint_name = given.checkpoint_name
  self._project = given.project or env.WANDB_PROJECT or "lightning_logs"
  self._id = given.version or given.id
  self._experiment = given.experiment
  self._logged_at = {}
  self._init = {
    name = given.name, project = self._project, dir = self._save_dir, id = self._id,
    entity = given.entity, group = given.group, job_type = given.job_type, config = given.config,
    tags = given.tags, notes = given.notes, mode = given.mode,
  }
end

function WandbLogger.properties.experiment(self)
  if not is_rank_zero() then return dummy end
  local run = rawget(self, "_experiment")
  if run == nil then
    local wandb = use("wandb")
    if wandb.run then
      rank_zero.rank_zero_warn("There is a wandb run already in progress and newly created instances " ..
        "of `WandbLogger` will reuse this run. If this is not desired, call `wandb.finish()` before " ..
        "instantiating `WandbLogger`.")
      run = wandb.run
    else
      run = wandb.init(self._init)
    end
    self._experiment = run
  end
  if not rawget(self, "_has_axes") then
    self._has_axes = true
    run:define_metric("trainer/global_step")
    run:define_metric("*", { step_metric = "trainer/global_step", step_sync = true })
  end
  return run
end

function WandbLogger.properties.name(self) return self._project end
function WandbLogger.properties.save_dir(self) return self._save_dir end

-- Known once there is a run, and so on rank 0 alone.
function WandbLogger.properties.version(self)
  local run = rawget(self, "_experiment")
  return run and run.id or self._id
end

function WandbLogger:log_metrics(metrics, step)
  if not is_rank_zero() then return end
  local row = ordered_dict()
  for name, value in pairs(prefixed(self, metrics)) do row[name] = number_of(value) end
  if step ~= nil then row["trainer/global_step"] = step end
  self.experiment:log(row)
end

function WandbLogger:log_hyperparams(params)
  if not is_rank_zero() then return end
  local plain = ordered_dict()
  for name, value in pairs(params or {}) do
    local kind = type(value)
    if kind == "number" or kind == "boolean" or kind == "string" or
       (kind == "table" and class.of(value) == nil) then
      plain[tostring(name)] = value
    else
      plain[tostring(name)] = yaml.python_text(value)
    end
  end
  self.experiment.config:update(plain, { allow_val_change = true })
end

function WandbLogger:watch() end
function WandbLogger:log_graph() end
function WandbLogger:save() end

-- Checkpoints as versions of one artifact; a file that changed since is a new version.
local function log_checkpoints(self, callback)
  local run, wandb = self.experiment, use("wandb")
  local paths = {}
  if callback.last_model_path and callback.last_model_path ~= "" then
    paths[#paths + 1] = callback.last_model_path
  end
  for path in pairs(callback.best_k_models or {}) do paths[#paths + 1] = path end
  if #paths == 0 and callback.best_model_path and callback.best_model_path ~= "" then
    paths[1] = callback.best_model_path
  end
  sort(paths)
  for _, path in ipairs(paths) do
    local modified = files.exists(path) and not files.is_dir(path) and files.modified(path)
    if modified and self._logged_at[path] ~= modified then
      self._logged_at[path] = modified
      local artifact = wandb.Artifact(self._checkpoint_name or "model-" .. run.id, { type = "model" })
      artifact:add_file(path, { name = "model.ckpt" })
      local aliases = path == callback.best_model_path and { "latest", "best" } or { "latest" }
      run:log_artifact(artifact, { aliases = aliases })
    end
  end
end

function WandbLogger:after_save_checkpoint(callback)
  if not is_rank_zero() then return end
  if self._log_model == "all" or self._log_model and callback.save_top_k == -1 then
    log_checkpoints(self, callback)
  elseif self._log_model then
    self._checkpoint_callback = callback
  end
end

function WandbLogger:finalize(status)
  if not is_rank_zero() or status ~= "success" then return end
  local callback = rawget(self, "_checkpoint_callback")
  if callback and rawget(self, "_experiment") then log_checkpoints(self, callback) end
end

return loggers
