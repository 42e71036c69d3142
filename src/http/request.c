#include "http/server_internal.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <strings.h>

struct http_request *request_create(struct http_server *server, const char *target) {
    struct http_request *request = mem_zalloc(sizeof *request);
    request->server = server;
    pthread_mutex_init(&request->lock, NULL);
    request->target = str_dup(target);
    serial_hex(request->id);
    request->path = request->target;
    char *question = strchr(request->target, '?');
    if (question) {
        *question = '\0';
        request->query_text = question + 1;
    }
    return request;
}

void request_destroy(struct http_request *request) {
    if (!request)
        return;
    if (request->user_destroy)
        request->user_destroy(request->user);
    if (request->response)
        MHD_destroy_response(request->response);
    upgrade_abandon(request->upgrade);
    if (request->stream)
        stream_finished(request->stream);
    for (size_t i = 0; i < request->query_count; i++) {
        free(request->query[i].name);
        free(request->query[i].value);
    }
    free(request->query);
    strv_finish(&request->header_names);
    strv_finish(&request->header_values);
    strv_finish(&request->cookies);
    strbuf_finish(&request->body);
    pthread_mutex_destroy(&request->lock);
    free(request->target);
    free(request);
}

/* --- the head --- */

/* Headers that change how a message is read: two of them are two readings (RFC 9112 section 11.2). */
static const char *const single_headers[] = {"Host", "Content-Length", "Transfer-Encoding", "Authorization",
                                             "Content-Type"};

struct head_count {
    unsigned counts[ARRAY_SIZE(single_headers)];
    bool bad_name;
};

/* A token as RFC 9110 section 5.6.2 has it: "Content-Length " with a blank is not one. */
static bool is_token(const char *text) {
    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return true;
}

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct head_count *head = arg;
    if (!is_token(name))
        head->bad_name = true;
    for (size_t i = 0; i < ARRAY_SIZE(single_headers); i++)
        if (strcasecmp(name, single_headers[i]) == 0)
            head->counts[i]++;
    return MHD_YES;
}

static int check_target(struct http_request *request, struct err *err) {
    /* absolute-form, as proxies send it (RFC 9112 section 3.2.2): the authority is not ours to judge */
    if (strncasecmp(request->path, "http://", 7) == 0 || strncasecmp(request->path, "https://", 8) == 0) {
        const char *slash = strchr(strstr(request->path, "//") + 2, '/');
        request->path = slash ? slash : "/";
    }
    if (request->path[0] != '/')
        return err_set(err, ERR_INVALID, "bad_target", "the request target must begin with a slash");
    for (const char *c = request->path; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return err_set(err, ERR_INVALID, "bad_target",
                           "the request target has bytes that must be escaped");
    return 0;
}

int request_check_head(struct http_request *request, struct err *err) {
    struct head_count head = {0};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_header, &head);
    if (head.bad_name)
        return err_set(err, ERR_INVALID, "bad_header", "a header's name is malformed");
    for (size_t i = 0; i < ARRAY_SIZE(single_headers); i++)
        if (head.counts[i] > 1)
            return err_set(err, ERR_INVALID, "bad_header", "the header %s was sent more than once",
                           single_headers[i]);
    const char *encoding = http_header(request, "Transfer-Encoding");
    if (encoding && http_header(request, "Content-Length"))
        return err_set(err, ERR_INVALID, "bad_header",
                       "Content-Length and Transfer-Encoding exclude each other");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return err_set(err, ERR_INVALID, "bad_header", "the only Transfer-Encoding taken is chunked");
    return check_target(request, err);
}

/* --- who asks --- */

/* All values of a header, joined: several lines of one name are one list (RFC 9110 section 5.3). */
struct joined {
    const char *name;
    struct strbuf text;
    bool any;
};

static enum MHD_Result join_value(void *arg, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct joined *joined = arg;
    if (strcasecmp(name, joined->name) != 0)
        return MHD_YES;
    strbuf_printf(&joined->text, "%s%s", joined->any ? ", " : "", value ? value : "");
    joined->any = true;
    return MHD_YES;
}

/* Owned, or NULL: no such header, or too long to be believed. */
static char *all_values(struct http_request *request, const char *name) {
    struct joined joined = {.name = name, .text = STRBUF_MAX(HTTP_FORWARDED_MAX)};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, join_value, &joined);
    if (joined.any && !joined.text.overflow)
        return strbuf_steal(&joined.text);
    strbuf_finish(&joined.text);
    return NULL;
}

