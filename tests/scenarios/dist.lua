-- Every verb of `dist`, each against a closed form, for any world size.

local function same(t, expected)
  local found = t:flatten():tolist()
  assert(#found == #expected, #found .. " values, expected " .. #expected)
  for i = 1, #expected do
    assert(found[i] == expected[i], "value " .. i .. " is " .. found[i] .. ", expected " .. expected[i])
  end
end

local function sum_to(n) return n * (n - 1) / 2 end

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "expected an error like: " .. pattern)
  assert(message:find(pattern), message)
end

local function collectives()
  local r, p = dist.get_rank(), dist.get_world_size()

  same(dist.all_reduce(tensor{ r, 1 }), { sum_to(p), p })
  same(dist.all_reduce(tensor{ r * 1.0 }, { op = dist.ReduceOp.MAX, name = "m" }), { p - 1 })
  same(dist.all_reduce(tensor{ r * 2.0 }, { op = "avg" }), { p - 1.0 })
  same(dist.broadcast(tensor{ r }, p - 1), { p - 1 })

  local reduced = dist.reduce(tensor{ r }, p - 1)
  same(reduced, { r == p - 1 and sum_to(p) or r })

  local all = dist.all_gather(tensor{ r, -r })
  assert(#all == p)
  for i = 1, p do same(all[i], { i - 1, 1 - i }) end

  local stacked = dist.all_gather_into_tensor(tensor{ { r, 0 } })
  assert(stacked.shape[1] == p and stacked.shape[2] == 1 and stacked.shape[3] == 2)
  same(stacked:select(0, p - 1), { p - 1, 0 })

  local gathered = dist.gather(tensor{ r }, 0)
  assert((gathered ~= nil) == (r == 0))
  if gathered then for i = 1, p do same(gathered[i], { i - 1 }) end end

  local list
  if r == p - 1 then
    list = {}
    for i = 1, p do list[i] = tensor{ 10 * i, 0.5 } end
  end
  same(dist.scatter(list, p - 1), { 10 * (r + 1), 0.5 })

  local pieces = {}
  for i = 1, p do pieces[i] = tensor{ r + 100 * i } end
  same(dist.reduce_scatter(pieces), { sum_to(p) + 100 * (r + 1) * p })

  -- Rank i sends i + j elements to rank j.
  local uneven = {}
  for j = 1, p do uneven[j] = torch.full({ r + j - 1, 2 }, r * 10.0) end
  local got = dist.all_to_all(uneven)
  for i = 1, p do
    assert(got[i].shape[1] == (i - 1) + r and got[i].shape[2] == 2)
    if (i - 1) + r > 0 then assert(got[i]:max():item() == (i - 1) * 10) end
  end

  local objects = dist.all_gather_object({ rank = r, list = { 1, "two", { true } }, t = tensor{ r } })
  for i = 1, p do
    assert(objects[i].rank == i - 1 and objects[i].list[2] == "two" and objects[i].list[3][1] == true)
    same(objects[i].t, { i - 1 })
  end
  assert(dist.broadcast_object(r == 0 and "hello" or nil, 0) == "hello")
  dist.barrier()
end

local function works()
  local r, p = dist.get_rank(), dist.get_world_size()
  local t = tensor{ r * 1.0 }
  local work = dist.all_reduce(t, { async_op = true })
  same(t, { r })
  dist.barrier()
  assert(work:is_completed())
  same(t, { r })
  assert(work:wait() == t)
  same(t, { sum_to(p) })
  work:wait()
  local gather = dist.all_gather(tensor{ r }, { async_op = true })
  local all = gather:wait()
  for i = 1, p do same(all[i], { i - 1 }) end
end

local function groups()
  local r, p = dist.get_rank(), dist.get_world_size()
  if p < 2 then return end
  local even, odd = {}, {}
  for i = 0, p - 1 do
    if i % 2 == 0 then even[#even + 1] = i else odd[#odd + 1] = i end
  end
  local even_group, odd_group = dist.new_group(even), dist.new_group(odd)
  local mine, other = even_group, odd_group
  if r % 2 == 1 then mine, other = odd_group, even_group end
  local members = r % 2 == 0 and even or odd

  same(dist.all_reduce(tensor{ 1 }, { group = mine }), { #members })
  assert(mine:size() == #members and mine:rank() == r // 2 and other:rank() == -1)
  same(dist.broadcast(tensor{ r }, members[#members], { group = mine }), { members[#members] })
  fails("rank %d is no member of group", dist.all_reduce, tensor{ 1 }, { group = other })
  fails("which is no member of group", dist.broadcast, tensor{ 1 }, (r + 1) % 2, { group = mine })
  assert(tostring(odd_group):find("ProcessGroup{1"))
end

local function messages()
  local r, p = dist.get_rank(), dist.get_world_size()
  if p < 2 then return end
  local nxt, before = (r + 1) % p, (r + p - 1) % p
  local out, inbox = tensor{ r * 1.0 }, tensor{ -1.0 }

  local sent = dist.isend(out, nxt)
  assert(dist.recv(inbox, before) == before)
  sent:wait()
  same(inbox, { before })

  local receive = dist.irecv(inbox, before)
  dist.send(tensor{ r + 0.5 }, nxt)
  receive:wait()
  same(inbox, { before + 0.5 })

  if r == 0 then
    local sum = 0
    for _ = 1, p - 1 do
      local from = dist.recv(inbox)
      assert(inbox:item() == from)
      sum = sum + from
    end
    assert(sum == sum_to(p))
  else
    dist.send(tensor{ r * 1.0 }, 0)
  end
  dist.barrier()
end

local function misuse()
  local p = dist.get_world_size()
  fails("bad argument #1", dist.all_reduce, 5)
  fails("option 'op' is 'sun'", dist.all_reduce, tensor{ 1 }, { op = "sun" })
  fails("src is " .. p .. ", expected a rank from 0 to", dist.broadcast, tensor{ 1 }, p)
  fails("expected a list of " .. p .. " tensors", dist.reduce_scatter, {})
  fails("did you mean 'async_op'", dist.all_reduce, tensor{ 1 }, { asinc_op = true })
  fails("cannot pickle a function", dist.all_gather_object, print)
  fails("stands in the list twice", dist.new_group, { 0, 0 })
  fails("band is not defined for float32", dist.all_reduce, tensor{ 1.0 }, { op = "band" })
end

return {
  title = "dist",
  world = { size = 4 },
  variants = {
    { name = "collectives", main = collectives, expect = { outcome = "completed", findings = {} } },
    { name = "works", main = works, expect = { outcome = "completed", findings = {} } },
    { name = "groups", main = groups, expect = { outcome = "completed", findings = {} } },
    { name = "messages", main = messages, expect = { outcome = "completed", findings = {} } },
    { name = "misuse", main = misuse, expect = { outcome = "completed", findings = {} } },

    { name = "touched",
      main = function()
        local t = tensor{ 1.0 }
        local work = dist.all_reduce(t, { async_op = true })
        t:add_(1)
        work:wait()
      end,
      expect = { outcome = "completed", findings = { "touched_before_wait" } } },

    { name = "never_waited",
      main = function() dist.all_reduce(tensor{ 1.0 }, { async_op = true }) end,
      expect = { outcome = "completed", findings = { "never_waited" } } },
  },
}
