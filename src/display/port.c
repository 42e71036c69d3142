#include "display/port.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "display/xserver.h"
#include "http/server.h"
#include "relay/relay.h"
#include "json/writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

struct display_port {
    struct display_port_options options;
    struct http_server *server;
    struct relay *relay;
    char *socket_path; /* to be removed at the end, or NULL */
    pthread_mutex_t lock;
    bool no_streams; /* under the lock */
    bool closing;    /* under the lock */
    unsigned streams;
};

/* --- answers --- */

static void reply_problem(struct http_request *request, const struct err *err) {
    int status = err_http_status(err->kind);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(8 * 1024);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "type", "about:blank");
    jsonw_put_string(&w, "title", err_kind_code(err->kind));
    jsonw_put_int(&w, "status", status);
    jsonw_put_string(&w, "detail", err->message);
    jsonw_put_string(&w, "code", err->code);
    jsonw_put_string(&w, "requestId", http_request_id(request));
    jsonw_object_end(&w);
    if (status == 401)
        http_add_header(request, "WWW-Authenticate", "Bearer");
    if (status == 503)
        http_add_header(request, "Retry-After", "1");
    http_reply(request, status, "application/problem+json", text.data, text.length);
}

static void refuse(struct http_request *request, enum err_kind kind, const char *code, const char *message) {
    struct err err = {0};
    err_set(&err, kind, code, "%s", message);
    reply_problem(request, &err);
}

static void on_server_error(void *arg, struct http_request *request, const struct err *err) {
    reply_problem(request, err);
}

