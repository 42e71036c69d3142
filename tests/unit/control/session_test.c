/* Sessions from the wish to the end, with the queue between control plane and agent. */
#include "control/users/login.h"
#include "rig.h"

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

static void test_create(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 10);
    struct strv tags = {0};
    strv_add(&tags, "work");
    strv_add(&tags, "50%");
    json_t *env = json_pack("{s:s}", "LANG", "de_DE.UTF-8");
    struct session_new fields = {.template_name = "firefox-browser",
                                 .cpu_millis = 500,
                                 .memory_bytes = (int64_t)1 << 30,
                                 .persistent_home = true,
                                 .idle_timeout = 1800,
                                 .tags = &tags,
                                 .env = env};
    _cleanup_session_ struct session s = {0};
    OK(session_create(r.c, &r.alice, &fields, &s, NULL, &err));
    json_decref(env);
    strv_finish(&tags);
    assert_int_equal(s.state, SESSION_PENDING);
    assert_true(str_starts(s.name, "alice-firefox-browser-"));
    assert_string_equal(s.user, "alice");
    assert_string_equal(s.agent_id, "agent-1");
    assert_string_equal(s.platform, "local");
    assert_int_equal(s.cpu_millis, 500);
    assert_int_equal(s.tags.count, 2);
    assert_true(s.agent_online);
    assert_true(*s.created_at && *s.updated_at && !*s.ended_at);
    _cleanup_command_ struct command command = {0};
    OK(command_get(r.c, s.start_command, &command, &err));
    assert_int_equal(command.status, COMMAND_PENDING);
    assert_false(command.has_error);
    assert_true(*command.updated_at);
    assert_string_equal(command.session_id, s.name);
    const json_t *p = command.payload;
    assert_string_equal(json_string_value(json_object_get(p, "sessionId")), s.name);
    assert_string_equal(json_string_value(json_object_get(p, "user")), "alice");
    assert_string_equal(json_string_value(json_object_get(p, "network")), "outbound");
    assert_string_equal(json_string_value(json_object_get(p, "home")), "home-alice");
    assert_true(json_is_true(json_object_get(p, "persistentHome")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(p, "resources"), "cpu")), "500m");
    assert_string_equal(json_string_value(json_object_get(json_object_get(p, "resources"), "memory")), "1Gi");
    assert_string_equal(json_string_value(json_object_get(json_object_get(p, "env"), "LANG")), "de_DE.UTF-8");
    assert_true(id_is_hex(json_string_value(json_object_get(p, "displayToken")), 64));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(json_object_get(p, "template"), "command"), 0)),
        "firefox-esr");
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'session.create' AND username = "
                          "'alice' AND outcome = 'allowed'"),
        1);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'session' AND audience = 'user:alice'"),
        1);
    rig_check(&r);
}

static void test_json_shows_no_secret(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1];
    rig_session(&r, name);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(65536);
    struct json_writer w = JSON_WRITER(&text);
    session_write_json(&s, &w);
    assert_true(jsonw_ok(&w));
    json_t *shown = json_loads(strbuf_str(&text), JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "name")), name);
    assert_string_equal(json_string_value(json_object_get(shown, "state")), "pending");
    assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "status"), "phase")),
                        "Pending");
    _cleanup_free_ char *message =
        str_format("Session provisioning in progress (agent: agent-1, command: %s)", s.start_command);
    assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "status"), "message")),
                        message);
    json_decref(shown);
    _cleanup_command_ struct command command = {0};
    OK(command_get(r.c, s.start_command, &command, &err));
    const char *token = json_string_value(json_object_get(command.payload, "displayToken"));
    strbuf_clear(&text);
    struct json_writer again = JSON_WRITER(&text);
    command_write_json(&command, &again);
    assert_true(jsonw_ok(&again));
    assert_null(strstr(strbuf_str(&text), token));
    assert_non_null(strstr(strbuf_str(&text), "\"displayToken\":\"redacted\""));
    assert_non_null(strstr(strbuf_str(&text), "\"errorMessage\":null"));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE data LIKE '%displayToken%'"), 0);
}

