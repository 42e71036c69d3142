/* The uplink against a scripted control plane over real sockets. A "second" lasts 50 ms here. */
#include "agent/identity.h"
#include "agent/uplink.h"

#include "../test.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "fake_server.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SECOND 50

struct rig {
    char *dir;
    struct loop *loop;
    struct fake_server server;
    struct identity identity;
    struct strv urls;
    struct uplink *uplink;
    const char *api_key;
    int welcomes, losses, commands;
    char last_command[COMMAND_ID_MAX + 1];
};

static void fill_hello(void *arg, struct proto_hello *hello) {
    strv_add(&hello->capabilities, "freeze");
    hello->inventory = mem_zalloc(sizeof *hello->inventory);
    hello->inventory_count = 1;
    str_copy(hello->inventory->session_id, SESSION_NAME_MAX, "one");
    str_copy(hello->inventory->state, PROTO_STATE_SIZE, "running");
}

static void fill_heartbeat(void *arg, struct proto_heartbeat *heartbeat) {
    heartbeat->active_sessions = 7;
}

static void on_welcome(void *arg, const struct proto_welcome *welcome) {
    ((struct rig *)arg)->welcomes++;
}

static void on_command(void *arg, const struct proto_command *command) {
    struct rig *rig = arg;
    rig->commands++;
    str_copy(rig->last_command, sizeof rig->last_command, command->command_id);
}

static void on_stream_open(void *arg, const struct proto_stream_open *open) {
}

static void on_lost(void *arg, int64_t heard_ms) {
    ((struct rig *)arg)->losses++;
    assert_true(heard_ms <= clock_ms());
}

static int setup(void **state) {
    struct rig *rig = mem_zalloc(sizeof *rig);
    struct err err = {0};
    char dir[] = "/tmp/streamspace-uplink-XXXXXX";
    assert_non_null(mkdtemp(dir));
    rig->dir = str_dup(dir);
    assert_int_equal(loop_create(&rig->loop, &err), 0);
    fake_server_start(&rig->server, rig->loop, NULL);
    if (identity_open(&rig->identity, dir, "agent-1", &err) < 0)
        fail_msg("%s", err.message);
    strv_add(&rig->urls, rig->server.url);
    rig->api_key = FAKE_TOKEN;
    *state = rig;
    return 0;
}

static void start(struct rig *rig) {
    struct uplink_options options = {
        .loop = rig->loop,
        .urls = &rig->urls,
        .identity = &rig->identity,
        .api_key = rig->api_key,
        .registration = "{\"agentId\":\"agent-1\"}",
        .runtime = "null",
        .heartbeat_seconds = 3,
        .second_ms = SECOND,
        .callbacks = {fill_hello, fill_heartbeat, on_welcome, on_command, on_stream_open, on_lost},
        .arg = rig,
    };
    rig->uplink = uplink_create(&options);
    uplink_start(rig->uplink);
}

static int teardown(void **state) {
    struct rig *rig = *state;
    assert_true(uplink_destroy(rig->uplink, 20000));
    fake_server_stop(&rig->server);
    identity_finish(&rig->identity);
    strv_finish(&rig->urls);
    loop_destroy(rig->loop);
    dir_remove(rig->dir, NULL);
    free(rig->dir);
    free(rig);
    return 0;
}

static bool is_up(void *arg) {
    return uplink_is_up(((struct rig *)arg)->uplink);
}

static void await_up(struct rig *rig) {
    fake_wait(&rig->server, is_up, rig, "the welcome");
}

static bool is_down(void *arg) {
    return !uplink_is_up(((struct rig *)arg)->uplink);
}

/* --- tests --- */

