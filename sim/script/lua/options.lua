-- Trailing tables of options, as keyword arguments are in Python. A name that is unknown raises and
-- the nearest known one is named.
--
--   options.check(given, "Trainer", { "max_epochs", "devices" })
--
-- Returns the table that was given, or an empty one.
local _, c = ...
local check = c.check
local none = setmetatable({}, { __newindex = function() error("no options were given", 0) end })

local options = {}

function options.check(given, verb, names)
  check(given, verb, names)
  return given == nil and none or given
end

return options