static void test_refused_wishes(void **unused) {
    struct err err = {0};
    _cleanup_session_ struct session s = {0};
    rig_agent(&r, "agent-1", 10);
    struct session_new fields = {.template_name = "no-such"};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_NOT_FOUND, "template_not_found");
    fields.template_name = "../etc";
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_NOT_FOUND, "template_not_found");
    fields = (struct session_new){.template_name = "terminal", .user = "bob"};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_DENIED, "forbidden");
    fields.user = "nobody";
    FAILS(session_create(r.c, &r.operator_, &fields, &s, NULL, &err), ERR_NOT_FOUND, "user_not_found");
    fields = (struct session_new){.template_name = "terminal", .cpu_millis = 1000000};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "resources.cpu");
    fields = (struct session_new){.template_name = "terminal", .memory_bytes = 1};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "resources.memory");
    fields = (struct session_new){.template_name = "terminal", .idle_timeout = -1};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
    static const char *const bad_names[] = {"A=B", "", "1A", "A B"};
    for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
        json_t *env = json_pack("{s:s}", bad_names[i], "x");
        fields = (struct session_new){.template_name = "terminal", .env = env};
        FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
        json_decref(env);
    }
    struct strv tags = {0};
    strv_add(&tags, "quo\"te");
    fields = (struct session_new){.template_name = "terminal", .tags = &tags};
    FAILS(session_create(r.c, &r.alice, &fields, &s, NULL, &err), ERR_INVALID, "invalid_field");
    strv_finish(&tags);
    OK(user_set_active(r.c, &r.admin, "bob", false, &err));
    fields = (struct session_new){.template_name = "terminal"};
    FAILS(session_create(r.c, &r.bob, &fields, &s, NULL, &err), ERR_DENIED, "user_disabled");
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM agent_commands"), 0);
    /* An operator may start one for another; it is the other's. */
    fields = (struct session_new){.template_name = "terminal", .user = "alice"};
    OK(session_create(r.c, &r.operator_, &fields, &s, NULL, &err));
    assert_int_equal(s.user_id, r.alice.user_id);
}

static void test_no_agent_says_why(void **unused) {
    struct err err = {0};
    _cleanup_session_ struct session s = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    struct session_new fields = {.template_name = "gimp"};
    FAILS(session_create(r.c, &r.alice, &fields, &s, &refusals, &err), ERR_UNAVAILABLE, "no_agent");
    assert_int_equal(refusals.count, 0);
    rig_register(&r, "away", 10);
    int64_t lacking = rig_agent(&r, "lacking", 10);
    rig_agent(&r, "draining", 10);
    OK(agent_set_draining(r.c, &r.admin, "draining", true, &err));
    int64_t late = rig_agent(&r, "late", 10);
    OK(agent_set_status(r.c, "late", late, AGENT_DEGRADED, &err));
    rig_agent(&r, "small", 10);
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET memory_bytes = 1000000 WHERE agent_id = 'small'", ""));
    rig_agent(&r, "tiny", 10);
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET max_sessions = 0 WHERE agent_id = 'tiny'", ""));
    rig_agent(&r, "other", 10);
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET platform = 'docker' WHERE agent_id = 'other'", ""));
    json_t *missing = json_pack("{s:s}", "gimp", "");
    OK(agent_set_missing_programs(r.c, "lacking", lacking, missing, &err));
    json_decref(missing);
    FAILS(session_create(r.c, &r.alice, &fields, &s, &refusals, &err), ERR_UNAVAILABLE, "no_agent");
    static const struct {
        const char *agent, *part;
    } why[] = {
        {"away", "offline"},     {"draining", "draining"}, {"lacking", "gimp is not installed: install gimp"},
        {"late", "degraded"},    {"other", "docker"},      {"small", "memory"},
        {"tiny", "full: 0 of 0"}};
    assert_int_equal(refusals.count, ARRAY_SIZE(why));
    for (size_t i = 0; i < ARRAY_SIZE(why); i++) {
        assert_string_equal(refusals.items[i].agent_id, why[i].agent);
        if (!strstr(refusals.items[i].reason, why[i].part))
            fail_msg("%s: %s", why[i].agent, refusals.items[i].reason);
    }
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions"), 0);
}

