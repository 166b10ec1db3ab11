-- Where a Trainer's batches come from: loaders that were passed in, or the hooks of a module or
-- data module; samplers put into them so that each rank gets its share; and one pass over them.
--
-- A pass (`fetcher`) yields one packed batch after another, { x, y }, each a table of its own, since
-- a training step may keep it. A single loader is read without a detour.
local use, c = ...
local rank_zero = use("rank_zero")
local run_state = use("run_state")
local seed = use("seed")
local warn = rank_zero.rank_zero_warn
local error, floor, format, huge, ipairs, math_type, max, min, pairs, tostring, type =
  error, math.floor, string.format, math.huge, ipairs, math.type, math.max, math.min, pairs,
  tostring, type
local is_loader, is_tensor, sampler_kind = c.is_loader, c.is_tensor, c.sampler_kind

local connector = {}

local POSSIBLE = { category = "PossibleUserWarning" }

-- ---- where loaders come from ----

-- A source is { instance, name }: loaders themselves, or who has a hook of that name.
function connector.source(name) return { name = name, instance = nil } end

local function is_hook_owner(instance)
  return type(instance) == "table" and
         (instance.is_lightning_module or instance.is_data_module) or false
end

function connector.is_defined(source)
  local instance = source.instance
  if instance == nil then return false end
  return not is_hook_owner(instance) or instance:overrides(source.name)
end

local function request(trainer, source)
  local instance = source.instance
  if not is_hook_owner(instance) then return instance end
  local previous = trainer._current_hook
  trainer._current_hook = source.name
  local loaders = instance[source.name](instance)
  trainer._current_hook = previous
  return loaders
end

