/* Drives the local runtime from outside: one JSON object per line on standard input is one call of runtime.h,
 * made on a thread of its own; answers and events are JSON lines on standard output. Used by sandbox_test.py.
 *
 *   driver STATE_DIR AGENT_ID PROGRAM IDS_DIRECTORY
 *
 *   {"id":1,"op":"start","session":"s","command":["xterm"],…}   → {"id":1,"ok":true,"ms":93}
 *                                                              or
 * {"id":1,"ok":false,"kind":"conflict","error":"…"}
 *   {"event":"ended","session":"s","failed":true,"reason":"…"}
 */
#include "agent/local/local.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WORDS_MAX 64

static struct runtime *runtime;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static unsigned calls; /* being made */

static void print(json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    char *line = str_format("%s\n", text);
    (void)!write(STDOUT_FILENO, line,
                 strlen(line)); /* one write, so that lines of several threads do not mix */
    free(line);
    free(text);
    json_decref(object);
}

static void on_stage(void *arg, const char *session, const char *stage) {
    print(json_pack("{s:s,s:s,s:s}", "event", "stage", "session", session, "stage", stage));
}

static void on_ended(void *arg, const char *session, bool failed, const char *reason) {
    print(json_pack("{s:s,s:s,s:b,s:s}", "event", "ended", "session", session, "failed", (int)failed,
                    "reason", reason));
}

static const char *text_of(const json_t *call, const char *key, const char *otherwise) {
    const char *text = json_string_value(json_object_get(call, key));
    return text ? text : otherwise;
}

