-- What a checkpoint of a Trainer holds, and how it comes back: Lightning's _CheckpointConnector.
--
-- Keys are Lightning's: epoch, global_step, pytorch-lightning_version, state_dict, loops,
-- callbacks, optimizer_states, lr_schedulers, MixedPrecision, hparams_name, hyper_parameters, and
-- the class name of the data module. `ddpsim_resume` is ours (resuming.lua): with it a fit goes on
-- bit for bit as if it had never stopped. All ranks build a checkpoint; rank 0 writes it.
local use, c = ...
local ordered_dict = use("ordered_dict")
local rank_zero = use("rank_zero")
local resume = use("resuming")
local run_state = use("run_state")
local info, warn = rank_zero.rank_zero_info, rank_zero.rank_zero_warn
local concat, error, format, ipairs, next, pairs, rawget, tostring, type =
  table.concat, error, string.format, ipairs, next, pairs, rawget, tostring, type

local VERSION = "2.6.2" -- of Lightning, whose checkpoints these are in shape
local SCALER = "MixedPrecision"
local HPARAMS = { name = "hparams_name", values = "hyper_parameters" }
local DATA_HPARAMS = { name = "datamodule_hparams_name", values = "datamodule_hyper_parameters" }

local connector = { version = VERSION, HPARAMS = HPARAMS, DATA_HPARAMS = DATA_HPARAMS }

-- ---- saving ----

local function is_empty(state) return type(state) ~= "table" or next(state) == nil end

local function callback_states(trainer)
  local states = ordered_dict()
  for _, callback in ipairs(trainer.callbacks) do
    local state = callback:state_dict()
    if not is_empty(state) then states[callback.state_key] = state end
  end
  return states
end

local function states_of(list)
  local states = {}
  for i, item in ipairs(list) do states[i] = (item.scheduler or item):state_dict() end
  return states
end

-- An optimiser of the user's own may bring no state.
local function optimizer_states(trainer)
  local states = {}
  for i, optimizer in ipairs(trainer.optimizers) do
    states[i] = optimizer.state_dict and optimizer:state_dict() or {}
  end
  return states
end

local function add_hparams(checkpoint, owner, keys)
  local hparams = owner and rawget(owner, "hparams")
  if is_empty(hparams) then return end
  checkpoint[keys.name] = "kwargs"
  checkpoint[keys.values] = hparams
end

local function loop_states(trainer)
  local loops = ordered_dict()
  for _, name in ipairs{ "fit_loop", "validate_loop", "test_loop", "predict_loop" } do
    if trainer[name] then loops[name] = trainer[name]:state_dict() end
  end
  return loops
end

-- The table that is written. All ranks call it: they gather what each has of its own.
function connector.dump_checkpoint(trainer, weights_only)
  local module, datamodule = trainer.lightning_module, trainer.datamodule
  local checkpoint = ordered_dict()
  checkpoint.epoch = trainer.current_epoch
  checkpoint.global_step = trainer.global_step
  checkpoint["pytorch-lightning_version"] = VERSION
  checkpoint.state_dict = module:state_dict()
  checkpoint.loops = loop_states(trainer)
  if not weights_only then
    checkpoint.callbacks = callback_states(trainer)
    checkpoint.optimizer_states = optimizer_states(trainer)
    checkpoint.lr_schedulers = states_of(trainer.lr_scheduler_configs)
    if trainer.scaler then checkpoint[SCALER] = trainer.scaler:state_dict() end
  end
  add_hparams(checkpoint, module, HPARAMS)
  add_hparams(checkpoint, datamodule, DATA_HPARAMS)
  if datamodule then
    local state = datamodule:state_dict()
    if not is_empty(state) then checkpoint[datamodule._name] = state end
  end
  if not weights_only then
    trainer:_call_callbacks(trainer._hooks.on_save_checkpoint, "on_save_checkpoint", checkpoint)
  end
  if trainer._module_hooks.on_save_checkpoint then
    trainer:_call_module_hook("on_save_checkpoint", checkpoint)
  end
  if not weights_only then checkpoint[resume.key] = resume.state(trainer) end
  return checkpoint
end

-- All ranks build it, rank 0 writes it; who calls this lets the ranks meet afterwards.
function connector.save(trainer, path, weights_only)
  local checkpoint = connector.dump_checkpoint(trainer, weights_only or false)
  if trainer.is_global_zero and not run_state.is_oracle() then torch.save(checkpoint, path) end
end

-- ---- choosing ----

