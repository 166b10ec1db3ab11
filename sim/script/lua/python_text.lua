-- Numbers as Python writes them: repr, str and format(value, spec).
--
-- File names of checkpoints and messages are made of such texts, so "{epoch:02d}-{val_loss:.2f}"
-- must give what Python's formatting gives, to the character. A tensor of one element counts as
-- its number, as torch's does.
local error, find, format, gsub, match, math_type, rep, reverse, sub, tonumber, tostring, type =
  error, string.find, string.format, string.gsub, string.match, math.type, string.rep,
  string.reverse, string.sub, tonumber, tostring, type
local huge, utf8_char, utf8_len = math.huge, utf8.char, utf8.len

local text = {}

-- The number in a tensor of one element; anything else as it is.
function text.plain(value)
  if type(value) == "userdata" then return value:item() end
  return value
end

-- inf and nan of a float, or nil.
local function not_finite(value)
  if value ~= value then return "nan" end
  if value == huge or value == -huge then return "inf" end
end

-- Digits without a point, and where the point belongs (0.0012 is "12", -2).
local function scientific(value, precision)
  local digits, exponent = match(format("%." .. precision - 1 .. "e", value), "^(.-)e(.*)$")
  digits = gsub(digits, "%.", "")
  return digits, tonumber(exponent) + 1
end

-- Digits and point as text: with an exponent when `point` is below -3 or above `limit`.
local function lay_out(digits, point, limit)
  digits = gsub(digits, "0+$", "")
  if digits == "" then digits = "0" end
  if point <= -4 or point > limit then
    local head, tail = sub(digits, 1, 1), sub(digits, 2)
    return format("%s%se%s%02d", head, tail ~= "" and "." .. tail or "", point < 1 and "-" or "+",
                  point < 1 and 1 - point or point - 1)
  end
  if point <= 0 then return "0." .. rep("0", -point) .. digits end
  if #digits <= point then return digits .. rep("0", point - #digits) .. ".0" end
  return sub(digits, 1, point) .. "." .. sub(digits, point + 1)
end

-- The shortest digits that read back as this float, which is above 0. Above a power of two floats
-- lie twice as far apart as below it, so the next larger text may read back where the nearest does
-- not.
local function shortest(value)
  for precision = 1, 16 do
    local digits, point = scientific(value, precision)
    local exponent = "e" .. point - #digits
    if tonumber(digits .. exponent) == value then return digits, point end
    local above = tostring(tonumber(digits) + 1)
    if #above == #digits and tonumber(above .. exponent) == value then return above, point end
  end
  return scientific(value, 17)
end

local function is_negative(value) return value < 0 or (value == 0 and 1 / value < 0) end

local function float_text(value)
  local special = not_finite(value)
  local sign = value == value and is_negative(value) and "-" or ""
  if special then return sign .. special end
  if sign ~= "" then value = -value end
  if value == 0 then return sign .. "0.0" end
  local digits, point = shortest(value)
  return sign .. lay_out(digits, point, 16)
end

-- str(value) of what may stand in a record: nil, booleans, numbers, strings.
function text.str(value)
  value = text.plain(value)
  if value == nil then return "None" end
  if value == true then return "True" end
  if value == false then return "False" end
  if math_type(value) == "float" then return float_text(value) end
  return tostring(value)
end

-- repr(value): as str, and strings between quotes.
function text.repr(value)
  if type(value) ~= "string" then return text.str(value) end
  local quote = find(value, "'", 1, true) and not find(value, '"', 1, true) and '"' or "'"
  value = gsub(gsub(value, "\\", "\\\\"), "\n", "\\n")
  if quote == "'" then value = gsub(value, "'", "\\'") end
  return quote .. value .. quote
end

-- ---- format(value, spec) ----

