/* SPDX-License-Identifier: MIT */
/*
 * The Lua table `dist`: torch.distributed as a scenario sees it. Collectives return what torch
 * writes to an output argument; with async_op they return a work whose wait() does.
 *
 * During an oracle pass the rank is a world of its own: a collective of one has its result at once.
 */
#include "sim/script/dist.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "model/ops.h"
#include "sim/script/args.h"
#include "sim/script/dist_handles.h"
#include "sim/script/libs.h"
#include "sim/script/pickle.h"
#include "sim/script/state_private.h"
#include "sim/script/tensor.h"
#include "sim/world/world.h"

/* ---- a call and its options ---- */

typedef struct {
    DdpOptions options;
    DdpGroup *group; /* NULL in an oracle pass */
    int size;        /* of the group; 1 in an oracle pass */
    const char *name;
    bool async_op;
} Request;

/* The names that all collectives know; those that reduce know "op" as well. */
static const char *const plain_names[] = {"group", "name", "async_op", NULL};
static const char *const reduce_names[] = {"op", "group", "name", "async_op", NULL};
static const char *const object_names[] = {"group", "name", NULL};

static Request
open_request(lua_State *L, int index, const char *verb, const char *const *names)
{
    Request request = {.options = ddp_options_open(L, index, verb, names), .size = 1};

    request.name = ddp_options_string(&request.options, "name", NULL);
    request.async_op = ddp_options_boolean(&request.options, "async_op", false);
    if (ddp_script_rank(L)->oracle)
        return request;
    request.group = ddp_dist_option_group(&request.options);
    request.size = ddp_group_size(request.group);
    return request;
}

#define FRAMES_MAX 3     /* functions that are asked what they call it */
#define VARIABLES_MAX 32 /* of each */

/* Whether the value on top of the stack, which is popped, is the one at @value. */
static bool
is_value(lua_State *L, int value)
{
    bool is = lua_rawequal(L, -1, value);

    lua_pop(L, 1);
    return is;
}

/* The name of the local variable, or of one from around the function, that holds the value. */
static void
find_variable(lua_State *L, lua_Debug *frame, int value, char *variable)
{
    const char *name;

    for (int i = 1; i <= VARIABLES_MAX && (name = lua_getlocal(L, frame, i)) != NULL; i++) {
        if (is_value(L, value) && *name != '(') {
            g_strlcpy(variable, name, DDP_VARIABLE_MAX);
            return;
        }
    }
    lua_getinfo(L, "f", frame);
    for (int i = 1; i <= VARIABLES_MAX && (name = lua_getupvalue(L, -1, i)) != NULL; i++) {
        if (is_value(L, value)) {
            g_strlcpy(variable, name, DDP_VARIABLE_MAX);
            break;
        }
    }
    lua_pop(L, 1);
}

void
ddp_dist_note_caller(lua_State *L, DdpCall *call, DdpCaller *caller, int value)
{
    lua_Debug frame;
    int frames = 0;

    call->site = (DdpSite){"scenario", 0};
    call->caller = caller;
    caller->via = (DdpSite){NULL, 0};
    caller->scope = caller->via_scope = 0;
    caller->variable[0] = '\0';
    if (value != 0 && !lua_isuserdata(L, value) && !lua_istable(L, value))
        value = 0;
    for (int level = 0; frames < FRAMES_MAX && lua_getstack(L, level, &frame) != 0; level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0)
            continue;
        if (frames == 0) {
            call->site = (DdpSite){ddp_script_intern(L, ddp_args_file(&frame)), frame.currentline};
            caller->scope = frame.linedefined;
        } else if (frames == 1) {
            caller->via = (DdpSite){ddp_script_intern(L, ddp_args_file(&frame)), frame.currentline};
            caller->via_scope = frame.linedefined;
        }
        frames++;
        /* The outermost has the last word: further in the value may be just an argument. */
        if (value != 0)
            find_variable(L, &frame, value, caller->variable);
    }
}

