/* Sessions: create, read, end; and what agents say about them.
 *
 * Every change of state is one guarded UPDATE (… WHERE state IN (legal ones)) in a transaction with its
 * event, its command and, where a person acted, its audit row. Functions that change something open their own
 * transaction.
 */
#ifndef SS_CONTROL_SESSION_H
#define SS_CONTROL_SESSION_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "control/audit/audit.h"
#include "control/sessions/idempotency.h"
#include "control/sessions/placement.h"
#include "control/sessions/state.h"
#include "db/db.h"
#include "json/writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SESSION_REASON_SIZE 257
#define SESSION_STAGE_SIZE 65
#define SESSION_TAGS_MAX 32
#define SESSION_TAG_MAX 64
#define SESSION_ENV_MAX 64

/* What somebody may do with a session; each includes those before it. */
enum session_access {
    SESSION_ACCESS_NONE,     /* nothing: it does not exist for him; or not looked at */
    SESSION_ACCESS_VIEW,     /* look at it */
    SESSION_ACCESS_CONTROL,  /* … and use it */
    SESSION_ACCESS_OPERATOR, /* … and everything that its owner may do */
    SESSION_ACCESS_OWNER,
};
/* "view", "control", "operator", "owner"; "" for SESSION_ACCESS_NONE. Static. */
const char *session_access_name(enum session_access access);

/* A session as the API shows it. Plain data but for tags. */
struct session {
    char name[SESSION_NAME_MAX + 1];
    int64_t user_id;
    char user[USERNAME_MAX + 1];
    char template_name[TEMPLATE_NAME_MAX + 1];
    char protocol[8];
    enum session_state state;
    char state_since[TIME_TEXT_SIZE];
    char stage[SESSION_STAGE_SIZE];             /* while starting: what is being done; else "" */
    char reason[SESSION_REASON_SIZE];           /* why it is in this state, or "" */
    int64_t cpu_millis, memory_bytes;           /* as asked for */
    int64_t held_cpu_millis, held_memory_bytes; /* what it takes of its agent and of quotas: not less */
    bool persistent_home;
    char agent_id[AGENT_ID_MAX + 1];
    char platform[16];
    bool agent_online;
    char start_command[COMMAND_ID_MAX + 1];       /* its start_session command */
    int64_t idle_timeout, max_duration;           /* seconds, 0: none */
    char hibernate_mode[16];                      /* "freeze", "stop", or "" while it is not known */
    int64_t viewers;                              /* streams open now */
    int64_t usage_cpu_millis, usage_memory_bytes; /* as last reported; 0: unknown */
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
    char started_at[TIME_TEXT_SIZE], ended_at[TIME_TEXT_SIZE]; /* "" when not yet */
    struct strv tags;
    enum session_access access; /* of who asks, where somebody does */
    int64_t share_id;           /* the share that this goes back to; 0: none */
};
void session_finish(struct session *session);
#define _cleanup_session_ __attribute__((cleanup(session_finish)))

/* The session as the API shows it (an object), with status {phase, message, url}. */
void session_write_json(const struct session *session, struct json_writer *w);

struct session_new {
    const char *template_name;
    const char *user; /* whose; NULL: the actor's own. Another's needs operator (ERR_DENIED) */
    int64_t cpu_millis, memory_bytes; /* 0: the template's */
    bool persistent_home;
    int64_t idle_timeout, max_duration;    /* seconds; 0: none */
    const struct strv *tags;               /* or NULL */
    json_t *env;                           /* object of strings, borrowed, or NULL */
    const struct idempotency *idempotency; /* the answer is kept for repeats; or NULL */
};

/* One transaction: placement, session `pending`, start_session command `pending`, audit, events.
 * ERR_INVALID naming the field; ERR_NOT_FOUND "template_not_found" / "user_not_found"; ERR_DENIED
 * "user_disabled", "forbidden" or "quota_exceeded"; ERR_CONFLICT "idempotency_raced"; ERR_UNAVAILABLE
 * "no_agent". `refusals` (may be NULL; always finish it) tells more of the last two of them. */
int session_create(struct db_conn *conn, const struct actor *actor, const struct session_new *fields,
                   struct session *ret, struct refusals *refusals, struct err *err);

/* ERR_NOT_FOUND "session_not_found". No check of rights: session_get_for() has that. */
int session_get(struct db_conn *conn, const char *name, struct session *ret, struct err *err);
/* As session_get, and ERR_NOT_FOUND too when the actor may not know of it: it is not his, not shared with
 * him, and he is no operator. `access` says what he may do. */
int session_get_visible(struct db_conn *conn, const struct actor *actor, const char *name,
                        struct session *ret, struct err *err);
/* As session_get_visible, for what only the owner and operators may do: ERR_DENIED "not_owner" for those whom
 * it is shared with. */