local function find_last(trainer)
  local files = use("files")
  local newest, time
  for _, callback in ipairs(trainer.checkpoint_callbacks or {}) do
    local found = callback._find_last_checkpoints and callback:_find_last_checkpoints(trainer) or {}
    for _, path in ipairs(found) do
      if files.exists(path) then
        local modified = files.modified(path)
        if time == nil or modified > time then newest, time = path, modified end
      end
    end
  end
  return newest
end

local function find_best(trainer, fn)
  local callbacks = trainer.checkpoint_callbacks or {}
  if #callbacks > 1 then
    warn(format('`:%s({ ckpt_path = "best" })` is called with Trainer configured with multiple ' ..
                "`ModelCheckpoint` callbacks. It will use the best checkpoint path from first " ..
                "checkpoint callback.", fn))
  end
  local callback = callbacks[1]
  if callback == nil then
    error(format('ValueError: `:%s({ ckpt_path = "best" })` is set but `ModelCheckpoint` is not ' ..
                 "configured.", fn), 0)
  end
  local path = callback.best_model_path
  if path == nil or path == "" then
    if trainer.fast_dev_run then
      error(format('ValueError: You cannot execute `:%s({ ckpt_path = "best" })` with ' ..
                   "`fast_dev_run = true`. Please pass an exact checkpoint path to " ..
                   "`:%s({ ckpt_path = ... })`", fn, fn), 0)
    end
    error(format('ValueError: `:%s({ ckpt_path = "best" })` is set but `ModelCheckpoint` is not ' ..
                 "configured to save the best model.", fn), 0)
  end
  return path
end

-- nil, a path, or what "best" and "last" stand for.
function connector.select_ckpt_path(trainer, ckpt_path, model_provided)
  local fn = trainer.state.fn
  if ckpt_path == nil then
    if model_provided or fn == "fit" then return nil end
    ckpt_path = "best"
    warn(format("`:%s({ ckpt_path = nil })` was called without a model. The best model of the " ..
                "previous `fit` call will be used. You can pass `:%s({ ckpt_path = 'best' })` " ..
                "to use the best model or `:%s({ ckpt_path = 'last' })` to use the last model. If " ..
                "you pass a value, this warning will be silenced.", fn, fn, fn))
  end
  if type(ckpt_path) ~= "string" then
    error(format("TypeError: `:%s({ ckpt_path = ... })` is a %s, expected a path, 'best' or 'last'",
                 fn, type(ckpt_path)), 0)
  end
  if ckpt_path == "best" then return find_best(trainer, fn) end
  if ckpt_path == "hpc" then
    error(format('ValueError: `:%s({ ckpt_path = "hpc" })` is set but no HPC checkpoint was ' ..
                 "found. Please pass an exact checkpoint path to `:%s({ ckpt_path = ... })`", fn, fn), 0)
  end
  if ckpt_path ~= "last" then return ckpt_path end
  local last = find_last(trainer)
  if last == nil then
    warn(format('.%s(ckpt_path="last") is set, but there is no last checkpoint available. No ' ..
                "checkpoint will be loaded. HINT: Set `ModelCheckpoint{ ..., save_last = true }`.",
                fn))
  end
  return last
end

-- ---- loading ----

-- The table of a checkpoint file. A file of weights alone is none.
function connector.read(path)
  local checkpoint = torch.load(path)
  if type(checkpoint) ~= "table" or type(checkpoint.state_dict) ~= "table" then
    error(format("KeyError: 'state_dict': %s is no checkpoint of a Trainer; if it holds weights " ..
                 "alone, load them with module:load_state_dict(torch.load(%q))", path, path), 0)
  end
  return checkpoint
end

function connector.load(path)
  info(format("Restoring states from the checkpoint path at %s", path))
  return connector.read(path)
end

function connector.restore_datamodule(trainer, checkpoint)
  local datamodule = trainer.datamodule
  local state = datamodule and checkpoint[datamodule._name]
  if state ~= nil then datamodule:load_state_dict(state) end
end