-- [[fill]align][sign][z][#][0][width][grouping][.precision][type]
local function parse(spec)
  local parts = { align = nil, fill = " " }
  local rest = spec
  local fill, align, tail = match(rest, "^([^\128-\191][\128-\191]*)([<>=^])(.*)$")
  if fill then
    parts.fill, parts.align, rest = fill, align, tail
  else
    align, tail = match(rest, "^([<>=^])(.*)$")
    if align then parts.align, rest = align, tail end
  end
  local sign, alternate, zero, width, grouping, precision, kind =
    match(rest, "^([+%- ]?)z?(#?)(0?)(%d*)([,_]?)(%.?%d*)(%a?%%?)$")
  if not sign or precision == "." or #kind > 1 then
    error(format("ValueError: Invalid format specifier '%s'", spec), 0)
  end
  if zero ~= "" and not parts.align then parts.fill, parts.align = "0", "=" end
  parts.sign, parts.alternate, parts.grouping, parts.kind = sign, alternate, grouping, kind
  parts.width = tonumber(width) or 0
  parts.precision = tonumber((sub(precision, 2)))
  return parts
end

local function group_digits(digits, separator)
  local grouped = reverse(gsub(reverse(digits), "(%d%d%d)", "%1" .. separator))
  return sub(grouped, 1, 1) == separator and sub(grouped, 2) or grouped
end

-- The text of a value that is not negative, without padding, for float types.
local function float_body(value, parts)
  local kind, precision, alternate = parts.kind, parts.precision, parts.alternate
  local special = not_finite(value)
  local suffix = ""
  if kind == "%" then kind, suffix, value = "f", "%", value * 100 end
  if special then
    return (match(kind, "^[EFG]$") and special:upper() or special) .. suffix
  end
  if kind == "" then
    if not precision then return value == 0 and "0.0" or (float_text(value)) end
    if precision == 0 then precision = 1 end
    local digits, point = scientific(value, precision)
    return lay_out(digits, value == 0 and 1 or point, precision - 1)
  end
  if kind == "n" then kind = "g" end
  if kind == "F" then kind = "f" end
  return format("%" .. alternate .. "." .. (precision or 6) .. kind, value) .. suffix
end

local integer_formats = { [""] = "%d", d = "%d", n = "%d", o = "%o", x = "%x", X = "%X" }
local prefixes = { o = "0o", x = "0x", X = "0X", b = "0b" }

local function binary(value)
  local digits = ""
  repeat
    digits = (value & 1) .. digits
    value = value >> 1
  until value == 0
  return digits
end

local function pad(sign, body, parts)
  local fill, align, width = parts.fill, parts.align or ">", parts.width
  if parts.grouping ~= "" then
    local whole, tail = match(body, "^(%d+)(.*)$")
    if whole then
      if align == "=" and fill == "0" then
        while #group_digits(whole, parts.grouping) + #tail + #sign < width do
          whole = "0" .. whole
        end
      end
      body = group_digits(whole, parts.grouping) .. tail
    end
  end
  local missing = width - #sign - (utf8_len(body) or #body)
  if missing <= 0 then return sign .. body end
  if align == "=" then return sign .. rep(fill, missing) .. body end
  if align == "<" then return sign .. body .. rep(fill, missing) end
  if align == ">" then return rep(fill, missing) .. sign .. body end
  return rep(fill, missing // 2) .. sign .. body .. rep(fill, missing - missing // 2)
end

local function unknown_code(kind, name)
  error(format("ValueError: Unknown format code '%s' for object of type '%s'", kind, name), 0)
end

local function format_string(value, parts)
  if parts.kind ~= "" and parts.kind ~= "s" then unknown_code(parts.kind, "str") end
  if parts.precision then
    local stop = utf8.offset(value, parts.precision + 1)
    if stop then value = sub(value, 1, stop - 1) end
  end
  parts.align = parts.align or "<"
  parts.grouping = ""
  return pad("", value, parts)
end

local function sign_of(value, parts)
  if value == value and is_negative(value) then return "-" end
  return parts.sign == "-" and "" or parts.sign
end

local function format_integer(value, parts)
  local kind = parts.kind
  local sign = sign_of(value, parts)
  if parts.precision then
    error("ValueError: Precision not allowed in integer format specifier", 0)
  end
  if sign == "-" then value = -value end
  if kind == "c" then return pad("", utf8_char(value), parts) end
  local body = kind == "b" and binary(value) or format(integer_formats[kind], value)
  if parts.alternate ~= "" then sign = sign .. (prefixes[kind] or "") end
  return pad(sign, body, parts)
end

-- format(value, spec) of Python; f"{value:spec}".
function text.format(value, spec)
  value = text.plain(value)
  if spec == nil or spec == "" then return text.str(value) end
  local parts = parse(spec)
  if type(value) == "string" then return format_string(value, parts) end
  if value == nil then
    error("TypeError: unsupported format string passed to NoneType.__format__", 0)
  end
  if type(value) == "boolean" then value = value and 1 or 0 end
  if math_type(value) == "integer" and
    (integer_formats[parts.kind] or parts.kind == "b" or parts.kind == "c") then
    return format_integer(value, parts)
  end
  if parts.kind ~= "" and not find("eEfFgGn%", parts.kind, 1, true) then
    unknown_code(parts.kind, math_type(value) == "integer" and "int" or "float")
  end
  value = 1.0 * value -- a sum with 0.0 would lose the sign of -0.0
  local sign = sign_of(value, parts)
  if sign == "-" then value = -value end
  return pad(sign, float_body(value, parts), parts)
end

return text
