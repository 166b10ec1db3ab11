/* SPDX-License-Identifier: MIT */
#pragma once

#include <lua.h>

/* The openers of the tables that a scenario sees; each leaves its value on the stack. */

int ddp_luaopen_torch(lua_State *L);      /* torch.c */
int ddp_luaopen_nn(lua_State *L);         /* nn.c */
int ddp_luaopen_nn_spatial(lua_State *L); /* nn_spatial.c */
int ddp_luaopen_nn_norm(lua_State *L);    /* nn_norm.c */
int ddp_luaopen_functional(lua_State *L); /* functional.c: F */
int ddp_luaopen_optim(lua_State *L);      /* optim.c */
int ddp_luaopen_lr_scheduler(lua_State *L); /* optim_schedule.c: beside lr_scheduler.lua */
int ddp_luaopen_amp(lua_State *L);          /* amp.c: beside amp.lua */
int ddp_luaopen_data(lua_State *L);       /* data.c */
int ddp_luaopen_data_sets(lua_State *L);  /* data.c, for lua/data_sets.lua */
int ddp_luaopen_dist(lua_State *L);       /* dist.c */
int ddp_luaopen_env(lua_State *L);        /* env.c */
int ddp_luaopen_ddp(lua_State *L);        /* ddp.c: DistributedDataParallel */
int ddp_luaopen_summary_writer(lua_State *L);
int ddp_luaopen_event_accumulator(lua_State *L);
int ddp_luaopen_log(lua_State *L); /* log.c: beside logger_connector.lua */
int ddp_luaopen_sim(lua_State *L); /* sim.c */
int ddp_luaopen_metrics(lua_State *L); /* metrics.c: beside metrics.lua */
int ddp_luaopen_loggers(lua_State *L); /* loggers.c: beside loggers.lua */
int ddp_luaopen_text_log(lua_State *L); /* text_log.c: beside logging.lua */
int ddp_luaopen_wandb(lua_State *L);    /* wandb.c: beside wandb.lua */

/* What several modules use: write(path, text), note(logger, path, tag, step, value). */
int ddp_lua_write_text(lua_State *L); /* loggers.c */
int ddp_lua_note_log(lua_State *L);   /* loggers.c */

/* (writer, hparams, metrics): the hyper-parameters' summaries into the writer's own file. */
int ddp_lua_summary_add_hparams(lua_State *L); /* summary_writer.c */
int ddp_luaopen_trainer(lua_State *L); /* trainer.c: beside trainer.lua and its neighbours */
int ddp_luaopen_resume(lua_State *L); /* resume.c: what checkpoints keep of a run in progress */
int ddp_luaopen_files(lua_State *L); /* files.c: what our own modules do with files */
