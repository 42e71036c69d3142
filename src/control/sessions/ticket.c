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

const char *ticket_mode_name(enum ticket_mode mode) {
    return mode == TICKET_VIEW ? "view" : "control";
}

/* What is wanted against what `access` allows. */
static int choose_mode(enum session_access access, enum ticket_mode wanted, enum ticket_mode *ret,
                       struct err *err) {
    bool may_act = access >= SESSION_ACCESS_CONTROL;
    if (wanted == TICKET_CONTROL && !may_act)
        return err_set(err, ERR_DENIED, "view_only", "the session is shared for looking only");
    *ret = wanted == TICKET_BEST ? (may_act ? TICKET_CONTROL : TICKET_VIEW) : wanted;
    return 0;
}

static int insert(struct db_conn *conn, struct ticket_row *row, struct ticket *ret, struct err *err) {
    char hash[KEY_HEX_SIZE];
    if (steady_now(conn, &row->expires_due, err) < 0)
        return -1;
    row->expires_due += TICKET_SECONDS * 1000;
    random_hex(ret->text, TICKET_SIZE - 1);
    secret_hash(ret->text, hash);
    time_format(clock_wall_ms() + TICKET_SECONDS * 1000, ret->expires_at);
    ret->mode = row->mode;
    return ticket_store_insert(conn, hash, row, err);
}

int ticket_create(struct db_conn *conn, const struct actor *actor, const char *session_name,
                  enum ticket_mode mode, int64_t login_id, struct ticket *ret, struct err *err) {
    struct ticket_row row = {.user_id = actor->user_id, .login_id = login_id};
    _cleanup_session_ struct session session = {0};
    if (session_get_visible(conn, actor, session_name, &session, err) < 0 ||
        choose_mode(session.access, mode, &row.mode, err) < 0 || check_running(&session, err) < 0)
        return -1;
    row.share_id = session.share_id;
    str_copy(row.session, sizeof row.session, session.name);
    return insert(conn, &row, ret, err);
}

int ticket_create_link(struct db_conn *conn, const struct actor *actor, const struct share *share,
                       enum ticket_mode mode, int64_t login_id, struct ticket *ret, struct err *err) {
    struct ticket_row row = {.user_id = actor->user_id, .login_id = login_id, .share_id = share->id};
    _cleanup_session_ struct session session = {0};
    char detail[32];
    if (session_get(conn, share->session, &session, err) < 0 ||
        choose_mode(share->mode, mode, &row.mode, err) < 0 || check_running(&session, err) < 0)
        return -1;
    str_copy(row.session, sizeof row.session, session.name);
    snprintf(detail, sizeof detail, "share %lld: %s", (long long)share->id, ticket_mode_name(row.mode));
    if (db_begin(conn, err) < 0)
        return -1;
    int status = insert(conn, &row, ret, err);
    if (status == 0)
        status = audit_write(conn, actor, "share.open", session.name, AUDIT_ALLOWED, detail, err);
    return db_end(conn, status, err);
}

static int bad(struct err *err) {
    return err_set(err, ERR_UNAUTHENTICATED, "bad_ticket",
                   "the ticket is not valid: it is used once, within %d seconds", TICKET_SECONDS);
}

static int bad_if(const struct err *why, struct err *err) {
    bool gone = why->kind == ERR_NOT_FOUND || why->kind == ERR_UNAUTHENTICATED || why->kind == ERR_DENIED;
    if (gone)
        return bad(err);
    err_copy(err, why);
    return -1;
}

/* Who it is, and that he is still somebody. */
static int check_user(struct db_conn *conn, const struct ticket_row *row, struct ticket_use *use,
                      struct err *err) {
    struct err why = {0};
    if (!row->user_id && row->share_id) {
        snprintf(use->user.username, sizeof use->user.username, "share:%lld", (long long)row->share_id);
        return 0;
    }
    int status = row->login_id ? login_alive(conn, row->login_id, &use->user, &why)
                               : user_find_id(conn, row->user_id, &use->user, &why);
    if (status < 0)
        return bad_if(&why, err);
    return use->user.active && use->user.id == row->user_id ? 0 : bad(err);
}

/* A right by share: the share must hold, and go as far. */
static int check_share(struct db_conn *conn, const struct ticket_row *row, struct ticket_use *use,
                       struct err *err) {
    struct share share;
    struct err why = {0};
    if (share_find(conn, row->share_id, row->user_id != 0, &share, &why) < 0)
        return bad_if(&why, err);
    bool far_enough = row->mode == TICKET_VIEW || share.mode >= SESSION_ACCESS_CONTROL;
    if (!far_enough || !str_eq(share.session, row->session) ||
        (share.user_id && share.user_id != row->user_id))
        return bad(err);
    str_copy(use->expires, sizeof use->expires, share.expires_at);
    return session_get(conn, row->session, &use->session, err);
}

/* Whoever got the ticket may have lost his rights since. */
static int check_rights(struct db_conn *conn, const struct ticket_row *row, struct ticket_use *use,
                        struct err *err) {
    if (check_user(conn, row, use, err) < 0)
        return -1;
    if (row->share_id) {
        if (check_share(conn, row, use, err) < 0)
            return -1;
    } else {
        struct err why = {0};
        struct actor actor = {
            .user_id = use->user.id, .username = use->user.username, .role = user_role_name(use->user.role)};
        if (session_get_for(conn, &actor, row->session, &use->session, &why) < 0)
            return bad_if(&why, err);
    }
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
    struct ticket_use use = {.mode = row.mode, .login_id = row.login_id, .share_id = row.share_id};
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
