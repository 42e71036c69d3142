/* `streamspace server`: wires database, domain, hub, relay, API and HTTP together. */
#include "main/main.h"

#include "api/api.h"
#include "api/ui_assets.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "control/seal.h"
#include "control/settings/settings.h"
#include "control/templates/template.h"
#include "control/users/login.h"
#include "control/users/setup.h"
#include "control/users/user.h"
#include "db/db.h"
#include "http/server.h"
#include "hub/hub.h"
#include "main/flags.h"
#include "main/start.h"
#include "relay/relay.h"

#include <signal.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct control_plane {
    char *data_dir;
    char *url; /* by which this machine reaches it */
    char made_password[USER_GENERATED_PASSWORD_SIZE];
    char setup_token[KEY_HEX_SIZE];
    struct db *db;
    struct keyring *keyring;
    struct relay *relay;
    struct hub *hub;
    struct http_static page;
    struct api *api;
    struct http_tls *tls; /* NULL: plain */
    struct http_proxies proxies;
    struct http_server *http;
};

static int open_database(struct control_plane *plane, struct err *err) {
    plane->data_dir = start_data_dir();
    if (dir_make(plane->data_dir, 0700, err) < 0)
        return -1;
    _cleanup_free_ char *url = start_database_url();
    struct db_options options = {
        .url = url,
        .pool_max = (unsigned)setting_start_number(SETTING_DATABASE_CONNECTIONS),
        .statement_limit_ms = (int)setting_start_number(SETTING_DATABASE_TIMEOUT) * 1000,
        .start_limit_ms = (int)setting_start_number(SETTING_DATABASE_WAIT) * 1000,
    };
    return db_open(&plane->db, &options, err);
}

/* --- settings that may be changed while we run --- */

static void apply_settings(struct control_plane *plane) {
    log_set_level((enum log_level)setting_now(SETTING_LOG_LEVEL));
    if (plane->api)
        api_apply_settings(plane->api);
}

/* On the database's notification thread: somebody changed something, here or at another replica. */
static void on_settings(void *arg, const char *channel, const char *payload) {
    struct control_plane *plane = arg;
    struct err err = {0};
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(plane->db, &conn, &err) < 0 || settings_refresh(conn, &err) < 0)
        log_warn("the settings could not be read again", "error", err.message);
    else
        apply_settings(plane);
}

static int read_settings(struct control_plane *plane, struct db_conn *conn, struct err *err) {
    if (settings_refresh(conn, err) < 0)
        return err_wrap(err, "settings");
    apply_settings(plane);
    return 0;
}

/* When all that it acts on is there. What was changed since the first reading is not missed. */
static int follow_settings(struct control_plane *plane, struct err *err) {
    if (db_listen(plane->db, SETTINGS_CHANNEL, on_settings, plane, err) < 0)
        return err_wrap(err, "settings");
    on_settings(plane, SETTINGS_CHANNEL, NULL);
    return 0;
}

/* As above: there is a new signing key. */
static void on_signing_keys(void *arg, const char *channel, const char *payload) {
    struct control_plane *plane = arg;
    struct err err = {0};
    _cleanup_db_ struct db_conn *conn = NULL;
    if (db_acquire(plane->db, &conn, &err) < 0 || keyring_reload(plane->keyring, conn, &err) < 0)
        log_warn("the signing keys could not be read again", "error", err.message);
}

/* First administrator, catalogue, keys. */
static int prepare_domain(struct control_plane *plane, struct err *err) {
    _cleanup_db_ struct db_conn *conn = NULL;
    bool created;
    if (db_acquire(plane->db, &conn, err) < 0 || read_settings(plane, conn, err) < 0)
        return -1;
    bool generate = setting_start_number(SETTING_FIRST_ADMIN) == 1;
    if (seal_setup(setting_start_text(SETTING_SECRET_KEY), err) < 0)
        return -1;
    if (user_ensure_first_admin(conn, setting_start_text(SETTING_ADMIN_PASSWORD), generate,
                                plane->made_password, &created, err) < 0)
        return err_wrap(err, "ADMIN_PASSWORD");
    if (setup_offer(conn, plane->setup_token, err) < 0)
        return err_wrap(err, "first administrator");
    if (created)
        log_info("the first administrator was made", "user", "admin");
    if (template_install_builtin(conn, err) < 0)
        return err_wrap(err, "built-in templates");
    if (keyring_create(&plane->keyring, conn, setting_start_text(SETTING_JWT_SECRET), err) < 0)
        return -1;
    return db_listen(plane->db, SIGNING_KEYS_CHANNEL, on_signing_keys, plane, err);
}

