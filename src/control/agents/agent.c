#include "control/agents/agent.h"

#include "base/units.h"
#include "control/agents/agent_store.h"
#include "control/commands/command.h"
#include "control/events/event.h"
#include "control/json_text.h"

#include <stdlib.h>

static const char *const status_names[] = {
    [AGENT_OFFLINE] = "offline", [AGENT_DEGRADED] = "degraded", [AGENT_ONLINE] = "online"};

const char *agent_status_name(enum agent_status status) {
    return status_names[status];
}

const char *agent_shown_status(const struct agent *agent) {
    return agent->status == AGENT_ONLINE && agent->draining ? "draining" : agent_status_name(agent->status);
}

void agent_finish(struct agent *agent) {
    if (!agent)
        return;
    json_decref(agent->labels);
    json_decref(agent->metadata);
    agent->labels = agent->metadata = NULL;
}

void agent_list_finish(struct agent_list *list) {
    for (size_t i = 0; i < list->count; i++)
        agent_finish(&list->items[i]);
    free(list->items);
    *list = (struct agent_list){0};
}

static void put_or_null(struct json_writer *w, const char *key, const char *text) {
    jsonw_put_string(w, key, *text ? text : NULL);
}

void agent_write_json(const struct agent *agent, struct json_writer *w) {
    char text[UNITS_TEXT_SIZE];
    jsonw_object_begin(w);
    jsonw_put_string(w, "agentId", agent->agent_id);
    jsonw_put_string(w, "platform", agent->platform);
    put_or_null(w, "region", agent->region);
    jsonw_put_string(w, "status", agent_shown_status(agent));
    jsonw_put_object(w, "capacity");
    jsonw_put_int(w, "maxSessions", agent->capacity.max_sessions);
    jsonw_put_string(w, "cpu", cpu_format(agent->capacity.cpu_millis, text));
    jsonw_put_string(w, "memory", bytes_format(agent->capacity.memory_bytes, text));
    jsonw_object_end(w);
    jsonw_put_int(w, "activeSessions", agent->active_sessions);
    put_or_null(w, "lastHeartbeat", agent->last_heartbeat);
    put_or_null(w, "replica", agent->replica_id);
    jsonw_put_json(w, "labels", agent->labels);
    jsonw_put_json(w, "metadata", agent->metadata);
    put_or_null(w, "version", agent->version);
    jsonw_put_string(w, "createdAt", agent->created_at);
    jsonw_put_string(w, "updatedAt", agent->updated_at);
    jsonw_object_end(w);
}

/* Operators watch the agents. */
static int announce(struct db_conn *conn, const char *agent_id, const char *action, const char *status,
                    struct err *err) {
    char data[256];
    snprintf(data, sizeof data, "{\"action\":\"%s\",\"name\":\"%s\",\"status\":\"%s\"}", action, agent_id,
             status);
    return event_write(conn, "agent", EVENT_OPERATORS, data, err);
}

/* --- connection --- */

static int connect_agent(struct db_conn *conn, const struct agent_connection *connection, bool holder_alive,
                         int64_t *ret_generation, struct err *err) {
    _cleanup_agent_ struct agent agent = {0};
    if (agent_get(conn, connection->agent_id, &agent, err) < 0)
        return -1;
    if (holder_alive && *agent.instance_id && !str_eq(agent.instance_id, connection->instance_id))
        return err_set(err, ERR_CONFLICT, "instance_alive", "another instance of agent %s is connected",
                       connection->agent_id);
    int64_t generation = agent.generation + 1;
    if (agent_store_connect(conn, connection, generation, err) < 0 ||
        command_return_all(conn, connection->agent_id, err) < 0 ||
        announce(conn, connection->agent_id, "changed", "online", err) < 0)
        return -1;
    /* What it can run is known again. */
    if (agent.status != AGENT_ONLINE &&
        event_write(conn, "template", EVENT_EVERYBODY, "{\"action\":\"changed\"}", err) < 0)
        return -1;
    *ret_generation = generation;
    return 0;
}

int agent_connect(struct db_conn *conn, const struct agent_connection *connection, bool holder_alive,
                  int64_t *ret_generation, struct err *err) {
    if (str_empty(connection->instance_id) || strlen(connection->instance_id) > AGENT_INSTANCE_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_field", "instanceId", "must have 1–%d characters",
                             AGENT_INSTANCE_MAX);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, connect_agent(conn, connection, holder_alive, ret_generation, err), err);
}

