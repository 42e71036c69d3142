#include "relay/relay.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "relay/pair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static void *run_loop(void *arg) {
    struct relay_loop *home = arg;
    loop_run(home->loop);
    return NULL;
}

int relay_create(struct relay **ret, unsigned loops, struct err *err) {
    return relay_create_timed(ret, loops, RELAY_PING_SECONDS * 1000, RELAY_DEAD_SECONDS * 1000, err);
}

int relay_create_timed(struct relay **ret, unsigned loops, int64_t ping_ms, int64_t dead_ms,
                       struct err *err) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct relay *relay = mem_zalloc(sizeof *relay);
    unsigned wanted = loops ? loops : cores > 0 ? (unsigned)cores : 1;
    relay->ping_ms = ping_ms;
    relay->dead_ms = dead_ms;
    relay->loops = mem_zalloc(wanted * sizeof *relay->loops);
    pthread_t *threads = mem_zalloc(wanted * sizeof *threads);
    relay->threads = threads;
    signal(SIGPIPE, SIG_IGN); /* splice(2) knows no MSG_NOSIGNAL */
    for (; relay->count < wanted; relay->count++) {
        struct relay_loop *home = &relay->loops[relay->count];
        home->relay = relay;
        int failed = loop_create(&home->loop, err);
        if (!failed && (failed = pthread_create(&threads[relay->count], NULL, run_loop, home))) {
            loop_destroy(home->loop);
            err_set(err, ERR_INTERNAL, NULL, "cannot start a relay thread: %s", strerrordesc_np(failed));
        }
        if (failed) {
            relay_destroy(relay);
            return -1;
        }
    }
    *ret = relay;
    return 0;
}

static void end_if_empty(struct relay_loop *home);

static void look_again(void *arg) {
    end_if_empty(arg);
}

static void stop_loop(void *arg) {
    loop_stop(arg);
}

/* A loop ends when its last pair has: close frames get their time (PAIR_LINGER_MS). The stop is a task behind
 * those that still hold references. */
static void end_if_empty(struct relay_loop *home) {
    if (home->pairs)
        loop_timer_add(home->loop, 5, look_again, home);
    else
        loop_post(home->loop, stop_loop, home->loop);
}

static void end_all(void *arg) {
    struct relay_loop *home = arg;
    struct relay_pair *next;
    for (struct relay_pair *pair = home->pairs; pair; pair = next) {
        next = pair->next;
        pair_finish(pair, RELAY_ENDED_BY_OWNER, 1001, "server going away");
    }
    end_if_empty(home);
}

void relay_destroy(struct relay *relay) {
    if (!relay)
        return;
    pthread_t *threads = relay->threads;
    atomic_store(&relay->stopping, true);
    for (unsigned i = 0; i < relay->count; i++)
        loop_post(relay->loops[i].loop, end_all, &relay->loops[i]);
    for (unsigned i = 0; i < relay->count; i++) {
        pthread_join(threads[i], NULL);
        loop_destroy(relay->loops[i].loop);
    }
    free(relay->loops);
    free(threads);
    free(relay);
}

static void take_end(struct pair_end *end, const struct relay_end *given) {
    int on = 1;
    *end = (struct pair_end){.kind = given->kind, .fd = given->fd, .close = given->close, .arg = given->arg};
    end->readable = end->writable = true;
    setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on); /* fails on Unix sockets, which never wait */
}

static void give_up_end(const struct relay_end *end) {
    if (end->close)
        end->close(end->arg);
    else
        close_fd(end->fd);
}

static struct relay_pair *new_pair(struct relay *relay) {
    struct relay_pair *pair = mem_zalloc(sizeof *pair);
    atomic_init(&pair->references, 1);
    unsigned turn = atomic_fetch_add(&relay->next, 1);
    pair->home = &relay->loops[turn % relay->count];
    pair->to_a.pipe[0] = pair->to_a.pipe[1] = pair->to_b.pipe[0] = pair->to_b.pipe[1] = -1;
    pair->a.fd = pair->b.fd = -1;
    atomic_fetch_add(&relay->pairs, 1);
    return pair;
}

/* A pair on its way to its loop, with what the browser sent along with its handshake. */
struct beginning {
    struct relay_pair *pair;
    size_t length;
    uint8_t bytes[];
};

