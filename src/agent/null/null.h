/* The null runtime: sessions that exist only as entries in a table, for load tests of the control plane and
 * for tests of everything around a runtime. A session's stream greets as an RFB server does and then sends
 * back every byte that it gets.
 *
 * Each session also has a small file in <state_dir>/null/, so that the next process adopts it. Variables,
 * read when the runtime is made: STREAMSPACE_NULL_START_MS   a start takes this long STREAMSPACE_NULL_STOP_MS
 * a stop takes this long STREAMSPACE_NULL_FAIL_EVERY each n-th start fails (and may be tried again)
 *   STREAMSPACE_NULL_LOG        file to which "start NAME", "stop NAME", "freeze NAME", "thaw NAME" is
 * appended whenever that changed something STREAMSPACE_NULL_VOLATILE   1: no files; sessions end with the
 * process    STREAMSPACE_NULL_LACKS      programs that cannot be run, separated by commas
 *   STREAMSPACE_NULL_USAGE       1: pretends to use CPU and memory
 */
#ifndef SS_AGENT_NULL_NULL_H
#define SS_AGENT_NULL_NULL_H

#include "agent/runtime.h"

#define NULL_BANNER "RFB 003.008\n" /* RFC 6143 section 7.1.1 */

/* As if the session's application had ended. */
void runtime_null_end(struct runtime *runtime, const char *session_id, bool failed, const char *reason);

#endif
