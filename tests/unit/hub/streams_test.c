/* Streams: tokens, time limits, viewers and the codes that they are ended with. */
#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* What hub_stream_open answered; written on the hub's thread. */
struct answer_box {
    atomic_int calls;
    int fd;
    char code[ERR_CODE_MAX];
    char message[ERR_MESSAGE_MAX];
    char early[32];
};

static void on_stream(void *arg, const struct hub_socket *socket, const struct err *err) {
    struct answer_box *box = arg;
    box->fd = socket ? socket->fd : -1;
    if (socket && socket->early_length < sizeof box->early)
        memcpy(box->early, socket->early, socket->early_length);
    if (err) {
        str_copy(box->code, sizeof box->code, err->code);
        str_copy(box->message, sizeof box->message, err->message);
    }
    atomic_fetch_add(&box->calls, 1);
}

/* An agent that runs one session. */
static struct robot *running_session(struct rig *rig, char *name) {
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    return robot;
}

static const struct proto_stream_open *asked(struct robot *robot, size_t index) {
    WAIT(robot->rig, robot_got(robot, PROTO_STREAM_OPEN, index));
    return &robot_got(robot, PROTO_STREAM_OPEN, index)->stream_open;
}

/* The agent dials back; returns its own end. */
static int dial_back(struct rig *rig, const struct proto_stream_open *open, const char *early) {
    struct err err = {0};
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    if (hub_stream_claim(rig->hub, open->stream_id, "alpha", open->token, &err) < 0)
        fail_msg("claim: %s", err.message);
    struct hub_socket socket = {.fd = fds[0], .early = early, .early_length = strlen(early)};
    hub_stream_accept(rig->hub, open->stream_id, &socket);
    return fds[1];
}

static void a_stream_is_handed_to_the_one_who_waits(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    struct answer_box box = {0};
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_LOG, on_stream, &box);
    const struct proto_stream_open *open = asked(robot, 0);
    assert_string_equal(open->session_id, name);
    assert_string_equal(open->kind, "log");
    assert_false(open->follow);
    assert_true(str_starts(open->path, "/api/v1/agents/streams/"));
    assert_true(str_ends(open->path, open->stream_id));
    int own = dial_back(rig, open, "early");
    WAIT(rig, atomic_load(&box.calls) == 1);
    assert_string_equal(box.early, "early");
    assert_int_equal(write(own, "x", 1), 1);
    char byte = 0;
    assert_int_equal(read(box.fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(own);
    close(box.fd);
    assert_int_equal(rig_metric(rig, "streamspace_streams_opened_total"), 1);
    robot_destroy(robot);
}

static void tokens_are_bound_and_used_once(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    struct answer_box first = {0}, second = {0};
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_LOG, on_stream, &first);
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_LOG_FOLLOW, on_stream, &second);
    const struct proto_stream_open *a = asked(robot, 0), *b = asked(robot, 1);
    assert_string_not_equal(a->token, b->token);
    assert_string_equal(b->kind, "log");
    assert_true(b->follow);
    struct err err = {0};
    assert_int_equal(hub_stream_claim(rig->hub, a->stream_id, "alpha", b->token, &err), -1);
    assert_int_equal(err.kind, ERR_UNAUTHENTICATED);
    assert_int_equal(hub_stream_claim(rig->hub, a->stream_id, "alpha", NULL, &err), -1);
    assert_int_equal(err.kind, ERR_UNAUTHENTICATED);
    assert_int_equal(hub_stream_claim(rig->hub, a->stream_id, "beta", a->token, &err), -1);
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(hub_stream_claim(rig->hub, "00000000000000000000000000000000", "alpha", a->token, &err),
                     -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    int own = dial_back(rig, a, "");
    assert_int_equal(hub_stream_claim(rig->hub, a->stream_id, "alpha", a->token, &err), -1);
    assert_true(err.kind == ERR_CONFLICT || err.kind == ERR_NOT_FOUND);
    WAIT(rig, atomic_load(&first.calls) == 1);
    close(own);
    close(first.fd);
    WAIT(rig, atomic_load(&second.calls) == 1); /* nobody dialled for this one */
    assert_string_equal(second.code, "stream_timeout");
    assert_int_equal(hub_stream_claim(rig->hub, b->stream_id, "alpha", b->token, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    robot_destroy(robot);
}

/* A connection that comes after the wait is over is closed. */
static void a_late_socket_is_closed(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    struct answer_box box = {0};
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_VNC, on_stream, &box);
    const struct proto_stream_open *open = asked(robot, 0);
    assert_int_equal(hub_stream_claim(rig->hub, open->stream_id, "alpha", open->token, NULL), 0);
    WAIT(rig, atomic_load(&box.calls) == 1);
    assert_string_equal(box.code, "stream_timeout");
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct hub_socket socket = {.fd = fds[0]};
    hub_stream_accept(rig->hub, open->stream_id, &socket);
    char byte;
    assert_int_equal(read(fds[1], &byte, 1), 0);
    close(fds[1]);
    assert_int_equal(atomic_load(&box.calls), 1);
    robot_destroy(robot);
}

static void refusals_come_at_once(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    rig_agent(rig, "beta");
    struct robot *other = robot_create(rig, "beta");
    robot_online(other);
    struct answer_box box = {0}, gone = {0}, absent = {0};
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_VNC, on_stream, &box);
    struct proto_message message = {.type = PROTO_STREAM_ERROR};
    str_copy(message.stream_error.stream_id, sizeof message.stream_error.stream_id,
             asked(robot, 0)->stream_id);
    str_copy(message.stream_error.error, sizeof message.stream_error.error, "no display");
    robot_send(other, &message); /* not beta's business */
    WAIT(rig, rig_metric(rig, "streamspace_agent_messages_stale_total") == 1);
    assert_int_equal(atomic_load(&box.calls), 0);
    robot_send(robot, &message);
    WAIT(rig, atomic_load(&box.calls) == 1);
    assert_string_equal(box.code, "stream_failed");
    assert_string_equal(box.message, "no display");
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_VNC, on_stream, &gone);
    asked(robot, 1);
    robot_cut(robot);
    WAIT(rig, atomic_load(&gone.calls) == 1);
    assert_string_equal(gone.code, "agent_offline");
    hub_stream_open(rig->hub, name, "alpha", HUB_STREAM_VNC, on_stream, &absent);
    WAIT(rig, atomic_load(&absent.calls) == 1);
    assert_string_equal(absent.code, "agent_offline");
    robot_destroy(robot);
    robot_destroy(other);
}

