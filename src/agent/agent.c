#include "agent/agent.h"

#include "agent/identity.h"
#include "agent/journal.h"
#include "agent/machine.h"
#include "agent/programs.h"
#include "agent/streams.h"
#include "agent/supervisor.h"
#include "agent/uplink.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/units.h"
#include "proto/proto.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>

#define JOIN_LIMIT_MS 3000 /* for each kind of worker, at the end */
#define SESSIONS_MAX 4000  /* what fits into a hello */

struct agent {
    const struct agent_options *options;
    struct strv urls;
    struct identity identity;
    struct loop *loop;
    struct runtime *runtime;
    struct journal *journal;
    struct supervisor *supervisor;
    struct streams *streams;
    struct programs *programs;
    struct uplink *uplink;
    char *registration;
    struct proto_capacity capacity;
    struct machine machine;
    bool capacity_told; /* on this connection */
    int signals;
    struct loop_fd *signal_watch;
    bool ending, leaving;
    struct loop_timer *stop_limit;
};

/* --- between the parts --- */

static int send_message(void *arg, const struct proto_message *message) {
    struct agent *agent = arg;
    return agent->uplink ? uplink_send(agent->uplink, message) : -1;
}

static void fill_hello(void *arg, struct proto_hello *hello) {
    struct agent *agent = arg;
    agent_supervisor_fill_hello(agent->supervisor, hello);
    if (agent->runtime->ops->freeze && agent->runtime->ops->thaw)
        strv_add(&hello->capabilities, "freeze");
    if (agent->runtime->ops->logs)
        strv_add(&hello->capabilities, "logs");
}

static void fill_heartbeat(void *arg, struct proto_heartbeat *heartbeat) {
    struct agent *agent = arg;
    heartbeat->active_sessions = agent_supervisor_active(agent->supervisor);
    heartbeat->load.cpu = machine_cpu_load(&agent->machine);
    heartbeat->load.memory = machine_memory_load();
    heartbeat->missing = programs_take(agent->programs);
    if (!agent->capacity_told)
        heartbeat->capacity = agent->capacity;
    agent->capacity_told = true;
}

static void on_welcome(void *arg, const struct proto_welcome *welcome) {
    struct agent *agent = arg;
    agent->capacity_told = false;
    agent_supervisor_welcomed(agent->supervisor, welcome);
    programs_set(agent->programs, &welcome->programs);
}

static void on_programs_changed(void *arg) {
    struct agent *agent = arg;
    if (agent->uplink)
        uplink_heartbeat(agent->uplink);
}

static void on_command(void *arg, const struct proto_command *command) {
    struct agent *agent = arg;
    agent_supervisor_command(agent->supervisor, command);
}

static void on_stream_open(void *arg, const struct proto_stream_open *open) {
    struct agent *agent = arg;
    streams_open(agent->streams, open, uplink_url(agent->uplink), uplink_key(agent->uplink));
}

static void on_lost(void *arg, int64_t heard_ms) {
    struct agent *agent = arg;
    agent_supervisor_disconnected(agent->supervisor, heard_ms);
}

/* --- the end --- */

static void left(void *arg) {
    struct agent *agent = arg;
    loop_stop(agent->loop);
}

static void leave(struct agent *agent) {
    if (agent->leaving)
        return;
    agent->leaving = true;
    loop_timer_cancel(agent->stop_limit);
    agent->stop_limit = NULL;
    uplink_leave(agent->uplink, "the agent ends", left, agent);
}

static void all_stopped(void *arg) {
    leave(arg);
}

static void stopping_took_too_long(void *arg) {
    struct agent *agent = arg;
    agent->stop_limit = NULL;
    log_error("some sessions could not be ended in time; the next start takes them over");
    leave(agent);
}

static void on_signal(void *arg, uint32_t events) {
    struct agent *agent = arg;
    struct signalfd_siginfo info;
    if (read(agent->signals, &info, sizeof info) != sizeof info)
        return;
    if (agent->ending) { /* the second time: at once */
        loop_stop(agent->loop);
        return;
    }
    agent->ending = true;
    log_info("the agent ends", "signal", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM", "sessions",
             agent->options->stop_on_exit ? "are stopped" : "run on");
    if (!agent->options->stop_on_exit) {
        leave(agent);
        return;
    }
    agent->stop_limit = loop_timer_add(agent->loop, AGENT_STOP_LIMIT_MS, stopping_took_too_long, agent);
    agent_supervisor_stop_all(agent->supervisor, all_stopped, agent);
}

