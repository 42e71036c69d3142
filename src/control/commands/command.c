#include "control/commands/command.h"

#include "base/str.h"
#include "control/agents/agent.h"
#include "control/commands/command_store.h"
#include "control/events/event.h"
#include "control/json_text.h"
#include "control/sessions/outcome.h"
#include "control/settings/settings.h"

#include <stdlib.h>

static const char *const status_names[COMMAND_STATUSES] = {"pending", "sent", "acknowledged", "completed",
                                                           "failed"};

const char *command_status_name(enum command_status status) {
    return status_names[status];
}

bool command_status_parse(const char *text, enum command_status *ret) {
    for (unsigned i = 0; i < COMMAND_STATUSES; i++) {
        if (str_eq(text, status_names[i])) {
            *ret = (enum command_status)i;
            return true;
        }
    }
    return false;
}

void command_finish(struct command *command) {
    if (!command)
        return;
    json_decref(command->payload);
    command->payload = NULL;
}

void command_page_finish(struct command_page *page) {
    for (size_t i = 0; i < page->count; i++)
        command_finish(&page->items[i]);
    free(page->items);
    *page = (struct command_page){0};
}

void deliveries_finish(struct deliveries *deliveries) {
    for (size_t i = 0; i < deliveries->count; i++)
        json_decref(deliveries->items[i].payload);
    free(deliveries->items);
    *deliveries = (struct deliveries){0};
}

/* --- as the API shows it --- */

static void put_time(struct json_writer *w, const char *key, const char *time) {
    jsonw_put_string(w, key, *time ? time : NULL);
}

/* displayToken opens the session's display; env may hold what its owner keeps to himself. */
static void put_payload(struct json_writer *w, const json_t *payload) {
    const char *key;
    json_t *value;
    jsonw_put_object(w, "payload");
    json_object_foreach ((json_t *)(uintptr_t)payload, key, value) {
        if (str_eq(key, "displayToken") || str_eq(key, "env"))
            jsonw_put_string(w, key, "redacted");
        else
            jsonw_put_json(w, key, value);
    }
    jsonw_object_end(w);
}

void command_write_json(const struct command *command, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "commandId", command->command_id);
    jsonw_put_string(w, "agentId", command->agent_id);
    jsonw_put_string(w, "sessionId", *command->session_id ? command->session_id : NULL);
    jsonw_put_string(w, "action", command->action);
    jsonw_put_string(w, "status", command_status_name(command->status));
    jsonw_put_string(w, "errorMessage", command->has_error ? command->error_message : NULL);
    jsonw_put_int(w, "attempts", command->attempts);
    put_time(w, "createdAt", command->created_at);
    put_time(w, "updatedAt", command->updated_at);
    put_time(w, "sentAt", command->sent_at);
    put_time(w, "acknowledgedAt", command->acknowledged_at);
    put_time(w, "completedAt", command->completed_at);
    if (command->payload)
        put_payload(w, command->payload);
    else
        jsonw_put_null(w, "payload");
    jsonw_object_end(w);
}

/* --- queueing --- */

/* Operators watch the queue. */
static int announce(struct db_conn *conn, const char *command_id, const char *agent_id,
                    const char *session_id, const char *action, const char *status, struct err *err) {
    char data[384];
    struct strbuf text = STRBUF_FIXED(data);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_string(&w, "action", str_eq(status, "pending") ? "created" : "changed");
    jsonw_put_string(&w, "name", command_id);
    jsonw_put_string(&w, "agentId", agent_id);
    jsonw_put_string(&w, "sessionId", str_empty(session_id) ? NULL : session_id);
    jsonw_put_string(&w, "command", action);
    jsonw_put_string(&w, "status", status);
    jsonw_object_end(&w);
    return event_write(conn, "command", EVENT_OPERATORS, data, err);
}

int command_announce(struct db_conn *conn, const struct command_row *row, enum command_status status,
                     struct err *err) {
    return announce(conn, row->command_id, row->agent_id, row->session_id, row->action,
                    command_status_name(status), err);
}

