/* Streams of a session's picture: the ticket, and the WebSocket that it opens. */
#include "api/call.h"
#include "api/resources.h"
#include "api/upgrade.h"
#include "base/cleanup.h"
#include "control/sessions/ticket.h"

enum ticket_mode ticket_mode_wanted(const char *mode) {
    return !mode ? TICKET_BEST : str_eq(mode, "view") ? TICKET_VIEW : TICKET_CONTROL;
}

void ticket_answer(struct call *call, const char *session, const struct ticket *ticket) {
    _cleanup_free_ char *url = str_format("/api/v1/sessions/%s/stream?ticket=%s", session, ticket->text);
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "ticket", ticket->text);
    jsonw_put_string(&w, "url", url);
    jsonw_put_string(&w, "mode", ticket_mode_name(ticket->mode));
    jsonw_put_string(&w, "expiresAt", ticket->expires_at);
    jsonw_object_end(&w);
    call_json(call, 201, &w);
}

void session_ticket_post(struct call *call) {
    const struct ticket_body *body = call->body;
    struct err err = {0};
    struct ticket ticket;
    if (ticket_create(call->conn, &call->actor, call->session.name, ticket_mode_wanted(body->mode),
                      call->login.id, &ticket, &err) < 0)
        call_problem(call, &err);
    else
        ticket_answer(call, call->session.name, &ticket);
}

/* What is needed once the socket is ours: the call is gone by then. */
struct viewing {
    struct hub *hub;
    char session[SESSION_NAME_MAX + 1], agent_id[AGENT_ID_MAX + 1], user[USERNAME_MAX + 1];
    int64_t login_id, share_id, ends_at;
    bool view_only;
};

static void on_upgraded(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                        size_t early_length) {
    _cleanup_free_ struct viewing *viewing = arg;
    struct relay_end browser = {.kind = RELAY_WEBSOCKET,
                                .fd = fd,
                                .close = upgraded_close,
                                .arg = upgraded,
                                .early = early,
                                .early_length = early_length};
    struct hub_viewer viewer = {.session = viewing->session,
                                .agent_id = viewing->agent_id,
                                .user = viewing->user,
                                .login_id = viewing->login_id,
                                .share_id = viewing->share_id,
                                .ends_at = viewing->ends_at,
                                .view_only = viewing->view_only};
    hub_view(viewing->hub, &viewer, &browser);
}

/* The ticket is used up first: one that was shown to somebody else's page must not be good for a second try.
 */
static int check_stream(struct call *call, struct ticket_use *use, struct err *err) {
    const char *ticket = http_query(call->request, "ticket");
    if (str_empty(ticket))
        return err_set(err, ERR_UNAUTHENTICATED, "bad_ticket", "a stream needs a ticket");
    if (call_conn(call, err) < 0 || ticket_use(call->conn, call_param(call, 0), ticket, use, err) < 0)
        return -1;
    if (!origin_is_own(call->request, call->api->public_url))
        return err_set(err, ERR_DENIED, "foreign_origin", "streams are for this server's own pages");
    return upgrade_websocket(call, "binary", err);
}

void session_stream(struct call *call) {
    struct err err = {0};
    struct ticket_use use = {0};
    if (check_stream(call, &use, &err) < 0) {
        ticket_use_finish(&use);
        call_problem(call, &err);
        return;
    }
    struct viewing *viewing = mem_zalloc(sizeof *viewing);
    viewing->hub = call->api->hub;
    str_copy(viewing->session, sizeof viewing->session, use.session.name);
    str_copy(viewing->agent_id, sizeof viewing->agent_id, use.session.agent_id);
    str_copy(viewing->user, sizeof viewing->user, use.user.username);
    viewing->login_id = use.login_id;
    viewing->share_id = use.share_id;
    viewing->view_only = use.mode == TICKET_VIEW;
    if (*use.expires)
        time_parse(use.expires, &viewing->ends_at);
    call->login.user = use.user; /* for the log */
    call->known = true;
    ticket_use_finish(&use);
    call_account(call, 101);
    http_upgrade(call->request, "websocket", on_upgraded, viewing);
}
