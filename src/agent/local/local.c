#include "agent/local/local.h"

#include "agent/local/port.h"
#include "agent/local/sandbox.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define LOG_READ_MAX (4 * 1024 * 1024)

char *local_home_path(const struct local *local, const char *home) {
    return str_format("%s/homes/%s", local->state_dir, home);
}

int local_open_status(const struct session *session, int64_t deadline_ms, struct err *err) {
    struct port port = {.run_fd = session->run_fd,
                        .uid = session->record.uid,
                        .token = session->record.token,
                        .cancel = session->cancel};
    int fd;
    return port_open(&port, "/status", "streamspace-status", deadline_ms, &fd, err) < 0 ? -1 : fd;
}

void local_watch(struct local *local, struct session *session, int status_fd,
                 const struct status_reader *reader, int64_t settle_ms) {
    session->watch = watch_begin(local->loop, session->record.session, session->serial, session->display,
                                 session->outer, status_fd, reader, settle_ms, &local->watch_events);
}

/* The entry that an event of the loop speaks of, with a reference; NULL when it is another one by now. */
static struct session *session_of_event(struct local *local, const char *session_id, uint64_t serial) {
    struct session *session = session_find(&local->sessions, session_id);
    if (session && session->serial == serial)
        return session;
    session_unref(&local->sessions, session);
    return NULL;
}

static void on_stage(void *arg, const char *session_id, uint64_t serial, const char *stage) {
    struct local *local = arg;
    if (local->events.stage)
        local->events.stage(local->events.arg, session_id, stage);
}

/* Puts together why a session ended: what the display said, and what the kernel counted. */
static void explain_end(struct local *local, const struct session *session, const struct status *status,
                        char *reason, size_t size) {
    struct cgroup_usage usage;
    struct cgroup_limits limits = session_limits(&local->sessions, session);
    cgroup_usage(&session->record.groups, &usage);
    struct strbuf text = {.data = reason, .capacity = size, .max = size - 1, .fixed = true};
    reason[0] = '\0';
    strbuf_puts(&text, status && *status->reason ? status->reason
                       : status                  ? "the application ended"
                                                 : "the display died");
    if (usage.oom_kills > 0 && (!status || status->failed))
        strbuf_printf(&text, " (out of memory: its ceiling is %" PRId64 " MiB)",
                      limits.memory_bytes / (1024 * 1024));
    else if (usage.pids_denied > 0 && (!status || status->failed))
        strbuf_printf(&text, " (at its ceiling of %" PRId64 " processes)", limits.pids_max);
}

static void on_ended(void *arg, const char *session_id, uint64_t serial, const struct status *status) {
    struct local *local = arg;
    struct session *session = session_of_event(local, session_id, serial);
    if (!session)
        return;
    if (session_state_change(&local->sessions, session, SESSION_RUNNING, SESSION_ENDED)) {
        char reason[SESSION_REASON_MAX];
        explain_end(local, session, status, reason, sizeof reason);
        if (local->events.ended)
            local->events.ended(local->events.arg, session_id, !status || status->failed, reason);
    }
    session_unref(&local->sessions, session);
}

static void on_settled(void *arg, const char *session_id, uint64_t serial) {
    struct local *local = arg;
    struct session *session = session_of_event(local, session_id, serial);
    if (!session)
        return;
    struct err err = {0};
    const struct record *record = &session->record;
    if (session_state_get(&local->sessions, session) == SESSION_RUNNING &&
        cgroup_set_cpu(&record->groups, session_limits(&local->sessions, session).cpu_millis, &err) < 0)
        log_error("a session's processor ceiling cannot be set", "session", session_id, "error", err.message);
    session_unref(&local->sessions, session);
}

/* A session that is there and runs (or is frozen), with a reference. */
static struct session *running_session(struct local *local, const char *session_id, struct err *err) {
    struct session *session = session_find(&local->sessions, session_id);
    if (!session) {
        err_set(err, ERR_NOT_FOUND, NULL, "no session %s on this machine", session_id);
        return NULL;
    }
    if (session_state_get(&local->sessions, session) == SESSION_RUNNING)
        return session;
    session_unref(&local->sessions, session);
    err_set(err, ERR_CONFLICT, NULL, "session %s is not running", session_id);
    return NULL;
}

int local_open_stream(struct runtime *runtime, const char *session_id, int64_t deadline_ms, int *ret_fd,
                      struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = running_session(local, session_id, err);
    if (!session)
        return -1;
    struct port port = {.run_fd = session->run_fd,
                        .uid = session->record.uid,
                        .token = session->record.token,
                        .cancel = session->cancel};
    int result = port_open(&port, "/stream", "streamspace-stream", deadline_ms, ret_fd, err);
    session_unref(&local->sessions, session);
    return result;
}