static int start_http(struct control_plane *plane, struct err *err) {
    struct http_server_options http = {
        .listen = setting_start_text(SETTING_LISTEN),
        .listen_fd = -1,
        .threads = (unsigned)setting_start_number(SETTING_THREADS),
        .connection_max = (unsigned)setting_start_number(SETTING_CONNECTIONS_MAX),
        .address_max = (unsigned)setting_start_number(SETTING_CONNECTIONS_PER_ADDRESS),
        .idle_seconds = (unsigned)setting_start_number(SETTING_KEEPALIVE_TIMEOUT),
        .head_seconds = (unsigned)setting_start_number(SETTING_HEADER_TIMEOUT),
        .body_seconds = (unsigned)setting_start_number(SETTING_BODY_TIMEOUT),
        .drain_ms = (unsigned)setting_start_number(SETTING_DRAIN_TIMEOUT) * 1000,
        .tls = plane->tls,
        .proxies = &plane->proxies,
        .handler = api_handler,
        .body_limit = api_body_limit,
        .error = api_error,
        .arg = plane->api};
    return http_server_start(&plane->http, &http, err);
}

static int start_serving(struct control_plane *plane, struct err *err) {
    char replica[17];
    struct hub_options hub = {.db = plane->db, .replica_id = random_hex(replica, 16)};
    if (relay_create(&plane->relay, 0, err) < 0)
        return -1;
    hub.relay = plane->relay;
    if (hub_create(&plane->hub, &hub, err) < 0)
        return -1;
    plane->page = (struct http_static){ui_assets, ui_assets_count};
    struct api_options api = {.db = plane->db,
                              .hub = plane->hub,
                              .relay = plane->relay,
                              .keyring = plane->keyring,
                              .assets = &plane->page,
                              .public_url = setting_start_text(SETTING_PUBLIC_URL),
                              .tls = plane->tls,
                              .version = STREAMSPACE_VERSION,
                              .bootstrap_key = setting_start_text(SETTING_AGENT_BOOTSTRAP_KEY),
                              .ready_agent = setting_start_text(SETTING_READY_AGENT)};
    if (api_create(&plane->api, &api, err) < 0 || hub_start(plane->hub, err) < 0)
        return -1;
    return start_http(plane, err) < 0 ? -1 : follow_settings(plane, err);
}

/* No new connections; requests under way end (drain-timeout); agents and viewers are told that the server
 * goes away (1001: they come back, to another or to the next start). */
static void stop_serving(struct control_plane *plane) {
    if (plane->http)
        http_server_stop_accepting(plane->http);
    if (plane->db) {
        db_unlisten(plane->db, on_settings, plane);
        db_unlisten(plane->db, on_signing_keys, plane);
    }
    if (plane->api)
        api_stop(plane->api);
    if (plane->hub)
        hub_stop(plane->hub);
    http_server_stop(plane->http); /* requests still under way may ask relay and hub for figures */
    relay_destroy(plane->relay);
    api_destroy(plane->api);
    hub_destroy(plane->hub);
    keyring_destroy(plane->keyring);
    db_close(plane->db);
    http_tls_free(plane->tls);
    free(plane->data_dir);
    free(plane->url);
}

/* "http://127.0.0.1:8000": the address that was bound, as this machine can dial it. */
static char *local_url(const char *listen, uint16_t port, bool tls) {
    const char *scheme = tls ? "https" : "http";
    const char *colon = strrchr(listen, ':');
    int length = colon ? (int)(colon - listen) : 0;
    _cleanup_free_ char *host = str_ndup(listen, (size_t)length);
    if (str_empty(host) || str_eq(host, "0.0.0.0") || str_eq(host, "*"))
        return str_format("%s://127.0.0.1:%u", scheme, port);
    if (str_eq(host, "[::]"))
        return str_format("%s://[::1]:%u", scheme, port);
    return str_format("%s://%s:%u", scheme, host, port);
}