static void test_a_whole_life(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1], stop[COMMAND_ID_MAX + 1],
        taken[COMMAND_ID_MAX + 1];
    bool applied = false;
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    assert_int_equal(start.attempt, 1);
    struct deliveries none = rig_take(&r, "agent-1", g);
    assert_int_equal(none.count, 0);
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_STARTING);
    struct session_status status = {.session_id = name, .state = "starting", .reason = "display"};
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    assert_true(applied);
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    assert_false(applied); /* the same again is no news */
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_string_equal(s.stage, "display");
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    status = (struct session_status){
        .session_id = name, .state = "running", .usage_cpu_millis = 12, .usage_memory_bytes = 1 << 20};
    OK(session_apply_status(r.c, "agent-1", g, &status, &applied, &err));
    OK(session_request_stop(r.c, &r.alice, name, NULL, stop, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
    struct answer end = rig_take_one(&r, "agent-1", g, "stop_session", taken);
    assert_string_equal(taken, stop);
    OK(outcome_acknowledged(r.c, &end, &applied, &err));
    OK(outcome_completed(r.c, &end, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    session_finish(&s);
    s = (struct session){0};
    OK(session_get(r.c, name, &s, &err));
    assert_string_equal(s.reason, "ended by alice");
    assert_true(*s.started_at && *s.ended_at && !*s.stage);
    assert_int_equal(s.usage_memory_bytes, 1 << 20);
    _cleanup_command_ struct command c = {0};
    OK(command_get(r.c, id, &c, &err));
    assert_int_equal(c.status, COMMAND_COMPLETED);
    assert_true(*c.sent_at && *c.acknowledged_at && *c.completed_at &&
                strcmp(c.sent_at, c.completed_at) <= 0);
    rig_check(&r);
}

static void test_delete_in_every_state(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], stop[COMMAND_ID_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    /* Never delivered: the start is withdrawn, and a stop follows all the same. */
    rig_session(&r, name);
    FAILS(session_request_stop(r.c, &r.bob, name, NULL, stop, &err), ERR_NOT_FOUND, "session_not_found");
    OK(session_request_stop(r.c, &r.alice, name, NULL, stop, &err));
    FAILS(session_request_stop(r.c, &r.alice, name, NULL, id, &err), ERR_CONFLICT, "already_ending");
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE action = 'start_session' AND status = "
                          "'failed' AND error_message IS NOT NULL"),
        1);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE action = 'stop_session' AND status = "
                          "'pending' AND error_message IS NULL"),
        1);
    struct answer end = rig_take_one(&r, "agent-1", g, "stop_session", id);
    assert_string_equal(id, stop);
    OK(outcome_completed(r.c, &end, NULL, &applied, &err)); /* without an acknowledgement: still an answer */
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    FAILS(session_request_stop(r.c, &r.alice, name, NULL, id, &err), ERR_CONFLICT, "session_ended");
    /* While starting: the stop overtakes once the agent has the start in its journal, not before. What
     * becomes of the start does not matter any more. */
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    OK(session_request_stop(r.c, &r.operator_, name, NULL, stop, &err));
    struct deliveries none = rig_take(&r, "agent-1", g);
    assert_int_equal(none.count, 0);
    OK(outcome_acknowledged(r.c, &start, &applied, &err));
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
    char taken[COMMAND_ID_MAX + 1];
    end = rig_take_one(&r, "agent-1", g, "stop_session", taken);
    none = rig_take(&r, "agent-1", g);
    assert_int_equal(none.count, 0);
    rig_check(&r);
    OK(outcome_failed(r.c, &start, "overtaken by stop_session", true, &applied, &err));
    assert_true(applied);
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
    OK(outcome_completed(r.c, &end, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    rig_check(&r);
}

/* Scenario 3.2, the control plane's part. */
static void test_delete_while_the_agent_is_away(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], stop[COMMAND_ID_MAX + 1], id[COMMAND_ID_MAX + 1];
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    OK(agent_disconnected(r.c, "agent-1", g, &err));
    OK(session_request_stop(r.c, &r.alice, name, NULL, stop, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATING);
    /* Days go by: it is neither given up nor stuck. */
    for (int i = 1; i < 5; i++) {
        clock_test_shift((int64_t)i * 86400000, (int64_t)i * 86400000);
        rig_tick(&r);
    }
    struct doctor doctor;
    OK(reconcile_doctor(r.c, &doctor, &err));
    assert_int_equal(doctor.stuck, 0);
    _cleanup_command_ struct command c = {0};
    OK(command_get(r.c, stop, &c, &err));
    assert_int_equal(c.status, COMMAND_PENDING);
    assert_false(c.has_error);
    g = rig_connect(&r, "agent-1");
    struct answer end = rig_take_one(&r, "agent-1", g, "stop_session", id);
    assert_string_equal(id, stop);
    bool applied;
    OK(outcome_completed(r.c, &end, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_TERMINATED);
    rig_check(&r);
}

static void test_a_failed_start_leaves_a_stop(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    OK(outcome_failed(r.c, &start, "the display did not answer", false, &applied, &err));
    assert_true(applied);
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.state, SESSION_FAILED);
    assert_string_equal(s.reason, "the display did not answer");
    OK(outcome_failed(r.c, &start, "again", false, &applied, &err));
    assert_false(applied);
    struct answer end = rig_take_one(&r, "agent-1", g, "stop_session", id);
    OK(outcome_completed(r.c, &end, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, name), SESSION_FAILED);
    FAILS(session_request_stop(r.c, &r.alice, name, NULL, id, &err), ERR_CONFLICT, "session_ended");
    rig_check(&r);
}

static void test_retries_back_off(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied;
    rig_session(&r, name);
    int64_t shift = 0;
    for (int attempt = 1; attempt <= 3; attempt++) {
        struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
        assert_int_equal(start.attempt, attempt);
        OK(outcome_acknowledged(r.c, &start, &applied, &err));
        assert_true(applied);
        OK(outcome_failed(r.c, &start, "out of memory", true, &applied, &err));
        assert_true(applied);
        if (attempt == 3)
            break;
        assert_int_equal(rig_state(&r, name), SESSION_STARTING);
        struct deliveries early = rig_take(&r, "agent-1", g);
        assert_int_equal(early.count, 0);
        assert_in_range(early.retry_ms, 1, 1000 << (attempt - 1));
        /* A jump of the wall clock brings nothing forward. */
        clock_test_shift(shift, shift + 3600000);
        early = rig_take(&r, "agent-1", g);
        assert_int_equal(early.count, 0);
        shift += early.retry_ms + 5;
        clock_test_shift(shift, shift);
    }
    assert_int_equal(rig_state(&r, name), SESSION_FAILED);
    struct answer end = rig_take_one(&r, "agent-1", g, "stop_session", id);
    /* A stop is never given up. */
    for (int i = 0; i < 12; i++) {
        OK(outcome_failed(r.c, &end, "busy", i % 2, &applied, &err));
        assert_true(applied);
        struct deliveries waiting = rig_take(&r, "agent-1", g);
        assert_int_equal(waiting.count, 0);
        assert_in_range(waiting.retry_ms, 1, 60000);
        shift += waiting.retry_ms + 5;
        clock_test_shift(shift, shift);
        end = rig_take_one(&r, "agent-1", g, "stop_session", id);
    }
    assert_int_equal(end.attempt, 13);
    OK(outcome_completed(r.c, &end, NULL, &applied, &err));
    assert_true(applied);
    rig_check(&r);
}

static void test_answers_are_fenced(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10), other = rig_agent(&r, "agent-2", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    bool applied = true;
    rig_session(&r, name);
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    struct answer wrong = start;
    wrong.agent_id = "agent-2";
    wrong.generation = other;
    OK(outcome_completed(r.c, &wrong, NULL, &applied, &err));
    assert_false(applied);
    wrong = start;
    wrong.generation = g - 1;
    OK(outcome_completed(r.c, &wrong, NULL, &applied, &err));
    assert_false(applied);
    wrong = start;
    wrong.attempt = 2;
    OK(outcome_completed(r.c, &wrong, NULL, &applied, &err));
    assert_false(applied);
    wrong = start;
    wrong.command_id = "cmd-0123456789abcdef";
    OK(outcome_completed(r.c, &wrong, NULL, &applied, &err));
    assert_false(applied);
    assert_int_equal(rig_state(&r, name), SESSION_PENDING);
    struct session_status status = {.session_id = name, .state = "failed", .reason = "foreign"};
    OK(session_apply_status(r.c, "agent-2", other, &status, &applied, &err));
    assert_false(applied);
    OK(session_apply_status(r.c, "agent-1", g + 1, &status, &applied, &err));
    assert_false(applied);
    /* The connection is replaced: what was sent comes again, same attempt; the old one's answers are void. */
    int64_t newer = rig_connect(&r, "agent-1");
    assert_int_equal(newer, g + 1);
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_false(applied);
    struct deliveries old = rig_take(&r, "agent-1", g);
    assert_int_equal(old.count, 0);
    struct answer again = rig_take_one(&r, "agent-1", newer, "start_session", id);
    assert_int_equal(again.attempt, 1);
    OK(outcome_completed(r.c, &again, NULL, &applied, &err));
    assert_true(applied);
    OK(outcome_completed(r.c, &again, NULL, &applied, &err));
    assert_false(applied);
    assert_int_equal(rig_state(&r, name), SESSION_RUNNING);
    rig_check(&r);
}

static void test_unacknowledged_commands_come_again(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    rig_session(&r, name);
    rig_take_one(&r, "agent-1", g, "start_session", id);
    rig_tick(&r);
    clock_test_shift(9000, 9000);
    assert_int_equal(rig_tick(&r).returned, 0);
    clock_test_shift(10001, 10001 - 3600000); /* the wall clock is set back: of no matter */
    assert_int_equal(rig_tick(&r).returned, 1);
    struct answer again = rig_take_one(&r, "agent-1", g, "start_session", id);
    assert_int_equal(again.attempt, 1);
    OK(command_return(r.c, "agent-1", g, id, &err));
    again = rig_take_one(&r, "agent-1", g, "start_session", id);
    bool applied;
    OK(outcome_acknowledged(r.c, &again, &applied, &err));
    clock_test_shift(30000, 30000);
    assert_int_equal(rig_tick(&r).returned, 0);
}

static void test_one_unreadable_row_stops_nothing(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char bad[SESSION_NAME_MAX + 1], good[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    rig_session(&r, bad);
    rig_session(&r, good);
    OK(db_exec(r.c, NULL, &err, "UPDATE agent_commands SET payload = '{broken' WHERE session_id = $1", "s",
               bad));
    struct answer start = rig_take_one(&r, "agent-1", g, "start_session", id);
    bool applied;
    OK(outcome_completed(r.c, &start, NULL, &applied, &err));
    assert_int_equal(rig_state(&r, good), SESSION_RUNNING);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE status = 'failed' AND error_message "
                          "LIKE '%cannot be read%'"),
        1);
    rig_tick(&r);
    assert_int_equal(rig_state(&r, bad), SESSION_FAILED);
    rig_check(&r);
}

