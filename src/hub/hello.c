/* An agent's hello: its generation, the welcome, and the comparison of what it runs with what is wanted. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/reconcile.h"
#include "control/sessions/session.h"
#include "control/templates/template.h"

struct hello {
    struct link *link;
    struct proto_message message;
    /* Taking the agent. */
    bool holder_alive;
    struct proto_message welcome;
    /* Comparing what it runs. */
    int64_t generation;
    int64_t missing, returned;
    bool compared;
};

static void hello_free(struct hello *hello) {
    proto_message_finish(&hello->message);
    proto_message_finish(&hello->welcome);
    link_unref(hello->link);
    free(hello);
}

static int64_t agreed_seconds(int64_t proposed) {
    if (proposed == 0)
        return PROTO_HEARTBEAT_DEFAULT;
    if (proposed < PROTO_HEARTBEAT_MIN)
        return PROTO_HEARTBEAT_MIN;
    return proposed > PROTO_HEARTBEAT_MAX ? PROTO_HEARTBEAT_MAX : proposed;
}

/* --- step 1: take the agent, welcome it --- */

static int make_welcome(struct hub *hub, struct db_conn *conn, const char *agent_id,
                        const struct proto_hello *hello, int64_t generation, struct proto_message *ret,
                        struct err *err) {
    _cleanup_free_ struct session_wanted *wanted = NULL;
    size_t wanted_count = 0;
    ret->type = PROTO_WELCOME;
    struct proto_welcome *welcome = &ret->welcome;
    if (session_wanted(conn, agent_id, &wanted, &wanted_count, err) < 0 ||
        template_programs(conn, &welcome->programs, err) < 0)
        return -1;
    welcome->protocol_version = PROTO_VERSION;
    welcome->heartbeat_seconds = agreed_seconds(hello->heartbeat_seconds);
    welcome->generation = generation;
    str_copy(welcome->replica_id, sizeof welcome->replica_id, hub->replica_id);
    welcome->wanted = mem_zalloc((wanted_count + 1) * sizeof *welcome->wanted);
    welcome->wanted_count = wanted_count;
    for (size_t i = 0; i < wanted_count; i++) {
        str_copy(welcome->wanted[i].session_id, sizeof welcome->wanted[i].session_id, wanted[i].session_id);
        str_copy(welcome->wanted[i].state, sizeof welcome->wanted[i].state, state_name(wanted[i].state));
    }
    return 0;
}

/* From here on the link is the agent's connection. */
static void link_up(struct link *link, const struct proto_hello *hello, const struct proto_message *welcome) {
    struct hub *hub = link->hub;
    struct link *old = link_find(hub, link->agent_id);
    if (old) {
        count(hub, M_REPLACED, 1);
        link_close(old, PROTO_CLOSE_REPLACED, "a newer connection of this agent took over");
    }
    link->state = LINK_UP;
    link->generation = welcome->welcome.generation;
    link->period_ms = welcome->welcome.heartbeat_seconds * hub->options.second_ms;
    link->heard_at = clock_ms();
    link->ping_at = link->heard_at + link->period_ms;
    link->listed = true;
    map_set(hub->links, link->agent_id, link);
    count(hub, M_AGENTS, 1);
    count(hub, M_CONNECTS, 1);
    link_watch(link);
    for (size_t i = 0; i < hello->open_command_count; i++)
        if (str_eq(hello->open_commands[i].state, "accepted"))
            dispatch_adopt(link, &hello->open_commands[i]);
}

/* Refusals end the connection with a code that tells the agent what to do. */
static void refuse(struct link *link, const struct err *err) {
    count(link->hub, M_REFUSED, 1);
    log_warn("agent refused", "agent", link->agent_id, "code", err->code, "error", err->message);
    if (err_is(err, "instance_alive"))
        link_close(link, PROTO_CLOSE_REFUSED, "another instance of this agent is connected");
    else
        link_close(link, err->kind == ERR_INTERNAL ? 1011 : PROTO_CLOSE_POLICY, err->message);
}

static void log_connected(const struct link *link, const struct proto_hello *hello) {
    char generation[24], sessions[24];
    struct strbuf text = STRBUF_FIXED(generation), more = STRBUF_FIXED(sessions);
    strbuf_printf(&text, "%lld", (long long)link->generation);
    strbuf_printf(&more, "%zu", hello->inventory_count);
    log_info("agent connected", "agent", link->agent_id, "generation", generation, "sessions", sessions,
             "version", hello->agent_version);
}

static bool take_begin(struct hub *hub, void *arg) {
    struct hello *hello = arg;
    const struct link *holder = link_find(hub, hello->link->agent_id);
    hello->holder_alive = holder && link_alive(holder);
    return hello->link->state == LINK_HELLO;
}

static int take_agent(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct hello *hello = arg;
    const struct proto_hello *said = &hello->message.hello;
    struct agent_connection connection = {
        .agent_id = hello->link->agent_id,
        .instance_id = said->instance_id,
        .replica_id = hub->replica_id,
        .version = said->agent_version,
        .runtime = said->runtime,
        .capabilities = &said->capabilities,
    };
    int64_t generation = 0;
    proto_message_finish(&hello->welcome); /* of an earlier try */
    if (agent_connect(conn, &connection, hello->holder_alive, &generation, err) < 0)
        return -1;
    return make_welcome(hub, conn, connection.agent_id, said, generation, &hello->welcome, err);
}

