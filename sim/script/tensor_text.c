/* SPDX-License-Identifier: MIT */
/*
 * tostring(t): a tensor as torch prints it, with torch's default print options: four decimals,
 * lines of 80, and of more than 1,000 elements three at each end of a dimension.
 */
#include <math.h>
#include <string.h>

#include "model/autograd.h"
#include "sim/script/script_rank.h"
#include "sim/script/state.h"
#include "sim/script/tensor.h"

#define LINE_WIDTH 80
#define THRESHOLD 1000
#define EDGE_ITEMS 3
#define PREFIX "tensor("
#define INDENT ((int)sizeof PREFIX - 1)
#define ELEMENT_BYTES 64

/* How all elements are written: in one width and one notation. */
typedef struct {
    bool is_float;
    bool is_bool;
    bool whole;      /* floats without a fraction: "1." */
    bool scientific; /* "1.0000e-05" */
    size_t width;
} Style;

typedef struct {
    DdpTensor *tensor;
    Style style;
    bool summarized;
    /* What measuring has found among the finite floats other than 0. */
    bool any, fraction;
    double least, greatest;
    size_t widest;
    /* Lua's, because adding to it can raise. */
    luaL_Buffer text;
    size_t column; /* how long its last line is */
} Printer;

static void
put(Printer *p, const char *text)
{
    size_t length = strlen(text);

    luaL_addlstring(&p->text, text, length);
    p->column += length;
}

static void
write_element(const Printer *p, size_t index, char *text)
{
    const Style *style = &p->style;

    if (style->is_bool) {
        g_strlcpy(text, ddp_tensor_item_i64(p->tensor, index) != 0 ? "True" : "False",
                  ELEMENT_BYTES);
        return;
    }
    if (!style->is_float) {
        g_snprintf(text, ELEMENT_BYTES, "%" G_GINT64_FORMAT, ddp_tensor_item_i64(p->tensor, index));
        return;
    }

    double value = ddp_tensor_item_f64(p->tensor, index);

    if (isnan(value))
        g_strlcpy(text, "nan", ELEMENT_BYTES);
    else if (isinf(value))
        g_strlcpy(text, value > 0 ? "inf" : "-inf", ELEMENT_BYTES);
    else if (style->scientific)
        g_ascii_formatd(text, ELEMENT_BYTES, "%.4e", value);
    else if (style->whole)
        g_strlcat(g_ascii_formatd(text, ELEMENT_BYTES - 1, "%.0f", value), ".", ELEMENT_BYTES);
    else
        g_ascii_formatd(text, ELEMENT_BYTES, "%.4f", value);
}

/* ---- walking ------------------------------------------------------------------------- */

typedef void (*ElementFunc)(Printer *p, size_t index);

static bool
is_cut(const Printer *p, int dim)
{
    return p->summarized && ddp_tensor_shape(p->tensor)[dim] > 2 * EDGE_ITEMS;
}

/* How many places of a dimension are shown, of which the middle one may be "...". */
static size_t
shown_count(const Printer *p, int dim)
{
    return is_cut(p, dim) ? 2 * EDGE_ITEMS + 1 : (size_t)ddp_tensor_shape(p->tensor)[dim];
}

/* The index at place @i, or SIZE_MAX for "...". */
static size_t
shown_index(const Printer *p, int dim, size_t i)
{
    size_t size = (size_t)ddp_tensor_shape(p->tensor)[dim];

    if (!is_cut(p, dim) || i < EDGE_ITEMS)
        return i;
    return i == EDGE_ITEMS ? SIZE_MAX : size - (2 * EDGE_ITEMS + 1) + i;
}

static size_t
stride_of(const Printer *p, int dim)
{
    size_t stride = 1;

    for (int i = dim + 1; i < ddp_tensor_ndim(p->tensor); i++)
        stride *= (size_t)ddp_tensor_shape(p->tensor)[i];
    return stride;
}

static void
visit(Printer *p, int dim, size_t first, ElementFunc func)
{
    if (dim == ddp_tensor_ndim(p->tensor)) {
        func(p, first);
        return;
    }
    for (size_t i = 0; i < shown_count(p, dim); i++) {
        size_t index = shown_index(p, dim, i);

        if (index != SIZE_MAX)
            visit(p, dim + 1, first + index * stride_of(p, dim), func);
    }
}

/* ---- the style ----------------------------------------------------------------------- */

static void
measure_value(Printer *p, size_t index)
{
    double value = ddp_tensor_item_f64(p->tensor, index);
    double size = fabs(value);

    if (!isfinite(value) || value == 0.0)
        return;
    p->fraction = p->fraction || value != ceil(value);
    p->least = p->any ? MIN(p->least, size) : size;
    p->greatest = p->any ? MAX(p->greatest, size) : size;
    p->any = true;
}

/* As torch does: what is 0 or not finite takes no part in the width. */
static void
measure_width(Printer *p, size_t index)
{
    char text[ELEMENT_BYTES];

    if (p->style.is_float) {
        double value = ddp_tensor_item_f64(p->tensor, index);

        if (!isfinite(value) || value == 0.0)
            return;
    }
    write_element(p, index, text);
    p->widest = MAX(p->widest, strlen(text));
}

