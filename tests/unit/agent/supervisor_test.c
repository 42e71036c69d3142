/* The supervisor with the null runtime: order, parallelism, cancelling, duplicates, deadlines, ends, crashes.
 */
#include "agent/null/null.h"
#include "agent/supervisor.h"

#include "../test.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"

#include <dirent.h>
#include <fcntl.h>

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LIMIT_MS 20000

struct rig {
    char *dir, *journal_path, *log_path;
    struct loop *loop;
    struct journal *journal;
    struct runtime *runtime;
    struct supervisor *supervisor;
    bool connected;
    bool check_durable;
    json_t *sent; /* array of messages, in order */
};

static int record(void *arg, const struct proto_message *message) {
    struct rig *rig = arg;
    if (!rig->connected)
        return -1;
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    struct err err = {0};
    if (proto_encode(message, &text, &err) < 0)
        fail_msg("%s", err.message);
    if (rig->check_durable && message->type == PROTO_ACK) { /* what is acknowledged is on disk */
        _cleanup_free_ char *file = NULL;
        assert_int_equal(file_read(rig->journal_path, 1 << 24, &file, NULL, &err), 0);
        assert_non_null(strstr(file, message->ack.command_id));
    }
    json_array_append_new(rig->sent, json_loadb(text.data, text.length, 0, NULL));
    return 0;
}

static void open_rig(struct rig *rig) {
    struct err err = {0};
    assert_int_equal(loop_create(&rig->loop, &err), 0);
    struct supervisor_options options = {.loop = rig->loop, .send = record, .arg = rig};
    rig->supervisor = agent_supervisor_create(&options);
    struct runtime_options runtime = {
        .agent_id = "agent-1", .state_dir = rig->dir, .events = agent_supervisor_events(rig->supervisor)};
    if (runtime_null_create(&rig->runtime, &runtime, &err) < 0 ||
        journal_open(&rig->journal, rig->loop, rig->journal_path, &err) < 0 ||
        agent_supervisor_start(rig->supervisor, rig->runtime, rig->journal, &err) < 0)
        fail_msg("%s", err.message);
}

static void close_rig(struct rig *rig) {
    assert_true(agent_supervisor_close(rig->supervisor, LIMIT_MS));
    rig->runtime->ops->destroy(rig->runtime);
    agent_supervisor_destroy(rig->supervisor);
    journal_close(rig->journal);
    loop_destroy(rig->loop);
}

static void reopen_rig(struct rig *rig) {
    close_rig(rig);
    open_rig(rig);
}

static const char *const variables[] = {"STREAMSPACE_NULL_START_MS", "STREAMSPACE_NULL_STOP_MS",
                                        "STREAMSPACE_NULL_FAIL_EVERY", "STREAMSPACE_NULL_VOLATILE",
                                        "STREAMSPACE_NULL_USAGE"};

static int setup(void **state) {
    struct rig *rig = mem_zalloc(sizeof *rig);
    char dir[] = "/tmp/streamspace-supervisor-XXXXXX";
    assert_non_null(mkdtemp(dir));
    rig->dir = str_dup(dir);
    rig->journal_path = str_format("%s/journal", dir);
    rig->log_path = str_format("%s/log", dir);
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
        unsetenv(variables[i]);
    setenv("STREAMSPACE_NULL_LOG", rig->log_path, 1);
    rig->sent = json_array();
    rig->connected = true;
    open_rig(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;
    close_rig(rig);
    dir_remove(rig->dir, NULL);
    json_decref(rig->sent);
    free(rig->dir);
    free(rig->journal_path);
    free(rig->log_path);
    free(rig);
    return 0;
}

/* With other variables. */
static void set_and_reopen(struct rig *rig, const char *name, const char *value) {
    setenv(name, value, 1);
    reopen_rig(rig);
}

/* --- giving commands --- */

static json_t *start_payload(const char *session) {
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:[s]}, s:{s:s, s:s}}", "sessionId", session, "user", "ada",
                     "displayToken", TOKEN, "template", "name", "terminal", "command", "xterm", "resources",
                     "memory", "256Mi", "cpu", "100m");
}

static void give(struct rig *rig, const char *id, int attempt, const char *action, json_t *payload,
                 int deadline_seconds) {
    struct proto_command command = {
        .attempt = attempt, .deadline_seconds = deadline_seconds, .payload = payload};
    str_copy(command.command_id, sizeof command.command_id, id);
    str_copy(command.action, sizeof command.action, action);
    agent_supervisor_command(rig->supervisor, &command);
    json_decref(payload);
}

