/* An agent's hello: its generation, the welcome, and the comparison of what it runs with what is wanted. */
#include "hub/hub_internal.h"

#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/sessions/reconcile.h"
#include "control/sessions/session.h"
#include "control/templates/template.h"

struct hello_work {
    struct link *link;
    struct proto_message message;
};

static void hello_done(void *arg) {
    struct hello_work *work = arg;
    proto_message_finish(&work->message);
    free(work);
}

static int64_t agreed_seconds(int64_t proposed) {
    if (proposed == 0)
        return PROTO_HEARTBEAT_DEFAULT;
    if (proposed < PROTO_HEARTBEAT_MIN)
        return PROTO_HEARTBEAT_MIN;
    return proposed > PROTO_HEARTBEAT_MAX ? PROTO_HEARTBEAT_MAX : proposed;
}

/* --- step 1: take the agent, welcome it --- */

static int make_welcome(struct hub *hub, struct db_conn *conn, const struct link *link,
                        const struct proto_hello *hello, int64_t generation, struct proto_message *ret,
                        struct err *err) {
    _cleanup_free_ struct session_wanted *wanted = NULL;
    size_t wanted_count = 0;
    ret->type = PROTO_WELCOME;
    struct proto_welcome *welcome = &ret->welcome;
    if (session_wanted(conn, link->agent_id, &wanted, &wanted_count, err) < 0 ||
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
static int refused(struct link *link, const struct err *err) {
    count(link->hub, M_REFUSED, 1);
    log_warn("agent refused", "agent", link->agent_id, "code", err->code, "error", err->message);
    if (err_is(err, "instance_alive"))
        link_close(link, PROTO_CLOSE_REFUSED, "another instance of this agent is connected");
    else
        link_close(link, err->kind == ERR_INTERNAL ? 1011 : PROTO_CLOSE_POLICY, err->message);
    return 0;
}

static void log_connected(const struct link *link, const struct proto_hello *hello) {
    char generation[24], sessions[24];
    struct strbuf text = STRBUF_FIXED(generation), more = STRBUF_FIXED(sessions);
    strbuf_printf(&text, "%lld", (long long)link->generation);
    strbuf_printf(&more, "%zu", hello->inventory_count);
    log_info("agent connected", "agent", link->agent_id, "generation", generation, "sessions", sessions,
             "version", hello->agent_version);
}

static int take_agent(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    struct hello_work *work = arg;
    struct link *link = work->link;
    const struct proto_hello *hello = &work->message.hello;
    if (link->state != LINK_HELLO)
        return 0;
    const struct link *holder = link_find(hub, link->agent_id);
    struct agent_connection connection = {
        .agent_id = link->agent_id,
        .instance_id = hello->instance_id,
        .replica_id = hub->replica_id,
        .version = hello->agent_version,
        .runtime = hello->runtime,
        .capabilities = &hello->capabilities,
    };
    int64_t generation = 0;
    _cleanup_proto_ struct proto_message welcome = {0};
    if (agent_connect(conn, &connection, holder && link_alive(holder), &generation, err) < 0 ||
        make_welcome(hub, conn, link, hello, generation, &welcome, err) < 0)
        return err->kind == ERR_UNAVAILABLE ? -1 : refused(link, err);
    str_copy(link->instance_id, sizeof link->instance_id, hello->instance_id);
    link_up(link, hello, &welcome);
    if (link_send(link, &welcome, err) < 0)
        return refused(link, err);
    log_connected(link, hello);
    return 0;
}

/* --- step 2: what it runs and what is wanted --- */

static enum session_state state_of(const char *text) {
    enum session_state state;
    return state_parse(text, &state) ? state : SESSION_RUNNING;
}

static int compare_inventory(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct hello_work *work = arg;
    const struct proto_hello *hello = &work->message.hello;
    const struct link *link = work->link;
    if (link->state != LINK_UP)
        return 0;
    _cleanup_free_ struct inventory_entry *entries =
        mem_zalloc((hello->inventory_count + 1) * sizeof *entries);
    for (size_t i = 0; i < hello->inventory_count; i++) {
        str_copy(entries[i].session_id, sizeof entries[i].session_id, hello->inventory[i].session_id);
        entries[i].state = state_of(hello->inventory[i].state);
    }
    _cleanup_free_ struct inventory_command *open =
        mem_zalloc((hello->open_command_count + 1) * sizeof *open);
    for (size_t i = 0; i < hello->open_command_count; i++) {
        str_copy(open[i].command_id, sizeof open[i].command_id, hello->open_commands[i].command_id);
        open[i].attempt = hello->open_commands[i].attempt;
    }
    struct inventory_result result = {0};
    if (reconcile_inventory(conn, link->agent_id, link->generation, entries, hello->inventory_count, open,
                            hello->open_command_count, &result, err) < 0)
        return -1;
    count(hub, M_MISSING, result.missing);
    return 0;
}

/* --- step 3: commands whose end may have been lost with the old connection are sent again: the journal
 * answers --- */

static int resume_commands(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    const struct hello_work *work = arg;
    const struct proto_hello *hello = &work->message.hello;
    if (work->link->state != LINK_UP)
        return 0;
    struct command_running *running = mem_zalloc((hello->open_command_count + 1) * sizeof *running);
    size_t running_count = 0;
    for (size_t i = 0; i < hello->open_command_count; i++) {
        if (!str_eq(hello->open_commands[i].state, "accepted"))
            continue;
        str_copy(running[running_count].command_id, sizeof running[running_count].command_id,
                 hello->open_commands[i].command_id);
        running[running_count++].attempt = hello->open_commands[i].attempt;
    }
    int64_t returned = 0;
    int result = command_resume(conn, work->link->agent_id, work->link->generation, running, running_count,
                                &returned, err);
    free(running);
    if (result == 0) {
        count(hub, M_COMMANDS_RETURNED, returned);
        dispatch(work->link);
    }
    return result;
}

/* The three steps as one piece, begun again from the step that the database was away for. */
struct hello_steps {
    struct hello_work work;
    unsigned step;
};

static int run_steps(struct hub *hub, struct db_conn *conn, void *arg, struct err *err) {
    static const work_fn steps[] = {take_agent, compare_inventory, resume_commands};
    struct hello_steps *hello = arg;
    for (; hello->step < ARRAY_SIZE(steps); hello->step++) {
        if (steps[hello->step](hub, conn, &hello->work, err) == 0)
            continue;
        if (err->kind == ERR_UNAVAILABLE)
            return -1;
        log_error("hub: hello", "agent", hello->work.link->agent_id, "error", err->message);
        err_clear(err);
    }
    return 0;
}

void hello_received(struct link *link, struct proto_message *message) {
    struct hello_steps *hello = mem_zalloc(sizeof *hello);
    hello->work.link = link;
    hello->work.message = *message;
    *message = (struct proto_message){0};
    switch (link->state) {
    case LINK_NEW:
        link->state = LINK_HELLO;
        break;
    case LINK_UP: /* a fresh inventory */
        hello->step = 1;
        if (str_eq(hello->work.message.hello.instance_id, link->instance_id))
            break;
        __attribute__((fallthrough));
    default:
        hello_done(hello);
        link_close(link, PROTO_CLOSE_POLICY, "hello came out of turn");
        return;
    }
    link_work(link, "hello", run_steps, hello_done, hello, true);
}
