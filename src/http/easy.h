/* What every use of libcurl in this room has in common. */
#ifndef SS_HTTP_EASY_H
#define SS_HTTP_EASY_H

#include "http/client.h"

#include <curl/curl.h>

#define HTTP_CLIENT_TIMEOUT_MS 30000
#define HTTP_CLIENT_CONNECT_MS 10000

struct easy {
    CURL *curl;
    struct curl_slist *headers;
    char message[CURL_ERROR_SIZE];
};

/* A handle for the request's URL, socket and trust: HTTP/1.1, no redirects, no signals. */
int easy_init(struct easy *easy, const struct http_client_request *request, const char *url, struct err *err);
void easy_finish(struct easy *easy);
/* Checks and adds the request's headers (for whole requests; a dialler writes its own). */
int easy_add_headers(struct easy *easy, const struct http_client_request *request, struct err *err);
/* A header line without line breaks, with a name. */
bool header_is_sound(const char *line);
/* Fills err from a libcurl code; returns -1. */
int easy_fail(const struct easy *easy, CURLcode code, const char *url, struct err *err);

#endif