static void give_start(struct rig *rig, const char *id, const char *session) {
    give(rig, id, 1, "start_session", start_payload(session), 60);
}

static void give_simple(struct rig *rig, const char *id, const char *action, const char *session) {
    give(rig, id, 1, action, json_pack("{s:s}", "sessionId", session), 60);
}

/* --- looking at what was sent --- */

static const char *field(json_t *message, const char *name) {
    const char *text = json_string_value(json_object_get(json_object_get(message, "payload"), name));
    return text ? text : "";
}

static bool is_type(json_t *message, const char *type) {
    return str_eq(json_string_value(json_object_get(message, "type")), type);
}

/* Index of the `nth` (from 0) message of this type with field = value, or -1. */
static int find(struct rig *rig, const char *type, const char *name, const char *value, int nth) {
    size_t index;
    json_t *message;
    json_array_foreach (rig->sent, index, message)
        if (is_type(message, type) && str_eq(field(message, name), value) && nth-- == 0)
            return (int)index;
    return -1;
}

static int count(struct rig *rig, const char *type, const char *name, const char *value) {
    int n = 0;
    while (find(rig, type, name, value, n) >= 0)
        n++;
    return n;
}

static json_t *await_nth(struct rig *rig, const char *type, const char *name, const char *value, int nth) {
    int64_t limit = clock_ms() + LIMIT_MS;
    int at;
    while ((at = find(rig, type, name, value, nth)) < 0 && clock_ms() < limit)
        loop_step(rig->loop, 50);
    if (at < 0)
        fail_msg("no %s with %s = %s (%d)", type, name, value, nth);
    return json_array_get(rig->sent, (size_t)at);
}

static json_t *await(struct rig *rig, const char *type, const char *name, const char *value) {
    return await_nth(rig, type, name, value, 0);
}

static void await_idle(struct rig *rig) {
    int64_t limit = clock_ms() + LIMIT_MS;
    while (!agent_supervisor_idle(rig->supervisor) && clock_ms() < limit)
        loop_step(rig->loop, 50);
    assert_true(agent_supervisor_idle(rig->supervisor));
    for (int i = 0; i < 20; i++)
        loop_step(rig->loop, 1);
}

static bool retryable(json_t *failed) {
    return json_is_true(json_object_get(json_object_get(failed, "payload"), "retryable"));
}

/* What the runtime did, as lines. */
static char *deeds(struct rig *rig) {
    char *text = NULL;
    if (file_read(rig->log_path, 1 << 20, &text, NULL, NULL) < 0)
        text = str_dup("");
    return text;
}

static void assert_deeds(struct rig *rig, const char *wanted) {
    _cleanup_free_ char *text = deeds(rig);
    assert_string_equal(text, wanted);
}

static void hello(struct rig *rig, struct proto_message *message) {
    *message = (struct proto_message){.type = PROTO_HELLO};
    agent_supervisor_fill_hello(rig->supervisor, &message->hello);
}

static void welcome(struct rig *rig, const char *wanted) {
    struct proto_session session = {.state = "running"};
    struct proto_welcome welcome = {.heartbeat_seconds = 8};
    if (wanted) {
        str_copy(session.session_id, sizeof session.session_id, wanted);
        welcome.wanted = &session;
        welcome.wanted_count = 1;
    }
    agent_supervisor_welcomed(rig->supervisor, &welcome);
}

static const char *inventory_state(const struct proto_message *message, const char *session) {
    for (size_t i = 0; i < message->hello.inventory_count; i++)
        if (str_eq(message->hello.inventory[i].session_id, session))
            return message->hello.inventory[i].state;
    return "";
}

/* --- tests --- */

