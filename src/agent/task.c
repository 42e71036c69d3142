#include "agent/supervisor_internal.h"

#include "agent/spec.h"
#include "base/cleanup.h"
#include "base/clock.h"

const char *const action_names[] = {
    [ACTION_NONE] = "",
    [ACTION_START] = "start_session",
    [ACTION_STOP] = "stop_session",
    [ACTION_HIBERNATE] = "hibernate_session",
    [ACTION_WAKE] = "wake_session",
    [ACTION_UPDATE] = "update_session",
};

/* How long each may take when the command does not say. */
static const int64_t default_limit_ms[] = {
    [ACTION_START] = 120000, [ACTION_STOP] = 60000,   [ACTION_HIBERNATE] = 60000,
    [ACTION_WAKE] = 60000,   [ACTION_UPDATE] = 60000,
};

enum action action_parse(const char *text) {
    for (int i = ACTION_START; i <= ACTION_UPDATE; i++)
        if (str_eq(text, action_names[i]))
            return (enum action)i;
    return ACTION_NONE;
}

struct task *task_create(struct supervisor *supervisor, enum action action, struct journal_entry *entry) {
    struct task *task = mem_zalloc(sizeof *task);
    task->supervisor = supervisor;
    task->action = action;
    task->entry = entry;
    if (entry) {
        task->payload = str_dup(entry->payload);
        task->deadline_ms = entry->deadline_ms;
    }
    return task;
}

void task_free(struct task *task) {
    free(task->payload);
    free(task->result);
    free(task);
}

/* Whether the same command may succeed later. */
bool err_is_retryable(const struct err *err) {
    return err->kind == ERR_UNAVAILABLE || err->kind == ERR_LIMIT || err->kind == ERR_INTERNAL;
}

static void set_result(struct task *task, const char *state, const char *mode) {
    json_t *result = json_object();
    json_object_set_new(result, "sessionId", json_string(task->session->id));
    json_object_set_new(result, "state", json_string(state));
    if (mode)
        json_object_set_new(result, "mode", json_string(mode));
    if (task->action == ACTION_START) {
        json_t *metadata = json_pack("{s:s}", "runtime", task->supervisor->runtime->ops->name);
        json_object_set_new(result, "platformMetadata", metadata);
    }
    task->result = json_dumps(result, JSON_COMPACT);
    json_decref(result);
}

static int run_start(struct task *task, struct runtime *runtime, int64_t limit_ms, struct err *err) {
    if (task->deadline_ms && task->deadline_ms <= clock_ms()) {
        /* It may be the rest of a start that a crash cut short: nothing of it stays. */
        runtime->ops->stop(runtime, task->session->id, false, clock_ms() + SUPERVISOR_STOP_MIN_MS, NULL);
        return err_set(err, ERR_CONFLICT, NULL, "the start's deadline was over before it could be run");
    }
    struct spec spec;
    int status = spec_parse(task->payload, &spec, err);
    if (status == 0)
        status = runtime->ops->start(runtime, &spec.spec, limit_ms, err);
    spec_finish(&spec);
    if (status == 0)
        set_result(task, "running", NULL);
    return status;
}

static int run_stop(struct task *task, struct runtime *runtime, int64_t limit_ms, struct err *err) {
    int64_t least = clock_ms() + SUPERVISOR_STOP_MIN_MS;
    json_t *payload = task->payload ? json_loads(task->payload, 0, NULL) : NULL;
    bool delete_home = json_is_true(json_object_get(payload, "deleteHome"));
    json_decref(payload);
    if (runtime->ops->stop(runtime, task->session->id, delete_home, limit_ms > least ? limit_ms : least,
                           err) < 0)
        return -1;
    set_result(task, "terminated", NULL);
    return 0;
}

static int run_hibernate(struct task *task, struct runtime *runtime, int64_t limit_ms, struct err *err) {
    json_t *payload = task->payload ? json_loads(task->payload, 0, NULL) : NULL;
    const char *mode = json_string_value(json_object_get(payload, "mode"));
    bool freeze = !mode || str_eq(mode, "freeze");
    json_decref(payload);
    if (!freeze || !runtime->ops->freeze)
        return err_set(err, ERR_UNSUPPORTED, NULL, "the %s runtime cannot hibernate in this mode",
                       runtime->ops->name);
    if (runtime->ops->freeze(runtime, task->session->id, limit_ms, err) < 0)
        return -1;
    set_result(task, "hibernated", "freeze");
    return 0;
}

static int run_wake(struct task *task, struct runtime *runtime, int64_t limit_ms, struct err *err) {
    if (!runtime->ops->thaw)
        return err_set(err, ERR_UNSUPPORTED, NULL, "the %s runtime cannot wake sessions", runtime->ops->name);
    if (runtime->ops->thaw(runtime, task->session->id, limit_ms, err) < 0)
        return -1;
    set_result(task, "running", NULL);
    return 0;
}

static int run_update(struct task *task, struct runtime *runtime, int64_t limit_ms, struct err *err) {
    struct runtime_limits limits;
    if (!runtime->ops->update)
        return err_set(err, ERR_UNSUPPORTED, NULL, "the %s runtime cannot change what a session may use",
                       runtime->ops->name);
    if (limits_parse(task->payload, &limits, err) < 0 ||
        runtime->ops->update(runtime, task->session->id, &limits, limit_ms, err) < 0)
        return -1;
    set_result(task, "running", NULL);
    return 0;
}

void task_run(void *arg) {
    struct task *task = arg;
    struct runtime *runtime = task->supervisor->runtime;
    static int (*const runs[])(struct task *, struct runtime *, int64_t, struct err *) = {
        [ACTION_START] = run_start, [ACTION_STOP] = run_stop,     [ACTION_HIBERNATE] = run_hibernate,
        [ACTION_WAKE] = run_wake,   [ACTION_UPDATE] = run_update,
    };
    int64_t now = clock_ms();
    int64_t limit_ms = task->deadline_ms ? task->deadline_ms : now + default_limit_ms[task->action];
    if (limit_ms > now + SUPERVISOR_TASK_MAX_MS)
        limit_ms = now + SUPERVISOR_TASK_MAX_MS;
    task->status = runs[task->action](task, runtime, limit_ms, &task->err);
    loop_post(task->supervisor->options.loop, task_done, task);
}
