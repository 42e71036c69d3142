/* Starting a session. */
#include "agent/local/launch.h"
#include "agent/local/local.h"
#include "agent/local/pasta.h"
#include "agent/local/port.h"
#include "agent/local/resolver.h"
#include "agent/local/sandbox.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define HELPER_PROCESSES 3 /* of ours in a session's groups: bubblewrap's outer process, pasta, its start */
#define START_CPU_MILLIS 2000 /* what a session may use while it starts, if its ceiling is lower */
#define SETTLE_MS 3000        /* … and for how long after that */
#define DEATH_MS 100          /* for the display to be dead after its port has closed */
#define CLEAN_MS 5000         /* for taking away what a failed start left, beyond its deadline */
#define RESOLV_CONF "/etc/resolv.conf"

/* What one start carries along. */
struct start {
    struct local *local;
    const struct session_spec *spec;
    struct session *session;
    int64_t deadline_ms;
    struct launch launch;
    struct pasta pasta;
    struct syscall_grants grants;
    struct sandbox_files files;
    struct strv arguments;
    struct strbuf script; /* network rules */
    char *home;           /* path of the persistent home, or NULL */
    int status_fd;
    struct status_reader reader;
};

static void start_finish(struct start *start) {
    launch_finish(&start->launch);
    pasta_finish(&start->pasta);
    sandbox_files_finish(&start->files);
    strv_finish(&start->arguments);
    strbuf_finish(&start->script);
    free(start->home);
    close_fd(start->status_fd);
}

static void tell_stage(const struct start *start, const char *stage) {
    const struct runtime_events *events = &start->local->events;
    if (events->stage)
        events->stage(events->arg, start->spec->session_id, stage);
}

static int write_record(const struct start *start, struct err *err) {
    return record_write(&start->session->record, start->local->state_dir, err);
}

static int check_spec(const struct local *local, const struct session_spec *spec, struct err *err) {
    if (!spec->session_id || !id_is_session(spec->session_id))
        return err_set(err, ERR_INVALID, NULL, "no session name");
    if (!spec->command || !spec->command[0] || !*spec->command[0])
        return err_set(err, ERR_INVALID, NULL, "the template has no command");
    if (!spec->display_token || !id_is_hex(spec->display_token, KEY_HEX_SIZE - 1))
        return err_set(err, ERR_INVALID, NULL, "the display's token is not 64 hex digits");
    if (spec->persistent_home && (!spec->home || !home_name_is_valid(spec->home)))
        return err_set(err, ERR_INVALID, NULL, "no valid name for the persistent home");
    if (!str_eq(spec->network, "none") && !str_eq(spec->network, "outbound"))
        return err_set(err, ERR_INVALID, NULL, "unknown network '%.20s'", spec->network ? spec->network : "");
    const char *obstacle = str_eq(spec->network, "outbound") ? pasta_obstacle(local->pasta) : NULL;
    if (obstacle)
        return err_set(err, ERR_UNAVAILABLE, NULL, "%s", obstacle);
    return 0;
}

/* `sandbox: {userNamespaces, debugging}` in the template. */
static struct syscall_grants grants_of(const json_t *template_json) {
    const json_t *sandbox = json_object_get(template_json, "sandbox");
    return (struct syscall_grants){.namespaces = json_is_true(json_object_get(sandbox, "userNamespaces")),
                                   .debugging = json_is_true(json_object_get(sandbox, "debugging"))};
}

