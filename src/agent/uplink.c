#include "agent/uplink.h"

#include "agent/enrol.h"
#include "agent/pool.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/client.h"
#include "ws/ws.h"

#include <stdlib.h>

enum uplink_state { UPLINK_WAITING, UPLINK_DIALLING, UPLINK_HELLO, UPLINK_UP, UPLINK_LEAVING };

struct uplink {
    struct uplink_options options;
    struct pool *pool;
    enum uplink_state state;
    struct dial *dial; /* in the worker's hands */
    struct ws *ws;
    struct http_connection *connection; /* under TLS: what moves ws's bytes */
    size_t url;                         /* index: tried next, or connected to */
    bool to_next;                       /* the next dial goes to another server */
    size_t tried;                       /* servers that refused in this round */
    unsigned failures;                  /* rounds that failed since the last success */
    bool registered;                    /* by this process */
    bool use_given_key;                 /* the stored one was refused: --api-key is tried */
    int64_t heard_ms, up_since_ms, period_ms;
    struct loop_timer *timer; /* next dial, or the answer's limit */
    struct loop_timer *heartbeat, *silence;
    loop_fn left;
    void *left_arg;
    struct uplink_stats stats;
};

struct dial {
    struct uplink *uplink; /* NULL: nobody waits any more */
    struct loop *loop;
    struct enrol *enrol;
    bool given_key;
    int result;
};

static void begin_dial(void *arg);

int64_t uplink_backoff_ms(unsigned failures, int64_t second_ms, uint64_t random) {
    if (failures == 0)
        return 0;
    int64_t seconds = failures > 5 ? UPLINK_BACKOFF_MAX_S : INT64_C(1) << (failures - 1);
    if (seconds > UPLINK_BACKOFF_MAX_S)
        seconds = UPLINK_BACKOFF_MAX_S;
    return (int64_t)(random % (uint64_t)(seconds * second_ms + 1));
}

static uint64_t random_number(void) {
    uint64_t number;
    random_bytes(&number, sizeof number);
    return number;
}

static const char *current_url(const struct uplink *uplink) {
    return uplink->options.urls->items[uplink->url];
}

static void set_timer(struct uplink *uplink, int64_t delay_ms, loop_fn fn) {
    loop_timer_cancel(uplink->timer);
    uplink->timer = loop_timer_add(uplink->options.loop, delay_ms, fn, uplink);
}

static void next_url(struct uplink *uplink) {
    uplink->url = (uplink->url + 1) % uplink->options.urls->count;
}

static void wait_and_dial(struct uplink *uplink, int64_t delay_ms) {
    uplink->state = UPLINK_WAITING;
    set_timer(uplink, delay_ms, begin_dial);
}

/* --- dialling --- */

static void dial_free(struct dial *dial) {
    enrol_free(dial->enrol);
    free(dial);
}

static const char *key_to_use(const struct uplink *uplink) {
    const char *own = uplink->options.identity->key;
    return *own && !uplink->use_given_key ? own : uplink->options.api_key ? uplink->options.api_key : own;
}

/* A key that the control plane does not know (any more): its database may be a new one, or the agent was
 * removed. The key from the command line may enrol it again; both are tried in turn. */
static void key_refused(struct uplink *uplink, const struct dial *dial) {
    const struct identity *identity = uplink->options.identity;
    char status[16];
    snprintf(status, sizeof status, "%d", dial->enrol->status);
    log_error(dial->enrol->status == 404 ? "the control plane does not know this agent"
                                         : "the control plane refuses this agent's key",
              "agent", identity->agent_id, "server", dial->enrol->url, "status", status, "error",
              dial->enrol->err.message);
    bool other = *identity->key && uplink->options.api_key && !str_eq(identity->key, uplink->options.api_key);
    uplink->registered = false;
    uplink->use_given_key = other && !dial->given_key;
    if (other && uplink->use_given_key) {
        wait_and_dial(uplink, 0);
        return;
    }
    next_url(uplink);
    int64_t seconds = UPLINK_REFUSED_S * uplink->options.second_ms;
    wait_and_dial(uplink, seconds / 2 + (int64_t)(random_number() % (uint64_t)(seconds / 2 + 1)));
}

