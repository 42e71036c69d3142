/* Sessions that are changed: what is held while the agent has not answered, and what its answers do. */
#include "rig.h"

#define MI ((int64_t)1 << 20)

static struct rig r;
static int64_t generation;
static char name[SESSION_NAME_MAX + 1];

static int setup(void **state) {
    rig_open(&r);
    generation = rig_agent(&r, "agent-1", 10);
    rig_session(&r, name); /* 100m, 256Mi */
    rig_run(&r, "agent-1", generation);
    return 0;
}

static int teardown(void **state) {
    rig_close(&r);
    return 0;
}

static int update_with(const struct session_update *fields, struct refusals *refusals, struct err *err) {
    _cleanup_session_ struct session session = {0};
    return session_update(r.c, &r.alice, name, fields, &session, refusals, err);
}

static int update(int64_t cpu, int64_t memory, struct err *err) {
    return update_with(&(struct session_update){.cpu_millis = cpu, .memory_bytes = memory}, NULL, err);
}

static void assert_resources(int64_t cpu, int64_t memory, int64_t held_cpu, int64_t held_memory) {
    struct err err = {0};
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.cpu_millis, cpu);
    assert_int_equal(s.memory_bytes, memory);
    assert_int_equal(s.held_cpu_millis, held_cpu);
    assert_int_equal(s.held_memory_bytes, held_memory);
}

/* One goes up, the other down: until the agent has answered, the larger of both is held. */
static void test_the_larger_is_held_until_it_is_done(void **unused) {
    struct err err = {0};
    char id[COMMAND_ID_MAX + 1];
    bool applied = false;
    OK(update(300, 128 * MI, &err));
    assert_resources(300, 128 * MI, 300, 256 * MI);
    FAILS(update(200, 0, &err), ERR_CONFLICT, "update_pending");
    struct answer answer = rig_take_one(&r, "agent-1", generation, "update_session", id);
    OK(outcome_acknowledged(r.c, &answer, &applied, &err));
    FAILS(update(200, 0, &err), ERR_CONFLICT, "update_pending");
    OK(outcome_completed(r.c, &answer, NULL, &applied, &err));
    assert_true(applied);
    assert_resources(300, 128 * MI, 300, 128 * MI);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    OK(update(200, 0, &err));
    rig_check(&r);
}

static void test_a_failure_takes_it_back(void **unused) {
    struct err err = {0};
    char id[COMMAND_ID_MAX + 1];
    bool applied = false;
    OK(update(300, 128 * MI, &err));
    struct answer answer = rig_take_one(&r, "agent-1", generation, "update_session", id);
    OK(outcome_acknowledged(r.c, &answer, &applied, &err));
    OK(outcome_failed(r.c, &answer, "it uses more", true, &applied, &err)); /* retryable or not: once */
    assert_resources(100, 256 * MI, 100, 256 * MI);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_string_equal(s.reason, "its resources could not be changed: it uses more");
    assert_int_equal(s.state, SESSION_RUNNING);
    struct deliveries none = rig_take(&r, "agent-1", generation);
    assert_int_equal(none.count, 0);
    deliveries_finish(&none);
    rig_check(&r);
}

/* Half of it may be there; the agent has room for both or for none. */
static void test_the_agents_room_bounds_it(void **unused) {
    struct err err = {0};
    struct refusals refusals = {0};
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET cpu_millis = 300, memory_bytes = 536870912", ""));
    struct session_update more = {.cpu_millis = 301, .memory_bytes = 512 * MI};
    FAILS(update_with(&more, &refusals, &err), ERR_UNAVAILABLE, "no_agent");
    assert_int_equal(refusals.count, 1);
    assert_string_equal(refusals.items[0].agent_id, "agent-1");
    assert_string_equal(refusals.items[0].reason, "has not enough CPU left: 200m of the 201m asked for");
    assert_resources(100, 256 * MI, 100, 256 * MI);
    refusals_finish(&refusals);
    OK(update(300, 512 * MI, &err)); /* to the last bit */
    rig_check(&r);
}

/* A full agent's sessions may be given less, and its number of sessions is none of a change's business. */
static void test_a_full_agent_lets_go(void **unused) {
    struct err err = {0};
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET max_sessions = 1, cpu_millis = 50, memory_bytes = 1", ""));
    OK(update(50, 64 * MI, &err));
    assert_resources(50, 64 * MI, 100, 256 * MI);
}