-- Anything with an iter method can be walked, and a list of batches.
local function is_iterable(value)
  if is_loader(value) then return true end
  return type(value) == "table" and (type(value.iter) == "function" or #value > 0)
end

-- True of a table that holds loaders rather than batches.
local function is_collection(value)
  if type(value) ~= "table" or type(value.iter) == "function" then return false end
  local first = value[1]
  if first == nil then
    local _, any = next(value)
    first = any
  end
  return is_loader(first) or (type(first) == "table" and type(first.iter) == "function")
end

-- { loaders = list, names = their keys or nil, single = bool }
local function flatten(loaders)
  if not is_collection(loaders) then return { loaders = { loaders }, single = true } end
  if loaders[1] ~= nil then
    local list = {}
    for i, loader in ipairs(loaders) do list[i] = loader end
    return { loaders = list, single = false }
  end
  local list, names = {}, {}
  for name, loader in pairs(loaders) do
    list[#list + 1], names[#names + 1] = loader, name
  end
  return { loaders = list, names = names, single = false }
end

local function check_iterable(loader, source, fn)
  if is_iterable(loader) then return end
  local prefix = fn == "fit" and "train_" or ""
  local instance = source.instance
  if is_hook_owner(instance) then
    if not instance:overrides(source.name) then
      error(format(
        "TypeError: An invalid dataloader was passed to `Trainer:%s({ %sdataloaders = ... })`. " ..
        "Found %s. Either pass the dataloader to the `:%s()` method OR implement `function " ..
        "%s:%s()`", fn, prefix, tostring(loader), fn, instance._name, source.name), 0)
    end
    error(format("TypeError: An invalid dataloader was returned from `%s:%s()`. Found %s.",
                 instance._name, source.name, tostring(loader)), 0)
  end
  error(format("TypeError: An invalid dataloader was passed to `Trainer:%s({ %sdataloaders = " ..
               "... })`. Found %s.", fn, prefix, tostring(loader)), 0)
end

-- ---- samplers ----

local function with_sampler(loader, sampler, drop_last)
  return data.DataLoader(loader.dataset, {
    batch_size = loader.batch_size, sampler = sampler, drop_last = drop_last,
    generator = loader.generator,
  })
end

-- The same loader over this rank's share: a DistributedSampler takes the place of a plain sampler,
-- and wraps one that chooses by itself.
function connector.share_out(loader, options)
  local kind = sampler_kind(loader)
  if kind == "random" or kind == "sequential" then
    return with_sampler(loader, data.DistributedSampler(loader.dataset, options), loader.drop_last)
  end
  return with_sampler(loader, c.wrap_sampler(loader.sampler, options), loader.drop_last)
end

-- The loader as this rank must read it.
local function process(trainer, stage, loader)
  if not is_loader(loader) then return loader end
  local kind = sampler_kind(loader)
  local shuffled = true
  if stage ~= "train" then
    shuffled = kind ~= "sequential"
    if kind == "random" then
      warn(format("Your `%s_dataloader`'s sampler has shuffling enabled, it is strongly " ..
                  "recommended that you turn shuffling off for val/test dataloaders.", stage),
           POSSIBLE)
    end
  end
  local inject = trainer.use_distributed_sampler and trainer.strategy.is_distributed and
                 kind ~= "distributed"
  if not inject then return loader end
  local options = {
    shuffle = shuffled and not (trainer.overfit_batches > 0),
    seed = seed.global or 0,
    num_replicas = dist.get_world_size(), rank = dist.get_rank(),
  }
  if stage == "predict" then
    options.unrepeated = true
    return with_sampler(loader, c.wrap_sampler(loader.sampler, options), false)
  end
  local fn = trainer.state.fn
  if (fn == "validate" or fn == "test") and dist.get_world_size() > 1 then
    warn(format("Using `DistributedSampler` with the dataloaders. During `trainer:%s()`, it is " ..
                "recommended to use `Trainer{ devices = 1, num_nodes = 1 }` so that each sample " ..
                "is evaluated exactly once. Otherwise some samples are repeated so that all " ..
                "devices have the same number of batches.", fn), POSSIBLE)
  end
  return connector.share_out(loader, options)
end

-- Overfitting wants the same batches each time.
local function stop_shuffling(stage, set)
  for _, loader in ipairs(set.loaders) do
    if is_loader(loader) and sampler_kind(loader) ~= "sequential" then
      warn(format("You requested to overfit but enabled %s dataloader shuffling. We are turning " ..
                  "off the %s dataloader shuffling for you.", stage, stage))
      for i, each in ipairs(set.loaders) do
        if is_loader(each) then
          set.loaders[i] = with_sampler(each, data.SequentialSampler(each.dataset), each.drop_last)
        end
      end
      return
    end
  end
end

function connector.set_epoch(loader, epoch)
  if is_loader(loader) then
    local kind = sampler_kind(loader)
    if kind == "distributed" or kind == "wrapped" then loader.sampler:set_epoch(epoch) end
    return
  end
  local sampler = type(loader) == "table" and loader.sampler
  if type(sampler) == "table" and type(sampler.set_epoch) == "function" then
    sampler:set_epoch(epoch)
  elseif type(loader) == "table" and type(loader.set_epoch) == "function" then
    loader:set_epoch(epoch)
  end
end

-- ---- lengths ----

-- How many batches there are; nil if the loader cannot say.
local function length_of(loader)
  if is_loader(loader) then return #loader end
  if type(loader.iter) ~= "function" then return #loader end
  local meta = getmetatable(loader)
  if type(loader.len) == "function" then return loader:len() end
  if type(meta) == "table" and meta.__len then return #loader end
  return nil
end

-- All ranks meet: a rank without batches must not begin while others have some.
local function agree_on_length(trainer, length, what, allow_zero)
  if length == nil then return false end
  local total = trainer.strategy:reduce(torch.tensor(length), { reduce_op = "sum", name = what })
  total = total:item()
  if total == 0 then
    warn("Total length of `DataLoader` across ranks is zero. Please make sure this was your " ..
         "intention.")
  end
  if total > 0 and length == 0 then
    if not allow_zero then
      error("RuntimeError: `DataLoader` within local rank has zero length. Please make sure that " ..
            "it returns at least 1 batch.", 0)
    end
    warn("Total length of `DataLoader` across ranks is zero, but local rank has zero length. " ..
         "Please be cautious of uneven batch length.")
  end
  return true
end

local function limited(stage, length, limit)
  if length == 0 then return 0 end
  if math_type(limit) == "integer" then return min(length, limit) end
  if length == huge then
    if limit ~= 1.0 then
      error(format("MisconfigurationException: when a dataloader has no length, " ..
                   "`limit_%s_batches` must be 1.0 or an integer", stage), 0)
    end
    return length
  end
  local count = floor(length * limit)
  if count == 0 and limit > 0 then
    error(format(
      "MisconfigurationException: You requested to check %s of the `%s_dataloader` but %s * %d " ..
      "< 1. Please increase the `limit_%s_batches` argument. Try at least `limit_%s_batches = %s`",
      limit, stage, limit, length, stage, stage, 1.0 / length), 0)
  end
  return count
end

-- Asks for the loaders of a stage ("train", "val", "test", "predict") and makes them ready:
-- { loaders, originals, names, single, limits, has_length }. Ranks meet in a barrier, and once for
-- each loader.
function connector.set_up(trainer, stage, source, limit)
  local fn = trainer.state.fn
  local set = flatten(request(trainer, source))
  trainer.strategy:barrier(stage .. "_dataloader()")
  if (fn == "fit") and trainer.overfit_batches > 0 then stop_shuffling(stage, set) end
  local allow = trainer.lightning_module.allow_zero_length_dataloader_with_multiple_devices or
    (trainer.datamodule and
     trainer.datamodule.allow_zero_length_dataloader_with_multiple_devices) or false
  set.originals, set.limits, set.has_length, set.source = {}, {}, true, source
  for i, loader in ipairs(set.loaders) do
    check_iterable(loader, source, fn)
    set.originals[i] = loader
    loader = process(trainer, stage, loader)
    if fn ~= "fit" then
      connector.set_epoch(loader, trainer.fit_loop.epoch_progress.current.processed)
    end
    set.loaders[i] = loader
  end
  for i, loader in ipairs(set.loaders) do
    local what = format("%s_dataloader(): number of batches", stage)
    local length = length_of(loader)
    local known = agree_on_length(trainer, length, what, allow)
    set.has_length = set.has_length and known
    set.limits[i] = limited(stage, known and length or huge, limit)
  end
  set.allow_zero = allow
  return set
end

-- Once more for the training loaders together, as the original has it.
function connector.agree_on_combined_length(trainer, length, allow_zero)
  return agree_on_length(trainer, length, "train_dataloader(): number of batches together",
                         allow_zero)
end

-- What a single process would read: the loaders without injected samplers, whole.
function connector.set_up_oracle(trainer, stage, set, limit)
  local source = set.source
  local made = set
  if is_hook_owner(source.instance) then
    made = flatten(request(trainer, source))
    made.originals = made.loaders
  end
  local whole = { loaders = {}, originals = made.originals, names = made.names,
                  single = made.single, limits = {}, has_length = true, source = source }
  for i, loader in ipairs(made.originals) do
    local length = length_of(loader)
    whole.loaders[i] = loader
    whole.limits[i] = limited(stage, length or huge, limit)
    whole.has_length = whole.has_length and length ~= nil
  end
  return whole
end

-- ---- passes ----

-- A function that gives the next packed batch, or nil; and one that tells, as a table, where it
-- stands, nil where nobody can tell. `at` is such a table to begin from.
local function iterate(loader, at)
  if type(loader) == "table" and type(loader.iter) ~= "function" then
    local i = at and at.batches or 0
    return function()
      i = i + 1
      return loader[i]
    end, function() return { batches = i } end
  end
  if is_loader(loader) then
    local step = at and run_state.pass_resume(loader, at) or loader:iter()
    return function()
      local batch = { step() }
      if batch[1] ~= nil then return batch end
    end, function() return run_state.pass_state(step) end, step
  end
  local is_stateful = type(loader.state_dict) == "function" and
                      type(loader.load_state_dict) == "function"
  if at and at.state ~= nil and is_stateful then loader:load_state_dict(at.state) end
  local step = loader:iter()
  return function()
    local batch = { step() }
    local first = batch[1]
    if first == nil then return nil end
    if batch[2] == nil and type(first) == "table" and getmetatable(first) == nil then return first end
    return batch
  end, is_stateful and function() return { state = loader:state_dict() } end or nil
end

-- Several training loaders go side by side; one that ends while others go on begins again
-- ("max_size_cycle").
local function side_by_side(set, steps, wheres, ended)
  local names, ended_count = set.names, 0
  for i = 1, #steps do ended_count = ended_count + (ended[i] and 1 or 0) end
  return function()
    local batch = {}
    for i = 1, #steps do
      local part = steps[i]()
      if part == nil then
        if not ended[i] then ended[i], ended_count = true, ended_count + 1 end
        if ended_count == #steps then return nil end
        steps[i], wheres[i] = iterate(set.loaders[i])
        part = steps[i]()
      end
      batch[names and names[i] or i] = part
    end
    return batch
  end
end

-- The state of one before its last batch, so that this comes again; nil where that is unknown.
local function one_before(at)
  if at == nil or at.batches == nil or at.batches == 0 then return nil end
  local before = {}
  for name, value in pairs(at) do before[name] = value end
  before.batches = at.batches - 1
  return before
end

-- One pass over training loaders: { next, fetched, length, done, where }. `where()` tells where it
-- stands, nil if nobody can tell, and `at` is what it told: the pass goes on from there. With
-- `again` its `last_batch` is the one that came last.
function connector.train_pass(set, at, again)
  local pass = { fetched = 0 }
  local steps, wheres, ended, last = {}, {}, {}, {}
  local raw
  for i, loader in ipairs(set.loaders) do
    local from = at and at[i]
    local before = again and one_before(from)
    steps[i], wheres[i], raw = iterate(loader, before or from)
    if before then last[set.names and set.names[i] or i] = steps[i]() end
    ended[i] = from and from.ended or false
  end
  pass.last_batch = set.single and last[1] or next(last) and last or nil
  pass.length = connector.train_length(set)
  pass.done = pass.length == 0
  -- Of one loader of ours, its own function: it gives columns instead of a packed batch.
  pass.loader_step = set.single and raw or nil
  local step = set.single and steps[1] or side_by_side(set, steps, wheres, ended)
  if pass.length < huge then
    pass.next = step
    function pass.where()
      local all = {}
      for i = 1, #steps do
        all[i] = wheres[i] and wheres[i]()
        if all[i] == nil then return nil end
        all[i].ended = ended[i] or nil
      end
      return all
    end
    return pass
  end
  local ahead = step()
  pass.done = ahead == nil
  function pass.next()
    local now = ahead
    if now ~= nil then ahead = step() end
    pass.done = ahead == nil
    return now
  end
  return pass
end

-- math.huge where a loader has no length.
function connector.train_length(set)
  local length = 0
  for _, limit in ipairs(set.limits) do length = max(length, limit) end
  return length
end

-- A pass over evaluation loaders, one after the other: next() gives batch, batch_idx and
-- dataloader_idx (from 0), or nil. `done` is true with the last batch.
--
-- The iterator of a loader, with its draw of a base seed, is made when the one before has ended,
-- also where the limit leaves it no batch.
function connector.evaluation_pass(set, limits)
  local loaders, total = set.loaders, 0
  for _, limit in ipairs(limits) do total = total + limit end
  local pass = { fetched = 0, length = total, done = total == 0 }
  local index, position = 1, 0
  local limit, step = limits[1], iterate(loaders[1])
  local function advance()
    while step do
      if position < limit then
        local batch = step()
        if batch ~= nil then
          position = position + 1
          return batch, position - 1, index - 1
        end
      end
      index, position = index + 1, 0
      limit, step = limits[index], loaders[index] and iterate(loaders[index])
    end
  end
  if total < huge then
    function pass.next()
      if pass.done then return nil end
      local batch, batch_idx, dataloader_idx = advance()
      local fetched = pass.fetched + 1
      pass.fetched = fetched
      if fetched >= total or batch == nil then pass.done = true end
      return batch, batch_idx, dataloader_idx
    end
    return pass
  end
  -- Without a length one batch is read ahead, to know which is the last.
  local batch, batch_idx, dataloader_idx = advance()
  function pass.next()
    local now, now_idx, now_loader = batch, batch_idx, dataloader_idx
    if now == nil then return nil end
    batch, batch_idx, dataloader_idx = advance()
    pass.fetched = pass.fetched + 1
    pass.done = batch == nil
    return now, now_idx, now_loader
  end
  return pass
end

-- Who brings the batch transfer hooks: the data module, where it overrides one.
function connector.transfer_hook(trainer, hook)
  local module, datamodule = trainer.lightning_module, trainer.datamodule
  if datamodule and datamodule:overrides(hook) then return datamodule end
  if module:overrides(hook) then return module end
  return nil
end

-- What the user sees as trainer.train_dataloader and the like.
function connector.shown(set)
  if set == nil then return nil end
  if set.single then return set.loaders[1] end
  if set.names == nil then return set.loaders end
  local out = {}
  for i, name in ipairs(set.names) do out[name] = set.loaders[i] end
  return out
end

return connector