static void test_backoff(void **state) {
    assert_int_equal(uplink_backoff_ms(0, 1000, 12345), 0);
    static const int64_t caps[] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    unsigned seed = 7;
    for (unsigned failures = 1; failures < ARRAY_SIZE(caps); failures++) {
        int64_t least = INT64_MAX, most = 0, sum = 0;
        for (int i = 0; i < 2000; i++) {
            int64_t delay = uplink_backoff_ms(failures, 1000, (uint64_t)rand_r(&seed));
            assert_in_range(delay, 0, caps[failures]);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
            sum += delay;
        }
        /* Full jitter: all of the range, evenly. */
        assert_true(least < caps[failures] / 20 && most > caps[failures] * 19 / 20);
        assert_in_range(sum / 2000, caps[failures] * 45 / 100, caps[failures] * 55 / 100);
    }
    assert_in_range(uplink_backoff_ms(UINT32_MAX, 1000, UINT64_MAX), 0, 30000);
}

static void test_enrolment(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    assert_int_equal(rig->welcomes, 1);
    json_t *hello = json_object_get(fake_await(&rig->server, "hello", NULL, NULL, 0), "payload");
    assert_int_equal(json_integer_value(json_object_get(hello, "protocolVersion")), PROTO_VERSION);
    assert_string_equal(json_string_value(json_object_get(hello, "instanceId")), rig->identity.instance_id);
    assert_int_equal(json_array_size(json_object_get(hello, "inventory")), 1);
    json_t *beat = json_object_get(fake_await(&rig->server, "heartbeat", NULL, NULL, 1), "payload");
    assert_int_equal(json_integer_value(json_object_get(beat, "activeSessions")), 7);
    /* The key that was given is kept, for this process only readable by its owner. */
    _cleanup_free_ char *path = str_format("%s/api-key", rig->dir);
    _cleanup_free_ char *key = NULL;
    assert_int_equal(file_read(path, 1024, &key, NULL, NULL), 0);
    assert_string_equal(key, FAKE_KEY "\n");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_string_equal(uplink_url(rig->uplink), rig->server.url);
    assert_string_equal(uplink_key(rig->uplink), FAKE_KEY);
    /* Once registered it only connects. */
    fake_run(&rig->server, (UPLINK_STABLE_S + 1) * SECOND);
    fake_drop(&rig->server);
    fake_await_connects(&rig->server, 2);
    assert_int_equal(atomic_load(&rig->server.registers), 1);
    assert_int_equal(atomic_load(&rig->server.bad_keys), 0);
}

static void test_stored_key_wins(void **state) {
    struct rig *rig = *state;
    assert_int_equal(identity_save_key(&rig->identity, FAKE_KEY, NULL), 0);
    rig->api_key = "used-up-token";
    start(rig);
    await_up(rig);
    assert_int_equal(atomic_load(&rig->server.registers), 1);
}

static void test_stored_key_refused_token_helps(void **state) {
    struct rig *rig = *state;
    assert_int_equal(identity_save_key(&rig->identity, "of-another-database", NULL), 0);
    start(rig);
    await_up(rig);
    assert_int_equal(atomic_load(&rig->server.registers), 2);
    assert_string_equal(rig->identity.key, FAKE_KEY);
}

static void test_refused_key_waits(void **state) {
    struct rig *rig = *state;
    rig->api_key = "wrong";
    start(rig);
    fake_run(&rig->server, UPLINK_REFUSED_S * SECOND / 2 - SECOND);
    assert_int_equal(atomic_load(&rig->server.registers), 1); /* no hammering */
    fake_run(&rig->server, UPLINK_REFUSED_S * SECOND);
    assert_in_range(atomic_load(&rig->server.registers), 2, 3); /* but not given up either */
}

static void test_reconnects_at_once(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    for (int i = 2; i <= 4; i++) {
        fake_run(&rig->server, (UPLINK_STABLE_S + 1) * SECOND);
        int64_t began = clock_ms();
        fake_drop(&rig->server);
        fake_await_connects(&rig->server, i);
        assert_true(clock_ms() - began < 500);
        await_up(rig);
    }
    assert_int_equal(rig->losses, 3);
}