static void dial_failed(struct uplink *uplink, const struct dial *dial) {
    int status = dial->enrol->status;
    if (status == 401 || status == 403 || status == 404) {
        key_refused(uplink, dial);
        return;
    }
    if (uplink->failures < 3) /* later on the same again and again is no news */
        log_warn("cannot connect to the control plane", "server", dial->enrol->url, "error",
                 dial->enrol->err.message);
    next_url(uplink);
    if (++uplink->tried < uplink->options.urls->count) {
        wait_and_dial(uplink, 0);
        return;
    }
    uplink->tried = 0;
    uplink->failures++;
    wait_and_dial(uplink, uplink_backoff_ms(uplink->failures, uplink->options.second_ms, random_number()));
}

static void connection_made(struct uplink *uplink, struct dial *dial);

static void dial_done(void *arg) {
    struct dial *dial = arg;
    struct uplink *uplink = dial->uplink;
    struct err err = {0};
    uplink->dial = NULL;
    if (dial->enrol->registered) {
        uplink->registered = true;
        if (*dial->enrol->new_key &&
            identity_save_key(uplink->options.identity, dial->enrol->new_key, &err) < 0)
            log_error("cannot store this agent's key", "error", err.message);
        uplink->use_given_key = false;
    }
    if (uplink->state == UPLINK_LEAVING) {
        dial_free(dial);
        return;
    }
    if (dial->result == 0)
        connection_made(uplink, dial);
    else
        dial_failed(uplink, dial);
    dial_free(dial);
}

static void run_dial(void *arg) {
    struct dial *dial = arg;
    dial->result = enrol_run(dial->enrol);
    loop_post(dial->loop, dial_done, dial);
}

static void begin_dial(void *arg) {
    struct uplink *uplink = arg;
    const struct uplink_options *options = &uplink->options;
    uplink->timer = NULL;
    uplink->state = UPLINK_DIALLING;
    uplink->stats.dials++;
    struct dial *dial = uplink->dial = mem_zalloc(sizeof *dial);
    dial->uplink = uplink;
    dial->loop = options->loop;
    struct enrol *enrol = dial->enrol = mem_zalloc(sizeof *enrol);
    enrol->url = str_dup(current_url(uplink));
    enrol->ca_file = str_dup(options->ca_file);
    enrol->body = uplink->registered ? NULL : str_dup(options->registration);
    str_copy(enrol->agent_id, sizeof enrol->agent_id, options->identity->agent_id);
    str_copy(enrol->key, sizeof enrol->key, key_to_use(uplink));
    dial->given_key = !str_eq(enrol->key, options->identity->key);
    pool_submit(uplink->pool, run_dial, dial);
}

/* --- the connection's end --- */

static void drop_connection(struct uplink *uplink) {
    loop_timer_cancel(uplink->timer);
    loop_timer_cancel(uplink->heartbeat);
    loop_timer_cancel(uplink->silence);
    uplink->timer = uplink->heartbeat = uplink->silence = NULL;
    ws_destroy(uplink->ws); /* closes the connection too */
    uplink->ws = NULL;
}

/* `code` 0: we ended it. */
static void lost(struct uplink *uplink, int code, const char *reason) {
    bool was_up = uplink->state == UPLINK_UP;
    bool stable = was_up && clock_ms() - uplink->up_since_ms >= UPLINK_STABLE_S * uplink->options.second_ms;
    char number[16];
    snprintf(number, sizeof number, "%d", code);
    log_warn("the connection to the control plane is over", "server", current_url(uplink), "code",
             code ? number : NULL, "reason", reason);
    drop_connection(uplink);
    uplink->state = UPLINK_WAITING;
    uplink->stats.losses++;
    if (uplink->to_next)
        next_url(uplink);
    uplink->to_next = false;
    if (was_up)
        uplink->options.callbacks.on_lost(uplink->options.arg, uplink->heard_ms);
    if (code == PROTO_CLOSE_REFUSED) {
        wait_and_dial(uplink, UPLINK_REFUSED_S * uplink->options.second_ms);
        return;
    }
    /* At once only after a connection that had worked. One that the server ends again and again waits. */
    if (stable && code != PROTO_CLOSE_REPLACED) {
        uplink->failures = 0;
        uplink->tried = 0;
    } else {
        uplink->failures++;
    }
    wait_and_dial(uplink, uplink_backoff_ms(uplink->failures, uplink->options.second_ms, random_number()));
}

/* --- sending --- */

static int send_now(struct uplink *uplink, const struct proto_message *message) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    struct err err = {0};
    if (!uplink->ws)
        return -1;
    if (proto_encode(message, &text, &err) < 0) {
        log_error("a message cannot be sent", "type", proto_type_name(message->type), "error", err.message);
        return -1;
    }
    return ws_send_text(uplink->ws, text.data, text.length);
}

