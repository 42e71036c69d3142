#include "agent/local/ids.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/id.h"
#include "base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

#define REGISTRY_MAX (1024 * 1024) /* bytes: some thousands of agents */
#define USERS_MAX (16 * 1024 * 1024)

struct ids {
    pthread_mutex_t mutex;
    uid_t base; /* the first id of the range; 0: all sessions are ours */
    uid_t own;
    int lock; /* held for as long as the agent runs */
    char *users_path;
    struct strv users; /* their index is their number */
};

/* One line of the registry: base, agentId, state directory. */
struct entry {
    uint32_t base;
    char *agent_id;
    char *state_dir;
};

static bool parse_entry(char *line, struct entry *ret) {
    char *agent = strchr(line, ' ');
    char *state = agent ? strchr(agent + 1, ' ') : NULL;
    int64_t base;
    if (!state)
        return false;
    *agent++ = '\0';
    *state++ = '\0';
    if (!str_to_i64(line, IDS_FIRST, IDS_LAST, &base))
        return false;
    *ret = (struct entry){.base = (uint32_t)base, .agent_id = agent, .state_dir = state};
    return true;
}

static int open_locked(const char *path, int *ret, struct err *err) {
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    if (flock(fd, LOCK_EX) < 0) /* held by others for the time of one small write */
        return err_errno(err, "cannot lock %s", path);
    *ret = steal_fd(&fd);
    return 0;
}

/* The lowest range that nobody has. */
static int free_range(const bool *taken, uint32_t *ret, struct err *err) {
    for (uint32_t i = 0; i <= (IDS_LAST - IDS_FIRST) / IDS_PER_AGENT; i++) {
        if (!taken[i]) {
            *ret = IDS_FIRST + i * IDS_PER_AGENT;
            return 0;
        }
    }
    return err_set(err, ERR_LIMIT, NULL, "all ranges of user ids are taken by other agents of this machine");
}

/* Finds the agent's entry or adds one, with the registry locked. */
static int assign_range(const char *path, const char *agent_id, const char *state_dir, uint32_t *ret,
                        struct err *err) {
    _cleanup_free_ char *text = NULL;
    struct err missing = {0};
    if (file_read(path, REGISTRY_MAX, &text, NULL, &missing) < 0 && missing.kind != ERR_NOT_FOUND) {
        err_copy(err, &missing);
        return -1;
    }
    _cleanup_strv_ struct strv lines = {0};
    if (text)
        strv_split(&lines, text, '\n');
    bool taken[(IDS_LAST - IDS_FIRST) / IDS_PER_AGENT + 1] = {false};
    _cleanup_strbuf_ struct strbuf kept = STRBUF_MAX(REGISTRY_MAX);
    for (size_t i = 0; i < lines.count; i++) {
        struct entry entry;
        if (!parse_entry(lines.items[i], &entry))
            return err_set(err, ERR_INTERNAL, NULL, "%s is damaged in line %zu", path, i + 1);
        if (str_eq(entry.agent_id, agent_id) && str_eq(entry.state_dir, state_dir)) {
            *ret = entry.base;
            return 0;
        }
        if (!path_exists(entry.state_dir))
            continue; /* the homes that belonged to these ids are gone with it */
        taken[(entry.base - IDS_FIRST) / IDS_PER_AGENT] = true;
        strbuf_printf(&kept, "%" PRIu32 " %s %s\n", entry.base, entry.agent_id, entry.state_dir);
    }
    if (free_range(taken, ret, err) < 0)
        return -1;
    strbuf_printf(&kept, "%" PRIu32 " %s %s\n", *ret, agent_id, state_dir);
    if (kept.overflow)
        return err_set(err, ERR_LIMIT, NULL, "%s is full", path);
    return file_write_atomic(path, kept.data, kept.length, 0600, err);
}

/* A lock of this process alone (fcntl): one that children inherit would outlive a killed agent in those that
 * it was about to start. */
