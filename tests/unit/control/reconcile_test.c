/* What outlives its time ends; what agents run is compared with what is wanted. */
#include "rig.h"

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    rig_tick(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

/* So much real time passes; the wall clock meanwhile jumps about. */
static int64_t passed;
static void pass(int64_t ms) {
    passed += ms;
    clock_test_shift(passed, passed % 2 ? -3600000 : 3600000);
}

static void start_clock(void) {
    passed = 0;
}

static struct inventory_result inventory(int64_t generation, const char *name, enum session_state state,
                                         const char *journalled) {
    struct err err = {0};
    struct inventory_entry entry = {.state = state};
    struct inventory_command command = {.attempt = 1};
    struct inventory_result result = {0};
    str_copy(entry.session_id, sizeof entry.session_id, name ? name : "");
    str_copy(command.command_id, sizeof command.command_id, journalled ? journalled : "");
    OK(reconcile_inventory(r.c, "agent-1", generation, &entry, name ? 1 : 0, &command, journalled ? 1 : 0,
                           &result, &err));
    return result;
}

static void test_undelivered_starts_expire(void **unused) {
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1];
    struct err err = {0};
    rig_session(&r, name);
    OK(agent_disconnected(r.c, "agent-1", g, &err));
    pass(299000);
    assert_int_equal(rig_tick(&r).expired, 0);
    assert_int_equal(rig_state(&r, name), SESSION_PENDING);
    pass(2000);
    assert_int_equal(rig_tick(&r).expired, 1);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.state, SESSION_FAILED);
    assert_string_equal(s.reason, "no agent took the start in time");
    assert_int_equal(rig_tick(&r).expired, 0);
    /* Only the stop behind it is delivered when the agent comes back. */
    g = rig_connect(&r, "agent-1");
    char id[COMMAND_ID_MAX + 1];
    rig_take_one(&r, "agent-1", g, "stop_session", id);
    rig_check(&r);
}

static void test_states_have_deadlines(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    struct doctor doctor;
    pass(state_table[SESSION_STARTING].deadline_ms - 1000);
    assert_int_equal(rig_tick(&r).overdue, 0);
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.stuck, 0);
    pass(32000); /* nobody ticked: now it counts as stuck, until the reconciler comes */
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.stuck, 1);
    assert_int_equal(rig_tick(&r).overdue, 1);
    assert_int_equal(rig_state(&r, name), SESSION_FAILED);
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.stuck, 0);
    /* A late success changes nothing; the stop goes out behind it. */
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_FAILED);
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    rig_check(&r);
}

static void test_a_lost_stop_is_asked_for_again(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    OK(session_request_stop(r.c, &r.alice, name, NULL, id, &err));
    OK(db_exec(r.c, NULL, &err, "UPDATE agent_commands SET payload = 'x' WHERE command_id = $1", "s", id));
    struct deliveries none = rig_take(&r, "agent-1", g); /* set aside */
    assert_int_equal(none.count, 0);
    pass(61000);
    assert_int_equal(rig_tick(&r).overdue, 1);
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    bool applied;
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    rig_check(&r);
}

static void test_maximum_duration(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    _cleanup_session_ struct session s = {0};
    struct session_new fields = {.template_name = "terminal", .max_duration = 3600};
    OK(session_create(r.c, &r.alice, &fields, &s, NULL, &err));
    rig_run(&r, "agent-1", g);
    pass(3599000);
    assert_int_equal(rig_tick(&r).durations_ended, 0);
    pass(1001);
    assert_int_equal(rig_tick(&r).durations_ended, 1);
    assert_int_equal(rig_state(&r, s.name), SESSION_TERMINATING);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'session.stop' AND username = "
                          "'system'"),
        1);
    rig_check(&r);
}

static void test_steady_time_survives_jumps_and_restarts(void **unused) {
    struct err err = {0};
    int64_t a = 0, b = 0;
    OK(steady_now(r.c, &a, &err));
    clock_test_shift(5000, -3600000);
    OK(steady_now(r.c, &b, &err));
    assert_in_range(b - a, 5000, 5500);
    OK(steady_tick(r.c, &err));
    /* The machine was restarted: another boot, its clock at zero. What had passed remains. */
    OK(db_exec(r.c, NULL, &err, "UPDATE steady_clock SET boot_id = 'another', boot_ms = 999999999", ""));
    OK(steady_now(r.c, &a, &err));
    assert_in_range(a - b, 0, 500);
    OK(steady_tick(r.c, &err));
    clock_test_shift(6000, -3600000);
    OK(steady_now(r.c, &b, &err));
    assert_in_range(b - a, 1000, 1500);
    clock_test_shift(0, 0); /* backwards: never */
    OK(steady_now(r.c, &a, &err));
    assert_true(a <= b);
    OK(steady_last(r.c, &b, &err));
    assert_true(a >= b);
}

