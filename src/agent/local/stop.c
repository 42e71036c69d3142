/* Ending a session and removing what it left. */
#include "agent/local/local.h"
#include "agent/local/pasta.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <signal.h>

#define CLOSE_MS 3000 /* for applications to save and close, where something of theirs remains */

/* Lets the display close the application: what it writes into the persistent home shall be whole. */
static void ask_to_end(const struct session *session, int64_t deadline_ms) {
    const struct cgroup *groups = &session->record.groups;
    if (session->display < 0 || !*session->record.home || !session->record.running)
        return;
    if (cgroup_is_frozen(groups) && cgroup_freeze(groups, false, deadline_ms, NULL) < 0)
        return;
    process_signal(session->display, SIGTERM);
    int64_t limit = clock_ms() + CLOSE_MS;
    process_wait(session->display, limit < deadline_ms ? limit : deadline_ms, NULL);
}

/* Kills what is known by pid: with groups only for want of nothing better to wait on, without them it is all
 * we have. */
static int kill_known(const struct local *local, struct session *session, int64_t deadline_ms,
                      struct err *err) {
    _cleanup_free_ char *pid_file =
        str_format("%s/sessions/%s.pasta", local->state_dir, session->record.session);
    if (session->record.network.pid == 0) /* the agent died between its start and the record */
        pasta_identify(pid_file, &session->record.network);
    _cleanup_close_ int network = process_open(&session->record.network);
    process_signal(network, SIGKILL);
    process_signal(session->display, SIGKILL); /* process 1 takes its whole namespace along */
    if (!process_wait(session->display, deadline_ms, NULL))
        return err_set(err, ERR_UNAVAILABLE, NULL, "the session's first process does not end");
    process_signal(session->outer, SIGKILL);
    if (!process_wait(session->outer, deadline_ms, NULL) || !process_wait(network, deadline_ms, NULL))
        return err_set(err, ERR_UNAVAILABLE, NULL, "the session's outer processes do not end");
    return 0;
}

static int kill_all(const struct local *local, struct session *session, int64_t deadline_ms,
                    struct err *err) {
    const struct cgroup *groups = &session->record.groups;
    if (cgroup_kill(groups, deadline_ms, err) < 0 || kill_known(local, session, deadline_ms, err) < 0)
        return -1;
    return cgroup_remove(groups, err);
}

int local_remove(struct local *local, struct session *session, int64_t deadline_ms, struct err *err) {
    session_state_set(&local->sessions, session, SESSION_STOPPING);
    watch_end(session->watch);
    session->watch = NULL;
    ask_to_end(session, deadline_ms);
    const char *name = session->record.session;
    if (kill_all(local, session, deadline_ms, err) < 0)
        return err_wrap(err, "session %s", name);
    log_follow_end(local->followers, name);
    if (record_remove(local->state_dir, name, err) < 0)
        return -1;
    session_drop(&local->sessions, session);
    return 0;
}

int local_stop(struct runtime *runtime, const char *session_id, bool delete_home, int64_t deadline_ms,
               struct err *err) {
    struct local *local = (struct local *)runtime;
    struct session *session = session_find(&local->sessions, session_id);
    if (!session)
        return 0;
    char home[HOME_NAME_MAX + 1];
    str_copy(home, sizeof home, session->record.home);
    int result = local_remove(local, session, deadline_ms, err);
    session_unref(&local->sessions, session);
    if (result < 0 || !delete_home || !*home)
        return result;
    _cleanup_free_ char *path = local_home_path(local, home);
    return dir_remove(path, err);
}
