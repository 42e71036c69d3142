/* Commands: delivered at least once, in order, each step stamped; answers that do not fit change nothing. */
#include "rig.h"

static void a_start_is_delivered_and_stamped(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, robot_command(robot, name, "start_session"));
    const struct proto_command *command = robot_command(robot, name, "start_session");
    assert_int_equal(command->attempt, 1);
    assert_true(command->deadline_seconds > 0);
    assert_non_null(json_object_get(command->payload, "template"));
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "acknowledged"));
    assert_string_equal(rig_state(rig, name), "starting");
    robot_status(robot, name, "starting", "preparing sandbox");
    robot_complete(robot, command->command_id, 1);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    assert_string_equal(rig_command_status(rig, name, "start_session"), "completed");
    assert_int_equal(
        rig_int(rig,
                "SELECT COUNT(*) FROM agent_commands WHERE session_id = $1 AND sent_at IS NOT NULL AND "
                "acknowledged_at IS NOT NULL AND completed_at IS NOT NULL AND error_message IS NULL",
                name),
        1);
    robot_destroy(robot);
}

static void an_unacknowledged_command_is_sent_again_as_the_same_attempt(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->ack = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, robot_command_count(robot, name, "start_session") == 1);
    robot->ack = true;
    WAIT(rig, robot_command_count(robot, name, "start_session") == 2);
    assert_int_equal(robot_got(robot, PROTO_COMMAND, 1)->command.attempt, 1);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    assert_int_equal(robot->started, 1);
    robot_destroy(robot);
}

static void repeated_and_foreign_answers_change_nothing(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    rig_agent(rig, "beta");
    struct robot *robot = robot_create(rig, "alpha"), *other = robot_create(rig, "beta");
    robot->ack = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name); /* on alpha, the only one online */
    robot_online(other);
    WAIT(rig, robot_command(robot, name, "start_session"));
    const struct proto_command *command = robot_command(robot, name, "start_session");
    robot_ack(other, command->command_id, 1);
    robot_complete(other, command->command_id, 1);
    robot_status(other, name, "failed", "not mine at all");
    WAIT(rig, rig_metric(rig, "streamspace_agent_messages_stale_total") == 3);
    assert_string_equal(rig_command_status(rig, name, "start_session"), "sent");
    assert_string_equal(rig_state(rig, name), "pending");
    robot_ack(robot, command->command_id, 1);
    robot_ack(robot, command->command_id, 1);
    robot_ack(robot, command->command_id, 7);
    robot_complete(robot, command->command_id, 1);
    robot_complete(robot, command->command_id, 1);
    robot_failed(robot, command->command_id, 1, false);
    WAIT(rig, rig_metric(rig, "streamspace_agent_messages_stale_total") == 7);
    assert_string_equal(rig_command_status(rig, name, "start_session"), "completed");
    assert_string_equal(rig_state(rig, name), "running");
    robot_destroy(robot);
    robot_destroy(other);
}

/* The cable is cut while a command is on its way: it comes again on the next connection, and is run once. */
static void a_cut_in_the_middle_of_a_delivery_loses_nothing(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->ack = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, robot_command(robot, name, "start_session"));
    robot_cut(robot);
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "pending"));
    assert_int_equal(
        rig_int(rig, "SELECT COUNT(*) FROM agent_commands WHERE session_id = $1 AND error_message IS NULL",
                name),
        1);
    robot->ack = true;
    robot_online(robot);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    assert_int_equal(robot_got(robot, PROTO_COMMAND, 0)->command.attempt, 1);
    assert_int_equal(robot->started, 1);
    robot_destroy(robot);
}

/* Its outcome was lost with the connection: the journal is asked, and repeats it. */
static void a_lost_outcome_is_repeated_from_the_journal(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1], command_id[COMMAND_ID_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "acknowledged"));
    str_copy(command_id, sizeof command_id, robot_command(robot, name, "start_session")->command_id);
    robot_cut(robot);
    robot_complete(robot, command_id, 1); /* into the journal; nobody hears it */
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    robot_online(robot);
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "completed"));
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    assert_int_equal(robot->started, 1);
    robot_destroy(robot);
}

