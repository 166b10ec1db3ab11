-- LambdaCallback: hooks given as functions, each called as (trainer, pl_module, ...).
local use = ...
local Callback, options = use("callback"), use("options")
local error, format, ipairs, type = error, string.format, ipairs, type

local LambdaCallback = Callback:extend("LambdaCallback")

function LambdaCallback:init(hooks)
  local given = options.check(hooks, "LambdaCallback", Callback.hooks)
  for _, name in ipairs(Callback.hooks) do
    local f = given[name]
    if f ~= nil and type(f) ~= "function" then
      error(format("TypeError: LambdaCallback: '%s' is a %s, expected a function", name, type(f)),
            0)
    end
    if f ~= nil then self[name] = function(_, ...) return f(...) end end
  end
end

return LambdaCallback
