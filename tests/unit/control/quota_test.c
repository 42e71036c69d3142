/* Quotas: what counts for what, and whose limits bind whom. */
#include "rig.h"

#include "control/groups/group.h"
#include "control/quotas/quota.h"

static struct rig r;

static int setup(void **state) {
    rig_open(&r);
    rig_agent(&r, "agent-1", 100);
    return 0;
}

static int teardown(void **state) {
    rig_close(&r);
    return 0;
}

static struct quota_use used_by(bool group, const char *name) {
    struct err err = {0};
    struct quota quota;
    struct quota_use used = {0};
    OK(quota_get(r.c, &(struct quota_of){.group = group, .name = name}, &quota, &used, &err));
    return used;
}

static void assert_used(bool group, const char *name, int64_t sessions, int64_t cpu, int64_t memory,
                        int64_t storage) {
    struct quota_use used = used_by(group, name);
    assert_int_equal(used.amount[QUOTA_SESSIONS], sessions);
    assert_int_equal(used.amount[QUOTA_CPU], cpu);
    assert_int_equal(used.amount[QUOTA_MEMORY], memory);
    assert_int_equal(used.amount[QUOTA_STORAGE], storage);
}

static void limit(bool group, const char *name, enum quota_resource resource, int64_t most) {
    struct err err = {0};
    struct quota quota = QUOTA_UNLIMITED;
    quota.max[resource] = most;
    OK(quota_set(r.c, &r.admin, &(struct quota_of){.group = group, .name = name}, &quota, &err));
}

static void make_group(const char *name, const char *member) {
    struct err err = {0};
    struct group group;
    struct group_member ret;
    struct group_fields none = {0};
    OK(group_create(r.c, &r.admin, name, &none, &group, &err));
    OK(group_add_member(r.c, &r.admin, name, member, GROUP_ROLE_NONE, &ret, &err));
}

static void force_state(const char *name, const char *state) {
    struct err err = {0};
    OK(db_exec(r.c, NULL, &err, "UPDATE sessions SET state = $2 WHERE id = $1", "ss", name, state));
}

#define MI ((int64_t)1 << 20)
#define GI ((int64_t)1 << 30)

static void test_each_state_holds_what_it_should(void **unused) {
    static const struct {
        const char *state;
        int64_t sessions, cpu, memory;
    } rows[] = {
        {"pending", 1, 100, 256 * MI},     {"starting", 1, 100, 256 * MI}, {"running", 1, 100, 256 * MI},
        {"hibernating", 1, 100, 256 * MI}, {"hibernated", 1, 0, 0},        {"waking", 1, 100, 256 * MI},
        {"terminating", 1, 100, 256 * MI}, {"terminated", 0, 0, 0},        {"failed", 0, 0, 0},
    };
    char name[SESSION_NAME_MAX + 1];
    make_group("team", "alice");
    rig_session(&r, name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        force_state(name, rows[i].state);
        assert_used(false, "alice", rows[i].sessions, rows[i].cpu, rows[i].memory, 0);
        assert_used(true, "team", rows[i].sessions, rows[i].cpu, rows[i].memory, 0);
        assert_used(false, "bob", 0, 0, 0, 0);
    }
}

static int create(const struct actor *actor, bool persistent, struct refusals *refusals, struct err *err) {
    _cleanup_session_ struct session session = {0};
    struct session_new fields = {.template_name = "terminal", .persistent_home = persistent};
    return session_create(r.c, actor, &fields, &session, refusals, err);
}

