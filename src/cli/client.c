#include "cli/client.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <unistd.h>

#define CREDENTIALS_MAX (64 * 1024)
#define CALL_LIMIT_MS 60000
#define STREAM_SILENCE_MS 60000

static char *credentials_directory(void) {
    const char *config = getenv("XDG_CONFIG_HOME");
    if (!str_empty(config))
        return str_format("%s/streamspace", config);
    const char *home = getenv("HOME");
    return str_format("%s/.config/streamspace", str_empty(home) ? "." : home);
}

static char *credentials_path(void) {
    _cleanup_free_ char *directory = credentials_directory();
    return str_format("%s/credentials.json", directory);
}

int client_load(struct client *client, struct err *err) {
    const char *url = getenv("STREAMSPACE_URL");
    const char *token = getenv("STREAMSPACE_TOKEN");
    if (!str_empty(url) && !str_empty(token)) {
        *client = (struct client){.url = str_dup(url), .token = str_dup(token), .from_environment = true};
        return 0;
    }
    _cleanup_free_ char *path = credentials_path();
    _cleanup_free_ char *text = NULL;
    if (!path_exists(path))
        return err_set(err, ERR_UNAUTHENTICATED, "not_signed_in",
                       "not signed in: run `streamspace login URL` first");
    if (file_read(path, CREDENTIALS_MAX, &text, NULL, err) < 0)
        return -1;
    _cleanup_json_ json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *stored_url = json_string_value(json_object_get(root, "url"));
    const char *stored_token = json_string_value(json_object_get(root, "token"));
    if (!stored_url || !stored_token)
        return err_set(err, ERR_INVALID, NULL, "%s is damaged: run `streamspace login URL` again", path);
    *client = (struct client){
        .url = str_dup(stored_url),
        .token = str_dup(stored_token),
        .refresh_token = str_dup(json_string_value(json_object_get(root, "refreshToken"))),
        .ca_file = str_dup(json_string_value(json_object_get(root, "caFile"))),
    };
    return 0;
}

int client_save(const struct client *client, struct err *err) {
    if (client->from_environment)
        return 0;
    _cleanup_free_ char *directory = credentials_directory();
    _cleanup_free_ char *path = credentials_path();
    _cleanup_json_ json_t *root =
        json_pack("{s:s, s:s, s:s*, s:s*}", "url", client->url, "token", client->token, "refreshToken",
                  client->refresh_token, "caFile", client->ca_file);
    _cleanup_free_ char *text = json_dumps(root, JSON_INDENT(2));
    if (!text)
        return err_set(err, ERR_INTERNAL, NULL, "cannot write the credentials");
    if (dir_make(directory, 0700, err) < 0)
        return -1;
    return file_write_atomic(path, text, strlen(text), 0600, err);
}

int client_forget(struct err *err) {
    _cleanup_free_ char *path = credentials_path();
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove %s", path);
    return 0;
}

void client_finish(struct client *client) {
    free(client->url);
    free(client->token);
    free(client->refresh_token);
    free(client->ca_file);
    *client = (struct client){0};
}

/* Turns problem+json (RFC 9457) into an error. */
static int problem(const struct http_client_response *response, struct err *err) {
    static const struct {
        int status;
        enum err_kind kind;
    } kinds[] = {{401, ERR_UNAUTHENTICATED}, {403, ERR_DENIED}, {404, ERR_NOT_FOUND},  {409, ERR_CONFLICT},
                 {413, ERR_TOO_LARGE},       {429, ERR_LIMIT},  {503, ERR_UNAVAILABLE}};
    enum err_kind kind = response->status >= 500 ? ERR_INTERNAL : ERR_INVALID;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (kinds[i].status == response->status)
            kind = kinds[i].kind;
    _cleanup_json_ json_t *root = json_loadb(strbuf_str(&response->body), response->body.length, 0, NULL);
    const char *detail = json_string_value(json_object_get(root, "detail"));
    const char *code = json_string_value(json_object_get(root, "code"));
    if (!detail)
        detail = json_string_value(json_object_get(root, "title"));
    if (!detail)
        return err_set(err, kind, code, "the server answered with status %d", response->status);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(ERR_MESSAGE_MAX);
    strbuf_puts(&text, detail);
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(root, "agents"), index, item) {
        strbuf_printf(&text, "\n  agent %s: %s", json_string_value(json_object_get(item, "agentId")),
                      json_string_value(json_object_get(item, "reason")));
    }
    json_array_foreach (json_object_get(root, "fields"), index, item) {
        strbuf_printf(&text, "\n  %s: %s", json_string_value(json_object_get(item, "field")),
                      json_string_value(json_object_get(item, "message")));
    }
    return err_set(err, kind, code, "%s", strbuf_str(&text));
}

/* What goes with a request: `text` NULL for nothing. */
struct payload {
    const char *type, *text;
    size_t length;
};

