-- DistributedDataParallel where ranks differ and a run does not end well: worlds of the size that
-- each variant says.

local DDP = DistributedDataParallel

local function rank() return dist.get_rank() end

-- One weight, no bias: the gradient of the sum of its outputs is the sum of its inputs.
local function one() return nn.Linear(1, 1, { bias = false }) end

local function input(value) return torch.tensor{ { value } }:float() end

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

variant("init_sync_off", function()
  torch.manual_seed(rank())
  local net = one()
  local before = net.weight:item()
  DDP(net, { init_sync = false })
  assert(net.weight:item() == before)
end, { world = { size = 2 }, expect = { outcome = "completed", findings = { "replica_divergence" } } })

variant("buffers_left_alone", function()
  local net = Counting()
  local ddp = DDP(net, { broadcast_buffers = false })
  for _ = 1, 3 do step(ddp, 1) end
  assert(net.mean[0]:item() == 3 * (rank() + 1))
end, { world = { size = 2 },
       expect = function(report)
         local finding = report.findings[1]
         return report.outcome == "completed" and #report.findings == 1 and
           finding.kind == "replica_divergence" and finding.message:find("step 1 the buffers of rank 1")
       end })

variant("unused_are_named_in_detail", function()
  local ddp = DDP(Two())
  ddp(input(1), "a"):sum():backward()
  mentions(fails(ddp, input(1), "a"), "did not receive grad: b.weight", "rank " .. rank() .. ": 1")
end, { world = { size = 2, debug = "detail" } })

variant("another_number_of_parameters", function()
  DDP(nn.Linear(1, 1, { bias = rank() == 0 }))
end, { world = { size = 2 },
       expect = function(report)
         return report.outcome == "error" and
           report.ranks[2].error:find("DDP expects same model across all ranks, but Rank 1 has 1 " ..
             "params, while rank 0 has inconsistent 2 params.", 1, true) and
           report.ranks[1].error:find("Rank 0 has 2 params, while rank 1 has inconsistent 1 params.",
             1, true)
       end })

variant("other_shapes", function()
  DDP(nn.Linear(rank() == 1 and 2 or 3, 3))
end, { world = { size = 2 },
       expect = function(report)
         return report.outcome == "error" and report.ranks[2].error:find(
           "[1]: params[0] in this process with sizes [3, 2] appears not to match sizes of the " ..
           "same param in process 0.", 1, true)
       end })

variant("a_rank_without_unused_parameters_waits", function()
  local ddp = DDP(Two())
  ddp(input(1), rank() == 0 and "a" or "ab"):sum():backward()   -- @backward
  ddp(input(1), "ab")                                           -- @forward
end, { world = { size = 2 },
       expect = { outcome = "error" } })

-- Ranks whose replicas drift apart, with two wrappers to tell apart.
variant("drifting_replicas", function()
  local a, b = DDP(one()), DDP(one())
  local slow = optim.SGD(a:parameters(), { lr = 0.1 })
  local odd = optim.SGD(b:parameters(), { lr = rank() == 1 and 0.2 or 0.1 })
  for _ = 1, 3 do
    step(a, 1)
    slow:step()
    step(b, 1)
    odd:step()
  end
end, { world = { size = 3 },
       expect = function(report)
         return #report.findings == 1 and
           report.findings[1].message == "after step 1 the weights of rank 1 differ from those of rank 0"
       end })

return { title = "ddp_differs", variants = variants }
