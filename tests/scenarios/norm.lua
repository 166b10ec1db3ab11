-- BatchNorm and SyncBatchNorm in any world: ranks with shards of different sizes, one of them empty,
-- against one process with everything.

-- How many samples a rank has: never the same twice in a row, and none on rank 1 of three or more.
local function samples_of(rank, world)
  if world > 2 and rank == 1 then return 0 end
  return 2 + (rank * 5) % 7
end

-- Where the samples of this rank begin, how many it has, and how many all have.
local function shard()
  local rank, world = dist.get_rank(), dist.get_world_size()
  local first, total = 0, 0
  for r = 0, world - 1 do
    if r < rank then first = first + samples_of(r, world) end
    total = total + samples_of(r, world)
  end
  return first, samples_of(rank, world), total
end

local function near(got, expected, tolerance, what)
  if got:numel() == 0 and expected:numel() == 0 then return end
  local difference = (got:double() - expected:double()):abs():max():item()
  assert(difference <= tolerance, what .. " differs by " .. difference)
end

local function same_on_all_ranks(t, what)
  for _, other in ipairs(dist.all_gather(t)) do
    assert(other:eq(t):sum():item() == t:numel(), what .. " is not the same on all ranks")
  end
end

-- A norm of three channels whose parameters are not just ones and zeros.
local function prepared(norm)
  torch.no_grad(function()
    norm.weight:copy_(tensor{ 0.5, 1.25, -1.0 })
    norm.bias:copy_(tensor{ 0.25, -0.5, 1.0 })
  end)
  return norm
end

-- Two steps of a norm over `x`, with `slope` as the gradient of what it gives.
local function steps(norm, x, slope)
  local out
  for _ = 1, 2 do
    x.grad, norm.weight.grad, norm.bias.grad = nil, nil, nil
    out = norm(x)
    out:backward(slope)
  end
  return out
end

local function leaf(t, first, count)
  return t:narrow(0, first, count):clone():detach():requires_grad_(true)
end

local function compare_with_one_process(shape, plain, dtype, tolerance)
  local first, count, total = shard()
  local all = { total, table.unpack(shape) }
  torch.manual_seed(3)
  local x, slope = torch.randn(all, { dtype = dtype }), torch.randn(all, { dtype = dtype })
  local alone = prepared(plain(3))
  local synced = nn.SyncBatchNorm.convert_sync_batchnorm(prepared(plain(3)))
  if dtype == torch.float64 then alone:double() synced:double() end

  local whole = leaf(x, 0, total)
  local expected = steps(alone, whole, slope)
  local own = leaf(x, first, count)
  local out = steps(synced, own, slope:narrow(0, first, count))

  near(out, expected:narrow(0, first, count), tolerance, "the output")
  near(own.grad, whole.grad:narrow(0, first, count), tolerance, "the gradient of the input")
  for _, name in ipairs{ "weight", "bias" } do
    -- A sum over all samples: what is compared is their mean.
    local sum = dist.all_reduce(synced[name].grad:clone())
    near(sum / total, alone[name].grad / total, tolerance, "the gradient of " .. name)
  end
  for name, buffer in synced:named_buffers() do
    near(buffer, alone[name], tolerance, name)
    same_on_all_ranks(buffer, name)
  end
  assert(synced.num_batches_tracked:item() == 2)
end

local function make_net(norm)
  torch.manual_seed(7)
  return nn.Sequential(nn.Linear(6, 8), norm(8), nn.ReLU(), nn.Linear(8, 3))
end

local function train(model, parameters, x, y, batches)
  local optimizer = optim.SGD(parameters, { lr = 0.1, momentum = 0.9 })
  for _, rows in ipairs(batches) do
    optimizer:zero_grad()
    F.cross_entropy(model(x:index_select(0, rows)), y:index_select(0, rows)):backward()
    optimizer:step()
  end
end