static int lock_agent(struct ids *ids, const char *directory, const char *agent_id, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/%s.lock", directory, agent_id);
    ids->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ids->lock < 0)
        return err_errno(err, "cannot open %s", path);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(ids->lock, F_SETLK, &whole) == 0)
        return 0;
    if (errno == EACCES || errno == EAGAIN)
        return err_set(err, ERR_CONFLICT, NULL, "another agent with the id %s runs on this machine",
                       agent_id);
    return err_errno(err, "cannot lock %s", path);
}

static int open_registry(struct ids *ids, const char *agent_id, const char *state_dir, const char *directory,
                         struct err *err) {
    if (dir_make(directory, 0700, err) < 0)
        return -1;
    if (lock_agent(ids, directory, agent_id, err) < 0)
        return -1;
    _cleanup_free_ char *guard = str_format("%s/lock", directory);
    _cleanup_close_ int fd = -1;
    if (open_locked(guard, &fd, err) < 0)
        return -1;
    _cleanup_free_ char *path = str_format("%s/registry", directory);
    uint32_t base = 0;
    if (assign_range(path, agent_id, state_dir, &base, err) < 0)
        return -1;
    ids->base = base;
    return 0;
}

static int load_users(struct ids *ids, struct err *err) {
    _cleanup_free_ char *text = NULL;
    struct err missing = {0};
    if (file_read(ids->users_path, USERS_MAX, &text, NULL, &missing) < 0) {
        if (missing.kind == ERR_NOT_FOUND)
            return 0;
        err_copy(err, &missing);
        return -1;
    }
    strv_split(&ids->users, text, '\n');
    return 0;
}

int ids_open(struct ids **ret, const char *agent_id, const char *state_dir, const char *directory,
             struct err *err) {
    if (!id_is_agent(agent_id))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no agent id", agent_id);
    struct ids *ids = mem_zalloc(sizeof *ids);
    ids->lock = -1;
    ids->own = geteuid();
    pthread_mutex_init(&ids->mutex, NULL);
    ids->users_path = str_format("%s/users", state_dir);
    _cleanup_free_ char *real = realpath(state_dir, NULL);
    if (geteuid() == 0 && (open_registry(ids, agent_id, real ? real : state_dir,
                                         directory ? directory : IDS_DIRECTORY, err) < 0 ||
                           load_users(ids, err) < 0)) {
        ids_close(ids);
        return err_wrap(err, "user ids of this agent");
    }
    *ret = ids;
    return 0;
}

void ids_close(struct ids *ids) {
    if (!ids)
        return;
    close_fd(ids->lock);
    strv_finish(&ids->users);
    free(ids->users_path);
    pthread_mutex_destroy(&ids->mutex);
    free(ids);
}

/* Appends a user and makes the list durable before the number is used. */
static int add_user(struct ids *ids, const char *user, struct err *err) {
    if (ids->users.count >= IDS_PER_AGENT)
        return err_set(err, ERR_LIMIT, NULL, "this agent has no user id left for another user");
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(USERS_MAX);
    for (size_t i = 0; i < ids->users.count; i++)
        strbuf_printf(&text, "%s\n", ids->users.items[i]);
    strbuf_printf(&text, "%s\n", user);
    if (file_write_atomic(ids->users_path, text.data, text.length, 0600, err) < 0)
        return -1;
    strv_add(&ids->users, user);
    return 0;
}

int ids_of_user(struct ids *ids, const char *user, uid_t *ret, struct err *err) {
    if (!id_is_username(user))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no user name", user);
    if (!ids->base) {
        *ret = ids->own;
        return 0;
    }
    pthread_mutex_lock(&ids->mutex);
    size_t index = 0;
    while (index < ids->users.count && !str_eq(ids->users.items[index], user))
        index++;
    int result = index < ids->users.count ? 0 : add_user(ids, user, err);
    pthread_mutex_unlock(&ids->mutex);
    if (result == 0)
        *ret = ids->base + (uid_t)index;
    return result;
}

bool ids_are_separate(const struct ids *ids) {
    return ids->base != 0;
}