/* --- the beginning --- */

static int read_urls(struct agent *agent, struct err *err) {
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    strv_split(&agent->urls, agent->options->control_plane_urls ? agent->options->control_plane_urls : "",
               ',');
    if (!agent->urls.count)
        return err_set_field(err, ERR_INVALID, NULL, "control-plane-url", "no control plane was named");
    for (size_t i = 0; i < agent->urls.count; i++) {
        bool fine = false;
        for (size_t k = 0; k < ARRAY_SIZE(schemes); k++)
            fine |= str_starts(agent->urls.items[i], schemes[k]);
        if (!fine)
            return err_set_field(err, ERR_INVALID, NULL, "control-plane-url",
                                 "\"%s\" is no http or https URL", agent->urls.items[i]);
    }
    return 0;
}

static int watch_signals(struct agent *agent, struct err *err) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return err_set(err, ERR_INTERNAL, NULL, "cannot block signals");
    agent->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (agent->signals < 0)
        return err_errno(err, "cannot take signals");
    return loop_fd_add(agent->loop, agent->signals, EPOLLIN, on_signal, agent, &agent->signal_watch, err);
}

static void find_capacity(struct agent *agent) {
    const struct agent_options *options = agent->options;
    double cpu = options->cpu_overcommit > 0 ? options->cpu_overcommit : 10;
    double memory = options->memory_overcommit > 0 ? options->memory_overcommit : 2;
    int64_t sessions = options->max_sessions > 0 ? options->max_sessions : AGENT_MAX_SESSIONS_DEFAULT;
    if (sessions > SESSIONS_MAX) {
        log_warn("more sessions than one agent can report: max-sessions is 4000");
        sessions = SESSIONS_MAX;
    }
    agent->capacity = (struct proto_capacity){
        .max_sessions = sessions,
        .cpu_millis = (int64_t)((double)machine_cpu_millis() * cpu),
        .memory_bytes = (int64_t)((double)machine_memory_bytes() * memory),
    };
}

static int add_labels(const struct agent *agent, json_t *labels, struct err *err) {
    const struct strv *list = agent->options->labels;
    for (size_t i = 0; list && i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        if (!equals || equals == list->items[i])
            return err_set_field(err, ERR_INVALID, NULL, "label", "\"%s\" is not KEY=VALUE", list->items[i]);
        _cleanup_free_ char *key = str_ndup(list->items[i], (size_t)(equals - list->items[i]));
        if (json_object_set_new(labels, key, json_string(equals + 1)) < 0)
            return err_set_field(err, ERR_INVALID, NULL, "label", "\"%s\" is no UTF-8", list->items[i]);
    }
    return 0;
}

static int make_registration(struct agent *agent, struct err *err) {
    const struct agent_options *options = agent->options;
    char cpu[UNITS_TEXT_SIZE], memory[UNITS_TEXT_SIZE];
    struct utsname host = {0};
    uname(&host);
    find_capacity(agent);
    json_t *labels = json_object();
    if (add_labels(agent, labels, err) < 0) {
        json_decref(labels);
        return -1;
    }
    json_t *body = json_pack("{s:s, s:s, s:s, s:{s:I, s:s, s:s}, s:o, s:{s:s, s:s, s:s, s:s, s:s}}",
                             "agentId", agent->identity.agent_id, "platform",
                             options->platform ? options->platform : agent->runtime->ops->platform, "region",
                             str_empty(options->region) ? "default" : options->region, "capacity",
                             "maxSessions", (json_int_t)agent->capacity.max_sessions, "cpu",
                             cpu_format(agent->capacity.cpu_millis, cpu), "memory",
                             bytes_format(agent->capacity.memory_bytes, memory), "labels", labels, "metadata",
                             "runtime", agent->runtime->ops->name, "version", STREAMSPACE_VERSION, "hostname",
                             host.nodename, "kernel", host.release, "machine", host.machine);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "region or labels are no UTF-8");
    agent->registration = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return 0;
}

static int make_runtime(struct agent *agent, struct err *err) {
    struct runtime_options options = {.agent_id = agent->identity.agent_id,
                                      .state_dir = agent->identity.dir,
                                      .program = agent->options->program,
                                      .events = agent_supervisor_events(agent->supervisor)};
    return agent->options->make_runtime(&agent->runtime, &options, err);
}

