/* What the local runtime keeps on disk: user ids, records; and its table of sessions. */
#include "../../test.h"

#include "agent/local/ids.h"
#include "agent/local/record.h"
#include "agent/local/session.h"
#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/ss-local-state-XXXXXX";

static int setup(void **state) {
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state) {
    return dir_remove(directory, NULL);
}

static char *make_state(const char *name) {
    char *path = str_format("%s/%s", directory, name);
    _cleanup_free_ char *sessions = str_format("%s/sessions", path);
    assert_int_equal(dir_make(sessions, 0700, NULL), 0);
    return path;
}

static uid_t id_of(struct ids *ids, const char *user) {
    uid_t uid = 0;
    assert_int_equal(ids_of_user(ids, user, &uid, NULL), 0);
    return uid;
}

static void users_have_ids_of_their_own(void **state) {
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *registry = str_format("%s/ids", directory);
    _cleanup_free_ char *first = make_state("first");
    _cleanup_free_ char *second = make_state("second");
    struct ids *one, *two;
    assert_int_equal(ids_open(&one, "agent-one", first, registry, NULL), 0);
    assert_int_equal(ids_open(&two, "agent-two", second, registry, NULL), 0);
    assert_true(ids_are_separate(one));
    uid_t alice = id_of(one, "alice");
    uid_t bob = id_of(one, "bob");
    uid_t other = id_of(two, "alice");
    assert_int_equal(alice, IDS_FIRST);
    assert_int_equal(bob, alice + 1);
    assert_int_equal(other, alice + IDS_PER_AGENT);
    assert_int_equal(id_of(one, "alice"), alice);
    struct err err = {0};
    uid_t uid;
    assert_int_equal(ids_of_user(one, "no/name", &uid, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    ids_close(one);
    /* They are kept. */
    assert_int_equal(ids_open(&one, "agent-one", first, registry, NULL), 0);
    assert_int_equal(id_of(one, "bob"), bob);
    assert_int_equal(id_of(one, "carol"), bob + 1);
    ids_close(one);
    ids_close(two);
}

static void ranges_of_agents_that_are_gone_are_used_again(void **state) {
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *registry = str_format("%s/ids-again", directory);
    _cleanup_free_ char *gone = make_state("gone");
    _cleanup_free_ char *stays = make_state("stays");
    _cleanup_free_ char *next = make_state("next");
    struct ids *ids;
    assert_int_equal(ids_open(&ids, "gone", gone, registry, NULL), 0);
    ids_close(ids);
    assert_int_equal(ids_open(&ids, "stays", stays, registry, NULL), 0);
    assert_int_equal(id_of(ids, "a"), IDS_FIRST + IDS_PER_AGENT);
    ids_close(ids);
    assert_int_equal(dir_remove(gone, NULL), 0);
    assert_int_equal(ids_open(&ids, "next", next, registry, NULL), 0);
    assert_int_equal(id_of(ids, "a"), IDS_FIRST);
    ids_close(ids);
    /* The same agent with another state directory is another owner of files. */
    _cleanup_free_ char *moved = make_state("moved");
    assert_int_equal(ids_open(&ids, "stays", moved, registry, NULL), 0);
    assert_int_equal(id_of(ids, "a"), IDS_FIRST + 2 * IDS_PER_AGENT);
    ids_close(ids);
}

static void a_damaged_registry_is_refused(void **state) {
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *registry = str_format("%s/ids-damaged", directory);
    _cleanup_free_ char *path = str_format("%s/registry", registry);
    _cleanup_free_ char *mine = make_state("damaged");
    assert_int_equal(dir_make(registry, 0700, NULL), 0);
    assert_int_equal(file_write_atomic(path, "5 a /\n", 6, 0600, NULL), 0);
    struct ids *ids;
    struct err err = {0};
    assert_int_equal(ids_open(&ids, "agent", mine, registry, &err), -1);
    assert_non_null(strstr(err.message, "damaged"));
}

static void one_agent_of_an_id_at_a_time(void **state) {
    if (geteuid() != 0)
        skip();
    _cleanup_free_ char *registry = str_format("%s/ids-lock", directory);
    _cleanup_free_ char *mine = make_state("lock");
    struct ids *ids;
    assert_int_equal(ids_open(&ids, "agent", mine, registry, NULL), 0);
    pid_t child = fork(); /* the lock is a process's */
    if (child == 0) {
        struct err err = {0};
        struct ids *second;
        _exit(ids_open(&second, "agent", mine, registry, &err) == -1 && err.kind == ERR_CONFLICT ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ids_close(ids);
}

static void records_come_back(void **state) {
    _cleanup_free_ char *place = make_state("records");
    struct record out = {.running = true,
                         .uid = IDS_FIRST + 7,
                         .outer = {123, 456},
                         .display = {124, 99999999999},
                         .outbound = true,
                         .limits = {1 << 30, 100, 500}};
    str_copy(out.session, sizeof out.session, "alice-terminal-00112233");
    str_copy(out.boot, sizeof out.boot, "boot");
    str_copy(out.token, sizeof out.token, "secret");
    str_copy(out.home, sizeof out.home, "home-alice");
    out.groups.dirs[CGROUP_PIDS] = str_dup("/sys/fs/cgroup/pids/streamspace-x/alice-terminal-00112233");
    out.groups.dirs[CGROUP_UNIFIED] = str_dup("/sys/fs/cgroup/unified/streamspace-x/alice-terminal-00112233");
    out.groups.v2[CGROUP_UNIFIED] = true;
    assert_int_equal(record_write(&out, place, NULL), 0);
    _cleanup_free_ char *path = str_format("%s/sessions/alice-terminal-00112233.json", place);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    _cleanup_record_ struct record in;
    assert_int_equal(record_read(&in, place, "alice-terminal-00112233", NULL), 0);
    assert_string_equal(in.session, out.session);
    assert_string_equal(in.token, "secret");
    assert_string_equal(in.home, "home-alice");
    assert_true(in.running && in.outbound);
    assert_int_equal(in.uid, out.uid);
    assert_int_equal(in.display.pid, 124);
    assert_true(in.display.start == 99999999999);
    assert_int_equal(in.network.pid, 0);
    assert_int_equal(in.limits.cpu_millis, 500);
    assert_string_equal(in.groups.dirs[CGROUP_UNIFIED], out.groups.dirs[CGROUP_UNIFIED]);
    assert_true(in.groups.v2[CGROUP_UNIFIED]);
    assert_null(in.groups.dirs[CGROUP_MEMORY]);
    record_finish(&out);
    _cleanup_strv_ struct strv names = {0};
    assert_int_equal(record_list(place, &names, NULL), 0);
    assert_int_equal(names.count, 1);
    /* The agent was killed while it wrote the first record of a session, and the second of another. */
    _cleanup_free_ char *first = str_format("%s/sessions/begun.json.new", place);
    _cleanup_free_ char *second = str_format("%s.new", path);
    assert_int_equal(file_write_atomic(first, "{", 1, 0600, NULL), 0);
    assert_int_equal(file_write_atomic(second, "{", 1, 0600, NULL), 0);
    _cleanup_strv_ struct strv begun = {0};
    assert_int_equal(record_list(place, &begun, NULL), 0);
    assert_int_equal(begun.count, 2);
    assert_true(strv_contains(&begun, "begun"));
    assert_int_equal(record_remove(place, "begun", NULL), 0);
    assert_int_not_equal(access(first, F_OK), 0);
    assert_int_equal(record_remove(place, "alice-terminal-00112233", NULL), 0);
    assert_int_not_equal(access(second, F_OK), 0);
    assert_int_equal(record_remove(place, "alice-terminal-00112233", NULL), 0);
    struct err err = {0};
    struct record none;
    assert_int_equal(record_read(&none, place, "alice-terminal-00112233", &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void damaged_records_are_of_use_by_their_name(void **state) {
    _cleanup_free_ char *place = make_state("damaged-records");
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "{\"uid\":\"x\",\"home\":\"../../etc\",\"groups\":7}",
                                        "{\"groups\":{\"memory\":{\"dir\":\"/sys/fs/cgroup/memory\"}}}",
                                        "{\"display\":{\"pid\":-1,\"start\":1}}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_free_ char *path = str_format("%s/sessions/s%zu.json", place, i);
        _cleanup_free_ char *name = str_format("s%zu", i);
        assert_int_equal(file_write_atomic(path, texts[i], strlen(texts[i]), 0600, NULL), 0);
        _cleanup_record_ struct record record;
        assert_int_equal(record_read(&record, place, name, NULL), 0);
        assert_string_equal(record.session, name);
        assert_string_equal(record.home, "");
        assert_false(record.running);
        assert_int_equal(record.display.pid, 0);
        assert_true(
            cgroup_is_empty(&record.groups)); /* a directory that is not the session's is not believed */
    }
}

static void names_of_homes(void **state) {
    assert_true(home_name_is_valid("home-alice"));
    assert_true(home_name_is_valid("home-a.b_c"));
    static const char *const bad[] = {"", ".", "..", ".ssh", "-x", "_x", "a/b", "A", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(home_name_is_valid(bad[i]));
}

static void one_writer_per_home(void **state) {
    struct session_table table;
    session_table_init(&table);
    struct err err = {0};
    struct session *first = session_add(&table, "first", "home-alice", &err);
    assert_non_null(first);
    assert_null(session_add(&table, "first", "", &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_null(session_add(&table, "second", "home-alice", &err));
    assert_non_null(strstr(err.message, "session first"));
    struct session *other = session_add(&table, "other", "home-bob", NULL);
    struct session *none = session_add(&table, "none", "", NULL);
    assert_true(other && none && other->serial != none->serial);
    session_state_set(&table, first, SESSION_ENDED);
    struct session *second = session_add(&table, "second", "home-alice", NULL);
    assert_non_null(second);
    struct session **all;
    assert_int_equal(session_all(&table, &all), 4);
    for (size_t i = 0; i < 4; i++)
        session_unref(&table, all[i]);
    free(all);
    session_drop(&table, first);
    session_drop(&table, first); /* twice is once */
    assert_null(session_find(&table, "first"));
    assert_string_equal(first->record.home, "home-alice"); /* our reference still holds it */
    session_unref(&table, first);
    session_unref(&table, other);
    session_unref(&table, none);
    session_unref(&table, second);
    session_table_finish(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_have_ids_of_their_own),
        cmocka_unit_test(ranges_of_agents_that_are_gone_are_used_again),
        cmocka_unit_test(a_damaged_registry_is_refused),
        cmocka_unit_test(one_agent_of_an_id_at_a_time),
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(damaged_records_are_of_use_by_their_name),
        cmocka_unit_test(names_of_homes),
        cmocka_unit_test(one_writer_per_home),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
