/* The cookies of the page, and the rule that protects requests that come with them.
 *
 * A browser sends the session cookie along with requests that other sites cause. So whatever changes anything
 * must carry the header X-CSRF-Token with the value of the readable csrf cookie, which other sites cannot
 * read; the value is an HMAC over the login (control/users/login.h), so a planted cookie does not help.
 * Requests with a Bearer token are exempt: no browser adds that by itself.
 */
#ifndef SS_API_CSRF_H
#define SS_API_CSRF_H

#include "base/err.h"
#include "http/server.h"

#include <stdbool.h>

struct call;

#define COOKIE_SESSION "streamspace_session"
#define COOKIE_CSRF "csrf_token"
#define COOKIE_DAYS 14

/* `secure`: all is https. A request that came by https through a trusted proxy counts likewise. */
/* The value of the session cookie, or NULL. With `secure` only the __Host- name counts. */
const char *cookie_session(struct http_request *request, bool secure);
/* Sets both cookies; NULL values remove them. */
void cookies_set(struct http_request *request, bool secure, const char *session, const char *csrf);

/* ERR_DENIED "csrf" when a cookie request that changes something does not carry the token. */
int csrf_check(struct call *call, struct err *err);

/* True when the request's Origin (absent in what is no browser) is this server: its Host, or the public URL.
 */
bool origin_is_own(const struct http_request *request, const char *public_url);

#endif
