#include "rig.h"

#include "base/id.h"
#include "base/log.h"

#include <sys/socket.h>

#define must(call)                                                                                           \
    do {                                                                                                     \
        struct err err = {0};                                                                                \
        if ((call) < 0)                                                                                      \
            fail_msg("%s: %s", #call, err.message);                                                          \
    } while (0)

static void start_hub(struct rig *rig) {
    struct hub_options options = {
        .db = rig->db,
        .relay = rig->relay,
        .replica_id = "replica-1",
        .hello_ms = 1000,
        .stream_ms = 600,
        .sweep_ms = 10 * WAIT_MS, /* no test may depend on it: nobody is forgotten */
        .reconcile_ms = 100,
        .keepalive_ms = 200,
        .second_ms = SECOND_MS,
    };
    must(hub_create(&rig->hub, &options, &err));
    must(hub_start(rig->hub, &err));
}

int rig_setup(void **state) {
    struct rig *rig = mem_zalloc(sizeof *rig);
    log_setup(LOG_ERROR, false, "test");
    temp_db_make(&rig->place);
    struct db_options options = {.url = rig->place.path, .pool_max = 4, .statement_limit_ms = 300};
    must(db_open(&rig->db, &options, &err));
    must(db_acquire(rig->db, &rig->conn, &err));
    must(relay_create(&rig->relay, 1, &err));
    must(loop_create(&rig->loop, &err));
    must(template_install_builtin(rig->conn, &err));
    must(setting_set(rig->conn, SETTING_ACK_DEADLINE, 1, &err));
    struct actor itself = ACTOR_SYSTEM;
    struct user_new fields = {.username = "anna", .role = USER_ROLE_USER};
    must(user_create(rig->conn, &itself, &fields, &rig->user, &err));
    rig->actor = (struct actor){.user_id = rig->user.id, .username = rig->user.username, .role = "user"};
    start_hub(rig);
    *state = rig;
    return 0;
}

void rig_restart_hub(struct rig *rig) {
    hub_destroy(rig->hub);
    start_hub(rig);
}

int rig_teardown(void **state) {
    struct rig *rig = *state;
    hub_destroy(rig->hub);
    while (rig->robots)
        robot_destroy(rig->robots);
    relay_destroy(rig->relay);
    loop_destroy(rig->loop);
    db_release(rig->conn);
    db_close(rig->db);
    temp_db_remove(&rig->place);
    free(rig);
    return 0;
}

/* --- the domain --- */

void rig_agent(struct rig *rig, const char *agent_id) {
    struct agent_registration registration = {
        .agent_id = agent_id,
        .platform = "local",
        .capacity = {.max_sessions = 200, .cpu_millis = 400000, .memory_bytes = 1LL << 40},
        .key = BOOTSTRAP_KEY,
        .bootstrap_key = BOOTSTRAP_KEY,
        .address = "127.0.0.1"};
    struct agent_registered registered = {0};
    must(agent_register(rig->conn, &registration, &registered, &err));
}

void rig_session(struct rig *rig, char *name) {
    struct session_new fields = {.template_name = "terminal"};
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    must(session_create(rig->conn, &rig->actor, &fields, &session, &refusals, &err));
    str_copy(name, SESSION_NAME_MAX + 1, session.name);
}

void rig_stop(struct rig *rig, const char *name) {
    char command_id[COMMAND_ID_MAX + 1];
    must(session_request_stop(rig->conn, &rig->actor, name, "test", command_id, &err));
}

/* One text of one row, in a ring of copies so that two can be compared. */
static const char *query_text(struct rig *rig, const char *sql, const char *a, const char *b) {
    static char ring[8][128];
    static size_t next;
    char *copy = ring[next++ % ARRAY_SIZE(ring)];
    struct db_rows *rows = NULL;
    struct err err = {0};
    int found =
        b ? db_row(rig->conn, &rows, &err, sql, "ss", a, b) : db_row(rig->conn, &rows, &err, sql, "s", a);
    if (found < 0)
        fail_msg("%s: %s", sql, err.message);
    copy[0] = '\0';
    if (found)
        db_copy(rows, 0, copy, sizeof ring[0]);
    db_finish(rows);
    return copy;
}

const char *rig_state(struct rig *rig, const char *session) {
    return query_text(rig, "SELECT state FROM sessions WHERE id = $1", session, NULL);
}

const char *rig_command_status(struct rig *rig, const char *session, const char *action) {
    return query_text(
        rig,
        "SELECT status FROM agent_commands WHERE session_id = $1 AND action = $2 ORDER BY created_at DESC "
        "LIMIT 1",
        session, action);
}

int64_t rig_int(struct rig *rig, const char *sql, const char *arg) {
    int64_t value = -1;
    const char *text = query_text(rig, sql, arg, NULL);
    str_to_i64(text, INT64_MIN, INT64_MAX, &value);
    return value;
}

const char *rig_agent_status(struct rig *rig, const char *agent_id) {
    static char status[16];
    _cleanup_agent_ struct agent agent = {0};
    must(agent_get(rig->conn, agent_id, &agent, &err));
    str_copy(status, sizeof status, agent_shown_status(&agent));
    return status;
}

int64_t rig_metric(struct rig *rig, const char *name) {
    size_t count;
    struct metric *table = hub_metrics(rig->hub, &count);
    for (size_t i = 0; i < count; i++)
        if (str_eq(table[i].name, name))
            return metric_get(&table[i]);
    fail_msg("no metric %s", name);
    return -1;
}

/* --- robots --- */

static char *journal_key(char *key, size_t size, const char *command_id, int64_t attempt) {
    struct strbuf text = {.data = key, .capacity = size, .max = size - 1, .fixed = true};
    strbuf_printf(&text, "%s %lld", command_id, (long long)attempt);
    return key;
}

static void execute(struct robot *robot, const struct proto_command *command) {
    const char *session = json_string_value(json_object_get(command->payload, "sessionId"));
    assert_non_null(session);
    if (str_eq(command->action, "start_session")) {
        robot->started++;
        free(map_set(robot->sessions, session, str_dup("running")));
    } else if (str_eq(command->action, "stop_session")) {
        robot->stopped++;
        free(map_remove(robot->sessions, session));
    }
}

/* As an agent with a journal does: a known attempt is never run again, a recorded outcome is repeated. */
static void obey(struct robot *robot, const struct proto_command *command) {
    char key[96];
    journal_key(key, sizeof key, command->command_id, command->attempt);
    const char *known = map_get(robot->journal, key);
    if (!known) {
        free(map_set(robot->journal, key, str_dup("accepted")));
        execute(robot, command);
    }
    robot_ack(robot, command->command_id, command->attempt);
    if (robot->complete || str_eq(known, "completed"))
        robot_complete(robot, command->command_id, command->attempt);
}

static void on_text(void *arg, const char *text, size_t length) {
    struct robot *robot = arg;
    struct err err = {0};
    struct proto_message message = {0};
    if (proto_decode(text, length, PROTO_CONTROL, &message, &err) < 0)
        fail_msg("the hub said what is no message: %s", err.message);
    assert_int_not_equal(message.type, PROTO_UNKNOWN);
    if (message.type == PROTO_PING && robot->pong) {
        message.type = PROTO_PONG;
        robot_send(robot, &message);
        message.type = PROTO_PING;
    }
    assert_true(robot->inbox_count < INBOX_MAX);
    robot->inbox[robot->inbox_count++] = message;
    if (message.type == PROTO_WELCOME)
        robot->generation = message.welcome.generation;
    if (message.type == PROTO_COMMAND && robot->ack)
        obey(robot, &message.command);
}

static void on_close(void *arg, int code, const char *reason) {
    struct robot *robot = arg;
    robot->closed = true;
    robot->close_code = code;
    str_copy(robot->close_reason, sizeof robot->close_reason, reason);
}

struct robot *robot_create(struct rig *rig, const char *id) {
    struct robot *robot = mem_zalloc(sizeof *robot);
    robot->rig = rig;
    str_copy(robot->id, sizeof robot->id, id);
    random_hex(robot->instance, 32);
    robot->pong = robot->ack = robot->complete = true;
    robot->journal = map_create();
    robot->sessions = map_create();
    robot->next = rig->robots;
    rig->robots = robot;
    return robot;
}

static void empty_inbox(struct robot *robot) {
    for (size_t i = 0; i < robot->inbox_count; i++)
        proto_message_finish(&robot->inbox[i]);
    robot->inbox_count = 0;
}

void robot_cut(struct robot *robot) {
    ws_destroy(robot->ws);
    robot->ws = NULL;
}

void robot_destroy(struct robot *robot) {
    struct robot **place = &robot->rig->robots;
    while (*place != robot)
        place = &(*place)->next;
    *place = robot->next;
    robot_cut(robot);
    empty_inbox(robot);
    map_destroy(robot->journal, free);
    map_destroy(robot->sessions, free);
    free(robot);
}

void robot_connect(struct robot *robot) {
    static const struct ws_callbacks callbacks = {.on_text = on_text, .on_close = on_close};
    robot_cut(robot);
    empty_inbox(robot);
    robot->closed = false;
    robot->generation = 0;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct ws_io server = {.fd = fds[0]}, client = {.fd = fds[1]};
    must(ws_attach(&robot->ws, robot->rig->loop, WS_CLIENT, &client, &callbacks, robot, NULL, 0, &err));
    hub_agent_connected(robot->rig->hub, robot->id, &server, NULL, 0);
}

void robot_send_text(struct robot *robot, const char *text) {
    if (robot->ws && !robot->closed)
        ws_send_text(robot->ws, text, strlen(text));
}

void robot_send(struct robot *robot, const struct proto_message *message) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    must(proto_encode(message, &text, &err));
    robot_send_text(robot, strbuf_str(&text));
}

