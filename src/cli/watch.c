#include "cli/watch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/output.h"

#define LINE_MAX_BYTES (256 * 1024)

struct watch {
    struct client *client;
    const char *name;
    const char *wanted;
    int64_t started, deadline;
    struct strbuf line;
    json_t *session;
    bool connected;
    bool done;
    bool failed;
    struct err err;
};

/* Reads the session and decides. */
static void look(struct watch *watch) {
    _cleanup_free_ char *path = str_format("/sessions/%s", watch->name);
    json_t *session = NULL;
    if (client_call(watch->client, "GET", path, NULL, &session, &watch->err) < 0) {
        watch->failed = true;
        return;
    }
    json_decref(watch->session);
    watch->session = session;
    const char *state = json_string_value(json_object_get(session, "state"));
    const char *reason = json_string_value(json_object_get(session, "reason"));
    const char *message = json_string_value(json_object_get(json_object_get(session, "status"), "message"));
    if (str_eq(state, watch->wanted)) {
        watch->done = true;
    } else if (str_eq(state, "failed") || str_eq(state, "terminated")) {
        watch->failed = true;
        err_set(&watch->err, ERR_CONFLICT, "session_ended", "%s %s: %s", watch->name, state,
                reason ? reason : "no reason was given");
    } else if (clock_ms() > watch->deadline) {
        watch->failed = true;
        err_set(&watch->err, ERR_UNAVAILABLE, "timeout", "%s is still %s after %lld s; it was left as it is",
                watch->name, state ? state : "unknown", (long long)(clock_ms() - watch->started) / 1000);
    } else {
        progress_show(message ? message : state ? state : "waiting", clock_ms() - watch->started);
    }
}

static bool over(const struct watch *watch) {
    return watch->done || watch->failed;
}

/* Server-sent events arrive in pieces: a data line that names the session is a reason to look. */
static bool on_data(void *arg, int status, const char *data, size_t length) {
    struct watch *watch = arg;
    if (status != 200) {
        watch->failed = true;
        err_set(&watch->err, ERR_UNAVAILABLE, NULL, "the server's events answered with status %d", status);
        return false;
    }
    if (!watch->connected) { /* from now on no change can be missed: see what the state is */
        watch->connected = true;
        look(watch);
    }
    for (size_t i = 0; i < length && !over(watch); i++) {
        if (data[i] != '\n') {
            strbuf_putc(&watch->line, data[i]);
            continue;
        }
        bool relevant =
            str_starts(strbuf_str(&watch->line), "data:") && strstr(strbuf_str(&watch->line), watch->name);
        bool keep_alive = str_starts(strbuf_str(&watch->line), ":");
        strbuf_clear(&watch->line);
        if (relevant || keep_alive)
            look(watch);
    }
    return !over(watch);
}

int watch_session(struct client *client, const char *name, const char *wanted, int64_t timeout_ms,
                  json_t **ret, struct err *err) {
    struct watch watch = {.client = client,
                          .name = name,
                          .wanted = wanted,
                          .started = clock_ms(),
                          .deadline = clock_ms() + timeout_ms,
                          .line = STRBUF_MAX(LINE_MAX_BYTES)};
    while (!over(&watch)) {
        struct err stream_error = {0};
        watch.connected = false;
        int result = client_stream(client, "/events", on_data, &watch, &stream_error);
        if (!over(&watch))
            look(&watch); /* events may have come between two connections */
        if (!over(&watch) && result < 0 && clock_ms() > watch.deadline) {
            watch.failed = true;
            watch.err = stream_error;
        }
    }
    progress_clear();
    strbuf_finish(&watch.line);
    if (watch.failed) {
        json_decref(watch.session);
        err_copy(err, &watch.err);
        return -1;
    }
    if (ret)
        *ret = watch.session;
    else
        json_decref(watch.session);
    return 0;
}
