/* SPDX-License-Identifier: MIT */
/* What lua/metrics.lua leaves to C: whatever looks at each sample. */
#include "model/metrics.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/libs.h"
#include "sim/script/tensor.h"

static bool
is_float(const DdpTensor *tensor)
{
    return ddp_dtype_is_float(ddp_tensor_dtype(tensor));
}

/* A new tensor in a slot of the stack. */
static DdpTensor *
push_new(lua_State *L, DdpTensor *like, DdpDtype dtype, int ndim, const int64_t *shape)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = ddp_tensor_new(ddp_tensor_context(like), dtype, ndim, shape, &error);
    if (*slot == NULL && ddp_lua_out_of_memory(L, &error))
        *slot = ddp_tensor_new(ddp_tensor_context(like), dtype, ndim, shape, &error);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    return *slot;
}

/* is_tensor(value) */
static int
l_is_tensor(lua_State *L)
{
    lua_pushboolean(L, ddp_lua_test_tensor(L, 1) != NULL);
    return 1;
}

/* is_floating(t) */
static int
l_is_floating(lua_State *L)
{
    lua_pushboolean(L, is_float(ddp_lua_check_tensor(L, 1)));
    return 1;
}

/* ---- aggregation ---- */

/* drop_nan(value, weight or nil, substitute or nil) -> value, weight, whether there was a NaN */
static int
l_drop_nan(lua_State *L)
{
    DdpTensor *value = ddp_lua_check_tensor(L, 1);
    DdpTensor *weight = lua_isnil(L, 2) ? NULL : ddp_lua_check_tensor(L, 2);
    bool replaces = !lua_isnoneornil(L, 3);
    double substitute = luaL_optnumber(L, 3, 0);
    size_t numel = ddp_tensor_numel(value);
    int64_t kept = 0;

    for (size_t i = 0; i < numel; i++) {
        bool bad = isnan(ddp_tensor_item_f64(value, i)) ||
                   (weight != NULL && isnan(ddp_tensor_item_f64(weight, i)));

        kept += !bad || replaces;
    }
    lua_settop(L, 3);
    if (kept == (int64_t)numel && !replaces) {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_pushboolean(L, 0);
        return 3;
    }

    DdpTensor *out = push_new(L, value, ddp_tensor_dtype(value), 1, &kept), *weights = NULL;
    size_t at = 0;
    bool found = false;

    if (weight != NULL)
        weights = push_new(L, weight, ddp_tensor_dtype(weight), 1, &kept);
    else
        lua_pushnil(L);
    for (size_t i = 0; i < numel; i++) {
        double x = ddp_tensor_item_f64(value, i);
        double w = weight != NULL ? ddp_tensor_item_f64(weight, i) : 1.0;

        found = found || isnan(x) || isnan(w);
        if (!replaces && (isnan(x) || isnan(w)))
            continue;
        ddp_tensor_set_f64(out, at, isnan(x) ? substitute : x);
        if (weights != NULL)
            ddp_tensor_set_f64(weights, at, isnan(w) ? substitute : w);
        at++;
    }
    lua_pushboolean(L, found);
    return 3;
}

/* ---- labels and scores ---- */

/* Some score is no probability: then all of this batch are taken for logits. */
static bool
are_logits(const DdpTensor *scores)
{
    size_t numel = ddp_tensor_numel(scores);

    for (size_t i = 0; i < numel; i++) {
        double x = ddp_tensor_item_f64(scores, i);

        if (x < 0.0 || x > 1.0)
            return true;
    }
    return false;
}

/* Pushes @t, or its sigmoid. */
static DdpTensor *
push_sigmoid(lua_State *L, DdpTensor *t)
{
    DdpTensor **slot = ddp_lua_tensor_slot(L);
    GError *error = NULL;

    *slot = are_logits(t) ? ddp_unary(DDP_UNARY_SIGMOID, t, &error) : ddp_tensor_ref(t);
    if (*slot == NULL)
        ddp_args_raise(L, error);
    return *slot;
}

/* threshold(scores, threshold) -> int64 labels */
static int
l_threshold(lua_State *L)
{
    DdpTensor *given = ddp_lua_check_tensor(L, 1);
    float threshold = (float)luaL_checknumber(L, 2);
    const DdpTensor *scores = push_sigmoid(L, given);
    DdpTensor *labels =
        push_new(L, given, DDP_DTYPE_I64, ddp_tensor_ndim(given), ddp_tensor_shape(given));
    size_t numel = ddp_tensor_numel(given);

    for (size_t i = 0; i < numel; i++)
        ddp_tensor_set_i64(labels, i, ddp_tensor_item_f64(scores, i) > (double)threshold);
    return 1;
}