static void test_start_and_stop(void **state) {
    struct rig *rig = *state;
    rig->check_durable = true;
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    int ack = find(rig, "ack", "commandId", "cmd-00000001", 0);
    int stage = find(rig, "status", "state", "starting", 0);
    int running = find(rig, "status", "state", "running", 0);
    int complete = find(rig, "complete", "commandId", "cmd-00000001", 0);
    assert_true(ack >= 0 && stage > ack && running > stage && complete > ack);
    assert_string_equal(field(json_array_get(rig->sent, (size_t)stage), "reason"), "pretending");
    json_t *payload = json_object_get(json_array_get(rig->sent, (size_t)running), "payload");
    assert_true(json_is_true(json_object_get(payload, "vncReady")));
    assert_int_equal(agent_supervisor_active(rig->supervisor), 1);
    give_simple(rig, "cmd-00000002", "stop_session", "one");
    json_t *stopped = await(rig, "complete", "commandId", "cmd-00000002");
    json_t *result = json_object_get(json_object_get(stopped, "payload"), "result");
    assert_string_equal(json_string_value(json_object_get(result, "state")), "terminated");
    assert_int_equal(count(rig, "status", "state", "terminated"), 1);
    assert_int_equal(agent_supervisor_active(rig->supervisor), 0);
    assert_deeds(rig, "start one\nstop one\n");
}

static void test_duplicates_run_once(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "200");
    give_start(rig, "cmd-00000001", "one");
    give_start(rig, "cmd-00000001", "one"); /* not journalled yet */
    await(rig, "ack", "commandId", "cmd-00000001");
    give_start(rig, "cmd-00000001", "one"); /* under way */
    await_nth(rig, "ack", "commandId", "cmd-00000001", 1);
    await(rig, "complete", "commandId", "cmd-00000001");
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 1);
    give_start(rig, "cmd-00000001", "one"); /* done: answered from the journal */
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 2);
    reopen_rig(rig);
    give_start(rig, "cmd-00000001", "one"); /* by the next process too */
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 3);
    await_idle(rig);
    assert_deeds(rig, "start one\n");
}

static void test_order_in_a_session(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "100");
    give_start(rig, "cmd-00000001", "one");
    for (int i = 0; i < 10; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-0000001%d", i);
        give_simple(rig, id, i % 2 ? "wake_session" : "hibernate_session", "one");
    }
    await(rig, "complete", "commandId", "cmd-00000019");
    assert_deeds(rig, "start one\nfreeze one\nthaw one\nfreeze one\nthaw one\nfreeze one\nthaw one\n"
                      "freeze one\nthaw one\nfreeze one\nthaw one\n");
    int last = -1;
    for (int i = 0; i < 10; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-0000001%d", i);
        int at = find(rig, "complete", "commandId", id, 0);
        assert_true(at > last);
        last = at;
    }
}

static void give_update(struct rig *rig, const char *id, json_t *resources) {
    give(rig, id, 1, "update_session", json_pack("{s:s, s:o}", "sessionId", "one", "resources", resources),
         60);
}

static void test_update(void **state) {
    struct rig *rig = *state;
    give_update(rig, "cmd-00000001", json_pack("{s:s}", "cpu", "200m"));
    assert_non_null(strstr(field(await(rig, "failed", "commandId", "cmd-00000001"), "error"), "not running"));
    give_start(rig, "cmd-00000002", "one");
    give_update(rig, "cmd-00000003", json_pack("{s:s, s:s}", "cpu", "200m", "memory", "1Gi"));
    await(rig, "complete", "commandId", "cmd-00000003");
    static const char *const wrong[] = {"{}", "{\"cpu\":\"much\"}", "{\"memory\":\"-1\"}",
                                        "{\"disk\":\"1Gi\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-0000001%zu", i);
        give_update(rig, id, json_loads(wrong[i], 0, NULL));
        await(rig, "failed", "commandId", id);
    }
    give_simple(rig, "cmd-00000020", "hibernate_session", "one");
    give_update(rig, "cmd-00000021", json_pack("{s:s}", "cpu", "300m")); /* asleep */
    await(rig, "failed", "commandId", "cmd-00000021");
    assert_deeds(rig, "start one\nupdate one\nfreeze one\n");
}

static void test_sessions_side_by_side(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "400");
    int64_t began = clock_ms();
    char id[32], session[32];
    for (int i = 0; i < SUPERVISOR_THREADS; i++) {
        snprintf(id, sizeof id, "cmd-%08x", i);
        snprintf(session, sizeof session, "s-%d", i);
        give_start(rig, id, session);
    }
    for (int i = 0; i < SUPERVISOR_THREADS; i++) {
        snprintf(id, sizeof id, "cmd-%08x", i);
        await(rig, "complete", "commandId", id);
    }
    assert_in_range(clock_ms() - began, 400, 400 * SUPERVISOR_THREADS / 2);
    assert_int_equal(agent_supervisor_active(rig->supervisor), SUPERVISOR_THREADS);
}

