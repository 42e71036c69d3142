/* A random walk (seeded, so that it can be repeated): users, agents, the reconciler and time do whatever they
 * like, messages are lost, doubled and late — and after every step the rows hold their invariants. At the end
 * everything is asked to stop, and must come to an end.
 *
 * The agents here are honest models: a journal by (commandId, attempt), and a set of sessions that run.
 */
#include "rig.h"

#include <stdlib.h>

#define AGENTS 3
#define JOURNAL_MAX 4096
#define SESSIONS_MAX 2048
#define MAX_SESSIONS 8

struct entry {
    char command_id[COMMAND_ID_MAX + 1], session_id[SESSION_NAME_MAX + 1];
    bool start;
    int64_t attempt;
    enum { ACCEPTED, DONE, BROKEN, BROKEN_RETRY } state;
};

struct model {
    char id[16];
    bool connected;
    int64_t generation;
    struct entry journal[JOURNAL_MAX];
    size_t journal_count;
    char running[SESSIONS_MAX][SESSION_NAME_MAX + 1];
    size_t running_count;
    int started_after_stop;
};

static struct rig r;
static struct model agents[AGENTS];
static uint64_t seed;
static int64_t passed;

static unsigned dice(unsigned sides) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % sides;
}

/* --- the model of an agent --- */

static long find_running(const struct model *a, const char *name) {
    for (size_t i = 0; i < a->running_count; i++)
        if (str_eq(a->running[i], name))
            return (long)i;
    return -1;
}

static void set_running(struct model *a, const char *name, bool on) {
    long at = find_running(a, name);
    if (on && at < 0) {
        assert_true(a->running_count < SESSIONS_MAX);
        str_copy(a->running[a->running_count++], sizeof a->running[0], name);
    } else if (!on && at >= 0)
        memmove(a->running[at], a->running[--a->running_count], sizeof a->running[0]);
}

static struct entry *find_entry(struct model *a, const char *command_id, int64_t attempt) {
    for (size_t i = a->journal_count; i-- > 0;)
        if (a->journal[i].attempt == attempt && str_eq(a->journal[i].command_id, command_id))
            return &a->journal[i];
    return NULL;
}

/* Sends an answer; now and then it is lost, or said twice. `generation`: of the connection that it goes by.
 */
static void answer(struct model *a, const struct entry *entry, bool acknowledge) {
    struct err err = {0};
    if (!a->connected || dice(10) == 0)
        return;
    struct answer message = {.agent_id = a->id,
                             .generation = a->generation,
                             .command_id = entry->command_id,
                             .attempt = entry->attempt};
    if (dice(20) == 0)
        message.generation--; /* by the connection before this one */
    for (unsigned times = dice(8) == 0 ? 2 : 1; times > 0; times--) {
        if (acknowledge)
            OK(outcome_acknowledged(r.c, &message, NULL, &err));
        else if (entry->state == DONE)
            OK(outcome_completed(r.c, &message, NULL, NULL, &err));
        else
            OK(outcome_failed(r.c, &message, "the model says no", entry->state == BROKEN_RETRY, NULL, &err));
    }
}

/* A stop breaks off what is before it. */
static void overtake(struct model *a, const struct entry *stop) {
    for (struct entry *entry = a->journal; entry < stop; entry++)
        if (entry->state == ACCEPTED && str_eq(entry->session_id, stop->session_id)) {
            entry->state = BROKEN;
            answer(a, entry, false);
        }
}

static void execute(struct model *a, struct entry *entry) {
    if (!entry->start)
        overtake(a, entry);
    unsigned luck = dice(10);
    if (luck == 0)
        entry->state = BROKEN;
    else if (luck == 1)
        entry->state = BROKEN_RETRY;
    else
        entry->state = DONE;
    if (entry->start)
        set_running(a, entry->session_id,
                    entry->state == DONE || dice(2)); /* a failed start may leave something */
    else if (entry->state == DONE)
        set_running(a, entry->session_id, false);
}

