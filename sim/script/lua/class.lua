-- Plain classes: tables that inherit, made and called as in Python.
--
--   local class = use("class")
--   local Callback = class("Callback")
--   local Mine = Callback:extend("Mine")
--   function Mine:init(patience) self.patience = patience end
--   local mine = Mine(3)
--
-- Instances of one class share a metatable, `Class._instances`; a metamethod that is put there
-- before a class is extended is inherited. A Metric or a module has more to it and brings its own.
local getmetatable, pairs, setmetatable, type = getmetatable, pairs, setmetatable, type

local class = {}

local function text(self)
  local meta = getmetatable(self)
  return "<" .. meta.class._name .. " object>"
end

local function construct(self, ...)
  local object = setmetatable({}, self._instances)
  object:init(...)
  return object
end

local Object = { _name = "Object" }
Object._instances = { __index = Object, __name = "Object", __tostring = text, class = Object }

function Object:init() end

-- A class that inherits from this one; `name` is what it prints as.
function Object:extend(name)
  local made = { _name = name or self._name, super = self }
  made._instances = {}
  for key, value in pairs(self._instances) do made._instances[key] = value end
  made._instances.__index = made
  made._instances.__name = made._name
  made._instances.class = made
  return setmetatable(made, { __index = self, __call = construct, __name = "class" })
end

-- The class of an instance; nil of anything else.
function class.of(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.class or nil
end

-- True if `value` is an instance of `wanted` or of a class that inherits from it.
function class.is(value, wanted)
  local found = class.of(value)
  while found do
    if found == wanted then return true end
    found = found.super
  end
  return false
end

return setmetatable(class, { __call = function(_, name) return Object:extend(name) end })