static void test_server_away_and_back(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    atomic_store(&rig->server.connect_status, 503);
    fake_drop(&rig->server);
    fake_wait(&rig->server, is_down, rig, "the loss");
    fake_run(&rig->server, 20 * SECOND);
    uint64_t dials = uplink_stats(rig->uplink).dials;
    assert_in_range(dials, 3, 40); /* 0 + 1 + 2 + 4 + 8 … seconds with jitter, not a busy loop */
    atomic_store(&rig->server.connect_status, 0);
    await_up(rig);
    assert_int_equal(rig->welcomes, 2);
}

static void test_flapping_server_is_not_hammered(void **state) {
    struct rig *rig = *state;
    start(rig);
    int64_t end = clock_ms() + 20 * SECOND;
    while (clock_ms() < end) { /* every connection is ended as soon as it is welcomed */
        if (uplink_is_up(rig->uplink))
            fake_drop(&rig->server);
        loop_step(rig->loop, 5);
    }
    assert_in_range(atomic_load(&rig->server.connects), 2, 25);
}

static void test_next_server_at_once(void **state) {
    struct rig *rig = *state;
    /* A port on which nobody listens. */
    _cleanup_close_ int unheard = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(unheard, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(unheard, (struct sockaddr *)&address, &length), 0);
    _cleanup_free_ char *dead = str_format("http://127.0.0.1:%u", ntohs(address.sin_port));
    strv_finish(&rig->urls);
    rig->urls = (struct strv){0};
    strv_add(&rig->urls, dead);
    strv_add(&rig->urls, rig->server.url);
    int64_t began = clock_ms();
    start(rig);
    await_up(rig);
    assert_true(clock_ms() - began < 1000);
    assert_int_equal(uplink_stats(rig->uplink).dials, 2);
    assert_string_equal(uplink_url(rig->uplink), rig->server.url);
}

static void test_shutdown_goes_to_the_next(void **state) {
    struct rig *rig = *state;
    struct fake_server other;
    fake_server_start(&other, rig->loop, NULL);
    strv_add(&rig->urls, other.url);
    start(rig);
    await_up(rig);
    fake_run(&rig->server, (UPLINK_STABLE_S + 1) * SECOND);
    struct proto_message message = {.type = PROTO_SHUTDOWN, .shutdown.reason = "rolling restart"};
    fake_send(&rig->server, &message);
    ws_close(rig->server.ws, 1001, "going away");
    fake_await_connects(&other, 1);
    await_up(rig);
    assert_string_equal(uplink_url(rig->uplink), other.url);
    uplink_leave(rig->uplink, "test", NULL, NULL);
    fake_run(&rig->server, 20);
    fake_server_stop(&other);
}

static void test_another_instance_is_alive(void **state) {
    struct rig *rig = *state;
    rig->server.answer_hello = false;
    start(rig);
    fake_await(&rig->server, "hello", NULL, NULL, 0);
    int64_t began = clock_ms();
    ws_close(rig->server.ws, PROTO_CLOSE_REFUSED, "another instance");
    rig->server.answer_hello = true;
    fake_await_connects(&rig->server, 2);
    assert_in_range(clock_ms() - began, UPLINK_REFUSED_S * SECOND - SECOND, UPLINK_REFUSED_S * SECOND + 2000);
    await_up(rig);
}

static void test_replaced(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    fake_run(&rig->server, (UPLINK_STABLE_S + 1) * SECOND);
    ws_close(rig->server.ws, PROTO_CLOSE_REPLACED, "replaced");
    fake_await_connects(&rig->server, 2); /* it comes back, with a pause */
    await_up(rig);
    assert_int_equal(rig->losses, 1);
}