/* The directory must be the session's own: another owner means that it was somebody else's. */
static int prepare_home(struct start *start, struct err *err) {
    if (!start->spec->persistent_home)
        return 0;
    start->home = local_home_path(start->local, start->spec->home);
    uid_t uid = start->session->record.uid;
    bool made = mkdir(start->home, 0700) == 0;
    if (!made && errno != EEXIST)
        return err_errno(err, "cannot make the home %s", start->spec->home);
    _cleanup_close_ int fd = open(start->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return err_errno(err, "cannot open the home %s", start->spec->home);
    /* A crash between mkdir and chown leaves an empty one of root's. */
    bool unclaimed = made || (status.st_uid == 0 && status.st_nlink <= 2);
    if (status.st_uid == uid)
        return 0;
    if (!unclaimed)
        return err_set(err, ERR_CONFLICT, NULL, "the home %s belongs to another user", start->spec->home);
    return fchown(fd, uid, uid) == 0 ? 0 : err_errno(err, "cannot give the home %s away", start->spec->home);
}

static int prepare_network(struct start *start, struct err *err) {
    if (!start->session->record.outbound)
        return 0;
    if (host_addresses_read(&start->session->refused, err) < 0)
        return -1;
    net_script_make(&start->script, &start->session->refused);
    return start->script.overflow ? err_set(err, ERR_LIMIT, NULL, "too many network rules") : 0;
}

static void prepare_files(struct start *start) {
    _cleanup_free_ char *host = NULL;
    _cleanup_free_ char *resolv = NULL;
    if (start->session->record.outbound) {
        if (file_read(RESOLV_CONF, RESOLV_CONF_MAX, &host, NULL, NULL) < 0)
            host = str_dup("");
        resolv = resolver_make(host, &start->session->refused);
    }
    sandbox_files_make(&start->files, start->spec->session_id, resolv);
}

static void prepare_arguments(struct start *start) {
    const struct session_spec *spec = start->spec;
    struct sandbox_shape shape = {.bwrap = start->local->bwrap,
                                  .session_id = spec->session_id,
                                  .files = &start->files,
                                  .sizes = sandbox_sizes_of(spec->memory_bytes, spec->home_bytes),
                                  .persistent_home = start->home != NULL,
                                  .own_namespaces = start->grants.namespaces,
                                  .command = spec->command[0]};
    if (!start->home && spec->home_bytes > shape.sizes.home)
        log_info("the throw-away home is smaller than asked for: it counts as memory and gets half of it",
                 "session", spec->session_id);
    sandbox_arguments(&start->arguments, &shape);
}

static int prepare_record(struct start *start, struct err *err) {
    struct record *record = &start->session->record;
    const struct session_spec *spec = start->spec;
    boot_id(record->boot);
    if (ids_of_user(start->local->ids, spec->user ? spec->user : "", &record->uid, err) < 0)
        return -1;
    str_copy(record->token, sizeof record->token, spec->display_token);
    record->outbound = str_eq(spec->network, "outbound");
    record->limits = (struct cgroup_limits){
        .memory_bytes = spec->memory_bytes, .pids_max = spec->pids_max, .cpu_millis = spec->cpu_millis};
    cgroup_name(&record->groups, &start->local->parents, spec->session_id);
    return write_record(start, err);
}

static int make_groups(const struct start *start, struct err *err) {
    const struct record *record = &start->session->record;
    struct cgroup_limits limits = record->limits;
    if (limits.pids_max > 0)
        limits.pids_max += HELPER_PROCESSES;
    if (limits.cpu_millis > 0 && limits.cpu_millis < START_CPU_MILLIS)
        limits.cpu_millis = START_CPU_MILLIS;
    return cgroup_make(&record->groups, &limits, err);
}

/* Fork, groups, namespaces; the record is always ahead of what it describes. */
static int launch(struct start *start, struct err *err) {
    struct session *session = start->session;
    struct local *local = start->local;
    bool no_pids = !session->record.groups.dirs[CGROUP_PIDS];
    unsigned filter = (start->grants.namespaces ? 1u : 0u) | (start->grants.debugging ? 2u : 0u);
    struct launch_request request = {.arguments = &start->arguments,
                                     .files = &start->files,
                                     .filter = &local->filters[filter],
                                     .network_script = &start->script,
                                     .program = local->program,
                                     .home = start->home,
                                     .uid = session->record.uid,
                                     .separate = ids_are_separate(local->ids),
                                     .processes_max = no_pids ? start->spec->pids_max : 0};
    if (launch_fork(&start->launch, &request, err) < 0 ||
        cgroup_enter(&session->record.groups, start->launch.pid, err) < 0)
        return -1;
    process_identify(start->launch.pid, &session->record.outer);
    session->outer = fcntl(start->launch.pidfd, F_DUPFD_CLOEXEC, 3);
    if (write_record(start, err) < 0 || launch_prepare(&start->launch, start->deadline_ms, err) < 0)
        return -1;
    session->run_fd = fcntl(start->launch.run_fd, F_DUPFD_CLOEXEC, 3);
    return 0;
}

static char *pid_file_path(const struct local *local, const char *session_id) {
    return str_format("%s/sessions/%s.pasta", local->state_dir, session_id);
}

/* Lets the network come up while the sandbox does; the rules stand already. */
static int begin_network(struct start *start, struct err *err) {
    struct session *session = start->session;
    if (!session->record.outbound)
        return 0;
    tell_stage(start, "setting up network");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)start->launch.pid);
    session->user_namespace = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)start->launch.pid);
    session->net_namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (session->user_namespace < 0 || session->net_namespace < 0)
        return err_errno(err, "cannot open the session's namespaces");
    bool grouped = !cgroup_is_empty(&session->record.groups);
    _cleanup_free_ char *pid_file = grouped ? NULL : pid_file_path(start->local, start->spec->session_id);
    struct pasta_request request = {.program = start->local->pasta,
                                    .target = start->launch.pid,
                                    .uid = session->record.uid,
                                    .separate = ids_are_separate(start->local->ids),
                                    .groups = &session->record.groups,
                                    .pid_file = pid_file};
    return pasta_start(&start->pasta, &request, err);
}

