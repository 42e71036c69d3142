/* The agent: runs sessions on this machine for a control plane that it dials.
 *
 *     uplink      the control channel: registers, connects, says hello, reconnects for ever
 *     supervisor  commands: journalled, one session in order, sessions side by side, outcomes reported
 *     journal     what was accepted and how it ended, on disk
 *     streams     a connection of its own for every stream: control plane ⇄ display
 *     runtime     what really runs sessions (runtime.h); chosen by the caller
 */
#ifndef SS_AGENT_AGENT_H
#define SS_AGENT_AGENT_H

#include "agent/runtime.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define AGENT_MAX_SESSIONS_DEFAULT 100
#define AGENT_STOP_LIMIT_MS 12000 /* for ending all sessions at exit */

/* All borrowed. */
struct agent_options {
    const char *control_plane_urls; /* "http://a:8000,https://b" */
    const char *agent_id;  /* NULL or "": made up at the first start and kept in the state directory */
    const char *api_key;   /* enrolment token or own key; a key in the state directory wins. May be NULL */
    const char *runtime;   /* its name, for hello: "local" */
    const char *platform;  /* NULL: what the runtime says */
    const char *state_dir; /* made when missing, 0700 */
    const char *region;    /* NULL: "default" */
    const struct strv *labels; /* "key=value", or NULL */
    const char *ca_file;       /* PEM for https, or NULL */
    const char *program;       /* path of the streamspace binary */
    int64_t max_sessions;      /* 0: AGENT_MAX_SESSIONS_DEFAULT */
    int64_t heartbeat_seconds; /* proposed; 0: 8 */
    double cpu_overcommit;     /* 0: 10 */
    double memory_overcommit;  /* 0: 2 */
    bool stop_on_exit;         /* SIGTERM ends the sessions; else they run on and are adopted later */
    int (*make_runtime)(struct runtime **ret, const struct runtime_options *options, struct err *err);
};

/* Runs until SIGTERM or SIGINT (which it blocks and takes through a descriptor). Call before any other thread
 * exists. -1: it could not start (another process on the state directory, bad options, no runtime). */
int agent_run(const struct agent_options *options, struct err *err);

#endif
