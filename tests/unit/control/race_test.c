/* Many at once: capacity is never overshot, load is spread evenly, tickets are used once, answers count once.
 */
#include "rig.h"

#include <pthread.h>

static struct rig r;

static int setup(void **unused) {
    rig_open(&r);
    return 0;
}

static int teardown(void **unused) {
    rig_close(&r);
    return 0;
}

#define THREADS 20

struct crowd {
    pthread_barrier_t start;
    void (*one)(struct db_conn *conn, int number, struct crowd *crowd);
    int each;
    pthread_mutex_t lock;
    int done, refused;
    char failure[ERR_MESSAGE_MAX];
    const char *name; /* of a session */
    const char *ticket;
    struct answer answer;
};

struct member {
    struct crowd *crowd;
    int number;
};

static void tell(struct crowd *crowd, bool done, const struct err *err, const char *expected_code) {
    pthread_mutex_lock(&crowd->lock);
    if (done)
        crowd->done++;
    else if (err_is(err, expected_code))
        crowd->refused++;
    else
        str_copy(crowd->failure, sizeof crowd->failure, err->message);
    pthread_mutex_unlock(&crowd->lock);
}

static void *member_main(void *arg) {
    struct member *member = arg;
    struct err err = {0};
    pthread_barrier_wait(&member->crowd->start);
    for (int i = 0; i < member->crowd->each; i++) {
        _cleanup_db_ struct db_conn *conn = NULL;
        if (db_acquire(r.t.db, &conn, &err) < 0)
            tell(member->crowd, false, &err, "");
        else
            member->crowd->one(conn, member->number, member->crowd);
    }
    return NULL;
}

static void run(struct crowd *crowd) {
    pthread_t threads[THREADS];
    struct member members[THREADS];
    pthread_mutex_init(&crowd->lock, NULL);
    pthread_barrier_init(&crowd->start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        members[i] = (struct member){crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, member_main, &members[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&crowd->start);
    pthread_mutex_destroy(&crowd->lock);
    if (*crowd->failure)
        fail_msg("%s", crowd->failure);
}

static void create_one(struct db_conn *conn, int number, struct crowd *crowd) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    _cleanup_refusals_ struct refusals refusals = {0};
    struct session_new fields = {.template_name = "terminal"};
    int status = session_create(conn, number % 2 ? &r.alice : &r.bob, &fields, &session, &refusals, &err);
    tell(crowd, status == 0, &err, "no_agent");
}

/* Scenario 2.2: 100 at once on three agents. */
static void test_an_even_spread(void **unused) {
    rig_agent(&r, "agent-1", 100);
    rig_agent(&r, "agent-2", 100);
    rig_agent(&r, "agent-3", 100);
    struct crowd crowd = {.one = create_one, .each = 100 / THREADS};
    run(&crowd);
    assert_int_equal(crowd.done, 100);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE agent_id = 'agent-1'"), 34);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE agent_id = 'agent-2'"), 33);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE agent_id = 'agent-3'"), 33);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands c JOIN sessions s ON s.id = c.session_id "
                          "WHERE c.agent_id = s.agent_id AND c.command_id = s.start_command"),
        100);
    rig_check(&r);
}

static void test_fifteen_in_a_row(void **unused) {
    rig_agent(&r, "agent-1", 100);
    rig_agent(&r, "agent-2", 100);
    rig_agent(&r, "agent-3", 100);
    char name[SESSION_NAME_MAX + 1];
    for (int i = 0; i < 15; i++)
        rig_session(&r, name);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM (SELECT agent_id FROM sessions GROUP BY agent_id HAVING "
                          "COUNT(*) = 5) AS fives"),
        3);
    /* Load is relative: one with half the places gets half. */
    rig_agent(&r, "agent-4", 50);
    for (int i = 0; i < 20; i++)
        rig_session(&r, name);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE agent_id = 'agent-4'"), 5);
}

static void test_no_agent_is_overfilled(void **unused) {
    rig_agent(&r, "agent-1", 5);
    struct crowd crowd = {.one = create_one, .each = 5};
    run(&crowd);
    assert_int_equal(crowd.done, 5);
    assert_int_equal(crowd.refused, 95);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM sessions"), 5);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM agent_commands"), 5);
    rig_check(&r);
}

static void test_nor_its_memory_and_processors(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 100);
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET memory_bytes = 7 * 268435456 + 1",
               "")); /* seven terminals and a byte */
    struct crowd crowd = {.one = create_one, .each = 2};
    run(&crowd);
    assert_int_equal(crowd.done, 7);
    OK(db_exec(r.c, NULL, &err, "UPDATE agents SET memory_bytes = memory_bytes * 100, cpu_millis = 1250",
               ""));
    struct crowd more = {.one = create_one, .each = 2};
    run(&more);
    assert_int_equal(more.done, 5); /* 12 of 100m each */
}

