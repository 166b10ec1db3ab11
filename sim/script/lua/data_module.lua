-- LightningDataModule: the data of a run in one place.
--
--   local Digits = LightningDataModule:extend("Digits")
--   function Digits:setup(stage) self.set = data.Digits{ train = true } end
--   function Digits:train_dataloader() return data.DataLoader(self.set, { batch_size = 32 }) end
local use = ...
local class = use("class")
local hparams = use("hparams")

local LightningDataModule = class("LightningDataModule")

LightningDataModule.prepare_data_per_node = true
LightningDataModule.allow_zero_length_dataloader_with_multiple_devices = false
LightningDataModule.is_data_module = true

-- Hooks that nobody overrides are not called; the data loaders' are asked for by their name.
for _, hook in ipairs{
  "prepare_data", "setup", "teardown", "on_exception",
  "train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader",
  "on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer",
} do
  LightningDataModule[hook] = function(_, batch) return batch end
end

function LightningDataModule:state_dict() return {} end
function LightningDataModule:load_state_dict() end

LightningDataModule.save_hyperparameters = hparams.save

function LightningDataModule:overrides(hook)
  return self[hook] ~= LightningDataModule[hook]
end

-- A data module with the hyper-parameters of a checkpoint: Data.load_from_checkpoint(path, { ... })
local function give_loader(made)
  function made.load_from_checkpoint(first, ...)
    local load = use("checkpoint_connector").load_datamodule_from_checkpoint
    if first == made then return load(made, ...) end
    return load(made, first, ...)
  end
end

give_loader(LightningDataModule)

local extend = LightningDataModule.extend

function LightningDataModule:extend(name)
  local made = extend(self, name)
  give_loader(made)
  return made
end

return LightningDataModule
