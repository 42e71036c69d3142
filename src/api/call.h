/* One request on its way through the room: who asks, for which row of the table, with what; and the ways to
 * answer it.
 *
 * A handler gets a call whose caller, rights, parameters and body have been checked and answers it exactly
 * once with one of the call_… functions below. Answering gives the call back: nothing of it may be touched
 * afterwards (on a worker thread it may be gone at once).
 */
#ifndef SS_API_CALL_H
#define SS_API_CALL_H

#include "api/api.h"
#include "api/csrf.h"
#include "api/ratelimit.h"
#include "api/route.h"
#include "api/traffic.h"
#include "api/workers.h"
#include "base/str.h"
#include "control/groups/group.h"
#include "control/sessions/session.h"
#include "control/templates/catalogue.h"
#include "json/writer.h"

#include <stdatomic.h>

#define ANSWER_MAX (16 * 1024 * 1024) /* bytes of one JSON answer */
#define LIST_LIMIT_MAX 200

struct log_streams;
struct oidc_door;
struct refusal_log;

struct api {
    struct db *db;
    struct hub *hub;
    struct relay *relay;
    struct keyring *keyring;
    const struct http_static *assets;
    char *public_url, *version, *bootstrap_key, *ready_agent;
    bool secure; /* the page is reached through https: cookies are Secure and bear the __Host- prefix */
    struct workers *workers;
    struct workers *remote; /* for those that wait for an identity provider */
    struct oidc_door *oidc_door;
    struct workers *painters;     /* of screenshots */
    _Atomic unsigned screenshots; /* under way */
    struct workers *exporters;    /* of what is too long for one answer */
    struct refusal_log *refusals;
    struct rate_limit *login_accounts, *login_addresses, *link_addresses, *code_accounts;
    struct traffic *traffic;
    struct log_streams *log_streams;
    struct catalogue *catalogue;
    _Atomic bool draining; /* /readyz says 503 */
    _Atomic bool stopping; /* everything does */
    int64_t started_wall_ms;
};

struct call {
    struct api *api;
    struct http_request *request;
    const struct route *route; /* NULL: none matched */
    struct route_match match;
    int64_t started_us;
    struct db_conn *conn; /* call_conn() */
    bool known;           /* somebody is signed in: login and actor are filled */
    bool by_cookie;
    bool has_headers; /* call_headers() was called */
    bool not_his;     /* what the path names is another's: the 404 is a refusal */
    bool audited;     /* whoever refused has written to the audit log himself */
    struct login login;
    struct actor actor;
    struct session session;          /* for ROUTE_SESSION */
    struct group group;              /* for ROUTE_GROUP */
    struct user account;             /* for ROUTE_ACCOUNT */
    void *body;                      /* the row's body struct, filled */
    char agent_id[AGENT_ID_MAX + 1]; /* for agents: who is calling, for the log */
    /* What came of it, for the log: handlers fill these in before they answer. */
    char session_name[SESSION_NAME_MAX + 1], command_id[COMMAND_ID_MAX + 1];
    unsigned retry_after; /* seconds, for 429 and 503 */
};

/* The n-th {parameter} of the path, decoded. */
static inline const char *call_param(const struct call *call, size_t index) {
    return call->match.params[index];
}

/* Takes a database connection for the call, once. */
int call_conn(struct call *call, struct err *err);
/* Gives it back early: before waiting for something. */
void call_release_conn(struct call *call);

/* The path as it may be logged: without tokens. */
const char *call_safe_path(const struct call *call);

/* ?limit=: 0 when it is not given. ERR_INVALID outside 1 … LIST_LIMIT_MAX. */
int call_limit(struct call *call, unsigned *ret, struct err *err);

/* --- answers --- */

/* A JSON text; gives it up (freed). 500 when the writer failed. */
void call_json(struct call *call, int status, struct json_writer *writer);
/* 204. */
void call_no_content(struct call *call);
void call_text(struct call *call, int status, const char *type, const char *text, size_t length);
/* What the caller may keep and ask for again by its entity tag (RFC 9110 section 8.8.3): the text (given up),
 * or 304 when it is empty. */
void call_tagged(struct call *call, struct strbuf *text, const char *tag);
/* problem+json (RFC 9457) for the error, with its kind's status. Errors that are our own fault are logged in
 * full and told in general words. */
void call_problem(struct call *call, const struct err *err);
/* The same with further members, which `more` writes. */
void call_problem_with(struct call *call, const struct err *err,
                       void (*more)(struct json_writer *w, const void *arg), const void *arg);
/* Adds the headers that every answer has, once. */
void call_headers(struct call *call);
/* Does what every answer has done to it (headers, log line, figures, connection back) for those that are
 * given by the HTTP functions directly: 101 and streams. The request itself goes on. */
void call_account(struct call *call, int status);

/* Appends "nextCursor" (null when empty) and "total". */
void call_list_end(struct json_writer *w, int64_t total, const char *next_cursor);

#endif