static void
choose_style(Printer *p)
{
    DdpDtype dtype = ddp_tensor_dtype(p->tensor);

    p->style.is_float = ddp_dtype_is_float(dtype);
    p->style.is_bool = dtype == DDP_DTYPE_BOOL;
    p->widest = 1;
    if (p->style.is_float) {
        visit(p, 0, 0, measure_value);
        p->style.whole = !p->fraction;
        p->style.scientific = p->any && (p->greatest / p->least > 1000.0 || p->greatest > 1e8 ||
                                         (p->fraction && p->least < 1e-4));
    }
    visit(p, 0, 0, measure_width);
    p->style.width = p->widest;
}

/* ---- the text ------------------------------------------------------------------------ */

static void
put_element(Printer *p, size_t index)
{
    char text[ELEMENT_BYTES];

    write_element(p, index, text);
    for (size_t pad = strlen(text); pad < p->style.width; pad++)
        put(p, " ");
    put(p, text);
}

static void
put_break(Printer *p, int lines, int indent)
{
    for (int i = 0; i < lines; i++)
        put(p, "\n");
    p->column = 0;
    for (int i = 0; i < indent; i++)
        put(p, " ");
}

static void
put_vector(Printer *p, int dim, size_t first, int indent)
{
    size_t count = shown_count(p, dim);
    size_t per_line = (size_t)MAX(1, (LINE_WIDTH - indent) / ((int)p->style.width + 2));

    put(p, "[");
    for (size_t i = 0; i < count; i++) {
        size_t index = shown_index(p, dim, i);

        if (i > 0 && i % per_line == 0) {
            put(p, ",");
            put_break(p, 1, indent + 1);
        } else if (i > 0) {
            put(p, ", ");
        }
        if (index == SIZE_MAX)
            put(p, " ...");
        else
            put_element(p, first + index);
    }
    put(p, "]");
}

static void
put_part(Printer *p, int dim, size_t first, int indent)
{
    int left = ddp_tensor_ndim(p->tensor) - dim;

    if (left == 0) {
        put_element(p, first);
        return;
    }
    if (left == 1) {
        put_vector(p, dim, first, indent);
        return;
    }
    put(p, "[");
    for (size_t i = 0; i < shown_count(p, dim); i++) {
        size_t index = shown_index(p, dim, i);

        if (i > 0) {
            put(p, ",");
            put_break(p, left - 1, indent + 1);
        }
        if (index == SIZE_MAX)
            put(p, "...");
        else
            put_part(p, dim + 1, first + index * stride_of(p, dim), indent + 1);
    }
    put(p, "]");
}

/* What stands behind the numbers, on a line of its own where it does not fit. */
static void
put_suffix(Printer *p, const char *suffix)
{
    if (p->column + strlen(suffix) + 2 > LINE_WIDTH) {
        put(p, ",");
        put_break(p, 1, INDENT);
    } else {
        put(p, ", ");
    }
    put(p, suffix);
}

static void
put_size_suffix(Printer *p)
{
    char text[24 * DDP_TENSOR_DIMS_MAX + 16] = "size=(";
    int ndim = ddp_tensor_ndim(p->tensor);

    for (int i = 0; i < ndim; i++) {
        size_t length = strlen(text);

        g_snprintf(text + length, sizeof text - length, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "",
                   ddp_tensor_shape(p->tensor)[i]);
    }
    g_strlcat(text, ")", sizeof text);
    put_suffix(p, text);
}

static void
put_suffixes(Printer *p)
{
    DdpDtype dtype = ddp_tensor_dtype(p->tensor);
    const char *grad_fn = ddp_tensor_grad_fn_name(p->tensor);
    char text[ELEMENT_BYTES];

    if (ddp_tensor_numel(p->tensor) == 0 && ddp_tensor_ndim(p->tensor) != 1)
        put_size_suffix(p);
    if (dtype != DDP_DTYPE_F32 && dtype != DDP_DTYPE_I64 && dtype != DDP_DTYPE_BOOL) {
        g_snprintf(text, sizeof text, "dtype=torch.%s", ddp_dtype_name(dtype));
        put_suffix(p, text);
    }
    if (grad_fn != NULL) {
        g_snprintf(text, sizeof text, "grad_fn=<%s0>", grad_fn);
        put_suffix(p, text);
    } else if (ddp_tensor_requires_grad(p->tensor)) {
        put_suffix(p, "requires_grad=True");
    }
}

int
ddp_lua_tensor_text(lua_State *L)
{
    DdpTensor *tensor = ddp_lua_check_tensor(L, 1);
    Printer p = {.tensor = tensor, .summarized = ddp_tensor_numel(tensor) > THRESHOLD};

    ddp_script_charge(L, MIN(ddp_tensor_numel(tensor), THRESHOLD) * 2 + 10);
    luaL_buffinit(L, &p.text);
    put(&p, PREFIX);
    if (ddp_tensor_numel(tensor) == 0) {
        put(&p, "[]");
    } else {
        choose_style(&p);
        put_part(&p, 0, 0, INDENT);
    }
    put_suffixes(&p);
    put(&p, ")");
    luaL_pushresult(&p.text);
    return 1;
}