static void test_silent_server_is_dropped(void **state) {
    struct rig *rig = *state;
    rig->server.heartbeat_seconds = 4;
    start(rig);
    await_up(rig);
    int64_t began = clock_ms();
    fake_await_connects(&rig->server, 2); /* the server sends no pings */
    assert_in_range(clock_ms() - began, 3 * 4 * SECOND - 20, 3 * 4 * SECOND + 2000);
    assert_int_equal(rig->losses, 1);
}

static void test_pings_keep_it(void **state) {
    struct rig *rig = *state;
    rig->server.heartbeat_seconds = 4;
    start(rig);
    await_up(rig);
    for (int i = 0; i < 6; i++) {
        struct proto_message ping = {.type = PROTO_PING};
        snprintf(ping.ping.nonce, sizeof ping.ping.nonce, "n%d", i);
        fake_send(&rig->server, &ping);
        fake_await(&rig->server, "pong", "nonce", ping.ping.nonce, 0);
        fake_run(&rig->server, 4 * SECOND);
    }
    assert_int_equal(atomic_load(&rig->server.connects), 1);
    assert_in_range(fake_count(&rig->server, "heartbeat", NULL, NULL), 4, 9);
}

static void test_hello_without_answer(void **state) {
    struct rig *rig = *state;
    rig->server.answer_hello = false;
    start(rig);
    fake_await_connects(&rig->server, 1);
    int64_t began = clock_ms();
    fake_await_connects(&rig->server, 2);
    assert_in_range(clock_ms() - began, UPLINK_WELCOME_S * SECOND - 50, UPLINK_WELCOME_S * SECOND + 3000);
    assert_int_equal(rig->losses, 0); /* it was never up */
}

static void test_garbage_ends_the_connection(void **state) {
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"this is no JSON", 1007},
        {"[1,2,3]", 1008},
        {"{\"type\":17}", 1008},
        {"{\"type\":\"command\",\"payload\":{\"commandId\":\"../../x\",\"action\":\"a\",\"attempt\":1}}",
         1008},
        {"{\"type\":\"command\",\"payload\":{\"commandId\":\"cmd-00000001\",\"action\":\"a\",\"attempt\":-1}"
         "}",
         1008},
    };
    struct rig *rig = *state;
    start(rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        await_up(rig);
        int closes = rig->server.closes;
        fake_send_text(&rig->server, cases[i].text);
        int64_t limit = clock_ms() + 20000;
        while (rig->server.closes == closes && clock_ms() < limit)
            loop_step(rig->loop, 10);
        assert_int_equal(rig->server.close_code, cases[i].code);
        fake_wait(&rig->server, is_down, rig, "the end");
    }
    await_up(rig); /* and it comes back each time */
    assert_int_equal(rig->commands, 0);
    assert_int_equal(uplink_stats(rig->uplink).bad_messages, ARRAY_SIZE(cases));
}

static void test_unknown_messages_are_ignored(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    fake_send_text(&rig->server, "{\"type\":\"invented-later\",\"payload\":{\"x\":1}}");
    fake_send_text(&rig->server,
                   "{\"type\":\"hello\",\"payload\":{\"protocolVersion\":1,\"instanceId\":\"x\"}}");
    fake_send_text(&rig->server,
                   "{\"type\":\"welcome\",\"payload\":{\"protocolVersion\":1,\"heartbeatSeconds\":1,"
                   "\"generation\":9}}");
    fake_command(&rig->server, "cmd-00000001", 1, "stop_session", json_object());
    int64_t limit = clock_ms() + 20000;
    while (!rig->commands && clock_ms() < limit)
        loop_step(rig->loop, 10);
    assert_string_equal(rig->last_command, "cmd-00000001");
    assert_int_equal(rig->welcomes, 1);
    assert_int_equal(atomic_load(&rig->server.connects), 1);
    assert_true(uplink_stats(rig->uplink).ignored >= 3);
}