static int finish_network(struct start *start, struct err *err) {
    struct session *session = start->session;
    if (!session->record.outbound)
        return 0;
    if (pasta_wait(&start->pasta, start->deadline_ms, err) < 0)
        return -1;
    if (cgroup_is_empty(&session->record.groups)) {
        _cleanup_free_ char *pid_file = pid_file_path(start->local, start->spec->session_id);
        pasta_identify(pid_file, &session->record.network);
    }
    /* An address may have come between reading them and now; from RUNNING on the loop follows them. */
    struct host_addresses now = {0};
    if (host_addresses_read(&now, err) < 0)
        return -1;
    int result = local_refresh_addresses(session, &now, err);
    host_addresses_finish(&now);
    return result;
}

/* Process 1 exists and waits; it is written down before it gets its configuration. */
static int release(struct start *start, struct err *err) {
    struct session *session = start->session;
    if (launch_display(&start->launch, &session->record.display, start->deadline_ms, err) < 0)
        return -1;
    session->display = process_open(&session->record.display);
    if (session->display < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the sandbox ended at once");
    if (write_record(start, err) < 0)
        return -1;
    char *config = sandbox_display_config(start->spec);
    if (!config)
        return err_set(err, ERR_INVALID, NULL, "command or environment are not valid text");
    int result = launch_release(&start->launch, config, err);
    explicit_bzero(config, strlen(config));
    free(config);
    return result;
}

/* Why process 1 ended before it was ready: from the log of the display, and what the groups count. */
static int explain_death(const struct start *start, struct err *err) {
    struct cgroup_usage usage;
    cgroup_usage(&start->session->record.groups, &usage);
    if (usage.oom_kills > 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "the session ran out of memory while it started");
    char text[512] = "";
    _cleanup_close_ int log =
        openat(start->session->run_fd, DISPLAY_LOG, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    ssize_t got = 0;
    if (log >= 0 && fstat(log, &status) == 0 && S_ISREG(status.st_mode)) {
        off_t tail = (off_t)sizeof text - 1;
        got = pread(log, text, sizeof text - 1, status.st_size > tail ? status.st_size - tail : 0);
    }
    text[got > 0 ? got : 0] = '\0';
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
            *p = ' ';
    return err_set(err, ERR_UNAVAILABLE, NULL, "the display ended while it started%s%s", *text ? ": " : "",
                   text);
}

static int cancelled(struct err *err) {
    return err_set(err, ERR_UNAVAILABLE, NULL, "the session was stopped while it started");
}

/* Follows the display until it says that it runs. */
static int await_running(struct start *start, struct err *err) {
    int display = start->session->display;
    start->status_fd = local_open_status(start->session, start->deadline_ms, err);
    if (start->status_fd < 0)
        return process_wait(display, clock_ms() + DEATH_MS, NULL) ? explain_death(start, err) : -1;
    for (;;) {
        struct status status;
        enum status_result result = status_read(&start->reader, start->status_fd, &status);
        if (result == STATUS_LINE && *status.stage)
            tell_stage(start, status.stage);
        if (result == STATUS_LINE && status.state == STATUS_RUNNING)
            return 0;
        if (result == STATUS_LINE && status.state == STATUS_ENDED)
            return err_set(err, ERR_UNAVAILABLE, NULL, "%s",
                           *status.reason ? status.reason : "the display ended while it started");
        if (result == STATUS_BAD)
            return err_set(err, ERR_UNAVAILABLE, NULL, "the display talks nonsense");
        if (result == STATUS_CLOSED)
            return explain_death(start, err);
        if (result == STATUS_LINE)
            continue;
        struct pollfd entries[] = {{.fd = start->status_fd, .events = POLLIN},
                                   {.fd = display, .events = POLLIN}};
        int ready = poll(entries, 2, deadline_left(start->deadline_ms));
        if (ready == 0)
            return err_set(err, ERR_UNAVAILABLE, NULL, "the display was not ready in time");
        if (ready > 0 && !entries[0].revents && entries[1].revents)
            return explain_death(start, err);
    }
}

static int run_start(struct start *start, struct err *err) {
    tell_stage(start, "preparing sandbox");
    if (prepare_record(start, err) < 0 || prepare_home(start, err) < 0 || prepare_network(start, err) < 0)
        return -1;
    prepare_files(start);
    prepare_arguments(start);
    if (make_groups(start, err) < 0 || launch(start, err) < 0 || begin_network(start, err) < 0 ||
        release(start, err) < 0 || await_running(start, err) < 0 || finish_network(start, err) < 0)
        return -1;
    eventfd_t given_up;
    if (eventfd_read(start->session->cancel, &given_up) == 0)
        return cancelled(err);
    start->session->record.running = true;
    if (write_record(start, err) < 0)
        return -1;
    session_state_set(&start->local->sessions, start->session, SESSION_RUNNING);
    local_watch(start->local, start->session, steal_fd(&start->status_fd), &start->reader, SETTLE_MS);
    return 0;
}

/* 1: it runs already. 0: there is none (any more). */
static int settle_existing(struct local *local, const char *session_id, int64_t deadline_ms,
                           struct err *err) {
    struct session *session = session_find(&local->sessions, session_id);
    if (!session)
        return 0;
    int result = 0;
    if (session_state_get(&local->sessions, session) == SESSION_RUNNING &&
        !process_wait(session->display, 0, NULL))
        result = 1;
    else
        result = local_remove(local, session, deadline_ms, err);
    session_unref(&local->sessions, session);
    return result;
}

int local_start(struct runtime *runtime, const struct session_spec *spec, int64_t deadline_ms,
                struct err *err) {
    struct local *local = (struct local *)runtime;
    if (check_spec(local, spec, err) < 0)
        return -1;
    int existing = settle_existing(local, spec->session_id, deadline_ms, err);
    if (existing != 0)
        return existing < 0 ? -1 : 0;
    struct start start = {.local = local,
                          .spec = spec,
                          .deadline_ms = deadline_ms,
                          .launch = LAUNCH_INIT,
                          .pasta = PASTA_INIT,
                          .grants = grants_of(spec->template_json),
                          .script = STRBUF_MAX(NET_SCRIPT_MAX),
                          .status_fd = -1};
    start.session =
        session_add(&local->sessions, spec->session_id, spec->persistent_home ? spec->home : "", err);
    if (!start.session)
        return -1;
    int result = run_start(&start, err);
    start_finish(&start);
    if (result < 0) {
        struct err cleaning = {0};
        if (local_remove(local, start.session, clock_ms() + CLEAN_MS, &cleaning) < 0)
            log_error("a session that could not be started is not gone either", "session", spec->session_id,
                      "error", cleaning.message);
    }
    session_unref(&local->sessions, start.session);
    return result;
}