static void test_many_commands_few_fsyncs(void **state) {
    struct rig *rig = *state;
    uint64_t before = journal_stats(rig->journal).syncs;
    for (int i = 0; i < 200; i++) {
        char id[32], session[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        snprintf(session, sizeof session, "s-%d", i);
        give_start(rig, id, session);
    }
    await_idle(rig);
    assert_int_equal(agent_supervisor_active(rig->supervisor), 200);
    assert_in_range(journal_stats(rig->journal).syncs - before, 1, 150);
    int64_t limit = clock_ms() + LIMIT_MS;
    while (find(rig, "complete", "commandId", "cmd-000000c7", 0) < 0 && clock_ms() < limit)
        loop_step(rig->loop, 10);
    int completed = 0;
    for (int i = 0; i < 200; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        completed += count(rig, "complete", "commandId", id);
    }
    assert_int_equal(completed, 200);
}

static void test_stop_cancels_a_start_under_way(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "30000");
    int64_t began = clock_ms();
    give_start(rig, "cmd-00000001", "one");
    await(rig, "status", "state", "starting");
    give_simple(rig, "cmd-00000002", "stop_session", "one");
    json_t *failed = await(rig, "failed", "commandId", "cmd-00000001");
    assert_string_equal(field(failed, "error"), "the start was cancelled");
    assert_false(retryable(failed)); /* nobody wants it any more */
    await(rig, "complete", "commandId", "cmd-00000002");
    assert_in_range(clock_ms() - began, 0, 5000);
    assert_deeds(rig, "");
    assert_int_equal(agent_supervisor_active(rig->supervisor), 0);
}

static void test_stop_ends_waiting_starts_unrun(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_STOP_MS", "300");
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    give_simple(rig, "cmd-00000002", "stop_session", "one"); /* takes a while */
    give_start(rig, "cmd-00000003", "one");                  /* waits */
    give_simple(rig, "cmd-00000004", "stop_session", "one"); /* overtakes it */
    json_t *failed = await(rig, "failed", "commandId", "cmd-00000003");
    assert_false(retryable(failed));
    await(rig, "complete", "commandId", "cmd-00000004");
    assert_deeds(rig, "start one\nstop one\n");
}

static void test_stop_of_nothing_completes(void **state) {
    struct rig *rig = *state;
    give_simple(rig, "cmd-00000001", "stop_session", "never-was");
    await(rig, "complete", "commandId", "cmd-00000001");
    assert_deeds(rig, "");
}

static void test_start_of_a_running_one_completes(void **state) {
    struct rig *rig = *state;
    give_start(rig, "cmd-00000001", "one");
    give_start(rig, "cmd-00000002", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    await(rig, "complete", "commandId", "cmd-00000002");
    assert_deeds(rig, "start one\n");
}

static void test_unfit_commands_fail_for_good(void **state) {
    struct rig *rig = *state;
    json_t *no_token = start_payload("one");
    json_object_del(no_token, "displayToken");
    json_t *bad_home = start_payload("two");
    json_object_set_new(bad_home, "persistentHome", json_true());
    json_object_set_new(bad_home, "home", json_string("../../etc"));
    give(rig, "cmd-00000001", 1, "dance_session", json_pack("{s:s}", "sessionId", "one"), 60);
    give(rig, "cmd-00000002", 1, "stop_session", json_pack("{s:s}", "sessionId", "../one"), 60);
    give(rig, "cmd-00000003", 1, "stop_session", json_object(), 60);
    give(rig, "cmd-00000004", 1, "start_session", no_token, 60);
    give(rig, "cmd-00000005", 1, "start_session", bad_home, 60);
    for (int i = 1; i <= 5; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-0000000%d", i);
        json_t *failed = await(rig, "failed", "commandId", id);
        assert_false(retryable(failed));
        assert_true(count(rig, "ack", "commandId", id) >= 1);
    }
    await_idle(rig);
    assert_deeds(rig, "");
    give(rig, "cmd-00000001", 1, "dance_session", json_pack("{s:s}", "sessionId", "one"), 60);
    assert_int_equal(count(rig, "failed", "commandId", "cmd-00000001"), 2); /* recorded as any outcome */
}

static void test_deadline(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "30000");
    int64_t began = clock_ms();
    give(rig, "cmd-00000001", 1, "start_session", start_payload("one"), 1);
    json_t *failed = await(rig, "failed", "commandId", "cmd-00000001");
    assert_true(retryable(failed));
    assert_in_range(clock_ms() - began, 900, 5000);
    assert_int_equal(agent_supervisor_active(rig->supervisor), 0);
}