static void add_open_commands(struct robot *robot, struct proto_hello *hello) {
    hello->open_commands = mem_zalloc((map_count(robot->journal) + 1) * sizeof *hello->open_commands);
    size_t cursor = 0;
    const char *key;
    void *state;
    while (map_next(robot->journal, &cursor, &key, &state)) {
        struct proto_open_command *open = &hello->open_commands[hello->open_command_count++];
        const char *space = strchr(key, ' ');
        memcpy(open->command_id, key, (size_t)(space - key));
        assert_true(str_to_i64(space + 1, 1, 1000, &open->attempt));
        str_copy(open->state, sizeof open->state, state);
    }
}

void robot_hello(struct robot *robot) {
    _cleanup_proto_ struct proto_message message = {.type = PROTO_HELLO};
    struct proto_hello *hello = &message.hello;
    hello->protocol_version = PROTO_VERSION;
    str_copy(hello->agent_version, sizeof hello->agent_version, "0.1.0");
    str_copy(hello->instance_id, sizeof hello->instance_id, robot->instance);
    str_copy(hello->runtime, sizeof hello->runtime, "null");
    hello->inventory = mem_zalloc((map_count(robot->sessions) + 1) * sizeof *hello->inventory);
    size_t cursor = 0;
    const char *session;
    void *state;
    while (map_next(robot->sessions, &cursor, &session, &state)) {
        struct proto_session *entry = &hello->inventory[hello->inventory_count++];
        str_copy(entry->session_id, sizeof entry->session_id, session);
        str_copy(entry->state, sizeof entry->state, state);
    }
    add_open_commands(robot, hello);
    robot_send(robot, &message);
}

