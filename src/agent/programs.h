/* Which programs that templates run are missing on this machine. The control plane names them; they are
 * looked for on a thread, now and again every few minutes, since people install things.
 */
#ifndef SS_AGENT_PROGRAMS_H
#define SS_AGENT_PROGRAMS_H

#include "agent/runtime.h"
#include "base/loop.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

#define PROGRAMS_AGAIN_MS (300 * 1000)

struct programs;

/* `changed` is called on the loop when there is something new to tell. */
struct programs *programs_create(struct loop *loop, struct runtime *runtime, loop_fn changed, void *arg);
/* Looks for these from now on (copied); the answer is told anew even when it is the same. */
void programs_set(struct programs *programs, const struct strv *names);
/* {"gimp": "install gimp"}, once for every change; NULL when it was told already. Owned by the caller. */
json_t *programs_take(struct programs *programs);
/* False: a look is still under way after `limit_ms`; nothing was freed. Runs the loop. Accepts NULL. */
bool programs_destroy(struct programs *programs, int64_t limit_ms);

#endif
