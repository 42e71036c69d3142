/* Commands and sessions of this agent.
 *
 * A command goes through: journalled (on disk) → acknowledged → queued in its session → run on a worker
 * thread → its outcome journalled → reported. Commands of one session run in order, sessions side by side.
 * What arrives twice is acknowledged twice and run once; what has an outcome is answered with it. After a
 * crash everything accepted without an outcome is continued: every action is idempotent by session.
 *
 * A stop that finds starts waiting in its session's queue ends them unrun, and one that is under way is told
 * to give up where the runtime can; then the stop runs, in order.
 *
 * Messages are sent when the control plane is connected; those that matter are sent again after every welcome
 * until they have surely arrived: outcomes, and the last status of sessions that ended by themselves.
 *
 * All functions on the loop's thread.
 */
#ifndef SS_AGENT_SUPERVISOR_H
#define SS_AGENT_SUPERVISOR_H

#include "agent/journal.h"
#include "agent/runtime.h"
#include "base/loop.h"
#include "proto/proto.h"

#include <stdbool.h>
#include <stdint.h>

#define SUPERVISOR_THREADS 16
#define SUPERVISOR_OPEN_MAX 20000      /* commands accepted and not done; more are refused, retryably */
#define SUPERVISOR_HELLO_OPEN_MAX 1000 /* of a hello's open commands: a frame has 512 KB */
#define SUPERVISOR_REPEATS_MAX 4000    /* outcomes sent again after one welcome, the newest */
#define SUPERVISOR_CLEAN_RETRY_MS 5000 /* cleaning up failed: again after this, doubling */
#define SUPERVISOR_CLEAN_RETRY_MAX_MS (300 * 1000)
#define SUPERVISOR_TICK_MS 15000
#define SUPERVISOR_SETTLE_MS                                                                                 \
    60000 /* an outcome sent on a connection that lived on for so long has arrived                           \
           */
#define SUPERVISOR_REPEAT_MS (600 * 1000) /* outcomes younger than this are repeated by a new process */
#define SUPERVISOR_STOP_MIN_MS 15000      /* a stop gets this long even when its deadline is over */
#define SUPERVISOR_TASK_MAX_MS (600 * 1000)

struct supervisor;

struct supervisor_options {
    struct loop *loop;
    unsigned threads; /* 0: SUPERVISOR_THREADS */
    /* Sends a message; -1 while the control plane is not connected or has not said welcome. The message is
     * borrowed. */
    int (*send)(void *arg, const struct proto_message *message);
    void *arg;
};

struct supervisor *agent_supervisor_create(const struct supervisor_options *options);
/* What a runtime is to be made with. */
struct runtime_events agent_supervisor_events(struct supervisor *supervisor);
/* Adopts the runtime's sessions and continues what the journal holds. Both are borrowed. */
int agent_supervisor_start(struct supervisor *supervisor, struct runtime *runtime, struct journal *journal,
                           struct err *err);

/* The end, in two steps, with the runtime's destruction in between. First: no command is taken any more, and
 * those under way are waited for up to `limit_ms`; what is not done is continued by the next process. False
 * when some still run: then nothing may be destroyed, and the process is expected to end. */
bool agent_supervisor_close(struct supervisor *supervisor, int64_t limit_ms);
/* Second. Runs the loop for what was posted to it. Accepts NULL. */
void agent_supervisor_destroy(struct supervisor *supervisor);

/* A command has arrived. */
void agent_supervisor_command(struct supervisor *supervisor, const struct proto_command *command);
/* Fills inventory and open commands of a hello (owned by the message). */
void agent_supervisor_fill_hello(struct supervisor *supervisor, struct proto_hello *hello);
/* The control plane said welcome: reports what it may not know yet. */
void agent_supervisor_welcomed(struct supervisor *supervisor, const struct proto_welcome *welcome);
/* The connection is gone; the control plane was last heard at `heard_ms` (clock_ms()). */
void agent_supervisor_disconnected(struct supervisor *supervisor, int64_t heard_ms);

/* Sessions that take room: starting, running, hibernating, waking, being stopped. */
int64_t agent_supervisor_active(const struct supervisor *supervisor);
/* True while nothing is under way or queued. */
bool agent_supervisor_idle(const struct supervisor *supervisor);

/* Ends every session, for good; from now on no command is taken. `done` is called when all are gone. */
void agent_supervisor_stop_all(struct supervisor *supervisor, loop_fn done, void *arg);

#endif