static void test_deadline_over_before_it_runs(void **state) {
    struct rig *rig = *state;
    struct journal_command command = {.id = "cmd-00000001",
                                      .attempt = 1,
                                      .action = "start_session",
                                      .session_id = "one",
                                      .payload = "{}",
                                      .deadline_ms = clock_ms() - 1};
    journal_accept(rig->journal, &command, NULL, NULL);
    reopen_rig(rig);
    json_t *failed = await(rig, "failed", "commandId", "cmd-00000001");
    assert_false(retryable(failed));
    assert_deeds(rig, "");
}

static void test_attempts(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_FAIL_EVERY", "2");
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    give_start(rig, "cmd-00000002", "two");
    assert_true(retryable(await(rig, "failed", "commandId", "cmd-00000002")));
    give(rig, "cmd-00000002", 2, "start_session", start_payload("two"), 60);
    json_t *complete = await(rig, "complete", "commandId", "cmd-00000002");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(complete, "payload"), "attempt")), 2);
    give(rig, "cmd-00000002", 1, "start_session", start_payload("two"), 60); /* an old one, late */
    assert_int_equal(count(rig, "failed", "commandId", "cmd-00000002"), 2);
    await_idle(rig);
    assert_deeds(rig, "start one\nstart two\n");
}

static void test_continued_after_a_crash(void **state) {
    struct rig *rig = *state;
    json_t *payload = start_payload("one");
    _cleanup_free_ char *text = json_dumps(payload, 0);
    json_decref(payload);
    struct journal_command start = {
        .id = "cmd-00000001", .attempt = 1, .action = "start_session", .session_id = "one", .payload = text};
    struct journal_command doze = {.id = "cmd-00000002",
                                   .attempt = 1,
                                   .action = "hibernate_session",
                                   .session_id = "one",
                                   .payload = "{\"sessionId\":\"one\"}"};
    journal_accept(rig->journal, &start, NULL, NULL);
    journal_accept(rig->journal, &doze, NULL, NULL);
    close_rig(rig);
    /* and the start had been half way: it is begun anew */
    _cleanup_free_ char *half = str_format("%s/null/one", rig->dir);
    assert_int_equal(file_write_atomic(half, "starting", 8, 0600, NULL), 0);
    open_rig(rig);
    await(rig, "complete", "commandId", "cmd-00000002");
    assert_deeds(rig, "start one\nfreeze one\n");
    assert_int_equal(find(rig, "status", "state", "failed", 0), -1);
    struct proto_message message;
    hello(rig, &message);
    assert_string_equal(inventory_state(&message, "one"), "hibernated");
    proto_message_finish(&message);
    assert_int_equal(agent_supervisor_active(rig->supervisor), 0);
}

static void test_adoption(void **state) {
    struct rig *rig = *state;
    give_start(rig, "cmd-00000001", "one");
    give_start(rig, "cmd-00000002", "two");
    await(rig, "complete", "commandId", "cmd-00000001");
    await(rig, "complete", "commandId", "cmd-00000002");
    give_simple(rig, "cmd-00000003", "hibernate_session", "two");
    await(rig, "complete", "commandId", "cmd-00000003");
    close_rig(rig);
    _cleanup_free_ char *gone = str_format("%s/null/three", rig->dir);
    assert_int_equal(file_write_atomic(gone, "gone", 4, 0600, NULL), 0);
    open_rig(rig);
    struct proto_message message;
    hello(rig, &message);
    assert_string_equal(inventory_state(&message, "one"), "running");
    assert_string_equal(inventory_state(&message, "two"), "hibernated");
    assert_string_equal(inventory_state(&message, "three"), "failed");
    assert_int_equal(message.hello.inventory_count, 3);
    proto_message_finish(&message);
    await_idle(rig);
    assert_int_equal(count(rig, "status", "state", "failed"), 1);
    assert_false(path_exists(gone)); /* what it left is cleaned up without being asked */
}