return {
  title = "norm",
  world = { size = 3 },
  variants = {
    { name = "flat",
      main = function() compare_with_one_process({ 3 }, nn.BatchNorm1d, torch.float32, 1e-6) end,
      expect = { outcome = "completed", findings = {} } },

    { name = "images",
      main = function()
        compare_with_one_process({ 3, 4, 2 }, nn.BatchNorm2d, torch.float32, 1e-6)
      end,
      expect = { outcome = "completed", findings = {} } },

    { name = "doubles",
      main = function()
        compare_with_one_process({ 3, 5 }, nn.BatchNorm1d, torch.float64, 1e-13)
      end,
      expect = { outcome = "completed", findings = {} } },

    -- Four batches of four samples a rank, against the same samples in batches of all.
    { name = "training_equals_one_process",
      main = function()
        local rank, world = dist.get_rank(), dist.get_world_size()
        torch.manual_seed(11)
        local x, y = torch.randn(16 * world, 6), torch.randint(0, 3, { 16 * world })
        local own, whole = {}, {}
        for batch = 0, 3 do
          own[batch + 1] = torch.arange(4) + (batch * world + rank) * 4
          whole[batch + 1] = torch.arange(4 * world) + batch * world * 4
        end
        local net = nn.SyncBatchNorm.convert_sync_batchnorm(make_net(nn.BatchNorm1d))
        local alone = make_net(nn.BatchNorm1d)
        train(DistributedDataParallel(net), net:parameters(), x, y, own)
        train(alone, alone:parameters(), x, y, whole)
        local expected = alone:state_dict()
        for name, value in pairs(net:state_dict()) do
          near(value, expected[name], 2e-6, name)
          same_on_all_ranks(value, name)
        end
        net:eval()
        alone:eval()
        near(net(x), alone(x), 1e-5, "what the nets say at the end")
      end,
      expect = { outcome = "completed", findings = {} } },

    -- Evaluation meets nobody: ranks may do it as often as they like.
    { name = "evaluation_is_local",
      main = function()
        local norm = nn.SyncBatchNorm(2)
        norm:eval()
        for i = 1, 1 + dist.get_rank() do
          assert(norm(torch.ones(i, 2)):sum():item() > 0)
        end
        assert(norm.num_batches_tracked:item() == 0)
      end,
      expect = function(report)
        return report.outcome == "completed" and next(report.collectives) == nil
      end },

    -- Even ranks and odd ranks, each group with its own statistics.
    { name = "groups",
      main = function()
        local rank, world = dist.get_rank(), dist.get_world_size()
        local groups, members = {}, { {}, {} }
        for r = 0, world - 1 do table.insert(members[r % 2 + 1], r) end
        for i = 1, 2 do
          if #members[i] > 0 then groups[i] = dist.new_group(members[i]) end
        end
        local mine, sum = members[rank % 2 + 1], 0
        local norm = nn.SyncBatchNorm(1, { momentum = 1, process_group = groups[rank % 2 + 1] })
        norm(tensor{ { rank * 1.0 }, { rank + 1.0 } })
        for _, r in ipairs(mine) do sum = sum + r + 0.5 end
        near(norm.running_mean, tensor{ sum / #mine }, 1e-6, "the mean of the group")
      end,
      expect = { outcome = "completed", findings = {} } },

    -- One value a channel is enough where others have more.
    { name = "one_value",
      main = function()
        local norm = nn.SyncBatchNorm(1, { affine = false, momentum = false })
        local rank, world = dist.get_rank(), dist.get_world_size()
        local ok, message = pcall(norm, tensor{ { rank * 1.0 } })
        assert(ok == (world > 1), message)
        if ok then
          near(norm.running_mean, tensor{ (world - 1) / 2 }, 1e-6, "the mean of the ranks")
          near(norm.running_var, tensor{ world * (world + 1) / 12 }, 1e-5, "their variance")
        else
          assert(message:find("Expected more than 1 value per channel when training, got input " ..
                              "size torch.Size([1, 1])", 1, true), message)
        end
      end,
      expect = { outcome = "completed", findings = {} } },
  },
}