static void begin_now(void *arg) {
    struct beginning *beginning = arg;
    struct relay_pair *pair = relay_pair_ref(beginning->pair);
    pair_begin(pair, beginning->bytes, beginning->length);
    relay_pair_unref(pair);
    free(beginning);
}

static void post_beginning(struct relay_pair *pair, const void *early, size_t length) {
    struct beginning *beginning = mem_zalloc(sizeof *beginning + length);
    beginning->pair = pair;
    beginning->length = length;
    if (length)
        memcpy(beginning->bytes, early, length);
    loop_post(pair->home->loop, begin_now, beginning);
}

int relay_pair_start(struct relay *relay, struct relay_pair **ret, const struct relay_end *a,
                     const struct relay_end *b, const struct relay_callbacks *callbacks, void *arg,
                     struct err *err) {
    bool readable = a->kind == RELAY_WEBSOCKET || a->protocol == RELAY_BYTES;
    if (!readable || b->kind != RELAY_RAW || b->protocol != RELAY_BYTES ||
        a->early_length > PAIR_INBOUND_BYTES || b->early_length > PAIR_INBOUND_BYTES) {
        give_up_end(a);
        give_up_end(b);
        return err_set(err, ERR_INVALID, NULL, "this pair of sockets cannot be relayed");
    }
    struct relay_pair *pair = new_pair(relay);
    take_end(&pair->a, a);
    take_end(&pair->b, b);
    if (callbacks)
        pair->callbacks = *callbacks;
    pair->arg = arg;
    pair->inbound.protocol = a->protocol;
    pair->inbound.filter.mode = a->protocol == RELAY_RFB_VIEW ? RFB_VIEW : RFB_WATCH;
    bool framed = a->kind == RELAY_WEBSOCKET;
    if (pump_prefill(&pair->to_a, b->early, b->early_length) < 0 ||
        (!framed && pump_prefill(&pair->to_b, a->early, a->early_length) < 0)) {
        err_errno(err, "cannot make a pipe");
        give_up_end(a);
        give_up_end(b);
        pump_finish(&pair->to_a);
        pump_finish(&pair->to_b);
        atomic_fetch_sub(&relay->pairs, 1);
        free(pair);
        return -1;
    }
    if (ret)
        *ret = relay_pair_ref(pair);
    post_beginning(pair, a->early, framed ? a->early_length : 0);
    return 0;
}

void relay_refuse(struct relay *relay, const struct relay_end *end, int code, const char *reason) {
    struct relay_pair *pair = new_pair(relay);
    take_end(&pair->a, end);
    uint8_t payload[2 + 123] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t length = strnlen(reason, 123);
    memcpy(payload + 2, reason, length);
    pair->closing = true;
    pair_queue_control(pair, FRAME_CLOSE, payload, length + 2);
    post_beginning(pair, NULL, 0);
}

/* A request to end a pair, on its way to the loop. */
struct ending {
    struct relay_pair *pair;
    int code;
    char reason[124];
};

static void end_now(void *arg) {
    struct ending *ending = arg;
    pair_finish(ending->pair, RELAY_ENDED_BY_OWNER, ending->code, ending->reason);
    relay_pair_unref(ending->pair);
    free(ending);
}

void relay_pair_end(struct relay_pair *pair, int code, const char *reason) {
    struct ending *ending = mem_zalloc(sizeof *ending);
    ending->pair = relay_pair_ref(pair);
    ending->code = code;
    str_copy(ending->reason, sizeof ending->reason, reason ? reason : "");
    loop_post(pair->home->loop, end_now, ending);
}

struct relay_pair *relay_pair_ref(struct relay_pair *pair) {
    atomic_fetch_add(&pair->references, 1);
    return pair;
}

void relay_pair_unref(struct relay_pair *pair) {
    if (pair && atomic_fetch_sub(&pair->references, 1) == 1)
        free(pair);
}

struct relay_totals relay_pair_totals(const struct relay_pair *pair) {
    return (struct relay_totals){atomic_load_explicit(&pair->bytes_from_a, memory_order_relaxed),
                                 atomic_load_explicit(&pair->bytes_from_b, memory_order_relaxed)};
}

struct relay_totals relay_totals(const struct relay *relay) {
    return (struct relay_totals){atomic_load_explicit(&relay->bytes_from_a, memory_order_relaxed),
                                 atomic_load_explicit(&relay->bytes_from_b, memory_order_relaxed)};
}

unsigned relay_pairs(const struct relay *relay) {
    return atomic_load(&relay->pairs);
}
