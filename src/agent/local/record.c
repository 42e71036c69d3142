#include "agent/local/record.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

void record_finish(struct record *record) {
    cgroup_finish(&record->groups);
    explicit_bzero(record->token, sizeof record->token);
    *record = (struct record){0};
}

static char *record_path(const char *state_dir, const char *session_id) {
    return str_format("%s/sessions/%s.json", state_dir, session_id);
}

static json_t *process_json(const struct process_id *id) {
    return json_pack("{s:i,s:I}", "pid", (int)id->pid, "start", (json_int_t)id->start);
}

static void process_from_json(const json_t *object, struct process_id *ret) {
    json_t *pid = json_object_get(object, "pid");
    json_t *start = json_object_get(object, "start");
    if (json_is_integer(pid) && json_is_integer(start) && json_integer_value(pid) > 0)
        *ret = (struct process_id){(pid_t)json_integer_value(pid), (uint64_t)json_integer_value(start)};
}

static json_t *groups_json(const struct cgroup *groups) {
    json_t *object = json_object();
    for (int part = 0; part < CGROUP_PARTS; part++)
        if (groups->dirs[part])
            json_object_set_new(
                object, cgroup_part_name((enum cgroup_part)part),
                json_pack("{s:s,s:b}", "dir", groups->dirs[part], "v2", (int)groups->v2[part]));
    return object;
}

static void groups_from_json(const json_t *object, const char *session, struct cgroup *ret) {
    _cleanup_free_ char *tail = str_format("/%s", session);
    for (int part = 0; part < CGROUP_PARTS; part++) {
        json_t *entry = json_object_get(object, cgroup_part_name((enum cgroup_part)part));
        const char *dir = json_string_value(json_object_get(entry, "dir"));
        if (!dir || dir[0] != '/' || !str_ends(dir, tail))
            continue;
        ret->dirs[part] = str_dup(dir);
        ret->v2[part] = json_is_true(json_object_get(entry, "v2"));
    }
}

/* Replaces the file in one step, without waiting for the disk. */
static int replace_file(const char *path, const char *text, struct err *err) {
    _cleanup_free_ char *beside = str_format("%s.new", path);
    _cleanup_close_ int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot create %s", beside);
    if (fd_write_all(fd, text, strlen(text), err) < 0)
        return err_wrap(err, "%s", beside);
    if (rename(beside, path) < 0)
        return err_errno(err, "cannot rename %s", beside);
    return 0;
}

int record_write(const struct record *record, const char *state_dir, struct err *err) {
    json_t *object =
        json_pack("{s:i,s:s,s:s,s:b,s:I,s:s,s:s,s:b,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "version", 1, "session",
                  record->session, "boot", record->boot, "running", (int)record->running, "uid",
                  (json_int_t)record->uid, "token", record->token, "home", record->home, "outbound",
                  (int)record->outbound, "memory", (json_int_t)record->limits.memory_bytes, "pids",
                  (json_int_t)record->limits.pids_max, "cpu", (json_int_t)record->limits.cpu_millis, "outer",
                  process_json(&record->outer), "display", process_json(&record->display), "network",
                  process_json(&record->network), "groups", groups_json(&record->groups));
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (!text)
        return err_set(err, ERR_INTERNAL, NULL, "cannot write down session %s", record->session);
    _cleanup_free_ char *path = record_path(state_dir, record->session);
    int result = replace_file(path, text, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return result;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void fill(struct record *record, const json_t *object) {
    str_copy(record->boot, sizeof record->boot, text_of(object, "boot"));
    str_copy(record->token, sizeof record->token, text_of(object, "token"));
    const char *home = text_of(object, "home");
    if (home_name_is_valid(home))
        str_copy(record->home, sizeof record->home, home);
    record->running = json_is_true(json_object_get(object, "running"));
    record->outbound = json_is_true(json_object_get(object, "outbound"));
    record->uid = (uid_t)json_integer_value(json_object_get(object, "uid"));
    record->limits.memory_bytes = json_integer_value(json_object_get(object, "memory"));
    record->limits.pids_max = json_integer_value(json_object_get(object, "pids"));
    record->limits.cpu_millis = json_integer_value(json_object_get(object, "cpu"));
    process_from_json(json_object_get(object, "outer"), &record->outer);
    process_from_json(json_object_get(object, "display"), &record->display);
    process_from_json(json_object_get(object, "network"), &record->network);
    groups_from_json(json_object_get(object, "groups"), record->session, &record->groups);
}

int record_read(struct record *record, const char *state_dir, const char *session_id, struct err *err) {
    _cleanup_free_ char *path = record_path(state_dir, session_id);
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (file_read(path, RECORD_MAX, &text, &length, err) < 0)
        return -1;
    *record = (struct record){0};
    str_copy(record->session, sizeof record->session, session_id);
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    explicit_bzero(text, length);
    if (!object)
        log_warn("the record of a session is damaged", "session", session_id);
    fill(record, object);
    json_decref(object);
    return 0;
}

int record_remove(const char *state_dir, const char *session_id, struct err *err) {
    _cleanup_free_ char *path = record_path(state_dir, session_id);
    _cleanup_free_ char *beside = str_format("%s.new", path);
    unlink(beside);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove %s", path);
    return 0;
}

int record_list(const char *state_dir, struct strv *sessions, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/sessions", state_dir);
    _cleanup_closedir_ DIR *dir = opendir(path);
    if (!dir)
        return err_errno(err, "cannot read %s", path);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        /* One whose writing was cut short counts as well: what was begun has to be ended. */
        static const char *const ends[] = {".json", ".json.new"};
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
            if (!str_ends(entry->d_name, ends[i]))
                continue;
            _cleanup_free_ char *name = str_ndup(entry->d_name, strlen(entry->d_name) - strlen(ends[i]));
            if (id_is_session(name) && !strv_contains(sessions, name))
                strv_add(sessions, name);
        }
    }
    return 0;
}

bool home_name_is_valid(const char *name) {
    size_t length = strlen(name);
    if (length < 1 || length > HOME_NAME_MAX || name[0] == '.' || name[0] == '_' || name[0] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}
