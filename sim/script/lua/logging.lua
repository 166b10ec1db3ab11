-- The table `logging`: Python's levelled logging, and open_log, a text file that a rank writes line
-- by line.
--
-- Each rank has its own loggers and handlers, as each process has. Handlers print, or write files
-- that are there when the run is over (open_log). Times are virtual, in UTC.
local use, c = ...
local class = use("class")
local options = use("options")
local python = use("python_text")
local yaml = use("yaml")
local concat, error, find, format, gsub, ipairs, match, math_type, pcall, print, remove, select,
  sub, tonumber, tostring, type =
  table.concat, error, string.find, string.format, string.gsub, ipairs, string.match,
  math.type, pcall, print, table.remove, select, string.sub, tonumber, tostring, type
local floor = math.floor

local logging = {}

-- ---- text logs ----

local closes_at_exit = false

-- open_log(path, {mode = "a", buffering = 8192}): write(line), flush(), close()
function logging.open_log(path, given)
  if not closes_at_exit then
    closes_at_exit = true
    c.at_exit(c.close_all)
  end
  return c.open_log(path, given)
end

-- ---- levels ----

logging.CRITICAL, logging.FATAL, logging.ERROR, logging.WARNING, logging.WARN = 50, 50, 40, 30, 30
logging.INFO, logging.DEBUG, logging.NOTSET = 20, 10, 0

local name_of = { [50] = "CRITICAL", [40] = "ERROR", [30] = "WARNING", [20] = "INFO", [10] = "DEBUG",
                  [0] = "NOTSET" }
local level_of = { CRITICAL = 50, FATAL = 50, ERROR = 40, WARNING = 30, WARN = 30, INFO = 20, DEBUG = 10,
                   NOTSET = 0 }

function logging.getLevelName(level)
  if type(level) == "string" then return level_of[level] or "Level " .. level end
  return name_of[level] or format("Level %s", python.str(level))
end

function logging.addLevelName(level, name)
  name_of[level], level_of[name] = name, level
end

local function check_level(level)
  if math_type(level) == "integer" then return level end
  if type(level) == "string" then
    if level_of[level] == nil then error(format("ValueError: Unknown level: '%s'", level), 0) end
    return level_of[level]
  end
  error(format("TypeError: Level not an integer or a valid string: %s", yaml.python_text(level)), 0)
end

-- ---- % of Python's strings ----

local function str(value)
  if type(value) == "string" then return value end
  if type(value) == "table" then return yaml.python_text(value) end
  if type(value) == "function" or type(value) == "userdata" then return tostring(value) end
  return python.str(value)
end

local function repr(value)
  return type(value) == "string" and python.repr(value) or str(value)
end

local function a_number(value, kind)
  value = python.plain(value)
  if type(value) == "boolean" then return value and 1 or 0 end
  if type(value) ~= "number" then
    error(format("TypeError: %%%s format: a real number is required, not %s", kind,
                 type(value) == "string" and "str" or value == nil and "NoneType" or type(value)), 0)
  end
  return value
end

local function whole(value)
  if math_type(value) == "integer" then return value end
  return value < 0 and -floor(-value) or floor(value)
end

