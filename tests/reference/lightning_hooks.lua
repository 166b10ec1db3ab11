-- Recorded by lightning_hooks_record.py; the lines of each rank are in order.
return {
cases = {
{ name = "plain", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "no_validation", world = 1, train = { 16 }, val = {}, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "no_sanity", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, num_sanity_val_steps = 0 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
[validate 0 0]
M val_dataloader
[train 0 0]
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "sanity_all", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, num_sanity_val_steps = -1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "several_val_loaders", world = 1, train = { 16 }, val = { 8, 4, 12 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_validation_batch_start 0 1
M on_validation_batch_start 0 1
M validation_step 0 1
C on_validation_batch_end 0 1
M on_validation_batch_end 0 1
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 0 2
M on_validation_batch_start 0 2
M validation_step 0 2
C on_validation_batch_end 0 2
M on_validation_batch_end 0 2
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 1 2
M on_validation_batch_start 1 2
M validation_step 1 2
C on_validation_batch_end 1 2
M on_validation_batch_end 1 2
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_validation_batch_start 0 1
M on_validation_batch_start 0 1
M validation_step 0 1
C on_validation_batch_end 0 1
M on_validation_batch_end 0 1
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 0 2
M on_validation_batch_start 0 2
M validation_step 0 2
C on_validation_batch_end 0 2
M on_validation_batch_end 0 2
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 1 2
M on_validation_batch_start 1 2
M validation_step 1 2
C on_validation_batch_end 1 2
M on_validation_batch_end 1 2
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 2 2
M on_validation_batch_start 2 2
M validation_step 2 2
C on_validation_batch_end 2 2
M on_validation_batch_end 2 2
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "several_val_loaders_limited", world = 1, train = { 16 }, val = { 8, 4, 12 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, limit_val_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_validation_batch_start 0 1
M on_validation_batch_start 0 1
M validation_step 0 1
C on_validation_batch_end 0 1
M on_validation_batch_end 0 1
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 0 2
M on_validation_batch_start 0 2
M validation_step 0 2
C on_validation_batch_end 0 2
M on_validation_batch_end 0 2
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 1 2
M on_validation_batch_start 1 2
M validation_step 1 2
C on_validation_batch_end 1 2
M on_validation_batch_end 1 2
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_validation_batch_start 0 1
M on_validation_batch_start 0 1
M validation_step 0 1
C on_validation_batch_end 0 1
M on_validation_batch_end 0 1
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 0 2
M on_validation_batch_start 0 2
M validation_step 0 2
C on_validation_batch_end 0 2
M on_validation_batch_end 0 2
M on_before_batch_transfer 2
M transfer_batch_to_device 2
M on_after_batch_transfer 2
C on_validation_batch_start 1 2
M on_validation_batch_start 1 2
M validation_step 1 2
C on_validation_batch_end 1 2
M on_validation_batch_end 1 2
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "several_train_loaders", world = 1, train = { 8, 16 }, val = {}, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "accumulate_2", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, accumulate_grad_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "accumulate_3", world = 1, train = { 28 }, val = {}, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, accumulate_grad_batches = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 4
M on_train_batch_start 4
M training_step 4
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 4
K on_train_batch_end 4
M on_train_batch_end 4
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 5
M on_train_batch_start 5
M optimizer_step 0 5
M training_step 5
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 5
K on_train_batch_end 5
M on_train_batch_end 5
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 6
M on_train_batch_start 6
M optimizer_step 0 6
M training_step 6
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 6
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 6
K on_train_batch_end 6
M on_train_batch_end 6
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 4
M on_train_batch_start 4
M training_step 4
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 4
K on_train_batch_end 4
M on_train_batch_end 4
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 5
M on_train_batch_start 5
M optimizer_step 1 5
M training_step 5
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 5
K on_train_batch_end 5
M on_train_batch_end 5
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 6
M on_train_batch_start 6
M optimizer_step 1 6
M training_step 6
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 6
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 6
K on_train_batch_end 6
M on_train_batch_end 6
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 6]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "accumulate_more_than_there_are", world = 1, train = { 12 }, val = {}, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, accumulate_grad_batches = 8 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 1]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 2]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 2]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_check_2", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, val_check_interval = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 1 6]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 6]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_check_half", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, val_check_interval = 0.5 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 1 6]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 6]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_check_across_epochs", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 3, val_check_interval = 4, check_val_every_n_epoch = false }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 2 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 9]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 2 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 10]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 2 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 11]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 2 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 12]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 2 12]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 2 12]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 3 12]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_check_beyond_an_epoch", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 4, val_check_interval = 7, check_val_every_n_epoch = false }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 1 7]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 7]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 2 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 9]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 2 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 10]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 2 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 11]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 2 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 12]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 3 12]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 3 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 13]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 3 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 14]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 3 14]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 3 14]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 3 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 15]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 3 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 16]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 4 16]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_every_2_epochs", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 4, check_val_every_n_epoch = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 2 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 9]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 2 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 10]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 2 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 11]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 2 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 12]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 3 12]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 3 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 13]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 3 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 14]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 3 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 15]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 3 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 16]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 3 16]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 3 16]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 4 16]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "val_check_with_accumulation", world = 1, train = { 28 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, val_check_interval = 3, accumulate_grad_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 1]
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 1]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 4
M on_train_batch_start 4
M training_step 4
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 4
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 4
K on_train_batch_end 4
M on_train_batch_end 4
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 5
M on_train_batch_start 5
M optimizer_step 0 5
M training_step 5
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 5
K on_train_batch_end 5
M on_train_batch_end 5
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 6
M on_train_batch_start 6
M optimizer_step 0 6
M training_step 6
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 6
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 6
K on_train_batch_end 6
M on_train_batch_end 6
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "limit_train_int", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, limit_train_batches = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 1 6]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 6]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 6]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "limit_train_share", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, limit_train_batches = 0.5, limit_val_batches = 0.7 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "limit_val_0", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, limit_val_batches = 0 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "limit_train_0", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, limit_train_batches = 0 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_in_an_epoch", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_at_its_end", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 4 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_over_epochs", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 7 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 7]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_before_max_epochs", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 7, max_epochs = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 7]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_epochs_before_max_steps", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 70, max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_0", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 0 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_steps_with_accumulation", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_steps = 3, accumulate_grad_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "max_epochs_0", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 0 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "fast_dev_run", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { fast_dev_run = true }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
[validate 0 0]
M val_dataloader
[train 0 0]
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
[validate 0 1]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 1]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 1]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "fast_dev_run_3", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { fast_dev_run = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
M train_dataloader
[validate 0 0]
M val_dataloader
[train 0 0]
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "overfit_batches", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, overfit_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 1 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "skip_the_rest", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { skip_at = 2 }, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "stop_in_the_middle", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { stop_at = 2 }, datamodule = false, trainer = { max_epochs = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "stop_too_early", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { stop_at = 2 }, datamodule = false, trainer = { max_epochs = 4, min_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "stop_before_min_steps", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { stop_at = 1 }, datamodule = false, trainer = { max_epochs = 4, min_steps = 7 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 1 7]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 7]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 7]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "no_loss", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { none_at = 1 }, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "clip", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, gradient_clip_val = 0.5 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
M configure_gradient_clipping
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
M configure_gradient_clipping
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
M configure_gradient_clipping
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
M configure_gradient_clipping
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_step", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "step" }, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
M lr_scheduler_step
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
M lr_scheduler_step
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
M lr_scheduler_step
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
M lr_scheduler_step
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_step_2", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "step", frequency = 2 }, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_epoch", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "epoch" }, datamodule = false, trainer = { max_epochs = 3 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 2 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 9]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 2 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 10]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 2 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 11]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 2 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 12]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 2 12]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 2 12]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 3 12]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_epoch_2", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "epoch", frequency = 2 }, datamodule = false, trainer = { max_epochs = 4 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 2 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 9]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 2 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 10]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 2 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 11]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 2 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 2 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 2 12]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 2 12]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 2 12]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 3 12]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 3 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 13]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 3 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 14]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 3 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 15]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 3 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 3 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 3 16]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 3 16]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 3 16]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 4 16]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_step_accumulate", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "step" }, datamodule = false, trainer = { max_epochs = 2, accumulate_grad_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
M lr_scheduler_step
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
M lr_scheduler_step
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_plateau", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "plateau" }, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
M lr_scheduler_step
[train 1 4]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
M lr_scheduler_step
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "scheduler_plateau_step", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { scheduler = "plateau_step" }, datamodule = false, trainer = { max_epochs = 1, val_check_interval = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
[validate 0 1]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 1]
M lr_scheduler_step
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
M lr_scheduler_step
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
M lr_scheduler_step
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
M lr_scheduler_step
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "manual", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { manual = 1 }, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "manual_two_optimizers", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { manual = 2 }, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 5]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 6]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 7]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 8]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 9]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 10]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 11]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 12]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 13]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 14]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 15]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 16]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 16]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 16]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 16]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "manual_max_steps", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { manual = 2 }, datamodule = false, trainer = { max_steps = 7 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M training_step 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 5]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 6]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M training_step 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 7]
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 8]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "reload_every_epoch", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2, reload_dataloaders_every_n_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
M train_dataloader
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 5]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 6]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 1 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 7]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 1 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 8]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 1 8]
M on_validation_model_zero_grad
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 8]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 8]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "datamodule", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = true, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
D prepare_data
M prepare_data
D setup fit
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
D val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
D train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
D teardown fit
C teardown fit
M teardown fit
]],
} },
{ name = "datamodule_test", world = 1, train = { 16 }, val = { 8 }, test = { 8 }, predict = {}, calls = { "test" }, model = {}, datamodule = true, trainer = {}, ranks = {
[[
[test 0 0]
M configure_callbacks
D prepare_data
M prepare_data
D setup test
C setup test
M setup test
M configure_model
D test_dataloader
M on_test_model_eval
C on_test_start
M on_test_start
C on_test_epoch_start
M on_test_epoch_start
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_test_batch_start 0 0
M on_test_batch_start 0 0
M test_step 0 0
C on_test_batch_end 0 0
M on_test_batch_end 0 0
D on_before_batch_transfer 0
D on_after_batch_transfer 0
C on_test_batch_start 1 0
M on_test_batch_start 1 0
M test_step 1 0
C on_test_batch_end 1 0
M on_test_batch_end 1 0
C on_test_epoch_end
M on_test_epoch_end
C on_test_end
M on_test_end
D teardown test
C teardown test
M teardown test
]],
} },
{ name = "validate", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "validate" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[validate 0 0]
M configure_callbacks
M prepare_data
C setup validate
M setup validate
M configure_model
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C teardown validate
M teardown validate
]],
} },
{ name = "validate_two_loaders", world = 1, train = { 16 }, val = { 8, 4 }, test = {}, predict = {}, calls = { "validate" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[validate 0 0]
M configure_callbacks
M prepare_data
C setup validate
M setup validate
M configure_model
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_validation_batch_start 0 1
M on_validation_batch_start 0 1
M validation_step 0 1
C on_validation_batch_end 0 1
M on_validation_batch_end 0 1
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C teardown validate
M teardown validate
]],
} },
{ name = "test", world = 1, train = { 16 }, val = { 8 }, test = { 8 }, predict = {}, calls = { "test" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[test 0 0]
M configure_callbacks
M prepare_data
C setup test
M setup test
M configure_model
M test_dataloader
M on_test_model_eval
C on_test_start
M on_test_start
C on_test_epoch_start
M on_test_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 0 0
M on_test_batch_start 0 0
M test_step 0 0
C on_test_batch_end 0 0
M on_test_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 1 0
M on_test_batch_start 1 0
M test_step 1 0
C on_test_batch_end 1 0
M on_test_batch_end 1 0
C on_test_epoch_end
M on_test_epoch_end
C on_test_end
M on_test_end
C teardown test
M teardown test
]],
} },
{ name = "predict", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = { 12 }, calls = { "predict" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[predict 0 0]
M configure_callbacks
M prepare_data
C setup predict
M setup predict
M configure_model
M predict_dataloader
M on_predict_model_eval
C on_predict_start
M on_predict_start
C on_predict_epoch_start
M on_predict_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 0 0
M on_predict_batch_start 0 0
M predict_step 0 0
C on_predict_batch_end 0 0
M on_predict_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 1 0
M on_predict_batch_start 1 0
M predict_step 1 0
C on_predict_batch_end 1 0
M on_predict_batch_end 1 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 2 0
M on_predict_batch_start 2 0
M predict_step 2 0
C on_predict_batch_end 2 0
M on_predict_batch_end 2 0
C on_predict_epoch_end
M on_predict_epoch_end
C on_predict_end
M on_predict_end
C teardown predict
M teardown predict
]],
} },
{ name = "predict_two_loaders", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = { 8, 4 }, calls = { "predict" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[predict 0 0]
M configure_callbacks
M prepare_data
C setup predict
M setup predict
M configure_model
M predict_dataloader
M on_predict_model_eval
C on_predict_start
M on_predict_start
C on_predict_epoch_start
M on_predict_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 0 0
M on_predict_batch_start 0 0
M predict_step 0 0
C on_predict_batch_end 0 0
M on_predict_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 1 0
M on_predict_batch_start 1 0
M predict_step 1 0
C on_predict_batch_end 1 0
M on_predict_batch_end 1 0
M on_before_batch_transfer 1
M transfer_batch_to_device 1
M on_after_batch_transfer 1
C on_predict_batch_start 0 1
M on_predict_batch_start 0 1
M predict_step 0 1
C on_predict_batch_end 0 1
M on_predict_batch_end 0 1
C on_predict_epoch_end
M on_predict_epoch_end
C on_predict_end
M on_predict_end
C teardown predict
M teardown predict
]],
} },
{ name = "fit_then_test", world = 1, train = { 16 }, val = { 8 }, test = { 8 }, predict = {}, calls = { "fit", "test" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
[test 1 4]
M configure_callbacks
M prepare_data
C setup test
M setup test
M configure_model
M test_dataloader
M on_test_model_eval
C on_test_start
M on_test_start
C on_test_epoch_start
M on_test_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 0 0
M on_test_batch_start 0 0
M test_step 0 0
C on_test_batch_end 0 0
M on_test_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 1 0
M on_test_batch_start 1 0
M test_step 1 0
C on_test_batch_end 1 0
M on_test_batch_end 1 0
C on_test_epoch_end
M on_test_epoch_end
C on_test_end
M on_test_end
C teardown test
M teardown test
]],
} },
{ name = "fit_twice", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit", "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 1 4]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 1 4]
M train_dataloader
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "validate_then_fit", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "validate", "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[validate 0 0]
M configure_callbacks
M prepare_data
C setup validate
M setup validate
M configure_model
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C teardown validate
M teardown validate
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 3
M on_train_batch_start 3
M optimizer_step 0 3
M training_step 3
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 3
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 4]
C on_train_batch_end 3
K on_train_batch_end 3
M on_train_batch_end 3
[validate 0 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "an_error", world = 1, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { raise_at = 2 }, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_exception
]],
} },
{ name = "two_ranks", world = 2, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 1 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
[[
[train 0 0]
M configure_callbacks
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 1 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 3]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 1 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 1 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 1 4]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 1 4]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 1 4]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 2 4]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "two_ranks_uneven", world = 2, train = { 22 }, val = { 13 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
[[
[train 0 0]
M configure_callbacks
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M optimizer_step 0 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 2
M on_train_batch_start 2
M optimizer_step 0 2
M training_step 2
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 2
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 3]
C on_train_batch_end 2
K on_train_batch_end 2
M on_train_batch_end 2
[validate 0 3]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 1 0
M on_validation_batch_start 1 0
M validation_step 1 0
C on_validation_batch_end 1 0
M on_validation_batch_end 1 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 3]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 3]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "two_ranks_accumulate", world = 2, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = {}, datamodule = false, trainer = { max_epochs = 1, accumulate_grad_batches = 2 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 1]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 1]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 1]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
[[
[train 0 0]
M configure_callbacks
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_zero_grad
M on_before_zero_grad
M optimizer_zero_grad 0 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M optimizer_step 0 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 1]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 1]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 1]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "two_ranks_manual", world = 2, train = { 16 }, val = { 8 }, test = {}, predict = {}, calls = { "fit" }, model = { manual = 1 }, datamodule = false, trainer = { max_epochs = 1 }, ranks = {
[[
[train 0 0]
M configure_callbacks
M prepare_data
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
[[
[train 0 0]
M configure_callbacks
C setup fit
M setup fit
M configure_model
M configure_optimizers
C on_fit_start
M on_fit_start
[sanity_check 0 0]
C on_sanity_check_start
M val_dataloader
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
C on_sanity_check_end
[train 0 0]
M train_dataloader
C on_train_start
K on_train_start
M on_train_start
C on_train_epoch_start
M on_train_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 0
M on_train_batch_start 0
M training_step 0
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 1]
C on_train_batch_end 0
K on_train_batch_end 0
M on_train_batch_end 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_train_batch_start 1
M on_train_batch_start 1
M training_step 1
C on_before_backward
M on_before_backward
M backward
C on_after_backward
M on_after_backward
C on_before_optimizer_step
M on_before_optimizer_step
[train 0 2]
C on_train_batch_end 1
K on_train_batch_end 1
M on_train_batch_end 1
[validate 0 2]
M on_validation_model_zero_grad
M on_validation_model_eval
C on_validation_start
M on_validation_start
C on_validation_epoch_start
M on_validation_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_validation_batch_start 0 0
M on_validation_batch_start 0 0
M validation_step 0 0
C on_validation_batch_end 0 0
M on_validation_batch_end 0 0
C on_validation_epoch_end
M on_validation_epoch_end
C on_validation_end
K on_validation_end
M on_validation_end
[train 0 2]
C on_train_epoch_end
M on_train_epoch_end
K on_train_epoch_end
[train 1 2]
C on_train_end
K on_train_end
M on_train_end
C on_fit_end
M on_fit_end
C teardown fit
M teardown fit
]],
} },
{ name = "two_ranks_test", world = 2, train = { 16 }, val = { 8 }, test = { 12 }, predict = {}, calls = { "test" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[test 0 0]
M configure_callbacks
M prepare_data
C setup test
M setup test
M configure_model
M test_dataloader
M on_test_model_eval
C on_test_start
M on_test_start
C on_test_epoch_start
M on_test_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 0 0
M on_test_batch_start 0 0
M test_step 0 0
C on_test_batch_end 0 0
M on_test_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 1 0
M on_test_batch_start 1 0
M test_step 1 0
C on_test_batch_end 1 0
M on_test_batch_end 1 0
C on_test_epoch_end
M on_test_epoch_end
C on_test_end
M on_test_end
C teardown test
M teardown test
]],
[[
[test 0 0]
M configure_callbacks
C setup test
M setup test
M configure_model
M test_dataloader
M on_test_model_eval
C on_test_start
M on_test_start
C on_test_epoch_start
M on_test_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 0 0
M on_test_batch_start 0 0
M test_step 0 0
C on_test_batch_end 0 0
M on_test_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_test_batch_start 1 0
M on_test_batch_start 1 0
M test_step 1 0
C on_test_batch_end 1 0
M on_test_batch_end 1 0
C on_test_epoch_end
M on_test_epoch_end
C on_test_end
M on_test_end
C teardown test
M teardown test
]],
} },
{ name = "two_ranks_predict", world = 2, train = { 16 }, val = { 8 }, test = {}, predict = { 13 }, calls = { "predict" }, model = {}, datamodule = false, trainer = {}, ranks = {
[[
[predict 0 0]
M configure_callbacks
M prepare_data
C setup predict
M setup predict
M configure_model
M predict_dataloader
M on_predict_model_eval
C on_predict_start
M on_predict_start
C on_predict_epoch_start
M on_predict_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 0 0
M on_predict_batch_start 0 0
M predict_step 0 0
C on_predict_batch_end 0 0
M on_predict_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 1 0
M on_predict_batch_start 1 0
M predict_step 1 0
C on_predict_batch_end 1 0
M on_predict_batch_end 1 0
C on_predict_epoch_end
M on_predict_epoch_end
C on_predict_end
M on_predict_end
C teardown predict
M teardown predict
]],
[[
[predict 0 0]
M configure_callbacks
C setup predict
M setup predict
M configure_model
M predict_dataloader
M on_predict_model_eval
C on_predict_start
M on_predict_start
C on_predict_epoch_start
M on_predict_epoch_start
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 0 0
M on_predict_batch_start 0 0
M predict_step 0 0
C on_predict_batch_end 0 0
M on_predict_batch_end 0 0
M on_before_batch_transfer 0
M transfer_batch_to_device 0
M on_after_batch_transfer 0
C on_predict_batch_start 1 0
M on_predict_batch_start 1 0
M predict_step 1 0
C on_predict_batch_end 1 0
M on_predict_batch_end 1 0
C on_predict_epoch_end
M on_predict_epoch_end
C on_predict_end
M on_predict_end
C teardown predict
M teardown predict
]],
} },
},
table = {
{ 1, { val_check_interval = 1 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 2 }, "raises ValueError" },
{ 1, { val_check_interval = 3 }, "raises ValueError" },
{ 1, { val_check_interval = 5 }, "raises ValueError" },
{ 1, { val_check_interval = 8 }, "raises ValueError" },
{ 1, { val_check_interval = 0.2 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 0.25 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 0.34 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 0.99 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 1.0 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 1, check_val_every_n_epoch = false }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 2, check_val_every_n_epoch = false }, "0 0 v 0 | epoch 3 step 3" },
{ 1, { val_check_interval = 3, check_val_every_n_epoch = false }, "0 0 0 v | epoch 3 step 3" },
{ 1, { val_check_interval = 7, check_val_every_n_epoch = false }, "0 0 0 | epoch 3 step 3" },
{ 1, { val_check_interval = 12, check_val_every_n_epoch = false }, "0 0 0 | epoch 3 step 3" },
{ 1, { check_val_every_n_epoch = 2 }, "0 0 v 0 | epoch 3 step 3" },
{ 1, { check_val_every_n_epoch = 2, val_check_interval = 0.5 }, "0 0 v 0 | epoch 3 step 3" },
{ 1, { check_val_every_n_epoch = 3 }, "0 0 0 v | epoch 3 step 3" },
{ 1, { check_val_every_n_epoch = 3, val_check_interval = 0.5 }, "0 0 0 v | epoch 3 step 3" },
{ 1, { limit_train_batches = 1 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { limit_train_batches = 1, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { limit_train_batches = 3 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { limit_train_batches = 3, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { limit_train_batches = 0.5 }, "raises MisconfigurationException" },
{ 1, { limit_train_batches = 0.5, val_check_interval = 0.5 }, "raises MisconfigurationException" },
{ 1, { limit_train_batches = 0.75 }, "raises MisconfigurationException" },
{ 1, { limit_train_batches = 0.75, val_check_interval = 0.5 }, "raises MisconfigurationException" },
{ 1, { max_steps = 1 }, "0 v | epoch 1 step 1" },
{ 1, { max_steps = 1, accumulate_grad_batches = 2 }, "0 v | epoch 1 step 1" },
{ 1, { max_steps = 3 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { max_steps = 3, accumulate_grad_batches = 2 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { max_steps = 6 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { max_steps = 6, accumulate_grad_batches = 2 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { max_steps = 11 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 1, { max_steps = 11, accumulate_grad_batches = 2 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { val_check_interval = 1 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 2 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 3 }, "raises ValueError" },
{ 2, { val_check_interval = 5 }, "raises ValueError" },
{ 2, { val_check_interval = 8 }, "raises ValueError" },
{ 2, { val_check_interval = 0.2 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 0.25 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 0.34 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 0.5 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 0.99 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 1.0 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 1, check_val_every_n_epoch = false }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 2, check_val_every_n_epoch = false }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 3, check_val_every_n_epoch = false }, "0 1 0 v 1 0 1 v | epoch 3 step 6" },
{ 2, { val_check_interval = 7, check_val_every_n_epoch = false }, "0 1 0 1 0 1 | epoch 3 step 6" },
{ 2, { val_check_interval = 12, check_val_every_n_epoch = false }, "0 1 0 1 0 1 | epoch 3 step 6" },
{ 2, { check_val_every_n_epoch = 2 }, "0 1 0 1 v 0 1 | epoch 3 step 6" },
{ 2, { check_val_every_n_epoch = 2, val_check_interval = 0.5 }, "0 1 0 v 1 v 0 1 | epoch 3 step 6" },
{ 2, { check_val_every_n_epoch = 3 }, "0 1 0 1 0 1 v | epoch 3 step 6" },
{ 2, { check_val_every_n_epoch = 3, val_check_interval = 0.5 }, "0 1 0 1 0 v 1 v | epoch 3 step 6" },
{ 2, { limit_train_batches = 1 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { limit_train_batches = 1, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { limit_train_batches = 3 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { limit_train_batches = 3, val_check_interval = 0.5 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 2, { limit_train_batches = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { limit_train_batches = 0.5, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { limit_train_batches = 0.75 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { limit_train_batches = 0.75, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 2, { max_steps = 1 }, "0 | epoch 1 step 1" },
{ 2, { max_steps = 1, accumulate_grad_batches = 2 }, "0 1 v | epoch 1 step 1" },
{ 2, { max_steps = 3 }, "0 1 v 0 | epoch 2 step 3" },
{ 2, { max_steps = 3, accumulate_grad_batches = 2 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 3" },
{ 2, { max_steps = 6 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { max_steps = 6, accumulate_grad_batches = 2 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 3" },
{ 2, { max_steps = 11 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 2, { max_steps = 11, accumulate_grad_batches = 2 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 3" },
{ 5, { val_check_interval = 1 }, "0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 2 }, "0 1 v 2 3 v 4 0 1 v 2 3 v 4 0 1 v 2 3 v 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 3 }, "0 1 2 v 3 4 0 1 2 v 3 4 0 1 2 v 3 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 5 }, "0 1 2 3 4 v 0 1 2 3 4 v 0 1 2 3 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 8 }, "raises ValueError" },
{ 5, { val_check_interval = 0.2 }, "0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 0.25 }, "0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 0.34 }, "0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 0.5 }, "0 1 v 2 3 v 4 0 1 v 2 3 v 4 0 1 v 2 3 v 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 0.99 }, "0 1 2 3 v 4 0 1 2 3 v 4 0 1 2 3 v 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 1.0 }, "0 1 2 3 4 v 0 1 2 3 4 v 0 1 2 3 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 1, check_val_every_n_epoch = false }, "0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v 0 v 1 v 2 v 3 v 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 2, check_val_every_n_epoch = false }, "0 1 v 2 3 v 4 0 v 1 2 v 3 4 v 0 1 v 2 3 v 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 3, check_val_every_n_epoch = false }, "0 1 2 v 3 4 0 v 1 2 3 v 4 0 1 v 2 3 4 v | epoch 3 step 15" },
{ 5, { val_check_interval = 7, check_val_every_n_epoch = false }, "0 1 2 3 4 0 1 v 2 3 4 0 1 2 3 v 4 | epoch 3 step 15" },
{ 5, { val_check_interval = 12, check_val_every_n_epoch = false }, "0 1 2 3 4 0 1 2 3 4 0 1 v 2 3 4 | epoch 3 step 15" },
{ 5, { check_val_every_n_epoch = 2 }, "0 1 2 3 4 0 1 2 3 4 v 0 1 2 3 4 | epoch 3 step 15" },
{ 5, { check_val_every_n_epoch = 2, val_check_interval = 0.5 }, "0 1 2 3 4 0 1 v 2 3 v 4 0 1 2 3 4 | epoch 3 step 15" },
{ 5, { check_val_every_n_epoch = 3 }, "0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 v | epoch 3 step 15" },
{ 5, { check_val_every_n_epoch = 3, val_check_interval = 0.5 }, "0 1 2 3 4 0 1 2 3 4 0 1 v 2 3 v 4 | epoch 3 step 15" },
{ 5, { limit_train_batches = 1 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 5, { limit_train_batches = 1, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 5, { limit_train_batches = 3 }, "0 1 2 v 0 1 2 v 0 1 2 v | epoch 3 step 9" },
{ 5, { limit_train_batches = 3, val_check_interval = 0.5 }, "0 v 1 v 2 v 0 v 1 v 2 v 0 v 1 v 2 v | epoch 3 step 9" },
{ 5, { limit_train_batches = 0.5 }, "0 1 v 0 1 v 0 1 v | epoch 3 step 6" },
{ 5, { limit_train_batches = 0.5, val_check_interval = 0.5 }, "0 v 1 v 0 v 1 v 0 v 1 v | epoch 3 step 6" },
{ 5, { limit_train_batches = 0.75 }, "0 1 2 v 0 1 2 v 0 1 2 v | epoch 3 step 9" },
{ 5, { limit_train_batches = 0.75, val_check_interval = 0.5 }, "0 v 1 v 2 v 0 v 1 v 2 v 0 v 1 v 2 v | epoch 3 step 9" },
{ 5, { max_steps = 1 }, "0 | epoch 1 step 1" },
{ 5, { max_steps = 1, accumulate_grad_batches = 2 }, "0 1 | epoch 1 step 1" },
{ 5, { max_steps = 3 }, "0 1 2 | epoch 1 step 3" },
{ 5, { max_steps = 3, accumulate_grad_batches = 2 }, "0 1 2 3 4 v | epoch 1 step 3" },
{ 5, { max_steps = 6 }, "0 1 2 3 4 v 0 | epoch 2 step 6" },
{ 5, { max_steps = 6, accumulate_grad_batches = 2 }, "0 1 2 3 4 v 0 1 2 3 4 v | epoch 2 step 6" },
{ 5, { max_steps = 11 }, "0 1 2 3 4 v 0 1 2 3 4 v 0 | epoch 3 step 11" },
{ 5, { max_steps = 11, accumulate_grad_batches = 2 }, "0 1 2 3 4 v 0 1 2 3 4 v 0 1 2 3 4 v | epoch 3 step 9" },
{ 8, { val_check_interval = 1 }, "0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 2 }, "0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 3 }, "0 1 2 v 3 4 5 v 6 7 0 1 2 v 3 4 5 v 6 7 0 1 2 v 3 4 5 v 6 7 | epoch 3 step 24" },
{ 8, { val_check_interval = 5 }, "0 1 2 3 4 v 5 6 7 0 1 2 3 4 v 5 6 7 0 1 2 3 4 v 5 6 7 | epoch 3 step 24" },
{ 8, { val_check_interval = 8 }, "0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 0.2 }, "0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 0.25 }, "0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 0.34 }, "0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 0.5 }, "0 1 2 3 v 4 5 6 7 v 0 1 2 3 v 4 5 6 7 v 0 1 2 3 v 4 5 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 0.99 }, "0 1 2 3 4 5 6 v 7 0 1 2 3 4 5 6 v 7 0 1 2 3 4 5 6 v 7 | epoch 3 step 24" },
{ 8, { val_check_interval = 1.0 }, "0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 1, check_val_every_n_epoch = false }, "0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v 0 v 1 v 2 v 3 v 4 v 5 v 6 v 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 2, check_val_every_n_epoch = false }, "0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v 0 1 v 2 3 v 4 5 v 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 3, check_val_every_n_epoch = false }, "0 1 2 v 3 4 5 v 6 7 0 v 1 2 3 v 4 5 6 v 7 0 1 v 2 3 4 v 5 6 7 v | epoch 3 step 24" },
{ 8, { val_check_interval = 7, check_val_every_n_epoch = false }, "0 1 2 3 4 5 6 v 7 0 1 2 3 4 5 v 6 7 0 1 2 3 4 v 5 6 7 | epoch 3 step 24" },
{ 8, { val_check_interval = 12, check_val_every_n_epoch = false }, "0 1 2 3 4 5 6 7 0 1 2 3 v 4 5 6 7 0 1 2 3 4 5 6 7 v | epoch 3 step 24" },
{ 8, { check_val_every_n_epoch = 2 }, "0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 | epoch 3 step 24" },
{ 8, { check_val_every_n_epoch = 2, val_check_interval = 0.5 }, "0 1 2 3 4 5 6 7 0 1 2 3 v 4 5 6 7 v 0 1 2 3 4 5 6 7 | epoch 3 step 24" },
{ 8, { check_val_every_n_epoch = 3 }, "0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 v | epoch 3 step 24" },
{ 8, { check_val_every_n_epoch = 3, val_check_interval = 0.5 }, "0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 v 4 5 6 7 v | epoch 3 step 24" },
{ 8, { limit_train_batches = 1 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 8, { limit_train_batches = 1, val_check_interval = 0.5 }, "0 v 0 v 0 v | epoch 3 step 3" },
{ 8, { limit_train_batches = 3 }, "0 1 2 v 0 1 2 v 0 1 2 v | epoch 3 step 9" },
{ 8, { limit_train_batches = 3, val_check_interval = 0.5 }, "0 v 1 v 2 v 0 v 1 v 2 v 0 v 1 v 2 v | epoch 3 step 9" },
{ 8, { limit_train_batches = 0.5 }, "0 1 2 3 v 0 1 2 3 v 0 1 2 3 v | epoch 3 step 12" },
{ 8, { limit_train_batches = 0.5, val_check_interval = 0.5 }, "0 1 v 2 3 v 0 1 v 2 3 v 0 1 v 2 3 v | epoch 3 step 12" },
{ 8, { limit_train_batches = 0.75 }, "0 1 2 3 4 5 v 0 1 2 3 4 5 v 0 1 2 3 4 5 v | epoch 3 step 18" },
{ 8, { limit_train_batches = 0.75, val_check_interval = 0.5 }, "0 1 2 v 3 4 5 v 0 1 2 v 3 4 5 v 0 1 2 v 3 4 5 v | epoch 3 step 18" },
{ 8, { max_steps = 1 }, "0 | epoch 1 step 1" },
{ 8, { max_steps = 1, accumulate_grad_batches = 2 }, "0 1 | epoch 1 step 1" },
{ 8, { max_steps = 3 }, "0 1 2 | epoch 1 step 3" },
{ 8, { max_steps = 3, accumulate_grad_batches = 2 }, "0 1 2 3 4 5 | epoch 1 step 3" },
{ 8, { max_steps = 6 }, "0 1 2 3 4 5 | epoch 1 step 6" },
{ 8, { max_steps = 6, accumulate_grad_batches = 2 }, "0 1 2 3 4 5 6 7 v 0 1 2 3 | epoch 2 step 6" },
{ 8, { max_steps = 11 }, "0 1 2 3 4 5 6 7 v 0 1 2 | epoch 2 step 11" },
{ 8, { max_steps = 11, accumulate_grad_batches = 2 }, "0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 6 7 v 0 1 2 3 4 5 | epoch 3 step 11" },
},
}
