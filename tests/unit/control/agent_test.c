/* Agents: enrolment, connections, health; and the templates that they can run. */
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

static struct agent_registration registration(const char *agent_id, const char *key) {
    return (struct agent_registration){.agent_id = agent_id, .platform = "local", .key = key};
}

static void test_tokens(void **unused) {
    struct err err = {0};
    char token[KEY_HEX_SIZE], at[TIME_TEXT_SIZE], bound[KEY_HEX_SIZE];
    struct agent_registered first = {0}, again = {0}, other = {0};
    OK(agent_token_create(r.c, &r.admin, NULL, token, at, &err));
    struct agent_registration a = registration("agent-a", token), b = registration("agent-b", token);
    OK(agent_register(r.c, &a, &first, &err));
    assert_true(first.created);
    assert_true(id_is_hex(first.api_key, 64));
    OK(agent_verify_key(r.c, "agent-a", first.api_key, &err));
    FAILS(agent_verify_key(r.c, "agent-a", token, &err), ERR_UNAUTHENTICATED, "bad_key");
    FAILS(agent_verify_key(r.c, "agent-z", first.api_key, &err), ERR_NOT_FOUND, "agent_not_found");
    /* Not for a second agent; but its own registration again, until it connects. */
    FAILS(agent_register(r.c, &b, &other, &err), ERR_UNAUTHENTICATED, "bad_key");
    OK(agent_register(r.c, &a, &again, &err));
    assert_false(again.created);
    OK(agent_verify_key(r.c, "agent-a", again.api_key, &err));
    FAILS(agent_verify_key(r.c, "agent-a", first.api_key, &err), ERR_UNAUTHENTICATED, "bad_key");
    rig_connect(&r, "agent-a");
    FAILS(agent_register(r.c, &a, &other, &err), ERR_UNAUTHENTICATED, "bad_key");
    OK(agent_verify_key(r.c, "agent-a", again.api_key, &err));
    /* With its own key: known, and the key stays. */
    struct agent_registration own = registration("agent-a", again.api_key);
    own.capacity.max_sessions = 7;
    OK(agent_register(r.c, &own, &other, &err));
    assert_false(other.created);
    assert_string_equal(other.api_key, "");
    _cleanup_agent_ struct agent agent = {0};
    OK(agent_get(r.c, "agent-a", &agent, &err));
    assert_int_equal(agent.capacity.max_sessions, 7);
    /* A stolen token takes over nobody; one that an admin made for the id does. */
    OK(agent_token_create(r.c, &r.admin, NULL, token, at, &err));
    a.key = token;
    FAILS(agent_register(r.c, &a, &other, &err), ERR_DENIED, "agent_known");
    OK(agent_token_create(r.c, &r.admin, "agent-a", bound, at, &err));
    b.key = bound;
    FAILS(agent_register(r.c, &b, &other, &err), ERR_UNAUTHENTICATED, "bad_key");
    a.key = bound;
    OK(agent_register(r.c, &a, &other, &err));
    FAILS(agent_verify_key(r.c, "agent-a", again.api_key, &err), ERR_UNAUTHENTICATED, "bad_key");
    /* The key of one agent is none of another's. */
    b.key = token;
    OK(agent_register(r.c, &b, &again, &err));
    FAILS(agent_verify_key(r.c, "agent-a", again.api_key, &err), ERR_DENIED, "key_of_another_agent");
    b.agent_id = "agent-a";
    b.key = again.api_key;
    FAILS(agent_register(r.c, &b, &other, &err), ERR_UNAUTHENTICATED, "bad_key");
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'agent.register' AND outcome = "
                          "'refused'"),
        5);
    /* After an hour it is over. */
    OK(agent_token_create(r.c, &r.admin, NULL, token, at, &err));
    clock_test_shift(0, 3601000);
    struct agent_registration late = registration("agent-late", token);
    FAILS(agent_register(r.c, &late, &other, &err), ERR_UNAUTHENTICATED, "bad_key");
}

