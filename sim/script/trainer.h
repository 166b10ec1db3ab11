/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What trainer.c and fit_batches.c, the C side of lua/trainer.lua and its neighbours, share. */

/* The broadcast before a batch; @flag is the userdata that new_sigterm() made. */
void ddp_trainer_agree_on_sigterm(lua_State *L, void *flag);

/**
 * ddp_trainer_run_batches:
 *
 * run_batches(epoch_loop, plan): plays plain batches until the epoch is over or stopped ("done"),
 * the loader has none left ("exhausted"), or something is to be done between two batches that is
 * not done here ("look": perhaps a validation). `plan` holds what a batch needs: sigterm,
 * max_steps, check_every, check_total, trainer, module, pass, next, batches, steps, zeros,
 * step_through, direct, loss, optimizer, logs, logs_step.
 */
int ddp_trainer_run_batches(lua_State *L);

G_END_DECLS
