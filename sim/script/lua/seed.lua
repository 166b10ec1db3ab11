-- seed_everything(seed): one seed for all that is random on this rank.
--
-- It is remembered as PL_GLOBAL_SEED is: injected samplers shuffle with it, and a Trainer's set-up
-- of DDP seeds every rank with it again.
local use = ...
local format = string.format
local check = use("options").check
local rank_zero = use("rank_zero")

local seed = { global = nil }

local MAX = 4294967295

function seed.seed_everything(value, options)
  options = check(options, "seed_everything", { "workers", "verbose" })
  if value == nil then
    value = seed.global
    if value == nil then
      value = 0
      rank_zero.rank_zero_warn("No seed found, seed set to 0")
    end
  end
  if math.type(value) ~= "integer" or value < 0 or value > MAX then
    error(format("ValueError: %s is not in bounds, numpy accepts from 0 to %d",
                 tostring(value), MAX), 0)
  end
  if options.verbose ~= false then rank_zero.rank_zero_info(format("Seed set to %d", value)) end
  seed.global = value
  seed.workers = options.workers == true
  torch.manual_seed(value)
  math.randomseed(value)
  return value
end

-- What setting up a process group does: all ranks draw from one stream again.
function seed.reset()
  if seed.global ~= nil then
    torch.manual_seed(seed.global)
    math.randomseed(seed.global)
  end
end

return seed