static void test_the_bootstrap_key(void **unused) {
    struct err err = {0};
    struct agent_registered registered = {0};
    struct agent_registration a = registration("agent-a", "wrong");
    a.bootstrap_key = BOOTSTRAP;
    FAILS(agent_register(r.c, &a, &registered, &err), ERR_UNAUTHENTICATED, "bad_key");
    a.key = NULL;
    FAILS(agent_register(r.c, &a, &registered, &err), ERR_UNAUTHENTICATED, "bad_key");
    a.key = BOOTSTRAP;
    OK(agent_register(r.c, &a, &registered, &err));
    assert_true(registered.created);
    rig_connect(&r, "agent-a");
    FAILS(agent_register(r.c, &a, &registered, &err), ERR_DENIED, "agent_known");
    /* Where there is none, the empty key is none, too. */
    struct agent_registration b = registration("agent-b", "");
    b.bootstrap_key = "";
    FAILS(agent_register(r.c, &b, &registered, &err), ERR_UNAUTHENTICATED, "bad_key");
}

static void test_bad_registrations(void **unused) {
    struct err err = {0};
    struct agent_registered registered;
    json_t *numbers = json_pack("{s:i}", "zone", 1);
    const struct {
        struct agent_registration registration;
        const char *field;
    } bad[] = {
        {{.agent_id = "A", .platform = "local"}, "agentId"},
        {{.agent_id = "agent/..", .platform = "local"}, "agentId"},
        {{.agent_id = "agent", .platform = "windows"}, "platform"},
        {{.agent_id = "agent", .platform = "local", .capacity = {-1, 0, 0}}, "capacity.maxSessions"},
        {{.agent_id = "agent", .platform = "local", .capacity = {1, -1, 0}}, "capacity"},
        {{.agent_id = "agent", .platform = "local", .labels = numbers}, "labels"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct agent_registration a = bad[i].registration;
        a.key = a.bootstrap_key = BOOTSTRAP;
        err_clear(&err);
        assert_int_equal(agent_register(r.c, &a, &registered, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.field, bad[i].field);
    }
    json_decref(numbers);
}

static void test_one_agent_one_instance(void **unused) {
    struct err err = {0};
    rig_register(&r, "agent-1", 10);
    int64_t g1 = 0, g2 = 0, g3 = 0;
    struct agent_connection one = {.agent_id = "agent-1", .instance_id = "i1", .replica_id = "r1"};
    struct agent_connection two = {.agent_id = "agent-1", .instance_id = "i2", .replica_id = "r1"};
    OK(agent_connect(r.c, &one, false, &g1, &err));
    FAILS(agent_connect(r.c, &two, true, &g2, &err), ERR_CONFLICT, "instance_alive");
    OK(agent_connect(r.c, &one, true, &g2, &err)); /* the same one comes back */
    assert_true(g2 > g1);
    OK(agent_connect(r.c, &two, false, &g3, &err)); /* the first one is dead */
    assert_true(g3 > g2);
    /* The old connections' ends are no news. */
    OK(agent_disconnected(r.c, "agent-1", g1, &err));
    OK(agent_disconnected(r.c, "agent-1", g2, &err));
    _cleanup_agent_ struct agent agent = {0};
    OK(agent_get(r.c, "agent-1", &agent, &err));
    assert_int_equal(agent.status, AGENT_ONLINE);
    assert_string_equal(agent.replica_id, "r1");
    OK(agent_disconnected(r.c, "agent-1", g3, &err));
    _cleanup_agent_ struct agent off = {0};
    OK(agent_get(r.c, "agent-1", &off, &err));
    assert_int_equal(off.status, AGENT_OFFLINE);
    assert_string_equal(off.replica_id, "");
    struct agent_connection unknown = {.agent_id = "agent-9", .instance_id = "i", .replica_id = "r1"};
    FAILS(agent_connect(r.c, &unknown, false, &g1, &err), ERR_NOT_FOUND, "agent_not_found");
}

static void test_heartbeats(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    bool written = true;
    struct agent_heartbeat beat = {.agent_id = "agent-1", .generation = g};
    OK(agent_heartbeat(r.c, &beat, false, &written, &err));
    assert_false(written); /* nothing new */
    OK(agent_heartbeat(r.c, &beat, true, &written, &err));
    assert_true(written);
    beat.capacity.max_sessions = 12;
    OK(agent_heartbeat(r.c, &beat, false, &written, &err));
    assert_true(written);
    OK(agent_heartbeat(r.c, &beat, false, &written, &err));
    assert_false(written);
    OK(agent_set_status(r.c, "agent-1", g, AGENT_DEGRADED, &err));
    _cleanup_agent_ struct agent agent = {0};
    OK(agent_get(r.c, "agent-1", &agent, &err));
    assert_string_equal(agent_shown_status(&agent), "degraded");
    assert_int_equal(agent.capacity.max_sessions, 12);
    beat.draining = true;
    OK(agent_heartbeat(r.c, &beat, false, &written, &err));
    assert_true(written);
    _cleanup_agent_ struct agent back = {0};
    OK(agent_get(r.c, "agent-1", &back, &err));
    assert_string_equal(agent_shown_status(&back), "draining");
    beat.generation = g + 1;
    OK(agent_heartbeat(r.c, &beat, true, &written, &err));
    assert_false(written);
    OK(agent_set_status(r.c, "agent-1", g + 1, AGENT_DEGRADED, &err));
    int64_t online = 0;
    OK(agent_count_online(r.c, &online, &err));
    assert_int_equal(online, 1);
    OK(agent_disconnect_all(r.c, "another-replica", &err));
    OK(agent_count_online(r.c, &online, &err));
    assert_int_equal(online, 1);
    OK(agent_disconnect_all(r.c, NULL, &err));
    OK(agent_count_online(r.c, &online, &err));
    assert_int_equal(online, 0);
}

static void test_a_dead_agent_can_be_removed(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 10);
    char running[SESSION_NAME_MAX + 1], pending[SESSION_NAME_MAX + 1], ending[SESSION_NAME_MAX + 1],
        id[COMMAND_ID_MAX + 1];
    rig_session(&r, running);
    rig_run(&r, "agent-1", g);
    rig_session(&r, ending);
    rig_run(&r, "agent-1", g);
    OK(session_request_stop(r.c, &r.alice, ending, NULL, id, &err));
    rig_session(&r, pending);
    FAILS(agent_delete(r.c, &r.admin, "agent-1", false, &err), ERR_CONFLICT, "agent_online");
    OK(agent_disconnected(r.c, "agent-1", g, &err));
    FAILS(agent_delete(r.c, &r.admin, "agent-1", false, &err), ERR_CONFLICT, "agent_has_sessions");
    OK(agent_delete(r.c, &r.admin, "agent-1", true, &err));
    FAILS(agent_delete(r.c, &r.admin, "agent-1", true, &err), ERR_NOT_FOUND, "agent_not_found");
    assert_int_equal(rig_state(&r, running), SESSION_FAILED);
    assert_int_equal(rig_state(&r, pending), SESSION_FAILED);
    assert_int_equal(rig_state(&r, ending), SESSION_TERMINATED);
    assert_int_equal(query_number(r.c,
                                  "SELECT COUNT(*) FROM agent_commands WHERE status IN ('pending', 'sent', "
                                  "'acknowledged')"),
                     0);
    rig_check(&r);
}

static void test_lists_and_json(void **unused) {
    struct err err = {0};
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof id, "agent-%d", i);
        rig_agent(&r, id, 10);
    }
    struct agent_list list = {0};
    OK(agent_list(r.c, NULL, 3, &list, &err));
    assert_int_equal(list.count, 3);
    assert_int_equal(list.total, 5);
    assert_true(list.more);
    agent_list_finish(&list);
    OK(agent_list(r.c, "agent-2", 3, &list, &err));
    assert_int_equal(list.count, 2);
    assert_false(list.more);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(65536);
    struct json_writer w = JSON_WRITER(&text);
    agent_write_json(&list.items[0], &w);
    assert_true(jsonw_ok(&w));
    assert_non_null(strstr(strbuf_str(&text), "\"agentId\":\"agent-3\""));
    assert_null(strstr(strbuf_str(&text), "hash"));
    agent_list_finish(&list);
}

