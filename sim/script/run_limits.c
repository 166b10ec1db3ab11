/* SPDX-License-Identifier: MIT */
#include "sim/script/run_limits.h"

#include <math.h>
#include <string.h>

#include "sim/script/args.h"
#include "sim/script/error.h"

static const char *const names[] = {"ranks", "memory", "world_memory", "tensor",  "steps", "time",
                                    "files", "output", "entries",      "message", NULL};

DdpLimits
ddp_limits_default(void)
{
    return (DdpLimits){
        .ranks = 65536,
        .ranks_forked = 256,
        .memory = 256 << 20,
        .world_memory = (int64_t)4 << 30,
        .tensor = 1 << 30,
        .steps = 200000000,
        .time = 60,
        .files = 1024,
        .output = (int64_t)4 << 30,
        .entries = 10000000,
        .message = 64 << 10,
    };
}

const char *const *
ddp_limits_names(void)
{
    return names;
}

int64_t *
ddp_limits_field(DdpLimits *limits, const char *name)
{
    int64_t *const fields[] = {
        &limits->ranks, &limits->memory, &limits->world_memory, &limits->tensor,  &limits->steps,
        &limits->time,  &limits->files,  &limits->output,       &limits->entries, &limits->message};

    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0)
            return fields[i];
    }
    return NULL;
}

bool
ddp_limits_parse(DdpLimits *limits, const char *assignment, GError **error)
{
    const char *equals = strchr(assignment, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(assignment, (gsize)(equals - assignment)) : g_strdup(assignment);
    int64_t *field = ddp_limits_field(limits, name);

    if (field == NULL) {
        const char *nearest = ddp_args_nearest(name, names);
        g_autofree char *all = g_strjoinv(", ", (char **)names);

        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--limit: no limit is called '%s'%s%s%s; the limits are %s", name,
                    nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                    nearest != NULL ? "'?" : "", all);
        return false;
    }

    char *end = NULL;
    double value = equals != NULL ? g_ascii_strtod(equals + 1, &end) : 0.0;

    if (end != NULL && end > equals + 1) {
        switch (*end) {
        case 'K':
        case 'k':
            value *= 0x1p10;
            end++;
            break;
        case 'M':
            value *= 0x1p20;
            end++;
            break;
        case 'G':
            value *= 0x1p30;
            end++;
            break;
        default:
            break;
        }
    }
    if (end == NULL || end == equals + 1 || *end != '\0' || !isfinite(value) || value < 1 ||
        value > 0x1p62) {
        g_set_error(error, DDP_SCRIPT_ERROR, DDP_SCRIPT_ERROR_BAD_VALUE,
                    "--limit %s: expected a number from 1 on, with K, M or G if need be, as in "
                    "'%s=8G'",
                    assignment, name);
        return false;
    }
    *field = (int64_t)value;
    if (field == &limits->ranks)
        limits->ranks_forked = limits->ranks;
    return true;
}
