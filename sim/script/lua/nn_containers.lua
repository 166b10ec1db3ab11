-- torch.nn, third part: modules that hold others in a list or under names.
local error, getmetatable, ipairs, pairs, rawget, rawset, tostring, type =
  error, getmetatable, ipairs, pairs, rawget, rawset, tostring, type
local concat, format, gsub, sort = table.concat, string.format, string.gsub, table.sort
local tointeger = math.tointeger

local function indented(value) return (gsub(tostring(value), "\n", "\n  ")) end

-- The members of a list, by "0", "1", ... : what a number asks for, counted from the end below 0.
local function place_of(self, key)
  local i = tointeger(key)
  if i and i < 0 then i = i + self._length end
  if not i or i < 0 or i >= self._length then
    error(format("index %s is out of range", tostring(key)), 0)
  end
  return i
end

local function member(self, i) return rawget(self, format("%d", i)) end

-- Gives a class of modules the ways of a list whose members `take` checks or makes.
local function make_list(class, take)
  local instances = class._instances
  local set_field = instances.__newindex

  instances.__index = function(self, key)
    if type(key) ~= "number" then return class[key] end
    return member(self, place_of(self, key))
  end

  instances.__newindex = function(self, key, value)
    if type(key) ~= "number" then return set_field(self, key, value) end
    local name = format("%d", place_of(self, key))
    rawset(self, name, take(value))
  end

  instances.__len = function(self) return self._length end

  function class:init(members)
    self._length = 0
    if members ~= nil then self:extend(members) end
  end

  function class:append(value)
    local name = format("%d", self._length)
    self[name] = take(value)
    rawset(self, "_length", self._length + 1)
    return self
  end

  -- Members of a list, or of another module of this kind.
  local function each(members)
    if type(members) ~= "table" then
      error(format("%s: expected a list, found a %s", class._name, type(members)), 0)
    end
    local list, meta = {}, getmetatable(members)
    if meta and meta.is_module then
      for i = 0, #members - 1 do list[#list + 1] = members[i] end
    else
      for _, value in ipairs(members) do list[#list + 1] = value end
    end
    return list
  end

  -- On an instance it adds members; on the class it derives another, as on every module.
  local derive = class.extend

  function class.extend(self, members)
    if rawget(self, "_length") == nil then
      local derived = derive(self, members)
      make_list(derived, take)
      return derived
    end
    for _, value in ipairs(each(members)) do self:append(value) end
    return self
  end

  function class:insert(index, value)
    local i = index == self._length and index or place_of(self, index)
    self:append(value)
    for k = self._length - 1, i + 1, -1 do
      rawset(self, format("%d", k), member(self, k - 1))
    end
    rawset(self, format("%d", i), take(value))
  end

  function class:pop(index)
    local i = place_of(self, index or -1)
    local value = member(self, i)
    for k = i, self._length - 2 do rawset(self, format("%d", k), member(self, k + 1)) end
    self[format("%d", self._length - 1)] = nil
    rawset(self, "_length", self._length - 1)
    return value
  end

  -- for value, index in list:iter() do
  function class:iter()
    local i = -1
    return function()
      i = i + 1
      if i < self._length then return member(self, i), i end
    end
  end
end

-- The pairs of a table in an order that does not depend on a hash: that of an ordered dictionary or
-- of a list of { name, value }; of a plain table the names are sorted.
local function named_pairs(verb, members)
  local found, meta = {}, getmetatable(members)
  if type(members) ~= "table" then
    error(format("%s: expected a table, found a %s", verb, type(members)), 0)
  end
  if meta and meta.is_module then
    for name, value in members:items() do found[#found + 1] = { name, value } end
  elseif members[1] ~= nil then
    for _, item in ipairs(members) do
      if type(item) ~= "table" then
        error(format("%s: expected a list of { name, value }, found a %s in it", verb, type(item)),
              0)
      end
      found[#found + 1] = { item[1], item[2] }
    end
  else
    for name, value in pairs(members) do found[#found + 1] = { name, value } end
    if not (type(meta) == "table" and meta.__pairs) then
      sort(found, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
    end
  end
  return found
end

local function make_dict(c, class, take)
  function class:init(members)
    if members ~= nil then self:update(members) end
  end

  local function set(self, name, value)
    if type(name) ~= "string" then
      error(format("%s: a name is a string, found a %s", class._name, type(name)), 0)
    end
    if name == "" or name:find(".", 1, true) then
      error(format("%s: a name is not empty and has no '.', found '%s'", class._name, name), 0)
    end
    if class[name] ~= nil or name == "training" or name:sub(1, 1) == "_" then
      error(format("%s: attribute '%s' already exists", class._name, name), 0)
    end
    self[name] = take(value)
  end

  function class:update(members)
    for _, item in ipairs(named_pairs(class._name, members)) do set(self, item[1], item[2]) end
  end

  function class:keys()
    local names = {}
    for _, name in ipairs(c.names_of(self)) do
      if rawget(self, name) ~= nil then names[#names + 1] = name end
    end
    return names
  end

  function class:values()
    local list = {}
    for i, name in ipairs(self:keys()) do list[i] = rawget(self, name) end
    return list
  end

  -- for name, value in dict:items() do
  function class:items()
    local names, i = self:keys(), 0
    return function()
      i = i + 1
      if names[i] then return names[i], rawget(self, names[i]) end
    end
  end

  function class:pop(name)
    local value = rawget(self, name)
    if value == nil then error(format("%s: there is no '%s'", class._name, tostring(name)), 0) end
    self[name] = nil
    return value
  end

  function class:clear()
    for _, name in ipairs(self:keys()) do self[name] = nil end
  end

  class._instances.__len = function(self) return #self:keys() end
end

-- Equal neighbours are counted, as torch prints a ModuleList.
local function list_repr(self)
  local lines, i = {}, 0
  while i < self._length do
    local text, last = tostring(member(self, i)), i
    while last + 1 < self._length and tostring(member(self, last + 1)) == text do last = last + 1 end
    local name = last == i and format("(%d)", i) or format("(%d-%d)", i, last)
    local count = last == i and "" or format("%d x ", last - i + 1)
    lines[#lines + 1] = format("  %s: %s%s", name, count, indented(text))
    i = last + 1
  end
  if #lines == 0 then return self._name .. "()" end
  return format("%s(\n%s\n)", self._name, concat(lines, "\n"))
end

local function parameter_text(value, kind)
  local sizes = {}
  for i = 1, value:dim() do sizes[i] = tostring(value:size(i - 1)) end
  return format("Parameter containing: [%s of size %s]", kind, concat(sizes, "x"))
end

local type_names = {
  ["torch.float32"] = "torch.FloatTensor", ["torch.float64"] = "torch.DoubleTensor",
  ["torch.float16"] = "torch.HalfTensor", ["torch.bfloat16"] = "torch.BFloat16Tensor",
}

return function(nn, c)
  local function take_module(value)
    if c.is_module(value) then return value end
    error(format("a %s is not a Module subclass", c.is_tensor(value) and "tensor" or type(value)), 0)
  end

  local function take_parameter(value)
    if c.is_parameter(value) then return value end
    if c.is_tensor(value) then return nn.Parameter(value) end
    error(format("a %s is neither a tensor nor a parameter", type(value)), 0)
  end

  local function class_of(name)
    local class = nn.Module:extend(name)
    nn[name] = class
    return class
  end

  local ModuleList = class_of("ModuleList")
  make_list(ModuleList, take_module)
  ModuleList.__repr = list_repr

  local ParameterList = class_of("ParameterList")
  make_list(ParameterList, take_parameter)

  function ParameterList:__repr()
    local lines = {}
    for value, i in self:iter() do
      lines[#lines + 1] = format("    (%d): %s", i, parameter_text(value, tostring(value.dtype)))
    end
    if #lines == 0 then return self._name .. "()" end
    return format("%s(\n%s\n)", self._name, concat(lines, "\n"))
  end

  make_dict(c, class_of("ModuleDict"), take_module)

  local ParameterDict = class_of("ParameterDict")
  make_dict(c, ParameterDict, take_parameter)

  function ParameterDict:__repr()
    local lines = {}
    for name, value in self:items() do
      lines[#lines + 1] = format("  (%s): %s", name,
                               parameter_text(value, type_names[tostring(value.dtype)]))
    end
    return format("%s(%s)", self._name, concat(lines, "\n"))
  end
end
