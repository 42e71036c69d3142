/* SQL of agent_commands; for command.c. Times are steady milliseconds. */
#ifndef SS_CONTROL_COMMAND_STORE_H
#define SS_CONTROL_COMMAND_STORE_H

#include "control/commands/command.h"

struct command_insert {
    const char *command_id, *agent_id, *session_id, *action, *payload;
    int64_t deadline_seconds;
    int64_t expires_due; /* 0: never */
};
int command_store_insert(struct db_conn *conn, const struct command_insert *row, struct err *err);

/* A row that could be sent now. */
struct command_ready {
    char command_id[COMMAND_ID_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1];
    char action[32];
    int64_t attempts;
    bool fresh;
    int64_t deadline_seconds, deadline_due;
    int64_t waited_ms; /* since it was queued, by the wall clock */
    char *payload;     /* owned, may be NULL */
};
int command_store_ready(struct db_conn *conn, const char *agent_id, int64_t now, unsigned limit,
                        struct command_ready *ret, size_t *ret_count, struct err *err);
/* When the first back-off of a pending row is over; -1: none waits. */
int command_store_next_retry(struct db_conn *conn, const char *agent_id, int64_t now, int64_t *ret_ms,
                             struct err *err);
int command_store_sent(struct db_conn *conn, const char *command_id, int64_t generation, int64_t attempt,
                       int64_t ack_due, int64_t deadline_due, bool *ret_changed, struct err *err);

/* Back to pending from `sent`. NULLs and 0: any. */
int command_store_return(struct db_conn *conn, const char *agent_id, int64_t generation,
                         const char *command_id, int64_t *ret, struct err *err);
/* The agents of rows whose ack_due is over are told apart by RETURNING: their ids are notified. */
int command_store_return_overdue(struct db_conn *conn, int64_t now, int64_t *ret, struct err *err);
int command_store_return_acknowledged(struct db_conn *conn, const char *command_id, int64_t attempt,
                                      struct err *err);
/* acknowledged rows of an agent: id and attempt. *ret is owned (free). */
int command_store_acknowledged(struct db_conn *conn, const char *agent_id, struct command_running **ret,
                               size_t *ret_count, struct err *err);

int command_store_retry(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                        int64_t retry_due, bool *ret_changed, struct err *err);

#endif
