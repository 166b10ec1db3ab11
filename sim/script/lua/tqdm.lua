-- A bar as tqdm draws it, in the format of Lightning's TQDMProgressBar, on virtual time:
--
--   Epoch 0: 100%|██████████| 10/10 [00:00<00:00, 123.40it/s, v_num=0, train_loss=0.500]
--
-- The bar is ten columns wide, as tqdm's is where the output is no terminal. It is printed as one
-- line when it is finished (close, or a reset for the next round), never rewritten in place.
local use = ...
local class, python, ordered_dict = use("class"), use("python_text"), use("ordered_dict")
local pairs, print, tonumber, tostring, type = pairs, print, tonumber, tostring, type
local concat, find, floor, format, gsub, huge, match, math_type, rep =
  table.concat, string.find, math.floor, string.format, string.gsub, math.huge, string.match,
  math.type, string.rep
local now = sim.now

local Tqdm = class("Tqdm")

-- { desc, position, disable, leave, total }
function Tqdm:init(options)
  options = options or {}
  self.desc = options.desc or ""
  self.total = options.total
  self.leave = options.leave ~= false
  self.position = options.position or 0
  self.disable = options.disable == true
  self.n = 0
  self.initial = 0
  self.postfix = nil
  self._fresh = true -- nothing to show yet
  if not self.disable then self._start = now() end
end

-- ---- texts ----

-- '%.3g' without padded exponents, or str() where that is not longer.
local function short_number(value)
  local brief = gsub(gsub(python.format(value, ".3g"), "e%+0", "e+"), "e%-0", "e-")
  local whole = python.str(value)
  return #brief < #whole and brief or whole
end

-- Floats and texts that are numbers are padded to five columns, so that a bar does not jump.
function Tqdm.format_num(value)
  local padded = type(value) == "string" or math_type(value) == "float"
  local text = type(value) == "string" and value or short_number(value)
  if padded and not find(text, "e", 1, true) then
    if not find(text, ".", 1, true) and #text < 5 then
      if not tonumber(text) and not match(text, "^-?inf$") and text ~= "nan" then return text end
      text = text .. "."
    end
    text = text .. rep("0", 5 - #text)
  end
  return text
end

-- [H:]MM:SS
function Tqdm.format_interval(seconds)
  local sign = seconds < 0 and "-" or ""
  local whole = floor(seconds < 0 and -seconds or seconds)
  local hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
  if hours > 0 then return format("%s%d:%02d:%02d", sign, hours, minutes, rest) end
  return format("%s%02d:%02d", sign, minutes, rest)
end

local blocks = { [0] = " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" }

local function draw(fraction, width)
  local eighths = floor(fraction * width * 8)
  local full = eighths // 8
  if full >= width then return rep(blocks[8], full) end
  return rep(blocks[8], full) .. blocks[eighths % 8] .. rep(" ", width - full - 1)
end

local function postfix_text(postfix)
  if not postfix then return "" end
  local parts = {}
  for name, value in pairs(postfix) do
    if type(value) == "number" then
      value = Tqdm.format_num(value)
    elseif type(value) ~= "string" then
      value = tostring(value)
    end
    parts[#parts + 1] = name .. "=" .. match(value, "^%s*(.-)%s*$")
  end
  return #parts > 0 and ", " .. concat(parts, ", ") or ""
end

-- The whole line as it stands after `elapsed` seconds.
function Tqdm:line(elapsed)
  local n, total = self.n, self.total
  if total and (n >= total + 0.5 or total == huge) then total = nil end
  local total_text = total and python.str(total) or "?"
  if total == 0 then total = nil end
  local rate = elapsed > 0 and (n - self.initial) / elapsed or nil
  if rate == 0 then rate = nil end
  local left = rate and (total and (total - n) / rate or 0)
  local head = self.desc ~= "" and gsub(self.desc, ": $", "") .. ": " or ""
  local bar = total and draw(n / total, 10) or rep(" ", 10)
  local percent = total and format("%3.0f%%", n / total * 100) or ""
  return format("%s%s|%s| %s/%s [%s<%s, %sit/s%s]", head, percent, bar, python.str(n),
                total_text,
                Tqdm.format_interval(elapsed), left and Tqdm.format_interval(left) or "?",
                rate and format("%5.2f", rate) or "?", postfix_text(self.postfix))
end

-- ---- life ----

function Tqdm:set_description(text) self.desc = text or "" end

-- Shows these numbers behind the rate; a table or ordered_dict of name and value.
function Tqdm:set_postfix(values)
  local kept = ordered_dict()
  for name, value in pairs(values) do kept[name] = value end
  self.postfix = kept
end

function Tqdm:refresh() self._fresh = false end

function Tqdm:update(count)
  self.n = self.n + (count or 1)
  self._fresh = false
end

-- Prints the finished line, unless there is nothing to show.
function Tqdm:finish()
  if not self.disable and not self._fresh then print(self:line(now() - self._start)) end
  self._fresh = true
end

function Tqdm:reset(total)
  self:finish()
  self.n = 0
  if total ~= nil then self.total = total end
  if not self.disable then self._start = now() end
end

function Tqdm:close()
  self:finish()
  self.disable = true
end

-- Prints a line beside the bar.
function Tqdm:write(text)
  print(text)
end

return Tqdm
