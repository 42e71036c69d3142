#include "agent/enrol.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <jansson.h>

#define ANSWER_MAX (64 * 1024)

char *enrol_key_header(const char *key) {
    return str_format("X-Agent-API-Key: %s", key);
}

char *enrol_url(const char *base, const char *path) {
    size_t length = strlen(base);
    while (length && base[length - 1] == '/')
        length--;
    return str_format("%.*s%s", (int)length, base, path);
}

/* The problem's detail (RFC 9457), else the status. */
static int refused(struct enrol *enrol, const struct http_client_response *response) {
    json_t *problem = json_loadb(strbuf_str(&response->body), response->body.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    enum err_kind kind = response->status == 401   ? ERR_UNAUTHENTICATED
                         : response->status == 403 ? ERR_DENIED
                         : response->status == 404 ? ERR_NOT_FOUND
                         : response->status >= 500 ? ERR_UNAVAILABLE
                                                   : ERR_INVALID;
    err_set(&enrol->err, kind, NULL, "registration was answered with %d%s%s", response->status,
            detail ? ": " : "", detail ? detail : "");
    json_decref(problem);
    return -1;
}

static int read_answer(struct enrol *enrol, const struct http_client_response *response) {
    json_t *answer = json_loadb(strbuf_str(&response->body), response->body.length, 0, NULL);
    const char *key = json_string_value(json_object_get(answer, "apiKey"));
    bool fits = !key || str_copy(enrol->new_key, sizeof enrol->new_key, key);
    json_decref(answer);
    if (!fits)
        return err_set(&enrol->err, ERR_INVALID, NULL, "the control plane gave a key that is too long");
    if (*enrol->new_key)
        str_copy(enrol->key, sizeof enrol->key, enrol->new_key);
    enrol->registered = true;
    return 0;
}

static int do_register(struct enrol *enrol, const char *key_header) {
    const char *headers[] = {key_header, "Content-Type: application/json", NULL};
    _cleanup_free_ char *url = enrol_url(enrol->url, "/api/v1/agents/register");
    struct http_client_request request = {.method = "POST",
                                          .url = url,
                                          .ca_file = enrol->ca_file,
                                          .headers = headers,
                                          .body = enrol->body,
                                          .body_length = strlen(enrol->body),
                                          .timeout_ms = ENROL_TIMEOUT_MS,
                                          .response_max = ANSWER_MAX};
    struct http_client_response response = {0};
    int result = http_client_request(&request, &response, &enrol->err);
    if (result == 0) {
        enrol->status = response.status;
        result = response.status == 200 || response.status == 201 ? read_answer(enrol, &response)
                                                                  : refused(enrol, &response);
    }
    http_client_response_finish(&response);
    return result;
}

static int do_connect(struct enrol *enrol, const char *key_header) {
    const char *headers[] = {key_header, NULL};
    _cleanup_free_ char *path = str_format("/api/v1/agents/connect?agent_id=%s", enrol->agent_id);
    _cleanup_free_ char *url = enrol_url(enrol->url, path);
    struct http_client_request request = {.method = "GET",
                                          .url = url,
                                          .ca_file = enrol->ca_file,
                                          .headers = headers,
                                          .timeout_ms = ENROL_TIMEOUT_MS};
    enrol->status = 0;
    return http_dial(&request, "websocket", &enrol->connection, &enrol->status, &enrol->err);
}

int enrol_run(struct enrol *enrol) {
    _cleanup_free_ char *first = enrol_key_header(enrol->key);
    if (enrol->body && do_register(enrol, first) < 0)
        return -1;
    _cleanup_free_ char *second = enrol_key_header(enrol->key); /* it may be new */
    return do_connect(enrol, second);
}

void enrol_free(struct enrol *enrol) {
    if (!enrol)
        return;
    http_connection_close(enrol->connection);
    free(enrol->url);
    free(enrol->ca_file);
    free(enrol->body);
    explicit_bzero(enrol->key, sizeof enrol->key);
    explicit_bzero(enrol->new_key, sizeof enrol->new_key);
    free(enrol);
}
