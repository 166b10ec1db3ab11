-- Spans of time as users write them, and as Python's timedelta prints them.
--
-- A span is a number of seconds, a text DD:HH:MM:SS, or a table with any of weeks, days, hours,
-- minutes, seconds, milliseconds and microseconds. Here it is a whole number of microseconds, as in
-- Python.
local use = ...
local options = use("options")
local error, floor, format, ipairs, match, type =
  error, math.floor, string.format, ipairs, string.match, type
local concat = table.concat

local units = {
  { "weeks", 604800000000 }, { "days", 86400000000 }, { "hours", 3600000000 },
  { "minutes", 60000000 }, { "seconds", 1000000 }, { "milliseconds", 1000 }, { "microseconds", 1 },
}
local unit_names = {}
for i, unit in ipairs(units) do unit_names[i] = unit[1] end

local duration = {}

local function whole(number)
  local below = floor(number)
  local rest = number - below
  if rest > 0.5 or (rest == 0.5 and below % 2 == 1) then below = below + 1 end
  return below
end

local function of_text(text, verb)
  local days, hours, minutes, seconds = match(text, "^%s*(%d+):(%d%d):(%d%d):(%d%d)%s*$")
  if not days then
    error(format("MisconfigurationException: %s: the duration is '%s', expected DD:HH:MM:SS, a " ..
                 "number of seconds, or a table such as { minutes = 5 }", verb, text), 0)
  end
  return duration.of({
    days = days + 0, hours = hours + 0, minutes = minutes + 0, seconds = seconds + 0,
  }, verb)
end

-- The microseconds of a span as users write it; `verb` speaks in messages.
function duration.of(value, verb)
  if type(value) == "number" then
    if not (value >= -1e9 and value <= 1e9) then
      error(format("OverflowError: %s: a duration of %g seconds, expected at most 1e9", verb,
                   value), 0)
    end
    return whole(value * 1000000)
  end
  if type(value) == "string" then return of_text(value, verb) end
  if type(value) ~= "table" then
    error(format("TypeError: %s: a duration is a %s, expected seconds or a table such as " ..
                 "{ minutes = 5 }", verb, type(value)), 0)
  end
  local given = options.check(value, verb, unit_names)
  local total = 0
  for _, unit in ipairs(units) do
    local count = given[unit[1]]
    if count ~= nil and type(count) ~= "number" then
      error(format("TypeError: %s: '%s' of a duration is a %s, expected a number", verb, unit[1],
                   type(count)), 0)
    end
    total = total + (count or 0) * unit[2]
  end
  return duration.of(total / 1000000, verb)
end

-- The same in seconds.
function duration.seconds(value, verb) return duration.of(value, verb) / 1000000 end

-- True if so many seconds of the virtual clock are at least the span. The clock counts whole
-- nanoseconds; the difference of two of its readings is one of them again, but for rounding.
function duration.is_over(seconds, span) return floor(seconds * 1e9 + 0.5) >= span * 1000 end

-- "1 day, 2:03:04.500000"
function duration.str(span)
  local days = span // 86400000000
  local rest = span % 86400000000
  local micros = rest % 1000000
  rest = rest // 1000000
  local clock = format("%d:%02d:%02d", rest // 3600, rest // 60 % 60, rest % 60)
  if micros > 0 then clock = clock .. format(".%06d", micros) end
  if days == 0 then return clock end
  return format("%d day%s, %s", days, (days == 1 or days == -1) and "" or "s", clock)
end

-- "datetime.timedelta(days=1, seconds=7384, microseconds=500000)"
function duration.repr(span)
  local parts = {}
  local days, rest = span // 86400000000, span % 86400000000
  local seconds, micros = rest // 1000000, rest % 1000000
  if days ~= 0 then parts[#parts + 1] = format("days=%d", days) end
  if seconds ~= 0 then parts[#parts + 1] = format("seconds=%d", seconds) end
  if micros ~= 0 then parts[#parts + 1] = format("microseconds=%d", micros) end
  return format("datetime.timedelta(%s)", #parts > 0 and concat(parts, ", ") or "0")
end

return duration