static void make_uplink(struct agent *agent) {
    struct uplink_options options = {
        .loop = agent->loop,
        .urls = &agent->urls,
        .identity = &agent->identity,
        .api_key = str_empty(agent->options->api_key) ? NULL : agent->options->api_key,
        .ca_file = agent->options->ca_file,
        .registration = agent->registration,
        .runtime = agent->options->runtime ? agent->options->runtime : agent->runtime->ops->name,
        .heartbeat_seconds = agent->options->heartbeat_seconds > 0 ? agent->options->heartbeat_seconds
                                                                   : PROTO_HEARTBEAT_DEFAULT,
        .callbacks = {.fill_hello = fill_hello,
                      .fill_heartbeat = fill_heartbeat,
                      .on_welcome = on_welcome,
                      .on_command = on_command,
                      .on_stream_open = on_stream_open,
                      .on_lost = on_lost},
        .arg = agent,
    };
    agent->uplink = uplink_create(&options);
}

static int set_up(struct agent *agent, struct err *err) {
    const struct agent_options *options = agent->options;
    if (read_urls(agent, err) < 0 ||
        identity_open(&agent->identity, options->state_dir, options->agent_id, err) < 0)
        return -1;
    if (!*agent->identity.key && str_empty(options->api_key))
        return err_set_field(err, ERR_INVALID, NULL, "api-key",
                             "this agent has no key yet: give an enrolment token with --api-key");
    if (loop_create(&agent->loop, err) < 0 || watch_signals(agent, err) < 0)
        return -1;
    struct supervisor_options supervisor = {.loop = agent->loop, .send = send_message, .arg = agent};
    agent->supervisor = agent_supervisor_create(&supervisor);
    if (make_runtime(agent, err) < 0 || make_registration(agent, err) < 0)
        return -1;
    struct streams_options streams = {.loop = agent->loop,
                                      .runtime = agent->runtime,
                                      .ca_file = options->ca_file,
                                      .send = send_message,
                                      .arg = agent};
    _cleanup_free_ char *journal = str_format("%s/journal", agent->identity.dir);
    if (streams_create(&agent->streams, &streams, err) < 0 ||
        journal_open(&agent->journal, agent->loop, journal, err) < 0)
        return -1;
    agent->programs = programs_create(agent->loop, agent->runtime, on_programs_changed, agent);
    make_uplink(agent);
    return agent_supervisor_start(agent->supervisor, agent->runtime, agent->journal, err);
}

/* False when workers are still busy: what they use is left to them, and the process ends. */
static bool tear_down(struct agent *agent) {
    struct uplink *uplink = agent->uplink;
    agent->uplink = NULL; /* nothing is sent any more */
    bool over = uplink_destroy(uplink, JOIN_LIMIT_MS);
    over = programs_destroy(agent->programs, JOIN_LIMIT_MS) && over;
    if (agent->streams)
        over = streams_close(agent->streams, JOIN_LIMIT_MS) && over;
    if (agent->supervisor)
        over = agent_supervisor_close(agent->supervisor, JOIN_LIMIT_MS) && over;
    if (!over)
        return false;
    streams_destroy(agent->streams);
    if (agent->runtime)
        agent->runtime->ops->destroy(agent->runtime);
    agent_supervisor_destroy(agent->supervisor);
    journal_close(agent->journal);
    loop_fd_remove(agent->signal_watch);
    loop_destroy(agent->loop);
    close_fd(agent->signals);
    identity_finish(&agent->identity);
    strv_finish(&agent->urls);
    free(agent->registration);
    return true;
}

int agent_run(const struct agent_options *options, struct err *err) {
    struct agent *agent = mem_zalloc(sizeof *agent); /* on the heap: workers may outlive this call */
    agent->options = options;
    agent->signals = -1;
    agent->identity.lock = -1;
    int result = set_up(agent, err);
    if (result == 0) {
        log_info("agent started", "agent", agent->identity.agent_id, "runtime", agent->runtime->ops->name);
        uplink_start(agent->uplink);
        loop_run(agent->loop);
    }
    if (tear_down(agent))
        free(agent);
    else
        log_warn("work under way is left to the next start");
    return result;
}
