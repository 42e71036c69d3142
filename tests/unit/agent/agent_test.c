/* The whole agent as a process of its own, with the null runtime, against a scripted control plane: streams,
 * the end and the next start, and death at random points (AGENT_TEST_SEED, AGENT_TEST_KILLS). */
#include "agent/agent.h"

#include "../test.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "fake_server.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define STREAM "0123456789abcdef0123456789abcdef"
#define LIMIT_MS 20000

struct rig {
    char *dir, *state_dir, *log_path;
    struct loop *loop;
    struct fake_server server;
    pid_t agent, proxy;
    char *url; /* in front of the server, or NULL */
};

/* --- the agent's process: this program again --- */

#define CA_FILE_VARIABLE "AGENT_TEST_CA_FILE"

static int run_agent(int argc, char **argv) {
    struct err err = {0};
    struct agent_options options = {.state_dir = argv[2],
                                    .control_plane_urls = argv[3],
                                    .agent_id = "agent-1",
                                    .api_key = FAKE_TOKEN,
                                    .runtime = "null",
                                    .ca_file = getenv(CA_FILE_VARIABLE),
                                    .program = "/proc/self/exe",
                                    .heartbeat_seconds = 1,
                                    .stop_on_exit = argc > 4 && str_eq(argv[4], "stop"),
                                    .make_runtime = runtime_null_create};
    if (agent_run(&options, &err) == 0)
        return 0;
    fprintf(stderr, "agent: %s\n", err.message);
    return 3;
}

static pid_t spawn_agent(struct rig *rig, const char *on_exit) {
    extern char **environ;
    char self[] = "/proc/self/exe", word[] = "--agent", mode[8];
    str_copy(mode, sizeof mode, on_exit);
    char *url = rig->url ? rig->url : rig->server.url;
    char *argv[] = {self, word, rig->state_dir, url, mode, NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
    return pid;
}

/* Waits for the end while the server goes on; the exit status, or -signal. */
static int reap(struct rig *rig, pid_t pid) {
    int64_t limit = clock_ms() + LIMIT_MS;
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (clock_ms() > limit) {
            kill(pid, SIGKILL);
            fail_msg("the agent does not end");
        }
        loop_step(rig->loop, 10);
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void start(struct rig *rig, const char *on_exit) {
    int hellos = fake_count(&rig->server, "hello", NULL, NULL);
    rig->agent = spawn_agent(rig, on_exit);
    fake_await(&rig->server, "heartbeat", NULL, NULL, fake_count(&rig->server, "heartbeat", NULL, NULL));
    assert_int_equal(fake_count(&rig->server, "hello", NULL, NULL), hellos + 1);
}

static int end(struct rig *rig, int sig) {
    kill(rig->agent, sig);
    int status = reap(rig, rig->agent);
    rig->agent = 0;
    return status;
}

static const char *const variables[] = {"STREAMSPACE_NULL_START_MS", "STREAMSPACE_NULL_STOP_MS",
                                        "STREAMSPACE_NULL_FAIL_EVERY", "STREAMSPACE_NULL_LACKS"};

static int setup(void **state) {
    struct rig *rig = mem_zalloc(sizeof *rig);
    char dir[] = "/tmp/streamspace-agent-XXXXXX";
    assert_non_null(mkdtemp(dir));
    rig->dir = str_dup(dir);
    rig->state_dir = str_format("%s/state", dir);
    rig->log_path = str_format("%s/log", dir);
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
        unsetenv(variables[i]);
    setenv("STREAMSPACE_NULL_LOG", rig->log_path, 1);
    assert_int_equal(loop_create(&rig->loop, NULL), 0);
    fake_server_start(&rig->server, rig->loop, NULL);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    if (rig->agent > 0) {
        kill(rig->agent, SIGKILL);
        waitpid(rig->agent, NULL, 0);
    }
    if (rig->proxy > 0) {
        kill(rig->proxy, SIGKILL);
        waitpid(rig->proxy, NULL, 0);
    }
    unsetenv(CA_FILE_VARIABLE);
    free(rig->url);
    fake_server_stop(&rig->server);
    loop_destroy(rig->loop);
    dir_remove(rig->dir, NULL);
    free(rig->dir);
    free(rig->state_dir);
    free(rig->log_path);
    free(rig);
    return 0;
}

/* --- commands --- */

static json_t *start_payload(const char *session) {
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:[s]}}", "sessionId", session, "user", "ada", "displayToken",
                     TOKEN, "template", "name", "terminal", "command", "xterm");
}

