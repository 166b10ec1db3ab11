-- torch.nn, third part: normalisation, dropout and activations.
local _, s = ...

return function(nn, c)
  local flag, is_module = c.flag, c.is_module
  local format = string.format

  local function layer(name) return c.layer(name, s[name][1], s[name][2]) end

  -- The first argument itself, or the option of that name where it is a table of options.
  local function argument(value, verb, name, default)
    if type(value) == "table" then
      c.check_options(value, verb, name)
      value = value[name]
    end
    if value == nil then return default end
    if type(value) ~= "number" then
      error(format("%s: %s is a %s, expected a number", verb, name, type(value)), 0)
    end
    return value
  end

  -- ---- batch normalisation ----

  -- `momentum = false` stands for Python's None: the average of all batches.
  local batch_norm_options = { "eps", "momentum", "affine", "track_running_stats", "bias",
                               "process_group" }

  local function init_batch_norm(self, num_features, options)
    local known = self._is_sync_batch_norm and 6 or 5
    c.check_options(options, self._name, table.unpack(batch_norm_options, 1, known))
    options = options or {}
    if math.type(num_features) ~= "integer" or num_features < 0 then
      error(format("%s: num_features is %s, expected a whole number", self._name,
                   tostring(num_features)), 0)
    end
    self.num_features = num_features
    self.eps = options.eps or 1e-5
    self.momentum = options.momentum == nil and 0.1 or options.momentum
    self.affine = options.affine ~= false
    self.track_running_stats = options.track_running_stats ~= false
    if self.affine then
      self.weight = nn.Parameter(torch.ones(num_features))
      if options.bias ~= false then self.bias = nn.Parameter(torch.zeros(num_features)) end
    end
    local tracks = self.track_running_stats
    self:register_buffer("running_mean", tracks and torch.zeros(num_features) or nil)
    self:register_buffer("running_var", tracks and torch.ones(num_features) or nil)
    self:register_buffer("num_batches_tracked",
                         tracks and torch.tensor(0, { dtype = torch.int64 }) or nil)
  end

  local function batch_norm_repr(self)
    local momentum = self.momentum and format("%g", self.momentum) or "None"
    return format("%d, eps=%g, momentum=%s, affine=%s, bias=%s, track_running_stats=%s",
                  self.num_features, self.eps, momentum, flag(self.affine), flag(self.bias ~= nil),
                  flag(self.track_running_stats))
  end

  local function reset_running_stats(self)
    if self.track_running_stats then
      self.running_mean:zero_()
      self.running_var:fill_(1)
      self.num_batches_tracked:zero_()
    end
  end

  local function batch_norm(name)
    local class = layer(name)
    class.init = init_batch_norm
    class.extra_repr = batch_norm_repr
    class.reset_running_stats = reset_running_stats
    class._is_batch_norm = true
    return class
  end

  batch_norm("BatchNorm1d")
  batch_norm("BatchNorm2d")
  local SyncBatchNorm = batch_norm("SyncBatchNorm")
  local BatchNormXd = batch_norm("_BatchNormXd")
  nn._BatchNormXd = nil

  SyncBatchNorm._is_sync_batch_norm = true

  function SyncBatchNorm:init(num_features, options)
    init_batch_norm(self, num_features, options)
    self.process_group = options and options.process_group
  end

  -- A module of `class` with what `module` has: the same tensors, not copies.
  local function in_place_of(module, class, process_group)
    local new = class(module.num_features, {
      eps = module.eps, momentum = module.momentum, affine = module.affine,
      track_running_stats = module.track_running_stats, bias = module.bias ~= nil,
      process_group = process_group,
    })
    for _, name in ipairs{ "weight", "bias", "running_mean", "running_var",
                           "num_batches_tracked" } do
      if rawget(new, name) ~= nil or module[name] ~= nil then new[name] = module[name] end
    end
    new.training = module.training
    return new
  end

  -- Each child by its first name only, as Python's named_children does.
  local function replace(module, wanted, make)
    local new = wanted(module) and make(module) or module
    for name, child in module:named_children() do new[name] = replace(child, wanted, make) end
    return new
  end

  local function check_module(module, verb)
    if not is_module(module) then
      error(format("%s: expected a module, found a %s", verb, type(module)), 0)
    end
  end

  function SyncBatchNorm.convert_sync_batchnorm(module, process_group)
    check_module(module, "convert_sync_batchnorm")
    return replace(module, function(m) return m._is_batch_norm end,
                   function(m) return in_place_of(m, SyncBatchNorm, process_group) end)
  end

  -- The way back, as Lightning goes it after training: a batch norm of any dimension.
  function SyncBatchNorm.revert_sync_batchnorm(module)
    check_module(module, "revert_sync_batchnorm")
    return replace(module, function(m) return m._is_sync_batch_norm end,
                   function(m) return in_place_of(m, BatchNormXd) end)
  end

  -- ---- layer normalisation ----

  local LayerNorm = layer("LayerNorm")

  function LayerNorm:init(normalized_shape, options)
    c.check_options(options, "LayerNorm", "eps", "elementwise_affine", "bias")
    options = options or {}
    if type(normalized_shape) == "number" then normalized_shape = { normalized_shape } end
    if type(normalized_shape) ~= "table" or #normalized_shape == 0 then
      error("LayerNorm: expected normalized_shape, a size or a list of sizes, found a " ..
            type(normalized_shape), 0)
    end
    self.normalized_shape = table.move(normalized_shape, 1, #normalized_shape, 1, {})
    self.eps = options.eps or 1e-5
    self.elementwise_affine = options.elementwise_affine ~= false
    if self.elementwise_affine then
      self.weight = nn.Parameter(torch.ones(self.normalized_shape))
      if options.bias ~= false then
        self.bias = nn.Parameter(torch.zeros(self.normalized_shape))
      end
    end
  end

  function LayerNorm:extra_repr()
    local shape = table.concat(self.normalized_shape, ", ")
    if #self.normalized_shape == 1 then shape = shape .. "," end
    return format("(%s), eps=%g, elementwise_affine=%s, bias=%s", shape, self.eps,
                  flag(self.elementwise_affine), flag(self.bias ~= nil))
  end

  -- ---- dropout and activations ----

  local Dropout = layer("Dropout")

  function Dropout:init(p)
    self.p = argument(p, "Dropout", "p", 0.5)
    if not (self.p >= 0 and self.p <= 1) then
      error(format("dropout probability has to be between 0 and 1, but got %g", self.p), 0)
    end
  end

  function Dropout:extra_repr() return format("p=%g, inplace=False", self.p) end

  local GELU = layer("GELU")

  function GELU:init(options)
    c.check_options(options, "GELU", "approximate")
    self.approximate = options and options.approximate or "none"
    if self.approximate ~= "none" and self.approximate ~= "tanh" then
      error(format("GELU: option 'approximate' is '%s', expected 'none' or 'tanh'",
                   tostring(self.approximate)), 0)
    end
    self._by_tanh = self.approximate == "tanh"
  end

  function GELU:extra_repr() return format("approximate='%s'", self.approximate) end

  layer("SiLU")
  layer("LogSigmoid")

  local LeakyReLU = layer("LeakyReLU")

  function LeakyReLU:init(slope)
    self.negative_slope = argument(slope, "LeakyReLU", "negative_slope", 0.01)
  end

  function LeakyReLU:extra_repr() return format("negative_slope=%g", self.negative_slope) end

  local ELU = layer("ELU")

  function ELU:init(alpha) self.alpha = argument(alpha, "ELU", "alpha", 1.0) end
  function ELU:extra_repr() return "alpha=" .. self.alpha end

  local Softplus = layer("Softplus")

  function Softplus:init(options)
    c.check_options(options, "Softplus", "beta", "threshold")
    self.beta = options and options.beta or 1.0
    self.threshold = options and options.threshold or 20.0
  end

  function Softplus:extra_repr()
    return format("beta=%s, threshold=%s", self.beta, self.threshold)
  end

  for _, name in ipairs{ "Softmax", "LogSoftmax" } do
    local class = layer(name)
    function class:init(dim) self.dim = argument(dim, name, "dim", nil) end
    function class:extra_repr() return "dim=" .. (self.dim and format("%d", self.dim) or "None") end
  end
end