DdpCall
ddp_dist_tensor_call(DdpCallKind kind, DdpTensor *tensor)
{
    DdpCall call = {.kind = kind,
                    .dtype = ddp_tensor_dtype(tensor),
                    .root = -1,
                    .count = ddp_tensor_numel(tensor),
                    .ndim = ddp_tensor_ndim(tensor),
                    .in = ddp_tensor_data(tensor),
                    .out = ddp_tensor_data(tensor)};

    memcpy(call.shape, ddp_tensor_shape(tensor), (size_t)call.ndim * sizeof call.shape[0]);
    return call;
}

bool
ddp_dist_merges(lua_State *L, const DdpGroup *group, DdpCallKind kind)
{
    if (ddp_group_size(group) != ddp_script_rank(L)->world_size)
        return false;
    return kind != DDP_CALL_BARRIER && kind != DDP_CALL_NEW_GROUP && kind != DDP_CALL_SEND &&
           kind != DDP_CALL_RECV;
}

int
ddp_dist_raise(lua_State *L, const char *verb, GError *error)
{
    if (!g_error_matches(error, DDP_COMM_ERROR, DDP_COMM_ERROR_ENDED))
        ddp_args_raise(L, error);

    ddp_args_where(L);
    lua_pushfstring(L, "%s was never completed, %s", verb, error->message);
    g_error_free(error);
    lua_concat(L, 2);
    ddp_script_end(L, DDP_SCRIPT_END_WORLD);
}

/* Blocks until the collective is complete. */
static void
play(lua_State *L, const Request *request, DdpCall *call)
{
    DdpScriptRank *script = ddp_script_rank(L);
    GError *error = NULL;
    DdpCaller caller;

    ddp_dist_note_caller(L, call, &caller, lua_gettop(L) > 0 ? 1 : 0);
    call->name = request->name;
    ddp_script_settle(L);
    if (!ddp_rank_group_call(script->world_rank, request->group, call, &error))
        ddp_dist_raise(L, ddp_call_kind_name(call->kind), error);
    call->caller = NULL;
    ddp_script_met(L);
    if (ddp_dist_merges(L, request->group, call->kind))
        ddp_script_note_merged(L);
}

/* Plays the call, or begins it; leaves its result (at @result) or its work on the stack. */
static int
finish(lua_State *L, const Request *request, DdpCall *call, int result)
{
    call->name = request->name;
    if (request->async_op) {
        ddp_dist_begin(L, request->group, call, result);
        return 1;
    }
    if (request->group != NULL)
        play(L, request, call);
    lua_pushvalue(L, result);
    return 1;
}

/* ---- arguments ---- */

static int
check_rank(lua_State *L, int index, const char *verb, const char *what)
{
    const DdpScriptRank *script = ddp_script_rank(L);
    int size = script->world_rank != NULL ? ddp_world_size(ddp_rank_world(script->world_rank))
                                          : script->world_size;
    int is_integer;
    lua_Integer rank = lua_tointegerx(L, index, &is_integer);

    if (!is_integer)
        luaL_error(L, "%s: %s is %s, expected a rank from 0 to %d", verb, what,
                   luaL_tolstring(L, index, NULL), size - 1);
    if (rank < 0 || rank >= size)
        luaL_error(L, "%s: %s is %I, expected a rank from 0 to %d", verb, what, (LUAI_UACINT)rank,
                   size - 1);
    return (int)rank;
}

static DdpReduceOp
option_op(const DdpOptions *options)
{
    const char *text = ddp_options_string(options, "op", "sum");
    DdpReduceOp op;

    if (!ddp_reduce_op_from_name(text, &op))
        luaL_error(options->L,
                   "%s: option 'op' is '%s', expected one of dist.ReduceOp (SUM, AVG, PRODUCT, "
                   "MIN, MAX, BAND, BOR, BXOR)",
                   options->verb, text);
    return op;
}

