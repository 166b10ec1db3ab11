-- Hyper-parameters of modules and data modules.
--
-- Python reads them from the arguments of __init__; here they are said:
--
--   function Net:init(options) self:save_hyperparameters(options) end
--
-- They stand in `hparams` in the order of their names, since a Lua table has none.
local use = ...
local ordered_dict = use("ordered_dict")
local check = use("options").check

local hparams = {}

-- Adds the fields of `values` to self.hparams. With { logger = false } loggers do not get them.
function hparams.save(self, values, options)
  options = check(options, "save_hyperparameters", { "ignore", "logger" })
  if type(values) ~= "table" then
    error("TypeError: save_hyperparameters: expected a table of hyper-parameters, found a " ..
          type(values), 0)
  end
  local ignored = {}
  local ignore = options.ignore
  for _, name in ipairs(type(ignore) == "table" and ignore or { ignore }) do ignored[name] = true end
  local kept = rawget(self, "hparams") or ordered_dict()
  for name, value in pairs(values) do
    if not ignored[name] then kept[name] = value end
  end
  self.hparams = kept
  local initial = ordered_dict()
  for name, value in pairs(kept) do initial[name] = value end
  self.hparams_initial = initial
  self._log_hyperparams = options.logger ~= false
end

return hparams
