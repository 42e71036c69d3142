#include "http/client.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "http/easy.h"

#include <ctype.h>
#include <limits.h>

#define RESPONSE_MAX_DEFAULT (8 * 1024 * 1024)
#define RESPONSE_HEADERS_MAX 256 /* lines kept */
#define SILENCE_MS 1000          /* between two calls of a stream's function when nothing comes */

void http_client_response_finish(struct http_client_response *response) {
    strbuf_finish(&response->body);
    strv_finish(&response->headers);
    response->status = 0;
}

const char *http_client_header(const struct http_client_response *response, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < response->headers.count; i++) {
        const char *line = response->headers.items[i];
        if (strncmp(line, name, length) == 0 && str_starts(line + length, ": "))
            return line + length + 2;
    }
    return NULL;
}

enum err_kind http_client_status_kind(int status) {
    static const enum err_kind kinds[] = {ERR_INVALID,     ERR_UNAUTHENTICATED, ERR_DENIED,
                                          ERR_NOT_FOUND,   ERR_CONFLICT,        ERR_TOO_LARGE,
                                          ERR_UNSUPPORTED, ERR_LIMIT,           ERR_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (err_http_status(kinds[i]) == status)
            return kinds[i];
    if (status >= 400 && status < 500)
        return ERR_INVALID;
    if (status == 502 || status == 504)
        return ERR_UNAVAILABLE;
    return status >= 500 && status < 600 ? ERR_INTERNAL : ERR_NONE;
}

/* "Name:  value\r\n" → "name: value" */
static void keep_header(struct strv *headers, const char *line, size_t length) {
    while (length && isspace((unsigned char)line[length - 1]))
        length--;
    const char *colon = memchr(line, ':', length);
    if (!colon || headers->count >= RESPONSE_HEADERS_MAX)
        return;
    _cleanup_free_ char *name = str_ndup(line, (size_t)(colon - line));
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const char *value = colon + 1;
    while (value < line + length && (*value == ' ' || *value == '\t'))
        value++;
    strv_addf(headers, "%s: %.*s", name, (int)(line + length - value), value);
}

/* --- whole requests --- */

static size_t on_header(char *data, size_t size, size_t count, void *arg) {
    struct http_client_response *response = arg;
    if (count >= 5 && memcmp(data, "HTTP/", 5) == 0)
        strv_finish(&response->headers); /* an interim answer's were not the last */
    else
        keep_header(&response->headers, data, count);
    return count;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct http_client_response *response = arg;
    return strbuf_append(&response->body, data, count) ? count : 0;
}

static void set_method(CURL *curl, const struct http_client_request *request) {
    const char *method = request->method ? request->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
               strcmp(method, "PATCH") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    }
    if (strcmp(method, "HEAD") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

int http_client_request(const struct http_client_request *request, struct http_client_response *response,
                        struct err *err) {
    *response = (struct http_client_response){0};
    struct http_client_response got = {
        .body = STRBUF_MAX(request->response_max ? request->response_max : RESPONSE_MAX_DEFAULT)};
    struct easy easy;
    int result = -1;
    if (easy_init(&easy, request, request->url, err) < 0 || easy_add_headers(&easy, request, err) < 0)
        goto out;
    set_method(easy.curl, request);
    curl_easy_setopt(easy.curl, CURLOPT_TIMEOUT_MS,
                     (long)(request->timeout_ms ? request->timeout_ms : HTTP_CLIENT_TIMEOUT_MS));
    curl_easy_setopt(easy.curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy.curl, CURLOPT_HEADERDATA, &got);
    curl_easy_setopt(easy.curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy.curl, CURLOPT_WRITEDATA, &got);
    CURLcode code = curl_easy_perform(easy.curl);
    if (got.body.overflow) {
        err_set(err, ERR_TOO_LARGE, NULL, "%s: the answer is longer than %zu bytes", request->url,
                got.body.max);
    } else if (code != CURLE_OK) {
        easy_fail(&easy, code, request->url, err);
    } else {
        long status = 0;
        curl_easy_getinfo(easy.curl, CURLINFO_RESPONSE_CODE, &status);
        got.status = (int)status;
        *response = got;
        got = (struct http_client_response){0};
        result = 0;
    }
out:
    easy_finish(&easy);
    http_client_response_finish(&got);
    return result;
}

/* --- streams --- */

struct streaming {
    CURL *curl;
    http_client_data_fn fn;
    void *arg;
    int status; /* 0 until the head has come */
    bool ended; /* fn said so */
    bool timed_out;
    int timeout_ms;
    int64_t last_byte, last_call;
};

static bool call(struct streaming *stream, const char *data, size_t length) {
    stream->last_call = clock_ms();
    if (!stream->fn(stream->arg, stream->status, data, length))
        stream->ended = true;
    return !stream->ended;
}

static size_t on_stream_header(char *data, size_t size, size_t count, void *arg) {
    struct streaming *stream = arg;
    stream->last_byte = clock_ms();
    bool end_of_head = count <= 2 && (data[0] == '\r' || data[0] == '\n');
    if (!end_of_head || stream->status)
        return count;
    long status = 0;
    curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return count;
    stream->status = (int)status;
    return call(stream, "", 0) ? count : 0;
}

static size_t on_stream_data(char *data, size_t size, size_t count, void *arg) {
    struct streaming *stream = arg;
    stream->last_byte = clock_ms();
    return call(stream, data, count) ? count : 0;
}

/* Called by libcurl at least about once a second. */
static int on_stream_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    struct streaming *stream = arg;
    int64_t now = clock_ms();
    if (stream->timeout_ms && now - stream->last_byte >= stream->timeout_ms)
        stream->timed_out = true;
    else if (stream->status && now - stream->last_call >= SILENCE_MS)
        call(stream, "", 0);
    return stream->timed_out || stream->ended;
}

int http_client_stream(const struct http_client_request *request, http_client_data_fn fn, void *arg,
                       struct err *err) {
    struct easy easy;
    if (easy_init(&easy, request, request->url, err) < 0 || easy_add_headers(&easy, request, err) < 0) {
        easy_finish(&easy);
        return -1;
    }
    struct streaming stream = {.curl = easy.curl,
                               .fn = fn,
                               .arg = arg,
                               .timeout_ms = request->timeout_ms,
                               .last_byte = clock_ms(),
                               .last_call = clock_ms()};
    set_method(easy.curl, request);
    curl_easy_setopt(easy.curl, CURLOPT_HEADERFUNCTION, on_stream_header);
    curl_easy_setopt(easy.curl, CURLOPT_HEADERDATA, &stream);
    curl_easy_setopt(easy.curl, CURLOPT_WRITEFUNCTION, on_stream_data);
    curl_easy_setopt(easy.curl, CURLOPT_WRITEDATA, &stream);
    curl_easy_setopt(easy.curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy.curl, CURLOPT_XFERINFOFUNCTION, on_stream_progress);
    curl_easy_setopt(easy.curl, CURLOPT_XFERINFODATA, &stream);
    CURLcode code = curl_easy_perform(easy.curl);
    int result = 0;
    if (stream.timed_out)
        result = err_set(err, ERR_UNAVAILABLE, "timeout", "%s: nothing came for %d ms", request->url,
                         stream.timeout_ms);
    else if (code != CURLE_OK && !stream.ended)
        result = easy_fail(&easy, code, request->url, err);
    easy_finish(&easy);
    return result;
}

void http_encode(struct strbuf *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c))
            strbuf_putc(out, (char)c);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}