/* The list of tensors at @index as they come; pushes a userdata that holds the array. */
static DdpTensor **
check_list(lua_State *L, int index, const Request *request)
{
    const char *verb = request->options.verb;
    DdpTensor **list;

    if (!lua_istable(L, index) || (lua_Integer)lua_rawlen(L, index) != request->size)
        luaL_error(L, "%s: expected a list of %d tensors, one for each rank of the group, found %s",
                   verb, request->size,
                   lua_istable(L, index)
                       ? lua_pushfstring(L, "%I", (LUAI_UACINT)lua_rawlen(L, index))
                       : luaL_typename(L, index));
    list = lua_newuserdatauv(L, (size_t)request->size * sizeof *list, 0);
    for (int i = 0; i < request->size; i++) {
        lua_rawgeti(L, index, i + 1);
        list[i] = ddp_lua_test_tensor(L, -1);
        if (list[i] == NULL)
            luaL_error(L, "%s: element %d of the list is a %s, expected a tensor", verb, i + 1,
                       luaL_typename(L, -1));
        if (ddp_tensor_dtype(list[i]) != ddp_tensor_dtype(list[0]))
            luaL_error(L, "%s: the tensors of the list have different dtypes (%s and %s)", verb,
                       ddp_dtype_name(ddp_tensor_dtype(list[0])),
                       ddp_dtype_name(ddp_tensor_dtype(list[i])));
        lua_pop(L, 1);
    }
    return list;
}

static bool
same_shapes(DdpTensor *const *list, int size)
{
    for (int i = 1; i < size; i++) {
        if (ddp_tensor_ndim(list[i]) != ddp_tensor_ndim(list[0]) ||
            memcmp(ddp_tensor_shape(list[i]), ddp_tensor_shape(list[0]),
                   (size_t)ddp_tensor_ndim(list[0]) * sizeof(int64_t)) != 0)
            return false;
    }
    return true;
}

/* Pushes a tensor of a shape. */
static DdpTensor *
push_tensor(lua_State *L, DdpDtype dtype, int ndim, const int64_t *shape)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_new(ddp_script_rank(L)->model, dtype, ndim, shape, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    return *slot;
}

/* Pushes a tensor [size, *shape of @piece]. */
static DdpTensor *
push_stacked(lua_State *L, const Request *request, DdpTensor *piece)
{
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    int ndim = ddp_tensor_ndim(piece);

    if (ndim + 1 > DDP_TENSOR_DIMS_MAX)
        luaL_error(L, "%s: a tensor of %d dimensions cannot be stacked, %d are the most",
                   request->options.verb, ndim, DDP_TENSOR_DIMS_MAX - 1);
    shape[0] = request->size;
    memcpy(shape + 1, ddp_tensor_shape(piece), (size_t)ndim * sizeof shape[0]);
    return push_tensor(L, ddp_tensor_dtype(piece), ndim + 1, shape);
}

/* Pushes the tensors of @list, which have one shape, as one tensor [size, *shape]. */
static DdpTensor *
push_joined(lua_State *L, const Request *request, DdpTensor *const *list)
{
    DdpTensor *all;
    size_t bytes = ddp_tensor_bytes(list[0]);

    if (!same_shapes(list, request->size))
        luaL_error(L, "%s: the tensors of the list have different shapes", request->options.verb);
    all = push_stacked(L, request, list[0]);
    for (int i = 0; i < request->size && bytes > 0; i++)
        memcpy((char *)ddp_tensor_data(all) + (size_t)i * bytes, ddp_tensor_data(list[i]), bytes);
    return all;
}

/* Pushes a list of the rows of @all: views, so what is written to @all later shows in them. */
static void
push_rows(lua_State *L, DdpTensor *all)
{
    int size = (int)ddp_tensor_shape(all)[0];
    GError *error = NULL;

    lua_createtable(L, size, 0);
    for (int i = 0; i < size; i++) {
        DdpTensor **slot = ddp_lua_tensor_slot(L);

        *slot = ddp_select(all, 0, i, &error);
        if (*slot == NULL)
            ddp_args_raise(L, error);
        lua_rawseti(L, -2, i + 1);
    }
}

/* ---- who am I ---- */

static int
l_get_rank(lua_State *L)
{
    lua_pushinteger(L, ddp_script_rank(L)->rank);
    return 1;
}

static int
l_get_world_size(lua_State *L)
{
    lua_pushinteger(L, ddp_script_rank(L)->world_size);
    return 1;
}

static int
l_get_local_rank(lua_State *L)
{
    lua_pushinteger(L, ddp_script_rank(L)->local_rank);
    return 1;
}