static void test_end_by_itself(void **state) {
    struct rig *rig = *state;
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    rig->connected = false; /* nobody hears it */
    runtime_null_end(rig->runtime, "one", false, "the application ended");
    await_idle(rig);
    int64_t limit = clock_ms() + LIMIT_MS;
    while (agent_supervisor_active(rig->supervisor) && clock_ms() < limit)
        loop_step(rig->loop, 10);
    await_idle(rig);
    assert_deeds(rig, "start one\nstop one\n");
    assert_int_equal(count(rig, "status", "state", "terminated"), 0);
    rig->connected = true;
    for (int round = 0; round < 2; round++) { /* by the next process too */
        struct proto_message message;
        hello(rig, &message);
        assert_string_equal(inventory_state(&message, "one"), "terminated");
        proto_message_finish(&message);
        welcome(rig, "one");
        assert_int_equal(count(rig, "status", "state", "terminated"), round + 1);
        json_t *status = await_nth(rig, "status", "state", "terminated", round);
        assert_string_equal(field(status, "reason"), "the application ended");
        reopen_rig(rig);
    }
    welcome(rig, NULL); /* the control plane does not want it any more: it knows */
    struct proto_message message;
    hello(rig, &message);
    assert_int_equal(message.hello.inventory_count, 0);
    proto_message_finish(&message);
    reopen_rig(rig);
    hello(rig, &message);
    assert_int_equal(message.hello.inventory_count, 0);
    proto_message_finish(&message);
}

static void test_ends_are_forgotten_when_told(void **state) {
    struct rig *rig = *state;
    struct proto_message message;
    give_start(rig, "cmd-00000001", "one");
    give_start(rig, "cmd-00000002", "two");
    await(rig, "complete", "commandId", "cmd-00000001");
    await(rig, "complete", "commandId", "cmd-00000002");
    runtime_null_end(rig->runtime, "one", false, "ended");
    await(rig, "status", "state", "terminated");
    agent_supervisor_disconnected(rig->supervisor, clock_ms() + 1000); /* it may not have arrived */
    hello(rig, &message);
    assert_string_equal(inventory_state(&message, "one"), "terminated");
    proto_message_finish(&message);
    welcome(rig, "one");
    assert_int_equal(count(rig, "status", "state", "terminated"), 2);
    agent_supervisor_disconnected(rig->supervisor, clock_ms() + SUPERVISOR_SETTLE_MS + 1);
    hello(rig, &message);
    assert_string_equal(inventory_state(&message, "one"), "");
    proto_message_finish(&message);
    /* And on a connection that never ends, after a while. */
    runtime_null_end(rig->runtime, "two", true, "ended");
    await(rig, "status", "state", "failed");
    await_idle(rig);
    clock_test_shift(SUPERVISOR_SETTLE_MS + 2 * SUPERVISOR_TICK_MS, 0);
    await_idle(rig);
    hello(rig, &message);
    clock_test_shift(0, 0);
    assert_int_equal(message.hello.inventory_count, 0);
    proto_message_finish(&message);
}

static void test_started_again_after_its_end(void **state) {
    struct rig *rig = *state;
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    runtime_null_end(rig->runtime, "one", true, "killed for memory");
    await(rig, "status", "state", "failed");
    give_start(rig, "cmd-00000002", "one");
    await(rig, "complete", "commandId", "cmd-00000002");
    await_idle(rig);
    assert_deeds(rig, "start one\nstop one\nstart one\n");
    reopen_rig(rig);
    struct proto_message message;
    hello(rig, &message);
    assert_string_equal(inventory_state(&message, "one"), "running");
    proto_message_finish(&message);
}

static void test_outcomes_survive_a_lost_connection(void **state) {
    struct rig *rig = *state;
    rig->connected = false;
    give_start(rig, "cmd-00000001", "one");
    await_idle(rig);
    struct proto_message message;
    hello(rig, &message);
    assert_int_equal(message.hello.open_command_count, 1);
    assert_string_equal(message.hello.open_commands[0].state, "completed");
    proto_message_finish(&message);
    rig->connected = true;
    welcome(rig, "one");
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 1);
    /* It may have been lost with this connection, so it is told again … */
    agent_supervisor_disconnected(rig->supervisor, clock_ms() + 1000);
    welcome(rig, "one");
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 2);
    /* … until a connection has lived on long enough. */
    agent_supervisor_disconnected(rig->supervisor, clock_ms() + SUPERVISOR_SETTLE_MS + 1);
    welcome(rig, "one");
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 2);
    hello(rig, &message);
    assert_int_equal(message.hello.open_command_count, 0);
    proto_message_finish(&message);
    reopen_rig(rig); /* a new process cannot know */
    welcome(rig, "one");
    assert_int_equal(count(rig, "complete", "commandId", "cmd-00000001"), 3);
}