int session_get_for(struct db_conn *conn, const struct actor *actor, const char *name, struct session *ret,
                    struct err *err);

struct session_filter {
    int64_t user_id;                            /* 0: any */
    const char *user;                           /* username, NULL: any */
    unsigned states;                            /* bits (1 << state); 0: all but terminated */
    const char *tag, *agent_id, *template_name; /* NULL: any */
    const char *search;        /* part of name, template, owner or a tag, any case; NULL: any */
    const char *cursor;        /* from the page before, NULL: the first */
    unsigned limit;            /* 0: 50; at most 200 */
    int64_t shared_with;       /* those that are shared with this user; 0: any */
    const struct actor *actor; /* whose access is looked at; NULL: nobody's */
};
#define SESSION_CURSOR_SIZE 128
struct session_page {
    struct session *items;
    size_t count;
    int64_t total;                         /* of all pages */
    char next_cursor[SESSION_CURSOR_SIZE]; /* "" on the last page */
};
void session_page_finish(struct session_page *page);
#define _cleanup_session_page_ __attribute__((cleanup(session_page_finish)))
/* Newest first. No check of rights: the filter is. ERR_INVALID field "cursor" for a foreign one. */
int session_list(struct db_conn *conn, const struct session_filter *filter, struct session_page *ret,
                 struct err *err);

/* Asks for the end: state terminating and a stop_session command behind whatever is under way, with the agent
 * away too. A start that was never delivered is withdrawn (failed, with a reason). `command_id` has
 * COMMAND_ID_MAX + 1 bytes. ERR_NOT_FOUND as session_get_for; ERR_CONFLICT "already_ending" (terminating),
 * "session_ended" (terminated, failed). */
int session_request_stop(struct db_conn *conn, const struct actor *actor, const char *name,
                         const char *reason, char *command_id, struct err *err);

/* What is to be changed of a session; the rest stays. */
struct session_update {
    const struct strv *tags; /* all of them; or NULL */
    bool has_idle_timeout, has_max_duration;
    int64_t idle_timeout, max_duration; /* seconds; 0: none */
    int64_t cpu_millis, memory_bytes;   /* 0: as it is */
};
/* One transaction. Tags and times of any live session; a maximum duration counts from the session's start,
 * and what is over already ends it at once. Resources of a running one: quota and room are taken, an
 * update_session command is queued, and the agent's answer makes the change good or takes it back
 * (outcome.c); *ret shows what was asked for. ERR_INVALID naming the field; ERR_NOT_FOUND as session_get_for;
 * ERR_CONFLICT "already_ending", "session_ended", "not_running", "update_pending" (an earlier one is under
 * way); ERR_DENIED "quota_exceeded" and ERR_UNAVAILABLE "no_agent" with `refusals` (may be NULL). */
int session_update(struct db_conn *conn, const struct actor *actor, const char *name,
                   const struct session_update *fields, struct session *ret, struct refusals *refusals,
                   struct err *err);
/* The end of an update_session command, inside the caller's transaction: the agent did it, or it could not
 * (`error`) and everything is as before. */
int session_updated(struct db_conn *conn, const char *name, const char *command_id, const char *error,
                    struct err *err);

/* What an agent says in `status`. Checked against agent, its connection's generation and the state table:
 * true in *ret_applied (may be NULL) when it changed something; a status that no longer fits (late, repeated,
 * foreign) is no error. `state`: "starting" (reason is the stage), "running" (usage), "failed" / "terminated"
 * (the application ended or was killed; reason says how: a stop is queued behind it), "hibernated". */
struct session_status {
    const char *session_id, *state, *reason;      /* reason may be NULL */
    int64_t usage_cpu_millis, usage_memory_bytes; /* 0, 0: not measured */
};
int session_apply_status(struct db_conn *conn, const char *agent_id, int64_t generation,
                         const struct session_status *status, bool *ret_applied, struct err *err);

/* Changes the number of open streams by `delta`, never below 0; with an event. */
int session_add_viewers(struct db_conn *conn, const char *name, int delta, struct err *err);
/* At the start of the only server: no stream is open. */
int session_reset_viewers(struct db_conn *conn, struct err *err);

/* Sessions that an agent should be running, for `welcome` (state running, starting, hibernated …). *ret is
 * owned (free). */
struct session_wanted {
    char session_id[SESSION_NAME_MAX + 1];
    enum session_state state;
};
int session_wanted(struct db_conn *conn, const char *agent_id, struct session_wanted **ret, size_t *ret_count,
                   struct err *err);

/* Number of sessions in each state (SESSION_STATES entries), for metrics and the dashboard. */
int session_count_states(struct db_conn *conn, int64_t counts[SESSION_STATES], struct err *err);

#endif
