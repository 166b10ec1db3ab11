/* SPDX-License-Identifier: MIT */
/*
 * The training batches of lua/fit_loop.lua where nothing is special about them: automatic
 * optimisation in steps of one batch, no hook around a batch, no schedule, clipping, scaler or
 * transfer. What a batch costs beside the user's training_step is then this function; the limits
 * on a scenario make each Lua instruction dear, and the same in Lua takes about three hundred.
 *
 * Fields that a training step may look at (counters, global_step, the name of the hook) have the
 * values that they have in Lua, at every moment at which code of the scenario runs.
 */
#include <lauxlib.h>

#include "sim/script/tensor.h"
#include "sim/script/trainer.h"

/* Where things lie on the stack. */
enum {
    LOOP = 1, /* the epoch loop */
    TRAINER,
    MODULE,
    PASS,
    NEXT, /* gives the columns of the next batch */
    BATCHES,
    BATCHES_TOTAL,
    BATCHES_CURRENT,
    STEPS_TOTAL,
    STEPS_CURRENT,
    ZEROS_TOTAL,
    ZEROS_CURRENT,
    STEP_THROUGH, /* (name, batch, batch_idx): through DDP; or training_step itself */
    LOSS,         /* (output): the loss in what is no tensor, or an error about it */
    OPTIMIZER,
    OPTIMIZER_STEP,
    OPTIMIZER_ZERO,
    LOGS,
    LOGS_START,
    LOGS_END,
    LOGS_STEP, /* nil where there is no logger */
    READY,     /* from here on names of fields */
    STARTED,
    PROCESSED,
    COMPLETED,
    HOOK,
    TRAINING_STEP,
    SHOULD_STOP,
    TOP = SHOULD_STOP,
};

typedef struct {
    void *sigterm; /* (nullable) */
    int64_t length;
    int64_t fetched;
    int64_t ready;       /* of this epoch */
    int64_t total_ready; /* of the fit */
    int64_t steps;       /* global_step */
    int64_t max_steps;   /* -1: no limit */
    int64_t stepped;     /* _batches_that_stepped */
    int64_t check_every; /* batches between validations; 0: none */
    bool check_total;    /* counted over epochs */
    bool direct;         /* there is no DDP: the step is called with the module */
} Batches;

static int64_t
integer_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);

    int64_t value = lua_tointeger(L, -1);

    lua_pop(L, 1);
    return value;
}

static void
add(lua_State *L, int counters, int name, int64_t by)
{
    lua_pushvalue(L, name);
    lua_pushvalue(L, name);
    lua_rawget(L, counters);

    int64_t value = lua_tointeger(L, -1) + by;

    lua_pop(L, 1);
    lua_pushinteger(L, value);
    lua_rawset(L, counters);
}

static void
set_integer(lua_State *L, int table, const char *name, int64_t value)
{
    lua_pushstring(L, name);
    lua_pushinteger(L, value);
    lua_rawset(L, table);
}

static void
set_boolean(lua_State *L, int table, const char *name, bool value)
{
    lua_pushstring(L, name);
    lua_pushboolean(L, value);
    lua_rawset(L, table);
}

static void
set_hook(lua_State *L, int name)
{
    lua_pushvalue(L, HOOK);
    if (name != 0)
        lua_pushvalue(L, name);
    else
        lua_pushnil(L);
    lua_rawset(L, TRAINER);
}

/* Pushes the next batch as a list of its columns; false if there is none. */
static bool
push_batch(lua_State *L)
{
    int base = lua_gettop(L);

    lua_pushvalue(L, NEXT);
    lua_call(L, 0, LUA_MULTRET);

    int columns = lua_gettop(L) - base;

    if (columns == 0 || lua_isnil(L, base + 1)) {
        lua_settop(L, base);
        return false;
    }
    lua_createtable(L, columns, 0);
    lua_insert(L, base + 1);
    for (int i = columns; i > 0; i--)
        lua_rawseti(L, base + 1, i);
    return true;
}

static bool
should_stop(lua_State *L)
{
    lua_pushvalue(L, SHOULD_STOP);
    lua_rawget(L, TRAINER);

    bool stop = lua_toboolean(L, -1) != 0;

    lua_pop(L, 1);
    return stop;
}

/* training_step, zero_grad, backward and the step; the batch lies on top and is popped. */
static void
optimize(lua_State *L, const Batches *self, int64_t batch_idx)
{
    int batch = lua_gettop(L);

    set_hook(L, TRAINING_STEP);
    lua_pushvalue(L, STEP_THROUGH);
    lua_pushvalue(L, self->direct ? MODULE : TRAINING_STEP);
    lua_pushvalue(L, batch);
    lua_pushinteger(L, batch_idx);
    lua_call(L, 3, 1);
    if (ddp_lua_test_tensor(L, -1) == NULL) {
        lua_pushvalue(L, LOSS);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
    }

    int loss = lua_gettop(L);

    lua_pushvalue(L, OPTIMIZER_ZERO);
    lua_pushvalue(L, OPTIMIZER);
    lua_call(L, 1, 0);
    for (int name = READY; name <= COMPLETED; name++) {
        if (name != PROCESSED) {
            add(L, ZEROS_TOTAL, name, 1);
            add(L, ZEROS_CURRENT, name, 1);
        }
    }
    if (!lua_isnil(L, loss)) {
        lua_getfield(L, loss, "backward");
        lua_pushvalue(L, loss);
        lua_call(L, 1, 0);
    }
    lua_pushvalue(L, OPTIMIZER_STEP);
    lua_pushvalue(L, OPTIMIZER);
    lua_call(L, 1, 0);
    set_hook(L, 0);
    add(L, STEPS_TOTAL, COMPLETED, 1);
    add(L, STEPS_CURRENT, COMPLETED, 1);
    set_integer(L, TRAINER, "global_step", self->steps + 1);
    set_integer(L, MODULE, "global_step", self->steps + 1);
    lua_settop(L, batch - 1);
}