local function warn_of_missing_callbacks(trainer, states)
  local known, missing = {}, {}
  for _, callback in ipairs(trainer.callbacks) do known[callback.state_key] = true end
  for key in pairs(states) do
    if not known[key] then missing[#missing + 1] = format("%q", key) end
  end
  if #missing == 0 then return end
  warn("Be aware that when using `ckpt_path`, callbacks used to create the checkpoint need to " ..
       "be provided during `Trainer` instantiation. Please add the following callbacks: [" ..
       concat(missing, ", ") .. "].")
end

function connector.restore_callbacks(trainer, checkpoint)
  local states = checkpoint.callbacks
  if states == nil then return end
  warn_of_missing_callbacks(trainer, states)
  trainer:_call_callbacks(trainer._hooks.on_load_checkpoint, "on_load_checkpoint", checkpoint)
  for _, callback in ipairs(trainer.callbacks) do
    local state = states[callback.state_key]
    if not is_empty(state) then callback:load_state_dict(state) end
  end
end

-- Weights, the data module and the callbacks: what comes back before optimisers are made.
function connector.restore_model(trainer, checkpoint)
  local module = trainer.lightning_module
  if trainer._module_hooks.on_load_checkpoint then
    trainer:_call_module_hook("on_load_checkpoint", checkpoint)
  end
  module:load_state_dict(checkpoint.state_dict, { strict = module.strict_loading ~= false })
  connector.restore_datamodule(trainer, checkpoint)
  connector.restore_callbacks(trainer, checkpoint)
  if trainer.state.fn ~= "fit" then
    info(format("Loaded model weights from the checkpoint at %s", trainer.ckpt_path))
  end
end

local function restore_optimizers(trainer, checkpoint)
  local function check(key, what)
    if checkpoint[key] ~= nil then return end
    error(format("KeyError: Trying to restore %s state but checkpoint contains only the model. " ..
                 "This is probably due to `ModelCheckpoint.save_weights_only` being set to `true`.",
                 what), 0)
  end
  check("optimizer_states", "optimizer")
  for i, optimizer in ipairs(trainer.optimizers) do
    local state = checkpoint.optimizer_states[i]
    if state and optimizer.load_state_dict then optimizer:load_state_dict(state) end
  end
  check("lr_schedulers", "learning rate scheduler")
  for i, config in ipairs(trainer.lr_scheduler_configs) do
    local state = checkpoint.lr_schedulers[i]
    if state then config.scheduler:load_state_dict(state) end
  end
end

-- The scaler, the loops, optimisers and schedulers of a fit.
function connector.restore_training_state(trainer, checkpoint)
  if trainer.scaler and checkpoint[SCALER] then
    trainer.scaler:load_state_dict(checkpoint[SCALER])
  end
  local loops = checkpoint.loops
  if loops and loops.fit_loop then trainer.fit_loop:load_state_dict(loops.fit_loop) end
  local epoch = trainer.fit_loop.epoch_progress.current.completed
  local max_epochs = trainer.max_epochs
  if max_epochs ~= nil and max_epochs ~= -1 and epoch > max_epochs then
    error(format("MisconfigurationException: You restored a checkpoint with current_epoch=%d, " ..
                 "but you have set Trainer{ max_epochs = %d }.", epoch, max_epochs), 0)
  end
  restore_optimizers(trainer, checkpoint)
  resume.offer(trainer, checkpoint[resume.key], trainer.ckpt_path)
  info(format("Restored all states from the checkpoint at %s", trainer.ckpt_path))
end

-- ---- load_from_checkpoint ----

local own_options = { strict = true, map_location = true, args = true, weights_only = true }

-- A new object of `class` with the weights of the file. Hyper-parameters of the file are the
-- argument of its init, overridden by those that are given; { args = { ... } } are its arguments
-- where it takes others.
function connector.load_from_checkpoint(class, path, options)
  local checkpoint = connector.read(path)
  local object = connector.construct(class, checkpoint, options, HPARAMS)
  object:on_load_checkpoint(checkpoint)
  object:load_state_dict(checkpoint.state_dict,
                         { strict = not (options and options.strict == false) })
  return object
end

function connector.load_datamodule_from_checkpoint(class, path, options)
  local checkpoint = connector.read(path)
  local object = connector.construct(class, checkpoint, options, DATA_HPARAMS)
  local state = checkpoint[object._name]
  if state ~= nil then object:load_state_dict(state) end
  return object
end

function connector.construct(class, checkpoint, options, keys)
  if options ~= nil and type(options) ~= "table" then
    error(format("TypeError: load_from_checkpoint: options are a %s, expected a table",
                 type(options)), 0)
  end
  options = options or {}
  if options.args then return class(table.unpack(options.args)) end
  local hparams, any = {}, false
  for name, value in pairs(checkpoint[keys.values] or {}) do hparams[name], any = value, true end
  for name, value in pairs(options) do
    if not own_options[name] then hparams[name], any = value, true end
  end
  if not any then return class() end
  return class(hparams)
end

return connector