static int send_once(const struct client *client, const char *method, const char *path,
                     const struct payload *payload, struct http_client_response *response, struct err *err) {
    _cleanup_free_ char *url = str_format("%s/api/v1%s", client->url, path);
    _cleanup_free_ char *type =
        str_format("Content-Type: %s", payload->type ? payload->type : "application/json");
    _cleanup_free_ char *authorization =
        client->token ? str_format("Authorization: Bearer %s", client->token) : NULL;
    const char *headers[] = {"Accept: application/json", payload->text ? type : authorization,
                             payload->text ? authorization : NULL, NULL};
    struct http_client_request request = {.method = method,
                                          .url = url,
                                          .ca_file = client->ca_file,
                                          .headers = headers,
                                          .body = payload->text,
                                          .body_length = payload->length,
                                          .timeout_ms = CALL_LIMIT_MS};
    return http_client_request(&request, response, err);
}

/* Exchanges the refresh token for new ones and stores them. */
static int refresh(struct client *client, struct err *err) {
    _cleanup_json_ json_t *body = json_pack("{s:s}", "refreshToken", client->refresh_token);
    _cleanup_free_ char *text = json_dumps(body, JSON_COMPACT);
    struct client anonymous = {.url = client->url, .ca_file = client->ca_file};
    struct http_client_response response = {0};
    struct payload payload = {.text = text, .length = strlen(text)};
    if (send_once(&anonymous, "POST", "/auth/refresh", &payload, &response, err) < 0)
        return -1;
    _cleanup_json_ json_t *root = json_loadb(strbuf_str(&response.body), response.body.length, 0, NULL);
    const char *token = json_string_value(json_object_get(root, "token"));
    const char *next = json_string_value(json_object_get(root, "refreshToken"));
    int status = response.status;
    int result = -1;
    if (status == 200 && token && next) {
        free(client->token);
        free(client->refresh_token);
        client->token = str_dup(token);
        client->refresh_token = str_dup(next);
        result = client_save(client, err);
    } else {
        err_set(err, ERR_UNAUTHENTICATED, "not_signed_in",
                "the sign-in has ended: run `streamspace login %s` again", client->url);
    }
    http_client_response_finish(&response);
    return result;
}

static int call(struct client *client, const char *method, const char *path, const struct payload *payload,
                struct http_client_response *response, struct err *err) {
    if (send_once(client, method, path, payload, response, err) < 0)
        return err_wrap(err, "%s", client->url);
    if (response->status == 401 && client->refresh_token) {
        http_client_response_finish(response);
        if (refresh(client, err) < 0 || send_once(client, method, path, payload, response, err) < 0)
            return -1;
    }
    if (response->status >= 400)
        return problem(response, err);
    return 0;
}

static int parse_answer(const struct http_client_response *response, json_t **ret, struct err *err) {
    *ret = response->body.length ? json_loadb(response->body.data, response->body.length, 0, NULL) : NULL;
    return *ret || !response->body.length
               ? 0
               : err_set(err, ERR_INTERNAL, NULL, "the server's answer is not JSON");
}

int client_call(struct client *client, const char *method, const char *path, json_t *body, json_t **ret,
                struct err *err) {
    _cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct payload payload = {.text = text, .length = text ? strlen(text) : 0};
    struct http_client_response response = {0};
    int result = call(client, method, path, &payload, &response, err);
    if (result == 0 && ret)
        result = parse_answer(&response, ret, err);
    http_client_response_finish(&response);
    return result;
}

int client_send(struct client *client, const char *method, const char *path, const char *type,
                const char *text, size_t length, json_t **ret, struct err *err) {
    struct payload payload = {.type = type, .text = text, .length = length};
    struct http_client_response response = {0};
    struct err unread = {0};
    int result = call(client, method, path, &payload, &response, err);
    *ret = NULL;
    if (result == 0)
        result = parse_answer(&response, ret, err);
    else
        (void)parse_answer(&response, ret, &unread);
    http_client_response_finish(&response);
    return result;
}

int client_get_text(struct client *client, const char *path, struct strbuf *text, struct err *err) {
    struct http_client_response response = {0};
    int result = call(client, "GET", path, &(struct payload){0}, &response, err);
    if (result == 0)
        strbuf_append(text, strbuf_str(&response.body), response.body.length);
    http_client_response_finish(&response);
    return result;
}

int client_stream(struct client *client, const char *path, http_client_data_fn fn, void *arg,
                  struct err *err) {
    _cleanup_free_ char *url = str_format("%s/api/v1%s", client->url, path);
    _cleanup_free_ char *authorization = str_format("Authorization: Bearer %s", client->token);
    const char *headers[] = {authorization, NULL};
    struct http_client_request request = {.method = "GET",
                                          .url = url,
                                          .ca_file = client->ca_file,
                                          .headers = headers,
                                          .timeout_ms = STREAM_SILENCE_MS};
    return http_client_stream(&request, fn, arg, err);
}
