/* What the hub's tests stand on: a real SQLite database with the domain over it, a relay, a hub, and robots:
 * scripted agents on real sockets, with a journal that survives their connections.
 */
#ifndef SS_TESTS_UNIT_HUB_RIG_H
#define SS_TESTS_UNIT_HUB_RIG_H

#include "../test.h"

#include "../db/temp_db.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/str.h"
#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/reconcile.h"
#include "control/sessions/session.h"
#include "control/settings/settings.h"
#include "control/templates/template.h"
#include "control/users/user.h"
#include "hub/hub.h"

#define SECOND_MS 50 /* of heartbeats: a period of 8 "seconds" is 400 ms */
#define WAIT_MS 15000
#define INBOX_MAX 512
#define BOOTSTRAP_KEY "a-bootstrap-key-for-tests"

struct rig {
    struct temp_db place;
    struct db *db;
    struct db_conn *conn; /* the test's own */
    struct relay *relay;
    struct hub *hub;
    struct loop *loop; /* the robots', run by WAIT */
    struct user user;
    struct actor actor;
    struct robot *robots; /* all; those that a failed test left are destroyed with the rig */
};

/* cmocka set-up and tear-down: *state is the rig. */
int rig_setup(void **state);
int rig_teardown(void **state);
/* Stops the hub and starts another on the same database, as a restart of the server does. */
void rig_restart_hub(struct rig *rig);

/* Runs the robots until the condition holds; fails the test after WAIT_MS. */
#define WAIT(rig, condition)                                                                                 \
    do {                                                                                                     \
        int64_t until_ = clock_ms() + WAIT_MS;                                                               \
        while (!(condition)) {                                                                               \
            if (clock_ms() >= until_)                                                                        \
                fail_msg("waited in vain: %s", #condition);                                                  \
            loop_step((rig)->loop, 5);                                                                       \
        }                                                                                                    \
    } while (0)
/* Runs the robots for a while, for things that must not happen. */
#define IDLE(rig, ms)                                                                                        \
    do {                                                                                                     \
        for (int64_t until_ = clock_ms() + (ms); clock_ms() < until_;)                                       \
            loop_step((rig)->loop, 5);                                                                       \
    } while (0)

/* --- the domain --- */
void rig_agent(struct rig *rig, const char *agent_id); /* registers it */
/* Creates a session of the template "terminal"; `name` has SESSION_NAME_MAX + 1 bytes. */
void rig_session(struct rig *rig, char *name);
void rig_stop(struct rig *rig, const char *name);
/* The row's texts, as static copies of the last call with that slot (0 … 3). */
const char *rig_state(struct rig *rig, const char *session);
const char *rig_command_status(struct rig *rig, const char *session, const char *action);
int64_t rig_int(struct rig *rig, const char *sql, const char *arg);
const char *rig_agent_status(struct rig *rig, const char *agent_id);
int64_t rig_metric(struct rig *rig, const char *name);

/* --- robots --- */
struct robot {
    struct rig *rig;
    struct robot *next;
    char id[AGENT_ID_MAX + 1];
    char instance[33];
    struct ws *ws;
    bool closed;
    int close_code;
    char close_reason[WS_REASON_MAX + 1];
    int64_t generation;
    struct proto_message inbox[INBOX_MAX]; /* all that came on this connection, in order */
    size_t inbox_count;
    /* What it does by itself. */
    bool pong;     /* answers pings (and so is heard) */
    bool ack;      /* journals and acknowledges commands */
    bool complete; /* does them at once */
    /* Its disk. */
    struct map *journal;       /* "command attempt" → char *: "accepted" or "completed" */
    struct map *sessions;      /* what it runs */
    unsigned started, stopped; /* executions, not messages */
};
struct robot *robot_create(struct rig *rig, const char *id);
void robot_destroy(struct robot *robot); /* cuts its connection */
void robot_connect(struct robot *robot); /* without hello */
void robot_hello(struct robot *robot);
void robot_online(struct robot *robot); /* connect, hello, waits for the welcome */
void robot_cut(struct robot *robot);    /* the cable, not the goodbye */
void robot_send(struct robot *robot, const struct proto_message *message);
void robot_send_text(struct robot *robot, const char *text);
void robot_heartbeat(struct robot *robot);
void robot_ack(struct robot *robot, const char *command_id, int64_t attempt);
void robot_complete(struct robot *robot, const char *command_id, int64_t attempt);
void robot_failed(struct robot *robot, const char *command_id, int64_t attempt, bool retryable);
void robot_status(struct robot *robot, const char *session, const char *state, const char *reason);
/* Message number `index` (from 0) of a type on this connection, or NULL. */
const struct proto_message *robot_got(const struct robot *robot, enum proto_type type, size_t index);
size_t robot_count(const struct robot *robot, enum proto_type type);
/* The first command for this session with this action on this connection, or NULL. */
const struct proto_command *robot_command(const struct robot *robot, const char *session, const char *action);
size_t robot_command_count(const struct robot *robot, const char *session, const char *action);

#endif
