-- A table that pairs() walks in the order in which its names were added.
local function ordered_dict()
  local names, known = {}, {}
  return setmetatable({}, {
    __name = "OrderedDict",
    __newindex = function(self, name, value)
      if not known[name] then
        known[name] = true
        names[#names + 1] = name
      end
      rawset(self, name, value)
    end,
    __pairs = function(self)
      local i = 0
      return function()
        local name
        repeat
          i = i + 1
          name = names[i]
        until name == nil or rawget(self, name) ~= nil
        if name ~= nil then return name, rawget(self, name) end
      end, self, nil
    end,
  })
end

return ordered_dict