/* confusion(labels, target, classes, ignored or nil, strict, name) */
static int
l_confusion(lua_State *L)
{
    DdpTensor *labels = ddp_lua_check_tensor(L, 1), *target = ddp_lua_check_tensor(L, 2);
    int64_t classes = luaL_checkinteger(L, 3);
    bool ignores = !lua_isnil(L, 4);
    int64_t ignored = ignores ? luaL_checkinteger(L, 4) : 0;
    bool strict = lua_toboolean(L, 5);

    DDP_LUA_RETURN_TENSOR(L, ddp_metric_confusion(labels, target, classes,
                                                  ignores ? &ignored : NULL, strict, &error));
}

/* counts(confusion, "binary", "micro" or another) -> tp, fp, tn, fn, of all or of each class */
static int
l_counts(lua_State *L)
{
    DdpTensor *confusion = ddp_lua_check_tensor(L, 1);
    const char *mode = luaL_checkstring(L, 2);
    const int64_t *cells = ddp_tensor_data(confusion);
    int64_t classes = ddp_tensor_shape(confusion)[0], all = 0, hits = 0;
    bool binary = strcmp(mode, "binary") == 0, micro = strcmp(mode, "micro") == 0;
    DdpTensor *out[4];

    for (int i = 0; i < 4; i++)
        out[i] = push_new(L, confusion, DDP_DTYPE_I64, binary || micro ? 0 : 1, &classes);
    for (int64_t i = 0; i < classes * classes; i++)
        all += cells[i];
    for (int64_t k = 0; k < classes; k++) {
        int64_t row = 0, column = 0, hit = cells[k * classes + k];

        for (int64_t j = 0; j < classes; j++) {
            row += cells[k * classes + j];
            column += cells[j * classes + k];
        }
        hits += hit;
        if (micro || (binary && k != 1))
            continue;

        size_t at = binary ? 0 : (size_t)k;

        ddp_tensor_set_i64(out[0], at, hit);
        ddp_tensor_set_i64(out[1], at, column - hit);
        ddp_tensor_set_i64(out[2], at, all - row - column + hit);
        ddp_tensor_set_i64(out[3], at, row - hit);
    }
    if (micro) {
        ddp_tensor_set_i64(out[0], 0, hits);
        ddp_tensor_set_i64(out[1], 0, all - hits);
        ddp_tensor_set_i64(out[2], 0, classes * all - 2 * (all - hits) - hits);
        ddp_tensor_set_i64(out[3], 0, all - hits);
    }
    return 4;
}

/* safe_divide(a, b, by_zero): float32, of one shape */
static int
l_safe_divide(lua_State *L)
{
    DdpTensor *a = ddp_lua_check_tensor(L, 1), *b = ddp_lua_check_tensor(L, 2);
    float by_zero = (float)luaL_checknumber(L, 3);
    DdpTensor *out = push_new(L, a, DDP_DTYPE_F32, ddp_tensor_ndim(a), ddp_tensor_shape(a));
    size_t numel = ddp_tensor_numel(a);
    const float *over = ddp_tensor_data(a), *under = ddp_tensor_data(b);
    float *to = ddp_tensor_data(out);

    luaL_argcheck(L, ddp_tensor_numel(b) == numel, 2, "of another shape");
    for (size_t i = 0; i < numel; i++)
        to[i] = under[i] != 0.0f ? over[i] / under[i] : by_zero;
    return 1;
}

/* average(score, tp, fp, fn, "macro" or "weighted"): over the classes that occur */
static int
l_average(lua_State *L)
{
    DdpTensor *score = ddp_lua_check_tensor(L, 1);
    const DdpTensor *tp = ddp_lua_check_tensor(L, 2), *fp = ddp_lua_check_tensor(L, 3);
    const DdpTensor *fn = ddp_lua_check_tensor(L, 4);
    bool weighted = strcmp(luaL_checkstring(L, 5), "weighted") == 0;
    size_t classes = ddp_tensor_numel(score);
    double weights = 0.0, sum = 0.0;

    for (size_t k = 0; k < classes; k++) {
        int64_t support = ddp_tensor_item_i64(tp, k) + ddp_tensor_item_i64(fn, k);

        weights += weighted                                    ? (double)support
                   : support + ddp_tensor_item_i64(fp, k) != 0 ? 1.0
                                                               : 0.0;
    }
    for (size_t k = 0; k < classes; k++) {
        int64_t support = ddp_tensor_item_i64(tp, k) + ddp_tensor_item_i64(fn, k);
        double weight =
            weighted ? (double)support : (support + ddp_tensor_item_i64(fp, k) != 0 ? 1.0 : 0.0);

        sum += weights > 0.0 ? weight * ddp_tensor_item_f64(score, k) / weights : 0.0;
    }

    DdpTensor *out = push_new(L, score, DDP_DTYPE_F32, 0, NULL);

    ddp_tensor_set_f64(out, 0, sum);
    return 1;
}

/* ---- curves ---- */