static void start_session(struct rig *rig, const char *id, const char *session) {
    fake_command(&rig->server, id, 1, "start_session", start_payload(session));
    fake_await(&rig->server, "complete", "commandId", id, 0);
}

static void stop_session(struct rig *rig, const char *id, const char *session) {
    fake_command(&rig->server, id, 1, "stop_session", json_pack("{s:s}", "sessionId", session));
    fake_await(&rig->server, "complete", "commandId", id, 0);
}

/* --- streams --- */

/* Reads exactly so much, while the loop runs; less at the stream's end. */
static size_t read_from(struct rig *rig, int fd, char *data, size_t length) {
    size_t have = 0;
    int64_t limit = clock_ms() + LIMIT_MS;
    while (have < length && clock_ms() < limit) {
        ssize_t got = recv(fd, data + have, length - have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            break;
        if (got > 0)
            have += (size_t)got;
        else
            loop_step(rig->loop, 2);
    }
    return have;
}

static void check_stream(struct rig *rig) {
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    fake_stream_open(&rig->server, STREAM, "one", "vnc");
    struct fake_stream *stream = fake_stream_await(&rig->server, STREAM);
    assert_string_equal(stream->token, "Bearer stream-token");
    assert_string_equal(stream->key, FAKE_KEY);
    char banner[13] = "";
    assert_int_equal(read_from(rig, stream->fd, banner, 12), 12);
    assert_string_equal(banner, "RFB 003.008\n");
    /* 8 MB through the relay, the null display and back, in order. */
    enum { TOTAL = 8 << 20, CHUNK = 64 << 10 };
    static char out[CHUNK], in[CHUNK];
    size_t sent = 0, received = 0;
    int64_t limit = clock_ms() + LIMIT_MS;
    while (received < TOTAL && clock_ms() < limit) {
        for (size_t i = 0; i < CHUNK; i++)
            out[i] = (char)((sent + i) * 2654435761U >> 24);
        size_t want = TOTAL - sent < CHUNK ? TOTAL - sent : CHUNK;
        ssize_t put = want ? send(stream->fd, out, want, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (put > 0)
            sent += (size_t)put;
        ssize_t got = recv(stream->fd, in, CHUNK, MSG_DONTWAIT);
        for (ssize_t i = 0; i < got; i++)
            if (in[i] != (char)((received + (size_t)i) * 2654435761U >> 24))
                fail_msg("byte %zu is wrong", received + (size_t)i);
        if (got > 0)
            received += (size_t)got;
        else if (put <= 0)
            loop_step(rig->loop, 2);
    }
    assert_int_equal(received, TOTAL);
    /* The session's end is the stream's. */
    stop_session(rig, "cmd-00000002", "one");
    assert_int_equal(read_from(rig, stream->fd, in, 1), 0);
    fake_stream_free(stream);
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_stream(void **state) {
    check_stream(*state);
}

/* The same under TLS, through a small proxy that ends it. */
static void test_stream_over_tls(void **state) {
    struct rig *rig = *state;
    _cleanup_free_ char *certificate = str_format("%s/ca.pem", rig->dir);
    int out[2];
    assert_int_equal(pipe(out), 0);
    char *const argv[] = {(char[]){"python3"}, (char[]){TLS_PROXY}, strrchr(rig->server.url, ':') + 1,
                          rig->dir, NULL};
    extern char **environ;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    int failed = posix_spawnp(&rig->proxy, "python3", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    char port[16] = "";
    size_t length = 0; /* the line comes when it listens */
    while (!failed && length < sizeof port - 1 && !strchr(port, '\n') && read(out[0], port + length, 1) == 1)
        length++;
    close(out[0]);
    if (!strchr(port, '\n')) {
        rig->proxy = 0;
        print_message("no python3 or openssl to make a TLS proxy of\n");
        skip();
    }
    port[strcspn(port, "\n")] = '\0';
    rig->url = str_format("https://127.0.0.1:%s", port);
    setenv(CA_FILE_VARIABLE, certificate, 1);
    check_stream(rig);
    unsetenv(CA_FILE_VARIABLE); /* nobody vouches for this certificate: no connection */
    int connects = atomic_load(&rig->server.connects);
    rig->agent = spawn_agent(rig, "keep");
    fake_run(&rig->server, 500);
    assert_int_equal(atomic_load(&rig->server.connects), connects);
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_log_stream(void **state) {
    struct rig *rig = *state;
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    fake_stream_open(&rig->server, STREAM, "one", "log");
    struct fake_stream *stream = fake_stream_await(&rig->server, STREAM);
    char text[64] = "";
    read_from(rig, stream->fd, text, sizeof text - 1); /* to its end */
    assert_string_equal(text, "one runs nothing\n");
    fake_stream_free(stream);
    assert_int_equal(end(rig, SIGTERM), 0);
}

/* A log that is followed stays open until its session ends. */
static void test_followed_log(void **state) {
    struct rig *rig = *state;
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    fake_log_follow(&rig->server, STREAM, "one");
    struct fake_stream *stream = fake_stream_await(&rig->server, STREAM);
    char text[64] = "";
    read_from(rig, stream->fd, text, strlen("one runs nothing\n"));
    assert_string_equal(text, "one runs nothing\n");
    fake_run(&rig->server, 300);
    char more;
    assert_int_equal(recv(stream->fd, &more, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    fake_command(&rig->server, "cmd-00000002", 1, "stop_session", json_pack("{s:s}", "sessionId", "one"));
    assert_int_equal(read_from(rig, stream->fd, text, 1), 0);
    fake_stream_free(stream);
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_stream_errors(void **state) {
    struct rig *rig = *state;
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    int64_t began = clock_ms();
    fake_stream_open(&rig->server, STREAM, "never-was", "vnc");
    fake_await(&rig->server, "stream_error", "error", "the display does not answer", 0);
    assert_true(clock_ms() - began < 2000);
    fake_stream_open(&rig->server, STREAM, "one", "smell");
    fake_await(&rig->server, "stream_error", NULL, NULL, 1);
    atomic_store(&rig->server.stream_status, 404); /* the control plane does not know it any more */
    fake_stream_open(&rig->server, STREAM, "one", "vnc");
    fake_await(&rig->server, "stream_error", NULL, NULL, 2);
    atomic_store(&rig->server.stream_status, 0);
    stop_session(rig, "cmd-00000002", "one"); /* none of it did harm */
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_many_streams(void **state) {
    struct rig *rig = *state;
    enum { STREAMS = 40 };
    struct fake_stream *streams[STREAMS];
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    char id[PROTO_STREAM_ID_SIZE], banner[12];
    for (int i = 0; i < STREAMS; i++) {
        snprintf(id, sizeof id, "%032x", i + 1);
        fake_stream_open(&rig->server, id, "one", "vnc");
    }
    for (int i = 0; i < STREAMS; i++) {
        snprintf(id, sizeof id, "%032x", i + 1);
        streams[i] = fake_stream_await(&rig->server, id);
        assert_int_equal(read_from(rig, streams[i]->fd, banner, 12), 12);
    }
    for (int i = 0; i < STREAMS; i++)
        fake_stream_free(streams[i]);
    assert_int_equal(end(rig, SIGTERM), 0);
}

/* --- the end and the next start --- */

static const char *inventory_state(json_t *hello, const char *session) {
    size_t index;
    json_t *entry;
    json_array_foreach (json_object_get(json_object_get(hello, "payload"), "inventory"), index, entry)
        if (str_eq(json_string_value(json_object_get(entry, "sessionId")), session))
            return json_string_value(json_object_get(entry, "state"));
    return "";
}

static void test_restart_keeps_sessions(void **state) {
    struct rig *rig = *state;
    static const int signals[] = {SIGTERM, SIGKILL, SIGINT};
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    json_t *first = fake_await(&rig->server, "hello", NULL, NULL, 0);
    for (int i = 0; i < (int)ARRAY_SIZE(signals); i++) {
        int64_t began = clock_ms();
        assert_int_equal(end(rig, signals[i]), signals[i] == SIGKILL ? -SIGKILL : 0);
        assert_true(clock_ms() - began < 3000);
        start(rig, "keep");
        json_t *hello = fake_await(&rig->server, "hello", NULL, NULL, i + 1);
        assert_string_equal(inventory_state(hello, "one"), "running");
        assert_true(json_equal(json_object_get(json_object_get(hello, "payload"), "instanceId"),
                               json_object_get(json_object_get(first, "payload"), "instanceId")));
    }
    assert_int_equal(atomic_load(&rig->server.registers), 4);
    stop_session(rig, "cmd-00000002", "one");
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_exit_stops_sessions(void **state) {
    struct rig *rig = *state;
    setenv("STREAMSPACE_NULL_STOP_MS", "50", 1);
    start(rig, "stop");
    start_session(rig, "cmd-00000001", "one");
    start_session(rig, "cmd-00000002", "two");
    assert_int_equal(end(rig, SIGTERM), 0);
    loop_step(rig->loop, 50);
    for (int i = 0; i < 2; i++) {
        json_t *status = fake_await(&rig->server, "status", "state", "terminated", i);
        assert_string_equal(json_string_value(json_object_get(json_object_get(status, "payload"), "reason")),
                            "the agent was stopped");
    }
    setenv("STREAMSPACE_NULL_STOP_MS", "0", 1);
    start(rig, "keep");
    json_t *hello = fake_await(&rig->server, "hello", NULL, NULL, 1);
    assert_int_equal(json_array_size(json_object_get(json_object_get(hello, "payload"), "inventory")), 0);
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_stop_under_way_outlives_the_process(void **state) {
    struct rig *rig = *state;
    start(rig, "keep");
    start_session(rig, "cmd-00000001", "one");
    assert_int_equal(end(rig, SIGTERM), 0);
    setenv("STREAMSPACE_NULL_STOP_MS", "60000", 1);
    start(rig, "keep");
    fake_command(&rig->server, "cmd-00000002", 1, "stop_session", json_pack("{s:s}", "sessionId", "one"));
    fake_await(&rig->server, "ack", "commandId", "cmd-00000002", 0);
    int64_t began = clock_ms();
    assert_int_equal(end(rig, SIGTERM), 0); /* it does not wait for what takes a minute */
    assert_true(clock_ms() - began < 10000);
    setenv("STREAMSPACE_NULL_STOP_MS", "0", 1);
    start(rig, "keep");
    fake_await(&rig->server, "complete", "commandId", "cmd-00000002", 0); /* without being asked again */
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_second_process_is_refused(void **state) {
    struct rig *rig = *state;
    start(rig, "keep");
    assert_int_equal(reap(rig, spawn_agent(rig, "keep")), 3);
    fake_run(&rig->server, 100);
    assert_int_equal(atomic_load(&rig->server.connects), 1);
    assert_int_equal(end(rig, SIGTERM), 0);
}

static void test_missing_programs(void **state) {
    static const char *const programs[] = {"xterm", "gimp", "vlc", NULL};
    struct rig *rig = *state;
    setenv("STREAMSPACE_NULL_LACKS", "gimp,inkscape", 1);
    rig->server.programs = programs;
    start(rig, "keep");
    json_t *missing = NULL;
    for (int i = 0; !missing; i++)
        missing = json_object_get(
            json_object_get(fake_await(&rig->server, "heartbeat", NULL, NULL, i), "payload"), "missing");
    assert_int_equal(json_object_size(missing), 1);
    assert_string_equal(json_string_value(json_object_get(missing, "gimp")), "install gimp");
    pthread_mutex_lock(&rig->server.lock);
    json_t *capacity = json_object_get(rig->server.registration, "capacity");
    assert_int_equal(json_integer_value(json_object_get(capacity, "maxSessions")), 100);
    assert_true(json_is_string(json_object_get(capacity, "cpu")));
    assert_true(json_is_string(json_object_get(capacity, "memory")));
    pthread_mutex_unlock(&rig->server.lock);
    assert_int_equal(end(rig, SIGTERM), 0);
}

/* --- death at random points --- */

struct command {
    char id[COMMAND_ID_MAX + 1];
    bool stop, sent;
    char session[SESSION_NAME_MAX + 1];
};

struct chaos {
    struct rig *rig;
    unsigned seed;
    struct command *commands;
    size_t count, next; /* all; not yet queued */
};

static bool has_outcome(struct chaos *chaos, const struct command *command) {
    return map_get(chaos->rig->server.outcomes, command->id) != NULL;
}

static void send_command(struct chaos *chaos, struct command *command) {
    json_t *payload =
        command->stop ? json_pack("{s:s}", "sessionId", command->session) : start_payload(command->session);
    command->sent = true;
    if (chaos->rig->server.ws)
        fake_command(&chaos->rig->server, command->id, 1, command->stop ? "stop_session" : "start_session",
                     payload);
    else
        json_decref(payload);
}

/* As the dispatcher does: what was sent and has no outcome goes out again, unless the agent says that it is
 * at it. */
static void on_hello(void *arg, json_t *payload) {
    struct chaos *chaos = arg;
    json_t *open = json_object_get(payload, "openCommands");
    for (size_t i = 0; i < chaos->next; i++) {
        struct command *command = &chaos->commands[i];
        size_t index;
        json_t *entry;
        bool at_it = false;
        json_array_foreach (open, index, entry)
            at_it |= str_eq(json_string_value(json_object_get(entry, "commandId")), command->id) &&
                     str_eq(json_string_value(json_object_get(entry, "state")), "accepted");
        if (command->sent && !at_it && !has_outcome(chaos, command))
            send_command(chaos, command);
    }
}

static void make_commands(struct chaos *chaos, size_t sessions) {
    chaos->count = sessions * 2;
    chaos->commands = mem_zalloc(chaos->count * sizeof *chaos->commands);
    for (size_t i = 0; i < chaos->count; i++) {
        struct command *command = &chaos->commands[i];
        snprintf(command->id, sizeof command->id, "cmd-%08zx", i);
        /* Every start is followed by a stop, but every third session stays and is started twice. */
        size_t session = i / 2;
        command->stop = i % 2 && session % 3 != 0;
        snprintf(command->session, sizeof command->session, "s-%zu", session);
    }
}

static size_t outcomes(struct chaos *chaos) {
    size_t have = 0;
    for (size_t i = 0; i < chaos->count; i++)
        have += has_outcome(chaos, &chaos->commands[i]);
    return have;
}

static void feed(struct chaos *chaos, int64_t ms) {
    int64_t limit = clock_ms() + ms;
    while (clock_ms() < limit) {
        if (chaos->next < chaos->count && chaos->rig->server.ws && rand_r(&chaos->seed) % 3 == 0)
            send_command(chaos, &chaos->commands[chaos->next++]);
        loop_step(chaos->rig->loop, 2);
    }
}

/* How often each line stands in the runtime's log. */
static int deeds(const char *log, const char *what, const char *session) {
    char line[SESSION_NAME_MAX + 16];
    int times = 0;
    size_t length = (size_t)snprintf(line, sizeof line, "%s %s\n", what, session);
    for (const char *at = log; (at = strstr(at, line)); at += length)
        times += at == log || at[-1] == '\n';
    return times;
}

static bool completed(struct chaos *chaos, const struct command *command) {
    return str_eq(map_get(chaos->rig->server.outcomes, command->id), "complete");
}

static void check_deeds(struct chaos *chaos, int kills) {
    _cleanup_free_ char *log = NULL;
    assert_int_equal(file_read(chaos->rig->log_path, 1 << 24, &log, NULL, NULL), 0);
    int unlogged = 0;
    for (size_t i = 0; i < chaos->count; i++) {
        const struct command *command = &chaos->commands[i];
        _cleanup_free_ char *path = str_format("%s/null/%s", chaos->rig->state_dir, command->session);
        if (i % 2 == 0) {
            int times = deeds(log, "start", command->session);
            assert_in_range(times, 0, 1); /* never twice */
            unlogged += times == 0 && completed(chaos, command);
        } else if (command->stop) {
            int starts = deeds(log, "start", command->session), stops = deeds(log, "stop", command->session);
            assert_in_range(stops, 0, 1);
            assert_true(completed(chaos, command)); /* a stop is never overtaken */
            unlogged += starts > stops;
            assert_false(path_exists(path));
        } else {
            assert_int_equal(deeds(log, "stop", command->session), 0);
            assert_true(completed(chaos, command));
            assert_true(path_exists(path));
        }
    }
    /* Killed between the deed and its line; with 16 workers at most so many each time. */
    assert_in_range(unlogged, 0, kills * 16);
}

static unsigned number_from(const char *variable, unsigned preset) {
    int64_t number;
    return str_to_i64(getenv(variable) ? getenv(variable) : "", 0, INT32_MAX, &number) ? (unsigned)number
                                                                                       : preset;
}

static void test_killed_at_random(void **state) {
    struct rig *rig = *state;
    struct chaos chaos = {.rig = rig, .seed = number_from("AGENT_TEST_SEED", 20261121)};
    int kills = (int)number_from("AGENT_TEST_KILLS", 60);
    setenv("STREAMSPACE_NULL_START_MS", "3", 1);
    setenv("STREAMSPACE_NULL_STOP_MS", "2", 1);
    print_message("seed %u, %d kills\n", chaos.seed, kills);
    make_commands(&chaos, 150);
    rig->server.on_hello = on_hello;
    rig->server.arg = &chaos;
    for (int i = 0; i < kills; i++) {
        rig->agent = spawn_agent(rig, "keep");
        int connects = atomic_load(&rig->server.connects);
        /* Mostly while it works, sometimes before it has even connected. */
        if (rand_r(&chaos.seed) % 5)
            fake_await_connects(&rig->server, connects + 1);
        feed(&chaos, rand_r(&chaos.seed) % 40);
        if (rand_r(&chaos.seed) % 6 == 0 && rig->server.ws)
            fake_drop(&rig->server); /* and sometimes the connection goes first */
        assert_int_equal(end(rig, SIGKILL), -SIGKILL);
    }
    start(rig, "keep");
    int64_t limit = clock_ms() + LIMIT_MS;
    while (outcomes(&chaos) < chaos.count && clock_ms() < limit)
        feed(&chaos, 20);
    assert_int_equal(outcomes(&chaos), chaos.count);
    assert_int_equal(end(rig, SIGTERM), 0);
    check_deeds(&chaos, kills);
    free(chaos.commands);
}

int main(int argc, char **argv) {
    if (argc > 3 && str_eq(argv[1], "--agent"))
        return run_agent(argc, argv);
    signal(SIGPIPE, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_stream),
        TEST(test_stream_over_tls),
        TEST(test_log_stream),
        TEST(test_followed_log),
        TEST(test_stream_errors),
        TEST(test_many_streams),
        TEST(test_restart_keeps_sessions),
        TEST(test_exit_stops_sessions),
        TEST(test_stop_under_way_outlives_the_process),
        TEST(test_second_process_is_refused),
        TEST(test_missing_programs),
        TEST(test_killed_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