/* --- templates --- */

static void test_templates(void **unused) {
    struct err err = {0};
    struct template_list list = {0};
    OK(template_load_all(r.c, &list, &err));
    assert_true(list.count >= 40);
    for (size_t i = 0; i < list.count; i++) {
        const struct template *t = &list.items[i];
        assert_true(id_is_template(t->name) && *t->display_name && *t->description && *t->category &&
                    json_object_get(t->spec, "icon"));
        assert_true(t->tags.count > 0 && (t->has_image || (t->command.count > 0 && t->packages.count > 0)));
        assert_true(t->cpu_millis >= 100 && t->cpu_millis <= t->cpu_millis_max);
        assert_true(t->memory_bytes >= 256 << 20 && t->memory_bytes <= t->memory_bytes_max);
        assert_true(t->builtin && t->available && t->enabled && !t->overridden);
        assert_string_equal(t->protocol, t->has_image ? "http" : "vnc");
    }
    template_list_finish(&list);
    _cleanup_template_ struct template terminal = {0};
    OK(template_get(r.c, "terminal", &terminal, &err));
    assert_int_equal(terminal.cpu_millis, 100);
    assert_int_equal(terminal.memory_bytes, 256 << 20);
    assert_string_equal(terminal.network, "none");
    _cleanup_template_ struct template none = {0};
    FAILS(template_get(r.c, "nope", &none, &err), ERR_NOT_FOUND, "template_not_found");
}