/* One that is still being done is not sent again, and its end counts on the new connection. */
static void an_open_command_goes_on_over_a_reconnect(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1], command_id[COMMAND_ID_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "acknowledged"));
    str_copy(command_id, sizeof command_id, robot_command(robot, name, "start_session")->command_id);
    robot_online(robot);
    IDLE(rig, 300);
    assert_int_equal(robot_count(robot, PROTO_COMMAND), 0);
    assert_string_equal(rig_command_status(rig, name, "start_session"), "acknowledged");
    robot_complete(robot, command_id, 1);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    robot_destroy(robot);
}

static void commands_wait_for_an_absent_agent(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    robot_cut(robot);
    WAIT(rig, str_eq(rig_agent_status(rig, "alpha"), "offline"));
    rig_stop(rig, name);
    IDLE(rig, 300);
    assert_string_equal(rig_command_status(rig, name, "stop_session"), "pending");
    assert_string_equal(rig_state(rig, name), "terminating");
    rig_restart_hub(rig); /* and for an absent server */
    robot_online(robot);
    WAIT(rig, str_eq(rig_state(rig, name), "terminated"));
    assert_int_equal(robot->stopped, 1);
    robot_destroy(robot);
}

/* One session's commands one after the other; other sessions do not wait for them. Only a stop overtakes,
 * once the agent has the command before it in its journal. */
static void one_session_in_order_others_side_by_side(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->ack = robot->complete = false;
    robot_online(robot);
    char slow[SESSION_NAME_MAX + 1], quick[SESSION_NAME_MAX + 1];
    rig_session(rig, slow);
    WAIT(rig, robot_command(robot, slow, "start_session"));
    rig_stop(rig, slow);
    rig_session(rig, quick);
    WAIT(rig, robot_command(robot, quick, "start_session"));
    robot_ack(robot, robot_command(robot, quick, "start_session")->command_id, 1);
    robot_complete(robot, robot_command(robot, quick, "start_session")->command_id, 1);
    WAIT(rig, str_eq(rig_state(rig, quick), "running"));
    IDLE(rig, 200);
    assert_null(robot_command(robot, slow, "stop_session"));
    robot_ack(robot, robot_command(robot, slow, "start_session")->command_id, 1);
    WAIT(rig, robot_command(robot, slow, "stop_session"));
    robot_complete(robot, robot_command(robot, slow, "start_session")->command_id, 1);
    robot_complete(robot, robot_command(robot, slow, "stop_session")->command_id, 1);
    WAIT(rig, str_eq(rig_state(rig, slow), "terminated"));
    robot_destroy(robot);
}

static void one_unreadable_row_stops_nothing(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    robot_cut(robot);
    char bad[SESSION_NAME_MAX + 1], good[SESSION_NAME_MAX + 1];
    robot_online(robot);
    robot->ack = false;
    rig_session(rig, bad);
    rig_session(rig, good);
    WAIT(rig, robot_command(robot, bad, "start_session") && robot_command(robot, good, "start_session"));
    robot_cut(robot);
    WAIT(rig, str_eq(rig_command_status(rig, bad, "start_session"), "pending"));
    assert_int_equal(db_exec(rig->conn, NULL, NULL,
                             "UPDATE agent_commands SET payload = $1 WHERE session_id = $2", "ss",
                             "{not json", bad),
                     0);
    robot->ack = true;
    robot_online(robot);
    WAIT(rig, str_eq(rig_state(rig, good), "running"));
    WAIT(rig, str_eq(rig_command_status(rig, bad, "start_session"), "failed"));
    WAIT(rig, str_eq(rig_state(rig, bad), "failed"));
    robot_destroy(robot);
}

static void a_failed_start_is_followed_by_a_stop(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, robot_command(robot, name, "start_session"));
    robot_failed(robot, robot_command(robot, name, "start_session")->command_id, 1, false);
    WAIT(rig, str_eq(rig_state(rig, name), "failed"));
    WAIT(rig, robot_command(robot, name, "stop_session"));
    robot_complete(robot, robot_command(robot, name, "stop_session")->command_id, 1);
    WAIT(rig, str_eq(rig_command_status(rig, name, "stop_session"), "completed"));
    robot_destroy(robot);
}

