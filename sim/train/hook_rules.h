/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Where self:log may be called, and what on_step and on_epoch are there when nobody says: the
 * table of Lightning 2.6's _FxValidator, hook by hook.
 *
 * Messages begin with the name of the exception that Lightning raises.
 */

#define DDP_LOG_ERROR ddp_log_error_quark()
GQuark ddp_log_error_quark(void);

typedef enum {
    DDP_LOG_ERROR_MISCONFIGURATION, /* MisconfigurationException */
    DDP_LOG_ERROR_VALUE,            /* ValueError */
    DDP_LOG_ERROR_RUNTIME,          /* RuntimeError */
} DdpLogError;

/* An option that may be left out. */
typedef enum {
    DDP_LEVEL_UNSET = -1,
    DDP_LEVEL_OFF = 0,
    DDP_LEVEL_ON = 1,
} DdpLevel;

typedef struct DdpHookRule DdpHookRule;

/* (transfer none) (nullable): lives for ever; NULL for a name that is no hook. */
const DdpHookRule *ddp_hook_rule(const char *hook);

/**
 * ddp_hook_rule_check:
 * @rule: (nullable): of the hook called @hook
 *
 * Whether that hook may log at all.
 */
bool ddp_hook_rule_check(const DdpHookRule *rule, const char *hook, GError **error);

/**
 * ddp_hook_rule_levels:
 * @rule: of a hook that may log
 * @on_step: as it was given
 * @step: (out): as it holds
 *
 * Fills in the defaults of the hook and refuses what it does not allow. That both are off is not
 * refused here.
 */
bool ddp_hook_rule_levels(const DdpHookRule *rule, DdpLevel on_step, DdpLevel on_epoch, bool *step,
                          bool *epoch, GError **error);

G_END_DECLS
