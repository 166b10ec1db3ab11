-- Resuming as if never stopped.
--
-- Lightning restores weights, optimisers, schedulers, callbacks and counters. Here a checkpoint
-- that was saved during a fit holds, under `ddpsim_resume`, also what the original loses: where in the
-- run it was saved, and for each rank the random numbers, the position in the loaders, what
-- self:log has gathered, the metrics as the Trainer shows them, and gradients of a window that is
-- not full. Then a fit goes on behind the very call of save_checkpoint.
--
-- Where that is not possible (another world size, other loaders, a checkpoint of weights only, or
-- one that was saved in the middle of a step) the loops restart as in the original, and a warning
-- says so.
local use, c = ...
local class = use("class")
local ordered_dict = use("ordered_dict")
local progress = use("progress")
local run_state = use("run_state")
local rank_zero = use("rank_zero")
local format, getmetatable, ipairs, pairs, rawget, rawset, tostring, type =
  string.format, getmetatable, ipairs, pairs, rawget, rawset, tostring, type
local is_tensor = run_state.is_tensor

local VERSION = 1

local resume = { key = "ddpsim_resume" }

-- ---- where a run stands ----

-- Hooks from which a run can go on, and what that place is called.
local places = {
  on_train_batch_end = "batch_end",
  on_validation_end = "validation_end",
  on_train_epoch_end = "epoch_end",
  on_train_epoch_start = "epoch_start",
  on_train_start = "between",
  on_train_end = "between",
  on_fit_end = "between",
  teardown = "between",
}

