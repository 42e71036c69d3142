#include "agent/identity.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TEXT_MAX 256

static int take_lock(struct identity *identity, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/lock", identity->dir);
    identity->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (identity->lock < 0)
        return err_errno(err, "cannot open %s", path);
    /* A lock of the process: children that were just forked do not hold it on. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(identity->lock, F_SETLK, &lock) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return err_errno(err, "cannot lock %s", path);
    return err_set(err, ERR_CONFLICT, NULL, "another agent process is using %s", identity->dir);
}

/* The first line of a small file; "" when it is not there. */
static int read_line(const struct identity *identity, const char *name, char *text, size_t size,
                     struct err *err) {
    _cleanup_free_ char *path = str_format("%s/%s", identity->dir, name);
    _cleanup_free_ char *content = NULL;
    struct err why = {0};
    *text = '\0';
    if (file_read(path, TEXT_MAX, &content, NULL, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        err_copy(err, &why);
        return -1;
    }
    content[strcspn(content, "\r\n")] = '\0';
    if (!str_copy(text, size, content))
        return err_set(err, ERR_INVALID, NULL, "%s: its content is too long", path);
    return 0;
}

static int write_line(const struct identity *identity, const char *name, const char *text, struct err *err) {
    _cleanup_free_ char *path = str_format("%s/%s", identity->dir, name);
    _cleanup_free_ char *line = str_format("%s\n", text);
    return file_write_atomic(path, line, strlen(line), 0600, err);
}

/* From the host's name, so that people recognise it. */
static void make_up_name(char *agent_id) {
    char host[40] = "", digits[7];
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    size_t length = 0;
    for (const char *p = host; *p && length < 40; p++) {
        if (isalnum((unsigned char)*p))
            agent_id[length++] = (char)tolower((unsigned char)*p);
        else if (length && agent_id[length - 1] != '-')
            agent_id[length++] = '-';
    }
    agent_id[length] = '\0';
    if (length && agent_id[length - 1] != '-')
        agent_id[length++] = '-';
    snprintf(agent_id + length, AGENT_ID_MAX + 1 - length, "%s", random_hex(digits, 6));
}

static int find_name(struct identity *identity, const char *agent_id, struct err *err) {
    char stored[TEXT_MAX];
    if (read_line(identity, "agent-id", stored, sizeof stored, err) < 0)
        return -1;
    if (*stored && !str_empty(agent_id) && !str_eq(stored, agent_id))
        return err_set(err, ERR_CONFLICT, NULL, "%s belongs to agent %s: give another directory, or that id",
                       identity->dir, stored);
    if (!str_empty(agent_id))
        str_copy(identity->agent_id, sizeof identity->agent_id, agent_id);
    else if (*stored)
        str_copy(identity->agent_id, sizeof identity->agent_id, stored);
    else
        make_up_name(identity->agent_id);
    if (!id_is_agent(identity->agent_id) || (!str_empty(agent_id) && strlen(agent_id) > AGENT_ID_MAX))
        return err_set_field(err, ERR_INVALID, NULL, "agent-id", "an agent id is 3-63 of a-z 0-9 -");
    return *stored ? 0 : write_line(identity, "agent-id", identity->agent_id, err);
}

static int find_instance(struct identity *identity, struct err *err) {
    char stored[TEXT_MAX];
    if (read_line(identity, "instance-id", stored, sizeof stored, err) < 0)
        return -1;
    if (id_is_hex(stored, IDENTITY_INSTANCE_SIZE - 1)) {
        str_copy(identity->instance_id, sizeof identity->instance_id, stored);
        return 0;
    }
    random_hex(identity->instance_id, IDENTITY_INSTANCE_SIZE - 1);
    return write_line(identity, "instance-id", identity->instance_id, err);
}

int identity_open(struct identity *identity, const char *dir, const char *agent_id, struct err *err) {
    *identity = (struct identity){.dir = str_dup(dir), .lock = -1};
    if (dir_make(dir, 0700, err) < 0)
        return -1;
    if (chmod(dir, 0700) < 0)
        return err_errno(err, "cannot make %s private", dir);
    if (take_lock(identity, err) < 0 || find_name(identity, agent_id, err) < 0 ||
        find_instance(identity, err) < 0)
        return -1;
    return read_line(identity, "api-key", identity->key, sizeof identity->key, err);
}

int identity_save_key(struct identity *identity, const char *key, struct err *err) {
    if (!str_copy(identity->key, sizeof identity->key, key))
        return err_set(err, ERR_INVALID, NULL, "the key is too long");
    return write_line(identity, "api-key", key, err);
}

void identity_finish(struct identity *identity) {
    close_fd(identity->lock);
    identity->lock = -1;
    explicit_bzero(identity->key, sizeof identity->key);
    free(identity->dir);
    identity->dir = NULL;
}
