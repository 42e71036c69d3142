#include "agent/null/null.h"

#include "agent/null/echo.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#define DELAY_MAX_MS 600000
#define STATE_TEXT_MAX 32

struct entry {
    enum runtime_state state;
    int64_t since_us;
};

struct null_runtime {
    struct runtime runtime; /* first */
    char *dir;              /* NULL: no files */
    struct runtime_events events;
    int64_t start_ms, stop_ms, fail_every;
    bool usage;
    struct strv lacks;
    int log; /* or -1 */
    struct echo *echo;
    pthread_mutex_t lock;
    pthread_cond_t cancelled_one;
    struct map *sessions;
    struct map *cancelled; /* names whose start shall give up */
    int64_t starts;
};

static struct null_runtime *null_of(struct runtime *runtime) {
    return (struct null_runtime *)runtime;
}

/* --- files --- */

static const char *const state_words[] = {
    [RUNTIME_STARTING] = "starting",
    [RUNTIME_RUNNING] = "running",
    [RUNTIME_FROZEN] = "frozen",
    [RUNTIME_GONE] = "gone",
};

static int save(struct null_runtime *null, const char *id, enum runtime_state state, struct err *err) {
    if (!null->dir)
        return 0;
    _cleanup_free_ char *path = str_format("%s/%s", null->dir, id);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot create %s", path);
    return fd_write_all(fd, state_words[state], strlen(state_words[state]), err);
}

static void forget_file(struct null_runtime *null, const char *id) {
    if (!null->dir)
        return;
    _cleanup_free_ char *path = str_format("%s/%s", null->dir, id);
    unlink(path);
}

static void note(struct null_runtime *null, const char *what, const char *id) {
    char line[SESSION_NAME_MAX + 16];
    if (null->log < 0)
        return;
    int length = snprintf(line, sizeof line, "%s %s\n", what, id);
    (void)!write(null->log, line, (size_t)length);
}

static int load(struct null_runtime *null, struct err *err) {
    if (!null->dir)
        return 0;
    if (dir_make(null->dir, 0700, err) < 0)
        return -1;
    _cleanup_closedir_ DIR *dir = opendir(null->dir);
    if (!dir)
        return err_errno(err, "cannot read %s", null->dir);
    struct dirent *found;
    while ((found = readdir(dir))) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *path = str_format("%s/%s", null->dir, found->d_name);
        if (!id_is_session(found->d_name) || file_read(path, STATE_TEXT_MAX, &text, NULL, NULL) < 0)
            continue;
        struct entry *entry = mem_zalloc(sizeof *entry);
        entry->since_us = clock_us();
        entry->state = RUNTIME_STARTING; /* an empty file: killed in the middle */
        for (size_t i = 0; i < ARRAY_SIZE(state_words); i++)
            if (str_eq(text, state_words[i]))
                entry->state = (enum runtime_state)i;
        free(map_set(null->sessions, found->d_name, entry));
    }
    return 0;
}

/* --- waiting --- */

static void until(int64_t delay_ms, struct timespec *ret) {
    clock_gettime(CLOCK_MONOTONIC, ret);
    ret->tv_sec += delay_ms / 1000;
    ret->tv_nsec += delay_ms % 1000 * 1000000;
    if (ret->tv_nsec >= 1000000000) {
        ret->tv_sec++;
        ret->tv_nsec -= 1000000000;
    }
}

/* Pretends to work for `delay_ms`, under the lock. -1: cancelled, or the deadline comes first. */
static int work(struct null_runtime *null, const char *id, int64_t delay_ms, int64_t deadline_ms,
                bool cancellable, struct err *err) {
    struct timespec end;
    int64_t left = deadline_ms - clock_ms();
    bool too_slow = left < delay_ms;
    until(too_slow ? (left > 0 ? left : 0) : delay_ms, &end);
    while (delay_ms > 0) {
        if (cancellable && map_get(null->cancelled, id))
            return err_set(err, ERR_UNAVAILABLE, "cancelled", "the start was cancelled");
        if (pthread_cond_timedwait(&null->cancelled_one, &null->lock, &end) != 0)
            break;
    }
    if (too_slow && delay_ms > 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "it did not end within its deadline");
    return 0;
}

/* --- the interface --- */

