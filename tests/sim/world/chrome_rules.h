/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rules of the trace event format that Perfetto and chrome://tracing go by, asked of a file:
 *
 *   - JSON with an array traceEvents; each event has ph, pid and tid above 0, and, but for
 *     metadata, a number ts;
 *   - complete events (X) have a dur above 0, and on one thread they nest or lie apart;
 *   - each flow has one start (s) and one end (f, bound to the enclosing slice), of one category
 *     and name, the start not after the end, and each inside a slice of its thread that stands
 *     before it in the file;
 *   - each asynchronous slice has one b and one e, in this order, of one name, category, process;
 *   - each process and thread that is used has a name.
 */

#include <glib.h>
#include <json-glib/json-glib.h>

/* (transfer full): the document; fails the test where a rule is broken. */
JsonNode *chrome_rules_check(const char *json);

/* (transfer full): one line an event, without metadata: "X rank 2 5+10 all_reduce" and so on; times
 * in ns, in the order of the file. */
char *chrome_rules_tell(JsonNode *document);