-- Everybody who brings the hook, in the order of the calls; the module stands for itself.
local function callers(trainer, hook)
  local all = {}
  local function add(list)
    for _, callback in ipairs(list or {}) do all[#all + 1] = callback end
  end
  local module = trainer._module_hooks[hook] and trainer.lightning_module
  if hook == "on_train_epoch_end" then
    add(trainer._epoch_end_others)
    if module then all[#all + 1] = module end
    add(trainer._epoch_end_monitors)
  else
    add(trainer._hooks[hook])
    if module then all[#all + 1] = module end
  end
  return all
end

local function name_of(caller)
  if caller.is_lightning_module then return "LightningModule" end
  return caller.state_key or caller._name
end

-- The names of those whose turn comes after the one that saves.
local function names_behind(trainer, hook)
  local names, found = {}, false
  for _, caller in ipairs(callers(trainer, hook)) do
    if found then names[#names + 1] = name_of(caller) end
    found = found or caller == trainer._calling
  end
  return names
end

local function place_of(trainer)
  if trainer.state.fn ~= "fit" then return nil end
  local hook = trainer._current_hook
  if hook == nil then
    return trainer.state.status == "finished" and "between" or nil
  end
  if hook == "on_validation_end" and trainer.sanity_checking then return nil end
  return places[hook], hook
end

-- ---- what a rank keeps ----

local function generator_states(loaders)
  local all, any = {}, false
  for i, loader in ipairs(loaders and loaders.loaders or {}) do
    all[i] = {}
    if run_state.is_loader(loader) then
      for j, generator in ipairs(run_state.loader_generators(loader)) do
        all[i][j] = generator:get_state()
        any = true
      end
    end
  end
  return any and all or nil
end

local function set_generator_states(loaders, states)
  for i, loader in ipairs(loaders and loaders.loaders or {}) do
    if states and states[i] and run_state.is_loader(loader) then
      for j, generator in ipairs(run_state.loader_generators(loader)) do
        if states[i][j] then generator:set_state(states[i][j]) end
      end
    end
  end
end

-- The value without what no file can hold.
local function plain(value, depth)
  if is_tensor(value) or type(value) == "number" or type(value) == "string" or
     type(value) == "boolean" then
    return value
  end
  if type(value) ~= "table" or getmetatable(value) ~= nil or depth > 8 then return nil end
  local out = {}
  for key, item in pairs(value) do out[key] = plain(item, depth + 1) end
  return out
end

-- Calls visit(path, metric) for each Metric in a field of a module, alone or in a collection.
local function each_metric(module, visit)
  for path, owner in module:named_modules() do
    for name, value in pairs(owner) do
      if type(name) == "string" and type(value) == "table" and getmetatable(value) then
        local own = path == "" and name or path .. "." .. name
        if value.is_metric then
          visit(own, value)
        elseif value.is_metric_collection then
          for key, metric in pairs(value._metrics) do visit(own .. "." .. key, metric) end
        end
      end
    end
  end
end

local function metric_state(metric)
  return { states = metric:metric_state(), count = metric._update_count,
           forward = plain(metric._forward_cache, 0) }
end

local function set_metric_state(metric, state)
  metric:reset()
  for name, value in pairs(state.states) do metric[name] = value end
  metric._update_count, metric._forward_cache = state.count, state.forward
end

-- The Metric that was logged as this attribute.
local function find(module, path)
  local value = module
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return type(value) == "table" and value.is_metric and value or nil
end

-- Those that a validation has logged are cleared behind its last hook: then there is nothing to keep.
local function to_be_cleared(trainer, module)
  local cleared = {}
  if trainer._current_hook ~= "on_validation_end" then return cleared end
  for _, entry in ipairs(run_state.results_state(trainer.fit_loop.epoch_loop.val_loop._results)) do
    local metric = entry.metric_attribute and find(module, entry.metric_attribute)
    if metric then cleared[metric] = true end
  end
  return cleared
end

local function metric_states(trainer, module)
  local all, any, cleared = ordered_dict(), false, to_be_cleared(trainer, module)
  each_metric(module, function(path, metric)
    if not cleared[metric] then all[path], any = metric_state(metric), true end
  end)
  return any and all or nil
end

-- Gradients count until the window is full, and whenever the module steps by itself.
local function gradients(trainer)
  local module = trainer.lightning_module
  if module.automatic_optimization and
     not trainer.fit_loop.epoch_loop:_should_accumulate() then
    return nil
  end
  local all, any = ordered_dict(), false
  for name, parameter in module:named_parameters() do
    if parameter.grad then all[name], any = parameter.grad, true end
  end
  return any and all or nil
end

local function buffers(module)
  local all, any = ordered_dict(), false
  for name, buffer in module:named_buffers() do all[name], any = buffer, true end
  return any and all or nil
end

local function last_saves(trainer)
  local all, any = ordered_dict(), false
  for _, callback in ipairs(trainer.callbacks) do
    if callback._last_global_step_saved then
      all[name_of(callback)] = {
        step = callback._last_global_step_saved, path = callback._last_checkpoint_saved,
        score = callback.current_score,
      }
      any = true
    end
  end
  return any and all or nil
end

local function own_state(trainer, place, behind)
  local fit_loop = trainer.fit_loop
  local epoch_loop = fit_loop.epoch_loop
  local logs = trainer._logger_connector
  local module = trainer.lightning_module
  local state = {
    rng = torch.get_rng_state(),
    math_random = run_state.math_random_state(),
    train_generators = generator_states(fit_loop._loaders),
    val_generators = generator_states(epoch_loop.val_loop._loaders),
    metrics = metric_states(trainer, module),
    buffers = buffers(module),
    dicts = run_state.dicts_state(logs._dicts),
    results = run_state.results_state(epoch_loop._results),
    gradients = gradients(trainer),
    should_stop = trainer.should_stop or nil,
    syncs_buffers = trainer.model ~= module and trainer.model and trainer.model:_syncs_buffers(),
  }
  if place == "batch_end" or place == "validation_end" then
    state.passes = fit_loop._pass and fit_loop._pass.where and fit_loop._pass.where()
  end
  if place == "batch_end" and #behind > 0 then
    state.outputs = plain(epoch_loop._outputs, 0)
  end
  return state
end

-- Where a rank's buffers are those of rank 0, the state_dict has them.
local function without_equal_buffers(module, ranks)
  local saved = {}
  for name in pairs(module:state_dict()) do saved[name] = true end
  for i = #ranks, 1, -1 do
    local own, kept, any = ranks[i].buffers, ordered_dict(), false
    for name, buffer in pairs(own or {}) do
      local same = saved[name] and (i == 1 or torch.equal(buffer, ranks[1].buffers[name]))
      if not same then kept[name], any = buffer, true end
    end
    ranks[i].buffers = any and kept or nil
  end
end

-- For a checkpoint; nil where no fit is on. All ranks meet.
function resume.state(trainer)
  local place, hook = place_of(trainer)
  if trainer.state.fn ~= "fit" or run_state.is_oracle() then return nil end
  local fit_loop = trainer.fit_loop
  local epoch_loop, logs = fit_loop.epoch_loop, trainer._logger_connector
  if place == nil then
    return { version = VERSION, place = "inside", hook = trainer._current_hook,
             world_size = trainer.world_size }
  end
  local behind = hook and names_behind(trainer, hook) or {}
  local ranks = { own_state(trainer, place, behind) }
  if trainer.strategy.is_distributed and trainer.world_size > 1 then
    ranks = dist.all_gather_object(ranks[1], { name = "save_checkpoint: random states" })
  end
  without_equal_buffers(trainer.lightning_module, ranks)
  local first = rawget(logs, "_first_loop_iter")
  if place == "validation_end" then first = epoch_loop._first_before_val end
  local seen = {}
  for index, count in pairs(epoch_loop.val_loop._seen_batches) do seen[index + 1] = count end
  return {
    version = VERSION, place = place, hook = hook, behind = behind,
    saver = trainer._calling and name_of(trainer._calling) or nil,
    world_size = trainer.world_size, num_training_batches = trainer.num_training_batches,
    batch_size_of_window = trainer.accumulate_grad_batches,
    first_loop_iter = first, current_hook = rawget(logs, "_current_fx"),
    seen_batches = seen, validated = epoch_loop.val_loop._has_run,
    last_saves = last_saves(trainer), ranks = ranks,
  }
end

-- ---- going on ----

local function warn(what)
  rank_zero.rank_zero_warn("Resuming: " .. what .. ". Weights, optimisers, schedulers, " ..
                           "callbacks and counters are restored; random numbers and the position in the " ..
                           "loaders are not, so the run goes on as Lightning's would, not as if " ..
                           "it had never stopped.")
end

-- Keeps the state of a checkpoint for the fit loop, if it can be used at all.
function resume.offer(trainer, state, path)
  trainer._resume = nil
  if state == nil then return end
  if state.version ~= VERSION then
    return warn(format("the checkpoint %s has a resume state of version %s, expected %d", path,
                       tostring(state.version), VERSION))
  end
  if state.place == "inside" then
    return warn(format("the checkpoint %s was saved %s, in the middle of a step", path,
                       state.hook and "in " .. state.hook or "outside of any hook"))
  end
  if state.world_size ~= trainer.world_size then
    return warn(format("the checkpoint %s was saved by %d ranks, and now there are %d", path,
                       state.world_size, trainer.world_size))
  end
  state.path = path
  trainer._resume = state
end

-- What was offered, if it fits the loaders; nil makes the loops restart as in the original.
function resume.take(trainer)
  local state = trainer._resume
  trainer._resume = nil
  if state == nil then return nil end
  local inside = state.place == "batch_end" or state.place == "validation_end"
  if inside and state.num_training_batches ~= trainer.num_training_batches then
    warn(format("an epoch of the checkpoint %s has %s batches, and now it has %s", state.path,
                tostring(state.num_training_batches), tostring(trainer.num_training_batches)))
    return nil
  end
  if inside and state.batch_size_of_window ~= trainer.accumulate_grad_batches then
    warn(format("accumulate_grad_batches was %d in the checkpoint %s, and now it is %d",
                state.batch_size_of_window, state.path, trainer.accumulate_grad_batches))
    return nil
  end
  state.own = state.ranks[trainer.global_rank + 1]
  if inside and not state.own.passes then
    rank_zero.rank_zero_warn(
      "You're resuming from a checkpoint that ended before the epoch ended and your dataloader " ..
      "is not resumable. This can cause unreliable results if further training is done. Consider " ..
      "using an end-of-epoch checkpoint or make your dataloader resumable by implementing the " ..
      "`state_dict` / `load_state_dict` interface.", { category = "PossibleUserWarning" })
  end
  return state
end

local function put_tensors(named, saved, put)
  if not saved then return end
  for name, target in named do
    if saved[name] then put(target, saved[name]) end
  end
end

-- Puts back what a rank kept; the last thing before the run goes on.
function resume.put_back(trainer, state)
  local own, module = state.own, trainer.lightning_module
  local fit_loop = trainer.fit_loop
  local epoch_loop, logs = fit_loop.epoch_loop, trainer._logger_connector

  epoch_loop._results = logs:new_results{ training = true }
  trainer:_set_stage("training")
  run_state.load_results(epoch_loop._results, own.results,
                         function(attribute) return find(module, attribute) end)
  logs:reset_metrics()
  run_state.load_dicts(logs._dicts, own.dicts)
  logs._first_loop_iter, logs._current_fx = state.first_loop_iter, state.current_hook
  if own.metrics then
    each_metric(module, function(path, metric)
      if own.metrics[path] then set_metric_state(metric, own.metrics[path]) end
    end)
  end
  torch.no_grad(function()
    put_tensors(module:named_buffers(), own.buffers,
                function(buffer, value) buffer:copy_(value) end)
  end)
  if trainer.model ~= module and own.syncs_buffers ~= nil then
    trainer.model:_syncs_buffers(own.syncs_buffers)
  end
  put_tensors(module:named_parameters(), own.gradients,
              function(parameter, value) parameter.grad = value end)
  for _, callback in ipairs(trainer.callbacks) do
    local saved = state.last_saves and state.last_saves[name_of(callback)]
    if saved and callback._last_global_step_saved then
      callback._last_global_step_saved, callback._last_checkpoint_saved = saved.step, saved.path
      callback.current_score = saved.score
      if name_of(callback) == state.saver then
        callback._last_global_step_saved = trainer.global_step
        callback._last_checkpoint_saved = state.path
      end
    end
  end
  local val_loop = epoch_loop.val_loop
  val_loop._has_run = state.validated or false
  for index, count in ipairs(state.seen_batches) do val_loop._seen_batches[index - 1] = count end
  if own.val_generators and val_loop._loaders == nil then
    trainer:_set_stage("validating")
    val_loop:setup_data()
    trainer:_set_stage("training")
  end
  trainer.should_stop = own.should_stop or false
  set_generator_states(fit_loop._loaders, own.train_generators)
  set_generator_states(val_loop._loaders, own.val_generators)
  if own.math_random then run_state.set_math_random_state(own.math_random) end
  torch.set_rng_state(own.rng)
end

-- Calls the hook of those whose turn had not come.
function resume.call_rest(trainer, state, ...)
  local hook, module = state.hook, trainer.lightning_module
  local wanted = {}
  for _, name in ipairs(state.behind) do wanted[name] = (wanted[name] or 0) + 1 end
  if #state.behind == 0 then return end
  for _, caller in ipairs(callers(trainer, hook)) do
    local name = name_of(caller)
    if (wanted[name] or 0) > 0 then
      wanted[name] = wanted[name] - 1
      trainer._current_hook, trainer._calling = hook, caller
      if caller == module then
        caller[hook](caller, ...)
      else
        caller[hook](caller, trainer, module, ...)
      end
      trainer._current_hook = nil
    end
  end
end

return resume