static void test_orphans_are_stopped_after_their_grace(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    struct doctor doctor;
    assert_int_equal(inventory(g, "bob-terminal-00112233", SESSION_RUNNING, NULL).orphans, 1);
    pass(20000);
    assert_int_equal(rig_tick(&r).orphans_stopped, 0);
    /* Seen again: the time of the first sight counts. */
    assert_int_equal(inventory(g, "bob-terminal-00112233", SESSION_RUNNING, NULL).orphans, 1);
    pass(10001);
    assert_int_equal(rig_tick(&r).orphans_stopped, 1);
    assert_int_equal(rig_tick(&r).orphans_stopped, 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'session.stop_orphan'"),
                     1);
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.orphans, 0);
    pass(31000); /* not done yet: now it is worth a look */
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.orphans, 1);
    char id[COMMAND_ID_MAX + 1];
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    bool applied;
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.orphans, 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM orphans"), 0);
    /* One that is gone by itself is forgotten. */
    inventory(g, "bob-terminal-44556677", SESSION_RUNNING, NULL);
    inventory(g, NULL, SESSION_RUNNING, NULL);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM orphans"), 0);
    /* The word of an old connection counts for nothing. */
    assert_int_equal(inventory(g - 1, "bob-terminal-44556677", SESSION_RUNNING, NULL).orphans, 0);
    rig_check(&r);
}

static void test_an_ended_session_that_runs_is_an_orphan(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    OK(session_request_stop(r.c, &r.alice, name, NULL, id, &err));
    assert_int_equal(inventory(g, name, SESSION_RUNNING, NULL).orphans, 0); /* its stop is on its way */
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    assert_int_equal(inventory(g, name, SESSION_RUNNING, NULL).orphans, 1);
    pass(30001);
    assert_int_equal(rig_tick(&r).orphans_stopped, 1);
}

static void test_missing_sessions(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    assert_int_equal(inventory(g, NULL, SESSION_RUNNING, NULL).missing, 0); /* not yet delivered */
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    assert_int_equal(inventory(g, NULL, SESSION_RUNNING, NULL).missing, 0); /* sent: may be on its way */
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    assert_int_equal(inventory(g, NULL, SESSION_RUNNING, id).missing, 0); /* the journal has it: being done */
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_int_equal(inventory(g, name, SESSION_RUNNING, NULL).missing, 0);
    assert_int_equal(inventory(g, NULL, SESSION_RUNNING, NULL).missing, 1);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.state, SESSION_FAILED);
    assert_non_null(strstr(s.reason, "does not have the session"));
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    /* Acknowledged, and the journal was lost. */
    rig_session(&r, name);
    start = rig_take_one(&r, "agent-1", g, "start_session", id);
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    assert_int_equal(inventory(g, NULL, SESSION_RUNNING, NULL).missing, 1);
    assert_int_equal(rig_state(&r, name), SESSION_FAILED);
    int64_t returned = 0;
    OK(command_resume(r.c, "agent-1", g, NULL, 0, &returned, &err));
    assert_int_equal(returned, 0); /* the start is not sent again */
    rig_take_one(&r, "agent-1", g, "stop_session", id);
    rig_check(&r);
}

static void test_what_runs_is_adopted_and_lost_outcomes_are_asked_for(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1], again[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    OK(agent_disconnected(r.c, "agent-1", g, &err));
    g = rig_connect(&r, "agent-1");
    /* Still being done: not sent again. */
    struct command_running running = {.attempt = 1};
    str_copy(running.command_id, sizeof running.command_id, id);
    int64_t returned = 0;
    OK(command_resume(r.c, "agent-1", g, &running, 1, &returned, &err));
    assert_int_equal(returned, 0);
    /* Done, and the answer lost: the session runs, and the command is sent again for the journal to repeat
     * its end. */
    assert_int_equal(inventory(g, name, SESSION_RUNNING, id).adopted, 1);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    OK(command_resume(r.c, "agent-1", g, NULL, 0, &returned, &err));
    assert_int_equal(returned, 1);
    start = rig_take_one(&r, "agent-1", g, "start_session", again);
    assert_string_equal(id, again);
    assert_int_equal(start.attempt, 1);
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    OK(command_resume(r.c, "agent-1", g - 1, NULL, 0, &returned, &err));
    assert_int_equal(returned, 0);
    rig_check(&r);
}

static void test_the_application_ends(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    struct session_status status = {
        .session_id = name, .state = "terminated", .reason = "the application ended"};
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    assert_true(applied);
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    assert_false(applied);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    /* Killed: failed, with a stop behind it. A reason longer than the column is cut at a character. */
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    char reason[600];
    for (size_t i = 0; i + 2 < sizeof reason; i += 2) {
        reason[i] = '\xc3';
        reason[i + 1] = '\xa4';
    }
    reason[598] = '\0';
    memcpy(reason, "x", 1);
    memcpy(reason + 1, "\x01", 1);
    status = (struct session_status){.session_id = name, .state = "failed", .reason = reason};
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    assert_true(applied);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.state, SESSION_FAILED);
    assert_true(str_is_utf8(s.reason, strlen(s.reason)));
    assert_true(strlen(s.reason) >= 254);
    rig_take_one(&r, "agent-1", g, "stop_session", id);
    rig_check(&r);
}