int uplink_send(struct uplink *uplink, const struct proto_message *message) {
    return uplink->state == UPLINK_UP ? send_now(uplink, message) : -1;
}

void uplink_heartbeat(struct uplink *uplink) {
    if (uplink->state != UPLINK_UP)
        return;
    struct proto_message message = {.type = PROTO_HEARTBEAT};
    str_copy(message.heartbeat.status, sizeof message.heartbeat.status, "online");
    uplink->options.callbacks.fill_heartbeat(uplink->options.arg, &message.heartbeat);
    send_now(uplink, &message);
    proto_message_finish(&message);
}

static void heartbeat_due(void *arg) {
    struct uplink *uplink = arg;
    uplink->heartbeat = loop_timer_add(uplink->options.loop, uplink->period_ms, heartbeat_due, uplink);
    uplink_heartbeat(uplink);
}

/* --- receiving --- */

static void check_silence(void *arg) {
    struct uplink *uplink = arg;
    int64_t left = uplink->heard_ms + 3 * uplink->period_ms - clock_ms();
    uplink->silence = NULL;
    if (left <= 0)
        lost(uplink, 0, "nothing was heard for three heartbeat periods");
    else
        uplink->silence = loop_timer_add(uplink->options.loop, left, check_silence, uplink);
}

static void welcomed(struct uplink *uplink, const struct proto_welcome *welcome) {
    char generation[24];
    if (uplink->state != UPLINK_HELLO) {
        uplink->stats.ignored++;
        return;
    }
    snprintf(generation, sizeof generation, "%lld", (long long)welcome->generation);
    log_info("connected to the control plane", "agent", uplink->options.identity->agent_id, "server",
             current_url(uplink), "replica", welcome->replica_id, "generation", generation);
    loop_timer_cancel(uplink->timer);
    uplink->timer = NULL;
    uplink->state = UPLINK_UP;
    uplink->stats.connects++;
    uplink->up_since_ms = clock_ms();
    uplink->period_ms = welcome->heartbeat_seconds * uplink->options.second_ms;
    check_silence(uplink);
    uplink->options.callbacks.on_welcome(uplink->options.arg, welcome);
    heartbeat_due(uplink);
}

static void shut_down(struct uplink *uplink, const char *reason) {
    log_info("the control plane ends this connection", "server", current_url(uplink), "reason", reason);
    uplink->to_next = true; /* another one, if there is */
}

static void handle(struct uplink *uplink, const struct proto_message *message) {
    const struct uplink_callbacks *callbacks = &uplink->options.callbacks;
    void *arg = uplink->options.arg;
    bool up = uplink->state == UPLINK_UP;
    if (message->type == PROTO_WELCOME) {
        welcomed(uplink, &message->welcome);
    } else if (message->type == PROTO_PING) {
        struct proto_message pong = {.type = PROTO_PONG, .ping = message->ping};
        send_now(uplink, &pong);
    } else if (message->type == PROTO_COMMAND && up) {
        callbacks->on_command(arg, &message->command);
    } else if (message->type == PROTO_STREAM_OPEN && up) {
        callbacks->on_stream_open(arg, &message->stream_open);
    } else if (message->type == PROTO_SHUTDOWN) {
        shut_down(uplink, message->shutdown.reason);
    } else {
        uplink->stats.ignored++;
        log_debug("an unexpected message was ignored", "type", message->type_text);
    }
}

static void on_text(void *arg, const char *text, size_t length) {
    struct uplink *uplink = arg;
    struct err err = {0};
    _cleanup_proto_ struct proto_message message = {0};
    if (uplink->state != UPLINK_HELLO && uplink->state != UPLINK_UP)
        return;
    uplink->heard_ms = clock_ms();
    if (proto_decode(text, length, PROTO_CONTROL, &message, &err) < 0) {
        uplink->stats.bad_messages++;
        log_error("the control plane sent what is no message", "error", err.message);
        ws_close(uplink->ws, proto_close_code(&err), err.message);
        return;
    }
    uplink->stats.ignored += message.ignored;
    handle(uplink, &message);
}

static void leave_done(struct uplink *uplink) {
    loop_fn left = uplink->left;
    uplink->left = NULL;
    if (left)
        left(uplink->left_arg);
}

static void on_close(void *arg, int code, const char *reason) {
    struct uplink *uplink = arg;
    if (uplink->state == UPLINK_LEAVING) {
        drop_connection(uplink);
        leave_done(uplink);
        return;
    }
    lost(uplink, code, reason);
}

static const struct ws_callbacks callbacks = {.on_text = on_text, .on_close = on_close};

/* --- the beginning --- */