static void test_an_end_overtakes_a_change(void **unused) {
    struct err err = {0};
    char id[COMMAND_ID_MAX + 1];
    OK(update(300, 0, &err));
    OK(session_request_stop(r.c, &r.alice, name, NULL, id, &err));
    struct answer answer = rig_take_one(&r, "agent-1", generation, "stop_session", id);
    bool applied = false;
    OK(outcome_acknowledged(r.c, &answer, &applied, &err));
    OK(outcome_completed(r.c, &answer, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    FAILS(update(200, 0, &err), ERR_CONFLICT, "session_ended");
    rig_check(&r);
}

static void test_templates_bound_times(void **unused) {
    struct err err = {0};
    _cleanup_session_ struct session s = {0};
    OK(db_exec(r.c, NULL, &err,
               "UPDATE templates SET spec = REPLACE(spec, '\"protocol\"', '\"maxSessionDuration\":\"8h\","
               "\"idleTimeout\":\"30m\",\"protocol\"') WHERE name = 'terminal'",
               ""));
    struct session_new fields = {.template_name = "terminal"};
    OK(session_create(r.c, &r.alice, &fields, &s, NULL, &err));
    assert_int_equal(s.max_duration, 8 * 3600);
    assert_int_equal(s.idle_timeout, 1800);
    fields.max_duration = 8 * 3600 + 1;
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "maxSessionDuration");
    struct session_update none = {.has_max_duration = true};
    FAILS(update_with(&none, NULL, &err), ERR_INVALID, "invalid_field");
    struct session_update less = {.has_max_duration = true, .max_duration = 3600};
    OK(update_with(&less, NULL, &err));
}

/* From the start of the session, not from the change; and people are told five minutes before. */
static void test_a_new_duration_counts_from_the_start(void **unused) {
    struct err err = {0};
    clock_test_shift(3600000, 3600000);
    OK(update_with(&(struct session_update){.has_max_duration = true, .max_duration = 7200}, NULL, &err));
    rig_tick(&r);
    clock_test_shift(7200000 - 310000, 7200000 - 310000);
    assert_int_equal(rig_tick(&r).warned, 0);
    clock_test_shift(7200000 - 290000, 7200000 - 290000);
    assert_int_equal(rig_tick(&r).warned, 1);
    assert_int_equal(rig_tick(&r).warned, 0);
    OK(update_with(&(struct session_update){.has_max_duration = true, .max_duration = 14400}, NULL, &err));
    assert_int_equal(rig_tick(&r).warned, 0);
    clock_test_shift(14400000 - 60000, 14400000 - 60000);
    assert_int_equal(rig_tick(&r).warned, 1);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    clock_test_shift(14400000 + 2000, 14400000 + 2000);
    assert_int_equal(rig_tick(&r).durations_ended, 1);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
}

/* 24 hours, and then the key is anybody's again. */
static void test_a_key_is_kept_for_a_day(void **unused) {
    struct err err = {0};
    char *kept = NULL;
    _cleanup_session_ struct session first = {0}, second = {0};
    struct idempotency key = {.user_id = r.alice.user_id, .key = "key", .request = "{}"};
    struct session_new fields = {.template_name = "terminal", .idempotency = &key};
    OK(session_create(r.c, &r.alice, &fields, &first, NULL, &err));
    clock_test_shift(0, (int64_t)24 * 3600 * 1000 - 60000);
    assert_int_equal(idempotency_find(r.c, &key, &kept, &err), 1);
    assert_non_null(strstr(kept, first.name));
    free(kept);
    FAILS(session_create(r.c, &r.alice, &fields, &second, NULL, &err), ERR_CONFLICT, "idempotency_raced");
    clock_test_shift(0, (int64_t)24 * 3600 * 1000 + 60000);
    assert_int_equal(idempotency_find(r.c, &key, &kept, &err), 0);
    OK(session_create(r.c, &r.alice, &fields, &second, NULL, &err));
    assert_string_not_equal(first.name, second.name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_larger_is_held_until_it_is_done, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_takes_it_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_agents_room_bounds_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_agent_lets_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_end_overtakes_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_templates_bound_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_duration_counts_from_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_is_kept_for_a_day, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