int command_enqueue(struct db_conn *conn, const struct command_new *fields, char *command_id,
                    struct err *err) {
    struct command_insert row = {.agent_id = fields->agent_id,
                                 .session_id = fields->session_id,
                                 .action = fields->action,
                                 .deadline_seconds = fields->deadline_seconds};
    if (fields->command_id)
        str_copy(command_id, COMMAND_ID_MAX + 1, fields->command_id);
    else
        id_make_command(command_id);
    row.command_id = command_id;
    if (fields->expires_seconds > 0) {
        if (steady_now(conn, &row.expires_due, err) < 0)
            return -1;
        row.expires_due += fields->expires_seconds * 1000;
    }
    char *payload = json_text(fields->payload);
    row.payload = payload;
    int status = command_store_insert(conn, &row, err);
    free(payload);
    if (status < 0 ||
        announce(conn, command_id, fields->agent_id, fields->session_id, fields->action, "pending", err) < 0)
        return -1;
    return db_notify(conn, COMMAND_CHANNEL, fields->agent_id, err);
}

/* --- delivery --- */

struct taking {
    const char *agent_id;
    int64_t generation, now, ack_ms;
};

/* Seconds left; 0 only for "without limit". */
static int64_t seconds_left(const struct command_ready *row, int64_t now) {
    if (row->deadline_seconds == 0)
        return 0;
    if (row->deadline_due == 0)
        return row->deadline_seconds;
    int64_t left = (row->deadline_due - now + 999) / 1000;
    return left > 1 ? left : 1;
}

static int take_one(struct db_conn *conn, const struct taking *taking, const struct command_ready *row,
                    struct deliveries *ret, struct err *err) {
    struct command_row announced = {0};
    str_copy(announced.command_id, sizeof announced.command_id, row->command_id);
    str_copy(announced.agent_id, sizeof announced.agent_id, taking->agent_id);
    str_copy(announced.session_id, sizeof announced.session_id, row->session_id);
    str_copy(announced.action, sizeof announced.action, row->action);
    bool changed = false;
    json_t *payload = json_object_of(row->payload);
    if (!payload) {
        /* Set aside: the ones behind it go on, and the reconciler ends the session that waited for it. */
        if (command_mark_failed(conn, row->command_id, row->attempts,
                                "the payload in the queue cannot be read", &changed, err) < 0)
            return -1;
        return changed ? command_announce(conn, &announced, COMMAND_FAILED, err) : 0;
    }
    int64_t attempt = row->attempts + (row->fresh ? 1 : 0);
    int64_t due = row->deadline_seconds == 0 ? 0
                  : row->deadline_due        ? row->deadline_due
                                             : taking->now + row->deadline_seconds * 1000;
    if (command_store_sent(conn, row->command_id, taking->generation, attempt, taking->now + taking->ack_ms,
                           due, &changed, err) < 0 ||
        (changed && command_announce(conn, &announced, COMMAND_SENT, err) < 0)) {
        json_decref(payload);
        return -1;
    }
    if (!changed) {
        json_decref(payload);
        return 0;
    }
    struct delivery *delivery = &ret->items[ret->count++];
    *delivery = (struct delivery){.attempt = attempt,
                                  .deadline_seconds = seconds_left(row, taking->now),
                                  .waited_ms = row->waited_ms,
                                  .payload = payload};
    str_copy(delivery->command_id, sizeof delivery->command_id, row->command_id);
    str_copy(delivery->session_id, sizeof delivery->session_id, row->session_id);
    str_copy(delivery->action, sizeof delivery->action, row->action);
    return 0;
}

static int take(struct db_conn *conn, struct taking *taking, struct deliveries *ret, struct err *err) {
    bool present = false;
    int64_t ack_seconds = 0;
    if (agent_is_present(conn, taking->agent_id, taking->generation, &present, err) < 0)
        return -1;
    if (!present)
        return 0;
    if (steady_now(conn, &taking->now, err) < 0 ||
        setting_get(conn, SETTING_ACK_DEADLINE, &ack_seconds, err) < 0)
        return -1;
    taking->ack_ms = ack_seconds * 1000;
    struct command_ready ready[COMMAND_BATCH_MAX];
    size_t count = 0;
    int status =
        command_store_ready(conn, taking->agent_id, taking->now, COMMAND_BATCH_MAX, ready, &count, err);
    if (status == 0 && count > 0)
        ret->items = mem_zalloc(count * sizeof *ret->items);
    for (size_t i = 0; i < count; i++) {
        if (status == 0)
            status = take_one(conn, taking, &ready[i], ret, err);
        free(ready[i].payload);
    }
    if (status == 0)
        status = command_store_next_retry(conn, taking->agent_id, taking->now, &ret->retry_ms, err);
    return status;
}

