-- torch.nn, fourth part: attention. Inside, everything is [batch, heads, length, width].
local _, s = ...
local error, format, sqrt = error, string.format, math.sqrt

local names = { "dropout", "bias", "add_bias_kv", "add_zero_attn", "kdim", "vdim", "batch_first" }
local inf = math.huge

local function shape_text(tensor) return tostring(tensor.shape) end

return function(nn, c)
  local MultiheadAttention = nn.Module:extend("MultiheadAttention")
  nn.MultiheadAttention = MultiheadAttention

  -- torch prints this name, and takes it for a Linear.
  local OutProjection = nn.Linear:extend("NonDynamicallyQuantizableLinear")

  local function parameter(...) return nn.Parameter(torch.empty(...)) end

  local function xavier_uniform(weight)
    local bound = sqrt(3.0) * sqrt(2.0 / (weight:size(1) + weight:size(0)))
    s.fill_uniform(weight, -bound, bound)
  end

  function MultiheadAttention:init(embed_dim, num_heads, options)
    c.check_options(options, "MultiheadAttention", table.unpack(names))
    options = options or {}
    if math.type(embed_dim) ~= "integer" or math.type(num_heads) ~= "integer" or embed_dim <= 0 or
       num_heads <= 0 then
      error(format("MultiheadAttention: embed_dim and num_heads must be greater than 0, got " ..
                   "embed_dim=%s and num_heads=%s instead", tostring(embed_dim),
                   tostring(num_heads)), 0)
    end
    if embed_dim % num_heads ~= 0 then
      error("MultiheadAttention: embed_dim must be divisible by num_heads", 0)
    end
    self.embed_dim, self.num_heads = embed_dim, num_heads
    self.head_dim = embed_dim // num_heads
    self.kdim, self.vdim = options.kdim or embed_dim, options.vdim or embed_dim
    self.dropout = options.dropout or 0.0
    self.batch_first = options.batch_first == true
    self.add_zero_attn = options.add_zero_attn == true
    self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim

    local has_bias = options.bias ~= false
    if self._qkv_same_embed_dim then
      self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
    else
      self.q_proj_weight = parameter(embed_dim, embed_dim)
      self.k_proj_weight = parameter(embed_dim, self.kdim)
      self.v_proj_weight = parameter(embed_dim, self.vdim)
    end
    if has_bias then self.in_proj_bias = parameter(3 * embed_dim) end
    self.out_proj = OutProjection(embed_dim, embed_dim, { bias = has_bias })
    if options.add_bias_kv then
      self.bias_k, self.bias_v = parameter(1, 1, embed_dim), parameter(1, 1, embed_dim)
    end
    self:_reset_parameters()
  end

  -- What out_proj has drawn for its weight stays; its bias was drawn as well, and is zeroed.
  function MultiheadAttention:_reset_parameters()
    if self._qkv_same_embed_dim then
      xavier_uniform(self.in_proj_weight)
    else
      xavier_uniform(self.q_proj_weight)
      xavier_uniform(self.k_proj_weight)
      xavier_uniform(self.v_proj_weight)
    end
    if self.in_proj_bias then
      c.copy(self.out_proj.bias, torch.zeros(1))
    end
    if self.bias_k then
      local std = sqrt(2.0 / (2.0 * self.embed_dim))
      s.fill_normal(self.bias_k, 0.0, std)
      s.fill_normal(self.bias_v, 0.0, std)
    end
  end

  -- The part of a parameter that belongs to query (0), key (1) or value (2), or to two of them.
  local function part(tensor, first, count, width)
    return tensor and tensor:narrow(0, first * width, count * width)
  end

  -- [batch, length, count · width] as `count` tensors of [batch, heads, length, width of a head]
  local function by_heads(self, x, count)
    local split = x:reshape(x:size(0), x:size(1), count, self.num_heads, self.head_dim)
    local turned = split:permute(2, 0, 3, 1, 4)
    if count == 1 then return turned:squeeze(0) end
    return turned[0], turned[1], count == 3 and turned[2] or nil
  end

  -- Query, key and value by heads; what is one value is projected in one product.
  local function project(self, query, key, value)
    local width, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
    local is_same_kv = c.identity(key) == c.identity(value)
    local function projected(x, own, first, count)
      return by_heads(self, F.linear(x, own or part(weight, first, count, width),
                                     part(bias, first, count, width)), count)
    end
    if weight and is_same_kv and c.identity(query) == c.identity(key) then
      return by_heads(self, F.linear(query, weight, bias), 3)
    end
    local q = projected(query, self.q_proj_weight, 0, 1)
    if weight and is_same_kv then return q, projected(key, nil, 1, 2) end
    return q, projected(key, self.k_proj_weight, 1, 1), projected(value, self.v_proj_weight, 2, 1)
  end

  -- A bool mask, true where nobody looks, becomes one that is added.
  local function added(name, mask, like)
    if mask == nil then return nil end
    if mask.dtype == torch.bool then
      return torch.zeros(1, { dtype = like.dtype }):masked_fill(mask, -inf)
    end
    if not mask:is_floating_point() then
      error(format("MultiheadAttention: only bool and floating types of %s are supported, found %s",
                   name, tostring(mask.dtype)), 0)
    end
    return mask
  end

  local function expect_shape(name, mask, ...)
    for _, wanted in ipairs({ ... }) do
      local equal = mask:dim() == #wanted
      for i = 1, #wanted do equal = equal and mask:size(i - 1) == wanted[i] end
      if equal then return end
    end
    error(format("MultiheadAttention: the shape of %s is %s, expected [%s]", name,
                 shape_text(mask), table.concat((...), ", ")), 0)
  end

  -- Both masks in one that is added to [batch, heads, length, source], or nil.
  local function one_mask(self, options, sizes, like)
    local mask = added("attn_mask", options.attn_mask, like)
    local padding = added("key_padding_mask", options.key_padding_mask, like)
    if mask then
      expect_shape("attn_mask", mask, { sizes.length, sizes.source },
                   { sizes.batch * self.num_heads, sizes.length, sizes.source })
      if mask:dim() == 3 then
        mask = mask:reshape(sizes.batch, self.num_heads, sizes.length, sizes.source)
      end
    end
    if padding then
      if sizes.is_alone then padding = padding:unsqueeze(0) end
      expect_shape("key_padding_mask", padding, { sizes.batch, sizes.source })
      padding = padding:reshape(sizes.batch, 1, 1, sizes.source)
      mask = mask and mask + padding or padding
    end
    return mask
  end

  local function more_source(mask)
    if mask == nil then return nil end
    local shape = {}
    for i = 1, mask:dim() - 1 do shape[i] = mask:size(i - 1) end
    shape[#shape + 1] = 1
    return torch.cat({ mask, torch.zeros(shape, { dtype = mask.dtype }) }, -1)
  end

  local function attend_weighted(self, q, k, v, mask, p)
    local scores = (q * sqrt(1.0 / self.head_dim)):matmul(k:transpose(-2, -1))
    if mask then scores = scores + mask end
    local weights = scores:softmax(-1)
    if p > 0 then weights = s.dropout(weights, p) end
    return weights:matmul(v), weights
  end

  local function check_inputs(self, query, key, value)
    local dims = query:dim()
    if dims ~= 2 and dims ~= 3 then
      error(format("MultiheadAttention: query should be unbatched 2D or batched 3D tensor but " ..
                   "received %d-D query tensor", dims), 0)
    end
    if key:dim() ~= dims or value:dim() ~= dims then
      error(format("MultiheadAttention: expected key and value to be %d-D, but found %d-D and %d-D",
                   dims, key:dim(), value:dim()), 0)
    end
    if query:size(-1) ~= self.embed_dim then
      error(format("MultiheadAttention: was expecting embedding dimension of %d, but got %d",
                   self.embed_dim, query:size(-1)), 0)
    end
    for i = 0, dims - 2 do
      if key:size(i) ~= value:size(i) then
        error(format("MultiheadAttention: key shape %s does not match value shape %s",
                     shape_text(key), shape_text(value)), 0)
      end
    end
  end

  -- Returns the result, and the weights unless { need_weights = false }.
  function MultiheadAttention:forward(query, key, value, options)
    c.check_options(options, "MultiheadAttention", "key_padding_mask", "need_weights", "attn_mask",
                    "average_attn_weights", "is_causal")
    options = options or {}
    check_inputs(self, query, key, value)
    local is_alone, is_turned = query:dim() == 2, query:dim() == 3 and not self.batch_first
    local needs_weights = options.need_weights ~= false
    if options.is_causal and options.attn_mask == nil then
      error("MultiheadAttention: Need attn_mask if specifying the is_causal hint.", 0)
    end

    -- One value that stands for several is turned once, and stays one.
    local turned = {}
    local function batch_first(x)
      local id = c.identity(x)
      if not turned[id] then
        turned[id] = is_alone and x:unsqueeze(0) or is_turned and x:transpose(0, 1) or x
      end
      return turned[id]
    end
    local q, k, v = project(self, batch_first(query), batch_first(key), batch_first(value))
    local sizes = {
      batch = q:size(0), length = q:size(2), source = k:size(2), is_alone = is_alone,
    }
    local mask
    local is_causal = options.is_causal and not needs_weights and options.key_padding_mask == nil
    if not is_causal or self.bias_k or self.add_zero_attn then
      mask, is_causal = one_mask(self, options, sizes, q), false
    end

    if self.bias_k then
      local heads = self.num_heads
      k = torch.cat({ k, by_heads(self, self.bias_k, 1):expand(sizes.batch, heads, 1, -1) }, 2)
      v = torch.cat({ v, by_heads(self, self.bias_v, 1):expand(sizes.batch, heads, 1, -1) }, 2)
      mask = more_source(mask)
    end
    if self.add_zero_attn then
      local zeros = torch.zeros({ sizes.batch, self.num_heads, 1, self.head_dim },
                                { dtype = k.dtype })
      k, v, mask = torch.cat({ k, zeros }, 2), torch.cat({ v, zeros }, 2), more_source(mask)
    end

    local p = self.training and self.dropout or 0.0
    local out, weights
    if needs_weights then
      out, weights = attend_weighted(self, q, k, v, mask, p)
      if options.average_attn_weights ~= false then weights = weights:mean(1) end
      if is_alone then weights = weights:squeeze(0) end
    else
      out = F.scaled_dot_product_attention(q, k, v, {
        attn_mask = mask, dropout_p = p, is_causal = is_causal,
      })
    end
    out = out:transpose(1, 2):reshape(sizes.batch, sizes.length, self.embed_dim)
    out = F.linear(out, self.out_proj.weight, self.out_proj.bias)
    if is_turned then out = out:transpose(0, 1) end
    if is_alone then out = out:squeeze(0) end
    return out, weights
  end
end
