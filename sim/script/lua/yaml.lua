-- Hyper-parameters as YAML: what PyYAML's dump(params) writes for plain values, keys sorted.
local use = ...
local class = use("class")
local python = use("python_text")
local concat, find, format, gsub, ipairs, math_type, next, pairs, sort, tostring, type =
  table.concat, string.find, string.format, string.gsub, ipairs, math.type, next, pairs, table.sort,
  tostring, type

local yaml = {}

-- Texts that would be read as something else than a string.
local special = {}
for _, word in ipairs({ "yes", "no", "on", "off", "true", "false", "null" }) do special[word] = true end

local function plain_is_safe(text)
  if text == "" or special[text:lower()] or text == "~" or text == "=" or text == "<<" then return false end
  if find(text, "^[%s%-?:,%[%]{}#&*!|>'\"%%@`]") and not find(text, "^[-?:]%S") then return false end
  if find(text, "%s$") or find(text, ": ") or find(text, " #") or find(text, ":$") then return false end
  if find(text, "[%c\127-\255]") then return false end
  -- Numbers, dates and the like.
  if find(text, "^[-+]?[%d.][%d_.]*$") or find(text, "^[-+]?[%d][%d_]*%.?[%d_]*[eE][-+]%d+$") or
     find(text, "^[-+]?%.[iI][nN][fF]$") or find(text, "^%.[nN][aA][nN]$") or
     find(text, "^0[xob]%x+$") or find(text, "^%d%d%d%d%-%d%d?%-%d%d?") then
    return false
  end
  return true
end

local function string_text(text)
  if plain_is_safe(text) then return text end
  if find(text, "[%c\127-\255]") then
    return '"' .. gsub(gsub(text, '[\\"]', "\\%0"), "%c", function(ch)
      if ch == "\n" then return "\\n" elseif ch == "\t" then return "\\t" end
      return format("\\x%02X", ch:byte())
    end) .. '"'
  end
  return "'" .. gsub(text, "'", "''") .. "'"
end

local function scalar(value)
  local kind = type(value)
  if kind == "boolean" then return value and "true" or "false" end
  if math_type(value) == "integer" then return tostring(value) end
  if kind == "number" then
    if value ~= value then return ".nan" end
    if value == math.huge then return ".inf" elseif value == -math.huge then return "-.inf" end
    local text = python.str(value)
    -- YAML 1.1 wants a point in front of an exponent.
    if find(text, "e") and not find(text, "%.") then text = gsub(text, "e", ".0e") end
    return text
  end
  if kind == "string" then return string_text(value) end
  if kind == "nil" then return "null" end
  return string_text(yaml.python_text(value))
end

local function is_list(value) return value[1] ~= nil or next(value) == nil and getmetatable(value) == nil end

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = tostring(key) end
  sort(keys)
  return keys
end

local emit

local function emit_list(value, indent, out)
  for _, item in ipairs(value) do
    if type(item) == "table" and class.of(item) == nil and next(item) ~= nil then
      local nested = {}
      emit(item, indent .. "  ", nested)
      nested[1] = indent .. "- " .. nested[1]:sub(#indent + 3)
      for _, text in ipairs(nested) do out[#out + 1] = text end
    else
      out[#out + 1] = indent .. "- " .. (type(item) == "table" and "{}" or scalar(item))
    end
  end
end

function emit(value, indent, out)
  if is_list(value) then return emit_list(value, indent, out) end
  for _, key in ipairs(sorted_keys(value)) do
    local item = value[key]
    if item == nil then item = value[math.tointeger(key) or key] end
    local head = indent .. string_text(key) .. ":"
    if type(item) ~= "table" or class.of(item) ~= nil then
      out[#out + 1] = head .. " " .. scalar(item)
    elseif next(item) == nil then
      out[#out + 1] = head .. (is_list(item) and " []" or " {}")
    else
      out[#out + 1] = head
      -- PyYAML does not indent the items of a list below a key.
      emit(item, is_list(item) and indent or indent .. "  ", out)
    end
  end
end

-- A value that is no plain one, as Python's str would show it as far as that makes sense here.
function yaml.python_text(value)
  if type(value) == "table" and class.of(value) == nil and getmetatable(value) == nil then
    local parts = {}
    for i, item in ipairs(value) do
      parts[i] = type(item) == "string" and "'" .. item .. "'" or yaml.python_text(item)
    end
    return "[" .. concat(parts, ", ") .. "]"
  end
  if type(value) == "number" or type(value) == "boolean" or value == nil then return python.str(value) end
  if type(value) == "function" then return "<function>" end
  return tostring(value)
end

-- The document; `{}` where there is nothing in it.
function yaml.dump(params)
  local out = {}
  if next(params) == nil then return "{}\n" end
  emit(params, "", out)
  return concat(out, "\n") .. "\n"
end

return yaml