static void
call_logs(lua_State *L, int method, int argument)
{
    if (lua_isnil(L, method))
        return;
    lua_pushvalue(L, method);
    lua_pushvalue(L, LOGS);
    if (argument != 0)
        lua_pushvalue(L, argument);
    lua_call(L, argument != 0 ? 2 : 1, 0);
}

/* One batch; false if there is none. */
static bool
one_batch(lua_State *L, Batches *self)
{
    if (self->sigterm != NULL)
        ddp_trainer_agree_on_sigterm(L, self->sigterm);
    if (!push_batch(L))
        return false;

    int batch = lua_gettop(L);
    int64_t batch_idx = self->ready;
    bool last = ++self->fetched >= self->length;

    set_integer(L, PASS, "fetched", self->fetched);
    set_boolean(L, PASS, "done", last);
    set_boolean(L, BATCHES, "is_last_batch", last);
    self->ready++;
    self->total_ready++;
    add(L, BATCHES_TOTAL, READY, 1);
    add(L, BATCHES_CURRENT, READY, 1);
    set_integer(L, LOOP, "batch_idx", batch_idx);
    call_logs(L, LOGS_START, batch);
    add(L, BATCHES_TOTAL, STARTED, 1);
    add(L, BATCHES_CURRENT, STARTED, 1);
    add(L, STEPS_TOTAL, READY, 1);
    add(L, STEPS_CURRENT, READY, 1);
    lua_settop(L, batch);
    optimize(L, self, batch_idx);
    self->steps++;
    add(L, BATCHES_TOTAL, PROCESSED, 1);
    add(L, BATCHES_CURRENT, PROCESSED, 1);
    call_logs(L, LOGS_END, 0);
    add(L, BATCHES_TOTAL, COMPLETED, 1);
    add(L, BATCHES_CURRENT, COMPLETED, 1);
    call_logs(L, LOGS_STEP, 0);
    lua_settop(L, TOP);
    return true;
}

static void
push_counters(lua_State *L, int progress)
{
    progress = lua_absindex(L, progress);
    lua_getfield(L, progress, "total");
    lua_getfield(L, progress, "current");
    lua_remove(L, progress);
}

static void
push_all(lua_State *L, Batches *self)
{
    static const char *const logs[] = {"on_batch_start", "on_batch_end"};
    static const char *const names[] = {"ready",         "started",       "processed",  "completed",
                                        "_current_hook", "training_step", "should_stop"};
    int plan = 2;

    luaL_checkstack(L, TOP + 20, "training batches");
    lua_settop(L, 2);
    lua_newtable(L); /* in place of the plan, which moves out of the way */
    lua_insert(L, 2);
    plan = 3;

    lua_getfield(L, plan, "sigterm");
    self->sigterm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    self->max_steps = integer_field(L, plan, "max_steps");
    self->check_every = integer_field(L, plan, "check_every");
    lua_getfield(L, plan, "check_total");
    self->check_total = lua_toboolean(L, -1) != 0;
    lua_getfield(L, plan, "direct");
    self->direct = lua_toboolean(L, -1) != 0;
    lua_pop(L, 2);

    static const char *const parts[] = {"trainer", "module", "pass", "next", "batches"};
    int first = lua_gettop(L) + 1;

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        lua_getfield(L, plan, parts[i]);
    lua_getfield(L, plan, "batches");
    push_counters(L, -1);
    lua_getfield(L, plan, "steps");
    push_counters(L, -1);
    lua_getfield(L, plan, "zeros");
    push_counters(L, -1);
    lua_getfield(L, plan, "step_through");
    lua_getfield(L, plan, "loss");
    lua_getfield(L, plan, "optimizer");

    int optimizer = lua_gettop(L);

    lua_getfield(L, optimizer, "step");
    lua_getfield(L, optimizer, "zero_grad");
    lua_getfield(L, plan, "logs");

    int connector = lua_gettop(L);

    for (size_t i = 0; i < G_N_ELEMENTS(logs); i++)
        lua_getfield(L, connector, logs[i]);
    lua_getfield(L, plan, "logs_step");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        lua_pushstring(L, names[i]);
    /* The plan and what stood in its place go: everything moves down to where the names say. */
    for (int i = first - 1; i >= 2; i--)
        lua_remove(L, i);
    g_assert(lua_gettop(L) == TOP);
}

int
ddp_trainer_run_batches(lua_State *L)
{
    Batches self = {.sigterm = NULL};

    push_all(L, &self);
    self.length = integer_field(L, PASS, "length");
    self.fetched = integer_field(L, PASS, "fetched");
    self.ready = integer_field(L, BATCHES_CURRENT, "ready");
    self.total_ready = integer_field(L, BATCHES_TOTAL, "ready");
    self.steps = integer_field(L, TRAINER, "global_step");
    self.stepped = integer_field(L, LOOP, "_batches_that_stepped");

    for (;;) {
        bool finished = self.ready > 0 && self.fetched >= self.length;

        if (finished || (self.max_steps >= 0 && self.steps >= self.max_steps) || should_stop(L)) {
            lua_pushliteral(L, "done");
            return 1;
        }
        if (!one_batch(L, &self)) {
            lua_pushliteral(L, "exhausted");
            return 1;
        }

        int64_t count = self.check_total ? self.total_ready : self.ready;

        if (should_stop(L) || (self.check_every > 0 && count % self.check_every == 0)) {
            lua_pushliteral(L, "look");
            return 1;
        }
        set_integer(L, LOOP, "_batches_that_stepped", ++self.stepped);
    }
}