/* Without the writers' lock: most of the time there is nothing, and the question comes after every commit. */
static int anything_ready(struct db_conn *conn, const char *agent_id, int64_t *ret_retry_ms, bool *ret,
                          struct err *err) {
    int64_t now = 0;
    struct command_ready ready[1];
    size_t count = 0;
    if (steady_now(conn, &now, err) < 0 ||
        command_store_ready(conn, agent_id, now, 1, ready, &count, err) < 0)
        return -1;
    if (count > 0)
        free(ready[0].payload);
    *ret = count > 0;
    return command_store_next_retry(conn, agent_id, now, ret_retry_ms, err);
}

int command_take(struct db_conn *conn, const char *agent_id, int64_t generation, struct deliveries *ret,
                 struct err *err) {
    struct deliveries deliveries = {.retry_ms = -1};
    struct taking taking = {.agent_id = agent_id, .generation = generation};
    bool any = false;
    if (anything_ready(conn, agent_id, &deliveries.retry_ms, &any, err) < 0)
        return -1;
    if (any) {
        if (db_begin(conn, err) < 0)
            return -1;
        if (db_end(conn, take(conn, &taking, &deliveries, err), err) < 0) {
            deliveries_finish(&deliveries);
            return -1;
        }
    }
    if (deliveries.count == 0) { /* all were set aside */
        free(deliveries.items);
        deliveries.items = NULL;
    }
    *ret = deliveries;
    return 0;
}

int command_return(struct db_conn *conn, const char *agent_id, int64_t generation, const char *command_id,
                   struct err *err) {
    return command_store_return(conn, agent_id, generation, command_id, NULL, err);
}

int command_return_all(struct db_conn *conn, const char *agent_id, struct err *err) {
    int64_t changes = 0;
    if (command_store_return(conn, agent_id, 0, NULL, &changes, err) < 0)
        return -1;
    return changes > 0 ? db_notify(conn, COMMAND_CHANNEL, agent_id, err) : 0;
}

int command_return_overdue(struct db_conn *conn, int64_t *ret, struct err *err) {
    int64_t now = 0;
    if (steady_now(conn, &now, err) < 0)
        return -1;
    return command_store_return_overdue(conn, now, ret, err);
}

static int resume(struct db_conn *conn, const char *agent_id, int64_t generation,
                  const struct command_running *running, size_t count, int64_t *ret_returned,
                  struct err *err) {
    bool present = false;
    if (agent_is_present(conn, agent_id, generation, &present, err) < 0)
        return -1;
    struct command_running *known = NULL;
    size_t known_count = 0;
    if (!present || command_store_acknowledged(conn, agent_id, &known, &known_count, err) < 0)
        return present ? -1 : 0;
    int status = 0;
    for (size_t i = 0; i < known_count && status == 0; i++) {
        bool is_running = false;
        for (size_t j = 0; j < count && !is_running; j++)
            is_running =
                known[i].attempt == running[j].attempt && str_eq(known[i].command_id, running[j].command_id);
        if (is_running)
            continue;
        status = command_store_return_acknowledged(conn, known[i].command_id, known[i].attempt, err);
        ++*ret_returned;
    }
    free(known);
    if (status == 0 && *ret_returned > 0)
        status = db_notify(conn, COMMAND_CHANNEL, agent_id, err);
    return status;
}

int command_resume(struct db_conn *conn, const char *agent_id, int64_t generation,
                   const struct command_running *running, size_t count, int64_t *ret_returned,
                   struct err *err) {
    int64_t returned = 0;
    if (db_begin(conn, err) < 0 ||
        db_end(conn, resume(conn, agent_id, generation, running, count, &returned, err), err) < 0)
        return -1;
    if (ret_returned)
        *ret_returned = returned;
    return 0;
}

int command_retry(struct db_conn *conn, const char *command_id, int64_t attempt, const char *error,
                  bool *ret_changed, struct err *err) {
    int64_t now = 0, most = 0;
    if (steady_now(conn, &now, err) < 0 || setting_get(conn, SETTING_RETRY_MAX, &most, err) < 0)
        return -1;
    int64_t pause = COMMAND_RETRY_FIRST_MS;
    for (int64_t i = 1; i < attempt && pause < most * 1000; i++)
        pause *= 2;
    if (pause > most * 1000)
        pause = most * 1000;
    return command_store_retry(conn, command_id, attempt, error, now + pause, ret_changed, err);
}
