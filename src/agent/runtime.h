/* What runs sessions: an interface with several implementations (local, null; docker and kubernetes later).
 *
 * All calls except create/destroy are made on worker threads, different sessions side by side, one session
 * in order; they may block up to `deadline_ms` (a clock_ms() value) and must then give up with
 * ERR_UNAVAILABLE. Every action is idempotent by session name: starting what runs reports it running,
 * stopping what is gone succeeds. Every host object that a runtime makes bears the agentId, and it touches
 * only its own.
 */
#ifndef SS_AGENT_RUNTIME_H
#define SS_AGENT_RUNTIME_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SESSION_REASON_MAX 256
#define SESSION_STAGE_MAX 64

/* What start_session carries (agent-protocol.md), checked and unpacked. Strings are borrowed for the call. */
struct session_spec {
    const char *session_id;
    const char *user;
    const char *template_name;
    const char *protocol;       /* "vnc" or "http" */
    const char *const *command; /* argument vector, NULL-terminated */
    const char *const *env;     /* "NAME=value", NULL-terminated */
    const char *network;        /* "none" or "outbound" */
    const char *on_exit;        /* application's end: "end" the session, or "restart" the application */
    const char *display_token;  /* 64 hex: demanded by the session's port */
    const char *geometry;       /* "1280x800" */
    bool gl;                    /* GLX wanted */
    bool window_manager;        /* openbox wanted */
    int64_t memory_bytes;       /* ceiling */
    int64_t cpu_millis;         /* ceiling */
    int64_t pids_max;
    int64_t home_bytes; /* size of a throw-away home; 0: the runtime's default */
    bool persistent_home;
    const char *home;      /* name of the persistent home ("home-<user>"), or NULL */
    json_t *template_json; /* the whole template, borrowed, for what else a runtime understands */
};

/* What a session is doing, as the runtime sees it. */
enum runtime_state { RUNTIME_STARTING, RUNTIME_RUNNING, RUNTIME_FROZEN, RUNTIME_GONE };

/* The runtime tells the supervisor. Called on any thread; strings are borrowed for the call. */
struct runtime_events {
    /* A stage of a start, for people: "preparing sandbox", "starting display", "starting application". */
    void (*stage)(void *arg, const char *session_id, const char *stage);
    /* A session ended that nobody stopped (application ended, killed for memory …). What it left has been
     * or will be cleaned by a following stop(). */
    void (*ended)(void *arg, const char *session_id, bool failed, const char *reason);
    void *arg;
};

struct runtime_options {
    const char *agent_id;
    const char *state_dir; /* private directory of this agent, exists, 0700 */
    const char *program;   /* path of the streamspace binary itself (for `streamspace display`) */
    struct runtime_events events;
};

struct runtime_inventory_entry {
    char session_id[SESSION_NAME_MAX + 1];
    enum runtime_state state;
};

struct runtime_usage {
    int64_t memory_bytes; /* now */
    int64_t cpu_usec;     /* since the session's start */
};

/* Ceilings of a session; 0: as it is. */
struct runtime_limits {
    int64_t memory_bytes, cpu_millis;
};

struct runtime; /* an implementation embeds this as its first member */

struct runtime_ops {
    const char *name;     /* "local" */
    const char *platform; /* "local", "docker", "kubernetes" */
    /* Makes the session run and returns when its display answers RFB (or its port does). On failure nothing
     * is left. */
    int (*start)(struct runtime *runtime, const struct session_spec *spec, int64_t deadline_ms,
                 struct err *err);
    /* Ends it and removes everything of it (the persistent home only with delete_home). */
    int (*stop)(struct runtime *runtime, const char *session_id, bool delete_home, int64_t deadline_ms,
                struct err *err);
    int (*freeze)(struct runtime *runtime, const char *session_id, int64_t deadline_ms, struct err *err);
    int (*thaw)(struct runtime *runtime, const char *session_id, int64_t deadline_ms, struct err *err);
    /* Gives a session that runs other ceilings. ERR_CONFLICT when it uses more memory than it would be left
     * with: then nothing has changed. */
    int (*update)(struct runtime *runtime, const char *session_id, const struct runtime_limits *limits,
                  int64_t deadline_ms, struct err *err);
    /* All sessions of this agent that exist on the host, also those of earlier agent processes (found in the
     * state directory, cgroups, labels), whole or half. Takes them over: `ended` is reported for them from
     * now on. *ret is owned (free). */
    int (*adopt)(struct runtime *runtime, struct runtime_inventory_entry **ret, size_t *ret_count,
                 struct err *err);
    /* A connected, non-blocking socket that carries raw RFB bytes of the session's display (the upgrade on
     * its port is done; the token is the runtime's business). ERR_UNAVAILABLE when it does not answer before
     * the deadline. */
    int (*open_stream)(struct runtime *runtime, const char *session_id, int64_t deadline_ms, int *ret_fd,
                       struct err *err);
    /* The last `max` bytes of the session's log; *ret is owned. */
    int (*logs)(struct runtime *runtime, const char *session_id, size_t max, char **ret, size_t *ret_length,
                struct err *err);
    /* Optional. A non-blocking socket that gives the last `tail` bytes of the session's log and then what
     * comes, until the session is removed or the caller closes it. NULL: logs are not followed. */
    int (*follow_logs)(struct runtime *runtime, const char *session_id, size_t tail, int *ret_fd,
                       struct err *err);
    int (*usage)(struct runtime *runtime, const char *session_id, struct runtime_usage *ret, struct err *err);
    /* True when this machine can run the template; else `reason` says what to install (SESSION_REASON_MAX
     * bytes). `network` is the template's ("none", "outbound"), or NULL for none. */
    bool (*can_run)(struct runtime *runtime, const char *const *command, const char *network, char *reason);
    /* Optional, from any thread, must not wait: a start of this session that is under way gives up soon
     * (ERR_UNAVAILABLE), because a stop is waiting behind it. NULL: the stop waits for the start. */
    void (*cancel)(struct runtime *runtime, const char *session_id);
    void (*destroy)(struct runtime *runtime); /* leaves the sessions running */
};

struct runtime {
    const struct runtime_ops *ops;
};

/* Runs sessions in sandboxes on this machine (bubblewrap, cgroups). What the machine cannot grant (no
 * cgroups, no user namespaces …) is logged as warnings at start; what makes sessions impossible is an error.
 */
int runtime_local_create(struct runtime **ret, const struct runtime_options *options, struct err *err);
/* Runs nothing, at once: for load tests of the control plane. */
int runtime_null_create(struct runtime **ret, const struct runtime_options *options, struct err *err);

#endif