static void test_nothing_is_sent_before_the_welcome(void **state) {
    struct rig *rig = *state;
    rig->server.answer_hello = false;
    start(rig);
    fake_await(&rig->server, "hello", NULL, NULL, 0);
    struct proto_message ack = {.type = PROTO_ACK, .ack = {.command_id = "cmd-00000001", .attempt = 1}};
    assert_int_equal(uplink_send(rig->uplink, &ack), -1);
    fake_command(&rig->server, "cmd-00000001", 1, "stop_session", json_object());
    fake_run(&rig->server, 100);
    assert_int_equal(rig->commands, 0);
    assert_int_equal(json_array_size(rig->server.inbox), 1);
}

static void set_true(void *arg) {
    *(bool *)arg = true;
}

static void test_leaving(void **state) {
    struct rig *rig = *state;
    start(rig);
    await_up(rig);
    bool done = false;
    uplink_leave(rig->uplink, "the agent ends", set_true, &done);
    int64_t limit = clock_ms() + 5000;
    while ((!done || !rig->server.closes) && clock_ms() < limit)
        loop_step(rig->loop, 10);
    assert_true(done);
    assert_int_equal(rig->server.close_code, 1001);
    fake_run(&rig->server, 10 * SECOND);
    assert_int_equal(atomic_load(&rig->server.connects), 1);
}

static void test_identity(void **state) {
    struct rig *rig = *state;
    struct identity again = {.lock = -1};
    struct err err = {0};
    start(rig);
    char instance[IDENTITY_INSTANCE_SIZE];
    str_copy(instance, sizeof instance, rig->identity.instance_id);
    /* Another process on the same directory is refused, in the words of a person. */
    pid_t child = fork();
    if (child == 0) {
        bool refused = identity_open(&again, rig->dir, "agent-1", &err) < 0 && err.kind == ERR_CONFLICT &&
                       strstr(err.message, "another agent process");
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    identity_finish(&rig->identity);
    assert_int_equal(identity_open(&again, rig->dir, "agent-2", &err), -1); /* it is agent-1's */
    assert_int_equal(err.kind, ERR_CONFLICT);
    identity_finish(&again);
    assert_int_equal(identity_open(&again, rig->dir, NULL, &err), 0);
    assert_string_equal(again.agent_id, "agent-1");
    assert_string_equal(again.instance_id, instance);
    identity_finish(&again);
    _cleanup_free_ char *fresh = str_format("%s/fresh", rig->dir);
    assert_int_equal(identity_open(&again, fresh, "", &err), 0);
    assert_true(id_is_agent(again.agent_id)); /* made up … */
    str_copy(rig->last_command, sizeof rig->last_command, again.agent_id);
    identity_finish(&again);
    assert_int_equal(identity_open(&again, fresh, NULL, &err), 0);
    assert_string_equal(again.agent_id, rig->last_command); /* … and kept */
    identity_finish(&again);
    static const char *const bad[] = {"A-1", "ab", "agent_1", "../x",
                                      "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_free_ char *dir = str_format("%s/bad%zu", rig->dir, i);
        assert_int_equal(identity_open(&again, dir, bad[i], &err), -1);
        identity_finish(&again);
    }
    assert_int_equal(identity_open(&rig->identity, rig->dir, NULL, &err), 0);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff),
        TEST(test_enrolment),
        TEST(test_stored_key_wins),
        TEST(test_stored_key_refused_token_helps),
        TEST(test_refused_key_waits),
        TEST(test_reconnects_at_once),
        TEST(test_server_away_and_back),
        TEST(test_flapping_server_is_not_hammered),
        TEST(test_next_server_at_once),
        TEST(test_shutdown_goes_to_the_next),
        TEST(test_another_instance_is_alive),
        TEST(test_replaced),
        TEST(test_silent_server_is_dropped),
        TEST(test_pings_keep_it),
        TEST(test_hello_without_answer),
        TEST(test_garbage_ends_the_connection),
        TEST(test_unknown_messages_are_ignored),
        TEST(test_nothing_is_sent_before_the_welcome),
        TEST(test_leaving),
        TEST(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
