#include "http/server_internal.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <stdio.h>
#include <strings.h>

void http_add_header(struct http_request *request, const char *name, const char *value) {
    if (strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) {
        log_warn("a header with a line break was dropped", "request", request->id);
        return;
    }
    strv_add(&request->header_names, name);
    strv_add(&request->header_values, value);
}

void http_add_constant_header(struct http_request *request, const char *name, const char *value) {
    if (request->constant_header_count == HTTP_CONSTANT_HEADERS_MAX) {
        http_add_header(request, name, value);
        return;
    }
    request->constant_headers[request->constant_header_count].name = name;
    request->constant_headers[request->constant_header_count++].value = value;
}

void response_add_headers(struct http_request *request, struct MHD_Response *response, const char *type) {
    if (type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Request-Id", request->id);
    if (request->close_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    for (size_t i = 0; i < request->constant_header_count; i++)
        MHD_add_response_header(response, request->constant_headers[i].name,
                                request->constant_headers[i].value);
    for (size_t i = 0; i < request->header_names.count; i++)
        MHD_add_response_header(response, request->header_names.items[i], request->header_values.items[i]);
}

void request_wake(struct http_request *request) {
    if (!request->suspended)
        return;
    request->suspended = false;
    if (request->previous)
        request->previous->next = request->next;
    else
        request->server->deferred = request->next;
    if (request->next)
        request->next->previous = request->previous;
    MHD_resume_connection(request->connection);
}

void request_answer(struct http_request *request, int status, struct MHD_Response *response) {
    if (!request->deferred) { /* we are inside the handler */
        if (request->response) {
            log_error("a request was answered twice", "path", request->path, "request", request->id);
            MHD_destroy_response(response);
            return;
        }
        request->status = status;
        request->response = response;
        return;
    }
    pthread_mutex_lock(&request->lock);
    if (request->detached) { /* only we know it now */
        pthread_mutex_unlock(&request->lock);
        MHD_destroy_response(response);
        request_destroy(request);
        return;
    }
    struct http_server *server = request->server;
    request->status = status;
    request->response = response;
    pthread_mutex_lock(&server->lock);
    request_wake(request);
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_unlock(&request->lock);
}

static void reply(struct http_request *request, int status, const char *type, const void *body, size_t length,
                  enum MHD_ResponseMemoryMode mode) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)(length ? body : ""), mode);
    if (!response)
        abort(); /* out of memory, as everywhere */
    response_add_headers(request, response, type);
    request_answer(request, status, response);
}

void http_reply(struct http_request *request, int status, const char *type, const void *body, size_t length) {
    reply(request, status, type, body, length, length ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
}

void http_reply_static(struct http_request *request, int status, const char *type, const void *body,
                       size_t length) {
    reply(request, status, type, body, length, MHD_RESPMEM_PERSISTENT);
}

void http_defer(struct http_request *request) {
    request->deferred = true;
}

void request_fail(struct http_request *request, enum err_kind kind, const char *code, const char *message) {
    struct err err = {0};
    err_set(&err, kind, code, "%s", message);
    const struct http_server_options *options = &request->server->options;
    if (options->error)
        options->error(options->arg, request, &err);
    if (request->response)
        return;
    int status = err_http_status(kind);
    char body[256];
    struct strbuf text = STRBUF_FIXED(body);
    strbuf_printf(&text, "{\"type\":\"about:blank\",\"status\":%d,\"code\":\"%s\",\"requestId\":\"%s\"}",
                  status, err.code, request->id);
    http_reply(request, status, "application/problem+json", text.data, text.length);
}

static struct MHD_Response *stopped_response(void) {
    static char text[] = "{\"type\":\"about:blank\",\"status\":503,\"code\":\"unavailable\"}";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/problem+json");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

static enum MHD_Result send_response(struct MHD_Connection *connection, int status,
                                     struct MHD_Response *response) {
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* Puts the connection to sleep, unless the server is about to stop. Under request->lock. */
static bool fall_asleep(struct http_request *request) {
    struct http_server *server = request->server;
    pthread_mutex_lock(&server->lock);
    bool may = !atomic_load(&server->stopping);
    if (may) {
        request->suspended = true;
        request->previous = NULL;
        request->next = server->deferred;
        if (request->next)
            request->next->previous = request;
        server->deferred = request;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&server->lock);
    return may;
}

static enum MHD_Result settle_deferred(struct http_request *request, void **slot) {
    struct MHD_Connection *connection = request->connection;
    pthread_mutex_lock(&request->lock);
    struct MHD_Response *response = steal_pointer(&request->response);
    int status = request->status;
    bool asleep = !response && fall_asleep(request);
    if (response && request->stream) {
        stream_begins(request->stream, request);
    } else if (!response && !asleep) {
        /* The owner still holds the request: leave it to him, and answer without it. */
        request->detached = true;
        atomic_store(&request->connection, NULL);
        *slot = NULL;
        response = stopped_response();
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    pthread_mutex_unlock(&request->lock);
    return asleep ? MHD_YES : send_response(connection, status, response);
}

enum MHD_Result request_settle(struct http_request *request, void **slot) {
    if (request->deferred)
        return settle_deferred(request, slot);
    if (!request->response) {
        log_error("a handler did not answer", "path", request->path, "request", request->id);
        request_fail(request, ERR_INTERNAL, NULL, "no answer was given");
    }
    if (request->stream)
        stream_begins(request->stream, request);
    return send_response(request->connection, request->status, steal_pointer(&request->response));
}
