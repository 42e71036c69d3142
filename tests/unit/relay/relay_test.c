#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "relay/frames.h"
#include "relay/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define LIMIT_MS 10000
#define FLOOD_BLOCK (64 * 1024)
#define SLOW_BYTES_MAX (64 * 1024 * 1024) /* more than two connections' buffers and a pipe can hold */

/* Two connected TCP sockets; sockets[1] is non-blocking, for the relay. */
static void tcp_pair(int sockets[2]) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    sockets[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(sockets[0], (struct sockaddr *)&address, size), 0);
    sockets[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(sockets[1] >= 0);
    close(listener);
    struct timeval limit = {.tv_sec = LIMIT_MS / 1000};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(sockets[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* Memory of this process in KB. */
static long resident_kb(void) {
    long pages = 0;
    _cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct ended {
    atomic_int count;
    _Atomic int cause;
    _Atomic uint64_t from_a, from_b;
    atomic_int activity;
};

static void on_end(void *arg, enum relay_end_cause cause, const struct relay_totals *totals) {
    struct ended *ended = arg;
    ended->cause = (int)cause;
    ended->from_a = totals->bytes_from_a;
    ended->from_b = totals->bytes_from_b;
    ended->count++;
}

static void on_activity(void *arg) {
    ((struct ended *)arg)->activity++;
}

static int on_close_code(void *arg, char *reason) {
    str_copy(reason, 124, "the display is gone");
    return 4104;
}

static const struct relay_callbacks callbacks = {on_end, on_activity, on_close_code};

static void wait_ended(struct ended *ended) {
    int64_t limit = clock_ms() + LIMIT_MS;
    while (!ended->count) {
        assert_true(clock_ms() < limit);
        poll(NULL, 0, 1);
    }
}

static void read_all(int fd, void *data, size_t length) {
    char *p = data;
    while (length) {
        ssize_t got = recv(fd, p, length, 0);
        assert_true(got > 0);
        p += got;
        length -= (size_t)got;
    }
}

/* Reads one server frame's head. */
static enum frame_opcode read_head(int fd, uint64_t *ret_length) {
    uint8_t head[8];
    read_all(fd, head, 2);
    assert_true(head[0] & 0x80);
    enum frame_opcode opcode = head[0] & 15;
    *ret_length = head[1];
    if (head[1] >= 126) {
        size_t bytes = head[1] == 126 ? 2 : 8;
        read_all(fd, head, bytes);
        *ret_length = 0;
        for (size_t i = 0; i < bytes; i++)
            *ret_length = *ret_length << 8 | head[i];
    }
    return opcode;
}

static void send_client_frame(int fd, uint8_t first, const void *payload, size_t length) {
    uint8_t bytes[256];
    size_t at = frame_head(bytes, FRAME_BINARY, length);
    bytes[0] = first;
    bytes[1] |= 0x80;
    memset(bytes + at, 0, 4); /* a mask of zeros */
    memcpy(bytes + at + 4, payload, length);
    assert_int_equal(send(fd, bytes, at + 4 + length, MSG_NOSIGNAL), at + 4 + length);
}

/* Skips pings and pongs up to the close frame; returns its code. */
static int read_close(int fd, char *reason) {
    for (;;) {
        uint64_t length;
        enum frame_opcode opcode = read_head(fd, &length);
        _cleanup_free_ uint8_t *payload = mem_zalloc(length + 1);
        read_all(fd, payload, length);
        if (opcode != FRAME_CLOSE)
            continue;
        if (reason)
            str_copy(reason, 124, (char *)payload + 2);
        char rest;
        assert_int_equal(recv(fd, &rest, 1, 0), 0);
        return payload[0] << 8 | payload[1];
    }
}

struct fixture {
    struct relay *relay;
    int browser, display; /* the tests' ends */
    struct relay_pair *pair;
    struct ended ended;
};

static void start_protocol(struct fixture *f, enum relay_kind kind, enum relay_protocol protocol) {
    int a[2], b[2];
    tcp_pair(a);
    tcp_pair(b);
    *f = (struct fixture){.browser = a[0], .display = b[0]};
    assert_int_equal(relay_create_timed(&f->relay, 1, 50, 100000, NULL), 0);
    struct relay_end end_a = {.kind = kind, .protocol = protocol, .fd = a[1]};
    struct relay_end end_b = {.kind = RELAY_RAW, .fd = b[1]};
    assert_int_equal(relay_pair_start(f->relay, &f->pair, &end_a, &end_b, &callbacks, &f->ended, NULL), 0);
}

static void start(struct fixture *f, enum relay_kind kind) {
    start_protocol(f, kind, RELAY_BYTES);
}

static void finish(struct fixture *f) {
    close_fd(f->browser);
    close_fd(f->display);
    relay_pair_unref(f->pair);
    relay_destroy(f->relay);
    assert_int_equal(f->ended.count, 1);
}

static void a_key_goes_down_and_a_picture_comes_up(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    send_client_frame(f.browser, 0x82, "key", 3);
    char key[3];
    read_all(f.display, key, 3);
    assert_memory_equal(key, "key", 3);
    assert_int_equal(send(f.display, "picture", 7, 0), 7);
    uint64_t length;
    enum frame_opcode opcode;
    while ((opcode = read_head(f.browser, &length)) == FRAME_PING)
        ;
    assert_int_equal(opcode, FRAME_BINARY);
    assert_int_equal(length, 7);
    char picture[7];
    read_all(f.browser, picture, 7);
    assert_memory_equal(picture, "picture", 7);
    int64_t limit = clock_ms() + LIMIT_MS;
    while (relay_pair_totals(f.pair).bytes_from_b != 7 || !f.ended.activity) {
        assert_true(clock_ms() < limit);
        poll(NULL, 0, 1);
    }
    assert_int_equal(relay_pair_totals(f.pair).bytes_from_a, 3);
    assert_int_equal(f.ended.activity, 1);
    send_client_frame(f.browser, 0x88, "\x03\xe8", 2);
    assert_int_equal(read_close(f.browser, NULL), 1000);
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    assert_int_equal(f.ended.cause, RELAY_ENDED_BY_A);
    finish(&f);
}

static const char rfb_hello[] = "RFB 003.008\n\1\1", rfb_request[] = "\3\1\0\0\0\0\3\x20\2\x58",
                  rfb_key[] = "\4\1\0\0\0\0\0\x61";

static void only_looking_sends_no_key(void **state) {
    struct fixture f;
    start_protocol(&f, RELAY_WEBSOCKET, RELAY_RFB_VIEW);
    send_client_frame(f.browser, 0x82, rfb_hello, 14);
    send_client_frame(f.browser, 0x82, rfb_key, 8);
    send_client_frame(f.browser, 0x82, rfb_request, 4); /* a message in two frames */
    send_client_frame(f.browser, 0x82, rfb_request + 4, 6);
    char got[24];
    read_all(f.display, got, sizeof got);
    assert_memory_equal(got, rfb_hello, 14);
    assert_memory_equal(got + 14, rfb_request, 10);
    send_client_frame(f.browser, 0x82, "\x4d", 1);
    char reason[124] = "";
    assert_int_equal(read_close(f.browser, reason), 1008);
    assert_string_equal(reason, "view only: an unknown message (type 77)");
    assert_int_equal(recv(f.display, got, 1, 0), 0); /* nothing else came, and the end */
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    assert_int_equal(f.ended.cause, RELAY_ENDED_BY_A);
    finish(&f);
}

static void asking_for_pictures_is_no_input(void **state) {
    struct fixture f;
    start_protocol(&f, RELAY_WEBSOCKET, RELAY_RFB);
    send_client_frame(f.browser, 0x82, rfb_hello, 14);
    send_client_frame(f.browser, 0x82, rfb_request, 10);
    char got[32];
    read_all(f.display, got, 24);
    assert_int_equal(f.ended.activity, 0);
    send_client_frame(f.browser, 0x82, rfb_key, 8);
    read_all(f.display, got, 8);
    assert_memory_equal(got, rfb_key, 8);
    for (int64_t limit = clock_ms() + LIMIT_MS; !f.ended.activity; poll(NULL, 0, 1))
        assert_true(clock_ms() < limit);
    assert_int_equal(f.ended.activity, 1);
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    finish(&f);
}

static void the_end_of_the_display_is_told_with_code_and_reason(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    assert_int_equal(send(f.display, "last words", 10, 0), 10);
    close_fd(f.display);
    f.display = -1;
    char reason[124];
    assert_int_equal(read_close(f.browser, reason), 4104);
    assert_string_equal(reason, "the display is gone");
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    assert_int_equal(f.ended.cause, RELAY_ENDED_BY_B);
    assert_int_equal(f.ended.from_b, 10);
    finish(&f);
}

static void the_owner_can_end_it(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    relay_pair_end(f.pair, 4100, "session terminated");
    char reason[124];
    assert_int_equal(read_close(f.browser, reason), 4100);
    assert_string_equal(reason, "session terminated");
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    assert_int_equal(f.ended.cause, RELAY_ENDED_BY_OWNER);
    relay_pair_end(f.pair, 4100, "again");
    finish(&f);
}

static void a_ping_is_answered_and_silence_is_pinged(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    send_client_frame(f.browser, 0x89, "are you there", 13);
    bool ping = false, pong = false;
    while (!ping || !pong) {
        uint64_t length;
        enum frame_opcode opcode = read_head(f.browser, &length);
        char payload[125];
        read_all(f.browser, payload, length);
        ping |= opcode == FRAME_PING;
        if (opcode == FRAME_PONG) {
            pong = true;
            assert_memory_equal(payload, "are you there", 13);
        }
    }
    finish(&f);
}

static void a_malformed_frame_ends_with_1002(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    assert_int_equal(send(f.browser, "\x82\x01x", 3, 0), 3);
    assert_int_equal(read_close(f.browser, NULL), 1002);
    finish(&f);
}

static void a_silent_browser_is_given_up(void **state) {
    int a[2], b[2];
    tcp_pair(a);
    tcp_pair(b);
    struct relay *relay;
    struct ended ended = {0};
    assert_int_equal(relay_create_timed(&relay, 1, 10, 40, NULL), 0);
    struct relay_end end_a = {.kind = RELAY_WEBSOCKET, .fd = a[1]}, end_b = {.kind = RELAY_RAW, .fd = b[1]};
    assert_int_equal(relay_pair_start(relay, NULL, &end_a, &end_b, &callbacks, &ended, NULL), 0);
    wait_ended(&ended);
    assert_int_equal(ended.cause, RELAY_ENDED_BY_A);
    close(a[0]);
    close(b[0]);
    relay_destroy(relay);
}

#define FLOOD_BYTES (48 * 1024 * 1024)

static void *flood(void *arg) {
    int fd = *(int *)arg;
    static uint8_t block[65536];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t sent = 0; sent < FLOOD_BYTES;) {
        ssize_t n = send(fd, block + sent % sizeof block, sizeof block - sent % sizeof block, MSG_NOSIGNAL);
        if (n <= 0)
            return NULL;
        sent += (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static bool expected_byte(uint8_t byte, size_t position) {
    size_t i = position % 65536;
    return byte == (uint8_t)(i * 7 + i / 251);
}

/* Everything arrives, in order, framed or raw, with pings in between, through a reader that is slow at first.
 */
static void a_flood_arrives_whole(void **state) {
    for (int kind = RELAY_RAW; kind <= RELAY_WEBSOCKET; kind++) {
        struct fixture f;
        start(&f, (enum relay_kind)kind);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, flood, &f.display), 0);
        poll(NULL, 0, 120); /* back-pressure: sockets and pipe fill up, and a ping falls due */
        static uint8_t data[1 << 20];
        size_t position = 0;
        while (position < FLOOD_BYTES) {
            uint64_t length = sizeof data;
            enum frame_opcode opcode = kind == RELAY_WEBSOCKET ? read_head(f.browser, &length) : FRAME_BINARY;
            while (length) {
                ssize_t got = recv(f.browser, data, length < sizeof data ? length : sizeof data, 0);
                assert_true(got > 0);
                for (ssize_t i = 0; opcode == FRAME_BINARY && i < got; i += 997)
                    assert_true(expected_byte(data[i], position + (size_t)i));
                if (opcode == FRAME_BINARY)
                    position += (size_t)got;
                length = kind == RELAY_WEBSOCKET ? length - (uint64_t)got : 0;
            }
        }
        pthread_join(thread, NULL);
        finish(&f);
        assert_int_equal(f.ended.from_b, FLOOD_BYTES);
    }
}

/* A reader that stops: the source is held back by TCP, the relay does not collect. */
static void a_reader_that_stops_stops_the_source(void **state) {
    for (enum relay_kind kind = RELAY_RAW; kind <= RELAY_WEBSOCKET; kind++) {
        struct fixture f;
        start(&f, kind);
        _cleanup_free_ char *block = mem_zalloc(FLOOD_BLOCK);
        size_t accepted = 0;
        int64_t moved = clock_ms();
        long before = resident_kb();
        while (clock_ms() - moved < 300) { /* until nothing has gone for a while */
            ssize_t sent = send(f.display, block, FLOOD_BLOCK, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent <= 0) {
                poll(NULL, 0, 5);
                continue;
            }
            accepted += (size_t)sent;
            moved = clock_ms();
            assert_true(accepted < SLOW_BYTES_MAX);
        }
        assert_true(resident_kb() - before < 4096);
        assert_true(accepted > RELAY_PIPE_BYTES / 2);
        shutdown(f.display, SHUT_WR);
        size_t got = 0;
        while (got < accepted) { /* and nothing is lost */
            uint64_t length = accepted - got < FLOOD_BLOCK ? accepted - got : FLOOD_BLOCK;
            enum frame_opcode opcode = kind == RELAY_WEBSOCKET ? read_head(f.browser, &length) : FRAME_BINARY;
            got += opcode == FRAME_BINARY ? length : 0;
            while (length) {
                size_t part = length < FLOOD_BLOCK ? length : FLOOD_BLOCK;
                read_all(f.browser, block, part);
                length -= part;
            }
        }
        assert_int_equal(got, accepted);
        finish(&f);
    }
}

/* Small messages one at a time, both ways: nothing waits for company (40 ms each where Nagle or a cork does).
 */
static void small_messages_are_not_held_back(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    int on = 1;
    setsockopt(f.display, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int64_t begun = clock_ms();
    for (int i = 0; i < 200; i++) {
        char event[30] = "key event", update[30];
        uint64_t length;
        send_client_frame(f.browser, 0x82, event, sizeof event);
        read_all(f.display, update, sizeof update);
        assert_int_equal(send(f.display, update, sizeof update, 0), sizeof update);
        while (read_head(f.browser, &length) == FRAME_PING)
            ;
        assert_int_equal(length, sizeof update);
        read_all(f.browser, update, sizeof update);
        assert_string_equal(update, "key event");
    }
    assert_true(clock_ms() - begun < 4000);
    finish(&f);
}

/* A page that closes lets go of its keys and says goodbye in one segment. */
static void the_last_words_before_a_close_arrive(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    static const char bytes[] =
        "\x82\x85\0\0\0\0key-u\x82\x81\0\0\0\0p\x88\x82\0\0\0\0\x03\xe8\x82\x81\0\0\0\0x";
    assert_int_equal(send(f.browser, bytes, sizeof bytes - 1, 0), sizeof bytes - 1);
    char got[7] = {0};
    read_all(f.display, got, 6);
    assert_string_equal(got, "key-up");
    assert_int_equal(recv(f.display, got, 1, 0), 0);
    assert_int_equal(read_close(f.browser, NULL), 1000);
    close_fd(f.browser);
    f.browser = -1;
    wait_ended(&f.ended);
    assert_int_equal(f.ended.cause, RELAY_ENDED_BY_A);
    assert_int_equal(f.ended.from_a, 6);
    finish(&f);
}

static void *hear_goodbye(void *arg) {
    struct fixture *f = arg;
    int code = read_close(f->browser, NULL);
    close_fd(f->browser);
    f->browser = -1;
    return (void *)(intptr_t)code;
}

static void a_relay_that_goes_ends_its_pairs(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    int a[2], b[2];
    tcp_pair(a);
    tcp_pair(b);
    struct ended raw = {0};
    struct relay_end end_a = {.kind = RELAY_RAW, .fd = a[1]}, end_b = {.kind = RELAY_RAW, .fd = b[1]};
    assert_int_equal(relay_pair_start(f.relay, NULL, &end_a, &end_b, &callbacks, &raw, NULL), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hear_goodbye, &f), 0);
    relay_destroy(f.relay);
    void *code;
    pthread_join(thread, &code);
    assert_int_equal((intptr_t)code, 1001);
    assert_int_equal(f.ended.count, 1);
    assert_int_equal(raw.count, 1);
    assert_int_equal(raw.cause, RELAY_ENDED_BY_OWNER);
    char byte;
    assert_int_equal(recv(a[0], &byte, 1, 0), 0);
    assert_int_equal(recv(f.display, &byte, 1, 0), 0);
    close_fd(a[0]);
    close_fd(b[0]);
    close_fd(f.display);
    relay_pair_unref(f.pair);
}

/* Closing while the browser does not read: the frame that was begun is whole before the close frame. */
static void ending_in_the_middle_of_a_frame_keeps_the_framing(void **state) {
    struct fixture f;
    start(&f, RELAY_WEBSOCKET);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flood, &f.display), 0);
    int64_t limit = clock_ms() + LIMIT_MS;
    uint64_t before = 0, now;
    while ((now = relay_pair_totals(f.pair).bytes_from_b) != before || !now) { /* until it is stuck */
        assert_true(clock_ms() < limit);
        before = now;
        poll(NULL, 0, 30);
    }
    relay_pair_end(f.pair, 4100, "session terminated");
    assert_int_equal(read_close(f.browser, NULL), 4100);
    close_fd(f.browser);
    f.browser = -1;
    pthread_join(thread, NULL);
    wait_ended(&f.ended);
    finish(&f);
}

static void raw_half_closes_are_passed_on(void **state) {
    struct fixture f;
    start(&f, RELAY_RAW);
    assert_int_equal(send(f.browser, "question", 8, 0), 8);
    shutdown(f.browser, SHUT_WR);
    char text[8], rest;
    read_all(f.display, text, 8);
    assert_int_equal(recv(f.display, &rest, 1, 0), 0);
    assert_int_equal(send(f.display, "answer", 6, 0), 6);
    shutdown(f.display, SHUT_WR);
    read_all(f.browser, text, 6);
    assert_memory_equal(text, "answer", 6);
    wait_ended(&f.ended);
    finish(&f);
}

static void early_bytes_come_first(void **state) {
    int a[2], b[2];
    tcp_pair(a);
    tcp_pair(b);
    struct relay *relay;
    struct ended ended = {0};
    assert_int_equal(relay_create(&relay, 0, NULL), 0);
    struct relay_end end_a = {
        .kind = RELAY_WEBSOCKET, .fd = a[1], .early = "\x82\x82\0\0\0\0hi", .early_length = 8};
    struct relay_end end_b = {.kind = RELAY_RAW, .fd = b[1], .early = "RFB 003.008\n", .early_length = 12};
    assert_int_equal(relay_pair_start(relay, NULL, &end_a, &end_b, &callbacks, &ended, NULL), 0);
    char text[12];
    read_all(b[0], text, 2);
    assert_memory_equal(text, "hi", 2);
    uint64_t length;
    assert_int_equal(read_head(a[0], &length), FRAME_BINARY);
    assert_int_equal(length, 12);
    read_all(a[0], text, 12);
    assert_memory_equal(text, "RFB 003.008\n", 12);
    relay_destroy(relay); /* with a live pair: it gets 1001 */
    assert_int_equal(ended.count, 1);
    assert_int_equal(read_close(a[0], NULL), 1001);
    close(a[0]);
    close(b[0]);
}

static int open_descriptors(void) {
    int count = 0;
    _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    return count;
}

static void thousands_of_short_pairs_leave_nothing(void **state) {
    struct relay *relay;
    assert_int_equal(relay_create(&relay, 2, NULL), 0);
    int before = open_descriptors();
    static struct ended ended[2000];
    for (size_t i = 0; i < ARRAY_SIZE(ended); i++) {
        int a[2], b[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
        struct relay_end end_a = {.kind = i % 2 ? RELAY_WEBSOCKET : RELAY_RAW, .fd = a[1]};
        struct relay_end end_b = {.kind = RELAY_RAW, .fd = b[1]};
        assert_int_equal(relay_pair_start(relay, NULL, &end_a, &end_b, &callbacks, &ended[i], NULL), 0);
        assert_int_equal(send(b[0], "x", 1, 0), 1);
        close(b[0]);
        close(a[0]);
        if (i % 50 == 0)
            wait_ended(&ended[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ended); i++)
        wait_ended(&ended[i]);
    assert_int_equal(relay_pairs(relay), 0);
    assert_int_equal(open_descriptors(), before);
    relay_destroy(relay);
}

static void a_refused_browser_hears_why(void **state) {
    int a[2];
    tcp_pair(a);
    struct relay *relay;
    assert_int_equal(relay_create(&relay, 1, NULL), 0);
    struct relay_end end = {.kind = RELAY_WEBSOCKET, .fd = a[1]};
    relay_refuse(relay, &end, 4103, "the agent is away");
    char reason[124];
    assert_int_equal(read_close(a[0], reason), 4103);
    assert_string_equal(reason, "the agent is away");
    close(a[0]);
    relay_destroy(relay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_goes_down_and_a_picture_comes_up),
        cmocka_unit_test(only_looking_sends_no_key),
        cmocka_unit_test(asking_for_pictures_is_no_input),
        cmocka_unit_test(the_end_of_the_display_is_told_with_code_and_reason),
        cmocka_unit_test(the_owner_can_end_it),
        cmocka_unit_test(a_ping_is_answered_and_silence_is_pinged),
        cmocka_unit_test(a_malformed_frame_ends_with_1002),
        cmocka_unit_test(a_silent_browser_is_given_up),
        cmocka_unit_test(a_flood_arrives_whole),
        cmocka_unit_test(a_reader_that_stops_stops_the_source),
        cmocka_unit_test(small_messages_are_not_held_back),
        cmocka_unit_test(the_last_words_before_a_close_arrive),
        cmocka_unit_test(a_relay_that_goes_ends_its_pairs),
        cmocka_unit_test(ending_in_the_middle_of_a_frame_keeps_the_framing),
        cmocka_unit_test(raw_half_closes_are_passed_on),
        cmocka_unit_test(early_bytes_come_first),
        cmocka_unit_test(thousands_of_short_pairs_leave_nothing),
        cmocka_unit_test(a_refused_browser_hears_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
