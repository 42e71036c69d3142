/* SQL of tickets; for ticket.c. */
#ifndef SS_CONTROL_TICKET_STORE_H
#define SS_CONTROL_TICKET_STORE_H

#include "control/sessions/ticket.h"

struct ticket_row {
    char session[SESSION_NAME_MAX + 1];
    int64_t user_id, login_id, share_id, expires_due; /* 0: none */
    enum ticket_mode mode;
};
int ticket_store_insert(struct db_conn *conn, const char *hash, const struct ticket_row *row,
                        struct err *err);
/* Takes it out: 1, 0 there is none, -1. */
int ticket_store_take(struct db_conn *conn, const char *hash, struct ticket_row *ret, struct err *err);

#endif
