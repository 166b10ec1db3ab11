-- The table `wandb`: runs of Weights & Biases, offline. Each process that calls wandb.init has a run
-- of its own, in a folder that `wandb sync` takes; nothing is ever sent. Ids and clocks are the same
-- in every run of ddpsim.
--
-- In an oracle pass nothing changes: what is logged there is only noted as the true values.
local use, c = ...
local class = use("class")
local files = use("files")
local options = use("options")
local ordered_dict = use("ordered_dict")
local python = use("python_text")
local yaml = use("yaml")
local concat, error, format, gsub, ipairs, math_type, next, pairs, print, rawget, rawset, setmetatable,
  sort, sub, tostring, type =
  table.concat, error, string.format, string.gsub, ipairs, math.type, next, pairs, print, rawget,
  rawset, setmetatable, table.sort, string.sub, tostring, type
local env, dist = env, dist

local wandb, functions = {}, {}
local current    -- the live run
local count = 0  -- of runs that this process has begun
local ends_at_exit = false

local function warn(...) print("wandb: WARNING " .. format(...)) end

-- ---- values ----

-- Keys of a table that have an order of their own, or sorted.
local function keys_of(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  local meta = getmetatable(value)
  if type(meta) ~= "table" or meta.__name ~= "OrderedDict" then
    sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  end
  return keys
end

local function is_list(value) return value[1] ~= nil end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local function json_string(value)
  return '"' .. gsub(value, '[%c"\\]', function(ch)
    return escapes[ch] or format("\\u%04x", ch:byte())
  end) .. '"'
end

local json

local function json_table(value)
  local parts = {}
  if is_list(value) then
    for i, item in ipairs(value) do parts[i] = json(item) end
    return "[" .. concat(parts, ", ") .. "]"
  end
  for i, key in ipairs(keys_of(value)) do
    parts[i] = json_string(tostring(key)) .. ": " .. json(value[key])
  end
  return "{" .. concat(parts, ", ") .. "}"
end

-- JSON has no infinite numbers: W&B writes their names.
function json(value)
  value = python.plain(value)
  local kind = type(value)
  if value == nil then return "null" end
  if kind == "boolean" then return value and "true" or "false" end
  if kind == "number" then
    if value ~= value then return '"NaN"' end
    if value == math.huge then return '"Infinity"' elseif value == -math.huge then return '"-Infinity"' end
    return math_type(value) == "integer" and tostring(value) or c.number_text(value)
  end
  if kind == "string" then return json_string(value) end
  if kind == "table" and class.of(value) == nil then return json_table(value) end
  return json_string(yaml.python_text(value))
end

-- Calls visit(path, dotted name, value) for all that lies in nested tables; lists are values.
local function each(data, visit, path, prefix)
  for _, key in ipairs(keys_of(data)) do
    local value, name = data[key], tostring(key)
    local here = {}
    for i, part in ipairs(path or {}) do here[i] = part end
    here[#here + 1] = name
    name = (prefix or "") .. name
    if type(value) == "table" and class.of(value) == nil and not is_list(value) and next(value) ~= nil then
      each(value, visit, here, name .. ".")
    else
      visit(here, name, python.plain(value))
    end
  end
end

-- ---- config ----

local Config = {}

local function config_update(self, values, given)
  given = options.check(given, "config.update", { "allow_val_change" })
  local run, items = rawget(self, "_run"), rawget(self, "_items")
  if c.is_oracle() then return end
  local changed = {}
  for _, key in ipairs(keys_of(values)) do
    local value = python.plain(values[key])
    key = tostring(key)
    if items[key] ~= nil and json(items[key]) ~= json(value) and not given.allow_val_change then
      error(format("ConfigError: config has %s = %s, and it would become %s; say that this is meant with " ..
                   "run.config:update({ ... }, { allow_val_change = true })", key, json(items[key]),
                   json(value)), 0)
    end
    items[key] = value
    changed[#changed + 1] = { key }
    changed[#changed + 1] = json(value)
  end
  if run._file then
    c.add_config(run._file, changed)
    run:_write_config()
  end
end

local config_methods = {
  update = config_update,
  get = function(self, key, fallback)
    local value = rawget(self, "_items")[key]
    if value == nil then return fallback end
    return value
  end,
  as_dict = function(self)
    local copy = ordered_dict()
    for key, value in pairs(rawget(self, "_items")) do copy[key] = value end
    return copy
  end,
}

Config.__name = "wandb.Config"
function Config:__index(key) return config_methods[key] or rawget(self, "_items")[key] end
function Config:__newindex(key, value) config_update(self, { [key] = value }) end
function Config:__pairs() return pairs(rawget(self, "_items")) end

-- ---- summary ----

local Summary = {}

local summary_methods = {
  update = function(self, values)
    for _, key in ipairs(keys_of(values)) do self[key] = values[key] end
  end,
  get = function(self, key, fallback)
    local value = rawget(self, "_items")[key]
    if value == nil then return fallback end
    return value
  end,
}

Summary.__name = "wandb.Summary"
function Summary:__index(key) return summary_methods[key] or rawget(self, "_items")[key] end
function Summary:__newindex(key, value)
  if c.is_oracle() then return end
  local run = rawget(self, "_run")
  if run._finished then
    error(format("UsageError: run %s is finished, its summary is as it is", run.id), 0)
  end
  value = python.plain(value)
  rawget(self, "_items")[tostring(key)] = value
  if run._file then c.add_summary(run._file, { { tostring(key) }, json(value) }) end
end
function Summary:__pairs() return pairs(rawget(self, "_items")) end

-- ---- artifacts ----

local Artifact = class("Artifact")

-- Artifact(name, { type = "model" }) or Artifact(name, "model")
function Artifact:init(name, given)
  if type(given) == "string" then given = { type = given } end
  given = options.check(given, "Artifact", { "type", "description", "metadata" })
  if type(name) ~= "string" or not name:match("^[%w_.%-]+$") then
    error(format("ValueError: an artifact is called %s; a name holds letters, digits, dashes, " ..
                 "underscores and dots", python.repr(tostring(name))), 0)
  end
  if given.type == nil then error("TypeError: Artifact: type is missing: Artifact(name, { type = \"model\" })", 0) end
  self.name, self.type, self.description = name, given.type, given.description
  self.metadata = given.metadata or {}
  self._entries = {}
end

function Artifact:_add(path, name)
  local digest, size = c.digest(path)
  for i, entry in ipairs(self._entries) do
    if entry.path == name then
      if entry.digest ~= digest then
        error(format("ValueError: %s is in the artifact %s already, with other contents", name, self.name), 0)
      end
      return
    end
  end
  self._entries[#self._entries + 1] = { path = name, local_path = path, digest = digest, size = size }
end

function Artifact:add_file(path, given)
  given = options.check(given, "add_file", { "name" })
  if self._logged then error(format("ArtifactFinalizedError: the artifact %s is logged already", self.name), 0) end
  if c.is_oracle() then return end
  if not files.exists(path) or files.is_dir(path) then
    error(format("ValueError: add_file: there is no file %s", tostring(path)), 0)
  end
  self:_add(path, given.name or path:match("[^/]+$"))
end

function Artifact:add_dir(path, given)
  given = options.check(given, "add_dir", { "name" })
  if self._logged then error(format("ArtifactFinalizedError: the artifact %s is logged already", self.name), 0) end
  if c.is_oracle() then return end
  if not files.is_dir(path) then
    error(format("ValueError: add_dir: there is no folder %s", tostring(path)), 0)
  end
  local function walk(folder, prefix)
    for _, entry in ipairs(files.list(folder)) do
      local full = folder .. "/" .. entry
      if files.is_dir(full) then walk(full, prefix .. entry .. "/") else self:_add(full, prefix .. entry) end
    end
  end
  walk(path, given.name and given.name .. "/" or "")
end

-- Of the contents alone: the names of the files and their sums.
function Artifact:_digest()
  local lines = {}
  sort(self._entries, function(a, b) return a.path < b.path end)
  for i, entry in ipairs(self._entries) do lines[i] = entry.path .. ":" .. entry.digest .. "\n" end
  return c.md5("wandb-artifact-manifest-v1\n" .. concat(lines))
end

wandb.Artifact = Artifact
local versions = {} -- by project and name: digests in the order in which they came

-- ---- runs ----

local Run = class("Run")
Run._instances.__index = function(run, key)
  if key == "step" then return rawget(run, "_step") end
  return Run[key]
end
Run._instances.__tostring = function(run) return format("<wandb.Run %s>", run.id) end

local function folder_of(run, stamp)
  return run._base .. "offline-run-" .. stamp .. "-" .. run.id
end

function Run:init(given)
  count = count + 1
  self.id = given.id or c.run_id(count)
  self.project, self.entity, self.group = given.project, given.entity, given.group
  self.name, self.job_type, self.notes, self.tags = given.name, given.job_type, given.notes, given.tags
  self.mode, self.disabled = given.mode, given.mode == "disabled"
  self._step, self._pending, self._metrics, self._last = 0, nil, {}, {}
  self._axes = {}   -- names that others are drawn over
  self._values = {} -- by key, what min, max, mean and first need
  self._start = c.clock()
  self._base = (given.dir and given.dir ~= "." and given.dir .. "/" or "") .. "wandb/"
  self._path = folder_of(self, c.folder_time(self._start))
  -- Processes that are given one id would write to one file and destroy what the others wrote. What
  -- each of them would have sent stays apart; the report shows them as writers of one run.
  self._folder = self._path
  if given.id and not given.alone and dist.get_rank() > 0 then
    self._folder = self._path .. "-rank-" .. dist.get_rank()
  end
  self.dir = self._folder .. "/files"
  self.summary = setmetatable({ _run = self, _items = ordered_dict() }, Summary)
  self.config = setmetatable({ _run = self, _items = ordered_dict() }, Config)
  self._log_lines = {}
  if given.config then config_update(self.config, given.config) end
  if not self.disabled then self:_begin() end
end

function Run:_debug(...) self._log_lines[#self._log_lines + 1] = format(...) .. "\n" end

function Run:_begin()
  local config = {}
  for key, value in pairs(rawget(self.config, "_items")) do
    config[#config + 1] = { key }
    config[#config + 1] = json(value)
  end
  self._file = c.open(self._folder .. "/run-" .. self.id .. ".wandb")
  c.add_run(self._file, {
    id = self.id, project = self.project, entity = self.entity, group = self.group, name = self.name,
    job_type = self.job_type, notes = self.notes, tags = self.tags, host = c.host(),
    start_time = self._start,
  }, config)
  self:_debug("init: run %s of project %s, offline", self.id, self.project)
  self:_write_config()
  c.write(self._folder .. "/logs/debug.log", concat(self._log_lines))
end

function Run:_write_config()
  local lines = {}
  local keys = keys_of(rawget(self.config, "_items"))
  sort(keys)
  for _, key in ipairs(keys) do
    local value = yaml.dump({ [key] = { value = rawget(self.config, "_items")[key] } })
    lines[#lines + 1] = value
  end
  c.write(self.dir .. "/config.yaml", #lines > 0 and concat(lines) or "{}\n")
end

function Run:_check_live(verb)
  if self._finished then
    error(format("UsageError: run %s is finished, %s needs a live run: call wandb.init again", self.id,
                 verb), 0)
  end
end

-- The definition for a key: its own, or the longest glob that matches.
function Run:_metric(name)
  local exact = self._metrics[name]
  if exact then return exact end
  local best
  for _, metric in ipairs(self._metrics) do
    local stem = metric.glob
    if stem and sub(name, 1, #stem) == stem and (not best or #stem > #best.glob) then best = metric end
  end
  return best
end

local kinds = { min = true, max = true, mean = true, last = true, first = true, none = true }

function Run:define_metric(name, given)
  self:_check_live("define_metric")
  given = options.check(given, "define_metric",
                        { "step_metric", "step_sync", "hidden", "summary", "goal", "overwrite" })
  if c.is_oracle() then return end
  if type(name) ~= "string" or name == "" or name:find("%*.") then
    error("wandb.Error: define_metric: a name is a text in which '*' may only stand at the end", 0)
  end
  local metric = { name = name, step_metric = given.step_metric, hidden = given.hidden }
  local before = self._metrics[name]
  if before and not given.overwrite then
    for key, value in pairs(before) do
      if metric[key] == nil then metric[key] = value end
    end
  end
  metric.step_sync = given.step_sync
  if metric.step_sync == nil then metric.step_sync = metric.step_metric ~= nil end
  if given.summary then
    for kind in given.summary:gmatch("[^,%s]+") do
      if not kinds[kind] then
        error(format("wandb.Error: define_metric: summary is '%s', expected min, max, mean, last, first " ..
                     "or none, or several with commas between them", given.summary), 0)
      end
      metric[kind], metric.has_summary = true, true
    end
  end
  metric.glob = name:match("^(.*)%*$")
  if not before then self._metrics[#self._metrics + 1] = metric
  else
    for i, known in ipairs(self._metrics) do
      if known == before then self._metrics[i] = metric end
    end
  end
  self._metrics[name] = metric
  if metric.step_metric then self._axes[metric.step_metric] = true end
  if self._file then c.add_metric(self._file, metric) end
  return metric
end

-- Nested names lead into nested tables of the summary.
local function set_nested(items, path, value)
  for i = 1, #path - 1 do
    local inner = items[path[i]]
    if type(inner) ~= "table" then
      inner = ordered_dict()
      items[path[i]] = inner
    end
    items = inner
  end
  items[path[#path]] = value
end

local function comparable(value) return type(value) == "number" end

function Run:_summarize(path, name, value)
  local metric = self:_metric(name)
  local items = rawget(self.summary, "_items")
  if not metric or not metric.has_summary then return set_nested(items, path, value) end
  if metric.none then return end
  local seen = self._values[name] or { count = 0, sum = 0 }
  self._values[name] = seen
  local shown = ordered_dict()
  if comparable(value) then
    if value == value then
      if seen.min == nil or value < seen.min then seen.min = value end
      if seen.max == nil or value > seen.max then seen.max = value end
      seen.count, seen.sum = seen.count + 1, seen.sum + value
    end
    if seen.first == nil then seen.first = value end
  end
  if metric.min then shown.min = seen.min end
  if metric.max then shown.max = seen.max end
  if metric.mean and seen.count > 0 then shown.mean = seen.sum / seen.count end
  if metric.first then shown.first = seen.first end
  if metric.last then shown.last = value end
  set_nested(items, path, shown)
end

-- The row that waits, into the file, with its axes.
function Run:_flush()
  local row = self._pending
  if row == nil then return end
  self._pending = nil
  for _, name in ipairs(row.names) do
    local metric = self:_metric(name)
    local axis = metric and metric.step_sync and metric.step_metric
    if axis and row.json[axis] == nil and self._last[axis] ~= nil then
      row.names[#row.names + 1] = axis
      row.json[axis], row.path[axis], row.value[axis] = json(self._last[axis]), { axis }, self._last[axis]
    end
  end
  local items, summary = {}, {}
  local function add(path, text)
    items[#items + 1] = path
    items[#items + 1] = text
  end
  for _, name in ipairs(row.names) do
    add(row.path[name], row.json[name])
    self._last[name] = row.value[name]
    self:_summarize(row.path[name], name, row.value[name])
  end
  for _, axis in ipairs({ "_step", "_runtime", "_timestamp" }) do
    local value = axis == "_step" and row.step or axis == "_runtime" and row.time - self._start or row.time
    add({ axis }, json(value))
    rawget(self.summary, "_items")[axis] = value
  end
  if self._file then c.add_history(self._file, row.step, items) end
end

-- Notes the numbers that are logged for `step`, but for axes: there is no truth about those.
local function note(run, data, step)
  each(data, function(_, name, value)
    if (type(value) == "number" or type(value) == "boolean") and not run._axes[name] then
      c.note("wandb", run._path, name, step, value)
    end
  end)
end

-- An oracle pass counts on its own, from where the evaluation that it repeats began.
function Run:_oracle_log(data, step, commit)
  local evaluation = c.evaluation()
  if self._oracle_of ~= evaluation then
    self._oracle_of = evaluation
    self._oracle_step = self._evaluation == evaluation and self._evaluation_step or self._step
  end
  note(self, data, step or self._oracle_step)
  if step == nil and commit then self._oracle_step = self._oracle_step + 1 end
end

function Run:log(data, given)
  self:_check_live("log")
  given = options.check(given, "log", { "step", "commit", "sync" })
  if type(data) ~= "table" or is_list(data) or class.of(data) then
    error("ValueError: wandb.log must be passed a dictionary: wandb.log{ loss = 0.5 }", 0)
  end
  local step, commit = python.plain(given.step), given.commit
  if step ~= nil then
    if math_type(step) ~= "integer" and not (type(step) == "number" and step % 1 == 0) then
      error(format("log: option 'step' is %s, expected a whole number", tostring(step)), 0)
    end
    step = math.tointeger(step)
  end
  if commit == nil then commit = step == nil end
  if self.disabled then return end
  if c.is_oracle() then return self:_oracle_log(data, step, commit) end
  local evaluation = c.evaluation()
  if evaluation ~= self._evaluation then
    self._evaluation, self._evaluation_step = evaluation, self._step
  end
  if step ~= nil and step < self._step then
    warn("Tried to log to step %d, which is less than the current step %d. Steps must not decrease, so " ..
         "this data is ignored. An axis of one's own is set up with define_metric.", step, self._step)
    return
  end
  if step ~= nil and step > self._step then
    self:_flush()
    self._step = step
  end
  note(self, data, self._step)
  local row = self._pending
  if row == nil then
    row = { names = {}, json = {}, path = {}, value = {} }
    self._pending = row
  end
  each(data, function(path, name, value)
    if row.json[name] == nil then row.names[#row.names + 1] = name end
    row.json[name], row.path[name], row.value[name] = json(value), path, value
  end)
  row.step, row.time = self._step, c.clock()
  if commit then
    self:_flush()
    self._step = self._step + 1
  end
end

function Run:log_artifact(artifact, given)
  self:_check_live("log_artifact")
  if type(artifact) == "string" then
    local kind = type(given) == "table" and given or {}
    local made = Artifact(kind.name or "run-" .. self.id .. "-" .. artifact:match("[^/]+$"),
                          { type = kind.type or "unspecified" })
    if files.is_dir(artifact) then made:add_dir(artifact) else made:add_file(artifact) end
    artifact, given = made, { aliases = kind.aliases }
  end
  given = options.check(given, "log_artifact", { "aliases", "name", "type" })
  if not class.is(artifact, Artifact) then
    error("log_artifact: expected a wandb.Artifact or the path of a file", 0)
  end
  if c.is_oracle() or self.disabled then return artifact end
  local aliases, has_latest = {}, false
  for i, alias in ipairs(given.aliases or {}) do
    aliases[i] = alias
    has_latest = has_latest or alias == "latest"
  end
  if not has_latest then aliases[#aliases + 1] = "latest" end
  local known_as = self.project .. "/" .. artifact.name
  local known = versions[known_as] or {}
  versions[known_as] = known
  artifact.digest = artifact:_digest()
  local version
  for i, digest in ipairs(known) do
    if digest == artifact.digest then version = i - 1 end
  end
  if version == nil then
    known[#known + 1] = artifact.digest
    version = #known - 1
  end
  artifact.version, artifact.aliases, artifact._logged = "v" .. version, aliases, true
  if self._file then
    c.add_artifact(self._file, {
      name = artifact.name, type = artifact.type, digest = artifact.digest,
      description = artifact.description, metadata = next(artifact.metadata) and json(artifact.metadata),
      aliases = aliases, entries = artifact._entries,
    })
  end
  return artifact
end

function Run:watch() end
function Run:unwatch() end
function Run:save() end

local function items_of(summary)
  local items = {}
  for key, value in pairs(summary) do
    items[#items + 1] = { key }
    items[#items + 1] = json(value)
  end
  return items
end

function Run:finish(exit_code)
  if self._finished or c.is_oracle() then return end
  exit_code = exit_code or 0
  self:_flush()
  local runtime = c.clock() - self._start
  local summary = rawget(self.summary, "_items")
  self._finished = true
  if current == self then current = nil end
  if self._file == nil then return end
  summary._wandb = { runtime = runtime // 1 | 0 }
  c.add_summary(self._file, items_of(summary))
  c.close(self._file, exit_code, runtime)
  self._file = nil
  c.write(self.dir .. "/wandb-summary.json", json(summary))
  self:_debug("finish: exit code %d after %.3f s", exit_code, runtime)
  c.write(self._folder .. "/logs/debug.log", concat(self._log_lines))
end

-- ---- the module ----

local init_options = {
  "project", "entity", "group", "name", "job_type", "config", "id", "dir", "mode", "tags", "notes",
  "resume", "reinit", "save_code", "settings", "anonymous", "force",
}

local function mode_of(given)
  local mode = given.mode or env.WANDB_MODE or "offline"
  if mode == "dryrun" then mode = "offline" end
  if mode == "online" or mode == "shared" then
    error(format("wandb.init: mode is \"%s\", but ddpsim never talks to a server: use mode = \"offline\" and " ..
                 "`wandb sync` on the folder it writes, or mode = \"disabled\"", mode), 0)
  end
  if mode ~= "offline" and mode ~= "disabled" then
    error(format("wandb.init: mode is \"%s\", expected \"offline\" or \"disabled\"", tostring(mode)), 0)
  end
  return mode
end

local function check_texts(given)
  for _, name in ipairs({ "project", "entity", "group", "name", "job_type", "id", "dir", "notes" }) do
    local value = given[name]
    if value ~= nil and type(value) ~= "string" then
      error(format("wandb.init: option '%s' is a %s, expected a string", name, type(value)), 0)
    end
  end
  if given.id and not given.id:match("^[%w_%-]+$") then
    error("wandb.init: option 'id' holds more than letters, digits, dashes and underscores", 0)
  end
end

local function end_at_exit(has_failed)
  if current then current:finish(has_failed and 1 or 0) end
end

function functions.init(given)
  given = options.check(given, "wandb.init", init_options)
  check_texts(given)
  local mode, reinit = mode_of(given), given.reinit
  if reinit == true then reinit = "finish_previous" elseif reinit == false then reinit = nil end
  if c.is_oracle() then
    return current or setmetatable({ id = "oracle", disabled = true, summary = {}, config = {} }, Run._instances)
  end
  if current and reinit ~= "create_new" then
    if reinit ~= "finish_previous" then
      if reinit == nil then
        warn("wandb.init() called while a run is active; the previous run %s is returned. With " ..
             "reinit = \"finish_previous\" it is finished first.", current.id)
      end
      return current
    end
    current:finish()
  end
  if not ends_at_exit then
    ends_at_exit = true
    c.at_exit(end_at_exit)
  end
  local tags = given.tags
  if type(tags) == "string" then tags = { tags } end
  current = Run{
    id = given.id or env.WANDB_RUN_ID, project = given.project or env.WANDB_PROJECT or "uncategorized",
    entity = given.entity or env.WANDB_ENTITY, group = given.group or env.WANDB_RUN_GROUP,
    name = given.name or env.WANDB_NAME, job_type = given.job_type or env.WANDB_JOB_TYPE,
    notes = given.notes or env.WANDB_NOTES, dir = given.dir or env.WANDB_DIR, tags = tags,
    config = given.config, mode = mode,
  }
  return current
end

local function live(verb)
  if current == nil then
    error(format("wandb.Error: You must call wandb.init() before wandb.%s()", verb), 0)
  end
  return current
end

function functions.log(...) return live("log"):log(...) end
function functions.log_artifact(...) return live("log_artifact"):log_artifact(...) end
function functions.define_metric(...) return live("define_metric"):define_metric(...) end
function functions.finish(exit_code) if current then current:finish(exit_code) end end
function functions.watch() end
function functions.unwatch() end
function functions.login() return true end

for name, f in pairs(functions) do wandb[name] = f end

return setmetatable(wandb, {
  __name = "wandb",
  __index = function(_, key)
    if key == "run" then return current end
    if key == "config" or key == "summary" then return live(key)[key] end
  end,
})
