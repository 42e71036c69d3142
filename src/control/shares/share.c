#include "control/shares/share.h"

#include "base/str.h"
#include "control/events/event.h"
#include "control/secret.h"
#include "control/settings/settings.h"
#include "control/shares/share_store.h"
#include "control/users/user.h"

#include <inttypes.h>
#include <stdlib.h>

#define EXPIRE_BATCH 100

enum { LINKS_ANYONE, LINKS_USERS, LINKS_OFF }; /* the choices of SETTING_SHARE_LINKS */

void share_write_json(const struct share *share, const char *token, const char *url, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_int(w, "id", share->id);
    jsonw_put_string(w, "mode", session_access_name(share->mode));
    jsonw_put_string(w, "username", share->user_id ? share->username : NULL);
    jsonw_put_bool(w, "link", share->user_id == 0);
    jsonw_put_string(w, "createdBy", share->created_by);
    jsonw_put_string(w, "createdAt", share->created_at);
    jsonw_put_string(w, "expiresAt", *share->expires_at ? share->expires_at : NULL);
    if (token)
        jsonw_put_string(w, "token", token);
    if (url)
        jsonw_put_string(w, "url", url);
    jsonw_object_end(w);
}

/* --- events --- */

/* For the owner's page, and for the servers, which end streams at "removed". The guest's page gets to know
 * that the session is there, or is no more. */
static int announce(struct db_conn *conn, const struct share *share, const char *owner, const char *action,
                    struct err *err) {
    char data[512];
    struct strbuf text = STRBUF_FIXED(data);
    struct json_writer w = JSON_WRITER(&text);
    bool removed = str_eq(action, "removed");
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "action", action);
    jsonw_put_string(&w, "name", share->session);
    jsonw_put_int(&w, "shareId", share->id);
    jsonw_object_end(&w);
    if (event_write(conn, "share", owner, data, err) < 0)
        return -1;
    if (!share->user_id)
        return 0;
    strbuf_clear(&text);
    w = (struct json_writer)JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "action", removed ? "removed" : "created");
    jsonw_put_string(&w, "name", share->session);
    jsonw_object_end(&w);
    return event_write_guest(conn, "session", share->username, data, err);
}

/* The session's owner and what is shared are gone together. */
static int announce_end(struct db_conn *conn, const struct share *share, struct err *err) {
    _cleanup_session_ struct session session = {0};
    if (session_get(conn, share->session, &session, err) < 0)
        return -1;
    return announce(conn, share, session.user, "removed", err);
}

/* --- making --- */

static int check_expiry(const char *text, char *ret, struct err *err) {
    int64_t at;
    if (!text)
        return 0;
    if (!time_parse(text, &at))
        return err_set_field(err, ERR_INVALID, "invalid_field", "expiresAt",
                             "must be a time such as 2026-01-31T18:00:00Z");
    if (at <= clock_wall_ms())
        return err_set_field(err, ERR_INVALID, "invalid_field", "expiresAt", "has passed already");
    time_format(at, ret);
    return 0;
}

static int check_guest(struct db_conn *conn, const struct session *session, const struct share_new *fields,
                       struct share *share, struct err *err) {
    struct user user;
    if (!fields->username == !fields->link)
        return err_set_field(err, ERR_INVALID, "invalid_field", fields->link ? "link" : "username",
                             "either a user or a link: one of the two");
    if (fields->link)
        return 0;
    struct err why = {0};
    if (user_find(conn, fields->username, &user, &why) < 0 && why.kind != ERR_NOT_FOUND) {
        err_copy(err, &why);
        return -1;
    }
    if (why.kind == ERR_NOT_FOUND || !user.active)
        return err_set_field(err, ERR_INVALID, "invalid_field", "username", "there is no such user");
    if (user.id == session->user_id)
        return err_set_field(err, ERR_INVALID, "invalid_field", "username", "the session is this user's own");
    share->user_id = user.id;
    str_copy(share->username, sizeof share->username, user.username);
    return 0;
}

static int check_links(struct db_conn *conn, const struct share *share, struct err *err) {
    int64_t links = LINKS_ANYONE;
    if (share->user_id)
        return 0;
    if (setting_get(conn, SETTING_SHARE_LINKS, &links, err) < 0)
        return -1;
    return links == LINKS_OFF ? err_set(err, ERR_DENIED, "links_off", "links to sessions are switched off")
                              : 0;
}

static int end_one(struct db_conn *conn, int64_t id, struct err *err) {
    struct share share;
    int found = share_store_take(conn, NULL, id, &share, err);
    if (found <= 0)
        return found;
    if (audit_write(conn, &ACTOR_SYSTEM, "share.expire", share.session, AUDIT_ALLOWED,
                    share.user_id ? share.username : "link", err) < 0 ||
        announce_end(conn, &share, err) < 0)
        return -1;
    return 1;
}

