-- torch.nn, second part: convolutions, pools, embedding, and what turns shapes around.
-- define(nn, c) adds the classes to nn; `s` holds what nn_spatial.c gives.
local _, s = ...
local error, select, type = error, select, type
local concat, format, tointeger = table.concat, string.format, math.tointeger

-- Options may come one by one in torch's order, in a trailing table by their names, or both.
local function gather(c, verb, names, ...)
  local options, count = {}, select("#", ...)
  for i = 1, count do
    local value = (select(i, ...))
    if i == count and type(value) == "table" and value[1] == nil then
      c.check_options(value, verb, table.unpack(names))
      for _, name in ipairs(names) do
        if value[name] ~= nil then options[name] = value[name] end
      end
    elseif names[i] then
      options[names[i]] = value
    else
      error(format("%s: %d options, expected at most %d", verb, count, #names), 0)
    end
  end
  return options
end

local function whole(verb, name, value, least)
  local n = type(value) == "number" and tointeger(value)
  if not n or n < least then
    error(format("%s: '%s' is %s, expected a whole number from %d on", verb, name,
                 type(value) == "number" and tostring(value) or "a " .. type(value), least), 0)
  end
  return n
end

-- A list of `rank` numbers, of which one may stand for all.
local function tuple(verb, name, value, rank, least)
  local list = {}
  if type(value) == "table" and #value ~= rank then
    error(format("%s: '%s' has %d entries, expected %d", verb, name, #value, rank), 0)
  end
  for i = 1, rank do
    list[i] = whole(verb, name, type(value) == "table" and value[i] or value, least)
  end
  return list
end

-- As Python writes a number or a tuple; false is None.
local function tuple_text(value)
  if type(value) ~= "table" then return value and tostring(value) or "None" end
  local parts = {}
  for i = 1, #value do parts[i] = value[i] and tostring(value[i]) or "None" end
  return format(#parts == 1 and "(%s,)" or "(%s)", concat(parts, ", "))
end

local function all_are(list, number)
  for _, value in ipairs(list) do
    if value ~= number then return false end
  end
  return true
end

-- ---- convolutions ----

local conv_names = { "stride", "padding", "dilation", "groups", "bias", "padding_mode" }

local function conv_init(self, c, rank, in_channels, out_channels, kernel_size, ...)
  local verb = self._name
  local options = gather(c, verb, conv_names, ...)
  local padding = options.padding or 0
  self.in_channels = whole(verb, "in_channels", in_channels, 1)
  self.out_channels = whole(verb, "out_channels", out_channels, 1)
  self.kernel_size = tuple(verb, "kernel_size", kernel_size, rank, 1)
  self.stride = tuple(verb, "stride", options.stride or 1, rank, 1)
  self.dilation = tuple(verb, "dilation", options.dilation or 1, rank, 1)
  self.groups = options.groups or 1
  if type(self.groups) ~= "number" or self.groups <= 0 or not tointeger(self.groups) then
    error(format("%s: groups must be a positive integer", verb), 0)
  end
  if in_channels % self.groups ~= 0 then
    error(format("%s: in_channels must be divisible by groups", verb), 0)
  end
  if out_channels % self.groups ~= 0 then
    error(format("%s: out_channels must be divisible by groups", verb), 0)
  end
  if type(padding) == "string" then
    if padding ~= "same" and padding ~= "valid" then
      error(format("%s: Invalid padding string '%s', should be one of 'same', 'valid'", verb,
                   padding), 0)
    end
    if padding == "same" and not all_are(self.stride, 1) then
      error(format("%s: padding='same' is not supported for strided convolutions", verb), 0)
    end
    self.padding = padding
  else
    self.padding = tuple(verb, "padding", padding, rank, 0)
  end
  if options.padding_mode ~= nil and options.padding_mode ~= "zeros" then
    error(format("%s: padding_mode '%s' is not there, expected 'zeros'", verb,
                 tostring(options.padding_mode)), 0)
  end
  local shape = { out_channels, in_channels // self.groups }
  for i = 1, rank do shape[i + 2] = self.kernel_size[i] end
  local weight, bias = s.conv_parameters(shape, options.bias ~= false)
  self.weight = weight
  self.bias = bias
end

local function conv_repr(self)
  local text = format("%d, %d, kernel_size=%s, stride=%s", self.in_channels, self.out_channels,
                      tuple_text(self.kernel_size), tuple_text(self.stride))
  if type(self.padding) == "string" or not all_are(self.padding, 0) then
    text = text .. ", padding=" .. tuple_text(self.padding)
  end
  if not all_are(self.dilation, 1) then text = text .. ", dilation=" .. tuple_text(self.dilation) end
  if self.groups ~= 1 then text = text .. ", groups=" .. self.groups end
  if self.bias == nil then text = text .. ", bias=False" end
  return text
end

return function(nn, c)
  local function layer(name) return c.layer(name, s.forwards[name], s.kinds[name]) end

  local Conv1d = layer("Conv1d")
  function Conv1d:init(...) conv_init(self, c, 1, ...) end
  Conv1d.extra_repr = conv_repr

  local Conv2d = layer("Conv2d")
  function Conv2d:init(...) conv_init(self, c, 2, ...) end
  Conv2d.extra_repr = conv_repr

  -- ---- pools ----

  -- What was given for one option of a pool: a number, or a list of two.
  local function size_of(self, name, value, least)
    if type(value) ~= "table" then return whole(self._name, name, value, least) end
    return tuple(self._name, name, value, 2, least)
  end

  local function pool_init(self, names, kernel_size, ...)
    local options = gather(c, self._name, names, ...)
    self.kernel_size = size_of(self, "kernel_size", kernel_size, 1)
    self.stride = options.stride and size_of(self, "stride", options.stride, 1) or self.kernel_size
    self.padding = size_of(self, "padding", options.padding or 0, 0)
    self.ceil_mode = options.ceil_mode == true
    return options
  end

  local MaxPool2d = layer("MaxPool2d")
  local max_names = { "stride", "padding", "dilation", "ceil_mode" }

  function MaxPool2d:init(...)
    local options = pool_init(self, max_names, ...)
    self.dilation = size_of(self, "dilation", options.dilation or 1, 1)
  end

  function MaxPool2d:extra_repr()
    return format("kernel_size=%s, stride=%s, padding=%s, dilation=%s, ceil_mode=%s",
                  tuple_text(self.kernel_size), tuple_text(self.stride), tuple_text(self.padding),
                  tuple_text(self.dilation), c.flag(self.ceil_mode))
  end

  local AvgPool2d = layer("AvgPool2d")
  local avg_names = { "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override" }

  function AvgPool2d:init(...)
    local options = pool_init(self, avg_names, ...)
    self.count_include_pad = options.count_include_pad ~= false
    if options.divisor_override then
      self.divisor_override = whole("AvgPool2d", "divisor_override", options.divisor_override, 1)
    end
  end

  function AvgPool2d:extra_repr()
    return format("kernel_size=%s, stride=%s, padding=%s", tuple_text(self.kernel_size),
                  tuple_text(self.stride), tuple_text(self.padding))
  end

  local AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d")

  -- output_size: a number, or { height, width } of which false leaves the input's own.
  function AdaptiveAvgPool2d:init(output_size)
    if type(output_size) == "table" then
      local height, width = output_size[1], output_size[2]
      self.output_size = {
        height and whole("AdaptiveAvgPool2d", "output_size", height, 0) or false,
        width and whole("AdaptiveAvgPool2d", "output_size", width, 0) or false,
      }
    else
      self.output_size = whole("AdaptiveAvgPool2d", "output_size", output_size, 0)
    end
  end

  function AdaptiveAvgPool2d:extra_repr() return "output_size=" .. tuple_text(self.output_size) end

  -- ---- embedding ----

  local Embedding = layer("Embedding")
  local embedding_names = { "padding_idx", "scale_grad_by_freq" }

  -- A padding_idx that counts from the end, brought to the front.
  local function padding_of(options, rows)
    local place = options.padding_idx
    if place == nil then return nil end
    if type(place) ~= "number" or not tointeger(place) or place >= rows or place < -rows then
      error(format("Embedding: Padding_idx must be within num_embeddings, found %s of %d",
                   tostring(place), rows), 0)
    end
    return tointeger(place) % rows
  end

  function Embedding:init(num_embeddings, embedding_dim, ...)
    local options = gather(c, "Embedding", embedding_names, ...)
    self.num_embeddings = whole("Embedding", "num_embeddings", num_embeddings, 1)
    self.embedding_dim = whole("Embedding", "embedding_dim", embedding_dim, 1)
    self.padding_idx = padding_of(options, num_embeddings)
    self.scale_grad_by_freq = options.scale_grad_by_freq == true
    self.weight = s.embedding_parameter(num_embeddings, embedding_dim, self.padding_idx or -1)
  end

  -- Embedding.from_pretrained(weight, { freeze = true, padding_idx = nil }): draws nothing.
  function Embedding.from_pretrained(weight, options)
    c.check_options(options, "from_pretrained", "freeze", "padding_idx", "scale_grad_by_freq")
    options = options or {}
    if not c.is_tensor(weight) or weight:dim() ~= 2 then
      error("from_pretrained: Embeddings parameter is expected to be 2-dimensional", 0)
    end
    local self = setmetatable({ training = true, _order = {}, _buffers = {} },
                              Embedding._instances)
    self.num_embeddings, self.embedding_dim = weight:size(0), weight:size(1)
    self.padding_idx = padding_of(options, self.num_embeddings)
    self.scale_grad_by_freq = options.scale_grad_by_freq == true
    self.weight = nn.Parameter(weight, { requires_grad = options.freeze == false })
    return self
  end

  function Embedding:extra_repr()
    local text = format("%d, %d", self.num_embeddings, self.embedding_dim)
    if self.padding_idx then text = text .. ", padding_idx=" .. self.padding_idx end
    if self.scale_grad_by_freq then text = text .. ", scale_grad_by_freq=True" end
    return text
  end

  -- ---- shapes ----

  local Unflatten = nn.Module:extend("Unflatten")
  nn.Unflatten = Unflatten

  function Unflatten:init(dim, unflattened_size)
    if type(unflattened_size) ~= "table" then
      error(format("Unflatten: unflattened_size must be a list of sizes, found a %s",
                   type(unflattened_size)), 0)
    end
    self.dim, self.unflattened_size = dim, unflattened_size
  end

  function Unflatten:forward(x) return x:unflatten(self.dim, self.unflattened_size) end

  function Unflatten:extra_repr()
    return format("dim=%d, unflattened_size=%s", self.dim, tuple_text(self.unflattened_size))
  end

  -- Takes any arguments and forgets them, as torch's.
  layer("Identity")
end
