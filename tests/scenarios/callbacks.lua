-- Callbacks in trainings of two ranks: what agrees over ranks, what does not, and what hangs.

-- Learns nothing; logs what is dictated: `numbers[rank + 1][epoch + 1]`.
local Dictated = LightningModule:extend("Dictated")

function Dictated:init(numbers, options)
  self.layer = nn.Linear(1, 1)
  self.numbers = numbers[dist.get_rank() + 1] or numbers[1]
  self.options = options
end

function Dictated:training_step(batch)
  return self.layer(batch[1]):mean()
end

function Dictated:validation_step()
  if self.trainer.sanity_checking then return end
  local value = self.numbers[self.current_epoch + 1]
  if value ~= nil then self:log("val_loss", torch.tensor(value), self.options) end
end

function Dictated:configure_optimizers()
  return optim.SGD(self:parameters(), { lr = 0.1 })
end

local function loader()
  return data.DataLoader(data.TensorDataset(torch.ones(8, 1)), { batch_size = 1 })
end

local function train(module, callback, more)
  local options = {
    max_epochs = 6, limit_train_batches = 2, limit_val_batches = 1, num_sanity_val_steps = 0,
    logger = false, enable_progress_bar = false, enable_model_summary = false,
    enable_checkpointing = false, callbacks = { callback },
  }
  for name, value in pairs(more or {}) do options[name] = value end
  local trainer = Trainer(options)
  trainer:fit(module, loader(), loader())
  return trainer
end

local function checkpoint(more)
  local options = { dirpath = "ckpts", monitor = "val_loss", filename = "{epoch}-{val_loss:.1f}" }
  for name, value in pairs(more or {}) do options[name] = value end
  return callbacks.ModelCheckpoint(options)
end

local function equal(got, expected, what)
  if got ~= expected then
    error(string.format("%s is %s, expected %s", what, tostring(got), tostring(expected)), 2)
  end
end

-- Rank 1's numbers stop getting better after epoch 1, rank 0's go on.
local own = { { 0.6, 0.5, 0.4, 0.3, 0.2, 0.1 }, { 0.6, 0.5, 0.7, 0.8, 0.9, 1.0 } }
local with_checkpoint = { enable_checkpointing = true, max_epochs = 3 }

-- A logger that writes nothing and hands metrics to `note`.
local function silent_logger(note)
  local logger = { name = "seen", version = 3, save_dir = "out" }
  function logger:log_metrics(metrics, step)
    if note then note(metrics, step) end
  end
  function logger:save() end
  function logger:finalize() end
  function logger:log_hyperparams() end
  function logger:log_graph() end
  function logger:after_save_checkpoint(callback) self.told = callback.best_model_path end
  return logger
end

