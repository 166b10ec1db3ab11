-- DistributedDataParallel rule by rule. Each variant says in closed form what each rank must hold,
-- so it plays in worlds of any size; what needs two ranks asks for them.

local DDP = DistributedDataParallel

local function rank() return dist.get_rank() end
local function size() return dist.get_world_size() end

-- One weight, no bias: the gradient of the sum of its outputs is the sum of its inputs.
local function one() return nn.Linear(1, 1, { bias = false }) end

local function input(value) return torch.tensor{ { value } }:float() end

local function grad(linear)
  return linear.weight.grad and linear.weight.grad:item() or nil
end

-- The sum of f(r) over all ranks.
local function over_ranks(f)
  local sum = 0
  for r = 0, size() - 1 do sum = sum + f(r) end
  return sum
end

local function equal(found, expected, what)
  local near = found == expected or
    (type(found) == "number" and type(expected) == "number" and
     math.abs(found - expected) <= 1e-6 * math.max(1, math.abs(expected)))
  if not near then
    error(string.format("rank %d: %s is %s, expected %s", rank(), what or "value", tostring(found),
                        tostring(expected)), 2)
  end
end

-- Two weights, of which a forward uses those that are named.
local Two = nn.Module:extend("Two")
function Two:init()
  self.a = one()
  self.b = one()
end
function Two:forward(x, which)
  if which == "a" then return self.a(x) end
  if which == "b" then return self.b(x) end
  return self.a(x) + self.b(x)
end

local TwoOutputs = nn.Module:extend("TwoOutputs")
function TwoOutputs:init()
  self.a = one()
  self.b = one()
end
function TwoOutputs:forward(x) return { first = self.a(x), rest = { self.b(x) } } end

-- A module with statistics, as BatchNorm has them.
local Counting = nn.Module:extend("Counting")
function Counting:init()
  self.layer = one()
  self:register_buffer("mean", torch.zeros(2))
  self:register_buffer("count", torch.tensor(0))
end
function Counting:forward(x)
  self.mean:copy_(self.mean + (rank() + 1))
  self.count:copy_(self.count + 1)
  return self.layer(x)
end

local function deep(width, layers)
  local net = nn.Sequential()
  for _ = 1, layers do net:append(nn.Linear(width, width)) end
  return net
end

local function sizes(ddp)
  local parts = {}
  for i, bucket in ipairs(ddp:_buckets()) do parts[i] = table.concat(bucket, "+") end
  return table.concat(parts, " | ")
end

local function fails(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "expected an error")
  return message
end

local function mentions(message, ...)
  for _, text in ipairs{ ... } do
    assert(message:find(text, 1, true), "expected '" .. text .. "' in: " .. message)
  end
end

local function step(ddp, value, ...)
  ddp:zero_grad()
  ddp(input(value), ...):sum():backward()
end

local variants = {}