/* Drops the samples of the ignored label: of each, @width numbers. */
static int
drop_ignored(lua_State *L, DdpTensor *scores, DdpTensor *target, int64_t width, int64_t ignored)
{
    size_t samples = ddp_tensor_numel(target), at = 0;
    int64_t shape[2] = {0, width};

    for (size_t i = 0; i < samples; i++)
        shape[0] += ddp_tensor_item_i64(target, i) != ignored;

    DdpTensor *kept = push_new(L, scores, ddp_tensor_dtype(scores), width > 1 ? 2 : 1, shape);
    DdpTensor *labels = push_new(L, target, DDP_DTYPE_I64, 1, shape);

    for (size_t i = 0; i < samples; i++) {
        if (ddp_tensor_item_i64(target, i) == ignored)
            continue;
        for (size_t j = 0; j < (size_t)width; j++)
            ddp_tensor_set_f64(kept, at * (size_t)width + j,
                               ddp_tensor_item_f64(scores, i * (size_t)width + j));
        ddp_tensor_set_i64(labels, at++, ddp_tensor_item_i64(target, i));
    }
    return 2;
}

/* scores(preds, target, task, classes, ignored or nil, name) -> probabilities, labels */
static int
l_scores(lua_State *L)
{
    DdpTensor *preds = ddp_lua_check_tensor(L, 1), *target = ddp_lua_check_tensor(L, 2);
    bool binary = strcmp(luaL_checkstring(L, 3), "binary") == 0;
    int64_t classes = luaL_checkinteger(L, 4), width = binary ? 1 : classes;
    const char *name = luaL_checkstring(L, 6);
    size_t samples = ddp_tensor_numel(target);
    const int64_t flat[] = {(int64_t)samples, width};
    GError *error = NULL;

    if (!is_float(preds))
        return luaL_error(L, "ValueError: %s: expected preds to be scores (floats), found %s", name,
                          ddp_dtype_name(ddp_tensor_dtype(preds)));
    if (ddp_tensor_numel(preds) != samples * (size_t)width ||
        (!binary && (ddp_tensor_ndim(preds) != 2 || ddp_tensor_shape(preds)[1] != classes)))
        return luaL_error(
            L, "ValueError: %s: there are %I scores for %I targets, expected %I for each", name,
            (LUAI_UACINT)ddp_tensor_numel(preds), (LUAI_UACINT)samples, (LUAI_UACINT)width);

    DdpTensor *scores;

    if (binary) {
        scores = push_sigmoid(L, preds);
    } else {
        DdpTensor **slot = ddp_lua_tensor_slot(L);

        *slot = are_logits(preds) ? ddp_softmax(preds, 1, &error) : ddp_tensor_ref(preds);
        if (*slot == NULL)
            return ddp_args_raise(L, error);
        scores = *slot;
    }
    if (!lua_isnil(L, 5))
        return drop_ignored(L, scores, target, width, luaL_checkinteger(L, 5));

    DdpTensor **shaped = ddp_lua_tensor_slot(L);

    *shaped = ddp_reshape(scores, binary ? 1 : 2, flat, &error);
    if (*shaped == NULL)
        return ddp_args_raise(L, error);

    DdpTensor **labels = ddp_lua_tensor_slot(L);

    *labels = ddp_reshape(target, 1, flat, &error);
    if (*labels == NULL)
        return ddp_args_raise(L, error);
    return 2;
}

/* auroc(scores, target, positive, max_fpr or nil) -> area, positives, negatives */
static int
l_auroc(lua_State *L)
{
    DdpTensor *scores = ddp_lua_check_tensor(L, 1), *target = ddp_lua_check_tensor(L, 2);
    int64_t positive = luaL_checkinteger(L, 3);
    DdpCurveValue value;
    GError *error = NULL;

    if (!ddp_metric_auroc(scores, target, positive, luaL_optnumber(L, 4, 1.0), &value, &error))
        return ddp_args_raise(L, error);
    lua_pushnumber(L, value.value);
    lua_pushinteger(L, (lua_Integer)value.positives);
    lua_pushinteger(L, (lua_Integer)value.negatives);
    return 3;
}

/* average_precision(scores, target, positive) -> value, positives */
static int
l_average_precision(lua_State *L)
{
    DdpTensor *scores = ddp_lua_check_tensor(L, 1), *target = ddp_lua_check_tensor(L, 2);
    int64_t positive = luaL_checkinteger(L, 3);
    DdpCurveValue value;
    GError *error = NULL;

    if (!ddp_metric_average_precision(scores, target, positive, &value, &error))
        return ddp_args_raise(L, error);
    lua_pushnumber(L, value.value);
    lua_pushinteger(L, (lua_Integer)value.positives);
    return 2;
}

static const luaL_Reg functions[] = {
    {"is_tensor", l_is_tensor},
    {"is_floating", l_is_floating},
    {"drop_nan", l_drop_nan},
    {"threshold", l_threshold},
    {"confusion", l_confusion},
    {"counts", l_counts},
    {"safe_divide", l_safe_divide},
    {"average", l_average},
    {"scores", l_scores},
    {"auroc", l_auroc},
    {"average_precision", l_average_precision},
    {NULL, NULL},
};

int
ddp_luaopen_metrics(lua_State *L)
{
    luaL_newlib(L, functions);
    return 1;
}
