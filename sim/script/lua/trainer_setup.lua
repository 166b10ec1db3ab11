-- What a Trainer is made of: its options with Lightning's defaults, the strategy, the loops, the
-- callbacks in their order, the loggers and the limits.
local use, c = ...
local class = use("class")
local Callback = use("callback")
local options_of = use("options")
local rank_zero = use("rank_zero")
local EvaluationLoop = use("evaluation_loop")
local FitLoop = use("fit_loop")
local LoggerConnector = use("logger_connector")
local Optimization = use("optimization")
local Precision = use("precision")
local PredictionLoop = use("prediction_loop")
local Strategy = use("strategy")
local info = rank_zero.rank_zero_info
local error, floor, format, huge, ipairs, math_type, next, rawget, tonumber, tostring, type =
  error, math.floor, string.format, math.huge, ipairs, math.type, next, rawget, tonumber, tostring,
  type

local MISCONFIGURED = "MisconfigurationException: "

local setup = {}

local known_options = {
  "accelerator", "strategy", "devices", "num_nodes", "precision", "logger", "callbacks",
  "fast_dev_run", "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time",
  "limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches",
  "overfit_batches", "val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps",
  "log_every_n_steps", "enable_checkpointing", "enable_progress_bar", "enable_model_summary",
  "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "deterministic",
  "benchmark", "inference_mode", "use_distributed_sampler", "profiler", "detect_anomaly",
  "barebones", "plugins", "sync_batchnorm", "reload_dataloaders_every_n_epochs",
  "default_root_dir", "enable_autolog_hparams", "model_registry",
}

-- ---- kinds of callbacks ----

local function first_callback(self, wanted)
  for _, callback in ipairs(self.callbacks) do
    if wanted(callback) then return callback end
  end
end

local function kinds_of_callbacks() return use("callbacks") end

local function is_kind(callback, name)
  if not c.has_module("callbacks") then return false end
  local kind = kinds_of_callbacks()[name]
  return kind ~= nil and class.is(callback, kind)
end

local function is_checkpoint(callback)
  return is_kind(callback, "Checkpoint") or is_kind(callback, "ModelCheckpoint")
end
local function is_early_stopping(callback) return is_kind(callback, "EarlyStopping") end
local function is_progress_bar(callback) return is_kind(callback, "ProgressBar") end