/* Tells systemd, when it asked for it (sd_notify(3): a datagram to $NOTIFY_SOCKET). */
static void tell_systemd(const char *state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (str_empty(path) || !str_copy(address.sun_path, sizeof address.sun_path, path))
        return;
    if (*path == '@')
        address.sun_path[0] = '\0';
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0)
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
}

/* Whoever can read the log may make the first administrator. */
static void say_setup(struct control_plane *plane) {
    const char *public_url = setting_start_text(SETTING_PUBLIC_URL);
    _cleanup_free_ char *url =
        str_format("%s/setup?token=%s", public_url ? public_url : plane->url, plane->setup_token);
    if (*plane->setup_token)
        log_warn("there is no administrator yet: open this address to make the first one", "url", url,
                 "token", plane->setup_token);
    explicit_bzero(plane->setup_token, sizeof plane->setup_token);
    explicit_bzero(url, strlen(url));
}

/* Tells `up` (or a test) that it may go on; else a made-up password is printed here, once. */
static void say_ready(struct control_plane *plane) {
    int64_t fd;
    const char *number = getenv(READY_FD_VARIABLE);
    if (number && str_to_i64(number, 3, 65535, &fd)) {
        if (*plane->made_password)
            dprintf((int)fd, "password %s\n", plane->made_password);
        dprintf((int)fd, "listen %s\nready\n", plane->url);
        close((int)fd);
        unsetenv(READY_FD_VARIABLE);
    } else {
        const char *public_url = setting_start_text(SETTING_PUBLIC_URL);
        printf("StreamSpace serves %s\n", public_url ? public_url : plane->url);
        if (*plane->made_password)
            printf("User admin, password %s (made up, shown this once)\n", plane->made_password);
        fflush(stdout);
    }
    tell_systemd("READY=1");
    explicit_bzero(plane->made_password, sizeof plane->made_password);
    log_info("serving", "listen", plane->url, "database", db_engine(plane->db), "version",
             STREAMSPACE_VERSION);
    say_setup(plane);
}

static void block_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigprocmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void reload_certificate(struct control_plane *plane) {
    struct err err = {0};
    char expires[TIME_TEXT_SIZE];
    if (!plane->tls)
        return;
    if (http_tls_reload(plane->tls, &err) < 0)
        log_error("the certificate could not be read again; the old one stays in use", "error", err.message);
    else
        log_info("the certificate was read again", "expires",
                 time_format(http_tls_expires(plane->tls), expires));
}

/* Until somebody says that it is enough. */
static void wait_for_end(struct control_plane *plane, const sigset_t *signals) {
    int number;
    do {
        sigwait(signals, &number);
        if (number == SIGHUP)
            reload_certificate(plane);
    } while (number == SIGHUP);
    log_info("ending", "signal", strsignal(number));
    tell_systemd("STOPPING=1");
    api_drain(plane->api);
    struct timespec delay = {.tv_sec = setting_start_number(SETTING_SHUTDOWN_DELAY)};
    if (delay.tv_sec) /* a second signal cuts it short */
        sigtimedwait(signals, NULL, &delay);
}

int server_main(int argc, char **argv) {
    if (argc > 1 && argv[1][0] != '-') /* server key-rotate … */
        return cli_server_admin(argc, argv);
    struct role_flags flags = {0};
    struct control_plane plane = {0};
    struct err err = {0};
    int status;
    if (!flags_parse(ROLE_SERVER, argc, argv, &flags, &status))
        return status;
    if (flags.check) {
        status = server_check();
        flags_finish(&flags);
        return status;
    }
    if (sodium_init() < 0)
        return role_failed("server", &(struct err){.message = "libsodium does not start"}, 1);
    sigset_t signals;
    block_signals(&signals);
    raise_descriptor_limit();
    if (start_tls(&plane.tls, &err) < 0 || start_proxies(&plane.proxies, &err) < 0 ||
        open_database(&plane, &err) < 0 || prepare_domain(&plane, &err) < 0 ||
        start_serving(&plane, &err) < 0) {
        stop_serving(&plane);
        return role_failed("server", &err, 1);
    }
    plane.url =
        local_url(setting_start_text(SETTING_LISTEN), http_server_port(plane.http), plane.tls != NULL);
    say_ready(&plane);
    wait_for_end(&plane, &signals);
    stop_serving(&plane);
    flags_finish(&flags);
    return 0;
}
