#include "control/sessions/ticket.h"

#include "base/str.h"
#include "control/secret.h"
#include "control/sessions/ticket_store.h"
#include "control/settings/settings.h"
#include "control/users/login_alive.h"

static int check_running(const struct session *session, struct err *err) {
    if (session->state == SESSION_RUNNING)
        return 0;
    if (session->state == SESSION_HIBERNATED || session->state == SESSION_HIBERNATING)
        return err_set(err, ERR_CONFLICT, "hibernated", "the session is hibernated: wake it first");
    return err_set(err, ERR_CONFLICT, "not_running", "the session is not running: it is %s",
                   state_name(session->state));
}

int ticket_create(struct db_conn *conn, const struct actor *actor, const char *session_name,
                  enum ticket_mode mode, int64_t login_id, char ticket[TICKET_SIZE],
                  char expires_at[TIME_TEXT_SIZE], struct err *err) {
    char hash[KEY_HEX_SIZE];
    struct ticket_row row = {.user_id = actor->user_id, .login_id = login_id, .mode = mode};
    _cleanup_session_ struct session session = {0};
    if (session_get_for(conn, actor, session_name, &session, err) < 0 || check_running(&session, err) < 0 ||
        steady_now(conn, &row.expires_due, err) < 0)
        return -1;
    row.expires_due += TICKET_SECONDS * 1000;
    str_copy(row.session, sizeof row.session, session.name);
    random_hex(ticket, TICKET_SIZE - 1);
    secret_hash(ticket, hash);
    time_format(clock_wall_ms() + TICKET_SECONDS * 1000, expires_at);
    return ticket_store_insert(conn, hash, &row, err);
}

static int bad(struct err *err) {
    return err_set(err, ERR_UNAUTHENTICATED, "bad_ticket",
                   "the ticket is not valid: it is used once, within %d seconds", TICKET_SECONDS);
}

/* Whoever got the ticket may have lost his rights since. `err` is not NULL. */
static int check_rights(struct db_conn *conn, const struct ticket_row *row, struct ticket_use *use,
                        struct err *err) {
    int status = row->login_id ? login_alive(conn, row->login_id, &use->user, err)
                               : user_find_id(conn, row->user_id, &use->user, err);
    if (status < 0)
        return err->kind == ERR_NOT_FOUND || err->kind == ERR_UNAUTHENTICATED ? bad(err) : -1;
    if (!use->user.active || use->user.id != row->user_id)
        return bad(err);
    struct actor actor = {
        .user_id = use->user.id, .username = use->user.username, .role = user_role_name(use->user.role)};
    if (session_get_for(conn, &actor, row->session, &use->session, err) < 0)
        return err->kind == ERR_NOT_FOUND ? bad(err) : -1;
    return check_running(&use->session, err);
}

int ticket_use(struct db_conn *conn, const char *session, const char *ticket, struct ticket_use *ret,
               struct err *err) {
    char hash[KEY_HEX_SIZE];
    struct ticket_row row;
    int64_t now = 0;
    if (!ticket || !id_is_hex(ticket, TICKET_SIZE - 1))
        return bad(err);
    secret_hash(ticket, hash);
    int found = ticket_store_take(conn, hash, &row, err);
    if (found < 0 || steady_now(conn, &now, err) < 0)
        return -1;
    if (found == 0 || now >= row.expires_due || !str_eq(row.session, session))
        return bad(err);
    struct err why = {0};
    struct ticket_use use = {.mode = row.mode, .login_id = row.login_id};
    if (check_rights(conn, &row, &use, &why) < 0) {
        ticket_use_finish(&use);
        err_copy(err, &why);
        return -1;
    }
    *ret = use;
    return 0;
}

void ticket_use_finish(struct ticket_use *use) {
    if (use)
        session_finish(&use->session);
}