static void test_builtin_templates_follow_the_program(void **unused) {
    struct err err = {0};
    int64_t events = query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template'");
    OK(template_install_builtin(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template'"), events);
    /* A former one goes, an operator's stays, even under a built-in name. */
    OK(db_exec(r.c, NULL, &err, "UPDATE templates SET name = 'former' WHERE name = 'vlc'", ""));
    OK(db_exec(r.c, NULL, &err, "UPDATE templates SET builtin = 0, display_name = 'Ours' WHERE name = 'gimp'",
               ""));
    OK(db_exec(r.c, NULL, &err, "UPDATE templates SET spec = '{}' WHERE name = 'krita'", ""));
    OK(template_install_builtin(r.c, &err));
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name = 'former'"), 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name = 'vlc'"), 1);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name = 'gimp' AND display_name = 'Ours'"), 1);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM templates WHERE name = 'krita' AND spec <> '{}'"), 1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM events WHERE kind = 'template'"), events + 1);
}

static void test_availability(void **unused) {
    struct err err = {0};
    struct strv programs = {0};
    OK(template_programs(r.c, &programs, &err));
    assert_true(strv_contains(&programs, "xterm"));
    assert_true(strv_contains(&programs, "tint2"));
    assert_false(strv_contains(&programs, "sh"));
    strv_finish(&programs);
    int64_t one = rig_agent(&r, "agent-1", 10), two = rig_agent(&r, "agent-2", 10);
    json_t *missing = json_pack("{s:s, s:s}", "gimp", "install gimp", "tint2", "");
    OK(agent_set_missing_programs(r.c, "agent-1", one, missing, &err));
    _cleanup_template_ struct template a = {0}, b = {0}, d = {0}, e = {0};
    OK(template_get(r.c, "gimp", &a, &err));
    assert_true(a.available); /* the other one has it */
    OK(agent_set_missing_programs(r.c, "agent-2", two, missing, &err));
    OK(template_get(r.c, "gimp", &b, &err));
    assert_false(b.available);
    assert_string_equal(b.unavailable_reason, "install gimp");
    OK(template_get(r.c, "desktop", &d, &err));
    assert_false(d.available);
    OK(agent_set_missing_programs(r.c, "agent-2", two + 1, NULL, &err)); /* an old connection's word */
    OK(agent_disconnected(r.c, "agent-1", one, &err));
    OK(agent_set_missing_programs(r.c, "agent-2", two, NULL, &err));
    OK(template_get(r.c, "gimp", &e, &err));
    assert_true(e.available);
    json_decref(missing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_bootstrap_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_registrations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_agent_one_instance, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_dead_agent_can_be_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_and_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_templates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_builtin_templates_follow_the_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_availability, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
