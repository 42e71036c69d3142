/* The queue: rows of agent_commands, pending → sent → acknowledged → completed | failed, each step stamped.
 *
 * Delivery is at least once; the agent's journal (commandId, attempt) makes execution exactly once. One
 * command of a session is under way at its agent at a time (but a stop overtakes what the agent has
 * acknowledged: it breaks off a start that hangs); those of different sessions run side by side. After every
 * commit that queued something listeners of COMMAND_CHANNEL are told the agent's id (NULL: look for
 * yourself).
 *
 * What answers do to sessions is in control/sessions/outcome.h: hubs call that, not the steps here.
 */
#ifndef SS_CONTROL_COMMAND_H
#define SS_CONTROL_COMMAND_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "db/db.h"
#include "json/writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define COMMAND_CHANNEL "commands"
#define COMMAND_ERROR_MAX 512
#define COMMAND_BATCH_MAX 64
#define COMMAND_RETRY_FIRST_MS 1000 /* back-off: 1, 2, 4 … SETTING_RETRY_MAX seconds */

enum command_status {
    COMMAND_PENDING,
    COMMAND_SENT,
    COMMAND_ACKNOWLEDGED,
    COMMAND_COMPLETED,
    COMMAND_FAILED
};
#define COMMAND_STATUSES 5
const char *command_status_name(enum command_status status);
bool command_status_parse(const char *text, enum command_status *ret);

/* A row as the API shows it. Zero-initialise, finish. Secrets in the payload (displayToken, env) are replaced
 * by "redacted". */
struct command {
    char command_id[COMMAND_ID_MAX + 1];
    char agent_id[AGENT_ID_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1]; /* "" when it is not about a session */
    char action[32];
    enum command_status status;
    char error_message[COMMAND_ERROR_MAX + 1]; /* "" where the column is NULL … */
    bool has_error;                            /* … told apart by this */
    int64_t attempts;
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
    char sent_at[TIME_TEXT_SIZE], acknowledged_at[TIME_TEXT_SIZE],
        completed_at[TIME_TEXT_SIZE]; /* "" when not yet */
    json_t *payload;                  /* owned; NULL when unreadable */
};
void command_finish(struct command *command);
#define _cleanup_command_ __attribute__((cleanup(command_finish)))
void command_write_json(const struct command *command, struct json_writer *w);

struct command_new {
    const char *command_id;                     /* NULL: made */
    const char *agent_id, *session_id, *action; /* session_id may be NULL */
    const json_t *payload;                      /* object, borrowed */
    int64_t deadline_seconds;                   /* for the agent, from the first delivery; 0: none */
    int64_t expires_seconds;                    /* undelivered for this long: failed; 0: never */
};
/* Inside the caller's transaction. `command_id` has COMMAND_ID_MAX + 1 bytes and is filled. */
int command_enqueue(struct db_conn *conn, const struct command_new *fields, char *command_id,
                    struct err *err);

/* --- delivery: for the hub --- */

struct delivery {
    char command_id[COMMAND_ID_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1];
    char action[32];
    int64_t attempt;
    int64_t deadline_seconds; /* what is left of it; 0: without limit */
    int64_t waited_ms;        /* since it was queued */
    json_t *payload;          /* owned: with the secrets */
};
struct deliveries {
    struct delivery *items;
    size_t count;
    int64_t retry_ms; /* count 0, or more waiting for their back-off: ask again after this; -1: nothing is
                         waiting */
};
void deliveries_finish(struct deliveries *deliveries);
#define _cleanup_deliveries_ __attribute__((cleanup(deliveries_finish)))

/* Takes what can be sent now on this connection, oldest first, at most COMMAND_BATCH_MAX: the rows are `sent`
 * when this returns (stamped with generation and acknowledgement deadline), in one transaction; send all of
 * them then. Ask again when COMMAND_BATCH_MAX came back. A row whose payload cannot be read is set aside as
 * failed with a reason and stops nothing. An old generation gets none. */