static int
l_get_node_rank(lua_State *L)
{
    lua_pushinteger(L, ddp_script_rank(L)->node_rank);
    return 1;
}

static int
l_get_backend(lua_State *L)
{
    lua_pushstring(L, ddp_script_play(L)->record->backend);
    return 1;
}

static int
l_is_initialized(lua_State *L)
{
    lua_pushboolean(L, ddp_script_rank(L)->world_rank != NULL);
    return 1;
}

/* ---- tensors ---- */

static int
l_all_reduce(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    Request request = open_request(L, 2, "dist.all_reduce", reduce_names);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_REDUCE, tensor);

    call.op = option_op(&request.options);
    return finish(L, &request, &call, 1);
}

static int
l_reduce(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    int dst = check_rank(L, 2, "dist.reduce", "dst");
    Request request = open_request(L, 3, "dist.reduce", reduce_names);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_REDUCE, tensor);

    call.op = option_op(&request.options);
    call.root = dst;
    return finish(L, &request, &call, 1);
}

static int
l_broadcast(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    int src = check_rank(L, 2, "dist.broadcast", "src");
    Request request = open_request(L, 3, "dist.broadcast", plain_names);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_BROADCAST, tensor);

    call.root = src;
    return finish(L, &request, &call, 1);
}

/* The call of all_gather into a tensor that it leaves on the stack. */
static DdpCall
gather_call(lua_State *L, const Request *request, DdpCallKind kind, DdpTensor *tensor,
            DdpTensor **all)
{
    DdpCall call = ddp_dist_tensor_call(kind, tensor);

    *all = push_stacked(L, request, tensor);
    call.out = ddp_tensor_data(*all);
    if (request->group == NULL && ddp_tensor_bytes(tensor) > 0)
        memcpy(call.out, call.in, ddp_tensor_bytes(tensor));
    return call;
}

static int
l_all_gather_into_tensor(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1), *all;
    Request request = open_request(L, 2, "dist.all_gather_into_tensor", plain_names);
    DdpCall call = gather_call(L, &request, DDP_CALL_ALL_GATHER, tensor, &all);

    return finish(L, &request, &call, lua_gettop(L));
}

static int
l_all_gather(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1), *all;
    Request request = open_request(L, 2, "dist.all_gather", plain_names);
    DdpCall call = gather_call(L, &request, DDP_CALL_ALL_GATHER, tensor, &all);

    push_rows(L, all);
    return finish(L, &request, &call, lua_gettop(L));
}

static int
l_gather(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1), *all;
    int dst = check_rank(L, 2, "dist.gather", "dst");
    Request request = open_request(L, 3, "dist.gather", plain_names);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_GATHER, tensor);

    call.out = NULL;
    if (request.group == NULL || dst == ddp_script_rank(L)->rank) {
        call = gather_call(L, &request, DDP_CALL_GATHER, tensor, &all);
        push_rows(L, all);
    } else {
        lua_pushnil(L);
    }
    call.root = dst;
    return finish(L, &request, &call, lua_gettop(L));
}

/* What a meeting made for an open call or an object: the collector frees it if we do not. */
static int
free_block(lua_State *L)
{
    void **block = lua_touserdata(L, 1);

    g_clear_pointer(block, g_free);
    return 0;
}

static void **
push_block(lua_State *L)
{
    void **block = lua_newuserdatauv(L, sizeof *block, 0);

    *block = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_block);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return block;
}

static int
l_scatter(lua_State *L)
{
    int src = check_rank(L, 2, "dist.scatter", "src");
    Request request = open_request(L, 3, "dist.scatter", object_names);
    bool root = request.group == NULL || src == ddp_script_rank(L)->rank;
    DdpCall call = {.kind = DDP_CALL_SCATTER, .open = true};
    void **out = push_block(L);
    DdpTensor *piece;

    if (root) {
        DdpTensor **list = check_list(L, 1, &request);

        call = ddp_dist_tensor_call(DDP_CALL_SCATTER, list[0]);
        call.in = ddp_tensor_data(push_joined(L, &request, list));
        piece = push_tensor(L, call.dtype, call.ndim, call.shape);
        call.out = ddp_tensor_data(piece);
    } else if (!lua_isnil(L, 1)) {
        return luaL_error(
            L, "dist.scatter: only rank %d, the src, gives a list; pass nil elsewhere", src);
    }
    call.root = src;
    if (request.group == NULL)
        memcpy(call.out, call.in, call.count * ddp_dtype_bytes(call.dtype));
    else
        play(L, &request, &call);
    if (!root) {
        *out = call.out;
        piece = push_tensor(L, call.dtype, call.ndim, call.shape);
        memcpy(ddp_tensor_data(piece), *out, ddp_tensor_bytes(piece));
    }
    return 1;
}