local function all_callbacks(self, wanted)
  local found = {}
  for _, callback in ipairs(self.callbacks) do
    if wanted(callback) then found[#found + 1] = callback end
  end
  return found
end

setup.first_callback, setup.all_callbacks = first_callback, all_callbacks
setup.is_checkpoint, setup.is_early_stopping = is_checkpoint, is_early_stopping
setup.is_progress_bar = is_progress_bar

-- ---- options ----

-- A share in [0, 1] or a number of batches.
local function batch_limit(value, name)
  if value == nil then return 1.0 end
  if type(value) ~= "number" then
    error(format("TypeError: Trainer: option '%s' is a %s, expected a number", name, type(value)), 0)
  end
  if math_type(value) == "integer" and value == 1 then
    local what = "1 batch will be used."
    if name == "limit_train_batches" then what = "1 batch per epoch will be used." end
    if name == "val_check_interval" then what = "validation will run after every batch." end
    info(format("`Trainer{ %s = 1 }` was configured so %s", name, what))
  elseif math_type(value) == "float" and value == 1.0 then
    local what = "100% of the batches will be used."
    if name == "limit_train_batches" then what = "100% of the batches per epoch will be used." end
    if name == "val_check_interval" then
      what = "validation will run at the end of the training epoch."
    end
    info(format("`Trainer{ %s = 1.0 }` was configured so %s", name, what))
  end
  if value >= 0 and value <= 1 then return value end
  if value > 1 and value % 1 == 0 then return floor(value) end
  error(format("%sYou have passed invalid value %s for %s, it has to be in [0.0, 1.0] or an " ..
               "integer.", MISCONFIGURED, tostring(value), name), 0)
end

-- How many devices a node has, as the option says it.
local function device_count(devices, per_node)
  if devices == nil or devices == "auto" or devices == -1 or devices == "-1" then return per_node end
  if type(devices) == "table" then return #devices end
  local count = type(devices) == "string" and tonumber(devices) or devices
  if math_type(count) ~= "integer" or count < 1 then
    error(format("%s`devices` selected with %s, expected a number of devices, a list of them or " ..
                 "\"auto\"", MISCONFIGURED, tostring(devices)), 0)
  end
  return count
end

local function check_world(devices, num_nodes, per_node, size)
  local nodes = size // per_node
  local count = device_count(devices, per_node)
  if count ~= per_node or (num_nodes or nodes) ~= nodes then
    error(format(
      "Trainer: devices=%s on %s node(s) do not match the world, which has %d rank(s) on %d " ..
      "node(s); leave them out, or change world.size", tostring(count),
      tostring(num_nodes or nodes), size, nodes), 0)
  end
  return count, nodes
end

local accelerators = { auto = true, cpu = true, gpu = true, cuda = true, mps = true, tpu = true }

local function init_world(self, options)
  local accelerator = options.accelerator or "auto"
  if not accelerators[accelerator] then
    error(format("ValueError: you selected an invalid accelerator name: `accelerator=%s`. " ..
                 "Available names are: auto, cpu, cuda, gpu, mps, tpu.", tostring(accelerator)), 0)
  end
  self.world_size = dist.get_world_size()
  self.num_devices, self.num_nodes =
    check_world(options.devices, options.num_nodes, env.LOCAL_WORLD_SIZE, self.world_size)
  self.global_rank, self.local_rank = dist.get_rank(), dist.get_local_rank()
  self.node_rank = dist.get_node_rank()
  self.is_global_zero = self.global_rank == 0
  self.accelerator = accelerator
  self.strategy = Strategy(options.strategy, accelerator)
  self.precision_plugin = Precision(options.precision)
  self.precision = self.precision_plugin.precision
  self.scaler = self.precision_plugin.scaler
  self.sync_batchnorm = options.sync_batchnorm or false
  self.use_distributed_sampler = options.use_distributed_sampler ~= false
  self.deterministic = options.deterministic
  self.benchmark = options.benchmark
end

local function init_loops(self, options)
  self.max_steps = options.max_steps == nil and -1 or options.max_steps
  self.min_steps = options.min_steps
  self.max_epochs, self.min_epochs = options.max_epochs, options.min_epochs
  self.fit_loop = FitLoop(self, {
    max_epochs = options.max_epochs, min_epochs = options.min_epochs,
    max_steps = self.max_steps, min_steps = options.min_steps,
  })
  self.validate_loop = EvaluationLoop(self, "validate", "val", {})
  self.test_loop = EvaluationLoop(self, "test", "test", {})
  self.predict_loop = PredictionLoop(self)
  self.accumulate_grad_batches = options.accumulate_grad_batches or 1
  if math_type(self.accumulate_grad_batches) ~= "integer" or self.accumulate_grad_batches < 1 then
    error(format("%s`accumulate_grad_batches` should be an integer of at least 1. Got %s.",
                 MISCONFIGURED, tostring(options.accumulate_grad_batches)), 0)
  end
end

-- Tuners first, checkpoints last, the others as they came.
function setup.reorder(callbacks)
  local first, others, last = {}, {}, {}
  for _, callback in ipairs(callbacks) do
    local list = others
    if callback.is_tuner then list = first end
    if is_checkpoint(callback) then list = last end
    list[#list + 1] = callback
  end
  local all = {}
  for _, list in ipairs{ first, others, last } do
    for _, callback in ipairs(list) do all[#all + 1] = callback end
  end
  return all
end

local function check_state_keys(callbacks)
  local seen = {}
  for _, callback in ipairs(callbacks) do
    if callback.state_dict ~= Callback.state_dict then
      local key = callback.state_key
      if seen[key] then
        error(format(
          "RuntimeError: Found more than one stateful callback of type `%s`. In the current " ..
          "configuration, this callback does not support being saved alongside other instances " ..
          "of the same type. HINT: The `callback.state_key` must be unique among all callbacks " ..
          "in the Trainer.", callback._name), 0)
      end
      seen[key] = true
    end
  end
end

-- Those that the user did not bring.
local function add_default_callbacks(self, options, enabled)
  local list = self.callbacks
  local kinds = c.has_module("callbacks") and kinds_of_callbacks() or {}
  if first_callback(self, is_checkpoint) then
    if not enabled.checkpointing then
      error(MISCONFIGURED .. "Trainer was configured with `enable_checkpointing = false` but " ..
            "found `ModelCheckpoint` in callbacks list.", 0)
    end
  elseif enabled.checkpointing and kinds.ModelCheckpoint then
    list[#list + 1] = kinds.ModelCheckpoint()
  end
  if options.max_time ~= nil and kinds.Timer then
    if first_callback(self, function(callback) return class.is(callback, kinds.Timer) end) then
      info("Ignoring `Trainer{ max_time = ... }`, callbacks list already contains a Timer.")
    else
      list[#list + 1] = kinds.Timer({ duration = options.max_time, interval = "step" })
    end
  end
  local bars = all_callbacks(self, is_progress_bar)
  if #bars > 1 then
    error(MISCONFIGURED .. "You added multiple progress bar callbacks to the Trainer, but " ..
          "currently only one progress bar is supported.", 0)
  elseif #bars == 1 and not enabled.progress_bar then
    error(format("%sTrainer was configured with `enable_progress_bar = false` but found `%s` in " ..
                 "callbacks list.", MISCONFIGURED, bars[1]._name), 0)
  elseif #bars == 0 and enabled.progress_bar and kinds.TQDMProgressBar then
    list[#list + 1] = kinds.TQDMProgressBar()
  end
  if enabled.model_summary and kinds.ModelSummary then
    local own = first_callback(self, function(callback)
      return class.is(callback, kinds.ModelSummary)
    end)
    if not own then list[#list + 1] = kinds.ModelSummary() end
  end
end

local function init_callbacks(self, options, enabled)
  local given = options.callbacks
  self.callbacks = {}
  if given ~= nil and type(given) ~= "table" then
    error(format("TypeError: Trainer: option 'callbacks' is a %s, expected a callback or a list " ..
                 "of them", type(given)), 0)
  end
  if class.is(given, Callback) then given = { given } end
  for i, callback in ipairs(given or {}) do
    if type(callback) ~= "table" then
      error(format("TypeError: Trainer: callback %d is a %s, expected a callback", i,
                   type(callback)), 0)
    end
    if rawget(callback, "super") ~= nil and class.of(callback) == nil then
      error(format("TypeError: Trainer: callback %d is the class %s; make an object of it: %s()",
                   i, callback._name, callback._name), 0)
    end
    self.callbacks[i] = callback
  end
  add_default_callbacks(self, options, enabled)
  check_state_keys(self.callbacks)
  self.callbacks = setup.reorder(self.callbacks)
end

-- One that writes numbers, of the table `loggers` or a user's own.
local function check_logger(logger)
  if type(logger) == "table" and type(logger.log_metrics) == "function" then return logger end
  local kind = type(logger)
  local what = "a " .. kind
  if kind == "table" and logger.callHandlers then
    what = "a logger of the table `logging`, which writes lines of text and has no log_metrics()"
  elseif kind == "table" then
    what = "a table without a method log_metrics(metrics, step)"
  end
  error("TypeError: Trainer: option 'logger' is " .. what .. "; expected true, false, or one of the table " ..
        "`loggers` (loggers.TensorBoardLogger(\"logs\"), loggers.CSVLogger(\"logs\"), " ..
        "loggers.WandbLogger{ project = \"mine\" }) or a list of such", 0)
end

local function init_loggers(self, logger, enabled)
  self.log_every_n_steps = enabled.log_every_n_steps
  self._loggers_wanted = logger
  if logger == nil or logger == true then
    -- TensorBoard's, made when first needed: it writes into default_root_dir.
    self.loggers = c.has_module("loggers") and
      { use("loggers").TensorBoardLogger({ save_dir = self.default_root_dir }) } or {}
  elseif logger == false then
    self.loggers = {}
  elseif type(logger) == "table" and logger[1] ~= nil then
    self.loggers = {}
    for i, each in ipairs(logger) do self.loggers[i] = check_logger(each) end
  elseif type(logger) == "table" and next(logger) == nil and class.of(logger) == nil then
    self.loggers = {}
  else
    self.loggers = { check_logger(logger) }
  end
end

local function init_limits(self, options, enabled)
  local fast = options.fast_dev_run
  if math_type(fast) == "integer" and fast < 0 then
    error(format("%sfast_dev_run=%d is not a valid configuration. It should be >= 0.",
                 MISCONFIGURED, fast), 0)
  end
  if fast == 1 then fast = true end
  if fast == 0 then fast = false end
  self.fast_dev_run = fast or false
  self.overfit_batches = options.overfit_batches == nil and 0.0 or
                         batch_limit(options.overfit_batches, "overfit_batches")
  local overfit = self.overfit_batches > 0
  local every, epochs = options.val_check_interval, options.check_val_every_n_epoch
  if epochs == nil then epochs = 1 end
  if epochs ~= false and math_type(epochs) ~= "integer" then
    error(format("%s`check_val_every_n_epoch` should be an integer, found %s.", MISCONFIGURED,
                 tostring(epochs)), 0)
  end
  if epochs == false and math_type(every) == "float" then
    error(MISCONFIGURED .. "`val_check_interval` should be an integer or a time-based duration " ..
          "when `check_val_every_n_epoch = false`.", 0)
  end
  self.check_val_every_n_epoch = epochs
  if fast then
    local count = fast == true and 1 or fast
    if not overfit then self.limit_train_batches, self.limit_val_batches = count, count end
    self.limit_test_batches, self.limit_predict_batches = count, count
    self.fit_loop.epoch_loop.max_steps = count
    self.max_steps = count
    self.num_sanity_val_steps = 0
    self.fit_loop.max_epochs, self.max_epochs = 1, 1
    self.val_check_interval = 1.0
    self.check_val_every_n_epoch = 1
    self.loggers = {}
    info(format("Running in `fast_dev_run` mode: will run the requested loop using %d batch(es). " ..
                "Logging and checkpointing is suppressed.", count))
  else
    if not overfit then
      self.limit_train_batches = batch_limit(options.limit_train_batches, "limit_train_batches")
      self.limit_val_batches = batch_limit(options.limit_val_batches, "limit_val_batches")
    end
    self.limit_test_batches = batch_limit(options.limit_test_batches, "limit_test_batches")
    self.limit_predict_batches = batch_limit(options.limit_predict_batches, "limit_predict_batches")
    local steps = enabled.num_sanity_val_steps
    self.num_sanity_val_steps = steps == -1 and huge or steps
    if type(every) == "string" or type(every) == "table" then
      self._val_check_time_interval = use("duration").seconds(every, "val_check_interval")
      self.val_check_interval = 1.0
    else
      self.val_check_interval = batch_limit(every, "val_check_interval")
    end
  end
  if overfit then
    self.limit_train_batches, self.limit_val_batches = self.overfit_batches, self.overfit_batches
  end
end

-- `options` where barebones forbids them, and their defaults.
local function read_switches(options)
  local bare = options.barebones == true
  local function switch(name, default, off)
    local value = options[name]
    if not bare then
      if value == nil then return default end
      return value
    end
    if value ~= nil and value ~= off then
      error(format("ValueError: `Trainer{ barebones = true, %s = %s }` was passed. This can " ..
                   "impact raw speed so it is disabled in barebones mode.", name,
                   tostring(value)), 0)
    end
    return off
  end
  return {
    checkpointing = switch("enable_checkpointing", true, false),
    progress_bar = switch("enable_progress_bar", true, false),
    model_summary = switch("enable_model_summary", true, false),
    log_every_n_steps = switch("log_every_n_steps", 50, 0),
    num_sanity_val_steps = switch("num_sanity_val_steps", 2, 0),
    logger = switch("logger", true, false),
  }
end

local function init_clipping(self, options)
  local value, algorithm = options.gradient_clip_val, options.gradient_clip_algorithm
  if value ~= nil and type(value) ~= "number" then
    error(format("TypeError: `gradient_clip_val` should be a number. Got %s.", tostring(value)), 0)
  end
  if algorithm ~= nil then algorithm = Optimization.check_algorithm(algorithm) end
  self.gradient_clip_val, self.gradient_clip_algorithm = value, algorithm
end

-- What Trainer(options) does.
function setup.init(self, options)
  options = options_of.check(options, "Trainer", known_options)
  local enabled = read_switches(options)
  self.barebones = options.barebones == true
  self.default_root_dir = options.default_root_dir or "."
  self.state = { fn = nil, stage = nil, status = "initializing" }
  self.training, self.validating, self.testing = false, false, false
  self.predicting, self.sanity_checking = false, false
  self.should_stop, self.received_sigterm = false, false
  self.current_epoch, self.global_step = 0, 0
  self.num_training_batches = huge
  self.num_val_batches, self.num_test_batches, self.num_sanity_val_batches = {}, {}, {}
  self.optimizers, self._lightning_optimizers, self.lr_scheduler_configs = {}, {}, {}
  self.enable_validation = false
  self._hooks, self._module_hooks = {}, {}
  init_world(self, options)
  self._logger_connector = LoggerConnector(self)
  init_loops(self, options)
  init_callbacks(self, options, enabled)
  local reload = options.reload_dataloaders_every_n_epochs or 0
  if math_type(reload) ~= "integer" or reload < 0 then
    error(format("%s`reload_dataloaders_every_n_epochs` should be an integer >= 0, got %s.",
                 MISCONFIGURED, tostring(reload)), 0)
  end
  self.reload_dataloaders_every_n_epochs = reload
  init_clipping(self, options)
  self.detect_anomaly = options.detect_anomaly == true
  init_loggers(self, enabled.logger, enabled)
  init_limits(self, options, enabled)
  self.enable_autolog_hparams = options.enable_autolog_hparams ~= false
end

return setup
