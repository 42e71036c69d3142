/* Connections: hello, generations, silence, and what does not belong on the wire. */
#include "rig.h"

static void hello_is_welcomed(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    const struct proto_welcome *welcome = &robot_got(robot, PROTO_WELCOME, 0)->welcome;
    assert_int_equal(welcome->protocol_version, PROTO_VERSION);
    assert_int_equal(welcome->heartbeat_seconds, PROTO_HEARTBEAT_DEFAULT);
    assert_string_equal(welcome->replica_id, "replica-1");
    assert_true(welcome->generation > 0);
    assert_int_equal(welcome->wanted_count, 0);
    assert_true(strv_contains(&welcome->programs, "xterm"));
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "online"));
    assert_int_equal(rig_metric(rig, "streamspace_agents_connected"), 1);
    robot_destroy(robot);
}

static void a_closed_socket_is_offline_at_once(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    int64_t cut_at = clock_ms();
    robot_cut(robot);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    assert_true(clock_ms() - cut_at < 2 * PROTO_HEARTBEAT_DEFAULT * SECOND_MS);
    robot_destroy(robot);
}

/* Pinged every period; two periods of silence degrade, three end the connection. */
static void silence_degrades_then_ends(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    WAIT(rig, robot_count(robot, PROTO_PING) >= 4); /* answered, so all is well */
    assert_string_equal(rig_agent_status(rig, "alpha"), "online");
    robot->pong = false;
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "degraded"));
    assert_false(robot->closed);
    robot_heartbeat(robot);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "online"));
    WAIT(rig, robot->closed);
    assert_int_equal(robot->close_code, 1001);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    assert_int_equal(rig_metric(rig, "streamspace_agent_silent_total"), 1);
    robot->pong = true;
    robot_online(robot);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "online"));
    robot_destroy(robot);
}

static void the_same_instance_replaces_its_connection(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *first = robot_create(rig, "alpha"), *second = robot_create(rig, "alpha");
    str_copy(second->instance, sizeof second->instance, first->instance);
    robot_online(first);
    robot_online(second);
    assert_true(second->generation > first->generation);
    WAIT(rig, first->closed);
    assert_int_equal(first->close_code, PROTO_CLOSE_REPLACED);
    IDLE(rig, 100); /* the old connection's end must not make the agent look away */
    assert_string_equal(rig_agent_status(rig, "alpha"), "online");
    assert_int_equal(rig_metric(rig, "streamspace_agents_connected"), 1);
    robot_destroy(first);
    robot_destroy(second);
}

static void another_instance_waits_until_the_first_is_dead(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *first = robot_create(rig, "alpha"), *second = robot_create(rig, "alpha");
    robot_online(first);
    robot_connect(second);
    robot_hello(second);
    WAIT(rig, second->closed);
    assert_int_equal(second->close_code, PROTO_CLOSE_REFUSED);
    assert_false(first->closed);
    assert_string_equal(rig_agent_status(rig, "alpha"), "online");
    first->pong = false;
    WAIT(rig, first->closed);
    robot_online(second);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "online"));
    robot_destroy(first);
    robot_destroy(second);
}

static void what_is_no_message_closes_with_a_reason(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"nonsense", 1007},
        {"[]", 1008},
        {"{\"type\":\"ack\",\"payload\":{\"commandId\":\"x\",\"attempt\":1}}", 1008},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct robot *robot = robot_create(rig, "alpha");
        robot_online(robot);
        robot_send_text(robot, cases[i].text);
        WAIT(rig, robot->closed);
        assert_int_equal(robot->close_code, cases[i].code);
        assert_true(*robot->close_reason);
        robot_destroy(robot);
        WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    }
    assert_int_equal(rig_metric(rig, "streamspace_agent_messages_malformed_total"), 3);
}

static void unknown_messages_are_ignored_and_counted(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    robot_send_text(robot, "{\"type\":\"teleport\",\"payload\":{}}");
    robot_send_text(robot, "{\"type\":\"welcome\",\"payload\":{}}"); /* ours, not an agent's */
    robot_send_text(robot, "{\"type\":\"pong\",\"payload\":{\"nonce\":\"1\",\"colour\":\"red\"}}");
    WAIT(rig, rig_metric(rig, "streamspace_agent_messages_unknown_total") == 2);
    WAIT(rig, rig_metric(rig, "streamspace_agent_fields_ignored_total") == 1);
    assert_false(robot->closed);
    robot_destroy(robot);
}