static int
l_reduce_scatter(lua_State *L)
{
    Request request = open_request(L, 2, "dist.reduce_scatter", reduce_names);
    DdpTensor **list = check_list(L, 1, &request);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_REDUCE_SCATTER, list[0]);
    DdpTensor *piece;

    call.op = option_op(&request.options);
    call.in = ddp_tensor_data(push_joined(L, &request, list));
    piece = push_tensor(L, call.dtype, call.ndim, call.shape);
    call.out = ddp_tensor_data(piece);
    if (request.group == NULL)
        memcpy(call.out, call.in, ddp_tensor_bytes(piece));
    return finish(L, &request, &call, lua_gettop(L));
}

/* Pieces of any lengths: what comes is known only when it is there. */
static int
uneven_all_to_all(lua_State *L, const Request *request, DdpTensor *const *list)
{
    DdpTensor *first = list[0];
    int64_t shape[DDP_TENSOR_DIMS_MAX];
    int ndim = ddp_tensor_ndim(first);
    size_t element = ddp_dtype_bytes(ddp_tensor_dtype(first)), row = 1, total = 0;
    size_t *splits = lua_newuserdatauv(L, (size_t)request->size * sizeof *splits, 0);
    void **out = push_block(L), **counts = push_block(L);
    DdpCall call = ddp_dist_tensor_call(DDP_CALL_ALL_TO_ALL, first);
    char *in, *at;

    for (int dim = 1; dim < ndim; dim++)
        row *= (size_t)ddp_tensor_shape(first)[dim];
    for (int i = 0; i < request->size; i++) {
        if (ddp_tensor_ndim(list[i]) != ndim || ndim == 0 ||
            memcmp(ddp_tensor_shape(list[i]) + 1, ddp_tensor_shape(first) + 1,
                   (size_t)(ndim - 1) * sizeof(int64_t)) != 0)
            return luaL_error(L,
                              "%s: the tensors of the list may differ in their first dimension "
                              "only",
                              request->options.verb);
        splits[i] = ddp_tensor_numel(list[i]);
        total += splits[i];
    }
    in = at = lua_newuserdatauv(L, total * element + 1, 0);
    for (int i = 0; i < request->size; i++) {
        if (splits[i] > 0)
            memcpy(at, ddp_tensor_data(list[i]), splits[i] * element);
        at += splits[i] * element;
    }
    call.in = in;
    call.out = NULL;
    call.count = total;
    call.open = true;
    call.in_splits = call.out_splits = splits;
    play(L, request, &call);
    *out = call.out;
    *counts = call.counts;
    lua_createtable(L, request->size, 0);
    at = call.out;
    for (int i = 0; i < request->size; i++) {
        size_t bytes = call.counts[i] * element;
        DdpTensor *piece;

        memcpy(shape, ddp_tensor_shape(first), (size_t)ndim * sizeof shape[0]);
        shape[0] = (int64_t)(row > 0 ? call.counts[i] / row : 0);
        piece = push_tensor(L, call.dtype, ndim, shape);
        if (bytes > 0)
            memcpy(ddp_tensor_data(piece), at, bytes);
        at += bytes;
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int
l_all_to_all(lua_State *L)
{
    Request request = open_request(L, 2, "dist.all_to_all", plain_names);
    DdpTensor **list = check_list(L, 1, &request), *in, *out;
    DdpCall call;

    if (request.group == NULL) {
        lua_pushvalue(L, 1);
        return 1;
    }
    /* Whoever waits later must know now where the result goes, and so how long it is. */
    if (!request.async_op)
        return uneven_all_to_all(L, &request, list);
    call = ddp_dist_tensor_call(DDP_CALL_ALL_TO_ALL, list[0]);
    in = push_joined(L, &request, list);
    out = push_stacked(L, &request, list[0]);
    call.in = ddp_tensor_data(in);
    call.out = ddp_tensor_data(out);
    push_rows(L, out);
    return finish(L, &request, &call, lua_gettop(L));
}

/* ---- point to point ---- */

static const char *const p2p_names[] = {"tag", "name", NULL};

/* send and isend: (tensor, dst, {tag}); recv and irecv: (tensor, src or nil, {tag}). */
static int
p2p(lua_State *L, DdpCallKind kind, const char *verb, bool async_op)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    bool any = kind == DDP_CALL_RECV && lua_isnoneornil(L, 2);
    int peer = any ? -1 : check_rank(L, 2, verb, kind == DDP_CALL_SEND ? "dst" : "src");
    DdpCall call = ddp_dist_tensor_call(kind, tensor);
    Request request;

    lua_settop(L, 3);
    request = open_request(L, 3, verb, p2p_names);
    if (request.group == NULL)
        return luaL_error(L, "%s: there is nobody else inside an evaluation", verb);
    call.root = peer;
    call.tag = (int)ddp_options_integer(&request.options, "tag", 0, 0, G_MAXINT);
    request.async_op = async_op;
    if (async_op)
        return finish(L, &request, &call, 1);
    play(L, &request, &call);
    if (kind == DDP_CALL_RECV) {
        lua_pushinteger(L, call.root); /* as torch: who it came from */
        return 1;
    }
    return 0;
}

static int
l_send(lua_State *L)
{
    return p2p(L, DDP_CALL_SEND, "dist.send", false);
}

static int
l_isend(lua_State *L)
{
    return p2p(L, DDP_CALL_SEND, "dist.isend", true);
}

static int
l_recv(lua_State *L)
{
    return p2p(L, DDP_CALL_RECV, "dist.recv", false);
}

static int
l_irecv(lua_State *L)
{
    return p2p(L, DDP_CALL_RECV, "dist.irecv", true);
}

/* ---- objects ---- */

/* Plays an object collective with the value at @index; pushes a list of what comes back. */
static void
object_call(lua_State *L, const Request *request, DdpCallKind kind, int index, int src)
{
    int pieces = kind == DDP_CALL_ALL_GATHER_OBJECT ? request->size : 1;
    void **out = push_block(L);
    void **counts = push_block(L);
    const GByteArray *bytes = ddp_pickle_dump(L, index);
    DdpCall call = {.kind = kind, .root = src, .count = bytes->len, .in = bytes->data};
    const char *at;

    if (request->group == NULL) {
        lua_createtable(L, 1, 0);
        ddp_pickle_load(L, (const char *)bytes->data, call.count);
        lua_rawseti(L, -2, 1);
        return;
    }
    play(L, request, &call);
    *out = call.out;
    *counts = call.counts;
    at = call.out;
    lua_createtable(L, pieces, 0);
    for (int i = 0; i < pieces; i++) {
        ddp_pickle_load(L, at, call.counts[i]);
        lua_rawseti(L, -2, i + 1);
        at += call.counts[i];
    }
}

static int
l_all_gather_object(lua_State *L)
{
    Request request;

    luaL_checkany(L, 1);
    request = open_request(L, 2, "dist.all_gather_object", object_names);
    object_call(L, &request, DDP_CALL_ALL_GATHER_OBJECT, 1, -1);
    return 1;
}

static int
l_broadcast_object(lua_State *L)
{
    Request request;
    int src;

    luaL_checkany(L, 1);
    src = check_rank(L, 2, "dist.broadcast_object", "src");
    request = open_request(L, 3, "dist.broadcast_object", object_names);
    object_call(L, &request, DDP_CALL_BROADCAST_OBJECT, 1, src);
    lua_rawgeti(L, -1, 1);
    return 1;
}

/* ---- meeting without data ---- */

static int
l_barrier(lua_State *L)
{
    Request request = open_request(L, 1, "dist.barrier", plain_names);
    DdpCall call = {.kind = DDP_CALL_BARRIER, .root = -1};

    lua_pushnil(L);
    return finish(L, &request, &call, lua_gettop(L));
}

static int
l_monitored_barrier(lua_State *L)
{
    static const char *const names[] = {"timeout", "wait_all_ranks", "group", "name", NULL};
    Request request;
    DdpCall call = {.kind = DDP_CALL_MONITORED_BARRIER, .root = -1};
    double seconds;

    request = open_request(L, 1, "dist.monitored_barrier", names);
    seconds = ddp_options_number(&request.options, "timeout",
                                 (double)ddp_backend_timeout_ns(DDP_BACKEND_GLOO) * 1e-9);
    if (!(seconds > 0 && seconds <= 1e9))
        return luaL_error(L, "dist.monitored_barrier: timeout is %f seconds, expected up to 1e9",
                          seconds);
    call.timeout_ns = (int64_t)(seconds * 1e9);
    call.wait_all_ranks = ddp_options_boolean(&request.options, "wait_all_ranks", false);
    if (request.group != NULL)
        play(L, &request, &call);
    return 0;
}

static int
compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int
l_new_group(lua_State *L)
{
    static const char *const none[] = {NULL};
    Request request = open_request(L, 2, "dist.new_group", none);
    DdpCall call = {.kind = DDP_CALL_NEW_GROUP, .root = -1};
    int count;
    int *ranks;

    luaL_checktype(L, 1, LUA_TTABLE);
    count = (int)MIN(lua_rawlen(L, 1), 65536u);
    if (count == 0)
        return luaL_error(L, "dist.new_group: the list of ranks is empty");
    ranks = lua_newuserdatauv(L, (size_t)count * sizeof *ranks, 0);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, 1, i + 1);
        ranks[i] = check_rank(L, lua_gettop(L), "dist.new_group", "a rank of the list");
        lua_pop(L, 1);
    }
    qsort(ranks, (size_t)count, sizeof *ranks, compare_ints);
    for (int i = 1; i < count; i++) {
        if (ranks[i] == ranks[i - 1])
            return luaL_error(L, "dist.new_group: rank %d stands in the list twice", ranks[i]);
    }
    if (request.group == NULL)
        return luaL_error(L, "dist.new_group: groups cannot be made inside an evaluation");
    call.in = ranks;
    call.count = (size_t)count;
    play(L, &request, &call);
    ddp_dist_push_group(L, call.out);
    return 1;
}

