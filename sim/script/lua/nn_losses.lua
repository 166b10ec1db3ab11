-- torch.nn, fourth part: losses as modules around those of F.
return function(nn, c)
  local register_buffer = nn.Module.register_buffer

  -- Weights are buffers, as in torch: they stand in state_dict.
  local buffers = { "weight", "pos_weight" }

  local function loss(name, forward, ...)
    local class = nn.Module:extend(name)
    local known = { ... }

    function class:init(options)
      c.check_options(options, name, table.unpack(known))
      self._options = options
      for _, key in ipairs(buffers) do
        if options and options[key] ~= nil then register_buffer(self, key, options[key]) end
      end
    end

    function class:forward(input, target) return forward(input, target, self._options) end

    nn[name] = class
  end

  loss("NLLLoss", F.nll_loss, "weight", "ignore_index", "reduction")
  loss("BCELoss", F.binary_cross_entropy, "weight", "reduction")
  loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, "weight", "pos_weight",
       "reduction")
  loss("L1Loss", F.l1_loss, "reduction")
  loss("SmoothL1Loss", F.smooth_l1_loss, "beta", "reduction")
  loss("HuberLoss", F.huber_loss, "delta", "reduction")
end