static void set_true(void *arg) {
    *(bool *)arg = true;
}

static void test_stop_all(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_START_MS", "200");
    for (int i = 0; i < 30; i++) { /* some running, some starting, some waiting for a thread */
        char id[32], session[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        snprintf(session, sizeof session, "s-%d", i);
        give_start(rig, id, session);
        if (i == 5)
            await(rig, "complete", "commandId", "cmd-00000005");
    }
    await(rig, "ack", "commandId", "cmd-0000001d");
    bool done = false;
    agent_supervisor_stop_all(rig->supervisor, set_true, &done);
    give_start(rig, "cmd-000000ff", "late"); /* not taken */
    int64_t limit = clock_ms() + LIMIT_MS;
    while (!done && clock_ms() < limit)
        loop_step(rig->loop, 50);
    assert_true(done);
    assert_int_equal(count(rig, "ack", "commandId", "cmd-000000ff"), 0);
    _cleanup_free_ char *path = str_format("%s/null", rig->dir);
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            fail_msg("%s is left", entry->d_name);
    for (int i = 0; i < 30; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        assert_true(count(rig, "complete", "commandId", id) + count(rig, "failed", "commandId", id) == 1);
    }
}

static void test_full_disk(void **state) {
    struct rig *rig = *state;
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    /* The journal's descriptor is replaced by one on which every write fails. */
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    _cleanup_closedir_ DIR *fds = opendir("/proc/self/fd");
    struct dirent *entry;
    int replaced = 0;
    while ((entry = readdir(fds))) {
        char target[512], path[300];
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length <= 0)
            continue;
        target[length] = '\0';
        if (str_eq(target, rig->journal_path))
            replaced += dup3(full, (int)strtol(entry->d_name, NULL, 10), O_CLOEXEC) >= 0;
    }
    close(full);
    assert_int_equal(replaced, 1);
    give_start(rig, "cmd-00000002", "two");
    json_t *failed = await(rig, "failed", "commandId", "cmd-00000002");
    assert_true(retryable(failed));
    assert_int_equal(count(rig, "ack", "commandId", "cmd-00000002"), 0); /* never promised */
    give_simple(rig, "cmd-00000003", "stop_session",
                "one"); /* a rewrite has helped, or it runs all the same */
    await(rig, "complete", "commandId", "cmd-00000003");
    assert_deeds(rig, "start one\nstop one\n");
}

static void test_usage(void **state) {
    struct rig *rig = *state;
    set_and_reopen(rig, "STREAMSPACE_NULL_USAGE", "1");
    give_start(rig, "cmd-00000001", "one");
    await(rig, "complete", "commandId", "cmd-00000001");
    json_t *status = NULL;
    for (int i = 1; i <= 2; i++) {
        clock_test_shift(i * SUPERVISOR_TICK_MS, 0);
        status = await_nth(rig, "status", "state", "running", i);
    }
    clock_test_shift(0, 0);
    json_t *usage = json_object_get(json_object_get(status, "payload"), "usage");
    assert_string_equal(json_string_value(json_object_get(usage, "memory")), "16Mi");
    int64_t cpu = 0; /* a tenth of a core, give or take the time between two looks at the clock */
    assert_true(cpu_parse(json_string_value(json_object_get(usage, "cpu")), &cpu));
    assert_in_range(cpu, 95, 105);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_start_and_stop),
        TEST(test_duplicates_run_once),
        TEST(test_order_in_a_session),
        TEST(test_update),
        TEST(test_sessions_side_by_side),
        TEST(test_many_commands_few_fsyncs),
        TEST(test_stop_cancels_a_start_under_way),
        TEST(test_stop_ends_waiting_starts_unrun),
        TEST(test_stop_of_nothing_completes),
        TEST(test_start_of_a_running_one_completes),
        TEST(test_unfit_commands_fail_for_good),
        TEST(test_deadline),
        TEST(test_deadline_over_before_it_runs),
        TEST(test_attempts),
        TEST(test_continued_after_a_crash),
        TEST(test_adoption),
        TEST(test_end_by_itself),
        TEST(test_ends_are_forgotten_when_told),
        TEST(test_started_again_after_its_end),
        TEST(test_outcomes_survive_a_lost_connection),
        TEST(test_stop_all),
        TEST(test_full_disk),
        TEST(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
