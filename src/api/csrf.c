#include "api/csrf.h"

#include "api/call.h"
#include "base/cleanup.h"

#include <strings.h>

/* Behind a proxy it is the request that tells. */
static bool is_secure(const struct http_request *request, bool secure) {
    return secure || http_is_secure(request);
}

static const char *cookie_name(bool secure, const char *plain, const char *host) {
    return secure ? host : plain;
}

const char *cookie_session(struct http_request *request, bool secure) {
    return http_cookie(request,
                       cookie_name(is_secure(request, secure), COOKIE_SESSION, "__Host-" COOKIE_SESSION));
}

static void cookie_set(struct http_request *request, bool secure, const char *name, const char *value,
                       bool readable) {
    char text[256];
    struct strbuf line = STRBUF_FIXED(text);
    strbuf_printf(&line, "%s=%s; Path=/; Max-Age=%d; SameSite=Lax%s%s", name, value ? value : "",
                  value ? COOKIE_DAYS * 24 * 3600 : 0, readable ? "" : "; HttpOnly",
                  secure ? "; Secure" : "");
    http_add_header(request, "Set-Cookie", text);
}

void cookies_set(struct http_request *request, bool secure, const char *session, const char *csrf) {
    secure = is_secure(request, secure);
    cookie_set(request, secure, cookie_name(secure, COOKIE_SESSION, "__Host-" COOKIE_SESSION), session,
               false);
    cookie_set(request, secure, cookie_name(secure, COOKIE_CSRF, "__Host-" COOKIE_CSRF), csrf, true);
}

int csrf_check(struct call *call, struct err *err) {
    if (!call->by_cookie || str_eq(call->route->method, "GET"))
        return 0;
    if (!login_csrf_matches(&call->login, http_header(call->request, "X-CSRF-Token")))
        return err_set(err, ERR_DENIED, "csrf",
                       "requests with the session cookie need the header X-CSRF-Token with the value of the "
                       "cookie " COOKIE_CSRF);
    return 0;
}

/* "https://host:port/path" → "host:port"; the scheme's own port is left out. Empty when it is no such URL. */
static void authority(const char *url, char *text, size_t size) {
    text[0] = '\0';
    const char *begin = strstr(url, "://");
    if (!begin)
        return;
    bool tls = str_starts(url, "https:");
    begin += 3;
    size_t length = strcspn(begin, "/?#");
    if (length >= size)
        return;
    memcpy(text, begin, length);
    text[length] = '\0';
    const char *own = tls ? ":443" : ":80";
    if (str_ends(text, own))
        text[length - strlen(own)] = '\0';
}

bool origin_is_own(const struct http_request *request, const char *public_url) {
    const char *origin = http_header(request, "Origin"), *host = http_header(request, "Host");
    if (!origin)
        return true;
    char from[300], own[300];
    authority(origin, from, sizeof from);
    if (!*from)
        return false;
    if (public_url) {
        authority(public_url, own, sizeof own);
        if (strcasecmp(from, own) == 0)
            return true;
    }
    if (!host || strlen(host) > 250)
        return false;
    /* Behind a proxy the scheme is not known: an Origin without a port stands for its scheme's own. */
    _cleanup_free_ char *url = str_format("%s://%s/", str_starts(origin, "https:") ? "https" : "http", host);
    authority(url, own, sizeof own);
    return strcasecmp(from, own) == 0;
}