static void a_retryable_failure_raises_the_attempt(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, robot_command(robot, name, "start_session"));
    robot_failed(robot, robot_command(robot, name, "start_session")->command_id, 1, true);
    WAIT(rig, robot_command_count(robot, name, "start_session") == 2);
    const struct proto_command *again = &robot_got(robot, PROTO_COMMAND, 1)->command;
    assert_int_equal(again->attempt, 2);
    robot_complete(robot, again->command_id, 2);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    robot_destroy(robot);
}

/* A session that the agent runs and nobody wants; one that is wanted and gone. */
static void inventories_are_compared_at_hello(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    assert_int_equal(setting_set(rig->conn, SETTING_ORPHAN_GRACE, 1, NULL), 0);
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    robot_cut(robot);
    free(map_remove(robot->sessions, name));
    free(map_set(robot->sessions, "nobodys-session-1", str_dup("running")));
    robot_online(robot);
    WAIT(rig, str_eq(rig_state(rig, name), "failed"));
    WAIT(rig, robot_command(robot, "nobodys-session-1", "stop_session"));
    WAIT(rig, !map_get(robot->sessions, "nobodys-session-1"));
    robot_destroy(robot);
}

/* Somebody holds the database's lock for longer than a statement waits: heartbeats go on, nothing is lost,
 * and what was said meanwhile counts afterwards. */
static void a_database_that_is_away_holds_up_nobody(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    rig_agent(rig, "beta");
    struct robot *robot = robot_create(rig, "alpha"), *late = robot_create(rig, "beta");
    robot->complete = false;
    robot_online(robot);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_command_status(rig, name, "start_session"), "acknowledged"));
    assert_int_equal(db_begin(rig->conn, NULL), 0);
    size_t pings = robot_count(robot, PROTO_PING);
    robot_complete(robot, robot_command(robot, name, "start_session")->command_id, 1);
    robot_connect(late);
    robot_hello(late);
    IDLE(rig, 4 * PROTO_HEARTBEAT_DEFAULT * SECOND_MS);
    assert_true(robot_count(robot, PROTO_PING) >= pings + 3);
    assert_false(robot->closed);
    assert_false(late->closed);
    assert_int_equal(robot_count(late, PROTO_WELCOME), 0);
    assert_true(rig_metric(rig, "streamspace_hub_work_retries_total") > 0);
    db_rollback(rig->conn);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    WAIT(rig, robot_count(late, PROTO_WELCOME) == 1);
    assert_string_equal(rig_agent_status(rig, "alpha"), "online");
    robot_destroy(robot);
    robot_destroy(late);
}

static void a_burst_is_delivered_whole(void **state) {
    enum { SESSIONS = 150 };
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    char names[SESSIONS][SESSION_NAME_MAX + 1];
    for (int i = 0; i < SESSIONS; i++) {
        rig_session(rig, names[i]);
        loop_step(rig->loop, 0); /* pings want their answer meanwhile */
    }
    WAIT(rig, rig_int(rig, "SELECT COUNT(*) FROM sessions WHERE state = $1", "running") == SESSIONS);
    assert_int_equal(robot->started, SESSIONS);
    assert_int_equal(robot_count(robot, PROTO_COMMAND), SESSIONS);
    robot_destroy(robot);
}

#define HUB_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        HUB_TEST(a_start_is_delivered_and_stamped),
        HUB_TEST(an_unacknowledged_command_is_sent_again_as_the_same_attempt),
        HUB_TEST(repeated_and_foreign_answers_change_nothing),
        HUB_TEST(a_cut_in_the_middle_of_a_delivery_loses_nothing),
        HUB_TEST(a_lost_outcome_is_repeated_from_the_journal),
        HUB_TEST(an_open_command_goes_on_over_a_reconnect),
        HUB_TEST(commands_wait_for_an_absent_agent),
        HUB_TEST(one_session_in_order_others_side_by_side),
        HUB_TEST(one_unreadable_row_stops_nothing),
        HUB_TEST(a_failed_start_is_followed_by_a_stop),
        HUB_TEST(a_retryable_failure_raises_the_attempt),
        HUB_TEST(inventories_are_compared_at_hello),
        HUB_TEST(a_database_that_is_away_holds_up_nobody),
        HUB_TEST(a_burst_is_delivered_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