local function pad(text, flags, width)
  local missing = width - (utf8.len(text) or #text)
  if missing <= 0 then return text end
  if find(flags, "-", 1, true) then return text .. (" "):rep(missing) end
  return (" "):rep(missing) .. text
end

local function conversion(flags, width, precision, kind, value)
  if kind == "s" or kind == "r" or kind == "a" then
    local text = kind == "s" and str(value) or repr(value)
    if precision then text = sub(text, 1, (utf8.offset(text, precision + 1) or #text + 1) - 1) end
    return pad(text, flags, width)
  end
  if kind == "c" then return pad(type(value) == "string" and value or utf8.char(value), flags, width) end
  value = a_number(value, kind)
  local digits = precision and "." .. precision or ""
  local room = width > 0 and tostring(width) or ""
  if find("diuxXo", kind, 1, true) then
    if kind == "i" or kind == "u" then kind = "d" end
    return format("%" .. flags .. room .. digits .. kind, whole(value))
  end
  if value ~= value or value == math.huge or value == -math.huge then
    flags = gsub(flags, "0", "")
    digits = ""
  end
  return format("%" .. flags .. room .. digits .. kind, value)
end

local empty = {}

-- `text % arguments`: as many as `count`, or one table for %(name)s.
local function percent(text, arguments, count)
  local named = count == 1 and type(arguments[1]) == "table" and arguments[1] or empty
  local used, uses_names, out, at = 0, false, {}, 1
  local function take()
    used = used + 1
    if used > count then error("TypeError: not enough arguments for format string", 0) end
    return arguments[used]
  end
  while true do
    local start = find(text, "%", at, true)
    if not start then break end
    out[#out + 1] = sub(text, at, start - 1)
    local name, rest = match(text, "^%((.-)%)()", start + 1)
    local flags, width, precision, kind, stop =
      match(text, "^([#0%- +]*)(%*?%d*)(%.?%*?%d*)[hlL]?(.)()", rest or start + 1)
    if not kind then error("ValueError: incomplete format", 0) end
    if kind == "%" then
      out[#out + 1] = "%"
    elseif not find("srdiuxXofFeEgGca", kind, 1, true) then
      error(format("ValueError: unsupported format character '%s' (0x%x) at index %d", kind, kind:byte(),
                   stop - 2), 0)
    else
      if width == "*" then width = take() end
      if precision == ".*" then precision = take() else precision = precision ~= "" and
        (tonumber(sub(precision, 2)) or 0) or nil end
      local value
      if name then
        uses_names = true
        value = named[name]
        if value == nil then error(format("KeyError: '%s'", name), 0) end
      else
        value = take()
      end
      if kind == "F" then kind = "f" end
      out[#out + 1] = conversion(flags, tonumber(width) or 0, precision, kind, value)
    end
    at = stop
  end
  if used < count and not uses_names and not (count == 1 and named ~= empty) then
    error("TypeError: not all arguments converted during string formatting", 0)
  end
  return concat(out) .. sub(text, at)
end

-- ---- records and formatters ----

local Formatter = class("Formatter")
logging.Formatter = Formatter
local began

-- Formatter("%(levelname)s - %(message)s", { datefmt = "%H:%M:%S" })
function Formatter:init(fmt, given, style)
  if type(given) == "string" then given = { datefmt = given, style = style } end
  given = options.check(given, "Formatter", { "datefmt", "style" })
  self._style = given.style or "%"
  if self._style ~= "%" and self._style ~= "{" then
    error("ValueError: Style must be one of: %, {", 0)
  end
  self._fmt = fmt or (self._style == "%" and "%(message)s" or "{message}")
  if not find(self._fmt, self._style == "%" and "%(%a+%)[#0+ -]*%d*%.?%d*[diouxefgcrsa%%]" or "{%a+[^}]*}") then
    error(format("ValueError: Invalid format '%s' for '%s' style", self._fmt, self._style), 0)
  end
  self.datefmt = given.datefmt
end

function Formatter:formatTime(record, datefmt)
  if datefmt then return c.date(datefmt, record.created) end
  return format("%s,%03d", c.date("%Y-%m-%d %H:%M:%S", record.created), floor(record.msecs))
end

function Formatter:formatMessage(record)
  if self._style == "%" then return percent(self._fmt, { record }, 1) end
  return (gsub(self._fmt, "{(%a+)([^}]*)}", function(name, rest)
    if record[name] == nil then error(format("KeyError: '%s'", name), 0) end
    local spec = match(rest, "^!?[rs]?:(.*)$")
    return python.format(record[name], spec)
  end))
end

function Formatter:format(record)
  record.message = record:getMessage()
  if find(self._fmt, "asctime", 1, true) then record.asctime = self:formatTime(record, self.datefmt) end
  local text = self:formatMessage(record)
  if record.exc_info then text = text .. "\nNoneType: None" end
  return text
end

local Record = class("LogRecord")
logging.LogRecord = Record

function Record:init(logger_name, level, message, arguments, count, site)
  local now = c.wall_time()
  self.name, self.levelno, self.levelname = logger_name, level, logging.getLevelName(level)
  self.msg, self.args, self._count = message, arguments, count
  self.created = now
  self.msecs = floor((now - floor(now)) * 1000 + 1e-6) + 0.0
  self.relativeCreated = (now - began) * 1000
  self.pathname, self.lineno, self.funcName = site.file, site.line, site.name
  self.filename = match(site.file, "[^/]+$")
  self.module = match(self.filename, "^(.+)%.[^.]*$") or self.filename
  self.process, self.processName, self.thread, self.threadName = c.process(), "MainProcess", 1, "MainThread"
end

function Record:getMessage()
  local message = str(self.msg)
  if self._count == 0 then return message end
  return percent(message, self.args, self._count)
end

-- ---- handlers ----

-- Filters are functions of a record, or tables with a method filter.
local function passes(self, record)
  for _, filter in ipairs(self.filters) do
    local keeps
    if type(filter) == "function" then keeps = filter(record) else keeps = filter:filter(record) end
    if not keeps or keeps == 0 then return false end
  end
  return true
end

local function add(list, item)
  for _, known in ipairs(list) do
    if known == item then return end
  end
  list[#list + 1] = item
end

local function take_out(list, item)
  for i, known in ipairs(list) do
    if known == item then return remove(list, i) end
  end
end

local Handler = class("Handler")
logging.Handler = Handler

function Handler:init(level)
  self.level, self.filters = check_level(level or 0), {}
end

function Handler:setLevel(level) self.level = check_level(level) end
function Handler:setFormatter(formatter) self.formatter = formatter end
function Handler:addFilter(filter) add(self.filters, filter) end
function Handler:removeFilter(filter) take_out(self.filters, filter) end
function Handler:flush() end
function Handler:close() end

local plain = Formatter()

function Handler:format(record) return (self.formatter or plain):format(record) end

function Handler:emit() error("NotImplementedError: emit must be implemented by Handler subclasses", 0) end

-- What goes wrong while a record is made into text is told and does not end the program.
function Handler:handleError(record, message)
  print("--- Logging error ---")
  print(tostring(message))
  local arguments = {}
  for i = 1, record._count do arguments[i] = repr(record.args[i]) end
  print("Message: " .. repr(record.msg))
  print("Arguments: (" .. concat(arguments, ", ") .. (record._count == 1 and ",)" or ")"))
end

function Handler:handle(record)
  if passes(self, record) then self:emit(record) end
end

local function text_or_error(self, record)
  local ok, text = pcall(self.format, self, record)
  if ok then return text end
  self:handleError(record, gsub(tostring(text), "^[^:]+:%d+: ", ""))
end

local StreamHandler = Handler:extend("StreamHandler")
logging.StreamHandler = StreamHandler

-- On stderr or stdout: both are what the rank prints.
function StreamHandler:init() Handler.init(self) end

function StreamHandler:emit(record)
  local text = text_or_error(self, record)
  if text then print(text) end
end

local FileHandler = StreamHandler:extend("FileHandler")
logging.FileHandler = FileHandler

-- FileHandler(path, { mode = "a" }): each record is written at once.
function FileHandler:init(path, given)
  if type(given) == "string" then given = { mode = given } end
  given = options.check(given, "FileHandler", { "mode", "delay", "encoding" })
  Handler.init(self)
  self.baseFilename, self.mode = path, given.mode or "a"
  if not given.delay then self:_open() end
end

function FileHandler:_open() self.stream = logging.open_log(self.baseFilename, { mode = self.mode }) end

function FileHandler:emit(record)
  local text = text_or_error(self, record)
  if not text then return end
  if not self.stream then self:_open() end
  self.stream:write(text)
  self.stream:flush()
end

function FileHandler:flush()
  if self.stream then self.stream:flush() end
end

function FileHandler:close()
  if self.stream then self.stream:close() end
  self.stream = nil
end

local NullHandler = Handler:extend("NullHandler")
logging.NullHandler = NullHandler
function NullHandler:handle() end
function NullHandler:emit() end

logging.lastResort = StreamHandler()
logging.lastResort:setLevel(30)

-- ---- loggers ----

local Logger = class("Logger")
logging.Logger = Logger
local by_name, disabled_to = {}, 0

function Logger:init(name, level)
  self.name, self.level = name, check_level(level or 0)
  self.handlers, self.filters, self.propagate, self.disabled = {}, {}, true, false
end

local root = Logger("root", 30)
logging.root = root

Logger._instances.__tostring = function(self)
  return format("<%s %s (%s)>", self == root and "RootLogger" or "Logger", self.name,
                logging.getLevelName(self:getEffectiveLevel()))
end

-- The nearest one above that somebody asked for: of "a.b.c" perhaps "a", else root. Looked for each
-- time, so it does not matter who was made first.
function Logger:_parent()
  local name = self.name
  while self ~= root do
    name = match(name, "^(.*)%.[^.]*$")
    if not name then return root end
    if by_name[name] then return by_name[name] end
  end
end

local function parent_of(logger) return logger:_parent() end

Logger._instances.__index = function(self, key)
  if key == "parent" then return parent_of(self) end
  return Logger[key]
end

function logging.getLogger(name)
  if name == nil or name == "" or name == "root" then return root end
  if type(name) ~= "string" then error("TypeError: A logger name must be a string", 0) end
  local logger = by_name[name]
  if not logger then
    logger = Logger(name)
    by_name[name] = logger
  end
  return logger
end

function Logger:getChild(suffix)
  return logging.getLogger(self == root and suffix or self.name .. "." .. suffix)
end

function Logger:setLevel(level) self.level = check_level(level) end

function Logger:getEffectiveLevel()
  local logger = self
  while logger do
    if logger.level ~= 0 then return logger.level end
    logger = parent_of(logger)
  end
  return 0
end

function Logger:isEnabledFor(level)
  return not self.disabled and level > disabled_to and level >= self:getEffectiveLevel()
end

function Logger:addHandler(handler)
  if not class.is(handler, Handler) then
    error(format("addHandler: expected a handler, as logging.StreamHandler() is, found a %s",
                 type(handler)), 0)
  end
  add(self.handlers, handler)
end

function Logger:removeHandler(handler) take_out(self.handlers, handler) end
function Logger:addFilter(filter) add(self.filters, filter) end
function Logger:removeFilter(filter) take_out(self.filters, filter) end

function Logger:hasHandlers()
  local logger = self
  while logger do
    if #logger.handlers > 0 then return true end
    if not logger.propagate then return false end
    logger = parent_of(logger)
  end
  return false
end

function Logger:callHandlers(record)
  local logger, found = self, false
  while logger do
    for _, handler in ipairs(logger.handlers) do
      found = true
      if record.levelno >= handler.level then handler:handle(record) end
    end
    logger = logger.propagate and parent_of(logger) or nil
  end
  local last = logging.lastResort
  if not found and last and record.levelno >= last.level then last:handle(record) end
end

function Logger:handle(record)
  if not self.disabled and passes(self, record) then self:callHandlers(record) end
end

-- With the line of the scenario that logs.
local function emit(self, level, exc_info, message, ...)
  local file, line, name = c.site()
  local record = Record(self.name, level, message, { ... }, select("#", ...),
                        { file = file, line = line, name = name })
  record.exc_info = exc_info
  self:handle(record)
end

for name, level in pairs({ debug = 10, info = 20, warning = 30, error = 40, critical = 50 }) do
  Logger[name] = function(self, ...)
    if self:isEnabledFor(level) then emit(self, level, false, ...) end
  end
end
Logger.warn, Logger.fatal = Logger.warning, Logger.critical

function Logger:exception(...)
  if self:isEnabledFor(40) then emit(self, 40, true, ...) end
end

function Logger:log(level, ...)
  if math_type(level) ~= "integer" then error("TypeError: level must be an integer", 0) end
  if self:isEnabledFor(level) then emit(self, level, false, ...) end
end

-- ---- the module's own ----

function logging.disable(level) disabled_to = check_level(level or 50) end

function logging.basicConfig(given)
  given = options.check(given, "basicConfig", {
    "level", "format", "datefmt", "style", "filename", "filemode", "handlers", "stream", "force",
  })
  if given.force then
    for i = #root.handlers, 1, -1 do
      root.handlers[i]:close()
      remove(root.handlers, i)
    end
  end
  if #root.handlers > 0 then return end
  if given.handlers and (given.filename or given.stream) then
    error("ValueError: 'stream' or 'filename' should not be specified together with 'handlers'", 0)
  end
  local handlers = given.handlers
  if not handlers then
    handlers = { given.filename and FileHandler(given.filename, { mode = given.filemode }) or StreamHandler() }
  end
  local style = given.style or "%"
  local fmt = given.format or
    (style == "%" and "%(levelname)s:%(name)s:%(message)s" or "{levelname}:{name}:{message}")
  local formatter = Formatter(fmt, { datefmt = given.datefmt, style = style })
  for _, handler in ipairs(handlers) do
    if not handler.formatter then handler:setFormatter(formatter) end
    root:addHandler(handler)
  end
  if given.level then root:setLevel(given.level) end
end

for _, name in ipairs({ "debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "log" }) do
  local method = Logger[name]
  logging[name] = function(...)
    if #root.handlers == 0 then logging.basicConfig() end
    method(root, ...)
  end
end

-- Flushes and closes what is open, as Python does at its end.
function logging.shutdown()
  for _, handler in ipairs(root.handlers) do
    handler:flush()
    handler:close()
  end
end

began = c.wall_time()

return logging