static int disconnect(struct db_conn *conn, const char *agent_id, int64_t generation, struct err *err) {
    bool changed = false;
    if (agent_store_status(conn, agent_id, generation, AGENT_OFFLINE, &changed, err) < 0)
        return -1;
    if (!changed)
        return 0;
    if (command_return_all(conn, agent_id, err) < 0 ||
        announce(conn, agent_id, "changed", "offline", err) < 0)
        return -1;
    return 0;
}

int agent_disconnected(struct db_conn *conn, const char *agent_id, int64_t generation, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, disconnect(conn, agent_id, generation, err), err);
}

static int disconnect_all(struct db_conn *conn, const char *replica_id, struct err *err) {
    struct strv agents = {0};
    int status = agent_store_of_replica(conn, replica_id, &agents, err);
    for (size_t i = 0; i < agents.count && status == 0; i++)
        status = disconnect(conn, agents.items[i], 0, err);
    strv_finish(&agents);
    return status;
}

int agent_disconnect_all(struct db_conn *conn, const char *replica_id, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, disconnect_all(conn, replica_id, err), err);
}

/* --- health --- */

static int write_heartbeat(struct db_conn *conn, const struct agent_heartbeat *heartbeat, bool changed,
                           struct err *err) {
    if (agent_store_heartbeat(conn, heartbeat, changed, err) < 0)
        return -1;
    return changed ? announce(conn, heartbeat->agent_id, "changed",
                              heartbeat->draining ? "draining" : "online", err)
                   : 0;
}

int agent_heartbeat(struct db_conn *conn, const struct agent_heartbeat *heartbeat, bool force,
                    bool *ret_written, struct err *err) {
    struct agent_present present;
    struct agent_heartbeat merged = *heartbeat;
    int found = agent_store_present(conn, heartbeat->agent_id, heartbeat->generation, &present, err);
    if (ret_written)
        *ret_written = false;
    if (found <= 0)
        return found;
    if (merged.capacity.max_sessions <= 0)
        merged.capacity.max_sessions = present.capacity.max_sessions;
    if (merged.capacity.cpu_millis <= 0)
        merged.capacity.cpu_millis = present.capacity.cpu_millis;
    if (merged.capacity.memory_bytes <= 0)
        merged.capacity.memory_bytes = present.capacity.memory_bytes;
    bool came_back = present.status != AGENT_ONLINE;
    bool changed = came_back || present.self_draining != merged.draining ||
                   memcmp(&present.capacity, &merged.capacity, sizeof present.capacity) != 0;
    if (!changed && !force)
        return 0;
    if (db_begin(conn, err) < 0 || db_end(conn, write_heartbeat(conn, &merged, changed, err), err) < 0)
        return -1;
    if (ret_written)
        *ret_written = true;
    return 0;
}

static int set_status(struct db_conn *conn, const char *agent_id, int64_t generation,
                      enum agent_status status, struct err *err) {
    bool changed = false;
    if (agent_store_status(conn, agent_id, generation, status, &changed, err) < 0)
        return -1;
    return changed ? announce(conn, agent_id, "changed", agent_status_name(status), err) : 0;
}

int agent_set_status(struct db_conn *conn, const char *agent_id, int64_t generation, enum agent_status status,
                     struct err *err) {
    if (status == AGENT_OFFLINE)
        return agent_disconnected(conn, agent_id, generation, err);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, set_status(conn, agent_id, generation, status, err), err);
}

static int set_missing(struct db_conn *conn, const char *agent_id, int64_t generation, const json_t *missing,
                       struct err *err) {
    bool changed = false;
    char *text = json_text(missing);
    int status = agent_store_set_missing(conn, agent_id, generation, text, &changed, err);
    free(text);
    if (status == 0 && changed)
        status = event_write(conn, "template", EVENT_EVERYBODY, "{\"action\":\"changed\"}", err);
    return status;
}

int agent_set_missing_programs(struct db_conn *conn, const char *agent_id, int64_t generation,
                               const json_t *missing, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, set_missing(conn, agent_id, generation, missing, err), err);
}