local function variant(name, main, fields)
  fields = fields or {}
  fields.name, fields.main = name, main
  fields.expect = fields.expect or { outcome = "completed", findings = {} }
  variants[#variants + 1] = fields
end

-- ---- averaging ----

variant("gradients_are_averaged", function()
  local net = one()
  local ddp = DDP(net)
  for k = 1, 4 do
    step(ddp, k * (rank() + 1))
    equal(grad(net), over_ranks(function(r) return k * (r + 1) end) / size())
  end
end)

-- Scaled by fl(1/W) before the sum, in the order of ranks: the bits are known.
variant("scaled_before_the_sum", function()
  local net = one()
  local ddp = DDP(net)
  local function f32(x) return torch.tensor(x):item() end
  local factor, sum = f32(1 / size()), nil
  for r = 0, size() - 1 do
    local part = f32(f32(0.1 * (r + 1)) * factor)
    sum = sum and f32(sum + part) or part
  end
  step(ddp, 0.1 * (rank() + 1))
  assert(grad(net) == sum, string.format("%.17g is not %.17g", grad(net), sum))
end)

-- A gradient that lies in the bucket already is divided there, which rounds otherwise.
variant("divided_where_it_lies", function()
  local function f32(x) return torch.tensor(x):item() end
  local net = one()
  local ddp = DDP(net, { gradient_as_bucket_view = true })
  local before
  for k = 1, 5 do
    local sum
    for r = 0, size() - 1 do
      local mine = f32(0.1 * (r + 1) * k)
      local part = before and f32(f32(before + mine) / size()) or f32(mine * f32(1 / size()))
      sum = sum and f32(sum + part) or part
    end
    before = sum
    ddp(input(0.1 * (rank() + 1) * k)):sum():backward()
    assert(grad(net) == sum, string.format("step %d: %.17g is not %.17g", k, grad(net), sum))
  end
end)

variant("several_dtypes", function()
  local Net = nn.Module:extend("Net")
  function Net:init()
    for i, dtype in ipairs{ torch.float32, torch.float64, torch.float16, torch.bfloat16 } do
      self["p" .. i] = nn.Parameter(torch.tensor({ 1, 2 }, { dtype = dtype }))
    end
  end
  function Net:forward(x)
    local sum = 0
    for i = 1, 4 do sum = sum + (self["p" .. i]:double() * x):sum() end
    return sum
  end
  local net = Net()
  local ddp = DDP(net)
  for _ = 1, 3 do
    ddp:zero_grad()
    ddp(2 * rank()):backward()
    for i = 1, 4 do
      local g = net["p" .. i].grad
      assert(g.dtype == net["p" .. i].dtype)
      assert(math.abs(g[0]:item() - (size() - 1)) < 0.02 * size(), tostring(g))
    end
  end
  assert(#ddp:_buckets() == 4)
end)

variant("starts_from_rank_0", function()
  torch.manual_seed(rank())
  local net = Counting()
  net.mean:fill_(rank() + 5)
  net.layer.weight:requires_grad_(false)
  net.extra = one()
  DDP(net)
  equal(net.mean[0]:item(), 5)
  for _, name in ipairs{ "layer", "extra" } do
    local all = dist.all_gather(net[name].weight:detach())
    for i = 2, #all do assert(all[i]:eq(all[1]):all():item()) end
  end
end)

variant("ignored_names", function()
  local net = Two()
  net._ddp_params_and_buffers_to_ignore = { "b.weight" }
  net.b.weight:detach():fill_(rank())
  local ddp = DDP(net)
  equal(net.b.weight:item(), rank())
  step(ddp, rank() + 1)
  equal(grad(net.a), (size() + 1) / 2)
  equal(grad(net.b), rank() + 1)
end)

variant("state_dict_has_the_prefix", function()
  local ddp = DDP(Two())
  local keys = {}
  for name in pairs(ddp:state_dict()) do keys[#keys + 1] = name end
  assert(table.concat(keys, " ") == "module.a.weight module.b.weight", table.concat(keys, " "))
  assert(#ddp:parameters() == 2 and ddp.module.a == ddp.module.a)
end)

-- ---- buckets ----

variant("one_bucket_and_then_by_arrival", function()
  local ddp = DDP(deep(512, 4), { bucket_cap_mb = 1 })
  local x = torch.ones(1, 512)
  assert(#ddp:_buckets() == 1)
  for _ = 1, 3 do
    ddp:zero_grad()
    ddp(x):sum():backward()
  end
  -- The weights are all there, in four buckets, the last layer's first.
  assert(#ddp:_buckets() == 4, sizes(ddp))
  for _, bucket in ipairs(ddp:_buckets()) do equal(bucket[1] + bucket[2], 262656) end
end)

variant("default_limits", function()
  local ddp = DDP(deep(512, 4))
  local x = torch.ones(1, 512)
  for _ = 1, 2 do
    ddp:zero_grad()
    ddp(x):sum():backward()
  end
  local buckets = ddp:_buckets()
  assert(#buckets == 2 and #buckets[1] == 2 and #buckets[2] == 6, sizes(ddp))
end)

variant("search_keeps_its_buckets", function()
  local ddp = DDP(deep(512, 4), { find_unused_parameters = true })
  local before = sizes(ddp)
  local x = torch.ones(1, 512)
  for _ = 1, 3 do
    ddp:zero_grad()
    ddp(x):sum():backward()
  end
  -- Limits 1 and 25 MiB in module order, reversed: the small bucket comes last.
  assert(before == "512+262144+512+262144+512+262144+512 | 262144", before)
  assert(before == sizes(ddp), sizes(ddp))
  local capped = DDP(deep(512, 3), { find_unused_parameters = true, bucket_cap_mb = 1 })
  assert(sizes(capped) == "512 | 512+262144 | 512+262144 | 262144", sizes(capped))
end)

variant("buckets_do_not_change_the_numbers", function()
  local function train(options)
    torch.manual_seed(3)
    local net = deep(16, 5)
    local ddp = DDP(net, options)
    local optimizer = optim.SGD(ddp:parameters(), { lr = 0.1, momentum = 0.9 })
    torch.manual_seed(rank())
    for _ = 1, 5 do
      optimizer:zero_grad()
      local out = ddp(torch.randn(4, 16))
      local loss = (out * out):mean()
      loss:backward()
      optimizer:step()
    end
    local parts = {}
    for i, p in ipairs(net:parameters()) do parts[i] = p:detach():flatten() end
    return torch.cat(parts)
  end
  local plain = train()
  for _, options in ipairs{ { bucket_cap_mb = 1e-4 }, { bucket_cap_mb = 0.002 },
                            { gradient_as_bucket_view = true, bucket_cap_mb = 0.001 },
                            { static_graph = true, bucket_cap_mb = 0.001 },
                            { find_unused_parameters = true, bucket_cap_mb = 0.001 } } do
    assert(train(options):eq(plain):all():item())
  end
end)

-- ---- no_sync ----

variant("no_sync_accumulates", function()
  local net = one()
  local ddp = DDP(net)
  local mine = rank() + 1
  ddp:no_sync(function() ddp(input(mine)):sum():backward() end)
  equal(grad(net), mine)
  ddp(input(mine)):sum():backward()
  equal(grad(net), over_ranks(function(r) return 2 * (r + 1) end) / size())
end)

-- Which of forward and backward stands inside decides: it is the forward.
variant("no_sync_asks_the_forward", function()
  local mine, mean = rank() + 1, (size() + 1) / 2
  local net = one()
  local ddp = DDP(net)
  local loss
  ddp:no_sync(function() loss = ddp(input(mine)):sum() end)
  loss:backward()
  equal(grad(net), mine)

  net = one()
  ddp = DDP(net)
  loss = ddp(input(mine)):sum()
  ddp:no_sync(function() loss:backward() end)
  equal(grad(net), mean)
end)

variant("no_sync_ends_with_an_error", function()
  local ddp = DDP(one())
  pcall(function() ddp:no_sync(function() error("inside") end) end)
  assert(ddp.require_backward_grad_sync == true)
  assert(select("#", ddp:no_sync(function() return 1, nil, 3 end)) == 3)
end)

variant("accumulation_without_zero_grad", function()
  for _, view in ipairs{ false, true } do
    local net = one()
    local ddp = DDP(net, { gradient_as_bucket_view = view })
    local mean = (size() + 1) / 2
    for k = 1, 4 do
      ddp(input(rank() + 1)):sum():backward()
      equal(grad(net), k * mean)
    end
  end
end)

-- A gradient that somebody holds keeps its value when the next one comes.
variant("a_held_gradient_stays", function()
  local net = nn.Linear(2, 1)
  local ddp = DDP(net)
  local held, rows = {}, {}
  for k = 1, 4 do
    ddp:zero_grad()
    ddp(torch.ones(1, 2) * k):sum():backward()
    held[k] = net.weight.grad
    rows[k] = net.weight.grad[0]
  end
  for k = 1, 4 do
    equal(held[k][0][1]:item(), k)
    equal(rows[k][0]:item(), k)
  end
end)

-- And one that is there already gets the average in its own place, as torch copies it there.
variant("a_held_gradient_gets_the_average", function()
  local net = one()
  local ddp = DDP(net)
  local held
  ddp:no_sync(function()
    ddp(input(rank() + 1)):sum():backward()
    held = net.weight.grad
  end)
  ddp(input(rank() + 1)):sum():backward()
  equal(held:item(), size() + 1)
end)

-- ---- passes that are not as they should be ----

variant("forward_outside_of_the_wrapper", function()
  local net = one()
  local ddp = DDP(net)
  net(input(rank() + 1)):sum():backward()
  equal(grad(net), rank() + 1, "gradient of an unprepared backward")

  net = one()
  ddp = DDP(net)
  ddp(input(100))
  net(input(rank() + 1)):sum():backward()
  equal(grad(net), (size() + 1) / 2, "gradient of a prepared backward")
end)

variant("only_the_first_backward_reduces", function()
  local net = one()
  local ddp = DDP(net)
  local mine, mean = rank() + 1, (size() + 1) / 2
  local loss = ddp(input(mine)):sum()
  loss:backward(nil, { retain_graph = true })
  equal(grad(net), mean)
  loss:backward()
  equal(grad(net), mean + mine)
end)

variant("two_forwards_two_backwards", function()
  local net = one()
  local ddp = DDP(net)
  local mine, mean = rank() + 1, (size() + 1) / 2
  local first, second = ddp(input(mine)):sum(), ddp(input(10 * mine)):sum()
  first:backward()
  equal(grad(net), mean)
  second:backward()
  equal(grad(net), mean + 10 * mine)
  ddp:zero_grad();
  (ddp(input(mine)):sum() + ddp(input(10 * mine)):sum()):backward()
  equal(grad(net), 11 * mean)
end)

variant("marked_twice", function()
  local net = Two()
  local ddp = DDP(net)
  local loss = ddp(input(1), "a"):sum()
  loss:backward(nil, { retain_graph = true })
  mentions(fails(function() loss:backward() end), "Expected to mark a variable ready only once",
           "index 0 with name a.weight")
end)

variant("unused_stay_local_and_the_next_forward_fails", function()
  local net = Two()
  local ddp = DDP(net)
  ddp(input(rank() + 1), "a"):sum():backward()
  equal(grad(net.a), rank() + 1)
  equal(grad(net.b), nil)
  torch.no_grad(function() ddp(input(1), "a") end)
  local message = fails(ddp, input(1), "a")
  mentions(message, "Expected to have finished reduction in the prior iteration",
           "did not receive grad for rank " .. rank() .. ": 1")
end)

-- The missing part may come with another backward.
variant("a_pass_in_two_backwards", function()
  local net = TwoOutputs()
  local ddp = DDP(net)
  for _ = 1, 3 do
    ddp:zero_grad()
    local out = ddp(input(rank() + 1))
    out.first:sum():backward()
    equal(grad(net.a), rank() + 1)
    out.rest[1]:sum():backward()
    equal(grad(net.a), (size() + 1) / 2)
    equal(grad(net.b), (size() + 1) / 2)
  end
end)

-- ---- find_unused_parameters ----

variant("search_averages_what_somebody_used", function()
  local net = Two()
  local ddp = DDP(net, { find_unused_parameters = true })
  for _ = 1, 3 do
    step(ddp, 1, rank() % 2 == 0 and "a" or "b")
    equal(grad(net.a), ((size() + 1) // 2) / size())
    equal(grad(net.b), size() > 1 and (size() // 2) / size() or nil)
  end
  -- What was used in a step says nothing about the next.
  step(ddp, 1, "ab")
  equal(grad(net.b), 1)
  step(ddp, 1, "a")
  equal(grad(net.b), nil)
end)

variant("search_leaves_what_nobody_used", function()
  for _, view in ipairs{ false, true } do
    local net = Two()
    local ddp = DDP(net, { find_unused_parameters = true, gradient_as_bucket_view = view })
    local mean = (size() + 1) / 2
    ddp(input(rank() + 1), "a"):sum():backward()
    equal(grad(net.b), nil)
    ddp(input(rank() + 1), "ab"):sum():backward()
    ddp(input(rank() + 1), "a"):sum():backward()
    equal(grad(net.a), 3 * mean)
    equal(grad(net.b), mean)
    -- What rank 0 has from before goes into the average, though it did not use b.
    ddp(input(rank() + 1), rank() == 0 and "a" or "ab"):sum():backward()
    equal(grad(net.b), size() == 1 and mean or
          (size() * mean + over_ranks(function(r) return r == 0 and 0 or r + 1 end)) / size())
  end
end)

variant("search_and_an_output_that_no_loss_used", function()
  local net = TwoOutputs()
  local ddp = DDP(net, { find_unused_parameters = true })
  for _ = 1, 3 do
    ddp:zero_grad()
    ddp(input(rank() + 1)).first:sum():backward()
    equal(grad(net.a), (size() + 1) / 2)
    equal(grad(net.b), nil)
  end
end)

-- The hook of a parameter behind such an output runs too, and sees that there is a gradient: what
-- no_sync left of this rank's goes into the average.
variant("search_and_an_output_that_only_no_sync_used", function()
  local net = TwoOutputs()
  local ddp = DDP(net, { find_unused_parameters = true })
  ddp:no_sync(function()
    local out = ddp(input(rank() + 1));
    (out.first + out.rest[1]):sum():backward()
  end)
  equal(grad(net.b), rank() + 1)
  ddp(input(rank() + 1)).first:sum():backward()
  equal(grad(net.b), (size() + 1) / 2)
  net.b.weight.grad = input(10 * (rank() + 1))
  ddp(input(rank() + 1)).first:sum():backward()
  equal(grad(net.b), 10 * (size() + 1) / 2)
end)

variant("needless_search_is_said_once", function()
  local ddp = DDP(Two(), { find_unused_parameters = true })
  for _ = 1, 3 do step(ddp, 1) end
end)

-- ---- static_graph ----

variant("static_graph_with_unused", function()
  local net = Two()
  local ddp = DDP(net, { static_graph = true })
  for _ = 1, 5 do
    step(ddp, rank() + 1, "a")
    equal(grad(net.a), (size() + 1) / 2)
    equal(grad(net.b), nil)
  end
end)

variant("static_graph_that_changes", function()
  local ddp = DDP(Two(), { static_graph = true })
  step(ddp, 1, "a")
  mentions(fails(step, ddp, 1, "ab"), "Your training graph has changed in this iteration",
           "not compatible with static_graph set to True")
  ddp = DDP(Two(), { static_graph = true })
  step(ddp, 1, "ab")
  step(ddp, 1, "a")
  mentions(fails(ddp, input(1), "ab"), "Expected to have finished reduction",
           "your training graph has changed", "rank " .. rank() .. ": 1")
end)

-- ---- buffers ----

variant("statistics_of_rank_0_survive", function()
  local net = Counting()
  local ddp = DDP(net)
  step(ddp, 1)
  equal(net.mean[0]:item(), rank() + 1)
  step(ddp, 1)
  equal(net.mean[0]:item(), 1 + rank() + 1)
  -- Without gradients only the first forward after a step brings rank 0's.
  torch.no_grad(function() ddp(input(1)) end)
  equal(net.mean[1]:item(), 2 + rank() + 1)
  torch.no_grad(function() ddp(input(1)) end)
  equal(net.mean[1]:item(), 2 + 2 * (rank() + 1))
  equal(net.count:item(), 4)
  -- In no_sync too: that forward still brings them, the next does not.
  step(ddp, 1)
  ddp:no_sync(function() step(ddp, 1) end)
  local before = net.mean[0]:item()
  ddp:no_sync(function() step(ddp, 1) end)
  equal(net.mean[0]:item(), before + rank() + 1)
end)

variant("buffers_may_be_replaced", function()
  local net = Counting()
  local ddp = DDP(net)
  net.mean = torch.tensor{ rank() + 10, 0 }:float()
  step(ddp, 1)
  equal(net.mean[0]:item(), 10 + rank() + 1)
end)

-- ---- join ----

local function join_figures(options)
  local net = one()
  local ddp = DDP(net)
  local seen = {}
  ddp:join(function()
    for _ = 1, 2 * (rank() + 1) do
      step(ddp, 1)
      seen[#seen + 1] = grad(net)
    end
  end, options)
  return seen
end

-- Rank r has 2(r + 1) steps: in step k there are W - (k - 1) // 2 active ranks.
local function active(k) return size() - (k - 1) // 2 end

variant("join_divides_by_all", function()
  for k, value in ipairs(join_figures()) do equal(value, active(k) / size()) end
end)

variant("join_divides_by_those_left", function()
  for _, value in ipairs(join_figures{ divide_by_initial_world_size = false }) do equal(value, 1) end
end)

variant("join_ends_with_the_last_ones_weights", function()
  local net = Counting()
  local ddp = DDP(net)
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.1 })
  local start = net.layer.weight:item()
  ddp:join(function()
    for _ = 1, 2 * (rank() + 1) do
      step(ddp, 1)
      optimizer:step()
    end
  end)
  local expected = start
  for k = 1, 2 * size() do expected = expected - 0.1 * active(k) / size() end
  equal(net.layer.weight:item(), expected)
  -- In each forward the highest rank with inputs gives its statistics.
  equal(net.mean[0]:item(), 2 * size() * size())
end)

variant("join_ends_with_whoever_was_last", function()
  local net = one()
  local ddp = DDP(net)
  local optimizer = optim.SGD(ddp:parameters(), { lr = 0.1 })
  local start = net.weight:item()
  ddp:join(function()
    for _ = 1, 2 * (size() - rank()) do
      step(ddp, 1)
      optimizer:step()
    end
  end)
  local expected = start
  for k = 1, 2 * size() do expected = expected - 0.1 * active(k) / size() end
  equal(net.weight:item(), expected)
end)

variant("join_can_throw", function()
  local net = one()
  local ddp = DDP(net)
  local steps = 0
  local ok, message = pcall(function()
    ddp:join(function()
      for _ = 1, rank() == 0 and 2 or 4 do
        step(ddp, 1)
        steps = steps + 1
      end
    end, { throw_on_early_termination = true })
  end)
  if size() == 1 then return assert(ok) end
  equal(steps, 2)
  assert(not ok)
  mentions(message, rank() == 0 and "Rank 0 exhausted all inputs." or
           "Detected at least one rank that exhausted inputs. Throwing across all ranks.")
end)

variant("join_with_no_sync_and_search", function()
  local net = Two()
  local ddp = DDP(net, { find_unused_parameters = true })
  ddp:join(function()
    for k = 1, rank() + 2 do
      ddp:zero_grad()
      ddp:no_sync(function() ddp(input(1), "ab"):sum():backward() end)
      equal(grad(net.a), 1)
      ddp(input(1), "a"):sum():backward()
      equal(grad(net.a), 2 * (size() - math.max(0, k - 2)) / size())
    end
  end)
end)

variant("join_rebuilds_with_who_is_left", function()
  local net = deep(8, 3)
  local ddp = DDP(net, { bucket_cap_mb = 1e-4 })
  ddp:join(function()
    for _ = 1, 2 * rank() do
      ddp:zero_grad()
      ddp(torch.ones(1, 8)):sum():backward()
    end
  end)
end)

variant("join_switched_off", function()
  local net = one()
  local ddp = DDP(net)
  ddp:join(function() step(ddp, rank() + 1) end, { enable = false })
  equal(grad(net), (size() + 1) / 2)
end)

-- ---- communication hooks ----

variant("a_hook_sees_the_buckets", function()
  local net = deep(4, 3)
  local ddp = DDP(net, { bucket_cap_mb = 1e-5 })
  local seen
  ddp:register_comm_hook("state", function(state, bucket)
    assert(state == "state")
    assert(#bucket:gradients() == #bucket:parameters())
    local count = 0
    for i, parameter in ipairs(bucket:parameters()) do
      assert(tostring(parameter.shape) == tostring(bucket:gradients()[i].shape))
      count = count + parameter:numel()
    end
    equal(bucket:buffer():numel(), count)
    seen[#seen + 1] = bucket:index() .. (bucket:is_last() and "." or "")
    return dist.all_reduce(bucket:buffer(), { async_op = true })
  end)
  for k = 1, 3 do
    seen = {}
    ddp:zero_grad()
    ddp(torch.ones(1, 4)):sum():backward()
    local text = table.concat(seen, " ")
    assert(text == (k == 1 and "0." or "0 1 2 3 4 5."), text)
  end
  -- Nobody divides but the hook.
  equal(net[2].bias.grad[0]:item(), size())
end)

variant("hooks_may_return_many_things", function()
  local kinds = {
    function(_, bucket) return bucket:buffer() * 2 end,
    function(_, bucket) return { bucket:buffer():mul_(2) } end,
    function(_, bucket)
      return dist.all_reduce(bucket:buffer(), { async_op = true }):get_future():then_(function(done)
        return done:value()[1] * (2 / size())
      end)
    end,
    function(_, bucket)
      bucket:set_buffer(bucket:buffer() * 2)
      return bucket:buffer()
    end,
  }
  for _, hook in ipairs(kinds) do
    local net = one()
    local ddp = DDP(net)
    ddp:register_comm_hook(nil, hook)
    step(ddp, 1)
    equal(grad(net), 2)
  end
end)

variant("hooks_that_come_with_it", function()
  local hooks = dist.ddp_comm_hooks.default_hooks
  local function first(hook, value)
    local net = one()
    local ddp = DDP(net)
    if hook then ddp:register_comm_hook(nil, hook) end
    step(ddp, value)
    return grad(net)
  end
  local function in_dtype(dtype, value)
    local parts = {}
    for r = 0, size() - 1 do parts[r + 1] = torch.tensor({ value }, { dtype = dtype }):div_(size()) end
    local sum = parts[1]
    for r = 2, size() do sum = sum + parts[r] end
    return sum:item()
  end
  local mine = 1 / 3
  assert(first(hooks.allreduce_hook, mine) == first(nil, mine) or size() % 2 == 1)
  assert(first(hooks.fp16_compress_hook, mine) == in_dtype(torch.float16, mine))
  assert(first(hooks.bf16_compress_hook, mine) == in_dtype(torch.bfloat16, mine))
  assert(first(hooks.fp16_compress_hook, 1e6) == math.huge)
  equal(first(hooks.fp16_compress_wrapper(hooks.allreduce_hook), mine), in_dtype(torch.float16, mine))
end)

variant("hooks_are_registered_once", function()
  local ddp = DDP(one())
  local hook = dist.ddp_comm_hooks.default_hooks.allreduce_hook
  ddp:register_comm_hook(nil, hook)
  mentions(fails(ddp.register_comm_hook, ddp, nil, hook), "can only be called once")
  mentions(fails(DDP(one()).register_comm_hook, ddp, nil, 3), "must be callable")
end)

variant("errors_in_a_hook_come_out_of_backward", function()
  local ddp = DDP(one())
  ddp:register_comm_hook(nil, function() error("of my own") end)
  mentions(fails(step, ddp, 1), "communication hook", "of my own")
  ddp = DDP(one())
  ddp:register_comm_hook(nil, function() return 3 end)
  mentions(fails(step, ddp, 1), "must return a tensor")
  ddp = DDP(one())
  ddp:register_comm_hook(nil, function() return torch.ones(7) end)
  mentions(fails(step, ddp, 1), "returned a tensor of 7 elements for a bucket of 1")
end)

-- ---- groups ----

variant("within_a_group", function()
  local pairs_of = {}
  for first = 0, size() - 1, 2 do
    pairs_of[#pairs_of + 1] = dist.new_group(first + 1 < size() and { first, first + 1 } or { first })
  end
  local group = pairs_of[rank() // 2 + 1]
  torch.manual_seed(rank())
  local net = one()
  local ddp = DDP(net, { process_group = group })
  local all = dist.all_gather(net.weight:detach():flatten())
  assert(all[rank() + 1]:item() == all[rank() // 2 * 2 + 1]:item())
  step(ddp, rank() + 1)
  local first = rank() // 2 * 2
  equal(grad(net), first + 1 < size() and first + 1.5 or first + 1)
end)

-- ---- what is refused ----

variant("refused", function()
  mentions(fails(DDP, nn.ReLU()), "doesn't have any parameter that requires a gradient")
  mentions(fails(DDP, one(), { device_ids = { 0 } }), "ValueError", "device_ids")
  DDP(one(), { device_ids = {} })
  mentions(fails(DDP, one(), { bucket_cap = 1 }), "bucket_cap_mb")
  mentions(fails(DDP, one(), { bucket_cap_mb = 0 }), "bucket_cap_mb")
  mentions(fails(DDP, 3), "expected a module, found a number")
  mentions(fails(DDP(one()).join, DDP(one())), "expected a function")
end)

return { title = "ddp", world = { size = 4 }, variants = variants }
