-- What only global rank 0 says or does: rank_zero_only, rank_zero_info, rank_zero_warn.
--
-- They do not synchronise anything, which is the trap in them: a collective inside runs on rank 0
-- alone.
local _, c = ...
local format, print, tostring, type = string.format, print, tostring, type
local get_rank, is_oracle = dist.get_rank, c.is_oracle

local rank_zero = {}

-- Wraps a function so that it does nothing, and returns `default`, on other ranks.
function rank_zero.rank_zero_only(f, default)
  if type(f) ~= "function" then
    error(format("rank_zero_only: expected a function, found a %s", type(f)), 0)
  end
  return function(...)
    if get_rank() == 0 then return f(...) end
    return default
  end
end

function rank_zero.rank_zero_info(...)
  if get_rank() == 0 then print(...) end
end

local warned = {}

-- Prints once a text. As Python's warnings, it begins with its category.
function rank_zero.rank_zero_warn(message, options)
  if get_rank() ~= 0 or is_oracle() then return end
  local category = options and options.category or "UserWarning"
  local line = category .. ": " .. tostring(message)
  if warned[line] then return end
  warned[line] = true
  print(line)
end

return rank_zero