static void test_a_limit_for_each_user(void **unused) {
    struct err err = {0};
    rig_agent(&r, "agent-1", 100);
    struct quota quota = QUOTA_UNLIMITED;
    quota.max[QUOTA_SESSIONS] = 5;
    OK(quota_set(r.c, &r.admin, &(struct quota_of){.name = "alice"}, &quota, &err));
    for (int i = 0; i < 8; i++) {
        _cleanup_session_ struct session session = {0};
        struct session_new fields = {.template_name = "terminal"};
        if (i < 5)
            OK(session_create(r.c, &r.alice, &fields, &session, NULL, &err));
        else
            FAILS(session_create(r.c, &r.alice, &fields, &session, NULL, &err), ERR_DENIED, "quota_exceeded");
    }
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM agent_commands"), 5);
}

static void use_ticket(struct db_conn *conn, int number, struct crowd *crowd) {
    struct err err = {0};
    struct ticket_use use = {0};
    int status = ticket_use(conn, crowd->name, crowd->ticket, &use, &err);
    tell(crowd, status == 0, &err, "bad_ticket");
    ticket_use_finish(&use);
}

static void test_a_ticket_opens_one_stream(void **unused) {
    struct err err = {0};
    int64_t g = rig_agent(&r, "agent-1", 5);
    char name[SESSION_NAME_MAX + 1];
    struct ticket made;
    const char *ticket = made.text;
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    OK(ticket_create(r.c, &r.alice, name, TICKET_CONTROL, 0, &made, &err));
    struct crowd crowd = {.one = use_ticket, .each = 2, .name = name, .ticket = ticket};
    run(&crowd);
    assert_int_equal(crowd.done, 1);
    assert_int_equal(crowd.refused, 2 * THREADS - 1);
}

static void stop_one(struct db_conn *conn, int number, struct crowd *crowd) {
    struct err err = {0};
    char id[COMMAND_ID_MAX + 1];
    int status = session_request_stop(conn, &r.alice, crowd->name, NULL, id, &err);
    tell(crowd, status == 0, &err, "already_ending");
}

static void test_a_session_is_stopped_once(void **unused) {
    int64_t g = rig_agent(&r, "agent-1", 5);
    char name[SESSION_NAME_MAX + 1];
    rig_session(&r, name);
    rig_run(&r, "agent-1", g);
    struct crowd crowd = {.one = stop_one, .each = 1, .name = name};
    run(&crowd);
    assert_int_equal(crowd.done, 1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE action = 'stop_session'"),
                     1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'session.stop'"), 1);
}

static void take_all(struct db_conn *conn, int number, struct crowd *crowd) {
    struct err err = {0};
    struct deliveries deliveries = {0};
    int status = command_take(conn, "agent-1", crowd->answer.generation, &deliveries, &err);
    pthread_mutex_lock(&crowd->lock);
    crowd->done += (int)deliveries.count;
    pthread_mutex_unlock(&crowd->lock);
    if (status < 0)
        tell(crowd, false, &err, "");
    deliveries_finish(&deliveries);
}

static void test_each_command_is_taken_once(void **unused) {
    int64_t g = rig_agent(&r, "agent-1", 100);
    char name[SESSION_NAME_MAX + 1];
    for (int i = 0; i < 80; i++)
        rig_session(&r, name);
    struct crowd crowd = {.one = take_all, .each = 3, .answer = {.generation = g}};
    run(&crowd);
    assert_int_equal(crowd.done, 80);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE status = 'sent' AND attempts = 1"), 80);
}

static void answer_one(struct db_conn *conn, int number, struct crowd *crowd) {
    struct err err = {0};
    bool applied = false;
    int status = number % 2 ? outcome_completed(conn, &crowd->answer, NULL, &applied, &err)
                            : outcome_failed(conn, &crowd->answer, "no", false, &applied, &err);
    tell(crowd, status == 0 && applied, &err, status == 0 ? "" : "never");
}

static void test_one_answer_counts(void **unused) {
    int64_t g = rig_agent(&r, "agent-1", 100);
    char name[SESSION_NAME_MAX + 1], id[COMMAND_ID_MAX + 1];
    rig_session(&r, name);
    struct answer answer = rig_take_one(&r, "agent-1", g, "start_session", id);
    struct crowd crowd = {.one = answer_one, .each = 2, .answer = answer};
    run(&crowd);
    assert_int_equal(crowd.done, 1);
    enum session_state state = rig_state(&r, name);
    assert_true(state == SESSION_RUNNING || state == SESSION_FAILED);
    rig_check(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_even_spread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifteen_in_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_agent_is_overfilled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nor_its_memory_and_processors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_limit_for_each_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_ticket_opens_one_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_session_is_stopped_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_command_is_taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_answer_counts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