static int64_t number_of(const json_t *call, const char *key, int64_t otherwise) {
    json_t *value = json_object_get(call, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void words_of(const json_t *call, const char *key, const char *words[WORDS_MAX]) {
    size_t count = 0;
    size_t index;
    json_t *value;
    json_array_foreach (json_object_get(call, key), index, value) {
        if (count < WORDS_MAX - 1)
            words[count++] = json_string_value(value);
    }
    words[count] = NULL;
}

static int do_start(const json_t *call, json_t *answer, struct err *err) {
    const char *command[WORDS_MAX], *env[WORDS_MAX];
    words_of(call, "command", command);
    words_of(call, "env", env);
    const char *home = text_of(call, "home", NULL);
    struct session_spec spec = {.session_id = text_of(call, "session", "s"),
                                .user = text_of(call, "user", "alice"),
                                .template_name = "test",
                                .protocol = text_of(call, "protocol", "vnc"),
                                .command = command,
                                .env = env,
                                .network = text_of(call, "network", "none"),
                                .on_exit = text_of(call, "onExit", "end"),
                                .display_token = text_of(call, "token", ""),
                                .geometry = "1280x800",
                                .window_manager = json_is_true(json_object_get(call, "windowManager")),
                                .memory_bytes = number_of(call, "memory", 256 << 20),
                                .cpu_millis = number_of(call, "cpu", 1000),
                                .pids_max = number_of(call, "pids", 200),
                                .home_bytes = number_of(call, "homeBytes", 0),
                                .persistent_home = home != NULL,
                                .home = home,
                                .template_json = json_object_get(call, "template")};
    return runtime->ops->start(runtime, &spec, clock_ms() + number_of(call, "ms", 10000), err);
}

/* Opens a stream, sends "ping" and answers what came. */
static int do_stream(const json_t *call, json_t *answer, struct err *err) {
    _cleanup_close_ int fd = -1;
    if (runtime->ops->open_stream(runtime, text_of(call, "session", "s"),
                                  clock_ms() + number_of(call, "ms", 3000), &fd, err) < 0)
        return -1;
    char got[64] = "";
    size_t length = 0;
    (void)!send(fd, "ping", 4, MSG_NOSIGNAL);
    for (int64_t end = clock_ms() + 3000; clock_ms() < end && length < 16;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (poll(&entry, 1, 100) <= 0)
            continue;
        ssize_t more = recv(fd, got + length, sizeof got - 1 - length, 0);
        if (more <= 0)
            break;
        length += (size_t)more;
        if (length == 12 && json_is_true(json_object_get(call, "greeting")))
            break;
    }
    json_object_set_new(answer, "data", json_stringn(got, length));
    return 0;
}

static const char *state_name(enum runtime_state state) {
    static const char *const names[] = {"starting", "running", "frozen", "gone"};
    return names[state];
}

static int do_adopt(const json_t *call, json_t *answer, struct err *err) {
    struct runtime_inventory_entry *entries;
    size_t count;
    if (runtime->ops->adopt(runtime, &entries, &count, err) < 0)
        return -1;
    json_t *sessions = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(sessions, entries[i].session_id, json_string(state_name(entries[i].state)));
    free(entries);
    json_object_set_new(answer, "sessions", sessions);
    return 0;
}

static int do_logs(const json_t *call, json_t *answer, struct err *err) {
    char *text;
    size_t length;
    if (runtime->ops->logs(runtime, text_of(call, "session", "s"), (size_t)number_of(call, "max", 65536),
                           &text, &length, err) < 0)
        return -1;
    json_object_set_new(answer, "text", json_stringn_nocheck(text, length));
    free(text);
    return 0;
}

/* Follows the log until `until` has come, to its end, or to the deadline. */
static int do_follow(const json_t *call, json_t *answer, struct err *err) {
    _cleanup_close_ int fd = -1;
    if (runtime->ops->follow_logs(runtime, text_of(call, "session", "s"),
                                  (size_t)number_of(call, "tail", 65536), &fd, err) < 0)
        return -1;
    print(json_pack("{s:s,s:s}", "event", "following", "session", text_of(call, "session", "s")));
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(16 << 20);
    const char *until = text_of(call, "until", NULL);
    bool ended = false, reads = !json_is_true(json_object_get(call, "idle"));
    for (int64_t limit = clock_ms() + number_of(call, "ms", 10000); !ended && clock_ms() < limit;) {
        if (until && strstr(strbuf_str(&text), until))
            break;
        struct pollfd entry = {.fd = reads ? fd : -1, .events = POLLIN}; /* -1: one that never reads */
        if (poll(&entry, 1, 50) <= 0)
            continue;
        char chunk[16384];
        ssize_t got = recv(fd, chunk, sizeof chunk, 0);
        if (got > 0)
            strbuf_append(&text, chunk, (size_t)got);
        ended = got == 0;
    }
    json_object_set_new(answer, "text", json_stringn_nocheck(strbuf_str(&text), text.length));
    json_object_set_new(answer, "ended", json_boolean(ended));
    return 0;
}

static int do_usage(const json_t *call, json_t *answer, struct err *err) {
    struct runtime_usage usage;
    if (runtime->ops->usage(runtime, text_of(call, "session", "s"), &usage, err) < 0)
        return -1;
    json_object_set_new(answer, "memory", json_integer(usage.memory_bytes));
    json_object_set_new(answer, "cpu", json_integer(usage.cpu_usec));
    return 0;
}

static int do_can_run(const json_t *call, json_t *answer, struct err *err) {
    const char *command[WORDS_MAX];
    char reason[SESSION_REASON_MAX];
    words_of(call, "command", command);
    bool can = runtime->ops->can_run(runtime, command, text_of(call, "network", NULL), reason);
    json_object_set_new(answer, "can", json_boolean(can));
    json_object_set_new(answer, "reason", json_string(reason));
    return 0;
}

static int do_update(const json_t *call, json_t *answer, struct err *err) {
    struct runtime_limits limits = {.memory_bytes = number_of(call, "memory", 0),
                                    .cpu_millis = number_of(call, "cpu", 0)};
    return runtime->ops->update(runtime, text_of(call, "session", "s"), &limits,
                                clock_ms() + number_of(call, "ms", 10000), err);
}

static int dispatch(const json_t *call, json_t *answer, struct err *err) {
    const char *op = text_of(call, "op", "");
    const char *session = text_of(call, "session", "s");
    int64_t deadline = clock_ms() + number_of(call, "ms", 10000);
    if (str_eq(op, "start"))
        return do_start(call, answer, err);
    if (str_eq(op, "stop"))
        return runtime->ops->stop(runtime, session, json_is_true(json_object_get(call, "deleteHome")),
                                  deadline, err);
    if (str_eq(op, "freeze"))
        return runtime->ops->freeze(runtime, session, deadline, err);
    if (str_eq(op, "thaw"))
        return runtime->ops->thaw(runtime, session, deadline, err);
    if (str_eq(op, "stream"))
        return do_stream(call, answer, err);
    if (str_eq(op, "adopt"))
        return do_adopt(call, answer, err);
    if (str_eq(op, "logs"))
        return do_logs(call, answer, err);
    if (str_eq(op, "follow"))
        return do_follow(call, answer, err);
    if (str_eq(op, "usage"))
        return do_usage(call, answer, err);
    if (str_eq(op, "update"))
        return do_update(call, answer, err);
    if (str_eq(op, "can_run"))
        return do_can_run(call, answer, err);
    return err_set(err, ERR_INVALID, NULL, "unknown op '%s'", op);
}

static void *run_call(void *arg) {
    json_t *call = arg;
    json_t *answer = json_object();
    struct err err = {0};
    int64_t begin = clock_us();
    int result = dispatch(call, answer, &err);
    json_object_set_new(answer, "ms", json_real((double)(clock_us() - begin) / 1000.0));
    json_object_set(answer, "id", json_object_get(call, "id"));
    json_object_set_new(answer, "ok", json_boolean(result == 0));
    if (result < 0) {
        json_object_set_new(answer, "kind", json_string(err_kind_code(err.kind)));
        json_object_set_new(answer, "error", json_string(err.message));
    }
    print(answer);
    json_decref(call);
    pthread_mutex_lock(&mutex);
    calls--;
    pthread_cond_signal(&idle);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void begin_call(json_t *call) {
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    calls++;
    pthread_mutex_unlock(&mutex);
    if (pthread_create(&thread, NULL, run_call, call) != 0)
        abort();
    pthread_detach(thread);
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    json_object_seed(1); /* before threads */
    log_setup(LOG_INFO, false, "driver");
    struct runtime_options options = {.agent_id = argv[2],
                                      .state_dir = argv[1],
                                      .program = argv[3],
                                      .events = {.stage = on_stage, .ended = on_ended}};
    struct err err = {0};
    if (local_create(&runtime, &options, argv[4], &err) < 0) {
        print(json_pack("{s:s,s:s}", "event", "failed", "error", err.message));
        return 1;
    }
    print(json_pack("{s:s}", "event", "ready"));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_t *call = json_loads(line, 0, NULL);
        if (call)
            begin_call(call);
    }
    free(line);
    pthread_mutex_lock(&mutex);
    while (calls > 0)
        pthread_cond_wait(&idle, &mutex);
    pthread_mutex_unlock(&mutex);
    runtime->ops->destroy(runtime);
    return 0;
}
