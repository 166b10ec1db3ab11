-- A training script as one finds it: a data module, a small convolutional net with batch norm, four
-- callbacks, a levelled logger, half precision by a switch, validation several times an epoch; then fit,
-- go on from a checkpoint, test. What is logged with sync_dist is of all ranks; without, of one.

local FashionData = LightningDataModule:extend("FashionData")

function FashionData:init(params)
  self.params = params
end

function FashionData:setup(stage)
  local p = self.params
  if stage == "fit" then
    self.train = data.FashionMNIST{ train = true, limit = p.train }
    self.val = data.FashionMNIST{ train = false, limit = p.val }
  end
  self.test = data.FashionMNIST{ train = false, limit = p.val }
end

function FashionData:train_dataloader()
  return data.DataLoader(self.train, { batch_size = 64, shuffle = true, drop_last = true })
end

function FashionData:val_dataloader() return data.DataLoader(self.val, { batch_size = 100 }) end
function FashionData:test_dataloader() return data.DataLoader(self.test, { batch_size = 100 }) end

local ConvNet = LightningModule:extend("ConvNet")

function ConvNet:init(hparams)
  self:save_hyperparameters(hparams)
  self.net = nn.Sequential(
    nn.Conv2d(1, 8, 3, { padding = 1 }), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, { padding = 1 }), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 7 * 7, 10))
  self.accuracy = metrics.Accuracy{ task = "multiclass", num_classes = 10 }
end

function ConvNet:forward(x) return self.net(x) end

function ConvNet:training_step(batch)
  local loss = F.cross_entropy(self(batch[1]), batch[2])
  self:log("train_loss", loss, { prog_bar = true })
  return loss
end

function ConvNet:validation_step(batch)
  local logits = self(batch[1])
  self.accuracy(logits, batch[2])
  self:log("val_loss", F.cross_entropy(logits, batch[2]), { sync_dist = self.hparams.sync_dist, prog_bar = true })
  self:log("val_acc", self.accuracy)
end

function ConvNet:test_step(batch)
  self:log("test_loss", F.cross_entropy(self(batch[1]), batch[2]), { sync_dist = self.hparams.sync_dist })
end

function ConvNet:configure_optimizers()
  local optimizer = optim.Adam(self:parameters(), { lr = self.hparams.lr })
  return { optimizer = optimizer,
           lr_scheduler = { scheduler = optim.lr_scheduler.StepLR(optimizer, 1, { gamma = 0.5 }) } }
end

local function make_logger()
  local logger = logging.getLogger("train")
  logger:setLevel(logging.INFO)
  local handler = logging.FileHandler("train.log")
  handler:setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
  logger:addHandler(handler)
  return logger
end

local early_stop_metric = "val_loss"

local function make_trainer(params)
  local checkpoint = callbacks.ModelCheckpoint{
    dirpath = "ckpts", filename = "cnn_{epoch:02d}-{" .. early_stop_metric .. ":.2f}",
    save_top_k = 3, save_last = true, monitor = early_stop_metric, mode = "min" }
  local trainer = Trainer{
    max_epochs = params.epochs, val_check_interval = 0.5, sync_batchnorm = true,
    precision = params.fp16 and 16 or 32, strategy = "ddp", log_every_n_steps = 5,
    logger = loggers.TensorBoardLogger("logs"), default_root_dir = "run", enable_model_summary = false,
    callbacks = {
      callbacks.EarlyStopping{ monitor = early_stop_metric, patience = 5, mode = "min" },
      checkpoint,
      callbacks.TQDMProgressBar{ process_position = -1 },
      callbacks.LearningRateMonitor{ logging_interval = "step" },
    } }
  return trainer, checkpoint
end

local function script(settings)
  return function(params)
    if settings.fp16 then params.fp16 = true end
    seed_everything(42)
    local logger = rank_zero_only(make_logger)()
    local info = rank_zero_only(function(...) logger:info(...) end)
    local datamodule = FashionData(params)
    local hparams = { lr = 1e-3, sync_dist = settings.sync_dist }

    info("training for %d epochs", params.epochs)
    local trainer, checkpoint = make_trainer(params)
    trainer:fit(ConvNet(hparams), { datamodule = datamodule })
    info("best checkpoint: %s", checkpoint.best_model_path)

    local further = { epochs = params.epochs + 1, fp16 = params.fp16 }
    trainer, checkpoint = make_trainer(further)
    local model = ConvNet(hparams)
    trainer:fit(model, { datamodule = datamodule, ckpt_path = "ckpts/last.ckpt" })
    info("went on to epoch %d", trainer.current_epoch)

    local results = trainer:test(model, { datamodule = datamodule })
    info("test loss %.4f", results[1].test_loss)
  end
end

return {
  title  = "a whole training script, and the one option that its numbers hang on",
  lesson = "The checkpoint, the early stop and the test result are chosen by what self:log hands on. " ..
           "Without sync_dist that is rank 0's share of the data.",
  world  = { size = 4, backend = "nccl" },
  params = { train = 8192, val = 2000, epochs = 2 },
  small  = { train = 1024, val = 400, epochs = 1 },

  variants = {
    { name = "unsynced",
      main = script{ sync_dist = false },
      expect = { outcome = "completed", findings = { "partial_coverage" },
                 audit = { { key = "val_loss", min_abs_error = 1e-4 }, { key = "test_loss", share = 1/4 },
                           { key = "val_acc", share = 1, error = 0, tolerance = 1e-5 } } } },

    { name = "synced", fixes = "unsynced",
      main = script{ sync_dist = true },
      expect = { outcome = "completed", findings = {},
                 audit = { { key = "val_loss", share = 1, error = 0, tolerance = 1e-5 },
                           { key = "val_acc", share = 1, error = 0, tolerance = 1e-5 } } } },

    { name = "fp16",
      main = script{ sync_dist = true, fp16 = true },
      expect = { outcome = "completed", findings = {} } },
  },
}