/* Reads the last bytes of a file that the session may have made anything of. */
static size_t read_tail(int run_fd, const char *name, char *target, size_t max) {
    _cleanup_close_ int fd = openat(run_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    off_t from = status.st_size > (off_t)max ? status.st_size - (off_t)max : 0;
    size_t have = 0;
    while (have < max) {
        ssize_t got = pread(fd, target + have, max - have, from + (off_t)have);
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

int local_logs(struct runtime *runtime, const char *session_id, size_t max, char **ret, size_t *ret_length,
               struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = session_find(&local->sessions, session_id);
    if (!session)
        return err_set(err, ERR_NOT_FOUND, NULL, "no session %s on this machine", session_id);
    if (max > LOG_READ_MAX)
        max = LOG_READ_MAX;
    char *text = mem_alloc(max + 1);
    _cleanup_free_ char *newer = mem_alloc(max + 1);
    size_t length = 0;
    if (session_state_get(&local->sessions, session) != SESSION_MAKING && session->run_fd >= 0) {
        size_t new_length = read_tail(session->run_fd, SESSION_LOG, newer, max);
        length = read_tail(session->run_fd, SESSION_LOG ".1", text, max - new_length);
        memcpy(text + length, newer, new_length);
        length += new_length;
    }
    text[length] = '\0';
    session_unref(&local->sessions, session);
    *ret = text;
    *ret_length = length;
    return 0;
}

int local_follow_logs(struct runtime *runtime, const char *session_id, size_t tail, int *ret_fd,
                      struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = session_find(&local->sessions, session_id);
    if (!session)
        return err_set(err, ERR_NOT_FOUND, NULL, "no session %s on this machine", session_id);
    enum session_state state = session_state_get(&local->sessions, session);
    bool readable = state == SESSION_RUNNING || state == SESSION_ENDED;
    int result = log_follow(local->followers, session_id, readable ? session->run_fd : -1,
                            tail > LOG_READ_MAX ? LOG_READ_MAX : tail, ret_fd, err);
    session_unref(&local->sessions, session);
    return result;
}

static void cancel(struct runtime *runtime, const char *session_id) {
    struct local *local = (struct local *)runtime;
    struct session *session = session_find(&local->sessions, session_id);
    if (session && session_state_get(&local->sessions, session) == SESSION_MAKING)
        eventfd_write(session->cancel, 1);
    session_unref(&local->sessions, session);
}

static int usage(struct runtime *runtime, const char *session_id, struct runtime_usage *ret,
                 struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = running_session(local, session_id, err);
    if (!session)
        return -1;
    struct cgroup_usage now;
    cgroup_usage(&session->record.groups, &now);
    session_unref(&local->sessions, session);
    if (now.memory_bytes < 0 && now.cpu_usec < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "no control groups on this machine: usage is not known");
    *ret = (struct runtime_usage){.memory_bytes = now.memory_bytes < 0 ? 0 : now.memory_bytes,
                                  .cpu_usec = now.cpu_usec < 0 ? 0 : now.cpu_usec};
    return 0;
}

/* One command of a session is under way at a time: nobody else changes its ceilings or its record. */
static int change_limits(struct local *local, struct session *session, const struct runtime_limits *given,
                         struct err *err) {
    struct cgroup_limits now = session_limits(&local->sessions, session), wanted = now;
    if (given->memory_bytes > 0)
        wanted.memory_bytes = given->memory_bytes;
    if (given->cpu_millis > 0)
        wanted.cpu_millis = given->cpu_millis;
    if (cgroup_change(&session->record.groups, &now, &wanted, err) < 0)
        return -1;
    session_set_limits(&local->sessions, session, &wanted);
    if (record_write(&session->record, local->state_dir, err) == 0)
        return 0;
    session_set_limits(&local->sessions, session, &now);
    cgroup_change(&session->record.groups, &wanted, &now, NULL);
    return -1;
}

int local_update(struct runtime *runtime, const char *session_id, const struct runtime_limits *limits,
                 int64_t deadline_ms, struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = running_session(local, session_id, err);
    if (!session)
        return -1;
    int result = change_limits(local, session, limits, err);
    session_unref(&local->sessions, session);
    return result;
}

static int set_frozen(struct runtime *runtime, const char *session_id, bool frozen, int64_t deadline_ms,
                      struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = running_session(local, session_id, err);
    if (!session)
        return -1;
    int result = cgroup_freeze(&session->record.groups, frozen, deadline_ms, err);
    if (result == 0 && !frozen && !session->watch) {
        /* It was adopted frozen, when its display could not answer. */
        int status = local_open_status(session, deadline_ms, NULL);
        local_watch(local, session, status, NULL, 0);
    }
    session_unref(&local->sessions, session);
    return result;
}

static int freeze(struct runtime *runtime, const char *session_id, int64_t deadline_ms, struct err *err) {
    return set_frozen(runtime, session_id, true, deadline_ms, err);
}

static int thaw(struct runtime *runtime, const char *session_id, int64_t deadline_ms, struct err *err) {
    return set_frozen(runtime, session_id, false, deadline_ms, err);
}

static void stop_loop(void *arg) {
    struct local *local = arg;
    local_unwatch_addresses(local);
    log_followers_destroy(steal_pointer(&local->followers));
    loop_stop(local->loop);
}

static void destroy(struct runtime *runtime) {
    struct local *local = (struct local *)runtime;
    if (!local)
        return;
    if (local->thread_runs) {
        struct session **all;
        size_t count = session_all(&local->sessions, &all);
        for (size_t i = 0; i < count; i++) {
            watch_end(all[i]->watch);
            all[i]->watch = NULL;
            session_unref(&local->sessions, all[i]);
        }
        free(all);
        loop_post(local->loop, stop_loop, local); /* behind the ends of the watches */
        pthread_join(local->thread, NULL);
    } else {
        local_unwatch_addresses(local);
        log_followers_destroy(local->followers);
    }
    loop_destroy(local->loop);
    session_table_finish(&local->sessions);
    for (size_t i = 0; i < FILTERS; i++)
        syscall_filter_finish(&local->filters[i]);
    cgroup_close_parents(&local->parents);
    ids_close(local->ids);
    free(local->agent_id);
    free(local->state_dir);
    free(local->program);
    free(local->bwrap);
    free(local->pasta);
    free(local);
}

static const struct runtime_ops ops = {
    .name = "local",
    .platform = "local",
    .start = local_start,
    .stop = local_stop,
    .freeze = freeze,
    .thaw = thaw,
    .update = local_update,
    .adopt = local_adopt,
    .open_stream = local_open_stream,
    .logs = local_logs,
    .follow_logs = local_follow_logs,
    .usage = usage,
    .can_run = local_can_run,
    .cancel = cancel,
    .destroy = destroy,
};

static void *run_loop(void *arg) {
    struct local *local = arg;
    loop_run(local->loop);
    return NULL;
}

static int make_directories(const struct local *local, struct err *err) {
    _cleanup_free_ char *sessions = str_format("%s/sessions", local->state_dir);
    _cleanup_free_ char *homes = str_format("%s/homes", local->state_dir);
    return dir_make(sessions, 0700, err) < 0 || dir_make(homes, 0700, err) < 0 ? -1 : 0;
}

static int prepare(struct local *local, const char *ids_directory, struct err *err) {
    if (!program_find("bwrap", &local->bwrap))
        return err_set(err, ERR_UNAVAILABLE, NULL,
                       "no bwrap on this machine: install the package bubblewrap");
    program_find("pasta", &local->pasta);
    if (make_directories(local, err) < 0 ||
        ids_open(&local->ids, local->agent_id, local->state_dir, ids_directory, err) < 0)
        return -1;
    for (unsigned i = 0; i < FILTERS; i++) {
        struct syscall_grants grants = {.namespaces = i & 1, .debugging = i & 2};
        if (syscall_filter_make(&local->filters[i], &grants, err) < 0)
            return -1;
    }
    _cleanup_strv_ struct strv warnings = {0};
    if (runtime_local_check(&warnings) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s", warnings.items[warnings.count - 1]);
    cgroup_open_parents(&local->parents, local->agent_id, &warnings);
    for (size_t i = 0; i < warnings.count; i++)
        log_warn(warnings.items[i]);
    if (loop_create(&local->loop, err) < 0 || local_watch_addresses(local, err) < 0)
        return -1;
    local->followers = log_followers_create(local->loop);
    int failure = pthread_create(&local->thread, NULL, run_loop, local);
    if (failure) {
        errno = failure;
        return err_errno(err, "cannot start a thread");
    }
    local->thread_runs = true;
    return 0;
}

int local_create(struct runtime **ret, const struct runtime_options *options, const char *ids_directory,
                 struct err *err) {
    struct local *local = mem_zalloc(sizeof *local);
    local->runtime.ops = &ops;
    local->agent_id = str_dup(options->agent_id);
    local->state_dir = str_dup(options->state_dir);
    local->program = str_dup(options->program);
    local->events = options->events;
    local->address_socket = -1;
    local->watch_events =
        (struct watch_events){.stage = on_stage, .ended = on_ended, .settled = on_settled, .arg = local};
    session_table_init(&local->sessions);
    if (prepare(local, ids_directory, err) < 0) {
        destroy(&local->runtime);
        return err_wrap(err, "local runtime");
    }
    *ret = &local->runtime;
    return 0;
}

int runtime_local_create(struct runtime **ret, const struct runtime_options *options, struct err *err) {
    return local_create(ret, options, NULL, err);
}