static void test_history_is_pruned(void **unused) {
    struct err err = {0};
    start_clock();
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    OK(session_request_stop(r.c, &r.alice, name, NULL, id, &err));
    struct answer stop = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &stop, NULL, &applied, &err));
    clock_test_shift(61000, (int64_t)29 * 86400000);
    rig_tick(&r);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    clock_test_shift(122000, (int64_t)31 * 86400000);
    rig_tick(&r);
    _cleanup_session_ struct session s = {0};
    FAILS(session_get(r.c, name, &s, &err), ERR_NOT_FOUND, "session_not_found");
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM agent_commands"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events"), 1); /* the newest stays, as a mark */
    bool gap = false;
    OK(event_gap(r.c, 1, &gap, &err));
    assert_true(gap);
    assert_true(query_number(r.c, "SELECT COUNT(*) FROM audit_log") > 0);
}

static void test_events(void **unused) {
    struct err err = {0};
    int64_t newest = 0;
    OK(event_newest(r.c, &newest, &err));
    rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1];
    rig_session(&r, name);
    struct event *events = NULL;
    size_t count = 0;
    OK(event_read(r.c, newest, &events, &count, &err));
    bool session = false, gap = true;
    for (size_t i = 0; i < count; i++) {
        assert_true(events[i].id > newest);
        newest = events[i].id;
        json_t *data = json_loads(events[i].data, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(data));
        if (str_eq(events[i].kind, "session")) {
            session = true;
            assert_string_equal(json_string_value(json_object_get(data, "name")), name);
            assert_string_equal(json_string_value(json_object_get(data, "state")), "pending");
            assert_true(event_visible(&events[i], "alice", false));
            assert_false(event_visible(&events[i], "bob", false));
            assert_true(event_visible(&events[i], "olga", true));
        }
        if (str_eq(events[i].kind, "command")) {
            assert_false(event_visible(&events[i], "alice", false));
            assert_true(event_visible(&events[i], "olga", true));
        }
        json_decref(data);
    }
    assert_true(session);
    events_free(events, count);
    OK(event_gap(r.c, newest, &gap, &err));
    assert_false(gap);
    struct event internal = {.audience = "internal"}, everybody = {.audience = "*"};
    assert_false(event_visible(&internal, "olga", true));
    assert_true(event_visible(&everybody, "bob", false));
}

static void test_settings(void **unused) {
    struct err err = {0};
    int64_t value = 0, preset = 0;
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_row *row = &setting_table[i];
        OK(setting_get(r.c, (enum setting)i, &value, &err));
        if (row->preset) {
            OK(setting_check((enum setting)i, row->preset, &preset, &err));
            assert_int_equal(value, preset);
        }
        if (row->type == SETTING_INTEGER || row->type == SETTING_DURATION) {
            assert_in_range(value, row->min, row->max);
            FAILS(setting_set(r.c, (enum setting)i, row->max + 1, &err), ERR_INVALID, "invalid_field");
        }
    }
    OK(setting_set(r.c, SETTING_ACK_DEADLINE, 7, &err));
    OK(setting_set(r.c, SETTING_ACK_DEADLINE, 8, &err));
    OK(setting_get(r.c, SETTING_ACK_DEADLINE, &value, &err));
    assert_int_equal(value, 8);
    OK(db_exec(r.c, NULL, &err, "UPDATE settings SET value = 'many'", ""));
    OK(setting_get(r.c, SETTING_ACK_DEADLINE, &value, &err));
    assert_int_equal(value, 10);
}

static void test_audit_lists(void **unused) {
    struct err err = {0};
    struct audit_row *rows = NULL;
    size_t count = 0;
    OK(audit_write(r.c, &r.alice, "test.a", "t1", "success", "first", &err));
    OK(audit_write(r.c, &r.bob, "test.a", NULL, "denied", NULL, &err));
    OK(audit_list(r.c, &(struct audit_filter){.action = "test.a"}, &rows, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].username, "bob");
    assert_string_equal(rows[0].outcome, "refused");
    assert_string_equal(rows[1].address, "192.0.2.1");
    assert_string_equal(rows[1].detail, "first");
    free(rows);
    OK(audit_list(r.c, &(struct audit_filter){.action = "test.a", .username = "alice", .limit = 1}, &rows,
                  &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].target, "t1");
    free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_undelivered_starts_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states_have_deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_stop_is_asked_for_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maximum_duration, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steady_time_survives_jumps_and_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphans_are_stopped_after_their_grace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_ended_session_that_runs_is_an_orphan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_runs_is_adopted_and_lost_outcomes_are_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_application_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history_is_pruned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit_lists, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
