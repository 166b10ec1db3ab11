-- Arguments as Python takes them: some by position, the others by name in a trailing table.
--
--   local parameters = {
--     { "monitor", "string" },                  -- required
--     { "patience", "integer", 3 },
--     { "mode", "string?" },                    -- may be left out
--   }
--   EarlyStopping("val_loss", { patience = 5 })  ->  arguments("EarlyStopping", parameters, ...)
--
-- Returns a table with every value that was given and the defaults of the others. A name that is
-- unknown, a type that is wrong and too many positions raise; "number|table" takes either type.
local use = ...
local options = use("options")
local error, format, getmetatable, gmatch, gsub, ipairs, math_type, select, type =
  error, string.format, getmetatable, string.gmatch, string.gsub, ipairs, math.type, select, type

local function is_type(value, wanted)
  for kind in gmatch(wanted, "[%a]+") do
    if type(value) == kind or (kind == "integer" and math_type(value) == "integer") then
      return true
    end
  end
  return false
end

local function check_type(verb, name, value, wanted)
  local kinds = gsub(wanted, "?", "")
  if is_type(value, kinds) then return end
  error(format("TypeError: %s: option '%s' is %s, expected %s", verb, name,
               math_type(value) == "float" and format("the number %.14g", value) or
               "a " .. type(value), gsub(gsub(kinds, "|", " or "), "^%l", "a %0")), 0)
end

local function names_of(parameters)
  local names = {}
  for i, parameter in ipairs(parameters) do names[i] = parameter[1] end
  return names
end

-- A plain table in the last place holds options; an object (a class's instance) does not.
local function split(...)
  local count = select("#", ...)
  local last = count > 0 and select(count, ...)
  if type(last) == "table" and getmetatable(last) == nil then return count - 1, last end
  return count, nil
end

local function arguments(verb, parameters, ...)
  local positions, given = split(...)
  if positions > #parameters then
    error(format("TypeError: %s: %d arguments, expected at most %d", verb, positions,
                 #parameters), 0)
  end
  given = options.check(given, verb, names_of(parameters))
  local values = {}
  for i, parameter in ipairs(parameters) do
    local name, wanted, default = parameter[1], parameter[2], parameter[3]
    local value = given[name]
    if i <= positions then
      local positional = select(i, ...)
      if value ~= nil and positional ~= nil then
        error(format("TypeError: %s: got multiple values for argument '%s'", verb, name), 0)
      end
      if positional ~= nil then value = positional end
    end
    if value ~= nil then
      check_type(verb, name, value, wanted)
    elseif default ~= nil then
      value = default
    elseif wanted:sub(-1) ~= "?" then
      error(format("TypeError: %s: missing the required argument '%s'", verb, name), 0)
    end
    values[name] = value
  end
  return values
end

return arguments
