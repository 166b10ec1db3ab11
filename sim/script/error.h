/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What goes wrong in a scenario file or in how one is asked for. */

#define DDP_SCRIPT_ERROR ddp_script_error_quark()
GQuark ddp_script_error_quark(void);

typedef enum {
    DDP_SCRIPT_ERROR_FAILED,    /* the scenario's code raised an error */
    DDP_SCRIPT_ERROR_SYNTAX,    /* the file is not Lua */
    DDP_SCRIPT_ERROR_BAD_VALUE, /* a field or option is missing, unknown or out of range */
    DDP_SCRIPT_ERROR_LIMIT,     /* a limit of sim/script/run_limits.h was reached */
    DDP_SCRIPT_ERROR_PATH,      /* a file name that leads out of the run's folder */
    DDP_SCRIPT_ERROR_NOT_FOUND, /* no such file, scenario or variant */
} DdpScriptError;

G_END_DECLS