static void test_the_limit_that_was_in_the_way_is_named(void **unused) {
    struct err err = {0};
    struct refusals refusals = {0};
    make_group("team", "alice");
    limit(true, "team", QUOTA_MEMORY, 256 * MI);
    limit(false, "alice", QUOTA_SESSIONS, 9);
    OK(create(&r.alice, false, &refusals, &err));
    FAILS(create(&r.alice, false, &refusals, &err), ERR_DENIED, "quota_exceeded");
    assert_true(refusals.quota.group);
    assert_string_equal(refusals.quota.name, "team");
    assert_int_equal(refusals.quota.resource, QUOTA_MEMORY);
    assert_int_equal(refusals.quota.limit, 256 * MI);
    assert_int_equal(refusals.quota.used, 256 * MI);
    assert_string_equal(err.message,
                        "the group team holds 256Mi of 256Mi memory, and this would take 256Mi more");
    OK(create(&r.bob, false, NULL, &err)); /* is not in it */
    refusals_finish(&refusals);
    rig_check(&r);
}

/* Nothing of what was refused stays: no row, no command, no home. */
static void test_a_refusal_leaves_nothing(void **unused) {
    struct err err = {0};
    limit(false, "alice", QUOTA_STORAGE, 5 * GI - 1);
    FAILS(create(&r.alice, true, NULL, &err), ERR_DENIED, "quota_exceeded");
    assert_used(false, "alice", 0, 0, 0, 0);
    limit(false, "alice", QUOTA_STORAGE, 5 * GI);
    OK(create(&r.alice, true, NULL, &err));
    OK(create(&r.alice, true, NULL, &err)); /* the same home */
    assert_used(false, "alice", 2, 200, 512 * MI, 5 * GI);
    rig_check(&r);
}

static void test_homes_go_with_their_agent(void **unused) {
    struct err err = {0};
    OK(create(&r.alice, true, NULL, &err));
    assert_used(false, "alice", 1, 100, 256 * MI, 5 * GI);
    OK(agent_disconnected(r.c, "agent-1", 1, &err));
    OK(agent_delete(r.c, &r.admin, "agent-1", true, &err));
    assert_used(false, "alice", 0, 0, 0, 0);
}

static void test_limits_have_bounds(void **unused) {
    struct err err = {0};
    struct quota quota = QUOTA_UNLIMITED;
    struct quota_of alice = {.name = "alice"}, nobody = {.name = "nobody"},
                    none = {.group = true, .name = "none"};
    quota.max[QUOTA_SESSIONS] = QUOTA_SESSIONS_MAX + 1;
    FAILS(quota_set(r.c, &r.admin, &alice, &quota, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "maxSessions");
    quota.max[QUOTA_SESSIONS] = 0;
    quota.max[QUOTA_STORAGE] = -2;
    FAILS(quota_set(r.c, &r.admin, &alice, &quota, &err), ERR_INVALID, "invalid_field");
    assert_string_equal(err.field, "maxStorage");
    quota.max[QUOTA_STORAGE] = 0;
    FAILS(quota_set(r.c, &r.admin, &nobody, &quota, &err), ERR_NOT_FOUND, "user_not_found");
    FAILS(quota_set(r.c, &r.admin, &none, &quota, &err), ERR_NOT_FOUND, "group_not_found");
    OK(quota_set(r.c, &r.admin, &alice, &quota, &err));
    FAILS(create(&r.alice, false, NULL, &err), ERR_DENIED, "quota_exceeded");
    OK(quota_clear(r.c, &r.admin, &alice, &err));
    OK(create(&r.alice, false, NULL, &err));
}

static void test_a_group_goes_with_its_quota_and_memberships(void **unused) {
    struct err err = {0};
    make_group("team", "alice");
    limit(true, "team", QUOTA_SESSIONS, 0);
    FAILS(create(&r.alice, false, NULL, &err), ERR_DENIED, "quota_exceeded");
    OK(group_delete(r.c, &r.admin, "team", &err));
    OK(create(&r.alice, false, NULL, &err));
    _cleanup_strv_ struct strv names = {0};
    OK(group_names_of(r.c, r.alice.user_id, &names, &err));
    assert_int_equal(names.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_state_holds_what_it_should, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_limit_that_was_in_the_way_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_homes_go_with_their_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits_have_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_group_goes_with_its_quota_and_memberships, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