return {
  title = "callbacks",
  world = { size = 2 },
  variants = {
    { name = "one_rank_stops_all",
      main = function()
        local stop = callbacks.EarlyStopping("val_loss", { patience = 2 })
        local trainer = train(Dictated(own), stop)
        equal(trainer.current_epoch, 4, "the number of epochs")
        equal(stop.stopped_epoch, 3, "stopped_epoch")
        equal(stop.wait_count, dist.get_rank() == 0 and 0 or 2, "wait_count")
      end,
      expect = { outcome = "completed" } },

    { name = "stop_on_the_mean",
      main = function()
        local stop = callbacks.EarlyStopping{ monitor = "val_loss", patience = 2 }
        local trainer = train(Dictated(own, { sync_dist = true }), stop)
        -- 0.6, 0.5, 0.55, 0.55: two checks without improvement, on both ranks
        equal(trainer.current_epoch, 4, "the number of epochs")
        equal(stop.wait_count, 2, "wait_count")
      end,
      expect = { outcome = "completed" } },

    { name = "stop_said_by_each_rank",
      main = function()
        train(Dictated(own), callbacks.EarlyStopping{ monitor = "val_loss", patience = 1,
            verbose = true })
      end,
      expect = { outcome = "completed",
                 printed = { "[rank: 1] val_loss has not become better in the last 1 checks" } } },

    -- Names hold each rank's own number, so each rank believes in a file of its own.
    { name = "own_numbers_own_names",
      main = function()
        local keep = checkpoint()
        train(Dictated(own), keep, { enable_checkpointing = true, max_epochs = 4 })
        -- Rank 1 disagrees with epoch 2, so nothing is kept after epoch 1.
        equal(keep.best_model_path, "ckpts/epoch=1-val_loss=0.5.ckpt", "best_model_path")
      end,
      expect = { outcome = "completed", files = { ckpts = 1 } } },

    { name = "differing_names",
      main = function()
        local keep = checkpoint{ save_top_k = 2 }
        train(Dictated({ { 0.6, 0.5 }, { 0.8, 0.7 } }), keep, { enable_checkpointing = true,
            max_epochs = 2 })
        equal(keep.best_model_path, dist.get_rank() == 0 and "ckpts/epoch=1-val_loss=0.5.ckpt" or
                                    "ckpts/epoch=1-val_loss=0.7.ckpt", "best_model_path")
      end,
      expect = { outcome = "completed", files = { ckpts = 2 } } },

    { name = "one_name_for_all",
      main = function()
        local keep = checkpoint{ save_top_k = 2 }
        train(Dictated({ { 0.6, 0.5 }, { 0.8, 0.7 } }, { sync_dist = true }), keep,
              { enable_checkpointing = true, max_epochs = 2 })
        equal(keep.best_model_path, "ckpts/epoch=1-val_loss=0.6.ckpt", "best_model_path")
      end,
      expect = { outcome = "completed", files = { ckpts = 2 } } },

    -- Only rank 0 has the key: rank 1 raises, and rank 0 waits for it.
    { name = "monitor_of_rank_zero",
      main = function()
        local numbers = dist.get_rank() == 0 and { { 0.5, 0.4, 0.3 } } or { {}, {} }
        train(Dictated(numbers, { rank_zero_only = true }), checkpoint(), with_checkpoint)   -- @fit
      end,
      expect = { outcome = "error", diagnosis = { class = "died", blamed = { 1 } } } },

    { name = "stop_on_key_of_rank_zero",
      main = function()
        local numbers = dist.get_rank() == 0 and { { 0.5, 0.4, 0.3 } } or { {}, {} }
        train(Dictated(numbers, { rank_zero_only = true }), callbacks.EarlyStopping("val_loss"))
      end,
      expect = { outcome = "error", diagnosis = { class = "died", blamed = { 1 } } } },

    -- Without strict rank 1 leaves the check early, and meets rank 0 in another collective.
    { name = "stop_on_key_of_rank_zero_not_strict",
      main = function()
        local numbers = dist.get_rank() == 0 and { { 0.5, 0.4, 0.3 } } or { {}, {} }
        train(Dictated(numbers, { rank_zero_only = true }),
              callbacks.EarlyStopping("val_loss", { strict = false }))
      end,
      expect = function(report)
        return report.outcome == "deadlock" or report.outcome == "mismatch", report.outcome
      end },

    -- The bar reads the metrics on rank 0 when the epoch ends, which reduces them there; the others
    -- do so only after the module's hook, which gathers.
    { name = "bar_reads_first",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          local loss = self.layer(batch[1]):mean()
          self:log("loss", loss, { on_epoch = true, on_step = false, sync_dist = true,
              prog_bar = true })
          return loss
        end
        function Net:on_train_epoch_end() self:all_gather(torch.ones(3)) end
        train(Net(own), callbacks.TQDMProgressBar(), { enable_progress_bar = true, max_epochs = 1 })
      end,
      expect = function(report)
        return report.outcome == "deadlock" or report.outcome == "mismatch", report.outcome
      end },

    { name = "no_bar_no_hang",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          local loss = self.layer(batch[1]):mean()
          self:log("loss", loss, { on_epoch = true, on_step = false, sync_dist = true,
              prog_bar = true })
          return loss
        end
        function Net:on_train_epoch_end() self:all_gather(torch.ones(3)) end
        train(Net(own), callbacks.LambdaCallback{}, { max_epochs = 1 })
      end,
      expect = { outcome = "completed" } },

    { name = "lines_of_bars",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          sim.sleep(0.25)
          self:log("train_loss", 0.25, { prog_bar = true })
          return self.layer(batch[1]):mean()
        end
        function Net:test_step() end
        local trainer = train(Net(own), callbacks.TQDMProgressBar(), {
          enable_progress_bar = true, max_epochs = 2, num_sanity_val_steps = 1,
              limit_train_batches = 4,
        })
        trainer:test(trainer.lightning_module, loader())
      end,
      expect = { outcome = "completed", printed = {
        "Sanity Checking DataLoader 0: 100%|██████████| 1/1 [00:00<?, ?it/s]",
        "Validation DataLoader 0: 100%|██████████| 1/1 [00:00<?, ?it/s]",
        "Epoch 0: 100%|██████████| 4/4 [00:01<00:00,  4.00it/s, train_loss=0.250]",
        "Validation DataLoader 0: 100%|██████████| 1/1 [00:00<?, ?it/s]",
        "Epoch 1: 100%|██████████| 4/4 [00:01<00:00,  4.00it/s, train_loss=0.250]",
        "Testing DataLoader 0: 100%|██████████| 4/4 [00:00<?, ?it/s]",
      } } },

    { name = "lines_of_rich_bars",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          sim.sleep(0.25)
          self:log("train_loss", 0.25, { prog_bar = true })
          return self.layer(batch[1]):mean()
        end
        train(Net(own), callbacks.RichProgressBar(),
              { enable_progress_bar = true, max_epochs = 1, limit_train_batches = 4 })
      end,
      expect = { outcome = "completed", printed = {
        "Validation ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1/1 0:00:00 • 0:00:00",
        "Epoch 0/0  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 4/4 0:00:01 • 0:00:00 4.00it/s train_loss: 0.250",
      } } },

    { name = "summary",
      main = function()
        train(Dictated(own), callbacks.ModelSummary(), { enable_model_summary = true,
            max_epochs = 1 })
      end,
      expect = { outcome = "completed", printed = {
        "  | Name  | Type   | Params | Mode  | FLOPs",
        "0 | layer | Linear | 2      | train | 0",
        "2         Trainable params",
      } } },

    -- Five milliseconds a batch on rank 0: the limit is reached after the fourth, on all ranks.
    { name = "timer_stops",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          sim.sleep(dist.get_rank() == 0 and 0.005 or 0.001)
          return self.layer(batch[1]):mean()
        end
        local timer = callbacks.Timer{ duration = { milliseconds = 20 }, verbose = false }
        local trainer = train(Net(own), timer, { max_epochs = 100 })
        equal(trainer.global_step, 4, "global_step")
      end,
      expect = { outcome = "completed" } },

    { name = "checkpoints_by_time",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch)
          sim.sleep(0.001)
          return self.layer(batch[1]):mean()
        end
        local keep = callbacks.ModelCheckpoint{
          dirpath = "ckpts", train_time_interval = { milliseconds = 3 }, save_top_k = -1,
        }
        train(Net(own), keep, { enable_checkpointing = true })
        equal(keep.best_model_path, "ckpts/epoch=5-step=12.ckpt", "best_model_path")
      end,
      expect = { outcome = "completed", files = { ckpts = 4 } } },

    { name = "rates",
      main = function()
        local rows = {}
        local seen = silent_logger(function(metrics, step)
          local rate = metrics["lr-SGD"]
          if rate then rows[#rows + 1] = string.format("%d:%g", step, rate) end
        end)
        local monitor = callbacks.LearningRateMonitor{ logging_interval = "step" }
        local trainer = train(Dictated(own), monitor, { logger = seen, log_every_n_steps = 2,
            max_epochs = 2 })
        equal(table.concat(rows, " "), "1:0.1 3:0.1", "what was logged")
        equal(trainer.callback_metrics["lr-SGD"]:item(), torch.tensor(0.1):item(),
            "callback_metrics")
      end,
      expect = { outcome = "completed" } },

    { name = "predictions",
      main = function()
        local Writer = callbacks.BasePredictionWriter:extend("Writer")
        function Writer:write_on_epoch_end(trainer, _, predictions)
          self.count, self.rank = #predictions, trainer.global_rank
        end
        local Net = Dictated:extend("Net")
        function Net:predict_step(batch) return self.layer(batch[1]) end
        local writer = Writer{ write_interval = "epoch" }
        local trainer = Trainer{ logger = false, enable_progress_bar = false,
            enable_model_summary = false,
                                 enable_checkpointing = false, callbacks = { writer } }
        trainer:predict(Net(own), loader())
        equal(writer.count, 4, "the number of predictions")
        equal(writer.rank, dist.get_rank(), "the rank")
      end,
      expect = { outcome = "completed" } },

    { name = "accumulation",
      main = function()
        local steps = {}
        local schedule = callbacks.GradientAccumulationScheduler{ [1] = 2 }
        local watch = callbacks.LambdaCallback{ on_train_epoch_end = function(trainer)
          steps[#steps + 1] = trainer.global_step
        end }
        train(Dictated(own), schedule, { callbacks = { schedule, watch }, max_epochs = 3,
            limit_train_batches = 4 })
        equal(table.concat(steps, " "), "4 6 8", "global_step after each epoch")
      end,
      expect = { outcome = "completed" } },

    { name = "unknown_option",
      main = function()
        callbacks.EarlyStopping{ monitor = "val_loss", patiense = 3 }
      end,
      expect = function(report)
        local text = report.ranks[1].error or ""
        return text:find("unknown option 'patiense', did you mean 'patience'", 1, true) ~= nil, text
      end },

    { name = "folder_of_logger",
      main = function()
        local keep = callbacks.ModelCheckpoint()
        local logger = silent_logger()
        train(Dictated(own), keep, { enable_checkpointing = true, max_epochs = 2, logger = logger })
        equal(keep.best_model_path, "out/seen/version_3/checkpoints/epoch=1-step=4.ckpt",
              "best_model_path")
        equal(logger.told, dist.get_rank() == 0 and keep.best_model_path or nil, "what loggers hear")
      end,
      expect = { outcome = "completed", files = { ["out/seen/version_3/checkpoints"] = 1 } } },

    { name = "link_to_the_last",
      main = function()
        local keep = checkpoint{ save_last = "link", save_top_k = -1 }
        train(Dictated(own, { sync_dist = true }), keep, with_checkpoint)
        equal(keep.last_model_path, "ckpts/last.ckpt", "last_model_path")
        local trainer = Trainer{ logger = false, enable_progress_bar = false, max_epochs = 4,
                                 enable_model_summary = false, limit_val_batches = 0,
                                 enable_checkpointing = false, limit_train_batches = 2 }
        trainer:fit{ model = Dictated(own), train_dataloaders = loader(), ckpt_path = "ckpts/last.ckpt" }
        equal(trainer.global_step, 8, "global_step")
      end,
      -- Three files; the link is not counted.
      expect = { outcome = "completed", files = { ckpts = 3 } } },

    { name = "saved_on_error",
      main = function()
        local Net = Dictated:extend("Net")
        function Net:training_step(batch, batch_idx)
          if self.current_epoch == 1 then error("broken on purpose") end
          return self.layer(batch[1]):mean()
        end
        local keep = callbacks.ModelCheckpoint{ dirpath = "ckpts", save_on_exception = true,
                                                every_n_epochs = 5 }
        train(Net(own), keep, { enable_checkpointing = true })
      end,
      expect = { outcome = "error", files = { ckpts = 1 } } },

    -- A run stopped after three epochs and taken up again decides as one that was never stopped.
    { name = "resumed",
      world = { size = 3 },
      main = function()
        local numbers = { { 0.6, 0.5, 0.55, 0.4, 0.45, 0.46, 0.47, 0.48 } }
        local function run(folder, epochs, ckpt_path)
          local stop = callbacks.EarlyStopping("val_loss", { patience = 3 })
          local keep = checkpoint{ dirpath = folder, save_top_k = 2, save_last = true }
          local trainer = Trainer{ max_epochs = epochs, limit_train_batches = 2,
              limit_val_batches = 1,
            num_sanity_val_steps = 0, logger = false, enable_progress_bar = false,
            enable_model_summary = false, callbacks = { stop, keep } }
          trainer:fit{ model = Dictated(numbers, { sync_dist = true }),
              train_dataloaders = loader(),
                       val_dataloaders = loader(), ckpt_path = ckpt_path }
          return trainer, stop, keep
        end
        local _, _, first = run("ckpts", 3)
        local trainer, stop, keep = run("ckpts", 8, first.last_model_path)
        local whole, whole_stop, whole_keep = run("whole", 8)
        equal(trainer.current_epoch, whole.current_epoch, "the number of epochs")
        equal(stop.wait_count, whole_stop.wait_count, "wait_count")
        equal(stop.best_score:item(), whole_stop.best_score:item(), "best_score")
        equal(keep.best_model_path, (whole_keep.best_model_path:gsub("whole", "ckpts")),
            "best_model_path")
        equal(keep.kth_best_model_path, (whole_keep.kth_best_model_path:gsub("whole", "ckpts")),
            "kth path")
        equal(keep.kth_value:item(), whole_keep.kth_value:item(), "kth_value")
      end,
      expect = { outcome = "completed", files = { ckpts = 3, whole = 3 } } },

    { name = "resumed_patience",
      main = function()
        local first = callbacks.EarlyStopping("val_loss", { patience = 4 })
        local every = { dirpath = "ckpts", filename = "{epoch}", save_top_k = -1 }
        local keep = callbacks.ModelCheckpoint(every)
        train(Dictated(own), first, { callbacks = { first, keep }, enable_checkpointing = true,
            max_epochs = 3 })
        -- The checkpoint's patience and count win over the constructor's.
        local second = callbacks.EarlyStopping("val_loss", { patience = 1 })
        second:load_state_dict(first:state_dict())
        equal(second.patience, 4, "patience")
        equal(second.wait_count, first.wait_count, "wait_count")
        local other = callbacks.ModelCheckpoint(every)
        other:load_state_dict(keep:state_dict())
        equal(other.best_model_path, "ckpts/epoch=2.ckpt", "best_model_path")
      end,
      expect = { outcome = "completed", files = { ckpts = 3 } } },
  },
}