/* Constant in time for every token of the right length. */
static bool is_authorized(const struct display_port *port, const struct http_request *request) {
    static const char scheme[] = "Bearer ";
    const char *value = http_header(request, "Authorization");
    if (!value || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = value + sizeof scheme - 1;
    return strlen(token) == DISPLAY_TOKEN_DIGITS &&
           sodium_memcmp(token, port->options.config->token, DISPLAY_TOKEN_DIGITS) == 0;
}

/* True when a comma-separated header holds this word (RFC 9110 section 5.6.1). */
static bool header_has(const struct http_request *request, const char *name, const char *word) {
    const char *value = http_header(request, name);
    if (!value)
        return false;
    _cleanup_strv_ struct strv parts = {0};
    strv_split(&parts, value, ',');
    for (size_t i = 0; i < parts.count; i++)
        if (strcasecmp(parts.items[i], word) == 0)
            return true;
    return false;
}

static bool wants_upgrade(const struct http_request *request, const char *protocol) {
    return header_has(request, "Upgrade", protocol) && header_has(request, "Connection", "upgrade");
}

/* 426 (RFC 9110 section 15.5.22) and 405 (15.5.6) are no kinds of err. */
static void reply_fixed(struct http_request *request, int status, const char *header, const char *value) {
    char body[160];
    int length = snprintf(body, sizeof body,
                          "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\"}",
                          status == 426 ? "Upgrade Required" : "Method Not Allowed", status,
                          status == 426 ? "upgrade_required" : "method_not_allowed");
    http_add_header(request, header, value);
    http_reply(request, status, "application/problem+json", body, (size_t)length);
}

static void close_upgraded(void *upgraded) {
    http_upgraded_close(upgraded);
}

/* --- /stream --- */

struct stream {
    struct display_port *port;
    enum relay_kind kind;
    int rfb_fd;
};

static void forget_stream(struct display_port *port) {
    pthread_mutex_lock(&port->lock);
    port->streams--;
    pthread_mutex_unlock(&port->lock);
}

static void on_stream_end(void *arg, enum relay_end_cause cause, const struct relay_totals *totals) {
    forget_stream(arg);
}

/* What a browser is told when the display goes. */
static int on_close_code(void *arg, char *reason) {
    struct display_port *port = arg;
    struct display_situation situation = display_state_get(port->options.state);
    bool over = situation.phase == DISPLAY_ENDED || !display_state_is_open(port->options.state);
    str_copy(reason, 124, over ? "session ended" : "display closed the connection");
    return over ? 1001 : 1011;
}

static void start_pair(struct stream *stream, struct http_upgraded *upgraded, int fd, const void *early,
                       size_t early_length) {
    static const struct relay_callbacks callbacks = {.on_end = on_stream_end, .on_close_code = on_close_code};
    struct display_port *port = stream->port;
    struct relay_end viewer = {.kind = stream->kind,
                               .fd = fd,
                               .close = close_upgraded,
                               .arg = upgraded,
                               .early = early,
                               .early_length = early_length};
    struct relay_end display = {.kind = RELAY_RAW, .fd = stream->rfb_fd};
    struct relay_pair *pair = NULL;
    if (relay_pair_start(port->relay, &pair, &viewer, &display, &callbacks, port, NULL) < 0)
        port->streams--; /* both ends are closed already */
    relay_pair_unref(pair);
}

static void on_stream_upgraded(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                               size_t early_length) {
    struct stream *stream = arg;
    struct display_port *port = stream->port;
    /* Under the lock, so that the relay is not ended between the look and the start. */
    pthread_mutex_lock(&port->lock);
    if (port->no_streams) {
        port->streams--;
        close_fd(stream->rfb_fd);
        http_upgraded_close(upgraded);
    } else {
        start_pair(stream, upgraded, fd, early, early_length);
    }
    pthread_mutex_unlock(&port->lock);
    free(stream);
}

static bool take_stream_place(struct display_port *port) {
    pthread_mutex_lock(&port->lock);
    bool room = !port->no_streams && port->streams < PORT_STREAMS_MAX;
    if (room)
        port->streams++;
    pthread_mutex_unlock(&port->lock);
    return room;
}

static void handle_stream(struct display_port *port, struct http_request *request) {
    bool websocket = wants_upgrade(request, "websocket");
    struct err err = {0};
    char accept[29];
    if (!websocket && !wants_upgrade(request, "streamspace-stream")) {
        reply_fixed(request, 426, "Upgrade", "streamspace-stream, websocket");
        return;
    }
    if (websocket && http_websocket_accept(request, accept, &err) < 0) {
        reply_problem(request, &err);
        return;
    }
    if (!display_state_is_open(port->options.state)) {
        refuse(request, ERR_UNAVAILABLE, "display_unavailable", "display is not running");
        return;
    }
    if (!take_stream_place(port)) {
        refuse(request, ERR_UNAVAILABLE, "too_many_streams", "no more viewers fit");
        return;
    }
    int rfb_fd;
    if (xserver_connect_rfb(port->options.rfb_path, &rfb_fd, &err) < 0) {
        forget_stream(port);
        reply_problem(request, &err);
        return;
    }
    struct stream *stream = mem_zalloc(sizeof *stream);
    *stream =
        (struct stream){.port = port, .kind = websocket ? RELAY_WEBSOCKET : RELAY_RAW, .rfb_fd = rfb_fd};
    if (websocket) {
        http_add_header(request, "Sec-WebSocket-Accept", accept);
        if (header_has(request, "Sec-WebSocket-Protocol", "binary"))
            http_add_header(request, "Sec-WebSocket-Protocol", "binary");
    }
    http_upgrade(request, websocket ? "websocket" : "streamspace-stream", on_stream_upgraded, stream);
}

/* --- /status and /health --- */

struct newcomer {
    struct display_port *port;
    struct http_upgraded *upgraded;
    int fd;
};

static void welcome(void *arg) {
    struct newcomer *newcomer = arg;
    display_status_add(newcomer->port->options.status, newcomer->fd, close_upgraded, newcomer->upgraded);
    free(newcomer);
}

static void on_status_upgraded(void *arg, struct http_upgraded *upgraded, int fd, const void *early,
                               size_t early_length) {
    struct display_port *port = arg;
    /* Under the lock: what is posted before `closing` is set will still be run. */
    pthread_mutex_lock(&port->lock);
    if (port->closing) {
        http_upgraded_close(upgraded);
    } else {
        struct newcomer *newcomer = mem_zalloc(sizeof *newcomer);
        *newcomer = (struct newcomer){port, upgraded, fd};
        loop_post(port->options.loop, welcome, newcomer);
    }
    pthread_mutex_unlock(&port->lock);
}

static void handle_status(struct display_port *port, struct http_request *request) {
    if (!wants_upgrade(request, "streamspace-status"))
        reply_fixed(request, 426, "Upgrade", "streamspace-status");
    else
        http_upgrade(request, "streamspace-status", on_status_upgraded, port);
}

static void handle_health(struct display_port *port, struct http_request *request) {
    struct display_situation situation = display_state_get(port->options.state);
    char *text = display_situation_json(&situation);
    http_reply(request, 200, "application/json", text, strlen(text));
    free(text);
}

/* --- the server --- */

static void on_request(void *arg, struct http_request *request) {
    static const struct {
        const char *path;
        void (*handle)(struct display_port *port, struct http_request *request);
    } routes[] = {
        {"/stream", handle_stream},
        {"/status", handle_status},
        {"/health", handle_health},
    };
    struct display_port *port = arg;
    if (!is_authorized(port, request)) {
        refuse(request, ERR_UNAUTHENTICATED, NULL, "this needs the session's token");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (!str_eq(http_path(request), routes[i].path))
            continue;
        if (str_eq(http_method(request), "GET")) {
            routes[i].handle(port, request);
            return;
        }
        reply_fixed(request, 405, "Allow", "GET");
        return;
    }
    refuse(request, ERR_NOT_FOUND, NULL, "nothing is here");
}

static int listen_unix(const char *path, int *ret_fd, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    str_copy(address.sun_path, sizeof address.sun_path, path);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "cannot make the port's socket");
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    /* On the socket before bind: the file is born with this mode, whatever the umask. */
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
        return err_errno(err, "cannot listen on %s", path);
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* A listening socket that we were born with. */
static int take_listener(int fd, struct err *err) {
    int listening = 0;
    socklen_t size = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
        return err_set_field(err, ERR_INVALID, NULL, "listen", "descriptor %d is no listening socket", fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_errno(err, "cannot take descriptor %d", fd);
    return fd_set_nonblocking(fd, true, err);
}

static int open_listener(struct display_port *port, struct http_server_options *server, struct err *err) {
    const struct display_config *config = port->options.config;
    server->listen_fd = -1;
    switch (config->listen_kind) {
    case DISPLAY_LISTEN_TCP:
        server->listen = config->listen;
        return 0;
    case DISPLAY_LISTEN_FD:
        server->listen_fd = config->listen_fd;
        return take_listener(config->listen_fd, err);
    case DISPLAY_LISTEN_UNIX:
        if (listen_unix(config->listen, &server->listen_fd, err) < 0)
            return -1;
        port->socket_path = str_dup(config->listen);
        return 0;
    }
    return -1;
}

int display_port_start(struct display_port **ret, const struct display_port_options *options,
                       struct err *err) {
    struct display_port *port = mem_zalloc(sizeof *port);
    port->options = *options;
    pthread_mutex_init(&port->lock, NULL);
    struct http_server_options server = {.threads = 1,
                                         .connection_max = PORT_CONNECTIONS_MAX,
                                         .body_max = 1024,
                                         .handler = on_request,
                                         .error = on_server_error,
                                         .arg = port};
    if (relay_create(&port->relay, 1, err) < 0 || open_listener(port, &server, err) < 0 ||
        http_server_start(&port->server, &server, err) < 0) {
        display_port_stop(port);
        return -1;
    }
    *ret = port;
    return 0;
}

void display_port_end_streams(struct display_port *port) {
    pthread_mutex_lock(&port->lock);
    port->no_streams = true;
    pthread_mutex_unlock(&port->lock);
    relay_destroy(steal_pointer(&port->relay));
}

void display_port_stop(struct display_port *port) {
    if (!port)
        return;
    display_port_end_streams(port);
    pthread_mutex_lock(&port->lock);
    port->closing = true;
    pthread_mutex_unlock(&port->lock);
    /* Newcomers that were posted come in, and all go. */
    loop_step(port->options.loop, 0);
    display_status_close_all(port->options.status);
    http_server_stop(port->server);
    if (port->socket_path)
        unlink(port->socket_path);
    free(port->socket_path);
    pthread_mutex_destroy(&port->lock);
    free(port);
}

uint16_t display_port_number(const struct display_port *port) {
    return port->server ? http_server_port(port->server) : 0;
}