static void no_welcome(void *arg) {
    struct uplink *uplink = arg;
    uplink->timer = NULL;
    uplink->to_next = true;
    lost(uplink, 0, "hello was not answered");
}

static void say_hello(struct uplink *uplink) {
    struct proto_message message = {.type = PROTO_HELLO};
    struct proto_hello *hello = &message.hello;
    hello->protocol_version = PROTO_VERSION;
    hello->heartbeat_seconds = uplink->options.heartbeat_seconds;
    str_copy(hello->agent_version, sizeof hello->agent_version, STREAMSPACE_VERSION);
    str_copy(hello->instance_id, sizeof hello->instance_id, uplink->options.identity->instance_id);
    str_copy(hello->runtime, sizeof hello->runtime, uplink->options.runtime);
    uplink->options.callbacks.fill_hello(uplink->options.arg, hello);
    if (send_now(uplink, &message) < 0)
        ws_close(uplink->ws, 1011, "hello could not be sent");
    proto_message_finish(&message);
}

static ssize_t tls_read(void *arg, void *data, size_t length) {
    return http_connection_read(arg, data, length);
}

static ssize_t tls_write(void *arg, const void *data, size_t length) {
    return http_connection_write(arg, data, length);
}

static void tls_close(void *arg) {
    http_connection_close(arg);
}

static int attach(struct uplink *uplink, struct dial *dial, struct err *err) {
    struct http_connection *connection = dial->enrol->connection;
    dial->enrol->connection = NULL;
    void *early = NULL;
    size_t early_length = 0;
    struct ws_io io = {.fd = -1};
    if (http_connection_is_plain(connection)) {
        io.fd = http_connection_release(connection, &early, &early_length);
    } else {
        io = (struct ws_io){.fd = http_connection_fd(connection),
                            .read = tls_read,
                            .write = tls_write,
                            .close = tls_close,
                            .arg = connection};
    }
    int result = io.fd < 0 ? err_errno(err, "cannot take the connection over")
                           : ws_attach(&uplink->ws, uplink->options.loop, WS_CLIENT, &io, &callbacks, uplink,
                                       early, early_length, err);
    free(early);
    return result;
}

static void connection_made(struct uplink *uplink, struct dial *dial) {
    if (attach(uplink, dial, &dial->enrol->err) < 0) {
        dial_failed(uplink, dial);
        return;
    }
    uplink->state = UPLINK_HELLO;
    uplink->tried = 0;
    uplink->heard_ms = clock_ms();
    set_timer(uplink, UPLINK_WELCOME_S * uplink->options.second_ms, no_welcome);
    say_hello(uplink);
}

/* --- life cycle --- */

struct uplink *uplink_create(const struct uplink_options *options) {
    struct uplink *uplink = mem_zalloc(sizeof *uplink);
    uplink->options = *options;
    if (!uplink->options.second_ms)
        uplink->options.second_ms = 1000;
    uplink->pool = pool_create(1);
    return uplink;
}

void uplink_start(struct uplink *uplink) {
    wait_and_dial(uplink, 0);
}

bool uplink_destroy(struct uplink *uplink, int64_t limit_ms) {
    if (!uplink)
        return true;
    uplink->state = UPLINK_LEAVING;
    if (!pool_destroy(uplink->pool, limit_ms))
        return false;
    drop_connection(uplink);
    loop_step(uplink->options.loop, 0); /* a dial that was just done */
    if (uplink->dial)
        dial_free(uplink->dial);
    free(uplink);
    return true;
}

bool uplink_is_up(const struct uplink *uplink) {
    return uplink->state == UPLINK_UP;
}

const char *uplink_url(const struct uplink *uplink) {
    return uplink->state == UPLINK_UP ? current_url(uplink) : NULL;
}

const char *uplink_key(const struct uplink *uplink) {
    return key_to_use(uplink);
}

void uplink_leave(struct uplink *uplink, const char *reason, loop_fn done, void *arg) {
    bool connected = uplink->ws != NULL;
    uplink->state = UPLINK_LEAVING;
    uplink->left = done;
    uplink->left_arg = arg;
    loop_timer_cancel(uplink->timer);
    loop_timer_cancel(uplink->heartbeat);
    loop_timer_cancel(uplink->silence);
    uplink->timer = uplink->heartbeat = uplink->silence = NULL;
    if (connected)
        ws_close(uplink->ws, 1001, reason);
    else
        leave_done(uplink);
}

struct uplink_stats uplink_stats(const struct uplink *uplink) {
    return uplink->stats;
}
