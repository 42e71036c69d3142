/* Random interleavings, repeatable by their seed: sessions begin and end, cables are cut, acknowledgements
 * and outcomes are lost, the server restarts. In the end every request has ended, every command was run once,
 * and nothing runs that nobody wants. */
#include "rig.h"

#define AGENTS 3
#define SESSIONS 14
#define STEPS 120

struct chaos {
    struct rig *rig;
    uint64_t seed;
    struct robot *robots[AGENTS];
    char names[SESSIONS][SESSION_NAME_MAX + 1];
    bool ended[SESSIONS];
    size_t count;
};

/* xorshift64*: the same on every machine. */
static unsigned dice(struct chaos *chaos, unsigned sides) {
    chaos->seed ^= chaos->seed >> 12;
    chaos->seed ^= chaos->seed << 25;
    chaos->seed ^= chaos->seed >> 27;
    return (unsigned)((chaos->seed * 2685821657736338717ULL) >> 33) % sides;
}

static void begin_session(struct chaos *chaos) {
    if (chaos->count >= SESSIONS)
        return;
    struct session_new fields = {.template_name = "terminal"};
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    struct err err = {0};
    if (session_create(chaos->rig->conn, &chaos->rig->actor, &fields, &session, &refusals, &err) < 0) {
        assert_string_equal(err.code, "no_agent"); /* all of them may be away */
        return;
    }
    str_copy(chaos->names[chaos->count++], SESSION_NAME_MAX + 1, session.name);
}

static void end_session(struct chaos *chaos) {
    if (!chaos->count)
        return;
    size_t i = dice(chaos, (unsigned)chaos->count);
    char command_id[COMMAND_ID_MAX + 1];
    struct err err = {0};
    if (session_request_stop(chaos->rig->conn, &chaos->rig->actor, chaos->names[i], "test", command_id,
                             &err) < 0)
        assert_int_equal(err.kind, ERR_CONFLICT);
    chaos->ended[i] = true;
}

/* The outcomes of the journal are said once more; those that waited are said at last, also of commands that
 * came by an earlier connection. */
static void say_an_outcome(struct robot *robot) {
    size_t cursor = 0;
    const char *key;
    void *state;
    struct strv keys = {0};
    while (map_next(robot->journal, &cursor, &key, &state))
        strv_add(&keys, key);
    for (size_t i = 0; i < keys.count; i++) {
        char *blank = strchr(keys.items[i], ' ');
        int64_t attempt = 0;
        *blank = '\0';
        assert_true(str_to_i64(blank + 1, 1, PROTO_ATTEMPT_MAX, &attempt));
        robot_complete(robot, keys.items[i], attempt);
    }
    strv_finish(&keys);
}

static void reconnect(struct robot *robot) {
    robot_connect(robot);
    robot_hello(robot);
}

static void step(struct chaos *chaos) {
    struct robot *robot = chaos->robots[dice(chaos, AGENTS)];
    switch (dice(chaos, 12)) {
    case 0:
    case 1:
    case 2:
        begin_session(chaos);
        break;
    case 3:
        end_session(chaos);
        break;
    case 4:
        robot_cut(robot);
        break;
    case 5:
    case 6:
        reconnect(robot);
        break;
    case 7:
        robot->ack = !robot->ack;
        break;
    case 8:
        robot->complete = !robot->complete;
        break;
    case 9:
        say_an_outcome(robot);
        break;
    case 10:
        robot_heartbeat(robot);
        break;
    default:
        if (dice(chaos, 6) == 0)
            rig_restart_hub(chaos->rig);
        break;
    }
    for (unsigned rounds = dice(chaos, 4); rounds; rounds--)
        loop_step(chaos->rig->loop, 3);
}

static bool settled(struct chaos *chaos) {
    struct rig *rig = chaos->rig;
    for (size_t i = 0; i < AGENTS; i++)
        if (chaos->robots[i]->closed || !chaos->robots[i]->ws)
            reconnect(chaos->robots[i]); /* as agents do, for ever */
    if (rig_int(rig, "SELECT COUNT(*) FROM agent_commands WHERE status NOT IN ('completed', 'failed', $1)",
                "") > 0)
        return false;
    for (size_t i = 0; i < chaos->count; i++) {
        const char *state = rig_state(rig, chaos->names[i]);
        bool over = str_eq(state, "terminated") || str_eq(state, "failed");
        if (chaos->ended[i] ? !over : !over && !str_eq(state, "running"))
            return false;
    }
    return true;
}

static bool runs_somewhere(struct chaos *chaos, const char *name) {
    for (size_t i = 0; i < AGENTS; i++)
        if (map_get(chaos->robots[i]->sessions, name))
            return true;
    return false;
}

static void check(struct chaos *chaos) {
    struct rig *rig = chaos->rig;
    size_t commands = 0, executions = 0;
    for (size_t i = 0; i < chaos->count; i++) {
        bool running = str_eq(rig_state(rig, chaos->names[i]), "running");
        assert_int_equal(running, runs_somewhere(chaos, chaos->names[i]));
    }
    for (size_t i = 0; i < AGENTS; i++) {
        commands += map_count(chaos->robots[i]->journal);
        executions += chaos->robots[i]->started + chaos->robots[i]->stopped;
    }
    assert_int_equal(commands, executions);
    _cleanup_strv_ struct strv lines = {0};
    struct err err = {0};
    assert_int_equal(reconcile_check(rig->conn, &lines, &err), 0);
    for (size_t i = 0; i < lines.count; i++)
        print_message("%s\n", lines.items[i]);
    assert_int_equal(lines.count, 0);
}

static void run_seed(struct rig *rig, uint64_t seed) {
    static const char *const ids[AGENTS] = {"alpha", "beta", "gamma"};
    struct chaos chaos = {.rig = rig, .seed = seed * 0x9e3779b97f4a7c15ULL + 1};
    for (size_t i = 0; i < AGENTS; i++) {
        rig_agent(rig, ids[i]);
        chaos.robots[i] = robot_create(rig, ids[i]);
        robot_online(chaos.robots[i]);
    }
    for (int i = 0; i < STEPS; i++)
        step(&chaos);
    for (size_t i = 0; i < AGENTS; i++) {
        chaos.robots[i]->ack = chaos.robots[i]->complete = true;
        reconnect(chaos.robots[i]);
    }
    for (int64_t until = clock_ms() + 4 * WAIT_MS; !settled(&chaos);) {
        if (clock_ms() >= until)
            fail_msg("seed %llu did not settle", (unsigned long long)seed);
        loop_step(rig->loop, 20);
        for (size_t i = 0; i < AGENTS; i++)
            say_an_outcome(chaos.robots[i]); /* those that were held back */
    }
    check(&chaos);
    for (size_t i = 0; i < AGENTS; i++)
        robot_destroy(chaos.robots[i]);
}

static void every_request_ends_whatever_happens(void **state) {
    const char *text = getenv("HUB_CHAOS_SEEDS");
    int64_t seeds = 3;
    if (text)
        assert_true(str_to_i64(text, 1, 100000, &seeds));
    for (int64_t seed = 1; seed <= seeds; seed++) {
        void *rig = NULL;
        assert_int_equal(rig_setup(&rig), 0);
        run_seed(rig, (uint64_t)seed);
        rig_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_request_ends_whatever_happens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