int command_take(struct db_conn *conn, const char *agent_id, int64_t generation, struct deliveries *ret,
                 struct err *err);
/* One of them could not be handed to the connection: back to pending at once. */
int command_return(struct db_conn *conn, const char *agent_id, int64_t generation, const char *command_id,
                   struct err *err);
/* `sent` rows of the agent return to pending (connection ended). Inside the caller's transaction or alone. */
int command_return_all(struct db_conn *conn, const char *agent_id, struct err *err);
/* Every agent's `sent` rows whose acknowledgement is overdue return to pending. *ret: how many. */
int command_return_overdue(struct db_conn *conn, int64_t *ret, struct err *err);

/* What the agent's journal says is being done. */
struct command_running {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
};
/* At a hello, after reconcile_inventory(): `acknowledged` rows of the agent that are not among `running` go
 * back to pending with the same attempt. Their outcome was lost with the old connection (the journal repeats
 * it), or the agent has forgotten them (they are done anew). An old generation changes nothing. *ret_returned
 * may be NULL. */
int command_resume(struct db_conn *conn, const char *agent_id, int64_t generation,
                   const struct command_running *running, size_t count, int64_t *ret_returned,
                   struct err *err);

/* --- steps, inside the caller's transaction, fenced and idempotent (see outcome.h) --- */

struct answer;
/* What a row is, for the rules in outcome.c. */
struct command_row {
    char command_id[COMMAND_ID_MAX + 1];
    char agent_id[AGENT_ID_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1];
    char action[32];
    enum command_status status;
    int64_t attempts;
};
/* 1 and *ret when the answer fits: row of that agent and attempt, agent's generation is the present one; 0
 * when not; -1. */
int command_match(struct db_conn *conn, const struct answer *answer, struct command_row *ret,
                  struct err *err);
/* Each sets *ret_changed when the row made the step. */
int command_mark_acknowledged(struct db_conn *conn, const char *command_id, int64_t attempt,
                              bool *ret_changed, struct err *err);
int command_mark_completed(struct db_conn *conn, const char *command_id, int64_t attempt,
                           const json_t *result, bool *ret_changed, struct err *err);
int command_mark_failed(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                        bool *ret_changed, struct err *err);
/* An event for operators that the row is now in this status. */
int command_announce(struct db_conn *conn, const struct command_row *row, enum command_status status,
                     struct err *err);
/* Back to pending as a higher attempt, after the back-off. */
int command_retry(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                  bool *ret_changed, struct err *err);
/* Fails the session's commands that were never delivered (`action` NULL: any). *ret (may be NULL): how many.
 */
int command_withdraw(struct db_conn *conn, const char *session_id, const char *action, const char *reason,
                     int64_t *ret, struct err *err);
/* Fails the open commands of an agent that is removed. */
int command_fail_of_agent(struct db_conn *conn, const char *agent_id, const char *reason, struct err *err);
/* Is a command of this action open (pending, sent, acknowledged) for the session? */
int command_is_open(struct db_conn *conn, const char *session_id, const char *action, bool *ret,
                    struct err *err);

/* --- reading --- */

/* ERR_NOT_FOUND "command_not_found". */
int command_get(struct db_conn *conn, const char *command_id, struct command *ret, struct err *err);
struct command_filter {
    const char *agent_id, *session_id; /* NULL: any */
    unsigned statuses;                 /* bits (1 << status); 0: any */
    const char *cursor;                /* or NULL */
    unsigned limit;                    /* 0: 50; at most 200 */
};
struct command_page {
    struct command *items;
    size_t count;
    int64_t total;
    char next_cursor[32];
};
void command_page_finish(struct command_page *page);
/* Newest first. */
int command_list(struct db_conn *conn, const struct command_filter *filter, struct command_page *ret,
                 struct err *err);
/* Number of rows in each status, for metrics. */
int command_count_statuses(struct db_conn *conn, int64_t counts[COMMAND_STATUSES], struct err *err);

#endif
