/* SQL of sessions; for the rooms sessions/ and agents/ of control. */
#ifndef SS_CONTROL_SESSION_STORE_H
#define SS_CONTROL_SESSION_STORE_H

#include "control/sessions/session.h"

/* Fills in what the actor may do with it. */
int session_find_access(struct db_conn *conn, const struct actor *actor, struct session *session,
                        struct err *err);

struct session_insert {
    const char *name, *template_name, *protocol, *agent_id, *platform, *start_command,
        *tags; /* tags: JSON array */
    int64_t user_id, cpu_millis, memory_bytes, idle_timeout, max_duration, due;
    bool persistent_home;
};
/* *ret_inserted false: the name is taken. */
int session_store_insert(struct db_conn *conn, const struct session_insert *row, bool *ret_inserted,
                         struct err *err);

/* 1, 0, -1 */
int session_store_find(struct db_conn *conn, const char *name, struct session *ret, struct err *err);

/* A step: UPDATE … WHERE state IN (the states from which `by` may go to `to`). */
struct session_change {
    const char *name;
    enum session_state to;
    unsigned by;                /* BY_… */
    unsigned froms;             /* narrows the legal ones down (bits); 0: all of them */
    const char *reason;         /* NULL: none; for terminated: what the row has stays */
    const char *stage;          /* NULL: none */
    const char *agent_id;       /* only when it is this agent's; NULL: whoever's */
    const char *hibernate_mode; /* NULL: as it is */
};
int session_store_step(struct db_conn *conn, const struct session_change *change, bool *ret_changed,
                       struct err *err);
/* Gives a transient state its time anew. */
int session_store_rearm(struct db_conn *conn, const char *name, enum session_state state, struct err *err);
/* While starting; *ret_changed when it differs. */
int session_store_stage(struct db_conn *conn, const char *name, const char *agent_id, const char *stage,
                        bool *ret_changed, struct err *err);
int session_store_usage(struct db_conn *conn, const char *name, const char *agent_id, int64_t cpu_millis,
                        int64_t memory_bytes, struct err *err);

/* Tags (JSON array) and times; NULL and false: as they are. */
struct session_settings {
    const char *name, *tags;
    bool has_idle_timeout, has_max_duration;
    int64_t idle_timeout, max_duration;
    int64_t ends_due; /* with a maximum duration of a session that has begun to run; 0: NULL */
};
int session_store_settings(struct db_conn *conn, const struct session_settings *settings, struct err *err);
/* What it holds, and what it is to have (0, 0: that is all of it). */
int session_store_resources(struct db_conn *conn, const char *name, int64_t held_cpu, int64_t held_memory,
                            int64_t wanted_cpu, int64_t wanted_memory, struct err *err);
/* Why something that was asked of a running session was not done. */
int session_store_reason(struct db_conn *conn, const char *name, const char *reason, struct err *err);

/* Names of sessions, appended. */
int session_store_overdue(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                          struct err *err);
int session_store_over_duration(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                                struct err *err);
/* Their maximum duration is over within SESSION_WARN_MS (or a tenth of it, if that is less), and nobody was
 * told. */
#define SESSION_WARN_MS 300000
int session_store_ending_soon(struct db_conn *conn, int64_t now, unsigned limit, struct strv *ret,
                              struct err *err);
int session_store_warned(struct db_conn *conn, const char *name, bool *ret_changed, struct err *err);
/* pending or starting, and their start command has failed or is gone. */
int session_store_abandoned(struct db_conn *conn, unsigned limit, struct strv *ret, struct err *err);
int session_store_live_of_agent(struct db_conn *conn, const char *agent_id, struct strv *ret,
                                struct err *err);

/* --- session.c: steps with their events, for the room --- */

/* session_store_step and, when it changed something, the event for the owner and operators. */
int session_step(struct db_conn *conn, const struct session_change *change, bool *ret_changed,
                 struct err *err);
/* An event that tells what the session is now. `action` "created" or "changed". */
int session_announce(struct db_conn *conn, const char *name, const char *action, struct err *err);
/* Queues a stop_session unless one is open. `command_id` may be NULL. */
int session_queue_stop(struct db_conn *conn, const char *agent_id, const char *name, char *command_id,
                       struct err *err);
/* live → failed with a reason, undelivered commands withdrawn, and a stop queued behind. */
int session_fail(struct db_conn *conn, const char *name, unsigned by, const char *agent_id,
                 const char *reason, bool *ret_changed, struct err *err);
/* The agent is removed: its live sessions fail, terminating ones are terminated, its open commands fail.
 * Inside the caller's transaction. */
int session_end_of_agent(struct db_conn *conn, const char *agent_id, struct err *err);

#endif
