#include "http/easy.h"

#include "base/cleanup.h"

#include <pthread.h>

static void global_init(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

/* libcurl's own sockets are inherited by children. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* This machine itself is never asked for through a proxy, whatever the environment says. */
static char *no_proxy(void) {
    const char *own = "localhost,127.0.0.1,::1";
    const char *environment = getenv("no_proxy");
    if (!environment)
        environment = getenv("NO_PROXY");
    return environment ? str_format("%s,%s", own, environment) : str_dup(own);
}

int easy_init(struct easy *easy, const struct http_client_request *request, const char *url,
              struct err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    *easy = (struct easy){.curl = curl_easy_init()};
    if (!easy->curl)
        return err_set(err, ERR_INTERNAL, NULL, "cannot make an HTTP client");
    CURL *curl = easy->curl;
    int timeout = request->timeout_ms ? request->timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
    long connect = timeout < HTTP_CLIENT_CONNECT_MS ? timeout : HTTP_CLIENT_CONNECT_MS;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, easy->message);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "streamspace/" STREAMSPACE_VERSION);
    _cleanup_free_ char *bypass = no_proxy();
    curl_easy_setopt(curl, CURLOPT_NOPROXY, bypass);
    if (request->unix_socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
    return 0;
}

void easy_finish(struct easy *easy) {
    if (easy->curl)
        curl_easy_cleanup(easy->curl);
    curl_slist_free_all(easy->headers);
    *easy = (struct easy){0};
}

bool header_is_sound(const char *line) {
    const char *colon = strchr(line, ':');
    return colon && colon != line && !strpbrk(line, "\r\n");
}

int easy_add_headers(struct easy *easy, const struct http_client_request *request, struct err *err) {
    /* libcurl would wait a second for the server's consent before it sends a longer body. */
    easy->headers = curl_slist_append(easy->headers, "Expect:");
    for (const char *const *line = request->headers; line && *line; line++) {
        if (!header_is_sound(*line))
            return err_set(err, ERR_INVALID, NULL, "a request header is malformed");
        easy->headers = curl_slist_append(easy->headers, *line);
    }
    curl_easy_setopt(easy->curl, CURLOPT_HTTPHEADER, easy->headers);
    return 0;
}

int easy_fail(const struct easy *easy, CURLcode code, const char *url, struct err *err) {
    const char *message = easy->message[0] ? easy->message : curl_easy_strerror(code);
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(err, ERR_INVALID, "bad_url", "%s: %s", url, message);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_UNAVAILABLE, "timeout", "%s: no answer in time (%s)", url, message);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return err_set(err, ERR_UNAVAILABLE, "tls", "%s: %s", url, message);
    case CURLE_OUT_OF_MEMORY:
        abort();
    default:
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s: %s", url, message);
    }
}
