-- Seed 002 as it stands: which processes of a job begin a W&B run, and what each run then holds.

-- One training script; `strategy` is its --log_strategy.
local function train(strategy)
  local rank, local_rank = env.RANK, env.LOCAL_RANK
  local config = { strategy = strategy, epochs = 2, world_size = env.WORLD_SIZE }
  if rank == 0 and strategy == "main" then
    wandb.init{ project = "distributed-wandb", group = "my-experiment", config = config }
  elseif local_rank == 0 and strategy == "node" then
    wandb.init{ project = "distributed-wandb", name = "rank-" .. rank, group = "my-experiment",
                config = config }
  elseif strategy == "all" then
    wandb.init{ project = "distributed-wandb", name = "rank-" .. rank, group = "my-experiment",
                config = config }
  end

  for epoch = 0, 1 do
    local loss = tensor{ 1.0 / (epoch + 1) + rank }
    dist.all_reduce(loss)
    if wandb.run then
      wandb.log{ epoch = epoch, loss = loss:item() / dist.get_world_size(), own = rank + 0.5 }
    end
  end

  local run = wandb.run
  if run then
    assert(run.group == "my-experiment" and run.project == "distributed-wandb" and #run.id == 8)
    assert(run.name == (strategy ~= "main" and "rank-" .. rank or nil))
    assert(run.summary.epoch == 1 and run.config.strategy == strategy and run.step == 2)
  end

  dist.barrier() -- every process is done: what rank 0 has is the model
  if dist.get_rank() == 0 then
    torch.save({ model = { weight = torch.ones(2, 2) } }, "my_awesome_model.pt")
    local artifact = wandb.Artifact("my_awesome_model", { type = "model" })
    artifact:add_file("my_awesome_model.pt")
    wandb.log_artifact(artifact)
    assert(artifact.version == "v0" and artifact.aliases[1] == "latest")
  end
  if wandb.run then wandb.finish() end
  assert(wandb.run == nil)
  return run
end

-- So many folders of runs, with the ranks that wrote them, all with the loss of the whole world.
local function has_runs(ranks, size)
  return function(report)
    local folders, seen = {}, {}
    for _, series in ipairs(report.logs) do
      if series.logger ~= "wandb" then return false, "a logger " .. series.logger end
      if series.tag == "loss" then
        if folders[series.path] then return false, series.path .. " twice" end
        folders[series.path] = true
        seen[#seen + 1] = series.entries[1].rank
        local mean = 1 + (size - 1) / 2
        if math.abs(series.entries[1].value - mean) > 1e-5 then
          return false, "loss is " .. series.entries[1].value .. ", expected " .. mean
        end
        if series.entries[2].step ~= 1 then return false, "the second row is not step 1" end
      end
    end
    table.sort(seen)
    for i, rank in ipairs(ranks) do
      if seen[i] ~= rank then return false, "run " .. i .. " is rank " .. tostring(seen[i]) .. "'s" end
    end
    return report.outcome == "completed" and #seen == #ranks and #report.findings == 0,
      #seen .. " runs, expected " .. #ranks
  end
end

local function all_of(size)
  local ranks = {}
  for rank = 0, size - 1 do ranks[#ranks + 1] = rank end
  return ranks
end

local pair, one, two = { size = 2, nodes = 1 }, { size = 8, nodes = 1 }, { size = 16, nodes = 2 }

-- What one careless line does to a text file; see text_files.h.
local function lines(options, count)
  local log = logging.open_log("train.log", options)
  for i = 1, count do
    log:write(("rank %d line %02d"):format(dist.get_rank(), i)) -- @write
    dist.barrier()
  end
end

local function found(kind)
  return function(report)
    for _, finding in ipairs(report.findings) do
      if finding.kind == kind then return true, kind end
    end
    return false, "no " .. kind
  end
end

local function not_found(kind)
  return function(report)
    local is_there, why = found(kind)(report)
    return not is_there and report.outcome == "completed", why
  end
end

return {
  title = "wandb",
  lesson = "who begins a run decides how many there are",
  world = two,
  variants = {
    { name = "main_one_node", world = one, main = function() train("main") end,
      expect = has_runs({ 0 }, 8) },
    { name = "main_two_nodes", main = function() train("main") end, expect = has_runs({ 0 }, 16) },
    { name = "node_one_node", world = one, main = function() train("node") end,
      expect = has_runs({ 0 }, 8) },
    { name = "node_two_nodes", main = function() train("node") end, expect = has_runs({ 0, 8 }, 16) },
    { name = "all_one_node", world = one, main = function() train("all") end,
      expect = has_runs(all_of(8), 8) },
    { name = "all_two_nodes", main = function() train("all") end,
      expect = has_runs(all_of(16), 16) },

    -- One id for all: each process writes as if it were alone, and each row is there many times.
    { name = "one_id_for_all", world = pair,
      main = function()
        local run = wandb.init{ project = "p", id = "shared" }
        run:log{ loss = dist.get_rank() }
      end,
      expect = found("duplicate_writer") },

    -- The Trainer's own logger: one run, of rank 0, which the others know by broadcast.
    { name = "lightning", world = pair,
      main = function()
        local Model = LightningModule:extend("Model")
        function Model:init()
          self.layer = nn.Linear(2, 1)
          self:save_hyperparameters{ lr = 0.1 }
        end
        function Model:training_step(batch)
          local loss = self.layer(batch[1]):mean()
          self:log("train_loss", loss, { on_step = true, on_epoch = true, sync_dist = true })
          return loss
        end
        function Model:configure_optimizers() return optim.SGD(self:parameters(), { lr = 0.1 }) end
        seed_everything(1)
        local logger = loggers.WandbLogger{ project = "lit", id = "abcd1234", log_model = "all" }
        local trainer = Trainer{ max_epochs = 2, logger = logger, log_every_n_steps = 1, devices = 2,
                                 enable_progress_bar = false, enable_model_summary = false }
        local set = data.TensorDataset(torch.ones(8, 2))
        trainer:fit(Model(), data.DataLoader(set, { batch_size = 2 }))
        if dist.get_rank() == 0 then
          assert(logger.version == "abcd1234" and wandb.config.lr == 0.1)
          assert(wandb.summary["trainer/global_step"] == 3 and wandb.summary.epoch == 1)
          assert(wandb.summary.train_loss_epoch ~= nil)
        else
          assert(wandb.run == nil)
        end
      end,
      expect = function(report)
        return report.outcome == "completed", report.outcome
      end },

    -- An evaluation's true values are held against what a run was told.
    { name = "audited", world = pair,
      main = function()
        local run = wandb.init{ project = "p" }
        for epoch = 0, 1 do
          sim.evaluation(epoch, function()
            local sum = torch.zeros(1)
            for i = dist.get_rank(), 3, dist.get_world_size() do sum:add_(i) end
            run:log{ shard = sum }
            run:log{ constant = 1 }
          end)
        end
        assert(run.step == 4)
      end,
      expect = function(report)
        local right, wrong = 0, 0
        for _, row in ipairs(report.audit) do
          if row.key == "constant" and row["true"] == 1 then right = right + 1 end
          if row.key == "shard" and row["true"] == 6 then wrong = wrong + 1 end
        end
        return right == 4 and wrong == 4, right .. " and " .. wrong .. " rows with a truth"
      end },

    { name = "torn", world = pair, main = function() lines({ buffering = 40 }, 12) end,
      expect = function(report)
        local torn = {}
        for _, finding in ipairs(report.findings) do
          if finding.kind == "torn_line" then torn[#torn + 1] = finding end
        end
        -- Once for each rank and file, however many lines are.
        return #torn == 2 and #torn[1].ranks == 2 and found("duplicate_writer")(report),
          #torn .. " torn lines"
      end },
    { name = "whole_lines", world = pair, main = function() lines({ buffering = 1 }, 12) end,
      expect = not_found("torn_line") },
    { name = "overwritten", world = pair,
      main = function() lines({ mode = "w", buffering = 1 }, 3) end,
      expect = not_found("torn_line") },
    { name = "one_writer", world = pair,
      main = function()
        local log = dist.get_rank() == 0 and logging.open_log("train.log", { buffering = 20 })
        for i = 1, 5 do
          if log then log:write("line " .. i) end
          dist.barrier()
        end
      end,
      expect = { outcome = "completed", findings = {} } },
  },
}
