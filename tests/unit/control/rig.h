/* A real database with templates, two users and as many agents as wanted, for the tests of control. */
#ifndef SS_TESTS_CONTROL_RIG_H
#define SS_TESTS_CONTROL_RIG_H

#include "../test.h"

#include "../db/temp_db.h"
#include "base/cleanup.h"
#include "control/agents/agent.h"
#include "control/commands/command.h"
#include "control/events/event.h"
#include "control/quotas/quota.h"
#include "control/sessions/outcome.h"
#include "control/sessions/reconcile.h"
#include "control/sessions/session.h"
#include "control/sessions/ticket.h"
#include "control/settings/settings.h"
#include "control/templates/template.h"
#include "control/users/user.h"

#define OK(call) assert_ok((call), &err, #call)
static inline void assert_ok(int status, const struct err *err, const char *what) {
    if (status < 0)
        fail_msg("%s: %s: %s", what, err->code, err->message);
}
/* The call fails with this kind and code. */
#define FAILS(call, a_kind, a_code)                                                                          \
    do {                                                                                                     \
        err_clear(&err);                                                                                     \
        assert_int_equal((call), -1);                                                                        \
        assert_string_equal(err.code, a_code);                                                               \
        assert_int_equal(err.kind, a_kind);                                                                  \
    } while (0)

struct rig {
    struct temp_db t;
    struct db_conn *c;
    struct actor alice, bob, admin, operator_;
};

/* Users without passwords: hashing takes longer than all else. */
static inline struct actor rig_user(struct rig *r, const char *name, enum user_role role) {
    struct err err = {0};
    struct user user = {0};
    struct user_new fields = {.username = name, .role = role};
    OK(user_create(r->c, &ACTOR_SYSTEM, &fields, &user, &err));
    return (struct actor){
        .user_id = user.id, .username = name, .role = user_role_name(role), .address = "192.0.2.1"};
}

static inline void rig_open(struct rig *r) {
    struct err err = {0};
    *r = (struct rig){0};
    temp_db_open(&r->t, 24);
    OK(db_acquire(r->t.db, &r->c, &err));
    OK(template_install_builtin(r->c, &err));
    r->alice = rig_user(r, "alice", USER_ROLE_USER);
    r->bob = rig_user(r, "bob", USER_ROLE_USER);
    r->operator_ = rig_user(r, "olga", USER_ROLE_OPERATOR);
    r->admin = rig_user(r, "admin", USER_ROLE_ADMIN);
}

static inline void rig_close(struct rig *r) {
    db_release(r->c);
    temp_db_close(&r->t);
    clock_test_shift(0, 0);
}

#define BOOTSTRAP "the-bootstrap-key-of-this-test"

/* Registered and not connected. */
static inline void rig_register(struct rig *r, const char *agent_id, int64_t max_sessions) {
    struct err err = {0};
    struct agent_registered registered;
    struct agent_registration registration = {.agent_id = agent_id,
                                              .platform = "local",
                                              .capacity = {max_sessions, 1000000, (int64_t)1 << 44},
                                              .key = BOOTSTRAP,
                                              .bootstrap_key = BOOTSTRAP};
    OK(agent_register(r->c, &registration, &registered, &err));
}

/* Connects; returns the generation. */
static inline int64_t rig_connect(struct rig *r, const char *agent_id) {
    struct err err = {0};
    int64_t generation = 0;
    struct agent_connection connection = {
        .agent_id = agent_id, .instance_id = "instance-1", .replica_id = "replica-1", .version = "test"};
    OK(agent_connect(r->c, &connection, false, &generation, &err));
    return generation;
}

static inline int64_t rig_agent(struct rig *r, const char *agent_id, int64_t max_sessions) {
    rig_register(r, agent_id, max_sessions);
    return rig_connect(r, agent_id);
}

/* A terminal of alice's; its name in `name` (SESSION_NAME_MAX + 1). */
static inline void rig_session(struct rig *r, char *name) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    struct session_new fields = {.template_name = "terminal"};
    OK(session_create(r->c, &r->alice, &fields, &session, NULL, &err));
    str_copy(name, SESSION_NAME_MAX + 1, session.name);
}

static inline enum session_state rig_state(struct rig *r, const char *name) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    OK(session_get(r->c, name, &session, &err));
    return session.state;
}

/* What waits for the agent; the caller finishes it. */
static inline struct deliveries rig_take(struct rig *r, const char *agent_id, int64_t generation) {
    struct err err = {0};
    struct deliveries deliveries = {0};
    OK(command_take(r->c, agent_id, generation, &deliveries, &err));
    return deliveries;
}

/* Takes exactly one and returns the answer to it; its action is checked. */
static inline struct answer rig_take_one(struct rig *r, const char *agent_id, int64_t generation,
                                         const char *action, char *command_id) {
    struct deliveries deliveries = rig_take(r, agent_id, generation);
    assert_int_equal(deliveries.count, 1);
    assert_string_equal(deliveries.items[0].action, action);
    str_copy(command_id, COMMAND_ID_MAX + 1, deliveries.items[0].command_id);
    struct answer answer = {.agent_id = agent_id,
                            .generation = generation,
                            .command_id = command_id,
                            .attempt = deliveries.items[0].attempt};
    deliveries_finish(&deliveries);
    return answer;
}

/* The session's start is taken, acknowledged and completed. */
static inline void rig_run(struct rig *r, const char *agent_id, int64_t generation) {
    struct err err = {0};
    char id[COMMAND_ID_MAX + 1];
    bool applied = false;
    struct answer answer = rig_take_one(r, agent_id, generation, "start_session", id);
    OK(outcome_acknowledged(r->c, &answer, &applied, &err));
    assert_true(applied);
    OK(outcome_completed(r->c, &answer, NULL, &applied, &err));
    assert_true(applied);
}

/* All invariants hold; else they are printed. */
static inline void rig_check(struct rig *r) {
    struct err err = {0};
    struct strv lines = {0};
    OK(reconcile_check(r->c, &lines, &err));
    for (size_t i = 0; i < lines.count; i++)
        print_error("broken: %s\n", lines.items[i]);
    size_t count = lines.count;
    strv_finish(&lines);
    assert_int_equal(count, 0);
}

static inline struct reconcile_report rig_tick(struct rig *r) {
    struct err err = {0};
    struct reconcile_report report = {0};
    OK(reconcile_tick(r->c, &report, &err));
    return report;
}

#endif