static void compare(struct hello *hello);

static void take_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct hello *hello = arg;
    struct link *link = hello->link;
    if (result < 0 && link->state == LINK_HELLO)
        refuse(link, err);
    if (result != 0 || link->state != LINK_HELLO) {
        if (result == 0) /* it went away while the database took it */
            link_abandon(link, hello->welcome.welcome.generation);
        hello_free(hello);
        return;
    }
    struct err problem = {0};
    str_copy(link->instance_id, sizeof link->instance_id, hello->message.hello.instance_id);
    link_up(link, &hello->message.hello, &hello->welcome);
    if (link_send(link, &hello->welcome, &problem) < 0) {
        refuse(link, &problem);
        hello_free(hello);
        return;
    }
    log_connected(link, &hello->message.hello);
    compare(hello);
}

/* Alone: the next hello of this agent must see whether it is connected. */
static const struct work_kind take_work = {
    .what = "hello", .alone = true, .tells = true, .begin = take_begin, .run = take_agent, .done = take_done};

/* --- step 2: what it runs and what is wanted --- */

static enum session_state state_of(const char *text) {
    enum session_state state;
    return state_parse(text, &state) ? state : SESSION_RUNNING;
}

static int compare_inventory(struct hello *hello, struct db_conn *conn, struct err *err) {
    const struct proto_hello *said = &hello->message.hello;
    _cleanup_free_ struct inventory_entry *entries =
        mem_zalloc((said->inventory_count + 1) * sizeof *entries);
    for (size_t i = 0; i < said->inventory_count; i++) {
        str_copy(entries[i].session_id, sizeof entries[i].session_id, said->inventory[i].session_id);
        entries[i].state = state_of(said->inventory[i].state);
    }
    _cleanup_free_ struct inventory_command *open = mem_zalloc((said->open_command_count + 1) * sizeof *open);
    for (size_t i = 0; i < said->open_command_count; i++) {
        str_copy(open[i].command_id, sizeof open[i].command_id, said->open_commands[i].command_id);
        open[i].attempt = said->open_commands[i].attempt;
    }
    struct inventory_result result = {0};
    if (reconcile_inventory(conn, hello->link->agent_id, hello->generation, entries, said->inventory_count,
                            open, said->open_command_count, &result, err) < 0)
        return -1;
    hello->missing = result.missing;
    return 0;
}

/* Commands whose end may have been lost with the old connection are sent again: the journal answers. */
static int resume_commands(struct hello *hello, struct db_conn *conn, struct err *err) {
    const struct proto_hello *said = &hello->message.hello;
    _cleanup_free_ struct command_running *running =
        mem_zalloc((said->open_command_count + 1) * sizeof *running);
    size_t count = 0;
    for (size_t i = 0; i < said->open_command_count; i++) {
        const struct proto_open_command *open = &said->open_commands[i];
        if (!str_eq(open->state, "accepted"))
            continue;
        str_copy(running[count].command_id, sizeof running[count].command_id, open->command_id);
        running[count++].attempt = open->attempt;
    }
    return command_resume(conn, hello->link->agent_id, hello->generation, running, count, &hello->returned,
                          err);
}

static bool compare_begin(struct hub *hub, void *arg) {
    const struct hello *hello = arg;
    return hello->link->state == LINK_UP;
}

/* A comparison that fails for good is logged, and commands follow all the same. */
static int compare_run(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct hello *hello = arg;
    if (!hello->compared && compare_inventory(hello, conn, err) < 0) {
        if (err->kind == ERR_UNAVAILABLE)
            return -1;
        log_error("hub: inventory", "agent", hello->link->agent_id, "error", err->message);
        err_clear(err);
    }
    hello->compared = true;
    return resume_commands(hello, conn, err);
}

static void compare_done(struct hub *hub, void *arg, int result, const struct err *err) {
    struct hello *hello = arg;
    count(hub, M_MISSING, hello->missing);
    count(hub, M_COMMANDS_RETURNED, hello->returned);
    hello->link->settled = true;
    dispatch(hello->link);
    hello_free(hello);
}

static const struct work_kind compare_work = {
    .what = "inventory", .begin = compare_begin, .run = compare_run, .done = compare_done};

static void compare(struct hello *hello) {
    hello->generation = hello->link->generation;
    work_add(hello->link->hub, &compare_work, hello, true);
}

void hello_received(struct link *link, struct proto_message *message) {
    struct hello *hello = mem_zalloc(sizeof *hello);
    hello->link = link_ref(link);
    hello->message = *message;
    *message = (struct proto_message){0};
    if (link->state == LINK_NEW) {
        link->state = LINK_HELLO;
        work_add(link->hub, &take_work, hello, true);
    } else if (link->state == LINK_UP && str_eq(hello->message.hello.instance_id, link->instance_id)) {
        compare(hello); /* a fresh inventory */
    } else {
        hello_free(hello);
        link_close(link, PROTO_CLOSE_POLICY, "hello came out of turn");
    }
}
