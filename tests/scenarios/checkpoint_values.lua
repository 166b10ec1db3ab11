-- torch.save, torch.load and the checkpoints of a Trainer: what comes back, and what is refused.

local function refused(expected, f, ...)
  local done, message = pcall(f, ...)
  assert(not done, "this should have been refused: " .. expected)
  assert(message:find(expected, 1, true), "expected: " .. expected .. "\nfound: " .. message)
end

local function same_bits(a, b)
  return math.type(a) == math.type(b) and string.pack("n", a) == string.pack("n", b)
end

local function keys_of(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  return table.concat(keys, " ")
end

local function own_path(name) return string.format("rank%d/%s", dist.get_rank(), name) end

local function save_and_load(value, name)
  local path = own_path(name or "value.ckpt")
  torch.save(value, path)
  return torch.load(path)
end

-- ---- values ----

local function numbers()
  local floats = { 0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, 1 / 3, math.pi, 2^53, 1 / 0, -1 / 0, 0 / 0,
                   -(0 / 0), (string.unpack("d", string.pack("I8", 0x7ff8000000000123))) }
  local back = save_and_load(floats)
  assert(#back == #floats)
  for i, value in ipairs(floats) do
    assert(math.type(back[i]) == "float" and same_bits(value, back[i]), "float " .. i)
  end
  local integers = save_and_load{ 0, 1, -1, math.maxinteger, math.mininteger, 2^53 | 0 }
  assert(table.concat(integers, " ") ==
         "0 1 -1 9223372036854775807 -9223372036854775808 9007199254740992")
  for _, value in ipairs(integers) do assert(math.type(value) == "integer") end
  local many = {}
  for i = 1, 1000 do
    many[i] = string.unpack("d", string.pack("I8", (i * 0x9e3779b97f4a7c15) & 0xffefffffffffffff))
  end
  for i, value in ipairs(save_and_load(many)) do
    assert(same_bits(value, many[i]), "float " .. i)
  end
end

local function strings()
  local all = {}
  for i = 0, 255 do all[i + 1] = string.char(i) end
  for _, text in ipairs{ "", "plain", "Größe ∂ 😀", "quote \" \\ \n \t \1", "zero \0 byte",
                         "\xff\xfe", table.concat(all), "null", "1" } do
    assert(save_and_load(text) == text)
    assert(save_and_load({ [text] = text })[text] == text)
  end
end

local function tables()
  local back = save_and_load{ list = { 1, "two", true, {} }, holes = { 1, nil, 3 },
                              n = { n = 2, 1, 2 }, [2.5] = "float", [true] = "truth", [-1] = "negative", empty = {},
                              nested = { { { { a = { b = 1 } } } } } }
  assert(#back.list == 4 and back.list[2] == "two" and back.list[3] == true and #back.list[4] == 0)
  assert(back.holes[1] == 1 and back.holes[2] == nil and back.holes[3] == 3)
  assert(back.n.n == 2 and back.n[2] == 2 and back[2.5] == "float" and back[true] == "truth")
  assert(back[-1] == "negative" and next(back.empty) == nil and back.nested[1][1][1].a.b == 1)
  assert(save_and_load(nil) == nil and save_and_load(false) == false)

  local deep = {}
  local at = deep
  for _ = 1, 62 do at.x = { "y" } at = at.x end
  back = save_and_load(deep)
  for _ = 1, 62 do back = back.x end
  assert(back[1] == "y" and back.x == nil)

  -- A state_dict keeps its order, also when names are taken out and come again.
  local state = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)):state_dict()
  assert(keys_of(save_and_load(state)) == "0.weight 0.bias 2.weight 2.bias")

  local shared = { 1 }
  back = save_and_load{ shared, shared } -- no cycle: it is there twice
  assert(back[1][1] == 1 and back[2][1] == 1)
end

local function tensors()
  torch.manual_seed(3)
  local dtypes = { "float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool" }
  local value = {}
  for _, name in ipairs(dtypes) do
    value[name] = torch.randint(0, 2, { 2, 3 }):to(torch[name])
  end
  value.scalar, value.empty = torch.tensor(2.5), torch.zeros(0, 4)
  local back = save_and_load(value)
  for name, tensor in pairs(value) do
    assert(back[name].dtype == tensor.dtype)
    assert(tostring(back[name].shape) == tostring(tensor.shape))
    assert(torch.equal(back[name], tensor), name)
  end

  -- One memory comes back as one memory, and marks stay.
  local layer = nn.Linear(2, 2)
  back = save_and_load{ a = layer.weight, b = layer.weight, c = layer.weight:detach() }
  assert(back.a.requires_grad and back.b.requires_grad and not back.c.requires_grad)
  torch.no_grad(function() back.a:zero_() end)
  assert(back.b:abs():sum():item() == 0 and back.c:abs():sum():item() == 0)
  assert(torch.equal(save_and_load(torch.arange(3)), torch.arange(3)))
end

local function refusals()
  local path = own_path("refused.ckpt")
  refused("callbacks.MyCallback.f is a function", torch.save,
          { callbacks = { MyCallback = { f = print } } }, path)
  local cycle = { a = { b = {} } }
  cycle.a.b.c = cycle.a
  refused("a.b.c is a table that contains itself", torch.save, cycle, path)
  refused("model is a Linear; save its state_dict()", torch.save, { model = nn.Linear(1, 1) }, path)
  refused("list.2 is an object of type", torch.save,
          { list = { 1, torch.Generator() } }, path)
  refused("the value has a table as a key", torch.save, { [{}] = 1 }, path)
  refused("the path is a number", torch.save, 1, 5)
  local deep = {}
  local at = deep
  for _ = 1, 100 do at.x = {}; at = at.x end
  refused("is nested too deep", torch.save, deep, path)
  refused("leads upwards with '..'", torch.save, 1, "../x")
  refused("is absolute", torch.save, 1, "/tmp/x")
  refused("unknown option 'weight_only', did you mean 'weights_only'", torch.load, path,
          { weight_only = true })
  refused("nothing.ckpt: cannot open the file: No such file", torch.load, "nothing.ckpt")
end

local function random_states()
  local generator = torch.Generator():manual_seed(7)
  torch.randn(3, { generator = generator })
  local state = generator:get_state()
  assert(state.dtype == torch.uint8 and state:numel() == 5056)
  local expected = torch.randn(5, { generator = generator })
  local other = torch.Generator()
  other:set_state(save_and_load(state))
  assert(torch.equal(torch.randn(5, { generator = other }), expected))
  local default = torch.get_rng_state()
  local first = torch.rand(700)
  torch.set_rng_state(default)
  assert(torch.equal(torch.rand(700), first))
  refused("RNG state must be a torch.uint8 tensor", torch.set_rng_state, torch.zeros(5056))
  refused("it has 3 bytes, expected 5056", torch.set_rng_state,
          torch.zeros(3, { dtype = torch.uint8 }))
end

-- ---- checkpoints of a Trainer ----

local Net = LightningModule:extend("Net")
function Net:init(options)
  options = options or { hidden = 4 }
  self:save_hyperparameters(options)
  self.first = nn.Linear(3, options.hidden)
  self.second = nn.Linear(options.hidden, 1)
end
function Net:forward(x) return self.second(self.first(x):relu()) end
function Net:training_step(batch) return F.mse_loss(self(batch[1]), batch[2]) end
function Net:validation_step(batch) self:log("val_loss", F.mse_loss(self(batch[1]), batch[2])) end
function Net:configure_optimizers() return optim.Adam(self:parameters(), { lr = 0.01 }) end
function Net:on_save_checkpoint(checkpoint) checkpoint.something_cool = { 1, 2 } end
function Net:on_load_checkpoint(checkpoint) self.cool = checkpoint.something_cool[2] end

local Counter = Callback:extend("Counter")
function Counter:init() self.count = 0 end
function Counter:on_train_batch_end() self.count = self.count + 1 end
function Counter:state_dict() return { count = self.count } end
function Counter:load_state_dict(state) self.count = state.count end

local function loader()
  local x = torch.randn(8 * dist.get_world_size(), 3)
  return data.DataLoader(data.TensorDataset(x, x:sum(1):unsqueeze(1)), { batch_size = 4 })
end

local function new_trainer(options)
  local all = { max_epochs = 1, logger = false, enable_progress_bar = false,
                enable_model_summary = false, enable_checkpointing = false }
  for name, value in pairs(options or {}) do all[name] = value end
  return Trainer(all)
end

local function trained(options, path)
  torch.manual_seed(1)
  local counter = Counter()
  local trainer = new_trainer{ callbacks = { counter } }
  local net = Net{ hidden = 5 }
  trainer:fit(net, loader())
  trainer:save_checkpoint(path or "net.ckpt", options)
  return net, trainer, counter
end

local function lightning_keys()
  local net = trained()
  local saved = torch.load("net.ckpt")
  local first = "epoch global_step pytorch-lightning_version state_dict loops "
  local last = "hparams_name hyper_parameters something_cool"
  assert(keys_of(saved) == first .. "callbacks optimizer_states lr_schedulers " .. last ..
         " ddpsim_resume", keys_of(saved))
  assert(saved.epoch == 1 and saved.global_step == 2, saved.epoch .. " " .. saved.global_step)
  assert(keys_of(saved.state_dict) == "first.weight first.bias second.weight second.bias")
  assert(torch.equal(saved.state_dict["first.weight"], net.first.weight:detach()))
  assert(keys_of(saved.loops) == "fit_loop validate_loop test_loop predict_loop")
  assert(saved.loops.fit_loop.epoch_progress.current.completed == 1)
  assert(saved.callbacks.Counter.count == 2 and saved.hyper_parameters.hidden == 5)
  assert(saved.optimizer_states[1].state[0].exp_avg ~= nil)

  trained({ weights_only = true }, "weights.ckpt")
  assert(keys_of(torch.load("weights.ckpt")) == first .. last)
end

local function from_checkpoint()
  local net = trained()
  local other = Net.load_from_checkpoint("net.ckpt")
  assert(other.hparams.hidden == 5 and other.cool == 2)
  for name, value in pairs(net:state_dict()) do
    assert(torch.equal(value, other:state_dict()[name]), name)
  end
  assert(torch.equal(Net:load_from_checkpoint("net.ckpt").first.bias:detach(),
                     net.first.bias:detach()))
  refused("size mismatch for first.weight: copying a param with shape torch.Size([5, 3]) from " ..
          "checkpoint, the shape in current model is torch.Size([6, 3])",
          Net.load_from_checkpoint, "net.ckpt", { hidden = 6 })
end

local function mismatches()
  local _, trainer = trained()
  refused("size mismatch for second.weight", function()
    new_trainer{ max_epochs = 2 }:fit(Net{ hidden = 7 }, loader(), { ckpt_path = "net.ckpt" })
  end)
  refused("MisconfigurationException: You restored a checkpoint with current_epoch=1, but you " ..
          "have set Trainer{ max_epochs = 0 }.", function()
    new_trainer{ max_epochs = 0 }:fit(Net{ hidden = 5 }, loader(), { ckpt_path = "net.ckpt" })
  end)
  trainer:save_checkpoint("weights.ckpt", { weights_only = true })
  refused("KeyError: Trying to restore optimizer state but checkpoint contains only the model",
          function()
    new_trainer{ max_epochs = 2 }:fit(Net{ hidden = 5 }, loader(), { ckpt_path = "weights.ckpt" })
  end)
  local flat = own_path("flat.safetensors")
  torch.save(Net():state_dict(), flat)
  refused("KeyError: 'state_dict': " .. flat .. " is no checkpoint", function()
    new_trainer():fit(Net(), loader(), { ckpt_path = flat })
  end)
  refused("no.ckpt: cannot open the file", function()
    new_trainer():fit(Net(), loader(), { ckpt_path = "no.ckpt" })
  end)
end

-- Weights, counters and callbacks come back also where the rest cannot.
local function other_world()
  trained()
  local saved = torch.load("net.ckpt")
  saved.ddpsim_resume.world_size = dist.get_world_size() + 1
  local path = own_path("other.ckpt")
  torch.save(saved, path)
  local counter = Counter()
  local trainer = new_trainer{ max_epochs = 3, callbacks = { counter } }
  trainer:fit(Net{ hidden = 5 }, loader(), { ckpt_path = path })
  assert(trainer.global_step == 6 and trainer.current_epoch == 3 and counter.count == 6)
end

-- A finished run does nothing more; with more epochs it goes on.
local function finished()
  local net = trained()
  local other = Net{ hidden = 5 }
  local counter = Counter()
  new_trainer{ callbacks = { counter } }:fit(other, loader(), { ckpt_path = "net.ckpt" })
  assert(counter.count == 2 and torch.equal(other.first.weight:detach(), net.first.weight:detach()))
  local trainer = new_trainer{ max_epochs = 2, callbacks = { counter } }
  trainer:fit(other, loader(), { ckpt_path = "net.ckpt" })
  assert(counter.count == 4 and trainer.global_step == 4)
end

local function best_and_last()
  torch.manual_seed(1)
  local best = callbacks.ModelCheckpoint{ dirpath = "mc", monitor = "val_loss", save_last = true }
  local trainer = new_trainer{ max_epochs = 3, callbacks = { best }, enable_checkpointing = true }
  local net = Net{ hidden = 5 }
  local batches = loader()
  trainer:fit(net, batches, batches)
  local expected = torch.load(best.best_model_path).state_dict["first.weight"]
  net.first.weight:detach():zero_()
  trainer:validate(net, batches, { ckpt_path = "best", verbose = false })
  assert(torch.equal(net.first.weight:detach(), expected))
  net.first.weight:detach():zero_()
  trainer:validate(net, batches, { ckpt_path = "last", verbose = false })
  expected = torch.load("mc/last.ckpt").state_dict["first.weight"]
  assert(torch.equal(net.first.weight:detach(), expected))
end

-- Known numbers of every dtype; tests/tools/check_safetensors.py opens the file with Python.
local function for_python()
  if dist.get_rank() ~= 0 then return end
  local value = { step = 7, lr = 0.1, state = { shared = torch.arange(3) } }
  for _, name in ipairs{ "float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8",
                         "bool" } do
    value.state["layer." .. name] = torch.arange(6):reshape(2, 3):to(torch[name])
  end
  value.state.scalar = torch.tensor(2.5)
  value.state.empty = torch.zeros(0, 4)
  value.state.again = value.state.shared
  torch.save(value, "python.ckpt")
end

-- Only rank 0 asks for it, so it waits for the others for ever.
local function guarded()
  local _, trainer = trained()
  if trainer.is_global_zero then trainer:save_checkpoint("guarded.ckpt") end -- @guard
  dist.barrier()
end

local function variant(name, main) return { name = name, main = main,
                                            expect = { outcome = "completed" } } end

return {
  title = "checkpoint_values",
  world = { size = 2 },
  variants = {
    variant("numbers", numbers), variant("strings", strings), variant("tables", tables),
    variant("tensors", tensors), variant("refusals", refusals),
    variant("random_states", random_states), variant("lightning_keys", lightning_keys),
    variant("from_checkpoint", from_checkpoint), variant("mismatches", mismatches),
    variant("other_world", other_world), variant("finished", finished),
    variant("best_and_last", best_and_last), variant("for_python", for_python),
    { name = "guarded", main = guarded,
      expect = { outcome = "deadlock", diagnosis = { lines = { "@guard" } } } },
  },
}