static void test_lists(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 100);
    struct strv tags = {0};
    strv_add(&tags, "a%");
    for (int i = 0; i < 25; i++) {
        _cleanup_session_ struct session s = {0};
        struct session_new fields = {.template_name = "terminal", .tags = i % 5 == 0 ? &tags : NULL};
        OK(session_create(r.c, i % 2 ? &r.alice : &r.bob, &fields, &s, NULL, &err));
    }
    strv_finish(&tags);
    struct session_filter filter = {.limit = 10};
    char seen[25][SESSION_NAME_MAX + 1];
    unsigned count = 0;
    char cursor[SESSION_CURSOR_SIZE] = "";
    do {
        _cleanup_session_page_ struct session_page page = {0};
        filter.cursor = *cursor ? cursor : NULL;
        OK(session_list(r.c, &filter, &page, &err));
        assert_int_equal(page.total, 25);
        for (size_t i = 0; i < page.count; i++) {
            for (unsigned j = 0; j < count; j++)
                assert_string_not_equal(seen[j], page.items[i].name);
            assert_true(count < 25);
            str_copy(seen[count++], sizeof seen[0], page.items[i].name);
        }
        str_copy(cursor, sizeof cursor, page.next_cursor);
    } while (*cursor);
    assert_int_equal(count, 25);
    _cleanup_session_page_ struct session_page mine = {0}, tagged = {0}, part = {0}, running = {0};
    OK(session_list(r.c, &(struct session_filter){.user_id = r.alice.user_id, .limit = 200}, &mine, &err));
    assert_int_equal(mine.count, 12);
    OK(session_list(r.c, &(struct session_filter){.tag = "a%", .user = "bob"}, &tagged, &err));
    assert_int_equal(tagged.count, 3);
    OK(session_list(r.c, &(struct session_filter){.tag = "a"}, &part, &err));
    assert_int_equal(part.count, 0);
    OK(session_list(r.c, &(struct session_filter){.states = 1u << SESSION_RUNNING}, &running, &err));
    assert_int_equal(running.total, 0);
    FAILS(session_list(r.c, &(struct session_filter){.cursor = "x' OR 1=1"}, &part, &err), ERR_INVALID,
          "invalid_field");
    int64_t counts[SESSION_STATES];
    OK(session_count_states(r.c, counts, &err));
    assert_int_equal(counts[SESSION_PENDING], 25);
    struct command_page commands = {0};
    OK(command_list(
        r.c, &(struct command_filter){.agent_id = "agent-1", .statuses = 1u << COMMAND_PENDING, .limit = 20},
        &commands, &err));
    assert_int_equal(commands.count, 20);
    assert_int_equal(commands.total, 25);
    char next[32];
    str_copy(next, sizeof next, commands.next_cursor);
    command_page_finish(&commands);
    OK(command_list(r.c, &(struct command_filter){.cursor = next}, &commands, &err));
    assert_int_equal(commands.count, 5);
    assert_string_equal(commands.next_cursor, "");
    command_page_finish(&commands);
}

