-- The jobs of this benchmark in the Trainer, as a user would write them: see README.md.
local jobs = {
  linear = { dims = { 10, 1 }, batch = 32, adam = true, lr = 1e-3 },
  small = { dims = { 30, 64, 32, 1 }, batch = 32, lr = 1e-2 },
  middle = { dims = { 64, 256, 256, 10 }, batch = 64, adam = true, classes = true, lr = 1e-3 },
  large = { dims = { 784, 1024, 1024, 10 }, batch = 128, classes = true, lr = 1e-2 },
  conv = { batch = 64, adam = true, classes = true, lr = 1e-3 },
}

local function make_mlp(dims)
  local model = nn.Sequential()
  for i = 2, #dims do
    if i > 2 then model:append(nn.ReLU()) end
    model:append(nn.Linear(dims[i - 1], dims[i]))
  end
  return model
end

local function make_conv()
  return nn.Sequential(
    nn.Conv2d(1, 8, 3, { padding = 1 }), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, { padding = 1 }), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 7 * 7, 10))
end

local Net = LightningModule:extend("Net")

function Net:init(job)
  self.job = job
  self.model = job.dims and make_mlp(job.dims) or make_conv()
end

function Net:forward(x) return self.model(x) end

function Net:training_step(batch)
  local y_hat = self(batch[1])
  local loss
  if self.job.classes then
    loss = F.cross_entropy(y_hat, batch[2])
  else
    loss = F.mse_loss(y_hat, batch[2])
  end
  self:log("train_loss", loss)
  return loss
end

function Net:configure_optimizers()
  local make = self.job.adam and optim.Adam or optim.SGD
  return make(self:parameters(), { lr = self.job.lr })
end

-- A hundred batches a rank, again and again.
local function make_data(job)
  local samples = job.batch * (job.dims and job.dims[1] < 100 and 100 or 10) * dist.get_world_size()
  local x = job.dims and torch.randn(samples, job.dims[1]) or torch.randn(samples, 1, 28, 28)
  local y
  if job.classes then
    y = torch.randint(0, 10, { samples })
  else
    y = torch.randn(samples, 1)
  end
  return data.TensorDataset(x, y)
end

return {
  title = "speed of training",
  lesson = "How many steps a second; bench/training/compare holds them against PyTorch.",
  world = { size = 4, backend = "gloo" },
  limits = { steps = 2e8 },
  params = { job = "linear", steps = 1000 },
  small = { steps = 100 },
  variants = {
    { name = "train",
      main = function(params)
        local job = jobs[params.job]
        local loader = data.DataLoader(make_data(job), { batch_size = job.batch, shuffle = true })
        local trainer = Trainer{ max_steps = params.steps, logger = false, enable_checkpointing = false,
                                 enable_progress_bar = false, enable_model_summary = false,
                                 max_epochs = -1 }
        trainer:fit(Net(job), loader)
      end },
  },
}