static bool has_stopped(const struct model *a, const char *session_id) {
    for (size_t i = 0; i < a->journal_count; i++)
        if (!a->journal[i].start && a->journal[i].state == DONE &&
            str_eq(a->journal[i].session_id, session_id))
            return true;
    return false;
}

static void receive(struct model *a, const struct delivery *delivery) {
    struct entry *entry = find_entry(a, delivery->command_id, delivery->attempt);
    if (!entry) {
        assert_true(a->journal_count < JOURNAL_MAX);
        entry = &a->journal[a->journal_count++];
        *entry =
            (struct entry){.attempt = delivery->attempt, .start = str_eq(delivery->action, "start_session")};
        str_copy(entry->command_id, sizeof entry->command_id, delivery->command_id);
        str_copy(entry->session_id, sizeof entry->session_id, delivery->session_id);
        a->started_after_stop += entry->start && has_stopped(a, delivery->session_id);
    }
    if (entry->state == ACCEPTED)
        answer(a, entry, true);
    else
        answer(a, entry, false); /* its end is on record: repeated, not done again */
}

static void work(struct model *a) {
    for (size_t i = 0; i < a->journal_count; i++)
        if (a->journal[i].state == ACCEPTED && dice(2)) {
            execute(a, &a->journal[i]);
            answer(a, &a->journal[i], false);
        }
}

static void deliver(struct model *a) {
    struct deliveries deliveries = rig_take(&r, a->id, a->generation);
    for (size_t i = 0; i < deliveries.count; i++)
        if (a->connected && dice(10)) /* else lost on the way */
            receive(a, &deliveries.items[i]);
    deliveries_finish(&deliveries);
}

static void hello(struct model *a) {
    struct err err = {0};
    static struct inventory_entry inventory[SESSIONS_MAX];
    static struct inventory_command open[JOURNAL_MAX];
    static struct command_running running[JOURNAL_MAX];
    size_t count = 0, running_count = 0;
    a->generation = rig_connect(&r, a->id);
    a->connected = true;
    for (size_t i = 0; i < a->running_count; i++) {
        str_copy(inventory[i].session_id, sizeof inventory[i].session_id, a->running[i]);
        inventory[i].state = SESSION_RUNNING;
    }
    for (size_t i = 0; i < a->journal_count; i++) {
        str_copy(open[count].command_id, sizeof open[count].command_id, a->journal[i].command_id);
        open[count++].attempt = a->journal[i].attempt;
        if (a->journal[i].state != ACCEPTED)
            continue;
        str_copy(running[running_count].command_id, sizeof running[0].command_id, a->journal[i].command_id);
        running[running_count++].attempt = a->journal[i].attempt;
    }
    OK(reconcile_inventory(r.c, a->id, a->generation, inventory, a->running_count, open, count, NULL, &err));
    OK(command_resume(r.c, a->id, a->generation, running, running_count, NULL, &err));
}

/* --- the others --- */

static void create(void) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    struct session_new fields = {.template_name = "terminal"};
    if (session_create(r.c, &r.alice, &fields, &session, NULL, &err) < 0)
        assert_string_equal(err.code, "no_agent");
}

/* Stops a random live session; false when there is none. */
static bool stop_some(void) {
    struct err err = {0};
    _cleanup_session_page_ struct session_page page = {0};
    unsigned states = (1u << SESSION_PENDING) | (1u << SESSION_STARTING) | (1u << SESSION_RUNNING);
    OK(session_list(r.c, &(struct session_filter){.states = states, .limit = 200}, &page, &err));
    if (page.count == 0)
        return false;
    char id[COMMAND_ID_MAX + 1];
    OK(session_request_stop(r.c, &r.alice, page.items[dice((unsigned)page.count)].name, NULL, id, &err));
    return true;
}

static void die(struct model *a) {
    if (a->running_count == 0 || !a->connected)
        return;
    struct err err = {0};
    char name[SESSION_NAME_MAX + 1];
    str_copy(name, sizeof name, a->running[dice((unsigned)a->running_count)]);
    struct session_status status = {
        .session_id = name, .state = dice(2) ? "failed" : "terminated", .reason = "it died"};
    if (dice(2))
        set_running(a, name, false);
    OK(session_apply_status(r.c, a->id, a->generation, &status, NULL, &err));
}

