/* The table of steps, and that the rows obey it: every pair of states, by everyone, on a real row. */
#include "control/sessions/session_store.h"
#include "rig.h"

static void test_names(void **unused) {
    for (int i = 0; i < SESSION_STATES; i++) {
        enum session_state state;
        assert_true(state_parse(state_name((enum session_state)i), &state));
        assert_int_equal(state, i);
    }
    enum session_state state = SESSION_RUNNING;
    assert_false(state_parse("Running", &state));
    assert_false(state_parse(NULL, &state));
    assert_int_equal(state, SESSION_RUNNING);
}

/* The design's words: pending → starting → running ⇄ hibernating → hibernated → waking → running; any live
 * state → terminating → terminated; any → failed. */
static void test_the_design(void **unused) {
    unsigned everybody = BY_USER | BY_AGENT | BY_RECONCILER;
    for (int from = 0; from < SESSION_STATES; from++) {
        enum session_state f = (enum session_state)from;
        bool live = state_table[f].live;
        assert_int_equal(state_legal(f, SESSION_TERMINATING, BY_USER), live && f != SESSION_TERMINATING);
        assert_int_equal(state_legal(f, SESSION_TERMINATED, everybody), f == SESSION_TERMINATING);
        assert_int_equal(state_legal(f, SESSION_FAILED, everybody), live && f != SESSION_TERMINATING);
        assert_false(state_legal(f, SESSION_FAILED, BY_USER));
        assert_false(state_legal(f, SESSION_TERMINATED, BY_USER));
        assert_false(state_legal(f, SESSION_PENDING, everybody));
        assert_false(state_legal(f, f, everybody));
        if (!live)
            for (int to = 0; to < SESSION_STATES; to++)
                assert_false(state_legal(f, (enum session_state)to, everybody));
    }
    assert_true(state_legal(SESSION_HIBERNATED, SESSION_WAKING, BY_USER));
    assert_false(state_legal(SESSION_HIBERNATED, SESSION_WAKING, BY_AGENT | BY_RECONCILER));
    assert_false(state_legal(SESSION_HIBERNATED, SESSION_RUNNING, everybody));
    assert_false(state_legal(SESSION_HIBERNATING, SESSION_WAKING, everybody));
}

static void test_rows_of_the_table(void **unused) {
    for (int i = 0; i < SESSION_STATES; i++) {
        const struct state_row *row = &state_table[i];
        assert_int_equal(row->transient, row->deadline_ms > 0);
        assert_true(!row->active || row->live);
        if (row->transient && row->then != (enum session_state)i)
            assert_true(state_legal((enum session_state)i, row->then, BY_RECONCILER));
        if (row->transient && row->then == SESSION_FAILED)
            assert_non_null(row->reason);
        /* From everywhere that is live there is a way to an end. */
        if (row->live)
            assert_true(state_legal((enum session_state)i, SESSION_TERMINATING, BY_USER) ||
                        i == SESSION_TERMINATING);
    }
}

static void test_sets(void **unused) {
    char text[STATE_SET_SIZE];
    assert_string_equal(state_set_sql(1u << SESSION_PENDING | 1u << SESSION_FAILED, text),
                        "('pending','failed')");
    assert_string_equal(state_set_sql(0, text), "('')");
    state_set_sql((1u << SESSION_STATES) - 1, text);
    assert_int_equal(text[strlen(text) - 1], ')');
    assert_int_equal(state_froms(SESSION_TERMINATED, BY_AGENT), 1u << SESSION_TERMINATING);
}

static void put_state(struct rig *r, const char *name, enum session_state state) {
    struct err err = {0};
    OK(db_exec(r->c, NULL, &err,
               "UPDATE sessions SET state = $2, state_due = NULL, ended_at = NULL WHERE id = $1", "ss", name,
               state_name(state)));
}

static void test_rows_obey_the_table(void **unused) {
    struct err err = {0};
    struct rig r;
    char name[SESSION_NAME_MAX + 1];
    rig_open(&r);
    rig_agent(&r, "agent-1", 10);
    rig_session(&r, name);
    static const unsigned who[] = {BY_USER, BY_AGENT, BY_RECONCILER};
    for (unsigned w = 0; w < ARRAY_SIZE(who); w++)
        for (int from = 0; from < SESSION_STATES; from++)
            for (int to = 0; to < SESSION_STATES; to++) {
                bool changed = false;
                put_state(&r, name, (enum session_state)from);
                struct session_change change = {.name = name, .to = (enum session_state)to, .by = who[w]};
                OK(session_store_step(r.c, &change, &changed, &err));
                bool legal = state_legal((enum session_state)from, (enum session_state)to, who[w]);
                if (changed != legal)
                    fail_msg("%s to %s by %u: %d", state_name((enum session_state)from),
                             state_name((enum session_state)to), who[w], changed);
                assert_int_equal(rig_state(&r, name), changed ? to : from);
                if (changed) {
                    _cleanup_session_ struct session s = {0};
                    OK(session_get(r.c, name, &s, &err));
                    assert_int_equal(*s.ended_at != '\0', !state_table[to].live);
                }
            }
    /* Another agent's word changes nothing. */
    put_state(&r, name, SESSION_STARTING);
    bool changed = true;
    struct session_change foreign = {
        .name = name, .to = SESSION_RUNNING, .by = BY_AGENT, .agent_id = "agent-2"};
    OK(session_store_step(r.c, &foreign, &changed, &err));
    assert_false(changed);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_design),
        cmocka_unit_test(test_rows_of_the_table),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_rows_obey_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