static int expire(struct db_conn *conn, const char *session, size_t room, unsigned *ret, struct err *err) {
    int64_t ids[EXPIRE_BATCH];
    size_t count = 0;
    if (share_store_expired(conn, session, ids, room, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (end_one(conn, ids[i], err) < 0)
            return -1;
    }
    *ret = (unsigned)count;
    return 0;
}

static int create(struct db_conn *conn, const struct actor *actor, const struct session *session,
                  struct share *share, const char *token_hash, struct err *err) {
    struct share others[SHARES_MAX];
    size_t count = 0;
    unsigned expired = 0;
    char detail[AUDIT_DETAIL_MAX];
    /* Expired ones may still be there, and hold the user's place. */
    if (db_lock(conn, "shares", err) < 0 || expire(conn, session->name, EXPIRE_BATCH, &expired, err) < 0 ||
        share_store_list(conn, session->name, others, SHARES_MAX, &count, err) < 0)
        return -1;
    if (count >= SHARES_MAX)
        return err_set(err, ERR_LIMIT, "too_many_shares", "a session can be shared %d times at most",
                       SHARES_MAX);
    if (db_now(conn, share->created_at, err) < 0 ||
        share_store_insert(conn, share, token_hash, &share->id, err) < 0)
        return -1;
    if (!share->id)
        return err_set(err, ERR_CONFLICT, "already_shared",
                       "the session is shared with %s already: withdraw that first", share->username);
    snprintf(detail, sizeof detail, "%s: %s%s%s", share->user_id ? share->username : "link",
             session_access_name(share->mode), *share->expires_at ? " until " : "", share->expires_at);
    if (audit_write(conn, actor, "share.create", session->name, AUDIT_ALLOWED, detail, err) < 0)
        return -1;
    return announce(conn, share, session->user, "created", err);
}

int share_create(struct db_conn *conn, const struct actor *actor, const struct session *session,
                 const struct share_new *fields, struct share *ret, char *token, struct err *err) {
    struct share share = {.mode = fields->mode};
    char hash[KEY_HEX_SIZE];
    *token = '\0';
    if (check_expiry(fields->expires_at, share.expires_at, err) < 0 ||
        check_guest(conn, session, fields, &share, err) < 0 || check_links(conn, &share, err) < 0)
        return -1;
    if (!state_table[session->state].live)
        return err_set(err, ERR_CONFLICT, "session_ended", "the session has ended");
    str_copy(share.session, sizeof share.session, session->name);
    str_copy(share.created_by, sizeof share.created_by, actor->username);
    if (fields->link) {
        random_hex(token, SHARE_TOKEN_SIZE - 1);
        secret_hash(token, hash);
    }
    if (db_begin(conn, err) < 0 ||
        db_end(conn, create(conn, actor, session, &share, fields->link ? hash : NULL, err), err) < 0)
        return -1;
    *ret = share;
    return 0;
}

int share_list(struct db_conn *conn, const char *session, struct share **ret, size_t *ret_count,
               struct err *err) {
    struct share *items = mem_zalloc(SHARES_MAX * sizeof *items);
    if (share_store_list(conn, session, items, SHARES_MAX, ret_count, err) < 0) {
        free(items);
        return -1;
    }
    *ret = items;
    return 0;
}

/* --- the end --- */

static int not_found(struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "share_not_found", "there is no such share");
}

static int remove_it(struct db_conn *conn, const struct actor *actor, const char *session, int64_t id,
                     struct err *err) {
    struct share share;
    int found = share_store_take(conn, session, id, &share, err);
    if (found <= 0)
        return found < 0 ? -1 : not_found(err);
    if (audit_write(conn, actor, "share.revoke", session, AUDIT_ALLOWED,
                    share.user_id ? share.username : "link", err) < 0)
        return -1;
    return announce_end(conn, &share, err);
}

int share_remove(struct db_conn *conn, const struct actor *actor, const char *session, int64_t id,
                 struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, remove_it(conn, actor, session, id, err), err);
}

int share_expire(struct db_conn *conn, unsigned *ret, struct err *err) {
    int64_t one;
    size_t count = 0;
    *ret = 0;
    /* Looked at first without a transaction: there is nearly never anything. */
    if (share_store_expired(conn, NULL, &one, 1, &count, err) < 0)
        return -1;
    if (!count)
        return 0;
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, expire(conn, NULL, EXPIRE_BATCH, ret, err), err);
}

/* --- using --- */

/* A user's share is his own affair; a link depends on the setting. */
static int admit(struct db_conn *conn, const struct share *share, bool guest, struct err *err) {
    int64_t links = LINKS_ANYONE;
    if (share->user_id)
        return 0;
    if (setting_get(conn, SETTING_SHARE_LINKS, &links, err) < 0)
        return -1;
    if (links == LINKS_OFF)
        return not_found(err);
    if (links == LINKS_USERS && !guest)
        return err_set(err, ERR_UNAUTHENTICATED, "sign_in_first", "this link is for signed-in users");
    return 0;
}

static int find(struct db_conn *conn, int64_t id, const char *hash, bool guest, struct share *ret,
                struct err *err) {
    struct share share;
    int found = share_store_find(conn, id, hash, &share, err);
    if (found <= 0)
        return found < 0 ? -1 : not_found(err);
    if (admit(conn, &share, guest, err) < 0)
        return -1;
    *ret = share;
    return 0;
}

int share_find_link(struct db_conn *conn, const char *token, bool guest, struct share *ret, struct err *err) {
    char hash[KEY_HEX_SIZE];
    if (!id_is_hex(token, SHARE_TOKEN_SIZE - 1))
        return not_found(err);
    secret_hash(token, hash);
    return find(conn, 0, hash, guest, ret, err);
}

int share_find(struct db_conn *conn, int64_t id, bool guest, struct share *ret, struct err *err) {
    return find(conn, id, NULL, guest, ret, err);
}