static int start_locked(struct null_runtime *null, const char *id, int64_t deadline_ms, struct err *err) {
    struct entry *entry = map_get(null->sessions, id);
    if (entry && entry->state == RUNTIME_RUNNING)
        return 0;
    if (entry && entry->state == RUNTIME_FROZEN)
        return err_set(err, ERR_CONFLICT, NULL, "the session is frozen");
    if (null->fail_every && ++null->starts % null->fail_every == 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the null runtime was told to fail");
    if (save(null, id, RUNTIME_STARTING, err) < 0)
        return -1;
    if (work(null, id, null->start_ms, deadline_ms, true, err) < 0) {
        forget_file(null, id);
        free(map_remove(null->sessions, id));
        return -1;
    }
    if (save(null, id, RUNTIME_RUNNING, err) < 0)
        return -1;
    entry = mem_zalloc(sizeof *entry);
    *entry = (struct entry){.state = RUNTIME_RUNNING, .since_us = clock_us()};
    free(map_set(null->sessions, id, entry));
    note(null, "start", id);
    return 0;
}

static int null_start(struct runtime *runtime, const struct session_spec *spec, int64_t deadline_ms,
                      struct err *err) {
    struct null_runtime *null = null_of(runtime);
    if (null->events.stage)
        null->events.stage(null->events.arg, spec->session_id, "pretending");
    pthread_mutex_lock(&null->lock);
    int status = start_locked(null, spec->session_id, deadline_ms, err);
    map_remove(null->cancelled, spec->session_id);
    pthread_mutex_unlock(&null->lock);
    return status;
}

static int null_stop(struct runtime *runtime, const char *id, bool delete_home, int64_t deadline_ms,
                     struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    int status = 0;
    struct entry *entry = map_get(null->sessions, id);
    if (entry) {
        status = work(null, id, null->stop_ms, deadline_ms, false, err);
        if (status == 0) {
            /* The line comes last: a process that is killed in between writes none, never two. */
            bool was_there = entry->state != RUNTIME_STARTING;
            free(map_remove(null->sessions, id));
            forget_file(null, id);
            if (was_there)
                note(null, "stop", id);
        }
    }
    map_remove(null->cancelled, id);
    pthread_mutex_unlock(&null->lock);
    echo_drop(null->echo, id);
    return status;
}

static int change(struct runtime *runtime, const char *id, enum runtime_state to, const char *word,
                  struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    struct entry *entry = map_get(null->sessions, id);
    int status = 0;
    if (!entry || entry->state == RUNTIME_GONE || entry->state == RUNTIME_STARTING) {
        status = err_set(err, ERR_NOT_FOUND, NULL, "there is no such session");
    } else if (entry->state != to) {
        status = save(null, id, to, err);
        if (status == 0) {
            entry->state = to;
            note(null, word, id);
        }
    }
    pthread_mutex_unlock(&null->lock);
    return status;
}

static int null_freeze(struct runtime *runtime, const char *id, int64_t deadline_ms, struct err *err) {
    return change(runtime, id, RUNTIME_FROZEN, "freeze", err);
}

static int null_thaw(struct runtime *runtime, const char *id, int64_t deadline_ms, struct err *err) {
    return change(runtime, id, RUNTIME_RUNNING, "thaw", err);
}

/* Runs nothing that could use more or less. */
static int null_update(struct runtime *runtime, const char *id, const struct runtime_limits *limits,
                       int64_t deadline_ms, struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    struct entry *entry = map_get(null->sessions, id);
    bool runs = entry && entry->state == RUNTIME_RUNNING;
    if (runs)
        note(null, "update", id);
    pthread_mutex_unlock(&null->lock);
    return runs ? 0 : err_set(err, ERR_CONFLICT, NULL, "session %s is not running", id);
}

static int null_adopt(struct runtime *runtime, struct runtime_inventory_entry **ret, size_t *ret_count,
                      struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    size_t cursor = 0, count = 0;
    const char *id;
    void *value;
    struct runtime_inventory_entry *list = mem_zalloc((map_count(null->sessions) + 1) * sizeof *list);
    while (map_next(null->sessions, &cursor, &id, &value)) {
        str_copy(list[count].session_id, sizeof list[count].session_id, id);
        list[count++].state = ((struct entry *)value)->state;
    }
    pthread_mutex_unlock(&null->lock);
    *ret = list;
    *ret_count = count;
    return 0;
}

static int null_open_stream(struct runtime *runtime, const char *id, int64_t deadline_ms, int *ret_fd,
                            struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    struct entry *entry = map_get(null->sessions, id);
    bool there = entry && entry->state == RUNTIME_RUNNING;
    pthread_mutex_unlock(&null->lock);
    if (!there)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the display does not answer");
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return err_errno(err, "cannot make a socket");
    (void)!send(ends[1], NULL_BANNER, strlen(NULL_BANNER), MSG_NOSIGNAL);
    echo_add(null->echo, ends[1], id);
    *ret_fd = ends[0];
    return 0;
}

static int null_logs(struct runtime *runtime, const char *id, size_t max, char **ret, size_t *ret_length,
                     struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    bool there = map_get(null->sessions, id) != NULL;
    pthread_mutex_unlock(&null->lock);
    if (!there)
        return err_set(err, ERR_NOT_FOUND, NULL, "there is no such session");
    char *text = str_format("%s runs nothing\n", id);
    size_t length = strlen(text);
    *ret_length = length < max ? length : max;
    memmove(text, text + length - *ret_length, *ret_length + 1);
    *ret = text;
    return 0;
}

/* Its one line, and nothing more until the session ends. */
static int null_follow_logs(struct runtime *runtime, const char *id, size_t tail, int *ret_fd,
                            struct err *err) {
    _cleanup_free_ char *text = NULL;
    size_t length;
    int ends[2];
    if (null_logs(runtime, id, tail, &text, &length, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return err_errno(err, "cannot make a socket");
    (void)!send(ends[1], text, length, MSG_NOSIGNAL);
    echo_add(null_of(runtime)->echo, ends[1], id);
    *ret_fd = ends[0];
    return 0;
}

static int null_usage(struct runtime *runtime, const char *id, struct runtime_usage *ret, struct err *err) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    struct entry *entry = map_get(null->sessions, id);
    int64_t since = entry ? entry->since_us : 0;
    pthread_mutex_unlock(&null->lock);
    if (!entry)
        return err_set(err, ERR_NOT_FOUND, NULL, "there is no such session");
    *ret = (struct runtime_usage){0};
    if (null->usage) /* a tenth of a core */
        *ret = (struct runtime_usage){.memory_bytes = 16 << 20, .cpu_usec = (clock_us() - since) / 10};
    return 0;
}

static bool null_can_run(struct runtime *runtime, const char *const *command, const char *network,
                         char *reason) {
    if (!strv_contains(&null_of(runtime)->lacks, command[0]))
        return true;
    snprintf(reason, SESSION_REASON_MAX, "install %s", command[0]);
    return false;
}

static void null_cancel(struct runtime *runtime, const char *id) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    map_set(null->cancelled, id, null);
    pthread_cond_broadcast(&null->cancelled_one);
    pthread_mutex_unlock(&null->lock);
}

void runtime_null_end(struct runtime *runtime, const char *id, bool failed, const char *reason) {
    struct null_runtime *null = null_of(runtime);
    pthread_mutex_lock(&null->lock);
    struct entry *entry = map_get(null->sessions, id);
    if (entry) {
        entry->state = RUNTIME_GONE;
        save(null, id, RUNTIME_GONE, NULL);
    }
    pthread_mutex_unlock(&null->lock);
    echo_drop(null->echo, id);
    if (entry && null->events.ended)
        null->events.ended(null->events.arg, id, failed, reason);
}

static void null_destroy(struct runtime *runtime) {
    struct null_runtime *null = null_of(runtime);
    echo_destroy(null->echo);
    map_destroy(null->sessions, free);
    map_destroy(null->cancelled, NULL);
    close_fd(null->log);
    strv_finish(&null->lacks);
    pthread_cond_destroy(&null->cancelled_one);
    pthread_mutex_destroy(&null->lock);
    free(null->dir);
    free(null);
}

static const struct runtime_ops null_ops = {
    .name = "null",
    .platform = "local",
    .start = null_start,
    .stop = null_stop,
    .freeze = null_freeze,
    .thaw = null_thaw,
    .update = null_update,
    .adopt = null_adopt,
    .open_stream = null_open_stream,
    .logs = null_logs,
    .follow_logs = null_follow_logs,
    .usage = null_usage,
    .can_run = null_can_run,
    .cancel = null_cancel,
    .destroy = null_destroy,
};

static int number(const char *variable, int64_t max, int64_t *ret, struct err *err) {
    const char *text = getenv(variable);
    if (str_empty(text))
        return 0;
    if (!str_to_i64(text, 0, max, ret))
        return err_set(err, ERR_INVALID, NULL, "%s: \"%s\" is not between 0 and %lld", variable, text,
                       (long long)max);
    return 0;
}

static int read_variables(struct null_runtime *null, const char *state_dir, struct err *err) {
    int64_t is_volatile = 0, usage = 0;
    if (number("STREAMSPACE_NULL_START_MS", DELAY_MAX_MS, &null->start_ms, err) < 0 ||
        number("STREAMSPACE_NULL_STOP_MS", DELAY_MAX_MS, &null->stop_ms, err) < 0 ||
        number("STREAMSPACE_NULL_FAIL_EVERY", INT32_MAX, &null->fail_every, err) < 0 ||
        number("STREAMSPACE_NULL_VOLATILE", 1, &is_volatile, err) < 0 ||
        number("STREAMSPACE_NULL_USAGE", 1, &usage, err) < 0)
        return -1;
    null->usage = usage != 0;
    const char *lacks = getenv("STREAMSPACE_NULL_LACKS");
    strv_split(&null->lacks, lacks ? lacks : "", ',');
    if (!is_volatile)
        null->dir = str_format("%s/null", state_dir);
    const char *log = getenv("STREAMSPACE_NULL_LOG");
    if (!str_empty(log)) {
        null->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (null->log < 0)
            return err_errno(err, "cannot open %s", log);
    }
    return 0;
}

int runtime_null_create(struct runtime **ret, const struct runtime_options *options, struct err *err) {
    struct null_runtime *null = mem_zalloc(sizeof *null);
    null->runtime.ops = &null_ops;
    null->events = options->events;
    null->log = -1;
    null->sessions = map_create();
    null->cancelled = map_create();
    pthread_mutex_init(&null->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&null->cancelled_one, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (read_variables(null, options->state_dir, err) < 0 || load(null, err) < 0 ||
        echo_create(&null->echo, err) < 0) {
        null_destroy(&null->runtime);
        return -1;
    }
    *ret = &null->runtime;
    return 0;
}