/* --- viewers --- */

/* A browser's end: the hub's side is taken by hub_view. */
static int browse(struct rig *rig, const char *session, int64_t login_id) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct relay_end end = {.kind = RELAY_WEBSOCKET, .fd = fds[0]};
    struct hub_viewer viewer = {
        .session = session, .agent_id = "alpha", .user = "anna", .login_id = login_id};
    hub_view(rig->hub, &viewer, &end);
    return fds[1];
}

/* Reads frames (RFC 6455, unmasked) until the close frame; its code, and the reason. -1: the socket ended
 * without one. */
static int read_close(struct rig *rig, int fd, char *reason) {
    unsigned char bytes[4096];
    size_t have = 0;
    for (int64_t until = clock_ms() + WAIT_MS; clock_ms() < until; loop_step(rig->loop, 5)) {
        ssize_t got = read(fd, bytes + have, sizeof bytes - have);
        if (got == 0)
            return -1;
        have += got > 0 ? (size_t)got : 0;
        size_t at = 0;
        while (have - at >= 2 && bytes[at + 1] < 126 && have - at >= 2u + bytes[at + 1]) {
            size_t length = bytes[at + 1];
            if ((bytes[at] & 0x0f) == 8 && length >= 2) {
                memcpy(reason, bytes + at + 4, length - 2);
                reason[length - 2] = '\0';
                return bytes[at + 2] << 8 | bytes[at + 3];
            }
            at += 2 + length;
        }
    }
    fail_msg("no close frame");
    return -1;
}

static void expect_close(struct rig *rig, int browser, int code) {
    char reason[128] = "";
    int got = read_close(rig, browser, reason);
    if (got != code)
        fail_msg("closed with %d (%s), not %d", got, reason, code);
    assert_true(*reason);
    close(browser);
}

static void a_viewer_sees_the_display_and_is_counted(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    int browser = browse(rig, name, 5);
    assert_string_equal(asked(robot, 0)->kind, "vnc");
    int display = dial_back(rig, asked(robot, 0), "RFB 003.008\n");
    char frame[64];
    ssize_t got = -1;
    WAIT(rig, (got = read(browser, frame, sizeof frame)) > 0);
    assert_int_equal(got, 14);
    assert_memory_equal(frame, "\x82\x0cRFB 003.008\n", 14);
    WAIT(rig, hub_viewers(rig->hub, name) == 1);
    assert_int_equal(hub_viewers_all(rig->hub), 1);
    WAIT(rig, rig_int(rig, "SELECT viewers FROM sessions WHERE id = $1", name) == 1);
    rig_stop(rig, name);
    expect_close(rig, browser, HUB_CLOSE_TERMINATED);
    WAIT(rig, hub_viewers(rig->hub, name) == 0);
    WAIT(rig, rig_int(rig, "SELECT viewers FROM sessions WHERE id = $1", name) == 0);
    close(display);
    robot_destroy(robot);
}