static void hello_comes_first_and_in_time(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_connect(robot);
    robot_heartbeat(robot);
    WAIT(rig, robot->closed);
    assert_int_equal(robot->close_code, PROTO_CLOSE_POLICY);
    robot_connect(robot); /* and says nothing */
    WAIT(rig, robot->closed);
    assert_int_equal(robot->close_code, PROTO_CLOSE_POLICY);
    assert_string_equal(rig_agent_status(rig, "alpha"), "offline");
    robot_destroy(robot);
}

static void heartbeats_carry_capacity_and_draining(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    robot_send_text(robot,
                    "{\"type\":\"heartbeat\",\"payload\":{\"status\":\"draining\",\"activeSessions\":0,"
                    "\"capacity\":{\"maxSessions\":7,\"cpu\":\"3\",\"memory\":\"5Gi\"},"
                    "\"missing\":{\"gimp\":\"install gimp\"}}}");
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "draining"));
    _cleanup_agent_ struct agent agent = {0};
    assert_int_equal(agent_get(rig->conn, "alpha", &agent, NULL), 0);
    assert_int_equal(agent.capacity.max_sessions, 7);
    assert_int_equal(agent.capacity.cpu_millis, 3000);
    robot_destroy(robot);
}

static void a_removed_agent_is_told_to_go(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    hub_agent_disconnect(rig->hub, "alpha", "removed by an administrator");
    WAIT(rig, robot->closed);
    assert_string_equal(robot_got(robot, PROTO_SHUTDOWN, 0)->shutdown.reason, "removed by an administrator");
    robot_connect(robot); /* an id that nobody knows */
    robot_destroy(robot);
    robot = robot_create(rig, "nobody");
    robot_connect(robot);
    robot_hello(robot);
    WAIT(rig, robot->closed);
    assert_int_equal(robot->close_code, PROTO_CLOSE_POLICY);
    robot_destroy(robot);
}

/* The server stops and starts: agents are told, offline until they are back, and their generation rises. */
static void a_restart_begins_with_everybody_away(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    int64_t generation = robot->generation;
    rig_restart_hub(rig);
    WAIT(rig, robot->closed);
    assert_int_equal(robot->close_code, 1001);
    assert_int_equal(robot_count(robot, PROTO_SHUTDOWN), 1);
    assert_string_equal(rig_agent_status(rig, "alpha"), "offline");
    robot_online(robot);
    assert_true(robot->generation > generation);
    robot_destroy(robot);
}

static void many_agents_share_the_loop(void **state) {
    enum { AGENTS = 60 };
    struct rig *rig = *state;
    struct robot *robots[AGENTS];
    for (int i = 0; i < AGENTS; i++) {
        char id[32];
        snprintf(id, sizeof id, "agent-%03d", i);
        rig_agent(rig, id);
        robots[i] = robot_create(rig, id);
        robot_connect(robots[i]);
        robot_hello(robots[i]);
    }
    WAIT(rig, rig_metric(rig, "streamspace_agents_connected") == AGENTS);
    for (int i = 0; i < AGENTS; i++) {
        WAIT(rig, robot_count(robots[i], PROTO_WELCOME) == 1);
        robot_destroy(robots[i]);
    }
    WAIT(rig, rig_metric(rig, "streamspace_agents_connected") == 0);
}

#define HUB_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        HUB_TEST(hello_is_welcomed),
        HUB_TEST(a_closed_socket_is_offline_at_once),
        HUB_TEST(silence_degrades_then_ends),
        HUB_TEST(the_same_instance_replaces_its_connection),
        HUB_TEST(another_instance_waits_until_the_first_is_dead),
        HUB_TEST(what_is_no_message_closes_with_a_reason),
        HUB_TEST(unknown_messages_are_ignored_and_counted),
        HUB_TEST(hello_comes_first_and_in_time),
        HUB_TEST(heartbeats_carry_capacity_and_draining),
        HUB_TEST(a_removed_agent_is_told_to_go),
        HUB_TEST(a_restart_begins_with_everybody_away),
        HUB_TEST(many_agents_share_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
