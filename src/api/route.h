/* Routes: what a row of the table says, and finding the row of a request.
 *
 * Matching is on the raw path. It is cut at '/', each part is percent-decoded by itself, and a part that
 * decodes to something with '/', NUL or control characters, that is no UTF-8, or that is "." or ".." is
 * refused: no spelling of a path reaches a handler under another name.
 */
#ifndef SS_API_ROUTE_H
#define SS_API_ROUTE_H

#include "base/err.h"
#include "control/users/scope.h"
#include "json/fields.h"

#include <stdbool.h>
#include <stddef.h>

struct call;

/* Who may. Each of user, operator and admin includes those after it. */
enum route_access {
    ROUTE_ANYONE = 1,
    ROUTE_USER,
    ROUTE_OPERATOR,
    ROUTE_ADMIN,
    ROUTE_AGENT,  /* X-Agent-API-Key, checked by the handler against the agent it names */
    ROUTE_TICKET, /* ?ticket=, checked by the handler */
    ROUTE_LINK,   /* {token} of a share, checked by the handler; who is signed in besides is known */
};

/* Whose thing the path names. What is another's is 404, as if it did not exist. */
enum route_ownership {
    ROUTE_NOBODYS,
    ROUTE_SESSION, /* {name}: the caller's own session, or any for operators; 403 for guests of a share */
    ROUTE_SESSION_GUEST, /* {name}: … and those that are shared with him */
    ROUTE_GROUP,         /* {name}: a group that the caller manages, or any for admins */
    ROUTE_ACCOUNT,       /* {username}: the caller himself ("me" or his name), or anybody for administrators;
                            call->account is that user */
};

enum {
    ROUTE_SLOW = 1 << 0,          /* the handler runs on a worker thread (argon2) */
    ROUTE_BODY_OPTIONAL = 1 << 1, /* no body at all is as good as {} */
    ROUTE_LOG_QUIETLY = 1 << 2,   /* asked for every few seconds by machines: logged as debug */
    ROUTE_REMOTE = 1 << 4,        /* the handler asks others over the network, on a thread for that */
    ROUTE_ANY_QUERY = 1 << 5,     /* others write the query: what we do not know in it is no mistake */
    ROUTE_PROBE = 1 << 7,         /* asking without credentials is no attempt at anything */
};

#define ROUTE_PARAMS_MAX 2
#define ROUTE_SEGMENT_MAX 128 /* bytes of a decoded path part */
#define ROUTE_SEGMENTS_MAX 8

struct route {
    const char *id;      /* operationId in the OpenAPI document */
    const char *method;  /* GET answers HEAD too */
    const char *pattern; /* "/api/v1/sessions/{name}" */
    enum route_access access;
    enum route_ownership ownership;
    void (*handler)(struct call *call);
    enum scope_area area; /* what a scope of an API key must name; SCOPE_NONE: no key gets here */
    unsigned flags;
    const struct json_field *body; /* NULL: the request has none */
    size_t body_count, body_size;  /* rows; size of the struct that they fill */
    size_t body_max;               /* bytes; 0: ROUTE_BODY_MAX */
    const char *const *types;      /* media types of a body that the handler reads itself, NULL-terminated; it
                                      must be there; NULL: none */
    const char *const *query;      /* names of the parameters that it knows, NULL-terminated; NULL: none */
};

#define ROUTE_BODY_MAX (1024 * 1024)
#define ROUTE_BODY(rows, type)                                                                               \
    .body = (rows), .body_count = sizeof(rows) / sizeof((rows)[0]), .body_size = sizeof(type)

struct route_match {
    const struct route *route; /* NULL: no row */
    bool other_methods;        /* the path is known, its method is not: `allow` names those that are */
    char allow[64];
    char params[ROUTE_PARAMS_MAX][ROUTE_SEGMENT_MAX + 1]; /* in the order of the pattern */
};

/* 0 whether or not there is a row. -1 with ERR_INVALID "invalid_path" for a path that no row may see. */
int route_find(const struct route *table, size_t count, const char *method, const char *path,
               struct route_match *match, struct err *err);

/* The table (routes.c). */
extern const struct route route_table[];
extern const size_t route_count;

#endif