void robot_online(struct robot *robot) {
    robot_connect(robot);
    robot_hello(robot);
    WAIT(robot->rig, robot_count(robot, PROTO_WELCOME) == 1);
}

void robot_heartbeat(struct robot *robot) {
    struct proto_message message = {.type = PROTO_HEARTBEAT};
    str_copy(message.heartbeat.status, sizeof message.heartbeat.status, "online");
    message.heartbeat.active_sessions = (int64_t)map_count(robot->sessions);
    robot_send(robot, &message);
}

void robot_ack(struct robot *robot, const char *command_id, int64_t attempt) {
    struct proto_message message = {.type = PROTO_ACK, .ack.attempt = attempt};
    str_copy(message.ack.command_id, sizeof message.ack.command_id, command_id);
    robot_send(robot, &message);
}

void robot_complete(struct robot *robot, const char *command_id, int64_t attempt) {
    char key[96];
    journal_key(key, sizeof key, command_id, attempt);
    free(map_set(robot->journal, key, str_dup("completed")));
    struct proto_message message = {.type = PROTO_COMPLETE, .complete.attempt = attempt};
    str_copy(message.complete.command_id, sizeof message.complete.command_id, command_id);
    robot_send(robot, &message);
}

void robot_failed(struct robot *robot, const char *command_id, int64_t attempt, bool retryable) {
    struct proto_message message = {.type = PROTO_FAILED,
                                    .failed = {.attempt = attempt, .retryable = retryable}};
    str_copy(message.failed.command_id, sizeof message.failed.command_id, command_id);
    str_copy(message.failed.error, sizeof message.failed.error, "the robot does not want to");
    robot_send(robot, &message);
}

void robot_status(struct robot *robot, const char *session, const char *state, const char *reason) {
    struct proto_message message = {.type = PROTO_STATUS};
    str_copy(message.status.session_id, sizeof message.status.session_id, session);
    str_copy(message.status.state, sizeof message.status.state, state);
    str_copy(message.status.reason, sizeof message.status.reason, reason);
    robot_send(robot, &message);
}

const struct proto_message *robot_got(const struct robot *robot, enum proto_type type, size_t index) {
    for (size_t i = 0; i < robot->inbox_count; i++)
        if (robot->inbox[i].type == type && index-- == 0)
            return &robot->inbox[i];
    return NULL;
}

size_t robot_count(const struct robot *robot, enum proto_type type) {
    size_t found = 0;
    while (robot_got(robot, type, found))
        found++;
    return found;
}

static bool is_command(const struct proto_message *message, const char *session, const char *action) {
    return message->type == PROTO_COMMAND && str_eq(message->command.action, action) &&
           str_eq(json_string_value(json_object_get(message->command.payload, "sessionId")), session);
}

const struct proto_command *robot_command(const struct robot *robot, const char *session,
                                          const char *action) {
    for (size_t i = 0; i < robot->inbox_count; i++)
        if (is_command(&robot->inbox[i], session, action))
            return &robot->inbox[i].command;
    return NULL;
}

size_t robot_command_count(const struct robot *robot, const char *session, const char *action) {
    size_t found = 0;
    for (size_t i = 0; i < robot->inbox_count; i++)
        found += is_command(&robot->inbox[i], session, action);
    return found;
}