/* ---- the table ---- */

static const luaL_Reg verbs[] = {
    {"get_rank", l_get_rank},
    {"get_world_size", l_get_world_size},
    {"get_local_rank", l_get_local_rank},
    {"get_node_rank", l_get_node_rank},
    {"get_backend", l_get_backend},
    {"is_initialized", l_is_initialized},
    {"all_reduce", l_all_reduce},
    {"reduce", l_reduce},
    {"broadcast", l_broadcast},
    {"all_gather", l_all_gather},
    {"all_gather_into_tensor", l_all_gather_into_tensor},
    {"gather", l_gather},
    {"scatter", l_scatter},
    {"reduce_scatter", l_reduce_scatter},
    {"all_to_all", l_all_to_all},
    {"all_gather_object", l_all_gather_object},
    {"broadcast_object", l_broadcast_object},
    {"send", l_send},
    {"recv", l_recv},
    {"isend", l_isend},
    {"irecv", l_irecv},
    {"barrier", l_barrier},
    {"monitored_barrier", l_monitored_barrier},
    {"new_group", l_new_group},
    {NULL, NULL},
};

int
ddp_luaopen_dist(lua_State *L)
{
    ddp_dist_handles_open(L);
    luaL_newlib(L, verbs);
    lua_createtable(L, 0, DDP_REDUCE_OP_COUNT);
    for (int op = 0; op < DDP_REDUCE_OP_COUNT; op++) {
        g_autofree char *name = g_ascii_strup(ddp_reduce_op_name((DdpReduceOp)op), -1);

        lua_pushstring(L, ddp_reduce_op_name((DdpReduceOp)op));
        lua_setfield(L, -2, name);
    }
    lua_setfield(L, -2, "ReduceOp");
    ddp_dist_p2p_open(L);
    return 1;
}