static void let_pass(int64_t ms) {
    passed += ms;
    clock_test_shift(passed, (int64_t)dice(7200000) - 3600000);
}

static void walk_one(void) {
    struct err err = {0};
    struct model *a = &agents[dice(AGENTS)];
    switch (dice(14)) {
    case 0:
    case 1:
    case 2:
        create();
        break;
    case 3:
        stop_some();
        break;
    case 4:
    case 5:
    case 6:
        deliver(a);
        break;
    case 7:
    case 8:
    case 9:
        work(a);
        break;
    case 10:
        if (a->connected && dice(2)) {
            a->connected = false;
            if (dice(2)) /* else the server has not noticed when it comes back */
                OK(agent_disconnected(r.c, a->id, a->generation, &err));
        } else if (!a->connected)
            hello(a);
        break;
    case 11:
        let_pass(dice(12000));
        rig_tick(&r);
        break;
    case 12:
        die(a);
        break;
    case 13:
        if (dice(12) == 0) /* a long absence, or a server that stood still */
            let_pass(dice(400000));
        rig_tick(&r);
        break;
    }
}

/* What a tick mends is no violation before the tick: it comes first. Orphans may wait here: a stop of theirs
 * is as often lost or late as anything, while time passes by the minute. At the end there are none. */
static void check_now(void) {
    struct err err = {0};
    struct strv lines = {0};
    unsigned broken = 0;
    rig_tick(&r);
    OK(reconcile_check(r.c, &lines, &err));
    for (size_t i = 0; i < lines.count; i++) {
        if (str_ends(lines.items[i], "nobody wants them"))
            continue;
        print_error("broken: %s\n", lines.items[i]);
        broken++;
    }
    strv_finish(&lines);
    assert_int_equal(broken, 0);
    for (int i = 0; i < AGENTS; i++)
        assert_int_equal(agents[i].started_after_stop, 0);
}

/* Everything is asked to end, messages arrive from now on: and all ends. */
static void wind_down(void) {
    for (int i = 0; i < AGENTS; i++)
        hello(&agents[i]);
    while (stop_some())
        ;
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < AGENTS; i++) {
            deliver(&agents[i]);
            work(&agents[i]);
        }
        let_pass(5000);
        rig_tick(&r);
        if (round % 20 == 19)
            for (int i = 0; i < AGENTS; i++)
                hello(&agents[i]);
    }
    rig_check(&r);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM sessions WHERE state NOT IN ('terminated', 'failed')"), 0);
    assert_int_equal(
        query_number(r.c, "SELECT COUNT(*) FROM agent_commands WHERE status NOT IN ('completed', 'failed')"),
        0);
    for (int i = 0; i < AGENTS; i++)
        assert_int_equal(agents[i].running_count, 0);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM orphans"), 0);
}

static void walk(uint64_t with, int steps) {
    rig_open(&r);
    seed = with * 0x9e3779b97f4a7c15u + 1;
    passed = 0;
    memset(agents, 0, sizeof agents);
    for (int i = 0; i < AGENTS; i++) {
        snprintf(agents[i].id, sizeof agents[i].id, "agent-%d", i);
        rig_register(&r, agents[i].id, MAX_SESSIONS);
        hello(&agents[i]);
    }
    for (int i = 0; i < steps; i++) {
        walk_one();
        if (i % 10 == 0)
            check_now();
    }
    wind_down();
    rig_close(&r);
}

static void test_walks(void **unused) {
    const char *given = getenv("WALK_SEED");
    int64_t only = 0;
    int walks = 6, steps = 500;
    if (given && str_to_i64(given, 1, INT64_MAX, &only)) {
        walk((uint64_t)only, steps);
        return;
    }
    for (int i = 1; i <= walks; i++) {
        print_message("walk with seed %d (WALK_SEED=%d repeats it)\n", i, i);
        walk((uint64_t)i, steps);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
