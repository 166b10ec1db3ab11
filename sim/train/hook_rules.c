/* SPDX-License-Identifier: MIT */
#include "sim/train/hook_rules.h"

#include <stdlib.h>
#include <string.h>

G_DEFINE_QUARK(ddp_log_error_quark, ddp_log_error)

typedef enum {
    NEVER,      /* self:log is refused */
    STEP,       /* any levels; on step by default */
    EPOCH,      /* any levels; on epoch by default */
    EPOCH_ONLY, /* one value an epoch, nothing else */
} Kind;

struct DdpHookRule {
    const char *hook;
    Kind kind;
};

/* Sorted by name. */
static const DdpHookRule rules[] = {
    {"backward", STEP},
    {"clip_gradients", STEP},
    {"configure_callbacks", NEVER},
    {"configure_gradient_clipping", STEP},
    {"configure_model", NEVER},
    {"configure_optimizers", NEVER},
    {"configure_sharded_model", NEVER},
    {"load_state_dict", NEVER},
    {"lr_scheduler_step", NEVER},
    {"on_after_backward", STEP},
    {"on_after_batch_transfer", NEVER},
    {"on_before_backward", STEP},
    {"on_before_batch_transfer", NEVER},
    {"on_before_optimizer_step", STEP},
    {"on_before_zero_grad", STEP},
    {"on_exception", NEVER},
    {"on_fit_end", NEVER},
    {"on_fit_start", NEVER},
    {"on_load_checkpoint", NEVER},
    {"on_predict_batch_end", NEVER},
    {"on_predict_batch_start", NEVER},
    {"on_predict_end", NEVER},
    {"on_predict_epoch_end", NEVER},
    {"on_predict_epoch_start", NEVER},
    {"on_predict_start", NEVER},
    {"on_sanity_check_end", NEVER},
    {"on_sanity_check_start", NEVER},
    {"on_save_checkpoint", NEVER},
    {"on_test_batch_end", EPOCH},
    {"on_test_batch_start", EPOCH},
    {"on_test_end", NEVER},
    {"on_test_epoch_end", EPOCH_ONLY},
    {"on_test_epoch_start", EPOCH_ONLY},
    {"on_test_model_eval", NEVER},
    {"on_test_model_train", NEVER},
    {"on_test_start", EPOCH_ONLY},
    {"on_train_batch_end", STEP},
    {"on_train_batch_start", STEP},
    {"on_train_end", NEVER},
    {"on_train_epoch_end", EPOCH_ONLY},
    {"on_train_epoch_start", EPOCH_ONLY},
    {"on_train_start", EPOCH_ONLY},
    {"on_validation_batch_end", EPOCH},
    {"on_validation_batch_start", EPOCH},
    {"on_validation_end", NEVER},
    {"on_validation_epoch_end", EPOCH_ONLY},
    {"on_validation_epoch_start", EPOCH_ONLY},
    {"on_validation_model_eval", NEVER},
    {"on_validation_model_train", NEVER},
    {"on_validation_model_zero_grad", NEVER},
    {"on_validation_start", EPOCH_ONLY},
    {"optimizer_step", STEP},
    {"optimizer_zero_grad", STEP},
    {"predict_step", NEVER},
    {"prepare_data", NEVER},
    {"setup", NEVER},
    {"state_dict", NEVER},
    {"teardown", NEVER},
    {"test_dataloader", NEVER},
    {"test_step", EPOCH},
    {"train_dataloader", NEVER},
    {"training_step", STEP},
    {"transfer_batch_to_device", NEVER},
    {"val_dataloader", NEVER},
    {"validation_step", EPOCH},
};

static int
compare_name(const void *name, const void *rule)
{
    return strcmp(name, ((const DdpHookRule *)rule)->hook);
}

const DdpHookRule *
ddp_hook_rule(const char *hook)
{
    g_return_val_if_fail(hook != NULL, NULL);

    return bsearch(hook, rules, G_N_ELEMENTS(rules), sizeof rules[0], compare_name);
}

bool
ddp_hook_rule_check(const DdpHookRule *rule, const char *hook, GError **error)
{
    if (rule == NULL) {
        g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_RUNTIME,
                    "RuntimeError: self:log was called in '%s', which is no hook that can log",
                    hook);
        return false;
    }
    if (rule->kind == NEVER) {
        g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION,
                    "MisconfigurationException: self:log cannot be used in the hook '%s'; what "
                    "must be written there can go to self.logger.experiment directly",
                    hook);
        return false;
    }
    return true;
}

bool
ddp_hook_rule_levels(const DdpHookRule *rule, DdpLevel on_step, DdpLevel on_epoch, bool *step,
                     bool *epoch, GError **error)
{
    g_return_val_if_fail(rule != NULL && rule->kind != NEVER, false);

    *step = on_step == DDP_LEVEL_UNSET ? rule->kind == STEP : on_step == DDP_LEVEL_ON;
    *epoch = on_epoch == DDP_LEVEL_UNSET ? rule->kind != STEP : on_epoch == DDP_LEVEL_ON;
    if (rule->kind != EPOCH_ONLY || (!*step && *epoch))
        return true;

    g_set_error(error, DDP_LOG_ERROR, DDP_LOG_ERROR_MISCONFIGURATION,
                "MisconfigurationException: self:log with %s cannot be used in the hook '%s', "
                "where %s is the only value",
                *step ? "on_step = true" : "on_epoch = false", rule->hook,
                *step ? "on_step = false" : "on_epoch = true");
    return false;
}