void request_find_client(struct http_request *request) {
    const struct http_proxies *proxies = request->server->options.proxies;
    if (!proxies || !http_proxies_trust(proxies, request->address))
        return;
    if (proxies->rfc7239) {
        _cleanup_free_ char *forwarded = all_values(request, "Forwarded");
        http_proxies_forwarded(proxies, forwarded, request->address, &request->secure);
    } else {
        _cleanup_free_ char *from = all_values(request, "X-Forwarded-For");
        _cleanup_free_ char *scheme = all_values(request, "X-Forwarded-Proto");
        http_proxies_x_forwarded(proxies, from, scheme, request->address, &request->secure);
    }
}

/* --- what handlers ask --- */

bool http_is_secure(const struct http_request *request) {
    return request->secure;
}

const char *http_method(const struct http_request *request) {
    return request->method;
}

const char *http_path(const struct http_request *request) {
    return request->path;
}

const char *http_header(const struct http_request *request, const char *name) {
    struct MHD_Connection *connection = atomic_load(&request->connection);
    return connection ? MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) : NULL;
}

const char *http_body(const struct http_request *request, size_t *ret_length) {
    if (ret_length)
        *ret_length = request->body.length;
    return strbuf_str(&request->body);
}

const char *http_peer(const struct http_request *request) {
    return request->address;
}

const char *http_request_id(const struct http_request *request) {
    return request->id;
}

void http_set_user(struct http_request *request, void *user, void (*destroy)(void *)) {
    if (request->user_destroy)
        request->user_destroy(request->user);
    request->user = user;
    request->user_destroy = destroy;
}

void *http_user(const struct http_request *request) {
    return request->user;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *http_decode(const char *text, size_t length, bool plus_is_space) {
    _cleanup_free_ char *decoded = mem_alloc(length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = length - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        decoded[used++] = c;
    }
    decoded[used] = '\0';
    return str_is_utf8(decoded, used) ? steal_pointer(&decoded) : NULL;
}

static void parse_query(struct http_request *request) {
    request->query_parsed = true;
    const char *part = request->query_text;
    while (part && *part) {
        size_t length = strcspn(part, "&");
        size_t name_length = strcspn(part, "=&");
        if (length) {
            request->query = mem_realloc(request->query, (request->query_count + 1) * sizeof *request->query);
            struct query_parameter *parameter = &request->query[request->query_count++];
            parameter->name = http_decode(part, name_length, true);
            parameter->value = name_length < length
                                   ? http_decode(part + name_length + 1, length - name_length - 1, true)
                                   : str_dup("");
        }
        part += length;
        part += *part == '&';
    }
}

const char *http_query(struct http_request *request, const char *name) {
    if (!request->query_parsed)
        parse_query(request);
    for (size_t i = 0; i < request->query_count; i++)
        if (str_eq(request->query[i].name, name))
            return request->query[i].value;
    return NULL;
}

const char *http_query_name(struct http_request *request, size_t index) {
    if (!request->query_parsed)
        parse_query(request);
    if (index >= request->query_count)
        return NULL;
    const char *name = request->query[index].name;
    return name ? name : "\xef\xbf\xbd"; /* U+FFFD: a name that no route knows */
}

const char *http_cookie(struct http_request *request, const char *name) {
    const char *part = http_header(request, "Cookie");
    size_t name_length = strlen(name);
    while (part && *part) {
        part += strspn(part, " \t;");
        size_t length = strcspn(part, ";");
        if (length > name_length && part[name_length] == '=' && memcmp(part, name, name_length) == 0) {
            const char *value = part + name_length + 1;
            size_t value_length = length - name_length - 1;
            while (value_length && (value[value_length - 1] == ' ' || value[value_length - 1] == '\t'))
                value_length--;
            if (value_length >= 2 && value[0] == '"' && value[value_length - 1] == '"') {
                value++;
                value_length -= 2;
            }
            _cleanup_free_ char *copy = str_ndup(value, value_length);
            strv_add(&request->cookies, copy);
            return request->cookies.items[request->cookies.count - 1];
        }
        part += length;
    }
    return NULL;
}
