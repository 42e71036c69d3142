/* How the server is: for load balancers, for Prometheus, for administrators. */
#include "api/call.h"
#include "api/refusals.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "control/agents/agent.h"
#include "control/commands/command.h"

#include <dirent.h>
#include <inttypes.h>

#define METRICS_TEXT_MAX (4 * 1024 * 1024)
#define FAILURES_SHOWN 10

void health_get(struct call *call) {
    static const char text[] = "{\"status\":\"healthy\"}\n";
    call_text(call, 200, "application/json", text, sizeof text - 1);
}

static int check_ready(struct call *call, struct err *err) {
    struct api *api = call->api;
    if (atomic_load(&api->draining))
        return err_set(err, ERR_UNAVAILABLE, "shutting_down", "the server is going away");
    if (db_ping(api->db, err) < 0)
        return err_set(err, ERR_UNAVAILABLE, "database_unavailable", "the database is out of reach");
    if (!api->ready_agent)
        return 0;
    _cleanup_agent_ struct agent agent = {0};
    if (call_conn(call, err) < 0)
        return -1;
    if (agent_get(call->conn, api->ready_agent, &agent, err) < 0 || agent.status == AGENT_OFFLINE)
        return err_set(err, ERR_UNAVAILABLE, "agent_offline", "this machine's agent is not online yet");
    return 0;
}

void readyz_get(struct call *call) {
    static const char text[] = "{\"status\":\"ready\"}\n";
    struct err err = {0};
    if (check_ready(call, &err) < 0)
        call_problem(call, &err);
    else
        call_text(call, 200, "application/json", text, sizeof text - 1);
}

void version_get(struct call *call) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "name", "streamspace");
    jsonw_put_string(&w, "version", call->api->version);
    jsonw_put_string(&w, "api", "v1");
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

/* --- metrics --- */

static void put_head(struct strbuf *text, const char *name, const char *type, const char *help) {
    strbuf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(struct strbuf *text, const char *name, const char *type, const char *help, double value) {
    put_head(text, name, type, help);
    strbuf_printf(text, "%s %.15g\n", name, value);
}

/* Sessions and commands by state are the hub's figures. */
static void put_agents(struct call *call, struct strbuf *text) {
    int64_t online;
    if (call_conn(call, NULL) == 0 && agent_count_online(call->conn, &online, NULL) == 0)
        put_one(text, "streamspace_agents_online", "gauge", "Agents that are online.", (double)online);
}

static void put_streams(const struct api *api, struct strbuf *text) {
    struct relay_totals totals = relay_totals(api->relay);
    put_one(text, "streamspace_streams", "gauge", "Streams open now.", relay_pairs(api->relay));
    put_head(text, "streamspace_stream_bytes_total", "counter", "Bytes that streams have carried.");
    strbuf_printf(text, "streamspace_stream_bytes_total{direction=\"from_viewer\"} %" PRIu64 "\n",
                  totals.bytes_from_a);
    strbuf_printf(text, "streamspace_stream_bytes_total{direction=\"to_viewer\"} %" PRIu64 "\n",
                  totals.bytes_from_b);
}

static double open_descriptors(void) {
    _cleanup_closedir_ DIR *dir = opendir("/proc/self/fd");
    double count = -3; /* ".", ".." and the directory's own */
    while (dir && readdir(dir))
        count++;
    return count;
}

static void put_process(const struct api *api, struct strbuf *text) {
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    put_one(text, "process_cpu_seconds_total", "counter", "CPU time used.",
            (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    _cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
    long long pages = 0, resident = 0;
    if (file && fscanf(file, "%lld %lld", &pages, &resident) == 2)
        put_one(text, "process_resident_memory_bytes", "gauge", "Resident memory.",
                (double)resident * (double)sysconf(_SC_PAGESIZE));
    put_one(text, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
    put_one(text, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.",
            (double)api->started_wall_ms / 1000);
}

void metrics_get(struct call *call) {
    struct api *api = call->api;
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(METRICS_TEXT_MAX);
    put_head(&text, "streamspace_build_info", "gauge", "Always 1; the version is in the label.");
    strbuf_printf(&text, "streamspace_build_info{version=\"%s\"} 1\n", api->version);
    traffic_print(api->traffic, &text);
    put_agents(call, &text);
    put_streams(api, &text);
    uint64_t statements, microseconds;
    db_stats(api->db, &statements, &microseconds);
    put_one(&text, "streamspace_db_statements_total", "counter", "Database statements.", (double)statements);
    put_one(&text, "streamspace_db_seconds_total", "counter", "Time spent in database statements.",
            (double)microseconds / 1e6);
    db_metrics(api->db, &text);
    put_one(&text, "streamspace_audit_suppressed_total", "counter",
            "Refused attempts that were counted in the audit log instead of written one by one.",
            (double)refusals_suppressed(api->refusals));
    size_t count;
    const struct metric *table = hub_metrics(api->hub, &count);
    metrics_print(&text, table, count);
    put_process(api, &text);
    call_text(call, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
}

/* --- dashboard --- */

struct overview {
    int64_t states[SESSION_STATES], statuses[COMMAND_STATUSES], agents_online;
    struct agent_list agents;
    struct session_page failures;
};

static void overview_finish(struct overview *overview) {
    agent_list_finish(&overview->agents);
    session_page_finish(&overview->failures);
}

static int overview_read(struct call *call, struct overview *ret, struct err *err) {
    struct session_filter filter = {.states = 1u << SESSION_FAILED, .limit = FAILURES_SHOWN};
    if (session_count_states(call->conn, ret->states, err) < 0 ||
        command_count_statuses(call->conn, ret->statuses, err) < 0 ||
        agent_count_online(call->conn, &ret->agents_online, err) < 0 ||
        agent_list(call->conn, NULL, 1, &ret->agents, err) < 0)
        return -1;
    return session_list(call->conn, &filter, &ret->failures, err);
}

static void write_overview(struct json_writer *w, const struct api *api, const struct overview *overview) {
    jsonw_object_begin(w);
    jsonw_put_object(w, "sessions");
    for (int i = 0; i < SESSION_STATES; i++)
        jsonw_put_int(w, state_name((enum session_state)i), overview->states[i]);
    jsonw_object_end(w);
    jsonw_put_object(w, "agents");
    jsonw_put_int(w, "total", overview->agents.total);
    jsonw_put_int(w, "online", overview->agents_online);
    jsonw_object_end(w);
    jsonw_put_object(w, "commands");
    for (int i = 0; i < COMMAND_STATUSES; i++)
        jsonw_put_int(w, command_status_name((enum command_status)i), overview->statuses[i]);
    jsonw_object_end(w);
    jsonw_put_int(w, "streams", relay_pairs(api->relay));
    jsonw_put_int(w, "orphans", hub_orphans(api->hub));
    jsonw_put_int(w, "stuck", hub_stuck(api->hub));
    jsonw_put_array(w, "recentFailures");
    for (size_t i = 0; i < overview->failures.count; i++)
        session_write_json(&overview->failures.items[i], w);
    jsonw_array_end(w);
    jsonw_object_end(w);
}

void dashboard_get(struct call *call) {
    struct err err = {0};
    _cleanup_(overview_finish) struct overview overview = {0};
    if (overview_read(call, &overview, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    write_overview(&w, call->api, &overview);
    call_json(call, 200, &w);
}
