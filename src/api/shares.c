/* Shares of a session: its owner's list, and what somebody with a link can do. */
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "control/shares/share.h"
#include "control/templates/template.h"

/* --- the owner's --- */

void share_list_get(struct call *call) {
    struct err err = {0};
    _cleanup_free_ struct share *shares = NULL;
    size_t count = 0;
    if (share_list(call->conn, call->session.name, &shares, &count, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "shares");
    for (size_t i = 0; i < count; i++)
        share_write_json(&shares[i], NULL, NULL, &w);
    jsonw_array_end(&w);
    call_list_end(&w, (int64_t)count, NULL);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

void share_create_post(struct call *call) {
    const struct share_body *body = call->body;
    struct err err = {0};
    struct share share;
    char token[SHARE_TOKEN_SIZE];
    struct share_new fields = {.username = body->username,
                               .link = body->link,
                               .mode = str_eq(body->mode, "control") ? SESSION_ACCESS_CONTROL
                                                                     : SESSION_ACCESS_VIEW,
                               .expires_at = body->expires_at};
    if (share_create(call->conn, &call->actor, &call->session, &fields, &share, token, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    const char *base = call->api->public_url ? call->api->public_url : "";
    size_t length = strlen(base);
    while (length && base[length - 1] == '/')
        length--;
    _cleanup_free_ char *url = body->link ? str_format("%.*s/share/%s", (int)length, base, token) : NULL;
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    share_write_json(&share, body->link ? token : NULL, url, &w);
    explicit_bzero(token, sizeof token);
    call_json(call, 201, &w);
}

void share_delete(struct call *call) {
    struct err err = {0};
    int64_t id;
    if (!str_to_i64(call_param(call, 1), 1, INT64_MAX, &id))
        err_set(&err, ERR_NOT_FOUND, "share_not_found", "there is no such share");
    else if (share_remove(call->conn, &call->actor, call->session.name, id, &err) == 0) {
        call_no_content(call);
        return;
    }
    call_problem(call, &err);
}

/* --- somebody with a link --- */

/* Tokens cannot be guessed; trying all the same is slowed down, and links that were good do not count. */
static int find_link(struct call *call, struct share *share, struct err *err) {
    int64_t wait_ms;
    const char *address = http_peer(call->request);
    if (!rate_limit_take(call->api->link_addresses, address, &wait_ms)) {
        call->retry_after = (unsigned)(wait_ms / 1000 + 1);
        return err_set(err, ERR_LIMIT, NULL, "too many links that are none; try again in %u s",
                       call->retry_after);
    }
    if (call_conn(call, err) < 0 ||
        share_find_link(call->conn, call_param(call, 0), call->known, share, err) < 0) {
        if (err->kind != ERR_NOT_FOUND)
            rate_limit_give_back(call->api->link_addresses, address);
        return -1;
    }
    rate_limit_give_back(call->api->link_addresses, address);
    return 0;
}

static int read_shared(struct call *call, struct share *share, struct session *session,
                       struct template *template, struct err *err) {
    struct err gone = {0};
    if (find_link(call, share, err) < 0 || session_get(call->conn, share->session, session, err) < 0)
        return -1;
    /* The template may have been deleted since. */
    if (template_get(call->conn, session->template_name, template, &gone) < 0 && gone.kind != ERR_NOT_FOUND) {
        err_copy(err, &gone);
        return -1;
    }
    return 0;
}

/* What the page shows before it opens the stream: no more than the link is good for. */
void share_link_get(struct call *call) {
    struct err err = {0};
    struct share share;
    _cleanup_session_ struct session session = {0};
    _cleanup_template_ struct template template = {0};
    if (read_shared(call, &share, &session, &template, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "name", session.name);
    jsonw_put_string(&w, "displayName",
                     *template.display_name ? template.display_name : session.template_name);
    jsonw_put_string(&w, "template", session.template_name);
    jsonw_put_string(&w, "icon", *template.icon ? template.icon : NULL);
    jsonw_put_string(&w, "state", state_name(session.state));
    jsonw_put_string(&w, "mode", session_access_name(share.mode));
    jsonw_put_string(&w, "expiresAt", *share.expires_at ? share.expires_at : NULL);
    jsonw_put_string(&w, "owner", session.user);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

void share_link_ticket_post(struct call *call) {
    const struct ticket_body *body = call->body;
    struct err err = {0};
    struct share share;
    struct ticket ticket;
    char name[32];
    if (find_link(call, &share, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct actor actor = call->actor;
    if (!call->known) {
        snprintf(name, sizeof name, "share:%lld", (long long)share.id);
        actor = (struct actor){.username = name,
                               .address = http_peer(call->request),
                               .request_id = http_request_id(call->request)};
    }
    if (ticket_create_link(call->conn, &actor, &share, ticket_mode_wanted(body->mode), call->login.id,
                           &ticket, &err) < 0)
        call_problem(call, &err);
    else
        ticket_answer(call, share.session, &ticket);
}