/* --- tickets --- */

static void test_tickets(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1];
    struct ticket made;
    const char *ticket = made.text;
    struct ticket_use use = {0};
    rig_session(&r, name);
    FAILS(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err), ERR_CONFLICT, "not_running");
    rig_run(&r, "agent-1", g);
    FAILS(ticket_create(r.c, &r.bob, name, TICKET_CONTROL, 0, &made, &err), ERR_NOT_FOUND,
          "session_not_found");
    OK(ticket_create(r.c, &r.alice, name, TICKET_VIEW, 0, &made, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM tickets"), 1);
    FAILS(ticket_use(r.c, name, "0", &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    OK(ticket_use(r.c, name, ticket, &use, &err));
    assert_int_equal(use.mode, TICKET_VIEW);
    assert_string_equal(use.user.username, "alice");
    assert_string_equal(use.session.agent_id, "agent-1");
    ticket_use_finish(&use);
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    /* For another session; it is used up by that, too. */
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    FAILS(ticket_use(r.c, "alice-terminal-00000000", ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    /* Too late; the wall clock has no say in it. */
    rig_tick(&r);
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    clock_test_shift(0, 7200000);
    OK(ticket_use(r.c, name, ticket, &use, &err));
    ticket_use_finish(&use);
    clock_test_shift(0, 0);
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    clock_test_shift(30001, 0);
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    /* Rights are looked at again. */
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    OK(user_set_active(r.c, &r.admin, "alice", false, &err));
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    OK(user_set_active(r.c, &r.admin, "alice", true, &err));
    /* A login that has ended takes its tickets along. */
    struct keyring *keyring = NULL;
    struct login_tokens tokens = {0};
    struct login login = {0};
    struct user alice = {0};
    OK(keyring_create(&keyring, r.c, NULL, &err));
    OK(user_find(r.c, "alice", &alice, &err));
    OK(login_create(r.c, keyring, &alice, NULL, NULL, &tokens, &err));
    OK(login_find_cookie(r.c, keyring, tokens.cookie, &login, &err));
    keyring_destroy(keyring);
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, login.id, &made, &err));
    OK(ticket_use(r.c, name, ticket, &use, &err));
    assert_int_equal(use.login_id, login.id);
    ticket_use_finish(&use);
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, login.id, &made, &err));
    OK(login_end(r.c, &r.alice, login.id, &err));
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    /* And the state. */
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    OK(db_exec(r.c, NULL, &err, "UPDATE sessions SET state = 'hibernated' WHERE id = $1", "s", name));
    FAILS(ticket_use(r.c, name, ticket, &use, &err), ERR_CONFLICT, "hibernated");
    FAILS(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err), ERR_CONFLICT, "hibernated");
}

static void test_viewers(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 10);
    char name[SESSION_NAME_MAX + 1];
    rig_session(&r, name);
    OK(session_add_viewers(r.c, name, 1, &err));
    OK(session_add_viewers(r.c, name, 1, &err));
    OK(session_add_viewers(r.c, name, -1, &err));
    _cleanup_session_ struct session s = {0};
    OK(session_get(r.c, name, &s, &err));
    assert_int_equal(s.viewers, 1);
    OK(session_add_viewers(r.c, name, -5, &err));
    OK(session_add_viewers(r.c, "not-there", 1, &err));
    assert_int_equal(query_number(r.c, "SELECT SUM(viewers) FROM sessions"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_shows_no_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_wishes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_agent_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_whole_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete_in_every_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete_while_the_agent_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failed_start_leaves_a_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retries_back_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_are_fenced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unacknowledged_commands_come_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_unreadable_row_stops_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tickets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_viewers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
