-- DistributedDataParallel against one process: the same data in the same batches gives the same
-- weights up to rounding, and the replicas agree bit for bit.

local function make_model()
  torch.manual_seed(7)
  return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
end

local function train(model, parameters, loader, epochs)
  local optimizer = optim.SGD(parameters, { lr = 0.05, momentum = 0.9 })
  for _ = 1, epochs do
    for x, y in loader:iter() do
      optimizer:zero_grad()
      F.cross_entropy(model(x), y):backward()
      optimizer:step()
    end
  end
end

-- Batches of the world, rank by rank: what one process must see to take the same steps.
local function whole_order(size, world, per_rank)
  local order = {}
  for first = 0, size // world - 1, per_rank do
    for rank = 0, world - 1 do
      for i = first, math.min(first + per_rank, size // world) - 1 do
        order[#order + 1] = i * world + rank
      end
    end
  end
  return order
end

local function flat(parameters)
  local parts = {}
  for i, p in ipairs(parameters) do parts[i] = p:detach():flatten() end
  return torch.cat(parts)
end

return {
  title = "training",
  world = { size = 4 },
  variants = {
    { name = "equals_one_process",
      main = function()
        local world = dist.get_world_size()
        local size = 40 * world
        local digits = data.Digits{ flatten = true, limit = size }
        local net = make_model()
        local alone = make_model()

        train(DistributedDataParallel(net), net:parameters(), data.DataLoader(digits,
          { batch_size = 8, sampler = data.DistributedSampler(digits, { shuffle = false }) }), 2)
        train(alone, alone:parameters(), data.DataLoader(digits,
          { batch_size = 8 * world, sampler = whole_order(size, world, 8) }), 2)

        local difference = (flat(net:parameters()) - flat(alone:parameters())):abs():max():item()
        assert(difference < 1e-5, "the weights differ by " .. difference)

        local all = dist.all_gather(flat(net:parameters()))
        for i = 2, world do assert(all[i]:eq(all[1]):sum():item() == all[1]:numel()) end
      end,
      expect = { outcome = "completed", findings = {} } },

    { name = "seeds_differ",
      main = function()
        torch.manual_seed(dist.get_rank())
        local net = nn.Linear(3, 2)
        DistributedDataParallel(net)
        local all = dist.all_gather(flat(net:parameters()))
        for i = 2, #all do assert(all[i]:eq(all[1]):sum():item() == 8) end
      end,
      expect = { outcome = "completed", findings = {} } },

    { name = "a_rank_changes_its_weights",
      main = function()
        local net = make_model()
        local model = DistributedDataParallel(net)
        local x, y = torch.ones(4, 64), torch.zeros(4, { dtype = torch.int64 })
        local optimizer = optim.SGD(net:parameters(), { lr = dist.get_rank() == 1 and 0.2 or 0.1 })
        for _ = 1, 3 do
          optimizer:zero_grad()
          F.cross_entropy(model(x), y):backward()
          optimizer:step()
        end
      end,
      world = { size = 3 },
      expect = { outcome = "completed", findings = { "replica_divergence" } } },

    { name = "unused_parameter",
      main = function()
        local Net = nn.Module:extend("Net")
        function Net:init() self.used = nn.Linear(2, 1) self.unused = nn.Linear(2, 1) end
        function Net:forward(x) return self.used(x) end
        local model = DistributedDataParallel(Net())
        model(torch.ones(1, 2)):sum():backward()
        model(torch.ones(1, 2))
      end,
      expect = function(report)
        local message = report.ranks[1].error
        return report.outcome == "error" and message:find("Expected to have finished reduction") and
          message:find("did not receive grad for rank 0: 2 3"), message
      end },

    { name = "uneven_shards",
      main = function()
        local net = make_model()
        local model = DistributedDataParallel(net)
        local optimizer = optim.SGD(net:parameters(), { lr = 0.1 })
        for _ = 1, dist.get_rank() == 0 and 5 or 4 do
          optimizer:zero_grad()
          model(torch.ones(1, 64)):sum():backward()                  -- @backward
          optimizer:step()
        end
        dist.barrier()                                               -- @behind_the_loop
      end,
      world = { size = 3 },
      expect = { outcome = "deadlock",
                 diagnosis = { class = "uneven_iterations", blamed = { 0 },
                               lines = { "@backward", "@behind_the_loop" } } } },
  },
}
