-- Three ways to log from a LightningModule under DDP, each as it is often written and as it is right: a
-- metric behind is_global_zero, hyper-parameters from a callback, lines in a file of one's own.

local SimpleModel = LightningModule:extend("SimpleModel")

function SimpleModel:init(learning_rate)
  self.linear = nn.Linear(10, 1)
  self.learning_rate = learning_rate or 0.001
end

function SimpleModel:forward(x) return self.linear(x) end

function SimpleModel:training_step(batch)
  local loss = F.mse_loss(self(batch[1]), batch[2])
  self:note("train_loss", loss, { on_step = true, on_epoch = true })
  return loss
end

function SimpleModel:validation_step(batch)
  self:note("val_loss", F.mse_loss(self(batch[1]), batch[2]), { on_step = false, on_epoch = true })
end

function SimpleModel:configure_optimizers()
  return optim.Adam(self:parameters(), { lr = self.learning_rate })
end

function SimpleModel:note() end

local function log_metric(trainer, name, value, options)
  if trainer.is_global_zero then
    trainer:log(name, value, { on_step = options.on_step, on_epoch = options.on_epoch, prog_bar = true }) -- @rank_zero
  end
end

local RankZeroModel = SimpleModel:extend("RankZeroModel")
function RankZeroModel:note(name, value, options) log_metric(self.trainer, name, value, options) end

local SyncedModel = SimpleModel:extend("SyncedModel")
function SyncedModel:note(name, value, options)
  self:log(name, value, { on_step = options.on_step, on_epoch = options.on_epoch, prog_bar = true,
                          sync_dist = true, batch_size = #self.batch_x })
end
function SyncedModel:on_train_batch_start(batch) self.batch_x = batch[1] end
function SyncedModel:on_validation_batch_start(batch) self.batch_x = batch[1] end

-- A line a step, from whoever comes here.
local FileModel = SimpleModel:extend("FileModel")
function FileModel:note(name, value)
  if name == "train_loss" then
    self.file:write(string.format("Step: %d, Loss: %.6f", self.global_step, value:item()))  -- @write
  end
end
function FileModel:on_train_start() self.file = logging.open_log("training_log.txt", { buffering = 40 }) end
function FileModel:on_train_end() self.file:close() end

local FileRankZeroModel = FileModel:extend("FileRankZeroModel")
function FileRankZeroModel:note(name, value)
  if self.trainer.is_global_zero then FileModel.note(self, name, value) end
end
function FileRankZeroModel:on_train_start()
  if self.trainer.is_global_zero then FileModel.on_train_start(self) end
end
function FileRankZeroModel:on_train_end()
  if self.trainer.is_global_zero then FileModel.on_train_end(self) end
end

local HyperparameterLogger = Callback:extend("HyperparameterLogger")
function HyperparameterLogger:on_fit_start(trainer, pl_module)
  if trainer.is_global_zero then
    trainer.logger:log_hyperparams{
      learning_rate = pl_module.learning_rate,
      batch_size = trainer.train_dataloader.batch_size,
      optimizer = tostring(pl_module:configure_optimizers()),
    }
  end
end

local function train(Model, more)
  return function(params)
    torch.manual_seed(7)
    local train_loader = data.DataLoader(
      data.TensorDataset(torch.randn(100, 10), torch.randn(100, 1)), { batch_size = 32 })
    local val_loader = data.DataLoader(
      data.TensorDataset(torch.randn(50, 10), torch.randn(50, 1)), { batch_size = 32 })
    local trainer = Trainer{ accelerator = "gpu", devices = 2, strategy = "ddp", max_epochs = params.epochs,
                             callbacks = more, log_every_n_steps = 1, logger = loggers.TensorBoardLogger("logs"),
                             enable_progress_bar = false, enable_model_summary = false }
    trainer:fit(Model(), train_loader, val_loader)
  end
end

return {
  title  = "logging from a LightningModule under DDP",
  lesson = "A guard decides who writes, not what the number means: behind is_global_zero it is rank 0's " ..
           "half. Let every rank log with sync_dist, and guard only what writes files itself.",
  world  = { size = 2, backend = "nccl" },
  params = { epochs = 2 },

  variants = {
    { name = "rank_zero_filter",
      main = train(RankZeroModel),
      expect = { outcome = "completed", findings = { "partial_coverage" },
                 audit = { { key = "val_loss", share = 1/2, min_abs_error = 1e-4 } } } },

    { name = "synced", fixes = "rank_zero_filter",
      main = train(SyncedModel),
      expect = { outcome = "completed", findings = {},
                 audit = { { key = "val_loss", share = 1, error = 0, tolerance = 1e-5 } } } },

    { name = "hyperparameters",
      main = function(params) return train(SyncedModel, { HyperparameterLogger() })(params) end,
      expect = { outcome = "completed", findings = {},
                 logs = { { tag = "hp_metric", count = 1 } } } },

    { name = "file_every_rank",
      main = train(FileModel),
      expect = { outcome = "completed", findings = { "duplicate_writer", "torn_line" } } },

    { name = "file_rank_zero", fixes = "file_every_rank",
      main = train(FileRankZeroModel),
      expect = { outcome = "completed", findings = {} } },
  },
}