static void a_broken_display_asks_the_page_to_come_back(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    int browser = browse(rig, name, 5);
    int display = dial_back(rig, asked(robot, 0), "");
    WAIT(rig, hub_viewers(rig->hub, name) == 1);
    close(display);
    expect_close(rig, browser, HUB_CLOSE_AGENT);
    WAIT(rig, hub_viewers(rig->hub, name) == 0);
    robot_destroy(robot);
}

static void a_stream_that_cannot_be_had_says_why(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    int browser = browse(rig, name, 5);
    struct proto_message message = {.type = PROTO_STREAM_ERROR};
    str_copy(message.stream_error.stream_id, sizeof message.stream_error.stream_id,
             asked(robot, 0)->stream_id);
    str_copy(message.stream_error.error, sizeof message.stream_error.error, "the display does not answer");
    robot_send(robot, &message);
    expect_close(rig, browser, HUB_CLOSE_DISPLAY);
    browser = browse(rig, name, 5);
    asked(robot, 1); /* and never comes */
    expect_close(rig, browser, HUB_CLOSE_AGENT);
    browser = browse(rig, name, 5);
    asked(robot, 2);
    rig_stop(rig, name);
    expect_close(rig, browser, HUB_CLOSE_TERMINATED);
    robot_cut(robot);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    expect_close(rig, browse(rig, name, 5), HUB_CLOSE_AGENT);
    assert_int_equal(hub_viewers_all(rig->hub), 0);
    robot_destroy(robot);
}

static void revoked_viewers_go_and_others_stay(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    int one = browse(rig, name, 5), two = browse(rig, name, 6);
    int first = dial_back(rig, asked(robot, 0), ""), second = dial_back(rig, asked(robot, 1), "");
    WAIT(rig, hub_viewers(rig->hub, name) == 2);
    struct hub_viewer_filter nobody = {0}, login = {.login_id = 5};
    hub_viewers_end(rig->hub, &nobody, HUB_CLOSE_REVOKED, "a filter that says nothing");
    hub_viewers_end(rig->hub, &login, HUB_CLOSE_REVOKED, "signed out");
    expect_close(rig, one, HUB_CLOSE_REVOKED);
    WAIT(rig, hub_viewers(rig->hub, name) == 1);
    IDLE(rig, 100);
    assert_int_equal(hub_viewers(rig->hub, name), 1);
    hub_stop(rig->hub); /* a server that goes away says so */
    expect_close(rig, two, 1001);
    close(first);
    close(second);
    robot_destroy(robot);
}

static void who_may_only_look_is_never_let_act(void **state) {
    struct rig *rig = *state;
    char name[SESSION_NAME_MAX + 1];
    struct robot *robot = running_session(rig, name);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    /* A frame with a mask of zeros: handshake, a key, a request for a picture. */
    static const char said[] = "\x82\xa0\0\0\0\0RFB 003.008\n\1\1\4\1\0\0\0\0\0\x61\3\1\0\0\0\0\3\x20\2\x58";
    static const char meant[] = "RFB 003.008\n\1\1\3\1\0\0\0\0\3\x20\2\x58";
    struct relay_end end = {
        .kind = RELAY_WEBSOCKET, .fd = fds[0], .early = said, .early_length = sizeof said - 1};
    struct hub_viewer viewer = {.session = name, .agent_id = "alpha", .user = "anna", .view_only = true};
    hub_view(rig->hub, &viewer, &end);
    int display = dial_back(rig, asked(robot, 0), "");
    char got[sizeof meant + 16];
    size_t have = 0;
    for (int64_t limit = clock_ms() + 10000; have < sizeof meant - 1; poll(NULL, 0, 1)) {
        ssize_t count = recv(display, got + have, sizeof got - have, MSG_DONTWAIT);
        have += count > 0 ? (size_t)count : 0;
        assert_true(clock_ms() < limit);
    }
    assert_int_equal(have, sizeof meant - 1);
    assert_memory_equal(got, meant, have);
    assert_int_equal(send(fds[1], "\x82\x81\0\0\0\0\x4d", 7, 0), 7);
    expect_close(rig, fds[1], 1008);
    assert_int_equal(recv(display, got, 1, 0), 0);
    close(display);
    robot_destroy(robot);
}

#define HUB_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        HUB_TEST(a_stream_is_handed_to_the_one_who_waits),
        HUB_TEST(tokens_are_bound_and_used_once),
        HUB_TEST(a_late_socket_is_closed),
        HUB_TEST(refusals_come_at_once),
        HUB_TEST(a_viewer_sees_the_display_and_is_counted),
        HUB_TEST(a_broken_display_asks_the_page_to_come_back),
        HUB_TEST(a_stream_that_cannot_be_had_says_why),
        HUB_TEST(revoked_viewers_go_and_others_stay),
        HUB_TEST(who_may_only_look_is_never_let_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
